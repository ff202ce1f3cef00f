"""Copies the docstrings of compiled classes and functions into their stubs, so that an editor can show them.

    python tools/stub_docstrings.py            writes src/buddycap/_*.pyi
    python tools/stub_docstrings.py --check    prints the stubs that differ, and ends with 1

Signatures are written by hand and docstrings are copied: to solve a conflict in a stub, keep the signatures and run
this. Needs ruff. tests/facade/test_stub.py says when it is wanted.
"""

import argparse
import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STUBS = sorted((Path(__file__).resolve().parent.parent / "src" / "buddycap").glob("_*.pyi"))
SIGNATURE = re.compile(r"\A[\w.]+\([^\n]*\)(?: -> [^\n]+)?(?:\n+|\Z)")
ATTRIBUTES = re.compile(r"^Attributes\n-+\n(.*?)(?=^\w[^\n]*\n-+$|\Z)", re.M | re.S)
Documented = ast.ClassDef | ast.FunctionDef


def text_of(thing: Any) -> str:
    """Return the docstring of a compiled thing, without the signature that Cython puts before it."""
    return SIGNATURE.sub("", inspect.cleandoc(thing.__doc__ or "")).strip()


def attribute_texts(docstring: str) -> dict[str, str]:
    """Return what a class's docstring says under Attributes, by name.

    Examples
    --------
    >>> attribute_texts("A zone.\\n\\nAttributes\\n----------\\nspan, base : int\\n    Pages.\\n")
    {'span': 'Pages.', 'base': 'Pages.'}
    """
    section = ATTRIBUTES.search(docstring)
    texts = {}
    for entry in re.split(r"^(?=\S)", section[1] if section else "", flags=re.M):
        heading, _, text = entry.partition("\n")
        for name in heading.partition(" : ")[0].split(", "):
            texts[name.strip()] = inspect.cleandoc(text).strip()
    return texts


def wanted(tree: ast.Module, module: Any) -> Iterator[tuple[Documented, str]]:
    """Yield each definition of a stub that its module documents, and the text."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, text_of(getattr(module, node.name))
        elif isinstance(node, ast.ClassDef):
            cls = getattr(module, node.name)
            yield node, text_of(cls)
            attributes = attribute_texts(text_of(cls))
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not is_special(member):
                    yield member, text_of(getattr(cls, member.name)) or attributes.get(member.name, "")


def is_special(node: ast.FunctionDef) -> bool:
    """Return whether a method is the language's own, or what `@name.setter` stands before."""
    return node.name.startswith("__") or any(isinstance(name, ast.Attribute) for name in node.decorator_list)


def without_docstrings(source: str) -> str:
    """Return the text of a stub with signatures alone."""
    lines = source.splitlines()
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Documented)]
    for node in sorted(nodes, key=lambda node: -node.lineno):
        if ast.get_docstring(node) is not None:
            first = node.body[0]
            end = first.end_lineno or first.lineno
            if len(node.body) == 1:
                lines[first.lineno - 2] += " ..."
            elif not lines[end]:
                end += 1
            del lines[first.lineno - 1 : end]
    return "\n".join(lines) + "\n"


def with_docstrings(source: str, module: Any) -> str:
    """Return the text of a stub with the docstrings of its module, whatever docstrings it had."""
    source = without_docstrings(source)
    lines = source.splitlines()
    for node, text in sorted(wanted(ast.parse(source), module), key=lambda pair: -pair[0].lineno):
        if text:
            inline = isinstance(node.body[0], ast.Expr)
            place = node.body[0].lineno if inline else node.lineno  # after that line
            if inline:
                lines[place - 1] = lines[place - 1].removesuffix(" ...")
            lines[place:place] = [*quoted(text, " " * (node.col_offset + 4)), *([] if inline else [""])]
    return "\n".join(lines) + "\n"


def quoted(text: str, indent: str) -> list[str]:
    """Return the lines of a docstring."""
    start = 'r"""' if "\\" in text else '"""'
    gap = "\n" if len(indent + start + text.partition("\n")[0]) > 120 else ""
    lines = [indent + line if line else "" for line in (start + gap + text).split("\n")]
    return [lines[0] + '"""'] if len(lines) == 1 else [*lines, indent + '"""']


def missing(source: str, module: Any) -> list[str]:
    """Return the names in a stub whose docstrings are not those of the module."""
    return [node.name for node, text in wanted(ast.parse(source), module) if (ast.get_docstring(node) or "") != text]


def main() -> None:
    """Write the stubs, or say which differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check, differ = parser.parse_args().check, False
    for path in STUBS:
        module = importlib.import_module(f"buddycap.{path.stem}")
        if names := missing(path.read_text(), module):
            differ = True
            print(f"{path}: {', '.join(names)}")
            if not check:
                path.write_text(with_docstrings(path.read_text(), module))
    if differ and not check:
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *map(str, STUBS)], check=True)
    sys.exit(int(check and differ))


if __name__ == "__main__":
    main()

"""Is what the documentation says true? Every example of README, docs and docstrings is run."""

import contextlib
import doctest
import importlib
import inspect
import io
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import types

import numpy as np
import pytest

import buddycap
from buddycap import _core
from sourcelint import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
COMPILED_MODULES = ("buddycap._core", "buddycap._trace", "buddycap._world")
MODULES = [
    name
    for name in ("buddycap", *(module.name for module in pkgutil.walk_packages(buddycap.__path__, "buddycap.")))
    if name not in (*COMPILED_MODULES, "buddycap.__main__")
]
NAMES = {name: getattr(buddycap, name) for name in buddycap.__all__} | {"np": np, "buddycap": buddycap}


def blocks(page, language):
    """The code blocks of a language on a page: text and line."""
    text = page.read_text()
    return [(m[2], text.count("\n", 0, m.start(2)) + 1) for m in BLOCK.finditer(text) if m[1] == language]


def pages(language):
    """The pages with code of a language, one parameter each."""
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if blocks(page, language)]


def run_doctest(test, names=None):
    """Run a doctest and fail with its report; `names` receives what it defines."""
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, out=report.write, clear_globs=False)
    assert runner.failures == 0, report.getvalue()
    if names is not None:
        names.update(test.globs)


@pytest.mark.parametrize("page", pages("python"))
def test_python(page, tmp_path, monkeypatch):
    """The blocks of a page are one session: compared with what it shows; a block without prompts must run."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": page.stem}
    for text, line in blocks(page, "python"):
        if ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), line - 1)
            run_doctest(test, names)
        else:
            exec(compile(text, f"{page}:{line}", "exec"), names)


@pytest.mark.parametrize("page", pages("console"))
def test_console(page, tmp_path):
    """Commands `$ buddycap ...` end well, and print the lines that follow them; `...` stands for any."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    parts = [part for text, _ in blocks(page, "console") for part in re.split(r"^\$ ", text, flags=re.M)[1:]]
    for part in parts:
        command, _, shown = part.partition("\n")
        if not command.startswith("buddycap "):
            continue
        argv = [sys.executable, "-m", *shlex.split(command, comments=True)]
        result = subprocess.run(
            argv, cwd=tmp_path, env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, timeout=300
        )
        assert result.returncode == 0, result.stdout + result.stderr
        if shown.strip():
            assert doctest.OutputChecker().check_output(shown, result.stdout, OPTIONS), result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("name", MODULES)
def test_module_doctests(name):
    """The docstrings of a module of the package."""
    module = importlib.import_module(name)
    with contextlib.redirect_stderr(io.StringIO()):
        for test in doctest.DocTestFinder(exclude_empty=True).find(module):
            test.globs.update({key: value for key, value in NAMES.items() if key not in test.globs})
            run_doctest(test)


def compiled_docstrings():
    """Name and docstring of the compiled classes, functions and their members: doctest does not look for these."""
    for module in map(importlib.import_module, COMPILED_MODULES):
        for name, thing in sorted(vars(module).items()):
            if isinstance(thing, types.ModuleType) or getattr(thing, "__module__", None) != module.__name__:
                continue
            yield name, thing.__doc__ or ""
            if inspect.isclass(thing):
                yield from ((f"{name}.{member}", value.__doc__ or "") for member, value in sorted(vars(thing).items()))


COMPILED = dict(compiled_docstrings())


def test_compiled_classes_are_documented():
    """By their own docstring, or under Attributes in that of their class."""
    classes = (buddycap.Zone, buddycap.CaptureList, _core.AllocRequest, _core.Kswapd, _core.Step, _core.Consultation)
    public = [
        (cls, name)
        for cls in classes
        for name, value in vars(cls).items()
        if not name.startswith("_")
        and name not in ("machine", "zone")
        and (callable(value) or inspect.isgetsetdescriptor(value))
    ]
    assert len(public) > 60
    assert [
        f"{cls.__name__}.{name}"
        for cls, name in public
        if not COMPILED[f"{cls.__name__}.{name}"] and not re.search(rf"\b{name}\b", cls.__doc__)
    ] == []


@pytest.mark.parametrize("name", [name for name, doc in COMPILED.items() if ">>>" in doc])
def test_compiled_doctests(name):
    globs = NAMES | {key: value for key, value in vars(_core).items() if not key.startswith("__")}
    run_doctest(doctest.DocTestParser().get_doctest(COMPILED[name], globs, name, None, None))


def test_the_compiled_examples_are_found():
    assert {"Zone", "Zone.run", "Zone.alloc_many", "CaptureList.capture_alloc_or_return"} <= {
        name for name, doc in COMPILED.items() if ">>>" in doc
    }


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_rules_can_fail():
    with pytest.raises(AssertionError):
        run_doctest(doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None))
    assert LINK.findall("[a](b.md#c) [d](https://e) [f](#g)") == ["b.md"]
    assert [match[1] for match in BLOCK.finditer("```python\n1\n```\n```console\n$ x\n```\n")] == ["python", "console"]

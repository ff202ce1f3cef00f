"""Does docs/design.md name every file of the source, where it says what the file's folder is for?"""

import re
from pathlib import Path

from sourcelint import ROOT

PACKAGE = ROOT / "src" / "buddycap"
SUFFIXES = {".py", ".pyx", ".pxi", ".pxd", ".h", ".html"}
SAME_FILES = {"core/linux_6_12": "core/linux_6_1"}  # the page says of one room that it has the files of the other


def named(text):
    """The words that a page says of each folder in its listing; those of the package itself stand under ''."""
    words, folder = {"": set()}, ""
    for line in re.findall(r"^    (.*)$", text, re.M):
        if not line.startswith(" "):
            heads = line.partition("  ")[0].split()
            folder = next((head.rstrip("/") for head in heads if head.endswith("/")), "")
            words[""].update(head for head in heads if not head.endswith("/"))  # modules beside folders
        words.setdefault(folder, set()).update(re.findall(r"\w+", line))
    return words


def missing(files, words):
    """Those of the files, by their paths in the package, that are not named with their folder or one above it."""
    wrong = []
    for path in map(Path, files):
        folder = path.parent
        while folder.name and str(folder) not in words:
            folder = folder.parent
        own = str(folder) if folder.name else ""
        if path.stem not in words[own] | words.get(SAME_FILES.get(own, own), set()):
            wrong.append(str(path))
    return wrong


def test_every_file_is_named():
    files = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*")) if path.suffix in SUFFIXES]
    own = [path for path in files if not path.name.startswith("__")]
    assert len(own) > 200
    assert missing(own, named((ROOT / "docs" / "design.md").read_text())) == []


def test_every_tool_is_named():
    words = named((ROOT / "docs" / "design.md").read_text())
    tools = {path.stem for path in (ROOT / "tools").glob("*.py")}
    assert len(tools) > 5
    assert tools - set().union(*words.values()) == set()


def test_a_file_that_is_not_named_is_found():
    words = named(
        "text alone\n    cli here      what it is\n    later a/       one, two\n             three\n    a/b/     four\n"
    )
    assert missing(["cli.py", "later.py", "a/one.py", "a/three.pxi", "a/b/four.py", "a/c/one.py"], words) == []
    assert missing(["alone.py", "a/four.py", "a/b/one.py"], words) == ["alone.py", "a/four.py", "a/b/one.py"]

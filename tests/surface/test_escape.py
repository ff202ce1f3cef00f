"""Can a name out of a file command a terminal, a page or a picture?"""

import json
import re
import unicodedata

import numpy as np
import pytest

from buddycap.cli import main
from buddycap.escape import for_html, for_terminal, say
from sourcelint import PACKAGE

EVIL = "Nor\x1b]0;pwned\x07\x1b[2J\u202e\u2028\x9b31m\ud800mal"
# Who writes control sequences of its own, or is the door that everybody else uses.
OWN_SEQUENCES = {
    *(
        "escape.py",
        "progress.py",
        "commands/map.py",
        "commands/snapshot.py",
        "commands/conformance.py",
        "commands/fragmentation.py",
    ),
}


def commands(text):
    """What of a text a terminal would obey, line ends and tabulators left out."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"}


def test_nothing_is_left_that_a_terminal_obeys():
    every = "".join(map(chr, range(0x3000))) + EVIL
    assert commands(every)
    assert not commands(for_terminal(every))
    assert for_terminal("Normal zone µ∑\u00e9") == "Normal zone µ∑\u00e9"


def test_codes_are_shown():
    assert for_terminal("a\x1b\x9b\u202e\ud800\n") == "a\\x1b\\x9b\\u202e\\ud800\\n"
    assert for_html("<a\x07 'b' \"c\">&") == "&lt;a\\x07 &#x27;b&#x27; &quot;c&quot;&gt;&amp;"


def test_saying_keeps_lines_and_encodes_whatever_the_stream_can(tmp_path, capsys):
    say("a\n\x1bb", 3, sep="|", end="!")
    assert capsys.readouterr().out == "a\n\\x1bb|3!"
    with open(tmp_path / "f", "w", encoding="ascii") as stream:
        say("µ\ud800", file=stream)
    assert (tmp_path / "f").read_text() == "\\xb5\\ud800\n"


def test_only_who_draws_prints():
    """Everybody else says, so that no name can pass."""
    prints = re.compile(r"(?<![\w.])print\(")
    found = {}
    for path in PACKAGE.rglob("*.py"):
        lines = [line for line in path.read_text().splitlines() if ">>> " not in line and "... " not in line]
        found[str(path.relative_to(PACKAGE))] = sum(len(prints.findall(line)) for line in lines)
    assert {name for name, count in found.items() if count} == OWN_SEQUENCES
    assert sum(found.values()) == 8
    assert prints.search("    print(zone.name)")


@pytest.fixture
def recording(tmp_path):
    """A folder whose zone and whose flags have such names."""
    name = EVIL.replace("\ud800", "")
    free = [[[0]]] + [[[]]] * 10
    (tmp_path / "state.start.json").write_text(
        json.dumps({"zones": [{"name": name, "start_pfn": 0, "spanned": 1024, "free": free}]})
    )
    line = "sh-7 [001] 10.000002: mm_page_alloc: page=0 pfn=0x40 order=2 migratetype=1 gfp_flags=GFP_USER|GFP_"
    (tmp_path / "trace.txt").write_text(line + name.replace("\u2028", "") + "\n")
    np.savez(tmp_path / "e.npz", **{name: np.full(1024, 1 << 10, np.uint64), name + "_start_pfn": np.uint64(0)})
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["replay", "."],
        ["snapshot", "--show", "e.npz"],
        ["map", "e.npz"],
        ["map", "e.npz", "--zone", "other"],
        ["study", "--from", "e.npz", "--zone", "other"],
        ["replay", "\x1b[2J"],
        ["image", "info", "\x1b[2J"],
        ["conformance", "\x1b[2J"],
    ],
)
def test_commands_show_names_as_they_are(recording, monkeypatch, capsys, words):
    monkeypatch.chdir(recording)
    main(words)
    said = capsys.readouterr()
    assert not commands(said.out + said.err)
    assert "\\x1b" in said.out + said.err


def test_pictures_show_names_as_they_are(tmp_path):
    figures = pytest.importorskip("matplotlib.figure")
    from buddycap.views.figures import verbatim

    for name in (r"$\bad{$", r"\$", "$", "a$b$c", r"\frac", "_own", "\x07", "x" * 300):
        figure = figures.Figure()
        axes = figure.subplots()
        axes.plot([1], [1], label=verbatim(name))
        axes.set_yticks([1], [verbatim(name)])
        legend = axes.legend()
        figure.savefig(tmp_path / "f.png")
        shown = [text._preprocess_math(text.get_text()) for text in (*legend.get_texts(), *axes.get_yticklabels())]
        assert shown == [(" " * name.startswith("_") + for_terminal(name), False)] * 2


def test_a_policy_with_a_strange_name_can_be_plotted(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    (tmp_path / "p.toml").write_text('["$\\\\bad{$"]\nlike = "v3"\n["_\\\\$"]\nlike = "v3"\n')
    policies = f"none,{tmp_path / 'p.toml'}"
    out = str(tmp_path / "out")
    assert main(["study", "--memory", "128MiB", "--seeds", "2", "--policies", policies, "--out", out]) == 0
    assert main(["plot", out]) == 0
    assert "success.png" in capsys.readouterr().out

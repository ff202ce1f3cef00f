"""Does the command line offer what works, say what is wrong in one line, and end well?"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import buddycap
from buddycap import cli

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
COMMAND = [sys.executable, "-m", "buddycap"]


def run(*arguments):
    """Run the command as a user does."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120)


def test_help_offers_the_commands_that_exist():
    result = run("--help")
    assert result.returncode == 0
    offered = [line.split()[0] for line in result.stdout.partition("COMMAND\n")[2].splitlines() if line.strip()]
    assert {"conformance", "info"} <= set(offered)
    for command in ("conformance", "info"):
        assert run(command, "--help").stdout.startswith(f"usage: buddycap {command} ")


def test_version():
    assert re.fullmatch(rf"buddycap {re.escape(buddycap.__version__)} \([^()]+\)\n", run("--version").stdout)


def test_info():
    text = run("info").stdout
    assert buddycap.__version__ in text
    for name in (*buddycap.POLICIES, "x86_64", "ppc64"):
        assert f"  {name} " in text


def test_info_json():
    facts = json.loads(run("info", "--json").stdout)
    assert facts["versions"]["buddycap"] == buddycap.__version__
    assert facts["presets"]["ppc64"] == {"max_page_order": 12, "pageblock_order": 12}
    assert list(facts["policies"]) == list(buddycap.POLICIES)
    assert 13 <= facts["bytes_per_page"] <= 16
    assert re.match(r"(gcc|clang) \d+\.", facts["build"]["compiler"])
    assert re.search(r"-O\d", facts["build"]["flags"])
    assert facts["build"]["cython"].count(".") == 2


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["info", "--bogus"], ["conformance"]])
def test_usage_errors(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("usage: buddycap")


def test_an_error_is_one_line():
    result = run("conformance", "nowhere")
    assert result.returncode == 2
    assert result.stderr == "buddycap: error: nowhere: no such file or folder\n"


def test_main_returns_the_status(capsys):
    assert cli.main(["--version"]) == 0
    assert cli.main(["bogus"]) == 2
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().out.startswith("buddycap ")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "buddycap: interrupted\n"),
        (buddycap.FormatError("bad", "file", 3), 2, "buddycap: error: file:3: bad\n"),
        (
            PermissionError(13, "Permission denied", "file"),
            2,
            "buddycap: error: [Errno 13] Permission denied: 'file'\n",
        ),
        (MemoryError("1.95 TiB"), 2, "buddycap: error: not enough memory: 1.95 TiB\n"),
    ],
)
def test_what_ends_a_command(monkeypatch, capsys, error, status, said):
    def fail(args):
        raise error

    monkeypatch.setattr("buddycap.commands.info.command", fail)
    assert cli.main(["info"]) == status
    assert capsys.readouterr().err == said


def test_ctrl_c(tmp_path):
    pipe = tmp_path / "endless.jsonl"
    os.mkfifo(pipe)
    with (
        subprocess.Popen([*COMMAND, "conformance", str(pipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child,
        pipe.open("wb"),
    ):  # returns as soon as the command has opened its end
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, b"", b"buddycap: interrupted\n")


def test_a_closed_pipe_is_quiet():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        result = subprocess.run([*COMMAND, "info"], stdout=closed, stderr=subprocess.PIPE, timeout=60)
    assert result.stderr == b""
    assert result.returncode == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["explian"], "explian: no such command; did you mean 'explain'?"),
        (["study", "--polices", "none"], "unrecognized arguments: --polices none; did you mean '--policies'?"),
        (["study", "--xyzzy=1"], "unrecognized arguments: --xyzzy=1\n"),
    ],
)
def test_misspelt_words_are_answered_with_the_nearest(words, told, capsys):
    assert cli.main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [["info"], ["image", "recipes"], ["replay", "--help"], ["study", "--help"]])
def test_what_is_printed_fits_a_terminal(words, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80 and not line.startswith(("  buddycap ", "platform"))] == []


def test_info_names_kernels_and_all_policies(capsys):
    assert cli.main(["info"]) == 0
    told = capsys.readouterr().out
    for name in (*buddycap.KERNELS, *buddycap.POLICIES, *buddycap.COMPACTION_POLICIES):
        assert name in told

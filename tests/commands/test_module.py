"""Is `python -m buddycap` the command line, and nothing when another program imports it?"""

import runpy
import sys

import pytest


def test_the_module_is_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["buddycap", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("buddycap", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("buddycap ")


def test_a_rank_of_mpi_imports_it_without_running_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["buddycap", "no such command"])
    runpy.run_module("buddycap.__main__", run_name="__worker__")

"""Does Ctrl-C end the command in one line whenever it comes?"""

import os
import signal
import subprocess
import sys

import pytest

from buddycap import cli, interrupts


@pytest.mark.parametrize("words", [["-m", "buddycap"], ["buddycap"]])
def test_while_modules_are_imported(tmp_path, words):
    """A numpy that takes its time."""
    (tmp_path / "numpy.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    (tmp_path / "buddycap").write_text("from buddycap.cli import main\nraise SystemExit(main())\n")
    words = words if words[0] == "-m" else [str(tmp_path / "buddycap")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, *words, "info"]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "buddycap: interrupted\n")
    assert process.returncode == 130


def test_a_second_one_while_the_first_is_dealt_with(monkeypatch):
    """It comes while the first is told."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("buddycap.commands.info._facts", interrupt)
    monkeypatch.setattr(cli, "say", interrupt)
    assert cli.main(["info"]) == 130


def test_when_all_is_over(tmp_path):
    """Python waits for threads then, and somebody has become impatient."""
    program = (
        "import sys, threading, time\n"
        "from buddycap.cli import main\n"
        "status = main(['info', '--json'])\n"
        "threading.Thread(target=lambda: (print('ready', flush=True), time.sleep(60))).start()\n"
        "sys.exit(status)\n"
    )
    (tmp_path / "buddycap").write_text(program)
    with subprocess.Popen([sys.executable, str(tmp_path / "buddycap")], stdout=-1, stderr=-1, text=True) as process:
        while process.stdout.readline() != "ready\n":
            pass
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "buddycap: interrupted\n")
    assert process.returncode == 130


def test_other_programs_keep_their_signals():
    before = signal.getsignal(signal.SIGINT)
    interrupts.disarm()
    interrupts.arm()
    assert signal.getsignal(signal.SIGINT) is before

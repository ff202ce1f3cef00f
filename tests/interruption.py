"""Ctrl-C for programs that tests run."""

import signal
import subprocess
import sys
import textwrap
import threading


def interrupted(program):
    """Run a Python program that prints "ready", press Ctrl-C a moment later; return what else it prints, and errors."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        threading.Timer(0.2, process.send_signal, (signal.SIGINT,)).start()
        return process.communicate(timeout=60)

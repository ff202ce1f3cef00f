"""Ctrl-C ends the command in one line whenever it comes: during imports, and while an earlier one is being dealt with.

The package imports this first. In any program but the command `buddycap` it leaves signals alone.
"""

import contextlib
import os
import signal
import sys
import threading
from typing import Any

__all__ = ["INTERRUPTED", "arm", "disarm", "is_command"]

INTERRUPTED = 130


def is_command(words: list[str]) -> bool:
    """Tell whether the words that started a process start the command.

    Examples
    --------
    >>> is_command(["python3", "-m", "buddycap", "study"]), is_command(["python3", "/usr/bin/buddycap"])
    (True, True)
    >>> is_command(["python3", "-m", "pytest", "buddycap"]), is_command(["python3"])
    (False, False)
    """
    if "-m" in words[1:-1] and words[words.index("-m") + 1] == "buddycap":
        return True
    return len(words) > 1 and os.path.basename(words[1]) in ("buddycap", "buddycap.exe")


def _leave(*_: Any) -> None:
    """End the process at once: there is nothing to be saved, or somebody is in a hurry."""
    with contextlib.suppress(OSError):
        os.write(2, b"buddycap: interrupted\n")
    os._exit(INTERRUPTED)


def arm() -> None:
    """The command begins: from now on Ctrl-C is a KeyboardInterrupt, so that what is done can be shown or kept."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def disarm() -> None:
    """The command is over, or has not begun: Ctrl-C ends the process without a traceback."""
    ours = is_command(sys.orig_argv) and threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


disarm()

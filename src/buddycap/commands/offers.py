"""What a shell may offer for an argument whose values are names by commas."""

import argparse
from collections.abc import Iterable

__all__ = ["offering"]


def offering(action: argparse.Action, names: Iterable[str]) -> None:
    """Let a shell complete an argument by names, also behind a comma: argcomplete asks for `completer`.

    Examples
    --------
    >>> action = argparse.ArgumentParser().add_argument("--policies")
    >>> offering(action, ["none", "v3"])
    >>> action.completer(prefix="none,v")
    ['none,none', 'none,v3']
    """
    offered = tuple(names)

    def completer(prefix: str, **_: object) -> list[str]:
        before, comma, _last = prefix.rpartition(",")
        return [f"{before}{comma}{name}" for name in offered]

    vars(action)["completer"] = completer

"""The jobs as one call each, for Python sessions and notebooks; the commands are the same jobs in a shell.

Their modules are imported when the first of their names is asked for: most programs want the allocator alone.
"""

from importlib import import_module
from typing import Any

__all__ = ["NAMES", "call"]

# The names that the package has of each module here.
NAMES = {
    "StudyResult": "results",
    "explain_file": "explain",
    "make_image": "image",
    "run_comparison": "study",
    "run_replay": "replay",
    "run_study": "study",
}


def call(name: str) -> Any:
    """Return the call, or the class of its results, that has a name.

    Examples
    --------
    >>> call("run_study").__name__
    'run_study'
    """
    return getattr(import_module(f"{__name__}.{NAMES[name]}"), name)

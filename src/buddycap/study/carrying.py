"""Tasks on their way to worker processes: a policy's hook is code, which pickle knows by the name of its module only.

A function of a notebook, a lambda or one inside another function has no such name. cloudpickle takes them along by
value; without it they are refused by name, before a worker process is started for them and dies of it.
"""

import pickle
import sys
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..errors import MisuseError
from .plan import Task

__all__ = ["Parcel", "carried"]


@dataclass(frozen=True)
class Parcel:
    """A task as bytes, opened by the process that does it."""

    data: bytes

    def opened(self) -> Task:
        """Return the task."""
        task: Task = pickle.loads(self.data)
        return task


def carried(task: Task, executor: Executor) -> Task | Parcel:
    """Return what an executor is given of a task.

    Parameters
    ----------
    task : Task
    executor : Executor
        Only worker processes of this machine need a parcel: threads share the hook, Dask has its own way.

    Raises
    ------
    MisuseError
        If the task has a hook that worker processes cannot get.
    """
    hook = getattr(task.policy, "hook", None)  # rows of Linux 6.1 have none
    if hook is None or not isinstance(executor, ProcessPoolExecutor):
        return task
    try:
        import cloudpickle
    except ImportError:
        _check_importable(task.policy.name, hook)
        return task
    try:
        return Parcel(cloudpickle.dumps(task))
    except Exception as error:
        raise MisuseError(
            f"policy {task.policy.name!r}: its hook holds what cannot go to another process ({error}); "
            "executor='thread' runs it in this one"
        ) from None


def _check_importable(policy: str, hook: Any) -> None:
    """Refuse a function that has no name by which another process could import it."""
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    module = getattr(hook, "__module__", "")
    in_session = module == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    if in_session or "<" in name:
        raise MisuseError(
            f"policy {policy!r}: worker processes cannot import its hook {name}, which is defined in a session or "
            "inside a function: pip install cloudpickle, or executor='thread', or put it into a module"
        )

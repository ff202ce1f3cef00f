"""A run of the experiment, watched: the recorder sees its memory at regular times."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from ..errors import MisuseError
from ..formats.kpageflags import ZoneFrames
from ..policies.capture import CapturePolicy
from ..study.config import StudyConfig
from ..study.parameters import world_parameters
from ..study.run import make_world
from .pagemap import PageMap
from .record import MAX_CELLS, Recorder

__all__ = ["WatchedRun", "owner_name", "watch_run"]

_OWNERS = {
    1: "anonymous memory of task",
    2: "working set of task",
    3: "dirty page cache",
    4: "flushed pages of task",
    5: "page cache read by task",
    6: "slab filled by task",
    7: "kernel memory of task",
    8: "requester",  # numbered as the tracks of the time line
}
_OF_NO_TASK = (3,)
_TASK_SHIFT = 40  # of a cookie: kind << 56 | task << 40 | number
_TURN = 2000  # events between two looks at the clock


@dataclass(frozen=True)
class WatchedRun:
    """What a run showed.

    Parameters
    ----------
    recorder : Recorder
        Its memory over time.
    requests : ndarray, shape (requests,)
        One record a request: `buddycap._world.RESULT_DTYPE`.
    turns : ndarray, shape (turns,)
        What the requests did: `buddycap._world.TURN_DTYPE`.
    zone : Zone
        Its memory at the end; `page` in `requests` counts from its first page.
    order : int
        Order of the requests.
    interrupted : bool
        Ctrl-C ended it early.
    """

    recorder: Recorder
    requests: NDArray[np.void]
    turns: NDArray[np.void]
    zone: Zone
    order: int
    interrupted: bool = False


def owner_name(owner: int) -> str:
    """Return what to call an owner in the experiment, by the upper 24 bits of its cookie.

    Examples
    --------
    >>> owner_name(0x010003), owner_name(0x030000), owner_name(0x080001)
    ('anonymous memory of task 3', 'dirty page cache', 'requester 1')
    """
    kind, task = owner >> 16, owner & 0xFFFF
    name = _OWNERS.get(kind, f"owner {kind}, task")
    return name if kind in _OF_NO_TASK else f"{name} {task}"


def watch_run(
    config: StudyConfig,
    policy: CapturePolicy,
    seed: int,
    *,
    steps: int = 50,
    frames: ZoneFrames | None = None,
    max_cells: int = MAX_CELLS,
    step_done: Callable[[], None] | None = None,
) -> WatchedRun:
    """Run the experiment once and record its memory, at the start, at regular times, and at the end.

    Parameters
    ----------
    config : StudyConfig
    policy : CapturePolicy
    seed : int
    steps : int, at least 2
        Moments to record.
    frames : ZoneFrames, optional
        Memory of a real machine to start from.
    max_cells : int
        Of the map of each moment.
    step_done : callable, optional
        Called after each moment.

    Returns
    -------
    WatchedRun
        The run goes as it would unwatched. After Ctrl-C, what has been recorded so far.

    Raises
    ------
    MisuseError
        If there are fewer than two steps.
    """
    if steps < 2:
        raise MisuseError(f"steps={steps}: at least 2 are wanted")
    zone, world = make_world(config, policy, seed, frames)
    world.keep_turns()
    values = world_parameters(config, warm=frames is not None)
    expected = values["request_start_ns"] + values["requests"] * values["request_period_ns"]
    recorder = Recorder(max_cells=max_cells, owner_shift=_TASK_SHIFT, owner_name=owner_name)
    name = frames.name if frames else "Normal"

    def look() -> None:
        label = f"{world.answered} of {values['requests']} requests answered"
        recorder.add_maps((PageMap.of_zone(zone, name),), world.now_ns, label)

    done = interrupted = False
    try:
        for step in range(steps):
            # The last requests may be answered late: the last moment is the end, whenever that comes.
            while not done and (world.now_ns < expected * step // (steps - 1) or step == steps - 1):
                done = world.run(_TURN)
            if done and step < steps - 1:
                break
            look()
            if step_done:
                step_done()
        if len(recorder.moments) < steps:
            look()
    except KeyboardInterrupt:
        if not recorder.moments:
            raise
        interrupted = True
    return WatchedRun(recorder, world.results(), world.turns(), zone, config.order, interrupted)

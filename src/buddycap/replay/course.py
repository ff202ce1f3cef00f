"""A recording followed from its start to its end: the time line, and how far the end is from the recorded one."""

from collections.abc import Callable

from ..recorded.recording import Recording
from .ending import EndReport, compare_end
from .reconstruct import Reconstruction
from .timeline import Timeline, sample_times

__all__ = ["reconstruct"]


def reconstruct(
    recording: Recording, samples: int = 101, *, infer: bool = True, step: Callable[[], None] | None = None
) -> tuple[Timeline, EndReport | None, dict[str, int]]:
    """Follow a recording from its start to its end.

    Parameters
    ----------
    recording : Recording
    samples : int
        Moments of the time line, from the start to the moment at which the end snapshot began.
    infer : bool
        See `Reconstruction`.
    step : callable, optional
        Called after each moment.

    Returns
    -------
    timeline : Timeline
    end : EndReport or None
        None if the recording has no end snapshot.
    oddities : dict of str to int
        What did not fit, see docs/replay.md.
    """
    memory = Reconstruction(recording.trace, recording.start, recording.first_ns, infer=infer)
    timeline = memory.timeline(sample_times(recording.first_ns, recording.end_ns[0], samples), step)
    end = compare_end(memory, recording) if recording.end is not None else None
    return timeline, end, memory.oddities()

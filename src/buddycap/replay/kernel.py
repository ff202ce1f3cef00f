"""Which simulated kernel serves a recording."""

from ..errors import MisuseError
from ..formats.gfptext import kernel_release
from ..formats.tracetext import UNDECIDED
from ..kernels import KERNELS, Kernel
from ..recorded.recording import Recording

__all__ = ["nearest_kernel", "served_by"]

_UNTOLD = "6.1"  # of a trace that does not say: its events are those of later kernels
_SINCE = {"6.12": (6, 6)}  # from which release on a kernel stands for its neighbours, though another may be nearer
# What another kernel is known to do otherwise than the one that serves: a later one since which release, an earlier one
# before which release, and what.
_OTHERWISE = {
    "6.1": (
        ((6, 7), "lists of a CPU size themselves"),
        ((6, 12), "who finds no block of its own type takes the smallest that will do"),
    ),
    "6.12": (
        ((6, 15), "compaction asks for more free memory before it begins"),
        ((6, 15), "vm.defrag_mode, off by default, keeps types apart through reclaim and compaction"),
        ((6, 16), "lists of a CPU stay long although small blocks are freed one after the other"),
        ((6, 17), "an isolated pageblock keeps its type"),
    ),
}
_EARLIER = {"6.12": (((6, 7), "lists of a CPU do not size themselves"),)}


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return how many releases lie between two, about twenty to a major number."""
    return abs((one[0] - other[0]) * 20 + one[1] - other[1])


def nearest_kernel(release: str) -> Kernel:
    """Return the simulated kernel that is nearest to a release.

    Raises
    ------
    MisuseError
        If it is no release.

    Examples
    --------
    >>> [nearest_kernel(release).release for release in ("6.18.44", "6.1.0-56-cloud", "5.10", "3.10")]
    ['6.12', '6.1', '6.1', '2.6.27']
    """
    wanted = kernel_release(release)
    for name, since in _SINCE.items():
        if wanted >= since:
            return KERNELS[name]
    return min(KERNELS.values(), key=lambda kernel: _distance(kernel_release(kernel.release), wanted))


def _otherwise(kernel: Kernel, recorded: str) -> str:
    """Say what the recorded kernel is known to do otherwise than the one that serves, as the end of a sentence."""
    release = kernel_release(recorded)
    known = [text for since, text in _OTHERWISE.get(kernel.release, ()) if release >= since]
    known += [text for before, text in _EARLIER.get(kernel.release, ()) if release < before]
    return f"; {recorded} differs: {', '.join(known)}" if known else ""


def served_by(recording: Recording, asked: str | None = None) -> tuple[Kernel, tuple[str, ...]]:
    """Return the kernel that serves a recording, and what a reader should know about it.

    Parameters
    ----------
    recording : Recording
    asked : str, optional
        A release of `KERNELS`; the recorded one, or the nearest, if not given.

    Raises
    ------
    MisuseError
        If there is no such kernel.
    """
    recorded = recording.trace.report.kernel
    known = bool(recorded) and recorded != UNDECIDED
    if asked is not None:
        if asked not in KERNELS:
            raise MisuseError(f"kernel={asked!r}: there are {', '.join(KERNELS)}")
        differs = _otherwise(KERNELS[asked], recorded) if known else ""
        return KERNELS[asked], (f"served by Linux {asked}{differs}",) if differs else ()
    if not known:
        return KERNELS[_UNTOLD], (f"the recording does not say its kernel: served by Linux {_UNTOLD}",)
    kernel = nearest_kernel(recorded)
    if kernel_release(recorded)[: len(kernel_release(kernel.release))] == kernel_release(kernel.release):
        return kernel, ()
    told = f"recorded with Linux {recorded}, served by {kernel.release}, the nearest that is simulated"
    return kernel, (told + _otherwise(kernel, recorded),)

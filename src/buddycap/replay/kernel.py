"""Which simulated kernel serves a recording."""

from ..errors import MisuseError
from ..formats.gfptext import kernel_release
from ..formats.tracetext import UNDECIDED
from ..kernels import KERNELS, Kernel
from ..recorded.recording import Recording

__all__ = ["nearest_kernel", "served_by"]

_LATEST = "6.1"  # of a trace that does not say: its events are those of later kernels
_UNASKED = ("2.6.27", _LATEST)  # nobody has compared yet how well 6.12 comes to the end of a recording


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
    >>> [nearest_kernel(release).release for release in ("6.1.0-56-cloud", "5.10", "3.10", "2.6.32")]
    ['6.1', '6.1', '2.6.27', '2.6.27']
    """
    wanted = kernel_release(release)
    return min(
        (KERNELS[release] for release in _UNASKED), key=lambda kernel: _distance(kernel_release(kernel.release), wanted)
    )


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
    if asked is not None:
        if asked not in KERNELS:
            raise MisuseError(f"kernel={asked!r}: there are {', '.join(KERNELS)}")
        return KERNELS[asked], ()
    recorded = recording.trace.report.kernel
    if not recorded or recorded == UNDECIDED:
        return KERNELS[_LATEST], (f"the recording does not say its kernel: served by Linux {_LATEST}",)
    kernel = nearest_kernel(recorded)
    if kernel_release(recorded)[: len(kernel_release(kernel.release))] == kernel_release(kernel.release):
        return kernel, ()
    return kernel, (f"recorded with Linux {recorded}, served by {kernel.release}, the nearest that is simulated",)

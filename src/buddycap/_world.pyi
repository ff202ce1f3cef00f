import numpy as np
from numpy.typing import NDArray

from ._core import Zone
from .policies.files import Policy

PARAMETERS: tuple[str, ...]
CAUSES: tuple[str, ...]
RESULT_DTYPE: np.dtype[np.void]
FAULT_DTYPE: np.dtype[np.void]
PASS_DTYPE: np.dtype[np.void]
TURN_DTYPE: np.dtype[np.void]
LOAD_DTYPE: np.dtype[np.void]

class World:
    """One run of the experiment: a zone, its load, and requests for huge pages.

    Parameters
    ----------
    zone : Zone
        Made with owners=True; the run changes it.
    policy : CapturePolicy or CompactionPolicy
        One of the zone's kernel.
    parameters : dict of str to int
        A value for each name in `PARAMETERS`; units are in the names.
    seed : int
    load : ndarray of LOAD_DTYPE, shape (allocations,), optional
        A recorded load, in order of time, for parameters["loads"] copies of it.

    Raises
    ------
    MisuseError
        If a parameter is missing, unknown or out of range, or the policy is another kernel's.

    Notes
    -----
    The same arguments give the same results on every machine.
    """

    def __new__(
        cls,
        zone: Zone,
        policy: Policy,
        parameters: dict[str, int],
        seed: int,
        load: NDArray[np.void] | None = None,
    ) -> World: ...
    def copy(self, policy: Policy | None = None) -> tuple[Zone, World]:
        """An independent world in the same state, on a copy of the zone, with all that is under way.

        Parameters
        ----------
        policy : CapturePolicy, optional
            Of the copy's allocations from now on; those under way keep what they began with. That of this world if not
            given.

        Returns
        -------
        zone : Zone
        world : World

        Raises
        ------
        MisuseError
            If the world is running, the zone is held by this thread, or it is one of Linux 6.1.
        """
    def run(self, events: int = 20000, until_ns: int | None = None) -> bool:
        """Go on for about so many events; True when the last request has been answered.  Ctrl-C is obeyed.

        True, too, when what comes next is due at `until_ns` or later, if that is given.

        What the policy's hook raises comes out here.  The world is as it was when the hook was asked, and asks it
        again if it is run on.

        Raises
        ------
        MisuseError
            If the world is running already, the zone is held by this thread, or somebody else has freed or changed
            pages of the world's between two calls: then it cannot go on.

        Notes
        -----
        Without the GIL.  Methods of the zone and of this world wait in other threads until a turn is over.
        """
    @property
    def answered(self) -> int:
        """Requests answered so far."""
    @property
    def slow_orders(self) -> int:
        """Orders of the allocations that have not come from the free lists at once: bit o for order o.

        No other has looked at what a policy says, but for whether it makes allocations queue.
        """
    @property
    def now_ns(self) -> int:
        """Simulated time since the start."""
    def results(self) -> NDArray[np.void]:
        """The requests answered so far, in order of their ends: structured array, `RESULT_DTYPE`."""
    def faults(self) -> NDArray[np.void]:
        """The regions faulted in so far, in order of their ends: structured array, `FAULT_DTYPE`."""
    def keep_turns(self) -> None:
        """Keep a diary of the requests from now on; it changes nothing else."""
    def turns(self) -> NDArray[np.void]:
        """The diary of the requests in order of time: structured array, `TURN_DTYPE`."""
    def passes(self) -> NDArray[np.void]:
        """The passes that have ended: structured array, `PASS_DTYPE`."""
    def totals(self) -> dict[str, int]:
        """Counters of the whole run."""

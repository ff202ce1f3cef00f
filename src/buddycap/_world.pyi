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
    def __new__(
        cls,
        zone: Zone,
        policy: Policy,
        parameters: dict[str, int],
        seed: int,
        load: NDArray[np.void] | None = None,
    ) -> World: ...
    def run(self, events: int = 20000) -> bool: ...
    @property
    def answered(self) -> int: ...
    @property
    def now_ns(self) -> int: ...
    def results(self) -> NDArray[np.void]: ...
    def faults(self) -> NDArray[np.void]: ...
    def keep_turns(self) -> None: ...
    def turns(self) -> NDArray[np.void]: ...
    def passes(self) -> NDArray[np.void]: ...
    def totals(self) -> dict[str, int]: ...

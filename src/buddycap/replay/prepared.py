"""A recording made ready to be served: what every what-if asks of it, each found out once, when it is first asked."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._trace import Follower
from ..recorded.beginning import as_it_began
from ..recorded.growth import GrownBlocks, grown_blocks, with_sections
from ..recorded.lifetimes import MatchedRequests, match_trace
from ..recorded.recording import Recording
from ..recorded.start import FirstEvents, first_events
from .reconstruct import per_cpu_lists_hold_blocks
from .stream import Stream

__all__ = ["Prepared"]


class Prepared:
    """What a recording tells whoever serves it.

    Parameters
    ----------
    recording : Recording
        It must stay as it is.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._streams: dict[tuple[int, int, bool, bool], Stream] = {}

    @cached_property
    def matched(self) -> MatchedRequests:
        """Its requests, with their lifetimes."""
        return match_trace(self.recording.trace, self.recording.zones, self.recording.first_ns)

    @cached_property
    def hints(self) -> NDArray[np.uint8]:
        """What the surroundings of every event from the start on tell of it."""
        frames, trace = self.recording.start.frames, self.recording.trace
        follower = Follower(
            self.recording.zones,
            frames[0].max_page_order,
            frames[0].pageblock_order,
            per_cpu_lists_hold_blocks(trace),
        )
        return follower.hints(trace.events)[-len(self.recording.events) :]

    @cached_property
    def grown(self) -> GrownBlocks:
        """The memory that came to its zones."""
        return grown_blocks(self.recording, self.recording.events)

    @cached_property
    def began(self) -> Recording:
        """The recording as it was at one moment, with all memory that comes to it, in use."""
        return with_sections(self._began, self.grown)

    @cached_property
    def first(self) -> FirstEvents:
        """What its first events tell of the start."""
        return first_events(self._began)

    def stream(self, max_order: int, cpus: int, *, empty: bool, direct: bool) -> Stream:
        """Return its requests as a stream of operations, which stays as it is."""
        how = max_order, cpus, empty, direct
        if how not in self._streams:
            self._streams[how] = Stream(self.recording, self.matched, max_order, cpus, empty=empty, direct=direct)
        return self._streams[how]

    @cached_property
    def _began(self) -> Recording:
        return as_it_began(self.recording)

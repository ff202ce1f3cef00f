"""What a guest's player wants of an allocator of Linux 6.1: some of the methods of `Zone` and `Node`, as protocols.

Types of pages are numbers of that kernel: 0 unmovable, 1 movable, 2 reclaimable, 3 high-atomic.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ..._core import Node, Zone
from .state import PCP_LISTS, GuestState, PcpState, ZoneState, pcp_order

__all__ = ["AllocatorNode", "AllocatorZone", "NodeMaker", "boot", "compiled_node", "state_of"]

EVENT_ROOM = 1 << 16  # far more than one request can cause
HUGE_MOVABLE_LIST = 13


class AllocatorZone(Protocol):
    """A zone."""

    reclaim_active: bool
    reserved_highatomic: int
    managed_pages: int

    @property
    def zone_idx(self) -> int: ...
    @property
    def start_pfn(self) -> int: ...
    @property
    def spanned_pages(self) -> int: ...
    @property
    def wmark(self) -> Sequence[int]: ...
    @property
    def lowmem_reserve(self) -> Sequence[int]: ...
    @property
    def boost(self) -> int: ...
    @property
    def nr_free_pages(self) -> int: ...
    @property
    def pageblock_migratetype(self) -> Sequence[int]: ...

    def rmqueue_zone(self, order: int, migratetype: int, alloc_flags: int = 0) -> int | None: ...
    def lock_pcp(self, cpu: int, locked: bool = True) -> None: ...
    def drain_pages(self, cpu: int | None = None) -> None: ...
    def pcp(self, cpu: int) -> Mapping[str, int]: ...
    def pcp_blocks(self, cpu: int, index: int) -> Sequence[Any]: ...
    def free_blocks(self, order: int | None = None, migratetype: int | None = None) -> Iterable[Any]: ...
    def set_pcp(self, cpu: int, **values: int) -> None: ...
    def set_free_blocks(self, blocks: list[tuple[int, int, int]]) -> None: ...
    def set_pcp_blocks(self, cpu: int, index: int, blocks: list[tuple[int, int]]) -> None: ...
    def set_pageblock_migratetype(self, pfn: int, migratetype: int) -> None: ...
    def set_marks(
        self, wmark: Sequence[int], *, lowmem_reserve: Sequence[int] | None = None, boost: int | None = None
    ) -> None: ...
    def set_lru(self, pfn: int, n: int, lru: bool = True) -> None: ...
    def take_events(self) -> list[tuple[Any, ...]]: ...
    def copy(self) -> "AllocatorZone": ...


class AllocatorNode(Protocol):
    """The zones of a machine."""

    cpu: int

    @property
    def zones(self) -> Sequence[AllocatorZone]: ...
    def free_pages(self, pfn: int, order: int) -> None: ...
    def free_list(self, pfns: list[int]) -> None: ...
    def split_page(self, pfn: int, order: int) -> None: ...
    def join_pages(self, pfn: int, order: int) -> None: ...
    def set_min_free_kbytes(self, kb: int) -> None: ...
    def take_events(self) -> list[tuple[Any, ...]]: ...


NodeMaker = Callable[[GuestState], AllocatorNode]


def boot(make_zone: Callable[..., Any], make_node: Callable[..., Any], state: GuestState) -> AllocatorNode:
    """Build a node in a recorded state.

    Parameters
    ----------
    make_zone, make_node : callable
        `Zone` and `Node`, or what takes their place.
    state : GuestState

    Returns
    -------
    AllocatorNode
        Pages that are neither free nor on a per-CPU list are single pages in use.

    Notes
    -----
    O(pages).
    """
    zones = [
        make_zone(
            zone.start_pfn,
            zone.spanned_pages,
            kernel="6.1",
            zone_idx=zone.zone_idx,
            cpus=state.cpus,
            min_free_kbytes=0,
            cma=len(zone.free[0]) == 6,
            linked_outside=[0] if zone.start_pfn == 1 else [],
            events=EVENT_ROOM,
            populate=False,
        )
        for zone in state.zones
    ]
    node: AllocatorNode = make_node(zones, min_free_kbytes=0, events=EVENT_ROOM)
    for zone, recorded in zip(node.zones, state.zones, strict=True):
        _load(zone, recorded)
    return node


def compiled_node(state: GuestState) -> AllocatorNode:
    """Build the compiled allocator in a recorded state: see `boot`."""
    return boot(Zone, Node, state)


def _load(zone: AllocatorZone, state: ZoneState) -> None:
    """Put a recorded state into a zone whose pages are all in use."""
    zone.managed_pages = state.managed_pages
    for number, migratetype in enumerate(state.pageblocks):
        zone.set_pageblock_migratetype(max(state.start_pfn, (state.start_pfn >> 9 << 9) + (number << 9)), migratetype)
    zone.set_free_blocks(list(state.free_blocks()))
    for cpu, pcp in enumerate(state.pcp):
        for index, pfns in enumerate(pcp.lists):
            if pfns:
                zone.set_pcp_blocks(cpu, index, [(pfn, _tag(state, index, pfn)) for pfn in pfns])
        zone.set_pcp(cpu, high=pcp.high, batch=pcp.batch, free_factor=pcp.free_factor)
    zone.set_marks(state.wmark, lowmem_reserve=state.lowmem_reserve, boost=state.boost)
    zone.reserved_highatomic = state.reserved_highatomic


def _tag(state: ZoneState, index: int, pfn: int) -> int:
    """Return the type that a page on a per-CPU list remembers, as far as the list tells it."""
    if index < 12:
        return index % 3
    if index == HUGE_MOVABLE_LIST:
        return 1
    return state.pageblocks[(pfn >> 9) - (state.start_pfn >> 9)]


def state_of(node: AllocatorNode, like: GuestState) -> GuestState:
    """Return the state of a node, with lists for as many CPUs and types as another has.

    Notes
    -----
    O(blocks).
    """
    return GuestState(tuple(_zone_state(zone, other) for zone, other in zip(node.zones, like.zones, strict=True)))


def _zone_state(zone: AllocatorZone, like: ZoneState) -> ZoneState:
    free: list[list[list[int]]] = [[[] for _ in lists] for lists in like.free]
    for pfn, order, migratetype in zone.free_blocks():
        free[int(order)][int(migratetype)].append(int(pfn))
    return ZoneState(
        zone_idx=zone.zone_idx,
        start_pfn=zone.start_pfn,
        spanned_pages=zone.spanned_pages,
        managed_pages=zone.managed_pages,
        wmark=tuple(map(int, zone.wmark)),
        boost=zone.boost,
        reserved_highatomic=zone.reserved_highatomic,
        nr_free_pages=zone.nr_free_pages,
        lowmem_reserve=tuple(map(int, zone.lowmem_reserve)),
        free=tuple(tuple(map(tuple, lists)) for lists in free),
        pageblocks=tuple(map(int, zone.pageblock_migratetype)),
        pcp=tuple(_pcp_state(zone, cpu) for cpu in range(len(like.pcp))),
    )


def _pcp_state(zone: AllocatorZone, cpu: int) -> PcpState:
    pcp = zone.pcp(cpu)
    lists = tuple(tuple(int(block[0]) for block in zone.pcp_blocks(cpu, index)) for index in range(PCP_LISTS))
    return PcpState(int(pcp["count"]), int(pcp["high"]), int(pcp["batch"]), int(pcp["free_factor"]), lists)


def blocks_of_pageblock(zone: AllocatorZone, pfn: int, cpus: int) -> Iterator[range]:
    """Go through the blocks in a page's pageblock that are free or on a per-CPU list, as ranges of pages."""
    first = pfn >> 9 << 9
    for block, order, *_ in zone.free_blocks():
        if first - 512 <= block < first + 512:
            yield range(int(block), int(block) + (1 << int(order)))
    for cpu in range(cpus):
        for index in range(PCP_LISTS):
            for block, *_ in zone.pcp_blocks(cpu, index):
                if first <= block < first + 512:
                    yield range(int(block), int(block) + (1 << pcp_order(index)))

"""Page frames as SimPy resources: processes wait for blocks, for several at once, or for reclaim to find one.

    from buddycap.simpy import Frames, ReclaimedFrames

    frames = Frames(env, zone)
    with frames.request(order=9) as block:
        pfn = yield block                       # waits until there is one; given back at the end of the block
    with frames.request(order=9, blocks=4) as gang:
        pfns = yield gang                       # four blocks or none: nobody waits while it holds some of them

`Frames` waits for what others give back.  `ReclaimedFrames` is a whole machine: an allocation reclaims, which takes as
long as its work and its writes, and fails where the kernel gives up.  Needs `pip install buddycap[sim]`.
"""

from collections import deque
from collections.abc import Generator, Iterable
from typing import Any, Self

import simpy

from ._core import Zone
from .errors import MisuseError
from .kernels import KERNELS
from .machine import Machine

__all__ = ["Frames", "ReclaimedFrames", "ReclaimingRequest", "Request"]

_SHORTEST_MS = 0.001  # a step that waits for others takes so long at least, or the clock would stand still


class Request(simpy.Event):
    """The wish for a block, or for several at once: an event whose value is the PFN, or the list of them.

    Leaving the `with` frees what was had, or gives the wish up.

    Parameters
    ----------
    frames : Frames
    order : int
    migratetype : int
    blocks : int or None
        None: one block, and the value is its PFN.
    """

    def __init__(self, frames: "Frames", order: int, migratetype: int, blocks: int | None) -> None:
        super().__init__(frames.env)
        self.frames, self.order, self.migratetype, self.blocks = frames, order, migratetype, blocks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.triggered:
            had: Any = self.value
            self.frames.release(had, self.order)
        else:
            self.cancel()

    def cancel(self) -> None:
        """Give up a wish that has not been served; those behind it may be served now."""
        self.frames.forget(self)


class Frames:
    """The blocks of a zone, with one queue of waiting processes for each order.

    Parameters
    ----------
    env : simpy.Environment
    zone : Zone
        Of either kernel; blocks come straight from its free lists.

    Notes
    -----
    Nobody passes others of the same order; requests of other orders do not wait for them.  A gang is served when all
    of its blocks are there, in one event, so that processes which ask for all they need at once cannot wait in a
    circle.  A free looks at the heads of the queues alone: O(orders).

    Examples
    --------
    >>> env = simpy.Environment()
    >>> frames = Frames(env, Zone(0, 64, min_free_kbytes=0))
    >>> with frames.request(order=4, blocks=3) as gang:
    ...     gang.value, frames.zone.nr_free_pages
    ([0, 16, 32], 16)
    >>> frames.zone.nr_free_pages
    64
    """

    def __init__(self, env: simpy.Environment, zone: Zone) -> None:
        self.env, self.zone = env, zone
        self.movable = int(KERNELS[zone.kernel].MigrateType["MOVABLE"])
        self.waiting: list[deque[Request]] = [deque() for _ in range(zone.max_page_order + 1)]

    def request(self, order: int = 0, migratetype: int | None = None, *, blocks: int | None = None) -> Request:
        """Ask for a block, or for `blocks` of them at once: all or none.

        Parameters
        ----------
        order : int, 0..max_page_order
        migratetype : int, optional
            In the numbers of the zone's kernel; default: MOVABLE.
        blocks : int, optional
            Most that can be had: as many as the zone could hold.

        Returns
        -------
        Request
            An event.

        Raises
        ------
        MisuseError
            If the zone could never have so many, so that the process would wait for ever.
        """
        if not 0 <= order <= self.zone.max_page_order:
            raise MisuseError(f"order={order}: allowed range is 0..{self.zone.max_page_order}")
        most = self.zone.present_pages >> order
        if blocks is not None and not 1 <= blocks <= most:
            raise MisuseError(f"blocks={blocks}: allowed range is 1..{most}, as many as the zone can hold")
        request = Request(self, order, self.movable if migratetype is None else migratetype, blocks)
        if self.waiting[order] or not self._serve(request):
            self.waiting[order].append(request)
        return request

    def release(self, pfns: int | Iterable[int], order: int) -> None:
        """Free a block, or several; those who can be served now are, large blocks first."""
        for pfn in [pfns] if isinstance(pfns, int) else pfns:
            self.zone.free_one_page(pfn, order)
        self._look()

    def forget(self, request: Request) -> None:
        """Take a wish that has not been served out of its queue."""
        queue = self.waiting[request.order]
        first = queue[0] is request
        queue.remove(request)
        if first:
            self._look()

    def _look(self) -> None:
        """Serve the heads of the queues as long as there is something for them."""
        for queue in reversed(self.waiting):
            while queue and self._serve(queue[0]):
                queue.popleft()

    def _serve(self, request: Request) -> bool:
        """Give a request its blocks, if all are there."""
        if request.blocks is None:
            pfn = self.zone.rmqueue(request.order, request.migratetype)
            if pfn is not None:
                request.succeed(pfn)
            return pfn is not None
        free = self.zone.nr_free.tolist()
        if sum(n << (k - request.order) for k, n in enumerate(free) if k >= request.order) < request.blocks:
            return False
        pfns = self.zone.alloc_many(request.blocks, request.order, request.migratetype)
        had = pfns[pfns >= 0]
        if len(had) < request.blocks:  # free ones that such a request may not have, such as isolated ones
            self.zone.free_many(had, request.order)
            return False
        request.succeed(pfns.tolist())
        return True


class ReclaimingRequest(simpy.Event):
    """An allocation that may reclaim: an event whose value is the PFN or the list of them; None if the kernel gives up.

    Leaving the `with` frees what was had, or aborts the allocation; what it has reclaimed stays free.
    """

    def __init__(self, frames: "ReclaimedFrames", order: int, gfp: int, blocks: int | None) -> None:
        super().__init__(frames.env)
        self.frames, self.order, self.gfp, self.blocks = frames, order, gfp, blocks
        self.had: list[int] = []
        self.aborted = False
        frames.env.process(self._allocate())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.aborted = True
        self.frames.release(self.had, self.order)
        self.had = []

    def _allocate(self) -> Generator[simpy.Event, Any, None]:
        for _ in range(1 if self.blocks is None else self.blocks):
            pfn = yield from self.frames.allocate(self.order, self.gfp, self)
            if pfn is not None and self.aborted:
                self.frames.release([pfn], self.order)
            if self.aborted:
                return
            if pfn is None:
                self.frames.release(self.had, self.order)
                self.had = []
                self.succeed(None)
                return
            self.had.append(pfn)
        self.succeed(self.had[0] if self.blocks is None else list(self.had))


class ReclaimedFrames:
    """The memory of a machine, whose allocations reclaim and take simulated time; kswapd works beside them.

    Parameters
    ----------
    env : simpy.Environment
        Its unit of time is a millisecond.
    machine : Machine
    page_us : float, us
        What one page that is scanned, freed or captured costs.
    write_ms : float, ms
        What a write takes that is waited for.

    Notes
    -----
    A gang is allocated block by block; if one of them fails all are given back and the value is None.  It cannot
    wait in a circle with others: an allocation of the kernel ends, one way or the other.

    Examples
    --------
    >>> env = simpy.Environment()
    >>> machine = Machine.preset("x86_64", memory="64MiB", policy="v3")
    >>> machine.lru_cache_add(machine.zones[0].alloc_many(16_000))
    >>> frames = ReclaimedFrames(env, machine)
    >>> def user():
    ...     with frames.request(order=9) as block:
    ...         pfn = yield block
    ...         print(pfn is not None, env.now > 0)
    >>> process = env.process(user())
    >>> env.run()
    True True
    """

    def __init__(
        self, env: simpy.Environment, machine: Machine, *, page_us: float = 0.5, write_ms: float = 4.0
    ) -> None:
        self.env, self.machine, self.page_us, self.write_ms = env, machine, page_us, write_ms
        self.gfp = int(KERNELS[machine.zones[0].kernel].GFP["HIGHUSER_MOVABLE"])
        self._kswapd_runs = False

    def request(self, order: int = 0, gfp: int | None = None, *, blocks: int | None = None) -> ReclaimingRequest:
        """Begin an allocation of a block, or of `blocks` of them, which are had all or not at all.

        Parameters
        ----------
        order : int
        gfp : int, optional
            Default: HIGHUSER_MOVABLE, pages of processes.
        blocks : int, optional
        """
        if blocks is not None and blocks < 1:
            raise MisuseError(f"blocks={blocks}: at least 1 is wanted")
        return ReclaimingRequest(self, order, self.gfp if gfp is None else gfp, blocks)

    def release(self, pfns: int | Iterable[int], order: int) -> None:
        """Free a block, or several."""
        for pfn in [pfns] if isinstance(pfns, int) else pfns:
            self.machine.free_pages(pfn, order)

    def allocate(
        self, order: int, gfp: int, who: ReclaimingRequest | None = None
    ) -> Generator[simpy.Event, Any, int | None]:
        """Allocate in a process of one's own: `pfn = yield from frames.allocate(...)`; None if the kernel gives up."""
        with self.machine.request(order, gfp) as request:
            while who is None or not who.aborted:
                step = request.step(max_pages=32)
                self._wake_kswapd()
                yield self.env.timeout(self._time(step))
                self._end_write(step)
                if step.done:
                    return request.pfn
        return None

    def _time(self, step: Any) -> float:
        """Milliseconds that a step has taken, and those that it waits."""
        work = (step.scanned + step.freed + step.captured) * self.page_us / 1000
        if step.wait == "congestion":
            return float(work + step.wait_ms)
        if step.wait == "writeback":
            return float(work + self.write_ms)
        return float(work if step.done else max(work, _SHORTEST_MS))

    def _end_write(self, step: Any) -> None:
        if step.wait == "writeback" and step.pfn in self.machine.writeback:
            self.machine.end_writeback(step.pfn)

    def _wake_kswapd(self) -> None:
        if not self._kswapd_runs and not self.machine.kswapd.asleep:
            self._kswapd_runs = True
            self.env.process(self._kswapd())

    def _kswapd(self) -> Generator[simpy.Event, Any, None]:
        """Let kswapd work until it sleeps."""
        while not self.machine.kswapd.asleep:
            step = self.machine.kswapd.step(32)
            yield self.env.timeout(self._time(step))
            self._end_write(step)
        self._kswapd_runs = False

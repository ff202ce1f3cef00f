"""Page frames as a SimPy resource: processes wait for a block of their order, and reclaim takes simulated time.

Replaces: a `simpy.Container` that counts free pages.  Gains: a huge page can be unavailable although half of the memory
is free, a frame has one owner at a time, and a request that has to reclaim takes as long as its work and its writes.

    frames = Frames(env, zone)
    with frames.request(order=9) as block:
        pfn = yield block                       # waits until there is one; given back at the end of the block

Run it: python frames.py  (needs `pip install buddycap[sim]`)
"""

from collections import deque

import simpy

from buddycap import GFP, Machine, MigrateType, Zone


class Request(simpy.Event):
    """The wish for one block; its value is the PFN.  Leaving the `with` frees the block, or gives the wish up."""

    def __init__(self, frames, order, migratetype):
        super().__init__(frames.env)
        self.frames, self.order, self.migratetype = frames, order, migratetype

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.triggered:
            self.frames.release(self.value, self.order)
        else:
            self.frames.waiting[self.order].remove(self)


class Frames:
    """The blocks of a zone, with one queue of waiting processes for each order."""

    def __init__(self, env, zone):
        self.env, self.zone = env, zone
        self.waiting = [deque() for _ in range(zone.max_page_order + 1)]

    def request(self, order=0, migratetype=MigrateType.MOVABLE):
        """Return an event that has a block of `order` for its value.  Nobody passes others of the same order."""
        request = Request(self, order, migratetype)
        if self.waiting[order] or not self._serve(request):
            self.waiting[order].append(request)
        return request

    def release(self, pfn, order):
        """Free a block; those who can be served now are, large blocks first."""
        self.zone.free_one_page(pfn, order)
        largest = int(self.zone.nr_free.nonzero()[0][-1])
        for queue in reversed(self.waiting[: largest + 1]):
            while queue and self._serve(queue[0]):
                queue.popleft()

    def _serve(self, request):
        pfn = self.zone.rmqueue(request.order, request.migratetype)
        if pfn is not None:
            request.succeed(pfn)
        return pfn is not None


def alloc_pages(env, machine, order, gfp, page_us=0.5, write_ms=4.0):
    """Allocate on a whole machine, where reclaim takes time: `pfn = yield from alloc_pages(...)`."""
    with machine.request(order, gfp) as request:
        while True:
            step = request.step(max_pages=32)
            work = (step.scanned + step.freed + step.captured) * page_us / 1000
            yield env.timeout(work + {"congestion": step.wait_ms, "writeback": write_ms}.get(step.wait, 0))
            if step.wait == "writeback" and step.pfn in machine.writeback:
                machine.end_writeback(step.pfn)
            if step.done:
                return request.pfn


def fragmented(env, frames, log):
    """Small pages everywhere, every second one freed: half of the memory is free, and no huge page is."""
    small = []
    for _ in range(frames.zone.present_pages):
        small.append((yield frames.request(0)))
    for pfn in small[::2]:
        frames.release(pfn, 0)
    log.append((env.now, "free pages", frames.zone.nr_free_pages))
    yield env.timeout(10)
    for pfn in small[1::2]:
        frames.release(pfn, 0)
        yield env.timeout(0.01)


def wants_huge(env, frames, log):
    """Asks for a huge page while memory is fragmented, and waits for one."""
    yield env.timeout(1)
    with frames.request(order=9) as block:
        pfn = yield block
        log.append((round(env.now, 2), "huge page", pfn % 512))


def reclaims(env, machine, log):
    """Allocates a huge page on a machine that is full of page cache."""
    pfn = yield from alloc_pages(env, machine, 9, GFP.HIGHUSER_MOVABLE)
    log.append((round(env.now, 2), "reclaimed a huge page", pfn is not None))


def main():
    log = []
    env = simpy.Environment()
    frames = Frames(env, Zone(0, 4096, kernel="2.6.27"))
    env.process(fragmented(env, frames, log))
    env.process(wants_huge(env, frames, log))
    env.run()
    env = simpy.Environment()
    machine = Machine.preset("x86_64", memory="64MiB", policy="v3")
    machine.lru_cache_add(machine.zones[0].alloc_many(16_000))
    env.process(reclaims(env, machine, log))
    env.run()
    for line in log:
        print(*line)


if __name__ == "__main__":
    main()

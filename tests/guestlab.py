"""Guests made to order: the twin of 6.1 serves requests, and what it does is written down as the files of a guest."""

import gzip
import json
import random
from contextlib import contextmanager

from reference.linux_6_1.zone import Node, Zone

NAMES = ("DMA", "DMA32", "Normal", "Movable")
KSWAPD = 0x800
UNMOVABLE, MOVABLE, RECLAIMABLE = range(3)


def zone_state(zone, cpus):
    """A zone as `state.*.json.gz` has it."""
    free = [[[] for _ in range(5)] for _ in range(11)]
    for pfn, order, migratetype in zone.free_blocks():
        free[order][migratetype].append(pfn)
    return {
        "name": NAMES[zone.zone_idx],
        "start_pfn": zone.start_pfn,
        "spanned": zone.spanned_pages,
        "present": zone.spanned_pages,
        "managed": zone.managed_pages,
        "watermark": list(zone.wmark),
        "watermark_boost": zone.boost,
        "nr_reserved_highatomic": zone.reserved_highatomic,
        "lowmem_reserve": list(zone.lowmem_reserve),
        "nr_free_counter": zone.nr_free_pages,
        "nr_free": list(zone.nr_free),
        "free": free,
        "pageblock_flags": list(zone.pageblock_migratetype),
        "pcp": [
            {
                **{name: zone.pcp(cpu)[name] for name in ("count", "high", "batch", "free_factor")},
                "lists": [[pfn for pfn, *_ in zone.pcp_blocks(cpu, index)] for index in range(14)],
            }
            for cpu in range(cpus)
        ],
    }


def state(node, cpus):
    """A machine as `state.*.json.gz` has it."""
    return {"rip": "0", "zones": [zone_state(zone, cpus) for zone in node.zones]}


class Recorder:
    """A machine of one or two zones, whose requests are written down from `start()` on."""

    def __init__(self, *, cpus=1, pages=4096, dma=False, seed=0):
        self.cpus = cpus
        zones = [Zone(4096, pages, zone_idx=1, cpus=cpus)]
        if dma:
            zones.insert(0, Zone(1, 4095, zone_idx=0, cpus=cpus, linked_outside=[0]))
        self.node = Node(zones, min_free_kbytes=128)
        self.zone = self.node.zones[-1]
        self.random = random.Random(seed)
        self.held = []
        self.lines = []
        self.started = None

    # Lines

    def line(self, event, payload, *, cpu=0, flags=".....", pid=7):
        """Write an event down."""
        time = f"{10 + len(self.lines) / 1e6:.6f}"
        self.lines.append(f"            task-{pid}     [{cpu:03}] {flags}    {time}: {event}: {payload}\n")

    def mark(self, text):
        """Write a mark down."""
        self.line("tracing_mark_write", f"buddycap: {text}")

    def tell(self, cpu, pid=7):
        """Write down what the allocator tells of itself."""
        for kind, pfn, *rest in self.node.take_events():
            page = f"page=(____ptrval____) pfn={pfn:#x}"
            if kind == "zl":
                values = "order={} migratetype={} percpu_refill={}".format(*rest)
                self.line("mm_page_alloc_zone_locked", f"{page} {values}", cpu=cpu, flags="d..3.", pid=pid)
            elif kind == "dr":
                values = "order={} migratetype={}".format(*rest)
                self.line("mm_page_pcpu_drain", f"{page} {values}", cpu=cpu, flags="d..3.", pid=pid)
            elif kind == "xf":
                values = (
                    "alloc_order={} fallback_order={} pageblock_order=9 alloc_migratetype={} fallback_migratetype={} "
                    "fragmenting=0 change_ownership={}"
                )
                self.line("mm_page_alloc_extfrag", f"{page} {values.format(*rest)}", cpu=cpu, flags="d..3.", pid=pid)

    def request(self, event, pfn, order, more="", **where):
        """Write a request down."""
        self.line(event, f"page=(____ptrval____) pfn={pfn:#x} order={order}{more}", **where)

    # The two states

    def start(self):
        """From now on everything is written down."""
        self.node.take_events()
        self.lines.clear()
        self.mark("snapshot start begin")
        self.started = state(self.node, self.cpus)
        self.mark("snapshot start end")

    def write(self, folder):
        """Write the three files; returns the folder."""
        self.mark("snapshot end begin")
        self.mark("snapshot end end")
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in (("start", self.started), ("end", state(self.node, self.cpus))):
            with gzip.open(folder / f"state.{name}.json.gz", "wt") as file:
                json.dump(value, file)
        with gzip.open(folder / "trace.txt.gz", "wt") as file:
            file.write("# tracer: nop\n#\n")
            file.writelines(self.lines)
        return folder

    # Requests

    def alloc(self, order=0, migratetype=MOVABLE, *, cpu=0, zone=None, pid=7):
        """Allocate; the page is held. Without memory nothing is asked for: the marks would forbid it."""
        self.node.cpu, zone = cpu, zone or self.zone
        factor = zone.pcp(cpu)["free_factor"]
        pfn = zone.rmqueue_zone(order, migratetype, KSWAPD)
        self.tell(cpu, pid)
        if pfn is None:
            zone.set_pcp(cpu, free_factor=factor)
        else:
            flags = "GFP_HIGHUSER_MOVABLE" if migratetype == MOVABLE else "GFP_KERNEL"
            more = f" migratetype={migratetype} gfp_flags={flags}"
            self.request("mm_page_alloc", pfn, order, more, cpu=cpu, pid=pid)
            self.held.append((pfn, order))
        return pfn

    def free(self, pfn, order=0, *, cpu=0):
        """Free a block that is held."""
        self.held.remove((pfn, order))
        self.node.cpu = cpu
        self.request("mm_page_free", pfn, order, cpu=cpu)
        self.node.free_pages(pfn, order)
        self.tell(cpu)

    def free_batch(self, pfns, *, cpu=0, interrupt=None):
        """Free pages together; an interrupt may free one after the first has gone to the list."""
        self.node.cpu = cpu
        for pfn in pfns:
            self.held.remove((pfn, 0))
            self.request("mm_page_free", pfn, 0, cpu=cpu)
        for number, pfn in enumerate(pfns):
            if number == 1 and interrupt is not None:
                self.interrupt(interrupt, cpu)
            self.request("mm_page_free_batched", pfn, 0, cpu=cpu, flags="...2.")
            self.node.free_list([pfn])
            self.tell(cpu)

    def interrupt(self, pfn, cpu):
        """An interrupt frees a page while the lists are locked."""
        self.held.remove((pfn, 0))
        self.request("mm_page_free", pfn, 0, cpu=cpu, flags="..s3.")
        self.zone.lock_pcp(cpu)
        self.node.free_pages(pfn, 0)
        self.zone.lock_pcp(cpu, False)
        self.tell(cpu)

    def bulk(self, n, migratetype=MOVABLE, *, cpu=0):
        """Pages go with no event of an allocation."""
        self.node.cpu = cpu
        pfns = self.zone.alloc_bulk(n, migratetype, KSWAPD)
        self.tell(cpu)
        self.held += [(pfn, 0) for pfn in pfns]
        return pfns

    def drain_all(self, *, cpu=0):
        """A task drains all lists of a CPU."""
        for zone in self.node.zones:
            zone.drain_pages(cpu)
        self.tell(cpu)

    @contextmanager
    def kswapd(self):
        """kswapd is at work."""
        self.zone.reclaim_active = True
        yield
        self.zone.reclaim_active = False

    # Many requests

    def mixed(self, n, *, types=(UNMOVABLE, MOVABLE, RECLAIMABLE), orders=(0, 0, 0, 0, 1, 2, 3, 4, 5, 9), share=0.6):
        """Allocations and frees of all kinds, on all CPUs, around a share of memory in use."""
        draw = self.random
        for _ in range(n):
            cpu = draw.randrange(self.cpus)
            used = sum(1 << order for _, order in self.held)
            if draw.random() < (0.7 if used < share * self.zone.spanned_pages else 0.4) or not self.held:
                self.alloc(draw.choice(orders), draw.choice(types), cpu=cpu, zone=draw.choice(self.node.zones))
            elif draw.random() < 0.3:
                singles = [pfn for pfn, order in self.held if order == 0]
                self.free_batch(draw.sample(singles, min(len(singles), draw.randint(1, 40))), cpu=cpu)
            else:
                self.free(*draw.choice(self.held), cpu=cpu)

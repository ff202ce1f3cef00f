"""Machines of Linux 6.1 or 6.12 for tests: full of pages on the LRU lists, in one zone, in a known order."""

import pytest

from buddycap import Machine, PageFlags, Zone
from buddycap.kernels import KERNELS

GFP = KERNELS["6.1"].GFP
MOVABLE = GFP.HIGHUSER_MOVABLE
HUGE = GFP.TRANSHUGE  # a fault for a huge page in advised memory, second try
ANON = int(PageFlags.ANON | PageFlags.SWAPBACKED)
NORMAL = 2
KERNEL = "6.1"  # of the machines made next: see `both_kernels`


@pytest.fixture(autouse=True, params=["6.1", "6.12"])
def both_kernels(request, monkeypatch):
    """Make a test one of both kernels: imported by modules that ask the same of both."""
    monkeypatch.setitem(globals(), "KERNEL", request.param)
    return request.param


def one_zone(pages=4096, *, cpus=1, **parameters):
    """Return a machine of free memory: zone Normal alone."""
    return Machine([Zone(0, pages, kernel=KERNEL, zone_idx=NORMAL, cpus=cpus, owners=True)], events=True, **parameters)


def fill(machine, gfp=MOVABLE):
    """Allocate single pages without reclaim until the low mark; their PFNs, in the order obtained."""
    quiet = gfp & ~GFP.RECLAIM | GFP.NOMEMALLOC
    return list(iter(lambda: machine.alloc_pages(0, quiet), None))


def full(pages=4096, *, flags=0, **parameters):
    """Return a machine full of pages on an inactive list (default: of files), and the pages, oldest first."""
    machine = one_zone(pages, **parameters)
    pfns = fill(machine)
    machine.lru_cache_add(pfns, flags)
    machine.events()
    return machine, pfns


def lists(machine):
    """Return how many pages are on each list: inactive and active anon, inactive and active file."""
    return machine.zone_state(0)["nr_lru"][:4]


def run(machine, order, gfp, **options):
    """Return a finished request."""
    request = machine.request(order, gfp, **options)
    request.run()
    return request


def kinds(machine):
    """Return the kinds of the events since the last look."""
    return [int(kind) for kind in machine.events()["kind"]]

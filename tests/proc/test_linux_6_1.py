"""Are the texts of a machine of Linux 6.1 those that such a kernel prints, line by line?"""

import re
from pathlib import Path

import pytest

from buddycap import Machine, Zone
from buddycap._core import Node
from buddycap.formats.procfs import (
    format_pagetypeinfo,
    format_vmstat,
    parse_buddyinfo,
    parse_pagetypeinfo,
    parse_vmstat,
)
from buddycap.formats.zoneinfo import format_zoneinfo, parse_zoneinfo
from buddycap.kernels import KERNELS

GFP = KERNELS["6.1"].GFP
RECORDED = Path(__file__).parents[1] / "data" / "proc"  # guest.*: Linux 6.1, one CPU, zones DMA and DMA32


def like_the_guest(**options):
    """Return a machine with the zones of the recorded one."""
    zones = [
        Zone(1, 4095, present_ranges=[(1, 3999)], kernel="6.1", zone_idx=0, **options),
        Zone(4096, 30688, kernel="6.1", zone_idx=1, **options),
    ]
    Node(zones)
    return Machine(zones)


def shape(text):
    """Return the lines of a text, their numbers as 0 and widths of columns as they are for small ones."""
    return [re.sub(r" +0\b", " 0", re.sub(r"\b\d+\b", "0", line)) for line in text.splitlines()]


@pytest.mark.parametrize("name", ["zoneinfo", "pagetypeinfo", "buddyinfo"])
def test_every_line_stands_where_the_kernel_has_it(name):
    text = getattr(like_the_guest(), name)()
    assert shape(text) == shape((RECORDED / f"guest.{name}.start").read_text())


def test_columns_are_as_wide_as_the_kernel_s():
    recorded = (RECORDED / "guest.zoneinfo.start").read_text()
    label = re.compile(r"^( *(?:pages )?[a-z_ ]+:? +)", re.M)
    assert set(label.findall(like_the_guest().zoneinfo())) == set(label.findall(recorded))


def test_our_readers_read_them_back():
    machine = Machine.preset("x86_64", memory="5GiB", cpus=2, kernel="6.1")
    for _ in range(5):
        machine.alloc_pages(0, GFP.HIGHUSER_MOVABLE)
    assert format_zoneinfo(parse_zoneinfo(machine.zoneinfo())) == machine.zoneinfo()
    assert format_pagetypeinfo(parse_pagetypeinfo(machine.pagetypeinfo())) == machine.pagetypeinfo()
    assert format_vmstat(parse_vmstat(machine.vmstat())) == machine.vmstat()
    assert [row.zone for row in parse_buddyinfo(machine.buddyinfo())] == ["DMA", "DMA32", "Normal"]


def test_numbers_are_those_of_the_zones():
    machine = Machine.preset("x86_64", memory="5GiB", cpus=2, kernel="6.1")
    for cpu in (1, 1, 0):
        machine.alloc_pages(0, GFP.HIGHUSER_MOVABLE, cpu=cpu)
    normal = machine.zones[2]
    normal.set_marks([10, 20, 30, 40], boost=5)
    read = {zone.zone: zone for zone in parse_zoneinfo(machine.zoneinfo())}
    pages = read["Normal"].pages
    assert (pages["boost"], pages["min"], pages["low"], pages["high"]) == (5, 15, 25, 35)
    assert (pages["free"], pages["managed"]) == (normal.nr_free_pages, 524288)
    assert [one.values["count"] for one in read["Normal"].pagesets] == [62, 61]
    assert read["DMA32"].protection == tuple(machine.zones[1].lowmem_reserve.tolist())
    assert read["DMA"].node_counters is not None
    assert read["Normal"].node_counters is None
    counters = parse_vmstat(machine.vmstat())
    assert (counters["pgalloc_normal"], counters["pgalloc_dma"]) == (3, 0)
    assert counters["nr_free_pages"] == sum(zone.nr_free_pages for zone in machine.zones)


def test_counters_have_the_names_of_6_1_in_its_order():
    later = list(parse_vmstat((RECORDED / "linux6-12.vmstat").read_text()))  # of 6.12: the same order
    names = list(parse_vmstat(Machine.preset("x86_64", memory="64MiB", kernel="6.1").vmstat()))
    since = {
        *("nr_unaccepted", "nr_iommu_pages", "pgdemote_khugepaged", "nr_memmap_pages", "nr_memmap_boot_pages"),
        *("pgsteal_khugepaged", "pgscan_khugepaged", "zone_reclaim_success", "thp_underused_split_page"),
        *("swpin_zero", "swpout_zero", "zswpwb"),
    }
    moved = {"pgdemote_kswapd", "pgdemote_direct"}  # were events, became counters of the node
    assert [name for name in names if name not in moved] == [n for n in later if n not in since | moved]
    assert names.index("pgsteal_direct") + 1 == names.index("pgdemote_kswapd")


def test_types_of_a_kernel_with_cma():
    zone = Zone(0, 4096, kernel="6.1", zone_idx=2, cma=True)
    titles = list(parse_pagetypeinfo(Machine([zone]).pagetypeinfo()).zones[0].blocks)
    assert titles == ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate"]

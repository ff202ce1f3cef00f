"""A machine of Linux 6.1: which zone serves a request, at which mark, and what it refuses to be asked."""

import numpy as np
import pytest

from buddycap import GFP, REQUEST_DTYPE, Machine, MigrateType, MisuseError, RequestOp, RequestPath, Zone
from buddycap._core import Node
from buddycap.kernels import KERNELS

K61 = KERNELS["6.1"]
MOVABLE = K61.GFP.HIGHUSER_MOVABLE
KERNEL = K61.GFP.KERNEL


def node_of(*spans, **options):
    """Return zones of one node: (index, first PFN, pages)."""
    zones = [Zone(start, pages, zone_idx=idx, kernel="6.1", **options) for idx, start, pages in spans]
    Node(zones)
    return zones


def three_zones(**options):
    return Machine(node_of((0, 0, 4096), (1, 4096, 16384), (2, 1 << 20, 16384), **options))


def take_all(machine, gfp, order=0):
    """Allocate until nothing is left; the PFNs."""
    return list(iter(lambda: machine.alloc_pages(order, gfp), None))


def zone_name(machine, pfn):
    for name, zone in zip(machine.names, machine.zones, strict=True):
        if zone.start_pfn <= pfn < zone.start_pfn + zone.spanned_pages:
            return name
    raise AssertionError(pfn)


class TestWhichZone:
    def test_names_follow_from_the_indices(self):
        assert three_zones().names == ("DMA", "DMA32", "Normal")
        assert Machine(node_of((2, 0, 4096), (3, 4096, 4096))).names == ("Normal", "Movable")

    @pytest.mark.parametrize(
        ("gfp", "zone"),
        [(KERNEL, "Normal"), (MOVABLE, "Normal"), (KERNEL | K61.GFP.DMA32, "DMA32"), (KERNEL | K61.GFP.DMA, "DMA")],
    )
    def test_the_highest_that_the_bits_allow(self, gfp, zone):
        machine = three_zones()
        assert zone_name(machine, machine.alloc_pages(0, gfp)) == zone

    def test_movable_pages_alone_go_to_movable(self):
        machine = Machine(node_of((2, 0, 4096), (3, 4096, 4096)))
        assert zone_name(machine, machine.alloc_pages(0, MOVABLE)) == "Movable"
        assert zone_name(machine, machine.alloc_pages(0, KERNEL)) == "Normal"

    def test_from_the_highest_down_and_lower_zones_keep_a_reserve(self):
        machine = three_zones()
        names = [zone_name(machine, pfn) for pfn in take_all(machine, KERNEL | K61.GFP.NOMEMALLOC)]
        assert list(dict.fromkeys(names)) == ["Normal", "DMA32", "DMA"]
        dma = machine.zones[0]
        assert dma.nr_free_pages >= dma.pages_min + int(dma.lowmem_reserve[2])


class TestTheWalk:
    def test_is_that_of_a_node_with_the_flags_of_the_fast_path(self):
        """Low mark, kswapd, and no mixing of types at first, because memory begins in Normal."""
        machine, node = three_zones(), Node(node_of((0, 0, 4096), (1, 4096, 16384), (2, 1 << 20, 16384)))
        flags = K61.AllocFlags
        fast = flags.WMARK_LOW | flags.KSWAPD | flags.NOFRAGMENT
        rng = np.random.default_rng(7)
        for order in rng.integers(0, 11, 400).tolist():
            movable = bool(rng.integers(2))
            expected = node.alloc_walk(order, int(movable), fast, classzone_idx=3 if movable else 2)
            if expected is None:
                break
            assert machine.alloc_pages(order, MOVABLE if movable else KERNEL) == expected
        assert machine.zones[2].canonical_dump() == node.zones[2].canonical_dump()

    def test_types_are_not_mixed_while_another_zone_has_whole_pageblocks(self):
        machine = Machine(node_of((1, 4096, 16384), (2, 1 << 20, 2048)))
        normal = machine.zones[1]
        while normal.nr_free[9:].any():
            machine.alloc_pages(0, MOVABLE)
        assert normal.nr_free_pages > normal.pages_low
        assert zone_name(machine, machine.alloc_pages(4, KERNEL)) == "DMA32"

    def test_a_request_that_cannot_wait_may_go_below_the_mark(self):
        machine = Machine(node_of((2, 0, 4096)))
        zone = machine.zones[0]
        take_all(machine, MOVABLE & ~K61.GFP.RECLAIM | K61.GFP.NOMEMALLOC)
        zone.drain_pages()
        assert zone.nr_free_pages >= zone.pages_min
        take_all(machine, K61.GFP.HIGH | K61.GFP.KSWAPD_RECLAIM, order=4)
        assert zone.nr_free_pages < zone.pages_min

    def test_below_the_low_mark_kswapd_is_woken(self):
        machine = Machine(node_of((2, 0, 4096)))
        assert machine.kswapd.asleep
        take_all(machine, MOVABLE & ~K61.GFP.DIRECT_RECLAIM)
        assert not machine.kswapd.asleep

    def test_path_of_a_request(self):
        machine = Machine(node_of((2, 0, 4096)))
        request = machine.request(0, MOVABLE)
        assert request.step().done
        assert request.stats["path"] == "fast"


class TestEachCpuHasItsLists:
    def test_a_page_comes_from_the_cpu_that_asks_and_goes_to_the_one_that_frees(self):
        machine = three_zones(cpus=2)
        normal = machine.zones[2]
        pfn = machine.alloc_pages(0, MOVABLE, cpu=1)
        batch = normal.pcp(1)["batch"]
        assert [normal.pcp(cpu)["count"] for cpu in (0, 1)] == [0, batch - 1]
        machine.free_pages(pfn, 0, cpu=0)
        assert [normal.pcp(cpu)["count"] for cpu in (0, 1)] == [1, batch - 1]
        machine.check()

    def test_a_huge_page_is_compound_and_passes_through_them(self):
        machine = three_zones()
        normal = machine.zones[2]
        pfn = machine.alloc_pages(9, K61.GFP.TRANSHUGE)
        with pytest.raises(MisuseError, match="compound"):
            normal.split_page(pfn, 9)
        machine.free_pages(pfn, 9)
        assert normal.pcp_blocks(0, 13)["pfn"][0] == pfn


def stream(rng, n):
    """Return operations: allocations of both types, and frees of earlier ones."""
    ops = np.zeros(n, REQUEST_DTYPE)
    live = []
    for k in range(n):
        if live and rng.random() < 0.5:
            ops[k]["op"], ops[k]["arg"] = RequestOp.FREE, live.pop(int(rng.integers(len(live))))
        else:
            ops[k]["op"], ops[k]["order"], ops[k]["arg"] = RequestOp.ALLOC, int(rng.integers(0, 10)), -1
            ops[k]["gfp"] = MOVABLE if rng.random() < 0.5 else KERNEL
            live.append(k)
        ops[k]["cpu"] = int(rng.integers(2))
    return ops


def test_a_stream_is_the_same_as_single_calls():
    ops = stream(np.random.default_rng(3), 2000)
    machine, single = three_zones(cpus=2), three_zones(cpus=2)
    results, _ = machine.run(ops)
    got = []
    for op in ops:
        if op["op"] == RequestOp.ALLOC:
            got.append(single.alloc_pages(int(op["order"]), int(op["gfp"]), cpu=int(op["cpu"])))
        else:
            pfn = got[op["arg"]]
            if pfn is not None:
                single.free_pages(pfn, int(ops[op["arg"]]["order"]), cpu=int(op["cpu"]))
            got.append(pfn)
    assert results["pfn"].tolist() == [-1 if pfn is None else pfn for pfn in got]
    assert RequestPath.FAST in results["path"]
    assert [zone.digest() for zone in machine.zones] == [zone.digest() for zone in single.zones]


class TestRefused:
    @pytest.mark.parametrize("bits", [GFP.HIGHUSER_MOVABLE, MigrateType.MOVABLE, K61.MigrateType.MOVABLE])
    def test_what_are_no_gfp_bits_of_6_1(self, bits):
        with pytest.raises(MisuseError, match="gfp="):
            three_zones().alloc_pages(9, bits)

    @pytest.mark.parametrize("bits", [MOVABLE, K61.MigrateType.MOVABLE, MigrateType.MOVABLE, K61.AllocFlags.CMA])
    def test_what_are_no_gfp_bits_of_2_6_27(self, bits):
        with pytest.raises(MisuseError, match="gfp="):
            Machine.preset("x86_64", memory="16MiB").alloc_pages(0, bits)

    def test_unknown_bits_name_those_that_are_unknown(self):
        with pytest.raises(MisuseError, match="0x800000"):
            three_zones().alloc_pages(0, 0x800CC0)

    def test_zones_that_are_no_node(self):
        zones = [Zone(0, 4096, kernel="6.1", zone_idx=0), Zone(4096, 16384, kernel="6.1", zone_idx=1)]
        with pytest.raises(MisuseError, match="Node"):
            Machine(zones)

    def test_zones_of_two_kernels(self):
        with pytest.raises(MisuseError, match="one kernel"):
            Machine([Zone(0, 4096), Zone(4096, 4096, kernel="6.1", zone_idx=1)], names=("DMA", "DMA32"))

    def test_zones_that_share_a_pageblock(self):
        with pytest.raises(MisuseError, match="pageblocks"):
            Machine([Zone(0, 4096, kernel="6.1", zone_idx=0), Zone(4000, 4096, kernel="6.1", zone_idx=1)])

    def test_a_name_that_the_index_contradicts(self):
        with pytest.raises(MisuseError, match="zone_idx=2"):
            Machine([Zone(0, 4096, kernel="6.1", zone_idx=2)], names=("DMA",))

    def test_a_capture_policy_of_2008(self):
        with pytest.raises(MisuseError, match="capture lists"):
            Machine(node_of((2, 0, 4096)), policy="v3")
        with pytest.raises(MisuseError, match="capture lists"):
            three_zones().alloc_pages(0, KERNEL, policy="v3")

    def test_a_preset_that_6_1_has_not(self):
        with pytest.raises(MisuseError, match="max_page_order=12"):
            Machine.preset("ppc64", kernel="6.1")
        with pytest.raises(MisuseError, match=r"kernel='5\.4'"):
            Machine.preset("x86_64", kernel="5.4")

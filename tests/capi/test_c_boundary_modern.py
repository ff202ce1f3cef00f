"""Do zones of Linux 6.1 and 6.12 do from C what they do from Python, and is every kernel asked for by its name?"""

import ctypes
import random
import re

import numpy as np
import pytest

from buddycap import KERNELS, Node, Zone
from buddycap.header import declarations
from capilab import STATUS, C, S, config, digest, machine, made, memory, modern, zone

PAGES = 8192
LARGE = 65536  # 1 % of it is more than a pageblock
NUMBERS = {name: int(value, 0) for name, value in re.findall(r"^    (BC_61_\w+) = (\w+)", declarations(), re.M)}


RELEASES = {"6.1": 1, "6.12": 2}


@pytest.fixture(params=RELEASES)
def kernel(request):
    """What is asked of both kernels."""
    return request.param


@pytest.fixture
def pair(kernel):
    """Makes the same zone from C and from Python."""

    def make(pages=PAGES, **fields):
        ours, theirs = modern(pages, kernel=kernel, **fields), Zone(0, pages, kernel=kernel, **fields)
        assert digest(ours) == theirs.digest()
        return ours, theirs

    return make


def fields_of(struct):
    """The fields of a struct with their values, without those that are reserved."""
    names = [name for name, _ in struct._fields_ if not name.startswith("reserved")]
    return {name: getattr(struct, name) for name in names}


class TestNames:
    @pytest.mark.parametrize(
        ("enum", "prefix"), [("MigrateType", "BC_61_"), ("AllocFlags", "BC_61_ALLOC_"), ("GFP", "BC_61_GFP_")]
    )
    def test_numbers_are_those_of_the_kernel(self, enum, prefix, kernel):
        ours = {name.removeprefix(prefix): number for name, number in NUMBERS.items() if name.startswith(prefix)}
        theirs = {name: int(number) for name, number in getattr(KERNELS[kernel], enum).__members__.items()}
        shared = ours.keys() & theirs.keys()
        assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
        assert len(shared) >= len(list(getattr(KERNELS[kernel], enum))), "every bit and every type"

    def test_the_name_of_the_other_kernel_is_refused(self, kernel):
        old, new = zone(PAGES), modern(kernel=kernel)
        result = made("bc_result")
        wrong = STATUS["BC_EMISUSE_KERNEL"]
        assert (C.zone_kernel(old), C.zone_kernel(new)) == (0, RELEASES[kernel])
        assert C.alloc_page(new, 1, 0, 0, ctypes.byref(result)) == result.status == wrong
        assert C.capture_open(new) == C.alloc_exact(new, 3, 1, None) == C.free_at(new, 0, None) == wrong
        assert C.machine_attach(machine(), new) == wrong
        assert C.alloc_61(old, 0, 1, 0, 0, 0, None) == C.isolate_61(old, 0, 512, 1) == C.compact_61(old, None) == wrong
        assert C.status_text(wrong) == b"the zone is one of another kernel"
        for kernel in (-1, 3, 1 << 30):
            assert C.config_init_for(memory(400), ctypes.sizeof(S["bc_config"]), kernel, 0, 1) == wrong
            assert C.zone_bytes(ctypes.byref(config(kernel=kernel))) == 0

    def test_functions_of_one_kernel_alone_refuse_the_other(self):
        newer, older = modern(kernel="6.12"), modern(kernel="6.1")
        wrong = STATUS["BC_EMISUSE_KERNEL"]
        assert C.pcp_get_61(newer, 0, ctypes.byref(made("bc_pcp_61"))) == wrong
        assert C.pcp_get_612(older, 0, ctypes.byref(made("bc_pcp_612"))) == wrong
        assert C.stats_get_612(older, ctypes.byref(made("bc_stats_612"))) == wrong
        assert C.decay_pcp_612(older, 0) == C.set_cache_slice_612(older, 0) == wrong
        assert C.capture_begin_612(older, 3, 1) == wrong

    def test_an_image_is_of_the_kernel_that_is_asked_for(self, tmp_path):
        for kernel, flags in (("2.6.27", 0), ("6.1", 0x100), ("6.12", 0x200)):
            theirs, other = Zone(0, PAGES, kernel=kernel, seed=8), 0x100 if flags != 0x100 else 0x200
            theirs.alloc_many(100)
            theirs.save(tmp_path / "image", force=True) if (tmp_path / "image").exists() else theirs.save(
                tmp_path / "image"
            )
            image = (tmp_path / "image").read_bytes()
            room = memory(C.image_zone_bytes(image, len(image)))
            size = ctypes.sizeof(room)
            assert C.image_kernel(image, len(image)) == flags >> 8
            assert C.image_load_for(image, len(image), room, size, other) == STATUS["BC_EMISUSE_KERNEL"]
            assert C.alloc(room, 0, 1, None) == STATUS["BC_EMISUSE_ZONE"], "nothing has come into the memory"
            assert C.image_load_for(image, len(image), room, size, flags) == 0
            assert digest(room) == theirs.digest()
            ctypes.memmove(room, image, len(image))
            assert C.image_attach(room, size, len(image), other | 1) == STATUS["BC_EMISUSE_KERNEL"]
            assert C.image_attach(room, size, len(image), flags | 1) == 0
            assert C.image_load_for(image, len(image), room, size, 0x400) == STATUS["BC_EMISUSE_FLAGS"]
            (tmp_path / "image").unlink()

    def test_a_field_of_the_other_kernel_is_refused(self, kernel):
        for fields in ({"cma": 1}, {"watermark_boost_factor": 1}, {"nr_linked_outside": 1}):
            assert C.zone_bytes(ctypes.byref(config(**fields))) == 0
        wanted = S["bc_config"]()
        C.config_init_for(ctypes.byref(wanted), ctypes.sizeof(wanted), RELEASES[kernel], 0, PAGES)
        assert C.zone_bytes(ctypes.byref(wanted)) > 0
        for name, value in (("pcp_bulk_cold", 1), ("node_highmem", 1), ("max_page_order", 11), ("cma", 2)):
            before = getattr(wanted, name)
            setattr(wanted, name, value)
            assert C.zone_bytes(ctypes.byref(wanted)) == 0, name
            setattr(wanted, name, before)


class TestTheSameAsPython:
    def test_ranges(self, kernel):
        present = (S["bc_range"] * 2)(made("bc_range", first=1, end=3000), made("bc_range", first=4000, end=8000))
        free = (S["bc_range"] * 2)(made("bc_range", first=64, end=3000), made("bc_range", first=4096, end=7999))
        linked = (ctypes.c_int64 * 1)(0)
        fields = {"ranges": present, "free_ranges": free, "linked_outside": linked}
        fields = {name: ctypes.addressof(array) for name, array in fields.items()}
        ours = modern(PAGES - 1, 1, kernel, **fields, nr_ranges=2, nr_free_ranges=2, nr_linked_outside=1)
        theirs = Zone(1, PAGES - 1, kernel=kernel, present_ranges=[(1, 3000), (4000, 8000)], linked_outside=[0],
                      free_ranges=[(64, 3000), (4096, 7999)])  # fmt: skip
        assert digest(ours) == theirs.digest()
        page = made("bc_page")
        for pfn, state in ((5000, 0), (10, 5), (3500, 4)):
            assert C.page_info(ours, pfn, ctypes.byref(page)) == 0
            assert page.state == state, pfn

    def test_a_stream_of_everything(self, pair):
        ours, theirs = pair(cpus=2, seed=6, owners=True)
        draw, held, compounds = random.Random(6), [], set()
        for _ in range(3000):
            cpu = draw.randrange(2)
            theirs.cpu = cpu
            if not held or draw.random() < 0.55:
                order, kind = draw.choice([0, 0, 1, 2, 3, 4, 9]), draw.randrange(3)
                compound = draw.random() < 0.2
                pfn = theirs.rmqueue_zone(order, kind, compound=compound)
                assert C.alloc_61(ours, order, kind, cpu, 0, compound, None) == (-1 if pfn is None else pfn)
                held += [] if pfn is None else [(pfn, order)]
                (compounds.add if compound and order else compounds.discard)(pfn)
            else:
                pfn, order = held.pop(draw.randrange(len(held)))
                if draw.random() < 0.2:
                    theirs.get_page(pfn)
                    assert C.get_page_61(ours, pfn) == 0
                    assert C.references_61(ours, pfn) == theirs.references(pfn) == 2
                    theirs.free_pages(pfn, order)
                    assert C.free_61(ours, pfn, order, cpu, None) == 0
                    order = order if pfn in compounds else 0
                theirs.free_pages(pfn, order)
                assert C.free_61(ours, pfn, order, cpu, None) == 0
        assert digest(ours) == theirs.digest()
        assert C.check(ours, None) == 0

    def test_per_cpu_lists(self, pair, kernel):
        ours, theirs = pair(cpus=2)
        suffix = {"6.1": "61", "6.12": "612"}[kernel]
        lists, pfns = made(f"bc_pcp_{suffix}"), (ctypes.c_int64 * 40)()
        theirs.cpu = 1
        single = theirs.alloc_bulk(40)
        assert C.alloc_bulk_61(ours, pfns, 40, 1, 1, 0) == 40
        assert list(pfns) == single
        theirs.free_list(single)
        assert C.free_list_61(ours, pfns, 40, 1, None) == 0
        assert C.free_list_61(ours, pfns, 40, 1, pfns) == STATUS["BC_EMISUSE_PAGE_ON_PCP"]
        assert getattr(C, f"pcp_get_{suffix}")(ours, 1, ctypes.byref(lists)) == 0
        assert fields_of(lists) == theirs.pcp(1)
        for step in ("batch", "lock", "disable"):
            if step == "batch":
                theirs.drain_batch(1)
                assert C.drain_batch_61(ours, 1) == 0
            elif step == "lock":
                theirs.lock_pcp(1)
                assert C.pcp_lock_61(ours, 1, 1) == 0
            else:
                theirs.disable_pcp()
                assert C.pcp_disable_61(ours, 1) == 0
            assert digest(ours) == theirs.digest(), step
        assert C.drain_pages(ours, 0) == 0
        assert C.pcp_lock_61(ours, 2, 1) == STATUS["BC_EMISUSE_CPU_RANGE"]

    def test_marks(self, pair):
        ours, theirs = pair()
        stats = made("bc_stats_61")
        theirs.set_min_free_kbytes(3000, watermark_scale_factor=70)
        assert C.set_min_free_kbytes(ours, 3000) == C.set_scale_factor_61(ours, 70) == 0
        theirs.set_boost_factor(900)
        assert C.set_boost_factor_61(ours, 900) == 0
        theirs.set_pcp_high_fraction(9)
        assert C.set_pcp_high_fraction_61(ours, 9) == 0
        assert digest(ours) == theirs.digest()
        for order in range(11):
            for flags in (0, 1, 2, 3, 0x10, 0x20, 0x208):
                fast = theirs.watermark_fast(order, classzone_idx=2, alloc_flags=flags)
                assert C.watermark_fast_61(ours, order, 2, flags, 0) == fast
                full = theirs.watermark_ok(order, 500, classzone_idx=4, alloc_flags=flags)
                assert C.watermark_ok(ours, order, 500, 4, flags) == full
        while theirs.boost == 0 and theirs.rmqueue(0, 0) is not None:
            theirs.rmqueue(5, 1)
            assert C.alloc(ours, 0, 0, None) >= 0
            assert C.alloc(ours, 5, 1, None) >= -1
        theirs.balance_boost(7)
        assert C.boost_less_61(ours, 7) == 0
        assert C.stats_get_61(ours, ctypes.byref(stats)) == 0
        assert (stats.boost, stats.pages_promo, stats.wakeups) == (theirs.boost, theirs.wmark[3], theirs.wakeups)
        assert list(stats.lowmem_reserve) == theirs.lowmem_reserve.tolist()
        assert digest(ours) == theirs.digest()

    def test_high_order_atomic_requests(self, pair):
        ours, theirs = pair(LARGE)
        assert C.alloc_61(ours, 3, 0, 0, 0x200, 0, None) == theirs.rmqueue_zone(3, 0, 0x200)
        assert theirs.reserved_highatomic == 512
        assert C.unreserve_highatomic_61(ours, 1, 1) == theirs.unreserve_highatomic(1, force=True)
        assert digest(ours) == theirs.digest()

    def test_ranges_out_of_bounds(self, pair):
        ours, theirs = pair()
        block = theirs.rmqueue(5, 1)
        assert C.alloc(ours, 5, 1, None) == block
        for _ in range(2):
            done = theirs.isolate_range(block & -512, (block & -512) + 1024)
            assert C.isolate_61(ours, block & -512, (block & -512) + 1024, 1) == done
            theirs.set_lru(block, 32)
            assert C.set_lru_61(ours, block, 32, 1) == 0
        assert done, "pages with the mark can move"
        assert C.is_isolated_61(ours, block & -512, (block & -512) + 512) == 0
        theirs.undo_isolate_range(block & -512, (block & -512) + 1024)
        assert C.unisolate_61(ours, block & -512, (block & -512) + 1024, 1) == 0
        assert C.isolate_61(ours, 0, PAGES + 1, 1) == STATUS["BC_EMISUSE_PFN_RANGE"]
        assert digest(ours) == theirs.digest()

    def test_blocks_taken_and_captured(self, pair):
        ours, theirs = pair(cma=True)
        block = int(theirs.free_blocks(10)["pfn"][0])
        assert C.take_free_61(ours, block) == theirs.take_free_block(block) == 1024
        assert C.put_free_61(ours, block, 9, 1) == STATUS["BC_EMISUSE_PAGE_NOT_TAKEN"]
        theirs.put_free_block(block, 10, 1)
        assert C.put_free_61(ours, block, 10, 1) == 0
        pfn = theirs.rmqueue(4, 0)
        assert C.alloc(ours, 4, 0, None) == pfn
        theirs.arm_capture(4)
        assert C.capture_end_61(ours) == STATUS["BC_EMISUSE_VALUE"]
        assert C.capture_begin_61(ours, 4) == 0
        theirs.free_one_page(pfn, 4)
        assert C.free(ours, pfn, 4, None) == 0
        assert C.capture_end_61(ours) == (-1 if (got := theirs.end_capture()) is None else got)
        assert C.init_cma_61(ours, 0) == STATUS["BC_EMISUSE_PAGE_NOT_RESERVED"]
        assert digest(ours) == theirs.digest()

    def test_whole_arrays_and_streams(self, pair):
        ours, theirs = pair(seed=1)
        pfns = theirs.alloc_many(5000)
        got = np.empty(5000, np.int64)
        assert C.alloc_many(ours, got.ctypes.data, 5000, 0, 1, None) == 5000
        assert (got == pfns).all()
        theirs.free_many(pfns[::2])
        half = pfns[::2].copy()
        assert C.free_many(ours, half.ctypes.data, len(half), None, 0, None, None) == 0
        assert C.split(ours, int(pfns[1]), 0) == 0
        other = memory(C.zone_size(ours), 0xA5)
        assert C.zone_copy(ours, other, ctypes.sizeof(other)) == 0
        assert digest(other) == digest(ours) == theirs.digest()

    @pytest.mark.parametrize("migratetype", [0, 1])
    def test_a_capture_for_a_request_of_a_type(self, migratetype):
        ours, theirs = modern(PAGES, kernel="6.12"), Zone(0, PAGES, kernel="6.12")
        pfn = theirs.rmqueue(4, 1)
        assert C.alloc(ours, 4, 1, None) == pfn
        theirs.arm_capture(4, migratetype)
        assert C.capture_begin_612(ours, 4, migratetype) == 0
        assert C.capture_begin_612(ours, 4, migratetype) == STATUS["BC_EMISUSE_VALUE"]
        theirs.free_one_page(pfn, 4)
        assert C.free(ours, pfn, 4, None) == 0
        got = theirs.end_capture()
        assert (got is not None) == (migratetype == 1), "a small block of a movable pageblock is for movable requests"
        assert C.capture_end_61(ours) == (-1 if got is None else got)
        assert digest(ours) == theirs.digest()

    def test_what_6_12_counts_and_lists_that_shrink(self):
        ours, theirs = modern(LARGE, kernel="6.12"), Zone(0, LARGE, kernel="6.12")
        stats = made("bc_stats_612")
        assert C.set_cache_slice_612(ours, 1 << 21) == 0
        theirs.set_cache_slice(1 << 21)
        got = np.empty(500, np.int64)
        assert C.alloc_bulk_61(ours, got.ctypes.data, 500, 1, 0, 0) == 500
        assert got.tolist() == theirs.alloc_bulk(500)
        assert C.alloc_61(ours, 3, 0, 0, 0x200, 0, None) == theirs.rmqueue_zone(3, 0, 0x200)
        assert C.decay_pcp_612(ours, 0) == theirs.decay_pcp() == 1
        assert C.stats_get_612(ours, ctypes.byref(stats)) == 0
        assert fields_of(stats) == {"nr_free_highatomic": theirs.nr_free_highatomic, "below_high": theirs.below_high}
        assert stats.nr_free_highatomic > 0
        assert digest(ours) == theirs.digest()


class TestCompaction:
    def test_a_whole_zone_is_compacted(self, pair):
        ours, theirs = pair(owners=True, seed=3)
        pfns, owners, result = np.arange(PAGES), np.arange(1, PAGES + 1, dtype=np.uint64), made("bc_result")
        holes = np.array([pfn for pfn in range(PAGES // 2, PAGES) if pfn % 4 < 2])
        got = np.empty(PAGES, np.int64)
        theirs.alloc_many(PAGES)
        theirs.set_owners(pfns, owners)
        theirs.set_lru(0, PAGES // 2)
        theirs.free_many(holes)
        assert C.alloc_many(ours, got.ctypes.data, PAGES, 0, 1, None) == PAGES
        assert C.set_owners(ours, pfns.ctypes.data, owners.ctypes.data, PAGES) == 0
        assert C.set_lru_61(ours, 0, PAGES // 2, 1) == 0
        assert C.free_many(ours, holes.ctypes.data, len(holes), None, 0, None, None) == 0
        run = Node([theirs]).compact_memory()
        run.run()
        moved = C.compact_61(ours, ctypes.byref(result))
        assert moved == run.stats["moved"] > len(holes) // 2
        assert digest(ours) == theirs.digest()
        names = ("migrate_scanned", "free_scanned")
        assert {name: getattr(result.cost, name) for name in names} == {name: run.stats[name] for name in names}
        assert (result.pfn, result.cost.migrated, C.check(ours, None)) == (-1, moved, 0)

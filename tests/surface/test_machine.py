"""Machines at the surface: presets, several zones, texts, events; and everything at once under load."""

import copy
import pickle
import random
import threading

import numpy as np
import pytest

from buddycap import GFP, CapturePolicy, Machine, MisuseError, PageFlags, PolicyError, Zone
from buddycap.formats.procfs import parse_buddyinfo, parse_pagetypeinfo, parse_vmstat
from buddycap.formats.zoneinfo import format_zoneinfo, parse_zoneinfo
from buddycap.machine import EventKind
from buddycap.policies.capture import POLICIES, find_policy
from reclaimlab import ANON, flags_of, full_machine, isolated, lru_counts, scan_now, starving_machine
from zone_struct import PF_ORPHAN, PG_MARKED, PG_STATE


class TestPresets:
    @pytest.mark.parametrize(("name", "largest", "pageblock"), [("x86_64", 10, 9), ("ppc64", 12, 12)])
    def test_geometry(self, name, largest, pageblock):
        machine = Machine.preset(name, memory="128MiB", cpus=4)
        (zone,) = machine.zones
        assert (zone.max_page_order, zone.pageblock_order, zone.cpus) == (largest, pageblock, 4)
        assert zone.present_pages == 32768
        assert machine.swap_free == 32768, "as large as memory"
        machine.check()

    @pytest.mark.parametrize(
        ("memory", "pages"), [("64MiB", 16384), ("0.5 GiB", 131072), (1 << 26, 16384), ("65536kib", 16384)]
    )
    def test_sizes(self, memory, pages):
        assert Machine.preset("x86_64", memory=memory).zones[0].present_pages == pages

    def test_a_name_stands_for_a_gigabyte(self):
        assert Machine("ppc64").zones[0].present_pages == 262144

    @pytest.mark.parametrize("memory", ["", "GiB", "-1GiB", "1PB", "4095", None, "1e9"])
    def test_sizes_that_are_none(self, memory):
        with pytest.raises(MisuseError):
            Machine.preset("x86_64", memory=memory)

    def test_unknown_names(self):
        with pytest.raises(MisuseError, match="ia64"):
            Machine.preset("ia64")
        with pytest.raises(PolicyError, match="v9"):
            Machine.preset("x86_64", memory="64MiB", policy="v9")


class TestConstruction:
    @staticmethod
    def zone(zone_idx=0, **changes):
        present = [4096, 4096, 0, 0]
        arguments = {"node_present_pages": present, "zone_idx": zone_idx, "pageblock_order": 6} | changes
        return Zone(4096 * zone_idx, 4096, **arguments)

    @pytest.mark.parametrize(
        "changes",
        [
            {"zone_idx": 0},
            {"cpus": 2},
            {"max_page_order": 9},
            {"node_present_pages": [4095, 4096, 0, 0]},
        ],
    )
    def test_zones_that_do_not_belong_together(self, changes):
        with pytest.raises(MisuseError, match="zones"):
            Machine([self.zone(0), self.zone(**{"zone_idx": 1, **changes})])

    @pytest.mark.parametrize(
        "parameters",
        [
            {"swappiness": 101},
            {"swap_pages": -1},
            {"oom_rounds": 0},
            {"writeback_limit": -1},
            {"slab_objects_per_page": 0},
            {"names": ("DMA", "Normal")},
            {"names": ("Upper",)},
        ],
    )
    def test_parameters_out_of_range(self, parameters):
        with pytest.raises(MisuseError, match=next(iter(parameters))):
            Machine([Zone(0, 64)], **parameters)

    def test_things_that_are_no_zones(self):
        with pytest.raises(MisuseError):
            Machine([])
        with pytest.raises((TypeError, AttributeError)):
            Machine([1, 2])

    def test_a_machine_is_neither_pickled_nor_set_up_twice(self):
        machine, _ = full_machine()
        with pytest.raises(TypeError):
            pickle.dumps(machine)
        with pytest.raises(TypeError):
            copy.copy(machine.request(0, GFP.KERNEL))
        with pytest.raises(MisuseError):
            machine.__init__(list(machine.zones))


class TestPolicies:
    def test_rows_are_checked(self):
        for changes in (
            {"capture": 1},
            {"capture": True, "capture_min_order": 16},
            {"capture": True, "batch": 15},
            {"check_real_order": True},
        ):
            with pytest.raises(PolicyError):
                CapturePolicy("mine", **changes)

    def test_names_and_rows(self):
        assert find_policy("v4").batch == 14
        assert find_policy(POLICIES["v1"]) is POLICIES["v1"]
        assert {name: row.name for name, row in POLICIES.items()} == {name: name for name in POLICIES}

    def test_a_request_may_bring_its_own(self):
        machine, zone = full_machine(free=[(0, 0)], policy="none")
        machine.lru_cache_add(range(8, 60))
        assert machine.alloc_pages(4, GFP.KERNEL, policy="v3") is not None
        assert zone.vmstat()["capture_taken"] == 1
        with pytest.raises(PolicyError):
            machine.alloc_pages(4, GFP.KERNEL, policy="v7")


class TestZones:
    @staticmethod
    def node():
        """Return a machine of three zones of 8, 16 and 32 MiB."""
        present = [2048, 4096, 8192, 0]
        starts = [0, 2048, 8192]
        return Machine(
            Zone(
                start,
                pages,
                zone_idx=k,
                node_present_pages=present,
                pageblock_order=6,
                lowmem_reserve_ratio=(64, 64, 32, 32),
            )
            for k, (start, pages) in enumerate(zip(starts, present, strict=False))
        )

    def test_requests_start_in_the_highest_zone_they_may_use(self):
        for gfp, place in ((GFP.KERNEL, 2), (GFP.HIGHUSER_MOVABLE, 2), (GFP.KERNEL | GFP.DMA32, 1), (GFP.DMA, 0)):
            machine = self.node()
            zone = machine.zones[place]
            pfn = machine.alloc_pages(2, gfp)
            assert zone.start_pfn <= pfn < zone.start_pfn + zone.spanned_pages

    def test_names_say_what_a_zone_is_for(self):
        machine = self.node()
        machine = Machine(machine.zones, names=("DMA", "Normal", "Movable"))
        for gfp, place in ((GFP.KERNEL, 1), (GFP.HIGHUSER, 1), (GFP.HIGHUSER_MOVABLE, 2), (GFP.KERNEL | GFP.DMA32, 1)):
            zone = machine.zones[place]
            pfn = machine.alloc_pages(2, gfp)
            assert zone.start_pfn <= pfn < zone.start_pfn + zone.spanned_pages
            machine.free_pages(pfn, 2)

    def test_lower_zones_keep_a_reserve_from_requests_that_could_use_higher_ones(self):
        machine = self.node()
        lowest, middle, highest = machine.zones
        while machine.alloc_pages(0, GFP.ATOMIC) is not None:
            pass
        state = machine.zone_state(0)
        assert state["protection"][:3] == [0, 64, 192]
        mark = state["min"] - state["min"] // 2
        mark -= mark // 4
        assert lowest.nr_free_pages == mark + 192
        while machine.alloc_pages(0, GFP.DMA) is not None:
            pass
        assert lowest.nr_free_pages == state["min"] - state["min"] // 4, "nothing is kept from those who need it here"

    def test_a_forbidden_zone_is_passed_over(self):
        machine = self.node()
        machine.zones[2].cpuset_allowed = False
        pfn = machine.alloc_pages(0, GFP.KERNEL)
        assert machine.zones[1].start_pfn <= pfn < machine.zones[2].start_pfn

    @pytest.mark.parametrize(("bits", "scanned"), [(0, [True, True, True]), (GFP.DMA, [True, False, False])])
    def test_reclaim_goes_through_all_zones_of_the_list(self, bits, scanned):
        machine = self.node()
        for zone in machine.zones:
            machine.lru_cache_add(zone.alloc_many(zone.nr_free_pages - 1), PageFlags.PINNED)
        machine.request(0, GFP.KERNEL | GFP.NORETRY | bits).run()
        assert [zone.vmstat()["pgscan_direct"] > 0 for zone in machine.zones] == scanned
        machine.check()

    def test_the_slab_shrinks_in_the_zone_that_has_most(self):
        machine = self.node()
        for zone, slab in zip(machine.zones, (100, 900, 300), strict=True):
            machine.slab_add(zone.alloc_many(zone.nr_free_pages - 1)[:slab])
        with machine.request(0, GFP.KERNEL | GFP.NORETRY) as request:
            request.step(1)
        assert [machine.zone_state(k)["nr_lru"][5] for k in range(3)] == [100, 900 - 128, 300]

    def test_pages_of_no_zone(self):
        machine = self.node()
        for pfn in (7000, 16384, -1):
            with pytest.raises(MisuseError, match="none of"):
                machine.free_pages(pfn, 0)


class TestTexts:
    @staticmethod
    def machine():
        machine = Machine.preset("x86_64", memory="64MiB", cpus=2)
        for order in (0, 3, 5):
            machine.alloc_pages(order, GFP.KERNEL)
        machine.lru_cache_add(machine.zones[0].alloc_many(40), PageFlags.ACTIVE)
        return machine

    def test_buddyinfo(self):
        machine = self.machine()
        (row,) = parse_buddyinfo(machine.buddyinfo())
        assert (row.zone, row.nr_free) == ("Normal", tuple(machine.zones[0].nr_free.tolist()))

    def test_pagetypeinfo(self):
        machine = self.machine()
        info = parse_pagetypeinfo(machine.pagetypeinfo())
        (zone,) = info.zones
        assert info.pageblock_order == 9
        assert list(zone.free) == ["Unmovable", "Reclaimable", "Movable", "Reserve", "Isolate"]
        assert sum(n << k for row in zone.free.values() for k, n in enumerate(row)) == machine.zones[0].nr_free_pages
        assert sum(zone.blocks.values()) == 32

    def test_zoneinfo(self):
        machine = self.machine()
        text = machine.zoneinfo()
        (zone,) = parse_zoneinfo(text)
        state = machine.zone_state(0)
        assert zone.pages["free"] == state["free"]
        assert zone.counters["nr_active_file"] == 40
        assert [pageset.values["high"] for pageset in zone.pagesets] == [18, 18]
        assert zone.trailer["prev_priority"] == 12
        assert format_zoneinfo([zone]) == text

    def test_vmstat(self):
        machine = self.machine()
        counters = parse_vmstat(machine.vmstat())
        assert counters["pgalloc_normal"] == 1 + 8 + 32 + 40
        assert counters["nr_free_pages"] == machine.zones[0].nr_free_pages
        assert counters["nr_writeback"] == 0

    def test_several_zones_are_summed_or_named(self):
        machine = TestZones.node()
        machine.alloc_pages(0, GFP.KERNEL)
        machine.alloc_pages(2, GFP.KERNEL | GFP.DMA)
        counters = parse_vmstat(machine.vmstat())
        assert counters["pgalloc_dma"] == 4
        assert counters["pgalloc_normal"] == 1
        assert [row.zone for row in parse_buddyinfo(machine.buddyinfo())] == ["DMA", "DMA32", "Normal"]
        assert len(parse_zoneinfo(machine.zoneinfo())) == len(parse_pagetypeinfo(machine.pagetypeinfo()).zones) == 3


class TestEvents:
    def test_they_name_page_owner_and_zone(self):
        machine, zone = starving_machine(events=True, swap_pages=8, geometry={"owners": True})
        machine.lru_cache_add(5, ANON | PageFlags.MMAP)
        zone.set_owner(5, 0xFEDCBA9876543210)
        scan_now(machine, inactive_anon=32)
        machine.alloc_pages(0, GFP.KERNEL)
        events = machine.events()
        ours = events[events["owner"] == 0xFEDCBA9876543210]
        names = [EventKind(kind).name for kind in ours["kind"]]
        assert names[:3] == ["SWAPPED", "UNMAPPED", "PAGEOUT"]
        assert set(ours["page"]) == {5}
        assert set(ours["zone"]) == {0}
        assert machine.events().size == 0

    def test_none_is_lost_however_many_there_are(self):
        machine = Machine.preset("x86_64", memory="64MiB", events=True)
        zone = machine.zones[0]
        pages = zone.alloc_many(zone.nr_free_pages)
        machine.lru_cache_add(pages, PageFlags.MMAP)
        for _ in range(40):
            machine.alloc_pages(9, GFP.HIGHUSER_MOVABLE)
        events = machine.events()
        told = events["page"][events["kind"] == EventKind.RECLAIMED]
        assert len(np.unique(told)) == len(told) == zone.vmstat()["pgsteal"] > 1024
        assert np.count_nonzero(events["kind"] == EventKind.UNMAPPED) == len(told)

    def test_they_have_to_be_wanted(self):
        with pytest.raises(MisuseError):
            full_machine()[0].events()


class Crowd:
    """Everything that can happen to a machine, in random order."""

    def __init__(self, seed, policy):
        self.random = random.Random(seed)
        present = [2048, 6144, 0, 0]
        self.zones = [
            Zone(start, pages, zone_idx=k, node_present_pages=present, pageblock_order=6, cpus=2, min_free_kbytes=400)
            for k, (start, pages) in enumerate(((0, 2048), (2048, 6144)))
        ]
        self.machine = Machine(self.zones, policy=policy, swap_pages=1500, writeback_limit=600)
        self.kernel = {}
        self.requests = []
        while sum(zone.nr_free_pages for zone in self.zones) > 400:
            self.grow()

    def zone_of(self, pfn):
        return self.zones[pfn >= 2048]

    def flags(self, pfn):
        zone = self.zone_of(pfn)
        return flags_of(zone, pfn - zone.start_pfn)

    def grow(self):
        """Allocate pages the ordinary way and use them for something."""
        for _ in range(self.random.randrange(1, 30)):
            pfn = self.machine.alloc_pages(0, GFP.ATOMIC, cpu=self.random.randrange(2))
            if pfn is None:
                return
            if self.random.random() < 0.1:
                self.kernel[pfn] = 0
            elif self.random.random() < 0.1:
                self.machine.slab_add(pfn, self.random.choice([0, 0, PageFlags.REFERENCED, PageFlags.PINNED]))
            else:
                base = self.random.choice([0, 0, ANON])
                extra = self.random.choice([0, PageFlags.ACTIVE, PageFlags.DIRTY, PageFlags.MMAP | PageFlags.YOUNG])
                self.machine.lru_cache_add(pfn, base | extra)

    def begin(self):
        order = self.random.choice([0, 1, 2, 3, 4, 5, 6, 9])
        gfp = self.random.choice(
            [GFP.KERNEL, GFP.HIGHUSER_MOVABLE, GFP.NOFS, GFP.KERNEL | GFP.DMA, GFP.KERNEL | GFP.REPEAT]
        )
        self.requests.append((self.machine.request(order, gfp, cpu=self.random.randrange(2)), order))

    def go_on(self):
        if self.requests:
            place = self.random.randrange(len(self.requests))
            request, order = self.requests[place]
            request.step(self.random.choice([1, 5, 50]))
            if request.done or self.random.random() < 0.02:
                request.close()
                if request.pfn is not None:
                    self.kernel[request.pfn] = order
                del self.requests[place]

    def touch(self):
        """Change or drop some page that is on a list, isolated or under writeback."""
        pfn = self.random.randrange(8192)
        flags = self.flags(pfn)
        state = int(self.zone_of(pfn).page_order[pfn - self.zone_of(pfn).start_pfn]) & PG_STATE
        if state != PG_MARKED or flags & PF_ORPHAN:
            return
        choice = self.random.randrange(7)
        if choice == 0:
            self.machine.release(pfn, cpu=self.random.randrange(2))
        elif choice == 1 and flags & PageFlags.LRU:
            self.machine.mark_page_accessed(pfn)
        elif choice == 2 and not flags & PageFlags.SLAB:
            self.machine.mlock(pfn, self.random.random() < 0.3)
        elif choice == 3 and flags & PageFlags.LRU and not flags & (PageFlags.WRITEBACK | PageFlags.SLAB):
            self.machine.start_writeback(pfn)
        elif choice == 4:
            self.machine.set_page_flags(pfn, set=self.random.choice([PageFlags.DIRTY, PageFlags.PINNED]))
        elif choice == 5:
            self.machine.set_page_flags(pfn, clear=PageFlags.PINNED, set=PageFlags.REFERENCED)
        elif flags & PageFlags.ANON:
            self.machine.set_page_flags(pfn, set=PageFlags.MMAP | PageFlags.YOUNG)

    def end_writes(self):
        for pfn in self.machine.writeback.tolist()[: self.random.randrange(40)]:
            self.machine.end_writeback(pfn)

    def free(self):
        if self.kernel:
            pfn = self.random.choice(list(self.kernel))
            self.machine.free_pages(pfn, self.kernel.pop(pfn), cpu=self.random.randrange(2))

    def go(self, rounds):
        steps = [self.grow, self.begin, self.free, self.end_writes, lambda: self.machine.kswapd.step(20)]
        weights = [4, 1, 2, 2, 3]
        for _ in range(rounds):
            self.random.choices([*steps, self.go_on, self.touch], [*weights, 12, 20])[0]()

    def settle(self):
        """Let everything end and give back what was obtained."""
        for request, order in self.requests:
            request.close()
            if request.pfn is not None:
                self.kernel[request.pfn] = order
        for pfn, order in self.kernel.items():
            self.machine.free_pages(pfn, order)
        for pfn in self.machine.writeback.tolist():
            self.machine.end_writeback(pfn)


@pytest.mark.parametrize("policy", ["none", "v3", "v4", "all-orders"])
@pytest.mark.parametrize("seed", range(4))
def test_everything_at_once(seed, policy):
    crowd = Crowd(seed, policy)
    for _ in range(12):
        crowd.go(250)
        crowd.machine.check()
    crowd.settle()
    crowd.machine.kswapd.run()
    crowd.machine.check()
    zones = crowd.zones
    assert sum(zone.vmstat()["pgscan_direct"] for zone in zones) > 300
    for zone in zones:
        listed = sum(crowd.machine.zone_state(zones.index(zone))["nr_lru"])
        pcp = sum(len(zone.pcp_pages(cpu)) for cpu in range(2))
        assert isolated(zone) == []
        assert zone.nr_free_pages + listed + pcp == zone.present_pages, "nothing leaked"


def test_threads_take_turns():
    machine = Machine.preset("x86_64", memory="256MiB")
    zone = machine.zones[0]
    machine.lru_cache_add(zone.alloc_many(zone.nr_free_pages - 2000))
    got = []

    def work():
        for _ in range(12):
            pfn = machine.alloc_pages(9, GFP.HIGHUSER_MOVABLE, policy="v3")
            if pfn is not None:
                got.append(pfn)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == len(got) > 10
    machine.check()
    assert lru_counts(machine)

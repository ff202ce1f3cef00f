"""Can a C caller break anything? Every function is called with all kinds of wrong arguments, and says what is wrong."""

import ctypes
import random
import re
from typing import ClassVar

import numpy as np
import pytest

from buddycap import GFP, Machine, MisuseError, Zone
from buddycap.header import declarations, function_types
from buddycap.machine import EventKind
from capilab import PAGES, STATUS, C, S, config, digest, machine, made, memory, modern, zone
from sourcelint import PACKAGE

INT64 = (-(1 << 63), -1, 0, 1, 5, 63, 64, 511, 4095, 4096, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 63) - 1)
INT32 = tuple(n for n in INT64 if -(1 << 31) <= n < 1 << 31)
WRITERS = ("zone_init", "zone_copy", "image_load", "image_load_for", "image_attach", "machine_init", "get_api")
FLAGS = ("compound", "alloc_flags", "lru", "atomic", "force", "disabled")


def fields_of(text, name):
    """Types of the fields of a struct that _core.pxd reads from the header, and their names there."""
    body = re.search(rf'^    ctypedef struct \w+ "{name}":[^\n]*\n((?:        [^\n]*\n)+)', text, re.M)[1]
    return [
        (kind, theirs or ours) for kind, ours, theirs in re.findall(r'^        (\w+) (\w+)(?: "(\w+)")?', body, re.M)
    ]


def enum_of(text, first):
    """Names and numbers of an enum of _core.pxd that begins with a name."""
    body = re.search(rf"^cdef enum:[^\n]*\n((?:    {first}\b)(?:[^\n]*\n    )*?[^\n]*\n)(?=\n)", text, re.M)[1]
    found, number = {}, -1
    for name, value in re.findall(r"^    (\w+)(?: = ([^#\n]+))?", body, re.M):
        number = eval(value) if value else number + 1  # our own file: numbers and shifts
        found[name] = number
    return found


class TestHeaderAndCore:
    TEXT = (PACKAGE / "_core.pxd").read_text()
    NUMBERS: ClassVar = dict(re.findall(r"^    (BC_\w+) = (-?\w+)", declarations(), re.M))

    @pytest.mark.parametrize(
        ("first", "core", "ours"),
        [
            ("ST_OK", "ST_", "BC_EMISUSE_"),
            ("MT_UNMOVABLE", "MT_", "BC_"),
            ("ALLOC_NO_WATERMARKS", "ALLOC_", "BC_ALLOC_"),
            ("PF_LOCKED", "PF_", "BC_PF_"),
            ("GFP_DMA", "GFP_", "BC_GFP_"),
            ("WAIT_NONE", "WAIT_", "BC_WAIT_"),
            ("PATH_NONE", "PATH_", "BC_PATH_"),
            ("EV_RECLAIMED", "EV_", "BC_EV_"),
            ("QUEUE_NONE", "QUEUE_", "BC_QUEUE_"),
            ("NOTE_CAPTURED", "NOTE_", "BC_NOTE_"),
            ("TASK_MEMALLOC", "TASK_", "BC_TASK_"),
        ],
    )
    def test_numbers_are_the_same(self, first, core, ours):
        numbers = {name.removeprefix(core): number for name, number in enum_of(self.TEXT, first).items()}
        if core == "ST_":
            numbers = {name: -1 - number for name, number in numbers.items() if name not in ("OK", "NR_STATUS")}
            renamed = {"PAGE_IN_USE_BY_RECLAIM": "IN_USE_BY_RECLAIM"}
            numbers = {renamed.get(name, name): number for name, number in numbers.items()}
        assert {name: int(self.NUMBERS[ours + name], 0) for name in numbers} == numbers

    def test_counters_are_the_same(self):
        names = enum_of(self.TEXT, "VM_PGALLOC")
        listed = re.search(r"enum bc_vm_event \{.*?\n(.*?)\};", declarations(), re.S)[1]
        assert re.findall(r"BC_(\w+)", listed) == list(names)

    @pytest.mark.parametrize("ours", ["bc_policy", "bc_op", "bc_cost", "bc_violation", "bc_event"])
    def test_the_core_reads_structs_from_the_header_in_its_order(self, ours):
        """Tables filled by name go by this order: costs, policies. Sizes and offsets are the header's in any case."""
        found = fields_of(self.TEXT, ours)
        types = {f"{u}int{n}_t": getattr(ctypes, f"c_{u}int{n}") for u in ("", "u") for n in (8, 16, 32, 64)}
        layout = [(name, types[kind]) for kind, name in found]
        own = [field for field in S[ours]._fields_ if field[0] != "reserved" or ("reserved", field[1]) in layout]
        assert own == layout

    def test_the_table_is_in_the_order_of_the_types(self):
        table = re.findall(r"\(\*(\w+)\)\(", declarations())
        assert [*table, "get_api"] == list(function_types())

    def test_every_status_has_its_words(self):
        words = {C.status_text(number) for number in STATUS.values()}
        assert len(words) == len(STATUS)
        assert C.status_text(-999) == b"unknown status"


class TestTheSameAsPython:
    def test_a_zone_in_own_memory(self):
        ours, theirs = zone(seed=9, owners=1), Zone(0, PAGES, seed=9, owners=True)
        assert digest(ours) == theirs.digest()
        for order, kind in ((0, 2), (3, 0), (9, 1), (0, 1)):
            assert C.alloc(ours, order, kind, None) == theirs.rmqueue(order, kind)
        assert C.alloc_exact(ours, 37, 2, None) == theirs.alloc_pages_exact(37)
        assert C.free_range(ours, 1, 20, None) == STATUS["BC_EMISUSE_PAGE_FREE"]
        assert C.check(ours, None) == 0
        assert digest(ours) == theirs.digest()

    def test_with_holes(self):
        ranges = (S["bc_range"] * 2)(made("bc_range", first=10, end=600), made("bc_range", first=700, end=1500))
        ours = zone(1600, ranges=ctypes.addressof(ranges), nr_ranges=2, start_pfn=0)
        assert digest(ours) == Zone(0, 1600, present_ranges=[(10, 600), (700, 1500)]).digest()

    def test_images_go_both_ways(self, tmp_path):
        theirs = Zone(100, 2000, seed=3)
        theirs.alloc_many(100)
        theirs.save(tmp_path / "image")
        image = (tmp_path / "image").read_bytes()
        ours = memory(C.image_zone_bytes(image[:4096], 4096), 0xA5)
        assert C.image_load(image, len(image), ours, ctypes.sizeof(ours)) == 0
        assert digest(ours) == theirs.digest()
        again = memory(C.image_bytes(ours))
        assert C.image_save(ours, again, ctypes.sizeof(again)) == 0
        assert bytes(again)[: len(image)] == image

    def test_a_request_reclaims_as_a_machine_does(self):
        theirs = Machine([Zone(0, PAGES, seed=4, owners=True)], policy="v3", swap_pages=100)
        one = theirs.zones[0]
        block = zone(seed=4, owners=1)
        policy = made("bc_policy", capture=1, capture_min_order=4, batch=1)
        ours = machine(block, swap_pages=100, event_mask=3)
        pfns = one.alloc_many(PAGES)
        pfns = pfns[pfns >= 0]
        assert C.alloc_many(block, pfns.ctypes.data, PAGES, 0, 2, None) == len(pfns)
        one.free_many(pfns[::8])
        free, pfns = pfns[::8].copy(), np.delete(pfns, np.s_[::8])
        assert C.free_many(block, free.ctypes.data, len(free), None, 0, None, None) == 0
        one.set_owners(pfns, pfns + 7)
        cookies = (pfns + 7).astype("u8")
        assert C.set_owners(block, pfns.ctypes.data, cookies.ctypes.data, len(pfns)) == 0
        for pfn in pfns.tolist():
            theirs.lru_cache_add(pfn)
            assert C.page_add(ours, pfn, 0) == 0
        wanted = theirs.alloc_pages(6, GFP.KERNEL | GFP.MOVABLE)
        assert wanted is not None
        request, result = memory(C.request_bytes()), made("bc_result")
        kernel = int(GFP.KERNEL | GFP.MOVABLE)
        assert C.request_init(request, ctypes.sizeof(request), ours, 6, kernel, 0, 0, ctypes.byref(policy)) == 0
        taken, waits, costs = set(), set(), []
        while True:
            wait = C.request_step(ours, request, 32, ctypes.byref(result))
            waits.add(wait)
            costs.append((result.cost.captured, result.cost.splits, result.cost.merges, result.cost.waits))
            taken |= {(event.kind, event.pfn, event.owner) for event in drained(ours)}
            if wait == 6:
                break
        assert result.pfn == wanted
        assert waits <= {0, 1, 6}
        assert result.zone_idx == 0
        assert digest(block) == one.digest()
        reclaimed = {pfn for kind, pfn, owner in taken if kind == EventKind.RECLAIMED}
        assert {(pfn, pfn + 7) for pfn in reclaimed} == {
            (pfn, owner) for kind, pfn, owner in taken if kind == EventKind.RECLAIMED
        }
        assert {pfn for kind, pfn, _ in taken if kind == EventKind.CAPTURED} <= reclaimed
        whole = made("bc_result")
        assert C.request_result(ours, request, ctypes.byref(whole)) == 0
        assert (whole.cost.captured, whole.cost.splits, whole.cost.merges, whole.cost.waits) == tuple(
            map(sum, zip(*costs, strict=True))
        )
        assert whole.cost.captured >= 32
        assert C.free_pages(ours, wanted, 6, 0, None) == 0
        assert [(event.kind, event.pfn) for event in drained(ours)] == [(10, wanted)]


def drained(block):
    """The events of a machine."""
    events = (S["bc_event"] * 2048)()
    return events[: C.events(block, events, 2048)]


class TestRefusals:
    def test_pointers(self):
        block, result = zone(), made("bc_result")
        assert C.alloc(None, 0, 0, None) == STATUS["BC_EMISUSE_POINTER"]
        assert C.alloc(ctypes.addressof(block) + 4, 0, 0, None) == STATUS["BC_EMISUSE_POINTER"]
        assert C.alloc(memory(5000), 0, 0, None) == STATUS["BC_EMISUSE_ZONE"]
        assert C.alloc(block, 99, 0, ctypes.byref(result)) == STATUS["BC_EMISUSE_ORDER_RANGE"]
        assert (result.pfn, result.status) == (-1, STATUS["BC_EMISUSE_ORDER_RANGE"])

    def test_lists(self):
        one, other = zone(), zone()
        first = C.capture_open(one)
        pfn = C.alloc(one, 2, 2, None)
        C.alloc(other, 2, 2, None)
        second = C.capture_open(other)
        assert C.capture_close(one, first, None) == 0
        again = C.capture_open(one)
        assert again != first
        for dead in (first, -1, 1 << 50, 77):
            assert C.capture_page(one, dead, pfn, 2, None) == STATUS["BC_EMISUSE_LIST_CLOSED"]
        assert C.capture_page(other, again, 0, 2, None) == STATUS["BC_EMISUSE_LIST_CLOSED"]
        assert C.capture_page(one, again, pfn, 2, None) == 0
        pfns, orders = (ctypes.c_int64 * 4)(), (ctypes.c_uint8 * 4)()
        assert C.capture_blocks(one, again, pfns, orders, 4) == 1
        assert orders[0] >= 2
        assert C.capture_take(one, again, 2, 0, 1, None) >= 0
        assert C.capture_close(other, second, None) == 0

    @pytest.mark.parametrize(
        "fields",
        [
            {"spanned_pages": 0}, {"spanned_pages": -1}, {"spanned_pages": 1 << 40}, {"max_page_order": 15},
            {"pageblock_order": -1}, {"zone_idx": 4}, {"cpus": 0}, {"cpus": 1 << 30}, {"start_pfn": -1}, {"owners": 2},
            {"slot_limit": -1}, {"slot_limit": 1 << 20}, {"min_free_kbytes": -2}, {"pcp_batch": 0}, {"nr_ranges": 1},
            {"nr_ranges": -1}, {"size": 8}, {"kernel": 7}, {"node_highmem": 16}, {"free_ranges": 8}, {"cma": 1},
        ],
    )  # fmt: skip
    def test_configurations(self, fields):
        wanted = config(**fields)
        assert C.zone_bytes(ctypes.byref(wanted)) == 0
        assert C.zone_init(memory(1 << 20), 1 << 20, ctypes.byref(wanted)) < 0

    def test_memory_that_is_too_small(self):
        wanted = config()
        n = C.zone_bytes(ctypes.byref(wanted))
        assert C.zone_init(memory(n), n - 1, ctypes.byref(wanted)) == STATUS["BC_EMISUSE_SIZE"]

    def test_images(self):
        block = zone()
        n = C.image_bytes(block)
        image = memory(n)
        assert C.image_save(block, image, n) == 0
        assert C.alloc(image, 0, 0, None) == STATUS["BC_EMISUSE_ZONE"]
        for at, status in ((0, "BC_EIMAGE"), (8, "BC_EVERSION"), (16, "BC_EIMAGE"), (n - 8, "BC_EIMAGE")):
            damaged = bytearray(bytes(image)[:n])
            damaged[at] ^= 1
            room = memory(C.zone_size(block))
            assert C.image_load(bytes(damaged), n, room, ctypes.sizeof(room)) == STATUS[status]
        assert C.image_load(bytes(image)[:n], n - 1, memory(n), n) == STATUS["BC_EIMAGE"]
        assert C.image_load(bytes(image)[:n], n, memory(n), n - 1) == STATUS["BC_EMISUSE_SIZE"]

    def test_requests(self):
        first, second = machine(zone()), machine(zone())
        request = memory(C.request_bytes(), 0xA5)
        assert C.request_step(first, request, 32, None) == STATUS["BC_EMISUSE_REQUEST"]
        assert C.request_init(request, ctypes.sizeof(request), first, 3, 0xD0, 0, 0, None) == 0
        assert C.request_step(second, request, 32, None) == STATUS["BC_EMISUSE_REQUEST"]
        assert C.request_step(first, request, 0, None) == STATUS["BC_EMISUSE_VALUE"]
        assert C.request_answer(first, request, 1, -1, 32, None) == STATUS["BC_EMISUSE_REQUEST"]
        assert C.request_step(first, bytes(request), 32, None) < 0
        assert C.request_step(first, request, 32, None) == 6
        assert C.request_step(machine(), request, 32, None) == STATUS["BC_EMISUSE_MACHINE"]

    def test_zones_that_do_not_fit(self):
        block = machine(zone())
        assert C.machine_attach(block, zone(zone_idx=1, cpus=2)) == STATUS["BC_EMISUSE_NODE"]
        assert C.machine_attach(block, zone(zone_idx=1)) == STATUS["BC_EMISUSE_NODE"]
        assert C.machine_attach(block, zone(slot_limit=1)) == STATUS["BC_EMISUSE_NODE"]
        assert C.machine_attach(block, None) == STATUS["BC_EMISUSE_POINTER"]


class Fuzz:
    """Calls of every function with arguments of which many are wrong, none a wild pointer."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.zones = [zone(seed=1, owners=1, slot_limit=6), zone(700, start_pfn=50, slot_limit=3)]
        self.zones += [modern(seed=2, owners=1, cpus=2, cma=1, kernel=kernel) for kernel in ("6.1", "6.12")]
        policy = made("bc_policy", capture=1, capture_min_order=2, batch=3, hook=1, hold_rounds=2)
        self.machines = [machine(self.zones[0], swap_pages=64, event_mask=3, policy=policy), machine(zone())]
        self.requests = [memory(C.request_bytes()) for _ in range(3)]
        self.lists = [0, -1, 1 << 47]
        self.config = config(800)
        self.buffer = memory(1 << 17)
        self.types = {name: kind._argtypes_ for name, kind in function_types().items()}
        self.parameters = dict(
            re.findall(r"\bbc_(\w+)\(([^)]*)\);", re.sub(r"/\*.*?\*/", "", declarations(), flags=re.S))
        )

    def pointer(self, words):
        """An argument for a pointer: mostly what it should be, else nothing, or something else that can be read."""
        chance = self.draw.random()
        if chance < 0.05:
            return None
        if chance < 0.1:
            return ctypes.addressof(self.buffer) + self.draw.choice([1, 4])
        kind = "bc_zone" if "bc_zone" in words else "bc_machine *" if "bc_machine *" in words else words
        if "bc_zone" in kind:
            return self.draw.choice(self.zones if chance < 0.95 else self.machines)
        if kind == "bc_machine *":
            return self.draw.choice(self.machines if chance < 0.95 else self.zones)
        if "bc_request" in words or (words == "memory" and chance > 0.5):
            return self.draw.choice(self.requests)
        if "bc_config" in words:
            return ctypes.byref(self.config)
        return self.buffer

    def argument(self, words, kind):
        """An argument of a type."""
        if kind is ctypes.c_void_p:
            return self.pointer(words)
        name = words.split()[-1]
        if name in ("n", "bytes", "image_bytes"):
            return self.draw.choice([0, 1, 7, 300, -1 if kind is ctypes.c_int64 else 900])
        if name == "list":
            return self.draw.choice(self.lists)
        if name in ("pfn", "start", "end") and self.draw.random() < 0.8:
            return self.draw.randrange(PAGES)
        if (
            name in ("order", "cpu", "migratetype", "answer", "locked", "congested", "task", *FLAGS)
            and self.draw.random() < 0.9
        ):
            return self.draw.randrange(4) * (name != "cpu")
        if name == "gfp" and self.draw.random() < 0.8:
            return self.draw.choice([0xD0, 0x1000D0, 0])
        values = INT32 if kind is ctypes.c_int else INT64
        value = self.draw.choice(values)
        return value & ((1 << 8 * ctypes.sizeof(kind)) - 1) if kind in (ctypes.c_uint32, ctypes.c_uint64) else value

    def call(self):
        """One call."""
        name = self.draw.choice(list(self.types))
        if name in (
            "zone_init",
            "zone_copy",
            "image_load",
            "image_load_for",
            "image_attach",
            "machine_init",
            "get_api",
        ):
            return
        words = [part.strip() for part in self.parameters[name].split(",")]
        arguments = [self.argument(w, kind) for w, kind in zip(words, self.types[name], strict=False)]
        if name == "request_init":
            arguments[0], arguments[1] = self.draw.choice(self.requests), C.request_bytes()
            arguments[-1] = None
        if name == "image_save":
            arguments[1], arguments[2] = self.buffer, 1 << 17
        if name == "machine_attach" and self.draw.random() < 0.95:
            return
        got = getattr(C, name)(*arguments)
        if name == "capture_open" and got >= 0:
            self.lists = [*self.lists[-7:], got]
        ctypes.memset(self.buffer, 0, 4096)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 79])
def test_no_call_breaks_anything(seed):
    fuzz = Fuzz(seed)
    for pfn in range(3000):
        C.alloc(fuzz.zones[0], 0, 2, None)
        C.page_add(fuzz.machines[0], pfn, 0x10 if pfn % 5 == 0 else 0)
    for step in range(4000):
        fuzz.call()
        if step % 100 == 0:
            for block in fuzz.zones:
                violation = made("bc_violation")
                assert C.check(block, ctypes.byref(violation)) == 0, (step, violation.invariant, violation.pfn)


def test_a_reclaimed_page_on_its_way_belongs_to_nobody():
    """Between two steps reclaimed pages wait in the pagevec: whoever frees one then has freed it twice."""
    one = Zone(0, PAGES)
    machine = Machine([one], events=True)
    pages = one.alloc_many(PAGES)
    pages = pages[pages >= 0]
    one.free_many(pages[::16])
    machine.lru_cache_add(np.delete(pages, np.s_[::16]))
    refusals = 0
    with machine.request(6, GFP.KERNEL) as request:
        while not request.done and refusals < 50:
            request.step(1)
            events = machine.events()
            for pfn in events["page"][events["kind"] == EventKind.RECLAIMED].tolist():
                with pytest.raises(MisuseError):
                    one.free_one_page(pfn, 0)
                refusals += 1
    assert refusals > 10
    one.check()


def test_python_drains_the_optional_events_too():
    zone = Zone(0, PAGES, owners=True)
    machine = Machine([zone], events=True, policy="v3")
    pages = zone.alloc_many(PAGES)
    pages = pages[pages >= 0]
    zone.free_many(pages[::16])
    held = np.delete(pages, np.s_[::16])
    zone.set_owners(held, held + 5)
    machine.lru_cache_add(held)
    machine.note_events(captured=True, freed=True)
    machine.release(int(held[0]))
    assert machine.events()[["page", "owner", "kind"]].tolist() == [(held[0], held[0] + 5, EventKind.FREED)]
    assert machine.alloc_pages(6, GFP.KERNEL) is not None
    events = machine.events()
    captured = events[events["kind"] == EventKind.CAPTURED]
    assert len(captured) > 30
    assert (captured["owner"] == captured["page"] + 5).all()
    for pfn in held[~np.isin(held, [*events["page"], held[0]])][:1500].tolist():
        machine.release(pfn)
    assert (machine.events()["kind"] == EventKind.FREED).sum() > 1100
    with pytest.raises(MisuseError, match="events=True"):
        Machine([Zone(0, 64)]).note_events(freed=True)

"""Compaction of each kernel beside its slow twin: random memory, random operations, others acting between attempts.

After every operation all is compared: result, each page moved, counters, where the scanners stand, free lists in their
order, skip bits, pages in use. More: HYPOTHESIS_PROFILE=soak python -m pytest tests/core/test_stateful_compaction.py
"""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from buddycap.conformance import vectors_compaction_6_12, vectors_requests
from reference.linux_6.compaction import replay
from reference.linux_6_1.compaction import kernel as kernel_6_1
from reference.linux_6_12.compaction import kernel as kernel_6_12

PAGEBLOCK_ORDER, MAX_ORDER = 6, 10
BLOCK = 1 << PAGEBLOCK_ORDER
KERNEL, MOVABLE, ATOMIC, HUGE = 0xCC0, 0x100CCA, 0xA20, 0x3D24CA  # GFP bits of requests
LETTERS, LETTERS_612 = "aaaaaaffffdDwbek", "aaaaaaffffdDwbekmm"  # kinds of single pages in use
COMPOUND, COMPOUND_612 = "CT", "CTTTXE"
ORDERS = st.sampled_from([1, 2, 3, 4, 5, 6, 6, 6, 7])
FLAGS = st.sampled_from([0, 1, 0x10, 0x800])


def free_blocks(units, start, types, draw, is_one_type):
    """Free lists of the pages that no unit has: the largest blocks that there can be, in any order.

    In 6.12 all pageblocks of a free block are of one type.
    """
    lists = {}
    pfn, end = start, start + len(units)
    while pfn < end:
        if units[pfn - start] != ".":
            pfn += 1
            continue
        order = 0
        while order < MAX_ORDER and not pfn & ((2 << order) - 1):
            more = units[pfn - start : pfn - start + (2 << order)]
            if len(more) < 2 << order or set(more) != {"."}:
                break
            order += 1
        first, last = (at >> PAGEBLOCK_ORDER for at in (pfn - start, pfn - start + (1 << order) - 1))
        kind = types[first]
        if is_one_type:
            types[first : last + 1] = [kind] * (last + 1 - first)
        lists.setdefault((order, kind), []).append(pfn)
        pfn += 1 << order
    for pfns in lists.values():
        draw.shuffle(pfns)
    return lists


def random_units(pages, draw, letters, compound):
    """What is in use: pageblocks of different density, with compound blocks here and there."""
    units = []
    while len(units) < pages:
        dense, odd = draw.choice([0.0, 0.05, 0.3, 0.6, 0.95]), draw.choice([0.0, 0.02, 0.2])
        block = ["." if draw.random() >= dense else draw.choice(letters if draw.random() < odd else "aaf")
                 for _ in range(BLOCK)]  # fmt: skip
        if draw.random() < 0.2:
            order = draw.choice([1, 2, 4])
            at = draw.randrange(BLOCK >> order) << order
            block[at : at + (1 << order)] = [draw.choice(compound), *"-" * ((1 << order) - 1)]
        units += block
    return "".join(units)


def random_memory(seed, pages, pcp):
    """(header, first dump) of one zone as a vector has them; sizes of lists are two in 6.1, and four in 6.12."""
    draw = random.Random(seed)
    is_612 = len(pcp) == 4
    start = draw.choice([0, BLOCK, 4096])
    units = random_units(pages, draw, *((LETTERS_612, COMPOUND_612) if is_612 else (LETTERS, COMPOUND)))
    types = [draw.choice([0, 1, 1, 1, 1, 2]) for _ in range(pages >> PAGEBLOCK_ORDER)]
    lists = free_blocks(units, start, types, draw, is_612)
    free = sum(len(pfns) << order for (order, _), pfns in lists.items())
    counts = [sum(len(pfns) for (order, _), pfns in lists.items() if order == k) for k in range(MAX_ORDER + 1)]
    low, last = start, start + pages - BLOCK
    marks = draw.choice([[4, 5, 6], [10, 12, 15], [free // 2, free // 2 + 10, free // 2 + 20]])
    own = [0, 0, pcp[1], 0, 0, 0, 0] if is_612 else [0]
    header = {
        "format": "buddycap-compaction-1", "name": "", "pageblock_order": PAGEBLOCK_ORDER, "npfn": start + pages,
        "proactiveness": 20, "boost_factor": draw.choice([0, 15000]), "unevictable_allowed": draw.randrange(2),
        "zones": [{"idx": 0, "start": start, "span": pages, "managed": pages, "wmark": marks, "reserve": [0, 0, 0],
                   "pcp": pcp}],
    }  # fmt: skip
    zone = {
        "idx": 0, "f": [low, low, last, low, last, 0, 0, 0, 0, free, 0, 0, 0, 0, *own], "nr_free": counts,
        "free": [[order, kind, pfns] for (order, kind), pfns in sorted(lists.items())],
        "pb": "".join(map(str, types)), "skip": "".join(draw.choice("0001") for _ in types), "pcp": [],
        "units": units, "busy": {},
    }  # fmt: skip
    return header, {"zones": [zone]}


class BesideTheTwin(RuleBasedStateMachine):
    """The same operations on both."""

    kernel, player = None, None
    large = "k"  # what a movable request of more than a page becomes

    def kind(self, gfp, order):
        """What a request becomes."""
        return "k" if not gfp & 8 else self.large if order else "a"

    def start(self, seed, blocks, pcp):
        header, state = random_memory(seed, blocks * BLOCK, pcp)
        self.draw = random.Random(seed)
        self.twin = self.kernel.Player(self.kernel, header, state)
        assert replay.dump(self.twin.machine) == state
        self.core = self.player(header, self.same)
        self.core.step(state)

    def same(self, what, expected, found):
        assert found == expected, what

    def both(self, op, hooks=0):
        """Do an operation on both; so many hooks, each before some attempt to move a page."""
        op = {**op, "hooks": sorted((self.hook() for _ in range(hooks)), key=lambda hook: hook["step"])}
        out = self.twin.step(op)
        self.core.step({"in": op, "out": out})
        self.core.step({"dump": replay.dump(self.twin.machine)})

    def hook(self):
        """An interrupt frees, others free, or an owner lets a page go."""
        units = sorted(self.twin.machine.kind)
        at = self.draw.choice(units) if units else 0
        kind = self.draw.choice(["if", "if", "of", "zp"])
        return {"step": self.draw.choice([0, 1, 2, 5, 20]), "t": kind, "a": at, "b": 0, "k": "k", "busy": 0}

    @rule(order=st.one_of(ORDERS, st.just(-1)), gfp=st.sampled_from([KERNEL, MOVABLE, KERNEL & ~0x80, KERNEL | 0x10]),
          mode=st.integers(0, 2), bits=st.integers(0, 31), flags=FLAGS, hooks=st.integers(0, 3))  # fmt: skip
    def compact(self, order, gfp, mode, bits, flags, hooks):
        direct = bits & 1 if order > 0 else 0
        self.both(
            {"op": "compact", "zone": 0, "order": order, "gfp": gfp, "mode": mode, "direct": direct,
             "whole": bits >> 1 & 1, "ign_skip": bits >> 2 & 1, "ign_suit": bits >> 3 & 1, "proactive": 0,
             "aflags": flags & 1, "hzi": 0, "capture": direct and bits >> 4 & 1, "kind": "k"}, hooks
        )  # fmt: skip

    @rule(order=ORDERS, gfp=st.sampled_from([KERNEL, MOVABLE]), prio=st.integers(0, 2), hooks=st.integers(0, 3))
    def compact_for_a_request(self, order, gfp, prio, hooks):
        self.both(
            {"op": "try", "gfp": gfp, "order": order, "aflags": 0, "prio": prio, "kind": self.kind(gfp, order)}, hooks
        )

    @rule(order=ORDERS, hooks=st.integers(0, 2))
    def kcompactd(self, order, hooks):
        self.both({"op": "kcompactd", "order": order, "hzi": 0}, hooks)

    @rule(name=st.sampled_from(["proactive", "node"]), hooks=st.integers(0, 2))
    def all_zones(self, name, hooks):
        self.both({"op": name}, hooks)

    @rule(order=st.integers(0, 6), gfp=st.sampled_from([KERNEL & ~0x400, MOVABLE & ~0x400, ATOMIC, 0x208C0, 0xA08C0]))
    def allocate(self, order, gfp):
        self.both({"op": "alloc", "gfp": gfp, "order": order, "kind": self.kind(gfp, order), "busy": 0})

    @rule(many=st.integers(1, 30))
    def free(self, many):
        for pfn in self.draw.sample(sorted(self.twin.machine.kind), min(many, len(self.twin.machine.kind))):
            self.both({"op": "free", "pfn": pfn})

    @rule(
        order=st.integers(1, 10), success=st.integers(0, 1), name=st.sampled_from(["defer", "deferred", "defer_reset"])
    )
    def deferral(self, order, success, name):
        for _ in range(9 if name == "defer" else 1):
            self.both({"op": name, "zone": 0, "order": order, "success": success})

    @rule(order=st.integers(1, 10), flags=FLAGS)
    def questions(self, order, flags):
        self.both({"op": "suitable", "zone": 0, "order": order, "aflags": flags & 1, "hzi": 0})
        self.both({"op": "kc_suitable", "order": order, "hzi": 0})
        self.both({"op": "score"})

    @rule(value=st.integers(0, 1))
    def skip_bits(self, value):
        self.both({"op": "flush", "zone": 0, "value": value})
        self.both({"op": "reset_skip"})

    @rule()
    def drain(self):
        self.both({"op": "drain"})


class Linux61(BesideTheTwin):
    kernel, player = kernel_6_1, vectors_requests.Player

    @initialize(seed=st.integers(0, 1 << 20), blocks=st.integers(6, 20), pcp=st.sampled_from([[1, 0], [7, 40]]))
    def begin(self, seed, blocks, pcp):
        self.start(seed, blocks, pcp)


class Linux612(BesideTheTwin):
    kernel, player, large = kernel_6_12, vectors_compaction_6_12.Player, "T"

    @initialize(seed=st.integers(0, 1 << 20), blocks=st.integers(6, 20),
                pcp=st.sampled_from([[1, 0, 0, 0], [7, 42, 300, 0], [7, 42, 300, 1], [15, 60, 60, 0]]))  # fmt: skip
    def begin(self, seed, blocks, pcp):
        self.start(seed, blocks, pcp)

    @rule()
    def decay(self):
        self.both({"op": "decay", "zone": 0})

    @rule(value=st.integers(0, 1))
    def reclaim_active(self, value):
        self.both({"op": "reclaim_active", "zone": 0, "value": value})


OFTEN = settings(
    deadline=None,
    max_examples=max(settings().max_examples // 16, 12),
    stateful_step_count=max(settings().stateful_step_count // 2, 12),
)
Linux61.TestCase.settings = Linux612.TestCase.settings = OFTEN
TestLinux61, TestLinux612 = Linux61.TestCase, Linux612.TestCase

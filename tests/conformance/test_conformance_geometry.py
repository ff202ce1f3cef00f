"""Can vectors of any geometry be played, with every kind of operation? The twin records them, the core plays them."""

import json
import random
from hashlib import sha256

import pytest

from buddycap.conformance.vectors import play_vectors
from reference import model

GEOMETRIES = {
    "unaligned": (37, 1000, None, 10, 9, 0),
    "beyond 2^32": ((1 << 40) + 100, 700, None, 12, 5, 3),
    "holes": (70003, 3000, [(70003, 70400), (70411, 71500), (71500, 73003)], 8, 4, 1),
    "single pages": (5, 64, None, 0, 3, 0),
    "pageblocks of a page": (64, 300, [(64, 200), (250, 364)], 6, 0, 2),
    "blocks below a pageblock": (96, 5000, None, 5, 12, 1),
    "largest orders": (12345, 40000, None, 14, 10, 0),
}


class Recorder:
    """A twin that writes down what it does, as FORMAT.md says."""

    def __init__(self, geometry, seed):
        self.draw = random.Random(seed)
        start, spanned, ranges, top, pageblock_order, zone_idx = geometry
        present = sum(end - first for first, end in ranges or [(start, start + spanned)])
        node, ratio, batch = [7000, 300, 0, 50], (256, 0, 3, 32), self.draw.choice([1, 4])
        node[zone_idx] = present
        sizes = {"max_page_order": top, "pageblock_order": pageblock_order, "zone_idx": zone_idx, "cpus": 1}
        sizes |= {"pageblock_index": self.draw.choice(["absolute", "zone_relative"]), "node_present_pages": node}
        sizes |= {"lowmem_reserve_ratio": ratio, "min_free_kbytes": 300, "pcp_batch": batch, "pcp_high": 2 * batch}
        self.zone = model.Zone(start, spanned, present_ranges=ranges, pcp_bulk_cold=bool(seed % 2), **sizes)
        self.lists = [self.zone.capture_list() for _ in range(3)]
        self.used, self.lines = {}, []
        self.header = {
            "format": "buddycap-oracle-1", "family": "B", "name": f"seed {seed}", "max_order": top + 1,
            "pageblock_order": pageblock_order, "pageblock_index": sizes["pageblock_index"], "zone_start_pfn": start,
            "zone_spanned": spanned, "free_ranges": ranges or [[start, start + spanned]], "zone_idx": zone_idx,
            "node_present": node, "ratio": ratio, "min_free_kbytes": 300, "pcp": [batch, 2 * batch],
            "lowmem_reserve": self.zone.lowmem_reserve, "pcp_bulk_cold": seed % 2, "capture_lists": 3,
            **{f"pages_{k}": getattr(self.zone, f"pages_{k}") for k in ("min", "low", "high")},
        }  # fmt: skip

    def got(self, pfn, order):
        if pfn is not None:
            self.used[pfn] = order
        return -1 if pfn is None else pfn

    def take(self, single=False):
        pages = sorted(pfn for pfn, order in self.used.items() if not (single and order))
        pfn = self.draw.choice(pages) if pages else None
        return pfn, self.used.pop(pfn, None)

    def step(self, kind):
        """Do one operation of a kind; its line, or None if there is nothing to do it to."""
        draw, zone = self.draw, self.zone
        order, mt, cold = (
            draw.choice([0, 0, draw.randint(0, zone.max_page_order)]),
            draw.randrange(3),
            draw.randrange(2),
        )
        flags, classzone, which = draw.choice([1, 2, 4, 8, 0x32, 0x42]), draw.randrange(4), draw.randrange(3)
        if kind == "a":
            return ["a", order, mt, self.got(zone.rmqueue(order, mt), order)]
        if kind == "A":
            return ["A", 0, mt, cold, self.got(zone.rmqueue_pcplist(mt, cold), 0)]
        if kind == "D":
            zone.drain_pages()
            return ["D"]
        if kind == "m":
            kb = draw.randrange(2 * zone.present_pages)
            zone.set_min_free_kbytes(kb)
            return ["m", kb, [zone.pages_min, zone.pages_low, zone.pages_high]]
        if kind == "w":
            mark = draw.choice([0, zone.pages_min, zone.nr_free_pages])
            ok = zone.watermark_ok(order, mark, classzone_idx=classzone, alloc_flags=flags)
            return ["w", order, mark, classzone, flags, int(ok)]
        if kind == "r":
            pfn = self.lists[which].capture_alloc_or_return(order, alloc_flags=flags, classzone_idx=classzone)
            return ["r", which, order, flags, classzone, self.got(pfn, order)]
        pfn, size = self.take(single=kind == "F")
        if pfn is None:
            return None
        if kind == "F":
            zone.free_hot_cold_page(pfn, cold)
            return ["F", pfn, cold]
        if kind == "c":
            self.lists[which].capture_one_page(pfn, size)
            return ["c", which, pfn, size]
        zone.free_one_page(pfn, size)
        return ["f", pfn, size]

    def record(self, path, operations):
        """Write a vector with a hash after every operation."""
        lines = [["h", sha256(self.zone.canonical_dump().encode()).hexdigest()]]
        kinds = set()
        while len(lines) < 2 * operations + 1:
            line = self.step(self.draw.choice("aaaAffFccrDwm"))
            if line is not None:
                kinds.add(line[0])
                lines += [line, ["h", sha256(self.zone.canonical_dump().encode()).hexdigest()]]
        values = [self.header | {"ops": operations}, *lines]
        path.write_text("".join(json.dumps(value) + "\n" for value in values))
        return kinds


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_kind_in_any_geometry(tmp_path, name, seed):
    kinds = Recorder(GEOMETRIES[name], seed).record(tmp_path / "own.jsonl", 150)
    result = play_vectors([tmp_path])
    assert result.summary == "conformance: 1 vectors, 150 operations, 0 mismatches"
    assert result.errors == []
    assert kinds == set("aAfFcrDwm")

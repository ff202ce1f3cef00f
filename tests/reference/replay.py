"""Play a recorded vector on any object with the zone's API. The layout is described in data/vectors/FORMAT.md."""

import gzip
import hashlib
import json


def read_vector(path):
    """(header, operations) of a vector file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        header, *operations = map(json.loads, lines)
    return header, operations


def zone_arguments(header):
    """(positional, keyword) arguments that make the recorded zone."""
    batch, high = header["pcp"]
    keywords = {
        "present_ranges": [tuple(r) for r in header["free_ranges"]],
        "max_page_order": header["max_order"] - 1,
        "pageblock_order": header["pageblock_order"],
        "zone_idx": header["zone_idx"],
        "node_present_pages": tuple(header["node_present"]),
        "lowmem_reserve_ratio": tuple(header["ratio"]),
        "min_free_kbytes": header["min_free_kbytes"],
        "pcp_batch": batch,
        "pcp_high": high,
        "pageblock_index": header["pageblock_index"],
    }
    if header["pcp_bulk_cold"]:
        keywords["pcp_bulk_cold"] = True
    return (header["zone_start_pfn"], header["zone_spanned"]), keywords


def dump_text(dump):
    """The canonical dump of a recorded full dump."""
    lines = [f"N {dump['nr_free_pages']}"]
    for order, count in enumerate(dump["nr_free"]):
        lines.append(f"O {order} {count}")
        lines += [" ".join(map(str, ["L", o, t, *pfns])) for o, t, pfns in dump["free"] if o == order]
    for index, blocks in enumerate(dump["capture"]):
        lines.append(" ".join([f"C {index}", *(f"{pfn}:{order}" for pfn, order in blocks)]))
    lines.append("B " + dump["pageblocks"])
    lines.append(" ".join([f"P {len(dump['pcp'])}", *(f"{pfn}:{tag}" for pfn, tag in dump["pcp"])]))
    return "\n".join(lines) + "\n"


class Player:
    """One zone with its capture lists, as a vector's header asks for, and the meaning of each kind of line."""

    def __init__(self, zone_class, header):
        args, keywords = zone_arguments(header)
        self.zone = zone_class(*args, **keywords)
        self.lists = [self.zone.capture_list() for _ in range(header["capture_lists"])]

    def step(self, kind, *rest):
        """Run one operation; `rest` is the line without its kind and its result. Returns the result as recorded."""
        return getattr(self, f"op_{kind}")(*rest)

    def marks(self):
        """The zone's watermarks, lowest first."""
        return [self.zone.pages_min, self.zone.pages_low, self.zone.pages_high]

    def op_a(self, order, migratetype):
        return recorded(self.zone.rmqueue(order, migratetype))

    def op_f(self, pfn, order):
        self.zone.free_one_page(pfn, order)

    def op_c(self, index, pfn, order):
        self.lists[index].capture_one_page(pfn, order)

    def op_r(self, index, order, alloc_flags, classzone_idx):
        capture_list = self.lists[index]
        got = capture_list.capture_alloc_or_return(order, alloc_flags=alloc_flags, classzone_idx=classzone_idx)
        return recorded(got)

    def op_A(self, order, migratetype, cold):
        if order:
            return self.op_a(order, migratetype)
        return recorded(self.zone.rmqueue_pcplist(migratetype, cold=bool(cold)))

    def op_F(self, pfn, cold):
        self.zone.free_hot_cold_page(pfn, cold=bool(cold))

    def op_D(self):
        self.zone.drain_pages()

    def op_w(self, order, mark, classzone_idx, alloc_flags):
        return int(self.zone.watermark_ok(order, mark, classzone_idx=classzone_idx, alloc_flags=alloc_flags))

    def op_m(self, kb):
        self.zone.set_min_free_kbytes(kb)
        return self.marks()


def recorded(pfn):
    """No page is recorded as -1."""
    return -1 if pfn is None else pfn


def play(zone_class, header, operations):
    """Play a vector and assert marks, every result and every dump; returns the player for a last look."""
    player = Player(zone_class, header)
    assert player.marks() == [header["pages_min"], header["pages_low"], header["pages_high"]]
    assert list(player.zone.lowmem_reserve) == header["lowmem_reserve"]
    for number, (kind, *rest) in enumerate(operations):
        if kind == "d":
            check_dump(player.zone.canonical_dump(), rest[0], number)
        elif kind in "arAwm":
            *arguments, expected = rest
            result = player.step(kind, *arguments)
            assert result == expected, f"operation {number} {kind}{arguments}: {result}, recorded {expected}"
        else:
            player.step(kind, *rest)
    return player


def check_dump(text, dump, number):
    """Compare a canonical dump with a recorded one, line by line and by its hash."""
    assert text.splitlines() == dump_text(dump).splitlines(), f"dump at line {number}"
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == dump["sha256"], f"hash at line {number}"

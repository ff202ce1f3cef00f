"""Does it do what the kernel code recorded? Every vector on the twin, bit for bit.

The core plays them all in test_conformance.py; here one of each family, to be looked at through its attributes.
"""

from pathlib import Path

import pytest

import buddycap
from reference import model, replay

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
FORMULAS = VECTORS / "E_formulas.jsonl.gz"
RECORDED = sorted(path for path in VECTORS.glob("[ABCDEFR]_*.jsonl.gz") if path != FORMULAS)
ONE_OF_EACH = list({path.name[0]: path for path in RECORDED}.values())
QUIRKS = sorted(VECTORS.glob("Q_*.jsonl.gz"))


def name(path):
    """The vector's name, as a test id."""
    return path.name.removesuffix(".jsonl.gz")


def test_all_families_are_here():
    assert {path.name[0] for path in RECORDED} == set("ABCDEFR")
    assert len(QUIRKS) == 3


def played(zone_class, path):
    """Marks, every result, every full dump and every hash; and the attributes tell the same as the last dump."""
    header, operations = replay.read_vector(path)
    player = replay.play(zone_class, header, operations)
    player.zone.check()
    dump = operations[-1][1]
    free = [(pfn, order, migratetype) for order, migratetype, pfns in dump["free"] for pfn in pfns]
    assert [tuple(block) for block in player.zone.free_blocks()] == free
    assert [[list(block) for block in blocks.blocks()] for blocks in player.lists] == dump["capture"]
    assert list(player.zone.nr_free) == dump["nr_free"]
    assert player.zone.nr_free_pages == dump["nr_free_pages"]
    assert "".join(map(str, player.zone.pageblock_migratetype)) == dump["pageblocks"]


@pytest.mark.parametrize("path", RECORDED, ids=name)
def test_vector_on_the_twin(path):
    played(model.Zone, path)


@pytest.mark.parametrize("path", ONE_OF_EACH, ids=name)
def test_vector_on_the_core(path):
    played(buddycap.Zone, path)


def formula_rows():
    """The rows of the formula vector."""
    _, rows = replay.read_vector(FORMULAS)
    return rows


def test_formulas_of_the_twin():
    """Watermarks, reserves and batch sizes of whole nodes, highmem included."""
    for row in formula_rows():
        present, highmem = row["present"], row["highmem"]
        lowmem = sum(pages for pages, high in zip(present, highmem, strict=True) if not high)
        kb = row["min_free_kbytes_in"]
        kb = model.default_min_free_kbytes(lowmem) if kb < 0 else kb
        assert kb == row["min_free_kbytes"]
        for idx, zone in enumerate(row["zones"]):
            marks = model.pages_marks(present[idx], lowmem, kb, highmem[idx])
            assert marks == (zone["pages_min"], zone["pages_low"], zone["pages_high"])
            assert list(model.lowmem_reserve(idx, present, row["ratio"])) == zone["lowmem_reserve"]
            batch = model.zone_batchsize(present[idx])
            assert (batch, max(1, batch), 6 * batch) == (zone["zone_batchsize"], zone["pcp_batch"], zone["pcp_high"])
        reserves = [zone["lowmem_reserve"] for zone in row["zones"]]
        pages_high = [zone["pages_high"] for zone in row["zones"]]
        assert model.totalreserve_pages(present, reserves, pages_high) == row["totalreserve_pages"]


def test_formulas_of_the_core():
    """The same of every populated zone through the constructor."""
    for row in formula_rows():
        kb = row["min_free_kbytes_in"]
        for idx, expected in enumerate(row["zones"]):
            if not row["present"][idx]:
                continue
            zone = buddycap.Zone(
                0,
                row["present"][idx],
                zone_idx=idx,
                node_present_pages=tuple(row["present"]),
                node_highmem=tuple(map(bool, row["highmem"])),
                lowmem_reserve_ratio=tuple(row["ratio"]),
                min_free_kbytes=None if kb < 0 else kb,
            )
            marks = [zone.pages_min, zone.pages_low, zone.pages_high]
            assert marks == [expected["pages_min"], expected["pages_low"], expected["pages_high"]]
            assert list(zone.lowmem_reserve) == expected["lowmem_reserve"]
            assert (zone.pcp_batch, zone.pcp_high) == (expected["pcp_batch"], expected["pcp_high"])
            assert zone.min_free_kbytes == row["min_free_kbytes"]


@pytest.mark.parametrize("path", QUIRKS, ids=name)
def test_captured_blocks_are_not_moved(path):
    """The project's one deviation: where the recorded kernel moves a captured block to a free list, we step over it."""
    header, operations = replay.read_vector(path)
    twin, core = (replay.Player(zone_class, header) for zone_class in (model.Zone, buddycap.Zone))
    lost = False
    for operation, (_, dump) in zip(operations[1::2], operations[2::2], strict=True):
        kind, *arguments = operation[:-1] if operation[0] in "ar" else operation
        if kind == "f":
            continue
        assert twin.step(kind, *arguments) == core.step(kind, *arguments)
        assert twin.zone.canonical_dump() == core.zone.canonical_dump()
        twin.zone.check()
        core.zone.check()
        lost |= bool(twin.lists[0].blocks()) and not dump["capture"][0]
    assert lost, "the recording lost a captured block that is still on our list"

"""Do the twin and the compiled zones do what the code of Linux 6.12 recorded? Results, events, every state."""

import gzip
import json
from pathlib import Path

import pytest

from buddycap.conformance.vectors import play_vectors
from reference.linux_6 import buddy as shared_buddy
from reference.linux_6 import replay
from reference.linux_6_12 import buddy, kernel, pcp, state, zone

VECTORS = Path(__file__).parents[1] / "data" / "vectors-6.12"
FORMULAS = VECTORS / "E_formulas.jsonl.gz"
RECORDED = sorted(path for path in VECTORS.glob("*.jsonl.gz") if path != FORMULAS)


def name(path):
    """The vector's name, as a test id."""
    return path.name.removesuffix(".jsonl.gz")


def test_all_families_and_operations_are_here():
    assert {path.name[0] for path in RECORDED} == set("ABCDEGHIKRT")
    played = {kind for path in RECORDED for kind in replay.read_vector(path)[0]["op_counts"]}
    assert replay.OPERATIONS.keys() - played == {"r"}, "reserves are in the headers and in the formulas"


@pytest.mark.parametrize("path", RECORDED, ids=name)
def test_vector(path):
    header, lines = replay.read_vector(path)
    replay.play(zone, header, lines)


def test_formulas():
    """Marks, reserves and sizes of whole nodes."""
    _, rows = replay.read_vector(FORMULAS)
    assert len(rows) == 300
    for row in rows:
        assert replay.formula_row(kernel, row) == row


class TestARuleOf61IsSeen:
    """Where Linux 6.12 differs, its vectors notice what 6.1 does."""

    def fails(self, stem):
        with pytest.raises(AssertionError):
            replay.play(zone, *replay.read_vector(VECTORS / f"{stem}.jsonl.gz"))

    def test_movable_requests_capture_no_small_blocks(self, monkeypatch):
        monkeypatch.setattr(kernel, "may_break_up_movable", lambda capture: False)
        self.fails("I_z32k")

    def test_pageblocks_that_merge_keep_their_types(self, monkeypatch):
        monkeypatch.setattr(kernel, "merge_pageblocks", lambda node, buddy, order, migratetype: None)
        self.fails("B_buddy_z2048")

    def test_a_refill_looks_for_each_block_from_the_beginning(self, monkeypatch):
        monkeypatch.setattr(pcp, "rmqueue_core", lambda *args: buddy.rmqueue_core(*args[:4], buddy.NORMAL))
        self.fails("B_steal_z54k_unal")

    def test_large_blocks_are_freed_whole(self, monkeypatch):
        def whole(zone, pfn, order, to_tail=False):
            shared_buddy.free_one_page(zone, pfn, order, zone.node.get_pageblock_migratetype(pfn), to_tail)

        monkeypatch.setattr(kernel, "free_blocks", whole)
        self.fails("I_z4096")

    def test_the_limit_of_lists_stays(self, monkeypatch):
        monkeypatch.setattr(state.Pcp, "held", lambda pcp, value: pcp.high_min)
        self.fails("D_z8192_c2")

    def test_the_whole_reserve_is_unusable(self, monkeypatch):
        monkeypatch.setattr(state.Zone, "highatomic_pages", lambda zone: zone.nr_reserved_highatomic)
        self.fails("H_low_z64k")


class TestCompiled:
    """The compiled zones play the same vectors."""

    @pytest.mark.parametrize("path", [*RECORDED, FORMULAS], ids=name)
    def test_vector(self, path):
        result = play_vectors([path])
        assert (result.mismatches, result.errors, result.vectors) == ([], [], 1)

    def test_an_altered_vector_is_seen(self, tmp_path):
        lines = gzip.decompress((VECTORS / "A_z64_at100.jsonl.gz").read_bytes()).decode().splitlines()
        number = next(k for k, line in enumerate(lines) if k > 20 and line.startswith('["b"'))
        row = json.loads(lines[number])
        lines[number] = json.dumps([*row[:-1], row[-1] + 1])
        (tmp_path / "altered.jsonl").write_text("\n".join(lines) + "\n")
        (difference,) = play_vectors([tmp_path / "altered.jsonl"]).mismatches
        assert difference.line == number + 1

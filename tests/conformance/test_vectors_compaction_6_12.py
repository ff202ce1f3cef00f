"""Does the twin do what compaction in Linux 6.12 recorded? Every move, counter, captured page and state."""

from pathlib import Path

import pytest

from reference.linux_6.compaction import replay
from reference.linux_6_1.compaction import scanners as scanners_6_1
from reference.linux_6_12 import kernel as allocator
from reference.linux_6_12.compaction import kernel, migrate, run, scanners

VECTORS = Path(__file__).parents[1] / "data" / "vectors-compaction-6.12"
RECORDED = sorted(VECTORS.glob("*.jsonl.gz"))
OPERATIONS = (
    "alloc compact decay defer defer_reset deferred drain flush free kc_suitable kcompactd node proactive "
    "reclaim_active reset_skip score suitable try"
)


def name(path):
    """The vector's name, as a test id."""
    return path.name.removesuffix(".jsonl.gz")


def test_all_families_operations_and_hooks_are_here():
    assert {path.name[0] for path in RECORDED} == set("ABCDEFGKLMNPQRSTVWXYZ")
    played = [record for path in RECORDED for record in replay.read_vector(path)[2] if "in" in record]
    assert {record["in"]["op"] for record in played} == set(OPERATIONS.split())
    assert {hook[1] for record in played for hook in record["out"]["hooks"]} == {"if", "of", "oa", "zp"}
    outcomes = {tuple(move[2:]) for record in played for move in record["out"]["mig"]}
    assert outcomes == {(), (migrate.BUSY_UNMAPPING,), (migrate.REFUSED,), (migrate.BUSY_MOVING,)}
    assert sum(record["out"].get("cap", -1) >= 0 for record in played) >= 10


@pytest.mark.parametrize("path", RECORDED, ids=name)
def test_vector(path):
    replay.play(kernel, *replay.read_vector(path))


class TestARuleOf61IsSeen:
    """Where Linux 6.12 differs, its vectors notice what 6.1 does."""

    def fails(self, stem):
        with pytest.raises(AssertionError):
            replay.play(kernel, *replay.read_vector(VECTORS / f"{stem}.jsonl.gz"))

    def test_targets_are_used_from_the_last_block_found(self, monkeypatch):
        def last_first(cc, found):
            for pfn, size in found:
                cc.freepages[size.bit_length() - 1].insert(0, pfn)

        monkeypatch.setattr(kernel, "add_targets", last_first)
        self.fails("F_9")

    def test_compound_pages_stay(self, monkeypatch):
        monkeypatch.setattr(scanners, "large_order", lambda cc, pfn: cc.machine.compound_order(pfn) or 0)
        self.fails("N_14")

    def test_a_pageblock_is_not_finished_after_a_failure(self, monkeypatch):
        monkeypatch.setattr(run, "SYNC", -1)
        self.fails("D_1")

    def test_what_may_be_captured(self, monkeypatch):
        monkeypatch.setattr(allocator, "may_break_up_movable", lambda capture: False)
        self.fails("R_6")

    def test_waiting_is_tried_together(self, monkeypatch):
        monkeypatch.setattr(migrate, "SYNC_PASSES", 6)
        self.fails("Z_1")

    def test_where_the_next_run_begins(self, monkeypatch):
        monkeypatch.setattr(kernel, "next_free_start", scanners_6_1.next_free_start)
        self.fails("X_1")

"""Does the twin do what compaction in Linux 6.1 recorded? Every move, counter, captured page and state."""

from pathlib import Path

import pytest

from reference.linux_6.buddy import Capture
from reference.linux_6.compaction import replay
from reference.linux_6.compaction import run as shared_run
from reference.linux_6.compaction import scanners as shared_scanners
from reference.linux_6_1.compaction import kernel, run, scanners

VECTORS = Path(__file__).parents[1] / "data" / "vectors-compaction"
RECORDED = sorted(VECTORS.glob("*.jsonl.gz"))
OPERATIONS = (
    "alloc compact defer defer_reset deferred drain flush free kc_suitable kcompactd node proactive reset_skip score "
    "suitable try"
)


def name(path):
    """The vector's name, as a test id."""
    return path.name.removesuffix(".jsonl.gz")


def test_all_families_operations_and_hooks_are_here():
    assert {path.name[0] for path in RECORDED} == set("ABCDEFGKLMPQSW")
    played = [record for path in RECORDED for record in replay.read_vector(path)[2] if "in" in record]
    assert {record["in"]["op"] for record in played} == set(OPERATIONS.split())
    assert {hook[1] for record in played for hook in record["out"]["hooks"]} == {"if", "of", "oa", "zp"}
    assert sum(record["out"].get("cap", -1) >= 0 for record in played) >= 20


@pytest.mark.parametrize("path", RECORDED, ids=name)
def test_vector(path):
    replay.play(kernel, *replay.read_vector(path))


class TestAFaultIsSeen:
    """One mechanism is altered, and a vector no longer comes out."""

    def fails(self, stem):
        with pytest.raises(AssertionError):
            replay.play(kernel, *replay.read_vector(VECTORS / f"{stem}.jsonl.gz"))

    def test_cached_positions_are_one_pageblock_too_far(self, monkeypatch):
        def to_the_border(cc, pfn):
            cached = cc.compact.cached_migrate
            cached[0] = max(cached[0], pfn)
            cached[1] = max(cached[1], pfn) if cc.mode else cached[1]

        monkeypatch.setattr(scanners, "update_cached_migrate", to_the_border)
        self.fails("P_0")

    def test_lists_are_rotated(self, monkeypatch):
        monkeypatch.setattr(shared_scanners, "rotate", lambda blocks, pfn, *, first: None)
        self.fails("A_1")

    def test_completed_blocks_are_captured(self, monkeypatch):
        monkeypatch.setattr(shared_run, "Capture", lambda zone, order, kind: Capture(zone, -1, kind))
        self.fails("P_0")

    def test_number_of_passes(self, monkeypatch):
        monkeypatch.setattr(run, "MIGRATE_PASSES", 9)
        self.fails("M_6")

    def test_deferral(self, monkeypatch):
        monkeypatch.setattr(shared_run, "MAX_DEFER_SHIFT", 1)
        self.fails("D_0")

    def test_pages_of_a_cluster(self, monkeypatch):
        monkeypatch.setattr(scanners, "CLUSTER", 16)
        self.fails("A_0")

    def test_a_recorded_move_that_is_altered(self):
        header, state, records = replay.read_vector(VECTORS / "A_0.jsonl.gz")
        moved = next(record for record in records if record.get("out", {}).get("mig"))
        moved["out"]["mig"][0][1] += 1
        with pytest.raises(AssertionError, match="line"):
            replay.play(kernel, header, state, records)

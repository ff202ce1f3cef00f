"""Does it do what the code of Linux 6.1 recorded? Every vector on the twin: results, events, every state."""

from pathlib import Path

import pytest

from reference.linux_6 import replay
from reference.linux_6_1 import kernel, zone

VECTORS = Path(__file__).parents[1] / "data" / "vectors-6.1"
FORMULAS = VECTORS / "E_formulas.jsonl.gz"
RECORDED = sorted(path for path in VECTORS.glob("*.jsonl.gz") if path != FORMULAS)


def name(path):
    """The vector's name, as a test id."""
    return path.name.removesuffix(".jsonl.gz")


def test_all_families_and_operations_are_here():
    assert {path.name[0] for path in RECORDED} == set("ABCDEGHIKRT")
    played = {kind for path in RECORDED for kind in replay.read_vector(path)[0]["op_counts"]}
    assert replay.OPERATIONS.keys() - played == set("rYOS"), "reserves are in headers and formulas; the rest is of 6.12"


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


class TestAWrongVectorIsSeen:
    """Whatever is altered, playing stops there."""

    def altered(self, path, number, change):
        header, lines = replay.read_vector(VECTORS / path)
        change(lines[number])
        with pytest.raises(AssertionError) as stop:
            replay.play(zone, header, lines)
        return str(stop.value)

    def first(self, path, kind, *, after=20):
        _, lines = replay.read_vector(VECTORS / path)
        return next(k for k, line in enumerate(lines) if k > after and line[0] == kind)

    def test_result(self):
        number = self.first("D_z8192_c2.jsonl.gz", "a")
        assert self.altered("D_z8192_c2.jsonl.gz", number, lambda line: line.append(line.pop() + 1)).startswith(
            f"line {number + 2}, operation ['a'"
        )

    def test_event(self):
        number = self.first("T_events_z4096.jsonl.gz", "v")
        self.altered("T_events_z4096.jsonl.gz", number, lambda line: line.append(line.pop() + 1))

    def test_state(self):
        number = self.first("A_z64.jsonl.gz", "d")
        self.altered("A_z64.jsonl.gz", number, lambda line: line.append(line.pop().replace("\nR 0 0", "\nR 1 0")))

    def test_hash(self):
        number = self.first("G_multi.jsonl.gz", "h")
        self.altered("G_multi.jsonl.gz", number, lambda line: line.append("0" + line.pop()[1:]))

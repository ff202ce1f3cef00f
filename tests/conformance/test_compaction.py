"""Does the compiled compaction do what Linux 6.1 and 6.12 did, operation by operation and page by page?"""

import gzip
import json
from pathlib import Path

import pytest

from buddycap.conformance.vectors import play_vectors
from buddycap.conformance.vectors_compaction import Player

DATA = Path(__file__).parents[1] / "data"
VECTORS = sorted((DATA / "vectors-compaction").glob("*.jsonl.gz"))


def same(what, expected, found):
    assert found == expected, what


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name.split(".")[0])
def test_the_first_operations_of_a_vector_come_out(path):
    """All up to the first allocation, which needs a slow path."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        header, state, *records = map(json.loads, lines)
    player = Player(header, same)
    player.step(state)
    for record in records:
        if "in" in record and (record["in"]["op"] == "alloc" or "oa" in str(record["in"].get("hooks"))):
            break
        player.step(record)
    player.check()


@pytest.mark.parametrize("folder", ["vectors-compaction", "vectors-compaction-6.12"])
def test_no_vector_differs_and_requests_are_served(folder):
    result = play_vectors([DATA / folder])
    assert (result.mismatches, result.errors, result.deviations) == ([], [], [])
    assert result.vectors == len(list((DATA / folder).glob("*.jsonl.gz")))

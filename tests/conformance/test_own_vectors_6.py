"""Can vectors of Linux 6.1 and 6.12 be played that go where the recorded ones do not? The twins record them."""

import json

import pytest

from buddycap.conformance.vectors import play_vectors
from reference.linux_6 import replay
from reference.linux_6_1 import zone as twin_61
from reference.linux_6_12 import zone as twin_612

TWINS = {"6.1": twin_61, "6.12": twin_612}
NORMAL, DEVICE = 2, 4
UNMOVABLE, MOVABLE, RECLAIMABLE, HIGHATOMIC = range(4)
SIZES = {"6.1": ("batch", "high"), "6.12": ("batch", "high_min", "high_max")}


@pytest.fixture(params=TWINS)
def kernel(request):
    return request.param


def header_of(kernel, *zones, **changes):
    """A header without results; a zone is (idx, start, spanned)."""
    return {
        "format": f"buddycap-oracle-{kernel}-1", "kernel": f"{kernel}.1", "family": "B", "max_order": 11,
        "pageblock_order": 9, "cma": 0, "cpus": 1, "mobility_disabled": 0, "linked_outside": [],
        "min_free_kbytes": 1000, "watermark_scale_factor": 10, "watermark_boost_factor": 15000,
        "lowmem_ratio": [256, 256, 32, 0, 0], "events": "all", "dump_every": 1,
        **({"cache_slice": 0} if kernel == "6.12" else {}),
        "zones": [{"idx": idx, "start": start, "spanned": pages, "present": [[start, start + pages]],
                   "free": [[start, start + pages]]} for idx, start, pages in zones], **changes,
    }  # fmt: skip


def record(kernel, header, operations):
    """The lines of a vector: what the twin says to operations without results."""
    node = replay.boot(TWINS[kernel], header)
    for zone, made in zip(header["zones"], node.zones, strict=True):
        sizes = {name: made.pcp(0)[name] for name in SIZES[kernel]}
        marks = {"wmark": list(made.wmark), "lowmem_reserve": list(made.lowmem_reserve)}
        zone["result"] = {"managed": made.managed_pages, **marks, **sizes}
    header["ops"] = len(operations)
    lines = [header, ["d", node.canonical_dump()]]
    player = replay.Player(node)
    node.take_events()
    for kind, *arguments in operations:
        result = player.step(kind, *arguments)
        lines.append([kind, *arguments, *([result] if kind in replay.WITH_RESULT else [])])
        lines += [["v", *event] for event in node.take_events()]
        lines.append(["d", node.canonical_dump()])
    return lines


def play(lines, folder):
    """What the conformance player says to a vector."""
    (folder / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return play_vectors([folder])


def agrees(kernel, header, operations, folder):
    result = play(record(kernel, header, operations), folder)
    assert ([str(found) for found in result.mismatches], result.errors) == ([], [])
    assert result.operations == len(operations)


def test_a_zone_of_devices(kernel, tmp_path):
    header = header_of(kernel, (NORMAL, 4096, 2048), (DEVICE, 8192, 1024))
    walks = [["g", 0, MOVABLE, 0x801, highest, 0] for highest in (3, 4)]
    agrees(kernel, header, [*walks, ["b", DEVICE, 9, MOVABLE, 0], ["m", 2000, 10], ["r", DEVICE, 7]], tmp_path)


def test_pages_linked_from_far_below(kernel, tmp_path):
    header = header_of(kernel, (NORMAL, 4096, 2048), linked_outside=[[4095, NORMAL], [17, NORMAL]])
    agrees(kernel, header, [["b", NORMAL, 0, MOVABLE, 0]], tmp_path)


@pytest.mark.parametrize("kind", [RECLAIMABLE, HIGHATOMIC])
def test_a_block_put_back_as_one_of_another_type(kernel, kind, tmp_path):
    """The counters are wrong afterwards, in Linux as well: no mismatch, not even when all invariants are looked at."""
    operations = [["y", 4096], ["z", 4096, 10, kind], ["b", NORMAL, 10, UNMOVABLE, 0], ["b", NORMAL, 9, MOVABLE, 0x208]]
    agrees(kernel, header_of(kernel, (NORMAL, 4096, 4096)), operations, tmp_path)


def test_an_operation_of_more_events_than_most(kernel, tmp_path):
    agrees(kernel, header_of(kernel, (NORMAL, 0, 140_000)), [["k", NORMAL, 135_000, MOVABLE, 0]], tmp_path)


@pytest.mark.parametrize(("name", "value"), [("max_order", 12), ("pageblock_order", 11)])
def test_a_geometry_that_the_kernels_do_not_have_is_refused(kernel, name, value, tmp_path):
    lines = record(kernel, header_of(kernel, (NORMAL, 4096, 2048)), [])
    lines[0][name] = value
    (error,) = play(lines, tmp_path).errors
    assert "no such zone" in str(error)


def test_the_pageblock_order_of_the_header_counts(kernel, tmp_path):
    """There are no recordings of others than 9, but a header that has one is no vector of 9."""
    lines = record(kernel, header_of(kernel, (NORMAL, 4096, 2048)), [])
    lines[0]["pageblock_order"] = 8
    assert play(lines, tmp_path).mismatches

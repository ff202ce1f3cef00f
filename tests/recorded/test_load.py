"""Is a recorded load read, checked, kept and made again as it was?"""

from pathlib import Path

import numpy as np
import pytest

from buddycap import POLICIES, FormatError, MisuseError
from buddycap._world import LOAD_DTYPE, World
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS
from buddycap.recorded.load import Load, load_from_trace
from buddycap.study.config import StudyConfig
from buddycap.study.parameters import world_parameters
from buddycap.study.run import run_once, study_zone

RECORDED = Path(__file__).parents[1] / "data" / "load" / "compile-50000.npz"
SMALL = StudyConfig(memory_pages=1 << 16, warmup_s=2, request_mib_per_s=64)


@pytest.fixture(scope="module")
def build():
    return Load.load(RECORDED)


def table(*rows):
    return np.array(list(rows), LOAD_DTYPE)


def test_the_sample_is_a_build(build):
    """Most of what a compiler asks for is its own memory, in single pages that live for some 30 ms."""
    assert len(build) == 50_000
    assert (build.allocations["migratetype"] == 2).mean() > 0.8
    assert (build.allocations["order"] == 0).mean() > 0.99
    assert 10e6 < np.median(build.allocations["lifetime_ns"]) < 100e6


def test_there_and_back(build, tmp_path):
    build.save(tmp_path / "load.npz")
    again = Load.load(tmp_path / "load.npz")
    assert np.array_equal(again.allocations, build.allocations)
    assert again.duration_ns == build.duration_ns


def test_stretched_times(build):
    slow = build.stretched(300)
    assert slow.duration_ns == 3 * build.duration_ns
    assert (slow.allocations["lifetime_ns"] == 3 * build.allocations["lifetime_ns"]).all()


def trace(*events, marks=()):
    """A trace of (name, ns, pfn, order, migratetype)."""
    rows = np.zeros(len(events), EVENT_DTYPE)
    for row, (name, time_ns, pfn, order, migratetype) in zip(rows, events, strict=True):
        row["event"], row["time_ns"], row["pfn"] = EVENTS[name], time_ns, pfn
        row["order"], row["migratetype"] = order, migratetype
    return Trace(rows, marks=list(marks))


def test_a_trace_becomes_a_load():
    """Lifetimes come from the frees; what is never freed lives as long as the recording."""
    events = trace(
        ("mm_page_alloc", 100, 8, 0, 2),
        ("mm_page_alloc", 150, 16, 3, 0),
        ("mm_page_free", 180, 8, 0, 0),
        ("mm_page_alloc", 300, 64, 0, 1),
        ("mm_page_free", 350, 16, 3, 0),
    )
    allocations, duration_ns = load_from_trace(events)
    assert duration_ns == 200
    assert allocations.tolist() == [(0, 80, 0, 2), (50, 200, 3, 0), (200, 200, 0, 1)]


def test_only_the_marked_part_counts():
    marks = [(120, "buddycap: workload begin"), (220, "buddycap: workload end")]
    events = trace(("mm_page_alloc", 100, 8, 0, 2), ("mm_page_alloc", 170, 9, 0, 2), marks=marks)
    allocations, duration_ns = load_from_trace(events)
    assert duration_ns == 100
    assert allocations.tolist() == [(50, 100, 0, 2)]


def test_a_trace_without_allocations():
    with pytest.raises(FormatError, match="allocates nothing"):
        load_from_trace(trace(("mm_page_free", 1, 8, 0, 0)))


@pytest.mark.parametrize(
    ("rows", "duration_ns", "word"),
    [
        ([], 10, "non-empty"),
        ([(0, 5, 0, 2)], 0, "duration_ns"),
        ([(20, 5, 0, 2)], 10, "time_ns"),
        ([(0, -1, 0, 2)], 10, "lifetime_ns"),
        ([(0, 5, 15, 2)], 10, "order"),
        ([(0, 5, 0, 3)], 10, "migratetype"),
        ([(5, 5, 0, 2), (4, 5, 0, 2)], 10, "ascend"),
    ],
)
def test_nonsense_is_refused(rows, duration_ns, word):
    with pytest.raises(MisuseError, match=word):
        Load(table(*rows), duration_ns)


def test_damaged_files(tmp_path, build):
    path = tmp_path / "load.npz"
    build.save(path)
    whole = path.read_bytes()
    for wrong in (b"", b"PK", whole[: len(whole) // 2], b"no trace at all\n"):
        path.write_bytes(wrong)
        with pytest.raises(FormatError):
            Load.load(path)
    np.savez(path, gap_ns=np.ones(3, np.uint64), lifetime_ns=np.ones(2, np.uint64))
    with pytest.raises(FormatError):
        Load.load(path)
    with pytest.raises(FormatError, match="no trace"):
        Load.load(tmp_path / ".")
    with pytest.raises(FileNotFoundError):
        Load.load(tmp_path / "absent.npz")


@pytest.mark.parametrize("policy", ["none", "v3"])
def test_a_run_under_a_recorded_load_repeats_itself(policy, build):
    first, second = (run_once(SMALL, POLICIES[policy], 1, load=build) for _ in range(2))
    assert first.digest == second.digest
    assert np.array_equal(first.requests, second.requests)
    assert first.summary()["background_per_s"] > 20_000


def test_the_load_is_what_was_recorded():
    """One block of order 3 that lives 30 of every 40 ms, on a machine where nothing else happens."""
    load = Load(table((10**7, 3 * 10**7, 3, 0)), 4 * 10**7)
    quiet = {"stream_period_ns": 10**15, "warmup_pages": 0, "resident_pages": 0, "requests": 1}
    parameters = {**world_parameters(SMALL, warm=False, load_ns=load.duration_ns), **quiet}
    zone = study_zone(SMALL, 1)
    world = World(zone, POLICIES["none"], parameters, 1, load.allocations)
    used = []
    while not world.run(1) and world.now_ns < 10**9:
        used.append(zone.present_pages - zone.nr_free_pages)
    least = min(used)  # what the stream reader read once
    assert set(used) == {least, least + 8}
    assert used.count(least + 8) > 20
    assert world.totals()["background_pages"] == pytest.approx(8 * 25, abs=16)


def test_copies_and_speed_are_parameters(build):
    def rate(**changes):
        return run_once(SMALL.replace(**changes), POLICIES["none"], 1, load=build).summary()["background_per_s"]

    plain = rate()
    assert rate(load_time_percent=400) < plain / 2
    assert rate(load_copies=2) > plain * 1.2


def test_the_world_refuses_a_load_it_cannot_make(build):
    parameters = world_parameters(SMALL, warm=False)
    with pytest.raises(MisuseError, match="loads=0"):
        World(study_zone(SMALL, 1), POLICIES["none"], parameters, 1, build.allocations)
    with pytest.raises(MisuseError, match="loads=1"):
        World(study_zone(SMALL, 1), POLICIES["none"], world_parameters(SMALL, warm=False, load_ns=5), 1)
    for name, value in (("order", 11), ("migratetype", 3), ("lifetime_ns", -1), ("time_ns", -1)):
        wrong = build.allocations[:10].copy()
        wrong[name][0] = value
        with pytest.raises(MisuseError, match="load"):
            World(study_zone(SMALL, 1), POLICIES["none"], world_parameters(SMALL, warm=False, load_ns=5), 1, wrong)
    with pytest.raises(MisuseError, match="LOAD_DTYPE"):
        World(study_zone(SMALL, 1), POLICIES["none"], world_parameters(SMALL, warm=False, load_ns=5), 1, np.zeros(3))

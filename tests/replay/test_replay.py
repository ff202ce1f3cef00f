"""Does every event move the pages that it names, and does the end agree with recorded ones?"""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from buddycap import FormatError, MisuseError
from buddycap.calls import replay as calls_replay
from buddycap.cli import main
from buddycap.commands import replay as views_replay
from buddycap.formats.extfrag import fragmentation_index
from buddycap.formats.kpageflags import KPF, PageKind, ZoneFrames, read_kpageflags
from buddycap.formats.liststate import read_list_state
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS, TraceFlags
from buddycap.recorded.lifetimes import TracedFlags, match_trace, requests_of
from buddycap.recorded.recording import Recording, bare_recording, open_recording
from buddycap.replay.course import reconstruct
from buddycap.replay.ending import compare_end
from buddycap.replay.reconstruct import PageState, Reconstruction
from buddycap.replay.timeline import sample_times
from sourcelint import ROOT

DATA = ROOT / "tests" / "data" / "replay"
ALLOC, FREE, TAKE, DRAIN = (EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "alloc_zone_locked", "pcpu_drain"))
EXTFRAG, ISOLATE = EVENTS["mm_page_alloc_extfrag"], EVENTS["mm_compaction_isolate_freepages"]
PAGES = 4096
SOFTIRQ = TraceFlags.CONTEXT | TraceFlags.SOFTIRQ


def trace(*rows):
    """Events from (event, pfn, order, other fields)."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    events["time_ns"] = np.arange(len(rows))
    events["migratetype"], events["flags"] = 2, TraceFlags.CONTEXT
    for k, (event, pfn, order, *rest) in enumerate(rows):
        events[k]["event"], events[k]["pfn"], events[k]["order"] = event, pfn, order
        for name, value in (rest[0] if rest else {}).items():
            events[k][name] = value
    return Trace(events)


def snapshot(free=()):
    """One zone whose pages are in use, but for ranges of free ones."""
    flags = np.full(PAGES, KPF.LRU | KPF.SWAPBACKED, np.uint64)
    for first, end in free:
        flags[first:end] = KPF.BUDDY
    return Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),))


def after(trace, free=(), **options):
    """Free pages and oddities after a trace."""
    memory = Reconstruction(trace, snapshot(free), **options)
    memory.follow()
    pages = np.flatnonzero(memory.free("Normal")).tolist()
    counts = memory.nr_free("Normal")
    rebuilt = ZoneFrames.from_flags("Normal", 0, np.where(memory.free("Normal"), KPF.BUDDY, KPF.SLAB).astype(np.uint64))
    assert (rebuilt.nr_free == counts).all(), "free blocks follow from the free pages"
    return pages, {name: n for name, n in memory.oddities().items() if n}


def test_pages_go_through_the_per_cpu_list():
    taken = trace((TAKE, 8, 2), (ALLOC, 8, 2))
    assert after(taken, [(0, 16)]) == ([*range(8), *range(12, 16)], {})
    assert after(trace((FREE, 8, 2))) == ([], {})
    assert after(trace((FREE, 8, 2), (DRAIN, 8, 2))) == ([8, 9, 10, 11], {})


@pytest.mark.parametrize("order", [4, 5, 8, 10])
def test_other_orders_go_past_it(order):
    assert after(trace((FREE, 1024, order))) == ([*range(1024, 1024 + (1 << order))], {})
    assert after(trace((FREE, 1024, 9))) == ([], {})


def test_before_5_14_only_single_pages_go_through_it():
    events = trace((FREE, 8, 2), (FREE, 12, 0))
    events.report.kernel = "4.19.1"
    assert after(events) == ([8, 9, 10, 11], {})
    rows = [(FREE, 8, 2), *[(DRAIN, k % 2 * 2 + 600, 0) for k in range(2000)], *[(FREE, 1024, 1)] * 2000]
    assert after(trace(*rows))[0][:4] == [8, 9, 10, 11]
    assert after(trace(*rows, (DRAIN, 40, 1)))[0][:1] == [40]


def test_a_later_take_shows_that_a_free_had_reached_the_lists():
    events = trace((FREE, 8, 0), (FREE, 9, 0), (TAKE, 8, 0), (ALLOC, 9, 0))
    memory = Reconstruction(events, snapshot())
    memory.follow(1)
    assert np.flatnonzero(memory.free("Normal")).tolist() == [8]
    blind = Reconstruction(events, snapshot(), infer=False)
    blind.follow(1)
    assert not blind.free("Normal").any()


def test_frees_in_interrupts_that_met_a_locked_list():
    locked, inside = {"flags": TraceFlags.CONTEXT | 3}, {"flags": SOFTIRQ | 2}
    between = trace((DRAIN, 64, 0, locked), (FREE, 8, 0, inside), (DRAIN, 66, 0, locked))
    assert after(between)[0] == [8, 64, 66]
    alone = trace((ALLOC, 70, 0), (FREE, 8, 0, inside), (ALLOC, 71, 0))
    assert after(alone)[0] == []
    batch = trace((FREE, 80, 0), (FREE, 8, 0, inside), (EVENTS["mm_page_free_batched"], 80, 0, locked))
    assert after(batch)[0] == [8]
    other_task = trace((FREE, 80, 0), (FREE, 8, 0, {**inside, "pid": 7}), (DRAIN, 66, 0, locked))
    assert after(other_task)[0] == [66]
    other_cpu = trace((DRAIN, 64, 0, locked), (FREE, 8, 0, {**inside, "cpu": 1}), (DRAIN, 66, 0, locked))
    assert after(other_cpu)[0] == [64, 66]


def test_a_page_that_never_comes_back_was_not_on_the_list():
    """The list is last in, first out: it counts how far below the page it sank, not how busy it was."""
    busy = [(ALLOC, 600 + k, 0) for k in range(300)]
    rows = [(FREE, 520, 0, {"flags": SOFTIRQ | 2}), *busy]
    assert after(trace(*rows))[0] == [520]
    assert after(trace(*rows[:10]))[0] == []
    turns = [row for k in range(300) for row in ((FREE, 900 + k, 0), (ALLOC, 900 + k, 0))]
    assert after(trace((ALLOC, 600, 0), rows[0], *turns))[0] == []
    assert after(trace(rows[0], *turns, *busy))[0] == [520]


def test_extfrag_removes_by_itself_or_not():
    alone = trace((EXTFRAG, 8, 0), (ALLOC, 8, 0))
    assert after(alone, [(8, 10)]) == ([9], {})
    behind = trace((TAKE, 8, 0), (EXTFRAG, 8, 0), (ALLOC, 8, 0))
    assert after(behind, [(8, 10)]) == ([9], {})
    older = trace((EXTFRAG, 8, 0), (TAKE, 8, 0), (ALLOC, 8, 0), (EXTFRAG, 12, 0), (TAKE, 16, 0))
    assert after(older, [(8, 10), (12, 13), (16, 17)]) == ([9, 12], {})


@pytest.mark.parametrize(
    ("rows", "odd"),
    [
        ([(ALLOC, 0, 0)], "alloc_of_free"),
        ([(ALLOC, 70, 0), (ALLOC, 70, 0)], "alloc_of_used"),
        ([(FREE, 1, 0)], "free_of_free"),
        ([(FREE, 70, 0), (FREE, 70, 0)], "free_of_pcp"),
        ([(TAKE, 70, 0)], "take_of_held"),
        ([(ALLOC, 70, 0), (TAKE, 70, 0)], "take_of_used"),
        ([(DRAIN, 1, 0)], "drain_of_free"),
        ([(ALLOC, 70, 0), (DRAIN, 70, 0)], "drain_of_used"),
        ([(ALLOC, PAGES, 0)], "outside"),
        ([(FREE, PAGES - 2, 3)], "outside"),
        ([(FREE, 1 << 51, 0)], "outside"),
        ([(FREE, 1, 1)], "unaligned"),
        ([(ISOLATE, 0, 0, {"span": PAGES + 1})], "outside"),
        ([(EVENTS["PERF_RECORD_LOST"], -1, 0)], "lost"),
    ],
)
def test_what_does_not_fit_is_counted(rows, odd):
    assert after(trace(*rows), [(0, 4)])[1] == {odd: 1}


def test_a_zone_that_grows():
    flags = np.zeros(4 << 15, np.uint64)
    flags[: 1 << 15] = KPF.SLAB
    start = Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),))
    memory = Reconstruction(trace((TAKE, (1 << 15) + 512, 9), (FREE, 3 << 15, 0)), start)
    memory.follow()
    grown = [*range(1 << 15, (1 << 15) + 512), *range((1 << 15) + 1024, 2 << 15)]
    assert np.flatnonzero(memory.free("Normal")).tolist() == grown
    assert {name: n for name, n in memory.oddities().items() if n} == {"grown": 1}
    assert set(memory.states("Normal").tolist()) == {PageState.HELD, PageState.FREE, PageState.PCP}


def test_any_events_leave_a_consistent_state():
    rng = np.random.default_rng(5)
    for _ in range(40):
        events = np.zeros(3000, EVENT_DTYPE)
        events["event"] = rng.choice([*range(13), 20, 99], 3000)
        events["order"] = rng.choice([0, 0, 0, 1, 2, 3, 4, 9, 10, 14, 200], 3000)
        events["pfn"] = rng.integers(-5, PAGES + 20, 3000) >> rng.integers(0, 11, 3000) << rng.integers(0, 11, 3000)
        events["flags"] = rng.integers(0, 1 << 13, 3000)
        events["migratetype"] = rng.choice([0, 1, 2, 3, 255], 3000)
        events["cpu"] = rng.choice([0, 1, 1023, 1024, 65535], 3000)
        events["span"], events["arg"] = rng.integers(0, 600, 3000), rng.integers(0, 64, 3000)
        after(Trace(events), [(0, 1000), (1100, 1101), (2048, 4096)])
        match_trace(Trace(events), [(0, PAGES)])


def test_mixed_pageblocks():
    rows = [(ALLOC, 512, 0, {"migratetype": 0}), (FREE, 512, 0), (ALLOC, 0, 9, {"migratetype": 0}), (ALLOC, 513, 3)]
    memory = Reconstruction(trace(*rows), snapshot([(0, 512)]))
    assert [memory.follow(k) or memory.mixed_pageblocks("Normal") for k in range(4)] == [1, 0, 0, 0]


FIGURES = {
    "thpfrag": {"changed": 98, "wrong": 64, "moving": 9898, "error": 3, "error_unfollowed": 108},
    "fork": {"changed": 73, "wrong": 0, "moving": 0, "error": 0, "error_unfollowed": 8},
}


@pytest.mark.parametrize("name", FIGURES)
def test_recordings_end_where_they_ended(name):
    recording = open_recording(DATA / name)
    timeline, end, _ = reconstruct(recording, 5)
    assert {key: getattr(end, key) for key in FIGURES[name]} == FIGURES[name]
    assert sum(row.pages for row in end.causes) == end.wrong
    assert timeline.nr_free.shape == (5, len(recording.zones), 11)
    assert timeline.nr_free[0].tolist() == [zone.nr_free.tolist() for zone in recording.start.frames]
    assert tuple(timeline.nr_free[-1, -1].tolist()) == end.nr_free[recording.start.frames[-1].name]
    assert timeline.extfrag(9)[-1, -1] == fragmentation_index(timeline.nr_free[-1, -1].tolist(), 9)


def test_every_list_of_a_stopped_machine_is_found_again():
    recording = open_recording(DATA / "fork")
    assert recording.name == "fork"
    assert open_recording(DATA / "fork" / "trace.txt.gz", DATA / "fork" / "state.start.json.gz").name == "trace.txt.gz"
    memory = Reconstruction(recording.trace, recording.start, recording.first_ns)
    assert compare_end(memory, recording).wrong == 0
    for zone in recording.end.frames:
        assert (memory.free(zone.name) == (zone.kinds == PageKind.FREE)).all()
        assert tuple(memory.nr_free(zone.name).tolist()) == recording.end.buddyinfo[zone.name]


def test_saved_pages_are_a_snapshot(tmp_path):
    recording = open_recording(DATA / "thpfrag")
    memory = Reconstruction(recording.trace, recording.start, recording.first_ns)
    memory.follow(recording.end_ns[0])
    memory.save(tmp_path / "at.npz")
    (zone,) = read_kpageflags(tmp_path / "at.npz")
    assert (zone.nr_free == memory.nr_free("DMA32")).all()


def test_requests_and_their_lifetimes():
    events = trace(
        (FREE, 8, 0), (ALLOC, 8, 0), (ALLOC, 16, 2), (FREE, 8, 0), (FREE, 16, 1), (FREE, 18, 1), (ALLOC, 9, 0)
    )
    matched = match_trace(events)
    assert matched.requests[["time_ns", "lifetime_ns", "pfn", "order", "flags"]].tolist() == [
        (0, 0, 8, 0, TracedFlags.HELD),
        (1, 2, 8, 0, 0),
        (2, 3, 16, 2, TracedFlags.PARTS),
        (6, -1, 9, 0, TracedFlags.OPEN),
    ]
    assert matched.turns[["request", "kind"]].tolist() == [(0, 2), (1, 1), (2, 1), (1, 2), (2, 2), (3, 1)]
    assert len(requests_of(events)) == 3
    lost = match_trace(trace((ALLOC, 8, 0), (ALLOC, 8, 0), (FREE, 8, 0), (FREE, 8, 0)))
    assert (lost.lost_frees, lost.silent, len(lost.requests)) == (1, 1, 2)
    with pytest.raises(FormatError, match="span 1125899906859007 pages, at most"):
        match_trace(trace((FREE, 1, 0), (FREE, 1 << 50, 0)))


@pytest.mark.parametrize("name", ["perf-script.txt", "perf-script-ns.txt", "trace_pipe.txt"])
def test_a_trace_without_snapshots_has_room_for_all_its_pages(name):
    recording = bare_recording(DATA / "text" / name)
    assert match_trace(recording.trace, recording.zones).outside == 0
    events = recording.trace.events
    used = (events["event"] == ALLOC) | (events["event"] == FREE)
    matched = match_trace(recording.trace, recording.zones)
    held = (matched.requests["flags"] & TracedFlags.HELD) != 0
    assert len(matched.requests) - held.sum() == (events["event"] == ALLOC).sum()
    assert len(matched.turns) == used.sum() - matched.silent


def test_moments():
    assert sample_times(0, 10, 4).tolist() == [0, 3, 6, 10]
    assert sample_times(7, 3, 9).tolist() == [3]
    assert len(np.unique(sample_times(5, 10**12 + 3, 1000))) == 1000


@pytest.mark.parametrize(
    "zones",
    ["3", "[]", "[{}]", '[{"name": "D", "start_pfn": 0, "spanned": 8, "free": [[[9]]]}]',
     '[{"name": "D", "start_pfn": 0, "spanned": 8, "free": [[[1, 1]]]}]',
     '[{"name": "D", "start_pfn": 0, "spanned": 8, "free": [[[]], [[1]]]}]',
     '[{"name": "D", "start_pfn": 0, "spanned": 99999999999, "free": [[[1]]]}]'],
)  # fmt: skip
def test_states_that_cannot_be(tmp_path, zones):
    (tmp_path / "s.json").write_text(f'{{"zones": {zones}}}')
    with pytest.raises(FormatError):
        read_list_state(tmp_path / "s.json")


def test_the_command(tmp_path, capsys):
    csv, npz = tmp_path / "t.csv", tmp_path / "at.npz"
    words = ["replay", str(DATA / "thpfrag"), "--timeline", str(csv), "--save", str(npz), "--at", "1", "--samples", "4"]
    assert main([*words, "--what-if", "policy=none", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reconstruction"]["end"]["wrong_pages"] == 64
    assert found["what_if"][0]["failed"][9] > 0
    lines = csv.read_text().splitlines()
    assert (len(lines), lines[0][:35]) == (5, "zone,time_ns,free_pages,unusable_in")
    assert (tmp_path / "t.1.csv").exists()
    assert main(["replay", str(DATA / "thpfrag"), "--samples", "2"]) == 0
    assert "wrong pages 64 of 98 that changed; without 9898 that events name" in capsys.readouterr().out
    assert main(["replay", str(DATA / "fork" / "trace.txt.gz"), "--convert", str(tmp_path / "t.bct")]) == 0
    assert main(["replay", str(tmp_path / "t.bct"), "--what-if", "empty=yes,policy=v3", "--samples", "2"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere"),
        ([str(DATA)], "no trace"),
        ([str(DATA / "fork"), "--from", str(DATA / "fork" / "meta.json")], "meta.json"),
        ([str(DATA / "thpfrag" / "kpageflags.end.npz")], "no event"),
        ([str(DATA / "text" / "perf-script.txt"), "--what-if", "policy=v3"], "empty=yes"),
        ([str(DATA / "thpfrag"), "--what-if", "policy=vX"], "vX"),
        ([str(DATA / "thpfrag"), "--what-if", "colour=red"], "key=value"),
        ([str(DATA / "thpfrag"), "--what-if", "min_free=lots"], "number"),
        ([str(DATA / "thpfrag"), "--samples", "0"], "--samples"),
        ([str(DATA / "thpfrag"), "--end", str(DATA / "fork" / "state.end.json.gz")], "zones differ"),
        ([str(DATA / "text" / "perf-script.txt"), "--save", "x.npz"], "--save"),
        ([str(DATA / "text" / "perf-script.txt"), "--timeline", "x.csv"], "--timeline"),
        ([str(DATA / "thpfrag"), "--at", "1"], "--save"),
        ([str(DATA / "thpfrag"), "--save", "x.npz", "--at", "-1"], "--at -1: allowed range is 0..2.7"),
        ([str(DATA / "thpfrag"), "--save", "x.npz", "--at", "nan"], "--at nan"),
    ],
)
def test_refusals_of_the_command(words, message, capsys):
    assert main(["replay", *words]) == 2
    assert message in capsys.readouterr().err


def test_pictures_that_cannot_be_drawn_are_refused_before_the_work(monkeypatch, capsys):
    text = str(DATA / "text" / "perf-script.txt")
    monkeypatch.setattr(views_replay, "figure_class", lambda: None)
    assert main(["replay", text, "--plot", "x.png"]) == 2
    assert "--plot: without a snapshot" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["replay", "nowhere", "--plot", "x.png"]) == 2
    assert "buddycap[plot]" in capsys.readouterr().err


def test_after_ctrl_c_what_is_done_is_told(monkeypatch, tmp_path, capsys):
    """The second what-if is interrupted: the reconstruction and the first are there."""

    def interrupted(recording, what, *rest, **options):
        if what.label != "policy=none":
            raise KeyboardInterrupt
        return what_if(recording, what, *rest, **options)

    what_if = calls_replay.what_if
    monkeypatch.setattr(calls_replay, "what_if", interrupted)
    words = ["--samples", "2", "--timeline", str(tmp_path / "t.csv"), "--what-if", "policy=none"]
    assert main(["replay", str(DATA / "thpfrag"), *words, "--what-if", "policy=v3"]) == 130
    out, err = capsys.readouterr()
    assert "wrong pages 64 of 98" in out
    assert "policy=none: 42 operations" in out
    assert "policy=v3" not in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.1.csv", "t.csv"]
    assert err.endswith("buddycap: interrupted\n")


@pytest.mark.parametrize(
    ("noted", "first", "end"),
    [
        (None, 10, (60, 90)),
        ([65, 80], 15, (65, 80)),
        ([55, 80], 15, (60, 90)),  # by another clock than the trace
        ([65, 95], 15, (60, 90)),
        ([80, 65], 15, (60, 90)),
        (["65", 80], 15, (60, 90)),
        (7, 15, (60, 90)),
    ],
)
def test_snapshots_tell_when_they_were_read(noted, first, end):
    """The command begins to read long after the mark; what happens meanwhile must be followed."""
    marks = [(10, "start begin"), (20, "start end"), (60, "end begin"), (90, "end kpageflags done")]
    marked = replace(trace((FREE, 1, 0)), marks=[(ns, f"buddycap: snapshot {text}") for ns, text in marks])
    begin = replace(snapshot(), meta={} if noted is None else {"monotonic_ns": [15, 18]})
    recording = Recording("", marked, begin, replace(snapshot(), meta={"monotonic_ns": noted}))
    assert (recording.first_ns, recording.end_ns) == (first, end)


def test_misuse_of_the_library():
    memory = Reconstruction(trace((FREE, 1, 0)), snapshot())
    with pytest.raises(MisuseError, match="zone='DMA'"):
        memory.nr_free("DMA")

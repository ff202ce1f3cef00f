"""Do time lines say what the run did: Perfetto traces, trace text, CSV; and `buddycap map` as a command?"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import worldlab
from buddycap import OP_DTYPE, POLICIES, MigrateType, MisuseError, RequestPath, Zone
from buddycap.cli import main
from buddycap.formats.kpageflags import KPF, ZoneFrames
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace, read_trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS, TraceReader
from buddycap.recorded.recording import Recording
from buddycap.replay.reconstruct import Reconstruction
from buddycap.study.config import StudyConfig
from buddycap.study.run import run_once
from buddycap.views.ftrace import ftrace_text, page_alloc, page_free, stream_events, trace_line
from buddycap.views.perfetto import Timeline
from buddycap.views.record import Recorder
from buddycap.views.replays import replay_timeline, watch_replay
from buddycap.views.runs import watch_run
from buddycap.views.timelines import PATHS, run_timeline, trace_of_requests

DATA = Path(__file__).parents[1] / "data"
SMALL = StudyConfig(memory_pages=1 << 15, warmup_s=1)


def interrupted_at(number):
    """A `Recorder.add_maps` in whose n-th look Ctrl-C is pressed."""
    looks = []

    def interrupted(self, *arguments):
        looks.append(arguments)
        if len(looks) == number:
            raise KeyboardInterrupt
        return add_maps(self, *arguments)

    add_maps = Recorder.add_maps
    return interrupted


def fields(data):
    """Take a protocol buffer message apart: (number of the field, value)."""

    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        value, at = varint(at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        else:
            assert key & 7 == 0
        yield key >> 3, value


def decoded(data):
    """The tracks of a trace by name, and its events: time, track, type, name, value."""
    tracks, events = {}, []
    for number, packet in fields(data):
        assert number == 1
        parts = dict(fields(packet))
        assert parts[10] == 1
        if 60 in parts:
            track = dict(fields(parts[60]))
            tracks[track[1]] = track[2].decode()
        else:
            event = dict(fields(parts[11]))
            value = event.get(30)
            value = value - (1 << 64) if value is not None and value >> 63 else value
            events.append((parts[8], tracks[event[11]], event[9], event.get(23, b"").decode(), value))
    return tracks, events


def well_nested(events):
    """Check that begins and ends of every track match; the names of the slices by track."""
    stacks, names = {}, {}
    for _, track, kind, name, _ in events:
        if kind == 1:
            stacks.setdefault(track, []).append(name)
            names.setdefault(track, []).append(name)
        elif kind == 2:
            stacks[track].pop()
    assert not any(stacks.values())
    return names


def lasted(events, wanted):
    """How long the slices of a name lasted together."""
    open_slices, total = {}, 0
    for time, track, kind, name, _ in events:
        if kind == 1:
            open_slices.setdefault(track, []).append((name, time))
        elif kind == 2:
            name, start = open_slices[track].pop()
            total += time - start if name == wanted else 0
    return total


class TestPerfetto:
    def test_slices_and_counters(self):
        timeline = Timeline()
        timeline.slice("t", "outer", 10, 50, pages=-3, why="x")
        timeline.slice("t", "inner", 20, 30)
        timeline.slice("t", "crossing", 25, 60)
        timeline.slice("t", "no time", 20, 20)
        timeline.counter("c", 15, -7, unit="pages")
        timeline.instant("t", "now", 12)
        tracks, events = decoded(timeline.encode())
        assert set(tracks.values()) == {"t", "t (2)", "c"}
        assert [event[0] for event in events] == sorted(event[0] for event in events)
        assert well_nested(events) == {"t": ["outer", "inner", "no time"], "t (2)": ["crossing"]}
        assert (15, "c", 4, "", -7) in events
        with pytest.raises(MisuseError, match="no span"):
            timeline.slice("t", "back", 5, 4)

    def test_the_official_schema_reads_it(self):
        schema = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
        timeline = Timeline()
        timeline.slice("t", "outer", 10, 50, pages=-3, why="x")
        timeline.counter("c", 15, -7, unit="pages")
        trace = schema.Trace()
        trace.ParseFromString(timeline.encode())
        events = [packet.track_event for packet in trace.packet if packet.HasField("track_event")]
        assert [event.Type.Name(event.type) for event in events] == [
            "TYPE_SLICE_BEGIN",
            "TYPE_COUNTER",
            "TYPE_SLICE_END",
        ]
        assert [(note.name, note.int_value or note.string_value) for note in events[0].debug_annotations] == [
            ("pages", -3),
            ("why", "x"),
        ]
        assert events[1].counter_value == -7
        assert {p.track_descriptor.name for p in trace.packet if p.HasField("track_descriptor")} == {"t", "c"}

    def test_a_run(self):
        run = watch_run(SMALL, POLICIES["v3"], 1, steps=6)
        tracks, events = decoded(run_timeline(run).encode())
        names = well_nested(events)
        requests = [name for name in names["requester 1"] if name.startswith("order 9: ")]
        assert len(requests) == len(run.requests)
        assert requests.count("order 9: captured") == int((run.requests["path"] == RequestPath.CAPTURED).sum()) > 0
        assert lasted(events, "congestion_wait") + lasted(events, "synchronous wait for writeback") == int(
            run.requests["wait_ns"].sum()
        )
        work = run.turns["work_end_ns"] - run.turns["start_ns"]
        assert lasted(events, "direct reclaim") == int(work.sum()) > 0
        obtained = [value for _, track, _, _, value in events if track == "huge pages obtained"]
        assert obtained == list(range(1, int((run.requests["page"] >= 0).sum()) + 1))
        table = run.recorder.table()
        for name, column in (
            ("free pages", "free_pages"),
            ("unusable free index", "unusable_index"),
            ("extfrag index", "extfrag_index"),
        ):
            seen = [(time, value) for time, track, _, _, value in events if track == f"Normal: {name}"]
            assert seen == list(zip(table["time_ns"].tolist(), table[column].tolist(), strict=True))
        assert "Normal: free, order 10" in tracks.values()

    def test_requesters_have_tracks_of_their_own_and_their_queue_shows(self):
        run = watch_run(replace(SMALL, requesters=3), POLICIES["queue"], 1, steps=3)
        _, events = decoded(run_timeline(run).encode())
        names = well_nested(events)
        assert set(names) == {"requester 1", "requester 2", "requester 3"}
        assert sum(name.startswith("order") for some in names.values() for name in some) == len(run.requests)
        assert lasted(events, "queue") > 0

    def test_held_blocks_show(self):
        """With 48 MiB of 256 kept free, captured blocks are refused now and then."""
        marks = replace(worldlab.SMALL, requesters=4, min_free_kbytes=48 << 10)
        for seed, held in ((1, True), (2, False)):
            run = watch_run(marks, POLICIES["hold"], seed, steps=3)
            _, events = decoded(run_timeline(run).encode())
            well_nested(events)
            shown = lasted(events, "holds a captured block")
            assert (shown > 0) == bool(run.turns["holding"].any()) == held
            assert shown == run_once(marks, POLICIES["hold"], seed).totals["held_ns"]

    def test_paths_have_the_names_of_the_slow_path(self):
        assert len(PATHS) == len(RequestPath)
        assert PATHS[RequestPath.CAPTURED] == "captured"
        assert PATHS[RequestPath.FAILED] == "failed"
        assert PATHS[RequestPath.ISOLATED] == "isolated pageblock"


class TestTraceText:
    def test_a_stream_is_read_back_as_it_was_performed(self, tmp_path):
        ops = np.zeros(600, OP_DTYPE)
        ops["op"][:400] = 1
        ops["order"][:400] = np.arange(400) % 4
        ops["migratetype"][:400] = np.arange(400) % 3
        ops["op"][400:] = 2
        ops["arg"][400:] = np.arange(0, 400, 2)
        results = Zone(4096, 4096, min_free_kbytes=0).run(ops)
        path = tmp_path / "events.trace"
        path.write_text(ftrace_text(stream_events(ops, results, start_ns=5_000_000_000)))
        with TraceReader(path) as reader:
            events = np.concatenate(list(reader))
            assert reader.report.nr_skipped == 0
        events = events[np.isin(events["event"], (EVENTS["mm_page_alloc"], EVENTS["mm_page_free"]))]
        assert events["pfn"].tolist() == results.tolist()
        assert events["order"].tolist() == [k % 4 for k in range(400)] + [k % 4 for k in range(0, 400, 2)]
        assert events["migratetype"][:400].tolist() == [k % 3 for k in range(400)]
        assert events["event"][[0, 400]].tolist() == [EVENTS["mm_page_alloc"], EVENTS["mm_page_free"]]
        assert events["time_ns"].tolist() == [5_000_000_000 + 1000 * k for k in range(600)]

    def test_who_follows_the_lines_gets_the_free_lists_of_the_simulation(self, tmp_path):
        """Out of the simulator as trace text, and in again as if it were a recording of a real machine."""
        zone = Zone(4096, 1 << 14, seed=3, min_free_kbytes=0)
        draw = np.random.default_rng(5)
        ops = np.zeros(9000, OP_DTYPE)
        ops["op"], ops["arg"] = 1, -1
        ops["order"] = draw.choice([0, 0, 0, 0, 1, 2, 3, 5, 8], len(ops))
        ops["migratetype"] = draw.integers(0, 3, len(ops))
        freed = draw.permutation(5000)[:3500]
        ops["op"][5500:], ops["arg"][5500:] = 2, freed
        start = Snapshot("", (ZoneFrames.from_flags("Normal", 4096, np.full(1 << 14, KPF.BUDDY, np.uint64)),))
        path = tmp_path / "simulated.trace"
        path.write_text(ftrace_text(stream_events(ops, zone.run(ops))))
        memory = Reconstruction(read_trace(path), start)
        memory.follow()
        assert memory.nr_free("Normal").tolist() == zone.nr_free.tolist()
        assert not any(memory.oddities().values())

    def test_a_line_is_laid_out_as_the_kernels(self):
        real = (
            "            task-1       [000] .....  1134.546379: mm_page_alloc: page=00000000ab6346b3 pfn=0x17d2af "
            "order=0 migratetype=1 gfp_flags=GFP_KERNEL"
        )
        payload = real.split("mm_page_alloc: ")[1]
        assert trace_line(1_134_546_379_123, "mm_page_alloc", payload, comm="task") == real
        assert page_alloc(0x17D2AF, 0, MigrateType.MOVABLE).endswith(
            "pfn=0x17d2af order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE"
        )

    def test_failed_allocations_have_no_page(self):
        ops = np.zeros(1, OP_DTYPE)
        ops["op"], ops["order"] = 1, 10
        (line,) = stream_events(ops, np.array([-1]))
        assert "page=0000000000000000 pfn=0x0 order=10" in line
        with pytest.raises(MisuseError, match="belong together"):
            list(stream_events(ops, np.zeros(2, np.int64)))

    def test_the_requests_of_a_run(self, tmp_path):
        run = watch_run(SMALL, POLICIES["none"], 1, steps=2)
        path = tmp_path / "run.trace"
        path.write_text(ftrace_text(trace_of_requests(run)))
        with TraceReader(path) as reader:
            events = np.concatenate(list(reader))
            assert reader.report.nr_skipped == 0
        assert (np.diff(events["time_ns"]) >= 0).all()
        allocations = events[events["event"] == EVENTS["mm_page_alloc"]]
        assert len(allocations) == len(run.requests)
        assert sorted(allocations["pfn"][allocations["pfn"] > 0].tolist()) == sorted(
            run.requests["page"][run.requests["page"] > 0].tolist()
        )
        reclaims = np.count_nonzero(run.requests["scanned"])
        assert np.count_nonzero(events["event"] == EVENTS["mm_vmscan_direct_reclaim_end"]) == reclaims


def recorded_events(*rows):
    """Events of a trace: (name, time, pfn, order, migratetype, pid)."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (name, *values) in zip(events, rows, strict=True):
        event["event"] = EVENTS[name]
        for field, value in zip(("time_ns", "pfn", "order", "migratetype", "pid"), values, strict=False):
            event[field] = value
    return events


class TestReplay:
    def test_the_map_follows_the_trace(self):
        words = np.full(1024, KPF.BUDDY, np.uint64)
        words[:2] = KPF.SLAB
        zone = ZoneFrames.from_flags("DMA", 0, words)
        events = recorded_events(
            ("mm_page_alloc_zone_locked", 1000, 4, 0, MigrateType.MOVABLE),
            ("mm_page_alloc", 1001, 4, 0, MigrateType.MOVABLE),
            ("mm_page_alloc_zone_locked", 2000, 2, 0, MigrateType.UNMOVABLE),
            ("mm_page_alloc", 2001, 2, 0, MigrateType.UNMOVABLE),
            ("mm_page_free", 3000, 4, 0),
            ("mm_vmscan_direct_reclaim_begin", 3100, -1, 9, 255, 7),
            ("mm_vmscan_direct_reclaim_end", 3600, -1, 0, 255, 7),
            ("mm_page_free", 4000, 2, 0),
            ("mm_page_pcpu_drain", 5000, 4, 0, MigrateType.MOVABLE),
        )
        recording = Recording("test", Trace(events), Snapshot("", (zone,)))
        watched = watch_replay(recording, steps=5)
        times = [moment.time_ns for moment in watched.recorder.moments]
        assert times == [0, 1000, 2000, 3000, 4000]
        counts = [moment.counts[0] for moment in watched.recorder.moments]
        assert counts[0] == {"free_huge": 512, "free": 509, "pcp": 1, "slab": 2}
        assert counts[1] == {"free_huge": 512, "free": 508, "pcp": 1, "slab": 2, "movable": 1}
        assert counts[2] == {"free_huge": 512, "free": 508, "pcp": 1, "slab": 2, "unmovable": 1}
        assert counts[4] == {"free_huge": 512, "free": 509, "pcp": 1, "slab": 2}
        for page_map in watched.maps:
            free = sum(blocks << order for order, blocks in enumerate(page_map.nr_free))
            assert free == page_map.counts()["free"] + page_map.counts()["free_huge"]
        _, found = decoded(replay_timeline(watched).encode())
        assert well_nested(found) == {"pid 7": ["direct reclaim"]}
        assert lasted(found, "direct reclaim") == 500
        with pytest.raises(MisuseError, match="steps=1"):
            watch_replay(recording, steps=1)

    def test_a_page_belongs_to_the_process_that_took_it_last(self):
        zone = ZoneFrames.from_flags("DMA", 1024, np.full(1024, KPF.BUDDY, np.uint64))
        events = recorded_events(
            ("mm_page_alloc", 1, 1028, 1, MigrateType.MOVABLE, 7),
            ("mm_page_alloc", 2, 1032, 0, MigrateType.MOVABLE, 0),
            ("mm_page_free", 3, 1028, 1, 255, 9),
            ("mm_page_alloc", 4, 1029, 0, MigrateType.MOVABLE, 8),
            ("mm_page_alloc", 5, -1, 9, MigrateType.MOVABLE, 6),
            ("mm_page_alloc", 6, 99, 0, MigrateType.MOVABLE, 5),
        )
        watched = watch_replay(Recording("test", Trace(events), Snapshot("", (zone,))), steps=2)
        (page_map,) = watched.maps
        owned = np.flatnonzero(page_map.owner)
        assert dict(zip(owned.tolist(), page_map.owner[owned].tolist(), strict=True)) == {5: 9, 8: 1}
        assert watched.recorder.owner_names == ["nobody", "pid 7", "pid 0", "pid 8"]

    def test_as_a_command(self, tmp_path, monkeypatch, capsys):
        shutil.copy(DATA / "kpageflags.dma.npz", tmp_path / "kpageflags.start.npz")
        lines = [
            trace_line(1_000_000, "mm_page_alloc_zone_locked", f"{page_free(512, 9)} migratetype=1 percpu_refill=1"),
            trace_line(1_001_000, "mm_page_alloc", page_alloc(512, 9, MigrateType.MOVABLE)),
            trace_line(9_000_000, "mm_page_free", page_free(3000, 0)),
        ]
        (tmp_path / "trace.txt").write_text(ftrace_text(lines))
        out = [tmp_path / "r.html", tmp_path / "r.csv", tmp_path / "r.pftrace"]
        words = [word for path in out for word in ("-o", str(path))]
        assert main(["map", "--replay", str(tmp_path), "--steps", "3", *words]) == 0
        assert "r.pftrace: " in capsys.readouterr().out
        assert len(out[1].read_text().splitlines()) == 4
        assert main(["map", "--replay", str(tmp_path), "-o", str(tmp_path / "r.trace")]) == 2
        assert ".trace is written of a run" in capsys.readouterr().err
        monkeypatch.setattr(Recorder, "add_maps", interrupted_at(3))
        assert main(["map", "--replay", str(tmp_path), "--steps", "9", "--force", "-o", str(out[1])]) == 130
        assert len(out[1].read_text().splitlines()) == 3
        assert "interrupted" in capsys.readouterr().err


class TestCommand:
    def test_a_file_on_the_terminal(self, capsys):
        assert main(["map", str(DATA / "kpageflags.dma.npz")]) == 0
        out = capsys.readouterr().out
        assert out.startswith("DMA: PFN 1 to 4095, ")
        assert "\x1b" not in out
        assert "reserved since boot" in out

    def test_files_of_a_run(self, tmp_path, capsys):
        names = ["r.html", "r.png", "r.pftrace", "r.trace", "r.csv"]
        out = [word for name in names for word in ("-o", str(tmp_path / name))]
        command = ["map", "--run", "x86_64", "--memory", "128MiB", "--policy", "none", "--steps", "4", *out]
        assert main(command) == 0
        assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
            str(tmp_path / name) for name in names
        ]
        assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
        assert len((tmp_path / "r.csv").read_text().splitlines()) == 5
        first = {name: (tmp_path / name).read_bytes() for name in names}
        assert main([*command, "--force"]) == 0
        assert {name: (tmp_path / name).read_bytes() for name in names} == first

    def test_a_run_from_a_recording(self, tmp_path, capsys):
        source = str(DATA / "kpageflags.mixed-1GiB.npz")
        assert main(["map", "--run", "x86_64", "--from", source, "--steps", "2", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["Normal"]["start_pfn"] == 1048576
        assert sum(facts["Normal"]["kinds"].values()) == facts["Normal"]["pages"] == 262144

    def test_after_ctrl_c_what_was_watched_is_written(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(Recorder, "add_maps", interrupted_at(3))
        out = str(tmp_path / "r.csv")
        assert main(["map", "--run", "x86_64", "--memory", "128MiB", "--steps", "9", "-o", out]) == 130
        assert len(Path(out).read_text().splitlines()) == 3
        assert "interrupted" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "SOURCE, --run and --replay"),
            (["x", "--run", "x86_64"], "SOURCE, --run and --replay"),
            ([str(DATA / "kpageflags.dma.npz"), "-o", "x.jpg"], "must end in"),
            ([str(DATA / "kpageflags.dma.npz"), "-o", "x.pftrace"], "--run"),
            ([str(DATA / "kpageflags.dma.npz"), "--zone", "Normal"], "has DMA"),
            (["/nowhere"], "/nowhere"),
            (["--run", "x86_64", "--memory", "1MiB"], "memory=1MiB"),
            ([str(DATA / "kpageflags.dma.npz"), "--width", "0", "-o", "x.png"], "width=0"),
            ([str(DATA / "kpageflags.dma.npz"), "--cells", "0", "-o", "x.html"], "max_cells=0"),
        ],
    )
    def test_mistakes(self, words, message, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert main(["map", *words]) == 2
        assert message in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_a_damaged_file(self, tmp_path, capsys):
        (tmp_path / "bad.npz").write_bytes((DATA / "kpageflags.dma.npz").read_bytes()[:300])
        assert main(["map", str(tmp_path / "bad.npz")]) == 2
        assert "bad.npz" in capsys.readouterr().err

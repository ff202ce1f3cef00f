"""Does every line of a trace become the event that it says, and is every other line counted?"""

import gzip
import os
import threading
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from buddycap import GFP, FormatError, MigrateType, MisuseError
from buddycap.formats.tracetext import EVENTS, TraceFlags, TraceReader
from sourcelint import ROOT

SAMPLES = ROOT / "tests" / "data" / "replay"
ALLOC = "mm_page_alloc: page=000000008bc0ae5d pfn=0x112de2 order=1 migratetype=2 gfp_flags=__GFP_RECLAIMABLE|__GFP_IO"
FREE = "mm_page_free: page=00000000f3dab1f5 pfn=0x16ca7c order=0"


def read(tmp_path, text, kernel=None):
    """Events and reader of a text."""
    path = tmp_path / "trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with TraceReader(path, kernel) as reader:
        return np.concatenate(list(reader)), reader


def one(tmp_path, payload, head="    bash-12288   [001] ...2.   923.708184: ", kernel=None):
    """The one event of a line."""
    events, reader = read(tmp_path, f"{head}{payload}\n", kernel)
    assert len(events) == 1
    assert reader.report.nr_skipped == 0
    return events[0]


@pytest.mark.parametrize(
    ("head", "time_ns", "pid", "cpu"),
    [
        ("            bash-12288   [001] .....   923.708184: ", 923708184000, 12288, 1),
        ("            bash-12288   [001] d.h3    923.708184: ", 923708184000, 12288, 1),
        ("  <idle>-0       [000] 923.708184: ", 923708184000, 0, 0),
        ("            bash-12288 (12287) [001] .....   923.708184: ", 923708184000, 12288, 1),
        ("            bash-12288 (-------) [001] .....   923.708184: ", 923708184000, 12288, 1),
        ("   a b-1 [0] c-77      [003] ..... 5: ", 5, 77, 3),
        (" kworker/0:1-11      [127] d..2.   924.1: ", 924100000000, 11, 127),
    ],
)
def test_heads_of_ftrace_and_trace_cmd(tmp_path, head, time_ns, pid, cpu):
    event = one(tmp_path, FREE, head)
    assert (event["time_ns"], event["pid"], event["cpu"]) == (time_ns, pid, cpu)
    assert (event["event"], event["pfn"], event["order"]) == (EVENTS["mm_page_free"], 0x16CA7C, 0)


@pytest.mark.parametrize(
    ("head", "time_ns", "pid"),
    [
        ("            perf 13457 [001]   964.169419:             kmem:", 964169419000, 13457),
        ("            perf 13457/13458 [001]  1054.594764693: kmem:", 1054594764693, 13458),
        ("  my prog 13457 [001]   964.169419:          1 kmem:", 964169419000, 13457),
    ],
)
def test_heads_of_perf(tmp_path, head, time_ns, pid):
    events, reader = read(tmp_path, f"{head}{FREE}\n")
    assert (events[0]["time_ns"], events[0]["pid"], reader.report.kind) == (time_ns, pid, "perf")


def test_context_flags(tmp_path):
    event = one(tmp_path, FREE, "  a-1  [001] dNs4.  1.000001: ")
    assert event["flags"] == TraceFlags.CONTEXT | TraceFlags.IRQS_OFF | TraceFlags.RESCHED | TraceFlags.SOFTIRQ | 4
    assert one(tmp_path, FREE, "  a-1  [001] 1.000001: ")["flags"] == 0


def test_numbers_of_kernels(tmp_path):
    new = one(tmp_path, ALLOC)
    assert new["migratetype"] == MigrateType.RECLAIMABLE
    assert new["gfp"] == GFP.RECLAIMABLE | GFP.IO
    old = one(tmp_path, ALLOC.replace("__", ""), kernel="3.10")
    assert old["migratetype"] == MigrateType.MOVABLE
    raw = ALLOC.replace("__GFP_RECLAIMABLE|__GFP_IO", "{}")
    assert one(tmp_path, raw.format(0xCC0), kernel="6.1")["gfp"] & GFP.KERNEL == GFP.KERNEL
    assert one(tmp_path, raw.format("0xd0"), kernel="2.6.32")["gfp"] == GFP.KERNEL
    assert one(tmp_path, raw.format("GFP_KERNEL|0x100000"), kernel="2.6.27")["gfp"] & GFP.MOVABLE


@pytest.mark.parametrize(
    ("kernel", "value"),
    [("2.6.27", 0xD0), ("3.10", 0xD0), ("4.4", 0x24000C0), ("4.12", 0x14000C0), ("4.19", 0x6000C0), ("6.18", 0xCC0)],
)
def test_the_same_flags_in_the_numbers_of_every_kernel(tmp_path, kernel, value):
    line = f"mm_page_alloc: page=0 pfn=7 order=0 migratetype=0 gfp_flags={value}"
    assert one(tmp_path, line, kernel=kernel)["gfp"] & 0xFFFFFF == GFP.KERNEL


def test_old_migratetypes_are_found_out(tmp_path):
    line = (
        "a-1 [000] 1.000001: mm_page_alloc: page=ffffea0 pfn=7 order=0 migratetype={} gfp_flags=GFP_HIGHUSER_MOVABLE\n"
    )
    events, reader = read(tmp_path, line.format(2))
    assert events["migratetype"].tolist() == [MigrateType.MOVABLE]
    assert (reader.report.kernel, reader.report.contradictions) == ("before 4.4", 0)
    events, reader = read(tmp_path, line.format(1))
    assert events["migratetype"].tolist() == [MigrateType.MOVABLE]
    _, reader = read(tmp_path, line.format(1), kernel="3.2")
    assert reader.report.contradictions == 1


@pytest.mark.parametrize("pfn", ["0x10935b", "1086299"])
def test_pfns_in_both_bases(tmp_path, pfn):
    assert one(tmp_path, f"mm_page_free: page=(null) pfn={pfn} order=2")["pfn"] == 1086299


@pytest.mark.parametrize("page", ["(null)", "          (null)", "(____ptrval____)", "ffffea0000000000", "0x10935b"])
def test_the_pointer_is_of_no_use(tmp_path, page):
    assert one(tmp_path, f"mm_page_free: page={page} pfn=12 order=0")["pfn"] == 12


@pytest.mark.parametrize("pfn", ["0", "0x0", "18446744073709551615"])
def test_failed_allocations(tmp_path, pfn):
    event = one(tmp_path, f"mm_page_alloc: page=(null) pfn={pfn} order=9 migratetype=1 gfp_flags=GFP_TRANSHUGE_LIGHT")
    assert (event["pfn"], event["flags"] & TraceFlags.FAILED) == (-1, TraceFlags.FAILED)


def test_raw_fields_of_perf(tmp_path):
    text = (
        "p 1 [000] 1.000001: kmem:mm_page_alloc: [FAILED TO PARSE] pfn=1086293 order=0 gfp_flags=3264 migratetype=1\n"
    )
    events, reader = read(tmp_path, text, "6.1")
    assert events[["pfn", "migratetype"]].tolist() == [(1086293, MigrateType.MOVABLE)]
    assert events["gfp"][0] & GFP.KERNEL == GFP.KERNEL


def test_other_events(tmp_path):
    extfrag = one(
        tmp_path,
        "mm_page_alloc_extfrag: page=0 pfn=0x40 alloc_order=0 fallback_order=6 pageblock_order=9 alloc_migratetype=2 "
        "fallback_migratetype=1 fragmenting=1 change_ownership=1",
    )
    assert extfrag[["order", "migratetype", "arg"]].tolist() == (
        0,
        MigrateType.RECLAIMABLE,
        6 | MigrateType.MOVABLE << 8,
    )
    assert extfrag["flags"] & TraceFlags.OWNERSHIP
    taken = one(tmp_path, "mm_compaction_isolate_freepages: range=(0x8bc00 ~ 0x8be00) nr_scanned=136 nr_taken=128")
    assert taken[["pfn", "span", "arg"]].tolist() == (0x8BC00, 0x200, 128)
    begin = one(
        tmp_path,
        "mm_compaction_begin: zone_start=0x1000 migrate_pfn=0x1000 free_pfn=0xffe00 zone_end=0x2000, mode=sync",
    )
    assert begin[["pfn", "span"]].tolist() == (0x1000, 0x1000)
    assert one(tmp_path, "mm_page_free_direct: page=ffff pfn=7 order=1")["event"] == EVENTS["mm_page_free"]
    assert one(tmp_path, "mm_vmscan_wakeup_kswapd: nid=0 order=9 gfp_flags=GFP_KERNEL")["order"] == 9


def test_marks_and_losses(tmp_path):
    text = (
        f"# entries-in-buffer/entries-written: 10/12   #P:2\na-1 [000] ..... 2.000001: tracing_mark_write: hello you\n"
        f"CPU:1 [LOST 752 EVENTS]\nCPU:0 [LOST EVENTS]\nCPU:1 [123 EVENTS DROPPED]\n"
        "cpus=2\nCPU 1 is empty\n"
        f"p 1 [000] 3.000001: PERF_RECORD_LOST lost 6\na-1 [000] ..... 2.500001: {FREE}\n"
        "a-1 [000] ..... 4.000001: sched_switch: prev_comm=x\n"
    )
    events, reader = read(tmp_path, text)
    assert reader.marks == [(2000001000, "hello you")]
    assert events["event"].tolist() == [19, 20, 20, 20, 20, 2]
    assert events["arg"][1:5].tolist() == [752, 0, 123, 6]
    report = reader.report
    assert (report.lost_marks, report.lost_events, report.overwritten, report.inversions) == (4, 881, 2, 1)
    assert (report.other_events, report.kind, report.nr_skipped) == (1, "mixed", 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("what is this", "no_head"),
        ("a-1 [000] 1.000001 mm_page_free: pfn=1 order=0", "no_head"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0x1", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0x1 order=", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0x1 order=0 pfn=0x2", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: pfn=0x1 order=0 percpu_refill=0 percpu_refill=0", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0xzz order=0", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0x1 order=15", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0x10000000000000 order=0", "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_page_free: page=0 pfn=0x1 ord  a-2 [001] ..... 1.2: " + FREE, "bad_fields"),
        ("a-1 [000] ..... 1.000001: mm_compaction_isolate_freepages: range=(0x9 ~ 0x8) nr_taken=1", "bad_fields"),
        ("\x01\x02\x00junk", "binary"),
        ("x" * 70000, "too_long"),
    ],
)
def test_what_is_no_event_is_counted(tmp_path, line, reason):
    good = f"a-1 [000] ..... 1.000001: {FREE}\n"
    events, reader = read(tmp_path, good + line + "\n" + good)
    assert len(events) == 2
    assert reader.report.skipped == {reason: (1, 2)}
    assert len(reader.report.warnings()) == 1


def test_a_last_line_without_an_end_is_read_if_nothing_is_missing(tmp_path):
    line = f"a-1 [000] ..... 1.000001: {FREE}"
    events, reader = read(tmp_path, f"{line}\n{line}")
    assert len(events) == reader.report.lines == 2
    assert (reader.report.skipped, reader.report.unended) == ({}, 1)
    assert reader.report.warnings() == ["the last line has no line end, and may be cut"]
    assert not read(tmp_path, f"{line}\n{line}\n")[1].report.warnings()


@pytest.mark.parametrize("kept", range(1, 68))
def test_a_cut_last_line_is_not_believed(tmp_path, kept):
    line = f"a-1 [000] ..... 1.000001: {FREE}"
    events, reader = read(tmp_path, f"{line}\n{line[:kept]}")
    assert len(events) == 1
    assert reader.report.skipped == ({"cut": (1, 2)} if kept > 0 else {})
    assert len(reader.report.warnings()) == 1


def numbered(gfp, migratetype, pfn=7):
    """A line with an allocation."""
    return (
        f"a-1 [000] 1.000001: mm_page_alloc: page=f0 pfn={pfn} order=0 migratetype={migratetype} gfp_flags={gfp}\n"
    ).encode()


@pytest.mark.parametrize("gfp", ["GFP_NOFS|GFP_RECLAIMABLE", "GFP_TEMPORARY", "GFP_KERNEL|__GFP_RECLAIMABLE"])
def test_reclaimable_requests_tell_the_numbering_too(tmp_path, gfp):
    for migratetype, kernel in ((1, "before 4.4"), (2, "")):
        events, reader = read(tmp_path, numbered(gfp, migratetype))
        assert events["migratetype"].tolist() == [MigrateType.RECLAIMABLE]
        assert (reader.report.kernel, reader.report.contradictions) == (kernel, 0)
    assert read(tmp_path, numbered(gfp, 2), kernel="3.10")[1].report.contradictions == 1


@pytest.mark.parametrize("pipe", [False, True])
def test_the_numbering_is_that_of_the_whole_file(tmp_path, monkeypatch, pipe):
    """What tells comes last, behind several pieces."""
    monkeypatch.setattr("buddycap.formats.tracetext._CHUNK_BYTES", 500)
    monkeypatch.setattr("buddycap.formats.tracetext._CHUNK_EVENTS", 7)
    monkeypatch.setattr("buddycap.formats.tracetext._BEGINNING_BYTES", 1 << 23 if pipe else 2000)
    drain = b"a-1 [000] 1.000001: mm_page_pcpu_drain: page=f0 pfn=8 order=0 migratetype=1\n"
    path = tmp_path / "trace"
    if pipe:
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(drain * 100 + numbered("GFP_HIGHUSER_MOVABLE", 2),))
        writer.start()
    else:
        path.write_bytes(drain * 100 + numbered("GFP_HIGHUSER_MOVABLE", 2))
    with TraceReader(path) as reader:
        events = np.concatenate(list(reader))
    assert events["migratetype"].tolist() == [MigrateType.RECLAIMABLE] * 100 + [MigrateType.MOVABLE]
    assert (reader.report.kernel, reader.report.contradictions) == ("before 4.4", 0)
    if pipe:
        writer.join()


def test_one_damaged_line_does_not_turn_the_numbering(tmp_path):
    text = numbered("GFP_HIGHUSER_MOVABLE", 2) + numbered("GFP_HIGHUSER_MOVABLE", 1) * 15
    events, reader = read(tmp_path, text)
    assert (events["migratetype"] == MigrateType.MOVABLE).sum() == 15
    assert (reader.report.kernel, reader.report.contradictions) == ("", 1)


def test_where_nothing_tells_the_numbering_is_undecided(tmp_path):
    _, reader = read(tmp_path, numbered("GFP_KERNEL", 0) + numbered("GFP_USER", 1))
    assert reader.report.kernel == "undecided"
    assert "undecided" in reader.report.warnings()[0]
    _, reader = read(tmp_path, numbered("GFP_KERNEL", 0) + f"a-1 [000] 1.000001: {FREE}\n".encode())
    assert (reader.report.kernel, reader.report.warnings()) == ("", [])


def test_bits_of_a_trace_that_turns_out_to_be_old_are_old_ones(tmp_path):
    """0x80000 is __GFP_RECLAIMABLE before 4.4 and __GFP_NOMEMALLOC later."""
    text = numbered("GFP_HIGHUSER_MOVABLE", 2) + numbered("GFP_NOFS|0x80000", 1)
    events, reader = read(tmp_path, text)
    assert events["gfp"][1] & GFP.RECLAIMABLE
    assert reader.report.contradictions == 0


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        (" 3)               |  /* mm_page_alloc: page=0 pfn=7 order=0 migratetype=0 gfp_flags=GFP_KERNEL */\n", "nop"),
        ("     0.000 (         ): a/7 kmem:mm_page_alloc(pfn: 7, order: 2, gfp_flags: 1, migratetype: 1)\n", "script"),
        ("     0.000 a/7 kmem:mm_page_free(pfn: 7, order: 2)\n", "script"),
    ],
)
def test_other_texts_of_the_tools_are_named(tmp_path, text, tool):
    with pytest.raises(FormatError, match=tool):
        read(tmp_path, text)


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_a_bomb_does_not_fill_memory(tmp_path, pack):
    """128 MiB in a few KiB."""
    zstd = pytest.importorskip("zstandard").ZstdCompressor() if pack == "zstd" else None
    packer = zstd.compressobj() if zstd else zlib.compressobj(9, wbits=31)
    with open(tmp_path / "trace", "wb") as file:
        for _ in range(32):
            file.write(packer.compress(bytes(1 << 22)))
        file.write(packer.flush())
    tracemalloc.start()
    with pytest.raises(FormatError, match="no event"), TraceReader(tmp_path / "trace") as reader:
        list(reader)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 96 << 20


@pytest.mark.parametrize("text", ["", "nothing\n", "\x00\x01\n" * 5, "# tracer: nop\n"])
def test_no_event_at_all_is_an_error(tmp_path, text):
    with pytest.raises(FormatError, match="no event"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("start", "tool"), [(b"\x17\x08\x44tracing6", "trace-cmd report"), (b"PERFILE2h", "perf script")]
)
def test_binaries_of_the_tools_are_named(tmp_path, start, tool):
    with pytest.raises(FormatError, match=tool):
        read(tmp_path, start + bytes(100))


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_compressed_and_damaged(tmp_path, pack):
    data = (SAMPLES / "text" / "trace_pipe.txt").read_bytes()
    zstd = pytest.importorskip("zstandard").ZstdCompressor().compress if pack == "zstd" else None
    packed = zstd(data) if zstd else gzip.compress(data)
    events, reader = read(tmp_path, packed)
    assert (len(events), reader.report.lost_events) == (300, 752)
    with pytest.raises(FormatError, match="damaged or cut") as error:
        read(tmp_path, packed[:-300])
    assert error.value.file == str(tmp_path / "trace")


def test_pieces_do_not_matter(tmp_path, monkeypatch):
    whole, reader = read(tmp_path, (SAMPLES / "text" / "trace_pipe.txt").read_bytes())
    monkeypatch.setattr("buddycap.formats.tracetext._CHUNK_BYTES", 97)
    monkeypatch.setattr("buddycap.formats.tracetext._CHUNK_EVENTS", 3)
    pieces, again = read(tmp_path, (SAMPLES / "text" / "trace_pipe.txt").read_bytes())
    assert (whole == pieces).all()
    assert reader.report == again.report


def test_memory_does_not_grow_with_the_file(tmp_path):
    text = (SAMPLES / "text" / "trace_pipe.txt").read_bytes()

    def peak(times):
        (tmp_path / "trace").write_bytes(text * times)
        tracemalloc.start()
        with TraceReader(tmp_path / "trace") as reader:
            assert sum(len(events) for events in reader) == 300 * times
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(400) < peak(40) + (1 << 18)


@pytest.mark.parametrize(
    ("name", "lines"), [("perf-script.txt", 156), ("perf-script-ns.txt", 30), ("trace_pipe.txt", 300)]
)
def test_samples_are_read_whole(name, lines):
    with TraceReader(SAMPLES / "text" / name) as reader:
        events = np.concatenate(list(reader))
    assert len(events) == lines
    assert set(reader.report.skipped) <= {"cut"}
    assert not reader.report.unknown_gfp
    assert not reader.report.contradictions


def test_refusals(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        TraceReader(tmp_path / "nowhere")
    with pytest.raises(OSError, match="directory"):
        TraceReader(tmp_path)
    with pytest.raises(MisuseError, match="release"):
        TraceReader(Path(__file__), kernel="new")

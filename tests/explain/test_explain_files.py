"""Does each kind of text get the answer to its question, and each wrong file a word about what it is?"""

import gzip
import json
import lzma
import random
import tarfile
import tempfile

import pytest

from buddycap.cli import main
from buddycap.errors import FormatError, MisuseError
from buddycap.explain.files import explain_file
from buddycap.explain.hugepages import huge_pages
from buddycap.explain.memory import Options
from buddycap.formats.kinds import kind_of
from buddycap.formats.procfs import BuddyinfoRow
from buddycap.formats.series import buddyinfo_series, pagetypeinfo_series, seconds_of, vmstat_series
from explainlab import TEXTS, buddycap, case, differences
from sourcelint import ROOT

FILES = [7, 12, 18, 19, 20, 21, 22, 27, 29, 33, 34]


def rows(moment):
    return [{"node": row.node, "zone": row.zone, "nr_free": list(row.nr_free)} for row in moment.content]


def explained(number):
    """The answer for a case, as JSON would have it, and what is wanted."""
    path, wanted = case(number)
    return json.loads(json.dumps(explain_file(path).as_dict())), wanted


@pytest.mark.parametrize("number", [18, 19])
def test_a_series_of_buddyinfo_has_all_its_moments(number):
    path, wanted = case(number)
    series = buddyinfo_series(path.read_text().splitlines())
    assert [rows(moment) for moment in series.moments] == [moment["rows"] for moment in wanted["moments"]]
    if number == 18:
        assert [moment.when for moment in series.moments] == [moment["when"] for moment in wanted["moments"]]
        assert series.seconds() == 180
    assert series.unknown == 0


def test_vmstat_printed_twice_gives_moments_and_the_difference():
    found, wanted = explained(20)
    assert differences(found, {"moments": wanted["moments"], "difference": wanted["difference"]}) == []


def test_a_dump_of_page_owner_names_mixed_blocks_and_who_spoils_them(capsys):
    found, wanted = explained(21)
    assert differences(found, {"mixed_blocks": wanted["mixed_blocks"], "records": 12}) == []
    assert found["callers"][0] | {"stack": None} == {
        "caller": "caller_2", "stack": None, "pages": 13, "blocks": 2, "alone": 1,
        "types": {"Reclaimable": 5, "Unmovable": 8},
    }  # fmt: skip
    assert main(["fragmentation", str(case(21)[0]), "--collapsed"]) == 0
    assert "caller_2;get_page_from_freelist;post_alloc_hook 13\n" in capsys.readouterr().out


@pytest.mark.parametrize("number", [27, 34])
def test_time_in_compaction_and_reclaim_is_summed_by_kind_and_task(number):
    found, wanted = explained(number)
    kept = {key: wanted[key] for key in ("stalls", "by_task", "background", "unpaired") if key in wanted}
    assert differences(found, kept) == []
    assert found["stalls"].keys() == wanted["stalls"].keys()


def test_nested_waits_are_counted_once():
    text = (
        "  sh-7  [001] .... 10.000000: mm_vmscan_direct_reclaim_begin: order=4 gfp_flags=GFP_KERNEL\n"
        "  sh-7  [001] .... 10.001000: mm_compaction_begin: zone_start=0x0\n"
        "  sh-7  [001] .... 10.004000: mm_compaction_end: zone_start=0x0 status=success\n"
        "  sh-7  [001] .... 10.005000: mm_vmscan_direct_reclaim_end: nr_reclaimed=3\n"
    )
    found = explained_text(text)
    assert found["by_task"] == {"sh-7": 5000}
    assert (found["stalls"]["compaction"]["us"], found["stalls"]["direct_reclaim"]["us"]) == (3000, 2000)


def test_lost_events_close_what_is_open():
    text = (
        "  sh-7  [001] .... 10.000000: mm_compaction_begin: zone_start=0x0\nCPU:1 [LOST 3 EVENTS]\n"
        "  sh-7  [001] .... 10.004000: mm_compaction_end: zone_start=0x0 status=success\n"
    )
    found = explained_text(text)
    assert (found["unpaired"], found["by_task"]) == (2, {})


def explained_text(text):
    """The answer for a text."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        return explain_file(file.name).as_dict()


def test_huge_pages_are_bounded_from_a_folder():
    found, wanted = explained(33)
    assert differences(found, {key: wanted[key] for key in ("order", "class_index", "zones", "sum")}) == []


def test_an_archive_of_a_folder_answers_as_the_folder(tmp_path):
    path, _ = case(33)
    with tarfile.open(tmp_path / "sos.tar.xz", "w:xz") as archive:
        for name in ("buddyinfo", "pagetypeinfo", "zoneinfo", "meminfo"):
            archive.add(path / name, f"sosreport-x/proc/{name}")
    assert explain_file(tmp_path / "sos.tar.xz").as_dict()["sum"] == explain_file(path).as_dict()["sum"]


def test_a_sosreport_has_its_log_explained_too_and_empty_files_do_not_matter(tmp_path):
    kernel = tmp_path / "sos_commands" / "kernel"
    kernel.mkdir(parents=True)
    (kernel / "dmesg").write_bytes(case(1)[0].read_bytes())
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "pagetypeinfo").write_text("")
    (tmp_path / "proc" / "buddyinfo").write_text("Node 0, zone Normal 4 0 3\n")
    answer = explain_file(tmp_path)
    assert answer.status == 0
    assert answer.as_dict()["logs"][0]["verdict"] == "fragmented"
    assert answer.told().index("worker-7") < answer.told().index("huge pages")


def test_bounds_never_fall_below_what_can_be_had_now():
    rng = random.Random(7)
    for _ in range(200):
        row = BuddyinfoRow(0, "Normal", tuple(rng.randrange(50) for _ in range(11)))
        bounds = huge_pages((row,), None, None, order=rng.randrange(11))
        assert bounds.sums()["now"] == sum(
            n << o - bounds.order for o, n in enumerate(row.nr_free) if o >= bounds.order
        )


def test_pagetypeinfo_of_two_nodes_is_one_moment_and_of_two_times_is_two():
    text = (case(33)[0] / "pagetypeinfo").read_text()
    other = text.replace("Node    0", "Node    1").replace("Node 0", "Node 1")
    assert [len(moment.content.zones) for moment in pagetypeinfo_series(text + other).moments] == [4]
    assert [len(moment.content.zones) for moment in pagetypeinfo_series(text + text).moments] == [2, 2]


COLLECTORS = {
    "collectl": "### RECORD 1 >>> host <<< (1409665201.000) (Tue Sep  2 2014) ###\nbuddy Node 0, zone Normal 1 2 3\n",
    "oswatcher": "zzz ***Mon Mar 4 10:00:00 UTC 2024\nNode 0, zone Normal 1 2 3\n",
    "epoch": "1709546400\nNode 0, zone Normal 1 2 3\n",
    "quoted": "> Node 0, zone Normal 1 2 3\n",
    "watch": "\x1b[H\x1b[2JEvery 1.0s: cat buddyinfo  host: Mon Mar  4 10:00:00 2024\n\nNode 0, zone Normal 1 2 3\n",
    "drgn": "Node 0   Normal 1 2 3\n",
}


@pytest.mark.parametrize("collector", COLLECTORS)
def test_what_collectors_write_is_read(collector):
    series = buddyinfo_series((COLLECTORS[collector] * 3).splitlines())
    assert [moment.content[0].nr_free for moment in series.moments] == [(1, 2, 3)] * 3
    if collector in ("collectl", "oswatcher", "epoch", "watch"):
        assert seconds_of(series.moments[0].when) is not None


def test_series_is_printed_as_csv_and_read_from_a_pipe():
    status, out, _ = buddycap("fragmentation", "-", "--csv", stdin=case(18)[0].read_bytes())
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 13)
    assert lines[0].startswith("moment,when,node,zone,free_pages,pieces,")
    assert lines[1].endswith(",25,480,57,195,50,9,21,0,1,0,0")


def test_the_machine_itself_is_watched(tmp_path, capsys):
    (tmp_path / "buddyinfo").write_text("Node 0, zone Normal 4 0 3\n")
    argv = ["fragmentation", "--watch", "0.01", "--count", "3", "--proc", str(tmp_path), "--order", "1", "--json"]
    assert main(argv) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["moments"]), found["zones"][0]["pieces"]["last"]) == (3, 6)


@pytest.mark.parametrize("number", FILES)
def test_answers_fit_a_terminal(number):
    lines = explain_file(case(number)[0]).told().splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) <= 24


@pytest.mark.parametrize("number", [24, 28])
def test_texts_of_other_tracers_are_named_with_what_to_record(number):
    with pytest.raises(FormatError, match="record"):
        explain_file(case(number)[0])


@pytest.mark.parametrize("command", [["map"], ["snapshot", "--show"], ["replay"], ["study", "--seeds", "1", "--from"]])
def test_other_commands_say_what_the_file_is_and_which_command_takes_it(command, capsys):
    assert main([*command, str(case(29)[0])]) == 2
    said = capsys.readouterr().err
    assert "is /proc/buddyinfo" in said
    assert "buddycap explain" in said


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("MemTotal:  9000 kB\n", "meminfo"),
        ("Page block order: 9\n", "pagetypeinfo"),
        ("Node 0, zone DMA\n  pages free 3\n", "zoneinfo"),
        ("Node 0, zone   Normal -1.000  0.-500  0.734 \n", "index"),
        ("COMM PID NODE ZONE ORDER MODE LAT(ms) STATUS\n", "compactsnoop"),
        ("hello\n", "text"),
        ("", "empty"),
    ],
)
def test_kinds_are_told_by_content(text, kind):
    assert kind_of(text.encode()).name == kind


@pytest.mark.parametrize("text", ["", "hello\n", "MemTotal:  9000 kB\n", "\0" * 100])
def test_what_answers_nothing_is_refused_with_its_kind(text, tmp_path, capsys):
    (tmp_path / "f").write_text(text)
    assert main(["explain", str(tmp_path / "f")]) == 2
    assert "this is " in capsys.readouterr().err


@pytest.mark.parametrize("options", [Options(order=40), Options(order=-1)])
def test_orders_out_of_range_are_refused(options):
    with pytest.raises(MisuseError):
        explain_file(case(18)[0], options)


def test_damaged_texts_are_read_or_refused_without_a_traceback(tmp_path):
    data = [path.read_bytes() for path in sorted(TEXTS.rglob("*")) if path.is_file() and path.suffix != ".json"]
    rng = random.Random(29)
    path = tmp_path / "text"
    for _ in range(600):
        text = bytearray(rng.choice(data))
        for _ in range(rng.randrange(1, 10)):
            at = rng.randrange(len(text) + 1)
            piece = rng.choice(
                [b"", b"\0", b"\xff", b"9" * 40, b"\n", b"-1 ", b"(", b"Node 0, ", b"\x1b[2J", b"=", b": "]
            )
            text[at : at + rng.choice([0, 1, 3, 50])] = piece
        path.write_bytes(text)
        try:
            answer = explain_file(path)
        except FormatError:
            continue
        assert "\x1b" not in answer.told()
        json.dumps(answer.as_dict())


def test_a_very_long_line_is_read_in_bounded_memory():
    assert buddyinfo_series(iter(["9 " * 100_000, "Node 0, zone Normal 1 2"])).unknown == 1
    assert vmstat_series(["a" * 1_000_000, "pgfree 1"]).unknown == 1


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("guest.zoneinfo.start", "/proc/zoneinfo: 0 of 2 zones"),
        ("extfrag.extfrag_index.start", "fragmentation index, order 9"),
        ("extfrag.unusable_index.start", "unusable free space, order 9"),
        ("guest.pagetypeinfo.start", "/proc/pagetypeinfo: 15 free pieces of 2 MB (order 9)"),
    ],
)
def test_every_text_of_proc_alone_says_what_it_can(file, first):
    assert explain_file(ROOT / "tests" / "data" / "proc" / file).told().startswith(first)


def test_a_snapshot_is_answered_from_the_texts_in_it(tmp_path):
    out = tmp_path / "machine.npz"
    assert main(["snapshot", "--from-texts", str(case(33)[0]), "-o", str(out)]) == 0
    assert explain_file(out).as_dict()["sum"]["now"] == 113


def test_a_series_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "free.png"
    assert main(["fragmentation", str(case(18)[0]), "--plot", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert main(["fragmentation", str(case(18)[0]), "--plot", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["fragmentation", str(case(20)[0]), "--plot", str(tmp_path / "other.png")]) == 2


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed_logs_are_read_and_cut_ones_refused(pack, tmp_path):
    data = pack(case(1)[0].read_bytes())
    (tmp_path / "log").write_bytes(data)
    assert explain_file(tmp_path / "log").as_dict()["verdict"] == "fragmented"
    (tmp_path / "log").write_bytes(data[:-30])
    with pytest.raises(FormatError, match="damaged or cut"):
        explain_file(tmp_path / "log")


OLD_OWNERS = """Page allocated via order 0, mask 0x200da
PFN 8704 Block 17 type 2          Flags 0x1ffff800002006c()
 [<ffffffff8119e3b1>] alloc_pages_vma+0x91/0x160
 [<ffffffff8117d5b1>] handle_mm_fault+0x121/0x1a00

Page allocated via order 2, mask 0xd0
PFN 8712 Block 17 type 2 Fallback Flags 0x1ffff800002006c()
 [<ffffffff8117d5b1>] my_driver+0x121/0x1a00
"""


def test_dumps_of_page_owner_before_4_6_are_read():
    found = explained_text(OLD_OWNERS)
    assert found["mixed_blocks"] == {"17": {"block_type": "Movable", "pages": {"Movable": 1, "Unmovable": 4}}}
    assert (found["pageblock_order"], found["callers"][0]["caller"]) == (9, "my_driver")


def test_stacks_with_counts_name_callers_without_blocks():
    found = explained_text(
        " __alloc_pages+0x1/0x2\n xfs_buf_alloc+0x1/0x2\nnr_base_pages: 8192\n\n shmem+0x1/0x2\nnr_base_pages: 4\n"
    )
    assert [(row["caller"], row["pages"]) for row in found["all_callers"]] == [("xfs_buf_alloc", 8192), ("shmem", 4)]


LATENCY = (
    "# nop latency trace v1.1.5 on 6.1.0\n"
    "    bash-1234    0.....    7us : mm_compaction_begin: zone_start=0x1000, mode=sync\n"
    "    bash-1234    0.....  507us+: mm_compaction_end: zone_start=0x1000, mode=sync status=success\n"
)


def test_waits_are_read_in_latency_format_and_from_a_dump_of_the_buffer_in_a_log():
    dump = "\n".join(f"[  100.000000] {line}" for line in ("Dumping ftrace buffer:", *LATENCY.split("\n")[1:]))
    for text in (LATENCY, dump):
        assert explained_text(text)["by_task"] == {"bash-1234": 500}


@pytest.mark.parametrize("head", ["# nop latency trace v1.1.5 on 6.1.0", "[ 1.0] Dumping ftrace buffer:"])
def test_a_trace_of_which_no_wait_is_read_is_named_with_what_to_record(head):
    with pytest.raises(FormatError, match=r"trace in latency format|dump of the trace buffer"):
        explained_text(f"{head}\n    bash-1234    0.....    7us : mm_page_alloc: page=0x1 pfn=0x40 order=2\n")

"""Are memory reports read and judged as they should be, whatever a log, a mail or a terminal has made of them?"""

import io
import json
import quopri
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddycap.cli import main
from buddycap.errors import MisuseError
from buddycap.explain.memory import Options, answer_report
from buddycap.explain.telling import told
from buddycap.formats.report_log import read_memory_log
from explainlab import buddycap, case, differences

REPORTS = [*range(1, 15), 32]
GRADED = {"failure", "zones", "allowed", "why", "page_kb", "watermark_rule", "class_index", "verdict", "outside"}
GRADED |= {"dumps", "suppressed"}


def answers(text):
    """Return the answers of all reports in a text."""
    log = read_memory_log(io.BytesIO(text.encode() if isinstance(text, str) else text))
    return [answer_report(report) for report in log.reports]


def graded(answer):
    """Return what of an answer must not depend on how its text came here."""
    return {key: value for key, value in answer.as_dict().items() if key in GRADED}


@pytest.mark.parametrize("number", REPORTS)
def test_the_command_answers_as_the_case_says(number, capsys):
    path, wanted = case(number)
    assert main(["explain", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert differences(found, {key: value for key, value in wanted.items() if key in GRADED}) == []


@pytest.mark.parametrize("number", REPORTS)
def test_answers_fit_a_terminal(number):
    for answer in answers(case(number)[0].read_bytes()):
        lines = told(answer).splitlines()
        assert max(map(len, lines)) < 80
        assert len(lines) <= 24


def test_several_reports_are_listed_and_shown_in_full_on_demand(capsys):
    path, _ = case(12)
    assert main(["explain", str(path)]) == 0
    short = capsys.readouterr().out
    assert short.startswith("2 reports\n")
    assert "did not print 3 further" in short
    assert short.count("May use:") == 1
    assert main(["explain", str(path), "--all"]) == 0
    assert capsys.readouterr().out.count("May use:") == 2


def test_a_report_may_come_through_a_pipe():
    path, wanted = case(4)
    status, out, _ = buddycap("explain", "-", "--json", stdin=path.read_bytes())
    assert status == 0
    assert json.loads(out)["verdict"] == wanted["verdict"]


def test_several_files_are_answered_and_unreadable_ones_named(capsys, tmp_path):
    (tmp_path / "empty").write_text("")
    assert main(["explain", str(case(1)[0]), str(tmp_path / "empty"), "--json"]) == 1
    found = capsys.readouterr()
    assert [len(json.loads(found.out)["files"]), "an empty file" in found.err] == [1, True]
    assert main(["explain", str(tmp_path / "empty")]) == 2


def test_a_header_alone_is_answered_in_part(capsys):
    text = (
        "[1.0] a b: page allocation failure: order:5, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), nodemask=(null)\n"
    )
    [answer] = answers(text)
    assert (answer.verdict, answer.as_dict()["failure"]["comm"], answer.as_dict()["page_kb"]) == (
        "unknown",
        "a b",
        None,
    )
    assert "Missing:" in told(answer)


# How a text may come: each function takes the lines of a dmesg and gives a text.
ENVELOPES = {
    "quoted": lambda lines: "\n".join(f"> {line}" for line in lines),
    "quoted twice": lambda lines: "\n".join(f">> {line}" for line in lines),
    "syslog": lambda lines: "\n".join(f"Feb 19 16:20:13 host1 kernel: {line}" for line in lines),
    "journald": lambda lines: "\n".join(f"2024-02-19T16:20:13.123456+0100 host1 kernel: {line}" for line in lines),
    "levels": lambda lines: "\n".join(f"<4>{line}" for line in lines),
    "callers": lambda lines: "\n".join(line.replace("] ", "] [  T4242] ", 1) for line in lines),
    "carriage returns": lambda lines: "\r\n".join(lines),
    "html": lambda lines: "\n".join(f"&gt; {line}" for line in lines),
    "indented": lambda lines: "\n".join(f"    {line}" for line in lines),
    "no stamps": lambda lines: "\n".join(line.split("] ", 1)[-1] for line in lines),
    "syslog without the kernel's name": lambda lines: "\n".join(f"Feb 19 16:20:13 host1 {line}" for line in lines),
    "bars": lambda lines: "\n".join(f"warning|kernel[-]|{line}" for line in lines),
    "dates in another language": lambda lines: "\n".join(
        f"[Di Mär 12 03:54:03 2024] {line.split('] ', 1)[-1]}" for line in lines
    ),
    "line ends as rsyslog writes them": lambda lines: "\n".join(
        "#012".join(lines[at : at + 3]) for at in range(0, len(lines), 3)
    ),
    "quoted-printable": lambda lines: quopri.encodestring("\n".join(lines).encode()).decode(),
    "serial": lambda lines: "\n".join(f"[2024-02-19 16:20:13.123] {line}" for line in lines),
}


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("number", [1, 2, 4, 9, 11, 13])
def test_an_envelope_changes_nothing(number, envelope):
    lines = case(number)[0].read_text().splitlines()
    [plain], [wrapped] = answers("\n".join(lines)), answers(ENVELOPES[envelope](lines))
    assert differences(graded(wrapped), graded(plain)) == []


@settings(max_examples=60)
@given(
    number=st.sampled_from([1, 2, 4, 9, 11, 13]), width=st.integers(60, 100), quote=st.sampled_from(["", "> ", "| "])
)
def test_a_mail_program_that_wraps_lines_changes_nothing(number, width, quote):
    lines = []
    for line in case(number)[0].read_text().splitlines():
        while len(line) > width and " " in line[20:width]:
            at = line.rindex(" ", 20, width)
            lines.append(quote + line[:at])
            line = line[at + 1 :]
        lines.append(quote + line)
    [found] = answers("\n".join(lines))
    [plain] = answers(case(number)[0].read_bytes())
    assert differences(graded(found), graded(plain)) == []


@settings(max_examples=60)
@given(number=st.sampled_from([1, 2, 4, 9]), width=st.integers(70, 140))
def test_a_terminal_that_cuts_words_changes_no_verdict(number, width):
    lines = [
        line[at : at + width] for line in case(number)[0].read_text().splitlines() for at in range(0, len(line), width)
    ]
    found = answers("\n".join(lines))
    [plain] = answers(case(number)[0].read_bytes())
    assert len(found) == 1
    assert found[0].verdict in (plain.verdict, "unknown")


def test_callers_keep_interleaved_reports_apart():
    first, second = (case(n)[0].read_text().splitlines() for n in (1, 9))
    first = [line.replace("] ", "] [   T11] ", 1) for line in first]
    second = [line.replace("] ", "] [   T22] ", 1) for line in second]
    mixed = []
    while first or second:
        for source in (first, second):
            mixed += source[:1]
            del source[:1]
    found = answers("\n".join(mixed))
    plain = [answers(case(n)[0].read_bytes())[0] for n in (1, 9)]
    assert [differences(graded(a), graded(b)) for a, b in zip(found, plain, strict=True)] == [[], []]


def test_interleaved_reports_without_callers_get_no_verdict_in_silence():
    first, second = (case(12)[0].read_text().split("[  120.5")[0], case(12)[0].read_text().split("suppressed\n")[1])
    pairs = zip(first.splitlines(), second.splitlines(), strict=True)
    found = answers("\n".join(line for pair in pairs for line in pair))
    assert {answer.verdict for answer in found if answer.request} == {"unknown"}
    assert any("same time" in doubt for answer in found for doubt in answer.doubts)


@settings(max_examples=80)
@given(number=st.sampled_from(REPORTS), share=st.floats(0, 1))
def test_any_beginning_of_a_report_gives_an_answer(number, share):
    data = case(number)[0].read_bytes()
    for answer in answers(data[: int(len(data) * share)]):
        assert told(answer)
        assert answer.as_dict()


def zone_text(nr_free, free=None, low=1000, **more):
    """A report of one zone."""
    total = sum(count << order + 2 for order, count in enumerate(nr_free))
    cells = " ".join(f"{count}*{4 << o}kB{' (UME)' if count else ''}" for o, count in enumerate(nr_free))
    fields = "".join(f" {name}:{value}kB" for name, value in more.items())
    return (
        "sh: page allocation failure: order:3, mode:0xcc0(GFP_KERNEL), nodemask=(null)\n"
        "CPU: 0 PID: 7 Comm: sh Not tainted 6.6.0 #1\nMem-Info:\n"
        f"Node 0 Normal free:{total if free is None else free}kB boost:0kB min:{low}kB low:{low}kB high:{low}kB "
        f"reserved_highatomic:0KB present:4000000kB managed:4000000kB{fields}\nlowmem_reserve[]: 0 0\n"
        f"Node 0 Normal: {cells} = {total}kB\n"
    )


COUNTS = st.lists(st.integers(0, 5000), min_size=11, max_size=11)


@settings(max_examples=100)
@given(counts=COUNTS, low=st.integers(0, 100_000))
def test_one_more_large_block_serves_what_was_only_fragmented(counts, low):
    [before] = answers(zone_text(counts, low=low))
    counts[3] += 1
    [after] = answers(zone_text(counts, low=low))
    if before.zones[0].kind == "fragmented":
        assert after.zones[0].kind == "would-succeed"
    if before.zones[0].kind == "would-succeed":
        assert after.zones[0].kind == "would-succeed"


@settings(max_examples=100)
@given(counts=COUNTS, low=st.integers(0, 100_000))
def test_a_higher_mark_never_helps(counts, low):
    [before], [after] = answers(zone_text(counts, low=low)), answers(zone_text(counts, low=2 * low))
    assert not (after.zones[0].order_ok and not before.zones[0].order_ok)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("free:175364kB", "free:975364kB"), "Normal: 975364 kB free in its line, 175364 kB in its list"),
        (("= 175364kB", "= 175368kB"), "Normal: the list adds up to 175364 kB, 175368 kB are printed"),
        (("low:75000kB", "low:5000kB"), "Normal: min, low and high do not rise"),
        (("managed:1315228kB", "managed:9999999kB"), "Normal: managed 9999999 kB is more than present"),
    ],
)
def test_a_report_that_contradicts_itself_says_so_and_is_less_sure(change, sentence):
    text = case(1)[0].read_text()
    assert answers(text)[0].certain is True
    [answer] = answers(text.replace(*change))
    assert any(sentence in doubt for doubt in answer.doubts)
    assert answer.certain is False
    assert "less sure" in told(answer)


def test_a_request_that_should_have_been_served_is_a_contradiction_with_its_readings():
    text = case(1)[0].read_text().replace("0*64kB 0*128kB 0*256kB", "9*64kB (UM) 0*128kB 0*256kB")
    [answer] = answers(text)
    assert answer.verdict == "contradiction"
    assert "(a)" in told(answer)
    assert "(e)" in told(answer)


@pytest.mark.parametrize("options", [Options(page_kb=5), Options(order=-1), Options(order=99), Options(kernel="new")])
def test_options_out_of_range_are_refused(options):
    log = read_memory_log(io.BytesIO(case(7)[0].read_bytes()))
    with pytest.raises(MisuseError):
        answer_report(log.reports[0], options)


def test_an_order_may_be_asked_of_a_report_without_a_request():
    log = read_memory_log(io.BytesIO(case(8)[0].read_bytes()))
    answer = answer_report(log.reports[0], Options(order=9))
    assert answer.verdict == "contradiction" or answer.zones[0].kind == "would-succeed"
    assert "asked by the caller" in answer.inferred["request"]


def test_what_the_text_does_not_print_is_said_to_be_inferred():
    [answer] = answers(case(5)[0].read_bytes())
    assert "2.6.27" in answer.inferred["release"]
    assert "number of the mask" in answer.inferred["gfp"]


def test_damaged_reports_are_read_without_a_traceback():
    data = [case(number)[0].read_bytes() for number in REPORTS]
    rng = random.Random(13)
    for _ in range(400):
        text = bytearray(rng.choice(data))
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(len(text))
            piece = rng.choice([b"", b"\0", b"\xff\xfe", b"9" * 40, b"\n", b"-1", b"(", b"Node 0 ", b"\x1b[2J", b"= "])
            text[at : at + rng.choice([0, 1, 4, 60])] = piece
        for answer in answers(bytes(text)):
            assert told(answer).isascii() or told(answer)
            json.dumps(answer.as_dict())
            assert "\x1b" not in told(answer)


FIRST_LINE = case(1)[0].read_text().split("\n", 1)[0].split("] ")[1]
MODE = "mode:0x40dc0(GFP_KERNEL|__GFP_COMP)"
HEADERS = {
    "stall": (f"worker-7: page allocation stalls for 10012ms, order:4, {MODE}", 4, "worker-7"),
    "oom": ("a b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, oom_score_adj=0", 2, "a b"),
    "oom 4.9": ("x invoked oom-killer: gfp_mask=0x14000c0(GFP_KERNEL), nodemask=0, order=0, oom_score_adj=0", 0, "x"),
    "oom 2.6": ("oom-killer: gfp_mask=0xd0, order=1", 1, None),
    "vmalloc": (f"insmod: vmalloc: allocation failure: 8192 bytes, {MODE}", 0, "insmod"),
    "vmalloc error": (f"insmod: vmalloc error: size 9, page order 2, failed to allocate pages, {MODE}", 2, "insmod"),
    "no comm": (f"page allocation failure: order:4, {MODE}", 4, None),
}


@pytest.mark.parametrize("name", HEADERS)
def test_every_kind_of_header_is_read(name):
    header, order, comm = HEADERS[name]
    [answer] = answers(case(1)[0].read_text().replace(FIRST_LINE, header))
    assert (answer.report.header.order, answer.report.header.comm) == (order, comm)
    assert len(answer.zones) == 3
    assert ("stall_ms" in answer.as_dict()["failure"]) is (name == "stall")


def test_the_oom_killer_called_by_a_person_is_no_contradiction():
    header = "kworker/0:1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0"
    [answer] = answers(case(1)[0].read_text().replace(FIRST_LINE, header))
    assert answer.outside == {"reason": "sysrq"}
    assert told(answer).startswith("a person called the OOM killer")


@pytest.mark.parametrize(
    ("constraint", "reason"), [("CONSTRAINT_CPUSET", "cpuset"), ("CONSTRAINT_MEMORY_POLICY", "mempolicy")]
)
def test_a_bound_request_is_judged_on_its_nodes(constraint, reason):
    kill = (
        f"[ 4712.0] oom-kill:constraint={constraint},nodemask=1,cpuset=a,mems_allowed=1,global_oom,task=x,pid=9,uid=0\n"
    )
    header = "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
    first = case(13)[0].read_text().split("\n", 1)[0].split("] ")[1]
    [answer] = answers(case(13)[0].read_text().replace(first, header) + kill)
    assert answer.outside == {"reason": reason}
    assert [zone.node for zone in answer.allowed] == [1]


def test_a_failed_range_of_cma_says_what_was_free():
    text = (
        "[ 12.0] cma: cma_alloc: linux,cma: alloc failed, req-size: 1024 pages, ret: -16\n"
        "[ 12.1] cma: number of available pages: 60@4+10@100=> 70 free of 4096 total pages\n"
    )
    [answer] = answers(text)
    assert answer.verdict == "outside"
    assert answer.outside == {
        "reason": "cma", "pages": 1024, "error": -16, "longest_free": 60, "free": 70, "total": 4096,
    }  # fmt: skip
    assert "EBUSY" in told(answer)


@pytest.mark.parametrize(("without", "verdict"), [("*4kB", "unknown"), ("lowmem_reserve", "fragmented")])
def test_what_is_missing_from_a_report_is_not_guessed(without, verdict):
    text = "\n".join(line for line in case(1)[0].read_text().splitlines() if without not in line)
    [answer] = answers(text)
    assert answer.verdict == verdict
    assert answer.zones[1].kind == ("reserve" if without == "*4kB" else "unknown")


def test_what_is_kept_for_atomic_requests_and_not_printed_is_said_if_it_decides():
    text = case(9)[0].read_text().replace(" reserved_highatomic:8192KB", "").replace("5.15.8", "4.14.8")
    text = text.replace("20*32kB (H)", "20*32kB (UM)").replace("min:14232kB", "min:72000kB")
    [answer] = answers(text)
    assert answer.verdict == "contradiction"
    assert any("with the most it can be" in note for note in answer.notes)


def test_a_request_that_gives_up_early_may_have_met_the_low_mark():
    text = case(1)[0].read_text().replace("0*64kB 0*128kB", "90*64kB (UM) 0*128kB")
    text = text.replace("|__GFP_ZERO)", "|__GFP_NORETRY)").replace("low:75000kB", "low:174000kB")
    [answer] = answers(text)
    assert answer.verdict == "contradiction"
    assert any("low instead of min" in note for note in answer.notes)


def test_a_release_that_is_not_printed_and_decides_is_said():
    text = case(3)[0].read_text().replace("Pid: 0, comm: rx-2 Not tainted 2.6.32-220.el6.x86_64 #1\n", "")
    text = text.replace("254*8kB 8*16kB 0*32kB", "0*8kB 0*16kB 1*32kB (U)").replace("(C)", "")
    [answer] = answers(text)
    assert answer.release.printed is None
    assert (answer.verdict, any("by the rules of 4.9" in note for note in answer.notes)) == ("high-order-mark", True)


OLD_ZONE = (
    "Mem-Info:\nNormal free:1600kB min:{low}kB low:6000kB high:7000kB active:3kB inactive:4kB present:900000kB\n"
    "protections[]: 10 20 30\nNormal: 400*4kB 0*8kB 0*16kB = 1600kB\n"
)


def test_the_smaller_half_of_an_odd_mark_is_what_2_6_10_keeps():
    text = "sh: page allocation failure. order:0, mode:0x20\nPid: 5, comm: sh Not tainted 2.6.10 #1\n"
    [answer] = answers(text + OLD_ZONE.format(low=4004))
    assert answer.zones[0].mark == 375  # 1001 // 2 = 500, less a quarter


@pytest.mark.parametrize(
    ("taint", "release"),
    [
        ("Tainted: G           ---------------  T 2.6.32-431.el6.x86_64", "2.6.32-431.el6.x86_64"),
        ("Tainted: P           OE  ------------   3.10.0-957.el7.x86_64", "3.10.0-957.el7.x86_64"),
        ("Tainted: G        W          6.12.4", "6.12.4"),
    ],
)
def test_a_release_behind_tainted_letters_is_read(taint, release):
    text = case(1)[0].read_text().replace("Not tainted 6.6.30", taint)
    assert text != case(1)[0].read_text()
    assert answers(text)[0].release.printed == release


def test_a_number_of_a_mask_tells_a_kernel_since_4_4():
    text = case(1)[0].read_text().replace(FIRST_LINE, "x: page allocation failure: order:4, mode:0x24000c0")
    lines = [line for line in text.splitlines() if "Not tainted" not in line]
    text = "\n".join(lines).replace("writepending", "bounce").replace("boost", "bounce")
    text = text.replace("reserved_highatomic:", "local_pcp:").replace("(UMEH", "(UME")
    [answer] = answers(text)
    assert answer.release.numbers == (4, 4)
    assert answer.as_dict()["failure"]["gfp"] == ["GFP_KERNEL"]


def test_a_cgroup_that_an_old_kernel_names_is_read():
    text = (
        "java invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0\n"
        "Task in /lxc/a killed as a result of limit of /lxc\nmemory: usage 204800kB, limit 204800kB, failcnt 7\n"
    )
    [answer] = answers(text)
    assert answer.outside == {"reason": "memcg", "cgroup": "/lxc", "usage_kb": 204800, "limit_kb": 204800}


@pytest.mark.parametrize(("length", "order"), [(4096, 0), (262144, 6), (262145, 7)])
def test_a_length_asked_for_without_an_mmu_is_an_order(length, order):
    header = f"nommu: Allocation of length {length} from process 55 (busybox) failed"
    [answer] = answers(case(1)[0].read_text().replace(FIRST_LINE, header))
    failure = answer.as_dict()["failure"]
    assert (failure["comm"], failure["order"], failure["gfp"]) == ("busybox", order, None)
    assert answer.verdict == ("contradiction" if order == 0 else "fragmented")
    assert "without an MMU" in answer.inferred["gfp"]


@pytest.mark.parametrize(("release", "noted"), [("6.6.30", True), ("6.4.0", False), ("6.12.1", False)])
def test_memory_that_a_confidential_guest_has_not_accepted_is_noted(release, noted):
    boot = "[ 0.0] Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP\n"
    [answer] = answers(boot + case(1)[0].read_text().replace("6.6.30", release))
    assert any("has not accepted" in note for note in answer.notes) is noted
    [plain] = answers(case(1)[0].read_text())
    assert not any("has not accepted" in note for note in plain.notes)


@pytest.mark.parametrize(("told_free", "kept"), [("", 2048), (" free_highatomic:4KB", 1)])
def test_a_report_of_6_12_keeps_what_is_free_of_the_reserve_and_not_all_of_it(told_free, kept):
    text = case(9)[0].read_text().replace("reserved_highatomic:8192KB", "reserved_highatomic:8192KB" + told_free)
    [answer] = answers(text)
    assert max(zone.kept_highatomic for zone in answer.zones) == kept

"""Are reports judged rightly that break rules which most keep: old, interleaved, garbled ones, odd machines?"""

import io

import pytest

from buddycap.explain.memory import answer_report
from buddycap.explain.telling import headline, told
from buddycap.formats.report_log import read_memory_log


def answers(text):
    """Return the answers of all reports in a text."""
    return [answer_report(report) for report in read_memory_log(io.BytesIO(text.encode())).reports]


MODERN = """\
[9.1] spooler: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0
[9.1] CPU: 1 PID: 77 Comm: spooler Not tainted 6.6.9 #1
[9.1] Mem-Info:
[9.1] Node 0 Normal free:64000kB boost:0kB min:4000kB low:5000kB high:6000kB present:900000kB managed:880000kB
[9.1] lowmem_reserve[]: 0 0 0
"""
LIST = "[9.1] Node 0 Normal: 12000*4kB (UME) 2000*8kB (UM) 0*16kB 0*32kB = 64000kB\n"


def test_frames_of_another_stack_between_the_cells_of_a_list_are_no_part_of_it():
    cells = LIST.removeprefix("[9.1] ").split()
    mixed = "".join(f"[9.2] {cell}\n[9.2]  ? other_{at}+0x10/0x{at + 32:x}\n" for at, cell in enumerate(cells))
    [plain], [found] = answers(MODERN + LIST), answers(MODERN + mixed)
    assert found.as_dict()["zones"] == plain.as_dict()["zones"]
    assert (found.verdict, found.report.stack) == ("fragmented", [])


@pytest.mark.parametrize(("other", "told_so"), [(60000, True), (3000, False)])
def test_two_mixed_reports_that_agree_whichever_line_is_whose_say_so(other, told_so):
    header, rest = MODERN.split("\n", 1)
    again = rest.partition("[9.1] Node")[2].replace("64000", str(other), 1)
    text = f"{header}\n{header.replace('spooler', 'printer')}\n{rest}[9.1] Node{again}" + LIST * 2
    found = answers(text)[-1]
    assert found.verdict == "unknown"
    assert any("whichever" in note and note.endswith("fragmented") for note in found.notes) == told_so


def test_a_zone_that_two_mixed_reports_print_alike_is_judged():
    header, rest = MODERN.split("\n", 1)
    text = f"{header}\n{header.replace('spooler', 'printer')}\n{rest}{rest.partition('Mem-Info:')[2]}" + LIST * 2
    assert answers(text)[-1].verdict == "fragmented"


def test_words_that_lost_the_blank_between_them_are_two():
    [found] = answers(MODERN.replace("kB low:", "kBlow:") + LIST.replace("kB (UM) 0*16kB", "kB (UM) 0*16kB0*32kB", 1))
    assert found.as_dict()["zones"][0]["low_kb"] == 5000


def test_doubtful_frames_name_the_caller_where_there_are_no_others():
    stack = "".join(f"[9.1] [<c015c4e1>] ? {name}+0x1/0x9\n" for name in ("__alloc_pages_nodemask", "ring_new", "open"))
    [found] = answers(MODERN.replace("[9.1] Mem-Info", stack + "[9.1] Mem-Info") + LIST)
    assert "Asked by ring_new." in told(found).replace("\n  ", " ")


@pytest.mark.parametrize(("free", "verdict"), [(100, "below-mark"), (9000, "unknown")])
def test_an_order_that_an_old_kernel_does_not_print_was_one_page_at_least(free, verdict):
    text = (
        "oom-killer: gfp_mask=0xd0\n"
        f"Normal free:{free}kB min:400kB low:800kB high:1200kB active:0kB inactive:0kB present:90000kB\n"
        f"protections[]: 0 0 0\nNormal: {free // 4}*4kB 0*8kB = {free // 4 * 4}kB\n"
    )
    [found] = answers(text)
    assert (found.verdict, found.as_dict()["failure"]["order"]) == (verdict, None)
    assert "order not printed" in headline(found)


def test_reports_one_after_the_other_are_not_mixed_because_an_old_kernel_prints_no_heading():
    one = "oom-killer: gfp_mask=0xd0\nNormal free:100kB min:400kB present:9000kB\nNormal: 25*4kB 0*8kB = 100kB\n"
    assert [found.report.mixed for found in answers(one * 2)] == [False, False]


def test_2_6_10_cannot_give_a_block_that_is_not_there():
    text = (
        "nic: page allocation failure. order:2, mode:0x20\n"
        "Normal free:8000kB min:400kB low:800kB high:1200kB active:0kB inactive:0kB present:90000kB\n"
        "protections[]: 0 0 0\nNormal: {} = 8000kB\n"
    )
    [found] = answers(text.format("2000*4kB 0*8kB 0*16kB"))
    assert (found.verdict, found.zones[0].order_ok) == ("fragmented", False)
    [found] = answers(text.format("1996*4kB 0*8kB 1*16kB"))
    assert found.verdict == "contradiction"


def test_what_a_zone_of_2_6_10_protects_for_itself_is_not_kept_for_others():
    text = (
        "oom-killer: gfp_mask=0xd2\nNormal free:1872kB min:936kB low:1872kB present:90000kB\nprotections[]: 0 468 468\n"
    )
    [found] = answers(text + "Normal: 468*4kB = 1872kB\n")
    assert found.verdict == "reserve"
    assert "memory is used up" in headline(found)


HIDDEN = """\
swapon: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0
CPU: 0 UID: 0 PID: 870 Comm: swapon Not tainted 6.14.0 #6
DMA free:4000kB boost:0kB min:3380kB low:4224kB high:5068kB present:786432kB managed:716492kB
lowmem_reserve[]: 0 0 {} {}
DMA: 1000*4kB (U) = 4000kB
327680 pages HighMem/MovableOnly
"""


@pytest.mark.parametrize(("high", "movable", "index"), [(1184, 0, 1), (1184, 1184, 1), (500, 1184, 2)])
def test_highmem_that_is_left_out_of_a_report_shifts_the_class_of_a_request(high, movable, index):
    [found] = answers(HIDDEN.format(high, movable))
    assert found.class_index == index
    assert not found.doubts


def test_a_failure_of_addresses_is_none_of_memory():
    [found] = answers("vmap allocation for size 28672 failed: use vmalloc=<size> to increase size.\n" + HIDDEN)
    assert "no free memory helps" in told(found).replace("\n  ", " ")
    asked = "loader: vmalloc error: size 99999999999, exceeds total pages, mode:0xcc0(GFP_KERNEL), nodemask=(null)\n"
    [found] = answers(asked + MODERN.partition("\n")[2] + LIST + "[9.1] 225000 pages RAM\n")
    assert "more than the machine has" in told(found).replace("\n  ", " ")


def test_cma_that_a_vendor_keeps_from_movable_requests_is_a_reading():
    text = MODERN.replace("order:2, mode:0xcc0(GFP_KERNEL)", "order:0, mode:0x100cca(GFP_HIGHUSER_MOVABLE)")
    [found] = answers(text.replace("managed:880000kB", "managed:880000kB free_cma:62000kB") + LIST)
    assert found.verdict == "contradiction"
    assert any("vendors" in note and note.endswith("below-mark") for note in found.notes)


def test_a_node_that_refuses_while_another_would_serve_is_a_reading():
    node = "[9.1] Node 1 Normal free:100kB min:4000kB low:5000kB high:6000kB present:900000kB managed:880000kB\n"
    text = MODERN.replace("order:2", "order:0").replace("mems_allowed=0", "mems_allowed=0-1")
    [found] = answers(
        text + node + "[9.1] lowmem_reserve[]: 0 0 0\n" + LIST + "[9.1] Node 1 Normal: 25*4kB (U) = 100kB\n"
    )
    assert found.verdict == "contradiction"
    assert "bound to node 1" in told(found).replace("\n  ", " ")


def test_too_little_in_small_pieces_is_not_called_fragmented_only():
    text = MODERN.replace("order:2", "order:3").replace("free:64000", "free:4020")
    [found] = answers(text + "[9.1] Node 0 Normal: 1005*4kB (UME) 0*8kB 0*16kB 0*32kB = 4020kB\n")
    assert (found.verdict, "too little, and in small pieces" in headline(found)) == ("fragmented", True)
    assert "first 12 kB more free memory in Normal" in told(found).replace("\n  ", " ")


def test_a_mark_above_the_whole_zone_is_said():
    [found] = answers(MODERN.replace("min:4000kB", "min:2277358239360432kB").replace("900000", "18446744073709550032"))
    assert found.as_dict()["zones"][0]["present_kb"] == 18446744073709550032
    [found] = answers(MODERN.replace("min:4000kB", "min:4000000kB") + LIST)
    assert any("more than present" in doubt for doubt in found.doubts)


def test_the_columns_of_a_large_machine_stay_apart():
    text = MODERN.replace("free:64000kB", "free:640000000kB").replace("present:900000", "present:9000000000")
    [found] = answers(text.replace("managed:880000", "managed:8800000000") + LIST)
    [row] = [line for line in told(found).splitlines() if line.startswith("  Normal")]
    assert row.split()[1:6] == ["160000000", "0", "0", "0", "1000"]


def test_a_list_that_lost_a_cell_is_cut_there():
    [found] = answers(MODERN + LIST.replace(" 0*16kB", ""))
    assert found.as_dict()["zones"][0]["nr_free"] == [12000, 2000]
    assert (found.verdict, found.zones[0].why) == ("unknown", "the free list is missing or cut")


def test_a_list_of_thousands_of_cells_is_no_list():
    cells = " ".join(f"1*{4 << order if order < 20 else 4}kB" for order in range(3000))
    [found] = answers(MODERN + f"[9.1] Node 0 Normal: {cells} = 64000kB\n")
    assert len(found.as_dict()["zones"][0]["nr_free"]) == 20
    assert told(found)


@pytest.mark.parametrize(
    ("release", "takes", "noted"), [("6.1.0", False, True), ("6.1.200", True, False), ("6.2.1", False, False)]
)
def test_late_updates_of_6_1_have_the_rules_of_6_3(release, takes, noted):
    text = MODERN.replace("6.6.9", release).replace("mode:0xcc0(GFP_KERNEL)", "mode:0x20(__GFP_HIGH)")
    [found] = answers(text + "[9.1] Node 0 Normal: 15996*4kB (UM) 0*8kB 1*16kB (H) 0*32kB = 64000kB\n")
    assert found.request.takes_highatomic == takes
    assert any("late updates of 6.1" in note for note in found.notes) == noted

"""Are the kernel's texts read and written to the letter, and is a bad one refused?"""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddycap import FormatError, Machine, MisuseError
from buddycap.formats.extfrag import (
    IndexRow,
    extfrag_for_order,
    extfrag_index,
    format_extfrag_index,
    format_unusable_index,
    fragmentation_index,
    parse_index,
    unusable_free_index,
    unusable_index,
)
from buddycap.formats.procfs import (
    BuddyinfoRow,
    Pagetypeinfo,
    PagetypeinfoZone,
    format_buddyinfo,
    format_pagetypeinfo,
    format_vmstat,
    parse_buddyinfo,
    parse_pagetypeinfo,
    parse_vmstat,
)
from buddycap.formats.proctext import read_text
from buddycap.formats.zoneinfo import Pageset, ZoneinfoLayout, ZoneinfoZone, format_zoneinfo, parse_zoneinfo

PROC = Path(__file__).parents[1] / "data" / "proc"
MACHINE_FORMATS = {
    "buddyinfo": (parse_buddyinfo, format_buddyinfo),
    "pagetypeinfo": (parse_pagetypeinfo, format_pagetypeinfo),
    "vmstat": (parse_vmstat, format_vmstat),
    "zoneinfo": (parse_zoneinfo, format_zoneinfo),
}
FORMATS = {
    **MACHINE_FORMATS,
    "extfrag_index": (parse_index, format_extfrag_index),
    "unusable_index": (parse_index, format_unusable_index),
}
SAMPLES = sorted(PROC.iterdir())

# The layouts of kernels that no sample is from, written down by hand from their format strings.
ZONE_2_6_28 = """\
Node 0, zone   Normal
  pages free     1213
        min      925
        low      1156
        high     1387
        scanned  0 (aa: 3 ia: 0 af: 25 if: 7)
        spanned  196608
        present  193920
    nr_free_pages 1213
    nr_inactive_anon 1041
        protection: (0, 0, 1, 1)
  pagesets
    cpu: 0
              count: 103
              high:  186
              batch: 31
  vm stats threshold: 16
    cpu: 1
              count: 77
              high:  186
              batch: 31
  vm stats threshold: 16
  all_unreclaimable: 0
  prev_priority:     12
  start_pfn:         4096
  inactive_ratio:    1
"""
ZONE_4_9 = """\
Node 1, zone  Movable
  per-node stats
      nr_inactive_anon 41
  pages free     3977
        min      67
        low      83
        high     99
   node_scanned  0
        spanned  4095
        present  3998
        managed  3977
      nr_free_pages 3977
      nr_zone_inactive_anon 0
        protection: (0, 3201, 31927, 31927, 31927)
  pagesets
    cpu: 0
              count: 0
              high:  0
              batch: 1
  vm stats threshold: 8
  node_unreclaimable:  0
  start_pfn:           1
  node_inactive_ratio: 0
"""


def formats_of(path):
    return FORMATS[path.name.split(".")[1]]


@pytest.fixture(params=SAMPLES, ids=lambda path: path.name)
def sample(request):
    return request.param


class TestRoundTrips:
    def test_there_are_samples_of_every_text(self):
        assert {path.name.split(".")[1] for path in SAMPLES} == set(FORMATS)

    def test_a_real_text_comes_back_to_the_letter(self, sample):
        parse, write = formats_of(sample)
        assert write(read_text(sample, parse)) == sample.read_text()

    @pytest.mark.parametrize("name", sorted(MACHINE_FORMATS))
    def test_a_machine_writes_what_the_parser_reads(self, name):
        machine = Machine.preset("x86_64", memory="64MiB", cpus=2)
        machine.alloc_pages(3, 0xD0)
        parse, write = MACHINE_FORMATS[name]
        text = getattr(machine, name)()
        assert write(parse(text)) == text

    def test_the_zoneinfo_of_2_6_28(self):
        (zone,) = parse_zoneinfo(ZONE_2_6_28)
        assert format_zoneinfo([zone]) == ZONE_2_6_28
        assert zone.layout == ZoneinfoLayout(counter_indent=4, counters_first=True)
        assert zone.notes == {"scanned": "(aa: 3 ia: 0 af: 25 if: 7)"}
        assert zone.trailer == {"all_unreclaimable": 0, "prev_priority": 12, "start_pfn": 4096, "inactive_ratio": 1}
        assert (zone.start_pfn, zone.pcp_pages) == (4096, 180)

    def test_the_zoneinfo_of_4_9(self):
        (zone,) = parse_zoneinfo(ZONE_4_9)
        assert format_zoneinfo([zone]) == ZONE_4_9
        assert zone.layout == ZoneinfoLayout(counter_indent=6, counters_first=True)
        assert zone.node_counters == {"nr_inactive_anon": 41}

    def test_the_counter_without_a_name_of_4_18(self):
        zones = read_text(PROC / "linux4-18.zoneinfo.nodes", parse_zoneinfo)
        assert [(zone.node_counters or {}).get("") for zone in zones] == [276795, None, None, 430699]
        counters = read_text(PROC / "linux4-18.vmstat.node", parse_vmstat)
        assert list(counters.items())[-2:] == [("nr_written", 606012), ("", 939956)]

    @pytest.mark.parametrize("line", ["{}7\n", "{}x\n", "{}7\n{}7\n"])
    def test_a_number_alone_is_a_counter_only_where_one_can_stand(self, line):
        vmstat, zoneinfo = "nr_written 5\n", (PROC / "linux4-18.zoneinfo.nodes").read_text()
        bad = line.format("" if line == "{}7\n" else " ", " ")
        with pytest.raises(FormatError):
            parse_vmstat(vmstat + bad)
        for before in ("  pages free     1574\n", "  pagesets\n", "  node_unreclaimable:  0\n"):
            with pytest.raises(FormatError):
                parse_zoneinfo(zoneinfo.replace(before, before + line.format(" " * 19, " " * 19), 1))

    def test_the_hot_and_the_cold_lists_of_2_6_18(self):
        dma, _, normal = read_text(PROC / "linux2-6-18.zoneinfo.numa", parse_zoneinfo)
        lists = [(one.cpu, one.pcp, one.values["count"]) for one in dma.pagesets]
        assert lists == [(0, 0, 27), (0, 1, 21), (1, 0, 56), (1, 1, 59)]
        assert (dma.pcp_pages, dma.start_pfn, dma.pages["active"], dma.counters) == (163, 0, 74, {})
        assert [sorted(one.numa)[:1] for one in normal.pagesets] == [[], ["interleave_hit"]] * 2

    def test_an_unknown_field_of_zoneinfo_is_kept(self):
        text = (PROC / "compile.zoneinfo.start").read_text()
        for old, new in (
            ("        cma      0\n", "        cma      0\n        novel    7\n"),
            ("      nr_free_cma  0\n", "      nr_free_cma  0\n      nr_novel     8\n"),
            ("  node_unreclaimable:  0\n", "  node_unreclaimable:  0\n  novel:               9\n"),
        ):
            text = text.replace(old, new)
        zones = parse_zoneinfo(text)
        assert (zones[0].pages["novel"], zones[0].counters["nr_novel"], zones[0].trailer["novel"]) == (7, 8, 9)
        assert format_zoneinfo(zones) == text

    @given(
        st.lists(st.tuples(st.integers(0, 9999), st.from_regex(r"[A-Z][a-z]{0,9}", fullmatch=True)), unique=True),
        st.integers(1, 15),
        st.randoms(use_true_random=False),
    )
    def test_any_buddyinfo(self, zones, orders, draw):
        rows = tuple(
            BuddyinfoRow(node, zone, tuple(draw.randrange(10 ** draw.randrange(1, 12)) for _ in range(orders)))
            for node, zone in zones
        )
        if rows:
            assert parse_buddyinfo(format_buddyinfo(rows)) == rows

    @given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True), st.integers(0, 2**64 - 1), min_size=1))
    def test_any_vmstat(self, counters):
        found = parse_vmstat(format_vmstat(counters))
        assert list(found.items()) == list(counters.items())

    @given(st.lists(st.integers(-(10**6), 1000), min_size=1, max_size=15))
    def test_any_index(self, index):
        rows = (IndexRow(0, "Normal", tuple(index)),)
        assert parse_index(format_extfrag_index(rows)) == parse_index(format_unusable_index(rows)) == rows


class TestWidths:
    def test_buddyinfo(self):
        text = format_buddyinfo([BuddyinfoRow(12, "Normal", (1, 123456, 1234567)), BuddyinfoRow(0, "HighMemory", (0,))])
        assert text == (
            "Node 12, zone   Normal      1 123456 1234567 \n"  # a wide number pushes the line
            "Node 0, zone HighMemory      0 \n"
        )

    def test_pagetypeinfo(self):
        zone = PagetypeinfoZone(
            3,
            "DMA",
            {"Unmovable": (0, 7), "CMA": (99999, 100000)},
            {"Unmovable": 1, "CMA": 2},
            {"Unmovable": 0, "CMA": 1},
        )
        assert format_pagetypeinfo(Pagetypeinfo(13, (zone,))) == (
            "Page block order: 13\n"
            "Pages per block:  8192\n"
            "\n"
            "Free pages count per migrate type at order       0      1 \n"
            "Node    3, zone      DMA, type    Unmovable      0      7 \n"
            "Node    3, zone      DMA, type          CMA  99999 >100000 \n"
            "\n"
            "Number of blocks type     Unmovable          CMA \n"
            "Node 3, zone      DMA            1            2 \n"
            "\n"
            "Number of mixed blocks    Unmovable          CMA \n"
            "Node 3, zone      DMA            0            1 \n"
        )

    def test_an_old_kernel_counts_beyond_the_cap(self):
        zone = PagetypeinfoZone(0, "Normal", {"Movable": (123456,)}, {"Movable": 5})
        capped, full = (format_pagetypeinfo(Pagetypeinfo(9, (zone,), capped)) for capped in (True, False))
        assert "Movable >100000 \n" in capped
        assert "Movable 123456 \n" in full
        assert [parse_pagetypeinfo(text).capped for text in (capped, full)] == [True, False]
        assert [format_pagetypeinfo(parse_pagetypeinfo(text)) for text in (capped, full)] == [capped, full]

    def test_pagetypeinfo_repeats_for_every_node(self):
        zones = tuple(PagetypeinfoZone(node, "Normal", {"Movable": (node,)}, {"Movable": 5}) for node in (0, 1))
        text = format_pagetypeinfo(Pagetypeinfo(9, zones))
        assert text.count("Page block order: 9\n") == text.count("Number of blocks type") == 2
        assert parse_pagetypeinfo(text).zones == zones

    def test_zones_with_different_types_are_misuse(self):
        zones = [PagetypeinfoZone(0, kind, {kind: (0,)}, {kind: 1}) for kind in ("Movable", "Isolate")]
        with pytest.raises(MisuseError):
            format_pagetypeinfo(Pagetypeinfo(9, tuple(zones)))

    def test_zoneinfo_labels_make_a_column(self):
        pages = {"free": 1, "min": 2, "low": 3, "high": 4, "spanned": 5, "present": 5}
        pageset = Pageset(0, {"count": 1, "high": 2, "batch": 3, "high_min": 4, "high_max": 5})
        text = format_zoneinfo(
            [ZoneinfoZone(0, "DMA", pages, (0,), {"nr_free_pages": 1}, (pageset,), {"start_pfn": 7})]
        )
        assert "              count:    1\n              high:     2\n              batch:    3\n" in text
        assert text.endswith("              high_max: 5\n  start_pfn: 7\n")


class TestFragmentation:
    def test_the_formulas_divide_as_c_does(self):
        few_large_blocks = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
        assert fragmentation_index(few_large_blocks, 9) == -500
        assert fragmentation_index([0] * 11, 9) == 0
        assert fragmentation_index([0] * 10 + [1], 9) == -1000
        assert unusable_free_index([512, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 9) == 500
        assert extfrag_for_order([512, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 9) == 50

    def test_negative_numbers_print_as_in_c(self):
        rows = [IndexRow(0, "Normal", (-1000, -500, -5, -1500, 0, 7, 734, 1000))]
        assert format_extfrag_index(rows).split()[4:] == (
            ["-1.000", "0.-500", "0.-05", "-1.-500", "0.000", "0.007", "0.734", "1.000"]
        )
        assert format_extfrag_index(rows[:1]).startswith("Node 0, zone   Normal -1.000  0.-500  0.-05 -1.-500  0.000 ")

    def test_the_indices_of_a_real_machine(self):
        rows = read_text(PROC / "extfrag.buddyinfo.start", parse_buddyinfo)
        unusable = (PROC / "extfrag.unusable_index.start").read_text().splitlines()
        assert format_unusable_index(unusable_index(rows)).splitlines()[:2] == unusable[:2]
        assert format_extfrag_index(extfrag_index(rows)) == (PROC / "extfrag.extfrag_index.start").read_text()

    def test_the_third_zone_was_busy_between_the_two_readings(self):
        rows = read_text(PROC / "extfrag.buddyinfo.start", parse_buddyinfo)
        printed = read_text(PROC / "extfrag.unusable_index.start", parse_index)
        assert np.abs(np.subtract(unusable_index(rows)[2].index, printed[2].index)).max() <= 2

    @given(st.lists(st.lists(st.integers(0, 10**6), min_size=11, max_size=11), min_size=1), st.integers(0, 11))
    def test_arrays_give_what_numbers_give(self, table, order):
        for formula in (fragmentation_index, unusable_free_index, extfrag_for_order):
            assert formula(np.array(table), order).tolist() == [formula(row, order) for row in table]

    def test_numbers_of_any_size(self):
        assert unusable_free_index([2**70, 2**69], 1) == 500
        assert fragmentation_index([2**70, 0], 1) == 500

    @pytest.mark.parametrize("counts", [[1, 2], np.array([1, 2])])
    def test_a_negative_order_is_misuse(self, counts):
        for formula in (fragmentation_index, unusable_free_index, extfrag_for_order):
            with pytest.raises(MisuseError):
                formula(counts, -1)


class TestBadInput:
    @pytest.mark.parametrize(
        "line",
        [
            "Node 0, zone Normal 1 x 3",
            "nonsense",
            "Node 0, zone Normal 1 -3 0",
            "Node 0, zone Normal 1 1_0 0",
            "Node 0, zone Normal 1 ٣ 0",
            "Node 0, zone Normal 1 99999999999999999999 0",
            "Node 0, zone Normal 1 2",
            "Node 0, zone      DMA      0      0      0 ",
        ],
    )
    def test_a_bad_line_is_named(self, line):
        with pytest.raises(FormatError) as caught:
            parse_buddyinfo("Node 0, zone      DMA      0      0      0 \n" + line + "\n", "buddyinfo")
        assert (caught.value.file, caught.value.line) == ("buddyinfo", 2)

    @pytest.mark.parametrize("text", ["", "\n\n", " \n"])
    @pytest.mark.parametrize("name", sorted(FORMATS))
    def test_nothing_is_an_error(self, name, text):
        with pytest.raises(FormatError):
            FORMATS[name][0](text, name)

    @pytest.mark.parametrize("cell", ["0.73", "0.7345", "00.734", "-0.500", "1.-500", "-1.500", "0,734", ".734", "0."])
    def test_an_index_that_the_kernel_would_not_print(self, cell):
        with pytest.raises(FormatError):
            parse_index(f"Node 0, zone Normal 0.000 {cell} \n")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("order: 9", "order: 99"),
            ("block:  512", "block:  511"),
            ("     9     10 ", "     9     11 "),
            (", type", ", sort"),
            ("Number of", "Amount of"),
            ("     1            7 ", "     1 "),
            ("    Unmovable      0", "    Unmovable     >5"),
            ("type  Reclaimable", "type      Movable"),
        ],
    )
    def test_a_bent_pagetypeinfo(self, old, new):
        text = (PROC / "compile.pagetypeinfo.start").read_text()
        bent = text.replace(old, new, 1)
        assert bent != text
        with pytest.raises(FormatError):
            parse_pagetypeinfo(bent)

    @pytest.mark.parametrize(
        "line",
        [
            "  pages free     3840",
            "        min      17",
            "        spanned  4095",
            "        protection: (0, 3019, 14155, 14155, 14155)",
            "  pagesets",
            "  start_pfn:           1",
        ],
    )
    def test_a_zone_without_an_essential_line(self, line):
        lines = (PROC / "compile.zoneinfo.start").read_text().splitlines(keepends=True)
        lines.remove(line + "\n")
        with pytest.raises(FormatError):
            parse_zoneinfo("".join(lines))

    def test_a_zoneinfo_cut_inside_a_zone(self):
        lines = (PROC / "guest.zoneinfo.start").read_text().splitlines(keepends=True)
        whole = {format_zoneinfo(parse_zoneinfo("".join(lines))[:zones]) for zones in range(1, 6)}
        for end in range(len(lines)):
            text = "".join(lines[:end])
            if text not in whole:
                with pytest.raises(FormatError):
                    parse_zoneinfo(text)

    def test_a_file_with_a_cut_line(self, tmp_path, sample):
        cut = tmp_path / "cut"
        cut.write_text(sample.read_text()[:-3])
        with pytest.raises(FormatError) as caught:
            read_text(cut, formats_of(sample)[0])
        assert caught.value.file == str(cut)

    def test_a_binary_file(self, tmp_path):
        (tmp_path / "junk").write_bytes(b"pgfree 1\n\xff\xfe\n")
        with pytest.raises(FormatError) as caught:
            read_text(tmp_path / "junk", parse_vmstat)
        assert caught.value.line == 2

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(OSError, match="absent"):
            read_text(tmp_path / "absent", parse_vmstat)

    @settings(max_examples=1000)
    @given(st.sampled_from(SAMPLES), st.integers(0, 2**32))
    def test_a_damaged_text_is_refused_or_read_in_full(self, path, seed):
        """What a parser accepts it must also be able to write, and read again as the same."""
        parse, write = formats_of(path)
        try:
            found = parse(damaged(path.read_text(), random.Random(seed)), "sample")
        except FormatError:
            return
        assert parse(write(found)) == found


def damaged(text, draw):
    """Change a text as real life does: cut, lost, swapped or doubled lines, changed and junk characters."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw.randrange(1, 4)):
        here, there = draw.randrange(len(lines)), draw.randrange(len(lines))
        match draw.randrange(6):
            case 0:
                lines[here], lines[there] = lines[there], lines[here]
            case 1:
                lines.insert(here, lines[there])
            case 2 if len(lines) > 1:
                del lines[here]
            case 3:
                lines[here] = lines[here][: draw.randrange(len(lines[here]) + 1)]
            case _:
                at = draw.randrange(len(lines[here]) + 1)
                junk = "".join(draw.choice("0179->:,(). \tx\0é\n") for _ in range(draw.randrange(3)))
                lines[here] = lines[here][:at] + junk + lines[here][at + draw.randrange(2) :]
    return "".join(lines)

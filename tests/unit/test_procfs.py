"""Are the kernel's texts read and written to the letter?"""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddycap import FormatError, Machine
from buddycap.formats.extfrag import (
    extfrag_for_order,
    format_extfrag_index,
    format_unusable_index,
    fragmentation_index,
    parse_index,
    unusable_free_index,
    unusable_index,
)
from buddycap.formats.procfs import (
    format_buddyinfo,
    format_pagetypeinfo,
    format_vmstat,
    parse_buddyinfo,
    parse_pagetypeinfo,
    parse_vmstat,
)
from buddycap.formats.zoneinfo import format_zoneinfo, parse_zoneinfo

PROC = Path(__file__).parents[1] / "data" / "proc"
FORMATS = {
    "buddyinfo": (parse_buddyinfo, format_buddyinfo),
    "pagetypeinfo": (parse_pagetypeinfo, format_pagetypeinfo),
    "vmstat": (parse_vmstat, format_vmstat),
    "zoneinfo": (parse_zoneinfo, format_zoneinfo),
}
SAMPLES = sorted(PROC.iterdir())


def formats_of(path):
    return FORMATS[path.name.split(".")[1]]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_real_text_comes_back_to_the_letter(path):
    parse, write = formats_of(path)
    assert write(parse(path.read_text())) == path.read_text()


def test_there_are_samples_of_every_text():
    assert {path.name.split(".")[1] for path in SAMPLES} == set(FORMATS)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_machine_writes_what_the_parser_reads(name):
    machine = Machine.preset("x86_64", memory="64MiB", cpus=2)
    machine.alloc_pages(3, 0xD0)
    parse, write = FORMATS[name]
    text = getattr(machine, name)()
    assert write(parse(text)) == text


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@given(data=st.data())
def test_a_damaged_text_is_refused_or_read_but_never_crashes(path, data):
    text = path.read_text()
    at = data.draw(st.integers(0, len(text) - 1))
    junk = data.draw(st.text(max_size=5))
    damaged = data.draw(st.sampled_from([text[:at], text[:at] + junk + text[at + 1 :]]))
    with contextlib.suppress(FormatError):
        formats_of(path)[0](damaged, "sample")


@pytest.mark.parametrize("text", ["Node 0, zone Normal 1 x 3\n", "nonsense\n", "Node 0, zone Normal 1 -3\n"])
def test_a_bad_line_is_named(text):
    with pytest.raises(FormatError) as caught:
        parse_buddyinfo("Node 0, zone      DMA      0      0      0 \n" + text, "buddyinfo")
    assert (caught.value.file, caught.value.line) == ("buddyinfo", 2)


def test_the_fragmentation_formulas_divide_as_c_does():
    few_large_blocks = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert fragmentation_index(few_large_blocks, 9) == 1000 - (1000 + 256 * 1000 // 512)
    assert fragmentation_index([0] * 11, 9) == 0
    assert fragmentation_index([0] * 10 + [1], 9) == -1000
    assert unusable_free_index([512, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 9) == 500
    assert extfrag_for_order([512, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 9) == 50


def test_a_negative_fraction_prints_as_the_kernel_prints_it():
    rows = parse_index("Node 0, zone   Normal  0.-500 -1.000 \n")
    assert format_extfrag_index(rows) == "Node 0, zone   Normal  0.-500 -1.000 \n"


def test_the_unusable_index_of_a_real_machine():
    rows = parse_buddyinfo((PROC / "compile.buddyinfo.start").read_text())
    text = format_unusable_index(unusable_index(rows))
    dma = next(line for line in text.splitlines() if "DMA " in line)
    assert dma.split()[4:] == ["0.000"] * 9 + ["0.066", "0.200"]

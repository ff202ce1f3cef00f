"""Are texts read that came through a mail, a tool or a pair of scissors: quoted, sorted, cut?"""

import pytest

from buddycap.cli import main
from buddycap.explain.files import explain_file
from explainlab import case


def explained(tmp_path, text):
    (tmp_path / "text").write_text(text)
    return explain_file(tmp_path / "text")


def quoted(text):
    return "".join(f"> > {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("number", [18, 20, 21, 22, 27, 34])
def test_a_quoted_text_is_answered_as_the_text_itself(tmp_path, number):
    path, _ = case(number)
    plain, found = explain_file(path).as_dict(), explained(tmp_path, quoted(path.read_text())).as_dict()
    plain.pop("requests", None), found.pop("requests", None)  # a trace is read by its own reader, from the file
    assert found == plain


TYPES = """\
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2
Node    0, zone   Normal, type    Unmovable     51      2      1
Node    0, zone   Normal, type      Movable >100000  4610    666

Number of blocks type     Unmovable      Movable
Node 0, zone   Normal            1            6
"""


@pytest.mark.parametrize(
    "text", [TYPES.partition("\nNumber")[0], TYPES[TYPES.index("Free") :], "x\n" + TYPES.splitlines()[4]]
)
def test_rows_of_a_cut_pagetypeinfo_are_read_and_that_is_said(tmp_path, text):
    found = explained(tmp_path, text)
    row = found.series.moments[0].content[0]
    assert (row.zone, row.nr_free[1]) in {("Normal", 4612), ("Normal", 2)}
    assert found.status == 1
    assert "cut or damaged" in found.told()


SORTED = """\
1024 times, 2048 pages, PID 1, TGID 1, TASK_COMM sh:
Page allocated via order 1, mask 0x52dc0(GFP_KERNEL|__GFP_COMP), pid 1, tgid 1 (sh), ts 1 ns
SLAB_PAGE slab_name:kmalloc-32
PFN 0x23d200 type Unmovable Block 4585 type CMA Flags 0x0()
 post_alloc_hook+0x228/0x230
 table_grow+0x10/0x20

19 times:
Page allocated via order 2, mask 0x50
[0xc012b7b9] page_find+25
[0xc012b8c8] page_make+104

7 times: Page allocated via order 0
[0xffffffff80173d6e] pipe_put+574
"""


def test_sorted_page_owner_tells_who_holds_most(tmp_path):
    found = explained(tmp_path, SORTED)
    counts = {name: caller.pages for name, caller in found.callers.items()}
    assert counts == {"table_grow": 2048, "page_find": 76, "pipe_put": 7}
    assert (found.blocks, found.status) == ({}, 0)


def test_all_has_the_slowest_waits_with_their_place(tmp_path):
    answer = explain_file(case(27)[0])
    assert "the slowest" not in answer.told()
    lines = answer.told(full=True).partition("the slowest\n")[2].splitlines()[:10]
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times, reverse=True)
    assert len(times) == 10


def test_a_dump_of_page_owner_names_who_holds_large_blocks():
    assert "Order 3: 16 pages, most by caller_2 8, caller_3 8." in explain_file(case(21)[0]).told()


def test_a_series_tells_how_fast_large_pieces_go(tmp_path):
    row = "Node 0, zone Normal 9 9 9 9 9 9 9 9 9 {} 0\n"
    text = "".join(f"2024-03-04T10:0{at}:00\n{row.format(60 - 20 * at)}" for at in range(3))
    found = explained(tmp_path, text)
    assert "(-20 a minute)" in found.told().replace("\n ", "")
    assert found.as_dict()["zones"][0]["pieces_per_second"] == round(-1 / 3, 6)


def test_a_report_that_a_page_put_into_one_line_has_the_task_without_what_stands_before(tmp_path):
    text = (
        "<p>It <pre>[9.1] sh: page allocation failure: order:1, mode:0xcc0(GFP_KERNEL) [9.2] CPU: 0 PID: 3 Comm: sh\n"
    )
    assert explained(tmp_path, text).as_dict()["failure"]["comm"] == "sh"


def test_who_has_tried_does_not_say_try(tmp_path, capsys):
    (tmp_path / "types").write_text("Page block order: 9\nPages per block: 512\n")
    assert main(["explain", str(tmp_path / "types")]) == 2
    assert "try:" not in capsys.readouterr().err

"""Does a folder with more than the texts of /proc answer with all of it, and does a drawn machine say what it is?"""

import gzip
import json
import lzma
import shutil
import tarfile

import numpy as np
import pytest

from buddycap.cli import main
from buddycap.errors import FormatError
from buddycap.explain.files import explain_file
from buddycap.formats.kpageflags import PageKind
from buddycap.formats.snapshot import drawn_from, read_snapshot
from buddycap.recorded.drawn import draw_snapshot
from explainlab import buddycap, case

FOLDER = case(33)[0]


def folder_with(tmp_path, **others):
    """Return a sosreport's folder with the texts of case 33, and others beside them."""
    proc = tmp_path / "host" / "proc"
    shutil.copytree(FOLDER, proc)
    for name, text in others.items():
        (tmp_path / "host" / name).write_text(text)
    return tmp_path / "host"


def test_page_owner_beside_pagetypeinfo_tells_who_fragments_and_how_much_of_the_machine(tmp_path):
    owner, wanted = case(21)
    answer = explain_file(folder_with(tmp_path, page_owner=owner.read_text()))
    found = answer.as_dict()
    assert found["page_owner"]["mixed_blocks"] == json.loads(json.dumps(wanted["mixed_blocks"]))
    assert "page_owner:" in answer.told()
    assert "movable pageblocks hold pages that cannot be moved" in answer.told()
    assert found["sum"]["now"] == 113


def test_a_log_of_any_name_with_dmesg_in_it_is_read(tmp_path):
    folder = folder_with(tmp_path, **{"node-1_dmesg.txt": case(1)[0].read_text()})
    [log] = explain_file(folder).as_dict()["logs"]
    assert (log["file"], log["verdict"]) == ("node-1_dmesg.txt", "fragmented")


@pytest.mark.parametrize("coding", ["utf-16", "utf-8-sig"])
def test_a_text_that_an_editor_or_powershell_wrote_is_read(tmp_path, coding):
    (tmp_path / "dmesg").write_bytes(case(1)[0].read_text().encode(coding))
    assert explain_file(tmp_path / "dmesg").as_dict()["failure"]["comm"] == "worker-7"


def drawn_file(tmp_path, *words):
    """Return a file with a machine drawn from case 33."""
    out = tmp_path / "drawn.npz"
    assert main(["snapshot", "--from-texts", str(FOLDER), "--seed", "6", "-o", str(out), *words]) == 0
    return out


def test_who_starts_from_a_drawn_machine_is_told(tmp_path, capsys):
    out = drawn_file(tmp_path)
    assert drawn_from(out) == "drawn from texts, seed 6"
    capsys.readouterr()
    assert main(["map", str(out)]) == 0
    assert capsys.readouterr().out.startswith("drawn from texts, seed 6\n")
    words = ["--policies", "none", "--seeds", "1", "--zone", "DMA32"]
    assert main(["study", "--from", str(out), *words]) == 0
    assert capsys.readouterr().out.startswith("drawn from texts, seed 6")
    assert drawn_from(None) is drawn_from(case(1)[0]) is None


def test_a_drawn_file_keeps_the_types_of_its_pageblocks(tmp_path):
    texts = [(FOLDER / name).read_text() for name in ("buddyinfo", "pagetypeinfo", "zoneinfo")]
    drawn, read = draw_snapshot(*texts, seed=6), read_snapshot(drawn_file(tmp_path))
    for zone, again in zip(drawn.frames, read.frames, strict=True):
        assert np.array_equal(zone.block_types, again.block_types)


@pytest.mark.parametrize("digits", ["00", "9" * 464])
def test_types_that_do_not_fit_the_zone_are_refused(tmp_path, digits):
    content = dict(np.load(drawn_file(tmp_path)))
    content["snapshot.types.DMA32"] = np.frombuffer(digits.encode(), np.uint8)
    np.savez(tmp_path / "damaged.npz", **content)
    with pytest.raises(FormatError, match="pageblocks"):
        read_snapshot(tmp_path / "damaged.npz")


HOLED = """\
Node 0, zone Normal
  pages free 1547
        min 8
        low 10
        high 12
        spanned 65536
        present {}
        protection: (0)
      nr_free_pages 1547
  pagesets
  start_pfn: 65536
"""
ROWS = "Node 0, zone Normal 3 0 2 0 0 0 0 0 0 1 1\n"
RAM = "10000000-13ffffff : System RAM\n  11000000-11ffffff : Kernel code\n18000000-1effffff : System RAM\n"


def test_holes_are_where_iomem_has_them():
    drawn = draw_snapshot(ROWS, None, HOLED.format(45056), RAM, seed=3)
    zone = drawn.frames[0]
    holes = np.flatnonzero(zone.kinds == PageKind.HOLE) + zone.start_pfn
    assert (holes[0], holes[-1], len(holes)) == (0x14000, 0x1FFFF, 0x5000)
    assert zone.nr_free.tolist() == [3, 0, 2, 0, 0, 0, 0, 0, 0, 1, 1]
    assert "holes" in drawn.meta["drawn"]["exact"]


@pytest.mark.parametrize("ram", [None, RAM.replace("18000000", "1c000000"), "00000000-00000000 : System RAM\n"])
def test_an_iomem_without_addresses_or_of_another_machine_is_not_followed(ram):
    drawn = draw_snapshot(ROWS, None, HOLED.format(45056), ram, seed=3)
    assert "holes" in drawn.meta["drawn"]["invented"]
    assert np.flatnonzero(drawn.frames[0].kinds == PageKind.HOLE)[0] == 45056


@pytest.mark.parametrize("seed", range(6))
def test_memory_in_many_odd_pieces_is_drawn_with_all_its_blocks(seed):
    draw = np.random.default_rng(seed)
    edges = np.sort(draw.choice(np.arange(65537, 131072), 40, replace=False)) * 4096
    pairs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    ram = "".join(f"{first:08x}-{last - 1:08x} : System RAM\n" for first, last in pairs)
    present = sum(last - first for first, last in pairs) // 4096
    drawn = draw_snapshot("Node 0, zone Normal 9 7 5 3 2 1 1 0 0 0 0\n", None, HOLED.format(present), ram, seed=seed)
    assert not any(any(gap) for gap in drawn.differences.values())
    assert (drawn.frames[0].kinds != PageKind.HOLE).sum() == present


def test_a_compressed_log_inside_an_archive_is_read(tmp_path):
    (tmp_path / "node" / "logs").mkdir(parents=True)
    (tmp_path / "node" / "logs" / "w0_logs_kernel.gz").write_bytes(gzip.compress(case(1)[0].read_bytes()))
    with tarfile.open(tmp_path / "gathered.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "node", "node")
    [log] = explain_file(tmp_path / "gathered.tar.xz").as_dict()["logs"]
    assert log["verdict"] == "fragmented"


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress])
def test_a_pipe_may_be_compressed(packed):
    data = packed(case(1)[0].read_bytes())
    status, out, _ = buddycap("explain", "-", "--json", stdin=data)
    assert (status, json.loads(out)["verdict"]) == (0, "fragmented")
    status, _, errors = buddycap("explain", "-", stdin=data[: len(data) // 2])
    assert (status, "damaged or cut" in errors) == (2, True)

"""Does a small file, whatever it claims or unpacks to, cost no more memory than its size or a limit that is named?"""

import gzip
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from buddycap import FormatError
from buddycap.cli import main
from buddycap.formats.kpageflags import KPF, MAX_PAGES, read_kpageflags
from buddycap.formats.liststate import read_list_state
from buddycap.formats.npz import NpzReader
from buddycap.formats.packed import unpacked
from buddycap.formats.snapshot import read_snapshot
from buddycap.recorded.lifetimes import match_trace
from buddycap.recorded.recording import bare_recording

LINE = "sh-7 [001] ..... 10.000002: mm_page_alloc: page=0 pfn={:#x} order=2 migratetype=1 gfp_flags=GFP_USER\n"
MIB = 1 << 20


@pytest.fixture
def peak():
    """A function that says how much memory Python and numpy have had at most since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def words(path, pages, zones=1):
    """A recording of free pages, packed to a thousandth."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for k in range(zones):
            with archive.open(f"Z{k}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "<u8", "fortran_order": False, "shape": (pages,)}
                )
                for start in range(0, pages, 1 << 18):
                    member.write(np.full(min(1 << 18, pages - start), KPF.BUDDY, np.uint64).tobytes())
            with archive.open(f"Z{k}_start_pfn.npy", "w") as member:
                np.lib.format.write_array(member, np.array(k * pages, np.uint64))


class TestPages:
    @pytest.mark.parametrize("read", [read_kpageflags, read_snapshot])
    def test_all_zones_together_count(self, tmp_path, read):
        words(tmp_path / "w.npz", 1 << 16, zones=5)
        assert len(getattr(found := read(tmp_path / "w.npz", max_pages=5 << 16), "frames", found)) == 5
        with pytest.raises(FormatError, match=f"at most {1 << 15} accepted"):
            read(tmp_path / "w.npz", max_pages=(4 << 16) + (1 << 15))

    def test_the_limit_holds_unless_asked_otherwise(self, tmp_path, peak, capsys):
        """Only the header says so: nothing is unpacked."""
        words(tmp_path / "w.npz", MAX_PAGES + 1)
        assert (tmp_path / "w.npz").stat().st_size < 4 * MIB
        assert main(["snapshot", "--show", str(tmp_path / "w.npz")]) == 2
        assert f"at most {MAX_PAGES} accepted" in capsys.readouterr().err
        assert peak() < 64 * MIB

    def test_a_text_is_no_place_for_a_bomb(self, tmp_path, peak):
        text = np.full((1 << 24) + 1, ord("\n"), np.uint8)
        np.savez_compressed(tmp_path / "t.npz", text=text)
        before = peak()
        with NpzReader(tmp_path / "t.npz") as npz, pytest.raises(FormatError, match=f"at most {1 << 24} accepted"):
            npz.text("text")
        assert peak() < before + MIB


class TestStates:
    @pytest.mark.parametrize("zones", [[MAX_PAGES + 1], [MAX_PAGES // 2 + 1] * 2])
    def test_claims_of_pages(self, tmp_path, peak, zones):
        state = [{"name": f"Z{k}", "start_pfn": 0, "spanned": n, "free": [[[]]] * 11} for k, n in enumerate(zones)]
        (tmp_path / "s.json").write_text(json.dumps({"zones": state}))
        with pytest.raises(FormatError, match=f"at most {MAX_PAGES} accepted"):
            read_list_state(tmp_path / "s.json")
        assert peak() < 4 * MIB

    def test_a_bomb(self, tmp_path, peak):
        (tmp_path / "s.json.gz").write_bytes(gzip.compress(bytes((64 << 20) + 1), 1))
        with pytest.raises(FormatError, match="more than 64 MiB"):
            read_list_state(tmp_path / "s.json.gz")
        assert peak() < 140 * MIB

    @pytest.mark.parametrize(
        "text", ["[" * 100_000, '{"zones":' * 50_000, '{"zones": [3]}', '{"zones": [{"spanned": []}]}']
    )
    def test_texts_that_are_no_states(self, tmp_path, text):
        (tmp_path / "s.json").write_text(text)
        with pytest.raises(FormatError):
            read_list_state(tmp_path / "s.json")


class TestTraces:
    def test_one_far_pfn(self, tmp_path, peak, capsys):
        (tmp_path / "t").write_text(LINE.format(0x40) + LINE.format(0x7F000000))
        assert main(["replay", str(tmp_path / "t")]) == 2
        said = capsys.readouterr().err
        assert "PFNs from 64 to 2130706432 (event 2)" in said
        assert f"at most {MAX_PAGES} accepted" in said
        assert peak() < 16 * MIB

    def test_a_span_within_the_limit_costs_nothing_until_it_is_simulated(self, tmp_path, peak):
        (tmp_path / "t").write_text(LINE.format(0x40) + LINE.format(MAX_PAGES - (1 << 16)))
        recording = bare_recording(tmp_path / "t")
        assert recording.zones == [(0, MAX_PAGES - (1 << 15))]
        assert peak() < 16 * MIB
        assert len(match_trace(recording.trace, recording.zones).requests) == 2
        assert peak() < 96 * MIB


def test_a_file_that_has_to_be_in_memory_names_its_limit(tmp_path):
    (tmp_path / "f").write_bytes(bytes(2 * MIB))
    assert len(unpacked(tmp_path / "f", 2 * MIB)) == 2 * MIB
    for pack in (gzip.compress, bytes):
        (tmp_path / "f").write_bytes(pack(bytes(2 * MIB + 1)))
        with pytest.raises(FormatError, match="more than 2 MiB, the limit"):
            unpacked(tmp_path / "f", 2 * MIB)

"""Is a machine recorded and loaded as it was, is what is missing said, and is a bad file refused?"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddycap import BuddycapError, FormatError, Machine, MigrateType, MisuseError
from buddycap.cli import main
from buddycap.formats import livesnapshot as recording
from buddycap.formats.kpageflags import KPF, PageKind, ZoneFrames, read_kpageflags
from buddycap.formats.livesnapshot import record_snapshot
from buddycap.formats.snapshot import parse_ram, read_snapshot
from buddycap.recorded.pageblocks import inferred_pageblock_types
from buddycap.recorded.recording import frames_from_recording
from buddycap.views.pagemap import read_maps
from buddycap.views.record import Recorder
from buddycap.views.report import html_report

DATA = Path(__file__).parents[1] / "data"
RAM = (DATA / "machine" / "iomem").read_text()


@pytest.fixture
def proc(tmp_path):
    """A folder like /proc of a machine that has the recorded machine's DMA zone only."""
    folder = tmp_path / "proc"
    shutil.copytree(DATA / "machine", folder)
    return folder


@pytest.fixture
def snapshot(proc, tmp_path):
    assert record_snapshot(tmp_path / "snapshot.npz", proc) == {}
    return tmp_path / "snapshot.npz"


class TestRecording:
    def test_a_machine_comes_back(self, proc, snapshot):
        read = read_snapshot(snapshot)
        (zone,) = read.frames
        assert (zone.name, zone.start_pfn, len(zone.kinds)) == ("DMA", 1, 4095)
        assert np.array_equal(zone.flags, np.fromfile(proc / "kpageflags", np.uint64)[1:])
        assert zone.pageblocks["Movable"] == 7
        assert read.quiet == {"DMA": True}
        assert read.differences == {"DMA": (0,) * 11}
        assert read.vmstat["nr_free_pages"] > 0
        assert read.meta["kernel"]
        begin, done = read.meta["monotonic_ns"]
        assert 0 < begin <= done
        assert read.missing == {}

    def test_holes_are_where_the_machine_has_no_ram(self, snapshot):
        (zone,) = read_snapshot(snapshot).frames
        assert zone.present_ranges.tolist() == [[1, 159], [256, 4096]]
        assert (zone.kinds != PageKind.HOLE).sum() == read_snapshot(snapshot).zoneinfo["DMA"].pages["present"] == 3998

    def test_numpy_opens_the_file(self, snapshot):
        with np.load(snapshot, allow_pickle=False) as arrays:
            assert arrays["DMA"].dtype == np.uint64
            assert arrays["DMA_start_pfn"] == 1
            assert bytes(arrays["snapshot.buddyinfo"]).startswith(b"Node 0, zone      DMA")

    def test_the_same_machine_at_the_same_time_makes_the_same_file(self, proc, tmp_path, monkeypatch):
        monkeypatch.setattr(recording.time, "monotonic_ns", lambda: 7)
        files = [tmp_path / "once.npz", tmp_path / "again.npz"]
        for file in files:
            record_snapshot(file, proc)
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_the_reader_of_recordings_reads_snapshots(self, snapshot):
        assert [zone.name for zone in read_kpageflags(snapshot)] == ["DMA"]

    def test_words_that_end_early_are_no_pages(self, proc, tmp_path):
        words = np.fromfile(proc / "kpageflags", np.uint64)
        words[:4000].tofile(proc / "kpageflags")
        assert record_snapshot(tmp_path / "s.npz", proc) == {
            "last 96 pages of DMA": "/proc/kpageflags ends before them"
        }
        (zone,) = read_snapshot(tmp_path / "s.npz").frames
        assert len(zone.kinds) == 4095
        assert (zone.kinds[-96:] == PageKind.HOLE).all()
        assert any(read_snapshot(tmp_path / "s.npz").differences["DMA"])

    def test_progress_is_told(self, proc, tmp_path):
        seen = []
        record_snapshot(tmp_path / "s.npz", proc, lambda done, pages: seen.append((done, pages)))
        assert seen == [(4095, 4095)]

    def test_memory_stays_small(self, proc, tmp_path):
        pages = 1 << 22
        zoneinfo = (proc / "zoneinfo").read_text().replace("spanned  4095", f"spanned  {pages}")
        (proc / "zoneinfo").write_text(zoneinfo)
        with open(proc / "kpageflags", "r+b") as words:
            words.truncate(8 * (pages + 1))
        tracemalloc.start()
        try:
            record_snapshot(tmp_path / "s.npz", proc)
            recording = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            read_snapshot(tmp_path / "s.npz")
            reading = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert recording < 0.5 * 8 * pages
        assert reading < 1.5 * 8 * pages

    def test_finely_fragmented_memory_is_read_in_one_and_a_half_times_its_words(self, tmp_path):
        words = np.full(1 << 20, KPF.BUDDY, np.uint64)
        words[::3] = KPF.SLAB
        np.savez_compressed(tmp_path / "kpageflags.npz", Normal=words, Normal_start_pfn=np.uint64(0))
        tracemalloc.start()
        try:
            (zone,) = read_kpageflags(tmp_path / "kpageflags.npz")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert zone.nr_free.tolist()[:3] == [349526, 174762, 0]
        assert zone.nr_free.tolist() == np.bincount(zone.free_blocks["order"], minlength=11).tolist()
        assert peak < 1.5 * words.nbytes

    def test_other_nodes_are_recorded_too(self, proc, tmp_path):
        text = (proc / "zoneinfo").read_text()
        other = text.replace("Node 0, zone      DMA", "Node 1, zone   Normal").replace(
            "start_pfn:           1", "start_pfn:  4096"
        )
        (proc / "zoneinfo").write_text(text + other)
        with open(proc / "buddyinfo", "a") as file:
            file.write(
                "Node 1, zone   Normal      1      0      0      0      0      0      0      0      0      0      0 \n"
            )
        words = np.fromfile(proc / "kpageflags", np.uint64)
        np.concatenate([words, np.array([KPF.BUDDY], np.uint64), np.full(4094, KPF.SLAB, np.uint64)]).tofile(
            proc / "kpageflags"
        )
        record_snapshot(tmp_path / "s.npz", proc)
        (zone,) = read_snapshot(tmp_path / "s.npz", node=1).frames
        assert (zone.name, zone.start_pfn, zone.nr_free[0]) == ("Normal", 4096, 1)
        assert read_snapshot(tmp_path / "s.npz", node=1).differences == {"Normal": (0,) * 11}
        assert [zone.name for zone in read_snapshot(tmp_path / "s.npz").frames] == ["DMA"]
        for node in (0, 1):
            assert read_snapshot(tmp_path / "s.npz", node=node).report()[-1] == (
                f"this is node {node}; in the file are also: {1 - node}"
            )
        with pytest.raises(FormatError, match="node 2"):
            read_snapshot(tmp_path / "s.npz", node=2)

    def test_pages_of_64_kib(self, proc, tmp_path, monkeypatch):
        (proc / "iomem").unlink()
        monkeypatch.setattr(recording, "_PAGE_SIZE", 65536)
        record_snapshot(tmp_path / "s.npz", proc)
        (page_map,) = read_maps(tmp_path / "s.npz")
        assert (page_map.page_size, page_map.mib) == (65536, 4095 // 16)
        assert read_snapshot(tmp_path / "s.npz").frames[0].window(512, 1024).page_size == 65536
        recorder = Recorder()
        recorder.add_maps((page_map,), 0)
        assert '"page_size":65536' in html_report(recorder)


class TestWithoutRoot:
    def test_words_of_zeros_are_no_pages(self, proc, tmp_path, capsys):
        np.zeros(4096, np.uint64).tofile(proc / "kpageflags")
        (proc / "iomem").write_text("00000000-00000000 : System RAM\n")
        (proc / "pagetypeinfo").unlink()
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "s.npz")]) == 1
        out = capsys.readouterr().out
        assert "missing: kpageflags: reads as zeros" in out
        assert "missing: iomem: tells no addresses" in out
        assert "missing: pagetypeinfo: No such file" in out
        with pytest.raises(FormatError, match="no pages: reads as zeros"):
            Machine.from_snapshot(tmp_path / "s.npz")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_what_only_root_may_read_is_named(self, proc, tmp_path):
        for name in ("kpageflags", "pagetypeinfo"):
            (proc / name).chmod(0o400)
        # Nobody else may be let in where buddycap and pytest's folders are: root's recording loads every module first,
        # and the new file goes to a folder in /tmp.
        tmp_path.chmod(0o755)
        code = (
            f"import sys, os, json; sys.path[:0] = {sys.path!r}\n"
            "from buddycap.formats.livesnapshot import record_snapshot\n"
            "assert record_snapshot('root.npz', 'proc') == {}\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "print(json.dumps(record_snapshot(sys.argv[1] + '/nobody.npz', 'proc')))"
        )
        with tempfile.TemporaryDirectory(dir="/tmp") as out:
            Path(out).chmod(0o777)
            command = [sys.executable, "-c", code, out]
            result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        missing = json.loads(result.stdout)
        assert missing == {"kpageflags": "only root may read it", "pagetypeinfo": "only root may read it"}

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_under_sudo_the_file_belongs_to_who_called_it(self, proc, tmp_path, monkeypatch):
        monkeypatch.setenv("SUDO_UID", "65534")
        monkeypatch.setenv("SUDO_GID", "65533")
        record_snapshot(tmp_path / "s.npz", proc)
        found = (tmp_path / "s.npz").stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65534, 65533, 0o600)

    def test_no_zoneinfo_no_snapshot(self, proc, tmp_path, capsys):
        (proc / "zoneinfo").unlink()
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "s.npz")]) == 2
        assert "zoneinfo" in capsys.readouterr().err
        assert list(tmp_path.glob("*s.npz*")) == []

    @pytest.mark.parametrize("pfn", [1 << 60, (1 << 52) - 1, 10**30])
    def test_a_zone_where_no_memory_can_be(self, proc, tmp_path, capsys, pfn):
        zoneinfo = proc / "zoneinfo"
        zoneinfo.write_text(re.sub(r"start_pfn: +\d+", f"start_pfn: {pfn}", zoneinfo.read_text(), count=1))
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "a.npz")]) == 2
        assert "zoneinfo" in capsys.readouterr().err
        assert not (tmp_path / "a.npz").exists()

    def test_a_zone_that_claims_more_than_there_is(self, proc, tmp_path, capsys):
        zoneinfo = proc / "zoneinfo"
        zoneinfo.write_text(re.sub(r"spanned +\d+", f"spanned  {1 << 45}", zoneinfo.read_text(), count=1))
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "a.npz")]) == 2
        assert "behind the end of kpageflags" in capsys.readouterr().err
        assert not (tmp_path / "a.npz").exists()

    def test_a_place_that_cannot_be_written(self, proc, capsys):
        assert main(["snapshot", "--proc", str(proc), "-o", "/nowhere/s.npz"]) == 2
        assert "'/nowhere'" in capsys.readouterr().err

    def test_a_device_is_not_replaced(self, proc, tmp_path, capsys):
        os.mkfifo(tmp_path / "device")
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "device")]) == 2
        assert "no regular file" in capsys.readouterr().err
        assert (tmp_path / "device").is_fifo()


class TestMachine:
    def test_free_blocks_and_bounds_are_the_recorded_ones(self, proc, snapshot):
        machine = Machine.from_snapshot(snapshot)
        machine.check()
        assert machine.buddyinfo() == (proc / "buddyinfo").read_text()
        assert machine.differences == {"DMA": (0,) * 11}
        assert (machine.names, machine.zones[0].start_pfn, machine.zones[0].spanned_pages) == (("DMA",), 1, 4095)
        assert machine.zones[0].present_pages == 3998

    def test_a_recording_with_texts_beside_it(self, tmp_path):
        shutil.copy(DATA / "kpageflags.dma.npz", tmp_path / "kpageflags.start.npz")
        for name in ("buddyinfo", "pagetypeinfo", "zoneinfo"):
            shutil.copy(DATA / "proc" / f"compile.{name}.start", tmp_path / f"{name}.start")
        for path in (tmp_path, tmp_path / "kpageflags.start.npz"):
            assert Machine.from_snapshot(path).differences == {"DMA": (0,) * 11}
        (zone,) = read_snapshot(tmp_path).frames
        assert zone.pageblocks == {"Unmovable": 1, "Movable": 7, "Reclaimable": 0, "HighAtomic": 0, "Isolate": 0}

    def test_a_recording_that_stops_at_a_hole_gets_the_zones_real_end(self, tmp_path):
        (frames,) = read_kpageflags(DATA / "kpageflags.dma.npz")
        np.savez(tmp_path / "kpageflags.a.npz", DMA=frames.flags[:-8], DMA_start_pfn=np.uint64(1))
        shutil.copy(DATA / "proc" / "compile.zoneinfo.start", tmp_path / "zoneinfo.a")
        machine = Machine.from_snapshot(tmp_path / "kpageflags.a.npz")
        assert (machine.zones[0].spanned_pages, machine.zones[0].present_pages) == (4095, 4087)

    def test_a_recording_of_the_lower_part_of_a_large_zone(self, tmp_path):
        """It is not filled up with gigabytes of holes, and the report says so."""
        (frames,) = read_kpageflags(DATA / "kpageflags.dma.npz")
        np.savez(tmp_path / "kpageflags.a.npz", DMA=frames.flags, DMA_start_pfn=np.uint64(1))
        text = (DATA / "machine" / "zoneinfo").read_text()
        (tmp_path / "zoneinfo.a").write_text(text.replace("spanned  4095", "spanned  9000000"))
        snapshot = read_snapshot(tmp_path / "kpageflags.a.npz")
        assert len(snapshot.frames[0].kinds) == 4095
        assert "  the zone spans 9000000 pages: those at its end were not recorded" in snapshot.report()

    def test_a_recording_alone(self):
        snapshot = read_snapshot(DATA / "kpageflags.mixed-1GiB.npz")
        machine = Machine.from_snapshot(snapshot)
        assert machine.zones[0].nr_free.tolist() == snapshot.frames[0].nr_free.tolist()
        assert "no buddyinfo" in "\n".join(snapshot.report())

    def test_types_of_pageblocks_follow_the_kernels_counts(self):
        snapshot = read_snapshot(DATA / "kpageflags.mixed-1GiB.npz")
        (frames,) = snapshot.frames
        counts = {"Unmovable": 40, "Movable": 460, "Reclaimable": 12}
        told = ZoneFrames.from_flags("Normal", frames.start_pfn, frames.flags, pageblocks=counts)
        zone = Machine.from_frames([told]).zones[0]
        types = zone.pageblock_migratetype.tolist()
        inferred = inferred_pageblock_types(told, counts).tolist()
        assert (inferred.count(MigrateType.UNMOVABLE), inferred.count(MigrateType.RECLAIMABLE)) == (40, 12)
        reserve = [k for k, kind in enumerate(types) if kind == MigrateType.RESERVE]
        assert all(a == b for k, (a, b) in enumerate(zip(types, inferred, strict=True)) if k not in reserve)

    def test_the_study_starts_from_it(self, snapshot):
        assert frames_from_recording(snapshot).name == "DMA"
        assert frames_from_recording(snapshot, "DMA").pageblocks is not None
        with pytest.raises(MisuseError, match=r"zone='Normal'.* has DMA"):
            frames_from_recording(snapshot, "Normal")


class TestCommand:
    def test_it_reports_what_it_recorded(self, proc, tmp_path, capsys):
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "s.npz")]) == 0
        out = capsys.readouterr().out
        assert "DMA: PFN 1 to 4095, 3998 pages present, 3840 free in 5 blocks" in out
        assert "those of buddyinfo, in every order" in out

    def test_a_counter_without_a_name_is_kept_and_told(self, proc, tmp_path, capsys):
        """As Linux 4.18 prints it, in both texts."""
        text = (proc / "zoneinfo").read_text()
        (proc / "zoneinfo").write_text(text.replace("  pages free", f"{'':19}77\n  pages free", 1))
        (proc / "vmstat").write_text("nr_written 6\n 77\n")
        assert main(["snapshot", "--proc", str(proc), "-o", str(tmp_path / "s.npz")]) == 0
        out = capsys.readouterr().out
        assert "vmstat has a counter without a name" in out
        assert "zoneinfo has a counter without a name" in out
        found = read_snapshot(tmp_path / "s.npz")
        assert (found.vmstat[""], (found.zoneinfo["DMA"].node_counters or {})[""]) == (77, 77)

    def test_it_describes_a_file(self, snapshot, capsys):
        assert main(["snapshot", "--show", str(snapshot), "--json"]) == 0
        (zone,) = json.loads(capsys.readouterr().out)["zones"].values()
        assert zone["difference"] == [0] * 11
        assert zone["quiet"] is True
        assert zone["pages"]["free"] == 3840

    def test_differences_are_reported(self, tmp_path, capsys):
        shutil.copy(DATA / "kpageflags.dma.npz", tmp_path / "kpageflags.start.npz")
        text = (DATA / "proc" / "compile.buddyinfo.start").read_text()
        (tmp_path / "buddyinfo.start").write_text(text.replace("     3 \n", "     5 \n", 1))
        assert main(["snapshot", "--show", str(tmp_path)]) == 0
        assert "free blocks differ from buddyinfo (the machine was busy): order 10: -2" in capsys.readouterr().out

    def test_this_machine(self, tmp_path):
        """On a Linux machine with root, the real thing."""
        if not os.access("/proc/kpageflags", os.R_OK):
            pytest.skip("/proc/kpageflags cannot be read here: root on Linux is needed")
        if "kpageflags" in record_snapshot(tmp_path / "s.npz"):
            pytest.skip("/proc/kpageflags reads as zeros here")
        snapshot = read_snapshot(tmp_path / "s.npz")
        for name, gap in snapshot.differences.items():
            # Isolated pageblocks are not in buddyinfo; and what was taken and given back between the two does not show.
            assert not snapshot.quiet[name] or sum(map(abs, gap)) <= 2 + sum(snapshot.buddyinfo[name]) // 10
        Machine.from_snapshot(snapshot).check()


def rewritten(source, target, changes):
    """Copy an archive with other arrays in place of some; `None` leaves one out."""
    with np.load(source, allow_pickle=False) as arrays:
        content = {name: array for name, array in arrays.items() if name not in changes}
    content |= {name: array for name, array in changes.items() if array is not None}
    np.savez_compressed(target, **content)
    return target


def as_bytes(text):
    return np.frombuffer(text.encode(), np.uint8)


class TestBadFiles:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"snapshot.version": np.uint64(2)}, "version 2; this buddycap reads 1"),
            ({"snapshot.meta": as_bytes("[]")}, "no JSON object"),
            ({"snapshot.meta": as_bytes("[" * 100000)}, "no JSON object"),
            ({"snapshot.meta": None}, "no JSON object"),
            ({"snapshot.meta": as_bytes('{"page_size": [0]}')}, "page_size"),
            ({"snapshot.zoneinfo": as_bytes("Node 0, zone DMA\njunk\n")}, r"\[zoneinfo\]:2"),
            ({"snapshot.buddyinfo": as_bytes("Node 0, zone DMA 1 2\nx\n")}, r"\[buddyinfo\]:2"),
            ({"snapshot.buddyinfo": as_bytes("Node 0, zone DMA" + " 1" * 40 + "\n")}, "40 orders"),
            ({"snapshot.buddyinfo": np.zeros(4, np.uint64)}, "ASCII"),
            ({"DMA_start_pfn": np.uint64(17)}, "zoneinfo says 1"),
            ({"DMA_start_pfn": None}, "missing"),
            ({"DMA": np.zeros(9000, np.uint64)}, "zoneinfo says 4095"),
            ({"DMA": np.full(4095, KPF.NOPAGE, np.uint64)}, "no page is present"),
            ({"Normal": np.zeros(0, np.uint64), "Normal_start_pfn": np.uint64(0)}, "no zone of 0 pages"),
        ],
    )
    def test_it_is_refused_with_its_name(self, snapshot, tmp_path, changes, message):
        bad = rewritten(snapshot, tmp_path / "bad.npz", changes)
        with pytest.raises(FormatError, match=message) as error:
            read_snapshot(bad)
        assert "bad.npz" in str(error.value)
        assert main(["snapshot", "--show", str(bad)]) == 2

    def test_a_claim_of_pages_beyond_the_data(self, snapshot, tmp_path):
        with np.load(snapshot) as arrays:
            text = bytes(arrays["snapshot.zoneinfo"]).decode().replace("spanned  4095", "spanned  268435456")
        bad = rewritten(snapshot, tmp_path / "bad.npz", {"snapshot.zoneinfo": as_bytes(text)})
        with pytest.raises(FormatError, match="4095 pages, but zoneinfo says 268435456"):
            read_snapshot(bad)

    @pytest.mark.parametrize("kept", [0, 10, 1000, -30])
    def test_a_cut_file(self, snapshot, tmp_path, kept):
        (tmp_path / "cut.npz").write_bytes(snapshot.read_bytes()[:kept])
        with pytest.raises(FormatError, match=r"cut\.npz"):
            read_snapshot(tmp_path / "cut.npz")

    def test_a_folder_without_a_recording(self, tmp_path):
        with pytest.raises(FormatError, match=r"kpageflags\.start\.npz"):
            read_snapshot(tmp_path)
        with pytest.raises(FileNotFoundError):
            read_snapshot(tmp_path / "none.npz")

    @settings(max_examples=150)
    @given(data=st.data())
    def test_damaged_bytes(self, tmp_path_factory, data):
        source = _shared_snapshot(tmp_path_factory)
        content = bytearray(source.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path = source.with_name("damaged.npz")
        path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, -5]))])
        loads_or_is_refused(path)

    @settings(max_examples=100)
    @given(data=st.data())
    def test_damaged_content(self, tmp_path_factory, data):
        """The archive is sound, so that the mistake reaches the parsers."""
        source = _shared_snapshot(tmp_path_factory)
        with np.load(source) as arrays:
            name = data.draw(st.sampled_from(sorted(arrays)))
            array = arrays[name].copy()
        if array.ndim:
            place = data.draw(st.integers(0, len(array) - 1))
            array[place] = data.draw(
                st.sampled_from([0, 10, 32, 45, 57, 127]) if array.itemsize == 1 else st.integers(0, 2**64 - 1)
            )
            array = array[: data.draw(st.sampled_from([len(array), len(array) // 2]))]
        else:
            array = np.uint64(data.draw(st.integers(0, 2**64 - 1)))
        loads_or_is_refused(rewritten(source, source.with_name("wrong.npz"), {name: array}))


def _shared_snapshot(tmp_path_factory, made=[]):  # noqa: B006 - one snapshot for all examples
    if not made:
        folder = tmp_path_factory.mktemp("fuzz")
        shutil.copy(DATA / "kpageflags.dma.npz", folder / "kpageflags.npz")
        (frames,) = read_kpageflags(folder / "kpageflags.npz")
        texts = {
            "zoneinfo": (DATA / "machine" / "zoneinfo").read_text(),
            "buddyinfo": (DATA / "proc" / "compile.buddyinfo.start").read_text(),
            "iomem": RAM,
            "meta": '{"missing": {}}',
        }
        content = {f"snapshot.{name}": as_bytes(text) for name, text in texts.items()}
        content |= {"DMA": frames.flags, "DMA_start_pfn": np.uint64(1), "snapshot.version": np.uint64(1)}
        np.savez_compressed(folder / "snapshot.npz", **content)
        made.append(folder / "snapshot.npz")
    return made[0]


def loads_or_is_refused(path):
    with contextlib.suppress(FormatError, OSError):
        snapshot = read_snapshot(path, max_pages=1 << 16)
        with contextlib.suppress(BuddycapError):
            Machine.from_snapshot(snapshot).check()


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        (RAM, [(1, 159), (256, 4096)]),
        ("00000000-00000000 : System RAM\n", []),
        ("00000800-00001fff : System RAM\n", [(1, 2)]),
        ("100000000-1ffffffff : System RAM (kmem)\n", [(1 << 20, 1 << 21)]),
        ("xyz\n-\n00001000-0009efff : Reserved\n", []),
    ],
)
def test_ranges_of_ram(text, ranges):
    assert parse_ram(text) == ranges


def test_zip_members_have_no_dates(snapshot):
    with zipfile.ZipFile(snapshot) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}

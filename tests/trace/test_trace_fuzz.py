"""Is there a damaged trace that ends in anything but events, counts, and one kind of error?"""

import gzip
import shutil

import numpy as np
import pytest

from buddycap import FormatError
from buddycap.cli import main
from buddycap.formats.tracefile import convert_trace, read_trace
from buddycap.formats.tracetext import TraceReader
from sourcelint import ROOT

DATA = ROOT / "tests" / "data" / "replay"
TEXTS = [
    (DATA / "text" / "trace_pipe.txt").read_bytes()[:12000],
    (DATA / "text" / "perf-script.txt").read_bytes()[:12000],
    gzip.decompress((DATA / "thpfrag" / "trace.txt.gz").read_bytes())[400000:412000],
]
WORDS = [
    *(b"pfn=", b"0x", b"order=", b"=", b"\n", b"[", b"]", b": ", b" ", b"\x00", b"\xff\xfe", b"-", b"CPU:0 [LOST "),
    *(b"range=(", b"~", b"99999999999999999999", b"18446744073709551615", b"migratetype=9", b"gfp_flags=", b"[000] "),
    *(b"PERF_RECORD_LOST lost ", b"# entries-in-buffer/entries-written: 5/", b"tracing_mark_write: ", b"\r\n", b"()"),
]


def mutate(rng, data):
    """Damage a text in one to eight places."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        at, length = int(rng.integers(0, len(data))), int(rng.integers(1, 40))
        match rng.integers(0, 6):
            case 0:
                data[at] = int(rng.integers(0, 256))
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = WORDS[rng.integers(0, len(WORDS))]
            case 3:
                data[at : at + length] = bytes(rng.integers(0, 256, length, dtype=np.uint8))
            case 4:
                data[at:at] = data[int(rng.integers(0, len(data))) :][: length * 10]
            case 5:
                del data[at + 200 :]
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("sample", range(len(TEXTS)))
def test_mutated_text(tmp_path, sample):
    rng = np.random.default_rng(sample)
    path = tmp_path / "trace"
    for _ in range(250):
        text = mutate(rng, TEXTS[sample])
        path.write_bytes(text)
        try:
            with TraceReader(path) as reader:
                events = np.concatenate(list(reader))
        except FormatError:
            continue
        report = reader.report
        kept = report.events - report.lost_marks
        assert len(events) == report.events
        assert kept + report.other_events + report.nr_skipped <= report.lines <= text.count(b"\n") + 1
        assert (events["order"] <= 64).all()
        assert ((events["pfn"] >= -1) & (events["pfn"] < 1 << 52)).all()
        assert np.isin(events["migratetype"], [0, 1, 2, 3, 4, 255]).all()


def test_mutated_compressed_and_converted(tmp_path):
    rng = np.random.default_rng(7)
    (tmp_path / "plain").write_bytes(TEXTS[2])
    convert_trace(tmp_path / "plain", tmp_path / "converted")
    whole = read_trace(tmp_path / "plain").events
    for data in (gzip.compress(TEXTS[2], mtime=0), (tmp_path / "converted").read_bytes()):
        for _ in range(150):
            bad = bytearray(data)
            for at in rng.integers(0, len(bad), rng.integers(1, 4)).tolist():
                bad[at] ^= 1 << int(rng.integers(0, 8))
            (tmp_path / "bad").write_bytes(bad[: int(rng.integers(1, len(bad) + 1))] if rng.integers(0, 3) else bad)
            try:
                events = read_trace(tmp_path / "bad").events
            except FormatError:
                continue
            assert (events == whole).all(), "damage that nobody noticed"


@pytest.mark.parametrize(
    "name", ["trace.txt.gz", "kpageflags.start.npz", "kpageflags.end.npz", "buddyinfo.end", "meta.json"]
)
def test_the_command_never_ends_in_a_traceback(tmp_path, capsys, name):
    rng = np.random.default_rng(len(name))
    folder = tmp_path / "recording"
    shutil.copytree(DATA / "thpfrag", folder)
    data = (folder / name).read_bytes()
    for k in range(12):
        bad = bytearray(data)
        if k % 3:
            bad[int(rng.integers(0, len(bad)))] ^= int(rng.integers(1, 256))
        else:
            bad = bad[: int(rng.integers(0, len(bad)))]
        (folder / name).write_bytes(bad)
        status = main(["replay", str(folder), "--samples", "2", "--json"])
        said = capsys.readouterr()
        assert status in (0, 2)
        assert bool(said.out) == (status == 0)
        if status:
            assert "buddycap: error: " in said.err


def test_an_unreadable_file(tmp_path, capsys):
    assert main(["replay", str(tmp_path)]) == 2
    assert main(["replay", "/proc/self/mem"]) == 2
    assert capsys.readouterr().err.count("buddycap: error: ") == 2

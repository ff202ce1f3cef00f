"""Does a recording take what it should, and leave nothing behind, however it ends? On a tracefs that is a folder."""

import gzip
import json
import shutil
import signal
import sys
from pathlib import Path

import pytest

from buddycap import MisuseError
from buddycap.cli import main
from buddycap.recorded import recorder
from buddycap.recorded.recorder import RECORDED_EVENTS, buffer_size, record_machine, run_command, tracefs_at

LOST = "entries: 5\noverrun: {}\ncommit overrun: 0\nbytes: 3\ndropped events: 1\n"


@pytest.fixture
def tracefs(tmp_path, monkeypatch):
    """A folder that behaves as tracefs: instances come with their files, and go with them."""
    place = tmp_path / "tracing"
    (place / "instances").mkdir(parents=True)

    def make(path):
        for event in RECORDED_EVENTS[:-1]:
            (path / "events" / event).mkdir(parents=True)
        (path / "per_cpu" / "cpu0").mkdir(parents=True)
        (path / "per_cpu" / "cpu0" / "stats").write_text(LOST.format(place.joinpath("lost").exists() and 7))
        (path / "trace").write_text("# tracer: nop\n")

    def remove(path):
        kept = place / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        path.rename(kept)

    def snapshot(path, proc):
        Path(path).write_bytes(b"snapshot")
        return {"iomem": "hidden"}

    monkeypatch.setattr(recorder, "make_instance", make)
    monkeypatch.setattr(recorder, "remove_instance", remove)
    monkeypatch.setattr(recorder, "record_snapshot", snapshot)
    return place


def rest(place, tmp_path):
    """Instances and hidden folders that are left."""
    return [*(place / "instances").iterdir(), *tmp_path.glob(".rec*")]


def test_a_recording_has_its_files_and_the_instance_its_settings(tracefs, tmp_path):
    report = record_machine(tmp_path / "rec", lambda: 0, tracefs=tracefs, buffer_kib=64)
    assert sorted(p.name for p in (tmp_path / "rec").iterdir()) == [
        *("kpageflags.end.npz", "kpageflags.start.npz", "meta.json", "trace.txt.gz"),
    ]
    assert gzip.decompress((tmp_path / "rec" / "trace.txt.gz").read_bytes()) == b"# tracer: nop\n"
    kept = {name: (tracefs / "kept" / name).read_text() for name in ("trace_clock", "buffer_size_kb", "tracing_on")}
    assert kept == {"trace_clock": "mono", "buffer_size_kb": "64", "tracing_on": "0"}
    assert (tracefs / "kept" / "events" / RECORDED_EVENTS[0] / "enable").read_text() == "1"
    assert (tracefs / "kept" / "trace_marker").read_text() == "buddycap: snapshot end kpageflags done"
    assert (report.missing_events, report.missing, report.lost) == (RECORDED_EVENTS[-1:], {"iomem": "hidden"}, 1)
    assert json.loads((tmp_path / "rec" / "meta.json").read_text())["recorded"]["status"] == 0
    assert (tmp_path / "rec").stat().st_mode & 0o77 == 0
    assert rest(tracefs, tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MisuseError])
def test_nothing_is_left_of_a_recording_that_is_broken_off(tracefs, tmp_path, error):
    def work():
        raise error("stop")

    with pytest.raises(error):
        record_machine(tmp_path / "rec", work, tracefs=tracefs, buffer_kib=64)
    assert not (tmp_path / "rec").exists()
    assert rest(tracefs, tmp_path) == []


def test_an_older_recording_stays_until_the_new_one_is_complete(tracefs, tmp_path):
    record_machine(tmp_path / "rec", lambda: 0, tracefs=tracefs, buffer_kib=64)
    with pytest.raises(MisuseError, match="--force"):
        record_machine(tmp_path / "rec", lambda: 0, tracefs=tracefs, buffer_kib=64)

    def work():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_machine(tmp_path / "rec", work, tracefs=tracefs, buffer_kib=64, force=True)
    assert (tmp_path / "rec" / "trace.txt.gz").exists()
    assert record_machine(tmp_path / "rec", lambda: 3, tracefs=tracefs, buffer_kib=64, force=True).status == 3
    (tmp_path / "rec" / "diary").write_text("mine")
    with pytest.raises(MisuseError, match="lost"):
        record_machine(tmp_path / "rec", lambda: 0, tracefs=tracefs, buffer_kib=64, force=True)


def test_a_kernel_without_the_events_is_refused_and_left_as_it_was(tracefs, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "make_instance", lambda path: path.mkdir())
    with pytest.raises(MisuseError, match="mm_page_alloc"):
        record_machine(tmp_path / "rec", lambda: 0, tracefs=tracefs, buffer_kib=64)
    assert rest(tracefs, tmp_path) == []


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(MisuseError, match=r"tracefs|root"):
        tracefs_at(tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal: 16 kB\nMemAvailable:   8388608 kB\n")
    assert buffer_size(tmp_path, 2) == 1 << 19
    assert (buffer_size(tmp_path, 1 << 20), buffer_size(tmp_path, 1)) == (1 << 12, 1 << 20)


def test_a_command_is_ended_with_the_recording(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_command([sys.executable, "-c", "import time; time.sleep(60)"])
    finally:
        signal.signal(signal.SIGALRM, old)
    with pytest.raises(MisuseError, match="nowhere"):
        run_command([str(tmp_path / "nowhere")])


def test_the_command(tracefs, tmp_path, capsys):
    words = ["record", "-o", str(tmp_path / "rec"), "--tracefs", str(tracefs), "--buffer", "1"]
    assert main([*words, "--", "sh", "-c", "exit 3"]) == 1
    assert "status 3" in capsys.readouterr().out
    assert main([*words, "--force", "--seconds", "0", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["lost"] == 1
    (tracefs / "lost").touch()
    assert main([*words, "--force", "--seconds", "0"]) == 1
    assert "8 events lost" in capsys.readouterr().err
    for wrong in ([], ["--seconds", "1", "--", "true"], ["--seconds", "-1"]):
        assert main([*words, "--force", *wrong]) == 2

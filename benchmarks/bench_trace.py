"""How fast are traces read, converted, loaded, followed and served?

The trace is a small one of the tests, twenty times over. RECORDING in the environment names the folder of a real one.
"""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from buddycap.formats.tracefile import Trace, convert_trace, load_trace, read_trace, save_trace
from buddycap.kernels import KERNELS
from buddycap.recorded.lifetimes import match_trace
from buddycap.recorded.recording import Recording, open_recording
from buddycap.replay.prepared import Prepared
from buddycap.replay.reconstruct import Reconstruction
from buddycap.replay.serving import Options, PlaceServing
from buddycap.replay.timeline import sample_times
from buddycap.replay.whatif import Serving, WhatIf

SAMPLE = Path(__file__).parent.parent / "tests" / "data" / "replay" / "fork"
TIMES = 20


@pytest.fixture(scope="session")
def recording():
    if "RECORDING" in os.environ:
        return open_recording(os.environ["RECORDING"])
    once = open_recording(SAMPLE)
    events = np.tile(once.trace.events, TIMES)
    length = int(once.trace.events["time_ns"][-1]) + 1
    events["time_ns"] += np.repeat(np.arange(TIMES), len(once.trace)) * length
    return Recording("twenty times", Trace(events), once.start)


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """The trace as plain text."""
    path = tmp_path_factory.mktemp("trace") / "trace.txt"
    folder, times = (os.environ["RECORDING"], 1) if "RECORDING" in os.environ else (SAMPLE, TIMES)
    data = gzip.decompress(Path(folder, "trace.txt.gz").read_bytes()) * times
    path.write_bytes(data)
    return path, data.count(b"\n")


def test_read_text(measure, text):
    path, lines = text
    measure(lambda: lambda: read_trace(path), lines, unit="lines")


def test_read_gzip(measure, text, tmp_path):
    path, lines = text
    (tmp_path / "trace.gz").write_bytes(gzip.compress(path.read_bytes(), 6))
    measure(lambda: lambda: read_trace(tmp_path / "trace.gz"), lines, unit="lines")


def test_convert(measure, text, tmp_path):
    path, lines = text
    measure(lambda: lambda: convert_trace(path, tmp_path / "out"), lines, unit="lines")


@pytest.mark.parametrize("verify", [True, False])
def test_load_binary(measure, recording, tmp_path, verify):
    """Loaded, and every time stamp looked at."""
    save_trace(tmp_path / "t", recording.trace)
    measure(
        lambda: lambda: load_trace(tmp_path / "t", verify=verify).events["time_ns"].max(),
        len(recording.trace),
        unit="events",
    )


def test_reconstruct(measure, recording):
    """All of it: the passes that look around, and every event followed."""

    def prepare():
        def job():
            Reconstruction(recording.trace, recording.start, recording.first_ns).follow()

        return job

    measure(prepare, len(recording.trace), unit="events")


def test_follow(measure, recording):
    """The events alone, once the machine is there."""
    measure(
        lambda: Reconstruction(recording.trace, recording.start, recording.first_ns).follow,
        len(recording.trace),
        unit="events",
    )


def test_match(measure, recording):
    measure(lambda: lambda: match_trace(recording.trace, recording.zones), len(recording.trace), unit="events")


def test_what_if(measure, recording):
    """Allocations and frees served by the simulated machine, once it is there; eleven moments noted."""
    prepared = Prepared(recording)
    moments = sample_times(recording.first_ns, recording.end_ns[0], 11).tolist()
    count = len(Serving(prepared, WhatIf()).stream.ops)

    def prepare():
        serving = Serving(prepared, WhatIf())
        return lambda: [serving.until(moment) for moment in moments]

    measure(prepare, count, unit="operations")


GROUNDS = {"followed": {}, "lists": {"follow": False, "lists": True}, "simulated": {"follow": False}}


@pytest.mark.parametrize("background", GROUNDS)
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_what_if_by_places(measure, recording, kernel, background):
    """The same on a kernel with per-CPU lists of blocks: what a background adds in operations or work is in it."""
    prepared = Prepared(recording)
    moments = sample_times(recording.first_ns, recording.end_ns[0], 11).tolist()
    how = Options(**GROUNDS[background])
    count = int((PlaceServing(prepared, KERNELS[kernel], how).plan.time_ns <= moments[-1]).sum())

    def prepare():
        serving = PlaceServing(prepared, KERNELS[kernel], how)
        return lambda: [serving.until(moment) for moment in moments]

    measure(prepare, count, unit="operations")

"""How long do loading and drawing a 24 GiB machine take, and a report of 50 moments of 4 GiB?

The snapshot is made here: finely fragmented memory with every kind of page, which compresses badly and has a million
free blocks. RECORDING in the environment names a real one instead.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from buddycap import POLICIES, Machine
from buddycap.formats.kpageflags import KPF
from buddycap.formats.snapshot import read_snapshot
from buddycap.study.config import preset_config
from buddycap.views.pagemap import PageMap, maps_of
from buddycap.views.picture import map_png
from buddycap.views.report import html_report
from buddycap.views.runs import watch_run

PAGES = 24 << 18
ANON = KPF.LRU | KPF.SWAPBACKED | KPF.ANON | KPF.MMAP
WORDS = (KPF.BUDDY, KPF.LRU, KPF.LRU | KPF.ACTIVE, ANON, ANON | KPF.ACTIVE, KPF.SLAB, KPF.PGTABLE, 0)


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """A 24 GiB recording."""
    if "RECORDING" in os.environ:
        return Path(os.environ["RECORDING"])
    draw = np.random.default_rng(1)
    runs = draw.geometric(0.3, PAGES // 2)
    kinds = draw.choice(len(WORDS), len(runs), p=[0.5, 0.15, 0.1, 0.1, 0.05, 0.05, 0.02, 0.03])
    words = np.repeat(np.array(WORDS, np.uint64)[kinds], runs)[:PAGES]
    path = tmp_path_factory.mktemp("views") / "kpageflags.npz"
    np.savez_compressed(path, Normal=words, Normal_start_pfn=np.uint64(1 << 20))
    return path


def test_read_snapshot(measure, recording):
    measure(lambda: lambda: read_snapshot(recording), PAGES)


def test_machine_from_snapshot(measure, recording):
    measure(lambda: lambda: Machine.from_snapshot(recording), PAGES)


def test_map_png_of_a_recording(measure, recording):
    """From the pages in memory to the bytes of the file."""
    frames = read_snapshot(recording).frames
    measure(lambda: lambda: map_png(maps_of(frames)), PAGES)


def test_map_png_of_a_machine(measure, recording):
    machine = Machine.from_snapshot(recording)
    measure(lambda: lambda: map_png(maps_of(machine)), PAGES)


def test_report_of_fifty_moments(benchmark):
    """4 GiB under policy v3: the watched run itself apart."""
    run = watch_run(preset_config("x86_64", 1 << 20), POLICIES["v3"], 1, steps=50)
    page = benchmark.pedantic(html_report, args=(run.recorder,), rounds=5, warmup_rounds=1)
    benchmark.extra_info["bytes"] = len(page)


def test_a_moment_of_the_report(measure):
    """What watching adds to a run, per moment of 4 GiB."""
    run = watch_run(preset_config("x86_64", 1 << 20), POLICIES["v3"], 1, steps=2)
    name, last = run.recorder.zones[0].name, run.recorder.moments[-1].time_ns
    measure(lambda: lambda: run.recorder.add_maps((PageMap.of_zone(run.zone, name),), last), 1 << 20)

"""Has any result of an experiment moved?  Digests of whole runs, images and replays, one line each.

They stand in tests/data/golden.json.  A change that moves one is results-affecting, see CONTRIBUTING.md: print what
they are now with ``python tests/test_golden.py``, write that to the file, and name the table's digest, which is printed
too, in the new entry under "Results-affecting" in CHANGELOG.md.
"""

import json
import re
import sys
from dataclasses import asdict
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import pytest

from buddycap import COMPACTION_POLICIES, POLICIES
from buddycap.images.aging import RECIPES, age, reach
from buddycap.recorded.load import Load
from buddycap.recorded.recording import frames_from_recording, open_recording
from buddycap.replay.course import reconstruct
from buddycap.replay.timeline import sample_times
from buddycap.replay.whatif import WhatIf, what_if
from buddycap.study.config import StudyConfig, preset_config
from buddycap.study.faultload import faulting_config
from buddycap.study.run import run_once
from worldlab import SMALL

TESTS = Path(__file__).parent
DATA = TESTS / "data"
TABLE = DATA / "golden.json"

WARM = {"warmup_s": 1, "flush_ms": 200}
PPC64 = preset_config("ppc64", 1 << 18, **WARM)
MANY = SMALL.replace(requesters=4, passes=3, rest_s=2, repeat=True, memalloc_permille=100)
HIGH = SMALL.replace(requesters=4, passes=2, min_free_kbytes=65536, kernel_rate_hz=2000)  # here every policy engages
BARE = SMALL.replace(lumpy=False, sync_pass=False, pcp_high=1, pcp_batch=1)


def short(value):
    """The first digits of the SHA-256 of a value as JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()[:16]


def columns(table):
    return {name: table[name].tolist() for name in table.dtype.names}


def run(config, policy, seed, frames=None, load=None):
    """A whole run: successes, for the reader; every request, pass, counter and figure; the memory at the end."""
    result = run_once(config, POLICIES[policy], seed, frames and frames(), load and load())
    summary = {name: f"{value:.9g}" for name, value in result.summary().items()}
    figures = [columns(result.requests), columns(result.passes), result.totals, summary]
    return f"{int(result.passes['successes'][0])} {short(figures)} {result.digest[:16]}"


def faulted(policy):
    """The same of a run of faults under Linux 6.1."""
    config = faulting_config("6.1", 6, 1 << 16, fault_permille=375, warmup_s=2, unmovable_permille=5)
    result = run_once(config, COMPACTION_POLICIES[policy], 3)
    summary = {name: f"{value:.9g}" for name, value in result.summary().items()}
    figures = [columns(result.faults), columns(result.passes), result.totals, summary]
    return f"{int(result.passes['successes'][0])} {short(figures)} {result.digest[:16]}"


@cache
def frames():
    return frames_from_recording(DATA / "kpageflags.mixed-1GiB.npz")


def load():
    return Load.load(DATA / "load" / "compile-50000.npz")


def image(recipe):
    aged = reach(RECIPES[recipe], StudyConfig(memory_pages=1 << 15), seed=1)
    return f"{aged.measures['unusable']} {short([aged.seconds, aged.measures])} {aged.zone.digest()[:16]}"


def loaded_image():
    return age(StudyConfig(memory_pages=1 << 15), 1, 21, load=load()).digest()[:16]


def line(timeline):
    return [timeline.rows(), timeline.summary()]


@cache
def recording(name):
    return open_recording(DATA / "replay" / name)


def followed(name):
    timeline, end, oddities = reconstruct(recording(name), 11)
    return f"{end.all_wrong} {short([line(timeline), asdict(end), oddities])}"


def served(name, *words):
    record = recording(name)
    result = what_if(record, WhatIf.parse(words), sample_times(record.first_ns, record.end_ns[0], 5))
    return f"{sum(result.failed)} {short([line(result.timeline), result.as_dict()])}"


GOLDEN = {
    **{f"x86_64 {name}, seed 1": partial(run, SMALL, name, 1) for name in POLICIES},
    **{f"x86_64 {name}, seed {seed}": partial(run, SMALL, name, seed) for name in ("none", "v3") for seed in (2, 3)},
    **{f"ppc64 {name}, seed 1": partial(run, PPC64, name, 1) for name in ("none", "v3")},
    **{f"4 requesters, 3 passes, {name}": partial(run, MANY, name, 1) for name in ("none", "v3")},
    **{f"high marks, {name}": partial(run, HIGH, name, 1) for name in ("v3", "hold", "queue", "all-orders")},
    **{f"no lumpy, synchronous or per-CPU, {name}": partial(run, BARE, name, 1) for name in ("none", "v3")},
    "kswapd for order 0 only, v3": partial(run, SMALL.replace(kswapd_orders=False), "v3", 1),
    **{
        f"from a recorded machine, {name}": partial(run, preset_config("x86_64", 1 << 18), name, 1, frames)
        for name in ("none", "v3")
    },
    "under a recorded load, v3": partial(run, SMALL, "v3", 1, None, load),
    **{f"faults of 6.1, {name}": partial(faulted, name) for name in ("off", "capture", "block-2014")},
    "image fragmented": partial(image, "fragmented"),
    "image server": partial(image, "server"),
    "image under a recorded load": loaded_image,
    "replay thpfrag": partial(followed, "thpfrag"),
    "replay fork": partial(followed, "fork"),
    "what if thpfrag, v3": partial(served, "thpfrag", "policy=v3", "direct=yes"),
    "what if fork, min_free": partial(served, "fork", "policy=none", "min_free=4096"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_no_result_has_moved(name):
    assert GOLDEN[name]() == json.loads(TABLE.read_text())[name], "results-affecting, see CONTRIBUTING.md"


def test_the_table_is_about_these_runs():
    assert set(json.loads(TABLE.read_text())) == set(GOLDEN)


def results_affecting(text):
    """The entries of the changelog's sections of that name."""
    sections = re.findall(r"^### Results-affecting\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    return re.findall(r"^- (.*?)(?=^- |\Z)", "".join(sections), re.M | re.S)


def test_the_changelog_has_an_entry_for_the_table_as_it_is():
    entries = results_affecting((TESTS.parent / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert any(short(json.loads(TABLE.read_text())) in entry for entry in entries)


def test_an_entry_counts_only_where_it_belongs():
    text = "## A\n### Added\n- golden 1\n### Results-affecting\n- golden\n  2\n- other\n## B\n- golden 3\n"
    assert results_affecting(text) == ["golden\n  2\n", "other\n"]


if __name__ == "__main__":
    table = {name: golden() for name, golden in GOLDEN.items()}
    print(json.dumps(table, indent=1))
    print(f"golden digests {short(table)}", file=sys.stderr)

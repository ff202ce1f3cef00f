"""Does a recording that was cut, begun later, thinned out or put together in another order still lead to its end?"""

from dataclasses import replace

import numpy as np
import pytest

from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENTS
from buddycap.recorded.recording import open_recording
from buddycap.replay.ending import compare_end
from buddycap.replay.reconstruct import Reconstruction
from sourcelint import ROOT

DATA = ROOT / "tests" / "data" / "replay"
NAMES = ["fork", "thpfrag"]
COMPACTION = [EVENTS[f"mm_compaction_{name}"] for name in ("isolate_freepages", "fast_isolate_freepages")]
RUNS = [EVENTS[f"mm_compaction_{name}"] for name in ("begin", "end")]


def variant(recording, events, marks=None):
    trace = Trace(events, recording.trace.marks if marks is None else marks, recording.trace.report)
    return replace(recording, trace=trace)


def follow(recording):
    return Reconstruction(recording.trace, recording.start, recording.first_ns)


def wrong(recording):
    return compare_end(follow(recording), recording).all_wrong


@pytest.fixture(scope="module", params=NAMES)
def recording(request):
    return open_recording(DATA / request.param)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_what_is_known_at_a_moment_hardly_needs_the_rest(recording, part):
    moment = int(recording.first_ns + part * (recording.end_ns[0] - recording.first_ns))
    events = recording.trace.events
    whole, cut = follow(recording), follow(variant(recording, events[events["time_ns"] <= moment]))
    for memory in (whole, cut):
        memory.follow(moment)
    differ = sum(int((whole.free(name) != cut.free(name)).sum()) for name in whole.names)
    assert differ <= 2


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_from_its_own_middle_it_comes_to_the_same_end(recording, part):
    moment = int(recording.first_ns + part * (recording.end_ns[0] - recording.first_ns))
    memory = follow(recording)
    memory.follow(moment)
    middle = replace(recording.start, frames=memory.frames())
    marks = [mark for mark in recording.trace.marks if mark[0] > moment]
    events = recording.trace.events
    late = variant(replace(recording, start=middle), events[events["time_ns"] > moment], marks)
    assert wrong(late) == wrong(recording)


@pytest.mark.parametrize("nanoseconds", [1000, 100_000])
def test_clocks_of_cpus_that_differ(recording, nanoseconds):
    """The order of each CPU's events is kept, the order between CPUs is not."""
    events = recording.trace.events
    cpus = np.random.default_rng(1).normal(0, nanoseconds, 1 << 16)
    order = np.argsort(events["time_ns"] + cpus[events["cpu"]], kind="stable")
    assert wrong(variant(recording, events[order])) == wrong(recording)


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01])
def test_events_that_are_missing_do_harm_in_proportion(recording, share):
    """Not more than a few pages each, as many as a lost block may have."""
    events = recording.trace.events
    lost = np.random.default_rng(2).random(len(events)) < share
    pages = int((1 << events["order"][lost].astype(np.int64)).sum()) + 64 * int(
        np.isin(events["event"][lost], COMPACTION).sum()
    )
    assert wrong(variant(recording, events[~lost])) <= wrong(recording) + 2 * pages


def test_without_the_isolations_the_guess_is_better_than_none():
    recording = open_recording(DATA / "thpfrag")
    events = recording.trace.events
    blind = events[~np.isin(events["event"], COMPACTION)]
    guessed = wrong(variant(recording, blind))
    assert wrong(recording) <= guessed < wrong(variant(recording, blind[~np.isin(blind["event"], RUNS)]))

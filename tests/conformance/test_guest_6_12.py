"""Does the allocator of Linux 6.12 make of a recorded machine's requests what that machine made of them?"""

from dataclasses import replace

from buddycap.conformance.guests.requests import DRAIN, ZONE_LOCKED
from guest612lab import Machine, play, read

EARLY = 32_000  # events: far enough for refills and drains


def early():
    """The first part of the recording; another one each time, for it is changed."""
    return replace(read(), stop=EARLY)


def wrong(score):
    """How many comparisons of each kind came out otherwise."""
    return {what: total - score.right[what] for what, total in score.total.items() if score.right[what] != total}


def test_every_event_up_to_compaction_comes_out():
    score = play(read())
    assert score.differences == []
    assert score.total == {
        "pages of allocations": 56705,
        "pages that left the free lists": 30668,
        "drained blocks": 6570,
        "sizes of refills": 94,
        "sizes of drains": 16,
    }
    assert score.hints == {
        "events that the first state was learned from": 890,
        "pages taken in bulk": 352,
        "limits that were lower": 3,
        "passes of decay, with their size": 2,
    }


def test_another_batch_is_seen_in_the_sizes():
    score = play(early(), Machine(batch=16))
    assert wrong(score)["sizes of refills"] > 10


def test_pages_in_another_order_are_seen():
    recording = early()
    events = recording.events
    number = [k for k in range(EARLY) if events.event[k] == events.event[k + 1] == ZONE_LOCKED][-100]
    events.pfn[number : number + 2] = events.pfn[number : number + 2][::-1]
    assert wrong(play(recording)) == {"pages that left the free lists": 2}


def test_a_missing_drain_is_seen():
    recording = early()
    events = recording.events
    number = [k for k in range(EARLY) if events.event[k] == DRAIN][100]
    events.event[number] = 0
    assert wrong(play(recording))["sizes of drains"] == 1

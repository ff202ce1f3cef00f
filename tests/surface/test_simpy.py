"""Do the resources serve whom they can, whole gangs at once and without circles, and lose no frame?"""

import random

import pytest

from buddycap import Machine, MisuseError, Zone

simpy = pytest.importorskip("simpy", reason="needs SimPy: pip install 'buddycap[sim]'")
from buddycap.simpy import Frames, ReclaimedFrames  # noqa: E402 - only where SimPy is

RUNS = 10_000


def full(kernel="2.6.27", **keywords):
    """An environment, frames of a zone without a free page, and the pages."""
    env = simpy.Environment()
    frames = Frames(env, Zone(0, 1024, kernel=kernel, **keywords))
    return env, frames, [frames.request(0).value for _ in range(1024)]


@pytest.mark.parametrize("kernel", ["2.6.27", "6.1"])
class TestGangs:
    def test_all_or_none_in_one_event(self, kernel):
        env, frames, pages = full(kernel)
        gang = frames.request(2, blocks=3)
        for pfn in sorted(pages)[:8]:
            frames.release(pfn, 0)
        assert not gang.triggered
        assert frames.zone.nr_free_pages == 8, "nothing is held while it waits"
        for pfn in sorted(pages)[8:12]:
            frames.release(pfn, 0)
        assert sorted(gang.value) == [0, 4, 8]
        env.run()
        frames.zone.check()

    def test_nobody_passes_a_gang_of_the_same_order(self, kernel):
        _, frames, pages = full(kernel)
        gang, one = frames.request(0, blocks=2), frames.request(0)
        frames.release(pages[0], 0)
        assert (gang.triggered, one.triggered) == (False, False)
        gang.cancel()
        assert one.triggered, "who gives up lets others through"

    def test_what_can_never_be_is_refused(self, kernel):
        frames = Frames(simpy.Environment(), Zone(0, 1024, kernel=kernel))
        for blocks in (0, 3):
            with pytest.raises(MisuseError, match=r"blocks=\d: allowed range is 1..2"):
                frames.request(9, blocks=blocks)
        with pytest.raises(MisuseError, match="order=11"):
            frames.request(11)

    def test_the_end_of_a_with_gives_all_back(self, kernel):
        env = simpy.Environment()
        frames = Frames(env, Zone(0, 1024, kernel=kernel))

        def user():
            with frames.request(4, blocks=5) as gang:
                assert len((yield gang)) == 5
                yield env.timeout(1)

        env.process(user())
        env.run()
        assert frames.zone.nr_free_pages == 1024


def pods(seed):
    """One run: pods that each need several huge blocks of a small memory, at random times; how many have ended."""
    draw, env, ended = random.Random(seed), simpy.Environment(), []
    frames = Frames(env, Zone(0, 64, max_page_order=4, pageblock_order=4, min_free_kbytes=0))

    def pod():
        yield env.timeout(draw.random())
        with frames.request(4, blocks=draw.randint(2, 4)) as gang:
            yield gang
            yield env.timeout(draw.random())
        ended.append(env.now)

    for _ in range(4):
        env.process(pod())
    env.run()
    assert frames.zone.nr_free_pages == 64
    return len(ended)


def test_no_circle_of_holders_that_wait_in_ten_thousand_runs():
    assert {pods(seed) for seed in range(RUNS)} == {4}


def test_one_by_one_they_do_wait_in_a_circle():
    """So that the test above can fail: the same pods that ask for a block at a time."""
    env, ended = simpy.Environment(), []
    frames = Frames(env, Zone(0, 64, max_page_order=4, pageblock_order=4, min_free_kbytes=0))

    def pod():
        held = []
        for _ in range(3):
            held.append((yield frames.request(4)))
            yield env.timeout(1)
        ended.append(env.now)
        frames.release(held, 4)

    for _ in range(2):
        env.process(pod())
    env.run()
    assert ended == []


def machine(kernel="2.6.27"):
    """A machine full of clean page cache."""
    made = Machine.preset("x86_64", memory="64MiB", kernel=kernel)
    for zone in made.zones:
        pages = zone.alloc_many(zone.nr_free_pages)
        made.lru_cache_add(pages[pages >= 0])
    return made


@pytest.mark.parametrize("kernel", ["2.6.27", "6.1"])
class TestReclaim:
    def test_reclaim_takes_time_and_finds_pages(self, kernel):
        env = simpy.Environment()
        frames, found = ReclaimedFrames(env, machine(kernel)), []

        def user():
            with frames.request(0) as page:
                found.append(((yield page) is not None, env.now > 0))

        env.process(user())
        env.run(until=10_000)
        assert found == [(True, True)]
        for zone in frames.machine.zones:
            zone.check()

    def test_a_gang_has_all_or_none(self, kernel):
        env = simpy.Environment()
        made = machine(kernel)
        frames, found = ReclaimedFrames(env, made), []

        def user(blocks):
            with frames.request(0, blocks=blocks) as gang:
                pfns = yield gang
                found.append(None if pfns is None else len(set(pfns)))
                yield env.timeout(1)

        env.process(user(100))
        env.process(user(200))
        env.run(until=100_000)
        assert sorted(found) == [100, 200]
        for zone in made.zones:
            zone.check()

    def test_who_leaves_gives_back(self, kernel):
        env = simpy.Environment()
        made = machine(kernel)
        frames = ReclaimedFrames(env, made)

        def impatient():
            with frames.request(0, blocks=500) as gang:
                yield gang | env.timeout(0.01)

        env.process(impatient())
        env.run(until=100_000)
        for zone in made.zones:
            zone.check()
        assert all((zone.page_flags & 1 << 28 == 0).all() for zone in made.zones), "nobody has pages isolated"


def test_what_the_kernel_cannot_find_is_none():
    env = simpy.Environment()
    frames, found = ReclaimedFrames(env, Machine([Zone(0, 1024)])), []

    def user():
        with frames.request(0, blocks=1025) as gang:
            found.append((yield gang))

    env.process(user())
    env.run(until=100_000)
    assert found == [None]
    assert frames.machine.zones[0].nr_free_pages > 900

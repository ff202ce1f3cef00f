"""Can threads, hooks or a caller who meddles with its zone make a running world crash or corrupt the zone?"""

import contextlib
import gc
import random
import threading
import weakref

import numpy as np
import pytest

import worldlab
from buddycap import GFP, POLICIES, Machine, MisuseError, PageFlags, Zone
from buddycap._world import LOAD_DTYPE, PARAMETERS, World
from buddycap.study.config import StudyConfig
from buddycap.study.parameters import world_parameters
from buddycap.study.run import study_zone
from zone_struct import PG_MARKED, PG_PCP, PG_STATE, PG_USED

SMALL = StudyConfig(memory_pages=1 << 15, warmup_s=1, builds=2, passes=3)
V3 = POLICIES["v3"]


def world_of(policy=V3, seed=1, **changes):
    """A small zone and its world, at the beginning."""
    return worldlab.world_of(policy, seed, SMALL, **changes)


def until_answered(world, n=1):
    while world.answered < n:
        assert not world.run(500)


# --- threads ---


@contextlib.contextmanager
def others_at_work(threads, work):
    """Other threads do `work(draw)` again and again, and none of them fails."""
    done, errors = threading.Event(), []

    def again_and_again():
        draw = random.Random(1)
        try:
            while not done.is_set():
                work(draw)
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=again_and_again) for _ in range(threads)]
    for thread in others:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in others:
            thread.join()
    assert not errors


def digest_of_an_undisturbed_run():
    zone, world = world_of()
    world.run(60_000)
    return zone.digest(), world.results().tobytes()


def test_readers_in_other_threads_see_whole_turns_and_change_nothing():
    zone, world = world_of()
    world.keep_turns()
    of_zone = [zone.check, zone.digest, zone.canonical_dump, zone.copy, zone.vmstat, zone.free_blocks]
    of_world = [world.turns, world.results, world.passes, world.totals]
    with others_at_work(3, lambda draw: draw.choice(of_zone + of_world)()):
        world.run(60_000)
    assert (zone.digest(), world.results().tobytes()) == digest_of_an_undisturbed_run()


def test_others_allocate_and_free_while_the_world_runs():
    zone, world = world_of()

    def work(draw):
        pages = zone.alloc_many(2000)
        zone.free_many(pages[pages >= 0])
        with zone.capture_list() as capture:
            pages = zone.alloc_many(50)
            capture.capture_many(pages[pages >= 0])

    with others_at_work(2, work):
        world.run(100_000)
    zone.check()
    del world
    zone.check()


def test_the_zone_is_taken_while_it_runs():
    """A call waits until the turn is over, and the world waits for a lock."""
    zone, world = world_of()
    order = []
    with zone.lock:
        thread = threading.Thread(target=lambda: order.append(world.run(1)))
        thread.start()
        thread.join(0.05)
        assert not order
        with pytest.raises(MisuseError, match="held by this thread"):
            world.results()
    thread.join()
    assert order == [False]
    with zone.lock, pytest.raises(MisuseError, match="held by this thread"):
        world.run(1)
    assert not world.run(1)


def test_two_threads_cannot_run_one_world():
    zone, world = world_of()
    refused, begun = [], threading.Barrier(4)

    def run():
        begun.wait()
        for _ in range(5):
            try:
                world.run(5000)
            except MisuseError as refusal:
                refused.append(str(refusal))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    zone.check()
    assert all("running" in refusal for refusal in refused)


# --- hooks ---


def hooked(hook):
    return V3.replace(name="hooked", hook=hook)


def test_a_hook_may_use_zone_and_world():
    zone, world = world_of(hooked(lambda consultation: seen(consultation)))
    digests = []

    def seen(consultation):
        zone.check()
        digests.append(zone.digest())
        assert consultation.blocks.tolist() in [c.blocks().tolist() for c in zone.capture_lists()]
        world.results(), world.totals(), world.turns(), world.passes()
        with pytest.raises(MisuseError, match="running"):
            world.run(1)
        pages = zone.alloc_many(5)
        zone.free_many(pages[pages >= 0])
        return [None, "keep", "return"][len(digests) % 3]

    until_answered(world, 5)
    assert len(digests) > 5
    zone.check()


def test_a_hook_that_closes_the_list_it_is_asked_about():
    def hook(_):
        for capture in zone.capture_lists():
            capture.close()

    zone, world = world_of(hooked(hook))
    until_answered(world, 10)
    zone.check()
    del world
    zone.check()


def test_a_hook_that_keeps_the_lock():
    locks = []

    def hook(_):
        locks.append(zone.lock)
        locks[-1].__enter__()

    zone, world = world_of(hooked(hook))
    with pytest.raises(MisuseError, match="held by this thread"):
        until_answered(world)
    locks.pop().__exit__()
    zone.check()
    with pytest.raises(MisuseError, match="held by this thread"):
        until_answered(world)
    locks.pop().__exit__()
    zone.check()


def test_a_hook_that_raises_while_others_wait_for_the_zone():
    def hook(_):
        raise ArithmeticError

    zone, world = world_of(hooked(hook))
    done = threading.Event()
    thread = threading.Thread(target=lambda: [zone.check() for _ in iter(done.is_set, True)])
    thread.start()
    for _ in range(5):
        with pytest.raises(ArithmeticError):
            until_answered(world)
    done.set()
    thread.join()
    zone.check()


@pytest.mark.parametrize("answer", [1 << 70, -(1 << 63), (1 << 63) - 1, -1, 0, True, 1.5, b"", [], "no", object()])
def test_answers_that_are_none(answer):
    from buddycap import PolicyError

    zone, world = world_of(hooked(lambda _: answer))
    with pytest.raises(PolicyError):
        until_answered(world)
    zone.check()


def test_a_consultation_is_read_while_others_work_on_the_zone():
    """Between the step that asks and the hook another thread may have the zone, without the GIL."""
    zone = Zone(0, 1 << 15, min_free_kbytes=64)
    machine = Machine([zone], policy=hooked(lambda consultation: consultation.blocks.tolist() and None))
    pages = zone.alloc_many(1 << 15)
    machine.lru_cache_add(pages[: 3 << 13])
    rest = pages[3 << 13 :]
    done, errors = threading.Event(), []

    def work():
        try:
            while not done.is_set():
                zone.free_many(rest)
                got = zone.alloc_many(len(rest))
                rest[:] = got
                if (got < 0).any():
                    break
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(30):
        with contextlib.suppress(MisuseError):
            machine.alloc_pages(6, GFP.HIGHUSER_MOVABLE)
    done.set()
    thread.join()
    assert not errors
    zone.check()


# --- cycles ---


class OwnZone(Zone):
    """A zone with attributes, so that it can be part of a cycle."""


def test_a_world_in_a_cycle_with_its_hook():
    """The zone must not go before the requests that hold something in it."""
    for _ in range(5):
        worlds = []
        zone, world = world_of(hooked(lambda _, worlds=worlds: worlds.count(None) or None))
        worlds.append(world)
        until_answered(world)
        gone = weakref.ref(zone)
        del zone, world, worlds
        gc.collect()
        assert gone() is None


def test_a_zone_in_a_cycle_with_lock_request_and_machine():
    for _ in range(5):
        zone = OwnZone(0, 1024, min_free_kbytes=64)
        machine = Machine([zone], policy="v3")
        machine.lru_cache_add(zone.alloc_many(1024))
        zone.request = machine.request(5, GFP.HIGHUSER_MOVABLE)
        zone.request.step(1)
        zone.held = zone.lock
        zone.held.__enter__()
        zone.capture = zone.machine = machine
        gone = weakref.ref(zone)
        del zone, machine
        gc.collect()
        assert gone() is None


# --- what is the world's ---


def robberies():
    """What somebody can do to pages that are not his."""

    def take(zone, pfn):
        machine = Machine([zone])
        with contextlib.suppress(MisuseError):
            machine.end_writeback(pfn)
        machine.release(pfn)

    def take_and_use(zone, pfn):
        take(zone, pfn)
        zone.alloc_many(64, 3)
        zone.alloc_many(500)

    def captured(zone, pfn):
        Machine([zone]).lru_del(pfn)
        capture = zone.capture_list()
        capture.capture_one_page(pfn)
        capture.closed  # noqa: B018

    def forged(zone, pfn):
        zone.set_owner(pfn, 0x01FFFF_FFFFFFFFFF)

    def split(zone, pfn):
        for head in np.flatnonzero((zone.page_order > PG_USED) & (zone.page_order < PG_PCP)).tolist():
            zone.split_page(head + zone.start_pfn, int(zone.page_order[head]) & 15)

    def free_kernel_pages(zone, pfn):
        for head in np.flatnonzero((zone.page_order & PG_STATE) == PG_USED).tolist():
            zone.free_at(head + zone.start_pfn)

    def listed(zone, pfn):
        heads = np.flatnonzero(zone.page_order == PG_USED)
        Machine([zone]).lru_cache_add(heads + zone.start_pfn)

    return [take, take_and_use, captured, forged, split, free_kernel_pages, listed]


@pytest.mark.parametrize("rob", robberies(), ids=lambda rob: rob.__name__)
@pytest.mark.parametrize("policy", ["none", "v3", "no-pcp"])
def test_robbed_worlds_say_so_or_go_on(rob, policy):
    for seed in (1, 2):
        zone, world = world_of(POLICIES[policy], seed)
        until_answered(world, 3)
        draw = random.Random(seed)
        owned = np.flatnonzero((zone.owner != 0) & (zone.page_order == PG_MARKED)).tolist()
        with contextlib.suppress(MisuseError):
            for page in draw.sample(owned, min(40, len(owned))):
                rob(zone, page + zone.start_pfn)
        zone.check()
        refusal = None
        for _ in range(200):
            try:
                if world.run(2000):
                    break
            except MisuseError as error:
                refusal = error
            zone.check()
        if refusal is not None:
            assert "of the world's" in str(refusal)
            with pytest.raises(MisuseError, match="cannot go on"):
                world.run()
        del world
        zone.check()


def test_cookies_of_others_are_left_alone():
    """Pages that were on the LRU before the world came, with every kind of cookie."""
    draw = random.Random(5)
    zone = study_zone(SMALL, 1)
    pages = zone.alloc_many(12_000)
    pages = pages[pages >= 0]
    kinds = [kind << 56 | draw.randrange(1 << 56) for kind in (0, 1, 2, 3, 4, 255) for _ in range(2000)]
    kinds = [cookie & ~(0xFFF0 << 40) if draw.random() < 0.7 else cookie for cookie in kinds][: len(pages)]
    zone.set_owners(pages, kinds)
    Machine([zone]).lru_cache_add(pages, PageFlags.DIRTY)
    world = World(zone, V3, world_parameters(SMALL, warm=False), 1)
    for _ in range(40):
        world.run(5000)
    zone.check()


# --- arguments ---


class Shifty:
    """Another number each time."""

    def __init__(self, *values):
        self.values = iter(values)

    def __index__(self):
        return next(self.values)


@pytest.mark.parametrize(
    "zone", [None, 5, object(), type("Fake", (), {"owner": 1, "address": 64, "max_page_order": 10})()]
)
def test_what_is_no_zone(zone):
    with pytest.raises(TypeError, match="zone"):
        World(zone, V3, world_parameters(SMALL, warm=False), 1)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_every_size(name):
    zone = study_zone(SMALL, 1)
    before = zone.digest()
    good = world_parameters(SMALL, warm=False)
    for value in (-1, 1 << 62, 1 << 63, 1 << 64, -(1 << 63), 1 << 200, (1 << 62) - 1):
        with pytest.raises(MisuseError, match=name):
            World(zone, V3, {**good, name: value}, 1)
    for value in (None, 1.0, "1", float("nan"), object()):
        with pytest.raises(TypeError, match=name):
            World(zone, V3, {**good, name: value}, 1)
    for value in (1, 2, 31, 1000):
        with contextlib.suppress(MisuseError, MemoryError):
            World(zone, V3, {**good, name: Shifty(value, 1 << 61, -5)}, 1).run(100)
    zone.check()
    assert before


def test_other_arguments():
    zone = study_zone(SMALL, 1)
    good = world_parameters(SMALL, warm=False)
    for seed in (-1, 1 << 64, 1 << 200):
        with pytest.raises(MisuseError, match="seed="):
            World(zone, V3, good, seed)
    for gfp in (3 << 19, 1 << 30, 1 << 3):
        with pytest.raises(MisuseError, match="request_gfp="):
            World(zone, V3, {**good, "request_gfp": gfp}, 1)
    for wrong in ({}, {**good, 5: 1}, {**good, "x": 1}):
        with pytest.raises(MisuseError, match="parameters"):
            World(zone, V3, wrong, 1)
    with pytest.raises(MisuseError, match="owners=True"):
        World(Zone(0, 64), V3, good, 1)
    load = np.zeros(3, LOAD_DTYPE)
    for times, lives in (([1, -(1 << 63), 0], 0), ([0, 1, 1 << 60], 0), ([0, 0, 0], -1), ([0, 0, 0], (1 << 63) - 1)):
        load["time_ns"], load["lifetime_ns"] = times, lives
        with pytest.raises(MisuseError, match="load: times"):
            World(zone, V3, world_parameters(SMALL, warm=False, load_ns=5), 1, load)

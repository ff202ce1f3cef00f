"""Can threads, or arguments that lie, make the compiled half of the trace reader work outside its memory?"""

import contextlib
import sys
import threading

import numpy as np
import pytest

from buddycap import MisuseError
from buddycap._trace import EVENT_DTYPE, EVENT_NAMES, Follower, Scanner, match_requests
from buddycap.formats.tracetext import TraceReader

PAGES = 1 << 14
ALLOC, FREE, DRAIN = (EVENT_NAMES[name] for name in ("mm_page_alloc", "mm_page_free", "mm_page_pcpu_drain"))


@pytest.fixture(autouse=True)
def threads_that_change_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def events(n, seed=1):
    """Allocations and frees of aligned blocks."""
    draw = np.random.default_rng(seed)
    found = np.zeros(n, EVENT_DTYPE)
    found["event"] = draw.choice([ALLOC, FREE], n)
    found["order"] = draw.integers(0, 4, n)
    found["pfn"] = draw.integers(0, PAGES, n) >> 4 << 4
    return found


def together(*jobs):
    """Do jobs in threads of their own; what they raise but MisuseError comes out."""
    errors = []

    def one(job):
        try:
            job()
        except MisuseError:
            pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def free_pages(follower):
    return int((follower.nr_free(0) << np.arange(11)).sum())


def test_threads_take_turns_on_a_follower():
    trace = events(100_000)
    follower = Follower([(0, PAGES)])
    follower.load(0, np.ones(PAGES, np.uint8))
    hints = follower.hints(trace)
    together(
        *[lambda: follower.follow(trace, hints, 0, 1 << 60)] * 3,
        lambda: [follower.load(0, np.ones(PAGES, np.uint8)) for _ in range(20)],
        lambda: [follower.states(0) for _ in range(50)],
        lambda: follower.hints(trace),
    )
    assert free_pages(follower) == int((follower.states(0) & 7 == 1).sum())


def test_a_zones_argument_cannot_lie_about_its_length():
    class Zones(list):
        def __len__(self):
            return 1

    for make in (Follower, lambda zones: match_requests(np.zeros(1, EVENT_DTYPE), zones)):
        with pytest.raises(MisuseError, match="4000 given"):
            make(Zones([(0, 1)] * 4000))


def test_zones_that_shrink_while_they_are_converted():
    class Number(int):
        def __index__(self):
            zones.clear()
            return 8

    zones = [(0, Number(8)), (64, 8)]
    follower = Follower(zones)
    assert [len(follower.states(zone)) for zone in (0, 1)] == [8, 8]


def test_events_that_change_while_they_are_matched():
    trace = events(400_000)
    column, other = trace["event"], trace["event"].copy()
    other[:] = DRAIN
    done = threading.Event()

    def flip():
        while not done.is_set():
            np.copyto(column, other)
            np.copyto(column, ALLOC)

    def match():
        try:
            for _ in range(12):
                with_error_or_answer(trace)
        finally:
            done.set()

    together(match, flip)


def with_error_or_answer(trace):
    with contextlib.suppress(MisuseError):
        requests, turns, _, _ = match_requests(trace, [(0, PAGES)])
        assert len(requests) <= len(trace)
        assert len(turns) <= 2 * len(trace)


def test_to_load_pages_again_is_to_begin_anew():
    follower, once = Follower([(3, 900), (5000, 300)]), Follower([(3, 900), (5000, 300)])
    draw = np.random.default_rng(3)
    first, second = (draw.choice([0, 1, 1, 5, 0x10, 0x20], 900).astype(np.uint8) for _ in range(2))
    follower.load(0, first)
    follower.load(0, second)
    once.load(0, second)
    for ask in ("nr_free", "states", "causes", "mixed_pageblocks"):
        assert np.array_equal(getattr(follower, ask)(0), getattr(once, ask)(0))


def test_events_that_change_while_they_are_followed():
    trace = events(200_000)
    follower = Follower([(0, PAGES)])
    hints = follower.hints(trace)
    done = threading.Event()

    def spoil():
        draw = np.random.default_rng(2)
        while not done.is_set():
            trace["order"] = draw.integers(0, 256, len(trace))
            trace["pfn"] = draw.integers(-5, 2 * PAGES, len(trace))

    def follow():
        try:
            for _ in range(5):
                follower.follow(trace, hints, 0, 1 << 60)
                follower.hints(trace)
        finally:
            done.set()

    together(follow, spoil)
    assert free_pages(follower) == int((follower.states(0) & 7 == 1).sum())


def test_threads_take_turns_on_a_scanner():
    line = "sh-7 [001] ..... 10.{:06}: mm_page_alloc: page=0 pfn=0x{:x} order=0 migratetype=1 gfp_flags=GFP_{}\n"
    text = "".join(line.format(k, k, k % 3000) for k in range(30_000)).encode()
    scanner = Scanner()

    def scan():
        found, at = np.zeros(4096, EVENT_DTYPE), 0
        while at < len(text):
            _, at = scanner.scan(text, at, found, True)

    together(*[scan] * 3, lambda: [scanner.texts(0) for _ in range(20)], lambda: [scanner.counted() for _ in range(99)])
    assert scanner.counted()["events"] == 90_000
    assert len(scanner.texts(0)) == 3000


def test_a_reader_is_read_by_one_loop(tmp_path):
    path = tmp_path / "trace"
    path.write_text("sh-7 [001] ..... 10.000001: mm_page_free: page=0 pfn=0x8 order=0\n")
    with TraceReader(path) as reader:
        first = iter(reader)
        assert len(next(first)) == 1
        with pytest.raises(MisuseError, match="one loop at a time"):
            next(iter(reader))

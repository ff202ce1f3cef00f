"""Does the SimPy example serve whom it can, in order, and lose no frame?"""

import runpy
import subprocess
import sys

import pytest

from buddycap import Zone
from sourcelint import ROOT

simpy = pytest.importorskip("simpy", reason="needs SimPy: pip install 'buddycap[sim]'")
EXAMPLE = ROOT / "examples" / "embedding" / "simpy" / "frames.py"
Frames = runpy.run_path(str(EXAMPLE), run_name="frames")["Frames"]


def test_it_runs():
    result = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.splitlines()[0] == "0 free pages 2048"
    assert "huge page 0" in result.stdout
    assert "reclaimed a huge page True" in result.stdout


def full():
    """An environment, frames of a zone without a free page, and the pages."""
    env = simpy.Environment()
    frames = Frames(env, Zone(0, 64, max_page_order=4, pageblock_order=4))
    return env, frames, [frames.request(0).value for _ in range(64)]


def test_same_order_is_served_in_turn():
    env, frames, pages = full()
    waiting = [frames.request(1) for _ in range(3)]
    for pfn in pages[:4]:
        frames.release(pfn, 0)
    assert [request.triggered for request in waiting] == [True, True, False]


def test_small_requests_do_not_wait_for_large_ones():
    env, frames, pages = full()
    large, small = frames.request(4), frames.request(0)
    frames.release(pages[0], 0)
    assert (large.triggered, small.triggered) == (False, True)


def test_who_gives_up_is_not_served():
    env, frames, pages = full()

    def impatient():
        with frames.request(0) as block:
            yield block | env.timeout(1)

    env.process(impatient())
    env.run()
    frames.release(pages[0], 0)
    assert frames.zone.nr_free_pages == 1


def test_what_is_left_of_a_with_is_free_again():
    env, frames, pages = full()
    for pfn in pages:
        frames.release(pfn, 0)

    def user():
        with frames.request(4) as block:
            pfn = yield block
            assert pfn % 16 == 0
            yield env.timeout(1)

    env.process(user())
    env.run()
    assert frames.zone.nr_free_pages == 64
    frames.zone.check()

"""Can two threads, with hooks and handlers in between, make a zone contradict itself or the process fall?"""

import contextlib
import itertools
import os
import random
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import threadlab
from buddycap import MisuseError, Zone
from buddycap._core import AllocRequest, CaptureList, MachineBase, Node
from buddycap._trace import Follower, Scanner
from buddycap._world import World
from threadlab import ALLOWED, MODERN_KERNELS, NAMES, OPERATIONS, HookError, Scene

SECONDS = float(os.environ.get("BUDDYCAP_STRESS_SECONDS", "30"))
SEED = int(os.environ.get("BUDDYCAP_STRESS_SEED", "1"))
A_TURN = min(0.02, SECONDS / len(NAMES) ** 2 / 2)  # seconds that a pair works before the next
PAIRS_A_SCENE = 25


def again_and_again(scene, name, seed, until):
    """Do one operation until a time; what it may raise, and what it may not."""
    scene.begin(seed)
    while True:
        with contextlib.suppress(ALLOWED):
            OPERATIONS[name](scene)
        if time.monotonic() > until:
            return


def play(scene, first, second, seed, handler):
    """Two threads do two operations; the one in the main thread is interrupted by signals now and then."""
    errors = []
    until = time.monotonic() + A_TURN

    def other():
        try:
            again_and_again(scene, second, 2 * seed + 1, until)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        if handler:
            handler.start()
        again_and_again(scene, first, 2 * seed, until)
    finally:
        if handler:
            try:
                handler.stop()
            except HookError:  # of a signal that was under way; there is one a turn at most
                handler.stop()
        thread.join()
    assert not errors, errors


class Alarms:
    """Signals whose handler runs foreign code in the main thread, and raises at most once a turn."""

    def __init__(self, scene):
        self.scene = scene
        self.may_raise = False

    def start(self):
        self.may_raise = True
        signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)

    def stop(self):
        self.may_raise = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def handle(self, *_):
        if not self.may_raise:
            return
        self.scene[0].foreign_code()
        if self.may_raise and self.scene[0].draw.random() < 0.1:
            self.may_raise = False
            raise HookError("handler")


@contextlib.contextmanager
def signals(scene):
    """Let a signal handler do foreign code in the main thread; gives its alarms, or None where there are no signals."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield None
        return
    alarms = Alarms(scene)
    before = signal.signal(signal.SIGALRM, alarms.handle)
    try:
        yield alarms
    finally:
        alarms.stop()  # first: a signal that finds no handler ends the process
        signal.signal(signal.SIGALRM, before)


def test_all_pairs_of_operations(tmp_path):
    pairs = list(itertools.combinations_with_replacement(NAMES, 2))
    random.Random(SEED).shuffle(pairs)
    started, played = time.monotonic(), 0
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    scene = [None]
    try:
        with signals(scene) as handler:
            while time.monotonic() - started < SECONDS:
                if played % PAIRS_A_SCENE == 0:
                    kernel = MODERN_KERNELS[played // PAIRS_A_SCENE % len(MODERN_KERNELS)]
                    scene[0] = Scene(SEED + played, tmp_path, kernel)
                pair = pairs[played % len(pairs)]
                with contextlib.suppress(HookError):  # of a handler that came at the very end
                    play(scene[0], *pair, SEED + played, handler)
                try:
                    for zone in scene[0].zones():
                        zone.check()
                except Exception as error:
                    raise AssertionError(f"{pair}, number {played}: {error}") from error
                played += 1
                if played % 2000 == 0:
                    print(f"{played} pairs of {len(pairs)} in {time.monotonic() - started:.0f} s", flush=True)
    finally:
        sys.setswitchinterval(before)
    print(f"{played} pairs of {len(pairs)} in {time.monotonic() - started:.0f} s: nothing found", flush=True)
    assert played > 100


# Constants, views that are meant to change under their readers, and what is made of the others.
UNTOLD = {
    "present_pages", "spanned_pages", "start_pfn", "max_page_order", "pageblock_order", "zone_idx", "cpus",
    "address", "capsule", "ctypes", "cffi", "nr_free", "page_order", "page_flags", "owner",
    "pageblock_migratetype", "lowmem_reserve", "load", "pages_min", "pageblock_index", "nr_frames", "take_back",
    "pages_low", "pages_high", "pcp_batch", "pcp_high", "zone", "zones", "machine", "pfn", "done", "keep_turns",
    "answered", "now_ns", "mixed_pageblocks", "causes", "counted",
}  # fmt: skip


PLAYED = Path(threadlab.__file__).read_text()


@pytest.mark.parametrize("kind", [Zone, CaptureList, MachineBase, AllocRequest, Node, World, Follower, Scanner])
def test_every_public_operation_takes_part(kind):
    public = {name for name in dir(kind) if not name.startswith("_")} - UNTOLD
    assert [name for name in sorted(public) if not re.search(rf"[.\"]{name}\b", PLAYED)] == []


# --- forks ---


def in_child(question):
    """Ask in a forked process; its answer, or None if it had to be killed."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(question())
        finally:
            os._exit(99)
    for _ in range(200):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


@contextlib.contextmanager
def zone_at_work(call):
    zone = Zone(0, 1 << 19)
    begun, stop = threading.Event(), threading.Event()

    def work():
        begun.set()
        while not stop.is_set():
            call(zone)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    try:
        yield zone
    finally:
        stop.set()
        thread.join()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_is_refused_a_zone_that_was_half_done():
    def question():
        try:
            assert zone.nr_free_pages
        except MisuseError as error:
            return 1 if "forked" in str(error) else 2
        return 0

    with zone_at_work(Zone.check) as zone:
        answers = [in_child(question) for _ in range(20)]
    assert set(answers) <= {0, 1}
    assert 1 in answers


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_goes_on_with_what_its_own_thread_held_or_nobody():
    zone = Zone(0, 1024)

    def question():
        with contextlib.suppress(MisuseError):
            zone.rmqueue(0, 2)
            return 1
        return 0

    with zone.lock:
        assert in_child(question) == 0
        pid = os.fork()
        if pid == 0:
            pass
        else:
            assert os.waitpid(pid, 0)[1] == 0
    if pid == 0:
        os._exit(0 if zone.rmqueue(0, 2) is not None else 1)
    assert in_child(question) == 1

"""Streams of operations and other threads: ``python benchmarks/threads.py``.

A stream alone, beside a thread that sleeps, and two streams in two threads on different zones, in turns.  Printed are
medians with the least and the greatest: CPU time of the thread beside the sleeper to that alone, copies of the stream
included, for a zone and for a machine, and how much sooner two threads end than the same two streams one after the
other.
"""

import argparse
import threading
import time

import workloads
from bench_requests import machine, stream
from harness import Spread, load
from report import spread

from buddycap import Zone

OPS = 2_000_000


def zone_of(pages):
    """A zone whose memory has been touched."""
    zone = Zone(workloads.START_PFN, pages, min_free_kbytes=0)
    zone.free_many(zone.alloc_many(pages))
    return zone


def alone(runner, ops):
    """CPU seconds of a stream, of a zone or of a machine."""
    begin = time.thread_time()
    runner.run(ops)
    return time.thread_time() - begin


def beside_a_sleeper(runner, ops):
    """The same while another thread lives."""
    end = threading.Event()
    sleeper = threading.Thread(target=end.wait)
    sleeper.start()
    try:
        return alone(runner, ops)
    finally:
        end.set()
        sleeper.join()


def together(zones, ops):
    """Seconds of two streams in two threads."""
    threads = [threading.Thread(target=zone.run, args=(ops,)) for zone in zones]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def one_after_the_other(zones, ops):
    """Seconds of the same streams in this thread."""
    begin = time.perf_counter()
    for zone in zones:
        zone.run(ops)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1GiB")
    parser.add_argument("--repetitions", type=int, default=9)
    args = parser.parse_args()
    pages = workloads.parse_size(args.size)
    ops, requests = workloads.mixed_ops(pages, OPS).copy(), stream(pages)
    beside, machines, sooner = [], [], []
    for _ in range(args.repetitions):
        beside.append(beside_a_sleeper(zone_of(pages), ops) / alone(zone_of(pages), ops))
        machines.append(beside_a_sleeper(machine(pages), requests) / alone(machine(pages), requests))
        first, second = ([zone_of(pages), zone_of(pages)] for _ in range(2))
        sooner.append(one_after_the_other(first, ops) / together(second, ops))
    print(f"{args.size}, {OPS} operations, load {load()}")
    print(f"Zone.run beside a thread that sleeps, to alone: {spread(vars(Spread.of(beside)))}")
    print(f"Machine.run beside a thread that sleeps, to alone: {spread(vars(Spread.of(machines)))}")
    print(f"two threads, two zones, to one after the other: {spread(vars(Spread.of(sooner)))} times as fast")


if __name__ == "__main__":
    main()

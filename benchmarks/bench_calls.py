"""What does a single checked call from Python cost over an empty Cython call with the same arguments?"""

import cbuild
import pytest
import races
from contenders import BuddycapSingles
from workloads import MOVABLE


def _empty(pages):
    return cbuild.cython_module("empty_calls").EmptyZone()


def _split(pages):
    return BuddycapSingles().zone(pages)


def _nested(pages):
    zone = BuddycapSingles().zone(pages)
    zone.rmqueue(0, MOVABLE)
    return zone


@pytest.mark.parametrize("zone", [_empty, _nested, _split], ids=["empty-calls", "nothing-split", "split-and-merged"])
def test_pair_of_calls(measure, pages, zone):
    zone = zone(pages)
    measure(lambda: races.call_pairs(zone.rmqueue, zone.free_one_page, MOVABLE), races.PAIRS, "pairs")


@pytest.mark.parametrize("pages_per_call", [1, 8, 64, 512, 4096])
def test_pair_of_bulk_calls(measure, pages, pages_per_call):
    zone, calls = _nested(pages), max(races.PAIRS // pages_per_call, 10)
    measure(lambda: lambda: races.bulk_call_pairs(zone, calls, pages_per_call), calls * pages_per_call)

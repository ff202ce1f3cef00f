"""Worlds at work on a small machine, for the tests of the experiment."""

from buddycap._world import World
from buddycap.study.config import StudyConfig
from buddycap.study.parameters import world_parameters
from buddycap.study.run import study_zone
from zone_struct import PG_USED

SMALL = StudyConfig(memory_pages=1 << 16, warmup_s=4)


def world_of(policy, seed=1, config=SMALL, zone=None, **changes):
    """Return a zone and a world on it, some of whose parameters are changed."""
    zone = zone or study_zone(config, seed)
    return zone, World(zone, policy, {**world_parameters(config, warm=False), **changes}, seed)


def finish(world, events=None):
    """Run a world to its end, so many events at a time."""
    while not (world.run() if events is None else world.run(events)):
        pass


def assert_given_out_once(zone, pages, order):
    """Every success is a block of the order that is allocated, and nobody else's."""
    assert len(set(pages.tolist())) == len(pages)
    assert (zone.page_order[pages] == PG_USED | order).all()

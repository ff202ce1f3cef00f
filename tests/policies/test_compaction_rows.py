"""Does every policy of compaction keep its word: in a world of Linux 6.1 under faults, and in what sets it apart?"""

import pytest

from buddycap import COMPACTION_POLICIES, POLICIES, MisuseError
from buddycap.study.faultload import faulting_config
from buddycap.study.run import make_world, run_once
from worldlab import finish, world_of

OFF, NOW = COMPACTION_POLICIES["off"], COMPACTION_POLICIES["capture"]
SMALL = faulting_config("6.1", 6, 1 << 16, fault_permille=375, warmup_s=2, unmovable_permille=5)


def run(policy, config=SMALL):
    """The run, its zone and its world."""
    zone, world = make_world(config, policy, 3)
    while not world.run():
        pass
    return zone, world


@pytest.mark.parametrize("row", COMPACTION_POLICIES.values(), ids=COMPACTION_POLICIES)
def test_every_row(row):
    """Every region is faulted in once, nothing is lost, and there is a capture only where the row has one."""
    zone, world = run(row)
    zone.check()
    table = world.faults()
    got = table["page"][table["page"] >= 0]
    assert len(table) == (1 << 16) * 375 // 1000 // 512
    assert len(set(got.tolist())) == len(got)
    totals = world.totals()
    assert totals["direct_success"] >= totals["direct_captured"]
    assert (totals["direct_captured"] > 0) == row.capture
    assert totals["pgmigrate_success"] > 0


def ends(rows, config, **changes):
    """The states in which a world ends under each of some policies, and what was captured."""
    found = {}
    for row in rows:
        zone, world = world_of(row, 3, config, **changes)
        finish(world)
        found[row.name] = (zone.digest(), world.totals()["direct_captured"])
    return found


def test_rows_differ_where_their_rules_do():
    """Blocks of order 5: nobody captures them strictly, movable requests do later; and each form comes to others."""
    names = ("off", "capture", "relaxed", "test-first", "lists-2012", "block-2014")
    found = ends(
        [COMPACTION_POLICIES[name] for name in (*names, "huge-only")], SMALL, request_order=5, fault_regions=600
    )
    assert len({found[name][0] for name in names}) == len(names)
    assert found["huge-only"] == found["off"]
    assert found["relaxed"][1] > 100 > found["capture"][1]


def test_checking_and_holding_differ_where_memory_is_below_the_mark():
    """Writing pages out takes others from below every mark, so that blocks are completed that the mark forbids."""
    relaxed = [
        COMPACTION_POLICIES[name].replace(name=name, movable="relaxed") for name in ("capture", "checked", "held")
    ]
    writing = SMALL.replace(memalloc_permille=1000, swappiness=100, reader_write_permille=500)
    found = ends(relaxed, writing, request_order=5, fault_regions=1500)
    assert len({state for state, _ in found.values()}) == 3
    assert all(captured > 0 for _, captured in found.values())
    enough = ends(relaxed, SMALL, request_order=5, fault_regions=600)
    assert len(set(enough.values())) == 1, "above the mark nothing is forbidden"


def test_proactive_compaction_comes_where_somebody_looks():
    found = ends([NOW, COMPACTION_POLICIES["proactive-60"]], SMALL.replace(look_ms=5))
    assert found["capture"][0] != found["proactive-60"][0]


def test_a_capture_for_no_order_is_none():
    never = run(NOW.replace(name="never", capture_min_order=15))
    assert never[0].digest() == run(OFF)[0].digest()


def test_builds_and_requests_go_on_whatever_moves():
    """Pages that compaction has moved are still their owners': dirty ones, those of the hot set, anonymous ones."""
    config = SMALL.replace(threads=0, readers=0, builds=3)
    for name in ("lists-2012", "proactive-60"):
        zone, world = run(COMPACTION_POLICIES[name], config)
        zone.check()
        assert len(world.results()) == (1 << 16) >> 9
        assert world.totals()["pgmigrate_success"] > 0


def test_policies_of_another_kernel_are_refused():
    with pytest.raises(MisuseError, match=r"policy='v3': one of Linux 2\.6\.27, on a zone of Linux 6\.1"):
        run_once(SMALL, POLICIES["v3"], 1)
    with pytest.raises(MisuseError, match="copy: a world of Linux 6"):
        make_world(SMALL, NOW, 1)[1].copy()

"""Does every registered policy keep the common contract, in the simulated world and in steps?

The contract: every invariant holds at any moment, no page is lost, capture lists are empty when reclaim is over,
nothing of the rule stays behind, and a policy whose smallest order is above every order is mainline, bit for bit. Every
rule asks for `capture_min_order`, so that holds for all rows.
"""

import random

import numpy as np
import pytest

from buddycap import (
    GFP,
    POLICIES,
    CapturePolicy,
    Machine,
    MigrateType,
    MisuseError,
    PageFlags,
    PolicyError,
    RequestPath,
    Zone,
)
from buddycap.study.run import run_once, study_zone
from reclaimlab import full_machine, scan_now, steps
from worldlab import SMALL, assert_given_out_once, finish, world_of
from zone_struct import Memory

CROWD = SMALL.replace(requesters=4)
NEVER = 15

# The registered rows, options that no row has, and rules put together.
ROWS = dict(POLICIES) | {
    row.name: row
    for row in (
        POLICIES["v4"].replace(name="v4 forward", batch_forward=True),
        POLICIES["early-release"].replace(name="early-release trimmed", trim=True),
        POLICIES["hold"].replace(name="hold 3", hold_rounds=3, hold_order=4),
        POLICIES["simple-b"].replace(name="simple-b early", early_release=True, trim=True, batch=5),
        POLICIES["v3"].replace(name="v3 no-pcp isolate", bypass_pcp=True, isolate=True),
        POLICIES["early-release"].replace(name="queued", private=True, hold_rounds=2, queue="credit", bypass_pcp=True),
        POLICIES["v3"].replace(name="strict", capture_min_order=1, queue="strict", hold_rounds=1),
    )
}
every_policy = pytest.mark.parametrize("name", list(ROWS))


def outcome(policy, seed=2, config=SMALL):
    """Everything that a run gives, but the name of the policy."""
    run = run_once(config, policy, seed)
    return run.digest, run.requests.tobytes(), run.totals


def assert_nothing_is_left(zone):
    """Neither lists nor pageblocks nor switches of a rule."""
    zone.check()
    assert zone.capture_lists() == []
    assert Memory(zone).header.slots_used == 0
    assert Memory(zone).header.pcp_bypass == 0
    assert (zone.pageblock_migratetype != MigrateType.ISOLATE).all()
    assert (zone.free_blocks()["migratetype"] != MigrateType.ISOLATE).all()


class TestInTheWorld:
    @every_policy
    def test_invariants_hold_all_the_way(self, name):
        zone, world = world_of(ROWS[name])
        while not world.run(2000):
            if world.answered:
                zone.check()
        zone.check()

    @every_policy
    def test_nothing_is_lost_or_left(self, name):
        """What was given out is allocated, once; the lists hold what the counters say; nothing of the rule stays."""
        zone, world = world_of(ROWS[name])
        finish(world)
        table = world.results()
        got = table["page"][table["page"] >= 0]
        del world
        assert_nothing_is_left(zone)
        assert_given_out_once(zone, got, SMALL.order)
        assert ((table["path"] == RequestPath.FAILED) == (table["page"] < 0)).all()
        if name == "none":
            assert not table["own"].any()
            assert not (table["path"] == RequestPath.CAPTURED).any()
        assert int(zone.nr_free.dot(1 << np.arange(len(zone.nr_free)))) == zone.nr_free_pages

    @every_policy
    def test_a_world_that_is_given_up_leaves_nothing(self, name):
        for config in (SMALL, CROWD):
            zone, world = world_of(ROWS[name], config=config)
            while not world.answered:
                world.run(997)
            del world
            assert_nothing_is_left(zone)

    @every_policy
    def test_several_requesters_come_to_an_end(self, name):
        zone, world = world_of(ROWS[name], config=CROWD)
        finish(world)
        assert len(world.results()) == 1 << 16 >> SMALL.order
        del world
        assert_nothing_is_left(zone)

    @pytest.mark.parametrize("name", ["hold", "hold 3"])
    def test_marks_so_high_that_blocks_must_be_held(self, name):
        """With 48 MiB of 256 kept free a captured block is refused now and then."""
        holds = 0
        for seed in (1, 2, 3, 4):
            zone = study_zone(SMALL, seed)
            zone.set_min_free_kbytes(48 << 10)
            _, world = world_of(ROWS[name], seed, zone=zone)
            finish(world)
            table = world.results()
            assert table["holds"].sum() == table["rescued"].sum() + table["givebacks"].sum()
            assert (world.totals()["held_ns"] > 0) == (table["holds"].sum() > 0)
            holds += table["holds"].sum()
            del world
            assert_nothing_is_left(zone)
        assert holds


class TestWhatIsTheSame:
    @every_policy
    def test_above_every_order_a_policy_is_mainline(self, name):
        assert outcome(ROWS[name].replace(name="never", capture_min_order=NEVER)) == outcome(POLICIES["none"])

    @every_policy
    def test_a_hook_that_leaves_it_to_the_policy_changes_nothing(self, name):
        if not ROWS[name].capture:
            with pytest.raises(PolicyError, match="capture=True"):
                ROWS[name].replace(hook=print)
            return
        asked = []
        assert outcome(ROWS[name].replace(hook=asked.append)) == outcome(ROWS[name])
        assert asked

    @pytest.mark.parametrize(
        ("row", "other"),
        [
            (POLICIES["v4"].replace(batch=1), "v3"),
            (POLICIES["all-orders"].replace(capture_min_order=4), "v3"),
            (POLICIES["simple"].replace(private=False), "v3"),
            (POLICIES["simple-b"].replace(consult="pass"), "simple"),
            (POLICIES["hold"].replace(hold_rounds=0), "v3"),
            (POLICIES["early-release"].replace(early_release=False), "v3"),
            (POLICIES["v1"].replace(check_real_order=False), "v3"),
            (POLICIES["isolate"].replace(isolate=False), "none"),
            (POLICIES["no-pcp"].replace(bypass_pcp=False), "none"),
            (POLICIES["queue"].replace(queue="none"), "none"),
            (POLICIES["queue-strict"].replace(queue="none"), "none"),
            (CapturePolicy("v3", capture=True), "v3"),
        ],
        ids=lambda value: getattr(value, "name", value),
    )
    def test_a_row_without_its_rule_is_the_row_it_came_from(self, row, other):
        assert outcome(row) == outcome(POLICIES[other])

    @pytest.mark.parametrize(
        ("name", "other"), [("hold", "v3"), ("queue", "none")], ids=["hold without give-back", "queue without line"]
    )
    def test_a_rule_that_is_never_called_for_changes_nothing(self, name, other):
        for seed in (1, 2, 3):
            digest, requests, totals = outcome(POLICIES[name], seed)
            assert (digest, requests, totals) == outcome(POLICIES[other], seed)
            assert totals["capture_giveback"] == totals["blocked_ns"] == totals["held_ns"] == 0

    def test_the_others_do_differ(self):
        """Or the tests above would say nothing."""
        same = {"hold": "v3", "queue": "none", "all-orders": "v3"}
        digests = {name: [outcome(row, seed)[0] for seed in (1, 2)] for name, row in POLICIES.items()}
        assert {name: digests[name] == digests[other] for name, other in same.items()} == dict.fromkeys(same, True)
        others = [tuple(found) for name, found in digests.items() if name not in same]
        assert len(set(others)) == len(others)

    def test_a_queue_is_felt_where_several_reclaim(self):
        """The credit queue by the requesters alone, since nobody else reclaims; the strict one by everybody."""
        found = {name: outcome(row, config=CROWD) for name, row in POLICIES.items()}
        assert found["queue"] != found["none"]
        assert {name for name, (_, _, totals) in found.items() if totals["blocked_ns"]} == {"queue-strict"}


def random_machine(policy, seed):
    """A machine whose memory is all in use, half of it by pages that can be reclaimed."""
    dice = random.Random(seed)
    zone = Zone(0, 2048, pageblock_order=5, max_page_order=7, min_free_kbytes=128, cpus=2, pcp_batch=4, pcp_high=16)
    machine = Machine([zone], policy=policy, swap_pages=500)
    pages = zone.alloc_many(2048).tolist()
    pages = [pfn for pfn in pages if pfn >= 0]
    for pfn in dice.sample(pages, 1200):
        kind = dice.choice([0, PageFlags.DIRTY, PageFlags.REFERENCED, PageFlags.ANON | PageFlags.SWAPBACKED])
        machine.lru_cache_add(pfn, kind | dice.choice([0, 0, 0, PageFlags.PINNED]))
    for pfn in dice.sample([pfn for pfn in pages if not zone.page_flags[pfn]], 60):
        machine.free_pages(pfn, 0, cpu=dice.randrange(2))
    return machine, zone, dice


class TestInSteps:
    @every_policy
    @pytest.mark.parametrize("seed", [1, 2])
    def test_requests_that_cross_each_other(self, name, seed):
        """Several requests at once, some given up in the middle, pages freed in between."""
        machine, zone, dice = random_machine(ROWS[name], seed)
        running, held = [], []
        for turn in range(400):
            if len(running) < 4 and dice.random() < 0.3:
                running.append(machine.request(dice.choice([0, 1, 3, 4, 5, 5]), GFP.KERNEL, cpu=dice.randrange(2)))
            elif running:
                request = dice.choice(running)
                if request.step(dice.choice([1, 8, 64])).done or dice.random() < 0.01:
                    request.close()
                    running.remove(request)
                    held += [(request.pfn, request)] * (request.pfn is not None)
            for pfn in machine.writeback[: dice.randrange(3)].tolist():
                machine.end_writeback(pfn)
            if turn % 8 == 0:
                machine.check()
        for request in running:
            request.close()
        assert_nothing_is_left(zone)
        assert len({pfn for pfn, _ in held}) == len(held)

    @every_policy
    def test_in_one_call(self, name):
        machine, zone, dice = random_machine(ROWS[name], 3)
        for _ in range(60):
            machine.alloc_pages(dice.choice([0, 2, 4, 5]), GFP.KERNEL | GFP.MOVABLE)
        assert_nothing_is_left(zone)

    @every_policy
    def test_a_copy_goes_on_as_the_original(self, name):
        """Also in the middle of a reclaim: what a rule has done to pages is in the image.

        That a request keeps everybody from the per-CPU lists is not: the copy has no such request, which could end it.
        """
        machine, zone, _ = random_machine(ROWS[name], 4)
        with machine.request(5, GFP.KERNEL) as request:
            for _ in range(20):
                request.step(3)
            copy = zone.copy()
            copy.check()
            assert Memory(copy).header.pcp_bypass == 0
            Memory(copy).header.pcp_bypass = Memory(zone).header.pcp_bypass
            assert copy.digest() == zone.digest()


class TestHook:
    """The function that sees the list: once for each consultation, and never in the way."""

    @staticmethod
    def scene(hook, **changes):
        machine, zone, _ = random_machine(POLICIES["v3"].replace(name="mine", hook=hook, **changes), 5)
        return machine, zone

    def test_it_is_asked_once_for_each_consultation(self):
        asked = []
        machine, _ = self.scene(asked.append)
        request = machine.request(5, GFP.KERNEL)
        request.run()
        assert [one.number for one in asked] == list(range(request.stats["consults"]))
        assert all(one.order == 5 and one.place == 0 for one in asked)
        assert sum(one.own for one in asked[:1]) > 0

    def test_it_sees_the_list(self):
        def hook(consultation):
            (capture,) = zone.capture_lists()
            assert np.array_equal(consultation.blocks, capture.blocks())
            assert consultation.free_pages == zone.nr_free_pages
            assert consultation.pages_min == zone.pages_min
            assert "order 5" in repr(consultation)
            asked.append(consultation)

        asked = []
        machine, zone = self.scene(hook)
        machine.alloc_pages(5, GFP.KERNEL)
        assert asked

    def test_in_steps_the_caller_never_sees_it(self):
        asked = []
        machine, _ = self.scene(asked.append)
        request = machine.request(5, GFP.KERNEL)
        waits = set()
        while not request.done:
            waits.add(request.step().wait)
            for pfn in machine.writeback.tolist():
                machine.end_writeback(pfn)
        assert asked
        assert waits <= {"none", "congestion", "writeback", "done"}

    def test_take_nothing(self):
        machine, zone = self.scene(lambda _: "return")
        request = machine.request(5, GFP.KERNEL)
        request.run()
        assert request.stats["path"] != "captured"
        assert request.stats["captured"] > 0
        assert_nothing_is_left(zone)

    def test_keep_the_list_from_pass_to_pass(self):
        sizes = []

        def hook(consultation):
            sizes.append(consultation.own)
            return "keep" if consultation.number < 2 else "consult"

        machine, zone = self.scene(hook)
        machine.set_nr_scan(0, [0, 0, 500, 0])
        machine.alloc_pages(6, GFP.KERNEL)
        assert sizes[0] < sizes[1] < sizes[2], "the same list goes on"
        assert_nothing_is_left(zone)

    @pytest.mark.parametrize(("answer", "pfn"), [(None, 16), ("consult", 16), (40, 40), (np.int64(16), 16)])
    def test_the_block_it_names_is_taken(self, answer, pfn):
        """Captured are 16:4, then 40:3; first fit from the tail is 16."""
        policy = POLICIES["v3"].replace(name="mine", capture_min_order=3, hook=lambda _: answer)
        machine, zone = full_machine(free=[(50, 1)], policy=policy)
        machine.lru_cache_add([*range(16, 32), *range(40, 48)])
        scan_now(machine, inactive_file=32)
        request = machine.request(3, GFP.KERNEL)
        request.run()
        assert (request.pfn, request.stats["path"], request.stats["captured"]) == (pfn, "captured", 24)
        assert_nothing_is_left(zone)

    @pytest.mark.parametrize("answer", ["take", 3.5, object(), 10**30, -1, 0])
    def test_a_wrong_answer_is_refused_and_nothing_is_left(self, answer):
        machine, zone = self.scene(lambda _: answer)
        with pytest.raises(PolicyError, match="hook"):
            machine.alloc_pages(5, GFP.KERNEL)
        assert_nothing_is_left(zone)
        machine, zone = self.scene(lambda _: answer)
        request = machine.request(5, GFP.KERNEL)
        with pytest.raises(PolicyError, match="hook"):
            steps(request, 8)
        assert request.done
        assert request.pfn is None
        assert_nothing_is_left(zone)

    @pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
    def test_what_it_raises_comes_out(self, error):
        def hook(consultation):
            raise error

        for rules in ({}, {"early_release": True}, {"private": True, "consult": "list"}, {"isolate": True, "batch": 3}):
            machine, zone = self.scene(hook, **rules)
            with pytest.raises(error):
                machine.alloc_pages(5, GFP.KERNEL)
            assert_nothing_is_left(zone)
        zone, world = world_of(POLICIES["v3"].replace(name="mine", hook=hook))
        with pytest.raises(error):
            finish(world)
        zone.check()
        del world
        assert_nothing_is_left(zone)

    def test_a_world_goes_on_after_an_error(self):
        """It stands where the hook was asked, and asks again."""
        calls = []

        def hook(consultation):
            calls.append(consultation)
            if len(calls) % 50 == 1:
                raise ValueError

        zone, world = world_of(POLICIES["v3"].replace(name="mine", hook=hook), seed=2)
        raised = 0
        while True:
            try:
                if world.run():
                    break
            except ValueError:
                raised += 1
        assert raised > 1
        assert (world.results()["page"] >= 0).any()
        del world
        assert_nothing_is_left(zone)

    def test_it_may_use_the_machine(self):
        """It may allocate, check, and even give the request up that it is asked about."""
        got = []

        def hook(consultation):
            machine.check()
            got.append(machine.alloc_pages(0, GFP.ATOMIC, policy="none"))
            if len(got) == 2:
                request.close()

        machine, zone = self.scene(hook)
        request = machine.request(7, GFP.KERNEL)
        request.run()
        assert request.done
        assert_nothing_is_left(zone)

    def test_it_may_close_the_list(self):
        def hook(consultation):
            for capture in zone.capture_lists():
                capture.close()

        machine, zone = self.scene(hook)
        request = machine.request(5, GFP.KERNEL)
        request.run()
        assert request.stats["path"] != "captured"
        assert_nothing_is_left(zone)

    def test_it_may_not_run_the_world_that_asks(self):
        def hook(consultation):
            world.run()

        _, world = world_of(POLICIES["v3"].replace(name="mine", hook=hook))
        with pytest.raises(MisuseError, match="running"):
            finish(world)

"""Is a row refused that contradicts itself, and can rules be put together that do not?"""

import pytest

from buddycap import GFP, POLICIES, CapturePolicy, Machine, PolicyError
from reclaimlab import full_machine, steps


class TestFields:
    """A row that contradicts itself is refused, by name of the field."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"capture": 1},
            {"capture_min_order": 16},
            {"capture_min_order": -1},
            {"capture_min_order": 4.0},
            {"capture": True, "batch": 0},
            {"capture": True, "batch": 15},
            {"capture": True, "batch_forward": True},
            {"capture": True, "consult": "page"},
            {"capture": True, "hold_rounds": 1001},
            {"capture": True, "hold_order": 1},
            {"capture": True, "hold_rounds": 1, "hold_order": 15},
            {"capture": True, "hold_rounds": 1, "consult": "list"},
            {"capture": True, "trim": True},
            {"capture": True, "hook": 3},
            {"private": True},
            {"consult": "list"},
            {"hold_rounds": 1},
            {"early_release": True},
            {"check_real_order": True},
            {"batch": 14},
            {"hook": print},
            {"queue": "fair"},
            {"queue": None},
            {"isolate": "yes"},
            {"bypass_pcp": None},
            {"source": 3},
        ],
    )
    def test_refused(self, fields):
        last = list(fields)[-1]
        with pytest.raises(PolicyError, match=rf"policy 'mine': (?:\w+=.*needs |{last}=)"):
            CapturePolicy("mine", **fields)

    def test_rows_are_frozen(self):
        with pytest.raises(AttributeError):
            POLICIES["v3"].batch = 2
        with pytest.raises(TypeError):
            POLICIES["mine"] = POLICIES["v3"]

    def test_every_row_says_whose_it_is_and_what_it_does(self):
        for name, row in POLICIES.items():
            assert row.name == name
            assert row.source
            assert row.rule

    def test_ideas_can_be_put_together(self):
        """Whitcroft: capture and queueing are orthogonal. So are all others, as far as a list is there."""
        row = POLICIES["v3"].replace(
            name="all at once", private=True, hold_rounds=2, early_release=True, trim=True, batch=7,
            queue="credit", isolate=True, bypass_pcp=True,
        )  # fmt: skip
        geometry = {"pageblock_order": 4}
        machine, zone = full_machine(256, policy=row, geometry=geometry, free=[(0, 4)], min_free_kbytes=64)
        machine.lru_cache_add(range(64, 192))
        for order in (4, 4, 0, 4):
            steps(machine.request(order, GFP.KERNEL))
            zone.check()
        assert zone.capture_lists() == []
        assert isinstance(machine, Machine)

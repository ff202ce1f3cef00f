"""How long do saving, loading, hashing, copying, checking and dumping a fragmented zone take?"""

import pytest
from contenders import BuddycapRun
from workloads import mixed_ops

from buddycap import Zone


@pytest.fixture
def zone(pages):
    contender = BuddycapRun()
    zone = contender.zone(pages)
    zone.run(mixed_ops(pages, 500_000))
    return zone


@pytest.mark.parametrize("method", ["digest", "copy", "check", "canonical_dump", "free_blocks"])
def test_whole_state(measure, zone, pages, method):
    measure(lambda: getattr(zone, method), pages, title=f"{method} of a fragmented zone")


def test_save(measure, zone, pages, tmp_path):
    measure(lambda: lambda: zone.save(tmp_path / "zone.img"), pages, title="save a zone")


def test_load(measure, zone, pages, tmp_path):
    zone.save(tmp_path / "zone.img")
    measure(lambda: lambda: Zone.load(tmp_path / "zone.img"), pages, title="load a zone, checked")

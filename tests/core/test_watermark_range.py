"""Are watermarks right, or refused by name, for nodes of every size?"""

import ctypes
import random

import pytest

from buddycap import MisuseError, Zone
from buddycap._core import node_formulas
from buddycap.header import structures
from zone_struct import Memory

C = Zone(0, 1).ctypes
KB = (1 << 31) - 1
PAGES = 1 << 31
NODE = (0, PAGES, 1, PAGES)


def exact(present, highmem, min_free_kbytes):
    """setup_per_zone_pages_min in integers without an end."""
    lowmem = sum(n for n, high in zip(present, highmem, strict=True) if not high)
    for n, high in zip(present, highmem, strict=True):
        share = min_free_kbytes // 4 * n // lowmem if lowmem else 0
        low = min(max(n // 1024, 32), 128) if high else share
        yield low, low + share // 4, low + share // 2


def marks(formulas):
    return [(zone["pages_min"], zone["pages_low"], zone["pages_high"]) for zone in formulas["zones"]]


def test_every_size_that_is_allowed_is_computed_exactly():
    draw = random.Random(1)
    for _ in range(3000):
        present = [draw.choice([0, 1, 3, PAGES, PAGES - 1, draw.randrange(PAGES)]) for _ in range(4)]
        highmem = [draw.random() < 0.4 for _ in range(4)]
        kb = draw.choice([0, 3, 4, KB, KB - 1, draw.randrange(KB)])
        found = node_formulas(present, highmem, (256, 256, 32, 32), kb)
        assert marks(found) == list(exact(present, highmem, kb))
        assert min(map(min, marks(found))) >= 0
        assert 8 * max(map(max, marks(found))) + 4 * PAGES < 1 << 63, "what kswapd compares with"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((NODE, (0,) * 4, (1,) * 4, KB + 1), f"min_free_kbytes={KB + 1}: allowed range is 0..{KB}"),
        ((NODE, (0,) * 4, (1,) * 4, 1 << 40), f"min_free_kbytes={1 << 40}: allowed range is 0..{KB}"),
        ((NODE, (0,) * 4, (1,) * 4, -1), f"min_free_kbytes=-1: allowed range is 0..{KB}"),
        (((0, 0, PAGES + 1, 0), (0,) * 4, (1,) * 4), rf"present\[2\]={PAGES + 1}: allowed range is 0..{PAGES}"),
        (((1 << 70, 0, 0, 0), (0,) * 4, (1,) * 4), r"present\[0\]=.*: allowed range is"),
        (((-1, 0, 0, 0), (0,) * 4, (1,) * 4), r"present\[0\]=-1: allowed range is"),
        (((), (0,) * 4, (1,) * 4), "present: 0 values"),
        ((NODE, (0,) * 5, (1,) * 4), "highmem: 5 values"),
        ((NODE, (0,) * 4, (1,) * 3), "ratio: 3 values"),
        ((NODE, (0,) * 4, (1, 1, 1 << 31, 1)), r"ratio\[2\]="),
    ],
)
def test_refusals_name_the_argument(arguments, words):
    with pytest.raises(MisuseError, match=words):
        node_formulas(*arguments)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"min_free_kbytes": 1 << 40}, "min_free_kbytes="),
        ({"min_free_kbytes": KB + 1}, "min_free_kbytes="),
        ({"node_present_pages": [64, 1 << 40, 0, 0]}, r"node_present_pages\[1\]="),
        ({"node_present_pages": [64, PAGES + 1, 0, 0]}, r"node_present_pages\[1\]="),
    ],
)
def test_zones_refuse_them_too(keywords, words):
    with pytest.raises(MisuseError, match=words):
        Zone(0, 64, **keywords)


def test_the_largest_marks_of_a_zone():
    """Nothing can be had above marks as large as that, and the reserve takes every movable pageblock."""
    node = (PAGES, 64, PAGES, PAGES)
    zone = Zone(0, 64, zone_idx=1, pageblock_order=2, node_present_pages=node, node_highmem=(1, 0, 1, 1))
    zone.set_min_free_kbytes(KB)
    assert (zone.pages_min, zone.pages_low, zone.pages_high) == list(exact(node, (1, 0, 1, 1), KB))[1]
    zone.check()
    assert not zone.watermark_ok(0, zone.pages_min)
    assert set(zone.pageblock_migratetype.tolist()) == {3}
    assert Zone(0, 64, node_present_pages=(64, *node[1:])).copy().check() is None


def test_c_refuses_what_python_refuses():
    config = structures()["bc_config"]()
    assert C.config_init(ctypes.byref(config), ctypes.sizeof(config), 0, 64) == 0
    assert C.zone_bytes(ctypes.byref(config)) > 0
    for name, value in (("min_free_kbytes", KB + 1), ("min_free_kbytes", -2), ("node_present", PAGES + 1)):
        wrong = structures()["bc_config"].from_buffer_copy(config)
        if name == "node_present":
            wrong.node_present[1] = value
        else:
            setattr(wrong, name, value)
        assert C.zone_bytes(ctypes.byref(wrong)) == 0, (name, value)
    zone = Zone(0, 64)
    before = zone.digest()
    for kb in (KB + 1, 1 << 40, -1, -(1 << 63)):
        assert C.status_text(C.set_min_free_kbytes(zone.address, kb)) == b"another argument is out of range"
    assert zone.digest() == before
    assert C.set_min_free_kbytes(zone.address, KB) == 0
    assert Memory(zone).header.min_free_kbytes == KB
    zone.check()

"""Is a machine drawn from texts what the texts say, and does the simulator agree with the verdicts?"""

import random

import numpy as np
import pytest

from buddycap import AllocFlags, FormatError, Machine, MigrateType, MisuseError
from buddycap.cli import main
from buddycap.explain.request import make_request
from buddycap.explain.rules import Release, rules_of
from buddycap.explain.verdict import judge_zone
from buddycap.formats.kpageflags import PageKind
from buddycap.formats.meminfo_report import ZoneText
from buddycap.formats.snapshot import read_snapshot
from buddycap.recorded.drawn import draw_snapshot
from explainlab import TEXTS
from sourcelint import ROOT

PROC = ROOT / "tests" / "data" / "proc"
FOLDER = TEXTS / "33-huge-pages-from-texts"


def texts(name="guest"):
    return [(PROC / f"{name}.{kind}.start").read_text() for kind in ("buddyinfo", "pagetypeinfo", "zoneinfo")]


def folder_texts():
    return [(FOLDER / kind).read_text() for kind in ("buddyinfo", "pagetypeinfo", "zoneinfo")]


@pytest.mark.parametrize("seed", [0, 1, 2, 99])
@pytest.mark.parametrize("read", [texts, folder_texts])
def test_free_blocks_of_every_order_are_those_of_the_texts(read, seed):
    drawn = draw_snapshot(*read(), seed=seed)
    assert drawn.differences
    assert not any(any(gap) for gap in drawn.differences.values())


def test_as_many_pageblocks_have_each_type_as_were_counted():
    for frames in draw_snapshot(*folder_texts(), seed=5).frames:
        counts = np.bincount(frames.block_types, minlength=3)
        assert counts[MigrateType.UNMOVABLE] == frames.pageblocks["Unmovable"]
        assert counts[MigrateType.RECLAIMABLE] == frames.pageblocks["Reclaimable"]


def test_totals_of_lists_are_those_of_zoneinfo():
    drawn = draw_snapshot(*folder_texts(), seed=5)
    for frames in drawn.frames:
        counters = drawn.zoneinfo[frames.name].counters
        pages = frames.nr_pages()
        for kind in ("INACTIVE_ANON", "ACTIVE_ANON", "INACTIVE_FILE", "ACTIVE_FILE"):
            assert pages[kind] == counters[f"nr_zone_{kind.lower()}"]


def test_equal_seeds_draw_equal_machines_and_others_do_not():
    first, again, other = (draw_snapshot(*texts(), seed=seed).frames[-1].flags for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_mixed_blocks_are_as_few_as_possible_or_as_many_as_wanted():
    def mixed(percent):
        frames = draw_snapshot(*folder_texts(), seed=1, mixed=percent).frames[1]
        blocks = frames.kinds.reshape(-1, 512)
        kernel = (blocks == PageKind.KERNEL).any(axis=1)
        movable = (blocks >= PageKind.OFF_LRU).any(axis=1)
        return int((kernel & movable).sum())

    assert mixed(0) <= 1
    assert mixed(100) > 20


def test_a_drawn_machine_is_sound_and_serves_what_its_texts_have():
    machine = Machine.from_texts(*texts(), seed=4)
    for zone in machine.zones:
        zone.check()
    assert machine.buddyinfo()


def test_a_drawn_file_says_so_and_loads_as_a_snapshot(tmp_path, capsys):
    out = tmp_path / "machine.npz"
    assert main(["snapshot", "--from-texts", str(FOLDER), "-o", str(out), "--seed", "6"]) == 0
    assert "drawn from texts, seed 6" in capsys.readouterr().out
    read = read_snapshot(out)
    assert read.meta["drawn"]["seed"] == 6
    assert not any(any(gap) for gap in read.differences.values())
    assert read.report()[0].startswith("drawn from texts")


def test_what_cannot_be_drawn_is_refused():
    buddy, types, zones = texts()
    with pytest.raises(FormatError, match="no zone"):
        draw_snapshot(buddy, types, zones, node=3)
    with pytest.raises(MisuseError, match="mixed=101"):
        draw_snapshot(buddy, types, zones, mixed=101)
    with pytest.raises(FormatError, match="17 orders"):
        draw_snapshot("Node 0, zone DMA " + "1 " * 17 + "\n", None, zones)


def test_the_simulator_agrees_with_the_verdict_of_its_kernel():
    rules, rng = rules_of((2, 6, 27)), random.Random(27)
    buddy, types, zones = texts("guest")
    zone = Machine.from_texts(buddy, types, zones, seed=1).zones[-1]
    masks = {"GFP_KERNEL": AllocFlags(0), "GFP_ATOMIC": AllocFlags.HIGH | AllocFlags.HARDER}
    answers = set()
    for _ in range(60):
        zone.set_min_free_kbytes(rng.choice([rng.randrange(128, 9_000), rng.randrange(128, 200_000)]))
        zone.rmqueue(rng.randrange(6), rng.choice(list(MigrateType)[:3]))
        cells = [(int(count), 4 << order, "") for order, count in enumerate(zone.nr_free)]
        fields = {"free": zone.nr_free_pages * 4, "min": zone.pages_min * 4, "present": zone.present_pages * 4}
        text = ZoneText(0, "Normal", fields, [0, 0, 0, 0], False, cells, sum(c * s for c, s, _ in cells))
        for (mask, flags), order in ((item, order) for item in masks.items() for order in range(11)):
            request = make_request(order, (mask,), Release((2, 6, 27)), rules)
            verdict = judge_zone(text, request, rules, 4, 11, 2, True)
            served = zone.watermark_ok(order, zone.pages_min, classzone_idx=zone.zone_idx, alloc_flags=flags)
            enough = order == 0 or any(zone.nr_free[order:])
            assert verdict.order_ok is bool(served and enough), (mask, order, text)
            answers.add((order > 0, mask, verdict.order_ok))
    assert len(answers) == 8, "every mask and kind of order was served, and was refused"


def test_damaged_texts_are_drawn_or_refused():
    rng = random.Random(31)
    for seed in range(40):
        damaged = [list(text) for text in texts()]
        for _ in range(rng.randrange(1, 5)):
            text = rng.choice(damaged)
            text[rng.choice([at for at, char in enumerate(text) if char.isdigit()])] = rng.choice(
                ["0", "7", "12", "999"]
            )
        try:
            drawn = draw_snapshot(*("".join(text) for text in damaged), seed=seed)
        except FormatError:
            continue
        assert all(len(zone.kinds) == drawn.zoneinfo[zone.name].pages["spanned"] for zone in drawn.frames)

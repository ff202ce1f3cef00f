"""The tools that make the tables of docs/kernels.md and docs/study-6.12.md, on machines that are small."""

import sys
from dataclasses import replace

import pytest

from buddycap import COMPACTION_POLICIES, MisuseError
from buddycap.kernels import KERNELS
from sourcelint import ROOT

sys.path.insert(0, str(ROOT / "tools"))
try:
    import capture_612
    import kernels_table
finally:
    sys.path.remove(str(ROOT / "tools"))


class TestKernelsTable:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(kernels_table, "MEMORY", "32MiB")
        monkeypatch.setattr(kernels_table, "REQUESTS", {9: 6, 4: 20, 3: 20, 0: 20})
        monkeypatch.setattr(kernels_table, "HELD_PAGES", 256)

    def test_a_row_for_every_order_and_kernel(self):
        head, rule, *rows = kernels_table.table(2)
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        assert [tuple(row[:2]) for row in cells] == [(o, k) for o in ("9", "4", "3", "0") for k in KERNELS]
        assert {len(row) for row in cells} == {head.count("|") - 1} == {rule.count("|") - 1}
        assert all("±" in cell or cell == "-" for row in cells for cell in row[2:])

    def test_a_seed_is_one_row(self):
        kernel = KERNELS["6.12"]
        rows = [kernels_table.measure(kernel, 4, seed) for seed in (1, 1, 2)]
        assert rows[0] == rows[1] != rows[2]

    def test_a_rest_has_its_price(self):
        kinds = ("scanned", "freed", "active", "looked", "migrated", "migrate_scanned", "free_scanned")
        stats = dict.fromkeys(kinds, 0) | {"congestion_waits": 2}
        assert kernels_table.cost_ms(stats, kernels_table.REST_MS["2.6.27"]) == 200


class TestCapture612:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        """A quarter of 64 MiB is faulted in by two threads, and nobody else is there."""
        pages = 1 << 14
        alone = replace(capture_612.SCENES["alone"], memory_pages=pages, threads=2, fault_permille=400)
        monkeypatch.setattr(capture_612, "PAGES", pages)
        monkeypatch.setattr(capture_612, "SCENES", {"alone": alone})

    def test_who_captures_and_in_how_many_runs(self):
        config = capture_612.SCENES["alone"]
        off, relaxed = (capture_612.measure(config, COMPACTION_POLICIES[name], 1) for name in ("off", "relaxed"))
        assert off["captured"] == 0 < off["with a block"]
        assert 0 < relaxed["captured"] <= relaxed["with a block"] <= relaxed["runs"]

    def test_a_row_for_every_policy_and_differences_to_the_first(self):
        head, rule, *rows = capture_612.table(2)
        names = [row.split("|")[2].strip() for row in rows]
        assert names == ["`off`", "`relaxed`", "`relaxed` over `off`", "`strict`", "`strict` over `off`"]
        assert {row.count("|") for row in rows} == {head.count("|")} == {rule.count("|")}

    def test_a_world_that_cannot_go_on_is_told_and_left_out(self, monkeypatch, capsys):
        def robbed(self):
            raise MisuseError("page 7 was freed by somebody else")

        monkeypatch.setattr(capture_612, "World", type("World", (), {"__init__": lambda *_: None, "run": robbed}))
        assert capture_612.measure(capture_612.SCENES["alone"], COMPACTION_POLICIES["off"], 5) is None
        assert capsys.readouterr().err == "off, seed 5: page 7 was freed by somebody else\n"

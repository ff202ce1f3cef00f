"""Does the report hold what was recorded, and does it work in a browser?"""

import html
import json
import re
import shutil
import subprocess
import zlib

import numpy as np
import pytest

from buddycap import POLICIES, Machine, MisuseError, Zone
from buddycap.flags import GFP
from buddycap.formats.extfrag import fragmentation_index, unusable_free_index
from buddycap.study.config import StudyConfig
from buddycap.views.pagemap import KINDS, PageMap, maps_of
from buddycap.views.record import Recorder
from buddycap.views.report import html_comparison, html_report
from buddycap.views.runs import owner_name, watch_run

STRESS = (pytest.mark.slow, pytest.mark.stress)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SMALL = StudyConfig(memory_pages=1 << 15, warmup_s=1)


def unpacked(recorder):
    """The codes and owners of every moment."""
    codes, owners = np.zeros(1, np.uint8), np.zeros(1, np.uint16)
    for moment in recorder.moments:
        codes = codes ^ np.frombuffer(zlib.decompress(moment.codes), np.uint8)
        if moment.owners:
            owners = owners ^ np.frombuffer(zlib.decompress(moment.owners), "<u2")
        yield codes, owners


class TestRecorder:
    def test_every_moment_comes_back(self):
        zone = Zone(0, 1 << 14, owners=True, min_free_kbytes=0)
        recorder = Recorder()
        truth, owner = [], np.zeros(1 << 14, np.uint64)
        for k in range(4):
            pfns = zone.alloc_many(500, k)
            zone.set_owner(int(pfns[0]), 0xABC + k)
            recorder.add(zone, k * 1000, f"step {k}")
            owner[pfns[0] : pfns[0] + (1 << k)] = 0xABC + k
            truth.append((PageMap.of_zone(zone).codes.tolist(), owner.tolist()))
        for (codes, owners), (wanted_codes, wanted_owners) in zip(unpacked(recorder), truth, strict=True):
            assert codes.tolist() == wanted_codes
            names = [recorder.owner_names[number] for number in owners.tolist()]
            assert names == [f"{cookie:#x}" if cookie else "nobody" for cookie in wanted_owners]
        assert [moment.label for moment in recorder.moments] == ["step 0", "step 1", "step 2", "step 3"]

    @pytest.mark.parametrize("start", [0, 4096 + 3])
    def test_a_cell_shows_its_first_page(self, start):
        zone = Zone(start, 1 << 14, min_free_kbytes=0)
        zone.alloc_many(1000, 0)
        recorder = Recorder(max_cells=1 << 10)
        recorder.add(zone, 0)
        ((codes, _),) = unpacked(recorder)
        assert recorder.factor == (16 if start == 0 else 32)
        (place,) = recorder.zones
        assert place.cells == len(codes) <= 1 << 10
        whole = PageMap.of_zone(zone).codes
        for cell, code in enumerate(codes.tolist()):
            pfn = max((start // recorder.factor + cell) * recorder.factor, start)
            assert code == whole[pfn - start]

    def test_zones_of_a_machine_follow_each_other(self):
        zones = [Zone(0, 4096, zone_idx=0, node_present_pages=(4096, 8192, 0, 0)),
                 Zone(4096, 8192, zone_idx=1, node_present_pages=(4096, 8192, 0, 0))]  # fmt: skip
        machine = Machine(zones, names=("DMA", "Normal"))
        recorder = Recorder()
        recorder.add(machine, 0)
        assert [(zone.name, zone.first_cell, zone.cells) for zone in recorder.zones] == [
            ("DMA", 0, 4096),
            ("Normal", 4096, 8192),
        ]
        ((codes, _),) = unpacked(recorder)
        assert codes.tolist() == np.concatenate([m.codes for m in maps_of(machine)]).tolist()

    def test_the_table_has_the_kernels_indices(self):
        zone = Zone(0, 1 << 14, min_free_kbytes=0)
        recorder = Recorder()
        for k in range(3):
            recorder.add(zone, k * 10)
            pfns = zone.alloc_many(3000)
            zone.free_many(pfns[::2])
        for row, moment in zip(recorder.table(), recorder.moments, strict=True):
            nr_free = moment.nr_free[0]
            assert row["free_pages"] == sum(n << k for k, n in enumerate(nr_free))
            assert row["unusable_index"] == unusable_free_index(nr_free, 9)
            assert row["extfrag_index"] == fragmentation_index(nr_free, 9)
            assert [row[f"order_{k}"] for k in range(11)] == list(nr_free)
        lines = recorder.csv().splitlines()
        assert lines[0].startswith("zone,time_ns,free_pages,unusable_index,extfrag_index,order_0,")
        assert len(lines) == 4

    def test_misuse(self):
        recorder = Recorder()
        with pytest.raises(MisuseError, match="nothing"):
            html_report(recorder)
        with pytest.raises(MisuseError, match="0 moments"):
            recorder.table()
        recorder.add(Zone(0, 64, min_free_kbytes=0), 10)
        with pytest.raises(MisuseError, match="time_ns=9"):
            recorder.add(Zone(0, 64, min_free_kbytes=0), 9)
        with pytest.raises(MisuseError, match="other zones"):
            recorder.add(Zone(0, 128, min_free_kbytes=0), 11)
        for options in ({"max_cells": 0}, {"owner_shift": 64}):
            with pytest.raises(MisuseError):
                Recorder(**options)

    def test_owners_beyond_the_numbers_share_one(self):
        zone = Zone(0, 1 << 17, owners=True, min_free_kbytes=0)
        recorder = Recorder()
        for pfn in zone.alloc_many(70_000).tolist():
            zone.set_owner(pfn, pfn + 1)
        recorder.add(zone, 0)
        assert len(recorder.owner_names) == 65536
        assert recorder.owner_names[-1] == "one of many others"


class TestWatchedRun:
    def test_watching_changes_nothing(self):
        from buddycap.study.run import run_once

        run = watch_run(SMALL, POLICIES["v3"], 3, steps=7)
        plain = run_once(SMALL, POLICIES["v3"], 3)
        assert run.zone.digest() == plain.digest
        assert run.requests.tolist() == plain.requests.tolist()
        assert len(run.recorder.moments) == 7
        times = [moment.time_ns for moment in run.recorder.moments]
        assert times == sorted(times)
        assert times[0] == 0

    def test_owners_have_names(self):
        names = watch_run(SMALL, POLICIES["none"], 1, steps=5).recorder.owner_names
        assert any(name.startswith("anonymous memory of task") for name in names)
        assert owner_name(0x7F0009) == "owner 127, task 9"

    def test_every_page_taken_in_the_run_has_an_owner(self):
        recorder = watch_run(SMALL, POLICIES["none"], 1, steps=5).recorder
        table = PageMap("", 0, np.zeros(0, np.uint8), 9, ()).kind_table
        unowned = ["hole", "free_huge", "free", "pcp", "captured", "reserved"]
        for codes, owners in unpacked(recorder):
            kinds = np.array([kind.name for kind in KINDS])[table[codes]]
            wrong = (owners == 0) != np.isin(kinds, unowned)
            assert not wrong.any(), sorted(set(kinds[wrong].tolist()))
            huge = {recorder.owner_names[number] for number in owners[kinds == "huge"].tolist()}
            assert all(name.startswith("requester ") for name in huge)
        assert huge, "the last moment shows huge pages"

    def test_two_steps_at_least(self):
        with pytest.raises(MisuseError, match="steps=1"):
            watch_run(SMALL, POLICIES["none"], 1, steps=1)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of a small run, and its recorder."""
    run = watch_run(SMALL, POLICIES["v3"], 1, steps=12, max_cells=1 << 14)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_report(run.recorder, title="a </script> run", facts={"policy": "v3"}), encoding="utf-8")
    return path, run.recorder


class TestPage:
    def test_it_needs_nothing_else(self, report):
        text = report[0].read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href)=|url\(|@import|https?://", text)
        assert text.count("</script>") == 2

    def test_its_data_are_those_recorded(self, report):
        path, recorder = report
        data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', path.read_text(encoding="utf-8"))[1])
        assert data["title"] == "a </script> run"
        (side,) = data["sides"]
        assert [moment["time"] for moment in side["moments"]] == [moment.time_ns for moment in recorder.moments]
        assert data["kinds"] == [kind._asdict() for kind in KINDS]

    def test_fifty_steps_of_a_machine_stay_small(self):
        run = watch_run(StudyConfig(memory_pages=1 << 17, warmup_s=2), POLICIES["v3"], 1, steps=50)
        size = len(html_report(run.recorder))
        assert size < 2_500_000


DRIVER = """
<script>
const wait = setInterval(() => {
  const root = document.documentElement;
  if (root.dataset.ready !== "yes") return;
  clearInterval(wait);
  const found = {}, slider = document.getElementById("slider"), map = document.getElementById("map");
  const move = (clientX, clientY) =>
    map.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerType: "mouse" }));
  found.opened = { step: slider.value, hover: document.getElementById("hover").textContent, drawn: map.dataset.drawn };
  slider.value = 7;
  slider.dispatchEvent(new Event("input"));
  found.moved = { step: root.dataset.step, time: document.getElementById("time").textContent, drawn: map.dataset.drawn,
    spoken: slider.getAttribute("aria-valuetext"), table: document.getElementById("buddyinfo").textContent,
    legend: document.getElementById("legend").textContent };
  const box = map.getBoundingClientRect();
  const at = layout(), clientX = box.left + 3.5 * box.width / at.width, clientY = box.top + 4.5 * box.height / at.high;
  move(clientX, clientY);
  const tip = document.getElementById("hover"), place = tip.getBoundingClientRect();
  found.pointed = tip.textContent;
  found.away = Math.max(place.left - clientX, place.top - clientY);
  found.inside = place.left >= 0 && place.right <= innerWidth && place.top >= 0 && place.bottom <= innerHeight;
  map.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", cancelable: true }));
  found.arrowed = document.getElementById("hover").textContent;
  document.querySelector("[data-kind='1']").click();
  found.pressed = [...document.querySelectorAll(".kind[aria-pressed=true]")].map(button => button.dataset.kind).join();
  document.querySelector("[data-kind='1']").click();
  for (let k = 0; k < 12; k++) document.querySelector("[data-zoom='2']").click();
  const near = map.getBoundingClientRect(), page = near.width / at.width * state.zoom;
  found.page = page;
  move(near.left + 1, near.top + 1);
  const before = state.pfn;
  move(near.left + 1 + page, near.top + 1);
  found.neighbour = (state.pfn - before) / sides[0].factor;
  document.querySelector("[data-zoom='0']").click();
  found.whole = state.zoom;
  found.curves = document.querySelectorAll("svg polygon, svg path").length;
  found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
}, 20);
</script>
"""


DRIVER_OF_TWO = """
<script>
const wait = setInterval(() => {
  const root = document.documentElement;
  if (root.dataset.ready !== "yes") return;
  clearInterval(wait);
  const [left, right] = sides.map(side => side.canvas);
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify({ drawn: [left.dataset.drawn, right.dataset.drawn],
    hover: document.getElementById("hover").textContent, legend: document.getElementById("legend").textContent,
    beside: right.getBoundingClientRect().left - left.getBoundingClientRect().right,
    wide: root.scrollWidth - root.clientWidth });
  document.body.append(out);
}, 20);
</script>
"""


def browse(path, anchor="", size="1280,800"):
    """Open a page in a browser without a window: its document after everything has run, and what the console said."""
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--window-size={size}",
        "--virtual-time-budget=15000",
    ]
    command += [
        "--enable-logging=stderr",
        f"--user-data-dir={path.parent / 'profile'}",
        "--dump-dom",
        f"file://{path}{anchor}",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt-get install chromium")
class TestBrowser:
    @pytest.mark.parametrize("size", ["1280,800", pytest.param("500,900", marks=STRESS)])
    def test_the_page_draws_the_slider_moves_and_hover_tells(self, report, tmp_path, size):
        path, recorder = report
        page = tmp_path / "driven.html"
        page.write_text(path.read_text(encoding="utf-8").replace("</body>", DRIVER + "</body>"), encoding="utf-8")
        dom, console = browse(page, "#step=3&pfn=20000", size)
        assert console == []
        assert "data-error" not in dom
        found = json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', dom, re.S)[1]))
        moments = list(unpacked(recorder))
        drawn = [int((codes != 0).sum()) for codes, _ in moments]
        assert found["opened"]["step"] == "3"
        assert int(found["opened"]["drawn"]) == drawn[3]
        assert found["opened"]["hover"].startswith("PFN 20000 (0x4e20): ")
        assert self.described(recorder, 3, 20000) in found["opened"]["hover"]
        assert found["moved"]["step"] == "7"
        assert int(found["moved"]["drawn"]) == drawn[7]
        assert found["moved"]["time"] == found["moved"]["spoken"]
        assert "(8 of 12)" in found["moved"]["time"]
        assert recorder.moments[7].label in found["moved"]["time"]
        for order, blocks in enumerate(recorder.moments[7].nr_free[0]):
            assert f"{order}{blocks}{(blocks << order) // 256}." in found["moved"]["table"]
        for name, pages in recorder.moments[7].counts[0].items():
            text = next(kind.text for kind in KINDS if kind.name == name)
            assert f"{text}{pages}" in found["moved"]["legend"]
        pfn = 4 * 512 + 3 * recorder.factor
        assert found["pointed"].startswith(f"PFN {pfn} ")
        assert self.described(recorder, 7, pfn) in found["pointed"]
        assert 0 < found["away"] < 40, "the words stand where the pointer is"
        assert found["inside"]
        assert found["pressed"] == "1", "a click in the legend lets one kind stand out"
        assert found["page"] >= 30, "a page can be looked at"
        assert found["neighbour"] == 1
        assert found["whole"] == 1
        assert found["arrowed"].startswith(f"PFN {pfn + 512} ")
        assert found["curves"] == 11 + 2
        assert found["wide"] == 0, "no scrolling sideways"

    def described(self, recorder, step, pfn):
        """The kind of a page, as the page under the pointer is described."""
        codes, _ = list(unpacked(recorder))[step]
        page_map = PageMap("", 0, codes, recorder.zones[0].pageblock_order, ())
        return KINDS[page_map.kinds[pfn // recorder.factor]].text

    @pytest.mark.slow
    @pytest.mark.stress
    def test_a_machine_with_zones_and_one_moment(self, tmp_path):
        zones = [Zone(1, 4095, zone_idx=0, node_present_pages=(4095, 8192, 0, 0)),
                 Zone(4096, 8192, zone_idx=1, node_present_pages=(4095, 8192, 0, 0))]  # fmt: skip
        machine = Machine(zones, names=("DMA", "Normal"))
        machine.alloc_pages(3, GFP.KERNEL)
        recorder = Recorder()
        recorder.add(machine, 0)
        page = tmp_path / "page.html"
        page.write_text(html_report(recorder), encoding="utf-8")
        dom, console = browse(page)
        assert console == []
        assert "data-error" not in dom
        assert 'data-ready="yes"' in dom
        assert '<option value="0">DMA</option>' in dom
        assert f'data-drawn="{8192}"' in dom
        assert re.search(r'id="bar"[^>]*>\s*<button id="play"[^>]*hidden', dom), "nothing to play"
        assert dom.count('<section class="course" hidden') == 2, "nothing to draw over time"

    @pytest.mark.parametrize("size", ["1280,800", "390,844"])
    def test_two_runs_beside_each_other(self, tmp_path, size):
        runs = [(name, watch_run(SMALL, POLICIES[name], 1, steps=6).recorder) for name in ("none", "v3")]
        page = tmp_path / "page.html"
        told = html_comparison(runs, title="none | v3").replace("</body>", DRIVER_OF_TWO + "</body>")
        page.write_text(told, encoding="utf-8")
        dom, console = browse(page, "#step=4&pfn=20000", size)
        assert console == []
        assert "data-error" not in dom
        found = json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', dom, re.S)[1]))
        for drawn, (_, recorder) in zip(found["drawn"], runs, strict=True):
            assert int(drawn) == int((list(unpacked(recorder))[4][0] != 0).sum())
        assert re.match(r"PFN 20000 \(0x4e20\): none: .*v3: ", found["hover"])
        assert found["beside"] > 0
        assert found["wide"] == 0
        counts = [recorder.moments[4].counts[0].get("free", 0) for _, recorder in runs]
        assert "free, smaller" + "".join(f"{pages}{pages / 256:.1f}" for pages in counts) in found["legend"]

    def test_sides_of_different_machines_are_refused(self):
        recorders = [Recorder(), Recorder()]
        for pages, recorder in zip((64, 128), recorders, strict=True):
            recorder.add(Zone(0, pages, min_free_kbytes=0), 0)
        with pytest.raises(MisuseError, match="zones differ"):
            html_comparison([("a", recorders[0]), ("b", recorders[1])])
        with pytest.raises(MisuseError, match="one or two"):
            html_comparison([])

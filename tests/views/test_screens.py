"""Can the report be looked at, on a laptop, a large screen and a phone, by day and by night?"""

import html
import itertools
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from buddycap import POLICIES
from buddycap.study.config import StudyConfig
from buddycap.views.report import html_comparison, html_report
from buddycap.views.runs import watch_run

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENS = {"laptop": (1280, 800), "large": (1920, 1080), "phone": (390, 844)}
SCHEMES = {"light": 1, "dark": 0}  # what --blink-settings calls them

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt-get install chromium"),
]

# A browser's window has a least width, so the screen is a frame in a larger one.
FRAME = """<!DOCTYPE html><body style="margin: 0; overflow: hidden"><script>
addEventListener("message", event => {
  const out = document.createElement("pre");
  out.id = "found"; out.hidden = true; out.textContent = event.data;
  document.body.append(out);
});
</script><iframe src="PAGE" style="border: 0; width: WIDEpx; height: HIGHpx"></iframe>"""

# What is measured in the page: where things stand, how far the colours of words are from what they stand on.
LOOK = """
<script>
const wait = setInterval(() => {
  if (document.documentElement.dataset.ready !== "yes") return;
  clearInterval(wait);
  setTimeout(look, 300);
}, 20);

const box = thing => { const b = thing.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
const shown = thing => thing.getClientRects().length && thing.textContent.trim();
const all = words => [...document.querySelectorAll(words)].filter(shown);

function light(colour) {
  const parts = colour.match(/[0-9.]+/g).map(v => v / 255);
  const [r, g, b] = parts.map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function behind(thing) {
  for (let at = thing; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!colour.endsWith(", 0)")) return colour;
  }
  return "rgb(255, 255, 255)";
}

function contrast(thing) {
  const style = getComputedStyle(thing), ink = thing instanceof SVGElement ? style.fill : style.color;
  const [a, b] = [light(ink), light(behind(thing))].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}

function look() {
  const root = document.documentElement, words = all("h1, h2, p, output, button, td, th, #hover, svg text, h2 span");
  parent.postMessage(JSON.stringify({
    inner: [innerWidth, innerHeight],
    wide: root.scrollWidth - root.clientWidth,
    hover: box(document.getElementById("hover")),
    maps: [...document.querySelectorAll("canvas")].map(box),
    contrast: Math.min(...words.map(contrast)),
    labels: all("svg text").map(t => t.getBoundingClientRect().height),
    crossing: all("td, th").filter(t => t.scrollWidth > t.clientWidth + 1).length,
  }), "*");
}
</script>
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report and a comparison of two, with what measures them."""
    folder = tmp_path_factory.mktemp("pages")
    small = StudyConfig(memory_pages=1 << 15, warmup_s=1)
    runs = [(name, watch_run(small, POLICIES[name], 1, steps=6).recorder) for name in ("none", "v3")]
    texts = {
        "report": html_report(
            runs[1][1], title="128 MiB, x86_64, policy v3, seed 1", facts={"policy": "v3", "seed": "1"}
        ),
        "comparison": html_comparison(runs, title="128 MiB, x86_64, policy none | v3, seed 1"),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text.replace("</body>", LOOK + "</body>"), encoding="utf-8")
    return folder


def looked_at(page, screen, scheme, folder):
    """What is measured in a page on a screen, and the pixels of the screen."""
    image = pytest.importorskip("PIL.Image", reason="screenshots are read by Pillow: pip install 'buddycap[plot]'")
    wide, high = SCREENS[screen]
    frame, picture = folder / "frame.html", folder / "screen.png"
    text = FRAME.replace("PAGE", f"file://{page}#step=4&amp;pfn=20000")
    frame.write_text(text.replace("WIDE", str(wide)).replace("HIGH", str(high)))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={wide + 200},{high + 200}", "--virtual-time-budget=15000"]
    command += [f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", f"--user-data-dir={folder / 'profile'}"]
    command += [f"--screenshot={picture}", "--dump-dom", f"file://{frame}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    with image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB"))[:high, :wide]
    return json.loads(html.unescape(re.search(r'<pre id="found"[^>]*>(.*?)</pre>', result.stdout, re.S)[1])), pixels


USUAL = {("report", "laptop", "light"), ("report", "phone", "dark"), ("comparison", "laptop", "dark"),
         ("comparison", "large", "light"), ("comparison", "phone", "light")}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "screen", "scheme"),
    [
        pytest.param(*case, marks=() if case in USUAL else pytest.mark.stress)
        for case in itertools.product(("report", "comparison"), SCREENS, SCHEMES)
    ],
)
def test_a_screen_is_good_to_look_at(pages, page, screen, scheme, tmp_path):
    found, pixels = looked_at(pages / f"{page}.html", screen, scheme, tmp_path)
    wide, high = SCREENS[screen]
    assert pixels.shape == (high, wide, 3)
    assert (pixels[-1, 0] < 64).all() == (scheme == "dark"), "the paper is dark by night alone"
    assert found["inner"] == [wide, high]
    assert found["wide"] == 0, "no scrolling sideways"
    left, top, right, bottom = found["hover"]
    assert 8 <= left < right <= wide - 8, "words about a page are whole"
    assert 0 < top < bottom <= high
    assert found["contrast"] >= 4.5, "words can be read"
    assert found["labels"], "there are charts"
    assert min(found["labels"]) >= 11
    assert max(found["labels"]) <= 18, "labels of charts are as large as other words"
    assert found["crossing"] == 0
    assert len(found["maps"]) == 1 + (page == "comparison")
    for left, top, right, bottom in found["maps"]:
        assert 0 <= left < right <= wide
        assert bottom <= high, "a map is seen whole, without scrolling"
        drawn = pixels[int(top) : int(bottom), int(left) : int(right)].reshape(-1, 3)
        assert len(np.unique(drawn, axis=0)) >= 8, "kinds of pages have their colours"

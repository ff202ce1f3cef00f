"""Makes docs/study.md, its pictures and the table of README.md from runs; no number on these pages is typed by hand.

python tools/generate_study.py run DIR [NAME ...]   every study of the page, or some, by the commands it shows; resumes
python tools/generate_study.py collect DIR          their figures into docs/study.json, the pictures into docs/pictures
python tools/generate_study.py write                the pages from docs/study.json and tools/study.template

The figures of studies that DIR does not have stay as they are; each remembers the commit and the machine that made it.
"""

import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pages import placed
from sensitivity_tables import BLOCKS as SENSITIVITY_BLOCKS
from sensitivity_tables import RANGES, readme_hold
from study_pages import JOBS, filled, obey, run_studies, slim
from study_tables import BLOCKS as STUDY_BLOCKS
from study_tables import readme_table

from buddycap.study.aggregate import summarize
from buddycap.study.comparison import averaged, comparison
from buddycap.study.export import clean, machine_facts
from buddycap.study.plan import Plan
from buddycap.study.sensitivity import swings
from buddycap.study.store import Record, Store
from buddycap.study.summary import difference, grouped, identical
from buddycap.views.plots import draw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DOCS = ROOT / "docs"
FIGURES = DOCS / "study.json"
TEMPLATE = HERE / "study.template"
PAGE = DOCS / "study.md"
PICTURES = DOCS / "pictures"
README = ROOT / "README.md"
BLOCKS = STUDY_BLOCKS | SENSITIVITY_BLOCKS
RECORDING = "tests/data/kpageflags.mixed-1GiB.npz"
LOAD = "tests/data/load/compile-50000.npz"
ROUNDS = 6

BOTH = "study --preset x86_64,ppc64 --memory 4GiB"
HOLDING = "--policies none,v3,hold,docs/hold-16.toml,queue --seeds 8"
FOUR = "--sweep requesters=4 --sweep period_percent=400"  # each asks a quarter as often
HIGH = "--sweep min_free_kbytes=524288"  # 64 times what the kernel computes
STUDIES = {
    "compare": "compare",
    "ablations": f"{BOTH} --ablations --seeds 8",
    "memory": "study --sweep memory=1GiB,2GiB,4GiB,8GiB,16GiB --seeds 3",
    "small": "study --seeds 24",
    "recording": f"study --from {RECORDING} --seeds 24",
    "load": f"study --memory 1GiB --load {LOAD} --seeds 12",
    "policies": "compare --policies all --seeds 12",
    "sensitivity": f"{BOTH} --sensitivity 25 --vary load --seeds 8",
    "slope": f"{BOTH} --sweep hot_pages=26250,31500,35000,38500,43750 --seeds 8",
    "requesters": f"{BOTH} {HOLDING} {FOUR}",
    "marks": f"{BOTH} {HOLDING} {HIGH}",
    "both": f"{BOTH} {HOLDING} {HIGH} {FOUR}",
    "both-1GiB": f"study {HOLDING} --sweep min_free_kbytes=262144 {FOUR}",
}
SPEED = "study --memory 4GiB --seeds 6"
PICTURED = {
    "policies": ("success", "course", "harvest", "latency", "steals"),
    "ablations": ("cases",),
    "memory": ("memory",),
    "sensitivity": ("tornado",),
}
KEPT = (
    "success_percent", "ceiling_percent", "latency_ms", "steals", "givebacks", "holds", "rescued", "clean_left",
    "free_percent", "queue_waits", "blocked_ms", "background_per_s", "failed_kernel_page", "failed_page_kept",
    "failed_stolen", "failed_nothing_isolated", "failed_watermark",
)  # fmt: skip


def run(folder: Path, names: Sequence[str] = ()) -> None:
    """Run every study, and measure how much faster two workers are than one; or run the studies of some names."""
    run_studies(STUDIES, folder, names)
    if not names and not (folder / "speed.json").exists():
        (folder / "speed.json").write_text(json.dumps(_speed()) + "\n")


def _speed() -> dict[str, object]:
    """Return the time that one and two workers take, in turn, several times."""
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(ROUNDS):
        for jobs, found in seconds.items():
            begin = time.perf_counter()
            command = [sys.executable, "-m", "buddycap", *shlex.split(SPEED), "--jobs", jobs, "--json"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            found.append(time.perf_counter() - begin)
    return {"command": SPEED, "seconds": seconds}


def collect(folder: Path) -> None:
    """Gather the figures of the studies in a folder and draw their pictures."""
    result = json.loads(FIGURES.read_text(encoding="utf-8"))
    result |= {"commands": STUDIES, "jobs": JOBS}
    commit = (folder / "commit").read_text().strip()
    for name in STUDIES:
        if not (folder / name).exists():
            continue
        with Store.open(folder / name) as store:
            plan = store.plan
            records = store.records(plan)
            if name == "sensitivity":
                result[name] = swings(plan, records)
            elif name in RANGES:
                result[name] = _against_v3(plan, records)
            elif name in ("compare", "policies"):
                result[name] = _compared(plan, records)
                result[f"{name}_rows"] = summarize(*averaged(plan, records))
            else:
                result[name] = summarize(plan, records)
            if name == "memory":
                result["cost"] = _cost(store)
            cpu_s = sum(store.cpu_s(task) or 0.0 for _, task in plan.tasks())
            made = {"commit": commit, "machine": machine_facts(), "runs": len(records), "cpu_s": cpu_s}
            result["made"][name] = made
        if name in PICTURED:
            draw(folder / name, PICTURES, only=PICTURED[name])
    if (folder / "speed.json").exists():
        result["speed"] = json.loads((folder / "speed.json").read_text())
    FIGURES.write_text(json.dumps(slim(clean(result), KEPT), indent=1) + "\n")


def _compared(plan: Plan, records: list[Record]) -> dict[str, object]:
    """Return the comparison without what the pages do not show."""
    found = comparison(plan, records)
    for row in found["policies"]:
        for machine in row["machines"].values():
            del machine["figures"]
    found["periods"] = [row for row in found["periods"] if row["policy"] in ("none", "v3")]
    return found


def _against_v3(plan: Plan, records: list[Record]) -> list[dict[str, object]]:
    """Return the rows of a study, each beside v3 too."""
    groups = grouped(records)
    rows = summarize(plan, records)
    for row in rows:
        own, v3 = (groups[row["case"], policy] for policy in (row["policy"], "v3"))
        row |= {"against": difference(own, v3), "same": identical(own, v3)}
    return rows


def _cost(store: Store) -> list[dict[str, object]]:
    """Return the medians of CPU seconds, events and simulated seconds for each size of memory and policy."""
    found: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for case, task in store.plan.tasks():
        figures = store.record(case, task).summary
        values = (store.cpu_s(task), figures["events"], figures["pass_s"])
        found.setdefault((case.config.memory_pages, task.policy.name), []).append(values)
    return [
        {"memory_pages": pages, "policy": policy, "runs": len(values)}
        | dict(zip(("cpu_s", "events", "pass_s"), map(statistics.median, zip(*values, strict=True)), strict=True))
        for (pages, policy), values in found.items()
    ]


def page(figures: dict[str, object]) -> str:
    """Return docs/study.md."""
    return filled(TEMPLATE, BLOCKS, figures)


def readme(text: str, figures: dict[str, object]) -> str:
    """Return README.md with its table, and what holding on is worth."""
    return placed(placed(text, "study", readme_table(figures)), "hold", readme_hold(figures))


def write() -> None:
    """Write the pages."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    PAGE.write_text(page(figures), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8"), figures), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(obey(sys.argv[1:], __doc__, run, collect, write))

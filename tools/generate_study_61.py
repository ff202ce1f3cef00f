"""Makes docs/study-6.1.md from runs, as generate_study.py makes docs/study.md; no result is typed by hand.

python tools/generate_study_61.py run DIR [NAME ...]   every study of the page, or some; resumes
python tools/generate_study_61.py collect DIR          their figures into docs/study-6.1.json; draws the picture
python tools/generate_study_61.py write                the page, from these figures and tools/study-6.1.template
"""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from study_61_tables import BLOCKS
from study_pages import filled, obey, run_studies, slim, without_needed

from buddycap.study.aggregate import summarize
from buddycap.study.export import clean, machine_facts
from buddycap.study.faultcomparison import fault_comparison, judged
from buddycap.study.plan import Plan
from buddycap.study.sensitivity import swings
from buddycap.study.store import Record, Store
from buddycap.study.summary import grouped
from buddycap.views.plots import draw

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
FIGURES = DOCS / "study-6.1.json"
TEMPLATE = HERE / "study-6.1.template"
PAGE = DOCS / "study-6.1.md"
PICTURE = DOCS / "pictures" / "tornado-6.1.png"

FAULTS = "study --kernel 6.1 --memory 4GiB"
STUDIES = {
    "compare": "compare --kernel 6.1 --seeds 16",
    "policies": f"{FAULTS} --policies all --seeds 16",
    "years": "study --threads 12 --memory 4GiB --sweep kernel=2.6.27,6.1 --sweep threads=3,12,32 "
    "--policies none,v3,off,capture --seeds 16",
    "window": f"{FAULTS} --sweep batch_ns=5000,100000,1000000 --seeds 16",
    "alone": f"{FAULTS} --threads 1 --sweep readers=0 --sweep kernel_rate_hz=0 --sweep resident_permille=0 "
    "--sweep warmup_permille=1150 --sweep stream_mib_per_s=0.001 --seeds 8",
    "defrag": f"{FAULTS} --sweep defrag=always,madvise,defer,never --seeds 8",
    "sensitivity": f"{FAULTS} --sensitivity 25 --vary load --seeds 8",
}
KEPT = (
    *("success_percent", "huge", "latency_ms", "latency_huge_ms", "latency_base_ms", "compact_migrate_scanned"),
    *("compact_free_scanned", "stall_success_percent", "compact_stall", "compact_success", "reclaims"),
    *("direct_success", "direct_captured", "direct_complete", "direct_deferred", "direct_skipped"),
    *(f"decile{k}_{kind}_ms" for kind in ("huge", "base") for k in (1, 5, 9)),
)


def collect(folder: Path) -> None:
    """Gather the figures of the studies in a folder and draw the picture."""
    result = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {"made": {}}
    result |= {"commands": STUDIES}
    commit = (folder / "commit").read_text().strip()
    for name in STUDIES:
        if not (folder / name).exists():
            continue
        with Store.open(folder / name) as store:
            plan = store.plan
            records = store.records(plan)
            result[name] = _figures(name, plan, records)
            cpu_s = sum(store.cpu_s(task) or 0.0 for _, task in plan.tasks())
        made = {"commit": commit, "machine": machine_facts(), "runs": len(records), "cpu_s": cpu_s}
        result["made"][name] = made | {"seeds": [plan.seeds[0], plan.seeds[-1]]}
        if name == "sensitivity":
            with tempfile.TemporaryDirectory() as drawn:
                PICTURE.write_bytes(draw(folder / name, drawn, only=("tornado",))[0].read_bytes())
    FIGURES.write_text(json.dumps(slim(without_needed(clean(result)), KEPT), indent=1) + "\n")


def _figures(name: str, plan: Plan, records: list[Record]) -> object:
    """Return what the page shows of a study."""
    if name == "compare":
        return fault_comparison(plan, records)
    if name == "sensitivity":
        return swings(plan, records)
    rows = summarize(plan, records)
    return judged(rows, grouped(records), "12 threads, memory full of files") if name == "policies" else rows


def page(figures: dict[str, object]) -> str:
    """Return docs/study-6.1.md."""
    return filled(TEMPLATE, BLOCKS, figures)


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(obey(sys.argv[1:], __doc__, partial(run_studies, STUDIES), collect, write))

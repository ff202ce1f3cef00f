"""Makes docs/study-6.1.md from runs, as generate_study.py makes docs/study.md; no result is typed by hand.

python tools/generate_study_61.py run DIR [NAME ...]   every study of the page, or some; resumes
python tools/generate_study_61.py collect DIR          their figures into docs/study-6.1.json; draws the picture
python tools/generate_study_61.py write                the page, from these figures and tools/study-6.1.template
"""

import json
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from generate_study import commit_of_the_tree
from study_61_tables import BLOCKS

from buddycap.cli import main as buddycap
from buddycap.study.export import clean, machine_facts
from buddycap.study.faultcomparison import CHANGES, fault_comparison, relative
from buddycap.study.findings import finding, verdict
from buddycap.study.plan import Plan
from buddycap.study.sensitivity import swings
from buddycap.study.store import Record, Store
from buddycap.study.summary import difference, grouped, summarize
from buddycap.views.plots import draw

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
FIGURES = DOCS / "study-6.1.json"
TEMPLATE = HERE / "study-6.1.template"
PAGE = DOCS / "study-6.1.md"
PICTURE = DOCS / "pictures" / "tornado-6.1.png"
PLACE = re.compile(r"\{\{(\w+)\}\}")
JOBS = 2

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


def run(folder: Path, names: Sequence[str] = ()) -> None:
    """Run every study, or those of some names."""
    unknown = set(names) - set(STUDIES)
    if unknown:
        raise SystemExit(f"no such study: {', '.join(sorted(unknown))}; there are {', '.join(STUDIES)}")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "commit").exists():
        (folder / "commit").write_text(commit_of_the_tree() + "\n")
    for name in names or STUDIES:
        resume = ["--resume"] if (folder / name).exists() else []
        command = [*shlex.split(STUDIES[name]), "--jobs", str(JOBS), "--out", str(folder / name), *resume]
        print("buddycap", *command, flush=True)
        begin = time.perf_counter()
        if buddycap(command):
            raise SystemExit(f"{name} has errors")
        print(f"{time.perf_counter() - begin:.0f} s\n", flush=True)


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
    FIGURES.write_text(json.dumps(_slim(clean(result)), indent=1) + "\n")


def _figures(name: str, plan: Plan, records: list[Record]) -> object:
    """Return what the page shows of a study."""
    if name == "compare":
        return fault_comparison(plan, records)
    if name == "sensitivity":
        return swings(plan, records)
    rows = summarize(plan, records)
    return _judged(rows, plan, records) if name == "policies" else rows


def _judged(rows: list[dict[str, object]], plan: Plan, records: list[Record]) -> list[dict[str, object]]:
    """Return the rows of a study of policies, with changes over the first, beside `capture`, and verdicts."""
    groups = grouped(records)
    for row in rows:
        own, base, now = (groups.get((row["case"], name), []) for name in (row["policy"], "off", "capture"))
        row["changes"] = {figure: relative(own, base, figure) for figure in CHANGES}
        row["against"] = difference(own, now)
        if row["policy"] != "off":
            is_now = row["policy"] == "capture"
            found = {"this load": finding(own, base, [] if is_now else now)}
            row["verdict"] = verdict(found, "capture", is_now, where="12 threads, memory full of files")
    return rows


def _slim(value: object) -> object:
    """Return the figures that the page shows, to six digits."""
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name != "needed"}
        figures = value.get("figures")
        if isinstance(figures, dict):
            value = {**value, "figures": {name: figures[name] for name in KEPT if name in figures}}
        return {name: _slim(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_slim(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def page(figures: dict[str, object]) -> str:
    """Return docs/study-6.1.md."""
    text = TEMPLATE.read_text(encoding="utf-8")
    unknown = set(PLACE.findall(text)) - set(BLOCKS)
    if unknown:
        raise SystemExit(f"{TEMPLATE}: no such block: {', '.join(sorted(unknown))}")
    return PLACE.sub(lambda match: BLOCKS[match[1]](figures), text)


def main(words: list[str]) -> int:
    """Run the command line above."""
    if words == ["write"]:
        PAGE.write_text(page(json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8")
    elif len(words) == 2 and words[0] == "collect":
        collect(Path(words[1]))
    elif len(words) > 1 and words[0] == "run":
        run(Path(words[1]), words[2:])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

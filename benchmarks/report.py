"""Makes docs/performance.md from results: ``python benchmarks/report.py``, or with files of your own.

The text depends on the results alone, so a test can compare it; pictures need matplotlib (`--pictures`).
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import races
from cbuild import HERE
from workloads import parse_size

Record = dict[str, Any]

RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"
PICTURES = PAGE.parent / "pictures"
REMARKS = HERE / "remarks.toml"
BUDDYCAP = (races.SINGLES, races.RUN, races.BULK)
OLDEST = "2.6.27"  # the kernel of records that name none
TABLE_SIZES = ("1GiB", "16GiB")
SCALING = ("free_random", "free_half", "alloc_merged", "alloc_fragmented", "mixed")
TEMPLATE = HERE / "performance.template.md"


# --- results ------------------------------------------------------------------------------------------------------


def read(paths: Iterable[Path]) -> list[Record]:
    """All records with the machine of their run; a later one replaces an earlier one of the same measurement."""
    latest: dict[tuple, Record] = {}
    for path in paths:
        machine = None
        for text in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(text)
            if "machine" in record and "title" not in record:
                machine = record["machine"]
                continue
            record.setdefault("kernel", OLDEST)
            key = tuple(record.get(part) for part in ("kernel", "workload", "size", "contender", "baseline", "unit"))
            latest[key] = {**record, "machine": machine}
    return list(latest.values())


def committed() -> list[Path]:
    """The results that the page is made of."""
    return sorted(RESULTS.glob("*.jsonl"))


def unique(records: Iterable[Record], key: str) -> list[Any]:
    """The values of `key`, in the order in which they first come."""
    return list(dict.fromkeys(record[key] for record in records))


# --- cells --------------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """About three significant digits.

    >>> number(166.4), number(10.56), number(0.0312), number(2_500_000.0)
    ('166', '10.6', '0.031', '2,500,000')
    """
    if value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def spread(values: dict[str, float]) -> str:
    """``median (min-max)``, or one number if they are the same."""
    if values["min"] == values["max"]:
        return number(values["median"])
    return f"{number(values['median'])} ({number(values['min'])}-{number(values['max'])})"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


# --- sections -----------------------------------------------------------------------------------------------------


def goals(records: list[Record], remarks: dict[str, str]) -> list[str]:
    """Goals with what was measured, and what there is to say where one was missed."""
    rows, missed = [], {}
    aims = [record for record in records if record["goal"] is not None]
    for record in sorted(aims, key=lambda record: parse_size(record["size"])):
        bound = "at most" if record["lower_is_better"] else "at least"
        prototype = races.PROTOTYPE.get(record["workload"], {}).get(record["size"])
        if record["kernel"] != OLDEST or record["baseline"] not in (races.BASELINE, races.PAIR_BASELINE):
            prototype = None
        plain = record["baseline"] in (races.BASELINE, races.BYTES_BASELINE)
        against = "" if plain else f", to {record['baseline']}"
        verdict = "reached" if record["reached"] else "**missed**"
        rows.append([f"{record['title']}{against}", record["size"], f"{bound} {record['goal']:g}",
                     spread(record["ratio"]), "" if prototype is None else f"{prototype:g}", verdict])  # fmt: skip
        if not record["reached"]:
            missed.setdefault(record["workload"], []).append(record["size"])
    head = ["workload", "size", "goal", "measured", "prototype", ""]
    titles = {record["workload"]: record["title"] for record in records}
    titles["alloc_iota"] = f"{titles.get('alloc_iota')}, to {races.IOTA_BASELINE}"
    said = [
        f"* **{titles[key]}** ({', '.join(sizes)}): {remarks.get(key, 'missed; no reason is known yet.')}"
        for key, sizes in missed.items()
    ]
    return [*table(head, rows), *(["", *said] if said else [])]


def matrix(records: list[Record], cell: str) -> list[str]:
    """Per size, workloads down and contenders across."""
    lines = []
    measured = unique(records, "size")
    for size in [size for size in TABLE_SIZES if size in measured]:
        here = [record for record in records if record["size"] == size]
        names = unique(here, "contender")
        cells = {(record["title"], record["contender"]): spread(record[cell]) for record in here}
        rows = [[title, *(cells.get((title, name), "") for name in names)] for title in unique(here, "title")]
        lines += [f"### {size}", "", *table(["workload", *names], rows), ""]
    return lines[:-1]


def calls(records: list[Record]) -> list[str]:
    """What a call from Python costs."""
    here = [record for record in records if record["baseline"] == races.PAIR_BASELINE]
    rows = [[record["title"], spread(record["ratio"]), spread(record["ns"])] for record in here]
    return table(["calls", "times two empty calls", "ns"], rows)


def losses(records: list[Record]) -> list[str]:
    """Where the best way through buddycap is slower than somebody else."""
    lines = []
    for title, size in dict.fromkeys((record["title"], record["size"]) for record in records):
        here = {r["contender"]: r for r in records if (r["title"], r["size"]) == (title, size)}
        ours = [here[name] for name in BUDDYCAP if name in here]
        if not ours:
            continue
        best = max(ours, key=lambda record: record["ratio"]["median"])
        for name, other in here.items():
            if name not in BUDDYCAP and other["ratio"]["median"] > best["ratio"]["median"]:
                lead = other["ratio"]["median"] / best["ratio"]["median"]
                lines.append(f"* {title}, {size}: {name} is {number(lead)} times as fast as {best['contender']}.")
    return lines or ["Against these contenders, on these workloads: nothing in this run."]


def scaling(records: list[Record]) -> list[str]:
    """Ratio of the best way through buddycap to the baseline, by size."""
    sizes = sorted(unique(records, "size"), key=parse_size)
    rows = []
    for key in SCALING:
        here = [record for record in records if record["workload"] == key and record["contender"] in BUDDYCAP]
        cells = []
        for size in sizes:
            there = [record for record in here if record["size"] == size and record["baseline"] == races.BASELINE]
            best = max(there, key=lambda record: record["ratio"]["median"], default=None)
            cells.append("" if best is None else spread(best["ratio"]))
        rows += [[here[0]["title"], *cells]] if here else []
    return table(["workload", *sizes], rows)


def units(records: list[Record]) -> list[str]:
    """What pytest-benchmark has measured: the rates."""
    rows = [
        [record["title"], record["size"], number(record["per_second"]), record["unit"]]
        for record in records
        if record.get("per_second")
    ]
    return table(["what", "size", "a second", "unit"], rows)


def machines(records: list[Record]) -> list[str]:
    """Where the figures come from."""
    lines = []
    for text in {json.dumps(record["machine"], sort_keys=True) for record in records}:
        machine = json.loads(text)
        loads = [record["load"] for record in records if record["machine"] == machine]
        versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        lines.append(
            f"* {machine['date']}, commit {machine['commit']}{' (with changes)' if machine['dirty'] else ''}: "
            f"{machine['cpu']}, {machine['cores']} cores, {machine['caches']}; Linux {machine['kernel']}, huge pages "
            f"{machine['huge_pages']}; load {min(loads):g} to {max(loads):g}; baseline {machine['compiler']}, "
            f"`{machine['cflags']}`; buddycap `{machine['build']['flags']}`; Python {machine['python']}, {versions}"
        )
    return sorted(lines)


def page(records: list[Record]) -> str:
    """The whole document."""
    remarks = tomllib.loads(REMARKS.read_text(encoding="utf-8"))
    raced = [record for record in records if record.get("baseline") and record["kernel"] == OLDEST]
    modern = [record for record in records if record.get("baseline") and record["kernel"] == "6.1"]
    versus_c = [record for record in raced if record["baseline"] == races.BASELINE]
    modern_versus_c = [record for record in modern if record["baseline"] == races.BASELINE]
    others = [record for record in records if not record.get("baseline")]
    parts = {
        "goals": goals([record for record in raced if record["size"] in TABLE_SIZES], remarks),
        "ratios": matrix(versus_c, "ratio"),
        "calls": calls(raced),
        "goals-6.1": goals([record for record in modern if record["size"] in TABLE_SIZES], remarks),
        "ratios-6.1": matrix(modern_versus_c, "ratio"),
        "calls-6.1": calls(modern),
        "losses-6.1": losses(modern_versus_c),
        "losses": losses(versus_c),
        "scaling": scaling(versus_c),
        "units": units(others),
        "times": matrix(versus_c, "ns"),
        "machines": machines(records),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, lines in parts.items():
        text = text.replace(f"@{name}@", "\n".join(lines))
    return text


# --- pictures -----------------------------------------------------------------------------------------------------


def pictures(records: list[Record], folder: Path) -> None:
    """Log-log plots of time and of ratio over the size of the zone, as SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update({"svg.hashsalt": "buddycap", "svg.fonttype": "none"})
    versus_c = [r for r in records if r.get("baseline") == races.BASELINE and r["kernel"] == OLDEST]
    chosen = [r for r in versus_c if r["workload"] in SCALING and r["contender"] in (races.BASELINE, *BUDDYCAP[1:])]
    for name, cell, label in (
        ("scaling-ns", "ns", "ns per operation (less is better)"),
        ("scaling-ratio", "ratio", "times the kernel-style C (more is better)"),
    ):
        figure = Figure(figsize=(12, 6.4), layout="constrained")
        grid = figure.subplots(2, 3)
        for axes, workload in zip(grid.flat, SCALING, strict=False):
            _curves(axes, [record for record in chosen if record["workload"] == workload], cell)
            axes.set(xlabel="size of the zone", ylabel=label)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        more = dict(zip(*reversed(grid.flat[4].get_legend_handles_labels()), strict=True))
        both = {**dict(zip(labels, handles, strict=True)), **more}
        grid.flat[5].axis("off")
        grid.flat[5].legend(both.values(), both.keys(), loc="center")
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def _curves(axes: Any, records: list[Record], cell: str) -> None:
    """One plot: a line for each contender, with its spread."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    for contender in unique(records, "contender"):
        points = sorted((r for r in records if r["contender"] == contender), key=lambda record: record["pages"])
        x = [record["pages"] for record in points]
        middle, low, high = ([record[cell][part] for record in points] for part in ("median", "min", "max"))
        colour = f"C{(races.BASELINE, *BUDDYCAP).index(contender)}"
        axes.loglog(x, middle, marker="o", markersize=4, color=colour, label=contender)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    sizes = {record["pages"]: record["size"] for record in records}
    axes.set_xticks(list(sizes), list(sizes.values()), rotation=30)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(records[0]["title"] if records else "", fontsize=10)
    axes.grid(True, which="major", alpha=0.3)


def main(argv: list[str] | None = None) -> int:
    """Write the document, or see whether it is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="*", help="JSON lines (default: those in benchmarks/results)")
    parser.add_argument("--output", type=Path, default=PAGE)
    parser.add_argument("--pictures", action="store_true", help="draw the plots, too (needs matplotlib)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if it would change")
    args = parser.parse_args(argv)
    records = read(args.results or committed())
    text = page(records)
    if args.check:
        return int(not args.output.exists() or args.output.read_text(encoding="utf-8") != text)
    args.output.write_text(text, encoding="utf-8")
    if args.pictures:
        pictures(records, PICTURES)
    return 0


if __name__ == "__main__":
    sys.exit(main())

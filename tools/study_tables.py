"""The blocks of docs/study.md: tables and sentences made from the figures of docs/study.json."""

from collections.abc import Callable, Sequence
from typing import Any

from pages import table

from buddycap.study.summary import resampled, shown

Figures = dict[str, Any]
Row = dict[str, Any]

MACHINES = {"x86_64": "x86-64", "ppc64": "ppc64"}
GIB_PAGES = 1 << 18
WANTED_SPEED = 1.8  # of two workers beside one
_PRICES = (
    ("background_per_s", "background pages/s", 0),
    ("blocked_ms", "others blocked, ms", 0),
    ("clean_left", "clean blocks left", 1),
    ("givebacks", "give-backs", 1),
    ("rescued", "rescued by holding", 1),
)


def figure(row: Row, name: str, digits: int = 2) -> str:
    """Return a figure of a row, or a dash."""
    return shown(row["figures"].get(name), digits)


def gain(row: Row) -> str:
    """Return the gain of a row, bold where its interval excludes 0."""
    value = row["gain"]
    text = shown(value, signed=True)
    return f"**{text}**" if value and value["n"] > 1 and abs(value["mean"]) > value["half_width"] else text


def published(figures: Figures) -> str:
    """The published figures alone."""
    rows = [
        [MACHINES[row["preset"]], f"{told['without']:.1f}", f"{told['with']:.1f}", f"{told['gain']:+.2f}",
         f"{100 * told['gain'] / told['without']:+.1f} %"]
        for row in figures["compare"]["machines"]
        for told in [row["published"]]
    ]  # fmt: skip
    return table(["machine", "mainline, %", "with capture, %", "gain, points", "relative"], rows)


def compared(figures: Figures) -> str:
    """The published figures beside ours."""
    rows = []
    for row in figures["compare"]["machines"]:
        told, found = row["published"], row["gain"]
        rows.append(
            [
                MACHINES[row["preset"]],
                f"{told['without']:.1f} → {told['with']:.1f} ({told['gain']:+.2f})",
                shown(row["without"]),
                shown(row["with"]),
                gain(row),
                resampled(found),
                f"{100 * found['mean'] / row['without']['mean']:+.1f} %",
                str(found["needed"]),
            ]
        )
    heads = ["machine", "published", "none, %", "v3, %", "gain ± t", "bootstrap", "relative", "seeds for ± 0.5"]
    return table(heads, rows)


def compared_said(figures: Figures) -> str:
    """What the comparison shows and what it does not, in sentences that follow from it."""
    told = []
    for row in figures["compare"]["machines"]:
        off = row["baseline_off_by"]
        near = "within 3 points of" if abs(off) <= 3 else "NOT within 3 points of"
        above = "lies above 0" if row["above_zero"] else "does NOT lie above 0"
        inside = "contains" if row["contains_published"] else "does NOT contain"
        told.append(
            f"- {MACHINES[row['preset']]}: the baseline is {near} the published one ({off:+.2f}); the interval of the "
            f"gain {above} and {inside} the published {row['published']['gain']:+.2f}."
        )
    return "\n".join(told)


def calibrated(figures: Figures) -> str:
    """What was set for each machine."""
    chosen = figures["compare"]["calibrated"]
    names = list(dict.fromkeys(name for values in chosen.values() for name in values))
    rows = [[f"`{name}`", *(str(values.get(name, "")) for values in chosen.values())] for name in names]
    return table(["parameter", *(MACHINES[name] for name in chosen)], rows)


def periods(figures: Figures) -> str:
    """Each machine at each period."""
    rows = [
        [
            row["case"],
            row["policy"],
            figure(row, "success_percent"),
            gain(row) if row["gain"] else "-",
            figure(row, "latency_ms", 0),
            figure(row, "steals", 0),
        ]
        for row in figures["compare"]["periods"]
        if row["policy"] in ("none", "v3")
    ]
    return table(["case", "policy", "success, %", "gain, points", "latency, ms", "pages stolen"], rows)


def presets(figures: Figures) -> list[str]:
    """Return the machines of the comparison."""
    return [row["preset"] for row in figures["compare"]["machines"]]


def by_case(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Return rows by case and policy."""
    return {(row["case"], row["policy"]): row for row in rows}


def each_policy(figures: Figures, cells: Callable[[Row], list[str]]) -> list[list[str]]:
    """Return a row for each policy: its name, and the cells of its row on each machine."""
    found = by_case(figures["policies_rows"])
    return [
        [policy, *(cell for name in presets(figures) for cell in cells(found[name, policy]))]
        for policy in dict.fromkeys(row["policy"] for row in figures["policies_rows"])
    ]


def each_machine(figures: Figures, first: str, *rest: str) -> list[str]:
    """Return the heads of a table of policies; the first of each machine names it."""
    heads = ["policy"]
    for name in presets(figures):
        heads += [f"{MACHINES[name]}: {first}", *rest]
    return heads


def policies(figures: Figures) -> str:
    """Every policy on both machines."""
    rows = each_policy(
        figures,
        lambda row: [
            figure(row, "success_percent"),
            gain(row),
            figure(row, "latency_ms", 0),
            figure(row, "steals", 0),
        ],
    )
    return table(each_machine(figures, "success, %", "gain", "latency, ms", "stolen"), rows)


def prices(figures: Figures) -> str:
    """What each policy costs the others, and what it leaves behind."""
    rows = each_policy(figures, lambda row: [figure(row, name, digits) for name, _, digits in _PRICES])
    return table(each_machine(figures, *(title for _, title, _ in _PRICES)), rows)


def verdicts(figures: Figures) -> str:
    """The verdict on each policy."""
    rows = [
        [f"`{row['policy']}`", row["source"], row["rule"], row["verdict"]] for row in figures["policies"]["policies"]
    ]
    return table(["policy", "proposed", "rule", "verdict"], rows)


def findings(figures: Figures) -> str:
    """Against v3, on each machine."""
    rows = []
    for row in figures["policies"]["policies"]:
        cells = [row["policy"]]
        for name in presets(figures):
            found = row["machines"][name]
            cells += [shown(found["against"], signed=True) if found["against"]["n"] else "-", found["words"]]
        rows.append(cells)
    return table(each_machine(figures, "less v3", "finding"), rows)


def cases(rows: Sequence[Row]) -> str:
    """Baseline and gain of v3 for each case, machine by machine."""
    baseline = {row["case"]: row for row in rows if row["gain"] is None}
    found = [
        [row["case"], figure(baseline[row["case"]], "success_percent"), gain(row), figure(row, "latency_ms", 0)]
        for row in rows
        if row["gain"] is not None
    ]
    return table(["case", "none, %", "gain of v3, points", "latency with v3, ms"], found)


def ablations(figures: Figures) -> str:
    """Each cause of the effect taken away."""
    return cases(figures["ablations"])


def kswapd_work(figures: Figures) -> str:
    """What a request meets with kswapd as it is, and with one that works for single pages only."""
    found = by_case(figures["ablations"])
    names = ("steals", "background_per_s", "failed_stolen", "clean_left")
    rows = []
    for machine, name in MACHINES.items():
        for case, told in ((machine, "the order asked for"), (f"{machine} kswapd for order 0 only", "order 0 only")):
            for policy in ("none", "v3"):
                cells = [figure(found[case, policy], column, 0) for column in names]
                rows.append([name, told, policy, *cells])
    heads = ["machine", "kswapd for", "policy", "stolen, pages a request", "others allocate, pages/s"]
    return table([*heads, "failed by theft", "clean blocks left"], rows)


def recorded(figures: Figures) -> str:
    """Where memory or load come from a real machine."""
    rows = []
    for name, key in (
        ("synthetic warm-up and builds", "small"),
        ("memory of a running machine, synthetic builds", "recording"),
        ("synthetic warm-up, allocations of a recorded build", "load"),
    ):
        none, v3 = figures[key]
        change = [figure(row, name, 0) for name in ("latency_ms", "steals") for row in (none, v3)]
        rows.append([name, figure(none, "success_percent"), gain(v3), *change])
    heads = ["1 GiB, order 9", "none, %", "gain of v3, points", "latency: none, ms", "v3", "stolen: none", "v3"]
    return table(heads, rows)


def cost(figures: Figures) -> str:
    """CPU time by size of memory."""
    rows = figures["cost"]
    base = {row["policy"]: row for row in reversed(rows)}
    found = []
    for row in rows:
        first = base[row["policy"]]
        times = row["memory_pages"] / first["memory_pages"]
        found.append(
            [
                f"{row['memory_pages'] / GIB_PAGES:g} GiB",
                row["policy"],
                f"{row['cpu_s']:.2f}",
                f"{row['cpu_s'] / first['cpu_s'] / times:.2f}",
                f"{row['events'] / first['events'] / times:.2f}",
                f"{1e6 * row['cpu_s'] / row['events']:.2f}",
                f"{row['pass_s']:.0f}",
            ]
        )
    heads = ["memory", "policy", "CPU s", "times linear", "events, times linear", "us per event", "simulated s"]
    return table(heads, found)


def speed(figures: Figures) -> str:
    """One worker and two."""
    seconds = figures["speed"]["seconds"]
    one, two = (sorted(seconds[jobs]) for jobs in ("1", "2"))
    middle = [values[len(values) // 2] for values in (one, two)]
    ratios = [a / b for a, b in zip(seconds["1"], seconds["2"], strict=True)]
    rows = [
        [f"`buddycap {figures['speed']['command']} --jobs {jobs}`", f"{mid:.1f}", f"{values[0]:.1f}-{values[-1]:.1f}"]
        for jobs, mid, values in (("1", middle[0], one), ("2", middle[1], two))
    ]
    faster = middle[0] / middle[1]
    said = f"Two workers are {faster:.2f} times as fast as one ({min(ratios):.2f}-{max(ratios):.2f})."
    if faster < WANTED_SPEED:
        said += f" Wanted were {WANTED_SPEED}; runs share nothing, so what is missing is start-up and other work there."
    cpu_s = figures["made"]["compare"]["cpu_s"]
    minutes = cpu_s / 60 / faster
    said += f"\n\nThe comparison above took {cpu_s:.0f} s of CPU, so {minutes:.1f} minutes with two workers like these."
    return table(["command", "median, s", "least-most, s"], rows) + "\n\n" + said


def commands(figures: Figures) -> str:
    """The commands of the page."""
    return "\n".join(f"    buddycap {words} --out DIR/{name}" for name, words in figures["commands"].items())


def provenance(figures: Figures) -> str:
    """Where the numbers come from: a line for each commit and machine."""
    origins: dict[str, list[str]] = {}
    for name, made in figures["made"].items():
        facts = made["machine"]
        said = (
            f"commit {made['commit']} (code {facts['code']}); {facts['cpu']}, {facts['cpus']} CPUs shared with others; "
            f"Python {facts['python']}, numpy {facts['numpy']}, {facts['platform']}"
        )
        origins.setdefault(said, []).append(name)
    seeds = figures["compare"]["seeds"]
    runs, cpu_s = (sum(made[name] for made in figures["made"].values()) for name in ("runs", "cpu_s"))
    told = [f"- {', '.join(names)}: {said}." for said, names in origins.items()]
    total = f"{runs} runs, {cpu_s:.0f} s of CPU; seeds of the comparison: {seeds[0]}..{seeds[-1]}."
    return "\n".join([total, "", *told])


def policies_seeds(figures: Figures) -> str:
    """Seeds of the table of policies."""
    seeds = figures["policies"]["seeds"]
    return f"seeds {seeds[0]}..{seeds[-1]}, mean of the three request periods"


def memory_size(figures: Figures) -> str:
    """Memory of both machines."""
    return f"{figures['compare']['memory_pages'] / GIB_PAGES:g} GiB"


def readme_table(figures: Figures) -> str:
    """The table of README.md."""
    rows = []
    found = by_case(figures["compare_rows"])
    for row in figures["compare"]["machines"]:
        told = row["published"]
        none, v3 = found[row["preset"], "none"], found[row["preset"], "v3"]
        size = f"{none['memory_pages'] / GIB_PAGES:g} GiB"
        said = f"{told['without']:.1f}; {told['gain']:+.2f}"
        rows.append(_readme_row(f"{MACHINES[row['preset']]}, {size}", said, none, v3))
    for name, key in (("x86-64, 1 GiB", "small"), ("1 GiB of a running machine", "recording")):
        none, v3 = figures[key]
        rows.append(_readme_row(name, "-", none, v3))
    heads = [
        "memory",
        "published",
        "mainline, %",
        "capture v3: gain, points",
        "latency, ms",
        "pages stolen per request",
    ]
    return table(heads, rows)


def _readme_row(name: str, said: str, none: Row, v3: Row) -> list[str]:
    change = [
        f"{none['figures'][key]['mean']:.0f} → {v3['figures'][key]['mean']:.0f}" for key in ("latency_ms", "steals")
    ]
    return [name, said, figure(none, "success_percent"), gain(v3), *change]


def harvest_said(figures: Figures) -> str:
    """Clean blocks left behind, beside the gain."""
    found = by_case(figures["compare_rows"])
    told = []
    for row in figures["compare"]["machines"]:
        none, v3 = found[row["preset"], "none"], found[row["preset"], "v3"]
        if "clean_left" in none["figures"]:
            blocks = none["memory_pages"] >> none["order"]
            left = [value["figures"]["clean_left"]["mean"] for value in (none, v3)]
            points = 100 * (left[0] - left[1]) / blocks
            told.append(
                f"- {MACHINES[row['preset']]}: of {blocks} blocks, none leaves {left[0]:.1f} clean ones behind and v3 "
                f"{left[1]:.1f}: {points:+.2f} points, beside a gain of {row['gain']['mean']:+.2f}."
            )
    return "\n".join(told)


def causes(figures: Figures) -> str:
    """Why requests failed, without and with capture."""
    names = dict.fromkeys(
        name for row in figures["compare_rows"] for name in row["figures"] if name.startswith("failed_")
    )
    rows = []
    for row in figures["compare_rows"]:
        if row["policy"] in ("none", "v3"):
            cells = [figure(row, name, 1) for name in names]
            rows.append([MACHINES[row["case"]], row["policy"], *cells])
    return table(["machine", "policy", *(name.removeprefix("failed_").replace("_", " ") for name in names)], rows)


BLOCKS: dict[str, Callable[[Figures], str]] = {
    function.__name__: function
    for function in (
        published,
        compared,
        compared_said,
        calibrated,
        periods,
        policies,
        prices,
        verdicts,
        findings,
        harvest_said,
        causes,
        ablations,
        kswapd_work,
        recorded,
        cost,
        speed,
        commands,
        provenance,
        memory_size,
        policies_seeds,
    )
}

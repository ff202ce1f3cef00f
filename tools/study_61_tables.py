"""The blocks of docs/study-6.1.md: tables and sentences made from the figures of docs/study-6.1.json."""

from collections.abc import Callable
from typing import Any

from pages import table

from buddycap.study.faultcomparison import PUBLISHED_FAULTS, THREADS
from buddycap.study.stats import Interval
from buddycap.study.summary import GAIN, shown

Figures = dict[str, Any]
Row = dict[str, Any]

SCENES = {"contended": "memory full of files", "roomy": "memory with room"}
NAMED = 3  # parameters of the sensitivity that are named
SIDES = ("less", "more")
CHANGED = {
    "compact_free_scanned": "free scanner",
    "compact_migrate_scanned": "migration scanner",
    "latency_ms": "latency",
    "latency_huge_ms": "of huge regions",
    "latency_base_ms": "of base regions",
    "stall_success_percent": "success per stall",
}


def interval(value: Row) -> Interval:
    """Return an interval of the figures."""
    return Interval(value["mean"], value["half_width"], value["n"])


def signed(value: Row | None, digits: int = 2) -> str:
    """Return a difference, bold where its interval excludes 0."""
    if value is None or not value["n"]:
        return "-"
    text = shown(value, digits, signed=True)
    return f"**{text}**" if interval(value).excludes_zero else text


def scene(figures: Figures, name: str, policy: str) -> Row:
    """Return the row of a policy in a scene."""
    return next(row for row in figures["compare"]["scenes"] if (row["case"], row["policy"]) == (name, policy))


def level(row: Row, name: str = GAIN, digits: int = 1) -> str:
    """Return a figure of a row."""
    return shown(row["figures"].get(name), digits)


def _shown(value: Row) -> str:
    """Return what an interval says of an effect."""
    if not interval(value).excludes_zero:
        return "no effect is shown"
    return f"a {'gain' if value['mean'] > 0 else 'loss'}"


def first(figures: Figures) -> str:
    """The five sentences."""
    return (
        "\n".join(
            f"{k}. {told}"
            for k, told in enumerate((_full(figures), _room(figures), _work(figures), _years(figures)), 1)
        )
        + f"\n5. {hangs_on(figures)}"
    )


def _full(figures: Figures) -> str:
    off, now = (scene(figures, "contended", policy) for policy in ("off", "capture"))
    return (
        f"Where memory is full of files, {level(off)} % of the regions get a huge page without capture and "
        f"{level(now)} % with it: {_shown(now['gain'])} ({signed(now['gain'])} points, mean of eight numbers of "
        "threads); published for one such load are 63 to 80 %."
    )


def _room(figures: Figures) -> str:
    off, now = (scene(figures, "roomy", policy) for policy in ("off", "capture"))
    spans = [
        f"{min(told[GAIN].values()):+.1f} to {max(told[GAIN].values()):+.1f}"
        for told in figures["compare"]["published"].values()
    ]
    return (
        f"Where there is room, {level(off)} % get one without and {level(now)} % with it: {_shown(now['gain'])} "
        f"({signed(now['gain'])} points); published are {' and '.join(spans)}."
    )


def _work(figures: Figures) -> str:
    told = figures["compare"]["published"].values()
    parts = []
    for name, words in (("compact_free_scanned", "for free pages"), ("compact_migrate_scanned", "for pages to move")):
        ours = [signed(scene(figures, case, "capture")["changes"][name], 0) for case in SCENES]
        theirs = " and ".join(f"{one[name]:+.0f}" for one in told)
        parts.append(f"{words} by {ours[0]} % and {ours[1]} % (published {theirs} %)")
    changes = [scene(figures, case, "capture")["changes"]["latency_ms"] for case in SCENES]
    latency = " and ".join(f"{signed(change, 0)} %" for change in changes)
    return (
        f"Capture changes the pages scanned {', '.join(parts)}, and the mean latency of a region by {latency}: the two "
        "scenes, in this order."
    )


def _by_years(figures: Figures) -> dict[tuple[str, str, int], Row]:
    found = {}
    for row in figures["years"]:
        kernel, threads = (word.partition("=")[2] for word in row["case"].split())
        found[kernel, row["policy"], int(threads)] = row
    return found


def _years(figures: Figures) -> str:
    found = _by_years(figures)
    none, v3, off, now = (
        found[key] for key in (("2.6.27", "none", 12), ("2.6.27", "v3", 12), ("6.1", "off", 12), ("6.1", "capture", 12))
    )
    return (
        f"Thirteen years, with twelve threads: 2.6.27 gives {level(none)} % huge pages ({level(v3)} % with the capture "
        f"of 2008) and takes {level(none, 'latency_ms', 0)} ms for a region; 6.1 gives {level(off)} % without capture "
        f"and {level(now)} % with it, in {level(off, 'latency_ms')} and {level(now, 'latency_ms')} ms."
    )


def hangs_on(figures: Figures) -> str:
    """What the gain hangs on, counted."""
    rows = figures["sensitivity"]
    gains = [interval(row[side]["gain"]) for row in rows for side in SIDES]
    above, below = (sum(g.excludes_zero and g.mean * sign > 0 for g in gains) for sign in (1, -1))
    moved = sum(interval(row[side]["change"]).excludes_zero for row in rows for side in SIDES)
    named = "; ".join(
        f"`{row['parameter']}` ({signed(row['less']['gain'], 1)} with less, {signed(row['more']['gain'], 1)} with more)"
        for row in rows[:NAMED]
    )
    span = f"{min(g.mean for g in gains):+.1f} to {max(g.mean for g in gains):+.1f}"
    return (
        f"Each of {len(rows)} parameters of the load 25 % down and up (twelve threads, memory full, gain as it is "
        f"{signed(rows[0]['gain'], 1)}): of {len(gains)} gains {above} have an interval above 0 and {below} below; "
        f"they go from {span} points. {moved} differ from the gain as it is by more than the interval of the "
        f"difference; chance alone would make about {round(len(gains) / 20)}. Most moves with {named}."
    )


def years(figures: Figures) -> str:
    """The same load under both kernels."""
    found = _by_years(figures)
    rows = [
        [
            str(threads),
            kernel,
            policy,
            level(row),
            signed(row["gain"]) if row["gain"] else "",
            *(level(row, name, digits) for name, digits in _LATENCIES),
        ]
        for (kernel, policy, threads), row in sorted(found.items(), key=lambda item: item[0][2])
    ]
    heads = ["threads", "Linux", "policy", "huge, %", "gain over the first of the kernel", "latency, ms"]
    return table([*heads, "of huge regions", "of base regions"], rows)


_LATENCIES = (("latency_ms", 1), ("latency_huge_ms", 1), ("latency_base_ms", 1))


def against(figures: Figures) -> str:
    """Every prediction beside what came out."""
    told = figures["compare"]["published"]
    full, room = (scene(figures, case, "capture") for case in SCENES)

    def scans(name: str) -> list[str]:
        return [", ".join(f"{key} {one[name]:+.0f} %" for key, one in told.items())]

    def ours(name: str) -> list[str]:
        return [f"{signed(row['changes'][name], 0)} %" for row in (full, room)]

    spans = ", ".join(f"{key} {min(o[GAIN].values()):+.1f} to {max(o[GAIN].values()):+.1f}" for key, o in told.items())
    latencies = ", ".join(
        f"{key} {min(o['latency_ms'].values()):+.0f} to {max(o['latency_ms'].values()):+.0f} %"
        for key, o in told.items()
    )
    policies = {row["policy"]: row for row in figures["policies"]}
    stall = policies["block-2014"]["changes"]["stall_success_percent"]
    rows = [
        [
            "pages scanned for free ones",
            *scans("compact_free_scanned"),
            "down, 15 to 50 %",
            *ours("compact_free_scanned"),
        ],
        [
            "pages scanned to move them",
            *scans("compact_migrate_scanned"),
            "down, 3 to 20 %",
            *ours("compact_migrate_scanned"),
        ],
        [
            "huge pages, points",
            f"{spans}; text 63 to 80 %",
            "full: up, 5 to 25; room: 0 to 3",
            *(signed(row["gain"]) for row in (full, room)),
        ],
        ["mean latency of a region", latencies, "within 15 %", *ours("latency_ms")],
        ["latency of huge regions", "text: up", "up, or not told apart", *ours("latency_huge_ms")],
        ["latency of base regions", "text: down", "", *ours("latency_base_ms")],
        [
            "`lists-2012`, huge pages",
            "P5 +7 and +6, of builds",
            "up, 2 to 15 (builds)",
            signed(policies["lists-2012"]["gain"]),
            "not run",
        ],
        ["`block-2014`, success per stall", "P6 three times", "1.3 to 4 times", f"{signed(stall, 0)} %", "not run"],
        [
            "`block-2014`, huge pages",
            "P6 a few percent",
            "up, 0 to 6",
            signed(policies["block-2014"]["gain"]),
            "not run",
        ],
    ]
    heads = ["capture over none", "published", "predicted", *(f"simulated: {words}" for words in SCENES.values())]
    return table(heads, rows)


def threads(figures: Figures) -> str:
    """The gain by number of threads."""
    rows = {(row["case"], row["policy"]): row for row in figures["compare"]["threads"]}
    found = []
    for n in THREADS:
        cells = [str(n)]
        for case in SCENES:
            off, now = (rows[f"{case} threads={n}", policy] for policy in ("off", "capture"))
            cells += [level(off), signed(now["gain"]), level(off, "latency_ms", 2), level(now, "latency_ms", 2)]
        told = figures["compare"]["published"].values()
        cells += [f"{one['without'][str(n)]:.1f}, {one[GAIN][str(n)]:+.1f}" for one in told]
        found.append([*cells, f"{PUBLISHED_FAULTS['P1']['latency'][n][0] / 1000:.2f}"])
    heads = ["threads"]
    for words in SCENES.values():
        heads += [f"{words}: off, %", "gain", "latency off, ms", "capture"]
    heads += [f"{name}: before, gain" for name in figures["compare"]["published"]]
    return table([*heads, "P1: latency before, ms"], found)


def latencies(figures: Figures) -> str:
    """Deciles of the latencies at twelve threads."""
    rows = {(row["case"], row["policy"]): row for row in figures["compare"]["threads"]}
    found = []
    for case, words in SCENES.items():
        for policy in ("off", "capture"):
            row = rows[f"{case} threads=12", policy]
            cells = [level(row, f"latency_{kind}_ms", 2) for kind in ("huge", "base")]
            deciles = [
                " / ".join(f"{row['figures'][name]['mean']:.1f}" if name in row["figures"] else "-" for name in names)
                for names in ([f"decile{k}_{kind}_ms" for k in (1, 5, 9)] for kind in ("huge", "base"))
            ]
            found.append([words, policy, cells[0], deciles[0], cells[1], deciles[1]])
    heads = ["scene", "policy", "huge: mean, ms", "1st / 5th / 9th decile", "base: mean, ms", "1st / 5th / 9th decile"]
    return table(heads, found)


def policies(figures: Figures) -> str:
    """Every policy of compaction with its verdict."""
    rows = [
        [
            f"`{row['policy']}`",
            level(row),
            signed(row["gain"]) if row["gain"] else "",
            "" if row["policy"] in ("off", "capture") else signed(row["against"]),
            *(signed(row["changes"][name], 0) if row["gain"] else "" for name in CHANGED),
            row.get("verdict") or "",
        ]
        for row in figures["policies"]
    ]
    changed = [f"{words}, %" for words in CHANGED.values()]
    return table(["policy", "huge, %", "gain", "over `capture`", *changed, "verdict"], rows)


def why(figures: Figures) -> str:
    """What there was to protect."""
    rows = {row["policy"]: row for row in figures["policies"]}
    off, now = rows["off"], rows["capture"]
    return (
        f"Without capture {level(off, 'direct_success', 0)} direct compactions of a run ended with a block, and "
        f"{level(off, 'compact_success', 0)} were served; with it {level(now, 'direct_success', 0)}, of which "
        f"{level(now, 'direct_captured', 0)} had captured it. {level(off, 'direct_complete', 0)} and "
        f"{level(now, 'direct_complete', 0)} ended with the scanners met, {level(off, 'direct_deferred', 0)} and "
        f"{level(now, 'direct_deferred', 0)} were put off."
    )


def own(figures: Figures) -> str:
    """Our own predictions beside what came out."""
    found = _by_years(figures)
    rows = {row["policy"]: row for row in figures["policies"]}
    alone = next(row for row in figures["alone"] if row["policy"] == "capture")
    same = "the very runs" if alone["identical"] else f"{signed(alone['gain'])} points"

    def beside(*names: str) -> str:
        return "; ".join(f"`{name}` {signed(rows[name]['against'])} points" for name in names)

    lines = []
    for n in (12, 32):
        old, new = found["2.6.27", "none", n], found["6.1", "off", n]
        lines.append(f"{n} threads: {level(old)} % on 2.6.27 and {level(new)} % on 6.1")
    time = [found[key]["figures"]["latency_ms"]["mean"] for key in (("2.6.27", "none", 12), ("6.1", "off", 12))]
    few, many = (found["6.1", "capture", n]["gain"] for n in (3, 32))
    return table(
        ["predicted", "simulated"],
        [
            ["1. without competitors capture makes the very same runs", f"{same}, {alone['gain']['n']} seeds"],
            ["2. `relaxed` and `huge-only` make the very runs of `capture`", beside("relaxed", "huge-only")],
            ["3. `test-first` is not told apart from `capture`", beside("test-first")],
            ["4. nor are `checked` and `held`", beside("checked", "held")],
            ["5. `proactive-60` gives more huge pages", beside("proactive-60")],
            ["6. a region takes less than a tenth of the time on 6.1", f"{time[0]:.0f} and {time[1]:.1f} ms"],
            ["6. more huge pages on 6.1 without capture, from 12 threads on", "; ".join(lines)],
            ["7. more threads mean more gain", f"3 threads {signed(few)}, 32 threads {signed(many)} points"],
        ],
    )


def window(figures: Figures) -> str:
    """The gain by the time between a block's completion and its use."""
    rows = [
        [
            f"{int(row['case'].partition('=')[2]) // 1000}",
            row["policy"],
            level(row),
            signed(row["gain"]) if row["gain"] else "",
            *(level(row, name, 0) for name in ("huge", "direct_success", "compact_success", "compact_free_scanned")),
        ]
        for row in figures["window"]
    ]
    heads = ["`batch_ns`, us", "policy", "huge, %", "gain", "huge pages", "compactions that ended with a block"]
    return table([*heads, "stalls that were served", "free scanner"], rows)


def defrag(figures: Figures) -> str:
    """The words of /sys/kernel/mm/transparent_hugepage/defrag."""
    rows = [
        [
            row["case"].partition("=")[2],
            row["policy"],
            level(row),
            signed(row["gain"]) if row["gain"] else "",
            level(row, "latency_ms", 2),
            level(row, "compact_stall", 0),
        ]
        for row in figures["defrag"]
    ]
    return table(["defrag", "policy", "huge, %", "gain", "latency, ms", "direct compactions"], rows)


def sensitivity(figures: Figures) -> str:
    """Every parameter of the load, the one that moves most first."""
    rows = []
    for row in figures["sensitivity"]:
        cells = [
            f"{row[side]['baseline']['mean']:.1f}; "
            + (f"**{text}**" if interval(row[side]["change"]).excludes_zero else text)
            for side in SIDES
            for text in [shown(row[side]["gain"], 1, signed=True)]
        ]
        values = f"{row['value']:g} ({row['less']['value']:g}, {row['more']['value']:g})"
        rows.append([f"`{row['parameter']}`", values, *cells])
    return table(["parameter", "as it is (less, more)", "less: off, %; gain", "more: off, %; gain"], rows)


def commands(figures: Figures) -> str:
    """The commands of the page."""
    return "\n".join(f"    buddycap {words} --out DIR/{name}" for name, words in figures["commands"].items())


def provenance(figures: Figures) -> str:
    """Where the numbers come from: a line for each study."""
    lines = []
    for name, made in figures["made"].items():
        facts = made["machine"]
        lines.append(
            f"- {name}: {made['runs']} runs, {made['cpu_s']:.0f} s of CPU, seeds {made['seeds'][0]} to "
            f"{made['seeds'][1]}; "
            f"commit {made['commit']}; {facts['cpu']}, {facts['cpus']} CPUs shared with others; "
            f"Python {facts['python']}."
        )
    return "\n".join(lines)


BLOCKS: dict[str, Callable[[Figures], str]] = {
    function.__name__: function
    for function in (
        first,
        years,
        against,
        threads,
        latencies,
        policies,
        why,
        own,
        window,
        defrag,
        sensitivity,
        commands,
        provenance,
    )
}

"""What capture does for blocks below a pageblock in Linux 6.12: the second table of docs/study-6.12.md.

    python tools/capture_612.py [SEEDS]        prints it; 8 seeds if not said

The world of `buddycap study --kernel 6.12` at 1 GiB, but its threads fault in regions of order 4, not huge pages. In
`contended` twelve threads do, among readers that keep memory full of files; in `alone` one thread does, and nobody else
is there.
"""

import sys
from collections.abc import Iterator, Mapping

from buddycap import COMPACTION_POLICIES, MisuseError
from buddycap._world import World
from buddycap.policies.compaction import CompactionPolicy
from buddycap.study.config import StudyConfig
from buddycap.study.faultload import faulting_config
from buddycap.study.parameters import world_parameters
from buddycap.study.run import study_zone
from buddycap.study.stats import mean_interval

KERNEL, PAGES, ORDER = "6.12", 1 << 18, 4
POLICIES = ("off", "relaxed", "strict")  # relaxed is what 6.12 has
SCENES: Mapping[str, StudyConfig] = {
    "contended": faulting_config(KERNEL, 12, PAGES),
    "alone": faulting_config(
        KERNEL,
        1,
        PAGES,
        readers=0,
        kernel_rate_hz=0,
        resident_permille=0,
        warmup_permille=1150,
        stream_mib_per_s=0.001,
        fault_permille=250,
    ),
}


def measure(config: StudyConfig, policy: CompactionPolicy, seed: int) -> dict[str, float] | None:
    """Return what one run shows; None if the world cannot go on."""
    zone = study_zone(config, seed)
    parameters = world_parameters(config, warm=False)
    parameters |= {"request_order": ORDER, "fault_regions": (PAGES * config.fault_permille // 1000) >> ORDER}
    world = World(zone, policy, parameters, seed)
    try:
        while not world.run():
            pass
    except MisuseError as error:
        print(f"{policy.name}, seed {seed}: {error}", file=sys.stderr)
        return None
    zone.check()
    table, totals = world.faults(), world.totals()
    direct = {
        scanner: totals[f"compact_{scanner}_scanned"] - totals[f"compact_daemon_{scanner}_scanned"]
        for scanner in ("migrate", "free")
    }
    runs = sum(totals[f"direct_{end}"] for end in ("success", "complete", "contended"))
    regions = len(table)
    return {
        "success, %": 100 * float((table["page"] >= 0).mean()),
        "runs": runs,
        "with a block": totals["direct_success"],
        "captured": totals["direct_captured"],
        "to move, a run": direct["migrate"] / runs if runs else 0.0,
        "free, a run": direct["free"] / runs if runs else 0.0,
        "to move, a request": direct["migrate"] / regions,
        "free, a request": direct["free"] / regions,
    }


def table(seeds: int) -> Iterator[str]:
    """Yield the lines: means of the seeds that every policy has ended, and differences to `off` paired by seed."""
    heading: list[str] = []
    for scene, config in SCENES.items():
        tried = [
            [measure(config, COMPACTION_POLICIES[name], seed) for name in POLICIES] for seed in range(1, seeds + 1)
        ]
        ended = [[run for run in row if run] for row in tried if all(row)]
        if not heading:
            heading = list(ended[0][0])
            yield "| scene | policy | seeds | " + " | ".join(heading) + " |"
            yield "|---" * (len(heading) + 3) + "|"
        for number, name in enumerate(POLICIES):
            cells = [_cell([row[number][figure] for row in ended]) for figure in heading]
            yield f"| {scene} | `{name}` | {len(ended)} | " + " | ".join(cells) + " |"
            if number:
                cells = [_cell([row[number][f] - row[0][f] for row in ended], signed=True) for f in heading]
                yield f"| | `{name}` over `off` | | " + " | ".join(cells) + " |"


def _cell(values: list[float], *, signed: bool = False) -> str:
    found = mean_interval(values)
    text = f"{found.mean:{'+' if signed else ''},.1f} ± {found.half_width:,.1f}"
    return f"**{text}**" if signed and abs(found.mean) > found.half_width else text


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 8):
        print(line, flush=True)

"""What the pages of studies share: their runs, what is kept of figures, a template that is filled, the command line."""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from buddycap.cli import main as buddycap

PLACE = re.compile(r"\{\{(\w+)\}\}")
JOBS = 2

Figures = dict[str, object]


def commit_of_the_tree() -> str:
    words = ["git", "-C", str(Path(__file__).resolve().parent), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def run_studies(studies: Mapping[str, str], folder: Path, names: Sequence[str] = ()) -> None:
    """Run every study, or those of some names, each in a folder of its own; what has begun is resumed."""
    unknown = set(names) - set(studies)
    if unknown:
        raise SystemExit(f"no such study: {', '.join(sorted(unknown))}; there are {', '.join(studies)}")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "commit").exists():
        (folder / "commit").write_text(commit_of_the_tree() + "\n")
    for name in names or studies:
        resume = ["--resume"] if (folder / name).exists() else []
        command = [*shlex.split(studies[name]), "--jobs", str(JOBS), "--out", str(folder / name), *resume]
        print("buddycap", *command, flush=True)
        begin = time.perf_counter()
        if buddycap(command):
            raise SystemExit(f"{name} has errors")
        print(f"{time.perf_counter() - begin:.0f} s\n", flush=True)


def without_needed(value: object) -> object:
    """Return figures without how many seeds each would need."""
    if isinstance(value, dict):
        return {name: without_needed(item) for name, item in value.items() if name != "needed"}
    if isinstance(value, list):
        return [without_needed(item) for item in value]
    return value


def slim(value: object, kept: Sequence[str]) -> object:
    """Return the figures that a page shows, to six digits."""
    if isinstance(value, dict):
        if "swing" in value:  # of hundreds of gains nobody asks how many seeds they need
            value = {name: without_needed(item) for name, item in value.items()}
        figures = value.get("figures")
        if isinstance(figures, dict):
            value = {**value, "figures": {name: figures[name] for name in kept if name in figures}}
        return {name: slim(item, kept) for name, item in value.items()}
    if isinstance(value, list):
        return [slim(item, kept) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def filled(template: Path, blocks: Mapping[str, Callable[[Figures], str]], figures: Figures) -> str:
    """Return a template with every `{{name}}` replaced by the block of that name."""
    text = template.read_text(encoding="utf-8")
    unknown = set(PLACE.findall(text)) - set(blocks)
    if unknown:
        raise SystemExit(f"{template}: no such block: {', '.join(sorted(unknown))}")
    return PLACE.sub(lambda match: blocks[match[1]](figures), text)


def obey(
    words: Sequence[str],
    usage: str | None,
    run: Callable[[Path, Sequence[str]], None],
    collect: Callable[[Path], None],
    write: Callable[[], None],
) -> int:
    """Do what a command line of a generator says: run DIR [NAME ...], collect DIR or write."""
    if words == ["write"]:
        write()
    elif len(words) == 2 and words[0] == "collect":
        collect(Path(words[1]))
    elif len(words) > 1 and words[0] == "run":
        run(Path(words[1]), words[2:])
    else:
        print(usage, file=sys.stderr)
        return 2
    return 0

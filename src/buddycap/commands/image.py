"""Images of memory that has been in use, for simulators to begin with.

  buddycap image recipes                                      what ready-made ages there are
  buddycap image make --recipe server --memory 4GiB -o server.img
  buddycap image make --target 'unusable>=900' --target 'mixed>=500' --free 40 -o old.img
  buddycap image make --from snapshot.npz --seconds 30 -o mine.img
  buddycap image info old.img
  buddycap image frames old.img --order 0 -n 1000             the frames its allocator would hand out

The same recipe, preset, memory size and seed give the same image, bit for bit; FILE.json beside it tells how it was
made.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .._core import Zone
from ..errors import FormatError, MisuseError
from ..escape import say
from ..flags import MigrateType
from ..formats.snapshot import drawn_from
from ..images.aging import MEASURES, RECIPES, Aged, Recipe, Target, measure, reach
from ..images.manifest import manifest_path, read_manifest
from ..machine import PRESETS
from ..newfile import add_force, check_outputs, write_file
from ..recorded.load import Load
from ..recorded.recording import frames_from_recording, recorded_files
from ..sizes import parse_pages
from ..study.config import StudyConfig, preset_config

__all__ = ["add_arguments", "command"]

PAGE_SIZE = 4096
DEFAULT_MEMORY = "4GiB"
PIECE = 1 << 16  # frames allocated and printed at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap image`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_make(actions.add_parser("make", help="age a machine and save its memory"))
    info = actions.add_parser("info", help="what an image holds and how it was made")
    info.add_argument("image", metavar="FILE")
    info.set_defaults(action=_info)
    frames = actions.add_parser("frames", help="print the frames that the allocator of an image would hand out")
    frames.add_argument("image", metavar="FILE")
    frames.add_argument("--order", type=int, default=0, help="of each allocation (default: 0)")
    frames.add_argument("-n", type=int, default=16, metavar="N", help="allocations (default: 16)")
    types = [name.lower() for name in MigrateType.__members__ if name not in ("RESERVE", "ISOLATE")]
    frames.add_argument("--migratetype", choices=types, default="movable", help="(default: movable)")
    frames.set_defaults(action=_frames)
    recipes = actions.add_parser("recipes", help="list the ready-made ages")
    recipes.set_defaults(action=_recipes)
    for action in (info, frames, recipes):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def _add_make(make: argparse.ArgumentParser) -> None:
    source = make.add_mutually_exclusive_group()
    source.add_argument("--recipe", choices=sorted(RECIPES), help="a ready-made age (`buddycap image recipes`)")
    source.add_argument("--config", metavar="FILE.toml", help="parameters of the load (docs/model.md)")
    make.add_argument("--preset", choices=sorted(PRESETS), default="x86_64", help="machine (default: x86_64)")
    make.add_argument("--memory", help=f"size of the machine (default: {DEFAULT_MEMORY})")
    make.add_argument("--from", dest="source", metavar="FILE.npz", help="begin with a recorded machine's memory")
    make.add_argument("--zone", help="zone of the recording (default: the one with most pages in it)")
    make.add_argument("--load", metavar="PATH", help="trace, or folder of a recording, in place of the builds")
    make.add_argument("--seed", type=int, default=1, help="(default: 1)")
    make.add_argument("--seconds", type=float, help="simulated time that the load runs, at least")
    make.add_argument("--limit", type=float, default=600, metavar="SECONDS", help="most simulated time (default: 600)")
    names = ", ".join(MEASURES)
    make.add_argument(
        "--target", action="append", default=[], metavar="BOUND", help=f"NAME>=VALUE or NAME<=VALUE, of {names}"
    )
    make.add_argument("--free", type=float, metavar="PERCENT", help="memory to be made free at the end")
    make.add_argument("-o", "--out", required=True, metavar="FILE", help="the image; FILE.json tells how it was made")
    add_force(make)
    make.add_argument("--json", action="store_true", help="print the manifest")
    make.set_defaults(action=_make)


def command(args: argparse.Namespace) -> int:
    """Run `buddycap image`."""
    action: Callable[[argparse.Namespace], int] = args.action
    return action(args)


def _recipe(args: argparse.Namespace) -> Recipe:
    """Return the recipe that the arguments describe."""
    recipe = RECIPES[args.recipe] if args.recipe else Recipe("own", grows=not (args.config or args.load))
    changes: dict[str, Any] = {}
    if args.seconds is not None:
        changes["seconds"] = args.seconds
    if args.target:
        changes["targets"] = (*recipe.targets, *map(Target.parse, args.target))
    if args.free is not None:
        if not 0 <= args.free <= 100:
            raise MisuseError(f"--free={args.free}: allowed range is 0..100")
        changes["free_permille"] = round(args.free * 10)
    if not 0 <= changes.get("seconds", 0) <= args.limit:
        raise MisuseError(f"--seconds={args.seconds}: allowed range is 0..{args.limit:g} (--limit)")
    return replace(recipe, **changes)


def _config(args: argparse.Namespace, pages: int | None) -> StudyConfig:
    """Return the configuration of the machine; `pages`: those of the recording, if there is one."""
    if args.memory and pages:
        raise MisuseError("--memory: the recording says how large the machine is")
    if args.config:
        config = StudyConfig.from_toml(args.config)
        pages = parse_pages(args.memory, "memory") if args.memory else pages
        return config.replace(memory_pages=pages) if pages else config
    return preset_config(args.preset, pages or parse_pages(args.memory or DEFAULT_MEMORY, "memory"))


def _make(args: argparse.Namespace) -> int:
    recipe = _recipe(args)
    inputs = [args.config, *recorded_files(args.source), *recorded_files(args.load)]
    check_outputs((args.out, manifest_path(args.out)), inputs=inputs, force=args.force)
    frames = frames_from_recording(args.source, args.zone) if args.source else None
    load = Load.load(args.load) if args.load else None
    config = _config(args, len(frames.kinds) if frames else None)
    show = sys.stderr.isatty()

    def progress(seconds: float, measures: dict[str, int]) -> None:
        if show:
            say(f"{seconds:g} s: {_line(measures)}", file=sys.stderr, flush=True)

    begin = time.perf_counter()
    aged = reach(recipe, config, args.seed, limit_s=args.limit, frames=frames, load=load, progress=progress)
    aged.zone.save(args.out)
    manifest = _manifest(args, recipe, config, aged)
    write_file(manifest_path(args.out), json.dumps(manifest, indent=1) + "\n")
    drawn = manifest["drawn"]
    if args.json:
        say(json.dumps(manifest))
    else:
        if drawn is not None:
            say(drawn)
        say(f"{args.out}: {_line(aged.measures)}; {aged.seconds:g} s simulated, {time.perf_counter() - begin:.1f} s")
    for target in aged.missed:
        say(f"buddycap: target missed after {aged.seconds:g} s: {target}", file=sys.stderr)
    return 1 if aged.missed else 0


def _manifest(args: argparse.Namespace, recipe: Recipe, config: StudyConfig, aged: Aged) -> dict[str, Any]:
    """Return what a reader needs to make the image again."""
    return {
        "buddycap": version("buddycap"),
        "recipe": recipe.name,
        "config": asdict(recipe.applied(config)),
        "seed": args.seed,
        "from": args.source,
        "drawn": drawn_from(args.source),
        "load": args.load,
        "seconds": aged.seconds,
        "free_permille": recipe.free_permille,
        "targets": [str(target) for target in recipe.targets],
        "missed": [str(target) for target in aged.missed],
        "measures": aged.measures,
        "digest": aged.zone.digest(),
        "image_bytes": Path(args.out).stat().st_size,
    }


def _line(measures: dict[str, int]) -> str:
    """Say in one line how memory looks."""
    return (
        f"{measures['free'] / 10:g} % free, {measures['huge']} free blocks of 2 MiB, "
        f"{measures['unusable'] / 10:g} % of it unusable for them, "
        f"{measures['mixed'] / 10:g} % of the pageblocks mixed"
    )


def _info(args: argparse.Namespace) -> int:
    zone = Zone.load(args.image)
    manifest = read_manifest(args.image)
    digest = zone.digest()
    facts = {
        "start_pfn": zone.start_pfn,
        "spanned_pages": zone.spanned_pages,
        "present_pages": zone.present_pages,
        "max_page_order": zone.max_page_order,
        "pageblock_order": zone.pageblock_order,
        "cpus": zone.cpus,
        "owners": zone.owner is not None,
        "nr_free": [int(count) for count in zone.nr_free],
        "measures": measure(zone),
        "digest": digest,
        "manifest": manifest,
    }
    if manifest is not None and manifest.get("digest") != digest:
        raise FormatError(f"the image is not the one that {manifest_path(args.image)} describes", args.image)
    if args.json:
        say(json.dumps(facts))
        return 0
    size = zone.present_pages * PAGE_SIZE / 2**20
    say(f"{args.image}: {size:g} MiB from pfn {zone.start_pfn}, blocks to order {zone.max_page_order}")
    say(_line(measure(zone)))
    say("free blocks by order: " + " ".join(str(int(count)) for count in zone.nr_free))
    say(f"digest {digest}")
    if manifest is None:
        say("no manifest beside it")
    else:
        made = f"recipe {manifest.get('recipe')}, seed {manifest.get('seed')}, {manifest.get('seconds')} s simulated"
        say(f"made by buddycap {manifest.get('buddycap')}: {made}")
    return 0


def _frames(args: argparse.Namespace) -> int:
    zone = Zone.load(args.image)
    if args.n < 0:
        raise MisuseError(f"-n={args.n}: at least 0 is wanted")
    migratetype = MigrateType[args.migratetype.upper()]
    found: list[int] = []
    while len(found) < args.n:
        pfns = zone.alloc_many(min(PIECE, args.n - len(found)), args.order, migratetype)
        got = pfns[pfns >= 0]
        found += got.tolist()
        if len(got) < len(pfns):
            break
    if args.json:
        say(json.dumps({"order": args.order, "frames": found}))
    elif found:
        np.savetxt(sys.stdout, np.array(found), fmt="%d")
    if len(found) < args.n:
        say(f"buddycap: memory is exhausted after {len(found)} allocations", file=sys.stderr)
        return 1
    return 0


def _recipes(args: argparse.Namespace) -> int:
    if args.json:
        say(json.dumps({name: _plain(recipe) for name, recipe in RECIPES.items()}))
        return 0
    for recipe in RECIPES.values():
        say(f"{recipe.name:<12}{recipe.description}")
        say(f"{'':<12}{_ingredients(recipe)}")
    return 0


def _plain(recipe: Recipe) -> dict[str, Any]:
    return {
        "description": recipe.description,
        "changes": dict(recipe.changes),
        "seconds": recipe.seconds,
        "targets": [str(target) for target in recipe.targets],
        "free_permille": recipe.free_permille,
    }


def _ingredients(recipe: Recipe) -> str:
    """Write a recipe in one line."""
    parts: Sequence[str] = (
        f"{recipe.seconds:g} s" if recipe.seconds else "no load",
        ", ".join(f"{name}={value}" for name, value in recipe.changes.items()),
        " and ".join(map(str, recipe.targets)),
        f"{recipe.free_permille / 10:g} % made free" if recipe.free_permille else "",
    )
    return "; ".join(part for part in parts if part)

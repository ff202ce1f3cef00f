"""Images of memory that has been in use, for simulators to begin with.

  buddycap image recipes                                      what ready-made ages there are
  buddycap image make --recipe server --memory 4GiB -o server.img
  buddycap image make --target 'unusable>=900' --target 'mixed>=500' --free 40 -o old.img
  buddycap image make --from snapshot.npz --seconds 30 -o mine.img
  buddycap image make --kernel 6.1 --memory 1GiB --reserve 0-64MiB -o sniper.img    not what a simulator has for itself
  buddycap image info old.img
  buddycap image frames old.img --order 0 -n 1000             the frames its allocator would hand out
  buddycap image translate trace.txt --image old.img -o out   virtual addresses to physical ones, streaming

The same recipe, preset, memory size and seed give the same image, bit for bit; FILE.json beside it tells how it was
made.
"""

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .._core import Zone
from ..calls.image import DEFAULT_MEMORY, looks, make_image
from ..errors import FormatError, MisuseError
from ..escape import say
from ..flags import MigrateType
from ..images.aging import MEASURES, RECIPES, Recipe, measure
from ..images.manifest import manifest_path, read_manifest
from ..images.place import ranges_without_memory
from ..images.translation import FORMATS, ORDERS, translate_trace
from ..kernels import KERNELS
from ..newfile import add_force
from ..presets import PRESETS
from ..proc import TEXTS
from ..sizes import PAGE_SIZE, size_text

__all__ = ["add_arguments", "command"]

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
    _add_translate(actions.add_parser("translate", help="translate the addresses of a trace by the memory of an image"))
    recipes = actions.add_parser("recipes", help="list the ready-made ages")
    recipes.set_defaults(action=_recipes)
    for action in (info, frames, recipes):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def _add_translate(translate: argparse.ArgumentParser) -> None:
    translate.add_argument("trace", metavar="TRACE", help="virtual addresses; - for standard input")
    translate.add_argument("--image", required=True, metavar="FILE", help="memory whose free frames the pages get")
    translate.add_argument("-o", "--out", default="-", metavar="FILE", help="physical ones (default: standard output)")
    translate.add_argument(
        "--format", choices=FORMATS, help="words of 64 bits or lines (default: text if the trace begins with text)"
    )
    translate.add_argument(
        "--column",
        type=int,
        action="append",
        metavar="N",
        help="of text: which word of a line (default: 1)",
    )
    translate.add_argument("--order", choices=ORDERS, default=ORDERS[0], help="(default: first-touch)")
    translate.add_argument("--seed", type=int, default=0, help="of by-number (default: 0)")
    add_force(translate)
    translate.add_argument("--json", action="store_true", help="print one JSON object")
    translate.set_defaults(action=_translate)


def _add_make(make: argparse.ArgumentParser) -> None:
    source = make.add_mutually_exclusive_group()
    source.add_argument("--recipe", choices=sorted(RECIPES), help="a ready-made age (`buddycap image recipes`)")
    source.add_argument("--config", metavar="FILE.toml", help="machine and load (`buddycap study --write-config`)")
    make.add_argument("--preset", choices=sorted(PRESETS), default="x86_64", help="machine (default: x86_64)")
    make.add_argument("--memory", help=f"size of the machine (default: {DEFAULT_MEMORY})")
    make.add_argument("--kernel", choices=tuple(TEXTS), help="that ages it and goes on from there (default: 2.6.27)")
    make.add_argument("--start-pfn", type=pfn, default=0, metavar="PFN", help="first frame (default: 0)")
    make.add_argument(
        "--reserve",
        action="append",
        default=[],
        metavar="RANGES",
        help="frames that the simulator has for itself, as 0-64MiB,0x8000-0x9000: numbers are frames, with a unit "
        "addresses, the end is excluded; may be repeated",
    )
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


def pfn(text: str) -> int:
    """Read a number, decimal or hexadecimal behind 0x."""
    return int(text, 16) if text.lower().startswith("0x") else int(text)


def command(args: argparse.Namespace) -> int:
    """Run `buddycap image`."""
    action: Callable[[argparse.Namespace], int] = args.action
    return action(args)


def _make(args: argparse.Namespace) -> int:
    show = sys.stderr.isatty()

    def progress(seconds: float, measures: dict[str, int]) -> None:
        if show:
            say(f"{seconds:g} s: {looks(measures)}", file=sys.stderr, flush=True)

    begin = time.perf_counter()
    made = make_image(
        args.out,
        recipe=args.recipe,
        config=args.config,
        preset=args.preset,
        memory=args.memory,
        source=args.source,
        zone=args.zone,
        load=args.load,
        seed=args.seed,
        seconds=args.seconds,
        limit=args.limit,
        targets=args.target,
        free=args.free,
        kernel=args.kernel,
        start_pfn=args.start_pfn,
        reserve=args.reserve,
        force=args.force,
        progress=progress,
    )
    if args.json:
        say(json.dumps(made.manifest))
    else:
        if made.manifest["drawn"] is not None:
            say(made.manifest["drawn"])
        took = f"{made.seconds:g} s simulated, {time.perf_counter() - begin:.1f} s"
        say(f"{args.out}: {looks(made.measures)}; {took}")
    for target in made.missed:
        say(f"buddycap: target missed after {made.seconds:g} s: {target}", file=sys.stderr)
    return 1 if made.missed else 0


def _info(args: argparse.Namespace) -> int:
    zone = Zone.load(args.image)
    manifest = read_manifest(args.image)
    digest = zone.digest()
    holes = ranges_without_memory(zone)
    facts = {
        "kernel": zone.kernel,
        "start_pfn": zone.start_pfn,
        "spanned_pages": zone.spanned_pages,
        "present_pages": zone.present_pages,
        "without_memory": holes,
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
    for line in _purpose(zone, holes):
        say(line)
    say(looks(measure(zone)))
    say("free blocks by order: " + " ".join(str(int(count)) for count in zone.nr_free))
    say(f"digest {digest}")
    if manifest is None:
        say("no manifest beside it")
    else:
        made = f"recipe {manifest.get('recipe')}, seed {manifest.get('seed')}, {manifest.get('seconds')} s simulated"
        say(f"made by buddycap {manifest.get('buddycap')}: {made}")
    return 0


def _purpose(zone: Zone, holes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Say which simulators an image is for: its kernel, how far their memory must reach, which frames stay theirs."""
    end = zone.start_pfn + zone.spanned_pages
    yield f"for Linux {zone.kernel} and a memory that reaches to {size_text(end)}, pfn {end - 1} at least"
    if holes:
        shown = ", ".join(f"{first}-{after - 1}" for first, after in holes[:8])
        more = f" and {len(holes) - 8} more" if len(holes) > 8 else ""
        yield f"never handed out (reserved, the boot's own, or no memory): pfn {shown}{more}"


def _frames(args: argparse.Namespace) -> int:
    zone = Zone.load(args.image)
    if args.n < 0:
        raise MisuseError(f"-n={args.n}: at least 0 is wanted")
    migratetype = KERNELS[zone.kernel].MigrateType[args.migratetype.upper()]
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


def _translate(args: argparse.Namespace) -> int:
    done = translate_trace(
        args.trace,
        Zone.load(args.image),
        args.out,
        layout=args.format,
        columns=args.column or (1,),
        order=args.order,
        seed=args.seed,
        force=args.force,
    )
    told = sys.stderr if args.out == "-" else sys.stdout
    if args.json:
        say(json.dumps(asdict(done)), file=told)
    else:
        displaced = f", {done.displaced} of them where the order of touches put them" if done.displaced else ""
        say(f"{done.units} translated, {done.pages} pages have frames{displaced}", file=told)
    if not done.complete:
        say(f"buddycap: memory is full after {done.units}: every free frame of {args.image} is in use", file=sys.stderr)
        return 1
    return 0


def _recipes(args: argparse.Namespace) -> int:
    if args.json:
        say(json.dumps({name: _plain(recipe) for name, recipe in RECIPES.items()}))
        return 0
    for recipe in RECIPES.values():
        for start, text in ((recipe.name, recipe.description), ("", _ingredients(recipe))):
            say(textwrap.fill(text, 80, initial_indent=f"{start:<12}", subsequent_indent=" " * 12))
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

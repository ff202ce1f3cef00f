"""Pictures of a study's results: what each policy obtains, when, from what, and at what cost.

  buddycap study --policies all --out DIR && buddycap plot DIR        PNG files beside the results
  buddycap plot DIR -o PICTURES --format svg

Colours are those of Okabe and Ito, which the colour-blind can tell apart; intervals are 95 % (t).  Needs matplotlib.
"""

import argparse
import json

from ..escape import say
from ..newfile import add_force
from ..views.plots import PICTURES, draw

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap plot`."""
    parser.add_argument("folder", metavar="DIR", help="results of study --out or compare --out")
    parser.add_argument("-o", "--out", metavar="DIR", help="where the pictures go (default: beside the results)")
    add_force(parser)
    parser.add_argument("--format", choices=("png", "svg"), default="png", help="(default: png)")
    parser.add_argument("--only", metavar="NAMES", help=f"by commas: {', '.join(name for name, _, _ in PICTURES)}")
    parser.add_argument("--json", action="store_true", help="print the files as JSON")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap plot`."""
    only = args.only.split(",") if args.only else ()
    files = draw(args.folder, args.out, args.format, only, force=args.force)
    names = [str(path) for path in files]
    say(json.dumps(names) if args.json else "\n".join(names))
    return 0

"""Print what this installation is and has."""

import argparse
import json
import platform
import textwrap
from importlib.metadata import version
from typing import Any

from .._core import Zone, build_facts
from ..escape import say
from ..kernels import KERNELS
from ..policies.capture import POLICIES
from ..policies.compaction import COMPACTION_POLICIES
from ..presets import PRESETS

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap info`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap info`."""
    facts = _facts()
    if args.json:
        say(json.dumps(facts, indent=2))
        return 0
    for name, value in facts["versions"].items():
        say(f"{name:<12}{value}")
    say(f"{'platform':<12}{facts['platform']}")
    build = facts["build"]
    say(f"{'compiler':<12}{build['compiler']}, Cython {build['cython']}")
    say(textwrap.fill(build["flags"], 80, initial_indent=f"{'flags':<12}", subsequent_indent=" " * 12))
    say(f"{'page cost':<12}{facts['bytes_per_page']:.1f} bytes of state a page")
    say("presets")
    for name, preset in facts["presets"].items():
        say(f"  {name:<14}blocks to order {preset['max_page_order']}, pageblocks of order {preset['pageblock_order']}")
    say(f"{'kernels':<12}{', '.join(facts['kernels'])}")
    for title, group in (("policies", "policies"), ("policies of compaction", "compaction_policies")):
        say(title)
        for name, source in facts[group].items():
            say(textwrap.fill(source, 80, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16))
    return 0


def _facts() -> dict[str, Any]:
    """Return what `info` prints."""
    pages = 1 << 18
    return {
        "versions": {
            "buddycap": version("buddycap"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
        },
        "platform": platform.platform(),
        "build": build_facts(),
        "bytes_per_page": Zone(0, pages).image_bytes / pages,
        "presets": {name: vars(preset) for name, preset in PRESETS.items()},
        "kernels": list(KERNELS),
        "policies": {name: policy.source for name, policy in POLICIES.items()},
        "compaction_policies": {name: policy.source for name, policy in COMPACTION_POLICIES.items()},
    }

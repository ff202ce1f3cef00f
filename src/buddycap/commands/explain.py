"""Why an allocation failed although memory is free, and what else a kernel's own texts answer.

Give what you have: a dmesg or journal with "page allocation failure" or an OOM report, the text of SysRq-m,
/proc/buddyinfo or vmstat (once or many times), a trace with compaction and reclaim events, a dump of page_owner, a
folder such as a sosreport (or its tar archive).  What a file is, is found by its content.  Exit status: 0 answered, 1
answered in part, 2 nothing readable.
"""

import argparse
import json
import sys

from ..errors import BuddycapError
from ..escape import say
from ..explain.answers import Explained
from ..explain.files import explain_file
from ..explain.memory import Options, check_options

__all__ = ["add_arguments", "command"]

ANSWERED, IN_PART, UNREADABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap explain`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a text, or a folder of texts; - for standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--all", action="store_true", help="several reports in a file: each in full")
    parser.add_argument("--kernel", metavar="RELEASE", help="kernel that wrote the text, if it does not say")
    parser.add_argument("--page-kb", type=int, metavar="N", help="kilobytes of a page, if the text does not say")
    parser.add_argument("--order", type=int, metavar="N", help="order to ask about, where the text asks for none")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap explain`."""
    options = Options(args.kernel, args.page_kb, args.order)
    check_options(options)
    found: list[tuple[str, Explained]] = []
    failed: list[str] = []
    for name in args.files:
        try:
            found.append((name, explain_file(name, options)))
        except (BuddycapError, OSError) as error:
            if len(args.files) == 1:
                raise
            say(f"buddycap: error: {error}", file=sys.stderr)
            failed.append(name)
    if not found:
        return UNREADABLE
    if args.json:
        every = [{"file": name} | answer.as_dict() for name, answer in found]
        say(json.dumps(every[0] if len(args.files) == 1 else {"files": every}, indent=1))
    else:
        for name, answer in found:
            heading = f"{name}\n" if len(args.files) > 1 else ""
            say(heading + answer.told(args.all), end="\n" if len(args.files) > 1 else "")
    return IN_PART if failed else max(answer.status for _, answer in found)

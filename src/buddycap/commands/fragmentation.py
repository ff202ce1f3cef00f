"""How fragmented memory is, and who fragments it: free memory by order, at one moment or many; mixed pageblocks.

Takes /proc/buddyinfo and pagetypeinfo (also many times in one text, as `watch`, collectl or a loop writes them), dumps
of page_owner, folders such as a sosreport.  With --watch it reads this machine's /proc/buddyinfo until Ctrl-C.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TypeVar

from ..errors import MisuseError
from ..escape import say
from ..explain.answers import Explained
from ..explain.files import explain_file
from ..explain.freeseries import HUGE_ORDER, FreeSeries
from ..explain.memory import Options
from ..explain.owners import Owners
from ..explain.traces import TraceAnswer
from ..formats.procfs import BuddyinfoRow
from ..formats.series import Moment, Series, buddyinfo_series
from ..newfile import add_force, check_outputs
from ..views.figures import figure_class
from ..views.freeseries import draw_series

__all__ = ["add_arguments", "command"]

_T = TypeVar("_T", FreeSeries, Owners)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap fragmentation`."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="a text, or a folder of texts; - for standard input")
    parser.add_argument("--order", type=int, metavar="N", help="order to ask about (default: of a pageblock, or 9)")
    parser.add_argument("--page-kb", type=int, metavar="N", help="kilobytes of a page (default: 4)")
    parser.add_argument("--depth", type=int, default=1, metavar="N", help="functions to name a caller by (default: 1)")
    parser.add_argument("--watch", type=float, metavar="SECONDS", help="read /proc/buddyinfo so often, until Ctrl-C")
    parser.add_argument("--count", type=int, metavar="N", help="with --watch: stop after so many moments")
    parser.add_argument("--proc", default="/proc", metavar="DIR", help="with --watch: where buddyinfo is")
    parser.add_argument("--all", action="store_true", help="all zones, callers and counters")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the moments (needs matplotlib)")
    add_force(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print a line for each moment and zone")
    form.add_argument(
        "--collapsed", action="store_true", help="print pages by stack, for flame graphs (page_owner, traces)"
    )
    form.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap fragmentation`."""
    if args.plot:
        check_outputs([args.plot], inputs=args.files, force=args.force)
        figure_class()
    options = Options(None, args.page_kb, args.order, args.depth)
    if args.watch is not None:
        if args.files:
            raise MisuseError("--watch reads this machine; FILE cannot be given besides")
        found = [("", _watch(args, options))]
    elif not args.files:
        raise MisuseError("FILE, or --watch SECONDS, is needed")
    else:
        found = [(name, explain_file(name, options)) for name in args.files]
    answers = [answer for _, answer in found]
    if args.plot:
        draw_series(args.plot, _only(answers, FreeSeries, "--plot: one text with free lists is needed"))
    if args.csv:
        say(_only(answers, FreeSeries, "--csv: one text with free lists is needed").csv(), end="")
    elif args.collapsed:
        say(_collapsed(answers), end="")
    elif args.json:
        every = [{"file": name} | answer.as_dict() for name, answer in found]
        say(json.dumps(every[0] if len(every) == 1 else {"files": every}, indent=1))
    else:
        for name, answer in found:
            say((f"{name}\n" if len(found) > 1 else "") + answer.told(args.all), end="\n" if len(found) > 1 else "")
    return max(answer.status for answer in answers)


def _collapsed(answers: list[Explained]) -> str:
    """Return the stacks of a dump of page_owner, or of a trace."""
    answer = answers[0]
    if len(answers) == 1 and isinstance(answer, TraceAnswer) and answer.requests is not None:
        return answer.requests.collapsed()
    return _only(
        answers, Owners, "--collapsed: one dump of page_owner, or one trace with stacks, is needed"
    ).collapsed()


def _only(answers: list[Explained], kind: type[_T], otherwise: str) -> _T:
    """Return the only answer, which must be of a kind."""
    if len(answers) != 1 or not isinstance(answers[0], kind):
        raise MisuseError(otherwise)
    return answers[0]


def _watch(args: argparse.Namespace, options: Options) -> Explained:
    """Read the machine's free lists again and again; Ctrl-C ends it, and what was seen is told."""
    if not 0 < args.watch <= 86_400:
        raise MisuseError(f"--watch {args.watch:g}: allowed range is above 0 up to 86400")
    if args.count is not None and args.count < 1:
        raise MisuseError(f"--count {args.count}: at least 1 is needed")
    path = Path(args.proc, "buddyinfo")
    series: Series[tuple[BuddyinfoRow, ...]] = Series()
    order = HUGE_ORDER if options.order is None else options.order
    answer = FreeSeries("/proc/buddyinfo", series, order, options.page_kb or 4)
    try:
        while args.count is None or len(series.moments) < args.count:
            if series.moments:
                time.sleep(args.watch)
            rows = buddyinfo_series(path.read_text().splitlines(), str(path)).moments[0].content
            series.moments.append(Moment(time.strftime("%Y-%m-%dT%H:%M:%S"), rows))
            if sys.stderr.isatty():
                print(f"\r{len(series.moments)} moments", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        if not series.moments:
            raise
    return answer

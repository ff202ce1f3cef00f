"""Cut a part of the memory out of a recording: trace, words of /proc/kpageflags, and free blocks counted from them.

    python make_samples.py RECORDING OUT ZONE FIRST_PFN PAGES

Kept are the events whose PFNs lie in the part, what compaction did to it, the begins and ends of its runs, and the
marks. `thpfrag/` was made so from a recording of a 24 GiB virtual machine (Linux 6.18, two CPUs) that asks for huge
pages in fragmented memory (ZONE DMA32, FIRST_PFN 0xbc000, PAGES 0x4000). There is no file of free blocks from the
kernel for a part, so `buddyinfo.end` is what the words of the end say.

`fork/` is a whole recording of a stopped machine (Linux 6.1 in 136 MiB), as it is.  `text/` holds heads of a tracefs
`trace_pipe` with a loss and of `perf script` output, with and without --ns.
"""

import gzip
import json
import re
import sys
from pathlib import Path

from buddycap.formats.kpageflags import read_kpageflags, write_kpageflags
from buddycap.formats.procfs import BuddyinfoRow, format_buddyinfo

PFN = re.compile(rb" pfn=0x([0-9a-f]+) ")
RANGE = re.compile(rb"range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)")
ALWAYS = (b"tracing_mark_write", b"mm_compaction_begin", b"mm_compaction_end", b"#")


def wanted(line: bytes, first: int, end: int) -> bool:
    """Whether a line is about the part."""
    if match := PFN.search(line):
        return first <= int(match[1], 16) < end
    if match := RANGE.search(line):
        low, high = (int(number, 16) for number in match.groups())
        return low < end and first < high if b"fast" in line else first <= low and high <= end
    return any(word in line for word in ALWAYS)


def main() -> None:
    recording, out = map(Path, sys.argv[1:3])
    zone, first, pages = sys.argv[3], int(sys.argv[4], 0), int(sys.argv[5], 0)
    out.mkdir(exist_ok=True)
    with gzip.open(recording / "trace.txt.gz") as source:
        lines = [line for line in source if wanted(line, first, first + pages)]
    with (
        open(out / "trace.txt.gz", "wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed,
    ):
        packed.writelines(lines)
    for when in ("start", "end"):
        (whole,) = read_kpageflags(recording / f"kpageflags.{when}.npz", zones=[zone], section_pages=0)
        part = whole.window(first, first + pages)
        write_kpageflags(out / f"kpageflags.{when}.npz", [part])
        row = BuddyinfoRow(0, zone, tuple(part.nr_free.tolist()))
        (out / f"buddyinfo.{when}").write_text(format_buddyinfo([row]))
    kernel = json.loads((recording / "meta.json").read_text())["kernel"]
    (out / "meta.json").write_text(json.dumps({"kernel": kernel}) + "\n")
    print(len(lines), "lines")


if __name__ == "__main__":
    main()

"""Makes `fork.npz.xz` from a recording's folder: the events from the first state on, and which pages were free."""

import io
import lzma
import sys
from pathlib import Path

import numpy as np

from buddycap.formats.tracefile import read_trace

BUDDY = 1 << 10
KINDS = {"event": "u1", "order": "u1", "cpu": "u1", "pid": "u2", "flags": "u2", "migratetype": "u1", "arg": "u4"}

folder = Path(sys.argv[1])
trace = read_trace(folder / "trace.txt.gz", "6.12")
first = int(np.searchsorted(trace.events["time_ns"], trace.mark_ns("buddycap: snapshot start begin")))
events = trace.events[first:]
columns = {name: events[name].astype(kind) for name, kind in KINDS.items()}
columns["pfn"] = np.diff(events["pfn"], prepend=0).astype("i4")
for name, state in (("free", "start"), ("free_at_end", "end")):
    flags = np.load(folder / f"kpageflags.{state}.npz")["DMA32"]
    columns[name] = np.packbits(flags & BUDDY != 0)
file = io.BytesIO()
np.savez(file, **columns)
(Path(__file__).parent / "fork.npz.xz").write_bytes(lzma.compress(file.getvalue(), preset=9))

"""The folder of a small recorded machine of Linux 6.12, made of the numbers among the tests' data."""

import io
import lzma
from pathlib import Path

import numpy as np

from buddycap.formats.tracefile import Trace, save_trace
from buddycap.formats.tracetext import EVENT_DTYPE

RECORDING = Path(__file__).parent / "data" / "guests-6.12" / "fork.npz.xz"
COLUMNS = ("event", "pfn", "order", "cpu", "pid", "flags", "migratetype", "arg")
START_PFN, PAGES, BUDDY = 4096, 77792, 1 << 10

ZONEINFO = """Node 0, zone    DMA32
  pages free     46757
        boost    0
        min      491
        low      613
        high     735
        promo    857
        spanned  77792
        present  77792
        managed  66314
        cma      0
        protection: (0, 0, 0, 0, 0)
      nr_free_pages 46757
  pagesets
    cpu: 0
              count: 1073
              high:  3508
              batch: 15
  vm stats threshold: 8
    cpu: 1
              count: 667
              high:  1023
              batch: 15
  vm stats threshold: 8
  node_unreclaimable:  0
  start_pfn:           4096
"""


def columns():
    """The recording: pages as steps from one to the next, and bits of the pages that were free."""
    return np.load(io.BytesIO(lzma.decompress(RECORDING.read_bytes())))


def events():
    """Its events, a nanosecond apart."""
    found = columns()
    table = np.zeros(len(found["event"]), EVENT_DTYPE)
    for name in COLUMNS:
        table[name] = found[name]
    table["pfn"] = np.cumsum(found["pfn"], dtype=np.int64)
    table["time_ns"] = np.arange(len(table))
    return table


def write(folder, table=None, stop=None):
    """Write the folder; with `stop` the last state is said to be of before that event."""
    folder.mkdir(exist_ok=True)
    found = columns()
    for name, state in (("free", "start"), ("free_at_end", "end")):
        words = np.unpackbits(found[name])[:PAGES].astype(np.uint64) * BUDDY
        words[words == 0] = 1 << 5  # in use, on the LRU
        np.savez_compressed(folder / f"kpageflags.{state}.npz", DMA32=words, DMA32_start_pfn=START_PFN)
        (folder / f"zoneinfo.{state}").write_text(ZONEINFO)
    table = events() if table is None else table
    marks = [(0, "buddycap: snapshot start begin")]
    if stop is not None:
        marks.append((stop, "buddycap: snapshot end begin"))
    save_trace(folder / "trace.bct", Trace(table, marks))
    return folder

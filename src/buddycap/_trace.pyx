"""Traces of the page allocator at compiled speed: reading text, following what happened, matching allocation and free;
and traces of addresses, translated.

Python's side of it: `buddycap.formats.tracetext`, `buddycap.formats.tracefile`, `buddycap.replay.reconstruct`.
"""

from libc.string cimport memset

import operator

import numpy as np

from cpython.exc cimport PyErr_CheckSignals

from ._core cimport buddycap_ctz

from buddycap.errors import MisuseError

# Version 1 of the record that every part below works on, and that files hold.
EVENT_DTYPE = np.dtype([
    ("time_ns", "<i8"), ("pfn", "<i8"), ("gfp", "<u4"), ("pid", "<i4"), ("arg", "<u4"), ("span", "<u4"),
    ("cpu", "<u2"), ("flags", "<u2"), ("event", "u1"), ("order", "u1"), ("migratetype", "u1"), ("kept", "u1"),
])
TRACED_DTYPE = np.dtype([
    ("time_ns", "<i8"), ("lifetime_ns", "<i8"), ("pfn", "<i8"), ("gfp", "<u4"), ("pid", "<i4"), ("cpu", "<u2"),
    ("order", "u1"), ("migratetype", "u1"), ("flags", "<u4"),
])
TURN_DTYPE = np.dtype([("time_ns", "<i8"), ("request", "<i4"), ("kind", "<i4")])
SKIP_NAMES = ("", "no_head", "bad_fields", "binary", "too_long", "cut")

include "facade/turns.pxi"
include "trace/words.pxi"
include "trace/lines.pxi"
include "trace/fields.pxi"
include "trace/scan.pxi"
include "trace/frames.pxi"
include "trace/follow.pxi"
include "trace/compaction.pxi"
include "trace/events.pxi"
include "trace/hints.pxi"
include "trace/guards.pxi"
include "trace/scanner.pxi"
include "trace/follower.pxi"
include "trace/match.pxi"
include "trace/plan.pxi"
include "trace/addresses.pxi"
include "trace/translator.pxi"

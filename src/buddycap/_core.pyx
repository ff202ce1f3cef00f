"""The compiled half of buddycap: the mechanism in core/, and the facade that is the only home of Python objects.

Read core/ in the order of the includes: each part uses only those above it.  The facade checks every argument, lets
go of the GIL for long calls and turns statuses into exceptions; it holds no algorithm.
"""

include "core/frames.pxi"
include "core/buddy.pxi"
include "core/capture.pxi"
include "core/pcp.pxi"
include "core/bulk.pxi"
include "core/bulkfree.pxi"
include "core/stream.pxi"
include "core/watermark.pxi"
include "core/lru.pxi"
include "core/steps.pxi"
include "core/reclaim.pxi"
include "core/kswapd.pxi"
include "core/slowpath.pxi"
include "core/check.pxi"
include "core/image.pxi"
include "core/export.pxi"

include "facade/guards.pxi"
include "facade/arrays.pxi"
include "facade/config.pxi"
include "facade/zone.pxi"
include "facade/dump.pxi"
include "facade/capture.pxi"
include "facade/image.pxi"
include "facade/formulas.pxi"
include "facade/machine.pxi"
include "facade/request.pxi"

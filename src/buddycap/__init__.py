"""buddycap: a laboratory for physical memory that simulates the Linux page allocator exactly.

Examples
--------
>>> import buddycap
>>> zone = buddycap.Zone(0, 1024, min_free_kbytes=0)
>>> pfn = zone.rmqueue(3, buddycap.MigrateType.MOVABLE)
>>> pfn, zone.nr_free_pages
(0, 1016)
"""

from . import interrupts  # noqa: F401 - first, as it is for Ctrl-C while the rest is imported

# isort: split
from typing import TYPE_CHECKING

from . import _core, reader, recorded, views
from ._core import BLOCK_DTYPE, COST_DTYPE, OP_DTYPE, REQUEST_DTYPE, RESULT_DTYPE, CaptureList, Node, Zone
from .errors import BuddycapError, CorruptionError, FormatError, MisuseError, PolicyError
from .flags import GFP, AllocFlags, MigrateType, PageFlags, RequestOp, RequestPath
from .later import __dir__ as __dir__
from .later import __getattr__ as __getattr__

if TYPE_CHECKING:
    from .calls.explain import explain_file
    from .calls.image import make_image
    from .calls.replay import run_replay
    from .calls.results import StudyResult
    from .calls.study import run_comparison, run_study
    from .header import get_include
    from .kernels import KERNELS
    from .machine import Machine
    from .policies.capture import POLICIES, CapturePolicy
    from .policies.compaction import COMPACTION_POLICIES, CompactionPolicy
    from .policies.files import load_policies, policies_to_toml

_core.set_html_view(views.html_view)
reader.set_reader(recorded)

__all__ = [
    "BLOCK_DTYPE",
    "COMPACTION_POLICIES",
    "COST_DTYPE",
    "GFP",
    "KERNELS",
    "OP_DTYPE",
    "POLICIES",
    "REQUEST_DTYPE",
    "RESULT_DTYPE",
    "AllocFlags",
    "BuddycapError",
    "CaptureList",
    "CapturePolicy",
    "CompactionPolicy",
    "CorruptionError",
    "FormatError",
    "Machine",
    "MigrateType",
    "MisuseError",
    "Node",
    "PageFlags",
    "PolicyError",
    "RequestOp",
    "RequestPath",
    "StudyResult",
    "Zone",
    "explain_file",
    "get_include",
    "load_policies",
    "make_image",
    "policies_to_toml",
    "run_comparison",
    "run_replay",
    "run_study",
]

"""What if the machine lacked one of the things that explain the effect of capture?"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["ABLATIONS"]

# Changes of a `StudyConfig`, by what tables call them; each takes one cause away, everything else stays as it is.
ABLATIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "no synchronous pass": MappingProxyType({"sync_pass": False}),
        "congestion_wait 20 ms": MappingProxyType({"congestion_ms": 20}),
        "no lumpy reclaim": MappingProxyType({"lumpy": False}),
        "no per-CPU lists": MappingProxyType({"pcp_batch": 1, "pcp_high": 1}),
        "kswapd for order 0 only": MappingProxyType({"kswapd_orders": False}),
    }
)

"""How many requests a second does a machine serve, one call each and as a stream?"""

import numpy as np
from workloads import ALLOC, mixed_ops

from buddycap import GFP, REQUEST_DTYPE, Machine, RequestOp, Zone

OPS = 500_000
USER = int(GFP.HIGHUSER_MOVABLE)


def machine(pages):
    """One zone, empty."""
    return Machine([Zone(0, pages)])


def stream(pages):
    """Mixed orders at 70 %, as requests."""
    ops = mixed_ops(pages, OPS)
    requests = np.zeros(len(ops), REQUEST_DTYPE)
    requests["op"] = np.where(ops["op"] == ALLOC, RequestOp.ALLOC, RequestOp.FREE)
    requests["order"], requests["arg"], requests["gfp"] = ops["order"], ops["arg"], USER
    return requests


def test_stream(measure, pages):
    requests = stream(pages)

    def prepare():
        fresh = machine(pages)
        return lambda: fresh.run(requests)

    measure(prepare, OPS, "requests", title="Machine.run, mixed orders at 70 %")


def test_single_calls(measure, pages):
    steps = list(zip(*(stream(pages)[name].tolist() for name in ("op", "order", "arg")), strict=True))

    def prepare():
        fresh = machine(pages)
        alloc_pages, free_pages = fresh.alloc_pages, fresh.free_pages

        def job():
            got = []
            for op, order, arg in steps:
                if op == RequestOp.ALLOC:
                    got.append(alloc_pages(order, USER))
                else:
                    got.append(None)
                    if got[arg] is not None:
                        free_pages(got[arg], order)

        return job

    measure(prepare, OPS, "requests", title="alloc_pages and free_pages, the same by single calls")

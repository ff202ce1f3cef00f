"""The script through numba: compiled Python that calls the C functions.

Needs numba.

$ python play.py
"""

import numba
import numpy as np

from buddycap import Zone

STEPS, ROOM = 20_000, 1024
functions = Zone(0, 1).ctypes
alloc, free, random = functions.alloc, functions.free, functions.random


@numba.njit
def loop(zone, steps):  # zone: the address as an integer
    """Allocate and free blocks as the zone's own random numbers say."""
    pfns, orders = np.empty(ROOM, np.int64), np.empty(ROOM, np.int32)
    number = np.empty(1, np.uint64)
    held = 0
    for _ in range(steps):
        random(zone, number.ctypes)
        r = number[0]
        if held == 0 or (r & np.uint64(1) and held < ROOM):
            orders[held] = (r >> np.uint64(1)) % np.uint64(5)
            pfns[held] = alloc(zone, orders[held], np.int32((r >> np.uint64(8)) % np.uint64(3)), 0)
            held += pfns[held] >= 0
        else:
            k = np.int64((r >> np.uint64(1)) % np.uint64(held))
            free(zone, pfns[k], orders[k], 0)
            held -= 1
            pfns[k], orders[k] = pfns[held], orders[held]


def play(zone: Zone, steps: int = STEPS) -> None:
    """Play it on a zone, which stays alive meanwhile."""
    loop(zone.address, steps)


if __name__ == "__main__":
    zone = Zone(0, 16384, seed=2008, kernel="2.6.27")
    play(zone)
    print(zone.digest())

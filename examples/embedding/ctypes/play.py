"""The script through ctypes: checked C functions, called from Python. Slower than the methods; good for trying out.

$ python play.py
"""

import ctypes

from buddycap import Zone

STEPS, ROOM = 20_000, 1024


def play(zone: Zone, steps: int = STEPS) -> None:
    """Allocate and free blocks as the zone's own random numbers say."""
    c = zone.ctypes
    number = ctypes.c_uint64()
    held: list[tuple[int, int]] = []
    for _ in range(steps):
        c.random(c.zone, ctypes.byref(number))
        r = number.value
        if not held or (r & 1 and len(held) < ROOM):
            order = (r >> 1) % 5
            pfn = c.alloc(c.zone, order, (r >> 8) % 3, None)
            if pfn >= 0:
                held.append((pfn, order))
        else:
            k = (r >> 1) % len(held)
            c.free(c.zone, *held[k], None)
            held[k] = held[-1]
            held.pop()


if __name__ == "__main__":
    zone = Zone(0, 16384, seed=2008, kernel="2.6.27")
    play(zone)
    print(zone.digest())

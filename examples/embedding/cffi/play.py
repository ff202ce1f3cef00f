"""The script through cffi: the table of C functions with its types.

Needs cffi.

$ python play.py
"""

from buddycap import Zone

STEPS, ROOM = 20_000, 1024


def play(zone: Zone, steps: int = STEPS) -> None:
    """Allocate and free blocks as the zone's own random numbers say."""
    c = zone.cffi
    alloc, free, random, null = c.api.alloc, c.api.free, c.api.random, c.ffi.NULL
    number = c.ffi.new("uint64_t *")
    held: list[tuple[int, int]] = []
    with zone.lock:  # cffi lets go of the GIL in every call
        for _ in range(steps):
            random(c.zone, number)
            r = number[0]
            if not held or (r & 1 and len(held) < ROOM):
                order = (r >> 1) % 5
                pfn = alloc(c.zone, order, (r >> 8) % 3, null)
                if pfn >= 0:
                    held.append((pfn, order))
            else:
                k = (r >> 1) % len(held)
                free(c.zone, *held[k], null)
                held[k] = held[-1]
                held.pop()


if __name__ == "__main__":
    zone = Zone(0, 16384, seed=2008, kernel="2.6.27")
    play(zone)
    print(zone.digest())

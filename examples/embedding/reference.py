"""The script by the methods of Zone: what all other ways must do too.

$ python reference.py
"""

from buddycap import Zone

STEPS, ROOM = 20_000, 1024


def play(zone: Zone, steps: int = STEPS) -> None:
    """Allocate and free blocks as the zone's own random numbers say."""
    held: list[tuple[int, int]] = []
    for _ in range(steps):
        r = zone.random()
        if not held or (r & 1 and len(held) < ROOM):
            order = (r >> 1) % 5
            pfn = zone.rmqueue(order, (r >> 8) % 3)
            if pfn is not None:
                held.append((pfn, order))
        else:
            k = (r >> 1) % len(held)
            zone.free_one_page(*held[k])
            held[k] = held[-1]
            held.pop()


if __name__ == "__main__":
    zone = Zone(0, 16384, seed=2008, kernel="2.6.27")
    play(zone)
    print(zone.digest())

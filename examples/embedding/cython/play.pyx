# The script in Cython, on the core itself: no checks, the speed of the core.  Compile again with every version of buddycap.
#
# $ CFLAGS="$(buddycap embed --cflags)" python -m Cython.Build.Cythonize -i3 play.pyx
# $ python -c 'import play; play.main()'
from libc.stdint cimport int32_t, uint64_t

from buddycap._core cimport free_pages_ok, random_next, rmqueue_zone, zone_t

from buddycap import Zone

cdef enum:
    ROOM = 1024


cdef void loop(zone_t *z, long steps) noexcept nogil:
    """Allocate and free blocks as the zone's own random numbers say; a page is an index in the zone here."""
    cdef int32_t page[ROOM]
    cdef int order[ROOM]
    cdef long held = 0
    cdef uint64_t r
    cdef long k
    while steps:
        steps -= 1
        r = random_next(z.random)
        if held == 0 or (r & 1 and held < ROOM):
            order[held] = (r >> 1) % 5
            page[held] = rmqueue_zone(z, order[held], (r >> 8) % 3)
            held += page[held] >= 0
        else:
            k = (r >> 1) % <uint64_t> held
            free_pages_ok(z, page[k], order[k])
            held -= 1
            page[k] = page[held]
            order[k] = order[held]


def play(zone, long steps=20_000):
    """Play it on a zone without the GIL."""
    cdef zone_t *z = <zone_t *> <size_t> zone.address
    with zone.lock:
        with nogil:
            loop(z, steps)


def main():
    zone = Zone(0, 16384, seed=2008, kernel="2.6.27")
    play(zone)
    print(zone.digest())

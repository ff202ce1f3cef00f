"""Recipe for a gem5 run script: aged memory for a process in SE mode.

gem5 is a Python interpreter, so `pip install buddycap` into the environment it is started with is all the linking there
is.  `pool_parameters` is what a script calls; the rest of the script is as usual:

    zone, parameters = pool_parameters("server.img")
    system.workload.pool = BuddyPool(**parameters)

Checkpoint: `zone.save(path)`; restore: `pool_parameters(path)`.  The pool is for zones of Linux 2.6.27.
"""

from buddycap import Zone


def pool_parameters(image):
    """Return the zone of an image, which must outlive the simulation, and the parameters of BuddyPool."""
    zone = Zone.load(image)
    return zone, {"api_address": zone.ctypes.api_address, "zone_address": zone.address}

"""The SimObject: declares what the C++ side gets.  Belongs beside SEWorkload.py; see run.py for the run script."""

from m5.params import Param
from m5.SimObject import SimObject


class BuddyPool(SimObject):
    type = "BuddyPool"
    cxx_class = "gem5::BuddyPoolObject"
    cxx_header = "sim/buddy_pool.hh"

    api_address = Param.UInt64("address of buddycap's table of functions")
    zone_address = Param.UInt64("address of the zone; the run script keeps the zone alive")
    page_shift = Param.Int(12, "log2 of the page size")

"""Physical pages of a process in syscall emulation, from memory that has been in use.

In a run script, after the workload of the system has been chosen:

    system.buddy_pool = BuddyPool(workload=system.workload, image="server.img")
"""

from m5.params import Param
from m5.SimObject import SimObject


class BuddyPool(SimObject):
    type = "BuddyPool"
    cxx_header = "buddycap/buddy_pool.hh"
    cxx_class = "gem5::BuddyPool"

    workload = Param.SEWorkload("whose pages they are")
    image = Param.String("file of `buddycap image make`, of Linux 2.6.27 or 6.1")
    pool_id = Param.Int(0, "which of its pools this is in place of: the memories of the system in their order")

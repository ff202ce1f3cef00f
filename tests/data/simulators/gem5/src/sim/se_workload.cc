// Of gem5 v24.0: the functions that the adapter enters, each with its head as it stands there.
#include "sim/se_workload.hh"

namespace gem5
{

Addr
SEWorkload::allocPhysPages(int npages, int pool_id)
{
    return memPools.allocPhysPages(npages, pool_id);
}

Addr
SEWorkload::memSize(int pool_id) const
{
    return memPools.memSize(pool_id);
}

Addr
SEWorkload::freeMemSize(int pool_id) const
{
    return memPools.freeMemSize(pool_id);
}

} // namespace gem5

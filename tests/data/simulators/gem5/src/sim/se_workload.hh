// Of gem5 v24.0: whom those ask who want physical pages.  deallocPhysPage since v25.
#ifndef __SIM_SE_WORKLOAD_HH__
#define __SIM_SE_WORKLOAD_HH__
#include "base/types.hh"
#include "sim/mem_pool.hh"
namespace gem5 {
class System;
class SEWorkload {
protected:
    MemPools memPools;

public:
    System *system = nullptr;
    Addr allocPhysPages(int npages, int pool_id=0);
#ifdef GEM5_25
    void deallocPhysPage(Addr paddr, int pool_id=0);
#endif
    Addr memSize(int pool_id=0) const;
    Addr freeMemSize(int pool_id=0) const;
};
}
#endif

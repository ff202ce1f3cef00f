// Of gem5 v24.0; deallocPhysPages since v25.  What it does here is to say that it was asked.
#ifndef __MEM_POOL_HH__
#define __MEM_POOL_HH__
#include <stdexcept>
#include "base/types.hh"
namespace gem5 {
class MemPools {
public:
    Addr allocPhysPages(int, int = 0) { throw std::logic_error("MemPools"); }
    void deallocPhysPages(Addr, int, int = 0) { throw std::logic_error("MemPools"); }
    Addr memSize(int = 0) const { throw std::logic_error("MemPools"); }
    Addr freeMemSize(int = 0) const { throw std::logic_error("MemPools"); }
};
}
#endif

// Of gem5 v24.0: the page table of a process; here it keeps what is mapped.
#ifndef __MEM_PAGE_TABLE_HH__
#define __MEM_PAGE_TABLE_HH__
#include <vector>
#include "base/types.hh"
namespace gem5 {
class EmulationPageTable {
public:
    enum MappingFlags : uint32_t { Clobber = 1, Uncacheable = 4, ReadOnly = 8 };
    struct Mapping { Addr vaddr, paddr; int64_t size; uint64_t flags; };
    virtual ~EmulationPageTable() {}
    Addr pageSize() { return 4096; }
    virtual void map(Addr vaddr, Addr paddr, int64_t size, uint64_t flags = 0) { mappings.push_back({vaddr, paddr, size, flags}); }
    std::vector<Mapping> mappings;
};
}
#endif

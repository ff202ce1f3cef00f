// Of gem5 v24.0: the function that the adapter enters, by the line behind which it does.
#include "sim/process.hh"

#include "mem/page_table.hh"
#include "sim/se_workload.hh"

namespace gem5
{

static Addr divCeil(int64_t a, Addr b) { return (static_cast<Addr>(a) + b - 1) / b; }

void
Process::allocateMem(Addr vaddr, int64_t size, bool clobber)
{
    const auto page_size = pTable->pageSize();
    const Addr page_addr = vaddr / page_size * page_size;
    const int npages = divCeil(size, page_size);
    pTable->map(page_addr, seWorkload->allocPhysPages(npages), npages * page_size, clobber ? EmulationPageTable::Clobber : EmulationPageTable::MappingFlags(0));
}

} // namespace gem5

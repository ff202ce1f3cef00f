// Physical pages of gem5's syscall emulation from aged memory.
//
// For: gem5 v24.0 (b1a44b8), and v25, where munmap frees pages.
// Seam: class SEWorkload (src/sim/se_workload.hh), which all that wants physical pages asks, with the number of a pool.
// A BuddyPool (BuddyPool.py) stands for one pool of one workload.  install.py copies this folder to src/buddycap, where
// scons finds it, and puts a line at the beginning of these functions:
//   SEWorkload::allocPhysPages, memSize, freeMemSize; deallocPhysPage in v25 (src/sim/se_workload.cc): if there is a
//     BuddyPool for that pool, it answers;
//   Process::allocateMem (src/sim/process.cc): maps a region in pieces where memory has no room for all of it in a row.
// Where there is no BuddyPool everything is as it was.
//
// allocPhysPages gives any number of contiguous pages, above the kernel's largest block (4 MiB) too, if such blocks are free
// side by side; else the run ends, as it does when memory is full.  A checkpoint has the state of the memory in a file of
// its own.  Frames have 4 KiB: not for SPARC and MIPS.  What it cannot give: huge pages, which page tables of syscall
// emulation do not have, and in v24 pages that are used again, since nothing there frees any.
#ifndef BUDDYCAP_BUDDY_POOL_HH
#define BUDDYCAP_BUDDY_POOL_HH

#include <memory>
#include <string>

#include "base/types.hh"
#include "buddycap/aged_memory.hpp"
#include "params/BuddyPool.hh"
#include "sim/sim_object.hh"

namespace gem5 {

class EmulationPageTable;
class SEWorkload;

class BuddyPool : public SimObject {
public:
    using Params = BuddyPoolParams;

    BuddyPool(const Params &params);
    ~BuddyPool() override;

    // The pool that stands for one of a workload's, or NULL.
    static BuddyPool *of(const SEWorkload &workload, int pool_id);

    // Maps pages of a process in as large pieces as there are.  False: no BuddyPool stands for pool 0, and nothing is done.
    static bool mapPieces(const SEWorkload &workload, EmulationPageTable &table, Addr vaddr, int npages, bool clobber);

    Addr allocPhysPages(int npages);            // address of the first of contiguous pages; without any the run ends
    void deallocPhysPages(Addr paddr, int npages);
    Addr memSize() const;
    Addr freeMemSize() const;

    void init() override;                       // the image must lie in the memory of the system
    void serialize(CheckpointOut &cp) const override;
    void unserialize(CheckpointIn &cp) override;

private:
    std::int64_t take(int npages);

    SEWorkload *const workload;
    const int poolId;
    std::string image;
    std::unique_ptr<AgedMemory> memory;
};

} // namespace gem5

#endif

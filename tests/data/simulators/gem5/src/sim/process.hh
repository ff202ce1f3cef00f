// Of gem5 v24.0: what a process has of its memory.
#ifndef __PROCESS_HH__
#define __PROCESS_HH__
#include "base/types.hh"
namespace gem5 {
class EmulationPageTable;
class SEWorkload;
class Process {
public:
    void allocateMem(Addr vaddr, int64_t size, bool clobber = false);
    SEWorkload *seWorkload = nullptr;
    EmulationPageTable *pTable = nullptr;
};
}
#endif

// Of gem5 v24.0: what the adapter asks of a system.
#ifndef __SYSTEM_HH__
#define __SYSTEM_HH__
#include "base/types.hh"
namespace gem5 {
class System {
public:
    explicit System(Addr end) : end(end) {}
    bool isMemAddr(Addr addr) const { return addr < end; }

private:
    Addr end;
};
}
#endif

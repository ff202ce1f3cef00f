// Of ChampSim 2ff2501 and develop f3db837: what the virtual memory asks of the memory controller.
#ifndef DRAM_CONTROLLER_H
#define DRAM_CONTROLLER_H

#include "champsim.h"

class MEMORY_CONTROLLER {
public:
    explicit MEMORY_CONTROLLER(long long bytes) : bytes(bytes) {}
    [[nodiscard]] champsim::data::bytes size() const { return champsim::data::bytes{bytes}; }

private:
    long long bytes;
};

#endif

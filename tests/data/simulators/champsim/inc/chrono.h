// Of ChampSim 2ff2501 and develop f3db837: what inc/vmem.h names.
#ifndef CHRONO_H
#define CHRONO_H

#include <chrono>
#include <cstdint>

namespace champsim::chrono {
using picoseconds = std::chrono::duration<std::intmax_t, std::pico>;
class clock {
public:
    using duration = picoseconds;
};
} // namespace champsim::chrono

#endif

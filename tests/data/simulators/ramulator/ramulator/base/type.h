// Of Ramulator 2.1, c5b1c3a.
#ifndef RAMULATOR_BASE_TYPE_H
#define RAMULATOR_BASE_TYPE_H
#include <cstdint>
namespace Ramulator {
using Addr_t = std::int64_t;
}
#endif

// Of gem5 v24.0 (b1a44b8).
#ifndef __BASE_TYPES_HH__
#define __BASE_TYPES_HH__
#include <cstdint>
namespace gem5 {
typedef uint64_t Addr;
typedef int64_t Counter;
}
#endif

// Of Virtuoso 8188baf: the types that the allocators name.
#ifndef FIXED_TYPES_H
#define FIXED_TYPES_H
#include <cstdint>
#include <string>
typedef std::uint64_t UInt64;
typedef std::string String;
#endif

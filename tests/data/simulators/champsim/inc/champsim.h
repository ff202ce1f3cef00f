// Of ChampSim 2ff2501 and develop f3db837: the types that inc/vmem.h names.
#ifndef CHAMPSIM_H
#define CHAMPSIM_H

#include <cstddef>
#include <cstdint>
#include <ratio>

extern const unsigned PAGE_SIZE;
extern const unsigned LOG2_PAGE_SIZE;

namespace champsim {
namespace data {
template <typename Rep, typename Unit>
class size {
public:
    constexpr explicit size(Rep n) : n(n) {}
    constexpr Rep count() const { return n; }

private:
    Rep n;
};
using bytes = size<long long, std::ratio<1>>;
using bits = size<unsigned long long, std::ratio<1, 8>>;
} // namespace data

struct dynamic_extent {};
struct page_number_extent {};
struct address_extent {};

template <typename Extent>
class address_slice {
public:
    address_slice() = default;
    explicit address_slice(uint64_t n) : n(n) {}
    template <typename T>
    T to() const { return static_cast<T>(n); }
    bool operator<(const address_slice &other) const { return n < other.n; }
    bool operator==(const address_slice &other) const { return n == other.n; }

private:
    uint64_t n = 0;
};
using page_number = address_slice<page_number_extent>;
using address = address_slice<address_extent>;
} // namespace champsim

#endif

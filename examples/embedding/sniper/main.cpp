// Maps regions of 2 MiB until small pages run out, frees everything, and looks whether the huge pages are back.
// Usage: main IMAGE
#include <cstdio>
#include <exception>
#include <vector>

#include "buddycap_allocator.hpp"

int main(int argc, char **argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s IMAGE\n", argv[0]);
        return 2;
    }
    BuddycapAllocator allocator(argv[1]);
    const std::int64_t before = allocator.free_huge_pages();
    std::vector<std::uint64_t> pages;
    std::uint64_t huge = 0, address = 0;
    for (;;) {
        auto [frame, bits] = allocator.allocate(1 << 21, address, 0, false);
        if (frame == static_cast<std::uint64_t>(-1))
            break;
        pages.push_back(frame);
        huge += bits == BuddycapAllocator::HUGE_BITS;
        address += std::uint64_t{1} << 21;
    }
    for (std::uint64_t frame : pages)
        allocator.deallocate(frame, 0);
    bool refused = false;
    try {
        allocator.deallocate(pages.front(), 0);
    } catch (const std::logic_error &) {
        refused = true;
    }
    std::printf("huge %llu of %lld failed %llu, afterwards %lld; double free %s\n", static_cast<unsigned long long>(huge),
                static_cast<long long>(before), static_cast<unsigned long long>(allocator.huge_failed),
                static_cast<long long>(allocator.free_huge_pages()), refused ? "refused" : "ACCEPTED");
    return huge == static_cast<std::uint64_t>(before) && allocator.free_huge_pages() >= before && refused ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
}

// Touches more pages than the image has free, and checks that no frame has two owners.  Usage: main IMAGE
#include <cstdio>
#include <exception>
#include <unordered_set>

#include "vmem.hpp"

int main(int argc, char **argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s IMAGE\n", argv[0]);
        return 2;
    }
    champsim::VirtualMemory vmem(argv[1], true);
    const std::uint64_t pages = static_cast<std::uint64_t>(vmem.available_ppages()) * 5 / 4;
    std::uint64_t cycles = 0;
    for (std::uint64_t vpage = 0; vpage < pages; vpage++) {
        cycles += vmem.get_pte_pa(0, vpage, 1).second;
        cycles += vmem.va_to_pa(0, vpage).second;
    }
    std::unordered_set<std::uint64_t> gone;
    for (const auto &page : vmem.evicted())
        gone.insert(page.vpage);
    std::unordered_set<std::uint64_t> frames;
    std::uint64_t mapped = 0;
    for (std::uint64_t vpage = 0; vpage < pages; vpage++)
        if (!gone.count(vpage)) {
            frames.insert(vmem.va_to_pa(0, vpage).first);
            mapped++;
        }
    std::printf("pages %llu evicted %zu huge %zu frames %s\n", static_cast<unsigned long long>(pages), gone.size(),
                vmem.huge_mapped(), frames.size() == mapped ? "distinct" : "SHARED");
    return frames.size() == mapped && cycles > 0 ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
}

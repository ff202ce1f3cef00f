// Streams through more memory than is free: pages stall while reclaim works, and nobody shares a frame.
// Usage: main IMAGE
#include <cstdio>
#include <exception>

#include "translation.hpp"

int main(int argc, char **argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s IMAGE\n", argv[0]);
        return 2;
    }
    AgedMemory again(argv[1]);
    const std::uint64_t pages = static_cast<std::uint64_t>(again.stats().present_pages) * 3 / 2;
    BuddycapTranslation translation(argv[1], 32);
    for (std::uint64_t vpage = 0; vpage < pages; vpage++) {
        Request request{vpage << 12 | 0x123};
        while (!translation.translate(request))
            if (translation.stalls > 100 * pages)
                return 1;
        if ((request.addr & 4095) != 0x123)
            return 1;
    }
    std::printf("pages %llu stalls %llu reclaimed %llu\n", static_cast<unsigned long long>(pages),
                static_cast<unsigned long long>(translation.stalls),
                static_cast<unsigned long long>(translation.reclaimed));
    return translation.stalls && translation.reclaimed ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
}

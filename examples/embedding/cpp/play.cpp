// The script in C++11 on libbuddycap.a: one program, no library to carry along.  With the path of an image (Zone.save,
// `buddycap image make`) it goes on from there: mapped, not read, so a machine of any size is there at once.
//
// $ c++ -std=c++11 -O2 -Wall -Wextra -Wpedantic play.cpp $(buddycap embed --cflags --libs --static) -o play
// $ ./play
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <vector>

#include "buddycap_mmap.h"

struct Block {
    std::int64_t pfn;
    int order;
};

// Allocate and free blocks as the zone's own random numbers say.
static void loop(bc_zone *zone, long steps) {
    std::vector<Block> held;
    const std::size_t room = 1024;
    while (steps--) {
        std::uint64_t r;
        bc_random(zone, &r);
        if (held.empty() || ((r & 1) && held.size() < room)) {
            const int order = static_cast<int>((r >> 1) % 5);
            const std::int64_t pfn = bc_alloc(zone, order, static_cast<int>((r >> 8) % 3), nullptr);
            if (pfn >= 0) held.push_back({pfn, order});
        } else {
            Block &block = held[static_cast<std::size_t>((r >> 1) % held.size())];
            bc_free(zone, block.pfn, block.order, nullptr);
            block = held.back();
            held.pop_back();
        }
    }
}

int main(int argc, char **argv) {
    std::unique_ptr<std::uint64_t[]> memory;
    bc_zone *zone;
    int status = BC_OK;
    if (argc > 1) {
        std::uint64_t bytes;
        zone = bc_map_image(bc_get_api(), argv[1], BC_IMAGE_TRUST, &bytes, &status);
    } else {
        bc_config config;
        bc_config_init_for(&config, sizeof config, BC_KERNEL_2_6_27, 0, 16384);
        config.seed = 2008;
        const std::uint64_t bytes = bc_zone_bytes(&config);
        memory.reset(new std::uint64_t[bytes / 8 + 1]);
        status = bc_zone_init(memory.get(), bytes, &config);
        zone = reinterpret_cast<bc_zone *>(memory.get());
    }
    if (status != BC_OK) {
        std::fprintf(stderr, "play: %s\n", bc_status_text(status));
        return 1;
    }
    if (argc > 2) return bc_alloc(zone, 0, BC_MOVABLE, nullptr) < 0;  // how long does it take to start?
    std::uint64_t digest[2];
    loop(zone, 20000);
    bc_digest(zone, digest);
    std::printf("%016" PRIx64 "%016" PRIx64 "\n", digest[0], digest[1]);
    return 0;
}

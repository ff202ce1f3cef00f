// Asks the buddy as Virtuoso's policies do, and prints what it gives.
// Usage: drive MEMORY_MIB KERNEL_MIB (pages N | regions | demote USED | exact FRAME | large MIB | order | wrong)
#include "fixed_types.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <tuple>

#include "memory_management/physical_memory_allocators/reserve_thp.h"

struct Quiet
{
    void on_init(int, int, int) {}
    void on_out_of_memory(UInt64 bytes, UInt64, UInt64) { std::printf("none %llu\n", static_cast<unsigned long long>(bytes)); }
    void on_fragmentation_done() { std::printf("done\n"); }
};

int main(int, char **argv)
{
    Asking<Quiet> policy(std::strtoull(argv[1], nullptr, 0), 18, std::strtoull(argv[2], nullptr, 0), "largepage");
    const std::string what = argv[3];
    const UInt64 number = argv[4] ? std::strtoull(argv[4], nullptr, 0) : 0, none = static_cast<UInt64>(-1);
    auto print = [](UInt64 frame) { std::printf("%llu\n", static_cast<unsigned long long>(frame)); };
    print(policy.counts());
    if (what == "pages")
        for (UInt64 k = 0, frame = 0; k < number && frame != none; k++)
            print(frame = k % 2 ? policy.page(4096) : policy.page(4096, k << 12, 0));
    if (what == "regions")
        for (UInt64 frame = 0; frame != none;)
            print(frame = policy.region(0, 0));
    if (what == "demote") {
        const UInt64 first = policy.region(0, 0);
        policy.demote(first, static_cast<int>(number));
        policy.give(first, first + number - 1);
    }
    if (what == "exact")
        for (const bool take : {false, true, true})
            std::printf("%d\n", policy.exact(number, take));
    if (what == "large") {
        const UInt64 first = policy.page(number << 20);
        print(first);
        if (first != none)
            policy.give(first, first + (number << 8) - 1);
    }
    if (what == "order") {
        policy.fragment(0.5);
        std::printf("%d %.6f\n", policy.largest(), policy.ratios());
    }
    if (what == "wrong")
        policy.give(0, 1);
    print(policy.counts());
    return 0;
}

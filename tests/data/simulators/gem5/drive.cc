// Asks a workload for pages as gem5 does, and prints what it gives.
// Usage: drive IMAGE MEMORY_BYTES (alloc N... | region N | free N | twice | pool ID | checkpoint FOLDER N)
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <sstream>
#include <string>

#include "buddycap/buddy_pool.hh"
#include "mem/page_table.hh"
#include "sim/process.hh"
#include "sim/se_workload.hh"
#include "sim/system.hh"

using namespace gem5;

static void print(Addr number) { std::printf("%llu\n", static_cast<unsigned long long>(number)); }

int main(int argc, char **argv) try {
    System system(std::strtoull(argv[2], nullptr, 0));
    SEWorkload workload;
    workload.system = &system;
    BuddyPoolParams params;
    params.name = "system.buddy_pool";
    params.image = argv[1];
    params.pool_id = 0;
    params.workload = &workload;
    auto pool = std::make_unique<BuddyPool>(params);
    pool->init();
    const std::string what = argv[3];
    print(workload.memSize());
    print(workload.freeMemSize());
    if (what == "alloc")
        for (int k = 4; k < argc; k++)
            print(workload.allocPhysPages(std::atoi(argv[k])));
    if (what == "region") {
        EmulationPageTable table;
        Process process;
        process.seWorkload = &workload;
        process.pTable = &table;
        process.allocateMem(0x10000123, std::atoll(argv[4]) * 4096, true);
        for (const auto &piece : table.mappings)
            std::printf("%llu %llu %lld %llu\n", static_cast<unsigned long long>(piece.vaddr), static_cast<unsigned long long>(piece.paddr), static_cast<long long>(piece.size), static_cast<unsigned long long>(piece.flags));
    }
#ifdef GEM5_25
    if (what == "free") {
        const int pages = std::atoi(argv[4]);
        const Addr start = workload.allocPhysPages(pages);
        for (int k = pages - 1; k >= 0; k--)
            workload.deallocPhysPage(start + static_cast<Addr>(k) * 4096);
        if (argc > 5)
            workload.deallocPhysPage(start);
    }
#endif
    if (what == "twice")
        BuddyPool second(params);
    if (what == "pool")
        print(workload.allocPhysPages(1, std::atoi(argv[4])));
    if (what == "checkpoint") {
        CheckpointIn::setDir(argv[4]);
        workload.allocPhysPages(std::atoi(argv[5]));
        std::ostringstream text;
        pool->serialize(text);
        const Addr next = workload.allocPhysPages(1);
        CheckpointIn saved(argv[4]);
        const std::string line = text.str();
        saved.entries[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1, line.size() - line.find('=') - 2);
        pool->unserialize(saved);
        std::printf("%s%d\n", line.c_str(), workload.allocPhysPages(1) == next);
    }
    print(workload.freeMemSize());
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}

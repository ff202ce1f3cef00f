#include "buddycap/buddy_pool.hh"

#include <exception>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "base/logging.hh"
#include "buddycap/contiguous.hpp"
#include "mem/page_table.hh"
#include "sim/se_workload.hh"
#include "sim/system.hh"

namespace gem5 {

namespace {

constexpr int PAGE_SHIFT = 12;

std::map<std::pair<const SEWorkload *, int>, BuddyPool *> &pools() {
    static std::map<std::pair<const SEWorkload *, int>, BuddyPool *> all;
    return all;
}

std::unique_ptr<AgedMemory> mapped(const std::string &image) {
    try {
        return std::make_unique<AgedMemory>(image);
    } catch (const std::exception &error) {
        fatal("BuddyPool: %s", error.what());
    }
}

} // namespace

BuddyPool::BuddyPool(const Params &params)
    : SimObject(params), workload(params.workload), poolId(params.pool_id), image(params.image), memory(mapped(params.image)) {
    fatal_if(!pools().emplace(std::make_pair(workload, poolId), this).second, "%s: there is one for pool %d already", name(), poolId);
}

BuddyPool::~BuddyPool() { pools().erase({workload, poolId}); }

BuddyPool *BuddyPool::of(const SEWorkload &workload, int pool_id) {
    const auto found = pools().find({&workload, pool_id});
    return found == pools().end() ? nullptr : found->second;
}

void BuddyPool::init() {
    SimObject::init();
    const bc_stats stats = memory->stats();
    const std::int64_t last = stats.start_pfn + stats.spanned_pages - 1;
    for (const std::int64_t pfn : {stats.start_pfn, last})
        fatal_if(!workload->system->isMemAddr(static_cast<Addr>(pfn) << PAGE_SHIFT),
                 "%s: %s has the frames %d to %d, which the system's memory has not", name(), image, stats.start_pfn, last);
}

std::int64_t BuddyPool::take(int npages) { return contiguous::alloc(bc_get_api(), memory->zone(), npages, memory->movable()); }

Addr BuddyPool::allocPhysPages(int npages) {
    const std::int64_t pfn = take(npages);
    fatal_if(pfn < 0, "%s: no %d contiguous pages, of %d that are free", name(), npages, memory->stats().nr_free_pages);
    return static_cast<Addr>(pfn) << PAGE_SHIFT;
}

bool BuddyPool::mapPieces(const SEWorkload &workload, EmulationPageTable &table, Addr vaddr, int npages, bool clobber) {
    BuddyPool *pool = of(workload, 0);
    if (pool == nullptr)
        return false;
    const auto flags = clobber ? EmulationPageTable::Clobber : EmulationPageTable::MappingFlags(0);
    for (int piece = npages; npages > 0;) {
        piece = piece < npages ? piece : npages;
        const std::int64_t pfn = pool->take(piece);
        if (pfn < 0 && piece > 1) {
            piece = (piece + 1) / 2;
            continue;
        }
        fatal_if(pfn < 0, "%s: memory is full", pool->name());
        const Addr bytes = static_cast<Addr>(piece) << PAGE_SHIFT;
        table.map(vaddr, static_cast<Addr>(pfn) << PAGE_SHIFT, static_cast<std::int64_t>(bytes), flags);
        vaddr += bytes;
        npages -= piece;
    }
    return true;
}

void BuddyPool::deallocPhysPages(Addr paddr, int npages) {
    const int status = bc_free_range(memory->zone(), static_cast<std::int64_t>(paddr >> PAGE_SHIFT), npages, nullptr);
    panic_if(status != BC_OK, "%s: %d pages at %#x are freed: %s", name(), npages, paddr, bc_status_text(status));
}

Addr BuddyPool::memSize() const { return static_cast<Addr>(memory->stats().present_pages) << PAGE_SHIFT; }

Addr BuddyPool::freeMemSize() const { return static_cast<Addr>(memory->stats().nr_free_pages) << PAGE_SHIFT; }

void BuddyPool::serialize(CheckpointOut &cp) const {
    const std::string filename = name() + ".img";
    SERIALIZE_SCALAR(filename);
    std::vector<char> bytes(static_cast<std::size_t>(bc_image_bytes(memory->zone())));
    const int status = bc_image_save(memory->zone(), bytes.data(), bytes.size());
    std::ofstream file(CheckpointIn::dir() + "/" + filename, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    fatal_if(status != BC_OK || !file, "%s: cannot write %s", name(), filename);
}

void BuddyPool::unserialize(CheckpointIn &cp) {
    std::string filename;
    UNSERIALIZE_SCALAR(filename);
    image = cp.getCptDir() + "/" + filename;
    memory = mapped(image);
}

} // namespace gem5

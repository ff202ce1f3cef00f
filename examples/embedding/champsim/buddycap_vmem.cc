// ChampSim's physical frames come from aged memory.
//
// For: ChampSim 2ff2501 and its branch develop at f3db837 (inc/vmem.h is the same in both).
// Seam: class VirtualMemory (inc/vmem.h).  Four of its member functions are defined here instead of in src/vmem.cc:
//   populate_pages   maps the image instead of listing all frames;
//   shuffle_pages    does nothing: the order is the image's;
//   ppage_pop        the next page table's frame, an unmovable page of the image; when memory is full the run ends with a
//                    message, where stock ChampSim lists all frames again and so gives them a second owner.  Stock
//                    ChampSim takes a frame for every look at a page table, too, if tables are as large as pages (the
//                    default), whether there is a new one or not: here those that were not needed are taken again;
//   va_to_pa         the frame of a page, a movable page of the image; the core is the address space.
// The class itself, its page tables and all that call it stay as they are.  install.py cuts the four out of src/vmem.cc
// and puts this file beside it; ChampSim's Makefile compiles all that lies there.
//
// Which image, and how, comes from the environment, since the configuration file has no place for it:
//   BUDDYCAP_IMAGE   the file of `buddycap image make`, of Linux 2.6.27 or 6.1; its memory must fit into the DRAM
//   BUDDYCAP_ORDER   first-touch (default), or by-number: the mapping does not depend on the order of faults (frame_map.hpp)
//   BUDDYCAP_SEED    of by-number, default 0
// ChampSim keeps the first MiB for itself: frames below it are left out.  A minor fault costs what it costs in ChampSim.
#include "vmem.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <string>

#include "aged_memory.hpp"
#include "champsim.h"
#include "dram_controller.h"
#include "frame_map.hpp"

namespace {
constexpr std::int64_t RESERVED_BYTES = 1 << 20;
constexpr std::int64_t TABLES_IN = 2; // by number: half of the frames, since ChampSim has a table for each page and for those above

// One of each VirtualMemory: there is no field for it in the class.
struct Memory {
    std::unique_ptr<FrameMap> frames;
    std::int64_t taken = -1;        // the frame that was last taken for a page table
    std::size_t tables = 0;         // and how many entries there were before
};

struct Maps {
    std::map<const VirtualMemory *, Memory> of;
    ~Maps() {
        for (const auto &[vmem, memory] : of)
            if (memory.frames != nullptr && memory.frames->displaced > 0)
                std::printf("[VMEM] %llu pages lie where the order of faults has put them\n", static_cast<unsigned long long>(memory.frames->displaced));
    }
};

Maps &maps()
{
    static Maps all;
    return all;
}

std::string setting(const char *name, const char *otherwise)
{
    const char *value = std::getenv(name);
    return value == nullptr || *value == 0 ? otherwise : value;
}

[[noreturn]] void give_up(const std::string &why)
{
    std::fflush(stdout);
    std::fprintf(stderr, "[VMEM] ERROR: %s\n", why.c_str());
    std::exit(EXIT_FAILURE);
}

std::unique_ptr<FrameMap> map_of_image(const std::string &image, const std::string &order, std::int64_t dram_bytes, std::int64_t page_bytes)
{
    if (image.empty())
        give_up("BUDDYCAP_IMAGE names no image: see `buddycap image make`");
    if (order != "first-touch" && order != "by-number")
        give_up("BUDDYCAP_ORDER=" + order + ": first-touch or by-number is wanted");
    const std::uint64_t seed = std::strtoull(setting("BUDDYCAP_SEED", "0").c_str(), nullptr, 0);
    auto frames = std::make_unique<FrameMap>(image, order == "by-number", seed, RESERVED_BYTES / page_bytes, TABLES_IN);
    const bc_stats stats = frames->image().stats();
    const std::int64_t end = stats.start_pfn + stats.spanned_pages, most = dram_bytes / page_bytes;
    if (end > most)
        give_up(image + ": frames up to " + std::to_string(end - 1) + ", but the DRAM has only " + std::to_string(most));
    std::printf("[VMEM] %s: %lld frames, Linux %s, %s\n", image.c_str(), static_cast<long long>(stats.present_pages),
                frames->image().is_6_1() ? "6.1" : "2.6.27", order.c_str());
    return frames;
}

FrameMap &map_of(const VirtualMemory *vmem) { return *maps().of.at(vmem).frames; }
} // namespace

void VirtualMemory::populate_pages()
{
    try {
        maps().of[this].frames = map_of_image(setting("BUDDYCAP_IMAGE", ""), setting("BUDDYCAP_ORDER", "first-touch"),
                                       static_cast<std::int64_t>(champsim::data::bytes{dram.size()}.count()), static_cast<std::int64_t>(PAGE_SIZE));
    } catch (const std::exception &error) {
        give_up(error.what());
    }
    ppage_pop();
}

void VirtualMemory::shuffle_pages() {}

// The list holds one frame: that of the next page table.  Who calls this has taken it, and does not say whether it was
// needed; but if no entry has come since the frame before it was taken, that one is still nobody's.
void VirtualMemory::ppage_pop()
{
    try {
        Memory &memory = maps().of.at(this);
        const bool unused = memory.taken >= 0 && page_table.size() == memory.tables;
        const std::int64_t next = unused ? memory.taken : memory.frames->table();
        if (!ppage_free_list.empty())
            memory.taken = ppage_free_list.front().to<std::int64_t>();
        memory.tables = page_table.size();
        ppage_free_list.assign(1, champsim::page_number{static_cast<uint64_t>(next)});
    } catch (const std::exception &error) {
        give_up(error.what());
    }
}

std::pair<champsim::page_number, champsim::chrono::clock::duration> VirtualMemory::va_to_pa(uint32_t cpu_num, champsim::page_number vaddr)
{
    try {
        const auto [frame, fault] = map_of(this).map(cpu_num, vaddr.to<uint64_t>());
        return {champsim::page_number{static_cast<uint64_t>(frame)}, fault ? minor_fault_penalty : champsim::chrono::clock::duration::zero()};
    } catch (const std::exception &error) {
        give_up(error.what());
    }
}

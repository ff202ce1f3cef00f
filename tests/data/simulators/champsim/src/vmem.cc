// What of ChampSim's src/vmem.cc stays calls what of it goes: the first three functions do, in the places where it does.
#include "vmem.h"

#include "dram_controller.h"

VirtualMemory::VirtualMemory(champsim::data::bytes, std::size_t, champsim::chrono::clock::duration minor_penalty, MEMORY_CONTROLLER &dram_,
                             std::optional<uint64_t> randomization_seed_)
    : randomization_seed(randomization_seed_), dram(dram_), minor_fault_penalty(minor_penalty)
{
  populate_pages();
  shuffle_pages();
}

// As there, the frame is taken before it is known whether there is a table already, and each page has one of its own.
std::pair<champsim::address, champsim::chrono::clock::duration> VirtualMemory::get_pte_pa(uint32_t cpu_num, champsim::page_number vaddr, std::size_t level)
{
  const auto page = ppage_front();
  ppage_pop();
  const champsim::address_slice<champsim::dynamic_extent> part{vaddr.to<uint64_t>() >> (9 * (level - 1))};
  const auto [entry, fault] = page_table.try_emplace({cpu_num, static_cast<uint32_t>(level), part}, champsim::address{page.to<uint64_t>() * PAGE_SIZE});
  return {entry->second, fault ? minor_fault_penalty : champsim::chrono::clock::duration::zero()};
}

champsim::page_number VirtualMemory::ppage_front() const { return ppage_free_list.front(); }

std::size_t VirtualMemory::available_ppages() const { return ppage_free_list.size(); }

void VirtualMemory::populate_pages()
{
  static_assert(sizeof(int) == 0, "must have been cut out");
}

void VirtualMemory::shuffle_pages()
{
  static_assert(sizeof(int) == 0, "must have been cut out");
}

void VirtualMemory::ppage_pop()
{
  if (true) {
    static_assert(sizeof(int) == 0, "must have been cut out");
  }
}

std::pair<champsim::page_number, champsim::chrono::clock::duration> VirtualMemory::va_to_pa(uint32_t, champsim::page_number vaddr)
{
  static_assert(sizeof(int) == 0, "must have been cut out");
}

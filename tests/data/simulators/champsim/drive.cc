// Touches pages of two cores and prints the frames.  Usage: drive BYTES PAGES STEP [tables]
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dram_controller.h"
#include "vmem.h"

const unsigned PAGE_SIZE = 4096;
const unsigned LOG2_PAGE_SIZE = 12;

int main(int argc, char **argv)
{
  MEMORY_CONTROLLER dram{std::atoll(argv[1])};
  VirtualMemory vmem{champsim::data::bytes{4096}, 5, champsim::chrono::clock::duration{200}, dram, {}};
  const uint64_t pages = std::strtoull(argv[2], nullptr, 0), step = std::strtoull(argv[3], nullptr, 0);
  for (uint64_t k = 0; k < pages; k++)
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
      const champsim::page_number page{k * step % pages + 4096};
      const auto [frame, cost] = vmem.va_to_pa(cpu, page);
      const auto [again, free] = vmem.va_to_pa(cpu, page);
      if (!(frame == again) || free.count() != 0 || cost.count() != 200)
        return 3;
      std::printf("%u %llu %llu\n", cpu, static_cast<unsigned long long>(page.to<uint64_t>()), static_cast<unsigned long long>(frame.to<uint64_t>()));
      for (int look = 0; argc > 4 && look < 9; look++)
        if (vmem.get_pte_pa(cpu, champsim::page_number{0}, 5).first.to<uint64_t>() % PAGE_SIZE != 0)
          return 4;
      if (argc > 4 && k % 512 == 0)
        std::printf("table %llu\n", static_cast<unsigned long long>(vmem.get_pte_pa(cpu, page, 1).first.to<uint64_t>() / PAGE_SIZE));
    }
  return 0;
}

// Of ChampSim 2ff2501 and develop f3db837: what class VirtualMemory declares, as far as the adapter touches it.
#ifndef VMEM_H
#define VMEM_H

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "champsim.h"
#include "chrono.h"

class MEMORY_CONTROLLER;

class VirtualMemory {
private:
    std::optional<uint64_t> randomization_seed;
    MEMORY_CONTROLLER &dram;

public:
    const champsim::chrono::clock::duration minor_fault_penalty;

private:
    std::deque<champsim::page_number> ppage_free_list;
    std::map<std::tuple<uint32_t, uint32_t, champsim::address_slice<champsim::dynamic_extent>>, champsim::address> page_table;

    [[nodiscard]] champsim::page_number ppage_front() const;
    void ppage_pop();

    void shuffle_pages();
    void populate_pages();

public:
    VirtualMemory(champsim::data::bytes page_table_page_size, std::size_t page_table_levels, champsim::chrono::clock::duration minor_penalty,
                  MEMORY_CONTROLLER &dram_, std::optional<uint64_t> randomization_seed_);
    [[nodiscard]] std::size_t available_ppages() const;
    std::pair<champsim::page_number, champsim::chrono::clock::duration> va_to_pa(uint32_t cpu_num, champsim::page_number vaddr);
    std::pair<champsim::address, champsim::chrono::clock::duration> get_pte_pa(uint32_t cpu_num, champsim::page_number vaddr, std::size_t level);
};

#endif

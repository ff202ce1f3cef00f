// A translation for Ramulator whose faults take time: a page without a frame waits until reclaim has made room.
//
// Replaces: the identity translation (ITranslation in its base).  Register it there as usual and read `image` and
// `pages_per_tick` from the parameters.
// Gains: frames as a used machine hands them out, and memory pressure that is visible as stalls: `translate` returns
// false, and the simulator tries again later, for as long as direct reclaim works.
// Kernel: 2.6.27, the one whose reclaim C programs can step through; an image of another is refused.
#ifndef BUDDYCAP_TRANSLATION_HPP
#define BUDDYCAP_TRANSLATION_HPP

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "../common/aged_memory.hpp"

struct Request {                                // what of the simulator's request is needed
    std::uint64_t addr;
};

class BuddycapTranslation {
public:
    BuddycapTranslation(const std::string &image, std::int64_t pages_per_tick)
        : memory(image), machine_memory(static_cast<std::size_t>(bc_machine_bytes() + 7) / 8),
          request_memory(static_cast<std::size_t>(bc_request_bytes() + 7) / 8), pages_per_tick(pages_per_tick) {
        bc_machine_config config;
        bc_machine_config_init(&config, sizeof config);
        config.swap_pages = std::int64_t{1} << 20;
        must(bc_machine_init(machine(), machine_memory.size() * 8, &config));
        must(bc_machine_attach(machine(), memory.zone()));
    }
    ~BuddycapTranslation() {
        if (waiting)
            bc_request_abort(machine(), request());
    }

    // Rewrites the address; false: not ready, ask again in the next tick.
    bool translate(Request &r) {
        std::uint64_t vpage = r.addr >> 12;
        auto found = frames.find(vpage);
        if (found == frames.end()) {
            if (waiting && wanted != vpage)
                return stall();
            if (!step(vpage))
                return stall();
            found = frames.find(vpage);
        }
        bc_page_accessed(machine(), found->second);
        r.addr = static_cast<std::uint64_t>(found->second) << 12 | (r.addr & 4095);
        return true;
    }

    std::uint64_t stalls = 0, reclaimed = 0;

private:
    bc_machine *machine() { return reinterpret_cast<bc_machine *>(machine_memory.data()); }
    bc_request *request() { return reinterpret_cast<bc_request *>(request_memory.data()); }
    static void must(int status) {
        if (status < 0)
            throw std::logic_error(bc_status_text(status));
    }
    bool stall() {
        stalls++;
        return false;
    }

    // Goes on with the fault of a page; true when it has its frame.
    bool step(std::uint64_t vpage) {
        bc_result result;
        if (!waiting) {
            must(bc_request_init(request(), request_memory.size() * 8, machine(), 0, BC_GFP_USER_MOVABLE, 0, 0, nullptr));
            waiting = true;
            wanted = vpage;
        }
        int wait = bc_request_step(machine(), request(), pages_per_tick, &result);
        must(wait);
        forget_reclaimed();
        if (wait != BC_WAIT_DONE)
            return false;
        waiting = false;
        if (result.pfn < 0)
            return false;
        frames[vpage] = result.pfn;
        owner[result.pfn] = vpage;
        must(bc_page_add(machine(), result.pfn, BC_PF_ANON | BC_PF_SWAPBACKED | BC_PF_MMAP));
        return true;
    }

    // Pages that reclaim took lose their frames; writes end at once.
    void forget_reclaimed() {
        bc_event events[64];
        std::int64_t n;
        while ((n = bc_events(machine(), events, 64)) > 0)
            for (std::int64_t k = 0; k < n; k++) {
                auto victim = owner.find(events[k].pfn);
                if (events[k].kind == BC_EV_PAGEOUT)
                    bc_write_end(machine(), events[k].pfn, 0);
                else if (events[k].kind == BC_EV_RECLAIMED && victim != owner.end()) {
                    frames.erase(victim->second);
                    owner.erase(victim);
                    reclaimed++;
                }
            }
    }

    AgedMemory memory;
    std::vector<std::uint64_t> machine_memory, request_memory;
    std::int64_t pages_per_tick;
    std::unordered_map<std::uint64_t, std::int64_t> frames;
    std::unordered_map<std::int64_t, std::uint64_t> owner;
    std::uint64_t wanted = 0;
    bool waiting = false;
};

#endif

// Which frame a virtual page has: given at its first touch, or, so that the order of touches does not matter, by its number.
//
//   first touch   what the image's allocator hands out next, for a page of a process or for a page table.  What a real
//                 machine does; the mapping depends on the order of faults.
//   by number     the image's free frames in the order in which its allocator hands them out, and of these the one at
//                 (page + shift) modulo their number, where shift comes from the seed and the address space: the same page
//                 has the same frame in every run and with every interleaving of cores.  Neighbours get what neighbours
//                 touched in a row would have got.  Address spaces begin far apart: two of them half of the frames, four
//                 a quarter.  Pages that fall on one frame all the same, such as those that are a multiple of the number
//                 of frames apart, depend on the order: the later one takes the next frame that is free, and `displaced`
//                 counts it.  One frame of 64, or of another number, is kept for page tables.
// Address spaces share nothing.  When no frame is left there is an exception: never a frame with two owners.
#ifndef FRAME_MAP_HPP
#define FRAME_MAP_HPP

#include <cstdint>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aged_memory.hpp"

class FrameMap {
public:
    // Frames below `lowest` are never used.  By number, one frame of `tables_in` is kept for page tables.
    FrameMap(const std::string &image, bool by_number, std::uint64_t seed, std::int64_t lowest = 0, std::int64_t tables_in = 64)
        : memory(image), by_number(by_number), seed(seed), lowest(lowest) {
        if (!by_number)
            return;
        for (std::int64_t n = memory.stats().nr_free_pages / tables_in + 1; n > 0; n--)
            tables.push_back(taken_frame(memory.unmovable()));
        for (std::int64_t frame : memory.all_frames())
            if (frame >= lowest)
                frames.push_back(frame);
        used.resize(frames.size());
        left = frames.size();
    }

    // The frame of a page of an address space, and whether this was its first touch.
    std::pair<std::int64_t, bool> map(std::uint32_t space, std::uint64_t page) {
        auto found = pages.find(Key{space, page});
        if (found != pages.end())
            return {found->second, false};
        std::int64_t frame = by_number ? numbered(space, page) : taken_frame(memory.movable());
        pages.emplace(Key{space, page}, frame);
        return {frame, true};
    }

    // A frame for a page table.
    std::int64_t table() {
        if (!by_number)
            return taken_frame(memory.unmovable());
        if (tables.empty())
            throw std::runtime_error("out of memory: the frames that are kept for page tables are in use");
        std::int64_t frame = tables.back();
        tables.pop_back();
        return frame;
    }

    const AgedMemory &image() const { return memory; }
    std::uint64_t displaced = 0;

private:
    struct Key {
        std::uint32_t space;
        std::uint64_t page;
        bool operator==(const Key &other) const { return space == other.space && page == other.page; }
    };
    static std::uint64_t mix(std::uint64_t x) {             // splitmix64
        x += 0x9E3779B97F4A7C15u;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
        return x ^ (x >> 31);
    }
    struct Hash {
        std::size_t operator()(const Key &key) const { return static_cast<std::size_t>(mix(key.page ^ mix(key.space))); }
    };

    [[noreturn]] static void full() { throw std::runtime_error("out of memory: every free frame of the image is in use"); }

    std::int64_t taken_frame(int migratetype) {
        std::int64_t frame;
        do
            frame = memory.alloc(0, migratetype);
        while (frame >= 0 && frame < lowest);
        if (frame < 0)
            full();
        return frame;
    }

    // The seed's place, and from there 1/2, 1/4, 3/4, 1/8 ... of the frames onward: the bits of the number, reversed.
    std::size_t shift(std::uint32_t space) const {
        std::uint64_t part = 0;
        for (int bit = 0; bit < 32; bit++)
            part |= static_cast<std::uint64_t>(space >> bit & 1) << (31 - bit);
        return (mix(seed) % frames.size() + (part * frames.size() >> 32)) % frames.size();
    }

    std::int64_t numbered(std::uint32_t space, std::uint64_t page) {
        if (left == 0)
            full();
        std::size_t at = (page % frames.size() + shift(space)) % frames.size();
        displaced += used[at];
        while (used[at])
            at = at + 1 == frames.size() ? 0 : at + 1;
        used[at] = true;
        left--;
        return frames[at];
    }

    AgedMemory memory;
    bool by_number;
    std::uint64_t seed;
    std::int64_t lowest;
    std::size_t left = 0;
    std::vector<std::int64_t> frames, tables;
    std::vector<bool> used;
    std::unordered_map<Key, std::int64_t, Hash> pages;
};

#endif

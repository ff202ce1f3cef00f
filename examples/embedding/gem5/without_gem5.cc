// The pool behind plain functions, to try the recipe without gem5: c++ -shared -fPIC without_gem5.cc -o pool.so
#include "buddy_pool.hh"

extern "C" {

void *pool_make(std::uint64_t api_address, std::uint64_t zone_address) {
    return new gem5::BuddyPool(api_address, zone_address);
}

void pool_free(void *pool) { delete static_cast<gem5::BuddyPool *>(pool); }

std::int64_t pool_alloc(void *pool, std::int64_t npages) {
    try {
        return static_cast<std::int64_t>(static_cast<gem5::BuddyPool *>(pool)->allocPhysPages(npages));
    } catch (const std::runtime_error &) {
        return -1;
    }
}

int pool_dealloc(void *pool, std::int64_t start, std::int64_t npages) {
    try {
        static_cast<gem5::BuddyPool *>(pool)->deallocPhysPages(static_cast<std::uint64_t>(start), npages);
        return 0;
    } catch (const std::logic_error &) {
        return -1;
    }
}

std::int64_t pool_free_bytes(void *pool) { return static_cast<gem5::BuddyPool *>(pool)->freeMemSize(); }
}

/* adapter_buddy_alloc.h - spaskalev/buddy_alloc (one header), 4 KiB alignment, its own arena never touched. */
#include <sys/mman.h>

#define BUDDY_ALLOC_IMPLEMENTATION
#include "buddy_alloc.h"

#define PEER_PAGE_SIZE 4096

struct peer {
    struct buddy *buddy;
    unsigned char *metadata, *arena;
    size_t metadata_bytes, arena_bytes;
};

static void peer_close(struct peer *peer)
{
    munmap(peer->metadata, peer->metadata_bytes);
    munmap(peer->arena, peer->arena_bytes);
}

static int peer_open(struct peer *peer, int64_t frames)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    peer->arena_bytes = frames * PEER_PAGE_SIZE;
    peer->metadata_bytes = buddy_sizeof_alignment(peer->arena_bytes, PEER_PAGE_SIZE);
    peer->arena = mmap(NULL, peer->arena_bytes, PROT_NONE, flags, -1, 0);
    peer->metadata = mmap(NULL, peer->metadata_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (peer->arena == MAP_FAILED || peer->metadata == MAP_FAILED)
        return -1;
    madvise(peer->metadata, peer->metadata_bytes, MADV_HUGEPAGE);
    peer->buddy = buddy_init_alignment(peer->metadata, peer->arena, peer->arena_bytes, PEER_PAGE_SIZE);
    if (peer->buddy)
        return 0;
    peer_close(peer);
    return -1;
}

static inline int64_t peer_get(struct peer *peer, unsigned order)
{
    unsigned char *block = buddy_malloc(peer->buddy, (size_t)PEER_PAGE_SIZE << order);

    return block ? (block - peer->arena) / PEER_PAGE_SIZE : -1;
}

static inline void peer_put(struct peer *peer, int64_t frame, unsigned order)
{
    (void)order;
    buddy_free(peer->buddy, peer->arena + frame * PEER_PAGE_SIZE);
}

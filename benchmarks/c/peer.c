/* peer.c - somebody else's allocator behind the functions of kernel_style.h that it can serve.
 *
 * PEER_ADAPTER names a file that includes the peer's sources and defines
 *
 *     struct peer { ... };
 *     static int peer_open(struct peer *peer, int64_t frames);               0 = ready, everything free
 *     static void peer_close(struct peer *peer);
 *     static inline int64_t peer_get(struct peer *peer, unsigned order);     first frame, from 0; -1 = none
 *     static inline void peer_put(struct peer *peer, int64_t frame, unsigned order);
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>

#include "op.h"
#include PEER_ADAPTER

struct zone {
    int64_t start_pfn;
    struct peer peer;
};

struct zone *zone_create(int64_t start_pfn, int64_t spanned)
{
    struct zone *zone = calloc(1, sizeof(*zone));

    if (!zone)
        return NULL;
    zone->start_pfn = start_pfn;
    if (!peer_open(&zone->peer, spanned))
        return zone;
    free(zone);
    return NULL;
}

void zone_destroy(struct zone *zone)
{
    peer_close(&zone->peer);
    free(zone);
}

size_t zone_alloc_many(struct zone *zone, size_t n, unsigned order, unsigned migratetype, int64_t *pfns)
{
    (void)migratetype;
    for (size_t i = 0; i < n; i++) {
        int64_t frame = peer_get(&zone->peer, order);

        if (frame < 0)
            return i;
        pfns[i] = frame + zone->start_pfn;
    }
    return n;
}

void zone_free_many(struct zone *zone, const int64_t *pfns, size_t n, unsigned order)
{
    for (size_t i = 0; i < n; i++)
        peer_put(&zone->peer, pfns[i] - zone->start_pfn, order);
}

void zone_run(struct zone *zone, const struct op *ops, size_t n, int64_t *result)
{
    for (size_t i = 0; i < n; i++) {
        const struct op *op = &ops[i];

        if (op->op == OP_ALLOC) {
            int64_t frame = peer_get(&zone->peer, op->order);

            result[i] = frame < 0 ? -1 : frame + zone->start_pfn;
        } else {
            int64_t pfn = op->arg >= 0 ? result[op->arg] : op->pfn;

            if (pfn >= 0)
                peer_put(&zone->peer, pfn - zone->start_pfn, op->order);
            result[i] = -1;
        }
    }
}

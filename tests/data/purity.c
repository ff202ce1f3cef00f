/* A program without Python that runs the core in its own memory: test_purity.py does the same through Python.
 *
 * Prints, every thousand steps, the digest and a sum over all results; returns what is wrong, or 0. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 4096, LISTS = 4, STEPS = 20000, MOVABLE = 2, NO_WATERMARKS = 1 };

typedef struct zone zone;

typedef struct { /* zone_config_t of _core.pxd */
    int64_t start_pfn, spanned_pages;
    int32_t max_page_order, pageblock_order, zone_idx, cpus, pcp_batch, pcp_high;
    int32_t pageblock_relative, pcp_bulk_cold, grouping, owners, slot_limit;
    int64_t min_free_kbytes, node_present[4];
    int32_t lowmem_reserve_ratio[4];
    uint32_t node_highmem;
    uint64_t seed;
} zone_config;

uint64_t bc_zone_bytes(const zone_config *config);
int bc_zone_init(zone *z, const zone_config *config);
int64_t bc_alloc(zone *z, int order, int migratetype);
int bc_free(zone *z, int64_t pfn, int order);
int bc_capture_open(zone *z);
int bc_capture_page(zone *z, int list, int64_t pfn, int order);
int64_t bc_capture_take(zone *z, int list, int order, int classzone_idx, int alloc_flags);
int bc_capture_close(zone *z, int list);
int bc_check(zone *z);
void bc_digest(zone *z, uint64_t *digest);

static uint64_t state = 12345;

/* 0 .. n - 1 */
static int draw(int n) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int) ((state >> 33) % (uint64_t) n);
}

static int refusals(zone *z, int64_t held, int order) {
    return bc_alloc(z, 11, 0) != -1 || bc_alloc(z, -1, 0) != -1 || bc_alloc(z, 0, 3) != -1 || !bc_free(z, held, order + 1)
        || !bc_free(z, -1, 0) || !bc_free(z, INT64_MAX, 0) || !bc_free(z, held, -1) || !bc_capture_page(z, 99, held, order)
        || !bc_capture_close(z, -1) || bc_capture_take(z, 99, 0, 0, 0) != -1;
}

int main(void) {
    zone_config config = {.start_pfn = 1000, .spanned_pages = 5000, .max_page_order = 10, .pageblock_order = 9,
        .cpus = 2, .pcp_batch = -1, .pcp_high = -1, .grouping = 1, .slot_limit = 65535, .min_free_kbytes = 512,
        .node_present = {5000}, .lowmem_reserve_ratio = {256, 256, 32, 32}, .seed = 7};
    static int64_t pfn[BLOCKS];
    static int order[BLOCKS];
    int list[LISTS], held = 0;
    uint64_t sum = 0, digest[2];
    zone *z = calloc(1, bc_zone_bytes(&config));
    if (z == NULL || bc_zone_init(z, &config)) return 1;
    for (int k = 0; k < LISTS; k++) list[k] = bc_capture_open(z);
    for (int step = 1; step <= STEPS; step++) {
        int what = draw(10), k = held ? draw(held) : 0, use = list[draw(LISTS)], status = 0;
        int64_t got = -2;
        int wanted = draw(draw(6) + 1);
        if (held < BLOCKS && (held == 0 || what < 5)) {
            got = bc_alloc(z, wanted, draw(3));
        } else if (held < BLOCKS && what == 5) {
            got = bc_capture_take(z, use, wanted, 0, NO_WATERMARKS);
        } else {
            status = what == 6 ? bc_capture_page(z, use, pfn[k], order[k]) : bc_free(z, pfn[k], order[k]);
            held--;
            pfn[k] = pfn[held];
            order[k] = order[held];
        }
        if (status) return 2;
        if (got >= 0) {
            pfn[held] = got;
            order[held++] = wanted;
        }
        sum = sum * 31 + (uint64_t) got;
        if (step % 1000 == 0) {
            if (bc_check(z)) return 3;
            if (held && refusals(z, pfn[0], order[0])) return 4;
            bc_digest(z, digest);
            printf("%016" PRIx64 "%016" PRIx64 " %" PRIu64 "\n", digest[0], digest[1], sum);
        }
    }
    for (int k = 0; k < LISTS; k++)
        if (bc_capture_close(z, list[k]) || !bc_capture_close(z, list[k])) return 5;
    free(z);
    return 0;
}

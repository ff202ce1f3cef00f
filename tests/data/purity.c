/* A program without Python that runs the core in its own memory: test_purity.py does the same through Python.
 *
 * Prints, every thousand steps, the digest and a sum over all results; returns what is wrong, or 0. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "buddycap.h"

enum { BLOCKS = 4096, LISTS = 4, STEPS = 20000 };

static uint64_t state = 12345;

/* 0 .. n - 1 */
static int draw(int n) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int) ((state >> 33) % (uint64_t) n);
}

/* Whether everything that is wrong is refused: 0 if so. */
static int refusals(bc_zone *z, int64_t held, int order) {
    return bc_alloc(z, 11, 0, NULL) != BC_EMISUSE_ORDER_RANGE || bc_alloc(z, -1, 0, NULL) != BC_EMISUSE_ORDER_RANGE
        || bc_alloc(z, 0, 3, NULL) != BC_EMISUSE_TYPE_RANGE || bc_free(z, held, order + 1, NULL) >= 0
        || bc_free(z, -1, 0, NULL) != BC_EMISUSE_PFN_RANGE || bc_free(z, INT64_MAX, 0, NULL) != BC_EMISUSE_PFN_RANGE
        || bc_free(z, held, -1, NULL) != BC_EMISUSE_ORDER_RANGE
        || bc_capture_page(z, 99, held, order, NULL) != BC_EMISUSE_LIST_CLOSED
        || bc_capture_close(z, -1, NULL) != BC_EMISUSE_LIST_CLOSED
        || bc_capture_take(z, 99, 0, 0, 0, NULL) != BC_EMISUSE_LIST_CLOSED || bc_alloc(NULL, 0, 0, NULL) >= 0;
}

int main(void) {
    static int64_t pfn[BLOCKS], list[LISTS];
    static int order[BLOCKS];
    int held = 0;
    uint64_t sum = 0, digest[2];
    bc_config config;
    bc_zone *z;
    bc_config_init(&config, sizeof config, 1000, 5000);
    config.cpus = 2;
    config.min_free_kbytes = 512;
    config.seed = 7;
    config.memory_is_zero = 1;
    z = calloc(1, bc_zone_bytes(&config));
    if (z == NULL || bc_zone_init(z, bc_zone_bytes(&config), &config)) return 1;
    for (int k = 0; k < LISTS; k++) list[k] = bc_capture_open(z);
    for (int step = 1; step <= STEPS; step++) {
        int what = draw(10), k = held ? draw(held) : 0, status = 0;
        int64_t got = -2, use = list[draw(LISTS)];
        int wanted = draw(draw(6) + 1);
        if (held < BLOCKS && (held == 0 || what < 5)) {
            got = bc_alloc(z, wanted, draw(3), NULL);
        } else if (held < BLOCKS && what == 5) {
            got = bc_capture_take(z, use, wanted, 0, BC_ALLOC_NO_WATERMARKS, NULL);
        } else {
            status = what == 6 ? bc_capture_page(z, use, pfn[k], order[k], NULL) : bc_free(z, pfn[k], order[k], NULL);
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
            if (bc_check(z, NULL)) return 3;
            if (held && refusals(z, pfn[0], order[0])) return 4;
            bc_digest(z, digest);
            printf("%016" PRIx64 "%016" PRIx64 " %" PRIu64 "\n", digest[0], digest[1], sum);
        }
    }
    for (int k = 0; k < LISTS; k++)
        if (bc_capture_close(z, list[k], NULL) || !bc_capture_close(z, list[k], NULL)) return 5;
    free(z);
    return 0;
}

/* The script on a zone of Linux 6.1, which it names: the configuration says the kernel, types and flags are BC_61_*, and
 * pages go through the lists of two CPUs.  In C99 on libbuddycap.so, without Python.
 *
 * $ cc -std=c99 -O2 -Wall -Wextra -Wpedantic play.c $(buddycap embed --cflags --libs) -o play
 * $ ./play */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buddycap.h"

enum { STEPS = 20000, ROOM = 1024, PAGES = 16384 };

static const int types[] = {BC_61_UNMOVABLE, BC_61_MOVABLE, BC_61_RECLAIMABLE};

/* Allocate and free blocks as the zone's own random numbers say. */
static void loop(bc_zone *zone, long steps) {
    int64_t pfn[ROOM];
    int order[ROOM];
    long held = 0;
    while (steps--) {
        uint64_t r;
        int cpu;
        bc_random(zone, &r);
        cpu = (int) (r >> 16 & 1);
        if (held == 0 || ((r & 1) && held < ROOM)) {
            order[held] = (int) ((r >> 1) % 5);
            pfn[held] = bc_alloc_61(zone, order[held], types[(r >> 8) % 3], cpu, 0, 0, NULL);
            held += pfn[held] >= 0;
        } else {
            long k = (long) ((r >> 1) % (uint64_t) held);
            bc_free_61(zone, pfn[k], order[k], cpu, NULL);
            held--;
            pfn[k] = pfn[held];
            order[k] = order[held];
        }
    }
}

int main(void) {
    bc_config config;
    bc_zone *zone;
    uint64_t digest[2];
    int status;
    bc_config_init_for(&config, sizeof config, BC_KERNEL_6_1, 0, PAGES);
    config.seed = 2022;
    config.cpus = 2;
    config.memory_is_zero = 1;
    zone = calloc(1, (size_t) bc_zone_bytes(&config));
    status = zone == NULL ? BC_EMISUSE_POINTER : bc_zone_init(zone, bc_zone_bytes(&config), &config);
    if (status != BC_OK || bc_zone_kernel(zone) != BC_KERNEL_6_1) {
        fprintf(stderr, "zone: %s\n", bc_status_text(status));
        return 1;
    }
    loop(zone, STEPS);
    bc_drain_pages(zone, 0);
    bc_drain_pages(zone, 1);
    if (bc_isolate_61(zone, PAGES - 1024, PAGES, BC_61_MOVABLE) != 1) return 1;     /* nobody has come so far up */
    if (bc_alloc_page(zone, BC_61_MOVABLE, 0, 0, NULL) != BC_EMISUSE_KERNEL) return 1;     /* that is for 2.6.27 */
    if (bc_check(zone, NULL) != BC_OK) return 1;
    bc_digest(zone, digest);
    printf("%016" PRIx64 "%016" PRIx64 "\n", digest[0], digest[1]);
    free(zone);
    return 0;
}

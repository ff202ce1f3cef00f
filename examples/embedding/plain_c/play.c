/* The script in C99 on libbuddycap.so: no Python at compile time, link time or run time.
 *
 * $ cc -std=c99 -O2 -Wall -Wextra -Wpedantic play.c $(buddycap embed --cflags --libs) -o play
 * $ ./play */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buddycap.h"

enum { STEPS = 20000, ROOM = 1024 };

/* Allocate and free blocks as the zone's own random numbers say. */
static void loop(bc_zone *zone, long steps) {
    int64_t pfn[ROOM];
    int order[ROOM];
    long held = 0;
    while (steps--) {
        uint64_t r;
        bc_random(zone, &r);
        if (held == 0 || ((r & 1) && held < ROOM)) {
            order[held] = (int) ((r >> 1) % 5);
            pfn[held] = bc_alloc(zone, order[held], (int) ((r >> 8) % 3), NULL);
            held += pfn[held] >= 0;
        } else {
            long k = (long) ((r >> 1) % (uint64_t) held);
            bc_free(zone, pfn[k], order[k], NULL);
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
    if (!bc_api_ok(bc_get_api())) {
        fprintf(stderr, "libbuddycap.so is older than buddycap.h\n");
        return 1;
    }
    bc_config_init_for(&config, sizeof config, BC_KERNEL_2_6_27, 0, 16384);
    config.seed = 2008;
    config.memory_is_zero = 1;
    zone = calloc(1, (size_t) bc_zone_bytes(&config));
    status = zone == NULL ? BC_EMISUSE_POINTER : bc_zone_init(zone, bc_zone_bytes(&config), &config);
    if (status != BC_OK) {
        fprintf(stderr, "zone: %s\n", bc_status_text(status));
        return 1;
    }
    loop(zone, STEPS);
    if (bc_check(zone, NULL) != BC_OK) return 1;
    bc_digest(zone, digest);
    printf("%016" PRIx64 "%016" PRIx64 "\n", digest[0], digest[1]);
    free(zone);
    return 0;
}

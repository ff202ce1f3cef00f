/* op.h - one operation of a stream, as buddycap's Zone.run takes it. */
#ifndef BUDDYCAP_BENCH_OP_H
#define BUDDYCAP_BENCH_OP_H

#include <stdint.h>

#define OP_ALLOC 1
#define OP_FREE 2

struct op {
    uint8_t op, order, migratetype, flags;
    int32_t arg; /* free: the operation whose page it frees, or -1 */
    int64_t pfn; /* free with arg -1: the page */
};

_Static_assert(sizeof(struct op) == 16, "struct op is buddycap's operation record");

#endif

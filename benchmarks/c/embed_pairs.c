/* A loop of allocations and frees, compiled three times: on the functions of the core itself (CORE is the generated C), on
 * the table (TABLE), and on the shared library (neither). */
#ifdef CORE
#include CORE
#define EXPORT __attribute__((visibility("default")))
#define ALLOC(z, order) __pyx_f_8buddycap_5_core_rmqueue_zone(z, order, 2)
#define FREE(z, page, order) __pyx_f_8buddycap_5_core_free_pages_ok(z, page, order)
typedef __pyx_t_8buddycap_5_core_zone_t zone;
typedef int32_t page;
#else
#include "buddycap.h"
#define EXPORT
typedef bc_zone zone;
typedef int64_t page;
#ifdef TABLE
static const bc_api *bc;
EXPORT void set_table(const bc_api *table) { bc = table; }
#define ALLOC(z, order) bc->alloc(z, order, 2, NULL)
#define FREE(z, page, order) bc->free(z, page, order, NULL)
#else
#define ALLOC(z, order) bc_alloc(z, order, 2, NULL)
#define FREE(z, page, order) bc_free(z, page, order, NULL)
#endif
#endif

EXPORT int64_t pairs(zone *z, long n, int order) {
    int64_t sum = 0;
    while (n--) {
        page got = ALLOC(z, order);
        sum += got;
        FREE(z, got, order);
    }
    return sum;
}

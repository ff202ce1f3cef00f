/* buddycap_mmap.h - images of zones straight from files, on systems with POSIX mmap.  MIT licence. */
#ifndef BUDDYCAP_MMAP_H
#define BUDDYCAP_MMAP_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buddycap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `bytes` of fresh private memory, or MAP_FAILED.  MAP_ANONYMOUS is hidden by strict -std=c99: then from /dev/zero. */
static inline void *bc_map_fresh(size_t bytes) {
#ifdef MAP_ANONYMOUS
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#else
    void *memory = MAP_FAILED;
    int fd = open("/dev/zero", O_RDWR);
    if (fd < 0) return memory;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    return memory;
#endif
}

/* A zone from an image file, which stays as it is: changed pages are copied.  NULL: *status says why, BC_EIMAGE also for a
 * file that cannot be read.  *bytes: size of the mapping, for munmap.  flags: as for bc_image_attach; BC_IMAGE_TRUST maps any
 * size in the same time.  api: bc_get_api(), or what buddycap_import() gave. */
static inline bc_zone *bc_map_image(const bc_api *api, const char *path, int flags, uint64_t *bytes, int *status) {
    unsigned char start[4096];
    struct stat file;
    void *memory = MAP_FAILED;
    int64_t need = BC_EIMAGE;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY);
    *status = BC_EIMAGE;
    *bytes = 0;
    if (fd < 0) return NULL;
    if (fstat(fd, &file) == 0) got = read(fd, start, sizeof start);
    if (got > 0) need = api->image_zone_bytes(start, (uint64_t) got);
    if (need < 0) {
        *status = (int) need;
    } else if (file.st_size <= need) {
        memory = bc_map_fresh((size_t) need);
        if (memory != MAP_FAILED
            && mmap(memory, (size_t) file.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED)
            *status = api->image_attach(memory, (uint64_t) need, (uint64_t) file.st_size, flags);
    }
    close(fd);
    if (memory != MAP_FAILED && *status != BC_OK) munmap(memory, (size_t) need);
    if (*status != BC_OK) return NULL;
    *bytes = (uint64_t) need;
    return (bc_zone *) memory;
}

#ifdef __cplusplus
}
#endif
#endif /* BUDDYCAP_MMAP_H */

/* SPDX-License-Identifier: MIT */
/* System calls about the address space. Private mappings of files are copies, made at once; shared
 * ones have their pages in common (shared.c). */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum {
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_SHARED_VALIDATE = 3,
    MAP_TYPE = 15,
    MAP_FIXED = 0x10,
    MAP_ANON = 0x20,
    MAP_OLD_FLAGS = 0x7c07f973, /* all there were before MAP_SHARED_VALIDATE */
    MAP_FIXED_NOREPLACE = 0x100000
};

static uint32_t pages_of(uint32_t bytes)
{
    return bytes / PAGE + (bytes % PAGE != 0);
}

CALL(brk)
{
    struct space *s = p->space;
    uint32_t want = a[0], old = pages_of(s->brk), now = pages_of(want);

    if (want < s->brk_start || want >= (uint32_t)(SPACE_TOP_PAGE - STACK_PAGES) * PAGE)
        return (int32_t)s->brk;
    if (now > old && (!space_is_free(s, old, now - old) ||
                      space_map(s, old, now - old, P_READ | P_WRITE, false)))
        return (int32_t)s->brk;
    if (now < old)
        space_unmap(s, now, old - now);
    s->brk = want;
    return (int32_t)want;
}

/* Fills a fresh mapping from a file; what lies behind its end stays zero. */
static int32_t fill_from_file(struct process *p, uint32_t addr, uint32_t len, int host,
                              uint64_t offset)
{
    uint8_t buf[PAGE];

    for (uint32_t done = 0; done < len;) {
        ssize_t n =
            file_pread(&p->frames, host, buf, len - done < PAGE ? len - done : PAGE, offset + done);
        if (n < 0)
            return -errno;
        if (!n)
            break;
        int e = space_poke(p->space, addr + done, buf, (uint32_t)n);
        if (e)
            return e;
        done += (uint32_t)n;
    }
    return 0;
}

/* May this be mapped so? As Linux, in its order. */
static int32_t file_may(const struct guest_open *o, uint32_t prot, uint32_t flags)
{
    uint32_t type = flags & MAP_TYPE, mode = o->flags & GO_ACCMODE;
    struct stat st;

    if (type == MAP_SHARED_VALIDATE && (flags & ~(uint32_t)MAP_OLD_FLAGS))
        return -EOPNOTSUPP;
    if (type != MAP_PRIVATE && (prot & P_WRITE) && mode != GO_RDWR)
        return -EACCES;
    if (mode == GO_WRONLY && !o->std)
        return -EACCES;
    return o->stream || o->kind != OPEN_HOST || fstat(o->host, &st) || S_ISDIR(st.st_mode) ? -ENODEV
                                                                                           : 0;
}

static int32_t map(struct process *p, uint32_t addr, uint32_t len, uint32_t prot, uint32_t flags,
                   uint32_t fd, uint64_t offset)
{
    struct space *s = p->space;
    uint32_t pages = pages_of(len), first = addr / PAGE;
    struct guest_open *o = NULL;
    uint32_t type = flags & MAP_TYPE;
    int e;

    if (!len || addr % PAGE || offset % PAGE || prot & ~7u)
        return -EINVAL;
    if (!(flags & MAP_ANON)) {
        o = fd_open(p, fd);
        if (!o || (o->flags & GO_PATH))
            return -EBADF;
    }
    if (!type || type > (o ? MAP_SHARED_VALIDATE : MAP_PRIVATE))
        return -EINVAL;
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        if (!first || !space_is_free(s, first, pages))
            first = space_find_free(s, pages);
        if (!first)
            return -ENOMEM;
    } else if (first < SPACE_FIRST_PAGE || first >= SPACE_TOP_PAGE ||
               pages > SPACE_TOP_PAGE - first) {
        return -ENOMEM;
    } else if ((flags & MAP_FIXED_NOREPLACE) && !space_is_free(s, first, pages)) {
        return -EEXIST;
    }
    e = o ? file_may(o, prot, flags) : 0;
    if (e)
        return e;
    if (type == MAP_PRIVATE) {
        e = space_map(s, first, pages, prot, false);
    } else if (!o) {
        e = space_map_shared(s, first, pages, prot);
    } else if (offset / PAGE + pages > UINT32_MAX) {
        return -EOVERFLOW;
    } else {
        bool writable = (o->flags & GO_ACCMODE) == GO_RDWR && !mem_sealed(p, o);
        if (!writable && (prot & P_WRITE))
            return -EPERM;
        e = shared_file(&p->frames, o->host, writable);
        if (e > 0)
            e = space_map_file(s, first, pages, prot, (uint32_t)e, (uint32_t)(offset / PAGE),
                               !writable);
    }
    if (!e && o && type == MAP_PRIVATE)
        e = fill_from_file(p, first * PAGE, len, o->host, offset);
    return e ? e : (int32_t)(first * PAGE);
}

CALL(mmap2)
{
    return map(p, a[0], a[1], a[2], a[3], a[4], (uint64_t)a[5] * PAGE);
}

CALL(old_mmap)
{
    uint32_t m[6];
    int32_t e = space_read(p->space, a[0], m, sizeof m);

    return e ? e : map(p, m[0], m[1], m[2], m[3], m[4], m[5]);
}

CALL(munmap)
{
    if (a[0] % PAGE || !a[1])
        return -EINVAL;
    return space_unmap(p->space, a[0] / PAGE, pages_of(a[1]));
}

CALL(mprotect)
{
    if (a[0] % PAGE || a[2] & ~7u)
        return -EINVAL;
    return a[1] ? space_protect(p->space, a[0] / PAGE, pages_of(a[1]), a[2]) : 0;
}

CALL(mremap)
{
    enum { MAYMOVE = 1, FIXED = 2 };
    struct space *s = p->space;
    uint32_t first = a[0] / PAGE, old = pages_of(a[1]), now = pages_of(a[2]);

    if (a[0] % PAGE || !now || (a[3] & ~(uint32_t)(MAYMOVE | FIXED)) ||
        (a[3] & (MAYMOVE | FIXED)) == FIXED)
        return -EINVAL;
    const struct area *from = first < SPACE_TOP_PAGE && old <= SPACE_TOP_PAGE - first
                                  ? space_area(s, first, old ? old : 1)
                                  : NULL;
    /* Of private memory only what is writable, which is what allocators ask for. */
    if (!from || (!from->shared && !(from->prot & P_WRITE)))
        return -EFAULT;
    if (!old && (!from->file || !(a[3] & MAYMOVE)))
        return -EINVAL;
    if (!old) { /* the same pages once more */
        uint32_t at = a[3] & FIXED ? a[4] / PAGE : space_find_free(s, now);
        if (a[3] & FIXED && (a[4] % PAGE || at < SPACE_FIRST_PAGE || at >= SPACE_TOP_PAGE ||
                             now > SPACE_TOP_PAGE - at))
            return -EINVAL;
        if (!at)
            return -ENOMEM;
        int e = space_map_more(s, at, now, first, 0);
        return e ? e : (int32_t)(at * PAGE);
    }
    if (a[3] & FIXED) {
        uint32_t at = a[4] / PAGE;
        if (a[4] % PAGE || at < SPACE_FIRST_PAGE || at >= SPACE_TOP_PAGE ||
            now > SPACE_TOP_PAGE - at || (at < first + old && first < at + now))
            return -EINVAL;
        uint32_t keep = now < old ? now : old;
        int e = space_unmap(s, at, now);
        if (!e)
            e = space_move(s, first, at, keep);
        if (!e && now > old)
            e = space_map_more(s, at + old, now - old, at + old - 1, 1);
        if (!e && now < old)
            e = space_unmap(s, first + now, old - now);
        return e ? e : (int32_t)a[4];
    }
    if (now <= old) {
        int e = now < old ? space_unmap(s, first + now, old - now) : 0;
        return e ? e : (int32_t)a[0];
    }
    if (space_is_free(s, first + old, now - old)) {
        int e = space_map_more(s, first + old, now - old, first + old - 1, 1);
        return e ? e : (int32_t)a[0];
    }
    if (!(a[3] & MAYMOVE))
        return -ENOMEM;
    uint32_t to = space_find_free(s, now);
    if (!to)
        return -ENOMEM;
    int e = space_move(s, first, to, old);
    if (!e)
        e = space_map_more(s, to + old, now - old, to + old - 1, 1);
    return e ? e : (int32_t)(to * PAGE);
}

CALL(msync)
{
    enum { ASYNC = 1, INVALIDATE = 2, SYNC = 4 };
    uint32_t first = a[0] / PAGE, pages = pages_of(a[1]);

    if (a[0] % PAGE || a[2] > 7 || (a[2] & (ASYNC | SYNC)) == (ASYNC | SYNC))
        return -EINVAL;
    if (first >= SPACE_TOP_PAGE || pages > SPACE_TOP_PAGE - first)
        return -ENOMEM;
    return pages ? space_sync(p->space, first, pages) : 0;
}

CALL(mincore)
{
    uint8_t in = 1;

    if (a[0] % PAGE)
        return -EINVAL;
    if (!space_ok(p->space, a[0], a[1], false))
        return -ENOMEM;
    for (uint32_t i = 0; i < pages_of(a[1]); i++)
        if (space_write(p->space, a[2] + i, &in, 1))
            return -EFAULT;
    return 0;
}

/* Advice, but for the one kind that programs rely on: pages that are not needed read as zero. */
CALL(madvise)
{
    enum { DONTNEED = 4 };
    uint32_t first = a[0] / PAGE, pages = pages_of(a[1]);

    if (a[0] % PAGE)
        return -EINVAL;
    if (a[2] == DONTNEED && pages)
        return space_discard(p->space, first, pages);
    return 0;
}

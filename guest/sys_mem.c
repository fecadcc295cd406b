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

/* Pages of a range that are of some area. A stack counts for what Linux gives it at first. */
static uint64_t mapped(const struct space *s, uint32_t first, uint32_t pages)
{
    enum { STACK_BEGINS = 33 };
    uint64_t n = 0;

    for (uint32_t i = 0; i < s->nareas; i++) {
        const struct area *a = &s->area[i];
        uint32_t from = a->first > first ? a->first : first;
        uint32_t end = a->end < first + pages ? a->end : first + pages;
        if (from < end)
            n += a->stack && end - from > STACK_BEGINS ? STACK_BEGINS : end - from;
    }
    return n;
}

/* May the process have so many pages more? Its limit counts what is mapped, touched or not. */
static bool may_grow(const struct process *p, uint64_t pages)
{
    uint64_t limit = p->grp->limit[LIMIT_AS][0] / PAGE;

    return limit >= SPACE_TOP_PAGE || mapped(p->space, 0, SPACE_TOP_PAGE) + pages <= limit;
}

CALL(brk)
{
    struct space *s = p->space;
    uint32_t want = a[0], old = pages_of(s->brk), now = pages_of(want);

    if (want < s->brk_start || want >= (uint32_t)(SPACE_TOP_PAGE - STACK_PAGES) * PAGE)
        return (int32_t)s->brk;
    if (now > old && (!space_is_free(s, old, now - old) || !may_grow(p, now - old) ||
                      space_map(s, old, now - old, P_READ | P_WRITE, false)))
        return (int32_t)s->brk;
    if (now < old)
        space_unmap(s, now, old - now);
    s->brk = want;
    return (int32_t)want;
}

/* Fills a fresh mapping from a file. The rest of its last page stays zero; pages behind that are
 * none. */
static int32_t fill_from_file(struct process *p, uint32_t addr, uint32_t len, int host,
                              uint64_t offset, uint32_t prot)
{
    uint8_t buf[PAGE];
    uint32_t done = 0, there, pages = pages_of(len);

    while (done < len) {
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
    there = pages_of(done);
    return there == pages ? 0
                          : space_map_beyond(p->space, addr / PAGE + there, pages - there, prot);
}

/* The device that is memory without a file. */
static bool is_zeros(const struct guest_open *o)
{
    return o->kind == OPEN_HOST && o->stream && !strcmp(o->path, "/dev/zero");
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
    if (is_zeros(o))
        return 0;
    return o->stream || o->kind != OPEN_HOST || fstat(o->host, &st) || S_ISDIR(st.st_mode) ? -ENODEV
                                                                                           : 0;
}

static int32_t map(struct process *p, uint32_t addr, uint32_t len, uint32_t prot, uint32_t flags,
                   uint32_t fd, uint64_t offset)
{
    struct space *s = p->space;
    uint32_t pages = pages_of(len), first = addr / PAGE;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    struct guest_open *o = NULL;
    uint32_t type = flags & MAP_TYPE;
    int e;

    if (offset % PAGE)
        return -EINVAL;
    if (!(flags & MAP_ANON)) {
        o = fd_file(p, fd);
        if (!o)
            return -EBADF;
    }
    if (!len || (addr % PAGE && fixed))
        return -EINVAL;
    prot &= P_READ | P_WRITE | P_EXEC; /* whatever else is asked for */
    if (!type || type > (o ? MAP_SHARED_VALIDATE : MAP_PRIVATE))
        return -EINVAL;
    if (!fixed) { /* where it is wished, by the page, if there is room */
        if (first && first < SPACE_FIRST_PAGE)
            first = SPACE_FIRST_PAGE;
        if (!first || !space_is_free(s, first, pages))
            first = space_find_free(s, pages);
        if (!first)
            return -ENOMEM;
    } else if (first >= SPACE_TOP_PAGE || pages > SPACE_TOP_PAGE - first) {
        return -ENOMEM;
    } else if (first < SPACE_FIRST_PAGE) {
        return -EPERM;
    } else if ((flags & MAP_FIXED_NOREPLACE) && !space_is_free(s, first, pages)) {
        return -EEXIST;
    }
    e = o ? file_may(o, prot, flags) : 0;
    if (!e && !may_grow(p, pages - mapped(s, first, pages)))
        e = -ENOMEM;
    if (e)
        return e;
    if (o && is_zeros(o))
        o = NULL;
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
        e = fill_from_file(p, first * PAGE, len, o->host, offset, prot);
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
    enum { SEM = 8, GROWSDOWN = 1 << 24, GROWSUP = 1 << 25 };
    uint32_t first = a[0] / PAGE, pages = pages_of(a[1]),
             prot = a[2] & ~(uint32_t)(GROWSDOWN | GROWSUP), grows = a[2] ^ prot;

    if (grows == (GROWSDOWN | GROWSUP) || a[0] % PAGE)
        return -EINVAL;
    if (!pages)
        return 0;
    if (prot & ~(uint32_t)(P_READ | P_WRITE | P_EXEC | SEM))
        return -EINVAL;
    if (grows) { /* to where the stack may grow; nothing grows up */
        const struct area *s = space_area(p->space, first, 1);
        if (!s)
            return -ENOMEM;
        if (grows == GROWSUP || !s->stack)
            return -EINVAL;
        pages += first - s->first;
        first = s->first;
    }
    return space_protect(p->space, first, pages, prot & ~(uint32_t)SEM);
}

enum { MAYMOVE = 1, FIXED = 2, DONTUNMAP = 4 };

/* Pages [first, first + old) become [to, to + now), of which `to` is free; or they are both, the
 * old ones empty. */
static int32_t move(struct space *s, uint32_t first, uint32_t old, uint32_t to, uint32_t now,
                    uint32_t flags)
{
    uint32_t keep = now < old ? now : old;
    bool shared = space_area(s, first, 1)->shared;
    int e = 0;

    if (now < old)
        e = space_unmap(s, first + now, old - now);
    if (!e && shared && (flags & DONTUNMAP)) /* what is in it belongs to no place */
        e = space_map_more(s, to, keep, first, 0);
    else if (!e)
        e = space_move(s, first, to, keep);
    if (!e && now > old)
        e = space_map_more(s, to + old, now - old, to + old - 1, 1);
    if (!e && !shared && (flags & DONTUNMAP))
        e = space_map_more(s, first, keep, to, 0);
    return e ? e : (int32_t)(to * PAGE);
}

CALL(mremap)
{
    struct space *s = p->space;
    uint32_t first = a[0] / PAGE, old = pages_of(a[1]), now = pages_of(a[2]), to = a[4] / PAGE;
    bool placed = a[3] & FIXED;

    if (a[3] & ~(uint32_t)(MAYMOVE | FIXED | DONTUNMAP) || a[0] % PAGE || !now ||
        now > SPACE_TOP_PAGE)
        return -EINVAL;
    if (placed &&
        (a[4] % PAGE || to > SPACE_TOP_PAGE - now || (to < first + old && first < to + now)))
        return -EINVAL;
    if ((placed || (a[3] & DONTUNMAP)) && !(a[3] & MAYMOVE))
        return -EINVAL;
    if ((a[3] & DONTUNMAP) && old != now)
        return -EINVAL;
    const struct area *from = first < SPACE_TOP_PAGE ? space_area(s, first, 1) : NULL;
    if (!from)
        return -EFAULT;
    if (!old && (!from->shared || !(a[3] & MAYMOVE)))
        return from->shared ? -ENOMEM : -EINVAL;
    /* What is only shortened may be of several kinds; what moves or grows is of one. */
    if ((placed || now > old || (a[3] & DONTUNMAP)) && (now < old ? now : old) > from->end - first)
        return -EFAULT;
    if (placed && to < SPACE_FIRST_PAGE)
        return -EPERM;
    if (now > old && !may_grow(p, now - old))
        return -ENOMEM;
    if (!placed && old && !(a[3] & DONTUNMAP)) {
        int e = now < old   ? space_unmap(s, first + now, old - now)
                : now > old ? space_is_free(s, first + old, now - old)
                                  ? space_map_more(s, first + old, now - old, first + old - 1, 1)
                                  : 1
                            : 0;
        if (e <= 0)
            return e ? e : (int32_t)a[0];
        if (!(a[3] & MAYMOVE))
            return -ENOMEM;
    }
    if (!placed)
        to = space_find_free(s, now);
    if (!to)
        return -ENOMEM;
    int e = placed ? space_unmap(s, to, now) : 0;
    if (!e && !old) { /* the same pages once more */
        e = space_map_more(s, to, now, first, 0);
        return e ? e : (int32_t)(to * PAGE);
    }
    return e ? e : move(s, first, old, to, now, a[3]);
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

/* Advice, of which most kinds are only heard. Those that programs rely on: pages that are not
 * needed read as zero, and what a fork does. What is valid for the parts that are there is done to
 * them, whatever holes there are. */
CALL(madvise)
{
    enum {
        WILLNEED = 3,
        DONTNEED,
        FREE = 8,
        REMOVE,
        DONTFORK,
        DOFORK,
        DODUMP = 17,
        WIPEONFORK,
        KEEPONFORK,
        PAGEOUT = 21,
        POPULATE_READ,
        POPULATE_WRITE,
        DONTNEED_LOCKED,
    };
    struct space *s = p->space;
    uint32_t first = a[0] / PAGE, pages = pages_of(a[1]), end = first + pages;

    if (a[2] > DONTNEED_LOCKED || (a[2] > DONTNEED && a[2] < FREE) || a[0] % PAGE)
        return -EINVAL;
    if (!pages)
        return 0;
    if (a[2] == POPULATE_READ || a[2] == POPULATE_WRITE) {
        if (!space_whole(s, first, pages))
            return -ENOMEM;
        return space_ok(s, a[0], pages * PAGE, a[2] == POPULATE_WRITE) ? 0 : -EINVAL;
    }
    bool holes = !space_whole(s, first, pages);
    for (uint32_t at = first; at < end && at < SPACE_TOP_PAGE; at++) {
        const struct area *x = space_area(s, at, 1);
        if (!x)
            continue;
        uint32_t n = (x->end < end ? x->end : end) - at;
        int e = 0;
        switch (a[2]) {
        case FREE:
            if (x->shared)
                return -EINVAL;
            break;
        case REMOVE: return x->shared ? x->prot & P_WRITE ? -EOPNOTSUPP : -EACCES : -EINVAL;
        case DONTNEED:
        case DONTNEED_LOCKED: e = space_discard(s, at, n); break;
        case DONTFORK: e = space_on_fork(s, at, n, FORK_OMITS); break;
        case WIPEONFORK: e = space_on_fork(s, at, n, FORK_WIPES); break;
        case DOFORK:
        case KEEPONFORK: e = space_on_fork(s, at, n, FORK_COPIES); break;
        default: break;
        }
        if (e)
            return e;
        at += n - 1;
    }
    return holes ? -ENOMEM : 0;
}

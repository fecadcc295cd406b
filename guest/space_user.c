/* SPDX-License-Identifier: MIT */
/*
 * A process's memory as system calls use it: page by page through the page tables, with the
 * permissions of the areas. Pages that are not there yet are made, as a store or load of the guest
 * would; what is written goes through the bus, so that code is heard of.
 */
#include <errno.h>
#include <string.h>
#include "guest/space_parts.h"

/* Walks [addr, addr + len) page by page; needs the given permission (0: none) of every area. */
typedef bool (*chunk_fn)(struct space *s, uint32_t pa, uint32_t len, uint32_t done, void *ctx);

static int each_chunk(struct space *s, uint32_t addr, uint32_t len, uint32_t need, bool write,
                      chunk_fn fn, void *ctx)
{
    for (uint32_t done = 0; done < len;) {
        uint32_t at = addr + done, n = PAGE - at % PAGE;
        struct area *a = at >= addr ? space_area_of(s, at / PAGE) : NULL;
        uint32_t pa;

        if (n > len - done)
            n = len - done;
        if (!a || (need && !(a->prot & need)))
            return -EFAULT;
        int e = space_page_in(s, at / PAGE, a, write, &pa);
        if (e)
            return e == -EIO ? -EFAULT : e; /* behind the end of a file: a call says no more */
        if (!fn(s, pa + at % PAGE, n, done, ctx))
            return -EFAULT;
        done += n;
    }
    return 0;
}

static bool chunk_read(struct space *s, uint32_t pa, uint32_t len, uint32_t done, void *ctx)
{
    vm_bus_touch(s->pool->vm, pa, len, false);
    return vm_bus_read(s->pool->vm, pa, (uint8_t *)ctx + done, len);
}

static bool chunk_write(struct space *s, uint32_t pa, uint32_t len, uint32_t done, void *ctx)
{
    vm_bus_touch(s->pool->vm, pa, len, true);
    return vm_bus_write(s->pool->vm, pa, (const uint8_t *)ctx + done, len);
}

static bool chunk_poke(struct space *s, uint32_t pa, uint32_t len, uint32_t done, void *ctx)
{
    return vm_bus_write(s->pool->vm, pa, (const uint8_t *)ctx + done, len);
}

int space_read(struct space *s, uint32_t addr, void *dst, uint32_t len)
{
    return each_chunk(s, addr, len, P_READ | P_WRITE | P_EXEC, false, chunk_read, dst);
}

int space_write(struct space *s, uint32_t addr, const void *src, uint32_t len)
{
    return each_chunk(s, addr, len, P_WRITE, true, chunk_write, (void *)(uintptr_t)src);
}

int space_poke(struct space *s, uint32_t addr, const void *src, uint32_t len)
{
    return each_chunk(s, addr, len, 0, true, chunk_poke, (void *)(uintptr_t)src);
}

int space_zero(struct space *s, uint32_t addr, uint32_t len)
{
    static const uint8_t zeros[PAGE];

    while (len) {
        uint32_t n = len < PAGE ? len : PAGE;
        int e = space_poke(s, addr, zeros, n);
        if (e)
            return e;
        addr += n;
        len -= n;
    }
    return 0;
}

int space_string(struct space *s, uint32_t addr, char *dst, uint32_t max)
{
    for (uint32_t n = 0; n < max;) {
        uint32_t piece =
            PAGE - (addr + n) % PAGE; /* never beyond the page: the next may not exist */
        if (piece > max - n)
            piece = max - n;
        if (piece > 64)
            piece = 64;
        int e = space_read(s, addr + n, dst + n, piece);
        if (e)
            return e;
        char *end = memchr(dst + n, 0, piece);
        if (end)
            return (int)(end - dst);
        n += piece;
    }
    return -ENAMETOOLONG;
}

uint32_t space_fit(const struct space *s, uint32_t addr, uint32_t len, bool write)
{
    uint32_t need = write ? P_WRITE : P_READ | P_WRITE | P_EXEC, page = addr / PAGE, end = page;

    for (uint32_t i = space_area_at(s, page);
         i < s->nareas && s->area[i].first <= end && (s->area[i].prot & need); i++) {
        end = s->area[i].end;
        if (end * PAGE - addr >= len)
            return len;
    }
    return end > page ? end * PAGE - addr : 0;
}

bool space_ok(const struct space *s, uint32_t addr, uint32_t len, bool write)
{
    return space_fit(s, addr, len, write) == len;
}

uint64_t space_key(struct space *s, uint32_t addr)
{
    struct area *a = space_area_of(s, addr / PAGE);
    uint32_t pa;

    if (!a || !a->prot)
        return 0;
    if (!a->shared)
        return (uint64_t)s->cr3 << 32 | addr;
    return space_page_in(s, addr / PAGE, a, false, &pa) ? 0 : 1ull << 63 | (pa + addr % PAGE);
}

const struct area *space_area(const struct space *s, uint32_t first, uint32_t pages)
{
    uint32_t i = space_area_at(s, first);

    return i < s->nareas && s->area[i].first <= first && first + pages <= s->area[i].end
               ? &s->area[i]
               : NULL;
}

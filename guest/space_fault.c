/* SPDX-License-Identifier: MIT */
/*
 * Pages as they are touched for the first time, or written for the first time after a fork: by the
 * guest, whose page fault comes here, or by a call. Memory of a process's own is a fresh frame of
 * zeros, or a copy of one that a fork shares; a page of a shared file is the file's frame.
 */
#include <errno.h>
#include <string.h>
#include "guest/space_parts.h"

/* A page of a file: writable from its first store on. */
static int file_page_in(struct space *s, uint32_t page, const struct area *a, bool write,
                        uint32_t *pte)
{
    uint32_t old = *pte, f;
    int e = shared_frame(s->pool, a->file, a->index + (page - a->first), write, &f);

    if (e)
        return e;
    if (!(old & PTE_FRAME)) {
        if (s->pool->refs[f] == UINT16_MAX)
            return -ENOMEM;
        s->pool->refs[f]++;
        pte_made(s);
    }
    *pte = f * PAGE | pte_bits(a->prot, write || old & PTE_W);
    s->changed |= old && old != *pte;
    return 0;
}

int space_page_in(struct space *s, uint32_t page, const struct area *a, bool write, uint32_t *pa)
{
    uint32_t *pte = space_pte(s, page, true), f;

    if (a->beyond)
        return -EIO;
    if (!pte)
        return -ENOMEM;
    if (a->file) {
        if (!(*pte & PTE_FRAME) || (write && !(*pte & PTE_W))) {
            int e = file_page_in(s, page, a, write, pte);
            if (e)
                return e;
        }
    } else if (!(*pte & PTE_FRAME)) {
        f = frame_take(s->pool);
        if (!f)
            return -ENOMEM;
        *pte = f * PAGE | pte_bits(a->prot, true);
        pte_made(s);
    } else if (write && !a->shared && !(*pte & PTE_W)) {
        uint32_t old = *pte / PAGE;
        f = old;
        if (s->pool->refs[old] > 1) {
            f = frame_take(s->pool);
            if (!f)
                return -ENOMEM;
            memcpy(frame_bytes(s, f), frame_bytes(s, old), PAGE);
            s->pool->refs[old]--;
        }
        *pte = f * PAGE | pte_bits(a->prot, true);
        s->changed = true;
    }
    *pa = *pte & ~(uint32_t)(PAGE - 1);
    return 0;
}

int space_fault(struct space *s, uint32_t addr, bool write)
{
    uint32_t page = addr / PAGE, pa;
    struct area *a = space_area_of(s, page);

    if (!a || !a->prot || (write && !(a->prot & P_WRITE)))
        return -EFAULT;
    uint32_t *pte = space_pte(s, page, false);
    if (pte && (*pte & PTE_P) && !(write && !(*pte & PTE_W)))
        return -EFAULT; /* it is there, and the guest may still not: not ours to mend */
    return space_page_in(s, page, a, write, &pa);
}

uint32_t space_resident(struct space *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->nareas; i++)
        for (uint32_t p = s->area[i].first; p < s->area[i].end; p++) {
            const uint32_t *pte = space_pte(s, p, false);
            if (pte)
                n += *pte & PTE_P;
            else
                p |= 1023; /* no table: none of its pages */
        }
    return n;
}

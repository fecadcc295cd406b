/* SPDX-License-Identifier: MIT */
/* What the files of address spaces (space.c, space_fault.c, space_user.c) have in common. */
#ifndef GUEST_SPACE_PARTS_H
#define GUEST_SPACE_PARTS_H

#include "guest/space.h"

/* PTE_NONE, a bit that is software's, keeps the frame of a page that may not be touched at all: to
 * the processor it is not present, as in Linux, which error codes tell. */
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_NONE = 0x200, PTE_FRAME = PTE_P | PTE_NONE };

static inline uint8_t *frame_bytes(const struct space *s, uint32_t frame)
{
    return vm_mem(s->pool->vm, frame * PAGE, PAGE);
}

/* What an entry says of a page that an area holds: `writable` if nobody else may see the store. */
static inline uint32_t pte_bits(uint32_t prot, bool writable)
{
    return !prot ? PTE_NONE : PTE_P | PTE_U | (writable && (prot & P_WRITE) ? PTE_W : 0);
}

static inline void pte_made(struct space *s)
{
    if (++s->resident > s->peak)
        s->peak = s->resident;
}

/* The page-table entry of a page, its table made if asked; NULL if there is none or no frame is
 * left for it. */
uint32_t *space_pte(struct space *s, uint32_t page, bool make);

/* Index of the first area that ends behind `page`. */
uint32_t space_area_at(const struct space *s, uint32_t page);
/* The area a page is in, or NULL. */
struct area *space_area_of(struct space *s, uint32_t page);
/* Makes the page present, and its space the only owner if it is to be written; gives its physical
 * address. 0, -ENOMEM, or -EIO behind the end of a file. */
int space_page_in(struct space *s, uint32_t page, const struct area *a, bool write, uint32_t *pa);

#endif

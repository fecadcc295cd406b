/* SPDX-License-Identifier: MIT */
/* What the two files of address spaces (space.c, space_user.c) have in common. */
#ifndef GUEST_SPACE_PARTS_H
#define GUEST_SPACE_PARTS_H

#include "guest/space.h"

/* Index of the first area that ends behind `page`. */
uint32_t space_area_at(const struct space *s, uint32_t page);
/* The area a page is in, or NULL. */
struct area *space_area_of(struct space *s, uint32_t page);
/* Makes the page present, and its space the only owner if it is to be written; gives its physical
 * address. 0, -ENOMEM, or -EIO behind the end of a file. */
int space_page_in(struct space *s, uint32_t page, const struct area *a, bool write, uint32_t *pa);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where the tables of CMS and the translation cache lie: what map.h leaves open because it follows
 * from cms.tcache_kb. Freestanding, pure arithmetic, so that the command can refuse a machine file
 * before anything runs, and tests can ask.
 *
 *     CM_TABLES   fault record, profile counters, map table, frame buckets, granule index,
 *                 directory
 *     ...         free
 *     code        translation cache, cms.tcache_kb, ending where memory ends
 *
 * Every table means "empty" when it is all zero, which is how memory comes out of reset: boot
 * clears nothing.
 */
#ifndef CONCEALED_MEM_LAYOUT_H
#define CONCEALED_MEM_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "concealed-mem/map.h"

enum { CM_COUNTERS = 16384, CM_GRANULE = 256 };

struct cm_layout {
    uint32_t fault;               /* struct hc_fault, as host calls want it in concealed memory */
    uint32_t counters;            /* CM_COUNTERS words */
    uint32_t map, map_slots;      /* struct tmap_slot each; a power of two */
    uint32_t buckets, nbuckets;   /* a word each; a power of two */
    uint32_t granules, ngranules; /* a word for each CM_GRANULE bytes of code */
    uint32_t records, nrecords;   /* struct xrec each; number 0 is never used */
    uint32_t tables_end;
    uint32_t code, code_end;
};

/* False if the translation cache and its tables do not fit concealed memory. Addresses are
 * physical. */
bool cm_layout(const struct mdesc *m, uint32_t concealed, uint32_t mem_size, struct cm_layout *out);

#endif

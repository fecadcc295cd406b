/* SPDX-License-Identifier: MIT */
/* The statistics block of CMS, at CM_STATS: a counter for each CSTAT row of stats.def, then one for
 * each abort reason. */
#ifndef CONCEALED_MEM_STATS_H
#define CONCEALED_MEM_STATS_H

#include <stdint.h>
#include "concealed-mem/map.h"
#include "morpher/xlat.h"

enum { CMS_SIZES = 33 };

struct cms_stats {
#define STAT(field, name, unit, doc)
#define CSTAT(field, name, unit, doc) uint64_t field;
#define DSTAT(field, name, unit, doc)
#include "vliw-model/stats.def"
#undef STAT
#undef CSTAT
#undef DSTAT
    uint64_t abort_reason[AB_COUNT_];
    /* The price of gear 1 by length of the block, in guest instructions: [n], the last for n and
     * above. */
    uint64_t size_blocks[CMS_SIZES], size_cycles[CMS_SIZES];
};

_Static_assert(sizeof(struct cms_stats) <= CM_STACK - CM_STATS, "the map leaves 64 KB");

#endif

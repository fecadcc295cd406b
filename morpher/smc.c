/* SPDX-License-Identifier: MIT */
/*
 * Self-modified code. T-bits mark the chunks of guest frames that translations were made from; a
 * store to one traps before it takes effect, and writes that are not the guest's own queue up and
 * are drained before the guest goes on. The policy so far: what overlaps a written chunk is
 * dropped, and translated again when it gets hot again.
 */
#include "morpher/cms.h"

/* A guest store would hit the marked chunk of pa. */
void smc_store(uint32_t pa)
{
    hw_phase(PH_CACHE);
    cms.stats->smc_stores++;
    tcache_drop_chunk(pa);
}

void smc_drain(void)
{
    uint32_t pa = hw_mfs(SR_BUSQ);

    if (pa == 0xffffffff)
        return;
    hw_phase(PH_CACHE);
    do {
        cms.stats->bus_drained++;
        tcache_drop_chunk(pa);
        pa = hw_mfs(SR_BUSQ);
    } while (pa != 0xffffffff);
}

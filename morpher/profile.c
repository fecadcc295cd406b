/* SPDX-License-Identifier: MIT */
/*
 * How often a block has begun. One word of a hashed table without tags for each block: two blocks
 * that share a word heat each other, which costs a translation too early and nothing else. The
 * word's lowest bit says that something is on file for one of its blocks, so that a cold block, the
 * common case in the interpreter, costs one load and one store, and only others pay for a look-up
 * in the map table.
 *
 * An instruction that the translator leaves to the interpreter is interpreted alone, so that what
 * follows is a block of its own and gets warm. Where one begins a block, a small direct-mapped
 * table of hints tells.
 */
#include "morpher/cms.h"

static uint32_t *word(uint32_t eip)
{
    uint32_t h = eip * 0x9e3779b1u;

    return &cms.counters[h >> 18 & (CM_COUNTERS - 1)];
}

enum heat profile_touch(uint32_t eip)
{
    uint32_t *w = word(eip), n = *w + 2;

    *w = n;
    if ((int32_t)n >> 1 >= (int32_t)cms.hot)
        return HEAT_HOT;
    return n & 1 ? HEAT_KNOWN : HEAT_COLD;
}

/* Something is on file now; counting starts over for the others, and for after an eviction. */
void profile_translated(uint32_t eip)
{
    *word(eip) = 1;
}

/* It will begin as often as a block that was hot: the next time, it is. */
void profile_warm(uint32_t eip)
{
    uint32_t *w = word(eip);
    int32_t n = (int32_t)*w >> 1, warm = (int32_t)cms.hot - 1;

    if (n >= 0 && n < warm)
        *w = (uint32_t)warm << 1 | (*w & 1);
}

/* The translator gave up for now: ask again after many more executions. */
void profile_cool(uint32_t eip)
{
    uint32_t *w = word(eip);

    *w = (uint32_t)(-63 * (int32_t)cms.hot) << 1 | 1;
}

static uint32_t *hint(uint32_t eip)
{
    return &cms.single[(eip * 0x9e3779b1u) >> 24 & (CMS_SINGLES - 1)];
}

void profile_left_out(uint32_t eip)
{
    *hint(eip) = eip;
}

bool profile_is_left_out(uint32_t eip)
{
    return *hint(eip) == eip;
}

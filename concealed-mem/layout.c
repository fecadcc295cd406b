/* SPDX-License-Identifier: MIT */
/*
 * Sizes of the tables. A gear-1 translation of busybox with its side table is some 125 bytes long
 * on average, so the directory has a record for each 128 bytes of translation cache if that fits,
 * and fewer if it does not: it then fills first and evicts first. The map table is kept at most
 * half full by having two slots a record.
 */
#include "concealed-mem/layout.h"
#include "concealed-mem/tcache.h"
#include "morpher/hw.h"

static uint32_t take(uint32_t *at, uint32_t bytes)
{
    uint32_t pa = *at;

    *at = (pa + bytes + 63) & ~63u;
    return pa;
}

static bool lay_out(uint32_t at, uint32_t bytes_a_record, struct cm_layout *out)
{
    uint32_t bytes = out->code_end - out->code, slots = 64;

    out->ngranules = bytes / CM_GRANULE;
    out->nrecords = bytes / bytes_a_record;
    while (slots < 2 * out->nrecords)
        slots <<= 1;
    out->map_slots = slots;
    out->nbuckets = slots >> 2;
    out->fault = take(&at, sizeof(struct hc_fault));
    out->counters = take(&at, CM_COUNTERS * 4);
    out->map = take(&at, out->map_slots * (uint32_t)sizeof(struct tmap_slot));
    out->buckets = take(&at, out->nbuckets * 4);
    out->granules = take(&at, out->ngranules * 4);
    out->records = take(&at, (out->nrecords + 1) * (uint32_t)sizeof(struct xrec));
    out->tables_end = at;
    return at <= out->code;
}

bool cm_layout(const struct mdesc *m, uint32_t concealed, uint32_t mem_size, struct cm_layout *out)
{
    uint32_t bytes = m->xcache_kb << 10, at = concealed + CM_TABLES;

    if (bytes > mem_size - concealed)
        return false;
    out->code_end = mem_size;
    out->code = mem_size - bytes;
    return lay_out(at, 128, out) || lay_out(at, 256, out) || lay_out(at, 512, out);
}

/* SPDX-License-Identifier: MIT */
/*
 * Chaining: the policy of which exits are linked, and to which entry. An exit is linked the first
 * time it is taken to CMS with its target translated; an exit taken before that goes through the
 * dispatcher.
 *
 * A link may enter behind the target's page check only where the page has been checked already:
 * both translations lie in one page of one frame, each wholly. Everything else enters at offset 0.
 */
#include "morpher/cms.h"

uint32_t chain_entry(uint32_t from, uint32_t to)
{
    const struct xrec *f = &tc.rec[from], *t = &tc.rec[to];
    bool same = f->nframes == 1 && t->nframes == 1 && f->frame[0] == t->frame[0] &&
                f->eip >> 12 == t->eip >> 12;

    return same ? t->body_off : 0;
}

void chain_exit(uint32_t from, uint32_t k)
{
    const struct xrec *f = &tc.rec[from];
    const struct xside_exit *e;
    uint32_t to;

    if (!cms.chain || k >= f->nexits)
        return;
    e = &tcache_exits(f)[k];
    if (e->kind != XE_DIRECT || e->to)
        return;
    to = tcache_find(e->target_eip, f->mode);
    if (!to)
        return;
    hw_phase(PH_CHAIN);
    tcache_link(from, k, to, chain_entry(from, to));
}

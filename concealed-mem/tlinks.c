/* SPDX-License-Identifier: MIT */
/*
 * Links: exits of translations patched to lead straight to another one. Each exit stands in at most
 * one list, that of the translation it leads to, and the list's nodes are the exits' own side-table
 * entries, so that links cost no memory of their own and never run out. A patch rewrites words of
 * one bundle, never its length (xlat.h says which).
 */
#include "concealed-mem/tcache.h"
#include "concealed-mem/stats.h"

static struct xside_exit *node_exit(uint32_t node)
{
    return &tcache_exits(&tc.rec[node / XLAT_EXITS])[node % XLAT_EXITS];
}

/* Rewrites the exit to lead to `target`; 0: to its stub, as translated. */
static void patch(const struct xrec *r, uint32_t k, uint32_t target)
{
    const struct xside_exit *e = &tcache_exits(r)[k];

    if (e->branch_off) {
        uint32_t *imm = cm_ptr(r->code + e->branch_off);

        *imm = target ? target : r->code + e->stub_off;
        hw_isync(r->code + e->branch_off, 4);
    } else {
        uint32_t *op = cm_ptr(r->code + e->stub_op_off), *imm = cm_ptr(r->code + e->stub_imm_off);

        *op = (*op & ~(0xffu << 20)) | (uint32_t)(target ? OP_JAL : OP_EXIT) << 20;
        *imm = target ? target : k;
        hw_isync(r->code + e->stub_op_off, e->stub_imm_off + 4u - e->stub_op_off);
    }
}

void tcache_link(uint32_t from, uint32_t k, uint32_t to, uint32_t off)
{
    struct xrec *f = &tc.rec[from], *t = &tc.rec[to];
    struct xside_exit *e = &tcache_exits(f)[k];
    uint32_t node = from * XLAT_EXITS + k;

    if (e->to)
        tcache_unlink(from, k);
    e->to = to;
    e->prev = 0;
    e->next = t->incoming;
    if (t->incoming)
        node_exit(t->incoming)->prev = node;
    t->incoming = node;
    patch(f, k, t->code + off);
    tc.stats->chains++;
}

static void take_out(struct xside_exit *e)
{
    if (e->prev)
        node_exit(e->prev)->next = e->next;
    else
        tc.rec[e->to].incoming = e->next;
    if (e->next)
        node_exit(e->next)->prev = e->prev;
    e->to = e->next = e->prev = 0;
}

void tcache_unlink(uint32_t from, uint32_t k)
{
    struct xrec *f = &tc.rec[from];
    struct xside_exit *e = &tcache_exits(f)[k];

    if (!e->to)
        return;
    take_out(e);
    patch(f, k, 0);
    tc.stats->unchains++;
}

void tlinks_drop(uint32_t i)
{
    struct xrec *r = &tc.rec[i];
    struct xside_exit *e = tcache_exits(r);

    while (r->incoming)
        tcache_unlink(r->incoming / XLAT_EXITS, r->incoming % XLAT_EXITS);
    /* What leads out of i dies with it: no patch. */
    for (uint32_t k = 0; k < r->nexits; k++)
        if (e[k].to)
            take_out(&e[k]);
}

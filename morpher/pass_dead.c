/* SPDX-License-Identifier: MIT */
/*
 * Dead values and dead flags, in one walk from the end of a group to its beginning.
 *
 * Alive are: whatever may trap or stores (a load whose value nobody wants still faults), whatever
 * has a home, whatever an alive record reads, and flags that are read before they are written
 * again, all six being read by the commit. A flag-setting op none of whose flags is alive becomes
 * its plain op where ir.def names one. Where there is none it stays and writes flags that nobody
 * reads: harmless, as long as it keeps its place among the writers, which the scheduler sees to.
 *
 * A live flag-setting twin (ir.h) is fused with the sum before it, if anyone needs the sum.
 */
#include "morpher/gear1.h"

static void make_plain(struct ir *r, uint32_t plain)
{
    r->op = (uint8_t)plain;
    if (plain == OP_AND && (r->flags & IRF_IMM) && (r->imm == 0xff || r->imm == 0xffff)) {
        r->op = r->imm == 0xff ? OP_ZEXT8 : OP_ZEXT16;
        r->flags &= (uint8_t)~IRF_IMM;
        r->imm = 0;
    }
}

void pass_dead(struct ir_group *g)
{
    uint32_t live = F_ALL;
    struct ir *r0 = g->r;
    r0[g->end.ref].flags |= IRF_USED;
    for (uint32_t i = g->n - 1; i >= IR_BODY; i--) {
        struct ir *r = &r0[i];
        uint32_t op = r->op, flags = r->flags;
        if (op == OP_NOP)
            continue;
        uint32_t info = ir_op[op];
        bool needed = (flags & IRF_USED) || r->home || ir_order(info) != ORD_FREE;
        if (info & OI_WRITES_CC) {
            struct ir_cc e = ir_cc_effect(r);
            if (e.may & live) {
                struct ir *sum = r - 1;
                if ((flags & IRF_TWIN) && ((sum->flags & IRF_USED) || sum->home)) {
                    sum->op = (uint8_t)op;
                    sum->flags = (uint8_t)((sum->flags & ~IRF_IMM) | (flags & IRF_IMM));
                    sum->imm = r->imm;
                    r->op = OP_NOP;
                    continue; /* the sum, next in this walk, is the flag-setting op now */
                }
                needed = true;
                flags |= IRF_CCLIVE;
                live = (live & ~(uint32_t)e.must) | e.read;
            } else if (needed) {
                if (e.plain)
                    make_plain(r, e.plain);
                else
                    live |= e.read;
                flags = r->flags;
            }
        } else if (needed && (info & OI_READS_CC)) {
            live |= ir_cc_effect(r).read;
        }
        if (!needed) {
            r->op = OP_NOP;
            continue;
        }
        r->flags = (uint8_t)(flags | IRF_LIVE);
        r0[r->a].flags |= IRF_USED;
        if (r->b)
            r0[r->b].flags |= IRF_USED;
        if (r->c)
            r0[r->c].flags |= IRF_USED;
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Registers for the values of a scheduled group: one walk over the bundles. A value's register is
 * free again from the bundle of its last reader on, for the writes of that very bundle even, since
 * all reads of a bundle precede its writes. Values with a home have that; a tied op writes the
 * register of the value it overwrites; an unwanted result goes to r0. The temporaries are r1..r31
 * and r48..r63: rollback enters CMS afresh, so none of C's registers is kept.
 */
#include "morpher/gear1.h"

enum { NTEMPS = 31 + 16 };

/* In words, so that a copy of it is a few moves. The last one is given out first. */
static const union {
    uint8_t reg[48];
    uint32_t word[12];
} temps = {{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
            17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 48,
            49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 0}};

bool reg_group(struct gear1 *x)
{
    struct ir *r0 = x->g.r;
    struct g1_sched *s = &x->s;
    union {
        uint8_t reg[NTEMPS + MAX_BUNDLE_OPS + 1];
        uint32_t word[12];
    } pool;
    uint32_t n = NTEMPS;
    for (uint32_t i = 0; i < 12; i++)
        pool.word[i] = temps.word[i];
    for (uint32_t i = 0; i < IR_NENTRY && !r0[IR_NENTRY].reg; i++)
        r0[ir_entry(i)].reg = (uint8_t)(GUEST_REG0 + i);

    for (uint32_t c = 0; c < s->ncycles; c++) {
        uint32_t first = s->cycle[c].first, dead[MAX_BUNDLE_OPS], ndead = 0;
        for (uint32_t i = first; i; i = r0[i].next) {
            const struct ir *r = &r0[i];
            uint32_t refs = r->a, more = (uint32_t)r->b << 16 | r->c;
            for (;;) {
                struct ir *v = &r0[refs];
                if (refs >= IR_BODY && v->last_use == c && !v->home &&
                    !(refs == r->c && (ir_op[r->op] & OI_TIED))) {
                    pool.reg[n++] = v->reg;
                    v->last_use = 0xffff; /* but once */
                }
                if (!more)
                    break;
                refs = more >> 16 ? more >> 16 : more;
                more = more >> 16 ? more & 0xffff : 0;
            }
        }
        for (uint32_t i = first; i; i = r0[i].next) {
            struct ir *r = &r0[i];
            uint32_t info = ir_op[r->op];
            if (!(info & OI_RD))
                continue;
            if (r->home) {
                r->reg = r->home;
            } else if (info & OI_TIED) {
                r->reg = r0[r->c].reg;
                if (!(r->flags & IRF_USED))
                    dead[ndead++] = i;
            } else if (!(r->flags & IRF_USED)) {
                r->reg = 0;
            } else {
                if (n == 0)
                    return false;
                r->reg = pool.reg[--n];
            }
        }
        while (ndead)
            pool.reg[n++] = r0[dead[--ndead]].reg;
    }
    return true;
}

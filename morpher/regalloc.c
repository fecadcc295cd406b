/* SPDX-License-Identifier: MIT */
/*
 * Registers for the values of a scheduled group: one walk over the bundles. A value's register is free again from the bundle
 * of its last reader on, for the writes of that very bundle even, since all reads of a bundle precede its writes.
 * Values with a home have that; a tied op writes the register of the value it overwrites; an unwanted result goes to r0.
 * The temporaries are r1..r31 and r48..r63: rollback enters CMS afresh, so none of C's registers is kept.
 */
#include "morpher/gear1.h"

enum { NTEMPS = 31 + 16 };

#define WRITES_RD                                                                                  \
    (1u << FMT_RRB | 1u << FMT_RRBX | 1u << FMT_RR | 1u << FMT_RRX | 1u << FMT_RB | 1u << FMT_RC | \
     1u << FMT_RRC | 1u << FMT_LOAD)
#define TIED (1u << FMT_RRBX | 1u << FMT_RRX | 1u << FMT_RRC)

bool reg_group(struct gear1 *x)
{
    struct ir_group *g = &x->g;
    struct g1_sched *s = &x->s;
    uint8_t *reg = s->reg;
    uint16_t *last_use = s->last_use;
    uint8_t pool[NTEMPS + MAX_BUNDLE_OPS];
    uint32_t n = 0;
    for (uint32_t i = 31; i >= 1; i--)
        pool[n++] = (uint8_t)i;
    for (uint32_t i = 63; i >= 48; i--)
        pool[n++] = (uint8_t)i;
    reg[IR_ZERO] = 0;
    for (uint32_t i = 0; i < IR_NENTRY; i++)
        reg[ir_entry(i)] = (uint8_t)(GUEST_REG0 + i);

    for (uint32_t c = 0; c < s->ncycles; c++) {
        uint32_t dead[MAX_BUNDLE_OPS], ndead = 0;
        for (uint32_t i = s->first[c]; i; i = s->next[i]) {
            const struct ir *r = &g->r[i];
            uint32_t v = r->a;
            if (v >= IR_BODY && last_use[v] == c && !g->r[v].home) {
                pool[n++] = reg[v];
                last_use[v] = 0xffff;
            }
            v = r->b;
            if (v >= IR_BODY && last_use[v] == c && !g->r[v].home) {
                pool[n++] = reg[v];
                last_use[v] = 0xffff;
            }
            v = r->c;
            if (v >= IR_BODY && last_use[v] == c && !g->r[v].home &&
                !(TIED >> op_table[r->op].format & 1)) {
                pool[n++] = reg[v];
                last_use[v] = 0xffff;
            }
        }
        for (uint32_t i = s->first[c]; i; i = s->next[i]) {
            const struct ir *r = &g->r[i];
            uint32_t format = op_table[r->op].format;
            if (!(WRITES_RD >> format & 1))
                continue;
            if (r->home) {
                reg[i] = r->home;
            } else if (TIED >> format & 1) {
                reg[i] = reg[r->c];
                if (!(r->flags & IRF_USED))
                    dead[ndead++] = i;
            } else if (!(r->flags & IRF_USED)) {
                reg[i] = 0;
            } else {
                if (n == 0)
                    return false;
                reg[i] = pool[--n];
            }
        }
        while (ndead)
            pool[n++] = reg[dead[--ndead]];
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Condition codes, worked out when somebody looks. Most flag-setting ops are never asked for their
 * flags, so they leave operands and result instead, shifted left so that the operand's sign is
 * bit 31. One formula then serves all of add, adc, sub, sbb (the carry vector follows from operands
 * and result alone), and the logic ops too: their flags are those of result + 0. Everything else
 * (shifts, multiplication, wrcc) stores the flags themselves.
 */
#ifndef VLIW_MODEL_CC_H
#define VLIW_MODEL_CC_H

#include "vliw-model/isa.h"

struct ccs {
    uint32_t kind; /* CCK_* and the shift << 8; 0: `a` holds the flags */
    uint32_t a, b, res;
};

enum { CCK_LAZY = 1, CCK_SUB = 2, CCK_KEEP = 4, CCK_CF = 8 /* the CF kept, with CCK_KEEP */ };

static inline uint32_t cc_parity(uint32_t v)
{
    return __builtin_parity(v & 0xff) ? 0 : F_PF;
}

/* 0 or 1 each. */
static inline uint32_t cc_cf(const struct ccs *c)
{
    if (!(c->kind & CCK_LAZY))
        return c->a & F_CF;
    if (c->kind & CCK_KEEP)
        return c->kind / CCK_CF & 1;
    uint32_t a = c->kind & CCK_SUB ? ~c->a : c->a, r = c->kind & CCK_SUB ? ~c->res : c->res;
    return ((a & c->b) | ((a | c->b) & ~r)) >> 31;
}

static inline uint32_t cc_zf(const struct ccs *c)
{
    return c->kind & CCK_LAZY ? c->res == 0 : c->a / F_ZF & 1;
}

static inline uint32_t cc_sf(const struct ccs *c)
{
    return c->kind & CCK_LAZY ? c->res >> 31 : c->a / F_SF & 1;
}

static inline uint32_t cc_of(const struct ccs *c)
{
    if (!(c->kind & CCK_LAZY))
        return c->a / F_OF & 1;
    uint32_t b = c->kind & CCK_SUB ? ~c->b : c->b;
    return ((c->a ^ c->res) & (b ^ c->res)) >> 31;
}

static inline uint32_t cc_pf(const struct ccs *c)
{
    return c->kind & CCK_LAZY ? cc_parity(c->res >> (c->kind >> 8)) != 0 : c->a / F_PF & 1;
}

/* All six, in EFLAGS positions. */
static inline uint32_t cc_flags(const struct ccs *c)
{
    if (!(c->kind & CCK_LAZY))
        return c->a;
    uint32_t sh = c->kind >> 8;
    return cc_cf(c) | cc_parity(c->res >> sh) | (((c->a ^ c->b ^ c->res) >> sh) & F_AF) |
           cc_zf(c) * F_ZF | cc_sf(c) * F_SF | cc_of(c) * F_OF;
}

static inline void cc_set(struct ccs *c, uint32_t flags)
{
    c->kind = 0;
    c->a = flags;
    c->b = c->res = 0;
}

static inline void cc_lazy(struct ccs *c, uint32_t kind, uint32_t sh, uint32_t a, uint32_t b,
                           uint32_t res)
{
    c->kind = CCK_LAZY | kind | sh << 8;
    c->a = a << sh;
    c->b = b << sh;
    c->res = res << sh;
}

/* `cond` should be a constant where speed matters. */
static inline bool cc_test(const struct ccs *c, uint32_t cond)
{
    bool v = false;
    switch (cond >> 1 & 7) {
    case CC_O >> 1: v = cc_of(c); break;
    case CC_B >> 1: v = cc_cf(c); break;
    case CC_E >> 1: v = cc_zf(c); break;
    case CC_BE >> 1: v = cc_cf(c) | cc_zf(c); break;
    case CC_S >> 1: v = cc_sf(c); break;
    case CC_P >> 1: v = cc_pf(c); break;
    case CC_L >> 1: v = cc_sf(c) ^ cc_of(c); break;
    case CC_LE >> 1: v = cc_zf(c) | (cc_sf(c) ^ cc_of(c)); break;
    }
    return v ^ (cond & 1);
}

#endif

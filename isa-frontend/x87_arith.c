/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic and comparison: each is one op of the hardware between the stack's rules before it
 * and the exceptions' rules after it. To add an instruction: its case where its opcode belongs; if
 * it takes two operands, x87_have2 first.
 */
#include "isa-frontend/x87.h"

bool x87_have2(struct x87 *x, uint32_t d, uint32_t s)
{
    if (x87_full(x, d) && x87_full(x, s))
        return true;
    if (x87_underflow(x)) {
        x87_set_indefinite(x87_st(x, d));
        x87_fill(x, d);
    }
    return false;
}

/* The eight operations as ModRM.reg numbers them, comparisons apart. */
static uint32_t operate(uint32_t op, uint32_t d, uint32_t s)
{
    switch (op) {
    case 0: return hw_fadd(d, s);
    case 1: return hw_fmul(d, s);
    case 4: return hw_fsub(d, s);
    case 5: return hw_fsubr(d, s);
    case 6: return hw_fdiv(d, s);
    default: return hw_fdivr(d, s);
    }
}

/* Compares ST(0) with wide operand s; false if an unmasked exception keeps it from popping. */
static bool compare(struct x87 *x, bool have, uint32_t s, uint32_t how)
{
    uint32_t st, c1 = x->fsw & FS_C1;
    bool done = true;
    if (have) {
        st = how & X87_QUIET ? hw_fucom(x87_st(x, 0), s) : hw_fcom(x87_st(x, 0), s);
        done = !(x87_status(x, st, how & X87_FLAGS ? 0 : FS_CC) & FS_PRE);
        if (how & X87_FLAGS)
            x->fsw |= c1; /* as processors do it */
    } else {
        done = x87_underflow(x);
        st = FS_CC;
        if (!(how & X87_FLAGS))
            x->fsw |= FS_CC;
    }
    if (how & X87_FLAGS)
        hw_wrcc((st & FS_C0 ? F_CF : 0) | (st & FS_C2 ? F_PF : 0) | (st & FS_C3 ? F_ZF : 0), F_ALL);
    return done;
}

void x87_arith_mem(struct x87 *x, uint32_t op, uint32_t format)
{
    bool have = x87_full(x, 0);
    uint32_t s = W_A + 32 * format;
    if (op == 2 || op == 3) {
        if (compare(x, have, s, 0) && op == 3)
            x87_pop(x);
    } else if (have) {
        x87_status(x, operate(op, x87_st(x, 0), s), 0);
    } else {
        x87_have2(x, 0, 0);
    }
}

void x87_arith_reg(struct x87 *x, uint32_t op, uint32_t d, uint32_t s, bool pop)
{
    if (x87_have2(x, d, s)) {
        if (x87_status(x, operate(op, x87_st(x, d), x87_st(x, s)), 0) & FS_PRE)
            return;
    } else if (!(x->fcw & FS_IE)) {
        return;
    }
    if (pop)
        x87_pop(x);
}

void x87_compare(struct x87 *x, uint32_t i, uint32_t how, uint32_t pops)
{
    if (!compare(x, x87_full(x, 0) && x87_full(x, i), x87_st(x, i), how))
        return;
    while (pops-- > 0)
        x87_pop(x);
}

void x87_cmov(struct x87 *x, uint32_t holds)
{
    if (x87_have2(x, 0, x->rm) && holds) /* C1 stays, as processors do it */
        x87_copy(x87_st(x, 0), x87_st(x, x->rm));
}

/* ---- one operand, constants ---- */

static void fxam(struct x87 *x)
{
    static const uint16_t code[6] = {
        [X87_UNSUPPORTED] = 0,          [X87_NAN] = FS_C0,  [X87_NORMAL] = FS_C2,
        [X87_INFINITY] = FS_C2 | FS_C0, [X87_ZERO] = FS_C3, [X87_DENORMAL] = FS_C3 | FS_C2};
    uint32_t w = x87_st(x, 0), se = x87_word(w, 2);
    x->fsw &= ~(FS_CC | FS_C1);
    x->fsw |= x87_full(x, 0) ? code[x87_class(se, x87_word(w, 1), x87_word(w, 0))] : FS_C3 | FS_C0;
    if (se & 0x8000)
        x->fsw |= FS_C1;
}

static void sign(struct x87 *x, bool change)
{
    uint32_t w = x87_st(x, 0), se = x87_word(w, 2);
    x->fsw &= ~FS_C1;
    hw_wput(change ? se ^ 0x8000 : se & 0x7fff, w * 4 + 2);
}

static void ftst(struct x87 *x)
{
    hw_wput(0, W_A * 4);
    compare(x, x87_full(x, 0), W_A + 32 * WF_I16, 0);
}

/* Rounded to nearest in the table; `up` and `down` are what other directions add. */
static void constant(struct x87 *x, uint32_t n)
{
    static const struct {
        uint32_t lo, hi;
        uint16_t se;
        int8_t up, down;
    } table[7] = {
        {0x00000000, 0x80000000, 0x3fff, 0, 0},  /* 1 */
        {0xcd1b8afe, 0xd49a784b, 0x4000, 1, 0},  /* log2 10 */
        {0x5c17f0bc, 0xb8aa3b29, 0x3fff, 0, -1}, /* log2 e */
        {0x2168c235, 0xc90fdaa2, 0x4000, 0, -1}, /* pi */
        {0xfbcff799, 0x9a209a84, 0x3ffd, 0, -1}, /* log10 2 */
        {0xd1cf79ac, 0xb17217f7, 0x3ffe, 0, -1}, /* ln 2 */
        {0, 0, 0, 0, 0},
    };
    uint32_t lo, rc = x->fcw >> 10 & 3;
    if (x87_full(x, 7)) {
        if (x87_overflow(x)) {
            x87_push(x);
            x87_set_indefinite(x87_st(x, 0));
        }
        return;
    }
    lo = table[n].lo;
    if (rc == 2)
        lo += (uint32_t)table[n].up;
    else if (rc != 0)
        lo += (uint32_t)(int32_t)table[n].down;
    x->fsw &= ~FS_C1;
    x87_push(x);
    x87_set(x87_st(x, 0), table[n].se, table[n].hi, lo);
}

void x87_d9_reg(struct x87 *x, uint32_t modrm)
{
    switch (modrm) {
    case 0xe0: /* fchs */
    case 0xe1: /* fabs */
        if (x87_have2(x, 0, 0))
            sign(x, modrm == 0xe0);
        return;
    case 0xe4: ftst(x); return;
    case 0xe5: fxam(x); return;
    case 0xe8 ... 0xee: constant(x, modrm - 0xe8); return;
    case 0xf0: x87_f2xm1(x); return;
    case 0xf1: x87_fyl2x(x); return;
    case 0xf2: x87_fptan(x); return;
    case 0xf3: x87_fpatan(x); return;
    case 0xf4: x87_fxtract(x); return;
    case 0xf5: x87_fprem(x, true); return;
    case 0xf6: /* fdecstp */
    case 0xf7: /* fincstp */
        x->fsw &= ~FS_C1;
        x->top = (x->top + (modrm == 0xf7 ? 1 : 7)) & 7;
        return;
    case 0xf8: x87_fprem(x, false); return;
    case 0xf9: x87_fyl2xp1(x); return;
    case 0xfa: /* fsqrt */
        if (x87_have2(x, 0, 0))
            x87_status(x, hw_fsqrt(x87_st(x, 0)), 0);
        return;
    case 0xfb: x87_fsincos(x); return;
    case 0xfc: /* frndint */
        if (x87_have2(x, 0, 0))
            x87_status(x, hw_frnd(x87_st(x, 0)), 0);
        return;
    case 0xfd: x87_fscale(x); return;
    default: x87_fsin(x, modrm == 0xff); return;
    }
}

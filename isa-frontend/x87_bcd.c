/* SPDX-License-Identifier: MIT */
/* Packed decimal integers: 18 digits, two a byte, and a sign byte. Through 64-bit integers, which
 * hold them all. */
#include "isa-frontend/x87.h"

/* What is no digit counts as its value, as processors were seen to do. */
static uint64_t digits(uint64_t v, uint32_t bcd, uint32_t n)
{
    for (uint32_t i = n; i-- > 0;)
        v = v * 10 + (bcd >> 4 * i & 15);
    return v;
}

void x87_fbld(struct x87 *x)
{
    x87_check_read(x, 10, 8);
    uint32_t lo = hw_gld32(x->addr), hi = hw_gld32(x->addr + 4), top = hw_gld16(x->addr + 8);
    uint64_t v = digits(digits(digits(0, top, 2), hi, 8), lo, 8);
    if (x87_full(x, 7)) {
        if (x87_overflow(x)) {
            x87_push(x);
            x87_set_indefinite(x87_st(x, 0));
        }
        return;
    }
    hw_wput((uint32_t)v, W_A * 4);
    hw_wput((uint32_t)(v >> 32), W_A * 4 + 1);
    x87_push(x);
    uint32_t w = x87_st(x, 0);
    hw_fld(w, W_A + 32 * WF_I64);
    x->fsw &= ~FS_C1;
    hw_wput((x87_word(w, 2) & 0x7fff) | (top & 0x8000), w * 4 + 2);
}

/* 8 digits of *v, the lowest first; *v loses them. 64-bit division by hand: it is rare, and the
 * run-time library small. */
static uint32_t take8(uint64_t *v)
{
    const uint64_t ten8 = 100000000;
    uint64_t q = 0, r = *v;
    for (uint32_t i = 38; i-- > 0;)
        if (r >= ten8 << i) {
            r -= ten8 << i;
            q |= (uint64_t)1 << i;
        }
    *v = q;
    uint32_t rest = (uint32_t)r, bcd = 0;
    for (uint32_t i = 0; i < 8; i++, rest /= 10)
        bcd |= rest % 10 << 4 * i;
    return bcd;
}

void x87_fbstp(struct x87 *x)
{
    const uint64_t limit = 1000000000000000000u;
    uint32_t w = x87_st(x, 0), lo = 0, hi = 0xc0000000u, top = 0xffff;
    if (!x87_full(x, 0)) {
        if (!x87_underflow(x))
            return;
    } else {
        uint32_t s = hw_fst(W_A + 32 * WF_I64, w), sign = x87_word(w, 2) & 0x8000;
        uint64_t v = (uint64_t)x87_word(W_A, 1) << 32 | x87_word(W_A, 0);
        if (!(s & FS_IE) && sign)
            v = -v;
        if ((s & FS_IE) || v >= limit)
            s = FS_IE;
        if (x87_status(x, s, 0) & FS_MEM)
            return;
        if (!(s & FS_IE)) {
            lo = take8(&v);
            hi = take8(&v);
            top = (uint32_t)v % 10 | (uint32_t)v / 10 << 4 | sign;
        }
    }
    x87_check_write(x, 10, 8);
    hw_gst32(x->addr, lo);
    hw_gst32(x->addr + 4, hi);
    hw_gst16(x->addr + 8, top);
    x87_pop(x);
}

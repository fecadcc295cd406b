/* SPDX-License-Identifier: MIT */
/*
 * Transcendental instructions: the arithmetic and the rules they share.
 *
 * Processors differ in the last bits of these, and so the machine has no ops for them. Ours are
 * fixed-point integer arithmetic of 96 bits: a significand of 64 bits and 32 more, so that all
 * errors of cutting off together are some 2^-90 of the result and the one rounding at the end is
 * the right one but in a case in a million. The alternative, sums and products of the FP ops, would
 * need two registers a number for that, and FCW and FSW saved around it; integers need nothing, are
 * the same on every host, and hold an argument reduced by the 66 bits of pi exactly. A product
 * costs 9 multiplications: about as much as a sum of two-register numbers.
 *
 * The method is the same everywhere: bring the argument into a small range without error, then sum
 * a power series by Horner's rule. Coefficients are those of Taylor's series (halved where the
 * first would be 1). What a result may lack is the leading zeros of a fraction, so where it can be
 * small its argument is kept apart as a normalised factor: sin r = r * S(r^2).
 *
 * Results ignore precision control, are rounded by rounding control, and count as inexact even if
 * they are not (2^1 - 1, log2 8), as processors do it.
 *
 * To add a function: bound its series' argument, take terms until one is below 2^-92, and keep each
 * bracket of Horner's rule between 0 and 1.
 */
#include "isa-frontend/x87_trans.h"

enum { E_BIAS = 16383, E_MAX = 0x7fff, E_WRAP = 24576 };

/* ---- fractions ---- */

static inline uint32_t high(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

static inline struct x87_fix mul(struct x87_fix a, struct x87_fix b)
{
    uint64_t hm = (uint64_t)a.h * b.m, mh = (uint64_t)a.m * b.h, hh = (uint64_t)a.h * b.h;
    uint64_t low =
        (uint64_t)high(a.h, b.l) + high(a.m, b.m) + high(a.l, b.h) + (uint32_t)hm + (uint32_t)mh;
    hh += (low >> 32) + (hm >> 32) + (mh >> 32);
    return (struct x87_fix){(uint32_t)(hh >> 32), (uint32_t)hh, (uint32_t)low};
}

static inline struct x87_fix add(struct x87_fix a, struct x87_fix b)
{
    uint32_t l = a.l + b.l, c = l < a.l, m = a.m + b.m, d = m < a.m;
    m += c;
    d |= m < c;
    return (struct x87_fix){a.h + b.h + d, m, l};
}

static inline struct x87_fix sub(struct x87_fix a, struct x87_fix b)
{
    uint32_t c = a.l < b.l, m = a.m - b.m, d = a.m < b.m;
    d |= m < c;
    return (struct x87_fix){a.h - b.h - d, m - c, a.l - b.l};
}

struct x87_fix x87_fix_mul(const struct x87_fix *a, const struct x87_fix *b)
{
    return mul(*a, *b);
}

struct x87_fix x87_fix_add(struct x87_fix a, struct x87_fix b)
{
    return add(a, b);
}

struct x87_fix x87_fix_sub(struct x87_fix a, struct x87_fix b)
{
    return sub(a, b);
}

struct x87_fix x87_fix_shr(struct x87_fix a, uint32_t n)
{
    for (; n >= 32; n -= 32) {
        if (n >= 96)
            return (struct x87_fix){0, 0, 0};
        a = (struct x87_fix){0, a.h, a.m};
    }
    if (n) {
        a.l = a.l >> n | a.m << (32 - n);
        a.m = a.m >> n | a.h << (32 - n);
        a.h >>= n;
    }
    return a;
}

struct x87_fix x87_fix_scale(struct x87_fix a, uint32_t n)
{
    uint64_t l = (uint64_t)a.l * n, m = (uint64_t)a.m * n + (l >> 32);
    return (struct x87_fix){a.h * n + (uint32_t)(m >> 32), (uint32_t)m, (uint32_t)l};
}

struct x87_fix x87_fix_poly(const struct x87_fix *z, const struct x87_fix *c, uint32_t n,
                            bool alternating)
{
    struct x87_fix a = c[--n], b = *z;
    if (alternating)
        while (n-- > 0)
            a = sub(c[n], mul(a, b));
    else
        while (n-- > 0)
            a = add(c[n], mul(a, b));
    return a;
}

/* ---- numbers ---- */

void x87_big_normalise(struct x87_big *a)
{
    struct x87_fix f = a->fix;
    if (!(f.h | f.m | f.l))
        return;
    while (!f.h) {
        f = (struct x87_fix){f.m, f.l, 0};
        a->exp -= 32;
    }
    uint32_t n = (uint32_t)__builtin_clz(f.h);
    if (n) {
        f.h = f.h << n | f.m >> (32 - n);
        f.m = f.m << n | f.l >> (32 - n);
        f.l <<= n;
        a->exp -= (int32_t)n;
    }
    a->fix = f;
}

/* Newton's iteration for y = 1/4b, from the 30 bits that an integer division gives: y + y(1 - 4by).
 * The first step stays below 1/4b, so that 1 - 4by does not turn negative. The quotient is off by
 * less than 32 units, so rounding to 90 bits makes those exact that have no more. */
struct x87_big x87_big_div(const struct x87_big *a, const struct x87_big *b)
{
    const struct x87_fix zero = {0, 0, 0};
    uint32_t inv = (uint32_t)(0x7fffffffffffffffu / b->fix.h) - 3;
    struct x87_fix y = {inv >> 1, inv << 31, 0}, e;
    for (uint32_t i = 0; i < 2; i++) {
        e = mul(y, b->fix);
        e = sub(zero, (struct x87_fix){e.h << 2 | e.m >> 30, e.m << 2 | e.l >> 30, e.l << 2});
        y = add(y, mul(y, e));
    }
    struct x87_big q = {add(mul(a->fix, y), (struct x87_fix){0, 0, 32}), a->exp - b->exp + 2, 0};
    q.fix.l &= ~(uint32_t)63;
    x87_big_normalise(&q);
    return q;
}

struct x87_fix x87_big_fix(const struct x87_big *a)
{
    return x87_fix_shr(a->fix, (uint32_t)-a->exp);
}

struct x87_big x87_big_of(const struct x87_num *n)
{
    return (struct x87_big){x87_fix_of(n->sig), n->exp - E_BIAS + 1, n->sign};
}

/* ---- results ---- */

static void set(uint32_t w, uint32_t sign, uint32_t exp, uint64_t sig)
{
    x87_set(w, sign | exp, (uint32_t)(sig >> 32), (uint32_t)sig);
}

/* Rounds sig.dropped; true if it grew. A carry out leaves sig 0. */
static bool round_up(const struct x87 *x, uint32_t sign, uint64_t *sig, uint64_t dropped)
{
    bool up = x87_grows(x, sign, *sig, dropped);
    *sig += up;
    return up;
}

uint32_t x87_put(struct x87 *x, uint32_t w, struct x87_big *a)
{
    const uint64_t one = (uint64_t)1 << 63;
    uint32_t s = FS_PE;
    x87_big_normalise(a);
    uint64_t all = (uint64_t)a->fix.h << 32 | a->fix.m, dropped = (uint64_t)a->fix.l << 32;
    uint64_t sig = all;
    int32_t exp = a->exp + E_BIAS - 1;
    bool up = round_up(x, a->sign, &sig, dropped);
    if (!sig) {
        sig = one;
        exp++;
    }
    if (exp <= 0) { /* tiny after rounding, as if exponents had no limit */
        s |= FS_UE;
        if (!(x->fcw & FS_UE)) {
            exp += E_WRAP;
        } else {
            uint32_t shift = (uint32_t)(1 - (a->exp + E_BIAS - 1));
            uint64_t sticky = dropped != 0;
            sig = shift < 64 ? all >> shift : 0;
            dropped = shift < 64 ? all << (64 - shift) | sticky : shift == 64 ? all | sticky : 1;
            up = round_up(x, a->sign, &sig, dropped);
            exp = (int32_t)(sig >> 63);
        }
    } else if (exp >= E_MAX) {
        s |= FS_OE;
        if (!(x->fcw & FS_OE)) {
            exp -= E_WRAP;
        } else {
            up = x87_grows(x, a->sign, 1, one | 1);
            sig = up ? one : ~(uint64_t)0;
            exp = up ? E_MAX : E_MAX - 1;
        }
    }
    set(w, a->sign, (uint32_t)exp, sig);
    return up ? s | FS_C1 : s;
}

/* ---- before and after the result ---- */

static bool is_number(const struct x87_num *n)
{
    return n->class != X87_NAN && n->class != X87_UNSUPPORTED;
}

bool x87_trans_operand(struct x87 *x, struct x87_num *a)
{
    uint32_t w = x87_st(x, 0);
    *a = x87_number(w);
    if (is_number(a))
        return true;
    x87_status(x, hw_fadd(w, w), 0);
    return false;
}

bool x87_trans_operands(struct x87 *x, struct x87_num *a, struct x87_num *b)
{
    if (!x87_have2(x, 1, 0)) {
        if (x->fcw & FS_IE)
            x87_pop(x);
        return false;
    }
    *a = x87_number(x87_st(x, 0));
    *b = x87_number(x87_st(x, 1));
    if (is_number(a) && is_number(b))
        return true;
    if (!(x87_status(x, hw_fadd(x87_st(x, 1), x87_st(x, 0)), 0) & FS_PRE))
        x87_pop(x);
    return false;
}

void x87_trans_invalid(struct x87 *x)
{
    if (x87_status(x, FS_IE, 0))
        return;
    x87_set_indefinite(x87_st(x, 1));
    x87_pop(x);
}

void x87_trans_special(struct x87 *x, uint32_t s, uint32_t sign, uint32_t kind)
{
    if (x87_status(x, s, 0))
        return;
    set(x87_st(x, 1), sign, kind, kind ? (uint64_t)1 << 63 : 0);
    x87_pop(x);
}

void x87_trans_result(struct x87 *x, struct x87_big *a)
{
    x87_status(x, x87_put(x, x87_st(x, 1), a), 0);
    x87_pop(x);
}

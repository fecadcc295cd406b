/* SPDX-License-Identifier: MIT */
/*
 * f2xm1, fyl2x, fyl2xp1.
 *
 * 2^x - 1 is e^t - 1 = t E(t) with t = x ln 2, for |x| below 1/16; beyond, the sixteenths of x are
 * taken off and a table of their powers puts them back. A negative x has the same series with
 * alternating signs.
 *
 * A logarithm is that of its argument's fraction m, between the square roots of 1/2 and 2, and the
 * exponent. log2 m = 2/ln 2 * atanh s = s L(s^2) with s = (m - 1) / (m + 1), at most 0.172: small
 * wherever the logarithm is, and so exact there too. For fyl2xp1 s is x / (x + 2), without a sum
 * that would lose bits of a small x. Outside of the range that manuals promise, processors go on as
 * one would wish for x > -1, and answer x itself for others; so does f2xm1 for |x| >= 1. So do we.
 */
#include "isa-frontend/x87_trans.h"

enum { BIAS = 16383, MINUS = 0x8000 };

/* 1 / 2(k + 1)!, 2^(i/16) / 2, 1 / (2 ln 2 (2k + 1)). */
static const struct x87_fix exp_coef[] = {
    {0x80000000, 0x00000000, 0x00000000}, {0x40000000, 0x00000000, 0x00000000},
    {0x15555555, 0x55555555, 0x55555555}, {0x05555555, 0x55555555, 0x55555555},
    {0x01111111, 0x11111111, 0x11111111}, {0x002d82d8, 0x2d82d82d, 0x82d82d83},
    {0x00068068, 0x06806806, 0x80680680}, {0x0000d00d, 0x00d00d00, 0xd00d00d0},
    {0x0000171d, 0xe3a556c7, 0x338faac2}, {0x0000024f, 0xc9f6ef13, 0xeb8e5de0},
    {0x00000035, 0xcc8acfea, 0x89c71fcf}, {0x00000004, 0x7bb63bfe, 0x3625ed51},
    {0x00000000, 0x5849184e, 0xa1b425f3},
};
static const struct x87_fix exp_sixteenths[] = {
    {0x80000000, 0x00000000, 0x00000000}, {0x85aac367, 0xcc487b14, 0xc5c95b8c},
    {0x8b95c1e3, 0xea8bd6e6, 0xfbe46287}, {0x91c3d373, 0xab11c336, 0x0fd6d8e1},
    {0x9837f051, 0x8db8a96f, 0x46ad2318}, {0x9ef53260, 0x91a111ad, 0xa0911f0a},
    {0xa5fed6a9, 0xb15138ea, 0x1cbd7f62}, {0xad583eea, 0x42a14ac6, 0x4980a8c9},
    {0xb504f333, 0xf9de6484, 0x597d89b3}, {0xbd08a39f, 0x580c36be, 0xa8811fb6},
    {0xc5672a11, 0x5506dadd, 0x3e2ad0c9}, {0xce248c15, 0x1f8480e3, 0xe2358390},
    {0xd744fcca, 0xd69d6af4, 0x39a68bba}, {0xe0ccdeec, 0x2a94e111, 0x06589505},
    {0xeac0c6e7, 0xdd24392e, 0xd02d75b3}, {0xf5257d15, 0x2486cc2c, 0x7b9d0c7b},
};
static const struct x87_fix log_coef[] = {
    {0xb8aa3b29, 0x5c17f0bb, 0xbe87fed0}, {0x3d8e13b8, 0x7407fae9, 0x3f82aa45},
    {0x24eed8a1, 0xdf37fcf2, 0x594e662a}, {0x1a61762a, 0x7aded93f, 0x645c921e},
    {0x1484b13d, 0x7c02a8f8, 0x6a80e36c}, {0x10c9a849, 0x94022d28, 0x5723a2cd},
    {0x0e347ab4, 0x698bb00e, 0x711e274b}, {0x0c4f9d8b, 0x4a67fefb, 0x731a220e},
    {0x0adcd64d, 0xba1f86a1, 0xa1cbc3b2}, {0x09b81e0f, 0xa687ff32, 0x4d657933},
    {0x08cb2763, 0x7e4a486a, 0x76c9860a}, {0x080766bf, 0x04010a77, 0x77969bc6},
    {0x0762f820, 0x5fd7ff63, 0xab76146f}, {0x06d6e5bf, 0x29563852, 0xce2af679},
    {0x065e2559, 0xb3ba3470, 0x67ac69e4}, {0x05f4f9a6, 0x7ed77b60, 0xe51d2941},
    {0x05988d6d, 0xdc00b9b8, 0x1d0be0ef}, {0x0546b13b, 0xb22c91d9, 0x7a78ea06},
};

enum { N_EXP = sizeof exp_coef / sizeof *exp_coef, N_LOG = sizeof log_coef / sizeof *log_coef };

static const struct x87_fix ln_2 = {0xb17217f7, 0xd1cf79ab, 0xc9e3b398};
static const struct x87_fix half = {0x80000000, 0, 0};

/* ---- 2^x - 1 ---- */

/* |2^x - 1| for |x| < 1/16, x normalised. */
static struct x87_big small_power(const struct x87_big *x)
{
    struct x87_big t = {x87_fix_mul(&x->fix, &ln_2), x->exp, 0};
    x87_big_normalise(&t);
    struct x87_fix e = x87_big_fix(&t);
    e = x87_fix_poly(&e, exp_coef, N_EXP, x->sign != 0);
    return (struct x87_big){x87_fix_mul(&t.fix, &e), t.exp + 1, x->sign};
}

void x87_f2xm1(struct x87 *x)
{
    struct x87_num a;
    if (!x87_have2(x, 0, 0) || !x87_trans_operand(x, &a))
        return;
    x->fsw &= ~FS_C1;
    if (a.class == X87_ZERO)
        return;
    if (a.class == X87_INFINITY) {
        if (a.sign)
            x87_set(x87_st(x, 0), MINUS | BIAS, 0x80000000u, 0);
        return;
    }
    if (a.class == X87_DENORMAL && x87_status(x, FS_DE, 0))
        return;
    if (a.exp >= BIAS) {
        x->fsw |= FS_PE;
        if (a.sign && a.exp == BIAS && a.sig == (uint64_t)1 << 63)
            x87_set(x87_st(x, 0), MINUS | (BIAS - 1), 0x80000000u, 0);
        return;
    }
    struct x87_big b = x87_big_of(&a);
    if (b.exp > -4) {
        struct x87_fix f = x87_big_fix(&b), p;
        uint32_t i = f.h >> 28;
        p = exp_sixteenths[a.sign ? 16 - i : i];
        f.h &= 0x0fffffff;
        b.fix = f;
        b.exp = 0;
        x87_big_normalise(&b);
        if (b.fix.h) {
            b = small_power(&b);
            f = x87_big_fix(&b);
            f = x87_fix_mul(&f, &p);
            p = a.sign ? x87_fix_sub(p, f) : x87_fix_add(p, f);
        }
        if (a.sign)
            b = (struct x87_big){x87_fix_sub((struct x87_fix){0, 0, 0}, p), 0, MINUS};
        else
            b = (struct x87_big){x87_fix_sub(p, half), 1, 0};
    } else {
        b = small_power(&b);
    }
    x87_status(x, x87_put(x, x87_st(x, 0), &b), 0);
}

/* ---- logarithms ---- */

/* log2 of (1 + s) / (1 - s), for s = n / d; the sign is n's. */
static struct x87_big logarithm(const struct x87_big *n, const struct x87_big *d)
{
    struct x87_big s = x87_big_div(n, d);
    struct x87_fix z = x87_big_fix(&s);
    z = x87_fix_mul(&z, &z);
    z = x87_fix_poly(&z, log_coef, N_LOG, false);
    s = (struct x87_big){x87_fix_mul(&s.fix, &z), s.exp + 2, n->sign};
    x87_big_normalise(&s);
    return s;
}

/* log2 of m * 2^e, m normalised: its fraction is brought between the square roots of 1/2 and 2. The
 * result is 0 for 1 alone. */
static struct x87_big log_of(struct x87_fix m, int32_t e)
{
    struct x87_big n, d, y;
    if (m.h > 0xb504f333) { /* n = 1 - m, d = (1 + m) / 2 */
        n = (struct x87_big){x87_fix_sub((struct x87_fix){0, 0, 0}, m), 0, MINUS};
        d = (struct x87_big){x87_fix_add(half, x87_fix_shr(m, 1)), 1, 0};
    } else { /* n = 2m - 1 and d = 2m + 1, quarters of them */
        m = x87_fix_shr(m, 1);
        n = (struct x87_big){x87_fix_sub(m, x87_fix_shr(half, 1)), 2, 0};
        d = (struct x87_big){x87_fix_add(m, x87_fix_shr(half, 1)), 2, 0};
        e--;
    }
    x87_big_normalise(&n);
    x87_big_normalise(&d);
    y = (struct x87_big){{0, 0, 0}, 0, 0};
    if (n.fix.h)
        y = logarithm(&n, &d);
    if (e) {
        /* The exponent, and the fraction's logarithm (at most 1/2) added to it or taken away. */
        uint32_t s = e < 0 ? MINUS : 0, magnitude = (uint32_t)(e < 0 ? -e : e);
        struct x87_fix f = {0, 0, 0};
        if (y.fix.h) {
            y.exp -= 16;
            f = x87_big_fix(&y);
        }
        struct x87_fix i = {magnitude << 16, 0, 0};
        y.fix = y.sign == s ? x87_fix_add(i, f) : x87_fix_sub(i, f);
        y.exp = 16;
        y.sign = s;
        x87_big_normalise(&y);
    }
    return y;
}

/* y (ST(1)) times the logarithm l, of which neither is zero. */
static void times(struct x87 *x, const struct x87_num *y, const struct x87_big *l)
{
    struct x87_fix f = x87_fix_of(y->sig);
    struct x87_big r = {x87_fix_mul(&f, &l->fix), y->exp - BIAS + 1 + l->exp, y->sign ^ l->sign};
    x87_trans_result(x, &r);
}

static bool denormal(struct x87 *x, const struct x87_num *a, const struct x87_num *y)
{
    return (a->class == X87_DENORMAL || y->class == X87_DENORMAL) && x87_status(x, FS_DE, 0);
}

void x87_fyl2x(struct x87 *x)
{
    struct x87_num a, y;
    if (!x87_trans_operands(x, &a, &y))
        return;
    bool one = a.class == X87_NORMAL && a.exp == BIAS && a.sig == (uint64_t)1 << 63;
    uint32_t s = y.sign ^ (a.class != X87_INFINITY && a.exp < BIAS ? MINUS : 0);
    if ((a.sign && a.class != X87_ZERO) || (one && y.class == X87_INFINITY) ||
        (y.class == X87_ZERO && (a.class == X87_ZERO || a.class == X87_INFINITY))) {
        x87_trans_invalid(x);
    } else if (a.class == X87_ZERO) {
        x87_trans_special(x, y.class == X87_INFINITY ? 0 : FS_ZE, s, X87_INF);
    } else if (!denormal(x, &a, &y)) {
        if (a.class == X87_INFINITY || y.class == X87_INFINITY) {
            x87_trans_special(x, 0, s, X87_INF);
        } else if (one || y.class == X87_ZERO) {
            x87_trans_special(x, 0, s, X87_Z);
        } else {
            struct x87_big l = log_of(x87_fix_of(a.sig), a.exp - BIAS + 1);
            times(x, &y, &l);
        }
    }
}

/* log2(1 + x) for x > -1 other than 0. */
static struct x87_big log_plus_one(const struct x87_num *a)
{
    struct x87_big b = x87_big_of(a), d;
    struct x87_fix f;
    if (b.exp <= -2 || (b.exp == -1 && (!a->sign || b.fix.h < 0x95f61998))) {
        /* |x| < 0.293, or less than 1/2 above 0: d = (2 + x) / 4, a quarter of x */
        f = x87_fix_shr(b.fix, (uint32_t)(2 - b.exp));
        d = (struct x87_big){a->sign ? x87_fix_sub(half, f) : x87_fix_add(half, f), 2, 0};
        x87_big_normalise(&d);
        return logarithm(&b, &d);
    }
    if (b.exp < 1) { /* (1 + x) / 2 */
        f = x87_fix_shr(b.fix, (uint32_t)(1 - b.exp));
        d = (struct x87_big){a->sign ? x87_fix_sub(half, f) : x87_fix_add(half, f), 1, 0};
    } else { /* x is positive: a half of 2^-exp + x 2^-exp */
        f = x87_fix_shr(b.fix, 1);
        d = (struct x87_big){x87_fix_add(f, x87_fix_shr(half, (uint32_t)b.exp)), b.exp + 1, 0};
    }
    x87_big_normalise(&d);
    return log_of(d.fix, d.exp);
}

void x87_fyl2xp1(struct x87 *x)
{
    struct x87_num a, y;
    if (!x87_trans_operands(x, &a, &y))
        return;
    uint32_t s = y.sign ^ a.sign;
    if ((a.class == X87_INFINITY && (a.sign || y.class == X87_ZERO)) ||
        (y.class == X87_INFINITY && a.class == X87_ZERO)) {
        x87_trans_invalid(x);
    } else if (!denormal(x, &a, &y)) {
        if (a.class == X87_INFINITY || y.class == X87_INFINITY) {
            x87_trans_special(x, 0, s, X87_INF);
        } else if (a.class == X87_ZERO || y.class == X87_ZERO) {
            x87_trans_special(x, 0, s, X87_Z);
        } else if (a.sign && a.exp >= BIAS) {
            x87_status(x, FS_PE, 0);
            x87_copy(x87_st(x, 1), x87_st(x, 0));
            x87_pop(x);
        } else {
            struct x87_big l = log_plus_one(&a);
            times(x, &y, &l);
        }
    }
}

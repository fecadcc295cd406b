/* SPDX-License-Identifier: MIT */
/*
 * fsin, fcos, fsincos, fptan, fpatan.
 *
 * An argument is reduced as processors do it: by the multiple of pi/2 nearest to it, where pi has
 * 66 bits. The remainder is exact, but sines of large multiples of the true pi are far from those
 * of mathematics; programs know these processors so. Beyond 2^63 there is no reduction: C2 says so
 * and nothing else happens.
 *
 * fpatan is atan(y / x) of the smaller by the larger magnitude u / v <= 1, reduced once more by
 * atan(u / v) = atan(c) + atan((u - c v) / (v + c u)) with c the eighth nearest to u / v, so that
 * the series has an argument of at most 1/16. Quadrants follow from sums with multiples of pi.
 */
#include "isa-frontend/x87_trans.h"

enum { BIAS = 16383, MINUS = 0x8000 };

/* 1 / 2(2k + 1)!, 1 / 2(2k)!, 1 / 2(2k + 1), atan(i / 8). */
static const struct x87_fix sin_coef[] = {
    {0x80000000, 0x00000000, 0x00000000}, {0x15555555, 0x55555555, 0x55555555},
    {0x01111111, 0x11111111, 0x11111111}, {0x00068068, 0x06806806, 0x80680680},
    {0x0000171d, 0xe3a556c7, 0x338faac2}, {0x00000035, 0xcc8acfea, 0x89c71fcf},
    {0x00000000, 0x5849184e, 0xa1b425f3}, {0x00000000, 0x006b9fcf, 0x9ccee07c},
    {0x00000000, 0x0000654b, 0x1dc0c2b5}, {0x00000000, 0x0000004b, 0xd26d1a05},
    {0x00000000, 0x00000000, 0x2e371dee}, {0x00000000, 0x00000000, 0x001761b4},
};
static const struct x87_fix cos_coef[] = {
    {0x80000000, 0x00000000, 0x00000000}, {0x40000000, 0x00000000, 0x00000000},
    {0x05555555, 0x55555555, 0x55555555}, {0x002d82d8, 0x2d82d82d, 0x82d82d83},
    {0x0000d00d, 0x00d00d00, 0xd00d00d0}, {0x0000024f, 0xc9f6ef13, 0xeb8e5de0},
    {0x00000004, 0x7bb63bfe, 0x3625ed51}, {0x00000000, 0x064e5d2a, 0x301f2748},
    {0x00000000, 0x0006b9fc, 0xf9ccee08}, {0x00000000, 0x000005a0, 0x9e18ee5f},
    {0x00000000, 0x00000003, 0xca857480}, {0x00000000, 0x00000000, 0x0219c72e},
    {0x00000000, 0x00000000, 0x0000f968},
};
static const struct x87_fix atan_coef[] = {
    {0x80000000, 0x00000000, 0x00000000}, {0x2aaaaaaa, 0xaaaaaaaa, 0xaaaaaaab},
    {0x19999999, 0x99999999, 0x9999999a}, {0x12492492, 0x49249249, 0x24924925},
    {0x0e38e38e, 0x38e38e38, 0xe38e38e4}, {0x0ba2e8ba, 0x2e8ba2e8, 0xba2e8ba3},
    {0x09d89d89, 0xd89d89d8, 0x9d89d89e}, {0x08888888, 0x88888888, 0x88888889},
    {0x07878787, 0x87878787, 0x87878788}, {0x06bca1af, 0x286bca1a, 0xf286bca2},
    {0x06186186, 0x18618618, 0x61861862}, {0x0590b216, 0x42c8590b, 0x21642c86},
};
static const struct x87_fix atan_eighths[] = {
    {0x00000000, 0x00000000, 0x00000000}, {0x1fd5ba9a, 0xac2f6dc6, 0x5912f314},
    {0x3eb6ebf2, 0x5901bac5, 0x5b71e7bd}, {0x5bd86507, 0x937bc239, 0xc5519091},
    {0x76b19c15, 0x86ed3da2, 0xb7f222f6}, {0x8f005d5e, 0xf7f59f9b, 0x5c835e16},
    {0xa4bc7d19, 0x34f70924, 0x19a87f2a}, {0xb8053e2b, 0xc2319e73, 0xcb2da552},
    {0xc90fdaa2, 0x2168c234, 0xc4c6628c},
};

enum { N_SIN = sizeof sin_coef / sizeof *sin_coef, N_COS = sizeof cos_coef / sizeof *cos_coef };
enum { N_ATAN = sizeof atan_coef / sizeof *atan_coef };

/* A quarter of pi and of 3/4 pi. */
static const struct x87_fix pi_4 = {0xc90fdaa2, 0x2168c234, 0xc4c6628c};
static const struct x87_fix pi_3_16 = {0x96cbe3f9, 0x990e91a7, 0x9394c9e9};

/* ---- sine, cosine, tangent ---- */

/* pi/2 in units of 2^-65, 66 bits; and 2^97 / P. */
enum { P2 = 3, P1 = 0x243f6a88 };
static const uint32_t P0 = 0x85a308d3u, INV_P = 0xa2f9836eu;

static bool below(struct x87_fix a, struct x87_fix b)
{
    return a.h != b.h ? a.h < b.h : a.m != b.m ? a.m < b.m : a.l < b.l;
}

/*
 * |a| = n pi/2 + r, |r| <= pi/4: r, and n modulo 4. Long division in steps of up to 30 bits, whose
 * estimate from the highest word is at most one too small. `p` and `t` are integers here.
 */
static uint32_t reduce(const struct x87_num *a, struct x87_big *r)
{
    const struct x87_fix p = {P2, P1, P0};
    struct x87_fix t = {0, (uint32_t)(a->sig >> 32), (uint32_t)a->sig};
    uint32_t n = 0, left = (uint32_t)(a->exp - BIAS + 2);
    *r = x87_big_of(a);
    r->sign = 0;
    if (a->exp < BIAS - 1)
        return 0;
    while (left) {
        uint32_t k = left < 30 ? left : 30, q;
        left -= k;
        t = (struct x87_fix){t.h << k | t.m >> (32 - k), t.m << k | t.l >> (32 - k), t.l << k};
        q = (uint32_t)((uint64_t)t.h * INV_P >> 33);
        t = x87_fix_sub(t, x87_fix_scale(p, q));
        if (!below(t, p)) {
            t = x87_fix_sub(t, p);
            q++;
        }
        n = (n << k) + q;
    }
    struct x87_fix rest = x87_fix_sub(p, t);
    if (below(rest, t)) {
        t = rest;
        n++;
        r->sign = MINUS;
    }
    r->fix = t;
    r->exp = 96 - 65;
    x87_big_normalise(r);
    return n & 3;
}

static struct x87_big sine(const struct x87_big *r, const struct x87_fix *z)
{
    struct x87_fix s = x87_fix_poly(z, sin_coef, N_SIN, true);
    struct x87_big y = {x87_fix_mul(&r->fix, &s), r->exp + 1, r->sign};
    x87_big_normalise(&y);
    return y;
}

static struct x87_big cosine(const struct x87_fix *z)
{
    struct x87_big y = {x87_fix_poly(z, cos_coef, N_COS, true), 1, 0};
    x87_big_normalise(&y);
    return y;
}

/* What the four have in common before their results. True: reduced, s and c may be computed. */
static bool prepare(struct x87 *x, bool pushes, struct x87_num *a)
{
    bool empty = !x87_full(x, 0);
    x->fsw &= ~FS_C2;
    if (empty || (pushes && x87_full(x, 7))) {
        if (empty ? x87_underflow(x) : x87_overflow(x)) {
            x87_set_indefinite(x87_st(x, 0));
            x87_fill(x, 0);
            if (pushes) {
                x87_push(x);
                x87_set_indefinite(x87_st(x, 0));
            }
        }
        return false;
    }
    *a = x87_number(x87_st(x, 0));
    x->fsw &= ~FS_C1;
    return true;
}

/* Infinities and NaNs: into ST(0), and a copy pushed. */
static void no_answer(struct x87 *x, bool pushes, struct x87_num *a)
{
    uint32_t w = x87_st(x, 0);
    if (a->class == X87_INFINITY) {
        if (x87_status(x, FS_IE, 0))
            return;
        x87_set_indefinite(w);
    } else if (x87_status(x, hw_fadd(w, w), 0) & FS_PRE) {
        return;
    }
    if (pushes) {
        x87_push(x);
        x87_copy(x87_st(x, 0), w);
    }
}

/* True: a number below 2^63 other than zero. */
static bool in_range(struct x87 *x, bool pushes, struct x87_num *a)
{
    if (a->class != X87_NORMAL && a->class != X87_DENORMAL) {
        no_answer(x, pushes, a);
        return false;
    }
    if (a->class == X87_DENORMAL && x87_status(x, FS_DE, 0))
        return false;
    if (a->exp >= BIAS + 63) {
        x->fsw |= FS_C2;
        return false;
    }
    return true;
}

static void one(uint32_t w)
{
    x87_set(w, BIAS, 0x80000000u, 0);
}

void x87_fsin(struct x87 *x, bool cos)
{
    struct x87_num a;
    if (!prepare(x, false, &a))
        return;
    if (a.class == X87_ZERO) {
        if (cos)
            one(x87_st(x, 0));
        return;
    }
    if (!in_range(x, false, &a))
        return;
    struct x87_big r, y;
    uint32_t n = reduce(&a, &r) + cos; /* cos a = sin (a + pi/2) */
    struct x87_fix z = x87_big_fix(&r);
    z = x87_fix_mul(&z, &z);
    y = n & 1 ? cosine(&z) : sine(&r, &z);
    if (n & 2)
        y.sign ^= MINUS;
    if (!cos)
        y.sign ^= a.sign;
    x87_status(x, x87_put(x, x87_st(x, 0), &y), 0);
}

/* Sine and cosine of the reduced argument with their signs; false as in_range. */
static bool both(struct x87 *x, struct x87_num *a, struct x87_big *s, struct x87_big *c)
{
    struct x87_big r, y;
    if (!in_range(x, true, a))
        return false;
    uint32_t n = reduce(a, &r);
    struct x87_fix z = x87_big_fix(&r);
    z = x87_fix_mul(&z, &z);
    *s = sine(&r, &z);
    *c = cosine(&z);
    if (n & 1) {
        y = *s;
        *s = *c;
        *c = y;
        c->sign ^= MINUS;
    }
    if (n & 2) {
        s->sign ^= MINUS;
        c->sign ^= MINUS;
    }
    s->sign ^= a->sign;
    return true;
}

void x87_fsincos(struct x87 *x)
{
    struct x87_num a;
    struct x87_big s, c;
    uint32_t raised;
    if (!prepare(x, true, &a))
        return;
    if (a.class == X87_ZERO) {
        x87_push(x);
        one(x87_st(x, 0));
        return;
    }
    if (!both(x, &a, &s, &c))
        return;
    raised = x87_put(x, x87_st(x, 0), &s);
    x87_push(x);
    x87_status(x, (raised & FS_EXC) | x87_put(x, x87_st(x, 0), &c), 0);
}

void x87_fptan(struct x87 *x)
{
    struct x87_num a;
    struct x87_big s, c, t;
    if (!prepare(x, true, &a))
        return;
    if (a.class != X87_ZERO) {
        if (!both(x, &a, &s, &c))
            return;
        t = x87_big_div(&s, &c);
        t.sign = s.sign ^ c.sign;
        x87_status(x, x87_put(x, x87_st(x, 0), &t), 0);
    }
    x87_push(x);
    one(x87_st(x, 0));
}

/* ---- arctangent ---- */

/* atan t for t of up to 1/16. */
static struct x87_big arctangent(const struct x87_big *t)
{
    struct x87_fix z = x87_big_fix(t);
    z = x87_fix_mul(&z, &z);
    z = x87_fix_poly(&z, atan_coef, N_ATAN, true);
    return (struct x87_big){x87_fix_mul(&t->fix, &z), t->exp + 1, 0};
}

/* The quotient u / v <= 1 to the nearest eighth, or nearly. */
static uint32_t eighth(uint64_t u, uint64_t v, uint32_t d)
{
    uint32_t uh = d > 5 ? 0 : (uint32_t)(u >> 36) >> d, vh = (uint32_t)(v >> 36);
    return (8 * uh + vh / 2) / vh;
}

/* atan(u / v), 0 < u <= v. */
static struct x87_big atan_of(const struct x87_num *u, const struct x87_num *v)
{
    uint32_t d = (uint32_t)(v->exp - u->exp), i = eighth(u->sig, v->sig, d);
    struct x87_big a, b, t;
    if (i == 0) {
        a = x87_big_of(u);
        b = x87_big_of(v);
        t = x87_big_div(&a, &b);
        return arctangent(&t);
    }
    /* Both at the same scale, with room above for their eightfold sum; nothing falls off below. */
    struct x87_fix fu = x87_fix_shr(x87_fix_of(u->sig), 8 + d);
    struct x87_fix fv = x87_fix_shr(x87_fix_of(v->sig), 8), n, e = x87_fix_scale(fv, i);
    uint32_t less = 0;
    n = x87_fix_scale(fu, 8);
    if (below(n, e)) {
        less = MINUS;
        n = x87_fix_sub(e, n);
    } else {
        n = x87_fix_sub(n, e);
    }
    a = (struct x87_big){n, 0, 0};
    b = (struct x87_big){x87_fix_add(x87_fix_scale(fv, 8), x87_fix_scale(fu, i)), 0, 0};
    x87_big_normalise(&a);
    x87_big_normalise(&b);
    struct x87_big y = {atan_eighths[i], 0, 0};
    if (a.fix.h) {
        t = x87_big_div(&a, &b);
        t = arctangent(&t);
        n = x87_big_fix(&t);
        y.fix = less ? x87_fix_sub(y.fix, n) : x87_fix_add(y.fix, n);
    }
    return y;
}

/* Of ST(1) / ST(0), by the quadrant that their signs tell. */
void x87_fpatan(struct x87 *x)
{
    struct x87_num a, b; /* x, y */
    struct x87_big r = {pi_4, 1, 0};
    if (!x87_trans_operands(x, &a, &b))
        return;
    if ((a.class == X87_DENORMAL || b.class == X87_DENORMAL) && x87_status(x, FS_DE, 0))
        return;
    bool ends = b.class == X87_ZERO || a.class == X87_INFINITY; /* the angle is 0 or pi */
    if (a.class == X87_INFINITY && b.class == X87_INFINITY) {
        r = a.sign ? (struct x87_big){pi_3_16, 2, 0} : (struct x87_big){pi_4, 0, 0};
    } else if (ends && !a.sign) {
        x87_trans_special(x, 0, b.sign, X87_Z);
        return;
    } else if (ends) {
        r.exp = 2;
    } else if (a.class != X87_ZERO && b.class != X87_INFINITY) {
        bool steep = b.exp > a.exp || (b.exp == a.exp && b.sig > a.sig);
        r = steep ? atan_of(&a, &b) : atan_of(&b, &a);
        if (steep || a.sign) { /* in quarters, so that all of it is below 1 */
            r.exp -= 2;
            r.fix = x87_big_fix(&r);
            r.exp = 2;
            if (steep)
                r.fix = x87_fix_sub(x87_fix_shr(pi_4, 1), r.fix);
            if (a.sign)
                r.fix = x87_fix_sub(pi_4, r.fix);
        }
    }
    r.sign = b.sign;
    x87_trans_result(x, &r);
}

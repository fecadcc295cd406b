/* SPDX-License-Identifier: MIT */
/*
 * Float functions of vfp and vfdiv without SSE: softfp.h does the arithmetic, here is what SSE
 * makes of it, element by element. Of two NaNs the first counts. What an element raises goes by
 * stages: invalid operations, divisions by zero and denormal operands of all elements come before
 * any result, and one of them that is unmasked is reported with its like alone.
 *
 * The approximations of rcp and rsqrt are here too, the same on every host.
 *
 * Compared with the host's SSE by tests/unit/test_softfp.c. To add a function: its row in simd.def,
 * a case in sem_simd_fp.c and one here.
 */
#include <string.h>
#include "vliw-model/sem_simd.h"
#include "vliw-model/softfp.h"

enum { PRE = FS_IE | FS_DE | FS_ZE };

/* Rows of simd.def come by fours: packed and scalar singles, packed and scalar doubles. */
enum form { PS, SS, PD, SD };
_Static_assert(FN_SUBPS - FN_ADDPS == 4 && FN_CMPPS - FN_ADDPS == 20 && FN_SQRTPS - FN_DIVPS == 4,
               "see family()");

static uint32_t elements_of(enum form f)
{
    return f == PS ? 4 : f == PD ? 2 : 1;
}

/* MXCSR, as it is asked for here. */
struct control {
    bool daz, ftz;
    uint32_t rc, unmasked;
};

static uint32_t size_of(uint32_t format)
{
    return format == WF_F64 ? 8 : 4;
}

/* ---- reciprocals ---- */

/* A single of 13 bits precision that is nearest to 1 / x or 1 / sqrt(x). */
static uint32_t approximate(uint32_t x, bool of_root)
{
    uint32_t sign = x & 0x80000000u, e = x >> 23 & 0xff, m = (x & 0x7fffff) | 0x800000, q;
    if (e == 0xff && (x & 0x7fffff))
        return x | 0x400000;
    if (e == 0)
        return sign | 0x7f800000;
    if (of_root && sign)
        return 0xffc00000u;
    if (e == 0xff)
        return sign;
    if (of_root) {
        uint64_t n;
        uint32_t r = 0;
        if (!(e & 1)) { /* an odd exponent: the bias is odd */
            m <<= 1;
            e--;
        }
        n = ((uint64_t)1 << 51) / m; /* (2 q)^2 */
        for (uint32_t bit = 1u << 14; bit; bit >>= 1)
            if ((uint64_t)(r | bit) * (r | bit) <= n)
                r |= bit;
        q = (r + 1) >> 1;
        e = 126 - (uint32_t)(((int32_t)e - 127) / 2);
    } else {
        q = (uint32_t)((((uint64_t)1 << 37) / m + 1) >> 1);
        e = 253 - e;
    }
    /* q is 2^12 to 2^13, in units of 2^-12 of the exponent below the last. */
    e += q >> 13;
    if ((int32_t)e <= 0)
        return sign; /* a result that would be denormal */
    return sign | e << 23 | (q & 0xfff) << 11;
}

void simd_approximate(uint8_t *d, const uint8_t *s, unsigned fn)
{
    bool one = fn == FN_RCPSS || fn == FN_RSQRTSS;
    uint32_t v;
    for (unsigned i = 0; i < (one ? 1 : 4); i++) {
        memcpy(&v, s + 4 * i, 4);
        v = approximate(v, fn == FN_RSQRTPS || fn == FN_RSQRTSS);
        memcpy(d + 4 * i, &v, 4);
    }
}

/* ---- one element ---- */

static uint32_t round_to(struct sf *v, uint32_t format, const struct control *c)
{
    struct sf_to to = sf_to(format);
    to.rc = c->rc;
    to.unmasked = c->unmasked;
    to.ftz = c->ftz;
    return v->kind == SF_NUMBER ? sf_round(v, &to) & ~(uint32_t)FS_C1 : 0;
}

static uint32_t snan(const struct sf *x, const struct sf *y)
{
    return x->kind == SF_SNAN || y->kind == SF_SNAN ? FS_IE : 0;
}

/* r = x op y; fn names the family by its packed singles. */
static uint32_t arithmetic(unsigned family, uint8_t *r, struct sf *x, struct sf *y, uint32_t format,
                           const struct control *c)
{
    struct sf v = sf_is_nan(x) ? *x : *y;
    uint32_t raised = 0;
    if (sf_is_nan(&v)) {
        raised = snan(x, y);
    } else {
        switch (family) {
        case FN_SUBPS: y->sign = !y->sign; /* fall through */
        case FN_ADDPS: raised = sf_add(&v, x, y, c->rc); break;
        case FN_MULPS: raised = sf_mul(&v, x, y); break;
        case FN_DIVPS: raised = sf_div(&v, x, y); break;
        default: raised = sf_sqrt(&v, y); break;
        }
        if (!raised && (x->denormal || y->denormal))
            raised = FS_DE;
        if (!(raised & c->unmasked & PRE))
            raised |= round_to(&v, format, c);
    }
    sf_pack(r, format, &v);
    return raised;
}

/* One of the operands, as it is: a denormal and a signalling NaN too. */
static void keep(uint8_t *r, const struct sf *v, const uint8_t *from, uint32_t format)
{
    if (v->kind == SF_ZERO) /* made of a denormal, perhaps */
        sf_pack(r, format, v);
    else
        memcpy(r, from, size_of(format));
}

static uint32_t select(bool greatest, uint8_t *r, const struct sf *x, const struct sf *y,
                       const uint8_t *d, const uint8_t *s, uint32_t format)
{
    bool nan = sf_is_nan(x) || sf_is_nan(y);
    int order = nan ? 0 : sf_compare(x, y);
    if (greatest ? order > 0 : order < 0)
        keep(r, x, d, format);
    else
        keep(r, y, s, format);
    return nan ? FS_IE : x->denormal || y->denormal ? FS_DE : 0;
}

static uint32_t compare(uint32_t predicate, uint8_t *r, const struct sf *x, const struct sf *y,
                        uint32_t format)
{
    bool nan = sf_is_nan(x) || sf_is_nan(y), holds;
    int order = nan ? 2 : sf_compare(x, y);
    switch (predicate & 3) {
    case 0: holds = order == 0; break;
    case 1: holds = order == -1; break;
    case 2: holds = order == -1 || order == 0; break;
    default: holds = nan; break;
    }
    holds ^= predicate >> 2 & 1;
    memset(r, holds ? 0xff : 0, size_of(format));
    if (nan) /* lt, le and their contraries take no NaN for an answer */
        return (predicate & 3) == 1 || (predicate & 3) == 2 ? (uint32_t)FS_IE : snan(x, y);
    return x->denormal || y->denormal ? FS_DE : 0;
}

static uint32_t flags_of(bool quiet, const struct sf *x, const struct sf *y, uint32_t *rd)
{
    if (sf_is_nan(x) || sf_is_nan(y)) {
        *rd = F_ZF | F_PF | F_CF;
        return quiet ? snan(x, y) : (uint32_t)FS_IE;
    }
    int order = sf_compare(x, y);
    *rd = order == 0 ? F_ZF : order < 0 ? F_CF : 0;
    return x->denormal || y->denormal ? FS_DE : 0;
}

/* ---- conversions ---- */

struct conversion {
    uint8_t from, to, n;
    bool truncate, zero; /* zero: what is not written becomes 0 */
};

static const struct conversion *conversion(unsigned fn)
{
    static const struct conversion table[] = {
        [FN_CVTDQ2PS - FN_CVTDQ2PS] = {WF_I32, WF_F32, 4, false, false},
        [FN_CVTPS2DQ - FN_CVTDQ2PS] = {WF_F32, WF_I32, 4, false, false},
        [FN_CVTTPS2DQ - FN_CVTDQ2PS] = {WF_F32, WF_I32, 4, true, false},
        [FN_CVTDQ2PD - FN_CVTDQ2PS] = {WF_I32, WF_F64, 2, false, false},
        [FN_CVTPD2DQ - FN_CVTDQ2PS] = {WF_F64, WF_I32, 2, false, true},
        [FN_CVTTPD2DQ - FN_CVTDQ2PS] = {WF_F64, WF_I32, 2, true, true},
        [FN_CVTPS2PD - FN_CVTDQ2PS] = {WF_F32, WF_F64, 2, false, false},
        [FN_CVTPD2PS - FN_CVTDQ2PS] = {WF_F64, WF_F32, 2, false, true},
        [FN_CVTSS2SD - FN_CVTDQ2PS] = {WF_F32, WF_F64, 1, false, false},
        [FN_CVTSD2SS - FN_CVTDQ2PS] = {WF_F64, WF_F32, 1, false, false},
        [FN_CVTSI2SS - FN_CVTDQ2PS] = {WF_I32, WF_F32, 1, false, false},
        [FN_CVTSI2SD - FN_CVTDQ2PS] = {WF_I32, WF_F64, 1, false, false},
        [FN_CVTSS2SI - FN_CVTDQ2PS] = {WF_F32, WF_I32, 1, false, false},
        [FN_CVTTSS2SI - FN_CVTDQ2PS] = {WF_F32, WF_I32, 1, true, false},
        [FN_CVTSD2SI - FN_CVTDQ2PS] = {WF_F64, WF_I32, 1, false, false},
        [FN_CVTTSD2SI - FN_CVTDQ2PS] = {WF_F64, WF_I32, 1, true, false},
        [FN_CVTPI2PS - FN_CVTDQ2PS] = {WF_I32, WF_F32, 2, false, false},
        [FN_CVTPI2PD - FN_CVTDQ2PS] = {WF_I32, WF_F64, 2, false, false},
        [FN_CVTPS2PI - FN_CVTDQ2PS] = {WF_F32, WF_I32, 2, false, false},
        [FN_CVTTPS2PI - FN_CVTDQ2PS] = {WF_F32, WF_I32, 2, true, false},
        [FN_CVTPD2PI - FN_CVTDQ2PS] = {WF_F64, WF_I32, 2, false, true},
        [FN_CVTTPD2PI - FN_CVTDQ2PS] = {WF_F64, WF_I32, 2, true, true},
    };
    return fn >= FN_CVTDQ2PS && fn - FN_CVTDQ2PS < sizeof table / sizeof table[0]
               ? &table[fn - FN_CVTDQ2PS]
               : NULL;
}

static uint32_t convert(const struct conversion *k, uint8_t *r, const uint8_t *s,
                        const struct control *c)
{
    struct sf v;
    int64_t q = INT32_MIN;
    uint32_t raised = 0;
    sf_unpack(s, k->from, c->daz, &v);
    if (k->to == WF_I32) {
        raised = sf_is_nan(&v) ? (uint32_t)FS_IE : sf_integer(&v, 32, k->truncate ? 3 : c->rc, &q);
        memcpy(r, &q, 4);
        return raised & ~(uint32_t)FS_C1;
    }
    if (sf_is_nan(&v))
        raised = v.kind == SF_SNAN ? FS_IE : 0;
    else if (v.denormal)
        raised = FS_DE;
    if (!(raised & c->unmasked & PRE))
        raised |= round_to(&v, k->to, c);
    sf_pack(r, k->to, &v);
    return raised;
}

/* ---- functions ---- */

/* The packed singles' function of its family, for what takes two operands of one format. */
static unsigned family(unsigned fn, enum form *form)
{
    unsigned first = fn >= FN_ADDPS && fn <= FN_CMPSD    ? FN_ADDPS
                     : fn >= FN_DIVPS && fn <= FN_SQRTSD ? FN_DIVPS
                                                         : FN_NONE;
    if (first == FN_NONE)
        return FN_NONE;
    *form = (fn - first) % 4;
    return fn - *form;
}

/* What all elements raise, with their results in r and *rd as if nothing were unmasked; -1: no such
 * function. */
static int compute(unsigned fn, uint8_t *r, const uint8_t *d, const uint8_t *s, uint32_t imm,
                   const struct control *c, uint32_t *rd)
{
    struct sf x, y;
    enum form form = SS;
    uint32_t raised = 0;
    const struct conversion *k = conversion(fn);
    if (k) {
        uint8_t out[16] = {0};
        uint32_t to = size_of(k->to);
        for (unsigned i = 0; i < k->n; i++)
            raised |= convert(k, out + i * to, s + i * size_of(k->from), c);
        if (k->zero)
            memset(r, 0, 16);
        memcpy(simd_fn_reads_only(fn) ? (uint8_t *)rd : r, out, k->n * to);
        return (int)raised;
    }
    if (fn >= FN_RCPPS && fn <= FN_RSQRTSS) {
        simd_approximate(r, s, fn);
        return 0;
    }
    if (fn >= FN_COMISS && fn <= FN_UCOMISD) {
        uint32_t format = fn == FN_COMISS || fn == FN_UCOMISS ? WF_F32 : WF_F64;
        sf_unpack(d, format, c->daz, &x);
        sf_unpack(s, format, c->daz, &y);
        return (int)flags_of(fn == FN_UCOMISS || fn == FN_UCOMISD, &x, &y, rd);
    }
    const unsigned f = family(fn, &form);
    const uint32_t format = form == PS || form == SS ? WF_F32 : WF_F64, size = size_of(format);
    if (f == FN_NONE)
        return -1;
    for (unsigned i = 0; i < elements_of(form); i++) {
        uint8_t *to = r + i * size;
        x = (struct sf){0};
        if (f != FN_SQRTPS)
            sf_unpack(d + i * size, format, c->daz, &x);
        sf_unpack(s + i * size, format, c->daz, &y);
        switch (f) {
        case FN_MINPS:
        case FN_MAXPS:
            raised |= select(f == FN_MAXPS, to, &x, &y, d + i * size, s + i * size, format);
            break;
        case FN_CMPPS: raised |= compare(imm, to, &x, &y, format); break;
        default: raised |= arithmetic(f, to, &x, &y, format, c); break;
        }
    }
    return (int)raised;
}

uint32_t simd_float_soft(uint8_t (*wide)[16], uint32_t b, uint32_t mxcsr, uint32_t *rd)
{
    const unsigned fn = SIMD_FN(b);
    const struct control c = {.daz = mxcsr & MX_DAZ,
                              .ftz = mxcsr & MX_FTZ,
                              .rc = mxcsr >> MX_RC_SHIFT & 3,
                              .unmasked = ~mxcsr >> MX_MASK_SHIFT & 0x3f};
    uint8_t r[16], d[16], s[16];
    uint32_t v = 0;
    memcpy(d, wide[SIMD_D(b)], 16);
    memcpy(s, wide[SIMD_S(b)], 16);
    memcpy(r, d, 16);
    *rd = 0;
    int raised = compute(fn, r, d, s, SIMD_IMM(b), &c, &v);
    if (raised < 0)
        return 0;
    if ((uint32_t)raised & c.unmasked & PRE)
        raised &= PRE;
    if (MX_UNMASKED(mxcsr, (uint32_t)raised))
        return (uint32_t)raised;
    *rd = v;
    if (!simd_fn_reads_only(fn))
        simd_write(wide[SIMD_D(b)], r, SIMD_M(b));
    return (uint32_t)raised;
}

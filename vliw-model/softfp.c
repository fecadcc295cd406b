/* SPDX-License-Identifier: MIT */
/*
 * Floating point by integers. Numbers are 128 bits with the leading one at the top and a sticky bit
 * at the bottom; that is enough for every operation to be rounded once, rightly, to 64 bits or
 * fewer.
 *
 * To add an operation: its exact result in this form, a case for every kind of operand but NaNs,
 * and runs of it in tests/unit/test_softfp.c.
 */
#include <string.h>
#include "vliw-model/softfp.h"

typedef unsigned __int128 u128;

static const struct sf_to formats[] = {
    [WF_X80] = {.bits = 64, .emin = -16382, .emax = 16383},
    [WF_F32] = {.bits = 24, .emin = -126, .emax = 127},
    [WF_F64] = {.bits = 53, .emin = -1022, .emax = 1023},
};

struct sf_to sf_to(uint32_t format)
{
    return formats[format];
}

/* ---- in and out ---- */

static void unpack_integer(int64_t q, struct sf *v)
{
    uint64_t m = q < 0 ? 0 - (uint64_t)q : (uint64_t)q;
    *v = (struct sf){.kind = SF_ZERO, .sign = q < 0};
    if (!m)
        return;
    int lz = __builtin_clzll(m);
    v->kind = SF_NUMBER;
    v->hi = m << lz;
    v->e = 63 - lz;
}

/* A significand with its leading bit at the top, or without one if e is 0; e_max is all ones. */
static void unpack_float(uint64_t sig, uint32_t e, uint32_t e_max, int32_t emin, struct sf *v)
{
    v->hi = sig;
    if (e == e_max) {
        v->kind = sig << 1 == 0 ? SF_INF : sig >> 62 & 1 ? SF_QNAN : SF_SNAN;
        v->hi |= (uint64_t)1 << 63;
    } else if (e == 0 && sig == 0) {
        v->kind = SF_ZERO;
    } else {
        int lz = __builtin_clzll(sig);
        v->kind = SF_NUMBER;
        v->denormal = e == 0;
        v->e = emin + (e ? (int32_t)e - 1 : -lz);
        v->hi <<= lz;
    }
}

void sf_unpack(const uint8_t *p, uint32_t format, bool daz, struct sf *v)
{
    uint64_t q;
    uint32_t w;
    uint16_t h;
    *v = (struct sf){0};
    switch (format) {
    case WF_I16:
        memcpy(&h, p, 2);
        unpack_integer((int16_t)h, v);
        return;
    case WF_I32:
        memcpy(&w, p, 4);
        unpack_integer((int32_t)w, v);
        return;
    case WF_I64:
        memcpy(&q, p, 8);
        unpack_integer((int64_t)q, v);
        return;
    case WF_F32:
        memcpy(&w, p, 4);
        v->sign = w >> 31;
        q = (uint64_t)(w & 0x7fffff) << 40;
        w = w >> 23 & 0xff;
        unpack_float(q | (uint64_t)(w != 0) << 63, w, 0xff, formats[format].emin, v);
        break;
    case WF_F64:
        memcpy(&q, p, 8);
        v->sign = q >> 63;
        w = q >> 52 & 0x7ff;
        unpack_float(q << 12 >> 1 | (uint64_t)(w != 0) << 63, w, 0x7ff, formats[format].emin, v);
        break;
    default:
        memcpy(&q, p, 8);
        memcpy(&h, p + 8, 2);
        v->sign = h >> 15;
        w = h & 0x7fff;
        if (w && !(q >> 63)) {
            v->kind = SF_BAD;
            return;
        }
        unpack_float(q, w, 0x7fff, formats[WF_X80].emin, v);
        break;
    }
    if (daz && v->denormal)
        *v = (struct sf){.kind = SF_ZERO, .sign = v->sign};
}

void sf_pack(uint8_t *p, uint32_t format, const struct sf *v)
{
    const struct sf_to *f = &formats[format];
    uint64_t sig = v->hi;
    uint32_t e = 0;
    switch (v->kind) {
    case SF_ZERO: sig = 0; break;
    case SF_NUMBER: e = sig >> 63 ? (uint32_t)(v->e - f->emin + 1) : 0; break;
    case SF_INF:
        sig = (uint64_t)1 << 63;
        e = (uint32_t)(f->emax - f->emin + 2);
        break;
    default:
        sig |= (uint64_t)3 << 62;
        e = (uint32_t)(f->emax - f->emin + 2);
        break;
    }
    if (format == WF_X80) {
        uint16_t h = (uint16_t)(e | (uint32_t)v->sign << 15);
        memcpy(p, &sig, 8);
        memcpy(p + 8, &h, 2);
    } else if (format == WF_F64) {
        uint64_t q = sig << 1 >> 12 | (uint64_t)e << 52 | (uint64_t)v->sign << 63;
        memcpy(p, &q, 8);
    } else {
        uint32_t w = (uint32_t)(sig << 1 >> 41) | e << 23 | (uint32_t)v->sign << 31;
        memcpy(p, &w, 4);
    }
}

/* ---- rounding ---- */

/* x moved right by n; what falls out is remembered in the last bit. */
static u128 shift_sticky(u128 x, uint32_t n)
{
    if (n == 0)
        return x;
    if (n > 127)
        return x != 0;
    return x >> n | ((x << (128 - n)) != 0);
}

/* The upper `bits` bits of x, rounded, at the top of 64; a carry out of them leaves 0. */
static uint64_t cut(u128 x, uint32_t bits, bool sign, uint32_t rc, bool *inexact, bool *up)
{
    uint64_t hi = (uint64_t)(x >> 64), lo = (uint64_t)x, unit = (uint64_t)1 << (64 - bits);
    bool half = bits == 64 ? lo >> 63 : (hi & unit >> 1) != 0;
    bool rest = bits == 64 ? lo << 1 != 0 : ((hi & ((unit >> 1) - 1)) | lo) != 0;
    *inexact = half || rest;
    switch (rc) {
    case 0: *up = half && (rest || (hi & unit)); break;
    case 1: *up = sign && *inexact; break;
    case 2: *up = !sign && *inexact; break;
    default: *up = false; break;
    }
    return (hi & ~(unit - 1)) + (*up ? unit : 0);
}

static uint32_t too_great(struct sf *v, const struct sf_to *to)
{
    bool inf = to->rc == 0 || to->rc == (v->sign ? 1u : 2u);
    if (inf) {
        v->kind = SF_INF;
        return FS_OE | FS_PE | FS_C1;
    }
    v->e = to->emax;
    v->hi = ~(uint64_t)0 << (64 - to->bits);
    return FS_OE | FS_PE;
}

uint32_t sf_round(struct sf *v, const struct sf_to *to)
{
    const u128 x = (u128)v->hi << 64 | v->lo;
    bool inexact, up;
    uint64_t sig = cut(x, to->bits, v->sign, to->rc, &inexact, &up);
    int32_t e = v->e;
    if (!sig) {
        sig = (uint64_t)1 << 63;
        e++;
    }
    uint32_t raised = (inexact ? FS_PE : 0) | (up ? FS_C1 : 0);
    if (e > to->emax) {
        if (!(to->unmasked & FS_OE))
            return too_great(v, to);
        e -= to->wrap;
        raised |= FS_OE;
    } else if (e < to->emin) {
        if (!(to->unmasked & FS_UE)) {
            if (to->ftz) {
                v->kind = SF_ZERO;
                return FS_UE | FS_PE;
            }
            /* Once more, from what it was, with the exponent that it must have. */
            sig = cut(shift_sticky(x, (uint32_t)(to->emin - v->e)), to->bits, v->sign, to->rc,
                      &inexact, &up);
            v->e = to->emin;
            v->hi = sig;
            v->kind = sig ? SF_NUMBER : SF_ZERO;
            return (inexact ? FS_PE | FS_UE : 0) | (up ? FS_C1 : 0);
        }
        e += to->wrap;
        raised |= FS_UE;
    }
    v->hi = sig;
    v->e = e;
    return raised;
}

uint32_t sf_integral(struct sf *v, uint32_t rc)
{
    bool inexact, up;
    if (v->kind != SF_NUMBER || v->e >= 63)
        return 0;
    u128 x = (u128)v->hi << 64 | v->lo;
    uint64_t m = cut(shift_sticky(x, (uint32_t)(63 - v->e)), 64, v->sign, rc, &inexact, &up);
    v->lo = 0;
    if (m) {
        int lz = __builtin_clzll(m);
        v->hi = m << lz;
        v->e = 63 - lz;
    } else {
        v->kind = SF_ZERO;
    }
    return (inexact ? FS_PE : 0) | (up ? FS_C1 : 0);
}

uint32_t sf_integer(const struct sf *v, uint32_t bits, uint32_t rc, int64_t *out)
{
    struct sf i = *v;
    const uint64_t least = (uint64_t)1 << (bits - 1);
    uint32_t raised = sf_integral(&i, rc);
    *out = 0;
    if (i.kind == SF_ZERO)
        return raised;
    uint64_t m = i.kind == SF_NUMBER && i.e < 64 ? i.hi >> (63 - i.e) : ~(uint64_t)0;
    if (m > least || (m == least && !i.sign)) {
        *out = (int64_t)(0 - least);
        return FS_IE;
    }
    *out = (int64_t)(i.sign ? 0 - m : m);
    return raised;
}

/* ---- operations ---- */

static uint32_t invalid(struct sf *v)
{
    *v = sf_default_nan();
    return FS_IE;
}

static int compare_magnitudes(const struct sf *x, const struct sf *y)
{
    if (x->e != y->e)
        return x->e < y->e ? -1 : 1;
    return x->hi == y->hi ? 0 : x->hi < y->hi ? -1 : 1;
}

static void normalize(struct sf *v, u128 x, int32_t e)
{
    uint64_t hi = (uint64_t)(x >> 64);
    int lz = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)x);
    x <<= lz;
    v->hi = (uint64_t)(x >> 64);
    v->lo = (uint64_t)x;
    v->e = e - lz;
}

/* Operands have no more than 64 bits (lo is 0). */
uint32_t sf_add(struct sf *v, const struct sf *x, const struct sf *y, uint32_t rc)
{
    if (x->kind == SF_INF || y->kind == SF_INF) {
        if (x->kind == y->kind && x->sign != y->sign)
            return invalid(v);
        *v = x->kind == SF_INF ? *x : *y;
        return 0;
    }
    if (x->kind == SF_ZERO || y->kind == SF_ZERO) {
        bool sign = x->sign == y->sign ? x->sign : rc == 1;
        bool both = x->kind == y->kind;
        *v = x->kind == SF_ZERO ? *y : *x;
        if (both)
            v->sign = sign;
        return 0;
    }
    int order = compare_magnitudes(x, y);
    const struct sf big = order < 0 ? *y : *x, small = order < 0 ? *x : *y;
    uint32_t by = (uint32_t)(big.e - small.e);
    *v = big;
    v->denormal = false;
    if (big.sign == small.sign) { /* one place for the carry */
        u128 a = (u128)big.hi << 63, b = shift_sticky((u128)small.hi << 63, by);
        normalize(v, a + b, big.e + 1);
    } else if (order == 0) {
        *v = (struct sf){.kind = SF_ZERO, .sign = rc == 1};
    } else {
        /* What is lost on the right would be borrowed: the last bit of the difference says so. */
        u128 a = (u128)big.hi << 64, b = shift_sticky((u128)small.hi << 64, by);
        normalize(v, a - b, big.e);
    }
    return 0;
}

uint32_t sf_mul(struct sf *v, const struct sf *x, const struct sf *y)
{
    bool sign = x->sign ^ y->sign;
    if (x->kind == SF_INF || y->kind == SF_INF) {
        if (x->kind == SF_ZERO || y->kind == SF_ZERO)
            return invalid(v);
        *v = (struct sf){.kind = SF_INF, .sign = sign};
        return 0;
    }
    if (x->kind == SF_ZERO || y->kind == SF_ZERO) {
        *v = (struct sf){.kind = SF_ZERO, .sign = sign};
        return 0;
    }
    u128 product = (u128)x->hi * y->hi;
    int32_t e = x->e + y->e + 1;
    *v = (struct sf){.kind = SF_NUMBER, .sign = sign};
    normalize(v, product, e);
    return 0;
}

uint32_t sf_div(struct sf *v, const struct sf *x, const struct sf *y)
{
    bool sign = x->sign ^ y->sign;
    if (x->kind == y->kind && x->kind != SF_NUMBER)
        return invalid(v);
    if (x->kind == SF_INF || y->kind == SF_ZERO) {
        bool by_zero = x->kind == SF_NUMBER;
        *v = (struct sf){.kind = SF_INF, .sign = sign};
        return by_zero ? FS_ZE : 0;
    }
    if (x->kind == SF_ZERO || y->kind == SF_INF) {
        *v = (struct sf){.kind = SF_ZERO, .sign = sign};
        return 0;
    }
    uint32_t less = x->hi < y->hi;
    u128 n = (u128)x->hi << (63 + less);
    uint64_t q = (uint64_t)(n / y->hi), rest = (uint64_t)(n % y->hi), other = y->hi - rest;
    *v = (struct sf){.kind = SF_NUMBER,
                     .sign = sign,
                     .e = x->e - y->e - (int32_t)less,
                     .hi = q,
                     .lo = rest == 0      ? 0
                           : rest < other ? 1
                                          : (uint64_t)1 << 63 | (rest > other)};
    return 0;
}

uint32_t sf_sqrt(struct sf *v, const struct sf *x)
{
    if (x->kind == SF_ZERO || (x->kind == SF_INF && !x->sign)) {
        *v = *x;
        return 0;
    }
    if (x->sign)
        return invalid(v);
    /* A root of 64 bits, bit by bit: `rest` stays below 2 * root + 1. */
    u128 n = (u128)x->hi << (63 + (x->e & 1)), rest = 0;
    uint64_t root = 0;
    for (int i = 0; i < 64; i++) {
        rest = rest << 2 | (uint32_t)(n >> 126);
        n <<= 2;
        u128 sub = (u128)root << 2 | 1;
        root <<= 1;
        if (rest >= sub) {
            rest -= sub;
            root |= 1;
        }
    }
    *v = (struct sf){.kind = SF_NUMBER,
                     .e = (x->e - (x->e & 1)) / 2,
                     .hi = root,
                     .lo = rest == 0     ? 0
                           : rest > root ? (uint64_t)1 << 63 | 1
                                         : 1};
    return 0;
}

int sf_compare(const struct sf *x, const struct sf *y)
{
    int sx = x->kind == SF_ZERO ? 0
             : x->sign          ? -1
                                : 1,
        sy = y->kind == SF_ZERO ? 0
             : y->sign          ? -1
                                : 1;
    int magnitude = x->kind == SF_INF || y->kind == SF_INF
                        ? (x->kind == SF_INF) - (y->kind == SF_INF)
                        : compare_magnitudes(x, y);
    if (sx != sy)
        return sx < sy ? -1 : 1;
    return sx == 0 ? 0 : sx * magnitude;
}

/* SPDX-License-Identifier: MIT */
/*
 * The common cases by integer arithmetic, several times as fast as the host's x87 with its control
 * word to load and its status to clear: normal numbers and zeros, rounded to nearest, with a normal
 * result (or an exact zero). Whatever else comes up is declined before anything is written.
 */
#ifndef VLIW_MODEL_SEM_FP_FAST_H
#define VLIW_MODEL_SEM_FP_FAST_H

#include <string.h>
#include "vliw-model/isa.h"

struct fp_num {
    uint64_t sig; /* bit 63 is set, or it is a zero */
    int32_t e;
    uint32_t sign;
};

enum { FP_BIAS = 0x3fff, FP_E_MAX = 0x7fff, FP_CW_ROUND = 0xc00, FP_CW_PRECISION = 0x300 };

static inline bool fp_get_x80(const uint8_t *p, struct fp_num *v)
{
    uint16_t se;
    memcpy(&v->sig, p, 8);
    memcpy(&se, p + 8, 2);
    v->e = se & FP_E_MAX;
    v->sign = se >> 15;
    return v->sig >> 63 ? v->e != FP_E_MAX && v->e != 0 : !(v->sig | (uint32_t)v->e);
}

static inline void fp_put_x80(uint8_t *p, const struct fp_num *v)
{
    uint16_t se = (uint16_t)((uint32_t)v->e | v->sign << 15);
    memcpy(p, &v->sig, 8);
    memcpy(p + 8, &se, 2);
}

/* A number in any format. */
static inline bool fp_get(const uint8_t *p, uint32_t format, struct fp_num *v)
{
    uint64_t q;
    uint32_t w;
    switch (format) {
    case WF_X80: return fp_get_x80(p, v);
    case WF_F64:
        memcpy(&q, p, 8);
        v->sign = (uint32_t)(q >> 63);
        v->e = q >> 52 & 0x7ff;
        v->sig = q << 12 >> 1;
        if (v->e == 0)
            return v->sig == 0;
        if (v->e == 0x7ff)
            return false;
        v->sig |= 1ull << 63;
        v->e += FP_BIAS - 1023;
        return true;
    case WF_F32:
        memcpy(&w, p, 4);
        v->sign = w >> 31;
        v->e = w >> 23 & 0xff;
        v->sig = (uint64_t)(w << 9) << 31;
        if (v->e == 0)
            return v->sig == 0;
        if (v->e == 0xff)
            return false;
        v->sig |= 1ull << 63;
        v->e += FP_BIAS - 127;
        return true;
    case WF_I16: {
        int16_t h;
        memcpy(&h, p, 2);
        q = (uint64_t)(int64_t)h;
        break;
    }
    case WF_I32:
        memcpy(&w, p, 4);
        q = (uint64_t)(int64_t)(int32_t)w;
        break;
    default: memcpy(&q, p, 8); break;
    }
    v->sign = (uint32_t)(q >> 63);
    if (v->sign)
        q = 0 - q;
    v->e = 0;
    v->sig = 0;
    if (q) {
        int lz = __builtin_clzll(q);
        v->sig = q << lz;
        v->e = FP_BIAS + 63 - lz;
    }
    return true;
}

/* hi, with lo behind it, to hi alone: to nearest, ties to even. */
static inline uint32_t fp_round_to_64(struct fp_num *v, uint64_t lo)
{
    uint32_t up = (uint32_t)(lo >> 63) & (((lo << 1) != 0) | (v->sig & 1));
    if (up && ++v->sig == 0) {
        v->sig = 1ull << 63;
        v->e++;
    }
    return (lo ? FS_PE : 0) | (up ? FS_C1 : 0);
}

static inline bool fp_mul(struct fp_num *v, const struct fp_num *b, uint32_t *sw)
{
    unsigned __int128 p = (unsigned __int128)v->sig * b->sig;
    if (!v->sig || !b->sig)
        return false;
    v->sign ^= b->sign;
    v->e += b->e - FP_BIAS + 1;
    if (!(p >> 127)) {
        p <<= 1;
        v->e--;
    }
    if (v->e <= 0)
        return false;
    v->sig = (uint64_t)(p >> 64);
    *sw = fp_round_to_64(v, (uint64_t)p);
    return v->e < FP_E_MAX;
}

static inline bool fp_add(struct fp_num *v, const struct fp_num *with, uint32_t *sw)
{
    struct fp_num a = *v, b = *with;
    *sw = 0;
    if (!a.sig || !b.sig) {
        if (!a.sig)
            *v = b;
        return a.sig | b.sig;
    }
    if (a.e < b.e || (a.e == b.e && a.sig < b.sig)) {
        a = b;
        b = *v;
    }
    /* b moved right by d: hi, and lo behind it, whose lowest bit stands for all that is lost. */
    uint32_t d = (uint32_t)(a.e - b.e);
    uint64_t hi, lo;
    if (d < 64) {
        hi = b.sig >> d;
        lo = b.sig << 1 << (63 - d); /* no shift by 64 */
    } else {
        hi = 0;
        lo = d < 128 ? b.sig >> (d - 64) : 0;
        lo |= d == 64 ? 0 : d >= 128 || (b.sig << (128 - d));
    }
    if (a.sign == b.sign) {
        hi += a.sig;
        if (hi < a.sig) { /* carry */
            lo = hi << 63 | lo >> 1 | (lo & 1);
            hi = hi >> 1 | 1ull << 63;
            a.e++;
        }
    } else {
        hi = a.sig - hi - (lo != 0);
        lo = 0 - lo;
        if (!(hi >> 63)) {
            if (!(hi | lo)) {
                *v = (struct fp_num){0, 0, 0};
                return true;
            }
            int lz = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll(lo);
            unsigned __int128 x = ((unsigned __int128)hi << 64 | lo) << lz;
            hi = (uint64_t)(x >> 64);
            lo = (uint64_t)x;
            a.e -= lz;
            if (a.e <= 0)
                return false;
        }
    }
    v->sig = hi;
    v->e = a.e;
    v->sign = a.sign;
    *sw = fp_round_to_64(v, lo);
    return v->e < FP_E_MAX;
}

static inline bool fp_div(struct fp_num *v, const struct fp_num *b, uint32_t *sw)
{
    uint32_t less = v->sig < b->sig;
    if (!v->sig || !b->sig)
        return false;
    unsigned __int128 n = (unsigned __int128)v->sig << (63 + less);
    v->sign ^= b->sign;
    v->e += FP_BIAS - b->e - (int32_t)less;
    if (v->e <= 0)
        return false;
    v->sig = (uint64_t)(n / b->sig);
    uint64_t rest = (uint64_t)n - v->sig * b->sig, other = b->sig - rest;
    *sw = fp_round_to_64(v, rest == 0 ? 0 : rest < other ? 1 : (uint64_t)1 << 63 | (rest > other));
    return v->e < FP_E_MAX;
}

/* The root of the significand's double, one step of Newton, and then by ones. */
static inline bool fp_sqrt(struct fp_num *v, uint32_t *sw)
{
    uint32_t odd = ~(uint32_t)v->e & 1; /* the bias is odd */
    if (!v->sig || v->sign)
        return false;
    unsigned __int128 n = (unsigned __int128)v->sig << (63 + odd), rest;
    double approx = __builtin_sqrt((double)(uint64_t)(n >> 64)) * 4294967296.0;
    uint64_t r = approx >= 18446744073709551615.0 ? ~(uint64_t)0 : (uint64_t)approx;
    unsigned __int128 sum = n / r + r;
    r = sum >> 65 ? ~(uint64_t)0 : (uint64_t)(sum >> 1);
    while ((unsigned __int128)r * r > n)
        r--;
    while ((rest = n - (unsigned __int128)r * r) > (unsigned __int128)r * 2)
        r++;
    v->e = (v->e - FP_BIAS - (int32_t)odd) / 2 + FP_BIAS;
    v->sig = r;
    *sw = fp_round_to_64(v, rest == 0 ? 0 : rest > r ? (uint64_t)1 << 63 | 1 : 1);
    return true;
}

/* To a shorter format of `bits` significant bits and the exponents below e_max. */
static inline bool fp_shorten(const struct fp_num *v, uint32_t bits, int32_t bias, int32_t e_max,
                              uint64_t *out, uint32_t *sw)
{
    uint32_t cut = 64 - bits;
    uint64_t low = v->sig << bits, kept = v->sig >> cut;
    int32_t e = v->e - FP_BIAS + bias;
    *sw = 0;
    *out = 0;
    if (!v->sig)
        return true;
    if (e <= 0 || e >= e_max)
        return false;
    uint32_t up = (uint32_t)(low >> 63) & (((low << 1) != 0) | (kept & 1));
    *sw = (low ? FS_PE : 0) | (up ? FS_C1 : 0);
    /* The leading bit adds one to the exponent, and so does a carry. */
    *out = ((uint64_t)(e - 1) << (bits - 1)) + kept + up;
    return (int32_t)(*out >> (bits - 1)) < e_max;
}

static inline bool fp_store(uint8_t *d, uint32_t format, const struct fp_num *v, uint32_t *sw)
{
    uint64_t q;
    uint32_t w;
    switch (format) {
    case WF_X80:
        *sw = 0;
        fp_put_x80(d, v);
        return true;
    case WF_F64:
        if (!fp_shorten(v, 53, 1023, 0x7ff, &q, sw))
            return false;
        q |= (uint64_t)v->sign << 63;
        memcpy(d, &q, 8);
        return true;
    case WF_F32:
        if (!fp_shorten(v, 24, 127, 0xff, &q, sw))
            return false;
        w = (uint32_t)q | v->sign << 31;
        memcpy(d, &w, 4);
        return true;
    default: return false;
    }
}

static inline uint32_t fp_compare(const struct fp_num *a, const struct fp_num *b)
{
    if (!a->sig && !b->sig)
        return FS_C3;
    if (a->sign != b->sign)
        return a->sign ? FS_C0 : 0;
    if (a->e == b->e && a->sig == b->sig)
        return FS_C3;
    bool less = a->e < b->e || (a->e == b->e && a->sig < b->sig);
    return less != (bool)a->sign ? FS_C0 : 0;
}

/*
 * Addition and multiplication once more, for normal numbers of 80 or 64 bits and without a branch
 * that numbers decide; it declines what is not of these. Rounding to nearest and full precision are
 * the caller's to look at.
 */
static inline bool fp_normal(const uint8_t *p, uint32_t format, struct fp_num *v)
{
    uint64_t q;
    uint32_t se;
    if (format == WF_F64) {
        memcpy(&q, p, 8);
        v->sign = (uint32_t)(q >> 63);
        v->e = (int32_t)(q >> 52 & 0x7ff) + (FP_BIAS - 1023);
        v->sig = q << 11 | 1ull << 63;
        return (uint32_t)(v->e - (FP_BIAS - 1023) - 1) < 0x7fe;
    }
    memcpy(&v->sig, p, 8);
    memcpy(&se, p + 8, 4);
    v->e = se & FP_E_MAX;
    v->sign = se >> 15 & 1;
    return (v->sig >> 63) & ((uint32_t)(v->e - 1) < FP_E_MAX - 1);
}

static inline bool fp_finish(uint8_t *d, uint32_t sign, int32_t e, uint64_t hi, uint64_t lo,
                             uint32_t *sw)
{
    uint32_t up = (uint32_t)(lo >> 63) & (((lo << 1) != 0) | (hi & 1));
    hi += up;
    if (__builtin_expect((uint32_t)(e - 1) >= FP_E_MAX - 2 || hi == 0, 0))
        return false;
    uint16_t se = (uint16_t)((uint32_t)e | sign << 15);
    memcpy(d, &hi, 8);
    memcpy(d + 8, &se, 2);
    *sw = (lo ? FS_PE : 0) | up * FS_C1;
    return true;
}

static inline __attribute__((always_inline)) bool fp_quick(enum op_code opc, uint8_t *d,
                                                           const uint8_t *xp, const uint8_t *yp,
                                                           uint32_t format, uint32_t *sw)
{
    struct fp_num x, y;
    bool ok = fp_normal(xp, WF_X80, &x);
    if (!(ok & fp_normal(yp, format, &y)))
        return false;
    if (opc == OP_FMUL) {
        unsigned __int128 p = (unsigned __int128)x.sig * y.sig;
        uint64_t hi = (uint64_t)(p >> 64), lo = (uint64_t)p, s = ~hi >> 63;
        hi = hi << s | (lo >> 63 & s);
        lo <<= s;
        return fp_finish(d, x.sign ^ y.sign, x.e + y.e - (FP_BIAS - 1) - (int32_t)s, hi, lo, sw);
    }
    y.sign ^= opc == OP_FSUB;
    x.sign ^= opc == OP_FSUBR;
    uint64_t less = (x.e < y.e) | ((x.e == y.e) & (x.sig < y.sig));
    uint64_t m = 0 - less, ds = (x.sig ^ y.sig) & m;
    uint32_t de = (uint32_t)(x.e ^ y.e) & (uint32_t)m, differ = x.sign ^ y.sign;
    uint32_t sign = x.sign ^ (differ & (uint32_t)less);
    uint64_t big = x.sig ^ ds, small = y.sig ^ ds;
    int32_t e = (int32_t)((uint32_t)x.e ^ de);
    uint32_t by = (uint32_t)e - ((uint32_t)y.e ^ de);
    if (__builtin_expect(by > 63, 0))
        return false;
    uint64_t hi = small >> by, lo = small << 1 << (63 - by);
    if (!differ) {
        hi += big;
        uint64_t c = hi < big;
        lo = (hi & c) << 63 | lo >> c | (lo & c);
        hi = hi >> c | c << 63;
        return fp_finish(d, sign, e + (int32_t)c, hi, lo, sw);
    }
    hi = big - hi - (lo != 0);
    lo = 0 - lo;
    if (__builtin_expect(!hi, 0))
        return false;
    int lz = __builtin_clzll(hi);
    hi = hi << lz | lo >> 1 >> (63 - lz);
    lo <<= lz;
    return fp_finish(d, sign, e - lz, hi, lo, sw);
}

/* d = x op y, y in a format; store: y is extended and goes to the format. */
static inline __attribute__((always_inline)) bool fp_fast3(enum op_code opc, uint8_t *d,
                                                           const uint8_t *xp, const uint8_t *yp,
                                                           uint32_t fcw, uint32_t format,
                                                           uint32_t *sw)
{
    struct fp_num x, y;
    *sw = 0;
    switch (opc) {
    case OP_FLD:
        if (!fp_get(yp, format, &y))
            return false;
        fp_put_x80(d, &y);
        return true;
    case OP_FST: return !(fcw & FP_CW_ROUND) && fp_get_x80(yp, &y) && fp_store(d, format, &y, sw);
    case OP_FCOM:
    case OP_FUCOM:
        if (!fp_get_x80(xp, &x) || !fp_get(yp, format, &y))
            return false;
        *sw = fp_compare(&x, &y);
        return true;
    case OP_FADD:
    case OP_FSUB:
    case OP_FSUBR:
    case OP_FMUL:
    case OP_FDIV:
    case OP_FDIVR:
        if ((fcw & (FP_CW_ROUND | FP_CW_PRECISION)) != FP_CW_PRECISION || !fp_get_x80(xp, &x) ||
            !fp_get(yp, format, &y))
            return false;
        y.sign ^= opc == OP_FSUB;
        x.sign ^= opc == OP_FSUBR;
        if (opc == OP_FDIVR) {
            struct fp_num t = x;
            x = y;
            y = t;
        }
        if (!(opc == OP_FMUL                      ? fp_mul(&x, &y, sw)
              : opc == OP_FDIV || opc == OP_FDIVR ? fp_div(&x, &y, sw)
                                                  : fp_add(&x, &y, sw)))
            return false;
        fp_put_x80(d, &x);
        return true;
    case OP_FSQRT:
        if ((fcw & (FP_CW_ROUND | FP_CW_PRECISION)) != FP_CW_PRECISION || !fp_get_x80(xp, &x) ||
            !fp_sqrt(&x, sw))
            return false;
        fp_put_x80(d, &x);
        return true;
    default: return false;
    }
}

/* The two-register ops, as they name their operands. */
static inline bool fp_fast(enum op_code opc, uint8_t *d, const uint8_t *s, uint32_t fcw, uint32_t a,
                           uint32_t b, uint32_t *sw)
{
    return fp_fast3(opc, d, d, s, fcw, (opc == OP_FST ? a : b) >> 5 & 7, sw);
}

#endif

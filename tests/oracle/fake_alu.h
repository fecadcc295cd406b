/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the functional machine, the second half of fake_hw.h: flags by the Intel
 * manual's definitions in 64-bit arithmetic, shifts and rotates one bit at a time. Nothing of
 * vliw-model/sem.h: it is what these are compared with.
 *
 * To add an intrinsic that computes: its function here, by the manual's words.
 */
#ifndef TESTS_ORACLE_FAKE_ALU_H
#define TESTS_ORACLE_FAKE_ALU_H

/* Flags of a result: SF ZF PF. */
static uint32_t fh_szp(uint32_t res, int bits)
{
    uint32_t m = bits == 32 ? 0xffffffff : (1u << bits) - 1;
    return ((res & m) == 0 ? F_ZF : 0) | (res >> (bits - 1) & 1 ? F_SF : 0) |
           (__builtin_parity(res & 0xff) ? 0 : F_PF);
}

static uint32_t fh_merge(uint32_t a, uint32_t res, int bits)
{
    uint32_t m = bits == 32 ? 0xffffffff : (1u << bits) - 1;
    return (a & ~m) | (res & m);
}

static uint32_t fh_add(uint32_t a, uint32_t b, uint32_t c, int bits)
{
    uint64_t m = bits == 32 ? 0xffffffff : (1u << bits) - 1, x = a & m, y = b & m, s = x + y + c;
    uint32_t f = fh_szp((uint32_t)(s & m), bits);
    int64_t sx = (int64_t)(x << (64 - bits)) >> (64 - bits),
            sy = (int64_t)(y << (64 - bits)) >> (64 - bits);
    int64_t ss = sx + sy + (int64_t)c;
    if (s > m)
        f |= F_CF;
    if ((x & 15) + (y & 15) + c > 15)
        f |= F_AF;
    if (ss != (int64_t)((uint64_t)ss << (64 - bits)) >> (64 - bits))
        f |= F_OF;
    fh.cc = f;
    return fh_merge(a, (uint32_t)s, bits);
}

static uint32_t fh_sub(uint32_t a, uint32_t b, uint32_t c, int bits)
{
    uint64_t m = bits == 32 ? 0xffffffff : (1u << bits) - 1, x = a & m, y = b & m,
             s = (x - y - c) & m;
    uint32_t f = fh_szp((uint32_t)s, bits);
    int64_t sx = (int64_t)(x << (64 - bits)) >> (64 - bits),
            sy = (int64_t)(y << (64 - bits)) >> (64 - bits);
    int64_t ss = sx - sy - (int64_t)c;
    if (x < y + c)
        f |= F_CF;
    if ((x & 15) < (y & 15) + c)
        f |= F_AF;
    if (ss != (int64_t)((uint64_t)ss << (64 - bits)) >> (64 - bits))
        f |= F_OF;
    fh.cc = f;
    return fh_merge(a, (uint32_t)s, bits);
}

static uint32_t fh_logic(uint32_t a, uint32_t res, int bits)
{
    fh.cc = fh_szp(res, bits);
    return fh_merge(a, res, bits);
}

static uint32_t fh_incdec(uint32_t a, int bits, bool inc)
{
    uint32_t cf = fh.cc & F_CF, r = inc ? fh_add(a, 1, 0, bits) : fh_sub(a, 1, 0, bits);
    fh.cc = (fh.cc & ~(uint32_t)F_CF) | cf;
    return r;
}

/* Shifts and rotates one bit at a time. */
enum fh_shift { SH_SHL, SH_SHR, SH_SAR, SH_ROL, SH_ROR, SH_RCL, SH_RCR };
static uint32_t fh_shift(uint32_t a, uint32_t n, int bits, enum fh_shift k)
{
    uint32_t m = bits == 32 ? 0xffffffff : (1u << bits) - 1, v = a & m, top = 1u << (bits - 1),
             cf = fh.cc & 1, of = 0;
    n &= 31;
    if (n == 0)
        return a;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t hi = v & top ? 1 : 0, lo = v & 1, before = v & top;
        switch (k) {
        case SH_SHL:
            cf = hi;
            v = v << 1 & m;
            break;
        case SH_SHR:
            cf = lo;
            v = v >> 1;
            break;
        case SH_SAR:
            cf = lo;
            v = v >> 1 | before;
            break;
        case SH_ROL:
            cf = hi;
            v = (v << 1 | hi) & m;
            break;
        case SH_ROR:
            cf = lo;
            v = v >> 1 | (lo ? top : 0);
            break;
        case SH_RCL:
            v = (v << 1 | cf) & m;
            cf = hi;
            break;
        case SH_RCR:
            v = v >> 1 | (cf ? top : 0);
            cf = lo;
            break;
        }
        of = (before != 0) != ((v & top) != 0);
    }
    if (k <= SH_SAR)
        fh.cc = fh_szp(v, bits) | cf | (of ? F_OF : 0);
    else
        fh.cc = (fh.cc & ~(uint32_t)(F_CF | F_OF)) | cf | (of ? F_OF : 0);
    return fh_merge(a, v, bits);
}

static uint32_t fh_double(uint32_t d, uint32_t a, uint32_t n, int bits, bool left)
{
    uint32_t m = bits == 32 ? 0xffffffff : (1u << bits) - 1, x = d & m, y = a & m,
             top = 1u << (bits - 1), cf = 0, of = 0;
    n &= 31;
    if (n == 0)
        return d;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t before = x & top;
        if (left) {
            cf = before != 0;
            x = (x << 1 | (y & top ? 1 : 0)) & m;
            y = y << 1 & m;
        } else {
            cf = x & 1;
            x = x >> 1 | (y & 1 ? top : 0);
            y >>= 1;
        }
        of = before != (x & top);
    }
    fh.cc = fh_szp(x, bits) | cf | (of ? F_OF : 0);
    return fh_merge(d, x, bits);
}

#define FH_BITS(n, bits)                                                                           \
    uint32_t hw_addf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_add(a, b, 0, bits);                                                              \
    }                                                                                              \
    uint32_t hw_subf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_sub(a, b, 0, bits);                                                              \
    }                                                                                              \
    uint32_t hw_adcf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_add(a, b, fh.cc & 1, bits);                                                      \
    }                                                                                              \
    uint32_t hw_sbbf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_sub(a, b, fh.cc & 1, bits);                                                      \
    }                                                                                              \
    uint32_t hw_andf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_logic(a, a & b, bits);                                                           \
    }                                                                                              \
    uint32_t hw_orf##n(uint32_t a, uint32_t b)                                                     \
    {                                                                                              \
        return fh_logic(a, a | b, bits);                                                           \
    }                                                                                              \
    uint32_t hw_xorf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_logic(a, a ^ b, bits);                                                           \
    }                                                                                              \
    uint32_t hw_incf##n(uint32_t a)                                                                \
    {                                                                                              \
        return fh_incdec(a, bits, true);                                                           \
    }                                                                                              \
    uint32_t hw_decf##n(uint32_t a)                                                                \
    {                                                                                              \
        return fh_incdec(a, bits, false);                                                          \
    }                                                                                              \
    uint32_t hw_shlf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_SHL);                                                       \
    }                                                                                              \
    uint32_t hw_shrf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_SHR);                                                       \
    }                                                                                              \
    uint32_t hw_sarf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_SAR);                                                       \
    }                                                                                              \
    uint32_t hw_rolf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_ROL);                                                       \
    }                                                                                              \
    uint32_t hw_rorf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_ROR);                                                       \
    }                                                                                              \
    uint32_t hw_rclf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_RCL);                                                       \
    }                                                                                              \
    uint32_t hw_rcrf##n(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        return fh_shift(a, b, bits, SH_RCR);                                                       \
    }
FH_BITS(8, 8)
FH_BITS(16, 16)
FH_BITS(32, 32)

uint32_t hw_shldf16(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_double(d, a, b, 16, true);
}
uint32_t hw_shldf32(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_double(d, a, b, 32, true);
}
uint32_t hw_shrdf16(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_double(d, a, b, 16, false);
}
uint32_t hw_shrdf32(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_double(d, a, b, 32, false);
}

static void fh_mulflags(uint32_t res, int bits, bool over)
{
    fh.cc = (fh_szp(res, bits) & ~(uint32_t)F_ZF) | (over ? F_CF | F_OF : 0);
}
uint32_t hw_imulf16(uint32_t a, uint32_t b)
{
    int32_t p = (int16_t)a * (int16_t)b;
    fh_mulflags((uint32_t)p, 16, p != (int16_t)p);
    return fh_merge(a, (uint32_t)p, 16);
}
uint32_t hw_imulf32(uint32_t a, uint32_t b)
{
    int64_t p = (int64_t)(int32_t)a * (int32_t)b;
    fh_mulflags((uint32_t)p, 32, p != (int32_t)p);
    return (uint32_t)p;
}
uint32_t hw_imul8f(uint32_t a, uint32_t b)
{
    int32_t p = (int8_t)a * (int8_t)b;
    fh_mulflags((uint32_t)p, 8, p != (int8_t)p);
    return fh_merge(a, (uint32_t)p, 16);
}
uint32_t hw_mul8f(uint32_t a, uint32_t b)
{
    uint32_t p = (a & 0xff) * (b & 0xff);
    fh_mulflags(p, 8, p > 0xff);
    return fh_merge(a, p, 16);
}
uint32_t hw_mulf16(uint32_t a, uint32_t b)
{
    uint32_t p = (a & 0xffff) * (b & 0xffff);
    fh_mulflags(p, 16, p > 0xffff);
    return fh_merge(a, p, 16);
}
uint32_t hw_mulf32(uint32_t a, uint32_t b)
{
    uint64_t p = (uint64_t)a * b;
    fh_mulflags((uint32_t)p, 32, p >> 32);
    return (uint32_t)p;
}
void hw_btf(uint32_t a, uint32_t b)
{
    fh.cc = (fh.cc & ~(uint32_t)F_CF) | (a >> (b & 31) & 1);
}
static uint32_t fh_bit(uint32_t d, uint32_t a, uint32_t r)
{
    fh.cc = a ? (__builtin_parity(r & 0xff) ? 0 : F_PF) : F_ZF;
    return a ? r : d;
}
uint32_t hw_bsff(uint32_t d, uint32_t a)
{
    return fh_bit(d, a, a ? (uint32_t)__builtin_ctz(a) : 0);
}
uint32_t hw_bsrf(uint32_t d, uint32_t a)
{
    return fh_bit(d, a, a ? 31 - (uint32_t)__builtin_clz(a) : 0);
}

static uint32_t fh_udiv(uint32_t hi, uint32_t lo, uint32_t b, bool rem)
{
    uint64_t n = (uint64_t)hi << 32 | lo;
    if (b == 0 || n / b > 0xffffffff)
        fh_stop(X_DE, 0, 0);
    return (uint32_t)(rem ? n % b : n / b);
}
static uint32_t fh_sdiv(uint32_t hi, uint32_t lo, uint32_t b, bool rem)
{
    int64_t n = (int64_t)((uint64_t)hi << 32 | lo), d = (int32_t)b;
    if (d == 0 || (n == INT64_MIN && d == -1) || n / d != (int32_t)(n / d))
        fh_stop(X_DE, 0, 0);
    return (uint32_t)(rem ? n % d : n / d);
}
uint32_t hw_udivq(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_udiv(d, a, b, false);
}
uint32_t hw_udivr(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_udiv(d, a, b, true);
}
uint32_t hw_sdivq(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_sdiv(d, a, b, false);
}
uint32_t hw_sdivr(uint32_t d, uint32_t a, uint32_t b)
{
    return fh_sdiv(d, a, b, true);
}
uint32_t hw_zext8(uint32_t a)
{
    return a & 0xff;
}
uint32_t hw_zext16(uint32_t a)
{
    return a & 0xffff;
}
uint32_t hw_sext8(uint32_t a)
{
    return (uint32_t)(int8_t)a;
}
uint32_t hw_sext16(uint32_t a)
{
    return (uint32_t)(int16_t)a;
}
uint32_t hw_ext8h(uint32_t a)
{
    return a >> 8 & 0xff;
}
uint32_t hw_ins8(uint32_t a, uint32_t b)
{
    return (a & ~0xffu) | (b & 0xff);
}
uint32_t hw_ins8h(uint32_t a, uint32_t b)
{
    return (a & ~0xff00u) | (b & 0xff) << 8;
}
uint32_t hw_ins16(uint32_t a, uint32_t b)
{
    return (a & ~0xffffu) | (b & 0xffff);
}
uint32_t hw_bswap(uint32_t a)
{
    return __builtin_bswap32(a);
}

#endif

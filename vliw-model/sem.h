/* SPDX-License-Identifier: MIT */
/*
 * What each op computes, written once: sem_NAME(r, c, d, a, b) for every op whose order class is
 * FREE. `a` and `b` are the operands, `d` the old value of rd for the shapes that read it, `c` the
 * condition codes, `r` the registers (gget and gput alone look at them). The result goes to rd. The
 * engine and vm_exec1 are built on these functions.
 *
 * Flags that IA-32 leaves undefined are what Intel's processors were seen to give:
 *   AF        0 after logic ops, shifts, double shifts; kept by rotates and bt; 0 after
 * multiplication, bsf, bsr OF        after a shift or rotate by more than 1: what a count of 1
 * would give CF        shl and shr of bytes and halves by more than the width: 0; sar: the sign
 *   multiply  SF and PF by the low part of the result, ZF 0
 *   bsf, bsr  PF by the result; 1 if there is no bit
 *   shld/shrd of halves by more than 16: bits come in from the first operand again
 *
 * To add an op: a function here if it is FREE, else a handler in engine.c.
 */
#ifndef VLIW_MODEL_SEM_H
#define VLIW_MODEL_SEM_H

#include "vliw-model/cc.h"

#define SEM(name)                                                                                  \
    __attribute__((always_inline, unused)) static inline uint32_t sem_##name(                      \
        uint32_t *r __attribute__((unused)), struct ccs *c __attribute__((unused)),                \
        uint32_t d __attribute__((unused)), uint32_t a __attribute__((unused)),                    \
        uint32_t b __attribute__((unused)))
#define SEM1(name, expr)                                                                           \
    SEM(name)                                                                                      \
    {                                                                                              \
        return expr;                                                                               \
    }

static inline uint32_t sem_wmask(unsigned w)
{
    return 0xffffffffu >> (32 - w);
}

/* A partial register write. */
static inline uint32_t sem_part(uint32_t old, uint32_t v, unsigned w)
{
    return (old & ~sem_wmask(w)) | (v & sem_wmask(w));
}

static inline uint32_t sem_sext(uint32_t v, unsigned w)
{
    return (uint32_t)((int32_t)(v << (32 - w)) >> (32 - w));
}

static inline uint32_t sem_rol32(uint32_t v, uint32_t n)
{
    n &= 31;
    return v << n | v >> (-n & 31);
}

/* ---- plain ops ---- */

SEM1(NOP, 0)
SEM1(MOV, b)
SEM1(ADD, a + b)
SEM1(SUB, a - b)
SEM1(AND, a &b)
SEM1(OR, a | b)
SEM1(XOR, a ^ b)
SEM1(SLL, a << (b & 31))
SEM1(SRL, a >> (b & 31))
SEM1(SRA, (uint32_t)((int32_t)a >> (b & 31)))
SEM1(SLT, (int32_t)a < (int32_t)b)
SEM1(SLTU, a < b)
SEM1(MUL, a *b)
SEM1(MULH, (uint32_t)((int64_t)(int32_t)a *(int32_t)b >> 32))
SEM1(MULHU, (uint32_t)((uint64_t)a *b >> 32))
SEM1(MULHSU, (uint32_t)((int64_t)(int32_t)a *(int64_t)(uint64_t)b >> 32))
SEM1(DIV, b == 0                         ? 0xffffffffu
          : a == 0x80000000u && b == ~0u ? a
                                         : (uint32_t)((int32_t)a / (int32_t)b))
SEM1(DIVU, b == 0 ? 0xffffffffu : a / b)
SEM1(REM, b == 0 ? a : a == 0x80000000u && b == ~0u ? 0 : (uint32_t)((int32_t)a % (int32_t)b))
SEM1(REMU, b == 0 ? a : a % b)
SEM1(ZEXT8, a & 0xff)
SEM1(ZEXT16, a & 0xffff)
SEM1(SEXT8, sem_sext(a, 8))
SEM1(SEXT16, sem_sext(a, 16))
SEM1(EXT8H, a >> 8 & 0xff)
SEM1(INS8, sem_part(a, b, 8))
SEM1(INS8H, (a & ~0xff00u) | (b & 0xff) << 8)
SEM1(INS16, sem_part(a, b, 16))
SEM1(BSWAP, __builtin_bswap32(a))
SEM1(ROL, sem_rol32(a, b))
SEM1(ROR, sem_rol32(a, -b))

/* ---- arithmetic and logic with flags ---- */

__attribute__((always_inline)) static inline uint32_t
sem_addf(struct ccs *c, uint32_t a, uint32_t b, uint32_t carry, unsigned w)
{
    uint32_t v = a + b + carry;
    cc_lazy(c, 0, 32 - w, a, b, v);
    return sem_part(a, v, w);
}

__attribute__((always_inline)) static inline uint32_t
sem_subf(struct ccs *c, uint32_t a, uint32_t b, uint32_t carry, unsigned w)
{
    uint32_t v = a - b - carry;
    cc_lazy(c, CCK_SUB, 32 - w, a, b, v);
    return sem_part(a, v, w);
}

__attribute__((always_inline)) static inline uint32_t sem_logic(struct ccs *c, uint32_t a,
                                                                uint32_t v, unsigned w)
{
    cc_lazy(c, 0, 32 - w, v, 0, v);
    return sem_part(a, v, w);
}

__attribute__((always_inline)) static inline uint32_t sem_incdec(struct ccs *c, uint32_t a,
                                                                 bool dec, unsigned w)
{
    uint32_t keep = CCK_KEEP | (cc_cf(c) ? CCK_CF : 0), v = dec ? a - 1 : a + 1;
    cc_lazy(c, keep | (dec ? CCK_SUB : 0), 32 - w, a, 1, v);
    return sem_part(a, v, w);
}

#define SEM_WIDTHS(M) M(8) M(16) M(32)
#define SEM_ARITH(w)                                                                               \
    SEM1(ADDF##w, sem_addf(c, a, b, 0, w))                                                         \
    SEM1(SUBF##w, sem_subf(c, a, b, 0, w))                                                         \
    SEM1(ADCF##w, sem_addf(c, a, b, cc_cf(c), w))                                                  \
    SEM1(SBBF##w, sem_subf(c, a, b, cc_cf(c), w))                                                  \
    SEM1(ANDF##w, sem_logic(c, a, a &b, w))                                                        \
    SEM1(ORF##w, sem_logic(c, a, a | b, w))                                                        \
    SEM1(XORF##w, sem_logic(c, a, a ^ b, w))                                                       \
    SEM1(INCF##w, sem_incdec(c, a, false, w))                                                      \
    SEM1(DECF##w, sem_incdec(c, a, true, w))
SEM_WIDTHS(SEM_ARITH)

/* ---- shifts and rotates ---- */

/* OF of any left shift or rotate: would a shift by one change the sign? */
static inline uint32_t of_left(uint32_t a, unsigned w)
{
    return (a >> (w - 1) ^ a >> (w - 2)) & 1;
}

/* And of a right one that brings in `top`. */
static inline uint32_t of_right(uint32_t a, uint32_t top, unsigned w)
{
    return (a >> (w - 1) ^ top) & 1;
}

/* SF ZF PF by result, AF 0, and the two given. */
static inline void cc_shifted(struct ccs *c, uint32_t v, uint32_t cf, uint32_t of, unsigned w)
{
    v &= sem_wmask(w);
    cc_set(c, cf | (of ? F_OF : 0) | (v ? 0 : F_ZF) | (v >> (w - 1) ? F_SF : 0) | cc_parity(v));
}

/* CF and OF only. */
static inline void cc_rotated(struct ccs *c, uint32_t cf, uint32_t of)
{
    cc_set(c, (cc_flags(c) & ~(uint32_t)(F_CF | F_OF)) | cf | (of ? F_OF : 0));
}

static inline uint32_t sem_shl(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return a;
    uint64_t x = (uint64_t)(a & sem_wmask(w)) << n;
    uint32_t v = x & sem_wmask(w), cf = x >> w & 1;
    cc_shifted(c, v, cf, of_left(a, w), w);
    return sem_part(a, v, w);
}

static inline uint32_t sem_shr(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return a;
    uint32_t x = a & sem_wmask(w), v = x >> n;
    cc_shifted(c, v, x >> (n - 1) & 1, of_right(a, 0, w), w);
    return sem_part(a, v, w);
}

static inline uint32_t sem_sar(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return a;
    int32_t x = (int32_t)sem_sext(a, w);
    uint32_t v = (uint32_t)(x >> n);
    cc_shifted(c, v, x >> (n - 1) & 1, 0, w);
    return sem_part(a, v, w);
}

static inline uint32_t sem_rolf(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return a;
    uint32_t x = a & sem_wmask(w), v = x, k = n & (w - 1);
    if (k)
        v = (x << k | x >> (w - k)) & sem_wmask(w);
    cc_rotated(c, v & 1, of_left(a, w));
    return sem_part(a, v, w);
}

static inline uint32_t sem_rorf(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return a;
    uint32_t x = a & sem_wmask(w), v = x, k = n & (w - 1);
    if (k)
        v = (x >> k | x << (w - k)) & sem_wmask(w);
    cc_rotated(c, v >> (w - 1), of_right(a, a, w));
    return sem_part(a, v, w);
}

/* Through carry: a rotate of w + 1 bits. */
static inline uint32_t sem_rcl(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    n = (n & 31) % (w + 1);
    if (!n)
        return a;
    uint64_t x = (uint64_t)cc_cf(c) << w | (a & sem_wmask(w));
    x = x << n | x >> (w + 1 - n);
    uint32_t v = x & sem_wmask(w);
    cc_rotated(c, x >> w & 1, of_left(a, w));
    return sem_part(a, v, w);
}

static inline uint32_t sem_rcr(struct ccs *c, uint32_t a, uint32_t n, unsigned w)
{
    n = (n & 31) % (w + 1);
    if (!n)
        return a;
    uint64_t x = (uint64_t)cc_cf(c) << w | (a & sem_wmask(w));
    x = x >> n | x << (w + 1 - n);
    uint32_t v = x & sem_wmask(w);
    cc_rotated(c, x >> w & 1, of_right(a, cc_cf(c), w));
    return sem_part(a, v, w);
}

static inline uint32_t sem_shld(struct ccs *c, uint32_t d, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return d;
    uint64_t hi = d & sem_wmask(w), lo = a & sem_wmask(w);
    uint64_t x = w == 16 ? hi << 32 | lo << 16 | hi : hi << 32 | lo;
    uint32_t v = (x << n) >> 32 & sem_wmask(w);
    uint32_t cf = x >> (w == 16 ? 48 - n : 64 - n) & 1;
    cc_shifted(c, v, cf, of_left(d, w), w);
    return sem_part(d, v, w);
}

static inline uint32_t sem_shrd(struct ccs *c, uint32_t d, uint32_t a, uint32_t n, unsigned w)
{
    if (!(n &= 31))
        return d;
    uint64_t lo = d & sem_wmask(w), hi = a & sem_wmask(w);
    uint64_t x = w == 16 ? lo << 32 | hi << 16 | lo : hi << 32 | lo;
    uint32_t v = x >> n & sem_wmask(w);
    cc_shifted(c, v, x >> (n - 1) & 1, of_right(d, a, w), w);
    return sem_part(d, v, w);
}

#define SEM_SHIFTS(w)                                                                              \
    SEM1(SHLF##w, sem_shl(c, a, b, w))                                                             \
    SEM1(SHRF##w, sem_shr(c, a, b, w))                                                             \
    SEM1(SARF##w, sem_sar(c, a, b, w))                                                             \
    SEM1(ROLF##w, sem_rolf(c, a, b, w))                                                            \
    SEM1(RORF##w, sem_rorf(c, a, b, w))                                                            \
    SEM1(RCLF##w, sem_rcl(c, a, b, w))                                                             \
    SEM1(RCRF##w, sem_rcr(c, a, b, w))
SEM_WIDTHS(SEM_SHIFTS)
SEM1(SHLDF16, sem_shld(c, d, a, b, 16))
SEM1(SHLDF32, sem_shld(c, d, a, b, 32))
SEM1(SHRDF16, sem_shrd(c, d, a, b, 16))
SEM1(SHRDF32, sem_shrd(c, d, a, b, 32))

/* ---- multiplication, bits ---- */

/* The flags of a multiplication whose low part is v. */
static inline void cc_product(struct ccs *c, uint32_t v, bool over, unsigned w)
{
    cc_set(c, (over ? F_CF | F_OF : 0) | (v >> (w - 1) & 1 ? F_SF : 0) | cc_parity(v));
}

SEM(IMULF16)
{
    int32_t p = (int32_t)sem_sext(a, 16) * (int32_t)sem_sext(b, 16);
    cc_product(c, (uint32_t)p, p != (int16_t)p, 16);
    return sem_part(a, (uint32_t)p, 16);
}
SEM(IMULF32)
{
    int64_t p = (int64_t)(int32_t)a * (int32_t)b;
    cc_product(c, (uint32_t)p, p != (int32_t)p, 32);
    return (uint32_t)p;
}
SEM(IMUL8F)
{
    int32_t p = (int32_t)sem_sext(a, 8) * (int32_t)sem_sext(b, 8);
    cc_product(c, (uint32_t)p, p != (int8_t)p, 8);
    return sem_part(a, (uint32_t)p, 16);
}
SEM(MUL8F)
{
    uint32_t p = (a & 0xff) * (b & 0xff);
    cc_product(c, p, p >> 8, 8);
    return sem_part(a, p, 16);
}
SEM(MULF16)
{
    uint32_t p = (a & 0xffff) * (b & 0xffff);
    cc_product(c, p, p >> 16, 16);
    return sem_part(a, p, 16);
}
SEM(MULF32)
{
    uint64_t p = (uint64_t)a * b;
    cc_product(c, (uint32_t)p, p >> 32, 32);
    return (uint32_t)p;
}
SEM(BTF)
{
    cc_set(c, (cc_flags(c) & ~(uint32_t)F_CF) | (a >> (b & 31) & 1));
    return 0;
}
SEM(BSFF)
{
    uint32_t v = a ? (uint32_t)__builtin_ctz(a) : d;
    cc_set(c, a ? cc_parity(v) : F_ZF | F_PF);
    return v;
}
SEM(BSRF)
{
    uint32_t v = a ? 31 - (uint32_t)__builtin_clz(a) : d;
    cc_set(c, a ? cc_parity(v) : F_ZF | F_PF);
    return v;
}

/* ---- condition codes, guest registers by number ---- */

SEM1(RDCC, cc_flags(c) & b)
SEM(WRCC)
{
    b &= F_ALL;
    cc_set(c, b == F_ALL ? a & F_ALL : (cc_flags(c) & ~b) | (a & b));
    return 0;
}
SEM1(SETCC, cc_test(c, b))
SEM1(CMOV, cc_test(c, b) ? a : d)
SEM1(GGET, r[GUEST_REG0 + (a & 31)])
SEM(GPUT)
{
    r[GUEST_REG0 + (b & 31)] = a;
    return 0;
}

/* ---- division of the x86: false if it traps ---- */

static inline bool sem_udiv(uint32_t hi, uint32_t lo, uint32_t by, uint32_t *q, uint32_t *rem)
{
    if (hi >= by)
        return false;
    uint64_t n = (uint64_t)hi << 32 | lo;
    *q = (uint32_t)(n / by);
    *rem = (uint32_t)(n % by);
    return true;
}

static inline bool sem_sdiv(uint32_t hi, uint32_t lo, uint32_t by, uint32_t *q, uint32_t *rem)
{
    uint64_t n = (uint64_t)hi << 32 | lo;
    bool nneg = hi >> 31, bneg = by >> 31;
    uint64_t un = nneg ? -n : n, ub = bneg ? -by : by;
    if (!ub)
        return false;
    uint64_t uq = un / ub, ur = un % ub;
    if (uq > (nneg != bneg ? 0x80000000u : 0x7fffffffu))
        return false;
    *q = (uint32_t)(nneg != bneg ? -uq : uq);
    *rem = (uint32_t)(nneg ? -ur : ur);
    return true;
}

#endif

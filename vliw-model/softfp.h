/* SPDX-License-Identifier: MIT */
/*
 * Binary floating point in integer arithmetic, for hosts that have no x87 and no SSE to ask: what
 * IEEE 754 leaves no choice in, in any format, with every rounding and both answers to overflow and
 * underflow (masked and not). What the x87 and SSE decide differently (which NaN, what comes before
 * what) is theirs: sem_fp_soft.c, sem_simd_soft.c.
 *
 * A datum is unpacked, computed upon exactly, rounded once, packed:
 *
 *     sf_unpack -> sf_add, sf_mul, sf_div, sf_sqrt -> sf_round or sf_integer -> sf_pack
 *
 * Tests hold it to the host's own instructions where there are such (tests/unit/test_softfp.c).
 */
#ifndef VLIW_MODEL_SOFTFP_H
#define VLIW_MODEL_SOFTFP_H

#include "vliw-model/isa.h"

enum sf_kind {
    SF_ZERO,
    SF_NUMBER,
    SF_INF,
    SF_QNAN,
    SF_SNAN,
    SF_BAD /* 80 bits that mean nothing since the 387 */
};

struct sf {
    uint8_t kind; /* enum sf_kind */
    bool sign, denormal;
    int32_t e;       /* of a number: that of bit 63 of hi, without a bias */
    uint64_t hi, lo; /* of a number: bit 63 is set, and the last bit of lo stands for all behind it
                        that were not 0; of a NaN: its significand, bit 63 set */
};

/* Where a number is to go. */
struct sf_to {
    uint32_t bits;      /* significant ones, at most 64 */
    int32_t emin, emax; /* exponents of normal numbers */
    uint32_t rc;        /* rounding: 0 to nearest, 1 down, 2 up, 3 to zero */
    uint32_t unmasked;  /* FS_OE, FS_UE */
    int32_t wrap; /* what an unmasked overflow takes from the exponent, and an underflow adds */
    bool ftz;     /* zero instead of what is too small, if that is masked */
};

enum { SF_WRAP = 24576 }; /* of the x87's registers */

/* A wide_format; daz: denormals are zeros. */
void sf_unpack(const uint8_t *p, uint32_t format, bool daz, struct sf *v);
/* To WF_X80, WF_F64, WF_F32: 10, 8 or 4 bytes. A NaN's significand is cut off and made quiet. */
void sf_pack(uint8_t *p, uint32_t format, const struct sf *v);
/* Bits and exponents of the three formats; the rest is 0. */
struct sf_to sf_to(uint32_t format);

static inline bool sf_is_nan(const struct sf *v)
{
    return v->kind == SF_QNAN || v->kind == SF_SNAN;
}
/* What an invalid operation gives. */
static inline struct sf sf_default_nan(void)
{
    return (struct sf){.kind = SF_QNAN, .sign = true, .hi = (uint64_t)3 << 62};
}

/* Exact results of operands that are no NaNs; the sum of zeros depends on the rounding. FS_IE, and
 * then *v is the default NaN, or FS_ZE, or 0. */
uint32_t sf_add(struct sf *v, const struct sf *x, const struct sf *y, uint32_t rc);
uint32_t sf_mul(struct sf *v, const struct sf *x, const struct sf *y);
uint32_t sf_div(struct sf *v, const struct sf *x, const struct sf *y);
uint32_t sf_sqrt(struct sf *v, const struct sf *x);

/* Rounds what is a number. Gives FS_OE, FS_UE, FS_PE, and FS_C1 if the magnitude grew. */
uint32_t sf_round(struct sf *v, const struct sf_to *to);
/* To an integral number: FS_PE, FS_C1. */
uint32_t sf_integral(struct sf *v, uint32_t rc);
/* To a signed integer of 16, 32 or 64 bits: FS_PE, FS_C1, or FS_IE with the least integer. */
uint32_t sf_integer(const struct sf *v, uint32_t bits, uint32_t rc, int64_t *out);
/* -1, 0, 1 of operands that are no NaNs. */
int sf_compare(const struct sf *x, const struct sf *y);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Random operands for floating point: significands with long runs of ones and zeros, exponents near
 * each other and at both ends of their range, denormals, NaNs of both kinds, and 80 bits that mean
 * nothing. The same sequence on every host.
 */
#ifndef TESTS_UNIT_FPRANDOM_H
#define TESTS_UNIT_FPRANDOM_H

#include <stdint.h>
#include <string.h>
#include "tests/unit/xorshift.h"
#include "vliw-model/isa.h"

static uint64_t fp_seed = 0x9e3779b97f4a7c15u;

static inline uint64_t fp_rnd(void)
{
    return xorshift64(&fp_seed) * 0x2545f4914f6cdd1du;
}

static inline uint32_t fp_below(uint32_t n)
{
    return (uint32_t)(fp_rnd() % n);
}

static inline uint64_t fp_bits(void)
{
    uint64_t a = fp_rnd();
    switch (fp_rnd() >> 60) {
    case 0: return 0;
    case 1: return ~(uint64_t)0;
    case 2: return (uint64_t)1 << (a >> 58);
    case 3: return ~(uint64_t)0 << (a >> 58);
    case 4: return ~(uint64_t)0 >> (a >> 58);
    case 5: return a & ~(uint64_t)0x7ff; /* what a double fills */
    case 6: return a & ~(uint64_t)0x3ff; /* half way between doubles, often */
    case 7: return a & ~(uint64_t)0xffffffffu;
    default: return a;
    }
}

/* A biased exponent of 0 to `most`: mostly near the middle, else at an end or where shorter formats
 * end. */
static inline uint32_t fp_exponent(uint32_t most, uint32_t spread)
{
    const uint32_t middle = most / 2;
    switch (fp_rnd() >> 60) {
    case 0: return 0;
    case 1: return most;
    case 2: return 1;
    case 3: return most - 1;
    case 4: return fp_below(most + 1);
    case 5: return fp_below(spread);
    case 6: return most - fp_below(spread);
    case 7: return middle / 2 + fp_below(spread); /* products and quotients at the lower end */
    case 8: return most == 0xff ? middle : middle - 126 - 30 + fp_below(40);
    case 9: return most == 0xff ? middle : middle + 127 - 5 + fp_below(10);
    case 10: return most == 0x7fff ? 0x3c00 + fp_below(2) * 0x7fe : middle;
    default: return middle - spread / 2 + fp_below(spread);
    }
}

/* One datum of the format at p; what lies behind it stays. */
static inline void fp_random(uint8_t *p, uint32_t format)
{
    uint64_t sig = fp_bits(), sign = fp_rnd() >> 63, kind = fp_rnd() >> 60, q;
    uint32_t e;
    if (kind == 0)
        sig = 0;
    switch (format) {
    case WF_X80:
        e = kind ? fp_exponent(0x7fff, 80) : 0;
        if (kind && kind != 1 && (e || kind & 1))
            sig |= (uint64_t)1 << 63;
        q = e | sign << 15;
        memcpy(p, &sig, 8);
        memcpy(p + 8, &q, 2);
        break;
    case WF_F64:
        e = kind ? fp_exponent(0x7ff, 60) : 0;
        q = sig >> 12 | (uint64_t)e << 52 | sign << 63;
        memcpy(p, &q, 8);
        break;
    case WF_F32:
        e = kind ? fp_exponent(0xff, 40) : 0;
        e = (uint32_t)(sig >> 41) | e << 23 | (uint32_t)sign << 31;
        memcpy(p, &e, 4);
        break;
    case WF_I16: memcpy(p, &sig, 2); break;
    case WF_I32: memcpy(p, &sig, 4); break;
    default: memcpy(p, &sig, 8); break;
    }
}

#endif

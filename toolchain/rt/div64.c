/* SPDX-License-Identifier: MIT */
/*
 * 64-bit division, which gcc calls by these names. The machine divides 64 by 32 bits in one op
 * (udivq, udivr) as long as the quotient fits 32 bits; so a short divisor takes two such steps, and
 * a long one gives a quotient of at most 32 bits, estimated from its leading 32 bits and never more
 * than one too large after the shift below.
 */
#include <stdint.h>

static uint32_t quotient(uint32_t high, uint32_t low, uint32_t by)
{
    __asm__("udivq\t%0, %1, %2" : "+r"(high) : "r"(low), "r"(by));
    return high;
}

static uint32_t remainder(uint32_t high, uint32_t low, uint32_t by)
{
    __asm__("udivr\t%0, %1, %2" : "+r"(high) : "r"(low), "r"(by));
    return high;
}

int __clzsi2(uint32_t x);

static uint64_t divide(uint64_t a, uint64_t b, uint64_t *rem)
{
    uint32_t ah = (uint32_t)(a >> 32), al = (uint32_t)a, bh = (uint32_t)(b >> 32), bl = (uint32_t)b;
    if (bh == 0) {
        if (bl == 0) { /* as the 32-bit ops have it */
            *rem = a;
            return ~(uint64_t)0;
        }
        uint32_t qh = 0, h = ah;
        if (ah >= bl) {
            qh = ah / bl;
            h = ah % bl;
        }
        *rem = remainder(h, al, bl);
        return (uint64_t)qh << 32 | quotient(h, al, bl);
    }
    if (b > a) {
        *rem = a;
        return 0;
    }
    uint32_t s = (uint32_t)__clzsi2(bh);
    uint32_t top = s ? bh << s | bl >> (32 - s) : bh;
    /* (a / 2) / top, without overflow because top has its highest bit; scaled back by 2^(31 - s).
     */
    uint32_t q = quotient(ah >> 1, ah << 31 | al >> 1, top) >> (31 - s);
    if (q)
        q--;
    uint64_t r = a - ((uint64_t)q * bl + ((uint64_t)(q * bh) << 32));
    if (r >= b) {
        r -= b;
        q++;
    }
    *rem = r;
    return q;
}

uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    uint64_t r;
    return divide(a, b, &r);
}

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    uint64_t r;
    divide(a, b, &r);
    return r;
}

int64_t __divdi3(int64_t a, int64_t b)
{
    uint64_t r, q;
    q = divide(a < 0 ? -(uint64_t)a : (uint64_t)a, b < 0 ? -(uint64_t)b : (uint64_t)b, &r);
    return (int64_t)((a ^ b) < 0 ? -q : q);
}

int64_t __moddi3(int64_t a, int64_t b)
{
    uint64_t r;
    divide(a < 0 ? -(uint64_t)a : (uint64_t)a, b < 0 ? -(uint64_t)b : (uint64_t)b, &r);
    return (int64_t)(a < 0 ? -r : r);
}

uint64_t __udivmoddi4(uint64_t a, uint64_t b, uint64_t *rem)
{
    uint64_t r, q = divide(a, b, &r);
    if (rem)
        *rem = r;
    return q;
}

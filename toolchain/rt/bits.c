/* SPDX-License-Identifier: MIT */
/* Shifts of 64 bits and counting of bits: the functions that gcc takes for granted on RV32IM. */
#include <stdint.h>

union pair {
    uint64_t whole;
    struct {
        uint32_t low, high;
    };
};

uint64_t __ashldi3(uint64_t x, int n)
{
    union pair p = {x};
    if (n & 32)
        return (uint64_t)(p.low << n) << 32;
    if (n == 0)
        return x;
    p.high = p.high << n | p.low >> (32 - n);
    p.low <<= n;
    return p.whole;
}

uint64_t __lshrdi3(uint64_t x, int n)
{
    union pair p = {x};
    if (n & 32)
        return p.high >> (n & 31);
    if (n == 0)
        return x;
    p.low = p.low >> n | p.high << (32 - n);
    p.high >>= n;
    return p.whole;
}

int64_t __ashrdi3(int64_t x, int n)
{
    union pair p = {(uint64_t)x};
    uint32_t sign = (uint32_t)((int32_t)p.high >> 31);
    if (n & 32) {
        p.low = (uint32_t)((int32_t)p.high >> (n & 31));
        p.high = sign;
    } else if (n) {
        p.low = p.low >> n | p.high << (32 - n);
        p.high = (uint32_t)((int32_t)p.high >> n);
    }
    return (int64_t)p.whole;
}

/*
 * No bsff or bsrf here: they write condition codes, which hold the guest's flags while CMS runs.
 * Each step halves the range without a branch.
 */
int __clzsi2(uint32_t x)
{
    uint32_t n = 0, s;
    s = (uint32_t)(x < 0x10000) << 4, n += s, x <<= s;
    s = (uint32_t)(x < 0x1000000) << 3, n += s, x <<= s;
    s = (uint32_t)(x < 0x10000000) << 2, n += s, x <<= s;
    s = (uint32_t)(x < 0x40000000) << 1, n += s, x <<= s;
    return (int)(n + (x < 0x80000000) + (x == 0));
}

int __ctzsi2(uint32_t x)
{
    return x ? 31 - __clzsi2(x & -x) : 32;
}

int __ffssi2(uint32_t x)
{
    return x ? 32 - __clzsi2(x & -x) : 0;
}

int __clzdi2(uint64_t x)
{
    uint32_t high = (uint32_t)(x >> 32);
    return high ? __clzsi2(high) : 32 + __clzsi2((uint32_t)x);
}

int __ctzdi2(uint64_t x)
{
    uint32_t low = (uint32_t)x;
    return low ? __ctzsi2(low) : 32 + __ctzsi2((uint32_t)(x >> 32));
}

int __ffsdi2(uint64_t x)
{
    return x ? __ctzdi2(x) + 1 : 0;
}

int __popcountsi2(uint32_t x)
{
    x -= x >> 1 & 0x55555555;
    x = (x & 0x33333333) + (x >> 2 & 0x33333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f;
    return (int)(x * 0x01010101 >> 24);
}

int __popcountdi2(uint64_t x)
{
    return __popcountsi2((uint32_t)x) + __popcountsi2((uint32_t)(x >> 32));
}

int __paritysi2(uint32_t x)
{
    return __popcountsi2(x) & 1;
}

int __paritydi2(uint64_t x)
{
    return __popcountsi2((uint32_t)x ^ (uint32_t)(x >> 32)) & 1;
}

static uint32_t swap(uint32_t x)
{
    uint32_t d;
    __asm__("bswap\t%0, %1" : "=r"(d) : "r"(x));
    return d;
}

uint32_t __bswapsi2(uint32_t x)
{
    return swap(x);
}

uint64_t __bswapdi2(uint64_t x)
{
    return (uint64_t)swap((uint32_t)x) << 32 | swap((uint32_t)(x >> 32));
}

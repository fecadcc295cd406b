/* SPDX-License-Identifier: MIT */
/* Bytes, halves and bits: extensions, counting, swapping, fields, signs, division by constants. */
#include "include/console.h"

struct fields {
    uint32_t a : 3, b : 7, c : 11, d : 11;
    int32_t e : 5, f : 20;
    uint8_t g, h;
    int16_t i;
};

static uint64_t h = 1;
static volatile uint32_t hide;

static void mix(uint64_t x)
{
    h = h * 6364136223846793005 + x;
}

static void one(uint32_t x)
{
    mix((uint8_t)x), mix((uint16_t)x), mix((uint64_t)(int8_t)x), mix((uint64_t)(int16_t)x);
    mix((uint64_t)(int32_t)x), mix(x & 0xff00), mix(x & 0xffff0000), mix(__builtin_bswap32(x));
    mix(x ? (uint32_t)__builtin_clz(x) : 99), mix(x ? (uint32_t)__builtin_ctz(x) : 98);
    mix((uint32_t)__builtin_popcount(x)), mix((uint32_t)__builtin_parity(x));
    mix((uint32_t)__builtin_ffs((int)x));
    mix(x / 3), mix(x / 7), mix(x / 10), mix(x % 1000), mix((uint64_t)((int32_t)x / 10));
    mix((uint64_t)((int32_t)x % 7)), mix((uint64_t)((int32_t)x / 16)),
        mix((uint64_t)((int32_t)x >> 4));
    mix((uint64_t)((uint64_t)x * x >> 32)), mix((uint64_t)((int64_t)(int32_t)x * (int32_t)x >> 32));
    mix(x < 100), mix((int32_t)x < -5), mix(x == 0x80000000), mix(x != 255), mix((int32_t)x > 127);
    mix((int32_t)x >= -128), mix(x > 0xfffffff0), mix(!x), mix((int32_t)x <= 0);
    struct fields f = {0};
    f.a = x & 7, f.b = x >> 3 & 127, f.c = x >> 10 & 2047, f.d = x >> 21 & 2047;
    f.e = (int32_t)(x << 3) >> 27, f.f = (int32_t)x >> 12, f.g = (uint8_t)x,
    f.h = (uint8_t)(x >> 9);
    f.i = (int16_t)(x >> 3);
    f.a ^= 5, f.b += 3, f.g++, f.h--, f.i = (int16_t)(f.i * 3);
    mix(f.a), mix(f.b), mix(f.c), mix(f.d), mix((uint64_t)f.e), mix((uint64_t)f.f), mix(f.g),
        mix(f.h);
    mix((uint64_t)f.i);
}

int main(void)
{
    static const uint32_t edge[] = {
        0,          1,          2,      127,      128,        129,       255,        256,
        32767,      32768,      65535,  65536,    99,         100,       0x7fffffff, 0x80000000,
        0xffffffff, 0xffffff80, 0xff00, 0xff0000, 0xffff7fff, 0xffffff7f};
    for (unsigned i = 0; i < sizeof edge / sizeof *edge; i++)
        one(edge[i]);
    say("edges", h);
    uint32_t x = 2463534242u;
    for (int i = 0; i < 500; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        hide = x;
        one(hide);
    }
    say("random", h);
    return 0;
}

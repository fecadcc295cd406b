/* SPDX-License-Identifier: MIT */
/* 64-bit arithmetic: everything that gcc makes a call for, on values at and around the edges. */
#include "include/console.h"

static const uint64_t v[] = {0,
                             1,
                             2,
                             3,
                             0x7fffffff,
                             0x80000000,
                             0xffffffff,
                             0x100000000,
                             0x100000001,
                             0x123456789,
                             0x7fffffffffffffff,
                             0x8000000000000000,
                             0x8000000000000001,
                             0xfffffffffffffffe,
                             0xffffffffffffffff,
                             0xfedcba9876543210,
                             0x00000001ffffffff,
                             0xffffffff00000000,
                             10,
                             1000000007};
enum { N = sizeof v / sizeof v[0] };

static uint64_t h;

static void mix(uint64_t x)
{
    h = (h ^ x) * 0x100000001b3;
}

int main(void)
{
    for (int i = 0; i < N; i++) {
        h = 0xcbf29ce484222325;
        for (int j = 0; j < N; j++) {
            uint64_t a = v[i], b = v[j];
            int64_t s = (int64_t)a, t = (int64_t)b;
            mix(a + b), mix(a - b), mix(a * b), mix(a < b), mix(s < t), mix((uint64_t)(s >= t));
            if (b) {
                mix(a / b), mix(a % b);
                if (!(a == v[11] && b == v[14]))
                    mix((uint64_t)(s / t)), mix((uint64_t)(s % t));
                if ((uint32_t)b)
                    mix(a / (uint32_t)b), mix(a % (uint32_t)b);
                mix((a ^ b << 7) / (b | 1));
            }
        }
        for (int n = 0; n < 64; n++)
            mix(v[i] << n), mix(v[i] >> n), mix((uint64_t)((int64_t)v[i] >> n));
        if (v[i])
            mix((uint64_t)__builtin_clzll(v[i])), mix((uint64_t)__builtin_ctzll(v[i]));
        mix((uint64_t)__builtin_popcountll(v[i])), mix(__builtin_bswap64(v[i]));
        say("row", h);
    }
    put_dec(INT64_MIN);
    console('\n');
    /* Random ones: divisors of every length. */
    uint64_t x = 88172645463325252, sum = 0;
    for (int i = 0; i < 2000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t a = x;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t b = x >> (i & 63);
        if (b)
            sum = sum * 31 + a / b + (a % b << 1);
    }
    say("random", sum);
    return 0;
}

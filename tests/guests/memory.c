/* SPDX-License-Identifier: MIT */
/* Loads and stores of every size at every alignment, over lines and pages; forwarding from parts of
 * stores; stack games. */
#include "guest.h"

static u32 rnd = 12345;

static u32 next(void)
{
    rnd ^= rnd << 13;
    rnd ^= rnd >> 17;
    rnd ^= rnd << 5;
    return rnd;
}

static u32 recurse(u32 n, u32 h)
{
    volatile u32 local[5] = {n, h, n ^ h, n + h, n * h};

    if (!n)
        return h;
    h = recurse(n - 1, mix(h, local[n % 5]));
    return mix(h, local[(n + 1) % 5]);
}

typedef u32 (*fn)(u32, u32);
static u32 f0(u32 a, u32 b)
{
    return a + b;
}
static u32 f1(u32 a, u32 b)
{
    return a ^ b << 3;
}
static u32 f2(u32 a, u32 b)
{
    return a * (b | 1);
}
static u32 f3(u32 a, u32 b)
{
    return a - (b >> 1);
}
static const fn table[4] = {f0, f1, f2, f3};

static u32 jump(u32 k, u32 v)
{
    switch (k & 15) {
    case 0: return v + 1;
    case 1: return v ^ 0x55;
    case 2: return v << 1;
    case 3: return v >> 3 | v << 29;
    case 4: return v * 9;
    case 5: return ~v;
    case 6: return v - 77;
    case 7: return v % 1000;
    case 8: return v / 7;
    case 9: return v & 0xff00ff;
    case 10: return (u32)((int32_t)v >> 5);
    case 11: return (u8)v;
    case 12: return (u32)(int32_t)(int16_t)v;
    case 13: return v + (v >> 16);
    case 14: return v | 0x8000;
    default: return 0 - v;
    }
}

int guest_main(int argc, char **argv)
{
    u8 *m = map(0, 3 * 4096, RW);
    u32 h = 1;

    (void)argc, (void)argv;
    for (u32 i = 0; i < 60000; i++) {
        u32 at = i % 3 ? 4096 - 8 + next() % 16 : next() % (3 * 4096 - 8), v = next();
        switch (next() % 5) {
        case 0: *(volatile u8 *)(m + at) = (u8)v; break;
        case 1: *(volatile uint16_t *)(m + at) = (uint16_t)v; break;
        case 2: *(volatile u32 *)(m + at) = v; break;
        case 3: *(volatile u32 *)(m + at) += v; break;
        default: *(volatile uint16_t *)(m + at) ^= (uint16_t)v; break;
        }
        at += next() % 4;
        switch (next() % 4) {
        case 0: h = mix(h, *(volatile u8 *)(m + at)); break;
        case 1: h = mix(h, *(volatile uint16_t *)(m + at)); break;
        case 2: h = mix(h, (u32) * (volatile int8_t *)(m + at)); break;
        default: h = mix(h, *(volatile u32 *)(m + at)); break;
        }
    }
    say_hex("scattered ", h);
    for (u32 i = 0; i < 300; i++)
        h = recurse(i % 60, h);
    say_hex("recursion ", h);
    for (u32 i = 0; i < 30000; i++)
        h = jump(next(), table[next() & 3](h, i));
    say_hex("indirect ", h);
    for (u32 i = 0; i < 200; i++) {
        u32 n = next() % 300, from = next() % 4000, to = 4000 + next() % 4000;
        u8 *s = m + from, *d = m + to;
        __asm__ volatile("rep movsb" : "+S"(s), "+D"(d), "+c"(n)::"memory");
        n = next() % 60;
        d = m + next() % 8000;
        __asm__ volatile("rep stosl" : "+D"(d), "+c"(n) : "a"(h) : "memory");
        s = m + next() % 4000;
        d = s + next() % 30;
        n = 200;
        __asm__ volatile("repe cmpsb" : "+S"(s), "+D"(d), "+c"(n)::"memory", "cc");
        h = mix(h, n + (u32)(s - m));
        s = m + 9000;
        d = m + 9040;
        n = 30; /* overlapping, downwards */
        __asm__ volatile("std\n\trep movsb\n\tcld" : "+S"(s), "+D"(d), "+c"(n)::"memory", "cc");
    }
    for (u32 i = 0; i < 3 * 4096; i += 4)
        h = mix(h, *(u32 *)(m + i));
    say_hex("strings ", h);
    return 0;
}

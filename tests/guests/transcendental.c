/* SPDX-License-Identifier: MIT */
/* Transcendental x87 instructions over many magnitudes, each result rounded to a double: there the
 * one unit in the last place of an extended number, by which processors may differ, does not show
 * (with these operands). One line each, so that one wrong function is told from all. */
#include "guest.h"

enum { N = 400 };

static u32 state = 12345;

static u32 next(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

/* A double of an exponent in lo..lo + n - 1. */
static void operand(u32 d[2], u32 lo, u32 n)
{
    d[0] = next() << 8 ^ next();
    d[1] = (next() & 1) << 31 | (1023 + lo + next() % n) << 20 | (next() & 0xfffff);
}

/* `lo` and `n` are those of operand for ST(0), `positive` its sign; ST(1) is between 1/8 and 8. */
#define RUN(name, text, lo, n, positive)                                                           \
    do {                                                                                           \
        u32 h = 0x811c9dc5;                                                                        \
        for (u32 i = 0; i < N; i++) {                                                              \
            u32 x[2], y[2], a[2], b[2];                                                            \
            operand(x, (u32)(lo), n);                                                              \
            operand(y, (u32)-3, 6);                                                                \
            if (positive)                                                                          \
                x[1] &= 0x7fffffff;                                                                \
            __asm__ volatile("fninit\n\tfldl %2\n\tfldl %3\n\t" text "\n\tfstpl %0\n\tfstpl %1"    \
                             : "=m"(a), "=m"(b)                                                    \
                             : "m"(y), "m"(x)                                                      \
                             : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",         \
                               "st(7)");                                                           \
            h = mix(mix(mix(mix(h, a[0]), a[1]), b[0]), b[1]);                                     \
        }                                                                                          \
        say_hex(name, h);                                                                          \
    } while (0)

int guest_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    RUN("fsin ", "fsin", -20, 80, 0);
    RUN("fcos ", "fcos", -20, 80, 0);
    RUN("fsincos ", "fsincos", -20, 80, 0);
    RUN("fptan ", "fptan", -20, 80, 0);
    RUN("fpatan ", "fpatan\n\tfldz", -20, 40, 0);
    RUN("f2xm1 ", "f2xm1", -20, 20, 0);
    RUN("fyl2x ", "fyl2x\n\tfldz", -20, 40, 1);
    RUN("fyl2xp1 ", "fyl2xp1\n\tfldz", -20, 18, 0);
    return 0;
}

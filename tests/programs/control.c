/* SPDX-License-Identifier: MIT */
/* Control flow: recursion, mutual recursion, function pointers, jump tables, computed gotos, many
 * arguments. */
#include "include/console.h"

static uint32_t ackermann(uint32_t m, uint32_t n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static int odd(unsigned n);
__attribute__((noinline)) static int even(unsigned n)
{
    return n == 0 ? 1 : odd(n - 1);
}
__attribute__((noinline)) static int odd(unsigned n)
{
    return n == 0 ? 0 : even(n - 1);
}

static int hanoi(int n, int from, int to, int via, int *moves)
{
    if (n == 0)
        return 0;
    int h = hanoi(n - 1, from, via, to, moves);
    ++*moves;
    return h * 3 + from * 5 + to * 7 + hanoi(n - 1, via, to, from, moves);
}

static int add(int a, int b)
{
    return a + b;
}
static int sub(int a, int b)
{
    return a - b;
}
static int mul(int a, int b)
{
    return a * b;
}
static int rem(int a, int b)
{
    return b ? a % b : -1;
}
static int (*const ops[])(int, int) = {add, sub, mul, rem};

__attribute__((noinline)) static const char *name(int n)
{
    switch (n) {
    case 0: return "zero";
    case 1: return "one";
    case 2: return "two";
    case 3: return "three";
    case 4: return "four";
    case 5: return "five";
    case 6: return "six";
    case 9: return "nine";
    case 10: return "ten";
    default: return "many";
    }
}

__attribute__((noinline)) static uint32_t sparse(uint32_t n)
{
    switch (n) {
    case 3: return 1;
    case 70: return 2;
    case 500: return 3;
    case 1000000: return 4;
    case 0xffffffff: return 5;
    case 0x80000000: return 6;
    default: return n > 400 ? 7 : 8;
    }
}

/* A little machine with threaded code. */
__attribute__((noinline)) static uint32_t threaded(const uint8_t *code)
{
    static const void *const label[] = {&&push, &&plus, &&times, &&dup, &&loop, &&stop};
    uint32_t stack[16], *sp = stack, count = 20;
    const uint8_t *pc = code;
    goto *label[*pc++];
push:
    *sp++ = *pc++;
    goto *label[*pc++];
plus:
    sp--;
    sp[-1] += sp[0];
    goto *label[*pc++];
times:
    sp--;
    sp[-1] *= sp[0];
    goto *label[*pc++];
dup:
    *sp = sp[-1];
    sp++;
    goto *label[*pc++];
loop:
    if (--count)
        pc = code + *pc;
    else
        pc++;
    goto *label[*pc++];
stop:
    return sp[-1];
}

__attribute__((noinline)) static uint64_t many(uint8_t a, int16_t b, uint32_t c, uint64_t d, int e,
                                               uint64_t f, int g, uint8_t h, int64_t i, int j)
{
    return a + (uint64_t)b * 3 + c * 5 + d * 7 + (uint64_t)e * 11 + f * 13 + (uint64_t)g * 17 +
           h * 19 + (uint64_t)i * 23 + (uint64_t)j * 29;
}

struct big {
    uint32_t v[12];
    uint64_t w;
};

__attribute__((noinline)) static struct big turn(struct big b, int by)
{
    struct big r;
    for (int i = 0; i < 12; i++)
        r.v[(i + by) % 12] = b.v[i] + (uint32_t)b.w;
    r.w = b.w << by;
    return r;
}

int main(void)
{
    static const uint8_t code[] = {0, 3, 3, 2, 0, 5, 1, 4, 2, 5};
    int moves = 0;
    say("ackermann", ackermann(2, 9));
    say("even", (uint64_t)even(501) * 2 + (uint64_t)even(500));
    say("hanoi", (uint64_t)hanoi(8, 1, 2, 3, &moves));
    say("moves", (uint64_t)moves);
    int x = 1;
    for (int i = 0; i < 40; i++)
        x = ops[i * 7 % 4](x, i * 31 + 5);
    say("pointers", (uint64_t)x);
    for (int i = -1; i < 12; i++) {
        put_str(name(i));
        console(' ');
    }
    console('\n');
    uint32_t s = 0;
    static const uint32_t keys[] = {0,   3,   4,       70,         71,         499,
                                    500, 501, 1000000, 0x7fffffff, 0x80000000, ~0u};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
        s = s * 9 + sparse(keys[i]);
    say("sparse", s);
    say("threaded", threaded(code));
    say("many", many(200, -300, 4000000000, 1ull << 40, -5, 6, 7, 8, -9, 10));
    struct big b = {.w = 0x123456789};
    for (uint32_t i = 0; i < 12; i++)
        b.v[i] = i * i;
    for (int i = 1; i < 6; i++)
        b = turn(b, i);
    say("struct", b.v[3] ^ b.w);
    return 7;
}

/* SPDX-License-Identifier: MIT */
/*
 * The reference's surroundings: a 32-bit Linux program without a C library (the host need not have
 * a 32-bit one). The functions gcc may call are here again, in the plainest form, so that nothing
 * of toolchain/rt vouches for itself.
 */
#include <stddef.h>
#include <stdint.h>

static int call(int number, int a, const void *b, int c)
{
    int r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return r;
}

static char buf[4096];
static int used;

static void flush(void)
{
    call(4, 1, buf, used);
    used = 0;
}

int console(int c)
{
    buf[used++] = (char)c;
    if (used == sizeof buf)
        flush();
    return 0;
}

int main(void);

__attribute__((force_align_arg_pointer)) void _start(void)
{
    int r = main();
    flush();
    call(1, r, NULL, 0);
}

/* Bit by bit. */
static uint64_t divide(uint64_t a, uint64_t b, uint64_t *rem)
{
    uint64_t q = 0, r = 0;
    for (int i = 63; i >= 0; i--) {
        uint64_t carry = r >> 63;
        r = r << 1 | (a >> i & 1);
        if (carry || r >= b) {
            r -= b;
            q |= (uint64_t)1 << i;
        }
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
    uint64_t r,
        q = divide(a < 0 ? -(uint64_t)a : (uint64_t)a, b < 0 ? -(uint64_t)b : (uint64_t)b, &r);
    return (int64_t)((a < 0) != (b < 0) ? -q : q);
}

int64_t __moddi3(int64_t a, int64_t b)
{
    uint64_t r;
    divide(a < 0 ? -(uint64_t)a : (uint64_t)a, b < 0 ? -(uint64_t)b : (uint64_t)b, &r);
    return (int64_t)(a < 0 ? -r : r);
}

int __popcountsi2(uint32_t x)
{
    int n = 0;
    for (; x; x >>= 1)
        n += x & 1;
    return n;
}

int __popcountdi2(uint64_t x)
{
    return __popcountsi2((uint32_t)x) + __popcountsi2((uint32_t)(x >> 32));
}

int __ctzdi2(uint64_t x)
{
    int n = 0;
    for (; n < 64 && !(x >> n & 1); n++)
        ;
    return n;
}

int __clzdi2(uint64_t x)
{
    int n = 0;
    for (; n < 64 && !(x >> (63 - n) & 1); n++)
        ;
    return n;
}

void *memcpy(void *to, const void *from, size_t n)
{
    char *d = to;
    const char *s = from;
    while (n--)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *d = to;
    const char *s = from;
    if (d < s)
        return memcpy(to, from, n);
    while (n--)
        d[n] = s[n];
    return to;
}

void *memset(void *to, int c, size_t n)
{
    char *d = to;
    while (n--)
        *d++ = (char)c;
    return to;
}

int memcmp(const void *x, const void *y, size_t n)
{
    const uint8_t *a = x, *b = y;
    for (; n; n--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

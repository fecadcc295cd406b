/* SPDX-License-Identifier: MIT */
/*
 * The memory functions that gcc calls by itself. Words wherever both ends allow: unaligned words
 * are the hardware's business (at worst two look-ups in the cache).
 */
#include <stddef.h>
#include <stdint.h>

typedef uint32_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    for (; n >= 16; n -= 16, d += 16, s += 16) {
        uint32_t a = ((const word *)s)[0], b = ((const word *)s)[1], c = ((const word *)s)[2],
                 e = ((const word *)s)[3];
        ((word *)d)[0] = a;
        ((word *)d)[1] = b;
        ((word *)d)[2] = c;
        ((word *)d)[3] = e;
    }
    for (; n >= 4; n -= 4, d += 4, s += 4)
        *(word *)d = *(const word *)s;
    for (; n; n--)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= n)
        return memcpy(to, from,
                      n); /* forward is safe: memcpy reads each piece before it writes it */
    d += n;
    s += n;
    for (; n >= 4; n -= 4) {
        d -= 4;
        s -= 4;
        *(word *)d = *(const word *)s;
    }
    for (; n; n--)
        *--d = *--s;
    return to;
}

void *memset(void *to, int c, size_t n)
{
    uint8_t *d = to;
    uint32_t v = (uint8_t)c * 0x01010101u;
    for (; n >= 16; n -= 16, d += 16) {
        ((word *)d)[0] = v;
        ((word *)d)[1] = v;
        ((word *)d)[2] = v;
        ((word *)d)[3] = v;
    }
    for (; n >= 4; n -= 4, d += 4)
        *(word *)d = v;
    for (; n; n--)
        *d++ = (uint8_t)c;
    return to;
}

int memcmp(const void *x, const void *y, size_t n)
{
    const uint8_t *a = x, *b = y;
    while (n >= 4 && *(const word *)a == *(const word *)b) {
        a += 4;
        b += 4;
        n -= 4;
    }
    for (; n; n--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

size_t strlen(const char *s)
{
    const char *p = s;
    while (*p)
        p++;
    return (size_t)(p - s);
}

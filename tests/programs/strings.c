/* SPDX-License-Identifier: MIT */
/* Strings and memory: tables of strings, escapes, copies at every alignment and length, overlapping
 * moves. */
#include <stddef.h>
#include "include/console.h"

void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);

static const char *const words[] = {"if",
                                    "while",
                                    "return",
                                    "a \"quoted\" word",
                                    "tab\there",
                                    "back\\slash",
                                    "bell\a\001\177",
                                    "",
                                    "hash # and ; colon: \303\244",
                                    "/* no comment */",
                                    "nul\0behind",
                                    "octal \1012"};
static const struct {
    const char *name;
    int (*f)(const char *);
    short n;
} * unused;

static uint8_t a[160], b[160];

static uint32_t sum(const uint8_t *p, unsigned n)
{
    uint32_t h = 5381;
    while (n--)
        h = h * 33 ^ *p++;
    return h;
}

static int compare(const char *x, const char *y)
{
    while (*x && *x == *y)
        x++, y++;
    return (uint8_t)*x - (uint8_t)*y;
}

int main(void)
{
    uint32_t h = 0;
    (void)unused;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        put_str(words[i]);
        console('\n');
        h = h * 31 + (uint32_t)strlen(words[i]);
        for (unsigned j = 0; j < sizeof words / sizeof *words; j++)
            h = h * 3 + (uint32_t)compare(words[i], words[j]);
    }
    say("words", h);
    for (unsigned from = 0; from < 5; from++)
        for (unsigned to = 0; to < 5; to++)
            for (unsigned n = 0; n < 70; n = n < 20 ? n + 1 : n + 7) {
                for (unsigned i = 0; i < sizeof a; i++)
                    a[i] = (uint8_t)(i * 7 + n), b[i] = (uint8_t)(i ^ 0x55);
                memcpy(b + to, a + from, n);
                h = h * 31 + sum(b, sizeof b);
                memmove(a + 40 + to, a + 42 - from, n);
                h = h * 31 + sum(a, sizeof a);
                memset(b + 3 * to, (int)(n + from), n);
                h = h * 31 + sum(b, sizeof b);
                h = h * 3 + (uint32_t)((memcmp(a + from, a + to, n) > 0) - (memcmp(a, b, n) < 0));
            }
    say("memory", h);
    return 0;
}

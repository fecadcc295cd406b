/* SPDX-License-Identifier: MIT */
/* Output of test programs: characters, one by one. The machine's comes from crt0.s, the reference's
 * from host.c. */
#ifndef TESTS_PROGRAMS_CONSOLE_H
#define TESTS_PROGRAMS_CONSOLE_H

#include <stdint.h>

int console(int c);

__attribute__((unused)) static void put_str(const char *s)
{
    while (*s)
        console(*s++);
}

__attribute__((unused)) static void put_hex(uint64_t v, int digits)
{
    while (digits-- > 0)
        console("0123456789abcdef"[v >> 4 * digits & 15]);
}

__attribute__((unused)) static void put_dec(int64_t v)
{
    char buf[24];
    int n = 0;
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        buf[n++] = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        console('-');
    while (n)
        console(buf[--n]);
}

/* One line of a program's output. */
__attribute__((unused)) static void say(const char *what, uint64_t v)
{
    put_str(what);
    put_str(": ");
    put_hex(v, 16);
    console('\n');
}

#endif

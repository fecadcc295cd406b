/* SPDX-License-Identifier: MIT */
/* Ends by the fault that its argument names, after a hot loop through the same instruction without
 * one. */
#include "guest.h"

static u32 same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static u32 hot_divide(u32 a, u32 b)
{
    u32 q, r;
    __asm__ volatile("div %4" : "=a"(q), "=d"(r) : "a"(a), "d"(0), "r"(b) : "cc");
    return q ^ r;
}

static u32 deep(volatile u32 *p)
{
    volatile u32 here[256];
    here[3] = p ? p[3] : 1;
    return deep(here) + here[3];
}

int guest_main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    u8 *m = map(0, 8192, RW);
    u32 h = 1;
    volatile u32 *p = (u32 *)m;

    for (u32 i = 1; i < 400; i++) {
        h = mix(h, hot_divide(i * 1000, i));
        p[i] = h;
        h = mix(h, p[i / 2]);
    }
    say_hex("warm ", h);
    call(SYS_MUNMAP, (u32)m + 4096, 4096, 0, 0, 0, 0);
    if (same(what, "divide"))
        for (u32 i = 300; i < 400; i--)
            h = mix(h, hot_divide(h, i));
    else if (same(what, "read"))
        for (u32 i = 900;; i++)
            h = mix(h, p[i]);
    else if (same(what, "write"))
        for (u32 i = 900;; i++)
            p[i] = h;
    else if (same(what, "straddle"))
        for (u8 *q = m + 4000;; q++)
            *(volatile u32 *)q = h;
    else if (same(what, "text"))
        *(volatile u8 *)(u32)guest_main = 1;
    else if (same(what, "null"))
        h = *(volatile u32 *)0;
    else if (same(what, "jump"))
        ((void (*)(void))(0x70000000))();
    else if (same(what, "kernel"))
        h = *(volatile u32 *)0xc0001000;
    else if (same(what, "top"))
        h = *(volatile u32 *)0xfffffffe;
    else if (same(what, "ud2"))
        __asm__ volatile("ud2");
    else if (same(what, "int3"))
        __asm__ volatile("int3");
    else if (same(what, "hlt"))
        __asm__ volatile("hlt");
    else if (same(what, "cli"))
        __asm__ volatile("cli");
    else if (same(what, "into"))
        __asm__ volatile("mov $0x7fffffff, %%eax\n\tadd $1, %%eax\n\tinto" ::: "eax", "cc");
    else if (same(what, "bound"))
        __asm__ volatile("bound %0, %1" ::"r"(1000), "m"(*(u32 *)m));
    else if (same(what, "stack"))
        h = deep(0);
    else if (same(what, "lock"))
        __asm__ volatile(".byte 0xf0, 0x90"); /* LOCK NOP: invalid */
    else
        return 0;
    say_hex("not reached ", h);
    return 99;
}

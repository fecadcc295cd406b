/* SPDX-License-Identifier: MIT */
/*
 * Random bytes as programs, from a seed: noise FIRST COUNT. A child for each seed jumps into pages
 * that are all random, or random behind a likely beginning, and dies in some way; an alarm ends one
 * that does not. The parent counts the ways.
 *
 * Natively the bytes would be as dangerous as those of any program: run it as one who owns nothing.
 */
#include "guest.h"

enum { SYS_FORK = 2, SYS_WAIT4 = 114, SYS_SETITIMER = 104, CODE = 0x10000000, BYTES = 2048 };

static u32 rnd;

static u32 next(void)
{
    rnd ^= rnd << 13;
    rnd ^= rnd >> 17;
    rnd ^= rnd << 5;
    return rnd;
}

static u32 number(const char *s)
{
    u32 v = 0;
    while (*s >= '0' && *s <= '9')
        v = v * 10 + (u32)(*s++ - '0');
    return v;
}

/* One instruction's likely beginning: what is often not at once the end. */
static u32 likely(u8 *at)
{
    static const u8 first[] = {0x01, 0x03, 0x09, 0x0b, 0x11, 0x13, 0x19, 0x1b, 0x21, 0x23, 0x29,
                               0x2b, 0x31, 0x33, 0x39, 0x3b, 0x40, 0x48, 0x50, 0x58, 0x66, 0x69,
                               0x6b, 0x70, 0x74, 0x75, 0x7c, 0x81, 0x83, 0x85, 0x87, 0x89, 0x8b,
                               0x8d, 0x90, 0x99, 0xa4, 0xa5, 0xaa, 0xab, 0xb0, 0xb8, 0xc0, 0xc1,
                               0xc3, 0xc6, 0xc7, 0xd1, 0xd3, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd,
                               0xde, 0xdf, 0xe2, 0xe8, 0xeb, 0xf0, 0xf2, 0xf3, 0xf6, 0xf7, 0xff};
    u32 r = next(), n = 0;

    if (r % 7 == 0)
        at[n++] = 0x0f;
    else
        at[n++] = first[(r >> 4) % sizeof first];
    for (u32 k = (r >> 12) % 6; k--;)
        at[n++] = (u8)(next() >> 9);
    return n;
}

static void run(u32 seed)
{
    static const u32 alarm[4] = {0, 0, 0, 1000};
    u8 *code = map(CODE, 4096, RWX), *data = map(CODE + 0x100000, 8192, RW);

    rnd = seed * 2654435761u + 1;
    for (u32 i = 0; i < BYTES; i += 4) {
        *(u32 *)(void *)(code + i) = next();
        *(u32 *)(void *)(data + i) = next() % 3 ? next() % BYTES + CODE + 0x100000 : next();
    }
    if (seed % 4)
        for (u32 i = 0; i < BYTES - 16;)
            i += likely(code + i);
    if (seed % 3 == 0)
        call(SYS_MPROTECT, (u32)code, 4096, RX, 0, 0, 0);
    call(SYS_SETITIMER, 0, (u32)alarm, 0, 0, 0, 0);
    u32 to = (u32)code + BYTES / 2 + next() % 64;
    __asm__ volatile("movl %0, %%eax\n\tmovl %1, %%esi\n\tlea 64(%%esi), %%edi\n\t"
                     "lea 2000(%%esi), %%ebx\n\tmov $5, %%ecx\n\tlea 1(%%esi), %%edx\n\t"
                     "lea 4096(%%esi), %%ebp\n\tjmp *%%eax" ::"r"(to),
                     "r"(data)
                     : "memory", "eax");
}

int guest_main(int argc, char **argv)
{
    u32 first = argc > 1 ? number(argv[1]) : 0, count = argc > 2 ? number(argv[2]) : 1, ways[128];

    for (u32 i = 0; i < 128; i++)
        ways[i] = 0;
    for (u32 i = first; i < first + count; i++) {
        u32 status = 0, pid = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
        if (!pid) {
            run(i);
            return 1;
        }
        call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0);
        if (count == 1)
            say_hex("status ", status);
        ways[status & 0x7f]++;
    }
    for (u32 i = 0; i < 128; i++)
        if (ways[i]) {
            say_hex("signal ", i);
            say_hex("  times ", ways[i]);
        }
    say("done\n");
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Code that goes away and comes back as other code at the same address. */
#include "guest.h"

enum { AT = 0x30000000 };

static u32 call_at(u8 *p, u32 v)
{
    __asm__ volatile("call *%1" : "+a"(v) : "r"(p) : "memory", "cc");
    return v;
}

static void make(u8 *p, u32 imm)
{
    p[0] = 0x35; /* xor eax, imm */
    __builtin_memcpy(p + 1, &imm, 4);
    p[5] = 0xc3;
}

int guest_main(int argc, char **argv)
{
    u32 h = 7;

    (void)argc, (void)argv;
    for (u32 round = 0; round < 30; round++) {
        u8 *p = map(AT, 4096 * (1 + round % 3), RWX);
        make(p, round * 0x9e3779b1);
        if (round & 1)
            call(SYS_MPROTECT, AT, 4096, RX, 0, 0, 0);
        for (u32 k = 0; k < 500; k++)
            h = mix(h, call_at(p, k));
        if (round % 4 == 3) {
            call(SYS_MPROTECT, AT, 4096, 0, 0, 0, 0);
            call(SYS_MPROTECT, AT, 4096, RWX, 0, 0, 0);
            h = mix(h, call_at(p, round)); /* the bytes survive a time without access */
        }
        if (round % 2)
            call(SYS_MUNMAP, AT, 4096 * (1 + round % 3), 0, 0, 0, 0);
    }
    say_hex("remapped ", h);
    return 0;
}

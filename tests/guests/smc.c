/* SPDX-License-Identifier: MIT */
/* Self-modifying code in the ways that programs do it: new immediates, new functions, its own next
 * instruction. */
#include "guest.h"

typedef u32 (*fn)(u32);

static void put32(u8 *p, u32 v)
{
    __builtin_memcpy(p, &v, 4);
}

/* add eax, imm; ret  (argument and result through eax) */
static void make_add(u8 *p, u32 imm)
{
    p[0] = 0x05;
    put32(p + 1, imm);
    p[5] = 0xc3;
}

static u32 call_at(u8 *p, u32 v)
{
    __asm__ volatile("call *%1" : "+a"(v) : "r"(p) : "memory", "cc");
    return v;
}

int guest_main(int argc, char **argv)
{
    u8 *code = map(0, 8192, RWX);
    u32 h = 1;

    (void)argc, (void)argv;
    /* One function, hot, rewritten again and again: whole, then only its immediate. */
    for (u32 i = 0; i < 40; i++) {
        make_add(code, i * 77);
        for (u32 k = 0; k < 300; k++)
            h = mix(h, call_at(code, k));
    }
    for (u32 i = 0; i < 400; i++) {
        code[1] = (u8)i;
        for (u32 k = 0; k < 20; k++)
            h = mix(h, call_at(code, k));
    }
    say_hex("immediates ", h);

    /* Data beside code in one page: stores that hit no instruction. */
    for (u32 i = 0; i < 5000; i++) {
        put32(code + 512 + i % 64 * 4, i);
        h = mix(h, call_at(code, i) + code[512 + i % 200]);
    }
    say_hex("data beside ", h);

    /* A loop that rewrites an instruction ahead of itself in the same block:
       mov byte [edi+imm8], cl ; add eax, imm32 (its first immediate byte is what was written) ; dec
       ecx ; jnz back ; ret */
    u8 *p = code + 4096;
    static const u8 loop[] = {0x88, 0x4f, 0x04, 0x05, 0, 0, 0, 0, 0x49, 0x75, 0xf5, 0xc3};
    __builtin_memcpy(p, loop, sizeof loop);
    for (u32 i = 0; i < 50; i++) {
        u32 a = h, c = 200, d = (u32)p;
        __asm__ volatile("call *%3" : "+a"(a), "+c"(c), "+D"(d) : "r"(p) : "memory", "cc");
        h = mix(h, a);
    }
    say_hex("ahead in the block ", h);

    /* An instruction that crosses a page, rewritten on either side. */
    p = code + 4096 - 3;
    for (u32 i = 0; i < 200; i++) {
        make_add(p, 0x01010101 * (i & 255));
        if (i % 3 == 0)
            p[i % 2 ? 1 : 4] ^= 0x55;
        for (u32 k = 0; k < 30; k++)
            h = mix(h, call_at(p, k));
    }
    say_hex("across pages ", h);

    /* The system writes code: read() into a page that has run. */
    make_add(code, 5);
    for (u32 k = 0; k < 200; k++)
        h = mix(h, call_at(code, k));
    static const char name[] = "/proc/self/exe";
    u32 fd = call(5, (u32)name, 0, 0, 0, 0, 0);
    u8 magic[4];
    call(3, fd, (u32)magic, 4, 0, 0, 0); /* 7f 45 4c 46 */
    call(3, fd, (u32)(code + 1), 1, 0, 0,
         0); /* the class byte, 1: becomes the immediate's low byte */
    for (u32 k = 0; k < 200; k++)
        h = mix(h, call_at(code, k));
    say_hex("written by the system ", h);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* What a freestanding i386 test guest needs: system calls by int 0x80, a checksum, output. Runs
 * natively too. */
#ifndef TESTS_GUESTS_GUEST_H
#define TESTS_GUESTS_GUEST_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint8_t u8;

enum { SYS_EXIT = 1, SYS_WRITE = 4, SYS_MUNMAP = 91, SYS_MPROTECT = 125, SYS_MMAP2 = 192 };
enum { RWX = 7, RW = 3, RX = 5 };

static inline u32 call(u32 nr, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
{
    u32 r;
    /* EBP carries the sixth argument: saved by hand, the compiler may use it. The argument itself
     * may lie at an address by ESP: it is fetched before that moves. */
    register u32 si __asm__("esi") = d;
    register u32 di __asm__("edi") = e;
    __asm__ volatile("pushl %[f]\n\tpush %%ebp\n\tmov 4(%%esp), %%ebp\n\tint $0x80\n\t"
                     "pop %%ebp\n\tlea 4(%%esp), %%esp"
                     : "=a"(r)
                     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(si), "D"(di), [f] "m"(*(u32 *)&f)
                     : "memory", "cc");
    return r;
}

static inline u8 *map(u32 at, u32 bytes, u32 prot)
{
    return (u8 *)call(SYS_MMAP2, at, bytes, prot, 0x22 | (at ? 0x10 : 0), (u32)-1, 0);
}

static inline void say(const char *s)
{
    u32 n = 0;
    while (s[n])
        n++;
    call(SYS_WRITE, 1, (u32)s, n, 0, 0, 0);
}

static inline void say_hex(const char *name, u32 v)
{
    char text[12];
    say(name);
    for (int i = 0; i < 8; i++)
        text[i] = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
    text[8] = '\n';
    text[9] = 0;
    say(text);
}

static inline u32 mix(u32 h, u32 v)
{
    h ^= v;
    h *= 0x01000193;
    return h ^ h >> 15;
}

/* argv comes on the stack of the entry point. */
int guest_main(int argc, char **argv);
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n lea 4(%eax), %edx\n sub $8, "
        "%esp\n push %edx\n"
        " push (%eax)\n call guest_main\n mov %eax, %ebx\n mov $1, %eax\n int $0x80\n");

#endif

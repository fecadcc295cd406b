/* SPDX-License-Identifier: MIT */
/* An allocator's way with a growing array: mremap, in place or moved, while other mappings come and
 * go beside it. Every byte must come along, and what is new must be zero. Then memory in thousands
 * of pieces, as guard pages cut it. */
#include "guest.h"

enum { SYS_MREMAP = 163, MAYMOVE = 1, PAGES = 40, WORDS = 1024, PIECES = 3000 };

int guest_main(int argc, char **argv)
{
    u32 *p = (u32 *)map(0, 4096, RW), n = WORDS, wrong = 0;

    (void)argc, (void)argv;
    for (u32 i = 0; i < n; i++)
        p[i] = i + 1;
    for (u32 pages = 2; pages < PAGES; pages++) {
        p = (u32 *)call(SYS_MREMAP, (u32)p, (pages - 1) * 4096, pages * 4096, MAYMOVE, 0, 0);
        for (u32 i = n; i < pages * WORDS; i++) {
            wrong += p[i] != 0;
            p[i] = i + 1;
        }
        n = pages * WORDS;
        for (u32 i = 0; i < n; i++)
            wrong += p[i] != i + 1;
        if (pages % 5 == 0) {
            u8 *beside = map(0, 2 * 4096, RW);
            *beside = 5;
            if (pages % 10 == 0)
                call(SYS_MUNMAP, (u32)beside, 2 * 4096, 0, 0, 0, 0);
        }
    }
    say_hex("wrong ", wrong);
    u8 *comb = map(0, PIECES * 4096, RW);
    for (u32 i = 0; i < PIECES; i += 2)
        wrong += call(SYS_MPROTECT, (u32)comb + i * 4096, 4096, 0, 0, 0, 0) != 0;
    for (u32 i = 1; i < PIECES; i += 500)
        comb[i * 4096] = 1;
    say_hex("pieces not cut ", wrong);
    return wrong != 0;
}

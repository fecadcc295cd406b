/* SPDX-License-Identifier: MIT */
/* The address space at its edges: what mmap, mprotect, mremap and madvise refuse, memory that moves
 * with its permissions, shared memory that is longer than it was made, and what a fork gets. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_WAITPID = 7,
    SYS_BRK = 45,
    SYS_SETRLIMIT = 75,
    SYS_OLD_MMAP = 90,
    SYS_PERSONALITY = 136,
    SYS_MREMAP = 163,
    SYS_MADVISE = 219,
    SYS_MLOCK2 = 376
};
enum { SHARED = 1, PRIVATE = 2, FIXED = 0x10, ANON = 0x20, NO_REPLACE = 0x100000 };
enum { MAYMOVE = 1, DONTUNMAP = 4 };

static u32 map_as(u32 at, u32 bytes, u32 prot, u32 flags, u32 fd)
{
    return call(SYS_MMAP2, at, bytes, prot, flags, fd, 0);
}

/* An errno, or that it went well: addresses are the kernel's own business. */
static void said(const char *what, u32 r)
{
    say_hex(what, r > 0xfffff000 ? r : 0);
}

static u32 remap(u32 at, u32 old, u32 now, u32 flags, u32 to)
{
    return call(SYS_MREMAP, at, old, now, flags, to, 0);
}

static u32 protect(u32 at, u32 bytes, u32 prot)
{
    return call(SYS_MPROTECT, at, bytes, prot, 0, 0, 0);
}

static u32 advise(u32 at, u32 bytes, u32 advice)
{
    return call(SYS_MADVISE, at, bytes, advice, 0, 0, 0);
}

/* What becomes of a child that does this: how it ends. */
enum { READS, WRITES };
static u32 child(u32 at, int how)
{
    u32 status = 0, pid = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (!pid) {
        u32 v = 0;
        if (how == READS)
            v = *(volatile u8 *)at;
        else
            *(volatile u8 *)at = 7;
        call(SYS_EXIT, v, 0, 0, 0, 0, 0);
    }
    call(SYS_WAITPID, pid, (u32)&status, 0, 0, 0, 0);
    return status;
}

static void mapping(void)
{
    u32 zero = call(SYS_OPEN, (u32) "/dev/zero", 2, 0, 0, 0, 0), m,
        null = call(SYS_OPEN, (u32) "/dev/null", 2, 0, 0, 0, 0),
        reads = call(SYS_OPEN, (u32) "/dev/zero", 0, 0, 0, 0, 0),
        writes = call(SYS_OPEN, (u32) "/dev/zero", 1, 0, 0, 0, 0),
        place = call(SYS_OPEN, (u32) "/", 010000000, 0, 0, 0, 0);

    said("neither shared nor private ", map_as(0, 4096, RW, ANON, 0));
    said("no length ", map_as(0, 0, RW, ANON | PRIVATE, 0));
    said("all there is ", map_as(0, 0xffffffff, RW, ANON | PRIVATE, 0));
    said("unknown protection ", m = map_as(0, 4096, 0xffff00 | RW, ANON | PRIVATE, 0));
    say_hex("  written ", child(m, WRITES));
    said("at no page ", map_as(m + 1, 4096, RW, ANON | PRIVATE | FIXED, 0));
    said("  a hint ", map_as(m + 1, 4096, RW, ANON | PRIVATE, 0));
    said("  where something is ", map_as(m, 4096, RW, ANON | PRIVATE | NO_REPLACE, 0));
    said("of nothing ", map_as(0, 4096, RW, PRIVATE, 99));
    said("of a place ", map_as(0, 4096, 1, PRIVATE, place));
    said("of a folder ", map_as(0, 4096, 1, PRIVATE, call(SYS_OPEN, (u32) "/", 0, 0, 0, 0, 0)));
    said("of null ", map_as(0, 4096, 1, PRIVATE, null));
    said("zeros ", m = map_as(0, 8192, RW, PRIVATE, zero));
    *(u8 *)m = 5;
    say_hex("  child ", child(m, WRITES));
    say_hex("  mine ", *(u8 *)m);
    said("zeros for all ", m = map_as(0, 8192, RW, SHARED, zero));
    say_hex("  child ", child(m + 4096, WRITES));
    say_hex("  mine ", *(u8 *)(m + 4096));
    said("zeros to read ", m = map_as(0, 4096, 1, PRIVATE, reads));
    say_hex("  read ", child(m, READS));
    said("  shared to write ", map_as(0, 4096, RW, SHARED, reads));
    said("zeros not to read ", map_as(0, 4096, 1, PRIVATE, writes));
    u32 m6[6] = {0, 4096, RW, PRIVATE | ANON, 0, 1};
    said("at half a page ", call(SYS_OLD_MMAP, (u32)m6, 0, 0, 0, 0, 0));
    for (u32 fd = 3; fd < 12; fd++)
        call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void protecting(void)
{
    u32 m = (u32)map(0, 8192, RW), here = (u32)__builtin_frame_address(0) & ~4095u;

    said("protect ", protect(m, 4096, 8 | RW));
    said("  unknown ", protect(m, 4096, 16));
    said("  at no page ", protect(m + 1, 4096, RW));
    said("  nothing ", protect(m, 0, 16));
    said("  what does not grow ", protect(m, 4096, RW | 1 << 24));
    said("  up ", protect(m, 4096, RW | 1 << 25));
    said("  both ways ", protect(m, 4096, RW | 3 << 24));
    said("  the stack ", protect(here, 4096, RW | 1 << 24));
    call(SYS_MUNMAP, m, 8192, 0, 0, 0, 0);
}

static void moving(void)
{
    u32 m = (u32)map(0, 8192, RW), at;

    *(u8 *)m = 1;
    *(u8 *)(m + 4096) = 2;
    said("move ", remap(m, 8192, 8192, 8, 0));
    said("  from no page ", remap(m + 1, 8192, 8192, MAYMOVE, 0));
    said("  to nothing ", remap(m, 8192, 0, MAYMOVE, 0));
    said("  to all there is ", remap(m, 8192, 0xffffffff, MAYMOVE, 0));
    said("  more than there is ", remap(m, 0x10000000, 0x10001000, MAYMOVE | 2, 0x20000000));
    said("  of nothing ", remap(0x30000000, 4096, 8192, MAYMOVE, 0));
    said("  nothing of it ", remap(m, 0, 4096, MAYMOVE, 0));
    said("  to a place, and not move ", remap(m, 8192, 8192, 2, 0x20000000));
    said("  onto itself ", remap(m, 8192, 8192, 3, m + 4096));
    said("  to no page ", remap(m, 8192, 8192, 3, 0x20000001));
    protect(m, 8192, 1);
    at = remap(m, 8192, 16384, 3, 0x20000000);
    said("what is to be read ", at);
    say_hex("  is ", *(u8 *)(at + 4096));
    say_hex("  end ", child(at + 12288, READS));
    say_hex("  written ", child(at, WRITES));
    say_hex("  where it was ", child(m, READS));
    protect(at, 4096, 0);
    said("over two kinds ", remap(at, 8192, 4096, 0, 0));
    at = remap(at, 4096, 8192, MAYMOVE, 0);
    said("what is nobody's ", at);
    say_hex("  read ", child(at, READS));
    protect(at, 8192, RW);
    say_hex("  is ", *(u8 *)at);
    said("left where it is ", m = remap(at, 8192, 8192, MAYMOVE | DONTUNMAP, 0));
    say_hex("  there ", *(u8 *)m);
    say_hex("  here ", *(u8 *)at);
    said("  longer ", remap(at, 8192, 12288, MAYMOVE | DONTUNMAP, 0));
    m = map_as(0, 4096, RW, SHARED | ANON, 0);
    *(u8 *)m = 3;
    m = remap(m, 4096, 8192, MAYMOVE, 0);
    said("shared, longer ", m);
    say_hex("  end ", child(m + 4096, READS));
    say_hex("  child ", child(m, WRITES));
    say_hex("  mine ", *(u8 *)m);
    said("once more ", at = remap(m, 0, 4096, MAYMOVE, 0));
    *(u8 *)at = 9;
    say_hex("  is ", *(u8 *)m);
    said("  in place ", remap(m, 0, 4096, 0, 0));
}

static void advising(void)
{
    static const u8 kinds[] = {0, 1, 2, 3, 4, 8, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 5, 7};
    u32 m = (u32)map(0, 12288, RW), shared = map_as(0, 4096, RW, SHARED | ANON, 0);

    for (u32 i = 0; i < sizeof kinds; i++) {
        say_hex("advice ", kinds[i]);
        said("  ", advise(m, 4096, kinds[i]));
    }
    said("advice unknown ", advise(m, 4096, 12345));
    said("  unknown for nothing ", advise(m, 0, 12345));
    said("  at no page ", advise(m + 1, 4096, 4));
    said("  for nothing ", advise(m, 0, 4));
    said("  to shared memory ", advise(shared, 4096, 8));
    said("  to wipe it ", advise(shared, 4096, 18));
    said("  to all there is ", advise(0x10000, 0xffffffff, 0));
    *(u8 *)m = *(u8 *)(m + 8192) = 5;
    call(SYS_MUNMAP, m + 4096, 4096, 0, 0, 0, 0);
    said("with a hole ", advise(m, 12288, 4));
    say_hex("  before it ", *(u8 *)m);
    say_hex("  behind it ", *(u8 *)(m + 8192));
    said("nothing there ", advise(m + 4096, 4096, 0));
    said("to have it ", advise(m, 12288, 22));
    protect(m, 4096, 1);
    said("to write it ", advise(m, 4096, 23));
    protect(m, 4096, RW);
    *(u8 *)m = *(u8 *)(m + 8192) = 6;
    advise(m, 4096, 18);
    advise(m + 8192, 4096, 10);
    say_hex("wiped ", child(m, READS));
    say_hex("omitted ", child(m + 8192, READS));
    advise(m, 4096, 19);
    advise(m + 8192, 4096, 11);
    say_hex("kept ", child(m, READS));
    say_hex("kept ", child(m + 8192, READS));
    said("lock ", call(SYS_MLOCK2, m, 4096, 1, 0, 0, 0));
    said("  unknown ", call(SYS_MLOCK2, m, 4096, 2, 0, 0, 0));
}

static void limited(void)
{
    u32 lim[2] = {64 << 20, 64 << 20}, m, old = call(SYS_PERSONALITY, 0xffffffff, 0, 0, 0, 0, 0);

    say_hex("persona ", call(SYS_PERSONALITY, old | 0x40000, 0, 0, 0, 0, 0) == old);
    say_hex("  is ", call(SYS_PERSONALITY, old, 0, 0, 0, 0, 0) == (old | 0x40000));
    call(SYS_SETRLIMIT, 9, (u32)lim, 0, 0, 0, 0);
    said("beyond the limit ", map_as(0, 65 << 20, RW, ANON | PRIVATE, 0));
    said("below it ", m = map_as(0, 32 << 20, RW, ANON | PRIVATE, 0));
    said("  longer ", remap(m, 32 << 20, 65 << 20, MAYMOVE, 0));
    said("  twice ", map_as(0, 32 << 20, RW, ANON | PRIVATE, 0));
    m = call(SYS_BRK, 0, 0, 0, 0, 0, 0);
    say_hex("break ", call(SYS_BRK, m + (40 << 20), 0, 0, 0, 0, 0) == m);
}

int guest_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    mapping();
    protecting();
    moving();
    advising();
    limited();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Details of calls on which allocators and runtimes rely: wishes for places, moved memory that is
 * not written, advice; alternate stacks that are given up; names that are exchanged; appending. */
#include "guest.h"

enum {
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_GETPID = 20,
    SYS_LSEEK = 19,
    SYS_KILL = 37,
    SYS_IOCTL = 54,
    SYS_SYMLINK = 83,
    SYS_MREMAP = 163,
    SYS_RT_SIGACTION = 174,
    SYS_PWRITE = 181,
    SYS_SIGALTSTACK = 186,
    SYS_MADVISE = 219,
    SYS_SENDFILE = 187,
    SYS_OPENAT = 295,
    SYS_DUP3 = 330,
    SYS_RENAMEAT2 = 353,
    SYS_GETRANDOM = 355,
    SYS_FACCESSAT2 = 439
};
enum { PRIVATE = 2, FIXED = 16, ANON = 32, HERE = -100, MAYMOVE = 1, FIONREAD = 0x541b };
enum { ONSTACK = 0x8000000, SIGINFO = 4, USR1 = 10, USR2 = 12 };
#define AUTODISARM 0x80000000u

static u32 map_at(u32 at, u32 bytes, u32 prot, u32 flags)
{
    return call(SYS_MMAP2, at, bytes, prot, flags, (u32)-1, 0);
}

static void memory(void)
{
    u32 at = 0x30000000, m;
    say_hex("as wished ", map_at(at, 4096, RW, PRIVATE | ANON));
    say_hex("by the page ", map_at(at + 0x5005, 4096, RW, PRIVATE | ANON));
    m = map_at(at + 5, 4096, RW, PRIVATE | ANON);
    say_hex("taken: elsewhere ", (int)m < 0 || m > at + 8192);
    say_hex("fixed and odd ", map_at(at + 5, 4096, RW, PRIVATE | ANON | FIXED));
    say_hex("of no type ", map_at(0, 4096, RW, ANON));
    say_hex("more than rights ", map_at(at + 0x10000, 4096, RW | 8 | 1 << 24, PRIVATE | ANON));
    say_hex("protect more ", call(SYS_MPROTECT, at, 4096, RW | 8, 0, 0, 0));
    say_hex("and more ", call(SYS_MPROTECT, at, 4096, RW | 16, 0, 0, 0));

    u8 *p = map(0, 3 * 4096, RW);
    p[0] = 1;
    p[4096] = 2;
    call(SYS_MPROTECT, (u32)p, 8192, 1, 0, 0, 0);
    call(SYS_MUNMAP, (u32)p + 8192, 4096, 0, 0, 0, 0);
    u8 *q = (u8 *)call(SYS_MREMAP, (u32)p, 8192, 0x40000, MAYMOVE, 0, 0);
    say_hex("moved ", (int)q > 0 || (u32)q < 0xfffff000);
    say_hex("  first ", q[0]);
    say_hex("  second ", q[4096]);
    say_hex("  new ", q[0x3ffff]);
    say_hex("  and for reading ", call(SYS_GETRANDOM, (u32)q + 0x3f000, 4, 0, 0, 0, 0));
    say_hex("shrunk ", call(SYS_MREMAP, (u32)q, 0x40000, 4096, 0, 0, 0) == (u32)q);
    call(SYS_MPROTECT, (u32)q, 4096, 0, 0, 0, 0);
    q = (u8 *)call(SYS_MREMAP, (u32)q, 4096, 8192, MAYMOVE, 0, 0);
    call(SYS_MPROTECT, (u32)q, 8192, RW, 0, 0, 0);
    say_hex("without any right ", q[0]);
    call(SYS_MPROTECT, (u32)q, 4096, 1, 0, 0, 0);
    say_hex("of two kinds ", call(SYS_MREMAP, (u32)q, 8192, 0x4000, MAYMOVE, 0, 0));

    static const u32 advice[] = {0, 3, 4, 5, 7, 8, 10, 11, 14, 15, 18, 19, 20, 26, 99};
    for (u32 i = 0; i < sizeof advice / sizeof advice[0]; i++)
        say_hex("advice ", call(SYS_MADVISE, (u32)q, 8192, advice[i], 0, 0, 0));
    say_hex("random and not ", call(SYS_GETRANDOM, (u32)q + 4096, 4, 6, 0, 0, 0));
    say_hex("random how ", call(SYS_GETRANDOM, (u32)q + 4096, 4, 8, 0, 0, 0));
}

/* ---- alternate stacks ---- */

static u8 stack[16384], second[16384];
static u32 depth;

static u32 give(u8 *at, u32 flags)
{
    u32 s[3] = {(u32)at, flags, sizeof stack};
    return call(SYS_SIGALTSTACK, (u32)s, 0, 0, 0, 0, 0);
}

static void tell(const char *what)
{
    u32 s[3] = {9, 9, 9};
    call(SYS_SIGALTSTACK, 0, (u32)s, 0, 0, 0, 0);
    say_hex(what, s[1]);
    say_hex("  which ", s[0] == (u32)stack ? 1 : s[0] == (u32)second ? 2 : s[0]);
    say_hex("  size ", s[2]);
}

static void handler(int sig, u32 *info, u32 *context)
{
    u8 here = 0;
    (void)info;
    depth++;
    say_hex("on the first ", &here >= stack && &here < stack + sizeof stack);
    say_hex("on the second ", &here >= second && &here < second + sizeof second);
    say_hex("saved flags ", context[3]);
    say_hex("saved size ", context[4]);
    tell("inside ");
    say_hex("another ", give(second, 0));
    if (depth == 1)
        call(SYS_KILL, call(SYS_GETPID, 0, 0, 0, 0, 0, 0), sig == USR1 ? USR2 : USR1, 0, 0, 0, 0);
    depth--;
}

static void stacks(void)
{
    u32 act[5] = {(u32)handler, ONSTACK | SIGINFO, 0, 0, 0}, me;
    static const u32 flags[] = {0, 1, AUTODISARM, AUTODISARM | 1};
    me = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    call(SYS_RT_SIGACTION, USR1, (u32)act, 0, 8, 0, 0);
    call(SYS_RT_SIGACTION, USR2, (u32)act, 0, 8, 0, 0);
    for (u32 i = 0; i < 4; i++) {
        say_hex("give ", give(stack, flags[i]));
        tell("given ");
        call(SYS_KILL, me, USR1, 0, 0, 0, 0);
        tell("again ");
    }
    say_hex("bad ", give(stack, 4));
    say_hex("take back ", give(stack, 2));
    tell("none ");
}

/* ---- files ---- */

static char name[4096], other[4096];

static u32 open_at(const char *path, u32 flags)
{
    return call(SYS_OPENAT, (u32)HERE, (u32)path, flags, 0644, 0, 0);
}

static u32 rename_how(u32 flags)
{
    return call(SYS_RENAMEAT2, (u32)HERE, (u32)name, (u32)HERE, (u32)other, flags, 0);
}

static u32 access_how(const char *path, u32 flags)
{
    return call(SYS_FACCESSAT2, (u32)HERE, (u32)path, 0, flags, 0, 0);
}

static u32 unread(u32 fd)
{
    u32 n = 99;
    return call(SYS_IOCTL, fd, FIONREAD, (u32)&n, 0, 0, 0) ? (u32)-1 : n;
}

static void files(void)
{
    u32 fd = open_at(name, 01102), from; /* CREAT, TRUNC, RDWR */
    call(SYS_WRITE, fd, (u32) "12345", 5, 0, 0, 0);
    say_hex("at the end ", unread(fd));
    call(SYS_LSEEK, fd, 1, 0, 0, 0, 0);
    say_hex("before it ", unread(fd));
    say_hex("exchange with nothing ", rename_how(2));
    say_hex("to nothing ", rename_how(1));
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    fd = open_at(name, 03102); /* and APPEND */
    say_hex("to something ", rename_how(1));
    say_hex("exchange ", rename_how(2));
    say_hex("both ", rename_how(3));
    say_hex("append there ", call(SYS_PWRITE, fd, (u32) "abc", 3, 1, 0, 0));
    say_hex("  still at ", call(SYS_LSEEK, fd, 0, 1, 0, 0, 0));
    say_hex("append ", call(SYS_WRITE, fd, (u32) "de", 2, 0, 0, 0));
    say_hex("  now at ", call(SYS_LSEEK, fd, 0, 1, 0, 0, 0));
    from = open_at(name, 0);
    say_hex("the other is as long ", unread(from));
    say_hex("send to the end ", call(SYS_SENDFILE, fd, from, 0, 5, 0, 0));
    say_hex("dup with flags ", call(SYS_DUP3, fd, 9, 1, 0, 0, 0));
    call(SYS_UNLINK, (u32)other, 0, 0, 0, 0, 0);
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
    call(SYS_SYMLINK, (u32) "nowhere", (u32)name, 0, 0, 0, 0);
    say_hex("through a link ", access_how(name, 0));
    say_hex("the link ", access_how(name, 0x100));
    say_hex("as who it acts ", access_how(name, 0x300));
    say_hex("how ", access_how(name, 0x400));
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
}

int guest_main(int argc, char **argv)
{
    u32 n = 0;
    (void)argc;
    for (; argv[0][n]; n++)
        name[n] = other[n] = argv[0][n];
    name[n] = '1';
    other[n] = '2';
    memory();
    stacks();
    files();
    return 0;
}

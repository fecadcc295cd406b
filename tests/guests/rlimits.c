/* SPDX-License-Identifier: MIT */
/* Limits of what there may be of files and memory, and what is said to who goes beyond. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_OPEN = 5,
    SYS_LSEEK = 19,
    SYS_PIPE = 42,
    SYS_BRK = 45,
    SYS_SETRLIMIT = 75,
    SYS_TRUNCATE = 92,
    SYS_FTRUNCATE = 93,
    SYS_WAIT4 = 114,
    SYS_MREMAP = 163,
    SYS_SIGACTION = 174,
    SYS_PWRITE64 = 181,
    SYS_UGETRLIMIT = 191,
    SYS_FALLOCATE = 324,
    SYS_GROUP = 252
};
enum { FSIZE = 1, AS = 9, XFSZ = 25, CREAT = 0100, RDWR = 2 };

static char name[4096];
static u8 bytes[4096];
static volatile u32 told;

static u32 C(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static void on_signal(int sig, u32 *info)
{
    told = info[2] << 8 | (u32)sig;
}

static void handle(u32 handler)
{
    u32 act[5] = {handler, 4, 0, 0, 0};
    call(SYS_SIGACTION, XFSZ, (u32)act, 0, 8, 0, 0);
}

static void limit(u32 which, u32 n)
{
    u32 l[2] = {n, (u32)-1};
    if (C(SYS_SETRLIMIT, which, (u32)l, 0))
        say("no such limit\n");
}

static u32 size_limit;
static void limit_size(u32 n)
{
    limit(FSIZE, size_limit = n);
}

/* What it says may go to a file, too. */
static void tell(const char *what, u32 r)
{
    limit(FSIZE, (u32)-1);
    say_hex(what, r);
    say_hex("  told ", told);
    told = 0;
    limit(FSIZE, size_limit);
}

static void files(void)
{
    u32 fd = C(SYS_OPEN, (u32)name, CREAT | RDWR, 0600), pipe[2], status = 0;
    handle((u32)on_signal);
    limit_size(1000);
    tell("below ", C(SYS_WRITE, fd, (u32)bytes, 600));
    tell("up to it ", C(SYS_WRITE, fd, (u32)bytes, 600));
    tell("beyond ", C(SYS_WRITE, fd, (u32)bytes, 1));
    tell("nothing ", C(SYS_WRITE, fd, (u32)bytes, 0));
    tell("over what is there ", call(SYS_PWRITE64, fd, (u32)bytes, 100, 950, 0, 0));
    tell("far beyond ", call(SYS_PWRITE64, fd, (u32)bytes, 100, 5000, 0, 0));
    tell("longer ", C(SYS_FTRUNCATE, fd, 1001, 0));
    tell("as long ", C(SYS_FTRUNCATE, fd, 1000, 0));
    tell("shorter ", C(SYS_FTRUNCATE, fd, 10, 0));
    tell("by name ", C(SYS_TRUNCATE, (u32)name, 2000, 0));
    tell("room ", call(SYS_FALLOCATE, fd, 0, 0, 0, 2000, 0));
    tell("less room ", call(SYS_FALLOCATE, fd, 0, 0, 0, 900, 0));
    limit_size(0);
    tell("shorter still ", C(SYS_FTRUNCATE, fd, 500, 0));
    C(SYS_PIPE, (u32)pipe, 0, 0);
    tell("a pipe ", C(SYS_WRITE, pipe[1], (u32)bytes, 100));
    C(SYS_CLOSE, pipe[0], 0, 0);
    C(SYS_CLOSE, pipe[1], 0, 0);
    handle(1);
    tell("ignored ", call(SYS_PWRITE64, fd, (u32)bytes, 100, 5000, 0, 0));
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        handle(0);
        call(SYS_PWRITE64, fd, (u32)bytes, 100, 5000, 0, 0);
        C(SYS_GROUP, 0, 0, 0);
    }
    C(SYS_WAIT4, pid, (u32)&status, 0);
    tell("deadly ", status & 0x7f);
    limit_size((u32)-1);
    tell("none ", call(SYS_PWRITE64, fd, (u32)bytes, 100, 5000, 0, 0));
    C(SYS_CLOSE, fd, 0, 0);
    C(SYS_UNLINK, (u32)name, 0, 0);
}

static u32 mib(u32 n)
{
    u32 r = call(SYS_MMAP2, 0, n << 20, RW, 0x22, (u32)-1, 0);
    return r > (u32)-4096 ? r : 0;
}

static void memory(void)
{
    u32 brk = C(SYS_BRK, 0, 0, 0), at, l[2];
    limit(AS, 64 << 20);
    C(SYS_UGETRLIMIT, AS, (u32)l, 0);
    say_hex("limit ", l[0]);
    say_hex("too much ", mib(70));
    say_hex("some ", mib(40));
    say_hex("too much more ", mib(30));
    say_hex("brk ", C(SYS_BRK, brk + (30 << 20), 0, 0) == brk);
    say_hex("  less ", C(SYS_BRK, brk + (4 << 20), 0, 0) == brk + (4 << 20));
    at = call(SYS_MMAP2, 0, 4 << 20, RW, 0x22, (u32)-1, 0);
    say_hex("in its place ", call(SYS_MMAP2, at, 4 << 20, RW, 0x32, (u32)-1, 0) == at);
    say_hex("growing ", call(SYS_MREMAP, at, 4 << 20, 40 << 20, 1, 0, 0));
    u32 r = call(SYS_MREMAP, at, 4 << 20, 8 << 20, 1, 0, 0);
    say_hex("  less ", r < (u32)-4096);
    call(SYS_MUNMAP, r, 8 << 20, 0, 0, 0, 0);
    say_hex("again ", mib(8));
    limit(AS, (u32)-1);
    say_hex("without ", mib(70));
}

int guest_main(int argc, char **argv)
{
    u32 n = 0;
    (void)argc;
    while (argv[0][n])
        name[n] = argv[0][n], n++;
    name[n] = '.';
    name[n + 1] = 'x';
    files();
    memory();
    return 0;
}

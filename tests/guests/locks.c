/* SPDX-License-Identifier: MIT */
/* Locks of files between processes: ranges that are cut and joined, who holds what, waiting, and
 * circles of those who wait; by fcntl for a process or an open file, and by flock. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_LSEEK = 19,
    SYS_DUP = 41,
    SYS_PIPE,
    SYS_GETPID = 20,
    SYS_WAIT4 = 114,
    SYS_FLOCK = 143,
    SYS_NANOSLEEP = 162,
    SYS_FCNTL64 = 221
};
enum { GET = 12, SET, WAIT, OFD_GET = 36, OFD_SET, OFD_WAIT, OLD_GET = 5, OLD_SET };
enum { READ, WRITE, UNLOCK };
enum { CREAT = 0100, RDWR = 2, WRONLY = 1 };

static char name[4096];
static u32 fd, parent;

static u32 lock(u32 f, u32 how, u32 type, u32 from, u32 len)
{
    u32 l[6] = {type, from, 0, len, (int)len < 0 ? (u32)-1 : 0, 0};
    return call(SYS_FCNTL64, f, how, (u32)l, 0, 0, 0);
}

static void ask(const char *what, u32 f, u32 how, u32 type, u32 from, u32 len)
{
    u32 l[6] = {type, from, 0, len, 0, 0};
    say_hex(what, call(SYS_FCNTL64, f, how, (u32)l, 0, 0, 0));
    say_hex("  kind ", l[0]);
    if (l[0] != UNLOCK) {
        say_hex("  from ", l[1]);
        say_hex("  length ", l[3]);
        say_hex("  whose ", l[5] == parent ? 1 : l[5]);
    }
}

static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 4000000};
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}

static u32 begin(void)
{
    return call(SYS_FORK, 0, 0, 0, 0, 0, 0) == 0;
}
static void leave(u32 status)
{
    call(SYS_EXIT, status, 0, 0, 0, 0, 0);
}
static u32 wait_one(void)
{
    u32 status = 0;
    call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0);
    return status >> 8;
}

static void look(void)
{
    if (begin()) {
        for (u32 at = 0; at < 60; at += 10)
            ask("at ", fd, GET, at == 30 ? READ : WRITE, at, 5);
        ask("all ", fd, GET, WRITE, 0, 0);
        leave(0);
    }
    wait_one();
}

static void ranges(void)
{
    say_hex("lock ", lock(fd, SET, WRITE, 0, 50));
    say_hex("inside ", lock(fd, SET, READ, 20, 15));
    look();
    say_hex("hole ", lock(fd, SET, UNLOCK, 40, 5));
    look();
    say_hex("join ", lock(fd, SET, WRITE, 10, 40));
    look();
    say_hex("backwards ", lock(fd, SET, UNLOCK, 30, (u32)-10));
    look();
    say_hex("to the end ", lock(fd, SET, READ, 45, 0));
    look();
    say_hex("bad kind ", lock(fd, SET, 3, 0, 1));
    say_hex("bad whence ", lock(fd, SET, 3 << 16, 0, 1));
    say_hex("before the file ", lock(fd, SET, WRITE, 3, (u32)-10));
    say_hex("no memory ", call(SYS_FCNTL64, fd, SET, 0, 0, 0, 0));
    say_hex("no file ", lock(99, SET, WRITE, 0, 1));
    u32 ro = call(SYS_OPEN, (u32)name, 0, 0, 0, 0, 0);
    say_hex("not open for it ", lock(ro, SET, WRITE, 100, 1));
    u32 old[4] = {WRITE | 1 << 16, 3, 4, 0};
    call(SYS_LSEEK, fd, 500, 0, 0, 0, 0);
    say_hex("narrow ", call(55, fd, OLD_SET, (u32)old, 0, 0, 0));
    if (begin()) {
        u32 l[4] = {WRITE, 490, 100, 0};
        say_hex("narrow ", call(55, fd, OLD_GET, (u32)l, 0, 0, 0));
        say_hex("  from ", l[1]);
        say_hex("  length ", l[2]);
        say_hex("refused ", lock(fd, SET, WRITE, 503, 1));
        say_hex("free ", lock(fd, SET, WRITE, 507, 1));
        leave(0);
    }
    wait_one();
    say_hex("the child's is gone ", lock(fd, SET, WRITE, 507, 1));
    call(SYS_CLOSE, ro, 0, 0, 0, 0, 0); /* any descriptor of the file */
    look();
}

static void waiting(void)
{
    u32 p[2], v = 0;
    lock(fd, SET, WRITE, 0, 10);
    call(SYS_PIPE, (u32)p, 0, 0, 0, 0, 0);
    for (u32 i = 0; i < 3; i++)
        if (begin()) {
            u32 e = lock(fd, WAIT, i == 2 ? WRITE : READ, 2, 3), all = e << 8 | 1;
            call(SYS_WRITE, p[1], (u32)&all, 4, 0, 0, 0);
            pass(5);
            leave(i);
        }
    pass(20);
    u32 hold = lock(fd, SET, UNLOCK, 0, 0), sum = 0;
    for (u32 i = 0; i < 3; i++) {
        call(SYS_READ, p[0], (u32)&v, 4, 0, 0, 0);
        sum += v;
    }
    say_hex("all had it ", sum + hold);
    for (u32 i = 0; i < 3; i++)
        hold += wait_one();
    say_hex("and left ", hold);
    /* A circle: whoever closes it is told. */
    lock(fd, SET, WRITE, 0, 1);
    if (begin()) {
        lock(fd, SET, WRITE, 1, 1);
        call(SYS_WRITE, p[1], (u32)&v, 4, 0, 0, 0);
        u32 e = lock(fd, WAIT, WRITE, 0, 1);
        leave(e ? 99 : 7);
    }
    call(SYS_READ, p[0], (u32)&v, 4, 0, 0, 0);
    pass(20);
    say_hex("circle ", lock(fd, WAIT, WRITE, 1, 1));
    lock(fd, SET, UNLOCK, 0, 0);
    say_hex("the other has it ", wait_one());
}

static void of_open_files(void)
{
    u32 a = call(SYS_OPEN, (u32)name, RDWR, 0, 0, 0, 0),
        b = call(SYS_OPEN, (u32)name, RDWR, 0, 0, 0, 0);
    say_hex("one ", lock(a, OFD_SET, WRITE, 0, 10));
    say_hex("another ", lock(b, OFD_SET, WRITE, 5, 10));
    ask("whose ", b, OFD_GET, WRITE, 5, 10);
    say_hex("the process ", lock(a, SET, WRITE, 5, 1));
    u32 c = call(SYS_DUP, a, 0, 0, 0, 0, 0);
    say_hex("a copy ", lock(c, OFD_SET, READ, 5, 10));
    say_hex("both read ", lock(b, OFD_SET, READ, 5, 10));
    call(SYS_CLOSE, a, 0, 0, 0, 0, 0);
    say_hex("still held ", lock(b, OFD_SET, WRITE, 0, 3));
    call(SYS_CLOSE, c, 0, 0, 0, 0, 0);
    say_hex("no more ", lock(b, OFD_SET, WRITE, 0, 3));
    u32 l[6] = {WRITE, 0, 0, 1, 0, 5};
    say_hex("with a process ", call(SYS_FCNTL64, b, OFD_SET, (u32)l, 0, 0, 0));
    call(SYS_CLOSE, b, 0, 0, 0, 0, 0);
}

static u32 flock(u32 f, u32 op)
{
    return call(SYS_FLOCK, f, op, 0, 0, 0, 0);
}

static void whole(void)
{
    enum { SH = 1, EX, NB = 4, UN = 8 };
    u32 a = call(SYS_OPEN, (u32)name, 0, 0, 0, 0, 0), b = call(SYS_OPEN, (u32)name, 0, 0, 0, 0, 0);
    say_hex("shared ", flock(a, SH));
    say_hex("shared too ", flock(b, SH | NB));
    say_hex("alone ", flock(a, EX | NB));
    say_hex("and lost ", flock(b, EX | NB));
    say_hex("so ", flock(a, SH | NB));
    say_hex("nothing ", flock(a, 0));
    say_hex("bad ", flock(a, 3));
    say_hex("no file ", flock(99, SH));
    say_hex("of bytes, at once ", lock(fd, SET, WRITE, 0, 0));
    say_hex("given up ", flock(a, UN));
    if (begin()) {
        say_hex("a child's ", flock(b, EX | NB)); /* the same open file */
        pass(20);
        leave(flock(b, UN));
    }
    pass(10);
    say_hex("is ours too ", flock(b, EX | NB));
    say_hex("not by another ", flock(a, EX | NB));
    say_hex("but when it ends ", flock(a, EX));
    say_hex("child ", wait_one());
    if (begin()) {
        call(SYS_CLOSE, a, 0, 0, 0, 0, 0);
        leave(flock(b, SH) ? 1 : 2);
    }
    pass(10);
    call(SYS_CLOSE, a, 0, 0, 0, 0, 0);
    say_hex("closed, and had ", wait_one());
}

int guest_main(int argc, char **argv)
{
    u32 n = 0;

    (void)argc;
    for (; argv[0][n]; n++)
        name[n] = argv[0][n];
    name[n++] = '1';
    parent = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    fd = call(SYS_OPEN, (u32)name, CREAT | RDWR, 0644, 0, 0, 0);
    ranges();
    waiting();
    of_open_files();
    whole();
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
    return 0;
}

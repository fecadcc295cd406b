/* SPDX-License-Identifier: MIT */
/* What read, write and their kin do at the edges: memory that is partly there, files that are
 * appended to or may not grow, pipes that are written to in parts, several ways to ask whether one
 * is ready, and data that goes from one descriptor to another. A file is made beside the program.
 */
#include "guest.h"

enum {
    SYS_READ = 3,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_LSEEK = 19,
    SYS_PIPE = 42,
    SYS_FCNTL = 55,
    SYS_SETRLIMIT = 75,
    SYS_TRUNCATE = 92,
    SYS_FTRUNCATE,
    SYS_LLSEEK = 140,
    SYS_READV = 145,
    SYS_WRITEV,
    SYS_POLL = 168,
    SYS_PREAD = 180,
    SYS_PWRITE,
    SYS_SIGACTION = 174,
    SYS_SENDFILE = 187,
    SYS_UGETRLIMIT = 191,
    SYS_FTRUNCATE64 = 194,
    SYS_FSTAT64 = 197,
    SYS_FCNTL64 = 221,
    SYS_SELECT = 142,
    SYS_SPLICE = 313,
    SYS_TEE = 315,
    SYS_VMSPLICE,
    SYS_EVENTFD = 323,
    SYS_FALLOCATE,
    SYS_PIPE2 = 331,
    SYS_GETRANDOM = 355,
    SYS_SOCKETPAIR = 360,
    SYS_PREADV2 = 378,
    SYS_PWRITEV2
};
enum { CREAT = 0100, TRUNC = 01000, APPEND = 02000, NONBLOCK = 04000, LARGE = 0100000, RDWR = 2 };

static char name[4096];
static u8 *half; /* a page that is there; the one behind it is not */
static u8 big[200000];

static u32 c3(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static u32 size_of(u32 fd)
{
    u32 st[24];
    return c3(SYS_FSTAT64, fd, (u32)st, 0) ? (u32)-1 : st[11];
}

static u32 open_it(u32 flags)
{
    return c3(SYS_OPEN, (u32)name, flags, 0644);
}

static void drain(u32 fd)
{
    u32 n, all = 0;
    while ((int)(n = c3(SYS_READ, fd, (u32)big, sizeof big)) > 0)
        all += n;
    say_hex("  drained ", all);
}

static void appending(void)
{
    u32 f = open_it(CREAT | TRUNC | RDWR), a = open_it(APPEND | RDWR), v[2] = {(u32) "VW", 2};
    u8 text[32] = {0};

    c3(SYS_WRITE, f, (u32) "12345", 5);
    say_hex("pwrite to append ", call(SYS_PWRITE, a, (u32) "ZZZ", 3, 0, 0, 0));
    say_hex("  place ", c3(SYS_LSEEK, a, 0, 1));
    say_hex("pwritev2 not to append ", call(SYS_PWRITEV2, a, (u32)v, 1, 1, 0, 0x20));
    say_hex("pwritev2 to append ", call(SYS_PWRITEV2, f, (u32)v, 1, 1, 0, 0x10));
    say_hex("  both ", call(SYS_PWRITEV2, f, (u32)v, 1, 1, 0, 0x30));
    say_hex("  unknown ", call(SYS_PWRITEV2, f, (u32)v, 1, 1, 0, 0x40000000));
    say_hex("  at its place ", call(SYS_PWRITEV2, f, (u32)v, 1, (u32)-1, (u32)-1, 0));
    say_hex("  place ", c3(SYS_LSEEK, f, 0, 1));
    say_hex("  before all ", call(SYS_PREADV2, f, (u32)v, 1, (u32)-2, (u32)-1, 0));
    say_hex("sendfile to append ", call(SYS_SENDFILE, a, f, 0, 5, 0, 0));
    c3(SYS_LSEEK, f, 0, 0);
    say_hex("all ", c3(SYS_READ, f, (u32)text, 31));
    say((char *)text);
    say("\n");
    c3(SYS_CLOSE, f, 0, 0);
    c3(SYS_CLOSE, a, 0, 0);
}

static void large(void)
{
    u32 f = open_it(CREAT | TRUNC | RDWR), l = open_it(LARGE | RDWR), where[2];

    say_hex("ftruncate ", c3(SYS_FTRUNCATE, f, (u32)-1, 0));
    say_hex("ftruncate64 ", c3(SYS_FTRUNCATE64, f, 0, 0x80000000u));
    say_hex("  size ", size_of(f));
    say_hex("write at the end ", call(SYS_PWRITE, f, (u32) "abc", 3, 0x7ffffffe, 0, 0));
    say_hex("  behind it ", call(SYS_PWRITE, f, (u32) "abc", 3, 0x7fffffff, 0, 0));
    say_hex("  with leave ", call(SYS_PWRITE, l, (u32) "abc", 3, 0x7fffffff, 0, 0));
    say_hex("  nothing ", call(SYS_PWRITE, f, (u32) "abc", 0, 0x7fffffff, 0, 0));
    say_hex("  size ", size_of(f));
    say_hex("open ", open_it(RDWR));
    say_hex("open for a place ", (int)open_it(010000000) < 0);
    say_hex("open large ", (int)open_it(RDWR | LARGE) < 0);
    say_hex("end ", call(SYS_LLSEEK, l, 0, 5, (u32)where, 2, 0));
    say_hex("at no place ", call(SYS_PREAD, l, (u32)big, 1, 0, 0x80000000u, 0));
    c3(SYS_FTRUNCATE, f, 0, 0);
    c3(SYS_WRITE, f, (u32)big, 100);
    say_hex("data ", c3(SYS_LSEEK, f, 50, 3));
    say_hex("hole ", c3(SYS_LSEEK, f, 100, 4));
    say_hex("data behind the end ", c3(SYS_LSEEK, f, 100, 3));
    say_hex("data before all ", c3(SYS_LSEEK, f, (u32)-1, 3));
    say_hex("no such way ", c3(SYS_LSEEK, f, 0, 5));
    for (u32 fd = f; fd < f + 6; fd++)
        c3(SYS_CLOSE, fd, 0, 0);
}

static void halves(void)
{
    u32 f = open_it(CREAT | TRUNC | RDWR), p[2], s[2], v[2][2];

    c3(SYS_WRITE, f, (u32) "0123456789", 10);
    say_hex("pread ", call(SYS_PREAD, f, (u32)half + 4093, 5, 0, 0, 0));
    say_hex("  nothing of it ", call(SYS_PREAD, f, (u32)half + 4096, 5, 0, 0, 0));
    say_hex("  at the end ", call(SYS_PREAD, f, (u32)half + 4096, 5, 10, 0, 0));
    c3(SYS_LSEEK, f, 0, 0);
    say_hex("read ", c3(SYS_READ, f, (u32)half + 4090, 10));
    say_hex("  place ", c3(SYS_LSEEK, f, 0, 1));
    say_hex("write ", c3(SYS_WRITE, f, (u32)half + 4090, 20));
    say_hex("  nothing ", c3(SYS_WRITE, f, (u32)half + 4096, 20));
    say_hex("  size ", size_of(f));
    v[0][0] = (u32)half;
    v[0][1] = 10;
    v[1][0] = (u32)half + 4092;
    v[1][1] = 10;
    say_hex("writev ", c3(SYS_WRITEV, f, (u32)v, 2));
    c3(SYS_LSEEK, f, 0, 0);
    say_hex("readv ", c3(SYS_READV, f, (u32)v, 2));
    say_hex("  parts that are not there ", c3(SYS_READV, f, (u32)half + 4088, 2));
    say_hex("  too many ", c3(SYS_READV, f, (u32)v, 1025));
    say_hex("  none ", c3(SYS_READV, f, 0, 0));
    v[1][1] = 0x80000000u;
    say_hex("  too long ", c3(SYS_READV, f, (u32)v, 2));
    c3(SYS_LSEEK, f, 0, 0);
    say_hex("read very much ", c3(SYS_READ, f, (u32)big, 0xffffffff));
    say_hex("random ", call(SYS_GETRANDOM, (u32)half + 4000, 1000, 0, 0, 0, 0));
    say_hex("  nowhere ", call(SYS_GETRANDOM, (u32)half + 4096, 1000, 0, 0, 0, 0));
    say_hex("  none ", call(SYS_GETRANDOM, 0, 0, 0, 0, 0, 0));
    say_hex("  unknown ", call(SYS_GETRANDOM, (u32)half, 1, 8, 0, 0, 0));
    say_hex("  both ", call(SYS_GETRANDOM, (u32)half, 1, 6, 0, 0, 0));
    c3(SYS_PIPE2, (u32)p, NONBLOCK, 0);
    say_hex("to a pipe ", c3(SYS_WRITE, p[1], (u32)half + 4090, 20));
    say_hex("  whole pages ", c3(SYS_WRITE, p[1], (u32)half, 8192));
    drain(p[0]);
    c3(SYS_WRITE, p[1], (u32)big, 5);
    say_hex("from a pipe ", c3(SYS_READ, p[0], (u32)half + 4093, 5));
    drain(p[0]);
    c3(SYS_WRITE, p[1], (u32)big, 8192);
    say_hex("  whole pages ", c3(SYS_READ, p[0], (u32)half - 4096, 8192 + 4096));
    drain(p[0]);
    call(SYS_SOCKETPAIR, 1, 1 | NONBLOCK, 0, (u32)s, 0, 0);
    say_hex("to a socket ", c3(SYS_WRITE, s[0], (u32)half + 4090, 20));
    c3(SYS_WRITE, s[0], (u32)big, 20);
    say_hex("from a socket ", c3(SYS_READ, s[1], (u32)half + 4090, 20));
    drain(s[1]);
    say_hex("sendfile ", call(SYS_SENDFILE, p[1], f, (u32)half + 4096, 5, 0, 0));
    for (int i = 0; i < 2; i++) {
        c3(SYS_CLOSE, p[i], 0, 0);
        c3(SYS_CLOSE, s[i], 0, 0);
    }
    c3(SYS_CLOSE, f, 0, 0);
}

static void whole(void)
{
    u32 p[2], v[100][2];

    c3(SYS_PIPE2, (u32)p, NONBLOCK, 0);
    for (int i = 0; i < 100; i++) {
        v[i][0] = (u32)big + 1000u * (u32)i;
        v[i][1] = 1000;
    }
    say_hex("as much as fits ", c3(SYS_WRITEV, p[1], (u32)v, 100));
    say_hex("  and no more ", c3(SYS_WRITEV, p[1], (u32)v, 100));
    drain(p[0]);
    c3(SYS_WRITE, p[1], (u32)big, 65536 - 4096);
    say_hex("four parts that fit ", c3(SYS_WRITEV, p[1], (u32)v, 4));
    c3(SYS_READ, p[0], (u32)big, 4096);
    c3(SYS_WRITE, p[1], (u32)big, 4096);
    say_hex("four that do not ", c3(SYS_WRITEV, p[1], (u32)v, 4));
    drain(p[0]);
    say_hex("size of a pipe ", c3(SYS_FCNTL, p[0], 1032, 0));
    say_hex("  smaller ", c3(SYS_FCNTL, p[0], 1031, 5000));
    say_hex("  smallest ", c3(SYS_FCNTL, p[1], 1031, 1));
    say_hex("  as much as fits ", c3(SYS_WRITE, p[1], (u32)big, 10000));
    c3(SYS_FCNTL, p[1], 1031, 8192);
    say_hex("  more ", c3(SYS_WRITE, p[1], (u32)big, 10000));
    say_hex("  too small ", c3(SYS_FCNTL, p[1], 1031, 4096));
    say_hex("  not a pipe ", c3(SYS_FCNTL, 1, 1031, 4096) == 0);
    c3(SYS_CLOSE, p[0], 0, 0);
    c3(SYS_CLOSE, p[1], 0, 0);
}

static u32 ask(u32 fd, u32 what)
{
    struct {
        int fd;
        unsigned short want, got;
    } f = {(int)fd, (unsigned short)what, 0};
    c3(SYS_POLL, (u32)&f, 1, 0);
    return f.got;
}

static void ready(void)
{
    u32 p[2], s[2], e = c3(SYS_EVENTFD, 1, 0, 0), f = open_it(CREAT | RDWR),
                    place = open_it(010000000), set[4] = {0}, time[2] = {0, 0};

    c3(SYS_PIPE, (u32)p, 0, 0);
    call(SYS_SOCKETPAIR, 1, 1, 0, (u32)s, 0, 0);
    say_hex("empty pipe ", ask(p[0], 0xffff));
    say_hex("to write ", ask(p[1], 0xffff));
    c3(SYS_WRITE, p[1], (u32) "x", 1);
    say_hex("pipe ", ask(p[0], 0xffff));
    say_hex("  by another word ", ask(p[0], 0x40));
    say_hex("  urgent ", ask(p[0], 2));
    say_hex("event ", ask(e, 0xffff));
    say_hex("socket ", ask(s[0], 0xffff));
    say_hex("file ", ask(f, 0xffff));
    say_hex("place ", ask(place, 0xffff));
    say_hex("nothing ", ask(99, 0xffff));
    c3(SYS_CLOSE, s[1], 0, 0);
    say_hex("socket alone ", ask(s[0], 0xffff));
    set[0] = 1u << p[0];
    say_hex("select ", call(SYS_SELECT, 32, (u32)set, 0, 0, (u32)time, 0));
    c3(SYS_CLOSE, p[1], 0, 0);
    say_hex("pipe left ", ask(p[0], 0xffff));
    for (u32 fd = 3; fd < 12; fd++)
        c3(SYS_CLOSE, fd, 0, 0);
}

static void from_one_to_another(void)
{
    u32 p[2], q[2], f = open_it(CREAT | TRUNC | RDWR), off[2] = {2, 0}, v[2] = {(u32) "memory", 6};
    u8 text[32] = {0};

    c3(SYS_PIPE2, (u32)p, NONBLOCK, 0);
    c3(SYS_PIPE2, (u32)q, NONBLOCK, 0);
    c3(SYS_WRITE, f, (u32) "0123456789", 10);
    say_hex("splice from a file ", call(SYS_SPLICE, f, (u32)off, p[1], 0, 100, 0));
    say_hex("  then at ", off[0]);
    say_hex("tee ", call(SYS_TEE, p[0], q[1], 5, 0, 0, 0));
    say_hex("  of itself ", call(SYS_TEE, p[0], p[1], 5, 0, 0, 0));
    say_hex("splice to a pipe ", call(SYS_SPLICE, p[0], 0, q[1], 0, 3, 0));
    say_hex("splice to a file ", call(SYS_SPLICE, p[0], 0, f, 0, 100, 0));
    say_hex("  from nothing ", call(SYS_SPLICE, p[0], 0, f, 0, 100, 0));
    say_hex("  with a place ", call(SYS_SPLICE, p[0], (u32)off, f, 0, 100, 0));
    say_hex("  no pipe ", call(SYS_SPLICE, f, 0, f, 0, 100, 0));
    say_hex("  unknown ", call(SYS_SPLICE, p[0], 0, f, 0, 100, 16));
    say_hex("  backwards ", call(SYS_SPLICE, p[1], 0, q[0], 0, 100, 0));
    say_hex("from memory ", call(SYS_VMSPLICE, q[1], (u32)v, 1, 0, 0, 0));
    say_hex("  no pipe ", call(SYS_VMSPLICE, f, (u32)v, 1, 0, 0, 0));
    say_hex("read ", c3(SYS_READ, q[0], (u32)text, 31));
    say((char *)text);
    c3(SYS_LSEEK, f, 0, 0);
    say_hex("\nfile ", c3(SYS_READ, f, (u32)text, 31));
    say((char *)text);
    say("\n");
    for (u32 fd = 3; fd < 12; fd++)
        c3(SYS_CLOSE, fd, 0, 0);
}

static volatile u32 signals;
static void count(int s)
{
    (void)s;
    signals++;
}

/* Zeros and room made by hand; and a limit to how long a file may be, which cannot be taken back.
 */
static void limited(void)
{
    u32 f = open_it(CREAT | TRUNC | RDWR), act[5] = {(u32)count, 0, 0, 0, 0}, lim[2], got[5];

    c3(SYS_WRITE, f, (u32) "0123456789", 10);
    say_hex("a hole ", call(SYS_FALLOCATE, f, 3, 2, 0, 3, 0));
    say_hex("  that is longer ", call(SYS_FALLOCATE, f, 2, 2, 0, 3, 0));
    say_hex("  behind the end ", call(SYS_FALLOCATE, f, 3, 8, 0, 30, 0));
    say_hex("  size ", size_of(f));
    say_hex("zeros ", call(SYS_FALLOCATE, f, 16, 6, 0, 10, 0));
    say_hex("  size ", size_of(f));
    say_hex("read ", call(SYS_PREAD, f, (u32)big, 16, 0, 0, 0));
    for (int i = 0; i < 4; i++)
        say_hex("  ", ((u32 *)big)[i]);
    say_hex("more than a file can have ", call(SYS_FALLOCATE, f, 0, 1, 0, 0xffffffff, 0x7fffffff));
    say_hex("a place there ", call(SYS_LLSEEK, f, 0x7fffffff, 0xffffffff, (u32)big, 0, 0));
    call(SYS_SIGACTION, 25, (u32)act, 0, 8, 0, 0);
    c3(SYS_UGETRLIMIT, 1, (u32)lim, 0);
    u32 soft = lim[0];
    lim[0] = 100;
    c3(SYS_SETRLIMIT, 1, (u32)lim, 0);
    got[0] = call(SYS_PWRITE, f, (u32)big, 50, 90, 0, 0);
    got[1] = call(SYS_PWRITE, f, (u32)big, 50, 100, 0, 0);
    got[2] = call(SYS_PWRITE, f, (u32)big, 50, 110, 0, 0);
    got[3] = c3(SYS_FTRUNCATE, f, 101, 0);
    got[4] = c3(SYS_TRUNCATE, (u32)name, 101, 0);
    lim[0] = soft;
    c3(SYS_SETRLIMIT, 1, (u32)lim, 0);
    for (int i = 0; i < 5; i++)
        say_hex("limited ", got[i]);
    say_hex("signals ", signals);
    say_hex("  size ", size_of(f));
    c3(SYS_CLOSE, f, 0, 0);
}

int guest_main(int argc, char **argv)
{
    u32 n = 0;

    (void)argc;
    for (; argv[0][n]; n++)
        name[n] = argv[0][n];
    name[n] = '1';
    half = map(0, 12288, RW);
    c3(SYS_MUNMAP, (u32)half + 8192, 4096, 0);
    half += 4096;
    for (u32 fd = 3; fd < 12; fd++)
        c3(SYS_CLOSE, fd, 0, 0);
    appending();
    large();
    halves();
    whole();
    ready();
    from_one_to_another();
    limited();
    c3(SYS_UNLINK, (u32)name, 0, 0);
    return 0;
}

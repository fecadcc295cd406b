/* SPDX-License-Identifier: MIT */
/* Fifos: who waits to open one and for whom, who does not, what goes through, and how it ends. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_UNLINK = 10,
    SYS_MKNOD = 14,
    SYS_KILL = 37,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_SIGACTION = 174,
    SYS_STAT64 = 195,
    SYS_FSTAT64 = 197,
    SYS_FCNTL64 = 221,
    SYS_MKNODAT = 297
};
enum { IFIFO = 0010000, IFREG = 0100000, IFCHR = 0020000, IFDIR = 0040000 };
enum { RDONLY, WRONLY, RDWR, NONBLOCK = 04000, CREAT = 0100, EXCL = 0200, TRUNC = 01000 };

static char name[4096];
static u32 caught;

static void on_signal(int sig)
{
    caught += (u32)sig;
}

static u32 open_it(u32 flags)
{
    return call(SYS_OPEN, (u32)name, flags, 0644, 0, 0, 0);
}
static void shut(u32 fd)
{
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}
static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 4000000};
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}
static u32 begin(void)
{
    return call(SYS_FORK, 0, 0, 0, 0, 0, 0);
}
static void leave(u32 status)
{
    call(SYS_EXIT, status, 0, 0, 0, 0, 0);
}
static u32 wait_one(void)
{
    u32 status = 0;
    call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0);
    return status;
}
static void ready(const char *what, u32 fd)
{
    struct {
        u32 fd;
        uint16_t want, got;
    } f = {fd, 5, 0};
    call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0);
    say_hex(what, f.got);
}
static void take(const char *what, u32 fd)
{
    char text[16] = {0};
    say_hex(what, call(SYS_READ, fd, (u32)text, 16, 0, 0, 0));
    say_hex("  ", *(u32 *)text);
}
static u32 put(u32 fd, const char *text)
{
    return call(SYS_WRITE, fd, (u32)text, 4, 0, 0, 0);
}

static void names(void)
{
    u32 st[24];
    say_hex("made ", call(SYS_MKNOD, (u32)name, IFIFO | 0640, 0, 0, 0, 0));
    say_hex("again ", call(SYS_MKNODAT, (u32)-100, (u32)name, IFIFO | 0640, 0, 0, 0));
    call(SYS_STAT64, (u32)name, (u32)st, 0, 0, 0, 0);
    say_hex("kind ", st[4]);
    say_hex("a folder ", call(SYS_MKNOD, (u32) "/nowhere", IFDIR, 0, 0, 0, 0));
    say_hex("no kind ", call(SYS_MKNOD, (u32) "/nowhere", 0170000, 0, 0, 0, 0));
    say_hex("nowhere ", call(SYS_MKNOD, (u32) "/nowhere/at/all", IFIFO, 0, 0, 0, 0));
    say_hex("exclusive ", open_it(CREAT | EXCL | RDWR));
    say_hex("as a folder ", open_it(0200000));
}

static void at_once(void)
{
    u32 r, w, b, st[24];
    say_hex("to write, nobody reads ", open_it(WRONLY | NONBLOCK));
    r = open_it(NONBLOCK);
    ready("no writer yet ", r);
    take("read ", r);
    w = open_it(WRONLY | NONBLOCK);
    ready("a writer ", r);
    ready("it ", w);
    take("read ", r);
    say_hex("wrote ", put(w, "abcd"));
    ready("something ", r);
    b = open_it(WRONLY | CREAT | TRUNC);
    put(b, "efgh");
    take("both ", r);
    shut(w);
    ready("one left ", r);
    shut(b);
    ready("none ", r);
    take("end ", r);
    w = open_it(WRONLY);
    ready("another ", r);
    put(w, "ijkl");
    shut(r);
    ready("nobody reads ", w);
    say_hex("broken ", put(w, "xxxx"));
    r = open_it(RDONLY);
    take("what was there ", r);
    shut(w);
    shut(r);
    b = open_it(RDWR);
    ready("both ends ", b);
    put(b, "mnop");
    ready("full of it ", b);
    call(SYS_FSTAT64, b, (u32)st, 0, 0, 0, 0);
    say_hex("kind ", st[4]);
    w = open_it(WRONLY | NONBLOCK);
    shut(b);
    shut(w);
    r = open_it(NONBLOCK);
    take("forgotten ", r);
    shut(r);
}

static void waiting(void)
{
    u32 fd;
    if (!begin()) {
        pass(20);
        fd = open_it(WRONLY);
        put(fd, "wait");
        leave(1);
    }
    fd = open_it(RDONLY);
    take("a reader waited ", fd);
    say_hex("child ", wait_one());
    take("end ", fd);
    shut(fd);
    if (!begin()) {
        pass(20);
        fd = open_it(RDONLY);
        take("a writer waited ", fd);
        leave(2);
    }
    fd = open_it(WRONLY);
    put(fd, "sent");
    say_hex("child ", wait_one());
    shut(fd);
    /* Who does not wait meets those who do. */
    for (u32 i = 0; i < 3; i++)
        if (!begin()) {
            char c[4];
            fd = open_it(RDONLY);
            leave(call(SYS_READ, fd, (u32)c, 4, 0, 0, 0));
        }
    pass(30);
    fd = open_it(WRONLY | NONBLOCK);
    put(fd, "000011112222");
    put(fd, "1111");
    put(fd, "2222");
    say_hex("three ", wait_one() + wait_one() + wait_one());
    shut(fd);
    if (!begin()) {
        fd = open_it(WRONLY);
        leave(put(fd, "late"));
    }
    pass(20);
    fd = open_it(NONBLOCK);
    pass(20);
    take("from one who waited ", fd);
    say_hex("child ", wait_one());
    shut(fd);
    /* A signal's handler ends the wait, or it goes on. */
    for (u32 again = 0; again < 2; again++) {
        u32 act[5] = {(u32)on_signal, again ? 0x10000000 : 0, 0, 0, 0};
        call(SYS_SIGACTION, 10, (u32)act, 0, 8, 0, 0);
        u32 child = begin();
        if (!child) {
            fd = open_it(RDONLY);
            say_hex("caught ", caught);
            leave(fd == (u32)-4 ? 4 : 5);
        }
        pass(20);
        call(SYS_KILL, child, 10, 0, 0, 0, 0);
        pass(20);
        if (again)
            shut(open_it(WRONLY));
        say_hex("interrupted ", wait_one());
    }
    u32 child = begin();
    if (!child) {
        open_it(RDONLY);
        leave(1);
    }
    pass(20);
    call(SYS_KILL, child, 9, 0, 0, 0, 0);
    say_hex("killed ", wait_one());
    say_hex("nobody waits ", open_it(WRONLY | NONBLOCK));
    /* Its name goes, the pipe stays. */
    if (!begin()) {
        fd = open_it(WRONLY);
        call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
        put(fd, "last");
        leave(3);
    }
    fd = open_it(RDONLY);
    take("without a name ", fd);
    say_hex("child ", wait_one());
    say_hex("no more ", open_it(NONBLOCK));
}

/* Between pipes and files, without memory. */
static void splices(void)
{
    enum {
        SYS_PIPE = 42,
        SYS_LSEEK = 19,
        SYS_SPLICE = 313,
        SYS_TEE = 315,
        NO_WAIT = 2,
        APPEND = 02000
    };
    u32 p[2], q[2], at[2] = {2, 0}, fd = open_it(RDWR | CREAT | TRUNC), ro, ap;
    char text[32] = {0};
    call(SYS_PIPE, (u32)p, 0, 0, 0, 0, 0);
    call(SYS_PIPE, (u32)q, 0, 0, 0, 0, 0);
    call(SYS_WRITE, fd, (u32) "0123456789", 10, 0, 0, 0);
    say_hex("from a file ", call(SYS_SPLICE, fd, (u32)at, p[1], 0, 5, 0));
    say_hex("  then at ", at[0]);
    say_hex("tee ", call(SYS_TEE, p[0], q[1], 3, 0, 0, 0));
    take("copy ", q[0]);
    say_hex("to a file ", call(SYS_SPLICE, p[0], 0, fd, 0, 4, 0));
    say_hex("between pipes ", call(SYS_SPLICE, p[0], 0, q[1], 0, 100, 0));
    take("there ", q[0]);
    say_hex("file at ", call(SYS_LSEEK, fd, 0, 1, 0, 0, 0));
    call(SYS_LSEEK, fd, 0, 0, 0, 0, 0);
    say_hex("all ", call(SYS_READ, fd, (u32)text, 31, 0, 0, 0));
    say(text);
    say_hex("\nnothing there ", call(SYS_SPLICE, p[0], 0, q[1], 0, 100, NO_WAIT));
    say_hex("nor to copy ", call(SYS_TEE, p[0], q[1], 100, NO_WAIT, 0, 0));
    say_hex("to itself ", call(SYS_SPLICE, p[0], 0, p[1], 0, 100, 0));
    say_hex("no pipe ", call(SYS_SPLICE, fd, 0, fd, 0, 100, 0));
    say_hex("a pipe's offset ", call(SYS_SPLICE, p[0], (u32)at, fd, 0, 100, 0));
    say_hex("the wrong end ", call(SYS_SPLICE, p[1], 0, fd, 0, 100, 0));
    ro = open_it(RDONLY);
    say_hex("not to write ", call(SYS_SPLICE, p[0], 0, ro, 0, 100, 0));
    ap = open_it(WRONLY | APPEND);
    put(p[1], "wxyz");
    say_hex("to append ", call(SYS_SPLICE, p[0], 0, ap, 0, 100, 0));
    say_hex("bad flags ", call(SYS_SPLICE, p[0], 0, fd, 0, 100, 16));
    say_hex("no length ", call(SYS_SPLICE, p[0], 0, fd, 0, 0, 0));
    at[0] = 20;
    say_hex("at an offset ", call(SYS_SPLICE, p[0], 0, fd, (u32)at, 100, 0));
    say_hex("  then at ", at[0]);
    shut(p[1]);
    say_hex("the end ", call(SYS_SPLICE, p[0], 0, fd, 0, 100, 0));
    shut(q[0]);
    say_hex("nobody reads ", call(SYS_SPLICE, fd, (u32)(at[0] = 0, at), q[1], 0, 100, 0));
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
}

int guest_main(int argc, char **argv)
{
    u32 act[5] = {1, 0, 0, 0, 0}, n = 0;

    (void)argc;
    for (; argv[0][n]; n++)
        name[n] = argv[0][n];
    name[n++] = '1';
    call(SYS_UNLINK, (u32)name, 0, 0, 0, 0, 0);
    call(SYS_SIGACTION, 13, (u32)act, 0, 8, 0, 0);
    names();
    at_once();
    waiting();
    splices();
    return 0;
}

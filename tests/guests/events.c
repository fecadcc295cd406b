/* SPDX-License-Identifier: MIT */
/* Waiting for many things: eventfd, epoll in its three manners, connected sockets. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_PIPE = 42,
    SYS_IOCTL = 54,
    SYS_WAIT4 = 114,
    SYS_SIGACTION = 174,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_EPOLL_CREATE = 254,
    SYS_EPOLL_CTL,
    SYS_EPOLL_WAIT,
    SYS_EPOLL_PWAIT = 319,
    SYS_EVENTFD2 = 328,
    SYS_EPOLL_CREATE1,
    SYS_SOCKETPAIR = 360,
    SYS_GETSOCKOPT = 365,
    SYS_GETSOCKNAME = 367,
    SYS_SENDTO = 369,
    SYS_RECVFROM = 371,
    SYS_SHUTDOWN = 373
};
enum { IN = 1, OUT = 4, ERR = 8, HUP = 16, RDHUP = 0x2000, ONESHOT = 1 << 30, ADD = 1, DEL, MOD };
enum { NONBLOCK = 04000, SEMAPHORE = 1 };
#define EDGE (1u << 31)

static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 1000000};
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}

static u32 ep;
static u32 ctl(u32 op, u32 fd, u32 events, u32 data)
{
    u32 e[3] = {events, data, ~data};
    return call(SYS_EPOLL_CTL, ep, op, fd, (u32)e, 0, 0);
}

/* What is ready now, by the data it was added with. */
static void look(const char *what, u32 ms)
{
    u32 e[8][3], n = call(SYS_EPOLL_WAIT, ep, (u32)e, 8, ms, 0, 0), h = 0;
    say_hex(what, n);
    for (u32 i = 0; (int)n > 0 && i < n; i++) {
        h += mix(e[i][0], e[i][1]);
        if (n == 1) {
            say_hex("  events ", e[i][0]);
            say_hex("  data ", e[i][1]);
            say_hex("  and ", e[i][2] == ~e[i][1]);
        }
    }
    if ((int)n > 1)
        say_hex("  together ", h);
}

static u32 put(u32 fd, u32 value)
{
    u32 v[2] = {value, 0};
    return call(SYS_WRITE, fd, (u32)v, 8, 0, 0, 0);
}

static void take(const char *what, u32 fd)
{
    u32 v[2] = {99, 99};
    say_hex(what, call(SYS_READ, fd, (u32)v, 8, 0, 0, 0));
    say_hex("  value ", v[0]);
}

static void events(void)
{
    u32 fd = call(SYS_EVENTFD2, 3, NONBLOCK, 0, 0, 0, 0), s, status;
    take("three ", fd);
    take("nothing ", fd);
    put(fd, 5);
    put(fd, 6);
    take("eleven ", fd);
    say_hex("too short ", call(SYS_READ, fd, (u32)&s, 4, 0, 0, 0));
    u32 all[2] = {(u32)-1, (u32)-1};
    say_hex("no number ", call(SYS_WRITE, fd, (u32)all, 8, 0, 0, 0));
    all[0]--;
    say_hex("the largest ", call(SYS_WRITE, fd, (u32)all, 8, 0, 0, 0));
    say_hex("one more ", put(fd, 1));
    say_hex("bad flags ", call(SYS_EVENTFD2, 0, 2, 0, 0, 0, 0));
    s = call(SYS_EVENTFD2, 0, SEMAPHORE, 0, 0, 0, 0);
    u32 child = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (!child) {
        pass(20);
        put(s, 2);
        call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
    }
    take("one of two, from a child ", s);
    take("the other ", s);
    call(SYS_WAIT4, child, (u32)&status, 0, 0, 0, 0);
    call(SYS_CLOSE, s, 0, 0, 0, 0, 0);
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void epolls(void)
{
    u32 p[2], q[2], ev, status;
    char c[4];
    call(SYS_PIPE, (u32)p, 0, 0, 0, 0, 0);
    call(SYS_PIPE, (u32)q, 0, 0, 0, 0, 0);
    ev = call(SYS_EVENTFD2, 0, NONBLOCK, 0, 0, 0, 0);
    ep = call(SYS_EPOLL_CREATE, 1, 0, 0, 0, 0, 0);
    say_hex("add ", ctl(ADD, p[0], IN, 1));
    say_hex("add twice ", ctl(ADD, p[0], IN, 1));
    say_hex("change what is not there ", ctl(MOD, q[0], IN, 1));
    say_hex("remove what is not there ", ctl(DEL, q[0], IN, 1));
    say_hex("add nothing ", ctl(ADD, 99, IN, 1));
    say_hex("add itself ", ctl(ADD, ep, IN, 1));
    say_hex("bad operation ", ctl(7, p[0], IN, 1));
    say_hex("size 0 ", call(SYS_EPOLL_CREATE, 0, 0, 0, 0, 0, 0));
    say_hex("bad flags ", call(SYS_EPOLL_CREATE1, 1, 0, 0, 0, 0, 0));
    say_hex("no room for events ", call(SYS_EPOLL_WAIT, ep, (u32)c, 0, 0, 0, 0));
    say_hex("not one ", call(SYS_EPOLL_WAIT, p[0], (u32)c, 1, 0, 0, 0));
    look("nothing yet ", 0);
    look("nor after a while ", 5);
    ctl(ADD, q[1], OUT, 2);
    look("room to write ", 0);
    call(SYS_WRITE, p[1], (u32) "ab", 2, 0, 0, 0);
    look("both ", -1u);
    ctl(DEL, q[1], 0, 0);
    look("still there ", 0);
    call(SYS_READ, p[0], (u32)c, 2, 0, 0, 0);
    look("read ", 0);
    ctl(MOD, p[0], IN | ONESHOT, 3);
    call(SYS_WRITE, p[1], (u32) "ab", 2, 0, 0, 0);
    look("once ", 0);
    look("not twice ", 0);
    ctl(MOD, p[0], IN | ONESHOT, 4);
    look("armed again ", 0);
    ctl(MOD, p[0], IN | EDGE, 5);
    look("an edge ", 0);
    look("and no more ", 0);
    call(SYS_WRITE, p[1], (u32) "c", 1, 0, 0, 0);
    look("the next ", 0);
    call(SYS_READ, p[0], (u32)c, 3, 0, 0, 0);
    ctl(ADD, ev, IN, 6);
    u32 child = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (!child) {
        pass(20);
        put(ev, 1);
        call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
    }
    look("woken ", 5000);
    call(SYS_WAIT4, child, (u32)&status, 0, 0, 0, 0);
    struct {
        u32 fd;
        unsigned short want, got;
    } f = {ep, IN, 0};
    say_hex("the epoll itself ", call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0));
    take("it was ", ev);
    say_hex("and then ", call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0));
    call(SYS_CLOSE, p[1], 0, 0, 0, 0, 0);
    ctl(MOD, p[0], IN, 7);
    look("the writer went ", 0);
    call(SYS_CLOSE, p[0], 0, 0, 0, 0, 0);
    look("it is forgotten ", 0);
}

static void broken(int sig)
{
    say_hex("signal ", (u32)sig);
}

static void sockets(void)
{
    u32 s[2], n = 0, size = 4, act[5] = {(u32)broken, 0, 0, 0, 0};
    char c[16] = {0};
    call(SYS_SIGACTION, 13, (u32)act, 0, 8, 0, 0);
    say_hex("pair ", call(SYS_SOCKETPAIR, 1, 1, 0, (u32)s, 0, 0));
    call(SYS_WRITE, s[0], (u32) "there", 5, 0, 0, 0);
    call(SYS_SENDTO, s[1], (u32) "back", 4, 0, 0, 0);
    say_hex("how much ", call(SYS_IOCTL, s[1], 0x541b, (u32)&n, 0, 0, 0));
    say_hex("  ", n);
    say_hex("read ", call(SYS_READ, s[1], (u32)c, 15, 0, 0, 0));
    say(c);
    say_hex("\nreceived ", call(SYS_RECVFROM, s[0], (u32)c, 15, 0, 0, 0));
    say(c);
    say_hex("\nnothing now ", call(SYS_RECVFROM, s[0], (u32)c, 15, 0x40, 0, 0));
    n = 1;
    call(SYS_IOCTL, s[0], 0x5421, (u32)&n, 0, 0, 0);
    say_hex("nor ", call(SYS_READ, s[0], (u32)c, 15, 0, 0, 0));
    say_hex("option ", call(SYS_GETSOCKOPT, s[0], 1, 3, (u32)&n, (u32)&size, 0));
    say_hex("  stream ", n);
    size = 16;
    say_hex("name ", call(SYS_GETSOCKNAME, s[0], (u32)c, (u32)&size, 0, 0, 0));
    say_hex("  size ", size);
    struct {
        u32 fd;
        unsigned short want, got;
    } f = {s[1], IN | OUT | RDHUP, 0};
    call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0);
    say_hex("it can ", f.got);
    say_hex("no more writing ", call(SYS_SHUTDOWN, s[0], 1, 0, 0, 0, 0));
    call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0);
    say_hex("it can ", f.got);
    say_hex("the end ", call(SYS_READ, s[1], (u32)c, 15, 0, 0, 0));
    say_hex("the other way ", call(SYS_WRITE, s[1], (u32) "x", 1, 0, 0, 0));
    say_hex("refused ", call(SYS_WRITE, s[0], (u32) "x", 1, 0, 0, 0));
    say_hex("refused quietly ", call(SYS_SENDTO, s[0], (u32) "x", 1, 0x4000, 0, 0));
    call(SYS_READ, s[0], (u32)c, 15, 0, 0, 0); /* closed with bytes unread it would be an error */
    call(SYS_CLOSE, s[0], 0, 0, 0, 0, 0);
    call(SYS_POLL, (u32)&f, 1, 0, 0, 0, 0);
    say_hex("it can ", f.got);
    say_hex("gone ", call(SYS_SENDTO, s[1], (u32) "x", 1, 0x4000, 0, 0));
    say_hex("no socket ", call(SYS_SHUTDOWN, 1, 0, 0, 0, 0, 0));
    say_hex("nothing ", call(SYS_SHUTDOWN, 99, 0, 0, 0, 0, 0));
    say_hex("how ", call(SYS_SHUTDOWN, s[1], 3, 0, 0, 0, 0));
    say_hex("no such kind ", call(SYS_SOCKETPAIR, 1, 9, 0, (u32)s, 0, 0));
    say_hex("no such family ", call(SYS_SOCKETPAIR, 77, 1, 0, (u32)s, 0, 0));
    say_hex("bad address ", call(SYS_SOCKETPAIR, 1, 1, 0, 0, 0, 0));
}

/* Epolls in epolls, and edges: each is told once. */
static void nests(void)
{
    enum { EXCLUSIVE = 1 << 28 };
    u32 p[2], ev = call(SYS_EVENTFD2, 0, NONBLOCK, 0, 0, 0, 0), outer, inner, third;
    char c[4096];
    call(SYS_PIPE, (u32)p, 0, 0, 0, 0, 0);
    inner = call(SYS_EPOLL_CREATE1, 0, 0, 0, 0, 0, 0);
    outer = call(SYS_EPOLL_CREATE1, 0, 0, 0, 0, 0, 0);
    third = call(SYS_EPOLL_CREATE1, 0, 0, 0, 0, 0, 0);
    ep = inner;
    ctl(ADD, p[0], IN, 1);
    ep = outer;
    say_hex("nest ", ctl(ADD, inner, IN, 2));
    ep = third;
    say_hex("deeper ", ctl(ADD, outer, IN | EDGE, 3));
    ep = inner;
    say_hex("round ", ctl(ADD, third, IN, 4));
    say_hex("at once ", ctl(ADD, outer, IN, 4));
    ep = third;
    look("quiet ", 0);
    call(SYS_WRITE, p[1], (u32) "ab", 2, 0, 0, 0);
    look("rings ", 0);
    look("once ", 0);
    ep = outer;
    look("level ", 0);
    look("level ", 0);
    ep = inner;
    look("within ", 0);
    call(SYS_WRITE, p[1], (u32) "cd", 2, 0, 0, 0);
    ep = third;
    look("again ", 0);
    look("once ", 0);
    call(SYS_READ, p[0], (u32)c, 4, 0, 0, 0);
    ep = outer;
    look("empty ", 0);
    /* Edges of a pipe: each write, but no read and nothing elsewhere. */
    ctl(ADD, p[0], IN | EDGE, 5);
    ctl(ADD, p[1], OUT | EDGE, 6);
    ctl(DEL, inner, 0, 0);
    look("room ", 0);
    call(SYS_WRITE, p[1], (u32) "abcdef", 6, 0, 0, 0);
    look("bytes ", 0);
    call(SYS_READ, p[0], (u32)c, 2, 0, 0, 0);
    put(ev, 1);
    look("not by a read ", 0);
    call(SYS_WRITE, p[1], (u32) "g", 1, 0, 0, 0);
    look("another write ", 0);
    for (u32 i = 0; i < 15; i++)
        call(SYS_WRITE, p[1], (u32)c, 4096, 0, 0, 0);
    look("many writes, one edge ", 0);
    call(SYS_READ, p[0], (u32)c, 1, 0, 0, 0);
    look("no room made ", 0);
    ctl(MOD, p[0], IN | EDGE, 7);
    look("changed ", 0);
    look("once ", 0);
    /* An eventfd: a write is one, whatever was there. */
    ctl(ADD, ev, IN | EDGE, 8);
    look("there ", 0);
    put(ev, 1);
    look("more ", 0);
    look("once ", 0);
    take("taken ", ev);
    look("nothing ", 0);
    put(ev, 1);
    take("put and taken ", ev);
    look("nothing ", 0);
    /* One of many. */
    say_hex("exclusive ", ctl(MOD, ev, IN | EXCLUSIVE, 9));
    ctl(DEL, ev, 0, 0);
    say_hex("exclusive ", ctl(ADD, ev, IN | EXCLUSIVE, 9));
    say_hex("to change it ", ctl(MOD, ev, IN, 9));
    say_hex("once only ", ctl(ADD, p[1], IN | EXCLUSIVE | ONESHOT, 9));
    say_hex("a nest ", ctl(ADD, inner, IN | EXCLUSIVE, 9));
    put(ev, 1);
    look("rings ", 0);
    call(SYS_CLOSE, p[1], 0, 0, 0, 0, 0);
    ctl(DEL, ev, 0, 0);
    look("the end ", 0);
    look("once ", 0);
    for (u32 i = 0; i < 3; i++)
        call(SYS_CLOSE, i == 0 ? inner : i == 1 ? outer : third, 0, 0, 0, 0, 0);
}

int guest_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    events();
    epolls();
    nests();
    sockets();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Timers and signals that are read as files: timerfd, signalfd; alone, in poll and in epoll. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_WAITPID = 7,
    SYS_GETPID = 20,
    SYS_KILL = 37,
    SYS_PIPE = 42,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_SIGACTION = 174,
    SYS_SIGMASK,
    SYS_SIGQUEUE = 178,
    SYS_GETTIME = 265,
    SYS_EPOLL_CTL = 255,
    SYS_EPOLL_WAIT,
    SYS_TIMERFD = 322,
    SYS_SETTIME = 325,
    SYS_TELLTIME,
    SYS_SIGNALFD4,
    SYS_EPOLL = 329,
    SYS_SETTIME64 = 411
};
enum { NONBLOCK = 04000, CLOEXEC = 02000000, IN = 1, EDGE = 1u << 31 };

static u32 buf[64];

static u32 c4(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
    return call(nr, a, b, c, d, 0, 0);
}

static u32 set(u32 fd, u32 flags, u32 every_ms, u32 ms)
{
    const u32 t[4] = {0, every_ms * 1000000, 0, ms * 1000000};
    return c4(SYS_SETTIME, fd, flags, (u32)t, (u32)buf);
}

static void rest(u32 ms)
{
    const u32 t[2] = {0, ms * 1000000};
    c4(SYS_NANOSLEEP, (u32)t, 0, 0, 0);
}

static u32 ready(u32 fd, u32 ms)
{
    struct {
        int fd;
        unsigned short want, got;
    } f = {(int)fd, 0xffff, 0};
    c4(SYS_POLL, (u32)&f, 1, ms, 0);
    return f.got;
}

static void timers(void)
{
    u32 t = c4(SYS_TIMERFD, 1, NONBLOCK, 0, 0), w = c4(SYS_TIMERFD, 0, CLOEXEC, 0, 0), n[2], now[2];

    say_hex("no such clock ", c4(SYS_TIMERFD, 2, 0, 0, 0));
    say_hex("unknown flags ", c4(SYS_TIMERFD, 1, 1, 0, 0));
    say_hex("off ", c4(SYS_READ, t, (u32)n, 8, 0));
    say_hex("  too short ", c4(SYS_READ, t, (u32)n, 4, 0));
    say_hex("  written ", c4(SYS_WRITE, t, (u32)n, 8, 0));
    say_hex("set ", set(t, 0, 0, 20));
    say_hex("  unknown ", set(t, 4, 0, 20));
    say_hex("  no timer ", set(1, 0, 0, 20));
    say_hex("  nothing ", set(99, 0, 0, 20));
    say_hex("not yet ", ready(t, 0));
    say_hex("then ", ready(t, (u32)-1));
    say_hex("read ", c4(SYS_READ, t, (u32)n, 8, 0));
    say_hex("  times ", n[0]);
    say_hex("again ", c4(SYS_READ, t, (u32)n, 8, 0));
    set(w, 0, 0, 10);
    say_hex("waited for ", c4(SYS_READ, w, (u32)n, 8, 0));
    say_hex("  times ", n[0]);
    set(t, 0, 5, 5);
    rest(30);
    say_hex("many ", c4(SYS_READ, t, (u32)n, 8, 0));
    say_hex("  times ", n[0] >= 5);
    say_hex("  and more ", ready(t, 1000));
    say_hex("left ", c4(SYS_TELLTIME, t, (u32)buf, 0, 0));
    say_hex("  each ", buf[1]);
    say_hex("  at most ", buf[3] <= 5000000);
    say_hex("off ", set(t, 0, 0, 0));
    say_hex("  it was ", buf[1]);
    say_hex("  now ", ready(t, 0));
    c4(SYS_GETTIME, 0, (u32)now, 0, 0);
    u32 at[8] = {0, 0, 0, 0, now[0] - 1, 0, now[1], 0};
    say_hex("long ago ", c4(SYS_SETTIME64, w, 1, (u32)at, 0));
    say_hex("  read ", c4(SYS_READ, w, (u32)n, 8, 0));

    u32 ep = c4(SYS_EPOLL, 0, 0, 0, 0), ev[3] = {IN | EDGE, 7, 0};
    c4(SYS_EPOLL_CTL, ep, 1, t, (u32)ev);
    set(t, 0, 10, 10);
    say_hex("edge ", c4(SYS_EPOLL_WAIT, ep, (u32)ev, 1, 1000));
    say_hex("  never read ", c4(SYS_EPOLL_WAIT, ep, (u32)ev, 1, 50));
    c4(SYS_TELLTIME, t, (u32)buf, 0, 0);
    say_hex("  but asked for ", c4(SYS_EPOLL_WAIT, ep, (u32)ev, 1, 1000));
    c4(SYS_READ, t, (u32)n, 8, 0);
    say_hex("  and read ", c4(SYS_EPOLL_WAIT, ep, (u32)ev, 1, 1000));
    c4(SYS_CLOSE, ep, 0, 0, 0);
    c4(SYS_CLOSE, t, 0, 0, 0);
    c4(SYS_CLOSE, w, 0, 0, 0);
}

static void none(int s)
{
    (void)s;
}

static void signals(void)
{
    u32 both[2] = {1u << 9 | 1u << 11 | 1u << 16, 1}, old[2], s, me = c4(SYS_GETPID, 0, 0, 0, 0),
        pid, status, act[5] = {(u32)none, 0, 0, 0, 0};
    u32 info[32] = {33, 0, (u32)-1, me, 0, 77};
    u8 r[512];

    c4(SYS_SIGMASK, 0, (u32)both, (u32)old, 8);
    s = c4(SYS_SIGNALFD4, (u32)-1, (u32)both, 8, NONBLOCK);
    say_hex("bad size ", c4(SYS_SIGNALFD4, (u32)-1, (u32)both, 4, 0));
    say_hex("bad flags ", c4(SYS_SIGNALFD4, (u32)-1, (u32)both, 8, 1));
    say_hex("not one ", c4(SYS_SIGNALFD4, 1, (u32)both, 8, 0));
    say_hex("nothing ", c4(SYS_READ, s, (u32)r, 512, 0));
    say_hex("  ready ", ready(s, 0));
    c4(SYS_KILL, me, 10, 0, 0);
    c4(SYS_KILL, me, 10, 0, 0);
    c4(SYS_SIGQUEUE, me, 33, (u32)info, 0);
    say_hex("ready ", ready(s, 0));
    say_hex("too short ", c4(SYS_READ, s, (u32)r, 100, 0));
    say_hex("both ", c4(SYS_READ, s, (u32)r, 512, 0));
    for (u32 k = 0; k < 2; k++) {
        const u32 *w = (const u32 *)(r + 128 * k);
        say_hex("  signal ", w[0]);
        say_hex("  code ", w[2]);
        say_hex("  from me ", w[3] == me);
        say_hex("  value ", w[11]);
        say_hex("  pointer ", w[12]);
    }
    say_hex("again ", c4(SYS_READ, s, (u32)r, 512, 0));
    pid = c4(SYS_FORK, 0, 0, 0, 0);
    if (!pid) {
        rest(20);
        c4(SYS_EXIT, 5, 0, 0, 0);
    }
    say_hex("a child ends ", ready(s, (u32)-1));
    say_hex("  told ", c4(SYS_READ, s, (u32)r, 128, 0));
    say_hex("  signal ", *(u32 *)r);
    say_hex("  code ", *(u32 *)(r + 8));
    say_hex("  which ", *(u32 *)(r + 12) == pid);
    say_hex("  status ", *(u32 *)(r + 40));
    c4(SYS_WAITPID, pid, (u32)&status, 0, 0);
    c4(SYS_CLOSE, s, 0, 0, 0);
    s = c4(SYS_SIGNALFD4, (u32)-1, (u32)both, 8, 0);
    pid = c4(SYS_FORK, 0, 0, 0, 0);
    if (!pid) {
        rest(20);
        c4(SYS_KILL, me, 12, 0, 0);
        c4(SYS_EXIT, 0, 0, 0, 0);
    }
    say_hex("waited for ", c4(SYS_READ, s, (u32)r, 128, 0));
    say_hex("  signal ", *(u32 *)r);
    c4(SYS_WAITPID, pid, (u32)&status, 0, 0);
    c4(SYS_READ, s, (u32)r, 128, 0);
    both[0] = 1u << 11;
    say_hex("another set ", c4(SYS_SIGNALFD4, s, (u32)both, 8, 0) == s);
    c4(SYS_KILL, me, 10, 0, 0);
    say_hex("  not in it ", ready(s, 0));
    /* A handler of another signal ends a wait. */
    c4(SYS_SIGACTION, 14, (u32)act, 0, 8);
    pid = c4(SYS_FORK, 0, 0, 0, 0);
    if (!pid) {
        rest(20);
        c4(SYS_KILL, me, 14, 0, 0);
        c4(SYS_EXIT, 0, 0, 0, 0);
    }
    say_hex("interrupted ", c4(SYS_READ, s, (u32)r, 128, 0));
    c4(SYS_WAITPID, pid, (u32)&status, 0, 0);
    c4(SYS_CLOSE, s, 0, 0, 0);
}

int guest_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (u32 fd = 3; fd < 12; fd++)
        c4(SYS_CLOSE, fd, 0, 0, 0);
    timers();
    signals();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Timers that are read: once, again and again, at a date, beside others in poll and epoll, and what
 * is no timer. Then children that are stopped and continued, as their parent hears of it. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_PAUSE = 29,
    SYS_KILL = 37,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_SIGACTION = 174,
    SYS_EPOLL_CREATE = 254,
    SYS_EPOLL_CTL,
    SYS_EPOLL_WAIT,
    SYS_CLOCK_GETTIME = 265,
    SYS_WAITID = 284,
    SYS_TIMERFD_CREATE = 322,
    SYS_TIMERFD_SETTIME = 325,
    SYS_TIMERFD_GETTIME,
    SYS_TIMERFD_GETTIME64 = 410,
    SYS_TIMERFD_SETTIME64
};
enum { REALTIME, MONOTONIC, ABSTIME = 1, NONBLOCK = 04000, IN = 1, ADD = 1, MS = 1000000 };

static u32 set(u32 fd, u32 flags, u32 ms, u32 every_ms)
{
    u32 t[4] = {0, every_ms * MS, ms / 1000, ms % 1000 * MS};
    return call(SYS_TIMERFD_SETTIME, fd, flags, (u32)t, 0, 0, 0);
}

static void take(const char *what, u32 fd, u32 at_least)
{
    u32 v[2] = {99, 99};
    say_hex(what, call(SYS_READ, fd, (u32)v, 8, 0, 0, 0));
    say_hex("  often enough ", v[0] >= at_least && !v[1]);
}

static void pass(u32 ms)
{
    u32 t[2] = {0, ms * MS};
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}

static u32 poll(u32 fd, u32 ms)
{
    u32 p[2] = {fd, IN};
    u32 n = call(SYS_POLL, (u32)p, 1, ms, 0, 0, 0);
    return n << 16 | p[1] >> 16;
}

static void left(const char *what, u32 fd)
{
    u32 t[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    say_hex(what, call(SYS_TIMERFD_GETTIME64, fd, (u32)t, 0, 0, 0, 0));
    say_hex("  every ", t[2]);
    say_hex("  rings ", t[4] || t[5] || t[6]);
}

static void once(void)
{
    u32 fd = call(SYS_TIMERFD_CREATE, MONOTONIC, NONBLOCK, 0, 0, 0, 0), old[4], now[2];
    u32 wait = call(SYS_TIMERFD_CREATE, REALTIME, 0, 0, 0, 0, 0);
    take("not set ", fd, 0);
    left("not set ", fd);
    say_hex("set ", set(fd, 0, 20, 0));
    take("too early ", fd, 0);
    say_hex("poll ", poll(fd, 10000));
    left("rung ", fd);
    take("once ", fd, 1);
    take("no more ", fd, 0);
    say_hex("poll ", poll(fd, 0));
    set(wait, 0, 20, 0);
    take("waits ", wait, 1);
    set(wait, 0, 5, 7);
    take("waits ", wait, 1);
    take("and again ", wait, 1);
    pass(60);
    take("some were missed ", wait, 3);
    left("goes on ", wait);
    u32 t[4] = {0, 0, 900, 0};
    say_hex("set anew ", call(SYS_TIMERFD_SETTIME, wait, 0, (u32)t, (u32)old, 0, 0));
    say_hex("  it was every ", old[1]);
    call(SYS_CLOCK_GETTIME, REALTIME, (u32)now, 0, 0, 0, 0);
    t[2] = now[0] - 1;
    say_hex("a date ", call(SYS_TIMERFD_SETTIME, wait, ABSTIME, (u32)t, (u32)old, 0, 0));
    take("it is over ", wait, 1);
    say_hex("disarm ", set(wait, 0, 0, 5));
    say_hex("poll ", poll(wait, 30));
    left("disarmed ", wait);
    call(SYS_CLOSE, wait, 0, 0, 0, 0, 0);

    u32 ep = call(SYS_EPOLL_CREATE, 1, 0, 0, 0, 0, 0), e[3] = {IN | 1u << 31, 5, 6};
    call(SYS_EPOLL_CTL, ep, ADD, fd, (u32)e, 0, 0);
    set(fd, 0, 10, 10);
    say_hex("edge ", call(SYS_EPOLL_WAIT, ep, (u32)e, 1, 10000, 0, 0));
    say_hex("  data ", e[1]);
    take("read ", fd, 1);
    say_hex("edge ", call(SYS_EPOLL_WAIT, ep, (u32)e, 1, 10000, 0, 0));
    set(fd, 0, 0, 0);
    say_hex("none ", call(SYS_EPOLL_WAIT, ep, (u32)e, 1, 20, 0, 0));

    say_hex("short ", call(SYS_READ, fd, (u32)now, 7, 0, 0, 0));
    say_hex("write ", call(SYS_WRITE, fd, (u32)old, 8, 0, 0, 0));
    say_hex("no timer ", set(1, 0, 1, 0));
    say_hex("nothing ", set(99, 0, 1, 0));
    say_hex("flags ", set(fd, 8, 1, 0));
    say_hex("clock ", call(SYS_TIMERFD_CREATE, 2, 0, 0, 0, 0, 0));
    say_hex("flags ", call(SYS_TIMERFD_CREATE, MONOTONIC, 1, 0, 0, 0, 0));
    t[3] = 1000000000;
    say_hex("time ", call(SYS_TIMERFD_SETTIME, fd, 0, (u32)t, 0, 0, 0));
    say_hex("memory ", call(SYS_TIMERFD_GETTIME, fd, 8, 0, 0, 0, 0));
}

/* ---- stops ---- */

enum {
    RESTART = 0x10000000,
    HANG = 1,
    UNTRACED = 2,
    STOPPED = 2,
    EXITED = 4,
    CONTINUED = 8,
    NOWAIT = 0x1000000
};
enum { KILL = 9, TERM = 15, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, TTIN = 21 };

static u32 child;
static volatile u32 codes, states, count;

static void heard(int sig, const u32 *info)
{
    (void)sig;
    codes = codes << 4 | info[2];
    states = states << 8 | info[5];
    count++;
}

/* Two at once would be one. */
static void until_heard(u32 n)
{
    while (count < n)
        pass(1);
}

static void wait(const char *what, u32 options)
{
    u32 status = 0x55;
    say_hex(what, call(SYS_WAIT4, child, (u32)&status, options, 0, 0, 0) == child);
    say_hex("  status ", status);
}

static void wait_id(const char *what, u32 options)
{
    u32 info[32] = {0};
    say_hex(what, call(SYS_WAITID, 1, child, (u32)info, options, 0, 0));
    say_hex("  code ", info[2]);
    say_hex("  status ", info[5]);
}

static void stops(void)
{
    u32 act[5] = {(u32)heard, 4 | RESTART, 0, 0, 0};
    call(SYS_SIGACTION, CHLD, (u32)act, 0, 8, 0, 0);
    child = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (!child)
        for (;;)
            call(SYS_PAUSE, 0, 0, 0, 0, 0, 0);
    wait("nothing yet ", HANG | UNTRACED | CONTINUED);
    call(SYS_KILL, child, TSTP, 0, 0, 0, 0);
    wait_id("looked at ", STOPPED | NOWAIT);
    wait("stopped ", UNTRACED);
    wait("once only ", HANG | UNTRACED);
    until_heard(1);
    call(SYS_KILL, child, CONT, 0, 0, 0, 0);
    wait_id("looked at ", CONTINUED | NOWAIT);
    wait("continued ", CONTINUED);
    wait("once only ", HANG | CONTINUED);
    until_heard(2);
    call(SYS_KILL, child, CONT, 0, 0, 0, 0);
    wait("it ran ", HANG | CONTINUED);
    call(SYS_KILL, child, TTIN, 0, 0, 0, 0);
    wait_id("stopped again ", STOPPED);
    until_heard(3);
    call(SYS_KILL, child, CONT, 0, 0, 0, 0);
    wait_id("continued ", CONTINUED);
    until_heard(4);
    call(SYS_KILL, child, STOP, 0, 0, 0, 0);
    wait("stopped ", UNTRACED | CONTINUED);
    call(SYS_KILL, child, TERM, 0, 0, 0, 0);
    pass(20);
    wait("not while it is stopped ", HANG);
    until_heard(5);
    say_hex("heard ", codes);
    say_hex("  and ", states);
    call(SYS_KILL, child, CONT, 0, 0, 0, 0);
    wait("its end ", 0);
}

int guest_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    once();
    stops();
    return 0;
}

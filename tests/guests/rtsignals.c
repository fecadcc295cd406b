/* SPDX-License-Identifier: MIT */
/* Real-time signals: their queue, its order and its limit, what sigqueue says with them. Timers of
 * timer_create: when they ring, how often they would have, who hears it. Prints nothing that
 * depends on how fast anything runs. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_GETPID = 20,
    SYS_KILL = 37,
    SYS_SETRLIMIT = 75,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_SIGACTION = 174,
    SYS_SIGPROCMASK = 175,
    SYS_SIGPENDING = 176,
    SYS_SIGTIMEDWAIT = 177,
    SYS_SIGQUEUEINFO = 178,
    SYS_UGETRLIMIT = 191,
    SYS_GETTID = 224,
    SYS_TKILL = 238,
    SYS_TIMER_CREATE = 259,
    SYS_TIMER_SETTIME,
    SYS_TIMER_GETTIME,
    SYS_TIMER_GETOVERRUN,
    SYS_TIMER_DELETE,
    SYS_CLOCK_GETTIME = 265,
    SYS_TGSIGQUEUEINFO = 335
};
enum { SIGINFO = 4, BLOCK = 0, SETMASK = 2 };
enum { SIG_ALRM = 14, SIG_USR1 = 10 };
enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID = 4, ABSTIME = 1 };

static u32 me, log_sig[64], log_code[64], log_value[64], logged;

static void handler(int sig, u32 *info, void *uc)
{
    (void)uc;
    log_sig[logged] = (u32)sig;
    log_code[logged] = info[2];
    log_value[logged++] = info[2] == (u32)-1 ? info[5] : 0;
}

static void install(u32 sig, void *h, u32 lo, u32 hi)
{
    u32 act[5] = {(u32)h, SIGINFO, 0, lo, hi};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

static void show_log(const char *what)
{
    say(what);
    for (u32 i = 0; i < logged; i++) {
        say_hex("  signal ", log_sig[i]);
        say_hex("    code ", log_code[i]);
        say_hex("    value ", log_value[i]);
    }
    logged = 0;
}

static u32 queue(u32 sig, u32 value)
{
    u32 info[32] = {sig, 0, (u32)-1, me, 0, value};
    return call(SYS_SIGQUEUEINFO, me, sig, (u32)info, 0, 0, 0);
}

static void block(u32 how, u32 lo, u32 hi)
{
    u32 set[2] = {lo, hi};
    call(SYS_SIGPROCMASK, how, (u32)set, 0, 8, 0, 0);
}

static void send_some(void)
{
    queue(36, 1);
    queue(35, 2);
    queue(36, 3);
    queue(34, 4);
    queue(36, 5);
    call(SYS_TKILL, me, 40, 0, 0, 0, 0);
    call(SYS_TKILL, me, 40, 0, 0, 0, 0);
    call(SYS_KILL, me, 35, 0, 0, 0, 0);
    queue(SIG_USR1, 6);
    queue(SIG_USR1, 7);
}

static void take(const char *what, u32 lo, u32 hi, u32 ms)
{
    u32 set[2] = {lo, hi}, info[32] = {0}, t[2] = {ms / 1000, ms % 1000 * 1000000};
    u32 r = call(SYS_SIGTIMEDWAIT, (u32)set, (u32)info, (u32)t, 8, 0, 0);
    say_hex(what, r);
    if ((int)r > 0) {
        say_hex("  code ", info[2]);
        say_hex("  value ", info[5]);
    }
}

static void queues(void)
{
    u32 pending[2];

    for (u32 s = 34; s <= 40; s++)
        install(s, handler, 0, 0);
    install(SIG_USR1, handler, 0, 0);
    block(BLOCK, 1u << (SIG_USR1 - 1), UINT32_MAX);
    send_some();
    call(SYS_SIGPENDING, (u32)pending, 8, 0, 0, 0, 0);
    say_hex("pending ", pending[0]);
    say_hex("pending ", pending[1]);
    block(SETMASK, 0, 0);
    show_log("nested\n");
    for (u32 s = 34; s <= 40; s++)
        install(s, handler, UINT32_MAX, UINT32_MAX);
    install(SIG_USR1, handler, UINT32_MAX, UINT32_MAX);
    block(BLOCK, 1u << (SIG_USR1 - 1), UINT32_MAX);
    send_some();
    block(SETMASK, 0, 0);
    show_log("in order\n");
    block(BLOCK, 1u << (SIG_USR1 - 1), UINT32_MAX);
    send_some();
    take("waited for ", 0, 1u << 3, 0);
    take("waited for ", 0, 1u << 3, 0);
    take("waited for ", 0, 1u << 3, 0);
    take("waited for ", 0, 1u << 3, 0);
    take("either ", 0, UINT32_MAX, 0);
    install(34, (void *)1, 0, 0); /* ignored: what is pending goes */
    install(34, handler, 0, 0);
    install(40, (void *)1, 0, 0);
    block(SETMASK, 0, 0);
    show_log("what is left\n");
    install(40, handler, 0, 0);
}

static void limit(void)
{
    u32 old[2], set[2] = {8, 8}, n = 0, e = 0;

    call(SYS_UGETRLIMIT, 11, (u32)old, 0, 0, 0, 0);
    set[1] = old[1];
    say_hex("limit set ", call(SYS_SETRLIMIT, 11, (u32)set, 0, 0, 0, 0));
    call(SYS_UGETRLIMIT, 11, (u32)set, 0, 0, 0, 0);
    say_hex("limit is ", set[0]);
    block(BLOCK, 0, UINT32_MAX);
    while (n < 100 && !(e = queue(37, n)))
        n++;
    say_hex("full at last ", e);
    say_hex("not before eight, unless others have some ", n <= 8);
    say_hex("kill is never refused ", call(SYS_KILL, me, 38, 0, 0, 0, 0));
    install(37, (void *)1, 0, 0);
    install(37, handler, 0, 0);
    /* The limit is a user's: natively others may be at it too. */
    call(SYS_SETRLIMIT, 11, (u32)old, 0, 0, 0, 0);
    say_hex("room again ", queue(37, 99));
    block(SETMASK, 0, 0);
    show_log("after it was full\n");
}

static void errors(void)
{
    u32 info[32] = {34, 0, (u32)-1, me, 0, 1};
    say_hex("no such signal ", queue(65, 1));
    say_hex("signal 0 ", queue(0, 1));
    say_hex("no such process ", call(SYS_SIGQUEUEINFO, 0x7fffff, 34, (u32)info, 0, 0, 0));
    say_hex("bad address ", call(SYS_SIGQUEUEINFO, me, 34, 0xffff0000, 0, 0, 0));
    say_hex("wrong group ", call(SYS_TGSIGQUEUEINFO, me + 1000000, me, 34, (u32)info, 0, 0));
    say_hex("thread 0 ", call(SYS_TGSIGQUEUEINFO, me, 0, 34, (u32)info, 0, 0));
    say_hex("to the thread ", call(SYS_TGSIGQUEUEINFO, me, me, 34, (u32)info, 0, 0));
    info[2] = 0;
    say_hex("as kill to oneself ", call(SYS_SIGQUEUEINFO, me, 34, (u32)info, 0, 0, 0));
    say_hex("as kill to another ", call(SYS_SIGQUEUEINFO, 1, 34, (u32)info, 0, 0, 0));
    show_log("those\n");
}

/* ---- timers ---- */

static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 1000000};
    call(SYS_NANOSLEEP, (u32)t, (u32)t, 0, 0, 0, 0);
}

static u32 set_timer(u32 id, u32 flags, u32 first_us, u32 every_us)
{
    u32 t[4] = {0, every_us * 1000, 0, first_us * 1000};
    return call(SYS_TIMER_SETTIME, id, flags, (u32)t, 0, 0, 0);
}

static void timers(void)
{
    u32 id = 99, other = 99, t[4], set[2] = {0, 1u << 1}, info[32], now[2];
    u32 event[16] = {0x1234, 34, SIGEV_SIGNAL};

    block(BLOCK, 1u << (SIG_ALRM - 1), UINT32_MAX);
    say_hex("made ", call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0));
    say_hex("its number ", id);
    say_hex("off ", call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0));
    say_hex("  left ", t[0] | t[1] | t[2] | t[3]);
    set_timer(id, 0, 1000, 0);
    take("rang ", 0, 1u << 1, 5000);
    say_hex("overrun ", call(SYS_TIMER_GETOVERRUN, id, 0, 0, 0, 0, 0));
    call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0);
    say_hex("off again ", t[0] | t[1] | t[2] | t[3]);
    set_timer(id, 0, 1000, 1000);
    pass(30);
    say_hex("repeats ", call(SYS_SIGTIMEDWAIT, (u32)set, (u32)info, 0, 8, 0, 0));
    say_hex("  code ", info[2]);
    say_hex("  number ", info[3]);
    say_hex("  many were missed ", info[4] >= 20);
    say_hex("  as it says ", call(SYS_TIMER_GETOVERRUN, id, 0, 0, 0, 0, 0) == info[4]);
    say_hex("again ", call(SYS_SIGTIMEDWAIT, (u32)set, (u32)info, 0, 8, 0, 0));
    call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0);
    say_hex("interval ", t[1]);
    say_hex("left, less than that ", t[2] == 0 && t[3] <= 1000000 && t[3] > 0);
    set_timer(id, 0, 0, 1000);
    while (call(SYS_SIGTIMEDWAIT, (u32)set, (u32)info, (u32)(u32[2]){0, 0}, 8, 0, 0) == 34)
        ;
    call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0);
    say_hex("stopped ", t[0] | t[1] | t[2] | t[3]);
    /* Two timers with one signal of the old kind: each is pending of its own. */
    say_hex("made ", call(SYS_TIMER_CREATE, 0, 0, (u32)&other, 0, 0, 0));
    say_hex("its number ", other);
    event[1] = SIG_ALRM;
    call(SYS_TIMER_DELETE, id, 0, 0, 0, 0, 0);
    call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0);
    set_timer(other, 0, 1, 0);
    pass(2);
    set_timer(id, 0, 1, 0);
    pass(2);
    take("first ", 1u << (SIG_ALRM - 1), 0, 1000);
    take("second ", 1u << (SIG_ALRM - 1), 0, 1000);
    take("third ", 1u << (SIG_ALRM - 1), 0, 0);
    /* At a time, on the clock of the date. */
    call(SYS_CLOCK_GETTIME, 0, (u32)now, 0, 0, 0, 0);
    t[0] = t[1] = 0;
    t[2] = now[0] - 10;
    t[3] = 0;
    call(SYS_TIMER_SETTIME, other, ABSTIME, (u32)t, 0, 0, 0);
    take("long past ", 1u << (SIG_ALRM - 1), 0, 1000);
    t[2] = now[0] + 1000;
    u32 old[4];
    call(SYS_TIMER_SETTIME, other, ABSTIME, (u32)t, (u32)old, 0, 0);
    say_hex("old ", old[0] | old[1] | old[2] | old[3]);
    call(SYS_TIMER_SETTIME, other, 0, (u32)old, (u32)t, 0, 0);
    say_hex("in a quarter of an hour ", t[2] > 990 && t[2] <= 1000);
    /* A timer that only counts. */
    event[2] = SIGEV_NONE;
    event[1] = 0;
    say_hex("silent ", call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0));
    set_timer(id, 0, 1000, 0);
    pass(5);
    call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0);
    say_hex("  over ", t[0] | t[1] | t[2] | t[3]);
    set_timer(id, 0, 1000, 1000);
    pass(5);
    call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0);
    say_hex("  goes round ", !t[2] && t[3] && t[3] <= 1000000);
    event[1] = 35;
    event[2] = SIGEV_THREAD_ID;
    event[3] = me;
    say_hex("for the thread ", call(SYS_TIMER_CREATE, (u32)-2, (u32)event, (u32)&id, 0, 0, 0));
    install(35, handler, 0, 0);
    block(SETMASK, 0, 0);
    set_timer(id, 0, 1000, 0);
    while (!*(volatile u32 *)&logged)
        ;
    show_log("after some work\n");
    /* Deleted with its signal on its way. */
    block(BLOCK, 0, UINT32_MAX);
    event[2] = SIGEV_SIGNAL;
    call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0);
    set_timer(id, 0, 1, 1);
    pass(2);
    call(SYS_TIMER_DELETE, id, 0, 0, 0, 0, 0);
    say_hex("deleted ", call(SYS_TIMER_GETTIME, id, (u32)t, 0, 0, 0, 0));
    take("or not ", 0, 1u << 2, 0);
    u32 child = call(SYS_FORK, 0, 0, 0, 0, 0, 0), status = 0;
    if (!child)
        call(SYS_EXIT, call(SYS_TIMER_GETTIME, other, (u32)t, 0, 0, 0, 0) & 0xff, 0, 0, 0, 0, 0);
    call(SYS_WAIT4, child, (u32)&status, 0, 0, 0, 0);
    say_hex("a child has none ", status);
}

static void timer_errors(void)
{
    u32 id = 0, t[4] = {0, 0, 0, 1000000000}, event[16] = {0, 34, 3};
    say_hex("no clock ", call(SYS_TIMER_CREATE, 12, 0, (u32)&id, 0, 0, 0));
    say_hex("no clock ", call(SYS_TIMER_CREATE, 10, 0, (u32)&id, 0, 0, 0));
    say_hex("coarse clock ", call(SYS_TIMER_CREATE, 6, 0, (u32)&id, 0, 0, 0));
    say_hex("raw clock ", call(SYS_TIMER_CREATE, 4, 0, (u32)&id, 0, 0, 0));
    say_hex("no notice ", call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0));
    event[2] = 0;
    event[1] = 65;
    say_hex("no signal ", call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0));
    event[1] = 34;
    event[2] = 4;
    event[3] = 1;
    say_hex("another's thread ", call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0));
    say_hex("bad event ", call(SYS_TIMER_CREATE, 1, 0xffff0000, (u32)&id, 0, 0, 0));
    say_hex("no timer ", call(SYS_TIMER_SETTIME, 7777, 0, (u32)t, 0, 0, 0));
    call(SYS_TIMER_CREATE, 1, 0, (u32)&id, 0, 0, 0);
    say_hex("bad time ", call(SYS_TIMER_SETTIME, id, 0, (u32)t, 0, 0, 0));
    say_hex("no time ", call(SYS_TIMER_SETTIME, id, 0, 0, 0, 0, 0));
    say_hex("no timer ", call(SYS_TIMER_GETOVERRUN, 7777, 0, 0, 0, 0, 0));
    say_hex("no timer ", call(SYS_TIMER_DELETE, 7777, 0, 0, 0, 0, 0));
}

int guest_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    me = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    queues();
    limit();
    errors();
    timers();
    timer_errors();
    return 0;
}

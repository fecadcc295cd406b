/* SPDX-License-Identifier: MIT */
/* Futexes with an owner: whose they are, who waits, who is told of a death, and circles; words that
 * a program has spoiled; waiters that are moved from one word to another. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_GETPID = 20,
    SYS_KILL = 37,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_SIGACTION = 174,
    SYS_FUTEX = 240,
    SYS_CLOCK_GETTIME = 265,
    SYS_ROBUST = 311
};
enum { WAIT, WAKE, LOCK = 6, UNLOCK, TRYLOCK, WAIT_RQ = 11, CMP_RQ, LOCK2, REALTIME = 256 };
#define WAITERS 0x80000000u
enum { DIED = 0x40000000, TID = 0x3fffffff };

static volatile u32 *m;
static u32 me, parent, caught;

static void on_signal(int sig)
{
    caught += (u32)sig;
}
static u32 futex(u32 word, u32 op, u32 v, u32 time, u32 second, u32 v3)
{
    return call(SYS_FUTEX, (u32)(m + word), op, v, time, (u32)(m + second), v3);
}
static void say_word(const char *what, u32 word)
{
    u32 v = m[word], id = v & TID;
    say_hex(what, (v & ~(u32)TID) | (!id ? 0 : id == me ? 1 : id == parent ? 2 : 3));
}
static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 4000000}; /* long enough for a busy host */
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}
static u32 begin(void)
{
    u32 pid = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (!pid)
        me = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    return pid;
}
static void leave(u32 status)
{
    call(SYS_EXIT, status & 255, 0, 0, 0, 0, 0);
}
static u32 wait_one(void)
{
    u32 status = 0;
    call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0);
    return status;
}
/* So many ms from now on a clock. */
static u32 in_ms(u32 clock, u32 ms, u32 *t)
{
    call(SYS_CLOCK_GETTIME, clock, (u32)t, 0, 0, 0, 0);
    t[1] += ms * 1000000;
    if (t[1] >= 1000000000)
        t[0]++, t[1] -= 1000000000;
    return (u32)t;
}

static void alone(void)
{
    m[0] = 0;
    say_hex("lock ", futex(0, LOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    say_hex("again ", futex(0, LOCK, 0, 0, 0, 0));
    say_hex("try ", futex(0, TRYLOCK, 0, 0, 0, 0));
    say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    say_hex("again ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_hex("try ", futex(0, TRYLOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    m[0] = DIED;
    say_hex("of a dead one ", futex(0, LOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    m[0] = 0x3ffffff0;
    say_hex("of nobody ", futex(0, LOCK, 0, 0, 0, 0));
    say_hex("try it ", futex(0, TRYLOCK, 0, 0, 0, 0));
    m[0] = WAITERS | me;
    say_hex("unlock without waiters ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    say_hex("nowhere ", call(SYS_FUTEX, 0x1000, LOCK, 0, 0, 0, 0));
    say_hex("crooked ", call(SYS_FUTEX, (u32)m + 1, LOCK, 0, 0, 0, 0));
    say_hex("wrong clock ", futex(0, LOCK | REALTIME, 0, 0, 0, 0));
    say_hex("unlock, wrong clock ", futex(0, UNLOCK | REALTIME, 0, 0, 0, 0));
}

static void handed(void)
{
    u32 t[2];
    m[0] = 0;
    futex(0, LOCK, 0, 0, 0, 0);
    for (u32 i = 0; i < 2; i++)
        if (!begin()) {
            if (i)
                pass(10);
            u32 e = futex(0, LOCK, 0, 0, 0, 0);
            pass(20);
            say_hex("have it ", e << 8 | i);
            say_word("  ", 0);
            pass(10);
            e = futex(0, UNLOCK, 0, 0, 0, 0);
            leave(e);
        }
    pass(30);
    say_word("two wait ", 0);
    say_hex("wake ", futex(0, WAKE, 1, 0, 0, 0));
    say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_hex("try ", futex(0, TRYLOCK, 0, 0, 0, 0));
    say_hex("not ours ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_hex("children ", wait_one() + wait_one());
    say_word("  ", 0);
    /* Time. */
    futex(0, LOCK, 0, 0, 0, 0);
    if (!begin()) {
        say_hex("too long ", futex(0, LOCK, 0, in_ms(0, 10, t), 0, 0));
        say_hex("by the other clock ", futex(0, LOCK2, 0, in_ms(1, 10, t), 0, 0));
        say_hex("or this ", futex(0, LOCK2 | REALTIME, 0, in_ms(0, 10, t), 0, 0));
        t[1] = 1000000000;
        say_hex("no time ", futex(0, LOCK, 0, (u32)t, 0, 0));
        say_hex("try ", futex(0, TRYLOCK, 0, (u32)t, 0, 0));
        say_word("  ", 0);
        leave(0);
    }
    say_hex("child ", wait_one());
    say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    /* A signal's handler runs, and the wait goes on. */
    u32 act[5] = {(u32)on_signal, 0, 0, 0, 0};
    call(SYS_SIGACTION, 10, (u32)act, 0, 8, 0, 0);
    futex(0, LOCK, 0, 0, 0, 0);
    u32 child = begin();
    if (!child) {
        u32 e = futex(0, LOCK, 0, 0, 0, 0);
        say_hex("caught ", caught);
        leave(e);
    }
    pass(20);
    call(SYS_KILL, child, 10, 0, 0, 0, 0);
    pass(20);
    futex(0, UNLOCK, 0, 0, 0, 0);
    say_hex("child ", wait_one());
    say_hex("died with it ", futex(0, LOCK, 0, 0, 0, 0));
}

static void deaths(void)
{
    /* The owner ends without a word while somebody waits. */
    m[0] = 0;
    if (!begin()) {
        futex(0, LOCK, 0, 0, 0, 0);
        pass(30);
        leave(1);
    }
    pass(10);
    say_hex("its owner ended ", futex(0, LOCK, 0, 0, 0, 0));
    say_word("  ", 0);
    say_hex("child ", wait_one());
    futex(0, UNLOCK, 0, 0, 0, 0);
    /* With a list of what it holds. */
    for (u32 waits = 0; waits < 2; waits++) {
        m[0] = 0;
        if (!begin()) {
            u32 *head = (u32 *)(m + 100), *entry = (u32 *)(m + 110);
            head[0] = (u32)entry | 1;
            head[1] = (u32)m - (u32)entry;
            head[2] = 0;
            entry[0] = (u32)head;
            call(SYS_ROBUST, (u32)head, 12, 0, 0, 0, 0);
            futex(0, LOCK, 0, 0, 0, 0);
            pass(30);
            leave(2);
        }
        if (!waits)
            wait_one();
        else
            pass(10);
        say_word("before ", 0);
        say_hex("after its owner ", futex(0, LOCK, 0, 0, 0, 0));
        say_word("  ", 0);
        say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
        if (waits)
            wait_one();
    }
    /* The one it was handed to is killed. */
    m[0] = 0;
    futex(0, LOCK, 0, 0, 0, 0);
    u32 child = begin();
    if (!child) {
        futex(0, LOCK, 0, 0, 0, 0);
        leave(3);
    }
    pass(10);
    call(SYS_KILL, child, 9, 0, 0, 0, 0);
    say_hex("killed ", wait_one());
    say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_word("  ", 0);
}

static void circles(void)
{
    m[0] = m[1] = 0;
    futex(0, LOCK, 0, 0, 0, 0);
    if (!begin()) {
        futex(1, LOCK, 0, 0, 0, 0);
        u32 e = futex(0, LOCK, 0, 0, 0, 0);
        futex(0, UNLOCK, 0, 0, 0, 0);
        futex(1, UNLOCK, 0, 0, 0, 0);
        leave(e);
    }
    pass(20);
    say_hex("a circle ", futex(1, LOCK, 0, 0, 0, 0));
    say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_hex("child ", wait_one());
    /* Spoiled while somebody waits. */
    futex(0, LOCK, 0, 0, 0, 0);
    if (!begin())
        leave(futex(0, LOCK, 0, 0, 0, 0) ? 1 : futex(0, UNLOCK, 0, 0, 0, 0) + 2);
    pass(10);
    m[0] = 1 | WAITERS;
    say_hex("spoiled ", futex(0, LOCK, 0, 0, 0, 0));
    m[0] = me | WAITERS;
    say_hex("mended ", futex(0, UNLOCK, 0, 0, 0, 0));
    say_hex("child ", wait_one());
    /* A plain waiter at such a word. */
    m[2] = 7;
    if (!begin())
        leave(futex(2, WAIT, 7, 0, 0, 0) + 4);
    pass(10);
    m[2] = parent | WAITERS;
    say_hex("plain waiter ", futex(2, UNLOCK, 0, 0, 0, 0));
    say_hex("woken ", futex(2, WAKE, 1, 0, 0, 0));
    say_hex("child ", wait_one());
}

static void moved(void)
{
    u32 t[2];
    m[3] = 5;
    m[0] = 0;
    say_hex("not that number ", futex(3, WAIT_RQ, 4, 0, 0, 0));
    say_hex("to itself ", futex(3, WAIT_RQ, 5, 0, 3, 0));
    say_hex("too long ", futex(3, WAIT_RQ, 5, in_ms(1, 10, t), 0, 0));
    say_hex("nobody ", futex(3, CMP_RQ, 1, 1, 0, 5));
    say_hex("wake more than one ", futex(3, CMP_RQ, 2, 1, 0, 5));
    say_hex("not that number ", futex(3, CMP_RQ, 1, 1, 0, 4));
    for (u32 held = 0; held < 2; held++) {
        if (held)
            futex(0, LOCK, 0, 0, 0, 0);
        for (u32 i = 0; i < 3; i++) {
            pass(5);
            if (!begin()) {
                u32 e = futex(3, WAIT_RQ, 5, 0, 0, 0);
                pass(10);
                say_hex("moved ", e << 8 | i);
                say_word("  ", 0);
                leave(futex(0, UNLOCK, 0, 0, 0, 0));
            }
        }
        pass(20);
        say_hex("wake ", futex(3, WAKE, 1, 0, 0, 0));
        if (!held)
            say_hex("elsewhere ", futex(3, CMP_RQ, 1, 1, 1, 5));
        else
            say_hex("all ", futex(3, CMP_RQ, 1, 7, 0, 5));
        pass(20);
        if (held)
            say_hex("unlock ", futex(0, UNLOCK, 0, 0, 0, 0));
        else
            say_hex("all ", futex(3, CMP_RQ, 1, 7, 0, 5));
        say_hex("children ", wait_one() + wait_one() + wait_one());
        say_word("  ", 0);
        if (m[0])
            say_hex("rest ", futex(0, LOCK, 0, 0, 0, 0));
        m[0] = 0;
    }
}

int guest_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    m = (u32 *)call(SYS_MMAP2, 0, 4096, RW, 0x21, (u32)-1, 0);
    me = parent = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    alone();
    handed();
    deaths();
    circles();
    moved();
    return 0;
}

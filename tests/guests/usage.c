/* SPDX-License-Identifier: MIT */
/* What processes have used: processor time that stands while they sleep, faults and memory, by
 * getrusage, wait4 and times; timers that count it, and its limit. Prints what holds of any run. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_KILL = 37,
    SYS_TIMES = 43,
    SYS_SETRLIMIT = 75,
    SYS_GETRUSAGE = 77,
    SYS_SETITIMER = 104,
    SYS_GETITIMER = 105,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_SIGACTION = 174,
    SYS_GETPPID = 64,
    SYS_TIMER_CREATE = 259,
    SYS_TIMER_SETTIME = 260,
    SYS_TIMER_GETTIME = 261,
    SYS_TIMER_DELETE = 263,
    SYS_CLOCK_GETTIME = 265,
    SYS_GROUP = 252
};
enum { PROCESS = 2, THREAD = 3, MS = 1000000 };
enum { UTIME = 0, MAXRSS = 4, MINFLT = 8, NVCSW = 16 };

static u32 C(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static void doze(u32 ms)
{
    u32 t[2] = {0, ms * MS};
    C(SYS_NANOSLEEP, (u32)t, 0, 0);
}

/* In ms. */
static u32 clock_ms(u32 id)
{
    u32 t[2] = {0, 0};
    C(SYS_CLOCK_GETTIME, id, (u32)t, 0);
    return t[0] * 1000 + t[1] / MS;
}

static u32 used(u32 who)
{
    u32 r[18];
    C(SYS_GETRUSAGE, who, (u32)r, 0);
    return r[0] * 1000 + r[1] / 1000 + r[2] * 1000 + r[3] / 1000;
}

static void work(u32 ms)
{
    u32 end = clock_ms(PROCESS) + ms;
    while (clock_ms(PROCESS) < end)
        for (volatile u32 i = 0; i < 1000; i++)
            ;
}

static void clocks(void)
{
    u32 wall = clock_ms(1), cpu = clock_ms(PROCESS), thread = clock_ms(THREAD);
    doze(60);
    say_hex("slept ", clock_ms(1) - wall >= 60);
    say_hex("  process ", clock_ms(PROCESS) - cpu < 30);
    say_hex("  thread ", clock_ms(THREAD) - thread < 30);
    cpu = clock_ms(PROCESS);
    thread = clock_ms(THREAD);
    work(30);
    say_hex("worked: process ", clock_ms(PROCESS) - cpu >= 30);
    say_hex("  thread ", clock_ms(THREAD) - thread >= 20);
    say_hex("  by its number ", clock_ms(~0u << 3 | 2) + 5 >= clock_ms(PROCESS));
    say_hex("  rusage ", used(0) >= 20);
    say_hex("  of the thread ", used(1) >= 20);
    say_hex("nobody's ", C(SYS_GETRUSAGE, 7, wall, 0));
    say_hex("both's ", C(SYS_GETRUSAGE, (u32)-2, wall, 0));
}

static u32 child(u32 ms, u32 bytes)
{
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (pid)
        return pid;
    if (bytes) {
        u8 *m = map(0, bytes, RW);
        for (u32 i = 0; i < bytes; i += 4096)
            m[i] = 1;
        call(SYS_MUNMAP, (u32)m, bytes, 0, 0, 0, 0);
    }
    work(ms);
    doze(1);
    C(SYS_GROUP, 0, 0, 0);
    return 0;
}

static void families(void)
{
    u32 status, r[18], t[4] = {0}, before;
    say_hex("children before ", used((u32)-1));
    u32 pid = child(40, 4 << 20);
    C(SYS_TIMES, (u32)t, 0, 0);
    say_hex("ticks before ", t[2]);
    call(SYS_WAIT4, pid, (u32)&status, 0, (u32)r, 0, 0);
    say_hex("child's time ", r[UTIME] * 1000000 + r[1] + r[2] * 1000000 + r[3] >= 30000);
    say_hex("  memory ", r[MAXRSS] >= 4096 && r[MAXRSS] < 6144);
    say_hex("  faults ", r[MINFLT] >= 1024);
    say_hex("  waited ", r[NVCSW] >= 1);
    say_hex("children's time ", used((u32)-1) >= 30);
    C(SYS_TIMES, (u32)t, 0, 0);
    say_hex("  ticks ", t[2] + t[3] >= 2);
    C(SYS_GETRUSAGE, (u32)-1, (u32)r, 0);
    say_hex("  memory ", r[MAXRSS] >= 4096);
    say_hex("  faults ", r[MINFLT] >= 1024);
    /* One that its parent does not want to hear of is not counted. */
    u32 act[5] = {1, 0, 0, 0, 0};
    call(SYS_SIGACTION, 17, (u32)act, 0, 8, 0, 0);
    before = used((u32)-1);
    child(40, 0);
    call(SYS_WAIT4, (u32)-1, 0, 0, 0, 0, 0);
    say_hex("unheard of ", used((u32)-1) - before < 20);
    act[0] = 0;
    call(SYS_SIGACTION, 17, (u32)act, 0, 8, 0, 0);
    /* A grandchild's time comes with the child that has waited for it. */
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        call(SYS_WAIT4, child(40, 0), 0, 0, 0, 0, 0);
        C(SYS_GROUP, 0, 0, 0);
    }
    call(SYS_WAIT4, pid, 0, 0, (u32)r, 0, 0);
    say_hex("grandchild's time ", r[1] + r[3] >= 30000);
}

static volatile u32 rang;
static void on_ring(int sig)
{
    rang = (u32)sig;
}

static void install(u32 sig)
{
    u32 act[5] = {(u32)on_ring, 0, 0, 0, 0};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

static void timers(void)
{
    static const u8 sigs[] = {26, 27};
    static const u32 ids[] = {PROCESS, THREAD, ~0u << 3 | 2};
    for (u32 k = 1; k < 3; k++) {
        u32 t[4] = {0, 0, 0, 40000}, off[4] = {0}, begin;
        install(sigs[k - 1]);
        rang = 0;
        begin = clock_ms(PROCESS);
        C(SYS_SETITIMER, k, (u32)t, 0);
        doze(100);
        say_hex("asleep ", rang);
        C(SYS_GETITIMER, k, (u32)t, 0);
        say_hex("  left ", t[3] > 10000 && t[3] <= 50000);
        while (!rang)
            ;
        say_hex("awake ", rang);
        say_hex("  after ", clock_ms(PROCESS) - begin >= 30);
        C(SYS_SETITIMER, k, (u32)off, 0);
    }
    for (u32 k = 0; k < 3; k++) {
        u32 t[4] = {0, 0, 0, 40 * MS}, id, event[16] = {0, 10, 0}, begin;
        install(10);
        rang = 0;
        begin = clock_ms(PROCESS);
        say_hex("timer ", C(SYS_TIMER_CREATE, ids[k], (u32)event, (u32)&id));
        call(SYS_TIMER_SETTIME, id, 0, (u32)t, 0, 0, 0);
        doze(100);
        say_hex("asleep ", rang);
        C(SYS_TIMER_GETTIME, id, (u32)t, 0);
        say_hex("  left ", t[3] > 10 * MS && t[3] <= 40 * MS);
        while (!rang)
            ;
        say_hex("awake ", rang);
        say_hex("  after ", clock_ms(PROCESS) - begin >= 30);
        C(SYS_TIMER_DELETE, id, 0, 0);
    }
}

/* A second each: only when asked. */
static void limit(void)
{
    u32 l[2] = {1, 2}, status = 0, r[18], pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        install(24);
        C(SYS_SETRLIMIT, 0, (u32)l, 0);
        while (!rang)
            ;
        say_hex("warned ", rang);
        say_hex("  after ", clock_ms(PROCESS) >= 800);
        for (;;)
            ;
    }
    call(SYS_WAIT4, pid, (u32)&status, 0, (u32)r, 0, 0);
    say_hex("ended ", status);
    say_hex("  after ", r[0] + r[2] >= 1);
}

int guest_main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        limit();
        return 0;
    }
    clocks();
    families();
    timers();
    return 0;
}

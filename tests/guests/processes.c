/* SPDX-License-Identifier: MIT */
/* Processes and threads: fork and its copies of memory, pipes that fill up, ends and how the parent
 * hears of them, calls that a signal interrupts, execve of itself, threads and futexes. What it
 * prints does not depend on who runs when. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_EXECVE = 11,
    SYS_ALARM = 27,
    SYS_PAUSE = 29,
    SYS_GETPID = 20,
    SYS_KILL = 37,
    SYS_PIPE = 42,
    SYS_DUP2 = 63,
    SYS_GETPPID = 64,
    SYS_SETITIMER = 104,
    SYS_WAIT4 = 114,
    SYS_CLONE = 120,
    SYS_YIELD = 158,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_SIGACTION = 174,
    SYS_VFORK = 190,
    SYS_GETTID = 224,
    SYS_FUTEX = 240,
    SYS_GROUP = 252,
    SYS_TGKILL = 270,
    SYS_WAITID = 284,
    SYS_SIGPROCMASK = 175,
    SYS_SIGTIMEDWAIT = 177
};
#define RESTART 0x10000000u

static u32 C(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static volatile u32 seen, last;
static void on_signal(int sig)
{
    seen++;
    last = (u32)sig;
}

static void install(u32 sig, void *h, u32 flags)
{
    u32 act[5] = {(u32)h, flags, 0, 0, 0};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

static void leave(u32 code)
{
    call(SYS_GROUP, code, 0, 0, 0, 0, 0);
}

static u32 end_of(u32 pid)
{
    u32 status = 0xdead, r;
    do
        r = call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0);
    while (r == (u32)-4);
    return r == pid ? status : r;
}

static void copies(void)
{
    u32 *mine = (u32 *)map(0, 16 * 4096, RW), h = 1;
    u32 *shared = (u32 *)call(SYS_MMAP2, 0, 4096, RW, 0x21, (u32)-1, 0);
    for (u32 i = 0; i < 16 * 1024; i++)
        mine[i] = i;
    for (u32 round = 0; round < 4; round++) {
        u32 pid = C(SYS_FORK, 0, 0, 0);
        if (!pid) {
            for (u32 i = round; i < 16 * 1024; i += 7)
                mine[i] += round + 1;
            for (u32 i = 0; i < 16 * 1024; i++)
                h = mix(h, mine[i]);
            shared[round] = h;
            leave(round);
        }
        for (u32 i = round; i < 16 * 1024; i += 11)
            mine[i] ^= 0x55;
        h = mix(h, end_of(pid));
        h = mix(h, shared[round]);
    }
    for (u32 i = 0; i < 16 * 1024; i++)
        h = mix(h, mine[i]);
    say_hex("copies ", h);
}

static void pipes(void)
{
    static u8 buf[100000];
    u32 fd[2], back[2], h = 1, n, total = 0;
    C(SYS_PIPE, (u32)fd, 0, 0);
    C(SYS_PIPE, (u32)back, 0, 0);
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) { /* reads, in pieces of its own, and answers with a checksum */
        C(SYS_CLOSE, fd[1], 0, 0);
        C(SYS_DUP2, fd[0], 0, 0);
        for (u32 piece = 1; (n = C(SYS_READ, 0, (u32)buf, piece)) != 0;
             piece = piece * 3 % 5000 + 1) {
            if ((int32_t)n < 0)
                leave(9);
            for (u32 i = 0; i < n; i++)
                h = mix(h, buf[i]);
            total += n;
        }
        C(SYS_WRITE, back[1], (u32)&total, 4);
        C(SYS_WRITE, back[1], (u32)&h, 4);
        leave(0);
    }
    C(SYS_CLOSE, fd[0], 0, 0);
    for (u32 i = 0; i < sizeof buf; i++)
        buf[i] = (u8)(i * 7 + i / 256);
    for (u32 k = 0; k < 3; k++)
        say_hex("wrote ", C(SYS_WRITE, fd[1], (u32)buf, sizeof buf - k * 40000));
    C(SYS_CLOSE, fd[1], 0, 0);
    C(SYS_READ, back[0], (u32)&total, 4);
    C(SYS_READ, back[0], (u32)&h, 4);
    say_hex("read ", total);
    say_hex("sum ", h);
    say_hex("status ", end_of(pid));
}

static void ends(void)
{
    u32 pid, fd[2], info[32];
    install(17, on_signal, 0);
    seen = 0;
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid)
        leave(77);
    say_hex("exit ", end_of(pid));
    say_hex("child signals ", seen);
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        C(SYS_KILL, C(SYS_GETPID, 0, 0, 0), 15, 0);
        for (;;)
            ;
    }
    say_hex("killed ", end_of(pid));
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid)
        for (;;) /* does nothing, until its parent has had enough */
            C(SYS_YIELD, 0, 0, 0);
    C(SYS_KILL, pid, 9, 0);
    say_hex("killed by me ", end_of(pid));
    C(SYS_PIPE, (u32)fd, 0, 0);
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        C(SYS_CLOSE, fd[0], 0, 0);
        u8 b;
        C(SYS_YIELD, 0, 0, 0);
        for (u32 i = 0; i < 100000; i++)
            C(SYS_WRITE, fd[1], (u32)&b, 1);
        leave(1);
    }
    C(SYS_CLOSE, fd[1], 0, 0);
    C(SYS_CLOSE, fd[0], 0, 0);
    say_hex("broken pipe ", end_of(pid) & 0x7f);
    say_hex("no child ", call(SYS_WAIT4, (u32)-1, 0, 0, 0, 0, 0));
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid)
        leave(5);
    say_hex("waitid ", call(SYS_WAITID, 1, pid, (u32)info, 4, 0, 0));
    say_hex("  code ", info[2]);
    say_hex("  pid ", info[3] == pid);
    say_hex("  status ", info[5]);
    install(17, 0, 0);
}

static void interrupted(void)
{
    u32 fd[2], v = 5, timer[4] = {0, 0, 0, 5000}, off[4] = {0}, rem[2], hour[2] = {3600, 0};
    u32 set[2] = {1u << 13, 0};
    C(SYS_PIPE, (u32)fd, 0, 0);
    install(14, on_signal, 0);
    seen = 0;
    C(SYS_SETITIMER, 0, (u32)timer, 0);
    say_hex("read interrupted ", C(SYS_READ, fd[0], (u32)&v, 4));
    C(SYS_SETITIMER, 0, (u32)timer, 0);
    say_hex("sleep interrupted ", C(SYS_NANOSLEEP, (u32)hour, (u32)rem, 0));
    say_hex("  left over ", rem[0]);
    C(SYS_SETITIMER, 0, (u32)timer, 0);
    say_hex("pause ", C(SYS_PAUSE, 0, 0, 0));
    say_hex("signals ", seen);
    install(14, on_signal, RESTART);
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        u32 wait[2] = {0, 60000000};
        C(SYS_NANOSLEEP, (u32)wait, 0, 0);
        v = 0x600d;
        C(SYS_WRITE, fd[1], (u32)&v, 4);
        leave(0);
    }
    C(SYS_SETITIMER, 0, (u32)timer, 0);
    say_hex("read restarted ", C(SYS_READ, fd[0], (u32)&v, 4));
    say_hex("  value ", v);
    say_hex("  signals ", seen);
    end_of(pid);
    timer[1] = 1000; /* again and again, while it computes */
    seen = 0;
    C(SYS_SETITIMER, 0, (u32)timer, 0);
    while (seen < 5)
        v = mix(v, seen);
    C(SYS_SETITIMER, 0, (u32)off, 0);
    say("ticked\n");
    struct {
        int32_t fd;
        uint16_t want, got;
    } p = {(int32_t)fd[0], 1, 0};
    say_hex("poll in vain ", C(SYS_POLL, (u32)&p, 1, 20));
    C(SYS_WRITE, fd[1], (u32)&v, 4);
    say_hex("poll ", C(SYS_POLL, (u32)&p, 1, (u32)-1));
    say_hex("  events ", p.got);
    install(14, 0, 0);
    call(SYS_SIGPROCMASK, 0, (u32)set, 0, 8, 0, 0);
    timer[1] = 0;
    C(SYS_SETITIMER, 0, (u32)timer, 0);
    say_hex("waited for ", call(SYS_SIGTIMEDWAIT, (u32)set, 0, 0, 8, 0, 0));
    u32 soon[2] = {0, 1000000};
    say_hex("in vain ", call(SYS_SIGTIMEDWAIT, (u32)set, 0, (u32)soon, 8, 0, 0));
    call(SYS_SIGPROCMASK, 1, (u32)set, 0, 8, 0, 0);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 3000 };
static volatile u32 lock, counter, alive[THREADS], ready;

static u32 xchg(volatile u32 *p, u32 v)
{
    __asm__ volatile("xchg %0, %1" : "+r"(v), "+m"(*p) : : "memory");
    return v;
}

static void acquire(void)
{
    u32 was = 0;
    __asm__ volatile("lock cmpxchg %2, %1" : "+a"(was), "+m"(lock) : "r"(1) : "memory", "cc");
    if (was)
        while (xchg(&lock, 2))
            call(SYS_FUTEX, (u32)&lock, 0x80, 2, 0, 0, 0);
}

static void release(void)
{
    if (xchg(&lock, 0) == 2)
        call(SYS_FUTEX, (u32)&lock, 0x81, 1, 0, 0, 0);
}

static u32 thread(u32 k)
{
    u32 mine = 0;
    for (u32 i = 0; i < ROUNDS; i++) {
        acquire();
        u32 v = counter;
        if (i % 64 == k)
            C(SYS_YIELD, 0, 0, 0);
        counter = v + 1;
        release();
        mine = mix(mine, i);
    }
    acquire();
    ready += mine & 0xff;
    release();
    return 0;
}

/* Calls f(k) on a new stack and ends the thread. */
static u32 start(u32 (*f)(u32), u32 k, u8 *stack, volatile u32 *tid, u32 flags)
{
    u32 *top = (u32 *)(stack + 16384), r;
    *--top = k;
    *--top = (u32)f;
    __asm__ volatile("int $0x80\n\ttest %%eax, %%eax\n\tjnz 1f\n\tpop %%eax\n\tcall *%%eax\n\t"
                     "movl $1, %%eax\n\txorl %%ebx, %%ebx\n\tint $0x80\n1:"
                     : "=a"(r)
                     : "a"(SYS_CLONE), "b"(flags), "c"(top), "d"(tid), "S"(0), "D"(tid)
                     : "memory", "cc");
    return r;
}

static void threads(void)
{
    for (u32 k = 0; k < THREADS; k++) {
        u32 r = start(thread, k, map(0, 16384, RW), &alive[k], 0x3d0f00 & ~0x80000u);
        if ((int32_t)r < 0)
            say_hex("clone ", r);
    }
    for (u32 k = 0; k < THREADS; k++)
        for (u32 v; (v = alive[k]) != 0;)
            call(SYS_FUTEX, (u32)&alive[k], 0, v, 0, 0, 0);
    say_hex("counted ", counter);
    say_hex("ready ", ready);
    u32 soon[2] = {0, 2000000};
    say_hex("futex in vain ", call(SYS_FUTEX, (u32)&lock, 0, lock, (u32)soon, 0, 0));
    say_hex("futex of another value ", call(SYS_FUTEX, (u32)&lock, 0, lock + 1, 0, 0, 0));
    say_hex("futex astray ", call(SYS_FUTEX, 0x10, 0, 1, 0, 0, 0));
}

/* Many at once: children that all wait for one pipe to close. */
static void crowd(void)
{
    u32 fd[2], born = 0, ended = 0, sum = 0, status;
    C(SYS_PIPE, (u32)fd, 0, 0);
    for (u32 k = 0; k < 200; k++) {
        int32_t pid = (int32_t)C(SYS_FORK, 0, 0, 0);
        if (!pid) {
            u8 c;
            C(SYS_CLOSE, fd[1], 0, 0);
            leave(C(SYS_READ, fd[0], (u32)&c, 1) ? 255 : k & 127);
        }
        born += pid > 0;
    }
    C(SYS_CLOSE, fd[0], 0, 0);
    C(SYS_CLOSE, fd[1], 0, 0);
    while ((int32_t)C(SYS_WAIT4, (u32)-1, (u32)&status, 0) > 0) {
        ended++;
        sum += status >> 8;
    }
    say_hex("crowd born ", born);
    say_hex("crowd ended ", ended);
    say_hex("crowd said ", sum);
}

static u32 become(u32 k)
{
    static const char *args[] = {"self", "by ", "execve\n", 0};
    static const char *env[] = {0};
    (void)k;
    C(SYS_EXECVE, (u32) "/proc/self/exe", (u32)args, (u32)env);
    leave(3);
    return 0;
}

int guest_main(int argc, char **argv)
{
    if (argc > 1) { /* the program that execve calls */
        say(argv[1]);
        say(argv[2]);
        return argv[3] == 0 ? 42 : 1;
    }
    copies();
    pipes();
    ends();
    interrupted();
    u32 pid = start(become, 0, map(0, 16384, RW), 0, 0x4111); /* VM, VFORK, SIGCHLD */
    say_hex("program ended ", end_of(pid));
    say_hex("no such program ", C(SYS_EXECVE, (u32) "/nowhere", 0, 0));
    say_hex("no program ", C(SYS_EXECVE, (u32) "/dev/null", 0, 0));
    threads();
    crowd();
    return 0;
}

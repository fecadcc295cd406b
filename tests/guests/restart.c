/* SPDX-License-Identifier: MIT */
/* What becomes of a system call when a handler comes between: made again after it (SA_RESTART), or
 * ended by EINTR with what is left of the time; and of one that is only stopped and continued, or
 * met by a signal that is ignored. Then robust locks, whose holder ends. Prints nothing that
 * depends on how fast anything runs. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_GETPID = 20,
    SYS_PAUSE = 29,
    SYS_KILL = 37,
    SYS_PIPE = 42,
    SYS_SETITIMER = 104,
    SYS_VFORK = 190,
    SYS_WAIT4 = 114,
    SYS_CLONE = 120,
    SYS_SELECT = 142,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_SIGACTION = 174,
    SYS_SIGPROCMASK = 175,
    SYS_SIGTIMEDWAIT = 177,
    SYS_SIGSUSPEND = 179,
    SYS_GETTID = 224,
    SYS_FUTEX = 240,
    SYS_CLOCK_GETTIME = 265,
    SYS_CLOCK_NANOSLEEP = 267,
    SYS_PSELECT = 308,
    SYS_PPOLL = 309,
    SYS_SET_ROBUST = 311,
    SYS_GET_ROBUST = 312
};
enum { RESTART = 0x10000000, ALRM = 14, STOP = 19, CONT = 18, CHLD = 17, WINCH = 28 };
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9, DIED = 0x40000000 };

static u32 rang, me;

static void handler(int sig)
{
    (void)sig;
    rang++;
}

static void install(u32 sig, void *h, u32 flags)
{
    u32 act[5] = {(u32)h, flags, 0, 0, 0};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

/* Again and again, so that it does not matter how long a native run is kept from its call. */
static void ring(u32 ms)
{
    u32 t[4] = {0, ms * 4000, 0, ms * 1000};
    call(SYS_SETITIMER, 0, (u32)t, 0, 0, 0, 0);
}

static void pass(u32 ms)
{
    u32 t[2] = {0, ms * 1000000};
    call(SYS_NANOSLEEP, (u32)t, 0, 0, 0, 0, 0);
}

static u32 p[2], word;

static u32 child_after(u32 ms, u32 what)
{
    u32 pid = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (pid)
        return pid;
    pass(ms);
    if (what == 1)
        call(SYS_WRITE, p[1], (u32) "x", 1, 0, 0, 0);
    if (what == 2) {
        call(SYS_KILL, me, STOP, 0, 0, 0, 0);
        pass(5);
        call(SYS_KILL, me, CONT, 0, 0, 0, 0);
    }
    if (what == 3)
        call(SYS_KILL, me, WINCH, 0, 0, 0, 0);
    call(SYS_EXIT, 7, 0, 0, 0, 0, 0);
    return 0;
}

static void result(const char *what, u32 r)
{
    ring(0);
    say_hex(what, r);
    say_hex("  handled ", rang != 0);
    rang = 0;
}

static u32 status;
static void reap(void)
{
    status = 0;
    while ((int)call(SYS_WAIT4, (u32)-1, (u32)&status, 0, 0, 0, 0) > 0)
        ;
}

static void calls(u32 flags)
{
    char c = 0;
    u32 t[2], left[2], tv[2], set[3], arg[2] = {0, 8};
    struct {
        u32 fd;
        unsigned short want, got;
    } f = {p[0], 1, 0};

    install(ALRM, handler, flags);
    /* Those that are made again, if asked: each ends at last by what a child does. */
    u32 pid = child_after(150, 1);
    ring(5);
    u32 r = call(SYS_READ, p[0], (u32)&c, 1, 0, 0, 0);
    result("read ", r);
    if ((int)r < 0)
        call(SYS_READ, p[0], (u32)&c, 1, 0, 0, 0);
    reap();
    pid = child_after(150, 0);
    ring(5);
    status = 0;
    r = call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0);
    result("wait ", r == pid ? 1 : r);
    say_hex("  status ", status);
    reap();
    /* Those that never are. */
    ring(3);
    t[0] = 10;
    t[1] = 0;
    left[0] = left[1] = 99;
    result("sleep ", call(SYS_NANOSLEEP, (u32)t, (u32)left, 0, 0, 0, 0));
    say_hex("  left ", left[0] == 9 && left[1] > 0);
    ring(3);
    left[0] = left[1] = 99;
    result("sleep until ", (call(SYS_CLOCK_GETTIME, 1, (u32)t, 0, 0, 0, 0), t[0] += 10,
                            call(SYS_CLOCK_NANOSLEEP, 1, 1, (u32)t, (u32)left, 0, 0)));
    say_hex("  not told ", left[0] == 99 && left[1] == 99);
    ring(3);
    result("poll ", call(SYS_POLL, (u32)&f, 1, 1000, 0, 0, 0));
    ring(3);
    t[0] = 10;
    t[1] = 0;
    result("ppoll ", call(SYS_PPOLL, (u32)&f, 1, (u32)t, 0, 0, 0));
    say_hex("  left ", t[0] == 9 && t[1] > 0);
    ring(3);
    set[0] = 1u << p[0];
    tv[0] = 10;
    tv[1] = 0;
    result("select ", call(SYS_SELECT, p[0] + 1, (u32)set, 0, 0, (u32)tv, 0));
    say_hex("  left ", tv[0] == 9 && tv[1] > 0);
    say_hex("  set ", set[0] == 1u << p[0]);
    ring(3);
    t[0] = 10;
    t[1] = 0;
    result("pselect ", call(SYS_PSELECT, p[0] + 1, (u32)set, 0, 0, (u32)t, (u32)arg));
    say_hex("  left ", t[0] == 9 && t[1] > 0);
    ring(3);
    result("pause ", call(SYS_PAUSE, 0, 0, 0, 0, 0, 0));
    ring(3);
    set[0] = set[1] = 0;
    result("suspend ", call(SYS_SIGSUSPEND, (u32)set, 8, 0, 0, 0, 0));
    ring(3);
    set[0] = 1u << 11;
    result("waiting for another ", call(SYS_SIGTIMEDWAIT, (u32)set, 0, 0, 8, 0, 0));
    ring(3);
    t[0] = 1;
    result("futex with a time ", call(SYS_FUTEX, (u32)&word, FUTEX_WAIT, 0, (u32)t, 0, 0));
    if (!flags) {
        ring(3);
        result("futex ", call(SYS_FUTEX, (u32)&word, FUTEX_WAIT, 0, 0, 0, 0));
    }
}

/* Stopped and continued, or not interested: as if nothing had been. */
static void calls_unmoved(void)
{
    char c;
    u32 t[2] = {0, 30000000}, left[2] = {99, 99};

    for (u32 what = 2; what <= 3; what++) {
        left[0] = 99;
        child_after(5, what);
        say_hex("sleep ", call(SYS_NANOSLEEP, (u32)t, (u32)left, 0, 0, 0, 0));
        if (what == 3)
            say_hex("  not told ", left[0] == 99);
        reap();
        child_after(5, what);
        say_hex("poll ", call(SYS_POLL, 0, 0, 30, 0, 0, 0));
        reap();
        child_after(5, what);
        say_hex("futex ", call(SYS_FUTEX, (u32)&word, FUTEX_WAIT, 0, (u32)t, 0, 0));
        reap();
        child_after(5, what);
        u32 other = child_after(25, 1);
        say_hex("read ", call(SYS_READ, p[0], (u32)&c, 1, 0, 0, 0));
        (void)other;
        reap();
    }
}

/* What is left of a time that was not needed. */
static void told_times(void)
{
    u32 tv[2] = {5, 0}, set = 1u << p[1], t[2] = {0, 2000000};
    say_hex("ready ", call(SYS_SELECT, p[1] + 1, 0, (u32)&set, 0, (u32)tv, 0));
    say_hex("  left ", tv[0] == 4 || (tv[0] == 5 && !tv[1]));
    set = 1u << p[0];
    tv[0] = 0;
    tv[1] = 2000;
    say_hex("time is up ", call(SYS_SELECT, p[0] + 1, (u32)&set, 0, 0, (u32)tv, 0));
    say_hex("  left ", tv[0] | tv[1]);
    say_hex("ppoll ", call(SYS_PPOLL, 0, 0, (u32)t, 0, 0, 0));
    say_hex("  left ", t[0] | t[1]);
}

/* ---- robust locks ---- */

struct list {
    u32 next;
    u32 lock;
};
static struct robust {
    u32 first, offset, pending;
} * head;
static struct list *locks;
static volatile u32 *shared;

/* A child, or a thread, that holds locks and ends. */
static void hold(u32 kind)
{
    u32 tid = call(SYS_GETTID, 0, 0, 0, 0, 0, 0);
    for (u32 i = 0; i < 6; i++) {
        locks[i].next = (u32)(i < 3 ? &locks[i + 1] : (void *)head);
        locks[i].lock = tid;
    }
    locks[1].lock = tid | 0x80000000; /* somebody waits */
    locks[2].lock = tid + 1;          /* not ours */
    locks[3].next |= kind == 4;       /* one that inherits */
    locks[4].lock = tid | 0x80000000;
    locks[5].lock = 0;
    head->first = (u32)&locks[0];
    head->offset = 4;
    head->pending = kind == 1 ? 0 : (u32)&locks[4];
    if (kind == 2)
        locks[1].next = 0x1000; /* leads nowhere */
    if (kind == 3)
        locks[3].next = (u32)&locks[0]; /* leads round */
    if (kind == 5)
        head->offset = 5;
    call(SYS_SET_ROBUST, (u32)head, 12, 0, 0, 0, 0);
    *shared = tid;
}

static void show_locks(const char *what, u32 tid)
{
    say(what);
    for (u32 i = 0; i < 6; i++) {
        say_hex("  flags ", locks[i].lock & 0xc0000000);
        say_hex("  holder ", (locks[i].lock & 0x3fffffff) ? (locks[i].lock - tid) & 0xff : 0xff);
    }
}

static u32 stack[2048];

static void robust(void)
{
    u8 *page = (u8 *)call(SYS_MMAP2, 0, 4096, 3, 0x21, (u32)-1, 0);
    u32 where = 0, size = 0;

    head = (void *)page;
    locks = (void *)(page + 64);
    shared = (void *)(page + 256);
    say_hex("wrong size ", call(SYS_SET_ROBUST, (u32)head, 16, 0, 0, 0, 0));
    call(SYS_SET_ROBUST, (u32)head, 12, 0, 0, 0, 0);
    say_hex("got ", call(SYS_GET_ROBUST, 0, (u32)&where, (u32)&size, 0, 0, 0));
    say_hex("  the same ", where == (u32)head);
    say_hex("  size ", size);
    say_hex("nobody's ", call(SYS_GET_ROBUST, 0x7ffffff, (u32)&where, (u32)&size, 0, 0, 0));
    call(SYS_SET_ROBUST, 0, 12, 0, 0, 0, 0);
    for (u32 kind = 0; kind < 6; kind++) {
        *shared = 0;
        u32 pid = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
        if (!pid) {
            hold(kind);
            if (kind == 4)
                call(SYS_KILL, call(SYS_GETPID, 0, 0, 0, 0, 0, 0), 9, 0, 0, 0, 0);
            call(SYS_EXIT, 3, 0, 0, 0, 0, 0);
        }
        reap();
        show_locks("a child ended\n", *shared);
    }
    /* One waits for what a thread holds as it ends. */
    *shared = 0;
    u32 *top = stack + 2040;
    u32 r;
    __asm__ volatile("int $0x80\n\ttest %%eax, %%eax\n\tjnz 1f\n\t"
                     "call *%%edi\n\tmov $1, %%eax\n\txor %%ebx, %%ebx\n\tint $0x80\n1:"
                     : "=a"(r)
                     : "a"(SYS_CLONE), "b"(0x10f00), "c"(top), "d"(0), "S"(0), "D"(({
                           void thread(void);
                           thread;
                       }))
                     : "memory");
    while (!*shared)
        pass(1);
    u32 v = locks[1].lock, t[2] = {5, 0};
    say_hex("held ", v == (*shared | 0x80000000));
    say_hex("woken ", call(SYS_FUTEX, (u32)&locks[1].lock, FUTEX_WAIT, v, (u32)t, 0, 0));
    pass(5);
    show_locks("a thread ended\n", *shared);
}

void thread(void)
{
    hold(0);
    pass(150);
}

int guest_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    /* The first wait of all, for a child that has our memory. */
    u32 child;
    __asm__ volatile("int $0x80\n\ttest %%eax, %%eax\n\tjnz 1f\n\t"
                     "mov $1, %%eax\n\tmov $9, %%ebx\n\tint $0x80\n1:"
                     : "=a"(child)
                     : "a"(SYS_VFORK)
                     : "memory", "ebx");
    call(SYS_WAIT4, child, (u32)&status, 0, 0, 0, 0);
    say_hex("vfork ", status);
    me = call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    call(SYS_PIPE, (u32)p, 0, 0, 0, 0, 0);
    calls(0);
    calls(RESTART);
    install(ALRM, handler, RESTART);
    calls_unmoved();
    told_times();
    robust();
    return 0;
}

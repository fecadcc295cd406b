/* SPDX-License-Identifier: MIT */
/* The finer points of signals: what is blocked is not ignored, RF in the frames of faults, stops by
 * their own names, alternate stacks that are given up, the oldest call, and alarms beyond execve.
 */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_PIPE = 42,
    SYS_EXECVE = 11,
    SYS_GETPID = 20,
    SYS_ALARM = 27,
    SYS_KILL = 37,
    SYS_SIGNAL = 48,
    SYS_SETPGID = 57,
    SYS_SETSID = 66,
    SYS_SETITIMER = 104,
    SYS_GETITIMER = 105,
    SYS_WAIT4 = 114,
    SYS_NANOSLEEP = 162,
    SYS_SIGACTION = 174,
    SYS_SIGPROCMASK = 175,
    SYS_SIGPENDING = 176,
    SYS_SIGTIMEDWAIT = 177,
    SYS_SIGALTSTACK = 186,
    SYS_GROUP = 252,
    SYS_TIMER_CREATE = 259,
    SYS_TIMER_SETTIME = 260,
    SYS_TIMER_GETTIME = 261,
    SYS_WAITID = 284
};
enum { SIGINFO = 4, ONSTACK = 0x8000000, NODEFER = 0x40000000 };
enum { NOHANG = 1, UNTRACED = 2, EXITED = 4, CONTINUED = 8 };
enum {
    USR1 = 10,
    USR2 = 12,
    ALRM = 14,
    CHLD = 17,
    CONT = 18,
    STOP = 19,
    TSTP = 20,
    TTIN = 21,
    TTOU = 22,
    URG = 23,
    WINCH = 28
};

struct sigcontext {
    u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss, fpstate, oldmask, cr2;
};
struct ucontext {
    u32 flags, link, stack[3];
    struct sigcontext sc;
    u32 mask[2];
};

static u32 C(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static void install(u32 sig, void *h, u32 flags, u32 mask)
{
    u32 act[5] = {(u32)h, flags, 0, mask, 0};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

static void block(u32 how, u32 sig)
{
    u32 set[2] = {1u << (sig - 1), 0};
    call(SYS_SIGPROCMASK, how, (u32)set, 0, 8, 0, 0);
}

static void me(u32 sig)
{
    C(SYS_KILL, C(SYS_GETPID, 0, 0, 0), sig, 0);
}

static void leave(u32 code)
{
    C(SYS_GROUP, code, 0, 0);
}

static void doze(void)
{
    u32 t[2] = {0, 20000000};
    C(SYS_NANOSLEEP, (u32)t, 0, 0);
}

/* ---- waiting for what would be ignored ---- */

static u32 take(u32 sig)
{
    u32 set[2] = {1u << (sig - 1), 0}, info[32], soon[2] = {0, 300000000};
    return call(SYS_SIGTIMEDWAIT, (u32)set, (u32)info, (u32)soon, 8, 0, 0);
}

static void ignored(u32 sig, u32 handler)
{
    u32 status, self = C(SYS_GETPID, 0, 0, 0);
    install(sig, (void *)handler, 0, 0);
    block(0, sig);
    me(sig);
    say_hex("blocked, sent, taken ", take(sig));
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        doze();
        C(SYS_KILL, self, sig, 0);
        leave(0);
    }
    say_hex("waited for, sent ", take(sig));
    call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0);
    block(1, sig);
    say_hex("not blocked ", take(sig));
    install(sig, 0, 0, 0);
}

/* ---- RF ---- */

static u32 step, second;
static void on_usr2(int sig, u32 *info, struct ucontext *uc)
{
    (void)sig, (void)info;
    say_hex("  behind it RF ", uc->sc.eflags & 0x10000);
}

static void on_fault(int sig, u32 *info, struct ucontext *uc)
{
    u32 now;
    (void)sig, (void)info;
    __asm__ volatile("pushf\n\tpop %0" : "=r"(now));
    say_hex("  trap ", uc->sc.trapno);
    say_hex("  RF ", uc->sc.eflags & 0x10000);
    say_hex("  RF in the handler ", now & 0x10000);
    uc->sc.eip += step;
    uc->sc.eflags &= ~0x100u;
    if (second)
        me(USR2); /* blocked: it comes when this handler has ended */
}

#define FAULT(text, bytes)                                                                         \
    do {                                                                                           \
        say(text "\n");                                                                            \
        step = bytes;                                                                              \
        __asm__ volatile(text ::: "memory", "cc", "eax", "edx");                                   \
    } while (0)

static void resume_flag(void)
{
    static const u32 faults[] = {4, 5, 7, 8, 11};
    for (u32 i = 0; i < 5; i++)
        install(faults[i], on_fault, SIGINFO, 1u << (USR2 - 1));
    install(USR2, on_usr2, SIGINFO, 0);
    FAULT("ud2", 2);
    FAULT("hlt", 1);
    FAULT("int $0x81", 2);
    FAULT("xorl %%edx, %%edx\n\tdivl %%edx", 2);
    FAULT("movl 0x10, %%eax", 5);
    FAULT("int3", 0);
    FAULT("movb $0x7f, %%al\n\taddb $1, %%al\n\tinto", 0);
    FAULT("pushf\n\torl $0x100, (%%esp)\n\tpopf\n\tnop", 0);
    second = 1;
    FAULT("ud2", 2);
    FAULT("int3", 0);
    second = 0;
    say("no fault\n");
    me(USR2);
    for (u32 i = 0; i < 5; i++)
        install(faults[i], 0, 0, 0);
}

/* ---- access to what there is not ---- */

static void on_page(int sig, u32 *info, struct ucontext *uc)
{
    (void)sig;
    say_hex("  error ", uc->sc.err & 7);
    say_hex("  code ", info[2]);
    uc->sc.eip = uc->sc.eax;
}

#define TOUCH(text, op)                                                                            \
    do {                                                                                           \
        say(text "\n");                                                                            \
        __asm__ volatile("movl $1f, %%eax\n\t" op "\n1:" ::"d"(page) : "eax", "memory", "cc");     \
    } while (0)

static void all_ways(volatile u8 *page)
{
    TOUCH("read", "movl (%%edx), %%ecx");
    TOUCH("write", "movl %%eax, (%%edx)");
    TOUCH("execute", "jmp *%%edx");
}

static void absent(void)
{
    install(11, on_page, SIGINFO, 0);
    for (u32 shared = 0; shared < 2; shared++) {
        u8 *page = (u8 *)call(SYS_MMAP2, 0, 8192, RWX, 0x22 - shared, (u32)-1, 0);
        page[0] = 0xc3;
        call(SYS_MPROTECT, (u32)page, 8192, 0, 0, 0, 0);
        say("touched, then none\n");
        all_ways(page);
        say("never touched\n");
        all_ways(page + 4096);
        call(SYS_MPROTECT, (u32)page, 8192, 1, 0, 0, 0);
        say_hex("still there ", page[0]);
        say("only read\n");
        TOUCH("write", "movl %%eax, (%%edx)");
        u32 pid;
        call(SYS_MPROTECT, (u32)page, 8192, 0, 0, 0, 0);
        if (!(pid = C(SYS_FORK, 0, 0, 0))) {
            all_ways(page);
            call(SYS_MPROTECT, (u32)page, 8192, RW, 0, 0, 0);
            page[0]++;
            leave(page[0]);
        }
        u32 status = 0;
        call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0);
        say_hex("a child's ", status);
        call(SYS_MPROTECT, (u32)page, 8192, RW, 0, 0, 0);
        say_hex("its parent's ", page[0]);
    }
    u8 *page = (u8 *)call(SYS_MMAP2, 0, 4096, 0, 0x22, (u32)-1, 0);
    say("never anything\n");
    all_ways(page);
    say_hex("a call ", C(SYS_WRITE, 1, (u32)page, 1));
    install(11, 0, 0, 0);
}

/* ---- stops ---- */

static volatile u32 chld_code, chld_status, chld_count;
static void on_chld(int sig, u32 *info)
{
    (void)sig;
    chld_code = info[2];
    chld_status = info[5];
    chld_count++;
}

static u32 hung_up;
static void on_hup(int sig, u32 *info)
{
    u32 what = info[2] << 8 | (u32)sig;
    C(SYS_WRITE, hung_up, (u32)&what, 4);
    leave(0);
}

static void stops(void)
{
    static const u8 sigs[] = {STOP, TSTP, TTIN, TTOU};
    u32 status, info[32];
    install(CHLD, on_chld, SIGINFO, 0);
    for (u32 i = 0; i < 4; i++) {
        u32 pid = C(SYS_FORK, 0, 0, 0);
        if (!pid) {
            C(SYS_SETPGID, 0, 0, 0);
            me(sigs[i]);
            leave(9);
        }
        C(SYS_SETPGID, pid, pid, 0);
        while (call(SYS_WAITID, 1, pid, (u32)info, UNTRACED | 0x1000000, 0, 0))
            ;
        say_hex("stopped: code ", info[2]);
        say_hex("  status ", info[5]);
        while (call(SYS_WAIT4, pid, (u32)&status, UNTRACED, 0, 0, 0) != pid)
            ;
        say_hex("  wait4 ", status);
        say_hex("  signal's code ", chld_code);
        say_hex("  signal's status ", chld_status);
        say_hex("  told once ", call(SYS_WAIT4, pid, (u32)&status, UNTRACED | NOHANG, 0, 0, 0));
        C(SYS_KILL, pid, CONT, 0);
        while (call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0) != pid)
            ;
        say_hex("  then ", status);
    }
    /* One that goes on and stays. */
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (!pid)
        for (;;)
            doze();
    C(SYS_KILL, pid, STOP, 0);
    while (call(SYS_WAIT4, pid, (u32)&status, UNTRACED, 0, 0, 0) != pid)
        ;
    say_hex("a sleeper ", status);
    C(SYS_KILL, pid, CONT, 0);
    while (call(SYS_WAITID, 1, pid, (u32)info, CONTINUED | 0x1000000, 0, 0))
        ;
    say_hex("  goes on: code ", info[2]);
    say_hex("  status ", info[5]);
    say_hex("  signal's code ", chld_code);
    say_hex("  signal's status ", chld_status);
    say_hex("  wait4 ", call(SYS_WAIT4, pid, (u32)&status, CONTINUED, 0, 0, 0) == pid);
    say_hex("  status ", status);
    say_hex("  told once ", call(SYS_WAIT4, pid, (u32)&status, CONTINUED | NOHANG, 0, 0, 0));
    C(SYS_KILL, pid, 9, 0);
    while (call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0) != pid)
        ;
    say_hex("  then ", status);
    /* A stopped group whose last connection ends: it is told, and goes on. */
    u32 fd[2], last = 0;
    C(SYS_PIPE, (u32)fd, 0, 0);
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        pid = C(SYS_FORK, 0, 0, 0);
        if (!pid) {
            C(SYS_SETPGID, 0, 0, 0);
            hung_up = fd[1];
            install(1, on_hup, SIGINFO, 0);
            me(STOP);
            for (;;)
                doze();
        }
        while (call(SYS_WAITID, 1, pid, (u32)info, UNTRACED, 0, 0))
            ;
        leave(6);
    }
    C(SYS_CLOSE, fd[1], 0, 0);
    while (call(SYS_WAIT4, pid, (u32)&status, 0, 0, 0, 0) != pid)
        ;
    say_hex("a connection ", status);
    while (C(SYS_READ, fd[0], (u32)&last, 4) == (u32)-4)
        ;
    say_hex("  hung up ", last);
    C(SYS_CLOSE, fd[0], 0, 0);
    /* In a session of its own nobody would set it going again: a terminal's stop is nothing. */
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        C(SYS_SETSID, 0, 0, 0);
        me(TSTP);
        me(TTIN);
        leave(4);
    }
    while (call(SYS_WAIT4, pid, (u32)&status, UNTRACED, 0, 0, 0) != pid)
        ;
    say_hex("alone ", status);
    install(CHLD, 0, 0, 0);
}

/* ---- alternate stacks ---- */

static u8 stack[16384], other[8192];
static void on_stack(int sig, u32 *info, struct ucontext *uc)
{
    u8 here;
    u32 now[3], set[3] = {(u32)other, 0, sizeof other};
    (void)sig, (void)info;
    say_hex("  on it ", &here >= stack && &here < stack + sizeof stack);
    say_hex("  the frame's flags ", uc->stack[1]);
    say_hex("  the frame's size ", uc->stack[2]);
    C(SYS_SIGALTSTACK, 0, (u32)now, 0);
    say_hex("  now flags ", now[1]);
    say_hex("  now size ", now[2]);
    say_hex("  another ", C(SYS_SIGALTSTACK, (u32)set, 0, 0));
}

static void on_plain(int sig)
{
    u32 now[3];
    C(SYS_SIGALTSTACK, 0, (u32)now, 0);
    say_hex("  plain ", (u32)sig);
    say_hex("  now flags ", now[1]);
}

static void altstack(u32 flags)
{
    u32 set[3] = {(u32)stack, flags, sizeof stack}, now[3];
    say_hex("alternate stack ", flags);
    say_hex("  set ", C(SYS_SIGALTSTACK, (u32)set, 0, 0));
    C(SYS_SIGALTSTACK, 0, (u32)now, 0);
    say_hex("  says ", now[1]);
    install(USR1, on_stack, SIGINFO | ONSTACK, 0);
    me(USR1);
    C(SYS_SIGALTSTACK, 0, (u32)now, 0);
    say_hex("  then flags ", now[1]);
    say_hex("  then size ", now[2]);
    C(SYS_SIGALTSTACK, (u32)set, 0, 0);
    install(USR1, on_plain, ONSTACK, 0);
    me(USR1);
    C(SYS_SIGALTSTACK, 0, (u32)now, 0);
    say_hex("  then flags ", now[1]);
    say_hex("  then size ", now[2]);
    set[1] = 2;
    C(SYS_SIGALTSTACK, (u32)set, 0, 0);
    install(USR1, 0, 0, 0);
}

/* ---- dispositions ---- */

static void dispositions(void)
{
    u32 act[5] = {(u32)on_plain, 0xffffffff & ~0x4000000u, 0, 0, 0}, set[2];
    call(SYS_SIGACTION, USR1, (u32)act, 0, 8, 0, 0);
    call(SYS_SIGACTION, USR1, 0, (u32)act, 8, 0, 0);
    say_hex("flags heard ", act[1]);
    block(0, USR1);
    me(USR1);
    say_hex("was handled ", C(SYS_SIGNAL, USR1, 1, 0) == (u32)on_plain);
    call(SYS_SIGPENDING, (u32)set, 8, 0, 0, 0, 0);
    say_hex("pending ", set[0]);
    say_hex("was ignored ", C(SYS_SIGNAL, USR1, (u32)on_plain, 0));
    call(SYS_SIGACTION, USR1, 0, (u32)act, 8, 0, 0);
    say_hex("with ", act[1]);
    block(1, USR1);
    say_hex("not for catching ", C(SYS_SIGNAL, 9, 1, 0));
    me(USR1);
    say_hex("reset to ", C(SYS_SIGNAL, USR1, 0, 0));
}

/* ---- beyond execve ---- */

static void again(int argc, char **argv)
{
    u32 t[4];
    (void)argc;
    if (argv[1][0] == 'i') {
        for (u32 k = 0; k < 3; k++) {
            C(SYS_GETITIMER, k, (u32)t, 0);
            say_hex("interval ", t[0]);
            say_hex("  left ", t[2] >= 90 && t[2] <= 100);
        }
        say_hex("alarm ", C(SYS_ALARM, 0, 0, 0) > 90);
        say_hex("timer ", C(SYS_TIMER_GETTIME, 0, (u32)t, 0));
        u32 set[2];
        call(SYS_SIGPENDING, (u32)set, 8, 0, 0, 0, 0);
        say_hex("pending ", set[0]);
    }
}

static void beyond(char *name)
{
    u32 t[4] = {7, 0, 100, 0}, id, soon[4] = {0, 0, 0, 1}, event[16] = {0, USR1, 0};
    const char *args[] = {name, "i", 0};
    block(0, USR1);
    block(0, USR2);
    call(SYS_TIMER_CREATE, 1, (u32)event, (u32)&id, 0, 0, 0);
    call(SYS_TIMER_SETTIME, id, 0, (u32)soon, 0, 0, 0);
    doze();
    me(USR2);
    for (u32 k = 0; k < 3; k++)
        C(SYS_SETITIMER, k, (u32)t, 0);
    C(SYS_EXECVE, (u32) "/proc/self/exe", (u32)args, 0);
    leave(3);
}

int guest_main(int argc, char **argv)
{
    if (argc > 1) {
        again(argc, argv);
        return 0;
    }
    ignored(URG, 0);
    ignored(WINCH, 0);
    ignored(USR1, 1);
    resume_flag();
    absent();
    stops();
    altstack(0);
    altstack(0x80000000);
    dispositions();
    beyond(argv[0]);
    return 0;
}

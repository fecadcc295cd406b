/* SPDX-License-Identifier: MIT */
/* Who shares what with whom, and who hears of whose end: clone's kinds of sharing, descriptors of
 * processes, children of other kinds, orphans and who takes them, and what prctl keeps. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_CLOSE = 6,
    SYS_EXECVE = 11,
    SYS_CHDIR = 12,
    SYS_GETPID = 20,
    SYS_PAUSE = 29,
    SYS_KILL = 37,
    SYS_PIPE = 42,
    SYS_SETPGID = 57,
    SYS_UMASK = 60,
    SYS_GETPPID = 64,
    SYS_WAIT4 = 114,
    SYS_CLONE = 120,
    SYS_NANOSLEEP = 162,
    SYS_POLL = 168,
    SYS_PRCTL = 172,
    SYS_SIGACTION = 174,
    SYS_GETCWD = 183,
    SYS_FCNTL64 = 221,
    SYS_GROUP = 252,
    SYS_WAITID = 284,
    SYS_PIDFD_SEND = 424,
    SYS_PIDFD_OPEN = 434,
    SYS_CLONE3 = 435
};
enum {
    VM = 0x100,
    FS = 0x200,
    SIGHAND = 0x800,
    PIDFD = 0x1000,
    PARENT = 0x8000,
    PARENT_SETTID = 0x100000,
    CHLD = 17,
    USR1 = 10,
    USR2 = 12
};
enum { NOHANG = 1, EXITED = 4, NOWAIT = 0x1000000, WALL = 0x40000000 };
#define WCLONE 0x80000000u

static u32 C(u32 nr, u32 a, u32 b, u32 c)
{
    return call(nr, a, b, c, 0, 0, 0);
}

static void leave(u32 code)
{
    C(SYS_GROUP, code, 0, 0);
}

static void doze(u32 ms)
{
    u32 t[2] = {0, ms * 1000000};
    C(SYS_NANOSLEEP, (u32)t, 0, 0);
}

static u8 stack[16384];

/* f(k) in a child on a stack of its own. */
static u32 start(void (*f)(u32), u32 k, u32 flags, u32 *where)
{
    u32 *top = (u32 *)(stack + sizeof stack), r;
    *--top = k;
    *--top = (u32)f;
    __asm__ volatile("int $0x80\n\ttest %%eax, %%eax\n\tjnz 1f\n\tpop %%eax\n\tcall *%%eax\n\t"
                     "movl $252, %%eax\n\txorl %%ebx, %%ebx\n\tint $0x80\n1:"
                     : "=a"(r)
                     : "a"(SYS_CLONE), "b"(flags), "c"(top), "d"(where), "S"(0), "D"(0)
                     : "memory", "cc");
    return r;
}

static u32 end_of(u32 pid, u32 options)
{
    u32 status = 0xdead, r = call(SYS_WAIT4, pid, (u32)&status, options, 0, 0, 0);
    return r == pid ? status : r;
}

/* ---- sharing ---- */

static void on_signal(int sig)
{
    (void)sig;
}

static u32 action(u32 sig, u32 handler, u32 flags)
{
    u32 act[5] = {handler, flags, 0, 0, 0};
    return call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

static void changes(u32 k)
{
    (void)k;
    C(SYS_CHDIR, (u32) "/usr", 0, 0);
    C(SYS_UMASK, 0123, 0, 0);
    action(USR2, 1, 0);
}

static void shares(const char *what, u32 flags)
{
    char cwd[64] = {0};
    u32 act[5];
    C(SYS_CHDIR, (u32) "/", 0, 0);
    C(SYS_UMASK, 022, 0, 0);
    action(USR2, (u32)on_signal, 0);
    u32 pid = start(changes, 0, flags, 0);
    say(what);
    say_hex(" ", end_of(pid, WALL));
    C(SYS_GETCWD, (u32)cwd, sizeof cwd, 0);
    say("  ");
    say(cwd);
    say_hex("  umask ", C(SYS_UMASK, 022, 0, 0));
    call(SYS_SIGACTION, USR2, 0, (u32)act, 8, 0, 0);
    say_hex("  ignored ", act[0]);
}

static void sharing(void)
{
    shares("nothing", VM | CHLD);
    shares("place", VM | FS | CHLD);
    shares("place of a fork", FS | CHLD);
    shares("actions", VM | SIGHAND | CHLD);
    shares("both", VM | FS | SIGHAND | CHLD);
    say_hex("actions without memory ", start(changes, 0, SIGHAND | CHLD, 0));
    action(USR2, 0, 0);
}

/* ---- descriptors of processes ---- */

static void sleeper(u32 k)
{
    (void)k;
    for (;;)
        C(SYS_PAUSE, 0, 0, 0);
}

static u32 ready(u32 fd)
{
    struct {
        u32 fd;
        uint16_t want, got;
    } p = {fd, 1, 0};
    u32 r = C(SYS_POLL, (u32)&p, 1, 20);
    return r << 16 | (p.got & 1);
}

static void pidfds(void)
{
    u32 fd = 99, info[32], byte, other;
    u32 pid = start(sleeper, 0, PIDFD | CHLD, &fd);
    say_hex("pidfd ", fd < 20);
    say_hex("  closes at execve ", C(SYS_FCNTL64, fd, 1, 0));
    say_hex("  reads ", C(SYS_READ, fd, (u32)&byte, 1));
    say_hex("  writes ", C(SYS_WRITE, fd, (u32)&byte, 1));
    say_hex("  alive ", ready(fd));
    say_hex("  signal 0 ", C(SYS_PIDFD_SEND, fd, 0, 0));
    say_hex("  not over yet ", call(SYS_WAITID, 3, fd, (u32)info, EXITED | NOHANG, 0, 0));
    say_hex("  nobody ", info[3]);
    other = C(SYS_PIDFD_OPEN, pid, 04000, 0);
    say_hex("another ", other < 20);
    say_hex("  would block ", call(SYS_WAITID, 3, other, (u32)info, EXITED, 0, 0));
    say_hex("  flags ", C(SYS_PIDFD_OPEN, pid, 1, 0));
    say_hex("  kill ", C(SYS_PIDFD_SEND, other, 9, 0));
    struct {
        u32 fd;
        uint16_t want, got;
    } p = {other, 1, 0};
    say_hex("  ended ", C(SYS_POLL, (u32)&p, 1, (u32)-1));
    say_hex("  events ", p.got);
    say_hex("  both ", ready(fd));
    say_hex("  look ", call(SYS_WAITID, 3, fd, (u32)info, EXITED | NOWAIT, 0, 0));
    say_hex("  take ", call(SYS_WAITID, 3, fd, (u32)info, EXITED, 0, 0));
    say_hex("  it ", info[3] == pid);
    say_hex("  code ", info[2]);
    say_hex("  status ", info[5]);
    say_hex("  nobody left ", call(SYS_WAITID, 3, fd, (u32)info, EXITED, 0, 0));
    say_hex("  gone ", C(SYS_PIDFD_SEND, fd, 0, 0));
    say_hex("  still ready ", ready(fd));
    say_hex("no pidfd ", call(SYS_WAITID, 3, 1, (u32)info, EXITED, 0, 0));
    say_hex("no process ", C(SYS_PIDFD_OPEN, pid, 0, 0));
    say_hex("not a number ", C(SYS_PIDFD_OPEN, 0, 0, 0));
    say_hex("signals to no pidfd ", C(SYS_PIDFD_SEND, 1, 9, 0));
    say_hex("two in one place ", start(sleeper, 0, PIDFD | PARENT_SETTID | CHLD, &fd));
    C(SYS_CLOSE, fd, 0, 0);
    C(SYS_CLOSE, other, 0, 0);
    u32 args[16] = {PIDFD, 0, (u32)&fd, 0, 0, 0, 0, 0, CHLD, 0};
    pid = call(SYS_CLONE3, (u32)args, 64, 0, 0, 0, 0);
    if (!pid)
        leave(5);
    say_hex("by clone3 ", fd < 20);
    say_hex("  ", call(SYS_WAITID, 3, fd, (u32)info, EXITED, 0, 0));
    say_hex("  status ", info[5]);
    C(SYS_CLOSE, fd, 0, 0);
    args[0] = 0;
    args[1] = 1; /* CLONE_CLEAR_SIGHAND */
    action(USR1, (u32)on_signal, 0);
    action(USR2, 1, 0);
    pid = call(SYS_CLONE3, (u32)args, 64, 0, 0, 0, 0);
    if (!pid) {
        u32 act[5];
        call(SYS_SIGACTION, USR1, 0, (u32)act, 8, 0, 0);
        call(SYS_SIGACTION, USR2, 0, (u32)info, 8, 0, 0);
        leave(act[0] << 4 | info[0]);
    }
    say_hex("without handlers ", end_of(pid, 0));
}

/* ---- kinds of children ---- */

static void nothing(u32 k)
{
    (void)k;
}

static void kinds(void)
{
    static const u32 options[] = {0, WCLONE, WALL};
    u32 info[32];
    action(USR1, 1, 0);
    for (u32 i = 0; i < 3; i++) {
        u32 other = start(nothing, 0, USR1, 0);
        say_hex("another kind ", end_of(other, options[i]));
        end_of(other, WALL);
        u32 usual = start(nothing, 0, CHLD, 0);
        say_hex("the usual ", end_of(usual, options[i]));
        end_of(usual, WALL);
    }
    u32 pid = start(nothing, 0, CHLD, 0);
    say_hex("of my group ", call(SYS_WAITID, 2, 0, (u32)info, EXITED, 0, 0));
    say_hex("  it ", info[3] == pid);
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        C(SYS_SETPGID, 0, 0, 0);
        leave(0);
    }
    C(SYS_SETPGID, pid, pid, 0);
    say_hex("of another ", call(SYS_WAITID, 2, 0, (u32)info, EXITED, 0, 0));
    say_hex("  by its number ", call(SYS_WAITID, 2, pid, (u32)info, EXITED, 0, 0));
    say_hex("no number ", call(SYS_WAITID, 1, 0, (u32)info, EXITED, 0, 0));
    say_hex("no such option ", call(SYS_WAITID, 0, 0, (u32)info, EXITED | 0x40, 0, 0));
    say_hex("nothing to wait for ", call(SYS_WAITID, 0, 0, (u32)info, NOHANG, 0, 0));
    say_hex("the least number ", end_of(0x80000000, 0));
    action(USR1, 0, 0);
}

/* ---- orphans ---- */

static u32 P(u32 what, u32 a, u32 b, u32 c, u32 d)
{
    return call(SYS_PRCTL, what, a, b, c, d, 0);
}
enum {
    SET_PDEATHSIG = 1,
    GET_PDEATHSIG,
    GET_DUMPABLE,
    SET_DUMPABLE,
    GET_KEEPCAPS = 7,
    SET_KEEPCAPS,
    GET_TIMING = 13,
    SET_TIMING,
    GET_SECCOMP = 21,
    CAPBSET_READ = 23,
    GET_TSC = 25,
    SET_TIMERSLACK = 29,
    GET_TIMERSLACK,
    MCE_KILL = 33,
    SET_SUBREAPER = 36,
    GET_SUBREAPER,
    SET_NO_NEW_PRIVS,
    GET_NO_NEW_PRIVS,
    GET_TID_ADDRESS,
    CAP_AMBIENT = 47
};

static u32 flag(u32 what)
{
    u32 v = 77, r = P(what, (u32)&v, 0, 0, 0);
    return r ? r : v;
}

static u32 tell[2];
static void on_death(int sig)
{
    u8 c = (u8)sig;
    C(SYS_WRITE, tell[1], (u32)&c, 1);
}

static void orphans(void)
{
    u32 me = C(SYS_GETPID, 0, 0, 0), pid, status, n = 0, sum = 0;
    C(SYS_PIPE, (u32)tell, 0, 0);
    say_hex("takes orphans ", flag(GET_SUBREAPER));
    say_hex("  from now on ", P(SET_SUBREAPER, 1, 0, 0, 0));
    say_hex("  says ", flag(GET_SUBREAPER));
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        if (flag(GET_SUBREAPER))
            leave(9);
        if (!C(SYS_FORK, 0, 0, 0)) { /* outlives its parent */
            while (C(SYS_GETPPID, 0, 0, 0) != me)
                doze(5);
            leave(3);
        }
        if (!C(SYS_FORK, 0, 0, 0)) /* has ended when it does */
            leave(5);
        doze(30);
        leave(1);
    }
    while ((int32_t)C(SYS_WAIT4, (u32)-1, (u32)&status, 0) > 0) {
        n++;
        sum += status >> 8;
    }
    say_hex("ended ", n);
    say_hex("  sum ", sum);
    say_hex("none any more ", P(SET_SUBREAPER, 0, 0, 0, 0));
    say_hex("  says ", flag(GET_SUBREAPER));
    /* A signal at the parent's death. */
    pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        u32 between = C(SYS_GETPID, 0, 0, 0);
        if (!C(SYS_FORK, 0, 0, 0)) {
            action(USR1, (u32)on_death, 0);
            P(SET_PDEATHSIG, USR1, 0, 0, 0);
            if (!C(SYS_FORK, 0, 0, 0)) /* its own children do not inherit that */
                leave(flag(GET_PDEATHSIG));
            C(SYS_WAIT4, (u32)-1, (u32)&status, 0);
            u8 c = (u8)(status >> 8);
            C(SYS_WRITE, tell[1], (u32)&c, 1);
            while (C(SYS_GETPPID, 0, 0, 0) == between)
                doze(5);
            leave(0);
        }
        doze(50);
        leave(2);
    }
    u8 c = 77;
    C(SYS_READ, tell[0], (u32)&c, 1);
    say_hex("inherited ", c);
    C(SYS_READ, tell[0], (u32)&c, 1);
    say_hex("told of the death ", c);
    say_hex("  which was ", end_of(pid, 0));
    say_hex("no signal ", P(SET_PDEATHSIG, 65, 0, 0, 0));
}

static void kept(char *name)
{
    const char *args[] = {name, "again", 0};
    say_hex("dumpable ", P(GET_DUMPABLE, 0, 0, 0, 0));
    say_hex("  not ", P(SET_DUMPABLE, 0, 0, 0, 0));
    say_hex("  says ", P(GET_DUMPABLE, 0, 0, 0, 0));
    say_hex("  otherwise ", P(SET_DUMPABLE, 2, 0, 0, 0));
    say_hex("capabilities kept ", P(GET_KEEPCAPS, 0, 0, 0, 0));
    say_hex("  yes ", P(SET_KEEPCAPS, 1, 0, 0, 0));
    say_hex("  says ", P(GET_KEEPCAPS, 0, 0, 0, 0));
    say_hex("  otherwise ", P(SET_KEEPCAPS, 2, 0, 0, 0));
    say_hex("timing ", P(GET_TIMING, 0, 0, 0, 0));
    say_hex("  other ", P(SET_TIMING, 1, 0, 0, 0));
    say_hex("seccomp ", P(GET_SECCOMP, 0, 0, 0, 0));
    say_hex("no capability ", P(CAPBSET_READ, 99, 0, 0, 0));
    say_hex("time stamps ", flag(GET_TSC));
    P(SET_TIMERSLACK, 50000, 0, 0, 0);
    say_hex("slack ", P(SET_TIMERSLACK, 12345, 0, 0, 0));
    say_hex("  is ", P(GET_TIMERSLACK, 0, 0, 0, 0));
    u32 pid = C(SYS_FORK, 0, 0, 0);
    if (!pid) {
        P(SET_TIMERSLACK, 1, 0, 0, 0);
        P(SET_TIMERSLACK, 0, 0, 0, 0);
        leave(P(GET_TIMERSLACK, 0, 0, 0, 0) == 12345);
    }
    say_hex("  a child's own ", end_of(pid, 0));
    say_hex("memory errors ", P(MCE_KILL, 7, 0, 0, 0));
    say_hex("privileges ", P(GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_hex("  no new ones ", P(SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    say_hex("  says ", P(GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_hex("  for ever ", P(SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_hex("  too much ", P(SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    say_hex("ambient ", P(CAP_AMBIENT, 1, 1, 0, 0));
    say_hex("  none such ", P(CAP_AMBIENT, 1, 99, 0, 0));
    say_hex("  nothing such ", P(CAP_AMBIENT, 9, 1, 0, 0));
    say_hex("nothing such ", P(12345, 0, 0, 0, 0));
    P(SET_PDEATHSIG, USR1, 0, 0, 0);
    P(SET_SUBREAPER, 1, 0, 0, 0);
    C(SYS_EXECVE, (u32) "/proc/self/exe", (u32)args, 0);
    leave(3);
}

int guest_main(int argc, char **argv)
{
    if (argc > 1) { /* what outlives execve */
        say_hex("still: dumpable ", P(GET_DUMPABLE, 0, 0, 0, 0));
        say_hex("  capabilities kept ", P(GET_KEEPCAPS, 0, 0, 0, 0));
        say_hex("  slack ", P(GET_TIMERSLACK, 0, 0, 0, 0));
        say_hex("  privileges ", P(GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        say_hex("  death ", flag(GET_PDEATHSIG));
        say_hex("  takes orphans ", flag(GET_SUBREAPER));
        return 0;
    }
    sharing();
    pidfds();
    kinds();
    orphans();
    kept(argv[0]);
    return 0;
}

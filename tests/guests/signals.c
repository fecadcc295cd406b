/* SPDX-License-Identifier: MIT */
/* Signal handlers: what they see of a fault, what they change, where the program goes on; masks,
 * alternate stacks, nesting; x87 state across a handler. Prints nothing that depends on addresses
 * or selectors, so that the host's own kernel prints the same. */
#include "guest.h"

enum {
    SYS_OLD_SIGACTION = 67,
    SYS_OLD_SIGSUSPEND = 72,
    SYS_OLD_SIGPENDING = 73,
    SYS_OLD_SIGPROCMASK = 126,
    SYS_SIGACTION = 174,
    SYS_SIGPROCMASK = 175,
    SYS_SIGPENDING = 176,
    SYS_SIGSUSPEND = 179,
    SYS_SIGALTSTACK = 186,
    SYS_GETPID = 20,
    SYS_GETTID = 224,
    SYS_TGKILL = 270,
    SYS_KILL = 37
};
enum { SIGINFO = 4, RESTART = 0x10000000, NODEFER = 0x40000000, ONSTACK = 0x8000000 };
#define RESETHAND 0x80000000u

struct sigcontext {
    u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss, fpstate, oldmask, cr2;
};
struct ucontext {
    u32 flags, link, stack[3];
    struct sigcontext sc;
    u32 mask[2];
};

static volatile u32 seen, depth, hash = 1;
static u8 *page;
static u32 skip; /* bytes of the instruction to step over; 0: mend the cause */

typedef void (*handler)(int, u32 *, struct ucontext *);

static void install(u32 sig, void *h, u32 flags, u32 mask)
{
    u32 act[5] = {(u32)h, flags, 0, mask, 0};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

/* EFLAGS but for what the system keeps: condition codes, DF. */
static void on_fault(int sig, u32 *info, struct ucontext *uc)
{
    struct sigcontext *s = &uc->sc;
    say_hex("signal ", (u32)sig);
    say_hex("  number ", info[0]);
    say_hex("  code ", info[2]);
    say_hex("  trapno ", s->trapno);
    say_hex("  error ", s->err & 7);
    say_hex("  at eip ", s->eip == info[3]);
    if (s->trapno == 14) {
        say_hex("  cr2 is address ", s->cr2 == info[3]);
        say_hex("  address ", s->cr2 - (u32)page);
    }
    say_hex("  eax ", s->eax);
    say_hex("  edi ", s->edi - (u32)page);
    say_hex("  flags ", s->eflags & 0xcd5);
    seen++;
    s->ecx = 0x1234 + seen;
    if (skip)
        s->eip += skip;
    else
        call(SYS_MPROTECT, (u32)page, 4096, RW, 0, 0, 0);
    s->eflags ^= 0x801; /* CF and OF */
}

#define FAULT(name, bytes, text)                                                                   \
    do {                                                                                           \
        u32 a = 0x11111111, c = 5, d = (u32)page, f;                                               \
        say(name "\n");                                                                            \
        skip = bytes;                                                                              \
        __asm__ volatile("cmpl $6, %%ecx\n\t" text "\n\tpushf\n\tpop %3"                           \
                         : "+a"(a), "+c"(c), "+D"(d), "=&r"(f)                                     \
                         :                                                                         \
                         : "memory", "cc", "edx");                                                 \
        say_hex("  then eax ", a);                                                                 \
        say_hex("  then ecx ", c);                                                                 \
        say_hex("  then flags ", f & 0x8d5);                                                       \
    } while (0)

static void on_plain(int sig)
{
    say_hex("plain handler ", (u32)sig);
    seen++;
}

static void on_nested(int sig)
{
    u32 d = ++depth;
    say_hex("enter ", d << 8 | (u32)sig);
    if (d < 4)
        call(SYS_TGKILL, call(SYS_GETPID, 0, 0, 0, 0, 0, 0), call(SYS_GETTID, 0, 0, 0, 0, 0, 0),
             (u32)sig, 0, 0, 0);
    say_hex("leave ", d);
}

static u8 *stack_lo;
static void on_altstack(int sig, u32 *info, struct ucontext *uc)
{
    u8 here;
    u32 now[3];
    (void)info;
    call(SYS_SIGALTSTACK, 0, (u32)now, 0, 0, 0, 0);
    say_hex("on the other stack ", &here >= stack_lo && &here < stack_lo + 8192);
    say_hex("  it says ", now[1]);
    say_hex("  the frame says ", uc->stack[1]);
    say_hex("  signal ", (u32)sig);
}

static void on_fp(int sig)
{
    (void)sig;
    __asm__ volatile("fninit\n\tfldpi\n\tfldpi\n\tfldpi\n\tfmul %st(1), %st");
    seen++;
}

static void on_fp_fault(int sig, u32 *info, struct ucontext *uc)
{
    u32 *fp = (u32 *)uc->sc.fpstate;
    say_hex("x87 signal ", (u32)sig);
    say_hex("  code ", info[2]);
    say_hex("  trapno ", uc->sc.trapno);
    say_hex("  control ", fp[0] & 0xffff);
    say_hex("  status ", fp[1] & 0xffff);
    say_hex("  tags ", fp[2] & 0xffff);
    fp[0] |= 0x3f;
    fp[1] &= ~0x80ffu;
}

/* Selectors that name nothing, two of them. */
static void on_selectors(int sig, u32 *info, struct ucontext *uc)
{
    (void)sig, (void)info;
    uc->sc.es = 0x1237;
    uc->sc.fs = 0x1457;
}

static void raise_it(u32 sig)
{
    call(SYS_TGKILL, call(SYS_GETPID, 0, 0, 0, 0, 0, 0), call(SYS_GETTID, 0, 0, 0, 0, 0, 0), sig, 0,
         0, 0);
}

static void masks(void)
{
    u32 set[2] = {1u << 9 | 1u << 11, 0}, old[2], none[2] = {0, 0}; /* USR1, USR2 */
    install(10, on_plain, 0, 0);
    install(12, on_plain, 0, 1u << 9);
    call(SYS_SIGPROCMASK, 0, (u32)set, (u32)old, 8, 0, 0);
    raise_it(12);
    raise_it(10);
    raise_it(10);
    call(SYS_SIGPENDING, (u32)old, 8, 0, 0, 0, 0);
    say_hex("pending ", old[0]);
    say_hex("suspended ", call(SYS_SIGSUSPEND, (u32)none, 8, 0, 0, 0, 0));
    call(SYS_SIGPROCMASK, 2, (u32)none, (u32)old, 8, 0, 0);
    say_hex("mask was ", old[0]);
    say_hex("bad mask ", call(SYS_SIGPROCMASK, 7, (u32)none, 0, 8, 0, 0));
    say_hex("bad size ", call(SYS_SIGPROCMASK, 0, (u32)none, 0, 4, 0, 0));
    say_hex("bad address ", call(SYS_SIGPROCMASK, 0, 0xffff0000, 0, 8, 0, 0));
    say_hex("kill is not for catching ", call(SYS_SIGACTION, 9, (u32)set, 0, 8, 0, 0));
}

/* The calls with sets of 32 signals: they leave signals above 32 in the mask, but sigsuspend. */
static void old_masks(void)
{
    u32 set[2] = {1u << 11, 1}, old[2] = {0, 0}, act[4], way[4] = {(u32)on_plain, 1u << 9, 0, 0};
    call(SYS_SIGPROCMASK, 2, (u32)set, 0, 8, 0, 0);
    set[0] = 1u << 9 | 1u << 8 | 1u << 18; /* SIGKILL and SIGSTOP cannot be blocked */
    say_hex("old block ", call(SYS_OLD_SIGPROCMASK, 0, (u32)set, (u32)old, 0, 0, 0));
    say_hex("old mask was ", old[0]);
    set[0] = 1u << 11;
    call(SYS_OLD_SIGPROCMASK, 1, (u32)set, 0, 0, 0, 0);
    call(SYS_SIGPROCMASK, 0, 0, (u32)old, 8, 0, 0);
    say_hex("mask ", old[0]);
    say_hex("  above ", old[1]);
    set[0] = 1u << 9 | 1u << 11;
    call(SYS_OLD_SIGPROCMASK, 2, (u32)set, (u32)old, 0, 0, 0);
    say_hex("old mask was ", old[0]);
    raise_it(10);
    call(SYS_OLD_SIGPENDING, (u32)old, 0, 0, 0, 0, 0);
    say_hex("old pending ", old[0]);
    say_hex("old action ", call(SYS_OLD_SIGACTION, 12, (u32)way, (u32)act, 0, 0, 0));
    say_hex("  was ", act[0] == (u32)on_plain);
    say_hex("  with ", act[1]);
    call(SYS_OLD_SIGACTION, 12, 0, (u32)act, 0, 0, 0);
    say_hex("  is with ", act[1]);
    raise_it(12);
    say_hex("old suspended ", call(SYS_OLD_SIGSUSPEND, 0, 0, 1u << 9, 0, 0, 0));
    call(SYS_SIGPROCMASK, 0, 0, (u32)old, 8, 0, 0);
    say_hex("mask ", old[0]);
    say_hex("  above ", old[1]);
    say_hex("bad mask ", call(SYS_OLD_SIGPROCMASK, 7, (u32)set, 0, 0, 0, 0));
    say_hex("bad address ", call(SYS_OLD_SIGPROCMASK, 0, 0xffff0000, 0, 0, 0, 0));
    say_hex("stop is not for catching ", call(SYS_OLD_SIGACTION, 19, (u32)way, 0, 0, 0, 0));
    set[0] = set[1] = 0;
    call(SYS_SIGPROCMASK, 2, (u32)set, 0, 8, 0, 0);
}

static void fp_state(void)
{
    u32 before[27], after[27], h = 1;
    unsigned short cw = 0x37b; /* ZE unmasked */
    install(10, on_fp, 0, 0);
    __asm__ volatile("fninit\n\tfld1\n\tfldpi\n\tfldl2e\n\tfnsave %0\n\tfrstor %0" : "+m"(before));
    raise_it(10);
    __asm__ volatile("fnsave %0" : "=m"(after));
    for (u32 i = 0; i < 27; i++)
        if (i != 3 && i != 4 && i != 5 && i != 6)
            h = mix(h, before[i] ^ after[i]);
    say_hex("x87 kept ", h);
    install(8, on_fp_fault, SIGINFO, 0);
    __asm__ volatile(
        "fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfwait\n\tfstp %%st(0)" ::"m"(
            cw));
    __asm__ volatile("fnsave %0" : "=m"(after));
    say_hex("control after ", after[0] & 0xffff);
    say_hex("tags after ", after[2] & 0xffff);
}

int guest_main(int argc, char **argv)
{
    static const u32 faults[] = {4, 5, 7, 8, 11};
    u32 other[3];

    (void)argc, (void)argv;
    page = map(0, 8192, RW);
    for (u32 i = 0; i < 5; i++)
        install(faults[i], on_fault, SIGINFO, 0);
    call(SYS_MPROTECT, (u32)page, 4096, 0, 0, 0, 0);
    FAULT("a load that is stepped over", 2, "movl (%%edi), %%eax");
    FAULT("a store that is mended", 0, "movl %%eax, 8(%%edi)");
    call(SYS_MPROTECT, (u32)page, 4096, 1, 0, 0, 0);
    FAULT("a store to what is only read", 0, "addl %%eax, 8(%%edi)");
    call(SYS_MUNMAP, (u32)page + 4096, 4096, 0, 0, 0, 0);
    FAULT("across into nothing", 6, "movl 0xffe(%%edi), %%eax");
    FAULT("a division", 2, "xorl %%edx, %%edx\n\tdivl %%edx");
    FAULT("no instruction", 2, "ud2");
    FAULT("privileged", 1, "hlt");
    FAULT("a breakpoint", 0, "int3");
    FAULT("no gate", 2, "int $0x81");
    skip = 0;
    for (u32 i = 0; i < 200; i++) { /* hot, so that the fault comes from a translation */
        u32 v = i;
        if (i == 150)
            call(SYS_MPROTECT, (u32)page, 4096, 1, 0, 0, 0);
        __asm__ volatile("addl %0, 16(%1)\n\tadcl $0, %0" : "+r"(v) : "D"(page) : "memory", "cc");
        hash = mix(hash, v + *(u32 *)(page + 16));
    }
    say_hex("hot ", hash);
    masks();
    old_masks();
    install(10, on_nested, NODEFER, 0);
    raise_it(10);
    depth = 2;
    install(10, on_nested, 0, 0);
    raise_it(10);
    install(10, on_plain, RESETHAND, 0);
    raise_it(10);
    u32 now[5];
    call(SYS_SIGACTION, 10, 0, (u32)now, 8, 0, 0);
    say_hex("reset to ", now[0]);
    stack_lo = map(0, 8192, RW);
    other[0] = (u32)stack_lo;
    other[1] = 0;
    other[2] = 8192;
    say_hex("altstack ", call(SYS_SIGALTSTACK, (u32)other, 0, 0, 0, 0, 0));
    install(12, on_altstack, SIGINFO | ONSTACK, 0);
    raise_it(12);
    other[1] = 2;
    say_hex("altstack off ", call(SYS_SIGALTSTACK, (u32)other, (u32)now, 0, 0, 0, 0));
    say_hex("  size was ", now[2]);
    fp_state();
    install(10, on_selectors, SIGINFO, 0);
    u32 es, fs;
    __asm__ volatile("int $0x80\n\tmov %%es, %0\n\tmov %%fs, %1\n\tpush %%ds\n\tpop %%es"
                     : "=&r"(es), "=&r"(fs)
                     : "a"(SYS_KILL), "b"(call(SYS_GETPID, 0, 0, 0, 0, 0, 0)), "c"(10)
                     : "memory");
    say_hex("ES that named nothing ", es & 0xffff);
    say_hex("FS that named nothing ", fs & 0xffff);
    say_hex("seen ", seen);
    /* A handler that cannot be entered: its stack is gone. */
    install(11, 0, 0, 0);
    install(10, on_plain, 0, 0);
    __asm__ volatile("movl %0, %%esp\n\tmovl $20, %%eax\n\tint $0x80\n\tmovl %%eax, %%ebx\n\t"
                     "movl $10, %%ecx\n\tmovl $37, %%eax\n\tint $0x80\n\thlt" ::"r"(0x1000)
                     : "memory");
    return 0;
}

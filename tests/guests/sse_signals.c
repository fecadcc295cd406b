/* SPDX-License-Identifier: MIT */
/* MMX and SSE state across signals, system calls, forks and threads: what a handler finds in the
 * frame, what it changes there, what its own registers begin with; SIGFPE of SSE. Of a processor
 * with SSE2. Prints nothing of addresses or selectors. With an argument: bits of MXCSR that are
 * reserved, in a frame: a 32-bit kernel drops them, which the host's need not do. */
#include "guest.h"

enum {
    SYS_FORK = 2,
    SYS_GETPID = 20,
    SYS_WAIT4 = 114,
    SYS_SCHED_YIELD = 158,
    SYS_SIGACTION = 174,
    SYS_GETTID = 224,
    SYS_TGKILL = 270
};
enum { SIGINFO = 4 };

struct sigcontext {
    u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss, fpstate, oldmask, cr2;
};
struct ucontext {
    u32 flags, link, stack[3];
    struct sigcontext sc;
    u32 mask[2];
};

static void install(u32 sig, void *h, u32 flags)
{
    u32 act[5] = {(u32)h, flags, 0, 0, 0};
    call(SYS_SIGACTION, sig, (u32)act, 0, 8, 0, 0);
}

static void raise_it(u32 sig)
{
    call(SYS_TGKILL, call(SYS_GETPID, 0, 0, 0, 0, 0, 0), call(SYS_GETTID, 0, 0, 0, 0, 0, 0), sig, 0,
         0, 0);
}

static u32 bytes[32] __attribute__((aligned(16)));

static void load_all(u32 first)
{
    for (u32 i = 0; i < 32; i++)
        bytes[i] = first + i * 0x01010101;
    __asm__ volatile("movaps (%0), %%xmm0\n\tmovaps 16(%0), %%xmm1\n\tmovaps 32(%0), %%xmm2\n\t"
                     "movaps 48(%0), %%xmm3\n\tmovaps 64(%0), %%xmm4\n\tmovaps 80(%0), %%xmm5\n\t"
                     "movaps 96(%0), %%xmm6\n\tmovaps 112(%0), %%xmm7" ::"r"(bytes));
}

static void say_all(const char *what)
{
    u32 out[32] __attribute__((aligned(16))), h = 1, mxcsr;
    __asm__ volatile("movaps %%xmm0, (%0)\n\tmovaps %%xmm1, 16(%0)\n\tmovaps %%xmm2, 32(%0)\n\t"
                     "movaps %%xmm3, 48(%0)\n\tmovaps %%xmm4, 64(%0)\n\tmovaps %%xmm5, 80(%0)\n\t"
                     "movaps %%xmm6, 96(%0)\n\tmovaps %%xmm7, 112(%0)\n\tstmxcsr %1" ::"r"(out),
                     "m"(mxcsr)
                     : "memory");
    say(what);
    for (u32 i = 0; i < 32; i++)
        h = mix(h, out[i]);
    say_hex("  xmm ", h);
    say_hex("  xmm3 ", out[12]);
    say_hex("  mxcsr ", mxcsr);
}

static void on_signal(int sig, u32 *info, struct ucontext *uc)
{
    u32 *fp = (u32 *)uc->sc.fpstate, *fx = fp + 28, h = 1;

    (void)info;
    say_all("in the handler\n");
    say_hex("signal ", (u32)sig);
    say_hex("magic ", fp[27] >> 16 ? 0xffff : 0);
    say_hex("aligned ", (u32)fx & 15);
    say_hex("frame mxcsr ", fx[6]);
    say_hex("  mask ", fx[7] & 0xffbf);
    for (u32 i = 40; i < 72; i++)
        h = mix(h, fx[i]);
    say_hex("  xmm ", h);
    say_hex("  x87 control, both ", fx[0] & 0xffff);
    say_hex("  ", fp[0] & 0xffff);
    say_hex("  tags, both ", fx[1] & 0xff);
    say_hex("  ", fp[2] & 0xffff);
    for (u32 i = 0; i < 3; i++) {
        say_hex("  mm ", fx[8 + 4 * i]);
        say_hex("    of the other ", *(u32 *)((u8 *)fp + 28 + 10 * i));
    }
    fx[6] = 0x7f80;
    fx[40 + 12] = 0x12345678; /* xmm3 */
    load_all(0xdead0000);
    __asm__ volatile("movd %0, %%mm1" ::"r"(0x77777777));
}

static void on_reserved(int sig, u32 *info, struct ucontext *uc)
{
    (void)sig, (void)info;
    ((u32 *)uc->sc.fpstate)[28 + 6] = 0xfff05f80;
}

static void on_fpe(int sig, u32 *info, struct ucontext *uc)
{
    u32 *fx = (u32 *)uc->sc.fpstate + 28;
    say_hex("SSE signal ", (u32)sig);
    say_hex("  code ", info[2]);
    say_hex("  trapno ", uc->sc.trapno);
    say_hex("  at eip ", uc->sc.eip == info[3]);
    say_hex("  mxcsr ", fx[6]);
    fx[6] |= 0x1f80;
    fx[6] &= ~0x3fu;
}

static void one_fault(const char *what, u32 unmask, u32 a, u32 b, u32 op)
{
    u32 mxcsr = 0x1f80 & ~unmask, r;
    say(what);
    __asm__ volatile("ldmxcsr %0\n\tmovd %1, %%xmm0\n\tmovd %2, %%xmm1" ::"m"(mxcsr), "r"(a),
                     "r"(b));
    if (op == 0)
        __asm__ volatile("divss %xmm1, %xmm0");
    else
        __asm__ volatile("mulss %xmm1, %xmm0");
    __asm__ volatile("movd %%xmm0, %0\n\tstmxcsr %1" : "=r"(r), "=m"(mxcsr));
    say_hex("  result ", r);
    say_hex("  mxcsr ", mxcsr);
}

static u32 stack[1024];
static volatile u32 turn;
void thread(void)
{
    load_all(0x5000);
    for (u32 i = 0; i < 20; i++)
        call(SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
    say_all("the thread\n");
    turn = 1;
}

int guest_main(int argc, char **argv)
{
    u32 mxcsr = 0x3f80, status = 0;

    (void)argv;
    if (argc > 1) {
        install(10, on_reserved, SIGINFO);
        raise_it(10);
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        say_hex("mxcsr ", mxcsr);
        return 0;
    }
    say_all("at the start\n");
    install(10, on_signal, SIGINFO);
    load_all(0x1000);
    __asm__ volatile("ldmxcsr %0\n\tmovd %1, %%mm1\n\tmovd %2, %%mm2" ::"m"(mxcsr), "r"(0x1111),
                     "r"(0x2222));
    raise_it(10);
    say_all("after it\n");
    u32 m1, m2;
    __asm__ volatile("movd %%mm1, %0\n\tmovd %%mm2, %1\n\temms" : "=r"(m1), "=r"(m2));
    say_hex("mm1 ", m1);
    say_hex("mm2 ", m2);
    load_all(0x2000);
    u32 child = call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (!child) {
        say_all("the child\n");
        load_all(0x3000);
        call(SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
        call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
    }
    call(SYS_WAIT4, child, (u32)&status, 0, 0, 0, 0);
    say_all("the parent\n");
    u32 r, *top = stack + 1000;
    __asm__ volatile("int $0x80\n\ttest %%eax, %%eax\n\tjnz 1f\n\t"
                     "call *%%edi\n\tmov $1, %%eax\n\txor %%ebx, %%ebx\n\tint $0x80\n1:"
                     : "=a"(r)
                     : "a"(120), "b"(0x10f00), "c"(top), "d"(0), "S"(0), "D"(thread)
                     : "memory");
    while (!turn)
        call(SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
    say_all("beside a thread\n");
    install(8, on_fpe, SIGINFO);
    one_fault("invalid\n", 0x80, 0x7f800000, 0, 1);
    one_fault("by zero\n", 0x200, 0x3f800000, 0, 0);
    one_fault("overflow\n", 0x400, 0x7f000000, 0x7f000000, 1);
    one_fault("underflow\n", 0x800, 0x00800000, 0x00800000, 1);
    one_fault("denormal\n", 0x100, 0x00000001, 0x3f800000, 1);
    one_fault("inexact\n", 0x1000, 0x3f800000, 0x40400000, 0);
    return 0;
}

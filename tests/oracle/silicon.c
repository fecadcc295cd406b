/* SPDX-License-Identifier: MIT */

/*
 * A 64-bit process may run 32-bit code: a far jump through the kernel's 32-bit code segment
 * (0x23) changes the mode of the processor, one through 0x33 changes it back. So an oracle needs
 * no ptrace and no second process. silicon_run copies the state into silicon_x; silicon_enter32
 * loads the registers and far-jumps to the block; behind the block stands a far jump to a stub
 * below 4 GB (a far jump of 32-bit code cannot aim higher), which goes on to silicon_exit64. If
 * the block faults, the kernel's signal frame holds all registers, trap number, error code and
 * CR2: the handler copies them and makes sigreturn land in silicon_exit_event instead.
 *
 * What to beware of:
 *
 * - Nothing but the windows may be reachable below 4 GB, or a stray access of the block would
 *   read or ruin the process itself. So the program must be a PIE, everything here but the stub
 *   lies above 4 GB, and data go through the flat segment 0x2b: outside the windows all is a
 *   page fault. AddressSanitizer has shadow memory from 0x7fff8000 on, so the windows lie below
 *   it, and if anything is found mapped below 4 GB, DS, ES and SS become a segment of the LDT
 *   (base 0) that ends before it. The price is told at silicon_limit.
 * - DS and ES are null in a 64-bit process and the block would fault at its first access: load
 *   them.
 * - FS holds glibc's thread pointer by its base, with a null selector; it cannot be used by the
 *   block: an access through a null selector is #GP(0). A block may load it, null again, if the
 *   kernel lets programs write the base: then both exits and the handler, before any C code, put it
 *   back. GS is nobody's in a 64-bit process: it gets a segment of the LDT before every block.
 * - The signal stack must lie above 4 GB: a random ESP that points into it makes the kernel
 *   believe that it is in use already, and build the frame at ESP.
 * - Between the load of ESP and the return of the host's RSP any signal whose handler is not on
 *   the signal stack is written to the guest's stack. Programs that use the oracle have no such
 *   handlers.
 * - A popf of the block may set AC, and then the host's own unaligned accesses trap: the stub
 *   makes none, both exits clear it first. It may set TF: then a #DB comes one instruction
 *   later, and if that was the far jump back, it comes in the stub; it is taken for the end of
 *   the block that it is.
 * - What must not stand in a block (the generator leaves it out): loads of segment registers,
 *   far calls, jumps and returns, iret, sysenter and syscall. `int 0x80` is caught where the
 *   kernel can (syscall user dispatch, Linux 5.11) and reported as vector 0x80, for random code
 *   may hit it by a wild jump; sysenter cannot be caught so, since the kernel has replaced EIP
 *   before it looks. SGDT, SIDT, SLDT, STR and SMSW may be emulated by the kernel (UMIP), CPUID
 *   may fault.
 * - Error code and present bit are those of the page tables: the pages of the windows are
 *   touched once, or a write to the read-only one would say "not present". The data window is
 *   not executable: a jump there is a fault with bit 4 of the error code, which processors
 *   without NX do not have; so is bit 4 in any fault of a fetch.
 * - Some results are this processor's, not the architecture's: flags documented as undefined,
 *   how much of a PUSHA or ENTER has been written when it faults, RF. (Two that are not, though
 *   emulators get them wrong: ENTER faults if a write at its final ESP would, CMPXCHG8B needs
 *   write access even when it does not exchange.)
 * - The code window is memory of the block too: it may read it (and finds a far jump behind
 *   itself) and write it. Such bytes stay until silicon_reset, and look like answers that do not
 *   repeat.
 * - It may write the far jump behind itself too, and then lands somewhere in the windows in 64-bit
 *   mode; what happens there means nothing, and is reported as such.
 * - A locked access across a cache line may cost 10 ms each where the kernel polices split
 *   locks.
 * - A wild jump may make an endless loop: a timer of virtual time ticks all the while; the run
 *   that sees it twice is stopped. The timer survives exec (not fork), and would kill the new
 *   program.
 * - cmocka sets its own handlers around every test, AddressSanitizer has some too; a fault that
 *   is not the block's is handed to the handler found at silicon_init.
 * - FXSAVE images have no selectors and, on some processors, no pointers after non-faulting x87
 *   ops: compare the registers, not the whole image.
 *
 * The windows and segments that a block sees are made in silicon_world.c.
 *
 * To add something: a register that is to be passed gets a field in struct silicon_xfer, a line
 * in both directions of the assembly, and one in silicon_on_event (the way of faults).
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/oracle/silicon_int.h"

#if defined(__x86_64__) && defined(__linux__)

#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

enum { VEC_DB = 1, VEC_BP = 3, VEC_PF = 14, VEC_SYSCALL = 0x80 };

#define EFL_TF     0x00000100u
#define EFL_ALWAYS 0x00000202u
#define EFL_AC     0x00040000u
#define EFL_TAKEN  (IA32_FLAGS | 0x00200000u)

#define AT(field, offset)                                                                          \
    _Static_assert(offsetof(struct silicon_xfer, field) == (offset), "assembly relies on it")
AT(in_eflags, 32);
AT(host_rsp, 40);
AT(far_eip, 48);
AT(data_seg, 56);
AT(use_fx, 60);
AT(out, 64);
AT(out_eflags, 96);
AT(host_mxcsr, 104);
AT(host_fcw, 108);
AT(gs, 112);
AT(has_fsbase, 116);
AT(fsbase, 120);
AT(fx_in, 128);
AT(fx_out, 640);

struct silicon_xfer silicon_x __attribute__((aligned(64)));
extern void silicon_enter32(void) HIDDEN;
extern void silicon_handler(int, siginfo_t *, void *) HIDDEN;

__asm__(".text\n"
        ".p2align 4\n"
        ".globl silicon_enter32\n.hidden silicon_enter32\n.type silicon_enter32, @function\n"
        "silicon_enter32:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, silicon_x+40(%rip)\n"
        "  cmpl $0, silicon_x+60(%rip)\n"
        "  je 1f\n"
        "  stmxcsr silicon_x+104(%rip)\n"
        "  fnstcw silicon_x+108(%rip)\n"
        "  fxrstor silicon_x+128(%rip)\n"
        "1:\n"
        "  mov silicon_x+56(%rip), %eax\n"
        "  mov %eax, %ds\n"
        "  mov %eax, %es\n"
        "  mov silicon_x+112(%rip), %ecx\n"
        "  mov %ecx, %gs\n"
        "  pushq silicon_x+32(%rip)\n"
        "  popfq\n"
        "  mov %eax, %ss\n"
        "  mov silicon_x+0(%rip), %eax\n"
        "  mov silicon_x+4(%rip), %ecx\n"
        "  mov silicon_x+8(%rip), %edx\n"
        "  mov silicon_x+12(%rip), %ebx\n"
        "  mov silicon_x+16(%rip), %esp\n"
        "  mov silicon_x+20(%rip), %ebp\n"
        "  mov silicon_x+24(%rip), %esi\n"
        "  mov silicon_x+28(%rip), %edi\n"
        "  ljmpl *silicon_x+48(%rip)\n"
        ".globl silicon_exit64\n.hidden silicon_exit64\n"
        "silicon_exit64:\n"
        "  mov %eax, silicon_x+64(%rip)\n"
        "  mov %ecx, silicon_x+68(%rip)\n"
        "  mov %edx, silicon_x+72(%rip)\n"
        "  mov %ebx, silicon_x+76(%rip)\n"
        "  mov %esp, silicon_x+80(%rip)\n"
        "  mov %ebp, silicon_x+84(%rip)\n"
        "  mov %esi, silicon_x+88(%rip)\n"
        "  mov %edi, silicon_x+92(%rip)\n"
        "  mov silicon_x+40(%rip), %rsp\n"
        "  pushfq\n"
        "  pop %rax\n"
        "  mov %rax, silicon_x+96(%rip)\n"
        "  cld\n"
        "  test $0x44000, %eax\n" /* AC, NT */
        "  jz 2f\n"
        "  pushq $0x202\n"
        "  popfq\n"
        "2:\n"
        ".globl silicon_exit_event\n.hidden silicon_exit_event\n"
        "silicon_exit_event:\n"
        "  mov $0x2b, %eax\n"
        "  mov %eax, %ss\n"
        "  cmpl $0, silicon_x+116(%rip)\n"
        "  je 4f\n"
        "  xor %eax, %eax\n"
        "  mov %eax, %fs\n"
        "  mov silicon_x+120(%rip), %rax\n"
        "  wrfsbase %rax\n"
        "4:\n"
        "  cmpl $0, silicon_x+60(%rip)\n"
        "  je 3f\n"
        "  fxsave silicon_x+640(%rip)\n"
        "  fninit\n"
        "  fldcw silicon_x+108(%rip)\n"
        "  ldmxcsr silicon_x+104(%rip)\n"
        "3:\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n"
        ".size silicon_enter32, .-silicon_enter32\n"
        ".globl silicon_handler\n.hidden silicon_handler\n.type silicon_handler, @function\n"
        "silicon_handler:\n"
        "  cmpl $0, silicon_x+116(%rip)\n"
        "  je 5f\n"
        "  mov silicon_x+120(%rip), %rax\n"
        "  wrfsbase %rax\n"
        "5:\n"
        "  jmp silicon_on_event\n"
        ".size silicon_handler, .-silicon_handler\n");

/* What ended the run, written by the handler. */
static struct {
    enum silicon_end end;
    uint32_t eip, error, cr2;
    int vector;
} volatile event;

static uint32_t block_start, block_end;
static uint32_t armed;                            /* where the far jump stands, 0: nowhere */
static uint32_t loaded_start, loaded_end;         /* extent of the block of silicon_load */
static volatile uint64_t run_number, tick_number; /* of the run at hand, of the last tick */

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGVTALRM};
enum { N_SIGNALS = sizeof signals / sizeof signals[0] };
static struct sigaction previous[N_SIGNALS];

static void hand_on(int sig)
{
    for (int i = 0; i < N_SIGNALS; i++)
        if (signals[i] == sig)
            sigaction(sig, &previous[i], NULL); /* and the fault happens again */
}

extern void silicon_on_event(int sig, siginfo_t *info, void *context) HIDDEN;
void silicon_on_event(int sig, siginfo_t *info, void *context)
{
    /* No unaligned access of our own may trap, and the compiler is free to make some. */
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(uint64_t)EFL_AC);

    static const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX,
                                 REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned cs = regs[REG_CSGSFS] & 0xffff;
    int code16 = cs == SILICON_SELECTOR(SILICON_SEG_CODE16);
    int ours = cs == CS32 || code16 || cs == SILICON_SELECTOR(SILICON_SEG_EXECUTE_ONLY);
    int vector = (int)regs[REG_TRAPNO];
    int single_step = sig == SIGTRAP && vector == VEC_DB;
    (void)info;

    if (sig == SIGVTALRM && (!ours || tick_number != run_number)) {
        tick_number = run_number; /* if that is still so at the next tick, it hangs */
        return;
    }

    event.eip = (uint32_t)regs[REG_RIP] + (code16 ? SILICON_CODE : 0);
    event.vector = -1;
    event.error = event.cr2 = 0;
    if (cs == CS64 && single_step && regs[REG_RIP] == SILICON_CODE_EXIT) {
        event.end = SILICON_END;
        event.eip = block_end;
    } else if (sig == SIGVTALRM) {
        event.end = SILICON_HUNG;
    } else if (cs == CS64 && (uint64_t)regs[REG_RIP] >> 32 == 0) {
        event.end = SILICON_BAD;
    } else if (!ours) {
        hand_on(sig);
        return;
    } else if (sig == SIGSYS) {
        event.end = SILICON_FAULT;
        event.vector = VEC_SYSCALL;
    } else if (vector == VEC_BP && event.eip - 1 - block_start >= block_end - block_start) {
        event.end = SILICON_LEFT;
        event.eip--;
    } else {
        event.end = SILICON_FAULT;
        event.vector = vector;
        event.error = (uint32_t)regs[REG_ERR];
        if (vector == VEC_PF)
            event.cr2 = (uint32_t)regs[REG_CR2];
    }

    for (int i = 0; i < 8; i++)
        silicon_x.out[i] = (uint32_t)regs[order[i]];
    silicon_x.out_eflags = (uint32_t)regs[REG_EFL];
    regs[REG_RIP] = (greg_t)(uintptr_t)silicon_exit_event;
    regs[REG_RSP] = (greg_t)silicon_x.host_rsp;
    regs[REG_EFL] = EFL_ALWAYS;
    regs[REG_CSGSFS] =
        (regs[REG_CSGSFS] & 0x0000ffffffff0000ll) | CS64 | (greg_t)((uint64_t)DATA_FLAT << 48);
}

/* Signals of blocks come to us, on a stack above 4 GB. */
static int take_signals(void)
{
    enum { STACK = 256 * 1024 };
    static void *stack;
    if (!stack) {
        stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED || (uintptr_t)stack >> 32 == 0) {
            stack = NULL;
            return refuse("silicon: no signal stack above 4 GB");
        }
    }
    stack_t ss = {.ss_sp = stack, .ss_size = STACK};
    if (sigaltstack(&ss, NULL))
        return refuse("silicon: sigaltstack refused");
    for (int i = 0; i < N_SIGNALS; i++) {
        struct sigaction old, sa = {.sa_sigaction = silicon_handler,
                                    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
        sigfillset(&sa.sa_mask);
        for (int j = 0; j < N_SIGNALS - 1; j++) /* a fault of the handler shall be seen */
            sigdelset(&sa.sa_mask, signals[j]);
        if (sigaction(signals[i], &sa, &old))
            return refuse("silicon: sigaction refused");
        if (!(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != silicon_handler)
            previous[i] = old;
    }
    struct itimerval tick = {{0, 50000}, {0, 50000}};
    if (setitimer(ITIMER_VIRTUAL, &tick, NULL))
        return refuse("silicon: setitimer refused");
    return 0;
}

/* System calls of code below 4 GB become SIGSYS. Kernels before 5.11 cannot; that is no reason to
 * do without an oracle. */
static void bar_system_calls(void)
{
#ifdef PR_SET_SYSCALL_USER_DISPATCH
    prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 1ul << 32, (1ul << 47) - (1ul << 32),
          NULL);
#endif
}

int silicon_init(void)
{
    static int state; /* 0 new, 1 ready, -1 refused */
    if (state == 0) {
        state = silicon_make_world() ? -1 : 1;
        if (state == 1)
            bar_system_calls();
    }
    if (state < 0)
        return -1;
    if (getauxval(AT_HWCAP2) & 2) { /* FSGSBASE, enabled by the kernel */
        __asm__("rdfsbase %0" : "=r"(silicon_x.fsbase));
        silicon_x.has_fsbase = 1;
    }
    if (take_signals())
        return -1;
    silicon_reason = "ready";
    return 0;
}

unsigned silicon_gs(void)
{
    return silicon_x.gs;
}

int silicon_fs(void)
{
    return silicon_x.has_fsbase;
}

void silicon_use_fx(int on)
{
    silicon_x.use_fx = on != 0;
}

static int in_code(uint32_t eip, size_t len)
{
    return eip >= SILICON_CODE && eip <= SILICON_CODE_EXIT - SILICON_TAIL &&
           len <= SILICON_CODE_EXIT - SILICON_TAIL - eip;
}

void silicon_reset(void)
{
    for (uint32_t a = SILICON_DATA; a < SILICON_DATA + SILICON_DATA_SIZE; a += SILICON_PAGE)
        if (silicon_access(a) & SILICON_W)
            memcpy(silicon_ptr(a), silicon_first + (a - SILICON_DATA), SILICON_PAGE);
    memset(silicon_ptr(SILICON_CODE), 0xcc, SILICON_CODE_EXIT - SILICON_CODE);
    armed = loaded_start = loaded_end = 0;
}

void silicon_load(uint32_t eip, const void *code, size_t len)
{
    if (!in_code(eip, len))
        return;
    uint32_t end = eip + (uint32_t)len;
    if (armed && armed == loaded_end && armed != end) { /* the old tail goes with the old block */
        loaded_end += SILICON_TAIL;
        armed = 0;
    }
    /* Bytes that stay are not written twice: every write to code costs a flush of the pipeline. */
    if (loaded_end > loaded_start) {
        for (uint32_t a = loaded_start; a < loaded_end; a++)
            if (a - eip >= len)
                *silicon_ptr(a) = 0xcc;
    }
    memcpy(silicon_ptr(eip), code, len);
    loaded_start = eip;
    loaded_end = end;
}

enum silicon_end silicon_run(const struct ia32_state *in, uint32_t len, struct ia32_state *out,
                             struct ia32_fault *f)
{
    if (!in_code(in->eip, len))
        return SILICON_BAD;
    block_start = in->eip;
    block_end = in->eip + len;
    uint8_t *tail = silicon_ptr(block_end);
    const uint8_t *jump = silicon_tail(in->code16);
    if (armed != block_end) {
        uint8_t *old = silicon_ptr(armed);
        if (armed && (memcmp(old, silicon_tail(0), SILICON_TAIL) == 0 ||
                      memcmp(old, silicon_tail(1), SILICON_TAIL) == 0))
            memset(old, 0xcc, SILICON_TAIL);
        armed = block_end;
    }
    if (memcmp(tail, jump, SILICON_TAIL) != 0)
        memcpy(tail, jump, SILICON_TAIL);

    memcpy(silicon_x.in, in->gpr, sizeof in->gpr);
    silicon_x.in_eflags = (in->eflags & EFL_TAKEN) | EFL_ALWAYS;
    silicon_x.far_eip = in->eip - (in->code16 ? SILICON_CODE : 0);
    silicon_x.far_cs = in->code16 ? SILICON_SELECTOR(SILICON_SEG_CODE16) : CS32;
    if (silicon_x.use_fx)
        memcpy(silicon_x.fx_in, in->fx, sizeof in->fx);
    event.end = SILICON_END;
    event.vector = -1;
    event.eip = block_end;
    event.error = event.cr2 = 0;
    run_number++;

    silicon_enter32();

    memcpy(out->gpr, silicon_x.out, sizeof out->gpr);
    out->eip = event.eip;
    out->eflags = (uint32_t)silicon_x.out_eflags;
    if (silicon_x.use_fx)
        memcpy(out->fx, silicon_x.fx_out, sizeof out->fx);
    f->vector = event.vector;
    f->error = event.error;
    f->cr2 = event.cr2;
    return event.end;
}

#else /* no such processor, or another system */

int silicon_init(void)
{
    silicon_reason = "silicon: the host is not x86-64 Linux";
    return -1;
}

unsigned silicon_gs(void)
{
    return 0;
}

int silicon_fs(void)
{
    return 0;
}

void silicon_use_fx(int on)
{
    (void)on;
}

void silicon_reset(void)
{
}

void silicon_load(uint32_t eip, const void *code, size_t len)
{
    (void)eip;
    (void)code;
    (void)len;
}

enum silicon_end silicon_run(const struct ia32_state *in, uint32_t len, struct ia32_state *out,
                             struct ia32_fault *f)
{
    (void)len;
    (void)f;
    *out = *in;
    return SILICON_BAD;
}

#endif

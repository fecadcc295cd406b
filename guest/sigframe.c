/* SPDX-License-Identifier: MIT */
/*
 * Signal frames of Linux on i386: what a handler finds on its stack, and how the task goes on from
 * it. Registers are saved as struct sigcontext, floating-point state beside it (sigfp.c). A handler
 * may change any of it: sigreturn loads what it finds.
 *
 * Without a vDSO the return address of a handler is the program's own restorer (SA_RESTORER), or a
 * few instructions in the frame itself.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"
#include "vliw-model/isa.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum {
    GSA_SIGINFO = 4,
    GSA_RESTORER = 0x4000000,
    GSA_ONSTACK = 0x8000000,
    EF_TF = 0x100,
    EF_IF = 0x200,
    EF_DF = 0x400,
    EF_RF = 0x10000,
    /* What sigreturn takes from the frame: condition codes, TF, DF, AC. RF, too, but it lasts no
     * longer than the next instruction, and shows only in the frame of a signal before that. */
    EF_LOADED = 0x40dd5,
    EF_CC = 0x8d5
};

struct sigcontext_guest {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss, fpstate, oldmask, cr2;
};
_Static_assert(sizeof(struct sigcontext_guest) == 88, "struct sigcontext of i386");

struct frame {
    uint32_t pretcode, sig;
    struct sigcontext_guest sc;
    uint8_t fpstate_unused[624];
    uint32_t extramask;
    uint8_t retcode[8];
};

struct rt_frame {
    uint32_t pretcode, sig, pinfo, puc;
    uint32_t info[32];
    uint32_t flags, link, stack[3]; /* struct ucontext */
    struct sigcontext_guest sc;
    uint64_t mask;
    uint8_t retcode[8];
} __attribute__((packed));

static void save_regs(const struct process *p, const struct vm_context *c,
                      struct sigcontext_guest *s)
{
    const uint32_t *r = c->r;

    *s = (struct sigcontext_guest){.gs = r[G_SEL2] >> 16,
                                   .fs = r[G_SEL2] & 0xffff,
                                   .es = r[G_SEL0] & 0xffff,
                                   .ds = r[G_SEL1] >> 16,
                                   .edi = r[G_EDI],
                                   .esi = r[G_ESI],
                                   .ebp = r[G_EBP],
                                   .esp = r[G_ESP],
                                   .ebx = r[G_EBX],
                                   .edx = r[G_EDX],
                                   .ecx = r[G_ECX],
                                   .eax = r[G_EAX],
                                   .trapno = p->cur->trapno,
                                   .err = p->cur->error,
                                   .eip = r[G_EIP],
                                   .cs = r[G_SEL0] >> 16,
                                   .eflags = (r[G_EFL] & ~(uint32_t)EF_CC) | c->cc | EF_IF | 2 |
                                             (p->cur->resume_flag ? EF_RF : 0),
                                   .esp_at_signal = r[G_ESP],
                                   .ss = r[G_SEL1] & 0xffff,
                                   .cr2 = p->cur->cr2};
}

static bool on_altstack(const struct task *t, uint32_t sp)
{
    return t->alt_size && sp > t->alt_sp && sp - t->alt_sp <= t->alt_size;
}

uint32_t signal_altstack_state(const struct task *t, uint32_t sp)
{
    /* One that is given up while a handler runs on it is never the stack of anything. */
    bool on = on_altstack(t, sp) && !(t->alt_flags & SS_AUTODISARM);

    return !t->alt_size ? SS_DISABLE : on ? SS_ONSTACK : 0;
}

int signal_altstack_set(struct task *t, const uint32_t stack[3], uint32_t sp)
{
    enum { MIN = 2048 };
    uint32_t mode = stack[1] & ~SS_AUTODISARM;

    if (signal_altstack_state(t, sp) == SS_ONSTACK)
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
        return -EINVAL;
    if (mode != SS_DISABLE && stack[2] < MIN)
        return -ENOMEM;
    t->alt_sp = mode == SS_DISABLE ? 0 : stack[0];
    t->alt_size = mode == SS_DISABLE ? 0 : stack[2];
    t->alt_flags = stack[1];
    return 0;
}

/* Writes frame and FP state below the stack pointer. 0: it cannot be done. */
static uint32_t place(struct process *p, const struct sigaction_guest *act, uint32_t size,
                      uint32_t *fp_at)
{
    uint32_t sp = vm_reg(p->vm, GUEST_REG0 + G_ESP);
    bool was_on = signal_altstack_state(p->cur, sp) == SS_ONSTACK, moved = false;

    if ((act->flags & GSA_ONSTACK) && !signal_altstack_state(p->cur, sp)) {
        sp = p->cur->alt_sp + p->cur->alt_size;
        moved = true;
    }
    *fp_at = fpstate_place(p, sp);
    sp = ((*fp_at - size + 4) & ~15u) - 4;
    if ((was_on || moved) && !on_altstack(p->cur, sp))
        return 0; /* the alternate stack is too small for it */
    return sp;
}

static void put_context(struct process *p, const struct vm_context *c)
{
    struct vm_context old;

    vm_get_context(p->vm, &old);
    p->state_changed |= registers_differ(&old, c);
    vm_set_context(p->vm, c);
}

bool sigframe_push(struct process *p, int sig, const struct siginfo_guest *info,
                   const struct sigaction_guest *act, uint64_t mask)
{
    bool rt = act->flags & GSA_SIGINFO;
    uint32_t fp_at, sp = place(p, act, rt ? sizeof(struct rt_frame) : sizeof(struct frame), &fp_at);
    struct vm_context c;
    struct sigcontext_guest sc;
    int e;

    if (!sp)
        return false;
    vm_get_context(p->vm, &c);
    save_regs(p, &c, &sc);
    sc.fpstate = fp_at;
    sc.oldmask = (uint32_t)mask;
    e = fpstate_save(p, &c, fp_at);
    c.r[G_ECX] = c.r[G_EDX] = 0;
    if (rt) {
        struct rt_frame f = {.sig = (uint32_t)sig,
                             .pinfo = sp + offsetof(struct rt_frame, info),
                             .puc = sp + offsetof(struct rt_frame, flags),
                             .info = {(uint32_t)sig, 0, (uint32_t)info->code},
                             .stack = {p->cur->alt_sp, p->cur->alt_flags, p->cur->alt_size},
                             .sc = sc,
                             .mask = mask,
                             /* mov eax, 173; int 0x80 */
                             .retcode = {0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0}};
        memcpy(f.info + 3, info->field, sizeof info->field);
        f.pretcode = act->flags & GSA_RESTORER ? act->restorer
                                               : sp + (uint32_t)offsetof(struct rt_frame, retcode);
        c.r[G_EDX] = f.pinfo;
        c.r[G_ECX] = f.puc;
        if (!e)
            e = space_write(p->space, sp, &f, sizeof f);
        if (!e && p->cur->alt_flags & SS_AUTODISARM)
            p->cur->alt_sp = p->cur->alt_size = p->cur->alt_flags = 0;
    } else {
        struct frame f = {.sig = (uint32_t)sig,
                          .sc = sc,
                          .extramask = (uint32_t)(mask >> 32),
                          /* pop eax; mov eax, 119; int 0x80 */
                          .retcode = {0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80}};
        f.pretcode = act->flags & GSA_RESTORER ? act->restorer
                                               : sp + (uint32_t)offsetof(struct frame, retcode);
        if (!e)
            e = space_write(p->space, sp, &f, sizeof f);
    }
    if (e)
        return false;
    if (p->cur->alt_flags & SS_AUTODISARM) {
        p->cur->alt_sp = p->cur->alt_size = 0;
        p->cur->alt_flags = SS_DISABLE;
    }
    p->cur->resume_flag = false;
    c.r[G_EAX] = (uint32_t)sig;
    c.r[G_ESP] = sp;
    c.r[G_EIP] = act->handler;
    c.r[G_EFL] = (c.r[G_EFL] & ~(uint32_t)(EF_TF | EF_DF)) | EF_IF | 2;
    c.r[G_SEL0] = SEL_USER_DS | SEL_USER_CS << 16;
    c.r[G_SEL1] = SEL_USER_DS | SEL_USER_DS << 16;
    fpstate_init(&c);
    put_context(p, &c);
    return true;
}

/* A frame may not ask for more privilege; the null selectors stay what they are. */
static uint32_t frame_selector(uint32_t sel)
{
    sel &= 0xffff;
    return sel <= 3 ? sel : sel | 3;
}

static int load_frame(struct process *p, struct sigcontext_guest sc)
{
    const struct sigcontext_guest *s = &sc;
    struct vm_context c;

    vm_get_context(p->vm, &c);
    if (s->fpstate) {
        int e = fpstate_load(p, &c, s->fpstate);
        if (e)
            return e;
    } else {
        fpstate_init(&c);
    }
    c.r[G_EDI] = s->edi;
    c.r[G_ESI] = s->esi;
    c.r[G_EBP] = s->ebp;
    c.r[G_ESP] = s->esp;
    c.r[G_EBX] = s->ebx;
    c.r[G_EDX] = s->edx;
    c.r[G_ECX] = s->ecx;
    c.r[G_EAX] = s->eax;
    c.r[G_EIP] = s->eip;
    c.r[G_EFL] = (c.r[G_EFL] & ~(uint32_t)EF_LOADED) | (s->eflags & EF_LOADED & ~(uint32_t)EF_CC) |
                 EF_IF | 2;
    c.cc = s->eflags & EF_CC;
    p->cur->resume_flag = s->eflags & EF_RF;
    /* Whether they may be loaded shows when CMS does it: what may not becomes null, but for CS and
     * SS, whose fault is then the task's. */
    c.r[G_SEL0] = frame_selector(s->es) | (((s->cs | 3) & 0xffff) << 16);
    c.r[G_SEL1] = ((s->ss | 3) & 0xffff) | frame_selector(s->ds) << 16;
    c.r[G_SEL2] = frame_selector(s->fs) | frame_selector(s->gs) << 16;
    put_context(p, &c);
    return 0;
}

/* A frame that cannot be used ends in SIGSEGV; else every register has its new value. */
static int32_t returned(struct process *p, int e)
{
    struct siginfo_guest info = {.code = GSI_KERNEL};

    if (e)
        signal_force(p, GSIGSEGV, &info);
    return SYS_NO_RESULT;
}

CALL(sigreturn)
{
    struct frame f;
    /* The handler's RET took pretcode, the restorer's POP the signal's number. */
    uint32_t at = vm_reg(p->vm, GUEST_REG0 + G_ESP) - 8;
    int e = space_read(p->space, at, &f, sizeof f);

    if (!e) {
        p->cur->sigmask = (f.sc.oldmask | (uint64_t)f.extramask << 32) & ~(1ull << 8 | 1ull << 18);
        e = load_frame(p, f.sc);
    }
    return returned(p, e);
}

CALL(rt_sigreturn)
{
    struct rt_frame f;
    uint32_t stack[3], at = vm_reg(p->vm, GUEST_REG0 + G_ESP) - 4;
    int e = space_read(p->space, at, &f, sizeof f);

    if (!e) {
        p->cur->sigmask = f.mask & ~(1ull << 8 | 1ull << 18);
        e = load_frame(p, f.sc);
    }
    memcpy(stack, f.stack, sizeof stack);
    if (!e)
        signal_altstack_set(p->cur, stack, vm_reg(p->vm, GUEST_REG0 + G_ESP));
    return returned(p, e);
}

/* SPDX-License-Identifier: MIT */
/*
 * Signal frames of Linux on i386: what a handler finds on its stack, and how the task goes on from
 * it. The processor's floating-point state is saved in the form that FSAVE gives it; the rest of
 * the registers as struct sigcontext. A handler may change any of it: sigreturn loads what it
 * finds.
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
    /* What sigreturn takes from the frame: condition codes, TF, DF, RF, AC. */
    EF_LOADED = 0x50dd5,
    EF_CC = 0x8d5
};

struct sigcontext_guest {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss, fpstate, oldmask, cr2;
};
_Static_assert(sizeof(struct sigcontext_guest) == 88, "struct sigcontext of i386");

/* As FSAVE, and two halves of a word behind it. */
struct fpstate_guest {
    uint32_t cw, sw, tag, ipoff, cssel, dataoff, datasel;
    uint8_t st[8][10];
    uint16_t status, magic; /* ffff: nothing but the x87 state follows */
} __attribute__((packed));
_Static_assert(sizeof(struct fpstate_guest) == 112, "struct _fpstate of i386");

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

static uint32_t fpsr(const struct vm_context *c, enum special s)
{
    return c->fpsr[s - SR_FCW];
}

/* The full tag word from the occupied marks: 0 valid, 1 zero, 2 special, 3 empty. */
static uint32_t tag_word(const struct vm_context *c)
{
    uint32_t tags = 0;

    for (uint32_t i = 0; i < 8; i++) {
        const uint8_t *w = c->wide[WIDE_X87 + i];
        uint64_t m;
        uint16_t se;
        memcpy(&m, w, 8);
        memcpy(&se, w + 8, 2);
        uint32_t e = se & 0x7fff;
        uint32_t t = !(fpsr(c, SR_FTAG) >> i & 1)      ? 3
                     : !e && !m                        ? 1
                     : !e || e == 0x7fff || !(m >> 63) ? 2
                                                       : 0;
        tags |= t << 2 * i;
    }
    return tags;
}

static void save_fp(const struct vm_context *c, struct fpstate_guest *f)
{
    uint32_t top = fpsr(c, SR_FSW) >> 11 & 7;

    memset(f, 0, sizeof *f);
    f->cw = fpsr(c, SR_FCW) | 0xffff0000u;
    f->sw = fpsr(c, SR_FSW) | 0xffff0000u;
    f->tag = tag_word(c) | 0xffff0000u;
    f->ipoff = fpsr(c, SR_FIP);
    f->cssel = fpsr(c, SR_FCO);
    f->dataoff = fpsr(c, SR_FDP);
    f->datasel = fpsr(c, SR_FDS) | 0xffff0000u;
    for (uint32_t i = 0; i < 8; i++)
        memcpy(f->st[i], c->wide[WIDE_X87 + ((top + i) & 7)], 10);
    f->status = (uint16_t)f->sw;
    f->magic = 0xffff;
}

static void init_fp(struct vm_context *c)
{
    memset(c->fpsr, 0, sizeof c->fpsr);
    c->fpsr[0] = 0x37f;
    c->fpsr[SR_MXCSR - SR_FP_FIRST] = MXCSR_RESET;
}

static void load_fp(struct vm_context *c, const struct fpstate_guest *f)
{
    uint32_t top = f->sw >> 11 & 7, used = 0, sw = f->sw & 0x7f7f;

    for (uint32_t i = 0; i < 8; i++) {
        uint8_t *w = c->wide[WIDE_X87 + ((top + i) & 7)];
        memcpy(w, f->st[i], 10);
        memset(w + 10, 0, 6);
    }
    for (uint32_t i = 0; i < 8; i++)
        if ((f->tag >> 2 * i & 3) != 3)
            used |= 1u << i;
    c->fpsr[0] = (f->cw & 0x1f3f) | 0x40;
    if (sw & ~c->fpsr[0] & 0x3f)
        sw |= 0x8080;
    c->fpsr[SR_FSW - SR_FCW] = sw;
    c->fpsr[SR_FTAG - SR_FCW] = used;
    c->fpsr[SR_FIP - SR_FCW] = f->ipoff;
    c->fpsr[SR_FCO - SR_FCW] = f->cssel & 0x7ffffff;
    c->fpsr[SR_FDP - SR_FCW] = f->dataoff;
    c->fpsr[SR_FDS - SR_FCW] = f->datasel & 0xffff;
}

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
                                   .eflags = (r[G_EFL] & ~(uint32_t)EF_CC) | c->cc | EF_IF | 2,
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
    return !t->alt_size ? 2 : on_altstack(t, sp) ? 1 : 0;
}

/* Writes frame and FP state below the stack pointer. 0: it cannot be done. */
static uint32_t place(struct process *p, const struct sigaction_guest *act, uint32_t size,
                      uint32_t *fp_at)
{
    uint32_t sp = vm_reg(p->vm, GUEST_REG0 + G_ESP);
    bool was_on = on_altstack(p->cur, sp), moved = false;

    if ((act->flags & GSA_ONSTACK) && !signal_altstack_state(p->cur, sp)) {
        sp = p->cur->alt_sp + p->cur->alt_size;
        moved = true;
    }
    *fp_at = (sp - (uint32_t)sizeof(struct fpstate_guest)) & ~63u;
    sp = ((*fp_at - size + 4) & ~15u) - 4;
    if ((was_on || moved) && !on_altstack(p->cur, sp))
        return 0; /* the alternate stack is too small for it */
    return sp;
}

bool sigframe_push(struct process *p, int sig, const struct siginfo_guest *info,
                   const struct sigaction_guest *act, uint64_t mask)
{
    bool rt = act->flags & GSA_SIGINFO;
    uint32_t fp_at, sp = place(p, act, rt ? sizeof(struct rt_frame) : sizeof(struct frame), &fp_at);
    struct vm_context c;
    struct fpstate_guest fp;
    struct sigcontext_guest sc;
    int e;

    if (!sp)
        return false;
    vm_get_context(p->vm, &c);
    save_fp(&c, &fp);
    save_regs(p, &c, &sc);
    sc.fpstate = fp_at;
    sc.oldmask = (uint32_t)mask;
    e = space_write(p->space, fp_at, &fp, sizeof fp);
    c.r[G_ECX] = c.r[G_EDX] = 0;
    if (rt) {
        struct rt_frame f = {
            .sig = (uint32_t)sig,
            .pinfo = sp + offsetof(struct rt_frame, info),
            .puc = sp + offsetof(struct rt_frame, flags),
            .info = {(uint32_t)sig, 0, (uint32_t)info->code},
            .stack = {p->cur->alt_sp, signal_altstack_state(p->cur, c.r[G_ESP]), p->cur->alt_size},
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
    c.r[G_EAX] = (uint32_t)sig;
    c.r[G_ESP] = sp;
    c.r[G_EIP] = act->handler;
    c.r[G_EFL] = (c.r[G_EFL] & ~(uint32_t)(EF_TF | EF_DF | EF_RF)) | EF_IF | 2;
    c.r[G_SEL0] = SEL_USER_DS | SEL_USER_CS << 16;
    c.r[G_SEL1] = SEL_USER_DS | SEL_USER_DS << 16;
    init_fp(&c);
    vm_set_context(p->vm, &c);
    return true;
}

/* FS and GS: whatever does not name a segment of the process becomes the null selector. */
static uint32_t data_selector(const struct process *p, uint32_t sel, uint32_t *base)
{
    sel &= 0xffff;
    return segment_base(p, sel, base) ? sel : 0;
}

static int load_frame(struct process *p, struct sigcontext_guest sc)
{
    const struct sigcontext_guest *s = &sc;
    struct vm_context c;
    struct fpstate_guest fp;
    uint32_t fs, gs, fs_base, gs_base;

    vm_get_context(p->vm, &c);
    if (s->fpstate) {
        int e = space_read(p->space, s->fpstate, &fp, sizeof fp);
        if (e)
            return e;
        load_fp(&c, &fp);
    } else {
        init_fp(&c);
    }
    if ((s->cs | 3) != SEL_USER_CS || (s->ss | 3) != SEL_USER_DS)
        return -EINVAL;
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
    fs = data_selector(p, s->fs, &fs_base);
    gs = data_selector(p, s->gs, &gs_base);
    c.r[G_SEL2] = fs | gs << 16;
    c.r[G_FSBASE] = fs_base;
    c.r[G_GSBASE] = gs_base;
    vm_set_context(p->vm, &c);
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
    uint32_t at = vm_reg(p->vm, GUEST_REG0 + G_ESP) - 4;
    int e = space_read(p->space, at, &f, sizeof f);

    if (!e) {
        p->cur->sigmask = f.mask & ~(1ull << 8 | 1ull << 18);
        e = load_frame(p, f.sc);
    }
    if (!e && (f.stack[1] == 0 || f.stack[1] == 2)) {
        p->cur->alt_sp = f.stack[1] ? 0 : f.stack[0];
        p->cur->alt_size = f.stack[1] ? 0 : f.stack[2];
    }
    return returned(p, e);
}

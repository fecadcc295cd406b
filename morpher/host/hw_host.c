/* SPDX-License-Identifier: MIT */
/*
 * The intrinsics for the host. Each op runs on the attached machine as a bundle of its own
 * (vm_exec1), its operands in r10..r12, which are C registers and dead at any trap. What hardware
 * does to control flow is done here by longjmp:
 *
 *   rollback trap     the C stack is dropped, cms_rollback starts afresh
 *   restartable trap  cms_tlb_miss runs right here, on top of the stack as on the second register
 *                     bank; its rfe or raise comes back, and the op runs again, or is rolled back
 *   hw_enter          the model runs translations until they trap
 *
 * Ops that are pure functions (order class FREE) are not run at all but computed by sem.h, of which
 * the engine is made, too.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "morpher/cms.h"
#include "morpher/host/hw_host.h"
#include "vliw-model/sem.h"
#include "vliw-model/state.h"

enum { R_D = 10, R_A = 11, R_B = 12 };
enum jump { JUMP_NONE, JUMP_ROLLBACK, JUMP_STOP };
enum walked_how { WALKED_NONE, WALKED_BACK, WALKED_ROLLBACK };

/* One machine, one host-run CMS. */
static struct {
    struct vm *vm;
    jmp_buf entry;  /* JUMP_* */
    jmp_buf walker; /* WALKED_* */
    bool walking;
    enum vm_stop stop;
} h;

/* Op codes by the intrinsics' names. */
enum hw_index {
#define HW_INDEX_(shape, name) HW_##name,
    HW_LIST(HW_INDEX_)
#undef HW_INDEX_
        HW_COUNT_
};
static uint8_t opcode[HW_COUNT_];

static void find_opcodes(void)
{
    static const char *const names[HW_COUNT_] = {
#define HW_NAME_(shape, name) #name,
        HW_LIST(HW_NAME_)
#undef HW_NAME_
    };

    for (int i = 0; i < HW_COUNT_; i++) {
        int c = 0;

        while (c < OP_COUNT_ && strcmp(op_table[c].name, names[i]) != 0)
            c++;
        if (c == OP_COUNT_) {
            fprintf(stderr, "chrysalis: intrinsic %s has no op\n", names[i]);
            abort();
        }
        opcode[i] = (uint8_t)c;
    }
}

/* The semantics of pure ops; null for all others. */
typedef uint32_t pure_fn(uint32_t *r, struct ccs *c, uint32_t d, uint32_t a, uint32_t b);
#define PURE_FREE(name)  sem_##name
#define PURE_NLD(name)   NULL
#define PURE_NST(name)   NULL
#define PURE_GLD(name)   NULL
#define PURE_GST(name)   NULL
#define PURE_TRAP(name)  NULL
#define PURE_CTL(name)   NULL
#define PURE_FENCE(name) NULL
static pure_fn *const pure[OP_COUNT_] = {
#define OP(name, mnem, fmt, unit, lat, trap, order, doc) PURE_##order(name),
#include "vliw-model/ops.def"
#undef OP
};

static void attach(struct vm *vm)
{
    if (!opcode[HW_COUNT_ - 1])
        find_opcodes();
    h.vm = vm;
    h.walking = false;
    h.stop = VM_STOP;
}

__attribute__((noreturn)) static void stop(enum vm_stop why)
{
    h.stop = why;
    longjmp(h.entry, JUMP_STOP);
}

/* Runs the walker for a restartable trap. Returns if the access is to be tried again. */
static void walk(void)
{
    switch (setjmp(h.walker)) {
    case WALKED_NONE: h.walking = true; cms_tlb_miss();
    case WALKED_BACK: h.walking = false; return;
    default: h.walking = false; longjmp(h.entry, JUMP_ROLLBACK);
    }
}

static bool restartable(enum trap_code t)
{
    static const uint8_t kind[T_COUNT_] = {
#define TRAP(name, kind, doc) TRAP_##kind,
#include "vliw-model/traps.def"
#undef TRAP
    };

    return kind[t] == TRAP_RESTART;
}

/* True: done. False: a restartable trap has been served, set the operands and try again. */
static bool exec(const struct vop *op, bool commit, uint32_t retired)
{
    enum trap_code t = vm_exec1(h.vm, op, commit, retired);

    if (t == T_NONE)
        return true;
    if (!h.walking && restartable(t)) {
        walk();
        return false;
    }
    h.walking = false;
    longjmp(h.entry, JUMP_ROLLBACK);
}

static struct vop vop(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t rb)
{
    return (struct vop){.opc = (uint8_t)opc,
                        .rd = (uint8_t)rd,
                        .ra = (uint8_t)ra,
                        .rb = (uint8_t)rb,
                        .bmode = B_REG,
                        .imm = 0};
}

/* rd = op(ra, b), with rd as a source too. */
static uint32_t op3(uint32_t opc, uint32_t d, uint32_t a, uint32_t b)
{
    struct vop op;
    uint32_t *r = h.vm->s.r;

    if (pure[opc])
        return pure[opc](r, &h.vm->s.cc, d, a, b);
    op = vop(opc, R_D, R_A, R_B);
    do {
        r[R_D] = d;
        r[R_A] = a;
        r[R_B] = b;
    } while (!exec(&op, false, 0));
    if (opc == OP_HOSTCALL && h.vm->stop_request)
        stop(VM_STOP);
    return r[R_D];
}

/* No b at all. */
static uint32_t op2(uint32_t opc, uint32_t d, uint32_t a)
{
    struct vop op;
    uint32_t *r = h.vm->s.r;

    if (pure[opc])
        return pure[opc](r, &h.vm->s.cc, d, a, 0);
    op = vop(opc, R_D, R_A, 0);
    do {
        r[R_D] = d;
        r[R_A] = a;
    } while (!exec(&op, false, 0));
    return r[R_D];
}

static uint32_t op_mem(uint32_t opc, uint32_t d, uint32_t a)
{
    struct vop op = vop(opc, R_D, R_A, 0);
    uint32_t *r = h.vm->s.r;

    op.bmode = B_SHORT;
    do {
        r[R_D] = d;
        r[R_A] = a;
    } while (!exec(&op, false, 0));
    return r[R_D];
}

static void op_ab(uint32_t opc, uint32_t a, uint32_t b)
{
    struct vop op;
    uint32_t *r = h.vm->s.r;

    if (pure[opc]) {
        pure[opc](r, &h.vm->s.cc, 0, a, b);
        return;
    }
    op = vop(opc, 0, R_A, R_B);
    do {
        r[R_A] = a;
        r[R_B] = b;
    } while (!exec(&op, false, 0));
}

static void op_b(uint32_t opc, uint32_t b)
{
    struct vop op = vop(opc, 0, 0, R_B);
    uint32_t *r = h.vm->s.r;

    do
        r[R_B] = b;
    while (!exec(&op, false, 0));
}

static uint32_t op_rb(uint32_t opc, uint32_t b)
{
    struct vop op = vop(opc, R_D, 0, R_B);
    uint32_t *r = h.vm->s.r;

    do
        r[R_B] = b;
    while (!exec(&op, false, 0));
    return r[R_D];
}

#undef HW_OP_RRB_
#undef HW_OP_RR_
#undef HW_OP_RRBX_
#undef HW_OP_RRX_
#undef HW_OP_AB_
#undef HW_OP_LOAD_
#undef HW_OP_STORE_
#undef HW_OP_B_
#undef HW_OP_RB_
#define HW_OP_RRB_(name)                                                                           \
    uint32_t hw_##name(uint32_t a, uint32_t b)                                                     \
    {                                                                                              \
        return op3(opcode[HW_##name], 0, a, b);                                                    \
    }
#define HW_OP_RR_(name)                                                                            \
    uint32_t hw_##name(uint32_t a)                                                                 \
    {                                                                                              \
        return op2(opcode[HW_##name], 0, a);                                                       \
    }
#define HW_OP_RRBX_(name)                                                                          \
    uint32_t hw_##name(uint32_t d, uint32_t a, uint32_t b)                                         \
    {                                                                                              \
        return op3(opcode[HW_##name], d, a, b);                                                    \
    }
#define HW_OP_RRX_(name)                                                                           \
    uint32_t hw_##name(uint32_t d, uint32_t a)                                                     \
    {                                                                                              \
        return op2(opcode[HW_##name], d, a);                                                       \
    }
#define HW_OP_AB_(name)                                                                            \
    void hw_##name(uint32_t a, uint32_t b)                                                         \
    {                                                                                              \
        op_ab(opcode[HW_##name], a, b);                                                            \
    }
#define HW_OP_LOAD_(name)                                                                          \
    uint32_t hw_##name(uint32_t a)                                                                 \
    {                                                                                              \
        return op_mem(opcode[HW_##name], 0, a);                                                    \
    }
#define HW_OP_STORE_(name)                                                                         \
    void hw_##name(uint32_t a, uint32_t v)                                                         \
    {                                                                                              \
        op_mem(opcode[HW_##name], v, a);                                                           \
    }
#define HW_OP_B_(name)                                                                             \
    void hw_##name(uint32_t b)                                                                     \
    {                                                                                              \
        op_b(opcode[HW_##name], b);                                                                \
    }
#define HW_OP_RB_(name)                                                                            \
    uint32_t hw_##name(uint32_t b)                                                                 \
    {                                                                                              \
        return op_rb(opcode[HW_##name], b);                                                        \
    }
#define HW_DEFINE_(shape, name) HW_OP_##shape##_(name)
HW_LIST(HW_DEFINE_)

uint32_t hw_rdcc(void)
{
    return cc_flags(&h.vm->s.cc);
}

uint32_t hw_setcc(uint32_t cond)
{
    return cc_test(&h.vm->s.cc, cond);
}

uint32_t hw_mfs(uint32_t sr)
{
    return op_rb(OP_MFS, sr);
}

uint32_t hw_g(uint32_t i)
{
    return h.vm->s.r[GUEST_REG0 + i];
}

void hw_setg(uint32_t i, uint32_t v)
{
    h.vm->s.r[GUEST_REG0 + i] = v;
}

static void op_wide(uint32_t opc, uint32_t n, uint32_t a)
{
    struct vop op = vop(opc, n, R_A, 0);

    op.bmode = B_SHORT;
    do
        h.vm->s.r[R_A] = a;
    while (!exec(&op, false, 0));
}

#define HW_WIDE_(name, op)                                                                         \
    void hw_##name(uint32_t n, uint32_t a)                                                         \
    {                                                                                              \
        op_wide(OP_##op, n, a);                                                                    \
    }
HW_WIDE_(gldw, GLDW)
HW_WIDE_(gldq, GLDQ)
HW_WIDE_(gldqa, GLDQA)
HW_WIDE_(gstw, GSTW)
HW_WIDE_(gstq, GSTQ)
HW_WIDE_(gstqa, GSTQA)

void hw_commit(uint32_t n)
{
    struct vop op = vop(OP_NOP, 0, 0, 0);

    exec(&op, true, n);
}

__attribute__((noreturn)) void hw_enter(uint32_t pc)
{
    vm_set_pc(h.vm, pc);
    for (;;) {
        enum vm_stop why = vm_run(h.vm, UINT64_MAX);

        if (why != VM_TRAPPED)
            stop(why);
        if (!restartable(h.vm->trapped))
            longjmp(h.entry, JUMP_ROLLBACK);
        walk();
    }
}

__attribute__((noreturn)) void hw_exit(uint32_t info)
{
    op_b(OP_EXIT, info);
    abort();
}

__attribute__((noreturn)) void hw_halt(uint32_t status)
{
    op_b(OP_HALT, status);
    stop(VM_HALT);
}

__attribute__((noreturn)) void hw_rfe(void)
{
    struct vop op = vop(OP_RFE, 0, 0, 0);

    exec(&op, false, 0);
    longjmp(h.walker, WALKED_BACK);
}

/* For a probe, the trap becomes the probe's result, and the op goes on. */
__attribute__((noreturn)) void hw_raise(uint32_t info, uint32_t trap)
{
    struct vop op = vop(OP_RAISE, 0, R_A, R_B);

    h.vm->s.r[R_A] = info;
    h.vm->s.r[R_B] = trap;
    longjmp(h.walker, vm_exec1(h.vm, &op, false, 0) == T_NONE ? WALKED_BACK : WALKED_ROLLBACK);
}

void *cm_ptr(uint32_t pa)
{
    return h.vm->mem + pa;
}

uint32_t cm_pa(const void *ptr)
{
    return (uint32_t)((const uint8_t *)ptr - h.vm->mem);
}

uint32_t pm_ld32(uint32_t pa)
{
    uint32_t v;

    memcpy(&v, h.vm->mem + pa, 4);
    return v;
}

void pm_st32(uint32_t pa, uint32_t v)
{
    memcpy(h.vm->mem + pa, &v, 4);
}

enum hostcms_end hostcms_call(struct vm *vm, void (*fn)(void *), void *arg)
{
    attach(vm);
    switch (setjmp(h.entry)) {
    case JUMP_NONE: fn(arg); return HOSTCMS_RETURNED;
    case JUMP_ROLLBACK: return HOSTCMS_TRAPPED;
    default: return HOSTCMS_STOPPED;
    }
}

enum vm_stop hostcms_run(struct vm *vm)
{
    attach(vm);
    switch (setjmp(h.entry)) {
    case JUMP_NONE: cms_boot();
    case JUMP_ROLLBACK: cms_rollback();
    default: return h.stop;
    }
}

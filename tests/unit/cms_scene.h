/* SPDX-License-Identifier: MIT */
/*
 * A scene for CMS with translations made by hand: host-run CMS, the real interpreter, and a
 * translator of the test's own (it takes the place of morpher/gear1.c in the program), which gives
 * for the one hot block of a small guest program a translation that does what the test injects.
 * Whatever that is, the guest must end in the state that interpretation alone gives: run_both.
 *
 * A test says in `sc` what it wants, runs, and looks there for what came of it. The scene and the
 * translator are defined here, not only declared: one file of a program includes this.
 */
#ifndef TESTS_UNIT_CMS_SCENE_H
#define TESTS_UNIT_CMS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "morpher/cms.h"
#include "morpher/host/hw_host.h"
#include "vliw-model/encode.h"
#include "vliw-model/machine.h"
#include "vliw-model/state.h"

/* Linear and physical places of the guest. */
enum {
    DIR = 0x100000,
    TABLE = 0x101000,
    CODE = 0x400000, /* linear */
    DATA = 0x401000,
    SECOND = 0x402000,
    CODE_PA = 0x110000,
    OTHER_PA = 0x111000,
    DATA_PA = 0x112000,
    SECOND_PA = 0x113000,
    ITERATIONS = 40,
    HOT = 5
};
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_RWU = 7, PTE_A = 0x20, PTE_D = 0x40 };

/*
 * loop: mov [ebx], eax     CODE + 0
 *       add ebx, 4              + 2
 *       inc eax                 + 5
 *       dec ecx                 + 6
 *       jnz loop                + 7
 *       int 0x80                + 9
 */
static const uint8_t program[] = {0x89, 0x03, 0x83, 0xc3, 0x04, 0x40, 0x49, 0x75, 0xf7, 0xcd, 0x80};
enum { END = CODE + 9 };

struct scene;
typedef void emit_fn(struct xlat *x);

/* What a test asks for. */
static struct scene {
    emit_fn *inject; /* ops before the translation's first guest op */
    bool indirect;   /* loops through the JTLB */
    bool wrong_side; /* the broken variant of the side table: the two ways of the branch confused */
    void (*before)(struct vm *vm);
    void (*on_fault)(struct vm *vm, const struct hc_fault *f);
    struct vm *vm;
    void (*in_cms)(void); /* done once by the translator, that is by CMS itself */
    unsigned gears, chain, jtlb, sb;
    /* what came of it */
    unsigned nfaults, made, ndeadlines;
    uint64_t deadline_retired;
    uint32_t deadline_eip;
    struct hc_fault fault;
    uint32_t panic;
    uint32_t reg[16], cc, second_pte, mxcsr;
    uint8_t wide[NWIDE][16];
    uint8_t data[4096];
    struct cms_stats cms;
    struct vm_stats vm_stats;
} sc;

/* ---- the test's translator ---- */

static inline void bundle(struct xlat *x, bool commit, uint32_t retired, struct vop op)
{
    struct bundle b = {.nops = 1, .commit = commit, .retired = (uint16_t)retired, .op = {op}};
    uint32_t n = bundle_encode(&b, x->base + x->nwords * 4, &x->word[x->nwords]);

    assert_int_not_equal(n, 0);
    x->nwords += n;
    x->nbundles++;
    x->nops++;
}

static inline struct vop op_imm(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t imm)
{
    return (struct vop){.opc = (uint8_t)opc,
                        .rd = (uint8_t)rd,
                        .ra = (uint8_t)ra,
                        .bmode = bmode_for((int32_t)imm),
                        .imm = (int32_t)imm};
}

static inline struct vop op_reg(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t rb)
{
    return (struct vop){.opc = (uint8_t)opc,
                        .rd = (uint8_t)rd,
                        .ra = (uint8_t)ra,
                        .rb = (uint8_t)rb,
                        .bmode = B_REG};
}

static inline struct vop op_long(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t imm)
{
    struct vop op = op_imm(opc, rd, ra, imm);

    op.bmode = B_LONG;
    return op;
}

static inline void put_stub(struct xlat *x, uint32_t k)
{
    x->exit[k].stub_off = x->exit[k].stub_op_off = x->nwords * 4;
    x->exit[k].stub_imm_off = x->nwords * 4 + 4;
    bundle(x, false, 0, op_long(OP_EXIT, 0, 0, k));
}

enum { EAX = 32, ECX, EDX, EBX, ESP, EBP, ESI, EDI, EIP, T0 = 48, T1 };

void gear1_reset(void);
void gear1_reset(void)
{
}

enum abort_reason gear1_translate(uint32_t eip, uint32_t mode, uint32_t base, uint32_t max_words,
                                  struct xlat *x)
{
    if (eip != CODE)
        return AB_UNSUPPORTED;
    if (sc.in_cms) {
        void (*once)(void) = sc.in_cms;
        sc.in_cms = NULL;
        once();
    }
    assert_true(max_words > 200);
    memset(x, 0, sizeof *x);
    sc.made++;
    x->eip = eip;
    x->mode = mode;
    x->base = base;
    x->nframes = 1;
    x->first_pa = hw_gpa(eip);
    x->frame[0] = x->first_pa >> 12;
    x->page[0] = eip >> 12;
    x->guest_bytes = 9;
    x->ninsns = 5;
    bundle(x, false, 0, op_long(OP_MOV, T0, 0, eip));
    bundle(x, false, 0, op_long(OP_XCHK, 0, T0, x->frame[0]));
    x->body_off = x->nwords * 4;
    if (sc.inject)
        sc.inject(x);
    bundle(x, false, 0, op_imm(OP_GST32, EAX, EBX, 0));
    bundle(x, false, 0, op_imm(OP_ADDF32, EBX, EBX, 4));
    bundle(x, false, 0, op_imm(hw_gldx8(eip + 5) == 0x40 ? OP_INCF32 : OP_DECF32, EAX, EAX, 0));
    bundle(x, false, 0, op_imm(OP_DECF32, ECX, ECX, 0));
    x->nexits = 2;
    x->exit[0] = (struct xlat_exit){.kind = XE_DIRECT, .target_eip = CODE};
    x->exit[1] = (struct xlat_exit){.kind = XE_INTERP, .target_eip = END};
    if (!sc.indirect) {
        x->ncommits = 1;
        x->commit[0] = (struct xlat_commit){x->nwords * 4, {END, CODE}};
        if (sc.wrong_side)
            x->commit[0] = (struct xlat_commit){x->nwords * 4, {CODE, END}};
        x->exit[0].branch_off = x->nwords * 4 + 4;
        bundle(x, true, 5, op_long(OP_BRCC, CC_NE, 0, 0));
    } else {
        bundle(x, false, 0, op_long(OP_MOV, T1, 0, CODE));
        bundle(x, false, 0, op_long(OP_MOV, EIP, 0, END));
        bundle(x, false, 0, op_imm(OP_CMOV, EIP, T1, CC_NE));
        bundle(x, true, 5, op_imm(OP_NOP, 0, 0, 0));
        if (sc.jtlb)
            bundle(x, false, 0, op_reg(OP_JTLB, 0, 0, EIP));
        x->exit[1] = (struct xlat_exit){.kind = XE_INDIRECT};
    }
    put_stub(x, 1);
    put_stub(x, 0);
    if (!sc.indirect)
        x->word[x->exit[0].branch_off / 4] = base + x->exit[0].stub_off;
    return AB_NONE;
}

/* ---- the platform ---- */

enum { SEL_CODE = 0x73, SEL_DATA = 0x7b };

static inline uint32_t hostcall(void *ctx, uint32_t service, uint32_t arg)
{
    struct scene *s = ctx;

    switch (service) {
    case HC_FAULT:
        memcpy(&s->fault, vm_mem(s->vm, arg, sizeof s->fault), sizeof s->fault);
        s->nfaults++;
        if (s->on_fault) {
            s->on_fault(s->vm, &s->fault);
            return HC_SPACE_CHANGED;
        }
        break;
    case HC_DEADLINE:
        s->ndeadlines++;
        s->deadline_retired = vm_retired(s->vm);
        s->deadline_eip = vm_reg(s->vm, GUEST_REG0 + G_EIP);
        return 0;
    case HC_DESCRIPTOR: /* flat code and data */
        return !(arg >> 16) ? 0xffff : (arg & 0xffff) == SEL_CODE ? 0x00cffb00 : 0x00cff300;
    case HC_PANIC: s->panic = arg; break;
    default: break;
    }
    vm_request_stop(s->vm);
    return 0;
}

static inline void put32(struct vm *vm, uint32_t pa, uint32_t v)
{
    memcpy(vm_mem(vm, pa, 4), &v, 4);
}

static inline uint32_t get32(struct vm *vm, uint32_t pa)
{
    uint32_t v;

    memcpy(&v, vm_mem(vm, pa, 4), 4);
    return v;
}

static inline void set_pte(struct vm *vm, uint32_t addr, uint32_t pte)
{
    put32(vm, TABLE + (addr >> 12 & 1023) * 4, pte);
}

static inline enum vm_stop run(void)
{
    static struct mdesc m;
    struct vm_platform p = {.ctx = &sc, .hostcall = hostcall};
    struct cm_boot boot = {.magic = CM_MAGIC, .env = CM_ENV_PROCESS, .cr3 = DIR};
    enum vm_stop why;

    machine_default(&m);
    m.cms_host = CMS_ON_HOST;
    m.guest_ram_mb = 16;
    m.concealed_mb = 4;
    m.xcache_kb = 64;
    m.cms_gears = sc.gears;
    m.cms_chain = sc.chain;
    m.cms_jtlb = sc.jtlb;
    m.cms_hot = HOT;
    if (sc.sb)
        m.sb_entries = sc.sb;
    sc.vm = vm_new(&m, &p);
    assert_non_null(sc.vm);
    boot.machine = m;
    memcpy(vm_mem(sc.vm, vm_concealed_base(sc.vm) + CM_BOOT, sizeof boot), &boot, sizeof boot);
    put32(sc.vm, DIR + (CODE >> 22) * 4, TABLE | PTE_RWU);
    set_pte(sc.vm, CODE, CODE_PA | PTE_RWU);
    set_pte(sc.vm, DATA, DATA_PA | PTE_RWU);
    memcpy(vm_mem(sc.vm, CODE_PA, sizeof program), program, sizeof program);
    vm_set_reg(sc.vm, GUEST_REG0 + G_EAX, 0x1234);
    vm_set_reg(sc.vm, GUEST_REG0 + G_ECX, ITERATIONS);
    vm_set_reg(sc.vm, GUEST_REG0 + G_EBX, DATA);
    vm_set_reg(sc.vm, GUEST_REG0 + G_EIP, CODE);
    vm_set_reg(sc.vm, GUEST_REG0 + G_EFL, 2);
    vm_set_reg(sc.vm, GUEST_REG0 + G_SEL0, SEL_DATA | SEL_CODE << 16);
    vm_set_reg(sc.vm, GUEST_REG0 + G_SEL1, SEL_DATA | SEL_DATA << 16);
    if (sc.before)
        sc.before(sc.vm);
    why = hostcms_run(sc.vm);
    for (unsigned i = 0; i < 16; i++)
        sc.reg[i] = vm_reg(sc.vm, GUEST_REG0 + i);
    sc.cc = vm_cc(sc.vm);
    sc.second_pte = get32(sc.vm, TABLE + (SECOND >> 12 & 1023) * 4);
    sc.mxcsr = vm_special(sc.vm, SR_MXCSR);
    memcpy(sc.wide, sc.vm->s.wide, sizeof sc.wide);
    memcpy(sc.data, vm_mem(sc.vm, DATA_PA, 4096), 4096);
    memcpy(&sc.cms, vm_mem(sc.vm, vm_concealed_base(sc.vm) + CM_STATS, sizeof sc.cms),
           sizeof sc.cms);
    sc.vm_stats = *vm_stats(sc.vm);
    vm_free(sc.vm);
    return why;
}

/* Runs the scene with translations, and once more without; compares. */
static inline void run_both(void)
{
    struct scene plain = sc, with;

    sc.gears = 1;
    sc.nfaults = sc.made = sc.panic = sc.ndeadlines = 0;
    assert_int_equal(run(), VM_STOP);
    with = sc;
    sc = plain;
    sc.gears = 0;
    sc.nfaults = sc.made = sc.panic = sc.ndeadlines = 0;
    assert_int_equal(run(), VM_STOP);
    assert_int_equal(sc.panic, 0);
    assert_int_equal(with.panic, 0);
    assert_int_equal(sc.made, 0);
    assert_true(with.made > 0);
    assert_memory_equal(with.reg, sc.reg, sizeof sc.reg);
    assert_int_equal(with.cc, sc.cc);
    assert_int_equal(with.ndeadlines, sc.ndeadlines);
    assert_true(with.deadline_retired == sc.deadline_retired);
    assert_memory_equal(with.data, sc.data, sizeof sc.data);
    assert_int_equal(with.nfaults, sc.nfaults);
    assert_memory_equal(&with.fault, &sc.fault, sizeof sc.fault);
    assert_true(with.vm_stats.retired == sc.vm_stats.retired);
    sc = with;
}

static inline int fresh_scene(void **state)
{
    (void)state;
    memset(&sc, 0, sizeof sc);
    sc.chain = sc.jtlb = 1;
    return 0;
}

static inline void assert_finished(void)
{
    assert_int_equal(sc.reg[G_EAX], 0x1234 + ITERATIONS);
    assert_int_equal(sc.reg[G_ECX], 0);
    assert_int_equal(sc.reg[G_EBX], DATA + 4 * ITERATIONS);
    assert_int_equal(sc.reg[G_EIP], CODE + sizeof program);
    assert_int_equal(sc.vm_stats.retired, 5 * ITERATIONS + 1);
    for (uint32_t i = 0; i < ITERATIONS; i++) {
        uint32_t v;

        memcpy(&v, sc.data + 4 * i, 4);
        assert_int_equal(v, 0x1234 + i);
    }
}

static inline uint64_t taken(enum trap_code t)
{
    return sc.vm_stats.rollback_by_trap[t];
}

/* Iterations that a translation may begin: the block is translated when it begins for the HOT-th
 * time. */
enum { TRANSLATED = ITERATIONS - HOT + 1 };

/* The 20th store crosses the border to SECOND. */
static inline void data_ends(struct vm *vm)
{
    vm_set_reg(vm, GUEST_REG0 + G_EBX, DATA + 4096 - 80 + 2);
}

#define SCENE_TEST(f) cmocka_unit_test_setup(f, fresh_scene)

#endif

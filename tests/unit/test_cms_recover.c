/* SPDX-License-Identifier: MIT */
/*
 * Recovery from every rollback trap, with translations made by hand: host-run CMS, the real
 * interpreter, and a translator of this test's own, which gives for the one hot block of a small
 * guest program a translation that takes the trap in question. Whatever the trap, the guest must
 * end in the state that interpretation alone gives; and each test checks that its trap did happen,
 * in the translation, as often as it should.
 */
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

static void bundle(struct xlat *x, bool commit, uint32_t retired, struct vop op)
{
    struct bundle b = {.nops = 1, .commit = commit, .retired = (uint16_t)retired, .op = {op}};
    uint32_t n = bundle_encode(&b, x->base + x->nwords * 4, &x->word[x->nwords]);

    assert_int_not_equal(n, 0);
    x->nwords += n;
    x->nbundles++;
    x->nops++;
}

static struct vop op_imm(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t imm)
{
    return (struct vop){.opc = (uint8_t)opc,
                        .rd = (uint8_t)rd,
                        .ra = (uint8_t)ra,
                        .bmode = bmode_for((int32_t)imm),
                        .imm = (int32_t)imm};
}

static struct vop op_reg(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t rb)
{
    return (struct vop){.opc = (uint8_t)opc,
                        .rd = (uint8_t)rd,
                        .ra = (uint8_t)ra,
                        .rb = (uint8_t)rb,
                        .bmode = B_REG};
}

static struct vop op_long(uint32_t opc, uint32_t rd, uint32_t ra, uint32_t imm)
{
    struct vop op = op_imm(opc, rd, ra, imm);

    op.bmode = B_LONG;
    return op;
}

static void put_stub(struct xlat *x, uint32_t k)
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

static uint32_t hostcall(void *ctx, uint32_t service, uint32_t arg)
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

static void put32(struct vm *vm, uint32_t pa, uint32_t v)
{
    memcpy(vm_mem(vm, pa, 4), &v, 4);
}

static uint32_t get32(struct vm *vm, uint32_t pa)
{
    uint32_t v;

    memcpy(&v, vm_mem(vm, pa, 4), 4);
    return v;
}

static void set_pte(struct vm *vm, uint32_t addr, uint32_t pte)
{
    put32(vm, TABLE + (addr >> 12 & 1023) * 4, pte);
}

static enum vm_stop run(void)
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
static void run_both(void)
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

static int fresh_scene(void **state)
{
    (void)state;
    memset(&sc, 0, sizeof sc);
    sc.chain = sc.jtlb = 1;
    return 0;
}

static void assert_finished(void)
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

static uint64_t taken(enum trap_code t)
{
    return sc.vm_stats.rollback_by_trap[t];
}

/* Iterations that a translation may begin: the block is translated when it begins for the HOT-th
 * time. */
enum { TRANSLATED = ITERATIONS - HOT + 1 };

/* ---- orderly exits ---- */

static void test_chained(void **state)
{
    (void)state;
    run_both();
    assert_finished();
    assert_int_equal(sc.cms.chains, 1);
    assert_int_equal(taken(T_EXIT), 2); /* once to be chained, once to leave */
    assert_int_equal(sc.cms.exits, 2);
    assert_int_equal(sc.vm_stats.retired_xlat, 5 * TRANSLATED);
}

static void test_not_chained(void **state)
{
    (void)state;
    sc.chain = 0;
    run_both();
    assert_finished();
    assert_int_equal(sc.cms.chains, 0);
    assert_int_equal(taken(T_EXIT), TRANSLATED);
    assert_int_equal(sc.vm_stats.retired_xlat, 5 * TRANSLATED);
}

static void test_jtlb(void **state)
{
    (void)state;
    sc.indirect = true;
    run_both();
    assert_finished();
    assert_int_equal(taken(T_JTLB_MISS), 2); /* to be filled, to leave */
    assert_int_equal(sc.cms.jtlb_fills, 1);
    assert_int_equal(sc.vm_stats.retired_xlat, 5 * TRANSLATED);
}

static void test_no_jtlb(void **state)
{
    (void)state;
    sc.indirect = true;
    sc.jtlb = 0;
    run_both();
    assert_finished();
    assert_int_equal(taken(T_JTLB_MISS), 0);
    assert_int_equal(taken(T_EXIT), TRANSLATED);
}

/* ---- speculation's own traps: interpretation finds nothing ---- */

static void assert_recovered(enum trap_code t, uint32_t times)
{
    assert_finished();
    assert_int_equal(taken(t), times);
    assert_int_equal(sc.cms.interp_after_rollback, times);
    assert_int_equal(sc.nfaults, 0);
}

static void inject_divide(struct xlat *x)
{
    bundle(x, false, 0, op_imm(OP_GST32, ECX, EBX, 0)); /* must be undone */
    bundle(x, false, 0, op_imm(OP_ADDF32, EAX, EAX, 77));
    bundle(x, false, 0, op_imm(OP_UDIVQ, T0, EAX, 0));
}

static void test_divide(void **state)
{
    (void)state;
    sc.inject = inject_divide;
    run_both();
    assert_recovered(T_DIVIDE, TRANSLATED);
}

/* Traps once, well inside a run of iterations that the translation itself committed. */
static void inject_later(struct xlat *x)
{
    bundle(x, false, 0, op_imm(OP_SUBF32, 0, ECX, ITERATIONS / 2));
    bundle(x, false, 0, op_imm(OP_TRAPIF, CC_E, 0, 3));
}

static void test_side_table(void **state)
{
    (void)state;
    sc.inject = inject_later;
    run_both();
    assert_recovered(T_CODE, 1);
}

/* With a side table that names the wrong EIP the loop is left there, and it shows. */
static void test_wrong_side_table(void **state)
{
    (void)state;
    sc.inject = inject_later;
    sc.wrong_side = true;
    sc.gears = 1;
    assert_int_equal(run(), VM_STOP);
    assert_int_equal(taken(T_CODE), 1);
    assert_int_not_equal(sc.reg[G_ECX], 0);
    assert_true(sc.vm_stats.retired < 5 * ITERATIONS + 1);
}

static void inject_code(struct xlat *x)
{
    bundle(x, false, 0, op_imm(OP_SUBF32, EAX, EAX, 1));
    bundle(x, false, 0, op_reg(OP_SUBF32, 0, EAX, EAX));
    bundle(x, false, 0, op_imm(OP_TRAPIF, CC_E, 0, 3));
}

static void test_code(void **state)
{
    (void)state;
    sc.inject = inject_code;
    run_both();
    assert_recovered(T_CODE, TRANSLATED);
}

static void inject_stores(struct xlat *x)
{
    for (uint32_t k = 0; k < 20; k++)
        bundle(x, false, 0, op_imm(OP_GST32, ECX, EBX, k * 8));
}

static void test_store_buffer(void **state)
{
    (void)state;
    sc.inject = inject_stores;
    sc.sb = 4;
    run_both();
    assert_recovered(T_SB_FULL, TRANSLATED);
}

static void inject_alias(struct xlat *x)
{
    bundle(x, false, 0, op_imm(OP_LDP, T0, EBX, 1));
    bundle(x, false, 0, op_imm(OP_STAM, ECX, EBX, 2));
}

static void test_alias(void **state)
{
    (void)state;
    sc.inject = inject_alias;
    run_both();
    assert_recovered(T_ALIAS, TRANSLATED);
}

static void inject_align(struct xlat *x)
{
    bundle(x, false, 0, op_long(OP_MOV, T0, 0, CODE + 4094));
    bundle(x, false, 0, op_imm(OP_GLDX32, T0, T0, 0));
}

static void test_align(void **state)
{
    (void)state;
    sc.inject = inject_align;
    run_both();
    assert_recovered(T_ALIGN, TRANSLATED);
}

/* ---- the same of wide registers; and CMS's own trap, as the interpreter's is ---- */

enum { MX_ZE_ONLY = MXCSR_RESET & ~(FS_ZE << MX_MASK_SHIFT), W_ONE = WIDE_XMM, W_ZERO, W_OTHER };

static void wide_one(struct vm *vm)
{
    static const float one = 1;
    memcpy(vm->s.wide[W_ONE], &one, 4);
    memcpy(vm->s.wide_shadow[W_ONE], &one, 4);
}

static const uint32_t divide_by_zero = SIMD_B(W_ONE, W_ZERO, FN_DIVSS, 0, 0);

static void inject_fpx(struct xlat *x)
{
    bundle(x, false, 0, op_long(OP_VALU, 0, 0, SIMD_B(W_OTHER, W_ONE, FN_MOVE, 0, 0)));
    bundle(x, false, 0, op_long(OP_VFDIV, 0, 0, SIMD_B(W_OTHER, W_OTHER, FN_SQRTSS, 0, 0)));
    bundle(x, false, 0, op_imm(OP_ADDF32, EAX, EAX, 77));
    bundle(x, false, 0, op_long(OP_MOV, T0, 0, MX_ZE_ONLY));
    bundle(x, false, 0, op_imm(OP_MTS, 0, T0, SR_MXCSR));
    bundle(x, false, 0, op_long(OP_VFDIV, 0, 0, divide_by_zero));
}

static void assert_wide_untouched(void)
{
    static const uint8_t zero[16], one[16] = {0, 0, 0x80, 0x3f};
    assert_memory_equal(sc.wide[W_ONE], one, 16);
    assert_memory_equal(sc.wide[W_OTHER], zero, 16);
}

static void test_fpx(void **state)
{
    (void)state;
    sc.before = wide_one;
    sc.inject = inject_fpx;
    run_both();
    assert_recovered(T_FPX, TRANSLATED);
    assert_int_equal(sc.mxcsr, MXCSR_RESET);
    assert_wide_untouched();
}

static void own_fpx(void)
{
    hw_mts(MX_ZE_ONLY | FS_PE, SR_MXCSR);
    hw_commit(0);
    hw_valu(SIMD_B(W_OTHER, W_ONE, FN_MOVE, 0, 0));
    hw_vfdiv(divide_by_zero);
}

static void test_own_fpx(void **state)
{
    (void)state;
    sc.before = wide_one;
    sc.in_cms = own_fpx;
    sc.gears = 1;
    assert_int_equal(run(), VM_STOP);
    assert_int_equal(sc.panic, 0);
    assert_int_equal(taken(T_FPX), 1);
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.fault.vector, X_XM);
    assert_int_equal(sc.fault.error, 0);
    assert_int_equal(sc.fault.eip, CODE);
    assert_int_equal(sc.mxcsr, MX_ZE_ONLY | FS_PE | FS_ZE);
    assert_wide_untouched();
}

static void own_align(void)
{
    hw_gldqa(0, DATA + 8);
}

static void test_own_align(void **state)
{
    (void)state;
    sc.in_cms = own_align;
    sc.gears = 1;
    assert_int_equal(run(), VM_STOP);
    assert_int_equal(sc.panic, 0);
    assert_int_equal(taken(T_ALIGN), 1);
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.fault.vector, X_GP);
    assert_int_equal(sc.fault.error, 0);
    assert_int_equal(sc.fault.eip, CODE);
}

/* A load ahead of time from where nothing is. */
static void inject_page(struct xlat *x)
{
    bundle(x, false, 0, op_long(OP_MOV, T0, 0, 0x666000));
    bundle(x, false, 0, op_imm(OP_GLD32, T0, T0, 0));
}

static void test_speculative_page(void **state)
{
    (void)state;
    sc.inject = inject_page;
    run_both();
    assert_recovered(T_PAGE, TRANSLATED);
}

/* ---- faults of the guest: precise ---- */

/* The store runs into a page that is not there; registers and memory as of the instructions before.
 */
static void data_ends(struct vm *vm)
{
    vm_set_reg(vm, GUEST_REG0 + G_EBX,
               DATA + 4096 - 80 + 2); /* the 20th store crosses the border */
}

static void test_page_fault(void **state)
{
    (void)state;
    sc.before = data_ends;
    run_both();
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.fault.vector, X_PF);
    assert_int_equal(sc.fault.error, 6);
    assert_int_equal(sc.fault.eip, CODE);
    assert_int_equal(sc.fault.addr, SECOND);
    assert_memory_equal(sc.fault.bytes, program, sizeof program);
    assert_int_equal(sc.reg[G_EIP], CODE);
    assert_int_equal(sc.reg[G_EAX], 0x1234 + 19);
    assert_int_equal(sc.reg[G_ECX], ITERATIONS - 19);
    assert_int_equal(sc.vm_stats.retired, 5 * 19);
    assert_int_equal(sc.cms.interp_after_rollback, 1);
    assert_int_equal(sc.cms.faults_delivered, 1);
    assert_int_equal(taken(T_PAGE), 2); /* in the translation, and again in the interpreter */
}

static void data_goes_on_read_only(struct vm *vm)
{
    data_ends(vm);
    set_pte(vm, SECOND, SECOND_PA | PTE_P | PTE_U);
}

static void test_protection_fault(void **state)
{
    (void)state;
    sc.before = data_goes_on_read_only;
    run_both();
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.fault.vector, X_PF);
    assert_int_equal(sc.fault.error, 7);
    assert_int_equal(sc.fault.addr, SECOND);
    assert_int_equal(sc.fault.eip, CODE);
}

/* The platform maps the page (as a kernel would) and lets the guest go on. */
static void map_second(struct vm *vm, const struct hc_fault *f)
{
    assert_int_equal(f->addr, SECOND);
    set_pte(vm, SECOND, SECOND_PA | PTE_RWU);
}

static void test_demand_paging(void **state)
{
    (void)state;
    sc.before = data_ends;
    sc.on_fault = map_second;
    run_both();
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.reg[G_ECX], 0);
    assert_int_equal(sc.vm_stats.retired, 5 * ITERATIONS + 1);
}

/* A page that has been read but not written: the D bit must be set, precisely. */
static void inject_read(struct xlat *x)
{
    bundle(x, false, 0, op_imm(OP_GLD32, T0, EBX, 4)); /* crosses before the store does */
}

static void data_goes_on(struct vm *vm)
{
    data_ends(vm);
    set_pte(vm, SECOND, SECOND_PA | PTE_RWU);
}

static void test_dirty(void **state)
{
    (void)state;
    sc.inject = inject_read;
    sc.before = data_goes_on;
    run_both();
    assert_int_equal(sc.nfaults, 0);
    assert_int_equal(sc.reg[G_ECX], 0);
    assert_int_equal(taken(T_DIRTY), 1);
    assert_int_equal(sc.second_pte & 0xfff, PTE_RWU | PTE_A | PTE_D);
    assert_int_equal(sc.cms.interp_after_rollback, 1);
}

/* ---- code that changes ---- */

/* The loop writes over its own translated page, in its own chunk, beyond its own bytes. */
static void data_in_code_page(struct vm *vm)
{
    vm_set_reg(vm, GUEST_REG0 + G_EBX, CODE + 16);
}

static void test_store_to_own_chunk(void **state)
{
    (void)state;
    sc.before = data_in_code_page;
    run_both();
    assert_int_equal(sc.reg[G_ECX], 0);
    assert_true(taken(T_TBIT) >= 1);
    assert_true(sc.cms.invalidations >= 1);
    assert_true(sc.cms.smc_stores == taken(T_TBIT));
}

/* The loop ends by overwriting its own `inc eax` by `dec eax`: both engines must see it at once. */
static const uint8_t program_smc[] = {
    0x89, 0x03,                               /* loop: mov [ebx], eax */
    0x83, 0xc3, 0x04,                         /* add ebx, 4 */
    0x40,                                     /* inc eax */
    0x49,                                     /* dec ecx */
    0x75, 0xf7,                               /* jnz loop */
    0xc6, 0x05, 0x05, 0x00, 0x40, 0x00, 0x48, /* mov byte [CODE + 5], 0x48 */
    0xb9, 0x03, 0x00, 0x00, 0x00,             /* mov ecx, 3 */
    0x85, 0xd2,                               /* test edx, edx */
    0xba, 0x01, 0x00, 0x00, 0x00,             /* mov edx, 1 */
    0x74, 0xe2,                               /* jz loop */
    0xcd, 0x80,                               /* int 0x80 */
};

static void patching_program(struct vm *vm)
{
    memcpy(vm_mem(vm, CODE_PA, sizeof program_smc), program_smc, sizeof program_smc);
}

static void test_patched_instruction(void **state)
{
    (void)state;
    sc.before = patching_program;
    run_both();
    assert_int_equal(sc.reg[G_EAX], 0x1234 + ITERATIONS - 3);
    assert_int_equal(taken(T_TBIT), 1);
    assert_int_equal(sc.cms.invalidations, 1);
}

/* Bus writes: the platform overwrites the code in a host call. */
static void rewrite_code(struct vm *vm, const struct hc_fault *f)
{
    static const uint8_t dec_eax = 0x48;

    (void)f;
    assert_true(vm_bus_write(vm, CODE_PA + 5, &dec_eax, 1));
    set_pte(vm, SECOND, SECOND_PA | PTE_RWU);
}

static void test_bus_write(void **state)
{
    (void)state;
    sc.before = data_ends;
    sc.on_fault = rewrite_code;
    run_both();
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.reg[G_EAX], 0x1234 + 19 - (ITERATIONS - 19));
    assert_int_equal(sc.cms.bus_drained, 1);
    assert_int_equal(sc.cms.invalidations, 1);
}

/* The code page is remapped to a frame with other code. */
static void remap_code(struct vm *vm, const struct hc_fault *f)
{
    uint8_t *other = vm_mem(vm, OTHER_PA, sizeof program);

    (void)f;
    memcpy(other, program, sizeof program);
    other[5] = 0x48;
    set_pte(vm, CODE, OTHER_PA | PTE_RWU);
    set_pte(vm, SECOND, SECOND_PA | PTE_RWU);
}

static void test_xchk(void **state)
{
    (void)state;
    sc.before = data_ends;
    sc.on_fault = remap_code;
    run_both();
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.reg[G_EAX], 0x1234 + 19 - (ITERATIONS - 19));
    assert_int_equal(taken(T_XCHK), 1);
    assert_int_equal(sc.made, 2);
}

/* ---- events ---- */

static void set_deadline(struct vm *vm)
{
    vm->s.deadline = 5 * 20 + 3;
}

static void test_deadline(void **state)
{
    (void)state;
    sc.before = set_deadline;
    run_both();
    assert_finished();
    assert_int_equal(sc.ndeadlines, 1);
    assert_int_equal(sc.deadline_retired, 5 * 20 + 3);
    assert_int_equal(sc.deadline_eip, CODE + 6); /* three instructions into the loop */
    assert_true(taken(T_DEADLINE) >= 2);         /* in the translation, and at the exact boundary */
}

static void set_cycle_deadline(struct vm *vm)
{
    vm->s.cycle_deadline = 1;
}

static void test_event(void **state)
{
    (void)state;
    sc.before = set_cycle_deadline;
    run_both();
    assert_finished();
    assert_int_equal(taken(T_EVENT), 1);
    assert_int_equal(sc.cms.interp_after_rollback, 0);
}

/* ---- what no guest may reach ---- */

static void data_in_concealed(struct vm *vm)
{
    set_pte(vm, DATA, vm_concealed_base(vm) | PTE_RWU);
}

static void data_straddles_into_concealed(struct vm *vm)
{
    data_ends(vm);
    set_pte(vm, SECOND, (vm_concealed_base(vm) + CM_IMAGE) | PTE_RWU);
}

static void table_in_concealed(struct vm *vm)
{
    put32(vm, DIR + (DATA >> 22) * 4 + 4, (vm_concealed_base(vm) + CM_STATS) | PTE_RWU);
    vm_set_reg(vm, GUEST_REG0 + G_EBX, DATA + 0x400000);
}

static void large_page_in_concealed(struct vm *vm)
{
    put32(vm, DIR + (DATA >> 22) * 4 + 4, (vm_concealed_base(vm) & 0xffc00000) | PTE_RWU | 0x80);
    vm_set_reg(vm, GUEST_REG0 + G_EBX, DATA + 0x400000);
}

static void data_beyond_memory(struct vm *vm)
{
    set_pte(vm, DATA, vm_mem_size(vm) | PTE_RWU);
}

static void data_at_the_top(struct vm *vm)
{
    set_pte(vm, DATA, 0xfffff000 | PTE_RWU);
}

/* A store that wraps around the address space, from a good page into a bad one. */
static void wraps_around(struct vm *vm)
{
    put32(vm, DIR + 1023 * 4, (TABLE + 0x3000) | PTE_RWU);
    put32(vm, TABLE + 0x3000 + 1023 * 4, SECOND_PA | PTE_RWU);
    put32(vm, DIR, (TABLE + 0x4000) | PTE_RWU);
    put32(vm, TABLE + 0x4000, vm_concealed_base(vm) | PTE_RWU);
    vm_set_reg(vm, GUEST_REG0 + G_EBX, 0xfffffffe);
}

static void test_concealed(void **state)
{
    static void (*const tries[])(struct vm *) = {
        data_in_concealed,
        table_in_concealed,
        data_straddles_into_concealed,
        large_page_in_concealed,
        data_beyond_memory,
        data_at_the_top,
        wraps_around,
    };

    for (unsigned i = 0; i < sizeof tries / sizeof *tries; i++) {
        fresh_scene(state);
        sc.before = tries[i];
        sc.gears = 1;
        assert_int_equal(run(), VM_STOP);
        assert_int_equal(sc.panic, 0);
        assert_int_equal(sc.nfaults, 1);
        assert_int_equal(sc.fault.vector, X_MC);
        assert_int_equal(sc.fault.eip, CODE);
        assert_int_equal(sc.reg[G_EIP], CODE);
    }
}

/* The fault code's bytes are read with care, too: the instruction before the end of what is mapped.
 */
static void code_at_the_end(struct vm *vm)
{
    memcpy(vm_mem(vm, CODE_PA + 4096 - 2, 2), program, 2);
    vm_set_reg(vm, GUEST_REG0 + G_EIP, CODE + 4096 - 2);
    vm_set_reg(vm, GUEST_REG0 + G_EBX, 0x700000);
    set_pte(vm, DATA, 0);
}

static void test_fault_at_the_end_of_the_page(void **state)
{
    (void)state;
    sc.before = code_at_the_end;
    assert_int_equal(run(), VM_STOP);
    assert_int_equal(sc.nfaults, 1);
    assert_int_equal(sc.fault.vector, X_PF);
    assert_int_equal(sc.fault.addr, 0x700000);
    assert_int_equal(sc.fault.eip, CODE + 4096 - 2);
    assert_memory_equal(sc.fault.bytes, "\x89\x03\0\0\0\0\0\0", 8);
}

/* ---- defects are noticed ---- */

static void inject_illegal(struct xlat *x)
{
    x->word[x->nwords++] = 3u << 30;
}

static void test_illegal(void **state)
{
    (void)state;
    sc.inject = inject_illegal;
    sc.gears = 1;
    run();
    assert_int_equal(sc.panic, PANIC_TRAP);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, fresh_scene)
    const struct CMUnitTest tests[] = {
        CASE(test_chained),
        CASE(test_not_chained),
        CASE(test_jtlb),
        CASE(test_no_jtlb),
        CASE(test_divide),
        CASE(test_side_table),
        CASE(test_wrong_side_table),
        CASE(test_code),
        CASE(test_store_buffer),
        CASE(test_alias),
        CASE(test_align),
        CASE(test_fpx),
        CASE(test_own_fpx),
        CASE(test_own_align),
        CASE(test_speculative_page),
        CASE(test_page_fault),
        CASE(test_protection_fault),
        CASE(test_demand_paging),
        CASE(test_dirty),
        CASE(test_store_to_own_chunk),
        CASE(test_patched_instruction),
        CASE(test_bus_write),
        CASE(test_xchk),
        CASE(test_deadline),
        CASE(test_event),
        CASE(test_concealed),
        CASE(test_fault_at_the_end_of_the_page),
        CASE(test_illegal),
    };

    return cmocka_run_group_tests_name("cms_recover", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Recovery from every rollback trap that is CMS's own affair: orderly exits, speculation that went
 * wrong, code that changes, events. Each test checks that its trap did happen, in the translation,
 * as often as it should, and that the guest does not see it. (Faults of the guest:
 * test_cms_faults.c.)
 */
#include "tests/unit/cms_scene.h"

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
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_chained),
        SCENE_TEST(test_not_chained),
        SCENE_TEST(test_jtlb),
        SCENE_TEST(test_no_jtlb),
        SCENE_TEST(test_divide),
        SCENE_TEST(test_side_table),
        SCENE_TEST(test_wrong_side_table),
        SCENE_TEST(test_code),
        SCENE_TEST(test_store_buffer),
        SCENE_TEST(test_alias),
        SCENE_TEST(test_align),
        SCENE_TEST(test_fpx),
        SCENE_TEST(test_own_fpx),
        SCENE_TEST(test_own_align),
        SCENE_TEST(test_speculative_page),
        SCENE_TEST(test_store_to_own_chunk),
        SCENE_TEST(test_patched_instruction),
        SCENE_TEST(test_bus_write),
        SCENE_TEST(test_xchk),
        SCENE_TEST(test_deadline),
        SCENE_TEST(test_event),
        SCENE_TEST(test_illegal),
    };

    return cmocka_run_group_tests_name("cms_recover", tests, NULL, NULL);
}

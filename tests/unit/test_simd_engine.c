/* SPDX-License-Identifier: MIT */
/*
 * The ops with functions of simd.def in the engine: traps of floats, which leave nothing behind, in
 * bundles with others; what is shadowed; MXCSR, and the host's own beside it. (What each function
 * computes: test_simd.c.)
 */
#include "tests/unit/vmkit.h"
#include "vliw-model/sem_simd.h"
#include "vliw-model/state.h"

#if defined(__x86_64__)
#include <emmintrin.h>

/* w0, w24: 1.0; w1, w25: 0.0; w2, w26: 3.0; w3, w27: a signalling NaN. */
static struct kit simd_kit(uint32_t mxcsr, unsigned broken)
{
    static const uint32_t v[4] = {0x3f800000, 0, 0x40400000, 0x7f800001};
    struct kit k = KIT("lat.fp=3");
    vm_test_break(k.vm, broken);
    for (unsigned i = 0; i < 4; i++) {
        memcpy(k.vm->s.wide[i], &v[i], 4);
        memcpy(k.vm->s.wide[24 + i], &v[i], 4);
        memcpy(k.vm->s.wide_shadow[24 + i], &v[i], 4);
    }
    kit_mts(&k, SR_MXCSR, mxcsr);
    kit_tlb(&k, 0x400000, 0x9000 | KIT_RWX);
    for (unsigned r = 5; r < 10; r++)
        vm_set_reg(k.vm, r, r);
    vm_set_reg(k.vm, 10, 0x400000);
    vm_set_reg(k.vm, 11, 0x800000); /* no page */
    return k;
}

#define SIMD(opc, rd, d, s, fn) OP_I(opc, rd, 0, SIMD_B(d, s, FN_##fn, 0, 0))
enum {
    ZE_TRAPS = MXCSR_RESET & ~(FS_ZE << MX_MASK_SHIFT),
    IE_TRAPS = MXCSR_RESET & ~(FS_IE << MX_MASK_SHIFT)
};

/* Runs the bundle that has been put at the base. Nothing of it has happened, wherever it left to.
 */
static bool no_effect(struct kit *k, uint32_t left_by)
{
    struct vm_state *s = &k->vm->s;
    uint8_t before[NWIDE][16];
    uint32_t reg[5], mxcsr = vm_special(k->vm, SR_MXCSR), word = kit_word(k, 0x9000);
    HALT(k);
    memcpy(before, s->wide, sizeof before);
    memcpy(reg, s->r + 5, sizeof reg);
    /* Commits what was set up, so that rollback has nothing else to undo. */
    struct vop nop = {.opc = OP_NOP};
    assert_int_equal(vm_exec1(k->vm, &nop, true, 0), T_NONE);
    bool ok = kit_run(k, k->base) == left_by;
    if (left_by == KIT_HALT_RESTART)
        ok = ok && memcmp(reg, s->bank + 5, sizeof reg) == 0;
    else
        ok = ok && memcmp(reg, s->r + 5, sizeof reg) == 0;
    ok = ok && memcmp(before, s->wide, sizeof before) == 0 &&
         vm_special(k->vm, SR_MXCSR) == mxcsr && kit_word(k, 0x9000) == word && s->sb_n == 0;
    kit_check_cycles(k);
    return ok;
}

/* What FPX leaves behind; with the broken variants something. */
static bool fpx_has_no_effect(unsigned broken)
{
    bool ok = true;
#define TRY(mxcsr, left_by, ...)                                                                   \
    do {                                                                                           \
        struct kit k = simd_kit(mxcsr, broken);                                                    \
        BUNDLE(&k, __VA_ARGS__);                                                                   \
        ok = no_effect(&k, left_by) && ok;                                                         \
        ok = ok && vm_special(k.vm, SR_TRAP_CODE) ==                                               \
                       ((left_by) == KIT_HALT_RESTART ? T_TLB_MISS : T_FPX);                       \
        kit_free(&k);                                                                              \
    } while (0)
    const uint32_t roll = KIT_HALT_ROLLBACK, restart = KIT_HALT_RESTART;
    /* Ops before and behind it, of every kind. */
    TRY(ZE_TRAPS, roll, OP_I(ADD, 5, 5, 1), SIMD(VFDIV, 6, 0, 1, DIVSS), OP_I(ADD, 7, 7, 1),
        SIMD(VALU, 8, 2, 3, MOVE));
    TRY(ZE_TRAPS, roll, OP_I(GST32, 5, 10, 0), SIMD(VFDIV, 6, 24, 25, DIVSS), OP_I(GLD32, 7, 10, 0),
        OP_I(GST8, 7, 10, 9), OP_I(GLDQ, 2, 10, 0));
    TRY(ZE_TRAPS, roll, SIMD(VFDIV, 6, 0, 1, DIVSS), OP_I(EXIT, 0, 0, 3));
    /* One that does not trap beside one that does, w0 not shadowed. */
    TRY(ZE_TRAPS, roll, SIMD(VFP, 5, 0, 2, ADDSS), SIMD(VFDIV, 6, 24, 25, DIVSS));
    TRY(ZE_TRAPS, roll, SIMD(VFDIV, 6, 24, 25, DIVSS), SIMD(VFDIV, 5, 0, 2, DIVSS),
        SIMD(VFP, 7, 2, 2, ADDSS));
    TRY(IE_TRAPS, roll, SIMD(VFP, 5, 0, 3, CVTSS2SI), SIMD(VFP, 6, 0, 2, COMISS));
    /* A TLB miss comes first, and the bundle is to run again. */
    TRY(ZE_TRAPS, restart, SIMD(VFDIV, 6, 0, 1, DIVSS), OP_I(GLD32, 7, 11, 0));
    TRY(MXCSR_RESET, restart, SIMD(VFP, 6, 0, 2, ADDSS), OP_I(GLD32, 7, 11, 0));
    TRY(MXCSR_RESET, restart, OP_I(GST32, 5, 11, 0), SIMD(VFP, 6, 0, 0, ADDSS),
        SIMD(VFP, 7, 24, 24, ADDSS));
#undef TRY
    return ok;
}

static void test_fpx(void **state)
{
    (void)state;
    assert_true(fpx_has_no_effect(BREAK_NOTHING));
    assert_false(fpx_has_no_effect(BREAK_ATOMIC));
    /* INFO: pre-computation exceptions hide the others; sticky ones of before trap nothing. */
    struct kit k = simd_kit(IE_TRAPS | FS_IE, BREAK_NOTHING);
    static const uint32_t thirds[4] = {0x3f800000, 0x7f800001, 0x3f800000, 1};
    memcpy(k.vm->s.wide[4], thirds, 16);
    struct vop div = SIMD(VFDIV, 6, 4, 26, DIVPS), fine = SIMD(VFP, 6, 0, 2, ADDSS);
    for (unsigned i = 0; i < 4; i++)
        memcpy(k.vm->s.wide_shadow[26] + 4 * i, k.vm->s.wide[2], 4);
    memcpy(k.vm->s.wide[26], k.vm->s.wide_shadow[26], 16);
    assert_int_equal(vm_exec1(k.vm, &fine, true, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &div, false, 0), T_FPX);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), FS_IE | FS_DE);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), IE_TRAPS | FS_IE);
    kit_mts(&k, SR_MXCSR, MXCSR_RESET & ~(FS_PE << MX_MASK_SHIFT));
    assert_int_equal(vm_exec1(k.vm, &fine, true, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &div, false, 0), T_FPX);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), FS_IE | FS_DE | FS_UE | FS_PE);
    kit_free(&k);
}

/* A bundle's traps but FPX come in slot order, FPX behind them. Two functions, and both have acted;
 * b from a register. */
static void test_bundles(void **state)
{
    (void)state;
    struct kit k = simd_kit(ZE_TRAPS, BREAK_NOTHING);
    BUNDLE(&k, SIMD(VFDIV, 6, 0, 1, DIVSS), OP_R(UDIVQ, 7, 7, 0));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_DIVIDE);
    kit_free(&k);
    k = simd_kit(MXCSR_RESET, BREAK_NOTHING);
    vm_set_reg(k.vm, 9, SIMD_B(24, 26, FN_ADDSS, 0, 0));
    struct vop by_reg = OP_R(VFP, 0, 0, 9);
    BUNDLE(&k, OP_I(GLD32, 5, 10, 0), SIMD(VFDIV, 6, 0, 2, DIVSS), by_reg, OP_I(GST32, 9, 10, 4),
           SIMD(VFP, 7, 1, 2, COMISS), SIMD(VALU, 8, 4, 2, EXTRW));
    COMMIT(&k, 0, OP_R(MOV, 12, 0, 7));
    HALT(&k);
    vm_set_reg(k.vm, 6, 77);
    assert_int_equal(kit_run(&k, k.base), 0);
    float third, four;
    memcpy(&third, k.vm->s.wide[0], 4);
    memcpy(&four, k.vm->s.wide_shadow[24], 4);
    assert_true(third == 1.0f / 3 && four == 4);
    assert_int_equal(vm_reg(k.vm, 6), 0);
    assert_int_equal(vm_reg(k.vm, 12), F_CF); /* 0 < 3 */
    assert_int_equal(vm_reg(k.vm, 8), 0);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), MXCSR_RESET | FS_PE);
    assert_int_equal(kit_word(&k, 0x9004), vm_reg(k.vm, 9));
    kit_check_cycles(&k);
    kit_free(&k);
}

/* What a rollback brings back: w16..w31 and MXCSR, not w0..w15. */
static bool shadows(unsigned broken)
{
    struct kit k = simd_kit(MXCSR_RESET, broken);
    struct vm_state *s = &k.vm->s;
    bool ok = true;
    struct vop nop = {.opc = OP_NOP};
    assert_int_equal(vm_exec1(k.vm, &nop, true, 0), T_NONE);
    BUNDLE(&k, SIMD(VFDIV, 0, 24, 26, DIVSS));
    COMMIT(&k, 0, SIMD(VALU, 0, 31, 24, MOVE));
    uint8_t committed[16];
    BUNDLE(&k, SIMD(VALU, 0, 31, 25, MOVE));
    BUNDLE(&k, SIMD(VMUL, 0, 24, 24, MULLW));
    BUNDLE(&k, SIMD(VFP, 0, 26, 27, ADDSS)); /* IE */
    BUNDLE(&k, SIMD(VALU, 0, 16, 26, MOVE));
    BUNDLE(&k, SIMD(VALU, 0, 15, 26, MOVE));
    BUNDLE(&k, OP_I(EXIT, 0, 0, 1));
    float third = 1.0f / 3;
    memset(committed, 0, 16);
    memcpy(committed, &third, 4);
    ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    ok = ok && memcmp(s->wide[24], committed, 16) == 0 && memcmp(s->wide[31], committed, 16) == 0;
    ok = ok && s->wide[26][3] == 0x40 && s->wide[16][3] == 0;
    ok = ok && vm_special(k.vm, SR_MXCSR) == (MXCSR_RESET | FS_PE);
    assert_int_equal(s->wide[15][3], 0x7f); /* the quiet NaN */
    kit_free(&k);
    return ok;
}

static void test_shadows(void **state)
{
    (void)state;
    assert_true(shadows(BREAK_NOTHING));
    assert_false(shadows(BREAK_ROLLBACK));
    assert_false(shadows(BREAK_COMMIT));
}

static void test_mxcsr(void **state)
{
    (void)state;
    struct kit k = KIT();
    struct vm_context c;
    assert_int_equal(vm_special(k.vm, SR_MXCSR), MXCSR_RESET);
    struct vop pair = OP_I(MTSP, 5, 6, SR_FDS), none = OP_I(MTSP, 5, 6, SR_MXCSR);
    vm_set_reg(k.vm, 5, 0x23);
    vm_set_reg(k.vm, 6, 0x7f80);
    assert_int_equal(vm_exec1(k.vm, &pair, true, 0), T_NONE);
    assert_int_equal(vm_special(k.vm, SR_FDS), 0x23);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), 0x7f80);
    assert_int_equal(vm_exec1(k.vm, &none, true, 0), T_NONE);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), 0x7f80);
    vm_get_context(k.vm, &c);
    assert_int_equal(c.fpsr[SR_MXCSR - SR_FP_FIRST], 0x7f80);
    c.fpsr[SR_MXCSR - SR_FP_FIRST] = 0x1fbf;
    vm_set_context(k.vm, &c);
    struct vop get = OP_I(MFS, 7, 0, SR_MXCSR), out = OP_I(EXIT, 0, 0, 0);
    assert_int_equal(vm_exec1(k.vm, &out, false, 0), T_EXIT);
    assert_int_equal(vm_exec1(k.vm, &get, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 7), 0x1fbf);
    /* A number that is no function of the op does nothing. */
    struct vop wrong = SIMD(VALU, 7, 1, 2, ADDPS), unknown = OP_I(VFP, 7, 0, 0x3ff << 10);
    memset(k.vm->s.wide[2], 0x55, 16);
    assert_int_equal(vm_exec1(k.vm, &wrong, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 7), 0);
    assert_int_equal(k.vm->s.wide[1][0], 0);
    assert_int_equal(vm_exec1(k.vm, &unknown, false, 0), T_NONE);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), 0x1fbf);
    kit_free(&k);
}

/* The guest's rounding is not the platform's. */
static uint32_t seen_in_call;

static uint32_t look(void *ctx, uint32_t service, uint32_t arg)
{
    (void)ctx;
    (void)service;
    (void)arg;
    seen_in_call = _mm_getcsr() & ~0x3fu;
    return 0;
}

static void test_host_rounding(void **state)
{
    (void)state;
    struct vm_platform p = {.hostcall = look, .port_in = NULL};
    struct kit k = kit_new_p(&p, (const char *)NULL);
    static const float one = 1, three = 3;
    uint32_t quotient;
    memcpy(k.vm->s.wide[0], &one, 4);
    memcpy(k.vm->s.wide[1], &three, 4);
    kit_mts(&k, SR_MXCSR, MXCSR_RESET | MX_FTZ | MX_DAZ | 2u << MX_RC_SHIFT); /* up */
    COMMIT(&k, 0, SIMD(VFDIV, 0, 0, 1, DIVSS));
    COMMIT(&k, 0, OP_I(HOSTCALL, 5, 6, 3));
    COMMIT(&k, 0, SIMD(VFDIV, 0, 2, 1, DIVSS));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), 0);
    assert_int_equal(seen_in_call, MXCSR_RESET);
    assert_int_equal(_mm_getcsr() & ~0x3fu, MXCSR_RESET);
    memcpy(&quotient, k.vm->s.wide[0], 4);
    assert_int_equal(quotient, 0x3eaaaaab);
    struct vop one_op = SIMD(VFDIV, 0, 0, 1, DIVSS);
    assert_int_equal(vm_exec1(k.vm, &one_op, false, 0), T_NONE);
    assert_int_equal(_mm_getcsr() & ~0x3fu, MXCSR_RESET);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_rounding), cmocka_unit_test(test_fpx),
        cmocka_unit_test(test_bundles),       cmocka_unit_test(test_shadows),
        cmocka_unit_test(test_mxcsr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else /* floats need such a host, as sem_simd_fp.c says */
static void test_simd(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_simd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif

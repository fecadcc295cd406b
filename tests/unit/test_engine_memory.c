/* SPDX-License-Identifier: MIT */
/*
 * The engine's memory: what no guest access reaches, the gated store buffer to its last entry, the
 * TLB with its marks and victims, the JTLB.
 */
#include "tests/unit/vmkit.h"

enum { LA = 0x400000, FRAME = 0x5000 };

static struct kit mapped_kit(void)
{
    struct kit k = KIT("sb.entries=8");
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    return k;
}

/* No guest access reaches concealed memory or what does not exist, by any page, size or alignment.
 */
static void test_concealed(void **state)
{
    (void)state;
    struct kit k = mapped_kit();
    kit_tlb(&k, LA + 0x1000, (k.base) | KIT_RWX);
    kit_tlb(&k, LA + 0x2000, vm_mem_size(k.vm) | KIT_RWX);
    kit_tlb(&k, LA - 0x1000, (k.base - 0x1000) | KIT_RWX);
    static const enum op_code ops[] = {OP_GLD8, OP_GLD8S, OP_GLD16, OP_GLD16S, OP_GLD32,
                                       OP_GST8, OP_GST16, OP_GST32, OP_GLDX8,  OP_GLDX32,
                                       OP_LDP,  OP_STAM,  OP_GPA,   OP_XCHK};
    for (unsigned i = 0; i < sizeof ops / sizeof *ops; i++)
        for (int where = 0; where < 4; where++) {
            unsigned fmt = op_table[ops[i]].format;
            bool word = ops[i] == OP_GLD32 || ops[i] == OP_GST32;
            if (where == 3 && !word)
                continue;
            struct vop op = {.opc = (uint8_t)ops[i], .rd = 6, .ra = 5, .bmode = B_LONG};
            if (ops[i] == OP_XCHK)
                op.imm = (int32_t)(k.base >> 12);
            (void)fmt;
            vm_set_reg(k.vm, 5,
                       where == 0   ? LA + 0x1000
                       : where == 1 ? LA + 0x1800
                       : where == 2 ? LA + 0x2000
                                    : LA + 0xffd); /* its last byte */
            vm_set_reg(k.vm, 6, 0x5a5a5a5a);
            vm_set_pc(k.vm, k.base);
            uint32_t before = kit_word(&k, k.base);
            enum trap_code t = vm_exec1(k.vm, &op, false, 0);
            if (ops[i] == OP_XCHK)
                assert_int_equal(t, T_XCHK); /* no such frame for a guest */
            else
                assert_int_equal(t, T_MACHINE_CHECK);
            assert_int_equal(vm_reg(k.vm, 6), 0x5a5a5a5a);
            assert_int_equal(kit_word(&k, k.base), before);
        }
    kit_free(&k);
}

/* sb.entries stores fit, one more traps and nothing of it stays; stores to one chunk share an
 * entry. */
static void test_store_buffer_full(void **state)
{
    (void)state;
    struct kit k = mapped_kit();
    BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, 6));
    for (int i = 0; i < 8; i++)
        BUNDLE(&k, OP_I(GST32, 5, 5, 8 * i), OP_I(GST16, 5, 5, 8 * i + 6));
    COMMIT(&k, 0, OP_MOVI(32, 1));
    for (int i = 0; i < 8; i++)
        BUNDLE(&k, OP_I(GST32, 6, 5, 8 * i));
    BUNDLE(&k, OP_I(GST32, 6, 5, 8 * 7 + 1)); /* within */
    uint32_t at = BUNDLE(&k, OP_I(GST32, 6, 5, 8 * 7 + 5));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_SB_FULL);
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), at);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(kit_word(&k, FRAME + 8 * (uint32_t)i), LA);
        assert_int_equal(kit_word(&k, FRAME + 8 * (uint32_t)i + 4), (uint32_t)LA << 16);
    }
    assert_int_equal(vm_stats(k.vm)->sb_max, 8);
    assert_int_equal(vm_stats(k.vm)->sb_occupancy[8], 1);
    kit_free(&k);
}

static void test_tlb_marks(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        enum op_code op;
        enum trap_code want;
    } t[] = {
        {TLB_V | TLB_R, OP_GLD32, T_NONE},
        {TLB_V | TLB_R, OP_GST32, T_PERM},
        {TLB_V | TLB_R, OP_GLDX8, T_PERM},
        {TLB_V | TLB_X, OP_GLDX8, T_NONE},
        {TLB_V | TLB_X, OP_GLD8, T_PERM},
        {TLB_V | TLB_R | TLB_W, OP_GST32, T_DIRTY},
        {TLB_V | TLB_R | TLB_W | TLB_DIRTY, OP_GST32, T_NONE},
        {TLB_V | TLB_R | TLB_W | TLB_DIRTY | TLB_IO, OP_GST32, T_IOPAGE},
        {TLB_V | TLB_R | TLB_IO, OP_GLD32, T_IOPAGE},
        {TLB_R, OP_GLD32, T_TLB_MISS},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        struct kit k = mapped_kit();
        kit_tlb(&k, LA, FRAME | t[i].word);
        vm_set_reg(k.vm, 5, LA);
        struct vop op = {.opc = (uint8_t)t[i].op, .rd = 6, .ra = 5, .bmode = B_SHORT};
        assert_int_equal(vm_exec1(k.vm, &op, false, 0), t[i].want);
        assert_int_equal(vm_exec1(k.vm, &op, false, 0),
                         t[i].want); /* the short way, where there is one */
        kit_exec(&k, OP_TLBINV, LA, 0);
        vm_set_reg(k.vm, 5, LA);
        assert_int_equal(vm_exec1(k.vm, &op, false, 0), T_TLB_MISS);
        kit_free(&k);
    }
}

/* The least recently used entry of a set goes, by uses of either way. */
static void test_tlb_lru(void **state)
{
    (void)state;
    struct kit k = KIT("tlb.entries=8", "tlb.ways=2"); /* 4 sets */
    struct vop ld = OP_I(GLD32, 6, 5, 0);
    kit_tlb(&k, 0x10000, 0x5000 | KIT_RWX);
    kit_tlb(&k, 0x14000, 0x6000 | KIT_RWX);
    vm_set_reg(k.vm, 5, 0x10000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_NONE);
    vm_set_reg(k.vm, 5, 0x14000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_NONE);
    vm_set_reg(k.vm, 5, 0x10000); /* by now through the fast table */
    assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_NONE);
    kit_tlb(&k, 0x18000, 0x7000 | KIT_RWX);
    vm_set_reg(k.vm, 5, 0x10000);
    assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_NONE);
    vm_set_reg(k.vm, 5, 0x14000);
    assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_TLB_MISS);
    kit_free(&k);
}

static void test_jtlb(void **state)
{
    (void)state;
    struct kit k = KIT("jtlb.sets=1", "jtlb.ways=2");
    uint32_t to = k.base + 0x500;
    struct vop j = OP_I(JTLB, 0, 0, 0x1000);
    kit_exec(&k, OP_JTLBW, 0x1000, to);
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_NONE);
    assert_int_equal(vm_pc(k.vm), to);
    kit_mts(&k, SR_MODE, 5); /* another mode: another translation */
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_JTLB_MISS);
    assert_int_equal(vm_special(k.vm, SR_TRAP_ADDR), 0x1000);
    assert_int_equal(vm_special(k.vm, SR_MODE), 0); /* the mode was rolled back */
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_NONE);
    kit_exec(&k, OP_JTLBW, 0x2000, to);
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_NONE);
    kit_exec(&k, OP_JTLBW, 0x3000, to); /* 0x2000 was used longest ago */
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_NONE);
    j.imm = 0x2000;
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_JTLB_MISS);
    kit_exec(&k, OP_JTLBINV, 0, 1);
    j.imm = 0x1000;
    assert_int_equal(vm_exec1(k.vm, &j, false, 0), T_JTLB_MISS);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concealed), cmocka_unit_test(test_store_buffer_full),
        cmocka_unit_test(test_tlb_marks), cmocka_unit_test(test_tlb_lru),
        cmocka_unit_test(test_jtlb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

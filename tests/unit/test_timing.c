/* SPDX-License-Identifier: MIT */
/*
 * One microbenchmark for each timing rule of docs/pipeline.md, under the rule's number. The
 * expected cycles are derived there by hand and matched exactly, in total and by cause. Here
 * are the rules of bundles, branches, commits and traps; those of caches and memory, 8 to 13, are
 * in test_timing_memory.c.
 */
#include "tests/unit/costs.h"

/* 1. A bundle a cycle. */
static void test_issue(void **state)
{
    (void)state;
    struct kit k = KIT();
    BUNDLE(&k, OP_MOVI(5, 1), OP_MOVI(6, 2));
    BUNDLE(&k, OP_R(ADD, 7, 5, 6), OP_R(SUB, 8, 5, 6));
    BUNDLE(&k, OP_R(ADD, 9, 7, 8));
    HALT(&k);
    kit_run(&k, k.base);
    uint64_t before = vm_cycles(k.vm);
    kit_run(&k, k.base);
    assert_int_equal(vm_cycles(k.vm) - before, 4);
    kit_free(&k);
}

/* 2. Producer, `gap` bundles, consumer. */
static struct cost interlock(struct kit *k, struct vop producer, struct vop consumer, int gap)
{
    k->pc = k->base;
    pad(k);
    BUNDLE(k, producer);
    for (int i = 0; i < gap; i++)
        BUNDLE(k, {.opc = OP_NOP});
    BUNDLE(k, consumer);
    pad(k);
    HALT(k);
    kit_exec(k, OP_ISYNC, k->base, 0x200);
    return warm(k, k->base);
}

static void test_interlock(void **state)
{
    (void)state;
    static const struct {
        struct vop producer, consumer;
        uint32_t latency;
        enum cause cause;
    } t[] = {
        {OP_R(ADD, 6, 5, 5), OP_R(MOV, 7, 0, 6), 2, CA_LONGOP},
        {OP_I(SLL, 6, 5, 1), OP_R(MOV, 7, 0, 6), 3, CA_LONGOP},
        {OP_R(MUL, 6, 5, 5), OP_R(MOV, 7, 0, 6), 5, CA_LONGOP},
        {OP_I(LW, 6, 0, PA), OP_R(MOV, 7, 0, 6), 4, CA_LOADUSE},
        {OP_I(LW, 6, 0, PA), OP_I(LW, 7, 6, 0), 4, CA_LOADUSE},  /* as an address */
        {OP_I(LW, 6, 0, PA), OP_I(SW, 6, 0, PA), 4, CA_LOADUSE}, /* as a datum */
        {OP_I(LW, 6, 0, PA), OP_MOVI(6, 7), 4, CA_LOADUSE},      /* as a destination */
        {OP_I(GLD32, 6, 5, 0), OP_R(MOV, 7, 0, 6), 4, CA_LOADUSE},
        {OP_R(SUBF32, 0, 5, 5), OP_C(SETCC, 7, 0, CC_E), 6, CA_LONGOP}, /* flags */
        {OP_R(SUBF32, 6, 5, 5), OP_R(MOV, 7, 0, 6), 6, CA_LONGOP},      /* and result */
        {OP_R(SUBF32, 0, 5, 5), OP_R(ADDF32, 0, 5, 5), 6, CA_LONGOP},   /* flags as a destination */
        {OP_R(INCF32, 6, 5, 0), OP_R(RCLF32, 7, 5, 5), 6, CA_LONGOP},
        {OP_I(MFS, 6, 0, SR_MODE), OP_R(MOV, 7, 0, 6), 7, CA_LONGOP},
    };
    struct kit k =
        KIT("lat.alu=2", "lat.shift=3", "lat.mul=5", "lat.load=4", "lat.cc=6", "lat.sys=7");
    kit_tlb(&k, LA, PA | KIT_RWX);
    vm_set_reg(k.vm, 5, LA);
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
        for (uint32_t gap = 0; gap < 9; gap++) {
            uint32_t lat = t[i].latency;
            only(interlock(&k, t[i].producer, t[i].consumer, (int)gap), t[i].cause,
                 gap + 1 < lat ? lat - 1 - gap : 0);
        }
    /* An op that names neither does not wait. */
    only(interlock(&k, (struct vop)OP_I(LW, 6, 0, PA), (struct vop)OP_R(MOV, 7, 0, 8), 0),
         CA_LOADUSE, 0);
    kit_free(&k);
}

/* 3. Latencies above 7 stop the pipeline for the rest. */
static void test_long_op(void **state)
{
    (void)state;
    struct kit k = KIT("lat.div=20");
    vm_set_reg(k.vm, 5, 9);
    only(interlock(&k, (struct vop)OP_R(DIVU, 6, 5, 5), (struct vop)OP_R(MOV, 7, 0, 8), 0),
         CA_LONGOP, 13);
    only(interlock(&k, (struct vop)OP_R(DIVU, 6, 5, 5), (struct vop)OP_R(MOV, 7, 0, 6), 0),
         CA_LONGOP, 13 + 6);
    only(interlock(&k, (struct vop)OP_R(DIVU, 6, 5, 5), (struct vop)OP_R(MOV, 7, 0, 6), 2),
         CA_LONGOP, 13 + 4);
    kit_free(&k);
}

/* 4. Direct jumps. */
static void test_taken(void **state)
{
    (void)state;
    struct kit k = KIT("branch.taken=2");
    uint32_t to = k.base + 0x20;
    BUNDLE(&k, OP_TGT(JAL, 0, 0, to));
    k.pc = to;
    HALT(&k);
    only(warm(&k, k.base), CA_TAKEN, 2);
    kit_free(&k);
}

/* A loop of ten rounds. */
static struct cost loop(const char *predictor, struct cost *second)
{
    struct kit k = KIT(predictor, "branch.mispredict=5", "branch.taken=1");
    BUNDLE(&k, OP_MOVI(9, 10));
    uint32_t top = k.pc;
    BUNDLE(&k, OP_I(ADD, 9, 9, -1));
    BUNDLE(&k, OP_TGT(BNZ, 0, 9, top));
    HALT(&k);
    struct cost c = once(&k, k.base);
    *second = once(&k, k.base);
    kit_free(&k);
    return c;
}

/* 5. Conditional branches, by predictor. */
static void test_predictors(void **state)
{
    (void)state;
    struct cost c, again;
    c = loop("branch.predictor=none", &again);
    both(again, CA_MISPREDICT, 9 * 5, CA_TAKEN, 0);
    c = loop("branch.predictor=static", &again);
    both(again, CA_MISPREDICT, 5, CA_TAKEN, 9);
    c = loop("branch.predictor=bimodal", &again); /* a counter that begins at 1 */
    assert_int_equal(c.by[CA_MISPREDICT], 2 * 5);
    assert_int_equal(c.by[CA_TAKEN], 8);
    both(again, CA_MISPREDICT, 5, CA_TAKEN, 9);
}

/* 16 rounds of a branch that is taken every other time, by now learnt. */
static struct cost alternating(const char *predictor)
{
    struct kit k = KIT(predictor, "branch.mispredict=5", "branch.taken=0", "branch.entries=2048");
    uint32_t over = k.base + 0x40;
    BUNDLE(&k, OP_MOVI(9, 16));
    uint32_t top = k.pc;
    BUNDLE(&k, OP_I(AND, 8, 9, 1), OP_I(ADD, 9, 9, -1));
    BUNDLE(&k, OP_TGT(BZ, 0, 8, over));
    BUNDLE(&k, OP_TGT(JAL, 0, 0, over));
    k.pc = over;
    BUNDLE(&k, OP_TGT(BNZ, 0, 9, top));
    HALT(&k);
    for (int i = 0; i < 3; i++)
        once(&k, k.base);
    struct cost c = once(&k, k.base);
    kit_free(&k);
    return c;
}

static void test_gshare(void **state)
{
    (void)state;
    only(alternating("branch.predictor=bimodal"), CA_MISPREDICT, (16 + 1) * 5);
    only(alternating("branch.predictor=gshare"), CA_MISPREDICT, 1 * 5); /* the exit alone */
}

/* 6. Calls and returns. */
static void calls(const char *ras, unsigned depth, uint64_t taken, uint64_t indirect)
{
    struct kit k = KIT(ras, "branch.taken=1", "branch.indirect=3");
    uint32_t fn = k.base + 0x100;
    BUNDLE(&k, OP_TGT(JAL, 1, 0, fn));
    HALT(&k);
    for (unsigned i = 0; i < depth; i++) {
        k.pc = fn + 0x40 * i;
        uint8_t save = (uint8_t)(20 + i);
        if (i + 1 < depth) {
            BUNDLE(&k, OP_R(MOV, save, 0, 1));
            BUNDLE(&k, OP_TGT(JAL, 1, 0, fn + 0x40 * (i + 1)));
            BUNDLE(&k, OP_R(MOV, 1, 0, save));
        }
        BUNDLE(&k, {.opc = OP_JALR, .ra = 1, .bmode = B_SHORT});
    }
    both(warm(&k, k.base), CA_TAKEN, taken, CA_INDIRECT, indirect);
    kit_free(&k);
}

static void test_return_stack(void **state)
{
    (void)state;
    calls("branch.ras=8", 3, 3 + 3, 0);
    calls("branch.ras=2", 3, 3 + 2, 3); /* the outermost was pushed out */
    calls("branch.ras=0", 3, 3, 3 * 3);
}

/* 7. Indirect jumps and the JTLB. */
static void test_indirect(void **state)
{
    (void)state;
    struct kit k = KIT("branch.indirect=3", "branch.taken=1", "jtlb.latency=2");
    uint32_t to = k.base + 0x30;
    BUNDLE(&k, OP_MOVI(5, to));
    BUNDLE(&k, OP_I(JALR, 0, 5, 0));
    k.pc = to;
    HALT(&k);
    only(warm(&k, k.base), CA_INDIRECT, 3);
    k.pc = k.base + 0x100;
    BUNDLE(&k, OP_I(JTLB, 0, 0, 0x1234));
    kit_exec(&k, OP_JTLBW, 0x1234, to);
    both(warm(&k, k.base + 0x100), CA_TAKEN, 1, CA_INDIRECT, 2);
    kit_free(&k);
}

/* 14. Commit and store release. */
static void test_commit(void **state)
{
    (void)state;
    struct kit k = KIT("cost.commit=4", "sb.release=2");
    kit_tlb(&k, LA, PA | KIT_RWX);
    vm_set_reg(k.vm, 5, LA);
    BUNDLE(&k, OP_I(GST32, 5, 5, 0), OP_I(GST32, 5, 5, 4)); /* one entry */
    BUNDLE(&k, OP_I(GST32, 5, 5, 14));                      /* two */
    COMMIT(&k, 1, OP_MOVI(6, 1));
    COMMIT(&k, 1, OP_MOVI(6, 1));
    HALT(&k);
    both(warm(&k, k.base), CA_COMMIT, 8, CA_SB, 6);
    kit_free(&k);
}

/* 15. Traps, and the wait for results in flight before them. */
static void test_traps(void **state)
{
    (void)state;
    struct kit k = KIT("cost.rollback=5", "cost.trap=10", "lat.load=3");
    pad(&k);
    BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT});
    both(warm(&k, k.base), CA_ROLLBACK, 5, CA_TRAP, 10);
    k.pc = k.base + 0x1000;
    pad(&k);
    BUNDLE(&k, OP_I(LW, 6, 0, PA));
    BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT}); /* over one cycle before the load */
    struct cost c = warm(&k, k.base + 0x1000);
    assert_int_equal(c.by[CA_LOADUSE], 1);
    assert_int_equal(c.total, 1 + 5 + 10);
    uint32_t handler = k.base + 0x6000;
    k.pc = handler;
    BUNDLE(&k, OP_MOVI(5, LA));
    BUNDLE(&k, OP_I(TLBW, 0, 5, PA | KIT_RWX));
    BUNDLE(&k, {.opc = OP_RFE});
    kit_mts(&k, SR_VEC_RESTART, handler);
    k.pc = k.base + 0x2000;
    pad(&k);
    BUNDLE(&k, OP_MOVI(5, LA), OP_I(TLBINV, 0, 0, 1));
    BUNDLE(&k, OP_I(GLD32, 6, 5, 0));
    HALT(&k);
    uint64_t fill = vm_stats(k.vm)->phase_cause[PH_TLBFILL][CA_TRAP];
    only(warm(&k, k.base + 0x2000), CA_TRAP, 10 + 10);
    assert_int_equal(vm_stats(k.vm)->phase_cause[PH_TLBFILL][CA_TRAP] - fill, 2 * 20);
    kit_free(&k);
}

/* 16. isync, by the lines it touches. */
static void test_isync(void **state)
{
    (void)state;
    struct kit k = KIT("cost.isync=10", "l1i.line=64");
    BUNDLE(&k, OP_MOVI(5, k.base + 0x1030), OP_MOVI(6, k.base + 0x1000));
    BUNDLE(&k, OP_I(ISYNC, 0, 5, 0x51)); /* from 1030 to 1080: three lines */
    BUNDLE(&k, OP_I(ISYNC, 0, 6, 0x40)); /* one */
    BUNDLE(&k, OP_I(ISYNC, 0, 6, 0));    /* none */
    HALT(&k);
    only(warm(&k, k.base), CA_SYNC, 4 * 10);
    k.pc = k.base + 0x200; /* its own line: fetched anew by the next bundle */
    BUNDLE(&k, OP_MOVI(5, k.base + 0x200));
    BUNDLE(&k, OP_I(ISYNC, 0, 5, 4));
    HALT(&k);
    both(warm(&k, k.base + 0x200), CA_SYNC, 10, CA_IL1, L2);
    kit_free(&k);
}

/* 17. The cycle deadline is looked at just after a commit in a translation; a run stops at the
 * first bundle boundary. */
static void test_limits(void **state)
{
    (void)state;
    struct kit k = KIT("branch.taken=0", "cost.rollback=5", "cost.trap=10");
    uint32_t x = k.base + 0x10000;
    k.pc = x;
    BUNDLE(&k, OP_MOVI(9, 0));
    uint32_t top = k.pc;
    BUNDLE(&k, OP_I(ADD, 9, 9, 1));
    COMMIT(&k, 1, OP_I(ADD, 32, 32, 1), OP_TGT(JAL, 0, 0, top));
    vm_set_pc(k.vm, x);
    uint64_t start = 1000;
    assert_int_equal(vm_run(k.vm, start), VM_CYCLES);
    assert_int_equal(vm_cycles(k.vm), start);
    assert_int_equal(vm_run(k.vm, start + 7), VM_CYCLES);
    assert_int_equal(vm_cycles(k.vm), start + 7);
    uint32_t rounds = vm_reg(k.vm, 32);
    vm_set_pc(k.vm, top);
    kit_mts(&k, SR_XCACHE_LO, x);
    kit_mts(&k, SR_XCACHE_HOT, x);
    kit_mts(&k, SR_XCACHE_HI, x + 0x1000);
    vm_set_pc(k.vm, top);
    uint64_t now =
        vm_cycles(k.vm) + 4; /* by the four ops that kit_mts runs for the two registers */
    kit_mts(&k, SR_CYCLE_DEADLINE, (uint32_t)now + 5);
    kit_mts(&k, SR_CYCLE_DEADLINE_HI, 0);
    assert_int_equal(vm_cycles(k.vm), now);
    assert_int_equal(vm_run(k.vm, ~0ull), VM_HALT);
    /* Commits end at cycles 2, 4, 6: the third is the first that is not before 5. */
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_EVENT);
    assert_int_equal(vm_reg(k.vm, 32), rounds + 3);
    assert_int_equal(vm_stats(k.vm)->phase_bundles[PH_HOT], 6 + 4);
    kit_check_cycles(&k);
    kit_free(&k);
}

/* 18. Wide registers. */
static void test_wide(void **state)
{
    (void)state;
    struct kit k = KIT("lat.fp=3", "lat.fpdiv=30");
    struct vop add = OP_I(FADD, 0, 0, 17), other = OP_I(FADD, 0, 0, 19), div = OP_I(FDIV, 0, 0, 17),
               get = OP_I(WGET, 6, 0, 18 << 2), cmp = OP_I(FCOM, 0, 0, 17),
               use = OP_R(MOV, 7, 0, 6);
    add.ra = div.ra = cmp.ra = 5; /* names w16 */
    other.ra = 8;                 /* w18 */
    vm_set_reg(k.vm, 5, 16);
    vm_set_reg(k.vm, 8, 18);
    only(interlock(&k, add, add, 0), CA_LONGOP, 2);
    only(interlock(&k, add, add, 1), CA_LONGOP, 1);
    only(interlock(&k, add, other, 0), CA_LONGOP, 0);
    only(interlock(&k, cmp, add, 0), CA_LONGOP, 0);
    only(interlock(&k, other, get, 0), CA_LONGOP, 2);
    only(interlock(&k, get, use, 0), CA_LONGOP, 2);
    /* gldw is a load; gstw and a gldw wait for the register they name. */
    struct vop load = OP_I(GLDW, 16, 9, 0), quad = OP_I(GLDQ, 16, 9, 0),
               store = OP_I(GSTW, 16, 9, 8);
    kit_tlb(&k, 0x400000, PA | KIT_RWX);
    vm_set_reg(k.vm, 9, 0x400000);
    only(interlock(&k, load, add, 0), CA_LONGOP, 2);
    only(interlock(&k, load, add, 1), CA_LONGOP, 1);
    only(interlock(&k, load, other, 0), CA_LONGOP, 0);
    only(interlock(&k, quad, store, 0), CA_LONGOP, 2);
    only(interlock(&k, add, store, 0), CA_LONGOP, 2);
    only(interlock(&k, add, load, 0), CA_LONGOP, 2);
    only(interlock(&k, store, load, 0), CA_LONGOP, 0);
    only(interlock(&k, div, other, 0), CA_LONGOP, 23);
    only(interlock(&k, div, add, 0), CA_LONGOP, 23 + 6);
    kit_free(&k);
}

/* 18 again: functions name their registers in b; what gives a general register writes no wide one.
 */
static void test_simd(void **state)
{
    (void)state;
    struct kit k = KIT("lat.fp=3", "lat.fpdiv=30");
    struct vop and = OP_I(VALU, 0, 0, SIMD_B(16, 17, FN_AND, 0, 0)),
               to17 = OP_I(VMUL, 0, 0, SIMD_B(17, 18, FN_MULLW, 0, 1)),
               other = OP_I(VALU, 0, 0, SIMD_B(18, 19, FN_AND, 0, 0)),
               add = OP_I(VFP, 0, 0, SIMD_B(16, 17, FN_ADDPS, 0, 0)),
               div = OP_I(VFDIV, 0, 0, SIMD_B(16, 17, FN_SQRTPS, 0, 0)),
               extract = OP_I(VALU, 6, 0, SIMD_B(0, 16, FN_EXTRW, 0, 0)),
               compare = OP_I(VFP, 6, 0, SIMD_B(16, 17, FN_COMISS, 0, 0)), use = OP_R(MOV, 7, 0, 6);
    only(interlock(&k, and, and, 0), CA_LONGOP, 2);
    only(interlock(&k, and, add, 1), CA_LONGOP, 1);
    only(interlock(&k, and, other, 0), CA_LONGOP, 0);
    only(interlock(&k, to17, and, 0), CA_LONGOP, 2);
    only(interlock(&k, and, to17, 0), CA_LONGOP, 0); /* 17 is read, and at once */
    only(interlock(&k, add, extract, 0), CA_LONGOP, 2);
    only(interlock(&k, extract, and, 0), CA_LONGOP, 0);
    only(interlock(&k, compare, add, 0), CA_LONGOP, 0);
    only(interlock(&k, extract, use, 0), CA_LONGOP, 2);
    only(interlock(&k, compare, use, 1), CA_LONGOP, 1);
    only(interlock(&k, div, other, 0), CA_LONGOP, 23);
    only(interlock(&k, div, compare, 0), CA_LONGOP, 23 + 6);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue),        cmocka_unit_test(test_interlock),
        cmocka_unit_test(test_long_op),      cmocka_unit_test(test_taken),
        cmocka_unit_test(test_predictors),   cmocka_unit_test(test_gshare),
        cmocka_unit_test(test_return_stack), cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_commit),       cmocka_unit_test(test_traps),
        cmocka_unit_test(test_isync),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_wide),         cmocka_unit_test(test_simd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

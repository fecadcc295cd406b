/* SPDX-License-Identifier: MIT */
/*
 * One microbenchmark for each timing rule of docs/pipeline.md, under the rule's number. The
 * expected cycles are derived there by hand and matched exactly, in total and by cause. Here
 * are rules 8 to 13, caches and memory; the others are in test_timing.c.
 */
#include "tests/unit/costs.h"

/* 8. Instruction fetch. Lines are 64 bytes; with a 1 KB direct-mapped L1I, addresses 1 KB apart
 * conflict. */
static void test_fetch(void **state)
{
    (void)state;
    struct kit k = KIT("l1i.size_kb=1", "l1i.ways=1", "branch.taken=0");
    uint32_t a = k.base + 0x1000, b = a + 0x400;
    k.pc = a;
    BUNDLE(&k, OP_TGT(JAL, 0, 0, b));
    k.pc = b;
    BUNDLE(&k, OP_TGT(JAL, 0, 0, a + 0x20));
    k.pc = a + 0x20;
    HALT(&k);
    /* Cold: lines a (with its half at a + 0x20 again) and b, in L2 lines of their own. */
    both(once(&k, a), CA_IL2, 2 * (L2 + MEM), CA_IL1, L2);
    /* The line of a is there; b and then a miss again, and hit L2. */
    only(once(&k, a), CA_IL1, 2 * L2);
    /* A bundle that touches two lines looks both up. */
    struct kit k2 = KIT("l2.size_kb=0");
    k2.pc = k2.base + 0x1040 - 4;
    uint32_t s = BUNDLE(&k2, OP_MOVI(5, 1), OP_MOVI(6, 1));
    HALT(&k2);
    only(once(&k2, s), CA_IL2, 2 * MEM);
    assert_int_equal(vm_stats(k2.vm)->l1i_accesses, 2);
    kit_free(&k2);
    kit_free(&k);
}

/* 9. A miss stops the clock for results in flight too with mem.stall = miss; with use they go on.
 */
static void test_fetch_and_flight(void **state)
{
    (void)state;
    for (int use = 0; use < 2; use++) {
        struct kit k = KIT("l1i.size_kb=1", "l1i.ways=1", "branch.taken=0", "lat.load=3",
                           use ? "mem.stall=use" : "mem.stall=miss");
        uint32_t a = k.base + 0x1000, b = a + 0x400;
        k.pc = a;
        BUNDLE(&k, OP_I(LW, 6, 0, PA), OP_TGT(JAL, 0, 0, b));
        k.pc = b;
        BUNDLE(&k, OP_R(MOV, 7, 0, 6));
        HALT(&k);
        both(warm(&k, a), CA_IL1, 2 * L2, CA_LOADUSE, use ? 0 : 2);
        kit_free(&k);
    }
}

/* 10. Data, mem.stall = miss. */
static void test_data_miss(void **state)
{
    (void)state;
    struct kit k =
        KIT("mem.stall=miss", "l1d.size_kb=1", "l1d.ways=1", "l1d.line=32", "l2.line=128");
    uint32_t far = k.base + 0x2000, near = k.base + 0x2200, again = k.base + 0x2400,
             split = k.base + 0x2600;
    k.pc = far;
    pad(&k);
    BUNDLE(&k, OP_I(LW, 6, 0, PA));
    HALT(&k);
    k.pc = near; /* another L1 line of the same L2 line */
    pad(&k);
    BUNDLE(&k, OP_I(SW, 0, 0, PA + 0x60));
    HALT(&k);
    k.pc = again; /* 1 KB apart: in turn */
    pad(&k);
    BUNDLE(&k, OP_I(LW, 6, 0, PA));
    BUNDLE(&k, OP_I(LW, 7, 0, PA + 0x400));
    BUNDLE(&k, OP_I(LW, 8, 0, PA));
    HALT(&k);
    k.pc = split;
    pad(&k);
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x101e)); /* two lines of one L2 line */
    BUNDLE(&k, OP_I(LW, 7, 0, PA + 0x101e));
    HALT(&k);
    struct cost c = once(&k, far);
    assert_int_equal(c.by[CA_DL2], L2 + MEM);
    assert_int_equal(c.by[CA_DL1], 0);
    only(once(&k, far), CA_DL2, 0);
    c = once(&k, near);
    assert_int_equal(c.by[CA_DL1], L2);
    assert_int_equal(c.by[CA_DL2], 0);
    once(&k, again);
    only(once(&k, again), CA_DL1, 2 * L2); /* the first load hits: the last run left its line */
    uint64_t accesses = vm_stats(k.vm)->l1d_accesses;
    c = once(&k, split);
    assert_int_equal(c.by[CA_DL2], L2 + MEM);
    assert_int_equal(c.by[CA_DL1], L2);
    assert_int_equal(vm_stats(k.vm)->l1d_accesses - accesses, 4);
    kit_free(&k);
}

/* 11. A victim of L1D that is dirty goes to L2; replacement by policy. */
static void test_replacement(void **state)
{
    (void)state;
    for (int fifo = 0; fifo < 2; fifo++) {
        struct kit k = KIT("l1d.size_kb=1", "l1d.ways=2", "l1d.line=32",
                           fifo ? "cache.replacement=fifo" : "cache.replacement=lru");
        for (int i = 0; i < 2; i++) { /* A B A C A: the first round brings all to L2 */
            k.pc = k.base + 0x1000;
            BUNDLE(&k, OP_I(SW, 0, 0, PA));
            BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x200));
            BUNDLE(&k, OP_I(LW, 6, 0, PA));
            BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x400));
            BUNDLE(&k, OP_I(LW, 6, 0, PA));
            HALT(&k);
        }
        struct cost c = once(&k, k.base + 0x1000);
        assert_int_equal(c.by[CA_DL2], 3 * (L2 + MEM));
        assert_int_equal(c.by[CA_DL1], fifo ? L2 : 0);
        assert_int_equal(vm_stats(k.vm)->l1d_writebacks, fifo ? 1 : 0);
        kit_free(&k);
    }
}

/* 12. Data, mem.stall = use: only a use waits. */
static void test_data_use(void **state)
{
    (void)state;
    struct kit k = KIT("mem.stall=use", "l1d.mshrs=2", "lat.load=3", "l1d.line=32", "l2.size_kb=0");
    uint32_t at[8];
    for (uint32_t i = 0; i < 8; i++)
        at[i] = k.base + 0x1000 + 0x200 * i;
#define PROGRAM(i)                                                                                 \
    k.pc = at[i];                                                                                  \
    pad(&k)
    PROGRAM(0);
    BUNDLE(&k, OP_I(LW, 6, 0, PA));
    BUNDLE(&k, OP_R(MOV, 7, 0, 6));
    HALT(&k);
    PROGRAM(1); /* one bundle between: one cycle less */
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x1000));
    BUNDLE(&k, OP_MOVI(8, 1));
    BUNDLE(&k, OP_R(MOV, 7, 0, 6));
    HALT(&k);
    PROGRAM(2); /* nobody waits for a store, nor for a load that nobody uses */
    BUNDLE(&k, OP_I(SW, 6, 0, PA + 0x2000));
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x2100));
    HALT(&k);
    PROGRAM(3); /* the second joins the first */
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x3000));
    BUNDLE(&k, OP_I(LW, 7, 0, PA + 0x3004));
    BUNDLE(&k, OP_R(MOV, 8, 0, 7));
    HALT(&k);
    PROGRAM(4); /* the third waits for a register */
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 0x4000));
    BUNDLE(&k, OP_I(LW, 7, 0, PA + 0x4100));
    BUNDLE(&k, OP_I(LW, 8, 0, PA + 0x4200));
    HALT(&k);
    /* Fills L1D with other lines and waits for them. */
    uint32_t evict = k.base + 0x3000;
    k.pc = evict;
    BUNDLE(&k, OP_MOVI(5, 0x100000));
    uint32_t top = k.pc;
    BUNDLE(&k, OP_I(LW, 6, 5, 0), OP_I(ADD, 5, 5, 32));
    BUNDLE(&k, OP_I(SLTU, 7, 5, 0x100000 + 128 * 1024));
    BUNDLE(&k, OP_TGT(BNZ, 0, 7, top));
    for (int i = 0; i < MEM; i++)
        BUNDLE(&k, {.opc = OP_NOP});
    HALT(&k);
    static const uint64_t want[5] = {MEM + 3 - 1, MEM + 3 - 2, 0, MEM + 3 - 2, MEM - 2};
    for (int i = 0; i < 5; i++) {
        once(&k, at[i]); /* so that its code is in L1I */
        once(&k, evict);
        struct vm_stats before = *vm_stats(k.vm);
        only(once(&k, at[i]), CA_DL2, want[i]);
        const struct vm_stats *now = vm_stats(k.vm);
        assert_int_equal(now->mshr_merges - before.mshr_merges, i == 3);
        assert_int_equal(now->mshr_full - before.mshr_full, i == 4);
    }
    kit_free(&k);
}

/* 13. Prefetch of the next line. */
static void test_prefetch(void **state)
{
    (void)state;
    struct kit k = KIT("cache.prefetch=next-line", "l1d.line=32", "l2.line=128");
    k.pc = k.base + 0x1000;
    BUNDLE(&k, OP_I(LW, 6, 0, PA));
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 32));
    BUNDLE(&k, OP_I(LW, 6, 0, PA + 64)); /* not brought by the hit before it */
    HALT(&k);
    struct cost c = once(&k, k.base + 0x1000);
    assert_int_equal(c.by[CA_DL2], L2 + MEM);
    assert_int_equal(c.by[CA_DL1], L2);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch),     cmocka_unit_test(test_fetch_and_flight),
        cmocka_unit_test(test_data_miss), cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_data_use),  cmocka_unit_test(test_prefetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

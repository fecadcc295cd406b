/* SPDX-License-Identifier: MIT */
/*
 * How the engine leaves a program and comes back: traps that raise or count, handlers, illegal
 * bundles, host calls, CMS on the host, a machine saved and loaded; and the accounts that are kept
 * of it.
 */
#include <unistd.h>
#include "tests/unit/vmkit.h"

enum { LA = 0x400000, FRAME = 0x5000 };

static struct kit mapped_kit(void)
{
    struct kit k = KIT("sb.entries=8");
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    return k;
}

/* A walker that finds no page raises; a probe gets the answer as its result, and nothing is rolled
 * back. */
static void test_raise(void **state)
{
    (void)state;
    struct kit k = mapped_kit();
    uint32_t handler = k.base + 0x6000;
    k.pc = handler;
    BUNDLE(&k, OP_MOVI(5, 0x1234));
    BUNDLE(&k, OP_I(RAISE, 0, 5, T_PAGE));
    kit_mts(&k, SR_VEC_RESTART, handler);
    k.pc = k.base;
    BUNDLE(&k, OP_MOVI(5, LA + 0xff0), OP_MOVI(6, 6), OP_MOVI(32, 3));
    BUNDLE(&k, OP_I(PROBER, 6, 5, 0x10), OP_I(ADD, 32, 32, 1));
    BUNDLE(&k, OP_I(PROBER, 7, 5, 0x11), OP_I(ADD, 32, 32, 1));
    BUNDLE(&k, OP_I(ADD, 32, 32, 1));
    COMMIT(&k, 0, OP_R(MOV, 33, 0, 32));
    uint32_t at = BUNDLE(&k, OP_I(GLD32, 8, 5, 0x0e), OP_MOVI(7, 0));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_reg(k.vm, 6), 0);
    assert_int_equal(vm_reg(k.vm, 7), 1 + T_PAGE);
    assert_int_equal(vm_reg(k.vm, 33), 6);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_PAGE);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), 0x1234);
    assert_int_equal(vm_special(k.vm, SR_TRAP_ADDR), LA + 0x1000);
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), at);
    kit_check_cycles(&k);
    kit_free(&k);
}

/* A trap in the handler of a restartable trap is a machine check. */
static void test_trap_in_handler(void **state)
{
    (void)state;
    struct kit k = mapped_kit();
    uint32_t handler = k.base + 0x6000;
    k.pc = handler;
    BUNDLE(&k, OP_MOVI(5, LA + 0x3000));
    BUNDLE(&k, OP_I(GLD32, 6, 5, 0));
    kit_mts(&k, SR_VEC_RESTART, handler);
    k.pc = k.base;
    BUNDLE(&k, OP_MOVI(5, LA + 0x1000), OP_MOVI(6, 6));
    BUNDLE(&k, OP_I(GLD32, 6, 5, 0));
    assert_int_equal(kit_run(&k, k.base), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_MACHINE_CHECK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), MC_TRAP_IN_HANDLER);
    assert_int_equal(vm_reg(k.vm, 5), LA + 0x1000); /* the first bank is back */
    assert_int_equal(vm_reg(k.vm, 6), 6);
    k.pc = k.base + 0x1000;
    BUNDLE(&k, {.opc = OP_RFE, .bmode = B_REG});
    assert_int_equal(kit_run(&k, k.base + 0x1000), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), MC_BAD_RFE);
    kit_free(&k);
}

/* count: at one it traps with no effect; the handler gives a new value and the bundle runs again.
 */
static void test_count(void **state)
{
    (void)state;
    struct kit k = mapped_kit();
    uint32_t handler = k.base + 0x6000, counter = k.base + 0x30000;
    k.pc = handler;
    BUNDLE(&k, OP_I(MFS, 5, 0, SR_TRAP_ADDR), OP_I(ADD, 10, 10, 1), OP_MOVI(6, 11));
    BUNDLE(&k, OP_R(SW, 6, 5, 0));
    BUNDLE(&k, {.opc = OP_RFE, .bmode = B_REG});
    kit_mts(&k, SR_VEC_RESTART, handler);
    kit_set_word(&k, counter, 3);
    k.pc = k.base;
    BUNDLE(&k, OP_MOVI(9, 4));
    uint32_t top = k.pc;
    BUNDLE(&k, OP_I(COUNT, 7, 0, counter), OP_I(ADD, 8, 8, 1), OP_I(ADD, 9, 9, -1));
    BUNDLE(&k, OP_TGT(BNZ, 0, 9, top));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), 0);
    assert_int_equal(kit_word(&k, counter), 9); /* 2, 1, then from 11: 10, 9 */
    assert_int_equal(vm_reg(k.vm, 7), 9);
    assert_int_equal(vm_reg(k.vm, 8), 4);
    assert_int_equal(vm_stats(k.vm)->restart_by_trap[T_COUNT], 1);
    kit_free(&k);
}

static uint32_t host(void *ctx, uint32_t service, uint32_t arg)
{
    struct kit *k = ctx;
    if (service == 7)
        vm_request_stop(k->vm);
    vm_set_reg(k->vm, 33, service * 100 + arg);
    vm_bus_touch(k->vm, 0x9000, 64, true);
    return 42;
}

static void test_hostcall(void **state)
{
    (void)state;
    struct kit k;
    struct vm_platform p = {.ctx = &k, .hostcall = host};
    k = kit_new_p(&p, "cost.hostcall=1000", (const char *)NULL);
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    BUNDLE(&k, OP_MOVI(5, 3), OP_MOVI(32, 1));
    COMMIT(&k, 0, OP_MOVI(6, LA));
    BUNDLE(&k, OP_I(HOSTCALL, 7, 5, 7));
    uint32_t next = BUNDLE(&k, OP_MOVI(32, 2));
    uint32_t bad = BUNDLE(&k, OP_I(HOSTCALL, 7, 5, 1), OP_MOVI(8, 1));
    HALT(&k);
    vm_set_pc(k.vm, k.base);
    assert_int_equal(vm_run(k.vm, 1000000), VM_STOP);
    assert_int_equal(vm_pc(k.vm), next);
    assert_int_equal(vm_reg(k.vm, 7), 42);
    assert_int_equal(vm_shadow_reg(k.vm, 33), 703);
    const struct vm_stats *s = vm_stats(k.vm);
    assert_int_equal(s->phase_cause[PH_HOSTCALL][CA_SYNC],
                     1000 + 2); /* and a cycle for each line touched */
    assert_true(s->phase_cause[PH_HOSTCALL][CA_DL2] > 0);
    kit_check_cycles(&k);
    assert_int_equal(kit_run(&k, next), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_MACHINE_CHECK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), MC_HOSTCALL_STATE);
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), bad);
    assert_int_equal(vm_reg(k.vm, 8), 0);
    kit_free(&k);
}

/* CMS on the host: traps come back to the caller, who serves restartable ones op by op. */
static void test_host_cms(void **state)
{
    (void)state;
    struct kit k = KIT("cms.on=host");
    struct vop rfe = {.opc = OP_RFE}, set = OP_MOVI(5, LA),
               fill = OP_I(TLBW, 0, 5, FRAME | KIT_RWX);
    struct vop ld = OP_I(GLD32, 6, 5, 0), probe = OP_I(PROBER, 6, 5, 4), nop = {.opc = OP_NOP};
    struct vop raise = OP_I(RAISE, 0, 7, T_PAGE);
    kit_set_word(&k, FRAME, 77);
    BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, 6), OP_MOVI(32, 1));
    COMMIT(&k, 1, OP_MOVI(7, 7));
    BUNDLE(&k, OP_I(GLD32, 6, 5, 0), OP_MOVI(32, 2));
    uint32_t at = BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT, .imm = 3});
    vm_set_pc(k.vm, k.base);
    assert_int_equal(vm_run(k.vm, ~0ull), VM_TRAPPED);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_TLB_MISS);
    assert_int_equal(vm_special(k.vm, SR_TRAP_ADDR), LA);
    assert_int_equal(vm_exec1(k.vm, &set, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &fill, false, 0), T_NONE);
    set.imm = 0; /* of the second bank */
    assert_int_equal(vm_exec1(k.vm, &set, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &rfe, false, 0), T_NONE);
    assert_int_equal(vm_run(k.vm, ~0ull), VM_TRAPPED);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_EXIT);
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), at);
    assert_int_equal(vm_reg(k.vm, 6), 77);
    assert_int_equal(vm_reg(k.vm, 32), 1);
    /* one op at a time */
    vm_set_reg(k.vm, 5, LA + 0x1000);
    vm_set_reg(k.vm, 6, 6);
    assert_int_equal(vm_exec1(k.vm, &nop, true, 2), T_NONE);
    assert_int_equal(vm_retired(k.vm), 3);
    assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_TLB_MISS);
    assert_int_equal(vm_exec1(k.vm, &fill, false, 0), T_NONE); /* the same registers */
    assert_int_equal(vm_exec1(k.vm, &rfe, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 6), 77);
    vm_set_reg(k.vm, 5, LA + 0x2000);
    assert_int_equal(vm_exec1(k.vm, &probe, false, 0), T_TLB_MISS);
    assert_int_equal(vm_exec1(k.vm, &raise, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &probe, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 6), 1 + T_PAGE);
    assert_int_equal(vm_exec1(k.vm, &ld, false, 0), T_TLB_MISS);
    assert_int_equal(vm_exec1(k.vm, &raise, false, 0), T_PAGE);
    assert_int_equal(vm_special(k.vm, SR_TRAP_ADDR), LA + 0x2000);
    assert_int_equal(vm_exec1(k.vm, &rfe, false, 0), T_MACHINE_CHECK);
    kit_check_cycles(&k);
    kit_free(&k);
}

/* Ops between a commit and a rollback are waste, but not an exit that stands alone. */
static void test_wasted(void **state)
{
    (void)state;
    struct kit k = mapped_kit();
    BUNDLE(&k, OP_MOVI(5, 1));
    COMMIT(&k, 1, OP_MOVI(32, 1));
    BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT});
    kit_run(&k, k.base);
    assert_int_equal(vm_stats(k.vm)->ops_wasted, 0);
    k.pc = k.base + 0x100;
    COMMIT(&k, 1, OP_MOVI(32, 1));
    BUNDLE(&k, OP_MOVI(5, 1), {.opc = OP_NOP}, OP_MOVI(6, 1));
    BUNDLE(&k, OP_I(PHASE, 0, 0, PH_DISPATCH)); /* the count survives a change of phase */
    BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT});
    kit_run(&k, k.base + 0x100);
    const struct vm_stats *s = vm_stats(k.vm);
    assert_int_equal(s->ops_wasted, 2 + 1 + 1);
    assert_int_equal(s->rollback_by_trap[T_EXIT], 2);
    assert_int_equal(s->phase_ops[PH_DISPATCH], 1);
    assert_int_equal(s->nops, 1);
    kit_free(&k);
}

/* Whose lines are lost to whom, and phases and regions. */
static void test_owners(void **state)
{
    (void)state;
    struct kit k = KIT("l1d.size_kb=1", "l1d.ways=1");
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    BUNDLE(&k, OP_MOVI(5, LA));
    BUNDLE(&k, OP_I(LW, 6, 0, 0x10000));
    BUNDLE(&k, OP_I(GLD32, 6, 5, 0));     /* guest takes the place of CMS */
    BUNDLE(&k, OP_I(GLD32, 6, 5, 0x400)); /* guest of guest */
    BUNDLE(&k, OP_I(LW, 6, 0, 0x10000));  /* CMS of guest */
    BUNDLE(&k, OP_I(SW, 6, 0, 0x10400));  /* CMS of CMS */
    HALT(&k);
    kit_run(&k, k.base);
    const struct vm_stats *s = vm_stats(k.vm);
    assert_int_equal(s->evicted[1][0][1], 1);
    assert_int_equal(s->evicted[1][1][1], 1);
    assert_int_equal(s->evicted[1][1][0], 1);
    assert_int_equal(s->evicted[1][0][0], 1);
    assert_int_equal(s->loads_guest, 2);
    assert_int_equal(s->loads_native, 2);
    assert_int_equal(s->stores_native, 1);
    assert_int_equal(s->l1d_accesses, 5);
    kit_free(&k);
}

/* What is wrong with a bundle is a trap, not a crash. */
static void test_illegal(void **state)
{
    (void)state;
    struct kit k = KIT("cap.select=0");
    BUNDLE(&k, OP_C(CMOV, 5, 6, CC_E));
    assert_int_equal(kit_run(&k, k.base), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_ILLEGAL);
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), k.base);
    kit_set_word(&k, k.base + 0x100, 0xffffffff);
    assert_int_equal(kit_run(&k, k.base + 0x100), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_ILLEGAL);
    assert_int_equal(kit_run(&k, 0x1000), KIT_HALT_ROLLBACK); /* no code outside concealed memory */
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), 0x1000);
    assert_int_equal(kit_run(&k, k.base + 2), KIT_HALT_ROLLBACK);
    assert_int_equal(kit_run(&k, 0xfffffffcu), KIT_HALT_ROLLBACK);
    uint32_t end = vm_mem_size(k.vm);
    k.pc = end - 4;
    BUNDLE(&k, OP_R(ADD, 5, 5, 5)); /* the next bundle lies outside */
    assert_int_equal(kit_run(&k, end - 4), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_PC), end);
    k.pc = k.base + 0x200;
    BUNDLE(&k, OP_MOVI(5, end - 3));
    BUNDLE(&k, OP_I(LW, 6, 5, 0));
    assert_int_equal(kit_run(&k, k.base + 0x200), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), MC_NATIVE_ADDRESS);
    kit_free(&k);
}

/* A run cut into pieces, one of them saved and loaded into another machine, ends as a whole one
 * does. */
static void test_snapshot(void **state)
{
    (void)state;
    uint64_t cycles[2], sum[2];
    char path[64];
    snprintf(path, sizeof path, "/tmp/test_mechanisms.%d", (int)getpid());
    for (int cut = 0; cut < 2; cut++) {
        struct kit k = KIT("mem.stall=use", "l1d.size_kb=1", "l1d.ways=2");
        kit_tlb(&k, LA, FRAME | KIT_RWX);
        BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(9, 300), OP_MOVI(10, 0));
        uint32_t top = k.pc;
        BUNDLE(&k, OP_I(GLD32, 6, 5, 0), OP_I(ADD, 10, 10, 52), OP_I(SUBF32, 9, 9, 1));
        BUNDLE(&k, OP_R(ADD, 32, 32, 6), OP_I(AND, 10, 10, 0xfff));
        BUNDLE(&k, OP_I(ADD, 5, 10, LA), OP_I(GST32, 9, 5, 0));
        COMMIT(&k, 1, OP_R(ROL, 33, 32, 9));
        BUNDLE(&k, {.opc = OP_BRCC, .rd = CC_NE, .bmode = B_LONG, .imm = (int32_t)top});
        HALT(&k);
        vm_set_pc(k.vm, k.base);
        for (uint64_t at = vm_cycles(k.vm) + 37; cut && vm_run(k.vm, at) == VM_CYCLES; at += 37) {
            if (at % 5 == 0) {
                assert_int_equal(vm_save(k.vm, path), 0);
                struct kit other = KIT("mem.stall=use", "l1d.size_kb=1", "l1d.ways=2");
                assert_int_equal(vm_load(other.vm, path), 0);
                vm_free(k.vm);
                k.vm = other.vm;
            }
        }
        if (!cut)
            assert_int_equal(vm_run(k.vm, ~0ull), VM_HALT);
        kit_check_cycles(&k);
        const struct vm_stats *s = vm_stats(k.vm);
        cycles[cut] = s->cycles;
        sum[cut] = s->l1d_misses * 1000003 + s->mispredicts * 10007 + vm_reg(k.vm, 32) +
                   vm_reg(k.vm, 33) + s->mshr_full * 31 + s->ops;
        kit_free(&k);
    }
    remove(path);
    assert_int_equal(cycles[0], cycles[1]);
    assert_int_equal(sum[0], sum[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raise),    cmocka_unit_test(test_trap_in_handler),
        cmocka_unit_test(test_count),    cmocka_unit_test(test_hostcall),
        cmocka_unit_test(test_host_cms), cmocka_unit_test(test_wasted),
        cmocka_unit_test(test_owners),   cmocka_unit_test(test_illegal),
        cmocka_unit_test(test_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Faults of the guest in translations made by hand: delivered with registers and memory as of the
 * instructions before, once, with what the platform must know of them; and what no guest may reach,
 * whatever its page tables say. (Traps that no guest sees: test_cms_recover.c.)
 */
#include "tests/unit/cms_scene.h"

/* ---- faults: precise ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_page_fault),    SCENE_TEST(test_protection_fault),
        SCENE_TEST(test_demand_paging), SCENE_TEST(test_dirty),
        SCENE_TEST(test_concealed),     SCENE_TEST(test_fault_at_the_end_of_the_page),
    };

    return cmocka_run_group_tests_name("cms_faults", tests, NULL, NULL);
}

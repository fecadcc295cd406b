/* SPDX-License-Identifier: MIT */
/* Bugs that were found, each by its number, so that none comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "vliw-model/encode.h"
#include "vliw-model/machine.h"
#include "vliw-model/vm.h"

static struct vm *machine(void)
{
    struct mdesc m;

    machine_default(&m);
    m.guest_ram_mb = 16;
    struct vm *vm = vm_new(&m, NULL);
    assert_non_null(vm);
    return vm;
}

static uint32_t put(struct vm *vm, uint32_t pc, uint32_t nops, const struct vop *ops)
{
    struct bundle b = {.nops = (uint8_t)nops};
    uint32_t word[MAX_BUNDLE_WORDS];

    memcpy(b.op, ops, nops * sizeof *ops);
    uint32_t n = bundle_encode(&b, pc, word);
    assert_true(n);
    memcpy(vm_mem(vm, pc, n * 4), word, n * 4);
    return pc + n * 4;
}

static void isync(struct vm *vm, uint32_t from, uint32_t len)
{
    struct vop op = {
        .opc = OP_ISYNC, .ra = 20, .bmode = bmode_for((int32_t)len), .imm = (int32_t)len};

    vm_set_reg(vm, 20, from);
    assert_int_equal(vm_exec1(vm, &op, false, 0), T_NONE);
}

/*
 * 1. Code written anew twice, with a bundle at the same address whose length differs from the first
 * code's: the engine took the bundle behind the old one for its successor. Seen as an illegal
 * bundle in a wrapped translation cache.
 */
static void regression_1_length_changes_twice(void **state)
{
    struct vm *vm = machine();
    uint32_t base = vm_concealed_base(vm) + 0x40000;
    /* The first is the larger, so that its successors find room where it stood. */
    const struct vop shorter[] = {{OP_MOV, 5, 0, 0, B_SHORT, 1}};
    const struct vop longer[] = {{OP_MOV, 5, 0, 0, B_LONG, 0x12345},
                                 {OP_MOV, 6, 0, 0, B_SHORT, 2},
                                 {OP_MOV, 7, 0, 0, B_SHORT, 3}};
    const struct vop halt[] = {{OP_HALT, 0, 0, 5, B_REG, 0}};

    (void)state;
    for (int round = 0; round < 4; round++) {
        uint32_t pc = put(vm, base, round ? 1 : 3, round ? shorter : longer);
        /* Another successor each time, or going on with an old one would not show. */
        const struct vop add[] = {{OP_ADD, 5, 5, 0, B_SHORT, 7 + round}};
        pc = put(vm, pc, 1, add);
        pc = put(vm, pc, 1, halt);
        isync(vm, base, pc - base);
        vm_set_pc(vm, base);
        assert_int_equal(vm_run(vm, UINT64_MAX), VM_HALT);
        assert_int_equal(vm_halt_status(vm), (round ? 1 : 0x12345) + 7 + round);
    }
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(regression_1_length_changes_twice)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

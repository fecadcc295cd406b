/* SPDX-License-Identifier: MIT */
/*
 * The engine: what the plain ops compute, code that changes under it, the same cycles every time.
 * (Bundles of all kinds: test_engine_random.c. Flag-setting ops against silicon:
 * test_engine_flags.c.)
 */
#include "tests/unit/vmkit.h"
#include "tests/unit/xorshift.h"
#include "vliw-model/sem.h"

/* ---- plain ops, by value ---- */

static const struct {
    enum op_code op;
    uint32_t a, b, want;
} plain[] = {
    {OP_ADD, 0xffffffff, 2, 1},
    {OP_SUB, 1, 2, 0xffffffff},
    {OP_AND, 0xff00ff00, 0x0ff00ff0, 0x0f000f00},
    {OP_OR, 0xff00ff00, 0x0ff00ff0, 0xfff0fff0},
    {OP_XOR, 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0},
    {OP_SLL, 0x80000001, 33, 2},
    {OP_SRL, 0x80000001, 31, 1},
    {OP_SRA, 0x80000001, 31, 0xffffffff},
    {OP_SRA, 0x40000000, 30, 1},
    {OP_SLT, 0xffffffff, 0, 1},
    {OP_SLT, 0, 0xffffffff, 0},
    {OP_SLTU, 0xffffffff, 0, 0},
    {OP_SLTU, 0, 0xffffffff, 1},
    {OP_MUL, 0x10001, 0x10001, 0x20001},
    {OP_MULH, 0xffffffff, 0xffffffff, 0},
    {OP_MULH, 0x80000000, 0x7fffffff, 0xc0000000},
    {OP_MULHU, 0xffffffff, 0xffffffff, 0xfffffffe},
    {OP_MULHSU, 0xffffffff, 0xffffffff, 0xffffffff},
    {OP_MULHSU, 0x80000000, 0x80000000, 0xc0000000},
    {OP_DIV, 0xfffffff9, 2, 0xfffffffd},
    {OP_DIV, 7, 0, 0xffffffff},
    {OP_DIV, 0x80000000, 0xffffffff, 0x80000000},
    {OP_DIVU, 0xfffffff9, 2, 0x7ffffffc},
    {OP_DIVU, 7, 0, 0xffffffff},
    {OP_REM, 0xfffffff9, 2, 0xffffffff},
    {OP_REM, 7, 0, 7},
    {OP_REM, 0x80000000, 0xffffffff, 0},
    {OP_REMU, 0xfffffff9, 10, 9},
    {OP_REMU, 7, 0, 7},
    {OP_ZEXT8, 0x12345689, 0, 0x89},
    {OP_ZEXT16, 0x12348689, 0, 0x8689},
    {OP_SEXT8, 0x12345689, 0, 0xffffff89},
    {OP_SEXT16, 0x12348689, 0, 0xffff8689},
    {OP_EXT8H, 0x12348689, 0, 0x86},
    {OP_INS8, 0x12345678, 0xaabbccdd, 0x123456dd},
    {OP_INS8H, 0x12345678, 0xaabbccdd, 0x1234dd78},
    {OP_INS16, 0x12345678, 0xaabbccdd, 0x1234ccdd},
    {OP_BSWAP, 0x12345678, 0, 0x78563412},
    {OP_ROL, 0x80000001, 33, 3},
    {OP_ROL, 0x12345678, 0, 0x12345678},
    {OP_ROR, 0x80000001, 1, 0xc0000000},
    {OP_ROR, 0x12345678, 32, 0x12345678},
    {OP_MOV, 0, 0x55, 0x55},
};

static void test_plain(void **state)
{
    (void)state;
    struct kit k = KIT();
    for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
        for (int imm = 0; imm < 2; imm++) {
            unsigned fmt = op_table[plain[i].op].format;
            bool has_b = fmt == FMT_RRB || fmt == FMT_RB;
            struct vop op = {
                .opc = (uint8_t)plain[i].op, .rd = 6, .ra = 7, .rb = has_b ? 8 : 0, .bmode = B_REG};
            if (imm && has_b)
                op = (struct vop){
                    .opc = op.opc, .rd = 6, .ra = 7, .bmode = B_LONG, .imm = (int32_t)plain[i].b};
            if (fmt == FMT_RB)
                op.ra = 0;
            vm_set_reg(k.vm, 7, plain[i].a);
            vm_set_reg(k.vm, 8, plain[i].b);
            vm_set_cc(k.vm, F_CF | F_SF);
            assert_int_equal(vm_exec1(k.vm, &op, false, 0), T_NONE);
            if (vm_reg(k.vm, 6) != plain[i].want)
                fail_msg("%s %x %x: %x", op_table[op.opc].name, plain[i].a, plain[i].b,
                         vm_reg(k.vm, 6));
            assert_int_equal(vm_cc(k.vm), F_CF | F_SF);
            op.rd = 0;
            assert_int_equal(vm_exec1(k.vm, &op, false, 0), T_NONE);
            assert_int_equal(vm_reg(k.vm, 0), 0);
        }
    kit_free(&k);
}

static void test_cc_ops(void **state)
{
    (void)state;
    struct kit k = KIT();
    struct vop wr = OP_I(WRCC, 0, 7, F_CF | F_OF), rd = OP_I(RDCC, 6, 0, F_CF | F_ZF),
               set = OP_C(SETCC, 6, 0, CC_BE), cmov = OP_C(CMOV, 6, 7, CC_L);
    vm_set_cc(k.vm, F_ALL);
    vm_set_reg(k.vm, 7, 0);
    assert_int_equal(vm_exec1(k.vm, &wr, false, 0), T_NONE);
    assert_int_equal(vm_cc(k.vm), F_ALL & ~(uint32_t)(F_CF | F_OF));
    vm_set_reg(k.vm, 7, 0xffffffff);
    wr.imm = (int32_t)0xffffffff;
    assert_int_equal(vm_exec1(k.vm, &wr, false, 0), T_NONE);
    assert_int_equal(vm_cc(k.vm), F_ALL);
    assert_int_equal(vm_exec1(k.vm, &rd, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 6), F_CF | F_ZF);
    assert_int_equal(vm_exec1(k.vm, &set, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 6), 1);
    vm_set_reg(k.vm, 7, 9);
    assert_int_equal(vm_exec1(k.vm, &cmov, false, 0), T_NONE); /* SF = OF: not less */
    assert_int_equal(vm_reg(k.vm, 6), 1);
    vm_set_cc(k.vm, F_SF);
    assert_int_equal(vm_exec1(k.vm, &cmov, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 6), 9);
    kit_free(&k);
}

/* ---- code that changes ---- */

enum { SLOTS = 24, SLOT_BYTES = 96 };

static uint64_t rng;
static uint32_t rnd(uint32_t n)
{
    return (uint32_t)(xorshift64(&rng) >> 20) % n;
}

/* A slot: count down and leave at zero, some work, then on to another slot or into the next. */
static void write_slot(struct kit *k, uint32_t code, uint32_t slot)
{
    uint32_t done = code + SLOTS * SLOT_BYTES;
    k->pc = code + slot * SLOT_BYTES;
    BUNDLE(k, OP_I(ADD, 9, 9, -1), OP_TGT(BZ, 0, 9, done));
    for (uint32_t n = rnd(4); n; n--) {
        struct vop a = {.opc = rnd(2) ? OP_ADD : OP_XOR,
                        .rd = 5,
                        .ra = 5,
                        .bmode = B_SHORT,
                        .imm = (int8_t)rnd(256)},
                   b = {.opc = OP_ROL, .rd = 6, .ra = 6, .rb = 5, .bmode = B_REG};
        if (rnd(2))
            a = (struct vop)OP_I(ADD, 5, 6, rnd(0xffffffff));
        struct vop both[2] = {a, b};
        kit_bundle(k, both, 1 + rnd(2), rnd(2), 1);
    }
    uint32_t to = code + rnd(SLOTS) * SLOT_BYTES;
    switch (rnd(4)) {
    case 0: BUNDLE(k, OP_TGT(BNZ, 0, 5, to)); break;
    case 1: BUNDLE(k, OP_TGT(JAL, 0, 0, to)); break;
    case 2:
        BUNDLE(k, OP_MOVI(7, to));
        BUNDLE(k, OP_I(JALR, 0, 7, 0));
        break;
    default: break;
    }
    uint32_t end = code + (slot + 1) * SLOT_BYTES;
    while (k->pc < end)
        BUNDLE(k, {.opc = OP_NOP});
}

/* Slots are rewritten, bundles of other lengths at other places, and only what changed is
 * synchronised; a machine that has never seen the old code must do the same. */
static void test_changing_code(void **state)
{
    (void)state;
    struct kit k = KIT();
    uint32_t code = k.base + 0x10000, size = SLOTS * SLOT_BYTES;
    rng = 12345;
    for (uint32_t i = 0; i < SLOTS; i++)
        write_slot(&k, code, i);
    k.pc = code + size;
    HALT(&k);
    for (int round = 0; round < 400; round++) {
        for (uint32_t n = rnd(3); n; n--) {
            uint32_t slot = rnd(SLOTS);
            write_slot(&k, code, slot);
            kit_exec(&k, OP_ISYNC, code + slot * SLOT_BYTES, SLOT_BYTES);
        }
        struct kit fresh = KIT();
        memcpy(vm_mem(fresh.vm, code, size + 64), vm_mem(k.vm, code, size + 64), size + 64);
        for (unsigned r = 5; r < 8; r++) {
            uint32_t v = rnd(0xffffffff);
            vm_set_reg(k.vm, r, v);
            vm_set_reg(fresh.vm, r, v);
        }
        uint32_t left = 1 + rnd(300), start = code + rnd(SLOTS) * SLOT_BYTES;
        vm_set_reg(k.vm, 9, left);
        vm_set_reg(fresh.vm, 9, left);
        uint64_t retired = vm_retired(k.vm);
        kit_run(&k, start);
        kit_run(&fresh, start);
        for (unsigned r = 5; r < 10; r++)
            if (vm_reg(k.vm, r) != vm_reg(fresh.vm, r))
                fail_msg("round %d: r%u %x, afresh %x", round, r, vm_reg(k.vm, r),
                         vm_reg(fresh.vm, r));
        assert_int_equal(vm_retired(k.vm) - retired, vm_retired(fresh.vm));
        kit_free(&fresh);
    }
    kit_free(&k);
}

/* The same program from cold takes the same cycles, and cutting a run anywhere changes nothing. */
static void test_deterministic(void **state)
{
    (void)state;
    uint64_t cycles[3];
    for (int i = 0; i < 3; i++) {
        struct kit k = KIT("cache.replacement=random", "l1d.size_kb=1", "l1d.ways=4");
        BUNDLE(&k, OP_MOVI(5, 0), OP_MOVI(9, 1000));
        uint32_t top = k.pc;
        BUNDLE(&k, OP_I(LW, 6, 5, 0x10000), OP_I(ADD, 5, 5, 36), OP_I(ADD, 9, 9, -1));
        BUNDLE(&k, OP_I(AND, 5, 5, 0xffc));
        BUNDLE(&k, OP_R(ADD, 7, 7, 6), OP_TGT(BNZ, 0, 9, top));
        HALT(&k);
        vm_set_pc(k.vm, k.base);
        uint64_t limit = i == 2 ? vm_cycles(k.vm) : ~0ull;
        enum vm_stop why;
        while ((why = vm_run(k.vm, limit)) == VM_CYCLES) {
            assert_true(vm_cycles(k.vm) >= limit);
            limit += 13;
        }
        assert_int_equal(why, VM_HALT);
        cycles[i] = vm_cycles(k.vm);
        kit_check_cycles(&k);
        kit_free(&k);
    }
    assert_int_equal(cycles[0], cycles[1]);
    assert_int_equal(cycles[0], cycles[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cc_ops),
        cmocka_unit_test(test_changing_code),
        cmocka_unit_test(test_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */

/*
 * The generator of integer code on silicon: its blocks end as blocks may, each opcode of its table
 * by itself, and twice the same.
 */

#include "tests/oracle/gen.h"
#include "tests/unit/blocks.h"

/* No block of the generator may end in an unforeseen way; it must provoke the faults it promises.
 */
static void test_generated_blocks(void **state)
{
    (void)state;
    NEED_SILICON();
    static uint64_t ends[5], vectors[256], ruined;
    struct gen g;
    gen_init(&g, 1);
    for (int i = 0; i < 100000; i++) {
        uint8_t code[GEN_INSN_MAX * 8];
        gen_state(&g, &in);
        in.eip = SILICON_CODE + 0x400;
        size_t len = gen_block(&g, in.eip, code, 1 + i % 8);
        assert_true(len <= sizeof code);
        enum silicon_end end = run(code, len);
        ends[end]++;
        /* A block may store into the way back behind it. */
        ruined += end == SILICON_BAD &&
                  memcmp(silicon_ptr(in.eip) + len, silicon_tail(in.code16), SILICON_TAIL) != 0;
        if (end == SILICON_FAULT)
            vectors[fault.vector & 0xff]++;
    }
    print_message("generated blocks: %llu ended, %llu left, %llu hung; #DE %llu #BP %llu #OF %llu "
                  "#BR %llu #UD %llu #SS %llu #GP %llu #PF %llu\n",
                  (unsigned long long)ends[SILICON_END], (unsigned long long)ends[SILICON_LEFT],
                  (unsigned long long)ends[SILICON_HUNG], (unsigned long long)vectors[0],
                  (unsigned long long)vectors[3], (unsigned long long)vectors[4],
                  (unsigned long long)vectors[5], (unsigned long long)vectors[6],
                  (unsigned long long)vectors[12], (unsigned long long)vectors[13],
                  (unsigned long long)vectors[14]);
    assert_int_equal(ends[SILICON_BAD], ruined);
    assert_in_range(ruined, 0, 20);
    assert_int_equal(ends[SILICON_HUNG], 0);
    assert_int_equal(vectors[0x80], 0);
    assert_true(ends[SILICON_END] > 50000);
    assert_true(vectors[0] > 100 && vectors[14] > 1000);
}

/* Each opcode of the table by itself. A row with a wrong shape would be #UD, or swallow the way
 * back. */
static void test_each_generated_opcode(void **state)
{
    (void)state;
    NEED_SILICON();
    static const uint16_t always_fault[] = {
        0xcc,   0xcd,   0xf4,   0xfa,   0xfb,   0xe4,   0xe5,   0xe6,   0xe7,   0xec,   0xed,
        0xee,   0xef,   0x6c,   0x6d,   0x6e,   0x6f,   0xf1,   0x0f01, 0x0f06, 0x0f08, 0x0f09,
        0x0f0b, 0x0f20, 0x0f21, 0x0f22, 0x0f23, 0x0f30, 0x0f32, 0x0f35, 0x0faa, 0x0fb9, 0x0fff};
    static const uint16_t invalid[] = {0x0f0b, 0x0faa, 0x0fb9, 0x0fff};
    struct gen g;
    gen_init(&g, 2);
    g.gs = silicon_gs() != 0;
    unsigned n = 0;
    for (; (g.opcode = gen_opcode(n)) >= 0; n++) {
        unsigned ended = 0, expect_end = 1;
        for (size_t i = 0; i < sizeof always_fault / sizeof always_fault[0]; i++)
            if (g.opcode == always_fault[i])
                expect_end = 0;
        if (g.opcode == 0x0fa1 || g.opcode == 0x0fb4)
            expect_end = silicon_fs() != 0;
        expect_end &= g.gs || (g.opcode != 0x0fa9 && g.opcode != 0x0fb5);
        bool ud = false;
        for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
            ud |= g.opcode == invalid[i];
        for (int i = 0; i < 200; i++) {
            uint8_t code[GEN_INSN_MAX];
            gen_state(&g, &in);
            in.eip = SILICON_CODE + 0x400;
            size_t len = gen_block(&g, in.eip, code, 1);
            assert_in_range(len, 1, sizeof code);
            enum silicon_end end = run(code, len);
            ended += end == SILICON_END;
            if (end == SILICON_END) {
                assert_int_equal(out.eip, in.eip + len);
            } else {
                assert_int_equal(end, SILICON_FAULT);
                assert_true(fault.vector != 6 || ud);
            }
        }
        if (expect_end ? !ended : ended)
            fail_msg("opcode %x: %u of 200 ended", (unsigned)g.opcode, ended);
    }
    print_message("%u opcodes generated\n", n);
    assert_true(n > 250);
}

/* The answers do not depend on what ran before: same seed, same states, faults and memory. Shifts
 * are left out, whose undefined flags do depend on it. */
static void test_answers_repeat(void **state)
{
    (void)state;
    NEED_SILICON();
    uint64_t hash[2] = {0, 0};
    for (int pass = 0; pass < 2; pass++) {
        struct gen g;
        gen_init(&g, 3);
        for (int i = 0; i < 10000; i++) {
            uint8_t code[GEN_INSN_MAX * 6];
            gen_state(&g, &in);
            in.eip = SILICON_CODE + 0x400;
            size_t len = gen_block(&g, in.eip, code, 6);
            silicon_reset();
            uint32_t word[14] = {run(code, len), (uint32_t)fault.vector, fault.error, fault.cr2};
            word[4] = out.eip;
            word[5] = out.eflags & IA32_FLAGS;
            memcpy(word + 6, out.gpr, sizeof out.gpr);
            for (int j = 0; j < 14; j++)
                hash[pass] = (hash[pass] ^ word[j]) * UINT64_C(0x100000001b3);
            for (uint32_t a = SILICON_DATA; a < SILICON_DATA_RO; a += 4)
                hash[pass] += (uint64_t)get32(a) * a;
        }
    }
    assert_true(hash[0] == hash[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated_blocks),
        cmocka_unit_test(test_each_generated_opcode),
        cmocka_unit_test(test_answers_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * FP ops by integer arithmetic (sem_fp_fast.h) against the host's x87: random operands whose
 * exponents are mostly near each other, whose significands have long runs of ones and zeros, in all
 * formats and under all rounding and precision settings. Where the fast way answers, register and
 * status agree. And the ops that name their registers, through the engine, with the two-register
 * op.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/xorshift.h"
#include "vliw-model/machine.h"
#include "vliw-model/sem_fp.h"
#include "vliw-model/sem_fp_fast.h"
#include "vliw-model/vm.h"

#if defined(__x86_64__)
static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t rnd(void)
{
    return xorshift64(&seed) * 0x2545f4914f6cdd1du;
}

static uint64_t bits(void)
{
    uint64_t a = rnd();
    switch (rnd() >> 60) {
    case 0: return 0;
    case 1: return ~(uint64_t)0;
    case 2: return (uint64_t)1 << (a >> 58);
    case 3: return ~(uint64_t)0 << (a >> 58);
    case 4: return ~(uint64_t)0 >> (a >> 58);
    case 5: return a & ~(uint64_t)0x7ff; /* what a double fills */
    case 6: return a & ~(uint64_t)0x3ff; /* half way between doubles, often */
    case 7: return a & ~(uint64_t)0xffffffffu;
    default: return a;
    }
}

static void random_operand(uint8_t *p, uint32_t format)
{
    uint64_t sig = bits(), sign = rnd() >> 63, q;
    uint32_t kind = rnd() >> 59, e;
    memset(p, 0, 16);
    if (format == WF_X80) {
        e = kind == 0   ? (uint32_t)(rnd() >> 49)
            : kind == 1 ? 0
            : kind == 2 ? 0x7fff
            : kind == 3 ? 1
            : kind == 4 ? 0x7ffe
            : kind < 8  ? 0x3c00 + (uint32_t)(rnd() >> 63) * 0x7fe
                        : 0x3fff - 40 + (uint32_t)(rnd() % 80);
        if (kind != 9)
            sig |= (uint64_t)1 << 63;
        if (kind == 10)
            sig = e = 0;
        q = e | sign << 15;
        memcpy(p, &sig, 8);
        memcpy(p + 8, &q, 2);
    } else if (format == WF_F64) {
        e = kind < 4 ? kind * 0x7ffu / 3 : 0x3ff - 30 + (uint32_t)(rnd() % 60);
        q = sig >> 12 | (uint64_t)e << 52 | sign << 63;
        memcpy(p, &q, 8);
    } else if (format == WF_F32) {
        e = kind < 4 ? kind * 0xffu / 3 : 0x7f - 30 + (uint32_t)(rnd() % 60);
        q = sig >> 41 | (uint64_t)e << 23 | sign << 31;
        memcpy(p, &q, 4);
    } else {
        memcpy(p, &sig, 8);
    }
}

static void against_host(void **state)
{
    static const enum op_code ops[] = {OP_FLD,  OP_FST,   OP_FADD, OP_FSUB,  OP_FSUBR, OP_FMUL,
                                       OP_FDIV, OP_FDIVR, OP_FCOM, OP_FUCOM, OP_FSQRT};
    enum { N = sizeof ops / sizeof ops[0] };
    const char *runs = getenv("RUNS");
    uint32_t fast[N] = {0}, total = runs ? (uint32_t)atoi(runs) : 3000000;
    (void)state;
    for (uint32_t i = 0; i < total; i++) {
        uint32_t k = (uint32_t)(rnd() % N), format = (uint32_t)(rnd() % 6), st = 0;
        enum op_code op = ops[k];
        uint32_t fcw = rnd() % 8 ? 0x37f : 0x7f | (uint32_t)(rnd() & 0xf00);
        uint8_t host[32][16] = {0}, ours[32][16];
        if (op == OP_FUCOM)
            format = WF_X80;
        random_operand(host[1], WF_X80);
        random_operand(host[2], op == OP_FST ? WF_X80 : format);
        memcpy(ours, host, sizeof ours);
        uint32_t a = 1 + (op == OP_FST ? 32 * format : 0), b = 2 + (op == OP_FST ? 0 : 32 * format);
        if (!fp_fast(op, ours[1], ours[2], fcw, a, b, &st)) {
            assert_memory_equal(ours, host, sizeof ours);
            continue;
        }
        fast[k]++;
        uint8_t before[2][16];
        memcpy(before, host[1], sizeof before);
        uint32_t want = fp_op_host(op, host, fcw, a, b);
        if (want != st || memcmp(ours, host, sizeof ours)) {
            print_error("op %u format %u fcw %x: status %x, host %x\n", op, format, fcw, st, want);
            for (int n = 0; n < 10; n++)
                print_error(" %02x/%02x -> %02x host %02x\n", before[0][n], before[1][n],
                            ours[1][n], host[1][n]);
            fail();
        }
    }
    for (uint32_t k = 0; k < N; k++) /* it is not the host compared with nothing */
        assert_true(fast[k] > total / N / 8);
}

static void static_ops(void **state)
{
    static const struct {
        enum op_code op, base;
    } ops[] = {{OP_WLD, OP_FLD},     {OP_WST, OP_FST},   {OP_WADD, OP_FADD}, {OP_WSUB, OP_FSUB},
               {OP_WSUBR, OP_FSUBR}, {OP_WMUL, OP_FMUL}, {OP_WDIV, OP_FDIV}, {OP_WDIVR, OP_FDIVR},
               {OP_WSQRT, OP_FSQRT}, {OP_WRND, OP_FRND}};
    const char *runs = getenv("RUNS");
    uint32_t total = runs ? (uint32_t)atoi(runs) : 400000;
    struct mdesc m;
    (void)state;
    machine_default(&m);
    struct vm *vm = vm_new(&m, NULL);
    struct vm_context c, after;
    assert_non_null(vm);
    vm_get_context(vm, &c);
    for (uint32_t i = 0; i < total; i++) {
        uint32_t k = (uint32_t)(rnd() % 10), format = rnd() % 3 ? WF_X80 : (uint32_t)(rnd() % 6);
        enum op_code base = ops[k].base;
        uint32_t d = (uint32_t)(rnd() % 32), a = (uint32_t)(rnd() % 32), b = (uint32_t)(rnd() % 32);
        uint32_t fcw = rnd() % 4 ? 0x37f : 0x40 | (uint32_t)(rnd() & 0xf3f), c1 = rnd() & WIDE_C1;
        bool store = base == OP_FST, one = base == OP_FSQRT || base == OP_FRND;
        uint8_t w[2][16];
        random_operand(c.wide[a], WF_X80);
        random_operand(c.wide[b], store || one || a == b ? WF_X80 : format);
        c.fpsr[0] = fcw;
        c.fpsr[SR_FSW - SR_FCW] = (uint32_t)(rnd() & 0xffff);
        memcpy(w[0], c.wide[store || base == OP_FLD ? d : a], 16);
        memcpy(w[1], c.wide[b], 16);
        uint32_t st =
            fp_op_host(base, w, fcw, store ? 32 * format : 0, 1 + (store || one ? 0 : 32 * format));
        vm_set_context(vm, &c);
        struct vop op = {.opc = (uint8_t)ops[k].op,
                         .rd = (uint8_t)(d | c1),
                         .ra = (uint8_t)a,
                         .bmode = B_SHORT,
                         .imm = (int8_t)(b | format << 5)};
        assert_int_equal(vm_exec1(vm, &op, false, 0), T_NONE);
        vm_get_context(vm, &after);
        uint32_t *fsw = &c.fpsr[SR_FSW - SR_FCW];
        *fsw |= st & 0x3f;
        if (c1)
            *fsw = (*fsw & ~(uint32_t)FS_C1) | (st & FS_C1);
        memcpy(c.wide[d], w[0], 10);
        if (memcmp(&c, &after, sizeof c))
            fail_msg("%s w%u, w%u, w%u format %u fcw %x: FSW %x, host %x", op_table[op.opc].name, d,
                     a, b, format, fcw, after.fpsr[SR_FSW - SR_FCW], *fsw);
    }
    vm_free(vm);
}
#endif

int main(void)
{
#if defined(__x86_64__)
    static const struct CMUnitTest tests[] = {cmocka_unit_test(against_host),
                                              cmocka_unit_test(static_ops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 0;
#endif
}

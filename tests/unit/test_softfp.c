/* SPDX-License-Identifier: MIT */
/*
 * Floating point in integer arithmetic (softfp.c, sem_fp_soft.c, sem_simd_soft.c) against the
 * host's x87 and SSE: every op and function, all formats, every rounding, precision, mask, DAZ and
 * FTZ. And digests of a fixed sequence of operations, equal whoever computes them: they were made
 * by the x87 and SSE of an AMD EPYC (family 25, model 1), so a host that has neither is held to
 * that processor too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fprandom.h"
#include "vliw-model/sem_fp.h"
#include "vliw-model/sem_simd.h"

static const enum op_code ops[] = {OP_FLD,  OP_FST,   OP_FADD, OP_FSUB,  OP_FSUBR, OP_FMUL,
                                   OP_FDIV, OP_FDIVR, OP_FCOM, OP_FUCOM, OP_FSQRT, OP_FRND};
enum { NOPS = sizeof ops / sizeof ops[0] };

typedef uint32_t (*fp_function)(enum op_code, uint8_t (*)[16], uint32_t, uint32_t, uint32_t);
typedef uint32_t (*simd_function)(uint8_t (*)[16], uint32_t, uint32_t, uint32_t *);

/* An operation with its operands, in registers 1 and 2. */
struct x87_case {
    enum op_code op;
    uint32_t format, fcw, a, b;
    uint8_t wide[32][16];
};

struct simd_case {
    uint32_t b, mxcsr;
    uint8_t wide[32][16];
};

static void random_x87(struct x87_case *c)
{
    memset(c, 0, sizeof *c);
    c->op = ops[fp_below(NOPS)];
    c->format = c->op == OP_FUCOM ? WF_X80 : fp_below(6);
    bool store = c->op == OP_FST;
    c->fcw = fp_below(4) ? 0x7f | fp_below(16) << 8 : 0x40 | fp_below(64) | fp_below(16) << 8;
    if (fp_below(3) == 0)
        c->fcw |= 0x300;
    c->a = 1 + (store ? 32 * c->format : 0);
    c->b = 2 + (store ? 0 : 32 * c->format);
    fp_random(c->wide[1], WF_X80);
    fp_random(c->wide[2], store ? WF_X80 : c->format);
    if (c->format == WF_X80 && fp_below(32) == 0)
        memcpy(c->wide[2], c->wide[1], 16);
}

static void random_simd(struct simd_case *c)
{
    static uint32_t fn;
    const uint32_t element = fp_below(3) == 0 ? WF_I64 : fp_below(2) ? WF_F64 : WF_F32;
    const uint32_t size = element == WF_F32 ? 4 : 8;
    memset(c, 0, sizeof *c);
    do
        fn = fn % (FN_COUNT_ - 1) + 1;
    while (simd_fn_op[fn] != OP_VFP && simd_fn_op[fn] != OP_VFDIV);
    for (uint32_t i = 0; i < 32; i += size)
        fp_random(&c->wide[1 + i / 16][i % 16], element);
    if (fp_below(16) == 0)
        memcpy(c->wide[2], c->wide[1], 16);
    bool m = fn >= FN_CVTPS2PI && fn <= FN_CVTTPD2PI;
    c->b = SIMD_B(1, 2, fn, fp_below(256), m);
    c->mxcsr = fp_below(2) ? MX_MASKS | (fp_below(1 << 16) & ~0x3fu) : fp_below(1 << 16) & ~0x3fu;
    if (fp_below(4) == 0)
        c->mxcsr |= fp_below(64);
}

/* Flags that MXCSR has already may be told of again or not. */
static uint32_t run_simd(simd_function f, struct simd_case *c, uint32_t *rd)
{
    uint32_t raised = f(c->wide, c->b, c->mxcsr, rd);
    simd_end();
    return MX_UNMASKED(c->mxcsr, raised) ? raised : raised | (c->mxcsr & 0x3f);
}

static uint32_t runs(uint32_t otherwise)
{
    const char *s = getenv("RUNS");
    return s ? (uint32_t)atoi(s) : otherwise;
}

static void x87_against_host(void **state)
{
    (void)state;
    if (!FP_ON_HOST)
        skip();
    for (uint32_t i = runs(3000000); i; i--) {
        struct x87_case c, host;
        random_x87(&c);
        const struct x87_case before = host = c;
        uint32_t want = fp_op_host(c.op, host.wide, c.fcw, c.a, c.b),
                 got = fp_op_soft(c.op, c.wide, c.fcw, c.a, c.b);
        if (want == got && !memcmp(&c, &host, sizeof c))
            continue;
        print_error("%s format %u fcw %x: status %x, host %x\n", op_table[c.op].name, c.format,
                    c.fcw, got, want);
        for (int n = 9; n >= 0; n--)
            print_error(" %02x %02x -> %02x host %02x\n", before.wide[1][n], before.wide[2][n],
                        c.wide[1][n], host.wide[1][n]);
        fail();
    }
}

static void simd_against_host(void **state)
{
    (void)state;
    if (!FP_ON_HOST)
        skip();
    for (uint32_t i = runs(3000000); i; i--) {
        struct simd_case c, host;
        uint32_t rd = 1, host_rd = 2;
        random_simd(&c);
        const struct simd_case before = host = c;
        uint32_t want = run_simd(simd_float, &host, &host_rd),
                 got = run_simd(simd_float_soft, &c, &rd);
        if (want == got && rd == host_rd && !memcmp(&c, &host, sizeof c))
            continue;
        print_error("function %u imm %x mxcsr %x: flags %x, rd %x; host %x, %x\n", SIMD_FN(c.b),
                    SIMD_IMM(c.b), c.mxcsr, got, rd, want, host_rd);
        for (int n = 15; n >= 0; n--)
            print_error(" %02x %02x -> %02x host %02x\n", before.wide[1][n], before.wide[2][n],
                        c.wide[1][n], host.wide[1][n]);
        fail();
    }
}

static void digest(uint64_t *h, const void *data, size_t n)
{
    const uint8_t *p = data;
    while (n--)
        *h = (*h ^ *p++) * 0x100000001b3u;
}

static uint64_t x87_digest(fp_function f)
{
    uint64_t h = 0xcbf29ce484222325u;
    fp_seed = 1;
    for (int i = 0; i < 100000; i++) {
        struct x87_case c;
        random_x87(&c);
        uint32_t raised = f(c.op, c.wide, c.fcw, c.a, c.b);
        digest(&h, &raised, sizeof raised);
        digest(&h, c.wide[1], 10);
    }
    return h;
}

static uint64_t simd_digest(simd_function f)
{
    uint64_t h = 0xcbf29ce484222325u;
    struct simd_case c;
    fp_seed = 1;
    do /* from the first function on */
        random_simd(&c);
    while (SIMD_FN(c.b) != FN_SQRTSD);
    fp_seed = 2;
    for (int i = 0; i < 100000; i++) {
        uint32_t rd;
        random_simd(&c);
        uint32_t raised = run_simd(f, &c, &rd);
        digest(&h, &raised, sizeof raised);
        digest(&h, &rd, sizeof rd);
        digest(&h, c.wide[1], 16);
    }
    return h;
}

static void digests(void **state)
{
    static const uint64_t x87 = 0xa1be25fdfe520b1fu, simd = 0x19d40bd2a188d87bu;
    (void)state;
    assert_int_equal(x87_digest(fp_op), x87); /* as the engine does it */
    assert_int_equal(x87_digest(fp_op_host), x87);
    assert_int_equal(x87_digest(fp_op_soft), x87);
    assert_int_equal(simd_digest(simd_float), simd);
    assert_int_equal(simd_digest(simd_float_soft), simd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(x87_against_host),
                                              cmocka_unit_test(simd_against_host),
                                              cmocka_unit_test(digests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

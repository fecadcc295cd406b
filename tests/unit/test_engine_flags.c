/* SPDX-License-Identifier: MIT */
/*
 * The flag-setting ops against the host's own processor, where that is an x86-64: results and all
 * six flags, those that IA-32 leaves undefined only on processors of the maker whose values sem.h
 * states.
 */
#include "tests/unit/vmkit.h"
#include "tests/unit/xorshift.h"
#include "vliw-model/sem.h"

#ifdef __x86_64__
#include <cpuid.h>

/* Pushing must leave the red zone alone. */
#define HOST(text)                                                                                 \
    "lea -128(%%rsp), %%rsp\n\tpush %[f]\n\tpopfq\n\t" text                                        \
    "\n\tpushfq\n\tpop %[f]\n\tlea 128(%%rsp), %%rsp"

typedef uint32_t host_fn(uint32_t d, uint32_t a, uint32_t b, uint64_t *f);

/* x op= y, at three widths; the upper bits of x are those of a. */
#define TWO_W(fn, insn, suffix, mod, w)                                                            \
    static uint32_t fn##w(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)                         \
    {                                                                                              \
        (void)d;                                                                                   \
        __asm__ volatile(HOST(insn suffix " %" mod "[b], %" mod "[x]")                             \
                         : [x] "+q"(a), [f] "+r"(*f)                                               \
                         : [b] "q"(b)                                                              \
                         : "cc", "memory");                                                        \
        return a;                                                                                  \
    }
#define ONE_W(fn, insn, suffix, mod, w)                                                            \
    static uint32_t fn##w(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)                         \
    {                                                                                              \
        (void)d;                                                                                   \
        (void)b;                                                                                   \
        __asm__ volatile(HOST(insn suffix " %" mod "[x]")                                          \
                         : [x] "+q"(a), [f] "+r"(*f)                                               \
                         :                                                                         \
                         : "cc", "memory");                                                        \
        return a;                                                                                  \
    }
#define SHIFT_W(fn, insn, suffix, mod, w)                                                          \
    static uint32_t fn##w(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)                         \
    {                                                                                              \
        (void)d;                                                                                   \
        __asm__ volatile(HOST(insn suffix " %%cl, %" mod "[x]")                                    \
                         : [x] "+q"(a), [f] "+r"(*f)                                               \
                         : "c"(b)                                                                  \
                         : "memory");                                                              \
        return a;                                                                                  \
    }
#define WIDTHS(M, fn, insn)                                                                        \
    M(fn, insn, "b", "b", 8) M(fn, insn, "w", "w", 16) M(fn, insn, "l", "k", 32)
WIDTHS(TWO_W, h_add, "add")
WIDTHS(TWO_W, h_sub, "sub")
WIDTHS(TWO_W, h_adc, "adc")
WIDTHS(TWO_W, h_sbb, "sbb")
WIDTHS(TWO_W, h_and, "and")
WIDTHS(TWO_W, h_or, "or")
WIDTHS(TWO_W, h_xor, "xor")
WIDTHS(ONE_W, h_inc, "inc")
WIDTHS(ONE_W, h_dec, "dec")
WIDTHS(SHIFT_W, h_shl, "shl")
WIDTHS(SHIFT_W, h_shr, "shr")
WIDTHS(SHIFT_W, h_sar, "sar")
WIDTHS(SHIFT_W, h_rol, "rol")
WIDTHS(SHIFT_W, h_ror, "ror")
WIDTHS(SHIFT_W, h_rcl, "rcl")
WIDTHS(SHIFT_W, h_rcr, "rcr")
TWO_W(h_imul, "imul", "w", "w", 16)
TWO_W(h_imul, "imul", "l", "k", 32)

#define DOUBLE(fn, insn, mod, w)                                                                   \
    static uint32_t fn##w(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)                         \
    {                                                                                              \
        __asm__ volatile(HOST(insn " %%cl, %" mod "[a], %" mod "[d]")                              \
                         : [d] "+r"(d), [f] "+r"(*f)                                               \
                         : [a] "r"(a), "c"(b)                                                      \
                         : "memory");                                                              \
        return d;                                                                                  \
    }
DOUBLE(h_shld, "shldw", "w", 16)
DOUBLE(h_shld, "shldl", "k", 32)
DOUBLE(h_shrd, "shrdw", "w", 16)
DOUBLE(h_shrd, "shrdl", "k", 32)

/* The one-operand multiplications: low part in eax. */
#define MULTIPLY(fn, insn, mod)                                                                    \
    static uint32_t fn(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)                            \
    {                                                                                              \
        uint32_t hi;                                                                               \
        (void)d;                                                                                   \
        __asm__ volatile(HOST(insn " %" mod "[b]")                                                 \
                         : "+a"(a), "=d"(hi), [f] "+r"(*f)                                         \
                         : [b] "q"(b)                                                              \
                         : "memory");                                                              \
        return a;                                                                                  \
    }
MULTIPLY(h_mul8, "mulb", "b")
MULTIPLY(h_imul8, "imulb", "b")
MULTIPLY(h_mul16, "mulw", "w")
MULTIPLY(h_mul32, "mull", "k")

static uint32_t h_bt(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)
{
    (void)d;
    __asm__ volatile(HOST("bt %[b], %[a]") : [f] "+r"(*f) : [a] "r"(a), [b] "r"(b & 31) : "memory");
    return 0;
}
static uint32_t h_bsf(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)
{
    (void)b;
    __asm__ volatile(HOST("bsf %[a], %[d]") : [d] "+r"(d), [f] "+r"(*f) : [a] "r"(a) : "memory");
    return d;
}
static uint32_t h_bsr(uint32_t d, uint32_t a, uint32_t b, uint64_t *f)
{
    (void)b;
    __asm__ volatile(HOST("bsr %[a], %[d]") : [d] "+r"(d), [f] "+r"(*f) : [a] "r"(a) : "memory");
    return d;
}

/* Flags that IA-32 leaves undefined, by op and count. */
enum und { DEFINED, SHIFTS, ROTATES, DOUBLES, PRODUCTS, LOGICS, BITS, SCANS };

static uint32_t undefined(enum und u, uint32_t count, unsigned w)
{
    count &= 31;
    switch (u) {
    case SHIFTS: return (count ? F_AF : 0) | (count > 1 ? F_OF : 0) | (count >= w ? F_CF : 0);
    case ROTATES: return count > 1 ? F_OF : 0;
    case DOUBLES: return count > w ? F_ALL : (count ? F_AF : 0) | (count > 1 ? F_OF : 0);
    case PRODUCTS: return F_SF | F_ZF | F_AF | F_PF;
    case LOGICS: return F_AF;
    case BITS: return F_OF | F_SF | F_AF | F_PF;
    case SCANS: return F_ALL & ~(uint32_t)F_ZF;
    default: return 0;
    }
}

static const struct {
    enum op_code op;
    host_fn *host;
    uint8_t width;
    enum und und;
} ops[] = {
#define W3(OPN, fn, und)                                                                           \
    {OP_##OPN##8, fn##8, 8, und}, {OP_##OPN##16, fn##16, 16, und},                                 \
    {                                                                                              \
        OP_##OPN##32, fn##32, 32, und                                                              \
    }
    W3(ADDF, h_add, DEFINED),
    W3(SUBF, h_sub, DEFINED),
    W3(ADCF, h_adc, DEFINED),
    W3(SBBF, h_sbb, DEFINED),
    W3(ANDF, h_and, LOGICS),
    W3(ORF, h_or, LOGICS),
    W3(XORF, h_xor, LOGICS),
    W3(INCF, h_inc, DEFINED),
    W3(DECF, h_dec, DEFINED),
    W3(SHLF, h_shl, SHIFTS),
    W3(SHRF, h_shr, SHIFTS),
    W3(SARF, h_sar, SHIFTS),
    W3(ROLF, h_rol, ROTATES),
    W3(RORF, h_ror, ROTATES),
    W3(RCLF, h_rcl, ROTATES),
    W3(RCRF, h_rcr, ROTATES),
    {OP_SHLDF16, h_shld16, 16, DOUBLES},
    {OP_SHLDF32, h_shld32, 32, DOUBLES},
    {OP_SHRDF16, h_shrd16, 16, DOUBLES},
    {OP_SHRDF32, h_shrd32, 32, DOUBLES},
    {OP_IMULF16, h_imul16, 16, PRODUCTS},
    {OP_IMULF32, h_imul32, 32, PRODUCTS},
    {OP_IMUL8F, h_imul8, 8, PRODUCTS},
    {OP_MUL8F, h_mul8, 8, PRODUCTS},
    {OP_MULF16, h_mul16, 16, PRODUCTS},
    {OP_MULF32, h_mul32, 32, PRODUCTS},
    {OP_BTF, h_bt, 32, BITS},
    {OP_BSFF, h_bsf, 32, SCANS},
    {OP_BSRF, h_bsr, 32, SCANS},
};

static uint64_t rng = 88172645463325252ull;
static uint32_t rnd(void)
{
    return (uint32_t)(xorshift64(&rng) >> 16);
}

/* Random, but often at the edges. */
static uint32_t value(void)
{
    static const uint32_t edge[] = {0,      1,      0x7f,       0x80,       0xff,      0x7fff,
                                    0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    switch (rnd() % 4) {
    case 0: return edge[rnd() % (sizeof edge / sizeof *edge)];
    case 1: return rnd() & 0xff;
    default: return rnd();
    }
}

static bool intel(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && b == 0x756e6547;
}

static void test_silicon_flags(void **state)
{
    (void)state;
    struct kit k = KIT();
    bool same_maker = intel();
    for (unsigned i = 0; i < sizeof ops / sizeof *ops; i++) {
        bool shift = op_table[ops[i].op].unit == UNIT_SHIFT;
        for (unsigned n = 0; n < 3000; n++) {
            uint32_t d = value(), a = value(), b = shift ? rnd() % 40 : value(), cc = rnd() & F_ALL;
            uint64_t f = cc | 0x202;
            uint32_t want = ops[i].host(d, a, b, &f), und = undefined(ops[i].und, b, ops[i].width);
            if (ops[i].und == DOUBLES && (b & 31) > ops[i].width && !same_maker)
                continue;
            struct vop op = {.opc = (uint8_t)ops[i].op, .rd = 6, .ra = 7, .rb = 8, .bmode = B_REG};
            if (n & 1) {
                op.bmode = B_LONG;
                op.rb = 0;
                op.imm = (int32_t)b;
            }
            vm_set_reg(k.vm, 6, d);
            vm_set_reg(k.vm, 7, a);
            vm_set_reg(k.vm, 8, b);
            vm_set_cc(k.vm, cc);
            assert_int_equal(vm_exec1(k.vm, &op, false, 0), T_NONE);
            uint32_t got = op_table[op.opc].format == FMT_AB ? 0 : vm_reg(k.vm, 6),
                     flags = vm_cc(k.vm);
            uint32_t look = same_maker ? F_ALL : F_ALL & ~und;
            if (got != want || (flags ^ (uint32_t)f) & look)
                fail_msg("%s d %x a %x b %x cc %x: %x flags %x, host %x flags %x",
                         op_table[op.opc].name, d, a, b, cc, got, flags, want, (uint32_t)f & F_ALL);
        }
    }
    kit_free(&k);
}

static void test_silicon_divide(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 100000; n++) {
        uint32_t lo = value(), by = value(), hi = rnd() & 1 ? value() : by ? rnd() % by : 0, q, r;
        if (rnd() % 4 == 0)
            hi = lo >> 31 ? ~0u : 0;
        if (sem_udiv(hi, lo, by, &q, &r)) {
            uint32_t hq = lo, hr = hi;
            __asm__("divl %2" : "+a"(hq), "+d"(hr) : "r"(by));
            assert_int_equal(q, hq);
            assert_int_equal(r, hr);
        } else {
            assert_true(by == 0 || hi >= by);
        }
        bool ok = sem_sdiv(hi, lo, by, &q, &r);
        __int128 dividend = (int64_t)((uint64_t)hi << 32 | lo);
        bool fits = by && dividend / (int32_t)by == (int32_t)(dividend / (int32_t)by);
        assert_int_equal(ok, fits);
        if (ok) {
            uint32_t hq = lo, hr = hi;
            __asm__("idivl %2" : "+a"(hq), "+d"(hr) : "r"(by));
            assert_int_equal(q, hq);
            assert_int_equal(r, hr);
        }
    }
}

/* Conditions: against what SETcc says of the same flags. */
static void test_silicon_conditions(void **state)
{
    (void)state;
#define SET(n, cc)                                                                                 \
    case n: __asm__("push %1\n\tpopfq\n\tset" cc " %0" : "=q"(v) : "r"(f) : "cc", "memory"); break;
    for (uint32_t flags = 0; flags < 64; flags++)
        for (uint32_t cond = 0; cond < 16; cond++) {
            uint64_t f = 0x202 | (flags & 1 ? F_CF : 0) | (flags & 2 ? F_PF : 0) |
                         (flags & 4 ? F_AF : 0) | (flags & 8 ? F_ZF : 0) | (flags & 16 ? F_SF : 0) |
                         (flags & 32 ? F_OF : 0);
            uint8_t v = 0;
            /* clang-format off */
            switch (cond) {
            SET(0, "o") SET(1, "no") SET(2, "b") SET(3, "ae")
            SET(4, "e") SET(5, "ne") SET(6, "be") SET(7, "a")
            SET(8, "s") SET(9, "ns") SET(10, "p") SET(11, "np")
            SET(12, "l") SET(13, "ge") SET(14, "le") SET(15, "g")
            }
            /* clang-format on */
            struct ccs c;
            cc_set(&c, (uint32_t)f & F_ALL);
            assert_int_equal(cc_test(&c, cond), v);
        }
    /* and of flags that are worked out only when asked for */
    for (unsigned n = 0; n < 200000; n++) {
        struct ccs lazy = {0, rnd() & F_ALL, 0, 0}, full;
        uint32_t a = value(), b = value();
        switch (rnd() % 6) {
        case 0: sem_SUBF32(NULL, &lazy, 0, a, b); break;
        case 1: sem_ADDF8(NULL, &lazy, 0, a, b); break;
        case 2: sem_SBBF16(NULL, &lazy, 0, a, b); break;
        case 3: sem_INCF32(NULL, &lazy, 0, a, b); break;
        case 4: sem_DECF8(NULL, &lazy, 0, a, b); break;
        default: sem_XORF16(NULL, &lazy, 0, a, b); break;
        }
        cc_set(&full, cc_flags(&lazy));
        for (uint32_t cond = 0; cond < 16; cond++)
            assert_int_equal(cc_test(&lazy, cond), cc_test(&full, cond));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silicon_flags),
        cmocka_unit_test(test_silicon_divide),
        cmocka_unit_test(test_silicon_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    return 0; /* there is no silicon to ask */
}
#endif

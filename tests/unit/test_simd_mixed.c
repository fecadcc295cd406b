/* SPDX-License-Identifier: MIT */
/*
 * MMX, SSE, SSE2 and x87 mixed, in loops of several blocks on the whole machine, with a store
 * buffer of 4 entries, against the host's processor. Each round finds the x87's top and tags as the
 * round before left them, so that a translation is entered with others than it was made with.
 * Operands lie at any address: unaligned, across pages, in a page that is not there; faults end a
 * case in the middle of its side effects. What each instruction does is the business of
 * test_simd_silicon.c.
 */
#include "tests/unit/rounds.h"

enum {
    CASES = 8000,
    INSNS = 14,
    MXCSR_AT = 0xc00, /* of what LDMXCSR loads, and the XMM registers behind it */
    FX_ST = 32,
    FX_XMM = 160
};

enum { NO = 0, P66 = 0x66, PF3 = 0xf3, PF2 = 0xf2 };
enum how { ANY, IMM8 = 1, REG = 2, MEM = 4 };

/* Ranges of opcodes with one kind of operands. */
static const struct {
    uint8_t prefix, lo, hi, how;
} mmx[] = {{NO, 0x60, 0x6b, ANY},        {NO, 0x6e, 0x6f, ANY}, {NO, 0x70, 0x70, IMM8},
           {NO, 0x74, 0x76, ANY},        {NO, 0x7e, 0x7f, ANY}, {NO, 0xc4, 0xc4, IMM8},
           {NO, 0xc5, 0xc5, IMM8 | REG}, {NO, 0xd1, 0xd5, ANY}, {NO, 0xd7, 0xd7, REG},
           {NO, 0xd8, 0xe5, ANY},        {NO, 0xe7, 0xe7, MEM}, {NO, 0xe8, 0xef, ANY},
           {NO, 0xf1, 0xf6, ANY},        {NO, 0xf8, 0xfe, ANY}, {NO, 0x77, 0x77, REG},
           {NO, 0x2a, 0x2a, ANY},        {NO, 0x2c, 0x2d, ANY}, {PF3, 0xd6, 0xd6, REG},
           {PF2, 0xd6, 0xd6, REG}},
  sse[] = {{NO, 0x10, 0x11, ANY},   {P66, 0x10, 0x11, ANY},  {PF3, 0x10, 0x11, ANY},
           {PF2, 0x10, 0x11, ANY},  {NO, 0x12, 0x13, MEM},   {NO, 0x14, 0x16, ANY},
           {NO, 0x17, 0x17, MEM},   {NO, 0x28, 0x29, ANY},   {NO, 0x2e, 0x2f, ANY},
           {P66, 0x2e, 0x2f, ANY},  {PF3, 0x2a, 0x2a, ANY},  {PF2, 0x2c, 0x2d, ANY},
           {NO, 0x50, 0x51, REG},   {NO, 0x54, 0x5f, ANY},   {P66, 0x58, 0x5f, ANY},
           {PF3, 0x58, 0x5f, ANY},  {PF2, 0x58, 0x5a, ANY},  {P66, 0x60, 0x6d, ANY},
           {P66, 0x6e, 0x6f, ANY},  {PF3, 0x6f, 0x70, IMM8}, {P66, 0x70, 0x70, IMM8},
           {P66, 0x74, 0x76, ANY},  {P66, 0x7e, 0x7f, ANY},  {PF3, 0x7e, 0x7f, ANY},
           {NO, 0xc2, 0xc2, IMM8},  {P66, 0xc4, 0xc4, IMM8}, {P66, 0xc5, 0xc5, IMM8 | REG},
           {P66, 0xc6, 0xc6, IMM8}, {P66, 0xd1, 0xd6, ANY},  {P66, 0xd7, 0xd7, REG},
           {P66, 0xd8, 0xe5, ANY},  {P66, 0xe7, 0xe7, MEM},  {P66, 0xe8, 0xef, ANY},
           {P66, 0xf1, 0xf6, ANY},  {P66, 0xf8, 0xfe, ANY},  {P66, 0x72, 0x72, IMM8 | REG}};

static uint8_t *operand(uint8_t *p, uint32_t reg, bool mem)
{
    if (!mem) {
        uint32_t rm = rnd() & 7;
        *p++ = (uint8_t)(0xc0 | reg << 3 | (rm == IA32_EBX || rm == IA32_ECX ? 0 : rm));
        return p;
    }
    uint32_t at = rnd() & 0xbf0;
    if (rnd() % 6 == 0)
        at += rnd() & 15;
    if (rnd() % 8 == 0)
        at = 0x1000 - 16 + (rnd() & 31);
    else if (rnd() % 100 == 0)
        at = SILICON_DATA_NONE - DATA - (rnd() & 15);
    *p++ = (uint8_t)(0x83 | reg << 3); /* [ebx + disp32] */
    memcpy(p, &at, 4);
    return p + 4;
}

static uint8_t *one(uint8_t *p)
{
    static const uint8_t x87_reg[][2] = {{0xd9, 0xc0}, {0xd9, 0xc8}, {0xd8, 0xc0}, {0xd8, 0xc8},
                                         {0xdc, 0xe8}, {0xdd, 0xd8}, {0xde, 0xc0}, {0xd9, 0xe8}},
                         x87_mem[][2] = {{0xdd, 0}, {0xdd, 3}, {0xdc, 0}, {0xdc, 1}};
    uint32_t kind = rnd() % 8, reg;
    if (kind == 0) {
        uint32_t k = rnd() % 8;
        *p++ = x87_reg[k][0];
        *p++ = (uint8_t)(x87_reg[k][1] | (k == 7 ? 0 : rnd() & 7));
        return p;
    }
    if (kind == 1) {
        uint32_t k = rnd() % 4;
        *p++ = x87_mem[k][0];
        return operand(p, x87_mem[k][1], true);
    }
    uint32_t prefix, opcode, how;
    if (kind < 5) {
        uint32_t k = rnd() % (sizeof mmx / sizeof *mmx);
        prefix = mmx[k].prefix, how = mmx[k].how;
        opcode = mmx[k].lo + rnd() % (uint32_t)(mmx[k].hi - mmx[k].lo + 1);
    } else {
        uint32_t k = rnd() % (sizeof sse / sizeof *sse);
        prefix = sse[k].prefix, how = sse[k].how;
        opcode = sse[k].lo + rnd() % (uint32_t)(sse[k].hi - sse[k].lo + 1);
    }
    if (prefix)
        *p++ = (uint8_t)prefix;
    *p++ = 0x0f;
    *p++ = (uint8_t)opcode;
    if (opcode == 0x77)
        return p;
    /* In a general register, EBX and ECX have their use here. */
    reg = opcode == 0x72 ? (rnd() & 1 ? 2 : 6) : rnd() & 7;
    if (reg == IA32_EBX || reg == IA32_ECX)
        reg = IA32_EAX;
    p = operand(p, reg, how & MEM || (!(how & REG) && rnd() % 2));
    if (how & IMM8 && !(prefix == PF3 && opcode == 0x6f))
        *p++ = (uint8_t)rnd();
    return p;
}

static void make_block(void)
{
    uint8_t *p = run.code;
    for (uint32_t i = 0; i < SPAN; i += 4) {
        uint32_t v = rnd();
        float f = (float)(int32_t)v / 65536;
        if (rnd() % 2)
            memcpy(&v, &f, 4);
        memcpy(run.data + i, &v, 4);
    }
    const uint32_t mxcsr = 0x1f80 | (rnd() & 0x6000) | (rnd() % 4 ? 0 : 0x8040);
    memcpy(run.data + MXCSR_AT, &mxcsr, 4);
    static const uint8_t begin[] = {0xdb,          0xe3, 0x0f, 0xae, 0x93, MXCSR_AT & 0xff,
                                    MXCSR_AT >> 8, 0,    0};
    memcpy(p, begin, sizeof begin); /* fninit; ldmxcsr */
    p += sizeof begin;
    for (uint32_t i = 0; i < 8; i++) { /* movups */
        uint32_t at = MXCSR_AT + 16 + 16 * i;
        *p++ = 0x0f;
        *p++ = 0x10;
        *p++ = (uint8_t)(0x83 | i << 3);
        memcpy(p, &at, 4);
        p += 4;
    }
    uint8_t *again = p;
    for (int i = 0; i < INSNS; i++) {
        p = one(p);
        if (rnd() % 4 == 0) {
            *p++ = 0x74; /* jz to the next instruction: translations end here */
            *p++ = 0;
        }
    }
    round_again(p, again);
}

static bool next(struct bare *b)
{
    if (run.k == CASES || run.bad > 5)
        return false;
    run.k++;
    make_block();
    round_begin(b);
    run.in.fx[0] = 0x7f;
    run.in.fx[1] = 3;
    run.in.fx[24] = 0x80;
    run.in.fx[25] = 0x1f;
    bare_write(b, SILICON_DATA_NONE - 16, run.data, 16); /* before the page that is not there */
    struct vm_context c;
    vm_get_context(b->vm, &c);
    memset(c.wide[WIDE_X87], 0, 8 * sizeof c.wide[0]); /* fninit leaves them */
    vm_set_context(b->vm, &c);
    bare_set(b, run.in.gpr, run.eip, 2);
    return true;
}

/* What is different first, or null. */
static const char *compare_fp(struct bare *b, const uint8_t *fx)
{
    struct vm_context c;
    uint16_t fsw, tag = fx[4];
    uint32_t mxcsr;
    vm_get_context(b->vm, &c);
    memcpy(&fsw, fx + 2, 2);
    memcpy(&mxcsr, fx + 24, 4);
    if (c.fpsr[SR_FSW - SR_FCW] != fsw)
        return "FSW; ";
    if ((c.fpsr[SR_FTAG - SR_FCW] & 0xff) != tag)
        return "tags; ";
    if (c.fpsr[SR_MXCSR - SR_FCW] != mxcsr)
        return "MXCSR; ";
    for (uint32_t i = 0; i < 8; i++) {
        if (memcmp(fx + FX_ST + 16 * i, c.wide[WIDE_X87 + ((fsw >> 11) + i) % 8], 10))
            return "an x87 or MMX register; ";
        if (memcmp(fx + FX_XMM + 16 * i, c.wide[WIDE_XMM + i], 16))
            return "an XMM register; ";
    }
    return NULL;
}

static void done(struct bare *b, const struct bare_result *r)
{
    static uint8_t ours[SPAN];
    struct ia32_state out;
    struct ia32_fault f;
    uint8_t *host = silicon_ptr(DATA);
    memcpy(host, run.data, SPAN);
    memcpy(silicon_ptr(SILICON_DATA_NONE - 16), run.data, 16);
    silicon_load(run.eip, run.code, run.len);
    enum silicon_end end = silicon_run(&run.in, run.len, &out, &f);
    bare_read(b, DATA, ours, SPAN);
    const char *why = NULL;
    if (!round_ended_alike(end, &f, &out, r))
        why = end == SILICON_FAULT ? "the fault; " : "the end; ";
    if (!why && !round_same_registers(&out, r))
        why = "general registers; ";
    if (!why && memcmp(host, ours, SPAN))
        why = "memory; ";
    if (!why)
        why = compare_fp(b, out.fx);
    if (!why)
        return;
    if (round_otherwise(end, &f, &out, r))
        return;
    run.bad++;
    round_print(why, end, &f, &out, r);
}

static void blocks(void **state)
{
    static const char *const options[] = {"guest.ram_mb=16",       "cms.on=host",
                                          "cms.hot_threshold=2",   "sb.entries=4",
                                          "guest.identity=tm8600", "cms.verify=1"};
    struct mdesc m;
    struct bare b;
    char err[200];
    (void)state;
    round_silicon();
    memset(&run, 0, sizeof run);
    gen_init(&run.g, getenv("SEED") ? (uint32_t)atoi(getenv("SEED")) : 815);
    machine_default(&m);
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++)
        assert_int_equal(machine_set(&m, options[i], err, sizeof err), 0);
    round_run(&b, &m, next, done);
    assert_int_equal(run.bad, 0);
    assert_true(run.otherwise < CASES / 20);
    assert_int_equal(run.k, CASES);
    assert_true(vm_stats(b.vm)->retired_xlat > 5 * CASES);
    assert_true(run.faults > CASES / 20 && run.faults < CASES);
    bare_free(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

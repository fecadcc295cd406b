/* SPDX-License-Identifier: MIT */
/* The op table, the bundle encoding and the placement of ops into formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/xorshift.h"
#include "vliw-model/disasm.h"
#include "vliw-model/mdesc.h"

static uint64_t rng_state = 0x9e3779b97f4a7c15u;

static uint32_t rnd(void)
{
    return (uint32_t)(xorshift64(&rng_state) >> 16);
}

static bool is_target(unsigned fmt)
{
    return fmt == FMT_BRCC || fmt == FMT_BRR || fmt == FMT_BRRR || fmt == FMT_JAL;
}

/* A random legal op: canonical, so that what is decoded must be the same record. */
static struct vop random_op(unsigned opc, uint32_t pc)
{
    struct vop o = {(uint8_t)opc, 0, 0, 0, B_REG, 0};
    unsigned fmt = op_table[opc].format;
    uint8_t rd = rnd() & 63, ra = rnd() & 63;
    if (fmt == FMT_NONE) {
        if (opc == OP_NOP && (rnd() & 1)) {
            o.bmode = B_LONG;
            o.imm = (int32_t)rnd();
        }
        return o;
    }
    if (fmt != FMT_AB && fmt != FMT_B && fmt != FMT_BRR)
        o.rd = fmt == FMT_BRCC || fmt == FMT_CODE      ? rd & 15
               : fmt == FMT_WLOAD || fmt == FMT_WSTORE ? rd & 31
                                                       : rd;
    if (fmt != FMT_RB && fmt != FMT_RC && fmt != FMT_B && fmt != FMT_BRCC && fmt != FMT_JAL &&
        fmt != FMT_CODE)
        o.ra = fmt == FMT_WWB ? ra & 31 : ra;
    if (fmt == FMT_RR || fmt == FMT_RRX)
        return o;
    if (fmt == FMT_RC || fmt == FMT_RRC) {
        o.bmode = B_SHORT;
        o.imm = rnd() & 15;
        return o;
    }
    o.bmode = is_target(fmt) || fmt == FMT_CODE || fmt == FMT_WWB ? 1 + rnd() % 2 : rnd() % 3;
    if (o.bmode == B_REG)
        o.rb = rnd() & 63;
    else if (o.bmode == B_SHORT)
        o.imm = (int32_t)(rnd() % 256) - 128;
    else
        o.imm = (int32_t)rnd();
    if (is_target(fmt))
        o.imm = o.bmode == B_SHORT ? (int32_t)(pc + (uint32_t)o.imm * 4) : o.imm & ~3;
    return o;
}

static bool same_op(const struct vop *a, const struct vop *b)
{
    return a->opc == b->opc && a->rd == b->rd && a->ra == b->ra && a->rb == b->rb &&
           a->bmode == b->bmode && a->imm == b->imm;
}

static void round_trip(const struct bundle *b, uint32_t pc)
{
    uint32_t w[MAX_BUNDLE_WORDS], n = bundle_encode(b, pc, w);
    assert_true(n > 0);
    assert_int_equal(n, bundle_words(b));
    struct bundle d;
    assert_int_equal(bundle_decode(w, n, pc, &d), n);
    assert_int_equal(d.nops, b->nops);
    assert_int_equal(d.commit, b->commit);
    assert_int_equal(d.retired, b->commit ? b->retired : 0);
    for (unsigned i = 0; i < b->nops; i++)
        assert_true(same_op(&b->op[i], &d.op[i]));
    for (uint32_t cut = 0; cut < n; cut++)
        assert_int_equal(bundle_decode(w, cut, pc, &d), 0);
}

static void test_round_trip_every_op(void **state)
{
    (void)state;
    for (unsigned opc = 0; opc < OP_COUNT_; opc++)
        for (unsigned k = 0; k < 64; k++) {
            uint32_t pc = rnd() & ~3u;
            struct bundle b = {.nops = 1, .commit = k & 1, .retired = (uint16_t)rnd()};
            b.op[0] = random_op(opc, pc);
            round_trip(&b, pc);
        }
}

static void test_round_trip_bundles(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 20000; k++) {
        uint32_t pc = rnd() & ~3u;
        struct bundle b = {.nops = (uint8_t)(1 + rnd() % 8), .commit = rnd() & 1};
        b.retired = (uint16_t)rnd();
        for (unsigned i = 0; i < b.nops; i++)
            b.op[i] = random_op(rnd() % OP_COUNT_, pc);
        round_trip(&b, pc);
    }
}

/* Any words that decode must encode to the same words: one meaning, one encoding. */
static void test_canonical(void **state)
{
    (void)state;
    unsigned accepted = 0;
    for (unsigned k = 0; k < 3000000; k++) {
        uint32_t in[MAX_BUNDLE_WORDS], out[MAX_BUNDLE_WORDS], pc = rnd() & ~3u;
        for (unsigned i = 0; i < MAX_BUNDLE_WORDS; i++)
            in[i] = rnd() & (rnd() & 1 ? 0x7fffffffu : 0xffffffffu);
        if (k & 1) /* unused fields are often zero in what is legal */
            in[0] &= 0xfff000ffu;
        struct bundle b;
        uint32_t n = bundle_decode(in, MAX_BUNDLE_WORDS, pc, &b);
        if (!n)
            continue;
        accepted++;
        assert_int_equal(bundle_encode(&b, pc, out), n);
        assert_memory_equal(in, out, n * 4);
    }
    assert_true(accepted > 1000);
}

static uint32_t word(unsigned stop, unsigned bmode, unsigned opc, unsigned rd, unsigned ra,
                     unsigned b)
{
    return stop << 30 | bmode << 28 | opc << 20 | rd << 14 | ra << 8 | b;
}

static void refused(uint32_t w0)
{
    uint32_t in[3] = {w0, 0, 0};
    struct bundle b;
    assert_int_equal(bundle_decode(in, 3, 0x1000, &b), 0);
}

static void test_malformed_words(void **state)
{
    (void)state;
    refused(word(3, B_REG, OP_ADD, 1, 2, 3));      /* stop = 3 */
    refused(word(1, 3, OP_ADD, 1, 2, 3));          /* bmode = 3 */
    refused(word(1, B_REG, OP_COUNT_, 0, 0, 0));   /* no such op */
    refused(word(1, B_REG, 255, 0, 0, 0));         /* no such op */
    refused(word(1, B_REG, OP_ADD, 1, 2, 64));     /* register over 63 */
    refused(word(1, B_LONG, OP_ADD, 1, 2, 1));     /* b beside a long immediate */
    refused(word(1, B_REG, OP_ZEXT8, 1, 2, 1));    /* b of an op without b */
    refused(word(1, B_SHORT, OP_ZEXT8, 1, 2, 0));  /* bmode of an op without b */
    refused(word(1, B_REG, OP_MOV, 1, 2, 3));      /* ra of an op without ra */
    refused(word(1, B_REG, OP_BTF, 1, 2, 3));      /* rd of an op without rd */
    refused(word(1, B_SHORT, OP_BRCC, 16, 0, 1));  /* condition over 15 */
    refused(word(1, B_SHORT, OP_SETCC, 1, 0, 16)); /* condition over 15 */
    refused(word(1, B_REG, OP_SETCC, 1, 0, 3));    /* a condition in a register */
    refused(word(1, B_REG, OP_JAL, 1, 0, 3));      /* a target in a register */
    refused(word(1, B_REG, OP_TRAPIF, 1, 0, 3));   /* a code in a register */
    refused(word(1, B_SHORT, OP_NOP, 0, 0, 0));    /* a nop with a short immediate */
    refused(word(1, B_REG, OP_RFE, 0, 0, 1));      /* operand of an op without any */
    refused(word(1, B_LONG, OP_RFE, 0, 0, 0));     /* only nop carries an immediate */
    uint32_t commit[2] = {word(2, B_REG, OP_NOP, 0, 0, 0), 0x10000}, target[2], many[9];
    struct bundle b;
    assert_int_equal(bundle_decode(commit, 2, 0, &b), 0); /* upper half of a commit word */
    target[0] = word(1, B_LONG, OP_JAL, 1, 0, 0);
    target[1] = 0x1002; /* a target between words */
    assert_int_equal(bundle_decode(target, 2, 0, &b), 0);
    for (unsigned i = 0; i < 9; i++)
        many[i] = word(i == 8, B_REG, OP_NOP, 0, 0, 0);
    assert_int_equal(bundle_decode(many, 9, 0, &b), 0); /* nine ops */
    assert_int_equal(bundle_decode(many + 1, 8, 0, &b), 8);
    assert_int_equal(bundle_decode(many + 1, 8, 2, &b), 0); /* not word aligned */
}

static void test_unencodable(void **state)
{
    (void)state;
    uint32_t w[MAX_BUNDLE_WORDS];
    struct bundle b = {.nops = 0};
    assert_int_equal(bundle_encode(&b, 0, w), 0);
    b.nops = 9;
    assert_int_equal(bundle_encode(&b, 0, w), 0);
    b.nops = 1;
    const struct vop bad[] = {
        {OP_COUNT_, 0, 0, 0, B_REG, 0},
        {OP_ADD, 64, 0, 0, B_REG, 0},
        {OP_ADD, 0, 64, 0, B_REG, 0},
        {OP_ADD, 0, 0, 64, B_REG, 0},
        {OP_ADD, 0, 0, 0, 3, 0},
        {OP_ADD, 0, 0, 0, B_SHORT, 128},
        {OP_ADD, 0, 0, 0, B_SHORT, -129},
        {OP_SETCC, 1, 0, 0, B_SHORT, 16},
        {OP_SETCC, 1, 0, 0, B_REG, 0},
        {OP_BRCC, 16, 0, 0, B_LONG, 0},
        {OP_JAL, 1, 0, 0, B_REG, 0},
        {OP_JAL, 1, 0, 0, B_LONG, 2},
        {OP_JAL, 1, 0, 0, B_SHORT, 0x1002},
        {OP_JAL, 1, 0, 0, B_SHORT, 0x1000 + 128 * 4},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        b.op[0] = bad[i];
        assert_int_equal(bundle_encode(&b, 0x1000, w), 0);
    }
    b.op[0] = (struct vop){OP_JAL, 1, 0, 0, B_SHORT, 0x1000 - 128 * 4};
    assert_int_equal(bundle_encode(&b, 0x1000, w), 1);
}

static bool slot_ok(const struct bundle_format *f, unsigned s, const struct vop *o)
{
    unsigned unit = op_table[o->opc].unit;
    return unit == UNIT_ANY || (f->slot[s] & unit);
}

/* Every assignment tried. */
static bool brute(const struct bundle_format *f, const struct vop *ops, unsigned n, unsigned i,
                  unsigned used)
{
    if (i == n)
        return true;
    for (unsigned s = 0; s < f->nslots; s++)
        if (!(used >> s & 1) && slot_ok(f, s, &ops[i]) && brute(f, ops, n, i + 1, used | 1u << s))
            return true;
    return false;
}

static int brute_place(const struct mdesc *m, const struct vop *ops, unsigned n)
{
    unsigned longs = 0;
    for (unsigned i = 0; i < n; i++)
        longs += ops[i].bmode == B_LONG;
    for (unsigned fi = 0; fi < m->nformats; fi++) {
        const struct bundle_format *f = &m->format[fi];
        if (n > m->bundle_width || n > f->nslots || longs > f->nimms)
            continue;
        if (m->bundle_pad == PAD_FORMAT && f->nimms - longs > f->nslots - n)
            continue;
        if (brute(f, ops, n, 0, 0))
            return (int)fi;
    }
    return -1;
}

static void random_machine(struct mdesc *m)
{
    memset(m, 0, sizeof *m);
    m->bundle_width = 1 + rnd() % 8;
    m->bundle_pad = rnd() & 1;
    m->cap_disp = m->cap_select = m->cap_cmpbr = 1;
    m->nformats = 1 + rnd() % 6;
    for (unsigned i = 0; i < m->nformats; i++) {
        struct bundle_format *f = &m->format[i];
        f->nslots = (uint8_t)(1 + rnd() % m->bundle_width);
        f->nimms = rnd() % 3;
        for (unsigned s = 0; s < f->nslots; s++)
            f->slot[s] = (uint8_t)(1u << rnd() % 5 | (rnd() & 1 ? 1u << rnd() % 5 : 0));
    }
}

static void test_place_against_brute_force(void **state)
{
    (void)state;
    unsigned placed = 0, refusals = 0;
    for (unsigned k = 0; k < 100000; k++) {
        struct mdesc m;
        struct vop ops[MAX_BUNDLE_OPS];
        uint8_t slot_of[MAX_BUNDLE_OPS];
        random_machine(&m);
        unsigned n = 1 + rnd() % (m.bundle_width < 8 ? m.bundle_width + 1 : 8);
        for (unsigned i = 0; i < n; i++)
            ops[i] = random_op(rnd() % OP_COUNT_, 0);
        int want = brute_place(&m, ops, n), got = mdesc_place(&m, ops, n, slot_of);
        assert_int_equal(got, want);
        struct bundle b = {.commit = false};
        assert_int_equal(mdesc_pack(&m, ops, n, &b), want >= 0);
        if (want < 0) {
            refusals++;
            continue;
        }
        placed++;
        const struct bundle_format *f = &m.format[got];
        unsigned used = 0;
        for (unsigned i = 0; i < n; i++) {
            assert_true(slot_of[i] < f->nslots && slot_ok(f, slot_of[i], &ops[i]));
            assert_false(used >> slot_of[i] & 1);
            used |= 1u << slot_of[i];
            for (unsigned j = 0; j < i; j++) /* ops of one unit keep their order */
                if (op_table[ops[i].opc].unit == op_table[ops[j].opc].unit)
                    assert_true(slot_of[j] < slot_of[i]);
        }
        if (m.bundle_pad == PAD_FORMAT) {
            assert_int_equal(b.nops, f->nslots);
            assert_int_equal(bundle_words(&b), f->nslots + f->nimms);
        } else {
            assert_int_equal(b.nops, n);
        }
        enum bundle_error e = mdesc_check(&m, &b);
        assert_true(e == BE_OK || e == BE_TWO_CC || e == BE_TWO_WRITES);
        uint32_t w[MAX_BUNDLE_WORDS];
        assert_int_equal(bundle_encode(&b, 0, w), bundle_words(&b));
    }
    assert_true(placed > 10000 && refusals > 10000);
}

static struct vop op3(unsigned opc, unsigned rd, unsigned ra, unsigned rb)
{
    return (struct vop){(uint8_t)opc, (uint8_t)rd, (uint8_t)ra, (uint8_t)rb, B_REG, 0};
}

static struct vop opi(unsigned opc, unsigned rd, unsigned ra, int32_t imm)
{
    return (struct vop){(uint8_t)opc, (uint8_t)rd, (uint8_t)ra, 0, bmode_for(imm), imm};
}

static void test_check(void **state)
{
    (void)state;
    struct mdesc m = {
        .bundle_width = 2, .nformats = 2, .cap_disp = 1, .cap_select = 1, .cap_cmpbr = 1};
    m.format[0] = (struct bundle_format){2, 0, {UNIT_MEM | UNIT_ALU, UNIT_ALU | UNIT_BR}, {0}};
    m.format[1] = (struct bundle_format){1, 1, {UNIT_ALU}, {0}};
    struct bundle b = {.nops = 2, .op = {op3(OP_ADD, 1, 2, 3), op3(OP_SUB, 4, 5, 6)}};
    assert_int_equal(mdesc_check(&m, &b), BE_OK);
    b.op[1].rd = 1;
    assert_int_equal(mdesc_check(&m, &b), BE_TWO_WRITES);
    b.op[0].rd = b.op[1].rd = 0; /* r0 is no register */
    assert_int_equal(mdesc_check(&m, &b), BE_OK);
    b.op[0] = op3(OP_ADDF32, 1, 2, 3);
    b.op[1] = op3(OP_SUBF32, 0, 2, 3);
    assert_int_equal(mdesc_check(&m, &b), BE_TWO_CC);
    b.op[0] = op3(OP_ADD, 1, 2, 3);
    b.op[1] = opi(OP_LW, 2, 3, 4);
    assert_int_equal(mdesc_check(&m, &b), BE_FORMAT); /* the wrong order */
    b.op[0] = b.op[1];
    b.op[1] = op3(OP_ADD, 1, 2, 3);
    assert_int_equal(mdesc_check(&m, &b), BE_OK);
    m.cap_disp = 0;
    assert_int_equal(mdesc_check(&m, &b), BE_DISP);
    b.op[0].imm = 0;
    assert_int_equal(mdesc_check(&m, &b), BE_OK);
    m.cap_select = 0;
    b.op[0] = opi(OP_CMOV, 2, 3, CC_E);
    assert_int_equal(mdesc_check(&m, &b), BE_SELECT);
    m.cap_cmpbr = 0;
    b.op[0] = op3(OP_ADD, 1, 2, 3);
    b.op[1] = (struct vop){OP_BEQ, 1, 2, 0, B_SHORT, 0};
    assert_int_equal(mdesc_check(&m, &b), BE_CMPBR);
    b.op[1] = op3(OP_MUL, 4, 5, 6);
    assert_int_equal(mdesc_check(&m, &b), BE_FORMAT);
    b.nops = 3;
    assert_int_equal(mdesc_check(&m, &b), BE_WIDTH);
    b.nops = 1;
    m.bundle_pad = PAD_FORMAT;
    assert_int_equal(mdesc_check(&m, &b), BE_PAD);
    b.op[0] = opi(OP_MOV, 1, 0, 100000);
    assert_int_equal(mdesc_check(&m, &b), BE_OK);
}

static void test_registers(void **state)
{
    (void)state;
    struct vop o = op3(OP_SUBF32, 0, 33, 34);
    struct op_regs r = op_regs(&o);
    assert_true(r.reads == (3ull << 33) && r.writes == 0 && r.writes_cc && !r.reads_cc &&
                !r.keeps_cc);
    o = op3(OP_ADCF8, 5, 6, 7);
    r = op_regs(&o);
    assert_true(r.reads == (1u << 6 | 1u << 7) && r.writes == 1u << 5 && r.writes_cc && r.reads_cc);
    o = op3(OP_INCF16, 5, 6, 0);
    r = op_regs(&o);
    assert_true(r.writes_cc && r.keeps_cc && !r.reads_cc);
    o = opi(OP_SHLDF32, 5, 6, 3);
    r = op_regs(&o);
    assert_true(r.reads == (1u << 5 | 1u << 6) && r.writes == 1u << 5 && r.keeps_cc);
    o = opi(OP_SW, 5, 6, 3);
    r = op_regs(&o);
    assert_true(r.reads == (1u << 5 | 1u << 6) && r.writes == 0);
    o = op3(OP_GPUT, 0, 6, 7);
    r = op_regs(&o);
    assert_true(r.reads == (0xffffffffull << 32 | 3u << 6) && r.writes == 0xffffffffull << 32);
    o = op3(OP_GGET, 4, 6, 0);
    r = op_regs(&o);
    assert_true(r.reads == (0xffffffffull << 32 | 1u << 6) && r.writes == 1u << 4);
    o = opi(OP_WRCC, 0, 6, F_ALL);
    assert_false(op_regs(&o).keeps_cc);
    o.imm = F_CF;
    assert_true(op_regs(&o).keeps_cc);
    o = (struct vop){OP_BLTU, 8, 9, 0, B_LONG, 0x100};
    r = op_regs(&o);
    assert_true(r.reads == (3u << 8) && r.writes == 0);
    o = opi(OP_CMOV, 8, 9, CC_L);
    r = op_regs(&o);
    assert_true(r.reads == (3u << 8) && r.writes == 1u << 8 && r.reads_cc && !r.writes_cc);
    /* What the name says: a flag-setting op ends in f or f8, f16, f32; carry ops read CF. */
    for (unsigned i = 0; i < OP_COUNT_; i++) {
        const char *n = op_table[i].name, *f = strrchr(n, 'f');
        bool sets =
            (f && f > n &&
             (!f[1] || !strcmp(f + 1, "8") || !strcmp(f + 1, "16") || !strcmp(f + 1, "32")) &&
             strcmp(n, "trapif")) ||
            !strcmp(n, "wrcc");
        struct vop any = {(uint8_t)i, 0, 0, 0, B_REG, 0};
        if (op_regs(&any).writes_cc != sets)
            fail_msg("%s: writes_cc is %d", n, op_regs(&any).writes_cc);
    }
}

static void text_is(const struct bundle *b, const char *want)
{
    char buf[200];
    int n = disasm_bundle(b, buf, sizeof buf);
    assert_string_equal(buf, want);
    assert_int_equal(n, strlen(want));
    char cut[8];
    assert_int_equal(disasm_bundle(b, cut, sizeof cut), n);
    assert_int_equal(strncmp(cut, want, 7), 0);
    assert_int_equal(cut[7], 0);
}

static void test_disassembly(void **state)
{
    (void)state;
    struct bundle b = {.nops = 2, .commit = true, .retired = 3};
    b.op[0] = opi(OP_GLD32, 5, 6, 0);
    b.op[1] = op3(OP_ADDF32, 32, 32, 33);
    text_is(&b, "gld32 r5, 0(r6) | addf32 r32, r32, r33 ; commit 3");
    b.commit = false;
    b.op[0] = (struct vop){OP_BRCC, CC_NE, 0, 0, B_LONG, 0x4000};
    b.op[1] = opi(OP_MOV, 7, 0, 0x12345);
    text_is(&b, "brcc ne, 0x4000 | mov r7, 0x12345");
    b.op[0] = opi(OP_CMOV, 2, 3, CC_G);
    b.op[1] = opi(OP_GST8, 2, 3, -4);
    text_is(&b, "cmov r2, r3, g | gst8 r2, -4(r3)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_every_op),
        cmocka_unit_test(test_round_trip_bundles),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_malformed_words),
        cmocka_unit_test(test_unencodable),
        cmocka_unit_test(test_place_against_brute_force),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_disassembly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

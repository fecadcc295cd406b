/* SPDX-License-Identifier: MIT */
/*
 * The x87 on the whole machine: ops on wide registers through the engine, their shadows, and blocks
 * of x87 code under CMS (with the smallest store buffer, images across a page border, #MF) against
 * the host's processor. What each instruction does is the business of test_x87.c.
 */
#include "tests/unit/rounds.h"

/* ---- ops ---- */

static uint32_t exec(struct vm *vm, unsigned opc, uint32_t a, uint32_t b, bool commit)
{
    struct vop op = {.opc = (uint8_t)opc, .rd = 10, .ra = 11, .rb = 12, .bmode = B_REG};
    if (op_table[opc].format == FMT_AB)
        op.rd = 0;
    if (op_table[opc].format == FMT_RR)
        op.rb = 0;
    if (op_table[opc].format == FMT_RB)
        op.ra = 0;
    vm_set_reg(vm, 11, a);
    vm_set_reg(vm, 12, b);
    assert_int_equal(vm_exec1(vm, &op, commit, 0), T_NONE);
    return vm_reg(vm, 10);
}

static void put(struct vm *vm, unsigned w, const void *p, unsigned n)
{
    uint32_t v[4] = {0};
    memcpy(v, p, n);
    for (unsigned i = 0; i < 4; i++)
        exec(vm, OP_WPUT, v[i], w * 4 + i, false);
}

static void holds(struct vm *vm, unsigned w, const void *p, unsigned n)
{
    uint32_t v[4];
    for (unsigned i = 0; i < 4; i++)
        v[i] = exec(vm, OP_WGET, 0, w * 4 + i, false);
    assert_memory_equal(v, p, n);
}

static struct vm *machine(struct mdesc *m, const char *entries)
{
    char err[200];
    machine_default(m);
    assert_int_equal(machine_set(m, "guest.ram_mb=16", err, sizeof err), 0);
    assert_int_equal(machine_set(m, "cms.on=host", err, sizeof err), 0);
    assert_int_equal(machine_set(m, "cms.hot_threshold=2", err, sizeof err), 0);
    assert_int_equal(machine_set(m, entries, err, sizeof err), 0);
    struct vm *vm = vm_new(m, NULL);
    assert_non_null(vm);
    return vm;
}

static const enum special fp_special[7] = {SR_FCW, SR_FSW, SR_FTAG, SR_FIP, SR_FCO, SR_FDP, SR_FDS};

static void rollback(struct vm *vm)
{
    struct vop op = {.opc = OP_EXIT, .bmode = B_SHORT, .imm = 1};
    assert_int_equal(vm_exec1(vm, &op, false, 0), T_EXIT);
}

#if defined(__x86_64__)
static void ops(void **state)
{
    (void)state;
    struct mdesc m;
    struct vm *vm = machine(&m, "sb.entries=4");
    const long double a = 1.75L, b = -3.0L / 7, inf = __builtin_infl();
    struct {
        enum op_code opc;
        long double want;
    } t[] = {{OP_FADD, a + b}, {OP_FSUB, a - b}, {OP_FSUBR, b - a},
             {OP_FMUL, a * b}, {OP_FDIV, a / b}, {OP_FDIVR, b / a}};
    exec(vm, OP_MTS, 0x37f, SR_FCW, false);
    exec(vm, OP_MTS, 0, SR_FSW, false);
    put(vm, 5, &b, 10);
    for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
        put(vm, 30, &a, 10);
        exec(vm, t[i].opc, 30, 5, false);
        holds(vm, 30, &t[i].want, 10);
    }
    assert_int_equal(exec(vm, OP_MFS, 0, SR_FSW, false), FS_PE);

    /* Formats in and out; the destination may be the source. */
    const double d = 0.1;
    const float f = -2.5f;
    const int64_t q = -1234567890123456789;
    const int16_t h = -7;
    long double x = d;
    put(vm, 31, &d, 8);
    assert_int_equal(exec(vm, OP_FLD, 31, 31 + 32 * WF_F64, false), 0);
    holds(vm, 31, &x, 10);
    exec(vm, OP_FST, 31 + 32 * WF_F64, 31, false);
    holds(vm, 31, &d, 8);
    x = f;
    put(vm, 31, &f, 4);
    exec(vm, OP_FLD, 20, 31 + 32 * WF_F32, false);
    holds(vm, 20, &x, 10);
    x = q;
    put(vm, 31, &q, 8);
    exec(vm, OP_FLD, 20, 31 + 32 * WF_I64, false);
    holds(vm, 20, &x, 10);
    exec(vm, OP_FST, 9 + 32 * WF_I64, 20, false);
    holds(vm, 9, &q, 8);
    x = h * 3;
    put(vm, 31, &h, 2);
    exec(vm, OP_FLD, 20, 31 + 32 * WF_I16, false);
    exec(vm, OP_FADD, 20, 31 + 32 * WF_I16, false);
    exec(vm, OP_FADD, 20, 31 + 32 * WF_I16, false);
    holds(vm, 20, &x, 10);

    /* Compare, invalid, square root, rounding, division by zero; exceptions stick. */
    assert_int_equal(exec(vm, OP_FCOM, 20, 20, false), FS_C3);
    put(vm, 4, &inf, 10);
    assert_int_equal(exec(vm, OP_FCOM, 20, 4, false), FS_C0);
    assert_int_equal(exec(vm, OP_FSQRT, 20, 0, false), FS_IE);
    assert_int_equal(exec(vm, OP_FUCOM, 20, 4, false), FS_C0 | FS_C2 | FS_C3);
    assert_int_equal(exec(vm, OP_FCOM, 20, 4, false), FS_C0 | FS_C2 | FS_C3 | FS_IE);
    x = 2;
    put(vm, 20, &a, 10);
    assert_int_equal(exec(vm, OP_FRND, 20, 0, false), FS_PE | FS_C1);
    holds(vm, 20, &x, 10);
    x = 0;
    put(vm, 21, &x, 10);
    assert_int_equal(exec(vm, OP_FDIV, 20, 21, false), FS_ZE);
    holds(vm, 20, &inf, 10);
    assert_int_equal(exec(vm, OP_MFS, 0, SR_FSW, false), FS_PE | FS_IE | FS_ZE);
    vm_free(vm);
}
#endif

/* w16..w31 and the seven special registers come back on rollback, w0..w15 do not. */
static void shadows(void **state)
{
    (void)state;
    struct mdesc m;
    struct vm *vm = machine(&m, "sb.entries=4");
    uint8_t one[16], two[16];
    memset(one, 0x11, 16);
    memset(two, 0x22, 16);
    for (unsigned w = 0; w < NWIDE; w++)
        put(vm, w, one, 16);
    for (unsigned i = 0; i < 7; i++)
        exec(vm, OP_MTS, 0x100 + i, fp_special[i], i == 6);
    for (unsigned w = 0; w < NWIDE; w++)
        put(vm, w, two, 16);
    for (unsigned i = 0; i < 7; i++)
        exec(vm, OP_MTS, 0x200 + i, fp_special[i], false);
    holds(vm, 31, two, 16);
    rollback(vm);
    for (unsigned w = 0; w < NWIDE; w++)
        holds(vm, w, w < WIDE_SHADOW0 ? two : one, 16);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(exec(vm, OP_MFS, 0, fp_special[i], false), 0x100 + i);
    /* A change of wide registers alone is committed, too. */
    put(vm, 17, two, 16);
    exec(vm, OP_WGET, 0, 0, true);
    rollback(vm);
    holds(vm, 17, two, 16);
    vm_free(vm);
}

/* ---- blocks under CMS ---- */

enum {
    IMAGE = 0x1000 - 40, /* frstor from here, fnsave to here: across the page border */
    OPERANDS = 0x200,
    CASES = 10000,
    INSNS = 12
};

/* Not what test_x87.c leaves out, nor what would change the control word and with it nearly always
 * end in #MF. */
static bool wanted(uint32_t esc, uint32_t modrm)
{
    uint32_t reg = modrm >> 3 & 7;
    if (modrm < 0xc0)
        return !(esc == 1 && (reg == 1 || reg >= 4)) &&
               !(esc == 5 && (reg == 1 || reg == 4 || reg == 5 || reg == 6)) &&
               !((esc == 3 || esc == 7) && reg == 1) && !(esc == 3 && (reg == 4 || reg == 6));
    return !(esc == 1 &&
             ((modrm >= 0xd1 && modrm < 0xd8) || modrm == 0xe2 || modrm == 0xe3 || modrm == 0xe6 ||
              modrm == 0xe7 || modrm == 0xef || (modrm >= 0xf0 && modrm <= 0xf3) || modrm == 0xf9 ||
              modrm == 0xfb || modrm >= 0xfe)) &&
           !(esc == 2 && reg >= 4 && modrm != 0xe9) &&
           !(esc == 3 && (reg == 7 || (modrm >= 0xe3 && modrm < 0xe8))) &&
           !(esc == 5 && reg >= 6) && !(esc == 6 && reg == 3 && modrm != 0xd9) &&
           !(esc == 7 && (reg == 7 || (reg == 4 && modrm != 0xe0)));
}

static void make_block(void)
{
    uint8_t *p = run.code;
    static const uint16_t cw[4] = {0x37f, 0x27f, 0x37f, 0xf7f};
    for (uint32_t i = 0; i < SPAN; i += 4) {
        uint32_t v = rnd();
        memcpy(run.data + i, &v, 4);
    }
    /* Numbers of moderate size in the registers, and as operands. */
    uint16_t fcw = rnd() % 4 ? cw[rnd() & 3] : (uint16_t)(0x340 | (rnd() & 0x3f)),
             word[7] = {fcw, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 7; i++) {
        memset(run.data + IMAGE + 4 * i, 0, 4);
        memcpy(run.data + IMAGE + 4 * i, &word[i], 2);
    }
    word[2] = rnd() % 2 ? 0 : 0xfff0;
    memcpy(run.data + IMAGE + 8, &word[2], 2);
    for (int i = 0; i < 8; i++) {
        uint8_t *r = run.data + IMAGE + 28 + 10 * i;
        r[7] |= 0x80;
        r[8] = (uint8_t)(0xf0 + (rnd() & 15));
        r[9] = 0x3f;
    }
    for (int i = 0; i < 32; i++) {
        double d = (double)(int32_t)rnd() / 65536;
        memcpy(run.data + OPERANDS + 8 * i, &d, 8);
    }
    /* A block without x87, to be translated: add edx, esi; xor eax, edx; inc edx; jz next */
    static const uint8_t integers[] = {0x01, 0xf2, 0x31, 0xd0, 0x42, 0x01,
                                       0xf2, 0x31, 0xd0, 0x42, 0x74, 0};
    memcpy(p, integers, sizeof integers);
    p += sizeof integers;
    *p++ = 0xdb; /* fnclex: the block before may have left exceptions */
    *p++ = 0xe2;
    *p++ = 0xdd; /* frstor [ebx + IMAGE] */
    *p++ = 0xa3;
    *p++ = IMAGE & 0xff;
    *p++ = IMAGE >> 8;
    *p++ = 0;
    *p++ = 0;
    for (int i = 0; i < INSNS; i++) {
        uint32_t esc, modrm;
        do {
            esc = rnd() & 7;
            modrm = rnd() & 0xff;
            if (modrm < 0xc0)
                modrm = (modrm & 0x38) | 0x83;
        } while (!wanted(esc, modrm));
        *p++ = (uint8_t)(0xd8 | esc);
        *p++ = (uint8_t)modrm;
        if (modrm < 0xc0) {
            uint32_t at = OPERANDS + (rnd() & 0xf8);
            if (rnd() % 8 == 0) /* across the page border, beside the image's place */
                at = 0x1000 - (rnd() & 7);
            else if (rnd() % 60 == 0) /* into a page that is not there */
                at = SILICON_DATA_NONE - DATA - (rnd() & 1);
            memcpy(p, &at, 4);
            p += 4;
        }
        if (rnd() % 6 == 0)
            *p++ = 0x9b; /* fwait */
        if (rnd() % 6 == 0) {
            *p++ = 0x74; /* jz to the next instruction: translations end here */
            *p++ = 0;
        }
    }
    *p++ = 0xdd; /* fnsave [ebx + IMAGE] */
    *p++ = 0xb3;
    *p++ = IMAGE & 0xff;
    *p++ = IMAGE >> 8;
    *p++ = 0;
    *p++ = 0;
    round_again(p, run.code);
}

static bool next(struct bare *b)
{
    if (run.k == CASES || run.bad > 5)
        return false;
    run.k++;
    make_block();
    round_begin(b);
    bare_set(b, run.in.gpr, run.eip, 2);
    return true;
}

/* Of an image of fnsave, what processors disagree on: opcode and selectors, address of the operand.
 */
static void forget(uint8_t *image)
{
    memset(image + 16, 0, 12);
}

static void done(struct bare *b, const struct bare_result *r)
{
    static uint8_t ours[SPAN];
    struct ia32_state out;
    struct ia32_fault f;
    uint8_t *host = silicon_ptr(DATA);
    memcpy(host, run.data, SPAN);
    silicon_load(run.eip, run.code, run.len);
    enum silicon_end end = silicon_run(&run.in, run.len, &out, &f);
    bare_read(b, DATA, ours, SPAN);
    bool ok = round_ended_alike(end, &f, &out, r);
    forget(host + IMAGE);
    forget(ours + IMAGE);
    if (ok && round_same_registers(&out, r) && !memcmp(host, ours, SPAN))
        return;
    if (round_otherwise(end, &f, &out, r))
        return;
    run.bad++;
    round_print("", end, &f, &out, r);
    for (uint32_t i = 0; i < SPAN; i++)
        if (host[i] != ours[i])
            print_error("  %x: host %02x ours %02x\n", i, host[i], ours[i]);
}

static void blocks(void **state)
{
    (void)state;
    struct mdesc m;
    struct bare b;
    round_silicon();
    memset(&run, 0, sizeof run);
    gen_init(&run.g, 4711);
    vm_free(machine(&m, "sb.entries=4"));
    round_run(&b, &m, next, done);
    assert_true(vm_stats(b.vm)->retired_xlat > CASES);
    assert_int_equal(run.bad, 0);
    assert_true(run.otherwise < CASES / 20);
    assert_int_equal(run.k, CASES);
    assert_true(run.faults > CASES / 50);
    bare_free(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
        cmocka_unit_test(ops),
#endif
        cmocka_unit_test(shadows),
        cmocka_unit_test(blocks)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

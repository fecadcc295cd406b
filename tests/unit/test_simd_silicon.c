/* SPDX-License-Identifier: MIT */
/*
 * Interpreted MMX, SSE and SSE2 against the host's processor: every row of ia32_simd.def, register
 * and memory forms, from random states (special numbers, all roundings, exceptions masked and not,
 * x87 stacks in any condition, pending x87 exceptions), with operands at any alignment and across
 * forbidden pages. All that they leave must agree: registers, x87 and MMX state, XMM registers,
 * MXCSR, flags, memory, and of a fault vector, error code, address and EIP.
 *
 * What differs between processors is left out: pointers and selectors of the x87 (fx.h), the last
 * bits of reciprocals, and of FXSAVE's image the parts that are reserved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/oracle/fake_hw.h"
#include "tests/oracle/maker.h"
#include "tests/oracle/fx.h"
#include "tests/unit/xorshift.h"

enum { RUNS = 600000, AREA = 1024, AT_AREA = 0x1000 };

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t rnd(void)
{
    return (uint32_t)(xorshift64(&seed) >> 24);
}

static uint64_t rnd64(void)
{
    return (uint64_t)rnd() << 32 | rnd();
}

/* ---- encodings ---- */

static const struct form {
    const char *map, *ext, *name, *a, *b, *c;
    uint8_t opcode;
    uint32_t attr;
} forms[] = {
    {"", "", "(invalid)", "", "", "", 0, 0},
#define IA32_ROW(id, map, oc, n, ext, insn, a, b, c, attr, rd, wr, un, fn, feat)                   \
    {#map, #ext, #insn, #a, #b, #c, 0x##oc, 0},
#include "isa-frontend/ia32.def"
};
enum { NFORMS = sizeof forms / sizeof forms[0] };

static bool has_letter(const struct form *f, const char *letter)
{
    return !strcmp(f->a, letter) || !strcmp(f->b, letter) || !strcmp(f->c, letter);
}

static uint32_t some_prefixes(uint8_t *b, uint32_t n, bool wild)
{
    static const uint8_t any[] = {0x66, 0xf2, 0xf3, 0x66, 0xf3, 0xf0};
    for (uint32_t k = wild ? rnd() % 3 : 0; k > 0; k--)
        b[n++] = any[rnd() % 6];
    return n;
}

/* What processors of today have, and a TM8600 has not: movsldup, movddup, movshdup, clflushopt. */
static bool later(const uint8_t *b)
{
    uint8_t opsize = 0, rep = 0;
    for (; *b != 0x0f; b++) {
        opsize |= *b == 0x66;
        rep = *b == 0xf2 || *b == 0xf3 ? *b : rep;
    }
    return (b[1] == 0x12 && rep) || (b[1] == 0x16 && rep == 0xf3) ||
           (b[1] == 0xae && opsize && !rep);
}

/* The row's instruction, or now and then another one, of the prefixes that stand before it in any
 * order; a memory operand is [EBX + disp8], or [EBX]. Returns the length. */
static uint32_t encode(unsigned row, uint8_t *b, int8_t *disp, uint8_t *segment)
{
    static const uint8_t segments[] = {0x2e, 0x3e, 0x26, 0x36};
    const struct form *f = &forms[row];
    uint32_t n = 0, mod = rnd() & 1 ? 3 : rnd() & 1, reg = rnd() & 7, rm = rnd() & 7;
    *segment = rnd() % 8 ? 0 : segments[rnd() & 3];
    if (*segment)
        b[n++] = *segment;
    const bool wild = rnd() % 8 == 0;
    n = some_prefixes(b, n, wild);
    if (!strcmp(f->map, "266"))
        b[n++] = 0x66;
    if (!strcmp(f->map, "2F3"))
        b[n++] = 0xf3;
    if (!strcmp(f->map, "2F2"))
        b[n++] = 0xf2;
    n = some_prefixes(b, n, wild);
    b[n++] = 0x0f;
    b[n++] = f->opcode;
    if (f->opcode == 0x77)
        return n;
    if (f->ext[0] >= '0' && f->ext[0] <= '7')
        reg = (uint32_t)(f->ext[0] - '0');
    if (has_letter(f, "reg") || f->ext[0] == 'R' || (f->ext[0] && f->ext[1] == '_'))
        mod = 3;
    else if (ia32_rows[row].attr & AT_PAIR)
        mod &= 1;
    if (mod != 3)
        rm = IA32_EBX;
    b[n++] = (uint8_t)(mod << 6 | reg << 3 | rm);
    *disp = 0;
    if (mod == 1)
        b[n++] = (uint8_t)(*disp = (int8_t)rnd());
    if (has_letter(f, "Ib"))
        b[n++] = (uint8_t)(rnd() & 1 ? rnd() : rnd() & 31);
    return n;
}

/* ---- states ---- */

static uint64_t some_bits(void)
{
    switch (rnd() % 5) {
    case 0: return 0;
    case 1: return ~(uint64_t)0;
    case 2: return (uint64_t)1 << (rnd() & 63);
    case 3: return ~(uint64_t)0 << (rnd() & 63);
    default: return rnd64();
    }
}

static uint64_t random_f64(void)
{
    uint64_t sign = (uint64_t)(rnd() & 1) << 63, m = some_bits() >> 12;
    switch (rnd() % 12) {
    case 0: return sign;
    case 1: return sign | m;
    case 2: return sign | (uint64_t)0x7ff << 52;
    case 3: return sign | (uint64_t)0x7ff << 52 | m;
    case 4: return sign | (uint64_t)(1023 + rnd() % 60) << 52 | m;
    case 5: return sign | (uint64_t)(1023 - 160 + rnd() % 320) << 52 | m;
    case 6: return sign | (uint64_t)(rnd() % 60) << 52 | m;
    case 7: return sign | (uint64_t)(2046 - rnd() % 60) << 52 | m;
    default: return sign | (uint64_t)(1023 - 30 + rnd() % 60) << 52 | m;
    }
}

static uint32_t random_f32(void)
{
    uint32_t sign = rnd() << 31, m = (uint32_t)(some_bits() >> 41);
    switch (rnd() % 10) {
    case 0: return sign;
    case 1: return sign | m;
    case 2: return sign | 0xffu << 23;
    case 3: return sign | 0xffu << 23 | m;
    case 4: return sign | (127 + rnd() % 40) << 23 | m;
    case 5: return sign | rnd() % 30 << 23 | m;
    case 6: return sign | (254 - rnd() % 30) << 23 | m;
    default: return sign | (127 - 20 + rnd() % 40) << 23 | m;
    }
}

static void random_x128(uint8_t *p)
{
    uint32_t kind = rnd() % 4;
    for (int i = 0; i < 2; i++) {
        uint64_t v = kind == 0   ? random_f64()
                     : kind == 1 ? (uint64_t)random_f32() << 32 | random_f32()
                     : kind == 2 ? rnd64()
                                 : some_bits();
        memcpy(p + 8 * i, &v, 8);
    }
    if (rnd() % 8 == 0) { /* counts of shifts */
        memset(p, 0, 8);
        p[0] = (uint8_t)(rnd() % 70);
    }
}

/* Of a bit of MXCSR and the x87's words what random choice makes; a pending x87 exception if asked
 * for. */
static void random_state(struct ia32_state *st, bool pending)
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    f.fcw = (uint16_t)((rnd() & 0x1f3f) | 0x40);
    if (!pending)
        f.fcw |= 0x3f;
    f.fsw = rnd() & 0x7f7f;
    if (f.fsw & ~f.fcw & 0x3f)
        f.fsw |= 0x8080;
    f.tag = (uint8_t)rnd();
    for (int i = 0; i < 8; i++) {
        random_x128(f.xmm[i]);
        random_x128(f.st[i].b);
        memset(f.st[i].pad_, 0, sizeof f.st[i].pad_);
        if (rnd() & 1) {
            uint64_t v = some_bits();
            memcpy(f.st[i].b, &v, 8);
        }
    }
    if (rnd() % 3 == 0) { /* operands close to each other */
        int i = (int)(rnd() & 7), k = (int)(rnd() & 7);
        memcpy(f.xmm[i], f.xmm[k], 16);
        if (rnd() & 1)
            f.xmm[i][rnd() & 15] ^= (uint8_t)(1u << (rnd() & 7));
    }
    f.mxcsr = rnd() & 0xffff;
    if (rnd() % 4)
        f.mxcsr |= 0x1f80;
    else if (rnd() & 1)
        f.mxcsr = (f.mxcsr | 0x1f80) & ~(0x80u << rnd() % 6);
    if (rnd() & 1)
        f.mxcsr &= ~0x8040u;
    f.fip = rnd();
    memcpy(st->fx, &f, sizeof f);
    for (int i = 0; i < 8; i++)
        st->gpr[i] = rnd() & 1 ? rnd() : (uint32_t)some_bits();
    st->gpr[IA32_ESP] = SILICON_DATA + 0x2000;
    st->eflags = 0x202 | (rnd() & F_ALL);
    st->eip = SILICON_CODE + 0x100;
}

static void to_fake(const struct ia32_state *st)
{
    memset(fh.wide, 0xee, sizeof fh.wide);
    fx_to_hardware(st->fx, fh.wide, fh.fp);
    for (int i = 0; i < 8; i++)
        fh.r[32 + i] = st->gpr[i];
    fh.r[32 + G_EIP] = st->eip;
    fh.r[32 + G_EFL] = 0x202;
    fh.cc = st->eflags & F_ALL;
    fh_segments(0, 0);
    fh.unimplemented = false;
    fh.ntouched = 0;
    hw_commit(0);
}

static void from_fake(struct ia32_state *st)
{
    fx_from_hardware(st->fx, fh.wide, fh.fp);
    for (int i = 0; i < 8; i++)
        st->gpr[i] = fh.r[32 + i];
    st->eip = fh.r[32 + G_EIP];
    st->eflags = fh.r[32 + G_EFL] | fh.cc;
}

/* Runs one instruction of ours, the generic way or the fast one (which runs on to the int3 behind
 * it). */
static uint32_t run_ours(const struct ia32_state *in, struct ia32_state *out)
{
    bool single = rnd() & 1;
    to_fake(in);
    fh.vector = 0xff;
    fh.error = fh.cr2 = 0;
    if (!setjmp(fh.out))
        ia32_interp(single);
    from_fake(out);
    if (!single && fh.vector == X_BP) {
        fh.vector = 0xff;
        out->eip--;
    }
    return fh.vector;
}

/* ---- comparing ---- */

static void show(const char *who, const struct ia32_state *from, const struct ia32_state *st)
{
    char text[2048];
    fx_words(from->fx, st->fx, text, sizeof text);
    print_error("  %s eip %08x fl %03x gpr", who, st->eip, st->eflags & F_ALL);
    for (int i = 0; i < 8; i++)
        print_error(" %08x", st->gpr[i]);
    print_error("\n      %s\n", text);
}

static void hex(const char *what, const uint8_t *p, uint32_t n)
{
    print_error("  %s ", what);
    for (uint32_t i = 0; i < n; i++)
        print_error("%02x", p[i]);
    print_error("\n");
}

/* The memory that both may have changed, but for what of an image of FXSAVE means nothing: pointers
 * and selectors, and what lies behind the registers. */
static bool same_memory(unsigned op, uint32_t at, uint32_t *where)
{
    for (uint32_t i = 0; i < SILICON_DATA_SIZE; i++) {
        uint32_t k = SILICON_DATA + i - at;
        if (i % SILICON_PAGE == 0 &&
            (!silicon_access(SILICON_DATA + i) ||
             !memcmp(fh.data + i, silicon_ptr(SILICON_DATA + i), SILICON_PAGE))) {
            i += SILICON_PAGE - 1;
            continue;
        }
        if (op == I_FXSAVE && ((k >= 6 && k < 24) || (k >= 288 && k < 512)))
            continue;
        if (op == I_FXSAVE && k == 30 && maker_of_host() == MAKER_AMD)
            continue; /* a bit more in MXCSR */
        if (fh.data[i] != *silicon_ptr(SILICON_DATA + i)) {
            *where = SILICON_DATA + i;
            return false;
        }
    }
    return true;
}

static bool reciprocal(unsigned op)
{
    return op == I_RCPPS || op == I_RCPSS || op == I_RSQRTPS || op == I_RSQRTSS;
}

static void copy_data(void)
{
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
        if (silicon_access(SILICON_DATA + p))
            memcpy(fh.data + p, silicon_ptr(SILICON_DATA + p), SILICON_PAGE);
}

static uint32_t vectors[32], otherwise; /* by the host's maker */

/* One instruction of n bytes from a state, on both; memory is equal before. */
static bool compare(unsigned row, const struct ia32_state *in, const uint8_t *b, uint32_t n,
                    uint32_t at)
{
    struct ia32_state host, ours = *in;
    struct ia32_fault f;
    uint32_t k = in->eip - SILICON_CODE, where = 0;
    unsigned op = ia32_rows[row].op;
    memset(fh.code + k, 0xcc, 32);
    memcpy(fh.code + k, b, n);
    silicon_load(in->eip, b, n);
    enum silicon_end end = silicon_run(in, n, &host, &f);
    uint32_t vector = run_ours(in, &ours);
    bool ok =
        (end == SILICON_END && vector == 0xff) || (end == SILICON_FAULT && f.vector == (int)vector);
    if (ok && vector < 32) {
        vectors[vector]++;
        ok = (f.error & ~16u) == fh.error && f.cr2 == fh.cr2;
    }
    if (vector == X_UD && later(b)) {
        silicon_reset();
        copy_data();
        return true;
    }
    ok = ok && host.eip == ours.eip && !memcmp(host.gpr, ours.gpr, 32) &&
         ((host.eflags ^ ours.eflags) & F_ALL) == 0 &&
         fx_same(host.fx, ours.fx, false, reciprocal(op) ? FX_RECIPROCAL : FX_EXACT);
    bool partly = vector == X_PF && (op == I_FXSAVE || op == I_MASKMOVQ || op == I_MASKMOVDQU);
    ok = ok && (partly || same_memory(op, at, &where));
    if (ok) {
        if (op == I_FXSAVE)
            copy_data(); /* what does not count would be found by the next */
        return true;
    }
    if (end != SILICON_FAULT)
        f.vector = -1;
    const struct maker_case m = {
        .code = b,
        .len = n,
        .eip = in->eip,
        .host = {host.eip, f},
        .ours = {ours.eip, {vector == 0xff ? -1 : (int)vector, fh.error, fh.cr2}}};
    if (maker_excuse(&m) != MAKER_NONE) {
        otherwise++;
        silicon_reset();
        copy_data();
        return true;
    }
    print_error("%s %s %s:", forms[row].name, forms[row].a, forms[row].b);
    for (uint32_t i = 0; i < n; i++)
        print_error(" %02x", b[i]);
    print_error(" operand at %x: host end %d vector %d error %x cr2 %x, ours vector %d error %x "
                "cr2 %x%s\n",
                at, (int)end, f.vector, f.error, f.cr2, vector == 0xff ? -1 : (int)vector, fh.error,
                fh.cr2, fh.unimplemented ? " (unimplemented)" : "");
    show("in  ", &host, in);
    show("host", in, &host);
    show("ours", in, &ours);
    if (where) {
        print_error("  memory at %x\n", where);
        hex("host", silicon_ptr(where & ~15u), 32);
        hex("ours", fh.data + ((where & ~15u) - SILICON_DATA), 32);
    }
    return false;
}

static bool have_silicon(void)
{
    if (silicon_init()) {
        print_message("skipped: %s\n", silicon_why());
        return false;
    }
    silicon_use_fx(1);
    silicon_reset();
    memset(fh.code, 0xcc, sizeof fh.code);
    memset(vectors, 0, sizeof vectors);
    otherwise = 0;
    ia32_identify(1);
    copy_data();
    return true;
}

/* An image that FXRSTOR may load: often a good one. */
static void random_image(uint8_t *p)
{
    struct ia32_state st;
    random_state(&st, rnd() % 4 == 0);
    memcpy(p, st.fx, 288);
    if (rnd() % 8 == 0)
        p[24 + rnd() % 4] = (uint8_t)rnd();
}

static void random_area(uint32_t at, unsigned op)
{
    uint8_t *p = silicon_ptr(at & ~15u);
    for (int i = 0; i < 3; i++)
        random_x128(p + 16 * i);
    if (op == I_FXRSTOR)
        random_image(silicon_ptr(at));
    if (op == I_LDMXCSR && rnd() % 4) {
        uint32_t v = rnd() & 0xffff;
        memcpy(silicon_ptr(at), &v, 4);
    }
    memcpy(fh.data + ((at & ~15u) - SILICON_DATA), p, 560);
}

static void run_rows(uint32_t total, bool faults)
{
    const char *only = getenv("ONLY");
    uint32_t bad = 0, done = 0;
    uint16_t failed[NFORMS] = {0};
    for (uint32_t i = 0; done < total && bad < 40; i++) {
        unsigned row = 1 + i % (NFORMS - 1), op = ia32_rows[row].op;
        static const uint32_t edge[3] = {SILICON_DATA_RO, SILICON_DATA_NONE,
                                         SILICON_DATA_NONE + SILICON_PAGE};
        if (!ia32_is_simd(op) || failed[row] || (only && strcmp(only, forms[row].name)))
            continue;
        uint8_t b[16], segment;
        int8_t disp = 0;
        struct ia32_state in;
        uint32_t n = encode(row, b, &disp, &segment), at = SILICON_DATA + AT_AREA;
        memset(&in, 0, sizeof in);
        random_state(&in, rnd() % 6 == 0);
        if (faults)
            at = edge[rnd() % 3] - rnd() % (op == I_FXSAVE || op == I_FXRSTOR ? 540 : 20);
        if (rnd() % 6)
            at &= ~15u;
        else
            at += rnd() % 16;
        if (!faults)
            random_area(at, op);
        in.gpr[IA32_EBX] = at - (uint32_t)(int32_t)disp;
        in.gpr[IA32_EDI] = at;
        done++;
        if (!compare(row, &in, b, n, at)) {
            failed[row] = 1;
            bad++;
            silicon_reset();
            copy_data();
        }
    }
    silicon_use_fx(0);
    print_message("%u instructions; #UD %u #GP %u #PF %u #MF %u #XM %u\n", done, vectors[X_UD],
                  vectors[X_GP], vectors[X_PF], vectors[X_MF], vectors[X_XM]);
    assert_int_equal(bad, 0);
    assert_true(otherwise < total / 20);
}

static void every_row(void **state)
{
    (void)state;
    const char *e = getenv("RUNS");
    if (!have_silicon())
        skip();
    run_rows(e ? (uint32_t)atol(e) : RUNS, false);
}

static void page_faults(void **state)
{
    (void)state;
    if (!have_silicon())
        skip();
    run_rows(100000, true);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(every_row),
                                              cmocka_unit_test(page_faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

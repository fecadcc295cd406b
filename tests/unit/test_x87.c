/* SPDX-License-Identifier: MIT */
/*
 * The interpreted x87 against the host's: random instructions of every escape from random states
 * (denormals, infinities, NaNs, unsupported encodings, empty registers, all rounding and precision
 * settings, masked and unmasked), and all of the state they leave must agree: registers, control,
 * status and tag word, memory, AX, EFLAGS, fault and EIP.
 *
 * What recent processors do differently from the P6 that we follow is left out: the opcode and data
 * pointers and the selectors (see pointers), fisttp (SSE3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/oracle/maker.h"
#include "tests/unit/x87_states.h"
#include "tests/unit/xorshift.h"

enum { RUNS = 300000, AREA = 128, AT_AREA = 0x1000 };

static uint64_t seed = 0x243f6a8885a308d3u;

static uint32_t rnd(void)
{
    return (uint32_t)(xorshift64(&seed) >> 24);
}

static uint64_t rnd64(void)
{
    return (uint64_t)rnd() << 32 | rnd();
}

/* Few bits set or few clear, or all at random. */
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

static void random_x80(uint8_t p[10])
{
    uint64_t sig = some_bits();
    uint32_t se = rnd() & 0xffff;
    switch (rnd() % 16) {
    case 0:
        se &= 0x8000;
        sig = 0;
        break;
    case 1: se &= 0x8000; break; /* denormal, zero, pseudo-denormal */
    case 2:
        se |= 0x7fff;
        sig = (uint64_t)1 << 63;
        break;
    case 3:
        se |= 0x7fff;
        sig |= (uint64_t)3 << 62;
        break;
    case 4:
        se |= 0x7fff;
        sig = (sig | (uint64_t)1 << 63 | 1) & ~((uint64_t)1 << 62);
        break;
    case 5: break; /* often unsupported */
    case 6:
        se = (se & 0x8000) | (0x3fff + rnd() % 4);
        sig |= (uint64_t)1 << 63;
        break;
    case 7:
        se = (se & 0x8000) | (0x3fff + rnd() % 70);
        sig |= (uint64_t)1 << 63;
        break;
    case 8:
        se = (se & 0x8000) | (0x3fff - rnd() % 70);
        sig |= (uint64_t)1 << 63;
        break;
    case 9:
        se = (se & 0x8000) | rnd() % 70;
        sig |= (uint64_t)1 << 63;
        break;
    case 10:
        se = (se & 0x8000) | (0x7ffe - rnd() % 70);
        sig |= (uint64_t)1 << 63;
        break;
    case 11: /* a single or its neighbourhood */
        se = (se & 0x8000) | (0x3fff - 150 + rnd() % 290);
        sig = (sig & 0xffffffff00000000u) | (uint64_t)1 << 63;
        break;
    case 12: /* about the limits of doubles */
        se = (se & 0x8000) | (rnd() & 1 ? 0x3fff - 1090 + rnd() % 80 : 0x3fff + 1000 + rnd() % 40);
        sig |= (uint64_t)1 << 63;
        break;
    case 13: /* about 10^18, the limit of packed decimals */
        se = (se & 0x8000) | (0x3fff + 59);
        sig = 0xde0b6b3a76400000u + 8 * (rnd() % 8) - 32;
        break;
    default: { /* integers */
        uint32_t n = rnd() & 63;
        se = (se & 0x8000) | (0x3fff + n);
        sig = (sig | (uint64_t)1 << 63) & ~(uint64_t)0 << (63 - n);
        break;
    }
    }
    memcpy(p, &sig, 8);
    memcpy(p + 8, &se, 2);
}

static uint64_t random_f64(void)
{
    uint64_t sign = (uint64_t)(rnd() & 1) << 63, m = some_bits() >> 12;
    switch (rnd() % 8) {
    case 0: return sign;
    case 1: return sign | m;
    case 2: return sign | (uint64_t)0x7ff << 52;
    case 3: return sign | (uint64_t)0x7ff << 52 | m;
    case 4: return sign | (uint64_t)(1023 + rnd() % 60) << 52 | m;
    default: return sign | (uint64_t)(rnd() % 0x7ff) << 52 | m;
    }
}

static uint32_t random_f32(void)
{
    uint32_t sign = rnd() << 31, m = (uint32_t)(some_bits() >> 41);
    switch (rnd() % 8) {
    case 0: return sign;
    case 1: return sign | m;
    case 2: return sign | 0xffu << 23;
    case 3: return sign | 0xffu << 23 | m;
    case 4: return sign | (127 + rnd() % 30) << 23 | m;
    default: return sign | rnd() % 0xff << 23 | m;
    }
}

static void random_state(struct ia32_state *st, bool pending)
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    f.mxcsr = 0x1f80;
    f.fcw = (rnd() & 0x1f3f) | 0x40;
    if (rnd() % 8 < 5)
        f.fcw |= 0x3f;
    else if (rnd() & 1)
        f.fcw |= 0x3f & ~(1u << rnd() % 6);
    f.fsw = rnd() & 0x7f7f;
    if (!pending)
        f.fsw &= ~(~f.fcw & 0x3fu);
    if (rnd() & 1)
        f.fsw &= ~0x7fu;
    if (f.fsw & ~f.fcw & 0x3f)
        f.fsw |= 0x8080;
    f.tag = rnd() % 4 ? 0xff : rnd();
    if (rnd() % 2) /* room to push */
        f.tag &= ~(1u << (((f.fsw >> 11 & 7) + 7) & 7));
    for (int i = 0; i < 8; i++)
        random_x80(f.st[i].b);
    if (rnd() % 3 == 0) { /* operands close to each other */
        memcpy(f.st[1].b, f.st[0].b, 10);
        f.st[1].b[rnd() % 10] ^= 1u << (rnd() & 7);
    }
    f.fip = rnd();
    memcpy(st->fx, &f, sizeof f);
    memset(silicon_ptr(SILICON_DATA + AT_AREA), 0, AREA);
    for (int i = 0; i < 8; i++)
        st->gpr[i] = rnd();
    st->gpr[IA32_EBX] = SILICON_DATA + AT_AREA;
    st->gpr[IA32_ESP] = SILICON_DATA + 0x2000;
    st->eflags = 0x202 | (rnd() & F_ALL);
    st->eip = SILICON_CODE + 0x100;
}

/* Something for every format at the operand. */
static void random_operand(uint8_t *p)
{
    uint64_t d;
    uint32_t s;
    switch (rnd() % 6) {
    case 0: random_x80(p); break;
    case 1:
        d = random_f64();
        memcpy(p, &d, 8);
        break;
    case 2:
        s = random_f32();
        memcpy(p, &s, 4);
        break;
    case 3: /* packed decimal */
        for (int i = 0; i < 10; i++)
            p[i] = (uint8_t)(rnd() % 10 | rnd() % 10 << 4);
        if (rnd() & 1)
            memset(p + rnd() % 10, 0, 1);
        p[9] = (uint8_t)(rnd() & 0x80);
        break;
    case 4:
        d = some_bits() >> (rnd() & 63);
        memcpy(p, &d, 8);
        break;
    default:
        for (int i = 0; i < 12; i++)
            p[i] = (uint8_t)rnd();
        break;
    }
    for (int i = 16; i < AREA; i++)
        p[i] = (uint8_t)rnd();
}

/* Some processors keep the instruction pointer only beside a pending exception; then it is left
 * out. */
static bool keeps_fip;

static bool same_fx(const struct ia32_state *a, const struct ia32_state *b, bool pointers)
{
    struct fx_image f, g;
    memcpy(&f, a->fx, sizeof f);
    memcpy(&g, b->fx, sizeof g);
    for (int i = 0; i < 8; i++)
        if (memcmp(f.st[i].b, g.st[i].b, 10))
            return false;
    return f.fcw == g.fcw && f.fsw == g.fsw && f.tag == g.tag &&
           (!pointers || !keeps_fip || f.fip == g.fip);
}

static void hex(const char *what, const uint8_t *p);

/* One instruction of n bytes from a state, on both. `fip_at`: where the operand holds FIP and CS,
 * of an image of those; 0: it is none. */
static bool compare(const struct ia32_state *in, const uint8_t *b, uint32_t n,
                    const uint8_t *operand, uint32_t fip_at)
{
    struct ia32_state host, ours = *in;
    struct ia32_fault f;
    uint32_t k = in->eip - SILICON_CODE;
    uint8_t *area = silicon_ptr(SILICON_DATA + AT_AREA);
    memcpy(area, operand, AREA);
    memcpy(fh.data + AT_AREA, operand, AREA);
    memset(fh.code + k, 0xcc, 32);
    memcpy(fh.code + k, b, n);
    silicon_load(in->eip, b, n);
    enum silicon_end end = silicon_run(in, n, &host, &f);
    uint32_t vector = run_ours(in, &ours, rnd() & 1);
    if (fip_at && !keeps_fip) {
        memset(area + fip_at, 0, 4);
        memset(fh.data + AT_AREA + fip_at, 0, 4);
    }
    bool ok =
        (end == SILICON_END && vector == 0xff) || (end == SILICON_FAULT && f.vector == (int)vector);
    ok = ok && host.eip == ours.eip && same_fx(&host, &ours, end == SILICON_END) &&
         !memcmp(host.gpr, ours.gpr, 32) && ((host.eflags ^ ours.eflags) & F_ALL) == 0 &&
         !memcmp(area, fh.data + AT_AREA, AREA);
    if (ok)
        return true;
    print_error("%02x %02x: host end %d vector %d, ours vector %d%s\n", b[0], b[1], (int)end,
                f.vector, vector == 0xff ? -1 : (int)vector,
                fh.unimplemented ? " (unimplemented)" : "");
    print_error("  operand");
    for (int i = 0; i < 10; i++)
        print_error(" %02x", operand[i]);
    print_error("\n");
    show("in  ", in);
    show("host", &host);
    show("ours", &ours);
    if (memcmp(area, fh.data + AT_AREA, AREA)) {
        hex("host", area);
        hex("ours", fh.data + AT_AREA);
    }
    return false;
}

static void hex(const char *what, const uint8_t *p)
{
    print_error("  %s ", what);
    for (int i = 0; i < 108; i++)
        print_error("%02x", p[i]);
    print_error("\n");
}

static bool transcendental(uint32_t esc, uint32_t modrm)
{
    return esc == 1 &&
           ((modrm >= 0xf0 && modrm <= 0xf3) || modrm == 0xf9 || modrm == 0xfb || modrm >= 0xfe);
}

static bool fisttp(uint32_t esc, uint32_t modrm)
{
    return (esc == 3 || esc == 5 || esc == 7) && modrm < 0xc0 && (modrm >> 3 & 7) == 1;
}

/* The environment in memory has pointers that processors disagree on. */
static bool environment(uint32_t esc, uint32_t modrm)
{
    uint32_t reg = modrm >> 3 & 7;
    return modrm < 0xc0 &&
           ((esc == 1 && (reg == 4 || reg == 6)) || (esc == 5 && (reg == 4 || reg == 6)));
}

static void find_fip(void)
{
    static const uint8_t fnop[2] = {0xd9, 0xd0};
    struct ia32_state in, out;
    struct ia32_fault f;
    struct fx_image x = {.fcw = 0x37f, .mxcsr = 0x1f80};
    memset(&in, 0, sizeof in);
    memcpy(in.fx, &x, sizeof x);
    in.eip = SILICON_CODE + 0x40;
    silicon_load(in.eip, fnop, 2);
    silicon_run(&in, 2, &out, &f);
    memcpy(&x, out.fx, sizeof x);
    keeps_fip = x.fip == in.eip;
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
    find_fip();
    return true;
}

/* ModRM, SIB, displacement: one of the ways to name the area. Changes registers to fit. */
static uint32_t address(uint8_t *b, uint32_t reg, struct ia32_state *in)
{
    const uint32_t area = SILICON_DATA + AT_AREA;
    uint32_t mod = rnd() & 3, base, scale = rnd() & 3, index = 4, n = 0, disp = 0, sum = area;
    static const uint8_t bases[4] = {IA32_EBX, IA32_EBP, IA32_ESP, IA32_EDI};
    if (mod == 3) { /* displacement alone, with or without SIB */
        mod = 0;
        base = 5;
        disp = rnd();
    } else {
        base = bases[rnd() & 3];
        if (mod == 0 && base == IA32_EBP)
            base = IA32_EBX;
        disp = mod == 0 ? 0 : mod == 1 ? (uint32_t)(int32_t)(int8_t)rnd() : rnd();
    }
    if (rnd() & 1) {
        index = IA32_ESI;
        in->gpr[IA32_ESI] = rnd();
        sum -= in->gpr[IA32_ESI] << scale;
    }
    if (mod == 0 && base == 5)
        disp = sum;
    else
        in->gpr[base] = sum - disp;
    bool sib = index != 4 || base == IA32_ESP;
    b[n++] = (uint8_t)(mod << 6 | reg << 3 | (sib ? 4 : base));
    if (sib)
        b[n++] = (uint8_t)(scale << 6 | index << 3 | base);
    if (mod == 1)
        b[n++] = (uint8_t)disp;
    if (mod == 2 || (mod == 0 && base == 5)) {
        memcpy(b + n, &disp, 4);
        n += 4;
    }
    return n;
}

static void every_escape(void **state)
{
    (void)state;
    const char *e = getenv("RUNS"), *only = getenv("ONLY");
    uint32_t total = e ? (uint32_t)atol(e) : RUNS, bad = 0, done = 0;
    uint32_t fix = only ? (uint32_t)strtol(only, NULL, 16) : 0;
    uint8_t failed[0x800] = {0};
    if (!have_silicon())
        skip();
    for (uint32_t i = 0; i < total && bad < 40; i++) {
        uint32_t esc = rnd() & 7, modrm = rnd() % 4 ? 0xc0 | (rnd() & 63) : (rnd() & 0x38) | 3;
        if (fix) {
            esc = fix >> 8 & 7;
            modrm = fix & 0xff;
        }
        if (transcendental(esc, modrm) || fisttp(esc, modrm) || environment(esc, modrm))
            continue;
        uint8_t b[8] = {(uint8_t)(0xd8 | esc), (uint8_t)modrm}, operand[AREA] = {0};
        uint32_t n = 2;
        struct ia32_state in;
        memset(&in, 0, sizeof in);
        random_state(&in, rnd() % 8 == 0);
        if (modrm < 0xc0)
            n = 1 + address(b + 1, modrm >> 3, &in);
        random_operand(operand);
        done++;
        uint32_t id = esc << 8 | (modrm < 0xc0 ? modrm & 0x38 : modrm & 0xff);
        if (failed[id] && !fix)
            continue;
        if (!compare(&in, b, n, operand, 0)) {
            failed[id] = 1;
            bad++;
        }
    }
    silicon_use_fx(0);
    print_message("%u instructions\n", done);
    assert_int_equal(bad, 0);
}

/* fldenv fnstenv frstor fnsave, 32 and 16 bits wide. The pointers are 0 but for FIP, so that all of
 * the image counts. */
static void environments(void **state)
{
    (void)state;
    if (!have_silicon())
        skip();
    uint32_t bad = 0;
    for (uint32_t i = 0; i < 100000 && bad < 10; i++) {
        bool small = rnd() & 1, whole = rnd() & 1, saves = rnd() & 1;
        uint8_t b[3], operand[AREA];
        uint32_t n = 0;
        struct ia32_state in;
        if (small)
            b[n++] = 0x66;
        b[n++] = whole ? 0xdd : 0xd9;
        b[n++] = saves ? 0x33 : 0x23;
        memset(&in, 0, sizeof in);
        random_state(&in, rnd() % 4 == 0);
        for (uint32_t k = 0; k < AREA; k++)
            operand[k] = (uint8_t)rnd();
        for (uint32_t k = 0, at = small ? 14 : 28; k < 8; k++, at += 10)
            random_x80(operand + at);
        if (!compare(&in, b, n, operand, small ? 6 : 12))
            bad++;
    }
    silicon_use_fx(0);
    assert_int_equal(bad, 0);
}

/* The host keeps opcode and operand address only of an instruction that raised an unmasked
 * exception: there they agree. */
static void pointers(void **state)
{
    (void)state;
    if (!have_silicon())
        skip();
    uint32_t bad = 0, seen = 0;
    for (uint32_t i = 0; i < 100000 && bad < 10; i++) {
        uint32_t esc = rnd() & 7, reg = rnd() & 7, k;
        uint8_t b[2] = {(uint8_t)(0xd8 | esc), (uint8_t)(reg << 3 | 3)}, operand[AREA] = {0};
        struct ia32_state in, host, ours;
        struct ia32_fault f;
        struct fx_image x, y;
        if (fisttp(esc, b[1]) || environment(esc, b[1]))
            continue;
        memset(&in, 0, sizeof in);
        random_state(&in, false);
        random_operand(operand);
        memcpy(&x, in.fx, sizeof x);
        x.fcw &= ~0x3f;
        x.fsw &= 0x7f00;
        memcpy(in.fx, &x, sizeof x);
        k = in.eip - SILICON_CODE;
        memcpy(silicon_ptr(SILICON_DATA + AT_AREA), operand, AREA);
        memcpy(fh.data + AT_AREA, operand, AREA);
        memset(fh.code + k, 0xcc, 32);
        memcpy(fh.code + k, b, 2);
        silicon_load(in.eip, b, 2);
        ours = in;
        if (silicon_run(&in, 2, &host, &f) != SILICON_END ||
            run_ours(&in, &ours, rnd() & 1) != 0xff)
            continue;
        memcpy(&x, host.fx, sizeof x);
        memcpy(&y, ours.fx, sizeof y);
        if (!(x.fsw & 0x80))
            continue;
        seen++;
        if (x.fop != y.fop || x.fip != y.fip || x.fdp != y.fdp) {
            bad++;
            print_error("%02x %02x: host fop %03x fip %x fdp %x, ours %03x %x %x\n", b[0], b[1],
                        x.fop, x.fip, x.fdp, y.fop, y.fip, y.fdp);
        }
    }
    silicon_use_fx(0);
    assert_int_equal(bad, 0);
    assert_true(seen > 1000);
}

/* Operands across the edges of pages that may not be read or written: no trace is left, or the
 * exception comes first. */
static void page_faults(void **state)
{
    (void)state;
    if (!have_silicon())
        skip();
    uint32_t bad = 0, faults = 0, otherwise = 0;
    for (uint32_t i = 0; i < 100000 && bad < 10; i++) {
        static const uint32_t edge[3] = {SILICON_DATA_RO, SILICON_DATA_NONE,
                                         SILICON_DATA_NONE + SILICON_PAGE};
        uint32_t esc = rnd() & 7, reg = rnd() & 7,
                 at = edge[rnd() % 3] - rnd() % (rnd() & 1 ? 12 : 110);
        uint8_t b[3] = {(uint8_t)(0xd8 | esc), (uint8_t)(reg << 3 | 3), 0};
        uint32_t n = 2;
        if (fisttp(esc, b[1]))
            continue;
        if (rnd() & 1) {
            b[2] = b[1];
            b[1] = b[0];
            b[0] = 0x66;
            n = 3;
        }
        struct ia32_state in, host, ours;
        struct ia32_fault f;
        memset(&in, 0, sizeof in);
        random_state(&in, rnd() % 8 == 0);
        in.gpr[IA32_EBX] = at;
        uint32_t k = in.eip - SILICON_CODE;
        for (uint32_t page = SILICON_DATA; page < SILICON_DATA + SILICON_DATA_SIZE;
             page += SILICON_PAGE)
            if (silicon_access(page))
                memcpy(fh.data + (page - SILICON_DATA), silicon_ptr(page), SILICON_PAGE);
        memset(fh.code + k, 0xcc, 32);
        memcpy(fh.code + k, b, n);
        silicon_load(in.eip, b, n);
        ours = in;
        enum silicon_end end = silicon_run(&in, n, &host, &f);
        uint32_t vector = run_ours(&in, &ours, rnd() & 1);
        bool ok = (end == SILICON_END && vector == 0xff) ||
                  (end == SILICON_FAULT && f.vector == (int)vector);
        if (ok && vector == X_PF) {
            ok = (f.error & ~16u) == fh.error && f.cr2 == fh.cr2;
            faults++;
        }
        ok = ok && host.eip == ours.eip && same_fx(&host, &ours, false);
        for (uint32_t page = SILICON_DATA; ok && page < SILICON_DATA + SILICON_DATA_SIZE;
             page += SILICON_PAGE)
            ok = !silicon_access(page) || vector == X_PF ||
                 !memcmp(fh.data + (page - SILICON_DATA), silicon_ptr(page), SILICON_PAGE);
        const struct maker_case m = {
            .code = b,
            .len = n,
            .eip = in.eip,
            .host = {host.eip, end == SILICON_FAULT ? f : (struct ia32_fault){-1, 0, 0}},
            .ours = {ours.eip, {vector == 0xff ? -1 : (int)vector, fh.error, fh.cr2}}};
        if (!ok && maker_excuse(&m) != MAKER_NONE) {
            silicon_reset();
            otherwise++;
        } else if (!ok) {
            bad++;
            print_error("%02x %02x %02x at %x: host end %d vector %d error %x cr2 %x, ours vector "
                        "%d error %x cr2 %x\n",
                        b[0], b[1], b[2], at, (int)end, f.vector, f.error, f.cr2,
                        vector == 0xff ? -1 : (int)vector, fh.error, fh.cr2);
            show("in  ", &in);
            show("host", &host);
            show("ours", &ours);
        }
    }
    silicon_use_fx(0);
    assert_int_equal(bad, 0);
    assert_true(faults > 10000);
    assert_true(otherwise < 5000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_escape), cmocka_unit_test(environments),
        cmocka_unit_test(page_faults), cmocka_unit_test(pointers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Transcendental x87 instructions. Against the host's processor, from random states (operands of
 * all exponents, special values, empty and full registers, all rounding and precision settings,
 * masked and unmasked): a result may be one unit in the last place (ulp) off, C1 is not compared
 * where a result was rounded, OE and UE not where that one ulp leads across the limit of exponents;
 * all else must agree: other registers, flags, tags, top, fault and EIP. And against values that
 * were computed to 600 bits by integer series elsewhere and rounded to nearest: these exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/x87_states.h"
#include "tests/unit/xorshift.h"

enum { RUNS = 400000 };

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t rnd(void)
{
    return (uint32_t)(xorshift64(&seed) >> 24);
}

static uint64_t rnd64(void)
{
    return (uint64_t)rnd() << 32 | rnd();
}

static const struct op {
    const char *name;
    uint8_t modrm;
} ops[] = {{"fsin", 0xfe},   {"fcos", 0xff},  {"fsincos", 0xfb}, {"fptan", 0xf2},
           {"fpatan", 0xf3}, {"f2xm1", 0xf0}, {"fyl2x", 0xf1},   {"fyl2xp1", 0xf9}};
enum { N_OPS = sizeof ops / sizeof *ops };

static void put_x80(uint8_t p[10], uint32_t se, uint64_t sig)
{
    memcpy(p, &sig, 8);
    memcpy(p + 8, &se, 2);
}

static void random_x80(uint8_t p[10])
{
    static const uint64_t pi = 0xc90fdaa22168c235u;
    uint64_t sig = rnd64();
    uint32_t sign = rnd() & 0x8000, e;
    switch (rnd() % 8) {
    case 0: sig = 0; break;
    case 1: sig = (uint64_t)1 << (rnd() & 63); break;
    case 2: sig = ~(uint64_t)0 << (rnd() & 63); break;
    default: break;
    }
    switch (rnd() % 24) {
    case 0: put_x80(p, sign, 0); return;
    case 1: put_x80(p, sign, sig); return; /* zero, denormal, pseudo-denormal */
    case 2: put_x80(p, sign | 0x7fff, (uint64_t)1 << 63); return;
    case 3: put_x80(p, sign | 0x7fff, sig | (uint64_t)1 << 63); return; /* mostly NaNs */
    case 4: put_x80(p, (rnd() & 0xffff), sig); return;                  /* often unsupported */
    case 5:
    case 6: e = rnd() % 0x7fff; break;
    case 7: /* about multiples of pi/4 */
        put_x80(p, sign | (0x3ffe + rnd() % 4), pi + rnd() % 8 - 4);
        return;
    case 8:
        e = 0x3fff;
        sig >>= rnd() & 63; /* just above 1 */
        break;
    case 9:
        e = 0x3ffe;
        sig = ~(sig >> (rnd() & 63)); /* just below 1 */
        break;
    case 10: e = 0x3fff + rnd() % 66; break;
    case 11: e = 1 + rnd() % 100; break;
    case 12: e = 0x7ffe - rnd() % 100; break;
    case 13: e = 0x3fff - 64 + rnd() % 128; break;
    default: e = 0x3fff - 8 + rnd() % 12; break;
    }
    put_x80(p, sign | e, sig | (uint64_t)1 << 63);
}

static void random_state(struct ia32_state *st)
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    f.mxcsr = 0x1f80;
    f.fcw = (rnd() & 0x1f3f) | 0x40;
    if (rnd() % 4)
        f.fcw |= 0x3f;
    else if (rnd() & 1)
        f.fcw |= 0x3f & ~(1u << rnd() % 6);
    f.fsw = rnd() & 0x7f7f;
    f.fsw &= ~(~f.fcw & 0x3fu);
    if (rnd() & 3)
        f.fsw &= ~0x7fu;
    f.tag = rnd() % 16 ? 0xff : rnd();
    if (rnd() % 16)
        f.tag &= ~(1u << (((f.fsw >> 11 & 7) + 7) & 7));
    for (int i = 0; i < 8; i++)
        random_x80(f.st[i].b);
    if (rnd() % 3 == 0) { /* operands close to each other */
        memcpy(f.st[1].b, f.st[0].b, 10);
        f.st[1].b[rnd() % 9] ^= 1u << (rnd() & 7);
    }
    memset(st, 0, sizeof *st);
    memcpy(st->fx, &f, sizeof f);
    st->gpr[IA32_ESP] = SILICON_DATA + 0x2000;
    st->eflags = 0x202;
    st->eip = SILICON_CODE + 0x100;
}

/* Where a number stands among all of its sign: neighbours differ by 1. */
static __int128 place(const uint8_t p[10])
{
    uint64_t sig;
    uint16_t se;
    memcpy(&sig, p, 8);
    memcpy(&se, p + 8, 2);
    uint32_t e = se & 0x7fff;
    __int128 k = e ? ((__int128)(e - 1) << 63) + sig : (__int128)sig;
    return se & 0x8000 ? -k : k;
}

enum { MAX_ULP = 1, OFF = 3 };

/* 0, 1, 2 ulps, or OFF: further, or no numbers and unequal. */
static uint32_t distance(const uint8_t a[10], const uint8_t b[10])
{
    if (!memcmp(a, b, 10))
        return 0;
    __int128 d = place(a) - place(b);
    if (d == 0 || (a[9] ^ b[9]) & 0x80)
        return OFF;
    if (d < 0)
        d = -d;
    return d > 2 ? OFF : (uint32_t)d;
}

static void load(uint32_t eip, uint32_t modrm)
{
    memset(fh.code + (eip - SILICON_CODE), 0xcc, 32);
    fh.code[eip - SILICON_CODE] = 0xd9;
    fh.code[eip - SILICON_CODE + 1] = (uint8_t)modrm;
}

/* The largest finite number or the smallest normal one: a neighbour overflows or is tiny. */
static bool at_limit(const uint8_t p[10])
{
    __int128 k = place(p);
    k = k < 0 ? -k : k;
    return k == (__int128)1 << 63 || k == ((__int128)0x7ffe << 63) + ((uint64_t)1 << 63) - 1;
}

/* The worst distance of a result, OFF for a difference elsewhere. */
static uint32_t differ(const struct ia32_state *host, const struct ia32_state *ours)
{
    struct fx_image f, g;
    uint32_t worst = 0, ignore = 0, d;
    memcpy(&f, host->fx, sizeof f);
    memcpy(&g, ours->fx, sizeof g);
    for (int i = 0; i < 8; i++) {
        d = distance(f.st[i].b, g.st[i].b);
        worst = d > worst ? d : worst;
    }
    if (f.fsw & FS_PE)
        ignore =
            worst || at_limit(f.st[0].b) || at_limit(f.st[1].b) ? FS_C1 | FS_OE | FS_UE : FS_C1;
    if (((f.fsw ^ g.fsw) & ~ignore) || f.fcw != g.fcw || f.tag != g.tag)
        return OFF;
    return worst;
}

static void against_silicon(void **state)
{
    (void)state;
    const char *e = getenv("RUNS"), *only = getenv("ONLY");
    uint32_t total = e ? (uint32_t)atol(e) : RUNS, bad = 0, histogram[N_OPS][OFF + 1] = {0};
    if (silicon_init()) {
        print_message("skipped: %s\n", silicon_why());
        skip();
    }
    silicon_use_fx(1);
    silicon_reset();
    memset(fh.code, 0xcc, sizeof fh.code);
    for (uint32_t i = 0; i < total && bad < 40; i++) {
        uint32_t k = only ? (uint32_t)atol(only) : i % N_OPS;
        struct ia32_state in, host, ours;
        struct ia32_fault f;
        uint8_t code[2] = {0xd9, ops[k].modrm};
        random_state(&in);
        load(in.eip, code[1]);
        silicon_load(in.eip, code, 2);
        enum silicon_end end = silicon_run(&in, 2, &host, &f);
        uint32_t vector = run_ours(&in, &ours, rnd() & 1), d;
        d = end == SILICON_END && vector == 0xff && host.eip == ours.eip ? differ(&host, &ours)
                                                                         : OFF;
        histogram[k][d]++;
        if (d > MAX_ULP) {
            bad++;
            print_error("%s: host end %d vector %d, ours vector %d\n", ops[k].name, (int)end,
                        f.vector, vector == 0xff ? -1 : (int)vector);
            show("in  ", &in);
            show("host", &host);
            show("ours", &ours);
        }
    }
    silicon_use_fx(0);
    for (uint32_t k = 0; k < N_OPS; k++)
        print_message("%-8s equal %u, 1 ulp %u, 2 ulp %u, other %u\n", ops[k].name, histogram[k][0],
                      histogram[k][1], histogram[k][2], histogram[k][3]);
    assert_int_equal(bad, 0);
}

/* ModRM, ST(0), ST(1), and the result rounded to nearest; sines by the pi of 66 bits. */
struct x80 {
    uint16_t se;
    uint64_t sig;
};
static const struct known {
    uint8_t modrm;
    struct x80 st0, st1, result;
} known[] = {
    {0xfe,
     {0xbff0, 0xa69e0d37f2a74de4},
     {0x3fff, 0x8000000000000000},
     {0xbff0, 0xa69e0d373670c231}},
    {0xff,
     {0x3ff5, 0x928b2f330c5c7fd0},
     {0x3fff, 0x8000000000000000},
     {0x3ffe, 0xfffff5839e6202d0}},
    {0xf2,
     {0x3ff0, 0x8ed904759531985d},
     {0x3fff, 0x8000000000000000},
     {0x3ff0, 0x8ed90476826829e6}},
    {0xfe,
     {0xbffc, 0xef03675a1600a35a},
     {0x3fff, 0x8000000000000000},
     {0xbffc, 0xecd95311d28fbccb}},
    {0xff,
     {0xbffc, 0x9738f7d93d9c1724},
     {0x3fff, 0x8000000000000000},
     {0x3ffe, 0xfd36aa365d8ec039}},
    {0xf2,
     {0x3ffc, 0x90c192cfd3ac94af},
     {0x3fff, 0x8000000000000000},
     {0x3ffc, 0x91ba692eb41d48c5}},
    {0xfe,
     {0x4001, 0xa09f76b5a170b338},
     {0x3fff, 0x8000000000000000},
     {0xbffe, 0xf4064ebc92e42978}},
    {0xff,
     {0x4004, 0xe58cda1495e60af5},
     {0x3fff, 0x8000000000000000},
     {0x3ffe, 0xab155508544c7bef}},
    {0xf2,
     {0x4001, 0x8e81973e0becd7b0},
     {0x3fff, 0x8000000000000000},
     {0x4000, 0xf17c685cff6d417b}},
    {0xfe,
     {0x401c, 0xa4ede6a46b4cb242},
     {0x3fff, 0x8000000000000000},
     {0x3ffe, 0xa75cd55d75713af4}},
    {0xff,
     {0x4025, 0x8f6d05584ef8aa38},
     {0x3fff, 0x8000000000000000},
     {0xbffe, 0xd9f43837a4a649c8}},
    {0xf2,
     {0x4016, 0x923a736994e3bf91},
     {0x3fff, 0x8000000000000000},
     {0x4003, 0x820d831582db5042}},
    {0xfe,
     {0x403c, 0x8c38fb2918f135d2},
     {0x3fff, 0x8000000000000000},
     {0xbffd, 0xfaf1ba6ed11cab48}},
    {0xff,
     {0x403d, 0x9e7769b10f4205b4},
     {0x3fff, 0x8000000000000000},
     {0xbffe, 0xe31e832b7aa9c560}},
    {0xf2,
     {0xc03c, 0x881ed162ae2eb154},
     {0x3fff, 0x8000000000000000},
     {0x3ffd, 0xe7a24b1e99ed8acc}},
    {0xfe,
     {0x4000, 0xc90fdaa22168c235},
     {0x3fff, 0x8000000000000000},
     {0xbfbf, 0x8000000000000000}},
    {0xf3,
     {0xbff0, 0x95e761d17731af10},
     {0x3fff, 0xbf98e2774cbd87ad},
     {0x3fff, 0xc910a2ece0124056}},
    {0xf3,
     {0xbffe, 0x930d6eaf14f4733f},
     {0xc000, 0xe00902c77ebff206},
     {0xbfff, 0xdde16e069d6b968b}},
    {0xf3,
     {0x4000, 0xc9b64a0872e6cc3a},
     {0x3ffe, 0xeb0a18e8830e07bc},
     {0x3ffd, 0x9121d86b492acd87}},
    {0xf3,
     {0xbfff, 0xeeeacbe226e87555},
     {0x3fff, 0xf646e1f40a097c97},
     {0x4000, 0x95d36328a15999ae}},
    {0xf3,
     {0xc01c, 0x92b1d3f28ede0d7a},
     {0xbfff, 0xd9a54a7bb1fee08f},
     {0xc000, 0xc90fda9f29c5da07}},
    {0xf0,
     {0x3fe0, 0xf4c9df6acc011cdd},
     {0x3fff, 0x8000000000000000},
     {0x3fe0, 0xa9acac4a4ffed8af}},
    {0xf0,
     {0xbff5, 0xc51abd81f1d69ed6},
     {0x3fff, 0x8000000000000000},
     {0xbff5, 0x888d1c96eccaeb84}},
    {0xf0,
     {0x3ffd, 0x90a3d6b2aa05e11a},
     {0x3fff, 0x8000000000000000},
     {0x3ffc, 0xdd7df0e4ffa5cce1}},
    {0xf0,
     {0xbffe, 0x93f448b3a5aa3c81},
     {0x3fff, 0x8000000000000000},
     {0xbffd, 0xa900ab4cae7e5024}},
    {0xf0,
     {0xbffe, 0xe2c33a4fb774eb52},
     {0x3fff, 0x8000000000000000},
     {0xbffd, 0xeae9126597ddafef}},
    {0xf1,
     {0x3846, 0xf631a992f0ce5835},
     {0x3fff, 0x9c6539382b0537e6},
     {0xc00a, 0x96e6c43610d96364}},
    {0xf1,
     {0x4000, 0xb7dc76fb0f17a300},
     {0x3ffe, 0xbd0561e6211c70cf},
     {0x3fff, 0x8fe3c4b5407c474e}},
    {0xf1,
     {0x3ffe, 0xeab477d26415479c},
     {0xc001, 0xaa96fb1a14a0f9e7},
     {0x3ffe, 0xaafe39ed84f04e18}},
    {0xf1,
     {0x3fff, 0xc720771f8ca81811},
     {0xbffc, 0xee36aab0d1bc52d9},
     {0xbffc, 0x97df1dc41a9f830f}},
    {0xf1,
     {0x5ed4, 0xfc891b4a6a50df4d},
     {0xbfff, 0xe25a7605aec6f024},
     {0xc00c, 0xda1e680215e98b06}},
    {0xf9,
     {0x3fc6, 0x953e7c2a26a2c0bd},
     {0x3ffc, 0xa8948c893b618676},
     {0x3fc4, 0x8dc9a41d2a394564}},
    {0xf9,
     {0x3ff6, 0xd4c28c2e7c26847f},
     {0x3ffe, 0x810c4759482c9cbc},
     {0x3ff6, 0x9a7ad1fa89e3cb7c}},
    {0xf9,
     {0xbffc, 0xde8766ed88daf401},
     {0x3ffc, 0xdbf4a8b2b0c4312d},
     {0xbffb, 0x9b8178b13db9b35b}},
    {0xf9,
     {0xbffc, 0xdef88334e647cb8f},
     {0x4000, 0xe4e50cad66237a04},
     {0xbfff, 0xa2309134e853a6c0}},
    {0xf9,
     {0x3ffc, 0xe6836886a260cd0b},
     {0x3ffd, 0xfc132d0d113db17d},
     {0x3ffc, 0x93abeb91b9076273}},
};

static void known_values(void **state)
{
    (void)state;
    struct ia32_state in, out;
    struct fx_image f = {.fcw = 0x37f, .tag = 0xc0, .fsw = 6 << 11, .mxcsr = 0x1f80};
    uint8_t expected[10];
    memset(&in, 0, sizeof in);
    in.eip = SILICON_CODE + 0x100;
    memset(fh.code, 0xcc, sizeof fh.code);
    for (uint32_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct known *k = &known[i];
        put_x80(f.st[0].b, k->st0.se, k->st0.sig);
        put_x80(f.st[1].b, k->st1.se, k->st1.sig);
        put_x80(expected, k->result.se, k->result.sig);
        memcpy(in.fx, &f, sizeof f);
        load(in.eip, k->modrm);
        assert_int_equal(run_ours(&in, &out, i & 1), 0xff);
        struct fx_image g;
        memcpy(&g, out.fx, sizeof g);
        if (memcmp(g.st[k->modrm == 0xf2].b, expected, 10)) {
            print_error("line %u, %02x\n", i, k->modrm);
            show("ours", &out);
            fail();
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(known_values),
                                              cmocka_unit_test(against_silicon)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

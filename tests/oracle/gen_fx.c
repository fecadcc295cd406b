/* SPDX-License-Identifier: MIT */
/*
 * x87 instructions, and state for them and for SSE. MMX and SSE instructions come from gen_rows.c.
 * All escapes are made, memory forms and register forms, also those that are invalid. An
 * instruction that stores an environment is followed by others that clear the pointers in it, for
 * recent processors keep them otherwise than the P6.
 *
 * Left out: FISTTP (SSE3).
 */
#include "tests/oracle/gen_int.h"

#include "tests/oracle/fx.h"

/* ---- numbers ---- */

/* Few bits set or few clear, or all at random. */
static uint64_t some_bits(struct gen *g)
{
    switch (below(g, 5)) {
    case 0: return 0;
    case 1: return ~(uint64_t)0;
    case 2: return (uint64_t)1 << below(g, 64);
    case 3: return ~(uint64_t)0 << below(g, 64);
    default: return (uint64_t)gen_random(g) << 32 | gen_random(g);
    }
}

static void put_x80(uint8_t *p, uint32_t se, uint64_t sig)
{
    memcpy(p, &sig, 8);
    put16(p + 8, se);
}

static void random_x80(struct gen *g, uint8_t *p)
{
    enum { BIAS = 0x3fff, HIGHEST = 0x7ffe };
    const uint64_t integer = (uint64_t)1 << 63;
    uint64_t sig = some_bits(g);
    uint32_t sign = gen_random(g) & 0x8000, n;
    switch (below(g, 20)) {
    case 0: put_x80(p, sign, 0); break;
    case 1: put_x80(p, sign, sig); break; /* denormal, pseudo-denormal, zero */
    case 2: put_x80(p, sign | 0x7fff, integer); break;
    case 3: put_x80(p, sign | 0x7fff, sig | (uint64_t)3 << 62); break;
    case 4: put_x80(p, sign | 0x7fff, (sig | integer | 1) & ~((uint64_t)1 << 62)); break;
    case 5: put_x80(p, gen_random(g), sig); break; /* often unsupported */
    case 6: put_x80(p, sign | (BIAS + below(g, 4)), sig | integer); break;
    case 7: put_x80(p, sign | (BIAS + below(g, 70)), sig | integer); break;
    case 8: put_x80(p, sign | (BIAS - below(g, 70)), sig | integer); break;
    case 9: put_x80(p, sign | below(g, 70), sig | integer); break;
    case 10: put_x80(p, sign | (HIGHEST - below(g, 70)), sig | integer); break;
    case 11: /* a single or its neighbourhood */
        put_x80(p, sign | (BIAS - 150 + below(g, 290)), (sig & 0xffffffff00000000u) | integer);
        break;
    case 12: /* about the limits of doubles */
        n = once_in(g, 2) ? BIAS - 1090 + below(g, 80) : BIAS + 1000 + below(g, 40);
        put_x80(p, sign | n, sig | integer);
        break;
    case 13: /* about 10^18, the limit of packed decimals */
        put_x80(p, sign | (BIAS + 59), 0xde0b6b3a76400000u + 8 * below(g, 8) - 32);
        break;
    case 14: /* about multiples of pi/4 */
        put_x80(p, sign | (BIAS - 1 + below(g, 4)), 0xc90fdaa22168c235u + below(g, 8) - 4);
        break;
    case 15: /* about 1 */
        if (once_in(g, 2))
            put_x80(p, sign | BIAS, sig >> below(g, 64) | integer);
        else
            put_x80(p, sign | (BIAS - 1), ~(sig >> below(g, 64)) | integer);
        break;
    default: /* integers */
        n = below(g, 64);
        put_x80(p, sign | (BIAS + n), (sig | integer) & ~(uint64_t)0 << (63 - n));
        break;
    }
}

static uint64_t random_f64(struct gen *g)
{
    uint64_t sign = (uint64_t)(gen_random(g) & 1) << 63, m = some_bits(g) >> 12;
    switch (below(g, 12)) {
    case 0: return sign;
    case 1: return sign | m;
    case 2: return sign | (uint64_t)0x7ff << 52;
    case 3: return sign | (uint64_t)0x7ff << 52 | m;
    case 4: return sign | (uint64_t)(1023 + below(g, 66)) << 52 | m;
    case 5: return sign | (uint64_t)below(g, 60) << 52 | m;
    case 6: return sign | (uint64_t)(0x7fe - below(g, 60)) << 52 | m;
    case 7: return sign | (uint64_t)(1023 - 160 + below(g, 300)) << 52 | m; /* singles */
    case 8: return sign | (uint64_t)below(g, 0x7ff) << 52 | m;
    default: return sign | (uint64_t)(1023 - 3 + below(g, 6)) << 52 | m;
    }
}

static uint32_t random_f32(struct gen *g)
{
    uint32_t sign = gen_random(g) & 0x80000000, m = (uint32_t)(some_bits(g) >> 41);
    switch (below(g, 11)) {
    case 0: return sign;
    case 1: return sign | m;
    case 2: return sign | 0xffu << 23;
    case 3: return sign | 0xffu << 23 | m;
    case 4: return sign | (127 + below(g, 34)) << 23 | m;
    case 5: return sign | below(g, 30) << 23 | m;
    case 6: return sign | (0xfe - below(g, 30)) << 23 | m;
    case 7: return sign | below(g, 0xff) << 23 | m;
    default: return sign | (127 - 3 + below(g, 6)) << 23 | m;
    }
}

void gen_fx_data(struct gen *g, uint8_t p[16])
{
    uint64_t d;
    uint32_t kind = below(g, 6);
    for (int i = 0; i < 16; i += 4)
        put32(p + i, gen_random(g));
    switch (kind) {
    case 0: random_x80(g, p); break;
    case 1:
        for (int i = 0; i < 16; i += 8) {
            d = random_f64(g);
            memcpy(p + i, &d, 8);
        }
        break;
    case 2:
        for (int i = 0; i < 16; i += 4)
            put32(p + i, random_f32(g));
        break;
    case 3: /* packed decimal */
        for (int i = 0; i < 9; i++)
            p[i] = (uint8_t)(below(g, 10) | below(g, 10) << 4);
        p[9] = (uint8_t)(gen_random(g) & 0x80);
        break;
    case 4: /* integers of all sizes */
        for (int i = 0; i < 16; i += 8) {
            d = some_bits(g) >> below(g, 64);
            memcpy(p + i, &d, 8);
        }
        break;
    default: break;
    }
}

/* ---- state ---- */

void gen_fx_state(struct gen *g, uint8_t image[512], bool clean)
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    f.mxcsr = gen_mxcsr(g) | (clean ? 0x1f80 : 0);
    for (int i = 0; i < 8; i++)
        gen_fx_data(g, f.xmm[i]);
    f.fcw = (uint16_t)((gen_random(g) & 0x1f3f) | 0x40);
    if (once_in(g, 2))
        f.fcw |= 0x300;
    if (clean || once_in(g, 2))
        f.fcw |= 0x3f;
    else if (once_in(g, 2))
        f.fcw |= 0x3f & ~(1u << below(g, 6));
    f.fsw = gen_random(g) & 0x7f7f;
    if (clean || !once_in(g, 6))
        f.fsw &= (uint16_t) ~(~f.fcw & 0x3fu); /* nothing pending */
    if (once_in(g, 2))
        f.fsw &= (uint16_t)~0x7fu;
    if (f.fsw & ~f.fcw & 0x3f)
        f.fsw |= 0x8080;
    uint32_t top = f.fsw >> 11 & 7, used = below(g, 9); /* registers from the top on */
    for (uint32_t i = 0; i < used; i++)
        f.tag |= (uint8_t)(1u << ((top + i) & 7));
    if (once_in(g, 4))
        f.tag = once_in(g, 2) ? 0xff : (uint8_t)gen_random(g);
    for (int i = 0; i < 8; i++)
        random_x80(g, f.st[i].b);
    if (once_in(g, 3)) { /* operands close to each other */
        memcpy(f.st[1].b, f.st[0].b, 10);
        f.st[1].b[below(g, 10)] ^= (uint8_t)(1u << below(g, 8));
    }
    f.fip = gen_random(g);
    memcpy(image, &f, sizeof f);
}

/* ---- instructions ---- */

enum { ESCAPE = 0xd8, FORMS = 64 };

/* Memory forms by ModRM.reg that there are: a mask for each of D8 to DF, without FISTTP. */
static const uint8_t memory_forms[8] = {0xff, 0xfd, 0xff, 0xad, 0xff, 0xdd, 0xff, 0xfd};

/* First the memory forms (escape and ModRM.reg), then the register forms by ModRM.reg, then the
 * rows of MMX and SSE. */
int gen_fx_opcode(unsigned n)
{
    return n < 2 * FORMS + gen_simd_rows() ? GEN_FX_OPCODE + (int)n : -1;
}

/* FNSTENV and FNSAVE, and what clears the pointers in their image behind them. */
static uint8_t *environment(struct gen *g, uint8_t *p, unsigned escape, bool small)
{
    uint32_t at = gen_address(g), first = small ? 6 : 12, last = small ? 10 : 24;
    *p++ = (uint8_t)(ESCAPE + escape);
    p = gen_modrm_absolute(p, 6, at);
    return gen_clear(p, at + first, (last - first) / 4 + 1);
}

size_t gen_fx_insn(struct gen *g, uint8_t *buf)
{
    unsigned form = g->opcode >= GEN_FX_OPCODE ? (unsigned)g->opcode - GEN_FX_OPCODE : 0;
    uint8_t *p = buf;
    if (g->opcode < 0 && gen_simd_rows() &&
        (!(g->fx & GEN_X87) || (g->fx & GEN_SIMD && once_in(g, 2))))
        form = 2 * FORMS + below(g, gen_simd_rows());
    else if (g->opcode < 0) /* in blocks what is valid, mostly */
        do
            form = below(g, 2 * FORMS);
        while (form < FORMS && !(memory_forms[form >> 3] >> (form & 7) & 1));
    if (form >= 2 * FORMS) {
        p = gen_simd_insn(g, form - 2 * FORMS, p);
        g->used_fx = true;
        g->fix_at = g->fix_size = 0;
        g->eip += (uint32_t)(p - buf);
        return (size_t)(p - buf);
    }
    unsigned escape = form >> 3 & 7, reg = form & 7;
    if (form < FORMS && (escape & 1) && escape != 1 && reg == 1)
        form += FORMS; /* FISTTP */
    bool small = once_in(g, 16);
    if (small)
        *p++ = 0x66;
    if (form < FORMS) {
        bool address16 = once_in(g, 64);
        if ((escape == 1 || escape == 5) && reg == 6) {
            p = environment(g, p, escape, small);
        } else {
            static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x65};
            if (once_in(g, 16))
                *p++ = segments[below(g, g->gs ? 7 : 5)];
            if (address16)
                *p++ = 0x67;
            *p++ = (uint8_t)(ESCAPE + escape);
            p = address16 ? gen_modrm_16(g, p, reg)
                          : gen_modrm_32(g, p, reg, below(g, 256) < g->wild);
        }
    } else {
        *p++ = (uint8_t)(ESCAPE + escape);
        *p++ = (uint8_t)(0xc0 | reg << 3 | below(g, 8));
    }
    g->used_fx = true;
    g->fix_at = g->fix_size = 0;
    g->eip += (uint32_t)(p - buf);
    return (size_t)(p - buf);
}

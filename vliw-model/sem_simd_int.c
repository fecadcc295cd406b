/* SPDX-License-Identifier: MIT */
/*
 * Integer functions of valu and vmul, in portable C over copies of the operands: elements are
 * little-endian as the host's must be (the model's memory has that need already). The forms for 8
 * bytes are the low halves of those for 16, but for the few that cross the middle: they ask for the
 * number of elements, `m ? half : whole`.
 *
 * To add a function: its row in simd.def and a case here that fills r from d and s, or returns rd.
 */
#include <string.h>
#include "vliw-model/sem_simd.h"

typedef union {
    uint8_t b[16];
    uint16_t w[8];
    uint32_t l[4];
    uint64_t q[2];
} xmm;

static uint8_t sat_s8(int32_t v)
{
    return (uint8_t)(v > 127 ? 127 : v < -128 ? -128 : v);
}

static uint8_t sat_u8(int32_t v)
{
    return (uint8_t)(v > 255 ? 255 : v < 0 ? 0 : v);
}

static uint16_t sat_s16(int32_t v)
{
    return (uint16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static uint16_t sat_u16(int32_t v)
{
    return (uint16_t)(v > 65535 ? 65535 : v < 0 ? 0 : v);
}

/* Interleaves n elements of `size` bytes, from the given byte of each. */
static void unpack(xmm *r, const xmm *d, const xmm *s, unsigned size, unsigned from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        memcpy(r->b + 2 * i * size, d->b + from + i * size, size);
        memcpy(r->b + (2 * i + 1) * size, s->b + from + i * size, size);
    }
}

/* The top bits of 8 bytes, gathered by a multiplication. */
static uint32_t top_bits(uint64_t q)
{
    return (uint32_t)((q >> 7 & 0x0101010101010101) * 0x0102040810204080 >> 56);
}

static uint32_t product(const xmm *d, const xmm *s, unsigned i)
{
    return (uint32_t)((int16_t)d->w[i] * (int16_t)s->w[i]);
}

static uint32_t differences(const xmm *d, const xmm *s, unsigned from)
{
    uint32_t sum = 0;
    for (unsigned i = from; i < from + 8; i++)
        sum += (uint32_t)(d->b[i] > s->b[i] ? d->b[i] - s->b[i] : s->b[i] - d->b[i]);
    return sum;
}

#define EACH(f, n, expr)                                                                           \
    for (unsigned i = 0; i < n; i++)                                                               \
        r.f[i] = (expr);                                                                           \
    break
#define BYTES(expr) EACH(b, 16, (uint8_t)(expr))
#define WORDS(expr) EACH(w, 8, (uint16_t)(expr))
#define LONGS(expr) EACH(l, 4, (uint32_t)(expr))
#define QUADS(expr) EACH(q, 2, (uint64_t)(expr))
#define PACK_N(f, n, sat, from)                                                                    \
    for (unsigned i = 0; i < (n); i++) {                                                           \
        r.f[i] = sat(from(d));                                                                     \
        r.f[(n) + i] = sat(from(s));                                                               \
    }
#define PACK(f, n, sat, from)                                                                      \
    if (m)                                                                                         \
        PACK_N(f, n / 2, sat, from)                                                                \
    else                                                                                           \
        PACK_N(f, n, sat, from)                                                                    \
    break
#define UB(x) ((int32_t)(x).b[i])
#define SB(x) ((int32_t)(int8_t)(x).b[i])
#define UW(x) ((int32_t)(x).w[i])
#define SW(x) ((int32_t)(int16_t)(x).w[i])
#define SL(x) ((int32_t)(x).l[i])

uint32_t simd_int(uint8_t (*wide)[16], uint32_t b)
{
    uint8_t *to = wide[SIMD_D(b)];
    const uint32_t imm = SIMD_IMM(b);
    const bool m = SIMD_M(b);
    const unsigned half = m ? 4 : 8; /* bytes of a half */
    xmm d, s, r;
    uint64_t n; /* shift count */
    unsigned __int128 all;
    memcpy(&d, to, 16);
    memcpy(&s, wide[SIMD_S(b)], 16);
    switch (SIMD_FN(b)) {
    case FN_MOVE: r = s; break;
    case FN_MOVQ:
        r.q[0] = s.q[0];
        r.q[1] = 0;
        break;
    case FN_MOVL:
        r.q[0] = s.l[0];
        r.q[1] = 0;
        break;
    case FN_MERGEL:
        r = d;
        r.l[0] = s.l[0];
        break;
    case FN_MERGEQ:
        r = d;
        r.q[0] = s.q[0];
        break;
    case FN_MOVHL:
        r = d;
        r.q[0] = s.q[1];
        break;
    case FN_MOVLH:
        r = d;
        r.q[1] = s.q[0];
        break;

    case FN_AND: QUADS(d.q[i] & s.q[i]);
    case FN_ANDN: QUADS(~d.q[i] & s.q[i]);
    case FN_OR: QUADS(d.q[i] | s.q[i]);
    case FN_XOR: QUADS(d.q[i] ^ s.q[i]);

    case FN_ADDB: BYTES(UB(d) + UB(s));
    case FN_ADDW: WORDS(UW(d) + UW(s));
    case FN_ADDD: LONGS(d.l[i] + s.l[i]);
    case FN_ADDQ: QUADS(d.q[i] + s.q[i]);
    case FN_ADDSB: BYTES(sat_s8(SB(d) + SB(s)));
    case FN_ADDSW: WORDS(sat_s16(SW(d) + SW(s)));
    case FN_ADDUSB: BYTES(sat_u8(UB(d) + UB(s)));
    case FN_ADDUSW: WORDS(sat_u16(UW(d) + UW(s)));
    case FN_SUBB: BYTES(UB(d) - UB(s));
    case FN_SUBW: WORDS(UW(d) - UW(s));
    case FN_SUBD: LONGS(d.l[i] - s.l[i]);
    case FN_SUBQ: QUADS(d.q[i] - s.q[i]);
    case FN_SUBSB: BYTES(sat_s8(SB(d) - SB(s)));
    case FN_SUBSW: WORDS(sat_s16(SW(d) - SW(s)));
    case FN_SUBUSB: BYTES(sat_u8(UB(d) - UB(s)));
    case FN_SUBUSW: WORDS(sat_u16(UW(d) - UW(s)));
    case FN_MINUB: BYTES(UB(d) < UB(s) ? UB(d) : UB(s));
    case FN_MAXUB: BYTES(UB(d) > UB(s) ? UB(d) : UB(s));
    case FN_MINSW: WORDS(SW(d) < SW(s) ? SW(d) : SW(s));
    case FN_MAXSW: WORDS(SW(d) > SW(s) ? SW(d) : SW(s));
    case FN_AVGB: BYTES((UB(d) + UB(s) + 1) >> 1);
    case FN_AVGW: WORDS((UW(d) + UW(s) + 1) >> 1);
    case FN_CMPEQB: BYTES(-(UB(d) == UB(s)));
    case FN_CMPEQW: WORDS(-(UW(d) == UW(s)));
    case FN_CMPEQD: LONGS(-(SL(d) == SL(s)));
    case FN_CMPGTB: BYTES(-(SB(d) > SB(s)));
    case FN_CMPGTW: WORDS(-(SW(d) > SW(s)));
    case FN_CMPGTD: LONGS(-(SL(d) > SL(s)));

    case FN_PACKSSWB: PACK(b, 8, sat_s8, SW);
    case FN_PACKUSWB: PACK(b, 8, sat_u8, SW);
    case FN_PACKSSDW: PACK(w, 4, sat_s16, SL);
    case FN_UNPCKLBW: unpack(&r, &d, &s, 1, 0, 8); break;
    case FN_UNPCKLWD: unpack(&r, &d, &s, 2, 0, 4); break;
    case FN_UNPCKLDQ: unpack(&r, &d, &s, 4, 0, 2); break;
    case FN_UNPCKLQDQ: unpack(&r, &d, &s, 8, 0, 1); break;
    case FN_UNPCKHBW: unpack(&r, &d, &s, 1, half, half); break;
    case FN_UNPCKHWD: unpack(&r, &d, &s, 2, half, half / 2); break;
    case FN_UNPCKHDQ: unpack(&r, &d, &s, 4, half, half / 4); break;
    case FN_UNPCKHQDQ: unpack(&r, &d, &s, 8, 8, 1); break;

    case FN_SHUFW:
    case FN_SHUFLW:
        r = s;
        for (unsigned i = 0; i < 4; i++)
            r.w[i] = s.w[imm >> 2 * i & 3];
        break;
    case FN_SHUFHW:
        r = s;
        for (unsigned i = 0; i < 4; i++)
            r.w[4 + i] = s.w[4 + (imm >> 2 * i & 3)];
        break;
    case FN_SHUFD: LONGS(s.l[imm >> 2 * i & 3]);
    case FN_SHUFPS: LONGS(i < 2 ? d.l[imm >> 2 * i & 3] : s.l[imm >> 2 * i & 3]);
    case FN_SHUFPD:
        r.q[0] = d.q[imm & 1];
        r.q[1] = s.q[imm >> 1 & 1];
        break;

    case FN_SLLWI: n = imm; goto sllw;
    case FN_SLLW:
        n = s.q[0];
    sllw:
        WORDS(n > 15 ? 0 : d.w[i] << n);
    case FN_SLLDI: n = imm; goto slld;
    case FN_SLLD:
        n = s.q[0];
    slld:
        LONGS(n > 31 ? 0 : d.l[i] << n);
    case FN_SLLQI: n = imm; goto sllq;
    case FN_SLLQ:
        n = s.q[0];
    sllq:
        QUADS(n > 63 ? 0 : d.q[i] << n);
    case FN_SRLWI: n = imm; goto srlw;
    case FN_SRLW:
        n = s.q[0];
    srlw:
        WORDS(n > 15 ? 0 : d.w[i] >> n);
    case FN_SRLDI: n = imm; goto srld;
    case FN_SRLD:
        n = s.q[0];
    srld:
        LONGS(n > 31 ? 0 : d.l[i] >> n);
    case FN_SRLQI: n = imm; goto srlq;
    case FN_SRLQ:
        n = s.q[0];
    srlq:
        QUADS(n > 63 ? 0 : d.q[i] >> n);
    case FN_SRAWI: n = imm; goto sraw;
    case FN_SRAW:
        n = s.q[0];
    sraw:
        WORDS(SW(d) >> (n > 15 ? 15 : n));
    case FN_SRADI: n = imm; goto srad;
    case FN_SRAD:
        n = s.q[0];
    srad:
        LONGS(SL(d) >> (n > 31 ? 31 : n));
    case FN_SLLDQ:
        memcpy(&all, &d, 16);
        all = imm > 15 ? 0 : all << 8 * imm;
        memcpy(&r, &all, 16);
        break;
    case FN_SRLDQ:
        memcpy(&all, &d, 16);
        all = imm > 15 ? 0 : all >> 8 * imm;
        memcpy(&r, &all, 16);
        break;

    case FN_MOVMSKB: return m ? top_bits(s.q[0]) : top_bits(s.q[0]) | top_bits(s.q[1]) << 8;
    case FN_MOVMSKPS:
        return s.l[0] >> 31 | s.l[1] >> 31 << 1 | s.l[2] >> 31 << 2 | s.l[3] >> 31 << 3;
    case FN_MOVMSKPD: return (uint32_t)(s.q[0] >> 63 | s.q[1] >> 63 << 1);
    case FN_EXTRW: return s.w[imm & (half - 1)];
    case FN_INSRW:
        r = d;
        r.w[imm & (half - 1)] = s.w[0];
        break;

    case FN_MULLW: WORDS(SW(d) * SW(s));
    case FN_MULHW: WORDS((SW(d) * SW(s)) >> 16);
    case FN_MULHUW: WORDS(((uint32_t)d.w[i] * s.w[i]) >> 16);
    case FN_MADDWD: LONGS(product(&d, &s, 2 * i) + product(&d, &s, 2 * i + 1));
    case FN_MULUDQ: QUADS((uint64_t)d.l[2 * i] * s.l[2 * i]);
    case FN_SADBW: QUADS(differences(&d, &s, 8 * i));
    default: return 0;
    }
    simd_write(to, &r, m);
    return 0;
}

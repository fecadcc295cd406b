/* SPDX-License-Identifier: MIT */
/*
 * Integer functions of valu and vmul over copies of the operands, in C for any little-endian host
 * (the model's memory wants one already): element by element, or with vectors of the compiler's
 * where a loop of stores, read again as a whole, would be slow. The forms for 8 bytes are the low
 * halves of those for 16, but for the few that cross the middle: they look at m.
 *
 * To add a function: its row in simd.def and a case here that fills r from d and s, or returns rd.
 */
#include <string.h>
#include "vliw-model/sem_simd.h"

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef uint16_t words __attribute__((vector_size(16)));
typedef int16_t signed_words __attribute__((vector_size(16)));
typedef uint32_t longs __attribute__((vector_size(16)));
typedef int32_t signed_longs __attribute__((vector_size(16)));
typedef uint64_t quads __attribute__((vector_size(16)));
typedef uint8_t half_bytes __attribute__((vector_size(8)));
typedef uint16_t half_words __attribute__((vector_size(8)));

typedef union {
    uint8_t b[16];
    uint16_t w[8];
    uint32_t l[4];
    uint64_t q[2];
    /* the same as vectors of the compiler's, on any host */
    bytes vb;
    words vw;
    signed_words vsw;
    longs vl;
    signed_longs vsl;
    quads vq;
} xmm;

static uint8_t sat_s8(int32_t v)
{
    return (uint8_t)(v > 127 ? 127 : v < -128 ? -128 : v);
}

static uint16_t sat_s16(int32_t v)
{
    return (uint16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

/* Elements of d and s by turns: of the low halves, or of the high ones; with m, of the low or high
 * halves of the low 8 bytes. */
#define UNPACK(v, high, n)                                                                         \
    if (m || !high)                                                                                \
        r.v = __builtin_shufflevector(d.v, s.v, LOW_##n);                                          \
    else                                                                                           \
        r.v = __builtin_shufflevector(d.v, s.v, HIGH_##n);                                         \
    if (m && high)                                                                                 \
        r.q[0] = r.q[1];                                                                           \
    break
#define LOW_16  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_8   0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8  4, 12, 5, 13, 6, 14, 7, 15
#define LOW_4   0, 4, 1, 5
#define HIGH_4  2, 6, 3, 7

/* Elements of v no less than lo and no more than hi. */
#define CLAMP(v, type, lo, hi)                                                                     \
    ({                                                                                             \
        type x_ = (v), below_ = x_<(type){} + (lo), above_ = x_>(type){} + (hi);                   \
        (x_ & ~below_ & ~above_) | (((type){} + (lo)) & below_) | (((type){} + (hi)) & above_);    \
    })

/* Two halves of a result; with m, halves of these. */
static quads two_halves(uint64_t low, uint64_t high, bool m)
{
    return m ? (quads){(low & 0xffffffffu) | high << 32, 0} : (quads){low, high};
}

static uint64_t pack_words(signed_words v, int16_t lo, int16_t hi)
{
    half_bytes h = __builtin_convertvector(CLAMP(v, signed_words, lo, hi), half_bytes);
    uint64_t q;
    memcpy(&q, &h, 8);
    return q;
}

static uint64_t pack_longs(signed_longs v)
{
    half_words h = __builtin_convertvector(CLAMP(v, signed_longs, -32768, 32767), half_words);
    uint64_t q;
    memcpy(&q, &h, 8);
    return q;
}

/* Four words of the quadword at w, in the order of imm8. */
static uint64_t shuffle(const uint16_t *w, uint32_t imm)
{
    return w[imm & 3] | (uint64_t)w[imm >> 2 & 3] << 16 | (uint64_t)w[imm >> 4 & 3] << 32 |
           (uint64_t)w[imm >> 6 & 3] << 48;
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
/* By count n, beyond which all is 0. */
#define SHIFT(v, shift, bits)                                                                      \
    r.v = n >= bits ? (__typeof__(r.v)){} : d.v shift(uint32_t) n;                                 \
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
    case FN_MOVQ: r.vq = (quads){s.q[0], 0}; break;
    case FN_MOVL: r.vq = (quads){s.l[0], 0}; break;
    case FN_MERGEL: r.vq = (quads){(d.q[0] & ~(uint64_t)0xffffffff) | s.l[0], d.q[1]}; break;
    case FN_MERGEQ: r.vq = (quads){s.q[0], d.q[1]}; break;
    case FN_MOVHL: r.vq = (quads){s.q[1], d.q[1]}; break;
    case FN_MOVLH: r.vq = (quads){d.q[0], s.q[0]}; break;

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
    case FN_ADDUSB:
        r.vb = d.vb + s.vb;
        r.vb |= (bytes)(r.vb < d.vb); /* it wrapped */
        break;
    case FN_ADDUSW:
        r.vw = d.vw + s.vw;
        r.vw |= (words)(r.vw < d.vw); /* it wrapped */
        break;
    case FN_SUBB: BYTES(UB(d) - UB(s));
    case FN_SUBW: WORDS(UW(d) - UW(s));
    case FN_SUBD: LONGS(d.l[i] - s.l[i]);
    case FN_SUBQ: QUADS(d.q[i] - s.q[i]);
    case FN_SUBSB: BYTES(sat_s8(SB(d) - SB(s)));
    case FN_SUBSW: WORDS(sat_s16(SW(d) - SW(s)));
    case FN_SUBUSB: r.vb = (d.vb - s.vb) & (bytes)(d.vb > s.vb); break;
    case FN_SUBUSW: r.vw = (d.vw - s.vw) & (words)(d.vw > s.vw); break;
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

    case FN_PACKSSWB:
        r.vq = two_halves(pack_words(d.vsw, -128, 127), pack_words(s.vsw, -128, 127), m);
        break;
    case FN_PACKUSWB:
        r.vq = two_halves(pack_words(d.vsw, 0, 255), pack_words(s.vsw, 0, 255), m);
        break;
    case FN_PACKSSDW: r.vq = two_halves(pack_longs(d.vsl), pack_longs(s.vsl), m); break;
    case FN_UNPCKLBW: UNPACK(vb, 0, 16);
    case FN_UNPCKLWD: UNPACK(vw, 0, 8);
    case FN_UNPCKLDQ: UNPACK(vl, 0, 4);
    case FN_UNPCKLQDQ: r.vq = (quads){d.q[0], s.q[0]}; break;
    case FN_UNPCKHBW: UNPACK(vb, 1, 16);
    case FN_UNPCKHWD: UNPACK(vw, 1, 8);
    case FN_UNPCKHDQ: UNPACK(vl, 1, 4);
    case FN_UNPCKHQDQ: r.vq = (quads){d.q[1], s.q[1]}; break;

    case FN_SHUFW:
    case FN_SHUFLW: r.vq = (quads){shuffle(s.w, imm), s.q[1]}; break;
    case FN_SHUFHW: r.vq = (quads){s.q[0], shuffle(s.w + 4, imm)}; break;
    case FN_SHUFD:
        r.vl = (longs){s.l[imm & 3], s.l[imm >> 2 & 3], s.l[imm >> 4 & 3], s.l[imm >> 6 & 3]};
        break;
    case FN_SHUFPS:
        r.vl = (longs){d.l[imm & 3], d.l[imm >> 2 & 3], s.l[imm >> 4 & 3], s.l[imm >> 6 & 3]};
        break;
    case FN_SHUFPD: r.vq = (quads){d.q[imm & 1], s.q[imm >> 1 & 1]}; break;

    case FN_SLLW: n = s.q[0]; goto sllw;
    case FN_SLLWI:
        n = imm;
    sllw:
        SHIFT(vw, <<, 16);
    case FN_SLLD: n = s.q[0]; goto slld;
    case FN_SLLDI:
        n = imm;
    slld:
        SHIFT(vl, <<, 32);
    case FN_SLLQ: n = s.q[0]; goto sllq;
    case FN_SLLQI:
        n = imm;
    sllq:
        SHIFT(vq, <<, 64);
    case FN_SRLW: n = s.q[0]; goto srlw;
    case FN_SRLWI:
        n = imm;
    srlw:
        SHIFT(vw, >>, 16);
    case FN_SRLD: n = s.q[0]; goto srld;
    case FN_SRLDI:
        n = imm;
    srld:
        SHIFT(vl, >>, 32);
    case FN_SRLQ: n = s.q[0]; goto srlq;
    case FN_SRLQI:
        n = imm;
    srlq:
        SHIFT(vq, >>, 64);
    case FN_SRAW: n = s.q[0]; goto sraw;
    case FN_SRAWI:
        n = imm;
    sraw:
        r.vsw = d.vsw >> (uint32_t)(n > 15 ? 15 : n);
        break;
    case FN_SRAD: n = s.q[0]; goto srad;
    case FN_SRADI:
        n = imm;
    srad:
        r.vsl = d.vsl >> (uint32_t)(n > 31 ? 31 : n);
        break;
    case FN_SLLDQ:
        all = imm > 15 ? 0 : ((unsigned __int128)d.q[1] << 64 | d.q[0]) << 8 * imm;
        r.vq = (quads){(uint64_t)all, (uint64_t)(all >> 64)};
        break;
    case FN_SRLDQ:
        all = imm > 15 ? 0 : ((unsigned __int128)d.q[1] << 64 | d.q[0]) >> 8 * imm;
        r.vq = (quads){(uint64_t)all, (uint64_t)(all >> 64)};
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

/* SPDX-License-Identifier: MIT */
/*
 * Float functions of vfp and vfdiv, by the host's own SSE2 instructions under the guest's MXCSR
 * with all exceptions masked: results, NaNs, flags, rounding, DAZ and FTZ are then right by
 * definition. Unmasked exceptions are worked out from the flags of that, because the host's would
 * be a signal:
 *
 *   IE DE ZE   are found before anything is computed. If one of them is unmasked, the three kinds
 *              of all elements are reported and no others.
 *   OE UE      Masked, UE means tiny and inexact; unmasked, tiny alone, and FTZ counts for nothing;
 *              PE then tells whether the result with an unbounded exponent is inexact. The x87
 *              computes just that, rounding to 24 or 53 bits with an exponent of 15: by_element().
 *
 * rcp and rsqrt differ between makers; here they are integer arithmetic (simd_approximate()).
 *
 * The host's MXCSR is slow to load, and slower where a flag that was 0 is then raised. So it is
 * left as the guest wants it, until simd_end(), and so are its flags as long as the guest's has
 * them too; then a function loads nothing.
 *
 * On other hosts sem_simd_soft.c computes all of it, with the same results.
 *
 * To add a function: its row in simd.def, a case in compute() and one there.
 */
#include <string.h>
#include "vliw-model/sem_fp.h"
#include "vliw-model/sem_simd.h"

#if FP_ON_HOST

#include <emmintrin.h>

enum { PRE = FS_IE | FS_DE | FS_ZE, ALL = 0x3f };
enum { OM = FS_OE << MX_MASK_SHIFT, UM = FS_UE << MX_MASK_SHIFT };

/* ---- the host's instructions ---- */

/*
 * Statements in the order they stand in: none is moved across another. Between set_mxcsr, or a look
 * at MXCSR, and the flags read afterwards stand only those of the instruction.
 */
#define HOST(text)    __asm__ volatile(text : [d] "+x"(*d) : [s] "x"(s))
#define HOST_RD(text) __asm__ volatile(text : [v] "=r"(*rd) : [s] "x"(s))
#define HOST_COMPARE(text)                                                                         \
    do {                                                                                           \
        bool zf_, pf_, cf_;                                                                        \
        __asm__ volatile(text " %[s], %[d]"                                                        \
                         : "=@ccz"(zf_), "=@ccp"(pf_), "=@ccc"(cf_)                                \
                         : [d] "x"(*d), [s] "x"(s));                                               \
        *rd = (zf_ ? F_ZF : 0) | (pf_ ? F_PF : 0) | (cf_ ? F_CF : 0);                              \
    } while (0)
#define BINARY(name, text)                                                                         \
    case FN_##name:                                                                                \
        HOST(text " %[s], %[d]");                                                                  \
        break
#define FOUR(NAME, name)                                                                           \
    BINARY(NAME##PS, name "ps");                                                                   \
    BINARY(NAME##SS, name "ss");                                                                   \
    BINARY(NAME##PD, name "pd");                                                                   \
    BINARY(NAME##SD, name "sd")
#define PREDICATES(text)                                                                           \
    switch (imm & 7) {                                                                             \
    case 0: HOST(text " $0, %[s], %[d]"); break;                                                   \
    case 1: HOST(text " $1, %[s], %[d]"); break;                                                   \
    case 2: HOST(text " $2, %[s], %[d]"); break;                                                   \
    case 3: HOST(text " $3, %[s], %[d]"); break;                                                   \
    case 4: HOST(text " $4, %[s], %[d]"); break;                                                   \
    case 5: HOST(text " $5, %[s], %[d]"); break;                                                   \
    case 6: HOST(text " $6, %[s], %[d]"); break;                                                   \
    default: HOST(text " $7, %[s], %[d]"); break;                                                  \
    }                                                                                              \
    break

static inline void set_mxcsr(uint32_t v)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(v));
}

static inline uint32_t get_mxcsr(void)
{
    uint32_t v;
    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}

/* Computes under the host's MXCSR, which masks everything; returns the flags it has then, or -1 for
 * no such function. Functions whose result goes to *rd leave *d. */
static int compute(unsigned fn, __m128i *d, __m128i s, uint32_t imm, uint32_t *rd)
{
    switch (fn) {
        FOUR(ADD, "add");
        FOUR(SUB, "sub");
        FOUR(MUL, "mul");
        FOUR(DIV, "div");
        FOUR(MIN, "min");
        FOUR(MAX, "max");
        FOUR(SQRT, "sqrt");
    case FN_CMPPS: PREDICATES("cmpps");
    case FN_CMPSS: PREDICATES("cmpss");
    case FN_CMPPD: PREDICATES("cmppd");
    case FN_CMPSD: PREDICATES("cmpsd");
    case FN_COMISS: HOST_COMPARE("comiss"); break;
    case FN_UCOMISS: HOST_COMPARE("ucomiss"); break;
    case FN_COMISD: HOST_COMPARE("comisd"); break;
    case FN_UCOMISD: HOST_COMPARE("ucomisd"); break;
    case FN_RCPPS:
    case FN_RCPSS:
    case FN_RSQRTPS:
    case FN_RSQRTSS:
        simd_approximate((uint8_t *)d, (const uint8_t *)&s, fn);
        break;
        BINARY(CVTDQ2PS, "cvtdq2ps");
        BINARY(CVTPS2DQ, "cvtps2dq");
        BINARY(CVTTPS2DQ, "cvttps2dq");
        BINARY(CVTDQ2PD, "cvtdq2pd");
        BINARY(CVTPD2DQ, "cvtpd2dq");
        BINARY(CVTTPD2DQ, "cvttpd2dq");
        BINARY(CVTPS2PD, "cvtps2pd");
        BINARY(CVTPD2PS, "cvtpd2ps");
        BINARY(CVTSS2SD, "cvtss2sd");
        BINARY(CVTSD2SS, "cvtsd2ss");
    case FN_CVTSI2SS:
        imm = (uint32_t)_mm_cvtsi128_si32(s);
        __asm__ volatile("cvtsi2ss %[v], %[d]" : [d] "+x"(*d) : [v] "r"(imm));
        break;
    case FN_CVTSI2SD:
        imm = (uint32_t)_mm_cvtsi128_si32(s);
        __asm__ volatile("cvtsi2sd %[v], %[d]" : [d] "+x"(*d) : [v] "r"(imm));
        break;
    case FN_CVTSS2SI: HOST_RD("cvtss2si %[s], %[v]"); break;
    case FN_CVTTSS2SI: HOST_RD("cvttss2si %[s], %[v]"); break;
    case FN_CVTSD2SI: HOST_RD("cvtsd2si %[s], %[v]"); break;
    case FN_CVTTSD2SI: HOST_RD("cvttsd2si %[s], %[v]"); break;
    /* Operands of 8 bytes: the instruction for 16, zeros above. */
    case FN_CVTPI2PS: {
        __m128i high = *d;
        s = _mm_move_epi64(s);
        HOST("cvtdq2ps %[s], %[d]");
        *d = _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(high), _mm_castsi128_pd(*d)));
        break;
    }
        BINARY(CVTPI2PD, "cvtdq2pd");
        BINARY(CVTPD2PI, "cvtpd2dq");
        BINARY(CVTTPD2PI, "cvttpd2dq");
    case FN_CVTPS2PI:
        s = _mm_move_epi64(s);
        HOST("cvtps2dq %[s], %[d]");
        break;
    case FN_CVTTPS2PI:
        s = _mm_move_epi64(s);
        HOST("cvttps2dq %[s], %[d]");
        break;
    default: return -1;
    }
    return (int)(get_mxcsr() & ALL);
}

/* How the guest's MXCSR wants it, with all masked and no flags. */
static uint32_t control_of(uint32_t mxcsr)
{
    return (mxcsr & (MX_DAZ | 3u << MX_RC_SHIFT | MX_FTZ)) | MX_MASKS;
}

/* ---- unmasked overflow and underflow ---- */

enum how { ADD, SUB, MUL, DIV, ROUND };

/* What the x87 makes of x and y: the biased exponent (15 bits) of the result, 0 for zero, and
 * whether it is inexact. x and y are finite doubles, of which singles are some. */
static uint32_t unbounded(enum how how, double x, double y, bool single, uint32_t rc, bool *inexact)
{
    uint16_t sw, cw = (uint16_t)(0x3f | (single ? 0 : 0x200) | rc << 10);
    struct {
        uint64_t mant;
        uint16_t exp;
    } v;
#define X87(text)                                                                                  \
    __asm__ volatile("fninit\n\tfldcw %[cw]\n\tfldl %[x]\n\tfldl %[y]\n\t" text                    \
                     "\n\tfnstsw %[sw]\n\tfstpt %[v]\n\tfninit"                                    \
                     : [sw] "=m"(sw), [v] "=m"(v)                                                  \
                     : [cw] "m"(cw), [x] "m"(x), [y] "m"(y)                                        \
                     : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)")
    switch (how) {
    case ADD: X87("faddp"); break;
    case SUB: X87("fsubrp"); break;
    case DIV: X87("fdivrp"); break;
    default: X87("fmulp"); break;
    }
    *inexact = sw & FS_PE;
    return v.mant ? v.exp & 0x7fff : 0;
}

static bool is_finite(double v)
{
    uint64_t u;
    memcpy(&u, &v, 8);
    return (u >> 52 & 0x7ff) != 0x7ff;
}

/* One element, single or double, as a double; DAZ if wanted. */
static double element(const uint8_t *p, bool single, bool daz)
{
    if (single) {
        uint32_t u;
        float f;
        memcpy(&u, p, 4);
        if (daz && !(u & 0x7f800000))
            u &= 0x80000000u;
        memcpy(&f, &u, 4);
        return f;
    }
    uint64_t u;
    double f;
    memcpy(&u, p, 8);
    if (daz && !(u & 0x7ff0000000000000))
        u &= 0x8000000000000000;
    memcpy(&f, &u, 8);
    return f;
}

/* The flags of a function with OE or UE unmasked: those of each element as computed with all
 * masked, but for elements too great or too small. -1: the function knows neither. */
static int by_element(unsigned fn, const uint8_t *d, const uint8_t *s, uint32_t mxcsr)
{
    enum how how;
    unsigned scalar, n, size;
    bool single, daz = mxcsr & MX_DAZ;
    uint32_t raised = 0;
#define TWO(NAME, how_)                                                                            \
    case FN_##NAME##PS:                                                                            \
    case FN_##NAME##SS:                                                                            \
        how = how_;                                                                                \
        scalar = FN_##NAME##SS;                                                                    \
        goto singles;                                                                              \
    case FN_##NAME##PD:                                                                            \
    case FN_##NAME##SD:                                                                            \
        how = how_;                                                                                \
        scalar = FN_##NAME##SD;                                                                    \
        goto doubles
    switch (fn) {
        TWO(ADD, ADD);
        TWO(SUB, SUB);
        TWO(MUL, MUL);
        TWO(DIV, DIV);
    case FN_CVTPD2PS:
    case FN_CVTSD2SS:
        how = ROUND;
        scalar = FN_CVTSD2SS;
        goto doubles;
    default: return -1;
    }
singles:
    single = true;
    size = 4;
    n = fn == scalar ? 1 : 4;
    goto go;
doubles:
    single = how == ROUND;
    size = 8;
    n = fn == scalar ? 1 : 2;
go:
    for (unsigned i = 0; i < n; i++) {
        __m128i vd = _mm_setzero_si128(), vs = vd;
        double x = 1, y = element(s + i * size, size == 4, daz);
        bool inexact;
        memcpy(&vd, d + i * size, size);
        memcpy(&vs, s + i * size, size);
        set_mxcsr(control_of(mxcsr));
        uint32_t f = (uint32_t)compute(scalar, &vd, vs, 0, NULL);
        if (how != ROUND)
            x = element(d + i * size, size == 4, daz);
        if (is_finite(x) && is_finite(y) && !(f & (FS_IE | FS_ZE))) {
            uint32_t rc = mxcsr >> MX_RC_SHIFT & 3, bias = single ? 127 : 1023,
                     e = unbounded(how, x, y, single, rc, &inexact);
            bool tiny = e != 0 && e <= 16383 - bias;
            bool huge = e > 16383 + bias;
            if ((tiny && !(mxcsr & UM)) || (huge && !(mxcsr & OM)))
                f = (f & ~(uint32_t)(FS_OE | FS_UE | FS_PE)) | (tiny ? FS_UE : FS_OE) |
                    (inexact ? FS_PE : 0);
        }
        raised |= f;
    }
    return (int)raised;
}

/* With exceptions that are not masked. As compute(). */
static __attribute__((noinline)) int unmasked_float(unsigned fn, __m128i *d, __m128i s,
                                                    uint32_t imm, uint32_t mxcsr, uint32_t *rd)
{
    const uint32_t unmasked = ~mxcsr >> MX_MASK_SHIFT;
    const __m128i before = *d;
    int raised, f = -1;
    set_mxcsr(control_of(mxcsr));
    raised = compute(fn, d, s, imm, rd);
    if (raised >= 0 && (unmasked & (FS_OE | FS_UE)))
        f = by_element(fn, (const uint8_t *)&before, (const uint8_t *)&s, mxcsr);
    if (raised >= 0 && ((uint32_t)raised & unmasked & PRE))
        return raised & PRE;
    return f >= 0 ? f : raised;
}

uint32_t simd_float(uint8_t (*wide)[16], uint32_t b, uint32_t mxcsr, uint32_t *rd)
{
    uint8_t *to = wide[SIMD_D(b)];
    const unsigned fn = SIMD_FN(b);
    __m128i d = _mm_loadu_si128((const __m128i *)to),
            s = _mm_loadu_si128((const __m128i *)wide[SIMD_S(b)]);
    int raised;
    *rd = 0;
    if (__builtin_expect((mxcsr & MX_MASKS) == MX_MASKS, 1)) {
        /* Flags that the guest has already need not be told apart from those raised now. */
        if (__builtin_expect((get_mxcsr() & ~(mxcsr & ALL)) != control_of(mxcsr), 0))
            set_mxcsr(control_of(mxcsr));
        raised = compute(fn, &d, s, SIMD_IMM(b), rd);
    } else {
        uint32_t v = 0;
        raised = unmasked_float(fn, &d, s, SIMD_IMM(b), mxcsr, &v);
        if (raised >= 0 && MX_UNMASKED(mxcsr, (uint32_t)raised))
            return (uint32_t)raised;
        *rd = v;
    }
    if (raised < 0)
        return 0;
    if (!simd_fn_reads_only(fn))
        simd_write(to, &d, SIMD_M(b));
    return (uint32_t)raised;
}

void simd_end(void)
{
    if (__builtin_expect((get_mxcsr() & ~(uint32_t)ALL) != MXCSR_RESET, 0))
        set_mxcsr(MXCSR_RESET);
}

#else

uint32_t simd_float(uint8_t (*wide)[16], uint32_t b, uint32_t mxcsr, uint32_t *rd)
{
    return simd_float_soft(wide, b, mxcsr, rd);
}

void simd_end(void)
{
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * FP ops: what is common by integer arithmetic (`fast`), all else by the x87 of the host, which is
 * exact to the bit by definition: each op loads the
 * machine's control word, executes one x87 instruction on copies of its operands and reads the
 * status word. Unmasked exceptions are no trouble: the host reports them only at a later waiting
 * instruction, and fnclex comes before any. All of it is what IEEE 754 and the x87 leave no choice
 * in; transcendentals differ between processors and are therefore no ops.
 *
 * The compiler's own x87 state: the ABI promises an empty stack and control word 0x37f between
 * calls, and fninit leaves exactly that.
 *
 * On other hosts there is no more than `fast` yet: the first FP op beyond it ends the simulation as a
 * defect. A portable version belongs here.
 *
 * To add an op: a case in fp_op, and what it needs of the macros below.
 */
#include <string.h>
#include "vliw-model/sem_fp.h"

uint32_t fp_wget(uint8_t (*wide)[16], uint32_t b)
{
    uint32_t v;
    memcpy(&v, &wide[b >> 2 & 31][(b & 3) * 4], 4);
    return v;
}

void fp_wput(uint8_t (*wide)[16], uint32_t a, uint32_t b)
{
    memcpy(&wide[b >> 2 & 31][(b & 3) * 4], &a, 4);
}

/*
 * The common cases by integer arithmetic, several times as fast as the host's x87 with its control
 * word to load and its status to clear: normal numbers and zeros, rounded to nearest, with a normal
 * result (or an exact zero). Whatever else comes up is declined before anything is written.
 */
struct num {
    uint64_t sig; /* bit 63 is set, or it is a zero */
    int32_t e;
    uint32_t sign;
};

enum { BIAS = 0x3fff, E_MAX = 0x7fff, CW_ROUND = 0xc00, CW_PRECISION = 0x300 };

static inline bool get_x80(const uint8_t *p, struct num *v)
{
    uint16_t se;
    memcpy(&v->sig, p, 8);
    memcpy(&se, p + 8, 2);
    v->e = se & E_MAX;
    v->sign = se >> 15;
    return v->sig >> 63 ? v->e != E_MAX && v->e != 0 : !(v->sig | (uint32_t)v->e);
}

static inline void put_x80(uint8_t *p, const struct num *v)
{
    uint16_t se = (uint16_t)((uint32_t)v->e | v->sign << 15);
    memcpy(p, &v->sig, 8);
    memcpy(p + 8, &se, 2);
}

/* A number in any format. */
static inline bool get(const uint8_t *p, uint32_t format, struct num *v)
{
    uint64_t q;
    uint32_t w;
    switch (format) {
    case WF_X80: return get_x80(p, v);
    case WF_F64:
        memcpy(&q, p, 8);
        v->sign = (uint32_t)(q >> 63);
        v->e = q >> 52 & 0x7ff;
        v->sig = q << 12 >> 1;
        if (v->e == 0)
            return v->sig == 0;
        if (v->e == 0x7ff)
            return false;
        v->sig |= 1ull << 63;
        v->e += BIAS - 1023;
        return true;
    case WF_F32:
        memcpy(&w, p, 4);
        v->sign = w >> 31;
        v->e = w >> 23 & 0xff;
        v->sig = (uint64_t)(w << 9) << 31;
        if (v->e == 0)
            return v->sig == 0;
        if (v->e == 0xff)
            return false;
        v->sig |= 1ull << 63;
        v->e += BIAS - 127;
        return true;
    case WF_I16: {
        int16_t h;
        memcpy(&h, p, 2);
        q = (uint64_t)(int64_t)h;
        break;
    }
    case WF_I32:
        memcpy(&w, p, 4);
        q = (uint64_t)(int64_t)(int32_t)w;
        break;
    default: memcpy(&q, p, 8); break;
    }
    v->sign = (uint32_t)(q >> 63);
    if (v->sign)
        q = 0 - q;
    v->e = 0;
    v->sig = 0;
    if (q) {
        int lz = __builtin_clzll(q);
        v->sig = q << lz;
        v->e = BIAS + 63 - lz;
    }
    return true;
}

/* hi, with lo behind it, to hi alone: to nearest, ties to even. */
static inline uint32_t round_to_64(struct num *v, uint64_t lo)
{
    uint32_t up = lo >> 63 && ((lo << 1) || (v->sig & 1));
    if (up && ++v->sig == 0) {
        v->sig = 1ull << 63;
        v->e++;
    }
    return (lo ? FS_PE : 0) | (up ? FS_C1 : 0);
}

static inline bool fast_mul(struct num *v, const struct num *b, uint32_t *sw)
{
    unsigned __int128 p = (unsigned __int128)v->sig * b->sig;
    if (!v->sig || !b->sig)
        return false;
    v->sign ^= b->sign;
    v->e += b->e - BIAS + 1;
    if (!(p >> 127)) {
        p <<= 1;
        v->e--;
    }
    if (v->e <= 0)
        return false;
    v->sig = (uint64_t)(p >> 64);
    *sw = round_to_64(v, (uint64_t)p);
    return v->e < E_MAX;
}

static inline bool fast_add(struct num *v, const struct num *with, uint32_t *sw)
{
    struct num a = *v, b = *with;
    *sw = 0;
    if (!a.sig || !b.sig) {
        if (!a.sig)
            *v = b;
        return a.sig | b.sig;
    }
    if (a.e < b.e || (a.e == b.e && a.sig < b.sig)) {
        a = b;
        b = *v;
    }
    uint32_t d = (uint32_t)(a.e - b.e), lost = 0;
    unsigned __int128 x = (unsigned __int128)a.sig << 64, y = (unsigned __int128)b.sig << 64;
    if (d > 127) {
        lost = 1;
        y = 0;
    } else if (d) {
        lost = y << (128 - d) != 0;
        y >>= d;
    }
    if (a.sign == b.sign) {
        x += y;
        if (x < y) { /* carry */
            lost |= (uint32_t)x & 1;
            x = x >> 1 | (unsigned __int128)1 << 127;
            a.e++;
        }
    } else {
        x -= y + lost;
        if (!x) {
            *v = (struct num){0, 0, 0};
            return true;
        }
        uint64_t hi = (uint64_t)(x >> 64);
        int lz = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)x);
        x <<= lz;
        a.e -= lz;
        if (a.e <= 0)
            return false;
    }
    v->sig = (uint64_t)(x >> 64);
    v->e = a.e;
    v->sign = a.sign;
    *sw = round_to_64(v, (uint64_t)x | lost);
    return v->e < E_MAX;
}

/* To a shorter format of `bits` significant bits and the exponents below e_max. */
static inline bool fast_shorten(const struct num *v, uint32_t bits, int32_t bias, int32_t e_max,
                                uint64_t *out, uint32_t *sw)
{
    uint32_t cut = 64 - bits;
    uint64_t low = v->sig << bits, kept = v->sig >> cut;
    int32_t e = v->e - BIAS + bias;
    *sw = 0;
    *out = 0;
    if (!v->sig)
        return true;
    if (e <= 0 || e >= e_max)
        return false;
    uint32_t up = low >> 63 && ((low << 1) || (kept & 1));
    *sw = (low ? FS_PE : 0) | (up ? FS_C1 : 0);
    /* The leading bit adds one to the exponent, and so does a carry. */
    *out = ((uint64_t)(e - 1) << (bits - 1)) + kept + up;
    return (int32_t)(*out >> (bits - 1)) < e_max;
}

static inline bool fast_store(uint8_t *d, uint32_t format, const struct num *v, uint32_t *sw)
{
    uint64_t q;
    uint32_t w;
    switch (format) {
    case WF_X80:
        *sw = 0;
        put_x80(d, v);
        return true;
    case WF_F64:
        if (!fast_shorten(v, 53, 1023, 0x7ff, &q, sw))
            return false;
        q |= (uint64_t)v->sign << 63;
        memcpy(d, &q, 8);
        return true;
    case WF_F32:
        if (!fast_shorten(v, 24, 127, 0xff, &q, sw))
            return false;
        w = (uint32_t)q | v->sign << 31;
        memcpy(d, &w, 4);
        return true;
    default: return false;
    }
}

static inline uint32_t fast_compare(const struct num *a, const struct num *b)
{
    if (!a->sig && !b->sig)
        return FS_C3;
    if (a->sign != b->sign)
        return a->sign ? FS_C0 : 0;
    if (a->e == b->e && a->sig == b->sig)
        return FS_C3;
    bool less = a->e < b->e || (a->e == b->e && a->sig < b->sig);
    return less != (bool)a->sign ? FS_C0 : 0;
}

static bool fast(enum op_code opc, uint8_t *d, const uint8_t *s, uint32_t fcw, uint32_t a,
                 uint32_t b, uint32_t *sw)
{
    struct num x, y;
    *sw = 0;
    switch (opc) {
    case OP_FLD:
        if (!get(s, b >> 5 & 7, &y))
            return false;
        put_x80(d, &y);
        return true;
    case OP_FST:
        return !(fcw & CW_ROUND) && get_x80(s, &y) && fast_store(d, a >> 5 & 7, &y, sw);
    case OP_FCOM:
    case OP_FUCOM:
        if (!get_x80(d, &x) || !get(s, b >> 5 & 7, &y))
            return false;
        *sw = fast_compare(&x, &y);
        return true;
    case OP_FADD:
    case OP_FSUB:
    case OP_FSUBR:
    case OP_FMUL:
        if ((fcw & (CW_ROUND | CW_PRECISION)) != CW_PRECISION || !get_x80(d, &x) ||
            !get(s, b >> 5 & 7, &y))
            return false;
        y.sign ^= opc == OP_FSUB;
        x.sign ^= opc == OP_FSUBR;
        if (!(opc == OP_FMUL ? fast_mul(&x, &y, sw) : fast_add(&x, &y, sw)))
            return false;
        put_x80(d, &x);
        return true;
    default: return false;
    }
}

#if defined(__x86_64__)

typedef uint8_t fp_reg[16];

enum { FS_RAISED = FS_IE | FS_DE | FS_ZE | FS_OE | FS_UE | FS_PE | FS_C0 | FS_C1 | FS_C2 | FS_C3 };

/* The frame of every op. `d` is read and written, `s` read; the text between leaves the result on
 * top of the stack. */
#define FP_ASM(text)                                                                               \
    __asm__("fninit\n\tfldcw %[cw]\n\t" text "\n\tfnstsw %[sw]\n\tfnclex\n\tfstpt %[d]\n\tfninit"  \
            : [sw] "=m"(sw), [d] "+m"(*d)                                                          \
            : [s] "m"(*s), [cw] "m"(cw)                                                            \
            : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)")
/* Nothing to be written back but what the text stores itself. */
#define FP_ASM_NO_RESULT(text)                                                                     \
    __asm__("fninit\n\tfldcw %[cw]\n\t" text "\n\tfnstsw %[sw]\n\tfninit"                          \
            : [sw] "=m"(sw), [d] "+m"(*d)                                                          \
            : [s] "m"(*s), [cw] "m"(cw)                                                            \
            : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)")

/* An instruction in all formats of its source; the x87 has no 64-bit integer operand but in fild,
 * which is exact. */
#define FP_BINARY(emit, name)                                                                      \
    switch (format) {                                                                              \
    case WF_F32: emit("fldt %[d]\n\tf" name "s %[s]"); break;                                      \
    case WF_F64: emit("fldt %[d]\n\tf" name "l %[s]"); break;                                      \
    case WF_I16: emit("fldt %[d]\n\tfi" name "s %[s]"); break;                                     \
    case WF_I32: emit("fldt %[d]\n\tfi" name "l %[s]"); break;                                     \
    case WF_I64: emit("fildll %[s]\n\tfldt %[d]\n\tf" name " %%st(1), %%st"); break;               \
    default: emit("fldt %[s]\n\tfldt %[d]\n\tf" name " %%st(1), %%st"); break;                     \
    }                                                                                              \
    break

#define FP_COMPARE(name) "fldt %[s]\n\tfldt %[d]\n\tf" name " %%st(1)"

/* An unmasked invalid operand loads nothing: then the pop stores rubbish into d, a copy. */
static uint16_t load(fp_reg *d, const fp_reg *s, uint16_t cw, uint32_t format)
{
    uint16_t sw = 0;
    switch (format) {
    case WF_F32: FP_ASM("flds %[s]"); break;
    case WF_F64: FP_ASM("fldl %[s]"); break;
    case WF_I16: FP_ASM("filds %[s]"); break;
    case WF_I32: FP_ASM("fildl %[s]"); break;
    case WF_I64: FP_ASM("fildll %[s]"); break;
    default: FP_ASM("fldt %[s]"); break;
    }
    return sw;
}

static uint16_t store(fp_reg *d, const fp_reg *s, uint16_t cw, uint32_t format)
{
    uint16_t sw = 0;
    switch (format) {
    case WF_F32: FP_ASM_NO_RESULT("fldt %[s]\n\tfsts %[d]"); break;
    case WF_F64: FP_ASM_NO_RESULT("fldt %[s]\n\tfstl %[d]"); break;
    case WF_I16: FP_ASM_NO_RESULT("fldt %[s]\n\tfists %[d]"); break;
    case WF_I32: FP_ASM_NO_RESULT("fldt %[s]\n\tfistl %[d]"); break;
    case WF_I64: FP_ASM_NO_RESULT("fldt %[s]\n\tfistpll %[d]"); break;
    default: FP_ASM("fldt %[s]"); break;
    }
    return sw;
}

static uint16_t compute(enum op_code opc, fp_reg *d, const fp_reg *s, uint16_t cw, uint32_t format)
{
    uint16_t sw = 0;
    switch (opc) {
    case OP_FADD: FP_BINARY(FP_ASM, "add");
    case OP_FSUB: FP_BINARY(FP_ASM, "sub");
    case OP_FSUBR: FP_BINARY(FP_ASM, "subr");
    case OP_FMUL: FP_BINARY(FP_ASM, "mul");
    case OP_FDIV: FP_BINARY(FP_ASM, "div");
    case OP_FDIVR: FP_BINARY(FP_ASM, "divr");
    case OP_FCOM:
        switch (format) {
        case WF_F32: FP_ASM_NO_RESULT("fldt %[d]\n\tfcoms %[s]"); break;
        case WF_F64: FP_ASM_NO_RESULT("fldt %[d]\n\tfcoml %[s]"); break;
        case WF_I16: FP_ASM_NO_RESULT("fldt %[d]\n\tficoms %[s]"); break;
        case WF_I32: FP_ASM_NO_RESULT("fldt %[d]\n\tficoml %[s]"); break;
        case WF_I64: FP_ASM_NO_RESULT("fildll %[s]\n\tfldt %[d]\n\tfcom %%st(1)"); break;
        default: FP_ASM_NO_RESULT(FP_COMPARE("com")); break;
        }
        break;
    case OP_FUCOM: FP_ASM_NO_RESULT(FP_COMPARE("ucom")); break;
    case OP_FSQRT: FP_ASM("fldt %[d]\n\tfsqrt"); break;
    case OP_FRND: FP_ASM("fldt %[d]\n\tfrndint"); break;
    default: break;
    }
    return sw;
}

uint32_t fp_op(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b)
{
    fp_reg d, s;
    uint32_t quick;
    if (fast(opc, wide[a & 31], wide[b & 31], fcw, a, b, &quick))
        return quick;
    const uint16_t cw = (uint16_t)fcw;
    uint8_t *dst = wide[a & 31];
    memcpy(d, dst, 16);
    memcpy(s, wide[b & 31], 16);
    if (opc == OP_FLD) {
        uint32_t sw = load(&d, &s, cw, b >> 5 & 7);
        if ((sw & ~fcw & FS_IE) == 0)
            memcpy(dst, d, 10);
        return sw & FS_RAISED;
    }
    uint32_t sw =
        opc == OP_FST ? store(&d, &s, cw, a >> 5 & 7) : compute(opc, &d, &s, cw, b >> 5 & 7);
    memcpy(dst, d, 10);
    return sw & FS_RAISED;
}

#else

#include <stdio.h>
#include <stdlib.h>

uint32_t fp_op(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b)
{
    uint32_t quick;
    if (fast(opc, wide[a & 31], wide[b & 31], fcw, a, b, &quick))
        return quick;
    fprintf(stderr, "chrysalis: %s (%u, %u): this floating point needs an x86-64 host for now\n",
            op_table[opc].name, a, b);
    exit(70);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The FP ops without an x87: softfp.h does the arithmetic, here is what the x87 makes of it. For
 * two operands the order is
 *
 *   a datum that means nothing, or a signalling NaN: invalid
 *   a quiet NaN: the result, and nothing is raised
 *   other invalid operations; a division by zero
 *   denormal operands
 *   the result: overflow, underflow, inexact
 *
 * and an exception of the first four that is unmasked leaves the register as it was. A result too
 * great or too small for a register goes there with another exponent if that is unmasked, and is
 * not stored in memory.
 *
 * Compared with the host's x87 by tests/unit/test_softfp.c. To add an op: a case here and in
 * sem_fp.c.
 */
#include <string.h>
#include "vliw-model/sem_fp.h"
#include "vliw-model/softfp.h"

enum { FCW_MASKS = 0x3f, FCW_PC_SHIFT = 8, FCW_RC_SHIFT = 10 };

static uint32_t rounding(uint32_t fcw)
{
    return fcw >> FCW_RC_SHIFT & 3;
}

/* A register under the precision control, or all of it. */
static struct sf_to to_register(uint32_t fcw, bool whole)
{
    static const uint8_t precision[] = {24, 64, 53, 64};
    struct sf_to to = sf_to(WF_X80);
    if (!whole)
        to.bits = precision[fcw >> FCW_PC_SHIFT & 3];
    to.rc = rounding(fcw);
    to.unmasked = ~fcw & FCW_MASKS;
    to.wrap = SF_WRAP;
    return to;
}

/* The NaN of two operands: that of the greater significand, though a quiet one before a signalling
 * one; of equals the positive. */
static const struct sf *choose_nan(const struct sf *x, const struct sf *y)
{
    if (!sf_is_nan(x) || !sf_is_nan(y))
        return sf_is_nan(x) ? x : y;
    if (x->kind != y->kind)
        return x->kind == SF_QNAN ? x : y;
    if (x->hi != y->hi)
        return x->hi > y->hi ? x : y;
    return x->sign ? y : x;
}

/* True: the result is decided before anything is computed, and *raised says what by. */
static bool special(struct sf *v, const struct sf *x, const struct sf *y, uint32_t *raised)
{
    if (x->kind == SF_BAD || y->kind == SF_BAD) {
        *v = sf_default_nan();
        *raised = FS_IE;
        return true;
    }
    if (!sf_is_nan(x) && !sf_is_nan(y))
        return false;
    *raised = x->kind == SF_SNAN || y->kind == SF_SNAN ? FS_IE : 0;
    *v = *choose_nan(x, y);
    return true;
}

static uint32_t load(uint8_t *d, const uint8_t *s, uint32_t fcw, uint32_t format)
{
    struct sf v;
    if (format == WF_X80) {
        memcpy(d, s, 10);
        return 0;
    }
    sf_unpack(s, format, false, &v);
    uint32_t raised = v.kind == SF_SNAN ? FS_IE : v.denormal ? FS_DE : 0;
    if (!(raised & ~fcw & FS_IE))
        sf_pack(d, WF_X80, &v);
    return raised;
}

static uint32_t store_integer(uint8_t *d, const struct sf *v, uint32_t fcw, uint32_t size)
{
    int64_t q = (int64_t)((uint64_t)-1 << (8 * size - 1));
    uint32_t raised = v->kind == SF_BAD || sf_is_nan(v)
                          ? (uint32_t)FS_IE
                          : sf_integer(v, 8 * size, rounding(fcw), &q);
    if (!(raised & ~fcw & FS_IE))
        memcpy(d, &q, size);
    return raised;
}

static uint32_t store(uint8_t *d, const uint8_t *s, uint32_t fcw, uint32_t format)
{
    struct sf v;
    uint32_t raised = 0;
    sf_unpack(s, WF_X80, false, &v);
    switch (format) {
    case WF_X80: memcpy(d, s, 10); return 0;
    case WF_I16: return store_integer(d, &v, fcw, 2);
    case WF_I32: return store_integer(d, &v, fcw, 4);
    case WF_I64: return store_integer(d, &v, fcw, 8);
    default: break;
    }
    if (v.kind == SF_BAD) {
        v = sf_default_nan();
        raised = FS_IE;
    } else if (v.kind == SF_SNAN) {
        raised = FS_IE;
    } else if (v.kind == SF_NUMBER) {
        struct sf_to to = sf_to(format);
        to.rc = rounding(fcw);
        to.unmasked = ~fcw & FCW_MASKS;
        raised = sf_round(&v, &to);
        if (raised & ~fcw & (FS_OE | FS_UE)) /* nothing is rounded, for nothing is stored */
            return raised & (FS_OE | FS_UE);
    }
    if (!(raised & ~fcw & FS_IE))
        sf_pack(d, format, &v);
    return raised;
}

static uint32_t compare(const uint8_t *d, const uint8_t *s, uint32_t format, bool quiet)
{
    struct sf x, y;
    sf_unpack(d, WF_X80, false, &x);
    sf_unpack(s, format, false, &y);
    if (x.kind == SF_BAD || y.kind == SF_BAD || sf_is_nan(&x) || sf_is_nan(&y)) {
        bool harmless =
            quiet && x.kind != SF_BAD && y.kind != SF_BAD && x.kind != SF_SNAN && y.kind != SF_SNAN;
        return FS_C0 | FS_C2 | FS_C3 | (harmless ? 0 : FS_IE);
    }
    int order = sf_compare(&x, &y);
    return (order < 0 ? FS_C0 : order == 0 ? FS_C3 : 0) | (x.denormal || y.denormal ? FS_DE : 0);
}

/* What is raised before a result is known, and whether that leaves the register as it was. */
static bool stops(uint32_t raised, uint32_t fcw)
{
    return raised & ~fcw & (FS_IE | FS_DE | FS_ZE);
}

static uint32_t compute(enum op_code opc, uint8_t *d, const uint8_t *s, uint32_t fcw,
                        uint32_t format)
{
    struct sf x, y, v;
    uint32_t raised = 0;
    sf_unpack(d, WF_X80, false, &x);
    if (opc == OP_FSQRT || opc == OP_FRND)
        y = (struct sf){0};
    else
        sf_unpack(s, format, false, &y);
    if (!special(&v, &x, &y, &raised)) {
        if (opc == OP_FDIVR || opc == OP_FSUBR) {
            v = x;
            x = y;
            y = v;
        }
        switch (opc) {
        case OP_FSUB:
        case OP_FSUBR: y.sign = !y.sign; /* fall through */
        case OP_FADD: raised = sf_add(&v, &x, &y, rounding(fcw)); break;
        case OP_FMUL: raised = sf_mul(&v, &x, &y); break;
        case OP_FDIV:
        case OP_FDIVR: raised = sf_div(&v, &x, &y); break;
        case OP_FSQRT: raised = sf_sqrt(&v, &x); break;
        default: v = x; break;
        }
        if (!raised && (x.denormal || y.denormal))
            raised = FS_DE;
        if (!stops(raised, fcw) && v.kind == SF_NUMBER) {
            const struct sf_to to = to_register(fcw, false);
            raised |= opc == OP_FRND ? sf_integral(&v, to.rc) : sf_round(&v, &to);
        }
    }
    if (!stops(raised, fcw))
        sf_pack(d, WF_X80, &v);
    return raised;
}

uint32_t fp_op_soft(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b)
{
    uint8_t *d = wide[a & 31], s[16];
    memcpy(s, wide[b & 31], sizeof s);
    switch (opc) {
    case OP_FLD: return load(d, s, fcw, b >> 5 & 7);
    case OP_FST: return store(d, s, fcw, a >> 5 & 7);
    case OP_FCOM:
    case OP_FUCOM: return compare(d, s, opc == OP_FCOM ? b >> 5 & 7 : WF_X80, opc == OP_FUCOM);
    default: return compute(opc, d, s, fcw, b >> 5 & 7);
    }
}

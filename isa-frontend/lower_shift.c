/* SPDX-License-Identifier: MIT */
/* Lowering: shifts, rotates, double shifts; multiplication and division. */
#include "isa-frontend/lower_int.h"

static const uint8_t shift_op8[I_COUNT_] = {
    [I_ROL] = OP_ROLF8, [I_ROR] = OP_RORF8, [I_RCL] = OP_RCLF8, [I_RCR] = OP_RCRF8,
    [I_SHL] = OP_SHLF8, [I_SHR] = OP_SHRF8, [I_SAR] = OP_SARF8,
};

static enum lower_result double_shift(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0], *n = &in->o[2];
    uint32_t size = d->size, op = in->op == I_SHLD ? OP_SHLDF16 : OP_SHRDF16, v;
    struct ir_addr at = {0, 0};
    if (n->kind == O_IMM && (in->imm & 31) == 0)
        return d->kind == O_MEM ? LOW_NONE : LOW_NEXT;
    op += size == 4;
    if (d->kind == O_MEM)
        at = low_addr(g, in);
    uint32_t old = d->kind == O_MEM ? low_load(g, at, size) : low_reg(g, d->reg, size);
    uint32_t src = low_reg(g, in->o[1].reg, size);
    if (n->kind == O_IMM)
        v = ir_tiedi(g, op, src, (int32_t)(in->imm & 31), old);
    else
        v = ir_tied(g, op, src, ir_get(g, G_ECX), old);
    if (d->kind == O_MEM)
        low_store(g, at, size, v);
    else
        low_put(g, d->reg, size, v);
    return LOW_NEXT;
}

enum lower_result low_shift(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0], *n = &in->o[1];
    uint32_t size = d->size;
    if (in->op == I_SHLD || in->op == I_SHRD)
        return double_shift(g, in);
    uint32_t op = by_size(shift_op8[in->op], size), v;
    if (n->kind == O_IMM && (in->imm & 31) == 0)
        return d->kind == O_MEM ? LOW_NONE : LOW_NEXT;
    struct ir_addr at = {0, 0};
    if (d->kind == O_MEM)
        at = low_addr(g, in);
    uint32_t old = d->kind == O_MEM ? low_load(g, at, size) : low_reg(g, d->reg, size);
    if (n->kind == O_IMM)
        v = ir_emiti(g, op, old, (int32_t)(in->imm & 31), 0);
    else
        v = ir_emit(g, op, old, ir_get(g, G_ECX), 0);
    if (d->kind == O_MEM)
        low_store(g, at, size, v);
    else
        low_put_merged(g, d->reg, size, v);
    return LOW_NEXT;
}

static enum lower_result multiply_one(struct ir_group *g, const struct insn *in)
{
    bool is_signed = in->op == I_IMUL1;
    uint32_t size = in->o[0].size, a = ir_get(g, G_EAX), b = low_read(g, in, 0);
    switch (size) {
    case 1: ir_put(g, G_EAX, ir_emit(g, is_signed ? OP_IMUL8F : OP_MUL8F, a, b, 0)); break;
    case 2: {
        uint32_t wa = is_signed ? low_sext(g, a, 2) : low_zext(g, a, 2);
        uint32_t wb = is_signed ? low_sext(g, b, 2) : low_zext(g, b, 2);
        uint32_t wide = ir_bin(g, OP_MUL, wa, wb);
        ir_put(g, G_EAX, ir_emit(g, is_signed ? OP_IMULF16 : OP_MULF16, a, b, 0));
        low_put(g, G_EDX, 2, ir_bini(g, OP_SRL, wide, 16));
        break;
    }
    default:
        ir_put(g, G_EAX, ir_emit(g, is_signed ? OP_IMULF32 : OP_MULF32, a, b, 0));
        ir_put(g, G_EDX, ir_bin(g, is_signed ? OP_MULH : OP_MULHU, a, b));
        break;
    }
    return LOW_NEXT;
}

static enum lower_result multiply(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t op = d->size == 4 ? OP_IMULF32 : OP_IMULF16, v;
    if (in->nopnds == 3) {
        v = ir_emiti(g, op, low_read(g, in, 1), low_imm(in, d->size), 0);
        low_put(g, d->reg, d->size, v);
    } else {
        v = ir_emit(g, op, ir_get(g, d->reg), low_read(g, in, 1), 0);
        ir_put(g, d->reg, v); /* imulf16 keeps the upper half */
    }
    return LOW_NEXT;
}

/* A result of 8 or 16 bits: quotient and remainder, AL and AH or AX and DX. */
static void put_narrow(struct ir_group *g, uint32_t size, uint32_t q, uint32_t rem)
{
    low_put(g, G_EAX, size, q);
    low_put(g, size == 2 ? G_EDX : 4 /* AH */, size, rem);
}

/*
 * Signed, of 8 and 16 bits: a division of the dividend moved up has the narrow overflow check, and
 * no flags are spent on it. It also traps where the quotient lies between the least and one less;
 * then the interpreter divides.
 */
static void divide_signed(struct ir_group *g, uint32_t size, uint32_t src, uint32_t narrow)
{
    int32_t up = size == 2 ? 16 : 24;
    uint32_t s = low_sext(g, src, size), n = size == 2 ? narrow : low_sext(g, narrow, 2);
    uint32_t lo = ir_bini(g, OP_SLL, n, up), hi = ir_bini(g, OP_SRA, n, 32 - up);
    ir_tied(g, OP_SDIVQ, lo, s, hi);
    uint32_t q = ir_bin(g, OP_DIV, n, s), rem = ir_bin(g, OP_REM, n, s);
    put_narrow(g, size, q, rem);
}

/*
 * Quotients of 8 and 16 bits: the dividend is moved up so that udivq's own overflow check is the
 * narrow one, and no flags are spent on it.
 */
static enum lower_result divide(struct ir_group *g, const struct insn *in)
{
    bool is_signed = in->op == I_IDIV;
    uint32_t size = in->o[0].size;
    uint32_t src = low_read(g, in, 0);
    if (!is_signed)
        src = low_zext(g, src, size);
    uint32_t eax = ir_get(g, G_EAX), edx = ir_get(g, G_EDX), q, rem;
    if (size == 4) {
        q = ir_tied(g, is_signed ? OP_SDIVQ : OP_UDIVQ, eax, src, edx);
        rem = ir_tied(g, is_signed ? OP_SDIVR : OP_UDIVR, eax, src, edx);
        ir_put(g, G_EAX, q);
        ir_put(g, G_EDX, rem);
        return LOW_NEXT;
    }
    uint32_t wide = low_zext(g, eax, 2);
    if (size == 2)
        wide = ir_bin(g, OP_OR, wide, ir_bini(g, OP_SLL, edx, 16));
    if (is_signed) {
        divide_signed(g, size, src, wide);
        return LOW_NEXT;
    }
    int32_t up = size == 2 ? 16 : 24;
    q = ir_tied(g, OP_UDIVQ, ir_bini(g, OP_SLL, wide, up), src, ir_bini(g, OP_SRL, wide, 32 - up));
    q = ir_bini(g, OP_SRL, q, up);
    rem = ir_tied(g, OP_UDIVR, wide, src, IR_ZERO);
    put_narrow(g, size, q, rem);
    return LOW_NEXT;
}

enum lower_result low_muldiv(struct ir_group *g, const struct insn *in)
{
    switch (in->op) {
    case I_IMUL: return multiply(g, in);
    case I_MUL:
    case I_IMUL1: return multiply_one(g, in);
    default: return divide(g, in);
    }
}

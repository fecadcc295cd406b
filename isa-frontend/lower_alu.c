/* SPDX-License-Identifier: MIT */
/* Lowering: two-operand arithmetic and logic, increments, negation, exchange-and-add,
 * compare-and-exchange. */
#include "isa-frontend/lower_int.h"

/* A flag-setting op on a and the second operand. */
static uint32_t flag_op(struct ir_group *g, uint32_t op, uint32_t a, const struct insn *in,
                        uint32_t k, uint32_t size)
{
    if (in->o[k].kind == O_IMM)
        return ir_emiti(g, op, a, low_imm(in, size), 0);
    return ir_emit(g, op, a, low_read(g, in, k), 0);
}

/* a + k with flags by op, as a sum and its flag-setting twin (see ir.h). */
static uint32_t sum_and_flags(struct ir_group *g, uint32_t op, uint32_t a, int32_t k, bool has_imm,
                              int32_t imm)
{
    uint32_t n = g->n, sum = ir_addi(g, a, k);
    uint32_t f = has_imm ? ir_emiti(g, op, a, imm, 0) : ir_emit(g, op, a, 0, 0);
    if (sum == n && g->r[n].op == OP_ADD && g->r[n].a == a)
        g->r[f].flags |= IRF_TWIN;
    return sum;
}

static const uint8_t alu_op8[I_COUNT_] = {
    [I_ADD] = OP_ADDF8,  [I_OR] = OP_ORF8,   [I_ADC] = OP_ADCF8, [I_SBB] = OP_SBBF8,
    [I_AND] = OP_ANDF8,  [I_SUB] = OP_SUBF8, [I_XOR] = OP_XORF8, [I_CMP] = OP_SUBF8,
    [I_TEST] = OP_ANDF8, [I_INC] = OP_INCF8, [I_DEC] = OP_DECF8,
};

/* The new value of an operand that holds `a`. */
static uint32_t result(struct ir_group *g, const struct insn *in, uint32_t a, uint32_t size)
{
    uint32_t op = by_size(alu_op8[in->op], size);
    bool imm = in->nopnds > 1 && in->o[1].kind == O_IMM;
    int32_t k = (int32_t)in->imm;
    if (in->op == I_INC || in->op == I_DEC) {
        if (size == 4)
            return sum_and_flags(g, op, a, in->op == I_INC ? 1 : -1, false, 0);
        return ir_emit(g, op, a, 0, 0);
    }
    if (size == 4 && imm && in->op == I_ADD)
        return sum_and_flags(g, op, a, k, true, k);
    if (size == 4 && imm && in->op == I_SUB)
        return sum_and_flags(g, op, a, (int32_t)(0u - in->imm), true, k);
    return flag_op(g, op, a, in, 1, size);
}

static enum lower_result compare_exchange(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t size = d->size, old;
    struct ir_addr at = {0, 0};
    if (d->kind == O_MEM) {
        at = low_addr(g, in);
        old = low_load(g, at, size);
    } else {
        old = low_reg(g, d->reg, size);
    }
    uint32_t src = low_reg(g, in->o[1].reg, size);
    ir_emit(g, by_size(OP_SUBF8, size), low_reg(g, G_EAX, size), old, 0);
    uint32_t v = ir_select(g, CC_E, src, old);
    if (d->kind == O_MEM)
        low_store(g, at, size, v);
    low_put(g, G_EAX, size, old); /* if they were equal it is what it was */
    if (d->kind != O_MEM)
        low_put(g, d->reg, size, v);
    return LOW_NEXT;
}

/* As above, it stores either way, and what it loaded is what it was where the two were equal. */
static enum lower_result compare_exchange_8b(struct ir_group *g, const struct insn *in)
{
    struct ir_addr at = low_addr(g, in), at4 = low_further(g, in, 4);
    uint32_t lo = low_load(g, at, 4), hi = low_load(g, at4, 4);
    uint32_t x = ir_bin(g, OP_XOR, lo, ir_get(g, G_EAX)),
             y = ir_bin(g, OP_XOR, hi, ir_get(g, G_EDX));
    uint32_t equal = ir_bini(g, OP_SLTU, ir_bin(g, OP_OR, x, y), 1);
    ir_emiti(g, OP_WRCC, ir_bini(g, OP_SLL, equal, 6), F_ZF, 0);
    low_store(g, at, 4, ir_select(g, CC_E, ir_get(g, G_EBX), lo));
    low_store(g, at4, 4, ir_select(g, CC_E, ir_get(g, G_ECX), hi));
    ir_put(g, G_EAX, lo);
    ir_put(g, G_EDX, hi);
    return LOW_NEXT;
}
_Static_assert(F_ZF == 1 << 6, "see compare_exchange_8b");

static enum lower_result exchange_add(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0], *s = &in->o[1];
    uint32_t size = d->size, op = by_size(OP_ADDF8, size);
    if (d->kind == O_MEM) {
        struct ir_addr at = low_addr(g, in);
        uint32_t old = low_load(g, at, size);
        low_store(g, at, size, ir_emit(g, op, old, low_reg(g, s->reg, size), 0));
        low_put(g, s->reg, size, old);
    } else {
        uint32_t old = low_reg(g, d->reg, size);
        uint32_t v = ir_emit(g, op, old, low_reg(g, s->reg, size), 0);
        low_put(g, s->reg, size, old);
        low_put(g, d->reg, size, v);
    }
    return LOW_NEXT;
}

static enum lower_result negate(struct ir_group *g, const struct insn *in)
{
    uint32_t size = in->o[0].size, v = low_read(g, in, 0);
    if (in->op == I_NOT)
        v = ir_bini(g, OP_XOR, v, -1);
    else
        v = ir_emit(g, by_size(OP_SUBF8, size), IR_ZERO, v, 0);
    low_write(g, in, 0, v);
    return LOW_NEXT;
}

enum lower_result low_alu(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t size = d->size;
    switch (in->op) {
    case I_CMPXCHG: return compare_exchange(g, in);
    case I_CMPXCHG8B: return compare_exchange_8b(g, in);
    case I_XADD: return exchange_add(g, in);
    case I_NOT:
    case I_NEG: return negate(g, in);
    case I_CMP:
    case I_TEST:
        flag_op(g, by_size(alu_op8[in->op], size), low_read(g, in, 0), in, 1, size);
        return LOW_NEXT;
    case I_XOR:
    case I_SUB: /* the idiom for zero */
        if (size == 4 && d->kind == O_REG && in->o[1].kind == O_REG && d->reg == in->o[1].reg) {
            ir_emit(g, by_size(alu_op8[in->op], size), IR_ZERO, IR_ZERO, 0);
            ir_put(g, d->reg, IR_ZERO);
            return LOW_NEXT;
        }
        break;
    default: break;
    }
    if (d->kind == O_MEM) {
        struct ir_addr at = low_addr(g, in);
        low_store(g, at, size, result(g, in, low_load(g, at, size), size));
    } else {
        low_put_merged(g, d->reg, size, result(g, in, low_reg(g, d->reg, size), size));
    }
    return LOW_NEXT;
}

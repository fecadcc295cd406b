/* SPDX-License-Identifier: MIT */
/* Lowering: bit tests and scans, conditions as values, single flags. */
#include "isa-frontend/lower_int.h"

static uint32_t change_bit(struct ir_group *g, uint32_t op, uint32_t v, uint32_t mask)
{
    switch (op) {
    case I_BTS: return ir_bin(g, OP_OR, v, mask);
    case I_BTR: return ir_bin(g, OP_AND, v, ir_bini(g, OP_XOR, mask, -1));
    default: return ir_bin(g, OP_XOR, v, mask);
    }
}

static enum lower_result bit_test(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t size = d->size, v, mask;
    bool imm = in->o[1].kind == O_IMM;
    uint32_t n = in->imm & (8 * size - 1), idx = IR_ZERO;
    struct ir_addr at = {0, 0};
    if (!imm)
        idx = ir_get(g, in->o[1].reg);
    if (d->kind == O_MEM && !imm) {
        /* A bit string: the index reaches beyond the operand. */
        int32_t disp;
        uint32_t a = low_ea(g, in, &disp);
        if (in->seg == SEG_FS)
            a = ir_add(g, a, ir_get(g, G_FSBASE));
        else if (in->seg == SEG_GS)
            a = ir_add(g, a, ir_get(g, G_GSBASE));
        uint32_t unit = ir_bini(g, OP_SRA, low_sext(g, idx, size), size == 4 ? 5 : 4);
        a = ir_add(g, a, ir_bini(g, OP_SLL, unit, size == 4 ? 2 : 1));
        at = ir_address(g, a, disp);
    } else if (d->kind == O_MEM) {
        at = low_addr(g, in);
    }
    v = d->kind == O_MEM ? low_load(g, at, size) : ir_get(g, d->reg);
    if (imm) {
        ir_emiti(g, OP_BTF, v, (int32_t)n, 0);
        mask = ir_const(g, (int32_t)(1u << n));
    } else {
        if (size == 2)
            idx = ir_bini(g, OP_AND, idx, 15);
        ir_emit(g, OP_BTF, v, idx, 0);
        mask = ir_bin(g, OP_SLL, ir_const(g, 1), idx);
    }
    if (in->op == I_BT)
        return LOW_NEXT;
    v = change_bit(g, in->op, v, mask);
    if (d->kind == O_MEM)
        low_store(g, at, size, v);
    else
        ir_put(g, d->reg, v); /* the other half is as it was */
    return LOW_NEXT;
}

static enum lower_result bit_scan(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t src = low_zext(g, low_read(g, in, 1), d->size);
    uint32_t op = in->op == I_BSF ? OP_BSFF : OP_BSRF;
    low_put(g, d->reg, d->size, ir_tied(g, op, src, 0, ir_get(g, d->reg)));
    return LOW_NEXT;
}

static uint32_t condition(struct ir_group *g, uint32_t cond)
{
    return ir_emiti(g, OP_SETCC, 0, (int32_t)cond, 0);
}

enum { LOW_FLAGS = F_SF | F_ZF | F_AF | F_PF | F_CF };

enum lower_result low_bits(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t t;
    switch (in->op) {
    case I_BSF:
    case I_BSR: return bit_scan(g, in);
    case I_SETCC: low_write(g, in, 0, condition(g, in->cond)); break;
    case I_CMOVCC:
        t = low_read(g, in, 1);
        low_put(g, d->reg, d->size, ir_select(g, in->cond, t, ir_get(g, d->reg)));
        break;
    case I_LAHF:
        t = ir_emiti(g, OP_RDCC, 0, LOW_FLAGS, 0);
        low_put(g, 4, 1, ir_bini(g, OP_OR, t, 2));
        break;
    case I_SAHF: ir_emiti(g, OP_WRCC, low_reg(g, 4, 1), LOW_FLAGS, 0); break;
    case I_CLC: ir_emiti(g, OP_WRCC, IR_ZERO, F_CF, 0); break;
    case I_STC: ir_emiti(g, OP_WRCC, ir_const(g, F_CF), F_CF, 0); break;
    case I_CMC:
        t = ir_emiti(g, OP_RDCC, 0, F_CF, 0);
        ir_emiti(g, OP_WRCC, ir_bini(g, OP_XOR, t, F_CF), F_CF, 0);
        break;
    case I_SALC: low_put(g, 0, 1, ir_bin(g, OP_SUB, IR_ZERO, condition(g, CC_B))); break;
    case I_CLD: ir_put(g, G_EFL, ir_bini(g, OP_AND, ir_get(g, G_EFL), ~0x400)); break;
    case I_STD: ir_put(g, G_EFL, ir_bini(g, OP_OR, ir_get(g, G_EFL), 0x400)); break;
    default: return bit_test(g, in);
    }
    return LOW_NEXT;
}

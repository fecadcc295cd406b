/* SPDX-License-Identifier: MIT */
/*
 * Lowering of IA-32 instructions into IR: operands, and which family an instruction belongs to.
 *
 * To add an instruction: a case in its family's function, which must decide whether it can before
 * it appends the first record, and a line in the table below if the family is new to it. Flags come
 * out of the flag-setting ops exactly as the interpreter's handlers make them, undefined ones
 * included, because those use the same ops.
 */
#include "isa-frontend/lower_int.h"

typedef enum lower_result (*family_fn)(struct ir_group *g, const struct insn *in);

static const family_fn families[I_COUNT_] = {
    [I_ADD] = low_alu,         [I_OR] = low_alu,          [I_ADC] = low_alu,
    [I_SBB] = low_alu,         [I_AND] = low_alu,         [I_SUB] = low_alu,
    [I_XOR] = low_alu,         [I_CMP] = low_alu,         [I_TEST] = low_alu,
    [I_NOT] = low_alu,         [I_NEG] = low_alu,         [I_INC] = low_alu,
    [I_DEC] = low_alu,         [I_XADD] = low_alu,        [I_CMPXCHG] = low_alu,
    [I_MUL] = low_muldiv,      [I_IMUL1] = low_muldiv,    [I_IMUL] = low_muldiv,
    [I_DIV] = low_muldiv,      [I_IDIV] = low_muldiv,     [I_ROL] = low_shift,
    [I_ROR] = low_shift,       [I_RCL] = low_shift,       [I_RCR] = low_shift,
    [I_SHL] = low_shift,       [I_SHR] = low_shift,       [I_SAR] = low_shift,
    [I_SHLD] = low_shift,      [I_SHRD] = low_shift,      [I_BT] = low_bits,
    [I_BTS] = low_bits,        [I_BTR] = low_bits,        [I_BTC] = low_bits,
    [I_BSF] = low_bits,        [I_BSR] = low_bits,        [I_SETCC] = low_bits,
    [I_CMOVCC] = low_bits,     [I_LAHF] = low_bits,       [I_SAHF] = low_bits,
    [I_CLC] = low_bits,        [I_STC] = low_bits,        [I_CMC] = low_bits,
    [I_CLD] = low_bits,        [I_STD] = low_bits,        [I_SALC] = low_bits,
    [I_MOV] = low_move,        [I_MOVZX] = low_move,      [I_MOVSX] = low_move,
    [I_LEA] = low_move,        [I_XCHG] = low_move,       [I_BSWAP] = low_move,
    [I_XLAT] = low_move,       [I_CBW] = low_move,        [I_CWD] = low_move,
    [I_PUSH] = low_move,       [I_POP] = low_move,        [I_PUSHF] = low_move,
    [I_LEAVE] = low_move,      [I_NOP] = low_move,        [I_JMP] = low_flow,
    [I_JMPI] = low_flow,       [I_CALL] = low_flow,       [I_CALLI] = low_flow,
    [I_RET] = low_flow,        [I_JCC] = low_flow,        [I_LOOP] = low_flow,
    [I_JECXZ] = low_flow,      [I_MOVS] = low_string,     [I_STOS] = low_string,
    [I_LODS] = low_string,     [I_SCAS] = low_string,     [I_CMPS] = low_string,
    [I_PREFETCH] = low_move,   [I_LOOPE] = low_flow,      [I_LOOPNE] = low_flow,
    [I_CMPXCHG8B] = low_alu,   [I_POPF] = low_move,       [I_MOVSEG] = low_segment,
    [I_PUSHSEG] = low_segment, [I_LOADSEG] = low_segment, [I_POPSEG] = low_segment,
    [I_POPA] = low_old,        [I_ENTER] = low_old,       [I_BOUND] = low_old,
    [I_INTO] = low_old,        [I_DAA] = low_old,         [I_DAS] = low_old,
    [I_AAA] = low_old,         [I_AAS] = low_old,         [I_AAM] = low_old,
    [I_AAD] = low_old,
};

uint32_t low_mode;

void ia32_lower_begin(uint32_t mode)
{
    low_mode = mode;
    low_x87_begin();
}

enum lower_result ia32_lower(struct ir_group *g, const struct insn *in)
{
    family_fn f = ia32_is_x87(in->op)    ? low_x87
                  : ia32_is_simd(in->op) ? low_simd
                                         : families[in->op];
    /* 16-bit addressing is not worth code here; stores through CS fault. */
    if (!f || in->addrsize != 4 || in->seg == SEG_CS)
        return LOW_NONE;
    return f(g, in);
}

/* base + index << scale + segment base, and the displacement apart from it. */
uint32_t low_ea(struct ir_group *g, const struct insn *in, int32_t *disp)
{
    uint32_t v = IR_ZERO, d = in->disp;
    if (in->base != REG_NONE) {
        v = ir_get(g, in->base);
        if (in->index != REG_NONE) {
            const struct ir *r = &g->r[v];
            if (r->op == OP_ADD && (r->flags & IRF_IMM)) {
                d += (uint32_t)r->imm;
                v = r->a;
            }
        }
    }
    if (in->index != REG_NONE) {
        uint32_t i = ir_get(g, in->index);
        if (in->scale == 0) {
            const struct ir *r = &g->r[i];
            if (r->op == OP_ADD && (r->flags & IRF_IMM)) {
                d += (uint32_t)r->imm;
                i = r->a;
            }
        } else {
            i = ir_bini(g, OP_SLL, i, in->scale);
        }
        v = ir_add(g, v, i);
    }
    *disp = (int32_t)d;
    return v;
}

struct ir_addr low_addr(struct ir_group *g, const struct insn *in)
{
    int32_t disp;
    uint32_t v = low_ea(g, in, &disp);
    if (in->seg == SEG_FS)
        v = ir_add(g, v, ir_get(g, G_FSBASE));
    else if (in->seg == SEG_GS)
        v = ir_add(g, v, ir_get(g, G_GSBASE));
    return ir_address(g, v, disp);
}

struct ir_addr low_further(struct ir_group *g, const struct insn *in, int32_t by)
{
    struct insn at = *in;
    at.disp += (uint32_t)by;
    return low_addr(g, &at);
}

uint32_t low_load(struct ir_group *g, struct ir_addr at, uint32_t size)
{
    return ir_load(g, size == 4 ? OP_GLD32 : size == 2 ? OP_GLD16 : OP_GLD8, at);
}

void low_store(struct ir_group *g, struct ir_addr at, uint32_t size, uint32_t datum)
{
    ir_store(g, by_size(OP_GST8, size), at, datum);
}

uint32_t low_reg(struct ir_group *g, uint32_t reg, uint32_t size)
{
    if (size == 1 && reg >= 4)
        return ir_un(g, OP_EXT8H, ir_get(g, reg - 4));
    return ir_get(g, reg);
}

/* What was inserted last is what a part of the register holds: no need to wait for the whole. */
uint32_t low_source(struct ir_group *g, uint32_t reg, uint32_t size)
{
    bool high = size == 1 && reg >= 4;
    const struct ir *r = &g->r[ir_get(g, high ? reg - 4 : reg)];
    uint32_t insert = high ? OP_INS8H : size == 1 ? OP_INS8 : OP_INS16;
    if (size != 4 && r->op == insert)
        return r->flags & IRF_IMM ? ir_const(g, r->imm) : r->b;
    return low_reg(g, reg, size);
}

void low_put(struct ir_group *g, uint32_t reg, uint32_t size, uint32_t v)
{
    if (size == 4) {
        ir_put(g, reg, v);
        return;
    }
    uint32_t op = size == 2 ? OP_INS16 : OP_INS8;
    if (size == 1 && reg >= 4) {
        op = OP_INS8H;
        reg -= 4;
    }
    ir_put(g, reg, ir_bin(g, op, ir_get(g, reg), v));
}

void low_put_merged(struct ir_group *g, uint32_t reg, uint32_t size, uint32_t v)
{
    if (size == 1 && reg >= 4)
        low_put(g, reg, size, v);
    else
        ir_put(g, reg, v);
}

int32_t low_imm(const struct insn *in, uint32_t size)
{
    return size == 4 ? (int32_t)in->imm : size == 2 ? (int16_t)in->imm : (int8_t)in->imm;
}

uint32_t low_read(struct ir_group *g, const struct insn *in, uint32_t k)
{
    const struct opnd *o = &in->o[k];
    switch (o->kind) {
    case O_REG: return low_source(g, o->reg, o->size);
    case O_MEM: return low_load(g, low_addr(g, in), o->size);
    default: return ir_const(g, low_imm(in, o->size ? o->size : 4));
    }
}

void low_write(struct ir_group *g, const struct insn *in, uint32_t k, uint32_t v)
{
    const struct opnd *o = &in->o[k];
    if (o->kind == O_REG)
        low_put(g, o->reg, o->size, v);
    else
        low_store(g, low_addr(g, in), o->size, v);
}

uint32_t low_zext(struct ir_group *g, uint32_t v, uint32_t size)
{
    return size == 4 ? v : ir_un(g, size == 2 ? OP_ZEXT16 : OP_ZEXT8, v);
}

uint32_t low_sext(struct ir_group *g, uint32_t v, uint32_t size)
{
    return size == 4 ? v : ir_un(g, size == 2 ? OP_SEXT16 : OP_SEXT8, v);
}

void low_require(struct ir_group *g, uint32_t v)
{
    ir_tied(g, OP_UDIVQ, IR_ZERO, v, IR_ZERO);
}

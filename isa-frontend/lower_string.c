/* SPDX-License-Identifier: MIT */
/*
 * Lowering: string instructions. A single one computes its step from DF, which costs four ops and no assumption. A repeated
 * one is a loop with a commit each iteration, for DF = 0; its first part leaves for the interpreter otherwise, and if there
 * is nothing to repeat.
 */
#include "isa-frontend/lower_int.h"

static uint32_t log2_size(uint32_t size)
{
    return size >> 1; /* 1, 2, 4 */
}

static void body(struct ir_group *g, const struct insn *in, uint32_t step, int32_t k)
{
    uint32_t size = in->opsize, esi = ir_get(g, G_ESI), edi = ir_get(g, G_EDI), v;
    bool src = in->op == I_MOVS || in->op == I_LODS || in->op == I_CMPS;
    bool dst = in->op != I_LODS;
    struct ir_addr to = {0, 0}, from = {0, 0};
    if (src) {
        v = esi;
        if (in->seg == SEG_FS || in->seg == SEG_GS)
            v = ir_add(g, v, ir_get(g, in->seg == SEG_FS ? G_FSBASE : G_GSBASE));
        from = ir_address(g, v, 0);
    }
    if (dst)
        to = ir_address(g, edi, 0);
    switch (in->op) {
    case I_MOVS: low_store(g, to, size, low_load(g, from, size)); break;
    case I_STOS: low_store(g, to, size, ir_get(g, G_EAX)); break;
    case I_LODS: low_put(g, G_EAX, size, low_load(g, from, size)); break;
    case I_SCAS:
        ir_emit(g, by_size(OP_SUBF8, size), ir_get(g, G_EAX), low_load(g, to, size), 0);
        break;
    default:
        v = low_load(g, from, size);
        ir_emit(g, by_size(OP_SUBF8, size), v, low_load(g, to, size), 0);
        break;
    }
    if (src)
        ir_put(g, G_ESI, step ? ir_add(g, esi, step) : ir_addi(g, esi, k));
    if (dst)
        ir_put(g, G_EDI, step ? ir_add(g, edi, step) : ir_addi(g, edi, k));
}

enum lower_result low_string(struct ir_group *g, const struct insn *in)
{
    uint32_t size = in->opsize;
    if (in->rep != REP_NONE)
        return LOW_LOOP;
    uint32_t df = ir_bini(g, OP_AND, ir_bini(g, OP_SRL, ir_get(g, G_EFL), 10), 1);
    uint32_t twice = ir_bini(g, OP_SLL, df, (int32_t)log2_size(size) + 1);
    body(g, in, ir_bin(g, OP_SUB, ir_const(g, (int32_t)size), twice), 0);
    return LOW_NEXT;
}

bool ia32_lower_loop(struct ir_group *g, const struct insn *in, uint32_t part)
{
    struct ir_end *end = &g->end;
    struct ir_target self = {TO_INTERP, in->eip};
    if (part == 0) {
        uint32_t df = ir_bini(g, OP_AND, ir_get(g, G_EFL), 0x400);
        uint32_t none = ir_bini(g, OP_SLTU, ir_get(g, G_ECX), 1);
        *end = (struct ir_end){.kind = END_LEAVE, .op = OP_BNZ};
        end->ref = (uint16_t)ir_bin(g, OP_OR, df, none);
        end->to[0] = self;
        return true;
    }
    body(g, in, IR_ZERO, (int32_t)in->opsize);
    uint32_t left = ir_addi(g, ir_get(g, G_ECX), -1), again = left;
    ir_put(g, G_ECX, left);
    if (in->op == I_CMPS || in->op == I_SCAS) {
        uint32_t more = ir_bin(g, OP_SLTU, IR_ZERO, left);
        uint32_t equal = ir_emiti(g, OP_SETCC, 0, in->rep == REP_E ? CC_E : CC_NE, 0);
        again = ir_bin(g, OP_AND, more, equal);
    }
    *end = (struct ir_end){.kind = END_BRANCH, .op = OP_BNZ, .ref = (uint16_t)again};
    end->to[0] = (struct ir_target){TO_SELF, in->eip};
    end->to[1] = (struct ir_target){TO_DIRECT, in->eip + in->length};
    return false;
}

/* SPDX-License-Identifier: MIT */
/*
 * Lowering: string instructions. A single one computes its step from DF, which costs four ops and
 * no assumption. A repeated one is a loop with a commit each iteration, for DF = 0; before the loop
 * it leaves for the interpreter otherwise, and if there is nothing to repeat.
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

/*
 * Whether a repeated comparison ends with this iteration. While it goes on, the flags that a fault
 * or an interrupt would show are those from before the instruction; so the loop sets none, and
 * leaves its last iteration, which sets them, to the interpreter.
 */
static void leave_if_last(struct ir_group *g, const struct insn *in)
{
    uint32_t size = in->opsize, left = ir_addi(g, ir_get(g, G_ECX), -1);
    uint32_t y = low_load(g, ir_address(g, ir_get(g, G_EDI), 0), size), x;
    if (in->op == I_SCAS) {
        x = low_zext(g, ir_get(g, G_EAX), size);
    } else {
        x = ir_get(g, G_ESI);
        if (in->seg == SEG_FS || in->seg == SEG_GS)
            x = ir_add(g, x, ir_get(g, in->seg == SEG_FS ? G_FSBASE : G_GSBASE));
        x = low_load(g, ir_address(g, x, 0), size);
    }
    uint32_t diff = ir_bin(g, OP_XOR, x, y);
    if (in->rep == REP_E) {
        g->end.op = OP_BNZ;
        g->end.ref = (uint16_t)ir_bin(g, OP_OR, diff, ir_bini(g, OP_SLTU, left, 1));
    } else {
        uint32_t more = ir_bin(g, OP_SLTU, IR_ZERO, left);
        g->end.op = OP_BZ;
        g->end.ref = (uint16_t)ir_bin(g, OP_AND, ir_bin(g, OP_SLTU, IR_ZERO, diff), more);
    }
}

bool ia32_lower_loop(struct ir_group *g, const struct insn *in, uint32_t part)
{
    struct ir_end *end = &g->end;
    bool compares = in->op == I_CMPS || in->op == I_SCAS;
    *end = (struct ir_end){.kind = END_LEAVE, .op = OP_BNZ};
    end->to[0] = (struct ir_target){TO_INTERP, in->eip};
    switch (part) {
    case 0: end->ref = (uint16_t)ir_bini(g, OP_AND, ir_get(g, G_EFL), 0x400); return true;
    case 1:
        end->op = OP_BZ;
        end->ref = (uint16_t)ir_get(g, G_ECX);
        end->to[0].kind = TO_TAIL;
        return true;
    case LOOP_HEAD:
        if (!compares)
            break;
        leave_if_last(g, in);
        return true;
    default:
        if (part == LOOP_HEAD + 1 && compares)
            break;
        /* Nothing to repeat. */
        *end = (struct ir_end){.kind = END_JUMP};
        end->to[0] = (struct ir_target){TO_DIRECT, in->eip + in->length};
        return false;
    }
    uint32_t left = ir_addi(g, ir_get(g, G_ECX), -1);
    int32_t k = (int32_t)in->opsize;
    if (!compares) {
        body(g, in, IR_ZERO, k);
    } else {
        ir_put(g, G_EDI, ir_addi(g, ir_get(g, G_EDI), k));
        if (in->op == I_CMPS)
            ir_put(g, G_ESI, ir_addi(g, ir_get(g, G_ESI), k));
    }
    ir_put(g, G_ECX, left);
    *end = (struct ir_end){.kind = compares ? END_JUMP : END_BRANCH, .op = OP_BNZ};
    end->ref = (uint16_t)(compares ? 0 : left);
    end->to[0] = (struct ir_target){TO_SELF, in->eip};
    end->to[1] = (struct ir_target){TO_DIRECT, in->eip + in->length};
    return true;
}

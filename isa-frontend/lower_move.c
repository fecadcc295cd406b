/* SPDX-License-Identifier: MIT */
/* Lowering: moves, extensions, exchanges, the stack; near control transfers. */
#include "isa-frontend/lower_int.h"

static void extend(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0], *s = &in->o[1];
    bool sx = in->op == I_MOVSX;
    uint32_t v;
    if (s->kind == O_MEM) {
        uint32_t op = s->size == 1 ? (sx ? OP_GLD8S : OP_GLD8) : (sx ? OP_GLD16S : OP_GLD16);
        v = ir_load(g, op, low_addr(g, in));
    } else {
        v = low_source(g, s->reg, s->size);
        v = sx ? low_sext(g, v, s->size) : low_zext(g, v, s->size);
    }
    low_put(g, d->reg, d->size, v);
}

static void exchange(struct ir_group *g, const struct insn *in)
{
    const struct opnd *a = &in->o[0], *b = &in->o[1];
    if (a->kind == O_REG && b->kind == O_REG) {
        uint32_t va = low_reg(g, a->reg, a->size), vb = low_reg(g, b->reg, b->size);
        low_put(g, a->reg, a->size, vb);
        low_put(g, b->reg, b->size, va);
        return;
    }
    const struct opnd *r = a->kind == O_REG ? a : b;
    struct ir_addr at = low_addr(g, in);
    uint32_t old = low_load(g, at, r->size);
    low_store(g, at, r->size, low_reg(g, r->reg, r->size));
    low_put(g, r->reg, r->size, old);
}

/* EFLAGS beside the condition codes. */
enum { EFL_IF = 0x200, EFL_IOPL = 0x3000, EFL_RF = 0x10000 };
enum { EFL_OF_MODE = 0x40100 /* TF AC */, EFL_FREE = 0x204400 /* DF NT ID */ };

/* Where the mode would change, it is the interpreter's; so is it where the privileged bits would,
 * but they do not for a user. */
static void pop_flags(struct ir_group *g)
{
    uint32_t v = low_pop(g, 4, 0), efl = ir_get(g, G_EFL), changed = ir_bin(g, OP_XOR, v, efl);
    int32_t refused = EFL_OF_MODE | (low_mode & MODE_CPL3 ? 0 : EFL_IF | EFL_IOPL);
    low_require(g, ir_bini(g, OP_SLTU, ir_bini(g, OP_AND, changed, refused), 1));
    efl = ir_bin(g, OP_XOR, efl, ir_bini(g, OP_AND, changed, EFL_FREE));
    ir_put(g, G_EFL, ir_bini(g, OP_AND, efl, ~EFL_RF));
    ir_emiti(g, OP_WRCC, v, F_ALL, 0);
}

enum lower_result low_move(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0];
    uint32_t size = d->size, v;
    int32_t disp;
    switch (in->op) {
    case I_MOV:
        if ((d->kind != O_REG && d->kind != O_MEM) ||
            (in->o[1].kind != O_REG && in->o[1].kind != O_MEM && in->o[1].kind != O_IMM))
            return LOW_NONE;
        if (in->o[1].kind == O_IMM)
            v = ir_const(g, low_imm(in, size));
        else
            v = low_read(g, in, 1);
        low_write(g, in, 0, v);
        break;
    case I_MOVZX:
    case I_MOVSX: extend(g, in); break;
    case I_LEA:
        v = low_ea(g, in, &disp);
        low_put(g, d->reg, size, ir_addi(g, v, disp));
        break;
    case I_XCHG: exchange(g, in); break;
    case I_BSWAP:
        if (size != 4)
            return LOW_NONE;
        ir_put(g, d->reg, ir_un(g, OP_BSWAP, ir_get(g, d->reg)));
        break;
    case I_XLAT:
        v = ir_add(g, ir_get(g, G_EBX), low_zext(g, ir_get(g, G_EAX), 1));
        if (in->seg == SEG_FS || in->seg == SEG_GS)
            v = ir_add(g, v, ir_get(g, in->seg == SEG_FS ? G_FSBASE : G_GSBASE));
        low_put(g, 0, 1, low_load(g, ir_address(g, v, 0), 1));
        break;
    case I_CBW:
        v = low_sext(g, ir_get(g, G_EAX), in->opsize == 4 ? 2 : 1);
        low_put(g, G_EAX, in->opsize, v);
        break;
    case I_CWD:
        v = ir_bini(g, OP_SRA, low_sext(g, ir_get(g, G_EAX), in->opsize), 31);
        low_put(g, G_EDX, in->opsize, v);
        break;
    case I_PUSH:
        if (d->kind != O_REG && d->kind != O_MEM && d->kind != O_IMM)
            return LOW_NONE;
        if (d->kind == O_IMM)
            v = ir_const(g, (int32_t)in->imm);
        else
            v = low_read(g, in, 0);
        low_push(g, v, in->opsize);
        break;
    case I_POP:
        if (d->kind != O_REG && d->kind != O_MEM)
            return LOW_NONE;
        v = low_pop(g, in->opsize, 0);
        low_write(g, in, 0, v);
        break;
    case I_PUSHF:
        if (in->opsize != 4)
            return LOW_NONE;
        v = ir_emiti(g, OP_RDCC, 0, F_ALL, 0);
        low_push(g, ir_bin(g, OP_OR, v, ir_get(g, G_EFL)), 4);
        break;
    case I_POPF:
        if (in->opsize != 4)
            return LOW_NONE;
        pop_flags(g);
        break;
    case I_LEAVE:
        if (in->opsize != 4)
            return LOW_NONE;
        ir_put(g, G_ESP, ir_get(g, G_EBP));
        ir_put(g, G_EBP, low_pop(g, 4, 0));
        break;
    default: break; /* NOP */
    }
    return LOW_NEXT;
}

static struct ir_target direct(uint32_t eip)
{
    return (struct ir_target){TO_DIRECT, eip};
}

/* v if the condition holds, else 0. */
static uint32_t only_if(struct ir_group *g, uint32_t v, uint32_t cond)
{
    uint32_t holds = ir_emiti(g, OP_SETCC, 0, (int32_t)cond, 0);
    return ir_bin(g, OP_AND, v, ir_bin(g, OP_SUB, IR_ZERO, holds));
}

enum lower_result low_flow(struct ir_group *g, const struct insn *in)
{
    uint32_t next = in->eip + in->length, v;
    struct ir_end *end = &g->end;
    if (in->opsize != 4)
        return LOW_NONE;
    *end = (struct ir_end){.kind = END_JTLB};
    switch (in->op) {
    case I_JMP:
    case I_CALL:
        if (in->op == I_CALL)
            low_push(g, ir_const(g, (int32_t)next), 4);
        end->kind = END_JUMP;
        end->to[0] = direct(in->imm);
        break;
    case I_JMPI: ir_put(g, G_EIP, low_read(g, in, 0)); break;
    case I_CALLI:
        v = low_read(g, in, 0);
        low_push(g, ir_const(g, (int32_t)next), 4);
        ir_put(g, G_EIP, v);
        break;
    case I_RET: ir_put(g, G_EIP, low_pop(g, 4, in->nopnds ? in->imm : 0)); break;
    default:
        end->kind = END_BRANCH;
        end->to[0] = direct(in->imm);
        end->to[1] = direct(next);
        if (in->op == I_JCC) {
            end->op = OP_BRCC;
            end->cond = in->cond;
            break;
        }
        v = ir_get(g, G_ECX);
        if (in->op == I_JECXZ) {
            end->op = OP_BZ;
        } else {
            end->op = OP_BNZ;
            ir_put(g, G_ECX, v = ir_addi(g, v, -1));
            if (in->op != I_LOOP)
                v = only_if(g, v, in->op == I_LOOPE ? CC_E : CC_NE);
        }
        end->ref = (uint16_t)v;
        break;
    }
    return LOW_END;
}

/* SPDX-License-Identifier: MIT */
/*
 * Lowering: what compilers no longer write and assemblers of old did: decimal adjustments (still
 * the way to a hexadecimal digit in small code), POPA, ENTER without nesting, BOUND, INTO. What
 * faults or traps goes back to the interpreter (low_require).
 */
#include "isa-frontend/lower_int.h"

/* All ones if the bit is 1, else 0; under a mask. */
static uint32_t times(struct ir_group *g, uint32_t bit, int32_t mask)
{
    return ir_bini(g, OP_AND, ir_bin(g, OP_SUB, IR_ZERO, bit), mask);
}

static uint32_t above(struct ir_group *g, uint32_t v, int32_t k)
{
    return ir_bin(g, OP_SLTU, ir_const(g, k), v);
}

static void set_carries(struct ir_group *g, uint32_t v)
{
    ir_emiti(g, OP_WRCC, v, F_CF | F_AF, 0);
}

/* SF ZF PF by a byte, the others 0. */
static void byte_flags(struct ir_group *g, uint32_t v)
{
    ir_emiti(g, OP_ORF8, v, 0, 0);
}

/* The one of whether the low digit is to be adjusted. */
static uint32_t low_digit(struct ir_group *g, uint32_t al, uint32_t cc)
{
    uint32_t big = above(g, ir_bini(g, OP_AND, al, 15), 9);
    uint32_t af = ir_bini(g, OP_AND, ir_bini(g, OP_SRL, cc, 4), 1);
    return ir_bin(g, OP_OR, big, af);
}

static void packed(struct ir_group *g, bool minus)
{
    uint32_t al = ir_un(g, OP_ZEXT8, ir_get(g, G_EAX)), six, sixty;
    uint32_t cc = ir_emiti(g, OP_RDCC, 0, F_CF | F_AF, 0);
    uint32_t low = low_digit(g, al, cc), high = above(g, al, 0x99), step;
    high = ir_bin(g, OP_OR, high, ir_bini(g, OP_AND, cc, F_CF));
    six = times(g, low, 6);
    sixty = times(g, high, 0x60);
    step = ir_bin(g, OP_OR, six, sixty);
    if (minus) {
        uint32_t borrow = ir_bini(g, OP_SLTU, al, 6);
        high = ir_bin(g, OP_OR, high, ir_bin(g, OP_AND, low, borrow));
    }
    al = ir_bin(g, minus ? OP_SUB : OP_ADD, al, step);
    byte_flags(g, al);
    set_carries(g, ir_bin(g, OP_OR, high, ir_bini(g, OP_SLL, low, 4)));
    low_put(g, 0, 1, al);
}

static void unpacked(struct ir_group *g, bool minus)
{
    uint32_t eax = ir_get(g, G_EAX), cc = ir_emiti(g, OP_RDCC, 0, F_AF, 0), step, digit;
    uint32_t low = low_digit(g, eax, cc);
    step = times(g, low, 0x106);
    low_put(g, G_EAX, 2, ir_bin(g, minus ? OP_SUB : OP_ADD, eax, step));
    digit = ir_bini(g, OP_AND, ir_get(g, G_EAX), 15);
    byte_flags(g, digit);
    set_carries(g, times(g, low, F_CF | F_AF));
    low_put(g, 0, 1, digit);
}

static void base(struct ir_group *g, const struct insn *in)
{
    uint32_t al = ir_un(g, OP_ZEXT8, ir_get(g, G_EAX)), ah = IR_ZERO;
    int32_t k = (int32_t)(in->imm & 0xff);
    if (in->op == I_AAM) {
        ah = ir_bini(g, OP_DIVU, al, k);
        al = ir_bini(g, OP_REMU, al, k);
    } else {
        uint32_t tens = ir_bini(g, OP_MUL, ir_un(g, OP_EXT8H, ir_get(g, G_EAX)), k);
        al = ir_add(g, al, tens);
    }
    byte_flags(g, al);
    low_put(g, 0, 1, al);
    low_put(g, 4, 1, ah);
}

static void pop_all(struct ir_group *g)
{
    uint32_t esp = ir_get(g, G_ESP);
    for (uint32_t r = 8; r-- > 0;)
        if (r != G_ESP)
            ir_put(g, r, low_load(g, ir_address(g, esp, (int32_t)(28 - 4 * r)), 4));
    ir_put(g, G_ESP, ir_addi(g, esp, 32));
}

/* The new top of the stack must be writable, which is asked first and does not change it. */
static void enter(struct ir_group *g, uint32_t room)
{
    uint32_t top = ir_addi(g, ir_get(g, G_ESP), -(int32_t)(room + 4));
    if (room) {
        uint32_t fails = ir_emiti(g, OP_PROBEW, top, 4, 0);
        low_require(g, ir_bini(g, OP_SLTU, fails, 1));
    }
    low_push(g, ir_get(g, G_EBP), 4);
    ir_put(g, G_EBP, ir_get(g, G_ESP));
    ir_put(g, G_ESP, top);
}

static void bound(struct ir_group *g, const struct insn *in)
{
    uint32_t size = in->opsize, v = low_sext(g, low_reg(g, in->o[0].reg, size), size);
    struct ir_addr at = low_addr(g, in), behind = low_further(g, in, (int32_t)size);
    uint32_t op = size == 2 ? OP_GLD16S : OP_GLD32;
    uint32_t lo = ir_load(g, op, at), hi = ir_load(g, op, behind);
    uint32_t under = ir_bin(g, OP_SLT, v, lo), over = ir_bin(g, OP_SLT, hi, v);
    low_require(g, ir_bini(g, OP_XOR, ir_bin(g, OP_OR, under, over), 1));
}

enum lower_result low_old(struct ir_group *g, const struct insn *in)
{
    switch (in->op) {
    case I_DAA:
    case I_DAS: packed(g, in->op == I_DAS); break;
    case I_AAA:
    case I_AAS: unpacked(g, in->op == I_AAS); break;
    case I_AAM:
        if (in->imm == 0)
            return LOW_NONE;
        base(g, in);
        break;
    case I_AAD: base(g, in); break;
    case I_POPA:
        if (in->opsize != 4)
            return LOW_NONE;
        pop_all(g);
        break;
    case I_ENTER:
        if (in->opsize != 4 || (in->imm2 & 31))
            return LOW_NONE;
        enter(g, in->imm);
        break;
    case I_BOUND: bound(g, in); break;
    default: /* INTO */ low_require(g, ir_emiti(g, OP_SETCC, 0, CC_NO, 0)); break;
    }
    return LOW_NEXT;
}

/* SPDX-License-Identifier: MIT */
/* What the families of the lowering share: operands. */
#ifndef ISA_FRONTEND_LOWER_INT_H
#define ISA_FRONTEND_LOWER_INT_H

#include "isa-frontend/lower.h"

/* The op of a family of three by operand size: op8, op16, op32 stand together in ops.def. */
static inline uint32_t by_size(uint32_t op8, uint32_t size)
{
    return op8 + (size >> 1);
}
_Static_assert(OP_ADDF32 - OP_ADDF8 == 2 && OP_GST32 - OP_GST8 == 2, "see by_size");

/* Address of the memory operand. */
uint32_t low_ea(struct ir_group *g, const struct insn *in,
                int32_t *disp); /* value and displacement */
struct ir_addr low_addr(struct ir_group *g, const struct insn *in);
uint32_t low_load(struct ir_group *g, struct ir_addr at, uint32_t size); /* zero extended */
void low_store(struct ir_group *g, struct ir_addr at, uint32_t size, uint32_t datum);
/* What lies `by` bytes behind the memory operand's beginning. */
struct ir_addr low_further(struct ir_group *g, const struct insn *in, int32_t by);

/* Frequent enough to be inlined. */
static inline void low_push(struct ir_group *g, uint32_t v, uint32_t size)
{
    uint32_t esp = ir_get(g, G_ESP);
    low_store(g, ir_address(g, esp, -(int32_t)size), size, v);
    ir_put(g, G_ESP, ir_addi(g, esp, -(int32_t)size));
}

static inline uint32_t low_pop(struct ir_group *g, uint32_t size, uint32_t more)
{
    uint32_t esp = ir_get(g, G_ESP);
    uint32_t v = low_load(g, ir_address(g, esp, 0), size);
    ir_put(g, G_ESP, ir_addi(g, esp, (int32_t)(size + more)));
    return v;
}

/*
 * Goes back to the last commit and to the interpreter if the value is 0: for what is rare, and is a
 * fault mostly. No flags are spent on it and no exit: it is a division, whose quotient nobody
 * wants.
 */
void low_require(struct ir_group *g, uint32_t v);

/* Selector of a segment register. */
uint32_t low_selector(struct ir_group *g, uint32_t seg);

/* The mode that the block is made for. */
extern uint32_t low_mode;

/* A register's value in the low bits, upper bits as they come (AH and its kin are extracted). */
uint32_t low_reg(struct ir_group *g, uint32_t reg, uint32_t size);
/* The same, for reading only: its upper bits may be another value's. */
uint32_t low_source(struct ir_group *g, uint32_t reg, uint32_t size);
/* Writes the low bits of v to a register of that size. */
void low_put(struct ir_group *g, uint32_t reg, uint32_t size, uint32_t v);
/* As low_put, for a v made by an 8 or 16-bit op from low_reg: its upper bits are right already. */
void low_put_merged(struct ir_group *g, uint32_t reg, uint32_t size, uint32_t v);

/* Reads operand k: register, memory, immediate as a value; upper bits as they come. */
uint32_t low_read(struct ir_group *g, const struct insn *in, uint32_t k);
/* Writes operand k, a register or memory, whose address is taken again (and found by the builder).
 */
void low_write(struct ir_group *g, const struct insn *in, uint32_t k, uint32_t v);
/* The immediate, sign-extended from its operand's size, so that it is short where it can be. */
int32_t low_imm(const struct insn *in, uint32_t size);
/* Exactly the value: zero or sign-extended from size. */
uint32_t low_zext(struct ir_group *g, uint32_t v, uint32_t size);
uint32_t low_sext(struct ir_group *g, uint32_t v, uint32_t size);

/* A wide register for an operand on its way: one of w0..w15 that holds nothing of the x87 stack. */
uint32_t low_wide_temp(void);

/* The families. Each returns LOW_NONE for what it does not know. */
enum lower_result low_alu(struct ir_group *g, const struct insn *in);
enum lower_result low_shift(struct ir_group *g, const struct insn *in);
enum lower_result low_muldiv(struct ir_group *g, const struct insn *in);
enum lower_result low_bits(struct ir_group *g, const struct insn *in);
enum lower_result low_move(struct ir_group *g, const struct insn *in);
enum lower_result low_flow(struct ir_group *g, const struct insn *in);
enum lower_result low_segment(struct ir_group *g, const struct insn *in);
enum lower_result low_old(struct ir_group *g, const struct insn *in);
void low_x87_begin(void);
enum lower_result low_x87(struct ir_group *g, const struct insn *in);
/* Before an instruction that touches an MMX register, which is then at home in its wide register:
 * LOW_NEXT, or LOW_GUARD, or LOW_NONE. `tags`: the registers in use behind it. */
enum lower_result low_mmx(struct ir_group *g, uint32_t tags);

enum lower_result low_simd(struct ir_group *g, const struct insn *in);
enum lower_result low_string(struct ir_group *g, const struct insn *in);

#endif

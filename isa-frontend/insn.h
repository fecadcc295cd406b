/* SPDX-License-Identifier: MIT */
/*
 * A decoded IA-32 instruction: what the decoder gives to the generic interpreter handlers and to the lowering into IR.
 * Freestanding. Instruction names (enum ia32_op) come from ia32.def.
 */
#ifndef ISA_FRONTEND_INSN_H
#define ISA_FRONTEND_INSN_H

#include <stdbool.h>
#include <stdint.h>

enum ia32_op {
    I_INVALID,
#define INSN(name, doc) I_##name,
#include "isa-frontend/insn.def"
#undef INSN
    I_COUNT_
};

enum opnd_kind {
    O_NONE,
    O_REG,  /* general register `reg` of `size` bytes; size 1: 0..7 = AL CL DL BL AH CH DH BH */
    O_MEM,  /* the instruction's one memory operand (struct insn's base/index/scale/disp/seg), `size` bytes; 0: address only */
    O_IMM,  /* insn.imm, already sign- or zero-extended to 32 bits as the instruction uses it */
    O_IMM2, /* insn.imm2: ENTER's second, far pointers' selector */
    O_REL,  /* insn.imm holds the absolute target EIP (wrapped to 16 bits with a 16-bit operand size) */
    O_SREG, /* segment register 0..5 = ES CS SS DS FS GS */
    O_STR_SRC, O_STR_DST, /* string operands: seg:[ESI], ES:[EDI] */
    O_ST,   /* x87 stack register */
    O_MMX, O_XMM, O_CREG, O_DREG
};

struct opnd {
    uint8_t kind, reg, size;
};

enum seg_reg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_NONE = 0xff };
enum { REG_NONE = 0xff };
enum { REP_NONE, REP_E /* F3 */, REP_NE /* F2 */ };

struct insn {
    uint32_t eip;     /* of its first byte */
    uint8_t length;   /* 1..15 */
    uint8_t op;       /* enum ia32_op */
    uint8_t row;      /* index of its row of ia32.def's encoding table, low bits; for coverage */
    uint8_t opsize;   /* operand size in bytes: 1, 2, 4 (8 for cmpxchg8b) */
    uint8_t addrsize; /* 2 or 4 */
    uint8_t cond;     /* x86 condition of jcc, setcc, cmovcc */
    uint8_t rep, lock;
    uint8_t nopnds;
    struct opnd o[3]; /* o[0] is the destination, where there is one */
    uint8_t base, index, scale; /* register numbers or REG_NONE; scale is a shift 0..3 */
    uint8_t seg;      /* effective segment of the memory operand, defaults applied; SEG_NONE if no memory operand */
    uint32_t disp;
    uint32_t imm, imm2;
};

enum decode_result { DEC_OK, DEC_UD /* invalid opcode */, DEC_TOO_LONG /* over 15 bytes: #GP */, DEC_MORE /* needs more bytes */ };

/* Decodes at most `avail` bytes, as code of the given mode word (mode.h). DEC_MORE: the instruction goes past `avail`. */
enum decode_result ia32_decode(const uint8_t *bytes, uint32_t avail, uint32_t eip, uint32_t mode, struct insn *out);

#endif

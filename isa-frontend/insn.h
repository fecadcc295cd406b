/* SPDX-License-Identifier: MIT */
/*
 * A decoded IA-32 instruction: what the decoder gives to the generic interpreter handlers and to
 * the lowering into IR. Freestanding. Instruction names (enum ia32_op) come from ia32.def.
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
    O_REG, /* general register `reg` of `size` bytes; size 1: 0..7 = AL CL DL BL AH CH DH BH */
    O_MEM, /* the instruction's one memory operand (struct insn's base/index/scale/disp/seg), `size`
              bytes; 0: address only */
    O_IMM, /* insn.imm, already sign- or zero-extended to 32 bits as the instruction uses it */
    O_IMM2, /* insn.imm2: ENTER's second, far pointers' selector */
    O_REL, /* insn.imm holds the absolute target EIP (wrapped to 16 bits with a 16-bit operand size)
            */
    O_SREG, /* segment register 0..5 = ES CS SS DS FS GS */
    O_STR_SRC,
    O_STR_DST, /* string operands: seg:[ESI], ES:[EDI] */
    O_ST,      /* x87 stack register, by its place below the top */
    O_MMX,
    O_XMM,
    O_CREG,
    O_DREG
};

/* `size` of an MMX or XMM register: of the part that counts; of a memory operand up to 512. */
struct opnd {
    uint8_t kind, reg;
    uint16_t size;
};

enum seg_reg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_NONE = 0xff };
enum { REG_NONE = 0xff };
enum { REP_NONE, REP_E /* F3 */, REP_NE /* F2 */ };

struct insn {
    uint32_t eip;     /* of its first byte */
    uint16_t op;      /* enum ia32_op */
    uint16_t row;     /* index of its row in ia32_rows */
    uint8_t length;   /* 1..15 */
    uint8_t opsize;   /* operand size in bytes: 1, 2, 4; means nothing to MMX and SSE */
    uint8_t addrsize; /* 2 or 4 */
    uint8_t cond;     /* x86 condition of jcc, setcc, cmovcc */
    uint8_t rep, lock;
    uint8_t nopnds;
    struct opnd o[3];           /* o[0] is the destination, where there is one */
    uint8_t base, index, scale; /* register numbers or REG_NONE; scale is a shift 0..3 */
    uint8_t seg; /* effective segment of the memory operand, defaults applied; SEG_NONE if no memory
                    operand */
    uint32_t disp;
    uint32_t imm, imm2;
};

enum decode_result {
    DEC_OK,
    DEC_UD /* invalid opcode */,
    DEC_TOO_LONG /* over 15 bytes: #GP */,
    DEC_MORE /* needs more bytes */
};

/* What a row of ia32.def says beyond the encoding; columns as told there. */
enum ia32_attr {
    AT_0 = 0,
    AT_BY = 1,
    AT_LK = 2,
    AT_CT = 4,
    AT_ST = 8,
    AT_P0 = 16,
    AT_PI = 32,
    AT_PM = 64,
    AT_RM = 128,
    AT_XDE = 0x100,
    AT_XBR = 0x200,
    AT_XOF = 0x400,
    AT_XBP = 0x800,
    AT_XDB = 0x1000,
    AT_XUD = 0x2000,
    AT_XNM = 0x4000,
    AT_XGP = 0x8000,
    AT_XMF = 0x10000, /* #MF if an x87 exception is pending */
    AT_XXM = 0x20000, /* #XM */
    AT_UA = 0x40000,
    AT_FL = 0x80000,
    AT_PAIR = 0x100000,
    AT_CTL = 0x200000
};
/* Those behind FEAT_SEP are what an identity may lack; the others every one has. */
enum ia32_feature {
    FEAT_386,
    FEAT_486,
    FEAT_586,
    FEAT_686,
    FEAT_CMOV,
    FEAT_SEP,
    FEAT_MMX,
    FEAT_FXSR,
    FEAT_SSE,
    FEAT_SSE2,
    FEAT_CLFSH
};
struct ia32_row {
    uint16_t op;
    uint8_t feature, fn; /* fn: enum simd_fn, of rows with a function of the hardware */
    uint32_t attr;
    uint32_t reads, writes, undef; /* EFLAGS bits; `undef` are written, too, with any value */
};
extern const struct ia32_row ia32_rows[];
extern const uint32_t ia32_nrows;

/* The processor that is decoded for (guest.identity: 0 TM5800, 1 TM8600): what it lacks is an
 * invalid opcode. Before the first call, all that the table knows is decoded. */
void ia32_identify(uint32_t identity);
/* Bits 1 << enum ia32_feature of what a processor has; of the one decoded for. */
uint32_t ia32_features_of(uint32_t identity);
uint32_t ia32_features(void);

static inline bool ia32_is_x87(uint32_t op)
{
    return op >= I_FWAIT && op <= I_FCOMIP;
}

/* MMX, SSE and SSE2, with EMMS, FXSAVE and what else came with them. */
static inline bool ia32_is_simd(uint32_t op)
{
    return op >= I_MOVUPS && op <= I_SFENCE;
}

/* The row of an x87 instruction, by the low bits of its escape byte and its ModRM byte; 0 if it is
 * none. */
uint32_t ia32_x87_row(uint32_t esc, uint32_t modrm);

/* Names of instructions, for dumps and messages: "ADD". */
const char *ia32_op_name(uint32_t op);

/* Flags that this instruction leaves undefined, given the shift count where it has one (masked to 5
 * bits; else any). */
uint32_t ia32_undefined(const struct insn *in, uint32_t count);

/* Decodes at most `avail` bytes, as code of the given mode word (mode.h). DEC_MORE: the instruction
 * goes past `avail`. */
enum decode_result ia32_decode(const uint8_t *bytes, uint32_t avail, uint32_t eip, uint32_t mode,
                               struct insn *out);

/* Of an instruction of MMX or SSE whose bytes are taken apart already (prefix: 0 none, 1 66, 2 F3,
 * 3 F2; the opcode behind 0F) only op, row and operands, without address and immediate. False: it
 * is none, or one for ia32_decode. */
bool ia32_decode_simd(uint32_t prefix, uint32_t opcode, uint32_t modrm, struct insn *out);

#endif

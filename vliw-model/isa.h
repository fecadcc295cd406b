/* SPDX-License-Identifier: MIT */
/*
 * The implementation ISA as both sides of the wall see it: op numbers, operand shapes, trap codes,
 * special registers, phases, and the linear op record. Freestanding: CMS includes it too.
 * Everything here is generated from the .def tables.
 */
#ifndef VLIW_MODEL_ISA_H
#define VLIW_MODEL_ISA_H

#include <stdbool.h>
#include <stdint.h>

enum op_code {
#define OP(name, mnem, fmt, unit, lat, trap, order, doc) OP_##name,
#include "vliw-model/ops.def"
#undef OP
    OP_COUNT_
};
_Static_assert(OP_COUNT_ <= 256, "the opcode field has 8 bits");

/* The short imm of a gput/gget etc. must reach every guest register. */
enum { NGPR = 64, NWIDE = 32, GUEST_REG0 = 32, MAX_BUNDLE_OPS = 8, MAX_BUNDLE_IMMS = 8 };

enum op_format {
    FMT_NONE,
    FMT_RRB,
    FMT_RRBX,
    FMT_RR,
    FMT_RRX,
    FMT_RB,
    FMT_RC,
    FMT_RRC,
    FMT_LOAD,
    FMT_STORE,
    FMT_WLOAD,
    FMT_WSTORE,
    FMT_WWB,
    FMT_AB,
    FMT_RRBS,
    FMT_B,
    FMT_BRCC,
    FMT_BRR,
    FMT_BRRR,
    FMT_JAL,
    FMT_JALR,
    FMT_CODE,
    FMT_COUNT_
};

/* Unit classes are bits, so that a slot of a bundle format is a set of them. */
enum op_unit {
    UNIT_ANY = 0,
    UNIT_ALU = 1,
    UNIT_SHIFT = 2,
    UNIT_MUL = 4,
    UNIT_MEM = 8,
    UNIT_BR = 16,
    UNIT_FP = 32,
    UNIT_IMM = 64 /* not an op: the place of a 32-bit immediate word */
};

enum op_latency {
    LAT_NONE,
    LAT_ALU,
    LAT_SHIFT,
    LAT_MUL,
    LAT_DIV,
    LAT_LOAD,
    LAT_CC,
    LAT_SYS,
    LAT_FP,
    LAT_FPDIV,
    LAT_COUNT_
};

enum op_order { ORD_FREE, ORD_NLD, ORD_NST, ORD_GLD, ORD_GST, ORD_TRAP, ORD_CTL, ORD_FENCE };

/* How operand b is given. */
enum op_bmode { B_REG, B_SHORT, B_LONG };

/* x86 condition numbers, as in the low nibble of Jcc. */
enum cond {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

/* Condition-code bits, in EFLAGS positions. */
enum { F_CF = 1, F_PF = 4, F_AF = 0x10, F_ZF = 0x40, F_SF = 0x80, F_OF = 0x800, F_ALL = 0x8d5 };

enum trap_kind { TRAP_RESTART, TRAP_ROLLBACK };

enum trap_code {
#define TRAP(name, kind, doc) T_##name,
#include "vliw-model/traps.def"
#undef TRAP
    T_COUNT_
};

enum special {
#define SPECIAL(name, access, doc) SR_##name,
#include "vliw-model/special.def"
#undef SPECIAL
    SR_COUNT_
};

enum phase {
#define PHASE(name, str, doc) PH_##name,
#define CAUSE(name, str, doc)
#include "vliw-model/phases.def"
#undef PHASE
#undef CAUSE
    PH_COUNT_
};

enum cause {
#define PHASE(name, str, doc)
#define CAUSE(name, str, doc) CA_##name,
#include "vliw-model/phases.def"
#undef PHASE
#undef CAUSE
    CA_COUNT_
};

/* INFO of an ALIGN trap of gldqa and gstqa; other accesses give ACC_*. */
enum { ALIGN_WIDE = 16 };

/* Kinds of guest access, in TRAP_INFO: low bits size, then what it was. */
enum { ACC_SIZE = 0xff, ACC_READ = 0x100, ACC_WRITE = 0x200, ACC_EXEC = 0x400 };

/* Formats of a wide register's contents, as FP ops name them in bits 7..5 of an operand. Integers
 * are two's complement. */
enum wide_format { WF_X80, WF_F32, WF_F64, WF_I16, WF_I32, WF_I64 };
/* FSW bits that FP ops raise, in the places where the x87 has them. */
enum {
    FS_IE = 1,
    FS_DE = 2,
    FS_ZE = 4,
    FS_OE = 8,
    FS_UE = 16,
    FS_PE = 32,
    FS_C0 = 0x100,
    FS_C1 = 0x200,
    FS_C2 = 0x400,
    FS_C3 = 0x4000
};
/* The guest's x87 and MMX registers are w16..w23, by physical number, its XMM registers w24..w31;
 * all these are shadowed. w0.. are scratch: nothing lives there across a commit. */
enum { WIDE_SHADOW0 = 16, WIDE_X87 = 16, WIDE_XMM = 24, WIDE_TEMP = 0 };

/* The special registers of floating point, in one row: shadowed, part of a context. */
enum { SR_FP_FIRST = SR_FCW, SR_FP_LAST = SR_MXCSR, NFPSR = SR_FP_LAST - SR_FP_FIRST + 1 };

/* Functions of valu, vmul, vfp, vfdiv. */
enum simd_fn {
    FN_NONE,
#define FN(name, op, doc) FN_##name,
#include "vliw-model/simd.def"
#undef FN
    FN_COUNT_
};
_Static_assert(FN_COUNT_ <= 1024, "the function field has 10 bits");
extern const uint8_t simd_fn_op[FN_COUNT_]; /* the op that has it, by function */

/* Operand b of these ops: wide registers d and s, function, imm8, and whether the operands have 8
 * bytes. */
#define SIMD_B(d, s, fn, imm8, m)                                                                  \
    ((uint32_t)(d) | (uint32_t)(s) << 5 | (uint32_t)(fn) << 10 | ((uint32_t)(imm8)&0xff) << 20 |   \
     (uint32_t)(m) << 28)
#define SIMD_D(b)   ((uint32_t)(b)&31)
#define SIMD_S(b)   ((uint32_t)(b) >> 5 & 31)
#define SIMD_FN(b)  ((uint32_t)(b) >> 10 & 0x3ff)
#define SIMD_IMM(b) ((uint32_t)(b) >> 20 & 0xff)
#define SIMD_M(b)   ((uint32_t)(b) >> 28 & 1)
/* Whether a function gives a general register alone and writes no wide one. */
static inline bool simd_fn_reads_only(uint32_t fn)
{
    return (fn >= FN_MOVMSKB && fn <= FN_EXTRW) || (fn >= FN_COMISS && fn <= FN_UCOMISD) ||
           (fn >= FN_CVTSS2SI && fn <= FN_CVTTSD2SI);
}
/* MXCSR: exceptions in bits 5..0 as in FSW (FS_*), their masks 7 bits higher. */
enum {
    MX_DAZ = 0x40,
    MX_MASKS = 0x1f80,
    MX_MASK_SHIFT = 7,
    MX_RC_SHIFT = 13,
    MX_FTZ = 0x8000,
    MXCSR_RESET = 0x1f80,
    MXCSR_ALL = 0xffff /* the bits there are */
};
/* What traps FPX, of the exceptions raised. */
#define MX_UNMASKED(mxcsr, raised) ((raised) & ~((mxcsr) >> MX_MASK_SHIFT) & 0x3f)

/* TLB entry word: frame number << 12 | marks. A page must be R to be read, W to be written, X to be
 * executed. */
enum { TLB_V = 1, TLB_R = 2, TLB_W = 4, TLB_X = 8, TLB_DIRTY = 16, TLB_IO = 32, TLB_GLOBAL = 64 };

/* T-bits: one bit per chunk of a 4 KB frame. */
enum { TBIT_CHUNK = 128, TBIT_CHUNKS = 4096 / TBIT_CHUNK };

/* Machine-check reasons in TRAP_INFO. */
enum {
    MC_CONCEALED = 1,
    MC_NO_MEMORY,
    MC_TRAP_IN_HANDLER,
    MC_NATIVE_ADDRESS,
    MC_HOSTCALL_STATE,
    MC_BAD_RFE
};

/* A linear op: what the assembler reads, the schedulers move and the encoder packs. */
struct vop {
    uint8_t opc; /* enum op_code */
    uint8_t rd;  /* also: first register of brrr, condition of brcc and trapif, datum of a store */
    uint8_t ra;
    uint8_t rb;    /* register of b when bmode is B_REG */
    uint8_t bmode; /* enum op_bmode */
    int32_t imm;   /* value of b when bmode is B_SHORT or B_LONG; absolute address of a target; a
                      condition (setcc, cmov) */
};

/* The table itself, for hosted code and for CMS alike. `isa.c` is freestanding and is part of both
 * builds. */
struct op_info {
    const char *name;
    uint8_t format, unit, latency, order;
    char trap; /* '-', 'M', 'C', 'T' */
};
extern const struct op_info op_table[OP_COUNT_];

/* Of the static FP ops: rd with this bit sets C1, too. */
enum { WIDE_C1 = 32 };

/* What an op reads and writes. Bits 0..63 general registers; the condition codes apart. r0 never
 * appears. */
struct op_regs {
    uint64_t reads, writes;
    bool reads_cc, writes_cc;
    bool keeps_cc; /* writes only some condition codes, or sometimes none, so that the older value
                      still matters */
};
struct op_regs op_regs(const struct vop *op);

#endif

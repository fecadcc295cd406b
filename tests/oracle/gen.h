/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_GEN_H
#define TESTS_ORACLE_GEN_H

/*
 * Random but valid IA-32 instructions of user level, for differential tests: the i686 integer set
 * (gen_insn.c, gen_segment.c), and where asked for x87 (gen_fx.c), MMX and SSE (gen_rows.c, for the
 * identity that ia32_identify was told). gen.c makes states and blocks. Everything follows from the
 * seed. What is left out, and why, is told at the heads of these files.
 *
 * Which flags an instruction leaves undefined is not known here; the caller compares under the mask
 * that the instruction table gives.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/oracle/silicon.h"

enum gen_family {
    GEN_ALU,     /* ADD .. CMP, TEST, INC, DEC, NEG, NOT */
    GEN_SHIFT,   /* shifts, rotates, SHLD, SHRD */
    GEN_MULDIV,  /* MUL, IMUL, DIV, IDIV */
    GEN_MOVE,    /* MOV, MOVZX, MOVSX, LEA, XLAT, BSWAP, CMOVcc, CBW, CWD, NOP */
    GEN_XCHG,    /* XCHG, XADD, CMPXCHG, CMPXCHG8B */
    GEN_BIT,     /* BT, BTS, BTR, BTC, BSF, BSR, SETcc */
    GEN_FLAG,    /* LAHF, SAHF, CLC, STC, CMC, CLD, STD, SALC */
    GEN_BCD,     /* DAA, DAS, AAA, AAS, AAM, AAD */
    GEN_STACK,   /* PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE */
    GEN_STRING,  /* MOVS, CMPS, STOS, LODS, SCAS, with and without REP */
    GEN_CONTROL, /* Jcc, JMP, CALL, RET, LOOP, JECXZ: forwards, inside the block */
    GEN_SEGMENT, /* PUSH, POP, MOV of segment registers, LES .. LGS, far transfers, IRET, ARPL */
    GEN_TRAP,    /* INT3, INTO, INT n, BOUND, UD2, privileged instructions */
    GEN_N_FAMILIES
};
#define GEN_ALL ((1u << GEN_N_FAMILIES) - 1)

enum gen_fx { GEN_X87 = 1, GEN_SIMD = 2, GEN_FX_ALL = 3 };

struct gen {
    uint64_t s;        /* of the xorshift generator, never 0 */
    unsigned families; /* mask of 1 << enum gen_family; GEN_ALL after gen_init */
    int opcode;        /* -1, or the only opcode wanted: 0x00-0xff, 0x0f00-0x0fff for two bytes, or
                          one of gen_fx_opcode */
    unsigned fx;       /* mask of enum gen_fx: three quarters of the instructions are of these */
    bool used_fx;      /* set by gen_insn when it made one; gen_block clears it first */
    bool gs;           /* GS may be used: its base is SILICON_GS_BASE */
    bool code16;       /* gen_block makes 16-bit code, of the segment SILICON_SEG_CODE16 */
    unsigned wild;     /* of 256 memory operands, how many take registers as they come */
    uint32_t eip;      /* where the next instruction will stand */
    unsigned row;      /* set by gen_directed: the row of ia32.def that is meant, at fix_at */
    /* Set by gen_directed: what the instruction leaves in its own way (struct oracle_case). */
    uint32_t own_registers, own_at, own_bytes;
    /* Set by gen_insn for gen_block: a jump whose target is still to be chosen (it is the next
     * instruction until then), the field at fix_at is fix_size bytes, relative or absolute. */
    unsigned fix_at, fix_size;
    bool fix_absolute;
};

void gen_init(struct gen *g, uint64_t seed);
uint32_t gen_random(struct gen *g);

/* Of the opcode table: the n-th integer opcode that gen_insn can make, -1 past the end. */
int gen_opcode(unsigned n);
/* Likewise of x87, MMX and SSE: GEN_FX_OPCODE and on, without meaning to others. */
enum { GEN_FX_OPCODE = 0x10000 };
int gen_fx_opcode(unsigned n);

/*
 * One instruction at `buf`, to stand at g->eip, which it advances. Returns its length. With REP,
 * POPF, RET or an indirect jump it is a short idiom of two instructions, so the room needed is
 * GEN_INSN_MAX bytes, not 15.
 */
#define GEN_INSN_MAX 48
size_t gen_insn(struct gen *g, uint8_t *buf);

/*
 * A block of n instructions (n <= GEN_BLOCK_MAX), to stand at `eip`; jumps lead forwards to other
 * instructions of it or to its end. `buf` has n * GEN_INSN_MAX bytes.
 */
#define GEN_BLOCK_MAX 64
size_t gen_block(struct gen *g, uint32_t eip, uint8_t *buf, unsigned n);

/*
 * Registers and flags for a block; eip is left alone. ESP EBP ESI EDI EBX mostly point into the
 * data window, sometimes to its edges, its read-only and its inaccessible page; EAX ECX EDX hold
 * small, remarkable or arbitrary numbers.
 */
void gen_state(struct gen *g, struct ia32_state *st);

/*
 * x87, MMX and SSE state, as an FXSAVE image. `clean`: all exceptions masked and none pending, room
 * on the stack more often than not, which is what translations are made for.
 */
void gen_fx_state(struct gen *g, uint8_t image[512], bool clean);
/* 16 bytes that mean something to floating point: numbers of a random format. */
void gen_fx_data(struct gen *g, uint8_t bytes[16]);

/*
 * Directed case number k: one instruction, to stand at g->eip, and a state in which it mostly meets
 * a certain fault; a row of ia32.def and a mischief after the other. `buf` has GEN_INSN_MAX bytes.
 */
size_t gen_directed(struct gen *g, uint64_t k, uint8_t *buf, struct ia32_state *st);

/* An address in the data window as gen_state chooses it: mostly fair, at times at an edge. */
uint32_t gen_address(struct gen *g);

#endif

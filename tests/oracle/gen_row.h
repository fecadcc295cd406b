/* SPDX-License-Identifier: MIT */
/* A row of the table of integer opcodes (gen_insn.c), for those who make its instructions; and what
 * their idioms have in common. */
#ifndef TESTS_ORACLE_GEN_ROW_H
#define TESTS_ORACLE_GEN_ROW_H

#include "tests/oracle/gen_int.h"

/* What a row's shape cannot say. Those from POP_SEG on are of gen_segment.c. */
enum special {
    PLAIN,
    DIVIDE,
    LEA,
    STRING,
    STRING_CMP,
    POPF,
    RET,
    RET_N,
    INDIRECT,
    ENTER,
    INT,
    POP_SEG,
    LOAD_SEG,
    LFP,
    FAR_DIRECT,
    FAR_INDIRECT,
    RETF,
    RETF_N,
    IRET,
    ASK
};

struct row {
    uint16_t opcode;
    uint8_t family;
    uint8_t ext; /* mask of opcode extensions, with G */
    uint16_t shape;
    uint8_t special;
};

enum { EFLAGS_TF = 0x100, EFLAGS_AC = 0x40000 };

static inline unsigned pick_extension(struct gen *g, unsigned mask)
{
    unsigned ext;
    do
        ext = below(g, 8);
    while (!(mask >> ext & 1));
    return ext;
}

static inline size_t finish(struct gen *g, const uint8_t *buf, const uint8_t *p, const uint8_t *fix,
                            unsigned fix_size, bool absolute)
{
    g->fix_at = fix ? (unsigned)(fix - buf) : 0;
    g->fix_size = fix_size;
    g->fix_absolute = absolute;
    g->eip += (uint32_t)(p - buf);
    return (size_t)(p - buf);
}

/* An address from which nothing can be read. */
static inline uint32_t unreadable(struct gen *g)
{
    return SILICON_DATA_NONE + below(g, SILICON_PAGE - 8);
}

static inline uint8_t *mov_esp(uint8_t *p, uint32_t v)
{
    *p++ = 0xb8 | IA32_ESP;
    return put32(p, v);
}

static inline uint8_t *push_imm(uint8_t *p, uint32_t v)
{
    *p++ = 0x68;
    return put32(p, v);
}

static inline uint8_t *store_imm(uint8_t *p, uint32_t cell, uint32_t v)
{
    *p++ = 0xc7;
    p = gen_modrm_absolute(p, 0, cell);
    return put32(p, v);
}

/* gen_segment.c: rows from POP_SEG on; LAR, LSL, VERR, VERW. */
size_t gen_segment(struct gen *g, const struct row *r, uint8_t *buf);
size_t gen_ask(struct gen *g, const struct row *r, uint8_t *buf);

#endif

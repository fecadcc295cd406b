/* SPDX-License-Identifier: MIT */
/* Between the generator's files: numbers, addresses, ModRM bytes. */
#ifndef TESTS_ORACLE_GEN_INT_H
#define TESTS_ORACLE_GEN_INT_H

#include <string.h>

#include "tests/oracle/gen.h"

/* 0 .. n-1 */
static inline uint32_t below(struct gen *g, uint32_t n)
{
    return (uint32_t)((uint64_t)gen_random(g) * n >> 32);
}

/* True once in n. */
static inline bool once_in(struct gen *g, uint32_t n)
{
    return below(g, n) == 0;
}

static inline uint8_t *put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
    return p + 4;
}

static inline uint8_t *put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    return p + 2;
}

/* Of gen.c. Numbers at which something turns over, small ones, any. */
uint32_t gen_number(struct gen *g);

/* Memory operands: a given address; by 16-bit addressing; by the pointers that gen_state makes, or
 * with `any` by whatever registers there are. */
uint8_t *gen_modrm_absolute(uint8_t *p, unsigned reg, uint32_t address);
uint8_t *gen_modrm_16(struct gen *g, uint8_t *p, unsigned reg);
uint8_t *gen_modrm_32(struct gen *g, uint8_t *p, unsigned reg, bool any);

/* Instructions of gen_fx.c. */
size_t gen_fx_insn(struct gen *g, uint8_t *buf);

/* Of gen_rows.c: how many rows are MMX, SSE or SSE2, the n-th of them; words of memory overwritten
 * by EAX, for what processors disagree on; MXCSR. */
unsigned gen_simd_rows(void);
uint8_t *gen_simd_insn(struct gen *g, unsigned n, uint8_t *p);
uint8_t *gen_clear(uint8_t *p, uint32_t at, unsigned words);
uint32_t gen_mxcsr(struct gen *g);

#endif

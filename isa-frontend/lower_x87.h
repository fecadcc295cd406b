/* SPDX-License-Identifier: MIT */
/*
 * What the files of the x87's lowering share: what is known of the stack (lower_x87.c keeps it),
 * forms of instructions (lower_x87_form.c) and what they do (lower_x87_exec.c).
 */
#ifndef ISA_FRONTEND_LOWER_X87_H
#define ISA_FRONTEND_LOWER_X87_H

#include "isa-frontend/lower_int.h"
#include "isa-frontend/x87_state.h"

enum {
    GUARDS_MAX = 5, /* each is an exit of the translation */
    NTEMPS = 16,
    TOP_UNKNOWN = 8,
    C1_KEPT = 0xffff, /* nothing has written it in this group */
    FS_CC = FS_C0 | FS_C2 | FS_C3,
    FS_TOP = 0x3800
};

struct x87_known {
    bool known, on; /* top and tags have been read; a guard has been made */
    bool any;       /* by MMX: any top and tags will do */
    bool first;     /* a check stands in the block's first guard */
    uint32_t guards;
    uint32_t checked; /* the instruction that the last guard has checked beyond that; 0: none */
    uint32_t top, tag, state; /* now; FTAG as the last commit leaves it */
    uint32_t state0;          /* as the guard found it */
    /* Of this group. */
    uint32_t top0;   /* top in FSW */
    uint32_t c1, cc; /* the records whose status has them; C1_KEPT; cc 0: kept */
    uint32_t temp;   /* the last one used */
    bool ptr, mem;   /* pointers have changed */
    uint32_t eip, opcode, off;
    int32_t disp;
    uint32_t seg;
    uint8_t map[8]; /* the wide register that holds physical register i */
};
extern struct x87_known lx;

/* ---- the stack ---- */

static inline uint32_t lx_slot(uint32_t i)
{
    return (lx.top + i) & 7;
}

static inline uint32_t lx_st(uint32_t i)
{
    return lx.map[lx_slot(i)];
}

static inline bool lx_full(uint32_t i)
{
    return lx.tag >> lx_slot(i) & 1;
}

static inline void lx_push_slot(void)
{
    lx.top = (lx.top - 1) & 7;
    lx.tag |= 1u << lx.top;
}

static inline void lx_pop_slots(uint32_t n)
{
    while (n-- > 0) {
        lx.tag &= ~(1u << lx.top);
        lx.top = (lx.top + 1) & 7;
    }
}

/* How many physical registers have their value in wide register w. */
static inline uint32_t lx_users(uint32_t w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 8; i++)
        n += lx.map[i] == w;
    return n;
}

/* One that holds no value of the stack. */
uint32_t lx_temp(void);
/* Where physical register k is to have a new value: at home, if no other has its value there;
 * else where it is, or somewhere else. */
uint32_t lx_renew(uint32_t k);

/* ---- ops ---- */

static inline uint32_t lx_fp(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b)
{
    uint32_t ra = ir_const(g, (int32_t)a);
    if (b > 127) /* the FP class has no immediate words (sched_units.c) */
        return ir_emit(g, op, ra, ir_const(g, (int32_t)b), 0);
    return ir_emiti(g, op, ra, (int32_t)b, 0);
}

/* Physical register k becomes a op b. What set C1 last. */
static inline void lx_compute(struct ir_group *g, uint32_t op, uint32_t k, uint32_t a, uint32_t b)
{
    lx.c1 = ir_float(g, op, lx_renew(k), a, b);
}

static inline uint32_t lx_word(struct ir_group *g, uint32_t w, uint32_t k)
{
    return ir_emiti(g, OP_WGET, 0, (int32_t)(w * 4 + k), 0);
}

static inline void lx_set_word(struct ir_group *g, uint32_t w, uint32_t k, uint32_t v)
{
    ir_emiti(g, OP_WPUT, v, (int32_t)(w * 4 + k), 0);
}

static inline uint32_t lx_read_special(struct ir_group *g, uint32_t sr)
{
    return ir_emiti(g, OP_MFS, 0, (int32_t)sr, 0);
}

static inline void lx_write_special(struct ir_group *g, uint32_t sr, uint32_t v)
{
    ir_emiti(g, OP_MTS, v, (int32_t)sr, 0);
}

/* Special registers sr and sr + 1. */
void lx_write_pair(struct ir_group *g, uint32_t sr, uint32_t first, uint32_t second);
/* FSW as it would be after what this group has done so far. */
uint32_t lx_status_word(struct ir_group *g);

/* ---- which instruction ---- */

enum x87_kind {
    K_NONE,
    K_FLD_MEM,
    K_FLD_REG,
    K_FST_MEM,
    K_FST_REG,
    K_FXCH,
    K_ARITH_MEM,
    K_ARITH_REG,
    K_COM_MEM,
    K_COM_REG,
    K_TST,
    K_XAM,
    K_SIGN,
    K_UNARY,
    K_CONST,
    K_CMOV,
    K_STSW_AX,
    K_STSW,
    K_STCW,
    K_LDCW,
    K_NOP,
    K_FREE,
    K_TURN,
    K_CLEAR,
    K_INIT,
    K_SCALE,
    K_EXTRACT
};

struct x87_form {
    uint8_t kind, op; /* op of the machine, or what else tells the kind's members apart */
    uint8_t format;
    uint8_t d, i; /* ST numbers */
    uint8_t pops;
    uint8_t need; /* bit k: ST(k) must be in use */
    bool push, flags, no_pointers;
    bool check; /* wants a guard of its own: x87_lower_check */
};

/* What it is; K_NONE: not lowered. `f` begins as zeros. */
void x87_mem_form(struct x87_form *f, uint32_t esc, uint32_t reg);
void x87_reg_form(struct x87_form *f, uint32_t esc, uint32_t modrm);

/* Not 0 unless its operands are such that it can be lowered; in a group of its own, before it. */
uint32_t x87_lower_check(struct ir_group *g, const struct insn *in);
/* What it does, once the stack is known to fit. */
void x87_lower_form(struct ir_group *g, const struct insn *in, const struct x87_form *f);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The intermediate representation of the translators: a tutorial.
 *
 * A translation is made of commit groups. A group is a straight run of records that ends with a
 * commit (or, rarely, with a branch out before anything was changed); nothing moves across a
 * commit, so each group is built, optimised, scheduled, given registers and emitted by itself, in
 * one arena.
 *
 * A record is one VLIW op (its code is that of ops.def: there are no other op codes, and so no
 * lowering step behind the passes), and its value is named by its index: the IR is in static single
 * assignment form and a value needs no name of its own. Operands are indices of earlier records:
 *
 *     index 0         the constant zero, r0
 *     index 1..16     guest registers r32..r47 as they are when the group begins (ir_entry)
 *     index 17..n-1   records
 *
 *     a      first source, ra
 *     b      second source, or `imm` if IRF_IMM is set
 *     c      what rd holds before, for ops that read rd as well (tied ops: insert, double shift,
 *            cmov, division), or the datum of a store
 *
 * Memory records: address a plus imm (imm is 0 on machines without displacements; the builder adds
 * before).
 *
 * Wide loads and stores name a wide register in `wide`: those are not renamed.
 *
 * Guest registers are renamed while the group is built: cur[g] is the index of the present value of
 * guest register g, so that moves between guest registers cost nothing. ir_commit gives each
 * changed register's last value its home: the record that computes it writes r32+g itself if no
 * later record reads what r32+g held on entry, else a mov at the end does. `home` is the physical
 * register that a record must write, 0 if it may have any temporary.
 *
 * Condition codes are one register and are not renamed. In index order, a record that reads flags
 * sees the last record that wrote them; ir.def says which flags an op reads and writes, and all six
 * are live at a commit.
 *
 * Folding and common subexpressions are done by the builder (ir_add, ir_addi, ir_bin, ...): a pure
 * op with the operands of an earlier one is that one. Sums of a register and a constant are kept in
 * the form base + constant, which makes all stack accesses of a group relative to one ESP and lets
 * the scheduler tell accesses apart (same base, other offset).
 *
 * An instruction with a sum and flags (add, sub, inc, dec with a constant) makes two records: the
 * sum, pure and foldable, and beside it the flag-setting op without a result, marked IRF_TWIN if
 * the two could be one. The pass over dead values removes the second, or, where its flags live,
 * fuses the two.
 */
#ifndef MORPHER_IR_H
#define MORPHER_IR_H

#include "morpher/hw.h"
#include "vliw-model/mdesc.h"

enum {
    IR_MAX = 512, /* records of a group */
    IR_SLACK =
        128,     /* no instruction makes more records than this, its share of the commit included */
    IR_ZERO = 0, /* the value 0 */
    IR_NENTRY = 16, /* guest registers that translations know: r32..r47 */
    IR_BODY = 17,   /* the first record */
    IR_CSE = 64     /* entries of the table of pure values */
};

static inline uint32_t ir_entry(uint32_t g)
{
    return 1 + g;
}

enum {
    IRF_IMM = 1,    /* the second source is imm */
    IRF_TWIN = 2,   /* flag-setting twin, without result, of the record before it */
    IRF_LIVE = 4,   /* set by pass_dead: it has an effect, or its value is used */
    IRF_USED = 8,   /* set by pass_dead: some live record reads its value */
    IRF_CCLIVE = 16 /* set by pass_dead: some flag it writes is read */
};

struct ir {
    uint8_t op; /* enum op_code; OP_NOP: removed */
    uint8_t flags;
    uint8_t home; /* physical register, or 0; of a brcc the condition */
    uint8_t insn; /* number of the guest instruction in the group, for dumps */
    uint16_t a, b, c;
    /* The scheduler's and the register allocator's; of records below IR_BODY always 0 but for need
     * and last_use. */
    uint16_t edges; /* first of its list of orderings */
    int32_t imm;
    uint16_t ready;    /* first cycle in which the value may be read */
    uint16_t need;     /* cycles from the value's being ready to the end of the group */
    uint16_t last_use; /* last cycle that reads the value */
    uint16_t cycle;
    uint16_t next; /* next record of the same bundle */
    uint8_t lat, cls;
    uint8_t reg;    /* physical register of the value */
    uint8_t wide;   /* wide register: of a wide load or store, rd of a static FP op */
    uint8_t wide_a; /* ra of a static FP op */
    uint8_t pad_[1];
};

/* How a group ends. */
enum ir_end_kind {
    END_FALL,   /* into the next group */
    END_JUMP,   /* to target 0 */
    END_BRANCH, /* to target 0 if the branch op is taken, else to target 1 */
    END_LEAVE,  /* no commit: to target 0 if the branch op is taken, else into the next group */
    END_JTLB    /* to the guest EIP that the group left in G_EIP */
};

enum ir_target_kind {
    TO_DIRECT, /* the guest instruction at eip */
    TO_INTERP, /* the same, and it is known that it must be interpreted */
    TO_SELF,   /* the beginning of the body, or of the loop; eip as well, for the side table */
    TO_TAIL    /* the last group of a loop (END_LEAVE only) */
};

struct ir_target {
    uint8_t kind;
    uint32_t eip;
};

struct ir_end {
    uint8_t kind;
    uint8_t op;         /* OP_BRCC, OP_BZ, OP_BNZ, or of pass_branch OP_BEQ .. OP_BGEU */
    uint8_t cond;       /* of OP_BRCC */
    uint16_t ref, ref2; /* ra of all but OP_BRCC; rd of those that compare two */
    struct ir_target to[2];
};

struct ir_group {
    const struct mdesc *m;
    uint32_t n;       /* records in use, from IR_BODY */
    uint32_t insn;    /* guest instructions so far */
    uint32_t stores;  /* guest stores so far */
    uint32_t changed; /* bit g: cur[g] may differ from its entry value */
    struct ir_end end;
    uint16_t cur[IR_NENTRY];
    uint16_t last_read[IR_MAX]; /* of an entry value: the last record that reads it */
    uint32_t cse[IR_CSE / 2];   /* of uint16_t, by hash */
    struct ir r[IR_MAX];
};

/*
 * What the stages ask of an op, in one word each: made from ops.def and ir.def for the machine at
 * hand by units_init (sched_units.c).
 */
enum {
    OI_CLASS = 15,      /* unit class without immediate word */
    OI_LAT_SHIFT = 4,   /* latency, at most 8 */
    OI_ORDER_SHIFT = 8, /* enum op_order */
    OI_WRITES_CC = 1 << 12,
    OI_READS_CC = 1 << 13, /* by a condition or mask */
    OI_CARRY = 1 << 14,    /* a writer that reads as well */
    OI_TIED = 1 << 15,     /* rd is read too */
    OI_RD = 1 << 16,       /* rd is written */
    OI_DATUM = 1 << 17,    /* rd is a source: the datum of a store, one side of a comparison */
    OI_COND = 1 << 18,     /* the rd field is a condition */
    OI_WIDE = 1 << 19      /* the rd field is a wide register */
};
extern uint32_t ir_op[OP_COUNT_];
static inline uint32_t ir_order(uint32_t info)
{
    return info >> OI_ORDER_SHIFT & 15;
}

/* What the passes know of an op's flags. */
struct ir_cc {
    uint8_t plain;
    uint16_t must, may, read;
};
extern const struct ir_cc ir_cc_table[OP_COUNT_];
/* Flags that one record surely writes, may write, and reads. */
struct ir_cc ir_cc_effect(const struct ir *r);
/* Flags a condition depends on, by condition number. */
extern const uint16_t ir_cond_flags[16];

/* g is static, or has begun as zeros. */
void ir_begin(struct ir_group *g, const struct mdesc *m);

/* The raw record: no folding. */
uint32_t ir_emit(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b, uint32_t c);
uint32_t ir_emiti(struct ir_group *g, uint32_t op, uint32_t a, int32_t imm, uint32_t c);

/* Pure values, folded. */
uint32_t ir_const(struct ir_group *g, int32_t k);
bool ir_is_const(const struct ir_group *g, uint32_t ref, int32_t *k);
uint32_t ir_addi(struct ir_group *g, uint32_t a, int32_t k);
uint32_t ir_add(struct ir_group *g, uint32_t a, uint32_t b);
uint32_t ir_bin(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b);
uint32_t ir_bini(struct ir_group *g, uint32_t op, uint32_t a, int32_t imm);
uint32_t ir_un(struct ir_group *g, uint32_t op, uint32_t a);

/* How many low bits of a value can be other than 0, as its op tells: 1, 8, 16 or 32. */
uint32_t ir_width(const struct ir *r);

/* Tied ops: rd holds c before. */
uint32_t ir_tied(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b, uint32_t c);
uint32_t ir_tiedi(struct ir_group *g, uint32_t op, uint32_t a, int32_t imm, uint32_t c);
/* cond ? a : c, as cmov or by masks, as the machine allows. */
uint32_t ir_select(struct ir_group *g, uint32_t cond, uint32_t a, uint32_t c);

/* A guest address: value plus displacement (0 where the machine has none). */
struct ir_addr {
    uint32_t a;
    int32_t disp;
};
struct ir_addr ir_address(struct ir_group *g, uint32_t a, int32_t disp);
uint32_t ir_load(struct ir_group *g, uint32_t op, struct ir_addr at);
void ir_store(struct ir_group *g, uint32_t op, struct ir_addr at, uint32_t datum);
/* Loads or stores wide register w. */
void ir_wide(struct ir_group *g, uint32_t op, struct ir_addr at, uint32_t w);
/* A static FP op; its index. */
uint32_t ir_float(struct ir_group *g, uint32_t op, uint32_t rd, uint32_t ra, uint32_t b);

/* Guest registers. */
static inline uint32_t ir_get(const struct ir_group *g, uint32_t reg)
{
    return g->cur[reg];
}
static inline void ir_put(struct ir_group *g, uint32_t reg, uint32_t ref)
{
    g->cur[reg] = (uint16_t)ref;
    g->changed |= 1u << reg;
}

/* Ends the records of a group: homes for all changed guest registers. */
void ir_commit(struct ir_group *g);

/* Base and offset of the address of a memory record, and its size: for telling accesses apart. */
struct ir_access {
    uint32_t base;
    int32_t off;
    uint32_t size;
};
struct ir_access ir_access(const struct ir_group *g, uint32_t i);

/* verify.c. Null if the records are well formed, else what is wrong. */
const char *ir_verify(const struct ir_group *g);

#endif

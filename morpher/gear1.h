/* SPDX-License-Identifier: MIT */
/*
 * The stages of gear 1 and what they hand to each other. A group of IR (ir.h) goes through
 *
 *     front end -> ir_commit -> pass_dead -> pass_branch -> sched_group -> reg_group -> emit_group
 *
 * and leaves as words of struct xlat. All stages work in one static arena, struct gear1, whose
 * arrays are indexed by record or by cycle; nothing is cleared that is not used.
 */
#ifndef MORPHER_GEAR1_H
#define MORPHER_GEAR1_H

#include "morpher/ir.h"
#include "morpher/xlat.h"

enum {
    G1_CYCLES = 1024, /* longest schedule of a group */
    G1_EDGES = 2048,
    G1_HEIGHTS = 512,
    UNITS_CLASSES = 12, /* of sched_units.c: 6 units, each with and without immediate word */
    UNITS_STATES = 2303 /* tm8600 has 2199 in all, and some hundreds in use */
};

/* An ordering that is not an operand: pred in an earlier cycle, or, with latency 0, not in a later
 * one. */
struct g1_edge {
    uint16_t pred, next;
    uint16_t lat, pad_;
};

/* A bundle of the schedule. */
struct g1_cycle {
    uint16_t state; /* of sched_units.c */
    uint16_t cc;    /* it has a writer of flags */
    uint16_t first, last;
};

struct g1_sched {
    uint32_t ncycles;
    uint32_t nedges;
    bool in_order; /* records keep their order: longer schedule, fewer registers */
    struct g1_cycle cycle[G1_CYCLES];
    struct g1_edge edge[G1_EDGES];
};

struct gear1 {
    const struct mdesc *m;
    uint32_t bad; /* cms.verify: defects found, in all translations */
    const char *why;
    uint32_t self_at;    /* word that a branch TO_SELF goes to */
    uint32_t guarded_at; /* word behind the guard that the body begins with; 0: none */
    uint32_t tail_from;  /* immediate word of the branch TO_TAIL */
    struct ir_group g;
    struct g1_sched s;
};

void pass_dead(struct ir_group *g);
void pass_branch(struct ir_group *g);

/* Forgets what was derived from a machine description: for tests that change it. */
void gear1_reset(void);
const struct gear1 *gear1_state(void);

/*
 * Which ops may share a bundle, as an automaton (sched_units.c). State 1 is the empty bundle;
 * units_step gives the state with one op of a class more, or 0 if no bundle format holds it.
 */
void units_init(const struct mdesc *m);
uint32_t units_class(uint32_t op, bool is_long);
uint32_t units_step_slow(uint32_t state, uint32_t cls);
enum { UNITS_NO = 0xffff };
extern uint16_t units_next[UNITS_STATES + 1][16]; /* 0: not known yet */
static inline uint32_t units_step(uint32_t state, uint32_t cls)
{
    uint32_t t = units_next[state][cls];
    if (t == 0)
        t = units_step_slow(state, cls);
    return t == UNITS_NO ? 0 : t;
}
/* A packed bundle of a state: the class that each op word has, or one of the two nops. */
enum { SLOT_NOP = 14, SLOT_NOP_LONG = 15 };
struct units_shape {
    uint8_t nslots;
    uint8_t slot[MAX_BUNDLE_OPS];
};
const struct units_shape *units_shape(uint32_t state);

/* Whether an immediate needs a word of its own. */
static inline bool ir_is_long(const struct ir *r)
{
    return (r->flags & IRF_IMM) && (r->imm < -128 || r->imm > 127);
}

/* Schedules the live records. False if the schedule would be too long. */
bool sched_group(struct gear1 *x);
/* Gives a physical register to every value. False if there are not enough. */
bool reg_group(struct gear1 *x);

/* Words of the translation (emit.c). */
bool emit_begin(struct gear1 *x, struct xlat *out, uint32_t max_words);
bool emit_group(struct gear1 *x, struct xlat *out);
bool emit_check(struct gear1 *x, struct xlat *out, uint32_t page, uint32_t frame);
bool emit_end(struct gear1 *x, struct xlat *out);

/* verify.c: bundles of a finished translation; null or what is wrong. */
const char *xlat_verify(const struct mdesc *m, const struct xlat *x);

/* For dumps: called after each stage with its name, if set (host only). */
#ifndef CMS_VLIW
extern void (*gear1_watch)(void *ctx, const char *stage, const struct gear1 *x,
                           const struct xlat *out);
extern void *gear1_watch_ctx;
#define G1_WATCH(stage, x, out)                                                                    \
    do {                                                                                           \
        if (gear1_watch)                                                                           \
            gear1_watch(gear1_watch_ctx, stage, x, out);                                           \
    } while (0)
#else
#define G1_WATCH(stage, x, out) ((void)0)
#endif

#endif

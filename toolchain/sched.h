/* SPDX-License-Identifier: MIT */
/*
 * Linear ops to bundles, one basic block after another; the linker's workshop. expand.c turns
 * linear ops into ops that the machine has and knows what memory they touch; sched.c orders them
 * and packs bundles.
 */
#ifndef TOOLCHAIN_SCHED_H
#define TOOLCHAIN_SCHED_H

#include "toolchain/lo.h"
#include "toolchain/vec.h"
#include "vliw-model/mdesc.h"

/* r3 and r4: the compiler leaves them alone. They live inside a block only. */
enum { SCRATCH0 = 3, SCRATCH1 = 4 };

/* Longest stretch that is scheduled as one; longer blocks are cut. */
enum { SCHED_MAX_LINEAR = 192, SCHED_MAX_OPS = SCHED_MAX_LINEAR * 5 };

/*
 * A place in memory: what the address register was worth in terms of values at the block's start,
 * and an offset. The same base and ranges that do not overlap are disjoint; sections are disjoint
 * from one another and from the stack. PLACE_ANY may be anywhere.
 */
enum { PLACE_ANY = 0xfffffffeu, PLACE_SECTION = 0xc0000000u, PLACE_CONST = 0xffffffffu };

struct sched_op {
    struct vop op;
    uint32_t sym;
    uint32_t base; /* of a memory access */
    int32_t off;
    uint32_t size;
    uint32_t live; /* a control transfer: what is wanted where it goes */
    uint32_t from; /* the linear op it comes from */
};

/* A bundle whose symbols have no address yet: op[i].imm is the addend where sym[i] is given. */
struct sched_bundle {
    struct bundle b;
    uint32_t sym[MAX_BUNDLE_OPS];
    uint32_t words;
    uint32_t branch; /* linear op of the branch to a label that the bundle holds, or all ones */
};
typedef VEC(struct sched_bundle) sched_bundles;

struct sched {
    const struct lo *lo;
    const struct mdesc *m;
    struct sched_op x[SCHED_MAX_OPS]; /* the block after expansion */
    uint32_t n;
    struct fit_cache *fit;
    uint32_t *before, *behind; /* live.c */
    uint8_t *is_long;          /* by linear op: a branch that needs a long target */
};

/*
 * A block: linear ops [start, end), entered only at its start. Control transfers before its end are
 * conditional, and what follows them is reached through them alone.
 */
struct sched_block {
    uint32_t start, end;
    uint32_t live; /* what is wanted behind it */
    bool commit;   /* ends with the commit bit */
    bool jump;     /* its last op, a jump, stands behind the commit and may share its bundle */
    uint16_t retired;
};

void sched_init(struct sched *s, const struct lo *lo, const struct mdesc *m);
void sched_done(struct sched *s);
/* Appends the block's bundles. 0, or what the machine lacks. */
const char *sched_block(struct sched *s, const struct sched_block *b, sched_bundles *out);

/* expand.c: fills s->x with what becomes of linear ops [start, end), behind which `live` is wanted.
 */
void expand_block(struct sched *s, uint32_t start, uint32_t end, uint32_t live);

/*
 * live.c: which of r1 to r31 (bits) are wanted, before each op that is a leader, and behind each
 * last op of a block. leader: by op, not 0 where a block begins (op 0, labels, behind control
 * transfers and commits).
 */
void live_find(const struct lo *lo, const uint8_t *leader, uint32_t **before, uint32_t **behind);

/* Whether b is a target in this format. */
static inline bool sched_is_branch(unsigned opc)
{
    unsigned f = opc < OP_COUNT_ ? op_table[opc].format : FMT_NONE;
    return f == FMT_BRCC || f == FMT_BRR || f == FMT_BRRR || f == FMT_JAL;
}

#endif

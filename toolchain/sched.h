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
};

/* A bundle whose symbols have no address yet: op[i].imm is the addend where sym[i] is given. */
struct sched_bundle {
    struct bundle b;
    uint32_t sym[MAX_BUNDLE_OPS];
    uint32_t words;
};
typedef VEC(struct sched_bundle) sched_bundles;

struct sched {
    const struct lo *lo;
    const struct mdesc *m;
    struct sched_op x[SCHED_MAX_OPS]; /* the block after expansion */
    uint32_t n;
    struct fit_cache *fit;
};

/* A block: linear ops [start, end), of which only the last may be a control transfer. */
struct sched_block {
    uint32_t start, end;
    bool commit; /* ends with the commit bit */
    uint16_t retired;
    bool long_branch; /* its branch needs a long target */
};

void sched_init(struct sched *s, const struct lo *lo, const struct mdesc *m);
void sched_done(struct sched *s);
/* Appends the block's bundles. 0, or what the machine lacks. */
const char *sched_block(struct sched *s, const struct sched_block *b, sched_bundles *out);

/* expand.c: fills s->x. `short_branch`: the block's branch fits a displacement. */
void expand_block(struct sched *s, uint32_t start, uint32_t end, bool short_branch);

/* Whether b is a target in this format. */
static inline bool sched_is_branch(unsigned opc)
{
    unsigned f = op_table[opc].format;
    return f == FMT_BRCC || f == FMT_BRR || f == FMT_BRRR || f == FMT_JAL;
}

#endif

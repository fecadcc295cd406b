/* SPDX-License-Identifier: MIT */
/*
 * Predecoded bundles: what linear.c makes, predecode.c keeps and engine.c runs. A bundle is a head
 * (three pops long) and then its pops in an order in which executing them one by one has the effect
 * of the bundle. The next bundle's head follows directly.
 */
#ifndef VLIW_MODEL_ENGINE_H
#define VLIW_MODEL_ENGINE_H

#include "vliw-model/state.h"

/* One step. b of the op is r[rb] + imm (one of them 0); ops with a form of their own for immediates
 * use imm alone. */
struct pop {
    const void *h; /* handler, a label of engine_run */
    uint8_t rd, ra, rb;
    uint8_t x; /* loads: register whose ready time is set; stores: datum; else old rd */
    uint32_t imm;
};
_Static_assert(sizeof(struct pop) == 16, "two to a half cache line");

struct head {
    const void *h;
    uint32_t pc;
    uint32_t line;       /* of L1I; LINE_SPAN if the bundle touches two */
    uint64_t uses;       /* registers named, bit 0: condition codes */
    uint64_t acc, acc2;  /* packed counts */
    uint16_t retire;     /* by the commit */
    uint8_t region, cap; /* pops there is room for */
    uint8_t commits, falls, words, fwd;
};
_Static_assert(sizeof(struct head) == 3 * sizeof(struct pop), "a head is three pops");
enum { HEAD_POPS = 3 };
#define LINE_SPAN 0xfffffffeu

/* Behind a direct branch and a goto. */
struct link {
    struct head *to; /* NULL: not yet known, or in another region */
    uint64_t unused;
};
_Static_assert(sizeof(struct link) == sizeof(struct pop), "a link is a pop");

/* acc: bundles 13 bits, ops 16, nops 16, words 18; acc2: guest loads and stores, native loads and
 * stores, 16 each. */
enum { ACC_OPS = 13, ACC_NOPS = 29, ACC_WORDS = 45, ACC_MAX_BUNDLES = 8000 };

/*
 * Handlers: 2 * op (b a register) and 2 * op + 1 (b an immediate), then these:
 *
 *   HEAD            a bundle begins; HEAD_C: and commits, the deadline is looked at first
 *   HEAD1, HEAD1_C  the same for vm_exec1: no fetch; END ends it
 *   ILLEGAL         no bundle
 *   STALE           predecode again: the code has changed; FORWARD: it lies elsewhere now
 *   GOTO, SKIP      on to a bundle elsewhere, over pops not needed
 *   READY, STALL    latencies above 1, and above what the scoreboard holds
 *   CHECK_*         would the op trap?
 *   RECORD          second half of ldp; JUMP_TEMP: of jtlb
 *   COMMIT          COMMIT_SLOW honours the deliberately broken variants
 *   JAL_*           jal to r0, and to r1
 *   WCOPY           a loaded temporary to its wide register
 */
/* clang-format off */
#define HANDLERS(M)                                                                                \
    M(HEAD) M(HEAD_C) M(HEAD1) M(HEAD1_C) M(ILLEGAL) M(STALE) M(FORWARD) M(GOTO) M(SKIP) M(END)    \
    M(READY) M(STALL) M(CHECK_GST) M(CHECK_STAM) M(CHECK_NST) M(CHECK_COUNT) M(CHECK_HOST)         \
    M(CHECK_RFE) M(RECORD) M(JUMP_TEMP) M(COMMIT) M(COMMIT_SLOW) M(JAL_PLAIN) M(JAL_CALL)          \
    M(CHECK_WIDE) M(WCOPY) M(CHECK_FLOAT)
/* clang-format on */

enum handler {
    H_OPS_END_ = 2 * OP_COUNT_ - 1,
#define HANDLER(name) H_##name,
    HANDLERS(HANDLER)
#undef HANDLER
        H_BRCC0, /* by condition: 16 of each */
    H_SETCC0 = H_BRCC0 + 16,
    H_CMOV0 = H_SETCC0 + 16,
    H_COUNT_ = H_CMOV0 + 16
};
_Static_assert(H_HEAD_C == H_HEAD + 1 && H_HEAD1 == H_HEAD + 2 && H_HEAD1_C == H_HEAD + 3,
               "make_head adds");

enum { OUT_MAX = 160 }; /* pops of any bundle, and a goto behind it */

/* linear.c: head and pops of a bundle, which the machine allows; returns how many. exec1: for
 * vm_exec1, ends the run. */
unsigned linear_bundle(struct vm *vm, const struct bundle *b, uint32_t pc, bool exec1,
                       struct pop out[OUT_MAX]);

/* Filled by the first engine_run. */
extern const void *engine_label[H_COUNT_];
void engine_init(void);

#endif

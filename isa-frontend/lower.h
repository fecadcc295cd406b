/* SPDX-License-Identifier: MIT */
/*
 * IA-32 instructions as IR: what the morpher asks of a front end. It knows the instructions; the
 * morpher knows groups.
 */
#ifndef ISA_FRONTEND_LOWER_H
#define ISA_FRONTEND_LOWER_H

#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"
#include "morpher/ir.h"

enum lower_result {
    LOW_NEXT,  /* records appended; goes on with the next instruction */
    LOW_END,   /* records appended, group.end set: a control transfer */
    LOW_LOOP,  /* nothing appended: a loop of its own, see ia32_lower_loop; ends the block before it
                */
    LOW_GUARD, /* nothing appended: wants ia32_lower_guard in a group of its own, and to be asked
                  again */
    LOW_NONE   /* nothing appended: the interpreter's */
};

/* Whether code of this mode can be lowered at all. */
static inline bool ia32_can_lower(uint32_t mode)
{
    return mode_is_plain(mode_settle(mode));
}

/* Whether an access through this segment register needs no check but the page's. */
static inline bool ia32_can_lower_segment(uint32_t mode, uint32_t seg)
{
    return seg == SEG_FS ? mode & MODE_FS : seg == SEG_GS ? mode & MODE_GS : true;
}

/* Most guest stores of one instruction. */
enum { LOWER_STORES = 2 };

/* Before the first instruction of a block, which is made for this mode. */
void ia32_lower_begin(uint32_t mode);
enum lower_result ia32_lower(struct ir_group *g, const struct insn *in);

/* After LOW_GUARD: fills a group that leaves for the interpreter at `in` unless the state is as
 * assumed. */
void ia32_lower_guard(struct ir_group *g, const struct insn *in);

/* Whether the guard at a block's beginning, and no other, would find at its end what it found. */
bool ia32_lower_steady(void);

/* What state the front end has kept back in this group, before it is committed. */
void ia32_lower_commit(struct ir_group *g);

/*
 * A repeated string instruction, as groups: called with part 0, 1, ... after each ir_begin; fills
 * the group and its end. False: this was the last. Parts before LOOP_HEAD only leave (END_LEAVE);
 * from LOOP_HEAD on it is the loop, one of whose parts commits and goes back to LOOP_HEAD
 * (TO_SELF); the last part is where TO_TAIL leads.
 */
enum { LOOP_HEAD = 2 };
bool ia32_lower_loop(struct ir_group *g, const struct insn *in, uint32_t part);

#endif

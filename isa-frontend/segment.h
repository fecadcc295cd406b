/* SPDX-License-Identifier: MIT */
/*
 * Segment registers beyond their selectors: the descriptor caches.
 *
 * Selectors and the bases of FS and GS are guest registers (abi.h). The rest is native state,
 * ia32_seg[], for the interpreter alone: translations run only where it is flat, and know FS and GS
 * by their base registers. What follows from all of it for translations and for the fast handlers
 * is in the mode word.
 *
 * A load goes by the rules of native state: the descriptor is read and judged first (the platform
 * has the tables, HC_DESCRIPTOR), then registers and mode change, then the instruction commits, and
 * ia32_seg[] is written last.
 */
#ifndef ISA_FRONTEND_SEGMENT_H
#define ISA_FRONTEND_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"

/* High word of a descriptor. */
enum {
    DESC_RW = 1 << 9,          /* code: readable; data: writable */
    DESC_CONFORMING = 1 << 10, /* of code; of data: expands down */
    DESC_CODE = 1 << 11,
    DESC_S = 1 << 12, /* code or data, not a system's */
    DESC_PRESENT = 1 << 15,
    DESC_BIG = 1 << 22,
    DESC_PAGES = 1 << 23
};

enum {
    SEGA_READ = 1,
    SEGA_WRITE = 2,
    SEGA_BIG = 4, /* the descriptor's D or B */
    SEGA_BAD =
        8 /* CS: not loadable; a fetch faults with vector << 8 | error code << 16 of this word */
};

struct ia32_segment {
    uint32_t base;
    uint32_t first, last; /* offsets inside; nothing is inside if first > last */
    uint32_t attr;        /* SEGA_*; 0: null */
};
extern struct ia32_segment ia32_seg[6];

/* Whether accesses through this register need no check (and, but for FS and GS, have base 0). */
static inline bool ia32_seg_plain(uint32_t mode, uint32_t seg)
{
    return mode & (seg < SEG_FS ? MODE_FLAT : seg == SEG_FS ? MODE_FS : MODE_GS);
}

/* Faults unless `size` bytes at `off` may be accessed: SEGA_READ or SEGA_WRITE. */
void ia32_seg_check(uint32_t seg, uint32_t off, uint32_t size, uint32_t access);
/* The same, and gives the linear address. */
uint32_t ia32_seg_at(uint32_t seg, uint32_t off, uint32_t size, uint32_t access);
/* The same for an instruction's explicit memory operand; what has none of a plain size is left to
 * its handler. */
void ia32_seg_check_operand(const struct insn *in);
/* The same for an instruction that has to do with MMX registers, which the other leaves alone:
 * after it has changed the state of the x87. */
void ia32_seg_check_mmx(const struct insn *in);

/* First half of a load: reads the descriptor of a data segment for `seg`, and faults if it may not
 * be loaded. Commits before, so nothing may have changed yet. */
void ia32_seg_read(uint32_t seg, uint32_t sel, struct ia32_segment *out);
/* Second half, before the commit: selector, base and mode. ia32_seg[seg] = *s must follow the
 * commit. */
void ia32_seg_set(uint32_t seg, uint32_t sel, const struct ia32_segment *s);

/* For the control transfers: as ia32_seg_read, for CS. */
enum ia32_far { FAR_JUMP, FAR_RETURN };
void ia32_seg_read_code(enum ia32_far kind, uint32_t sel, uint32_t target,
                        struct ia32_segment *out);

/* The mode word with TF and AC as EFLAGS have them by now; takes effect with the commit. */
void ia32_mode_flags(void);

/* Loads every segment register from its selector, and takes the mode from them and from EFLAGS: at
 * boot, and after a host call that changed them. Data segments that may not be loaded become null;
 * a CS or SS that may not be is a fault of the next fetch. */
void ia32_seg_reload(void);

#endif

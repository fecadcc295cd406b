/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a bundle, little-endian 32-bit words, 4-byte aligned:
 *
 *     1 to 8 op words, then one immediate word for each op whose bmode is B_LONG (in op order),
 *     then one commit word if the bundle commits.
 *
 *     op word   31..30  stop: 0 more op words follow, 1 last op word, 2 last and the bundle
 *                       commits (3 is illegal)
 *               29..28  bmode: 0 register, 1 short, 2 long (3 is illegal)
 *               27..20  opcode
 *               19..14  rd
 *               13..8   ra
 *                7..0   b: a register number (bits 7..6 zero), or an 8-bit signed immediate, or
 *                       zero when long
 *     commit    31..16  zero
 *               15..0   number of guest instructions the commit retires
 *
 * A branch target that is short counts words from the start of the bundle; a long one is an
 * absolute address. On machines with padded formats (bundle.pad) the op words and immediate words
 * of a bundle fill a format exactly, empty slots holding nops. Size in bytes is therefore known
 * from the op words alone. A patch that replaces one op by another of the same bmode never changes
 * a bundle's length.
 */
#ifndef VLIW_MODEL_ENCODE_H
#define VLIW_MODEL_ENCODE_H

#include "vliw-model/isa.h"

struct bundle {
    uint8_t nops;
    bool commit;
    uint16_t retired; /* guest instructions retired by the commit */
    struct vop op[MAX_BUNDLE_OPS];
};

enum { MAX_BUNDLE_WORDS = MAX_BUNDLE_OPS + MAX_BUNDLE_IMMS + 1 };

/* The smallest bmode that can hold an immediate; targets are made long unless a displacement is
 * known to fit. */
static inline uint8_t bmode_for(int32_t imm)
{
    return imm >= -128 && imm <= 127 ? B_SHORT : B_LONG;
}

/* Writes the bundle at word address `pc` (bytes) to out; returns the number of words, 0 if it
 * cannot be encoded. */
uint32_t bundle_encode(const struct bundle *b, uint32_t pc, uint32_t out[MAX_BUNDLE_WORDS]);

/* Reads at most `avail` words at byte address pc; returns words used, 0 if malformed or truncated.
 */
uint32_t bundle_decode(const uint32_t *in, uint32_t avail, uint32_t pc, struct bundle *b);

/* Words the encoding takes. */
uint32_t bundle_words(const struct bundle *b);

#endif

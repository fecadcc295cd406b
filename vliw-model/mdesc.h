/* SPDX-License-Identifier: MIT */
/*
 * The machine description: plain data, the same bytes for the model, the tool chain and CMS (which
 * finds it in concealed memory). Options are the fields made from options.def; bundle formats say
 * which ops may share a bundle.
 *
 * A bundle fits a format if its ops can be given distinct slots of it, in order, each slot's unit
 * set holding the op's unit, and its immediate words are no more than the format's. `UNIT_ANY`
 * (nop) goes anywhere. In a machine file:
 *
 *     [bundle]
 *     formats = mem.alu  alu.alu+shift  ...
 *
 * Each word is a format; slots are separated by '.', unit sets by '+', and an `imm` slot (always
 * last) is the place of an immediate word.
 */
#ifndef VLIW_MODEL_MDESC_H
#define VLIW_MODEL_MDESC_H

#include <stdint.h>
#include "vliw-model/isa.h"
#include "vliw-model/encode.h"

enum { MDESC_FORMATS = 24 };

struct bundle_format {
    uint8_t nslots; /* op slots */
    uint8_t nimms;  /* immediate words */
    uint8_t slot[MAX_BUNDLE_OPS];
    uint8_t pad_[2];
};

struct mdesc {
#define OPT(field, key, dflt, min, max, unit, doc) uint32_t field;
#define OPTE(field, key, dflt, choices, doc)       uint32_t field;
#include "vliw-model/options.def"
#undef OPT
#undef OPTE
    uint32_t nformats;
    struct bundle_format format[MDESC_FORMATS]; /* by size, smallest first */
    uint32_t lat[LAT_COUNT_];                   /* derived from lat.*, LAT_NONE = 0 */
};

/* Choices of enumerated options that code asks for by name. */
enum { MEM_STALL_MISS, MEM_STALL_USE };
enum { PAD_NONE, PAD_FORMAT };
enum { PRED_NONE, PRED_STATIC, PRED_BIMODAL, PRED_GSHARE };
enum { REPL_LRU, REPL_FIFO, REPL_RANDOM };
enum { PREFETCH_NONE, PREFETCH_NEXT };
enum { CLOCK_CYCLES, CLOCK_INSTRUCTIONS };
enum { EVICT_FIFO, EVICT_FLUSH };
enum { CMS_ON_MODEL, CMS_ON_HOST };

/*
 * Freestanding, used by the tool chain's scheduler, by CMS's and by the validator (mdesc.c).
 * mdesc_place: can these ops share a bundle? Gives each op its slot of the chosen format (the
 * smallest that fits). Returns the format's index, or -1. Ops may be given in any order; slots say
 * in which order they must be encoded.
 */
int mdesc_place(const struct mdesc *m, const struct vop *ops, uint32_t nops,
                uint8_t slot_of[MAX_BUNDLE_OPS]);

/* Puts ops into encoding order, with nops where the machine pads. False if no format holds them. */
bool mdesc_pack(const struct mdesc *m, const struct vop *ops, uint32_t nops, struct bundle *out);

/* Why an op cannot run on this machine (missing capability), or a bundle fits no format; 0 if all
 * is well. */
enum bundle_error {
    BE_OK,
    BE_FORMAT,
    BE_DISP,
    BE_SELECT,
    BE_CMPBR,
    BE_TWO_CC,
    BE_TWO_WRITES,
    BE_WIDTH,
    BE_PAD
};
enum bundle_error mdesc_check(const struct mdesc *m, const struct bundle *b);
const char *bundle_error_text(enum bundle_error e);

#endif

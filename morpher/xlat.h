/* SPDX-License-Identifier: MIT */
/*
 * A translation as it passes from the translator (gear1.c ...) to the translation cache
 * (concealed-mem/tcache.c): encoded bundles for a fixed address, and what CMS must know about them.
 * Fixed-size records, no pointers.
 *
 * Layout of the code: entry at offset 0 checks the code page (xchk) and falls into `body_off`;
 * chains within a page and from the same page enter at body_off. Every exit has a stub, a bundle
 * `exit #k`, k counting exits of the translation. Chaining an exit rewrites one bundle without
 * changing its length: branch_off != 0: the branch that leads to the stub is long; its immediate
 * word (at byte branch_off) gets the target branch_off == 0: the stub itself: its op word (byte
 * stub_op_off) changes from exit to jal r0, its immediate word (byte stub_imm_off) gets the target
 * A committing bundle of the translation that has no entry in commit[] leaves the guest EIP in
 * G_EIP: it computed an indirect target. Entries stand in the order of their offsets.
 */
#ifndef MORPHER_XLAT_H
#define MORPHER_XLAT_H

#include <stdint.h>

enum { XLAT_WORDS = 4096, XLAT_COMMITS = 80, XLAT_EXITS = 8, XLAT_FRAMES = 2 };

struct xlat_commit {
    uint32_t off;    /* byte offset of the committing bundle */
    uint32_t eip[2]; /* guest EIP after it: branch not taken (or no branch), taken */
};

enum xlat_exit_kind {
    XE_DIRECT,   /* target_eip is known: may be chained */
    XE_INDIRECT, /* target was computed and put in G_EIP before the commit; left by jtlb, or by the
                    stub with cms.jtlb = 0 */
    XE_INTERP /* the instruction at target_eip must be interpreted (not translatable); never chained
               */
};

struct xlat_exit {
    uint32_t kind, target_eip;
    uint32_t stub_off, stub_op_off, stub_imm_off, branch_off;
};

struct xlat {
    uint32_t eip, mode;
    uint32_t base; /* physical address its first word will have */
    uint32_t nframes, frame[XLAT_FRAMES],
        page[XLAT_FRAMES]; /* frame numbers read, and the linear pages they were at */
    uint32_t guest_bytes, ninsns;
    uint32_t first_pa; /* physical address of the first guest byte */
    uint32_t body_off;
    uint32_t nwords, nbundles, nops;
    uint32_t ncommits, nexits;
    struct xlat_commit commit[XLAT_COMMITS];
    struct xlat_exit exit[XLAT_EXITS];
    uint32_t word[XLAT_WORDS];
};

/* Why a block was not translated: aborts.def, coded and counted. 0: translated. */
enum abort_reason {
    AB_NONE,
#define ABORT(name, str, doc) AB_##name,
#include "morpher/aborts.def"
#undef ABORT
    AB_COUNT_
};

/*
 * Gear 1: translates the dynamic basic block at `eip` for code address `base` (at most max_words
 * words). Reads guest bytes with hw_gldx8/hw_gldx32 only after hw_probex said they will not fault,
 * so it never traps for good; a block whose first instruction cannot be fetched or translated gives
 * a reason. Uses at most the stack and its static arena.
 */
enum abort_reason gear1_translate(uint32_t eip, uint32_t mode, uint32_t base, uint32_t max_words,
                                  struct xlat *out);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_MAKER_H
#define TESTS_ORACLE_MAKER_H

/*
 * What processors of one maker do otherwise than those of another, where the architecture, or the
 * manuals, leave a choice. CMS follows Intel's. On a processor of AMD a difference of a kind that
 * is known (each has its reason here, found by asking such a processor) is not a mismatch, and is
 * counted; any other is one. The kinds are as narrow as what is seen: the instruction, the two
 * faults, what differs.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/oracle/silicon.h"

enum maker { MAKER_INTEL, MAKER_AMD };
/* Of the host, by CPUID; whoever is not AMD counts as Intel, so that nothing is excused. */
enum maker maker_of_host(void);

enum maker_kind {
    MAKER_NONE,
#define KIND(name, reason) MAKER_##name,
#include "tests/oracle/maker.def"
#undef KIND
    MAKER_KINDS
};
extern const char *const maker_reasons[MAKER_KINDS];

/* A block, and how it ended on the host and with us: where, and by what fault (vector -1: none). */
struct maker_end {
    uint32_t eip;
    struct ia32_fault f;
};
struct maker_case {
    const uint8_t *code;
    uint32_t len, eip; /* of the block, in memory */
    bool code16;
    bool pushes; /* it is known to have executed a PUSH of a segment register */
    struct maker_end host, ours;
};
/* Of results that differ somehow: the kind of difference that it is, on this host; MAKER_NONE: none
 * that is known. */
enum maker_kind maker_excuse(const struct maker_case *m);
/* Whether the code has an FXSAVE, and this host's tells of a bit more in MXCSR: 2 in byte 30 of the
 * image, where CMS writes 0. */
bool maker_shows_mask(const uint8_t *code, uint32_t len);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_VALIDATE_H
#define TESTS_ORACLE_VALIDATE_H

/*
 * Random cases, numbered: number and seed determine a case wholly, whoever runs it. Each is run by
 * silicon and by one engine of ours, and compared but for flags that ia32.def leaves undefined.
 */

#include <stdio.h>

#include "tests/oracle/engine.h"

enum validate_mode { VALIDATE_INTERPRET, VALIDATE_GEAR1, VALIDATE_MODEL, VALIDATE_MODES };
enum { VALIDATE_ROWS = 1024, VALIDATE_TEXT = 8192 };

struct validate_counts {
    uint64_t done, ended, faulted, left;
    uint64_t forced;         /* instructions that would have used an undefined flag, made NOPs */
    uint64_t too_long;       /* not compared: wild loops */
    uint64_t not_comparable; /* code on pages that only NX forbids, limits of GS, own code */
    uint64_t retired, translated; /* instructions */
    uint64_t morphed;             /* cases that ran in a translation, at least in part */
    uint64_t mismatches;
    struct {
        uint64_t executed, translated; /* cases in which it completed; in a translation */
        uint32_t vectors;              /* mask of the exceptions it raised */
    } row[VALIDATE_ROWS];
    uint64_t at; /* number of the case at hand */
};

struct validator;
/* The engine of the mode on machine m; filter: the name of an instruction (ADD), or NULL. NULL with
 * a reason, if silicon cannot be asked or there is no such instruction. */
struct validator *validate_new(enum validate_mode mode, uint64_t seed, const char *filter,
                               const struct mdesc *m, const char *cms, char *err, size_t size);
/* Every case is written to f as a line before it runs. */
void validate_show(struct validator *v, FILE *f);
/* Its machine, for tests that break it; NULL without one. */
struct vm *validate_vm(struct validator *v);
void validate_free(struct validator *v);

/* Case k. On a mismatch: false, and `text` is the smallest form found, as a line of tests/insns/
 * with remarks. */
bool validate_one(struct validator *v, uint64_t k, struct validate_counts *counts,
                  char text[VALIDATE_TEXT]);

/* ---- between validate.c and shrink.c ---- */

enum verdict { VERDICT_SAME, VERDICT_DIFFERENT, VERDICT_TOO_LONG, VERDICT_NOT_COMPARABLE };

/* Runs c by both and compares; makes NOPs of instructions that use undefined flags. `undefined` is
 * left as it is at the end of the block. */
enum verdict validate_compare(struct validator *v, struct oracle_case *c, uint64_t *forced);
/* Every engine takes over oracle_base.data. */
void validate_data(struct validator *v);
/* Of the last comparison. */
const struct oracle_result *validate_silicon(const struct validator *v);
const struct oracle_result *validate_ours(const struct validator *v);
uint32_t validate_undefined(const struct validator *v);

/* Makes c smaller as long as it is different; leaves the windows' data changed. */
void shrink_case(struct validator *v, struct oracle_case *c);
/* What runs and from where: TEXT: BYTES ; REGISTERS. */
void shrink_show(const struct oracle_case *c, char *text, size_t size);
/* The line and remarks about what differs. */
void shrink_print(struct validator *v, const struct oracle_case *c, char *text, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_VALIDATE_H
#define TESTS_ORACLE_VALIDATE_H

/*
 * Random cases, numbered: number and seed determine a case wholly, whoever runs it. Each is run by
 * silicon and by one engine of ours, and compared but for flags that ia32.def leaves undefined.
 */

#include <stdio.h>

#include "tests/oracle/engine.h"
#include "tests/oracle/maker.h"

enum validate_mode { VALIDATE_INTERPRET, VALIDATE_GEAR1, VALIDATE_MODEL, VALIDATE_MODES };
enum { VALIDATE_ROWS = 1024, VALIDATE_TEXT = 8192 };

struct validate_counts {
    uint64_t done, ended, faulted, left;
    uint64_t forced;         /* instructions that would have used an undefined flag, made NOPs */
    uint64_t too_long;       /* not compared: wild loops */
    uint64_t not_comparable; /* code on pages that only NX forbids, limits of GS, own code */
    uint64_t maker[MAKER_KINDS];  /* not compared: known to be done otherwise by the host's maker */
    uint64_t retired, translated; /* instructions */
    uint64_t morphed;             /* cases that ran in a translation, at least in part */
    uint64_t mismatches;
    uint64_t second, second_differs; /* asked of Unicorn, too; and where it alone differs */
    struct {
        uint64_t executed, translated; /* cases in which it completed; in a translation */
        uint32_t vectors;              /* mask of the exceptions it raised */
    } row[VALIDATE_ROWS];
    uint64_t at; /* number of the case at hand */
};

/* Who is asked. VALIDATE_SILICON becomes VALIDATE_UNICORN where silicon cannot be. */
enum validate_oracle { VALIDATE_SILICON, VALIDATE_UNICORN, VALIDATE_BOTH };

struct validate_setup {
    enum validate_mode mode;
    enum validate_oracle oracle;
    uint64_t seed;
    const char *filter; /* the name of an instruction (ADD), or NULL */
    const struct mdesc *m;
    const char *cms;     /* its image, for VALIDATE_MODEL */
    const char *unicorn; /* the helper program, or NULL */
};

struct validator;
/* NULL with a reason, if no oracle can be asked or there is no such instruction. If Unicorn takes
 * silicon's place, the reason is there, too. */
struct validator *validate_new(const struct validate_setup *s, char *err, size_t size);
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

enum verdict {
    VERDICT_SAME,
    VERDICT_DIFFERENT,
    VERDICT_TOO_LONG,
    VERDICT_NOT_COMPARABLE,
    VERDICT_MAKER /* the host's maker decided otherwise: validate_kind */
};

/* Runs c by both and compares; makes NOPs of instructions that use undefined flags. `undefined` is
 * left as it is at the end of the block. */
enum verdict validate_compare(struct validator *v, struct oracle_case *c, uint64_t *forced);
/* Every engine takes over oracle_base.data. */
void validate_data(struct validator *v);
/* Of the last comparison. */
const struct oracle_result *validate_silicon(const struct validator *v);
const struct oracle_result *validate_ours(const struct validator *v);
uint32_t validate_undefined(const struct validator *v);
enum maker_kind validate_kind(const struct validator *v);

/* Makes c smaller as long as it is different; leaves the windows' data changed. */
void shrink_case(struct validator *v, struct oracle_case *c);
/* What runs and from where: TEXT: BYTES ; REGISTERS. */
void shrink_show(const struct oracle_case *c, char *text, size_t size);
/* The line and remarks about what differs. */
void shrink_print(struct validator *v, const struct oracle_case *c, char *text, size_t size);

#endif

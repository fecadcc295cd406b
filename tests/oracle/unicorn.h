/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_UNICORN_H
#define TESTS_ORACLE_UNICORN_H

/*
 * Unicorn as an oracle: a second opinion beside silicon, and the only one where silicon cannot be
 * asked. Unicorn's licence is the GPL-2, so the command does not link it: a helper program does
 * (tests/oracle/helper/), which runs as a child. The two share this structure, windows included, so
 * that a case costs a byte each way through a socket and no copying.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/oracle/engine.h"

enum { UNICORN_FD_MEMORY = 3, UNICORN_FD_SOCKET = 4 };

struct unicorn_shared {
    uint8_t code[SILICON_CODE_SIZE], data[SILICON_DATA_SIZE];
    uint32_t ldt[SILICON_SEG_END][2]; /* as silicon_descriptor tells it */
    /* The case, and the state after it. */
    uint32_t len, fx, gs;
    struct ia32_state in, out;
    struct ia32_fault f; /* no error code but of a page fault */
    uint32_t end;        /* enum silicon_end; SILICON_BAD: `why` */
    char why[128];
};

struct oracle_unicorn;
/* `program`: the helper. NULL with a reason if it cannot run. */
struct oracle_unicorn *oracle_unicorn_new(const char *program, char *err, size_t size);
void oracle_unicorn_free(struct oracle_unicorn *u);
void oracle_unicorn_data(struct oracle_unicorn *u);
void oracle_unicorn_run(struct oracle_unicorn *u, const struct oracle_case *c,
                        struct oracle_result *r);

/*
 * What Unicorn is known not to tell is taken over from our own result, so that it is not compared;
 * the list is UNICORN_EXCLUSIONS, for the report. False: the case means nothing to it at all.
 */
bool oracle_unicorn_excuse(const struct oracle_case *c, struct oracle_result *unicorn,
                           const struct oracle_result *ours);
extern const char *const unicorn_exclusions[]; /* ends with NULL */

#endif

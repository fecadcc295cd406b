/* SPDX-License-Identifier: MIT */
/*
 * The lines of tests/insns/: one instruction each (or a few), with what it must do. The syntax is
 * told in docs/oracle.md.
 */
#ifndef TESTS_UNIT_INSNS_H
#define TESTS_UNIT_INSNS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/oracle/silicon.h"

enum { INSNS_CODE = SILICON_CODE + 0x1000 };

struct insn_words {
    struct ia32_state st;
    uint32_t any; /* flags that may be either */
    bool eip_given, fx;
    int vector;
    uint32_t error, cr2;
    struct {
        uint32_t a;
        uint8_t b;
    } mem[256];
    uint32_t nmem;
};

struct insn_line {
    char text[160], before[700], where[64]; /* where: file and line */
    uint8_t code[64];
    uint32_t len;
    bool no_silicon;
    bool fx; /* it names x87 or SSE state, or is such an instruction */
    struct insn_words in, out;
};

/* Calls `each` for every line of every file, `other` for those that are none (comments); the result
 * is how many lines there were, or -1 after one that is wrong. */
int insns_read(void (*each)(void *ctx, struct insn_line *l),
               void (*other)(void *ctx, const char *text), void *ctx);

/* The data window before the line. */
void insns_data(const struct insn_line *l, uint8_t data[SILICON_DATA_SIZE]);
/* False, and a message for each difference. `data` is the window afterwards, `start` before. */
bool insns_check(const struct insn_line *l, const char *who, const struct ia32_state *st,
                 const struct ia32_fault *f, const uint8_t *start, const uint8_t *data);
/* The line with what somebody said of it. */
void insns_print(const struct insn_line *l, const struct ia32_state *st, const struct ia32_fault *f,
                 const uint8_t *start, const uint8_t *data, uint32_t undefined, FILE *out);

#endif

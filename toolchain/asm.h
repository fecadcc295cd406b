/* SPDX-License-Identifier: MIT */
/*
 * The assembler: RV32IM assembly text as gcc writes it, with every op of ops.def beside it, to one
 * linear-op object. Files are assembled together: their .globl symbols meet, all others stay apart
 * by file. Any text at all gives an object or one line `file:line: message`; never a crash.
 *
 * Beyond the ops: the usual pseudo-instructions of RISC-V, `commit N` (see lo.h), `ebreak` (halt
 * 235). r3 and r4 (gp, tp) are the scheduler's own and refused.
 */
#ifndef TOOLCHAIN_ASM_H
#define TOOLCHAIN_ASM_H

#include "toolchain/lo.h"

struct as_input {
    const char *name; /* for messages */
    const char *text;
    size_t len;
};

/* 0, or -1 and one line in err, *out empty then. */
int as_texts(struct lo *out, const struct as_input *in, unsigned n, char *err, size_t errlen);
int as_files(struct lo *out, const char *const *paths, unsigned n, char *err, size_t errlen);

/* `chrysalis as [-o OUT] FILES.s`: an exit status. */
int tc_as_main(int argc, char **argv);

#endif

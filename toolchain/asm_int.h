/* SPDX-License-Identifier: MIT */
/* What the assembler's files share: reading a statement (asm_parse.c), an instruction (asm_insn.c),
 * all else (asm.c). */
#ifndef TOOLCHAIN_ASM_INT_H
#define TOOLCHAIN_ASM_INT_H

#include "toolchain/lo.h"
#include "toolchain/vec.h"

/* Where a statement's output goes. Rarely executed text stands behind all other text. */
enum as_stream { AS_TEXT, AS_COLD, AS_RODATA, AS_DATA, AS_BSS, AS_DROP, AS_STREAMS };

/* A symbol as one file sees it. */
struct as_sym {
    const char *name; /* not terminated: points into the text or into `made` */
    uint32_t len;
    uint32_t line; /* of its first appearance */
    bool defined, absolute, alias, global, local, weak, func;
    uint8_t stream;
    int64_t value; /* offset or op index in the stream; absolute: the value; alias: addend */
    uint32_t alias_of;
    uint32_t out;  /* its number in the object, once the file has been read */
    uint32_t next; /* hash chain */
};

struct as {
    const char *file;
    uint32_t line;
    const char *p, *end; /* the rest of the current line */
    bool failed;
    char *err;
    size_t errlen;
    enum as_stream cur, prev, stack[16];
    unsigned depth;

    VEC(struct as_sym) sym; /* of this file */
    uint32_t hash[4096];
    uint32_t locals[100]; /* how often numeric label N was defined so far */
    VEC(char *) made;     /* names made up here */

    VEC(struct lo_op) text[2];
    VEC(uint32_t) text_line[2];
    VEC(uint8_t) data[2]; /* rodata, data */
    uint32_t bss;
    VEC(struct lo_reloc) reloc;
    VEC(uint32_t) reloc_line;
};

/* symbol + value; sym is LO_NOSYM for a number. */
struct as_expr {
    uint32_t sym;
    int64_t value;
};

/* Says what is wrong, once; everything after it on the way out is ignored. */
__attribute__((format(printf, 2, 3))) void as_error(struct as *a, const char *fmt, ...);

/* How much of the rest of the line a message shows (for %.*s). */
static inline int as_rest(const struct as *a)
{
    return a->end - a->p > 20 ? 20 : (int)(a->end - a->p);
}

/* asm_parse.c: each skips blanks first. */
void as_blanks(struct as *a);
bool as_at_end(struct as *a);
bool as_accept(struct as *a, char c);
void as_expect(struct as *a, char c);
/* A run of name characters; length 0 if there is none. */
uint32_t as_word(struct as *a, const char **word);
struct as_expr as_expression(struct as *a);
int64_t as_number(struct as *a, int64_t min, int64_t max, const char *what);
/* A register's number, or -1 with nothing read. */
int as_try_reg(struct as *a);
/* The bytes of a quoted string, escapes replaced, appended to buf. */
typedef VEC(uint8_t) as_bytes;
void as_string(struct as *a, as_bytes *buf);
bool as_same(const char *word, uint32_t len, const char *s);

/* asm.c */
uint32_t as_symbol(struct as *a, const char *name, uint32_t len);
void as_emit(struct as *a, struct vop op, uint32_t sym);
uint32_t as_lookup(struct as *a, const char *name, uint32_t len); /* of this file; makes it */
void as_define(struct as *a, uint32_t sym);                       /* here */
uint32_t as_position(const struct as *a, enum as_stream s);

/* asm_dir.c: the name of the directive has been read. */
void as_directive(struct as *a, const char *w, uint32_t n);
void as_align(struct as *a, uint64_t to);

/* asm_insn.c: the mnemonic has been read. */
void as_instruction(struct as *a, const char *mnem, uint32_t len);

#endif

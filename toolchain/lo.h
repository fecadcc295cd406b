/* SPDX-License-Identifier: MIT */
/*
 * The linear-op object: a whole program (CMS) as ops in program order, with symbols instead of
 * addresses, and with no machine in it yet. The assembler makes it, the linker schedules it for a
 * machine when a run starts. Its hash is the identity of CMS: it depends on the compiler's text
 * alone, not on any machine file.
 *
 * In a file: little-endian 32-bit words.
 *     magic "CHLO", version, hash of the op table,
 *     hash of everything behind this word (two words, low first),
 *     counts: ops, bytes of rodata, of data, of bss, symbols, relocations, bytes of strings
 *     ops         opc | rd << 8 | ra << 16 | rb << 24;  bmode;  imm;  symbol or all ones
 *     symbols     name (offset in strings);  section | flags << 8;  value
 *     relocations section;  offset;  symbol;  addend
 *     rodata, data, strings, each filled up to a word with zeros
 * The reader accepts any bytes and refuses, with one line, what this file could not have written.
 */
#ifndef TOOLCHAIN_LO_H
#define TOOLCHAIN_LO_H

#include <stddef.h>
#include "vliw-model/isa.h"

enum { LO_VERSION = 1 };
enum { LO_NOSYM = 0xffffffffu };

/* A pseudo-op beside those of ops.def: the commit bit of the bundle that ends the region here; imm
 * = instructions. */
enum { LO_COMMIT = 255 };
_Static_assert((int)OP_COUNT_ <= LO_COMMIT, "an opcode is left for the commit mark");

enum lo_section { LO_UNDEF, LO_TEXT, LO_RODATA, LO_DATA, LO_BSS, LO_ABS, LO_SECTIONS };

/* If sym is given, the value of b is the symbol's address + op.imm, and op.bmode is B_LONG. */
struct lo_op {
    struct vop op;
    uint32_t sym;
};

enum { LO_GLOBAL = 1, LO_FUNC = 2 };

/* value: in text the index of an op (up to and including nops), elsewhere a byte offset. */
struct lo_sym {
    uint32_t name;
    uint8_t section, flags;
    uint32_t value;
};

/* A 32-bit word of rodata or data that holds symbol + addend. */
struct lo_reloc {
    uint32_t section, offset, sym;
    int32_t addend;
};

struct lo {
    struct lo_op *op;
    uint32_t nops;
    uint8_t *bytes[LO_SECTIONS]; /* contents of LO_RODATA and LO_DATA */
    uint32_t size[LO_SECTIONS];  /* of LO_RODATA, LO_DATA, LO_BSS */
    struct lo_sym *sym;
    uint32_t nsyms;
    struct lo_reloc *reloc;
    uint32_t nrelocs;
    char *str;
    uint32_t nstr;
};

/* Sections of the image begin at multiples of this; so does whatever the assembler aligns. */
enum { LO_ALIGN = 64 };

/* Upper bounds of what a file may hold: concealed memory is far smaller. */
enum { LO_MAX_OPS = 1 << 20, LO_MAX_BYTES = 1 << 24, LO_MAX_SYMS = 1 << 20 };

/* Both give 0, or -1 and one line in err. lo_read leaves *out empty on failure. */
int lo_write_file(const struct lo *lo, const char *path, char *err, size_t errlen);
int lo_read_file(struct lo *out, const char *path, char *err, size_t errlen);
/* The same in memory. lo_write returns malloc'd bytes. */
uint8_t *lo_write(const struct lo *lo, size_t *len);
int lo_read(struct lo *out, const uint8_t *bytes, size_t len, char *err, size_t errlen);
void lo_free(struct lo *lo);

/* The identity: the hash that the file carries. */
uint64_t lo_hash(const struct lo *lo);

const char *lo_name(const struct lo *lo, uint32_t sym);

/* Whether an op is one that can be encoded somewhere; 0, or what is wrong with it. */
const char *lo_op_error(const struct lo_op *op);

#endif

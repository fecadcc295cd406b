/* SPDX-License-Identifier: MIT */
/*
 * The linker: a linear-op object, scheduled for one machine and laid out at one physical address.
 * Text first, in program order, then rodata, data and bss, each from a multiple of LO_ALIGN.
 * Branches take a short displacement where it reaches.
 */
#ifndef TOOLCHAIN_LINK_H
#define TOOLCHAIN_LINK_H

#include "toolchain/lo.h"
#include "vliw-model/mdesc.h"

struct vm;

struct image_symbol {
    uint32_t addr;
    uint32_t sym; /* of the object; its name stays valid as long as the object does */
    const char *name;
    uint8_t section, flags; /* enum lo_section, LO_GLOBAL | LO_FUNC */
};

struct image {
    uint32_t base;
    uint8_t *bytes;       /* text, rodata and data with the gaps between them */
    uint32_t nbytes, end; /* end: address behind bss, which begins at base + nbytes */
    uint32_t text_end;    /* address behind the last bundle */
    struct image_symbol
        *sym; /* by address; text symbols that the compiler numbered (.L...) are left out */
    uint32_t nsyms;
    /* What the text is made of. Ops: useful ones; nops: those that padding added. */
    uint32_t bundles, ops, nops, long_imms, linear_ops, passes;
};

/* 0, or -1 and one line in err, *out empty then. The object must outlive the image. */
int tc_link(const struct lo *lo, const struct mdesc *m, uint32_t base, struct image *out, char *err,
            size_t errlen);
void tc_image_free(struct image *im);

/* The address of a global symbol, 0 if there is none. */
uint32_t tc_symbol(const struct image *im, const char *name);

/* The function (or other symbol) that holds an address, and how far inside; NULL if none. */
const struct image_symbol *tc_symbol_at(const struct image *im, uint32_t addr, uint32_t *offset);

/* Writes the image into a machine's memory, bss cleared. 0, or -1 if it does not fit. */
int tc_load(const struct image *im, struct vm *vm);

/* `chrysalis objdump [--machine F] FILE.lo`: an exit status. */
int tc_objdump_main(int argc, char **argv);

#endif

/* SPDX-License-Identifier: MIT */
/* i386 ELF executables: what the loader takes from one, and every reason to refuse one. */
#ifndef GUEST_ELF_H
#define GUEST_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_SEGMENTS = 32 };
/* Why a file is refused: what Linux would have made of it depends on how far it had come. */
enum elf_refusal {
    ELF_FINE,
    ELF_UNREADABLE,
    ELF_SHORT,   /* no room for an ELF header */
    ELF_HEADERS, /* not what is run here */
    ELF_PLACE    /* its segments cannot be where they are to be: the old program would be gone */
};

struct elf_segment {
    uint32_t vaddr, memsz, filesz, prot; /* prot: P_* of space.h */
    const uint8_t *bytes;                /* filesz of them, inside struct elf_image's file */
};

struct elf_image {
    uint8_t *file;
    size_t size;
    uint32_t entry, phdr, phent,
        phnum; /* phdr: its address in the process, 0 if no segment holds it */
    uint32_t nsegments;
    struct elf_segment segment[ELF_SEGMENTS];
    uint32_t end;     /* first byte behind all segments: where brk begins */
    bool movable;     /* position-independent: addresses count from wherever it is put */
    char interp[256]; /* the program that loads it; empty: none */
    uint8_t refused;  /* enum elf_refusal */
};

/* Reads and checks the file. 0, or -1 with one line (no newline) that names the file and the
 * reason. */
int elf_load(struct elf_image *e, const char *path, char *err, size_t errlen);
/* The same over bytes in memory, which it takes no ownership of. */
int elf_parse(struct elf_image *e, const uint8_t *bytes, size_t size, char *err, size_t errlen);
/* Puts a movable one at base, a multiple of the page size. False: it does not fit there. */
bool elf_place(struct elf_image *e, uint32_t base);
void elf_free(struct elf_image *e);

#endif

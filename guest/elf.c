/* SPDX-License-Identifier: MIT */
/*
 * The ELF reader. libelf knows the format; this file knows what may be run: a 32-bit little-endian
 * i386 executable, or a position-independent one, with sane segments. Headers are checked against
 * the file's size before any byte is used, because the file comes from anywhere.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/elf.h"
#include "guest/space.h"

enum { MAX_FILE = 512 << 20, OLD_486 = 6 /* a machine's number that Linux takes, too */ };

static int fail(char *err, size_t n, const char *why)
{
    snprintf(err, n, "%s", why);
    return -1;
}

static int add_segment(struct elf_image *e, const Elf32_Phdr *p, const uint8_t *bytes, size_t size,
                       char *err, size_t n)
{
    uint64_t top = (uint64_t)SPACE_TOP_PAGE * PAGE;

    e->refused = ELF_PLACE;
    if (p->p_offset > size || p->p_filesz > size - p->p_offset)
        return fail(err, n, "truncated: a segment lies behind the end of the file");
    if (p->p_filesz > p->p_memsz)
        return fail(err, n, "malformed: a segment is larger in the file than in memory");
    if (!p->p_memsz) {
        e->refused = ELF_HEADERS;
        return 0;
    }
    if ((!e->movable && p->p_vaddr < (uint32_t)SPACE_FIRST_PAGE * PAGE) ||
        (uint64_t)p->p_vaddr + p->p_memsz > top)
        return fail(err, n, "malformed: a segment lies outside the user address space");
    if ((p->p_vaddr ^ p->p_offset) & (PAGE - 1))
        return fail(err, n, "malformed: a segment's address and offset differ within the page");
    if (e->nsegments == ELF_SEGMENTS)
        return fail(err, n, "too many segments");
    struct elf_segment *s = &e->segment[e->nsegments++];
    s->vaddr = p->p_vaddr;
    s->memsz = p->p_memsz;
    s->filesz = p->p_filesz;
    s->bytes = bytes + p->p_offset;
    s->prot = (p->p_flags & PF_R ? P_READ : 0u) | (p->p_flags & PF_W ? P_WRITE : 0u) |
              (p->p_flags & PF_X ? P_EXEC : 0u);
    if (s->vaddr + s->memsz > e->end)
        e->end = s->vaddr + s->memsz;
    e->refused = ELF_HEADERS;
    return 0;
}

static int parse_headers(struct elf_image *e, Elf *elf, const uint8_t *bytes, size_t size,
                         char *err, size_t n)
{
    const Elf32_Ehdr *h = elf32_getehdr(elf);
    size_t phnum;

    if (!h)
        return fail(err, n, "malformed ELF header");
    if (h->e_machine != EM_386 && h->e_machine != OLD_486)
        return fail(err, n, "wrong machine: not an i386 program");
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return fail(err, n, "not an executable (a relocatable or core file)");
    e->movable = h->e_type == ET_DYN;
    phnum = h->e_phnum; /* PN_XNUM, the escape for more, is too many anyway */
    if (h->e_phentsize != sizeof(Elf32_Phdr) || !phnum || phnum > 256)
        return fail(err, n, "malformed: impossible program headers");
    if (h->e_phoff > size || phnum * sizeof(Elf32_Phdr) > size - h->e_phoff)
        return fail(err, n, "truncated: the program headers lie behind the end of the file");
    const Elf32_Phdr *table = elf32_getphdr(elf);
    if (!table)
        return fail(err, n, "malformed: impossible program headers");
    e->entry = h->e_entry;
    e->phent = h->e_phentsize;
    e->phnum = (uint32_t)phnum;
    for (size_t i = 0; i < phnum; i++) {
        Elf32_Phdr p; /* a copy: nothing aligns the table within a hostile file */
        memcpy(&p, (const uint8_t *)table + i * sizeof p, sizeof p);
        if (p.p_type == PT_INTERP) {
            if (p.p_offset > size || p.p_filesz > size - p.p_offset || p.p_filesz < 2 ||
                p.p_filesz > sizeof e->interp || bytes[p.p_offset + p.p_filesz - 1] ||
                bytes[p.p_offset] != '/')
                return fail(err, n, "malformed: impossible name of an interpreter");
            memcpy(e->interp, bytes + p.p_offset, p.p_filesz);
        }
        if (p.p_type != PT_LOAD)
            continue;
        if (add_segment(e, &p, bytes, size, err, n))
            return -1;
        if (p.p_offset <= h->e_phoff &&
            h->e_phoff + phnum * sizeof p <= (uint64_t)p.p_offset + p.p_filesz)
            e->phdr = p.p_vaddr + (h->e_phoff - p.p_offset);
    }
    e->refused = ELF_PLACE;
    if (!e->nsegments)
        return fail(err, n, "nothing to load: no segment");
    for (uint32_t i = 0; i < e->nsegments; i++)
        if (e->entry - e->segment[i].vaddr < e->segment[i].memsz) {
            e->refused = ELF_FINE;
            return 0;
        }
    return fail(err, n, "malformed: the entry point lies in no segment");
}

int elf_parse(struct elf_image *e, const uint8_t *bytes, size_t size, char *err, size_t n)
{
    memset(e, 0, sizeof *e);
    e->refused = size < sizeof(Elf32_Ehdr) ? ELF_SHORT : ELF_HEADERS;
    if (size < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG))
        return fail(err, n, "not an ELF file");
    if (bytes[EI_CLASS] == ELFCLASS64)
        return fail(err, n, "64-bit ELF: only i386 programs run here");
    if (bytes[EI_CLASS] != ELFCLASS32 || bytes[EI_DATA] != ELFDATA2LSB ||
        bytes[EI_VERSION] != EV_CURRENT)
        return fail(err, n, "malformed ELF identification");
    if (size < sizeof(Elf32_Ehdr))
        return fail(err, n, "truncated: shorter than its ELF header");
    elf_version(EV_CURRENT);
    /* libelf asks for a writable image but does not write in this mode. */
    Elf *elf = elf_memory((char *)(uintptr_t)bytes, size);
    if (!elf)
        return fail(err, n, "malformed ELF file");
    int r = parse_headers(e, elf, bytes, size, err, n);
    elf_end(elf);
    return r;
}

static int read_file(struct elf_image *e, const char *path, char *err, size_t n)
{
    struct stat st;
    /* Without O_NONBLOCK a pipe without a writer would hold us here. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fail(err, n, strerror(errno));
    int r = -1;
    if (fstat(fd, &st))
        fail(err, n, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        fail(err, n, "not a regular file");
    else if (st.st_size > MAX_FILE)
        fail(err, n, "file too large");
    else
        r = 0;
    size_t size = r ? 0 : (size_t)st.st_size;
    uint8_t *buf = r ? NULL : malloc(size + 1);
    if (!r && !buf)
        r = fail(err, n, "out of memory");
    for (size_t got = 0; !r && got < size;) {
        ssize_t k = read(fd, buf + got, size - got);
        if (k > 0)
            got += (size_t)k;
        else
            r = fail(err, n, k ? strerror(errno) : "truncated while it was read");
    }
    close(fd);
    if (r) {
        free(buf);
        return -1;
    }
    e->file = buf;
    e->size = size;
    return 0;
}

int elf_load(struct elf_image *e, const char *path, char *err, size_t errlen)
{
    struct elf_image f = {0}, out;
    char why[200];

    memset(e, 0, sizeof *e);
    out.refused = ELF_UNREADABLE;
    if (read_file(&f, path, why, sizeof why) || elf_parse(&out, f.file, f.size, why, sizeof why)) {
        snprintf(err, errlen, "%s: %s", path, why);
        free(f.file);
        e->refused = out.refused;
        return -1;
    }
    *e = out;
    e->file = f.file;
    e->size = f.size;
    return 0;
}

bool elf_place(struct elf_image *e, uint32_t base)
{
    if ((uint64_t)e->end + base > (uint64_t)SPACE_TOP_PAGE * PAGE || base < SPACE_FIRST_PAGE * PAGE)
        return false;
    for (uint32_t i = 0; i < e->nsegments; i++)
        e->segment[i].vaddr += base;
    e->entry += base;
    e->end += base;
    if (e->phdr)
        e->phdr += base;
    return true;
}

void elf_free(struct elf_image *e)
{
    free(e->file);
    memset(e, 0, sizeof *e);
}

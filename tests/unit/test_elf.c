/* SPDX-License-Identifier: MIT */
/* The ELF reader: what it takes, every reason to refuse, and no crash on anything. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "guest/elf.h"
#include "guest/space.h"

enum { CODE = 0x08048000, FILE_SIZE = 0x1100 };

struct sample {
    uint8_t bytes[FILE_SIZE];
    Elf32_Ehdr *h;
    Elf32_Phdr *p;
};

static void make(struct sample *s)
{
    memset(s, 0, sizeof *s);
    s->h = (Elf32_Ehdr *)(void *)s->bytes;
    s->p = (Elf32_Phdr *)(void *)(s->bytes + sizeof *s->h);
    memcpy(s->h->e_ident, ELFMAG "\1\1\1", 7);
    *s->h = (Elf32_Ehdr){.e_type = ET_EXEC,
                         .e_machine = EM_386,
                         .e_version = 1,
                         .e_entry = CODE + 0x100,
                         .e_phoff = sizeof *s->h,
                         .e_ehsize = sizeof *s->h,
                         .e_phentsize = sizeof *s->p,
                         .e_phnum = 2,
                         .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT}};
    s->p[0] = (Elf32_Phdr){PT_LOAD, 0, CODE, CODE, 0x200, 0x200, PF_R | PF_X, PAGE};
    s->p[1] = (Elf32_Phdr){PT_LOAD, 0x1000, CODE + 0x1000, 0, 0x100, 0x3000, PF_R | PF_W, PAGE};
}

static void accepts(void **state)
{
    struct sample s;
    struct elf_image e;
    char err[200];

    (void)state;
    make(&s);
    assert_int_equal(elf_parse(&e, s.bytes, FILE_SIZE, err, sizeof err), 0);
    assert_int_equal(e.nsegments, 2);
    assert_int_equal(e.entry, CODE + 0x100);
    assert_int_equal(e.phdr, CODE + sizeof(Elf32_Ehdr));
    assert_int_equal(e.end, CODE + 0x4000);
    assert_int_equal(e.segment[0].prot, P_READ | P_EXEC);
    assert_int_equal(e.segment[1].prot, P_READ | P_WRITE);
    assert_ptr_equal(e.segment[1].bytes, s.bytes + 0x1000);
}

static void moves(void **state)
{
    struct sample s;
    struct elf_image e;
    char err[200];

    (void)state;
    make(&s);
    s.h->e_type = ET_DYN;
    s.h->e_entry = 0x100;
    s.p[0].p_vaddr = 0;
    s.p[1].p_vaddr = 0x1000;
    assert_int_equal(elf_parse(&e, s.bytes, FILE_SIZE, err, sizeof err), 0);
    assert_true(e.movable);
    assert_true(elf_place(&e, 0x56555000));
    assert_int_equal(e.entry, 0x56555100);
    assert_int_equal(e.end, 0x56559000);
    assert_int_equal(e.segment[1].vaddr, 0x56556000);
    assert_false(elf_place(&e, 0xbffff000));
    assert_string_equal(e.interp, "");
    make(&s);
    strcpy((char *)s.bytes + 0x1000, "/lib/ld.so");
    s.p[1].p_type = PT_INTERP;
    s.p[1].p_filesz = sizeof "/lib/ld.so";
    assert_int_equal(elf_parse(&e, s.bytes, FILE_SIZE, err, sizeof err), 0);
    assert_string_equal(e.interp, "/lib/ld.so");
}

static void refused(const struct sample *s, size_t size, const char *word)
{
    struct elf_image e;
    char err[200] = "";

    assert_int_equal(elf_parse(&e, s->bytes, size, err, sizeof err), -1);
    if (!strstr(err, word))
        fail_msg("the message \"%s\" lacks \"%s\"", err, word);
    assert_null(strchr(err, '\n'));
}

static void refuses(void **state)
{
    struct sample s;

    (void)state;
#define REFUSED(change, size, word)                                                                \
    do {                                                                                           \
        make(&s);                                                                                  \
        change;                                                                                    \
        refused(&s, size, word);                                                                   \
    } while (0)
    REFUSED(s.bytes[1] = 'e', FILE_SIZE, "not an ELF");
    REFUSED((void)0, 3, "not an ELF");
    REFUSED((void)0, 0, "not an ELF");
    REFUSED(s.bytes[EI_CLASS] = ELFCLASS64, FILE_SIZE, "64-bit");
    REFUSED(s.bytes[EI_DATA] = ELFDATA2MSB, FILE_SIZE, "malformed");
    REFUSED((void)0, 40, "truncated");
    REFUSED((void)0, 60, "truncated");
    REFUSED((void)0, 0x1080, "truncated");
    REFUSED(s.h->e_machine = EM_ARM, FILE_SIZE, "wrong machine");
    REFUSED(s.h->e_type = ET_REL, FILE_SIZE, "not an executable");
    REFUSED(s.p[1].p_type = PT_INTERP, FILE_SIZE, "interpreter");
    REFUSED(s.h->e_phnum = 0xfff0, FILE_SIZE, "headers");
    REFUSED(s.h->e_phnum = 0, FILE_SIZE, "");
    REFUSED(s.h->e_phentsize = 16, FILE_SIZE, "headers");
    REFUSED(s.h->e_phoff = 0xfffffff0, FILE_SIZE, "");
    REFUSED(s.p[1].p_offset = 0xfffff000, FILE_SIZE, "truncated");
    REFUSED(s.p[1].p_filesz = 0xffffffff, FILE_SIZE, "truncated");
    REFUSED(s.p[1].p_memsz = 0x10, FILE_SIZE, "larger in the file");
    REFUSED(s.p[1].p_memsz = 0xf8000000, FILE_SIZE, "address space");
    REFUSED(s.p[1].p_vaddr = 0x1000, FILE_SIZE, "address space");
    REFUSED(s.p[1].p_vaddr = CODE + 0x1010, FILE_SIZE, "differ within the page");
    REFUSED(s.h->e_entry = CODE - 1, FILE_SIZE, "entry point");
    REFUSED(s.p[0].p_type = s.p[1].p_type = PT_NOTE, FILE_SIZE, "nothing to load");
}

static void refuses_files(void **state)
{
    struct elf_image e;
    char err[300];

    (void)state;
    assert_int_equal(elf_load(&e, "/nonexistent/program", err, sizeof err), -1);
    assert_non_null(strstr(err, "/nonexistent/program: No such file"));
    assert_int_equal(elf_load(&e, "/", err, sizeof err), -1);
    assert_non_null(strstr(err, "not a regular file"));
    assert_int_equal(elf_load(&e, "/proc/self/exe", err, sizeof err), -1);
    if (sizeof(void *) == 8)
        assert_non_null(strstr(err, "64-bit"));
}

/* Any change of any header byte, any length: an answer, never a crash (run under the sanitizers
 * too). */
static void survives(void **state)
{
    struct sample s;
    struct elf_image e;
    char err[200];
    uint32_t rnd = 1, good = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        make(&s);
        for (uint32_t n = i % 7 + 1; n; n--) {
            rnd = rnd * 1664525 + 1013904223;
            s.bytes[(rnd >> 8) % (sizeof *s.h + 2 * sizeof *s.p)] = (uint8_t)(rnd >> 24);
        }
        /* A copy of its exact size, so that a read behind the end is seen. */
        size_t size = i % 3 ? FILE_SIZE : rnd % FILE_SIZE;
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, s.bytes, size);
        if (!elf_parse(&e, exact, size, err, sizeof err)) {
            good++;
            elf_place(&e, 0x56555000);
            for (uint32_t k = 0; k < e.nsegments; k++)
                assert_true(e.segment[k].bytes >= exact &&
                            e.segment[k].bytes + e.segment[k].filesz <= exact + size);
        }
        free(exact);
    }
    assert_true(good > 1000); /* or the mutations never reached the later checks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepts), cmocka_unit_test(moves),
                                       cmocka_unit_test(refuses), cmocka_unit_test(refuses_files),
                                       cmocka_unit_test(survives)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

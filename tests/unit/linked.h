/* SPDX-License-Identifier: MIT */
/*
 * For tests of the tool chain behind the assembler: machine files and variants of them with
 * capabilities taken away, and a program that has been scheduled and linked for one of them, taken
 * apart into its bundles.
 */
#ifndef TESTS_UNIT_LINKED_H
#define TESTS_UNIT_LINKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "concealed-mem/map.h"
#include "toolchain/asm.h"
#include "toolchain/link.h"
#include "vliw-model/disasm.h"
#include "vliw-model/machine.h"
#include "vliw-model/vm.h"

/* Machine files, and what is changed in them. */
static const struct {
    const char *file, *change[3];
} variants[] = {
    {"machines/tm5800.ini", {0}},
    {"machines/tm8600.ini", {0}},
    {"machines/vliw4.ini", {0}},
    {"machines/vliw4.ini", {"cap.disp=0", "cap.select=0", "cap.cmpbr=0"}},
    {"machines/tm5800.ini", {"cap.select=0", "cap.cmpbr=0", "lat.load=7"}},
    {"machines/tm8600.ini", {"cap.disp=0", "lat.alu=2", "lat.cc=3"}},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static struct mdesc machine[VARIANTS];
static char err[300];

static inline int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        if (machine_load(&machine[i], variants[i].file, err, sizeof err))
            return -1;
        for (unsigned k = 0; k < 3 && variants[i].change[k]; k++)
            if (machine_set(&machine[i], variants[i].change[k], err, sizeof err))
                return -1;
        /* Little memory, quickly there. */
        if (machine_set(&machine[i], "guest.ram_mb=16", err, sizeof err) ||
            machine_check(&machine[i], err, sizeof err))
            return -1;
    }
    return 0;
}

struct program {
    struct lo lo;
    struct image im;
    struct bundle b[6000];
    uint32_t addr[6000], n;
};
static struct program prog;

static inline uint32_t word_at(const struct image *im, uint32_t addr)
{
    uint32_t w;
    memcpy(&w, im->bytes + (addr - im->base), 4); /* tests run on little-endian hosts */
    return w;
}

static inline void link_program(const struct mdesc *m, uint32_t base)
{
    if (tc_link(&prog.lo, m, base, &prog.im, err, sizeof err))
        fail_msg("%s", err);
    prog.n = 0;
    for (uint32_t a = base; a < prog.im.text_end; prog.n++) {
        uint32_t w[MAX_BUNDLE_WORDS] = {0};
        for (uint32_t k = 0; k < MAX_BUNDLE_WORDS && a + 4 * k < prog.im.text_end; k++)
            w[k] = word_at(&prog.im, a + 4 * k);
        uint32_t n = bundle_decode(w, MAX_BUNDLE_WORDS, a, &prog.b[prog.n]);
        assert_int_not_equal(n, 0);
        assert_int_equal(mdesc_check(m, &prog.b[prog.n]), BE_OK);
        prog.addr[prog.n] = a;
        a += 4 * n;
        assert_true(prog.n < 5999);
    }
}

static inline void make(const struct mdesc *m, const char *text)
{
    struct as_input in = {"t.s", text, strlen(text)};
    if (as_texts(&prog.lo, &in, 1, err, sizeof err))
        fail_msg("%s: %s", text, err);
    link_program(m, 0x10000);
}

static inline void drop(void)
{
    tc_image_free(&prog.im);
    lo_free(&prog.lo);
}

/* By the number of a compare-and-branch op behind OP_BEQ. */
static inline bool compare(unsigned op, int32_t a, int32_t b)
{
    switch (op) {
    case 0: return a == b;
    case 1: return a != b;
    case 2: return a < b;
    case 3: return a >= b;
    case 4: return (uint32_t)a < (uint32_t)b;
    default: return (uint32_t)a >= (uint32_t)b;
    }
}

#endif

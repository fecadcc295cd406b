/* SPDX-License-Identifier: MIT */
/*
 * Hostile input to the assembler, the object reader and the linker: text made of real pieces put
 * together wrongly, and objects with damaged fields whose checksum has been put right again. Any of
 * it must give an object or one line; whatever is accepted must survive being written, read and
 * linked. Worth most under the sanitizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolchain/asm.h"
#include "toolchain/link.h"
#include "vliw-model/machine.h"

static const char *const pieces[] = {"\tadd a0, a1, a2\n",
                                     "\taddi sp,sp,-16\n",
                                     "\tlw a0, 4(sp)\n",
                                     "\tsw a0, x, t0\n",
                                     "\tlw a0, x+4\n",
                                     "\tla a5, .L6\n",
                                     "\tbgtu a0,a5,.L4\n",
                                     "\tbeqz a0, 1f\n",
                                     "1:\n",
                                     "\tj 1b\n",
                                     "\tcall f\n",
                                     "\tjr a5\n",
                                     "\tret\n",
                                     ".L4:\n",
                                     ".L6:\n",
                                     "f:\n",
                                     "x:\n",
                                     "\t.globl f\n",
                                     "\t.text\n",
                                     "\t.data\n",
                                     "\t.bss\n",
                                     "\t.section .rodata\n",
                                     "\t.section .text.unlikely,\"ax\"\n",
                                     "\t.word .L4, .L6+4, 5\n",
                                     "\t.byte 1,2,3\n",
                                     "\t.half 70000\n",
                                     "\t.quad 0x123456789\n",
                                     "\t.string \"abc\\n\\001\\x41\"\n",
                                     "\t.zero 40\n",
                                     "\t.align 2\n",
                                     "\t.balign 16\n",
                                     "\t.set y, x+4\n",
                                     "\t.set z, 12*(3+4)\n",
                                     "\t.comm c,16,8\n",
                                     "\t.local c\n",
                                     "\tcommit 3\n",
                                     "\tcommit 0\n",
                                     "\tmov r40, a0\n",
                                     "\tsetcc a0, ne\n",
                                     "\tcmov a0, a1, 5\n",
                                     "\tgld32 a0, 0(a1)\n",
                                     "\tgst8 a0, 400(a1)\n",
                                     "\ttrapif e, 9\n",
                                     "\tbrcc be, .L4\n",
                                     "\thalt 3\n",
                                     "\tmfs a0, 3\n",
                                     "\thostcall a0, a1, 2\n",
                                     "\tudivq a0, a1, a2\n",
                                     "\tshldf32 a0, a1, a2\n",
                                     "\trfe\n",
                                     "\texit 5\n",
                                     "\tblt a0, a1, .L6\n",
                                     "\tslli a0,a0,16\n",
                                     "\tsrli a0,a0,16\n",
                                     "\t.pushsection .data\n",
                                     "\t.popsection\n",
                                     "\t.previous\n",
                                     "\t.type f, @function\n",
                                     "\t.size f, .-f\n",
                                     "\t.weak f\n",
                                     " # comment ; \"\n",
                                     ";",
                                     "(",
                                     ")",
                                     "\"",
                                     "'",
                                     "\\",
                                     ",",
                                     "-",
                                     "+",
                                     "0x",
                                     "99999999999",
                                     "r64",
                                     "gp",
                                     ".",
                                     "@",
                                     "\t",
                                     "\n",
                                     "\377",
                                     "x",
                                     "1f",
                                     "1b",
                                     "%hi(x)",
                                     "<<",
                                     "/0"};
enum { PIECES = sizeof pieces / sizeof *pieces };

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

static struct mdesc machine[3];

static int setup(void **state)
{
    (void)state;
    static const char *const files[] = {"machines/tm5800.ini", "machines/tm8600.ini",
                                        "machines/vliw4.ini"};
    char err[300];
    for (unsigned i = 0; i < 3; i++)
        if (machine_load(&machine[i], files[i], err, sizeof err))
            return -1;
    return 0;
}

static void one_line(const char *err, const char *prefix)
{
    assert_true(strlen(err) > strlen(prefix));
    assert_null(strchr(err, '\n'));
    assert_memory_equal(err, prefix, strlen(prefix));
}

static void link_it(const struct lo *lo, const struct mdesc *m)
{
    struct image im;
    char err[300] = "";
    if (tc_link(lo, m, 0x10000, &im, err, sizeof err))
        one_line(err, "link: ");
    else
        tc_image_free(&im);
}

static void test_text(void **state)
{
    (void)state;
    enum { ROUNDS = 12000, LONGEST = 60 };
    unsigned accepted = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char buf[LONGEST * 48];
        size_t n = 0;
        /* Mostly whole lines; every third text also gets broken pieces and bytes. */
        unsigned count = 1 + rnd(LONGEST - 1), whole = round % 3 ? 62 : PIECES;
        for (unsigned i = 0; i < count; i++) {
            const char *p = pieces[rnd(whole)];
            if (p[0] != '\t' && p[strlen(p) - 1] == '\n' && rnd(2) && i > 2)
                continue; /* not too many labels twice */
            memcpy(buf + n, p, strlen(p));
            n += strlen(p);
        }
        for (unsigned i = round % 5 == 0 ? rnd(4) : 0; i > 0 && n > 0; i--)
            buf[rnd((uint32_t)n)] = (char)rnd(256);
        char *exact = malloc(n ? n : 1); /* so that reading too far is seen */
        assert_non_null(exact);
        memcpy(exact, buf, n);
        struct as_input in = {"fuzz.s", exact, n};
        struct lo lo, back;
        char err[300] = "";
        if (as_texts(&lo, &in, 1, err, sizeof err)) {
            one_line(err, "fuzz.s:");
        } else {
            size_t len;
            uint8_t *bytes = lo_write(&lo, &len);
            if (lo_read(&back, bytes, len, err, sizeof err))
                fail_msg("%s", err);
            assert_true(lo_hash(&back) == lo_hash(&lo));
            link_it(&back, &machine[round % 3]);
            lo_free(&back);
            free(bytes);
            lo_free(&lo);
            accepted++;
        }
        free(exact);
    }
    assert_true(accepted > ROUNDS / 100); /* else the texts are too broken to reach anything */
}

static void put_right(uint8_t *p, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 20; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    for (unsigned i = 0; i < 8; i++)
        p[12 + i] = (uint8_t)(h >> 8 * i);
}

static void test_object(void **state)
{
    (void)state;
    static const char text[] =
        "\t.globl f\nf: lw a0, x\n\tcommit 3\n\tbnez a0, f\n\tadd a0, a1, a2\n"
        "\tsw a0, 300(sp)\n\tblt a0, a1, g\n\tcall f\ng: ret\n"
        "\t.section .rodata\n\t.word f, g\n\t.data\nx: .word 1, x\n"
        "\t.bss\ny: .zero 9\n";
    struct as_input in = {"t.s", text, sizeof text - 1};
    struct lo lo;
    char err[300];
    size_t len;
    assert_int_equal(as_texts(&lo, &in, 1, err, sizeof err), 0);
    uint8_t *good = lo_write(&lo, &len);
    lo_free(&lo);
    unsigned accepted = 0;
    for (unsigned round = 0; round < 30000; round++) {
        size_t n = rnd(20) ? len : len - rnd(40);
        uint8_t *bad = malloc(n);
        assert_non_null(bad);
        memcpy(bad, good, n);
        for (unsigned i = 1 + rnd(3); i > 0; i--) {
            size_t at = 20 + rnd((uint32_t)n - 20);
            if (rnd(2))
                bad[at] = (uint8_t)rnd(256);
            else
                bad[at] = (uint8_t)(bad[at] + (rnd(2) ? 1 : -1));
        }
        put_right(bad, n);
        if (lo_read(&lo, bad, n, err, sizeof err)) {
            assert_null(strchr(err, '\n'));
            assert_null(lo.op);
        } else {
            accepted++;
            link_it(&lo, &machine[round % 3]);
            lo_free(&lo);
        }
        free(bad);
    }
    free(good);
    assert_true(accepted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_object)};
    return cmocka_run_group_tests(tests, setup, NULL);
}

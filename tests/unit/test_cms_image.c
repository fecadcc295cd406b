/* SPDX-License-Identifier: MIT */
/*
 * The CMS image as scheduled for a machine asks nothing of it that it does not have: every bundle
 * of the text is judged by the same validator that judges translations, for each machine file, for
 * machines that lack one thing more, and for narrow ones. A machine that lacks something must also
 * refuse the image of one that has it, or the test could not fail.
 *
 * Needs $BUILD/cms.lo; without it, skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "toolchain/link.h"
#include "vliw-model/encode.h"
#include "vliw-model/machine.h"

enum { BASE = 0x1000000 };

static char path[4096];
static struct lo lo;

static int setup(void **state)
{
    const char *build = getenv("BUILD");
    char err[4096];

    (void)state;
    snprintf(path, sizeof path, "%s/cms.lo", build ? build : "build");
    if (access(path, R_OK))
        return 0;
    if (lo_read_file(&lo, path, err, sizeof err)) {
        print_error("%s\n", err);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lo_free(&lo);
    return 0;
}

static void set(struct mdesc *m, const char *assignment)
{
    char err[300];

    if (machine_set(m, assignment, err, sizeof err))
        fail_msg("%s", err);
}

static void load(struct mdesc *m, const char *file)
{
    char err[4096];

    if (machine_load(m, file, err, sizeof err))
        fail_msg("%s", err);
}

/* How many bundles of the image for `m` does `judge` refuse, and how many are there? */
static uint32_t refused(const struct mdesc *m, const struct mdesc *judge, uint32_t *bundles,
                        enum bundle_error *first)
{
    struct image im;
    char err[4096];
    uint32_t bad = 0;

    if (tc_link(&lo, m, BASE, &im, err, sizeof err))
        fail_msg("%s", err);
    *bundles = 0;
    *first = BE_OK;
    for (uint32_t at = im.base, n; at < im.text_end; at += 4 * n) {
        uint32_t word[MAX_BUNDLE_WORDS] = {0}, avail = (im.text_end - at) / 4;
        struct bundle b;
        enum bundle_error e;

        if (avail > MAX_BUNDLE_WORDS)
            avail = MAX_BUNDLE_WORDS;
        memcpy(word, im.bytes + (at - im.base), 4 * avail);
        n = bundle_decode(word, avail, at, &b);
        if (!n)
            fail_msg("no bundle at %#x", at);
        e = mdesc_check(judge, &b);
        if (e != BE_OK && !bad++)
            *first = e;
        ++*bundles;
    }
    assert_int_equal(*bundles, im.bundles);
    tc_image_free(&im);
    return bad;
}

static void fits(const struct mdesc *m, const char *what)
{
    enum bundle_error why;
    uint32_t bundles, bad = refused(m, m, &bundles, &why);

    if (bad)
        fail_msg("%s: %u of %u bundles ask for what it does not have: %s", what, bad, bundles,
                 bundle_error_text(why));
    assert_true(bundles > 5000);
}

static const char *const files[] = {"machines/tm5800.ini", "machines/tm8600.ini",
                                    "machines/vliw4.ini"};

static void test_machine_files(void **state)
{
    (void)state;
    if (!lo.nops)
        skip();
    for (unsigned k = 0; k < sizeof files / sizeof *files; k++) {
        struct mdesc m;
        load(&m, files[k]);
        fits(&m, files[k]);
    }
}

static void test_fewer_capabilities(void **state)
{
    static const char *const lacks[] = {"cap.disp=0", "cap.select=0", "cap.cmpbr=0"};

    (void)state;
    if (!lo.nops)
        skip();
    for (unsigned k = 0; k < sizeof lacks / sizeof *lacks; k++) {
        struct mdesc has, m;
        enum bundle_error why;
        uint32_t bundles;

        load(&has, "machines/tm8600.ini");
        m = has;
        set(&m, lacks[k]);
        fits(&m, lacks[k]);
        /* A select is in no code that the compiler writes. */
        if (strcmp(lacks[k], "cap.select=0"))
            assert_true(refused(&has, &m, &bundles, &why) > 0);
    }
}

static void test_narrow(void **state)
{
    static const char *const formats[] = {
        "bundle.formats=alu+shift+mul+mem+br+fp.imm",
        "bundle.formats=alu.imm mem shift.imm mul.imm br.imm fp.imm mem.imm",
        "bundle.formats=mem.alu+shift+mul+fp.imm alu.br.imm",
    };

    (void)state;
    if (!lo.nops)
        skip();
    for (unsigned k = 0; k < sizeof formats / sizeof *formats; k++) {
        struct mdesc m, wide;
        enum bundle_error why;
        uint32_t bundles;
        char err[300];

        load(&m, "machines/vliw4.ini");
        wide = m;
        set(&m, formats[k]);
        if (machine_check(&m, err, sizeof err))
            fail_msg("%s: %s", formats[k], err);
        fits(&m, formats[k]);
        assert_true(refused(&wide, &m, &bundles, &why) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_files),
        cmocka_unit_test(test_fewer_capabilities),
        cmocka_unit_test(test_narrow),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

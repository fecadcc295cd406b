/* SPDX-License-Identifier: MIT */
/*
 * The lines of tests/insns/ on the whole machine, translated by gear 1 before they first run: by
 * CMS compiled for the host, and every third by CMS on the machine itself (which needs
 * $BUILD/cms.lo; without it, skipped).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/oracle/engine.h"
#include "tests/unit/insns.h"
#include "vliw-model/machine.h"

/* All lines stand at one place, and CMS gives up translating what is always written: so now and
 * then the machine is a new one. */
enum { MACHINE_LINES = 8 };

struct run {
    struct mdesc m;
    const char *image;
    struct oracle_cms *cms;
    uint32_t lines; /* of this machine */
    uint32_t every, at, bad, translated;
};

/* GS of the lines: another than silicon's. */
enum { LINE_GS = 0x63, LINE_GS_BASE = SILICON_DATA + 0x2000 };

static void new_machine(struct run *r)
{
    char err[256] = "";
    if (r->cms)
        oracle_cms_free(r->cms);
    r->cms = oracle_cms_new(&r->m, r->image, err, sizeof err);
    if (!r->cms)
        fail_msg("%s", err);
    oracle_cms_gs(r->cms, LINE_GS, LINE_GS_BASE);
    r->lines = 0;
}

static void line(void *ctx, struct insn_line *l)
{
    static uint8_t start[SILICON_DATA_SIZE], after[SILICON_DATA_SIZE];
    struct run *r = ctx;
    struct oracle_case c = {.len = l->len, .fx = l->fx, .in = l->in.st};
    static struct oracle_result res;
    if (r->at++ % r->every)
        return;
    memcpy(c.code, l->code, l->len);
    insns_data(l, start);
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
        if (silicon_access(SILICON_DATA + p) & SILICON_W)
            memcpy(oracle_base.data + p, start + p, SILICON_PAGE);
        else
            memcpy(start + p, oracle_base.data + p, SILICON_PAGE);
    if (!r->cms || r->lines++ == MACHINE_LINES)
        new_machine(r);
    oracle_cms_data(r->cms);
    oracle_cms_run(r->cms, &c, &res);
    memcpy(after, start, sizeof after);
    for (uint32_t i = 0; i < res.ndiff && i < ORACLE_DIFFS; i++)
        if (res.diff[i].at - SILICON_DATA < SILICON_DATA_SIZE)
            after[res.diff[i].at - SILICON_DATA] = res.diff[i].byte;
    r->translated += res.translated != 0;
    if (!res.translated) /* what was given up is not asked again for long: a machine that has not */
        r->lines = MACHINE_LINES;
    if (res.end == SILICON_BAD || res.end == SILICON_HUNG) {
        print_error("%s: %s\n", l->where, res.why ? res.why : "no end");
        r->bad++;
    } else if (!insns_check(l, "translated", &res.st, &res.f, start, after)) {
        print_error("  at %s\n", l->where);
        r->bad++;
    }
}

static void all_lines(const char *where, const char *image, uint32_t every)
{
    char err[256] = "";
    struct run r = {.every = every, .image = image};
    machine_default(&r.m);
    assert_int_equal(machine_set(&r.m, where, err, sizeof err), 0);
    assert_int_equal(machine_set(&r.m, "guest.ram_mb=16", err, sizeof err), 0);
    assert_int_equal(machine_set(&r.m, "guest.identity=tm8600", err, sizeof err), 0); /* SSE */
    assert_int_equal(machine_set(&r.m, "cms.gears=1", err, sizeof err), 0);
    assert_int_equal(machine_set(&r.m, "cms.hot_threshold=1", err, sizeof err), 0);
    oracle_init(); /* without silicon, too */
    int lines = insns_read(line, NULL, &r);
    print_message("%u of %d lines, %u in translations\n", (lines + every - 1) / every, lines,
                  r.translated);
    oracle_cms_free(r.cms);
    assert_int_equal(r.bad, 0);
    assert_true(lines > 100);
    assert_true(r.translated * every * 3 > (uint32_t)lines);
}

static void on_host(void **state)
{
    (void)state;
    all_lines("cms.on=host", NULL, 1);
}

static void on_model(void **state)
{
    const char *build = getenv("BUILD");
    char path[4096];
    (void)state;
    snprintf(path, sizeof path, "%s/cms.lo", build ? build : "build");
    if (access(path, R_OK)) {
        print_message("no %s\n", path);
        skip();
    }
    all_lines("cms.on=model", path, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(on_host),
                                              cmocka_unit_test(on_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

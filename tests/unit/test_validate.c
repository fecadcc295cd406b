/* SPDX-License-Identifier: MIT */
/*
 * The validator itself: it agrees with a sound machine, notices a broken one, and shrinks what it
 * notices to a line that silicon confirms. The long runs are tests/e2e/validate.sh and `chrysalis
 * validate isa`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "isa-frontend/insn.h"
#include "tests/oracle/validate.h"
#include "vliw-model/machine.h"
#include "vliw-model/test_break.h"

static struct validate_counts counts;
static char text[VALIDATE_TEXT];

static struct validator *make(enum validate_mode mode, const char *filter)
{
    struct mdesc m;
    char err[256];
    machine_default(&m);
    assert_int_equal(machine_set(&m, "cms.on=host", err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "guest.ram_mb=16", err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "guest.identity=tm8600", err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "cms.gears=1", err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "cms.hot_threshold=1", err, sizeof err), 0);
    memset(&counts, 0, sizeof counts);
    const struct validate_setup setup = {.mode = mode, .seed = 7, .filter = filter, .m = &m};
    struct validator *v = validate_new(&setup, err, sizeof err);
    if (!v) {
        print_message("%s\n", err);
        skip();
    }
    return v;
}

static unsigned mismatches(struct validator *v, uint64_t tests, unsigned enough)
{
    unsigned bad = 0;
    for (uint64_t k = 0; k < tests && bad < enough; k++)
        if (!validate_one(v, k, &counts, text)) {
            if (!bad)
                print_message("%s", text);
            bad++;
        }
    return bad;
}

static void sound(void **state)
{
    (void)state;
    struct validator *v = make(VALIDATE_INTERPRET, NULL);
    assert_int_equal(mismatches(v, 6000, 3), 0);
    validate_free(v);
    v = make(VALIDATE_GEAR1, NULL);
    assert_int_equal(mismatches(v, 6000, 3), 0);
    assert_true(counts.morphed * 2 > counts.done);
    assert_true(counts.faulted > 1000);
    validate_free(v);
}

static void broken(void **state)
{
    static const enum break_what what[] = {BREAK_ROLLBACK, BREAK_GATE, BREAK_BUS};
    (void)state;
    for (unsigned i = 0; i < sizeof what / sizeof what[0]; i++) {
        struct validator *v = make(VALIDATE_GEAR1, NULL);
        vm_test_break(validate_vm(v), what[i]);
        if (!mismatches(v, 3000, 1))
            fail_msg("not noticed: %u", what[i]);
        const char *arrow = strstr(text, " =>");
        assert_non_null(strstr(text, " ;"));
        assert_non_null(arrow);
        assert_non_null(strstr(arrow, "\n# ours:"));
        validate_free(v);
    }
}

static void filtered(void **state)
{
    (void)state;
    struct validator *v = make(VALIDATE_INTERPRET, "shld");
    assert_int_equal(mismatches(v, 500, 3), 0);
    uint64_t shld = 0;
    for (unsigned i = 0; i < VALIDATE_ROWS; i++)
        if (i < ia32_nrows && ia32_rows[i].op == I_SHLD)
            shld += counts.row[i].executed;
    assert_true(shld > 100);
    validate_free(v);
}

/* Directed cases reach what they aim at: rows that raised an exception. */
static unsigned rows_with(unsigned vector)
{
    unsigned n = 0;
    for (unsigned i = 1; i < ia32_nrows; i++)
        n += counts.row[i].vectors >> vector & 1;
    return n;
}

static void faults(void **state)
{
    (void)state;
    struct validator *v = make(VALIDATE_INTERPRET, NULL);
    assert_int_equal(mismatches(v, 80000, 3), 0);
    print_message("rows with #UD %u, #GP %u, #PF %u, #MF %u, #XM %u\n", rows_with(6), rows_with(13),
                  rows_with(14), rows_with(16), rows_with(19));
    assert_true(rows_with(6) > ia32_nrows * 9 / 10);
    assert_true(rows_with(13) > 100);
    assert_true(rows_with(14) > 350);
    assert_true(rows_with(16) > 150);
    assert_true(rows_with(19) > 40);
    validate_free(v);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(sound), cmocka_unit_test(broken),
                                              cmocka_unit_test(faults), cmocka_unit_test(filtered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* stats.json and the summary, made from figures of which each is different. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <cjson/cJSON.h>

#include "cli/report.h"
#include "vliw-model/machine.h"

static struct mdesc machine;
static struct vm_stats stats;
static struct cms_stats cms;
static struct intervals series;

/* Every 64-bit field a number of its own, beyond 2^53 for the first; then what must add up is made
 * to. */
static struct report synthetic(void)
{
    machine_default(&machine);
    uint64_t *v = (uint64_t *)&stats;
    for (size_t i = 0; i < sizeof stats / 8; i++)
        v[i] = 1000003 * (i + 1);
    v = (uint64_t *)&cms;
    for (size_t i = 0; i < sizeof cms / 8; i++)
        v[i] = 7001 * (i + 1);
    stats.phase_cause[PH_HOT][CA_ISSUE] = 9007199254740993u;
    memset(stats.phase_cause[PH_IDLE], 0, sizeof stats.phase_cause[PH_IDLE]);
    stats.cycles = stats.bundles = stats.ops = stats.nops = stats.rollbacks = stats.restarts = 0;
    for (unsigned p = 0; p < PH_COUNT_; p++) {
        for (unsigned c = 0; c < CA_COUNT_; c++)
            stats.cycles += stats.phase_cause[p][c];
        stats.bundles += stats.phase_bundles[p];
        stats.ops += stats.phase_ops[p];
        stats.nops += stats.phase_nops[p];
    }
    for (unsigned t = 0; t < T_COUNT_; t++) {
        stats.rollbacks += stats.rollback_by_trap[t];
        stats.restarts += stats.restart_by_trap[t];
    }
    intervals_begin(&series);
    static char *argv[] = {"prog\"ram", "a\nb", NULL};
    static const struct report_file files[] = {{"/a", "00ff"}, {"/proc/b", ""}};
    return (struct report){.m = &machine,
                           .s = &stats,
                           .cms = &cms,
                           .intervals = &series,
                           .status = 139,
                           .signal = 11,
                           .completed = true,
                           .program = {"prog\"ram", "12ab"},
                           .file = files,
                           .nfiles = 2,
                           .image_bytes = 500000,
                           .seconds = 2,
                           .resident_kb = 1000,
                           .argc = 2,
                           .argv = argv};
}

static char *text_of(const struct report *r, bool json)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    if (json)
        assert_int_equal(report_json(r, f), 0);
    else
        report_summary(r, f);
    fclose(f);
    return text;
}

static void has(const char *json, const char *key, uint64_t value)
{
    char want[200];
    snprintf(want, sizeof want, "\n    \"%s\": %llu", key, (unsigned long long)value);
    const char *at = strstr(json, want);
    if (!at || (at[strlen(want)] != ',' && at[strlen(want)] != '\n'))
        fail_msg("no %s", want + 1);
}

static void test_counters(void **state)
{
    (void)state;
    struct report r = synthetic();
    assert_null(report_defect(&r));
    char *json = text_of(&r, true);
#define STAT(field, name, unit, doc)  has(json, name, stats.field);
#define CSTAT(field, name, unit, doc) has(json, name, cms.field);
#define DSTAT(field, name, unit, doc)
#include "vliw-model/stats.def"
#undef STAT
#undef CSTAT
#undef DSTAT
    has(json, "guest.translated_ppm", stats.retired_xlat * 1000000 / stats.retired);
    has(json, "cycles.hot.issue", 9007199254740993u); /* no number passes through a double */
    has(json, "cycles.gear1.interlock.load", stats.phase_cause[PH_GEAR1][CA_LOADUSE]);
    has(json, "bundles.cold", stats.phase_bundles[PH_COLD]);
    has(json, "ops.cold", stats.phase_ops[PH_COLD]);
    has(json, "rollbacks.tbit", stats.rollback_by_trap[T_TBIT]);
    has(json, "restarts.tlb_miss", stats.restart_by_trap[T_TLB_MISS]);
    has(json, "l1d.evicted.guest.by.cms", stats.evicted[1][1][0]);
    has(json, "cms.aborts.unsupported", cms.abort_reason[AB_UNSUPPORTED]);

    cJSON *o = cJSON_Parse(json);
    assert_non_null(o);
    cJSON *counters = cJSON_GetObjectItem(o, "counters");
    for (cJSON *a = counters->child; a; a = a->next) /* each name once, each a number */
        for (cJSON *b = a; b; b = b->next) {
            assert_true(cJSON_IsNumber(b));
            if (b != a && !strcmp(a->string, b->string))
                fail_msg("%s stands twice", a->string);
        }
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(o, "scope")), "user");
    cJSON *config = cJSON_GetObjectItem(o, "config");
    assert_int_equal(cJSON_GetArraySize(config), machine_option_count + 1);
    cJSON *files = cJSON_GetObjectItem(cJSON_GetObjectItem(o, "identities"), "files");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(files, 0)), "00ff");
    assert_true(cJSON_IsNull(cJSON_GetArrayItem(files, 1)));
    cJSON *args = cJSON_GetObjectItem(cJSON_GetObjectItem(o, "host"), "arguments");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(args, 1)), "a\nb");
    cJSON_Delete(o);
    /* Nothing of the host stands before `host`, which is the last member. */
    char *host = strstr(json, "\n  \"host\": ");
    assert_non_null(host);
    assert_null(strstr(host + 5, "\n  \""));
    *host = 0;
    assert_null(strstr(json, "prog\\\"ram"));
    free(json);
}

static void test_sums(void **state)
{
    (void)state;
    struct report r = synthetic();
    uint64_t *const must_add_up[] = {&stats.cycles,
                                     &stats.bundles,
                                     &stats.ops,
                                     &stats.nops,
                                     &stats.rollbacks,
                                     &stats.restarts,
                                     &stats.phase_cause[PH_COLD][CA_SB]};
    for (unsigned i = 0; i < sizeof must_add_up / sizeof must_add_up[0]; i++) {
        ++*must_add_up[i];
        assert_non_null(report_defect(&r));
        --*must_add_up[i];
        assert_null(report_defect(&r));
    }
}

static void test_series(void **state)
{
    (void)state;
    struct report r = synthetic();
    struct vm_stats s;
    memset(&s, 0, sizeof s);
    for (unsigned i = 0; i < 5000; i++) {
        s.cycles = intervals_next(&series) + i % 7; /* a slice ends a little late */
        s.retired = s.cycles / 2;
        intervals_add(&series, &s, &cms);
        assert_true(series.n <= INTERVAL_MAX && intervals_next(&series) > s.cycles - 7);
    }
    assert_true(series.n > INTERVAL_MAX / 2);
    for (unsigned i = 0; i < series.n; i++) {
        assert_int_equal(series.at[i].cycles / series.every, i + 1);
        assert_true(series.at[i].cycles % series.every < 7);
    }
    char *json = text_of(&r, true);
    cJSON *o = cJSON_Parse(json), *v = cJSON_GetObjectItem(o, "intervals");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(v, "rows")), series.n);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(cJSON_GetObjectItem(v, "rows"), 0)),
                     cJSON_GetArraySize(cJSON_GetObjectItem(v, "columns")));
    cJSON_Delete(o);
    free(json);
}

static void check_width(char *text)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strlen(line) > 96)
            fail_msg("%zu columns: %s", strlen(line), line);
}

static void test_summary(void **state)
{
    (void)state;
    struct report r = synthetic();
    char *text = text_of(&r, false);
    assert_non_null(strstr(text, "ended by signal 11"));
    assert_null(strstr(text, "idle")); /* a phase without cycles */
    assert_null(strstr(text, "nan"));
    check_width(text);
    free(text);
    /* A run of nothing divides by nothing. */
    memset(&stats, 0, sizeof stats);
    memset(&cms, 0, sizeof cms);
    r.seconds = 0;
    r.status = r.signal = 0;
    assert_null(report_defect(&r));
    text = text_of(&r, false);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    check_width(text);
    free(text);
    text = text_of(&r, true);
    assert_null(strstr(text, "nan"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

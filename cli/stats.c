/* SPDX-License-Identifier: MIT */
/*
 * stats.json. Every scalar stands in one flat object `counters` under the dotted name its row of
 * stats.def gives it, so that a program needs no path into the file. Numbers are written as
 * integers, keys in the order of the tables: two equal runs give equal bytes but for `host`.
 *
 * A new counter of the machine or of CMS is a row of stats.def and appears here by itself. A
 * derived one (DSTAT) needs its formula in `derived` below; a new distribution a line in
 * `distributions`.
 */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/sha256.h"
#include "vliw-model/machine.h"

/* ---- names ---- */

const char *report_phase_name(enum phase p)
{
    static const char *const name[PH_COUNT_] = {
#define PHASE(n, str, doc) str,
#define CAUSE(n, str, doc)
#include "vliw-model/phases.def"
#undef PHASE
#undef CAUSE
    };
    return name[p];
}

const char *report_cause_name(enum cause c)
{
    static const char *const name[CA_COUNT_] = {
#define PHASE(n, str, doc)
#define CAUSE(n, str, doc) str,
#include "vliw-model/phases.def"
#undef PHASE
#undef CAUSE
    };
    return name[c];
}

const char *report_trap_name(enum trap_code t, char buf[32])
{
    static const char *const name[T_COUNT_] = {
#define TRAP(n, kind, doc) #n,
#include "vliw-model/traps.def"
#undef TRAP
    };
    size_t i = 0;
    for (; name[t][i] && i < 31; i++)
        buf[i] = (char)tolower((unsigned char)name[t][i]);
    buf[i] = 0;
    return buf;
}

static const char *const abort_name[AB_COUNT_] = {
#define ABORT(n, str, doc) [AB_##n] = str,
#include "morpher/aborts.def"
#undef ABORT
};

static bool trap_is_restart(unsigned t)
{
    static const uint8_t kind[T_COUNT_] = {
#define TRAP(n, k, doc) TRAP_##k,
#include "vliw-model/traps.def"
#undef TRAP
    };
    return kind[t] == TRAP_RESTART;
}

/* ---- sums ---- */

uint64_t report_phase_cycles(const struct report *r, enum phase p)
{
    uint64_t sum = 0;
    for (unsigned c = 0; c < CA_COUNT_; c++)
        sum += r->s->phase_cause[p][c];
    return sum;
}

const char *report_defect(const struct report *r)
{
    const struct vm_stats *s = r->s;
    uint64_t cycles = 0, bundles = 0, ops = 0, nops = 0, rollbacks = 0, restarts = 0;
    for (unsigned p = 0; p < PH_COUNT_; p++) {
        cycles += report_phase_cycles(r, p);
        bundles += s->phase_bundles[p];
        ops += s->phase_ops[p];
        nops += s->phase_nops[p];
    }
    for (unsigned t = 0; t < T_COUNT_; t++) {
        rollbacks += s->rollback_by_trap[t];
        restarts += s->restart_by_trap[t];
    }
    if (cycles != s->cycles)
        return "cycles by phase and cause do not add up to cycles.total";
    if (bundles != s->bundles)
        return "bundles by phase do not add up to bundles.total";
    if (ops != s->ops || nops != s->nops)
        return "ops by phase do not add up to ops.total and slots.nop";
    if (rollbacks != s->rollbacks || restarts != s->restarts)
        return "traps by code do not add up to rollbacks.total and restarts.total";
    return NULL;
}

/* ---- the time series ---- */

void intervals_begin(struct intervals *v)
{
    v->n = 0;
    v->every = INTERVAL_FIRST;
}

uint64_t intervals_next(const struct intervals *v)
{
    return (v->n + 1) * v->every;
}

void intervals_add(struct intervals *v, const struct vm_stats *s, const struct cms_stats *c)
{
    if (v->n == INTERVAL_MAX) {
        for (unsigned i = 0; i < INTERVAL_MAX / 2; i++)
            v->at[i] = v->at[2 * i + 1];
        v->n = INTERVAL_MAX / 2;
        v->every *= 2;
        if (s->cycles < intervals_next(v))
            return;
    }
    struct interval_sample *a = &v->at[v->n++];
    *a = (struct interval_sample){.cycles = s->cycles,
                                  .retired = s->retired,
                                  .retired_xlat = s->retired_xlat,
                                  .l1d_misses = s->l1d_misses,
                                  .l1i_misses = s->l1i_misses,
                                  .tcache_used = c->tcache_used};
    for (unsigned p = 0; p < PH_COUNT_; p++)
        for (unsigned k = 0; k < CA_COUNT_; k++)
            a->phase[p] += s->phase_cause[p][k];
}

/* ---- JSON ---- */

/* Integers of 64 bits, which cJSON's own numbers are not. */
static cJSON *integer(uint64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    return cJSON_CreateRaw(text);
}

static void put(cJSON *o, const char *name, uint64_t v)
{
    cJSON_AddItemToObject(o, name, integer(v));
}

__attribute__((format(printf, 3, 4))) static void put_as(cJSON *o, uint64_t v, const char *fmt, ...)
{
    char name[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    put(o, name, v);
}

static cJSON *integers(const uint64_t *v, unsigned n)
{
    cJSON *a = cJSON_CreateArray();
    for (unsigned i = 0; i < n; i++)
        cJSON_AddItemToArray(a, integer(v[i]));
    return a;
}

/* DSTAT rows, by field. */
static uint64_t translated_ppm(const struct report *r)
{
    return r->s->retired ? (uint64_t)((__int128)r->s->retired_xlat * 1000000 / r->s->retired) : 0;
}

static const char *const cache_name[3] = {"l1i", "l1d", "l2"};
static const char *const owner_name[2] = {"cms", "guest"};

static cJSON *counters(const struct report *r)
{
    cJSON *o = cJSON_CreateObject();
    const struct vm_stats *s = r->s;
    char text[32];
#define STAT(field, name, unit, doc)  put(o, name, s->field);
#define CSTAT(field, name, unit, doc) put(o, name, r->cms->field);
#define DSTAT(field, name, unit, doc) put(o, name, field(r));
#include "vliw-model/stats.def"
#undef STAT
#undef CSTAT
#undef DSTAT
    for (unsigned p = 0; p < PH_COUNT_; p++)
        put_as(o, report_phase_cycles(r, p), "cycles.%s", report_phase_name(p));
    for (unsigned p = 0; p < PH_COUNT_; p++)
        for (unsigned c = 0; c < CA_COUNT_; c++)
            put_as(o, s->phase_cause[p][c], "cycles.%s.%s", report_phase_name(p),
                   report_cause_name(c));
    for (unsigned p = 0; p < PH_COUNT_; p++)
        put_as(o, s->phase_bundles[p], "bundles.%s", report_phase_name(p));
    for (unsigned p = 0; p < PH_COUNT_; p++)
        put_as(o, s->phase_ops[p], "ops.%s", report_phase_name(p));
    for (unsigned p = 0; p < PH_COUNT_; p++)
        put_as(o, s->phase_nops[p], "slots.nop.%s", report_phase_name(p));
    for (unsigned t = 1; t < T_COUNT_; t++) {
        bool restart = trap_is_restart(t);
        put_as(o, restart ? s->restart_by_trap[t] : s->rollback_by_trap[t], "%s.%s",
               restart ? "restarts" : "rollbacks", report_trap_name(t, text));
    }
    for (unsigned a = AB_NONE + 1; a < AB_COUNT_; a++)
        put_as(o, r->cms->abort_reason[a], "cms.aborts.%s", abort_name[a]);
    for (unsigned k = 0; k < 3; k++)
        for (unsigned victim = 0; victim < 2; victim++)
            for (unsigned who = 0; who < 2; who++)
                put_as(o, s->evicted[k][victim][who], "%s.evicted.%s.by.%s", cache_name[k],
                       owner_name[victim], owner_name[who]);
    put(o, "process.syscalls", r->syscalls);
    put(o, "process.faults", r->faults);
    put(o, "cms.image.bytes", r->image_bytes);
    return o;
}

static cJSON *vectors(const struct report *r)
{
    cJSON *o = cJSON_CreateObject(), *cycles = cJSON_AddObjectToObject(o, "cycles"),
          *rows = cJSON_AddArrayToObject(cycles, "phases"),
          *columns = cJSON_AddArrayToObject(cycles, "causes"),
          *values = cJSON_AddArrayToObject(cycles, "values");
    for (unsigned p = 0; p < PH_COUNT_; p++) {
        cJSON_AddItemToArray(rows, cJSON_CreateString(report_phase_name(p)));
        cJSON_AddItemToArray(values, integers(r->s->phase_cause[p], CA_COUNT_));
    }
    for (unsigned c = 0; c < CA_COUNT_; c++)
        cJSON_AddItemToArray(columns, cJSON_CreateString(report_cause_name(c)));
    cJSON *ev = cJSON_AddObjectToObject(o, "evicted");
    rows = cJSON_AddArrayToObject(ev, "victims");
    columns = cJSON_AddArrayToObject(ev, "by");
    for (unsigned w = 0; w < 2; w++) {
        cJSON_AddItemToArray(rows, cJSON_CreateString(owner_name[w]));
        cJSON_AddItemToArray(columns, cJSON_CreateString(owner_name[w]));
    }
    for (unsigned k = 0; k < 3; k++) {
        cJSON *a = cJSON_AddArrayToObject(ev, cache_name[k]);
        for (unsigned w = 0; w < 2; w++)
            cJSON_AddItemToArray(a, integers(r->s->evicted[k][w], 2));
    }
    return o;
}

static cJSON *distributions(const struct report *r)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToObject(o, "storebuffer.occupancy", integers(r->s->sb_occupancy, SB_HIST));
    cJSON_AddItemToObject(o, "commit.distance", integers(r->s->commit_distance, DIST_HIST));
    cJSON_AddItemToObject(o, "gear1.blocks.by_size", integers(r->cms->size_blocks, CMS_SIZES));
    cJSON_AddItemToObject(o, "gear1.cycles.by_size", integers(r->cms->size_cycles, CMS_SIZES));
    return o;
}

static cJSON *intervals(const struct intervals *v)
{
    cJSON *o = cJSON_CreateObject();
    static const char *const fixed[] = {
        "cycles.total", "guest.instructions", "guest.instructions.translated",
        "l1d.misses",   "l1i.misses",         "cms.tcache.used"};
    put(o, "every", v->every);
    cJSON_AddStringToObject(o, "unit", "cycles");
    cJSON *columns = cJSON_AddArrayToObject(o, "columns"),
          *rows = cJSON_AddArrayToObject(o, "rows");
    for (unsigned i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        cJSON_AddItemToArray(columns, cJSON_CreateString(fixed[i]));
    for (unsigned p = 0; p < PH_COUNT_; p++) {
        char name[64];
        snprintf(name, sizeof name, "cycles.%s", report_phase_name(p));
        cJSON_AddItemToArray(columns, cJSON_CreateString(name));
    }
    /* Totals, so that any reader can take differences over any distance. */
    for (unsigned i = 0; i < v->n; i++) {
        const struct interval_sample *a = &v->at[i];
        uint64_t row[6 + PH_COUNT_] = {a->cycles,     a->retired,    a->retired_xlat,
                                       a->l1d_misses, a->l1i_misses, a->tcache_used};
        memcpy(row + 6, a->phase, sizeof a->phase);
        cJSON_AddItemToArray(rows, integers(row, 6 + PH_COUNT_));
    }
    return o;
}

static cJSON *regions(const struct report *r)
{
    static const char *const name[] = {"eip",        "gear",  "instructions", "guest_bytes",
                                       "code_bytes", "exits", "commits"};
    cJSON *o = cJSON_CreateObject(), *columns = cJSON_AddArrayToObject(o, "columns"),
          *rows = cJSON_AddArrayToObject(o, "rows");
    for (unsigned i = 0; i < sizeof name / sizeof name[0]; i++)
        cJSON_AddItemToArray(columns, cJSON_CreateString(name[i]));
    for (unsigned i = 0; i < r->nregions; i++) {
        const struct report_region *g = &r->region[i];
        const uint64_t row[] = {g->eip,        g->gear,  g->instructions, g->guest_bytes,
                                g->code_bytes, g->exits, g->commits};
        cJSON_AddItemToArray(rows, integers(row, sizeof row / sizeof row[0]));
    }
    return o;
}

static cJSON *config(const struct mdesc *m)
{
    cJSON *o = cJSON_CreateObject();
    char text[4096];
    for (unsigned i = 0; i < machine_option_count; i++) {
        const struct machine_option *op = &machine_options[i];
        machine_value(m, op, text, sizeof text);
        if (op->choices)
            cJSON_AddStringToObject(o, op->key, text);
        else
            cJSON_AddItemToObject(o, op->key, cJSON_CreateRaw(text));
    }
    machine_formats(m, text, sizeof text);
    cJSON_AddStringToObject(o, "bundle.formats", text);
    return o;
}

static void put_hash(cJSON *o, const char *name, const char *hash)
{
    if (*hash)
        cJSON_AddStringToObject(o, name, hash);
    else
        cJSON_AddNullToObject(o, name);
}

static cJSON *identities(const struct report *r)
{
    cJSON *o = cJSON_CreateObject();
    char hex[65];
    cJSON_AddStringToObject(o, "algorithm", "sha256");
    put_hash(o, "cms.image", r->cms_image.sha256);
    put_hash(o, "machine.file", r->machine.sha256);
    sha256_hex(r->m, sizeof *r->m, hex);
    put_hash(o, "machine.effective", hex);
    put_hash(o, "program", r->program.sha256);
    cJSON *files = cJSON_AddArrayToObject(o, "files");
    for (unsigned i = 0; i < r->nfiles; i++)
        cJSON_AddItemToArray(files, *r->file[i].sha256 ? cJSON_CreateString(r->file[i].sha256)
                                                       : cJSON_CreateNull());
    return o;
}

/* A real number with a fixed count of decimals. */
static void put_real(cJSON *o, const char *name, double v)
{
    char text[64];
    snprintf(text, sizeof text, "%.6f", v);
    cJSON_AddItemToObject(o, name, cJSON_CreateRaw(text));
}

static void put_path(cJSON *o, const char *name, const char *path)
{
    if (path)
        cJSON_AddStringToObject(o, name, path);
    else
        cJSON_AddNullToObject(o, name);
}

static cJSON *host(const struct report *r)
{
    cJSON *o = cJSON_CreateObject();
    put_real(o, "seconds", r->seconds);
    put_real(o, "setup_seconds", r->setup_seconds);
    put_real(o, "cpu_seconds", r->cpu_seconds);
    put_real(o, "guest_instructions_per_second",
             r->seconds > 0 ? (double)r->s->retired / r->seconds : 0);
    put(o, "resident_kb", (uint64_t)r->resident_kb);
    put_path(o, "cms.image", r->cms_image.path);
    put_path(o, "machine.file", r->machine.path);
    put_path(o, "program", r->program.path);
    cJSON *args = cJSON_AddArrayToObject(o, "arguments"),
          *files = cJSON_AddArrayToObject(o, "files");
    for (int i = 0; i < r->argc; i++)
        cJSON_AddItemToArray(args, cJSON_CreateString(r->argv[i]));
    for (unsigned i = 0; i < r->nfiles; i++)
        cJSON_AddItemToArray(files, cJSON_CreateString(r->file[i].path));
    return o;
}

/* One member a line at the top two levels, deeper ones in one line: a file that people can read and
 * diff. */
static void print_member(FILE *out, const cJSON *item, unsigned level)
{
    bool open =
        cJSON_IsObject(item) ? level < 3 : cJSON_IsArray(item) && cJSON_IsArray(item->child);
    if (!open || !item->child) {
        char *text = cJSON_PrintUnformatted(item);
        fputs(text ? text : "null", out);
        free(text);
        return;
    }
    bool object = cJSON_IsObject(item);
    fputc(object ? '{' : '[', out);
    for (const cJSON *c = item->child; c; c = c->next) {
        fprintf(out, "\n%*s", (int)(2 * level), "");
        if (object) {
            cJSON *key = cJSON_CreateString(c->string);
            char *text = cJSON_PrintUnformatted(key);
            fprintf(out, "%s: ", text ? text : "\"\"");
            free(text);
            cJSON_Delete(key);
        }
        print_member(out, c, level + 1);
        if (c->next)
            fputc(',', out);
    }
    fprintf(out, "\n%*s%c", (int)(2 * (level - 1)), "", object ? '}' : ']');
}

int report_json(const struct report *r, FILE *out)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "simulator", "chrysalis " CHRYSALIS_VERSION);
    cJSON_AddStringToObject(o, "scope", "user");
    cJSON_AddBoolToObject(o, "completed", r->completed);
    cJSON_AddItemToObject(o, "status", integer((uint64_t)(unsigned)r->status));
    cJSON_AddItemToObject(o, "counters", counters(r));
    cJSON_AddItemToObject(o, "vectors", vectors(r));
    cJSON_AddItemToObject(o, "distributions", distributions(r));
    cJSON_AddItemToObject(o, "intervals", intervals(r->intervals));
    cJSON_AddItemToObject(o, "regions", regions(r));
    cJSON_AddItemToObject(o, "config", config(r->m));
    cJSON_AddItemToObject(o, "identities", identities(r));
    cJSON_AddItemToObject(o, "host", host(r));
    print_member(out, o, 1);
    fputc('\n', out);
    cJSON_Delete(o);
    return ferror(out) || fflush(out) ? -1 : 0;
}

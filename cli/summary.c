/* SPDX-License-Identifier: MIT */
/*
 * The summary: what a computer architect asks first, on some thirty lines of at most 96 columns.
 * Every figure is made from those of stats.json; shares say of what. Lines about things that did
 * not happen are left out.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/report.h"
#include "vliw-model/machine.h"

enum { WIDTH = 96, INDENT = 14 };

/* Four significant digits with an SI suffix: 812, 41.23 M. */
static const char *si(double v, char buf[24])
{
    static const char *const suffix[] = {"", " k", " M", " G", " T", " P"};
    unsigned k = 0;
    while (v >= 999.95 && k < 5) {
        v /= 1000;
        k++;
    }
    if (k == 0 && v == (double)(uint64_t)v)
        snprintf(buf, 24, "%.0f", v);
    else
        snprintf(buf, 24, "%.*f%s", v < 9.9995 ? 3 : v < 99.995 ? 2 : 1, v, suffix[k]);
    return buf;
}

#define SI(v) si((double)(v), (char[24]){0})

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double percent(uint64_t a, uint64_t b)
{
    return 100 * ratio((double)a, (double)b);
}

/* Items of a line, broken before the right margin. */
struct line {
    FILE *out;
    unsigned at;
};

static struct line begin(FILE *out, const char *label)
{
    fprintf(out, "%-*s", INDENT, label);
    return (struct line){out, INDENT};
}

__attribute__((format(printf, 2, 3))) static void item(struct line *l, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    unsigned n = (unsigned)strlen(text), sep = l->at > INDENT ? 2 : 0;
    if (l->at > INDENT && l->at + 2 + n > WIDTH) {
        fprintf(l->out, "\n%*s", INDENT, "");
        l->at = INDENT;
        sep = 0;
    }
    fprintf(l->out, "%*s%s", (int)sep, "", text);
    l->at += sep + n;
}

static void end(struct line *l)
{
    fputc('\n', l->out);
}

static void overview(const struct report *r, FILE *out)
{
    const struct vm_stats *s = r->s;
    double n = (double)s->retired;
    const char *file = r->machine.path ? strrchr(r->machine.path, '/') : NULL;
    fprintf(out, "---- chrysalis: %s, %u MHz ----\n",
            file              ? file + 1
            : r->machine.path ? r->machine.path
                              : "default machine",
            r->m->core_mhz);
    struct line l = begin(out, "guest");
    item(&l, "%s instructions, %.2f %% translated", SI(s->retired),
         percent(s->retired_xlat, s->retired));
    if (!r->completed)
        item(&l, "stopped by a defect");
    else if (r->signal)
        item(&l, "ended by signal %d", r->signal);
    else
        item(&l, "exit status %d", r->status);
    end(&l);
    l = begin(out, "machine");
    item(&l, "%s cycles, CPI %.3f", SI(s->cycles), ratio((double)s->cycles, n));
    item(&l, "%.4g s at %u MHz", (double)s->cycles / 1e6 / r->m->core_mhz, r->m->core_mhz);
    end(&l);
    l = begin(out, "");
    item(&l, "%.3f ops, %.3f bundles a guest instruction;", ratio((double)s->ops, n),
         ratio((double)s->bundles, n));
    item(&l, "%.3f ops a bundle, %.3f bundles a cycle", ratio((double)s->ops, (double)s->bundles),
         ratio((double)s->bundles, (double)s->cycles));
    end(&l);
    uint64_t slots = s->ops + s->nops;
    l = begin(out, "slots");
    item(&l, "%s:", SI(slots));
    item(&l, "%.1f %% useful,", percent(s->ops - s->ops_wasted, slots));
    item(&l, "%.1f %% nop,", percent(s->nops, slots));
    item(&l, "%.2f %% wasted by rollback", percent(s->ops_wasted, slots));
    end(&l);
}

/* Phases by cycles; behind each, its causes by share of the phase. */
static void phases(const struct report *r, FILE *out)
{
    const struct vm_stats *s = r->s;
    unsigned order[PH_COUNT_];
    uint64_t total[PH_COUNT_], sum = 0;
    for (unsigned p = 0; p < PH_COUNT_; p++) {
        unsigned i = p;
        total[p] = report_phase_cycles(r, p);
        sum += total[p];
        for (; i > 0 && total[order[i - 1]] < total[p]; i--)
            order[i] = order[i - 1];
        order[i] = p;
    }
    fprintf(out, "\n%-10s %9s %7s  %7s   %s\n", "cycles", "", "of all", "CPI",
            "of the phase, by cause (%)");
    for (unsigned i = 0; i < PH_COUNT_ && total[order[i]]; i++) {
        unsigned p = order[i], by[CA_COUNT_];
        int at = fprintf(out, "%-10s %9s %6.2f%%  %7.4f  ", report_phase_name(p), SI(total[p]),
                         percent(total[p], s->cycles), ratio((double)total[p], (double)s->retired));
        int margin = at;
        for (unsigned c = 0; c < CA_COUNT_; c++) {
            unsigned k = c;
            for (; k > 0 && s->phase_cause[p][by[k - 1]] < s->phase_cause[p][c]; k--)
                by[k] = by[k - 1];
            by[k] = c;
        }
        uint64_t rest = total[p];
        for (unsigned k = 0; k < CA_COUNT_ && percent(rest, total[p]) >= 0.05; k++) {
            uint64_t v = s->phase_cause[p][by[k]];
            char text[64];
            /* Too little to be named each: what is left stands together. */
            bool last = percent(v, total[p]) < 0.05;
            snprintf(text, sizeof text, " %s %.1f", last ? "others" : report_cause_name(by[k]),
                     percent(last ? rest : v, total[p]));
            if (at + (int)strlen(text) > WIDTH && at > margin)
                at = fprintf(out, "\n%*s", margin, "") - 1;
            at += fprintf(out, "%s", text);
            rest -= last ? rest : v;
        }
        fputc('\n', out);
    }
    fprintf(out, "%-10s %9s %6.2f%%  %7.4f\n", "all", SI(sum), percent(sum, s->cycles),
            ratio((double)sum, (double)s->retired));
}

static void one_cache(FILE *out, const char *name, uint64_t accesses, uint64_t misses,
                      uint64_t writebacks, const uint64_t ev[2][2])
{
    fprintf(out, "%-6s %10s %10s %7.2f", name, SI(accesses), SI(misses), percent(misses, accesses));
    fprintf(out, " %11s", SI(writebacks));
    if (ev)
        fprintf(out, " %10s %10s %10s %10s", SI(ev[0][0]), SI(ev[0][1]), SI(ev[1][0]),
                SI(ev[1][1]));
    fputc('\n', out);
}

static void caches(const struct report *r, FILE *out)
{
    const struct vm_stats *s = r->s;
    fprintf(out, "\n%-6s %10s %10s %7s %11s   %-38s\n", "", "look-ups", "misses", "%",
            "write-backs", "lines lost, owner < who took the place");
    fprintf(out, "%-6s %10s %10s %7s %11s %10s %10s %10s %10s\n", "", "", "", "", "", "cms<cms",
            "cms<guest", "guest<cms", "guest<guest");
    one_cache(out, "L1I", s->l1i_accesses, s->l1i_misses, 0, s->evicted[0]);
    one_cache(out, "L1D", s->l1d_accesses, s->l1d_misses, s->l1d_writebacks, s->evicted[1]);
    if (r->m->l2_kb)
        one_cache(out, "L2", s->l2_accesses, s->l2_misses, s->l2_writebacks, s->evicted[2]);
    fprintf(out, "%-6s %10s %10s %7.2f\n", "TLB", SI(s->tlb_accesses), SI(s->tlb_misses),
            percent(s->tlb_misses, s->tlb_accesses));
    fprintf(out, "%-6s %10s %10s %7.2f\n\n", "JTLB", SI(s->jtlb_accesses), SI(s->jtlb_misses),
            percent(s->jtlb_misses, s->jtlb_accesses));
}

static void control(const struct report *r, FILE *out)
{
    const struct vm_stats *s = r->s;
    char name[32];
    struct line l = begin(out, "branches");
    item(&l, "%s, %.1f %% taken, %.2f %% mispredicted;", SI(s->branches),
         percent(s->branches_taken, s->branches), percent(s->mispredicts, s->branches));
    item(&l, "indirect %s, %.1f %% unprepared", SI(s->indirects),
         percent(s->indirects_missed, s->indirects));
    end(&l);
    l = begin(out, "chaining");
    item(&l, "%s exits patched, %s patched back;", SI(r->cms->chains), SI(r->cms->unchains));
    item(&l, "%s exits taken to CMS, %s JTLB fills", SI(r->cms->exits), SI(r->cms->jtlb_fills));
    end(&l);
    uint64_t commits = 0, in_use = 0;
    for (unsigned i = 0; i < SB_HIST; i++) {
        commits += s->sb_occupancy[i];
        in_use += i * s->sb_occupancy[i];
    }
    l = begin(out, "commits");
    item(&l, "%s, %.2f guest instructions each;", SI(s->commits),
         ratio((double)s->retired, (double)s->commits));
    item(&l, "store buffer: %s stores, %s loads forwarded,", SI(s->sb_stores), SI(s->sb_forwards));
    item(&l, "occupancy %.2f mean, %s most of %u", ratio((double)in_use, (double)commits),
         SI(s->sb_max), r->m->sb_entries);
    end(&l);
    l = begin(out, "rollbacks");
    item(&l, "%s%s", SI(s->rollbacks), s->rollbacks ? ":" : "");
    for (unsigned t = 0; t < T_COUNT_; t++)
        if (s->rollback_by_trap[t])
            item(&l, "%s %s", report_trap_name(t, name), SI(s->rollback_by_trap[t]));
    if (s->restarts)
        item(&l, "restarted: %s:", SI(s->restarts));
    for (unsigned t = 0; t < T_COUNT_; t++)
        if (s->restart_by_trap[t])
            item(&l, "%s %s", report_trap_name(t, name), SI(s->restart_by_trap[t]));
    end(&l);
}

/* Cycles a guest instruction, by the length of the block that was translated. */
static void by_size(const struct cms_stats *c, FILE *out)
{
    static const unsigned from[] = {1, 2, 3, 5, 9, 17, CMS_SIZES - 1, CMS_SIZES};
    struct line l;

    if (!c->blocks_translated)
        return;
    l = begin(out, "");
    item(&l, "by guest instructions in the block:");
    for (unsigned k = 0; k + 1 < sizeof from / sizeof from[0]; k++) {
        uint64_t cycles = 0, insns = 0;

        for (unsigned n = from[k]; n < from[k + 1]; n++) {
            cycles += c->size_cycles[n];
            insns += c->size_blocks[n] * n;
        }
        if (!insns)
            continue;
        if (from[k + 1] - from[k] == 1)
            item(&l, "%u: %.0f ", from[k], ratio((double)cycles, (double)insns));
        else
            item(&l, "%u-%u: %.0f ", from[k], from[k + 1] - 1,
                 ratio((double)cycles, (double)insns));
    }
    end(&l);
}

static void software(const struct report *r, FILE *out)
{
    const struct cms_stats *c = r->cms;
    uint64_t translating = report_phase_cycles(r, PH_GEAR1) + report_phase_cycles(r, PH_GEAR2);
    double n = (double)c->insns_translated;
    struct line l = begin(out, "translations");
    item(&l, "%s made, of %.2f guest instructions;", SI(c->blocks_translated),
         ratio(n, (double)c->blocks_translated));
    item(&l, "%s given up; %s alive; evicted %s, invalidated %s", SI(c->aborts), SI(c->tcache_live),
         SI(c->evictions), SI(c->invalidations));
    end(&l);
    l = begin(out, "");
    item(&l, "cache %.1f of %u KiB;", (double)c->tcache_used / 1024, r->m->xcache_kb);
    item(&l, "%.2f ops, %.2f bundles, %.1f bytes a guest instruction",
         ratio((double)c->ops_emitted, n), ratio((double)c->bundles_emitted, n),
         ratio((double)c->bytes_emitted, n));
    end(&l);
    l = begin(out, "translator");
    item(&l, "%.0f cycles a guest instruction translated", ratio((double)translating, n));
    if (r->image_bytes)
        item(&l, "(CMS: %.0f KiB as scheduled for this machine)", (double)r->image_bytes / 1024);
    else
        item(&l, "(CMS ran on the host: its own cycles are not counted)");
    end(&l);
    by_size(c, out);
    uint64_t interpreted = r->s->retired - r->s->retired_xlat;
    if (interpreted) {
        l = begin(out, "interpreter");
        item(&l, "%.1f cycles a guest instruction",
             ratio((double)report_phase_cycles(r, PH_INTERPRET), (double)interpreted));
        end(&l);
    }
    if (c->smc_stores || c->bus_drained || c->faults_delivered || c->unimplemented) {
        l = begin(out, "guest events");
        item(&l, "%s faults delivered,", SI(c->faults_delivered));
        item(&l, "%s stores into translated code,", SI(c->smc_stores));
        item(&l, "%s host writes into it,", SI(c->bus_drained));
        item(&l, "%s instructions not implemented", SI(c->unimplemented));
        end(&l);
    }
}

void report_summary(const struct report *r, FILE *out)
{
    overview(r, out);
    phases(r, out);
    caches(r, out);
    control(r, out);
    software(r, out);
    struct line l = begin(out, "host");
    item(&l, "%.2f s, %s guest instructions a second,", r->seconds,
         SI(ratio((double)r->s->retired, r->seconds)));
    item(&l, "%s cycles a second, %.0f MiB resident", SI(ratio((double)r->s->cycles, r->seconds)),
         (double)r->resident_kb / 1024);
    end(&l);
}

/* SPDX-License-Identifier: MIT */
/*
 * What is known after a run, and its two forms: stats.json for programs, the summary for people.
 * Nothing in a report depends on the host but what stands in `host` and paths given by the user.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdio.h>
#include "concealed-mem/stats.h"
#include "vliw-model/mdesc.h"
#include "vliw-model/stats.h"

/*
 * A time series: totals sampled at a fixed distance of cycles. When it is full every other sample
 * goes and the distance doubles, so the number of samples is bounded and depends on the run alone.
 */
enum { INTERVAL_MAX = 256, INTERVAL_FIRST = 1 << 18 };
struct interval_sample {
    uint64_t cycles, retired, retired_xlat, l1d_misses, l1i_misses, tcache_used;
    uint64_t phase[PH_COUNT_];
};
struct intervals {
    uint64_t every;
    unsigned n;
    struct interval_sample at[INTERVAL_MAX];
};
void intervals_begin(struct intervals *v);
/* The number of cycles at which the next sample is due. */
uint64_t intervals_next(const struct intervals *v);
void intervals_add(struct intervals *v, const struct vm_stats *s, const struct cms_stats *c);

/* A file that shaped the run. */
struct report_file {
    const char *path;
    char sha256[65]; /* empty: not a regular file */
};

/* A translation alive at the end of the run, from the directory of the translation cache. */
struct report_region {
    uint32_t eip, gear, instructions, guest_bytes, code_bytes, exits, commits;
};

struct report {
    const struct mdesc *m;
    const struct vm_stats *s;
    const struct cms_stats *cms;
    const struct intervals *intervals;
    int status;     /* of the guest, as a shell sees it */
    int signal;     /* that ended it; 0: it exited */
    bool completed; /* false: the machine stopped for a defect */
    uint64_t syscalls, faults;
    /* identities */
    struct report_file cms_image, machine, program; /* paths may be NULL */
    const struct report_file *file;                 /* every file the guest opened for reading */
    unsigned nfiles;
    const struct report_region *region; /* by EIP */
    unsigned nregions;
    uint32_t
        image_bytes; /* CMS as scheduled for this machine: code and data; 0: it ran on the host */
    /* host */
    double seconds, setup_seconds, cpu_seconds; /* the last: processor time of the whole command */
    long resident_kb;
    int argc;
    char **argv; /* of the guest */
};

/* All figures as JSON. 0, or -1 with errno set. */
int report_json(const struct report *r, FILE *out);

void report_summary(const struct report *r, FILE *out);

/* Figures that several forms show. */
uint64_t report_phase_cycles(const struct report *r, enum phase p);
const char *report_phase_name(enum phase p);
const char *report_cause_name(enum cause c);
const char *report_trap_name(enum trap_code t, char buf[32]);
/* Cycles by phase and cause add up to cycles.total, and so do bundles and ops: a report that does
 * not is a defect. */
const char *report_defect(const struct report *r);

#endif

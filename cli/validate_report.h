/* SPDX-License-Identifier: MIT */
/* What a run of `chrysalis validate isa` found, as one line and as a page with coverage. */
#ifndef CLI_VALIDATE_REPORT_H
#define CLI_VALIDATE_REPORT_H

#include <stdio.h>
#include "tests/oracle/validate.h"

struct validate_run {
    uint64_t seed, first, tests;
    unsigned mode, oracle, jobs; /* enum validate_mode, enum validate_oracle */
    const char *mode_name, *machine, *filter;
    double seconds;
    struct validate_counts counts;
};

void validate_summary(const struct validate_run *r, FILE *f);
/* Runs of several modes side by side; `tests` as the user asked for it. */
void validate_report(const struct validate_run *runs, unsigned nruns, uint64_t tests, FILE *f);

#endif

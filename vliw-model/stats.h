/* SPDX-License-Identifier: MIT */
/* The model's counters: fields from stats.def, cycles by phase and cause from phases.def. Plain
 * data. */
#ifndef VLIW_MODEL_STATS_H
#define VLIW_MODEL_STATS_H

#include "vliw-model/isa.h"

enum { SB_HIST = 33, DIST_HIST = 33 };

struct vm_stats {
#define STAT(field, name, unit, doc) uint64_t field;
#define CSTAT(field, name, unit, doc)
#define DSTAT(field, name, unit, doc)
#include "vliw-model/stats.def"
#undef STAT
#undef CSTAT
#undef DSTAT
    uint64_t phase_cause[PH_COUNT_][CA_COUNT_]; /* cycles; sums to `cycles` exactly */
    uint64_t phase_bundles[PH_COUNT_], phase_ops[PH_COUNT_], phase_nops[PH_COUNT_];
    uint64_t rollback_by_trap[T_COUNT_], restart_by_trap[T_COUNT_];
    /* Who lost a line to whom: [level 0 L1I 1 L1D 2 L2][owner of the victim][evicter], 0 CMS, 1
     * guest. */
    uint64_t evicted[3][2][2];
    uint64_t sb_occupancy[SB_HIST]; /* entries in use at each commit, last bucket and above */
    uint64_t
        commit_distance[DIST_HIST]; /* guest instructions retired by each commit in translations */
};

#endif

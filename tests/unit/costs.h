/* SPDX-License-Identifier: MIT */
/*
 * For microbenchmarks: costs are what a run takes beyond one cycle a bundle, in total and by cause.
 * A program is run once to warm caches and predictors, then measured, unless it is about being
 * cold.
 */
#ifndef TESTS_UNIT_COSTS_H
#define TESTS_UNIT_COSTS_H

#include "tests/unit/vmkit.h"

enum { LA = 0x400000, PA = 0x10000, MEM = 80, L2 = 12 }; /* 100 ns at 800 MHz */

struct cost {
    uint64_t total, by[CA_COUNT_];
};

/* Bundles that keep one program's results in flight away from the next. */
static inline void pad(struct kit *k)
{
    for (int i = 0; i < 8; i++)
        BUNDLE(k, {.opc = OP_NOP});
}

static inline struct cost once(struct kit *k, uint32_t start)
{
    struct cost c = {0, {0}};
    static struct vm_stats a;
    a = *vm_stats(k->vm);
    kit_run(k, start);
    const struct vm_stats *b = vm_stats(k->vm);
    c.total = b->cycles - a.cycles - (b->bundles - a.bundles);
    for (int p = 0; p < PH_COUNT_; p++)
        for (int i = 0; i < CA_COUNT_; i++)
            c.by[i] += b->phase_cause[p][i] - a.phase_cause[p][i];
    kit_check_cycles(k);
    return c;
}

static inline struct cost warm(struct kit *k, uint32_t start)
{
    once(k, start);
    return once(k, start);
}

/* The only cost. */
static inline void only(struct cost c, enum cause cause, uint64_t n)
{
    assert_int_equal(c.by[cause], n);
    assert_int_equal(c.total, n);
}

static inline void both(struct cost c, enum cause a, uint64_t n, enum cause b, uint64_t m)
{
    assert_int_equal(c.by[a], n);
    assert_int_equal(c.by[b], m);
    assert_int_equal(c.total, n + m);
}

#endif

/* SPDX-License-Identifier: MIT */
/* Random numbers of tests: Marsaglia's xorshift of 64 bits. The state is the test's, never 0. */
#ifndef TESTS_UNIT_XORSHIFT_H
#define TESTS_UNIT_XORSHIFT_H

#include <stdint.h>

static inline uint64_t xorshift64(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

#endif

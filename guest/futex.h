/* SPDX-License-Identifier: MIT */
/* Futexes: their operations' numbers, and what futex.c and futex_pi.c want of one another. */
#ifndef GUEST_FUTEX_H
#define GUEST_FUTEX_H

#include "guest/syscall.h"

enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_LOCK_PI = 6,
    FUTEX_UNLOCK_PI = 7,
    FUTEX_TRYLOCK_PI = 8,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_WAIT_REQUEUE_PI = 11,
    FUTEX_CMP_REQUEUE_PI = 12,
    FUTEX_LOCK_PI2 = 13,
    FUTEX_OP = 0x7f,
    FUTEX_REALTIME = 256
};

/* The operations on words that have an owner. */
int32_t futex_pi(struct process *p, const uint32_t *a, uint64_t key, bool wide);
/* It ends: what it owned and others wait for is theirs. */
void futex_pi_owner_gone(struct process *p, const struct task *t);

#endif

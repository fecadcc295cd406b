/* SPDX-License-Identifier: MIT */
/*
 * Signals that have been sent and not yet been taken.
 *
 * A signal below GSIGRTMIN is pending once, however often it is sent, with what was said the first
 * time. Real-time signals queue, each with its own information, in the order they came; so do those
 * of a timer, which has a place of its own and is never twice in a queue. A queue is a chain
 * through the rows of one table of the process personality: the first SIGNALS_QUEUED are for
 * whoever sends, the rest one per timer.
 */
#include <errno.h>
#include "guest/syscall.h"

#define BIT(sig) (1ull << ((sig)-1))

/* A free row; SIGNALS_QUEUED if as many are taken as the limit allows. */
static uint32_t free_row(const struct process *p, uint64_t limit)
{
    uint32_t row = SIGNALS_QUEUED;
    uint64_t used = 0;

    for (uint32_t i = SIGNALS_QUEUED; i--;) {
        used += p->queued[i].signal != 0;
        row = p->queued[i].signal ? row : i;
    }
    return used < limit ? row : SIGNALS_QUEUED;
}

int sigqueue_put(struct process *p, struct sigqueue_guest *q, uint64_t limit, int s,
                 const struct siginfo_guest *info)
{
    static const struct siginfo_guest kernel = {.code = GSI_KERNEL};

    signalfd_ring(p);
    if (!info)
        info = &kernel;
    if (s < GSIGRTMIN && !info->timer) {
        if (q->once & BIT(s))
            return 0;
        q->once |= BIT(s);
        q->pending |= BIT(s);
        q->info[s] = *info;
        return 0;
    }
    uint32_t row = info->timer ? SIGNALS_QUEUED + info->timer - 1u : free_row(p, limit);
    if (!info->timer && row == SIGNALS_QUEUED) {
        if (info->code != GSI_USER && info->code != GSI_KERNEL)
            return -EAGAIN;
        q->pending |= BIT(s); /* that it came is known, and no more */
        return 0;
    }
    struct queued_signal *e = &p->queued[row];
    *e = (struct queued_signal){.signal = (uint8_t)s, .info = *info};
    if (q->last)
        p->queued[q->last - 1].next = (uint16_t)(row + 1);
    else
        q->first = (uint16_t)(row + 1);
    q->last = (uint16_t)(row + 1);
    q->pending |= BIT(s);
    return 0;
}

/* Takes the entry behind `before` (0: the first) out of the chain. */
static void unlink_entry(struct process *p, struct sigqueue_guest *q, uint32_t before,
                         uint32_t entry)
{
    struct queued_signal *e = &p->queued[entry - 1];

    if (before)
        p->queued[before - 1].next = e->next;
    else
        q->first = e->next;
    if (q->last == entry)
        q->last = (uint16_t)before;
    e->signal = 0;
    e->next = 0;
}

void sigqueue_take(struct process *p, struct sigqueue_guest *q, int s, struct siginfo_guest *info)
{
    bool found = q->once & BIT(s), more = false;

    *info = (struct siginfo_guest){.code = GSI_USER};
    if (found)
        *info = q->info[s];
    q->once &= ~BIT(s);
    for (uint32_t before = 0, at = q->first, next; at; before = at, at = next) {
        next = p->queued[at - 1].next;
        if (p->queued[at - 1].signal != s)
            continue;
        if (found) {
            more = true;
            break;
        }
        *info = p->queued[at - 1].info;
        unlink_entry(p, q, before, at);
        at = before;
        found = true;
    }
    if (!more)
        q->pending &= ~BIT(s);
    timer_signal_taken(p, info);
}

void sigqueue_drop(struct process *p, struct sigqueue_guest *q, uint64_t set)
{
    q->pending &= ~set;
    q->once &= ~set;
    for (uint32_t before = 0, at = q->first, next; at; at = next) {
        struct siginfo_guest info = p->queued[at - 1].info;
        next = p->queued[at - 1].next;
        if (BIT(p->queued[at - 1].signal) & set) {
            unlink_entry(p, q, before, at);
            timer_signal_taken(p, &info);
        } else {
            before = at;
        }
    }
}

void sigqueue_withdraw(struct process *p, struct sigqueue_guest *q, uint32_t timer)
{
    uint32_t entry = SIGNALS_QUEUED + timer + 1, others = 0;
    int s = p->queued[entry - 1].signal;

    for (uint32_t before = 0, at = q->first, next; at; at = next) {
        next = p->queued[at - 1].next;
        if (at == entry) {
            unlink_entry(p, q, before, at);
            continue;
        }
        others += p->queued[at - 1].signal == s;
        before = at;
    }
    if (s && !others && !(q->once & BIT(s)))
        q->pending &= ~BIT(s);
}

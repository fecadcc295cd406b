/* SPDX-License-Identifier: MIT */
/*
 * Time: the guest clock from a fixed epoch, sleeping, interval timers. All three timers of a
 * process count the same clock, as nothing here tells user time from system time.
 */
#include <errno.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

#define NS 1000000000u

uint64_t process_now_ns(const struct process *p)
{
    return vm_clock_ns(p->vm) + p->skew;
}

/* CLOCK_REALTIME, its coarse form and CLOCK_TAI count from the epoch, the rest from 0. */
static bool of_epoch(uint32_t id)
{
    return id == 0 || id == 5 || id == 8 || id == 11;
}

static uint64_t clock_ns(const struct process *p, uint32_t id)
{
    return process_now_ns(p) + (of_epoch(id) ? p->epoch * NS : 0);
}

static int32_t put_time(struct process *p, uint32_t at, uint64_t ns, uint32_t unit, bool wide)
{
    uint32_t w[4] = {0}, n = 0;

    w[n++] = (uint32_t)(ns / NS);
    if (wide)
        w[n++] = (uint32_t)(ns / NS >> 32);
    w[n++] = (uint32_t)(ns % NS / unit);
    if (wide)
        w[n++] = 0;
    return space_write(p->space, at, w, n * 4);
}

/* Any longer is for ever: 64 bits of ns are 584 years. */
static uint64_t total(uint64_t s, uint32_t ns)
{
    return s > UINT64_MAX / NS / 4 ? UINT64_MAX / 4 : s * NS + ns;
}

int read_timespec(struct process *p, uint32_t at, bool wide, uint64_t *ns)
{
    uint32_t w[4];
    int e = space_read(p->space, at, w, wide ? 16 : 8);

    if (e)
        return e;
    int64_t s = wide ? (int64_t)(w[0] | (uint64_t)w[1] << 32) : (int32_t)w[0];
    uint32_t n = wide ? w[2] : w[1];
    if (s < 0 || n >= NS)
        return -EINVAL;
    *ns = total((uint64_t)s, n);
    return 0;
}

CALL(time)
{
    uint32_t t = (uint32_t)(clock_ns(p, 0) / NS);
    int32_t e = a[0] ? space_write(p->space, a[0], &t, 4) : 0;

    return e ? e : (int32_t)t;
}

CALL(gettimeofday)
{
    static const uint32_t utc[2];
    int32_t e = a[0] ? put_time(p, a[0], clock_ns(p, 0), 1000, false) : 0;

    return e || !a[1] ? e : space_write(p->space, a[1], utc, sizeof utc);
}

CALL(clock_gettime)
{
    return a[0] > 11 ? -EINVAL : put_time(p, a[1], clock_ns(p, a[0]), 1, false);
}
CALL(clock_gettime64)
{
    return a[0] > 11 ? -EINVAL : put_time(p, a[1], clock_ns(p, a[0]), 1, true);
}
CALL(clock_getres)
{
    return a[0] > 11 ? -EINVAL : a[1] ? put_time(p, a[1], 1, 1, false) : 0;
}
CALL(clock_getres64)
{
    return a[0] > 11 ? -EINVAL : a[1] ? put_time(p, a[1], 1, 1, true) : 0;
}

CALL(times)
{
    uint32_t t[4] = {(uint32_t)(process_now_ns(p) / 10000000), 0, 0, 0};
    int32_t e = a[0] ? space_write(p->space, a[0], t, sizeof t) : 0;

    return e ? e : (int32_t)(t[0] & 0x7fffffff);
}

CALL(getrusage)
{
    uint32_t r[18] = {0};
    uint64_t us = process_now_ns(p) / 1000;

    r[0] = (uint32_t)(us / 1000000);
    r[1] = (uint32_t)(us % 1000000);
    return space_write(p->space, a[1], r, sizeof r);
}

/* ---- sleeping ---- */

static int32_t sleep_until(struct process *p, uint64_t until, uint32_t rem_at, bool wide)
{
    struct task *t = p->cur;

    if (t->restarting)
        until = t->wait_until;
    if (until <= process_now_ns(p))
        return 0;
    t->rem_at = rem_at;
    t->rem_wide = wide;
    return task_block(p, WAIT_SLEEP, 1, until, RESTART_NEVER);
}

void sleep_interrupted(struct process *p, struct task *t)
{
    uint64_t now = process_now_ns(p);

    if (t->rem_at)
        put_time(p, t->rem_at, t->wait_until > now ? t->wait_until - now : 0, 1, t->rem_wide);
    t->rem_at = 0;
}

static int32_t sleep_call(struct process *p, uint32_t clock, uint32_t flags, uint32_t at,
                          uint32_t rem_at, bool wide)
{
    uint64_t ns, now = process_now_ns(p);
    int e = read_timespec(p, at, wide, &ns);

    if (e)
        return e;
    if (clock > 11)
        return -EINVAL;
    if (!(flags & 1 /* TIMER_ABSTIME */))
        return sleep_until(p, now + ns, rem_at, wide);
    uint64_t base = of_epoch(clock) ? p->epoch * NS : 0;
    return sleep_until(p, ns > base ? ns - base : 0, 0, wide);
}

CALL(nanosleep)
{
    return sleep_call(p, 1, 0, a[0], a[1], false);
}
CALL(clock_nanosleep)
{
    return sleep_call(p, a[0], a[1], a[2], a[3], false);
}
CALL(clock_nanosleep64)
{
    return sleep_call(p, a[0], a[1], a[2], a[3], true);
}

/* ---- timers ---- */

static const uint8_t timer_signal[GUEST_TIMERS] = {GSIGALRM, GSIGVTALRM, GSIGPROF};

void timers_expire(struct process *p)
{
    uint64_t now = process_now_ns(p);

    for (uint32_t i = 0; i < PROC_TASKS; i++) {
        struct group *g = &p->group[i];
        if (!g->used || g->zombie)
            continue;
        for (uint32_t k = 0; k < GUEST_TIMERS; k++) {
            struct guest_timer *t = &g->timer[k];
            if (!t->next || t->next > now)
                continue;
            t->next = t->interval
                          ? t->next + (now - t->next) / t->interval * t->interval + t->interval
                          : 0;
            signal_to_group(p, g, timer_signal[k], NULL);
        }
    }
}

uint64_t timers_next(const struct process *p)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < PROC_TASKS; i++)
        for (uint32_t k = 0; p->group[i].used && k < GUEST_TIMERS; k++) {
            uint64_t t = p->group[i].timer[k].next;
            if (t && t < next)
                next = t;
        }
    return next;
}

static void timer_set(struct process *p, uint32_t k, uint64_t value, uint64_t interval)
{
    p->grp->timer[k] = (struct guest_timer){value ? process_now_ns(p) + value : 0, interval};
}

static uint64_t timer_left(const struct process *p, uint32_t k)
{
    uint64_t now = process_now_ns(p), next = p->grp->timer[k].next;

    return !next ? 0 : next > now ? next - now : 1000;
}

CALL(alarm)
{
    uint64_t left = timer_left(p, 0);

    timer_set(p, 0, (uint64_t)a[0] * NS, 0);
    return (int32_t)((left + NS / 2) / NS + (left && left < NS / 2));
}

static int32_t put_timer(struct process *p, uint32_t k, uint32_t at)
{
    uint64_t v[2] = {p->grp->timer[k].interval, timer_left(p, k)};
    uint32_t w[4];

    for (int i = 0; i < 2; i++) {
        w[2 * i] = (uint32_t)(v[i] / NS);
        w[2 * i + 1] = (uint32_t)(v[i] % NS / 1000);
    }
    return space_write(p->space, at, w, sizeof w);
}

CALL(getitimer)
{
    return a[0] >= GUEST_TIMERS ? -EINVAL : put_timer(p, a[0], a[1]);
}

CALL(setitimer)
{
    uint32_t w[4] = {0};
    int32_t e = 0;

    if (a[0] >= GUEST_TIMERS)
        return -EINVAL;
    if (a[1])
        e = space_read(p->space, a[1], w, sizeof w);
    if (!e && (w[1] >= 1000000 || w[3] >= 1000000 || (int32_t)w[0] < 0 || (int32_t)w[2] < 0))
        e = -EINVAL;
    if (!e && a[2])
        e = put_timer(p, a[0], a[2]);
    if (!e)
        timer_set(p, a[0], total(w[2], w[3] * 1000), total(w[0], w[1] * 1000));
    return e;
}

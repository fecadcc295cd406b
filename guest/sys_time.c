/* SPDX-License-Identifier: MIT */
/*
 * Time: the guest clock from a fixed epoch, sleeping. Every clock is the same one, but for those of
 * processor time (usage.c); some count from the epoch.
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
bool clock_of_epoch(uint32_t id)
{
    return id == 0 || id == 5 || id == 8 || id == 11;
}

static uint64_t clock_ns(struct process *p, uint32_t id)
{
    struct cpu_clock c;

    if (cpu_clock(p, id, &c))
        return cpu_clock_ns(p, &c);
    return process_now_ns(p) + (clock_of_epoch(id) ? p->epoch * NS : 0);
}

bool clock_exists(struct process *p, uint32_t id)
{
    uint32_t pid = ~(uint32_t)((int32_t)id >> 3);

    if ((int32_t)id >= 0)
        return id <= 11 && id != 10;
    /* The processor time of a process, or (bit 2) a thread; 3 is a device's. */
    return (id & 3) != 3 &&
           (!pid || (id & 4 ? task_by_tid(p, pid) != NULL : group_by_pid(p, pid) != NULL));
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

int32_t put_timespec(struct process *p, uint32_t at, uint64_t ns, bool wide)
{
    return put_time(p, at, ns, 1, wide);
}

/* Any longer is for ever: 64 bits of ns are 584 years. */
uint64_t time_total(uint64_t s, uint32_t ns)
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
    *ns = time_total((uint64_t)s, n);
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
    return !clock_exists(p, a[0]) ? -EINVAL : put_time(p, a[1], clock_ns(p, a[0]), 1, false);
}
CALL(clock_gettime64)
{
    return !clock_exists(p, a[0]) ? -EINVAL : put_time(p, a[1], clock_ns(p, a[0]), 1, true);
}
CALL(clock_getres)
{
    return !clock_exists(p, a[0]) ? -EINVAL : a[1] ? put_time(p, a[1], 1, 1, false) : 0;
}
CALL(clock_getres64)
{
    return !clock_exists(p, a[0]) ? -EINVAL : a[1] ? put_time(p, a[1], 1, 1, true) : 0;
}

/* ---- sleeping ---- */

static int32_t sleep_until(struct process *p, uint64_t until, uint32_t rem_at, bool wide)
{
    struct task *t = p->cur;

    if (t->restarting)
        until = t->wait_until;
    if (until <= process_now_ns(p))
        return 0;
    task_block(p, WAIT_SLEEP, 1, until, RESTART_NEVER);
    t->left = (struct time_left){rem_at, 1, wide};
    return SYS_BLOCK;
}

void time_left(struct process *p, const struct time_left *l, uint64_t until)
{
    uint64_t now = process_now_ns(p);

    if (l->at)
        put_time(p, l->at, until > now ? until - now : 0, l->unit, l->wide);
}

static int32_t sleep_call(struct process *p, uint32_t clock, uint32_t flags, uint32_t at,
                          uint32_t rem_at, bool wide)
{
    uint64_t ns, now = process_now_ns(p);
    int e = read_timespec(p, at, wide, &ns);

    if (e)
        return e;
    if (!clock_exists(p, clock))
        return -EINVAL;
    if (!(flags & 1 /* TIMER_ABSTIME */))
        return sleep_until(p, now + ns, rem_at, wide);
    uint64_t base = clock_ns(p, clock); /* a clock of processor time stands while one sleeps */
    return sleep_until(p, ns > base ? now + (ns - base) : 0, 0, wide);
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

/* SPDX-License-Identifier: MIT */
/*
 * timerfd: timers that are read. How often one has rung follows from the clock whenever it is
 * asked; when it rings, those who wait look again. As in Linux it then sleeps, whatever its
 * interval, until somebody reads it or asks for it: so it costs no time however long it is
 * forgotten.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

#define NS 1000000000u
enum { TIMERFD_KEY = 1 << 21 /* keys of waits behind those of pipes and events */ };

/* How often it has rung since it was last read. */
static uint64_t rung(const struct process *p, const struct timerfd *t)
{
    uint64_t now = process_now_ns(p);

    if (!t->t.next || t->t.next > now)
        return 0;
    return t->t.interval ? (now - t->t.next) / t->t.interval + 1 : 1;
}

/* Those that were heard of are behind it. */
static void read_off(struct timerfd *t, uint64_t times)
{
    t->t.next = t->t.interval ? t->t.next + times * t->t.interval : 0;
    t->told = 0;
    t->asleep = false;
}

bool timerfd_ready(const struct process *p, const struct guest_open *o)
{
    return rung(p, &p->timerfd[o->pipe]) != 0;
}

/* When it will ring; 0: it will not. */
static uint64_t next_ring(const struct timerfd *t)
{
    return !t->used || !t->t.next || t->asleep ? 0 : t->t.next + t->told * t->t.interval;
}

uint64_t timerfds_next(const struct process *p)
{
    uint64_t next = UINT64_MAX, t;

    for (uint32_t i = 0; i < PROC_TIMERFDS; i++)
        if ((t = next_ring(&p->timerfd[i])) && t < next)
            next = t;
    return next;
}

void timerfds_expire(struct process *p)
{
    uint64_t now = process_now_ns(p), at;

    for (uint32_t i = 0; i < PROC_TIMERFDS; i++) {
        struct timerfd *t = &p->timerfd[i];
        if (!(at = next_ring(t)) || at > now)
            continue;
        t->told = rung(p, t);
        t->asleep = true;
        t->rang++;
        pipe_changed(p, TIMERFD_KEY + i);
    }
}

int32_t timerfd_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct timerfd *t = &p->timerfd[o->pipe];
    uint64_t times = rung(p, t);

    if (len < sizeof times)
        return -EINVAL;
    if (!times)
        return o->flags & GO_NONBLOCK ? -EAGAIN
                                      : task_block(p, WAIT_PIPE, TIMERFD_KEY + (uint64_t)o->pipe,
                                                   UINT64_MAX, RESTART_SYS);
    read_off(t, times);
    int e = space_write(p->space, addr, &times, sizeof times);
    return e ? e : (int32_t)sizeof times;
}

CALL(timerfd_create)
{
    static const uint32_t clocks = 1 << 0 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 9;
    struct guest_open *o;
    uint32_t row = 0;

    if (a[1] & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK) || a[0] > 31 || !(clocks >> a[0] & 1))
        return -EINVAL;
    while (row < PROC_TIMERFDS && p->timerfd[row].used)
        row++;
    if (row == PROC_TIMERFDS)
        return -ENFILE;
    int32_t fd = fd_new(p, a[1] | GO_RDWR, &o);
    if (fd < 0)
        return fd;
    p->timerfd[row] = (struct timerfd){.used = true, .clock = (uint8_t)a[0]};
    o->kind = OPEN_TIMERFD;
    o->stream = true;
    o->pipe = (uint16_t)row;
    return fd;
}

static int32_t timer_of(struct process *p, uint32_t fd, struct timerfd **t)
{
    struct guest_open *o = fd_file(p, fd);

    if (!o || o->kind != OPEN_TIMERFD)
        return o ? -EINVAL : -EBADF;
    *t = &p->timerfd[o->pipe];
    return 0;
}

static int32_t put(struct process *p, const struct timerfd *t, uint32_t at, bool wide)
{
    uint64_t now = process_now_ns(p), next = t->t.next;

    if (next && next <= now)
        next = t->t.interval ? next + rung(p, t) * t->t.interval : 0;
    int32_t e = put_timespec(p, at, t->t.interval, wide);
    return e ? e : put_timespec(p, at + (wide ? 16 : 8), next ? next - now : 0, wide);
}

static int32_t set(struct process *p, const uint32_t *a, bool wide)
{
    enum { ABSTIME = 1, CANCEL_ON_SET = 2 };
    struct timerfd *t, old;
    uint64_t interval, value, base;
    int32_t e = read_timespec(p, a[2], wide, &interval);

    if (!e)
        e = read_timespec(p, a[2] + (wide ? 16 : 8), wide, &value);
    if (!e && a[1] & ~(uint32_t)(ABSTIME | CANCEL_ON_SET))
        e = -EINVAL;
    if (!e)
        e = timer_of(p, a[0], &t);
    if (e)
        return e;
    old = *t;
    t->t = (struct guest_timer){0, interval};
    t->told = 0;
    t->asleep = false;
    if (value && (a[1] & ABSTIME)) {
        base = clock_of_epoch(t->clock) ? p->epoch * NS : 0;
        t->t.next = value > base ? value - base : 1;
    } else if (value) {
        t->t.next = process_now_ns(p) + value;
    }
    return a[3] ? put(p, &old, a[3], wide) : 0;
}

CALL(timerfd_settime)
{
    return set(p, a, false);
}
CALL(timerfd_settime64)
{
    return set(p, a, true);
}

static int32_t get(struct process *p, const uint32_t *a, bool wide)
{
    struct timerfd *t;
    int32_t e = timer_of(p, a[0], &t);

    if (!e)
        e = put(p, t, a[1], wide);
    if (!e && t->t.interval)
        t->asleep = false;
    return e;
}

CALL(timerfd_gettime)
{
    return get(p, a, false);
}
CALL(timerfd_gettime64)
{
    return get(p, a, true);
}

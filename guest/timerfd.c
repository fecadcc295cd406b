/* SPDX-License-Identifier: MIT */
/*
 * Timers that are read by a descriptor. Nothing happens when one rings but that those who wait look
 * again, once: how often it has rung is reckoned from the clock when it is read. Until then a timer
 * that repeats rests, so one that nobody reads costs no time.
 */
#include <errno.h>
#include <poll.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

#define NS 1000000000u
enum { TIMERFD_KEY = 1 << 21 /* keys of waits behind those of eventfds */ };

static uint64_t key_of(const struct timerfd *t, const struct process *p)
{
    return TIMERFD_KEY + (uint64_t)(t - p->timerfd);
}

static bool rung(const struct process *p, const struct timerfd *t)
{
    return t->t.next && t->t.next <= process_now_ns(p);
}

CALL(timerfd_create)
{
    enum { CLOCKS = 1 << 0 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 9 };
    struct guest_open *o;
    uint32_t row = 0;

    if (a[0] > 9 || !(CLOCKS >> a[0] & 1) || a[1] & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    while (row < PROC_TIMERFDS && p->timerfd[row].used)
        row++;
    if (row == PROC_TIMERFDS)
        return -ENFILE;
    int32_t fd = fd_new(p, a[1] | GO_RDWR, &o);
    if (fd < 0)
        return fd;
    p->timerfd[row] = (struct timerfd){.used = true, .clock = (uint8_t)a[0]};
    o->kind = OPEN_TIMER;
    o->stream = true;
    o->pipe = (uint16_t)row;
    return fd;
}

/* What is left until it rings next, though nobody has read that it has. */
static int32_t put_setting(struct process *p, const struct timerfd *t, uint32_t at, bool wide)
{
    uint64_t now = process_now_ns(p), next = t->t.next, times;

    if (next && next <= now)
        next = t->t.interval ? timer_forward(next, t->t.interval, now, &times) : 0;
    int32_t e = put_timespec(p, at, t->t.interval, wide);
    return e ? e : put_timespec(p, at + (wide ? 16 : 8), next ? next - now : 0, wide);
}

static int32_t timer_of(struct process *p, uint32_t fd, struct timerfd **t)
{
    struct guest_open *o = fd_open(p, fd);

    if (!o || o->kind != OPEN_TIMER)
        return o ? -EINVAL : -EBADF;
    *t = &p->timerfd[o->pipe];
    return 0;
}

static int32_t set_timer(struct process *p, const uint32_t *a, bool wide)
{
    enum { ABSTIME = 1, CANCEL_ON_SET = 2 /* nobody sets the clock */ };
    uint64_t interval, value, base;
    struct timerfd *t;
    int32_t e = read_timespec(p, a[2], wide, &interval);

    if (!e)
        e = read_timespec(p, a[2] + (wide ? 16 : 8), wide, &value);
    if (!e && a[1] & ~(uint32_t)(ABSTIME | CANCEL_ON_SET))
        e = -EINVAL;
    if (!e)
        e = timer_of(p, a[0], &t);
    if (!e && a[3])
        e = put_setting(p, t, a[3], wide);
    if (e)
        return e;
    base = (a[1] & ABSTIME) && clock_of_epoch(t->clock) ? p->epoch * NS : 0;
    t->told = false;
    t->t = (struct guest_timer){0, interval};
    if (value && (a[1] & ABSTIME))
        t->t.next = value > base ? value - base : 1;
    else if (value)
        t->t.next = process_now_ns(p) + value;
    return 0;
}

CALL(timerfd_settime)
{
    return set_timer(p, a, false);
}
CALL(timerfd_settime64)
{
    return set_timer(p, a, true);
}

static int32_t get_timer(struct process *p, const uint32_t *a, bool wide)
{
    struct timerfd *t;
    int32_t e = timer_of(p, a[0], &t);

    return e ? e : put_setting(p, t, a[1], wide);
}

CALL(timerfd_gettime)
{
    return get_timer(p, a, false);
}
CALL(timerfd_gettime64)
{
    return get_timer(p, a, true);
}

/* How often it has rung since that was last asked. */
int32_t timerfd_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct timerfd *t = &p->timerfd[o->pipe];
    uint64_t times = 1, next = 0;

    if (len < sizeof times)
        return -EINVAL;
    if (!rung(p, t))
        return o->flags & GO_NONBLOCK
                   ? -EAGAIN
                   : task_block(p, WAIT_PIPE, key_of(t, p), UINT64_MAX, RESTART_SYS);
    if (t->t.interval)
        next = timer_forward(t->t.next, t->t.interval, process_now_ns(p), &times);
    int e = space_write(p->space, addr, &times, sizeof times);
    if (e)
        return e;
    t->t.next = next;
    t->told = false;
    return sizeof times;
}

uint32_t timerfd_ready(const struct process *p, const struct guest_open *o)
{
    return rung(p, &p->timerfd[o->pipe]) ? POLLIN : 0;
}

void timerfds_expire(struct process *p)
{
    for (uint32_t i = 0; i < PROC_TIMERFDS; i++) {
        struct timerfd *t = &p->timerfd[i];
        if (!t->used || t->told || !rung(p, t))
            continue;
        t->told = true;
        t->rang++;
        pipe_changed(p, key_of(t, p));
    }
}

uint64_t timerfds_next(const struct process *p)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < PROC_TIMERFDS; i++) {
        const struct timerfd *t = &p->timerfd[i];
        if (t->used && !t->told && t->t.next && t->t.next < next)
            next = t->t.next;
    }
    return next;
}

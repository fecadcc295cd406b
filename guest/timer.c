/* SPDX-License-Identifier: MIT */
/*
 * Timers: the three of setitimer, of which two count a process's processor time, and those of
 * timer_create; and the limit of processor time, which is one, too.
 *
 * A timer that repeats sends one signal and rests until that has been taken; how often it would
 * have rung meanwhile is the signal's overrun. So a signal that is blocked costs no time however
 * short the interval. One whose signal is ignored only counts.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

#define NS 1000000000u
enum { IDLE_STEP = 1000000 /* ns between two looks at a timer whose signal is ignored */ };
enum { NOTIFY_SIGNAL, NOTIFY_NONE, NOTIFY_THREAD, NOTIFY_THREAD_ID = 4 };
enum { TIMER_ABSTIME = 1 };

static const uint8_t timer_signal[GUEST_TIMERS] = {GSIGALRM, GSIGVTALRM, GSIGPROF};

uint64_t timer_forward(uint64_t next, uint64_t interval, uint64_t now, uint64_t *times)
{
    *times = next > now ? 0 : (now - next) / interval + 1;
    return next + *times * interval;
}

/* What a timer of setitimer counts. */
static uint64_t itimer_now(const struct process *p, const struct group *g, uint32_t k)
{
    return k ? g->own.cpu : process_now_ns(p);
}

static void expire_itimers(struct process *p, struct group *g)
{
    uint64_t times;

    for (uint32_t k = 0; k < GUEST_TIMERS; k++) {
        struct guest_timer *t = &g->timer[k];
        uint64_t now = itimer_now(p, g, k);
        if (!t->next || t->next > now)
            continue;
        t->next = t->interval ? timer_forward(t->next, t->interval, now, &times) : 0;
        signal_to_group(p, g, timer_signal[k], NULL);
    }
}

static int send_signal(struct process *p, struct posix_timer *t)
{
    uint32_t row = (uint32_t)(t - p->timer);
    struct siginfo_guest info = {
        .code = GSI_TIMER, .field = {t->id, 0, t->value}, .timer = (uint16_t)(row + 1)};

    if (t->notify != NOTIFY_THREAD_ID)
        return signal_to_group(p, &p->group[t->group], t->signal, &info);
    struct task *to = task_by_tid(p, t->tid);
    return to ? signal_to_task(p, to, t->signal, &info) : SIGNAL_IGNORED;
}

/* Takes back what it has sent. */
static void withdraw(struct process *p, struct posix_timer *t)
{
    struct task *to = t->notify == NOTIFY_THREAD_ID ? task_by_tid(p, t->tid) : NULL;

    if (t->queued)
        sigqueue_withdraw(p, to ? &to->queue : &p->group[t->group].queue, (uint32_t)(t - p->timer));
    t->queued = false;
}

static void expire(struct process *p, struct posix_timer *t, uint64_t now)
{
    uint64_t times;

    if (!send_signal(p, t)) {
        t->queued = true;
        t->resting = t->t.interval != 0;
        if (!t->resting)
            t->t.next = 0;
    } else if (!t->t.interval) {
        t->t.next = 0;
    } else { /* nobody listens: look again when it may be worth it */
        t->t.next = timer_forward(t->t.next, t->t.interval, now + IDLE_STEP, &times);
        t->missed += (uint32_t)times;
    }
}

static bool rings(const struct posix_timer *t)
{
    return t->used && t->t.next && !t->resting && t->notify != NOTIFY_NONE;
}

static uint64_t timer_now(struct process *p, const struct posix_timer *t)
{
    return t->cpu.kind ? cpu_clock_ns(p, &t->cpu) : process_now_ns(p);
}

/* Beyond the limit SIGXCPU comes once a second, until the last second has gone. */
static void expire_limit(struct process *p, struct group *g)
{
    uint64_t *limit = g->limit[LIMIT_CPU], seconds = g->own.cpu / NS;

    if (seconds >= limit[1])
        signal_to_group(p, g, GSIGKILL, NULL);
    else if (seconds >= limit[0]) {
        limit[0] = seconds + 1;
        signal_to_group(p, g, GSIGXCPU, NULL);
    }
}

void timers_expire(struct process *p)
{
    usage_charge(p);
    if (p->grp->refs)
        expire_limit(p, p->grp);
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->group[i].used && !p->group[i].zombie)
            expire_itimers(p, &p->group[i]);
    for (uint32_t i = 0; i < PROC_TIMERS; i++)
        if (rings(&p->timer[i])) {
            uint64_t now = timer_now(p, &p->timer[i]);
            if (p->timer[i].t.next <= now)
                expire(p, &p->timer[i], now);
        }
    timerfds_expire(p);
}

void timer_signal_taken(struct process *p, struct siginfo_guest *info)
{
    struct posix_timer *t;
    uint64_t times;

    if (!info->timer)
        return;
    t = &p->timer[info->timer - 1u];
    t->queued = false;
    if (!t->resting)
        return;
    t->resting = false;
    t->t.next = timer_forward(t->t.next, t->t.interval, timer_now(p, t), &times);
    t->overrun = t->missed + (uint32_t)times - (times != 0);
    t->missed = 0;
    info->field[1] += t->overrun;
}

/* When a moment of processor time will be, if its clock goes on as now. */
static void sooner(uint64_t *next, const struct process *p, uint64_t at, uint64_t cpu)
{
    uint64_t t = process_now_ns(p) + (at > cpu ? at - cpu : 0);

    if (t < *next)
        *next = t;
}

uint64_t timers_next(struct process *p)
{
    const struct group *g = p->grp;
    const struct cpu_clock mine = {CPU_PROCESS, g->tgid};
    uint64_t next = timerfds_next(p);

    usage_charge(p);
    for (uint32_t i = 0; i < p->rows; i++) {
        uint64_t t = p->group[i].timer[0].next;
        if (p->group[i].used && t && t < next)
            next = t;
    }
    if (cpu_clock_runs(p, &mine)) {
        for (uint32_t k = 1; k < GUEST_TIMERS; k++)
            if (g->timer[k].next)
                sooner(&next, p, g->timer[k].next, g->own.cpu);
        for (uint32_t k = 0; k < 2; k++)
            if (g->limit[LIMIT_CPU][k] < UINT64_MAX / NS)
                sooner(&next, p, g->limit[LIMIT_CPU][k] * NS, g->own.cpu);
    }
    for (uint32_t i = 0; i < PROC_TIMERS; i++) {
        const struct posix_timer *t = &p->timer[i];
        if (!rings(t))
            continue;
        if (t->cpu.kind && cpu_clock_runs(p, &t->cpu))
            sooner(&next, p, t->t.next, cpu_clock_ns(p, &t->cpu));
        else if (!t->cpu.kind && t->t.next < next)
            next = t->t.next;
    }
    return next;
}

void timers_of_exec(struct process *p, struct group *g)
{
    for (uint32_t i = 0; i < PROC_TIMERS; i++)
        if (p->timer[i].used && p->timer[i].group == group_row(p, g)) {
            withdraw(p, &p->timer[i]);
            p->timer[i].used = false;
        }
}

void timers_of_group_end(struct process *p, struct group *g)
{
    memset(g->timer, 0, sizeof g->timer);
    timers_of_exec(p, g);
}

/* ---- of setitimer ---- */

static void timer_set(struct process *p, uint32_t k, uint64_t value, uint64_t interval)
{
    usage_charge(p);
    p->grp->timer[k] = (struct guest_timer){value ? itimer_now(p, p->grp, k) + value : 0, interval};
}

static uint64_t timer_left(struct process *p, uint32_t k)
{
    usage_charge(p);
    uint64_t now = itimer_now(p, p->grp, k), next = p->grp->timer[k].next;

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
        timer_set(p, a[0], time_total(w[2], w[3] * 1000), time_total(w[0], w[1] * 1000));
    return e;
}

/* ---- of timer_create ---- */

/* 0, -EINVAL: no such clock, or -EOPNOTSUPP: one without timers. */
static int clock_for_timers(struct process *p, uint32_t id)
{
    static const uint16_t without = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9;

    if (!clock_exists(p, id))
        return -EINVAL;
    return id < 16 && without >> id & 1 ? -EOPNOTSUPP : 0;
}

static bool good_event(struct process *p, const struct posix_timer *t)
{
    struct task *to = task_by_tid(p, t->tid);

    if (t->notify == NOTIFY_NONE)
        return true;
    if (t->notify == NOTIFY_THREAD_ID ? !to || to->group != p->cur->group
                                      : t->notify != NOTIFY_SIGNAL && t->notify != NOTIFY_THREAD)
        return false;
    return t->signal >= 1 && t->signal < NSIG_GUEST;
}

CALL(timer_create)
{
    uint32_t row = 0, event[4] = {0, GSIGALRM, NOTIFY_SIGNAL, 0};
    int32_t e = a[1] ? space_read(p->space, a[1], event, sizeof event) : 0;

    if (!e)
        e = clock_for_timers(p, a[0]);
    if (e)
        return e;
    while (row < PROC_TIMERS && p->timer[row].used)
        row++;
    if (row == PROC_TIMERS)
        return -EAGAIN;
    if (event[1] > UINT8_MAX || event[2] > UINT8_MAX)
        return -EINVAL;
    struct posix_timer t = {.used = true,
                            .clock = (uint8_t)a[0],
                            .signal = (uint8_t)event[1],
                            .notify = (uint8_t)event[2],
                            .tid = event[3],
                            .group = p->cur->group,
                            .id = p->grp->next_timer};
    cpu_clock(p, a[0], &t.cpu);
    t.value = a[1] ? event[0] : t.id;
    if (!good_event(p, &t))
        return -EINVAL;
    e = space_write(p->space, a[2], &t.id, 4);
    if (e)
        return e;
    p->grp->next_timer = (t.id + 1) & INT32_MAX;
    p->timer[row] = t;
    return 0;
}

static struct posix_timer *timer_of(struct process *p, uint32_t id)
{
    for (uint32_t i = 0; i < PROC_TIMERS; i++)
        if (p->timer[i].used && p->timer[i].id == id && p->timer[i].group == p->cur->group)
            return &p->timer[i];
    return NULL;
}

/* What a timer's owner is told: interval, and what is left until it rings. */
static int32_t put_posix(struct process *p, const struct posix_timer *t, uint32_t at, bool wide)
{
    uint64_t now = timer_now(p, t), next = t->t.next, left = 0, times;

    if (next && t->t.interval && (t->resting || t->notify == NOTIFY_NONE))
        next = timer_forward(next, t->t.interval, now, &times);
    if (next)
        left = next > now ? next - now : t->notify != NOTIFY_NONE;
    int32_t e = put_timespec(p, at, t->t.interval, wide);
    return e ? e : put_timespec(p, at + (wide ? 16 : 8), left, wide);
}

static int32_t set_posix(struct process *p, const uint32_t *a, bool wide)
{
    struct posix_timer *t = timer_of(p, a[0]), old;
    uint64_t interval, value, base;

    if (!a[2])
        return -EINVAL;
    int32_t e = read_timespec(p, a[2], wide, &interval);
    if (!e)
        e = read_timespec(p, a[2] + (wide ? 16 : 8), wide, &value);
    if (!e && !t)
        e = -EINVAL;
    if (e)
        return e;
    old = *t;
    withdraw(p, t);
    t->resting = false;
    t->missed = t->overrun = 0;
    t->t = (struct guest_timer){0, value ? interval : 0};
    if (value && (a[1] & TIMER_ABSTIME)) {
        base = !t->cpu.kind && clock_of_epoch(t->clock) ? p->epoch * NS : 0;
        t->t.next = value > base ? value - base : 1;
    } else if (value) {
        t->t.next = timer_now(p, t) + value;
    }
    return a[3] ? put_posix(p, &old, a[3], wide) : 0;
}

CALL(timer_settime)
{
    return set_posix(p, a, false);
}
CALL(timer_settime64)
{
    return set_posix(p, a, true);
}

static int32_t get_posix(struct process *p, const uint32_t *a, bool wide)
{
    struct posix_timer *t = timer_of(p, a[0]);

    return t ? put_posix(p, t, a[1], wide) : -EINVAL;
}

CALL(timer_gettime)
{
    return get_posix(p, a, false);
}
CALL(timer_gettime64)
{
    return get_posix(p, a, true);
}

CALL(timer_getoverrun)
{
    struct posix_timer *t = timer_of(p, a[0]);

    return t ? (int32_t)(t->overrun & INT32_MAX) : -EINVAL;
}

CALL(timer_delete)
{
    struct posix_timer *t = timer_of(p, a[0]);

    if (!t)
        return -EINVAL;
    withdraw(p, t);
    t->used = false;
    return 0;
}

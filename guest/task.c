/* SPDX-License-Identifier: MIT */
/*
 * Tasks on the one simulated processor.
 *
 * A call that must wait does not wait here: it says what for (task_block), and the task's EIP goes
 * back to its int 0x80, so that it makes the same call again once it has been woken. A signal's
 * handler that comes between ends the call with EINTR, or lets it be made again after the handler
 * (SA_RESTART). So a waiting task is nothing but its registers and a few words.
 *
 * A task is taken off the processor when it waits or ends, or by an instruction deadline, which is
 * set only while others want to run or the clock will ring: alone, a program is never stopped. Who
 * is next is decided by row number from the last one on, so runs are deterministic. When all wait,
 * the clock is set forward to the first moment at which one need not; when there is none, the run
 * ends with one loud line. The run is the first process's: when that has ended, the others have a
 * second of the guest's clock to do so too.
 *
 * A processor's registers belong to a task as struct vm_context; an address space is its CR3.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

enum {
    QUANTUM = 100000,       /* instructions a task runs while others want to */
    TIMER_STEP = 2000,      /* at least, between two looks at a clock that counts cycles */
    AFTERLIFE = 1000000000, /* ns that other processes have when the first has ended */
    INIT_PID = 1
};

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* ---- rows ---- */

void task_make_current(struct process *p, uint32_t row)
{
    p->current = row;
    p->cur = &p->task[row];
    p->grp = &p->group[p->cur->group];
    p->space = &p->spaces[p->cur->space];
    p->files = &p->file_table[p->cur->files];
    p->place = &p->places[p->cur->place];
    p->fd = p->files->fd;
}

void process_row_used(struct process *p, uint32_t row)
{
    if (p->rows <= row)
        p->rows = row + 1;
}

int task_new_row(struct process *p)
{
    for (uint32_t i = 0; i < PROC_TASKS; i++)
        if (p->task[i].state == TASK_FREE) {
            memset(&p->task[i], 0, sizeof p->task[i]);
            process_row_used(p, i);
            return (int)i;
        }
    return -EAGAIN;
}

struct task *task_by_tid(struct process *p, uint32_t tid)
{
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state != TASK_FREE && p->task[i].tid == tid)
            return &p->task[i];
    return NULL;
}

struct group *group_by_pid(struct process *p, uint32_t pid)
{
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->group[i].used && p->group[i].tgid == pid)
            return &p->group[i];
    return NULL;
}

/* ---- waiting ---- */

int32_t task_block(struct process *p, enum wait_kind kind, uint64_t key, uint64_t until,
                   enum restart rule)
{
    struct task *t = p->cur;

    t->state = TASK_BLOCKED;
    t->wait = (uint8_t)kind;
    t->wait_key = key;
    t->wait_until = until;
    t->wait_order = p->order++;
    t->wait_bits = WAIT_ANY;
    t->left.at = 0;
    t->restart_rule = (uint8_t)rule;
    t->restarting = true;
    t->woken = false;
    usage_switch(p, t, true);
    if (signal_waits(p, t)) /* it came before the wait: the call goes on to see it */
        task_run(p, t);
    return SYS_BLOCK;
}

void task_run(struct process *p, struct task *t)
{
    (void)p;
    t->state = TASK_RUN;
    t->wait = WAIT_NONE;
}

struct task *task_waiting(struct process *p, enum wait_kind kind, uint64_t key, uint32_t bits)
{
    struct task *first = NULL;

    for (uint32_t i = 0; i < p->rows; i++) {
        struct task *t = &p->task[i];
        if (t->state == TASK_BLOCKED && t->wait == kind && t->wait_key == key &&
            (t->wait_bits & bits) && (!first || t->wait_order < first->wait_order))
            first = t;
    }
    return first;
}

uint32_t task_wake(struct process *p, enum wait_kind kind, uint64_t key, uint32_t max,
                   uint32_t bits)
{
    uint32_t n = 0;
    struct task *t;

    while (n < max && (t = task_waiting(p, kind, key, bits))) {
        t->woken = true;
        task_run(p, t);
        n++;
    }
    return n;
}

/* ---- ends ---- */

void group_reap(struct group *g)
{
    g->used = g->zombie = false;
}

/* Its parent hears of its end, and may not want to. */
static void tell_end(struct process *p, struct group *g, struct group *parent)
{
    if (g->exit_signal) {
        const struct sigaction_guest *act = group_act(p, parent, GSIGCHLD);
        bool quiet = g->exit_signal == GSIGCHLD &&
                     (act->handler == GSIG_IGN || (act->flags & 2 /* SA_NOCLDWAIT */));
        struct siginfo_guest info = {.code = g->status & 0x7f ? 2 : 1,
                                     .field = {g->tgid, GUEST_UID,
                                               g->status & 0x7f ? (uint32_t)g->status & 0x7f
                                                                : (uint32_t)g->status >> 8 & 0xff}};
        signal_to_group(p, parent, (int)g->exit_signal, &info);
        if (quiet)
            group_reap(g);
    }
    task_wake(p, WAIT_CHILD, group_row(p, parent), UINT32_MAX, WAIT_ANY);
}

/* Who takes the children of a process that ends: the next ancestor that has said it would, or init
 * (NULL). */
static struct group *reaper(struct process *p, const struct group *g)
{
    struct group *a = group_by_pid(p, g->ppid);

    while (a && !(a->subreaper && a->refs))
        a = group_by_pid(p, a->ppid);
    return a;
}

/* A process group that has lost its last connection, `child`'s by its parent: if it is stopped, it
 * is told, and goes on. */
static void connection_lost(struct process *p, const struct group *child,
                            const struct group *parent, const struct group *but)
{
    bool stopped = false;
    uint32_t pgid = child->pgid;

    if (!parent || parent->pgid == pgid || parent->sid != child->sid ||
        !group_orphaned(p, pgid, but))
        return;
    for (uint32_t i = 0; i < p->rows; i++)
        stopped |= p->group[i].used && p->group[i].pgid == pgid && p->group[i].stopped;
    for (uint32_t i = 0; i < p->rows && stopped; i++)
        if (p->group[i].used && p->group[i].pgid == pgid) {
            signal_to_group(p, &p->group[i], GSIGHUP, NULL);
            signal_to_group(p, &p->group[i], GSIGCONT, NULL);
        }
}

static void orphan(struct process *p, struct group *c, const struct group *g, struct group *to)
{
    struct siginfo_guest info = {.code = GSI_USER, .field = {g->tgid, GUEST_UID}};

    c->ppid = to ? to->tgid : INIT_PID;
    c->exit_signal = GSIGCHLD;
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state != TASK_FREE && &p->group[p->task[i].group] == c &&
            p->task[i].death_signal)
            signal_to_group(p, c, p->task[i].death_signal, &info);
    if (!c->zombie)
        connection_lost(p, c, g, NULL);
    if (c->zombie && to)
        tell_end(p, c, to);
    else if (c->zombie)
        group_reap(c);
}

/* The last task has gone: children go to another, the parent hears of it, and whoever polls. */
static void group_gone(struct process *p, struct group *g)
{
    struct group *parent = group_by_pid(p, g->ppid), *to = reaper(p, g);

    timers_of_group_end(p, g);
    sigqueue_drop(p, &g->queue, UINT64_MAX);
    p->actions[g->actions].refs--;
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->group[i].used && p->group[i].ppid == g->tgid)
            orphan(p, &p->group[i], g, to);
    connection_lost(p, g, parent, g);
    g->zombie = true;
    if (g->tgid == GUEST_PID) {
        p->ended = true;
        p->end_by = process_now_ns(p) + AFTERLIFE;
        p->signal = g->status & 0x7f;
        p->status = p->signal ? 128 + p->signal : g->status >> 8 & 0xff;
    }
    if (parent)
        tell_end(p, g, parent);
    else
        group_reap(g);
    task_wake(p, WAIT_POLL, 0, UINT32_MAX, WAIT_ANY);
}

void task_exit(struct process *p, struct task *t, int status)
{
    struct group *g = &p->group[t->group];

    if (t->state == TASK_FREE)
        return;
    usage_charge(p);
    usage_memory(g, &p->spaces[t->space]);
    futex_task_end(p, t);
    fifo_task_end(p, t);
    sigqueue_drop(p, &t->queue, UINT64_MAX);
    t->state = TASK_FREE;
    files_unref(p, t->files);
    p->places[t->place].refs--;
    if (!--p->spaces[t->space].refs)
        space_clear(&p->spaces[t->space]);
    task_wake(p, WAIT_VFORK, t->tid, 1, WAIT_ANY);
    if (!g->exiting)
        g->status = status;
    if (!--g->refs)
        group_gone(p, g);
}

void group_exit(struct process *p, struct group *g, int status)
{
    uint32_t row = group_row(p, g);

    if (g->exiting || !g->refs)
        return;
    g->exiting = true;
    g->status = status;
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state != TASK_FREE && p->task[i].group == row)
            task_exit(p, &p->task[i], status);
}

CALL(exit)
{
    task_exit(p, p->cur, (int)(a[0] & 0xff) << 8);
    return SYS_NO_RESULT;
}

CALL(exit_group)
{
    group_exit(p, p->grp, (int)(a[0] & 0xff) << 8);
    return SYS_NO_RESULT;
}

/* ---- the processor changes hands ---- */

static bool runnable(const struct process *p, const struct task *t)
{
    return t->state == TASK_RUN && !p->group[t->group].stopped;
}

static uint64_t clock_per_ms(const struct process *p)
{
    const struct mdesc *m = vm_mdesc(p->vm);

    return m->guest_clock == CLOCK_CYCLES ? m->core_mhz * 1000ull : m->guest_clock_hz_k;
}

/* Sleepers whose time has come. Gives the next such moment. */
static uint64_t wake_sleepers(struct process *p)
{
    uint64_t now = process_now_ns(p), next = UINT64_MAX;

    for (uint32_t i = 0; i < p->rows; i++) {
        struct task *t = &p->task[i];
        if (t->state != TASK_BLOCKED || t->wait_until == UINT64_MAX)
            continue;
        if (t->wait_until <= now)
            task_run(p, t);
        else if (t->wait_until < next)
            next = t->wait_until;
    }
    return next;
}

static uint64_t next_event(struct process *p)
{
    uint64_t t = timers_next(p);

    return p->ended && p->end_by < t ? p->end_by : t;
}

static void set_deadline(struct process *p, uint64_t next_ns)
{
    uint64_t now = process_now_ns(p), n = UINT64_MAX;
    uint32_t ready = 0;

    for (uint32_t i = 0; i < p->rows; i++)
        ready += runnable(p, &p->task[i]);
    if (ready > 1)
        n = QUANTUM;
    if (next_ns != UINT64_MAX) {
        uint64_t ns = next_ns > now ? next_ns - now : 0;
        uint64_t ticks = ns < 1000000000u ? ns * clock_per_ms(p) / 1000000 + 1 : QUANTUM * 10ull;
        if (vm_mdesc(p->vm)->guest_clock == CLOCK_CYCLES) {
            ticks /= 4; /* an instruction takes as long as it takes: get there in steps */
            if (ticks < TIMER_STEP)
                ticks = TIMER_STEP;
        }
        if (ticks < n)
            n = ticks;
    }
    vm_set_deadline(p->vm, n == UINT64_MAX ? n : vm_retired(p->vm) + n);
}

static void switch_to(struct process *p, uint32_t row)
{
    struct task *from = p->cur, *to = &p->task[row];

    usage_charge(p);
    if (from->state == TASK_RUN)
        usage_switch(p, from, false);
    if (from->state != TASK_FREE)
        vm_get_context(p->vm, &from->regs);
    from->stale |= p->state_changed;
    p->state_changed |= segments_differ(from, to);
    task_make_current(p, row);
    to->regs.r[G_CR3] = p->space->cr3;
    vm_set_context(p->vm, &to->regs);
    p->space_changed = true;
    p->switches++;
}

static void stuck(struct process *p)
{
    if (!p->ended) {
        shared_flush_all(&p->frames);
        fprintf(p->log, "chrysalis: every guest task waits for what nobody can bring about\n");
        p->signal = GSIGKILL;
        p->status = 128 + GSIGKILL;
    }
}

/* Chooses a task that can run; false: there is none, and the run is over. */
static bool choose(struct process *p, bool rotate)
{
    for (;;) {
        timers_expire(p);
        if (p->ended && process_now_ns(p) >= p->end_by)
            for (uint32_t i = 0; i < p->rows; i++)
                if (p->group[i].used)
                    group_exit(p, &p->group[i], GSIGKILL);
        uint64_t next = wake_sleepers(p), timer = next_event(p);
        bool any = false;
        for (uint32_t k = rotate ? 1 : 0; k < p->rows + 1; k++) {
            uint32_t row = (p->current + k) % p->rows;
            if (runnable(p, &p->task[row])) {
                if (row != p->current)
                    switch_to(p, row);
                return true;
            }
            any |= p->task[row].state != TASK_FREE;
        }
        if (timer < next)
            next = timer;
        if (!any || next == UINT64_MAX) {
            if (any)
                stuck(p);
            p->exited = true;
            return false;
        }
        p->skew += next - process_now_ns(p); /* nothing to run until then */
    }
}

static void resume(struct process *p, bool rotate)
{
    for (;;) {
        if (!choose(p, rotate))
            break;
        rotate = false;
        signals_deliver(p);
        if (runnable(p, p->cur))
            break;
    }
    if (p->exited) {
        vm_request_stop(p->vm);
        return;
    }
    p->space_changed |= p->space->changed;
    p->space->changed = false;
    uint64_t next = wake_sleepers(p), timer = next_event(p);
    set_deadline(p, next < timer ? next : timer);
}

void process_resume(struct process *p)
{
    resume(p, p->cur->state == TASK_FREE);
}

void process_preempt(struct process *p)
{
    resume(p, true);
}

CALL(sched_yield)
{
    p->yield = true;
    return 0;
}

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
enum {
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_VFORK = 0x4000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_CHILD_SETTID = 0x1000000,
    CLONE_NAMESPACES = 0x7e020080
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
    p->fd = p->files->fd;
}

int task_new_row(struct process *p)
{
    for (int i = 0; i < PROC_TASKS; i++)
        if (p->task[i].state == TASK_FREE) {
            memset(&p->task[i], 0, sizeof p->task[i]);
            return i;
        }
    return -EAGAIN;
}

struct task *task_by_tid(struct process *p, uint32_t tid)
{
    for (uint32_t i = 0; i < PROC_TASKS; i++)
        if (p->task[i].state != TASK_FREE && p->task[i].tid == tid)
            return &p->task[i];
    return NULL;
}

struct group *group_by_pid(struct process *p, uint32_t pid)
{
    for (uint32_t i = 0; i < PROC_TASKS; i++)
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
    t->restart_rule = (uint8_t)rule;
    t->restarting = true;
    t->woken = false;
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

uint32_t task_wake(struct process *p, enum wait_kind kind, uint64_t key, uint32_t max)
{
    uint32_t n = 0;

    while (n < max) {
        struct task *first = NULL;
        for (uint32_t i = 0; i < PROC_TASKS; i++) {
            struct task *t = &p->task[i];
            if (t->state == TASK_BLOCKED && t->wait == kind && t->wait_key == key &&
                (!first || t->wait_order < first->wait_order))
                first = t;
        }
        if (!first)
            break;
        first->woken = true;
        task_run(p, first);
        n++;
    }
    return n;
}

/* ---- ends ---- */

static void reap(struct process *p, struct group *g)
{
    (void)p;
    g->used = g->zombie = false;
}

/* The last task has gone: children go to init, the parent hears of it. */
static void group_gone(struct process *p, struct group *g)
{
    struct group *parent = group_by_pid(p, g->ppid);

    memset(g->timer, 0, sizeof g->timer);
    for (uint32_t i = 0; i < PROC_TASKS; i++) {
        struct group *c = &p->group[i];
        if (c->used && c->ppid == g->tgid) {
            c->ppid = INIT_PID;
            if (c->zombie)
                reap(p, c);
        }
    }
    g->zombie = true;
    if (g->tgid == GUEST_PID) {
        p->ended = true;
        p->end_by = process_now_ns(p) + AFTERLIFE;
        p->signal = g->status & 0x7f;
        p->status = p->signal ? 128 + p->signal : g->status >> 8 & 0xff;
    }
    if (!parent) {
        reap(p, g);
        return;
    }
    if (g->exit_signal) {
        const struct sigaction_guest *act = &parent->act[GSIGCHLD];
        bool quiet = g->exit_signal == GSIGCHLD &&
                     (act->handler == GSIG_IGN || (act->flags & 2 /* SA_NOCLDWAIT */));
        struct siginfo_guest info = {.code = g->status & 0x7f ? 2 : 1,
                                     .field = {g->tgid, GUEST_UID,
                                               g->status & 0x7f ? (uint32_t)g->status & 0x7f
                                                                : (uint32_t)g->status >> 8 & 0xff}};
        signal_to_group(p, parent, (int)g->exit_signal, &info);
        if (quiet)
            reap(p, g);
    }
    task_wake(p, WAIT_CHILD, group_row(p, parent), UINT32_MAX);
}

void task_exit(struct process *p, struct task *t, int status)
{
    struct group *g = &p->group[t->group];
    uint32_t zero = 0, current = p->current;

    if (t->state == TASK_FREE)
        return;
    if (t->clear_tid && p->spaces[t->space].refs > 1) {
        task_make_current(p, (uint32_t)(t - p->task));
        if (!space_write(p->space, t->clear_tid, &zero, 4))
            futex_wake_at(p, t->clear_tid, 1);
        task_make_current(p, current);
    }
    t->state = TASK_FREE;
    files_unref(p, t->files);
    if (!--p->spaces[t->space].refs)
        space_clear(&p->spaces[t->space]);
    task_wake(p, WAIT_VFORK, t->tid, 1);
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
    for (uint32_t i = 0; i < PROC_TASKS; i++)
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

    for (uint32_t i = 0; i < PROC_TASKS; i++) {
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

static uint64_t next_event(const struct process *p)
{
    uint64_t t = timers_next(p);

    return p->ended && p->end_by < t ? p->end_by : t;
}

static void set_deadline(struct process *p, uint64_t next_ns)
{
    uint64_t now = process_now_ns(p), n = UINT64_MAX;
    uint32_t ready = 0;

    for (uint32_t i = 0; i < PROC_TASKS; i++)
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

    if (from->state != TASK_FREE)
        vm_get_context(p->vm, &from->regs);
    task_make_current(p, row);
    to->regs.r[G_CR3] = p->space->cr3;
    vm_set_context(p->vm, &to->regs);
    p->space_changed = true;
    p->switches++;
}

static void stuck(struct process *p)
{
    if (!p->ended) {
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
            for (uint32_t i = 0; i < PROC_TASKS; i++)
                if (p->group[i].used)
                    group_exit(p, &p->group[i], GSIGKILL);
        uint64_t next = wake_sleepers(p), timer = next_event(p);
        bool any = false;
        for (uint32_t k = rotate ? 1 : 0; k < PROC_TASKS + 1; k++) {
            uint32_t row = (p->current + k) % PROC_TASKS;
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

/* ---- new tasks ---- */

struct clone_args {
    uint64_t flags;
    uint32_t exit_signal, stack, parent_tid, child_tid, tls;
};

static int copy_files(struct process *p, struct task *t, bool share)
{
    if (share) {
        t->files = p->cur->files;
        p->files->refs++;
        return 0;
    }
    for (uint32_t i = 0; i < PROC_TASKS; i++)
        if (!p->file_table[i].refs) {
            p->file_table[i] = *p->files;
            p->file_table[i].refs = 1;
            for (uint32_t k = 0; k < PROC_FDS; k++)
                if (p->fd[k].used)
                    p->open[p->fd[k].open].refs++;
            t->files = (uint16_t)i;
            return 0;
        }
    return -EAGAIN;
}

static int copy_space(struct process *p, struct task *t, bool share)
{
    if (share) {
        t->space = p->cur->space;
        p->space->refs++;
        return 0;
    }
    for (uint32_t i = 0; i < PROC_TASKS; i++)
        if (!p->spaces[i].refs) {
            int e = space_fork(&p->spaces[i], p->space);
            if (e)
                return e;
            p->spaces[i].refs = 1;
            t->space = (uint16_t)i;
            return 0;
        }
    return -EAGAIN;
}

static int copy_group(struct process *p, struct task *t, const struct clone_args *c)
{
    if (c->flags & CLONE_THREAD) {
        t->group = p->cur->group;
        p->grp->refs++;
        return 0;
    }
    for (uint32_t i = 0; i < PROC_TASKS; i++) {
        struct group *g = &p->group[i];
        if (g->used)
            continue;
        *g = *p->grp;
        g->refs = 1;
        g->zombie = g->exiting = g->stopped = g->stop_told = false;
        memset(&g->queue, 0, sizeof g->queue);
        memset(g->timer, 0, sizeof g->timer);
        g->tgid = t->tid;
        if (!(c->flags & CLONE_PARENT))
            g->ppid = p->grp->tgid;
        g->exit_signal = c->exit_signal;
        t->group = (uint16_t)i;
        return 0;
    }
    return -EAGAIN;
}

static int set_tls(struct process *p, struct task *t, uint32_t at)
{
    uint32_t d[4];
    int e = space_read(p->space, at, d, sizeof d);

    if (e)
        return e;
    uint32_t sel = d[0] << 3 | 3;
    if (!segment_tls(t, d))
        return -EINVAL;
    if (t->regs.r[G_SEL2] >> 16 == sel)
        t->regs.r[G_GSBASE] = d[1];
    if ((t->regs.r[G_SEL2] & 0xffff) == sel)
        t->regs.r[G_FSBASE] = d[1];
    return 0;
}

static int32_t do_clone(struct process *p, const struct clone_args *c)
{
    uint32_t flags = (uint32_t)c->flags;
    int row;

    if (((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) ||
        ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) || (flags & CLONE_NAMESPACES) ||
        c->exit_signal >= NSIG_GUEST)
        return -EINVAL;
    row = task_new_row(p);
    if (row < 0)
        return row;
    struct task *t = &p->task[row], *me = p->cur;
    *t = *me;
    t->state = TASK_FREE; /* until nothing can fail any more */
    memset(&t->queue, 0, sizeof t->queue);
    t->restarting = t->woken = t->restore_mask = false;
    t->clear_tid = t->robust_list = 0;
    if ((flags & CLONE_VM) && !(flags & CLONE_VFORK))
        t->alt_sp = t->alt_size = 0;
    vm_get_context(p->vm, &t->regs);
    t->regs.r[G_EAX] = 0;
    if (c->stack)
        t->regs.r[G_ESP] = c->stack;
    int e = flags & CLONE_SETTLS ? set_tls(p, t, c->tls) : 0;
    if (e)
        return e;
    t->tid = ++p->next_tid;
    e = copy_files(p, t, flags & CLONE_FILES);
    if (e)
        return e;
    e = copy_space(p, t, flags & CLONE_VM);
    if (e) {
        files_unref(p, t->files);
        return e;
    }
    e = copy_group(p, t, c);
    if (e) {
        files_unref(p, t->files);
        if (!--p->spaces[t->space].refs)
            space_clear(&p->spaces[t->space]);
        return e;
    }
    if (flags & CLONE_PARENT_SETTID)
        space_write(p->space, c->parent_tid, &t->tid, 4);
    if (flags & CLONE_CHILD_SETTID)
        space_write(&p->spaces[t->space], c->child_tid, &t->tid, 4);
    if (flags & CLONE_CHILD_CLEARTID)
        t->clear_tid = c->child_tid;
    t->state = TASK_RUN;
    if (flags & CLONE_VFORK) {
        vm_set_reg(p->vm, GUEST_REG0 + G_EAX, t->tid);
        me->state = TASK_BLOCKED;
        me->wait = WAIT_VFORK;
        me->wait_key = t->tid;
        me->wait_until = UINT64_MAX;
        return SYS_NO_RESULT;
    }
    return (int32_t)t->tid;
}

CALL(fork)
{
    return do_clone(p, &(struct clone_args){.exit_signal = GSIGCHLD});
}

CALL(vfork)
{
    return do_clone(p,
                    &(struct clone_args){.flags = CLONE_VM | CLONE_VFORK, .exit_signal = GSIGCHLD});
}

CALL(clone)
{
    return do_clone(p, &(struct clone_args){.flags = a[0] & ~0xffu,
                                            .exit_signal = a[0] & 0xff,
                                            .stack = a[1],
                                            .parent_tid = a[2],
                                            .tls = a[3],
                                            .child_tid = a[4]});
}

CALL(clone3)
{
    enum { FLAGS, PIDFD, CHILD, PARENT, SIGNAL, STACK, STACK_SIZE, TLS, WORDS };
    uint64_t w[WORDS];

    if (a[1] < sizeof w || a[1] > PAGE)
        return -EINVAL;
    int e = space_read(p->space, a[0], w, sizeof w);
    if (e)
        return e;
    if (w[FLAGS] >> 32 || (w[FLAGS] & 0xff) || !w[STACK] != !w[STACK_SIZE])
        return -EINVAL;
    return do_clone(p, &(struct clone_args){.flags = w[FLAGS],
                                            .exit_signal = (uint32_t)w[SIGNAL],
                                            .stack = (uint32_t)(w[STACK] + w[STACK_SIZE]),
                                            .parent_tid = (uint32_t)w[PARENT],
                                            .child_tid = (uint32_t)w[CHILD],
                                            .tls = (uint32_t)w[TLS]});
}

/* ---- waiting for children ---- */

enum { W_NOHANG = 1, W_UNTRACED = 2, W_EXITED = 4, W_CONTINUED = 8, W_NOWAIT = 0x1000000 };

static bool wanted(const struct process *p, const struct group *c, int32_t pid)
{
    if (!c->used || c->ppid != p->grp->tgid)
        return false;
    return pid == -1 || (pid > 0 && c->tgid == (uint32_t)pid) ||
           (pid == 0 && c->pgid == p->grp->pgid) || (pid < -1 && c->pgid == 0u - (uint32_t)pid);
}

/* The child to report, or 0 with *none if there never will be one. */
static struct group *find_child(struct process *p, int32_t pid, uint32_t options, bool *none)
{
    struct group *best = NULL;

    *none = true;
    for (uint32_t i = 0; i < PROC_TASKS; i++) {
        struct group *c = &p->group[i];
        if (!wanted(p, c, pid))
            continue;
        *none = false;
        bool report = (c->zombie && (options & W_EXITED)) ||
                      (c->stopped && !c->stop_told && (options & W_UNTRACED));
        if (report && (!best || c->tgid < best->tgid))
            best = c;
    }
    return best;
}

static int32_t put_usage(struct process *p, uint32_t at)
{
    uint32_t r[18] = {0};

    return at ? space_write(p->space, at, r, sizeof r) : 0;
}

CALL(wait4)
{
    bool none;
    int32_t e;
    uint32_t pid, status;

    if (a[2] & ~(uint32_t)(W_NOHANG | W_UNTRACED | W_CONTINUED | 0xe0000000u))
        return -EINVAL;
    struct group *c =
        find_child(p, (int32_t)a[0], (a[2] & (W_NOHANG | W_UNTRACED)) | W_EXITED, &none);
    if (none)
        return -ECHILD;
    if (!c)
        return a[2] & W_NOHANG
                   ? 0
                   : task_block(p, WAIT_CHILD, group_row(p, p->grp), UINT64_MAX, RESTART_SYS);
    pid = c->tgid;
    status = c->zombie ? (uint32_t)c->status : 0x7f | GSIGSTOP << 8;
    e = a[1] ? space_write(p->space, a[1], &status, 4) : 0;
    if (!e)
        e = put_usage(p, a[3]);
    if (c->zombie)
        reap(p, c);
    else
        c->stop_told = true;
    return e ? e : (int32_t)pid;
}

CALL(waitpid)
{
    const uint32_t b[4] = {a[0], a[1], a[2], 0};

    return sys_wait4(p, b);
}

CALL(waitid)
{
    enum { ID_ALL, ID_PID, ID_PGID };
    int32_t pid = a[0] == ID_ALL ? -1 : a[0] == ID_PID ? (int32_t)a[1] : (int32_t)(0u - a[1]);
    uint32_t info[32] = {0};
    bool none;

    if (a[0] > ID_PGID || !(a[3] & (W_EXITED | W_UNTRACED | W_CONTINUED)) ||
        (a[0] != ID_ALL && (int32_t)a[1] <= 0))
        return -EINVAL;
    struct group *c = find_child(p, pid, a[3], &none);
    if (none)
        return -ECHILD;
    if (!c && !(a[3] & W_NOHANG))
        return task_block(p, WAIT_CHILD, group_row(p, p->grp), UINT64_MAX, RESTART_SYS);
    if (c) {
        uint32_t sig = c->zombie ? (uint32_t)c->status & 0x7f : GSIGSTOP;
        info[0] = GSIGCHLD;
        info[2] = !c->zombie ? 5 : sig ? 2 : 1;
        info[3] = c->tgid;
        info[4] = GUEST_UID;
        info[5] = sig ? sig : (uint32_t)c->status >> 8 & 0xff;
    }
    int32_t e = a[2] ? space_write(p->space, a[2], info, sizeof info) : 0;
    if (!e)
        e = put_usage(p, a[4]);
    if (c && !(a[3] & W_NOWAIT)) {
        if (c->zombie)
            reap(p, c);
        else
            c->stop_told = true;
    }
    return e;
}

/* ---- who is who ---- */

CALL(getpid)
{
    return (int32_t)p->grp->tgid;
}
CALL(gettid)
{
    return (int32_t)p->cur->tid;
}
CALL(getppid)
{
    return (int32_t)p->grp->ppid;
}
CALL(getpgrp)
{
    return (int32_t)p->grp->pgid;
}

static struct group *group_or_self(struct process *p, uint32_t pid)
{
    return pid ? group_by_pid(p, pid) : p->grp;
}

CALL(getpgid)
{
    struct group *g = group_or_self(p, a[0]);
    return g ? (int32_t)g->pgid : -ESRCH;
}
CALL(getsid)
{
    struct group *g = group_or_self(p, a[0]);
    return g ? (int32_t)g->sid : -ESRCH;
}

CALL(setpgid)
{
    struct group *g = group_or_self(p, a[0]);
    uint32_t pgid = a[1];

    if ((int32_t)pgid < 0)
        return -EINVAL;
    if (!g || (g != p->grp && g->ppid != p->grp->tgid))
        return -ESRCH;
    if (g->sid == g->tgid || g->sid != p->grp->sid)
        return -EPERM;
    if (!pgid)
        pgid = g->tgid;
    bool found = pgid == g->tgid;
    for (uint32_t i = 0; i < PROC_TASKS && !found; i++)
        found = p->group[i].used && p->group[i].pgid == pgid && p->group[i].sid == g->sid;
    if (!found)
        return -EPERM;
    g->pgid = pgid;
    return 0;
}

CALL(setsid)
{
    for (uint32_t i = 0; i < PROC_TASKS; i++)
        if (p->group[i].used && p->group[i].pgid == p->grp->tgid)
            return -EPERM;
    p->grp->sid = p->grp->pgid = p->grp->tgid;
    return (int32_t)p->grp->tgid;
}

CALL(set_tid_address)
{
    p->cur->clear_tid = a[0];
    return (int32_t)p->cur->tid;
}

CALL(set_robust_list)
{
    p->cur->robust_list = a[0];
    return a[1] == 12 ? 0 : -EINVAL;
}

CALL(sched_getaffinity)
{
    uint32_t one = 1;

    if (a[1] < 4 || a[1] % 4)
        return -EINVAL;
    if (a[0] && !task_by_tid(p, a[0]))
        return -ESRCH;
    int32_t e = space_write(p->space, a[2], &one, 4);
    return e ? e : 4;
}

CALL(sched_setaffinity)
{
    return a[0] && !task_by_tid(p, a[0]) ? -ESRCH : 0;
}

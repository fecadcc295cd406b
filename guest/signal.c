/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, blocking, and what a process does about them. They are delivered at the end of
 * host calls, when a task is about to go on: by default action here, to a handler by a frame on the
 * task's stack (sigframe.c).
 *
 * A signal is pending once, however often it is sent (also the real-time ones: see quirks).
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { GSA_NOCLDSTOP = 1, GSA_NOCLDWAIT = 2, GSA_RESTART = 0x10000000, GSA_NODEFER = 0x40000000 };
#define GSA_RESETHAND 0x80000000u
#define BIT(sig)      (1ull << ((sig)-1))
#define UNBLOCKABLE   (BIT(GSIGKILL) | BIT(GSIGSTOP))
#define STOPPING      (BIT(GSIGSTOP) | BIT(GSIGTSTP) | BIT(GSIGTTIN) | BIT(GSIGTTOU))
#define SYNCHRONOUS                                                                                \
    (BIT(GSIGSEGV) | BIT(GSIGBUS) | BIT(GSIGILL) | BIT(GSIGTRAP) | BIT(GSIGFPE) | BIT(GSIGSYS))

static bool ignored_by_default(int s)
{
    return s == GSIGCHLD || s == GSIGCONT || s == GSIGURG || s == GSIGWINCH;
}

static bool ignored(const struct group *g, int s)
{
    uint32_t h = g->act[s].handler;

    return h == GSIG_IGN || (h == GSIG_DFL && ignored_by_default(s));
}

static bool deadly(const struct group *g, int s)
{
    return s == GSIGKILL ||
           (g->act[s].handler == GSIG_DFL && !ignored_by_default(s) && !(STOPPING & BIT(s)));
}

bool signal_waits(const struct process *p, const struct task *t)
{
    return ((t->queue.pending | p->group[t->group].queue.pending) & ~t->sigmask) != 0;
}

/* A blocked task whose wait a signal ends. */
static void interrupt(struct process *p, struct task *t, bool kill)
{
    if (t->state == TASK_BLOCKED && (kill || t->wait != WAIT_VFORK))
        task_run(p, t);
}

static void queue(struct sigqueue_guest *q, int s, const struct siginfo_guest *info)
{
    if (q->pending & BIT(s))
        return;
    q->pending |= BIT(s);
    if (info)
        q->info[s] = *info;
    else
        q->info[s] = (struct siginfo_guest){.code = GSI_KERNEL};
}

/* What a signal does the moment it is sent. False: nothing is left to deliver. */
static bool sent(struct process *p, struct group *g, uint64_t mask, int s)
{
    uint32_t row = group_row(p, g);

    if (s == GSIGCONT || s == GSIGKILL)
        g->stopped = g->stop_told = false;
    if (s == GSIGCONT || (STOPPING & BIT(s))) { /* each takes back the other */
        uint64_t drop = s == GSIGCONT ? STOPPING : BIT(GSIGCONT);
        g->queue.pending &= ~drop;
        for (uint32_t i = 0; i < PROC_TASKS; i++)
            if (p->task[i].state != TASK_FREE && p->task[i].group == row)
                p->task[i].queue.pending &= ~drop;
    }
    return !ignored(g, s) || (mask & BIT(s));
}

void signal_to_task(struct process *p, struct task *t, int s, const struct siginfo_guest *info)
{
    struct group *g = &p->group[t->group];

    if (!sent(p, g, t->sigmask, s))
        return;
    queue(&t->queue, s, info);
    if (!(t->sigmask & BIT(s)))
        interrupt(p, t, deadly(g, s));
}

void signal_to_group(struct process *p, struct group *g, int s, const struct siginfo_guest *info)
{
    struct task *taker = NULL;
    uint32_t row = group_row(p, g);
    uint64_t mask = UINT64_MAX;

    if (!g->refs)
        return;
    for (uint32_t i = 0; i < PROC_TASKS; i++) {
        struct task *t = &p->task[i];
        if (t->state == TASK_FREE || t->group != row)
            continue;
        mask &= t->sigmask;
        if (!(t->sigmask & BIT(s)) && (!taker || t->tid == g->tgid))
            taker = t;
    }
    if (!sent(p, g, mask, s))
        return;
    queue(&g->queue, s, info);
    if (taker || s == GSIGKILL)
        for (uint32_t i = 0; i < PROC_TASKS; i++) {
            struct task *t = &p->task[i];
            if (t->state != TASK_FREE && t->group == row && (t == taker || s == GSIGKILL))
                interrupt(p, t, deadly(g, s));
        }
}

void signal_force(struct process *p, int s, const struct siginfo_guest *info)
{
    struct sigaction_guest *act = &p->grp->act[s];

    if (act->handler == GSIG_IGN || (p->cur->sigmask & BIT(s))) {
        act->handler = GSIG_DFL;
        p->cur->sigmask &= ~BIT(s);
    }
    queue(&p->cur->queue, s, info);
}

/* What Linux makes of an IA-32 exception: signal and si_code; whether si_addr says where. */
enum where { AT_NONE, AT_EIP, AT_CR2 };
struct fault_cause {
    uint8_t vector, signal, code;
    enum where at;
};
static const struct fault_cause causes[] = {
    {0, GSIGFPE, 1 /* FPE_INTDIV */, AT_EIP},
    {1, GSIGTRAP, 2 /* TRAP_TRACE */, AT_EIP},
    {3, GSIGTRAP, GSI_KERNEL, AT_NONE},
    {4, GSIGSEGV, GSI_KERNEL, AT_NONE},
    {5, GSIGSEGV, GSI_KERNEL, AT_NONE},
    {6, GSIGILL, 2 /* ILL_ILLOPN */, AT_EIP},
    {11, GSIGBUS, GSI_KERNEL, AT_NONE},
    {12, GSIGBUS, GSI_KERNEL, AT_NONE},
    {13, GSIGSEGV, GSI_KERNEL, AT_NONE},
    {14, GSIGSEGV, 1 /* SEGV_MAPERR */, AT_CR2},
    {16, GSIGFPE, 0, AT_EIP},
    {17, GSIGBUS, 1 /* BUS_ADRALN */, AT_NONE},
    {18, GSIGBUS, GSI_KERNEL, AT_NONE},
    {19, GSIGFPE, 0, AT_EIP},
};

/* FPE_* of unmasked exception flags, in Linux's order of looking. */
static int32_t fp_code(uint32_t flags)
{
    return flags & 1 ? 7 : flags & 4 ? 3 : flags & 8 ? 4 : flags & 0x12 ? 5 : flags & 0x20 ? 6 : 0;
}

void signal_fault(struct process *p, const struct hc_fault *f)
{
    struct fault_cause c = {(uint8_t)f->vector, GSIGSEGV, GSI_KERNEL, AT_NONE};
    struct siginfo_guest info = {0};
    struct task *t = p->cur;

    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (causes[i].vector == f->vector)
            c = causes[i];
    t->trapno = f->vector;
    t->error = f->error;
    t->fault_eip = f->eip;
    info.code = c.code;
    if (c.at == AT_CR2) {
        t->cr2 = f->addr;
        if (space_ok(p->space, f->addr, 1, false))
            info.code = 2; /* SEGV_ACCERR */
        if (f->addr / PAGE >= SPACE_TOP_PAGE)
            t->error |= 1; /* Linux does not tell what it keeps up there */
        else if (!space_is_free(p->space, f->addr / PAGE, 1))
            info.code = 2;
    }
    if (f->vector == 16)
        info.code = fp_code(vm_special(p->vm, SR_FSW) & ~vm_special(p->vm, SR_FCW));
    info.field[0] = c.at == AT_CR2 ? f->addr : c.at == AT_EIP ? f->eip : 0;
    t->fault_signal = c.signal;
    signal_force(p, c.signal, &info);
}

void signals_forget_handlers(struct group *g)
{
    for (int s = 1; s < NSIG_GUEST; s++) {
        if (g->act[s].handler != GSIG_IGN)
            g->act[s].handler = GSIG_DFL;
        g->act[s].flags = g->act[s].restorer = 0;
        g->act[s].mask = 0;
    }
}

/* ---- delivery ---- */

static int take(struct process *p, struct task *t, struct siginfo_guest *info)
{
    struct sigqueue_guest *own = &t->queue, *all = &p->group[t->group].queue;
    uint64_t ready = own->pending & ~t->sigmask & SYNCHRONOUS;

    if (!ready)
        ready = (own->pending | all->pending) & ~t->sigmask;
    if (!ready)
        return 0;
    int s = ready & BIT(GSIGKILL) ? GSIGKILL : __builtin_ctzll(ready) + 1;
    struct sigqueue_guest *q = own->pending & BIT(s) ? own : all;
    q->pending &= ~BIT(s);
    *info = q->info[s];
    return s;
}

static void stop(struct process *p, struct group *g)
{
    struct group *parent = group_by_pid(p, g->ppid);

    g->stopped = true;
    g->stop_told = false;
    if (!parent)
        return;
    if (!(parent->act[GSIGCHLD].flags & GSA_NOCLDSTOP)) {
        struct siginfo_guest info = {.code = 5 /* CLD_STOPPED */, .field = {g->tgid, 0, GSIGSTOP}};
        signal_to_group(p, parent, GSIGCHLD, &info);
    }
    task_wake(p, WAIT_CHILD, group_row(p, parent), UINT32_MAX, WAIT_ANY);
}

static void die(struct process *p, int s)
{
    struct task *t = p->cur;

    if (t->fault_signal == s)
        fprintf(p->log,
                "chrysalis: guest exception %u (error %x, address %08x) at eip %08x: signal %d\n",
                t->trapno, t->error, t->trapno == 14 ? t->cr2 : 0, t->fault_eip, s);
    group_exit(p, p->grp, s);
}

/* The call that was waited in, now that a handler comes. */
static void end_call(struct process *p, const struct sigaction_guest *act)
{
    struct task *t = p->cur;

    if (!t->restarting)
        return;
    t->restarting = false;
    if (t->restart_rule == RESTART_SYS && (act->flags & GSA_RESTART) && !t->io_done)
        return; /* EIP is at the int 0x80, EAX has its number */
    sleep_interrupted(p, t);
    vm_set_reg(p->vm, GUEST_REG0 + G_EIP, vm_reg(p->vm, GUEST_REG0 + G_EIP) + 2);
    vm_set_reg(p->vm, GUEST_REG0 + G_EAX, t->io_done ? t->io_done : (uint32_t)-EINTR);
    t->io_done = 0;
}

void signals_deliver(struct process *p)
{
    struct task *t = p->cur;
    struct siginfo_guest info;
    int s;

    if (t->restarting && t->state == TASK_RUN && signal_waits(p, t))
        process_try_again(p);
    while (t->state == TASK_RUN && !p->grp->stopped && (s = take(p, t, &info))) {
        struct sigaction_guest *act = &p->grp->act[s], was = *act;
        if (was.handler == GSIG_IGN || (was.handler == GSIG_DFL && ignored_by_default(s)))
            continue;
        if (was.handler == GSIG_DFL || s == GSIGKILL || s == GSIGSTOP) {
            if (STOPPING & BIT(s)) {
                stop(p, p->grp);
                return;
            }
            die(p, s);
            return;
        }
        end_call(p, &was);
        if (p->cur->fault_signal == s)
            p->cur->fault_signal = 0;
        if (was.flags & GSA_RESETHAND)
            act->handler = GSIG_DFL;
        uint64_t mask = t->restore_mask ? t->saved_mask : t->sigmask;
        t->restore_mask = false;
        if (!sigframe_push(p, s, &info, &was, mask)) {
            struct siginfo_guest segv = {.code = GSI_KERNEL};
            fprintf(p->log,
                    "chrysalis: no room on the guest's stack for the handler of signal %d\n", s);
            if (s == GSIGSEGV)
                p->grp->act[s].handler = GSIG_DFL;
            signal_force(p, GSIGSEGV, &segv);
            continue;
        }
        t->sigmask |= was.mask;
        if (!(was.flags & GSA_NODEFER))
            t->sigmask |= BIT(s);
        t->sigmask &= ~UNBLOCKABLE;
    }
    if (t->restore_mask && t->state == TASK_RUN && !t->restarting) {
        t->restore_mask = false;
        t->sigmask = t->saved_mask;
    }
}

/* ---- system calls ---- */

CALL(rt_sigaction)
{
    uint32_t w[5], sig = a[0];
    int32_t e;

    if (!sig || sig >= NSIG_GUEST || a[3] != 8)
        return -EINVAL;
    if ((sig == GSIGKILL || sig == GSIGSTOP) && a[1])
        return -EINVAL;
    struct sigaction_guest *act = &p->grp->act[sig], old = *act;
    if (a[1]) {
        e = space_read(p->space, a[1], w, sizeof w);
        if (e)
            return e;
        *act = (struct sigaction_guest){w[0], w[1], w[2],
                                        (w[3] | (uint64_t)w[4] << 32) & ~UNBLOCKABLE};
        if (ignored(p->grp, (int)sig)) {
            p->grp->queue.pending &= ~BIT(sig);
            p->cur->queue.pending &= ~BIT(sig);
        }
    }
    if (!a[2])
        return 0;
    w[0] = old.handler;
    w[1] = old.flags;
    w[2] = old.restorer;
    w[3] = (uint32_t)old.mask;
    w[4] = (uint32_t)(old.mask >> 32);
    return space_write(p->space, a[2], w, sizeof w);
}

CALL(signal)
{
    if (!a[0] || a[0] >= NSIG_GUEST || a[0] == GSIGKILL || a[0] == GSIGSTOP)
        return -EINVAL;
    uint32_t old = p->grp->act[a[0]].handler;
    p->grp->act[a[0]] =
        (struct sigaction_guest){.handler = a[1], .flags = GSA_RESETHAND | GSA_NODEFER};
    return (int32_t)old;
}

CALL(rt_sigprocmask)
{
    uint64_t set, old = p->cur->sigmask, now = old;
    int32_t e;

    if (a[3] != 8)
        return -EINVAL;
    if (a[1]) {
        e = space_read(p->space, a[1], &set, 8);
        if (e)
            return e;
        switch (a[0]) {
        case 0: now |= set; break;
        case 1: now &= ~set; break;
        case 2: now = set; break;
        default: return -EINVAL;
        }
    }
    p->cur->sigmask = now & ~UNBLOCKABLE;
    return a[2] ? space_write(p->space, a[2], &old, 8) : 0;
}

CALL(rt_sigpending)
{
    uint64_t set = (p->cur->queue.pending | p->grp->queue.pending) & p->cur->sigmask;

    return a[1] > 8 ? -EINVAL : space_write(p->space, a[0], &set, a[1]);
}

CALL(rt_sigsuspend)
{
    struct task *t = p->cur;
    uint64_t set;

    if (a[1] != 8)
        return -EINVAL;
    int32_t e = space_read(p->space, a[0], &set, 8);
    if (e)
        return e;
    if (!t->restarting) {
        t->saved_mask = t->sigmask;
        t->restore_mask = true;
    }
    t->sigmask = set & ~UNBLOCKABLE;
    return task_block(p, WAIT_SLEEP, 0, UINT64_MAX, RESTART_NEVER);
}

CALL(pause)
{
    return task_block(p, WAIT_SLEEP, 0, UINT64_MAX, RESTART_NEVER);
}

/* Takes a pending signal of a set, or waits for one, without its handler. */
static int32_t wait_signal(struct process *p, const uint32_t *a, bool wide)
{
    struct task *t = p->cur;
    uint64_t set, mask = t->sigmask, ns = 0;
    struct siginfo_guest info;
    uint32_t out[32] = {0};

    if (a[3] != 8)
        return -EINVAL;
    int32_t e = space_read(p->space, a[0], &set, 8);
    if (!e && a[2])
        e = read_timespec(p, a[2], wide, &ns);
    if (e)
        return e;
    if (t->restarting && t->restore_mask) {
        mask = t->saved_mask;
        t->restore_mask = false;
    }
    t->sigmask = ~set | UNBLOCKABLE;
    int s = take(p, t, &info);
    t->sigmask = mask;
    if (s) {
        out[0] = (uint32_t)s;
        out[2] = (uint32_t)info.code;
        memcpy(out + 3, info.field, sizeof info.field);
        e = a[1] ? space_write(p->space, a[1], out, sizeof out) : 0;
        return e ? e : s;
    }
    uint64_t until = !a[2] ? UINT64_MAX : t->restarting ? t->wait_until : process_now_ns(p) + ns;
    if (until <= process_now_ns(p))
        return -EAGAIN;
    t->saved_mask = mask; /* unblocked, so that they wake it; nothing is delivered in between */
    t->restore_mask = true;
    t->sigmask &= ~set;
    return task_block(p, WAIT_SLEEP, 0, until, RESTART_NEVER);
}

CALL(rt_sigtimedwait)
{
    return wait_signal(p, a, false);
}
CALL(rt_sigtimedwait64)
{
    return wait_signal(p, a, true);
}

CALL(sigaltstack)
{
    enum { SS_ONSTACK = 1, SS_DISABLE = 2, MIN = 2048 };
    struct task *t = p->cur;
    uint32_t now[3],
        old[3] = {t->alt_sp, signal_altstack_state(t, vm_reg(p->vm, GUEST_REG0 + G_ESP)),
                  t->alt_size};

    if (a[0]) {
        int32_t e = space_read(p->space, a[0], now, sizeof now);
        if (e)
            return e;
        if (old[1] == SS_ONSTACK)
            return -EPERM;
        uint32_t mode = now[1] & 0x7fffffff;
        if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
            return -EINVAL;
        if (mode == SS_DISABLE)
            now[0] = now[2] = 0;
        else if (now[2] < MIN)
            return -ENOMEM;
        t->alt_sp = now[0];
        t->alt_size = now[2];
        t->alt_flags = now[1] & ~0x7fffffffu;
    }
    return a[1] ? space_write(p->space, a[1], old, sizeof old) : 0;
}

static struct siginfo_guest from_me(const struct process *p, int32_t code)
{
    return (struct siginfo_guest){.code = code, .field = {p->grp->tgid, GUEST_UID}};
}

CALL(kill)
{
    int32_t pid = (int32_t)a[0];
    struct siginfo_guest info = from_me(p, GSI_USER);
    bool found = false;

    if (a[1] >= NSIG_GUEST)
        return -EINVAL;
    for (uint32_t i = 0; i < PROC_TASKS; i++) {
        struct group *g = &p->group[i];
        if (!g->used || !(pid > 0    ? g->tgid == (uint32_t)pid
                          : pid == 0 ? g->pgid == p->grp->pgid
                          : pid < -1 ? g->pgid == 0u - (uint32_t)pid
                                     : g != p->grp))
            continue;
        found = true;
        if (a[1])
            signal_to_group(p, g, (int)a[1], &info);
    }
    return found ? 0 : -ESRCH;
}

static int32_t to_thread(struct process *p, uint32_t tgid, uint32_t tid, uint32_t s)
{
    struct task *t = task_by_tid(p, tid);
    struct siginfo_guest info = from_me(p, GSI_TKILL);

    if ((int32_t)tid <= 0 || s >= NSIG_GUEST || (int32_t)tgid <= 0)
        return -EINVAL;
    if (!t || p->group[t->group].tgid != tgid)
        return -ESRCH;
    if (s)
        signal_to_task(p, t, (int)s, &info);
    return 0;
}

CALL(tkill)
{
    struct task *t = task_by_tid(p, a[0]);

    return to_thread(p, t ? p->group[t->group].tgid : 1, a[0], a[1]);
}

CALL(tgkill)
{
    return to_thread(p, a[0], a[1], a[2]);
}

static int32_t read_info(struct process *p, uint32_t at, struct siginfo_guest *info)
{
    uint32_t w[8];
    int32_t e = space_read(p->space, at, w, sizeof w);

    if (!e) {
        info->code = (int32_t)w[2];
        memcpy(info->field, w + 3, sizeof info->field);
    }
    return e;
}

CALL(rt_sigqueueinfo)
{
    struct siginfo_guest info;
    struct group *g = group_by_pid(p, a[0]);
    int32_t e = read_info(p, a[2], &info);

    if (e || !g || a[1] >= NSIG_GUEST)
        return e ? e : !g ? -ESRCH : -EINVAL;
    if (g != p->grp && (info.code >= 0 || info.code == GSI_TKILL))
        return -EPERM;
    if (a[1])
        signal_to_group(p, g, (int)a[1], &info);
    return 0;
}

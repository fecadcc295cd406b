/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, blocking, and what a process does about them. They are delivered at the end of
 * host calls, when a task is about to go on: by default action here, to a handler by a frame on the
 * task's stack (sigframe.c).
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

enum { GSA_NOCLDSTOP = 1, GSA_NOCLDWAIT = 2, GSA_RESTART = 0x10000000, GSA_NODEFER = 0x40000000 };
#define GSA_RESETHAND 0x80000000u
#define BIT(sig)      (1ull << ((sig)-1))
#define STOPPING      (BIT(GSIGSTOP) | BIT(GSIGTSTP) | BIT(GSIGTTIN) | BIT(GSIGTTOU))
#define SYNCHRONOUS                                                                                \
    (BIT(GSIGSEGV) | BIT(GSIGBUS) | BIT(GSIGILL) | BIT(GSIGTRAP) | BIT(GSIGFPE) | BIT(GSIGSYS))

static bool ignored_by_default(int s)
{
    return s == GSIGCHLD || s == GSIGCONT || s == GSIGURG || s == GSIGWINCH;
}

bool signal_ignored(struct process *p, const struct group *g, int s)
{
    uint32_t h = group_act(p, g, s)->handler;

    return h == GSIG_IGN || (h == GSIG_DFL && ignored_by_default(s));
}

static bool deadly(struct process *p, const struct group *g, int s)
{
    return s == GSIGKILL || (group_act(p, g, s)->handler == GSIG_DFL && !ignored_by_default(s) &&
                             !(STOPPING & BIT(s)));
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

/* A process stops or goes on. */
static void tell_parent(struct process *p, struct group *g, bool stops, int s)
{
    enum { CLD_STOPPED = 5, CLD_CONTINUED };
    struct group *parent = group_by_pid(p, g->ppid);
    struct siginfo_guest info = {.code = stops ? CLD_STOPPED : CLD_CONTINUED,
                                 .field = {g->tgid, GUEST_UID, (uint32_t)s}};

    g->stopped = stops;
    g->news = true;
    if (stops)
        g->stop_signal = (uint8_t)s;
    if (!parent)
        return;
    if (!(group_act(p, parent, GSIGCHLD)->flags & GSA_NOCLDSTOP))
        signal_to_group(p, parent, GSIGCHLD, &info);
    task_wake(p, WAIT_CHILD, group_row(p, parent), UINT32_MAX, WAIT_ANY);
}

/* What a signal does the moment it is sent. False: nothing is left to deliver. */
static bool sent(struct process *p, struct group *g, uint64_t mask, int s)
{
    uint32_t row = group_row(p, g);

    if (s == GSIGCONT && g->stopped)
        tell_parent(p, g, false, s);
    if (s == GSIGKILL)
        g->stopped = g->news = false;
    if (s == GSIGCONT || (STOPPING & BIT(s))) { /* each takes back the other */
        uint64_t drop = s == GSIGCONT ? STOPPING : BIT(GSIGCONT);
        sigqueue_drop(p, &g->queue, drop);
        for (uint32_t i = 0; i < p->rows; i++)
            if (p->task[i].state != TASK_FREE && p->task[i].group == row)
                sigqueue_drop(p, &p->task[i].queue, drop);
    }
    return !signal_ignored(p, g, s) || (mask & BIT(s));
}

int signal_to_task(struct process *p, struct task *t, int s, const struct siginfo_guest *info)
{
    struct group *g = &p->group[t->group];

    if (!sent(p, g, t->sigmask | t->blocked, s))
        return SIGNAL_IGNORED;
    int e = sigqueue_put(p, &t->queue, g->limit[LIMIT_SIGPENDING][0], s, info);
    if (!e && !(t->sigmask & BIT(s)))
        interrupt(p, t, deadly(p, g, s));
    return e;
}

int signal_to_group(struct process *p, struct group *g, int s, const struct siginfo_guest *info)
{
    struct task *taker = NULL;
    uint32_t row = group_row(p, g);
    uint64_t mask = UINT64_MAX; /* the main thread's: what it blocks is not ignored */

    if (!g->refs)
        return SIGNAL_IGNORED;
    for (uint32_t i = 0; i < p->rows; i++) {
        struct task *t = &p->task[i];
        if (t->state == TASK_FREE || t->group != row)
            continue;
        mask = t->tid == g->tgid ? t->sigmask | t->blocked : mask;
        if (!(t->sigmask & BIT(s)) && (!taker || t->tid == g->tgid))
            taker = t;
    }
    if (!sent(p, g, mask, s))
        return SIGNAL_IGNORED;
    int e = sigqueue_put(p, &g->queue, g->limit[LIMIT_SIGPENDING][0], s, info);
    if (!e && (taker || s == GSIGKILL))
        for (uint32_t i = 0; i < p->rows; i++) {
            struct task *t = &p->task[i];
            if (t->state != TASK_FREE && t->group == row && (t == taker || s == GSIGKILL))
                interrupt(p, t, deadly(p, g, s));
        }
    return e;
}

void signal_force(struct process *p, int s, const struct siginfo_guest *info)
{
    struct sigaction_guest *act = group_act(p, p->grp, s);

    if (act->handler == GSIG_IGN || (p->cur->sigmask & BIT(s))) {
        act->handler = GSIG_DFL;
        p->cur->sigmask &= ~BIT(s);
    }
    sigqueue_put(p, &p->cur->queue, UINT64_MAX, s, info);
}

/* What Linux makes of an IA-32 exception: signal and si_code; whether si_addr says where. */
enum where { AT_NONE, AT_EIP, AT_CR2 };
enum { DR6_BS = 0x4000 }; /* a single step */
/* Exceptions behind their instruction. The others are faults: the processor pushes EFLAGS with RF.
 */
enum { TRAPS = 1 << 1 | 1 << 3 | 1 << 4 };
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

void signal_fault(struct process *p, const struct hc_fault *f, bool beyond)
{
    struct fault_cause c = {(uint8_t)f->vector, GSIGSEGV, GSI_KERNEL, AT_NONE};
    struct siginfo_guest info = {0};
    struct task *t = p->cur;

    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (causes[i].vector == f->vector)
            c = causes[i];
    t->trapno = f->vector;
    t->resume_flag = !(TRAPS >> f->vector & 1);
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
    if (f->vector == 1 && !(f->addr & DR6_BS))
        info.code = 1; /* TRAP_BRKPT: INT1 */
    if (f->vector == 16)
        info.code = fp_code(vm_special(p->vm, SR_FSW) & ~vm_special(p->vm, SR_FCW));
    if (f->vector == 19)
        info.code = fp_code(vm_special(p->vm, SR_MXCSR) & ~(vm_special(p->vm, SR_MXCSR) >> 7));
    info.field[0] = c.at == AT_CR2 ? f->addr : c.at == AT_EIP ? f->eip : 0;
    if (beyond) {
        c.signal = GSIGBUS;
        info.code = 2; /* BUS_ADRERR */
    }
    t->fault_signal = c.signal;
    signal_force(p, c.signal, &info);
}

void signals_forget_handlers(struct process *p, struct group *g)
{
    for (int s = 1; s < NSIG_GUEST; s++) {
        struct sigaction_guest *act = group_act(p, g, s);
        *act = (struct sigaction_guest){.handler = act->handler == GSIG_IGN ? GSIG_IGN : GSIG_DFL};
    }
}

int signals_unshare(struct process *p, struct group *g)
{
    struct actions *old = &p->actions[g->actions];
    uint32_t row = 0;

    if (old->refs == 1)
        return 0;
    while (row < PROC_TASKS && p->actions[row].refs)
        row++;
    if (row == PROC_TASKS)
        return -EAGAIN;
    p->actions[row] = *old;
    p->actions[row].refs = 1;
    old->refs--;
    g->actions = (uint16_t)row;
    return 0;
}

/* ---- delivery ---- */

int signal_take(struct process *p, struct task *t, uint64_t mask, struct siginfo_guest *info)
{
    struct sigqueue_guest *q = &t->queue, *all = &p->group[t->group].queue;
    uint64_t ready = (q->pending | all->pending) & BIT(GSIGKILL);

    /* What was sent to the thread is before what was sent to the process; a fault before all. */
    if (ready)
        q = q->pending & ready ? q : all;
    else if ((ready = q->pending & ~mask))
        ready = ready & SYNCHRONOUS ? ready & SYNCHRONOUS : ready;
    else
        ready = (q = all)->pending & ~mask;
    if (!ready)
        return 0;
    int s = __builtin_ctzll(ready) + 1;
    sigqueue_take(p, q, s, info);
    return s;
}

bool group_orphaned(struct process *p, uint32_t pgid, const struct group *but)
{
    for (uint32_t i = 0; i < p->rows; i++) {
        const struct group *c = &p->group[i];
        const struct group *parent =
            c->used && !c->zombie && c != but && c->pgid == pgid ? group_by_pid(p, c->ppid) : NULL;
        if (parent && parent->pgid != pgid && parent->sid == c->sid)
            return false;
        if (c->used && !c->zombie && c != but && c->pgid == pgid && c->ppid == GUEST_PPID)
            return false; /* the first process's: as if a shell had started it */
    }
    return true;
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
    t->blocked = 0;
    if (t->restart_rule == RESTART_ALWAYS ||
        (t->restart_rule == RESTART_SYS && (act->flags & GSA_RESTART) && !t->io_done))
        return; /* EIP is at the int 0x80, EAX has its number */
    time_left(p, &t->left, t->wait_until);
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
    while (t->state == TASK_RUN && !p->grp->stopped && (s = signal_take(p, t, t->sigmask, &info))) {
        struct sigaction_guest *act = group_act(p, p->grp, s), was = *act;
        if (was.handler == GSIG_IGN || (was.handler == GSIG_DFL && ignored_by_default(s)))
            continue;
        if (was.handler == GSIG_DFL || s == GSIGKILL || s == GSIGSTOP) {
            if (STOPPING & BIT(s)) {
                if (s != GSIGSTOP && group_orphaned(p, p->grp->pgid, NULL))
                    continue; /* a terminal's: nobody would set it going again */
                tell_parent(p, p->grp, true, s);
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
                group_act(p, p->grp, s)->handler = GSIG_DFL;
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

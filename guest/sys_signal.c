/* SPDX-License-Identifier: MIT */
/* System calls about signals: dispositions, masks, waiting for one, sending one. */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))
#define BIT(sig) (1ull << ((sig)-1))

enum { GSA_NODEFER = 0x40000000 };
#define GSA_RESETHAND 0x80000000u
/* The flags there are, SA_RESTORER and SA_EXPOSE_TAGBITS among them; a program learns by reading
 * them back which of its wishes were heard. */
#define GSA_KNOWN 0xdc000807u

static void set_action(struct process *p, uint32_t sig, struct sigaction_guest act)
{
    act.mask &= ~UNBLOCKABLE;
    act.flags &= GSA_KNOWN;
    *group_act(p, p->grp, (int)sig) = act;
    if (!signal_ignored(p, p->grp, (int)sig))
        return;
    sigqueue_drop(p, &p->grp->queue, BIT(sig));
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state != TASK_FREE && p->task[i].group == p->cur->group)
            sigqueue_drop(p, &p->task[i].queue, BIT(sig));
}

/* May a program ask for, or set, what happens on this signal? */
static bool action_allowed(uint32_t sig, bool set)
{
    return sig && sig < NSIG_GUEST && !(set && (sig == GSIGKILL || sig == GSIGSTOP));
}

CALL(rt_sigaction)
{
    uint32_t w[5], sig = a[0];
    int32_t e;

    if (a[3] != 8 || !action_allowed(sig, a[1]))
        return -EINVAL;
    struct sigaction_guest old = *group_act(p, p->grp, (int)sig);
    if (a[1]) {
        e = space_read(p->space, a[1], w, sizeof w);
        if (e)
            return e;
        set_action(p, sig, (struct sigaction_guest){w[0], w[1], w[2], w[3] | (uint64_t)w[4] << 32});
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

/* The calls without rt_ have sets of 32 signals; getcontext() and its kin still use them. */
CALL(sigaction)
{
    uint32_t w[4], sig = a[0];
    int32_t e;

    if (!action_allowed(sig, a[1]))
        return -EINVAL;
    struct sigaction_guest old = *group_act(p, p->grp, (int)sig);
    if (a[1]) {
        e = space_read(p->space, a[1], w, sizeof w);
        if (e)
            return e;
        set_action(p, sig, (struct sigaction_guest){w[0], w[2], w[3], w[1]});
    }
    if (!a[2])
        return 0;
    w[0] = old.handler;
    w[1] = (uint32_t)old.mask;
    w[2] = old.flags;
    w[3] = old.restorer;
    return space_write(p->space, a[2], w, sizeof w);
}

CALL(signal)
{
    if (!a[0] || a[0] >= NSIG_GUEST || a[0] == GSIGKILL || a[0] == GSIGSTOP)
        return -EINVAL;
    uint32_t old = group_act(p, p->grp, (int)a[0])->handler;
    set_action(p, a[0],
               (struct sigaction_guest){.handler = a[1], .flags = GSA_RESETHAND | GSA_NODEFER});
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

CALL(sigprocmask)
{
    uint64_t mask = p->cur->sigmask;
    uint32_t set, old = (uint32_t)mask;

    if (a[1]) {
        int32_t e = space_read(p->space, a[1], &set, 4);
        if (e)
            return e;
        switch (a[0]) {
        case 0: mask |= set; break;
        case 1: mask &= ~(uint64_t)set; break;
        case 2: mask = (mask & ~0xffffffffull) | set; break;
        default: return -EINVAL;
        }
        p->cur->sigmask = mask & ~UNBLOCKABLE;
    }
    return a[2] ? space_write(p->space, a[2], &old, 4) : 0;
}

/* The first of their kind: the mask as a word. */
CALL(sgetmask)
{
    return (int32_t)p->cur->sigmask;
}
CALL(ssetmask)
{
    uint32_t old = (uint32_t)p->cur->sigmask;

    p->cur->sigmask = a[0] & ~UNBLOCKABLE;
    return (int32_t)old;
}

/* No call of ours is continued so: they are made again. */
CALL(restart_syscall)
{
    return -EINTR;
}

CALL(sigpending)
{
    uint32_t set = (uint32_t)((p->cur->queue.pending | p->grp->queue.pending) & p->cur->sigmask);

    return space_write(p->space, a[0], &set, 4);
}

CALL(rt_sigpending)
{
    uint64_t set = (p->cur->queue.pending | p->grp->queue.pending) & p->cur->sigmask;

    return a[1] > 8 ? -EINVAL : space_write(p->space, a[0], &set, a[1]);
}

/* Sleeps under another mask until a handler has run. */
static int32_t suspend(struct process *p, uint64_t set)
{
    struct task *t = p->cur;

    if (!t->restarting) {
        t->saved_mask = t->sigmask;
        t->restore_mask = true;
    }
    t->sigmask = set & ~UNBLOCKABLE;
    return task_block(p, WAIT_SLEEP, 0, UINT64_MAX, RESTART_NEVER);
}

CALL(rt_sigsuspend)
{
    uint64_t set;

    if (a[1] != 8)
        return -EINVAL;
    int32_t e = space_read(p->space, a[0], &set, 8);
    return e ? e : suspend(p, set);
}

CALL(sigsuspend)
{
    return suspend(p, a[2]); /* the mask itself, behind two words that mean nothing */
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
    t->sigmask = mask;
    t->blocked = 0;
    int s = signal_take(p, t, ~set | UNBLOCKABLE, &info);
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
    t->blocked = mask;
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
    struct task *t = p->cur;
    uint32_t now[3], sp = vm_reg(p->vm, GUEST_REG0 + G_ESP);
    const uint32_t old[3] = {
        t->alt_sp, signal_altstack_state(t, sp) | (t->alt_flags & SS_AUTODISARM), t->alt_size};

    if (a[0]) {
        int32_t e = space_read(p->space, a[0], now, sizeof now);
        if (!e)
            e = signal_altstack_set(t, now, sp);
        if (e)
            return e;
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
    for (uint32_t i = 0; i < p->rows; i++) {
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
    int e = s ? signal_to_task(p, t, (int)s, &info) : 0;
    return e < 0 ? e : 0;
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

static int32_t read_info(struct process *p, uint32_t at, uint32_t s, struct siginfo_guest *info)
{
    uint32_t w[8];
    int32_t e = space_read(p->space, at, w, sizeof w);

    if (!e) {
        *info = (struct siginfo_guest){.code = (int32_t)w[2]};
        memcpy(info->field, w + 3, sizeof info->field);
        e = s >= NSIG_GUEST ? -EINVAL : 0;
    }
    return e;
}

/* Only to oneself may one pretend to be the kernel or kill. */
static bool pretends(const struct siginfo_guest *info)
{
    return info->code >= 0 || info->code == GSI_TKILL;
}

CALL(rt_sigqueueinfo)
{
    struct siginfo_guest info;
    struct group *g = group_by_pid(p, a[0]);
    int32_t e = read_info(p, a[2], a[1], &info);

    if (!e && g != p->grp && pretends(&info))
        e = -EPERM;
    if (!e && !g)
        e = -ESRCH;
    if (!e && a[1])
        e = signal_to_group(p, g, (int)a[1], &info);
    return e < 0 ? e : 0;
}

CALL(rt_tgsigqueueinfo)
{
    struct siginfo_guest info;
    struct task *t = task_by_tid(p, a[1]);
    int32_t e = read_info(p, a[3], a[2], &info);

    if (!e && ((int32_t)a[0] <= 0 || (int32_t)a[1] <= 0))
        e = -EINVAL;
    if (!e && a[1] != p->cur->tid && pretends(&info))
        e = -EPERM;
    if (!e && (!t || p->group[t->group].tgid != a[0]))
        e = -ESRCH;
    if (!e && a[2])
        e = signal_to_task(p, t, (int)a[2], &info);
    return e < 0 ? e : 0;
}

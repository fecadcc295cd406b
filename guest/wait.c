/* SPDX-License-Identifier: MIT */
/*
 * Families: waiting for children, and who is who among processes, groups and sessions. A process
 * that has ended keeps its row until its parent has heard of it.
 */
#include <errno.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* ---- waiting for children ---- */

enum { W_NOHANG = 1, W_UNTRACED = 2, W_EXITED = 4, W_CONTINUED = 8, W_NOWAIT = 0x1000000 };
enum { W_NOTHREAD = 0x20000000, W_ALL = 0x40000000 };
#define W_CLONE 0x80000000u
#define W_WHOSE (W_NOTHREAD | W_ALL | W_CLONE)

static bool wanted(const struct process *p, const struct group *c, int32_t pid, uint32_t options)
{
    if (!c->used || c->ppid != p->grp->tgid)
        return false;
    /* Children whose end is not told by SIGCHLD are another kind. */
    if (!(options & W_ALL) && (c->exit_signal != GSIGCHLD) != ((options & W_CLONE) != 0))
        return false;
    return pid == -1 || (pid > 0 && c->tgid == (uint32_t)pid) ||
           (pid == 0 && c->pgid == p->grp->pgid) || (pid < -1 && c->pgid == 0u - (uint32_t)pid);
}

/* The child to report, or 0 with *none if there never will be one. */
static struct group *find_child(struct process *p, int32_t pid, uint32_t options, bool *none)
{
    struct group *best = NULL;

    *none = true;
    for (uint32_t i = 0; i < p->rows; i++) {
        struct group *c = &p->group[i];
        if (!wanted(p, c, pid, options))
            continue;
        *none = false;
        bool report = c->zombie ? (options & W_EXITED) != 0
                                : c->news && (options & (c->stopped ? W_UNTRACED : W_CONTINUED));
        if (report && (!best || c->tgid < best->tgid))
            best = c;
    }
    return best;
}

/* Its parent has heard of its end. */
static void reap(struct process *p, struct group *c)
{
    usage_reaped(p->grp, c);
    group_reap(c);
}

CALL(wait4)
{
    bool none;
    int32_t e;
    uint32_t pid, status;

    if (a[2] & ~(W_NOHANG | W_UNTRACED | W_CONTINUED | W_WHOSE))
        return -EINVAL;
    if (a[0] == (uint32_t)INT32_MIN)
        return -ESRCH;
    struct group *c = find_child(p, (int32_t)a[0], a[2] | W_EXITED, &none);
    if (none)
        return -ECHILD;
    if (!c)
        return a[2] & W_NOHANG
                   ? 0
                   : task_block(p, WAIT_CHILD, group_row(p, p->grp), UINT64_MAX, RESTART_SYS);
    pid = c->tgid;
    status = c->zombie    ? (uint32_t)c->status
             : c->stopped ? 0x7f | (uint32_t)c->stop_signal << 8
                          : 0xffff;
    e = a[1] ? space_write(p->space, a[1], &status, 4) : 0;
    if (!e)
        e = usage_put(p, a[3], c);
    if (c->zombie)
        reap(p, c);
    else
        c->news = false;
    return e ? e : (int32_t)pid;
}

CALL(waitpid)
{
    const uint32_t b[4] = {a[0], a[1], a[2], 0};

    return sys_wait4(p, b);
}

CALL(waitid)
{
    enum { ID_ALL, ID_PID, ID_PGID, ID_PIDFD };
    enum { CLD_EXITED = 1, CLD_KILLED, CLD_STOPPED = 5, CLD_CONTINUED };
    int32_t pid = a[0] == ID_ALL ? -1 : a[0] == ID_PID ? (int32_t)a[1] : (int32_t)(0u - a[1]);
    uint32_t info[6] = {0};
    const struct guest_open *o = NULL;
    bool none;

    if (a[0] > ID_PIDFD || !(a[3] & (W_EXITED | W_UNTRACED | W_CONTINUED)) ||
        a[3] & ~(W_NOHANG | W_NOWAIT | W_EXITED | W_UNTRACED | W_CONTINUED | W_WHOSE) ||
        (a[0] != ID_ALL && (int32_t)a[1] < (a[0] == ID_PID)))
        return -EINVAL;
    if (a[0] == ID_PIDFD) {
        o = pidfd_of(p, a[1]);
        if (!o)
            return -EBADF;
        pid = (int32_t)o->offset;
    }
    struct group *c = find_child(p, pid, a[3], &none);
    if (none)
        return -ECHILD;
    if (!c && !(a[3] & W_NOHANG) && o && (o->flags & GO_NONBLOCK))
        return -EAGAIN;
    if (!c && !(a[3] & W_NOHANG))
        return task_block(p, WAIT_CHILD, group_row(p, p->grp), UINT64_MAX, RESTART_SYS);
    if (c) {
        uint32_t sig = c->zombie    ? (uint32_t)c->status & 0x7f
                       : c->stopped ? c->stop_signal
                                    : (uint32_t)GSIGCONT;
        info[0] = GSIGCHLD;
        info[2] = c->zombie    ? (sig ? CLD_KILLED : CLD_EXITED)
                  : c->stopped ? CLD_STOPPED
                               : CLD_CONTINUED;
        info[3] = c->tgid;
        info[4] = GUEST_UID;
        info[5] = sig ? sig : (uint32_t)c->status >> 8 & 0xff;
    }
    int32_t e = a[2] ? space_write(p->space, a[2], info, sizeof info) : 0;
    if (!e && c)
        e = usage_put(p, a[4], c);
    if (c && !(a[3] & W_NOWAIT)) {
        if (c->zombie)
            reap(p, c);
        else
            c->news = false;
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
    for (uint32_t i = 0; i < p->rows && !found; i++)
        found = p->group[i].used && p->group[i].pgid == pgid && p->group[i].sid == g->sid;
    if (!found)
        return -EPERM;
    g->pgid = pgid;
    return 0;
}

CALL(setsid)
{
    for (uint32_t i = 0; i < p->rows; i++)
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
    if (a[1] != 12)
        return -EINVAL;
    p->cur->robust_list = a[0];
    return 0;
}

CALL(get_robust_list)
{
    const struct task *t = a[0] ? task_by_tid(p, a[0]) : p->cur;
    uint32_t size = 12;

    if (!t)
        return -ESRCH;
    int32_t e = space_write(p->space, a[2], &size, 4);
    return e ? e : space_write(p->space, a[1], &t->robust_list, 4);
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
    uint8_t first = 0;
    int32_t e = a[1] ? space_read(p->space, a[2], &first, 1) : 0;

    if (e)
        return e;
    if (a[0] && !task_by_tid(p, a[0]))
        return -ESRCH;
    return first & 1 ? 0 : -EINVAL; /* there is one processor */
}

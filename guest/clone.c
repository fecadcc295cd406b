/* SPDX-License-Identifier: MIT */
/*
 * New tasks: fork, vfork and clone. A task takes free rows for what it does not share with its
 * maker; nothing of it can be seen before nothing can fail any more.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum {
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_PIDFD = 0x1000,
    CLONE_VFORK = 0x4000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_DETACHED = 0x400000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_CHILD_SETTID = 0x1000000,
    CLONE_NAMESPACES = 0x7e020080
};
#define CLONE_CLEAR_SIGHAND (1ull << 32)

struct clone_args {
    uint64_t flags;
    uint32_t exit_signal, stack, parent_tid, child_tid, tls, pidfd;
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

static int copy_place(struct process *p, struct task *t, bool share)
{
    if (share) {
        p->place->refs++;
        return 0;
    }
    for (uint32_t row = 0; row < PROC_TASKS; row++)
        if (!p->places[row].refs) {
            p->places[row] = *p->place;
            p->places[row].refs = 1;
            t->place = (uint16_t)row;
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
        p->actions[g->actions].refs++;
        if (!(c->flags & CLONE_SIGHAND) && signals_unshare(p, g)) {
            p->actions[g->actions].refs--;
            g->used = false;
            return -EAGAIN;
        }
        if (c->flags & CLONE_CLEAR_SIGHAND)
            signals_forget_handlers(p, g);
        g->refs = 1;
        g->subreaper = false;
        g->zombie = g->exiting = g->stopped = g->news = false;
        memset(&g->queue, 0, sizeof g->queue);
        memset(g->timer, 0, sizeof g->timer);
        g->next_timer = 0;
        memset(&g->own, 0, sizeof g->own);
        memset(&g->children, 0, sizeof g->children);
        g->tgid = t->tid;
        if (!(c->flags & CLONE_PARENT))
            g->ppid = p->grp->tgid;
        g->exit_signal = c->flags & CLONE_PARENT ? p->grp->exit_signal : c->exit_signal;
        t->group = (uint16_t)i;
        process_row_used(p, i);
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
    return segment_tls(t, d) ? 0 : -EINVAL;
}

/* What a task had got, which is not to be. */
enum { GOT_PLACE = 1, GOT_FILES = 2, GOT_SPACE = 4 };
static void give_back(struct process *p, struct task *t, uint32_t got)
{
    if ((got & GOT_SPACE) && !--p->spaces[t->space].refs)
        space_clear(&p->spaces[t->space]);
    if (got & GOT_FILES)
        files_unref(p, t->files);
    if (got & GOT_PLACE)
        p->places[t->place].refs--;
}

static int32_t do_clone(struct process *p, const struct clone_args *c)
{
    uint32_t flags = (uint32_t)c->flags;
    int row;

    if (((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) ||
        ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) || (flags & CLONE_NAMESPACES) ||
        ((flags & CLONE_SIGHAND) && (c->flags & CLONE_CLEAR_SIGHAND)) ||
        ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_THREAD))) ||
        c->exit_signal >= NSIG_GUEST)
        return -EINVAL;
    row = task_new_row(p);
    if (row < 0)
        return row;
    struct task *t = &p->task[row], *me = p->cur;
    *t = *me;
    t->state = TASK_FREE; /* until nothing can fail any more */
    memset(&t->queue, 0, sizeof t->queue);
    memset(&t->usage, 0, sizeof t->usage);
    t->restarting = t->woken = t->restore_mask = false;
    t->clear_tid = t->robust_list = t->fifo_end = 0;
    if ((flags & CLONE_VM) && !(flags & CLONE_VFORK)) {
        t->alt_sp = t->alt_size = 0;
        t->alt_flags = SS_DISABLE;
    }
    vm_get_context(p->vm, &t->regs);
    t->regs.r[G_EAX] = 0;
    if (c->stack)
        t->regs.r[G_ESP] = c->stack;
    int e = flags & CLONE_SETTLS ? set_tls(p, t, c->tls) : 0;
    if (e)
        return e;
    t->tid = ++p->next_tid;
    prctl_child(t);
    int32_t pidfd = -1;
    uint32_t got = 0;
    e = copy_place(p, t, flags & CLONE_FS);
    got |= e ? 0 : GOT_PLACE;
    if (!e)
        e = copy_files(p, t, flags & CLONE_FILES);
    got |= e ? 0 : GOT_FILES;
    if (!e)
        e = copy_space(p, t, flags & CLONE_VM);
    got |= e ? 0 : GOT_SPACE;
    /* Its maker's: a table that is not shared does not have it. */
    if (!e && (flags & CLONE_PIDFD)) {
        pidfd = pidfd_new(p, t->tid, 0);
        e = pidfd < 0 ? pidfd : space_write(p->space, c->pidfd, &pidfd, 4);
    }
    if (!e)
        e = copy_group(p, t, c);
    if (e) {
        if (pidfd >= 0)
            fd_gone(p, me->files, (uint32_t)pidfd);
        give_back(p, t, got);
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
        me->wait_bits = WAIT_ANY;
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
    if ((a[0] & (CLONE_PIDFD | CLONE_PARENT_SETTID)) == (CLONE_PIDFD | CLONE_PARENT_SETTID))
        return -EINVAL; /* both would be told at one place */
    return do_clone(p, &(struct clone_args){.flags = a[0] & ~0xffu,
                                            .exit_signal = a[0] & 0xff,
                                            .stack = a[1],
                                            .parent_tid = a[2],
                                            .pidfd = a[2],
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
    if (w[FLAGS] >> 33 || (w[FLAGS] & 0xff) || !w[STACK] != !w[STACK_SIZE])
        return -EINVAL;
    return do_clone(p, &(struct clone_args){.flags = w[FLAGS],
                                            .exit_signal = (uint32_t)w[SIGNAL],
                                            .stack = (uint32_t)(w[STACK] + w[STACK_SIZE]),
                                            .parent_tid = (uint32_t)w[PARENT],
                                            .pidfd = (uint32_t)w[PIDFD],
                                            .child_tid = (uint32_t)w[CHILD],
                                            .tls = (uint32_t)w[TLS]});
}

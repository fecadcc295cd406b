/* SPDX-License-Identifier: MIT */
/*
 * Futexes that have an owner: the word holds its task's number, and the kernel passes it on. On one
 * processor that everybody has in turn there is no priority to inherit; but who owns what, who is
 * told that the owner has died, and who waits in a circle, is Linux's.
 *
 * A waiter knows the owner it waits for (pi_owner) and where the word is in its own memory
 * (pi_addr). The lock is handed to the first waiter by whoever gives it up or dies: from then on it
 * is the owner, before it has even run.
 */
#include <errno.h>
#include "guest/futex.h"

#define WAITERS 0x80000000u
enum { DIED = 0x40000000, TID = 0x3fffffff };

/* Has this task, if the word is free. 1: yes, 0: somebody else has it; or -errno. */
static int32_t take_if_free(struct process *p, struct task *t, struct space *s, uint32_t addr,
                            uint64_t key, uint32_t extra)
{
    struct task *first = task_waiting(p, WAIT_PI, key, WAIT_ANY);
    uint32_t v;

    if (space_read(s, addr, &v, 4))
        return -EFAULT;
    if ((v & TID) == t->tid)
        return -EDEADLK;
    if (task_waiting(p, WAIT_FUTEX, key, WAIT_ANY) || task_waiting(p, WAIT_REQUEUE, key, WAIT_ANY))
        return -EINVAL; /* a word of another kind */
    if (first && (v & TID) != first->pi_owner && !((v & DIED) && !(v & TID)))
        return -EINVAL; /* the program has written what it should not */
    if (!first && !(v & TID)) {
        v = (v & DIED) | t->tid | extra;
        return space_write(s, addr, &v, 4) ? -EFAULT : 1;
    }
    v |= WAITERS;
    if (space_write(s, addr, &v, 4))
        return -EFAULT;
    return first || task_by_tid(p, v & TID) ? 0 : -ESRCH;
}

static uint32_t owner_of(struct process *p, struct space *s, uint32_t addr, uint64_t key)
{
    const struct task *first = task_waiting(p, WAIT_PI, key, WAIT_ANY);
    uint32_t v = 0;

    if (first)
        return first->pi_owner;
    space_read(s, addr, &v, 4);
    return v & TID;
}

/* Would `t` wait for itself? */
static bool circle(struct process *p, const struct task *t, uint32_t owner)
{
    for (uint32_t n = 0; n < PROC_TASKS; n++) {
        const struct task *o = task_by_tid(p, owner);
        if (o == t)
            return true;
        if (!o || o->state != TASK_BLOCKED || o->wait != WAIT_PI)
            return false;
        owner = o->pi_owner;
    }
    return true;
}

/* The first who waits is the owner now; the others wait for it. */
static void hand_over(struct process *p, uint64_t key, bool died)
{
    struct task *t = task_waiting(p, WAIT_PI, key, WAIT_ANY);
    struct space *s = &p->spaces[t->space];
    uint32_t v = 0;

    space_read(s, t->pi_addr, &v, 4);
    v = t->tid | WAITERS | (died ? (uint32_t)DIED : 0);
    space_write(s, t->pi_addr, &v, 4);
    t->woken = true;
    task_run(p, t);
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state == TASK_BLOCKED && p->task[i].wait == WAIT_PI &&
            p->task[i].wait_key == key)
            p->task[i].pi_owner = t->tid;
}

void futex_pi_owner_gone(struct process *p, const struct task *t)
{
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state == TASK_BLOCKED && p->task[i].wait == WAIT_PI &&
            p->task[i].pi_owner == t->tid)
            hand_over(p, p->task[i].wait_key, true);
}

/* Absolute times, of either clock. */
static int32_t deadline(struct process *p, uint32_t at, bool wide, bool of_epoch, uint64_t *until)
{
    uint64_t ns, epoch = of_epoch ? p->epoch * 1000000000u : 0;
    int32_t e = at ? read_timespec(p, at, wide, &ns) : 0;

    *until = at ? UINT64_MAX - 1 : UINT64_MAX;
    if (!e && at)
        *until = ns > epoch ? ns - epoch : 0;
    return e;
}

static int32_t lock(struct process *p, const uint32_t *a, uint64_t key, bool try, bool of_epoch,
                    bool wide)
{
    struct task *t = p->cur;
    uint64_t until;

    if (t->restarting && t->woken)
        return 0;
    int32_t e = deadline(p, try ? 0 : a[3], wide, of_epoch, &until);
    if (!e)
        e = take_if_free(p, t, p->space, a[0], key, 0);
    if (e)
        return e > 0 ? 0 : e;
    if (try)
        return -EAGAIN;
    uint32_t owner = owner_of(p, p->space, a[0], key);
    if (circle(p, t, owner))
        return -EDEADLK;
    if (until <= process_now_ns(p))
        return -ETIMEDOUT;
    e = task_block(p, WAIT_PI, key, until, RESTART_ALWAYS);
    t->pi_owner = owner;
    t->pi_addr = a[0];
    return e;
}

static int32_t unlock(struct process *p, const uint32_t *a, uint64_t key)
{
    struct task *first = task_waiting(p, WAIT_PI, key, WAIT_ANY);
    uint32_t v;

    if (space_read(p->space, a[0], &v, 4))
        return -EFAULT;
    if ((v & TID) != p->cur->tid)
        return -EPERM;
    if (first && first->pi_owner != p->cur->tid)
        return -EINVAL;
    if (first) {
        hand_over(p, key, false);
        return 0;
    }
    if (task_waiting(p, WAIT_FUTEX, key, WAIT_ANY))
        return -EINVAL;
    v = 0;
    return space_write(p->space, a[0], &v, 4);
}

/* Waits at one word, to be moved to one that has an owner. */
static int32_t wait_requeue(struct process *p, const uint32_t *a, uint64_t key, bool wide)
{
    struct task *t = p->cur;
    uint64_t until, to = space_key(p->space, a[4]);
    uint32_t v;

    if (t->restarting && t->woken)
        return 0;
    if (t->restarting && t->wait_until <= process_now_ns(p))
        return -ETIMEDOUT;
    if (t->restarting && t->pi_moved)
        return -EAGAIN; /* a signal came; the first word is not what it was */
    if (a[4] % 4 || key == to)
        return -EINVAL;
    if (!to)
        return -EFAULT;
    int32_t e = deadline(p, a[3], wide, a[1] & FUTEX_REALTIME, &until);
    if (!e)
        e = space_read(p->space, a[0], &v, 4);
    if (e)
        return e;
    if (v != a[2])
        return -EAGAIN;
    if (until <= process_now_ns(p))
        return -ETIMEDOUT;
    e = task_block(p, WAIT_REQUEUE, key, until, RESTART_ALWAYS);
    t->pi_addr = a[4];
    t->pi_key = to;
    t->pi_moved = false;
    return e;
}

static int32_t cmp_requeue(struct process *p, const uint32_t *a, uint64_t key)
{
    uint64_t to = space_key(p->space, a[4]);
    uint32_t v, n = 0, max = 1 + (a[3] > INT32_MAX ? 0 : a[3]);
    struct task *t;

    if (a[2] != 1 || (int32_t)a[3] < 0 || a[4] % 4 || key == to)
        return -EINVAL;
    if (!to)
        return -EFAULT;
    if (space_read(p->space, a[0], &v, 4))
        return -EFAULT;
    if (v != a[5])
        return -EAGAIN;
    if (task_waiting(p, WAIT_FUTEX, key, WAIT_ANY))
        return -EINVAL;
    for (; n < max && (t = task_waiting(p, WAIT_REQUEUE, key, WAIT_ANY)); n++) {
        if (t->pi_key != to)
            return n ? (int32_t)n : -EINVAL;
        int32_t e = take_if_free(p, t, &p->spaces[t->space], t->pi_addr, to, a[3] ? WAITERS : 0);
        uint32_t owner = owner_of(p, &p->spaces[t->space], t->pi_addr, to);
        if (!e && circle(p, t, owner))
            e = -EDEADLK;
        if (e < 0)
            return n ? (int32_t)n : e;
        if (e) {
            t->woken = true;
            task_run(p, t);
            continue;
        }
        t->wait = WAIT_PI;
        t->wait_key = to;
        t->wait_order = p->order++;
        t->pi_owner = owner;
        t->pi_moved = true;
    }
    return (int32_t)n;
}

int32_t futex_pi(struct process *p, const uint32_t *a, uint64_t key, bool wide)
{
    switch (a[1] & FUTEX_OP) {
    case FUTEX_LOCK_PI: return lock(p, a, key, false, true, wide);
    case FUTEX_LOCK_PI2: return lock(p, a, key, false, a[1] & FUTEX_REALTIME, wide);
    case FUTEX_TRYLOCK_PI: return lock(p, a, key, true, false, wide);
    case FUTEX_UNLOCK_PI: return unlock(p, a, key);
    case FUTEX_WAIT_REQUEUE_PI: return wait_requeue(p, a, key, wide);
    case FUTEX_CMP_REQUEUE_PI: return cmp_requeue(p, a, key);
    default: return -ENOSYS;
    }
}

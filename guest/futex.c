/* SPDX-License-Identifier: MIT */
/*
 * Futexes. A word is known by space_key, so that private and shared memory need no distinction; its
 * waiters are the tasks that are blocked on that key, the first to wait being the first to go.
 */
#include <errno.h>
#include "guest/futex.h"

static uint32_t wake(struct process *p, uint64_t key, uint32_t max, uint32_t bits)
{
    return task_wake(p, WAIT_FUTEX, key, max, bits);
}

/* ---- a task leaves its address space ---- */

static void wake_one(struct process *p, struct space *s, uint32_t addr)
{
    uint64_t key = space_key(s, addr);

    if (key)
        wake(p, key, 1, WAIT_ANY);
}

/* A word that a task held: it says so, and one who waits for it may look. */
static void owner_died(struct process *p, struct task *t, uint32_t addr, bool inherits,
                       bool pending)
{
    enum { TID = 0x3fffffff, DIED = 0x40000000 };
    struct space *s = &p->spaces[t->space];
    uint32_t v;

    if (addr % 4 || space_read(s, addr, &v, 4))
        return;
    if (pending && !inherits && !v) { /* between giving it up and waking */
        wake_one(p, s, addr);
        return;
    }
    if ((v & TID) != t->tid)
        return;
    uint32_t now = (v & ~(uint32_t)TID) | DIED;
    if (!space_write(s, addr, &now, 4) && !inherits && v >> 31)
        wake_one(p, s, addr);
}

/* The robust list: entries linked from its head, each at a fixed distance from its word; and one
 * that the task was about to link or unlink. The program may have made anything of it. */
static void walk_robust(struct process *p, struct task *t)
{
    enum { LIMIT = 2048 };
    struct space *s = &p->spaces[t->space];
    uint32_t head[3], at, next;

    if (!t->robust_list || space_read(s, t->robust_list, head, sizeof head))
        return;
    at = head[0];
    for (uint32_t n = 0; (at & ~1u) != t->robust_list && n < LIMIT; n++) {
        int e = space_read(s, at & ~1u, &next, 4);
        if ((at & ~1u) != (head[2] & ~1u))
            owner_died(p, t, (at & ~1u) + head[1], at & 1, false);
        if (e)
            return;
        at = next;
    }
    if (head[2] & ~1u)
        owner_died(p, t, (head[2] & ~1u) + head[1], head[2] & 1, true);
}

void futex_task_end(struct process *p, struct task *t)
{
    struct space *s = &p->spaces[t->space];
    uint32_t zero = 0;

    walk_robust(p, t);
    futex_pi_owner_gone(p, t);
    if (t->clear_tid && s->refs > 1 && !space_write(s, t->clear_tid, &zero, 4))
        wake_one(p, s, t->clear_tid);
    t->robust_list = t->clear_tid = 0;
}

/* ---- the calls ---- */

static int32_t wait(struct process *p, const uint32_t *a, uint32_t op, uint64_t key, bool wide)
{
    struct task *t = p->cur;
    uint64_t now = process_now_ns(p), until = UINT64_MAX, ns;
    uint32_t bits = op == FUTEX_WAIT_BITSET ? a[5] : WAIT_ANY, v;
    int32_t e;

    if (t->restarting) {
        if (t->woken)
            return 0;
        until = t->wait_until;
        if (until <= now)
            return -ETIMEDOUT;
    } else if (a[3]) {
        e = read_timespec(p, a[3], wide, &ns);
        if (e)
            return e;
        if (op == FUTEX_WAIT_BITSET) { /* absolute */
            uint64_t epoch = a[1] & FUTEX_REALTIME ? p->epoch * 1000000000u : 0;
            until = ns > epoch ? ns - epoch : 0;
        } else {
            until = now + ns;
        }
    }
    if (!bits)
        return -EINVAL;
    e = space_read(p->space, a[0], &v, 4);
    if (e)
        return e;
    if (v != a[2])
        return -EAGAIN;
    if (until <= now)
        return -ETIMEDOUT;
    e = task_block(p, WAIT_FUTEX, key, until, until == UINT64_MAX ? RESTART_SYS : RESTART_NEVER);
    t->wait_bits = bits;
    return e;
}

static int32_t requeue(struct process *p, const uint32_t *a, uint64_t key, bool compare)
{
    uint64_t to = space_key(p->space, a[4]);
    uint32_t v, moved = 0;

    if (a[4] % 4)
        return -EINVAL;
    if (!to)
        return -EFAULT;
    if (compare) {
        int32_t e = space_read(p->space, a[0], &v, 4);
        if (e)
            return e;
        if (v != a[5])
            return -EAGAIN;
    }
    uint32_t n = wake(p, key, a[2], WAIT_ANY);
    struct task *t;
    for (; key != to && moved < a[3] && (t = task_waiting(p, WAIT_FUTEX, key, WAIT_ANY)); moved++)
        t->wait_key = to;
    return (int32_t)(n + (compare ? moved : 0));
}

/* Changes the second word, then wakes there too if it was as asked. */
static int32_t wake_op(struct process *p, const uint32_t *a, uint64_t key)
{
    uint32_t how = a[5], op = how >> 28 & 7, cmp = how >> 24 & 15, old, now;
    uint32_t arg = (uint32_t)((int32_t)(how << 8) >> 20),
             with = (uint32_t)((int32_t)(how << 20) >> 20);
    uint64_t second = space_key(p->space, a[4]);
    bool holds;

    if (a[4] % 4 || op > 4 || cmp > 5)
        return -EINVAL;
    if (!second)
        return -EFAULT;
    if (how >> 31)
        arg = 1u << (arg & 31);
    int32_t e = space_read(p->space, a[4], &old, 4);
    if (e)
        return e;
    now = op == 0   ? arg
          : op == 1 ? old + arg
          : op == 2 ? old | arg
          : op == 3 ? old & ~arg
                    : old ^ arg;
    e = space_write(p->space, a[4], &now, 4);
    if (e)
        return e;
    switch (cmp) {
    case 0: holds = old == with; break;
    case 1: holds = old != with; break;
    case 2: holds = (int32_t)old < (int32_t)with; break;
    case 3: holds = (int32_t)old <= (int32_t)with; break;
    case 4: holds = (int32_t)old > (int32_t)with; break;
    default: holds = (int32_t)old >= (int32_t)with; break;
    }
    uint32_t n = wake(p, key, a[2], WAIT_ANY);
    return (int32_t)(n + (holds ? wake(p, second, a[3], WAIT_ANY) : 0));
}

static int32_t futex(struct process *p, const uint32_t *a, bool wide)
{
    uint32_t op = a[1] & FUTEX_OP;
    uint64_t key = space_key(p->space, a[0]);

    if ((a[1] & FUTEX_REALTIME) && op != FUTEX_WAIT_BITSET && op != FUTEX_WAIT_REQUEUE_PI &&
        op != FUTEX_LOCK_PI2)
        return -ENOSYS;
    if (a[0] % 4)
        return -EINVAL;
    if (!key)
        return -EFAULT;
    bool wakes = op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET || op == FUTEX_WAKE_OP ||
                 op == FUTEX_REQUEUE || op == FUTEX_CMP_REQUEUE;
    if (wakes &&
        (task_waiting(p, WAIT_PI, key, WAIT_ANY) || task_waiting(p, WAIT_REQUEUE, key, WAIT_ANY)))
        return -EINVAL; /* those are not woken, but given what they wait for */
    switch (op) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: return wait(p, a, op, key, wide);
    case FUTEX_WAKE: return (int32_t)wake(p, key, a[2], WAIT_ANY);
    case FUTEX_WAKE_BITSET: return a[5] ? (int32_t)wake(p, key, a[2], a[5]) : -EINVAL;
    case FUTEX_REQUEUE: return requeue(p, a, key, false);
    case FUTEX_CMP_REQUEUE: return requeue(p, a, key, true);
    case FUTEX_WAKE_OP: return wake_op(p, a, key);
    default: return futex_pi(p, a, key, wide);
    }
}

int32_t sys_futex(struct process *p, const uint32_t *a)
{
    return futex(p, a, false);
}
int32_t sys_futex64(struct process *p, const uint32_t *a)
{
    return futex(p, a, true);
}

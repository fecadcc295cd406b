/* SPDX-License-Identifier: MIT */
/*
 * Calls that have little to do where one user runs on one processor with all memory at hand:
 * identities, scheduling, locking of memory. They answer what Linux would in such a place, a user
 * namespace in which only root is known.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* ---- identities: root is the only one there is ---- */

static int32_t only_root(const uint32_t *a, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] != GUEST_UID && a[i] != UINT32_MAX)
            return -EINVAL;
    return 0;
}

#define SET_ID(name, n)                                                                            \
    CALL(name)                                                                                     \
    {                                                                                              \
        return only_root(a, n);                                                                    \
    }
SET_ID(setuid32, 1)
SET_ID(setgid32, 1)
SET_ID(setreuid32, 2)
SET_ID(setregid32, 2)
SET_ID(setresuid32, 3)
SET_ID(setresgid32, 3)

/* These give the one before, whatever is asked for. */
CALL(setfsuid32)
{
    return GUEST_UID;
}
CALL(setfsgid32)
{
    return GUEST_UID;
}

/* The same with 16 bits, of which all ones are "as it is". */
static uint32_t wide_id(uint32_t id)
{
    return (id & 0xffff) == 0xffff ? UINT32_MAX : id & 0xffff;
}
#define NARROW_ID(name, wide)                                                                      \
    CALL(name)                                                                                     \
    {                                                                                              \
        const uint32_t b[3] = {wide_id(a[0]), wide_id(a[1]), wide_id(a[2])};                       \
        return sys_##wide(p, b);                                                                   \
    }
NARROW_ID(setuid, setuid32)
NARROW_ID(setgid, setgid32)
NARROW_ID(setreuid, setreuid32)
NARROW_ID(setregid, setregid32)
NARROW_ID(setresuid, setresuid32)
NARROW_ID(setresgid, setresgid32)
NARROW_ID(setfsuid, setfsuid32)
NARROW_ID(setfsgid, setfsgid32)

static int32_t put_three16(struct process *p, const uint32_t *a)
{
    static const uint16_t id = GUEST_UID;
    int32_t e = 0;

    for (int i = 0; !e && i < 3; i++)
        e = space_write(p->space, a[i], &id, sizeof id);
    return e;
}

CALL(getresuid)
{
    return put_three16(p, a);
}
CALL(getresgid)
{
    return put_three16(p, a);
}

static int32_t put_three(struct process *p, const uint32_t *a)
{
    static const uint32_t id = GUEST_UID;
    int32_t e = 0;

    for (int i = 0; !e && i < 3; i++)
        e = space_write(p->space, a[i], &id, sizeof id);
    return e;
}

CALL(getresuid32)
{
    return put_three(p, a);
}
CALL(getresgid32)
{
    return put_three(p, a);
}

static int32_t set_groups(struct process *p, const uint32_t *a, uint32_t size)
{
    uint32_t id = 0;

    if (a[0] > 65536)
        return -EINVAL;
    for (uint32_t i = 0; i < a[0]; i++) {
        int32_t e = space_read(p->space, a[1] + size * i, &id, size);
        if (e || id != GUEST_UID)
            return e ? e : -EINVAL;
    }
    return 0;
}

CALL(setgroups32)
{
    return set_groups(p, a, 4);
}
CALL(setgroups)
{
    return set_groups(p, a, 2);
}

/* All capabilities, in the two words of version 3. */
CALL(capget)
{
    enum { VERSION_1 = 0x19980330, VERSION_2 = 0x20071026, VERSION_3 = 0x20080522 };
    static const uint32_t all[6] = {UINT32_MAX, UINT32_MAX, 0, 0x1ff, 0x1ff, 0};
    uint32_t head[2];
    int32_t e = space_read(p->space, a[0], head, sizeof head);

    if (e)
        return e;
    if (head[0] != VERSION_1 && head[0] != VERSION_2 && head[0] != VERSION_3) {
        head[0] = VERSION_3;
        e = space_write(p->space, a[0], head, 4);
        return e ? e : a[1] ? -EINVAL : 0;
    }
    if ((int32_t)head[1] < 0)
        return -EINVAL;
    if (head[1] && !task_by_tid(p, head[1]))
        return -ESRCH;
    return a[1] ? space_write(p->space, a[1], all, head[0] == VERSION_1 ? 12 : 24) : 0;
}

/* ---- scheduling ---- */

static bool nobody(struct process *p, uint32_t tid)
{
    return tid && !task_by_tid(p, tid);
}

CALL(sched_getscheduler)
{
    return (int32_t)a[0] < 0 ? -EINVAL : nobody(p, a[0]) ? -ESRCH : 0 /* SCHED_OTHER */;
}

CALL(sched_getparam)
{
    static const uint32_t none;

    if ((int32_t)a[0] < 0 || !a[1])
        return -EINVAL;
    return nobody(p, a[0]) ? -ESRCH : space_write(p->space, a[1], &none, 4);
}

CALL(sched_setscheduler)
{
    uint32_t priority;

    if ((int32_t)a[0] < 0 || !a[2])
        return -EINVAL;
    int32_t e = space_read(p->space, a[2], &priority, 4);
    if (e)
        return e;
    /* SCHED_OTHER, BATCH and IDLE; the others would be promises that are not kept. */
    if (a[1] == 1 || a[1] == 2)
        return -EPERM;
    return (a[1] && a[1] != 3 && a[1] != 5) || priority ? -EINVAL : nobody(p, a[0]) ? -ESRCH : 0;
}

CALL(sched_setparam)
{
    const uint32_t as_it_is[3] = {a[0], 0, a[1]};

    return sys_sched_setscheduler(p, as_it_is);
}

/* How long a task runs while others want to: Linux has no fixed answer, this is one of its own. */
static int32_t slice(struct process *p, const uint32_t *a, bool wide)
{
    if ((int32_t)a[0] < 0)
        return -EINVAL;
    return nobody(p, a[0]) ? -ESRCH : put_timespec(p, a[1], 4000000, wide);
}

CALL(sched_rr_get_interval)
{
    return slice(p, a, false);
}
CALL(sched_rr_get_interval64)
{
    return slice(p, a, true);
}

static int32_t priority_limit(uint32_t policy, int32_t real_time)
{
    static const uint32_t others = 1 << 0 | 1 << 3 | 1 << 5 | 1 << 6;

    if (policy == 1 || policy == 2)
        return real_time;
    return policy < 32 && others >> policy & 1 ? 0 : -EINVAL;
}

CALL(sched_get_priority_max)
{
    return priority_limit(a[0], 99);
}
CALL(sched_get_priority_min)
{
    return priority_limit(a[0], 1);
}

/* As the call has it: 20 less the nice value. */
CALL(getpriority)
{
    enum { WHO_PROCESS, WHO_GROUP, WHO_USER };

    if (a[0] > WHO_USER)
        return -EINVAL;
    if (a[0] == WHO_PROCESS && nobody(p, a[1]))
        return -ESRCH;
    return 20 - p->grp->nice;
}

CALL(setpriority)
{
    int32_t n = (int32_t)a[2];

    if (a[0] > 2)
        return -EINVAL;
    if (a[0] == 0 && nobody(p, a[1]))
        return -ESRCH;
    p->grp->nice = n < -20 ? -20 : n > 19 ? 19 : n;
    return 0;
}

CALL(nice)
{
    const uint32_t set[3] = {0, 0, (uint32_t)p->grp->nice + a[0]};

    return sys_setpriority(p, set);
}

CALL(getcpu)
{
    static const uint32_t zero;
    int32_t e = a[0] ? space_write(p->space, a[0], &zero, 4) : 0;

    return e || !a[1] ? e : space_write(p->space, a[1], &zero, 4);
}

CALL(membarrier)
{
    return a[1] ? -EINVAL : 0; /* MEMBARRIER_CMD_QUERY: none is needed, none is offered */
}

/* Linux's own, with what makes no difference here: where things are put, how short times are. */
CALL(personality)
{
    uint32_t old = p->grp->persona;

    if (a[0] != UINT32_MAX)
        p->grp->persona = a[0]; /* kept and inherited; addresses are never random */
    return (int32_t)old;
}

/* ---- memory that never leaves ---- */

static int32_t resident(struct process *p, uint32_t at, uint32_t len)
{
    uint32_t first = at / PAGE * PAGE;

    return space_ok(p->space, first, at - first + len, false) ? 0 : -ENOMEM;
}

CALL(mlock)
{
    return resident(p, a[0], a[1]);
}
CALL(mlock2)
{
    return a[2] & ~1u ? -EINVAL : resident(p, a[0], a[1]);
}
CALL(munlock)
{
    return resident(p, a[0], a[1]);
}
CALL(mlockall)
{
    return !a[0] || a[0] > 7 || a[0] == 4 ? -EINVAL : 0;
}
CALL(munlockall)
{
    return 0;
}

CALL(sync)
{
    shared_flush_all(&p->frames);
    return 0;
}

CALL(syncfs)
{
    return fd_open(p, a[0]) ? 0 : -EBADF;
}

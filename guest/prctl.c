/* SPDX-License-Identifier: MIT */
/*
 * prctl: what a task or process says of itself, and asks. Of what has no meaning here the wish is
 * kept, so that it reads back.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum {
    SET_PDEATHSIG = 1,
    GET_PDEATHSIG,
    GET_DUMPABLE,
    SET_DUMPABLE,
    GET_KEEPCAPS = 7,
    SET_KEEPCAPS,
    GET_TIMING = 13,
    SET_TIMING,
    SET_NAME,
    GET_NAME,
    GET_SECCOMP = 21,
    CAPBSET_READ = 23,
    CAPBSET_DROP,
    GET_TSC,
    SET_TSC,
    GET_SECUREBITS,
    SET_SECUREBITS,
    SET_TIMERSLACK,
    GET_TIMERSLACK,
    EVENTS_DISABLE,
    EVENTS_ENABLE,
    MCE_KILL,
    MCE_KILL_GET,
    SET_CHILD_SUBREAPER = 36,
    GET_CHILD_SUBREAPER,
    SET_NO_NEW_PRIVS,
    GET_NO_NEW_PRIVS,
    GET_TID_ADDRESS,
    SET_THP_DISABLE,
    GET_THP_DISABLE,
    CAP_AMBIENT = 47
};
enum { LAST_CAP = 40, KEEP_CAPS = 1 << 4, SECURE_ALL = 0xff, DEFAULT_SLACK = 50000 };

static int32_t put(struct process *p, uint32_t at, uint32_t v)
{
    return space_write(p->space, at, &v, sizeof v);
}

static int32_t name(struct process *p, uint32_t at)
{
    char text[COMM] = {0};

    if (space_string(p->space, at, text, sizeof text) == -EFAULT)
        return -EFAULT;
    text[COMM - 1] = 0;
    memcpy(p->cur->comm, text, COMM);
    return 0;
}

/* Nothing can be handed on to a program: nothing is inheritable. */
static int32_t ambient(const uint32_t *a)
{
    enum { IS_SET = 1, RAISE, LOWER, CLEAR_ALL };

    if (a[1] == CLEAR_ALL)
        return a[2] || a[3] || a[4] ? -EINVAL : 0;
    if (a[3] || a[4] || a[2] > LAST_CAP || a[1] < IS_SET || a[1] > CLEAR_ALL)
        return -EINVAL;
    return a[1] == RAISE ? -EPERM : 0;
}

static int32_t memory_errors(const uint32_t *a)
{
    enum { CLEAR, SET };

    return a[3] || a[4] || a[1] > SET || (a[1] == CLEAR ? a[2] != 0 : a[2] > 2) ? -EINVAL : 0;
}

static int32_t bounding(struct process *p, const uint32_t *a)
{
    uint64_t bit = a[1] <= LAST_CAP ? 1ull << a[1] : 0;

    if (!bit)
        return -EINVAL;
    if (a[0] == CAPBSET_READ)
        return !(p->cur->caps_dropped & bit);
    p->cur->caps_dropped |= bit;
    return 0;
}

CALL(prctl)
{
    struct task *t = p->cur;
    struct group *g = p->grp;
    bool more = a[2] || a[3] || a[4];

    switch (a[0]) {
    case SET_PDEATHSIG:
        if (a[1] >= NSIG_GUEST)
            return -EINVAL;
        t->death_signal = (uint8_t)a[1];
        return 0;
    case GET_PDEATHSIG: return put(p, a[1], t->death_signal);
    case GET_DUMPABLE: return !g->no_dump;
    case SET_DUMPABLE:
        if (a[1] > 1)
            return -EINVAL;
        g->no_dump = !a[1];
        return 0;
    case GET_KEEPCAPS: return (t->securebits & KEEP_CAPS) != 0;
    case SET_KEEPCAPS:
        if (a[1] > 1)
            return -EINVAL;
        t->securebits = (t->securebits & ~(uint32_t)KEEP_CAPS) | (a[1] ? (uint32_t)KEEP_CAPS : 0);
        return 0;
    case GET_TIMING: return 0;
    case SET_TIMING: return a[1] ? -EINVAL : 0;
    case SET_NAME: return name(p, a[1]);
    case GET_NAME: return space_write(p->space, a[1], t->comm, COMM);
    case GET_SECCOMP: return 0;
    case CAPBSET_READ:
    case CAPBSET_DROP: return bounding(p, a);
    case GET_TSC: return put(p, a[1], 1);
    case SET_TSC: return a[1] == 1 ? 0 : -EINVAL;
    case GET_SECUREBITS: return (int32_t)t->securebits;
    case SET_SECUREBITS:
        if (a[1] & ~(uint32_t)SECURE_ALL)
            return -EPERM;
        t->securebits = a[1];
        return 0;
    case SET_TIMERSLACK: t->slack = (int32_t)a[1] > 0 ? a[1] : t->slack_given; return 0;
    case GET_TIMERSLACK: return (int32_t)t->slack;
    case EVENTS_DISABLE:
    case EVENTS_ENABLE: return 0;
    case MCE_KILL: return memory_errors(a);
    case MCE_KILL_GET: return a[1] || more ? -EINVAL : 2;
    case SET_CHILD_SUBREAPER: g->subreaper = a[1] != 0; return 0;
    case GET_CHILD_SUBREAPER: return put(p, a[1], g->subreaper);
    case SET_NO_NEW_PRIVS:
        if (a[1] != 1 || more)
            return -EINVAL;
        t->no_new_privs = true;
        return 0;
    case GET_NO_NEW_PRIVS: return a[1] || more ? -EINVAL : t->no_new_privs;
    case GET_TID_ADDRESS: return put(p, a[1], t->clear_tid);
    case SET_THP_DISABLE:
        if (more)
            return -EINVAL;
        g->no_large_pages = a[1] != 0;
        return 0;
    case GET_THP_DISABLE: return a[1] || more ? -EINVAL : g->no_large_pages;
    case CAP_AMBIENT: return ambient(a);
    default: return -EINVAL;
    }
}

void prctl_init(struct task *t)
{
    t->slack = t->slack_given = DEFAULT_SLACK;
}

void prctl_child(struct task *t)
{
    t->death_signal = 0;
    t->slack_given = t->slack;
}

void prctl_exec(struct task *t, struct group *g)
{
    t->securebits &= ~(uint32_t)KEEP_CAPS;
    g->no_dump = false;
}

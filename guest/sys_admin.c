/* SPDX-License-Identifier: MIT */
/*
 * Calls that are about the machine rather than the program: root of a user namespace may not make
 * them (EPERM), a kernel built without the thing has nothing to answer (what it says then), and
 * some have not been answered by any kernel for decades. And small ones about scheduling and
 * capabilities that have one outcome here.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* Removed from Linux, or never there. */
CALL(never)
{
    return -ENOSYS;
}
/* The machine's administrator might. */
CALL(not_root)
{
    return -EPERM;
}
/* Not of this kind. */
CALL(no_such)
{
    return -EINVAL;
}
CALL(no_support)
{
    return -EOPNOTSUPP;
}

/* ---- names of the system, as they once were ---- */

static int32_t old_names(struct process *p, uint32_t at, uint32_t width)
{
    const char *names[5] = {"Linux", "chrysalis", UNAME_RELEASE, UNAME_VERSION, process_machine(p)};
    char u[5 * 65] = {0};

    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t k = 0; k + 1 < width && names[i][k]; k++)
            u[i * width + k] = names[i][k];
    return space_write(p->space, at, u, 5 * width);
}

CALL(olduname)
{
    return old_names(p, a[0], 65);
}
CALL(oldolduname)
{
    return old_names(p, a[0], 9);
}

/* ---- scheduling ---- */

static int32_t task_there(struct process *p, uint32_t tid)
{
    return (int32_t)tid < 0 ? -EINVAL : tid && !task_by_tid(p, tid) ? -ESRCH : 0;
}

/* struct sched_attr of its first size: words and nothing but a nice value in them. */
enum { ATTR_BYTES = 48, ATTR_POLICY = 1, ATTR_NICE = 4, ATTR_PRIORITY };

CALL(sched_getattr)
{
    uint32_t w[ATTR_BYTES / 4] = {ATTR_BYTES};
    int32_t e = !a[1] || a[2] < ATTR_BYTES || a[2] > PAGE || a[3] ? -EINVAL : task_there(p, a[0]);

    w[ATTR_NICE] = (uint32_t)p->grp->nice;
    return e ? e : space_write(p->space, a[1], w, sizeof w);
}

CALL(sched_setattr)
{
    uint32_t w[ATTR_BYTES / 4];

    if (!a[1] || (int32_t)a[0] < 0 || a[2])
        return -EINVAL;
    int32_t e = space_read(p->space, a[1], w, sizeof w);
    if (e || (w[0] && w[0] < ATTR_BYTES))
        return e ? e : -E2BIG;
    e = task_there(p, a[0]);
    if (e)
        return e;
    if (w[ATTR_POLICY] == 1 || w[ATTR_POLICY] == 2 || w[ATTR_POLICY] == 6)
        return -EPERM; /* promises that would not be kept */
    if ((w[ATTR_POLICY] && w[ATTR_POLICY] != 3 && w[ATTR_POLICY] != 5) || w[ATTR_PRIORITY])
        return -EINVAL;
    const uint32_t nice[3] = {0, 0, w[ATTR_NICE]};
    return sys_setpriority(p, nice);
}

/* Of input and output: none, which is best effort by the nice value. */
CALL(ioprio_get)
{
    return a[0] < 1 || a[0] > 3 ? -EINVAL : a[0] == 1 ? task_there(p, a[1]) : 0;
}
CALL(ioprio_set)
{
    uint32_t class = a[2] >> 13 & 7, level = a[2] & 7;

    if (a[0] < 1 || a[0] > 3 || class > 3 || (!class && level))
        return -EINVAL;
    return a[0] == 1 ? task_there(p, a[1]) : 0;
}

/* ---- rights ---- */

/* They are all there, and stay: what is given up is not missed, as no call asks for it. */
CALL(capset)
{
    enum { VERSION_1 = 0x19980330, VERSION_2 = 0x20071026, VERSION_3 = 0x20080522 };
    uint32_t head[2], data[6];
    int32_t e = space_read(p->space, a[0], head, sizeof head);

    if (e)
        return e;
    if (head[0] != VERSION_1 && head[0] != VERSION_2 && head[0] != VERSION_3) {
        head[0] = VERSION_3;
        e = space_write(p->space, a[0], head, 4);
        return e ? e : -EINVAL;
    }
    if (head[1] && head[1] != p->cur->tid)
        return -EPERM;
    return space_read(p->space, a[1], data, head[0] == VERSION_1 ? 12 : 24);
}

/* Namespaces are the administrator's; what threads share of a process can be parted only where
 * nobody shares it. */
CALL(unshare)
{
    enum { VM = 0x100, FS = 0x200, FILES = 0x400, SIGHAND = 0x800, THREAD = 0x10000 };
    enum { SYSVSEM = 0x40000, TIME = 0x80, NEW = 0x7e020000 };

    if (a[0] & ~(uint32_t)(VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | TIME | NEW))
        return -EINVAL;
    if (a[0] & (NEW | TIME))
        return -EPERM;
    if ((a[0] & (VM | SIGHAND | THREAD)) && p->grp->refs > 1)
        return -EINVAL;
    return (a[0] & (FS | FILES)) && p->files->refs > 1 ? -EPERM : 0;
}

/* Without the processor's protection keys there are none to be had. */
CALL(pkey_alloc)
{
    return a[0] || a[1] > 3 ? -EINVAL : -ENOSPC;
}
CALL(pkey_mprotect)
{
    return a[3] == UINT32_MAX ? sys_mprotect(p, a) : -EINVAL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of processes. One knows its process by number, as no number is ever given twice: it
 * outlives the process, can be polled for its end, and never means another.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

int32_t pidfd_new(struct process *p, uint32_t pid, uint32_t flags)
{
    struct guest_open *o;
    int32_t fd = fd_new(p, GO_RDWR | GO_CLOEXEC | flags, &o);

    if (fd >= 0) {
        o->kind = OPEN_PIDFD;
        o->stream = true;
        o->offset = pid;
    }
    return fd;
}

bool pidfd_ended(const struct process *p, const struct guest_open *o)
{
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->group[i].used && p->group[i].tgid == o->offset)
            return p->group[i].zombie;
    return true;
}

const struct guest_open *pidfd_of(struct process *p, uint32_t fd)
{
    const struct guest_open *o = fd_open(p, fd);

    return o && o->kind == OPEN_PIDFD ? o : NULL;
}

CALL(pidfd_open)
{
    if ((a[1] & ~(uint32_t)GO_NONBLOCK) || (int32_t)a[0] <= 0)
        return -EINVAL;
    if (!group_by_pid(p, a[0]))
        return task_by_tid(p, a[0]) ? -ENOENT : -ESRCH;
    return pidfd_new(p, a[0], a[1]);
}

CALL(pidfd_send_signal)
{
    const struct guest_open *o;
    uint32_t s;

    if (a[3])
        return -EINVAL;
    o = pidfd_of(p, a[0]);
    if (!o)
        return -EBADF;
    const uint32_t as_kill[2] = {(uint32_t)o->offset, a[1]};
    if (!a[2])
        return group_by_pid(p, as_kill[0]) ? sys_kill(p, as_kill) : -ESRCH;
    int32_t e = space_read(p->space, a[2], &s, 4);
    if (!e && s != a[1])
        e = -EINVAL;
    const uint32_t as_queue[3] = {as_kill[0], a[1], a[2]};
    return e ? e : sys_rt_sigqueueinfo(p, as_queue);
}

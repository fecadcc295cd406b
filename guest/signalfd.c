/* SPDX-License-Identifier: MIT */
/*
 * signalfd: signals that are read. What there is to be read depends on who reads: the signals that
 * wait for this task or its process. So nothing is kept here but the set; whoever waits for any
 * such descriptor looks again when any signal is queued.
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { SIGNALFD_KEY = 3 << 20 };

bool signalfd_ready(const struct process *p, const struct guest_open *o)
{
    return ((p->cur->queue.pending | p->grp->queue.pending) & o->offset) != 0;
}

void signalfd_ring(struct process *p)
{
    if (!p->signalfds)
        return;
    p->signals_rang++;
    pipe_changed(p, SIGNALFD_KEY);
}

/* What a reader is told of a signal. */
static void tell(uint8_t *out, int s, const struct siginfo_guest *info)
{
    enum { INFO_QUEUE = -1, INFO_TIMER = -2 };
    struct {
        uint32_t signal, error, code, pid, uid, fd, tid, band, overrun, trap, status, value;
        uint32_t pointer[2], user[2], system[2], addr[2];
    } w = {.signal = (uint32_t)s, .code = (uint32_t)info->code};
    bool fault = s == GSIGILL || s == GSIGFPE || s == GSIGSEGV || s == GSIGBUS || s == GSIGTRAP;

    if (info->code == INFO_TIMER) {
        w.tid = info->field[0];
        w.overrun = info->field[1];
        w.value = w.pointer[0] = info->field[2];
    } else if (info->code > 0 && info->code != GSI_KERNEL && fault) {
        w.addr[0] = info->field[0];
    } else {
        w.pid = info->field[0];
        w.uid = info->field[1];
        if (info->code > 0 && s == GSIGCHLD) {
            w.status = info->field[2];
            w.user[0] = info->field[3];
            w.system[0] = info->field[4];
        } else if (info->code < 0) {
            w.value = w.pointer[0] = info->field[2];
        }
    }
    memcpy(out, &w, sizeof w);
}

int32_t signalfd_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    enum { RECORD = 128 };
    struct siginfo_guest info;
    uint32_t done = 0;
    int s = 0;

    if (len < RECORD)
        return -EINVAL;
    while (len - done >= RECORD && (s = signal_take(p, p->cur, ~o->offset, &info))) {
        uint8_t record[RECORD] = {0};
        tell(record, s, &info);
        if (space_write(p->space, addr + done, record, RECORD))
            return done ? (int32_t)done : -EFAULT;
        done += RECORD;
    }
    if (done)
        return (int32_t)done;
    return o->flags & GO_NONBLOCK ? -EAGAIN
                                  : task_block(p, WAIT_PIPE, SIGNALFD_KEY, UINT64_MAX, RESTART_SYS);
}

static int32_t make(struct process *p, const uint32_t *a, uint32_t flags)
{
    struct guest_open *o;
    uint64_t set;
    int32_t fd = (int32_t)a[0];

    if (a[2] != sizeof set)
        return -EINVAL;
    if (space_read(p->space, a[1], &set, sizeof set))
        return -EFAULT;
    if (flags & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    if (fd == -1) {
        fd = fd_new(p, flags | GO_RDWR, &o);
        if (fd < 0)
            return fd;
        o->kind = OPEN_SIGNALFD;
        o->stream = true;
        p->signalfds++;
    } else {
        o = fd_file(p, a[0]);
        if (!o || o->kind != OPEN_SIGNALFD)
            return o ? -EINVAL : -EBADF;
    }
    o->offset = set & ~UNBLOCKABLE;
    signalfd_ring(p);
    return fd;
}

CALL(signalfd)
{
    return make(p, a, 0);
}
CALL(signalfd4)
{
    return make(p, a, a[3]);
}

/* SPDX-License-Identifier: MIT */
/*
 * Waiting for several descriptors at once: poll and select; epoll (event.c) asks the same question.
 * What the host opened is always ready: its streams block when they are read, which costs the guest
 * no time.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* Most of what can be read or written is so in two words; events of a number only in one. */
enum { IN = POLLIN | POLLRDNORM, OUT = POLLOUT | POLLWRNORM };

uint32_t open_ready(struct process *p, const struct guest_open *o)
{
    const struct guest_pipe *in = &p->pipe[o->pipe],
                            *out = &p->pipe[o->kind == OPEN_SOCKET ? o->pipe_out : o->pipe];
    /* A fifo that was opened to read before any writer came has not lost one. */
    bool fresh = in->fifo && in->came == o->came;
    uint32_t reads = (in->count ? IN : 0u), writes = 0;

    if (out->limit >= out->count + PIPE_ATOMIC)
        writes = OUT;
    switch (o->kind) {
    case OPEN_PIPE_R: return reads | (in->writers || fresh ? 0u : POLLHUP);
    case OPEN_FIFO: return reads | writes;
    case OPEN_PIPE_W: return writes | (out->readers ? 0u : POLLERR);
    case OPEN_SOCKET:
        if (!in->writers || o->stopped[0])
            reads |= IN | GPOLLRDHUP | (!out->readers || o->stopped[1] ? POLLHUP : 0u);
        return reads | (out->readers && !writes ? 0u : OUT | POLLWRBAND);
    case OPEN_SOCK: return socket_ready(p, o);
    case OPEN_EVENT: return (o->offset ? POLLIN : 0u) | (o->offset < EVENT_MAX ? POLLOUT : 0u);
    case OPEN_TIMERFD: return timerfd_ready(p, o) ? POLLIN : 0;
    case OPEN_SIGNALFD: return signalfd_ready(p, o) ? POLLIN : 0;
    case OPEN_EPOLL: return epoll_any(p, o) ? IN : 0;
    case OPEN_PIDFD: return pidfd_ended(p, o) ? POLLIN : 0;
    default: return IN | OUT;
    }
}

struct patience patience(struct process *p, uint64_t ns, struct time_left left)
{
    return (struct patience){p->cur->restarting ? p->cur->wait_until : process_now_ns(p) + ns,
                             left};
}

const struct patience endless = {.until = UINT64_MAX};

/* Blocks, or says that time is up (0). */
int32_t none_ready(struct process *p, const struct patience *w)
{
    if (w->until <= process_now_ns(p))
        return 0;
    task_block(p, WAIT_POLL, 0, w->until, RESTART_NEVER);
    p->cur->left = w->left;
    return SYS_BLOCK;
}

static int32_t done_waiting(struct process *p, const struct patience *w, int32_t result)
{
    if (result != SYS_BLOCK)
        time_left(p, &w->left, w->until);
    return result;
}

static int32_t poll_list(struct process *p, uint32_t at, uint32_t count, struct patience w)
{
    uint32_t n = 0;
    struct {
        int32_t fd;
        uint16_t want, got;
    } f;

    if (count > p->grp->limit[LIMIT_NOFILE][0])
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        int32_t e = space_read(p->space, at + 8 * i, &f, 8);
        if (e)
            return e;
        const struct guest_open *o = f.fd < 0 ? NULL : fd_file(p, (uint32_t)f.fd);
        f.got = f.fd < 0 ? 0
                : !o     ? POLLNVAL
                         : (uint16_t)(open_ready(p, o) & (f.want | POLLHUP | POLLERR));
        n += f.got != 0;
        e = space_write(p->space, at + 8 * i, &f, 8);
        if (e)
            return e;
    }
    return done_waiting(p, &w, n ? (int32_t)n : none_ready(p, &w));
}

/* A signal mask for the length of the call. */
int32_t borrow_mask(struct process *p, uint32_t at, uint32_t size)
{
    struct task *t = p->cur;
    uint64_t set;

    if (!at || t->restarting)
        return 0;
    if (size != 8)
        return -EINVAL;
    int32_t e = space_read(p->space, at, &set, 8);
    if (e)
        return e;
    t->saved_mask = t->sigmask;
    t->restore_mask = true;
    t->sigmask = set & ~(1ull << 8 | 1ull << 18);
    return 0;
}

CALL(poll)
{
    return poll_list(p, a[0], a[1],
                     (int32_t)a[2] < 0 ? endless
                                       : patience(p, a[2] * 1000000ull, (struct time_left){0}));
}

static int32_t ppoll(struct process *p, const uint32_t *a, bool wide)
{
    uint64_t ns = 0;
    int32_t e = a[2] ? read_timespec(p, a[2], wide, &ns) : 0;

    if (!e)
        e = borrow_mask(p, a[3], a[4]);
    return e ? e
             : poll_list(p, a[0], a[1],
                         a[2] ? patience(p, ns, (struct time_left){a[2], 1, wide}) : endless);
}

CALL(ppoll)
{
    return ppoll(p, a, false);
}
CALL(ppoll64)
{
    return ppoll(p, a, true);
}

static int32_t select_sets(struct process *p, uint32_t n, const uint32_t at[3], struct patience w)
{
    static const uint32_t asks[3] = {IN | POLLRDBAND | POLLHUP | POLLERR,
                                     OUT | POLLWRBAND | POLLERR, POLLPRI};
    uint32_t in[3][PROC_FDS / 32], out[3][PROC_FDS / 32] = {{0}}, hits = 0;
    int32_t e;

    if ((int32_t)n < 0)
        return -EINVAL;
    if (n > PROC_FDS)
        n = PROC_FDS;
    uint32_t bytes = (n + 31) / 32 * 4;
    for (int k = 0; k < 3; k++) {
        memset(in[k], 0, sizeof in[k]);
        e = at[k] ? space_read(p->space, at[k], in[k], bytes) : 0;
        if (e)
            return e;
        for (uint32_t fd = 0; fd < n; fd++) {
            if (!(in[k][fd / 32] >> fd % 32 & 1))
                continue;
            const struct guest_open *o = fd_file(p, fd);
            if (!o)
                return -EBADF;
            if (open_ready(p, o) & asks[k]) {
                out[k][fd / 32] |= 1u << fd % 32;
                hits++;
            }
        }
    }
    if (!hits) {
        e = none_ready(p, &w);
        if (e)
            return e;
    }
    for (int k = 0; k < 3; k++) {
        e = at[k] ? space_write(p->space, at[k], out[k], bytes) : 0;
        if (e)
            return e;
    }
    return done_waiting(p, &w, (int32_t)hits);
}

CALL(newselect)
{
    struct patience w = endless;
    uint32_t tv[2];

    if (a[4]) {
        int32_t e = space_read(p->space, a[4], tv, 8);
        if (e)
            return e;
        if ((int32_t)tv[0] < 0 || (int32_t)tv[1] < 0)
            return -EINVAL;
        w = patience(p, tv[0] * 1000000000ull + tv[1] * 1000ull,
                     (struct time_left){a[4], 1000, false});
    }
    return select_sets(p, a[0], a + 1, w);
}

/* The first of its kind: its arguments are in memory. */
CALL(old_select)
{
    uint32_t m[5];
    int32_t e = space_read(p->space, a[0], m, sizeof m);

    return e ? e : sys_newselect(p, m);
}

static int32_t pselect(struct process *p, const uint32_t *a, bool wide)
{
    uint64_t ns = 0;
    uint32_t mask[2] = {0, 8};
    int32_t e = a[4] ? read_timespec(p, a[4], wide, &ns) : 0;

    if (!e && a[5])
        e = space_read(p->space, a[5], mask, sizeof mask);
    if (!e)
        e = borrow_mask(p, mask[0], mask[1]);
    return e ? e
             : select_sets(p, a[0], a + 1,
                           a[4] ? patience(p, ns, (struct time_left){a[4], 1, wide}) : endless);
}

CALL(pselect6)
{
    return pselect(p, a, false);
}
CALL(pselect6_64)
{
    return pselect(p, a, true);
}

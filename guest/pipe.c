/* SPDX-License-Identifier: MIT */
/*
 * Pipes of the guest's own, of 64 KB as Linux makes them. A pair of connected sockets is two of
 * them, one each way (socket.c).
 */
#include <errno.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

void pipe_changed(struct process *p, uint64_t key)
{
    p->activity++;
    task_wake(p, WAIT_PIPE, key, UINT32_MAX, WAIT_ANY);
    task_wake(p, WAIT_POLL, 0, UINT32_MAX, WAIT_ANY);
}

static void left(struct process *p, uint32_t row)
{
    struct guest_pipe *q = &p->pipe[row];

    if (!q->readers && !q->writers) {
        q->used = false;
        rights_drop_pipe(p, row);
    }
    q->rang[RING_END] += !q->readers != !q->writers;
    pipe_changed(p, row);
}

void pipe_stop(struct process *p, struct guest_open *o, bool reading, bool writing)
{
    if (reading && !o->stopped[0]) {
        p->pipe[o->pipe].readers--;
        left(p, o->pipe);
    }
    if (writing && !o->stopped[1]) {
        p->pipe[pipe_row_out(o)].writers--;
        left(p, pipe_row_out(o));
    }
    o->stopped[0] |= reading;
    o->stopped[1] |= writing;
}

void pipe_end_closed(struct process *p, struct guest_open *o)
{
    pipe_stop(p, o, o->kind != OPEN_PIPE_W, o->kind != OPEN_PIPE_R);
}

uint32_t pipe_room(const struct process *p, const struct guest_open *o)
{
    const struct guest_pipe *q = &p->pipe[pipe_row_out(o)];

    return q->limit > q->count ? q->limit - q->count : 0;
}

uint32_t pipe_peek(const struct process *p, const struct guest_open *o, uint8_t *to, uint32_t len)
{
    const struct guest_pipe *q = &p->pipe[o->pipe];
    uint32_t n = len < q->count ? len : q->count, first = PIPE_BYTES - q->head;

    if (first > n)
        first = n;
    memcpy(to, q->bytes + q->head, first);
    memcpy(to + first, q->bytes, n - first);
    return n;
}

void pipe_take(struct process *p, struct guest_open *o, uint32_t n)
{
    struct guest_pipe *q = &p->pipe[o->pipe];
    bool full = q->limit < q->count + PIPE_ATOMIC;

    q->out += n;
    q->count -= n;
    q->head = q->count ? (q->head + n) % PIPE_BYTES : 0;
    q->rang[RING_OUT] += o->kind == OPEN_SOCKET || (full && q->limit >= q->count + PIPE_ATOMIC);
    rights_passed(p, o->pipe);
    pipe_changed(p, o->pipe);
}

int32_t pipe_wait_data(struct process *p, struct guest_open *o, bool nonblock)
{
    const struct guest_pipe *q = &p->pipe[o->pipe];

    if (q->count)
        return (int32_t)q->count;
    if (!q->writers || o->stopped[0])
        return 0;
    return nonblock ? -EAGAIN : task_block(p, WAIT_PIPE, o->pipe, UINT64_MAX, RESTART_SYS);
}

/* Into memory that is not there goes what Linux would put there: of a pipe whole pages as they were
 * written, of a socket all or nothing. What does not go stays. */
int32_t pipe_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_pipe *q = &p->pipe[o->pipe];
    uint32_t n = len < q->count ? len : q->count, first, fit;

    if (!len || p->got_rights)
        return 0;
    n = rights_limit(p, o->pipe, n);
    if (!n)
        return pipe_wait_data(p, o, o->flags & GO_NONBLOCK);
    fit = space_fit(p->space, addr, n, true);
    if (fit < n && o->kind != OPEN_SOCKET && (q->head + fit) / PAGE > q->head / PAGE)
        n = fit - (q->head + fit) % PAGE;
    else if (fit < n)
        return -EFAULT;
    first = PIPE_BYTES - q->head < n ? PIPE_BYTES - q->head : n;
    int e = space_write(p->space, addr, q->bytes + q->head, first);
    if (!e && n > first)
        e = space_write(p->space, addr + first, q->bytes, n - first);
    if (!e && !p->peek)
        pipe_take(p, o, n);
    return e ? e : (int32_t)n;
}

uint32_t pipe_put(struct process *p, struct guest_open *o, const uint8_t *from, uint32_t len)
{
    struct guest_pipe *q = &p->pipe[pipe_row_out(o)];
    uint32_t done = 0, room = pipe_room(p, o), run;

    if (len > room)
        len = room;
    for (; done < len; done += run, q->count += run, q->in += run) {
        uint32_t at = (q->head + q->count) % PIPE_BYTES; /* where the next byte goes */
        run = len - done < PIPE_BYTES - at ? len - done : PIPE_BYTES - at;
        memcpy(q->bytes + at, from + done, run);
    }
    q->rang[RING_IN] += done != 0;
    if (done)
        pipe_changed(p, pipe_row_out(o));
    return done;
}

int32_t pipe_wait_room(struct process *p, struct guest_open *o, uint32_t len, bool nonblock)
{
    struct guest_pipe *q = &p->pipe[pipe_row_out(o)];
    uint32_t room = pipe_room(p, o);

    if (!q->readers || o->stopped[1]) {
        struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};
        if (!p->quiet)
            signal_to_task(p, p->cur, GSIGPIPE, &info);
        return -EPIPE;
    }
    if (room && (len > PIPE_ATOMIC || len <= room))
        return (int32_t)room;
    return nonblock ? -EAGAIN : task_block(p, WAIT_PIPE, pipe_row_out(o), UINT64_MAX, RESTART_SYS);
}

int32_t pipe_resize(struct process *p, struct guest_open *o, uint32_t size)
{
    struct guest_pipe *q = &p->pipe[o->pipe];
    uint32_t now = PAGE;

    while (now < size && now < 1u << 31)
        now *= 2;
    if (now < size)
        return -EINVAL;
    if (now > PIPE_BYTES)
        return -EPERM;
    if (now < q->count)
        return -EBUSY;
    q->limit = now;
    pipe_changed(p, o->pipe);
    return (int32_t)now;
}

int pipe_new(struct process *p)
{
    int row = 0;

    while (row < PROC_PIPES && p->pipe[row].used)
        row++;
    if (row == PROC_PIPES)
        return -ENFILE;
    struct guest_pipe *q = &p->pipe[row];
    q->used = true;
    q->head = q->count = q->fifo = 0;
    q->limit = PIPE_BYTES;
    q->in = q->out = 0;
    q->readers = q->writers = 1;
    return row;
}

static int32_t make_pipe(struct process *p, uint32_t at, uint32_t flags)
{
    struct guest_open *r, *w;
    uint32_t fds[2];

    if (flags & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    int row = pipe_new(p);
    if (row < 0)
        return row;
    struct guest_pipe *q = &p->pipe[row];
    int32_t in = fd_new(p, flags, &r);
    if (in < 0) {
        q->used = false;
        return in;
    }
    int32_t out = fd_new(p, flags | GO_WRONLY, &w);
    r->kind = OPEN_PIPE_R;
    r->stream = true;
    r->pipe = (uint16_t)row;
    if (out >= 0) {
        w->kind = OPEN_PIPE_W;
        w->stream = true;
        w->pipe = (uint16_t)row;
    } else {
        q->writers = 0;
    }
    fds[0] = (uint32_t)in;
    fds[1] = (uint32_t)out;
    int32_t e = out < 0 ? out : space_write(p->space, at, fds, sizeof fds);
    if (e) {
        sys_close(p, &fds[0]);
        if (out >= 0)
            sys_close(p, &fds[1]);
    }
    return e;
}

CALL(pipe)
{
    return make_pipe(p, a[0], 0);
}
CALL(pipe2)
{
    return make_pipe(p, a[0], a[1]);
}

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

    if (!q->readers && !q->writers)
        q->used = false;
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
    return PIPE_BYTES - p->pipe[pipe_row_out(o)].count;
}

int32_t pipe_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_pipe *q = &p->pipe[o->pipe];
    uint32_t n = len < q->count ? len : q->count, first = PIPE_BYTES - q->head;

    if (!len)
        return 0;
    if (!n) {
        if (!q->writers || o->stopped[0])
            return 0;
        if (o->flags & GO_NONBLOCK)
            return -EAGAIN;
        return task_block(p, WAIT_PIPE, o->pipe, UINT64_MAX, RESTART_SYS);
    }
    if (first > n)
        first = n;
    int e = space_write(p->space, addr, q->bytes + q->head, first);
    if (!e && n > first)
        e = space_write(p->space, addr + first, q->bytes, n - first);
    if (e)
        return e;
    bool full = PIPE_BYTES - q->count < PIPE_ATOMIC;
    q->head = (q->head + n) % PIPE_BYTES;
    q->count -= n;
    q->rang[RING_OUT] += o->kind == OPEN_SOCKET || (full && PIPE_BYTES - q->count >= PIPE_ATOMIC);
    pipe_changed(p, o->pipe);
    return (int32_t)n;
}

/* Where the next byte goes, and how many go there without a wrap. */
static uint32_t tail(const struct guest_pipe *q, uint32_t *run)
{
    uint32_t at = (q->head + q->count) % PIPE_BYTES;

    *run = PIPE_BYTES - q->count < PIPE_BYTES - at ? PIPE_BYTES - q->count : PIPE_BYTES - at;
    return at;
}

uint32_t pipe_put(struct process *p, struct guest_open *o, const uint8_t *from, uint32_t len)
{
    struct guest_pipe *q = &p->pipe[pipe_row_out(o)];
    uint32_t done = 0, run;

    while (done < len && q->count < PIPE_BYTES) {
        uint32_t at = tail(q, &run);
        if (run > len - done)
            run = len - done;
        memcpy(q->bytes + at, from + done, run);
        q->count += run;
        done += run;
    }
    q->rang[RING_IN] += done != 0;
    if (done)
        pipe_changed(p, pipe_row_out(o));
    return done;
}

/* Gives what went in at once; less than asked means that the rest must wait for room. */
int32_t pipe_write(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_pipe *q = &p->pipe[pipe_row_out(o)];
    uint32_t room = pipe_room(p, o), done = 0, run;
    int e = 0;

    if (!q->readers || o->stopped[1]) {
        struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};
        if (!p->quiet)
            signal_to_task(p, p->cur, GSIGPIPE, &info);
        return -EPIPE;
    }
    if (!len)
        return 0;
    if (len <= PIPE_ATOMIC ? room < len : !room) {
        if (o->flags & GO_NONBLOCK)
            return -EAGAIN;
        return task_block(p, WAIT_PIPE, pipe_row_out(o), UINT64_MAX, RESTART_SYS);
    }
    if (len > room)
        len = room;
    while (!e && done < len) {
        uint32_t at = tail(q, &run);
        if (run > len - done)
            run = len - done;
        e = space_read(p->space, addr + done, q->bytes + at, run);
        if (!e) {
            q->count += run;
            done += run;
        }
    }
    q->rang[RING_IN] += done != 0;
    if (done)
        pipe_changed(p, pipe_row_out(o));
    return done ? (int32_t)done : e;
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
    q->readers = q->writers = 1;
    return row;
}

static int32_t make_pipe(struct process *p, uint32_t at, uint32_t flags)
{
    struct guest_open *r, *w;
    uint32_t row = 0, fds[2];

    if (flags & ~(uint32_t)(GO_CLOEXEC | GO_NONBLOCK))
        return -EINVAL;
    while (row < PROC_PIPES && p->pipe[row].used)
        row++;
    if (row == PROC_PIPES)
        return -ENFILE;
    int32_t in = fd_new(p, flags, &r);
    if (in < 0)
        return in;
    int32_t out = fd_new(p, flags | GO_WRONLY, &w);
    struct guest_pipe *q = &p->pipe[row];
    q->used = true;
    q->head = q->count = q->fifo = 0;
    q->readers = q->writers = 1;
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

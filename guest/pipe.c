/* SPDX-License-Identifier: MIT */
/*
 * Pipes of the guest's own, of 64 KB as Linux makes them, and waiting for several descriptors at
 * once. What the host opened is always ready: its streams block when they are read, which costs the
 * guest no time.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

static struct guest_pipe *pipe_of(struct process *p, const struct guest_open *o)
{
    return &p->pipe[o->pipe];
}

static void changed(struct process *p, uint32_t row)
{
    task_wake(p, WAIT_PIPE, row, UINT32_MAX, WAIT_ANY);
    task_wake(p, WAIT_POLL, 0, UINT32_MAX, WAIT_ANY);
}

void pipe_end_closed(struct process *p, const struct guest_open *o)
{
    struct guest_pipe *q = pipe_of(p, o);

    if (o->kind == OPEN_PIPE_R)
        q->readers--;
    else
        q->writers--;
    if (!q->readers && !q->writers)
        q->used = false;
    changed(p, o->pipe);
}

uint32_t pipe_room(const struct process *p, const struct guest_open *o)
{
    return PIPE_BYTES - p->pipe[o->pipe].count;
}

int32_t pipe_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_pipe *q = pipe_of(p, o);
    uint32_t n = len < q->count ? len : q->count, first = PIPE_BYTES - q->head;

    if (!len)
        return 0;
    if (!n) {
        if (!q->writers)
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
    q->head = (q->head + n) % PIPE_BYTES;
    q->count -= n;
    changed(p, o->pipe);
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
    struct guest_pipe *q = pipe_of(p, o);
    uint32_t done = 0, run;

    while (done < len && q->count < PIPE_BYTES) {
        uint32_t at = tail(q, &run);
        if (run > len - done)
            run = len - done;
        memcpy(q->bytes + at, from + done, run);
        q->count += run;
        done += run;
    }
    if (done)
        changed(p, o->pipe);
    return done;
}

/* Gives what went in at once; less than asked means that the rest must wait for room. */
int32_t pipe_write(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len)
{
    struct guest_pipe *q = pipe_of(p, o);
    uint32_t room = pipe_room(p, o), done = 0, run;
    int e = 0;

    if (!q->readers) {
        struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};
        signal_to_task(p, p->cur, GSIGPIPE, &info);
        return -EPIPE;
    }
    if (!len)
        return 0;
    if (len <= PIPE_ATOMIC ? room < len : !room) {
        if (o->flags & GO_NONBLOCK)
            return -EAGAIN;
        return task_block(p, WAIT_PIPE, o->pipe, UINT64_MAX, RESTART_SYS);
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
    if (done)
        changed(p, o->pipe);
    return done ? (int32_t)done : e;
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
    q->head = q->count = 0;
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

/* ---- waiting for several ---- */

static uint32_t ready(struct process *p, const struct guest_open *o)
{
    const struct guest_pipe *q = pipe_of(p, o);

    switch (o->kind) {
    case OPEN_PIPE_R: return (q->count ? POLLIN : 0u) | (q->writers ? 0u : POLLHUP);
    case OPEN_PIPE_W:
        return (PIPE_BYTES - q->count >= PIPE_ATOMIC ? POLLOUT : 0u) | (q->readers ? 0u : POLLERR);
    default: return POLLIN | POLLOUT;
    }
}

/* How long a call may take, from its first execution on, and where it tells what is left of that.
 */
struct patience {
    uint64_t until;
    struct time_left left;
};

static struct patience patience(struct process *p, uint64_t ns, struct time_left left)
{
    return (struct patience){p->cur->restarting ? p->cur->wait_until : process_now_ns(p) + ns,
                             left};
}

static const struct patience endless = {.until = UINT64_MAX};

/* Blocks, or says that time is up (0). */
static int32_t none_ready(struct process *p, const struct patience *w)
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

    if (count > PROC_FDS)
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        int32_t e = space_read(p->space, at + 8 * i, &f, 8);
        if (e)
            return e;
        const struct guest_open *o = f.fd < 0 ? NULL : fd_open(p, (uint32_t)f.fd);
        f.got = f.fd < 0 ? 0
                : !o     ? POLLNVAL
                         : (uint16_t)(ready(p, o) & (f.want | POLLHUP | POLLERR));
        n += f.got != 0;
        e = space_write(p->space, at + 8 * i, &f, 8);
        if (e)
            return e;
    }
    return done_waiting(p, &w, n ? (int32_t)n : none_ready(p, &w));
}

/* A signal mask for the length of the call. */
static int32_t borrow_mask(struct process *p, uint32_t at, uint32_t size)
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
    static const uint32_t asks[3] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, 0};
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
            const struct guest_open *o = fd_open(p, fd);
            if (!o)
                return -EBADF;
            if (ready(p, o) & asks[k]) {
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

/* SPDX-License-Identifier: MIT */
/*
 * splice and tee: bytes between two descriptors of which one is a pipe, without the guest's memory.
 * As much as there is at once, and as there is room for; only with nothing to do does a call wait.
 */
#include <errno.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { FLAGS = 15, NO_WAIT = 2, PIECE = PIPE_BYTES };

static uint8_t buf[PIECE];

static int32_t wait_at(struct process *p, const struct guest_open *o, uint32_t row, uint32_t flags)
{
    if ((o->flags & GO_NONBLOCK) || (flags & NO_WAIT))
        return -EAGAIN;
    return task_block(p, WAIT_PIPE, row, UINT64_MAX, RESTART_SYS);
}

/* How much can be taken of a pipe: 0 at its end. */
static int32_t available(struct process *p, const struct guest_open *o, uint32_t flags)
{
    const struct guest_pipe *q = &p->pipe[o->pipe];

    if (q->count)
        return (int32_t)rights_limit(p, o->pipe, q->count);
    return !q->writers || o->stopped[0] ? 0 : wait_at(p, o, o->pipe, flags);
}

static int32_t room(struct process *p, const struct guest_open *o, uint32_t flags)
{
    uint32_t n = pipe_room(p, o);

    if (!p->pipe[pipe_row_out(o)].readers || o->stopped[1]) {
        struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};
        signal_to_task(p, p->cur, GSIGPIPE, &info);
        return -EPIPE;
    }
    return n ? (int32_t)n : wait_at(p, o, pipe_row_out(o), flags);
}

static bool is_file(const struct guest_open *o)
{
    return o->kind == OPEN_HOST && !o->stream;
}

/* From a pipe to a pipe or a file: what was read stays if `copy`. */
static int32_t from_pipe(struct process *p, struct guest_open *in, struct guest_open *out,
                         uint32_t len, uint64_t at, uint32_t flags, bool copy)
{
    int32_t n = available(p, in, flags),
            r = n > 0 && open_writes_pipe(out) ? room(p, out, flags) : n;

    if (n <= 0 || r <= 0)
        return n <= 0 ? n : r;
    n = r < n ? r : n;
    n = (uint32_t)n < len ? n : (int32_t)len;
    pipe_look(p, in, buf, (uint32_t)n);
    if (open_writes_pipe(out)) {
        n = (int32_t)pipe_put(p, out, buf, (uint32_t)n);
    } else {
        r = mem_may(p, out, at, (uint64_t)n, false);
        if (r)
            return r;
        int64_t put = file_pwrite(&p->frames, out->host, buf, (size_t)n, at);
        if (put < 0)
            return -errno;
        n = (int32_t)put;
    }
    if (!copy)
        pipe_skip(p, in, (uint32_t)n);
    return n;
}

static int32_t from_file(struct process *p, struct guest_open *in, struct guest_open *out,
                         uint32_t len, uint64_t at, uint32_t flags)
{
    int32_t n = room(p, out, flags);

    if (n <= 0)
        return n;
    n = (uint32_t)n < len ? n : (int32_t)len;
    int64_t got = file_pread(&p->frames, in->host, buf, (size_t)n, at);
    return got < 0 ? -errno : (int32_t)pipe_put(p, out, buf, (uint32_t)got);
}

CALL(splice)
{
    struct guest_open *o[2] = {fd_open(p, a[0]), fd_open(p, a[2])};
    uint64_t at[2];

    if (a[5] & ~(uint32_t)FLAGS)
        return -EINVAL;
    if (!a[4])
        return 0;
    for (int i = 0; i < 2; i++) {
        uint32_t mode = o[i] ? o[i]->flags & GO_ACCMODE : 0;
        if (!o[i] || (o[i]->flags & GO_PATH) || (!o[i]->std && mode == (i ? 0 : GO_WRONLY)))
            return -EBADF;
    }
    bool in = open_reads_pipe(o[0]) && o[0]->kind != OPEN_SOCKET,
         out = open_writes_pipe(o[1]) && o[1]->kind != OPEN_SOCKET;
    for (int i = 0; i < 2; i++) {
        if (a[1 + 2 * i] && (i ? out : in))
            return -ESPIPE;
        at[i] = o[i]->offset;
        if (a[1 + 2 * i] && space_read(p->space, a[1 + 2 * i], &at[i], 8))
            return -EFAULT;
    }
    if ((!in && !out) || (in && out && o[0]->pipe == pipe_row_out(o[1])) ||
        (!open_reads_pipe(o[0]) && !is_file(o[0])) || (!open_writes_pipe(o[1]) && !is_file(o[1])) ||
        (is_file(o[1]) && (o[1]->flags & GO_APPEND)))
        return -EINVAL;
    int32_t n = is_file(o[0]) ? from_file(p, o[0], o[1], a[4], at[0], a[5])
                              : from_pipe(p, o[0], o[1], a[4], at[1], a[5], false);
    for (int i = 0; n > 0 && i < 2; i++) {
        uint64_t now = at[i] + (uint64_t)n;
        if (!is_file(o[i]))
            continue;
        if (!a[1 + 2 * i])
            o[i]->offset = now;
        else if (space_write(p->space, a[1 + 2 * i], &now, 8))
            return -EFAULT;
    }
    return n;
}

CALL(tee)
{
    struct guest_open *in = fd_open(p, a[0]), *out = fd_open(p, a[1]);

    if (a[3] & ~(uint32_t)FLAGS)
        return -EINVAL;
    if (!a[2])
        return 0;
    if (!in || !out || (in->flags & GO_ACCMODE) == GO_WRONLY || !(out->flags & GO_ACCMODE))
        return -EBADF;
    if (!open_reads_pipe(in) || in->kind == OPEN_SOCKET || !open_writes_pipe(out) ||
        out->kind == OPEN_SOCKET || in->pipe == pipe_row_out(out))
        return -EINVAL;
    return from_pipe(p, in, out, a[2], 0, a[3], true);
}

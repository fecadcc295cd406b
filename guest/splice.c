/* SPDX-License-Identifier: MIT */
/*
 * Data that goes from one descriptor to another without the guest's memory: sendfile,
 * copy_file_range, splice, tee. Here it is copied; that Linux need not is nothing a program sees.
 * What is taken from a pipe is taken only when it has gone where it was to go.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { PIECE = 64 << 10, MOST = 0x7ffff000 };
static uint8_t buf[PIECE];

static bool readable(const struct guest_open *o)
{
    uint32_t mode = o ? o->flags & GO_ACCMODE : 0;

    return o && !(o->flags & GO_PATH) && (o->std || mode == 0 || mode == GO_RDWR);
}

static bool writable(const struct guest_open *o)
{
    uint32_t mode = o ? o->flags & GO_ACCMODE : 0;

    return o && !(o->flags & GO_PATH) && (o->std || mode == GO_WRONLY || mode == GO_RDWR);
}

/* A file's bytes, at a place if it has places. How many, or -errno. */
static int32_t from_file(struct process *p, const struct guest_open *o, uint64_t at, uint32_t n)
{
    ssize_t got = o->stream ? read(o->host, buf, n) : file_pread(&p->frames, o->host, buf, n, at);

    return got < 0 ? -errno : (int32_t)got;
}

static int32_t to_file(struct process *p, struct guest_open *o, uint64_t at, uint32_t n)
{
    int32_t may = file_takes(p, o, at, n), e;

    if (may < 0)
        return may;
    e = mem_may(p, o, at, (uint64_t)may, false);
    if (e)
        return e;
    ssize_t put = o->stream ? write(o->host, buf, (size_t)may)
                            : file_pwrite(&p->frames, o->host, buf, (size_t)may, at);
    return put < 0 ? -errno : (int32_t)put;
}

/* From a file to a file, each at its place: how many bytes, or -errno if there are none. */
static int32_t between_files(struct process *p, const struct guest_open *from, uint64_t off,
                             struct guest_open *to, uint64_t at, uint32_t len)
{
    uint32_t done = 0;

    while (done < len) {
        uint32_t piece = len - done < PIECE ? len - done : PIECE;
        int32_t n = from_file(p, from, off + done, piece);
        if (n > 0)
            n = to_file(p, to, at + done, (uint32_t)n);
        if (n <= 0)
            return done ? (int32_t)done : n;
        done += (uint32_t)n;
        if ((uint32_t)n < piece)
            break;
    }
    return (int32_t)done;
}

/* From a file into a pipe, as much as has room: waits for the first byte's. */
static int32_t into_pipe(struct process *p, const struct guest_open *from, uint64_t off,
                         struct guest_open *to, uint32_t len, bool nonblock)
{
    int32_t n = pipe_wait_room(p, to, UINT32_MAX, nonblock || (to->flags & GO_NONBLOCK));

    if (n < 0)
        return n;
    n = from_file(p, from, off, len < (uint32_t)n ? len : (uint32_t)n);
    return n <= 0 ? n : (int32_t)pipe_put(p, to, buf, (uint32_t)n);
}

static int32_t send_file(struct process *p, const uint32_t *a, bool wide)
{
    struct guest_open *to = fd_open(p, a[0]), *from = fd_open(p, a[1]);
    uint64_t off = 0;
    int32_t e = a[2] ? space_read(p->space, a[2], &off, wide ? 8 : 4) : 0;
    uint32_t len = a[3] < MOST ? a[3] : MOST;

    if (!e && !readable(from))
        e = -EBADF;
    if (!e && a[2] && from->stream)
        e = -ESPIPE;
    if (!e && (int64_t)off < 0)
        e = -EINVAL;
    if (!e && !writable(to))
        e = -EBADF;
    if (!e && (from->stream || (to->flags & GO_APPEND) ||
               (to->kind != OPEN_HOST && !open_writes_pipe(to))))
        e = -EINVAL;
    if (e)
        return e;
    if (!a[2])
        off = from->offset;
    e = open_writes_pipe(to) ? into_pipe(p, from, off, to, len, false)
                             : between_files(p, from, off, to, to->offset, len);
    if (e < 0)
        return e;
    off += (uint32_t)e;
    if (!to->stream)
        to->offset += (uint32_t)e;
    if (!a[2]) {
        from->offset = off;
        return e;
    }
    int32_t f = space_write(p->space, a[2], &off, wide ? 8 : 4);
    return f ? f : e;
}

CALL(sendfile)
{
    return send_file(p, a, false);
}
CALL(sendfile64)
{
    return send_file(p, a, true);
}

/* Between two files, of which each has an offset of its own or one given. */
CALL(copy_file_range)
{
    struct guest_open *from = fd_open(p, a[0]), *to = fd_open(p, a[2]);
    uint32_t len = a[4] < MOST ? a[4] : MOST;
    uint64_t at[2];

    if (!readable(from) || !writable(to) || (to->flags & GO_APPEND))
        return -EBADF;
    if (a[5] || from->kind != OPEN_HOST || to->kind != OPEN_HOST || from->stream || to->stream)
        return -EINVAL;
    for (int i = 0; i < 2; i++) {
        at[i] = i ? to->offset : from->offset;
        int e = a[1 + 2 * i] ? space_read(p->space, a[1 + 2 * i], &at[i], 8) : 0;
        if (e)
            return e;
    }
    if (from->host == to->host && at[0] < at[1] + len && at[1] < at[0] + len)
        return -EINVAL;
    int32_t n = between_files(p, from, at[0], to, at[1], len);
    for (int i = 0; n >= 0 && i < 2; i++) {
        at[i] += (uint32_t)n;
        int e = a[1 + 2 * i] ? space_write(p->space, a[1 + 2 * i], &at[i], 8) : 0;
        if (e)
            return e;
        if (!a[1 + 2 * i])
            *(i ? &to->offset : &from->offset) = at[i];
    }
    return n;
}

/* ---- pipes ---- */

enum { SPLICE_NONBLOCK = 2, SPLICE_ALL = 15 };

static bool pipe_to_read(const struct guest_open *o)
{
    return o->kind == OPEN_PIPE_R || o->kind == OPEN_FIFO;
}
static bool pipe_to_write(const struct guest_open *o)
{
    return o->kind == OPEN_PIPE_W || o->kind == OPEN_FIFO;
}

static int32_t pipe_to_pipe(struct process *p, struct guest_open *from, struct guest_open *to,
                            uint32_t len, bool nonblock, bool keep)
{
    int32_t have = pipe_wait_data(p, from, nonblock || (from->flags & GO_NONBLOCK)), room;

    if (have <= 0)
        return have;
    room = pipe_wait_room(p, to, UINT32_MAX, nonblock || (to->flags & GO_NONBLOCK));
    if (room < 0)
        return room;
    len = len < (uint32_t)have ? len : (uint32_t)have;
    len = pipe_peek(p, from, buf, len < (uint32_t)room ? len : (uint32_t)room);
    if (!keep)
        pipe_take(p, from, len);
    return (int32_t)pipe_put(p, to, buf, len);
}

static int32_t out_of_pipe(struct process *p, struct guest_open *from, struct guest_open *to,
                           uint64_t at, uint32_t len, bool nonblock)
{
    int32_t n = pipe_wait_data(p, from, nonblock || (from->flags & GO_NONBLOCK));

    if (n <= 0)
        return n;
    n = to_file(p, to, at, pipe_peek(p, from, buf, len < (uint32_t)n ? len : (uint32_t)n));
    if (n > 0)
        pipe_take(p, from, (uint32_t)n);
    return n;
}

CALL(splice)
{
    struct guest_open *from = fd_open(p, a[0]), *to = fd_open(p, a[2]), *file;
    bool nonblock = a[5] & SPLICE_NONBLOCK;
    uint64_t at;
    int32_t n;

    if (!a[4])
        return 0;
    if (a[5] & ~(uint32_t)SPLICE_ALL)
        return -EINVAL;
    if (!readable(from) || !writable(to))
        return -EBADF;
    bool in = pipe_to_read(from), out = pipe_to_write(to);
    if ((in && a[1]) || (out && a[3]))
        return -ESPIPE;
    if (in && out)
        return from->pipe == to->pipe ? -EINVAL : pipe_to_pipe(p, from, to, a[4], nonblock, false);
    file = in ? to : from;
    uint32_t where = in ? a[3] : a[1];
    if ((!in && !out) || file->kind != OPEN_HOST || (where && file->stream) ||
        (in && (file->flags & GO_APPEND)))
        return -EINVAL;
    at = file->offset;
    n = where ? space_read(p->space, where, &at, 8) : 0;
    if (!n && (int64_t)at < 0)
        n = -EINVAL;
    if (n)
        return n;
    n = in ? out_of_pipe(p, from, to, at, a[4], nonblock)
           : into_pipe(p, from, at, to, a[4], nonblock);
    if (n <= 0 || file->stream)
        return n;
    at += (uint32_t)n;
    if (!where)
        file->offset = at;
    return where && space_write(p->space, where, &at, 8) ? -EFAULT : n;
}

CALL(tee)
{
    struct guest_open *from = fd_open(p, a[0]), *to = fd_open(p, a[1]);

    if (a[3] & ~(uint32_t)SPLICE_ALL)
        return -EINVAL;
    if (!a[2])
        return 0;
    if (!readable(from) || !writable(to))
        return -EBADF;
    if (!pipe_to_read(from) || !pipe_to_write(to) || from->pipe == to->pipe)
        return -EINVAL;
    return pipe_to_pipe(p, from, to, a[2], a[3] & SPLICE_NONBLOCK, true);
}

/* Memory to a pipe, or from one: which, the descriptor's mode says. */
CALL(vmsplice)
{
    struct guest_open *o = fd_open(p, a[0]);

    if (a[3] & ~(uint32_t)SPLICE_ALL)
        return -EINVAL;
    if (!o || (o->flags & GO_PATH))
        return -EBADF;
    bool out = pipe_to_write(o);
    if (!out && !pipe_to_read(o))
        return -EBADF;
    uint32_t flags = o->flags;
    if (a[3] & SPLICE_NONBLOCK)
        o->flags |= GO_NONBLOCK;
    int32_t n = io_vectored(p, a, NULL, out);
    o->flags = flags;
    return n;
}

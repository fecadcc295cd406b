/* SPDX-License-Identifier: MIT */
/*
 * Data: what goes between guest memory and an open file description. Transfers are cut into pieces
 * of the simulator's own buffer; what is wanted of a stream is taken from it only when the guest's
 * memory can hold it. A write that had to wait tells by io_done how far it was.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { IO_PIECE = 64 << 10 };

/* One transfer of at most IO_PIECE bytes between guest memory and a description. */
static int32_t read_piece(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len,
                          const uint64_t *at)
{
    static uint8_t buf[IO_PIECE];

    if (open_reads_pipe(o))
        return pipe_read(p, o, addr, len);
    if (o->kind == OPEN_EVENT)
        return event_read(p, o, addr, len);
    if (o->kind == OPEN_EPOLL || o->kind == OPEN_PIDFD)
        return -EINVAL;
    if (o->kind == OPEN_RANDOM) {
        const uint32_t random[2] = {addr, len};
        return sys_getrandom(p, random);
    }
    if (!space_ok(p->space, addr, len, true))
        return -EFAULT; /* before anything is taken from a stream */
    ssize_t n = o->stream ? read(o->host, buf, len)
                          : file_pread(&p->frames, o->host, buf, len, at ? *at : o->offset);

    if (n < 0)
        return -errno;
    int e = space_write(p->space, addr, buf, (uint32_t)n);
    if (e)
        return e;
    if (!o->stream && !at)
        o->offset += (uint64_t)n;
    return (int32_t)n;
}

static int32_t write_piece(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len,
                           const uint64_t *at)
{
    static uint8_t buf[IO_PIECE];
    struct stat st;

    if (open_writes_pipe(o))
        return pipe_write(p, o, addr, len);
    if (o->kind == OPEN_EVENT)
        return event_write(p, o, addr, len);
    if (o->kind == OPEN_EPOLL || o->kind == OPEN_PIDFD)
        return -EINVAL;
    if (o->kind == OPEN_RANDOM)
        return (int32_t)len;
    int e = space_read(p->space, addr, buf, len);
    if (e)
        return e;
    if (!o->stream && !at && (o->flags & GO_APPEND) && !fstat(o->host, &st))
        o->offset = (uint64_t)st.st_size;
    e = mem_may(p, o, at ? *at : o->offset, len, false);
    if (e)
        return e;
    ssize_t n = o->stream ? write(o->host, buf, len)
                          : file_pwrite(&p->frames, o->host, buf, len, at ? *at : o->offset);
    if (n < 0) {
        e = -errno;
        if (e == -EPIPE) {
            struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};
            signal_to_task(p, p->cur, GSIGPIPE, &info);
        }
        return e;
    }
    if (!o->stream && !at)
        o->offset += (uint64_t)n;
    return (int32_t)n;
}

/* `done`: bytes of an earlier try that had to wait. */
static int32_t transfer(struct process *p, uint32_t fd, uint32_t addr, uint32_t len,
                        const uint64_t *at, bool out, uint32_t done)
{
    struct guest_open *o = fd_open(p, fd);
    uint32_t acc = o ? o->flags & GO_ACCMODE : 0;

    if (!o || (!o->std && (out ? acc == 0 : acc == GO_WRONLY)) || (o->flags & GO_PATH))
        return -EBADF;
    if (at && o->stream)
        return -ESPIPE;
    if (len > INT32_MAX - PAGE)
        len = INT32_MAX - PAGE + 1 - PAGE;
    do {
        uint32_t piece = len - done < IO_PIECE ? len - done : IO_PIECE;
        uint64_t here = at ? *at + done : 0;
        int32_t n = out ? write_piece(p, o, addr + done, piece, at ? &here : NULL)
                        : read_piece(p, o, addr + done, piece, at ? &here : NULL);
        if (n == SYS_BLOCK) {
            p->cur->io_done = done;
            return n;
        }
        if (n < 0)
            return done ? (int32_t)done : n;
        done += (uint32_t)n;
        if (out && open_writes_pipe(o) && !(o->flags & GO_NONBLOCK))
            continue; /* a write to a pipe goes on until all is written */
        if ((uint32_t)n < piece || o->stream)
            break;
    } while (done < len);
    return (int32_t)done;
}

static uint32_t done_before(struct process *p)
{
    uint32_t n = p->cur->restarting ? p->cur->io_done : 0;

    p->cur->io_done = 0;
    return n;
}

CALL(read)
{
    return transfer(p, a[0], a[1], a[2], NULL, false, 0);
}
CALL(write)
{
    return transfer(p, a[0], a[1], a[2], NULL, true, done_before(p));
}

CALL(pread64)
{
    uint64_t at = a[3] | (uint64_t)a[4] << 32;
    return transfer(p, a[0], a[1], a[2], &at, false, 0);
}

CALL(pwrite64)
{
    uint64_t at = a[3] | (uint64_t)a[4] << 32;
    return transfer(p, a[0], a[1], a[2], &at, true, 0);
}

/* `at`: where in the file; NULL: at its offset. */
static int32_t vectored(struct process *p, const uint32_t *a, const uint64_t *at, bool out)
{
    uint32_t done = 0, v[2], before = out ? done_before(p) : 0;

    if (a[2] > 1024)
        return -EINVAL;
    if (!fd_open(p, a[0]))
        return -EBADF;
    for (uint32_t i = 0; i < a[2]; i++) {
        int32_t e = space_read(p->space, a[1] + 8 * i, v, 8);
        if (!e && before >= v[1]) { /* an earlier try wrote it; empty parts too */
            before -= v[1];
            done += v[1];
            continue;
        }
        uint64_t here = at ? *at + done : 0;
        if (!e)
            e = transfer(p, a[0], v[0], v[1], at ? &here : NULL, out, before);
        before = 0;
        if (e == SYS_BLOCK) {
            if (!out && done) { /* a short read, not a wait */
                task_run(p, p->cur);
                p->cur->restarting = false;
                return (int32_t)done;
            }
            p->cur->io_done += done;
            return e;
        }
        if (e < 0)
            return done ? (int32_t)done : e;
        done += (uint32_t)e;
        if ((uint32_t)e < v[1])
            break;
    }
    return (int32_t)done;
}

CALL(readv)
{
    return vectored(p, a, NULL, false);
}
CALL(writev)
{
    return vectored(p, a, NULL, true);
}

static int32_t vectored_at(struct process *p, const uint32_t *a, bool out)
{
    uint64_t at = a[3] | (uint64_t)a[4] << 32;
    struct guest_open *o = fd_open(p, a[0]);

    if ((int64_t)at < 0)
        return -EINVAL;
    return o && o->stream ? -ESPIPE : vectored(p, a, &at, out);
}

CALL(preadv)
{
    return vectored_at(p, a, false);
}
CALL(pwritev)
{
    return vectored_at(p, a, true);
}

static int32_t copy_file(struct process *p, const uint32_t *a, bool wide)
{
    struct guest_open *to = fd_open(p, a[0]), *from = fd_open(p, a[1]);
    static uint8_t buf[IO_PIECE];
    uint64_t off = 0;
    int32_t e = a[2] ? space_read(p->space, a[2], &off, wide ? 8 : 4) : 0;

    if (e)
        return e;
    if (!to || !from || (!to->std && !(to->flags & GO_ACCMODE)) || (to->flags & GO_PATH))
        return -EBADF;
    if (from->stream || (to->kind != OPEN_HOST && !open_writes_pipe(to)))
        return -EINVAL;
    if (!a[2])
        off = from->offset;
    uint32_t done = 0;
    while (done < a[3]) {
        uint32_t piece = a[3] - done < IO_PIECE ? a[3] - done : IO_PIECE;
        if (open_writes_pipe(to)) {
            uint32_t room = pipe_room(p, to);
            if (!p->pipe[pipe_row_out(to)].readers)
                return done ? (int32_t)done : pipe_write(p, to, 0, 0);
            if (!room && !done) /* waits there */
                return to->flags & GO_NONBLOCK
                           ? -EAGAIN
                           : task_block(p, WAIT_PIPE, pipe_row_out(to), UINT64_MAX, RESTART_SYS);
            if (piece > room)
                piece = room;
            if (!piece)
                break;
        }
        ssize_t n = file_pread(&p->frames, from->host, buf, piece, off + done);
        e = n > 0 ? mem_may(p, to, to->offset, (uint64_t)n, false) : 0;
        if (e && !done)
            return e;
        if (e)
            break;
        if (n > 0)
            n = open_writes_pipe(to) ? (ssize_t)pipe_put(p, to, buf, (uint32_t)n)
                : to->stream         ? write(to->host, buf, (size_t)n)
                             : file_pwrite(&p->frames, to->host, buf, (size_t)n, to->offset);
        if (n < 0 && !done)
            return -errno;
        if (n <= 0)
            break;
        if (!to->stream)
            to->offset += (uint64_t)n;
        done += (uint32_t)n;
    }
    off += done;
    if (!a[2])
        from->offset = off;
    else
        e = space_write(p->space, a[2], &off, wide ? 8 : 4);
    return e ? e : (int32_t)done;
}

CALL(sendfile)
{
    return copy_file(p, a, false);
}
CALL(sendfile64)
{
    return copy_file(p, a, true);
}

/* Between two files, of which each has an offset of its own or one given. */
CALL(copy_file_range)
{
    struct guest_open *from = fd_open(p, a[0]), *to = fd_open(p, a[2]);
    static uint8_t buf[IO_PIECE];
    uint64_t at[2], done = 0;

    if (!from || !to || (from->flags & GO_ACCMODE) == GO_WRONLY || !(to->flags & GO_ACCMODE) ||
        ((from->flags | to->flags) & GO_PATH) || (to->flags & GO_APPEND))
        return -EBADF;
    if (a[5] || from->kind != OPEN_HOST || to->kind != OPEN_HOST || from->stream || to->stream)
        return -EINVAL;
    for (int i = 0; i < 2; i++) {
        at[i] = i ? to->offset : from->offset;
        int e = a[1 + 2 * i] ? space_read(p->space, a[1 + 2 * i], &at[i], 8) : 0;
        if (e)
            return e;
    }
    if (from->host == to->host && at[0] < at[1] + a[4] && at[1] < at[0] + a[4])
        return -EINVAL;
    while (done < a[4]) {
        size_t piece = a[4] - done < IO_PIECE ? a[4] - done : IO_PIECE;
        ssize_t n = file_pread(&p->frames, from->host, buf, piece, at[0] + done);
        int32_t e = n > 0 ? mem_may(p, to, at[1] + done, (uint64_t)n, false) : 0;
        if (e && !done)
            return e;
        if (e)
            break;
        if (n > 0)
            n = file_pwrite(&p->frames, to->host, buf, (size_t)n, at[1] + done);
        if (n < 0 && !done)
            return -errno;
        if (n <= 0)
            break;
        done += (uint64_t)n;
    }
    for (int i = 0; i < 2; i++) {
        at[i] += done;
        int e = a[1 + 2 * i] ? space_write(p->space, a[1 + 2 * i], &at[i], 8) : 0;
        if (e)
            return e;
        if (!a[1 + 2 * i])
            *(i ? &to->offset : &from->offset) = at[i];
    }
    return (int32_t)done;
}

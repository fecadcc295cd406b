/* SPDX-License-Identifier: MIT */
/*
 * Data: what goes between guest memory and an open file description. A call speaks of parts of
 * memory, one after the other, as of one range; what is there of it is transferred, up to the first
 * byte that is not, and only who gets nothing is told so. It goes in pieces of the simulator's own
 * buffer; what is wanted of a stream is taken from it only when the guest's memory can hold it. A
 * write that had to wait tells by io_done how far it was.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { IO_PIECE = 64 << 10, IO_PARTS = 1024, IO_MOST = 0x7ffff000 };

struct parts {
    uint32_t n, total;
    struct {
        uint32_t at, len;
    } part[IO_PARTS];
};

/* As many bytes as can be had before one that cannot. */
static uint32_t copy(struct process *p, uint32_t at, uint8_t *buf, uint32_t len, bool to_guest)
{
    uint32_t done = 0;

    if (!(to_guest ? space_write(p->space, at, buf, len) : space_read(p->space, at, buf, len)))
        return len;
    while (done < len) { /* page by page, as far as it goes */
        uint32_t n = PAGE - (at + done) % PAGE;
        if (n > len - done)
            n = len - done;
        if (to_guest ? space_write(p->space, at + done, buf + done, n)
                     : space_read(p->space, at + done, buf + done, n))
            break;
        done += n;
    }
    return done;
}

/* Calls `fn` for what [from, from + n) is in each part, as long as it does all of it. */
typedef uint32_t (*part_fn)(struct process *p, uint32_t at, uint8_t *buf, uint32_t len,
                            bool to_guest);

static uint32_t each_part(struct process *p, const struct parts *v, uint32_t from, uint8_t *buf,
                          uint32_t n, bool to_guest, part_fn fn)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < v->n && done < n; i++) {
        uint32_t at = v->part[i].at, len = v->part[i].len, skip = from < len ? from : len;
        from -= skip;
        len -= skip;
        if (len > n - done)
            len = n - done;
        uint32_t got = len ? fn(p, at + skip, buf + done, len, to_guest) : 0;
        done += got;
        if (got < len)
            break;
    }
    return done;
}

static uint32_t fits(struct process *p, uint32_t at, uint8_t *buf, uint32_t len, bool to_guest)
{
    (void)buf;
    return space_fit(p->space, at, len, to_guest);
}

/* ---- files of the host ---- */

/* These take whatever they are given, and look at nothing. */
static bool swallows(const struct guest_open *o)
{
    return !strcmp(o->path, "/dev/null") || !strcmp(o->path, "/dev/zero");
}

static int32_t read_host(struct process *p, struct guest_open *o, const struct parts *v,
                         const uint64_t *at)
{
    static uint8_t buf[IO_PIECE];
    uint32_t done = 0;

    if (o->host < 0)
        return -EISDIR; /* a folder of ours */
    do {
        uint32_t piece = v->total - done < IO_PIECE ? v->total - done : IO_PIECE;
        if (o->stream && piece) {
            piece = each_part(p, v, done, buf, piece, true, fits);
            if (!piece)
                return done ? (int32_t)done : -EFAULT;
        }
        ssize_t n = o->stream
                        ? read(o->host, buf, piece)
                        : file_pread(&p->frames, o->host, buf, piece, at ? *at + done : o->offset);
        if (n < 0)
            return done ? (int32_t)done : -errno;
        uint32_t got = each_part(p, v, done, buf, (uint32_t)n, true, copy);
        if (!o->stream && !at)
            o->offset += got;
        done += got;
        if (got < (uint32_t)n)
            return done ? (int32_t)done : -EFAULT;
        if ((uint32_t)n < piece || (o->stream && o->std))
            break;
    } while (done < v->total);
    return (int32_t)done;
}

/* The process's own limit: to break it is told by a signal, too. */
static int32_t too_long(struct process *p)
{
    struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};

    signal_to_task(p, p->cur, GSIGXFSZ, &info);
    return -EFBIG;
}

int32_t file_takes(struct process *p, const struct guest_open *o, uint64_t at, uint32_t len)
{
    uint64_t limit = p->grp->limit[LIMIT_FSIZE][0];

    if (o->stream || o->kind != OPEN_HOST || !len)
        return (int32_t)len;
    if (at >= limit)
        return too_long(p);
    if (!(o->flags & GO_LARGEFILE) && limit > NOT_LARGE)
        limit = NOT_LARGE;
    if (at >= limit)
        return -EFBIG;
    return limit - at < len ? (int32_t)(limit - at) : (int32_t)len;
}

int32_t file_may_be(struct process *p, uint64_t size, uint64_t now)
{
    return size > now && size > p->grp->limit[LIMIT_FSIZE][0] ? too_long(p) : 0;
}

static int32_t write_failed(struct process *p)
{
    int e = errno;

    if (e == EPIPE) {
        struct siginfo_guest info = {.code = GSI_USER, .field = {p->grp->tgid, GUEST_UID}};
        signal_to_task(p, p->cur, GSIGPIPE, &info);
    }
    return -e;
}

static int32_t write_host(struct process *p, struct guest_open *o, const struct parts *v,
                          const uint64_t *at, bool append)
{
    static uint8_t buf[IO_PIECE];
    uint32_t done = 0;
    struct stat st;

    if (o->stream && swallows(o))
        return (int32_t)v->total;
    while (done < v->total) {
        uint32_t piece = v->total - done < IO_PIECE ? v->total - done : IO_PIECE;
        uint64_t here = at ? *at + done : o->offset;
        if (!o->stream && append && !fstat(o->host, &st))
            here = (uint64_t)st.st_size; /* wherever the call says */
        int32_t n = file_takes(p, o, here, piece);
        if (n > 0) {
            n = (int32_t)each_part(p, v, done, buf, (uint32_t)n, false, copy);
            int32_t e = n ? mem_may(p, o, here, (uint64_t)n, false) : -EFAULT;
            n = e ? e : n;
        }
        if (n < 0)
            return done ? (int32_t)done : n;
        ssize_t put = o->stream ? write(o->host, buf, (size_t)n)
                                : file_pwrite(&p->frames, o->host, buf, (size_t)n, here);
        if (put < 0) {
            int32_t e = write_failed(p);
            return done ? (int32_t)done : e;
        }
        done += (uint32_t)put;
        if (!o->stream && !at)
            o->offset = here + (uint64_t)put;
        if ((uint32_t)put < piece)
            break;
    }
    return (int32_t)done;
}

/* ---- what has no place for a byte: pipes, numbers ---- */

/* All parts are one write: what fits into PIPE_BUF goes as a whole, or waits. */
static int32_t write_pipe(struct process *p, struct guest_open *o, const struct parts *v,
                          uint32_t done)
{
    static uint8_t buf[PIPE_BYTES];
    bool nonblock = o->flags & GO_NONBLOCK;

    for (;;) {
        int32_t n = pipe_wait_room(p, o, done ? UINT32_MAX : v->total, nonblock);
        if (n == SYS_BLOCK)
            p->cur->io_done = done;
        if (n < 0)
            return n != SYS_BLOCK && done ? (int32_t)done : n;
        uint32_t want = v->total - done < (uint32_t)n ? v->total - done : (uint32_t)n;
        uint32_t got = each_part(p, v, done, buf, want, false, copy);
        if (got < want) /* of a pipe whole pages go; of a socket all or nothing */
            got = o->kind == OPEN_SOCKET ? 0 : got / PAGE * PAGE;
        done += pipe_put(p, o, buf, got);
        if (got < want)
            return done ? (int32_t)done : -EFAULT;
        if (done == v->total)
            return (int32_t)done;
    }
}

static int32_t one_part(struct process *p, struct guest_open *o, uint32_t at, uint32_t len,
                        bool out)
{
    const uint32_t random[3] = {at, len, 0};

    switch (o->kind) {
    case OPEN_PIPE_R:
    case OPEN_FIFO:
    case OPEN_SOCKET: return pipe_read(p, o, at, len);
    case OPEN_SOCK: return out ? socket_write(p, o, at, len) : socket_read(p, o, at, len);
    case OPEN_EVENT: return out ? event_write(p, o, at, len) : event_read(p, o, at, len);
    case OPEN_TIMERFD: return out ? -EINVAL : timerfd_read(p, o, at, len);
    case OPEN_SIGNALFD: return out ? -EINVAL : signalfd_read(p, o, at, len);
    case OPEN_RANDOM: return out ? (int32_t)len : sys_getrandom(p, random);
    default: return -EINVAL;
    }
}

static int32_t by_parts(struct process *p, struct guest_open *o, const struct parts *v, bool out)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < v->n; i++) {
        if (v->n > 1 && !v->part[i].len)
            continue;
        int32_t n = one_part(p, o, v->part[i].at, v->part[i].len, out);
        if (n == SYS_BLOCK && done) { /* a short read, not a wait */
            task_run(p, p->cur);
            p->cur->restarting = false;
            return (int32_t)done;
        }
        if (n < 0)
            return n == SYS_BLOCK || !done ? n : (int32_t)done;
        done += (uint32_t)n;
        if ((uint32_t)n < v->part[i].len)
            break;
    }
    return (int32_t)done;
}

/* ---- calls ---- */

static uint32_t done_before(struct process *p)
{
    uint32_t n = p->cur->restarting ? p->cur->io_done : 0;

    p->cur->io_done = 0;
    return n;
}

/* May it be read, or written? 0 or -EBADF. */
static int32_t open_may(const struct guest_open *o, bool out)
{
    uint32_t acc = o ? o->flags & GO_ACCMODE : 0;
    bool may = o && (o->std || acc == GO_RDWR || acc == (out ? GO_WRONLY : 0u));

    return may && !(o->flags & GO_PATH) ? 0 : -EBADF;
}

static int32_t transfer(struct process *p, struct guest_open *o, const struct parts *v,
                        const uint64_t *at, bool out, bool append)
{
    if (out && open_writes_pipe(o)) {
        uint32_t done = done_before(p);
        return v->total ? write_pipe(p, o, v, done) : 0;
    }
    if (o->kind != OPEN_HOST && o->kind != OPEN_PROC)
        return by_parts(p, o, v, out);
    return out ? write_host(p, o, v, at, append) : read_host(p, o, v, at);
}

static int32_t simple(struct process *p, const uint32_t *a, const uint64_t *at, bool out)
{
    struct guest_open *o = fd_open(p, a[0]);
    struct parts v;

    if (at && (int64_t)*at < 0)
        return -EINVAL;
    int32_t e = open_may(o, out);
    if (!e && at && o->stream)
        e = -ESPIPE;
    if (e)
        return e;
    v.n = 1;
    v.part[0].at = a[1];
    v.part[0].len = v.total = a[2] < IO_MOST ? a[2] : IO_MOST;
    return transfer(p, o, &v, at, out, o->flags & GO_APPEND);
}

CALL(read)
{
    return simple(p, a, NULL, false);
}
CALL(write)
{
    return simple(p, a, NULL, true);
}

CALL(pread64)
{
    uint64_t at = a[3] | (uint64_t)a[4] << 32;
    return simple(p, a, &at, false);
}

CALL(pwrite64)
{
    uint64_t at = a[3] | (uint64_t)a[4] << 32;
    return simple(p, a, &at, true);
}

static int32_t get_parts(struct process *p, uint32_t at, uint32_t n, struct parts *v)
{
    if (n > IO_PARTS)
        return -EINVAL;
    int32_t e = space_read(p->space, at, v->part, 8 * n);
    if (e)
        return e;
    v->n = n;
    v->total = 0;
    for (uint32_t i = 0; i < n; i++)
        if (v->part[i].len > INT32_MAX)
            return -EINVAL;
    for (uint32_t i = 0; i < n; i++) {
        if (v->part[i].len > IO_MOST - v->total)
            v->part[i].len = IO_MOST - v->total;
        v->total += v->part[i].len;
    }
    return 0;
}

/* `at`: where in the file; NULL: at its offset. `append`: at its end. */
static int32_t vectored(struct process *p, const uint32_t *a, const uint64_t *at, bool out,
                        bool append)
{
    struct guest_open *o = fd_open(p, a[0]);
    struct parts v;
    int32_t e = open_may(o, out);

    if (!e && at && o->stream)
        e = -ESPIPE;
    if (!e)
        e = get_parts(p, a[1], a[2], &v);
    return e || !v.total ? e : transfer(p, o, &v, at, out, append);
}

int32_t io_vectored(struct process *p, const uint32_t *a, const uint64_t *at, bool out)
{
    const struct guest_open *o = fd_open(p, a[0]);

    return vectored(p, a, at, out, o && (o->flags & GO_APPEND));
}

CALL(readv)
{
    return io_vectored(p, a, NULL, false);
}
CALL(writev)
{
    return io_vectored(p, a, NULL, true);
}

static int32_t vectored_at(struct process *p, const uint32_t *a, bool out)
{
    uint64_t at = a[3] | (uint64_t)a[4] << 32;

    return (int64_t)at < 0 ? -EINVAL : io_vectored(p, a, &at, out);
}

CALL(preadv)
{
    return vectored_at(p, a, false);
}
CALL(pwritev)
{
    return vectored_at(p, a, true);
}

/* The same with wishes of this call alone; place -1 is the file's offset. */
static int32_t wishful(struct process *p, const uint32_t *a, bool out)
{
    enum { HIPRI = 1, DSYNC = 2, SYNC = 4, NOWAIT = 8, APPEND = 16, NOAPPEND = 32 };
    uint64_t at = a[3] | (uint64_t)a[4] << 32;
    struct guest_open *o = fd_open(p, a[0]);
    bool here = at == UINT64_MAX;

    if ((int64_t)at < 0 && !here)
        return -EINVAL;
    int32_t e = open_may(o, out);
    if (!e && !here && o->stream)
        e = -ESPIPE;
    if (!e && a[5] & ~(uint32_t)(HIPRI | DSYNC | SYNC | NOWAIT | APPEND | NOAPPEND))
        e = -EOPNOTSUPP;
    if (!e && (a[5] & (APPEND | NOAPPEND)) == (APPEND | NOAPPEND))
        e = -EINVAL;
    if (e)
        return e;
    uint32_t flags = o->flags;
    bool append = (flags & GO_APPEND || a[5] & APPEND) && !(a[5] & NOAPPEND);
    if (a[5] & NOWAIT)
        o->flags |= GO_NONBLOCK;
    e = vectored(p, a, here ? NULL : &at, out, append);
    o->flags = flags;
    return e;
}

CALL(preadv2)
{
    return wishful(p, a, false);
}
CALL(pwritev2)
{
    return wishful(p, a, true);
}

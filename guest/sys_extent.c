/* SPDX-License-Identifier: MIT */
/*
 * Where a file's bytes are: offsets, lengths, room, and what is said about the disk. Files are
 * without holes and disks without limits here, whatever the host's file system has made of them,
 * and writing them out is the host's business: runs are equal anywhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

#define FILE_MOST 0xffffffff000ll /* bytes of a file, as ext4 has it */

static int64_t seek(struct process *p, uint32_t fd, int64_t off, uint32_t whence)
{
    enum { SET, CUR, END, DATA, HOLE };
    struct guest_open *o = fd_file(p, fd);
    struct stat st;

    if (!o)
        return -EBADF;
    if (whence > HOLE)
        return -EINVAL;
    if (o->stream)
        return -ESPIPE;
    if (fstat(o->host, &st))
        return -errno;
    /* Files are without holes, whatever the host's file system has made of them. */
    if (whence >= DATA && (off < 0 || off >= st.st_size))
        return -ENXIO;
    if (whence == HOLE)
        off = st.st_size;
    if (whence == CUR || whence == END) {
        int64_t from = whence == CUR ? (int64_t)o->offset : (int64_t)st.st_size;
        if (__builtin_add_overflow(off, from, &off))
            return -EOVERFLOW;
    }
    if (off < 0 || off > FILE_MOST)
        return -EINVAL;
    o->offset = (uint64_t)off;
    if (S_ISDIR(st.st_mode)) {
        o->dirpos = (uint32_t)off;
        if (!off) { /* rewinddir: the listing is read anew */
            for (uint32_t i = 0; i < o->ndir; i++)
                free(o->dir[i]);
            free(o->dir);
            o->dir = NULL;
            o->ndir = 0;
        }
    }
    return off;
}

CALL(lseek)
{
    int64_t r = seek(p, a[0], (int32_t)a[1], a[2]);

    return r > INT32_MAX ? -EOVERFLOW : (int32_t)r;
}

CALL(llseek)
{
    int64_t r = seek(p, a[0], (int64_t)((uint64_t)a[1] << 32 | a[2]), a[4]);

    return r < 0 ? (int32_t)r : space_write(p->space, a[3], &r, 8);
}

static int32_t truncate_fd(struct process *p, uint32_t fd, uint64_t len)
{
    struct guest_open *o = fd_file(p, fd);

    if ((int64_t)len < 0)
        return -EINVAL;
    if (!o)
        return -EBADF;
    if (o->kind != OPEN_HOST || (!o->std && !((o->flags + 1) & GO_RDWR)))
        return -EINVAL;
    struct stat st;
    int32_t e = fstat(o->host, &st) ? -errno : file_may_be(p, len, (uint64_t)st.st_size);
    if (!e)
        e = mem_may(p, o, len, 0, true);
    if (e)
        return e;
    if (ftruncate(o->host, (off_t)len))
        return -errno;
    shared_resized(p, o->host);
    return 0;
}

CALL(ftruncate)
{
    return truncate_fd(p, a[0], (uint64_t)(int32_t)a[1]);
}

CALL(ftruncate64)
{
    return truncate_fd(p, a[0], a[1] | (uint64_t)a[2] << 32);
}

/* The host does it in its own time. */
static int32_t synced(struct process *p, uint32_t fd)
{
    struct guest_open *o = fd_file(p, fd);

    return !o ? -EBADF : o->stream && !o->std ? -EINVAL : 0;
}

CALL(fsync)
{
    return synced(p, a[0]);
}

CALL(fdatasync)
{
    return synced(p, a[0]);
}

CALL(sync_file_range)
{
    int32_t e = synced(p, a[0]);
    int64_t from = (int64_t)(a[1] | (uint64_t)a[2] << 32),
            len = (int64_t)(a[3] | (uint64_t)a[4] << 32), end;

    if (e)
        return e == -EBADF ? e : -ESPIPE;
    return from < 0 || __builtin_add_overflow(from, len, &end) || end < from || a[5] > 7 ? -EINVAL
                                                                                         : 0;
}

/* Zeros where something may have been; the file keeps its length. */
static int32_t clear(struct process *p, const struct guest_open *o, uint64_t from, uint64_t end)
{
    static const uint8_t zeros[1 << 16];
    int32_t e = from < end ? mem_may(p, o, from, end - from, false) : 0;

    while (!e && from < end) {
        size_t n = end - from < sizeof zeros ? end - from : sizeof zeros;
        ssize_t put = file_pwrite(&p->frames, o->host, zeros, n, from);
        if (put <= 0)
            return put ? -errno : -EIO;
        from += (uint64_t)put;
    }
    return e;
}

/* Room for a file, or only that it has this length: what a disk has left is not the guest's
 * business. A hole is zeros; that parts of a file move is not done. */
CALL(fallocate)
{
    enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, ZERO_RANGE = 16 };
    struct guest_open *o = fd_file(p, a[0]);
    int64_t from = (int64_t)(a[2] | (uint64_t)a[3] << 32),
            len = (int64_t)(a[4] | (uint64_t)a[5] << 32);
    uint32_t how = a[1] & ~(uint32_t)KEEP_SIZE;
    struct stat st;

    if (!o || !((o->flags + 1) & GO_RDWR))
        return -EBADF;
    if (from < 0 || len <= 0)
        return -EINVAL;
    if ((how && how != PUNCH_HOLE && how != ZERO_RANGE) || a[1] == PUNCH_HOLE)
        return -EOPNOTSUPP;
    if (o->stream || o->kind != OPEN_HOST)
        return o->kind == OPEN_HOST ? -ENODEV : -ESPIPE;
    if (from > FILE_MOST - len)
        return -EFBIG;
    if (fstat(o->host, &st))
        return -errno;
    bool longer = !(a[1] & KEEP_SIZE) && st.st_size < from + len;
    int32_t e = longer ? file_may_be(p, (uint64_t)(from + len), (uint64_t)st.st_size) : 0;
    if (!e && longer)
        e = mem_may(p, o, (uint64_t)(from + len), 0, true);
    if (!e && how)
        e = clear(p, o, (uint64_t)from,
                  (uint64_t)(from + len < st.st_size ? from + len : st.st_size));
    if (!e && longer && ftruncate(o->host, from + len))
        e = -errno;
    if (!e)
        shared_resized(p, o->host);
    return e;
}

CALL(readahead)
{
    struct guest_open *o = fd_open(p, a[0]);

    return !o ? -EBADF : o->stream ? -EINVAL : 0;
}

static int32_t advised(struct process *p, uint32_t fd, uint32_t advice)
{
    struct guest_open *o = fd_file(p, fd);

    return !o                                          ? -EBADF
           : open_reads_pipe(o) || open_writes_pipe(o) ? -ESPIPE
           : advice > 5                                ? -EINVAL
                                                       : 0;
}

CALL(fadvise64)
{
    return advised(p, a[0], a[4]);
}

CALL(fadvise64_64)
{
    return advised(p, a[0], a[5]);
}

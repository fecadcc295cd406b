/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: open, dup, close, and what is asked of them. (Offsets and lengths: sys_extent.c.)
 *
 * A descriptor names an open file description, which keeps the offset itself: the host's descriptor
 * is only a handle, so that (path, offset) says everything. Streams (terminals, pipes of the host)
 * have no offset; what is read from them is input of the run.
 */
#define _GNU_SOURCE /* O_PATH */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/proc.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

struct guest_open *fd_open(struct process *p, uint32_t fd)
{
    return fd < PROC_FDS && p->fd[fd].used ? &p->open[p->fd[fd].open] : NULL;
}

struct guest_open *fd_file(struct process *p, uint32_t fd)
{
    struct guest_open *o = fd_open(p, fd);

    return o && (o->flags & GO_PATH) ? NULL : o;
}

void open_unref(struct process *p, uint32_t index)
{
    struct guest_open *o = &p->open[index];

    if (--o->refs)
        return;
    if (open_reads_pipe(o) || open_writes_pipe(o))
        pipe_end_closed(p, o);
    if (o->sock)
        socket_closed(p, o);
    if (o->kind == OPEN_EPOLL)
        p->epoll[o->pipe].used = false;
    if (o->kind == OPEN_SIGNALFD)
        p->signalfds--;
    epoll_forget(p, index);
    if (o->kind == OPEN_TIMERFD) /* epolls have asked it for the last time */
        p->timerfd[o->pipe].used = false;
    mem_closed(p, o);
    if (o->host > 2)
        close(o->host);
    for (uint32_t i = 0; i < o->ndir; i++)
        free(o->dir[i]);
    free(o->dir);
    memset(o, 0, sizeof *o);
}

void fd_gone(struct process *p, uint32_t files, uint32_t fd)
{
    struct guest_fd *f = &p->file_table[files].fd[fd];

    f->used = false;
    locks_closed(p, files, &p->open[f->open]);
    open_unref(p, f->open);
}

static int32_t fd_alloc(struct process *p, uint32_t from)
{
    for (uint32_t i = from; i < p->grp->limit[LIMIT_NOFILE][0]; i++)
        if (!p->fd[i].used)
            return (int32_t)i;
    return -EMFILE;
}

int32_t fd_share(struct process *p, uint32_t open, bool cloexec)
{
    int32_t fd = fd_alloc(p, 0);

    if (fd < 0)
        return fd;
    p->open[open].refs++;
    p->fd[fd] = (struct guest_fd){true, cloexec, (uint16_t)open};
    return fd;
}

void process_note_file(struct process *p, const char *path)
{
    char cwd[PATH_MAX], full[PATH_MAX];

    if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
        int n = snprintf(full, sizeof full, "%s/%s", cwd, path);
        if (n > 0 && (size_t)n < sizeof full)
            path = full;
    }
    for (uint32_t i = 0; i < p->nfiles; i++)
        if (!strcmp(p->file[i].path, path))
            return;
    if (p->nfiles < PROC_FILES)
        snprintf(p->file[p->nfiles++].path, sizeof p->file[0].path, "%s", path);
}

int32_t fd_new(struct process *p, uint32_t flags, struct guest_open **out)
{
    int32_t fd = fd_alloc(p, 0);
    uint32_t oi = 0;

    if (fd < 0)
        return fd;
    while (oi < PROC_OPEN && p->open[oi].refs)
        oi++;
    if (oi == PROC_OPEN)
        return -ENFILE;
    memset(&p->open[oi], 0, sizeof p->open[oi]);
    p->open[oi].refs = 1;
    p->open[oi].flags = flags & ~(uint32_t)GO_CLOEXEC;
    p->open[oi].host = -1;
    p->fd[fd] = (struct guest_fd){true, (flags & GO_CLOEXEC) != 0, (uint16_t)oi};
    *out = &p->open[oi];
    return fd;
}

void files_unref(struct process *p, uint32_t row)
{
    struct files *f = &p->file_table[row];

    if (--f->refs)
        return;
    for (uint32_t i = 0; i < PROC_FDS; i++)
        if (f->fd[i].used)
            fd_gone(p, row, i);
}

static int32_t open_path(struct process *p, const char *path, uint32_t flags, uint32_t mode)
{
    struct guest_open *o;
    struct stat st = {0};
    int h = 0;
    static const uint32_t map[][2] = {{GO_CREAT, O_CREAT},       {GO_EXCL, O_EXCL},
                                      {GO_TRUNC, O_TRUNC},       {GO_DIRECTORY, O_DIRECTORY},
                                      {GO_NOFOLLOW, O_NOFOLLOW}, {GO_NONBLOCK, O_NONBLOCK},
                                      {GO_PATH, O_PATH},         {GO_TMPFILE, O_TMPFILE}};

    if ((flags & GO_TMPFILE) && (!(flags & GO_DIRECTORY) || !((flags + 1) & GO_RDWR)))
        return -EINVAL;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if ((flags & map[i][0]) == map[i][0])
            h |= (int)map[i][1];
    if ((flags & (GO_ACCMODE | GO_TRUNC)) || ((flags & GO_CREAT) && access(path, F_OK))) {
        int e = path_may_change(p, path);
        if (!e && (flags & (GO_CREAT | GO_EXCL)) != (GO_CREAT | GO_EXCL) &&
            exec_is_running(p, path))
            e = -ETXTBSY;
        if (e)
            return e;
    }
    if (!(flags & GO_PATH) && !lstat(path, &st) && S_ISLNK(st.st_mode) && !(flags & GO_NOFOLLOW))
        st.st_mode = stat(path, &st) ? 0 : st.st_mode;
    if (!(flags & GO_PATH) && S_ISFIFO(st.st_mode))
        return (flags & (GO_CREAT | GO_EXCL)) == (GO_CREAT | GO_EXCL) ? -EEXIST
               : flags & GO_DIRECTORY                                 ? -ENOTDIR
                                                                      : fifo_open(p, path, flags);
    if (!(flags & (GO_PATH | GO_LARGEFILE | GO_EXCL)) && S_ISREG(st.st_mode) &&
        st.st_size > NOT_LARGE)
        return -EOVERFLOW;
    int host = open(path, h | (int)(flags & GO_ACCMODE) | O_NOCTTY | O_CLOEXEC,
                    mode & ~p->place->umask & 07777);
    if (host < 0)
        return -errno;
    /* Descriptors 0..2 of the host are the simulator's: never let a guest file take one. */
    if (host <= 2) {
        int up = fcntl(host, F_DUPFD_CLOEXEC, 3);
        close(host);
        host = up;
        if (host < 0)
            return -errno;
    }
    int32_t fd = fstat(host, &st) ? -errno : fd_new(p, flags, &o);
    if (fd < 0) {
        close(host);
        return fd;
    }
    if (flags & GO_TRUNC)
        shared_resized(p, host);
    o->host = host;
    o->stream = !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode);
    if (!realpath(path, o->path))
        snprintf(o->path, sizeof o->path, "%s", path);
    if (flags & GO_TMPFILE) {
        size_t n = strlen(o->path);
        snprintf(o->path + n, sizeof o->path - n, "/#%u (deleted)",
                 virtual_inode(p, st.st_dev, st.st_ino));
        return fd;
    }
    if (S_ISREG(st.st_mode) && (flags & GO_ACCMODE) != GO_WRONLY && !(flags & GO_TRUNC))
        process_note_file(p, path);
    return fd;
}

static int32_t dup_from(struct process *p, uint32_t from, uint32_t at_least, bool cloexec);

static int32_t open_at(struct process *p, int32_t dirfd, uint32_t name, uint32_t flags,
                       uint32_t mode)
{
    char path[PATH_MAX], host[PATH_MAX];
    struct proc_entry entry;
    struct guest_open *o;
    bool follow = !(flags & GO_NOFOLLOW) && (flags & (GO_CREAT | GO_EXCL)) != (GO_CREAT | GO_EXCL);
    int e = space_string(p->space, name, path, sizeof path);

    flags &= GO_KNOWN;
    if (flags & GO_PATH) /* a place: nothing else is asked of it */
        flags &= GO_PATH | GO_DIRECTORY | GO_NOFOLLOW | GO_CLOEXEC;
    if (p->cur->fifo_end) { /* whatever has become of the name since */
        e = e < 0 ? e : guest_path_at(p, dirfd, name, follow, path, sizeof path);
        return fifo_let_in(p, e < 0 ? NULL : path, flags);
    }
    if (e < 0)
        return e;
    if (path_descriptor(path) >= 0)
        return dup_from(p, (uint32_t)path_descriptor(path), 0, (flags & GO_CLOEXEC) != 0);
    if (!strcmp(path, "/dev/urandom") || !strcmp(path, "/dev/random")) {
        int32_t fd = fd_new(p, flags, &o);
        if (fd >= 0) {
            o->kind = OPEN_RANDOM;
            o->stream = true;
        }
        return fd;
    }
    const char *full = path_absolute(p, dirfd, path, host, sizeof host);
    if (full && proc_find(p, full, &entry) && entry.kind != PROC_LINK)
        return proc_open(p, &entry, flags);
    if (shm_name_open(p, dirfd, path, flags, mode, &e))
        return e;
    if (!strcmp(path, "/dev/tty"))
        return -ENXIO;
    e = guest_path_at(p, dirfd, name, follow, path, sizeof path);
    return e ? e : open_path(p, path, flags, mode);
}

CALL(open)
{
    return open_at(p, GAT_FDCWD, a[0], a[1], a[2]);
}

CALL(openat)
{
    return open_at(p, (int32_t)a[0], a[1], a[2], a[3]);
}

/* With its wishes in memory, all of which must be known. Those of how a name is to be walked are
 * not. */
CALL(openat2)
{
    enum { SIZE = 24 };
    uint32_t how[PAGE / 4] = {0};

    if (a[3] < SIZE || a[3] > PAGE)
        return a[3] < SIZE ? -EINVAL : -E2BIG;
    int32_t e = space_read(p->space, a[2], how, a[3]);
    for (uint32_t i = SIZE / 4; !e && i < PAGE / 4; i++)
        e = how[i] ? -E2BIG : 0;
    if (e)
        return e;
    bool creates = how[0] & (GO_CREAT | GO_TMPFILE);
    if (how[1] || how[0] & ~(uint32_t)GO_KNOWN || how[3] || how[2] & ~(creates ? 07777u : 0) ||
        how[4] || how[5])
        return -EINVAL;
    if ((how[0] & GO_PATH) &&
        how[0] & ~(uint32_t)(GO_PATH | GO_DIRECTORY | GO_NOFOLLOW | GO_CLOEXEC))
        return -EINVAL;
    return open_at(p, (int32_t)a[0], a[1], how[0], how[2]);
}

CALL(creat)
{
    return open_at(p, GAT_FDCWD, a[0], GO_WRONLY | GO_CREAT | GO_TRUNC, a[1]);
}

CALL(close)
{
    if (!fd_open(p, a[0]))
        return -EBADF;
    fd_gone(p, p->cur->files, a[0]);
    return 0;
}

CALL(close_range)
{
    enum { CLOEXEC = 4 };

    if (a[0] > a[1] || a[2] & ~(uint32_t)CLOEXEC)
        return -EINVAL; /* a table of descriptors that is shared stays so */
    for (uint32_t fd = a[0]; fd <= a[1] && fd < PROC_FDS; fd++) {
        if (!p->fd[fd].used)
            continue;
        if (a[2] & CLOEXEC)
            p->fd[fd].cloexec = true;
        else
            sys_close(p, &fd);
    }
    return 0;
}

static int32_t dup_to(struct process *p, uint32_t from, uint32_t to, bool cloexec)
{
    p->open[p->fd[from].open].refs++;
    if (p->fd[to].used)
        fd_gone(p, p->cur->files, to);
    p->fd[to] = (struct guest_fd){true, cloexec, p->fd[from].open};
    return (int32_t)to;
}

static int32_t dup_from(struct process *p, uint32_t from, uint32_t at_least, bool cloexec)
{
    int32_t to = fd_open(p, from) ? fd_alloc(p, at_least) : -EBADF;

    return to < 0 ? to : dup_to(p, from, (uint32_t)to, cloexec);
}

CALL(dup)
{
    return dup_from(p, a[0], 0, false);
}

CALL(dup2)
{
    if (!fd_open(p, a[0]) || a[1] >= p->grp->limit[LIMIT_NOFILE][0])
        return -EBADF;
    return a[0] == a[1] ? (int32_t)a[1] : dup_to(p, a[0], a[1], false);
}

CALL(dup3)
{
    if (a[0] == a[1] || a[2] & ~(uint32_t)GO_CLOEXEC)
        return -EINVAL;
    return !fd_open(p, a[0]) || a[1] >= p->grp->limit[LIMIT_NOFILE][0]
               ? -EBADF
               : dup_to(p, a[0], a[1], (a[2] & GO_CLOEXEC) != 0);
}

/* Who is to be told of events: nobody is, as no descriptor asks for it (GO_ASYNC), but it is kept.
 */
static int32_t own(struct process *p, struct guest_open *o, uint32_t command, uint32_t arg)
{
    enum { SETOWN = 8, GETOWN, SETSIG, GETSIG, SETOWN_EX = 15, GETOWN_EX };
    enum { OWNER_TID, OWNER_PID, OWNER_PGRP };
    uint32_t ex[2] = {o->owner_kind, o->owner};

    switch (command) {
    case SETOWN:
        if (arg == 1u << 31)
            return -EINVAL;
        ex[0] = (int32_t)arg < 0 ? OWNER_PGRP : OWNER_PID;
        ex[1] = (int32_t)arg < 0 ? 0 - arg : arg;
        break;
    case GETOWN: return (int32_t)(o->owner_kind == OWNER_PGRP ? 0 - o->owner : o->owner);
    case SETSIG:
        if (arg >= NSIG_GUEST)
            return -EINVAL;
        o->owner_signal = (uint8_t)arg;
        return 0;
    case GETSIG: return o->owner_signal;
    case GETOWN_EX: return space_write(p->space, arg, ex, sizeof ex);
    default:
        if (space_read(p->space, arg, ex, sizeof ex))
            return -EFAULT;
    }
    bool found = !ex[1];
    for (uint32_t i = 0; i < p->rows; i++) {
        const struct group *g = &p->group[i];
        found |= p->task[i].state != TASK_FREE && ex[0] == OWNER_TID && p->task[i].tid == ex[1];
        found |= g->used && (ex[0] == OWNER_PGRP ? g->pgid : g->tgid) == ex[1];
    }
    if (ex[0] > OWNER_PGRP || !found)
        return ex[0] > OWNER_PGRP ? -EINVAL : -ESRCH;
    o->owner_kind = (uint8_t)ex[0];
    o->owner = ex[1];
    return 0;
}

CALL(fcntl)
{
    enum {
        DUPFD,
        GETFD,
        SETFD,
        GETFL,
        SETFL,
        GETLK,
        SETLKW = 7,
        SETOWN,
        GETSIG = 11,
        GETLK64 = 12,
        SETLKW64 = 14,
        SETOWN_EX,
        GETOWN_EX,
        OFD_GETLK = 36,
        OFD_SETLKW = 38,
        GETLEASE = 1025,
        DUPFD_QUERY = 1027,
        DUPFD_CLOEXEC = 1030,
        SETPIPE_SZ,
        GETPIPE_SZ,
        ADD_SEALS,
        GET_SEALS
    };
    static const uint32_t settable = GO_APPEND | GO_NONBLOCK | GO_DIRECT | GO_NOATIME;
    struct guest_open *o = fd_open(p, a[0]);

    if (!o)
        return -EBADF;
    switch (a[1]) {
    case DUPFD:
    case DUPFD_CLOEXEC:
        return a[2] >= p->grp->limit[LIMIT_NOFILE][0]
                   ? -EINVAL
                   : dup_from(p, a[0], a[2], a[1] == DUPFD_CLOEXEC);
    case GETFD: return p->fd[a[0]].cloexec;
    case SETFD: p->fd[a[0]].cloexec = a[2] & 1; return 0;
    case GETFL: return (int32_t)(o->flags & ~(uint32_t)(GO_CREAT | GO_EXCL | GO_TRUNC | GO_NOCTTY));
    case DUPFD_QUERY: return fd_open(p, a[2]) ? fd_open(p, a[2]) == o : -EBADF;
    default: break;
    }
    if (o->flags & GO_PATH)
        return -EBADF;
    switch (a[1]) {
    case SETFL: o->flags = (o->flags & ~settable) | (a[2] & settable); return 0;
    case GETLK ... SETLKW:
    case GETLK64 ... SETLKW64:
    case OFD_GETLK ... OFD_SETLKW: return lock_fcntl(p, o, a[1], a[2]);
    case SETOWN ... GETSIG:
    case SETOWN_EX:
    case GETOWN_EX: return own(p, o, a[1], a[2]);
    case GETLEASE: return 2; /* none: leases are not given */
    case SETPIPE_SZ:
    case GETPIPE_SZ:
        if (o->kind == OPEN_SOCKET || (!open_reads_pipe(o) && !open_writes_pipe(o)))
            return -EBADF;
        return a[1] == SETPIPE_SZ ? pipe_resize(p, o, a[2]) : (int32_t)p->pipe[o->pipe].limit;
    case ADD_SEALS:
    case GET_SEALS: return mem_seal(p, o, a[1] == ADD_SEALS, a[2]);
    default: return -EINVAL;
    }
}

CALL(fcntl64)
{
    return sys_fcntl(p, a);
}

CALL(ioctl)
{
    enum { FIONREAD = 0x541b, FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX = 0x5451 };
    struct guest_open *o = fd_file(p, a[0]);
    struct stat st;
    uint32_t v;

    if (!o)
        return -EBADF;
    switch (a[1]) {
    case FIONCLEX:
    case FIOCLEX: p->fd[a[0]].cloexec = a[1] == FIOCLEX; return 0;
    case FIONBIO:
        if (space_read(p->space, a[2], &v, 4))
            return -EFAULT;
        o->flags = (o->flags & ~(uint32_t)GO_NONBLOCK) | (v ? (uint32_t)GO_NONBLOCK : 0);
        return 0;
    case FIONREAD:
        if (o->kind == OPEN_HOST && !o->stream && !fstat(o->host, &st) && S_ISREG(st.st_mode)) {
            v = (uint32_t)((uint64_t)st.st_size - o->offset);
            return space_write(p->space, a[2], &v, 4);
        }
        if (!open_reads_pipe(o) && !open_writes_pipe(o))
            return -ENOTTY;
        return space_write(p->space, a[2], &p->pipe[o->pipe].count, 4);
    default: /* there is no terminal, whatever the host's streams are: runs stay equal */
        return -ENOTTY;
    }
}

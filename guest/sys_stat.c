/* SPDX-License-Identifier: MIT */
/*
 * What is known of files. Sizes, modes, owners and times are the files' own; device and
 * inode numbers are virtual, given in order of first sight, so that a run does not depend on which
 * disk it stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "guest/proc.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { VIRTUAL_DEV = 1 };

uint32_t virtual_inode(struct process *p, uint64_t dev, uint64_t ino)
{
    uint32_t h = (uint32_t)((ino * 0x9e3779b97f4a7c15u ^ dev * 0xc2b2ae3d27d4eb4fu) >> 40) %
                 PROC_INODE_SLOTS;

    for (uint32_t i = 0; i < PROC_INODE_SLOTS; i++, h = (h + 1) % PROC_INODE_SLOTS) {
        struct guest_inode *n = &p->inode[h];
        if (!n->number) {
            *n = (struct guest_inode){dev, ino, ++p->ninodes};
            return n->number;
        }
        if (n->dev == dev && n->ino == ino)
            return n->number;
    }
    return ++p->ninodes; /* table full: still unique, but a second sight gets another number */
}

static int32_t put_stat64(struct process *p, uint32_t at, const struct stat *st)
{
    struct {
        uint64_t dev;
        uint32_t pad0, ino32, mode, nlink, uid, gid;
        uint64_t rdev;
        uint32_t pad1;
        uint32_t size[2]; /* 64-bit members are 4-byte aligned on i386 */
        uint32_t blksize, blocks[2];
        uint32_t t[6];
        uint32_t ino[2];
    } __attribute__((packed)) g = {0};
    _Static_assert(sizeof g == 96, "struct stat64 of i386");
    uint64_t size = (uint64_t)st->st_size, blocks = (uint64_t)st->st_blocks;

    g.dev = VIRTUAL_DEV;
    g.ino32 = g.ino[0] = virtual_inode(p, st->st_dev, st->st_ino);
    g.mode = st->st_mode;
    g.nlink = (uint32_t)st->st_nlink;
    g.uid = st->st_uid;
    g.gid = st->st_gid;
    g.rdev = st->st_rdev;
    memcpy(g.size, &size, 8);
    g.blksize = PAGE;
    memcpy(g.blocks, &blocks, 8);
    g.t[0] = (uint32_t)st->st_atim.tv_sec;
    g.t[1] = (uint32_t)st->st_atim.tv_nsec;
    g.t[2] = (uint32_t)st->st_mtim.tv_sec;
    g.t[3] = (uint32_t)st->st_mtim.tv_nsec;
    g.t[4] = (uint32_t)st->st_ctim.tv_sec;
    g.t[5] = (uint32_t)st->st_ctim.tv_nsec;
    return space_write(p->space, at, &g, sizeof g);
}

static int32_t put_statx(struct process *p, uint32_t at, const struct stat *st)
{
    enum { BASIC = 0x7ff };
    uint8_t x[256] = {0};
    uint32_t w;
    uint64_t q;
    uint16_t mode = (uint16_t)st->st_mode;
#define PUT32(off, v) (w = (uint32_t)(v), memcpy(x + (off), &w, 4))
#define PUT64(off, v) (q = (uint64_t)(v), memcpy(x + (off), &q, 8))
    PUT32(0, BASIC);
    PUT32(4, PAGE);
    PUT32(16, st->st_nlink);
    PUT32(20, st->st_uid);
    PUT32(24, st->st_gid);
    memcpy(x + 28, &mode, 2);
    PUT64(32, virtual_inode(p, st->st_dev, st->st_ino));
    PUT64(40, st->st_size);
    PUT64(48, st->st_blocks);
    const struct timespec *t[3] = {&st->st_atim, &st->st_ctim, &st->st_mtim};
    static const uint8_t where[3] = {64, 96, 112};
    for (int i = 0; i < 3; i++) {
        PUT64(where[i], t[i]->tv_sec);
        PUT32(where[i] + 8, t[i]->tv_nsec);
    }
    PUT32(128, st->st_rdev >> 8 & 0xfff);
    PUT32(132, st->st_rdev & 0xff);
    PUT32(140, VIRTUAL_DEV);
#undef PUT32
#undef PUT64
    return space_write(p->space, at, x, sizeof x);
}

static uint16_t narrow_id(uint32_t id)
{
    return id > 65535 ? 65534 : (uint16_t)id;
}

/* Without room for a length of 2 GB. */
static int32_t put_stat32(struct process *p, uint32_t at, const struct stat *st)
{
    uint32_t w[16] = {VIRTUAL_DEV, virtual_inode(p, st->st_dev, st->st_ino)};

    if (st->st_size > NOT_LARGE)
        return -EOVERFLOW;
    w[2] = (uint32_t)st->st_mode | (uint32_t)st->st_nlink << 16;
    w[3] = narrow_id(st->st_uid) | (uint32_t)narrow_id(st->st_gid) << 16;
    w[4] = (uint32_t)st->st_rdev;
    w[5] = (uint32_t)st->st_size;
    w[6] = PAGE;
    w[7] = (uint32_t)st->st_blocks;
    const struct timespec *t[3] = {&st->st_atim, &st->st_mtim, &st->st_ctim};
    for (int i = 0; i < 3; i++) {
        w[8 + 2 * i] = (uint32_t)t[i]->tv_sec;
        w[9 + 2 * i] = (uint32_t)t[i]->tv_nsec;
    }
    return space_write(p->space, at, w, sizeof w);
}

/* The first of all: nothing but times is wider than 16 bits, and the length. */
static int32_t put_stat_oldest(struct process *p, uint32_t at, const struct stat *st)
{
    uint32_t ino = virtual_inode(p, st->st_dev, st->st_ino), w[8] = {0};

    if (st->st_size > NOT_LARGE || ino > 65535)
        return -EOVERFLOW;
    w[0] = VIRTUAL_DEV | ino << 16;
    w[1] = (uint32_t)st->st_mode | (uint32_t)st->st_nlink << 16;
    w[2] = narrow_id(st->st_uid) | (uint32_t)narrow_id(st->st_gid) << 16;
    w[3] = (uint32_t)st->st_rdev & 0xffff;
    w[4] = (uint32_t)st->st_size;
    w[5] = (uint32_t)st->st_atim.tv_sec;
    w[6] = (uint32_t)st->st_mtim.tv_sec;
    w[7] = (uint32_t)st->st_ctim.tv_sec;
    return space_write(p->space, at, w, sizeof w);
}

typedef int32_t (*put_fn)(struct process *, uint32_t, const struct stat *);

static int32_t stat_fd(struct process *p, uint32_t fd, uint32_t at, put_fn put)
{
    struct guest_open *o = fd_open(p, fd);
    struct proc_entry entry;
    struct stat st;
    int32_t e = 0;

    if (!o)
        return -EBADF;
    memset(&st, 0, sizeof st);
    if (o->kind == OPEN_HOST && fstat(o->host, &st))
        return -errno;
    bool named = !o->std && (open_reads_pipe(o) || open_writes_pipe(o)) && o->host > 2;
    if (named && fstat(o->host, &st))
        return -errno;
    if (named)
        return put(p, at, &st);
    if (o->mem)
        mem_stat(p, &p->mem[o->mem - 1], &st);
    else if (o->kind == OPEN_PROC && !strcmp(o->path, "/dev/shm"))
        shm_stat(p, GAT_FDCWD, o->path, &st, &e);
    else if (o->kind == OPEN_PROC && proc_find(p, o->path, &entry)) {
        proc_stat(&entry, &st);
    } else if (o->std || o->kind != OPEN_HOST) {
        /* Standard streams look alike wherever they lead: a pipe with nothing known of it. */
        memset(&st, 0, sizeof st);
        st.st_mode = S_IFIFO | 0600;
        st.st_nlink = 1;
        st.st_dev = st.st_ino = (ino_t)-1 - (ino_t)(o->std    ? o->std - 1u
                                                    : o->sock ? 8u + PROC_PIPES + o->sock
                                                              : 8u + o->pipe);
        if (o->kind == OPEN_SOCKET || o->kind == OPEN_SOCK)
            st.st_mode = S_IFSOCK | 0777;
        if (o->kind == OPEN_RANDOM)
            st.st_mode = S_IFCHR | 0666;
    }
    return put(p, at, &st);
}

/* Is a name of the guest's memory one of /proc? */
static bool names_proc(struct process *p, int32_t dirfd, uint32_t addr, struct proc_entry *e)
{
    char name[PATH_MAX], full[PATH_MAX];
    const char *at;

    return space_string(p->space, addr, name, sizeof name) > 0 &&
           (at = path_absolute(p, dirfd, name, full, sizeof full)) && proc_find(p, at, e);
}

static int32_t stat_at(struct process *p, uint32_t dirfd, uint32_t name, uint32_t flags,
                       uint32_t at, put_fn put)
{
    char path[PATH_MAX];
    struct proc_entry entry;
    struct stat st;
    uint8_t first;

    if ((flags & GAT_EMPTY_PATH) && !space_read(p->space, name, &first, 1) && !first) {
        if ((int32_t)dirfd != GAT_FDCWD)
            return stat_fd(p, dirfd, at, put);
        int e = path_of_name(p, ".", true, path, sizeof path);
        return e ? e : stat(path, &st) ? -errno : put(p, at, &st);
    }
    if (space_string(p->space, name, path, sizeof path) > 0 && path_descriptor(path) >= 0 &&
        !(flags & GAT_SYMLINK_NOFOLLOW))
        return stat_fd(p, (uint32_t)path_descriptor(path), at, put);
    if (names_proc(p, (int32_t)dirfd, name, &entry) &&
        (entry.kind != PROC_LINK || (flags & GAT_SYMLINK_NOFOLLOW))) {
        proc_stat(&entry, &st);
        return put(p, at, &st);
    }
    int32_t e;
    if (space_string(p->space, name, path, sizeof path) > 0 &&
        shm_stat(p, (int32_t)dirfd, path, &st, &e))
        return e ? e : put(p, at, &st);
    e = guest_path_at(p, (int32_t)dirfd, name, !(flags & GAT_SYMLINK_NOFOLLOW), path, sizeof path);
    if (e)
        return e;
    if (fstatat(AT_FDCWD, path, &st, flags & GAT_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0))
        return -errno;
    return put(p, at, &st);
}

#define STATS(by_name, by_link, by_fd, put)                                                        \
    CALL(by_name)                                                                                  \
    {                                                                                              \
        return stat_at(p, (uint32_t)GAT_FDCWD, a[0], 0, a[1], put);                                \
    }                                                                                              \
    CALL(by_link)                                                                                  \
    {                                                                                              \
        return stat_at(p, (uint32_t)GAT_FDCWD, a[0], GAT_SYMLINK_NOFOLLOW, a[1], put);             \
    }                                                                                              \
    CALL(by_fd)                                                                                    \
    {                                                                                              \
        return stat_fd(p, a[0], a[1], put);                                                        \
    }
STATS(stat64, lstat64, fstat64, put_stat64)
STATS(stat, lstat, fstat, put_stat32)
STATS(oldstat, oldlstat, oldfstat, put_stat_oldest)

enum { NO_AUTOMOUNT = 0x800, SYNC_TYPE = 0x6000 };
enum { STAT_FLAGS = GAT_SYMLINK_NOFOLLOW | GAT_EMPTY_PATH | NO_AUTOMOUNT | SYNC_TYPE };

CALL(fstatat64)
{
    return a[3] & ~(uint32_t)STAT_FLAGS ? -EINVAL : stat_at(p, a[0], a[1], a[3], a[2], put_stat64);
}
CALL(statx)
{
    if (a[3] >> 31 || a[2] & ~(uint32_t)STAT_FLAGS || (a[2] & SYNC_TYPE) == SYNC_TYPE)
        return -EINVAL;
    return stat_at(p, a[0], a[1], a[2], a[4], put_statx);
}

static int32_t put_statfs(struct process *p, uint32_t at)
{
    /* A file system of no particular size: figures of the host's disk are not the guest's business.
     */
    uint32_t s[21] = {0xef53,  PAGE, 1 << 20, 0, 1 << 19, 0, 1 << 19, 0,
                      1 << 18, 0,    1 << 17, 0, 1,       0, 255,     PAGE};

    return space_write(p->space, at, s, 84);
}

/* The narrow form: no field is beyond 32 bits. */
static int32_t put_statfs32(struct process *p, uint32_t at)
{
    uint32_t s[16] = {0xef53, PAGE, 1 << 20, 1 << 19, 1 << 19, 1 << 18, 1 << 17, 1, 0, 255, PAGE};

    return space_write(p->space, at, s, sizeof s);
}

/* 0 if there is such a name. */
static int32_t named(struct process *p, uint32_t name)
{
    char path[PATH_MAX];
    struct proc_entry entry;
    struct stat st;

    if (names_proc(p, GAT_FDCWD, name, &entry))
        return 0;
    int32_t e;
    if (space_string(p->space, name, path, sizeof path) > 0 &&
        shm_stat(p, GAT_FDCWD, path, &st, &e))
        return e;
    e = guest_path(p, name, true, path, sizeof path);
    return e ? e : stat(path, &st) ? -errno : 0;
}

CALL(statfs)
{
    int32_t e = named(p, a[0]);

    return e ? e : put_statfs32(p, a[1]);
}
CALL(fstatfs)
{
    return fd_open(p, a[0]) ? put_statfs32(p, a[1]) : -EBADF;
}
CALL(statfs64)
{
    int32_t e = a[1] == 84 ? named(p, a[0]) : 0;

    if (e)
        return e;
    return a[1] == 84 ? put_statfs(p, a[2]) : -EINVAL;
}
CALL(fstatfs64)
{
    return !fd_open(p, a[0]) ? -EBADF : a[1] == 84 ? put_statfs(p, a[2]) : -EINVAL;
}

/* /proc/self/exe is asked for by its text: followed, it would be the program itself, no link. */
static int32_t read_link(struct process *p, int32_t dirfd, uint32_t name, uint32_t at,
                         uint32_t size)
{
    char path[PATH_MAX], target[PATH_MAX];
    struct proc_entry entry;
    ssize_t n;
    int e = space_string(p->space, name, path, sizeof path);

    if (e < 0)
        return e;
    if (size == 0 || (int32_t)size < 0)
        return -EINVAL;
    int32_t fd = path_descriptor(path);
    if (path_is_exe(p, path)) {
        n = snprintf(target, sizeof target, "%s", p->grp->exe);
    } else if (fd >= 0) {
        const struct guest_open *o = fd_open(p, (uint32_t)fd);
        if (!o)
            return -ENOENT;
        n = path_of_link(p, o, target, sizeof target);
    } else if (names_proc(p, dirfd, name, &entry)) {
        if (!strcmp(entry.name, "/proc/self"))
            n = snprintf(target, sizeof target, "%u", p->grp->tgid);
        else if (!strcmp(entry.name, "/proc/thread-self"))
            n = snprintf(target, sizeof target, "%u/task/%u", p->grp->tgid, p->cur->tid);
        else
            n = entry.kind == PROC_LINK ? proc_link(p, &entry, target, sizeof target) : -EINVAL;
        if (n < 0)
            return (int32_t)n;
    } else {
        e = guest_path_at(p, dirfd, name, false, path, sizeof path);
        if (e)
            return e;
        n = readlink(path, target, sizeof target);
    }
    if (n < 0)
        return -errno;
    if ((uint32_t)n > size)
        n = (ssize_t)size;
    e = space_write(p->space, at, target, (uint32_t)n);
    return e ? e : (int32_t)n;
}

CALL(readlink)
{
    return read_link(p, GAT_FDCWD, a[0], a[1], a[2]);
}

CALL(readlinkat)
{
    return read_link(p, (int32_t)a[0], a[1], a[2], a[3]);
}

CALL(getcwd)
{
    char cwd[PATH_MAX];

    if (p->place->cwd[0])
        snprintf(cwd, sizeof cwd, "%s", path_for_guest(p, p->place->cwd));
    else if (!getcwd(cwd, sizeof cwd))
        return -errno;
    uint32_t n = (uint32_t)strlen(cwd) + 1;
    if (n > a[1])
        return -ERANGE;
    int e = space_write(p->space, a[0], cwd, n);
    return e ? e : (int32_t)n;
}

/* The host's own working directory stays where it is: each process has its own. */
static int32_t change_dir(struct process *p, const char *path)
{
    char real[PATH_MAX];
    struct stat st;

    if (!realpath(path, real) || stat(real, &st))
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    if (access(real, X_OK))
        return -errno;
    strcpy(p->place->cwd, real);
    return 0;
}

CALL(chdir)
{
    char path[PATH_MAX];
    int e = guest_path(p, a[0], true, path, sizeof path);

    return e ? e : change_dir(p, path);
}

CALL(fchdir)
{
    struct guest_open *o = fd_open(p, a[0]);

    char path[PATH_MAX];

    if (!o)
        return -EBADF;
    if (o->kind != OPEN_HOST || o->stream)
        return -ENOTDIR;
    int e = path_of_open(o, path, sizeof path);
    return e ? e : change_dir(p, path);
}

CALL(chroot)
{
    struct place *at = p->place;
    char path[PATH_MAX], real[PATH_MAX], cwd[PATH_MAX];
    struct stat st;
    int e = guest_path(p, a[0], true, path, sizeof path);

    if (!e && (!realpath(path, real) || stat(real, &st)))
        e = -errno;
    if (!e && !S_ISDIR(st.st_mode))
        e = -ENOTDIR;
    if (!e && access(real, X_OK))
        e = -errno;
    if (!e && !at->cwd[0] && !getcwd(cwd, sizeof cwd))
        e = -errno;
    if (e)
        return e;
    if (!at->cwd[0])
        strcpy(at->cwd, cwd);
    strcpy(at->root, strcmp(real, p->sysroot ? p->sysroot : "/") ? real : "");
    return 0;
}

CALL(umask)
{
    uint32_t old = p->place->umask;

    p->place->umask = a[0] & 0777;
    return (int32_t)old;
}

static int32_t may_access(struct process *p, int32_t dirfd, uint32_t addr, uint32_t mode,
                          uint32_t flags)
{
    char path[PATH_MAX];
    struct proc_entry entry;
    struct stat st;
    uint8_t first;
    int32_t e;

    if (mode & ~7u)
        return -EINVAL;
    if ((flags & GAT_EMPTY_PATH) && !space_read(p->space, addr, &first, 1) && !first) {
        struct guest_open *o = dirfd == GAT_FDCWD ? NULL : fd_open(p, (uint32_t)dirfd);
        if (dirfd != GAT_FDCWD && (!o || o->kind != OPEN_HOST || o->mem))
            return o ? 0 : -EBADF;
        e = o ? path_of_open(o, path, sizeof path) : path_of_name(p, ".", true, path, sizeof path);
        return e                         ? e
               : access(path, (int)mode) ? -errno
               : mode & W_OK             ? path_may_change(p, path)
                                         : 0;
    }
    if (names_proc(p, dirfd, addr, &entry) && entry.kind != PROC_LINK)
        return mode & (entry.kind == PROC_DIR ? W_OK : W_OK | X_OK) ? -EACCES : 0;
    if (space_string(p->space, addr, path, sizeof path) > 0 && shm_stat(p, dirfd, path, &st, &e))
        return e || !(mode & X_OK) || S_ISDIR(st.st_mode) || (st.st_mode & 0111) ? e : -EACCES;
    bool link = flags & GAT_SYMLINK_NOFOLLOW;
    e = guest_path_at(p, dirfd, addr, !link, path, sizeof path);
    if (!e && faccessat(AT_FDCWD, path, (int)mode, link ? AT_SYMLINK_NOFOLLOW : 0))
        e = -errno;
    return e || !(mode & W_OK) ? e : path_may_change(p, path);
}

CALL(access)
{
    return may_access(p, GAT_FDCWD, a[0], a[1], 0);
}
CALL(faccessat)
{
    return may_access(p, (int32_t)a[0], a[1], a[2], 0);
}
CALL(faccessat2)
{
    enum { EACCESS = 0x200 };

    if (a[3] & ~(uint32_t)(GAT_SYMLINK_NOFOLLOW | EACCESS | GAT_EMPTY_PATH))
        return -EINVAL;
    return may_access(p, (int32_t)a[0], a[1], a[2], a[3]);
}

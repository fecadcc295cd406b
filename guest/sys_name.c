/* SPDX-License-Identifier: MIT */
/*
 * Calls that change names and attributes of files: on the host, if the run may (path_may_change).
 * "Now" is the guest's own.
 */
#define _GNU_SOURCE /* renameat2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

/* The name of what a call is going to change: the host's devices are not the guest's to change. */
static int path_to_change(struct process *p, int32_t dirfd, uint32_t addr, bool follow, char *out,
                          size_t n)
{
    int e = guest_path_at(p, dirfd, addr, follow, out, n);

    if (!e && !strncmp(out, "/dev", 4) && (out[4] == '/' || !out[4]))
        return -EROFS;
    return e ? e : path_may_change(p, out);
}

/* Calls that are one host call on one path; some have an answer for names of /dev/shm. */
#define SHM_CALL(name, how, dirfd, addr, arg, follow, expr)                                        \
    CALL(name)                                                                                     \
    {                                                                                              \
        char path[PATH_MAX];                                                                       \
        int32_t e;                                                                                 \
        if (shm_change(p, how, (int32_t)(dirfd), addr, arg, &e))                                   \
            return e;                                                                              \
        e = path_to_change(p, (int32_t)(dirfd), addr, follow, path, sizeof path);                  \
        return e ? e : (expr) ? -errno : 0;                                                        \
    }
#define PATH_CALL(name, addr, follow, expr)                                                        \
    CALL(name)                                                                                     \
    {                                                                                              \
        char path[PATH_MAX];                                                                       \
        int e = path_to_change(p, GAT_FDCWD, addr, follow, path, sizeof path);                     \
        return e ? e : (expr) ? -errno : 0;                                                        \
    }
#define PATH_CALL_AT(name, follow, expr)                                                           \
    CALL(name)                                                                                     \
    {                                                                                              \
        char path[PATH_MAX];                                                                       \
        int e = path_to_change(p, (int32_t)a[0], a[1], follow, path, sizeof path);                 \
        return e ? e : (expr) ? -errno : 0;                                                        \
    }
SHM_CALL(mkdir, SHM_MKDIR, GAT_FDCWD, a[0], 0, false, mkdir(path, a[1] & ~p->place->umask & 07777))
SHM_CALL(mkdirat, SHM_MKDIR, a[0], a[1], 0, false, mkdir(path, a[2] & ~p->place->umask & 07777))
SHM_CALL(rmdir, SHM_RMDIR, GAT_FDCWD, a[0], 0, false, rmdir(path))
SHM_CALL(unlink, SHM_UNLINK, GAT_FDCWD, a[0], 0, false, unlink(path))
static SHM_CALL(remove_at, a[2] ? SHM_RMDIR : SHM_UNLINK, a[0], a[1], 0, false,
                a[2] ? rmdir(path) : unlink(path))
    SHM_CALL(chmod, SHM_CHMOD, GAT_FDCWD, a[0], a[1], true, chmod(path, a[1] & 07777))
        SHM_CALL(fchmodat, SHM_CHMOD, a[0], a[1], a[2], true, chmod(path, a[2] & 07777))
            PATH_CALL(chown32, a[0], true, chown(path, a[1], a[2]))
                PATH_CALL(lchown32, a[0], false, lchown(path, a[1], a[2]))

                    CALL(unlinkat)
{
    return a[2] & ~(uint32_t)GAT_REMOVEDIR ? -EINVAL : sys_remove_at(p, a);
}

/* Of calls that may speak of a descriptor itself: has this one no name? */
static bool nameless(struct process *p, uint32_t name, uint32_t flags)
{
    uint8_t first;

    return (flags & GAT_EMPTY_PATH) && !space_read(p->space, name, &first, 1) && !first;
}

CALL(fchownat)
{
    char path[PATH_MAX];
    bool link = a[4] & GAT_SYMLINK_NOFOLLOW;

    if (a[4] & ~(uint32_t)(GAT_SYMLINK_NOFOLLOW | GAT_EMPTY_PATH))
        return -EINVAL;
    if (nameless(p, a[1], a[4]) && (int32_t)a[0] != GAT_FDCWD) {
        const uint32_t by_fd[3] = {a[0], a[2], a[3]};
        return sys_fchown32(p, by_fd);
    }
    int e = nameless(p, a[1], a[4])
                ? path_of_name(p, ".", true, path, sizeof path)
                : path_to_change(p, (int32_t)a[0], a[1], !link, path, sizeof path);
    if (!e && nameless(p, a[1], a[4]))
        e = path_may_change(p, path);
    return e                                                                      ? e
           : fchownat(AT_FDCWD, path, a[2], a[3], link ? AT_SYMLINK_NOFOLLOW : 0) ? -errno
                                                                                  : 0;
}

CALL(fchmodat2)
{
    if (a[3] & ~(uint32_t)(GAT_SYMLINK_NOFOLLOW | GAT_EMPTY_PATH))
        return -EINVAL;
    if (nameless(p, a[1], a[3]) && (int32_t)a[0] != GAT_FDCWD) {
        const uint32_t by_fd[2] = {a[0], a[2]};
        return sys_fchmod(p, by_fd);
    }
    if (a[3] & GAT_SYMLINK_NOFOLLOW) { /* links have no modes of their own */
        char path[PATH_MAX];
        struct stat st;
        int e = guest_path_at(p, (int32_t)a[0], a[1], false, path, sizeof path);
        if (e || lstat(path, &st) || S_ISLNK(st.st_mode))
            return e ? e : lstat(path, &st) ? -errno : -EOPNOTSUPP;
    }
    return sys_fchmodat(p, a);
}

/* With identities of 16 bits. */
static uint32_t wide_id(uint32_t id)
{
    return (id & 0xffff) == 0xffff ? UINT32_MAX : id & 0xffff;
}
#define NARROW(name, wide)                                                                         \
    CALL(name)                                                                                     \
    {                                                                                              \
        const uint32_t b[3] = {a[0], wide_id(a[1]), wide_id(a[2])};                                \
        return sys_##wide(p, b);                                                                   \
    }
NARROW(chown, chown32)
NARROW(lchown, lchown32)
NARROW(fchown, fchown32)

/* Fifos, and what else anybody may make: a file, a socket's name. Devices are not for guests. */
static int32_t make_node(struct process *p, int32_t dirfd, uint32_t name, uint32_t mode)
{
    char path[PATH_MAX];
    int32_t e = path_to_change(p, dirfd, name, false, path, sizeof path);

    if (!(mode & S_IFMT))
        mode |= S_IFREG;
    if (S_ISCHR(mode) || S_ISBLK(mode) || S_ISDIR(mode))
        return -EPERM;
    if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
        return -EINVAL;
    return e ? e : mknod(path, mode & (S_IFMT | (~p->place->umask & 07777)), 0) ? -errno : 0;
}

CALL(mknod)
{
    return make_node(p, GAT_FDCWD, a[0], a[1]);
}
CALL(mknodat)
{
    return make_node(p, (int32_t)a[0], a[1], a[2]);
}

CALL(fchmod)
{
    struct guest_open *o = fd_file(p, a[0]);

    if (o && o->mem) {
        p->mem[o->mem - 1].mode = S_IFREG | (a[1] & 07777);
        return 0;
    }
    return !o                              ? -EBADF
           : o->stream || p->read_only     ? -EROFS
           : fchmod(o->host, a[1] & 07777) ? -errno
                                           : 0;
}

CALL(fchown32)
{
    struct guest_open *o = fd_file(p, a[0]);

    if (o && o->mem) {
        struct memfile *m = &p->mem[o->mem - 1];
        m->uid = a[1] == UINT32_MAX ? m->uid : a[1];
        m->gid = a[2] == UINT32_MAX ? m->gid : a[2];
        return 0;
    }
    return !o                            ? -EBADF
           : o->stream || p->read_only   ? -EROFS
           : fchown(o->host, a[1], a[2]) ? -errno
                                         : 0;
}

static int32_t two_paths(struct process *p, int32_t d1, uint32_t n1, int32_t d2, uint32_t n2,
                         int (*fn)(const char *, const char *))
{
    char x[PATH_MAX], y[PATH_MAX];
    int32_t e;

    if (shm_two(p, d1, n1, d2, n2, fn == rename, &e))
        return e;
    e = path_to_change(p, d1, n1, false, x, sizeof x);

    if (!e)
        e = path_to_change(p, d2, n2, false, y, sizeof y);
    return e ? e : fn(x, y) ? -errno : 0;
}

CALL(rename)
{
    return two_paths(p, GAT_FDCWD, a[0], GAT_FDCWD, a[1], rename);
}
CALL(renameat)
{
    return two_paths(p, (int32_t)a[0], a[1], (int32_t)a[2], a[3], rename);
}
static int rename_new(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}
static int rename_both(const char *x, const char *y)
{
    return renameat2(AT_FDCWD, x, AT_FDCWD, y, RENAME_EXCHANGE);
}
CALL(renameat2)
{
    enum { NOREPLACE = 1, EXCHANGE = 2 };

    if (a[4] > EXCHANGE)
        return -EINVAL;
    return two_paths(p, (int32_t)a[0], a[1], (int32_t)a[2], a[3],
                     a[4] == NOREPLACE  ? rename_new
                     : a[4] == EXCHANGE ? rename_both
                                        : rename);
}
CALL(link)
{
    return two_paths(p, GAT_FDCWD, a[0], GAT_FDCWD, a[1], link);
}

/* The description that the old name of linkat means, if it is a descriptor's. */
static const struct guest_open *file_of_link(struct process *p, const uint32_t *a)
{
    enum { SYMLINK_FOLLOW = 0x400 };
    char name[64];
    int32_t fd = -1;

    if (nameless(p, a[1], a[4]))
        fd = (int32_t)a[0];
    else if ((a[4] & SYMLINK_FOLLOW) && space_string(p->space, a[1], name, sizeof name) > 0)
        fd = path_descriptor(name);
    return fd < 0 ? NULL : fd_open(p, (uint32_t)fd);
}

CALL(linkat)
{
    char x[PATH_MAX], y[PATH_MAX];
    enum { SYMLINK_FOLLOW = 0x400 };

    if (a[4] & ~(uint32_t)(SYMLINK_FOLLOW | GAT_EMPTY_PATH))
        return -EINVAL;
    int32_t e;
    if (shm_two(p, (int32_t)a[0], a[1], (int32_t)a[2], a[3], false, &e))
        return e;
    const struct guest_open *o = file_of_link(p, a);
    if (o) { /* what is open gets a name, if only one has been taken from it, or none was given */
        e = path_to_change(p, (int32_t)a[2], a[3], false, y, sizeof y);
        if (e || o->kind != OPEN_HOST || o->stream || o->mem)
            return e ? e : -EXDEV;
        snprintf(x, sizeof x, "/proc/self/fd/%d", o->host);
        return linkat(AT_FDCWD, x, AT_FDCWD, y, AT_SYMLINK_FOLLOW) ? -errno : 0;
    }
    e = path_to_change(p, (int32_t)a[0], a[1], a[4] & SYMLINK_FOLLOW, x, sizeof x);
    if (!e)
        e = path_to_change(p, (int32_t)a[2], a[3], false, y, sizeof y);
    return e ? e : link(x, y) ? -errno : 0;
}

static int32_t truncate_name(struct process *p, uint32_t name, uint64_t len)
{
    char path[PATH_MAX];
    int32_t e;

    if ((int64_t)len < 0)
        return -EINVAL;
    if (shm_change(p, SHM_TRUNCATE, GAT_FDCWD, name, len, &e))
        return e;
    struct stat st;
    e = path_to_change(p, GAT_FDCWD, name, true, path, sizeof path);
    if (!e && exec_is_running(p, path))
        e = -ETXTBSY;
    if (!e && !stat(path, &st))
        e = file_may_be(p, len, (uint64_t)st.st_size);
    if (e || truncate(path, (off_t)len))
        return e ? e : -errno;
    shared_resized_name(p, path);
    return 0;
}

CALL(truncate)
{
    return truncate_name(p, a[0], (uint64_t)(int32_t)a[1]);
}
CALL(truncate64)
{
    return truncate_name(p, a[0], a[1] | (uint64_t)a[2] << 32);
}

static int32_t make_symlink(struct process *p, uint32_t text, int32_t dirfd, uint32_t name)
{
    char target[PATH_MAX], path[PATH_MAX];
    int e = space_string(p->space, text, target,
                         sizeof target); /* the text as it is: it is not resolved */

    if (e < 0)
        return e;
    e = path_to_change(p, dirfd, name, false, path, sizeof path);
    return e ? e : symlink(target, path) ? -errno : 0;
}

CALL(symlink)
{
    return make_symlink(p, a[0], GAT_FDCWD, a[1]);
}
CALL(symlinkat)
{
    return make_symlink(p, a[0], (int32_t)a[1], a[2]);
}

/* Setting times: "now" is the virtual now. */
static int32_t set_times(struct process *p, uint32_t dirfd, uint32_t name,
                         const struct timespec t[2], uint32_t flags)
{
    char path[PATH_MAX];

    if (flags & ~(uint32_t)(GAT_SYMLINK_NOFOLLOW | GAT_EMPTY_PATH))
        return -EINVAL;
    if (!name && (flags || (int32_t)dirfd == GAT_FDCWD))
        return flags ? -EINVAL : -EFAULT;
    if (!name || (nameless(p, name, flags) && (int32_t)dirfd != GAT_FDCWD)) {
        struct guest_open *o = name ? fd_open(p, dirfd) : fd_file(p, dirfd);
        if (o && o->mem)
            return 0; /* its time is the last write's */
        return !o ? -EBADF : o->stream || p->read_only ? -EROFS : futimens(o->host, t) ? -errno : 0;
    }
    int e =
        path_to_change(p, (int32_t)dirfd, name, !(flags & GAT_SYMLINK_NOFOLLOW), path, sizeof path);
    if (e)
        return e;
    return utimensat(AT_FDCWD, path, t, flags & GAT_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0)
               ? -errno
               : 0;
}

static void virtual_now(const struct process *p, struct timespec *t)
{
    uint64_t ns = process_now_ns(p);

    t->tv_sec = (time_t)(p->epoch + ns / 1000000000u);
    t->tv_nsec = (long)(ns % 1000000000u);
}

static int32_t times_from_guest(struct process *p, const uint32_t *a, bool wide)
{
    enum { NOW = 0x3fffffff, OMIT = 0x3ffffffe };
    struct timespec t[2];
    uint32_t w[8];

    virtual_now(p, &t[0]);
    t[1] = t[0];
    if (a[2]) {
        int e = space_read(p->space, a[2], w, wide ? 32 : 16);
        if (e)
            return e;
        for (int i = 0; i < 2; i++) {
            uint32_t nsec = wide ? w[4 * i + 2] : w[2 * i + 1];
            if (nsec == NOW)
                continue;
            t[i].tv_nsec = nsec == OMIT ? UTIME_OMIT : (long)nsec;
            t[i].tv_sec =
                wide ? (time_t)(w[4 * i] | (uint64_t)w[4 * i + 1] << 32) : (int32_t)w[2 * i];
        }
    }
    return set_times(p, a[0], a[1], t, a[3]);
}

CALL(utimensat)
{
    return times_from_guest(p, a, false);
}
CALL(utimensat64)
{
    return times_from_guest(p, a, true);
}

static int32_t times_of_day(struct process *p, const uint32_t *a)
{
    struct timespec t[2];
    uint32_t w[4];

    virtual_now(p, &t[0]);
    t[1] = t[0];
    if (a[2]) {
        int e = space_read(p->space, a[2], w, sizeof w);
        if (e)
            return e;
        if (w[1] >= 1000000 || w[3] >= 1000000)
            return -EINVAL;
        t[0] = (struct timespec){(int32_t)w[0], (long)w[1] * 1000};
        t[1] = (struct timespec){(int32_t)w[2], (long)w[3] * 1000};
    }
    return set_times(p, a[0], a[1], t, 0);
}

CALL(utimes)
{
    const uint32_t b[3] = {(uint32_t)GAT_FDCWD, a[0], a[1]};

    return times_of_day(p, b);
}
CALL(futimesat)
{
    return times_of_day(p, a);
}

CALL(utime)
{
    struct timespec t[2];
    uint32_t w[2];

    virtual_now(p, &t[0]);
    t[1] = t[0];
    if (a[1]) {
        int e = space_read(p->space, a[1], w, sizeof w);
        if (e)
            return e;
        t[0] = (struct timespec){(int32_t)w[0], 0};
        t[1] = (struct timespec){(int32_t)w[1], 0};
    }
    return set_times(p, (uint32_t)GAT_FDCWD, a[0], t, 0);
}

/* Extended attributes: a file system without them. */
#define NO_XATTR(name, follow)                                                                     \
    CALL(name)                                                                                     \
    {                                                                                              \
        char path[PATH_MAX];                                                                       \
        struct stat st;                                                                            \
        int e = guest_path(p, a[0], follow, path, sizeof path);                                    \
        return e ? e : lstat(path, &st) ? -errno : -EOPNOTSUPP;                                    \
    }
#define NO_FXATTR(name)                                                                            \
    CALL(name)                                                                                     \
    {                                                                                              \
        return fd_open(p, a[0]) ? -EOPNOTSUPP : -EBADF;                                            \
    }
NO_XATTR(setxattr, true)
NO_XATTR(getxattr, true)
NO_XATTR(listxattr, true)
NO_XATTR(removexattr, true)
NO_XATTR(lsetxattr, false)
NO_XATTR(lgetxattr, false)
NO_XATTR(llistxattr, false)
NO_XATTR(lremovexattr, false)
NO_FXATTR(fsetxattr)
NO_FXATTR(fgetxattr)
NO_FXATTR(flistxattr)
NO_FXATTR(fremovexattr)

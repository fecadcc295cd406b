/* SPDX-License-Identifier: MIT */
/*
 * Names: from the guest's to the host's.
 *
 * With a sysroot, an absolute name is walked in it part by part, as if it were the root, so that an
 * absolute link inside stays inside. A name that is not in it is the host's if it lies outside the
 * folders of a system (a script under /home, a file in /tmp); /usr and its like are the sysroot's
 * alone, lest a run depend on what the host has installed. /proc and /sys are nobody's but for the
 * few names below; of /dev there are the harmless ones.
 *
 * After chroot the new root is a process's sysroot, and it is confined to it; what it has left
 * outside, its working directory or a folder that is open, leads nowhere.
 *
 * A guest that is confined has nothing but the sysroot. It may make any link there and put it in
 * the place of any folder, at any time: so no name of the host's that was found once is used for
 * another call, but walked again; what is held open is known by its descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

enum { MAX_LINKS = 40 };

static bool under(const char *name, const char *folder)
{
    size_t n = strlen(folder);

    return !strncmp(name, folder, n) && (name[n] == '/' || !name[n]);
}

/* What the name "/" is on the host, NULL: the same; and is there nothing outside? */
static const char *root_of(const struct process *p)
{
    return p->place->root[0] ? p->place->root : p->sysroot;
}

static bool confined(const struct process *p)
{
    return p->confined || p->place->root[0];
}

static bool put(char *out, size_t n, const char *a, const char *b)
{
    size_t x = strlen(a), y = strlen(b);

    if (x + y >= n)
        return false;
    memmove(out + x, b, y + 1);
    memcpy(out, a, x);
    return true;
}

/* Walks an absolute name below root. 0: it is there; 1: its last part is not, or a part before it;
 * out is the name on the host in the first case, and in the second if only the last part lacks. */
static int walk(const char *root, const char *name, bool follow, char *out, size_t n)
{
    char rest[PATH_MAX], real[PATH_MAX] = "", full[PATH_MAX], link[PATH_MAX], tmp[PATH_MAX];
    unsigned links = 0;
    struct stat st;

    if (!put(rest, sizeof rest, name, ""))
        return -ENAMETOOLONG;
    for (char *at = rest;;) {
        while (*at == '/')
            at++;
        if (!*at)
            break;
        char *end = at + strcspn(at, "/");
        bool last = !end[strspn(end, "/")], folder = *end == '/';
        char part[NAME_MAX + 2];
        size_t len = (size_t)(end - at);
        if (len > NAME_MAX)
            return -ENAMETOOLONG;
        part[0] = '/';
        memcpy(part + 1, at, len);
        part[len + 1] = 0;
        at = end;
        if (!strcmp(part, "/."))
            continue;
        if (!strcmp(part, "/..")) {
            char *cut = strrchr(real, '/');
            if (cut)
                *cut = 0;
            continue;
        }
        if (!put(tmp, sizeof tmp, real, part) || !put(full, sizeof full, root, tmp))
            return -ENAMETOOLONG;
        if (lstat(full, &st)) {
            if (errno != ENOENT && errno != ENOTDIR)
                return -errno;
            out[0] = 0;
            if (last && errno == ENOENT && !put(out, n, full, ""))
                return -ENAMETOOLONG;
            return 1;
        }
        if (S_ISLNK(st.st_mode) && (!last || follow || folder)) {
            ssize_t k = readlink(full, link, sizeof link - 1);
            if (k < 0)
                return -errno;
            link[k] = 0;
            if (++links > MAX_LINKS)
                return -ELOOP;
            if (link[0] == '/')
                real[0] = 0;
            if (!put(tmp, sizeof tmp, "/", at) || !put(tmp, sizeof tmp, link, tmp))
                return -ENAMETOOLONG;
            if (last && !folder)
                tmp[strlen(link)] = 0; /* no slash was there */
            strcpy(rest, tmp);
            at = rest;
            continue;
        }
        strcpy(real, tmp);
    }
    return put(out, n, root, *real ? real : "/") ? 0 : -ENAMETOOLONG;
}

static bool of_a_system(const char *name)
{
    static const char *const folders[] = {"/bin",    "/boot", "/etc",  "/lib", "/lib32", "/lib64",
                                          "/libx32", "/opt",  "/sbin", "/srv", "/usr",   "/var"};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (under(name, folders[i]))
            return true;
    return false;
}

/* The name of a process's own folder in /proc, without that folder: "/exe", "/fd/3"; or NULL. */
static const char *in_proc_self(const struct process *p, const char *name)
{
    char *end;

    if (!under(name, "/proc"))
        return NULL;
    name += 5;
    if (under(name, "/self"))
        return name + 5;
    if (under(name, "/thread-self"))
        return name + 12;
    if (*name == '/' && strtoul(name + 1, &end, 10) == p->grp->tgid && end != name + 1 &&
        (*end == '/' || !*end))
        return end;
    return NULL;
}

const char *path_absolute(struct process *p, int32_t dirfd, const char *name, char *buf, size_t n)
{
    const struct guest_open *o;

    if (*name == '/')
        return name;
    o = dirfd == GAT_FDCWD ? NULL : fd_open(p, (uint32_t)dirfd);
    if (!o || o->kind != OPEN_PROC || !put(buf, n, "/", name) || !put(buf, n, o->path, buf))
        return NULL;
    return buf;
}

bool path_is_exe(const struct process *p, const char *name)
{
    const char *own = in_proc_self(p, name);

    return own && !strcmp(own, "/exe");
}

int32_t path_descriptor(const char *name)
{
    static const char *const std[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    const char *number = !strncmp(name, "/dev/fd/", 8)          ? name + 8
                         : !strncmp(name, "/proc/self/fd/", 14) ? name + 14
                                                                : NULL;
    char *end;

    for (int i = 0; i < 3; i++)
        if (!strcmp(name, std[i]))
            return i;
    if (!number || *number < '0' || *number > '9')
        return -1;
    unsigned long fd = strtoul(number, &end, 10);
    return *end || fd >= PROC_FDS ? -1 : (int32_t)fd;
}

/* A name that is none of /proc, /sys and /dev. */
static int absolute_name(struct process *p, const char *name, bool follow, char *out, size_t n)
{
    const char *root = root_of(p);

    if (root) {
        if (under(name, root)) /* a name of the host's that leads inside */
            name = name[strlen(root)] ? name + strlen(root) : "/";
        else if (!strcmp(root, "/"))
            root = "";
        int e = walk(root, name, follow, out, n);
        if (e <= 0)
            return e;
        if (confined(p) || of_a_system(name))
            return *out ? 0 : -ENOENT;
    }
    return put(out, n, name, "") ? 0 : -ENAMETOOLONG;
}

static int absolute(struct process *p, const char *name, bool follow, char *out, size_t n)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev", "/dev/"};
    const char *own = in_proc_self(p, name);
    char full[PATH_MAX];

    if (path_is_exe(p, name)) {
        if (p->confined) /* the file may by now be a link that leads out */
            return absolute_name(p, p->grp->exe, follow, out, n);
        return put(out, n, p->grp->host, "") ? 0 : -ENAMETOOLONG;
    }
    if (own && under(own, "/root")) {
        name = own[5] ? own + 5 : "/";
    } else if (own && under(own, "/cwd") && p->place->cwd[0]) {
        if (!put(full, sizeof full, p->place->cwd, own + 4))
            return -ENAMETOOLONG;
        name = full;
    }
    if (under(name, "/proc") || under(name, "/sys"))
        return -ENOENT;
    if (under(name, "/dev")) {
        for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
            if (!strcmp(name, devices[i]))
                return put(out, n, name, "") ? 0 : -ENAMETOOLONG;
        return -ENOENT;
    }
    return absolute_name(p, name, follow, out, n);
}

int path_of_name(struct process *p, const char *name, bool follow, char *out, size_t n)
{
    char full[PATH_MAX];

    if (!*name)
        return -ENOENT;
    if (*name == '/')
        return absolute(p, name, follow, out, n);
    if (p->place->root[0] && !under(p->place->cwd, p->place->root))
        return -ENOENT; /* left outside: from there nothing is in reach */
    if (!p->place->cwd[0])
        return put(out, n, name, "") ? 0 : -ENAMETOOLONG;
    if (!put(full, sizeof full, "/", name) || !put(full, sizeof full, p->place->cwd, full))
        return -ENAMETOOLONG;
    return absolute(p, full, follow, out, n);
}

int guest_path_at(struct process *p, int32_t dirfd, uint32_t addr, bool follow, char *out, size_t n)
{
    char in[PATH_MAX], full[PATH_MAX];
    int r = space_string(p->space, addr, in, sizeof in);

    if (r < 0)
        return r;
    if (!r)
        return -ENOENT;
    if (in[0] == '/' || dirfd == GAT_FDCWD)
        return path_of_name(p, in, follow, out, n);
    struct guest_open *o = fd_open(p, (uint32_t)dirfd);
    if (!o)
        return -EBADF;
    if (o->stream || (o->kind != OPEN_HOST && o->kind != OPEN_PROC))
        return -ENOTDIR;
    if (p->place->root[0] && o->kind == OPEN_HOST && !under(o->path, p->place->root))
        return -ENOENT;
    if (!put(full, sizeof full, "/", in) || !put(full, sizeof full, o->path, full))
        return -ENAMETOOLONG;
    return absolute(p, full, follow, out, n);
}

int guest_path(struct process *p, uint32_t addr, bool follow, char *out, size_t n)
{
    return guest_path_at(p, GAT_FDCWD, addr, follow, out, n);
}

const char *path_for_guest(const struct process *p, const char *host)
{
    const char *root = root_of(p);

    if (!root || !under(host, root))
        return confined(p) && !under(host, "/dev") ? "/" : host;
    host += strlen(root);
    return *host ? host : "/";
}

int path_of_link(const struct process *p, const struct guest_open *o, char *out, size_t n)
{
    static const struct {
        enum open_kind kind;
        const char *name;
    } nameless[] = {{OPEN_RANDOM, "/dev/urandom"},
                    {OPEN_EVENT, "anon_inode:[eventfd]"},
                    {OPEN_EPOLL, "anon_inode:[eventpoll]"},
                    {OPEN_TIMERFD, "anon_inode:[timerfd]"},
                    {OPEN_SIGNALFD, "anon_inode:[signalfd]"},
                    {OPEN_PIDFD, "anon_inode:[pidfd]"}};

    if (o->std)
        return snprintf(out, n, "pipe:[%u]", o->std - 1u);
    if (o->sock)
        return snprintf(out, n, "socket:[%u]", PROC_PIPES + o->sock);
    for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++)
        if (o->kind == nameless[i].kind)
            return snprintf(out, n, "%s", nameless[i].name);
    if (!o->path[0] && o->stream)
        return snprintf(out, n, "%s:[%u]", o->kind == OPEN_SOCKET ? "socket" : "pipe",
                        8u + o->pipe);
    return snprintf(out, n, "%s", o->mem ? o->path : path_for_guest(p, o->path));
}

int path_of_open(const struct guest_open *o, char *out, size_t n)
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", o->host);
    ssize_t k = readlink(link, out, n - 1);
    if (k < 0)
        return -errno;
    out[k] = 0;
    return *out == '/' ? 0 : -ENOENT;
}

int path_may_change(const struct process *p, const char *path)
{
    struct stat st;
    bool changes =
        lstat(path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode);

    return p->read_only && changes ? -EROFS : 0;
}

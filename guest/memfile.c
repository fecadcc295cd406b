/* SPDX-License-Identifier: MIT */
/*
 * Files in memory: memfd_create, and those of /dev/shm, which have a name there and nowhere else.
 *
 * What such a file holds is in a nameless file of the host, so that every call on files works on
 * it; what the host would say of its own (inode, owner, times) is kept here instead, and so are the
 * seals. All together they hold at most as much as the guest has memory. A file is gone with its
 * last name and description. The names are one list: there are no folders in /dev/shm.
 */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

#define CALL(name)                                                                                 \
    int32_t sys_##name(struct process *p __attribute__((unused)),                                  \
                       const uint32_t *a __attribute__((unused)))

enum { SEAL_SEAL = 1, SEAL_SHRINK = 2, SEAL_GROW = 4, SEAL_WRITE = 8, SEAL_FUTURE = 16 };
#define SHM "/dev/shm"

static struct memfile *of(struct process *p, const struct guest_open *o)
{
    return o->mem ? &p->mem[o->mem - 1] : NULL;
}

/* ---- files ---- */

static int32_t file_new(struct process *p, uint32_t mode, uint32_t seals)
{
    uint32_t row = 0;

    while (row < PROC_MEMFILES && p->mem[row].refs)
        row++;
    if (row == PROC_MEMFILES)
        return -ENFILE;
    int host = memfd_create("guest", MFD_CLOEXEC);
    if (host < 0)
        return -errno;
    p->mem[row] = (struct memfile){.refs = 1,
                                   .number = ++p->nmem,
                                   .mode = S_IFREG | mode,
                                   .seals = seals,
                                   .changed = process_now_ns(p),
                                   .host = host};
    return (int32_t)row;
}

static void file_unref(struct process *p, uint32_t row)
{
    if (--p->mem[row].refs)
        return;
    close(p->mem[row].host);
    p->mem[row].host = -1;
}

void mem_closed(struct process *p, const struct guest_open *o)
{
    if (o->mem)
        file_unref(p, o->mem - 1u);
}

static int32_t file_open(struct process *p, uint32_t row, uint32_t flags, const char *path)
{
    struct guest_open *o;
    int32_t fd = fd_new(p, flags, &o);

    if (fd < 0)
        return fd;
    o->host = fcntl(p->mem[row].host, F_DUPFD_CLOEXEC, 3);
    if (o->host < 0) {
        int e = errno;
        sys_close(p, (const uint32_t *)&fd);
        return -e;
    }
    o->mem = (uint16_t)(row + 1);
    p->mem[row].refs++;
    snprintf(o->path, sizeof o->path, "%s", path);
    return fd;
}

CALL(memfd_create)
{
    enum { CLOEXEC = 1, SEALING = 2, MAX_NAME = 249 };
    char name[MAX_NAME + 1], path[MAX_NAME + 32];

    if (a[1] & ~(uint32_t)(CLOEXEC | SEALING))
        return -EINVAL; /* pages are of one size */
    int e = space_string(p->space, a[0], name, sizeof name);
    if (e < 0)
        return e == -ENAMETOOLONG ? -EINVAL : e;
    int32_t row = file_new(p, 0777, a[1] & SEALING ? 0 : SEAL_SEAL);
    if (row < 0)
        return row;
    snprintf(path, sizeof path, "/memfd:%s (deleted)", name);
    int32_t fd =
        file_open(p, (uint32_t)row,
                  GO_RDWR | GO_LARGEFILE | (a[1] & CLOEXEC ? (uint32_t)GO_CLOEXEC : 0), path);
    file_unref(p, (uint32_t)row);
    return fd;
}

void mem_stat(struct process *p, const struct memfile *m, struct stat *st)
{
    struct stat host = {0};
    uint32_t links = 0;

    fstat(m->host, &host);
    for (uint32_t i = 0; i < PROC_SHM_NAMES; i++)
        links += p->shm[i].file == m - p->mem + 1;
    memset(st, 0, sizeof *st);
    st->st_mode = m->mode;
    st->st_nlink = links;
    st->st_uid = m->uid;
    st->st_gid = m->gid;
    st->st_size = host.st_size;
    st->st_blocks = host.st_blocks;
    st->st_dev = (dev_t)-3;
    st->st_ino = m->number;
    st->st_mtim.tv_sec = (time_t)(p->epoch + m->changed / 1000000000u);
    st->st_mtim.tv_nsec = (long)(m->changed % 1000000000u);
    st->st_atim = st->st_ctim = st->st_mtim;
}

/* May these bytes be written, or the length become `size` (`resize`)? What it will hold counts. */
int32_t mem_may(struct process *p, const struct guest_open *o, uint64_t at, uint64_t len,
                bool resize)
{
    struct memfile *m = of(p, o);
    uint64_t all = 0, end = at + len;
    struct stat st;

    if (!m)
        return 0;
    if (fstat(m->host, &st))
        return -errno;
    uint64_t size = (uint64_t)st.st_size;
    if (!resize && len && (m->seals & (SEAL_WRITE | SEAL_FUTURE)))
        return -EPERM;
    if ((end > size && (m->seals & SEAL_GROW)) ||
        (resize && end < size && (m->seals & SEAL_SHRINK)))
        return -EPERM;
    for (uint32_t i = 0; end > size && i < PROC_MEMFILES; i++)
        if (p->mem[i].refs && !fstat(p->mem[i].host, &st))
            all += (uint64_t)st.st_size;
    if (end > size && all + (end - size) > (uint64_t)p->frames.nframes * PAGE)
        return -ENOSPC;
    m->changed = process_now_ns(p);
    return 0;
}

/* ---- seals ---- */

/* Is it mapped so that it can be written, now or later? */
static bool mapped_to_write(struct process *p, const struct memfile *m)
{
    uint32_t file = shared_row(&p->frames, m->host);

    for (uint32_t i = 0; file && i < PROC_TASKS; i++)
        for (uint32_t k = 0; p->spaces[i].refs && k < p->spaces[i].nareas; k++)
            if (p->spaces[i].area[k].file == file && !p->spaces[i].area[k].no_write)
                return true;
    return false;
}

int32_t mem_seal(struct process *p, const struct guest_open *o, bool set, uint32_t seals)
{
    struct memfile *m = of(p, o);

    if (!m)
        return -EINVAL;
    if (!set)
        return (int32_t)m->seals;
    if ((o->flags & GO_ACCMODE) == 0)
        return -EPERM;
    if (seals & ~31u)
        return -EINVAL;
    if (m->seals & SEAL_SEAL)
        return -EPERM;
    if ((seals & SEAL_WRITE) && !(m->seals & SEAL_WRITE) && mapped_to_write(p, m))
        return -EBUSY;
    m->seals |= seals;
    return 0;
}

bool mem_sealed(struct process *p, const struct guest_open *o)
{
    const struct memfile *m = of(p, o);

    return m && (m->seals & (SEAL_WRITE | SEAL_FUTURE));
}

/* ---- names ---- */

/* The name in /dev/shm that this means: "" is the folder itself; NULL: none there. */
static const char *shm_part(struct process *p, int32_t dirfd, const char *name, char *buf, size_t n)
{
    const char *full = path_absolute(p, dirfd, name, buf, n);

    if (!full || strncmp(full, SHM, sizeof SHM - 1))
        return NULL;
    full += sizeof SHM - 1;
    if (*full && *full != '/')
        return NULL;
    full += strspn(full, "/");
    return !strcmp(full, ".") ? "" : full;
}

static struct shm_name *lookup(struct process *p, const char *name)
{
    for (uint32_t i = 0; i < PROC_SHM_NAMES; i++)
        if (p->shm[i].file && !strcmp(p->shm[i].name, name))
            return &p->shm[i];
    return NULL;
}

/* 0, or why there can be no file of this name. */
static int32_t name_ok(const char *name)
{
    return strlen(name) > NAME_MAX ? -ENAMETOOLONG : strchr(name, '/') ? -ENOENT : 0;
}

static int32_t name_add(struct process *p, const char *name, uint32_t row)
{
    for (uint32_t i = 0; i < PROC_SHM_NAMES; i++)
        if (!p->shm[i].file) {
            p->shm[i].file = (uint16_t)(row + 1);
            strcpy(p->shm[i].name, name);
            p->mem[row].refs++;
            return 0;
        }
    return -ENOSPC;
}

static void name_drop(struct process *p, struct shm_name *n)
{
    uint32_t row = n->file - 1u;

    n->file = 0;
    file_unref(p, row);
}

bool shm_name_open(struct process *p, int32_t dirfd, const char *name, uint32_t flags,
                   uint32_t mode, int32_t *result)
{
    char buf[PATH_MAX], path[PATH_MAX];
    const char *part = shm_part(p, dirfd, name, buf, sizeof buf);
    struct guest_open *o;
    struct stat st;
    int32_t row;

    if (!part)
        return false;
    if (!*part) {
        *result = flags & (GO_ACCMODE | GO_CREAT) ? -EISDIR : fd_new(p, flags, &o);
        if (*result >= 0) {
            o->kind = OPEN_PROC;
            strcpy(o->path, SHM);
        }
        return true;
    }
    struct shm_name *n = lookup(p, part);
    *result = name_ok(part);
    if (!*result && n && (flags & (GO_CREAT | GO_EXCL)) == (GO_CREAT | GO_EXCL))
        *result = -EEXIST;
    else if (!*result && !n && !(flags & GO_CREAT))
        *result = -ENOENT;
    else if (!*result && (flags & GO_DIRECTORY))
        *result = n ? -ENOTDIR : -EINVAL;
    else if (!*result && (flags & GO_ACCMODE) == GO_ACCMODE)
        *result = -EINVAL;
    if (*result)
        return true;
    row = n ? n->file - 1 : file_new(p, mode & ~p->place->umask & 07777, SEAL_SEAL);
    snprintf(path, sizeof path, SHM "/%.255s", part);
    *result = row < 0 ? row : n ? 0 : name_add(p, part, (uint32_t)row);
    if (!*result)
        *result = file_open(p, (uint32_t)row, flags, path);
    if (row >= 0 && !n)
        file_unref(p, (uint32_t)row); /* its name has it */
    if (*result >= 0 && (flags & GO_TRUNC) && !fstat(p->mem[row].host, &st) && st.st_size) {
        if (!ftruncate(p->mem[row].host, 0))
            shared_resized(p, p->mem[row].host);
        p->mem[row].changed = process_now_ns(p);
    }
    return true;
}

bool shm_stat(struct process *p, int32_t dirfd, const char *name, struct stat *st, int32_t *result)
{
    char buf[PATH_MAX];
    const char *part = shm_part(p, dirfd, name, buf, sizeof buf);

    if (!part)
        return false;
    const struct shm_name *n = lookup(p, part);
    *result = !*part || n ? 0 : name_ok(part) ? name_ok(part) : -ENOENT;
    if (n) {
        mem_stat(p, &p->mem[n->file - 1], st);
    } else {
        memset(st, 0, sizeof *st);
        st->st_mode = S_IFDIR | 01777;
        st->st_nlink = 2;
        st->st_dev = (dev_t)-3;
    }
    return true;
}

int shm_list(struct process *p, struct guest_open *o)
{
    o->dir = calloc(PROC_SHM_NAMES + 2, sizeof *o->dir);
    for (uint32_t i = 0; o->dir && i < PROC_SHM_NAMES + 2; i++) {
        const char *name = i == 0 ? "." : i == 1 ? ".." : p->shm[i - 2].name;
        if (i > 1 && !p->shm[i - 2].file)
            continue;
        char *n = malloc(strlen(name) + 2);
        if (!n)
            return -ENOMEM;
        n[0] = i > 1 ? 8 : 4; /* DT_REG, DT_DIR */
        strcpy(n + 1, name);
        o->dir[o->ndir++] = n;
    }
    return o->dir ? 0 : -ENOMEM;
}

/* Calls that change one name there, or two. */
bool shm_change(struct process *p, enum shm_how how, int32_t dirfd, uint32_t addr, uint64_t arg,
                int32_t *result)
{
    char name[PATH_MAX], buf[PATH_MAX];
    const char *part;

    if (space_string(p->space, addr, name, sizeof name) <= 0 ||
        !(part = shm_part(p, dirfd, name, buf, sizeof buf)))
        return false;
    struct shm_name *n = lookup(p, part);
    struct memfile *m = n ? &p->mem[n->file - 1] : NULL;
    *result = !*part ? -EBUSY : n ? 0 : name_ok(part) ? name_ok(part) : -ENOENT;
    if (*result) {
        if (*part && how == SHM_MKDIR && *result == -ENOENT)
            *result = -EPERM; /* there are no folders in it */
        return true;
    }
    switch (how) {
    case SHM_UNLINK: name_drop(p, n); break;
    case SHM_RMDIR: *result = -ENOTDIR; break;
    case SHM_MKDIR: *result = -EEXIST; break;
    case SHM_CHMOD: m->mode = S_IFREG | (arg & 07777); break;
    case SHM_TRUNCATE: {
        const struct guest_open o = {.mem = n->file};
        *result = mem_may(p, &o, arg, 0, true);
        if (!*result && ftruncate(m->host, (off_t)arg))
            *result = -errno;
        if (!*result)
            shared_resized(p, m->host);
    }
    }
    return true;
}

bool shm_two(struct process *p, int32_t d1, uint32_t n1, int32_t d2, uint32_t n2, bool move,
             int32_t *result)
{
    char name[2][PATH_MAX], buf[2][PATH_MAX];
    const char *part[2];

    for (int i = 0; i < 2; i++)
        part[i] = space_string(p->space, i ? n2 : n1, name[i], PATH_MAX) > 0
                      ? shm_part(p, i ? d2 : d1, name[i], buf[i], PATH_MAX)
                      : NULL;
    if (!part[0] && !part[1])
        return false;
    *result = -EXDEV;
    if (!part[0] || !part[1])
        return true;
    struct shm_name *from = lookup(p, part[0]), *to = lookup(p, part[1]);
    *result = !*part[0] || !*part[1] ? -EBUSY : name_ok(part[1]);
    if (!*result && !from)
        *result = -ENOENT;
    if (*result || (move && to && to->file == from->file))
        return true;
    if (to && !move) {
        *result = -EEXIST;
        return true;
    }
    if (to)
        name_drop(p, to);
    *result = name_add(p, part[1], from->file - 1u);
    if (!*result && move)
        name_drop(p, from);
    return true;
}

void mem_free(struct process *p)
{
    for (uint32_t i = 0; i < PROC_MEMFILES; i++)
        if (p->mem[i].refs && p->mem[i].host > 2)
            close(p->mem[i].host);
}

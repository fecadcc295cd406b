/* SPDX-License-Identifier: MIT */
/*
 * Folders: what is in them. The list is read when its first entry is, and sorted, because the
 * host's order is an accident.
 */
#include <dirent.h>
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

static int by_name(const void *x, const void *y)
{
    return strcmp(*(char *const *)x + 1, *(char *const *)y + 1);
}

static int list_directory(struct guest_open *o)
{
    int here = openat(o->host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = here < 0 ? NULL : fdopendir(here);
    uint32_t room = 0;

    if (!d) {
        int e = errno;
        if (here >= 0)
            close(here);
        return -e;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (o->ndir == room) {
            char **more = realloc(o->dir, (room = room ? room * 2 : 64) * sizeof *more);
            if (!more)
                break;
            o->dir = more;
        }
        char *name = malloc(strlen(e->d_name) + 2);
        if (!name)
            break;
        name[0] = (char)e->d_type; /* the name starts at 1 */
        strcpy(name + 1, e->d_name);
        o->dir[o->ndir++] = name;
    }
    closedir(d);
    return 0;
}

/* An entry in the form that the call has: its bytes. */
enum dirent_form { DIRENT64, DIRENT, DIRENT_ONE };

static uint32_t dirent(uint8_t *rec, enum dirent_form form, const char *entry, uint64_t ino,
                       uint64_t next)
{
    const char *name = entry + 1;
    uint32_t n = (uint32_t)strlen(name), at = form == DIRENT64 ? 19 : 10;
    uint32_t len = form == DIRENT64 ? (at + n + 1 + 7) & ~7u : (at + n + 2 + 3) & ~3u;
    uint16_t size = (uint16_t)(form == DIRENT_ONE ? n : len);
    uint32_t word = form == DIRENT64 ? 8 : 4;

    memset(rec, 0, len);
    memcpy(rec, &ino, word);
    memcpy(rec + word, &next, word);
    memcpy(rec + 2 * word, &size, 2);
    memcpy(rec + at, name, n);
    if (form == DIRENT64)
        rec[18] = (uint8_t)entry[0];
    else if (form == DIRENT)
        rec[len - 1] = (uint8_t)entry[0];
    return form == DIRENT_ONE ? at + n + 1 : len;
}

static int32_t entries(struct process *p, const uint32_t *a, enum dirent_form form)
{
    struct guest_open *o = fd_file(p, a[0]);
    uint32_t done = 0;
    uint8_t rec[300];

    if (!o)
        return -EBADF;
    if (o->stream)
        return -ENOTDIR;
    if (!o->dir) {
        int e = o->kind != OPEN_PROC           ? list_directory(o)
                : !strcmp(o->path, "/dev/shm") ? shm_list(p, o)
                                               : proc_list(p, o);
        if (e)
            return e;
        qsort(o->dir, o->ndir, sizeof *o->dir, by_name);
    }
    while (o->dirpos < o->ndir) {
        const char *entry = o->dir[o->dirpos];
        struct stat st;
        uint64_t ino = o->kind == OPEN_PROC || fstatat(o->host, entry + 1, &st, AT_SYMLINK_NOFOLLOW)
                           ? 1
                           : virtual_inode(p, st.st_dev, st.st_ino);
        uint32_t len = dirent(rec, form, entry, ino, o->dirpos + 1);
        if (form != DIRENT_ONE && len > a[2] - done)
            return done ? (int32_t)done : -EINVAL;
        int e = space_write(p->space, a[1] + done, rec, len);
        if (e)
            return done ? (int32_t)done : e;
        done += len;
        o->dirpos++;
        if (form == DIRENT_ONE)
            return 1;
    }
    return (int32_t)done;
}

CALL(getdents64)
{
    return entries(p, a, DIRENT64);
}
CALL(getdents)
{
    return entries(p, a, DIRENT);
}
CALL(readdir)
{
    return entries(p, a, DIRENT_ONE);
}

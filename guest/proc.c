/* SPDX-License-Identifier: MIT */
/*
 * Names of /proc and /sys. Only what the tables of proc_text.c list is there, and the folders on
 * the way to it; what a file says is written when it is opened, into a file of the host that has no
 * name, so that all calls that read work on it.
 */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/proc.h"

/* Without ".", "..", empty parts and a slash at the end. */
static void tidy(const char *from, char *to)
{
    char *at = to;

    while (*from) {
        size_t k;
        from += strspn(from, "/");
        k = strcspn(from, "/");
        if (k == 2 && !strncmp(from, "..", 2)) {
            while (at > to && *--at != '/')
                ;
        } else if (k && !(k == 1 && *from == '.')) {
            *at++ = '/';
            memmove(at, from, k);
            at += k;
        }
        from += k;
    }
    if (at == to)
        *at++ = '/';
    *at = 0;
}

/* Does the name begin with this part? What is behind it, or NULL. */
static const char *behind(const char *name, const char *part)
{
    size_t n = strlen(part);

    return !strncmp(name, part, n) && (name[n] == '/' || !name[n]) ? name + n : NULL;
}

static const char *number(const char *s, uint32_t *out)
{
    char *end;

    if (*s != '/' || s[1] < '0' || s[1] > '9')
        return NULL;
    *out = (uint32_t)strtoul(s + 1, &end, 10);
    return *end == '/' || !*end ? end : NULL;
}

static bool in_table(const struct proc_file *table, const char *name, struct proc_entry *e)
{
    for (const struct proc_file *f = table; f->name; f++) {
        const char *rest = behind(f->name, name);
        if (!rest)
            continue;
        e->kind = *rest ? PROC_DIR : PROC_FILE;
        e->file = f;
        return true;
    }
    return false;
}

static struct task *first_task(struct process *p, const struct group *g)
{
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state != TASK_FREE && &p->group[p->task[i].group] == g)
            return &p->task[i];
    return NULL;
}

static bool of_process(struct process *p, const char *rest, struct proc_entry *e)
{
    const char *task = behind(rest, "/task"), *fd;
    uint32_t n;

    if (task && *task) {
        const char *more = number(task, &n);
        struct task *t = more ? task_by_tid(p, n) : NULL;
        if (!t || &p->group[t->group] != e->group)
            return false;
        e->task = t;
        rest = more;
    }
    e->rest = rest;
    e->kind = PROC_DIR;
    if (!*rest || !strcmp(rest, "/task") || !strcmp(rest, "/fd"))
        return true;
    e->kind = PROC_LINK;
    if (!strcmp(rest, "/exe") || !strcmp(rest, "/cwd") || !strcmp(rest, "/root"))
        return true;
    fd = behind(rest, "/fd");
    if (fd && (fd = number(fd, &n)))
        return !*fd && e->task && n < PROC_FDS && p->file_table[e->task->files].fd[n].used;
    return in_table(proc_own, rest, e);
}

bool proc_find(struct process *p, const char *name, struct proc_entry *e)
{
    const char *rest;
    uint32_t pid;

    memset(e, 0, sizeof *e);
    if (!behind(name, "/proc") && !behind(name, "/sys"))
        return false;
    tidy(name, e->name);
    if (!strcmp(e->name, "/proc") || !strcmp(e->name, "/sys") || !e->name[1]) {
        e->kind = PROC_DIR;
        return true;
    }
    if ((rest = behind(e->name, "/proc/self"))) {
        e->group = p->grp;
        e->task = p->cur;
        return of_process(p, rest, e);
    }
    if ((rest = behind(e->name, "/proc/thread-self"))) {
        e->group = p->grp;
        e->task = p->cur;
        return of_process(p, rest, e);
    }
    if (behind(e->name, "/proc") && (rest = number(e->name + 5, &pid))) {
        e->group = group_by_pid(p, pid);
        e->task = e->group ? first_task(p, e->group) : NULL;
        return e->group && of_process(p, rest, e);
    }
    return in_table(proc_system, e->name, e);
}

void proc_stat(const struct proc_entry *e, struct stat *st)
{
    uint32_t h = 1;

    memset(st, 0, sizeof *st);
    st->st_mode = e->kind == PROC_DIR    ? S_IFDIR | 0555
                  : e->kind == PROC_LINK ? S_IFLNK | 0777
                                         : S_IFREG | 0444;
    st->st_nlink = e->kind == PROC_DIR ? 2 : 1;
    for (const char *c = e->name; *c; c++)
        h = h * 31 + (uint8_t)*c;
    st->st_dev = (dev_t)-2;
    st->st_ino = h;
}

int proc_link(struct process *p, const struct proc_entry *e, char *out, size_t n)
{
    const struct guest_open *o;
    uint32_t fd;

    if (!strcmp(e->rest, "/exe"))
        return snprintf(out, n, "%s", e->group->exe);
    if (!strcmp(e->rest, "/root"))
        return snprintf(out, n, "/");
    if (!e->task)
        return -ENOENT;
    const struct files *files = &p->file_table[e->task->files];
    if (!strcmp(e->rest, "/cwd")) {
        const char *cwd = p->places[e->task->place].cwd;
        if (!*cwd)
            return getcwd(out, n) ? (int)strlen(out) : -errno;
        return snprintf(out, n, "%s", path_for_guest(p, cwd));
    }
    number(e->rest + strlen("/fd"), &fd);
    o = &p->open[files->fd[fd].open];
    return path_of_link(p, o, out, n);
}

int32_t proc_open(struct process *p, const struct proc_entry *e, uint32_t flags)
{
    struct guest_open *o;
    char *text = NULL;
    size_t size = 0, done = 0;
    int host, r = 0;

    if ((flags & (GO_CREAT | GO_EXCL)) == (GO_CREAT | GO_EXCL))
        return -EEXIST;
    if (e->kind == PROC_LINK)
        return -ENOENT; /* those that can be followed were */
    if (e->kind == PROC_DIR && (flags & (GO_ACCMODE | GO_CREAT)))
        return -EISDIR;
    if (e->kind == PROC_FILE && (flags & GO_DIRECTORY))
        return -ENOTDIR;
    if (flags & GO_ACCMODE)
        return -EACCES;
    if (e->kind == PROC_DIR) {
        host = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
        FILE *to = open_memstream(&text, &size);
        if (!to)
            return -ENOMEM;
        e->file->print(p, e, to);
        r = fclose(to) ? -ENOMEM : 0;
        host = r ? -1 : memfd_create("proc", MFD_CLOEXEC);
        while (host >= 0 && done < size) {
            ssize_t n = write(host, text + done, size - done);
            if (n <= 0)
                break;
            done += (size_t)n;
        }
        free(text);
    }
    if (host < 0)
        return r ? r : -errno;
    int32_t fd = fd_new(p, flags, &o);
    if (fd < 0) {
        close(host);
        return fd;
    }
    o->host = host;
    o->kind = OPEN_PROC;
    snprintf(o->path, sizeof o->path, "%s", e->name);
    return fd;
}

/* ---- listings ---- */

static int add(struct guest_open *o, uint8_t type, const char *name, size_t len)
{
    for (uint32_t i = 0; i < o->ndir; i++)
        if (strlen(o->dir[i] + 1) == len && !strncmp(o->dir[i] + 1, name, len))
            return 0;
    char **more = realloc(o->dir, (o->ndir + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    o->dir = more;
    char *n = malloc(len + 2);
    if (!n)
        return -ENOMEM;
    n[0] = (char)type;
    memcpy(n + 1, name, len);
    n[len + 1] = 0;
    o->dir[o->ndir++] = n;
    return 0;
}

static int add_number(struct guest_open *o, uint8_t type, uint32_t n)
{
    char text[12];

    return add(o, type, text, (size_t)snprintf(text, sizeof text, "%u", n));
}

enum { T_DIR = 4, T_REG = 8, T_LNK = 10 };

/* The next parts of the names of a table that lie in a folder. */
static int add_table(struct guest_open *o, const struct proc_file *table, const char *folder)
{
    int r = 0;

    for (const struct proc_file *f = table; !r && f->name; f++) {
        const char *rest = *folder ? behind(f->name, folder) : f->name;
        size_t k = rest ? strcspn(rest + 1, "/") : 0;
        if (k)
            r = add(o, rest[1 + k] ? T_DIR : T_REG, rest + 1, k);
    }
    return r;
}

int proc_list(struct process *p, struct guest_open *o)
{
    struct proc_entry e;
    int r;

    if (!proc_find(p, o->path, &e))
        return -ENOENT;
    if (e.kind != PROC_DIR)
        return -ENOTDIR;
    r = add(o, T_DIR, ".", 1) | add(o, T_DIR, "..", 2);
    if (!e.group) {
        r |= add_table(o, proc_system, e.name);
        for (uint32_t i = 0; !strcmp(e.name, "/proc") && i < p->rows; i++)
            if (p->group[i].used)
                r |= add_number(o, T_DIR, p->group[i].tgid);
        if (!strcmp(e.name, "/proc"))
            r |= add(o, T_LNK, "self", 4) | add(o, T_LNK, "thread-self", 11);
    } else if (!strcmp(e.rest, "/task")) {
        for (uint32_t i = 0; i < p->rows; i++)
            if (p->task[i].state != TASK_FREE && &p->group[p->task[i].group] == e.group)
                r |= add_number(o, T_DIR, p->task[i].tid);
    } else if (!strcmp(e.rest, "/fd")) {
        for (uint32_t i = 0; e.task && i < PROC_FDS; i++)
            if (p->file_table[e.task->files].fd[i].used)
                r |= add_number(o, T_LNK, i);
    } else {
        r |= add_table(o, proc_own, e.rest);
        if (!*e.rest)
            r |= add(o, T_DIR, "task", 4) | add(o, T_DIR, "fd", 2) | add(o, T_LNK, "exe", 3) |
                 add(o, T_LNK, "cwd", 3) | add(o, T_LNK, "root", 4);
    }
    return r ? -ENOMEM : 0;
}

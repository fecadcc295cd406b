/* SPDX-License-Identifier: MIT */
/*
 * Locks of files: those of fcntl, which belong to a table of descriptors and end when it closes any
 * descriptor of the file; those of an open file description, by fcntl or by flock, which end with
 * it. They are between the guest's processes alone: the host never hears of them. Whoever has to
 * wait waits for any lock to end, and then looks again.
 */
#include <errno.h>
#include <sys/stat.h>
#include "guest/syscall.h"

enum { GETLK = 5, SETLK, SETLKW, GETLK64 = 12, SETLK64, SETLKW64, OFD_GETLK = 36, OFD_SETLK };
enum { READ_LOCK, WRITE_LOCK, UNLOCK };
#define LOCK_END ((uint64_t)INT64_MAX)

static bool overlaps(const struct file_lock *x, const struct file_lock *y)
{
    return x->first <= y->last && y->first <= x->last;
}

static bool same_file(const struct file_lock *x, const struct file_lock *y)
{
    return x->dev == y->dev && x->ino == y->ino &&
           (x->kind == LOCK_FLOCK) == (y->kind == LOCK_FLOCK);
}

static bool same_owner(const struct file_lock *x, const struct file_lock *y)
{
    return x->kind == y->kind && x->owner == y->owner;
}

static struct file_lock *conflict(struct process *p, const struct file_lock *want)
{
    for (uint32_t i = 0; i < PROC_LOCKS; i++) {
        struct file_lock *l = &p->lock[i];
        if (l->used && same_file(l, want) && !same_owner(l, want) && overlaps(l, want) &&
            (l->write || want->write))
            return l;
    }
    return NULL;
}

/* Whoever waits for a lock looks again. */
static void changed(struct process *p)
{
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->task[i].state == TASK_BLOCKED && p->task[i].wait == WAIT_LOCK)
            task_run(p, &p->task[i]);
}

static void drop(struct process *p, struct file_lock *l)
{
    l->used = false;
    p->nlocks--;
}

static struct file_lock *free_row(struct process *p)
{
    for (uint32_t i = 0; i < PROC_LOCKS; i++)
        if (!p->lock[i].used)
            return &p->lock[i];
    return NULL;
}

static void add(struct process *p, const struct file_lock *l)
{
    struct file_lock *row = free_row(p);

    *row = *l;
    row->used = true;
    p->nlocks++;
}

/* The owner's range becomes as wanted, whatever it was; `keep`: locked, not free. */
static int32_t put(struct process *p, struct file_lock want, bool keep)
{
    if (p->nlocks + 2 > PROC_LOCKS)
        return -ENOLCK;
    for (uint32_t i = 0; i < PROC_LOCKS; i++) {
        struct file_lock *l = &p->lock[i], was = *l;
        if (!l->used || !same_file(l, &want) || !same_owner(l, &want))
            continue;
        if (keep && l->write == want.write && l->first <= want.last + 1 &&
            want.first <= l->last + 1) { /* two that touch are one */
            want.first = l->first < want.first ? l->first : want.first;
            want.last = l->last > want.last ? l->last : want.last;
            drop(p, l);
            i = UINT32_MAX; /* the wider one may touch what it did not */
            continue;
        }
        if (!overlaps(l, &want))
            continue;
        drop(p, l);
        if (was.first < want.first) {
            struct file_lock below = was;
            below.last = want.first - 1;
            add(p, &below);
        }
        if (was.last > want.last) {
            was.first = want.last + 1;
            add(p, &was);
        }
    }
    if (keep)
        add(p, &want);
    changed(p);
    return 0;
}

/* Would waiting for `who` close a circle? Those that wait say in wait_key whom for. */
static bool deadlock(const struct process *p, uint32_t who)
{
    enum { STEPS = 10 }; /* as far as Linux looks */
    uint32_t me = p->cur->files;

    for (int n = 0; n < STEPS; n++) {
        uint32_t next = UINT32_MAX;
        if (who == me)
            return true;
        for (uint32_t i = 0; i < p->rows && next == UINT32_MAX; i++)
            if (p->task[i].state == TASK_BLOCKED && p->task[i].wait == WAIT_LOCK &&
                p->task[i].wait_key && p->task[i].files == who)
                next = (uint32_t)p->task[i].wait_key - 1;
        if (next == UINT32_MAX)
            return false;
        who = next;
    }
    return false;
}

static int32_t wait_for(struct process *p, const struct file_lock *other,
                        const struct file_lock *want)
{
    bool posix = other->kind == LOCK_POSIX && want->kind == LOCK_POSIX;

    if (posix && deadlock(p, other->owner))
        return -EDEADLK;
    return task_block(p, WAIT_LOCK, posix ? other->owner + 1 : 0, UINT64_MAX, RESTART_SYS);
}

/* The range that a struct flock means: 0 or -errno. */
static int32_t range(const struct guest_open *o, uint32_t whence, int64_t start, int64_t len,
                     uint64_t size, struct file_lock *l)
{
    if (whence > 2)
        return -EINVAL;
    if (whence && __builtin_add_overflow(start, (int64_t)(whence == 1 ? o->offset : size), &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    l->first = (uint64_t)start;
    l->last = LOCK_END;
    if (len > 0) {
        if (start > INT64_MAX - (len - 1))
            return -EOVERFLOW;
        l->last = (uint64_t)(start + (len - 1));
    } else if (len < 0) {
        if (start + len < 0)
            return -EINVAL;
        l->first = (uint64_t)(start + len);
        l->last = (uint64_t)(start - 1);
    }
    return 0;
}

/* A struct flock of either width. */
struct flock_guest {
    uint16_t type, whence;
    int64_t start, len;
    uint32_t pid;
};

static int32_t get_flock(struct process *p, uint32_t at, bool wide, struct flock_guest *f)
{
    uint32_t w[6] = {0};
    int32_t e = space_read(p->space, at, w, wide ? 24 : 16);

    f->type = (uint16_t)w[0];
    f->whence = (uint16_t)(w[0] >> 16);
    f->start = wide ? (int64_t)(w[1] | (uint64_t)w[2] << 32) : (int32_t)w[1];
    f->len = wide ? (int64_t)(w[3] | (uint64_t)w[4] << 32) : (int32_t)w[2];
    f->pid = wide ? w[5] : w[3];
    return e;
}

static int32_t put_flock(struct process *p, uint32_t at, bool wide, const struct flock_guest *f)
{
    uint32_t kind = f->type | (uint32_t)f->whence << 16;
    const uint32_t w[6] = {kind,
                           (uint32_t)f->start,
                           (uint32_t)(f->start >> 32),
                           (uint32_t)f->len,
                           (uint32_t)(f->len >> 32),
                           f->pid};
    const uint32_t narrow[4] = {kind, (uint32_t)f->start, (uint32_t)f->len, f->pid};

    if (!wide && (f->start > INT32_MAX || f->len > INT32_MAX))
        return -EOVERFLOW;
    return wide ? space_write(p->space, at, w, sizeof w)
                : space_write(p->space, at, narrow, sizeof narrow);
}

static int32_t tell(struct process *p, uint32_t at, bool wide, struct flock_guest *f,
                    const struct file_lock *want)
{
    const struct file_lock *l = conflict(p, want);

    if (!l) {
        f->type = UNLOCK;
    } else {
        f->type = l->write;
        f->whence = 0;
        f->start = (int64_t)l->first;
        f->len = l->last == LOCK_END ? 0 : (int64_t)(l->last - l->first + 1);
        f->pid = l->kind == LOCK_POSIX ? l->pid : UINT32_MAX;
    }
    return put_flock(p, at, wide, f);
}

int32_t lock_fcntl(struct process *p, struct guest_open *o, uint32_t command, uint32_t at)
{
    bool wide = command >= GETLK64, ofd = command >= OFD_GETLK;
    uint32_t op = command - (ofd    ? OFD_GETLK
                             : wide ? GETLK64
                                    : GETLK),
             mode = o->flags & GO_ACCMODE;
    struct flock_guest f;
    struct stat st = {0};
    int32_t e = get_flock(p, at, wide, &f);

    if (e)
        return e;
    if (o->kind == OPEN_HOST && fstat(o->host, &st))
        return -errno;
    if (f.type > UNLOCK || (op == 0 && f.type == UNLOCK))
        return -EINVAL;
    if (ofd && f.pid)
        return -EINVAL;
    struct file_lock want = {.dev = st.st_dev,
                             .ino = st.st_ino,
                             .kind = ofd ? LOCK_OFD : LOCK_POSIX,
                             .write = f.type == WRITE_LOCK,
                             .owner = ofd ? (uint32_t)(o - p->open) : p->cur->files,
                             .pid = p->grp->tgid};
    e = range(o, f.whence, f.start, f.len, (uint64_t)st.st_size, &want);
    if (e)
        return e;
    if (op == 0)
        return tell(p, at, wide, &f, &want);
    if (!o->std && ((f.type == READ_LOCK && mode == GO_WRONLY) || (f.type == WRITE_LOCK && !mode)))
        return -EBADF;
    if (o->kind != OPEN_HOST)
        return 0; /* nobody else can name it */
    const struct file_lock *other = f.type == UNLOCK ? NULL : conflict(p, &want);
    if (other)
        return op == 1 ? -EAGAIN : wait_for(p, other, &want);
    return put(p, want, f.type != UNLOCK);
}

int32_t sys_flock(struct process *p, const uint32_t *a)
{
    enum { SHARED = 1, EXCLUSIVE = 2, NO_WAIT = 4, RELEASE = 8 };
    struct guest_open *o = fd_open(p, a[0]);
    uint32_t op = a[1] & ~(uint32_t)NO_WAIT;
    struct stat st;

    if (!o || (o->flags & GO_PATH))
        return -EBADF;
    if (op != SHARED && op != EXCLUSIVE && op != RELEASE)
        return -EINVAL;
    if (o->kind != OPEN_HOST)
        return 0;
    if (fstat(o->host, &st))
        return -errno;
    const struct file_lock want = {.dev = st.st_dev,
                                   .ino = st.st_ino,
                                   .kind = LOCK_FLOCK,
                                   .write = op == EXCLUSIVE,
                                   .owner = (uint32_t)(o - p->open),
                                   .last = LOCK_END};
    for (uint32_t i = 0; i < PROC_LOCKS; i++) {
        struct file_lock *l = &p->lock[i];
        if (!l->used || !same_file(l, &want) || !same_owner(l, &want))
            continue;
        if (op != RELEASE && l->write == want.write)
            return 0;
        drop(p, l); /* lost, even if the other kind cannot be had: as in Linux */
        changed(p);
    }
    if (op == RELEASE)
        return 0;
    const struct file_lock *other = conflict(p, &want);
    if (other)
        return a[1] & NO_WAIT ? -EAGAIN : wait_for(p, other, &want);
    if (p->nlocks == PROC_LOCKS)
        return -ENOLCK;
    add(p, &want);
    return 0;
}

void locks_closed(struct process *p, uint32_t files, const struct guest_open *o)
{
    uint32_t row = (uint32_t)(o - p->open);
    bool any = false;
    struct stat st;

    if (!p->nlocks || o->kind != OPEN_HOST || fstat(o->host, &st))
        return;
    for (uint32_t i = 0; i < PROC_LOCKS; i++) {
        struct file_lock *l = &p->lock[i];
        if (!l->used || l->dev != st.st_dev || l->ino != st.st_ino)
            continue;
        if (l->kind == LOCK_POSIX ? l->owner == files : l->owner == row && o->refs == 1) {
            drop(p, l);
            any = true;
        }
    }
    if (any)
        changed(p);
}

/* SPDX-License-Identifier: MIT */
/*
 * Fifos: pipes of ours that have a name. The name lies in the host's file system, but what goes
 * through is the guest's alone: the host's fifo is never opened but to ask what it is.
 *
 * The pipe is there while an end of it is. Who opens an end without waiting lets in all who wait at
 * the other: their ends are counted at once, so that nobody finds the pipe without a reader whom it
 * has just met, and taken by them when they make their call again (task.fifo_end), or given up when
 * they never do.
 */
#define _GNU_SOURCE /* O_PATH */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

static uint64_t key_of(uint32_t inode, bool writing)
{
    return (uint64_t)inode << 1 | writing;
}

static int find(const struct process *p, uint32_t inode)
{
    for (int i = 0; i < PROC_PIPES; i++)
        if (p->pipe[i].used && p->pipe[i].fifo == inode)
            return i;
    return -1;
}

static void count(struct process *p, int row, bool reading, bool writing)
{
    struct guest_pipe *q = &p->pipe[row];

    q->readers += reading;
    q->writers += writing;
    q->came += writing;
    q->rang[RING_END]++;
    pipe_changed(p, (uint64_t)row);
}

/* All who wait to open that end have it. */
static void let_in(struct process *p, uint32_t inode, int row, bool writing)
{
    struct task *t;

    while ((t = task_waiting(p, WAIT_FIFO, key_of(inode, writing), WAIT_ANY))) {
        t->fifo_end = (uint16_t)((uint32_t)(row + 1) << 1 | writing);
        t->woken = true;
        task_run(p, t);
        count(p, row, !writing, writing);
    }
}

/* An end that is counted and that nobody has becomes a descriptor, or nothing. */
static int32_t have(struct process *p, int row, const char *path, uint32_t flags, uint32_t came)
{
    uint32_t mode = flags & GO_ACCMODE;
    struct guest_open *o, nobody = {.kind = mode == GO_RDWR     ? OPEN_FIFO
                                            : mode == GO_WRONLY ? OPEN_PIPE_W
                                                                : OPEN_PIPE_R,
                                    .pipe = (uint16_t)row,
                                    .pipe_out = (uint16_t)row};
    int32_t fd = fd_new(p, flags, &o);

    if (fd < 0) {
        pipe_end_closed(p, &nobody);
        return fd;
    }
    o->kind = nobody.kind;
    o->pipe = o->pipe_out = (uint16_t)row;
    o->stream = true;
    o->came = came;
    o->host = path ? open(path, O_PATH | O_CLOEXEC) : -1; /* for what stat says of it */
    if (path)
        snprintf(o->path, sizeof o->path, "%s", path);
    return fd;
}

int32_t fifo_open(struct process *p, const char *path, uint32_t flags)
{
    uint32_t mode = flags & GO_ACCMODE;
    bool reading = mode != GO_WRONLY, writing = mode != 0;
    struct stat st;

    if (stat(path, &st) || access(path, (reading ? R_OK : 0) | (writing ? W_OK : 0)))
        return -errno;
    uint32_t inode = virtual_inode(p, st.st_dev, st.st_ino);
    int row = find(p, inode);
    bool met = mode == GO_RDWR ||
               (row >= 0 && (writing ? p->pipe[row].readers : p->pipe[row].writers)) ||
               task_waiting(p, WAIT_FIFO, key_of(inode, !writing), WAIT_ANY);
    if (!met && (flags & GO_NONBLOCK) && writing)
        return -ENXIO;
    if (!met && !(flags & GO_NONBLOCK))
        return task_block(p, WAIT_FIFO, key_of(inode, writing), UINT64_MAX, RESTART_SYS);
    if (row < 0) {
        row = pipe_new(p);
        if (row < 0)
            return row;
        p->pipe[row].readers = p->pipe[row].writers = p->pipe[row].came = 0;
        p->pipe[row].fifo = inode;
    }
    uint32_t came = p->pipe[row].writers ? 0 : p->pipe[row].came;
    count(p, row, reading, writing);
    if (reading)
        let_in(p, inode, row, true);
    if (writing)
        let_in(p, inode, row, false);
    return have(p, row, path, flags, !writing && (flags & GO_NONBLOCK) ? came : 0);
}

int32_t fifo_let_in(struct process *p, const char *path, uint32_t flags)
{
    int row = (p->cur->fifo_end >> 1) - 1;

    p->cur->fifo_end = 0;
    return have(p, row, path, flags, 0);
}

void fifo_task_end(struct process *p, struct task *t)
{
    struct guest_open end = {.kind = t->fifo_end & 1 ? OPEN_PIPE_W : OPEN_PIPE_R,
                             .pipe = (uint16_t)((t->fifo_end >> 1) - 1)};

    if (t->fifo_end)
        pipe_end_closed(p, &end);
    t->fifo_end = 0;
}

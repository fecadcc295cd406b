/* SPDX-License-Identifier: MIT */
/*
 * Files whose pages are mapped shared.
 *
 * Such a file's pages are frames of the guest, found by (file, page) through a hash, and what is in
 * them is what the file holds: every call that reads takes it from there, every call that writes
 * puts it there too (by the bus, so that code is heard of). The host's file follows: at once with
 * what calls write, later with what is stored in memory. A page counts as dirty from the first
 * store on, which is a page fault, for entries begin without the right to write; it stays so until
 * the file is no longer mapped, and is written whenever somebody may want to see it: msync, the end
 * of a mapping, a program that is loaded, the end of the run.
 *
 * The file's length is the host's. What lies behind it is no page, but SIGBUS; in its last page it
 * is memory that the file does not get, and zero when the file grows over it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/syscall.h"

static uint8_t *bytes_of(struct frames *f, uint32_t frame)
{
    return vm_mem(f->vm, frame * PAGE, PAGE);
}

static uint32_t *head_of(struct frames *f, uint32_t file, uint32_t index)
{
    return &f->shared_head[(index * 0x9e3779b1u + file * 0x85ebca6bu) >> 20];
}
_Static_assert(SHARED_HEADS == 1 << 12, "the hash above");

static uint32_t lookup(struct frames *f, uint32_t file, uint32_t index)
{
    uint32_t at = *head_of(f, file, index);

    while (at && (f->shared[at].file != file || f->shared[at].index != index))
        at = f->shared[at].next;
    return at;
}

static struct shared_file *row_of(struct frames *f, uint32_t file)
{
    return &f->file[file - 1];
}

/* The row, + 1, of what this is; 0: it is not mapped. */
static uint32_t find(struct frames *f, const struct stat *st)
{
    for (uint32_t i = 0; i < f->nfiles; i++)
        if (f->file[i].areas && f->file[i].dev == st->st_dev && f->file[i].ino == st->st_ino)
            return i + 1;
    return 0;
}

static uint32_t find_open(struct frames *f, int host, struct stat *st)
{
    return f->nmapped && !fstat(host, st) ? find(f, st) : 0;
}

int shared_file(struct frames *f, int host, bool writable)
{
    struct stat st;

    if (fstat(host, &st))
        return -errno;
    uint32_t file = find(f, &st), i = 0;
    struct shared_file *s = file ? row_of(f, file) : NULL;
    if (s && (s->writable || !writable))
        return (int)file;
    int own = fcntl(host, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return -errno;
    if (s) {
        close(s->host);
        s->host = own;
        s->writable = true;
        return (int)file;
    }
    while (i < f->nfiles && f->file[i].areas)
        i++;
    if (i == SHARED_FILES) {
        close(own);
        return -ENFILE;
    }
    if (i == f->nfiles)
        f->nfiles++;
    f->file[i] = (struct shared_file){.dev = st.st_dev,
                                      .ino = st.st_ino,
                                      .size = (uint64_t)st.st_size,
                                      .writable = writable,
                                      .host = own};
    return (int)i + 1;
}

static void drop_page(struct frames *f, uint32_t frame)
{
    struct shared_page *page = &f->shared[frame];
    uint32_t *at = head_of(f, page->file, page->index);

    while (*at != frame)
        at = &f->shared[*at].next;
    *at = page->next;
    memset(page, 0, sizeof *page);
    frame_drop(f, frame);
}

static void forget(struct frames *f, uint32_t file)
{
    struct shared_file *s = row_of(f, file);

    for (uint32_t frame = s->first, next; frame; frame = next) {
        next = f->shared[frame].next_of_file;
        drop_page(f, frame);
    }
    close(s->host);
    *s = (struct shared_file){.host = -1};
}

void shared_area_made(struct frames *f, uint32_t file)
{
    if (!row_of(f, file)->areas++)
        f->nmapped++;
}

void shared_area_gone(struct frames *f, uint32_t file)
{
    if (--row_of(f, file)->areas)
        return;
    f->nmapped--;
    forget(f, file);
}

int shared_frame(struct frames *f, uint32_t file, uint32_t index, bool write, uint32_t *frame)
{
    struct shared_file *s = row_of(f, file);
    uint64_t at = (uint64_t)index * PAGE;
    uint32_t got = lookup(f, file, index);
    struct stat st;

    if (!got) {
        if (fstat(s->host, &st))
            return -EIO;
        s->size = (uint64_t)st.st_size;
        if (at >= s->size)
            return -EIO;
        got = frame_take(f);
        if (!got)
            return -ENOMEM;
        for (uint32_t done = 0; done < PAGE;) {
            ssize_t n = pread(s->host, bytes_of(f, got) + done, PAGE - done, (off_t)(at + done));
            if (n < 0) {
                frame_drop(f, got);
                return -EIO;
            }
            if (!n)
                break;
            done += (uint32_t)n;
        }
        uint32_t *head = head_of(f, file, index);
        f->shared[got] = (struct shared_page){
            .index = index, .next = *head, .next_of_file = s->first, .file = (uint16_t)file};
        *head = s->first = got;
    }
    f->shared[got].dirty |= write;
    *frame = got;
    return 0;
}

static void write_page(struct frames *f, const struct shared_file *s, uint32_t frame)
{
    uint64_t at = (uint64_t)f->shared[frame].index * PAGE;
    uint64_t n = at < s->size ? s->size - at : 0;

    /* What the disk refuses nobody is told here, as in Linux. */
    if (n && pwrite(s->host, bytes_of(f, frame), n < PAGE ? n : PAGE, (off_t)at) < 0)
        return;
}

void shared_flush(struct frames *f, uint32_t file, uint32_t from, uint32_t end)
{
    struct shared_file *s = row_of(f, file);
    struct stat st;

    if (!s->writable || fstat(s->host, &st))
        return;
    s->size = (uint64_t)st.st_size;
    for (uint32_t at = s->first; at; at = f->shared[at].next_of_file)
        if (f->shared[at].dirty && f->shared[at].index >= from && f->shared[at].index < end)
            write_page(f, s, at);
}

void shared_flush_all(struct frames *f)
{
    for (uint32_t i = 0; f->nmapped && i < f->nfiles; i++)
        if (f->file[i].areas)
            shared_flush(f, i + 1, 0, UINT32_MAX);
}

void shared_free(struct frames *f)
{
    for (uint32_t i = 0; i < f->nfiles; i++)
        if (f->file[i].areas) {
            shared_flush(f, i + 1, 0, UINT32_MAX);
            close(f->file[i].host);
        }
    f->nfiles = f->nmapped = 0;
}

uint32_t shared_row(struct frames *f, int host)
{
    struct stat st;

    return find_open(f, host, &st);
}

/* ---- calls that read and write ---- */

/* Each page of [at, at + n) that is in a frame: its part of the range. */
static uint32_t page_part(uint64_t at, size_t n, size_t done)
{
    uint64_t room = PAGE - (at + done) % PAGE;

    return (uint32_t)(n - done < room ? n - done : room);
}

int64_t file_pread(struct frames *f, int host, void *buf, size_t n, uint64_t at)
{
    ssize_t got = pread(host, buf, n, (off_t)at);
    struct stat st;
    uint32_t file = got > 0 ? find_open(f, host, &st) : 0, part;

    for (size_t done = 0; file && done < (size_t)got; done += part) {
        uint32_t frame = lookup(f, file, (uint32_t)((at + done) / PAGE));
        part = page_part(at, (size_t)got, done);
        if (frame)
            memcpy((uint8_t *)buf + done, bytes_of(f, frame) + (at + done) % PAGE, part);
    }
    return got;
}

/* The file has grown: what its last page has behind the old end is what the host has there now. */
static void grown(struct frames *f, uint32_t file, uint64_t size)
{
    struct shared_file *s = row_of(f, file);
    uint32_t frame = s->size % PAGE ? lookup(f, file, (uint32_t)(s->size / PAGE)) : 0;
    uint8_t tail[PAGE] = {0};

    if (frame && size > s->size) {
        uint32_t from = s->size % PAGE;
        if (pread(s->host, tail, PAGE - from, (off_t)s->size) >= 0)
            vm_bus_write(f->vm, frame * PAGE + from, tail, PAGE - from);
    }
    s->size = size;
}

int64_t file_pwrite(struct frames *f, int host, const void *buf, size_t n, uint64_t at)
{
    ssize_t put = pwrite(host, buf, n, (off_t)at);
    struct stat st;
    uint32_t file = put > 0 ? find_open(f, host, &st) : 0, part;

    if (!file)
        return put;
    grown(f, file, (uint64_t)st.st_size);
    for (size_t done = 0; done < (size_t)put; done += part) {
        uint32_t frame = lookup(f, file, (uint32_t)((at + done) / PAGE));
        part = page_part(at, (size_t)put, done);
        if (frame)
            vm_bus_write(f->vm, frame * PAGE + (uint32_t)((at + done) % PAGE),
                         (const uint8_t *)buf + done, part);
    }
    return put;
}

/* ---- lengths ---- */

static void resized(struct process *p, uint32_t file, uint64_t size)
{
    static const uint8_t zeros[PAGE];
    struct frames *f = &p->frames;
    struct shared_file *s = row_of(f, file);
    uint32_t left = (uint32_t)(size / PAGE + (size % PAGE != 0)), frame, *at = &s->first;

    if (size >= s->size) {
        grown(f, file, size);
        return;
    }
    s->size = size;
    for (uint32_t i = 0; i < PROC_TASKS; i++)
        if (p->spaces[i].refs)
            space_cut_file(&p->spaces[i], file, left);
    while ((frame = *at)) {
        struct shared_page *page = &f->shared[frame];
        if (page->index < left) {
            at = &page->next_of_file;
            continue;
        }
        *at = page->next_of_file;
        drop_page(f, frame);
    }
    frame = size % PAGE ? lookup(f, file, left - 1) : 0;
    if (frame)
        vm_bus_write(f->vm, frame * PAGE + size % PAGE, zeros, PAGE - size % PAGE);
}

void shared_resized(struct process *p, int host)
{
    struct stat st;
    uint32_t file = find_open(&p->frames, host, &st);

    if (file)
        resized(p, file, (uint64_t)st.st_size);
}

void shared_resized_name(struct process *p, const char *path)
{
    struct stat st;
    uint32_t file = p->frames.nmapped && !stat(path, &st) ? find(&p->frames, &st) : 0;

    if (file)
        resized(p, file, (uint64_t)st.st_size);
}

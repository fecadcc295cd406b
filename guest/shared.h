/* SPDX-License-Identifier: MIT */
/*
 * Files whose pages are mapped shared: one set of frames for all mappings of a file, in all address
 * spaces (shared.c).
 */
#ifndef GUEST_SHARED_H
#define GUEST_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames;
struct process;

enum { SHARED_FILES = 128, SHARED_HEADS = 4096 };

/* A file that is mapped, known by the host's inode. */
struct shared_file {
    uint32_t areas; /* of all spaces; 0: free */
    uint64_t dev, ino, size;
    uint32_t first; /* of its frames, linked by `next_of_file`; 0: none */
    bool writable;  /* so is `host` */
    int host;       /* derived: a descriptor of our own */
};

/* What a frame holds, if it holds a page of such a file. */
struct shared_page {
    uint32_t index, next, next_of_file; /* frames */
    uint16_t file;                      /* row + 1; 0: none */
    bool dirty;
};

/* The row of the file that is open as `host`, + 1, or -errno. */
int shared_file(struct frames *f, int host, bool writable);
/* An area of it more, or less: with the last, its pages are forgotten. What was stored in them has
 * been flushed as the areas were unmapped. */
void shared_area_made(struct frames *f, uint32_t file);
void shared_area_gone(struct frames *f, uint32_t file);
/* The frame of a page: 0, -ENOMEM, or -EIO if the file ends before it. */
int shared_frame(struct frames *f, uint32_t file, uint32_t index, bool write, uint32_t *frame);
/* Pages [from, end) go to the file, as far as they were written. */
void shared_flush(struct frames *f, uint32_t file, uint32_t from, uint32_t end);
void shared_flush_all(struct frames *f);
void shared_free(struct frames *f);
/* The row, + 1, of the file that is open as `host`; 0: it is not mapped. */
uint32_t shared_row(struct frames *f, int host);

/* Reading and writing of an open file of the host: what is mapped is where it is mapped. As pread
 * and pwrite. */
int64_t file_pread(struct frames *f, int host, void *buf, size_t n, uint64_t at);
int64_t file_pwrite(struct frames *f, int host, const void *buf, size_t n, uint64_t at);
/* Its length may have changed. */
void shared_resized(struct process *p, int host);
void shared_resized_name(struct process *p, const char *path);

#endif

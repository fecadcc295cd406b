/* SPDX-License-Identifier: MIT */
/*
 * The files of /proc and /sys that programs read: names here and in proc.c, what they say in
 * proc_text.c. To add one: a row of one of the two tables there.
 */
#ifndef GUEST_PROC_H
#define GUEST_PROC_H

#include <sys/stat.h>
#include "guest/syscall.h"

enum proc_kind { PROC_NONE, PROC_FILE, PROC_DIR, PROC_LINK };

struct proc_file;
struct proc_entry {
    enum proc_kind kind;
    const struct proc_file *file;
    struct group *group; /* of a name under /proc/PID; NULL: the system's */
    struct task *task;   /* the thread that the name means, or the first of its process */
    char name[PATH_MAX]; /* without "." and double slashes */
    const char *rest;    /* of name, behind the process's folder */
};

struct proc_file {
    const char *name; /* the whole name; of a process's own, what is behind its folder */
    void (*print)(struct process *p, const struct proc_entry *e, FILE *to);
};
extern const struct proc_file proc_system[], proc_own[]; /* a NULL name behind the last */

/* What an absolute name of the guest's means here. False: nothing. */
bool proc_find(struct process *p, const char *name, struct proc_entry *e);
int32_t proc_open(struct process *p, const struct proc_entry *e, uint32_t flags);
int proc_list(struct process *p, struct guest_open *o); /* 0 or -errno */
/* Where a link leads; its length. That of a descriptor, too. */
int proc_link(struct process *p, const struct proc_entry *e, char *out, size_t n);
void proc_stat(const struct proc_entry *e, struct stat *st);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The system calls of the personality: i386 numbers and layouts, one handler each, listed in
 * syscalls.def. A handler gets six arguments and returns a result or a negative errno.
 */
#ifndef GUEST_SYSCALL_H
#define GUEST_SYSCALL_H

#include "guest/process.h"

struct hc_fault;

enum { GUEST_UID = 0, GUEST_PID = 1000, GUEST_PPID = 999 };
enum { SYS_NO_RESULT = INT32_MIN }; /* the handler set the registers itself */

/* i386 open flags. */
enum {
    GO_WRONLY = 1,
    GO_RDWR = 2,
    GO_ACCMODE = 3,
    GO_CREAT = 0100,
    GO_EXCL = 0200,
    GO_NOCTTY = 0400,
    GO_TRUNC = 01000,
    GO_APPEND = 02000,
    GO_NONBLOCK = 04000,
    GO_LARGEFILE = 0100000,
    GO_DIRECTORY = 0200000,
    GO_NOFOLLOW = 0400000,
    GO_CLOEXEC = 02000000,
    GO_PATH = 010000000
};
enum {
    GAT_FDCWD = -100,
    GAT_SYMLINK_NOFOLLOW = 0x100,
    GAT_REMOVEDIR = 0x200,
    GAT_EMPTY_PATH = 0x1000
};

#define SYS(nr, name) int32_t sys_##name(struct process *p, const uint32_t *a);
#include "guest/syscalls.def"
#undef SYS

/* Descriptors (sys_file.c). */
struct guest_open *fd_open(struct process *p, uint32_t fd); /* NULL: bad descriptor */
void open_unref(struct process *p, uint32_t index);
/* Reads a path from the guest and gives the host's: through the sysroot if it has the file. 0 or
 * -errno. */
int guest_path(struct process *p, uint32_t addr, char *out, size_t n);
/* A path relative to a directory descriptor, as the *at calls have it. */
int guest_path_at(struct process *p, int32_t dirfd, uint32_t addr, char *out, size_t n);
void process_note_file(struct process *p, const char *path);
uint32_t virtual_inode(struct process *p, uint64_t dev, uint64_t ino);

/* Signals (signal.c): a fault or a kill; default action or the process's own handler. */
void process_signal_fault(struct process *p, int signal, const struct hc_fault *f);
void process_signal(struct process *p, int signal);

#endif

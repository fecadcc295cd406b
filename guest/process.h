/* SPDX-License-Identifier: MIT */
/*
 * The process personality: a small Linux for one guest process on the simulated processor. It
 * builds the address space, answers host calls (system calls, faults) and turns faults into
 * signals. State is plain data; host descriptors are derived from (path, offset). Nothing a guest
 * sees depends on the host but the files it opens and what it reads from standard input.
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include <stdio.h>
#include <limits.h>
#include "guest/space.h"

enum { PROC_FDS = 256, PROC_OPEN = 256, PROC_FILES = 512, PROC_INODE_SLOTS = 1 << 16 };
enum { NSIG_GUEST = 65, TLS_SLOTS = 3, TLS_FIRST = 6 };
enum { SEL_USER_CS = 0x73, SEL_USER_DS = 0x7b };

/* An open file description: what dup'ed descriptors share. */
struct guest_open {
    uint32_t refs;   /* 0: free */
    uint32_t flags;  /* guest O_* */
    bool stream;     /* no offset of ours: standard streams and whatever the host cannot seek */
    uint64_t offset; /* of seekable files; the host's own offset is never used */
    uint32_t dirpos; /* next entry of a directory */
    char path[PATH_MAX];
    int host;   /* derived: a descriptor of the host */
    char **dir; /* derived: sorted names of a directory, read when its first entry is */
    uint32_t ndir;
};

struct guest_fd {
    bool used, cloexec;
    uint16_t open; /* index of its description */
};

struct guest_inode {
    uint64_t dev, ino;
    uint32_t number; /* virtual; 0: free slot */
};

struct guest_file { /* every file the guest opened for reading, for the identities in stats.json */
    char path[PATH_MAX]; /* absolute, if that fits: the guest may change its folder */
};

struct sigaction_guest {
    uint32_t handler, flags, restorer;
    uint64_t mask;
};

struct process {
    struct vm *vm;
    struct space space;
    char program[PATH_MAX];
    const char *sysroot; /* NULL: none */
    uint32_t umask;
    struct guest_fd fd[PROC_FDS];
    struct guest_open open[PROC_OPEN];
    uint32_t nfiles;
    struct guest_file file[PROC_FILES];
    struct sigaction_guest act[NSIG_GUEST];
    uint64_t sigmask;
    uint32_t tls_base[TLS_SLOTS];
    bool tls_used[TLS_SLOTS];
    uint32_t clear_tid, robust_list;
    uint64_t epoch;   /* seconds: virtual time at cycle 0 */
    uint64_t rng;     /* getrandom and AT_RANDOM */
    uint32_t ninodes; /* virtual inode numbers, in order of first sight */
    struct guest_inode inode[PROC_INODE_SLOTS];
    uint64_t syscalls, faults;
    bool exited;
    int status; /* as a shell sees it: exit code, or 128 + signal */
    int signal; /* the signal that ended it, 0 if it exited */
    bool panic; /* CMS reported a defect of its own */
    uint32_t panic_code;
    uint8_t loud[64]; /* one bit per system call already complained of */
    FILE *log;        /* loud lines; stderr */
};

struct process_args {
    const char *program; /* path on the host */
    int argc;
    char **argv;            /* argv[0] included */
    const char *const *env; /* NULL-terminated extra K=V; the host's environment is never passed */
    const char *sysroot;
    uint64_t epoch;
};

/* Needs the machine's platform hooks to be `process_hostcall` with the process as ctx. */
struct process *process_new(const char *sysroot);
void process_free(struct process *p);
/* Loads the program and sets the guest registers (r32.., CC) for its first instruction. -1 with one
 * line in err. */
int process_load(struct process *p, struct vm *vm, const struct process_args *a, char *err,
                 size_t errlen);
uint32_t process_hostcall(void *process, uint32_t service, uint32_t arg);

/* For syscall files. */
void process_exit(struct process *p, int code);
void process_kill(struct process *p, int signal);
uint64_t process_now_ns(const struct process *p);
uint32_t process_random(struct process *p);
int32_t process_syscall(struct process *p, uint32_t nr, const uint32_t arg[6]);

#endif

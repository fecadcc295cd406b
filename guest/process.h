/* SPDX-License-Identifier: MIT */
/*
 * The process personality: a small Linux for the guest processes of one simulated processor. It
 * builds their address spaces, answers host calls (system calls, faults), turns faults into
 * signals, and switches between tasks by the guest's clock. It never forks or threads the host.
 *
 * State is plain data: tables of fixed size whose rows name each other by index. The few pointers
 * (to the rows of the task that runs, to what the host opened) are derived. Nothing a guest sees
 * depends on the host but the files it opens and what it reads from standard input.
 *
 *   task      what runs: registers, signal mask, thread storage. Row 0 of nothing is special.
 *   group     what Linux calls a process: tasks of one thread group, their signal actions, parent.
 *   space     an address space; tasks share it by CLONE_VM.
 *   files     descriptors; tasks share them by CLONE_FILES.
 *   place     working directory and umask; tasks share them by CLONE_FS.
 *   actions   what groups do about signals; they share them by CLONE_SIGHAND.
 *   open      an open file description; descriptors share it by dup and fork.
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include <limits.h>
#include <stdio.h>
#include "guest/space.h"

enum {
    PROC_TASKS = 1024,
    PROC_FDS = 4096, /* as many as Linux lets a process have, and lets it have at first */
    SOFT_FDS = 1024,
    PROC_OPEN = 4096,
    PROC_PIPES = 512,
    PROC_SOCKETS = 256,
    PROC_MESSAGES = 256,
    MESSAGE_BYTES = 64 << 10,
    PROC_RIGHTS = 64,
    RIGHTS_MAX = 64,
    PROC_FILES = 512,
    PROC_EPOLLS = 32,
    EPOLL_ITEMS = 128,
    PROC_LOCKS = 512,
    PROC_MEMFILES = 256,
    PROC_SHM_NAMES = 256,
    PROC_INODE_SLOTS = 1 << 16,
    PIPE_BYTES = 64 << 10,
    PIPE_ATOMIC = 4096 /* PIPE_BUF */
};
enum { NSIG_GUEST = 65, GSIGRTMIN = 32, TLS_SLOTS = 3, TLS_FIRST = 6, GUEST_TIMERS = 3, COMM = 16 };
enum { SIGNALS_QUEUED = 1024, PROC_TIMERS = 256, PROC_TIMERFDS = 128 };
enum {
    LIMIT_CPU,
    LIMIT_FSIZE,
    LIMIT_STACK = 3,
    LIMIT_AS = 9,
    LIMIT_NOFILE = 7,
    LIMIT_SIGPENDING = 11,
    GUEST_LIMITS = 16
};
enum { SEL_USER_CS = 0x73, SEL_USER_DS = 0x7b };

enum open_kind {
    OPEN_HOST,   /* a file, folder or stream of the host */
    OPEN_PIPE_R, /* ends of a pipe of ours */
    OPEN_PIPE_W,
    OPEN_RANDOM,   /* /dev/urandom: the fixed sequence */
    OPEN_FIFO,     /* both ends of a pipe of ours that has a name: `pipe` and `pipe_out` */
    OPEN_SOCKET,   /* one of a connected pair: reads from `pipe`, writes to `pipe_out` */
    OPEN_SOCK,     /* a socket that is no end of a stream: `sock` is its row, + 1 */
    OPEN_EVENT,    /* eventfd: `offset` is its number */
    OPEN_EPOLL,    /* `pipe` is its row */
    OPEN_TIMERFD,  /* the same */
    OPEN_SIGNALFD, /* `offset` is its set */
    OPEN_PIDFD,    /* `offset` is a process's number */
    OPEN_PROC      /* of /proc or /sys: `path` names it, `host` holds its text */
};

/* For what those who poll are woken. */
enum ring { RING_IN, RING_OUT, RING_END, RINGS };

/* An open file description: what dup'ed descriptors share. */
struct guest_open {
    uint32_t refs;  /* 0: free */
    uint32_t flags; /* guest O_* */
    uint8_t kind;   /* enum open_kind */
    uint8_t std;    /* a standard stream of the simulator: its number + 1 */
    bool stream;    /* no offset of ours: standard streams, pipes and what the host cannot seek */
    uint16_t pipe, pipe_out;          /* indices of pipes of ours */
    bool stopped[2];                  /* of a socket: reading, writing was shut down */
    bool semaphore;                   /* of an eventfd */
    uint8_t owner_kind, owner_signal; /* who would be told of events: as F_GETOWN_EX has it */
    uint32_t owner;
    uint64_t rang[RING_END]; /* of an eventfd: as a pipe's */
    uint32_t came;           /* of a fifo to read: `came` of the pipe, if no writer was there yet */
    uint16_t sock;           /* of a socket: its row + 1 */
    uint16_t mem;            /* of a file in memory: its row + 1 */
    uint64_t offset;         /* of seekable files; the host's own offset is never used */
    uint32_t dirpos;         /* next entry of a directory */
    char path[PATH_MAX];
    int host;   /* derived: a descriptor of the host, -1 if there is none */
    char **dir; /* derived: sorted names of a directory, read when its first entry is */
    uint32_t ndir;
};

struct guest_pipe {
    bool used;
    uint32_t readers, writers; /* descriptions of either end */
    uint32_t fifo;             /* virtual inode of its name; 0: none */
    uint32_t came;             /* writers of a fifo that ever were */
    uint32_t head, count;      /* first byte, and how many there are */
    uint32_t limit;            /* how many there may be */
    uint64_t in, out;          /* bytes that ever went in and out */
    uint64_t rang[RINGS];      /* how often whoever polls was woken: see enum ring */
    uint8_t bytes[PIPE_BYTES];
};

/* Where a socket is: a name or an address of this machine. */
struct sock_addr {
    uint16_t family, port;
    uint8_t ip[16]; /* of IPv4: the mapped one */
    uint32_t inode; /* of a name in the file system: its virtual inode */
    uint8_t len;    /* of a name: its bytes, a zero at its end included */
    char path[108];
};

struct guest_socket {
    bool used, bound, listening, v6only, reuse, linger_off;
    bool connecting; /* a connect that did not wait has not been asked about */
    uint8_t family, type;
    uint16_t open;           /* its description's row, + 1 */
    uint16_t peer;           /* of a datagram socket: whom it is connected to, row + 1 */
    bool connected;          /* to `peer_name` */
    uint16_t listener;       /* of one that waits to be accepted: row + 1 */
    uint16_t pipe, pipe_out; /* and its stream */
    uint32_t backlog, waiting;
    uint64_t order;
    int32_t error; /* that getsockopt will tell */
    uint32_t pid, peer_pid;
    struct sock_addr name, peer_name;
    uint16_t first, last; /* messages that came: rows + 1 */
    uint32_t messages;
    uint64_t rang[RINGS];
};

/* A datagram on its way. */
struct guest_message {
    bool used;
    uint16_t next; /* row + 1 */
    uint16_t rights;
    uint32_t len, from_family;
    struct sock_addr from;
    uint8_t bytes[MESSAGE_BYTES];
};

/* Descriptions on their way: with the bytes [at, end) of a pipe, or with a message. */
struct guest_rights {
    bool used, message;
    uint16_t pipe;
    uint64_t at, end;
    uint32_t n;
    uint16_t open[RIGHTS_MAX];
};

/* What an epoll looks at. It goes with the last descriptor of what was open. */
struct epoll_item {
    uint16_t fd, open;
    bool used, off; /* off: reported once, as asked */
    uint32_t events;
    uint64_t data, seen; /* seen: its rings when it was last reported, for edges */
};

struct guest_epoll {
    bool used;
    uint32_t turn; /* where the next wait begins to look, so that all have theirs */
    uint64_t rang; /* how often it was ready by a change of its list; rings of what is no more */
    struct epoll_item item[EPOLL_ITEMS];
};

/* A file in memory: descriptions and names are what refers to it. */
struct memfile {
    uint32_t refs; /* 0: free */
    uint32_t number, mode, seals, uid, gid;
    uint64_t changed; /* ns of the guest's clock */
    int host;         /* derived: what it holds */
};

struct shm_name {
    uint16_t file; /* row + 1; 0: free */
    char name[NAME_MAX + 1];
};

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

/* Bytes [first, last] of a file, locked by a table of descriptors or by an open file. */
struct file_lock {
    bool used, write;
    uint8_t kind;
    uint32_t owner, pid; /* row of `file_table`, or of `open` */
    uint64_t dev, ino, first, last;
};

struct guest_fd {
    bool used, cloexec;
    uint16_t open; /* index of its description */
};

struct files {
    uint32_t refs; /* tasks; 0: free */
    struct guest_fd fd[PROC_FDS];
};

struct place {
    uint32_t refs;       /* tasks; 0: free */
    char root[PATH_MAX]; /* on the host; empty: the sysroot, or the host's own */
    char cwd[PATH_MAX];  /* empty: where the simulator was started */
    uint32_t umask;
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

struct actions {
    uint32_t refs; /* groups with tasks; 0: free */
    struct sigaction_guest act[NSIG_GUEST];
};

struct siginfo_guest {
    int32_t code;
    uint32_t field[5]; /* what follows si_code: address, or pid and uid and status ... */
    uint16_t timer;    /* sent by a timer: its row + 1 */
};

struct sigqueue_guest {
    uint64_t pending; /* bit n - 1: signal n */
    uint64_t once;    /* those whose information is in `info` */
    struct siginfo_guest info[GSIGRTMIN];
    uint16_t first, last; /* the others: rows of `queued`, + 1 */
};

struct queued_signal {
    uint8_t signal; /* 0: free */
    uint16_t next;  /* row + 1 */
    struct siginfo_guest info;
};

/* Processor time in ns, and what else getrusage tells. */
struct usage {
    uint64_t cpu;
    uint32_t minflt, waited, preempted; /* faults of pages; turns at the processor that ended so */
    uint32_t maxrss;                    /* pages */
};

/* A clock that goes while a process, or a thread, runs. */
enum cpu_kind { CPU_NONE, CPU_PROCESS, CPU_THREAD };
struct cpu_clock {
    uint8_t kind;
    uint32_t of; /* its id */
};

struct guest_timer {
    uint64_t next, interval; /* ns of its clock; next 0: off */
};

struct posix_timer {   /* of timer_create */
    bool used, queued; /* queued: its signal has been sent and not been taken */
    bool resting;      /* and it will ring again when that has been */
    uint8_t clock, notify, signal;
    struct cpu_clock cpu; /* what it counts, if it is that */
    uint16_t group;
    uint32_t id, tid, value;  /* tid: of the thread that gets the signal */
    uint32_t overrun, missed; /* as the last signal told; since then */
    struct guest_timer t;
};

struct timerfd {
    bool used, asleep; /* asleep: it has rung, and nobody has read it or asked for it since */
    uint8_t clock;
    struct guest_timer t; /* `next`: the first time it rang, or will, that was not read */
    uint64_t told, rang;  /* how often it had rung when that was last told; how often it was */
};

struct group {
    uint32_t refs; /* tasks alive in it */
    bool used, zombie, exiting, stopped, vforked;
    bool news; /* that it has stopped, or gone on, is what its parent has not asked about */
    uint8_t stop_signal; /* the last that stopped it */
    uint32_t tgid, ppid, pgid, sid;
    uint32_t exit_signal; /* sent to the parent at the end; 0: none */
    int status;           /* as wait4 gives it */
    uint16_t actions;     /* row */
    struct sigqueue_guest queue;
    struct guest_timer timer[GUEST_TIMERS]; /* two of which count its processor time */
    struct usage own, children;             /* those of children whose end it knows of */
    uint64_t limit[GUEST_LIMITS][2];
    uint32_t arg[2], env[2]; /* where the program found its arguments and environment */
    int32_t nice;
    uint32_t persona; /* personality: kept, and no more */
    bool subreaper;   /* it becomes the parent of descendants whose own has gone */
    bool no_dump, no_large_pages;
    uint32_t next_timer; /* number of the next timer_create */
    uint64_t exe_dev, exe_ino;
    char exe[PATH_MAX];  /* as the guest names it */
    char host[PATH_MAX]; /* the file itself */
};

enum task_state { TASK_FREE, TASK_RUN, TASK_BLOCKED };
enum wait_kind {
    WAIT_NONE,
    WAIT_PIPE,    /* key: pipe index; also anything that a poll may have asked about */
    WAIT_CHILD,   /* key: group index */
    WAIT_FUTEX,   /* key: space_key */
    WAIT_PI,      /* key: space_key of a futex that has an owner */
    WAIT_REQUEUE, /* key: space_key of one from which it will be moved to such a futex */
    WAIT_SLEEP,   /* only time or a signal */
    WAIT_POLL,    /* any pipe */
    WAIT_FIFO,    /* to open an end of a fifo; key: its inode and which end */
    WAIT_LOCK,    /* any lock of a file; key: row of the table that holds it, + 1, or 0 */
    WAIT_VFORK    /* key: task id of the child; no signal but a deadly one ends it */
};
/* Where a call leaves what it has not needed of its time: as seconds and units of so many ns. */
struct time_left {
    uint32_t at, unit; /* at 0: nowhere */
    bool wide;
};
enum restart { RESTART_SYS /* by SA_RESTART */, RESTART_NEVER, RESTART_ALWAYS };

struct task {
    uint8_t state, wait, restart_rule;
    bool restarting;   /* its system call will be, or is, done again after a wait */
    bool woken;        /* a futex wake met it */
    bool restore_mask; /* saved_mask returns when the call ends without a handler */
    uint16_t space, files, place, group; /* rows */
    uint32_t tid;
    uint64_t wait_key, wait_until, wait_order; /* until: UINT64_MAX: for ever */
    uint32_t wait_bits;                        /* futex bitset */
    uint64_t pi_key;            /* of a futex with an owner that it will be moved to */
    uint32_t pi_owner, pi_addr; /* while it waits for one: the owner's id, the word */
    bool pi_moved;
    uint16_t fifo_end; /* one that is counted as its own: twice the row + 1, + 1 to write */
    uint32_t io_done;  /* bytes that a write had put into a pipe before it had to wait */
    struct time_left left;
    struct vm_context regs; /* while it does not run */
    uint64_t sigmask, saved_mask;
    uint64_t blocked; /* what else is blocked, though it waits for it as if it were not */
    struct sigqueue_guest queue;
    uint32_t alt_sp, alt_size, alt_flags;
    uint32_t trapno, error, cr2; /* of its last fault: sigcontext shows them */
    uint32_t fault_eip;
    int fault_signal; /* made of it, and not delivered yet; 0: none */
    bool resume_flag; /* EFLAGS.RF, as a fault or a signal frame has left it */
    struct guest_segment tls[TLS_SLOTS];
    bool tls_used[TLS_SLOTS];
    bool stale; /* bases and mode in regs do not follow from its selectors and tables yet */
    uint32_t clear_tid, robust_list;
    struct usage usage;
    char comm[COMM];
    uint8_t death_signal; /* sent to it when its parent ends */
    bool no_new_privs;
    uint32_t securebits, slack, slack_given;
    uint64_t caps_dropped;
};

struct process {
    struct vm *vm;
    const char *sysroot; /* NULL: none; else without a slash at its end */
    char sysroot_buf[PATH_MAX];
    bool confined;  /* there is nothing outside the sysroot */
    bool read_only; /* no file of the host is changed */
    struct frames frames;
    uint32_t rows; /* of tasks and groups that were ever used: those behind are free */
    struct task task[PROC_TASKS];
    struct group group[PROC_TASKS];
    struct space spaces[PROC_TASKS];
    struct files file_table[PROC_TASKS];
    struct place places[PROC_TASKS];
    struct actions actions[PROC_TASKS];
    struct guest_open open[PROC_OPEN];
    struct guest_pipe pipe[PROC_PIPES];
    struct guest_socket socket[PROC_SOCKETS];
    struct guest_message message[PROC_MESSAGES];
    struct guest_rights rights[PROC_RIGHTS];
    uint32_t nrights, next_port, next_name;
    bool peek;           /* what is read stays */
    uint16_t got_rights; /* what a read came upon: row + 1 */
    bool want_rights;    /* it is not to be dropped */
    struct guest_epoll epoll[PROC_EPOLLS];
    uint32_t nmem; /* files in memory that ever were */
    struct memfile mem[PROC_MEMFILES];
    struct shm_name shm[PROC_SHM_NAMES];
    uint32_t nlocks;
    struct file_lock lock[PROC_LOCKS];
    bool quiet;        /* a write to a closed pipe is an error without SIGPIPE */
    uint64_t activity; /* of pipes and events: how often any has changed */
    uint32_t nfiles;
    struct guest_file file[PROC_FILES];
    struct queued_signal queued[SIGNALS_QUEUED + PROC_TIMERS];
    struct posix_timer timer[PROC_TIMERS];
    struct timerfd timerfd[PROC_TIMERFDS];
    uint32_t signalfds;    /* that are open */
    uint64_t signals_rang; /* signals that were queued while there were any */
    uint32_t current, next_tid;
    uint64_t order; /* of waits, so that the first to wait is the first to go */
    /* Derived from `current`. */
    struct task *cur;
    struct group *grp;
    struct space *space;
    struct files *files;
    struct place *place;
    struct guest_fd *fd;

    uint64_t epoch;   /* seconds: virtual time at cycle 0 */
    uint64_t end_by;  /* ns: when the others are killed after the first process has ended */
    uint64_t charged; /* ns: up to here time has been charged to whoever ran */
    uint64_t skew;    /* ns that were slept through with nothing to run */
    uint64_t rng;     /* getrandom and AT_RANDOM */
    uint32_t ninodes; /* virtual inode numbers, in order of first sight */
    struct guest_inode inode[PROC_INODE_SLOTS];
    uint64_t syscalls, faults, switches;
    bool ended;  /* the first process has: */
    int status;  /* as a shell sees it: exit code, or 128 + signal */
    int signal;  /* the signal that ended it, 0 if it exited */
    bool exited; /* and all others have */
    bool panic;  /* CMS reported a defect of its own */
    uint32_t panic_code;
    bool yield;                        /* the running task gives way */
    bool space_changed, state_changed; /* what the host call answers */
    uint8_t loud[64];                  /* one bit per system call already complained of */
    FILE *log;                         /* loud lines; stderr */
};

struct process_args {
    const char *program; /* path as the guest sees it with a sysroot, else on the host */
    int argc;
    char **argv;            /* argv[0] included */
    const char *const *env; /* NULL-terminated extra K=V; the host's environment is never passed */
    bool confined, read_only;
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

/* For the personality's own files. */
uint64_t process_now_ns(const struct process *p);
uint32_t process_random(struct process *p);
int32_t process_syscall(struct process *p, uint32_t nr, const uint32_t arg[6]);

#endif

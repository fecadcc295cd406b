/* SPDX-License-Identifier: MIT */
/*
 * The system calls of the personality: i386 numbers and layouts, one handler each, listed in
 * syscalls.def. A handler gets six arguments and returns a result or a negative errno.
 */
#ifndef GUEST_SYSCALL_H
#define GUEST_SYSCALL_H

#include "guest/process.h"

struct hc_fault;

#define WAIT_ANY UINT32_MAX

#define UNAME_RELEASE "6.1.0"
#define UNAME_VERSION "#1 Chrysalis process personality"
enum { GUEST_UID = 0, GUEST_PID = 1000, GUEST_PPID = 999 };
enum {
    SYS_NO_RESULT = INT32_MIN, /* the handler set the registers itself */
    SYS_BLOCK = INT32_MIN + 1  /* task_block was called: the instruction will be executed again */
};

/* Linux's numbers of the signals that are spoken of here. */
enum {
    GSIGHUP = 1,
    GSIGINT = 2,
    GSIGILL = 4,
    GSIGTRAP = 5,
    GSIGABRT = 6,
    GSIGBUS = 7,
    GSIGFPE = 8,
    GSIGKILL = 9,
    GSIGSEGV = 11,
    GSIGPIPE = 13,
    GSIGALRM = 14,
    GSIGCHLD = 17,
    GSIGCONT = 18,
    GSIGSTOP = 19,
    GSIGTSTP = 20,
    GSIGTTIN = 21,
    GSIGTTOU = 22,
    GSIGURG = 23,
    GSIGXCPU = 24,
    GSIGXFSZ = 25,
    GSIGVTALRM = 26,
    GSIGPROF = 27,
    GSIGWINCH = 28,
    GSIGSYS = 31
};
enum { GSI_USER = 0, GSI_KERNEL = 0x80, GSI_QUEUE = -1, GSI_TIMER = -2, GSI_TKILL = -6 };
#define UNBLOCKABLE (1ull << (GSIGKILL - 1) | 1ull << (GSIGSTOP - 1))
enum { GSIG_DFL = 0, GSIG_IGN = 1 };

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
    GO_DSYNC = 010000,
    GO_ASYNC = 020000,
    GO_DIRECT = 040000,
    GO_LARGEFILE = 0100000,
    GO_DIRECTORY = 0200000,
    GO_NOFOLLOW = 0400000,
    GO_NOATIME = 01000000,
    GO_CLOEXEC = 02000000,
    GO_SYNC = 04000000,
    GO_PATH = 010000000,
    GO_TMPFILE = 020000000,
    GO_KNOWN = 037777703,  /* all of them */
    NOT_LARGE = 0x7fffffff /* bytes a file may have without GO_LARGEFILE */
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

/* What CPUID says on this machine, and the name Linux makes of the family. */
void process_cpuid(const struct process *p, uint32_t leaf, uint32_t r[4]);
const char *process_machine(const struct process *p);
void limits_init(struct group *g);
/* What prctl has set (prctl.c): as a run begins, in a new task, in a new program. */
void prctl_init(struct task *t);
void prctl_child(struct task *t);
void prctl_exec(struct task *t, struct group *g);

/* Descriptors (sys_file.c). */
struct guest_open *fd_open(struct process *p, uint32_t fd); /* NULL: bad descriptor */
/* The same for calls that want more than a place (O_PATH). */
struct guest_open *fd_file(struct process *p, uint32_t fd);
void open_unref(struct process *p, uint32_t index);
/* A descriptor for what is open: its number or -errno. */
int32_t fd_share(struct process *p, uint32_t open, bool cloexec);
/* A descriptor of this table is no more. */
void fd_gone(struct process *p, uint32_t files, uint32_t fd);
/* A fresh description and a descriptor for it: the descriptor or -errno. */
int32_t fd_new(struct process *p, uint32_t flags, struct guest_open **o);
void files_unref(struct process *p, uint32_t row);
uint32_t virtual_inode(struct process *p, uint64_t dev, uint64_t ino);
void process_note_file(struct process *p, const char *path);

/* Names (path.c). Reads one from the guest and gives the host's, through the sysroot; `follow` says
 * whether a link at its end is followed. 0 or -errno. */
int guest_path(struct process *p, uint32_t addr, bool follow, char *out, size_t n);
/* Relative to a directory descriptor, as the *at calls have it. */
int guest_path_at(struct process *p, int32_t dirfd, uint32_t addr, bool follow, char *out,
                  size_t n);
/* The same of a name in our hands, relative to the working directory. */
int path_of_name(struct process *p, const char *name, bool follow, char *out, size_t n);
/* The number of a descriptor that the name means (/dev/fd/3, /dev/stdin, ...), or -1. */
int32_t path_descriptor(const char *name);
/* The name as an absolute one of the guest's, where that matters: for /proc. NULL: it is none. */
const char *path_absolute(struct process *p, int32_t dirfd, const char *name, char *buf, size_t n);
bool path_is_exe(const struct process *p, const char *name);
/* What the guest calls a file of the host. */
const char *path_for_guest(const struct process *p, const char *host);

/* What a link of /proc says of it; as snprintf. */
int path_of_link(const struct process *p, const struct guest_open *o, char *out, size_t n);
/* The host's name of what is open, as of now: it may have moved since. 0 or -errno. */
int path_of_open(const struct guest_open *o, char *out, size_t n);
/* 0, or -EROFS: the run may not change this file, or what is not there yet. */
int path_may_change(const struct process *p, const char *path);

/* Files in memory (memfile.c). Those that ask about a name say whether it is one of /dev/shm; if it
 * is, the call is answered. */
struct stat;
enum shm_how { SHM_UNLINK, SHM_RMDIR, SHM_MKDIR, SHM_CHMOD, SHM_TRUNCATE };
bool shm_name_open(struct process *p, int32_t dirfd, const char *name, uint32_t flags,
                   uint32_t mode, int32_t *result);
bool shm_stat(struct process *p, int32_t dirfd, const char *name, struct stat *st, int32_t *result);
bool shm_change(struct process *p, enum shm_how how, int32_t dirfd, uint32_t addr, uint64_t arg,
                int32_t *result);
bool shm_two(struct process *p, int32_t d1, uint32_t n1, int32_t d2, uint32_t n2, bool move,
             int32_t *result);
int shm_list(struct process *p, struct guest_open *o);
void mem_closed(struct process *p, const struct guest_open *o);
void mem_stat(struct process *p, const struct memfile *m, struct stat *st);
/* Of files in memory, whether `len` bytes may be written, or the length become `at`; of others,
 * yes. 0 or -errno. */
int32_t mem_may(struct process *p, const struct guest_open *o, uint64_t at, uint64_t len,
                bool resize);
int32_t mem_seal(struct process *p, const struct guest_open *o, bool set, uint32_t seals);
bool mem_sealed(struct process *p, const struct guest_open *o); /* against writing */
void mem_free(struct process *p);

/* Locks of files (lock.c). */
int32_t lock_fcntl(struct process *p, struct guest_open *o, uint32_t command, uint32_t at);
/* A table of descriptors closes one of this; call it before its open_unref. */
void locks_closed(struct process *p, uint32_t files, const struct guest_open *o);

/* Pipes (pipe.c). */
int pipe_new(struct process *p); /* its row, with one end of each kind; or -errno */
void pipe_end_closed(struct process *p, struct guest_open *o);
/* Reading or writing by this description ends. */
void pipe_stop(struct process *p, struct guest_open *o, bool reading, bool writing);
/* Those who wait for this pipe (its row), or for anything, look again. */
void pipe_changed(struct process *p, uint64_t key);
/* How many bytes there are to be read (0: no more will come), or to be written at once, `len` in
 * all; or -errno, or the wait for that. */
int32_t pipe_wait_data(struct process *p, struct guest_open *o, bool nonblock);
int32_t pipe_wait_room(struct process *p, struct guest_open *o, uint32_t len, bool nonblock);
int32_t pipe_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);
/* The first bytes, as they are; and away with them. */
uint32_t pipe_peek(const struct process *p, const struct guest_open *o, uint8_t *to, uint32_t len);
void pipe_take(struct process *p, struct guest_open *o, uint32_t n);
int32_t pipe_resize(struct process *p, struct guest_open *o, uint32_t size);
uint32_t pipe_room(const struct process *p, const struct guest_open *o);
/* From the simulator's own memory, as many bytes as there is room for. */
uint32_t pipe_put(struct process *p, struct guest_open *o, const uint8_t *from, uint32_t len);

static inline bool open_reads_pipe(const struct guest_open *o)
{
    return o->kind == OPEN_PIPE_R || o->kind == OPEN_FIFO || o->kind == OPEN_SOCKET;
}
static inline bool open_writes_pipe(const struct guest_open *o)
{
    return o->kind == OPEN_PIPE_W || o->kind == OPEN_FIFO || o->kind == OPEN_SOCKET;
}

static inline uint16_t pipe_row_out(const struct guest_open *o)
{
    return o->kind == OPEN_SOCKET || o->kind == OPEN_FIFO ? o->pipe_out : o->pipe;
}

/* Sockets (socket.c, sockmsg.c). */
void socket_closed(struct process *p, struct guest_open *o);
uint32_t socket_ready(struct process *p, const struct guest_open *o);
/* Reading and writing one that is no end of a stream. */
int32_t socket_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);
int32_t socket_write(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);
/* Descriptors that go with a pipe's bytes: how much of `n` may be read at once; what was read came
 * to some; the pipe is no more. */
uint32_t rights_limit(const struct process *p, uint32_t pipe, uint32_t n);
void rights_passed(struct process *p, uint32_t pipe);
void rights_drop_pipe(struct process *p, uint32_t pipe);
/* Several parts at a file's offset, or of a stream. */
int32_t io_vectored(struct process *p, const uint32_t *a, const uint64_t *at, bool out);
/* How much of `len` bytes a file takes there, or -EFBIG; and may one become so long? */
int32_t file_takes(struct process *p, const struct guest_open *o, uint64_t at, uint32_t len);
int32_t file_may_be(struct process *p, uint64_t size, uint64_t now);

/* Fifos (fifo.c), by the host's name: to open one, and for who was let in when it waited. */
int32_t fifo_open(struct process *p, const char *path, uint32_t flags);
int32_t fifo_let_in(struct process *p, const char *path, uint32_t flags);
void fifo_task_end(struct process *p, struct task *t);

/* Descriptors of processes (pidfd.c): a new one, or -errno; whether its process has ended; the one
 * behind a number, or NULL. */
int32_t pidfd_new(struct process *p, uint32_t pid, uint32_t flags);
bool pidfd_ended(const struct process *p, const struct guest_open *o);
const struct guest_open *pidfd_of(struct process *p, uint32_t fd);

/* Waiting for descriptors (poll.c, event.c). */
/* How long a call may take, from its first execution on, and where it tells what is left of that.
 */
struct patience {
    uint64_t until;
    struct time_left left;
};
extern const struct patience endless;
struct patience patience(struct process *p, uint64_t ns, struct time_left left);
/* Blocks until a pipe changes, or says that time is up (0). */
int32_t none_ready(struct process *p, const struct patience *w);
/* A signal mask for the length of a call. */
int32_t borrow_mask(struct process *p, uint32_t at, uint32_t size);
enum { GPOLLRDHUP = 0x2000 };
#define EVENT_MAX (UINT64_MAX - 1)
uint32_t open_ready(struct process *p, const struct guest_open *o); /* POLL* */
bool epoll_any(struct process *p, const struct guest_open *o);
/* Timers and signals that are read (timerfd.c, signalfd.c). */
bool timerfd_ready(const struct process *p, const struct guest_open *o);
int32_t timerfd_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);
void timerfds_expire(struct process *p);
uint64_t timerfds_next(const struct process *p); /* as timers_next */
bool signalfd_ready(const struct process *p, const struct guest_open *o);
int32_t signalfd_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);
void signalfd_ring(struct process *p);               /* a signal comes */
void epoll_forget(struct process *p, uint32_t open); /* what was open is closed */
int32_t event_read(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);
int32_t event_write(struct process *p, struct guest_open *o, uint32_t addr, uint32_t len);

/* Programs (exec.c). A fresh address space is filled from a file; args and env are counted lists.
 * Gives the space's row and the registers of the first instruction. 0 or -errno, with one line in
 * err. */
struct exec_image {
    uint32_t space, eip, esp;
    bool gone; /* of a failure: the old program would not be there any more */
    uint64_t exe_dev, exe_ino;
    uint32_t arg[2], env[2]; /* first byte and end of the strings */
    char exe[PATH_MAX], host[PATH_MAX];
};
int exec_load(struct process *p, const char *name, const char *host, uint32_t argc, char **argv,
              uint32_t envc, char **env, struct exec_image *out, char *err, size_t errlen);
void exec_enter(struct process *p, const struct exec_image *e);
/* A process runs this file of the host: it may not be opened to be written. */
bool exec_is_running(const struct process *p, const char *host);

/* Tasks (task.c). */
void task_make_current(struct process *p, uint32_t row);
struct task *task_by_tid(struct process *p, uint32_t tid);
struct group *group_by_pid(struct process *p, uint32_t pid);
/* What it does about a signal. */
static inline struct sigaction_guest *group_act(struct process *p, const struct group *g, int s)
{
    return &p->actions[g->actions].act[s];
}
static inline uint32_t group_row(const struct process *p, const struct group *g)
{
    return (uint32_t)(g - p->group);
}
/* Says that the running task waits, and how its system call ends when a handler comes between.
 * Gives SYS_BLOCK. On the next execution of the call `restarting` is set, and wait_until is what it
 * was. */
int32_t task_block(struct process *p, enum wait_kind kind, uint64_t key, uint64_t until,
                   enum restart rule);
/* The first to wait for this, if its mask and `bits` meet: masks are for futexes, WAIT_ANY is all.
 */
struct task *task_waiting(struct process *p, enum wait_kind kind, uint64_t key, uint32_t bits);
/* Wakes at most `max` of them, in the order they came. Gives how many. */
uint32_t task_wake(struct process *p, enum wait_kind kind, uint64_t key, uint32_t max,
                   uint32_t bits);
void task_run(struct process *p, struct task *t); /* it need not wait any more */
void task_exit(struct process *p, struct task *t, int status);
void group_reap(struct group *g); /* its parent has heard of its end, or need not */
void group_exit(struct process *p, struct group *g, int status);
/* The end of every host call: signals, the next task if this one cannot go on, the next deadline.
 */
void process_resume(struct process *p);
void process_preempt(struct process *p); /* the same, and another's turn if one wants it */
/* Segments (segments.c): the descriptors that the running task's selectors mean. */
uint32_t segment_descriptor(const struct process *p, uint32_t arg); /* HC_DESCRIPTOR */
/* Whether CMS must load segment registers and mode anew: between two states of one task, and of
 * two. */
bool registers_differ(const struct vm_context *a, const struct vm_context *b);
bool segments_differ(const struct task *from, struct task *to);
bool segment_has_ldt(const struct process *p); /* HC_HAS_LDT */
bool segment_tls(struct task *t, const uint32_t desc[4]);
int task_new_row(struct process *p);
/* A row of tasks or groups is in use now: loops over them go as far as the last that ever was. */
void process_row_used(struct process *p, uint32_t row);
void process_try_again(struct process *p);

/* Signals (signal.c, sigqueue.c, sigframe.c). What is sent is queued, or ignored (SIGNAL_IGNORED),
 * or there is no room for it (-EAGAIN). */
enum { SIGNAL_IGNORED = 1 };
int signal_to_group(struct process *p, struct group *g, int signal,
                    const struct siginfo_guest *info);
int signal_to_task(struct process *p, struct task *t, int signal, const struct siginfo_guest *info);
int sigqueue_put(struct process *p, struct sigqueue_guest *q, uint64_t limit, int signal,
                 const struct siginfo_guest *info);
void sigqueue_take(struct process *p, struct sigqueue_guest *q, int signal,
                   struct siginfo_guest *info);
void sigqueue_drop(struct process *p, struct sigqueue_guest *q, uint64_t set);
/* The signal of a timer, which need not be in it. */
void sigqueue_withdraw(struct process *p, struct sigqueue_guest *q, uint32_t timer);
/* The next signal that `mask` lets through, taken from its queue; 0: none. */
int signal_take(struct process *p, struct task *t, uint64_t mask, struct siginfo_guest *info);
/* The process's disposition of it is to do nothing. */
bool signal_ignored(struct process *p, const struct group *g, int signal);
/* One that cannot be refused, at the running task. */
void signal_force(struct process *p, int signal, const struct siginfo_guest *info);
/* `beyond`: a page that is mapped, but behind the end of its file. */
void signal_fault(struct process *p, const struct hc_fault *f, bool beyond);
bool signal_waits(const struct process *p, const struct task *t); /* one that is not blocked */
void signals_deliver(struct process *p);
/* Nobody outside a process group looks after it, as a parent in the same session; `but`: as if that
 * had gone. */
bool group_orphaned(struct process *p, uint32_t pgid, const struct group *but);
void signals_forget_handlers(struct process *p, struct group *g);
/* The group's actions are its own, if not, copied. 0 or -EAGAIN. */
int signals_unshare(struct process *p, struct group *g);
enum { SS_ONSTACK = 1, SS_DISABLE = 2 };
#define SS_AUTODISARM 0x80000000u
/* 0 or -errno; `sp`: where the task's stack pointer is, which may be on the old one. */
int signal_altstack_set(struct task *t, const uint32_t stack[3], uint32_t sp);
uint32_t signal_altstack_state(const struct task *t, uint32_t sp);
bool sigframe_push(struct process *p, int signal, const struct siginfo_guest *info,
                   const struct sigaction_guest *act, uint64_t mask);

/* Floating-point state of a frame (sigfp.c): where it goes below a stack pointer; to and from
 * guest memory (0 or -errno); as a program begins. */
uint32_t fpstate_place(const struct process *p, uint32_t sp);
int fpstate_save(struct process *p, const struct vm_context *c, uint32_t at);
int fpstate_load(struct process *p, struct vm_context *c, uint32_t at);
void fpstate_init(struct vm_context *c);

/* What was used (usage.c). */
void usage_charge(struct process *p); /* the running task has run until now */
void usage_fault(struct process *p);
void usage_switch(struct process *p, struct task *t, bool waits);
void usage_memory(struct group *g, const struct space *s); /* it leaves that */
void usage_reaped(struct group *parent, const struct group *child);
int32_t usage_put(struct process *p, uint32_t at, struct group *g);  /* its children's included */
bool cpu_clock(struct process *p, uint32_t id, struct cpu_clock *c); /* false: it is another kind */
uint64_t cpu_clock_ns(struct process *p, const struct cpu_clock *c);
bool cpu_clock_runs(const struct process *p, const struct cpu_clock *c);

/* Time (sys_time.c, timer.c). */
bool clock_exists(struct process *p, uint32_t id);
bool clock_of_epoch(uint32_t id);
uint64_t time_total(uint64_t seconds, uint32_t ns);
void timer_signal_taken(struct process *p, struct siginfo_guest *info);
void timers_of_exec(struct process *p, struct group *g); /* alarms outlive it, others do not */
void timers_of_group_end(struct process *p, struct group *g);
void timers_expire(struct process *p);
uint64_t timers_next(struct process *p); /* ns; UINT64_MAX: none */
/* The first time behind `now` at which a timer that should have rung at `next` will, and how often
 * it should have until then. */
uint64_t timer_forward(uint64_t next, uint64_t interval, uint64_t now, uint64_t *times);
/* Tells the guest how far off `until` is. */
void time_left(struct process *p, const struct time_left *l, uint64_t until);
int32_t put_timespec(struct process *p, uint32_t at, uint64_t ns, bool wide);
int read_timespec(struct process *p, uint32_t at, bool wide, uint64_t *ns);

/* Futexes (futex.c). */
/* What others see of it as it leaves its address space: robust locks, the word it clears. */
void futex_task_end(struct process *p, struct task *t);

#endif

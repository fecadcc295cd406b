/* SPDX-License-Identifier: MIT */
/*
 * Programs: from a file to an address space ready to run. A script's first line names the program
 * that runs it; a program's PT_INTERP the loader that is entered instead of it. The initial stack
 * is what Linux gives an i386 program, without a vDSO, so that every system call is an int 0x80.
 * What a real kernel would place at random stands where Linux puts it with randomisation off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest/elf.h"
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

enum {
    MAX_STRING = 128 << 10, /* an argument, with its end */
    LEAST_ARGS = 128 << 10, /* room for them that no limit takes */
    MOST_ARGS = 6 << 20,    /* and that none gives */
    STACK_MOST = 128 << 20, /* below it begin mappings */
    PIE_BASE = 0x56555000,
    SHEBANG = 256
};

struct stack_builder {
    struct space *s;
    uint32_t sp;
    int error;
};

static uint32_t push_bytes(struct stack_builder *b, const void *data, uint32_t len)
{
    b->sp -= len;
    if (!b->error)
        b->error = space_poke(b->s, b->sp, data, len);
    return b->sp;
}

static uint32_t push_string(struct stack_builder *b, const char *text)
{
    return push_bytes(b, text, (uint32_t)strlen(text) + 1);
}

static int load_segments(struct space *s, const struct elf_image *e)
{
    for (uint32_t i = 0; i < e->nsegments; i++) {
        const struct elf_segment *g = &e->segment[i];
        uint32_t first = g->vaddr / PAGE, end = (g->vaddr + g->memsz + PAGE - 1) / PAGE;
        /* Files are mapped in whole pages: what lies before and behind the segment comes with it.
         */
        uint32_t before = g->vaddr % PAGE, bytes = before + g->filesz;
        uint64_t left = e->size - (uint64_t)(g->bytes - e->file) + before;
        if (g->memsz == g->filesz && bytes % PAGE)
            bytes =
                left - bytes < PAGE - bytes % PAGE ? (uint32_t)left : bytes + PAGE - bytes % PAGE;
        int r = space_map(s, first, end - first, g->prot, false);
        if (!r && g->filesz)
            r = space_poke(s, first * PAGE, g->bytes - before, bytes);
        if (r)
            return r;
    }
    return 0;
}

/* Room for arguments and environment, pointers included: a quarter of the stack, as in Linux. */
static uint64_t room_for_args(const struct process *p)
{
    uint64_t room = p->grp->limit[LIMIT_STACK][0] / 4;

    return room > MOST_ARGS ? MOST_ARGS : room < LEAST_ARGS ? LEAST_ARGS : room;
}

/* The stack may grow as far as the limit says, but there is room for what is on it already. */
static uint32_t stack_pages(const struct process *p, uint64_t used)
{
    uint64_t limit = p->grp->limit[LIMIT_STACK][0], least = used + (128 << 10);

    limit = limit > STACK_MOST ? STACK_MOST : limit < least ? least : limit;
    return (uint32_t)(limit / PAGE);
}

/* Strings at the top, then the vectors: argc, argv, envp, auxv, as the ABI has them; sp 16-byte
 * aligned. */
static int build_stack(struct process *p, struct space *s, uint32_t argc, char **argv,
                       uint32_t envc, char **env, const char *name, const struct elf_image *e,
                       uint32_t base, struct exec_image *out)
{
    enum { AUX = 24 };
    struct stack_builder b = {.s = s, .sp = (uint32_t)SPACE_TOP_PAGE * PAGE - 4};
    uint32_t random[4], cpu[4], n = 0;
    uint64_t bytes = strlen(name) + 1 + 4ull * argc + 4ull * envc;

    process_cpuid(p, 1, cpu);
    for (uint32_t i = 0; i < argc; i++)
        bytes += strlen(argv[i]) + 1;
    for (uint32_t i = 0; i < envc; i++)
        bytes += strlen(env[i]) + 1;
    if (bytes > room_for_args(p))
        return -E2BIG;
    uint32_t pages = stack_pages(p, bytes);
    int r = space_map(s, SPACE_TOP_PAGE - pages, pages, P_READ | P_WRITE, true);
    if (r)
        return r;
    uint32_t *vec = calloc(argc + envc + 2 * AUX + 8, sizeof *vec);
    if (!vec)
        return -ENOMEM;
    uint32_t execfn = push_string(&b, name);
    uint32_t *envp = vec + argc + 2, *argp = vec + 1;
    /* As Linux has them: the arguments in order, behind them the environment. */
    out->env[1] = b.sp;
    for (uint32_t i = envc; i--;)
        envp[i] = push_string(&b, env[i]);
    out->env[0] = out->arg[1] = b.sp;
    for (uint32_t i = argc; i--;)
        argp[i] = push_string(&b, argv[i]);
    out->arg[0] = b.sp;
    uint32_t platform = push_string(&b, process_machine(p));
    for (int i = 0; i < 4; i++)
        random[i] = process_random(p);
    b.sp &= ~15u;
    uint32_t rnd = push_bytes(&b, random, 16);

    vec[0] = argc;
    n = argc + envc + 3;
    const uint32_t aux[][2] = {
        {3, e->phdr},    {4, e->phent},  {5, e->phnum},   {6, PAGE},       {7, base},
        {8, 0},          {9, e->entry},  {11, GUEST_UID}, {12, GUEST_UID}, {13, GUEST_UID},
        {14, GUEST_UID}, {15, platform}, {16, cpu[3]}, /* AT_HWCAP */
        {17, 100},       {23, 0},        {25, rnd},       {31, execfn},    {0, 0}};
    for (size_t i = 0; i < sizeof aux / sizeof aux[0]; i++) {
        vec[n++] = aux[i][0];
        vec[n++] = aux[i][1];
    }
    b.sp = ((b.sp - n * 4) & ~15u) + n * 4;
    out->esp = push_bytes(&b, vec, n * 4);
    free(vec);
    return b.error;
}

/* Whether a file is one that may be run. 0 or -errno. */
static int may_run(struct process *p, const char *host)
{
    struct stat st, open;

    if (stat(host, &st))
        return -errno;
    if (!S_ISREG(st.st_mode) || access(host, X_OK))
        return -EACCES;
    for (uint32_t i = 0; i < PROC_OPEN; i++) {
        const struct guest_open *o = &p->open[i];
        if (o->refs && o->kind == OPEN_HOST && !o->std && !o->mem && (o->flags & GO_ACCMODE) &&
            !(o->flags & GO_PATH) && !fstat(o->host, &open) && open.st_ino == st.st_ino &&
            open.st_dev == st.st_dev)
            return -ETXTBSY;
    }
    return 0;
}

bool exec_is_running(const struct process *p, const char *host)
{
    struct stat st;

    if (stat(host, &st))
        return false;
    for (uint32_t i = 0; i < p->rows; i++)
        if (p->group[i].used && !p->group[i].zombie && p->group[i].exe_ino == st.st_ino &&
            p->group[i].exe_dev == st.st_dev)
            return true;
    return false;
}

/* What Linux says to a file that is refused; `interp`: as the interpreter of another. */
static int refusal(const struct elf_image *e, bool interp, struct exec_image *out)
{
    out->gone = e->refused == ELF_PLACE;
    return out->gone                      ? -EFAULT
           : e->refused == ELF_UNREADABLE ? -EACCES
           : !interp                      ? -ENOEXEC
           : e->refused == ELF_SHORT      ? -EIO
                                          : -ELIBBAD;
}

/* The interpreter of a dynamic program, at the top of the mapping area. */
static int load_interp(struct process *p, struct space *s, const char *name, uint32_t *base,
                       uint32_t *entry, struct exec_image *out, char *err, size_t errlen)
{
    char host[PATH_MAX], why[PATH_MAX + 200];
    struct elf_image e;
    int r = path_of_name(p, name, true, host, sizeof host);

    if (r) {
        snprintf(err, errlen, "its interpreter %s is not %s", name,
                 p->sysroot ? "in the sysroot" : "there (--sysroot names the guest's root)");
        return r;
    }
    r = may_run(p, host);
    if (r) {
        struct stat st;
        bool folder = r == -EACCES && !stat(host, &st) && !S_ISREG(st.st_mode);
        snprintf(err, errlen, "its interpreter %s: %s%s", name,
                 folder ? "not a regular file" : strerror(-r),
                 r == -ENOENT && !p->sysroot ? " (--sysroot names the guest's root)" : "");
        return r;
    }
    if (elf_load(&e, host, why, sizeof why)) {
        snprintf(err, errlen, "its interpreter: %s", why);
        return refusal(&e, true, out);
    }
    process_note_file(p, host);
    r = 0;
    if (e.movable) {
        uint32_t at = space_find_free(s, (e.end + PAGE - 1) / PAGE);
        if (!at || !elf_place(&e, at * PAGE))
            r = -ENOMEM;
        *base = at * PAGE;
    }
    if (!r)
        r = load_segments(s, &e);
    *entry = e.entry;
    elf_free(&e);
    return r;
}

static int load_elf(struct process *p, const char *name, const char *host, uint32_t argc,
                    char **argv, uint32_t envc, char **env, struct exec_image *out, char *err,
                    size_t errlen)
{
    struct elf_image e;
    uint32_t row = 0, base = 0, entry;
    char why[PATH_MAX + 300];
    bool in_memory = !strncmp(host, "/proc/", 6); /* a file without a name that lasts */

    if (elf_load(&e, host, err, errlen))
        return refusal(&e, false, out);
    while (row < PROC_TASKS && p->spaces[row].refs)
        row++;
    struct space *s = &p->spaces[row];
    int r = row == PROC_TASKS ? -ENOMEM : space_init(s, &p->frames);
    if (r) {
        elf_free(&e);
        return r;
    }
    if (!in_memory)
        process_note_file(p, host);
    snprintf(why, sizeof why, "%s", "out of guest memory (guest.ram_mb)");
    if (e.movable && !elf_place(&e, PIE_BASE))
        r = -ENOMEM;
    entry = e.entry;
    if (!r)
        r = load_segments(s, &e);
    s->brk_start = s->brk = (e.end + PAGE - 1) & ~(uint32_t)(PAGE - 1);
    if (!r && e.interp[0])
        r = load_interp(p, s, e.interp, &base, &entry, out, why, sizeof why);
    if (!r)
        r = build_stack(p, s, argc, argv, envc, env, name, &e, base, out);
    if (r == -E2BIG)
        snprintf(why, sizeof why, "arguments too long");
    elf_free(&e);
    if (r) {
        space_clear(s);
        snprintf(err, errlen, "%s: cannot be loaded: %s", name, why);
        return r;
    }
    s->refs = 1;
    s->changed = false;
    struct stat st = {0};
    if (!stat(host, &st)) {
        out->exe_dev = st.st_dev;
        out->exe_ino = st.st_ino;
    }
    out->space = row;
    out->eip = entry;
    snprintf(out->exe, sizeof out->exe, "%s", name);
    snprintf(out->host, sizeof out->host, "%s", in_memory ? "" : host);
    return 0;
}

/* The first line of a script: 1 if it names a program, with at most one argument. */
static int shebang(const char *host, char *line, char **program, char **argument)
{
    /* Without O_NONBLOCK a pipe without a writer would hold us here. */
    int fd = open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, line, SHEBANG);

    if (fd >= 0)
        close(fd);
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return 0;
    line[n] = 0;
    bool cut = n == SHEBANG && !memchr(line, '\n', SHEBANG);
    line[strcspn(line, "\n")] = 0;
    char *at = line + 2 + strspn(line + 2, " \t");
    *program = at;
    at += strcspn(at, " \t");
    if (cut && at == line + SHEBANG)
        return 0; /* a name whose end nobody has seen */
    *argument = NULL;
    if (*at) {
        *at++ = 0;
        at += strspn(at, " \t");
        for (size_t k = strlen(at); k && (at[k - 1] == ' ' || at[k - 1] == '\t'); k--)
            at[k - 1] = 0;
        if (*at)
            *argument = at;
    }
    return **program != 0;
}

int exec_load(struct process *p, const char *name, const char *host, uint32_t argc, char **argv,
              uint32_t envc, char **env, struct exec_image *out, char *err, size_t errlen)
{
    enum { DEPTH = 5 }; /* as Linux has it */
    char lines[DEPTH + 1][SHEBANG + 1], target[PATH_MAX], script[PATH_MAX], *program, *argument;
    char **list = NULL;
    int r = 0;

    out->gone = false;
    shared_flush_all(&p->frames); /* the program may be one of them */
    snprintf(script, sizeof script, "%s", name);
    snprintf(target, sizeof target, "%s", host);
    for (int depth = 0; !r && shebang(target, lines[depth], &program, &argument);) {
        uint32_t k = 0, extra = argument ? 2 : 1;
        char **more = calloc(argc + extra + 1, sizeof *more);
        r = depth == DEPTH ? -ELOOP : more ? 0 : -ENOMEM;
        if (!r) {
            more[k++] = program;
            if (argument)
                more[k++] = argument;
            /* The first script's name must outlive this round; deeper ones are `lines`. */
            more[k++] = depth ? lines[depth - 1] + 2 + strspn(lines[depth - 1] + 2, " \t") : script;
            for (uint32_t i = 1; i < argc; i++)
                more[k++] = argv[i];
            free(list);
            argv = list = more;
            argc = k;
            name = program;
            r = path_of_name(p, program, true, target, sizeof target);
            if (!r)
                r = may_run(p, target);
        } else
            free(more);
        depth++;
        if (r)
            snprintf(err, errlen, "%s: its interpreter %s: %s", script, program, strerror(-r));
    }
    if (!r)
        r = load_elf(p, name, target, argc, argv, envc, env, out, err, errlen);
    free(list);
    return r;
}

/* The running task goes on in the program: its only address space, fresh registers. */
void exec_enter(struct process *p, const struct exec_image *e)
{
    struct task *t = p->cur;
    struct vm_context c;

    memset(&c, 0, sizeof c);
    vm_get_context(p->vm, &t->regs);
    c.mode = t->regs.mode;
    c.r[G_ESP] = e->esp;
    c.r[G_EIP] = e->eip;
    c.r[G_EFL] = 0x202;
    c.r[G_SEL0] = SEL_USER_DS | SEL_USER_CS << 16;
    c.r[G_SEL1] = SEL_USER_DS | SEL_USER_DS << 16;
    c.r[G_CR3] = p->spaces[e->space].cr3;
    fpstate_init(&c);
    t->space = (uint16_t)e->space;
    p->space = &p->spaces[e->space];
    memset(t->tls_used, 0, sizeof t->tls_used);
    t->clear_tid = t->robust_list = 0;
    t->alt_sp = t->alt_size = t->alt_flags = 0;
    t->restarting = false;
    memcpy(p->grp->arg, e->arg, sizeof e->arg);
    memcpy(p->grp->env, e->env, sizeof e->env);
    p->grp->exe_dev = e->exe_dev;
    p->grp->exe_ino = e->exe_ino;
    snprintf(p->grp->exe, sizeof p->grp->exe, "%s", e->exe);
    snprintf(p->grp->host, sizeof p->grp->host, "%s", e->host);
    const char *base = strrchr(e->exe, '/');
    snprintf(t->comm, sizeof t->comm, "%.15s", base ? base + 1 : e->exe);
    vm_set_context(p->vm, &c);
    p->space_changed = p->state_changed = true;
}

/* ---- execve ---- */

static void free_list(char **v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        free(v[i]);
    free(v);
}

/* A NULL-terminated list of strings of the guest. `room` is what there is for them, and then what
 * is left of it. */
static int read_list(struct process *p, uint32_t at, char ***out, uint32_t *count, uint64_t *room)
{
    static char text[MAX_STRING];
    uint32_t n = 0, size = 64, word;
    char **v = calloc(size, sizeof *v);
    int e = v ? 0 : -ENOMEM;

    while (!e && at) {
        e = space_read(p->space, at + 4 * n, &word, 4);
        if (e || !word)
            break;
        if (n + 1 == size) {
            char **more = realloc(v, 2ull * size * sizeof *v);
            if (!more) {
                e = -ENOMEM;
                break;
            }
            v = more;
            size *= 2;
        }
        int k = space_string(p->space, word, text, sizeof text);
        if (k < 0 || (uint64_t)k + 5 > *room)
            e = k == -EFAULT ? -EFAULT : -E2BIG;
        else if (!(v[n] = strdup(text)))
            e = -ENOMEM;
        else
            n++, *room -= (uint64_t)k + 5;
    }
    *out = v;
    *count = n;
    return e;
}

static int32_t execve_host(struct process *p, const char *name, const char *host, uint32_t argv_at,
                           uint32_t env_at)
{
    char **argv = NULL, **env = NULL, err[PATH_MAX + 400];
    static char nothing[] = "";
    uint32_t argc = 0, envc = 0;
    struct exec_image image;
    uint64_t room = room_for_args(p);
    int r = may_run(p, host);

    if (r)
        return r;
    r = read_list(p, argv_at, &argv, &argc, &room);
    if (!r)
        r = read_list(p, env_at, &env, &envc, &room);
    if (!r && !argc && argv) { /* Linux gives a program at least an empty name */
        argv[0] = strdup(nothing);
        argc = argv[0] ? 1 : 0;
    }
    if (!r)
        r = exec_load(p, name, host, argc, argv, envc, env, &image, err, sizeof err);
    free_list(argv, argc);
    free_list(env, envc);
    if (!r && (r = signals_unshare(p, p->grp))) {
        space_clear(&p->spaces[image.space]);
        p->spaces[image.space].refs = 0;
    }
    if (r && image.gone) {
        fprintf(p->log, "chrysalis: %s: signal %d\n", err, GSIGSEGV);
        group_exit(p, p->grp, GSIGSEGV);
        return SYS_NO_RESULT;
    }
    if (r)
        return r;
    struct task *t = p->cur;
    for (uint32_t i = 0; i < p->rows; i++) /* the other threads end here */
        if (p->task[i].state != TASK_FREE && &p->task[i] != t && p->task[i].group == t->group)
            task_exit(p, &p->task[i], 0);
    t->tid = p->grp->tgid;
    if (p->file_table[t->files].refs > 1) {
        for (uint32_t i = 0; i < PROC_TASKS; i++)
            if (!p->file_table[i].refs) {
                p->file_table[i] = p->file_table[t->files];
                p->file_table[i].refs = 1;
                for (uint32_t k = 0; k < PROC_FDS; k++)
                    if (p->file_table[i].fd[k].used)
                        p->open[p->file_table[i].fd[k].open].refs++;
                files_unref(p, t->files);
                t->files = (uint16_t)i;
                break;
            }
    }
    uint32_t old = t->space;
    futex_task_end(p, t);
    timers_of_exec(p, p->grp);
    signals_forget_handlers(p, p->grp);
    prctl_exec(t, p->grp);
    p->grp->exit_signal = GSIGCHLD;
    exec_enter(p, &image);
    usage_memory(p->grp, &p->spaces[old]);
    if (!--p->spaces[old].refs)
        space_clear(&p->spaces[old]);
    task_make_current(p, p->current);
    for (uint32_t i = 0; i < PROC_FDS; i++)
        if (p->fd[i].used && p->fd[i].cloexec)
            fd_gone(p, p->cur->files, i);
    task_wake(p, WAIT_VFORK, t->tid, 1, WAIT_ANY);
    return SYS_NO_RESULT;
}

int32_t sys_execve(struct process *p, const uint32_t *a)
{
    char name[PATH_MAX], host[PATH_MAX];
    int r = space_string(p->space, a[0], name, sizeof name);

    if (r >= 0)
        r = path_of_name(p, name, true, host, sizeof host);
    return r < 0 ? r : execve_host(p, path_is_exe(p, name) ? p->grp->exe : name, host, a[1], a[2]);
}

int32_t sys_execveat(struct process *p, const uint32_t *a)
{
    char name[PATH_MAX], host[PATH_MAX];
    uint8_t first;
    int r;

    if ((a[4] & GAT_EMPTY_PATH) && !space_read(p->space, a[1], &first, 1) && !first) {
        struct guest_open *o = fd_open(p, a[0]);
        if (!o || o->kind != OPEN_HOST)
            return -EBADF;
        if (o->mem) {
            snprintf(host, sizeof host, "/proc/self/fd/%d", o->host);
            return execve_host(p, o->path, host, a[2], a[3]);
        }
        r = path_of_open(o, host, sizeof host);
        return r ? r : execve_host(p, path_for_guest(p, host), host, a[2], a[3]);
    }
    r = space_string(p->space, a[1], name, sizeof name);
    if (r >= 0)
        r = guest_path_at(p, (int32_t)a[0], a[1], true, host, sizeof host);
    return r < 0 ? r : execve_host(p, name, host, a[2], a[3]);
}

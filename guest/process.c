/* SPDX-License-Identifier: MIT */
/*
 * The personality's beginning and end, and the host calls between: each is answered for the task
 * that runs, and ends in process_resume, which may put another in its place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "concealed-mem/map.h"
#include "guest/process.h"
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

struct process *process_new(const char *sysroot)
{
    struct process *p = calloc(1, sizeof *p);
    struct rlimit files;

    if (!p)
        return NULL;
    if (!getrlimit(RLIMIT_NOFILE, &files)) { /* each of the guest's is one of the host's */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    p->rng = 0x9e3779b97f4a7c15u;
    p->log = stderr;
    p->next_tid = GUEST_PID;
    p->sysroot = sysroot;
    if (sysroot && realpath(sysroot, p->sysroot_buf))
        p->sysroot = p->sysroot_buf;
    struct group *g = &p->group[0];
    g->used = true;
    g->refs = 1;
    g->tgid = g->pgid = g->sid = GUEST_PID;
    g->ppid = GUEST_PPID;
    limits_init(g);
    p->rows = 1;
    p->task[0].tid = GUEST_PID;
    p->task[0].state = TASK_RUN;
    p->file_table[0].refs = 1;
    p->places[0] = (struct place){.refs = 1, .umask = 022};
    p->actions[0].refs = 1;
    prctl_init(&p->task[0]);
    task_make_current(p, 0);
    for (uint32_t i = 0; i < 3; i++) {
        p->open[i] = (struct guest_open){.refs = 1,
                                         .stream = true,
                                         .std = (uint8_t)(i + 1),
                                         .host = (int)i,
                                         .flags = i ? GO_WRONLY : 0};
        p->fd[i] = (struct guest_fd){.used = true, .open = (uint16_t)i};
    }
    return p;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    p->nrights = 0; /* what they refer to is freed here */
    for (uint32_t i = 0; i < PROC_OPEN; i++)
        if (p->open[i].refs) {
            p->open[i].refs = 1;
            open_unref(p, i);
        }
    mem_free(p);
    shared_free(&p->frames);
    frames_free(&p->frames);
    free(p);
}

uint32_t process_random(struct process *p)
{
    /* xorshift64*: the guest's randomness is a fixed sequence, by design. */
    p->rng ^= p->rng >> 12;
    p->rng ^= p->rng << 25;
    p->rng ^= p->rng >> 27;
    return (uint32_t)((p->rng * 0x2545f4914f6cdd1du) >> 32);
}

static const char *const default_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LANG=C",
                                          "TERM=dumb", NULL};

int process_load(struct process *p, struct vm *vm, const struct process_args *a, char *err,
                 size_t errlen)
{
    char **env, host[PATH_MAX], name[PATH_MAX];
    uint32_t envc = 0, most = sizeof default_env / sizeof default_env[0];
    struct exec_image image;

    p->vm = vm;
    p->epoch = a->epoch;
    p->read_only = a->read_only;
    p->confined = a->confined && strcmp(p->sysroot, "/");
    if (p->sysroot && p->sysroot != p->sysroot_buf) {
        snprintf(err, errlen, "%s: %s", p->sysroot, strerror(ENOENT));
        return -1;
    }
    if (frames_init(&p->frames, vm)) {
        snprintf(err, errlen, "out of memory");
        return -1;
    }
    for (const char *const *v = a->env; v && *v; v++)
        most++;
    env = calloc(most, sizeof *env);
    if (!env) {
        snprintf(err, errlen, "out of memory");
        return -1;
    }
    for (const char *const *v = default_env; *v; v++)
        env[envc++] = (char *)(uintptr_t)*v;
    for (const char *const *v = a->env; v && *v; v++) { /* a name set twice: the last one */
        size_t len = (size_t)(strchr(*v, '=') - *v) + 1;
        uint32_t i = 0;
        while (i < envc && strncmp(env[i], *v, len))
            i++;
        env[i] = (char *)(uintptr_t)*v;
        envc += i == envc;
    }
    /* What the guest reads from /proc/self/exe: the path as given, so that the folder a run starts
     * in cannot make it differ from another by as much as the length of a string. */
    const char *given = a->program;
    while (!strncmp(given, "./", 2))
        given += 2;
    snprintf(name, sizeof name, "%s%s", *given == '/' ? "" : "/", given);
    if (p->confined) {
        strcpy(p->place->cwd, p->sysroot);
        int e = path_of_name(p, name, true, host, sizeof host);
        if (e || access(host, F_OK)) {
            snprintf(err, errlen, "%s: %s in %s", a->program, strerror(e ? -e : errno), p->sysroot);
            free(env);
            return -1;
        }
    } else if (*a->program != '/' || path_of_name(p, a->program, true, host, sizeof host) ||
               access(host, F_OK))
        snprintf(host, sizeof host, "%s", a->program);
    int r = exec_load(p, name, host, (uint32_t)a->argc, a->argv, envc, env, &image, err, errlen);
    free(env);
    if (r)
        return -1;
    exec_enter(p, &image);
    task_make_current(p, 0);
    return 0;
}

static const struct hc_fault *fault_at(struct process *p, uint32_t pa)
{
    return (const struct hc_fault *)(const void *)vm_mem(p->vm, pa, sizeof(struct hc_fault));
}

static void fault(struct process *p, const struct hc_fault *f)
{
    enum { PF_WRITE = 2 };

    bool beyond = false;

    p->faults++;
    if (f->vector == 14) {
        int r = space_fault(p->space, f->addr, f->error & PF_WRITE);
        if (!r) {
            usage_fault(p);
            return;
        }
        beyond = r == -EIO;
        if (r == -ENOMEM) {
            fprintf(p->log,
                    "chrysalis: guest memory is exhausted at eip %08x; raise guest.ram_mb\n",
                    f->eip);
            group_exit(p, p->grp, GSIGKILL);
            return;
        }
    }
    signal_fault(p, f, beyond);
}

static void unimplemented(struct process *p, const struct hc_fault *f)
{
    fprintf(p->log, "chrysalis: instruction not implemented at eip %08x:", f->eip);
    for (int i = 0; i < 15; i++)
        fprintf(p->log, " %02x", f->bytes[i]);
    fputc('\n', p->log);
}

static void syscall_from_regs(struct process *p)
{
    uint32_t arg[6], current = p->current;
    static const uint8_t order[6] = {G_EBX, G_ECX, G_EDX, G_ESI, G_EDI, G_EBP};
    uint32_t nr = vm_reg(p->vm, GUEST_REG0 + G_EAX);

    for (int i = 0; i < 6; i++)
        arg[i] = vm_reg(p->vm, GUEST_REG0 + order[i]);
    p->syscalls += !p->cur->restarting;
    int32_t r = process_syscall(p, nr, arg);
    if (p->task[current].state == TASK_FREE)
        return;
    if (r == SYS_BLOCK) {
        vm_set_reg(p->vm, GUEST_REG0 + G_EIP, vm_reg(p->vm, GUEST_REG0 + G_EIP) - 2);
        return;
    }
    p->cur->restarting = false;
    if (r != SYS_NO_RESULT)
        vm_set_reg(p->vm, GUEST_REG0 + G_EAX, (uint32_t)r);
}

/* A call that was waited in, as a signal comes: what it waited for may have come too, and is first
 * in Linux. */
void process_try_again(struct process *p)
{
    vm_set_reg(p->vm, GUEST_REG0 + G_EIP, vm_reg(p->vm, GUEST_REG0 + G_EIP) + 2);
    syscall_from_regs(p);
}

uint32_t process_hostcall(void *process, uint32_t service, uint32_t arg)
{
    struct process *p = process;

    p->space->changed = false;
    p->space_changed = p->state_changed = false;
    if (service == HC_SYSCALL || service == HC_FAULT || service == HC_DEADLINE)
        p->cur->resume_flag = false; /* an instruction has retired, or raised a fault of its own */
    switch (service) {
    case HC_CONSOLE: fputc((int)(arg & 0xff), p->log); return 0;
    case HC_SYSCALL:
        p->yield = false;
        syscall_from_regs(p);
        if (p->yield)
            process_preempt(p);
        else
            process_resume(p);
        break;
    case HC_FAULT:
        fault(p, fault_at(p, arg));
        process_resume(p);
        break;
    case HC_UNIMPLEMENTED: unimplemented(p, fault_at(p, arg)); break;
    case HC_DESCRIPTOR: return segment_descriptor(p, arg);
    case HC_HAS_LDT: return segment_has_ldt(p);
    case HC_DEADLINE: process_preempt(p); break;
    case HC_PANIC:
        p->panic = true;
        p->panic_code = arg;
        vm_request_stop(p->vm);
        break;
    default: return (uint32_t)-ENOSYS;
    }
    return (p->space_changed ? HC_SPACE_CHANGED : 0) | (p->state_changed ? HC_STATE_CHANGED : 0);
}

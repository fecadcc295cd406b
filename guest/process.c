/* SPDX-License-Identifier: MIT */
/*
 * Start of a process, host calls, and its end. The initial stack is what Linux gives an i386
 * program, without a vDSO, so that every system call is an int 0x80. What a real kernel would draw
 * at random is drawn from a fixed seed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "concealed-mem/map.h"
#include "guest/elf.h"
#include "guest/process.h"
#include "guest/syscall.h"
#include "concealed-mem/abi.h"

enum { MAX_ARG_BYTES = 128 << 10 };

struct process *process_new(const char *sysroot)
{
    struct process *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->sysroot = sysroot;
    p->umask = 022;
    p->rng = 0x9e3779b97f4a7c15u;
    p->log = stderr;
    for (uint32_t i = 0; i < 3; i++) {
        p->open[i] = (struct guest_open){
            .refs = 1, .stream = true, .host = (int)i, .flags = i ? GO_WRONLY : 0};
        p->fd[i] = (struct guest_fd){.used = true, .open = (uint16_t)i};
    }
    return p;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < PROC_OPEN; i++)
        if (p->open[i].refs) {
            p->open[i].refs = 1;
            open_unref(p, i);
        }
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

uint64_t process_now_ns(const struct process *p)
{
    return vm_clock_ns(p->vm);
}

static int load_segments(struct process *p, const struct elf_image *e)
{
    struct space *s = &p->space;

    for (uint32_t i = 0; i < e->nsegments; i++) {
        const struct elf_segment *g = &e->segment[i];
        uint32_t first = g->vaddr / PAGE, end = (g->vaddr + g->memsz + PAGE - 1) / PAGE;
        int r = space_map(s, first, end - first, g->prot, false);
        if (!r)
            r = space_poke(s, g->vaddr, g->bytes, g->filesz);
        if (r)
            return r;
    }
    s->brk_start = s->brk = (e->end + PAGE - 1) & ~(uint32_t)(PAGE - 1);
    return 0;
}

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

static const char *const default_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LANG=C",
                                          "TERM=dumb", NULL};

/* Strings at the top, then the vectors: argc, argv, envp, auxv, as the ABI has them; sp 16-byte
 * aligned. */
static int build_stack(struct process *p, const struct process_args *a, const struct elf_image *e,
                       uint32_t *sp)
{
    enum { AUX = 20, MAXSTR = 4096 };
    struct stack_builder b = {.s = &p->space, .sp = (uint32_t)SPACE_TOP_PAGE * PAGE - 4};
    uint32_t random[4], vec[2 * MAXSTR + 2 * AUX + 8], n = 0, envp[MAXSTR], argv[MAXSTR], nenv = 0;
    size_t bytes = 0;
    int r = space_map(&p->space, SPACE_TOP_PAGE - STACK_PAGES, STACK_PAGES, P_READ | P_WRITE, true);

    if (r)
        return r;
    const char *const *lists[2] = {default_env, a->env};
    for (int i = 0; i < a->argc; i++)
        bytes += strlen(a->argv[i]) + 1;
    for (int l = 0; l < 2; l++)
        for (const char *const *v = lists[l]; v && *v; v++)
            bytes += strlen(*v) + 1;
    if (bytes > MAX_ARG_BYTES || a->argc >= MAXSTR)
        return -E2BIG;
    uint32_t execfn = push_string(&b, a->program);
    for (int l = 0; l < 2; l++)
        for (const char *const *v = lists[l]; v && *v; v++) {
            if (nenv == MAXSTR)
                return -E2BIG;
            envp[nenv++] = push_string(&b, *v);
        }
    for (int i = 0; i < a->argc; i++)
        argv[i] = push_string(&b, a->argv[i]);
    uint32_t platform = push_string(&b, "i686");
    for (int i = 0; i < 4; i++)
        random[i] = process_random(p);
    b.sp &= ~15u;
    uint32_t rnd = push_bytes(&b, random, 16);

    vec[n++] = (uint32_t)a->argc;
    for (int i = 0; i < a->argc; i++)
        vec[n++] = argv[i];
    vec[n++] = 0;
    for (uint32_t i = 0; i < nenv; i++)
        vec[n++] = envp[i];
    vec[n++] = 0;
    const uint32_t aux[][2] = {{3, e->phdr},
                               {4, e->phent},
                               {5, e->phnum},
                               {6, PAGE},
                               {7, 0},
                               {8, 0},
                               {9, e->entry},
                               {11, GUEST_UID},
                               {12, GUEST_UID},
                               {13, GUEST_UID},
                               {14, GUEST_UID},
                               {15, platform},
                               {16, 0x8111 /* AT_HWCAP: fpu tsc cx8 cmov */},
                               {17, 100},
                               {23, 0},
                               {25, rnd},
                               {31, execfn},
                               {0, 0}};
    for (size_t i = 0; i < sizeof aux / sizeof aux[0]; i++) {
        vec[n++] = aux[i][0];
        vec[n++] = aux[i][1];
    }
    b.sp = ((b.sp - n * 4) & ~15u) + n * 4;
    *sp = push_bytes(&b, vec, n * 4);
    return b.error;
}

int process_load(struct process *p, struct vm *vm, const struct process_args *a, char *err,
                 size_t errlen)
{
    struct elf_image e;
    uint32_t sp = 0;

    p->vm = vm;
    p->epoch = a->epoch;
    if (elf_load(&e, a->program, err, errlen))
        return -1;
    /* What the guest reads from /proc/self/exe: the path as given, so that the folder a run starts
     * in cannot make it differ from another by as much as the length of a string. */
    const char *given = a->program;
    while (!strncmp(given, "./", 2))
        given += 2;
    snprintf(p->program, sizeof p->program, "%s%s", *given == '/' ? "" : "/", given);
    process_note_file(p, a->program);
    int r = space_init(&p->space, vm);
    if (!r)
        r = load_segments(p, &e);
    if (!r)
        r = build_stack(p, a, &e, &sp);
    for (unsigned i = 0; i < 32; i++)
        vm_set_reg(vm, GUEST_REG0 + i, 0);
    vm_set_reg(vm, GUEST_REG0 + G_ESP, sp);
    vm_set_reg(vm, GUEST_REG0 + G_EIP, e.entry);
    vm_set_reg(vm, GUEST_REG0 + G_EFL, 0x202);
    vm_set_reg(vm, GUEST_REG0 + G_SEL0, SEL_USER_DS | SEL_USER_CS << 16);
    vm_set_reg(vm, GUEST_REG0 + G_SEL1, SEL_USER_DS | SEL_USER_DS << 16);
    vm_set_reg(vm, GUEST_REG0 + G_CR3, p->space.cr3);
    vm_set_cc(vm, 0);
    elf_free(&e);
    if (r) {
        snprintf(err, errlen, "%s: cannot be loaded: %s", a->program,
                 r == -E2BIG ? "arguments too long" : "out of guest memory (guest.ram_mb)");
        return -1;
    }
    return 0;
}

void process_exit(struct process *p, int code)
{
    p->exited = true;
    p->status = code & 0xff;
    vm_request_stop(p->vm);
}

void process_kill(struct process *p, int signal)
{
    p->exited = true;
    p->signal = signal;
    p->status = 128 + signal;
    vm_request_stop(p->vm);
}

/* What Linux makes of an IA-32 exception. */
static int signal_of(uint32_t vector)
{
    switch (vector) {
    case 0: return 8; /* #DE: SIGFPE */
    case 1:
    case 3: return 5; /* #DB, #BP: SIGTRAP */
    case 6: return 4; /* #UD: SIGILL */
    case 16:
    case 19: return 8; /* x87, SSE: SIGFPE */
    case 17:
    case 18: return 7;  /* #AC, machine check: SIGBUS */
    default: return 11; /* #OF, #BR, #GP, #PF, ...: SIGSEGV */
    }
}

static const struct hc_fault *fault_at(struct process *p, uint32_t pa)
{
    return (const struct hc_fault *)(const void *)vm_mem(p->vm, pa, sizeof(struct hc_fault));
}

static void fault(struct process *p, const struct hc_fault *f)
{
    enum { PF_WRITE = 2 };

    p->faults++;
    if (f->vector == 14) {
        int r = space_fault(&p->space, f->addr, f->error & PF_WRITE);
        if (!r)
            return;
        if (r == -ENOMEM) {
            fprintf(p->log,
                    "chrysalis: guest memory is exhausted at eip %08x; raise guest.ram_mb\n",
                    f->eip);
            process_kill(p, 9);
            return;
        }
    }
    process_signal_fault(p, signal_of(f->vector), f);
}

static void unimplemented(struct process *p, const struct hc_fault *f)
{
    fprintf(p->log, "chrysalis: instruction not implemented at eip %08x:", f->eip);
    for (int i = 0; i < 15; i++)
        fprintf(p->log, " %02x", f->bytes[i]);
    fputc('\n', p->log);
}

static uint32_t syscall_from_regs(struct process *p)
{
    uint32_t arg[6];
    static const uint8_t order[6] = {G_EBX, G_ECX, G_EDX, G_ESI, G_EDI, G_EBP};
    uint32_t nr = vm_reg(p->vm, GUEST_REG0 + G_EAX);

    for (int i = 0; i < 6; i++)
        arg[i] = vm_reg(p->vm, GUEST_REG0 + order[i]);
    p->syscalls++;
    int32_t r = process_syscall(p, nr, arg);
    if (!p->exited && r != SYS_NO_RESULT)
        vm_set_reg(p->vm, GUEST_REG0 + G_EAX, (uint32_t)r);
    return 0;
}

/* Segment loads of a process: the flat user selectors, the null selector, and its TLS descriptors
 * (base in GS or FS). */
static uint32_t load_segment(struct process *p, uint32_t arg)
{
    uint32_t sel = arg & 0xffff, reg = arg >> 16, base = 0, index = sel >> 3;

    if (sel > 3 && sel != SEL_USER_DS && !(sel == SEL_USER_CS && reg != 2)) {
        uint32_t slot = index - TLS_FIRST;
        if ((sel & 7) != 3 || slot >= TLS_SLOTS || !p->tls_used[slot])
            return 1;
        base = p->tls_base[slot];
    }
    if (sel <= 3 && reg == 2)
        return 1;
    if (reg < 4)
        return base ? 1 : 0; /* ES, SS, DS stay flat: a process with based data segments is not
                                supported */
    vm_set_reg(p->vm, GUEST_REG0 + (reg == 4 ? G_FSBASE : G_GSBASE), base);
    return 0;
}

uint32_t process_hostcall(void *process, uint32_t service, uint32_t arg)
{
    struct process *p = process;

    p->space.changed = false;
    switch (service) {
    case HC_CONSOLE: fputc((int)(arg & 0xff), p->log); return 0;
    case HC_SYSCALL: syscall_from_regs(p); break;
    case HC_FAULT: fault(p, fault_at(p, arg)); break;
    case HC_UNIMPLEMENTED: unimplemented(p, fault_at(p, arg)); break;
    case HC_LOADSEG: return load_segment(p, arg);
    case HC_PANIC:
        p->panic = true;
        p->panic_code = arg;
        vm_request_stop(p->vm);
        break;
    default: return (uint32_t)-ENOSYS;
    }
    return p->space.changed ? HC_SPACE_CHANGED : 0;
}

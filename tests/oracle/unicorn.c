/* SPDX-License-Identifier: MIT */
/* See unicorn.h. This side starts the helper, keeps its windows as oracle_base has them, and knows
 * what is not worth comparing. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/oracle/unicorn.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"
#include "tests/oracle/fx.h"

enum { EFLAGS_TF = 0x100, EFLAGS_AC = 0x40000 };
enum {
    VEC_DB = 1,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    KEEP = 10 /* descriptors above those that the helper gets */
};

struct oracle_unicorn {
    struct unicorn_shared *shared;
    int socket, memory;
    pid_t pid;
    uint32_t last, last_len;
    char program[4096];
};

static void child(const char *program, int memory, int socket)
{
    memory = dup(memory);
    socket = dup(socket);
    while (memory >= 0 && memory < KEEP)
        memory = dup(memory);
    while (socket >= 0 && socket < KEEP)
        socket = dup(socket);
    int quiet = open("/dev/null", O_WRONLY); /* it has a word to say when it dies */
    if (quiet >= 0)
        dup2(quiet, STDERR_FILENO);
    if (dup2(memory, UNICORN_FD_MEMORY) >= 0 && dup2(socket, UNICORN_FD_SOCKET) >= 0)
        execl(program, program, (char *)NULL);
    _exit(127);
}

static bool start(struct oracle_unicorn *u, char *err, size_t size)
{
    int pair[2];
    char byte = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        snprintf(err, size, "unicorn: no sockets for the helper");
        return false;
    }
    u->pid = fork();
    if (u->pid == 0)
        child(u->program, u->memory, pair[1]);
    close(pair[1]);
    u->socket = pair[0];
    if (u->pid > 0 && read(u->socket, &byte, 1) == 1 && byte == 'y')
        return true;
    snprintf(err, size, "unicorn: %s %s", u->program,
             byte ? "cannot make its machine"
                  : "does not run (make builds it where libunicorn is)");
    return false;
}

static void stop(struct oracle_unicorn *u)
{
    if (u->socket >= 0)
        close(u->socket);
    if (u->pid > 0)
        waitpid(u->pid, NULL, 0);
    u->socket = -1;
    u->pid = 0;
}

struct oracle_unicorn *oracle_unicorn_new(const char *program, char *err, size_t size)
{
    struct oracle_unicorn *u = calloc(1, sizeof *u);
    void *shared = MAP_FAILED;
    if (!u)
        return NULL;
    u->socket = -1;
    snprintf(u->program, sizeof u->program, "%s", program);
    u->memory = memfd_create("oracle", MFD_CLOEXEC);
    if (u->memory >= 0 && !ftruncate(u->memory, sizeof *u->shared))
        shared = mmap(NULL, sizeof *u->shared, PROT_READ | PROT_WRITE, MAP_SHARED, u->memory, 0);
    if (shared == MAP_FAILED) {
        snprintf(err, size, "unicorn: no memory for the helper");
        oracle_unicorn_free(u);
        return NULL;
    }
    u->shared = shared;
    memcpy(u->shared->code, oracle_base.code, sizeof u->shared->code);
    memcpy(u->shared->data, oracle_base.data, sizeof u->shared->data);
    for (uint32_t i = 0; i < SILICON_SEG_END; i++)
        for (int high = 0; high < 2; high++)
            u->shared->ldt[i][high] = silicon_descriptor(SILICON_SELECTOR(i), high);
    if (!start(u, err, size)) {
        oracle_unicorn_free(u);
        return NULL;
    }
    return u;
}

void oracle_unicorn_free(struct oracle_unicorn *u)
{
    stop(u);
    if (u->shared)
        munmap(u->shared, sizeof *u->shared);
    if (u->memory >= 0)
        close(u->memory);
    free(u);
}

static uint8_t *at(struct oracle_unicorn *u, uint32_t address)
{
    return address - SILICON_CODE < SILICON_CODE_SIZE ? u->shared->code + (address - SILICON_CODE)
                                                      : u->shared->data + (address - SILICON_DATA);
}

static void put_back(void *ctx, uint32_t address)
{
    const uint8_t *from = address - SILICON_CODE < SILICON_CODE_SIZE
                              ? oracle_base.code + (address - SILICON_CODE)
                              : oracle_base.data + (address - SILICON_DATA);
    memcpy(at(ctx, address), from, 8);
}

void oracle_unicorn_data(struct oracle_unicorn *u)
{
    memcpy(u->shared->data, oracle_base.data, sizeof u->shared->data);
}

void oracle_unicorn_run(struct oracle_unicorn *u, const struct oracle_case *c,
                        struct oracle_result *r)
{
    struct unicorn_shared *s = u->shared;
    char byte = 0;
    r->ndiff = 0;
    r->retired = r->translated = 0;
    r->fetch = false;
    r->why = NULL;
    oracle_place(c);
    if (u->last_len)
        memcpy(at(u, u->last), oracle_base.code + (u->last - SILICON_CODE),
               u->last_len + SILICON_TAIL);
    memcpy(at(u, c->in.eip), oracle_base.code + (c->in.eip - SILICON_CODE), c->len + SILICON_TAIL);
    u->last = c->in.eip;
    u->last_len = c->len;
    s->in = c->in;
    s->len = c->len;
    s->fx = c->fx;
    s->gs = silicon_gs();
    if (send(u->socket, &byte, 1, MSG_NOSIGNAL) != 1 || read(u->socket, &byte, 1) != 1) {
        static char err[300]; /* blocks there are that it dies of */
        stop(u);
        memcpy(s->code, oracle_base.code, sizeof s->code);
        memcpy(s->data, oracle_base.data, sizeof s->data);
        r->end = SILICON_BAD;
        r->why = start(u, err, sizeof err) ? "Unicorn died" : err;
        return;
    }
    r->st = s->out;
    r->end = s->end;
    r->f = s->f;
    r->why = s->end == SILICON_BAD ? s->why : NULL;
    if (r->end == SILICON_FAULT)
        oracle_fault(c, r, (uint32_t)s->f.vector, s->f.error, s->f.cr2);
    oracle_collect(r, SILICON_CODE, s->code, oracle_base.code, SILICON_CODE_SIZE, put_back, u);
    oracle_collect(r, SILICON_DATA, s->data, oracle_base.data, SILICON_DATA_SIZE, put_back, u);
}

/* ---- what it does not tell ---- */

const char *const unicorn_exclusions[] = {
    "16-bit code: not set up; EFLAGS.AC: it knows nothing of it; single steps",
    "blocks with invalid encodings: it executes many, LOCK before anything among them",
    "blocks with x87 instructions: no stack faults, few of the exceptions, C1 and denormals "
    "otherwise",
    "blocks with floating-point instructions of SSE: no exceptions, so MXCSR stays as it is",
    "MMX: bytes 8 and 9 of the register, which it does not set, and pending x87 exceptions",
    "16-byte operands that are not aligned (#GP): it does not look",
    "blocks with FXSAVE, FXRSTOR, LDMXCSR, EMMS or CVTPI2PD: reserved bits, TOP and tags otherwise",
    "blocks with RCPPS, RSQRTPS and their scalar kin: it computes exactly, and denormals as "
    "numbers",
    "blocks with CLFLUSH (no page fault), BOUND (its order), PREFETCH and 0F 18 (invalid with a "
    "register)",
    "blocks with PUNPCKL* of memory: it reads 8 bytes where processors read 4",
    "blocks with MASKMOVQ or MASKMOVDQU: bytes that are not written do not fault",
    "blocks with IN, OUT, INS or OUTS: they reach its ports whatever IOPL is",
    "blocks with F6 /1 or F7 /1 (TEST): invalid to it",
    "blocks that load segments or ask about them: it knows no limits, and lets all be written",
    "blocks that push a segment register: it writes 4 bytes, processors 2",
    "blocks with a memory operand through CS, or through FS, which is null: it lets them write, or "
    "read",
    "blocks with INT n, INT1 or RDPMC: it has no descriptors for the first, the others are invalid "
    "to it",
    "blocks with ARPL, and LOCK NEG of 16 bits: it writes always; its flags are wrong",
    "blocks with ENTER or CMPXCHG8B: no fault at the final ESP; EIP of the second's fault is wrong",
    "blocks in which PUSHA, POPA or a far transfer faults: it reaches memory in another order",
    "error codes but those of page faults: it does not report them; of page faults, whether an "
    "instruction that reads and writes memory was denied the reading or the writing",
    "registers, flags and memory after a page fault: flags and EAX may have changed already, and "
    "of a "
    "store across pages it keeps the first half",
    NULL,
};

static bool excluded(const struct insn *d, const uint8_t *code)
{
    if (d->seg == SEG_CS || d->seg == SEG_FS)
        return true;
    switch (d->op) {
    case I_IN:
    case I_OUT:
    case I_INS:
    case I_OUTS:
    case I_RDPMC:
    case I_PUSHSEG:
    case I_POPSEG:
    case I_LOADSEG:
    case I_LFP:
    case I_LAR:
    case I_LSL:
    case I_VERR:
    case I_VERW:
    case I_INT:
    case I_INT1:
    case I_ARPL:
    case I_ENTER:
    case I_MASKMOVQ:
    case I_MASKMOVDQU:
    case I_FXSAVE:
    case I_FXRSTOR:
    case I_LDMXCSR:
    case I_EMMS:
    case I_RCPPS:
    case I_RCPSS:
    case I_RSQRTPS:
    case I_RSQRTSS:
    case I_CLFLUSH:
    case I_BOUND:
    case I_PREFETCH:
    case I_CVTPI2PD:
    case I_CMPXCHG8B: return true;
    case I_PUNPCKLBW:
    case I_PUNPCKLWD:
    case I_PUNPCKLDQ: return d->o[1].kind == O_MEM;
    case I_NOP: return code[1] == 0x18 || code[2] == 0x18;
    case I_NEG: return d->lock;
    case I_TEST:
        for (; *code != 0xf6 && *code != 0xf7; code++)
            if (*code == 0x84 || *code == 0x85 || *code == 0xa8 || *code == 0xa9)
                return false;
        return (code[1] >> 3 & 7) == 1;
    default: return ia32_is_x87(d->op) || ia32_rows[d->row].attr & AT_XXM;
    }
}

static bool in_order(const struct insn *d)
{
    return d->op != I_PUSHA && d->op != I_POPA && d->op != I_RETF && d->op != I_IRET &&
           d->op != I_CALLF && d->op != I_JMPF && d->op != I_LFP;
}

bool oracle_unicorn_excuse(const struct oracle_case *c, struct oracle_result *r,
                           const struct oracle_result *ours)
{
    struct insn d;
    if (c->in.code16 || ours->st.eflags & (EFLAGS_TF | EFLAGS_AC) || ours->f.vector == VEC_DB ||
        ours->f.vector == VEC_AC)
        return false;
    for (uint32_t at = 0; at < c->len; at += d.length) {
        if (ia32_decode(c->code + at, c->len - at, c->in.eip + at, MODE_PROCESS, &d) != DEC_OK)
            return false;
        if (excluded(&d, c->code + at) ||
            (r->f.vector >= 0 && c->in.eip + at == ours->st.eip && !in_order(&d)) ||
            (ours->f.vector == VEC_GP && c->in.eip + at == ours->st.eip && ia32_is_simd(d.op)))
            return false;
    }
    if (ours->f.vector == VEC_MF)
        return false;
    if (c->fx) {
        struct fx_image f, g;
        memcpy(&f, r->st.fx, sizeof f);
        memcpy(&g, ours->st.fx, sizeof g);
        for (int i = 0; i < 8; i++)
            memcpy(f.st[i].b + 8, g.st[i].b + 8, 2);
        memcpy(r->st.fx, &f, sizeof f);
    }
    if (r->f.vector >= 0 && r->f.vector != VEC_PF)
        r->f.error = ours->f.error;
    if (r->f.vector == VEC_PF) {
        uint32_t eip = r->st.eip;
        r->st = ours->st;
        r->st.eip = eip;
        r->f.error = (r->f.error & ~2u) | (ours->f.error & 2);
        r->ndiff = ours->ndiff;
        memcpy(r->diff, ours->diff, sizeof r->diff);
    }
    return true;
}

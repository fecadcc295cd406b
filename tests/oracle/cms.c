/* SPDX-License-Identifier: MIT */
/*
 * CMS on a modelled machine as an engine: a bare guest whose two windows have the access rights of
 * silicon's. The machine runs all cases in one go, in a context of its own; oracle_cms_run wakes it
 * for one case and sleeps until that has ended. Code is written through the bus function, so CMS
 * learns of each new block as of a device's write.
 */
#include "tests/oracle/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "concealed-mem/map.h"
#include "isa-frontend/interp.h"
#include "tests/oracle/bare.h"
#include "tests/oracle/fx.h"
#include "toolchain/link.h"

/* AddressSanitizer wants to know which stack is in use. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define LEAVE_STACK(kept, to, size)   __sanitizer_start_switch_fiber(kept, to, size)
#define ARRIVE_STACK(kept, old, size) __sanitizer_finish_switch_fiber(kept, old, size)
#else
#define LEAVE_STACK(kept, to, size)   ((void)(kept))
#define ARRIVE_STACK(kept, old, size) ((void)(kept))
#endif

enum { STACK = 1 << 20, PTE_RW = 0x67, PTE_RO = 0x65, DEADLINE = 200000 };

struct oracle_cms {
    struct bare b;
    struct lo lo;
    struct image image;
    uint32_t last, last_len;
    const struct oracle_case *c;
    struct oracle_result *r;
    uint64_t translated;
    bool started, quit, over, fx_used;
    char why[200];
    ucontext_t caller, machine;
    void *stack;
    const void *caller_stack; /* for LEAVE_STACK */
    size_t caller_size;
    uint8_t *code, *data; /* the windows, frame by frame in order */
};

static uint8_t *frames(struct oracle_cms *e, uint32_t start, uint32_t size, uint32_t unreachable)
{
    uint32_t first = e->b.next_frame;
    for (uint32_t p = start; p < start + size; p += SILICON_PAGE) {
        unsigned may = silicon_access(p);
        bare_page_at(&e->b, p, first + (p - start) / SILICON_PAGE,
                     p == unreachable  ? 0
                     : may & SILICON_W ? PTE_RW
                                       : PTE_RO);
    }
    e->b.next_frame = first + size / SILICON_PAGE;
    return vm_mem(e->b.vm, first * SILICON_PAGE, size);
}

/* Frame of an address in a window, for writes past the permissions. */
static void poke(struct oracle_cms *e, uint32_t at, const uint8_t *bytes, uint32_t len)
{
    const uint8_t *mem = vm_mem(e->b.vm, 0, 1);
    const uint8_t *to = at - SILICON_CODE < SILICON_CODE_SIZE ? e->code + (at - SILICON_CODE)
                                                              : e->data + (at - SILICON_DATA);
    vm_bus_write(e->b.vm, (uint32_t)(to - mem), bytes, len);
}

static void put_back(void *ctx, uint32_t at)
{
    const uint8_t *from = at - SILICON_CODE < SILICON_CODE_SIZE
                              ? oracle_base.code + (at - SILICON_CODE)
                              : oracle_base.data + (at - SILICON_DATA);
    poke(ctx, at, from, 8);
}

static bool next(struct bare *b)
{
    struct oracle_cms *e = b->ctx;
    const struct oracle_case *c = e->c;
    if (e->quit)
        return false;
    if (!e->last_len) /* all of it, for oracle_base holds a block by now */
        poke(e, SILICON_CODE, oracle_base.code, SILICON_CODE_SIZE);
    else
        poke(e, e->last, oracle_base.code + (e->last - SILICON_CODE), e->last_len + SILICON_TAIL);
    poke(e, c->in.eip, oracle_base.code + (c->in.eip - SILICON_CODE), c->len + SILICON_TAIL);
    e->last = c->in.eip;
    e->last_len = c->len;
    bare_set(b, c->in.gpr, oracle_offset(c, c->in.eip), c->in.eflags & IA32_FLAGS);
    vm_set_reg(b->vm, GUEST_REG0 + G_SEL0, 0x2b | oracle_code(c) << 16);
    vm_set_reg(b->vm, GUEST_REG0 + G_SEL1, 0x2b | 0x2bu << 16);
    vm_set_reg(b->vm, GUEST_REG0 + G_SEL2, b->gs << 16);
    vm_set_reg(b->vm, GUEST_REG0 + G_FSBASE, 0);
    vm_set_reg(b->vm, GUEST_REG0 + G_GSBASE, b->gs_base);
    if (c->fx || e->fx_used) {
        struct vm_context context;
        uint8_t initial[512];
        fx_reset(initial);
        vm_get_context(b->vm, &context);
        fx_to_hardware(c->fx ? c->in.fx : initial, context.wide, context.fpsr);
        vm_set_context(b->vm, &context);
    }
    e->fx_used = c->fx;
    bare_deadline(b, DEADLINE);
    return true;
}

static void done(struct bare *b, const struct bare_result *res)
{
    struct oracle_cms *e = b->ctx;
    struct oracle_result *r = e->r;
    memcpy(r->st.gpr, res->gpr, sizeof res->gpr);
    r->st.eip = oracle_linear(vm_reg(b->vm, GUEST_REG0 + G_SEL0) >> 16, res->eip);
    r->st.eflags = res->eflags;
    if (e->c->fx) {
        struct vm_context context;
        vm_get_context(b->vm, &context);
        fx_from_hardware(r->st.fx, context.wide, context.fpsr);
    }
    r->ndiff = 0;
    r->fetch = false;
    r->why = NULL;
    r->retired = res->retired;
    uint64_t translated = vm_stats(b->vm)->retired_xlat;
    r->translated = translated - e->translated;
    e->translated = translated;
    r->end = SILICON_HUNG;
    if (res->end == BARE_FAULT)
        oracle_fault(e->c, r, res->fault.vector, res->fault.error,
                     res->fault.vector == X_PF ? res->fault.addr : 0);
    else if (res->end == BARE_SYSCALL)
        oracle_fault(e->c, r, 0x80, 0, 0);
    oracle_collect(r, SILICON_CODE, e->code, oracle_base.code, SILICON_CODE_SIZE, put_back, e);
    oracle_collect(r, SILICON_DATA, e->data, oracle_base.data, SILICON_DATA_SIZE, put_back, e);
    void *kept = NULL;
    LEAVE_STACK(&kept, e->caller_stack, e->caller_size);
    swapcontext(&e->machine, &e->caller);
    ARRIVE_STACK(kept, &e->caller_stack, &e->caller_size);
}

static void run_machine(unsigned lo, unsigned hi)
{
    struct oracle_cms *e = (struct oracle_cms *)((uintptr_t)hi << 32 | lo);
    ARRIVE_STACK(NULL, &e->caller_stack, &e->caller_size);
    enum vm_stop stop = bare_run(&e->b);
    const char *defect = stop == VM_DEFECT ? vm_defect(e->b.vm) : "";
    snprintf(e->why, sizeof e->why, "the machine stopped (%d)%s%s", (int)stop,
             e->b.panic ? ", CMS panics" : "", defect);
    e->over = true;
    LEAVE_STACK(NULL, e->caller_stack, e->caller_size);
}

struct oracle_cms *oracle_cms_new(const struct mdesc *m, const char *cms, char *err, size_t size)
{
    struct oracle_cms *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->b.next = next;
    e->b.done = done;
    e->b.ctx = e;
    bare_init(&e->b, m, NULL);
    e->b.gs = silicon_gs();
    e->b.gs_base = SILICON_GS_BASE;
    e->b.ldt = true;
    /* Page tables first: the windows' frames shall follow each other. */
    bare_page(&e->b, SILICON_CODE, PTE_RW);
    bare_page(&e->b, SILICON_DATA, PTE_RW);
    e->code = frames(e, SILICON_CODE, SILICON_CODE_SIZE, 0);
    e->data = frames(e, SILICON_DATA, SILICON_DATA_SIZE, SILICON_DATA_NONE);
    if (m->cms_host == CMS_ON_MODEL) {
        uint32_t concealed = vm_concealed_base(e->b.vm);
        if (lo_read_file(&e->lo, cms, err, size) ||
            tc_link(&e->lo, m, concealed + CM_IMAGE, &e->image, err, size) ||
            tc_load(&e->image, e->b.vm)) {
            oracle_cms_free(e);
            return NULL;
        }
        bare_image(&e->b, e->image.end - concealed, tc_symbol(&e->image, "_start"));
    }
    memcpy(e->code, oracle_base.code, SILICON_CODE_SIZE);
    oracle_cms_data(e);
    e->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e->stack == MAP_FAILED) {
        snprintf(err, size, "no memory for a stack");
        e->stack = NULL;
        oracle_cms_free(e);
        return NULL;
    }
    return e;
}

struct vm *oracle_cms_vm(struct oracle_cms *e)
{
    return e->b.vm;
}

void oracle_cms_gs(struct oracle_cms *e, uint32_t selector, uint32_t base)
{
    e->b.gs = selector;
    e->b.gs_base = base;
}

void oracle_cms_free(struct oracle_cms *e)
{
    if (e->stack)
        munmap(e->stack, STACK);
    tc_image_free(&e->image);
    lo_free(&e->lo);
    bare_free(&e->b);
    free(e);
}

void oracle_cms_data(struct oracle_cms *e)
{
    poke(e, SILICON_DATA, oracle_base.data, SILICON_DATA_SIZE);
}

static void start(struct oracle_cms *e)
{
    uintptr_t self = (uintptr_t)e;
    getcontext(&e->machine);
    e->machine.uc_stack.ss_sp = e->stack;
    e->machine.uc_stack.ss_size = STACK;
    e->machine.uc_link = &e->caller;
    makecontext(&e->machine, (void (*)(void))run_machine, 2, (unsigned)self,
                (unsigned)(self >> 32));
}

void oracle_cms_run(struct oracle_cms *e, const struct oracle_case *c, struct oracle_result *r)
{
    if (!e->started) { /* CMS resets the x87 while it boots, after the first case was set up */
        static const struct oracle_case nop = {
            .code = {0x90}, .len = 1, .in.eip = SILICON_CODE + 0x100};
        e->started = true;
        start(e);
        oracle_cms_run(e, &nop, r);
    }
    oracle_place(c);
    e->c = c;
    e->r = r;
    if (!e->over) {
        void *kept = NULL;
        LEAVE_STACK(&kept, e->stack, STACK);
        swapcontext(&e->caller, &e->machine);
        ARRIVE_STACK(kept, NULL, NULL);
    }
    if (e->over) {
        r->end = SILICON_BAD;
        r->why = e->why;
    }
}

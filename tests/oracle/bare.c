/* SPDX-License-Identifier: MIT */
/* See bare.h. Frames are given out in order; page tables and pages are written through the bus
 * function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "concealed-mem/map.h"
#include "morpher/host/hw_host.h"
#include "tests/oracle/bare.h"
#include "tests/oracle/silicon.h"

enum { PAGE_BYTES = 4096 };

/* A mistake of the test or of the model: nothing to report to a guest. */
#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void collect(struct bare *b, struct bare_result *r, enum bare_end end)
{
    memset(r, 0, sizeof *r);
    r->end = end;
    for (uint32_t i = 0; i < 8; i++)
        r->gpr[i] = vm_reg(b->vm, GUEST_REG0 + i);
    r->eip = vm_reg(b->vm, GUEST_REG0 + G_EIP);
    r->eflags = vm_reg(b->vm, GUEST_REG0 + G_EFL) | vm_cc(b->vm);
    r->retired = vm_retired(b->vm) - b->retired_at_start;
}

static void next_case(struct bare *b)
{
    if (!b->next(b))
        vm_request_stop(b->vm);
    b->retired_at_start = vm_retired(b->vm);
}

/* Flat segments by the selectors of a 64-bit host or of a 32-bit one, and GS. */
static uint32_t descriptor(const struct bare *b, uint32_t sel, bool high)
{
    if (sel == 0x73 || sel == 0x23)
        return high ? 0x00cffb00 : 0xffff;
    if (sel == 0x7b || sel == 0x2b)
        return high ? 0x00cff300 : 0xffff;
    if (sel && sel == b->gs && sel != silicon_gs())
        return high ? 0x00cff300 | (b->gs_base >> 16 & 0xff) | (b->gs_base & 0xff000000)
                    : 0xffff | b->gs_base << 16;
    return b->ldt ? silicon_descriptor(sel, high) : 0;
}

static uint32_t hostcall(void *ctx, uint32_t service, uint32_t arg)
{
    struct bare *b = ctx;
    struct bare_result r;

    switch (service) {
    case HC_SYSCALL: collect(b, &r, BARE_SYSCALL); break;
    case HC_DEADLINE: collect(b, &r, BARE_DEADLINE); break;
    case HC_FAULT:
        collect(b, &r, BARE_FAULT);
        memcpy(&r.fault, vm_mem(b->vm, arg, sizeof r.fault), sizeof r.fault);
        break;
    case HC_UNIMPLEMENTED: return 0; /* the fault follows */
    case HC_DESCRIPTOR: return descriptor(b, arg & 0xffff, arg >> 16);
    case HC_HAS_LDT: return b->ldt;
    case HC_PANIC:
        b->panic = true;
        vm_request_stop(b->vm);
        return 0;
    default: fprintf(stderr, "unexpected host call %u\n", service); abort();
    }
    b->done(b, &r);
    next_case(b);
    return HC_SPACE_CHANGED | HC_STATE_CHANGED;
}

void bare_init(struct bare *b, const struct mdesc *m, const struct mdesc *told)
{
    struct vm_platform p = {.ctx = b, .hostcall = hostcall};

    b->vm = vm_new(m, &p);
    MUST(b->vm);
    b->cr3 = PAGE_BYTES;
    b->next_frame = 2;
    b->panic = b->ldt = false;
    b->gs = b->gs_base = 0;
    struct cm_boot *boot = (void *)vm_mem(b->vm, vm_concealed_base(b->vm) + CM_BOOT, sizeof *boot);
    boot->magic = CM_MAGIC;
    boot->version = 1;
    boot->image_end = CM_IMAGE;
    boot->env = CM_ENV_PROCESS;
    boot->cr3 = b->cr3;
    boot->machine = told ? *told : *m;
    vm_set_reg(b->vm, GUEST_REG0 + G_CR3, b->cr3);
    vm_set_reg(b->vm, GUEST_REG0 + G_SEL0, 0x7b | 0x73 << 16);
    vm_set_reg(b->vm, GUEST_REG0 + G_SEL1, 0x7b | 0x7b << 16);
}

void bare_free(struct bare *b)
{
    vm_free(b->vm);
}

void bare_image(struct bare *b, uint32_t end, uint32_t entry)
{
    struct cm_boot *boot = (void *)vm_mem(b->vm, vm_concealed_base(b->vm) + CM_BOOT, sizeof *boot);

    boot->image_end = end;
    vm_set_pc(b->vm, entry);
}

enum vm_stop bare_run(struct bare *b)
{
    next_case(b);
    return vm_mdesc(b->vm)->cms_host == CMS_ON_HOST ? hostcms_run(b->vm)
                                                    : vm_run(b->vm, UINT64_MAX);
}

static uint32_t word_at(struct bare *b, uint32_t pa)
{
    uint32_t v;

    MUST(vm_bus_read(b->vm, pa, &v, 4));
    return v;
}

static uint32_t pte_address(struct bare *b, uint32_t la)
{
    uint32_t at = b->cr3 + (la >> 22) * 4, pde = word_at(b, at);

    if (!(pde & 1)) {
        pde = b->next_frame++ * PAGE_BYTES | 7;
        MUST(vm_bus_write(b->vm, at, &pde, 4));
    }
    return (pde & ~4095u) + (la >> 12 & 1023) * 4;
}

void bare_page_at(struct bare *b, uint32_t la, uint32_t frame, uint32_t bits)
{
    uint32_t pte = frame * PAGE_BYTES | bits;

    MUST(vm_bus_write(b->vm, pte_address(b, la), &pte, 4));
}

uint32_t bare_frame(struct bare *b, uint32_t la)
{
    return word_at(b, pte_address(b, la)) >> 12;
}

void bare_page(struct bare *b, uint32_t la, uint32_t bits)
{
    uint32_t frame = bare_frame(b, la);

    bare_page_at(b, la, frame ? frame : b->next_frame++, bits);
}

static void each(struct bare *b, uint32_t la, uint8_t *bytes, uint32_t len, bool write)
{
    while (len) {
        uint32_t n = PAGE_BYTES - la % PAGE_BYTES,
                 pa = bare_frame(b, la) * PAGE_BYTES + la % PAGE_BYTES;

        if (n > len)
            n = len;
        MUST(write ? vm_bus_write(b->vm, pa, bytes, n) : vm_bus_read(b->vm, pa, bytes, n));
        la += n;
        bytes += n;
        len -= n;
    }
}

void bare_write(struct bare *b, uint32_t la, const void *src, uint32_t len)
{
    each(b, la, (uint8_t *)(uintptr_t)src, len, true);
}

void bare_read(struct bare *b, uint32_t la, void *dst, uint32_t len)
{
    each(b, la, dst, len, false);
}

void bare_set(struct bare *b, const uint32_t gpr[8], uint32_t eip, uint32_t eflags)
{
    for (uint32_t i = 0; i < 8; i++)
        vm_set_reg(b->vm, GUEST_REG0 + i, gpr[i]);
    vm_set_reg(b->vm, GUEST_REG0 + G_EIP, eip);
    vm_set_reg(b->vm, GUEST_REG0 + G_EFL, (eflags & ~(uint32_t)F_ALL) | 0x202);
    vm_set_cc(b->vm, eflags & F_ALL);
}

void bare_deadline(struct bare *b, uint64_t n)
{
    /* By the op that CMS would use; r5 is a temporary of C at a host call. */
    struct vop op = {.opc = OP_MTS, .ra = 5, .bmode = B_SHORT, .imm = SR_DEADLINE};
    uint64_t at = vm_retired(b->vm) + n;
    uint32_t keep = vm_reg(b->vm, 5);

    vm_set_reg(b->vm, 5, (uint32_t)at);
    MUST(vm_exec1(b->vm, &op, false, 0) == T_NONE);
    op.imm = SR_DEADLINE_HI;
    vm_set_reg(b->vm, 5, (uint32_t)(at >> 32));
    MUST(vm_exec1(b->vm, &op, false, 0) == T_NONE);
    vm_set_reg(b->vm, 5, keep);
}

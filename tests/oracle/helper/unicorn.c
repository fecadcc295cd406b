/* SPDX-License-Identifier: MIT */
/*
 * oracle-unicorn: runs blocks in Unicorn for `chrysalis validate isa`. A program of its own because
 * libunicorn is under the GPL-2: what is linked from this file and it may only be given away under
 * that licence. See tests/oracle/unicorn.h for how the two talk.
 *
 * The virtual processor is made as a user process is on Linux: flat segments 23 and 2b, GS in the
 * LDT, ring 3 (entered by IRET, for Unicorn lets no register write change the ring). That state is
 * saved once and restored before each case, which also forgets a pending exception of the last one.
 * Page tables are not used: Unicorn's own permissions tell every access that a page would forbid.
 * Only the processor's tables are there where no page should be. A block that stores into them is
 * not compared; one that reads them is not noticed (hooks for reads make SHLD of memory lose CF in
 * Unicorn 2.0).
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unicorn/unicorn.h>
#include <unistd.h>

#include "tests/oracle/fx.h"
#include "tests/oracle/unicorn.h"

enum {
    TABLES = 0x9a5e0000, /* descriptor tables; the block could reach them, so where none looks */
    GDT = TABLES,
    LDT = TABLES + 0x400,
    BOOT = TABLES + 0x1000, /* code and stack to enter ring 3 */
    SEL_CODE0 = 8,
    SEL_DATA0 = 0x10,
    SEL_CODE = 0x23,
    SEL_DATA = 0x2b,
    VEC_UD = 6,
    VEC_GP = 13,
    VEC_PF = 14
};

static uc_engine *uc;
static uc_context *ring3;
static struct unicorn_shared *shared;

/* ---- events ---- */

enum { MAX_STEPS = 100000 };

static bool seen;     /* the first one counts */
static uint32_t here; /* EIP: exact only in a hook of every instruction */
static uint32_t steps;
static bool fetch;

static void on_instruction(uc_engine *u, uint64_t address, uint32_t size, void *user)
{
    (void)size;
    (void)user;
    here = (uint32_t)address;
    if (++steps > MAX_STEPS)
        uc_emu_stop(u);
}

static void event(int vector, uint32_t error, uint32_t cr2)
{
    if (!seen)
        shared->f = (struct ia32_fault){vector, error, cr2};
    seen = true;
}

static void on_interrupt(uc_engine *u, uint32_t vector, void *user)
{
    (void)user;
    event((int)vector, 0, 0);
    uc_emu_stop(u);
}

static bool on_access(uc_engine *u, uc_mem_type type, uint64_t address, int size, int64_t value,
                      void *user)
{
    fetch = type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT;
    bool write = type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT;
    (void)u;
    (void)size;
    (void)value;
    (void)user;
    event(VEC_PF, (silicon_access((uint32_t)address) ? 1 : 0) | (write ? 2 : 0) | 4,
          (uint32_t)address);
    return false;
}

static bool on_invalid(uc_engine *u, void *user)
{
    (void)u;
    (void)user;
    event(VEC_UD, 0, 0);
    return false;
}

/* ---- making ---- */

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 |
           (uint64_t)(base >> 24) << 56;
}

static void set(int reg, uint32_t v)
{
    uc_reg_write(uc, reg, &v);
}

static uint32_t get(int reg)
{
    uint32_t v = 0;
    uc_reg_read(uc, reg, &v);
    return v;
}

/* A page that exists but forbids everything would be readable now and then; so it is none. */
static bool map_data(uint32_t start, uint32_t end)
{
    return uc_mem_map_ptr(uc, start, end - start, UC_PROT_READ | UC_PROT_WRITE,
                          shared->data + (start - SILICON_DATA)) != UC_ERR_OK;
}

/* The two pages that are there for the processor's sake, and what they hold. */
static uint64_t *tables, pristine[SILICON_PAGE / 8];
static uint8_t *boot, ring0[SILICON_PAGE];

static bool make(void)
{
    uc_hook h[4];
    tables = mmap(NULL, SILICON_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    boot = mmap(NULL, SILICON_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint32_t frame[5] = {SILICON_CODE, SEL_CODE, 0x202, SILICON_DATA + 0x4000, SEL_DATA};
    if (tables == MAP_FAILED || boot == MAP_FAILED || uc_open(UC_ARCH_X86, UC_MODE_32, &uc) ||
        uc_mem_map_ptr(uc, SILICON_CODE, SILICON_CODE_SIZE, UC_PROT_ALL, shared->code) ||
        map_data(SILICON_DATA, SILICON_DATA_NONE) ||
        map_data(SILICON_DATA_NONE + SILICON_PAGE, SILICON_DATA + SILICON_DATA_SIZE) ||
        uc_mem_protect(uc, SILICON_CODE_EXIT, SILICON_PAGE, UC_PROT_READ | UC_PROT_EXEC) ||
        uc_mem_protect(uc, SILICON_DATA_RO, SILICON_PAGE, UC_PROT_READ) ||
        uc_mem_map_ptr(uc, TABLES, SILICON_PAGE, UC_PROT_READ | UC_PROT_WRITE, tables) ||
        uc_mem_map_ptr(uc, BOOT, SILICON_PAGE, UC_PROT_ALL, boot))
        return false;
    tables[SEL_CODE0 >> 3] = descriptor(0, 0xfffff, 0x9b, 0xc);
    tables[SEL_DATA0 >> 3] = descriptor(0, 0xfffff, 0x93, 0xc);
    tables[SEL_CODE >> 3] = descriptor(0, 0xfffff, 0xfb, 0xc);
    tables[SEL_DATA >> 3] = descriptor(0, 0xfffff, 0xf3, 0xc);
    memcpy(tables + (LDT - TABLES) / 8, shared->ldt, sizeof shared->ldt);
    memcpy(pristine, tables, sizeof pristine);
    uc_x86_mmr gdt = {.base = GDT, .limit = 0x2f};
    uc_x86_mmr ldt = {.selector = 0, .base = LDT, .limit = sizeof shared->ldt - 1, .flags = 0x8200};
    uc_reg_write(uc, UC_X86_REG_GDTR, &gdt);
    uc_reg_write(uc, UC_X86_REG_LDTR, &ldt);
    set(UC_X86_REG_CR0, (get(UC_X86_REG_CR0) & ~4u) | 0x40032);
    set(UC_X86_REG_CR4, 0x600);
    set(UC_X86_REG_CS, SEL_CODE0);
    set(UC_X86_REG_SS, SEL_DATA0);
    boot[0] = 0xcf; /* iret */
    memcpy(boot + 0x800, frame, sizeof frame);
    memcpy(ring0, boot, sizeof ring0);
    set(UC_X86_REG_ESP, BOOT + 0x800);
    if (uc_emu_start(uc, BOOT, SILICON_CODE, 0, 0))
        return false;
    set(UC_X86_REG_DS, SEL_DATA);
    set(UC_X86_REG_ES, SEL_DATA);
    set(UC_X86_REG_FS, 0);
    return get(UC_X86_REG_CS) == SEL_CODE && get(UC_X86_REG_SS) == SEL_DATA &&
           !uc_hook_add(uc, &h[0], UC_HOOK_INTR, (void *)on_interrupt, NULL, 1, 0) &&
           !uc_hook_add(uc, &h[1], UC_HOOK_MEM_INVALID, (void *)on_access, NULL, 1, 0) &&
           !uc_hook_add(uc, &h[2], UC_HOOK_INSN_INVALID, (void *)on_invalid, NULL, 1, 0) &&
           !uc_hook_add(uc, &h[3], UC_HOOK_CODE, (void *)on_instruction, NULL, 1, 0) &&
           !uc_context_alloc(uc, &ring3) && !uc_context_save(uc, ring3);
}

/* ---- a case ---- */

static const int gprs[8] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                            UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

static void load_fx(const uint8_t image[512])
{
    struct fx_image f;
    memcpy(&f, image, sizeof f);
    uint32_t top = f.fsw >> 11 & 7, tags = 0;
    uc_reg_write(uc, UC_X86_REG_FPCW, &f.fcw);
    uc_reg_write(uc, UC_X86_REG_FPSW, &f.fsw);
    for (uint32_t i = 0; i < 8; i++) {
        tags |= (f.tag >> i & 1 ? 0u : 3u) << 2 * i;
        uc_reg_write(uc, UC_X86_REG_FP0 + (int)((top + i) & 7), f.st[i].b);
        uc_reg_write(uc, UC_X86_REG_XMM0 + (int)i, f.xmm[i]);
    }
    uint16_t tag = (uint16_t)tags;
    uc_reg_write(uc, UC_X86_REG_FPTAG, &tag);
    uc_reg_write(uc, UC_X86_REG_MXCSR, &f.mxcsr);
}

static void store_fx(uint8_t image[512])
{
    struct fx_image f;
    uint16_t tag = 0;
    uint8_t number[16];
    memset(&f, 0, sizeof f);
    uc_reg_read(uc, UC_X86_REG_FPCW, &f.fcw);
    uc_reg_read(uc, UC_X86_REG_FPSW, &f.fsw);
    uc_reg_read(uc, UC_X86_REG_FPTAG, &tag);
    uc_reg_read(uc, UC_X86_REG_MXCSR, &f.mxcsr);
    uint32_t top = f.fsw >> 11 & 7;
    for (uint32_t i = 0; i < 8; i++) {
        f.tag |= (uint8_t)(((tag >> 2 * i & 3) != 3) << i);
        uc_reg_read(uc, UC_X86_REG_FP0 + (int)((top + i) & 7), number);
        memcpy(f.st[i].b, number, sizeof f.st[i].b);
        uc_reg_read(uc, UC_X86_REG_XMM0 + (int)i, f.xmm[i]);
    }
    memcpy(image, &f, sizeof f);
}

static void run(void)
{
    const struct ia32_state *in = &shared->in;
    struct ia32_state *out = &shared->out;
    shared->f = (struct ia32_fault){-1, 0, 0};
    shared->end = SILICON_END;
    seen = false;
    here = in->eip;
    steps = 0;
    fetch = false;
    uc_context_restore(uc, ring3);
    uc_ctl_remove_cache(uc, SILICON_CODE, SILICON_CODE + SILICON_CODE_SIZE);
    for (int i = 0; i < 8; i++)
        set(gprs[i], in->gpr[i]);
    set(UC_X86_REG_GS, shared->gs);
    set(UC_X86_REG_EFLAGS, (in->eflags & 0x200cd5) | 0x202);
    if (shared->fx)
        load_fx(in->fx);
    uc_err e = uc_emu_start(uc, in->eip, in->eip + shared->len, 0, 0);
    for (int i = 0; i < 8; i++)
        out->gpr[i] = get(gprs[i]);
    out->eip = get(UC_X86_REG_EIP);
    out->eflags = get(UC_X86_REG_EFLAGS);
    if (shared->fx)
        store_fx(out->fx);
    /* Page faults are told in the middle of a block, with the EIP of its start. A fetch's is its
     * own address. */
    if (seen && shared->f.vector == VEC_PF)
        out->eip = fetch ? shared->f.cr2 : here;
    if (steps > MAX_STEPS) {
        shared->end = SILICON_HUNG;
    } else if (memcmp(tables, pristine, sizeof pristine) || memcmp(boot, ring0, sizeof ring0)) {
        memcpy(tables, pristine, sizeof pristine);
        memcpy(boot, ring0, sizeof ring0);
        shared->end = SILICON_BAD;
        snprintf(shared->why, sizeof shared->why, "Unicorn: the block reached its tables");
    } else if (seen) {
        shared->end = SILICON_FAULT;
    } else if (e == UC_ERR_INSN_INVALID || out->eip != in->eip + shared->len) {
        event(VEC_UD, 0, 0); /* which some instructions reach without a hook */
        shared->end = SILICON_FAULT;
    } else if (e) {
        shared->end = SILICON_BAD;
        snprintf(shared->why, sizeof shared->why, "Unicorn: %s", uc_strerror(e));
    }
}

int main(void)
{
    char byte;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, UNICORN_FD_MEMORY, 0);
    if (shared == MAP_FAILED) {
        fprintf(stderr,
                "oracle-unicorn: a helper of `chrysalis validate isa`, not to be run alone\n");
        return 2;
    }
    byte = make() ? 'y' : 'n';
    while (write(UNICORN_FD_SOCKET, &byte, 1) == 1 && read(UNICORN_FD_SOCKET, &byte, 1) == 1)
        run();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Instructions about the processor: identification, time, where its tables are, and the privileged
 * ones, of which a process gets the fault. The rest of the privileged set waits for the PC board;
 * until then it is reported as unimplemented.
 */
#include "isa-frontend/interp_int.h"

/*
 * What SGDT, SIDT, SMSW, SLDT and STR show to a user: as Linux has it on a processor that forbids
 * them to users (UMIP) and where the kernel answers for it. So they are the same everywhere.
 */
enum {
    SHOWN_GDT = 0xfffe0000,
    SHOWN_IDT = 0xffff0000,
    SHOWN_CR0 = 0x80050033, /* PG AM WP NE ET MP PE */
    SHOWN_TR = 0x80,        /* GDT entry 16, as a 32-bit Linux has it */
    SHOWN_LDT = 0x88        /* entry 17, of a process that has one */
};

/* Stores the limit, 0, and a base. */
static void store_table(const struct insn *in, uint32_t a, uint32_t base, uint32_t mode)
{
    if (in->seg == SEG_CS)
        cms_guest_fault(X_GP, 0);
    if (!ia32_seg_plain(mode, in->seg))
        ia32_seg_check(in->seg, ia32_offset(in), 6, SEGA_WRITE);
    hw_gst16(a, 0);
    store(a + 2, 2, base);
    store(a + 4, 2, base >> 16);
}

/* A selector or machine status: 16 bits to memory, the operand size to a register. */
static void show(const struct insn *in, uint32_t a, uint32_t v)
{
    if (in->o[0].kind != O_MEM) {
        set_reg_of(in->o[0].reg, in->opsize, v);
        return;
    }
    if (in->seg == SEG_CS)
        cms_guest_fault(X_GP, 0);
    hw_gst16(a, v);
}

static uint32_t done(uint32_t next)
{
    retire(next);
    return IX_NEXT;
}

uint32_t ia32_system(const struct insn *in, uint32_t mode)
{
    const uint32_t next = in->eip + in->length, attr = ia32_rows[in->row].attr, size = in->opsize;
    uint32_t a = in->seg != SEG_NONE ? ia32_linear(in) : 0, x, y, r[4];

    if ((attr & AT_P0) && (mode & MODE_CPL3))
        cms_guest_fault(X_GP, 0);
    if ((attr & AT_PI) && (mode & MODE_CPL3) && (hw_g(G_EFL) & EFL_IOPL) != EFL_IOPL)
        cms_guest_fault(X_GP, 0);
    switch (in->op) {
    case I_MOVSEG:
        x = selector(in->o[1].reg);
        if (in->o[0].kind == O_MEM) {
            if (in->seg == SEG_CS)
                cms_guest_fault(X_GP, 0);
            hw_gst16(a, x);
        } else {
            set_reg_of(in->o[0].reg, size, x);
        }
        return done(next);
    case I_LOADSEG:
    case I_POPSEG:
    case I_LFP: return ia32_load_segment(in, mode);
    case I_LAR:
    case I_LSL:
    case I_VERR:
    case I_VERW: ia32_ask_descriptor(in, a); return done(next);
    case I_SGDT: store_table(in, a, SHOWN_GDT, mode); return done(next);
    case I_SIDT: store_table(in, a, SHOWN_IDT, mode); return done(next);
    case I_SMSW: show(in, a, SHOWN_CR0); return done(next);
    case I_STR: show(in, a, SHOWN_TR); return done(next);
    case I_SLDT:
        hw_commit(0);
        show(in, a, hw_hostcall(0, HC_HAS_LDT) ? SHOWN_LDT : 0);
        return done(next);
    case I_ARPL:
        x = in->o[0].kind == O_MEM ? hw_gld16(a) : reg_of(in->o[0].reg, 2);
        y = reg_of(in->o[1].reg, 2);
        hw_wrcc((x & 3) < (y & 3) ? F_ZF : 0, F_ZF);
        if ((x & 3) < (y & 3)) {
            x = (x & 0xfffc) | (y & 3);
            if (in->seg == SEG_CS)
                cms_guest_fault(X_GP, 0);
            if (in->seg != SEG_NONE && !ia32_seg_plain(mode, in->seg))
                ia32_seg_check(in->seg, ia32_offset(in), 2, SEGA_WRITE);
            if (in->o[0].kind == O_MEM)
                hw_gst16(a, x);
            else
                set_reg_of(in->o[0].reg, 2, x);
        }
        return done(next);
    case I_CPUID:
        ia32_cpuid(hw_g(G_EAX), r);
        hw_setg(G_EAX, r[0]);
        hw_setg(G_EBX, r[1]);
        hw_setg(G_ECX, r[2]);
        hw_setg(G_EDX, r[3]);
        return done(next);
    case I_RDTSC:
        /* The high word first and again, in case the low one wraps in between. */
        do {
            y = hw_mfs(SR_CLOCK_HI);
            x = hw_mfs(SR_CLOCK);
        } while (hw_mfs(SR_CLOCK_HI) != y);
        hw_setg(G_EAX, x);
        hw_setg(G_EDX, y);
        return done(next);
    case I_UD:
    case I_RSM:
    case I_SYSENTER: /* CPUID does not offer it */
    case I_SYSEXIT: cms_guest_fault(X_UD, 0);
    default: cms_unimplemented(in->eip);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Instructions about the processor: segment registers, identification, time, and the privileged
 * ones, of which a process gets the fault. The rest of the privileged set waits for the PC board;
 * until then it is reported as unimplemented.
 */
#include "isa-frontend/interp_int.h"

void ia32_load_segment(uint32_t seg, uint32_t sel)
{
    hw_commit(0); /* the platform wants everything committed; nothing has changed yet */
    if (hw_hostcall((sel & 0xffff) | seg << 16, HC_LOADSEG) == 1)
        cms_guest_fault(X_GP, sel & 0xfffc);
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
        x = in->o[1].kind == O_MEM ? hw_gld16(a) : reg_of(in->o[1].reg, 2);
        ia32_load_segment(in->o[0].reg, x);
        return done(next);
    case I_POPSEG:
        x = hw_gld16(hw_g(G_ESP));
        ia32_load_segment(in->o[0].reg, x);
        hw_setg(G_ESP, hw_g(G_ESP) + size);
        return done(next);
    case I_LFP:
        x = load(a, size);
        y = hw_gld16(a + size);
        ia32_load_segment(in->o[2].reg, y);
        set_reg_of(in->o[0].reg, size, x);
        return done(next);
    case I_ARPL:
        x = in->o[0].kind == O_MEM ? hw_gld16(a) : reg_of(in->o[0].reg, 2);
        y = reg_of(in->o[1].reg, 2);
        hw_wrcc((x & 3) < (y & 3) ? F_ZF : 0, F_ZF);
        if ((x & 3) < (y & 3)) {
            x = (x & 0xfffc) | (y & 3);
            if (in->seg == SEG_CS)
                cms_guest_fault(X_GP, 0);
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

/* SPDX-License-Identifier: MIT */
/*
 * Segment registers by instruction: loads, far transfers within one privilege, and LAR LSL VERR
 * VERW, which ask what a load would find. What a load needs of memory is read first, for reading
 * the descriptor commits; ia32_seg[] is written behind the instruction's own commit.
 */
#include "isa-frontend/interp_int.h"

static uint32_t load_register(uint32_t seg, uint32_t sel, const struct ia32_segment *s,
                              uint32_t next)
{
    ia32_seg_set(seg, sel, s);
    retire(next);
    ia32_seg[seg] = *s;
    return IX_NEXT;
}

uint32_t ia32_load_segment(const struct insn *in, uint32_t mode)
{
    uint32_t a = in->seg != SEG_NONE ? ia32_linear(in) : 0, next = in->eip + in->length, sel, x;
    struct stack s = stack_open(mode);
    struct ia32_segment n;

    switch (in->op) {
    case I_LOADSEG:
        sel = in->o[1].kind == O_MEM ? hw_gld16(a) : reg_of(in->o[1].reg, 2);
        ia32_seg_read(in->o[0].reg, sel, &n);
        load_register(in->o[0].reg, sel, &n, next);
        break;
    case I_POPSEG: /* no more than 16 bits are read */
        sel = hw_gld16(stack_at(&s, s.esp, 2, SEGA_READ));
        ia32_seg_read(in->o[0].reg, sel, &n);
        stack_add(&s, in->opsize);
        hw_setg(G_ESP, s.esp);
        load_register(in->o[0].reg, sel, &n, next);
        break;
    default: /* LFP */
        x = load(a, in->opsize);
        sel = hw_gld16(a + in->opsize);
        ia32_seg_read(in->o[2].reg, sel, &n);
        set_reg_of(in->o[0].reg, in->opsize, x);
        return load_register(in->o[2].reg, sel, &n, next);
    }
    return in->o[0].reg == SEG_SS ? IX_SHADOW : IX_NEXT;
}

/* ---- far transfers ---- */

static uint32_t transfer(uint32_t sel, uint32_t target, const struct ia32_segment *cs)
{
    ia32_seg_set(SEG_CS, (sel & 0xfffc) | (selector(SEG_CS) & 3), cs);
    retire(target);
    ia32_seg[SEG_CS] = *cs;
    return IX_BLOCK;
}

uint32_t ia32_far(const struct insn *in, uint32_t next, uint32_t mode)
{
    uint32_t size = in->opsize, target, sel, flags = 0;
    struct stack s = stack_open(mode);
    struct ia32_segment cs;

    if (!(mode & MODE_PE))
        cms_unimplemented(in->eip);
    switch (in->op) {
    case I_JMPF:
    case I_CALLF:
        if (in->o[0].kind == O_MEM) {
            uint32_t a = ia32_linear(in);
            target = load(a, size);
            sel = hw_gld16(a + size);
        } else {
            target = in->imm;
            sel = in->imm2;
        }
        ia32_seg_read_code(FAR_JUMP, sel, target, &cs);
        if (in->op == I_CALLF) {
            push(&s, size, selector(SEG_CS));
            push(&s, size, next);
            hw_setg(G_ESP, s.esp);
        }
        return transfer(sel, target, &cs);
    case I_RETF:
        /* The selector is read first, which shows if it is on another page. */
        sel = hw_gld16(stack_at(&s, s.esp + size, size, SEGA_READ));
        target = pop(&s, size);
        stack_add(&s, size + in->imm);
        break;
    default:                      /* IRET */
        if (hw_g(G_EFL) & EFL_NT) /* a task switch, for which 64-bit kernels have no place */
            cms_guest_fault(X_GP, 0);
        /* The topmost word is read first, which shows if it is on another page. */
        flags = load(stack_at(&s, s.esp + 2 * size, size, SEGA_READ), size);
        sel = hw_gld16(stack_at(&s, s.esp + size, size, SEGA_READ));
        target = pop(&s, size);
        stack_add(&s, 2 * size);
        break;
    }
    ia32_seg_read_code(FAR_RETURN, sel, target, &cs);
    hw_setg(G_ESP, s.esp);
    if (in->op == I_IRET)
        ia32_set_eflags(flags, size, mode);
    return transfer(sel, target, &cs);
}

/* ---- questions ---- */

/* Bits 19..16 have the limit's, as processors were seen to do. */
enum { LAR_MASK = 0x00ffff00 };

/* LAR and LSL also answer for some descriptors of the system. */
static bool is_known(const struct insn *in, uint32_t hi)
{
    const uint32_t lar = 0x1a3e, lsl = 0x0a0e; /* types: TSS, LDT, gates */

    if (hi & DESC_S)
        return in->op == I_VERR   ? (hi & (DESC_CODE | DESC_RW)) != DESC_CODE
               : in->op == I_VERW ? (hi & (DESC_CODE | DESC_RW)) == DESC_RW
                                  : true;
    return (in->op == I_LAR ? lar : in->op == I_LSL ? lsl : 0) >> (hi >> 8 & 15) & 1;
}

void ia32_ask_descriptor(const struct insn *in, uint32_t a)
{
    uint32_t k = in->nopnds - 1, hi, lo, dpl, v;
    uint32_t sel = in->o[k].kind == O_MEM ? hw_gld16(a) : reg_of(in->o[k].reg, 2);
    bool ok;

    hw_commit(0);
    hi = ia32_descriptor(sel, &lo);
    dpl = hi >> 13 & 3;
    ok = hi && is_known(in, hi);
    if ((hi & (DESC_S | DESC_CODE | DESC_CONFORMING)) != (DESC_S | DESC_CODE | DESC_CONFORMING))
        ok = ok && dpl >= (sel & 3) && dpl >= (selector(SEG_CS) & 3);
    v = in->op == I_LAR ? hi & LAR_MASK : ia32_descriptor_limit(hi, lo);
    if (ok && k == 1)
        set_reg_of(in->o[0].reg, in->opsize, v);
    hw_wrcc(ok ? F_ZF : 0, F_ZF);
}

/* SPDX-License-Identifier: MIT */
/*
 * Lowering: segment registers. Selectors are guest registers, so reading one is a move.
 *
 * Loading one is the interpreter's, which asks the platform for the descriptor, but for the
 * selector that the register holds already: the descriptor caches follow the tables whenever these
 * change (segment.h), so nothing would change, provided that the segment is one that may be loaded.
 * In a mode that has it flat it is.
 */
#include "isa-frontend/lower_int.h"

uint32_t low_selector(struct ir_group *g, uint32_t seg)
{
    uint32_t w = ir_get(g, G_SEL0 + seg / 2);
    return seg & 1 ? ir_bini(g, OP_SRL, w, 16) : ir_un(g, OP_ZEXT16, w);
}

static void require_same(struct ir_group *g, uint32_t seg, uint32_t sel)
{
    uint32_t differs = ir_bin(g, OP_XOR, low_selector(g, seg), sel);
    low_require(g, ir_bini(g, OP_SLTU, differs, 1));
}

enum lower_result low_segment(struct ir_group *g, const struct insn *in)
{
    const struct opnd *d = &in->o[0], *s = &in->o[1];
    uint32_t v, esp;
    switch (in->op) {
    case I_MOVSEG:
        v = low_selector(g, s->reg);
        if (d->kind == O_MEM)
            low_store(g, low_addr(g, in), 2, v);
        else
            low_put(g, d->reg, in->opsize, v);
        break;
    case I_PUSHSEG: /* only 16 bits are written, as by the interpreter */
        v = low_selector(g, d->reg);
        esp = ir_addi(g, ir_get(g, G_ESP), -(int32_t)in->opsize);
        low_store(g, ir_address(g, esp, 0), 2, v);
        ir_put(g, G_ESP, esp);
        break;
    case I_LOADSEG:
        if (!ia32_can_lower_segment(low_mode, d->reg))
            return LOW_NONE;
        v = s->kind == O_MEM ? low_load(g, low_addr(g, in), 2)
                             : low_zext(g, low_reg(g, s->reg, 2), 2);
        require_same(g, d->reg, v);
        break;
    default: /* POPSEG: no more than 16 bits are read */
        if (!ia32_can_lower_segment(low_mode, d->reg))
            return LOW_NONE;
        esp = ir_get(g, G_ESP);
        require_same(g, d->reg, low_load(g, ir_address(g, esp, 0), 2));
        ir_put(g, G_ESP, ir_addi(g, esp, (int32_t)in->opsize));
        break;
    }
    return LOW_NEXT;
}

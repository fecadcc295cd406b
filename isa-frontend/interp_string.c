/* SPDX-License-Identifier: MIT */
/*
 * String instructions. Each iteration of a REP is committed by itself with EIP still on the instruction, so a fault in the
 * middle leaves ECX, ESI and EDI as IA-32 asks, and every iteration counts as one instruction retired.
 *
 * A run of iterations goes on without looking at the instruction's bytes again, unless an iteration stored into them: then
 * the loop ends and the next instruction is fetched anew, so that code which overwrites itself behaves as if every
 * iteration were an instruction of its own.
 */
#include "isa-frontend/interp_int.h"

static inline uint32_t advance(uint32_t reg, uint32_t by, bool a32)
{
    return a32 ? reg + by : hw_ins16(reg, reg + by);
}

uint32_t ia32_string(const struct insn *in, bool single)
{
    const uint32_t size = in->opsize, next = in->eip + in->length, op = in->op;
    const uint32_t step = hw_g(G_EFL) & EFL_DF ? 0u - size : size, base = seg_base(in->seg);
    const bool a32 = in->addrsize == 4, rep = in->rep != REP_NONE;
    const uint32_t mask = a32 ? 0xffffffff : 0xffff, flags = hw_rdcc();
    const bool compares = op == I_CMPS || op == I_SCAS;

    if (op == I_INS || op == I_OUTS)
        return ia32_system(in, hw_mfs(SR_MODE));
    for (;;) {
        uint32_t ecx = hw_g(G_ECX), esi = hw_g(G_ESI), edi = hw_g(G_EDI);
        uint32_t src = (esi & mask) + base, dst = edi & mask;
        bool done = !rep, stored = false;
        if (rep && (ecx & mask) == 0)
            break;
        switch (op) {
        case I_MOVS:
            store(dst, size, load(src, size));
            hw_setg(G_ESI, advance(esi, step, a32));
            hw_setg(G_EDI, advance(edi, step, a32));
            stored = true;
            break;
        case I_STOS:
            store(dst, size, hw_g(G_EAX));
            hw_setg(G_EDI, advance(edi, step, a32));
            stored = true;
            break;
        case I_LODS:
            set_reg_of(G_EAX, size, load(src, size));
            hw_setg(G_ESI, advance(esi, step, a32));
            break;
        case I_CMPS: {
            uint32_t y = load(dst, size), x = load(src, size); /* in this order, seen on processors */
            BY_SIZE(sub, size, x, y);
            hw_setg(G_ESI, advance(esi, step, a32));
            hw_setg(G_EDI, advance(edi, step, a32));
            break;
        }
        default: { /* SCAS */
            uint32_t y = load(dst, size);
            BY_SIZE(sub, size, hw_g(G_EAX), y);
            hw_setg(G_EDI, advance(edi, step, a32));
            break;
        }
        }
        if (rep) {
            ecx = advance(ecx, 0xffffffff, a32);
            hw_setg(G_ECX, ecx);
            done = (ecx & mask) == 0;
            if (compares)
                done |= hw_setcc(CC_E) != (in->rep == REP_E);
        }
        if (done)
            break;
        if (compares) /* a fault in a later iteration shows the flags as they were before the instruction */
            hw_wrcc(flags, F_ALL);
        retire(in->eip);
        if (single || (stored && dst - in->eip + size - 1 < in->length + size - 1))
            return IX_NEXT;
    }
    retire(next);
    return IX_NEXT;
}

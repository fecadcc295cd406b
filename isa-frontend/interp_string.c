/* SPDX-License-Identifier: MIT */
/*
 * String instructions. Each iteration of a REP is committed by itself with EIP still on the
 * instruction, so a fault in the middle leaves ECX, ESI and EDI as IA-32 asks, and every iteration
 * counts as one instruction retired.
 *
 * A run of iterations goes on without looking at the instruction's bytes again, unless an iteration
 * stored into them: then the loop ends and the next instruction is fetched anew, so that code which
 * overwrites itself behaves as if every iteration were an instruction of its own.
 *
 * Long runs of REP MOVS and REP STOS go 16 bytes to a commit. That is as precise: such a block lies
 * in one page, for source and destination, so if it faults, it faults in its first iteration, and
 * rolls back to the state before that one. Other traps (T-bits, dirty marks, deadlines) do not show
 * to the guest and come back here for single iterations. The last iteration is never part of a
 * block: it commits EIP.
 */
#include "isa-frontend/interp_int.h"

enum { BLOCK = 16 };

/* As many blocks as are left in the pages. Forwards and with 32-bit addresses only. */
static void run_blocks(const struct insn *in, uint32_t size, uint32_t base)
{
    const bool moves = in->op == I_MOVS;
    const uint32_t per_block = BLOCK / size;
    uint32_t ecx = hw_g(G_ECX), esi = hw_g(G_ESI), dst = hw_g(G_EDI), src = esi + base;
    uint32_t room = 4096 - (dst & 4095), n = (ecx > 4096 ? 4096 : ecx - 1) * size, a, b, c, d;

    if (moves && room > 4096 - (src & 4095))
        room = 4096 - (src & 4095);
    n = (n < room ? n : room) / BLOCK;
    /* A source that the block itself writes, and our own bytes: one by one. */
    if (n == 0 || (moves && dst - src - 1 < BLOCK - 1) || in->eip - dst < n * BLOCK ||
        dst - in->eip < in->length)
        return;
    a = b = c = d = hw_g(G_EAX);
    if (size == 1)
        a = b = c = d = hw_zext8(a) * 0x01010101;
    else if (size == 2)
        a = b = c = d = hw_zext16(a) * 0x00010001;
    do {
        if (moves) {
            a = hw_gld32(src);
            b = hw_gld32(src + 4);
            c = hw_gld32(src + 8);
            d = hw_gld32(src + 12);
            src += BLOCK;
            esi += BLOCK;
            hw_setg(G_ESI, esi);
        }
        hw_gst32(dst, a);
        hw_gst32(dst + 4, b);
        hw_gst32(dst + 8, c);
        hw_gst32(dst + 12, d);
        dst += BLOCK;
        ecx -= per_block;
        hw_setg(G_EDI, dst);
        hw_setg(G_ECX, ecx);
        if (size == 4)
            hw_commit(BLOCK / 4);
        else if (size == 1)
            hw_commit(BLOCK);
        else
            hw_commit(BLOCK / 2);
    } while (--n);
}

static inline uint32_t advance(uint32_t reg, uint32_t by, bool a32)
{
    return a32 ? reg + by : hw_ins16(reg, reg + by);
}

uint32_t ia32_string(const struct insn *in, bool single)
{
    const uint32_t size = in->opsize, next = in->eip + in->length, op = in->op;
    const uint32_t mode = hw_mfs(SR_MODE), step = hw_g(G_EFL) & EFL_DF ? 0u - size : size;
    const bool has_src = op == I_MOVS || op == I_LODS || op == I_CMPS, has_dst = op != I_LODS;
    const bool check_src = has_src && !ia32_seg_plain(mode, in->seg);
    const bool check_dst = has_dst && !ia32_seg_plain(mode, SEG_ES);
    const bool a32 = in->addrsize == 4, rep = in->rep != REP_NONE;
    const uint32_t mask = a32 ? 0xffffffff : 0xffff, flags = hw_rdcc();
    const bool compares = op == I_CMPS || op == I_SCAS;
    const bool blocks = rep && a32 && !single && step == size && (op == I_MOVS || op == I_STOS) &&
                        !check_src && !check_dst;
    uint32_t base;

    if (op == I_INS || op == I_OUTS)
        return ia32_system(in, mode);
    base = has_src ? seg_base(in->seg) : 0;
    for (;;) {
        if (blocks && hw_g(G_ECX) > BLOCK / size)
            run_blocks(in, size, base);
        uint32_t ecx = hw_g(G_ECX), esi = hw_g(G_ESI), edi = hw_g(G_EDI);
        uint32_t src = (esi & mask) + base, dst = (edi & mask) + ia32_seg[SEG_ES].base;
        bool done = !rep, stored = false;
        if (rep && (ecx & mask) == 0)
            break;
        if (check_src && op != I_CMPS)
            ia32_seg_check(in->seg, esi & mask, size, SEGA_READ);
        uint32_t v = op == I_MOVS ? load(src, size) : 0; /* before ES is looked at */
        if (check_dst)
            ia32_seg_check(SEG_ES, edi & mask, size,
                           op == I_MOVS || op == I_STOS ? SEGA_WRITE : SEGA_READ);
        switch (op) {
        case I_MOVS:
            store(dst, size, v);
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
            uint32_t y = load(dst, size), x; /* in this order, seen on processors */
            if (check_src)
                ia32_seg_check(in->seg, esi & mask, size, SEGA_READ);
            x = load(src, size);
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
        if (compares) /* a fault in a later iteration shows the flags as they were before the
                         instruction */
            hw_wrcc(flags, F_ALL);
        retire(in->eip);
        if (single || (stored && dst - in->eip + size - 1 < in->length + size - 1))
            return IX_NEXT;
    }
    retire(next);
    return IX_NEXT;
}

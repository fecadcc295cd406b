/* SPDX-License-Identifier: MIT */
/*
 * MMX, SSE and SSE2, interpreted. One way for nearly all: the row names a function of the hardware
 * (ia32_row.fn, vliw-model/simd.def); the source comes into a scratch register if it is memory or a
 * general register, one op does it, and what it gives is where it belongs, or is stored from the
 * scratch register. The few without a function have a case in special(); images of the whole state
 * are in interp_fxsave.c.
 *
 * XMM registers and MXCSR are shadowed like all guest state. An unmasked floating-point exception
 * is found by the op, which traps, and recover.c makes an #XM of it: nothing is checked here.
 *
 * An MMX register is an x87 register by its physical number. Every instruction that touches one
 * (the rows with XMF) reports a pending x87 exception first, and leaves the x87 with TOP 0 and all
 * registers in use, even if it faults then, as processors do; its results get ones in the place of
 * sign and exponent by the op itself.
 *
 * Two entries: ia32_simd for a decoded instruction, and ia32_simd_fast straight from the bytes, for
 * the loop of the fast handlers, with their assumptions (32-bit addresses, flat segments) and no
 * prefix but the mandatory one.
 *
 * To add an instruction: its row; a case in special() if no function of the hardware does it.
 */
#include "isa-frontend/simd.h"

enum { W_SCRATCH = WIDE_TEMP };
_Static_assert((int)W_SCRATCH == 0, "wide loads and stores below name w0");

static uint32_t wide_number(const struct opnd *o)
{
    return o->reg + (o->kind == O_MMX ? (uint32_t)WIDE_X87 : (uint32_t)WIDE_XMM);
}

static uint32_t do_function(uint32_t fn, uint32_t b)
{
    switch (simd_fn_op[fn]) {
    case OP_VALU: return hw_valu(b);
    case OP_VMUL: return hw_vmul(b);
    case OP_VFP: return hw_vfp(b);
    default: return hw_vfdiv(b);
    }
}

/* Memory of the size of an operand into the scratch register, and from there. */
static void fetch(uint32_t a, uint32_t size, bool unaligned)
{
    switch (size) {
    case 2: hw_wput(hw_gld16(a), 4 * W_SCRATCH); break;
    case 4: hw_wput(hw_gld32(a), 4 * W_SCRATCH); break;
    case 8: hw_gldw(W_SCRATCH, a); break;
    default:
        if (unaligned)
            hw_gldq(W_SCRATCH, a);
        else
            hw_gldqa(W_SCRATCH, a);
        break;
    }
}

static void store_scratch(uint32_t a, uint32_t size, bool unaligned)
{
    switch (size) {
    case 4: hw_gst32(a, hw_wget(4 * W_SCRATCH)); break;
    case 8: hw_gstw(W_SCRATCH, a); break;
    default:
        if (unaligned)
            hw_gstq(W_SCRATCH, a);
        else
            hw_gstqa(W_SCRATCH, a);
        break;
    }
}

/* What an instruction of MMX does to the x87. */
static void enter_mmx(uint32_t tags)
{
    hw_mts(hw_mfs(SR_FSW) & ~(uint32_t)FS_TOP, SR_FSW);
    hw_mts(x87_state(0, tags, hw_mfs(SR_FTAG) & X87_UNCLEAN), SR_FTAG);
}

/* The same, for an instruction that may fault still. */
static void enter_mmx_first(uint32_t tags)
{
    uint32_t now = hw_mfs(SR_FTAG);
    if (now == x87_state(0, tags, now & X87_UNCLEAN))
        return;
    enter_mmx(tags);
    cms_commit_step();
}

static void function(const struct insn *in, const struct ia32_row *row, uint32_t a)
{
    const struct opnd *to = &in->o[0], *from = &in->o[1];
    uint32_t d = W_SCRATCH, s = W_SCRATCH, m = to->kind == O_MMX, v;
    if (from->kind == O_MEM)
        fetch(a, from->size, row->attr & AT_UA);
    else if (from->kind == O_REG)
        hw_wput(hw_gget(from->reg), 4 * W_SCRATCH);
    else if (from->kind != O_IMM)
        s = wide_number(from);
    if (to->kind == O_MMX || to->kind == O_XMM)
        d = wide_number(to);
    else if (from->kind == O_MMX) /* pmovmskb, pextrw */
        m = 1;
    if ((row->attr & (AT_XMF | AT_XXM)) == (AT_XMF | AT_XXM))
        enter_mmx_first(0xff);
    v = do_function(row->fn, SIMD_B(d, s, row->fn, in->imm, m));
    if (to->kind == O_MEM)
        store_scratch(a, to->size, row->attr & AT_UA);
    else if (to->kind == O_REG)
        hw_gput(v, to->reg);
    if (row->attr & AT_FL)
        hw_wrcc(v, F_ALL);
}

/* Bytes whose mask has its top bit set, to DS:[EDI]. As on silicon, all may fault, whatever the
 * mask, 8 by 8 and the upper ones first. */
static void masked_move(const struct insn *in)
{
    uint32_t a = hw_g(G_EDI), from = 4 * wide_number(&in->o[0]), mask = 4 * wide_number(&in->o[1]);
    if (in->addrsize == 2)
        a = hw_zext16(a);
    if (!ia32_seg_plain(hw_mfs(SR_MODE), in->seg))
        ia32_seg_check(in->seg, a, in->o[0].size, SEGA_WRITE);
    a += seg_base(in->seg);
    if (hw_mfs(SR_ALIGN_CHECK) && (a & 7))
        cms_guest_fault(X_AC, 0);
    for (uint32_t half = in->o[0].size; half > 0;) {
        half -= 8;
        if (hw_probew(a + half, 8))
            hw_gstw(W_SCRATCH, a + half);
        for (uint32_t i = half; i < half + 8; i++)
            if (hw_wget(mask + i / 4) >> (i % 4 * 8 + 7) & 1)
                hw_gst8(a + i, hw_wget(from + i / 4) >> i % 4 * 8);
    }
}

static void special(const struct insn *in, uint32_t a)
{
    switch (in->op) {
    case I_MOVD: {
        uint32_t v = hw_wget(4 * wide_number(&in->o[1]));
        if (in->o[0].kind == O_MEM)
            hw_gst32(a, v);
        else
            hw_gput(v, in->o[0].reg);
        break;
    }
    case I_MOVNTI: hw_gst32(a, hw_gget(in->o[1].reg)); break;
    case I_MASKMOVQ:
    case I_MASKMOVDQU: masked_move(in); break;
    case I_LDMXCSR: simd_set_mxcsr(hw_gld32(a)); break;
    case I_STMXCSR: hw_gst32(a, hw_mfs(SR_MXCSR)); break;
    case I_FXSAVE: simd_fxsave(a); break;
    case I_FXRSTOR: simd_fxrstor(a); break;
    case I_CLFLUSH: hw_gld8(a); break; /* faults like a load */
    default: break;                    /* emms, fences */
    }
}

static bool writes_memory(const struct insn *in)
{
    switch (in->op) {
    case I_MASKMOVQ:
    case I_MASKMOVDQU: return true;
    case I_LDMXCSR:
    case I_FXRSTOR:
    case I_CLFLUSH: return false;
    default: return in->o[0].kind == O_MEM;
    }
}

void simd_set_mxcsr(uint32_t v)
{
    if (v & ~(uint32_t)MXCSR_ALL)
        cms_guest_fault(X_GP, 0);
    hw_mts(v, SR_MXCSR);
}

static void execute(const struct insn *in, uint32_t a, uint32_t next)
{
    const struct ia32_row *row = &ia32_rows[in->row];
    if (row->attr & AT_XMF) {
        if (hw_mfs(SR_FSW) & FS_ES)
            cms_guest_fault(X_MF, 0);
        if (in->o[0].kind == O_MEM)
            enter_mmx_first(hw_mfs(SR_FTAG) & 0xff);
        else if (in->op == I_MASKMOVQ)
            enter_mmx_first(0xff);
        ia32_seg_check_mmx(in);
    }
    if (in->seg == SEG_CS && writes_memory(in))
        cms_guest_fault(X_GP, 0); /* code segments are never writable */
    if (row->fn == FN_NONE)
        special(in, a);
    else
        function(in, row, a);
    if (row->attr & AT_XMF)
        enter_mmx(in->op == I_EMMS ? 0 : 0xff);
    retire(next);
}

void ia32_simd(const struct insn *in)
{
    uint32_t next = in->eip + in->length;
    if (!(hw_mfs(SR_MODE) & MODE_CODE32))
        next &= 0xffff;
    execute(in, in->seg != SEG_NONE ? ia32_linear(in) : 0, next);
}

/* The last offset in a page at which all words fetched below lie in that page. */
enum { LAST = 0xff0 };

uint32_t ia32_simd_fast(void)
{
    struct insn in;
    uint32_t eip = hw_g(G_EIP), w, first, prefix = 0, modrm, mod, base, a = 0;
    if ((eip & 0xfff) > LAST)
        return IX_SLOW;
    w = hw_gldx32(eip);
    first = w & 0xff;
    if (first != 0x0f) {
        if (first != 0x66 && first - 0xf2 > 1)
            return IX_SLOW;
        prefix = first == 0x66 ? 1 : first == 0xf3 ? 2 : 3;
        if ((w >> 8 & 0xff) != 0x0f)
            return IX_SLOW;
        eip++;
        w >>= 8;
        modrm = w >> 16;
    } else {
        modrm = w >> 16 & 0xff;
    }
    if (!ia32_decode_simd(prefix, w >> 8 & 0xff, modrm, &in))
        return IX_SLOW;
    eip += 3;
    mod = modrm >> 6;
    if (mod != 3) {
        base = modrm & 7;
        if (base == 4) {
            uint32_t sib = hw_gldx8(eip++), index = sib >> 3 & 7;
            base = sib & 7;
            if (index != 4)
                a = hw_gget(index) << (sib >> 6);
        }
        if (mod == 0 && base == 5) {
            a += hw_gldx32(eip);
            eip += 4;
        } else {
            a += hw_gget(base);
        }
        if (mod == 1) {
            a += hw_sext8(hw_gldx8(eip));
            eip++;
        } else if (mod == 2) {
            a += hw_gldx32(eip);
            eip += 4;
        }
    }
    in.imm = 0;
    if (in.o[2].kind == O_IMM || in.o[1].kind == O_IMM)
        in.imm = hw_gldx8(eip++);
    in.seg = SEG_DS; /* or SS; nothing tells them apart here */
    execute(&in, a, eip);
    return IX_NEXT;
}

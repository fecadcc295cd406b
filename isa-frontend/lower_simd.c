/* SPDX-License-Identifier: MIT */
/*
 * Lowering of SSE and SSE2. As in the interpreter one way does nearly all: the row names a function
 * of the hardware (ia32_row.fn), which becomes one op on XMM registers by number. A memory operand
 * comes into one of w0..w15 first, or straight into its register where nothing else is to be done
 * with it; results for memory are stored from their register, or made in one of w0..w15.
 *
 * Nothing is guarded and nothing checked: operands of 16 bytes that are not aligned and unmasked
 * floating-point exceptions trap by themselves, and exceptions stick to MXCSR, which is shadowed as
 * the registers are. Whatever traps, the group is rolled back and the interpreter finds which fault
 * is the guest's; so the order of accesses within an instruction does not count here.
 *
 * Stores of 16 bytes take two entries of the store buffer, three where they are not aligned:
 * ir_wide counts them.
 *
 * An instruction that touches an MMX register (AT_XMF) asks lower_x87.c, which knows how the x87
 * stands, to make way for it; the 64-bit form of the function does the rest.
 *
 * Not here: MASKMOVQ, MASKMOVDQU, images of the whole state.
 *
 * No two calls that append records stand in one argument list: their order would be the compiler's,
 * and the two builds of CMS would differ.
 *
 * To add an instruction: its row in ia32_simd.def; a case in special() and in special_known() if no
 * function of the hardware does it.
 */
#include "isa-frontend/lower_int.h"

static uint32_t wide_number(const struct opnd *o)
{
    return o->reg + (o->kind == O_MMX ? (uint32_t)WIDE_X87 : (uint32_t)WIDE_XMM);
}

/* d = fn(d, s), of 64 bits if `m`: its result for a general register. */
static uint32_t apply(struct ir_group *g, uint32_t fn, uint32_t d, uint32_t s, uint32_t imm8,
                      uint32_t m)
{
    return ir_emiti(g, simd_fn_op[fn], 0, (int32_t)SIMD_B(d, s, fn, imm8 & 0xff, m), 0);
}

static void set_word0(struct ir_group *g, uint32_t w, uint32_t v)
{
    ir_emiti(g, OP_WPUT, v, (int32_t)(4 * w), 0);
}

static uint32_t load_op(uint32_t size, bool unaligned)
{
    return size == 4 ? OP_GLDDZ : size == 8 ? OP_GLDWZ : unaligned ? OP_GLDQ : OP_GLDQA;
}

/* Memory of `size` bytes into wide register w; what is beyond 4 and 8 of them becomes 0. */
static void fetch(struct ir_group *g, const struct insn *in, uint32_t size, bool unaligned,
                  uint32_t w)
{
    struct ir_addr at = low_addr(g, in);
    if (size >= 4)
        ir_wide(g, load_op(size, unaligned), at, w);
    else
        set_word0(g, w, low_load(g, at, size));
}

static void store(struct ir_group *g, const struct insn *in, uint32_t size, bool unaligned,
                  uint32_t w)
{
    struct ir_addr at = low_addr(g, in);
    uint32_t op = size == 4 ? OP_GSTD : size == 8 ? OP_GSTW : unaligned ? OP_GSTQ : OP_GSTQA;
    ir_wide(g, op, at, w);
}

/* What leaves the bytes it stores, or replaces no others than it loads, needs no op. */
static bool only_moves(uint32_t fn, uint32_t size)
{
    return fn == FN_MOVE || (fn == FN_MERGEQ && size == 8) || (fn == FN_MOVQ && size == 8) ||
           (fn == FN_MERGEL && size == 4);
}

static void function(struct ir_group *g, const struct insn *in, const struct ia32_row *row)
{
    const struct opnd *to = &in->o[0], *from = &in->o[1];
    bool unaligned = row->attr & AT_UA;
    uint32_t s, v, t, m = to->kind == O_MMX || (to->kind != O_XMM && from->kind == O_MMX);
    if (to->kind == O_MEM) {
        s = wide_number(from);
        if (!only_moves(row->fn, to->size)) {
            t = low_wide_temp();
            apply(g, row->fn, t, s, in->imm, m);
            s = t;
        }
        store(g, in, to->size, unaligned, s);
        return;
    }
    if (from->kind == O_MEM) {
        if (row->fn == FN_MERGEQ) { /* movlps, movlpd: the upper half stays */
            ir_wide(g, OP_GLDW, low_addr(g, in), wide_number(to));
            return;
        }
        bool straight =
            to->kind == O_XMM && (row->fn == FN_MOVE || row->fn == FN_MOVQ || row->fn == FN_MOVL);
        s = straight ? wide_number(to) : low_wide_temp();
        fetch(g, in, from->size, unaligned, s);
        if (straight)
            return;
    } else if (from->kind == O_REG) {
        s = low_wide_temp();
        set_word0(g, s, low_reg(g, from->reg, 4));
    } else {
        /* Shifts by an immediate have no source. */
        s = wide_number(from->kind == O_IMM ? to : from);
    }
    v = apply(g, row->fn, to->kind == O_REG ? s : wide_number(to), s, in->imm, m);
    if (to->kind == O_REG)
        low_put(g, to->reg, 4, v);
    if (row->attr & AT_FL)
        ir_emiti(g, OP_WRCC, v, F_ALL, 0);
}

static bool special_known(uint32_t op)
{
    return op == I_MOVD || op == I_MOVNTI || op == I_STMXCSR || op == I_LDMXCSR ||
           op == I_CLFLUSH || op == I_EMMS || op == I_LFENCE || op == I_MFENCE || op == I_SFENCE;
}

static void special(struct ir_group *g, const struct insn *in)
{
    struct ir_addr at;
    uint32_t v;
    switch (in->op) {
    case I_MOVD:
        if (in->o[0].kind == O_MEM)
            store(g, in, 4, false, wide_number(&in->o[1]));
        else
            low_put(g, in->o[0].reg, 4,
                    ir_emiti(g, OP_WGET, 0, (int32_t)(4 * wide_number(&in->o[1])), 0));
        break;
    case I_MOVNTI:
        at = low_addr(g, in);
        low_store(g, at, 4, low_reg(g, in->o[1].reg, 4));
        break;
    case I_LDMXCSR:
        v = low_load(g, low_addr(g, in), 4);
        low_require(g, ir_bini(g, OP_SLTU, v, MXCSR_ALL + 1));
        ir_emiti(g, OP_MTS, v, SR_MXCSR, 0);
        break;
    case I_STMXCSR:
        at = low_addr(g, in);
        v = ir_emiti(g, OP_MFS, 0, SR_MXCSR, 0);
        low_store(g, at, 4, v);
        break;
    case I_CLFLUSH: low_load(g, low_addr(g, in), 1); break; /* faults like a load */
    default: break;                                         /* emms, fences */
    }
}

enum lower_result low_simd(struct ir_group *g, const struct insn *in)
{
    const struct ia32_row *row = &ia32_rows[in->row];
    if (row->fn == FN_NONE && !special_known(in->op))
        return LOW_NONE;
    if (row->attr & AT_XMF) {
        enum lower_result how = low_mmx(g, in->op == I_EMMS ? 0 : 0xff);
        if (how != LOW_NEXT)
            return how;
    }
    if (row->fn != FN_NONE)
        function(g, in, row);
    else
        special(g, in);
    return LOW_NEXT;
}

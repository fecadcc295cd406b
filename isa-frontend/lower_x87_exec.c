/* SPDX-License-Identifier: MIT */
/*
 * Lowering of the x87: what an instruction does, once its form is known (lower_x87_form.c) and the
 * stack holds what it needs. Rules are told in lower_x87.c.
 */
#include "isa-frontend/lower_x87.h"

/* The operand's bytes into a temporary: its number and format. */
static uint32_t fetch(struct ir_group *g, const struct insn *in, uint32_t format)
{
    uint32_t w = lx_temp();
    if (format == WF_I16) {
        lx_set_word(g, w, 0, low_load(g, low_addr(g, in), 2));
        return w + 32 * format;
    }
    ir_wide(g, format == WF_F32 || format == WF_I32 ? OP_GLDDZ : OP_GLDW, low_addr(g, in), w);
    if (format == WF_X80)
        lx_set_word(g, w, 2, low_load(g, low_further(g, in, 8), 2));
    return w + 32 * format;
}

static void store_top(struct ir_group *g, const struct insn *in, uint32_t format)
{
    uint32_t w = lx_temp(), v;
    lx.c1 = ir_float(g, OP_WST, w, 0, lx_st(0) + 32 * format);
    if (format == WF_I16) {
        v = lx_word(g, w, 0);
        low_store(g, low_addr(g, in), 2, v);
        return;
    }
    ir_wide(g, format == WF_F32 || format == WF_I32 ? OP_GSTD : OP_GSTW, low_addr(g, in), w);
    if (format == WF_X80) {
        v = lx_word(g, w, 2);
        low_store(g, low_further(g, in, 8), 2, v);
    }
}

static void compare(struct ir_group *g, const struct x87_form *f, uint32_t b)
{
    uint32_t v = lx_fp(g, f->op, lx_st(0), b);
    if (f->flags) {
        v = ir_bini(g, OP_AND, ir_bini(g, OP_SRL, v, 8), F_CF | F_PF | F_ZF);
        ir_emiti(g, OP_WRCC, v, F_ALL, 0);
        return;
    }
    lx.c1 = lx.cc = v;
}

static void conditional(struct ir_group *g, uint32_t cond, uint32_t k, uint32_t from)
{
    uint32_t old = lx.map[k], v[3];
    if (old == from)
        return;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t a = lx_word(g, from, i), c = lx_word(g, old, i);
        v[i] = ir_select(g, cond, a, c);
    }
    uint32_t to = lx_renew(k);
    for (uint32_t i = 0; i < 3; i++)
        lx_set_word(g, to, i, v[i]);
}

static void constant(struct ir_group *g, bool one)
{
    uint32_t w = lx_renew(lx.top);
    lx_set_word(g, w, 0, IR_ZERO);
    lx_set_word(g, w, 1, ir_const(g, one ? (int32_t)0x80000000u : 0));
    lx_set_word(g, w, 2, ir_const(g, one ? 0x3fff : 0));
}

/* Its sign is in the third word. */
static void change_sign(struct ir_group *g, bool flip)
{
    uint32_t old = lx_st(0), v = lx_word(g, old, 2), to = lx_renew(lx.top);
    v = flip ? ir_bini(g, OP_XOR, v, 0x8000) : ir_bini(g, OP_AND, v, 0x7fff);
    if (to != old)
        ir_float(g, OP_WLD, to, 0, old);
    lx_set_word(g, to, 2, v);
}

/* fxam of a register in use: its class by exponent, leading bit and fraction. */
static uint32_t class_of(struct ir_group *g, uint32_t w)
{
    uint32_t se = lx_word(g, w, 2), hi = lx_word(g, w, 1), lo = lx_word(g, w, 0);
    uint32_t e = ir_bini(g, OP_AND, se, 0x7fff), j = ir_bini(g, OP_SRL, hi, 31);
    uint32_t zero = ir_bini(g, OP_SLTU, e, 1), past = ir_bini(g, OP_SLTU, e, 0x7fff);
    uint32_t any = ir_bin(g, OP_SLTU, IR_ZERO, ir_bin(g, OP_OR, hi, lo));
    uint32_t fraction = ir_bini(g, OP_SLL, hi, 1), normal = ir_bini(g, OP_SLL, j, 10), v, m;
    /* The greatest exponent: infinity C2 C0, NaN C0. */
    fraction = ir_bin(g, OP_SLTU, IR_ZERO, ir_bin(g, OP_OR, fraction, lo));
    fraction = ir_bini(g, OP_SLL, fraction, 10);
    v = ir_bin(g, OP_SUB, ir_const(g, FS_C2 | FS_C0), fraction);
    v = ir_bin(g, OP_AND, v, ir_bin(g, OP_SUB, IR_ZERO, j));
    /* In between: normal C2, or unsupported. */
    m = ir_bin(g, OP_SUB, IR_ZERO, past);
    v = ir_bin(g, OP_XOR, v, ir_bin(g, OP_AND, ir_bin(g, OP_XOR, v, normal), m));
    /* The least: zero C3, denormal C3 C2. */
    any = ir_bini(g, OP_OR, ir_bini(g, OP_SLL, any, 10), FS_C3);
    m = ir_bin(g, OP_SUB, IR_ZERO, zero);
    v = ir_bin(g, OP_XOR, v, ir_bin(g, OP_AND, ir_bin(g, OP_XOR, v, any), m));
    se = ir_bini(g, OP_SRL, ir_bini(g, OP_AND, se, 0x8000), 6);
    return ir_bin(g, OP_OR, v, se); /* the sign: C1 */
}

void x87_lower_form(struct ir_group *g, const struct insn *in, const struct x87_form *f)
{
    uint32_t v, w, k;
    uint8_t t;
    switch ((enum x87_kind)f->kind) {
    case K_FLD_MEM:
        w = fetch(g, in, f->format);
        lx_push_slot();
        lx_compute(g, OP_WLD, lx.top, 0, w);
        break;
    case K_FLD_REG:
        w = lx_st(f->i);
        lx_push_slot();
        lx.map[lx.top] = (uint8_t)w;
        lx.c1 = 0;
        break;
    case K_FST_MEM: store_top(g, in, f->format); break;
    case K_FST_REG:
        lx.map[lx_slot(f->i)] = (uint8_t)lx_st(0);
        lx.tag |= 1u << lx_slot(f->i);
        lx.c1 = 0;
        break;
    case K_FXCH:
        k = lx_slot(f->i);
        t = lx.map[k];
        lx.map[k] = lx.map[lx.top];
        lx.map[lx.top] = t;
        lx.c1 = 0;
        break;
    case K_ARITH_MEM:
        w = fetch(g, in, f->format);
        lx_compute(g, f->op, lx.top, lx_st(0), w);
        break;
    case K_ARITH_REG:
        w = lx_st(f->i);
        lx_compute(g, f->op, lx_slot(f->d), lx_st(f->d), w);
        break;
    case K_COM_MEM: compare(g, f, fetch(g, in, f->format)); break;
    case K_COM_REG: compare(g, f, lx_st(f->i)); break;
    case K_TST:
        w = lx_temp();
        lx_set_word(g, w, 0, IR_ZERO);
        lx.c1 = lx.cc = lx_fp(g, OP_FCOM, lx_st(0), w + 32 * WF_I16);
        break;
    case K_XAM: lx.c1 = lx.cc = class_of(g, lx_st(0)); break;
    case K_SIGN:
        change_sign(g, (in->imm & 0xff) == 0xe0);
        lx.c1 = 0;
        break;
    case K_UNARY: lx_compute(g, f->op, lx.top, lx_st(0), 0); break;
    case K_CONST:
        lx_push_slot();
        constant(g, (in->imm & 0xff) == 0xe8);
        lx.c1 = 0;
        break;
    case K_CMOV: conditional(g, f->op, lx.top, lx_st(f->i)); break;
    case K_STSW_AX: low_put(g, G_EAX, 2, lx_status_word(g)); break;
    case K_STSW:
        v = lx_status_word(g);
        low_store(g, low_addr(g, in), 2, v);
        break;
    case K_STCW:
        v = lx_read_special(g, SR_FCW);
        low_store(g, low_addr(g, in), 2, v);
        break;
    case K_LDCW:
        v = low_load(g, low_addr(g, in), 2);
        v = ir_bini(g, OP_AND, v, 0x1f3f);
        lx_write_special(g, SR_FCW, ir_bini(g, OP_OR, v, 0x40));
        break;
    case K_FREE:
        lx.tag &= ~(1u << lx_slot(f->i));
        lx.c1 = 0;
        break;
    case K_TURN:
        lx.top = (lx.top + ((in->imm & 0xff) == 0xf7 ? 1 : 7)) & 7;
        lx.c1 = 0;
        break;
    default: break; /* fnop, fwait */
    }
    lx_pop_slots(f->pops);
}

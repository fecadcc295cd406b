/* SPDX-License-Identifier: MIT */
/*
 * Lowering of the x87: what an instruction does, once its form is known (lower_x87_form.c) and the
 * stack holds what it needs. Rules are told in lower_x87.c.
 */
#include "isa-frontend/lower_x87.h"

enum {
    FCW_INIT = 0x37f,
    FS_ALL_EXC = 0x80ff, /* all exceptions, SF, and what tells of one pending */
    E_BIAS = 16383
};

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

/* Rounded to nearest in the table; other directions take away 1, or add 1 to log2 10 alone. */
static void constant(struct ir_group *g, uint32_t n)
{
    static const struct {
        uint32_t lo, hi;
        uint16_t se;
    } table[7] = {
        {0x00000000, 0x80000000, 0x3fff}, /* 1 */
        {0xcd1b8afe, 0xd49a784b, 0x4000}, /* log2 10 */
        {0x5c17f0bc, 0xb8aa3b29, 0x3fff}, /* log2 e */
        {0x2168c235, 0xc90fdaa2, 0x4000}, /* pi */
        {0xfbcff799, 0x9a209a84, 0x3ffd}, /* log10 2 */
        {0xd1cf79ac, 0xb17217f7, 0x3ffe}, /* ln 2 */
        {0, 0, 0},
    };
    uint32_t w = lx_renew(lx.top), lo = ir_const(g, (int32_t)table[n].lo);
    if (n == 1) { /* up: rounding control 2 */
        uint32_t rc = ir_bini(g, OP_AND, lx_read_special(g, SR_FCW), 0xc00);
        lo = ir_add(g, lo, ir_bini(g, OP_SLTU, ir_bini(g, OP_XOR, rc, 0x800), 1));
    } else if (table[n].lo) { /* down and to zero: 1 and 3 */
        uint32_t odd = ir_bini(g, OP_SRL, lx_read_special(g, SR_FCW), 10);
        lo = ir_bin(g, OP_SUB, lo, ir_bini(g, OP_AND, odd, 1));
    }
    lx_set_word(g, w, 0, lo);
    lx_set_word(g, w, 1, ir_const(g, (int32_t)table[n].hi));
    lx_set_word(g, w, 2, ir_const(g, table[n].se));
}

/* No exception is pending and all are masked; so it stays. */
static void clear(struct ir_group *g)
{
    ir_emiti(g, OP_FSWM, IR_ZERO, FS_ALL_EXC, 0);
}

static void init(struct ir_group *g)
{
    lx_write_special(g, SR_FCW, ir_const(g, FCW_INIT));
    ir_emiti(g, OP_FSWM, IR_ZERO, 0xffff, 0);
    lx_write_pair(g, SR_FIP, IR_ZERO, IR_ZERO);
    lx_write_pair(g, SR_FDP, IR_ZERO, IR_ZERO);
    lx.top = lx.top0 = lx.tag = 0;
    lx.c1 = C1_KEPT;
    lx.cc = 0;
    lx.ptr = lx.mem = false;
}

/* ---- fscale and fxtract: of normal numbers, with a normal result ---- */

static uint32_t exponent(struct ir_group *g, uint32_t w)
{
    return ir_bini(g, OP_AND, lx_word(g, w, 2), 0x7fff);
}

static uint32_t is_normal(struct ir_group *g, uint32_t w, uint32_t exp)
{
    uint32_t inside = ir_bini(g, OP_SLTU, ir_addi(g, exp, -1), 0x7ffe);
    return ir_bin(g, OP_AND, inside, ir_bini(g, OP_SRL, lx_word(g, w, 1), 31));
}

/* The integer in wide register w: 0 or of 1 to 15 bits before the point, what is behind cut off. */
static uint32_t integer(struct ir_group *g, uint32_t w)
{
    uint32_t se = lx_word(g, w, 2), hi = lx_word(g, w, 1), sign, v;
    v = ir_bini(g, OP_AND, se, 0x7fff);
    v = ir_bin(g, OP_SRL, hi, ir_bin(g, OP_SUB, ir_const(g, E_BIAS + 31), v));
    sign = ir_bin(g, OP_SUB, IR_ZERO, ir_bini(g, OP_AND, ir_bini(g, OP_SRL, se, 15), 1));
    return ir_bin(g, OP_SUB, ir_bin(g, OP_XOR, v, sign), sign);
}

static uint32_t is_integer(struct ir_group *g, uint32_t w)
{
    uint32_t exp = exponent(g, w), hi = lx_word(g, w, 1), lo = lx_word(g, w, 0), some, none;
    some = ir_bini(g, OP_SLTU, ir_addi(g, exp, -E_BIAS), 15);
    some = ir_bin(g, OP_AND, some, ir_bini(g, OP_SRL, hi, 31));
    none = ir_bin(g, OP_OR, exp, ir_bin(g, OP_OR, hi, lo));
    return ir_bin(g, OP_OR, some, ir_bini(g, OP_SLTU, none, 1));
}

uint32_t x87_lower_check(struct ir_group *g, const struct insn *in)
{
    uint32_t v, ok;
    if (in->op == I_FLDCW) {
        v = low_load(g, low_addr(g, in), 2);
        return ir_bini(g, OP_XOR, ir_bini(g, OP_AND, v, 0x3f), 0x3f);
    }
    v = exponent(g, lx_st(0));
    ok = is_normal(g, lx_st(0), v);
    if (in->op == I_FSCALE) {
        ok = ir_bin(g, OP_AND, ok, is_integer(g, lx_st(1)));
        v = ir_add(g, v, integer(g, lx_st(1)));
        ok = ir_bin(g, OP_AND, ok, ir_bini(g, OP_SLTU, ir_addi(g, v, -1), 0x7ffe));
    }
    return ir_bini(g, OP_XOR, ok, 1);
}

static void scale(struct ir_group *g)
{
    uint32_t old = lx_st(0), se = lx_word(g, old, 2), to;
    se = ir_add(g, se, integer(g, lx_st(1)));
    to = lx_renew(lx.top);
    if (to != old)
        ir_float(g, OP_WLD, to, 0, old);
    lx_set_word(g, to, 2, se);
}

static void extract(struct ir_group *g)
{
    uint32_t old = lx_st(0), t = lx_temp(), w, word[3], exp;
    for (uint32_t i = 0; i < 3; i++)
        word[i] = lx_word(g, old, i);
    exp = ir_bini(g, OP_AND, word[2], 0x7fff);
    lx_set_word(g, t, 0, ir_addi(g, exp, -E_BIAS));
    lx_compute(g, OP_WLD, lx.top, 0, t + 32 * WF_I32);
    lx_push_slot();
    w = lx_renew(lx.top);
    word[2] = ir_bini(g, OP_OR, ir_bini(g, OP_AND, word[2], 0x8000), E_BIAS);
    for (uint32_t i = 0; i < 3; i++)
        lx_set_word(g, w, i, word[i]);
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
        constant(g, (in->imm & 0xff) - 0xe8);
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
    case K_CLEAR: clear(g); break;
    case K_INIT: init(g); break;
    case K_SCALE:
        scale(g);
        lx.c1 = 0;
        break;
    case K_EXTRACT:
        extract(g);
        lx.c1 = 0;
        break;
    default: break; /* fnop, fwait */
    }
    lx_pop_slots(f->pops);
}

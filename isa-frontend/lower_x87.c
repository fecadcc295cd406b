/* SPDX-License-Identifier: MIT */
/*
 * Lowering of the x87.
 *
 * A translation knows where the stack stands: it assumes the top and the set of registers in use
 * that the machine has while it is made, all exceptions masked and none pending. The special
 * register FTAG holds all of that (x87.h), and a guard before the first x87 instruction of the
 * block compares it; what differs goes to the interpreter. From there on registers are physical
 * numbers known here, no instruction can find an empty or a full one unexpectedly (such a one is
 * not lowered), and the exceptions, being masked, are but bits that the ops OR into FSW.
 *
 * While a group is built, the rest of the state is kept here and written at the commit: the last C1
 * and the last C0 C2 C3 (bits of an op's status), top and tags, pointers of the last instruction.
 * fxch changes `map` alone; what is left of it at the commit is copied into place. Memory operands
 * go through w0..w15, which have no meaning between groups.
 *
 * MMX registers are the physical ones by number. Its instructions (lower_simd.c) set the top to 0
 * and all tags whatever was there; a guard before one of them, if it is the first, asks only
 * whether an exception is unmasked or pending, and top and tags are written for certain.
 *
 * fldcw has a guard of its own, which leaves if the new control word unmasks anything.
 *
 * No two calls that append records stand in one argument list: their order would be the compiler's,
 * and the two builds of CMS would differ.
 *
 * Not here: what is rare (environments, packed decimals, remainders, constants but 0 and 1).
 *
 * To add an instruction: a case in mem_form or reg_form with what it needs of the stack, and in
 * low_x87 what it does.
 */
#include "isa-frontend/lower_int.h"
#include "isa-frontend/x87_state.h"

enum {
    GUARDS_MAX = 5, /* each is an exit of the translation */
    NTEMPS = 16,
    TOP_UNKNOWN = 8,
    C1_KEPT = 0xffff, /* nothing has written it in this group */
    FS_CC = FS_C0 | FS_C2 | FS_C3,
    FS_TOP = 0x3800
};

static struct {
    bool known, on; /* top and tags have been read; a guard has been made */
    bool any;       /* by MMX: any top and tags will do */
    uint32_t guards, fcw_eip;
    uint32_t top, tag, state; /* now; FTAG as the last commit leaves it */
    uint32_t state0;          /* as the guard found it */
    /* Of this group. */
    uint32_t top0;   /* top in FSW */
    uint32_t c1, cc; /* the records whose status has them; C1_KEPT; cc 0: kept */
    uint32_t temp;   /* the last one used */
    bool ptr, mem;   /* pointers have changed */
    uint32_t eip, opcode, off;
    int32_t disp;
    uint32_t seg;
    uint8_t map[8]; /* the wide register that holds physical register i */
} s;

static void new_group(void)
{
    s.top0 = s.top;
    s.c1 = C1_KEPT;
    s.cc = 0;
    s.ptr = s.mem = false;
    for (uint32_t i = 0; i < 8; i++)
        s.map[i] = (uint8_t)(WIDE_X87 + i);
}

void ia32_lower_begin(void)
{
    s.known = s.on = s.any = false;
    s.guards = 0;
    s.fcw_eip = 0;
    s.temp = 0;
    s.top = s.tag = s.state = 0;
    new_group();
}

/* ---- the stack ---- */

static uint32_t slot(uint32_t i)
{
    return (s.top + i) & 7;
}

static uint32_t st(uint32_t i)
{
    return s.map[slot(i)];
}

static bool full(uint32_t i)
{
    return s.tag >> slot(i) & 1;
}

static void push_slot(void)
{
    s.top = (s.top - 1) & 7;
    s.tag |= 1u << s.top;
}

static void pop_slots(uint32_t n)
{
    while (n-- > 0) {
        s.tag &= ~(1u << s.top);
        s.top = (s.top + 1) & 7;
    }
}

/* How many physical registers have their value in wide register w. */
static uint32_t users(uint32_t w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 8; i++)
        n += s.map[i] == w;
    return n;
}

/* One that holds no value of the stack. */
static uint32_t temp(void)
{
    do
        s.temp = (s.temp + 1) & (NTEMPS - 1);
    while (users(s.temp));
    return s.temp;
}

/* Where physical register k is to have a new value: at home, if no other has its value there;
 * else where it is, or somewhere else. */
static uint32_t renew(uint32_t k)
{
    uint32_t home = WIDE_X87 + k;
    if (users(home) > (s.map[k] == home))
        home = users(s.map[k]) == 1 ? s.map[k] : temp();
    s.map[k] = (uint8_t)home;
    return home;
}

/* ---- ops ---- */

static uint32_t fp(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b)
{
    uint32_t ra = ir_const(g, (int32_t)a);
    if (b > 127) /* the FP class has no immediate words (sched_units.c) */
        return ir_emit(g, op, ra, ir_const(g, (int32_t)b), 0);
    return ir_emiti(g, op, ra, (int32_t)b, 0);
}

/* Physical register k becomes a op b. What set C1 last. */
static void compute(struct ir_group *g, uint32_t op, uint32_t k, uint32_t a, uint32_t b)
{
    s.c1 = ir_float(g, op, renew(k), a, b);
}

static uint32_t word(struct ir_group *g, uint32_t w, uint32_t k)
{
    return ir_emiti(g, OP_WGET, 0, (int32_t)(w * 4 + k), 0);
}

static void set_word(struct ir_group *g, uint32_t w, uint32_t k, uint32_t v)
{
    ir_emiti(g, OP_WPUT, v, (int32_t)(w * 4 + k), 0);
}

static uint32_t read_special(struct ir_group *g, uint32_t sr)
{
    return ir_emiti(g, OP_MFS, 0, (int32_t)sr, 0);
}

static void write_special(struct ir_group *g, uint32_t sr, uint32_t v)
{
    ir_emiti(g, OP_MTS, v, (int32_t)sr, 0);
}

/* What this group has done to FSW, beside the exceptions: to FSW itself. Where a static op made the
 * last C1, that op writes it. */
static void write_status(struct ir_group *g)
{
    if (s.c1 && s.c1 != C1_KEPT && op_table[g->r[s.c1].op].format == FMT_WWB) {
        g->r[s.c1].wide |= WIDE_C1;
        s.c1 = C1_KEPT;
    }
    uint32_t mask = s.top != s.top0 ? FS_TOP : 0, v = 0, part = 0;
    int32_t bits = s.top != s.top0 ? (int32_t)(s.top << 11) : 0;
    if (s.cc) {
        mask |= FS_CC;
        v = s.cc;
        part = FS_CC;
    }
    if (s.c1 != C1_KEPT) {
        mask |= FS_C1;
        if (s.c1 && (!s.cc || s.cc == s.c1)) {
            v = s.c1;
            part |= FS_C1;
        } else if (s.c1) {
            uint32_t cc = ir_bini(g, OP_AND, s.cc, FS_CC), c1 = ir_bini(g, OP_AND, s.c1, FS_C1);
            v = ir_bin(g, OP_OR, cc, c1);
            part |= FS_C1;
        }
    }
    if (!mask)
        return;
    /* The mask takes what is wanted of v, unless other bits of it are to be 0. */
    if (part != mask) {
        v = v ? ir_bini(g, OP_AND, v, (int32_t)part) : IR_ZERO;
        v = v ? ir_bini(g, OP_OR, v, bits) : ir_const(g, bits);
    }
    ir_emiti(g, OP_FSWM, v, (int32_t)mask, 0);
    s.c1 = C1_KEPT;
    s.cc = 0;
    s.top0 = s.top;
}

static uint32_t status_word(struct ir_group *g)
{
    write_status(g);
    return read_special(g, SR_FSW);
}

static void write_pair(struct ir_group *g, uint32_t sr, uint32_t first, uint32_t second)
{
    ir_emiti(g, OP_MTSP, second, (int32_t)sr, first);
}

static uint32_t selector_value(struct ir_group *g, uint32_t seg)
{
    uint32_t w = ir_get(g, G_SEL0 + seg / 2);
    return seg & 1 ? ir_bini(g, OP_SRL, w, 16) : ir_un(g, OP_ZEXT16, w);
}

/* Renamed registers go where they belong: first those whose place nobody's value is in; what is
 * left are circles, each of which a temporary opens. */
static void settle(struct ir_group *g)
{
    for (bool moved = true; moved;) {
        uint32_t open = 8;
        moved = false;
        for (uint32_t k = 0; k < 8; k++) {
            uint32_t home = WIDE_X87 + k;
            if (s.map[k] == home)
                continue;
            if (users(home)) {
                open = k;
                continue;
            }
            ir_float(g, OP_WLD, home, 0, s.map[k]);
            s.map[k] = (uint8_t)home;
            moved = true;
        }
        if (!moved && open < 8) {
            uint32_t t = temp();
            ir_float(g, OP_WLD, t, 0, WIDE_X87 + open);
            for (uint32_t i = 0; i < 8; i++)
                if (s.map[i] == WIDE_X87 + open)
                    s.map[i] = (uint8_t)t;
            moved = true;
        }
    }
}

void ia32_lower_commit(struct ir_group *g)
{
    uint32_t state;
    if (!s.on)
        return;
    settle(g);
    write_status(g);
    state = x87_state(s.top, s.tag, false);
    if (state != s.state)
        write_special(g, SR_FTAG, ir_const(g, (int32_t)state));
    s.state = state;
    if (s.ptr) {
        uint32_t co = ir_bini(g, OP_OR, selector_value(g, SEG_CS), (int32_t)(s.opcode << 16));
        write_pair(g, SR_FIP, ir_const(g, (int32_t)s.eip), co);
    }
    if (s.mem) {
        uint32_t dp = ir_addi(g, s.off, s.disp), ds = selector_value(g, s.seg);
        write_pair(g, SR_FDP, dp, ds);
    }
    new_group();
}

/* ---- which instruction ---- */

enum kind {
    K_NONE,
    K_FLD_MEM,
    K_FLD_REG,
    K_FST_MEM,
    K_FST_REG,
    K_FXCH,
    K_ARITH_MEM,
    K_ARITH_REG,
    K_COM_MEM,
    K_COM_REG,
    K_TST,
    K_XAM,
    K_SIGN,
    K_UNARY,
    K_CONST,
    K_CMOV,
    K_STSW_AX,
    K_STSW,
    K_STCW,
    K_LDCW,
    K_NOP,
    K_FREE,
    K_TURN
};

struct form {
    uint8_t kind, op; /* op of the machine, or what else tells the kind's members apart */
    uint8_t format;
    uint8_t d, i; /* ST numbers */
    uint8_t pops;
    uint8_t need; /* bit k: ST(k) must be in use */
    bool push, flags, no_pointers;
};

static const uint8_t arith_op[8] = {OP_WADD, OP_WMUL,  OP_FCOM, OP_FCOM,
                                    OP_WSUB, OP_WSUBR, OP_WDIV, OP_WDIVR};

static void mem_form(struct form *f, uint32_t esc, uint32_t reg)
{
    static const uint8_t arith_format[4] = {WF_F32, WF_I32, WF_F64, WF_I16};
    f->format = arith_format[esc >> 1];
    if (!(esc & 1)) {
        f->kind = (reg & 6) == 2 ? K_COM_MEM : K_ARITH_MEM;
        f->op = arith_op[reg];
        f->pops = reg == 3;
        f->need = 1;
        return;
    }
    switch (esc << 3 | reg) {
    case 1 << 3 | 5: f->kind = K_LDCW; break;
    case 1 << 3 | 7: f->kind = K_STCW; break;
    case 5 << 3 | 7: f->kind = K_STSW; break;
    case 3 << 3 | 5:
    case 3 << 3 | 7: f->format = WF_X80; goto move;
    case 7 << 3 | 5:
    case 7 << 3 | 7: f->format = WF_I64; goto move;
    case 1 << 3 | 0:
    case 1 << 3 | 2:
    case 1 << 3 | 3:
    case 3 << 3 | 0:
    case 3 << 3 | 2:
    case 3 << 3 | 3:
    case 5 << 3 | 0:
    case 5 << 3 | 2:
    case 5 << 3 | 3:
    case 7 << 3 | 0:
    case 7 << 3 | 2:
    case 7 << 3 | 3:
    move:
        f->kind = reg == 0 || reg == 5 ? K_FLD_MEM : K_FST_MEM;
        f->push = f->kind == K_FLD_MEM;
        f->need = f->kind == K_FST_MEM;
        f->pops = reg == 3 || reg == 7;
        return;
    default: return;
    }
    f->no_pointers = true;
}

static void compare_form(struct form *f, uint32_t i, uint32_t op, bool flags, uint32_t pops)
{
    f->kind = K_COM_REG;
    f->op = (uint8_t)op;
    f->i = (uint8_t)i;
    f->need = (uint8_t)(1 | 1 << i);
    f->flags = flags;
    f->pops = (uint8_t)pops;
}

static void d9_form(struct form *f, uint32_t modrm)
{
    f->need = 1;
    switch (modrm) {
    case 0xe0:
    case 0xe1: f->kind = K_SIGN; break;
    case 0xe4: f->kind = K_TST; break;
    case 0xe5: f->kind = K_XAM; break;
    case 0xe8:
    case 0xee:
        f->kind = K_CONST;
        f->need = 0;
        f->push = true;
        break;
    case 0xf6:
    case 0xf7:
        f->kind = K_TURN;
        f->need = 0;
        break;
    case 0xfa:
        f->kind = K_UNARY;
        f->op = OP_WSQRT;
        break;
    case 0xfc:
        f->kind = K_UNARY;
        f->op = OP_WRND;
        break;
    default: break;
    }
}

static void reg_form(struct form *f, uint32_t esc, uint32_t modrm)
{
    uint32_t reg = modrm >> 3 & 7, i = modrm & 7;
    f->i = (uint8_t)i;
    switch (esc << 3 | reg) {
    case 0 << 3 | 2:
    case 4 << 3 | 2: compare_form(f, i, OP_FCOM, false, 0); return;
    case 0 << 3 | 3:
    case 4 << 3 | 3:
    case 6 << 3 | 2: compare_form(f, i, OP_FCOM, false, 1); return;
    case 6 << 3 | 3:
        if (i == 1)
            compare_form(f, 1, OP_FCOM, false, 2);
        return;
    case 1 << 3 | 0:
        f->kind = K_FLD_REG;
        f->need = (uint8_t)(1 << i);
        f->push = true;
        return;
    case 1 << 3 | 1:
    case 5 << 3 | 1:
    case 7 << 3 | 1:
        f->kind = K_FXCH;
        f->need = (uint8_t)(1 | 1 << i);
        return;
    case 1 << 3 | 2: f->kind = i == 0 ? K_NOP : K_NONE; return;
    case 1 << 3 | 3:
    case 5 << 3 | 3:
    case 7 << 3 | 2:
    case 7 << 3 | 3:
        f->pops = 1;
        f->kind = K_FST_REG;
        f->need = 1;
        return;
    case 5 << 3 | 2:
        f->kind = K_FST_REG;
        f->need = 1;
        return;
    case 1 << 3 | 4:
    case 1 << 3 | 5:
    case 1 << 3 | 6:
    case 1 << 3 | 7: d9_form(f, modrm); return;
    case 2 << 3 | 0:
    case 2 << 3 | 1:
    case 2 << 3 | 2:
    case 2 << 3 | 3:
    case 3 << 3 | 0:
    case 3 << 3 | 1:
    case 3 << 3 | 2:
    case 3 << 3 | 3: {
        static const uint8_t cond[4] = {CC_B, CC_E, CC_BE, CC_P};
        f->kind = K_CMOV;
        f->op = cond[reg] ^ (esc == 3);
        f->need = (uint8_t)(1 | 1 << i);
        return;
    }
    case 2 << 3 | 5:
        if (i == 1)
            compare_form(f, 1, OP_FUCOM, false, 2);
        return;
    case 3 << 3 | 5: compare_form(f, i, OP_FUCOM, true, 0); return;
    case 3 << 3 | 6: compare_form(f, i, OP_FCOM, true, 0); return;
    case 5 << 3 | 4: compare_form(f, i, OP_FUCOM, false, 0); return;
    case 5 << 3 | 5: compare_form(f, i, OP_FUCOM, false, 1); return;
    case 7 << 3 | 5: compare_form(f, i, OP_FUCOM, true, 1); return;
    case 7 << 3 | 6: compare_form(f, i, OP_FCOM, true, 1); return;
    case 7 << 3 | 4:
        f->kind = i == 0 ? K_STSW_AX : K_NONE;
        f->no_pointers = true;
        return;
    case 5 << 3 | 0:
    case 7 << 3 | 0:
        f->kind = K_FREE;
        f->pops = esc == 7;
        return;
    default: break;
    }
    if (esc != 0 && esc != 4 && esc != 6)
        return;
    /* fsub and fsubr, fdiv and fdivr change places where ST(0) is the source. */
    f->kind = K_ARITH_REG;
    f->op = arith_op[esc && reg >= 4 ? reg ^ 1 : reg];
    f->need = (uint8_t)(1 | 1 << i);
    f->d = (uint8_t)(esc ? i : 0);
    f->i = (uint8_t)(esc ? 0 : i);
    f->pops = esc == 6;
}

/* ---- what it does ---- */

static struct ir_addr further(struct ir_group *g, const struct insn *in, int32_t by)
{
    struct insn at = *in;
    at.disp += (uint32_t)by;
    return low_addr(g, &at);
}

/* The operand's bytes into a temporary: its number and format. */
static uint32_t fetch(struct ir_group *g, const struct insn *in, uint32_t format)
{
    uint32_t w = temp();
    if (format == WF_I16) {
        set_word(g, w, 0, low_load(g, low_addr(g, in), 2));
        return w + 32 * format;
    }
    ir_wide(g, format == WF_F32 || format == WF_I32 ? OP_GLDDZ : OP_GLDW, low_addr(g, in), w);
    if (format == WF_X80)
        set_word(g, w, 2, low_load(g, further(g, in, 8), 2));
    return w + 32 * format;
}

static void store_top(struct ir_group *g, const struct insn *in, uint32_t format)
{
    uint32_t w = temp(), v;
    s.c1 = ir_float(g, OP_WST, w, 0, st(0) + 32 * format);
    if (format == WF_I16) {
        v = word(g, w, 0);
        low_store(g, low_addr(g, in), 2, v);
        return;
    }
    ir_wide(g, format == WF_F32 || format == WF_I32 ? OP_GSTD : OP_GSTW, low_addr(g, in), w);
    if (format == WF_X80) {
        v = word(g, w, 2);
        low_store(g, further(g, in, 8), 2, v);
    }
}

static void compare(struct ir_group *g, const struct form *f, uint32_t b)
{
    uint32_t v = fp(g, f->op, st(0), b);
    if (f->flags) {
        v = ir_bini(g, OP_AND, ir_bini(g, OP_SRL, v, 8), F_CF | F_PF | F_ZF);
        ir_emiti(g, OP_WRCC, v, F_ALL, 0);
        return;
    }
    s.c1 = s.cc = v;
}

static void conditional(struct ir_group *g, uint32_t cond, uint32_t k, uint32_t from)
{
    uint32_t old = s.map[k], v[3];
    if (old == from)
        return;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t a = word(g, from, i), c = word(g, old, i);
        v[i] = ir_select(g, cond, a, c);
    }
    uint32_t to = renew(k);
    for (uint32_t i = 0; i < 3; i++)
        set_word(g, to, i, v[i]);
}

static void constant(struct ir_group *g, bool one)
{
    uint32_t w = renew(s.top);
    set_word(g, w, 0, IR_ZERO);
    set_word(g, w, 1, ir_const(g, one ? (int32_t)0x80000000u : 0));
    set_word(g, w, 2, ir_const(g, one ? 0x3fff : 0));
}

/* Its sign is in the third word. */
static void change_sign(struct ir_group *g, bool flip)
{
    uint32_t old = st(0), v = word(g, old, 2), to = renew(s.top);
    v = flip ? ir_bini(g, OP_XOR, v, 0x8000) : ir_bini(g, OP_AND, v, 0x7fff);
    if (to != old)
        ir_float(g, OP_WLD, to, 0, old);
    set_word(g, to, 2, v);
}

/* fxam of a register in use: its class by exponent, leading bit and fraction. */
static uint32_t class_of(struct ir_group *g, uint32_t w)
{
    uint32_t se = word(g, w, 2), hi = word(g, w, 1), lo = word(g, w, 0);
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

static void execute(struct ir_group *g, const struct insn *in, const struct form *f)
{
    uint32_t v, w, k;
    uint8_t t;
    switch ((enum kind)f->kind) {
    case K_FLD_MEM:
        w = fetch(g, in, f->format);
        push_slot();
        compute(g, OP_WLD, s.top, 0, w);
        break;
    case K_FLD_REG:
        w = st(f->i);
        push_slot();
        s.map[s.top] = (uint8_t)w;
        s.c1 = 0;
        break;
    case K_FST_MEM: store_top(g, in, f->format); break;
    case K_FST_REG:
        s.map[slot(f->i)] = (uint8_t)st(0);
        s.tag |= 1u << slot(f->i);
        s.c1 = 0;
        break;
    case K_FXCH:
        k = slot(f->i);
        t = s.map[k];
        s.map[k] = s.map[s.top];
        s.map[s.top] = t;
        s.c1 = 0;
        break;
    case K_ARITH_MEM:
        w = fetch(g, in, f->format);
        compute(g, f->op, s.top, st(0), w);
        break;
    case K_ARITH_REG:
        w = st(f->i);
        compute(g, f->op, slot(f->d), st(f->d), w);
        break;
    case K_COM_MEM: compare(g, f, fetch(g, in, f->format)); break;
    case K_COM_REG: compare(g, f, st(f->i)); break;
    case K_TST:
        w = temp();
        set_word(g, w, 0, IR_ZERO);
        s.c1 = s.cc = fp(g, OP_FCOM, st(0), w + 32 * WF_I16);
        break;
    case K_XAM: s.c1 = s.cc = class_of(g, st(0)); break;
    case K_SIGN:
        change_sign(g, (in->imm & 0xff) == 0xe0);
        s.c1 = 0;
        break;
    case K_UNARY: compute(g, f->op, s.top, st(0), 0); break;
    case K_CONST:
        push_slot();
        constant(g, (in->imm & 0xff) == 0xe8);
        s.c1 = 0;
        break;
    case K_CMOV: conditional(g, f->op, s.top, st(f->i)); break;
    case K_STSW_AX: low_put(g, G_EAX, 2, status_word(g)); break;
    case K_STSW:
        v = status_word(g);
        low_store(g, low_addr(g, in), 2, v);
        break;
    case K_STCW:
        v = read_special(g, SR_FCW);
        low_store(g, low_addr(g, in), 2, v);
        break;
    case K_LDCW:
        v = low_load(g, low_addr(g, in), 2);
        v = ir_bini(g, OP_AND, v, 0x1f3f);
        write_special(g, SR_FCW, ir_bini(g, OP_OR, v, 0x40));
        break;
    case K_FREE:
        s.tag &= ~(1u << slot(f->i));
        s.c1 = 0;
        break;
    case K_TURN:
        s.top = (s.top + ((in->imm & 0xff) == 0xf7 ? 1 : 7)) & 7;
        s.c1 = 0;
        break;
    default: break; /* fnop, fwait */
    }
    pop_slots(f->pops);
}

/* What the stack must hold, it holds. */
static bool stack_fits(const struct form *f)
{
    for (uint32_t i = 0; i < 8; i++)
        if ((f->need >> i & 1) && !full(i))
            return false;
    return !f->push || !full(7);
}

/* Reads how the stack stands. False: exceptions are unmasked or pending. */
static bool know(void)
{
    if (!s.known) {
        uint32_t now = hw_mfs(SR_FTAG);
        if (now & X87_UNCLEAN)
            return false;
        s.known = true;
        s.state = s.state0 = now;
        s.tag = now & 0xff;
        s.top = s.top0 = now >> 8 & 7;
    }
    return true;
}

enum lower_result low_mmx(struct ir_group *g, uint32_t tags)
{
    if (!know())
        return LOW_NONE;
    if (!s.on)
        return s.guards < GUARDS_MAX ? LOW_GUARD : LOW_NONE;
    settle(g);
    s.top = 0;
    s.tag = tags;
    return LOW_NEXT;
}

enum lower_result low_x87(struct ir_group *g, const struct insn *in)
{
    struct form f = {0};
    bool mem = in->o[0].kind == O_MEM;
    uint32_t modrm = in->imm & 0xff;
    if (!know())
        return LOW_NONE;
    if (in->op == I_FWAIT) {
        f.kind = K_NOP;
        f.no_pointers = true;
        mem = false;
    } else if (mem) {
        mem_form(&f, in->imm >> 8 & 7, modrm >> 3 & 7);
    } else {
        reg_form(&f, in->imm >> 8 & 7, modrm);
    }
    if (f.kind == K_NONE || !stack_fits(&f))
        return LOW_NONE;
    if (!s.on || (f.kind == K_LDCW && s.fcw_eip != in->eip))
        return s.guards < GUARDS_MAX ? LOW_GUARD : LOW_NONE;
    if (!f.no_pointers) {
        s.ptr = true;
        s.eip = in->eip;
        s.opcode = in->imm & 0x7ff;
        if (mem) {
            s.mem = true;
            s.off = low_ea(g, in, &s.disp);
            s.seg = in->seg;
        }
    }
    execute(g, in, &f);
    return LOW_NEXT;
}

uint32_t low_wide_temp(void)
{
    return temp();
}

bool ia32_lower_steady(void)
{
    return s.on && s.fcw_eip == 0 && (s.any || x87_state(s.top, s.tag, false) == s.state0);
}

void ia32_lower_guard(struct ir_group *g, const struct insn *in)
{
    uint32_t bad = IR_ZERO;
    if (!s.on) {
        s.on = true;
        if (ia32_is_simd(in->op)) {
            bad = ir_bini(g, OP_AND, read_special(g, SR_FTAG), X87_UNCLEAN);
            s.any = true;
            s.top0 = TOP_UNKNOWN;
            s.state = X87_UNCLEAN; /* what it never is */
        } else {
            bad = ir_bini(g, OP_XOR, read_special(g, SR_FTAG), (int32_t)s.state);
        }
    }
    if (in->op == I_FLDCW) {
        uint32_t v = low_load(g, low_addr(g, in), 2);
        v = ir_bini(g, OP_XOR, ir_bini(g, OP_AND, v, 0x3f), 0x3f);
        bad = bad ? ir_bin(g, OP_OR, bad, v) : v;
        s.fcw_eip = in->eip;
    }
    s.guards++;
    g->end = (struct ir_end){.kind = END_LEAVE, .op = OP_BNZ, .ref = (uint16_t)bad};
    g->end.to[0] = (struct ir_target){TO_INTERP, in->eip};
}

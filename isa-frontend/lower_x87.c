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
 * fldcw has a guard of its own, which leaves if the new control word unmasks anything; so have
 * fscale and fxtract, for what is not a normal number.
 *
 * No two calls that append records stand in one argument list: their order would be the compiler's,
 * and the two builds of CMS would differ.
 *
 * Not here: environments and whole states, packed decimals, remainders, transcendentals.
 * docs/x87.md says why.
 *
 * To add an instruction: a case in lower_x87_form.c with what it needs of the stack, and in
 * lower_x87_exec.c what it does.
 */
#include "isa-frontend/lower_x87.h"

struct x87_known lx;

static void new_group(void)
{
    lx.top0 = lx.top;
    lx.c1 = C1_KEPT;
    lx.cc = 0;
    lx.ptr = lx.mem = false;
    for (uint32_t i = 0; i < 8; i++)
        lx.map[i] = (uint8_t)(WIDE_X87 + i);
}

void low_x87_begin(void)
{
    lx.known = lx.on = lx.any = false;
    lx.guards = 0;
    lx.first = false;
    lx.checked = 0;
    lx.temp = 0;
    lx.top = lx.tag = lx.state = 0;
    new_group();
}

/* One that holds no value of the stack. */
uint32_t lx_temp(void)
{
    do
        lx.temp = (lx.temp + 1) & (NTEMPS - 1);
    while (lx_users(lx.temp));
    return lx.temp;
}

/* Where physical register k is to have a new value: at home, if no other has its value there;
 * else where it is, or somewhere else. */
uint32_t lx_renew(uint32_t k)
{
    uint32_t home = WIDE_X87 + k;
    if (lx_users(home) > (lx.map[k] == home))
        home = lx_users(lx.map[k]) == 1 ? lx.map[k] : lx_temp();
    lx.map[k] = (uint8_t)home;
    return home;
}

/* What this group has done to FSW, beside the exceptions: to FSW itself. Where a static op made the
 * last C1, that op writes it. */
static void write_status(struct ir_group *g)
{
    if (lx.c1 && lx.c1 != C1_KEPT && op_table[g->r[lx.c1].op].format == FMT_WWB) {
        g->r[lx.c1].wide |= WIDE_C1;
        lx.c1 = C1_KEPT;
    }
    uint32_t mask = lx.top != lx.top0 ? FS_TOP : 0, v = 0, part = 0;
    int32_t bits = lx.top != lx.top0 ? (int32_t)(lx.top << 11) : 0;
    if (lx.cc) {
        mask |= FS_CC;
        v = lx.cc;
        part = FS_CC;
    }
    if (lx.c1 != C1_KEPT) {
        mask |= FS_C1;
        if (lx.c1 && (!lx.cc || lx.cc == lx.c1)) {
            v = lx.c1;
            part |= FS_C1;
        } else if (lx.c1) {
            uint32_t cc = ir_bini(g, OP_AND, lx.cc, FS_CC), c1 = ir_bini(g, OP_AND, lx.c1, FS_C1);
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
    lx.c1 = C1_KEPT;
    lx.cc = 0;
    lx.top0 = lx.top;
}

uint32_t lx_status_word(struct ir_group *g)
{
    write_status(g);
    return lx_read_special(g, SR_FSW);
}

void lx_write_pair(struct ir_group *g, uint32_t sr, uint32_t first, uint32_t second)
{
    ir_emiti(g, OP_MTSP, second, (int32_t)sr, first);
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
            if (lx.map[k] == home)
                continue;
            if (lx_users(home)) {
                open = k;
                continue;
            }
            ir_float(g, OP_WLD, home, 0, lx.map[k]);
            lx.map[k] = (uint8_t)home;
            moved = true;
        }
        if (!moved && open < 8) {
            uint32_t t = lx_temp();
            ir_float(g, OP_WLD, t, 0, WIDE_X87 + open);
            for (uint32_t i = 0; i < 8; i++)
                if (lx.map[i] == WIDE_X87 + open)
                    lx.map[i] = (uint8_t)t;
            moved = true;
        }
    }
}

void ia32_lower_commit(struct ir_group *g)
{
    uint32_t state;
    if (!lx.on)
        return;
    settle(g);
    write_status(g);
    state = x87_state(lx.top, lx.tag, false);
    if (state != lx.state)
        lx_write_special(g, SR_FTAG, ir_const(g, (int32_t)state));
    lx.state = state;
    if (lx.ptr) {
        uint32_t co = ir_bini(g, OP_OR, low_selector(g, SEG_CS), (int32_t)(lx.opcode << 16));
        lx_write_pair(g, SR_FIP, ir_const(g, (int32_t)lx.eip), co);
    }
    if (lx.mem) {
        uint32_t dp = ir_addi(g, lx.off, lx.disp), ds = low_selector(g, lx.seg);
        lx_write_pair(g, SR_FDP, dp, ds);
    }
    new_group();
}

/* What the stack must hold, it holds. */
static bool stack_fits(const struct x87_form *f)
{
    for (uint32_t i = 0; i < 8; i++)
        if ((f->need >> i & 1) && !lx_full(i))
            return false;
    return !f->push || !lx_full(7);
}

/* Reads how the stack stands. False: exceptions are unmasked or pending. */
static bool know(void)
{
    if (!lx.known) {
        uint32_t now = hw_mfs(SR_FTAG);
        if (now & X87_UNCLEAN)
            return false;
        lx.known = true;
        lx.state = lx.state0 = now;
        lx.tag = now & 0xff;
        lx.top = lx.top0 = now >> 8 & 7;
    }
    return true;
}

enum lower_result low_mmx(struct ir_group *g, uint32_t tags)
{
    if (!know())
        return LOW_NONE;
    if (!lx.on)
        return lx.guards < GUARDS_MAX ? LOW_GUARD : LOW_NONE;
    settle(g);
    lx.top = 0;
    lx.tag = tags;
    return LOW_NEXT;
}

enum lower_result low_x87(struct ir_group *g, const struct insn *in)
{
    struct x87_form f = {0};
    bool mem = in->o[0].kind == O_MEM;
    uint32_t modrm = in->imm & 0xff;
    if (!know())
        return LOW_NONE;
    if (in->op == I_FWAIT) {
        f.kind = K_NOP;
        f.no_pointers = true;
        mem = false;
    } else if (mem) {
        x87_mem_form(&f, in->imm >> 8 & 7, modrm >> 3 & 7);
    } else {
        x87_reg_form(&f, in->imm >> 8 & 7, modrm);
    }
    if (f.kind == K_NONE || !stack_fits(&f))
        return LOW_NONE;
    if (!lx.on || (f.check && lx.checked != in->eip))
        return lx.guards < GUARDS_MAX ? LOW_GUARD : LOW_NONE;
    if (!f.no_pointers) {
        lx.ptr = true;
        lx.eip = in->eip;
        lx.opcode = in->imm & 0x7ff;
        if (mem) {
            lx.mem = true;
            lx.off = low_ea(g, in, &lx.disp);
            lx.seg = in->seg;
        }
    }
    x87_lower_form(g, in, &f);
    return LOW_NEXT;
}

uint32_t low_wide_temp(void)
{
    return lx_temp();
}

bool ia32_lower_steady(void)
{
    return lx.on && !lx.first && (lx.any || x87_state(lx.top, lx.tag, false) == lx.state0);
}

void ia32_lower_guard(struct ir_group *g, const struct insn *in)
{
    uint32_t bad = IR_ZERO;
    if (!lx.on) {
        lx.on = true;
        if (ia32_is_simd(in->op)) {
            bad = ir_bini(g, OP_AND, lx_read_special(g, SR_FTAG), X87_UNCLEAN);
            lx.any = true;
            lx.top0 = TOP_UNKNOWN;
            lx.state = X87_UNCLEAN; /* what it never is */
        } else {
            bad = ir_bini(g, OP_XOR, lx_read_special(g, SR_FTAG), (int32_t)lx.state);
        }
    }
    if (in->op == I_FLDCW || in->op == I_FSCALE || in->op == I_FXTRACT) {
        uint32_t v = x87_lower_check(g, in);
        bad = bad ? ir_bin(g, OP_OR, bad, v) : v;
        lx.checked = in->eip;
        lx.first = lx.first || lx.guards == 0;
    }
    lx.guards++;
    g->end = (struct ir_end){.kind = END_LEAVE, .op = OP_BNZ, .ref = (uint16_t)bad};
    g->end.to[0] = (struct ir_target){TO_INTERP, in->eip};
}

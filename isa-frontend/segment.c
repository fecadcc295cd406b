/* SPDX-License-Identifier: MIT */
/*
 * Descriptor caches: what is loaded into them, by whom, and what they let pass. Limits are kept as
 * the first and last offset inside, so that expand-down segments need no case of their own.
 *
 * The accessed mark of a descriptor is the tables' owner's: Linux sets it when it writes one.
 */
#include "isa-frontend/interp_int.h"

struct ia32_segment ia32_seg[6];

#define FAULT(vector, code) ((uint32_t)(vector) << 16 | (code))

static uint32_t privilege(uint32_t hi)
{
    return hi >> 13 & 3;
}

static uint32_t cpl(void)
{
    return hw_mfs(SR_MODE) & MODE_CPL3 ? 3 : 0;
}

/* Vector << 16 | error code of a load, or 0. */
static uint32_t judge_data(uint32_t seg, uint32_t sel, uint32_t hi)
{
    uint32_t code = sel & 0xfffc, rpl = sel & 3, me = cpl();

    if (code == 0)
        return seg == SEG_SS ? FAULT(X_GP, 0) : 0;
    if (seg == SEG_SS) {
        if (rpl != me || (hi & (DESC_S | DESC_CODE | DESC_RW)) != (DESC_S | DESC_RW) ||
            privilege(hi) != me)
            return FAULT(X_GP, code);
        return hi & DESC_PRESENT ? 0 : FAULT(X_SS, code);
    }
    if (!(hi & DESC_S) || (hi & (DESC_CODE | DESC_RW)) == DESC_CODE)
        return FAULT(X_GP, code);
    if ((hi & (DESC_CODE | DESC_CONFORMING)) != (DESC_CODE | DESC_CONFORMING) &&
        (privilege(hi) < rpl || privilege(hi) < me))
        return FAULT(X_GP, code);
    return hi & DESC_PRESENT ? 0 : FAULT(X_NP, code);
}

/* The same for CS. A return to less privilege does not come here: there is none. */
static uint32_t judge_code(enum ia32_far kind, uint32_t sel, uint32_t hi)
{
    uint32_t code = sel & 0xfffc, rpl = sel & 3, me = cpl(), dpl = privilege(hi);

    if (code == 0)
        return FAULT(X_GP, 0);
    if ((hi & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE))
        return FAULT(X_GP, code);
    if (kind == FAR_RETURN ? rpl != me : !(hi & DESC_CONFORMING) && rpl > me)
        return FAULT(X_GP, code);
    if (hi & DESC_CONFORMING ? dpl > me : dpl != me)
        return FAULT(X_GP, code);
    return hi & DESC_PRESENT ? 0 : FAULT(X_NP, code);
}

uint32_t ia32_descriptor(uint32_t sel, uint32_t *lo)
{
    uint32_t hi = 0;

    *lo = 0;
    if (sel & 0xfffc) {
        hi = hw_hostcall((sel & 0xffff) | 1 << 16, HC_DESCRIPTOR);
        if (hi)
            *lo = hw_hostcall(sel & 0xffff, HC_DESCRIPTOR);
    }
    return hi;
}

uint32_t ia32_descriptor_limit(uint32_t hi, uint32_t lo)
{
    uint32_t limit = (lo & 0xffff) | (hi & 0xf0000);

    return hi & DESC_PAGES ? limit << 12 | 0xfff : limit;
}

/* The cache of a descriptor that has passed; hi is 0 for null. */
static void unpack(uint32_t hi, uint32_t lo, struct ia32_segment *out)
{
    uint32_t limit = ia32_descriptor_limit(hi, lo);

    out->base = lo >> 16 | (hi & 0xff) << 16 | (hi & 0xff000000);
    out->first = 0;
    out->last = limit;
    out->attr = 0;
    if (!hi)
        return;
    if (hi & DESC_BIG)
        out->attr |= SEGA_BIG;
    if (hi & DESC_CODE) {
        if (hi & DESC_RW)
            out->attr |= SEGA_READ;
        return;
    }
    out->attr |= hi & DESC_RW ? SEGA_READ | SEGA_WRITE : SEGA_READ;
    if (hi & DESC_CONFORMING) {
        out->first = limit + 1;
        out->last = hi & DESC_BIG ? 0xffffffff : 0xffff;
        if (out->first == 0) {
            out->first = 1;
            out->last = 0;
        }
    }
}

static void pass(uint32_t fault)
{
    if (fault)
        cms_guest_fault(fault >> 16, fault & 0xffff);
}

void ia32_seg_read(uint32_t seg, uint32_t sel, struct ia32_segment *out)
{
    uint32_t hi, lo;

    hw_commit(0); /* the platform wants everything committed */
    hi = ia32_descriptor(sel, &lo);
    pass(judge_data(seg, sel, hi));
    unpack(hi, lo, out);
}

void ia32_seg_read_code(enum ia32_far kind, uint32_t sel, uint32_t target, struct ia32_segment *out)
{
    uint32_t hi, lo;

    hw_commit(0);
    hi = ia32_descriptor(sel, &lo);
    pass(judge_code(kind, sel, hi));
    unpack(hi, lo, out);
    if (target > out->last)
        cms_guest_fault(X_GP, 0);
}

/* ---- the mode word ---- */

enum {
    MODE_OF_SEGMENTS = MODE_CODE32 | MODE_STACK32 | MODE_FLAT | MODE_FS | MODE_GS,
    MODE_OF_FLAGS = MODE_TF | MODE_AC
};

static bool is_flat(const struct ia32_segment *s, uint32_t attr)
{
    return (s->attr & attr) == attr && s->first == 0 && s->last == 0xffffffff;
}

/* The bits that segments decide, with `s` in the place of register `seg`. */
static uint32_t mode_of_segments(uint32_t seg, const struct ia32_segment *s)
{
    uint32_t mode = MODE_FLAT;

    for (uint32_t i = 0; i < 6; i++) {
        const struct ia32_segment *t = i == seg ? s : &ia32_seg[i];
        bool flat = is_flat(t, i == SEG_CS ? SEGA_READ : SEGA_READ | SEGA_WRITE);

        if (i == SEG_CS && (t->attr & SEGA_BIG))
            mode |= MODE_CODE32;
        if (i == SEG_SS && (t->attr & SEGA_BIG))
            mode |= MODE_STACK32;
        if (i >= SEG_FS)
            mode |= !flat ? 0 : i == SEG_FS ? MODE_FS : MODE_GS;
        else if (!flat || t->base)
            mode &= ~(uint32_t)MODE_FLAT;
    }
    return mode;
}

static uint32_t mode_of_flags(void)
{
    uint32_t efl = hw_g(G_EFL);

    return (efl & EFL_TF ? MODE_TF : 0) | (efl & EFL_AC && cpl() == 3 ? MODE_AC : 0);
}

static void change_mode(uint32_t which, uint32_t bits)
{
    uint32_t mode = mode_settle((hw_mfs(SR_MODE) & ~which) | bits);

    hw_mts(mode, SR_MODE);
    hw_mts(mode & MODE_AC ? 1 : 0, SR_ALIGN_CHECK);
}

void ia32_mode_flags(void)
{
    change_mode(MODE_OF_FLAGS, mode_of_flags());
}

static void set_selector(uint32_t seg, uint32_t sel)
{
    uint32_t r = G_SEL0 + seg / 2, old = hw_gget(r);

    hw_gput(seg & 1 ? (old & 0xffff) | sel << 16 : (old & 0xffff0000) | (sel & 0xffff), r);
}

void ia32_seg_set(uint32_t seg, uint32_t sel, const struct ia32_segment *s)
{
    set_selector(seg, sel);
    if (seg == SEG_FS)
        hw_setg(G_FSBASE, s->base);
    else if (seg == SEG_GS)
        hw_setg(G_GSBASE, s->base);
    change_mode(MODE_OF_SEGMENTS, mode_of_segments(seg, s));
}

void ia32_seg_reload(void)
{
    /* Those that mostly hold the same selector stand together. */
    static const uint8_t order[6] = {SEG_ES, SEG_SS, SEG_DS, SEG_CS, SEG_FS, SEG_GS};
    uint32_t hi = 0, lo = 0, known = 0, bad = 0, fault;

    hw_commit(0);
    ia32_shadow = false; /* whatever comes is another instruction */
    for (uint32_t k = 0; k < 6; k++) {
        uint32_t seg = order[k], sel = selector(seg);

        if (sel != known || k == 0)
            hi = ia32_descriptor(sel, &lo);
        known = sel;
        fault = seg == SEG_CS ? judge_code(FAR_RETURN, sel, hi) : judge_data(seg, sel, hi);
        if (!fault)
            unpack(hi, lo, &ia32_seg[seg]);
        if (!fault && (sel == 0 || sel > 3))
            continue;
        /* A return to less privilege leaves 0 of every null selector. */
        if (fault)
            ia32_seg[seg] = (struct ia32_segment){0, 1, 0, 0};
        if (seg == SEG_CS || seg == SEG_SS) {
            bad = fault;
        } else {
            set_selector(seg, 0);
            hw_commit(0); /* for the next host call */
        }
    }
    if (bad)
        ia32_seg[SEG_CS] = (struct ia32_segment){0, 1, 0, SEGA_BAD | (bad >> 16) << 8 | bad << 16};
    hw_setg(G_FSBASE, ia32_seg[SEG_FS].base);
    hw_setg(G_GSBASE, ia32_seg[SEG_GS].base);
    change_mode(MODE_OF_SEGMENTS | MODE_OF_FLAGS,
                mode_of_segments(SEG_NONE, NULL) | mode_of_flags());
    hw_commit(0);
}

/* ---- checks ---- */

void ia32_seg_check(uint32_t seg, uint32_t off, uint32_t size, uint32_t access)
{
    const struct ia32_segment *s = &ia32_seg[seg];
    /* Processors let an operand wrap round 4 GB where the segment is all of them. */
    bool whole = s->base == 0 && s->first == 0 && s->last == 0xffffffff;

    if (!(s->attr & access) || off < s->first || off > s->last ||
        (!whole && s->last - off < size - 1))
        cms_guest_fault(seg == SEG_SS ? X_SS : X_GP, 0);
}

uint32_t ia32_seg_at(uint32_t seg, uint32_t off, uint32_t size, uint32_t access)
{
    ia32_seg_check(seg, off, size, access);
    return ia32_seg[seg].base + off;
}

/* Instructions of two operands and more whose first one, in memory, is only read. */
static bool reads_only(const struct insn *in)
{
    switch (in->op) {
    case I_CMP:
    case I_TEST:
    case I_BT:
    case I_ARPL: return true;
    default: return false;
    }
}

/* Instructions of one operand, in memory, that write it without reading. */
static bool writes(const struct insn *in)
{
    switch (in->op) {
    case I_SETCC:
    case I_SLDT:
    case I_STR:
    case I_SMSW:
    case I_FXSAVE:
    case I_STMXCSR: return true;
    default: return false;
    }
}

static void check_operand(const struct insn *in, bool late)
{
    uint32_t attr = ia32_rows[in->row].attr, k = 0, access = SEGA_READ;

    switch (in->op) {
    case I_LEA:
    case I_NOP:
    case I_PREFETCH:
    case I_UD:
    case I_POP:           /* ESP changes first */
    case I_BOUND: return; /* two reads */
    case I_BT:
    case I_BTS:
    case I_BTR:
    case I_BTC:
        if (in->o[1].kind == O_REG) /* a bit string */
            return;
        break;
    default: break;
    }
    if ((attr & (AT_ST | AT_P0)) || ia32_is_x87(in->op))
        return;
    if (attr & AT_XMF && !late) /* MMX changes the x87's state first */
        return;
    while (in->o[k].kind != O_MEM || in->o[k].size == 0)
        if (++k == 3)
            return;
    if (k == 0 && ((attr & (AT_LK | AT_RM)) || (in->nopnds >= 2 ? !reads_only(in) : writes(in))))
        access = SEGA_WRITE;
    if (in->o[k].size == 16 && !(attr & AT_UA) && (ia32_linear(in) & 15))
        cms_guest_fault(X_GP, 0); /* which comes before #SS */
    ia32_seg_check(in->seg, ia32_offset(in), in->o[k].size, access);
}

void ia32_seg_check_operand(const struct insn *in)
{
    check_operand(in, false);
}

void ia32_seg_check_mmx(const struct insn *in)
{
    if (in->seg != SEG_NONE && !ia32_seg_plain(hw_mfs(SR_MODE), in->seg))
        check_operand(in, true);
}

/* SPDX-License-Identifier: MIT */
/*
 * Which ops may share a bundle. Placing ops into the slots of a format is a matching between at
 * most eight ops and eight slots, found by augmenting paths (breadth first, so without recursion).
 * Formats are tried by size, and almost always the first free slot will do, so the common case is
 * one pass over the ops. Freestanding: the schedulers of the tool chain and of CMS run this in
 * their inner loop, on either side of the wall.
 */
#include "vliw-model/mdesc.h"

static bool slot_takes(unsigned slot, unsigned unit)
{
    return unit == UNIT_ANY || (slot & unit);
}

/* Whether b takes an immediate word (formats without b leave bmode at B_REG). */
static unsigned count_long(const struct vop *ops, unsigned n)
{
    unsigned longs = 0;
    for (unsigned i = 0; i < n; i++)
        longs += ops[i].bmode == B_LONG;
    return longs;
}

/* can[i]: slots that op i may take. Fills slot_of; false if some op finds no place. */
static bool match(const uint8_t *can, unsigned nops, unsigned nslots,
                  uint8_t slot_of[MAX_BUNDLE_OPS])
{
    enum { NOBODY = 0xff };
    uint8_t owner[MAX_BUNDLE_OPS], from[MAX_BUNDLE_OPS], queue[MAX_BUNDLE_OPS];
    unsigned taken = 0;
    for (unsigned u = 0; u < nops; u++) {
        unsigned seen = 0, head = 0, tail = 0, s = nslots;
        queue[tail++] = (uint8_t)u;
        while (head < tail && s == nslots) {
            unsigned x = queue[head++], cand = can[x] & ~seen;
            unsigned look = cand & ~taken ? cand & ~taken : cand; /* a free slot ends the search */
            for (unsigned t = 0; look >> t; t++) {
                if (!(look >> t & 1))
                    continue;
                seen |= 1u << t;
                from[t] = (uint8_t)x;
                if (!(taken >> t & 1)) {
                    s = t;
                    break;
                }
                queue[tail++] = owner[t];
            }
        }
        if (s == nslots)
            return false;
        taken |= 1u << s;
        for (;;) {
            unsigned y = from[s], old = slot_of[y];
            slot_of[y] = (uint8_t)s;
            owner[s] = (uint8_t)y;
            if (y == u)
                break;
            s = old;
        }
    }
    return true;
}

/* Ops of one unit are interchangeable, so they keep the order in which they were given: stores
 * depend on it. */
static void keep_order(const struct vop *ops, unsigned nops, uint8_t slot_of[MAX_BUNDLE_OPS])
{
    for (unsigned i = 0; i + 1 < nops; i++)
        for (unsigned j = i + 1; j < nops; j++)
            if (slot_of[i] > slot_of[j] && op_table[ops[i].opc].unit == op_table[ops[j].opc].unit) {
                uint8_t t = slot_of[i];
                slot_of[i] = slot_of[j];
                slot_of[j] = t;
            }
}

int mdesc_place(const struct mdesc *m, const struct vop *ops, uint32_t nops,
                uint8_t slot_of[MAX_BUNDLE_OPS])
{
    if (nops == 0 || nops > m->bundle_width || nops > MAX_BUNDLE_OPS)
        return -1;
    unsigned longs = count_long(ops, nops);
    for (unsigned fi = 0; fi < m->nformats; fi++) {
        const struct bundle_format *f = &m->format[fi];
        if (nops > f->nslots || longs > f->nimms)
            continue;
        /* Padding fills places of immediates by nops that carry one. */
        if (m->bundle_pad == PAD_FORMAT && f->nimms - longs > f->nslots - nops)
            continue;
        uint8_t can[MAX_BUNDLE_OPS];
        bool possible = true;
        for (unsigned i = 0; i < nops && possible; i++) {
            unsigned unit = op_table[ops[i].opc].unit, c = 0;
            for (unsigned s = 0; s < f->nslots; s++)
                c |= (unsigned)slot_takes(f->slot[s], unit) << s;
            can[i] = (uint8_t)c;
            possible = c != 0;
        }
        if (possible && match(can, nops, f->nslots, slot_of)) {
            keep_order(ops, nops, slot_of);
            return (int)fi;
        }
    }
    return -1;
}

bool mdesc_pack(const struct mdesc *m, const struct vop *ops, uint32_t nops, struct bundle *out)
{
    uint8_t slot_of[MAX_BUNDLE_OPS];
    int fi = mdesc_place(m, ops, nops, slot_of);
    if (fi < 0)
        return false;
    const struct bundle_format *f = &m->format[fi];
    uint8_t in_slot[MAX_BUNDLE_OPS];
    for (unsigned s = 0; s < f->nslots; s++)
        in_slot[s] = MAX_BUNDLE_OPS;
    for (unsigned i = 0; i < nops; i++)
        in_slot[slot_of[i]] = (uint8_t)i;
    bool pad = m->bundle_pad == PAD_FORMAT;
    unsigned fill = f->nimms - count_long(ops, nops), n = 0;
    for (unsigned s = 0; s < f->nslots; s++) {
        struct vop *o = &out->op[n];
        if (in_slot[s] < MAX_BUNDLE_OPS) {
            *o = ops[in_slot[s]];
        } else if (pad) {
            *o = (struct vop){OP_NOP, 0, 0, 0, fill ? B_LONG : B_REG, 0};
            fill -= fill != 0;
        } else {
            continue;
        }
        n++;
    }
    out->nops = (uint8_t)n;
    return true;
}

/* Whether the ops, in the order they stand in, take slots of the format in order. */
static bool fits(const struct bundle_format *f, const struct bundle *b, unsigned longs, bool exact)
{
    if (b->nops > f->nslots || longs > f->nimms)
        return false;
    if (exact && (b->nops != f->nslots || longs != f->nimms))
        return false;
    unsigned s = 0;
    for (unsigned i = 0; i < b->nops; i++, s++) {
        unsigned unit = op_table[b->op[i].opc].unit;
        while (s < f->nslots && !slot_takes(f->slot[s], unit))
            s++;
        if (s >= f->nslots)
            return false;
    }
    return true;
}

static bool has_displacement(const struct vop *op)
{
    return op->bmode == B_REG ? op->rb != 0 : op->imm != 0;
}

enum bundle_error mdesc_check(const struct mdesc *m, const struct bundle *b)
{
    uint64_t written = 0;
    bool cc = false;
    if (b->nops == 0 || b->nops > MAX_BUNDLE_OPS || b->nops > m->bundle_width)
        return BE_WIDTH;
    for (unsigned i = 0; i < b->nops; i++) {
        const struct vop *op = &b->op[i];
        if (op->opc >= OP_COUNT_)
            return BE_FORMAT;
        unsigned fmt = op_table[op->opc].format;
        if (!m->cap_disp && (fmt == FMT_LOAD || fmt == FMT_STORE) && has_displacement(op))
            return BE_DISP;
        if (!m->cap_select && op->opc == OP_CMOV)
            return BE_SELECT;
        if (!m->cap_cmpbr && fmt == FMT_BRRR)
            return BE_CMPBR;
        struct op_regs r = op_regs(op);
        if (r.writes_cc && cc)
            return BE_TWO_CC;
        if (r.writes & written)
            return BE_TWO_WRITES;
        cc |= r.writes_cc;
        written |= r.writes;
    }
    unsigned longs = count_long(b->op, b->nops);
    bool exact = m->bundle_pad == PAD_FORMAT, loose = false;
    for (unsigned fi = 0; fi < m->nformats; fi++) {
        if (fits(&m->format[fi], b, longs, exact))
            return BE_OK;
        loose = loose || fits(&m->format[fi], b, longs, false);
    }
    return loose ? BE_PAD : BE_FORMAT;
}

const char *bundle_error_text(enum bundle_error e)
{
    switch (e) {
    case BE_OK: return "well formed";
    case BE_FORMAT: return "the ops fit no bundle format of this machine";
    case BE_DISP: return "a displacement, which this machine's memory ops do not take (cap.disp)";
    case BE_SELECT: return "cmov, which this machine lacks (cap.select)";
    case BE_CMPBR:
        return "a compare-and-branch of two registers, which this machine lacks (cap.cmpbr)";
    case BE_TWO_CC: return "two writers of the condition codes in one bundle";
    case BE_TWO_WRITES: return "two writers of one register in one bundle";
    case BE_WIDTH: return "no ops, or more than the machine's bundle width";
    case BE_PAD: return "slots or immediate places of the format are not filled (bundle.pad)";
    }
    return "unknown";
}

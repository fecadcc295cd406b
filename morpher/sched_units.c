/* SPDX-License-Identifier: MIT */
/*
 * Which ops may share a bundle, as an automaton. The question "does one more op fit" is asked a few
 * times for each op scheduled; matching ops to slots (mdesc_place) every time would cost more than
 * all the rest of scheduling. But the answer depends only on how many ops of each class a bundle
 * holds (class: unit, and whether there is an immediate word), and a machine has few such
 * combinations. So each is a state, made when first met by asking mdesc_pack about a bundle of
 * representatives, and from then on an entry of units_next.
 *
 * A state also keeps the shape of its packed bundle, so that emission asks nothing more.
 */
#include "morpher/gear1.h"

uint16_t units_next[UNITS_STATES + 1][16];
uint32_t ir_op[OP_COUNT_];
/* How many ops of each class: three bits, but for multiplications and branches, of which no bundle
 * has more than three. */
static const uint8_t key_at[UNITS_CLASSES] = {0, 3, 6, 9, 12, 14, 16, 19, 22, 24, 26, 29};
static uint32_t units_key[UNITS_STATES + 1];
static struct units_shape shapes[UNITS_STATES + 1];
static uint32_t nstates;
static const struct mdesc *machine;

static const uint8_t representative[UNITS_CLASSES / 2] = {OP_ADD,  OP_SLL, OP_MUL,
                                                          OP_XCHK, OP_JAL, OP_FLD};

#define RD_FORMATS                                                                                 \
    (1u << FMT_RRB | 1u << FMT_RRBX | 1u << FMT_RR | 1u << FMT_RRX | 1u << FMT_RB | 1u << FMT_RC | \
     1u << FMT_RRC | 1u << FMT_LOAD)
#define TIED_FORMATS (1u << FMT_RRBX | 1u << FMT_RRX | 1u << FMT_RRC)

static uint32_t describe(const struct mdesc *m, uint32_t op)
{
    const struct op_info *o = &op_table[op];
    uint32_t lat = m->lat[o->latency], v;
    switch (o->unit) {
    case UNIT_SHIFT: v = 2; break;
    case UNIT_MUL: v = 4; break;
    case UNIT_MEM: v = 6; break;
    case UNIT_BR: v = 8; break;
    case UNIT_FP: v = 10; break;
    default: v = 0; break;
    }
    /* Beyond 8 cycles the pipeline stands still, and so does the schedule. */
    v |= (lat > 8 ? 8 : lat) << OI_LAT_SHIFT | (uint32_t)o->order << OI_ORDER_SHIFT;
    if (ir_cc_table[op].may)
        v |= OI_WRITES_CC | (ir_cc_table[op].read ? OI_CARRY : 0);
    if (op == OP_SETCC || op == OP_CMOV || op == OP_RDCC || op == OP_TRAPIF || op == OP_BRCC)
        v |= OI_READS_CC;
    if (TIED_FORMATS >> o->format & 1)
        v |= OI_TIED;
    if (RD_FORMATS >> o->format & 1)
        v |= OI_RD;
    if (o->format == FMT_STORE || o->format == FMT_RRBS || o->format == FMT_BRRR)
        v |= OI_DATUM;
    if (o->format == FMT_WLOAD || o->format == FMT_WSTORE || o->format == FMT_WWB)
        v |= OI_WIDE;
    if (o->format == FMT_BRCC || o->format == FMT_CODE)
        v |= OI_COND;
    return v;
}

void units_init(const struct mdesc *m)
{
    machine = m;
    for (uint32_t i = 0; i <= nstates; i++)
        for (uint32_t c = 0; c < 16; c++)
            units_next[i][c] = 0;
    nstates = 1;
    units_key[1] = 0;
    shapes[1].nslots = 0;
    for (uint32_t i = 0; i < OP_COUNT_; i++)
        ir_op[i] = describe(m, i);
}

uint32_t units_class(uint32_t op, bool is_long)
{
    return (ir_op[op] & OI_CLASS) + is_long;
}

const struct units_shape *units_shape(uint32_t state)
{
    return &shapes[state];
}

static uint32_t key_max(uint32_t cls)
{
    return cls == UNITS_CLASSES - 1 || key_at[cls + 1] - key_at[cls] == 3 ? 7 : 3;
}

/* Packs representatives of a combination. */
static bool pack(uint32_t key, struct units_shape *out)
{
    struct vop ops[MAX_BUNDLE_OPS];
    struct bundle b;
    uint32_t n = 0;
    for (uint32_t c = 0; c < UNITS_CLASSES; c++)
        for (uint32_t k = key >> key_at[c] & key_max(c); k; k--) {
            if (n == MAX_BUNDLE_OPS)
                return false;
            ops[n++] = (struct vop){representative[c >> 1], 0, 0, 0, c & 1 ? B_LONG : B_SHORT, 0};
        }
    if (!mdesc_pack(machine, ops, n, &b))
        return false;
    out->nslots = b.nops;
    for (uint32_t s = 0; s < b.nops; s++) {
        bool is_long = b.op[s].bmode == B_LONG;
        if (b.op[s].opc == OP_NOP)
            out->slot[s] = is_long ? SLOT_NOP_LONG : SLOT_NOP;
        else
            out->slot[s] = (uint8_t)units_class(b.op[s].opc, is_long);
    }
    return true;
}

uint32_t units_step_slow(uint32_t state, uint32_t cls)
{
    uint32_t key = units_key[state], to = UNITS_NO;
    if (cls < UNITS_CLASSES && (key >> key_at[cls] & key_max(cls)) < key_max(cls)) {
        key += 1u << key_at[cls];
        for (to = 1; to <= nstates && units_key[to] != key; to++)
            ;
        if (to > nstates) {
            if (nstates == UNITS_STATES || !pack(key, &shapes[nstates + 1]))
                to = UNITS_NO;
            else
                units_key[nstates = to] = key;
        }
    }
    units_next[state][cls] = (uint16_t)to;
    return to;
}

/* SPDX-License-Identifier: MIT */
/*
 * The op table and what an op reads and writes, both derived from ops.def. Freestanding: the
 * schedulers of the tool chain and of CMS ask the same function. What the operand shape says is
 * decided by format; the few ops that touch more than their operands (condition codes, the guest
 * registers by number) are named below. A new op whose operands say everything needs no line here.
 */
#include "vliw-model/isa.h"

const struct op_info op_table[OP_COUNT_] = {
#define OP(name, mnem, fmt, unit, lat, trap, order, doc)                                           \
    [OP_##name] = {mnem, FMT_##fmt, UNIT_##unit, LAT_##lat, ORD_##order, #trap[0]},
#include "vliw-model/ops.def"
#undef OP
};

const uint8_t simd_fn_op[FN_COUNT_] = {
#define FN(name, op, doc) [FN_##name] = OP_##op,
#include "vliw-model/simd.def"
#undef FN
};

_Static_assert(OP_VFDIV - OP_VALU == 3, "these four stand together");

/* The flag-setting ops stand together in the table, in this order; wrcc alone stands apart. */
_Static_assert(OP_BSRF - OP_ADDF8 == 60, "flag-setting ops were added: see the functions below");
_Static_assert(OP_SBBF32 - OP_ADCF8 == 5 && OP_RCRF32 - OP_RCLF8 == 5, "see reads_cc");
_Static_assert(OP_SHRDF32 - OP_INCF8 == 30, "see keeps_cc");

static bool writes_cc(unsigned opc)
{
    return (opc >= OP_ADDF8 && opc <= OP_BSRF) || opc == OP_WRCC;
}

static bool reads_cc(unsigned opc)
{
    return (opc >= OP_ADCF8 && opc <= OP_SBBF32) || (opc >= OP_RCLF8 && opc <= OP_RCRF32) ||
           opc == OP_SETCC || opc == OP_CMOV || opc == OP_BRCC || opc == OP_TRAPIF ||
           opc == OP_RDCC;
}

/* INC and DEC leave CF; shifts and rotates write nothing for a zero count; btf and wrcc write a
 * part. */
static bool keeps_cc(const struct vop *op)
{
    unsigned opc = op->opc;
    if (opc == OP_WRCC)
        return op->bmode == B_REG || ((uint32_t)op->imm & F_ALL) != F_ALL;
    return (opc >= OP_INCF8 && opc <= OP_SHRDF32) || opc == OP_BTF;
}

static uint64_t bit(unsigned r)
{
    return r == 0 || r >= NGPR ? 0 : (uint64_t)1 << r;
}

struct op_regs op_regs(const struct vop *op)
{
    struct op_regs r = {0, 0, false, false, false};
    unsigned opc = op->opc;
    if (opc >= OP_COUNT_)
        return r;
    uint64_t rd = bit(op->rd), ra = bit(op->ra), b = op->bmode == B_REG ? bit(op->rb) : 0;
    switch (op_table[opc].format) {
    case FMT_NONE:
    case FMT_WWB: break;
    case FMT_RRB:
    case FMT_LOAD:
    case FMT_JALR:
        r.reads = ra | b;
        r.writes = rd;
        break;
    case FMT_RRBX:
        r.reads = rd | ra | b;
        r.writes = rd;
        break;
    case FMT_RR:
        r.reads = ra;
        r.writes = rd;
        break;
    case FMT_RRX:
    case FMT_RRC:
        r.reads = rd | ra;
        r.writes = rd;
        break;
    case FMT_RB:
        r.reads = b;
        r.writes = rd;
        break;
    case FMT_RC:
    case FMT_JAL: r.writes = rd; break;
    case FMT_STORE:
    case FMT_RRBS: r.reads = rd | ra | b; break;
    case FMT_WLOAD: /* rd is a wide register */
    case FMT_WSTORE:
    case FMT_AB: r.reads = ra | b; break;
    case FMT_B: r.reads = b; break;
    case FMT_BRCC:
    case FMT_CODE: break;
    case FMT_BRR: r.reads = ra; break;
    case FMT_BRRR: r.reads = rd | ra; break;
    default: break;
    }
    const uint64_t guest = ~(uint64_t)0 << GUEST_REG0;
    if (opc == OP_GGET || opc == OP_GPUT)
        r.reads |= guest;
    if (opc == OP_GPUT)
        r.writes |= guest;
    r.reads_cc = reads_cc(opc);
    r.writes_cc = writes_cc(opc);
    r.keeps_cc = r.writes_cc && keeps_cc(op);
    return r;
}

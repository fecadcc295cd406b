/* SPDX-License-Identifier: MIT */
/*
 * Bundles to words and back. The encoding is canonical: fields that an op's format does not use are
 * zero, so decoding and encoding again gives the same words, and a word that could not have been
 * produced is refused. Encoding takes no notice of what stands in unused fields of a struct vop.
 * Formats say everything; a new op needs no line here.
 */
#include "vliw-model/encode.h"

enum {
    USES_RD = 1,
    USES_RA = 2,
    USES_B = 4,
    RD_COND = 8,   /* the rd field is a condition */
    B_COND = 16,   /* b is a condition, always short */
    B_IMM = 32,    /* b is never a register */
    B_TARGET = 64, /* short b is a displacement; implies B_IMM */
    RD_WIDE = 128, /* the rd field is a wide register */
    RA_WIDE = 256  /* the ra field is one */
};

static const uint16_t format_fields[FMT_COUNT_] = {
    [FMT_NONE] = 0,
    [FMT_RRB] = USES_RD | USES_RA | USES_B,
    [FMT_RRBX] = USES_RD | USES_RA | USES_B,
    [FMT_RR] = USES_RD | USES_RA,
    [FMT_RRX] = USES_RD | USES_RA,
    [FMT_RB] = USES_RD | USES_B,
    [FMT_RC] = USES_RD | USES_B | B_COND,
    [FMT_RRC] = USES_RD | USES_RA | USES_B | B_COND,
    [FMT_LOAD] = USES_RD | USES_RA | USES_B,
    [FMT_STORE] = USES_RD | USES_RA | USES_B,
    [FMT_WLOAD] = USES_RD | RD_WIDE | USES_RA | USES_B,
    [FMT_WSTORE] = USES_RD | RD_WIDE | USES_RA | USES_B,
    [FMT_WWB] = USES_RD | USES_RA | RA_WIDE | USES_B | B_IMM,
    [FMT_AB] = USES_RA | USES_B,
    [FMT_RRBS] = USES_RD | USES_RA | USES_B,
    [FMT_B] = USES_B,
    [FMT_BRCC] = USES_RD | RD_COND | USES_B | B_IMM | B_TARGET,
    [FMT_BRR] = USES_RA | USES_B | B_IMM | B_TARGET,
    [FMT_BRRR] = USES_RD | USES_RA | USES_B | B_IMM | B_TARGET,
    [FMT_JAL] = USES_RD | USES_B | B_IMM | B_TARGET,
    [FMT_JALR] = USES_RD | USES_RA | USES_B,
    [FMT_CODE] = USES_RD | RD_COND | USES_B | B_IMM,
};

/* A nop may carry an immediate word: it fills the immediate place of a padded format. */
static unsigned fields_of(unsigned opc)
{
    return opc == OP_NOP ? USES_B : format_fields[op_table[opc].format];
}

/* The op word without its stop bits; false if the op has no encoding. */
static bool encode_op(const struct vop *op, uint32_t pc, uint32_t *word)
{
    if (op->opc >= OP_COUNT_)
        return false;
    unsigned f = fields_of(op->opc);
    uint32_t w = (uint32_t)op->opc << 20;
    if (f & USES_RD) {
        if (op->rd >= NGPR || ((f & RD_COND) && op->rd > 15) || ((f & RD_WIDE) && op->rd >= NWIDE))
            return false;
        w |= (uint32_t)op->rd << 14;
    }
    if (f & USES_RA) {
        if (op->ra >= NGPR || ((f & RA_WIDE) && op->ra >= NWIDE))
            return false;
        w |= (uint32_t)op->ra << 8;
    }
    if (op->opc == OP_NOP) {
        *word = w | (op->bmode == B_LONG ? (uint32_t)B_LONG << 28 : 0);
        return true;
    }
    if (f & USES_B) {
        if (op->bmode > B_LONG)
            return false;
        if ((f & B_COND) && (op->bmode != B_SHORT || (uint32_t)op->imm > 15))
            return false;
        if ((f & B_IMM) && op->bmode == B_REG)
            return false;
        if (op->bmode == B_REG) {
            if (op->rb >= NGPR)
                return false;
            w |= op->rb;
        } else if (op->bmode == B_SHORT) {
            int32_t v = op->imm;
            if (f & B_TARGET) {
                v = (int32_t)((uint32_t)op->imm - pc);
                if (v & 3)
                    return false;
                v /= 4;
            }
            if (v < -128 || v > 127)
                return false;
            w |= (uint32_t)v & 0xff;
        } else if ((f & B_TARGET) && (op->imm & 3)) {
            return false;
        }
        w |= (uint32_t)op->bmode << 28;
    }
    *word = w;
    return true;
}

static bool is_long(const struct vop *op)
{
    return op->bmode == B_LONG && op->opc < OP_COUNT_ && (fields_of(op->opc) & USES_B);
}

uint32_t bundle_words(const struct bundle *b)
{
    uint32_t n = (uint32_t)b->nops + (b->commit ? 1 : 0);
    for (unsigned i = 0; i < b->nops; i++)
        n += is_long(&b->op[i]);
    return n;
}

uint32_t bundle_encode(const struct bundle *b, uint32_t pc, uint32_t out[MAX_BUNDLE_WORDS])
{
    if (b->nops == 0 || b->nops > MAX_BUNDLE_OPS || (pc & 3))
        return 0;
    uint32_t n = b->nops;
    for (unsigned i = 0; i < b->nops; i++) {
        if (!encode_op(&b->op[i], pc, &out[i]))
            return 0;
        if (is_long(&b->op[i]))
            out[n++] = (uint32_t)b->op[i].imm;
    }
    out[b->nops - 1] |= (b->commit ? 2u : 1u) << 30;
    if (b->commit)
        out[n++] = b->retired;
    return n;
}

/* One op word; a long immediate is filled in by the caller. */
static bool decode_op(uint32_t w, uint32_t pc, struct vop *op)
{
    unsigned bmode = w >> 28 & 3, opc = w >> 20 & 0xff, rd = w >> 14 & 63, ra = w >> 8 & 63,
             b = w & 0xff;
    if (opc >= OP_COUNT_ || bmode > B_LONG)
        return false;
    unsigned f = fields_of(opc);
    if ((!(f & USES_RD) && rd) || (!(f & USES_RA) && ra) || ((f & RD_COND) && rd > 15) ||
        ((f & RD_WIDE) && rd >= NWIDE) || ((f & RA_WIDE) && ra >= NWIDE))
        return false;
    if (!(f & USES_B) && (bmode != B_REG || b))
        return false;
    if (opc == OP_NOP && (bmode == B_SHORT || b))
        return false;
    if (((f & B_IMM) && bmode == B_REG) || ((f & B_COND) && (bmode != B_SHORT || b > 15)))
        return false;
    if ((bmode == B_REG && b >= NGPR) || (bmode == B_LONG && b))
        return false;
    op->opc = (uint8_t)opc;
    op->rd = (uint8_t)rd;
    op->ra = (uint8_t)ra;
    op->bmode = (uint8_t)bmode;
    op->rb = bmode == B_REG ? (uint8_t)b : 0;
    op->imm = 0;
    if (bmode == B_SHORT) {
        int32_t v = (int8_t)b;
        op->imm = f & B_TARGET ? (int32_t)(pc + (uint32_t)v * 4) : v;
    }
    return true;
}

uint32_t bundle_decode(const uint32_t *in, uint32_t avail, uint32_t pc, struct bundle *b)
{
    if (pc & 3)
        return 0;
    uint32_t n = 0, stop = 0;
    while (stop == 0) {
        if (n == MAX_BUNDLE_OPS || n == avail)
            return 0;
        stop = in[n] >> 30;
        if (stop == 3 || !decode_op(in[n], pc, &b->op[n]))
            return 0;
        n++;
    }
    b->nops = (uint8_t)n;
    b->commit = stop == 2;
    b->retired = 0;
    for (unsigned i = 0; i < b->nops; i++) {
        if (b->op[i].bmode != B_LONG)
            continue;
        if (n == avail)
            return 0;
        b->op[i].imm = (int32_t)in[n++];
        if ((fields_of(b->op[i].opc) & B_TARGET) && (b->op[i].imm & 3))
            return 0;
    }
    if (b->commit) {
        if (n == avail || in[n] >> 16)
            return 0;
        b->retired = (uint16_t)in[n++];
    }
    return n;
}

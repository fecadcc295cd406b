/* SPDX-License-Identifier: MIT */
/*
 * The verifiers that cms.verify = 1 turns on: IR after each pass, bundles of a finished
 * translation. They say what is wrong in a few words and change nothing; a defect is counted and
 * shown, and tests treat any as a failure.
 */
#include "morpher/gear1.h"

#define WRITES_RD                                                                                  \
    (1u << FMT_RRB | 1u << FMT_RRBX | 1u << FMT_RR | 1u << FMT_RRX | 1u << FMT_RB | 1u << FMT_RC | \
     1u << FMT_RRC | 1u << FMT_LOAD)
#define TIED (1u << FMT_RRBX | 1u << FMT_RRX | 1u << FMT_RRC)

/* What a translation may never do: reach guest registers by number, native memory, the machine's
 * own state. */
static bool forbidden(uint32_t op, int32_t imm)
{
    const struct op_info *o = &op_table[op];
    if (op == OP_GGET || op == OP_GPUT || op == OP_GLDX8 || op == OP_GLDX32 || op == OP_RFE ||
        op == OP_RAISE || op == OP_COUNT)
        return true;
    if (o->unit == UNIT_FP)
        return false;
    if (op == OP_FSWM)
        return false;
    if (op == OP_MFS || op == OP_MTS || op == OP_MTSP)
        return imm < SR_FP_FIRST || imm > SR_FP_LAST;
    return o->order == ORD_NLD || o->order == ORD_NST || o->order == ORD_FENCE;
}

/* A translation names wide registers and function of valu and its kin by a constant. */
static bool simd_known(const struct vop *op)
{
    uint32_t fn = SIMD_FN(op->imm);
    if (op->opc < OP_VALU || op->opc > OP_VFDIV)
        return true;
    return op->bmode != B_REG && fn < FN_COUNT_ && simd_fn_op[fn] == op->opc &&
           (uint32_t)op->imm >> 29 == 0;
}

const char *ir_verify(const struct ir_group *g)
{
    uint32_t homes[IR_NENTRY] = {0}; /* first record with that home */
    if (g->n > IR_MAX)
        return "IR: too many records";
    for (uint32_t i = IR_BODY; i < g->n; i++) {
        const struct ir *r = &g->r[i];
        if (r->op == OP_NOP)
            continue;
        if (r->op >= OP_COUNT_ || forbidden(r->op, r->imm) || op_table[r->op].order == ORD_CTL)
            return "IR: an op that translations may not use";
        if (r->a >= i || r->b >= i || r->c >= i)
            return "IR: an operand that is not earlier";
        uint32_t refs[3] = {r->a, r->b, r->c};
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t ref = refs[k];
            if (ref >= IR_BODY && g->r[ref].op == OP_NOP)
                return "IR: an operand that was removed";
            if (ref >= IR_BODY && !(WRITES_RD >> op_table[g->r[ref].op].format & 1))
                return "IR: an operand without a value";
            if (ref - 1u < IR_NENTRY && homes[ref - 1] &&
                !(TIED >> op_table[r->op].format & 1 && k == 2) &&
                !((r->flags & IRF_TWIN) && homes[ref - 1] == i - 1))
                return "IR: an entry value read after its register was written";
        }
        if ((r->flags & IRF_IMM) && r->b)
            return "IR: both an immediate and a second source";
        if (TIED >> op_table[r->op].format & 1) {
            const struct ir *c = &g->r[r->c];
            bool own = c->op == OP_MOV && r->c == i - 1 && c->home == r->home;
            if (!own && !(r->c - 1u < IR_NENTRY && r->home == GUEST_REG0 + r->c - 1))
                return "IR: a tied op without a value of its own";
        }
        if (r->home) {
            uint32_t reg = r->home - GUEST_REG0;
            if (reg >= IR_NENTRY)
                return "IR: a home that is no guest register";
            if (homes[reg] && !(TIED >> op_table[r->op].format & 1 && r->c == homes[reg]))
                return "IR: two records with one home";
            homes[reg] = i;
        }
    }
    if ((g->end.ref - 1u < IR_NENTRY && homes[g->end.ref - 1]) ||
        (g->end.ref2 - 1u < IR_NENTRY && homes[g->end.ref2 - 1]))
        return "IR: the branch reads an entry value whose register was written";
    return NULL;
}

/* The wide registers that an op is known to read and to write. */
static void wide_regs(const struct vop *op, uint32_t *reads, uint32_t *writes)
{
    uint32_t b = (uint32_t)op->imm, format = op_table[op->opc].format;
    *reads = *writes = 0;
    if (format == FMT_WLOAD) {
        *writes = 1u << (op->rd & 31);
    } else if (format == FMT_WSTORE) {
        *reads = 1u << (op->rd & 31);
    } else if (format == FMT_WWB) {
        bool one = op->opc == OP_WSQRT || op->opc == OP_WRND;
        bool two = op->opc != OP_WLD && op->opc != OP_WST;
        *reads = (one ? 0 : 1u << (b & 31)) | (two ? 1u << (op->ra & 31) : 0);
        *writes = 1u << (op->rd & 31);
    } else if (op->opc >= OP_VALU && op->opc <= OP_VFDIV) {
        *reads = 1u << SIMD_S(b) | 1u << SIMD_D(b);
        *writes = simd_fn_reads_only(SIMD_FN(b)) ? 0 : 1u << SIMD_D(b);
    } else if (op->bmode != B_REG && op->opc == OP_WGET) {
        *reads = 1u << (b >> 2 & 31);
    } else if (op->bmode != B_REG && op->opc == OP_WPUT) {
        *writes = 1u << (b >> 2 & 31);
    }
}

/* Wide registers have no order within a bundle: none is written by one op and named by another. */
static bool wide_apart(const struct bundle *b)
{
    uint32_t reads = 0, writes = 0, r, w;
    for (uint32_t k = 0; k < b->nops; k++) {
        wide_regs(&b->op[k], &r, &w);
        if ((w & (reads | writes)) || (r & writes))
            return false;
        reads |= r;
        writes |= w;
    }
    return true;
}

const char *xlat_verify(const struct mdesc *m, const struct xlat *x)
{
    uint32_t at = 0, bundles = 0, commits = 0;
    while (at < x->nwords) {
        struct bundle b;
        uint32_t n = bundle_decode(&x->word[at], x->nwords - at, x->base + 4 * at, &b);
        if (n == 0)
            return "code: a malformed bundle";
        enum bundle_error e = mdesc_check(m, &b);
        if (e != BE_OK)
            return bundle_error_text(e);
        for (uint32_t k = 0; k < b.nops; k++) {
            if (forbidden(b.op[k].opc, b.op[k].imm))
                return "code: an op that translations may not use";
            if (!simd_known(&b.op[k]))
                return "code: a SIMD function that its op does not have";
        }
        if (!wide_apart(&b))
            return "code: a wide register that a bundle writes and names elsewhere";
        if (b.commit && commits < x->ncommits && x->commit[commits].off == 4 * at)
            commits++;
        at += n;
        bundles++;
    }
    if (bundles != x->nbundles)
        return "code: the count of bundles is wrong";
    if (commits != x->ncommits)
        return "code: a side-table entry without its commit";
    for (uint32_t k = 0; k < x->nexits; k++) {
        const struct xlat_exit *e = &x->exit[k];
        if (e->stub_off >= 4 * x->nwords)
            return "code: an exit without a stub";
        if (e->branch_off && x->word[e->branch_off / 4] != x->base + e->stub_off)
            return "code: a branch that misses its stub";
    }
    return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * The branch at the end of a group: first, compare and branch in one bundle. A branch on flags must
 * wait for the op that sets them; a branch that compares the same two values need not, and can
 * share the bundle of that op, which stays, since the flags are live at the commit. So the branch
 * at the end of a group becomes a compare-and-branch where the last writer of flags was a
 * comparison (or a test of one value with itself, or an increment whose zero is asked for).
 *
 * The rule it must keep: the branch is the last to read, so both values must still be in their
 * registers then. Records keep theirs (their last use is extended); what a guest register held on
 * entry is there only if the group does not write it.
 *
 * Narrow comparisons qualify if both sides are known to be zero-extended and the condition is not a
 * signed one.
 */
#include "morpher/gear1.h"

static bool stays(const struct ir_group *g, uint32_t ref)
{
    return ref >= IR_BODY || ref == IR_ZERO || g->cur[ref - 1] == ref;
}

/* What is compared by the last writer of flags; false if it is no comparison. */
struct comparison {
    uint32_t a, b; /* b: a value, unless has_imm */
    bool has_imm, equal_only;
    int32_t imm;
    uint32_t size;
};

static bool is_comparison(const struct ir_group *g, const struct ir *w, struct comparison *c)
{
    *c = (struct comparison){.a = w->a, .b = w->b, .size = 4};
    c->has_imm = w->flags & IRF_IMM;
    c->imm = w->imm;
    switch (w->op) {
    case OP_SUBF8: c->size = 1; break;
    case OP_SUBF16: c->size = 2; break;
    case OP_SUBF32: break;
    case OP_ANDF8: c->size = 1; goto test;
    case OP_ANDF16: c->size = 2; goto test;
    case OP_ANDF32:
    test:
        if (c->has_imm || c->a != c->b)
            return false;
        c->b = IR_ZERO;
        break;
    case OP_ADDF32: /* zero if the other is its negative */
        if (!c->has_imm)
            return false;
        c->imm = (int32_t)(0u - (uint32_t)c->imm);
        c->equal_only = true;
        break;
    case OP_INCF32:
    case OP_DECF32:
        c->has_imm = c->equal_only = true;
        c->imm = w->op == OP_INCF32 ? -1 : 1;
        break;
    default: return false;
    }
    if (c->has_imm && c->imm == 0) {
        c->has_imm = false;
        c->b = IR_ZERO;
    }
    if (c->size != 4) {
        if (c->has_imm)
            c->imm &= c->size == 1 ? 0xff : 0xffff;
        uint32_t bits = 8 * c->size;
        if (ir_width(&g->r[c->a]) > bits ||
            (!c->has_imm && c->b != IR_ZERO && ir_width(&g->r[c->b]) > bits))
            return false;
    }
    return stays(g, c->a) && (c->has_imm || stays(g, c->b));
}

/* The branch for a condition: op 0 if there is none. */
static const struct {
    uint8_t op, swap;
} branch_of[16] = {
    [CC_E] = {OP_BEQ, 0},   [CC_NE] = {OP_BNE, 0}, [CC_B] = {OP_BLTU, 0}, [CC_AE] = {OP_BGEU, 0},
    [CC_BE] = {OP_BGEU, 1}, [CC_A] = {OP_BLTU, 1}, [CC_L] = {OP_BLT, 0},  [CC_GE] = {OP_BGE, 0},
    [CC_LE] = {OP_BGE, 1},  [CC_G] = {OP_BLT, 1},
};

/*
 * The way that is not taken costs a jump more, by its stub. Forward branches of the guest are
 * rarely taken, so theirs is turned round.
 */
static void turn(struct ir_end *end)
{
    struct ir_target t = end->to[0];
    if (t.kind != TO_DIRECT || end->to[1].kind != TO_DIRECT ||
        (int32_t)(t.eip - end->to[1].eip) < 0)
        return;
    end->to[0] = end->to[1];
    end->to[1] = t;
    switch (end->op) {
    case OP_BRCC: end->cond ^= 1; break;
    case OP_BZ: end->op = OP_BNZ; break;
    case OP_BNZ: end->op = OP_BZ; break;
    case OP_BEQ: end->op = OP_BNE; break;
    case OP_BNE: end->op = OP_BEQ; break;
    case OP_BLT: end->op = OP_BGE; break;
    case OP_BGE: end->op = OP_BLT; break;
    case OP_BLTU: end->op = OP_BGEU; break;
    default: end->op = OP_BLTU; break;
    }
}

static void fuse(struct ir_group *g)
{
    struct ir_end *end = &g->end;
    struct comparison c;
    uint32_t w = g->n - 1, op, cond = end->cond;
    if (end->op != OP_BRCC)
        return;
    while (w >= IR_BODY && !(ir_op[g->r[w].op] & OI_WRITES_CC))
        w--;
    if (w < IR_BODY || !is_comparison(g, &g->r[w], &c))
        return;
    bool zero = !c.has_imm && c.b == IR_ZERO, is_equality = cond == CC_E || cond == CC_NE;
    op = branch_of[cond].op;
    uint32_t swap = branch_of[cond].swap;
    if (zero && c.size == 4 && (cond == CC_S || cond == CC_NS)) {
        op = cond == CC_S ? OP_BLT : OP_BGE;
        swap = 0;
    }
    if (op == 0 || (c.equal_only && !is_equality))
        return;
    if (c.size != 4 && (op == OP_BLT || op == OP_BGE))
        return;
    if (zero && is_equality) {
        end->op = cond == CC_E ? OP_BZ : OP_BNZ;
        end->ref = (uint16_t)c.a;
        end->ref2 = IR_ZERO;
        return;
    }
    if (!g->m->cap_cmpbr)
        return;
    if (c.has_imm) {
        /* The constant needs an op, and an entry value or a sum of one was ready early enough to
         * set flags: no gain. */
        if (c.a < IR_BODY || g->r[c.a].op == OP_ADD || g->r[c.a].op == OP_ADDF32)
            return;
        c.b = ir_emiti(g, OP_MOV, 0, c.imm, 0);
        g->r[c.b].flags |= IRF_LIVE | IRF_USED;
    }
    end->op = (uint8_t)op;
    end->ref = (uint16_t)(swap ? c.a : c.b);  /* ra */
    end->ref2 = (uint16_t)(swap ? c.b : c.a); /* rd */
}

void pass_branch(struct ir_group *g)
{
    if (g->end.kind != END_BRANCH)
        return;
    fuse(g);
    turn(&g->end);
}

/* SPDX-License-Identifier: MIT */
/*
 * From scheduled groups to words of a translation: bundles in their packed shapes, exits and their
 * stubs, the side table of commits. Op words are made here directly, in the format of encode.h;
 * xlat_verify decodes them again and judges.
 */
#include "morpher/gear1.h"

/* One op on its way into a bundle, and where it came to stand. */
struct emit_op {
    uint32_t word; /* without stop bits */
    int32_t imm;
    uint32_t cls;
    uint32_t at, imm_at; /* word indices */
};

static uint32_t limit; /* words that may be written */

static bool put_bundle(struct xlat *out, struct emit_op *ops, uint32_t n, uint32_t state,
                       bool commit, uint32_t retired)
{
    const struct units_shape *shape = units_shape(state);
    uint32_t nslots = shape->nslots, at = out->nwords, imm_at = at + nslots;
    uint32_t *w = out->word;
    if (at + MAX_BUNDLE_WORDS > limit)
        return false;
    for (uint32_t k = 0; k < nslots; k++, at++) {
        uint32_t cls = shape->slot[k];
        if (cls >= SLOT_NOP) {
            w[at] = (uint32_t)OP_NOP << 20;
            if (cls == SLOT_NOP_LONG) {
                w[at] |= (uint32_t)B_LONG << 28;
                w[imm_at++] = 0;
            }
            continue;
        }
        struct emit_op *o = ops;
        while (o->cls != cls)
            o++;
        o->cls = SLOT_NOP; /* taken */
        w[at] = o->word;
        o->at = at;
        if (cls & 1) {
            o->imm_at = imm_at;
            w[imm_at++] = (uint32_t)o->imm;
        }
    }
    if (commit) {
        w[at - 1] |= 2u << 30;
        w[imm_at++] = retired;
    } else {
        w[at - 1] |= 1u << 30;
    }
    out->nwords = imm_at;
    out->nbundles++;
    out->nops += n;
    return true;
}

static inline void make_op(const struct ir *r0, const struct ir *r, struct emit_op *o)
{
    uint32_t info = ir_op[r->op], rd = 0, ra, word;
    if (info & OI_RD)
        rd = r->reg;
    else if (info & OI_DATUM)
        rd = r0[r->c].reg;
    else if (info & OI_WIDE)
        rd = r->wide;
    else if (info & OI_COND)
        rd = r->home;
    ra = op_table[r->op].format == FMT_WWB ? r->wide_a : r0[r->a].reg;
    word = (uint32_t)r->op << 20 | rd << 14 | ra << 8;
    o->imm = r->imm;
    o->cls = r->cls;
    if (!(r->flags & IRF_IMM))
        word |= r0[r->b].reg;
    else if (r->cls & 1)
        word |= (uint32_t)B_LONG << 28;
    else
        word |= (uint32_t)B_SHORT << 28 | ((uint32_t)r->imm & 0xff);
    o->word = word;
}

static bool put_single(struct xlat *out, struct emit_op *o)
{
    return put_bundle(out, o, 1, units_step(1, o->cls), false, 0);
}

/* The stub of exit k, here. The branch that leads to it gets its address. */
static bool put_stub(struct gear1 *x, struct xlat *out, uint32_t k)
{
    struct xlat_exit *e = &out->exit[k];
    struct emit_op o = {.word = (uint32_t)OP_EXIT << 20 | (uint32_t)B_LONG << 28,
                        .imm = (int32_t)k,
                        .cls = units_class(OP_EXIT, true)};
    e->stub_off = 4 * out->nwords;
    if (e->kind == XE_INDIRECT && x->m->cms_jtlb)
        o = (struct emit_op){.word = (uint32_t)OP_JTLB << 20 | (GUEST_REG0 + G_EIP),
                             .cls = units_class(OP_JTLB, false)};
    if (!put_single(out, &o))
        return false;
    e->stub_op_off = 4 * o.at;
    e->stub_imm_off = o.cls & 1 || e->kind != XE_INDIRECT ? 4 * o.imm_at : 0;
    if (e->branch_off)
        out->word[e->branch_off / 4] = out->base + e->stub_off;
    return true;
}

static uint32_t new_exit(struct xlat *out, uint32_t kind, uint32_t eip, uint32_t branch_at)
{
    uint32_t k = out->nexits++;
    out->exit[k] = (struct xlat_exit){.kind = kind, .target_eip = eip, .branch_off = 4 * branch_at};
    return k;
}

static uint32_t exit_kind(const struct ir_target *t)
{
    return t->kind == TO_INTERP ? XE_INTERP : XE_DIRECT;
}

bool emit_begin(struct gear1 *x, struct xlat *out, uint32_t max_words)
{
    (void)x;
    limit = max_words < XLAT_WORDS ? max_words : XLAT_WORDS;
    out->nwords = out->nbundles = out->nops = 0;
    out->ncommits = out->nexits = 0;
    return true;
}

/* xchk before the body: a page of the code, and the frame it must map to. */
bool emit_check(struct gear1 *x, struct xlat *out, uint32_t page, uint32_t frame)
{
    struct emit_op addr = {.word = (uint32_t)OP_MOV << 20 | 1u << 14 | (uint32_t)B_LONG << 28,
                           .imm = (int32_t)page,
                           .cls = units_class(OP_MOV, true)};
    struct emit_op check = {.word = (uint32_t)OP_XCHK << 20 | 1u << 8 | (uint32_t)B_LONG << 28,
                            .imm = (int32_t)frame,
                            .cls = units_class(OP_XCHK, true)};
    (void)x;
    return put_single(out, &addr) && put_single(out, &check);
}

bool emit_group(struct gear1 *x, struct xlat *out)
{
    struct ir_group *g = &x->g;
    struct g1_sched *s = &x->s;
    const struct ir_end *end = &g->end;
    uint32_t start = out->nwords, branch_at = 0, last_at = start;
    bool commit = end->kind != END_LEAVE;
    uint32_t branch = end->kind == END_FALL || end->kind == END_JTLB ? 0 : g->n - 1;

    if (out->nexits + 2 > XLAT_EXITS || out->ncommits == XLAT_COMMITS)
        return false;
    for (uint32_t c = 0; c < s->ncycles; c++) {
        struct emit_op ops[MAX_BUNDLE_OPS];
        uint32_t n = 0, here = n;
        const struct g1_cycle *b = &s->cycle[c];
        if (!b->first)
            continue;
        bool last = c + 1 == s->ncycles;
        for (uint32_t i = b->first; i; i = g->r[i].next) {
            if (i == branch)
                here = n;
            make_op(g->r, &g->r[i], &ops[n++]);
        }
        last_at = out->nwords;
        if (!put_bundle(out, ops, n, b->state, last && commit, g->insn))
            return false;
        if (last && branch)
            branch_at = ops[here].imm_at;
    }
    if (commit && end->kind != END_JTLB) {
        struct xlat_commit *k = &out->commit[out->ncommits++];
        k->off = 4 * last_at;
        k->eip[1] = end->to[0].eip;
        k->eip[0] = end->kind == END_BRANCH ? end->to[1].eip : end->to[0].eip;
    }
    switch (end->kind) {
    case END_JUMP:
    case END_LEAVE:
    case END_BRANCH:
        if (end->to[0].kind == TO_SELF)
            out->word[branch_at] = out->base + 4 * x->self_at;
        else if (end->to[0].kind == TO_TAIL)
            x->tail_from = branch_at;
        else
            new_exit(out, exit_kind(&end->to[0]), end->to[0].eip, branch_at);
        if (end->kind == END_BRANCH)
            return put_stub(x, out, new_exit(out, exit_kind(&end->to[1]), end->to[1].eip, 0));
        return true;
    case END_JTLB: return put_stub(x, out, new_exit(out, XE_INDIRECT, 0, 0));
    default: return true;
    }
}

/* The stubs that nothing falls into. */
bool emit_end(struct gear1 *x, struct xlat *out)
{
    for (uint32_t k = 0; k < out->nexits; k++)
        if (out->exit[k].branch_off && !put_stub(x, out, k))
            return false;
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Gear 1: one dynamic basic block, no speculation, quick. Guest bytes are fetched and decoded one
 * instruction at a time; the front end appends the instruction's records to the group; where the
 * group must end (stores, records, the block itself) it is committed, cleaned, scheduled, given
 * registers and emitted, and the next begins.
 *
 * Where a block ends: at a control transfer; before an instruction that the front end has no
 * lowering for, that cannot be fetched, or that loops in itself; after cms.max_block instructions.
 *
 * The schedule prefers speed; when registers run out a group is scheduled once more in order, and
 * then the block is done again with shorter groups.
 */
#include "concealed-mem/map.h"
#include "isa-frontend/lower.h"
#include "morpher/gear1.h"

enum { CODE_MAX = 64 * 15 + 64, PAGE = 4096, PAGE_MASK = PAGE - 1 };

static struct gear1 arena;

#ifndef CMS_VLIW
void (*gear1_watch)(void *ctx, const char *stage, const struct gear1 *x, const struct xlat *out);
void *gear1_watch_ctx;
#endif

/* Guest code as fetched so far, in words from the aligned address `lo` on. */
static struct {
    uint32_t lo, hi; /* addresses: bytes [lo, hi) are here */
    bool stopped;    /* the page at hi cannot be fetched */
    uint32_t word[CODE_MAX / 4];
} code;

static void fetch_begin(uint32_t eip)
{
    code.lo = code.hi = eip & ~3u;
    code.stopped = false;
}

/* Makes the bytes before `want` available, unless they cannot be fetched. */
static void fetch(uint32_t want)
{
    uint32_t hi = code.hi, lo = code.lo;
    while (hi - lo < want - lo && !code.stopped && hi - lo < CODE_MAX) {
        if ((hi & PAGE_MASK) == 0 && hi != lo && hw_probex(hi, 1) != 0) {
            code.stopped = true;
            break;
        }
        code.word[(hi - lo) >> 2] = hw_gldx32(hi);
        hi += 4;
    }
    code.hi = hi;
}

static void use_machine(struct gear1 *x)
{
    const struct cm_boot *boot = cm_ptr(hw_mfs(SR_CONCEALED) + CM_BOOT);
    if (x->m == &boot->machine)
        return;
    x->m = &boot->machine;
    units_init(x->m);
}

void gear1_reset(void)
{
    arena.m = NULL;
    arena.bad = 0;
    arena.why = NULL;
}

const struct gear1 *gear1_state(void)
{
    return &arena;
}

static void verify(struct gear1 *x, const char *why)
{
    if (why) {
        x->bad++;
        x->why = why;
    }
}

/* All stages for the group that has just been built. */
static enum abort_reason finish_group(struct gear1 *x, struct xlat *out)
{
    struct ir_group *g = &x->g;
    if (g->end.kind != END_LEAVE) {
        ia32_lower_commit(g);
        ir_commit(g);
    }
    G1_WATCH("built", x, out);
    if (x->m->cms_verify)
        verify(x, ir_verify(g));
    pass_dead(g);
    G1_WATCH("dead", x, out);
    if (x->m->cms_verify)
        verify(x, ir_verify(g));
    pass_branch(g);
    G1_WATCH("branch", x, out);
    if (x->m->cms_verify)
        verify(x, ir_verify(g));
    uint32_t n = g->n;
    x->s.in_order = false;
    if (!sched_group(x) || !reg_group(x)) {
        g->n = n;
        x->s.in_order = true;
        if (!sched_group(x) || !reg_group(x))
            return AB_REGISTERS;
    }
    G1_WATCH("scheduled", x, out);
    if (!emit_group(x, out))
        return AB_CODE_SIZE;
    return AB_NONE;
}

static bool is_self(const struct ir_end *end, uint32_t eip)
{
    return (end->kind == END_JUMP || end->kind == END_BRANCH) && end->to[0].kind == TO_DIRECT &&
           end->to[0].eip == eip;
}

static void jump_to(struct ir_group *g, uint32_t kind, uint32_t eip)
{
    g->end = (struct ir_end){.kind = END_JUMP, .op = OP_JAL};
    g->end.to[0] = (struct ir_target){(uint8_t)kind, eip};
}

/* A repeated string instruction: the whole block. */
static enum abort_reason translate_loop(struct gear1 *x, const struct insn *in, struct xlat *out)
{
    bool more = true;
    for (uint32_t part = 0; more; part++) {
        ir_begin(&x->g, x->m);
        x->g.insn = 1;
        if (part == LOOP_HEAD)
            x->self_at = out->nwords;
        more = ia32_lower_loop(&x->g, in, part);
        if (!more)
            out->word[x->tail_from] = out->base + 4 * out->nwords;
        enum abort_reason r = finish_group(x, out);
        if (r)
            return r;
    }
    return AB_NONE;
}

/* The instruction at hand wants something checked: what came before it is committed, then a group
 * that may leave. */
static enum abort_reason guard(struct gear1 *x, const struct insn *in, struct xlat *out)
{
    struct ir_group *g = &x->g;
    enum abort_reason r;
    if (g->insn) {
        g->end = (struct ir_end){.kind = END_FALL};
        g->end.to[0].eip = in->eip;
        if ((r = finish_group(x, out)))
            return r;
        ir_begin(g, x->m);
    }
    ia32_lower_guard(g, in);
    if ((r = finish_group(x, out)))
        return r;
    ir_begin(g, x->m);
    return AB_NONE;
}

/* The second page of the block comes into use: its check goes with the records of the present
 * group. */
static void second_page(struct gear1 *x, struct xlat *out, uint32_t page)
{
    uint32_t frame = hw_gpa(page) >> 12;
    out->page[1] = page;
    out->frame[1] = frame;
    out->nframes = 2;
    ir_emiti(&x->g, OP_XCHK, ir_const(&x->g, (int32_t)page), (int32_t)frame, 0);
}

static enum abort_reason translate(struct gear1 *x, struct xlat *out, uint32_t max_words,
                                   uint32_t group_max)
{
    const struct mdesc *m = x->m;
    struct ir_group *g = &x->g;
    uint32_t eip = out->eip, page = eip & ~(uint32_t)PAGE_MASK;
    uint32_t max = m->cms_max_block, count = 0, end_eip = eip;
    uint32_t stores_max = m->sb_entries / 2;
    struct insn in;

    out->nframes = 1;
    emit_begin(x, out, max_words);
    if (!emit_check(x, out, page, out->frame[0]))
        return AB_CODE_SIZE;
    out->body_off = 4 * out->nwords;
    x->self_at = out->nwords;
    x->guarded_at = 0;
    ir_begin(g, m);
    ia32_lower_begin(out->mode);
    for (;;) {
        enum lower_result low = LOW_NONE;
        fetch(eip + 15);
        enum decode_result dec = ia32_decode((const uint8_t *)code.word + (eip - code.lo),
                                             code.hi - eip, eip, out->mode, &in);
        bool asked = dec == DEC_OK && ia32_can_lower_segment(out->mode, in.seg);
        if (asked) {
            g->insn++;
            low = ia32_lower(g, &in);
        }
        if (low == LOW_GUARD) {
            g->insn--;
            bool first = count == 0 && out->nexits == 0;
            enum abort_reason r = guard(x, &in, out);
            if (r)
                return r;
            if (first)
                x->guarded_at = out->nwords;
            continue;
        }
        if (low == LOW_LOOP && count == 0) {
            out->ninsns = 1;
            out->guest_bytes = in.length;
            if (((eip + in.length - 1) & ~(uint32_t)PAGE_MASK) != page)
                return AB_UNSUPPORTED;
            enum abort_reason r = translate_loop(x, &in, out);
            if (r == AB_NONE && !emit_end(x, out))
                r = AB_CODE_SIZE;
            return r;
        }
        if (low == LOW_NONE || low == LOW_LOOP) {
            if (count == 0)
                return dec == DEC_MORE ? AB_FETCH : AB_UNSUPPORTED;
            g->insn -= asked;
            jump_to(g, low == LOW_NONE && dec != DEC_MORE ? TO_INTERP : TO_DIRECT, eip);
            low = LOW_END;
        } else {
            count++;
            eip += in.length;
            end_eip = eip;
            if (out->nframes == 1 && ((eip - 1) & ~(uint32_t)PAGE_MASK) != page)
                second_page(x, out, page + PAGE);
            if (count == max && low == LOW_NEXT) {
                jump_to(g, TO_DIRECT, eip);
                low = LOW_END;
            }
        }
        bool full = g->n > IR_MAX - IR_SLACK || g->stores + LOWER_STORES > stores_max ||
                    g->insn >= group_max;
        if (low != LOW_END && !full)
            continue;
        if (low != LOW_END) {
            g->end = (struct ir_end){.kind = END_FALL};
            g->end.to[0].eip = eip;
        } else if (is_self(&g->end, out->eip)) {
            g->end.to[0].kind = TO_SELF;
            if (x->guarded_at && ia32_lower_steady())
                x->self_at = x->guarded_at;
        }
        if (g->n > IR_MAX - IR_SLACK / 2)
            return AB_IR_SIZE;
        enum abort_reason r = finish_group(x, out);
        if (r)
            return r;
        if (low == LOW_END)
            break;
        ir_begin(g, m);
    }
    out->ninsns = count;
    out->guest_bytes = end_eip - out->eip;
    return emit_end(x, out) ? AB_NONE : AB_CODE_SIZE;
}

enum abort_reason gear1_translate(uint32_t eip, uint32_t mode, uint32_t base, uint32_t max_words,
                                  struct xlat *out)
{
    struct gear1 *x = &arena;
    enum abort_reason r = AB_REGISTERS;
    uint32_t bad = x->bad;
    use_machine(x);
    if (!ia32_can_lower(mode))
        return AB_MODE;
    if (hw_probex(eip, 1) != 0)
        return AB_FETCH;
    out->eip = eip;
    out->mode = mode;
    out->base = base;
    out->first_pa = hw_gpa(eip);
    out->frame[0] = out->first_pa >> 12;
    out->page[0] = eip & ~(uint32_t)PAGE_MASK;
    fetch_begin(eip);
    for (uint32_t most = x->m->cms_max_block; most && r == AB_REGISTERS; most >>= 1)
        r = translate(x, out, max_words, most);
    if (x->m->cms_verify) {
        if (r == AB_NONE)
            verify(x, xlat_verify(x->m, out));
        if (x->bad != bad)
            return AB_VERIFY;
    }
    return r;
}

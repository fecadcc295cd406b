/* SPDX-License-Identifier: MIT */
/*
 * A bundle into pops whose execution one by one has its effect.
 *
 * All reads of a bundle precede all its writes, and a bundle that traps has no effect. Both are
 * bought here, once, instead of at run time:
 *
 *   early   ops that can trap, in slot order, so that the lowest slot's trap wins; vfp and vfdiv
 *           behind the others (floats_last). What they load goes to temporaries, unless the op is
 *           the last that can trap and nobody else reads its destination. A store that is not the
 *           last of them is only checked now and acts later.
 *   stores  those deferred
 *   saves   copies of what the late op reads and others write
 *   plain   the rest, each after the ops that still read what it writes; in a cycle, one op
 *           writes a temporary
 *   copies  temporaries to destinations
 *   late    the commit, then the op that leaves the bundle
 *
 * The deadline is looked at by the head, before anything else. Rules for adding an op: a FREE op
 * needs nothing; any other is early if it can trap, late if it changes the flow, plain otherwise,
 * see kind_of().
 */
#include <string.h>
#include "vliw-model/engine.h"

enum kind { K_PLAIN, K_VALUE, K_STORE, K_COUNT, K_TEST, K_FLOAT, K_EXIT, K_LATE };

static enum kind kind_of(const struct vop *op)
{
    switch (op->opc) {
    case OP_COUNT: return K_COUNT;
    case OP_XCHK:
    case OP_TRAPIF: return K_TEST;
    case OP_EXIT: return K_EXIT;
    case OP_UDIVQ:
    case OP_UDIVR:
    case OP_SDIVQ:
    case OP_SDIVR: return K_VALUE;
    case OP_VFP:
    case OP_VFDIV: return K_FLOAT;
    case OP_JTLB:
    case OP_HOSTCALL:
    case OP_HALT: return K_LATE;
    default: break;
    }
    switch (op_table[op->opc].order) {
    case ORD_NLD:
    case ORD_GLD: return K_VALUE;
    case ORD_NST:
    case ORD_GST: return K_STORE;
    case ORD_CTL: return K_LATE;
    default: return K_PLAIN;
    }
}

struct lin {
    struct vm *vm;
    const struct bundle *b;
    uint32_t pc;
    struct pop *out;
    unsigned n, temps, ncopies, wtemps;
    struct {
        uint8_t to, from;
    } copy[2 * MAX_BUNDLE_OPS];
    struct {
        uint8_t to, size;
    } wcopy[MAX_BUNDLE_OPS]; /* of wide temporary NWIDE + i */
    enum kind kind[MAX_BUNDLE_OPS];
    struct op_regs rg[MAX_BUNDLE_OPS];
    unsigned nops; /* up to and including an exit */
};

static struct pop *emit(struct lin *l, unsigned h, uint8_t rd, uint8_t ra, uint8_t rb, uint8_t x,
                        uint32_t imm)
{
    struct pop *p = &l->out[l->n++];
    *p = (struct pop){engine_label[h], rd, ra, rb, x, imm};
    return p;
}

static uint8_t temp(struct lin *l)
{
    return (uint8_t)(R_TEMP + l->temps++);
}

static uint8_t dest(uint8_t rd)
{
    return rd ? rd : R_DUMP;
}

static bool has_rd(const struct vop *op)
{
    switch (op_table[op->opc].format) {
    case FMT_RRB:
    case FMT_RRBX:
    case FMT_RR:
    case FMT_RRX:
    case FMT_RB:
    case FMT_RC:
    case FMT_RRC:
    case FMT_LOAD:
    case FMT_JAL:
    case FMT_JALR: return true;
    default: return false;
    }
}

/* Handlers of ops that are not FREE take b as r[rb] + imm; only loads and stores have a form for
 * immediates alone. */
static unsigned handler_of(const struct vop *op)
{
    unsigned fmt = op_table[op->opc].format, imm = op->bmode != B_REG;
    if (op->opc == OP_SETCC)
        return H_SETCC0 + ((uint32_t)op->imm & 15);
    if (fmt == FMT_WWB) /* extended operands apart from all other formats */
        return 2u * op->opc + ((op->imm >> 5 & 7) != WF_X80);
    if (op->opc == OP_CMOV)
        return H_CMOV0 + ((uint32_t)op->imm & 15);
    if (op_table[op->opc].order == ORD_FREE || fmt == FMT_LOAD || fmt == FMT_STORE ||
        fmt == FMT_WLOAD || fmt == FMT_WSTORE)
        return 2u * op->opc + imm;
    return 2u * op->opc;
}

/* Latencies above 1 that are not the memory ops' own. Longer than the scoreboard: the pipeline
 * waits. */
static void emit_ready(struct lin *l, unsigned i)
{
    const struct vop *op = &l->b->op[i];
    unsigned cls = op_table[op->opc].latency;
    uint32_t lat = l->vm->m.lat[cls];
    if (cls == LAT_LOAD || cls == LAT_NONE || lat <= 1)
        return;
    if (lat > 7) {
        emit(l, H_STALL, 0, 0, 0, 0, lat - 7);
        lat = 7;
    }
    uint8_t rd = has_rd(op) ? dest(op->rd) : R_DUMP;
    if (rd != R_DUMP)
        emit(l, H_READY, 0, 0, 0, rd, (lat - 1) << 2 | RC_OP);
    if (l->rg[i].writes_cc)
        emit(l, H_READY, 0, 0, 0, 0, (lat - 1) << 2 | RC_OP);
}

/* Of a store; how much of its register a load writes. */
static uint8_t wide_size(const struct vop *op)
{
    return op->opc == OP_GSTD ? 4 : op->opc == OP_GLDW || op->opc == OP_GSTW ? 8 : 16;
}

/* A wide load to its register, or to a wide temporary. */
static void emit_wide(struct lin *l, unsigned i, uint8_t to)
{
    const struct vop *op = &l->b->op[i];
    bool reg = op->bmode == B_REG;
    emit(l, handler_of(op), to, op->ra, reg ? op->rb : 0, op->rd, reg ? 0 : (uint32_t)op->imm);
}

static void emit_op(struct lin *l, unsigned i, uint8_t rd)
{
    const struct vop *op = &l->b->op[i];
    if (op->opc == OP_LDP) {
        emit(l, 2 * OP_GLD32 + 1, rd, op->ra, 0, dest(op->rd), 0);
        return;
    }
    if (op_table[op->opc].format == FMT_WLOAD) {
        emit_wide(l, i, op->rd);
        return;
    }
    if (op_table[op->opc].format == FMT_WWB) {
        emit(l, handler_of(op), op->rd, op->ra, op->imm & 31, op->imm >> 5 & 7, 0);
        emit_ready(l, i);
        return;
    }
    bool reg = op->bmode == B_REG;
    uint8_t x = op->rd;
    if (op_table[op->opc].latency == LAT_LOAD)
        x = dest(op->rd);
    uint32_t imm = reg ? 0 : (uint32_t)op->imm;
    emit(l, handler_of(op), has_rd(op) ? rd : R_DUMP, op->ra, reg ? op->rb : 0, x, imm);
    emit_ready(l, i);
}

/* Does an op other than i read register rd? */
static bool read_elsewhere(const struct lin *l, unsigned i, uint8_t rd)
{
    for (unsigned k = 0; k < l->nops; k++)
        if (k != i && rd && l->rg[k].reads >> rd & 1)
            return true;
    return false;
}

static bool written_elsewhere(const struct lin *l, unsigned i, uint8_t r)
{
    for (unsigned k = 0; k < l->nops; k++)
        if (k != i && r && l->rg[k].writes >> r & 1)
            return true;
    return false;
}

static void emit_value(struct lin *l, unsigned i, bool may_be_direct)
{
    uint8_t rd = l->b->op[i].rd;
    if (op_table[l->b->op[i].opc].format == FMT_WLOAD && !may_be_direct) {
        l->wcopy[l->wtemps].to = rd;
        l->wcopy[l->wtemps].size = wide_size(&l->b->op[i]);
        emit_wide(l, i, (uint8_t)(NWIDE + l->wtemps++));
        return;
    }
    if (op_table[l->b->op[i].opc].format == FMT_WLOAD) {
        emit_op(l, i, 0);
        return;
    }
    if (!rd || (may_be_direct && !read_elsewhere(l, i, rd))) {
        emit_op(l, i, dest(rd));
        return;
    }
    uint8_t t = temp(l);
    l->copy[l->ncopies].to = rd;
    l->copy[l->ncopies++].from = t;
    emit_op(l, i, t);
}

static void emit_check(struct lin *l, unsigned i)
{
    const struct vop *op = &l->b->op[i];
    if (op_table[op->opc].format == FMT_WSTORE) {
        emit(l, H_CHECK_WIDE, op->opc == OP_GSTQA, op->ra, op->bmode == B_REG ? op->rb : 0,
             wide_size(op), op->bmode == B_REG ? 0 : (uint32_t)op->imm);
        return;
    }
    unsigned h = op->opc == OP_COUNT                  ? H_CHECK_COUNT
                 : op->opc == OP_STAM                 ? H_CHECK_STAM
                 : op_table[op->opc].order == ORD_NST ? H_CHECK_NST
                                                      : H_CHECK_GST;
    uint8_t size = op->opc == OP_SB || op->opc == OP_GST8    ? 1
                   : op->opc == OP_SH || op->opc == OP_GST16 ? 2
                                                             : 4;
    bool reg = op->bmode == B_REG;
    emit(l, h, 0, op->ra, reg ? op->rb : 0, size, reg ? 0 : (uint32_t)op->imm);
}

/* An ldp is a plain load at first; its entry is written when nothing can trap any more. */
static void emit_record(struct lin *l, unsigned i)
{
    const struct vop *op = &l->b->op[i];
    bool reg = op->bmode == B_REG;
    emit(l, H_RECORD, 0, op->ra, reg ? op->rb : 0, 0, reg ? 0 : (uint32_t)op->imm);
}

/*
 * A vfp or vfdiv changes a wide register in place, and so must not act before an op whose
 * restartable trap lets the bundle run again: it comes behind all others that can trap, but an
 * exit.
 */
static void floats_last(const struct lin *l, unsigned *list, unsigned n)
{
    unsigned sorted[MAX_BUNDLE_OPS], k = 0;
    for (unsigned pass = 0; pass < 3; pass++)
        for (unsigned i = 0; i < n; i++) {
            enum kind kind = l->kind[list[i]];
            if (pass == (kind == K_EXIT ? 2u : kind == K_FLOAT))
                sorted[k++] = list[i];
        }
    memcpy(list, sorted, n * sizeof *list);
}

/* Early ops and deferred stores. Returns the register that holds a jtlb's target. */
static uint8_t emit_early(struct lin *l)
{
    unsigned list[MAX_BUNDLE_OPS], n = 0, deferred[MAX_BUNDLE_OPS], nd = 0;
    unsigned floats[MAX_BUNDLE_OPS], nf = 0;
    uint8_t target = 0;
    for (unsigned i = 0; i < l->nops; i++) {
        unsigned opc = l->b->op[i].opc;
        if (l->kind[i] == K_PLAIN || (l->kind[i] == K_LATE && opc != OP_JTLB &&
                                      opc != OP_HOSTCALL && opc != OP_RFE && opc != OP_RAISE))
            continue;
        list[n++] = i;
    }
    floats_last(l, list, n);
    for (unsigned k = 0; k < n; k++) {
        unsigned i = list[k];
        const struct vop *op = &l->b->op[i];
        bool last = k + 1 == n && nd == 0 && op->opc != OP_LDP;
        switch (l->kind[i]) {
        case K_FLOAT:
            if (k + 1 < n && l->kind[list[k + 1]] == K_FLOAT) { /* that one may trap */
                bool reg = op->bmode == B_REG;
                emit(l, H_CHECK_FLOAT, 0, 0, reg ? op->rb : 0, 0, reg ? 0 : (uint32_t)op->imm);
                floats[nf++] = i;
                break;
            } /* fall through */
        case K_VALUE: emit_value(l, i, last); break;
        case K_COUNT:
        case K_STORE:
            if (k + 1 < n) {
                emit_check(l, i);
                deferred[nd++] = i;
            } else if (nd) {
                deferred[nd++] = i;
                if (nd > 1) /* the others act before it: its trap must come first */
                    emit_check(l, i);
            } else if (l->kind[i] == K_COUNT) {
                emit_value(l, i, true);
            } else {
                emit_op(l, i, R_DUMP);
            }
            break;
        case K_LATE:
            if (op->opc == OP_JTLB) {
                target = temp(l);
                emit(l, 2 * OP_JTLB, target, 0, op->bmode == B_REG ? op->rb : 0, 0,
                     op->bmode == B_REG ? 0 : (uint32_t)op->imm);
            } else {
                emit(l, op->opc == OP_HOSTCALL ? H_CHECK_HOST : H_CHECK_RFE, 0, 0, 0, 0, 0);
            }
            break;
        case K_TEST:
            if (op->opc == OP_TRAPIF) {
                emit(l, 2 * OP_TRAPIF, 0, 0, 0, op->rd, (uint32_t)op->imm);
                break;
            } /* fall through */
        default: emit_op(l, i, R_DUMP); break;
        }
    }
    for (unsigned k = 0; k < nf; k++)
        emit_value(l, floats[k], false);
    /* Gated ones first: one of them may still find the store buffer full. */
    for (unsigned k = 0; k < nd; k++)
        if (op_table[l->b->op[deferred[k]].opc].order == ORD_GST)
            emit_op(l, deferred[k], R_DUMP);
    for (unsigned k = 0; k < n; k++)
        if (l->b->op[list[k]].opc == OP_LDP)
            emit_record(l, list[k]);
    for (unsigned k = 0; k < nd; k++) {
        if (l->kind[deferred[k]] == K_COUNT)
            emit_value(l, deferred[k], true);
        else if (op_table[l->b->op[deferred[k]].opc].order != ORD_GST)
            emit_op(l, deferred[k], R_DUMP);
    }
    return target;
}

static bool is_fence(const struct vop *op)
{
    return op_table[op->opc].order == ORD_FENCE;
}

/* Does any op of `rest` but i read what i writes, the register rd left out if `renamed`? */
static bool blocked(const struct lin *l, unsigned rest, unsigned i, bool renamed)
{
    uint64_t w = l->rg[i].writes;
    if (renamed)
        w &= ~((uint64_t)1 << l->b->op[i].rd);
    for (unsigned k = 0; k < l->nops; k++) {
        if (k == i || !(rest >> k & 1))
            continue;
        if ((l->rg[k].reads & w) || (l->rg[i].writes_cc && l->rg[k].reads_cc))
            return true;
        if (k < i && is_fence(&l->b->op[k]) && is_fence(&l->b->op[i]))
            return true;
    }
    return false;
}

static void emit_plain(struct lin *l)
{
    unsigned rest = 0;
    for (unsigned i = 0; i < l->nops; i++)
        if (l->kind[i] == K_PLAIN && l->b->op[i].opc != OP_NOP)
            rest |= 1u << i;
    while (rest) {
        unsigned pick = MAX_BUNDLE_OPS, renamed = 0;
        for (unsigned pass = 0; pass < 2 && pick == MAX_BUNDLE_OPS; pass++)
            for (unsigned i = 0; i < l->nops; i++)
                if ((rest >> i & 1) &&
                    !(pass && (!has_rd(&l->b->op[i]) || l->b->op[i].opc == OP_GPUT)) &&
                    !blocked(l, rest, i, pass)) {
                    pick = i;
                    renamed = pass;
                    break;
                }
        if (pick == MAX_BUNDLE_OPS) /* two gputs, which no checked bundle has */
            pick = (unsigned)__builtin_ctz(rest);
        rest &= ~(1u << pick);
        uint8_t rd = dest(l->b->op[pick].rd);
        if (renamed) {
            uint8_t t = temp(l);
            l->copy[l->ncopies].to = rd;
            l->copy[l->ncopies++].from = t;
            rd = t;
        }
        emit_op(l, pick, rd);
    }
}

/* A source of the late op, saved if another op of the bundle writes it. */
static uint8_t saved(struct lin *l, unsigned i, uint8_t r, bool always)
{
    if (!r || !(always || written_elsewhere(l, i, r)))
        return r;
    uint8_t t = temp(l);
    emit(l, 2 * OP_MOV, t, 0, r, 0, 0);
    return t;
}

static void emit_link(struct lin *l)
{
    memset(&l->out[l->n++], 0, sizeof(struct pop));
}

static void emit_commit(struct lin *l)
{
    if (l->b->commit)
        emit(l,
             l->vm->broken & (BREAK_COMMIT | BREAK_LATCH | BREAK_RETIRED) ? H_COMMIT_SLOW
                                                                          : H_COMMIT,
             0, 0, 0, 0, l->b->retired);
}

/* Saves, plain ops, copies, commit and the late op, if there is one. Returns whether the next
 * bundle may follow. */
static bool emit_rest(struct lin *l, uint8_t jtlb_target)
{
    const struct vop *op = NULL;
    unsigned at = 0;
    for (unsigned i = 0; i < l->nops; i++)
        if (l->kind[i] == K_LATE) {
            op = &l->b->op[i];
            at = i;
        }
    uint8_t ra = 0, rb = 0, rd = 0;
    bool cc_taken = false;
    uint32_t imm = 0, next = l->pc + 4 * bundle_words(l->b);
    bool links = false; /* a commit must see the link register: written before, by a move */
    if (op) {
        unsigned fmt = op_table[op->opc].format;
        links = l->b->commit && (fmt == FMT_JAL || fmt == FMT_JALR) && op->rd;
        imm = op->bmode == B_REG ? 0 : (uint32_t)op->imm;
        bool reads_ra =
            fmt == FMT_JALR || fmt == FMT_BRR || fmt == FMT_BRRR || fmt == FMT_AB || fmt == FMT_RRB;
        if (reads_ra)
            ra = saved(l, at, op->ra, links && op->ra == op->rd);
        if (fmt == FMT_BRRR)
            rd = saved(l, at, op->rd, false);
        if (op->bmode == B_REG && op->opc != OP_JTLB &&
            (fmt == FMT_JALR || fmt == FMT_B || fmt == FMT_AB || fmt == FMT_RRB))
            rb = saved(l, at, op->rb, links && op->rb == op->rd);
        if (op->opc == OP_BRCC) {
            for (unsigned i = 0; i < l->nops; i++)
                cc_taken |= l->rg[i].writes_cc;
            if (cc_taken) {
                ra = temp(l);
                emit(l, H_SETCC0 + (op->rd & 15), ra, 0, 0, 0, 0);
            }
        }
    }
    emit_plain(l);
    for (unsigned i = 0; i < l->ncopies; i++)
        emit(l, 2 * OP_MOV, l->copy[i].to, 0, l->copy[i].from, 0, 0);
    for (unsigned i = 0; i < l->wtemps; i++)
        emit(l, H_WCOPY, l->wcopy[i].to, 0, 0, (uint8_t)(NWIDE + i), l->wcopy[i].size);
    if (links)
        emit(l, 2 * OP_MOV + 1, op->rd, 0, 0, 0, next);
    if (op && (op->opc == OP_JAL || op->opc == OP_JALR))
        emit_ready(l, at);
    if (!op) {
        emit_commit(l);
        return true;
    }
    uint8_t dst = links ? R_DUMP : dest(op->rd);
    switch (op->opc) {
    case OP_JTLB:
        emit_commit(l);
        emit(l, H_JUMP_TEMP, 0, jtlb_target, 0, 0, 0);
        return false;
    case OP_JAL:
        emit_commit(l);
        if (op->rd == 0)
            emit(l, H_JAL_PLAIN, 0, 0, 0, 0, imm);
        else if (op->rd == 1)
            emit(l, H_JAL_CALL, dst, 0, 0, 0, imm);
        else
            emit(l, 2 * OP_JAL, dst, 0, 0, 0, imm);
        emit_link(l);
        return false;
    case OP_JALR: /* x: 1 a return, 2 a call */
        emit_commit(l);
        emit(l, 2 * OP_JALR, dst, ra, rb,
             op->rd == 1 ? 2 : op->rd == 0 && op->ra == 1 && !imm && !rb, imm);
        return false;
    case OP_BRCC:
        emit_commit(l);
        if (cc_taken)
            emit(l, 2 * OP_BNZ, 0, ra, 0, imm <= l->pc, imm);
        else
            emit(l, H_BRCC0 + (op->rd & 15), 0, 0, 0, imm <= l->pc, imm);
        emit_link(l);
        return true;
    case OP_HOSTCALL:
        emit(l, 2 * OP_HOSTCALL, dst, ra, rb, op->rd, imm);
        emit_ready(l, at);
        emit_commit(l);
        return true;
    case OP_HALT:
    case OP_RFE:
    case OP_RAISE:
        emit_commit(l);
        emit(l, 2u * op->opc, 0, ra, rb, 0, imm);
        return false;
    default: /* branches on registers */
        emit_commit(l);
        emit(l, 2u * op->opc, rd, ra, 0, imm <= l->pc, imm);
        emit_link(l);
        return true;
    }
}

/* The broken variant: ops act in slot order. */
static bool emit_in_order(struct lin *l)
{
    for (unsigned i = 0; i < l->nops; i++) {
        if (l->kind[i] != K_LATE && l->b->op[i].opc != OP_NOP) {
            if (l->b->op[i].opc == OP_TRAPIF)
                emit(l, 2 * OP_TRAPIF, 0, 0, 0, l->b->op[i].rd, (uint32_t)l->b->op[i].imm);
            else
                emit_op(l, i, dest(l->b->op[i].rd));
            l->kind[i] = K_PLAIN;
        }
    }
    unsigned late = l->nops;
    for (unsigned i = 0; i < l->nops; i++)
        if (l->kind[i] == K_LATE)
            late = i;
    if (late == l->nops) {
        emit_commit(l);
        return true;
    }
    const struct bundle *whole = l->b;
    struct bundle only = {.nops = 1, .commit = whole->commit, .retired = whole->retired};
    only.op[0] = whole->op[late];
    l->b = &only;
    l->rg[0] = l->rg[late];
    l->kind[0] = K_LATE;
    l->nops = 1;
    bool falls = emit_rest(l, emit_early(l));
    l->b = whole;
    return falls;
}

/* Fills l->out with the pops of a bundle behind its head. Returns whether the next bundle may
 * follow. */
static bool linearise(struct lin *l)
{
    l->n = HEAD_POPS;
    l->temps = l->ncopies = l->wtemps = 0;
    l->nops = l->b->nops;
    bool exits = false;
    for (unsigned i = 0; i < l->nops; i++) {
        l->kind[i] = kind_of(&l->b->op[i]);
        l->rg[i] = op_regs(&l->b->op[i]);
        if (l->kind[i] == K_EXIT) {
            /* Nothing but an earlier trap can keep the exit from trapping: no other op has an
             * effect. */
            l->nops = i + 1;
            exits = true;
        }
    }
    if (exits) {
        emit_early(l);
        return false;
    }
    if (l->vm->broken & BREAK_ATOMIC)
        return emit_in_order(l);
    return emit_rest(l, emit_early(l));
}

static void make_head(struct lin *l, struct head *h, bool exec1)
{
    const struct bundle *b = l->b;
    struct vm *vm = l->vm;
    uint64_t gl = 0, gs = 0, nl = 0, ns = 0, ops = 0, nops = 0;
    memset(h, 0, sizeof *h);
    h->h = engine_label[(exec1 ? H_HEAD1 : H_HEAD) + (b->commit && !(vm->broken & BREAK_DEADLINE))];
    h->pc = l->pc;
    h->words = (uint8_t)bundle_words(b);
    unsigned sh = vm->a.l1i.line_shift;
    h->line = l->pc >> sh;
    if ((l->pc + 4u * h->words - 1) >> sh != h->line)
        h->line = LINE_SPAN;
    for (unsigned i = 0; i < b->nops; i++) {
        const struct vop *op = &b->op[i];
        struct op_regs rg = op_regs(op);
        h->uses |= rg.reads | rg.writes | (rg.reads_cc || rg.writes_cc);
        if (op->opc == OP_NOP)
            nops++;
        else
            ops++;
        unsigned order = op_table[op->opc].order, fmt = op_table[op->opc].format;
        gl += order == ORD_GLD && (fmt == FMT_LOAD || fmt == FMT_WLOAD || op->opc == OP_LDP);
        gs += order == ORD_GST;
        nl += order == ORD_NLD || op->opc == OP_COUNT;
        ns += order == ORD_NST;
    }
    h->acc = 1 | ops << ACC_OPS | nops << ACC_NOPS | (exec1 ? 0 : (uint64_t)h->words << ACC_WORDS);
    h->acc2 = gl | gs << 16 | nl << 32 | ns << 48;
    h->retire = b->retired;
    h->commits = b->commit;
    h->region = (uint8_t)region_of(vm, l->pc);
}

unsigned linear_bundle(struct vm *vm, const struct bundle *b, uint32_t pc, bool exec1,
                       struct pop out[OUT_MAX])
{
    struct lin l = {.vm = vm, .b = b, .pc = pc, .out = out};
    struct head *h = (struct head *)out;
    bool falls = linearise(&l);
    make_head(&l, h, exec1);
    h->falls = falls;
    if (exec1)
        emit(&l, H_END, 0, 0, 0, 0, 0);
    return l.n;
}

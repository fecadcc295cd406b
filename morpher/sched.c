/* SPDX-License-Identifier: MIT */
/*
 * List scheduling of one group.
 *
 * Priority is height: the longest path of latencies from an op to the end. Ops are taken in order
 * of falling height, equal heights in index order; that order never takes an op before one it
 * depends on, so no ready list is kept. Each op goes into the first bundle where its operands are
 * ready and a slot is free, which may lie before bundles that are already begun. Cost is linear but
 * for the search for a slot.
 *
 * What an op depends on: its operands, with the latency of the op that makes them; and edges, for
 *   - flags, which are one register: reader after writer with its latency, writer after reader in
 * the same cycle or later, writer after writer a cycle later (one writer a bundle);
 *   - homes: a record that writes r32+g, in no earlier cycle than any that reads what it held on
 * entry;
 *   - guest memory: load after store that may overlap, a cycle later; store after load, same cycle
 * or later; stores in order. Same base and disjoint offsets do not overlap. All reads of a bundle
 * precede its writes, hence the zero latencies. What may trap needs no edge: a trap rolls the group
 * back as a whole.
 */
#include "morpher/gear1.h"

struct mem {
    uint16_t i;
    struct ir_access at;
};
static struct mem loads[IR_MAX], stores[IR_MAX];

/* Puts an edge in front of a list. Full: the group is refused at the end. */
static inline uint32_t add_edge(struct g1_sched *s, uint32_t list, uint32_t pred, uint32_t lat)
{
    uint32_t e = s->nedges;
    struct g1_edge *p = &s->edge[e];
    if (e >= G1_EDGES - 1)
        return list;
    s->nedges = e + 1;
    p->pred = (uint16_t)pred;
    p->next = (uint16_t)list;
    p->lat = (uint16_t)lat;
    return e;
}

static inline bool may_overlap(const struct ir_access *a, const struct ir_access *b)
{
    if (a->base != b->base)
        return true;
    uint32_t d = (uint32_t)b->off - (uint32_t)a->off; /* distances wrap with the address space */
    return d < a->size || 0u - d < b->size;
}

static struct {
    uint32_t nloads, nstores;
} mem_count;

static uint32_t depend_load(struct gear1 *x, uint32_t i, uint32_t list)
{
    struct mem *m = &loads[mem_count.nloads++];
    m->i = (uint16_t)i;
    m->at = ir_access(&x->g, i);
    for (uint32_t k = mem_count.nstores; k-- > 0;)
        if (may_overlap(&stores[k].at, &m->at))
            return add_edge(&x->s, list, stores[k].i, 1);
    return list;
}

static uint32_t depend_store(struct gear1 *x, uint32_t i, uint32_t list)
{
    struct mem *m = &stores[mem_count.nstores];
    m->i = (uint16_t)i;
    m->at = ir_access(&x->g, i);
    if (mem_count.nstores++)
        list = add_edge(&x->s, list, m[-1].i, may_overlap(&m[-1].at, &m->at));
    for (uint32_t k = 0; k < mem_count.nloads; k++)
        if (may_overlap(&loads[k].at, &m->at))
            list = add_edge(&x->s, list, loads[k].i, 0);
    return list;
}

/*
 * Wide registers, in the order of records: a reader after the last writer, a writer after the last
 * writer and the readers since, always a cycle later at least, for ops of one bundle have no order
 * there. And special registers: FP ops read FCW or MXCSR and OR into FSW or MXCSR, in any order
 * among themselves, but mfs and mts keep their place between them.
 */
static struct {
    uint16_t writer[NWIDE], readers[NWIDE]; /* record; list of edges */
    uint16_t fence, ops;                    /* last mfs or mts; list of FP ops since */
} wide;

static void wide_begin(void)
{
    for (uint32_t w = 0; w < NWIDE; w++)
        wide.writer[w] = wide.readers[w] = 0;
    wide.fence = wide.ops = 0;
}

static uint32_t after_all(struct g1_sched *s, uint32_t list, uint32_t of)
{
    for (uint32_t e = of; e; e = s->edge[e].next)
        list = add_edge(s, list, s->edge[e].pred, 1);
    return list;
}

static uint32_t wide_read(struct gear1 *x, uint32_t i, uint32_t list, uint32_t w)
{
    uint32_t writer = wide.writer[w];
    if (writer)
        list = add_edge(&x->s, list, writer, x->g.r[writer].lat);
    wide.readers[w] = (uint16_t)add_edge(&x->s, wide.readers[w], i, 1);
    return list;
}

static uint32_t wide_write(struct gear1 *x, uint32_t i, uint32_t list, uint32_t w)
{
    if (wide.writer[w])
        list = add_edge(&x->s, list, wide.writer[w], x->g.r[wide.writer[w]].lat);
    for (uint32_t e = wide.readers[w]; e; e = x->s.edge[e].next)
        if (x->s.edge[e].pred != i)
            list = add_edge(&x->s, list, x->s.edge[e].pred, 1);
    wide.readers[w] = 0;
    wide.writer[w] = (uint16_t)i;
    return list;
}

/* The wide registers of valu and its kin. */
static uint32_t simd_wide(struct gear1 *x, uint32_t i, uint32_t list, uint32_t b)
{
    list = wide_read(x, i, list, SIMD_S(b));
    if (simd_fn_reads_only(SIMD_FN(b)))
        return SIMD_S(b) == SIMD_D(b) ? list : wide_read(x, i, list, SIMD_D(b));
    return wide_write(x, i, list, SIMD_D(b));
}

static uint32_t depend_wide(struct gear1 *x, uint32_t i, uint32_t list)
{
    struct ir *r0 = x->g.r, *r = &r0[i];
    uint32_t op = r->op, format = op_table[op].format;
    uint32_t a = (uint32_t)r0[r->a].imm & 31;
    uint32_t b = (uint32_t)(r->flags & IRF_IMM ? r->imm : r0[r->b].imm);
    if (op == OP_WGET)
        return wide_read(x, i, list, b >> 2 & 31);
    if (op == OP_WPUT) /* a word of it: the others stay */
        return wide_write(x, i, list, b >> 2 & 31);
    if (op == OP_VALU || op == OP_VMUL)
        return simd_wide(x, i, list, b);
    if (wide.fence)
        list = add_edge(&x->s, list, wide.fence, 1);
    wide.ops = (uint16_t)add_edge(&x->s, wide.ops, i, 1);
    if (op == OP_VFP || op == OP_VFDIV)
        return simd_wide(x, i, list, b);
    if (format == FMT_WWB) {
        if (op != OP_WSQRT && op != OP_WRND)
            list = wide_read(x, i, list, b & 31);
        if (op != OP_WLD && op != OP_WST &&
            ((b & 31) != r->wide_a || op == OP_WSQRT || op == OP_WRND))
            list = wide_read(x, i, list, r->wide_a);
        return wide_write(x, i, list, r->wide & 31);
    }
    if (format == FMT_RRB)
        list = wide_read(x, i, list, b & 31);
    if (op == OP_FCOM || op == OP_FUCOM)
        return wide_read(x, i, list, a);
    return wide_write(x, i, list, a);
}

static uint32_t depend_special(struct gear1 *x, uint32_t i, uint32_t list)
{
    if (wide.fence)
        list = add_edge(&x->s, list, wide.fence, 1);
    list = after_all(&x->s, list, wide.ops);
    wide.ops = 0;
    wide.fence = (uint16_t)i;
    return list;
}

/* Latencies, classes and edges. Returns the last record whose flags the end of the group must wait
 * for. */
static uint32_t depend(struct gear1 *x)
{
    struct ir *r0 = x->g.r;
    struct g1_sched *s = &x->s;
    uint32_t n = x->g.n, writer = 0, readers = 0, last_writer = 0;
    uint16_t entry_readers[IR_BODY];
    s->nedges = 1;
    mem_count.nloads = mem_count.nstores = 0;
    wide_begin();
    for (uint32_t i = 0; i < IR_BODY; i++)
        entry_readers[i] = 0;
    for (uint32_t i = IR_BODY; i < n; i++) {
        struct ir *r = &r0[i];
        uint32_t op = r->op, list = 0;
        if (op == OP_NOP)
            continue;
        uint32_t info = ir_op[op], order = ir_order(info);
        r->lat = (uint8_t)(info >> OI_LAT_SHIFT & 15);
        r->cls = (uint8_t)((info & OI_CLASS) + ir_is_long(r));
        r->need = 0;
        r->last_use = 0;
        if (r->home)
            list = entry_readers[r->home - GUEST_REG0 + 1];
        if (r->a - 1u < IR_NENTRY)
            entry_readers[r->a] = (uint16_t)add_edge(s, entry_readers[r->a], i, 0);
        if (r->b - 1u < IR_NENTRY)
            entry_readers[r->b] = (uint16_t)add_edge(s, entry_readers[r->b], i, 0);
        if (r->c - 1u < IR_NENTRY)
            entry_readers[r->c] = (uint16_t)add_edge(s, entry_readers[r->c], i, 0);
        if (info & (OI_WRITES_CC | OI_READS_CC)) {
            if (writer)
                list =
                    add_edge(s, list, writer, info & (OI_CARRY | OI_READS_CC) ? r0[writer].lat : 1);
            if (info & OI_READS_CC) {
                readers = add_edge(s, readers, i, 0);
            } else {
                for (uint32_t e = readers; e; e = s->edge[e].next)
                    list = add_edge(s, list, s->edge[e].pred, 0);
                readers = 0;
                writer = i;
                if (r->flags & IRF_CCLIVE)
                    last_writer = i;
            }
        } else if (order == ORD_GLD) {
            list = depend_load(x, i, list);
            if (info & OI_WIDE)
                list = wide_write(x, i, list, r->wide);
        } else if (order == ORD_GST) {
            list = depend_store(x, i, list);
            if (info & OI_WIDE)
                list = wide_read(x, i, list, r->wide);
        } else if (order == ORD_FENCE) {
            list =
                op_table[op].unit == UNIT_FP ? depend_wide(x, i, list) : depend_special(x, i, list);
        }
        r->edges = (uint16_t)list;
    }
    return last_writer;
}

static inline void raise_need(struct ir *v, uint32_t h)
{
    if (v->need < h)
        v->need = (uint16_t)h;
}

/* Heights, from the end backwards, and the lists of ops by height, in index order. Returns the
 * greatest. */
static uint32_t heights(struct gear1 *x, uint16_t bucket[G1_HEIGHTS])
{
    struct ir *r0 = x->g.r;
    const struct g1_edge *edge = x->s.edge;
    uint32_t top = 0;
    bucket[0] = 0;
    for (uint32_t i = x->g.n - 1; i >= IR_BODY; i--) {
        struct ir *r = &r0[i];
        if (r->op == OP_NOP)
            continue;
        uint32_t h = (uint32_t)r->need + r->lat;
        raise_need(&r0[r->a], h);
        if (r->b)
            raise_need(&r0[r->b], h);
        if (r->c)
            raise_need(&r0[r->c], h);
        for (uint32_t e = r->edges; e; e = edge[e].next) {
            struct ir *p = &r0[edge[e].pred];
            int32_t v = (int32_t)(h + edge[e].lat) - p->lat;
            if (v > p->need)
                p->need = (uint16_t)v;
        }
        if (h >= G1_HEIGHTS)
            h = G1_HEIGHTS - 1; /* index order takes over, and is as valid */
        while (top < h)
            bucket[++top] = 0;
        r->next = bucket[h];
        bucket[h] = (uint16_t)i;
    }
    return top;
}

/* Puts record i into the first bundle from cycle c on that has room; its cycle, or G1_CYCLES. */
static inline uint32_t place(struct g1_sched *s, struct ir *r0, uint32_t i, uint32_t c,
                             uint32_t writes_cc)
{
    struct ir *r = &r0[i];
    uint32_t cls = r->cls;
    for (;; c++) {
        struct g1_cycle *b = &s->cycle[c];
        while (c >= s->ncycles) {
            if (s->ncycles >= G1_CYCLES)
                return G1_CYCLES;
            s->cycle[s->ncycles++] = (struct g1_cycle){1, 0, 0, 0};
        }
        if (writes_cc && b->cc)
            continue;
        uint32_t t = units_step(b->state, cls);
        if (t == 0)
            continue;
        b->state = (uint16_t)t;
        if (writes_cc)
            b->cc = 1;
        r->next = 0;
        if (b->first)
            r0[b->last].next = (uint16_t)i;
        else
            b->first = (uint16_t)i;
        b->last = (uint16_t)i;
        r->cycle = (uint16_t)c;
        return c;
    }
}

static inline uint32_t later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline void used_in(struct ir *v, uint32_t c)
{
    if (v->last_use < c)
        v->last_use = (uint16_t)c;
}

static bool put_op(struct gear1 *x, uint32_t i, uint32_t c)
{
    struct ir *r0 = x->g.r, *r = &r0[i], *va = &r0[r->a], *vb = &r0[r->b], *vc = &r0[r->c];
    const struct g1_edge *edge = x->s.edge;
    c = later(c, va->ready);
    if (r->b)
        c = later(c, vb->ready);
    if (r->c)
        c = later(c, vc->ready);
    for (uint32_t e = r->edges; e; e = edge[e].next)
        c = later(c, (uint32_t)r0[edge[e].pred].cycle + edge[e].lat);
    c = place(&x->s, r0, i, c, ir_op[r->op] & OI_WRITES_CC);
    if (c >= G1_CYCLES)
        return false;
    r->ready = (uint16_t)(c + r->lat);
    used_in(va, c);
    if (r->b)
        used_in(vb, c);
    if (r->c)
        used_in(vc, c);
    return true;
}

/* The branch that ends a group is a record too, put last. */
static bool put_end(struct gear1 *x, uint32_t flags_writer)
{
    struct ir_group *g = &x->g;
    struct g1_sched *s = &x->s;
    const struct ir_end *end = &g->end;
    uint32_t i = g->n, c = s->ncycles ? s->ncycles - 1 : 0;
    struct ir *r = &g->r[i];
    *r = (struct ir){.op = OP_JAL, .flags = IRF_IMM | IRF_LIVE};
    switch (end->kind) {
    case END_BRANCH:
    case END_LEAVE:
        r->op = end->op;
        if (end->op == OP_BRCC) {
            r->home = end->cond;
            if (flags_writer)
                c = later(c, g->r[flags_writer].ready);
        } else {
            r->a = end->ref;
            c = later(c, g->r[end->ref].ready);
            if (op_table[end->op].format == FMT_BRRR) {
                r->c = end->ref2;
                c = later(c, g->r[end->ref2].ready);
            }
        }
        break;
    case END_JUMP: break;
    default: /* no branch; but the commit needs a bundle */
        r->op = OP_NOP;
        if (s->ncycles)
            return true;
        r->flags = IRF_LIVE;
        break;
    }
    g->n = i + 1;
    r->cls = (uint8_t)(r->op == OP_NOP ? 0 : units_class(r->op, true));
    c = place(s, g->r, i, c, 0);
    if (c >= G1_CYCLES)
        return false;
    used_in(&g->r[r->a], c);
    used_in(&g->r[r->c], c);
    return true;
}

bool sched_group(struct gear1 *x)
{
    struct ir *r0 = x->g.r;
    uint16_t bucket[G1_HEIGHTS];
    x->s.ncycles = 0;
    uint32_t flags_writer = depend(x);
    if (x->s.nedges >= G1_EDGES - 1)
        return false;
    if (x->s.in_order) {
        uint32_t c = 0;
        for (uint32_t i = IR_BODY; i < x->g.n; i++) {
            if (r0[i].op == OP_NOP)
                continue;
            if (!put_op(x, i, c))
                return false;
            c = r0[i].cycle;
        }
    } else {
        const struct ir_end *end = &x->g.end;
        r0[end->ref].need = r0[end->ref2].need = 1;
        if (end->kind == END_JTLB) /* the jtlb behind the group waits for it */
            r0[x->g.cur[G_EIP]].need = 1;
        if (flags_writer && end->op == OP_BRCC)
            r0[flags_writer].need = 1;
        for (uint32_t h = heights(x, bucket) + 1; h-- > 0;)
            for (uint32_t i = bucket[h], next; i; i = next) {
                next = r0[i].next;
                if (!put_op(x, i, 0))
                    return false;
            }
    }
    return put_end(x, flags_writer);
}

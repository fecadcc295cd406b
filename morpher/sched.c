/* SPDX-License-Identifier: MIT */
/*
 * List scheduling of one group.
 *
 * Priority is height: the longest path of latencies from an op to the end. Ops are taken in order of falling height,
 * equal heights in index order; that order never takes an op before one it depends on, so no ready list is kept. Each
 * op goes into the first bundle where its operands are ready and a slot is free, which may lie before bundles that are
 * already begun. Cost is linear but for the search for a slot.
 *
 * What an op depends on: its operands, with the latency of the op that makes them; and edges, for
 *   - flags, which are one register: reader after writer with its latency, writer after reader in the same cycle or
 *     later, writer after writer a cycle later (one writer a bundle);
 *   - homes: a record that writes r32+g, in no earlier cycle than any that reads what it held on entry;
 *   - guest memory: load after store that may overlap, a cycle later; store after load, same cycle or later; stores in
 *     order. Same base and disjoint offsets do not overlap.
 * All reads of a bundle precede its writes, hence the zero latencies. What may trap needs no edge: a trap rolls the
 * group back as a whole.
 */
#include "morpher/gear1.h"

struct mem {
    uint16_t i;
    struct ir_access at;
};
static struct mem loads[IR_MAX], stores[IR_MAX];

static uint32_t add_edge(struct g1_sched *s, uint32_t list, uint32_t pred, uint32_t lat)
{
    uint32_t e = s->nedges;
    if (e >= G1_EDGES - 1)
        return list; /* checked by the caller: the group is refused */
    s->nedges = e + 1;
    s->edge[e].pred = (uint16_t)pred;
    s->edge[e].next = (uint16_t)list;
    s->edge[e].lat = (uint16_t)lat;
    return e;
}

static inline bool may_overlap(const struct ir_access *a, const struct ir_access *b)
{
    if (a->base != b->base)
        return true;
    uint32_t d = (uint32_t)b->off - (uint32_t)a->off; /* distances wrap with the address space */
    return d < a->size || 0u - d < b->size;
}

/* Latencies, classes and edges. Returns the highest index whose flags the end of the group must wait for. */
static uint32_t depend(struct gear1 *x)
{
    struct ir_group *g = &x->g;
    struct g1_sched *s = &x->s;
    const uint32_t *lat_of = x->m->lat;
    uint32_t nloads = 0, nstores = 0, writer = 0, readers = 0, last_writer = 0;
    uint16_t entry_readers[IR_BODY];
    s->nedges = 1;
    for (uint32_t i = 0; i < IR_BODY; i++)
        entry_readers[i] = 0;
    for (uint32_t i = IR_BODY; i < g->n; i++) {
        const struct ir *r = &g->r[i];
        uint32_t op = r->op, list = 0;
        if (op == OP_NOP)
            continue;
        const struct op_info *info = &op_table[op];
        uint32_t lat = lat_of[info->latency];
        s->lat[i] = (uint8_t)(lat > 8 ? 8 : lat); /* beyond, the pipeline stands still */
        s->cls[i] = (uint8_t)(units_of_op[op] + ir_is_long(r));
        s->need[i] = 0;
        s->last_use[i] = 0;
        if (r->home)
            list = entry_readers[r->home - GUEST_REG0 + 1];
        if (r->a - 1u < IR_NENTRY)
            entry_readers[r->a] = (uint16_t)add_edge(s, entry_readers[r->a], i, 0);
        if (r->b - 1u < IR_NENTRY)
            entry_readers[r->b] = (uint16_t)add_edge(s, entry_readers[r->b], i, 0);
        if (r->c - 1u < IR_NENTRY)
            entry_readers[r->c] = (uint16_t)add_edge(s, entry_readers[r->c], i, 0);
        if (ir_cc_table[op].may) {
            if (ir_cc_table[op].read && writer)
                list = add_edge(s, list, writer, s->lat[writer]);
            else if (writer)
                list = add_edge(s, list, writer, 1);
            for (uint32_t e = readers; e; e = s->edge[e].next)
                list = add_edge(s, list, s->edge[e].pred, 0);
            readers = 0;
            writer = i;
            if (r->flags & IRF_CCLIVE)
                last_writer = i;
        } else if (op == OP_SETCC || op == OP_CMOV || op == OP_RDCC || op == OP_TRAPIF) {
            if (writer)
                list = add_edge(s, list, writer, s->lat[writer]);
            readers = add_edge(s, readers, i, 0);
        } else if (info->order == ORD_GLD) {
            struct mem *m = &loads[nloads++];
            m->i = (uint16_t)i;
            m->at = ir_access(g, i);
            for (uint32_t k = nstores; k-- > 0;)
                if (may_overlap(&stores[k].at, &m->at)) {
                    list = add_edge(s, list, stores[k].i, 1);
                    break;
                }
        } else if (info->order == ORD_GST) {
            struct mem *m = &stores[nstores];
            m->i = (uint16_t)i;
            m->at = ir_access(g, i);
            if (nstores)
                list = add_edge(s, list, m[-1].i, may_overlap(&m[-1].at, &m->at));
            for (uint32_t k = 0; k < nloads; k++)
                if (may_overlap(&loads[k].at, &m->at))
                    list = add_edge(s, list, loads[k].i, 0);
            nstores++;
        }
        s->edges[i] = (uint16_t)list;
    }
    return last_writer;
}

/* Heights, from the end backwards, and the lists of ops by height, in index order. */
static uint32_t heights(struct gear1 *x, uint16_t bucket[G1_HEIGHTS])
{
    struct ir_group *g = &x->g;
    struct g1_sched *s = &x->s;
    uint16_t *need = s->need;
    uint32_t top = 0;
    for (uint32_t i = 0; i < G1_HEIGHTS; i++)
        bucket[i] = 0;
    for (uint32_t i = g->n - 1; i >= IR_BODY; i--) {
        const struct ir *r = &g->r[i];
        if (r->op == OP_NOP)
            continue;
        uint32_t h = need[i] + s->lat[i];
        if (need[r->a] < h)
            need[r->a] = (uint16_t)h;
        if (need[r->b] < h)
            need[r->b] = (uint16_t)h;
        if (need[r->c] < h)
            need[r->c] = (uint16_t)h;
        for (uint32_t e = s->edges[i]; e; e = s->edge[e].next) {
            uint32_t p = s->edge[e].pred;
            int32_t v = (int32_t)(h + s->edge[e].lat) - s->lat[p];
            if (v > need[p])
                need[p] = (uint16_t)v;
        }
        if (h >= G1_HEIGHTS)
            h = G1_HEIGHTS - 1; /* index order takes over, and is as valid */
        s->next[i] = bucket[h];
        bucket[h] = (uint16_t)i;
        if (h > top)
            top = h;
    }
    return top;
}

/* Puts op i into the first bundle from cycle c on that has room. */
static inline uint32_t place(struct g1_sched *s, uint32_t i, uint32_t c, bool writes_cc)
{
    uint32_t cls = s->cls[i];
    for (;; c++) {
        while (c >= s->ncycles) {
            uint32_t k = s->ncycles;
            if (k >= G1_CYCLES)
                return G1_CYCLES;
            s->state[k] = 1;
            s->cc[k] = 0;
            s->first[k] = 0;
            s->ncycles = k + 1;
        }
        if (writes_cc && s->cc[c])
            continue;
        uint32_t t = units_step(s->state[c], cls);
        if (t == 0)
            continue;
        s->state[c] = (uint16_t)t;
        s->cc[c] |= writes_cc;
        s->next[i] = 0;
        if (s->first[c])
            s->next[s->last[c]] = (uint16_t)i;
        else
            s->first[c] = (uint16_t)i;
        s->last[c] = (uint16_t)i;
        s->cycle[i] = (uint16_t)c;
        return c;
    }
}

static inline uint32_t later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static bool put_op(struct gear1 *x, uint32_t i, uint32_t c)
{
    struct g1_sched *s = &x->s;
    const struct ir *r = &x->g.r[i];
    c = later(c, later(s->ready[r->a], later(s->ready[r->b], s->ready[r->c])));
    for (uint32_t e = s->edges[i]; e; e = s->edge[e].next)
        c = later(c, (uint32_t)s->cycle[s->edge[e].pred] + s->edge[e].lat);
    c = place(s, i, c, ir_cc_table[r->op].may != 0);
    if (c >= G1_CYCLES)
        return false;
    s->ready[i] = (uint16_t)(c + s->lat[i]);
    if (s->last_use[r->a] < c)
        s->last_use[r->a] = (uint16_t)c;
    if (s->last_use[r->b] < c)
        s->last_use[r->b] = (uint16_t)c;
    if (s->last_use[r->c] < c)
        s->last_use[r->c] = (uint16_t)c;
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
                c = later(c, s->ready[flags_writer]);
        } else {
            r->a = end->ref;
            c = later(c, s->ready[end->ref]);
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
    s->lat[i] = 0;
    s->need[i] = s->last_use[i] = 0;
    s->edges[i] = 0;
    s->cls[i] = (uint8_t)(r->op == OP_NOP ? 0 : units_of_op[r->op] + 1);
    c = place(s, i, c, false);
    if (c >= G1_CYCLES)
        return false;
    s->last_use[r->a] = (uint16_t)c;
    return true;
}

bool sched_group(struct gear1 *x)
{
    struct ir_group *g = &x->g;
    struct g1_sched *s = &x->s;
    uint16_t bucket[G1_HEIGHTS];
    for (uint32_t i = 0; i < IR_BODY; i++) {
        s->ready[i] = s->need[i] = s->last_use[i] = 0;
        s->lat[i] = 0;
    }
    s->ncycles = 0;
    uint32_t flags_writer = depend(x);
    if (s->nedges >= G1_EDGES - 1)
        return false;
    if (s->in_order) {
        uint32_t c = 0;
        for (uint32_t i = IR_BODY; i < g->n; i++) {
            if (g->r[i].op == OP_NOP)
                continue;
            if (!put_op(x, i, c))
                return false;
            c = s->cycle[i];
        }
    } else {
        s->need[g->end.ref] = 1;
        if (flags_writer)
            s->need[flags_writer] = 1;
        for (uint32_t h = heights(x, bucket) + 1; h-- > 0;)
            for (uint32_t i = bucket[h], next; i; i = next) {
                next = s->next[i];
                if (!put_op(x, i, 0))
                    return false;
            }
    }
    return put_end(x, flags_writer);
}

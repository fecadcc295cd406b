/* SPDX-License-Identifier: MIT */
/*
 * The list scheduler: a block's ops to bundles.
 *
 * All reads of a bundle precede all its writes, so a reader may share the bundle of the next writer
 * of its source (latency 0), while a reader of a result comes at least the producer's latency
 * later. An op that is placed too early is still right, since the machine interlocks: latencies
 * decide about speed alone, order and bundles about correctness. The order to keep is, beyond
 * registers and condition codes:
 *
 *     native memory   a store against every access that may overlap, one bundle apart
 *     whatever traps  among itself in program order, so that the first trap is the program's
 *                     first; this covers guest loads, guest stores, probes, trapif, divisions
 *     native stores   before a possible trap strictly (the trap undoes its bundle), after one at
 *                     the earliest with it
 *     fences          everything before, strictly, if it could be seen by the fence; everything
 *                     after, strictly
 *     the branch      last; everything issues no later than it
 *
 * Ready ops are taken by the length of the longest path that hangs on them, earlier ops first.
 * Whether an op still fits a bundle depends only on how many ops of each unit and how many
 * immediate words the bundle has, so the answers of mdesc_place are kept in a table, and a bundle
 * is placed for good when it is complete. A cycle without a ready op makes no bundle: the
 * scoreboard waits.
 */
#include "toolchain/sched.h"

enum { CC = NGPR, RESOURCES = NGPR + 1, NONE = -1 };
enum { FIT_SLOTS = 4096 };

/* Answers of mdesc_place by the counts of a bundle, packed: four bits each. */
struct fit_cache {
    uint32_t key[FIT_SLOTS]; /* counts + 1 ... 0 is free */
    bool fits[FIT_SLOTS];
};

struct edge {
    uint16_t to;
    uint8_t lat;
    int32_t next;
};

struct node {
    int32_t succ; /* edges that leave */
    uint32_t preds, earliest, height;
    struct op_regs regs;
    uint8_t lat, order;
    bool traps;
    uint16_t part; /* branches before it */
};

/* Working memory of one block; static because it is large and scheduling is not reentrant anyway.
 */
static struct work {
    struct node node[SCHED_MAX_OPS];
    VEC(struct edge) edge;
    int32_t writer[RESOURCES];
    struct reader {
        uint16_t op;
        int32_t next;
    } reader[SCHED_MAX_OPS * 4];
    int32_t readers[RESOURCES];
    uint32_t nreaders;
    uint16_t ready[SCHED_MAX_OPS], waiting[SCHED_MAX_OPS];
    uint32_t nready, nwaiting;
} w;

static void edge(unsigned from, unsigned to, unsigned lat)
{
    struct edge e = {(uint16_t)to, (uint8_t)lat, w.node[from].succ};
    w.node[from].succ = (int32_t)w.edge.n;
    vec_push(&w.edge, e);
    w.node[to].preds++;
}

/* ---- dependences ---- */

static void read_resource(unsigned i, unsigned r)
{
    if (w.writer[r] != NONE)
        edge((unsigned)w.writer[r], i, w.node[w.writer[r]].lat);
    if (w.nreaders == sizeof w.reader / sizeof *w.reader) {
        /* Ops that read very many registers (gget): forget readers, order them as writers instead.
         */
        if (w.writer[r] != NONE)
            edge((unsigned)w.writer[r], i, 1);
        for (int32_t k = w.readers[r]; k != NONE; k = w.reader[k].next)
            if (w.reader[k].op != i)
                edge(w.reader[k].op, i, 0);
        w.writer[r] = (int32_t)i;
        w.readers[r] = NONE;
        return;
    }
    w.reader[w.nreaders] = (struct reader){(uint16_t)i, w.readers[r]};
    w.readers[r] = (int32_t)w.nreaders++;
}

static void write_resource(unsigned i, unsigned r)
{
    for (int32_t k = w.readers[r]; k != NONE; k = w.reader[k].next)
        if (w.reader[k].op != i)
            edge(w.reader[k].op, i, 0);
    if (w.writer[r] != NONE && w.writer[r] != (int32_t)i) {
        int first = w.node[w.writer[r]].lat, second = w.node[i].lat;
        edge((unsigned)w.writer[r], i, (unsigned)(first > second ? first - second + 1 : 1));
    }
    w.writer[r] = (int32_t)i;
    w.readers[r] = NONE;
}

static void register_edges(unsigned i)
{
    const struct op_regs *r = &w.node[i].regs;
    for (uint64_t m = r->reads; m; m &= m - 1)
        read_resource(i, (unsigned)__builtin_ctzll(m));
    if (r->reads_cc || r->keeps_cc)
        read_resource(i, CC);
    for (uint64_t m = r->writes; m; m &= m - 1)
        write_resource(i, (unsigned)__builtin_ctzll(m));
    if (r->writes_cc)
        write_resource(i, CC);
}

static bool may_overlap(const struct sched_op *a, const struct sched_op *b)
{
    if (a->base == PLACE_ANY || b->base == PLACE_ANY)
        return true;
    if (a->base == b->base) {
        int64_t d = (int64_t)b->off - a->off;
        return d < a->size && -d < b->size;
    }
    bool sa = a->base > PLACE_SECTION && a->base < PLACE_ANY;
    bool sb = b->base > PLACE_SECTION && b->base < PLACE_ANY;
    enum { SP = 2 };
    return !((sa && sb) || (sa && b->base == SP) || (sb && a->base == SP));
}

/* Whether op i may run although branch j, which stands before it, will leave the block. */
static bool may_run_early(const struct sched *s, unsigned i, unsigned j)
{
    const struct node *d = &w.node[i];
    const struct sched_op *x = &s->x[i];
    enum { SP = 2 };
    const uint64_t wanted = s->x[j].live | ~(uint64_t)0 << GUEST_REG0;
    bool safe_load =
        d->order == ORD_NLD && (x->base == SP || (x->base > PLACE_SECTION && x->base < PLACE_ANY));
    return (d->order == ORD_FREE || safe_load) && !d->regs.writes_cc &&
           op_table[x->op.opc].latency != LAT_DIV && !(d->regs.writes & wanted);
}

static void build(struct sched *s)
{
    static uint16_t branches[SCHED_MAX_OPS];
    uint32_t nbranches = 0;
    static uint16_t loads[SCHED_MAX_OPS], stores[SCHED_MAX_OPS], untrapped[SCHED_MAX_OPS];
    uint32_t nloads = 0, nstores = 0, nuntrapped = 0;
    int trap = NONE, fence = NONE;
    w.edge.n = 0;
    w.nreaders = 0;
    for (unsigned r = 0; r < RESOURCES; r++)
        w.writer[r] = w.readers[r] = NONE;
    for (unsigned i = 0; i < s->n; i++) {
        struct node *d = &w.node[i];
        const struct op_info *info = &op_table[s->x[i].op.opc];
        uint32_t lat = s->m->lat[info->latency];
        *d = (struct node){.succ = NONE, .regs = op_regs(&s->x[i].op), .order = info->order};
        d->lat = (uint8_t)(lat > 7 ? 7 : lat ? lat : 1);
        d->part = (uint16_t)nbranches;
        d->traps = info->trap != '-' || info->order == ORD_GLD || info->order == ORD_GST;
        register_edges(i);
        if (fence != NONE)
            edge((unsigned)fence, i, 1);
        if (d->order == ORD_NLD || d->order == ORD_NST) {
            bool store = d->order == ORD_NST;
            for (uint32_t k = 0; k < nstores; k++)
                if (may_overlap(&s->x[stores[k]], &s->x[i]))
                    edge(stores[k], i, 1);
            for (uint32_t k = 0; store && k < nloads; k++)
                if (may_overlap(&s->x[loads[k]], &s->x[i]))
                    edge(loads[k], i, 1);
            if (store)
                stores[nstores++] = (uint16_t)i;
            else
                loads[nloads++] = (uint16_t)i;
        }
        if (d->traps) {
            if (trap != NONE)
                edge((unsigned)trap, i, 1);
            for (uint32_t k = 0; k < nuntrapped; k++)
                edge(untrapped[k], i, 1);
            nuntrapped = 0;
            trap = (int)i;
        } else if (d->order == ORD_NST && trap != NONE) {
            edge((unsigned)trap, i, 0);
        }
        if (d->order == ORD_NST)
            untrapped[nuntrapped++] = (uint16_t)i;
        for (uint32_t k = nbranches; k-- > 0;)
            if (!may_run_early(s, i, branches[k])) {
                edge(branches[k], i, 1);
                break;
            }
        if (d->order == ORD_CTL) {
            for (unsigned k = 0; k < i; k++)
                if (w.node[k].succ == NONE)
                    edge(k, i, 0);
            branches[nbranches++] = (uint16_t)i;
        } else if (d->order == ORD_FENCE) {
            for (unsigned k = fence == NONE ? 0 : (unsigned)fence; k < i; k++) {
                bool unseen = w.node[k].order == ORD_FREE && !w.node[k].regs.writes_cc &&
                              !(w.node[k].regs.writes >> GUEST_REG0);
                edge(k, i, unseen ? 0 : 1);
            }
            fence = (int)i;
            nloads = nstores = nuntrapped = 0;
            trap = NONE;
        }
    }
    /* A result that nobody here waits for is still wanted behind the block, soon. */
    for (unsigned i = s->n; i-- > 0;) {
        uint32_t h = w.node[i].lat - 1u;
        for (int32_t e = w.node[i].succ; e != NONE; e = w.edge.v[e].next) {
            uint32_t t = w.edge.v[e].lat + w.node[w.edge.v[e].to].height;
            h = t > h ? t : h;
        }
        w.node[i].height = h;
    }
}

/* ---- bundles ---- */

/* Counts of a bundle: four bits for each unit class and for immediate words. */
static uint32_t count_of(const struct vop *o)
{
    unsigned unit = op_table[o->opc].unit;
    uint32_t c = unit == UNIT_ANY ? 1u << 24 : 1u << 4 * (unsigned)__builtin_ctz(unit);
    return c + (o->bmode == B_LONG ? 1u << 28 : 0);
}

static bool fits(struct sched *s, uint32_t counts, const struct vop *ops, unsigned n)
{
    if (n > MAX_BUNDLE_OPS || n > s->m->bundle_width)
        return false;
    uint32_t h = counts * 0x9e3779b1u >> 20;
    struct fit_cache *f = s->fit;
    if (f->key[h] != counts) {
        uint8_t slot[MAX_BUNDLE_OPS];
        f->key[h] = counts;
        f->fits[h] = mdesc_place(s->m, ops, n, slot) >= 0;
    }
    return f->fits[h];
}

/* Whether op i is to be taken before op k. */
static bool sooner(unsigned i, unsigned k)
{
    const struct node *a = &w.node[i], *b = &w.node[k];
    if (a->part != b->part)
        return a->part < b->part;
    return a->height != b->height ? a->height > b->height : i < k;
}

static void make_ready(uint16_t i)
{
    uint32_t at = w.nready++;
    while (at > 0 && sooner(i, w.ready[at - 1])) {
        w.ready[at] = w.ready[at - 1];
        at--;
    }
    w.ready[at] = i;
}

static void take(unsigned i, uint32_t cycle)
{
    for (int32_t e = w.node[i].succ; e != NONE; e = w.edge.v[e].next) {
        struct node *t = &w.node[w.edge.v[e].to];
        if (t->earliest < cycle + w.edge.v[e].lat)
            t->earliest = cycle + w.edge.v[e].lat;
        if (--t->preds == 0) {
            if (t->earliest <= cycle)
                make_ready(w.edge.v[e].to);
            else
                w.waiting[w.nwaiting++] = w.edge.v[e].to;
        }
    }
}

/* Puts the chosen ops into encoding order and remembers their symbols. */
static const char *finish(struct sched *s, const uint16_t *chosen, unsigned n, sched_bundles *out)
{
    struct vop ops[MAX_BUNDLE_OPS];
    uint8_t slot[MAX_BUNDLE_OPS];
    uint16_t by_slot[MAX_BUNDLE_OPS];
    uint16_t order[MAX_BUNDLE_OPS];
    struct sched_bundle sb = {0};
    /* Program order, which ops of the same unit keep. */
    for (unsigned i = 0; i < n; i++) {
        unsigned at = i;
        for (; at > 0 && order[at - 1] > chosen[i]; at--)
            order[at] = order[at - 1];
        order[at] = chosen[i];
    }
    for (unsigned i = 0; i < n; i++)
        ops[i] = s->x[order[i]].op;
    if (mdesc_place(s->m, ops, n, slot) < 0 || !mdesc_pack(s->m, ops, n, &sb.b))
        return "an op that fits no bundle format of this machine";
    unsigned k = 0;
    for (unsigned at = 0; at < MAX_BUNDLE_OPS; at++)
        for (unsigned i = 0; i < n; i++)
            if (slot[i] == at)
                by_slot[k++] = order[i];
    k = 0;
    for (unsigned i = 0; i < sb.b.nops; i++)
        sb.sym[i] = sb.b.op[i].opc == OP_NOP ? LO_NOSYM : s->x[by_slot[k++]].sym;
    sb.words = bundle_words(&sb.b);
    sb.branch = 0xffffffffu;
    for (unsigned i = 0; i < n; i++)
        if (sched_is_branch(ops[i].opc) && s->x[order[i]].sym != LO_NOSYM)
            sb.branch = s->x[order[i]].from;
    vec_push(out, sb);
    return 0;
}

static const char *order_ops(struct sched *s, sched_bundles *out)
{
    uint32_t cycle = 0, left = s->n;
    w.nready = w.nwaiting = 0;
    for (unsigned i = 0; i < s->n; i++)
        if (w.node[i].preds == 0)
            make_ready((uint16_t)i);
    while (left > 0) {
        for (uint32_t k = 0; k < w.nwaiting;) {
            if (w.node[w.waiting[k]].earliest <= cycle) {
                make_ready(w.waiting[k]);
                w.waiting[k] = w.waiting[--w.nwaiting];
            } else {
                k++;
            }
        }
        if (w.nready == 0) {
            uint32_t first = UINT32_MAX;
            for (uint32_t k = 0; k < w.nwaiting; k++)
                if (w.node[w.waiting[k]].earliest < first)
                    first = w.node[w.waiting[k]].earliest;
            cycle = first;
            continue;
        }
        struct vop ops[MAX_BUNDLE_OPS + 1];
        uint16_t chosen[MAX_BUNDLE_OPS + 1];
        unsigned n = 0;
        uint32_t counts = 0;
        for (uint32_t k = 0; k < w.nready;) {
            uint16_t i = w.ready[k];
            ops[n] = s->x[i].op;
            uint32_t c = counts + count_of(&ops[n]);
            if (!fits(s, c, ops, n + 1)) {
                k++;
                continue;
            }
            counts = c;
            chosen[n++] = i;
            left--;
            w.nready--;
            memmove(w.ready + k, w.ready + k + 1, (w.nready - k) * sizeof *w.ready);
            uint32_t before = w.nready;
            take(i, cycle);
            if (w.nready != before)
                k = 0; /* something became ready; what was refused will be refused again */
            if (n == MAX_BUNDLE_OPS || n == s->m->bundle_width)
                break;
        }
        if (n == 0)
            return "an op that fits no bundle format of this machine";
        const char *e = finish(s, chosen, n, out);
        if (e)
            return e;
        cycle++;
    }
    return 0;
}

/* A bundle that does nothing but commit. */
static const char *empty_bundle(struct sched *s, sched_bundles *out)
{
    static const uint16_t first = 0;
    s->n = 1;
    s->x[0] = (struct sched_op){.op = {.opc = OP_NOP}, .sym = LO_NOSYM};
    return finish(s, &first, 1, out);
}

const char *sched_block(struct sched *s, const struct sched_block *b, sched_bundles *out)
{
    uint32_t before = out->n;
    const char *e = 0;
    for (uint32_t at = b->start; at < b->end && !e; at += SCHED_MAX_LINEAR) {
        bool cut = b->end - at > SCHED_MAX_LINEAR;
        expand_block(s, at, cut ? at + SCHED_MAX_LINEAR : b->end, cut ? 0xffffffffu : b->live);
        build(s);
        e = order_ops(s, out);
    }
    if (!b->commit || e)
        return e;
    /* The commit rides on the last bundle, but not beside an op that acts on all of the machine. */
    bool alone = out->n == before;
    for (unsigned i = 0; !alone && !b->jump && i < out->v[out->n - 1].b.nops; i++) {
        unsigned order = op_table[out->v[out->n - 1].b.op[i].opc].order;
        alone = order == ORD_FENCE || order == ORD_CTL;
    }
    if (alone && (e = empty_bundle(s, out)))
        return e;
    struct sched_bundle *last = &out->v[out->n - 1];
    last->b.commit = true;
    last->b.retired = b->retired;
    last->words = bundle_words(&last->b);
    return 0;
}

void sched_init(struct sched *s, const struct lo *lo, const struct mdesc *m)
{
    s->lo = lo;
    s->m = m;
    s->fit = vec_alloc(NULL, sizeof *s->fit);
    memset(s->fit, 0, sizeof *s->fit);
    s->is_long = vec_alloc(NULL, lo->nops);
    memset(s->is_long, 0, lo->nops);
}

void sched_done(struct sched *s)
{
    free(s->fit);
    free(s->is_long);
    free(s->before);
    free(s->behind);
    vec_free(&w.edge);
}

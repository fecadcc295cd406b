/* SPDX-License-Identifier: MIT */
/*
 * From linear ops to the ops of a machine.
 *
 * A block is walked once with a note of what each register holds: the value some register had when
 * the block began, or the address of a section, or a constant, plus an offset. The notes serve
 * three ends. A machine without displacements (cap.disp) needs an add before an access, unless some
 * register already holds that very address. Two accesses with the same base and apart in offset may
 * be reordered. An operand that is known to be a small constant becomes one.
 *
 * What a machine lacks is made from what it has, in r3 and r4, or, for the address of a load, in
 * the register that the load is about to overwrite anyway. Little rewritings that gain on every
 * machine are here too: the shift pairs by which the compiler extends bytes and halves, constants
 * built in two steps, the address of a table plus an index. A last backward pass drops ops whose
 * results nobody in the block reads before they are overwritten.
 *
 * To add a rewriting: one case in `op`, that uses `push` for every op it makes.
 */
#include "toolchain/sched.h"

struct value {
    uint32_t base;
    int32_t off;
};

enum { FRESH = NGPR, NONE = 0xffffffffu };

struct expander {
    struct sched *s;
    struct value val[NGPR];
    uint32_t fresh;
    uint32_t def[NGPR]; /* where it was last written in this block, or NONE */
    uint64_t used;      /* registers read since then */
    unsigned turn;      /* scratch registers take turns */
};

static struct value value_of_sym(const struct lo *lo, uint32_t sym, int32_t addend)
{
    const struct lo_sym *s = &lo->sym[sym];
    switch (s->section) {
    case LO_RODATA:
    case LO_DATA:
    case LO_BSS:
        return (struct value){PLACE_SECTION | s->section, (int32_t)(s->value + (uint32_t)addend)};
    case LO_ABS: return (struct value){PLACE_CONST, (int32_t)(s->value + (uint32_t)addend)};
    default: return (struct value){0x80000000u | sym, addend};
    }
}

static uint32_t access_size(unsigned opc)
{
    switch (opc) {
    case OP_LB:
    case OP_LBU:
    case OP_SB: return 1;
    case OP_LH:
    case OP_LHU:
    case OP_SH: return 2;
    default: return 4;
    }
}

static struct value plus(struct value v, int32_t d)
{
    v.off = (int32_t)((uint32_t)v.off + (uint32_t)d);
    return v;
}

/* What b adds, if it is known; false for a register. */
static bool known_b(const struct expander *x, const struct vop *o, uint32_t sym, struct value *v)
{
    if (o->bmode == B_REG)
        *v = x->val[o->rb];
    else if (sym != LO_NOSYM)
        *v = value_of_sym(x->s->lo, sym, o->imm);
    else
        *v = (struct value){PLACE_CONST, o->imm};
    return o->bmode != B_REG;
}

/* base + b as a value, where that can be said. */
static struct value sum(struct expander *x, struct value a, struct value b)
{
    if (b.base == PLACE_CONST)
        return plus(a, b.off);
    if (a.base == PLACE_CONST)
        return plus(b, a.off);
    return (struct value){FRESH + x->fresh++, 0};
}

static void push(struct expander *x, struct vop o, uint32_t sym)
{
    struct sched *s = x->s;
    if (s->n == SCHED_MAX_OPS)
        return; /* cannot be: SCHED_MAX_LINEAR allows for the longest expansion */
    struct sched_op *d = &s->x[s->n];
    const struct op_info *info = &op_table[o.opc];
    struct value b = {PLACE_CONST, 0};
    *d = (struct sched_op){o, sym, PLACE_ANY, 0, 4};
    if (info->format == FMT_LOAD || info->format == FMT_STORE) {
        known_b(x, &o, sym, &b);
        struct value at = sum(x, x->val[o.ra], b);
        d->base = at.base;
        d->off = at.off;
        d->size = access_size(o.opc);
    }
    struct op_regs r = op_regs(&o);
    struct value v = {FRESH + x->fresh, 0};
    if (o.opc == OP_MOV)
        known_b(x, &o, sym, &v);
    else if (o.opc == OP_ADD && (known_b(x, &o, sym, &b) || b.base == PLACE_CONST))
        v = sum(x, x->val[o.ra], b);
    x->used |= r.reads;
    x->used &= ~r.writes;
    for (uint64_t w = r.writes; w; w &= w - 1) {
        unsigned i = (unsigned)__builtin_ctzll(w);
        x->val[i] = v;
        if (v.base == FRESH + x->fresh)
            v.base = FRESH + ++x->fresh;
        x->def[i] = s->n;
    }
    s->n++;
}

static unsigned scratch(struct expander *x)
{
    return x->turn++ & 1 ? SCRATCH1 : SCRATCH0;
}

static void push_rrb(struct expander *x, unsigned opc, unsigned rd, unsigned ra, struct vop b,
                     uint32_t sym)
{
    b.opc = (uint8_t)opc;
    b.rd = (uint8_t)rd;
    b.ra = (uint8_t)ra;
    push(x, b, sym);
}

static struct vop imm_b(int32_t v)
{
    return (struct vop){.bmode = bmode_for(v), .imm = v};
}

static struct vop reg_b(unsigned r)
{
    return (struct vop){.bmode = B_REG, .rb = (uint8_t)r};
}

/* A register that holds the value already, or 0. */
static unsigned holder(const struct expander *x, struct value v)
{
    if (v.base == PLACE_CONST && v.off == 0)
        return 0;
    for (unsigned i = 1; i < 32; i++)
        if (x->val[i].base == v.base && x->val[i].off == v.off)
            return i;
    return 0;
}

/* Memory access by register alone. */
static void access_no_disp(struct expander *x, struct vop o, uint32_t sym, bool load)
{
    struct value b, at;
    known_b(x, &o, sym, &b);
    uint32_t fresh = x->fresh;
    at = sum(x, x->val[o.ra], b);
    unsigned r = x->fresh == fresh ? holder(x, at) : 0;
    x->fresh = fresh;
    if (r == 0) {
        r = load && o.rd != 0 && o.rd < 32 ? o.rd : scratch(x);
        if (o.ra == 0 && o.bmode != B_REG)
            push_rrb(x, OP_MOV, r, 0, o, sym);
        else
            push_rrb(x, OP_ADD, r, o.ra, o, sym);
    }
    struct vop m = {.opc = o.opc, .rd = o.rd, .ra = (uint8_t)r, .bmode = B_SHORT};
    push(x, m, LO_NOSYM);
}

static bool small_const(struct value v, int32_t *k)
{
    *k = v.off;
    return v.base == PLACE_CONST && v.off >= -128 && v.off <= 127;
}

/* Compare-and-branch of two registers from a comparison and bz or bnz. */
static void branch_no_cmp(struct expander *x, struct vop o, uint32_t sym)
{
    unsigned a = o.rd, b = o.ra, t;
    int32_t k;
    struct vop br = {.bmode = o.bmode, .imm = o.imm};
    bool equal = o.opc == OP_BEQ || o.opc == OP_BNE;
    br.opc = o.opc == OP_BEQ || o.opc == OP_BGE || o.opc == OP_BGEU ? OP_BZ : OP_BNZ;
    if (equal && (a == 0 || b == 0)) {
        br.ra = (uint8_t)(a | b);
        push(x, br, sym);
        return;
    }
    t = scratch(x);
    if (equal) {
        if (small_const(x->val[a], &k)) {
            unsigned swap = a;
            a = b;
            b = swap;
        }
        push_rrb(x, OP_XOR, t, a, small_const(x->val[b], &k) ? imm_b(k) : reg_b(b), LO_NOSYM);
    } else {
        bool uns = o.opc == OP_BLTU || o.opc == OP_BGEU;
        unsigned cmp = uns ? OP_SLTU : OP_SLT;
        /* k < b is not (b < k + 1). */
        if (a != 0 && small_const(x->val[a], &k) && k != 127 && (!uns || k >= 0)) {
            push_rrb(x, cmp, t, b, imm_b(k + 1), LO_NOSYM);
            br.opc = br.opc == OP_BZ ? OP_BNZ : OP_BZ;
        } else {
            push_rrb(x, cmp, t, a, small_const(x->val[b], &k) ? imm_b(k) : reg_b(b), LO_NOSYM);
        }
    }
    br.ra = (uint8_t)t;
    push(x, br, sym);
}

/* rd = cond ? ra : rd without cmov: rd ^ ((rd ^ ra) & -cond). */
static void select_no_cmov(struct expander *x, struct vop o)
{
    push(x, (struct vop){.opc = OP_SETCC, .rd = SCRATCH0, .bmode = B_SHORT, .imm = o.imm},
         LO_NOSYM);
    push_rrb(x, OP_SUB, SCRATCH0, 0, reg_b(SCRATCH0), LO_NOSYM);
    push_rrb(x, OP_XOR, SCRATCH1, o.rd, reg_b(o.ra), LO_NOSYM);
    push_rrb(x, OP_AND, SCRATCH1, SCRATCH1, reg_b(SCRATCH0), LO_NOSYM);
    push_rrb(x, OP_XOR, o.rd, o.rd, reg_b(SCRATCH1), LO_NOSYM);
}

/* A left and a right shift by the same 16 or 24: an extension. */
static bool extension(struct expander *x, const struct vop *o)
{
    struct sched *s = x->s;
    uint32_t d = x->def[o->ra];
    if ((o->opc != OP_SRL && o->opc != OP_SRA) || o->bmode != B_SHORT || d == NONE)
        return false;
    const struct vop *l = &s->x[d].op;
    if (l->opc != OP_SLL || l->bmode != B_SHORT || l->imm != o->imm ||
        (o->imm != 16 && o->imm != 24))
        return false;
    unsigned src = l->ra;
    bool alone = o->rd == o->ra && !(x->used >> o->ra & 1);
    if (src == o->ra ? !alone : x->def[src] != NONE && x->def[src] > d)
        return false;
    if (alone)
        s->x[d].op = (struct vop){.opc = OP_NOP};
    bool half = o->imm == 16;
    unsigned opc = o->opc == OP_SRL ? (half ? OP_ZEXT16 : OP_ZEXT8) : (half ? OP_SEXT16 : OP_SEXT8);
    push(x, (struct vop){.opc = (uint8_t)opc, .rd = o->rd, .ra = (uint8_t)src}, LO_NOSYM);
    return true;
}

/* A constant or address in rd that this add completes, or to which it adds an index: one op instead
 * of two. */
static bool folded_add(struct expander *x, const struct vop *o, uint32_t sym)
{
    if (o->opc != OP_ADD || o->rd != o->ra || sym != LO_NOSYM)
        return false;
    uint32_t d = x->def[o->ra];
    if (d == NONE || (x->used >> o->ra & 1))
        return false;
    struct sched_op *m = &x->s->x[d];
    if (m->op.opc != OP_MOV || m->op.bmode == B_REG)
        return false;
    struct vop n = m->op;
    uint32_t nsym = m->sym;
    if (o->bmode != B_REG) {
        n.imm = (int32_t)((uint32_t)n.imm + (uint32_t)o->imm);
        if (nsym == LO_NOSYM)
            n.bmode = bmode_for(n.imm);
    } else {
        if (o->rb == o->ra)
            return false;
        n.opc = OP_ADD;
        n.ra = o->rb;
    }
    m->op = (struct vop){.opc = OP_NOP};
    m->sym = LO_NOSYM;
    push(x, n, nsym);
    return true;
}

static void op(struct expander *x, struct vop o, uint32_t sym)
{
    const struct mdesc *m = x->s->m;
    unsigned f = op_table[o.opc].format;
    int32_t k;
    if (o.opc == OP_NOP || extension(x, &o) || folded_add(x, &o, sym))
        return;
    if ((f == FMT_RRB || f == FMT_RRBX) && o.bmode == B_REG && small_const(x->val[o.rb], &k)) {
        o.bmode = B_SHORT;
        o.imm = k;
        o.rb = 0;
    }
    if (o.opc == OP_AND && o.bmode != B_REG && sym == LO_NOSYM &&
        (o.imm == 0xff || o.imm == 0xffff)) {
        o = (struct vop){.opc = o.imm == 0xff ? OP_ZEXT8 : OP_ZEXT16, .rd = o.rd, .ra = o.ra};
    } else if (f == FMT_LOAD || f == FMT_STORE) {
        bool zero = o.bmode == B_REG ? o.rb == 0 : o.imm == 0 && sym == LO_NOSYM;
        if (!zero && !m->cap_disp) {
            access_no_disp(x, o, sym, f == FMT_LOAD);
            return;
        }
        if (zero)
            o.bmode = B_SHORT, o.imm = 0, o.rb = 0;
    } else if (f == FMT_BRRR && !m->cap_cmpbr) {
        branch_no_cmp(x, o, sym);
        return;
    } else if (o.opc == OP_CMOV && !m->cap_select) {
        select_no_cmov(x, o);
        return;
    }
    push(x, o, sym);
}

/* Drops ops whose results are overwritten unread; r3 and r4 die with the block. */
static void drop_dead(struct sched *s)
{
    uint64_t live = ~((uint64_t)1 << SCRATCH0 | (uint64_t)1 << SCRATCH1);
    uint32_t to = s->n;
    for (uint32_t i = s->n; i-- > 0;) {
        const struct vop *o = &s->x[i].op;
        struct op_regs r = op_regs(o);
        unsigned order = op_table[o->opc].order;
        bool free_op = (order == ORD_FREE || order == ORD_NLD) && !r.writes_cc;
        if (o->opc == OP_NOP || (free_op && r.writes && !(r.writes & live)))
            continue;
        live = (live & ~r.writes) | r.reads;
        s->x[--to] = s->x[i];
    }
    memmove(s->x, s->x + to, (s->n - to) * sizeof *s->x);
    s->n -= to;
}

void expand_block(struct sched *s, uint32_t start, uint32_t end, bool short_branch)
{
    struct expander x = {.s = s};
    for (unsigned i = 0; i < NGPR; i++) {
        x.val[i] = (struct value){i, 0};
        x.def[i] = NONE;
    }
    x.val[0] = (struct value){PLACE_CONST, 0};
    s->n = 0;
    for (uint32_t i = start; i < end; i++) {
        struct vop o = s->lo->op[i].op;
        if (sched_is_branch(o.opc))
            o.bmode = short_branch ? B_SHORT : B_LONG;
        op(&x, o, s->lo->op[i].sym);
    }
    drop_dead(s);
}

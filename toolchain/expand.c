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
    uint64_t used;      /* registers read, or wanted behind a branch, since then */
    unsigned turn;      /* scratch registers take turns */
    uint32_t at, end;   /* the linear op under work, and the block's end */
    uint32_t live;      /* wanted behind the block */
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
    *d = (struct sched_op){o, sym, PLACE_ANY, 0, 4, 0, x->at};
    if (info->order == ORD_CTL && sym != LO_NOSYM && s->lo->sym[sym].section == LO_TEXT)
        d->live = s->before[s->lo->sym[sym].value];
    else if (info->order == ORD_CTL)
        d->live = ~0u;
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
    if (info->order == ORD_CTL) /* what its other way wants is used, too */
        x->used |= d->live | ~(uint64_t)0 << GUEST_REG0;
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
        bool own = load && op_table[o.opc].format == FMT_LOAD; /* rd is a register of this kind */
        r = own && o.rd != 0 && o.rd < 32 ? o.rd : scratch(x);
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

static void op(struct expander *x, struct vop o, uint32_t sym);

/* Nothing behind the op under work reads r before it is written again. */
static bool dead_behind(const struct expander *x, unsigned r)
{
    const struct lo *lo = x->s->lo;
    if (r >= GUEST_REG0)
        return false;
    for (uint32_t i = x->at + 1; i < x->end; i++) {
        const struct lo_op *o = &lo->op[i];
        struct op_regs regs = op_regs(&o->op);
        if (o->op.opc == LO_COMMIT)
            continue;
        if (regs.reads >> r & 1)
            return false;
        if (op_table[o->op.opc].order == ORD_CTL && i + 1 < x->end &&
            (o->sym == LO_NOSYM || lo->sym[o->sym].section != LO_TEXT ||
             (x->s->before[lo->sym[o->sym].value] >> r & 1)))
            return false;
        if (regs.writes >> r & 1)
            return true;
    }
    return !(x->live >> r & 1);
}

/* The constant or address that r holds, if the op that put it there serves only the op under work.
 */
static struct sched_op *only_use(struct expander *x, unsigned r, bool overwritten)
{
    uint32_t d = x->def[r];
    if (r == 0 || d == NONE || (x->used >> r & 1))
        return NULL;
    struct sched_op *m = &x->s->x[d];
    if (m->op.opc != OP_MOV || m->op.bmode == B_REG || !(overwritten || dead_behind(x, r)))
        return NULL;
    return m;
}

static struct vop take_constant(struct expander *x, struct sched_op *m, uint32_t *sym)
{
    struct vop v = m->op;
    *sym = m->sym;
    x->val[v.rd] = (struct value){FRESH + x->fresh++, 0}; /* it never arrives there */
    x->def[v.rd] = NONE;
    m->op = (struct vop){.opc = OP_NOP};
    m->sym = LO_NOSYM;
    return v;
}

/*
 * A constant that is made for one op alone goes into that op: the second half of a constant, an
 * index added to a table, an operand too large for RISC-V.
 */
static bool folded(struct expander *x, struct vop o, uint32_t sym)
{
    unsigned f = op_table[o.opc].format;
    struct sched_op *m;
    struct vop c;
    if (f == FMT_RRB && o.bmode == B_REG) {
        bool commutes = o.opc == OP_ADD || o.opc == OP_AND || o.opc == OP_OR || o.opc == OP_XOR ||
                        o.opc == OP_MUL;
        if (o.ra == o.rb)
            return false;
        if ((m = only_use(x, o.rb, o.rd == o.rb))) {
            c = take_constant(x, m, &sym);
        } else if (commutes && (m = only_use(x, o.ra, o.rd == o.ra))) {
            c = take_constant(x, m, &sym);
            o.ra = o.rb;
        } else {
            return false;
        }
        o.bmode = c.bmode;
        o.imm = c.imm;
        o.rb = 0;
        op(x, o, sym);
        return true;
    }
    if (o.bmode == B_REG || sym != LO_NOSYM)
        return false;
    if (o.opc == OP_ADD && (m = only_use(x, o.ra, o.rd == o.ra))) {
        c = take_constant(x, m, &sym);
        o = (struct vop){
            .opc = OP_MOV, .rd = o.rd, .imm = (int32_t)((uint32_t)c.imm + (uint32_t)o.imm)};
        o.bmode = sym != LO_NOSYM ? (uint8_t)B_LONG : bmode_for(o.imm);
        push(x, o, sym);
        return true;
    }
    bool load = f == FMT_LOAD, store = f == FMT_STORE, wide = f == FMT_WLOAD || f == FMT_WSTORE;
    /* Without displacements it helps only if there is one. */
    if ((load || store || wide) && (x->s->m->cap_disp || o.imm) && !(store && o.rd == o.ra) &&
        (m = only_use(x, o.ra, load && o.rd == o.ra))) {
        c = take_constant(x, m, &sym);
        o.ra = 0;
        o.imm = (int32_t)((uint32_t)c.imm + (uint32_t)o.imm);
        o.bmode = sym != LO_NOSYM ? (uint8_t)B_LONG : bmode_for(o.imm);
        op(x, o, sym);
        return true;
    }
    return false;
}

static void op(struct expander *x, struct vop o, uint32_t sym)
{
    const struct mdesc *m = x->s->m;
    unsigned f = op_table[o.opc].format;
    int32_t k;
    if (o.opc == OP_NOP || extension(x, &o) || folded(x, o, sym))
        return;
    if ((f == FMT_RRB || f == FMT_RRBX) && o.bmode == B_REG && small_const(x->val[o.rb], &k)) {
        o.bmode = B_SHORT;
        o.imm = k;
        o.rb = 0;
    }
    if (o.opc == OP_AND && o.bmode != B_REG && sym == LO_NOSYM &&
        (o.imm == 0xff || o.imm == 0xffff)) {
        o = (struct vop){.opc = o.imm == 0xff ? OP_ZEXT8 : OP_ZEXT16, .rd = o.rd, .ra = o.ra};
    } else if (f == FMT_LOAD || f == FMT_STORE || f == FMT_WLOAD || f == FMT_WSTORE) {
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

/* Drops ops whose results are not wanted; r3 and r4 die with the block. */
static void drop_dead(struct sched *s, uint32_t wanted)
{
    const uint64_t guest = ~(uint64_t)0 << GUEST_REG0;
    uint64_t live = wanted | guest;
    uint32_t to = s->n;
    for (uint32_t i = s->n; i-- > 0;) {
        const struct vop *o = &s->x[i].op;
        struct op_regs r = op_regs(o);
        unsigned order = op_table[o->opc].order;
        bool free_op = (order == ORD_FREE || order == ORD_NLD) && !r.writes_cc;
        if (o->opc == OP_NOP || (free_op && !(r.writes & live)))
            continue;
        if (order == ORD_CTL && i + 1 < s->n)
            live |= s->x[i].live | guest;
        live = (live & ~r.writes) | r.reads;
        s->x[--to] = s->x[i];
    }
    memmove(s->x, s->x + to, (s->n - to) * sizeof *s->x);
    s->n -= to;
}

void expand_block(struct sched *s, uint32_t start, uint32_t end, uint32_t live)
{
    struct expander x = {.s = s, .end = end, .live = live};
    for (unsigned i = 0; i < NGPR; i++) {
        x.val[i] = (struct value){i, 0};
        x.def[i] = NONE;
    }
    x.val[0] = (struct value){PLACE_CONST, 0};
    s->n = 0;
    for (uint32_t i = start; i < end; i++) {
        struct vop o = s->lo->op[i].op;
        if (o.opc == LO_COMMIT)
            continue; /* the block knows */
        if (sched_is_branch(o.opc))
            o.bmode = s->is_long[i] ? B_LONG : B_SHORT;
        x.at = i;
        op(&x, o, s->lo->op[i].sym);
    }
    live &= ~((uint32_t)1 << SCRATCH0 | (uint32_t)1 << SCRATCH1);
    drop_dead(s, live);
}

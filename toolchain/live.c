/* SPDX-License-Identifier: MIT */
/*
 * Which of r1 to r31 hold something that is still wanted, before every op of a program: backwards
 * over all blocks until nothing changes. The scheduler drops results that nobody wants, and may
 * begin work of a block above the branch that leads into it, if the branch's other way does not
 * want what that work overwrites. r32 to r63 (the guest's) and the condition codes always count as
 * wanted.
 *
 * A call wants what its function wants, and what is wanted behind it: the compiler may well keep a
 * value in a temporary register across the call of a function that it knows to leave it alone. An
 * indirect call wants all arguments; a return wants results, stack and saved registers, by the
 * integer ABI. An indirect jump wants what the labels of its table want, if the table can be seen
 * in the same block; otherwise everything.
 */
#include "toolchain/sched.h"

#define BIT(r)      ((uint32_t)1 << (r))
#define RANGE(a, b) (BIT(b) - BIT(a) + BIT(b))
enum { NONE = 0xffffffffu };

static const uint32_t args = RANGE(10, 17), results = RANGE(10, 11), sp = BIT(2);
static const uint32_t saved = RANGE(8, 9) | RANGE(18, 27);
static const uint32_t everything = ~(uint32_t)(BIT(0) | BIT(3) | BIT(4));

struct live {
    const struct lo *lo;
    uint32_t *before;                /* by op, and one for the end */
    uint32_t *reloc_at[LO_SECTIONS]; /* by word of rodata and data: relocation or NONE */
    uint8_t *label_at[LO_SECTIONS];  /* a symbol begins in this word */
};

static void index_tables(struct live *l)
{
    const struct lo *lo = l->lo;
    for (unsigned s = LO_RODATA; s <= LO_DATA; s++) {
        uint32_t words = lo->size[s] / 4 + 1;
        l->reloc_at[s] = vec_alloc(NULL, words * sizeof(uint32_t));
        memset(l->reloc_at[s], 0xff, words * sizeof(uint32_t));
        l->label_at[s] = vec_alloc(NULL, words);
        memset(l->label_at[s], 0, words);
    }
    for (uint32_t i = 0; i < lo->nrelocs; i++)
        if ((lo->reloc[i].offset & 3) == 0)
            l->reloc_at[lo->reloc[i].section][lo->reloc[i].offset / 4] = i;
    for (uint32_t i = 0; i < lo->nsyms; i++)
        if (lo->sym[i].section == LO_RODATA || lo->sym[i].section == LO_DATA)
            l->label_at[lo->sym[i].section][lo->sym[i].value / 4] = 1;
}

/* The last op in [start, i) that writes r, or NONE. */
static uint32_t writer(const struct lo *lo, uint32_t start, uint32_t i, unsigned r)
{
    while (i-- > start)
        if (lo->op[i].op.opc < OP_COUNT_ && (op_regs(&lo->op[i].op).writes >> r & 1))
            return i;
    return NONE;
}

/* What the labels of the jump table want that the jump at i goes through; everything if that cannot
 * be seen. */
static uint32_t jump_table(const struct live *l, uint32_t start, uint32_t i)
{
    const struct lo *lo = l->lo;
    uint32_t d = writer(lo, start, i, lo->op[i].op.ra), want = 0;
    if (d == NONE || lo->op[d].op.opc != OP_LW || lo->op[d].op.bmode != B_SHORT)
        return everything;
    uint32_t a = writer(lo, start, d, lo->op[d].op.ra), m = NONE;
    if (a == NONE || lo->op[a].op.opc != OP_ADD || lo->op[a].op.bmode != B_REG)
        return everything;
    for (unsigned side = 0; side < 2; side++) {
        uint32_t k = writer(lo, start, a, side ? lo->op[a].op.rb : lo->op[a].op.ra);
        if (k != NONE && lo->op[k].op.opc == OP_MOV && lo->op[k].sym != LO_NOSYM)
            m = k;
    }
    if (m == NONE)
        return everything;
    const struct lo_sym *t = &lo->sym[lo->op[m].sym];
    uint32_t at = t->value + (uint32_t)lo->op[m].op.imm + (uint32_t)lo->op[d].op.imm;
    if ((t->section != LO_RODATA && t->section != LO_DATA) || (at & 3) || at != t->value)
        return everything;
    for (uint32_t w = at / 4; w < lo->size[t->section] / 4; w++) {
        uint32_t r = l->reloc_at[t->section][w];
        if (r == NONE || (w != at / 4 && l->label_at[t->section][w]))
            break;
        const struct lo_sym *to = &lo->sym[lo->reloc[r].sym];
        if (to->section != LO_TEXT || (to->flags & (LO_FUNC | LO_GLOBAL)))
            return everything;
        want |= l->before[to->value];
        if (w == at / 4)
            want |= BIT(0); /* seen one */
    }
    return want & BIT(0) ? want & ~BIT(0) : everything;
}

/* What is wanted behind op i, the last of its block; not for jumps through tables. */
static uint32_t behind(const struct lo *lo, const uint32_t *before, uint32_t i)
{
    const struct vop *o = &lo->op[i].op;
    uint32_t sym = lo->op[i].sym, to = everything;
    if (o->opc == LO_COMMIT || op_table[o->opc].order != ORD_CTL)
        return before[i + 1];
    if (sym != LO_NOSYM && lo->sym[sym].section == LO_TEXT)
        to = before[lo->sym[sym].value];
    switch (o->opc) {
    case OP_JAL:
        return o->rd == 0 ? to : o->rd == 1 ? to | sp | (before[i + 1] & ~BIT(1)) : everything;
    case OP_JALR:
        if (o->rd)
            return o->rd == 1 ? args | sp | (before[i + 1] & ~BIT(1)) : everything;
        return o->ra == 1 ? results | sp | saved : everything;
    case OP_JTLB:
    case OP_EXIT:
    case OP_RFE:
    case OP_RAISE: return everything;
    default: return to | before[i + 1];
    }
}

void live_find(const struct lo *lo, const uint8_t *leader, uint32_t **before_out,
               uint32_t **behind_out)
{
    struct live l = {.lo = lo};
    VEC(uint32_t) start = {0};
    l.before = vec_alloc(NULL, (lo->nops + 1) * sizeof(uint32_t));
    memset(l.before, 0, (lo->nops + 1) * sizeof(uint32_t));
    l.before[lo->nops] = everything;
    *before_out = l.before;
    *behind_out = vec_alloc(NULL, (lo->nops + 1) * sizeof(uint32_t));
    memset(*behind_out, 0xff, (lo->nops + 1) * sizeof(uint32_t));
    index_tables(&l);
    /* What each block reads before it writes it, and what it writes. */
    VEC(struct op_regs) sum = {0};
    for (uint32_t i = 0; i < lo->nops; i++) {
        if (i == 0 || leader[i]) {
            struct op_regs none = {0};
            vec_push(&start, i);
            vec_push(&sum, none);
        }
        if (lo->op[i].op.opc == LO_COMMIT)
            continue;
        struct op_regs r = op_regs(&lo->op[i].op), *s = &sum.v[sum.n - 1];
        s->reads |= r.reads & ~s->writes;
        s->writes |= r.writes;
    }
    vec_push(&start, lo->nops);
    bool again = sum.n > 0;
    while (again) {
        again = false;
        for (uint32_t b = sum.n; b-- > 0;) {
            uint32_t last = start.v[b + 1] - 1, out;
            const struct vop *o = &lo->op[last].op;
            if (o->opc == OP_JALR && o->rd == 0 && o->ra != 1)
                out = jump_table(&l, start.v[b], last);
            else
                out = behind(lo, l.before, last);
            (*behind_out)[last] = out;
            uint32_t in =
                ((uint32_t)sum.v[b].reads | (out & ~(uint32_t)sum.v[b].writes)) & everything;
            if (in != l.before[start.v[b]]) {
                l.before[start.v[b]] = in;
                again = true;
            }
        }
    }
    for (unsigned s = LO_RODATA; s <= LO_DATA; s++) {
        free(l.reloc_at[s]);
        free(l.label_at[s]);
    }
    vec_free(&start);
    vec_free(&sum);
}

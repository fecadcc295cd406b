/* SPDX-License-Identifier: MIT */
/*
 * Building IR: records, folding, common subexpressions, homes. See ir.h for what the IR is.
 *
 * Rules for adding a fold: it must hold for all 32-bit values, must not make the record more
 * expensive (an immediate that was short must not become long without removing a record), and may
 * only look at the record an operand names, never search. The table of pure values is direct-mapped
 * and forgets: a miss costs a record, never correctness.
 */
#include "morpher/ir.h"

const struct ir_cc ir_cc_table[OP_COUNT_] = {
#define IR_CC(op, plain, must, may, read) [OP_##op] = {OP_##plain, must, may, read},
#include "morpher/ir.def"
#undef IR_CC
};

const uint16_t ir_cond_flags[16] = {
    [CC_O] = F_OF,
    [CC_NO] = F_OF,
    [CC_B] = F_CF,
    [CC_AE] = F_CF,
    [CC_E] = F_ZF,
    [CC_NE] = F_ZF,
    [CC_BE] = F_CF | F_ZF,
    [CC_A] = F_CF | F_ZF,
    [CC_S] = F_SF,
    [CC_NS] = F_SF,
    [CC_P] = F_PF,
    [CC_NP] = F_PF,
    [CC_L] = F_SF | F_OF,
    [CC_GE] = F_SF | F_OF,
    [CC_LE] = F_SF | F_OF | F_ZF,
    [CC_G] = F_SF | F_OF | F_ZF,
};

struct ir_cc ir_cc_effect(const struct ir *r)
{
    struct ir_cc e = ir_cc_table[r->op];
    if (e.may) {
        if (r->op == OP_WRCC) {
            e.must = e.may = (uint16_t)(r->imm & F_ALL);
        } else if (op_table[r->op].unit == UNIT_SHIFT && !(r->flags & IRF_IMM) &&
                   op_table[r->op].format != FMT_RRX && r->op != OP_BTF) {
            e.must = 0; /* the count may be 0 */
        }
    } else if (r->op == OP_SETCC || r->op == OP_CMOV) {
        e.read = ir_cond_flags[r->imm & 15];
    } else if (r->op == OP_BRCC || r->op == OP_TRAPIF) {
        e.read = ir_cond_flags[r->home & 15];
    } else if (r->op == OP_RDCC) {
        e.read = (uint16_t)(r->imm & F_ALL);
    }
    return e;
}

void ir_begin(struct ir_group *g, const struct mdesc *m)
{
    g->m = m;
    g->n = IR_BODY;
    g->insn = 0;
    g->stores = 0;
    g->changed = 0;
    for (uint32_t i = 0; i < IR_NENTRY; i++) {
        g->cur[i] = (uint16_t)ir_entry(i);
        g->last_read[ir_entry(i)] = 0;
    }
    for (uint32_t i = 0; i < IR_CSE / 2; i++)
        g->cse[i] = 0;
}

static inline uint32_t append(struct ir_group *g, uint32_t op, uint32_t flags, uint32_t a,
                              uint32_t b, uint32_t c, int32_t imm)
{
    uint32_t n = g->n;
    struct ir *r = &g->r[n];
    g->n = n + 1;
    r->op = (uint8_t)op;
    r->flags = (uint8_t)flags;
    r->home = 0;
    r->insn = (uint8_t)g->insn;
    r->a = (uint16_t)a;
    r->b = (uint16_t)b;
    r->c = (uint16_t)c;
    r->imm = imm;
    g->last_read[a] = (uint16_t)n;
    g->last_read[b] = (uint16_t)n;
    g->last_read[c] = (uint16_t)n;
    return n;
}

uint32_t ir_emit(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b, uint32_t c)
{
    return append(g, op, 0, a, b, c, 0);
}

uint32_t ir_emiti(struct ir_group *g, uint32_t op, uint32_t a, int32_t imm, uint32_t c)
{
    return append(g, op, IRF_IMM, a, 0, c, imm);
}

/* Finds a pure value or makes it. */
static uint32_t pure(struct ir_group *g, uint32_t op, uint32_t flags, uint32_t a, uint32_t b,
                     int32_t imm)
{
    uint32_t h = (op ^ a << 2 ^ b << 3 ^ (uint32_t)imm ^ (uint32_t)imm >> 6) & (IR_CSE - 1);
    uint16_t *cse = (uint16_t *)g->cse;
    uint32_t i = cse[h];
    if (i) {
        const struct ir *r = &g->r[i];
        if (r->op == op && r->a == a && r->imm == imm && r->b == b && r->flags == flags)
            return i;
    }
    i = append(g, op, flags, a, b, 0, imm);
    cse[h] = (uint16_t)i;
    return i;
}

bool ir_is_const(const struct ir_group *g, uint32_t ref, int32_t *k)
{
    const struct ir *r = &g->r[ref];
    if (ref == IR_ZERO) {
        *k = 0;
        return true;
    }
    *k = r->imm;
    return r->op == OP_MOV && (r->flags & IRF_IMM);
}

uint32_t ir_const(struct ir_group *g, int32_t k)
{
    return k == 0 ? IR_ZERO : pure(g, OP_MOV, IRF_IMM, 0, 0, k);
}

uint32_t ir_addi(struct ir_group *g, uint32_t a, int32_t k)
{
    const struct ir *r = &g->r[a];
    if (k == 0)
        return a;
    if (a == IR_ZERO)
        return ir_const(g, k);
    if (r->flags & IRF_IMM) {
        int32_t sum = (int32_t)((uint32_t)r->imm + (uint32_t)k);
        if (r->op == OP_MOV)
            return ir_const(g, sum);
        if (r->op == OP_ADD) {
            if (sum == 0)
                return r->a;
            return pure(g, OP_ADD, IRF_IMM, r->a, 0, sum);
        }
    }
    return pure(g, OP_ADD, IRF_IMM, a, 0, k);
}

uint32_t ir_add(struct ir_group *g, uint32_t a, uint32_t b)
{
    int32_t k;
    if (ir_is_const(g, b, &k))
        return ir_addi(g, a, k);
    if (ir_is_const(g, a, &k))
        return ir_addi(g, b, k);
    return a < b ? pure(g, OP_ADD, 0, a, b, 0) : pure(g, OP_ADD, 0, b, a, 0);
}

uint32_t ir_bin(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b)
{
    int32_t k;
    if (ir_is_const(g, b, &k))
        return ir_bini(g, op, a, k);
    return pure(g, op, 0, a, b, 0);
}

uint32_t ir_bini(struct ir_group *g, uint32_t op, uint32_t a, int32_t imm)
{
    int32_t k;
    switch (op) {
    case OP_ADD: return ir_addi(g, a, imm);
    case OP_SUB: return ir_addi(g, a, (int32_t)(0u - (uint32_t)imm));
    case OP_SLL:
    case OP_SRL:
    case OP_SRA:
        if ((imm & 31) == 0)
            return a;
        break;
    case OP_OR:
    case OP_XOR:
        if (imm == 0)
            return a;
        break;
    case OP_AND:
        if (imm == 0)
            return IR_ZERO;
        if (imm == -1)
            return a;
        if (imm == 0xff)
            return ir_un(g, OP_ZEXT8, a);
        if (imm == 0xffff)
            return ir_un(g, OP_ZEXT16, a);
        break;
    default: break;
    }
    if (ir_is_const(g, a, &k)) {
        switch (op) {
        case OP_SLL: return ir_const(g, (int32_t)((uint32_t)k << (imm & 31)));
        case OP_SRL: return ir_const(g, (int32_t)((uint32_t)k >> (imm & 31)));
        case OP_AND: return ir_const(g, k & imm);
        case OP_OR: return ir_const(g, k | imm);
        case OP_XOR: return ir_const(g, k ^ imm);
        default: break;
        }
    }
    return pure(g, op, IRF_IMM, a, 0, imm);
}

uint32_t ir_width(const struct ir *r)
{
    switch (r->op) {
    case OP_GLD8:
    case OP_ZEXT8:
    case OP_EXT8H: return 8;
    case OP_SETCC:
    case OP_SLT:
    case OP_SLTU: return 1;
    case OP_GLD16:
    case OP_ZEXT16: return 16;
    default: return 32;
    }
}

uint32_t ir_un(struct ir_group *g, uint32_t op, uint32_t a)
{
    const struct ir *r = &g->r[a];
    switch (op) {
    case OP_ZEXT8:
        if (ir_width(r) <= 8)
            return a;
        break;
    case OP_ZEXT16:
        if (ir_width(r) <= 16)
            return a;
        break;
    case OP_SEXT8:
        if (r->op == OP_GLD8S || r->op == OP_SEXT8)
            return a;
        break;
    case OP_SEXT16:
        if (ir_width(r) <= 8 || r->op == OP_GLD8S || r->op == OP_GLD16S || r->op == OP_SEXT8 ||
            r->op == OP_SEXT16)
            return a;
        break;
    default: break;
    }
    return pure(g, op, 0, a, 0, 0);
}

/*
 * A tied op overwrites the register of c, so c must be a value of its own. The mov is removed in
 * ir_commit where the result goes to the guest register that c came from.
 */
uint32_t ir_tied(struct ir_group *g, uint32_t op, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t copy = append(g, OP_MOV, 0, 0, c, 0, 0);
    return append(g, op, 0, a, b, copy, 0);
}

uint32_t ir_tiedi(struct ir_group *g, uint32_t op, uint32_t a, int32_t imm, uint32_t c)
{
    uint32_t copy = append(g, OP_MOV, 0, 0, c, 0, 0);
    return append(g, op, IRF_IMM, a, 0, copy, imm);
}

uint32_t ir_select(struct ir_group *g, uint32_t cond, uint32_t a, uint32_t c)
{
    if (a == c)
        return c;
    if (g->m->cap_select)
        return ir_tiedi(g, OP_CMOV, a, (int32_t)cond, c);
    /* c ^ ((a ^ c) & -cond) */
    uint32_t bit = append(g, OP_SETCC, IRF_IMM, 0, 0, 0, (int32_t)cond);
    uint32_t mask = append(g, OP_SUB, 0, IR_ZERO, bit, 0, 0);
    uint32_t diff = pure(g, OP_XOR, 0, a, c, 0);
    uint32_t part = append(g, OP_AND, 0, diff, mask, 0, 0);
    return append(g, OP_XOR, 0, c, part, 0, 0);
}

struct ir_addr ir_address(struct ir_group *g, uint32_t a, int32_t disp)
{
    if (g->m->cap_disp) {
        const struct ir *r = &g->r[a];
        if (r->op == OP_ADD && (r->flags & IRF_IMM))
            return (struct ir_addr){r->a, (int32_t)((uint32_t)disp + (uint32_t)r->imm)};
        return (struct ir_addr){a, disp};
    }
    return (struct ir_addr){ir_addi(g, a, disp), 0};
}

uint32_t ir_load(struct ir_group *g, uint32_t op, struct ir_addr at)
{
    return append(g, op, IRF_IMM, at.a, 0, 0, at.disp);
}

void ir_store(struct ir_group *g, uint32_t op, struct ir_addr at, uint32_t datum)
{
    append(g, op, IRF_IMM, at.a, 0, datum, at.disp);
    g->stores++;
}

void ir_wide(struct ir_group *g, uint32_t op, struct ir_addr at, uint32_t w)
{
    uint32_t i = append(g, op, IRF_IMM, at.a, 0, 0, at.disp);
    g->r[i].wide = (uint8_t)w;
    /* Counted for room in the store buffer, two entries each: see gear1.c. */
    if (op_table[op].format == FMT_WSTORE)
        g->stores += op == OP_GSTQ ? 2 : 1;
}

uint32_t ir_float(struct ir_group *g, uint32_t op, uint32_t rd, uint32_t ra, uint32_t b)
{
    uint32_t i = append(g, op, IRF_IMM, 0, 0, 0, (int8_t)b);
    g->r[i].wide = (uint8_t)rd;
    g->r[i].wide_a = (uint8_t)ra;
    return i;
}

struct ir_access ir_access(const struct ir_group *g, uint32_t i)
{
    const struct ir *r = &g->r[i], *b = &g->r[r->a];
    struct ir_access x = {r->a, r->imm, 4};
    if ((b->flags & IRF_IMM) && (b->op == OP_ADD || b->op == OP_ADDF32 || b->op == OP_MOV)) {
        x.base = b->op == OP_MOV ? IR_ZERO : b->a;
        x.off = (int32_t)((uint32_t)x.off + (uint32_t)b->imm);
    }
    switch (r->op) {
    case OP_GLD8:
    case OP_GLD8S:
    case OP_GST8: x.size = 1; break;
    case OP_GLD16:
    case OP_GLD16S:
    case OP_GST16: x.size = 2; break;
    case OP_GLDW:
    case OP_GLDWZ:
    case OP_GSTW: x.size = 8; break;
    case OP_GLDQ:
    case OP_GSTQ:
    case OP_GLDQA:
    case OP_GSTQA: x.size = 16; break;
    default: break;
    }
    return x;
}

/*
 * The last record that reads what guest register reg held on entry, seen from record i, which would
 * write it. The flag-setting twin of i does not count: it will be gone, or be i itself.
 */
static uint32_t last_reader(const struct ir_group *g, uint32_t reg, uint32_t i)
{
    uint32_t read = g->last_read[ir_entry(reg)];
    return read == i + 1 && (g->r[read].flags & IRF_TWIN) ? i : read;
}

/* Whether the record can write guest register reg itself; then it does. */
static bool give_home(struct ir_group *g, uint32_t i, uint32_t reg)
{
    struct ir *r = &g->r[i];
    uint32_t read = last_reader(g, reg, i);
    if (r->home)
        return false;
    if (!(ir_op[r->op] & OI_TIED)) {
        if (read > i)
            return false;
        r->home = (uint8_t)(GUEST_REG0 + reg);
        return true;
    }
    /* The mov in front of a tied op shares its register, or goes away. */
    struct ir *copy = &g->r[r->c];
    if (read > r->c)
        return false;
    if (copy->b == ir_entry(reg)) {
        copy->op = OP_NOP;
        r->c = (uint16_t)ir_entry(reg);
    } else {
        copy->home = (uint8_t)(GUEST_REG0 + reg);
    }
    r->home = (uint8_t)(GUEST_REG0 + reg);
    return true;
}

/*
 * First, values that no record can write in place get one that can: the entry value of another
 * register, a sum whose register is read afterwards. That reads entry values for the last time.
 * Then each value is given its home, or a mov.
 */
void ir_commit(struct ir_group *g)
{
    uint32_t todo = g->changed;
    uint16_t value[IR_NENTRY];
    /* The branch reads last: what a changed register held on entry is gone by then. */
    if (g->end.ref - 1u < IR_NENTRY && g->cur[g->end.ref - 1] != g->end.ref)
        g->end.ref = (uint16_t)append(g, OP_MOV, 0, 0, g->end.ref, 0, 0);
    for (uint32_t reg = 0; reg < IR_NENTRY; reg++) {
        uint32_t v = g->cur[reg];
        if (!(todo >> reg & 1))
            continue;
        if (v == ir_entry(reg)) {
            todo &= ~(1u << reg);
            continue;
        }
        const struct ir *r = &g->r[v];
        if (v < IR_BODY)
            v = append(g, OP_MOV, 0, 0, v, 0, 0);
        else if ((r->flags & IRF_IMM) && (r->op == OP_ADD || r->op == OP_MOV) &&
                 (r->home || last_reader(g, reg, v) > v))
            v = append(g, r->op, IRF_IMM, r->a, 0, 0, r->imm);
        value[reg] = (uint16_t)v;
    }
    for (uint32_t reg = 0; todo >> reg; reg++) {
        if (!(todo >> reg & 1) || give_home(g, value[reg], reg))
            continue;
        uint32_t v = append(g, OP_MOV, 0, 0, value[reg], 0, 0);
        g->r[v].home = (uint8_t)(GUEST_REG0 + reg);
    }
}

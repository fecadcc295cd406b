/* SPDX-License-Identifier: MIT */
/*
 * Instructions to linear ops. The operands of an op follow from its format in ops.def, so an op
 * added there is read here with no further line. Pseudo-instructions are a table of their own: how
 * their operands are written, and the op they stand for.
 */
#include "toolchain/asm_int.h"
#include "vliw-model/disasm.h"

enum pseudo {
    P_CONST,   /* rd, expr            mov */
    P_LUI,     /* rd, 20 bits         mov */
    P_RRI,     /* rd, ra, expr        the op */
    P_UN_IMM,  /* rd, ra              op rd, ra, imm */
    P_UN_ZERO, /* rd, rs              op rd, r0, rs */
    P_SWAP,    /* rd, rs, rt          op rd, rt, rs */
    P_BR,      /* ra, target          op */
    P_BR_Z,    /* rs, target          op rs, r0 */
    P_BR_ZS,   /* rs, target          op r0, rs */
    P_BR_SWAP, /* rs, rt, target      op rt, rs */
    P_JUMP,    /* target              jal imm */
    P_JR,      /* rs                  jalr r0, 0(rs) */
    P_RET,
    P_TRAP,
    P_NOTHING, /* ordering that this machine has anyway */
    P_COMMIT
};

struct mnemonic {
    const char *name;
    uint8_t pseudo; /* enum pseudo */
    uint8_t op;
    int8_t imm;
};

static const struct mnemonic pseudos[] = {
    {"li", P_CONST, OP_MOV, 0},      {"la", P_CONST, OP_MOV, 0},      {"lla", P_CONST, OP_MOV, 0},
    {"mv", P_CONST, OP_MOV, 0},      {"lui", P_LUI, OP_MOV, 0},       {"addi", P_RRI, OP_ADD, 0},
    {"andi", P_RRI, OP_AND, 0},      {"ori", P_RRI, OP_OR, 0},        {"xori", P_RRI, OP_XOR, 0},
    {"slli", P_RRI, OP_SLL, 0},      {"srli", P_RRI, OP_SRL, 0},      {"srai", P_RRI, OP_SRA, 0},
    {"slti", P_RRI, OP_SLT, 0},      {"sltiu", P_RRI, OP_SLTU, 0},    {"not", P_UN_IMM, OP_XOR, -1},
    {"seqz", P_UN_IMM, OP_SLTU, 1},  {"sltz", P_UN_IMM, OP_SLT, 0},   {"neg", P_UN_ZERO, OP_SUB, 0},
    {"snez", P_UN_ZERO, OP_SLTU, 0}, {"sgtz", P_UN_ZERO, OP_SLT, 0},  {"sgt", P_SWAP, OP_SLT, 0},
    {"sgtu", P_SWAP, OP_SLTU, 0},    {"beqz", P_BR, OP_BZ, 0},        {"bnez", P_BR, OP_BNZ, 0},
    {"bltz", P_BR_Z, OP_BLT, 0},     {"bgez", P_BR_Z, OP_BGE, 0},     {"bgtz", P_BR_ZS, OP_BLT, 0},
    {"blez", P_BR_ZS, OP_BGE, 0},    {"bgt", P_BR_SWAP, OP_BLT, 0},   {"ble", P_BR_SWAP, OP_BGE, 0},
    {"bgtu", P_BR_SWAP, OP_BLTU, 0}, {"bleu", P_BR_SWAP, OP_BGEU, 0}, {"j", P_JUMP, OP_JAL, 0},
    {"tail", P_JUMP, OP_JAL, 0},     {"call", P_JUMP, OP_JAL, 1},     {"jr", P_JR, OP_JALR, 0},
    {"ret", P_RET, OP_JALR, 0},      {"ebreak", P_TRAP, OP_HALT, 0},  {"unimp", P_TRAP, OP_HALT, 0},
    {"fence", P_NOTHING, OP_NOP, 0}, {"commit", P_COMMIT, OP_NOP, 0},
};

enum { TRAP_STATUS = 235 };

static uint32_t hash_of(const char *s, uint32_t n)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h ^ h >> 15;
}

enum { TABLE = 1024, PSEUDOS = sizeof pseudos / sizeof pseudos[0] };
_Static_assert(OP_COUNT_ + PSEUDOS < TABLE / 2, "the table of mnemonics is too full");

/* Entries: 0 empty, op + 1, or OP_COUNT_ + 1 + pseudo. Pseudos go first: `mv` and `mov` differ,
 * nothing else does. */
static const char *entry_name(unsigned e)
{
    return e > OP_COUNT_ ? pseudos[e - OP_COUNT_ - 1].name : op_table[e - 1].name;
}

static unsigned find(const char *s, uint32_t n)
{
    static uint16_t table[TABLE];
    static bool filled;
    for (unsigned e = 1; !filled && e <= OP_COUNT_ + PSEUDOS; e++) {
        const char *name = entry_name(e);
        uint32_t h = hash_of(name, (uint32_t)strlen(name));
        while (table[h % TABLE])
            h++;
        table[h % TABLE] = (uint16_t)e;
    }
    filled = true;
    for (uint32_t h = hash_of(s, n); table[h % TABLE]; h++)
        if (as_same(s, n, entry_name(table[h % TABLE])))
            return table[h % TABLE];
    return 0;
}

static uint8_t reg(struct as *a)
{
    as_blanks(a);
    const char *at = a->p;
    int r = as_try_reg(a);
    if (r == 3 || r == 4)
        as_error(a, "r3 and r4 (gp, tp) belong to the assembler");
    else if (r < 0 && at == a->end)
        as_error(a, "a register is missing at the end of the line");
    else if (r < 0)
        as_error(a, "a register expected before '%.*s'", as_rest(a), at);
    return a->failed ? 0 : (uint8_t)r;
}

static uint8_t wide_reg(struct as *a, int32_t most)
{
    as_blanks(a);
    if (!as_accept(a, 'w'))
        as_error(a, "a wide register expected before '%.*s'", as_rest(a), a->p);
    return a->failed ? 0 : (uint8_t)as_number(a, 0, most, "a wide register (w0 to w31)");
}

static uint8_t next_reg(struct as *a)
{
    as_expect(a, ',');
    return reg(a);
}

static void set_imm(struct as *a, struct vop *o, uint32_t *sym, struct as_expr e)
{
    if (e.sym == LO_NOSYM && (e.value < INT32_MIN || e.value > UINT32_MAX))
        as_error(a, "a number of more than 32 bits");
    o->imm = (int32_t)(uint32_t)e.value;
    o->bmode = e.sym != LO_NOSYM                 ? (uint8_t)B_LONG
               : o->imm >= -128 && o->imm <= 127 ? B_SHORT
                                                 : B_LONG;
    *sym = e.sym;
}

/* Operand b: a register, a number, or a symbol with an offset. */
static void operand_b(struct as *a, struct vop *o, uint32_t *sym)
{
    as_blanks(a);
    int r = as_try_reg(a);
    if (r == 3 || r == 4)
        as_error(a, "r3 and r4 (gp, tp) belong to the assembler");
    if (r >= 0) {
        o->bmode = B_REG;
        o->rb = (uint8_t)r;
    } else {
        set_imm(a, o, sym, as_expression(a));
    }
}

/* Operand b of valu and its kin: a function, its wide registers, an imm8; or as any b. */
static void simd_b(struct as *a, struct vop *o, uint32_t *sym)
{
    const char *start, *w;
    as_blanks(a);
    start = a->p;
    uint32_t len = as_word(a, &w), m = len > 2 && memcmp(w + len - 2, ".m", 2) == 0;
    enum simd_fn fn = disasm_find_fn(w, len - 2 * m);
    if (fn == FN_NONE) {
        a->p = start;
        operand_b(a, o, sym);
        return;
    }
    if (simd_fn_op[fn] != o->opc)
        as_error(a, "a function of %s", op_table[simd_fn_op[fn]].name);
    uint32_t d = wide_reg(a, NWIDE - 1), s, imm = 0;
    as_expect(a, ',');
    s = wide_reg(a, NWIDE - 1);
    if (as_accept(a, ','))
        imm = (uint32_t)as_number(a, 0, 255, "an immediate of 8 bits");
    o->bmode = B_LONG;
    o->imm = (int32_t)SIMD_B(d, s, fn, imm, m);
}

/* b(ra), (ra), or a bare address. */
static void address(struct as *a, struct vop *o, uint32_t *sym)
{
    o->bmode = B_SHORT;
    if (!as_accept(a, '(')) {
        operand_b(a, o, sym);
        if (!as_accept(a, '(')) {
            if (o->bmode == B_REG)
                as_error(a, "an address is offset(register)");
            o->ra = 0;
            return;
        }
    }
    o->ra = reg(a);
    as_expect(a, ')');
}

static void target(struct as *a, struct vop *o, uint32_t *sym)
{
    set_imm(a, o, sym, as_expression(a));
    o->bmode = B_LONG;
    if (o->imm & 3)
        as_error(a, "a branch target is not a multiple of 4");
}

static uint8_t condition(struct as *a)
{
    static const char names[16][3] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                      "s", "ns", "p", "np", "l", "ge", "le", "g"};
    const char *start = a->p, *w;
    uint32_t n = as_word(a, &w);
    for (uint8_t i = 0; i < 16; i++)
        if (as_same(w, n, names[i]))
            return i;
    a->p = start;
    return (uint8_t)as_number(a, 0, 15, "a condition (0 to 15)");
}

/* Operands of an op of the table, by its format. */
static void plain(struct as *a, unsigned opc)
{
    struct vop o = {.opc = (uint8_t)opc};
    uint32_t sym = LO_NOSYM;
    switch (op_table[opc].format) {
    case FMT_NONE: break;
    case FMT_RRB:
    case FMT_RRBX:
    case FMT_RRBS:
        o.rd = reg(a);
        o.ra = next_reg(a);
        as_expect(a, ',');
        operand_b(a, &o, &sym);
        break;
    case FMT_RR:
    case FMT_RRX:
        o.rd = reg(a);
        o.ra = next_reg(a);
        break;
    case FMT_RB:
        o.rd = reg(a);
        as_expect(a, ',');
        if (opc >= OP_VALU && opc <= OP_VFDIV)
            simd_b(a, &o, &sym);
        else
            operand_b(a, &o, &sym);
        break;
    case FMT_RC:
    case FMT_RRC:
        o.rd = reg(a);
        if (op_table[opc].format == FMT_RRC)
            o.ra = next_reg(a);
        as_expect(a, ',');
        o.imm = condition(a);
        o.bmode = B_SHORT;
        break;
    case FMT_LOAD:
    case FMT_STORE:
        o.rd = reg(a);
        as_expect(a, ',');
        address(a, &o, &sym);
        if (op_table[opc].format == FMT_STORE && as_accept(a, ','))
            reg(a); /* a scratch register, which this machine does not need */
        break;
    case FMT_WLOAD:
    case FMT_WSTORE:
        o.rd = wide_reg(a, NWIDE - 1);
        as_expect(a, ',');
        address(a, &o, &sym);
        break;
    case FMT_WWB:
        o.rd = wide_reg(a, NWIDE + WIDE_C1 - 1);
        as_expect(a, ',');
        o.ra = wide_reg(a, NWIDE - 1);
        as_expect(a, ',');
        operand_b(a, &o, &sym);
        break;
    case FMT_AB:
        o.ra = reg(a);
        as_expect(a, ',');
        operand_b(a, &o, &sym);
        break;
    case FMT_B: operand_b(a, &o, &sym); break;
    case FMT_BRCC:
        o.rd = condition(a);
        as_expect(a, ',');
        target(a, &o, &sym);
        break;
    case FMT_BRR:
        o.ra = reg(a);
        as_expect(a, ',');
        target(a, &o, &sym);
        break;
    case FMT_BRRR:
        o.rd = reg(a);
        o.ra = next_reg(a);
        as_expect(a, ',');
        target(a, &o, &sym);
        if (o.ra == 0 && (opc == OP_BEQ || opc == OP_BNE)) {
            o.opc = opc == OP_BEQ ? OP_BZ : OP_BNZ;
            o.ra = o.rd;
            o.rd = 0;
        }
        break;
    case FMT_JAL: {
        const char *start = a->p;
        int r = as_try_reg(a);
        if (r >= 0 && as_accept(a, ',')) {
            a->p = start;
            o.rd = reg(a);
            as_expect(a, ',');
        } else {
            a->p = start;
            o.rd = 1;
        }
        target(a, &o, &sym);
        break;
    }
    case FMT_JALR: {
        uint8_t first = reg(a);
        o.bmode = B_SHORT;
        if (!as_accept(a, ',')) {
            o.rd = 1;
            o.ra = first;
            break;
        }
        o.rd = first;
        const char *start = a->p;
        int r = as_try_reg(a);
        bool alone = r >= 0 && (as_at_end(a) || *a->p == ',');
        a->p = start;
        if (alone) {
            o.ra = reg(a);
            if (as_accept(a, ','))
                operand_b(a, &o, &sym);
        } else {
            address(a, &o, &sym);
        }
        break;
    }
    case FMT_CODE:
        o.rd = condition(a);
        as_expect(a, ',');
        set_imm(a, &o, &sym, as_expression(a));
        break;
    default: as_error(a, "an op without a written form"); break;
    }
    as_emit(a, o, sym);
}

static void pseudo(struct as *a, const struct mnemonic *m)
{
    struct vop o = {.opc = m->op, .bmode = B_REG};
    uint32_t sym = LO_NOSYM;
    uint8_t r;
    switch ((enum pseudo)m->pseudo) {
    case P_CONST:
        o.rd = reg(a);
        as_expect(a, ',');
        operand_b(a, &o, &sym);
        break;
    case P_LUI:
        o.rd = reg(a);
        as_expect(a, ',');
        set_imm(a, &o, &sym,
                (struct as_expr){LO_NOSYM, as_number(a, 0, 0xfffff, "the operand of lui") << 12});
        break;
    case P_RRI:
        o.rd = reg(a);
        o.ra = next_reg(a);
        as_expect(a, ',');
        set_imm(a, &o, &sym, as_expression(a));
        break;
    case P_UN_IMM:
        o.rd = reg(a);
        o.ra = next_reg(a);
        o.bmode = B_SHORT;
        o.imm = m->imm;
        break;
    case P_UN_ZERO:
        o.rd = reg(a);
        o.rb = next_reg(a);
        break;
    case P_SWAP:
        o.rd = reg(a);
        o.rb = next_reg(a);
        o.ra = next_reg(a);
        break;
    case P_BR:
        o.ra = reg(a);
        as_expect(a, ',');
        target(a, &o, &sym);
        break;
    case P_BR_Z:
    case P_BR_ZS:
        r = reg(a);
        *(m->pseudo == P_BR_Z ? &o.rd : &o.ra) = r;
        as_expect(a, ',');
        target(a, &o, &sym);
        break;
    case P_BR_SWAP:
        o.ra = reg(a);
        o.rd = next_reg(a);
        as_expect(a, ',');
        target(a, &o, &sym);
        break;
    case P_JUMP:
        o.rd = (uint8_t)m->imm;
        target(a, &o, &sym);
        break;
    case P_JR:
        o.ra = reg(a);
        o.bmode = B_SHORT;
        break;
    case P_RET:
        o.ra = 1;
        o.bmode = B_SHORT;
        break;
    case P_TRAP:
        o.bmode = B_LONG;
        o.imm = TRAP_STATUS;
        break;
    case P_NOTHING: a->p = a->end; return;
    case P_COMMIT:
        o.opc = LO_COMMIT;
        o.bmode = B_LONG;
        o.imm = (int32_t)as_number(a, 0, 0xffff, "the count of a commit (0 to 65535)");
        break;
    }
    as_emit(a, o, sym);
}

void as_instruction(struct as *a, const char *mnem, uint32_t len)
{
    unsigned e = find(mnem, len);
    if (e == 0)
        as_error(a, "unknown instruction: %.*s", len > 40 ? 40 : (int)len, mnem);
    else if (e > OP_COUNT_)
        pseudo(a, &pseudos[e - OP_COUNT_ - 1]);
    else
        plain(a, e - 1);
    if (!as_at_end(a))
        as_error(a, "something left over at the end of the line: '%.*s'", as_rest(a), a->p);
}

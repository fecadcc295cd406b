/* SPDX-License-Identifier: MIT */

/*
 * One table lists every opcode with the shape of its operands; gen_insn picks a row (by family,
 * so that the many ALU opcodes do not drown the rest), then prefixes, ModRM, displacement,
 * immediate. What the table cannot say is a row's `special`.
 *
 * Left out on purpose:
 * - what would leave the oracle's world: int 0x80, sysenter, code selectors but for the one in
 * place and one out of bounds; loads of FS but for null (it is the host's thread pointer);
 * - what the host answers in its own way: CPUID, RDTSC, SGDT, SIDT, SLDT, STR, SMSW (gen_rows.c has
 *   them, alone);
 * - BSWAP of 16 bits;
 * - REP before BSF and BSR (TZCNT and LZCNT on new processors);
 * - unaligned locked accesses, XCHG included (they may cost 10 ms each on some hosts): these
 *   operands are always absolute and aligned.
 *
 * To add an instruction: add its row. To add a family: an enumerator, a weight.
 */

#include "tests/oracle/gen_row.h"

enum {
    M = 0x0001,     /* ModRM */
    G = 0x0002,     /* its reg field is an opcode extension, out of the row's mask */
    IB = 0x0004,    /* immediate byte */
    IZ = 0x0008,    /* immediate of operand size */
    R = 0x0010,     /* low three bits of the opcode: register */
    CC = 0x0020,    /* low four bits of the opcode: condition */
    B = 0x0040,     /* operand size is fixed: no 66 */
    LK = 0x0080,    /* LOCK is legal with a memory operand */
    AL = 0x0100,    /* locks always */
    MEM = 0x0200,   /* ModRM must be memory */
    REL8 = 0x0400,  /* jump displacement */
    REL32 = 0x0800, /* jump displacement */
    MOFS = 0x1000,  /* absolute address behind the opcode */
    IMPL = 0x2000,  /* memory operand without ModRM: address size and segment may be overridden */
};

/* clang-format off */

/* The six forms of ADD and its seven sisters. */
#define ALU6(n, lock)                                                                              \
    {(n) * 8 + 0, GEN_ALU, 0, M | B | (lock), 0}, {(n) * 8 + 1, GEN_ALU, 0, M | (lock), 0},        \
    {(n) * 8 + 2, GEN_ALU, 0, M | B, 0},          {(n) * 8 + 3, GEN_ALU, 0, M, 0},                 \
    {(n) * 8 + 4, GEN_ALU, 0, IB | B, 0},         {(n) * 8 + 5, GEN_ALU, 0, IZ, 0}

static const struct row rows[] = {
    ALU6(0, LK), ALU6(1, LK), ALU6(2, LK), ALU6(3, LK), ALU6(4, LK), ALU6(5, LK), ALU6(6, LK),
    ALU6(7, 0),
    {0x80, GEN_ALU, 0x7f, M | G | IB | B | LK, 0}, {0x80, GEN_ALU, 0x80, M | G | IB | B, 0},
    {0x81, GEN_ALU, 0x7f, M | G | IZ | LK, 0},     {0x81, GEN_ALU, 0x80, M | G | IZ, 0},
    {0x82, GEN_ALU, 0xff, M | G | IB | B, 0},
    {0x83, GEN_ALU, 0x7f, M | G | IB | LK, 0},     {0x83, GEN_ALU, 0x80, M | G | IB, 0},
    {0x84, GEN_ALU, 0, M | B, 0},                  {0x85, GEN_ALU, 0, M, 0},
    {0xa8, GEN_ALU, 0, IB | B, 0},                 {0xa9, GEN_ALU, 0, IZ, 0},
    {0xf6, GEN_ALU, 0x03, M | G | IB | B, 0},      {0xf7, GEN_ALU, 0x03, M | G | IZ, 0},
    {0xf6, GEN_ALU, 0x0c, M | G | B | LK, 0},      {0xf7, GEN_ALU, 0x0c, M | G | LK, 0},
    {0x40, GEN_ALU, 0, R, 0},                      {0x48, GEN_ALU, 0, R, 0},
    {0xfe, GEN_ALU, 0x03, M | G | B | LK, 0},      {0xff, GEN_ALU, 0x03, M | G | LK, 0},

    {0xc0, GEN_SHIFT, 0xff, M | G | IB | B, 0},    {0xc1, GEN_SHIFT, 0xff, M | G | IB, 0},
    {0xd0, GEN_SHIFT, 0xff, M | G | B, 0},         {0xd1, GEN_SHIFT, 0xff, M | G, 0},
    {0xd2, GEN_SHIFT, 0xff, M | G | B, 0},         {0xd3, GEN_SHIFT, 0xff, M | G, 0},
    {0x0fa4, GEN_SHIFT, 0, M | IB, 0},             {0x0fa5, GEN_SHIFT, 0, M, 0},
    {0x0fac, GEN_SHIFT, 0, M | IB, 0},             {0x0fad, GEN_SHIFT, 0, M, 0},

    {0xf6, GEN_MULDIV, 0x30, M | G | B, 0},        {0xf7, GEN_MULDIV, 0x30, M | G, 0},
    {0xf6, GEN_MULDIV, 0xc0, M | G | B, DIVIDE},   {0xf7, GEN_MULDIV, 0xc0, M | G, DIVIDE},
    {0x69, GEN_MULDIV, 0, M | IZ, 0},              {0x6b, GEN_MULDIV, 0, M | IB, 0},
    {0x0faf, GEN_MULDIV, 0, M, 0},

    {0x88, GEN_MOVE, 0, M | B, 0},                 {0x89, GEN_MOVE, 0, M, 0},
    {0x8a, GEN_MOVE, 0, M | B, 0},                 {0x8b, GEN_MOVE, 0, M, 0},
    {0x8d, GEN_MOVE, 0, M | MEM, LEA},             {0x90, GEN_MOVE, 0, B, 0},
    {0x98, GEN_MOVE, 0, 0, 0},                     {0x99, GEN_MOVE, 0, 0, 0},
    {0xa0, GEN_MOVE, 0, MOFS | B, 0},              {0xa1, GEN_MOVE, 0, MOFS, 0},
    {0xa2, GEN_MOVE, 0, MOFS | B, 0},              {0xa3, GEN_MOVE, 0, MOFS, 0},
    {0xb0, GEN_MOVE, 0, R | IB | B, 0},            {0xb8, GEN_MOVE, 0, R | IZ, 0},
    {0xc6, GEN_MOVE, 0x01, M | G | IB | B, 0},     {0xc7, GEN_MOVE, 0x01, M | G | IZ, 0},
    {0xd7, GEN_MOVE, 0, B | IMPL, 0},              {0x0f1f, GEN_MOVE, 0xff, M | G, 0},
    {0x0f18, GEN_MOVE, 0xff, M | G, 0},            {0x0f19, GEN_MOVE, 0xff, M | G, 0},
    {0x0f1a, GEN_MOVE, 0xff, M | G, 0},            {0x0f1d, GEN_MOVE, 0xff, M | G, 0},
    {0x0f40, GEN_MOVE, 0, M | CC, 0},              {0x0fc8, GEN_MOVE, 0, R | B, 0},
    {0x0fb6, GEN_MOVE, 0, M, 0},                   {0x0fb7, GEN_MOVE, 0, M, 0},
    {0x0fbe, GEN_MOVE, 0, M, 0},                   {0x0fbf, GEN_MOVE, 0, M, 0},

    {0x86, GEN_XCHG, 0, M | B | LK | AL, 0},       {0x87, GEN_XCHG, 0, M | LK | AL, 0},
    {0x90, GEN_XCHG, 0, R, 0},                     {0x0fc7, GEN_XCHG, 0x02, M | G | B | MEM | LK, 0},
    {0x0fb0, GEN_XCHG, 0, M | B | LK, 0},          {0x0fb1, GEN_XCHG, 0, M | LK, 0},
    {0x0fc0, GEN_XCHG, 0, M | B | LK, 0},          {0x0fc1, GEN_XCHG, 0, M | LK, 0},

    {0x0fa3, GEN_BIT, 0, M, 0},                    {0x0fab, GEN_BIT, 0, M | LK, 0},
    {0x0fb3, GEN_BIT, 0, M | LK, 0},               {0x0fbb, GEN_BIT, 0, M | LK, 0},
    {0x0fba, GEN_BIT, 0x10, M | G | IB, 0},        {0x0fba, GEN_BIT, 0xe0, M | G | IB | LK, 0},
    {0x0fbc, GEN_BIT, 0, M, 0},                    {0x0fbd, GEN_BIT, 0, M, 0},
    {0x0f90, GEN_BIT, 0x01, M | G | CC | B, 0},

    {0x9e, GEN_FLAG, 0, B, 0}, {0x9f, GEN_FLAG, 0, B, 0}, {0xf5, GEN_FLAG, 0, B, 0},
    {0xf8, GEN_FLAG, 0, B, 0}, {0xf9, GEN_FLAG, 0, B, 0}, {0xfc, GEN_FLAG, 0, B, 0},
    {0xfd, GEN_FLAG, 0, B, 0}, {0xd6, GEN_FLAG, 0, B, 0}, {0x9b, GEN_FLAG, 0, B, 0},

    {0x27, GEN_BCD, 0, B, 0},  {0x2f, GEN_BCD, 0, B, 0},  {0x37, GEN_BCD, 0, B, 0},
    {0x3f, GEN_BCD, 0, B, 0},  {0xd4, GEN_BCD, 0, B | IB, 0}, {0xd5, GEN_BCD, 0, B | IB, 0},

    {0x50, GEN_STACK, 0, R, 0},                    {0x58, GEN_STACK, 0, R, 0},
    {0x60, GEN_STACK, 0, 0, 0},                    {0x61, GEN_STACK, 0, 0, 0},
    {0x68, GEN_STACK, 0, IZ, 0},                   {0x6a, GEN_STACK, 0, IB, 0},
    {0x8f, GEN_STACK, 0x01, M | G, 0},             {0xff, GEN_STACK, 0x40, M | G, 0},
    {0x9c, GEN_STACK, 0, 0, 0},                    {0x9d, GEN_STACK, 0, 0, POPF},
    {0xc8, GEN_STACK, 0, B, ENTER},                {0xc9, GEN_STACK, 0, 0, 0},

    {0xa4, GEN_STRING, 0, B | IMPL, STRING},       {0xa5, GEN_STRING, 0, IMPL, STRING},
    {0xa6, GEN_STRING, 0, B | IMPL, STRING_CMP},   {0xa7, GEN_STRING, 0, IMPL, STRING_CMP},
    {0xaa, GEN_STRING, 0, B | IMPL, STRING},       {0xab, GEN_STRING, 0, IMPL, STRING},
    {0xac, GEN_STRING, 0, B | IMPL, STRING},       {0xad, GEN_STRING, 0, IMPL, STRING},
    {0xae, GEN_STRING, 0, B | IMPL, STRING_CMP},   {0xaf, GEN_STRING, 0, IMPL, STRING_CMP},

    {0x70, GEN_CONTROL, 0, B | CC | REL8, 0},      {0x0f80, GEN_CONTROL, 0, B | CC | REL32, 0},
    {0xe0, GEN_CONTROL, 0, B | REL8, 0},           {0xe1, GEN_CONTROL, 0, B | REL8, 0},
    {0xe2, GEN_CONTROL, 0, B | REL8, 0},           {0xe3, GEN_CONTROL, 0, B | REL8, 0},
    {0xe8, GEN_CONTROL, 0, B | REL32, 0},          {0xe9, GEN_CONTROL, 0, B | REL32, 0},
    {0xeb, GEN_CONTROL, 0, B | REL8, 0},           {0xc3, GEN_CONTROL, 0, B, RET},
    {0xc2, GEN_CONTROL, 0, B, RET_N},              {0xff, GEN_CONTROL, 0x14, B, INDIRECT},

    {0x06, GEN_SEGMENT, 0, 0, 0},                  {0x0e, GEN_SEGMENT, 0, 0, 0},
    {0x16, GEN_SEGMENT, 0, 0, 0},                  {0x1e, GEN_SEGMENT, 0, 0, 0},
    {0x0fa0, GEN_SEGMENT, 0, 0, 0},                {0x0fa8, GEN_SEGMENT, 0, 0, 0},
    {0x8c, GEN_SEGMENT, 0x3f, M | G, 0},           {0x63, GEN_SEGMENT, 0, M | B, 0},
    {0x07, GEN_SEGMENT, 0, 0, POP_SEG},            {0x17, GEN_SEGMENT, 0, 0, POP_SEG},
    {0x1f, GEN_SEGMENT, 0, 0, POP_SEG},            {0x0fa1, GEN_SEGMENT, 0, 0, POP_SEG},
    {0x0fa9, GEN_SEGMENT, 0, 0, POP_SEG},          {0x8e, GEN_SEGMENT, 0x3d, M | G | B, LOAD_SEG},
    {0xc4, GEN_SEGMENT, 0, M, LFP},                {0xc5, GEN_SEGMENT, 0, M, LFP},
    {0x0fb2, GEN_SEGMENT, 0, M, LFP},              {0x0fb4, GEN_SEGMENT, 0, M, LFP},
    {0x0fb5, GEN_SEGMENT, 0, M, LFP},              {0xea, GEN_SEGMENT, 0, B, FAR_DIRECT},
    {0x9a, GEN_SEGMENT, 0, B, FAR_DIRECT},         {0xff, GEN_SEGMENT, 0x28, B, FAR_INDIRECT},
    {0xcb, GEN_SEGMENT, 0, B, RETF},               {0xca, GEN_SEGMENT, 0, B, RETF_N},
    {0xcf, GEN_SEGMENT, 0, B, IRET},
    {0x0f00, GEN_SEGMENT, 0x30, M | G, ASK},       {0x0f02, GEN_SEGMENT, 0, M, ASK},
    {0x0f03, GEN_SEGMENT, 0, M, ASK},

    {0xcc, GEN_TRAP, 0, B, 0},                     {0xcd, GEN_TRAP, 0, B, INT},
    {0xce, GEN_TRAP, 0, B, 0},                     {0x62, GEN_TRAP, 0, M | MEM, 0},
    {0x0f0b, GEN_TRAP, 0, B, 0},                   {0xf4, GEN_TRAP, 0, B, 0},
    {0xfa, GEN_TRAP, 0, B, 0},                     {0xfb, GEN_TRAP, 0, B, 0},
    {0xe4, GEN_TRAP, 0, B | IB, 0},                {0xe7, GEN_TRAP, 0, B | IB, 0},
    {0xec, GEN_TRAP, 0, B, 0},                     {0xef, GEN_TRAP, 0, B, 0},
    {0x6c, GEN_TRAP, 0, B, 0},                     {0x6f, GEN_TRAP, 0, B, 0},
    {0x0f06, GEN_TRAP, 0, B, 0},                   {0x0f09, GEN_TRAP, 0, B, 0},
    {0x0f30, GEN_TRAP, 0, B, 0},                   {0x0f32, GEN_TRAP, 0, B, 0},
    {0xf1, GEN_TRAP, 0, B, 0},                     {0x0f08, GEN_TRAP, 0, B, 0},
    {0xe5, GEN_TRAP, 0, B | IB, 0},                {0xe6, GEN_TRAP, 0, B | IB, 0},
    {0xed, GEN_TRAP, 0, B, 0},                     {0xee, GEN_TRAP, 0, B, 0},
    {0x6d, GEN_TRAP, 0, B, 0},                     {0x6e, GEN_TRAP, 0, B, 0},
    {0x0fb9, GEN_TRAP, 0, M | B, 0},               {0x0fff, GEN_TRAP, 0, M | B, 0},
    {0x0f00, GEN_TRAP, 0x0c, M | G | B, 0},        {0x0f01, GEN_TRAP, 0x8c, M | G | B | MEM, 0},
    {0x0f01, GEN_TRAP, 0x40, M | G | B, 0},        {0x0f35, GEN_TRAP, 0, B, 0},
    {0x0faa, GEN_TRAP, 0, B, 0},                   {0x0f20, GEN_TRAP, 0x1d, M | G | B, 0},
    {0x0f22, GEN_TRAP, 0x1d, M | G | B, 0},        {0x0f21, GEN_TRAP, 0xcf, M | G | B, 0},
    {0x0f23, GEN_TRAP, 0xcf, M | G | B, 0},
};
/* clang-format on */
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static const uint8_t weights[GEN_N_FAMILIES] = {
    [GEN_ALU] = 16,    [GEN_SHIFT] = 10,  [GEN_MULDIV] = 5, [GEN_MOVE] = 14, [GEN_XCHG] = 5,
    [GEN_BIT] = 7,     [GEN_FLAG] = 4,    [GEN_BCD] = 3,    [GEN_STACK] = 8, [GEN_STRING] = 5,
    [GEN_CONTROL] = 7, [GEN_SEGMENT] = 3, [GEN_TRAP] = 1,
};

/* How many opcodes a row stands for: its low bits are free. */
static unsigned span(const struct row *r)
{
    return r->shape & CC ? 16 : r->shape & R ? 8 : 1;
}

int gen_opcode(unsigned n)
{
    for (unsigned i = 0; i < N_ROWS; i++) {
        bool seen = false;
        for (unsigned j = 0; j < i; j++)
            seen |= (unsigned)(rows[i].opcode - rows[j].opcode) < span(&rows[j]);
        unsigned own = span(&rows[i]);
        if (seen)
            own = rows[i].shape & R ? own - 1 : 0; /* 90: NOP is XCHG EAX,EAX */
        if (n < own)
            return rows[i].opcode + (int)n + (seen ? 1 : 0);
        n -= own;
    }
    return -1;
}

/* The rows of a family stand together, but for some: sorted by family once. */
static const struct row *nth_of_family(struct gen *g, unsigned family)
{
    static uint8_t sorted[N_ROWS];
    static uint8_t first[GEN_N_FAMILIES + 1];
    if (!first[GEN_N_FAMILIES]) {
        unsigned n = 0;
        for (unsigned f = 0; f < GEN_N_FAMILIES; f++) {
            first[f] = (uint8_t)n;
            for (unsigned i = 0; i < N_ROWS; i++)
                if (rows[i].family == f)
                    sorted[n++] = (uint8_t)i;
        }
        first[GEN_N_FAMILIES] = (uint8_t)n;
    }
    return &rows[sorted[first[family] + below(g, first[family + 1] - (unsigned)first[family])]];
}
_Static_assert((int)N_ROWS < 256, "rows are numbered by bytes");

static const struct row *pick(struct gen *g)
{
    const struct row *fit[N_ROWS];
    unsigned n = 0;
    if (g->opcode >= 0) {
        for (unsigned i = 0; i < N_ROWS; i++)
            if ((unsigned)(g->opcode - rows[i].opcode) < span(&rows[i]))
                fit[n++] = &rows[i];
    } else {
        unsigned total = 0, family;
        for (family = 0; family < GEN_N_FAMILIES; family++)
            total += g->families >> family & 1 ? weights[family] : 0;
        if (total == 0)
            return &rows[0];
        uint32_t at = below(g, total);
        for (family = 0;; family++) {
            unsigned w = g->families >> family & 1 ? weights[family] : 0;
            if (at < w)
                break;
            at -= w;
        }
        return nth_of_family(g, family);
    }
    return n ? fit[below(g, n)] : &rows[0];
}

/* RET and indirect jumps: the target is put where they will look for it. */
static size_t gen_indirect(struct gen *g, const struct row *r, uint8_t *buf)
{
    uint8_t *p = buf, *fix, *start;
    unsigned reg = below(g, 3); /* no base of memory operands: few accesses shall hit the code */
    if (once_in(g, 24)) {
        bool ret = r->special == RET || r->special == RET_N;
        if (ret)
            p = mov_esp(p, unreadable(g));
        *p++ = (uint8_t)r->opcode;
        if (r->special == RET_N)
            p = put16(p, 4);
        if (!ret)
            p = gen_modrm_absolute(p, pick_extension(g, r->ext), unreadable(g));
        return finish(g, buf, p, NULL, 0, false);
    }
    if (r->special == RET || r->special == RET_N) {
        *p++ = 0x68; /* push target */
        fix = p;
        p = put32(p, 0);
        if (once_in(g, 32))
            *p++ = 0x66; /* and EIP is cut to 16 bits */
        *p++ = (uint8_t)r->opcode;
        if (r->special == RET_N)
            p = put16(p, below(g, 8) * 4);
    } else if (once_in(g, 2)) {
        *p++ = (uint8_t)(0xb8 | reg); /* mov reg, target */
        fix = p;
        p = put32(p, 0);
        *p++ = 0xff;
        *p++ = (uint8_t)(0xc0 | pick_extension(g, r->ext) << 3 | reg);
    } else {
        uint32_t cell = gen_address(g);
        *p++ = 0xc7; /* mov dword [cell], target */
        p = gen_modrm_absolute(p, 0, cell);
        fix = p;
        p = put32(p, 0);
        *p++ = 0xff;
        start = p;
        p = gen_modrm_absolute(start, pick_extension(g, r->ext), cell);
    }
    put32(fix, g->eip + (uint32_t)(p - buf));
    return finish(g, buf, p, fix, 4, true);
}

size_t gen_insn(struct gen *g, uint8_t *buf)
{
    if (g->opcode >= GEN_FX_OPCODE || (g->opcode < 0 && g->fx && !once_in(g, 4)))
        return gen_fx_insn(g, buf);
    const struct row *r = pick(g);
    unsigned shape = r->shape, ext = 0;
    uint8_t *p = buf, *fix = NULL;
    if (r->special == RET || r->special == RET_N || r->special == INDIRECT)
        return gen_indirect(g, r, buf);
    if (r->special == ASK)
        return gen_ask(g, r, buf);
    if (r->special >= POP_SEG)
        return gen_segment(g, r, buf);

    unsigned opcode = r->opcode;
    if (g->opcode >= 0 && span(r) > 1)
        opcode = (unsigned)g->opcode;
    else
        opcode += below(g, span(r));
    if (shape & G)
        ext = pick_extension(g, r->ext);
    else if (shape & M)
        ext = below(g, 8);

    bool memory = shape & M && (shape & MEM || once_in(g, 2));
    bool lock = memory && shape & LK && (shape & AL || once_in(g, 6));
    bool small = !(shape & B) && once_in(g, 4);
    bool address16 = memory && !lock && once_in(g, r->special == LEA ? 4 : 64);
    if (shape & IMPL || (opcode >= 0xe0 && opcode <= 0xe3))
        address16 = once_in(g, 32);

    /* A division of anything but a sign or zero extended dividend mostly overflows. */
    if (r->special == DIVIDE && once_in(g, 2)) {
        bool is_signed = ext == 7;
        if (opcode == 0xf6) { /* movsx or movzx eax,al */
            *p++ = 0x0f;
            *p++ = is_signed ? 0xbe : 0xb6;
            *p++ = 0xc0;
        } else if (is_signed) {
            if (small)
                *p++ = 0x66;
            *p++ = 0x99; /* cdq, cwd */
        } else {
            *p++ = 0x31; /* xor edx,edx */
            *p++ = 0xd2;
        }
    }
    if (r->special == POPF && once_in(g, 24)) {
        p = mov_esp(p, unreadable(g));
    } else if (r->special == POPF && once_in(g, 8)) { /* push flags with TF or AC */
        p = push_imm(p, (gen_random(g) & IA32_FLAGS) | (once_in(g, 2) ? EFLAGS_TF : EFLAGS_AC));
    } else if (r->special == POPF) { /* and dword [esp], flags that are safe */
        *p++ = 0x81;
        *p++ = 0x24;
        *p++ = 0x24;
        p = put32(p, IA32_FLAGS);
    }
    bool rep = (r->special == STRING || r->special == STRING_CMP) && once_in(g, 2);
    if (rep && !once_in(g, 16)) { /* mov ecx, a small number */
        *p++ = 0xb9;
        p = put32(p, below(g, 24));
    }

    bool cut = shape & (REL8 | REL32) && once_in(g, 32);
    if (small || cut)
        *p++ = 0x66;
    if (rep)
        *p++ = r->special == STRING_CMP && once_in(g, 2) ? 0xf2 : 0xf3;
    if (lock && (!(shape & AL) || once_in(g, 4)))
        *p++ = 0xf0;
    if ((memory || shape & (MOFS | IMPL)) && once_in(g, 16)) {
        static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x65};
        *p++ = segments[below(g, g->gs ? 7 : 5)];
    }
    if (address16)
        *p++ = 0x67;
    if (opcode >= 0x0f00)
        *p++ = 0x0f;
    *p++ = (uint8_t)opcode;

    if (shape & M) {
        if (!memory)
            *p++ = (uint8_t)(0xc0 | ext << 3 | below(g, 8));
        else if (lock)
            p = gen_modrm_absolute(p, ext, gen_address(g) & ~7u);
        else if (address16)
            p = gen_modrm_16(g, p, ext);
        else
            p = gen_modrm_32(g, p, ext, r->special == LEA || below(g, 256) < g->wild);
    }
    if (shape & MOFS)
        p = put32(p, gen_address(g));
    if (shape & IB)
        *p++ = (uint8_t)gen_number(g);
    if (shape & IZ)
        p = small ? put16(p, gen_number(g)) : put32(p, gen_number(g));
    if (r->special == ENTER) {
        p = put16(p, below(g, 64) * 4);
        *p++ = (uint8_t)(once_in(g, 2) ? 0 : below(g, 36)); /* the level counts modulo 32 */
    }
    if (r->special == INT) {
        uint8_t n = (uint8_t)gen_random(g);
        *p++ = n == 0x80 ? 3 : n;
    }
    if (shape & (REL8 | REL32)) {
        unsigned size = shape & REL8 ? 1 : 4;
        if (cut) { /* somewhere in the lowest 64 KB, if taken */
            p = size == 1 ? p : put16(p, gen_random(g));
            if (size == 1)
                *p++ = (uint8_t)gen_random(g);
            return finish(g, buf, p, NULL, 0, false);
        }
        fix = p;
        memset(p, 0, size);
        p += size;
        return finish(g, buf, p, fix, size, false);
    }
    return finish(g, buf, p, NULL, 0, false);
}

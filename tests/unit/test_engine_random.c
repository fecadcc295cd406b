/* SPDX-License-Identifier: MIT */
/*
 * Random bundles in the engine against a naive machine that does what the architecture says word
 * for word: all operands are read, then the lowest slot's trap is looked for, then everything is
 * written.
 */
#include "tests/unit/vmkit.h"
#include "tests/unit/xorshift.h"
#include "vliw-model/sem.h"

/* ---- the naive machine ---- */

enum { LA = 0x400000, PA = 0x10000, PAGES = 16, BYTES = PAGES * 0x1000, READ_ONLY = 6 };

struct naive {
    uint32_t r[64], shadow[64];
    struct ccs cc, cc_shadow;
    uint8_t mem[BYTES]; /* from PA */
    uint8_t gated[BYTES], is_gated[BYTES];
    uint64_t retired;
    uint32_t alias_pa[8];
    bool alias_on[8];
    enum trap_code trap;
};

/* Pairs of linear pages are one frame. */
static uint32_t frame_of(uint32_t la)
{
    return ((la - LA) >> 13 << 13) | (la & 0xfff);
}

static bool writable(uint32_t la, uint32_t size)
{
    return (la - LA) >> 12 != READ_ONLY && (la + size - 1 - LA) >> 12 != READ_ONLY;
}

static uint32_t operand(const struct naive *n, const struct vop *op)
{
    return op->bmode == B_REG ? n->r[op->rb] : (uint32_t)op->imm;
}

static uint32_t size_of(unsigned opc)
{
    switch (opc) {
    case OP_LB:
    case OP_LBU:
    case OP_SB:
    case OP_GLD8:
    case OP_GLD8S:
    case OP_GST8: return 1;
    case OP_LH:
    case OP_LHU:
    case OP_SH:
    case OP_GLD16:
    case OP_GLD16S:
    case OP_GST16: return 2;
    default: return 4;
    }
}

static uint32_t extend(unsigned opc, uint32_t v)
{
    if (opc == OP_LB || opc == OP_GLD8S)
        return (uint32_t)(int8_t)v;
    if (opc == OP_LH || opc == OP_GLD16S)
        return (uint32_t)(int16_t)v;
    return v;
}

typedef uint32_t sem_fn(uint32_t *r, struct ccs *c, uint32_t d, uint32_t a, uint32_t b);
#define FN_FREE(name)  sem_##name
#define FN_NLD(name)   NULL
#define FN_NST(name)   NULL
#define FN_GLD(name)   NULL
#define FN_GST(name)   NULL
#define FN_TRAP(name)  NULL
#define FN_CTL(name)   NULL
#define FN_FENCE(name) NULL
static sem_fn *const pure[OP_COUNT_] = {
#define OP(name, mn, fmt, unit, lat, trap, order, doc) FN_##order(name),
#include "vliw-model/ops.def"
#undef OP
};

/* Would it trap? With the state before the bundle. */
static enum trap_code naive_trap(const struct naive *n, const struct vop *op)
{
    uint32_t a = n->r[op->ra], b = operand(n, op), q, rem;
    switch (op->opc) {
    case OP_GST8:
    case OP_GST16:
    case OP_GST32: return writable(a + b, size_of(op->opc)) ? T_NONE : T_PERM;
    case OP_STAM:
        if (!writable(a, 4))
            return T_PERM;
        for (unsigned i = 0; i < 8; i++)
            if ((b >> i & 1) && n->alias_on[i])
                for (unsigned x = 0; x < 4; x++)
                    for (unsigned y = 0; y < 4; y++)
                        if (frame_of(a + x) == frame_of(n->alias_pa[i] + y))
                            return T_ALIAS;
        return T_NONE;
    case OP_UDIVQ:
    case OP_UDIVR: return sem_udiv(n->r[op->rd], a, b, &q, &rem) ? T_NONE : T_DIVIDE;
    case OP_SDIVQ:
    case OP_SDIVR: return sem_sdiv(n->r[op->rd], a, b, &q, &rem) ? T_NONE : T_DIVIDE;
    case OP_TRAPIF: return cc_test(&n->cc, op->rd) ? T_CODE : T_NONE;
    default: return T_NONE;
    }
}

static void naive_write(struct naive *n, const struct naive *old, const struct vop *op)
{
    uint32_t a = old->r[op->ra], b = operand(old, op), d = old->r[op->rd], size = size_of(op->opc),
             v = 0, q = 0, rem = 0;
    if (pure[op->opc]) {
        struct ccs cc = old->cc;
        uint32_t r[64];
        struct op_regs rg = op_regs(op);
        memcpy(r, old->r, sizeof r);
        v = pure[op->opc](r, &cc, d, a, b);
        if (op->opc == OP_GPUT)
            n->r[32 + (b & 31)] = a;
        if (rg.writes_cc)
            n->cc = cc;
        if (op_table[op->opc].format == FMT_AB)
            return;
        n->r[op->rd] = v;
        return;
    }
    switch (op->opc) {
    case OP_LB:
    case OP_LBU:
    case OP_LH:
    case OP_LHU:
    case OP_LW:
        for (uint32_t i = 0; i < size; i++)
            v |= (uint32_t)old->mem[a + b - PA + i] << 8 * i;
        n->r[op->rd] = extend(op->opc, v);
        break;
    case OP_SB:
    case OP_SH:
    case OP_SW:
        for (uint32_t i = 0; i < size; i++)
            n->mem[a + b - PA + i] = (uint8_t)(d >> 8 * i);
        break;
    case OP_LDP:
        n->alias_on[b & 7] = true;
        n->alias_pa[b & 7] = a;
        b = 0; /* fall through */
    case OP_GLD8:
    case OP_GLD8S:
    case OP_GLD16:
    case OP_GLD16S:
    case OP_GLD32:
        for (uint32_t i = 0; i < size; i++) {
            uint32_t p = frame_of(a + b + i);
            v |= (uint32_t)(old->is_gated[p] ? old->gated[p] : old->mem[p]) << 8 * i;
        }
        n->r[op->rd] = extend(op->opc, v);
        break;
    case OP_STAM: b = 0; /* fall through */
    case OP_GST8:
    case OP_GST16:
    case OP_GST32:
        for (uint32_t i = 0; i < size; i++) {
            uint32_t p = frame_of(a + b + i);
            n->gated[p] = (uint8_t)(d >> 8 * i);
            n->is_gated[p] = 1;
        }
        break;
    case OP_UDIVQ:
    case OP_UDIVR: sem_udiv(d, a, b, &q, &rem); break;
    case OP_SDIVQ:
    case OP_SDIVR: sem_sdiv(d, a, b, &q, &rem); break;
    default: break;
    }
    if (op->opc == OP_UDIVQ || op->opc == OP_SDIVQ)
        n->r[op->rd] = q;
    if (op->opc == OP_UDIVR || op->opc == OP_SDIVR)
        n->r[op->rd] = rem;
}

/* False: it trapped, and the machine has been rolled back. */
static bool naive_bundle(struct naive *n, const struct bundle *b)
{
    static struct naive old;
    old = *n;
    n->trap = T_NONE;
    for (unsigned i = 0; i < b->nops && !n->trap; i++)
        n->trap = naive_trap(&old, &b->op[i]);
    if (n->trap) {
        memcpy(n->r + 16, n->shadow + 16, 48 * 4);
        n->cc = n->cc_shadow;
        return false;
    }
    for (unsigned i = 0; i < b->nops; i++)
        naive_write(n, &old, &b->op[i]);
    n->r[0] = 0;
    if (b->commit) {
        memcpy(n->shadow, n->r, sizeof n->r);
        n->cc_shadow = n->cc;
        for (uint32_t i = 0; i < BYTES; i++)
            if (n->is_gated[i])
                n->mem[i] = n->gated[i];
        memset(n->is_gated, 0, sizeof n->is_gated);
        memset(n->alias_on, 0, sizeof n->alias_on);
        n->retired += b->retired;
    }
    return true;
}

/* ---- random bundles ---- */

static uint64_t rng;
static uint32_t rnd(uint32_t n)
{
    return (uint32_t)(xorshift64(&rng) >> 20) % n;
}

/* Few registers, so that ops of a bundle meet. r8 and r40 hold addresses and are only read. */
static uint8_t reg(void)
{
    static const uint8_t regs[] = {0, 5, 6, 7, 9, 10, 17, 18, 33, 34, 35, 36};
    return regs[rnd(sizeof regs)];
}

static void random_op(struct vop *op)
{
    static const uint8_t memory[] = {OP_LB,     OP_LBU,   OP_LH,    OP_LHU,   OP_LW,    OP_SB,
                                     OP_SH,     OP_SW,    OP_GLD8,  OP_GST8,  OP_GLD8S, OP_GLD16,
                                     OP_GLD16S, OP_GST16, OP_GLD32, OP_GST32, OP_GLD32, OP_GST32};
    memset(op, 0, sizeof *op);
    uint32_t what = rnd(20);
    op->rd = reg();
    op->ra = reg();
    op->rb = reg();
    op->bmode = B_REG;
    if (what < 7) {
        op->opc = memory[rnd(sizeof memory)];
        bool native = op_table[op->opc].order == ORD_NLD || op_table[op->opc].order == ORD_NST;
        op->ra = native ? 8 : 40;
        op->rb = 0;
        op->bmode = B_LONG;
        /* often the same few places; now and then the edge of a page, or anywhere */
        op->imm = (int32_t)(rnd(3)   ? 0x100 + rnd(24)
                            : rnd(2) ? rnd(15) * 0x1000 + 0xff8 + rnd(16)
                                     : rnd(BYTES - 16));
        if (op->imm >= BYTES - 8)
            op->imm = 0x100;
    } else if (what == 7) {
        op->opc = rnd(2) ? OP_LDP : OP_STAM;
        op->ra = 41 + (uint8_t)rnd(2);
        op->rb = 0;
        op->bmode = B_LONG;
        op->imm = op->opc == OP_LDP ? (int32_t)rnd(8) : (int32_t)rnd(256);
    } else if (what == 8 && rnd(12) == 0) {
        op->opc = (uint8_t)(OP_UDIVQ + rnd(4));
    } else if (what == 9 && rnd(12) == 0) {
        *op = (struct vop){.opc = OP_TRAPIF, .rd = (uint8_t)rnd(16), .bmode = B_SHORT, .imm = 9};
    } else {
        do
            op->opc = (uint8_t)rnd(OP_COUNT_);
        while (!pure[op->opc]);
        unsigned fmt = op_table[op->opc].format;
        bool has_b = fmt == FMT_RRB || fmt == FMT_RRBX || fmt == FMT_RB || fmt == FMT_AB;
        if (fmt == FMT_NONE || fmt == FMT_RC || fmt == FMT_RB)
            op->ra = 0;
        if (fmt == FMT_NONE || fmt == FMT_AB)
            op->rd = 0;
        if (fmt == FMT_RC || fmt == FMT_RRC) {
            op->bmode = B_SHORT;
            op->rb = 0;
            op->imm = (int32_t)rnd(16);
        } else if (!has_b) {
            op->rb = 0;
        } else if (rnd(2)) {
            op->rb = 0;
            op->imm = (int32_t)rnd(0xffffffff);
            op->bmode = B_LONG;
        }
        if (op->opc == OP_GPUT) { /* not over the addresses */
            op->bmode = B_LONG;
            op->rb = 0;
            op->imm = 1 + (int32_t)rnd(4);
        }
    }
}

/* Ops that the machine allows together. */
static void random_bundle(struct bundle *b)
{
    uint64_t writes = 0;
    bool cc = false;
    unsigned want = 1 + rnd(8);
    memset(b, 0, sizeof *b);
    while (b->nops < want) {
        random_op(&b->op[b->nops]);
        struct op_regs rg = op_regs(&b->op[b->nops]);
        if ((rg.writes & writes) || (rg.writes_cc && cc)) {
            want--;
            continue;
        }
        writes |= rg.writes;
        cc |= rg.writes_cc;
        b->nops++;
    }
    if (!b->nops) {
        b->op[0] = (struct vop){.opc = OP_NOP};
        b->nops = 1;
    }
    b->commit = rnd(5) == 0;
    b->retired = (uint16_t)(b->commit ? rnd(4) : 0);
}

/* The TLB is emptied now and then: restartable traps all over the place, which must not show. */
static void walker(struct kit *k)
{
    uint32_t at = k->base + 0x100000, over = at + 0x100;
    k->pc = at;
    BUNDLE(k, OP_I(MFS, 5, 0, SR_TRAP_ADDR));
    BUNDLE(k, OP_I(SUB, 6, 5, LA), OP_MOVI(8, KIT_RWX), OP_MOVI(9, READ_ONLY));
    BUNDLE(k, OP_I(SRL, 6, 6, 12));
    BUNDLE(k, OP_I(SRL, 7, 6, 1), OP_TGT(BNE, 6, 9, over));
    BUNDLE(k, OP_MOVI(8, TLB_V | TLB_R), OP_TGT(JAL, 0, 0, over));
    k->pc = over;
    BUNDLE(k, OP_I(SLL, 7, 7, 13));
    BUNDLE(k, OP_I(ADD, 7, 7, PA));
    BUNDLE(k, OP_R(OR, 7, 7, 8));
    BUNDLE(k, OP_R(TLBW, 0, 5, 7), OP_R(XORF32, 10, 6, 6));
    BUNDLE(k, {.opc = OP_RFE});
    kit_mts(k, SR_VEC_RESTART, at);
}

/* Leaves the machine's statistics in *st. */
static void one_program(uint64_t seed, const char *stall, const char *repl, unsigned what,
                        struct vm_stats *st)
{
    static struct naive n;
    struct kit k = KIT("tlb.entries=16", "tlb.ways=16", "sb.entries=256", "l1d.size_kb=1",
                       "l1d.ways=2", "l2.size_kb=16", stall, repl,
                       seed % 5 ? "cache.prefetch=none" : "cache.prefetch=next-line");
    vm_test_break(k.vm, what);
    rng = seed * 0x9e3779b97f4a7c15ull + 1;
    for (int i = 0; i < 8; i++)
        rnd(2);
    memset(&n, 0, sizeof n);
    walker(&k);
    for (uint32_t i = 0; i < BYTES; i++)
        n.mem[i] = (uint8_t)rnd(256);
    memcpy(vm_mem(k.vm, PA, BYTES), n.mem, BYTES);
    for (unsigned i = 1; i < 64; i++) {
        n.r[i] = rnd(3) ? rnd(0xffffffff) : rnd(3);
        if (i == 8)
            n.r[i] = PA;
        if (i == 40)
            n.r[i] = LA;
        if (i == 41 || i == 42)
            n.r[i] = LA + 0x100 + rnd(24) + 0x1000 * rnd(2);
        n.shadow[i] = n.r[i];
        vm_set_reg(k.vm, i, n.r[i]);
    }
    vm_set_cc(k.vm, rnd(0xffffffff));
    cc_set(&n.cc, vm_cc(k.vm));
    n.cc_shadow = n.cc;
    k.pc = k.base + 0x200000;
    uint32_t start = k.pc, bad = 0;
    bool trapped = false;
    for (int i = 0; i < 40; i++) {
        struct bundle b;
        random_bundle(&b);
        if (rnd(6) == 0)
            BUNDLE(&k, OP_I(TLBINV, 0, 0, 1));
        uint32_t at = kit_bundle(&k, b.op, b.nops, b.commit, b.retired);
        if (!trapped && !naive_bundle(&n, &b)) {
            trapped = true;
            bad = at;
        }
    }
    HALT(&k);
    uint32_t status = kit_run(&k, start);
    if (status != (trapped ? KIT_HALT_ROLLBACK : 0))
        fail_msg("seed %lu: halt %u, trap %u at %x, expected %u at %x", (unsigned long)seed, status,
                 vm_special(k.vm, SR_TRAP_CODE), vm_special(k.vm, SR_TRAP_PC), n.trap, bad);
    if (trapped) {
        if (vm_special(k.vm, SR_TRAP_CODE) != (uint32_t)n.trap)
            fail_msg("seed %lu: trap %u at %x (%x, %x), expected %u at %x", (unsigned long)seed,
                     vm_special(k.vm, SR_TRAP_CODE), vm_special(k.vm, SR_TRAP_PC),
                     vm_special(k.vm, SR_TRAP_INFO), vm_special(k.vm, SR_TRAP_ADDR), n.trap, bad);
        assert_int_equal(vm_special(k.vm, SR_TRAP_PC), bad);
        n.r[2] = vm_special(k.vm, SR_STACK);
    }
    for (unsigned i = 0; i < 64; i++)
        if (vm_reg(k.vm, i) != n.r[i] || (i >= 16 && vm_shadow_reg(k.vm, i) != n.shadow[i]))
            fail_msg("seed %lu: r%u %x, shadow %x, expected %x and %x", (unsigned long)seed, i,
                     vm_reg(k.vm, i), vm_shadow_reg(k.vm, i), n.r[i], n.shadow[i]);
    assert_int_equal(vm_cc(k.vm), cc_flags(&n.cc));
    assert_int_equal(vm_retired(k.vm), n.retired);
    if (memcmp(vm_mem(k.vm, PA, BYTES), n.mem, BYTES) != 0)
        fail_msg("seed %lu: memory differs", (unsigned long)seed);
    kit_check_cycles(&k);
    *st = *vm_stats(k.vm);
    kit_free(&k);
}

/* And by the engine's short ways or the long ones alone: the same in every cycle and every counter.
 */
static void test_random_bundles(void **state)
{
    (void)state;
    const char *times = getenv("CHRYSALIS_TEST_ROUNDS");
    uint64_t rounds = times ? strtoull(times, NULL, 0) : 1500;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        static const char *const repl[] = {"cache.replacement=lru", "cache.replacement=fifo",
                                           "cache.replacement=random"};
        const char *stall = seed & 1 ? "mem.stall=use" : "mem.stall=miss";
        struct vm_stats a, b;
        one_program(seed, stall, repl[seed % 3], BREAK_NOTHING, &a);
        one_program(seed, stall, repl[seed % 3], LONG_WAYS, &b);
        if (memcmp(&a, &b, sizeof a) != 0)
            fail_msg("seed %lu: %lu cycles, %lu by the long ways", (unsigned long)seed,
                     (unsigned long)a.cycles, (unsigned long)b.cycles);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

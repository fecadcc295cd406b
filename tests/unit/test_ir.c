/* SPDX-License-Identifier: MIT */
/*
 * The IR by itself: folding, homes, dead flags, fused twins, the automaton of bundles against
 * mdesc_place, and schedules against the rules they promise to keep (latencies, flags, memory
 * order, reads of entry values before their writer).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "morpher/gear1.h"
#include "vliw-model/machine.h"

static struct gear1 x;

static struct ir_group *begin(const struct mdesc *m)
{
    units_init(m);
    ir_begin(&x.g, m);
    memset(&x.g.end, 0, sizeof x.g.end);
    x.m = m;
    return &x.g;
}

static uint32_t count(uint32_t op)
{
    uint32_t n = 0;
    for (uint32_t i = IR_BODY; i < x.g.n; i++)
        n += x.g.r[i].op == op;
    return n;
}

static const struct mdesc *plain(bool disp)
{
    static struct mdesc m;
    machine_default(&m);
    m.cap_disp = disp;
    return &m;
}

static void folding(void **state)
{
    (void)state;
    struct ir_group *g = begin(plain(false));
    uint32_t esp = ir_get(g, G_ESP);
    uint32_t a = ir_addi(g, esp, -4), b = ir_addi(g, a, -4);
    assert_int_equal(g->r[b].a, esp); /* base + constant, whatever the way */
    assert_int_equal(g->r[b].imm, -8);
    assert_int_equal(ir_addi(g, b, 8), esp);
    assert_int_equal(ir_addi(g, b, 4), a); /* found again */
    assert_int_equal(ir_add(g, esp, ir_const(g, -4)), a);
    assert_int_equal(ir_const(g, 0), IR_ZERO);
    assert_int_equal(ir_bini(g, OP_SLL, ir_const(g, 3), 4), ir_const(g, 48));
    assert_int_equal(g->r[ir_bini(g, OP_AND, esp, 0xff)].op, OP_ZEXT8);
    uint32_t byte = ir_load(g, OP_GLD8, ir_address(g, esp, 0));
    assert_int_equal(ir_un(g, OP_ZEXT8, byte), byte);
    assert_int_equal(ir_un(g, OP_SEXT16, byte), byte);
    assert_int_not_equal(ir_un(g, OP_SEXT8, byte), byte);
    uint32_t s = ir_add(g, ir_get(g, G_EAX), ir_get(g, G_EBX));
    assert_int_equal(ir_add(g, ir_get(g, G_EBX), ir_get(g, G_EAX)), s);
    assert_null(ir_verify(g));
}

static void accesses(void **state)
{
    (void)state;
    for (int disp = 0; disp < 2; disp++) {
        struct ir_group *g = begin(plain(disp));
        struct ir_addr at = ir_address(g, ir_addi(g, ir_get(g, G_ESP), 8), 4);
        uint32_t v = ir_load(g, OP_GLD16, at);
        struct ir_access k = ir_access(g, v);
        assert_int_equal(k.base, ir_entry(G_ESP));
        assert_int_equal(k.off, 12);
        assert_int_equal(k.size, 2);
        assert_int_equal(g->r[v].imm, disp ? 12 : 0);
    }
}

/* The last writer's flags live, earlier ones do not. */
static void dead_flags(void **state)
{
    (void)state;
    struct ir_group *g = begin(plain(true));
    uint32_t a = ir_emit(g, OP_ADDF32, ir_entry(G_EAX), ir_entry(G_EBX), 0);
    uint32_t b = ir_emiti(g, OP_ANDF32, a, 0xff, 0);
    uint32_t c = ir_emit(g, OP_XORF32, b, ir_entry(G_ECX), 0);
    ir_put(g, G_EAX, c);
    ir_commit(g);
    pass_dead(g);
    assert_int_equal(g->r[a].op, OP_ADD);
    assert_int_equal(g->r[b].op, OP_ZEXT8);
    assert_int_equal(g->r[c].op, OP_XORF32);
    assert_int_equal(g->r[c].home, GUEST_REG0 + G_EAX);
    assert_null(ir_verify(g));

    /* inc keeps CF, so the carry of the addition before it lives. */
    g = begin(plain(true));
    a = ir_emit(g, OP_ADDF32, ir_entry(G_EAX), ir_entry(G_EBX), 0);
    ir_put(g, G_EAX, a);
    ir_put(g, G_ECX, ir_emit(g, OP_INCF32, ir_entry(G_ECX), 0, 0));
    ir_commit(g);
    pass_dead(g);
    assert_int_equal(g->r[a].op, OP_ADDF32);

    /* A shift by a register may write nothing: what was before it lives. */
    g = begin(plain(true));
    a = ir_emit(g, OP_ADDF32, ir_entry(G_EAX), ir_entry(G_EBX), 0);
    ir_put(g, G_EAX, ir_emit(g, OP_SHLF32, a, ir_entry(G_ECX), 0));
    ir_commit(g);
    pass_dead(g);
    assert_int_equal(g->r[a].op, OP_ADDF32);

    /* A load whose value is dead still faults. */
    g = begin(plain(true));
    ir_load(g, OP_GLD32, ir_address(g, ir_entry(G_EAX), 0));
    ir_bin(g, OP_XOR, ir_entry(G_EAX), ir_entry(G_EBX));
    ir_commit(g);
    pass_dead(g);
    assert_int_equal(count(OP_GLD32), 1);
    assert_int_equal(count(OP_XOR), 0);
}

static uint32_t sum_twin(struct ir_group *g, uint32_t reg, int32_t k)
{
    uint32_t a = ir_get(g, reg), n = g->n, sum = ir_addi(g, a, k);
    uint32_t f = ir_emiti(g, OP_ADDF32, a, k, 0);
    if (sum == n && g->r[n].op == OP_ADD && g->r[n].a == a)
        g->r[f].flags |= IRF_TWIN;
    ir_put(g, reg, sum);
    return sum;
}

static void twins(void **state)
{
    (void)state;
    struct ir_group *g = begin(plain(true));
    uint32_t a = sum_twin(g, G_EAX, 5), b = sum_twin(g, G_EBX, 300);
    ir_commit(g);
    pass_dead(g);
    assert_int_equal(g->r[a].op, OP_ADD);
    assert_int_equal(g->r[b].op, OP_ADDF32); /* its flags are the ones the commit wants */
    assert_int_equal(g->r[b].imm, 300);
    assert_int_equal(count(OP_ADDF32), 1);
    assert_null(ir_verify(g));
}

/* cmp-like records before a branch on `cond`; returns the op that the branch became. */
static uint32_t fused(uint32_t flag_op, uint32_t a, uint32_t b, uint32_t cond, bool write_a)
{
    struct ir_group *g = &x.g;
    ir_emit(g, flag_op, a, b, 0);
    if (write_a)
        ir_put(g, G_EAX, ir_entry(G_EDI));
    ir_commit(g);
    g->end = (struct ir_end){.kind = END_BRANCH, .op = OP_BRCC, .cond = (uint8_t)cond};
    g->end.to[1].eip = 2; /* backwards, or it is turned round */
    pass_dead(g);
    pass_branch(g);
    assert_null(ir_verify(g));
    return g->end.op;
}

static void branches(void **state)
{
    (void)state;
    uint32_t eax = ir_entry(G_EAX), ebx = ir_entry(G_EBX);
    struct ir_group *g = begin(plain(true));
    assert_int_equal(fused(OP_SUBF32, eax, ebx, CC_LE, false), OP_BGE);
    assert_int_equal(g->end.ref2, ebx); /* b >= a */
    assert_int_equal(g->end.ref, eax);
    assert_int_equal(count(OP_SUBF32), 1); /* the flags are live at the commit */
    begin(plain(true));
    assert_int_equal(fused(OP_ANDF32, eax, eax, CC_NE, false), OP_BNZ);
    begin(plain(true));
    assert_int_equal(fused(OP_ANDF32, eax, eax, CC_S, false), OP_BLT);
    g = begin(plain(true));
    g->end = (struct ir_end){.kind = END_BRANCH, .op = OP_BZ, .to = {{0, 9}, {0, 2}}};
    pass_branch(g);
    assert_int_equal(g->end.op, OP_BNZ);
    assert_int_equal(g->end.to[0].eip, 2);
    assert_int_equal(g->end.to[1].eip, 9);
    /* Not: another value in eax by then; no comparison; a condition that no branch has; unknown
     * upper bits. */
    begin(plain(true));
    assert_int_equal(fused(OP_SUBF32, eax, ebx, CC_LE, true), OP_BRCC);
    begin(plain(true));
    assert_int_equal(fused(OP_ADDF32, eax, ebx, CC_E, false), OP_BRCC);
    begin(plain(true));
    assert_int_equal(fused(OP_SUBF32, eax, ebx, CC_O, false), OP_BRCC);
    begin(plain(true));
    assert_int_equal(fused(OP_SUBF8, eax, ebx, CC_E, false), OP_BRCC);
    g = begin(plain(true));
    uint32_t v = ir_load(g, OP_GLD8, ir_address(g, ebx, 0)), w = ir_un(g, OP_ZEXT8, eax);
    assert_int_equal(fused(OP_SUBF8, v, w, CC_A, false), OP_BLTU);
    g = begin(plain(true));
    v = ir_load(g, OP_GLD8, ir_address(g, ebx, 0)), w = ir_un(g, OP_ZEXT8, eax);
    assert_int_equal(fused(OP_SUBF8, v, w, CC_G, false), OP_BRCC);
}

/* xchg eax, ecx; inc eax; jecxz: the branch wants what eax held. */
static void branch_on_entry(void **state)
{
    (void)state;
    struct ir_group *g = begin(plain(true));
    ir_put(g, G_ECX, ir_entry(G_EAX));
    ir_put(g, G_EAX, ir_addi(g, ir_entry(G_ECX), 1));
    g->end = (struct ir_end){.kind = END_BRANCH, .op = OP_BZ, .ref = (uint16_t)ir_entry(G_EAX)};
    ir_commit(g);
    assert_null(ir_verify(g));
    assert_true(g->end.ref >= IR_BODY);
    g->end.ref = (uint16_t)ir_entry(G_EAX);
    assert_non_null(ir_verify(g));
}

/* xchg eax, ebx; a value that two registers want; a sum whose register is read later. */
static void homes(void **state)
{
    (void)state;
    struct ir_group *g = begin(plain(true));
    ir_put(g, G_EAX, ir_entry(G_EBX));
    ir_put(g, G_EBX, ir_entry(G_EAX));
    ir_commit(g);
    pass_dead(g);
    assert_null(ir_verify(g));
    assert_int_equal(count(OP_MOV), 3);

    g = begin(plain(true));
    uint32_t v = ir_bin(g, OP_XOR, ir_entry(G_ESI), ir_entry(G_EDI));
    ir_put(g, G_EAX, v);
    ir_put(g, G_EDX, v);
    ir_commit(g);
    pass_dead(g);
    assert_null(ir_verify(g));
    assert_int_equal(count(OP_MOV), 1);

    g = begin(plain(false));
    ir_put(g, G_ESP, ir_addi(g, ir_entry(G_ESP), -28));
    ir_load(g, OP_GLD32, ir_address(g, ir_get(g, G_ESP), 4));
    ir_commit(g);
    pass_dead(g);
    assert_null(ir_verify(g));
    assert_int_equal(count(OP_ADD), 2); /* the address, and ESP made anew at the end: no mov */
    assert_int_equal(count(OP_MOV), 0);
}

static void verifier_bites(void **state)
{
    (void)state;
    struct ir_group *g = begin(plain(true));
    uint32_t a = ir_emit(g, OP_ADD, ir_entry(G_EAX), ir_entry(G_EBX), 0);
    uint32_t b = ir_emit(g, OP_ADD, a, ir_entry(G_EAX), 0);
    assert_null(ir_verify(g));
    g->r[a].b = (uint16_t)b;
    assert_non_null(ir_verify(g));
    g->r[a].b = 0;
    g->r[a].home = GUEST_REG0 + G_EAX; /* b reads what eax held on entry */
    assert_non_null(ir_verify(g));
    g->r[a].home = 0;
    assert_null(ir_verify(g));
    g->r[b].op = OP_LW;
    assert_non_null(ir_verify(g));
    g->r[b].op = OP_ADD;
    g->r[a].op = OP_NOP;
    assert_non_null(ir_verify(g));
}

/* A translation of one bundle: an op of the SIMD four, its operand an immediate word or register.
 */
static const char *verdict_on(uint32_t op, uint32_t bmode, uint32_t b)
{
    static struct xlat xl;
    struct mdesc m;
    struct bundle bundle = {.nops = 1};
    char err[100];
    machine_default(&m);
    assert_int_equal(machine_set(&m, "bundle.formats=fp.imm", err, sizeof err), 0);
    bundle.op[0] = (struct vop){.opc = (uint8_t)op, .bmode = (uint8_t)bmode};
    if (bmode == B_REG)
        bundle.op[0].rb = (uint8_t)b;
    else
        bundle.op[0].imm = (int32_t)b;
    memset(&xl, 0, sizeof xl);
    xl.nwords = bundle_encode(&bundle, 0, xl.word);
    xl.nbundles = 1;
    assert_true(xl.nwords > 0);
    return xlat_verify(&m, &xl);
}

static void simd_verifier_bites(void **state)
{
    (void)state;
    const uint32_t add = SIMD_B(24, 25, FN_ADDPS, 0, 0);
    assert_null(verdict_on(OP_VFP, B_LONG, add));
    assert_null(verdict_on(OP_VALU, B_LONG, SIMD_B(16, 17, FN_SHUFW, 0xff, 1)));
    assert_non_null(verdict_on(OP_VALU, B_LONG, add));
    assert_non_null(verdict_on(OP_VFP, B_LONG, add | 1u << 29));
    assert_non_null(verdict_on(OP_VFP, B_LONG, SIMD_B(24, 25, FN_COUNT_, 0, 0)));
    assert_non_null(verdict_on(OP_VFP, B_LONG, SIMD_B(24, 25, FN_NONE, 0, 0)));
    assert_non_null(verdict_on(OP_VFP, B_REG, 5));
}

/* The same of a bundle of two ops. */
static const char *verdict_on_two(struct vop one, struct vop two)
{
    static struct xlat xl;
    struct mdesc m;
    struct bundle bundle = {.nops = 2, .op = {one, two}};
    char err[100];
    machine_default(&m);
    assert_int_equal(machine_set(&m, "bundle.formats=mem+fp.mem+fp.imm.imm", err, sizeof err), 0);
    memset(&xl, 0, sizeof xl);
    xl.nwords = bundle_encode(&bundle, 0, xl.word);
    xl.nbundles = 1;
    assert_true(xl.nwords > 0);
    return xlat_verify(&m, &xl);
}

static void wide_verifier_bites(void **state)
{
    (void)state;
    const struct vop load = {.opc = OP_GLDW, .rd = 5, .ra = 40, .bmode = B_SHORT},
                     store = {.opc = OP_GSTQ, .rd = 6, .ra = 40, .bmode = B_SHORT},
                     add = {.opc = OP_WADD, .rd = 16, .ra = 17, .bmode = B_SHORT, .imm = 18},
                     from5 = {.opc = OP_WMUL, .rd = 19, .ra = 5, .bmode = B_SHORT, .imm = 18},
                     from16 = {.opc = OP_WLD, .rd = 20, .bmode = B_SHORT, .imm = 16},
                     c1 = {.opc = OP_WST, .rd = 6 + WIDE_C1, .bmode = B_SHORT, .imm = 17},
                     put = {.opc = OP_WPUT, .ra = 1, .bmode = B_SHORT, .imm = 18 << 2},
                     simd = {.opc = OP_VALU,
                             .bmode = B_LONG,
                             .imm = (int32_t)SIMD_B(24, 17, FN_ADDB, 0, 0)},
                     mask = {.opc = OP_VALU,
                             .bmode = B_LONG,
                             .imm = (int32_t)SIMD_B(16, 5, FN_MOVMSKB, 0, 0)};
    assert_null(verdict_on_two(load, store));
    assert_null(verdict_on_two(load, add));
    assert_null(verdict_on_two(add, simd));
    assert_non_null(verdict_on_two(store, c1));
    assert_non_null(verdict_on_two(load, from5));
    assert_non_null(verdict_on_two(from5, load));
    assert_non_null(verdict_on_two(add, from16));
    assert_non_null(verdict_on_two(add, put));
    assert_non_null(verdict_on_two(add, add));
    assert_non_null(verdict_on_two(load, mask));
}

static void load_machine(struct mdesc *m, const char *name)
{
    char path[100], err[200];
    snprintf(path, sizeof path, "machines/%s.ini", name);
    if (machine_load(m, path, err, sizeof err))
        fail_msg("%s", err);
}

static const char *const machines[] = {"tm5800", "tm8600", "vliw4"};

/* The automaton answers as mdesc_place does, for random bundles. */
static void automaton(void **state)
{
    static const uint8_t ops[] = {OP_ADD, OP_SLL, OP_MUL, OP_GLD32, OP_JAL, OP_VALU};
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct mdesc m;
        uint32_t yes = 0, no = 0;
        load_machine(&m, machines[k]);
        units_init(&m);
        srand(5);
        for (int t = 0; t < 20000; t++) {
            struct vop v[MAX_BUNDLE_OPS];
            uint8_t slot[MAX_BUNDLE_OPS];
            uint32_t s = 1, n = 1 + (uint32_t)rand() % 6;
            for (uint32_t i = 0; i < n; i++) {
                v[i] = (struct vop){.opc = ops[rand() % 6], .bmode = rand() % 4 ? B_SHORT : B_LONG};
                s = s ? units_step(s, units_class(v[i].opc, v[i].bmode == B_LONG)) : 0;
                if (!s) {
                    n = i + 1;
                    break;
                }
                if (i + 1 == n)
                    assert_true(mdesc_place(&m, v, n, slot) >= 0);
            }
            if (!s && mdesc_place(&m, v, n, slot) >= 0)
                fail_msg("%s: the automaton refuses a bundle that fits", machines[k]);
            *(s ? &yes : &no) += 1;
        }
        assert_true(yes > 100 && no > 100);
    }
}

static uint32_t value(struct ir_group *g)
{
    return (uint32_t)rand() % 3 ? ir_get(g, (uint32_t)rand() % 8)
                                : ir_bini(g, OP_XOR, ir_get(g, (uint32_t)rand() % 8), rand() % 999);
}

/* A function of the SIMD ops on a few wide registers, or what has its place among them. */
static void random_simd(struct ir_group *g, uint32_t reg)
{
    static const uint16_t fns[] = {FN_MOVE,   FN_ADDB,  FN_MULLW, FN_ADDPS,
                                   FN_COMISS, FN_EXTRW, FN_DIVPS, FN_CVTSS2SI};
    uint32_t fn = fns[rand() % 8], d = 24 + (uint32_t)rand() % 4, s = 24 + (uint32_t)rand() % 4;
    switch (rand() % 8) {
    case 0:
        ir_wide(g, rand() & 1 ? OP_GLDQ : OP_GSTQ, ir_address(g, value(g), rand() % 64), d);
        break;
    case 1: ir_put(g, reg, ir_emiti(g, OP_MFS, 0, SR_MXCSR, 0)); break;
    case 2: ir_emiti(g, OP_MTS, value(g), SR_MXCSR, 0); break;
    case 3: ir_emiti(g, OP_WPUT, value(g), (int32_t)(4 * d), 0); break;
    default: {
        uint32_t v = ir_emiti(g, simd_fn_op[fn], 0, (int32_t)SIMD_B(d, s, fn, 0, 0), 0);
        if (simd_fn_reads_only(fn))
            ir_put(g, reg, v);
        break;
    }
    }
}

static void random_group(struct ir_group *g)
{
    uint32_t n = 1 + (uint32_t)rand() % 40;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t reg = (uint32_t)rand() % 8;
        struct ir_addr at = ir_address(g, value(g), rand() % 64);
        switch (rand() % 12) {
        case 9:
        case 10:
        case 11: random_simd(g, reg); break;
        case 0: ir_put(g, reg, ir_load(g, OP_GLD32, at)); break;
        case 1: ir_store(g, OP_GST16, at, value(g)); break;
        case 2: ir_put(g, reg, ir_emit(g, OP_ADCF32, value(g), value(g), 0)); break;
        case 3: ir_put(g, reg, ir_emiti(g, OP_SETCC, 0, rand() % 16, 0)); break;
        case 4: ir_put(g, reg, ir_emit(g, OP_SHLF32, value(g), value(g), 0)); break;
        case 5: ir_put(g, reg, ir_get(g, (uint32_t)rand() % 8)); break;
        case 6: ir_put(g, reg, ir_tied(g, OP_UDIVQ, value(g), value(g), value(g))); break;
        case 7: sum_twin(g, reg, rand() % 400 - 200); break;
        default: ir_put(g, reg, ir_select(g, (uint32_t)rand() % 16, value(g), value(g))); break;
        }
    }
}

static bool is_tied(uint32_t op)
{
    uint32_t f = op_table[op].format;
    return f == FMT_RRBX || f == FMT_RRX || f == FMT_RRC;
}

/* Whether value i is read after that cycle. */
static bool lives_past(uint32_t i, uint32_t cycle)
{
    for (uint32_t k = i + 1; k < x.g.n; k++) {
        const struct ir *r = &x.g.r[k];
        if (r->op != OP_NOP && (r->a == i || r->b == i || r->c == i) && r->cycle > cycle)
            return true;
    }
    return false;
}

/* The wide registers that a record names, those it writes, and whether it reads or writes MXCSR. */
struct wide_use {
    uint32_t names, writes;
    bool mxcsr, moves_mxcsr;
};

static struct wide_use wide_use(const struct ir *r)
{
    struct wide_use u = {0};
    uint32_t b = (uint32_t)r->imm, d = 1u << SIMD_D(b), s = 1u << SIMD_S(b);
    switch (r->op) {
    case OP_GLDQ: u.names = u.writes = 1u << r->wide; break;
    case OP_GSTQ: u.names = 1u << r->wide; break;
    case OP_WPUT: u.names = u.writes = 1u << (b >> 2); break;
    case OP_MFS:
    case OP_MTS: u.moves_mxcsr = true; break;
    case OP_VFP:
    case OP_VFDIV: u.mxcsr = true; /* fall through */
    case OP_VALU:
    case OP_VMUL:
        u.names = d | s;
        u.writes = simd_fn_reads_only(SIMD_FN(b)) ? 0 : d;
        break;
    default: break;
    }
    return u;
}

/* Everything that a schedule must keep, looked at from the finished schedule. */
static void check_schedule(const char *name)
{
    const struct ir_group *g = &x.g;
    for (uint32_t i = IR_BODY; i < g->n; i++) {
        const struct ir *r = &g->r[i];
        if (r->op == OP_NOP)
            continue;
        uint32_t refs[3] = {r->a, r->b, r->c};
        for (int k = 0; k < 3; k++)
            if (refs[k] >= IR_BODY && g->r[refs[k]].cycle >= r->cycle)
                fail_msg("%s: an op before its operand", name);
        for (uint32_t j = i + 1; j < g->n; j++) {
            const struct ir *q = &g->r[j];
            if (q->op == OP_NOP)
                continue;
            struct ir_cc er = ir_cc_effect(r), eq = ir_cc_effect(q);
            uint32_t ci = r->cycle, cj = q->cycle;
            if (er.may && (eq.may || eq.read) && cj <= ci)
                fail_msg("%s: flags used or written too early", name);
            if (er.read && eq.may && cj < ci)
                fail_msg("%s: flags overwritten before their reader", name);
            bool gst_i = op_table[r->op].order == ORD_GST, gst_j = op_table[q->op].order == ORD_GST;
            bool gld_i = op_table[r->op].order == ORD_GLD, gld_j = op_table[q->op].order == ORD_GLD;
            if ((gst_i && (gld_j || gst_j)) || (gld_i && gst_j)) {
                struct ir_access a = ir_access(g, i), b = ir_access(g, j);
                bool apart = a.base == b.base &&
                             (a.off + (int32_t)a.size <= b.off || b.off + (int32_t)b.size <= a.off);
                if (!apart && (gst_i ? cj <= ci : cj < ci))
                    fail_msg("%s: memory accesses out of order", name);
            }
            struct wide_use ur = wide_use(r), uq = wide_use(q);
            if (((ur.writes & uq.names) | (ur.names & uq.writes)) && cj <= ci)
                fail_msg("%s: wide registers out of order", name);
            if ((ur.moves_mxcsr && (uq.mxcsr || uq.moves_mxcsr)) || (ur.mxcsr && uq.moves_mxcsr))
                if (cj <= ci)
                    fail_msg("%s: MXCSR out of order", name);
            if (q->home)
                for (int k = 0; k < 3; k++)
                    if (refs[k] == (uint32_t)(q->home - GUEST_REG0 + 1) && cj < ci)
                        fail_msg("%s: an entry value overwritten before its reader", name);
            /* Two values in one register at one time: j is made while i is still to be read. */
            if (r->reg && r->reg == q->reg && r->flags & IRF_USED && q->flags & IRF_USED &&
                !q->home && !is_tied(q->op) && lives_past(i, q->cycle) && ci < cj)
                fail_msg("%s: a register given twice", name);
        }
        if (is_tied(r->op) && r->reg != g->r[r->c].reg)
            fail_msg("%s: a tied op in another register", name);
    }
}

static void schedules(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct mdesc m;
        load_machine(&m, machines[k]);
        units_init(&m);
        srand(11);
        for (int t = 0; t < 3000; t++) {
            struct ir_group *g = begin(&m);
            random_group(g);
            ir_commit(g);
            const char *why = ir_verify(g);
            if (why)
                fail_msg("%s: %s", machines[k], why);
            pass_dead(g);
            why = ir_verify(g);
            if (why)
                fail_msg("%s, after pass_dead: %s", machines[k], why);
            x.s.in_order = t & 1;
            g->end.kind = END_JUMP;
            if (!sched_group(&x) || !reg_group(&x))
                continue;
            g->n--; /* the branch */
            check_schedule(machines[k]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding),
        cmocka_unit_test(accesses),
        cmocka_unit_test(dead_flags),
        cmocka_unit_test(branches),
        cmocka_unit_test(branch_on_entry),
        cmocka_unit_test(twins),
        cmocka_unit_test(homes),
        cmocka_unit_test(verifier_bites),
        cmocka_unit_test(simd_verifier_bites),
        cmocka_unit_test(wide_verifier_bites),
        cmocka_unit_test(automaton),
        cmocka_unit_test(schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Wide guest accesses (gldw gldwz glddz gstw gstd gldq gstq gldqa gstqa): values at every alignment
 * and across pages, forwarding and gating against a plain model, traps, atomicity of bundles, room
 * in the store buffer, and what they cost in the caches.
 */
#include "tests/unit/vmkit.h"

/* Two pages that follow each other in linear addresses and not in physical ones. */
enum { LA = 0x400000, FRAME = 0x9000, FRAME2 = 0x5000, TOP = WIDE_SHADOW0 };

static struct kit wide_kit(const char *o1, const char *o2)
{
    struct kit k = kit_new_p(NULL, o1, o2, (const char *)NULL);
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    kit_tlb(&k, LA + 4096, FRAME2 | KIT_RWX);
    return k;
}

static uint8_t *byte_at(struct kit *k, uint32_t la)
{
    uint32_t off = la - LA;
    return vm_mem(k->vm, off < 4096 ? FRAME + off : FRAME2 + off - 4096, 1);
}

static void fill(struct kit *k)
{
    for (uint32_t i = 0; i < 8192; i++)
        *byte_at(k, LA + i) = (uint8_t)(i * 7 + (i >> 8));
}

static void get_wide(struct kit *k, unsigned w, uint8_t to[16])
{
    for (unsigned i = 0; i < 4; i++) {
        struct vop op = OP_I(WGET, 6, 0, w * 4 + i);
        assert_int_equal(vm_exec1(k->vm, &op, false, 0), T_NONE);
        uint32_t v = vm_reg(k->vm, 6);
        memcpy(to + 4 * i, &v, 4);
    }
}

static void set_wide(struct kit *k, unsigned w, const uint8_t from[16])
{
    for (unsigned i = 0; i < 4; i++) {
        struct vop op = OP_I(WPUT, 0, 6, w * 4 + i);
        uint32_t v;
        memcpy(&v, from + 4 * i, 4);
        vm_set_reg(k->vm, 6, v);
        assert_int_equal(vm_exec1(k->vm, &op, false, 0), T_NONE);
    }
}

static enum trap_code access_at(struct kit *k, enum op_code opc, unsigned w, uint32_t la)
{
    struct vop op = {.opc = (uint8_t)opc, .rd = (uint8_t)w, .ra = 5, .bmode = B_SHORT, .imm = 8};
    vm_set_reg(k->vm, 5, la - 8);
    return vm_exec1(k->vm, &op, false, 0);
}

static void commit(struct kit *k)
{
    struct vop nop = {.opc = OP_NOP};
    assert_int_equal(vm_exec1(k->vm, &nop, true, 0), T_NONE);
}

static const struct access {
    enum op_code load, store;
    unsigned size;
    bool aligned, zero; /* zero: the load leaves 0 in the rest */
} accesses[] = {{OP_GLDW, OP_GSTW, 8, false, false},
                {OP_GLDQ, OP_GSTQ, 16, false, false},
                {OP_GLDQA, OP_GSTQA, 16, true, false},
                {OP_GLDWZ, OP_GSTW, 8, false, true},
                {OP_GLDDZ, OP_GSTD, 4, false, true}};
enum { NACCESSES = sizeof accesses / sizeof accesses[0] };

static void test_values(void **state)
{
    (void)state;
    struct kit k = wide_kit(NULL, NULL);
    fill(&k);
    for (unsigned n = 0; n < NACCESSES; n++)
        for (uint32_t la = LA + 4096 - 40; la < LA + 4096 + 40; la++)
            for (unsigned again = 0; again < 2;
                 again++) { /* the second time the short way, if any */
                const struct access *a = &accesses[n];
                uint8_t want[16], got[16], datum[16];
                bool bad = a->aligned && (la & 15);
                memset(want, 0xa5, 16);
                set_wide(&k, 3, want);
                if (a->zero)
                    memset(want, 0, 16);
                for (unsigned i = 0; i < a->size && !bad; i++)
                    want[i] = *byte_at(&k, la + i);
                assert_int_equal(access_at(&k, a->load, 3, la), bad ? T_ALIGN : T_NONE);
                get_wide(&k, 3, got);
                assert_memory_equal(got, want, 16);
                for (unsigned i = 0; i < 16; i++)
                    datum[i] = (uint8_t)(la * 5 + i * 3 + again);
                set_wide(&k, TOP + 3, datum);
                commit(&k);
                assert_int_equal(access_at(&k, a->store, TOP + 3, la), bad ? T_ALIGN : T_NONE);
                for (unsigned i = 0; i < a->size && !bad; i++)
                    assert_int_equal(*byte_at(&k, la + i), want[i]); /* gated */
                commit(&k);
                for (unsigned i = 0; i < a->size && !bad; i++)
                    assert_int_equal(*byte_at(&k, la + i), datum[i]);
                fill(&k);
            }
    kit_check_cycles(&k);
    kit_free(&k);
}

static uint32_t seed = 12345;
static uint32_t rnd(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Random stores and loads of all sizes in a small window, with commits and rollbacks. */
static void against_model(const char *stall, const char *entries)
{
    static const enum op_code small_store[3] = {OP_GST8, OP_GST16, OP_GST32},
                              small_load[3] = {OP_GLD8, OP_GLD16, OP_GLD32};
    struct kit k = wide_kit(stall, entries);
    uint8_t now[96], kept[96];
    const uint32_t base = LA + 4096 - 48; /* the page boundary in the middle */
    fill(&k);
    for (unsigned i = 0; i < 96; i++)
        now[i] = kept[i] = *byte_at(&k, base + i);
    for (unsigned step = 0; step < 40000; step++) {
        unsigned how = rnd() % 8, kind = rnd() % (3 + NACCESSES);
        unsigned size = kind < 3 ? 1u << kind : accesses[kind - 3].size;
        uint32_t off = rnd() % (96 - size);
        if (kind == 5)
            off &= ~15u;
        uint32_t la = base + off;
        if (how == 0) {
            commit(&k);
            memcpy(kept, now, 96);
            for (unsigned i = 0; i < 96; i++)
                assert_int_equal(*byte_at(&k, base + i), kept[i]);
        } else if (how < 4) {
            uint8_t datum[16];
            for (unsigned i = 0; i < 16; i++)
                datum[i] = (uint8_t)rnd();
            enum trap_code t;
            if (kind < 3) {
                struct vop op = {
                    .opc = (uint8_t)small_store[kind], .rd = 7, .ra = 5, .bmode = B_SHORT};
                uint32_t v;
                memcpy(&v, datum, 4);
                vm_set_reg(k.vm, 5, la);
                vm_set_reg(k.vm, 7, v);
                t = vm_exec1(k.vm, &op, false, 0);
            } else {
                set_wide(&k, 2, datum);
                t = access_at(&k, accesses[kind - 3].store, 2, la);
            }
            if (t == T_NONE) {
                memcpy(now + off, datum, size);
            } else { /* full: everything since the commit is gone */
                assert_int_equal(t, T_SB_FULL);
                memcpy(now, kept, 96);
            }
        } else if (kind < 3) {
            struct vop op = {.opc = (uint8_t)small_load[kind], .rd = 7, .ra = 5, .bmode = B_SHORT};
            uint32_t want = 0;
            memcpy(&want, now + off, size);
            vm_set_reg(k.vm, 5, la);
            assert_int_equal(vm_exec1(k.vm, &op, false, 0), T_NONE);
            assert_int_equal(vm_reg(k.vm, 7), want);
        } else {
            uint8_t got[16], rest[16] = {0};
            assert_int_equal(access_at(&k, accesses[kind - 3].load, 2, la), T_NONE);
            get_wide(&k, 2, got);
            assert_memory_equal(got, now + off, size);
            if (accesses[kind - 3].zero)
                assert_memory_equal(got + size, rest, 16 - size);
        }
    }
    kit_check_cycles(&k);
    kit_free(&k);
}

static void test_forwarding(void **state)
{
    (void)state;
    against_model("mem.stall=miss", "sb.entries=32");
    against_model("mem.stall=use", "sb.entries=32");
    against_model("mem.stall=miss", "sb.entries=4");
    against_model("mem.stall=use", "sb.entries=5");
}

static void test_traps(void **state)
{
    (void)state;
    struct kit k = wide_kit(NULL, NULL);
    const struct vm_stats *st;
    fill(&k);
    assert_int_equal(access_at(&k, OP_GLDQA, 1, LA + 8), T_ALIGN);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), 16);
    assert_int_equal(vm_special(k.vm, SR_TRAP_ADDR), LA + 8);
    /* Alignment comes before the page. */
    assert_int_equal(access_at(&k, OP_GSTQA, 1, 0x800008), T_ALIGN);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), 16);
    assert_int_equal(access_at(&k, OP_GSTQ, 1, 0x800008), T_TLB_MISS);
    struct kit f = wide_kit(NULL, NULL);
    kit_tlb(&f, LA + 4096, FRAME2 | TLB_V | TLB_R);
    assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 4096 - 12), T_PERM);
    assert_int_equal(vm_special(f.vm, SR_TRAP_ADDR), LA + 4096);
    assert_int_equal(vm_special(f.vm, SR_TRAP_INFO) & ACC_WRITE, ACC_WRITE);
    assert_int_equal(access_at(&f, OP_GLDQ, 1, LA + 4096 - 12), T_NONE);
    kit_free(&f);
    /* Alignment checking: of 8 bytes and fewer. */
    f = wide_kit(NULL, NULL);
    kit_mts(&f, SR_ALIGN_CHECK, 1);
    commit(&f);
    assert_int_equal(access_at(&f, OP_GLDQ, 1, LA + 8), T_NONE);
    assert_int_equal(access_at(&f, OP_GLDQ, 1, LA + 3), T_NONE);
    assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 5), T_NONE);
    assert_int_equal(access_at(&f, OP_GLDW, 1, LA + 4), T_ALIGN);
    assert_int_equal(vm_special(f.vm, SR_TRAP_INFO), ACC_READ | 8);
    assert_int_equal(access_at(&f, OP_GSTW, 1, LA + 4), T_ALIGN);
    assert_int_equal(vm_special(f.vm, SR_TRAP_INFO), ACC_WRITE | 8);
    assert_int_equal(access_at(&f, OP_GLDDZ, 1, LA + 4), T_NONE);
    assert_int_equal(access_at(&f, OP_GSTD, 1, LA + 4), T_NONE);
    assert_int_equal(access_at(&f, OP_GLDDZ, 1, LA + 6), T_ALIGN);
    assert_int_equal(vm_special(f.vm, SR_TRAP_INFO), ACC_READ | 4);
    assert_int_equal(access_at(&f, OP_GSTD, 1, LA + 6), T_ALIGN);
    kit_free(&f);
    /* A marked chunk of 128 bytes that only the last byte reaches. */
    f = wide_kit(NULL, NULL);
    kit_exec(&f, OP_TBSET, FRAME, 1u << 1);
    assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 128 - 16), T_NONE);
    assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 128 - 15), T_TBIT);
    assert_int_equal(vm_special(f.vm, SR_TRAP_ADDR), LA + 128);
    assert_int_equal(vm_special(f.vm, SR_TRAP_INFO), FRAME + 128);
    kit_free(&f);
    /* 16 bytes: two entries, three unless 8-aligned; those that are there already count. */
    f = wide_kit("sb.entries=4", NULL);
    for (unsigned warm = 0; warm < 2; warm++) {
        commit(&f);
        assert_int_equal(access_at(&f, OP_GSTQA, 1, LA), T_NONE);
        assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 24), T_NONE);
        assert_int_equal(access_at(&f, OP_GSTQ, 1, LA), T_NONE);
        assert_int_equal(access_at(&f, OP_GSTW, 1, LA + 28), T_NONE);
        assert_int_equal(access_at(&f, OP_GSTW, 1, LA + 16), T_SB_FULL);
        commit(&f);
        assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 4), T_NONE);
        assert_int_equal(access_at(&f, OP_GSTQ, 1, LA + 32), T_SB_FULL);
    }
    st = vm_stats(f.vm);
    assert_int_equal(st->sb_max, 4);
    kit_free(&f);
    kit_free(&k);
}

/* A bundle that traps has left no wide register changed; all reads come before all writes. */
static bool bundles(unsigned broken)
{
    struct kit k = wide_kit(NULL, NULL);
    uint8_t old[16], got[16], mem[16];
    bool ok = true;
    vm_test_break(k.vm, broken);
    fill(&k);
    memset(old, 0x3c, 16);
    set_wide(&k, 4, old);
    vm_set_reg(k.vm, 5, LA + 64);
    vm_set_reg(k.vm, 7, 0x900000); /* no page */
    BUNDLE(&k, OP_I(GLDQ, 4, 5, 0), OP_I(GLD32, 8, 7, 0));
    ok = kit_run(&k, k.base) == KIT_HALT_RESTART;
    get_wide(&k, 4, got);
    ok = ok && memcmp(got, old, 16) == 0;
    kit_free(&k);
    k = wide_kit(NULL, NULL);
    vm_test_break(k.vm, broken);
    fill(&k);
    set_wide(&k, 4, old);
    vm_set_reg(k.vm, 5, LA + 64);
    BUNDLE(&k, OP_I(GLDQ, 4, 5, 0), OP_I(GSTQ, 4, 5, 64), OP_I(GLDW, 6, 5, 64));
    COMMIT(&k, 0, {.opc = OP_NOP});
    HALT(&k);
    memcpy(mem, byte_at(&k, LA + 128), 16);
    ok = ok && kit_run(&k, k.base) == 0;
    get_wide(&k, 4, got);
    ok = ok && memcmp(got, byte_at(&k, LA + 64), 16) == 0;
    get_wide(&k, 6, got);
    ok = ok && memcmp(got, mem, 8) == 0;
    ok = ok && memcmp(byte_at(&k, LA + 128), old, 16) == 0;
    kit_free(&k);
    /* Two gated stores, of which the second is refused. */
    k = wide_kit(NULL, NULL);
    vm_test_break(k.vm, broken);
    set_wide(&k, 4, old);
    vm_set_reg(k.vm, 5, LA + 64);
    vm_set_reg(k.vm, 7, LA + 68);
    memcpy(mem, byte_at(&k, LA + 64), 16);
    BUNDLE(&k, OP_I(GSTQ, 4, 5, 0), OP_I(GSTQA, 4, 7, 0));
    ok = ok && kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    COMMIT(&k, 0, {.opc = OP_NOP});
    ok = ok && memcmp(byte_at(&k, LA + 64), mem, 16) == 0 && vm_special(k.vm, SR_TRAP_INFO) == 16;
    kit_free(&k);
    return ok;
}

static void test_bundles(void **state)
{
    (void)state;
    assert_true(bundles(BREAK_NOTHING));
    assert_false(bundles(BREAK_ATOMIC));
}

/* Look-ups in L1D: 8 bytes, 8-aligned, one; else two of 4, and one more if such a piece crosses a
 * line of 32; 16 bytes two of 8. */
static void test_lookups(void **state)
{
    (void)state;
    static const struct {
        enum op_code op;
        uint32_t off, looks;
    } t[] = {{OP_GLDW, 0, 1},    {OP_GLDW, 24, 1}, {OP_GLDW, 4, 2},   {OP_GLDW, 1, 2},
             {OP_GLDW, 28, 2},   {OP_GLDW, 29, 3}, {OP_GLDQ, 16, 2},  {OP_GLDQ, 24, 2},
             {OP_GLDQ, 4, 4},    {OP_GLDQ, 18, 5}, {OP_GLDQA, 32, 2}, {OP_GSTW, 8, 1},
             {OP_GSTW, 12, 2},   {OP_GSTQ, 8, 2},  {OP_GSTQ, 9, 4},   {OP_GSTQA, 16, 2},
             {OP_GLDQ, 4088, 2}, {OP_GLDDZ, 4, 1}, {OP_GLDDZ, 30, 2}, {OP_GSTD, 28, 1},
             {OP_GSTD, 3, 1},    {OP_GSTD, 31, 2}, {OP_GLDWZ, 12, 2}};
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
        for (unsigned warm = 0; warm < 2; warm++) {
            struct kit k = wide_kit(NULL, NULL);
            for (unsigned n = 0; n < warm; n++)
                assert_int_equal(access_at(&k, t[i].op, 1, LA + t[i].off), T_NONE);
            commit(&k);
            uint64_t before = vm_stats(k.vm)->l1d_accesses;
            assert_int_equal(access_at(&k, t[i].op, 1, LA + t[i].off), T_NONE);
            if (vm_stats(k.vm)->l1d_accesses - before != t[i].looks)
                fail_msg("%s at %u: %u look-ups", op_table[t[i].op].name, t[i].off,
                         (unsigned)(vm_stats(k.vm)->l1d_accesses - before));
            kit_free(&k);
        }
}

/* With mem.stall = use nobody waits but who names the register: a miss of 80 + latency 3. */
static void test_miss(void **state)
{
    (void)state;
    struct kit k =
        kit_new_p(NULL, "mem.stall=use", "l1d.size_kb=1", "l2.size_kb=0", "mem.latency_ns=100",
                  "core.mhz=800", "lat.load=3", (const char *)NULL);
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    vm_set_reg(k.vm, 5, LA);
    vm_set_reg(k.vm, 7, 3);
    COMMIT(&k, 0, OP_I(GLDQ, 3, 5, 24)); /* two lines, two misses at once */
    COMMIT(&k, 0, OP_I(GLDW, 4, 5, 24)); /* joins the first */
    COMMIT(&k, 0, OP_R(FLD, 0, 7, 7));   /* names w3 */
    HALT(&k);
    const struct vm_stats *st = vm_stats(k.vm);
    kit_run(&k, k.base);
    /* Issued at t, ready at t + 83; the fld would issue at t + 2. */
    uint64_t sum = 0;
    for (int p = 0; p < PH_COUNT_; p++)
        sum += st->phase_cause[p][CA_LONGOP];
    assert_int_equal(sum, 81);
    assert_int_equal(st->l1d_misses, 3);
    kit_check_cycles(&k);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_forwarding),
        cmocka_unit_test(test_traps),   cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_lookups), cmocka_unit_test(test_miss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

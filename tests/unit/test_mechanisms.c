/* SPDX-License-Identifier: MIT */
/*
 * The mechanisms that keep guests right: each is exercised on the real machine, and on one where it
 * is deliberately broken, where the same exercise must notice. An exercise returns whether the
 * machine did right. (What has no broken variant: test_engine_memory.c, test_engine_traps.c.)
 */
#include "tests/unit/vmkit.h"

enum { LA = 0x400000, FRAME = 0x5000, LA2 = 0x700000 };

static struct kit broken_kit(unsigned what)
{
    struct kit k = KIT("sb.entries=8");
    vm_test_break(k.vm, what);
    kit_tlb(&k, LA, FRAME | KIT_RWX);
    return k;
}

#define TRY(what, exercise)                                                                        \
    static void test_##exercise(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        assert_true(exercise(BREAK_NOTHING));                                                      \
        assert_false(exercise(what));                                                              \
    }

/* Shadowed registers, condition codes and r16..r31 come back to what the last commit saw; r1..r15
 * do not. */
static bool commit_and_rollback(unsigned what)
{
    struct kit k = broken_kit(what);
    BUNDLE(&k, OP_MOVI(32, 11), OP_MOVI(63, 12), OP_MOVI(16, 13), OP_MOVI(15, 14),
           OP_MOVI(4, 0x41));
    BUNDLE(&k, OP_I(WRCC, 0, 4, F_ALL));
    COMMIT(&k, 0, OP_MOVI(40, 15)); /* writes of the committing bundle are committed */
    BUNDLE(&k, OP_MOVI(32, 21), OP_MOVI(63, 22), OP_MOVI(16, 23), OP_MOVI(15, 24), OP_MOVI(40, 25),
           OP_R(SUBF32, 0, 0, 4));
    BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT, .imm = 5});
    bool ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    struct vm *vm = k.vm;
    ok = ok && vm_special(vm, SR_TRAP_CODE) == T_EXIT && vm_special(vm, SR_TRAP_INFO) == 5;
    ok = ok && vm_reg(vm, 32) == 11 && vm_reg(vm, 63) == 12 && vm_reg(vm, 16) == 13 &&
         vm_reg(vm, 40) == 15;
    ok = ok && vm_reg(vm, 15) == 24 && vm_cc(vm) == 0x41;
    kit_check_cycles(&k);
    kit_free(&k);
    return ok;
}

static void test_commit(void **state)
{
    (void)state;
    assert_true(commit_and_rollback(BREAK_NOTHING));
    assert_false(commit_and_rollback(BREAK_COMMIT));
}
TRY(BREAK_ROLLBACK, commit_and_rollback)

/* Gated stores reach memory at the commit, and not at all after a rollback. */
static bool gated_stores(unsigned what)
{
    struct kit k = broken_kit(what);
    uint32_t vec = k.base + 0x6000;
    k.pc = vec;
    COMMIT(&k, 0, OP_MOVI(9, 1));
    HALT(&k);
    kit_mts(&k, SR_VEC_ROLLBACK, vec);
    k.pc = k.base;
    BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, 0x11223344));
    BUNDLE(&k, OP_I(GST32, 6, 5, 0));
    BUNDLE(&k, OP_I(LW, 7, 0, FRAME)); /* native: memory has not changed yet */
    COMMIT(&k, 0, OP_I(GST8, 6, 5, 5));
    BUNDLE(&k, OP_I(LW, 8, 0, FRAME), OP_I(LW, 9, 0, FRAME + 4));
    BUNDLE(&k, OP_I(GST32, 0, 5, 0));
    BUNDLE(&k, {.opc = OP_EXIT, .bmode = B_SHORT});
    bool ok = kit_run(&k, k.base) == 0;
    ok = ok && vm_reg(k.vm, 7) == 0 && vm_reg(k.vm, 8) == 0x11223344;
    ok = ok && kit_word(&k, FRAME) == 0x11223344 && kit_word(&k, FRAME + 4) == 0x4400;
    kit_free(&k);
    return ok;
}
TRY(BREAK_GATE, gated_stores)

/* All reads precede all writes. */
static bool reads_first(unsigned what)
{
    struct kit k = broken_kit(what);
    BUNDLE(&k, OP_MOVI(5, 1), OP_MOVI(6, 2), OP_MOVI(7, 3), OP_MOVI(8, LA));
    BUNDLE(&k, OP_I(GST32, 5, 8, 0));
    /* a rotation of three, a load of what a store in a lower slot changes, and a branch on an old
     * value */
    BUNDLE(&k, OP_R(MOV, 5, 0, 6), OP_R(MOV, 6, 0, 7), OP_R(MOV, 7, 0, 5), OP_I(GST32, 6, 8, 0),
           OP_I(GLD32, 8, 8, 0));
    uint32_t over = k.pc + 4 * 64;
    BUNDLE(&k, OP_MOVI(9, 0), OP_TGT(BNZ, 0, 9, over));
    BUNDLE(&k, OP_MOVI(9, 7));
    BUNDLE(&k, OP_MOVI(9, 0), OP_TGT(BNZ, 0, 9, over));
    BUNDLE(&k, OP_MOVI(10, 99));
    k.pc = over;
    HALT(&k);
    bool ok = kit_run(&k, k.base) == 0;
    struct vm *vm = k.vm;
    ok = ok && vm_reg(vm, 5) == 2 && vm_reg(vm, 6) == 3 && vm_reg(vm, 7) == 1 && vm_reg(vm, 8) == 1;
    ok = ok && vm_reg(vm, 9) == 0 && vm_reg(vm, 10) == 0;
    kit_free(&k);
    return ok;
}
TRY(BREAK_ATOMIC, reads_first)

/* A bundle that traps has no effect, wherever in it the op that traps stands; the lowest slot's
 * trap wins. */
static bool trapping_bundle(unsigned what)
{
    struct kit k = broken_kit(what);
    bool ok = true;
    kit_tlb(&k, LA + 0x1000, (FRAME + 0x1000) | TLB_V | TLB_R);
    kit_set_word(&k, FRAME + 8, 77);
    for (int variant = 0; variant < 4 && ok; variant++) {
        k.pc = k.base + 0x100 * (uint32_t)variant;
        uint32_t start = k.pc;
        BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, 66), OP_MOVI(7, LA + 0x1000), OP_MOVI(8, 88),
               OP_MOVI(9, 99));
        if (variant == 0) /* a store without permission, behind everything else */
            BUNDLE(&k, OP_I(ADD, 6, 6, 1), OP_I(GLD32, 8, 5, 8), OP_I(SW, 9, 0, FRAME + 16),
                   OP_I(GST32, 6, 7, 0));
        else if (variant == 1) /* before everything else */
            BUNDLE(&k, OP_I(GST32, 6, 7, 0), OP_I(GLD32, 8, 5, 8), OP_I(ADD, 6, 6, 1),
                   OP_I(SW, 9, 0, FRAME + 16));
        else if (variant == 2) /* two traps */
            BUNDLE(&k, OP_I(ADD, 6, 6, 1),
                   {.opc = OP_TRAPIF, .rd = CC_AE, .bmode = B_SHORT, .imm = 3},
                   OP_I(GST32, 6, 7, 0), OP_I(GLD32, 8, 5, 8), OP_I(SW, 9, 0, FRAME + 16));
        else /* a division */
            BUNDLE(&k, OP_I(ADD, 6, 6, 1), OP_R(LW, 8, 0, 5), OP_R(UDIVQ, 9, 6, 0));
        kit_set_word(&k, FRAME + 16, 55);
        ok = kit_run(&k, start) == KIT_HALT_ROLLBACK;
        ok = ok && vm_special(k.vm, SR_TRAP_CODE) == (uint32_t)(variant == 2   ? T_CODE
                                                                : variant == 3 ? T_DIVIDE
                                                                               : T_PERM);
        ok = ok && vm_reg(k.vm, 6) == 66 && vm_reg(k.vm, 8) == 88 && vm_reg(k.vm, 9) == 99;
        ok = ok && kit_word(&k, FRAME + 16) == 55;
    }
    kit_free(&k);
    return ok;
}
TRY(BREAK_ATOMIC, trapping_bundle)

/* Loads see the bytes of gated stores, byte by byte, by physical address, across chunks and pages.
 */
static bool forwarding(unsigned what)
{
    struct kit k = broken_kit(what);
    kit_tlb(&k, LA2, FRAME | KIT_RWX); /* the same frame again */
    kit_tlb(&k, LA2 + 0x1000, (FRAME + 0x1000) | KIT_RWX);
    kit_set_word(&k, FRAME + 8, 0xaabbccdd);
    kit_set_word(&k, FRAME + 12, 0x55667788);
    BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, LA2), OP_MOVI(7, 0x11223344));
    BUNDLE(&k, OP_I(GLD32, 8, 5, 8)); /* so that the short way is open */
    BUNDLE(&k, OP_I(GST8, 7, 5, 9));
    BUNDLE(&k, OP_I(GLD32, 8, 5, 8), OP_I(GLD16, 9, 6, 9), OP_I(GLD32, 10, 6, 10),
           OP_I(GLD8S, 12, 6, 11));
    BUNDLE(&k, OP_I(GST32, 7, 6, 0xffe)); /* across the pages */
    BUNDLE(&k, OP_I(GLD32, 11, 6, 0xffd));
    HALT(&k);
    bool ok = kit_run(&k, k.base) == 0;
    struct vm *vm = k.vm;
    ok = ok && vm_reg(vm, 8) == 0xaabb44dd && vm_reg(vm, 9) == 0xbb44 &&
         vm_reg(vm, 10) == 0x7788aabb;
    ok = ok && vm_reg(vm, 11) == 0x22334400 && vm_reg(vm, 12) == 0xffffffaa;
    kit_free(&k);
    return ok;
}
TRY(BREAK_FORWARD, forwarding)

/* A stam that overlaps by one byte a word recorded through another linear page traps; others do
 * not. */
static bool alias(unsigned what)
{
    struct kit k = broken_kit(what);
    kit_tlb(&k, LA2, FRAME | KIT_RWX);
    kit_set_word(&k, FRAME + 0x20, 5);
    BUNDLE(&k, OP_MOVI(5, LA + 0x20), OP_MOVI(6, LA2 + 0x23), OP_MOVI(7, LA2 + 0x24),
           OP_MOVI(9, 9));
    BUNDLE(&k, OP_I(LDP, 8, 5, 3));
    BUNDLE(&k, OP_I(STAM, 9, 7, 0xff)); /* next to it */
    BUNDLE(&k, OP_I(STAM, 9, 6, 0xf7)); /* over it, but its bit is not asked for */
    COMMIT(&k, 0, OP_I(LDP, 8, 5, 3));  /* the commit clears the entry */
    BUNDLE(&k, OP_I(STAM, 9, 6, 0xff));
    BUNDLE(&k, OP_I(LDP, 8, 5, 3), OP_MOVI(10, 1));
    BUNDLE(&k, OP_I(STAM, 9, 6, 0x08), OP_MOVI(10, 2));
    HALT(&k);
    bool ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    ok = ok && vm_special(k.vm, SR_TRAP_CODE) == T_ALIAS && vm_special(k.vm, SR_TRAP_INFO) == 3 &&
         vm_special(k.vm, SR_TRAP_ADDR) == LA2 + 0x23 && vm_reg(k.vm, 10) == 1;
    kit_free(&k);
    return ok;
}
TRY(BREAK_ALIAS, alias)

/* A store to a marked chunk traps before it acts, also where stores took the short way before. */
static bool tbits(unsigned what)
{
    struct kit k = broken_kit(what);
    BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, 6), OP_MOVI(7, FRAME));
    COMMIT(&k, 0, OP_I(GST32, 6, 5, 0x80));
    COMMIT(&k, 0, OP_I(GST32, 6, 5, 0x84));
    BUNDLE(&k, OP_I(TBSET, 0, 7, 2)); /* chunk 1: bytes 0x80 to 0xff */
    COMMIT(&k, 0, OP_I(GST32, 6, 5, 0x7c));
    COMMIT(&k, 0, OP_I(GST32, 6, 5, 0x100));
    BUNDLE(&k, OP_I(GLD32, 8, 5, 0x80));
    BUNDLE(&k, OP_I(PROBEW, 9, 5, 0x80), OP_I(PROBEW, 10, 5, 0x81));
    BUNDLE(&k, OP_I(GST32, 5, 5, 0x7d)); /* its last byte is in the chunk */
    HALT(&k);
    bool ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    struct vm *vm = k.vm;
    ok = ok && vm_special(vm, SR_TRAP_CODE) == T_TBIT &&
         vm_special(vm, SR_TRAP_ADDR) == LA + 0x80 && vm_special(vm, SR_TRAP_INFO) == FRAME + 0x80;
    ok = ok && vm_reg(vm, 8) == 6 && vm_reg(vm, 9) == 0 && vm_reg(vm, 10) == 1 + T_TBIT;
    ok = ok && kit_word(&k, FRAME + 0x7c) == 6 && kit_word(&k, FRAME + 0x80) == 6;
    kit_free(&k);
    return ok;
}
TRY(BREAK_TBITS, tbits)

static bool xchk(unsigned what)
{
    struct kit k = broken_kit(what);
    BUNDLE(&k, OP_MOVI(5, LA + 0x123));
    BUNDLE(&k, OP_I(XCHK, 0, 5, FRAME >> 12), OP_MOVI(6, 1));
    BUNDLE(&k, OP_I(XCHK, 0, 5, (FRAME >> 12) + 1), OP_MOVI(6, 2));
    HALT(&k);
    bool ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    ok = ok && vm_special(k.vm, SR_TRAP_CODE) == T_XCHK &&
         vm_special(k.vm, SR_TRAP_INFO) == (FRAME >> 12) + 1;
    ok = ok && vm_reg(k.vm, 6) == 1;
    kit_free(&k);
    return ok;
}
TRY(BREAK_XCHK, xchk)

/* A TLB miss in the second of two memory ops: the handler has registers of its own and the bundle
 * runs again whole. */
static bool restartable(unsigned what)
{
    struct kit k = broken_kit(what);
    uint32_t handler = k.base + 0x6000;
    k.pc = handler;
    BUNDLE(&k, OP_I(MFS, 5, 0, SR_TRAP_ADDR), OP_I(MFS, 7, 0, SR_TRAP_CODE),
           OP_I(MFS, 8, 0, SR_TRAP_INFO));
    BUNDLE(&k, OP_I(SW, 5, 0, 0x8000), OP_I(SW, 7, 0, 0x8004), OP_I(SW, 8, 0, 0x8008),
           OP_I(SW, 2, 0, 0x800c));
    BUNDLE(&k, OP_I(TLBW, 0, 5, (FRAME + 0x1000) | KIT_RWX), OP_R(SUBF32, 0, 0, 5),
           OP_MOVI(9, 1000));
    BUNDLE(&k, {.opc = OP_RFE, .bmode = B_REG});
    kit_mts(&k, SR_VEC_RESTART, handler);
    kit_mts(&k, SR_STACK2, 0x7777);
    kit_set_word(&k, FRAME, 40);
    k.pc = k.base;
    BUNDLE(&k, OP_MOVI(5, LA), OP_MOVI(6, LA + 0x1000), OP_MOVI(7, 700), OP_MOVI(9, 900),
           OP_MOVI(2, 200));
    BUNDLE(&k, OP_R(ADDF32, 0, 0, 5)); /* flags: NZ, no carry */
    uint32_t at = BUNDLE(&k, OP_I(ADD, 7, 7, 1), OP_I(GST32, 9, 5, 0), OP_I(GLD32, 10, 5, 0),
                         OP_I(GLD32, 11, 6, 4));
    COMMIT(&k, 0, OP_R(MOV, 32, 0, 7), OP_C(SETCC, 12, 0, CC_B));
    HALT(&k);
    kit_set_word(&k, FRAME + 0x1004, 41);
    bool ok = kit_run(&k, k.base) == 0;
    struct vm *vm = k.vm;
    ok = ok && kit_word(&k, 0x8000) == LA + 0x1004 && kit_word(&k, 0x8004) == T_TLB_MISS;
    ok = ok && kit_word(&k, 0x8008) == (ACC_READ | 4) && kit_word(&k, 0x800c) == 0x7777;
    ok = ok && vm_reg(vm, 5) == LA && vm_reg(vm, 7) == 701 && vm_reg(vm, 9) == 900 &&
         vm_reg(vm, 2) == 200;
    ok = ok && vm_reg(vm, 10) == 40 && vm_reg(vm, 11) == 41 && vm_reg(vm, 12) == 0 &&
         kit_word(&k, FRAME) == 900;
    ok = ok && vm_special(vm, SR_COMMIT_PC) > at && vm_stats(vm)->restarts == 1;
    ok = ok && vm_special(vm, SR_TRAP_CODE) == T_NONE; /* no rollback trap has happened */
    kit_check_cycles(&k);
    kit_free(&k);
    return ok;
}
TRY(BREAK_BANK, restartable)

static void test_rfe(void **state)
{
    (void)state;
    assert_true(restartable(BREAK_NOTHING));
    assert_false(restartable(BREAK_RESTART));
    assert_false(restartable(BREAK_ATOMIC));
}

/* A commit may reach the deadline but not pass it; one that would has no effect. */
static bool deadline(unsigned what)
{
    struct kit k = broken_kit(what);
    kit_mts(&k, SR_DEADLINE, 5);
    kit_mts(&k, SR_DEADLINE_HI, 0);
    COMMIT(&k, 3, OP_MOVI(5, 1), OP_MOVI(32, 1));
    COMMIT(&k, 2, OP_MOVI(5, 2), OP_MOVI(32, 2));
    uint32_t at = COMMIT(&k, 1, OP_MOVI(5, 3), OP_MOVI(32, 3));
    HALT(&k);
    bool ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    ok = ok && vm_special(k.vm, SR_TRAP_CODE) == T_DEADLINE && vm_special(k.vm, SR_TRAP_PC) == at;
    ok = ok && vm_retired(k.vm) == 5 && vm_reg(k.vm, 5) == 2 && vm_reg(k.vm, 32) == 2;
    kit_free(&k);
    return ok;
}
TRY(BREAK_DEADLINE, deadline)

static void test_retired(void **state)
{
    (void)state;
    assert_false(deadline(BREAK_RETIRED));
}

/* A translation is found under the mode it was made for; what rollback restores includes the mode.
 */
static bool mode_word(unsigned what)
{
    struct kit k = broken_kit(what);
    uint32_t to = k.base + 0x500;
    struct vop j = OP_I(JTLB, 0, 0, 0x1000);
    kit_exec(&k, OP_JTLBW, 0x1000, to);
    bool ok = vm_exec1(k.vm, &j, false, 0) == T_NONE && vm_pc(k.vm) == to;
    kit_mts(&k, SR_MODE, 5);
    ok = ok && vm_exec1(k.vm, &j, false, 0) == T_JTLB_MISS;
    ok = ok && vm_special(k.vm, SR_MODE) == 0;
    kit_free(&k);
    return ok;
}
TRY(BREAK_MODE, mode_word)

/* A bus write that hits a T-bit stops the next commit in a translation, behind its effect. */
static bool bus(unsigned what)
{
    struct kit k = broken_kit(what);
    uint8_t bytes[300] = {1, 2, 3};
    BUNDLE(&k, OP_MOVI(7, FRAME));
    BUNDLE(&k, OP_I(TBSET, 0, 7, 0x81));
    COMMIT(&k, 0, OP_MOVI(32, 1)); /* in CMS: events are masked */
    uint32_t code = k.base + 0x20000;
    BUNDLE(&k, OP_TGT(JAL, 0, 0, code));
    k.pc = code;
    uint32_t at = COMMIT(&k, 1, OP_MOVI(32, 2), OP_TGT(JAL, 0, 0, code + 0x100));
    k.pc = code + 0x100;
    COMMIT(&k, 1, OP_MOVI(32, 3));
    HALT(&k);
    kit_mts(&k, SR_XCACHE_LO, code);
    kit_mts(&k, SR_XCACHE_HI, code + 0x1000);
    kit_mts(&k, SR_XCACHE_HOT, code + 0x1000);
    kit_exec(&k, OP_TBSET, FRAME, 0x84);
    bool ok = vm_bus_write(k.vm, FRAME + 0x70, bytes, sizeof bytes); /* chunks 0 to 3 */
    ok = ok && kit_word(&k, FRAME + 0x70) == 0x30201;
    ok = ok && !vm_bus_write(k.vm, k.base - 4, bytes, 8); /* concealed memory is out of its reach */
    ok = ok && kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    ok = ok && vm_special(k.vm, SR_TRAP_CODE) == T_EVENT && vm_reg(k.vm, 32) == 2;
    ok = ok && vm_special(k.vm, SR_COMMIT_PC) == at && vm_special(k.vm, SR_COMMIT_DIR) == 1;
    /* CMS drains the queue: only chunk 2 was marked when the write came. */
    k.pc = k.base + 0x7000;
    uint32_t drain = k.pc;
    BUNDLE(&k, OP_I(MFS, 5, 0, SR_BUSQ));
    BUNDLE(&k, OP_I(MFS, 6, 0, SR_BUSQ));
    HALT(&k);
    kit_run(&k, drain);
    ok = ok && vm_reg(k.vm, 5) == FRAME + 0x100 && vm_reg(k.vm, 6) == ~0u;
    const struct vm_stats *s = vm_stats(k.vm);
    ok = ok && s->bus_tbit_hits == 1 && s->retired == 1 && s->retired_xlat == 1;
    kit_check_cycles(&k);
    kit_free(&k);
    return ok;
}
TRY(BREAK_BUS, bus)

/* Code that a native store changed runs changed after isync, and a patch in the middle of a loop is
 * noticed. */
static bool isync(unsigned what)
{
    struct kit k = broken_kit(what);
    uint32_t w[MAX_BUNDLE_WORDS];
    BUNDLE(&k, OP_MOVI(9, 3), OP_MOVI(6, 0));
    uint32_t top = k.pc, patched, n;
    patched = BUNDLE(&k, OP_I(ADD, 6, 6, 1));
    struct bundle b = {.nops = 1, .op = {OP_I(ADD, 6, 6, 100)}};
    n = bundle_encode(&b, patched, w);
    BUNDLE(&k, OP_MOVI(5, patched), OP_MOVI(7, w[n - 1]));
    BUNDLE(&k, OP_I(SW, 7, 5, 4 * (n - 1)));
    BUNDLE(&k, OP_I(ISYNC, 0, 5, 4 * n), OP_I(ADD, 9, 9, -1));
    BUNDLE(&k, OP_TGT(BNZ, 0, 9, top));
    HALT(&k);
    bool ok = kit_run(&k, k.base) == 0 && vm_reg(k.vm, 6) == 201;
    kit_free(&k);
    return ok;
}
TRY(BREAK_ISYNC, isync)

static bool latch(unsigned what)
{
    struct kit k = broken_kit(what);
    uint32_t over = k.base + 0x200;
    BUNDLE(&k, OP_MOVI(5, 1));
    uint32_t first = COMMIT(&k, 1, OP_TGT(BZ, 0, 5, over));
    BUNDLE(&k, OP_I(MFS, 6, 0, SR_COMMIT_PC), OP_I(MFS, 7, 0, SR_COMMIT_DIR));
    uint32_t second = COMMIT(&k, 1, OP_TGT(BNZ, 0, 5, over));
    k.pc = over;
    BUNDLE(&k, OP_TGT(BNZ, 0, 5, over + 0x40)); /* a branch without a commit changes nothing */
    k.pc = over + 0x40;
    BUNDLE(&k, OP_I(MFS, 8, 0, SR_COMMIT_PC), OP_I(MFS, 9, 0, SR_COMMIT_DIR));
    HALT(&k);
    bool ok = kit_run(&k, k.base) == 0;
    ok = ok && vm_reg(k.vm, 6) == first && vm_reg(k.vm, 7) == 0;
    ok = ok && vm_reg(k.vm, 8) == second && vm_reg(k.vm, 9) == 1;
    kit_free(&k);
    return ok;
}
TRY(BREAK_LATCH, latch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_commit_and_rollback),
        cmocka_unit_test(test_gated_stores),
        cmocka_unit_test(test_reads_first),
        cmocka_unit_test(test_trapping_bundle),
        cmocka_unit_test(test_forwarding),
        cmocka_unit_test(test_alias),
        cmocka_unit_test(test_tbits),
        cmocka_unit_test(test_xchk),
        cmocka_unit_test(test_restartable),
        cmocka_unit_test(test_rfe),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_retired),
        cmocka_unit_test(test_mode_word),
        cmocka_unit_test(test_bus),
        cmocka_unit_test(test_isync),
        cmocka_unit_test(test_latch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

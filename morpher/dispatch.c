/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher: at a block's beginning, finds the translation or has one made or calls the
 * interpreter, for ever. It is left by hw_enter alone, and comes back by a trap through
 * cms_rollback, which calls it afresh.
 *
 * The interpreter's turn is the hot path here: one block is one round. What is known of a block's
 * heat is one word (profile.c); the map table is asked only if that word says that it may know
 * something.
 */
#include "morpher/cms.h"

/* 17 KB: not for the stack. */
static struct xlat fresh;

void cms_hostcall_done(uint32_t answer)
{
    if (answer & HC_SPACE_CHANGED) {
        hw_tlbinv(0, 1);
        hw_jtlbinv(0, 1);
    }
    if (answer & HC_STATE_CHANGED)
        ia32_seg_reload();
    smc_drain();
}

__attribute__((noreturn, always_inline)) static inline void enter(uint32_t i, uint32_t eip,
                                                                  bool indirect)
{
    uint32_t code = tc.rec[i].code;

    if (indirect && cms.jtlb) {
        hw_jtlbw(eip, code);
        cms.stats->jtlb_fills++;
    }
    hw_enter(code);
}

/* What gear 1 has taken for a translation that was made; its filing is phase codecache's. */
static void count_translation(uint32_t cycles)
{
    struct cms_stats *s = cms.stats;
    uint32_t size = fresh.ninsns < CMS_SIZES ? fresh.ninsns : CMS_SIZES - 1;

    s->blocks_translated++;
    s->insns_translated += fresh.ninsns;
    s->ops_emitted += fresh.nops;
    s->bundles_emitted += fresh.nbundles;
    s->bytes_emitted += fresh.nwords * 4;
    s->size_blocks[size]++;
    s->size_cycles[size] += cycles;
}

/* Translates the block at eip. Its number, or 0. */
static __attribute__((noinline)) uint32_t translate(uint32_t eip, uint32_t mode)
{
    uint32_t max_words, base, i = 0, cycles;
    enum abort_reason why;

    hw_phase(PH_GEAR1);
    cycles = hw_mfs(SR_CYCLES);
    base = tcache_next(&max_words);
    why = gear1_translate(eip, mode, base, max_words, &fresh);
    cycles = hw_mfs(SR_CYCLES) - cycles;
    hw_phase(PH_CACHE);
    if (why == AB_NONE)
        i = tcache_insert(&fresh);
    if (i) {
        count_translation(cycles);
        profile_translated(eip);
        if (fresh.ninsns ==
            cms.boot->machine.cms_max_block) /* cut: long code without branches goes on behind it */
            profile_warm(eip + fresh.guest_bytes);
    } else if (why != AB_NONE) {
        cms.stats->aborts++;
        cms.stats->abort_reason[why]++;
        profile_cool(eip);
        if (why == AB_UNSUPPORTED)
            profile_left_out(eip);
    }
    hw_phase(PH_DISPATCH);
    return i;
}

static __attribute__((noinline)) void system_call(void)
{
    uint32_t answer;

    hw_phase(PH_HOSTCALL);
    hw_commit(0);
    answer = hw_hostcall(0, HC_SYSCALL);
    hw_phase(PH_DISPATCH);
    cms_hostcall_done(answer);
}

static void interpret(bool single)
{
    hw_phase(PH_INTERPRET);
    if (ia32_interp(single) == IX_SYSCALL)
        system_call();
    hw_phase(PH_DISPATCH);
}

/*
 * An instruction that translations leave to the interpreter. What follows it is a block of its own:
 * either way the dispatcher is asked once more, and so it may enter the translation of the rest.
 */
static void interpret_left_out(void)
{
    hw_phase(PH_INTERPRET);
    if (ia32_interp_left_out() == IX_SYSCALL)
        system_call();
    hw_phase(PH_DISPATCH);
}

/* Apart from the dispatcher, for it is frequent, and this saves few registers. */
__attribute__((noreturn)) void cms_dispatch_indirect(uint32_t eip)
{
    uint32_t i;

    hw_phase(PH_DISPATCH);
    i = tcache_find(eip, hw_mfs(SR_MODE));
    if (i)
        enter(i, eip, true);
    cms_dispatch(GO_INDIRECT);
}

__attribute__((noreturn)) void cms_dispatch(enum go go)
{
    hw_phase(PH_DISPATCH);
    switch (go) {
    case GO_INTERPRET: interpret(false); break;
    case GO_ONE: interpret(true); break;
    case GO_LEFT_OUT: interpret_left_out(); break;
    default: break;
    }
    for (;; go = GO_ANY) {
        uint32_t eip = hw_g(G_EIP), mode, i;
        enum heat heat = cms.hot ? profile_touch(eip) : HEAT_COLD;

        if (heat == HEAT_COLD) {
            interpret(false);
            continue;
        }
        mode = hw_mfs(SR_MODE);
        if (__builtin_expect(!mode_is_plain(mode), 0)) {
            interpret(false);
            continue;
        }
        i = tcache_find(eip, mode);
        if (!i && heat == HEAT_HOT)
            i = translate(eip, mode);
        if (i)
            enter(i, eip, go == GO_INDIRECT);
        if (profile_is_left_out(eip))
            interpret_left_out();
        else
            interpret(false);
    }
}

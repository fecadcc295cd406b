/* SPDX-License-Identifier: MIT */
/*
 * Every rollback trap ends here, in a fresh C world: registers and memory are as they were at the
 * last commit. Three steps:
 *
 * 1. Where is the guest? If the last commit was a translation's, its side table gives the EIP for
 * (committing bundle, branch direction), because translations spend no op on EIP; else CMS
 * committed last, and G_EIP is exact. Either way G_EIP is made exact and committed, so that nothing
 * below depends on the translation any more; it may even be freed.
 * 2. What happened, and to whom? One small function for each trap code. The same trap means
 * different things: taken in a translation it is a question, which interpretation from the last
 * commit answers (the fault shows again, precisely, or it was none); taken in the interpreter,
 * whose every instruction commits, it is the answer.
 * 3. How does the guest go on? enum go. All but the three orderly ways out of a translation (exit,
 * JTLB miss, event) say GO_INTERPRET, so that at least one instruction is retired, or a fault
 * delivered, before a translation is entered.
 *
 * To add a trap: its row in traps.def, a function here, a line in the switch, and a case in
 * tests/unit/test_cms_recover.c, or in test_cms_faults.c if the guest sees it.
 */
#include "morpher/cms.h"

enum { STUCK_MAX = 1000 };

struct trap {
    uint32_t info, addr, pc;
    uint32_t xlat; /* the translation that trapped; 0: CMS itself, that is the interpreter */
};

/* Makes G_EIP exact after a commit in a translation: mostly the one that trapped. */
static void locate(uint32_t xlat)
{
    uint32_t commit_pc = hw_mfs(SR_COMMIT_PC), i = xlat;

    if (tcache_inside(commit_pc)) {
        if (!i || commit_pc - tc.rec[i].code >= tc.rec[i].code_end - tc.rec[i].code)
            i = tcache_at(commit_pc);
        if (!i)
            cms_panic(PANIC_SIDE_TABLE);
        hw_setg(G_EIP, tcache_eip(i, commit_pc, hw_mfs(SR_COMMIT_DIR), hw_g(G_EIP)));
    }
    hw_commit(0);
}

/* A rollback that does not follow from progress: no instruction since the last one. */
static void check_progress(void)
{
    uint32_t retired = hw_mfs(SR_RETIRED);

    if (retired != cms.last_retired)
        cms.stuck = 0;
    cms.last_retired = retired;
    if (++cms.stuck > STUCK_MAX)
        cms_panic(PANIC_NO_PROGRESS);
}

static enum go recover(const struct trap *t)
{
    if (t->xlat)
        cms.stats->interp_after_rollback++;
    return GO_INTERPRET;
}

/* CMS's own way to roll back and deliver (deliver.c). */
static enum go on_own_exit(void)
{
    uint32_t pending = cms.pending;

    cms.pending = PENDING_NONE;
    if (pending == PENDING_FAULT)
        deliver_fault(cms.pending_vector, cms.pending_error, 0);
    else if (pending == PENDING_TRAP)
        deliver_fault(cms.pending_vector, 0, cms.pending_error);
    else if (pending == PENDING_UNIMPLEMENTED)
        deliver_unimplemented();
    else
        cms_panic(PANIC_TRAP);
    return GO_ANY;
}

/* #PF error code, for a user. */
static uint32_t page_error(enum walk w, uint32_t access)
{
    return (w == WALK_DENIED ? 1 : 0) | (access & ACC_WRITE ? 2 : 0) | 4;
}

/* No valid translation, no permission, or the dirty mark is missing. The page tables of this moment
 * decide. */
static enum go on_page(const struct trap *t)
{
    struct walked w;
    uint32_t access = t->info;
    enum walk result;

    if (t->xlat)
        return recover(t);
    hw_tlbinv(t->addr, 0);
    result = walk_page(t->addr, t->info, true, &w);
    if (result == WALK_OK) {
        hw_tlbw(t->addr, w.entry);
        return GO_INTERPRET;
    }
    if (result == WALK_CONCEALED) {
        deliver_fault(X_MC, MC_CONCEALED, t->addr);
        return GO_ANY;
    }
    uint32_t addr = t->addr;
    if (!(access & ACC_EXEC))
        access |= ia32_write_intent(hw_g(G_EIP), &addr);
    if (addr != t->addr)
        result = walk_page(addr, access, true, &w);
    deliver_fault(X_PF, page_error(result, access), addr);
    return GO_ANY;
}

/* The first store to a page: sets the D bit, for translations too, since the retry would only come
 * here again. */
static enum go on_dirty(const struct trap *t)
{
    struct walked w;

    hw_tlbinv(t->addr, 0);
    if (walk_page(t->addr, t->info | ACC_WRITE, true, &w) == WALK_OK)
        hw_tlbw(t->addr, w.entry);
    return recover(t);
}

static enum go on_tbit(const struct trap *t)
{
    smc_store(t->info);
    return recover(t);
}

/* The code page of a translation maps to another frame by now: is there a translation of what is
 * there? */
static enum go on_xchk(const struct trap *t)
{
    const struct xrec *r = &tc.rec[t->xlat];
    struct walked w, second = {0, 0xffffffff};
    uint32_t eip = r->eip, other; /* not G_EIP: the check of a second page stands behind commits */

    if (!t->xlat)
        cms_panic(PANIC_TRAP);
    hw_phase(PH_CACHE);
    hw_tlbinv(t->addr, 0);
    if (walk_page(eip, ACC_READ | ACC_EXEC, false, &w) != WALK_OK)
        return recover(t);
    walk_page((eip | 4095) + 1, ACC_READ | ACC_EXEC, false, &second);
    other = tcache_search(eip, r->mode, w.frame << 12 | (eip & 4095), second.frame);
    if (other && other != t->xlat)
        tcache_file(other);
    else
        tcache_unfile(t->xlat);
    return recover(t);
}

static enum go on_divide(const struct trap *t)
{
    if (t->xlat)
        return recover(t);
    deliver_fault(X_DE, 0, 0);
    return GO_ANY;
}

/* An operand of 16 bytes that must be aligned, or AC. */
static enum go on_align(const struct trap *t)
{
    if (t->xlat)
        return recover(t);
    if (t->info == ALIGN_WIDE)
        deliver_fault(X_GP, 0, 0);
    else
        deliver_fault(X_AC, 0, t->addr);
    return GO_ANY;
}

/* An unmasked exception of vfp or vfdiv. MXCSR tells the guest which. */
static enum go on_fpx(const struct trap *t)
{
    if (t->xlat)
        return recover(t);
    hw_mts(hw_mfs(SR_MXCSR) | t->info, SR_MXCSR);
    hw_commit(0);
    deliver_fault(X_XM, 0, 0);
    return GO_ANY;
}

/* The guest reached for memory that is not its own; anything else is a defect of CMS. */
static enum go on_machine_check(const struct trap *t)
{
    if (t->info != MC_CONCEALED && t->info != MC_NO_MEMORY)
        cms_panic(PANIC_TRAP);
    if (t->xlat)
        return recover(t);
    hw_tlbinv(t->addr, 0);
    deliver_fault(X_MC, t->info, t->addr);
    return GO_ANY;
}

static uint64_t special64(uint32_t lo, uint32_t hi)
{
    return lo | (uint64_t)hi << 32;
}

static bool deadline_met(void)
{
    uint32_t hi = hw_mfs(SR_DEADLINE_HI);

    if (hi == 0xffffffff) /* none, or as good as none */
        return false;
    return special64(hw_mfs(SR_RETIRED), hw_mfs(SR_RETIRED_HI)) >=
           special64(hw_mfs(SR_DEADLINE), hi);
}

void cms_commit_step(void)
{
    if (deadline_met())
        hw_exit(0); /* cms_rollback asks the same question first of all */
    hw_commit(0);
}

/* The instruction deadline has been met exactly, and ends. What the trap was about shows again. */
static enum go meet_deadline(void)
{
    cms.pending = PENDING_NONE;
    hw_mts(0xffffffff, SR_DEADLINE);
    hw_mts(0xffffffff, SR_DEADLINE_HI);
    hw_commit(0);
    cms_hostcall_done(hw_hostcall(0, HC_DEADLINE));
    return GO_ANY;
}

/* The next commit would pass the instruction deadline: one by one up to it. */
static enum go on_deadline(const struct trap *t)
{
    recover(t);
    return GO_ONE;
}

/* Sampled just after a commit in a translation: nothing was lost. */
static enum go on_event(void)
{
    uint64_t deadline = special64(hw_mfs(SR_CYCLE_DEADLINE), hw_mfs(SR_CYCLE_DEADLINE_HI));
    uint64_t cycles = special64(hw_mfs(SR_CYCLES), hw_mfs(SR_CYCLES_HI));

    if (cycles >= deadline) { /* no one waits for it yet */
        hw_mts(0xffffffff, SR_CYCLE_DEADLINE);
        hw_mts(0xffffffff, SR_CYCLE_DEADLINE_HI);
    }
    smc_drain();
    return GO_ANY;
}

/* Traps that translations may take, and CMS may not. */
static enum go on_translation_only(const struct trap *t)
{
    if (!t->xlat)
        cms_panic(PANIC_TRAP);
    return recover(t);
}

static enum go handle(uint32_t code, const struct trap *t)
{
    switch (code) {
    case T_EXIT: return on_own_exit(); /* a translation's: leave() */
    case T_EVENT: return on_event();
    case T_PAGE:
    case T_PERM: return on_page(t);
    case T_DIRTY: return on_dirty(t);
    case T_TBIT: return on_tbit(t);
    case T_XCHK: return on_xchk(t);
    case T_DIVIDE: return on_divide(t);
    case T_ALIGN: return on_align(t);
    case T_FPX: return on_fpx(t);
    case T_DEADLINE: return on_deadline(t);
    case T_MACHINE_CHECK: return on_machine_check(t);
    case T_SB_FULL: /* the interpreter commits in steps that the smallest buffer holds */
    case T_CODE:
    case T_ALIAS: return on_translation_only(t);
    default: cms_panic(PANIC_TRAP); /* IOPAGE: never filled so; ILLEGAL; restartable codes */
    }
}

/*
 * The two frequent ways out of a translation, made short. Both come from where the guest is at an
 * instruction boundary that is known without the side table: in front of the exit's target, or of
 * the target that was put in G_EIP.
 */
__attribute__((noreturn, noinline)) static void leave(uint32_t xlat)
{
    const struct xrec *r = &tc.rec[xlat];
    uint32_t k = hw_mfs(SR_TRAP_INFO);
    const struct xside_exit *e = &tcache_exits(r)[k];
    enum go go = GO_ANY;

    if (k >= r->nexits)
        cms_panic(PANIC_TRAP);
    if (cms.boot->machine.cms_verify) {
        locate(xlat);
        if (e->kind != XE_INDIRECT && hw_g(G_EIP) != e->target_eip)
            cms_panic(PANIC_SIDE_TABLE);
    }
    if (e->kind != XE_INDIRECT)
        hw_setg(G_EIP, e->target_eip);
    hw_commit(0);
    cms.stats->exits++;
    if (deadline_met())
        go = meet_deadline();
    else if (e->kind == XE_DIRECT)
        chain_exit(xlat, k);
    else if (e->kind == XE_INTERP)
        go = GO_LEFT_OUT;
    cms_dispatch(go);
}

__attribute__((noreturn)) static void jtlb_miss(void)
{
    uint32_t eip = hw_mfs(SR_TRAP_ADDR);

    hw_setg(G_EIP, eip);
    hw_commit(0);
    if (deadline_met())
        cms_dispatch(meet_deadline());
    cms_dispatch_indirect(eip);
}

__attribute__((noreturn, noinline)) static void rollback(uint32_t code)
{
    struct trap t;

    t.pc = hw_mfs(SR_TRAP_PC);
    t.xlat = tcache_at(t.pc);
    t.info = hw_mfs(SR_TRAP_INFO);
    t.addr = hw_mfs(SR_TRAP_ADDR);
    if (!t.xlat && tcache_inside(t.pc))
        cms_panic(PANIC_TRAP);
    locate(t.xlat);
    check_progress();
    /* Before any fault: the deadline lies in front of the instruction that has it. A trap's lies
     * behind. */
    cms_dispatch(deadline_met() && cms.pending != PENDING_TRAP ? meet_deadline()
                                                               : handle(code, &t));
}

__attribute__((noreturn)) void cms_rollback(void)
{
    uint32_t code;

    hw_phase(PH_RECOVER);
    code = hw_mfs(SR_TRAP_CODE);
    if (code == T_JTLB_MISS)
        jtlb_miss();
    if (code == T_EXIT) {
        uint32_t xlat = tcache_at(hw_mfs(SR_TRAP_PC));

        if (xlat) /* else CMS's own */
            leave(xlat);
    }
    rollback(code);
}

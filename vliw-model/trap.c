/* SPDX-License-Identifier: MIT */
/*
 * Traps: how the hardware leaves the instruction stream, and commits the long way.
 *
 * The bundle that trapped has had no effect but on time, caches and predictors. Both kinds wait for
 * the results in flight, then pay; both costs belong to the phase entered.
 */
#include <string.h>
#include "vliw-model/state.h"

static const uint8_t kinds[T_COUNT_] = {
#define TRAP(name, kind, doc) [T_##name] = TRAP_##kind,
#include "vliw-model/traps.def"
#undef TRAP
};

enum trap_kind trap_kind_of(enum trap_code t)
{
    return kinds[t];
}

/* Waits until every register in flight has its result. */
void trap_drain(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    static const uint8_t cause[4] = {CA_LOADUSE, CA_LONGOP, CA_DL1, CA_DL2};
    uint64_t worst = 0;
    for (uint64_t m = s->pending; m; m &= m - 1) {
        uint64_t w = s->ready[__builtin_ctzll(m)];
        worst = w > worst ? w : worst;
    }
    if (worst >> 2 > s->pipe)
        acct_wait(vm, (worst >> 2) - s->pipe, cause[worst & 3]);
    s->pending = 0;
}

static void enter(struct vm *vm, uint32_t pc, enum phase ph)
{
    acct_flush(vm);
    vm->s.pc = pc;
    vm->s.phase_reg = ph;
    vm->region = region_of(vm, pc);
    acct_phase(vm);
}

static void swap_bank(struct vm *vm)
{
    if (vm->broken & BREAK_BANK)
        return;
    for (unsigned i = 1; i < 32; i++) {
        uint32_t t = vm->s.r[i];
        vm->s.r[i] = vm->s.bank[i];
        vm->s.bank[i] = t;
    }
}

void trap_restart(struct vm *vm, enum trap_code t, uint32_t pc)
{
    struct vm_state *s = &vm->s;
    s->st.restarts++;
    s->st.restart_by_trap[t]++;
    trap_drain(vm);
    s->bank_pc = pc;
    s->bank_cc = s->cc;
    s->bank_phase = s->phase_reg;
    if (vm->single) { /* host-run CMS: the caller handles it with the registers as they are */
        s->handler = HANDLER_SOFT;
        acct_wait(vm, vm->m.trap_cost, CA_TRAP);
        return;
    }
    s->handler = HANDLER_HARD;
    swap_bank(vm);
    if (vm->m.cms_host == CMS_ON_HOST) {
        s->pc = pc;
        acct_flush(vm);
        acct_wait(vm, vm->m.trap_cost, CA_TRAP);
        return;
    }
    if (!s->vec_restart)
        vm->defect = "a restartable trap while VEC_RESTART is 0";
    s->r[2] = s->stack2;
    enter(vm, s->vec_restart, PH_TLBFILL);
    acct_wait(vm, vm->m.trap_cost, CA_TRAP);
}

static uint64_t ops_of(uint64_t acc)
{
    return acc >> 13 & 0xffff;
}

static void restore(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    if (!(vm->broken & BREAK_ROLLBACK)) {
        memcpy(s->r + vm->shadow_lo, s->shadow + vm->shadow_lo,
               (NGPR - vm->shadow_lo) * sizeof s->r[0]);
        s->cc = s->cc_shadow;
        s->mode = s->mode_shadow;
        s->align_check = s->align_shadow;
        memcpy(s->fpsr, s->fpsr_shadow, sizeof s->fpsr);
        memcpy(s->wide[NWIDE / 2], s->wide_shadow[NWIDE / 2], sizeof s->wide_shadow / 2);
        vm->misc_dirty = 0;
    }
    if (!(vm->broken & BREAK_GATE))
        sb_drop(vm);
    s->alias_valid = 0;
}

/* s.trap.addr and .info are set. */
void trap_rollback(struct vm *vm, enum trap_code t, uint32_t pc)
{
    struct vm_state *s = &vm->s;
    uint64_t wasted = vm->waste_base + ops_of(vm->acc) - ops_of(vm->acc_mark);
    bool leaving = t == T_EXIT || t == T_JTLB_MISS;
    if (!(leaving && s->sb_n == 0 && wasted <= vm->last_ops))
        s->st.ops_wasted += wasted;
    s->st.rollbacks++;
    s->st.rollback_by_trap[t]++;
    trap_drain(vm);
    if (s->handler == HANDLER_HARD)
        swap_bank(vm);
    s->handler = HANDLER_NONE;
    s->probing = s->probe_code = 0;
    s->trap.code = t;
    s->trap.pc = pc;
    restore(vm);
    s->r[2] = s->stack;
    vm->trapped = t;
    if (!s->vec_rollback && !vm->single && vm->m.cms_host != CMS_ON_HOST)
        vm->defect = "a rollback trap while VEC_ROLLBACK is 0";
    enter(vm, s->vec_rollback, PH_RECOVER);
    acct_wait(vm, vm->m.rollback_cost, CA_ROLLBACK);
    acct_wait(vm, vm->m.trap_cost, CA_TRAP);
    vm->acc_mark = vm->acc;
    vm->waste_base = 0;
}

void trap_take(struct vm *vm, enum trap_code t, uint32_t pc)
{
    struct vm_state *s = &vm->s;
    vm->trapped = t;
    if (s->handler == HANDLER_HARD) {
        s->trap.addr = pc;
        s->trap.info = MC_TRAP_IN_HANDLER;
        trap_rollback(vm, T_MACHINE_CHECK, s->bank_pc);
        return;
    }
    if (kinds[t] == TRAP_RESTART)
        s->bank_trap = s->trap;
    s->trap.addr = vm->fault.addr;
    s->trap.info = vm->fault.info;
    if (kinds[t] == TRAP_ROLLBACK) {
        trap_rollback(vm, t, pc);
        return;
    }
    s->trap.code = t;
    s->trap.pc = pc;
    trap_restart(vm, t, pc);
}

void trap_rfe(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    uint32_t how = s->handler;
    trap_drain(vm);
    acct_wait(vm, vm->m.trap_cost, CA_TRAP);
    s->handler = HANDLER_NONE;
    s->probing = 0;
    s->trap = s->bank_trap;
    vm->trapped = T_NONE;
    if (how == HANDLER_SOFT)
        return;
    swap_bank(vm);
    s->cc = s->bank_cc;
    uint32_t pc = s->bank_pc;
    if (vm->broken & BREAK_RESTART)
        pc += 4;
    enter(vm, pc, s->bank_phase);
}

/* The access that brought us here fails for good: for a probe that is an answer, for others a
 * rollback trap. */
void trap_raise(struct vm *vm, uint32_t info, uint32_t code)
{
    struct vm_state *s = &vm->s;
    if (code == T_NONE || code >= T_COUNT_ || kinds[code] != TRAP_ROLLBACK)
        code = T_MACHINE_CHECK;
    if (s->probing) {
        uint32_t pc = s->bank_pc;
        trap_rfe(vm);
        s->probe_code = code;
        s->probe_pc = pc;
        return;
    }
    s->trap.info = info;
    trap_rollback(vm, code, s->bank_pc);
}

/* Nothing may be uncommitted: what the platform changes cannot be rolled back. */
enum trap_code trap_check_hostcall(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    /* The guest's registers: those of C, shadowed or not, are CMS's own and live on. */
    const unsigned lo = GUEST_REG0;
    bool clean = s->sb_n == 0 &&
                 memcmp(s->r + lo, s->shadow + lo, (NGPR - lo) * sizeof s->r[0]) == 0 &&
                 cc_flags(&s->cc) == cc_flags(&s->cc_shadow) && s->mode == s->mode_shadow;
    if (vm->misc_dirty)
        clean =
            clean && memcmp(s->fpsr, s->fpsr_shadow, sizeof s->fpsr) == 0 &&
            memcmp(s->wide[NWIDE / 2], s->wide_shadow[NWIDE / 2], sizeof s->wide_shadow / 2) == 0;
    if (clean && s->handler != HANDLER_HARD)
        return T_NONE;
    vm->fault.addr = 0;
    vm->fault.info = MC_HOSTCALL_STATE;
    return T_MACHINE_CHECK;
}

/* What seldom changes. */
void commit_misc(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    s->mode_shadow = s->mode;
    s->align_shadow = s->align_check;
    memcpy(s->fpsr_shadow, s->fpsr, sizeof s->fpsr);
    memcpy(s->wide_shadow[NWIDE / 2], s->wide[NWIDE / 2], sizeof s->wide_shadow / 2);
    vm->misc_dirty = 0;
}

/* A commit that honours the deliberately broken variants. */
bool commit_slow(struct vm *vm, uint32_t pc, uint32_t retired)
{
    struct vm_state *s = &vm->s;
    if (!(vm->broken & BREAK_COMMIT)) {
        memcpy(s->shadow + vm->shadow_lo, s->r + vm->shadow_lo,
               (NGPR - vm->shadow_lo) * sizeof s->r[0]);
        s->cc_shadow = s->cc;
        commit_misc(vm);
    }
    sb_release(vm);
    s->alias_valid = 0;
    s->retired += vm->broken & BREAK_RETIRED ? 1 : retired;
    if (!(vm->broken & BREAK_LATCH))
        s->commit_pc = pc;
    s->commit_dir = 0;
    s->st.commits++;
    return vm->region != REGION_CMS && s->pipe >= vm->event_at;
}

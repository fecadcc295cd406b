/* SPDX-License-Identifier: MIT */
/*
 * Where every cycle goes: to one phase and one cause, exactly. A cycle is booked when it is spent:
 * one for each bundle issued (counted in vm->acc and booked when the phase changes or the counters
 * could overflow), the others at once, in the row of the phase in effect: the phase register, or
 * cold and hot where the PC lies in translations.
 */
#include "vliw-model/engine.h"

unsigned region_of(const struct vm *vm, uint32_t pc)
{
    if (pc - vm->s.xcache_lo >= vm->s.xcache_hi - vm->s.xcache_lo ||
        vm->s.xcache_hi <= vm->s.xcache_lo)
        return REGION_CMS;
    return pc >= vm->s.xcache_hot ? REGION_HOT : REGION_COLD;
}

void acct_flush(struct vm *vm)
{
    struct vm_stats *st = &vm->s.st;
    uint64_t a = vm->acc, b = vm->acc2;
    uint64_t bundles = a & 0x1fff, ops = a >> ACC_OPS & 0xffff, nops = a >> ACC_NOPS & 0xffff;
    st->phase_cause[vm->phase][CA_ISSUE] += bundles;
    st->phase_bundles[vm->phase] += bundles;
    st->phase_ops[vm->phase] += ops;
    st->phase_nops[vm->phase] += nops;
    st->bundles += bundles;
    st->ops += ops;
    st->nops += nops;
    st->bundle_bytes += (a >> ACC_WORDS) * 4;
    st->loads_guest += b & 0xffff;
    st->stores_guest += b >> 16 & 0xffff;
    st->loads_native += b >> 32 & 0xffff;
    st->stores_native += b >> 48;
    vm->waste_base += ops - (vm->acc_mark >> ACC_OPS & 0xffff);
    vm->acc = vm->acc2 = vm->acc_mark = 0;
}

/* The phase register or the region has changed: vm->acc has been flushed. */
void acct_phase(struct vm *vm)
{
    vm->phase = vm->region == REGION_CMS    ? vm->s.phase_reg
                : vm->region == REGION_COLD ? (uint32_t)PH_COLD
                                            : (uint32_t)PH_HOT;
    vm->row = vm->s.st.phase_cause[vm->phase];
    unsigned which =
        vm->m.br_shared && vm->region != REGION_CMS; /* br_shared: 0 shared, 1 private */
    vm->pht_now = vm->a.pht[which];
    vm->hist_now = &vm->s.ghist[which];
}

void acct_stall(struct vm *vm, uint64_t n, enum cause c)
{
    vm->s.stall += n;
    vm->row[c] += n;
    vm->stop_at = vm->stop_at > n ? vm->stop_at - n : 0;
    if (vm->s.cycle_deadline != ~0ull)
        acct_limits(vm);
}

void acct_wait(struct vm *vm, uint64_t n, enum cause c)
{
    vm->s.pipe += n;
    vm->row[c] += n;
}

/* The next appointments, in pipeline cycles from here; counters are flushed at each. */
void acct_limits(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    uint64_t now = vm_now(vm), until = s->pipe + ACC_MAX_BUNDLES - (vm->acc & 0x1fff);
    if (vm->limit <= now)
        until = 0;
    else if (vm->limit - now < until - s->pipe)
        until = s->pipe + (vm->limit - now);
    vm->stop_at = vm->stop_request || s->event || vm->drop_code || vm->single ? 0 : until;
    if (s->bus_hits)
        vm->event_at = 0;
    else if (s->cycle_deadline == ~0ull)
        vm->event_at = ~0ull;
    else
        vm->event_at = s->cycle_deadline <= s->stall ? 0 : s->cycle_deadline - s->stall;
}

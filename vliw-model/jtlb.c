/* SPDX-License-Identifier: MIT */
/*
 * The JTLB: (guest EIP, mode word) to translation, filled by CMS. A hint only: what it names checks
 * itself. The set is chosen by folding the EIP's bits; least recently used goes, recency counted in
 * look-ups and fills.
 */
#include "vliw-model/state.h"

static struct jtlb_entry *set_of(struct vm *vm, uint32_t eip)
{
    return &vm->a.jtlb[(eip ^ eip >> 9) % vm->m.jtlb_sets * vm->m.jtlb_ways];
}

static uint64_t now(const struct vm *vm)
{
    return vm->s.st.jtlb_accesses + vm->s.jtlb_fills;
}

uint32_t jtlb_lookup(struct vm *vm, uint32_t eip)
{
    struct jtlb_entry *e = set_of(vm, eip);
    vm->s.st.jtlb_accesses++;
    for (uint32_t w = 0; w < vm->m.jtlb_ways; w++)
        if (e[w].valid && e[w].eip == eip &&
            (e[w].mode == vm->s.mode || (vm->broken & BREAK_MODE))) {
            e[w].stamp = now(vm);
            return e[w].target;
        }
    vm->s.st.jtlb_misses++;
    return 0;
}

void jtlb_write(struct vm *vm, uint32_t eip, uint32_t target)
{
    struct jtlb_entry *e = set_of(vm, eip), *victim = NULL;
    vm->s.jtlb_fills++;
    for (uint32_t w = 0; w < vm->m.jtlb_ways && !victim; w++)
        if (e[w].valid && e[w].eip == eip && e[w].mode == vm->s.mode)
            victim = &e[w];
    for (uint32_t w = 0; w < vm->m.jtlb_ways && !victim; w++)
        if (!e[w].valid)
            victim = &e[w];
    if (!victim) {
        victim = e;
        for (uint32_t w = 1; w < vm->m.jtlb_ways; w++)
            if (e[w].stamp < victim->stamp)
                victim = &e[w];
    }
    *victim = (struct jtlb_entry){eip, vm->s.mode, target, target != 0, now(vm)};
}

void jtlb_inv(struct vm *vm, uint32_t eip, bool all)
{
    struct jtlb_entry *e = set_of(vm, eip);
    if (all) {
        for (uint32_t i = 0; i < vm->m.jtlb_sets * vm->m.jtlb_ways; i++)
            vm->a.jtlb[i].valid = 0;
        vm->s.ras_n = 0;
        return;
    }
    for (uint32_t w = 0; w < vm->m.jtlb_ways; w++)
        if (e[w].eip == eip)
            e[w].valid = 0;
}

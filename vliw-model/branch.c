/* SPDX-License-Identifier: MIT */
/*
 * Branches whose fate no table predicts, and the return stack. Bimodal and gshare live in the
 * engine: two-bit counters, indexed by the bundle's word address (gshare: xor the history of
 * conditional branches).
 */
#include "vliw-model/state.h"

/* branch.predictor = none: every taken conditional branch is mispredicted; static: backward ones
 * are predicted taken. */
void branch_slow(struct vm *vm, bool backward, bool taken)
{
    bool predicted = vm->m.br_pred == PRED_STATIC && backward;
    vm->s.st.branches_taken += taken;
    if (predicted != taken) {
        vm->s.st.mispredicts++;
        acct_wait(vm, vm->m.br_mispredict, CA_MISPREDICT);
    } else if (taken) {
        acct_wait(vm, vm->m.br_taken, CA_TAKEN);
    }
}

/* A ring: the oldest entry is lost when it is full. */
void ras_push(struct vm *vm, uint32_t pc)
{
    uint32_t n = vm->m.ras_entries;
    if (!n)
        return;
    vm->s.ras_top = (vm->s.ras_top + 1) % n;
    vm->s.ras[vm->s.ras_top] = pc;
    if (vm->s.ras_n < n)
        vm->s.ras_n++;
}

/* Was the return predicted? */
bool ras_pop(struct vm *vm, uint32_t pc)
{
    uint32_t n = vm->m.ras_entries;
    if (!vm->s.ras_n)
        return false;
    bool right = vm->s.ras[vm->s.ras_top] == pc;
    vm->s.ras_top = (vm->s.ras_top + n - 1) % n;
    vm->s.ras_n--;
    return right;
}

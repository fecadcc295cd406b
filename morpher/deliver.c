/* SPDX-License-Identifier: MIT */
/*
 * Guest faults. The interpreter finds one, rolls back to the last commit by an exit op, and CMS,
 * entered afresh, tells the platform: in a process a personality turns it into a signal. The
 * registers it leaves are where the guest goes on.
 */
#include "morpher/cms.h"

__attribute__((noreturn)) void cms_guest_fault(uint32_t vector, uint32_t error)
{
    cms.pending = PENDING_FAULT;
    cms.pending_vector = vector;
    cms.pending_error = error;
    hw_exit(0);
}

__attribute__((noreturn)) void cms_guest_trap(uint32_t vector, uint32_t info)
{
    cms.pending = PENDING_TRAP;
    cms.pending_vector = vector;
    cms.pending_error = info;
    hw_exit(0);
}

__attribute__((noreturn)) void cms_unimplemented(uint32_t eip)
{
    (void)eip; /* G_EIP after the rollback */
    cms.pending = PENDING_UNIMPLEMENTED;
    hw_exit(0);
}

static void tell(uint32_t service, uint32_t vector, uint32_t error, uint32_t addr)
{
    struct hc_fault *f = cm_ptr(cms.layout.fault);
    uint32_t eip = hw_g(G_EIP), at = eip + ia32_seg[SEG_CS].base, answer;

    f->vector = vector;
    f->error = error;
    f->addr = addr;
    f->eip = eip;
    for (uint32_t k = 0; k < sizeof f->bytes; k++)
        f->bytes[k] = hw_probex(at + k, 1) ? 0 : (uint8_t)hw_gldx8(at + k);
    hw_commit(0);
    answer = hw_hostcall(cms.layout.fault, service);
    cms_hostcall_done(answer);
}

void deliver_fault(uint32_t vector, uint32_t error, uint32_t addr)
{
    hw_phase(PH_DELIVER);
    cms.stats->faults_delivered++;
    cms.stuck = 0;
    tell(HC_FAULT, vector, error, addr);
}

void deliver_unimplemented(void)
{
    hw_phase(PH_DELIVER);
    cms.stats->unimplemented++;
    tell(HC_UNIMPLEMENTED, X_UD, 0, 0);
    deliver_fault(X_UD, 0, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * The page walker. The TLB is filled by nobody else: a guest access that finds no entry takes a
 * restartable trap, and cms_tlb_miss reads the guest's page tables (two levels, IA-32, with 4 MB
 * pages if CR4.PSE) and fills an entry or raises the fault. It runs on the second register bank in
 * the middle of anything, so it makes native accesses alone.
 *
 * Security rests here as much as on the hardware: tables are guest data and may point anywhere.
 * Neither a table nor a page that is not wholly guest memory is ever touched; such an access is a
 * machine check.
 */
#include "morpher/cms.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };

/* Sets bits in an entry of a table, once they are needed: the table's cache line stays clean
 * otherwise. */
static void mark_entry(uint32_t pa, uint32_t value, uint32_t bits)
{
    if ((value & bits) != bits)
        pm_st32(pa, value | bits);
}

enum walk walk_page(uint32_t addr, uint32_t access, bool mark, struct walked *out)
{
    uint32_t pde_pa = (hw_g(G_CR3) & ~4095u) + (addr >> 22) * 4, pte_pa, pde, pte, marks;
    uint32_t need = PTE_P | PTE_U | (access & ACC_WRITE ? PTE_W : 0);
    uint32_t dirty = access & ACC_WRITE ? PTE_A | PTE_D : PTE_A;
    bool large;

    if (pde_pa >= cms.concealed)
        return WALK_CONCEALED;
    pde = pm_ld32(pde_pa);
    if (!(pde & PTE_P))
        return WALK_ABSENT;
    large = cms.large_pages && pde & PTE_PS;
    if (large) {
        pte_pa = pde_pa;
        pte = (pde & 0xffc00fff) | (addr & 0x3ff000);
    } else {
        pte_pa = (pde & ~4095u) + (addr >> 12 & 1023) * 4;
        if (pte_pa >= cms.concealed)
            return WALK_CONCEALED;
        pte = pm_ld32(pte_pa);
        if (!(pte & PTE_P))
            return WALK_ABSENT;
    }
    if ((pde & pte & need) != need)
        return WALK_DENIED;
    if ((pte & ~4095u) >= cms.concealed)
        return WALK_CONCEALED;
    if (mark) {
        if (large) {
            mark_entry(pde_pa, pde, dirty);
        } else {
            mark_entry(pde_pa, pde, PTE_A);
            mark_entry(pte_pa, pte, dirty);
        }
        pte |= dirty;
    }
    marks = TLB_V | TLB_R | TLB_X;
    if (pde & pte & PTE_W)
        marks |= TLB_W;
    if (pte & PTE_D)
        marks |= TLB_DIRTY;
    out->frame = pte >> 12;
    out->entry = (pte & ~4095u) | marks;
    return WALK_OK;
}

__attribute__((noreturn)) void cms_tlb_miss(void)
{
    uint32_t addr = hw_mfs(SR_TRAP_ADDR), access = hw_mfs(SR_TRAP_INFO);
    struct walked w;

    hw_phase(PH_TLBFILL);
    cms.stats->tlb_walks++;
    switch (walk_page(addr, access, true, &w)) {
    case WALK_OK: hw_tlbw(addr, w.entry); hw_rfe();
    case WALK_ABSENT:
    case WALK_DENIED: hw_raise(access, T_PAGE);
    case WALK_CONCEALED:
    default: hw_raise(MC_CONCEALED, T_MACHINE_CHECK);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * The three places where the hardware enters CMS. Each leads to C on a fresh stack:
 *   _start       reset; nothing is set up, so it finds its own stack
 *   cms_entry    VEC_ROLLBACK; r2 comes from STACK
 *   cms_restart  VEC_RESTART; second bank of registers, r2 from STACK2
 * Only VEC_* and the image's entry name them. They take numbers from the enums, hence C and not a
 * file of assembly.
 */
#include "morpher/cms.h"

void _start(void);
void cms_entry(void);
void cms_restart(void);

__attribute__((naked)) void _start(void)
{
    __asm__ volatile("mfs\tsp, %0\n\tli\tt0, %1\n\tadd\tsp, sp, t0\n\tj\tcms_boot"
                     :
                     : "i"(SR_CONCEALED), "i"(CM_STACK + CM_STACK_SIZE));
}

__attribute__((naked)) void cms_entry(void)
{
    __asm__ volatile("j\tcms_rollback");
}

__attribute__((naked)) void cms_restart(void)
{
    __asm__ volatile("j\tcms_tlb_miss");
}

/* SPDX-License-Identifier: MIT */
/*
 * What CMS and the platform around the processor agree on: where the guest's registers are, and the
 * host calls. The platform knows the guest's world through this header and the bus alone.
 * Freestanding.
 */
#ifndef CONCEALED_MEM_ABI_H
#define CONCEALED_MEM_ABI_H

#include <stdint.h>

/* Guest state in r32..r63, the contract between interpreter, translations, boot and platform. */
enum guest_reg {
    G_EAX,
    G_ECX,
    G_EDX,
    G_EBX,
    G_ESP,
    G_EBP,
    G_ESI,
    G_EDI, /* r32..r39, numbered as IA-32 does */
    G_EIP, /* r40: exact whenever CMS runs the interpreter and at host calls; stale inside
              translations */
    G_EFL, /* r41: EFLAGS but for the six condition codes (which live in CC); bit 1 set */
    G_FSBASE,
    G_GSBASE, /* r42, r43 */
    G_SEL0,   /* r44: selectors ES | CS << 16 */
    G_SEL1,   /* r45: selectors SS | DS << 16 */
    G_SEL2,   /* r46: selectors FS | GS << 16 */
    G_CR3,    /* r47: page directory, physical */
    G_TEMP0   /* r48..r63: temporaries of translations, shadowed */
};

/*
 * Host calls of the process personality (hostcall's service number). At each, working = shadow, the
 * store buffer is empty and G_EIP is exact. Results: 0, or a sum: HC_SPACE_CHANGED when page tables
 * changed (CMS drops TLB and JTLB), HC_STATE_CHANGED.
 */
enum hostcall_service {
    HC_CONSOLE = 1, /* arg: a character for the simulator's log (CMS's own messages) */
    HC_SYSCALL,     /* the guest executed int 0x80; G_EIP points behind it; registers are read and
                       written in place */
    HC_FAULT,       /* a guest fault: arg = physical address of struct hc_fault in concealed memory;
                       personality kills the       process or redirects the registers to a signal handler
                     */
    HC_UNIMPLEMENTED, /* arg: as HC_FAULT; an instruction CMS does not implement: a loud line, then
                         a fault follows */
    HC_DESCRIPTOR, /* arg: selector | k << 16: word k (0 low, 1 high) of the segment descriptor that
                      the task's tables have under it; 0: none */
    HC_HAS_LDT,    /* whether the task has a local descriptor table: 1 or 0 */
    HC_DEADLINE,   /* the instruction deadline has been met, exactly; it is off again. Registers may
                      be redirected */
    HC_PANIC       /* arg: code; CMS found itself inconsistent: exit status 70 */
};
enum {
    HC_SPACE_CHANGED = 1,
    /* Selectors, descriptor tables or EFLAGS (TF, AC) are not what CMS left: it loads the segment
     * registers anew and takes the mode from them. Bases need not be set. */
    HC_STATE_CHANGED = 2
};

struct hc_fault {
    uint32_t vector; /* IA-32 exception number */
    uint32_t error;
    uint32_t addr; /* CR2 of a page fault; DR6 of a debug trap */
    uint32_t eip;
    uint8_t bytes[16];
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The interpreter. Guest state is where hw.h says (r32.., CC, memory); it keeps none of its own
 * between instructions. Each instruction: fetch through execute permission, decode, execute, write
 * G_EIP, commit with 1 retired. Traps leave by the hardware to cms_entry with everything back at
 * the last commit.
 */
#ifndef ISA_FRONTEND_INTERP_H
#define ISA_FRONTEND_INTERP_H

#include <stdbool.h>
#include <stdint.h>

enum interp_exit {
    IX_BLOCK,  /* a control transfer was committed: G_EIP begins a dynamic basic block */
    IX_ONE,    /* the one instruction asked for was committed, and it was no control transfer */
    IX_SYSCALL /* int 0x80 in a process: committed, G_EIP behind it; the caller makes the host call
                */
};

/* Interprets up to and including the next control transfer, or a single instruction; no more than
 * one where the mode is not plain (mode.h). A REP string
 * instruction may commit in the middle (G_EIP still on it) and counts as retired once per
 * iteration. */
enum interp_exit ia32_interp(bool single);

/* The one instruction at G_EIP, the quickest way for one that translations leave out; of a repeated
 * string instruction all iterations. */
enum interp_exit ia32_interp_left_out(void);

/* DR6: a single step. */
enum { DR6_BS = 0x4000 };

/* Puts the x87 as fninit does; before the guest's first instruction. */
void ia32_x87_reset(void);

/* What the interpreter needs of its surroundings; CMS provides them (morpher/recover.c), tests may
 * replace them. */
/* A fault found by software: rolls back to the last commit and delivers vector with the error code.
 * Never returns. */
__attribute__((noreturn)) void cms_guest_fault(uint32_t vector, uint32_t error);
/* A trap of the instruction that has just been committed: delivered with EIP behind it. `info`: DR6
 * of a debug trap, else 0. Never returns. */
__attribute__((noreturn)) void cms_guest_trap(uint32_t vector, uint32_t info);
/* An instruction that is valid but not implemented: a loud line, then #UD. Never returns. */
__attribute__((noreturn)) void cms_unimplemented(uint32_t eip);

/*
 * For the error code of a page fault: ACC_WRITE if the instruction at eip reads, modifies and
 * writes memory, for then the processor reports even its read as a write; else 0. `addr` is where
 * the fault was found; if the operand begins on an earlier page that must not be written, it
 * becomes the operand's address, for that is what the processor finds first. Never traps.
 */
uint32_t ia32_write_intent(uint32_t eip, uint32_t *addr);

/* Commits a step of an instruction that needs more stores than the smallest buffer holds. It can be
 * repeated, and G_EIP stays on the instruction; but what must happen in front of the instruction
 * (the deadline) happens first, with no step of it done. Does not return then. */
void cms_commit_step(void);

/* IA-32 exception numbers. */
enum {
    X_DE,
    X_DB,
    X_NMI,
    X_BP,
    X_OF,
    X_BR,
    X_UD,
    X_NM,
    X_DF,
    X_TS = 10,
    X_NP,
    X_SS,
    X_GP,
    X_PF,
    X_MF = 16,
    X_AC,
    X_MC,
    X_XM
};

#endif

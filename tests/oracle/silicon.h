/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_SILICON_H
#define TESTS_ORACLE_SILICON_H

/*
 * The host's own processor as the oracle for IA-32 semantics: a block of 32-bit code runs in this
 * process with every register given, and comes back with every register, or with the exact fault.
 * How, and what to beware of, is told at the head of silicon.c.
 *
 * Not thread-safe: one thread, the one that called silicon_init.
 */

#include <stddef.h>
#include <stdint.h>

enum ia32_gpr { IA32_EAX, IA32_ECX, IA32_EDX, IA32_EBX, IA32_ESP, IA32_EBP, IA32_ESI, IA32_EDI };

struct ia32_state {
    uint32_t gpr[8]; /* in the order of enum ia32_gpr */
    uint32_t eip;    /* linear */
    uint32_t eflags;
    uint32_t code16; /* before a run: it is 16-bit code, through SILICON_SEG_CODE16 */
    uint8_t fx[512] __attribute__((aligned(16))); /* FXSAVE image, see silicon_use_fx */
};

struct ia32_fault {
    int vector;     /* x86 trap number, -1: none; 0x80: the block made a system call */
    uint32_t error; /* error code as the processor pushed it, 0 where it pushes none */
    uint32_t cr2;   /* linear address of a page fault, otherwise 0 */
};

/* Flags that integer instructions define: CF PF AF ZF SF DF OF. */
#define IA32_FLAGS 0x00000cd5u

/*
 * Windows. The code window is readable, writable and executable but for its last page, which holds
 * the way back to 64-bit code (readable, executable; its bytes mean nothing to a guest). The data
 * window is readable and writable but for one read-only and one inaccessible page. 64 KB on either
 * side of both are never mapped. Addresses are those of the 32-bit code, and host pointers too. The
 * windows lie more than 256 MB apart, so that no bit offset of BTS leads from one to the other.
 */
#define SILICON_PAGE      0x1000u
#define SILICON_GUARD     0x10000u
#define SILICON_CODE      0x08000000u
#define SILICON_CODE_SIZE 0x10000u
#define SILICON_CODE_EXIT (SILICON_CODE + SILICON_CODE_SIZE - SILICON_PAGE)
#define SILICON_DATA      0x20000000u
#define SILICON_DATA_SIZE 0x10000u
#define SILICON_DATA_RO   (SILICON_DATA + 0x7000u)
#define SILICON_DATA_NONE (SILICON_DATA + 0x9000u)

/* What the data window holds at first, by offset. */
static inline uint8_t silicon_pattern(uint32_t i)
{
    return (uint8_t)(i * 37 + (i >> 8) * 11 + 1);
}

/* The bytes at `addr` in a window, for the caller. */
static inline uint8_t *silicon_ptr(uint32_t addr)
{
    return (uint8_t *)(uintptr_t)addr;
}

/* What the page of `addr` permits: a sum of these, 0 for any page outside the windows. */
enum { SILICON_R = 1, SILICON_W = 2, SILICON_X = 4 };
unsigned silicon_access(uint32_t addr);

/*
 * Makes the windows and takes SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS and SIGVTALRM. 0, or
 * -1 where the host is not x86-64 Linux or forbids it; silicon_why() then says why in one line, and
 * a test skips. Call it again at the head of every test: later calls only take the signals back,
 * which cmocka resets around each test.
 */
int silicon_init(void);
const char *silicon_why(void);

/*
 * The highest address that data accesses may reach. 0xffffffff normally: whatever lies outside the
 * windows is a page fault. Lower if the process has memory of its own below 4 GB (the shadow of
 * AddressSanitizer): then anything above is #GP(0), or #SS(0) through the stack, without CR2.
 */
uint32_t silicon_limit(void);

/*
 * Puts a block at `eip` in the code window and int3 where the previous one stood. A caller may
 * write the window by itself instead; every byte that is not code must be int3 (0xcc).
 */
void silicon_load(uint32_t eip, const void *code, size_t len);

/* Puts both windows back as silicon_init made them: int3 in the code window, a fixed pattern
 * without meaning in the data window. Costs some microseconds. */
void silicon_reset(void);

/* The 8 bytes behind a block belong to the oracle: the far jump back, of code of this size. */
#define SILICON_TAIL 8
const uint8_t *silicon_tail(uint32_t code16);

/* GS during a block: a selector of the LDT with this base, or 0 where the host forbids that. */
#define SILICON_GS_BASE 0x1230u
unsigned silicon_gs(void);

/*
 * Segments of the LDT; on silicon a block may load them where silicon_gs is not 0. What a selector
 * names is told by silicon_descriptor, for all engines: the low or the high word of its descriptor,
 * 0 if there is none. Beside these there are the flat segments 23 (code) and 2b (data).
 */
enum silicon_segment {
    SILICON_SEG_GS = 9,
    SILICON_SEG_READ_ONLY, /* flat */
    SILICON_SEG_EXECUTE_ONLY,
    SILICON_SEG_ABSENT, /* flat data, not present */
    SILICON_SEG_SMALL,  /* the data window up to SILICON_SMALL_LIMIT */
    SILICON_SEG_DOWN,   /* expands down: the data window from SILICON_DOWN_LIMIT + 1 on */
    SILICON_SEG_CODE16, /* the code window as 16-bit code */
    SILICON_SEG_END
};
#define SILICON_SELECTOR(segment) ((uint32_t)(segment) << 3 | 7)
#define SILICON_SMALL_LIMIT       0x2fffu
#define SILICON_DOWN_LIMIT        0x0fffu
uint32_t silicon_descriptor(uint32_t selector, int high);
/* Whether a block may load FS with a null selector. */
int silicon_fs(void);

enum silicon_end {
    SILICON_END,   /* ran to eip + len */
    SILICON_FAULT, /* out is the state the processor saved, *f says which fault or trap */
    SILICON_LEFT,  /* jumped out of the block to an int3 of the window; out->eip is its address */
    SILICON_HUNG,  /* did not end within some 100 ms of processor time; stopped anywhere */
    SILICON_BAD    /* the block does not lie in the code window, or it ruined the way back */
};

/*
 * Runs the block of `len` bytes at in->eip. Of in->eflags the arithmetic flags, DF and ID are
 * taken; TF and AC are always clear at the start. out->eflags is as the processor gives it, bit 1
 * and IF set, and RF set after a fault. `in` and `out` may be the same.
 */
enum silicon_end silicon_run(const struct ia32_state *in, uint32_t len, struct ia32_state *out,
                             struct ia32_fault *f);

/* While on, fx is loaded before and stored after each run; off (the start), the block must leave
 * x87, MMX and SSE state alone. */
void silicon_use_fx(int on);

#endif

/* SPDX-License-Identifier: MIT */

/*
 * What a block sees of the process: windows below 4 GB with their rights, segments of the LDT, and
 * nothing else (the head of silicon.c tells why). Known here are also the answers that need no
 * processor: what an access may do, what a descriptor says, how the way back looks.
 *
 * To add a segment: its number in silicon.h, its row in `segments`.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/oracle/silicon_int.h"

const char *silicon_reason = "not tried";

const char *silicon_why(void)
{
    return silicon_reason;
}

unsigned silicon_access(uint32_t addr)
{
    uint32_t page = addr & ~(SILICON_PAGE - 1);
    if (page == SILICON_CODE_EXIT)
        return SILICON_R | SILICON_X;
    if (page - SILICON_CODE < SILICON_CODE_SIZE)
        return SILICON_R | SILICON_W | SILICON_X;
    if (page == SILICON_DATA_NONE)
        return 0;
    if (page == SILICON_DATA_RO)
        return SILICON_R;
    if (page - SILICON_DATA < SILICON_DATA_SIZE)
        return SILICON_R | SILICON_W;
    return 0;
}

/* To 64-bit code (selector 33) on the last page of the code window. */
#define FAR_JUMP                                                                                   \
    0xea, SILICON_CODE_EXIT & 0xff, SILICON_CODE_EXIT >> 8 & 0xff, SILICON_CODE_EXIT >> 16 & 0xff, \
        SILICON_CODE_EXIT >> 24, 0x33, 0
static const uint8_t far_jump[2][SILICON_TAIL] = {{FAR_JUMP, 0xcc}, {0x66, FAR_JUMP}};

const uint8_t *silicon_tail(uint32_t code16)
{
    return far_jump[code16 != 0];
}

/* Type and system bits as modify_ldt makes them (accessed, ring 3). */
static const struct {
    uint32_t base, limit;
    uint8_t access, flags; /* flags: G, D, -, AVL (which this call clears) */
} segments[SILICON_SEG_END] = {
    [SILICON_SEG_GS] = {SILICON_GS_BASE, 0xfffff, 0xf3, 0xc},
    [SILICON_SEG_READ_ONLY] = {0, 0xfffff, 0xf1, 0xc},
    [SILICON_SEG_EXECUTE_ONLY] = {0, 0xfffff, 0xf9, 0xc},
    [SILICON_SEG_ABSENT] = {0, 0xfffff, 0x73, 0xc},
    [SILICON_SEG_SMALL] = {SILICON_DATA, SILICON_SMALL_LIMIT, 0xf3, 0x4},
    [SILICON_SEG_DOWN] = {SILICON_DATA, SILICON_DOWN_LIMIT, 0xf7, 0x4},
    [SILICON_SEG_CODE16] = {SILICON_CODE, 0xffff, 0xfb, 0},
};

uint32_t silicon_descriptor(uint32_t selector, int high)
{
    uint32_t base = 0, limit = 0xfffff, access, flags = 0xc, i = selector >> 3;
    selector |= 3;
    if (selector == 0x23) {
        access = 0xfb;
    } else if (selector == 0x2b) {
        access = 0xf3;
    } else if (selector & 4 && i < SILICON_SEG_END && segments[i].access) {
        base = segments[i].base;
        limit = segments[i].limit;
        access = segments[i].access;
        flags = segments[i].flags;
    } else {
        return 0;
    }
    return high ? (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) | flags << 20 |
                      (base & 0xff000000)
                : (limit & 0xffff) | base << 16;
}

#if defined(__x86_64__) && defined(__linux__)

#include <asm/ldt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LDT_ENTRY = 8, DATA_LDT = LDT_ENTRY << 3 | 7 };

static uint32_t limit = 0xffffffff;

/* The lowest address below 4 GB at which this process has accessible memory, else 4 GB. */
static uint64_t lowest_mapping(void)
{
    uint64_t lowest = UINT64_C(1) << 32;
    char line[512];
    FILE *f = fopen("/proc/self/maps", "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f)) {
        unsigned long start, end;
        char access[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) == 3 &&
            memcmp(access, "---", 3) != 0 && start < lowest)
            lowest = start;
    }
    fclose(f);
    return lowest;
}

/* What the data window holds at first. */
uint8_t silicon_first[SILICON_DATA_SIZE];

static int reserve(uint32_t start, uint32_t size)
{
    void *want = silicon_ptr(start - SILICON_GUARD);
    void *got = mmap(want, size + 2 * SILICON_GUARD, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == want)
        return 0;
    if (got != MAP_FAILED)
        munmap(got, size + 2 * SILICON_GUARD);
    return -1;
}

static int make_windows(void)
{
    if (reserve(SILICON_CODE, SILICON_CODE_SIZE) || reserve(SILICON_DATA, SILICON_DATA_SIZE))
        return refuse("silicon: the host refuses memory at the addresses of the windows");
    if (mprotect(silicon_ptr(SILICON_CODE), SILICON_CODE_SIZE,
                 PROT_READ | PROT_WRITE | PROT_EXEC) ||
        mprotect(silicon_ptr(SILICON_DATA), SILICON_DATA_SIZE, PROT_READ | PROT_WRITE))
        return refuse("silicon: the host forbids memory that is writable and executable");

    memset(silicon_ptr(SILICON_CODE), 0xcc, SILICON_CODE_SIZE);
    for (uint32_t i = 0; i < SILICON_DATA_SIZE; i++)
        silicon_first[i] = silicon_pattern(i);
    memcpy(silicon_ptr(SILICON_DATA), silicon_first,
           SILICON_DATA_SIZE); /* which touches every page */

    /* jmp *2(%rip), with the address behind it, aligned because AC may be set */
    static const uint8_t jmp[8] = {0xff, 0x25, 2};
    uint64_t target = (uintptr_t)silicon_exit64;
    memcpy(silicon_ptr(SILICON_CODE_EXIT), jmp, sizeof jmp);
    memcpy(silicon_ptr(SILICON_CODE_EXIT) + sizeof jmp, &target, sizeof target);

    if (mprotect(silicon_ptr(SILICON_CODE_EXIT), SILICON_PAGE, PROT_READ | PROT_EXEC) ||
        mprotect(silicon_ptr(SILICON_DATA_RO), SILICON_PAGE, PROT_READ) ||
        munmap(silicon_ptr(SILICON_DATA_NONE), SILICON_PAGE) ||
        mmap(silicon_ptr(SILICON_DATA_NONE), SILICON_PAGE, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return refuse("silicon: cannot set the access rights of the windows");

    return 0;
}

static int make_segments(void)
{
    for (unsigned i = 0; i < SILICON_SEG_END; i++) {
        unsigned a = segments[i].access;
        struct user_desc d = {.entry_number = i,
                              .base_addr = segments[i].base,
                              .limit = segments[i].limit,
                              .seg_32bit = segments[i].flags >> 2 & 1,
                              .contents = a >> 2 & 3,
                              .read_exec_only = !(a & 2),
                              .limit_in_pages = segments[i].flags >> 3 & 1,
                              .seg_not_present = !(a & 0x80),
                              .useable = 1};
        if (a && syscall(SYS_modify_ldt, 1, &d, sizeof d))
            return 0;
    }
    return 1;
}

static int choose_segment(void)
{
    uint64_t lowest = lowest_mapping();
    silicon_x.far_cs = CS32;
    silicon_x.data_seg = DATA_FLAT;
    silicon_x.gs = make_segments() ? SILICON_SELECTOR(SILICON_SEG_GS) : 0;
    if (lowest >> 32)
        return 0;
    if (lowest < SILICON_DATA + SILICON_DATA_SIZE + SILICON_GUARD)
        return refuse("silicon: the program has memory of its own low down (link it as a PIE)");
    limit = (uint32_t)lowest - 1;
    struct user_desc d = {.entry_number = LDT_ENTRY,
                          .limit = limit >> 12,
                          .limit_in_pages = 1,
                          .seg_32bit = 1,
                          .useable = 1};
    if (syscall(SYS_modify_ldt, 1, &d, sizeof d))
        return refuse("silicon: there is memory below 4 GB and the host forbids modify_ldt");
    silicon_x.data_seg = DATA_LDT;
    return 0;
}

int silicon_make_world(void)
{
    return choose_segment() || make_windows() ? -1 : 0;
}

uint32_t silicon_limit(void)
{
    return limit;
}

#else

uint32_t silicon_limit(void)
{
    return 0;
}

#endif

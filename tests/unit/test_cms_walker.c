/* SPDX-License-Identifier: MIT */
/*
 * The page walker against the rules of the manual, written down once more here, over random tables:
 * what it answers, which A and D bits it sets, what it fills, and above all that it touches no
 * memory outside the guest's, whatever the tables say; and four broken walkers, which the same
 * comparison must notice. Only the intrinsics that a restartable
 * handler may use exist in this program; another would not link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "morpher/cms.h"

enum { RAM = 64 << 12 };
#define NO_TABLE 0xffffffffu

struct cms_globals cms;
static uint32_t ram[RAM / 4], cr3, trap_addr, trap_info, nstores;
static uint32_t fill_addr, fill_entry, raised_info, raised_trap;
static struct cms_stats stats;
static jmp_buf back;
enum { BACK_RFE = 1, BACK_RAISE };

uint32_t hw_g(uint32_t i)
{
    assert_int_equal(i, G_CR3);
    return cr3;
}

uint32_t hw_mfs(uint32_t sr)
{
    assert_true(sr == SR_TRAP_ADDR || sr == SR_TRAP_INFO);
    return sr == SR_TRAP_ADDR ? trap_addr : trap_info;
}

void hw_phase(uint32_t p)
{
    assert_int_equal(p, PH_TLBFILL);
}

void hw_tlbw(uint32_t a, uint32_t e)
{
    fill_addr = a;
    fill_entry = e;
}

__attribute__((noreturn)) void hw_rfe(void)
{
    longjmp(back, BACK_RFE);
}

__attribute__((noreturn)) void hw_raise(uint32_t info, uint32_t trap)
{
    raised_info = info;
    raised_trap = trap;
    longjmp(back, BACK_RAISE);
}

/* Walkers that are not quite right, made of the right one by what it gets to see. */
static enum broken {
    RIGHT,
    BLIND_TO_USER,     /* takes every entry for the user's */
    BLIND_TO_WRITE,    /* takes every page for writable */
    BLIND_TO_PRESENCE, /* takes every entry for present */
    FORGETFUL,         /* leaves A and D alone */
    BROKEN_COUNT
} broken;
static bool strayed; /* touched what is not a table of the guest's, or changed more than A and D */

uint32_t pm_ld32(uint32_t pa)
{
    static const uint32_t seen[BROKEN_COUNT] = {
        [BLIND_TO_USER] = 4, [BLIND_TO_WRITE] = 2, [BLIND_TO_PRESENCE] = 1};

    if (pa >= cms.concealed || pa >= RAM || pa % 4) {
        strayed = true;
        return 0;
    }
    return ram[pa / 4] | seen[broken];
}

void pm_st32(uint32_t pa, uint32_t v)
{
    if (pa >= cms.concealed || pa >= RAM || pa % 4 || ((ram[pa / 4] ^ v) & ~0x60u) ||
        (ram[pa / 4] & ~v)) {
        strayed = true;
        return;
    }
    if (broken != FORGETFUL)
        ram[pa / 4] = v;
    nstores++;
}

static uint32_t rng = 1;
static uint32_t rnd(uint32_t n)
{
    rng = rng * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(rng >> 8) * n >> 24);
}

/* What the manual says; entries after the walk in e[0] (directory) and e[1] (table). */
enum answer { A_FILL, A_FAULT, A_FOREIGN };
static enum answer manual(uint32_t addr, bool write, uint32_t e[2], uint32_t at[2], uint32_t *frame,
                          bool *can_write)
{
    bool pse, user, writable;

    at[1] = NO_TABLE;
    at[0] = (cr3 & 0xfffff000) + (addr >> 20 & 0xffc);
    if (at[0] >= cms.concealed)
        return A_FOREIGN;
    e[0] = ram[at[0] / 4];
    if (!(e[0] & 1))
        return A_FAULT;
    pse = (e[0] & 0x80) && cms.large_pages;
    user = e[0] & 4;
    writable = e[0] & 2;
    if (!pse) {
        at[1] = (e[0] & 0xfffff000) + (addr >> 10 & 0xffc);
        if (at[1] >= cms.concealed)
            return A_FOREIGN;
        e[1] = ram[at[1] / 4];
        if (!(e[1] & 1))
            return A_FAULT;
        user = user && (e[1] & 4);
        writable = writable && (e[1] & 2);
        *frame = e[1] >> 12;
    } else {
        *frame = (e[0] >> 22 << 10) + (addr >> 12 & 1023);
    }
    if (!user || (write && !writable))
        return A_FAULT;
    if (*frame >= cms.concealed >> 12)
        return A_FOREIGN;
    e[0] |= 0x20;
    if (pse)
        e[0] |= write ? 0x40 : 0;
    else
        e[1] |= write ? 0x60 : 0x20;
    *can_write = writable;
    return A_FILL;
}

static uint32_t random_entry(bool directory)
{
    uint32_t flags = rnd(4096) & 0x67, frame = 0;

    if (rnd(8))
        flags |= 1;
    if (rnd(4))
        flags |= 4;
    switch (rnd(8)) {
    case 0: frame = cms.concealed >> 12; break;
    case 1: frame = (cms.concealed >> 12) + rnd(4096); break;
    case 2: frame = 0xfffff; break;
    case 3: frame = rnd(1 << 20); break;
    default: frame = rnd(RAM >> 12); break;
    }
    if (directory && !rnd(4))
        flags |= 0x80;
    return frame << 12 | flags;
}

static int miss(void)
{
    int how = setjmp(back);

    if (!how)
        cms_tlb_miss();
    return how;
}

/* Random walks; what became of them in seen[]. Whether every one was right. */
static bool walks(uint32_t rounds, uint32_t seen[3])
{
    cms.stats = &stats;
    strayed = false;
    for (uint32_t n = 0; n < rounds; n++) {
        uint32_t e[2] = {0, 0}, at[2], frame = 0, addr = rnd(0x10000) << 16 | rnd(0x10000);
        uint32_t dir, table;
        bool write = rnd(2), can_write = false;
        enum answer want;
        int got;

        cms.concealed = RAM - (rnd(4) << 12);
        cms.large_pages = rnd(4) != 0;
        cr3 = rnd(20) ? rnd(RAM >> 12) << 12 | rnd(4096) : random_entry(true);
        dir = (cr3 & ~4095u) + (addr >> 22) * 4;
        if (dir < cms.concealed) {
            ram[dir / 4] = random_entry(true);
            table = (ram[dir / 4] & ~4095u) + (addr >> 12 & 1023) * 4;
            if (table < cms.concealed && table != dir)
                ram[table / 4] = random_entry(false);
        }
        trap_addr = addr;
        trap_info = (write ? ACC_WRITE : rnd(2) ? ACC_READ : ACC_EXEC) | (1u << rnd(3));
        want = manual(addr, write, e, at, &frame, &can_write);
        if (at[0] == at[1])
            continue; /* a directory that is its own table: order of marking is not architecture */
        fill_entry = raised_info = raised_trap = nstores = 0;
        got = miss();
        seen[want]++;
        if (strayed)
            return false;
        if (want == A_FILL) {
            uint32_t marks = fill_entry & 0xfff;
            if (got != BACK_RFE || fill_addr != addr || fill_entry >> 12 != frame)
                return false;
            if ((marks & ~TLB_DIRTY) != (TLB_V | TLB_R | TLB_X | (can_write ? TLB_W : 0)))
                return false;
            if (!(marks & TLB_DIRTY) != !((at[1] != NO_TABLE ? e[1] : e[0]) & 0x40))
                return false;
            if (ram[at[0] / 4] != e[0] || (at[1] != NO_TABLE && ram[at[1] / 4] != e[1]))
                return false;
        } else {
            if (got != BACK_RAISE || fill_entry || nstores)
                return false;
            if (raised_trap != (want == A_FAULT ? T_PAGE : T_MACHINE_CHECK) ||
                raised_info != (want == A_FAULT ? trap_info : (uint32_t)MC_CONCEALED))
                return false;
        }
    }
    return true;
}

static void test_random(void **state)
{
    uint32_t seen[3] = {0};

    (void)state;
    assert_true(walks(300000, seen));
    for (int i = 0; i < 3; i++)
        assert_true(seen[i] > 10000);
}

static void test_broken(void **state)
{
    uint32_t seen[3];

    (void)state;
    for (int what = RIGHT + 1; what < BROKEN_COUNT; what++) {
        broken = (enum broken)what;
        assert_false(walks(10000, seen));
    }
    broken = RIGHT;
    assert_true(walks(10000, seen));
}

/* A 4 MB page that begins in guest memory and ends in concealed memory: each half by its own right.
 */
static void test_large_page_across_the_border(void **state)
{
    struct walked w;

    (void)state;
    memset(ram, 0, sizeof ram);
    cms.concealed = RAM;
    cms.large_pages = 1;
    cr3 = 0;
    ram[1] = 0x0 | 0x87;
    assert_int_equal(walk_page(0x400000 + RAM - 1, ACC_READ, false, &w), WALK_OK);
    assert_int_equal(w.frame, (RAM - 1) >> 12);
    assert_int_equal(walk_page(0x400000 + RAM, ACC_READ, false, &w), WALK_CONCEALED);
    assert_int_equal(ram[1], 0x87);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_large_page_across_the_border),
    };

    return cmocka_run_group_tests_name("cms_walker", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The page walker against the rules of the manual, written down once more here, over random tables:
 * what it answers, which A and D bits it sets, what it fills, and above all that it touches no
 * memory outside the guest's, whatever the tables say. Only the intrinsics that a restartable
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

uint32_t pm_ld32(uint32_t pa)
{
    assert_true(pa < cms.concealed && pa < RAM && pa % 4 == 0);
    return ram[pa / 4];
}

void pm_st32(uint32_t pa, uint32_t v)
{
    assert_true(pa < cms.concealed && pa < RAM && pa % 4 == 0);
    /* Nothing but A and D bits. */
    assert_int_equal((ram[pa / 4] ^ v) & ~0x60u, 0);
    assert_int_equal(ram[pa / 4] & ~v, 0);
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

static void test_random(void **state)
{
    uint32_t seen[3] = {0};

    (void)state;
    cms.stats = &stats;
    for (uint32_t n = 0; n < 300000; n++) {
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
        if (want == A_FILL) {
            assert_int_equal(got, BACK_RFE);
            assert_int_equal(fill_addr, addr);
            assert_int_equal(fill_entry >> 12, frame);
            assert_int_equal(fill_entry & 0xfff & ~TLB_DIRTY,
                             TLB_V | TLB_R | TLB_X | (can_write ? TLB_W : 0));
            assert_int_equal(!!(fill_entry & TLB_DIRTY),
                             !!((at[1] != NO_TABLE ? e[1] : e[0]) & 0x40));
            assert_int_equal(ram[at[0] / 4], e[0]);
            if (at[1] != NO_TABLE)
                assert_int_equal(ram[at[1] / 4], e[1]);
        } else {
            assert_int_equal(got, BACK_RAISE);
            assert_int_equal(fill_entry, 0);
            assert_int_equal(nstores, 0);
            assert_int_equal(raised_trap, want == A_FAULT ? T_PAGE : T_MACHINE_CHECK);
            assert_int_equal(raised_info, want == A_FAULT ? trap_info : (uint32_t)MC_CONCEALED);
        }
    }
    for (int i = 0; i < 3; i++)
        assert_true(seen[i] > 10000);
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
        cmocka_unit_test(test_large_page_across_the_border),
    };

    return cmocka_run_group_tests_name("cms_walker", tests, NULL, NULL);
}

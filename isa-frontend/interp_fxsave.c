/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE and FXRSTOR: x87, MXCSR and XMM registers in an image of 512 bytes, of which 288 are used.
 * The image has a bit a register for the x87's tags, by physical number, and registers by their
 * place below the top.
 *
 * FXSAVE stores more than the smallest gated store buffer holds: every store is probed first, then
 * it stores 32 bytes to a commit with EIP still on the instruction; nothing else changes, so that
 * starting again is harmless.
 */
#include "isa-frontend/simd.h"

enum { IMG_ST = 32, IMG_XMM = 160, USED = 288, LAST = 511 };

/* Makes a store that would fault. Processors try the last of the 512 bytes first. */
static void probe(uint32_t a)
{
    if (hw_probew(a + LAST, 1))
        hw_gst8(a + LAST, 0);
    for (uint32_t i = 0; i < USED; i += 16)
        if (hw_probew(a + i, 16))
            hw_gstq(0, a + i);
}

static void set_words(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3)
{
    hw_wput(w0, 0);
    hw_wput(w1, 1);
    hw_wput(w2, 2);
    hw_wput(w3, 3);
}

/* With EFLAGS.AC an address that is not even 4-aligned is that fault. */
static void check_aligned(uint32_t a)
{
    if (a & 15)
        cms_guest_fault(hw_mfs(SR_ALIGN_CHECK) && (a & 3) ? X_AC : X_GP, 0);
}

void simd_fxsave(uint32_t a)
{
    uint32_t fsw = hw_mfs(SR_FSW), top = fsw >> 11 & 7, co = hw_mfs(SR_FCO);
    check_aligned(a);
    probe(a);
    set_words(hw_mfs(SR_FCW) | fsw << 16, (hw_mfs(SR_FTAG) & 0xff) | (co & 0x07ff0000),
              hw_mfs(SR_FIP), co & 0xffff);
    hw_gstq(0, a);
    set_words(hw_mfs(SR_FDP), hw_mfs(SR_FDS), hw_mfs(SR_MXCSR), MXCSR_ALL);
    hw_gstq(0, a + 16);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t w = 4 * (WIDE_X87 + ((top + i) & 7));
        if (i % 2 == 0)
            cms_commit_step();
        set_words(hw_wget(w), hw_wget(w + 1), hw_wget(w + 2) & 0xffff, 0);
        hw_gstq(0, a + IMG_ST + 16 * i);
    }
    for (uint32_t i = 0; i < 8; i++) {
        if (i % 2 == 0)
            cms_commit_step();
        hw_valu(SIMD_B(0, WIDE_XMM + i, FN_MOVE, 0, 0));
        hw_gstq(0, a + IMG_XMM + 16 * i);
    }
}

void simd_fxrstor(uint32_t a)
{
    struct x87 x;
    uint32_t v;
    check_aligned(a);
    hw_gld8(a + LAST); /* its fault comes first on processors, too */
    v = hw_gld32(a);
    simd_set_mxcsr(hw_gld32(a + 24));
    x87_set_control(&x, v);
    x.fsw = v >> 16 & ~FS_TOP;
    x.top = v >> 27 & 7;
    v = hw_gld32(a + 4);
    x.tag = v & 0xff;
    hw_mts((v & 0x07ff0000) | hw_gld16(a + 12), SR_FCO);
    hw_mts(hw_gld32(a + 8), SR_FIP);
    hw_mts(hw_gld32(a + 16), SR_FDP);
    hw_mts(hw_gld16(a + 20), SR_FDS);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t at = a + IMG_ST + 16 * i, lo = hw_gld32(at), hi = hw_gld32(at + 4);
        x87_set(x87_st(&x, i), hw_gld16(at + 8), hi, lo);
    }
    for (uint32_t i = 0; i < 8; i++) {
        hw_gldq(0, a + IMG_XMM + 16 * i);
        hw_valu(SIMD_B(WIDE_XMM + i, 0, FN_MOVE, 0, 0));
    }
    x87_end(&x);
}

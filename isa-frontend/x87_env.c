/* SPDX-License-Identifier: MIT */
/*
 * Control state, environments and whole states in memory. Images are those of protected mode, 28
 * bytes or, with a 16-bit operand size, 14; behind them a whole state has ST(0)..ST(7), 10 bytes
 * each.
 *
 * These store more than the smallest gated store buffer holds: every store is probed first, then
 * they store in steps, each committed with EIP still on the instruction and x87 state untouched, so
 * that starting again is harmless. The state changes only after the last step.
 */
#include "isa-frontend/x87.h"

enum { FCW_INIT = 0x37f, IMAGE_MAX = 27 };

void x87_init(struct x87 *x)
{
    x87_set_control(x, FCW_INIT);
    x->fsw = x->top = x->tag = 0;
    hw_mts(0, SR_FIP);
    hw_mts(0, SR_FCO);
    hw_mts(0, SR_FDP);
    hw_mts(0, SR_FDS);
}

/* The two bits a register of the tag word: 0 valid, 1 zero, 2 special, 3 empty. */
static uint32_t full_tags(const struct x87 *x)
{
    uint32_t tags = 0;
    for (uint32_t r = 0; r < 8; r++) {
        uint32_t w = WIDE_X87 + r, t = 3;
        if (x->tag >> r & 1) {
            switch (x87_class(x87_word(w, 2), x87_word(w, 1), x87_word(w, 0))) {
            case X87_NORMAL: t = 0; break;
            case X87_ZERO: t = 1; break;
            default: t = 2; break;
            }
        }
        tags |= t << 2 * r;
    }
    return tags;
}

static void set_tags(struct x87 *x, uint32_t tags)
{
    x->tag = 0;
    for (uint32_t r = 0; r < 8; r++)
        if ((tags >> 2 * r & 3) != 3)
            x->tag |= 1u << r;
}

/* The environment as words of the image; returns their number, the last is half full with a 16-bit
 * operand size. */
static uint32_t make_env(const struct x87 *x, uint32_t *v)
{
    uint32_t fsw = x->fsw | x->top << 11, tags = full_tags(x);
    uint32_t ip = hw_mfs(SR_FIP), co = hw_mfs(SR_FCO), dp = hw_mfs(SR_FDP), ds = hw_mfs(SR_FDS);
    if (x->opsize == 4) {
        v[0] = x->fcw | 0xffff0000u;
        v[1] = fsw | 0xffff0000u;
        v[2] = tags | 0xffff0000u;
        v[3] = ip;
        v[4] = co;
        v[5] = dp;
        v[6] = ds | 0xffff0000u;
        return 7;
    }
    v[0] = x->fcw | fsw << 16;
    v[1] = tags | ip << 16;
    v[2] = (co & 0xffff) | dp << 16;
    v[3] = ds;
    return 4;
}

/* Makes a store that would fault, of n bytes at a. Processors try the first element, then the last
 * byte. */
static void probe(uint32_t a, uint32_t n, uint32_t element)
{
    if (hw_probew(a, element))
        store(a, element, 0);
    if (hw_probew(a + n - 1, 1))
        hw_gst8(a + n - 1, 0);
    for (uint32_t i = 0; i < n;) {
        uint32_t len = TBIT_CHUNK - ((a + i) & (TBIT_CHUNK - 1));
        if (len > n - i)
            len = n - i;
        if (hw_probew(a + i, len))
            hw_gst8(a + i, 0);
        i += len;
    }
}

static void store_image(const struct x87 *x, const uint32_t *v, uint32_t bytes)
{
    uint32_t a = x->addr;
    x87_check_write(x, bytes, x->opsize);
    probe(a, bytes, x->opsize);
    if ((x->check & X87_CHECK_ALIGN) && x->opsize == 2) { /* aligned to no more than that */
        for (uint32_t i = 0; i < bytes; i += 2) {
            if (i && i % 8 == 0)
                cms_commit_step();
            hw_gst16(a + i, v[i / 4] >> (i & 2 ? 16 : 0));
        }
        return;
    }
    for (uint32_t i = 0; i + 4 <= bytes; i += 4) {
        if (i && i % 16 == 0)
            cms_commit_step();
        hw_gst32(a + i, v[i / 4]);
    }
    if (bytes & 2)
        hw_gst16(a + (bytes & ~3u), v[bytes / 4]);
}

void x87_fnstenv(struct x87 *x)
{
    uint32_t v[7];
    make_env(x, v);
    store_image(x, v, x->opsize == 4 ? 28 : 14);
    x87_set_control(x, x->fcw | FS_EXC);
}

/* 16 bits of an image at byte position `at`. */
static void put16(uint32_t *v, uint32_t at, uint32_t val)
{
    uint32_t s = at & 2 ? 16 : 0;
    v[at / 4] = (v[at / 4] & ~(0xffffu << s)) | (val & 0xffff) << s;
}

void x87_fnsave(struct x87 *x)
{
    uint32_t v[IMAGE_MAX], at = x->opsize == 4 ? 28 : 14;
    make_env(x, v);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t w = x87_st(x, i);
        for (uint32_t k = 0; k < 5; k++, at += 2)
            put16(v, at, x87_word(w, k / 2) >> (k & 1 ? 16 : 0));
    }
    store_image(x, v, at);
    x87_init(x);
}

/* Reads an environment and returns its size; `regs` bytes that will be read stand behind it. */
static uint32_t load_env(struct x87 *x, uint32_t regs)
{
    uint32_t v[7], a = x->addr, size = x->opsize == 4 ? 28 : 14;
    x87_check_read(x, size + regs, x->opsize);
    for (uint32_t i = 0; i < 7; i++) {
        v[i] = size == 28 ? hw_gld32(a + 4 * i) : hw_gld16(a + 2 * i);
        if (i == 0)
            hw_gld8(a + size + regs - 1); /* its fault comes early on processors, too */
    }
    x87_set_control(x, v[0]);
    x->fsw = v[1] & 0xffff & ~FS_TOP;
    x->top = v[1] >> 11 & 7;
    set_tags(x, v[2]);
    hw_mts(v[3], SR_FIP);
    hw_mts(size == 28 ? v[4] & 0x07ffffff : v[4], SR_FCO);
    hw_mts(v[5], SR_FDP);
    hw_mts(v[6] & 0xffff, SR_FDS);
    return size;
}

void x87_fldenv(struct x87 *x)
{
    load_env(x, 0);
}

static uint32_t load_halves(const struct x87 *x, uint32_t a)
{
    if (!(x->check & X87_CHECK_ALIGN))
        return hw_gld32(a);
    uint32_t lo = hw_gld16(a);
    return lo | hw_gld16(a + 2) << 16;
}

void x87_frstor(struct x87 *x)
{
    uint32_t a = x->addr + load_env(x, 80);
    for (uint32_t i = 0; i < 8; i++, a += 10) {
        /* Under AC registers need no alignment of their own. */
        uint32_t lo = load_halves(x, a), hi = load_halves(x, a + 4), se = hw_gld16(a + 8);
        x87_set(x87_st(x, i), se, hi, lo);
    }
}

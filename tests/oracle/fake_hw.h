/* SPDX-License-Identifier: MIT */
/*
 * A small functional machine under the intrinsics, for tests of the interpreter alone: registers,
 * condition codes, gated stores as an undo log, and the two memory windows of the silicon oracle
 * with their permissions. Written apart from the model on purpose; what computes is in fake_alu.h.
 * Included by one file of a program, not linked: its hw_ functions take the place of those of
 * morpher/host.
 */
#ifndef TESTS_ORACLE_FAKE_HW_H
#define TESTS_ORACLE_FAKE_HW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "concealed-mem/map.h"
#include "isa-frontend/insn.h"
#include "isa-frontend/interp.h"
#include "isa-frontend/mode.h"
#include "isa-frontend/segment.h"
#include "morpher/hw.h"
#include "tests/oracle/silicon.h"
#include "vliw-model/sem_fp.h"
#include "vliw-model/sem_simd.h"

enum { SB_ENTRIES = 4, UNDO_MAX = 64 };

static struct {
    uint32_t r[64], shadow[64], cc, cc_shadow;
    uint8_t code[SILICON_CODE_SIZE], data[SILICON_DATA_SIZE];
    struct {
        uint8_t *p, old;
    } undo[UNDO_MAX];
    uint32_t nundo, sb[SB_ENTRIES], nsb;
    uint64_t retired;
    uint32_t mode, mode_shadow, align, align_shadow, clock;
    uint32_t gs, gs_base; /* what HC_DESCRIPTOR has, beside 23 and 2b */
    /* Wide registers; special registers from SR_FCW on. */
    uint8_t wide[NWIDE][16], wide_shadow[NWIDE - WIDE_SHADOW0][16];
    uint32_t fp[NFPSR], fp_shadow[NFPSR];
    /* Committed stores since fh_begin, for the caller to look at. */
    uint8_t *touched[4096];
    uint32_t ntouched;
    /* Why it stopped. */
    jmp_buf out;
    uint32_t vector, error, cr2;
    bool unimplemented;
    uint32_t hostcalls, hostcall_arg, hostcall_answer;
} fh;

static struct cm_boot fh_boot;

static void fh_rollback(void)
{
    memcpy(fh.r, fh.shadow, sizeof fh.r);
    memcpy(fh.wide[WIDE_SHADOW0], fh.wide_shadow, sizeof fh.wide_shadow);
    memcpy(fh.fp, fh.fp_shadow, sizeof fh.fp);
    fh.cc = fh.cc_shadow;
    fh.mode = fh.mode_shadow;
    fh.align = fh.align_shadow;
    while (fh.nundo > 0) {
        fh.nundo--;
        *fh.undo[fh.nundo].p = fh.undo[fh.nundo].old;
    }
    fh.nsb = 0;
}

__attribute__((noreturn)) static void fh_stop(uint32_t vector, uint32_t error, uint32_t cr2)
{
    fh_rollback();
    fh.vector = vector;
    fh.error = error;
    fh.cr2 = cr2;
    longjmp(fh.out, 1);
}

__attribute__((noreturn)) void cms_guest_fault(uint32_t vector, uint32_t error)
{
    fh_stop(vector, error, 0);
}

__attribute__((noreturn)) void cms_guest_trap(uint32_t vector, uint32_t info)
{
    (void)info;
    fh_stop(vector, 0, 0);
}

void cms_commit_step(void)
{
    hw_commit(0);
}

__attribute__((noreturn)) void cms_unimplemented(uint32_t eip)
{
    (void)eip;
    fh.unimplemented = true;
    fh_stop(X_UD, 0, 0);
}

/* The byte at a, or 0 if its page forbids the access. */
static uint8_t *fh_byte(uint32_t a, uint32_t acc)
{
    unsigned may = silicon_access(a);
    unsigned want = acc & ACC_EXEC ? SILICON_X : acc & ACC_WRITE ? SILICON_W : SILICON_R;
    if ((may & want) != want)
        return NULL;
    return a - SILICON_CODE < SILICON_CODE_SIZE ? fh.code + (a - SILICON_CODE)
                                                : fh.data + (a - SILICON_DATA);
}

/* Address of the first byte that forbids it; ok is set if there is none. */
static uint32_t fh_check(uint32_t a, uint32_t n, uint32_t acc, bool *ok)
{
    *ok = false;
    if (!fh_byte(a, acc))
        return a;
    uint32_t last = a + n - 1;
    if ((a ^ last) & ~4095u && !fh_byte(last, acc))
        return last & ~4095u;
    *ok = true;
    return 0;
}

static void fh_access(uint32_t a, uint32_t n, uint32_t acc)
{
    bool ok;
    if (fh.align && !(acc & ACC_EXEC) && n <= 8 && (a & (n - 1)))
        fh_stop(X_AC, 0, 0);
    uint32_t bad = fh_check(a, n, acc, &ok);
    if (ok)
        return;
    fh_rollback();
    if (!(acc & ACC_EXEC))
        acc |= ia32_write_intent(fh.r[32 + G_EIP], &bad);
    fh_stop(X_PF, (silicon_access(bad) ? 1 : 0) | (acc & ACC_WRITE ? 2 : 0) | 4, bad);
}

static uint32_t fh_load(uint32_t a, uint32_t n, uint32_t acc)
{
    uint32_t v = 0;
    fh_access(a, n, acc);
    for (uint32_t i = 0; i < n; i++)
        v |= (uint32_t)*fh_byte(a + i, acc) << 8 * i;
    return v;
}

static void fh_store(uint32_t a, uint32_t n, uint32_t v)
{
    fh_access(a, n, ACC_WRITE);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *p = fh_byte(a + i, ACC_WRITE);
        uint32_t k = 0, line = (a + i) & ~7u;
        while (k < fh.nsb && fh.sb[k] != line)
            k++;
        if (k == fh.nsb) {
            if (k == SB_ENTRIES) {
                fprintf(stderr, "store buffer of %d entries overflows at EIP %x\n", SB_ENTRIES,
                        fh.r[32 + G_EIP]);
                abort();
            }
            fh.sb[fh.nsb++] = line;
        }
        fh.undo[fh.nundo].p = p;
        fh.undo[fh.nundo++].old = *p;
        *p = (uint8_t)(v >> 8 * i);
    }
}

void hw_commit(uint32_t n)
{
    memcpy(fh.shadow, fh.r, sizeof fh.r);
    memcpy(fh.wide_shadow, fh.wide[WIDE_SHADOW0], sizeof fh.wide_shadow);
    memcpy(fh.fp_shadow, fh.fp, sizeof fh.fp);
    fh.cc_shadow = fh.cc;
    fh.mode_shadow = fh.mode;
    fh.align_shadow = fh.align;
    for (uint32_t i = 0; i < fh.nundo && fh.ntouched < 4096; i++)
        fh.touched[fh.ntouched++] = fh.undo[i].p;
    fh.nundo = fh.nsb = 0;
    fh.retired += n;
}

uint32_t hw_gld8(uint32_t a)
{
    return fh_load(a, 1, ACC_READ);
}
uint32_t hw_gld8s(uint32_t a)
{
    return (uint32_t)(int8_t)fh_load(a, 1, ACC_READ);
}
uint32_t hw_gld16(uint32_t a)
{
    return fh_load(a, 2, ACC_READ);
}
uint32_t hw_gld16s(uint32_t a)
{
    return (uint32_t)(int16_t)fh_load(a, 2, ACC_READ);
}
uint32_t hw_gld32(uint32_t a)
{
    return fh_load(a, 4, ACC_READ);
}
void hw_gst8(uint32_t a, uint32_t v)
{
    fh_store(a, 1, v);
}
void hw_gst16(uint32_t a, uint32_t v)
{
    fh_store(a, 2, v);
}
void hw_gst32(uint32_t a, uint32_t v)
{
    fh_store(a, 4, v);
}
static void fh_wide_load(uint32_t n, uint32_t a, uint32_t size)
{
    fh_access(a, size, ACC_READ);
    for (uint32_t i = 0; i < size; i++)
        fh.wide[n][i] = *fh_byte(a + i, ACC_READ);
}
static void fh_wide_store(uint32_t n, uint32_t a, uint32_t size)
{
    fh_access(a, size, ACC_WRITE);
    for (uint32_t i = 0; i < size; i++)
        fh_store(a + i, 1, fh.wide[n][i]);
}
static uint32_t fh_aligned(uint32_t a)
{
    if (a & 15)
        fh_stop(X_GP, 0, 0);
    return a;
}
void hw_gldw(uint32_t n, uint32_t a)
{
    fh_wide_load(n, a, 8);
}
void hw_gldq(uint32_t n, uint32_t a)
{
    fh_wide_load(n, a, 16);
}
void hw_gldqa(uint32_t n, uint32_t a)
{
    fh_wide_load(n, fh_aligned(a), 16);
}
void hw_gstw(uint32_t n, uint32_t a)
{
    fh_wide_store(n, a, 8);
}
void hw_gstq(uint32_t n, uint32_t a)
{
    fh_wide_store(n, a, 16);
}
void hw_gstqa(uint32_t n, uint32_t a)
{
    fh_wide_store(n, fh_aligned(a), 16);
}
uint32_t hw_gldx8(uint32_t a)
{
    return fh_load(a, 1, ACC_EXEC);
}
uint32_t hw_gldx32(uint32_t a)
{
    if ((a & 4095) > 4092) {
        fprintf(stderr, "gldx32 crosses a page at %x\n", a);
        abort();
    }
    return fh_load(a, 4, ACC_EXEC);
}

static uint32_t fh_probe(uint32_t a, uint32_t n, uint32_t acc)
{
    bool ok;
    fh_check(a, n, acc, &ok);
    return ok ? 0 : 1 + T_PAGE;
}
uint32_t hw_prober(uint32_t a, uint32_t n)
{
    return fh_probe(a, n, ACC_READ);
}
uint32_t hw_probew(uint32_t a, uint32_t n)
{
    return fh_probe(a, n, ACC_WRITE);
}
uint32_t hw_probex(uint32_t a, uint32_t n)
{
    return fh_probe(a, n, ACC_EXEC);
}

uint32_t hw_gget(uint32_t i)
{
    return fh.r[32 + (i & 31)];
}
void hw_gput(uint32_t v, uint32_t i)
{
    fh.r[32 + (i & 31)] = v;
}
uint32_t hw_g(uint32_t i)
{
    return fh.r[32 + i];
}
void hw_setg(uint32_t i, uint32_t v)
{
    fh.r[32 + i] = v;
}
uint32_t hw_rdcc(void)
{
    return fh.cc;
}
void hw_wrcc(uint32_t v, uint32_t m)
{
    fh.cc = (fh.cc & ~m) | (v & m & F_ALL);
}

uint32_t hw_setcc(uint32_t c)
{
    bool cf = fh.cc & F_CF, zf = fh.cc & F_ZF, sf = fh.cc & F_SF, of = fh.cc & F_OF,
         pf = fh.cc & F_PF, v;
    switch (c >> 1) {
    case 0: v = of; break;
    case 1: v = cf; break;
    case 2: v = zf; break;
    case 3: v = cf || zf; break;
    case 4: v = sf; break;
    case 5: v = pf; break;
    case 6: v = sf != of; break;
    default: v = zf || sf != of; break;
    }
    return v ^ (c & 1);
}

uint32_t hw_mfs(uint32_t sr)
{
    switch (sr) {
    case SR_MODE: return fh.mode;
    case SR_ALIGN_CHECK: return fh.align;
    case SR_CLOCK: return fh.clock++;
    default: return sr - SR_FP_FIRST < NFPSR ? fh.fp[sr - SR_FCW] : 0;
    }
}

void hw_mts(uint32_t v, uint32_t sr)
{
    if (sr - SR_FP_FIRST < NFPSR)
        fh.fp[sr - SR_FCW] = v;
    else if (sr == SR_MODE)
        fh.mode = v;
    else if (sr == SR_ALIGN_CHECK)
        fh.align = v & 1;
}

/* FP ops are the model's own: there the host's processor computes them, and it is the oracle, too.
 * What is tested is everything around them. */
static uint32_t fh_fp(enum op_code opc, uint32_t a, uint32_t b)
{
    uint32_t s = fp_op(opc, fh.wide, fh.fp[0], a, b);
    fh.fp[SR_FSW - SR_FCW] |= s & 0x3f;
    return s;
}
uint32_t hw_wget(uint32_t b)
{
    return fp_wget(fh.wide, b);
}
void hw_wput(uint32_t a, uint32_t b)
{
    fp_wput(fh.wide, a, b);
}
uint32_t hw_fld(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FLD, a, b);
}
uint32_t hw_fst(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FST, a, b);
}
uint32_t hw_fadd(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FADD, a, b);
}
uint32_t hw_fsub(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FSUB, a, b);
}
uint32_t hw_fsubr(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FSUBR, a, b);
}
uint32_t hw_fmul(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FMUL, a, b);
}
uint32_t hw_fdiv(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FDIV, a, b);
}
uint32_t hw_fdivr(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FDIVR, a, b);
}
uint32_t hw_fcom(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FCOM, a, b);
}
uint32_t hw_fucom(uint32_t a, uint32_t b)
{
    return fh_fp(OP_FUCOM, a, b);
}
uint32_t hw_fsqrt(uint32_t a)
{
    return fh_fp(OP_FSQRT, a, 0);
}
uint32_t hw_frnd(uint32_t a)
{
    return fh_fp(OP_FRND, a, 0);
}

/* An unmasked exception: as CMS recovers from trap FPX. */
static uint32_t fh_simd(uint32_t b)
{
    uint32_t *mxcsr = &fh.fp[SR_MXCSR - SR_FP_FIRST], rd = 0,
             raised = simd_float(fh.wide, b, *mxcsr, &rd);
    simd_end();
    if (MX_UNMASKED(*mxcsr, raised)) {
        fh_rollback();
        *mxcsr |= raised;
        fh.fp_shadow[SR_MXCSR - SR_FP_FIRST] = *mxcsr;
        fh_stop(X_XM, 0, 0);
    }
    *mxcsr |= raised;
    return rd;
}
uint32_t hw_valu(uint32_t b)
{
    return simd_int(fh.wide, b);
}
uint32_t hw_vmul(uint32_t b)
{
    return simd_int(fh.wide, b);
}
uint32_t hw_vfp(uint32_t b)
{
    return fh_simd(b);
}
uint32_t hw_vfdiv(uint32_t b)
{
    return fh_simd(b);
}

void *cm_ptr(uint32_t pa)
{
    (void)pa;
    return &fh_boot;
}

/* Segments as silicon's process has them, but for another GS. */
static uint32_t fh_descriptor(uint32_t sel, bool high)
{
    if (sel != fh.gs || !sel || sel == silicon_gs())
        return silicon_descriptor(sel, high);
    return high ? 0x00cff300 | (fh.gs_base >> 16 & 0xff) | (fh.gs_base & 0xff000000)
                : 0xffff | fh.gs_base << 16;
}

/* Flat segments, but GS by a selector with that base; 32-bit code of a user. */
__attribute__((unused)) static void fh_segments(uint32_t gs, uint32_t gs_base)
{
    fh.gs = gs;
    fh.gs_base = gs_base;
    fh.r[32 + G_SEL0] = 0x2b | 0x23u << 16;
    fh.r[32 + G_SEL1] = 0x2b | 0x2bu << 16;
    fh.r[32 + G_SEL2] = gs << 16;
    fh.mode = MODE_PROCESS;
    ia32_seg_reload();
}

uint32_t hw_hostcall(uint32_t arg, uint32_t service)
{
    fh.hostcalls++;
    fh.hostcall_arg = arg;
    if (service == HC_DESCRIPTOR)
        return fh_descriptor(arg & 0xffff, arg >> 16);
    if (service == HC_HAS_LDT)
        return 1;
    return fh.hostcall_answer;
}

#include "tests/oracle/fake_alu.h"

#endif

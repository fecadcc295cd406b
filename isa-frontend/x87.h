/* SPDX-License-Identifier: MIT */
/*
 * What the files of the x87 interpreter share.
 *
 * Between instructions all x87 state is in shadowed hardware: registers by physical number in
 * w16..w23, and the special registers FCW, FSW (with the stack top in bits 13..11), FTAG (bit i:
 * physical register i is in use; the rest in x87_state.h), FIP, FCO, FDP, FDS. A rollback restores
 * them like any guest register, so a handler may change them before its guest accesses. During an
 * instruction struct x87 holds copies of what an instruction may change; x87_end writes them back.
 *
 * How the rules of exceptions come about: an FP op of the hardware raises status bits by the x87's
 * own rules and under the guest's own masks; x87_status takes them over and answers which are
 * unmasked. Then: after an unmasked IE, DE or ZE nothing is written or popped; after an unmasked OE
 * or UE a store to memory is not done either. What no op can know of, empty and full registers, is
 * decided here before any op.
 */
#ifndef ISA_FRONTEND_X87_H
#define ISA_FRONTEND_X87_H

#include "isa-frontend/interp_int.h"
#include "isa-frontend/x87_state.h"

enum {
    FS_EXC = 0x3f,
    FS_SF = 0x40,
    FS_ES = 0x80,
    FS_CC = FS_C0 | FS_C2 | FS_C3,
    FS_TOP = 0x3800,
    FS_B = 0x8000,
    FS_PRE = FS_IE | FS_DE | FS_ZE, /* unmasked, they come before the result */
    FS_MEM = FS_PRE | FS_OE | FS_UE /* unmasked, they come before a store to memory */
};

/* Wide registers of no fixed meaning between instructions. */
enum { W_A = WIDE_TEMP, W_B };

enum { X87_CHECK_SEGMENT = 1, X87_CHECK_ALIGN = 2 };

struct x87 {
    uint32_t check; /* what there is to check about the memory operand beyond its page */
    uint32_t eip, next, opcode, row; /* where it stands, what comes behind; its 11 bits, its row */
    uint32_t opsize;
    uint32_t off, addr, seg;     /* memory operand: offset, linear address, segment */
    uint32_t rm;                 /* i of ST(i) */
    uint32_t fcw, fsw, tag, top; /* fsw without TOP; fcw changes by x87_set_control alone */
};

/* The wide register that holds ST(i). */
static inline uint32_t x87_st(const struct x87 *x, uint32_t i)
{
    return WIDE_X87 + ((x->top + i) & 7);
}

static inline bool x87_full(const struct x87 *x, uint32_t i)
{
    return x->tag >> ((x->top + i) & 7) & 1;
}

static inline void x87_fill(struct x87 *x, uint32_t i)
{
    x->tag |= 1u << ((x->top + i) & 7);
}

static inline void x87_free(struct x87 *x, uint32_t i)
{
    x->tag &= ~(1u << ((x->top + i) & 7));
}

static inline void x87_push(struct x87 *x)
{
    x->top = (x->top - 1) & 7;
    x87_fill(x, 0);
}

static inline void x87_pop(struct x87 *x)
{
    x87_free(x, 0);
    x->top = (x->top + 1) & 7;
}

/* Takes over what an op raised; C1 always, C0 C2 C3 if asked. Returns the unmasked exceptions. */
static inline uint32_t x87_status(struct x87 *x, uint32_t s, uint32_t cc)
{
    x->fsw = (x->fsw & ~(FS_C1 | cc)) | (s & (FS_EXC | FS_C1 | cc));
    return s & ~x->fcw & FS_EXC;
}

static inline void x87_set_control(struct x87 *x, uint32_t fcw)
{
    x->fcw = (fcw & 0x1f3f) | 0x40; /* the bits there are; one is always 1 */
    hw_mts(x->fcw, SR_FCW);
}

/* Before the memory operand is touched, all `size` bytes of it. */
static inline void x87_check(const struct x87 *x, uint32_t size, uint32_t align, uint32_t access)
{
    if (x->check & X87_CHECK_SEGMENT)
        ia32_seg_check(x->seg, x->off, size, access);
    if ((x->check & X87_CHECK_ALIGN) && (x->addr & (align - 1)))
        cms_guest_fault(X_AC, 0);
}

static inline void x87_check_read(const struct x87 *x, uint32_t size, uint32_t align)
{
    if (x->check)
        x87_check(x, size, align, SEGA_READ);
}

/* Code segments are never writable. */
static inline void x87_check_write(const struct x87 *x, uint32_t size, uint32_t align)
{
    if (x->seg == SEG_CS)
        cms_guest_fault(X_GP, 0);
    if (x->check)
        x87_check(x, size, align, SEGA_WRITE);
}

/* Bytes of a memory format, and what they must be aligned to under AC. */
static inline uint32_t x87_bytes(uint32_t format)
{
    return format == WF_I16                       ? 2
           : format == WF_F32 || format == WF_I32 ? 4
           : format == WF_X80                     ? 10
                                                  : 8;
}

static inline uint32_t x87_align(uint32_t format)
{
    return format == WF_X80 ? 8 : x87_bytes(format);
}

/* Writes back status, top and tags; pending exceptions follow from flags and masks. */
static inline void x87_end(const struct x87 *x)
{
    uint32_t fsw = x->fsw & ~(FS_ES | FS_B);
    if (fsw & ~x->fcw & FS_EXC)
        fsw |= FS_ES | FS_B;
    hw_mts(fsw | x->top << 11, SR_FSW);
    hw_mts(x87_state(x->top, x->tag, (fsw & FS_ES) || (x->fcw & FS_EXC) != FS_EXC), SR_FTAG);
}

/* Stack faults. True: the masked response is to be given. */
static inline bool x87_underflow(struct x87 *x)
{
    x->fsw = (x->fsw & ~FS_C1) | FS_IE | FS_SF;
    return x->fcw & FS_IE;
}

static inline bool x87_overflow(struct x87 *x)
{
    x->fsw |= FS_IE | FS_SF | FS_C1;
    return x->fcw & FS_IE;
}

/* An extended number in a wide register, by words: 63..32 and 31..0 of the significand, sign and
 * exponent. */
static inline uint32_t x87_word(uint32_t w, uint32_t i)
{
    return hw_wget(w * 4 + i);
}

static inline void x87_set(uint32_t w, uint32_t se, uint32_t hi, uint32_t lo)
{
    hw_wput(lo, w * 4);
    hw_wput(hi, w * 4 + 1);
    hw_wput(se, w * 4 + 2);
}

/* The indefinite: what the masked response to an invalid operation writes. */
static inline void x87_set_indefinite(uint32_t w)
{
    x87_set(w, 0xffff, 0xc0000000u, 0);
}

static inline void x87_copy(uint32_t to, uint32_t from)
{
    hw_fld(to, from);
}

enum x87_class { X87_UNSUPPORTED, X87_NAN, X87_NORMAL, X87_INFINITY, X87_ZERO, X87_DENORMAL };
/* By exponent and significand alone. */
enum x87_class x87_class(uint32_t se, uint32_t hi, uint32_t lo);

/* A finite number other than zero has its significand normalised and an exponent that may be 0 or
 * negative. */
struct x87_num {
    uint64_t sig;
    int32_t exp;   /* biased */
    uint32_t sign; /* 0x8000: negative */
    enum x87_class class;
};

/* x87_scale.c: what is in wide register w. */
struct x87_num x87_number(uint32_t w);
/* Should the magnitude grow, by the guest's rounding control? `dropped` is the part dropped, in
 * units of 2^-64. */
bool x87_grows(const struct x87 *x, uint32_t sign, uint64_t sig, uint64_t dropped);

/* Both operands in place, or the stack fault of an arithmetic op on ST(d) and ST(s): false, and all
 * is done. */
bool x87_have2(struct x87 *x, uint32_t d, uint32_t s);

/* x87_arith.c: the eight basic operations, comparisons, one-operand instructions. */
void x87_arith_mem(struct x87 *x, uint32_t op, uint32_t format);
void x87_arith_reg(struct x87 *x, uint32_t op, uint32_t d, uint32_t s, bool pop);
enum { X87_QUIET = 1 /* fucom */, X87_FLAGS = 2 /* to EFLAGS */ };
void x87_compare(struct x87 *x, uint32_t i, uint32_t how, uint32_t pops);
void x87_cmov(struct x87 *x, uint32_t holds);
void x87_d9_reg(struct x87 *x, uint32_t modrm);

/* x87_scale.c: exact remainders, scaling, extraction, by integer arithmetic on the words. */
void x87_fprem(struct x87 *x, bool nearest);
void x87_fscale(struct x87 *x);
void x87_fxtract(struct x87 *x);

/* x87_trans_trig.c, x87_trans_exp.c: transcendentals. */
void x87_fsin(struct x87 *x, bool cosine);
void x87_fsincos(struct x87 *x);
void x87_fptan(struct x87 *x);
void x87_fpatan(struct x87 *x);
void x87_f2xm1(struct x87 *x);
void x87_fyl2x(struct x87 *x);
void x87_fyl2xp1(struct x87 *x);

/* x87_bcd.c */
void x87_fbld(struct x87 *x);
void x87_fbstp(struct x87 *x);

/* x87_env.c: control words, environments, whole states. False: they have retired by themselves. */
void x87_init(struct x87 *x);
void x87_fldenv(struct x87 *x);
void x87_fnstenv(struct x87 *x);
void x87_frstor(struct x87 *x);
void x87_fnsave(struct x87 *x);

#endif

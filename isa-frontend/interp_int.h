/* SPDX-License-Identifier: MIT */
/*
 * What the files of the interpreter share. Guest state stays where hw.h says; these helpers name
 * pieces of it.
 *
 * Rules for every handler: it may be left at any guest access and never come back, so until its
 * commit it changes nothing but guest registers, flags and gated stores, which the hardware takes
 * back. It ends with retire(), or with a fault. At most 8 bytes at two places are stored before a
 * commit, which the smallest gated store buffer holds.
 */
#ifndef ISA_FRONTEND_INTERP_INT_H
#define ISA_FRONTEND_INTERP_INT_H

#include "isa-frontend/insn.h"
#include "isa-frontend/interp.h"
#include "isa-frontend/mode.h"
#include "isa-frontend/segment.h"
#include "morpher/hw.h"

/* How an instruction ended, beside enum interp_exit. */
enum {
    IX_NEXT = 0x10 /* committed, go on behind it */,
    IX_SLOW /* fast handlers: nothing done, take the generic way */,
    IX_SPECIAL /* fast handlers: nothing done, and the mode is not theirs */,
    IX_SHADOW /* committed, and holds off the trap behind it (MOV SS, POP SS) */
};

enum {
    EFL_TF = 0x100,
    EFL_IF = 0x200,
    EFL_DF = 0x400,
    EFL_IOPL = 0x3000,
    EFL_NT = 0x4000,
    EFL_RF = 0x10000,
    EFL_VM = 0x20000,
    EFL_AC = 0x40000,
    EFL_VIF = 0x80000,
    EFL_VIP = 0x100000,
    EFL_ID = 0x200000
};

/* One operation of all three widths: BY_SIZE(add, 4, a, b) is hw_addf32(a, b). */
#define BY_SIZE(op, size, a, b)                                                                    \
    ((size) == 4 ? hw_##op##f32(a, b) : (size) == 2 ? hw_##op##f16(a, b) : hw_##op##f8(a, b))
#define BY_SIZE1(op, size, a)                                                                      \
    ((size) == 4 ? hw_##op##f32(a) : (size) == 2 ? hw_##op##f16(a) : hw_##op##f8(a))

static inline void retire(uint32_t next)
{
    hw_setg(G_EIP, next);
    hw_commit(1);
}

static inline uint32_t reg8(uint32_t r)
{
    return r < 4 ? hw_zext8(hw_gget(r)) : hw_ext8h(hw_gget(r & 3));
}

static inline void set_reg8(uint32_t r, uint32_t v)
{
    if (r < 4)
        hw_gput(hw_ins8(hw_gget(r), v), r);
    else
        hw_gput(hw_ins8h(hw_gget(r & 3), v), r & 3);
}

static inline uint32_t reg_of(uint32_t r, uint32_t size)
{
    return size == 4 ? hw_gget(r) : size == 2 ? hw_zext16(hw_gget(r)) : reg8(r);
}

static inline void set_reg_of(uint32_t r, uint32_t size, uint32_t v)
{
    if (size == 4)
        hw_gput(v, r);
    else if (size == 2)
        hw_gput(hw_ins16(hw_gget(r), v), r);
    else
        set_reg8(r, v);
}

static inline uint32_t load(uint32_t a, uint32_t size)
{
    return size == 4 ? hw_gld32(a) : size == 2 ? hw_gld16(a) : hw_gld8(a);
}

static inline void store(uint32_t a, uint32_t size, uint32_t v)
{
    if (size == 4)
        hw_gst32(a, v);
    else if (size == 2)
        hw_gst16(a, v);
    else
        hw_gst8(a, v);
}

static inline uint32_t seg_base(uint32_t seg)
{
    if (seg == SEG_FS)
        return hw_g(G_FSBASE);
    if (seg == SEG_GS)
        return hw_g(G_GSBASE);
    return hw_mfs(SR_MODE) & MODE_FLAT ? 0 : ia32_seg[seg].base;
}

/* The stack: 16 bits of ESP wrap where the stack segment is a 16-bit one. */
struct stack {
    uint32_t esp, mask;
    bool flat; /* no base to add, no limit to check */
};

static inline struct stack stack_open(uint32_t mode)
{
    return (struct stack){hw_g(G_ESP), mode & MODE_STACK32 ? 0xffffffff : 0xffff, mode & MODE_FLAT};
}

static inline void stack_add(struct stack *s, uint32_t n)
{
    s->esp = (s->esp & ~s->mask) | ((s->esp + n) & s->mask);
}

/* The linear address of what is `size` bytes big at this offset. */
static inline uint32_t stack_at(const struct stack *s, uint32_t off, uint32_t size, uint32_t access)
{
    off &= s->mask;
    return __builtin_expect(s->flat, 1) ? off : ia32_seg_at(SEG_SS, off, size, access);
}

static inline void push(struct stack *s, uint32_t size, uint32_t v)
{
    stack_add(s, 0u - size);
    store(stack_at(s, s->esp, size, SEGA_WRITE), size, v);
}

static inline uint32_t pop(struct stack *s, uint32_t size)
{
    uint32_t v = load(stack_at(s, s->esp, size, SEGA_READ), size);
    stack_add(s, size);
    return v;
}

static inline bool beyond_limit(uint32_t target, uint32_t mode)
{
    return !(mode & MODE_FLAT) && target > ia32_seg[SEG_CS].last;
}

/* Behind an instruction: where code goes on. */
static inline uint32_t jump(uint32_t target, uint32_t mode)
{
    if (beyond_limit(target, mode))
        cms_guest_fault(X_GP, 0);
    retire(target);
    return IX_BLOCK;
}

static inline uint32_t selector(uint32_t seg)
{
    uint32_t w = seg < 2 ? hw_g(G_SEL0) : seg < 4 ? hw_g(G_SEL1) : hw_g(G_SEL2);
    return seg & 1 ? w >> 16 : w & 0xffff;
}

/* EFLAGS as PUSHF shows them. */
static inline uint32_t eflags(void)
{
    return hw_g(G_EFL) | hw_rdcc();
}

/* interp_string.c: MOVS CMPS SCAS LODS STOS, with REP. One iteration if `single`. */
uint32_t ia32_string(const struct insn *in, bool single);

/* interp_sys.c: what is about the processor rather than about data: segments, privileged
 * instructions, CPUID. */
uint32_t ia32_system(const struct insn *in, uint32_t mode);

/* interp_seg.c: loads of segment registers and far transfers; what descriptors tell. */
uint32_t ia32_load_segment(const struct insn *in, uint32_t mode);
uint32_t ia32_far(const struct insn *in, uint32_t next, uint32_t mode);
void ia32_ask_descriptor(const struct insn *in, uint32_t a);

/* segment.c. High word of the descriptor under a selector, 0 if there is none. At a point where
 * everything is committed. */
uint32_t ia32_descriptor(uint32_t sel, uint32_t *lo);
uint32_t ia32_descriptor_limit(uint32_t hi, uint32_t lo);

/* cpuid.c: EAX and ECX in, EAX EBX ECX EDX out in r[0..3]. */
void ia32_cpuid(uint32_t leaf, uint32_t r[4]);

/* interp_x87.c: executes an escape (in->imm) or FWAIT, and retires it. */
void ia32_x87(const struct insn *in);
/* The instruction at G_EIP, if it is one of these without prefixes: IX_NEXT, else IX_SLOW. */
uint32_t ia32_x87_fast(void);

/* interp_simd.c: executes an instruction of MMX or SSE, and retires it. */
void ia32_simd(const struct insn *in);
/* The instruction at G_EIP, if it is one of these in a plain form: IX_NEXT, else IX_SLOW. */
uint32_t ia32_simd_fast(void);

/* interp.c: the last instruction that was executed under TF held off its trap. */
extern bool ia32_shadow;

/* interp_generic.c: one instruction the generic way; the linear address of a memory operand. */
uint32_t ia32_step(bool single);
uint32_t ia32_linear(const struct insn *in);
uint32_t ia32_offset(const struct insn *in); /* the same within its segment */
/* A datum by operand; `a` is the address of the memory operand. */
uint32_t ia32_get(const struct insn *in, uint32_t k, uint32_t a);
void ia32_put(const struct insn *in, uint32_t k, uint32_t a, uint32_t v);

/* interp_arith.c */
void ia32_multiply(const struct insn *in, uint32_t v);
void ia32_divide(const struct insn *in, uint32_t v);
void ia32_decimal(const struct insn *in);
uint32_t ia32_shift(uint32_t op, uint32_t size, uint32_t v, uint32_t count);
void ia32_bit_test(const struct insn *in, uint32_t a, uint32_t mode);
void ia32_compare_exchange(const struct insn *in, uint32_t a);
void ia32_compare_exchange_8b(uint32_t a, uint32_t mode);

/* interp_control.c: instructions with the attribute CT, retired; PUSHA, POPA, ENTER. */
uint32_t ia32_control(const struct insn *in, uint32_t next, uint32_t mode);
uint32_t ia32_condition(uint32_t c);
void ia32_push_all(struct stack *s, uint32_t size);
void ia32_pop_all(struct stack *s, uint32_t size);
void ia32_enter(const struct insn *in, struct stack s);
/* Flags that POPF and IRET may change, and what follows for the mode. */
void ia32_set_eflags(uint32_t v, uint32_t size, uint32_t mode);

/* interp_fast.c: frequent instructions from their bytes, as many as come in a row. IX_BLOCK or
 * IX_SLOW. */
uint32_t ia32_fast(void);

#endif

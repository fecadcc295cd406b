/* SPDX-License-Identifier: MIT */
/*
 * The intrinsics: the only way from CMS to the hardware. Compiled for the VLIW each is one op of
 * ops.def in inline assembly; compiled for the host each is a function over a struct vm
 * (morpher/host/hw_host.c), which leaves by longjmp to cms_entry when the op takes a rollback trap,
 * exactly as the hardware would.
 *
 * Guest general register i is r[32+i]. A trap in any of the guest accesses rolls everything back to
 * the last hw_commit, drops the C stack and enters cms_entry afresh: no local variable survives,
 * native memory written since the commit stays written (so a handler writes none between its first
 * guest access and its commit).
 */
#ifndef MORPHER_HW_H
#define MORPHER_HW_H

#include <stddef.h>
#include "concealed-mem/abi.h"
#include "vliw-model/isa.h"

#ifdef CMS_VLIW
#define HW_ATTR static inline __attribute__((always_inline))

#define HW_OP_RRB_(fn, mn)                                                                         \
    HW_ATTR uint32_t fn(uint32_t a, uint32_t b)                                                    \
    {                                                                                              \
        uint32_t d;                                                                                \
        __asm__ volatile(mn "\t%0, %1, %2" : "=r"(d) : "r"(a), "ri"(b));                           \
        return d;                                                                                  \
    }
#define HW_OP_RR_(fn, mn)                                                                          \
    HW_ATTR uint32_t fn(uint32_t a)                                                                \
    {                                                                                              \
        uint32_t d;                                                                                \
        __asm__ volatile(mn "\t%0, %1" : "=r"(d) : "r"(a));                                        \
        return d;                                                                                  \
    }
#define HW_OP_RRBX_(fn, mn)                                                                        \
    HW_ATTR uint32_t fn(uint32_t d, uint32_t a, uint32_t b)                                        \
    {                                                                                              \
        __asm__ volatile(mn "\t%0, %1, %2" : "+r"(d) : "r"(a), "ri"(b));                           \
        return d;                                                                                  \
    }
#define HW_OP_RRX_(fn, mn)                                                                         \
    HW_ATTR uint32_t fn(uint32_t d, uint32_t a)                                                    \
    {                                                                                              \
        __asm__ volatile(mn "\t%0, %1" : "+r"(d) : "r"(a));                                        \
        return d;                                                                                  \
    }
#define HW_OP_AB_(fn, mn)                                                                          \
    HW_ATTR void fn(uint32_t a, uint32_t b)                                                        \
    {                                                                                              \
        __asm__ volatile(mn "\t%0, %1" : : "r"(a), "ri"(b) : "memory");                            \
    }
#define HW_OP_RB_(fn, mn)                                                                          \
    HW_ATTR uint32_t fn(uint32_t b)                                                                \
    {                                                                                              \
        uint32_t d;                                                                                \
        __asm__ volatile(mn "\t%0, %1" : "=r"(d) : "ri"(b));                                       \
        return d;                                                                                  \
    }
/* Guest memory is not C memory: no "memory" clobber, but volatile keeps their order. */
#define HW_OP_LOAD_(fn, mn)                                                                        \
    HW_ATTR uint32_t fn(uint32_t a)                                                                \
    {                                                                                              \
        uint32_t d;                                                                                \
        __asm__ volatile(mn "\t%0, 0(%1)" : "=r"(d) : "r"(a));                                     \
        return d;                                                                                  \
    }
#define HW_OP_STORE_(fn, mn)                                                                       \
    HW_ATTR void fn(uint32_t a, uint32_t v)                                                        \
    {                                                                                              \
        __asm__ volatile(mn "\t%0, 0(%1)" : : "r"(v), "r"(a));                                     \
    }
#define HW_OP_B_(fn, mn)                                                                           \
    HW_ATTR void fn(uint32_t b)                                                                    \
    {                                                                                              \
        __asm__ volatile(mn "\t%0" : : "ri"(b) : "memory");                                        \
    }
#else
#define HW_OP_RRB_(fn, mn)   uint32_t fn(uint32_t a, uint32_t b);
#define HW_OP_RR_(fn, mn)    uint32_t fn(uint32_t a);
#define HW_OP_RRBX_(fn, mn)  uint32_t fn(uint32_t d, uint32_t a, uint32_t b);
#define HW_OP_RRX_(fn, mn)   uint32_t fn(uint32_t d, uint32_t a);
#define HW_OP_AB_(fn, mn)    void fn(uint32_t a, uint32_t b);
#define HW_OP_LOAD_(fn, mn)  uint32_t fn(uint32_t a);
#define HW_OP_RB_(fn, mn)    uint32_t fn(uint32_t b);
#define HW_OP_STORE_(fn, mn) void fn(uint32_t a, uint32_t v);
#define HW_OP_B_(fn, mn)     void fn(uint32_t b);
#endif

/* HW(shape, function suffix = mnemonic): the list both builds are made from. */
/* clang-format off */
#define HW_LIST(HW)                                                                                \
    HW(RRB, addf8) HW(RRB, addf16) HW(RRB, addf32) HW(RRB, subf8) HW(RRB, subf16) HW(RRB, subf32)  \
    HW(RRB, adcf8) HW(RRB, adcf16) HW(RRB, adcf32) HW(RRB, sbbf8) HW(RRB, sbbf16) HW(RRB, sbbf32)  \
    HW(RRB, andf8) HW(RRB, andf16) HW(RRB, andf32) HW(RRB, orf8) HW(RRB, orf16) HW(RRB, orf32)     \
    HW(RRB, xorf8) HW(RRB, xorf16) HW(RRB, xorf32)                                                 \
    HW(RR, incf8) HW(RR, incf16) HW(RR, incf32) HW(RR, decf8) HW(RR, decf16) HW(RR, decf32)        \
    HW(RRB, shlf8) HW(RRB, shlf16) HW(RRB, shlf32) HW(RRB, shrf8) HW(RRB, shrf16) HW(RRB, shrf32)  \
    HW(RRB, sarf8) HW(RRB, sarf16) HW(RRB, sarf32) HW(RRB, rolf8) HW(RRB, rolf16) HW(RRB, rolf32)  \
    HW(RRB, rorf8) HW(RRB, rorf16) HW(RRB, rorf32) HW(RRB, rclf8) HW(RRB, rclf16) HW(RRB, rclf32)  \
    HW(RRB, rcrf8) HW(RRB, rcrf16) HW(RRB, rcrf32)                                                 \
    HW(RRBX, shldf16) HW(RRBX, shldf32) HW(RRBX, shrdf16) HW(RRBX, shrdf32)                        \
    HW(RRB, imulf16) HW(RRB, imulf32) HW(RRB, imul8f) HW(RRB, mul8f) HW(RRB, mulf16)               \
    HW(RRB, mulf32) HW(AB, btf) HW(RRX, bsff) HW(RRX, bsrf)                                        \
    HW(RRBX, udivq) HW(RRBX, udivr) HW(RRBX, sdivq) HW(RRBX, sdivr)                                \
    HW(RR, zext8) HW(RR, zext16) HW(RR, sext8) HW(RR, sext16) HW(RR, ext8h) HW(RRB, ins8)          \
    HW(RRB, ins8h) HW(RRB, ins16) HW(RR, bswap)                                                    \
    HW(AB, wrcc) HW(LOAD, gld8) HW(LOAD, gld8s) HW(LOAD, gld16) HW(LOAD, gld16s) HW(LOAD, gld32)   \
    HW(STORE, gst8) HW(STORE, gst16) HW(STORE, gst32) HW(LOAD, gldx8) HW(LOAD, gldx32)             \
    HW(RRB, prober) HW(RRB, probew) HW(RRB, probex) HW(RR, gpa) HW(RR, gget) HW(AB, gput)          \
    HW(AB, isync) HW(AB, mts) HW(B, phase) HW(AB, tlbw) HW(AB, tlbinv) HW(AB, jtlbw)               \
    HW(AB, jtlbinv) HW(AB, tbset) HW(AB, tbclr) HW(RRB, pin) HW(RRB, hostcall)                     \
    HW(RB, wget) HW(AB, wput) HW(RRB, fld) HW(RRB, fst) HW(RRB, fadd) HW(RRB, fsub) HW(RRB, fsubr) \
    HW(RRB, fmul) HW(RRB, fdiv) HW(RRB, fdivr) HW(RRB, fcom) HW(RRB, fucom) HW(RR, fsqrt)          \
    HW(RR, frnd) HW(RB, valu) HW(RB, vmul) HW(RB, vfp) HW(RB, vfdiv)
/* clang-format on */

#define HW_DECL_(shape, name) HW_OP_##shape##_(hw_##name, #name)
HW_LIST(HW_DECL_)
#undef HW_DECL_

#ifdef CMS_VLIW
HW_ATTR uint32_t hw_rdcc(void)
{
    uint32_t d;
    __asm__ volatile("rdcc\t%0, 0x8d5" : "=r"(d));
    return d;
}
/* A condition must be a compile-time constant: setcc. */
#define hw_setcc(cond)                                                                             \
    ({                                                                                             \
        uint32_t d_;                                                                               \
        __asm__ volatile("setcc\t%0, %1" : "=r"(d_) : "i"(cond));                                  \
        d_;                                                                                        \
    })
#define hw_mfs(sr)                                                                                 \
    ({                                                                                             \
        uint32_t d_;                                                                               \
        __asm__ volatile("mfs\t%0, %1" : "=r"(d_) : "i"(sr) : "memory");                           \
        d_;                                                                                        \
    })
/* The guest registers of fixed number, without the indirection of gget: plain moves from and to
 * r32.. */
#define hw_g(i)                                                                                    \
    ({                                                                                             \
        uint32_t d_;                                                                               \
        __asm__ volatile("mov\t%0, r%1" : "=r"(d_) : "i"(32 + (i)));                               \
        d_;                                                                                        \
    })
#define hw_setg(i, v) __asm__ volatile("mov\tr%0, %1" : : "i"(32 + (i)), "ri"((uint32_t)(v)))
/* Guest memory and wide register n, a constant: bytes 0 to 7 or all 16; a: must be 16-aligned. */
#define HW_WIDE_(mn, n, a) __asm__ volatile(mn "\tw%0, 0(%1)" : : "i"(n), "r"((uint32_t)(a)))
#define hw_gldw(n, a)      HW_WIDE_("gldw", n, a)
#define hw_gldq(n, a)      HW_WIDE_("gldq", n, a)
#define hw_gldqa(n, a)     HW_WIDE_("gldqa", n, a)
#define hw_gstw(n, a)      HW_WIDE_("gstw", n, a)
#define hw_gstq(n, a)      HW_WIDE_("gstq", n, a)
#define hw_gstqa(n, a)     HW_WIDE_("gstqa", n, a)
/* Commits the working state, retiring `n` guest instructions: a bundle with the commit bit. */
#define hw_commit(n) __asm__ volatile("commit\t%0" : : "i"(n) : "memory")
/* Leaves C for good: a translation's first bundle. */
__attribute__((noreturn)) HW_ATTR void hw_enter(uint32_t pc)
{
    __asm__ volatile("jr\t%0" : : "r"(pc) : "memory");
    __builtin_unreachable();
}
/* Rolls back to the last commit and enters cms_entry with trap EXIT. */
__attribute__((noreturn)) HW_ATTR void hw_exit(uint32_t info)
{
    __asm__ volatile("exit\t%0" : : "r"(info) : "memory");
    __builtin_unreachable();
}
__attribute__((noreturn)) HW_ATTR void hw_halt(uint32_t status)
{
    __asm__ volatile("halt\t%0" : : "r"(status) : "memory");
    __builtin_unreachable();
}
__attribute__((noreturn)) HW_ATTR void hw_rfe(void)
{
    __asm__ volatile("rfe" : : : "memory");
    __builtin_unreachable();
}
__attribute__((noreturn)) HW_ATTR void hw_raise(uint32_t info, uint32_t trap)
{
    __asm__ volatile("raise\t%0, %1" : : "r"(info), "r"(trap) : "memory");
    __builtin_unreachable();
}
/* Native memory by physical address: on the machine a pointer is one. */
#define cm_ptr(pa) ((void *)(uintptr_t)(uint32_t)(pa))
#define cm_pa(ptr) ((uint32_t)(uintptr_t)(ptr))
/* Physical memory that belongs to the guest (page tables): the walker reads it natively. */
#define pm_ld32(pa)    (*(volatile uint32_t *)(uintptr_t)(pa))
#define pm_st32(pa, v) (*(volatile uint32_t *)(uintptr_t)(pa) = (v))
#else
uint32_t hw_rdcc(void);
uint32_t hw_setcc(uint32_t cond);
uint32_t hw_mfs(uint32_t sr);
uint32_t hw_g(uint32_t i);
void hw_setg(uint32_t i, uint32_t v);
void hw_gldw(uint32_t n, uint32_t a);
void hw_gldq(uint32_t n, uint32_t a);
void hw_gldqa(uint32_t n, uint32_t a);
void hw_gstw(uint32_t n, uint32_t a);
void hw_gstq(uint32_t n, uint32_t a);
void hw_gstqa(uint32_t n, uint32_t a);
void hw_commit(uint32_t n);
__attribute__((noreturn)) void hw_enter(uint32_t pc);
__attribute__((noreturn)) void hw_exit(uint32_t info);
__attribute__((noreturn)) void hw_halt(uint32_t status);
__attribute__((noreturn)) void hw_rfe(void);
__attribute__((noreturn)) void hw_raise(uint32_t info, uint32_t trap);
void *cm_ptr(uint32_t pa);
uint32_t cm_pa(const void *ptr);
uint32_t pm_ld32(uint32_t pa);
void pm_st32(uint32_t pa, uint32_t v);
#endif

#endif

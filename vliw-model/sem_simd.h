/* SPDX-License-Identifier: MIT */
/*
 * What the functions of simd.def compute: over the wide registers that b names (SIMD_B of isa.h).
 * The caller keeps MXCSR, writes rd and takes the trap.
 */
#ifndef VLIW_MODEL_SEM_SIMD_H
#define VLIW_MODEL_SEM_SIMD_H

#include "vliw-model/isa.h"

/* valu and vmul. Returns rd. */
uint32_t simd_int(uint8_t (*wide)[16], uint32_t b);

/*
 * vfp and vfdiv under mxcsr. Returns exceptions (FS_IE..FS_PE) to be ORed into MXCSR: those raised,
 * and perhaps such as it has already. If MX_UNMASKED of them is not 0, they are what FPX reports
 * and nothing was written, *rd neither.
 *
 * The host's own floating point may round as the guest wants it afterwards. Before it computes
 * anything, simd_end() makes it as the ABI promises: wherever the engine is left.
 */
uint32_t simd_float(uint8_t (*wide)[16], uint32_t b, uint32_t mxcsr, uint32_t *rd);
void simd_end(void);
/* The same in integer arithmetic (sem_simd_soft.c), as it is done where there is no SSE to ask. */
uint32_t simd_float_soft(uint8_t (*wide)[16], uint32_t b, uint32_t mxcsr, uint32_t *rd);
/* rcp and rsqrt: elements of d from those of s. */
void simd_approximate(uint8_t *d, const uint8_t *s, unsigned fn);

/* Writes the result of a function: all of it, or with m its low half. */
static inline void simd_write(uint8_t *d, const void *r, bool m)
{
    __builtin_memcpy(d, r, m ? 8 : 16);
    if (m)
        d[8] = d[9] = 0xff;
}

#endif

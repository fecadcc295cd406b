/* SPDX-License-Identifier: MIT */
/* What the files of MMX and SSE in the interpreter share. */
#ifndef ISA_FRONTEND_SIMD_H
#define ISA_FRONTEND_SIMD_H

#include "isa-frontend/x87.h"

/* #GP if it has others. */
void simd_set_mxcsr(uint32_t v);

/* interp_fxsave.c: the 512 bytes at linear address a. */
void simd_fxsave(uint32_t a);
void simd_fxrstor(uint32_t a);

#endif

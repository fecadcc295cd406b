/* SPDX-License-Identifier: MIT */
/*
 * What the ops on wide registers compute (the section "Wide registers and floating point" of
 * ops.def): pure functions over the wide registers and the control word; the caller keeps FCW and
 * FSW and writes rd.
 */
#ifndef VLIW_MODEL_SEM_FP_H
#define VLIW_MODEL_SEM_FP_H

#include "vliw-model/isa.h"

/* Whether the host's own floating point is asked, or all is done in integers (-DFP_PORTABLE, to
 * have that tried where the host could be asked). Results are the same. */
#if defined(__x86_64__) && !defined(FP_PORTABLE)
#define FP_ON_HOST 1
#else
#define FP_ON_HOST 0
#endif

/* wget and wput: word (b & 3) of wide register (b >> 2 & 31). */
uint32_t fp_wget(uint8_t (*wide)[16], uint32_t b);
void fp_wput(uint8_t (*wide)[16], uint32_t a, uint32_t b);

/* All others: op `opc` with operands a and b (b is ignored where the op has none) under control
 * word fcw. Returns the status bits raised (FS_*): they are rd, and FS_IE..FS_PE are to be ORed
 * into FSW. */
uint32_t fp_op(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b);
/* The same in integers alone, all cases (sem_fp_soft.c). */
uint32_t fp_op_soft(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b);
/* The same by the host's x87 alone, what sem_fp_fast.h could have done included; without one,
 * fp_op_soft. */
uint32_t fp_op_host(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b);
/* The static ops (ops.def): d = x op y, y in a format (a store: to it). fp_fast3 comes before. */
uint32_t fp_op3_host(enum op_code opc, uint8_t *d, const uint8_t *x, const uint8_t *y, uint32_t fcw,
                     uint32_t format);

#endif

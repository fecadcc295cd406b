/* SPDX-License-Identifier: MIT */
/*
 * Ops and bundles as text. Hosted. A short immediate is decimal, a long one hexadecimal (so that
 * the text tells the encoding); targets are absolute hexadecimal addresses; conditions have their
 * x86 names.
 */
#ifndef VLIW_MODEL_DISASM_H
#define VLIW_MODEL_DISASM_H

#include <stddef.h>
#include "vliw-model/encode.h"

/* "o", "no", "b", ... for condition 0..15. */
const char *disasm_cond(unsigned cond);

/*
 * Functions of valu and its kin, named in small letters: "addps w24, w25", with an imm8 other than
 * 0 behind it, "addw.m" for m = 1. disasm_simd: false if b is no such operand of the op.
 * disasm_find_fn: FN_NONE if there is none.
 */
bool disasm_simd(unsigned opc, uint32_t b, char *buf, size_t size);
enum simd_fn disasm_find_fn(const char *name, size_t len);

/* Writes at most `size` bytes with the terminating zero; returns the length the text would have, as
 * snprintf. */
int disasm_op(const struct vop *op, char *buf, size_t size);

/* Ops separated by " | ", then " ; commit N" if the bundle commits. */
int disasm_bundle(const struct bundle *b, char *buf, size_t size);

#endif

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

/* Writes at most `size` bytes with the terminating zero; returns the length the text would have, as
 * snprintf. */
int disasm_op(const struct vop *op, char *buf, size_t size);

/* Ops separated by " | ", then " ; commit N" if the bundle commits. */
int disasm_bundle(const struct bundle *b, char *buf, size_t size);

#endif

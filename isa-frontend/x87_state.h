/* SPDX-License-Identifier: MIT */
/*
 * What the special register FTAG holds: bits 7..0 the physical registers in use, bits 10..8 the top
 * of the stack (as in FSW), bit 11 set unless all exceptions are masked and none is pending. So one
 * comparison tells a translation whether the stack is as it assumes.
 */
#ifndef ISA_FRONTEND_X87_STATE_H
#define ISA_FRONTEND_X87_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { X87_UNCLEAN = 0x800 };

static inline uint32_t x87_state(uint32_t top, uint32_t tag, bool unclean)
{
    return tag | top << 8 | (unclean ? X87_UNCLEAN : 0);
}

#endif

/* SPDX-License-Identifier: MIT */
#include "isa-frontend/interp_int.h"

uint32_t ia32_fast(void)
{
    return IX_SLOW;
}

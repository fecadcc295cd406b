/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's loop. Two ways execute an instruction: fast handlers straight from the bytes (interp_fast.c), for what
 * is frequent, and the generic way (interp_generic.c), for everything. A single instruction always takes the generic way,
 * so that the two are tried against each other wherever CMS steps over something.
 */
#include "isa-frontend/interp_int.h"

enum interp_exit ia32_interp(bool single)
{
    uint32_t r;
    if (single) {
        r = ia32_step(true);
        return r == IX_NEXT ? IX_ONE : (enum interp_exit)r;
    }
    for (;;) {
        r = ia32_fast();
        if (r == IX_SLOW)
            r = ia32_x87_fast();
        if (r == IX_SLOW)
            r = ia32_step(false);
        if (r != IX_NEXT)
            return (enum interp_exit)r;
    }
}

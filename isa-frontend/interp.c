/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's loop. Two ways execute an instruction: fast handlers straight from the bytes
 * (interp_fast.c), for what is frequent, and the generic way (interp_generic.c), for everything. A
 * single instruction always takes the generic way, so that the two are tried against each other
 * wherever CMS steps over something.
 */
#include "isa-frontend/interp_int.h"

/* Where the fast handlers stopped; apart, so that a block without such an instruction saves no
 * registers. */
static __attribute__((noinline)) enum interp_exit go_on(void)
{
    for (;;) {
        uint32_t r = ia32_x87_fast();
        if (r == IX_SLOW)
            r = ia32_simd_fast();
        if (r == IX_SLOW)
            r = ia32_step(false);
        if (r != IX_NEXT)
            return (enum interp_exit)r;
        r = ia32_fast();
        if (r != IX_SLOW)
            return (enum interp_exit)r;
    }
}

static __attribute__((noinline)) enum interp_exit one(void)
{
    uint32_t r = ia32_step(true);
    return r == IX_NEXT ? IX_ONE : (enum interp_exit)r;
}

enum interp_exit ia32_interp(bool single)
{
    if (single)
        return one();
    if (__builtin_expect(ia32_fast() == IX_BLOCK, 1))
        return IX_BLOCK;
    return go_on();
}

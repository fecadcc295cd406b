/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's loop. Two ways execute an instruction: fast handlers straight from the bytes
 * (interp_fast.c), for what is frequent, and the generic way (interp_generic.c), for everything. A
 * single instruction always takes the generic way, so that the two are tried against each other
 * wherever CMS steps over something.
 */
#include "isa-frontend/interp_int.h"

bool ia32_shadow;

/*
 * One instruction, and what comes behind it in a mode that is not plain: with TF set before it, the
 * single-step trap. A fault leaves before that, INT is no step, and MOV SS and POP SS hold the trap
 * off; but not the second of two.
 */
static __attribute__((noinline)) enum interp_exit one(void)
{
    uint32_t mode = hw_mfs(SR_MODE), r = ia32_step(true);

    if (mode & MODE_TF) {
        bool held = ia32_shadow;

        ia32_shadow = r == IX_SHADOW && !held;
        if (!ia32_shadow && r != IX_SYSCALL)
            cms_guest_trap(X_DB, DR6_BS);
    }
    return r == IX_BLOCK || r == IX_SYSCALL ? (enum interp_exit)r : IX_ONE;
}

/* Where the fast handlers stopped; apart, so that a block without such an instruction saves no
 * registers. A step may change the mode: the fast handlers are asked next. */
static __attribute__((noinline)) enum interp_exit go_on(uint32_t r)
{
    for (;;) {
        if (r == IX_SPECIAL)
            return one();
        r = ia32_x87_fast();
        if (r == IX_SLOW)
            r = ia32_simd_fast();
        if (r == IX_SLOW)
            r = ia32_step(false);
        if (r != IX_NEXT && r != IX_SHADOW)
            return (enum interp_exit)r;
        r = ia32_fast();
        if (r == IX_BLOCK)
            return IX_BLOCK;
    }
}

enum interp_exit ia32_interp_left_out(void)
{
    uint32_t r;

    if (!mode_is_plain(hw_mfs(SR_MODE)))
        return one();
    r = ia32_x87_fast();
    if (r == IX_SLOW)
        r = ia32_simd_fast();
    if (r == IX_SLOW)
        r = ia32_step(false);
    return r == IX_BLOCK || r == IX_SYSCALL ? (enum interp_exit)r : IX_ONE;
}

enum interp_exit ia32_interp(bool single)
{
    uint32_t r;

    if (single)
        return one();
    r = ia32_fast();
    if (__builtin_expect(r == IX_BLOCK, 1))
        return IX_BLOCK;
    return go_on(r);
}

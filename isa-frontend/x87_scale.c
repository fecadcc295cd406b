/* SPDX-License-Identifier: MIT */
/*
 * fprem, fprem1, fscale, fxtract: exact but for one rounding of fscale, so integer arithmetic on
 * sign, exponent and significand gives them as the x87 does. NaNs and unsupported encodings are
 * left to an addition of the two operands, which answers them by the same rules.
 */
#include "isa-frontend/x87.h"

enum { E_BIAS = 16383, E_MAX = 0x7fff, E_WRAP = 24576 };

struct x87_num x87_number(uint32_t w)
{
    uint32_t lo = x87_word(w, 0), hi = x87_word(w, 1), se = x87_word(w, 2) & 0xffff;
    struct x87_num n = {(uint64_t)hi << 32 | lo, (int32_t)(se & 0x7fff), se & 0x8000,
                        x87_class(se, hi, lo)};
    if (n.class == X87_DENORMAL) {
        n.exp = 1;
        while (!(n.sig >> 63)) {
            n.sig <<= 1;
            n.exp--;
        }
    }
    return n;
}

static void set(uint32_t w, uint32_t sign, uint32_t exp, uint64_t sig)
{
    x87_set(w, sign | exp, (uint32_t)(sig >> 32), (uint32_t)sig);
}

static bool no_number(const struct x87_num *n)
{
    return n->class == X87_NAN || n->class == X87_UNSUPPORTED;
}

/* Exceptions found before the result; true: go on to it. An invalid operation has its answer then.
 */
static bool invalid(struct x87 *x)
{
    if (!x87_status(x, FS_IE, 0))
        x87_set_indefinite(x87_st(x, 0));
    return false;
}

static bool operands(struct x87 *x, struct x87_num *a, struct x87_num *b)
{
    *a = x87_number(x87_st(x, 0));
    *b = x87_number(x87_st(x, 1));
    if (no_number(a) || no_number(b)) {
        x87_status(x, hw_fadd(x87_st(x, 0), x87_st(x, 1)), 0);
        return false;
    }
    return true;
}

static bool denormals(struct x87 *x, const struct x87_num *a, const struct x87_num *b)
{
    return (a->class != X87_DENORMAL && b->class != X87_DENORMAL) || !x87_status(x, FS_DE, 0);
}

bool x87_grows(const struct x87 *x, uint32_t sign, uint64_t sig, uint64_t dropped)
{
    switch (x->fcw >> 10 & 3) {
    case 0: return dropped > (uint64_t)1 << 63 || (dropped == (uint64_t)1 << 63 && (sig & 1));
    case 1: return dropped && sign;
    case 2: return dropped && !sign;
    default: return false;
    }
}

/*
 * A finite number of any exponent into ST(0), as the x87 ends an operation whose exact result it
 * is. An unmasked overflow or underflow wraps the exponent; where even that does not bring it back,
 * processors give infinity or zero.
 */
static void finish(struct x87 *x, uint32_t sign, int32_t exp, uint64_t sig)
{
    uint32_t w = x87_st(x, 0), s = 0;
    if (exp >= E_MAX) {
        if (!(x->fcw & FS_OE)) {
            x87_status(x, FS_OE, 0);
            exp -= E_WRAP;
            if (exp < E_MAX) {
                set(w, sign, (uint32_t)exp, sig);
                return;
            }
        }
        if (!(x->fcw & FS_OE) || x87_grows(x, sign, 1, (uint64_t)1 << 63 | 1)) {
            set(w, sign, E_MAX, (uint64_t)1 << 63);
            s = FS_C1;
        } else {
            set(w, sign, E_MAX - 1, ~(uint64_t)0);
        }
        x87_status(x, s | FS_OE | FS_PE, 0);
        return;
    }
    if (exp <= 0) {
        if (!(x->fcw & FS_UE)) {
            x87_status(x, FS_UE, 0);
            exp += E_WRAP;
            if (exp > 0) {
                set(w, sign, (uint32_t)exp, sig);
                return;
            }
        }
        uint32_t shift = exp < -64 ? 66 : (uint32_t)(1 - exp);
        uint64_t dropped = shift < 64 ? sig << (64 - shift) : shift == 64 ? sig : 1;
        sig = shift < 64 ? sig >> shift : 0;
        if (dropped)
            s = FS_UE | FS_PE;
        if ((x->fcw & FS_UE) && x87_grows(x, sign, sig, dropped)) {
            sig++;
            s |= FS_C1;
        }
        exp = (int32_t)(sig >> 63);
    }
    set(w, sign, (uint32_t)exp, sig);
    x87_status(x, s, 0);
}

/* ST(0) stays as it is, but a denormal encoding of a normal number becomes the normal one. */
static void unchanged(struct x87 *x, const struct x87_num *a)
{
    if (a->class == X87_DENORMAL && a->exp == 1)
        set(x87_st(x, 0), a->sign, 1, a->sig);
}

void x87_fscale(struct x87 *x)
{
    struct x87_num a, b;
    int32_t n = 0;
    if (!x87_have2(x, 0, 1) || !operands(x, &a, &b))
        return;
    if (b.class == X87_INFINITY) {
        if (a.class == (b.sign ? X87_INFINITY : X87_ZERO)) {
            invalid(x);
            return;
        }
        if (!denormals(x, &a, &b))
            return;
        x->fsw &= ~FS_C1;
        if (b.sign)
            set(x87_st(x, 0), a.sign, 0, 0);
        else
            set(x87_st(x, 0), a.sign, E_MAX, (uint64_t)1 << 63);
        return;
    }
    if (!denormals(x, &a, &b))
        return;
    x->fsw &= ~FS_C1;
    if (a.class == X87_INFINITY || a.class == X87_ZERO || b.class == X87_ZERO) {
        unchanged(x, &a);
        return;
    }
    if (b.class == X87_NORMAL && b.exp >= E_BIAS) {
        n = b.exp - E_BIAS > 16 ? 0x20000 : (int32_t)(b.sig >> (63 - (b.exp - E_BIAS)));
        if (b.sign)
            n = -n;
    }
    finish(x, a.sign, a.exp + n, a.sig);
}

void x87_fprem(struct x87 *x, bool nearest)
{
    struct x87_num a, b;
    x->fsw &= ~FS_C2;
    if (!x87_have2(x, 0, 1) || !operands(x, &a, &b))
        return;
    if (a.class == X87_INFINITY || b.class == X87_ZERO) {
        invalid(x);
        return;
    }
    if (!denormals(x, &a, &b))
        return;
    x->fsw &= ~(FS_CC | FS_C1);
    if (a.class == X87_ZERO || b.class == X87_INFINITY) {
        unchanged(x, &a);
        return;
    }
    int32_t d = a.exp - b.exp;
    if (d < (nearest ? -1 : 0)) {
        finish(x, a.sign, a.exp, a.sig);
        return;
    }
    /* Long division: the remainder of a by b * 2^(d - n), n steps of it. */
    uint32_t n = d < 64 ? (uint32_t)d : (uint32_t)(d & 31) | 32;
    uint64_t r = a.sig, q = 0;
    int32_t exp = a.exp;
    if (d >= 0) {
        uint32_t carry = 0;
        for (uint32_t i = 0;; i++) {
            q <<= 1;
            if (carry || r >= b.sig) {
                r -= b.sig;
                q |= 1;
            }
            if (i == n)
                break;
            carry = (uint32_t)(r >> 63);
            r <<= 1;
        }
        exp = a.exp - (int32_t)n;
    }
    if (d >= 64) {
        x->fsw |= FS_C2;
        q = 0;
    } else if (nearest) {
        /* Nearer to the next multiple, or as near and the quotient odd: then that. */
        if (d < 0) {
            if (r > b.sig) {
                r = 2 * b.sig - r;
                a.sign ^= 0x8000;
                q = 1;
            }
        } else if (r > b.sig - r || (r == b.sig - r && (q & 1))) {
            r = b.sig - r;
            a.sign ^= 0x8000;
            q++;
        }
    }
    if (r == 0) {
        set(x87_st(x, 0), a.sign, 0, 0);
    } else {
        while (!(r >> 63)) {
            r <<= 1;
            exp--;
        }
        finish(x, a.sign, exp, r);
    }
    x->fsw &= ~FS_C1;
    x->fsw |= (q & 4 ? FS_C0 : 0) | (q & 2 ? FS_C3 : 0) | (q & 1 ? FS_C1 : 0);
}

void x87_fxtract(struct x87 *x)
{
    bool empty = !x87_full(x, 0);
    if (empty || x87_full(x, 7)) {
        if (empty ? x87_underflow(x) : x87_overflow(x)) {
            x87_set_indefinite(x87_st(x, 0));
            x87_fill(x, 0);
            x87_push(x);
            x87_set_indefinite(x87_st(x, 0));
        }
        return;
    }
    struct x87_num a = x87_number(x87_st(x, 0));
    uint32_t w = x87_st(x, 0);
    uint32_t s = a.class == X87_ZERO ? FS_ZE : a.class == X87_DENORMAL ? FS_DE : 0;
    x->fsw &= ~FS_C1;
    if (no_number(&a)) {
        if (x87_status(x, hw_fadd(w, w), 0) & FS_PRE)
            return;
        x87_push(x);
        x87_copy(x87_st(x, 0), w);
        return;
    }
    if (x87_status(x, s, 0))
        return;
    if (a.class == X87_ZERO) {
        set(w, 0x8000, E_MAX, (uint64_t)1 << 63);
    } else if (a.class == X87_INFINITY) {
        set(w, 0, E_MAX, (uint64_t)1 << 63);
    } else {
        hw_wput((uint32_t)(a.exp - E_BIAS), W_A * 4);
        hw_fld(w, W_A + 32 * WF_I32);
        a.exp = E_BIAS;
    }
    x87_push(x);
    set(x87_st(x, 0), a.sign, (uint32_t)a.exp, a.sig);
}

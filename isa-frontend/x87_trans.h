/* SPDX-License-Identifier: MIT */
/*
 * What the files of the transcendental instructions share: the arithmetic told at the head of
 * x87_trans.c.
 */
#ifndef ISA_FRONTEND_X87_TRANS_H
#define ISA_FRONTEND_X87_TRANS_H

#include "isa-frontend/x87.h"

/* A fraction in [0, 1) of 96 bits, the highest word first. */
struct x87_fix {
    uint32_t h, m, l;
};

/* fix * 2^exp. Normalised: the highest bit of fix is set, unless it is 0. */
struct x87_big {
    struct x87_fix fix;
    int32_t exp;
    uint32_t sign; /* 0x8000: negative */
};

/* Products and sums are modulo 1; products are cut off, at most 6 units of 2^-96 too small. */
struct x87_fix x87_fix_mul(const struct x87_fix *a, const struct x87_fix *b);
struct x87_fix x87_fix_add(struct x87_fix a, struct x87_fix b);
struct x87_fix x87_fix_sub(struct x87_fix a, struct x87_fix b);
struct x87_fix x87_fix_shr(struct x87_fix a, uint32_t n);
/* a * n, n less than 2^31, and the product less than 1. */
struct x87_fix x87_fix_scale(struct x87_fix a, uint32_t n);
static inline struct x87_fix x87_fix_of(uint64_t v)
{
    return (struct x87_fix){(uint32_t)(v >> 32), (uint32_t)v, 0};
}

/* c[0] +- z (c[1] +- z (c[2] ...)), n coefficients; each bracket must be in [0, 1). */
struct x87_fix x87_fix_poly(const struct x87_fix *z, const struct x87_fix *c, uint32_t n,
                            bool alternating);

void x87_big_normalise(struct x87_big *a);
/* a / b of normalised numbers, b not 0; the sign is the caller's. */
struct x87_big x87_big_div(const struct x87_big *a, const struct x87_big *b);
/* The number as a fraction; its exponent is at most 0. */
struct x87_fix x87_big_fix(const struct x87_big *a);
/* A finite operand other than zero, as x87_number gives it. */
struct x87_big x87_big_of(const struct x87_num *n);

/*
 * A result that is never exact, rounded into wide register w; returns what it raises. PE always,
 * OE, UE and C1 by the rules of any arithmetic result.
 */
uint32_t x87_put(struct x87 *x, uint32_t w, struct x87_big *a);

/* Exceptions that come before the result. False: it has been answered, and may have popped. */
bool x87_trans_operand(struct x87 *x, struct x87_num *a);
bool x87_trans_operands(struct x87 *x, struct x87_num *a, struct x87_num *b);

/* Answers of instructions with two operands, into ST(1), and pop; neither if an exception is
 * unmasked that comes before the result. An invalid operation; zero or infinity, with what it
 * raises (s). */
void x87_trans_invalid(struct x87 *x);
enum { X87_Z = 0, X87_INF = 0x7fff };
void x87_trans_special(struct x87 *x, uint32_t s, uint32_t sign, uint32_t kind);
/* A number into ST(1), and pop. */
void x87_trans_result(struct x87 *x, struct x87_big *a);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The Sun and four planets under gravity, on the x87 or, compiled for it, by SSE2: prints the bits
 * of all that it computed, so that any rounding that differs is seen. Arguments: the number of
 * steps (default 150), and anything more for the same in integers, to compare speeds with.
 */
#include "guest.h"

enum { BODIES = 5, DEFAULT = 150 };

static struct body {
    double x[3], v[3], mass;
} body[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, 39.47841760435743},
    {{4.841431442464721, -1.160320044027428, -0.10362204447112311},
     {0.606326392995832, 2.81198684491626, -0.02521836165988763},
     0.037693674870389486},
    {{8.34336671824458, 4.124798564124305, -0.4035234171143214},
     {-1.01077434617879, 1.82566237123041, 0.008415761376584154},
     0.011286326131968767},
    {{12.8943695621391, -15.111151401698631, -0.22330757889265573},
     {1.08279100644154, 0.868713018169608, -0.010832637401363636},
     0.0017237240570597112},
    {{15.3796971148509, -25.9193146099879, 0.17925877295037118},
     {0.979090732243898, 0.594698998647676, -0.034755955550407886},
     0.0020336868699246304},
};

static inline double root(double a)
{
#ifdef __SSE2_MATH__
    __asm__("sqrtsd %0, %0" : "+x"(a));
#else
    __asm__("fsqrt" : "+t"(a));
#endif
    return a;
}

/* One step; `num` is the kind of number, `strength` what multiplies both masses. */
#define ADVANCE(name, num, body, strength, mul)                                                    \
    static void __attribute__((noinline)) name(num dt)                                             \
    {                                                                                              \
        for (int i = 0; i < BODIES; i++)                                                           \
            for (int j = i + 1; j < BODIES; j++) {                                                 \
                num dx = body[i].x[0] - body[j].x[0], dy = body[i].x[1] - body[j].x[1],            \
                    dz = body[i].x[2] - body[j].x[2];                                              \
                num mag = strength(dt, mul(dx, dx) + mul(dy, dy) + mul(dz, dz));                   \
                num a = mul(body[j].mass, mag), b = mul(body[i].mass, mag);                        \
                body[i].v[0] -= mul(dx, a);                                                        \
                body[i].v[1] -= mul(dy, a);                                                        \
                body[i].v[2] -= mul(dz, a);                                                        \
                body[j].v[0] += mul(dx, b);                                                        \
                body[j].v[1] += mul(dy, b);                                                        \
                body[j].v[2] += mul(dz, b);                                                        \
            }                                                                                      \
        for (int i = 0; i < BODIES; i++) {                                                         \
            body[i].x[0] += mul(dt, body[i].v[0]);                                                 \
            body[i].x[1] += mul(dt, body[i].v[1]);                                                 \
            body[i].x[2] += mul(dt, body[i].v[2]);                                                 \
        }                                                                                          \
    }
#define TIMES(a, b)          ((a) * (b))
#define STRENGTH(dt, d2)     ((dt) / ((d2)*root(d2)))
#define TIMES_FIX(a, b)      ((a) * (b) >> 8)
#define STRENGTH_FIX(dt, d2) ((int)(((u32)(dt) << 16) / ((u32)(d2) | 1)))
ADVANCE(advance, double, body, STRENGTH, TIMES)

/* The same in integers: nothing to do with planets, but as many instructions of the same kinds. */
static struct {
    int x[3], v[3], mass;
} fix[BODIES];
ADVANCE(advance_fix, int, fix, STRENGTH_FIX, TIMES_FIX)

static double energy(void)
{
    double e = 0;
    for (int i = 0; i < BODIES; i++) {
        const struct body *a = &body[i];
        e += a->mass * (a->v[0] * a->v[0] + a->v[1] * a->v[1] + a->v[2] * a->v[2]) / 2;
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *b = &body[j];
            double x = a->x[0] - b->x[0], y = a->x[1] - b->x[1], z = a->x[2] - b->x[2];
            e -= a->mass * b->mass / root(x * x + y * y + z * z);
        }
    }
    return e;
}

static void show(const char *name, double d)
{
    union {
        double d;
        u32 u[2];
    } v = {d};
    say_hex(name, v.u[1]);
    say_hex("  ", v.u[0]);
}

int guest_main(int argc, char **argv)
{
    u32 steps = 0;
    for (const char *p = argc > 1 ? argv[1] : ""; *p; p++)
        steps = steps * 10 + (u32)(*p - '0');
    if (!steps)
        steps = DEFAULT;
    if (argc > 2) {
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++)
                fix[i].x[k] = 1000 * i + 77 * k, fix[i].mass = 300 + i;
        for (u32 i = 0; i < steps; i++)
            advance_fix(3);
        say_hex("integers ", (u32)fix[0].x[0] ^ (u32)fix[3].v[2]);
        return 0;
    }
    show("energy ", energy());
    for (u32 i = 0; i < steps; i++)
        advance(0.01);
    show("energy ", energy());
    for (int i = 0; i < BODIES; i++)
        show("x ", body[i].x[0]);
    return 0;
}

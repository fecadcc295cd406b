/* SPDX-License-Identifier: MIT */
/*
 * The Sun and four planets under gravity, on the x87: prints the bits of all that it computed, so that
 * any rounding that differs is seen. Arguments: the number of steps (default 150), and `integer` for a
 * loop over integers that takes about as many instructions, to compare speeds with.
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
    __asm__("fsqrt" : "+t"(a));
    return a;
}

static void __attribute__((noinline)) advance(double dt)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            struct body *a = &body[i], *b = &body[j];
            double d[3], d2 = 0, mag;
            for (int k = 0; k < 3; k++) {
                d[k] = a->x[k] - b->x[k];
                d2 += d[k] * d[k];
            }
            mag = dt / (d2 * root(d2));
            for (int k = 0; k < 3; k++) {
                a->v[k] -= d[k] * b->mass * mag;
                b->v[k] += d[k] * a->mass * mag;
            }
        }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++)
            body[i].x[k] += dt * body[i].v[k];
}

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

/* About as many instructions as a step of the bodies, with loads, stores and multiplications. */
static u32 integers(u32 steps)
{
    static u32 cell[64];
    u32 h = 1;
    while (steps--)
        for (u32 i = 0; i < 64; i++) {
            cell[i] += h * (i | 1);
            h = mix(h, cell[(h ^ i) & 63] - (cell[i] >> 3));
        }
    return h;
}

int guest_main(int argc, char **argv)
{
    u32 steps = 0;
    for (const char *p = argc > 1 ? argv[1] : ""; *p; p++)
        steps = steps * 10 + (u32)(*p - '0');
    if (!steps)
        steps = DEFAULT;
    if (argc > 2) {
        say_hex("integers ", integers(steps));
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

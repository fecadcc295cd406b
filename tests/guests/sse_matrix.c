/* SPDX-License-Identifier: MIT */
/*
 * Matrices by SSE: products of singles four columns at a time, products of doubles by what the
 * compiler makes of plain C, and what surrounds them: transposition, comparisons that become masks,
 * reciprocals with a step of Newton's, conversions, branches on comparisons. Prints a checksum of
 * every bit, but for the reciprocals, whose estimates differ between makers.
 */
#include "guest.h"
#define _MM_MALLOC_H_INCLUDED /* it wants a libc */
#include <emmintrin.h>

enum { N = 24 };

static float a[N][N] __attribute__((aligned(16))), b[N][N] __attribute__((aligned(16))),
    c[N][N] __attribute__((aligned(16))), t[N][N] __attribute__((aligned(16)));
static double da[N][N], db[N][N], dc[N][N];

static u32 sum(const void *p, u32 bytes)
{
    const u32 *w = p;
    u32 h = 1;
    for (u32 i = 0; i < bytes / 4; i++)
        h = mix(h, w[i]);
    return h;
}

static void fill(u32 seed)
{
    u32 x = seed;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            x = mix(x, (u32)(i * N + k));
            a[i][k] = (float)(int)x / 65536;
            b[i][k] = (float)(int)(x >> 9) / 7;
            da[i][k] = (int)x * (1.0 / 3);
            db[i][k] = (double)(x & 0xffff) + 1e-9;
        }
}

static void __attribute__((noinline)) singles(void)
{
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k += 4) {
            __m128 s = _mm_setzero_ps();
            for (int j = 0; j < N; j++)
                s = _mm_add_ps(s, _mm_mul_ps(_mm_set1_ps(a[i][j]), _mm_load_ps(&b[j][k])));
            _mm_store_ps(&c[i][k], s);
        }
}

static void __attribute__((noinline)) doubles(void)
{
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            double s = 0;
            for (int j = 0; j < N; j++)
                s += da[i][j] * db[j][k];
            dc[i][k] = s;
        }
}

static void __attribute__((noinline)) transpose(void)
{
    for (int i = 0; i < N; i += 4)
        for (int k = 0; k < N; k += 4) {
            __m128 r0 = _mm_load_ps(&c[i][k]), r1 = _mm_load_ps(&c[i + 1][k]),
                   r2 = _mm_load_ps(&c[i + 2][k]), r3 = _mm_load_ps(&c[i + 3][k]);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_store_ps(&t[k][i], r0);
            _mm_store_ps(&t[k + 1][i], r1);
            _mm_storeu_ps(&t[k + 2][i], r2);
            _mm_storel_pi((__m64 *)&t[k + 3][i], r3);
            _mm_storeh_pi((__m64 *)&t[k + 3][i + 2], r3);
        }
}

/* What is negative becomes its square root, what is above a limit the limit. */
static void __attribute__((noinline)) bend(void)
{
    __m128 zero = _mm_setzero_ps(), most = _mm_set1_ps(1e6f), sign = _mm_set1_ps(-0.0f);
    for (float *p = &t[0][0]; p < &t[0][0] + N * N; p += 4) {
        __m128 v = _mm_loadu_ps(p), low = _mm_cmplt_ps(v, zero);
        __m128 root = _mm_sqrt_ps(_mm_andnot_ps(sign, v));
        v = _mm_or_ps(_mm_and_ps(low, root), _mm_andnot_ps(low, v));
        _mm_storeu_ps(p, _mm_min_ps(v, most));
    }
}

/* Reciprocals: near enough, and no more is asked. */
static u32 __attribute__((noinline)) reciprocals(void)
{
    u32 bad = 0;
    for (int i = 1; i < 2000; i += 3) {
        __m128 v = _mm_set_ps((float)i, (float)i * 0.37f, 1e6f / (float)i, (float)i + 0.5f);
        __m128 r = _mm_rcp_ps(v), q = _mm_rsqrt_ps(v), one = _mm_set1_ps(1);
        __m128 e = _mm_sub_ps(_mm_mul_ps(r, v), one),
               f = _mm_sub_ps(_mm_mul_ps(_mm_mul_ps(q, q), v), one);
        __m128 far = _mm_or_ps(_mm_cmpgt_ps(_mm_mul_ps(e, e), _mm_set1_ps(2e-7f)),
                               _mm_cmpgt_ps(_mm_mul_ps(f, f), _mm_set1_ps(1e-6f)));
        bad += (u32)_mm_movemask_ps(far);
    }
    return bad;
}

/* There and back, with every rounding, and branches on comparisons. */
static u32 __attribute__((noinline)) conversions(u32 rounding)
{
    u32 h = rounding, before = _mm_getcsr();
    _mm_setcsr((before & ~0x603fu) | rounding << 13);
    for (int i = 0; i < N * N; i++) {
        double d = (&da[0][0])[i] * 1e-3;
        float f = (float)d;
        h = mix(h, (u32)_mm_cvtsd_si32(_mm_set_sd(d)));
        h = mix(h, (u32)_mm_cvtss_si32(_mm_set_ss(f)));
        h = mix(h, (u32)(int)d + (u32)(int)f);
        h = mix(h, (d < 12.5) + 2u * (f >= 100) + 4u * (d != f));
    }
    h = mix(h, _mm_getcsr() & 0x3f);
    _mm_setcsr(before);
    return h;
}

int guest_main(int argc, char **argv)
{
    u32 rounds = 0;
    for (const char *p = argc > 1 ? argv[1] : "3"; *p; p++)
        rounds = rounds * 10 + (u32)(*p - '0');
    for (u32 r = 0; r < rounds; r++) {
        fill(r + 1);
        singles();
        doubles();
        transpose();
        bend();
        u32 h = sum(c, sizeof c);
        h = mix(h, sum(dc, sizeof dc));
        h = mix(h, sum(t, sizeof t));
        h = mix(h, conversions(r & 3));
        say_hex("round ", h);
    }
    say_hex("reciprocals ", reciprocals());
    return 0;
}

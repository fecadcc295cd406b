/* SPDX-License-Identifier: MIT */
/*
 * SSE and SSE2 with MXCSR in its hands: every rounding mode, denormals flushed and not, and
 * unmasked exceptions, whose handler tells MXCSR and steps over the instruction. Before that loops
 * that become hot: conversions, the searches in bytes of a C library, saturation and shuffles, MMX
 * by turns with the x87. rcp and rsqrt are left out: processors differ.
 */
#pragma GCC target("sse2")
#define _MM_MALLOC_H_INCLUDED 1 /* wants a C library */
#include <emmintrin.h>
#include "guest.h"

enum { SYS_SIGACTION = 174, N = 64 };

static u32 hash = 1;
static u8 area[4 * N + 64] __attribute__((aligned(16)));

static void take(const void *p, u32 n)
{
    const u8 *b = p;
    for (u32 i = 0; i + 4 <= n; i += 4)
        hash = mix(hash, *(const u32 *)(const void *)(b + i));
}

static void result(const char *what)
{
    say_hex(what, hash);
}

static void singles(u32 rounds)
{
    __m128 m[4], x = _mm_set_ps(1, 2, 3, 4);
    for (int i = 0; i < 4; i++)
        m[i] = _mm_set_ps(0.1f * (float)i, 0.5f, 0.25f - 0.1f * (float)i, -0.3f);
    for (u32 s = 0; s < rounds; s++) {
        __m128 y = _mm_mul_ps(m[0], _mm_shuffle_ps(x, x, 0));
        y = _mm_add_ps(y, _mm_mul_ps(m[1], _mm_shuffle_ps(x, x, 0x55)));
        y = _mm_add_ps(y, _mm_mul_ps(m[2], _mm_shuffle_ps(x, x, 0xaa)));
        y = _mm_add_ps(y, _mm_mul_ps(m[3], _mm_shuffle_ps(x, x, 0xff)));
        __m128 big = _mm_cmpgt_ps(y, _mm_set1_ps(2));
        y = _mm_or_ps(_mm_and_ps(big, _mm_sqrt_ps(_mm_max_ps(y, _mm_set1_ps(0)))),
                      _mm_andnot_ps(big, y));
        x = _mm_min_ss(_mm_add_ps(y, _mm_set1_ps(0.7f)), _mm_set1_ps(3));
        hash = mix(hash, (u32)_mm_cvtss_si32(_mm_mul_ss(x, _mm_set_ss(1000))));
        hash = mix(hash, (u32)_mm_movemask_ps(_mm_sub_ps(x, y)));
        __m128i n = _mm_cvtps_epi32(_mm_mul_ps(x, _mm_set1_ps(77)));
        take(&n, 16);
        __m128d d = _mm_cvtps_pd(x);
        d = _mm_add_pd(d, _mm_cvtepi32_pd(n));
        x = _mm_movelh_ps(_mm_cvtpd_ps(_mm_div_pd(d, _mm_set1_pd(100))), x);
    }
    take(&x, 16);
    result("singles ");
}

/* The string functions of a C library: 16 bytes at a time, at every alignment. */
static void bytes(void)
{
    for (u32 i = 0; i < sizeof area; i++)
        area[i] = (u8)(i * 37 + 1);
    for (u32 from = 0; from < 40; from++) {
        u32 at = from;
        const __m128i wanted = _mm_set1_epi8((char)(from * 5 + 3));
        for (;; at += 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(area + at));
            u32 hit = (u32)_mm_movemask_epi8(_mm_cmpeq_epi8(v, wanted));
            if (hit || at > 4 * N)
                break;
            hash = mix(hash, hit + at);
        }
        hash = mix(hash, at);
    }
    for (u32 i = 0; i < 4 * N; i += 16) {
        __m128i *p = (__m128i *)(void *)(area + i), v = *p,
                w = _mm_loadu_si128((__m128i *)(void *)(area + i + 7));
        v = _mm_adds_epu8(_mm_subs_epi8(v, w), _mm_avg_epu8(v, w));
        v = _mm_xor_si128(v, _mm_packus_epi16(_mm_mullo_epi16(v, w), _mm_madd_epi16(v, w)));
        v = _mm_add_epi32(v, _mm_sad_epu8(v, w));
        v = _mm_unpacklo_epi8(_mm_slli_epi32(v, 3), _mm_srai_epi16(w, (int)2));
        v = _mm_or_si128(_mm_shuffle_epi32(v, 0x1b), _mm_slli_si128(_mm_mul_epu32(v, w), 5));
        v = _mm_insert_epi16(v, _mm_extract_epi16(w, 6), 2);
        *p = _mm_shufflehi_epi16(_mm_shufflelo_epi16(v, 0x4e), 0x93);
        _mm_storel_epi64((__m128i *)(void *)(area + i + 16), w);
    }
    take(area, sizeof area);
    result("bytes ");
}

/* MMX and x87 by turns, on the same registers. */
static void mmx(u32 rounds)
{
    double sum = 0;
    __m64 a = _mm_set_pi16(1, -2, 300, -400), b = _mm_set_pi8(1, 2, 3, 4, 5, 6, 7, 8);
    for (u32 i = 0; i < rounds; i++) {
        a = _mm_adds_pi16(a, _mm_madd_pi16(a, b));
        b = _mm_unpackhi_pi8(_mm_xor_si64(b, _mm_set1_pi32((int)i)), a);
        a = _mm_slli_si64(_mm_packs_pi16(a, b), (int)(i & 7));
        u32 low = (u32)_mm_cvtsi64_si32(a);
        hash = mix(hash, low);
        _mm_empty();
        sum += (double)(low & 0xffff) / (i + 1); /* x87 */
    }
    take(&sum, 8);
    result("mmx ");
}

static void control(void)
{
    static const double values[] = {1.5,    -2.5, 1e-310,       3e38, 1e300,
                                    -1e-40, 0.1,  2147483647.5, -0.0};
    const u32 usual = _mm_getcsr();
    for (u32 rc = 0; rc < 4; rc++)
        for (u32 flush = 0; flush < 4; flush++)
            for (u32 i = 0; i < 9; i++)
                for (u32 k = 0; k < 9; k++) {
                    __m128d a = _mm_set_sd(values[i]), b = _mm_set_sd(values[k]), r[4];
                    _mm_setcsr(0x1f80 | rc << 13 | (flush & 1) << 15 | (flush & 2) << 5);
                    r[0] = _mm_mul_sd(a, b);
                    r[1] = _mm_div_sd(a, b);
                    r[2] = _mm_castsi128_pd(_mm_cvtsi32_si128(_mm_cvtsd_si32(_mm_add_sd(a, b))));
                    r[3] = _mm_castps_pd(_mm_cvtsd_ss(_mm_setzero_ps(), _mm_sub_sd(a, b)));
                    hash = mix(hash, _mm_getcsr());
                    _mm_setcsr(usual);
                    for (u32 n = 0; n < 4; n++)
                        take(&r[n], 8);
                }
    result("control ");
}

/* ---- unmasked exceptions ---- */

static volatile u32 traps, mxcsr_seen, code_seen;

/* The context's FXSAVE image lies behind 112 bytes of the x87's own. */
static void on_fpe(int sig, u32 *info, u32 *context)
{
    u32 *sc = context + 5;
    u32 *fx = (u32 *)(sc[19] + 112);
    (void)sig;
    traps++;
    code_seen = info[2];
    mxcsr_seen = fx[6];
    sc[14] += 3; /* addps xmm0, xmm1 and its kin */
    fx[6] = 0x1f80;
}

static void exceptions(void)
{
    static float one[4] = {1, 1, 1, 1}, zero[4] = {0, 1, 1, 1}, tiny[4] = {1e-38f, 1, 1e30f, 1};
    static float nan[4],
        denormal[4] = {1e-40f, 1, 1, 1},
        third[4] = {3, 3, 3, 3}, *const v[6] = {one, zero, tiny, nan, denormal, third};
    u32 act[5] = {(u32)on_fpe, 4, 0, 0, 0};
    *(u32 *)(void *)&nan[2] = 0x7f800001;
    call(SYS_SIGACTION, 8, (u32)act, 0, 8, 0, 0);
    for (u32 round = 0; round < 3; round++)
        for (u32 unmasked = 0; unmasked < 64; unmasked++)
            for (u32 i = 0; i < 36; i++) {
                __m128 a = _mm_load_ps(v[i / 6]), b = _mm_load_ps(v[i % 6]), c = a;
                mxcsr_seen = code_seen = 0;
                _mm_setcsr(0x1f80 & ~(unmasked << 7));
                __asm__ volatile("divps %1, %0" : "+x"(a) : "x"(b));
                _mm_setcsr(0x1f80 & ~(unmasked << 7));
                __asm__ volatile("mulps %1, %0" : "+x"(c) : "x"(b));
                hash = mix(hash, _mm_getcsr());
                _mm_setcsr(0x1f80);
                hash = mix(hash, mxcsr_seen);
                hash = mix(hash, code_seen);
                take(&a, 16);
                take(&c, 16);
            }
    say_hex("traps ", traps);
    result("exceptions ");
}

int guest_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    singles(500);
    bytes();
    mmx(300);
    control();
    exceptions();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Loops as multimedia programs of the time had them, in MMX: pictures blended into each other with
 * saturation, a filter of 16-bit samples by pmaddwd, rows compared and masked, and x87 arithmetic
 * on what came out behind each emms. Argument: how many frames (default 3).
 */
#include <mmintrin.h>
#include "guest.h"

enum { WIDTH = 96, HEIGHT = 40, PIXELS = WIDTH * HEIGHT, TAPS = 16, SAMPLES = 512 };

static u8 front[PIXELS] __attribute__((aligned(8))), back[PIXELS] __attribute__((aligned(8))),
    out[PIXELS] __attribute__((aligned(8)));
static short sample[SAMPLES + TAPS], tap[TAPS], filtered[SAMPLES];
static u32 seed = 2463534242u;

static u32 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

/* out = (front * a + back * (256 - a)) / 256, by bytes. */
static void blend(int a)
{
    const __m64 zero = _mm_setzero_si64(), fa = _mm_set1_pi16((short)a),
                fb = _mm_set1_pi16((short)(256 - a));
    for (int i = 0; i < PIXELS; i += 8) {
        __m64 f = *(const __m64 *)(front + i), b = *(const __m64 *)(back + i);
        __m64 lo = _mm_add_pi16(_mm_mullo_pi16(_mm_unpacklo_pi8(f, zero), fa),
                                _mm_mullo_pi16(_mm_unpacklo_pi8(b, zero), fb));
        __m64 hi = _mm_add_pi16(_mm_mullo_pi16(_mm_unpackhi_pi8(f, zero), fa),
                                _mm_mullo_pi16(_mm_unpackhi_pi8(b, zero), fb));
        *(__m64 *)(out + i) = _mm_packs_pu16(_mm_srli_pi16(lo, 8), _mm_srli_pi16(hi, 8));
    }
}

/* Where the picture is brighter than the level, it is brightened, else darkened; at any address. */
static void contrast(u8 *p, int n, int level)
{
    const __m64 sign = _mm_set1_pi8((char)0x80), by = _mm_set1_pi8(9),
                at = _mm_set1_pi8((char)(level ^ 0x80));
    for (int i = 0; i + 8 <= n; i += 8) {
        __m64 v = *(const __m64 *)(p + i), m = _mm_cmpgt_pi8(_mm_xor_si64(v, sign), at);
        __m64 up = _mm_adds_pu8(v, _mm_and_si64(m, by));
        *(__m64 *)(p + i) = _mm_subs_pu8(up, _mm_andnot_si64(m, by));
    }
}

static void filter(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        __m64 sum = _mm_setzero_si64();
        for (int k = 0; k < TAPS; k += 4)
            sum = _mm_add_pi32(
                sum, _mm_madd_pi16(*(const __m64 *)(sample + i + k), *(const __m64 *)(tap + k)));
        sum = _mm_add_pi32(sum, _mm_srli_si64(sum, 32));
        filtered[i] = (short)_mm_cvtsi64_si32(_mm_packs_pi32(_mm_srai_pi32(sum, 12), sum));
    }
}

static void show(const char *name, const void *p, u32 n)
{
    u32 h = 2166136261u;
    for (u32 i = 0; i < n; i++)
        h = (h ^ ((const u8 *)p)[i]) * 16777619;
    say_hex(name, h);
}

int guest_main(int argc, char **argv)
{
    u32 frames = 0;
    for (const char *p = argc > 1 ? argv[1] : ""; *p; p++)
        frames = frames * 10 + (u32)(*p - '0');
    if (!frames)
        frames = 3;
    for (int i = 0; i < PIXELS; i++) {
        front[i] = (u8)rnd();
        back[i] = (u8)(i * 3);
    }
    for (int i = 0; i < SAMPLES + TAPS; i++)
        sample[i] = (short)rnd();
    for (int i = 0; i < TAPS; i++)
        tap[i] = (short)(256 - 32 * (i > 8 ? i - 8 : 8 - i));
    double mean = 0;
    for (u32 n = 0; n < frames; n++) {
        blend((int)(n * 37 % 257));
        contrast(out + 3, PIXELS - 3, 100 + (int)n);
        filter();
        _mm_empty();
        for (int i = 0; i < SAMPLES; i++) {
            mean = mean * 0.999 + filtered[i];
            sample[i] = (short)(filtered[i] + out[i]);
        }
        show("frame ", out, sizeof out);
        show("sound ", filtered, sizeof filtered);
    }
    say_hex("mean ", (u32)(int)mean);
    return 0;
}

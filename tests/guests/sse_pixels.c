/* SPDX-License-Identifier: MIT */
/*
 * Integers by SSE2, as libraries use them: blending of pixels, an Adler checksum, copies of every
 * alignment with and without bypassing the cache, the length of strings up to the end of a page,
 * sorting networks of words, bit twiddling with whole-register shifts.
 */
#include "guest.h"
#define _MM_MALLOC_H_INCLUDED /* it wants a libc */
#include <emmintrin.h>

enum { BYTES = 4096, PAGE = 4096 };

static u8 front[BYTES] __attribute__((aligned(16))), back[BYTES] __attribute__((aligned(16))),
    out[BYTES + 64] __attribute__((aligned(16)));

static u32 sum(const u8 *p, u32 n)
{
    u32 h = 7;
    for (u32 i = 0; i < n; i++)
        h = mix(h, p[i]);
    return h;
}

/* out = front * alpha + back * (255 - alpha), / 256 */
static void __attribute__((noinline)) blend(u32 alpha)
{
    __m128i zero = _mm_setzero_si128(), a = _mm_set1_epi16((short)alpha),
            b = _mm_set1_epi16((short)(255 - alpha));
    for (u32 i = 0; i < BYTES; i += 16) {
        __m128i x = _mm_load_si128((__m128i *)(front + i)),
                y = _mm_load_si128((__m128i *)(back + i));
        __m128i lo = _mm_add_epi16(_mm_mullo_epi16(_mm_unpacklo_epi8(x, zero), a),
                                   _mm_mullo_epi16(_mm_unpacklo_epi8(y, zero), b));
        __m128i hi = _mm_add_epi16(_mm_mullo_epi16(_mm_unpackhi_epi8(x, zero), a),
                                   _mm_mullo_epi16(_mm_unpackhi_epi8(y, zero), b));
        _mm_store_si128((__m128i *)(out + i),
                        _mm_packus_epi16(_mm_srli_epi16(lo, 8), _mm_srli_epi16(hi, 8)));
    }
}

static u32 __attribute__((noinline)) adler(const u8 *p, u32 n)
{
    __m128i s1 = _mm_cvtsi32_si128(1), s2 = _mm_setzero_si128(), zero = s2;
    __m128i wlo = _mm_set_epi16(9, 10, 11, 12, 13, 14, 15, 16),
            whi = _mm_set_epi16(1, 2, 3, 4, 5, 6, 7, 8);
    for (u32 i = 0; i < n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        s2 = _mm_add_epi32(s2, _mm_slli_epi32(s1, 4));
        s1 = _mm_add_epi32(s1, _mm_sad_epu8(v, zero));
        s2 = _mm_add_epi32(s2, _mm_madd_epi16(_mm_unpacklo_epi8(v, zero), wlo));
        s2 = _mm_add_epi32(s2, _mm_madd_epi16(_mm_unpackhi_epi8(v, zero), whi));
    }
    s1 = _mm_add_epi32(s1, _mm_shuffle_epi32(s1, 0x4e));
    s2 = _mm_add_epi32(s2, _mm_shuffle_epi32(s2, 0x4e));
    s2 = _mm_add_epi32(s2, _mm_shuffle_epi32(s2, 0xb1));
    return (u32)_mm_cvtsi128_si32(s1) % 65521 | ((u32)_mm_cvtsi128_si32(s2) % 65521) << 16;
}

static void __attribute__((noinline)) copy(u8 *to, const u8 *from, u32 n, int bypass)
{
    for (; n >= 16; n -= 16, to += 16, from += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)from);
        if (bypass)
            _mm_stream_si128((__m128i *)to, v);
        else
            _mm_storeu_si128((__m128i *)to, v);
    }
    for (; n >= 8; n -= 8, to += 8, from += 8)
        _mm_storel_epi64((__m128i *)to, _mm_loadl_epi64((const __m128i *)from));
    for (; n; n--)
        *to++ = *from++;
    _mm_sfence();
}

static u32 __attribute__((noinline)) length(const u8 *s)
{
    const u8 *p = (const u8 *)((u32)s & ~15u);
    __m128i zero = _mm_setzero_si128();
    u32 m = (u32)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)p), zero));
    m >>= (u32)s & 15;
    if (m)
        return (u32)__builtin_ctz(m);
    do {
        p += 16;
        m = (u32)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)p), zero));
    } while (!m);
    return (u32)(p - s) + (u32)__builtin_ctz(m);
}

/* Columns of words in order; then each compared, averaged and saturated with its neighbour. */
static void __attribute__((noinline)) sort(u8 *p)
{
    __m128i v[8];
    for (int i = 0; i < 8; i++)
        v[i] = _mm_loadu_si128((__m128i *)(p + 16 * i));
    for (int round = 0; round < 8; round++)
        for (int i = round & 1; i < 7; i += 2) {
            __m128i lo = _mm_min_epi16(v[i], v[i + 1]), hi = _mm_max_epi16(v[i], v[i + 1]);
            v[i] = lo;
            v[i + 1] = hi;
        }
    for (int i = 0; i < 8; i++) {
        __m128i w = v[(i + 1) & 7];
        w = _mm_xor_si128(_mm_avg_epu8(v[i], w), _mm_subs_epu8(w, v[i]));
        w = _mm_or_si128(_mm_slli_si128(w, 3), _mm_srli_si128(_mm_adds_epi16(w, v[i]), 13));
        w = _mm_insert_epi16(w, _mm_extract_epi16(v[i], 5), 2);
        w = _mm_add_epi64(w, _mm_mul_epu32(v[i], w));
        _mm_storeu_si128((__m128i *)(p + 16 * i), w);
    }
}

int guest_main(int argc, char **argv)
{
    u32 rounds = 0, x = 1;
    for (const char *p = argc > 1 ? argv[1] : "2"; *p; p++)
        rounds = rounds * 10 + (u32)(*p - '0');
    for (u32 i = 0; i < BYTES; i++) {
        x = mix(x, i);
        front[i] = (u8)x;
        back[i] = (u8)(x >> 8);
    }
    for (u32 r = 0; r < rounds; r++) {
        blend(r * 37 & 255);
        u32 h = sum(out, BYTES);
        h = mix(h, adler(out, BYTES) + adler(front + 3, BYTES - 16));
        for (u32 k = 0; k < 17; k++)
            copy(out + k, front + 2 * k, 500 + k, 0);
        copy(out + 1024, back + 5, 2000, 1);
        h = mix(h, sum(out, BYTES));
        for (u32 i = 0; i + 128 <= BYTES; i += 120)
            sort(out + i);
        h = mix(h, sum(out, BYTES));
        say_hex("round ", h);
    }
    /* Strings that end with their page: nothing behind it may be touched. */
    u8 *page = map(0, 2 * PAGE, RW);
    call(SYS_MUNMAP, (u32)page + PAGE, PAGE, 0, 0, 0, 0);
    x = 0;
    for (u32 n = 0; n < 70; n++) {
        u8 *s = page + PAGE - 1 - n;
        for (u32 i = 0; i < n; i++)
            s[i] = 'x';
        s[n] = 0;
        x = mix(x, length(s));
    }
    say_hex("lengths ", x);
    return 0;
}

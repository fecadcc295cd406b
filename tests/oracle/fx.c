/* SPDX-License-Identifier: MIT */
/*
 * See fx.h. Our hardware keeps the x87 registers by their physical number in wide registers, an
 * image by their distance from the top; the tag word is the abridged one in both.
 */
#include "tests/oracle/fx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa-frontend/x87_state.h"

enum { FPSR_MXCSR = SR_MXCSR - SR_FP_FIRST, X80 = 10 };

static uint32_t top_of(const struct fx_image *f)
{
    return f->fsw >> 11 & 7;
}

void fx_reset(uint8_t image[512])
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    f.fcw = 0x37f;
    f.mxcsr = 0x1f80;
    memcpy(image, &f, sizeof f);
}

void fx_to_hardware(const uint8_t image[512], uint8_t wide[NWIDE][16], uint32_t *fpsr)
{
    struct fx_image f;
    memcpy(&f, image, sizeof f);
    memset(wide, 0, NWIDE * sizeof wide[0]);
    for (uint32_t i = 0; i < 8; i++) {
        memcpy(wide[WIDE_X87 + ((top_of(&f) + i) & 7)], f.st[i].b, X80);
        memcpy(wide[WIDE_XMM + i], f.xmm[i], 16);
    }
    fpsr[0] = f.fcw;
    fpsr[SR_FSW - SR_FCW] = f.fsw;
    fpsr[SR_FTAG - SR_FCW] = x87_state(top_of(&f), f.tag, (f.fcw & 0x3f) != 0x3f || f.fsw & 0x80);
    fpsr[SR_FIP - SR_FCW] = f.fip;
    fpsr[SR_FCO - SR_FCW] = (f.fcs & 0xffff) | (uint32_t)f.fop << 16;
    fpsr[SR_FDP - SR_FCW] = f.fdp;
    fpsr[SR_FDS - SR_FCW] = f.fds & 0xffff;
    if (FX_HAS_SSE)
        fpsr[FPSR_MXCSR] = f.mxcsr;
}

void fx_from_hardware(uint8_t image[512], const uint8_t wide[NWIDE][16], const uint32_t *fpsr)
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    f.fcw = (uint16_t)fpsr[0];
    f.fsw = (uint16_t)fpsr[SR_FSW - SR_FCW];
    f.tag = (uint8_t)fpsr[SR_FTAG - SR_FCW];
    f.fip = fpsr[SR_FIP - SR_FCW];
    f.fcs = fpsr[SR_FCO - SR_FCW] & 0xffff;
    f.fop = (uint16_t)(fpsr[SR_FCO - SR_FCW] >> 16);
    f.fdp = fpsr[SR_FDP - SR_FCW];
    f.fds = fpsr[SR_FDS - SR_FCW];
    if (FX_HAS_SSE)
        f.mxcsr = fpsr[FPSR_MXCSR];
    for (uint32_t i = 0; i < 8; i++) {
        memcpy(f.st[i].b, wide[WIDE_X87 + ((top_of(&f) + i) & 7)], X80);
        memcpy(f.xmm[i], wide[WIDE_XMM + i], 16);
    }
    memcpy(image, &f, sizeof f);
}

/* ---- comparing ---- */

/* Where a number stands among all of its sign: neighbours differ by 1. */
static __int128 place(const uint8_t p[X80])
{
    uint64_t sig;
    uint16_t se;
    memcpy(&sig, p, 8);
    memcpy(&se, p + 8, 2);
    uint32_t e = se & 0x7fff;
    return e ? ((__int128)(e - 1) << 63) + sig : (__int128)sig;
}

/* The largest finite number or the smallest normal one: a neighbour overflows or is tiny. */
static bool at_limit(const uint8_t p[X80])
{
    __int128 k = place(p);
    return k == (__int128)1 << 63 || k == ((__int128)0x7ffe << 63) + ((uint64_t)1 << 63) - 1;
}

/* Equal (0), one unit in the last place apart (1), or neither (2). */
static unsigned distance(const uint8_t a[X80], const uint8_t b[X80])
{
    if (!memcmp(a, b, X80))
        return 0;
    __int128 d = place(a) - place(b);
    return (a[9] ^ b[9]) & 0x80 || (d != 1 && d != -1) ? 2 : 1;
}

/* Whether one of them is the other, or its neighbour, with the exponent that an unmasked overflow
 * or underflow gives: where a unit in the last place decides whether there is one. */
static bool wrapped(const uint8_t a[X80], const uint8_t b[X80])
{
    enum { WRAP = 24576 };
    for (int k = 0; k < 4; k++) {
        const uint8_t *p = k & 1 ? b : a, *q = k & 1 ? a : b;
        uint64_t sig;
        uint16_t se;
        memcpy(&sig, p, 8);
        memcpy(&se, p + 8, 2);
        int32_t e = (se & 0x7fff) + (k & 2 ? WRAP : -WRAP);
        __int128 d = (__int128)(e - 1) * ((__int128)1 << 63) + sig - place(q);
        if (!((a[9] ^ b[9]) & 0x80) && d >= -1 && d <= 1)
            return true;
    }
    return false;
}

/* The manual allows a relative error of 1.5 * 2^-12 to each; what is no normal number is exact, but
 * about the least normal number a result may be 0 instead. */
static bool near_float(const uint8_t *a, const uint8_t *b)
{
    uint32_t x, y;
    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    if (x == y)
        return true;
    uint32_t ex = x >> 23 & 0xff, ey = y >> 23 & 0xff, d = x > y ? x - y : y - x;
    uint32_t significand = (x & 0x7fffff) | 0x800000, least = 0x00800000;
    if (!((x ^ y) >> 31) && (!(x << 1) || !(y << 1)))
        return d <= least + (3 * least >> 12);
    return !((x ^ y) >> 31) && ex && ey && ex != 0xff && ey != 0xff && d <= 3 * significand >> 12;
}

bool fx_same(const uint8_t a[512], const uint8_t b[512], bool fip, enum fx_inexact may)
{
    struct fx_image f, g;
    uint32_t ignore = 0;
    memcpy(&f, a, sizeof f);
    memcpy(&g, b, sizeof g);
    for (int i = 0; i < 8; i++) {
        unsigned d = distance(f.st[i].b, g.st[i].b);
        if (d == 2 && may & FX_ULP && (f.fsw ^ g.fsw) & (FX_OE | FX_UE) &&
            wrapped(f.st[i].b, g.st[i].b))
            d = 1;
        if (d > (may & FX_ULP ? 1 : 0))
            return false;
        /* C1 tells whether this result was rounded up; one ulp may lead across a limit. */
        if (may & FX_ULP && f.fsw & FX_PE)
            ignore |= d || at_limit(f.st[i].b) ? FX_C1 | FX_OE | FX_UE : FX_C1;
        for (int k = 0; k < 16 && FX_HAS_SSE; k += 4)
            if (may & FX_RECIPROCAL ? !near_float(f.xmm[i] + k, g.xmm[i] + k)
                                    : memcmp(f.xmm[i] + k, g.xmm[i] + k, 4))
                return false;
    }
    return !((f.fsw ^ g.fsw) & ~ignore) && f.fcw == g.fcw && f.tag == g.tag &&
           (!fip || f.fip == g.fip) && (!FX_HAS_SSE || f.mxcsr == g.mxcsr);
}

/* ---- words ---- */

static bool digits(const char *s, size_t n, uint8_t *to)
{
    for (size_t i = 0; i < n; i++) {
        unsigned v;
        if (sscanf(s + 2 * i, "%2x", &v) != 1)
            return false;
        to[n - 1 - i] = (uint8_t)v;
    }
    return true;
}

bool fx_word(uint8_t image[512], const char *s)
{
    struct fx_image f;
    const char *value = strchr(s, '=');
    bool known = true;
    memcpy(&f, image, sizeof f);
    if (!value)
        return false;
    uint32_t v = (uint32_t)strtoul(++value, NULL, 16);
    if (!strncmp(s, "fcw=", 4)) {
        f.fcw = (uint16_t)v;
    } else if (!strncmp(s, "fsw=", 4)) { /* registers keep their physical numbers */
        struct fx_image old = f;
        f.fsw = (uint16_t)v;
        for (uint32_t i = 0; i < 8; i++)
            f.st[i] = old.st[(top_of(&f) + i - top_of(&old)) & 7];
    } else if (!strncmp(s, "ftw=", 4)) {
        f.tag = (uint8_t)v;
    } else if (!strncmp(s, "mxcsr=", 6)) {
        f.mxcsr = v;
    } else if (s[0] == 'r' && s[1] >= '0' && s[1] <= '7' && s[2] == '=') {
        uint8_t *to = f.st[((uint32_t)(s[1] - '0') - top_of(&f)) & 7].b;
        known = strlen(value) >= 21 && value[4] == ':' && digits(value, 2, to + 8) &&
                digits(value + 5, 8, to);
    } else if (!strncmp(s, "xmm", 3) && s[3] >= '0' && s[3] <= '7' && s[4] == '=') {
        known = strlen(value) >= 32 && digits(value, 16, f.xmm[s[3] - '0']);
    } else {
        known = false;
    }
    if (known)
        memcpy(image, &f, sizeof f);
    return known;
}

void fx_words(const uint8_t from[512], const uint8_t to[512], char *text, size_t size)
{
    struct fx_image f, g;
    size_t n = 0;
    memcpy(&f, from, sizeof f);
    memcpy(&g, to, sizeof g);
    text[0] = 0;
#define SAY(...) (n += n < size ? (size_t)snprintf(text + n, size - n, __VA_ARGS__) : 0)
    if (f.fcw != g.fcw)
        SAY(" fcw=%x", g.fcw);
    if (f.fsw != g.fsw)
        SAY(" fsw=%x", g.fsw);
    if (f.tag != g.tag)
        SAY(" ftw=%x", g.tag);
    if (FX_HAS_SSE && f.mxcsr != g.mxcsr)
        SAY(" mxcsr=%x", g.mxcsr);
    for (uint32_t r = 0; r < 8; r++) {
        const uint8_t *a = f.st[(r - top_of(&f)) & 7].b, *b = g.st[(r - top_of(&g)) & 7].b;
        uint64_t sig;
        if (!memcmp(a, b, X80))
            continue;
        memcpy(&sig, b, 8);
        SAY(" r%u=%02x%02x:%016llx", r, b[9], b[8], (unsigned long long)sig);
    }
    for (uint32_t i = 0; i < 8 && FX_HAS_SSE; i++) {
        uint64_t lo, hi;
        if (!memcmp(f.xmm[i], g.xmm[i], 16))
            continue;
        memcpy(&lo, g.xmm[i], 8);
        memcpy(&hi, g.xmm[i] + 8, 8);
        SAY(" xmm%u=%016llx%016llx", i, (unsigned long long)hi, (unsigned long long)lo);
    }
#undef SAY
}

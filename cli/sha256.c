/* SPDX-License-Identifier: MIT */
/*
 * SHA-256. The round constants are the first 32 bits of the fractional parts of cube roots of the
 * first 64 primes, the initial state those of square roots of the first 8; both are computed once,
 * in integers, rather than listed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/sha256.h"

static uint32_t k[64], h0[8];

/* The largest x with x^n <= p * 2^(32n), of which the low 32 bits are the fraction of the n-th root
 * of p. */
static uint32_t root_fraction(unsigned p, unsigned n)
{
    uint64_t lo = 0, hi = (uint64_t)1 << 36;
    while (hi - lo > 1) {
        uint64_t x = lo + (hi - lo) / 2;
        unsigned __int128 power = (unsigned __int128)x * x, limit = (unsigned __int128)p << 64;
        /* x^3 has up to 108 bits, p << 96 up to 105. */
        if (n == 3) {
            power *= x;
            limit <<= 32;
        }
        if (power <= limit)
            lo = x;
        else
            hi = x;
    }
    return (uint32_t)lo;
}

static void constants(void)
{
    unsigned n = 0;
    for (unsigned p = 2; n < 64; p++) {
        bool prime = true;
        for (unsigned d = 2; d * d <= p; d++)
            prime = prime && p % d;
        if (!prime)
            continue;
        if (n < 8)
            h0[n] = root_fraction(p, 2);
        k[n++] = root_fraction(p, 3);
    }
}

static uint32_t ror(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

static void block(struct sha256 *s, const uint8_t *p)
{
    uint32_t w[64], v[8];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) +
               (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
    }
    memcpy(v, s->h, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t1 =
            v[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
        uint32_t t2 =
            (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        s->h[i] += v[i];
}

void sha256_begin(struct sha256 *s)
{
    if (!k[0])
        constants();
    memcpy(s->h, h0, sizeof s->h);
    s->bytes = 0;
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len) {
        size_t at = s->bytes % 64, n = 64 - at < len ? 64 - at : len;
        memcpy(s->block + at, p, n);
        s->bytes += n;
        p += n;
        len -= n;
        if (at + n == 64)
            block(s, s->block);
    }
}

void sha256_end(struct sha256 *s, uint8_t digest[32])
{
    uint64_t bits = s->bytes * 8;
    uint8_t pad[72] = {0x80}, len[8];
    sha256_add(s, pad, 1 + (119 - s->bytes % 64) % 64);
    for (unsigned i = 0; i < 8; i++)
        len[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(s, len, 8);
    for (unsigned i = 0; i < 32; i++)
        digest[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

static void to_hex(struct sha256 *s, char hex[65])
{
    uint8_t digest[32];
    sha256_end(s, digest);
    for (unsigned i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void sha256_hex(const void *data, size_t len, char hex[65])
{
    struct sha256 s;
    sha256_begin(&s);
    sha256_add(&s, data, len);
    to_hex(&s, hex);
}

int sha256_file(const char *path, char hex[65])
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return -1;
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    struct sha256 s;
    char buf[65536];
    size_t n;
    sha256_begin(&s);
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        sha256_add(&s, buf, n);
    bool bad = ferror(f);
    fclose(f);
    if (bad)
        return -1;
    to_hex(&s, hex);
    return 0;
}

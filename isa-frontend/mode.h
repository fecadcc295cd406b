/* SPDX-License-Identifier: MIT */
/* The mode word: all that a translation may assume about the processor, beyond its bytes. Unused
 * bits are 0. */
#ifndef ISA_FRONTEND_MODE_H
#define ISA_FRONTEND_MODE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MODE_CODE32 = 1,  /* default operand and address size 32 */
    MODE_STACK32 = 2, /* ESP, not SP */
    MODE_FLAT = 4,    /* CS, DS, ES, SS have base 0 and limit 4 GB */
    MODE_CPL3 = 8,
    MODE_PE = 16,
    MODE_PG = 32,
    MODE_V86 = 64,
    MODE_TF = 128,
    MODE_AC = 256,
    MODE_FS = 512, /* FS is usable for reading and writing, with a limit of 4 GB and any base */
    MODE_GS = 1024,
    /* What the others amount to, for one quick look: the mode is not the one that the fast handlers
     * and the translator are made for (mode_settle). */
    MODE_SPECIAL = (int)0x80000000,
    MODE_PROCESS = MODE_CODE32 | MODE_STACK32 | MODE_FLAT | MODE_CPL3 | MODE_PE | MODE_PG,
    MODE_PROCESS_TLS = MODE_PROCESS | MODE_FS | MODE_GS /* with both in use for thread storage */
};

/* The mode with MODE_SPECIAL as it must be: clear for 32-bit code, flat but for FS and GS, no trap
 * behind each instruction, no alignment checks. */
static inline uint32_t mode_settle(uint32_t mode)
{
    const uint32_t want = MODE_CODE32 | MODE_STACK32 | MODE_FLAT;
    bool plain = (mode & (want | MODE_TF | MODE_AC | MODE_V86)) == want;

    return (mode & 0x7fffffff) | (plain ? 0 : (uint32_t)MODE_SPECIAL);
}

static inline bool mode_is_plain(uint32_t mode)
{
    return (int32_t)mode >= 0;
}

#endif

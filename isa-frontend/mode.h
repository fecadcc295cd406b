/* SPDX-License-Identifier: MIT */
/* The mode word: all that a translation may assume about the processor, beyond its bytes. Unused
 * bits are 0. */
#ifndef ISA_FRONTEND_MODE_H
#define ISA_FRONTEND_MODE_H

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
    MODE_PROCESS = MODE_CODE32 | MODE_STACK32 | MODE_FLAT | MODE_CPL3 | MODE_PE | MODE_PG
};

#endif

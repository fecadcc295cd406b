/* SPDX-License-Identifier: MIT */
/* What CPUID says of a processor, for whoever must say the same: the interpreter, and the platform
 * that tells programs of their processor in its own ways. Freestanding. */
#ifndef ISA_FRONTEND_CPUID_H
#define ISA_FRONTEND_CPUID_H

#include <stdint.h>

enum {
    CPUID_FPU = 1 << 0,
    CPUID_TSC = 1 << 4,
    CPUID_MSR = 1 << 5,
    CPUID_CX8 = 1 << 8,
    CPUID_CMOV = 1 << 15,
    CPUID_CLFSH = 1 << 19,
    CPUID_MMX = 1 << 23,
    CPUID_FXSR = 1 << 24,
    CPUID_SSE = 1 << 25,
    CPUID_SSE2 = 1 << 26
}; /* EDX of leaf 1 */

/* EAX, EBX, ECX, EDX of a leaf. identity: guest.identity. */
void ia32_cpuid_of(uint32_t identity, uint32_t core_mhz, uint32_t leaf, uint32_t r[4]);

#endif

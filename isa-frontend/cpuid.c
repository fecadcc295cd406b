/* SPDX-License-Identifier: MIT */
/*
 * CPUID for the processors a machine file may claim to be (guest.identity). Leaves 0 and 1 and the
 * extended and Transmeta ranges have the meanings Linux's transmeta.c and AMD's numbering of
 * 0x80000000 give them. Only features that the interpreter has are announced. Revision numbers are
 * our own: they name this software, not the one of 2001.
 */
#include "concealed-mem/map.h"
#include "isa-frontend/cpuid.h"
#include "isa-frontend/insn.h"
#include "isa-frontend/interp_int.h"

/* What every identity has; SYSENTER none, yet. */
enum { FEATURES = CPUID_FPU | CPUID_TSC | CPUID_MSR | CPUID_CX8 | CPUID_CMOV };
enum { CLFLUSH_LINE = 64 / 8 };

static const struct {
    uint8_t feature; /* enum ia32_feature */
    uint32_t bit;
} bits[] = {{FEAT_MMX, CPUID_MMX},
            {FEAT_FXSR, CPUID_FXSR},
            {FEAT_SSE, CPUID_SSE},
            {FEAT_SSE2, CPUID_SSE2},
            {FEAT_CLFSH, CPUID_CLFSH}};

static uint32_t features(uint32_t identity)
{
    uint32_t has = ia32_features_of(identity), v = FEATURES;
    for (uint32_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (has >> bits[i].feature & 1)
            v |= bits[i].bit;
    return v;
}

static const struct identity {
    uint32_t signature; /* family, model, stepping */
    char brand[49];
} identities[] = {
    {0x543, "Transmeta(tm) Crusoe(tm) Processor TM5800"},
    {0x624, "Transmeta Efficeon(tm) Processor TM8600"},
};

static const char vendor[13] = "GenuineTMx86";
static const char cms_name[65] = "Chrysalis code-morphing software";

static uint32_t chars(const char *s)
{
    return (uint32_t)(uint8_t)s[0] | (uint32_t)(uint8_t)s[1] << 8 | (uint32_t)(uint8_t)s[2] << 16 |
           (uint32_t)(uint8_t)s[3] << 24;
}

static void vendor_leaf(uint32_t max, uint32_t r[4])
{
    r[0] = max;
    r[1] = chars(vendor);
    r[3] = chars(vendor + 4);
    r[2] = chars(vendor + 8);
}

static void text_leaf(const char *s, uint32_t r[4])
{
    for (uint32_t i = 0; i < 4; i++)
        r[i] = chars(s + 4 * i);
}

void ia32_cpuid_of(uint32_t identity, uint32_t core_mhz, uint32_t leaf, uint32_t r[4])
{
    const struct identity *id = &identities[identity != 0];

    r[0] = r[1] = r[2] = r[3] = 0;
    switch (leaf) {
    case 1:
        r[0] = id->signature;
        r[3] = features(identity);
        r[1] = r[3] & CPUID_CLFSH ? CLFLUSH_LINE << 8 : 0;
        break;
    case 0x80000000: vendor_leaf(0x80000004, r); break;
    case 0x80000001:
        r[0] = id->signature;
        /* AMD's numbering: bits that are something else there are left out. */
        r[3] = features(identity) & ~(uint32_t)(CPUID_CLFSH | CPUID_SSE | CPUID_SSE2);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: text_leaf(id->brand + (leaf - 0x80000002) * 16, r); break;
    case 0x80860000: vendor_leaf(0x80860006, r); break;
    case 0x80860001:
        r[0] = id->signature;
        r[1] = 0x01000000;
        r[2] = core_mhz;
        break;
    case 0x80860002:
        r[0] = 0x01000000;
        r[1] = 0x00010000;
        break;
    case 0x80860003:
    case 0x80860004:
    case 0x80860005:
    case 0x80860006: text_leaf(cms_name + (leaf - 0x80860003) * 16, r); break;
    case 0: vendor_leaf(1, r); break;
    default: /* nothing there: zeros */ break;
    }
}

void ia32_cpuid(uint32_t leaf, uint32_t r[4])
{
    const struct cm_boot *boot = cm_ptr(hw_mfs(SR_CONCEALED) + CM_BOOT);

    ia32_cpuid_of(boot->machine.guest_identity, boot->machine.core_mhz, leaf, r);
}

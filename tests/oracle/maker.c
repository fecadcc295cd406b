/* SPDX-License-Identifier: MIT */
/* See maker.h. */
#include "tests/oracle/maker.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"

enum { VEC_DB = 1, VEC_BR = 5, VEC_UD = 6, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14, VEC_AC = 17 };

const char *const maker_reasons[MAKER_KINDS] = {
    "",
#define KIND(name, reason) reason,
#include "tests/oracle/maker.def"
#undef KIND
};

static enum maker ask(void)
{
#if defined(__x86_64__)
    uint32_t a, b, c, d;
    char name[12];
    if (!__get_cpuid(0, &a, &b, &c, &d))
        return MAKER_INTEL;
    memcpy(name, &b, 4);
    memcpy(name + 4, &d, 4);
    memcpy(name + 8, &c, 4);
    return !memcmp(name, "AuthenticAMD", 12) || !memcmp(name, "HygonGenuine", 12) ? MAKER_AMD
                                                                                  : MAKER_INTEL;
#else
    return MAKER_INTEL;
#endif
}

enum maker maker_of_host(void)
{
    static int known = -1;
    if (known < 0)
        known = (int)ask();
    return (enum maker)known;
}

static uint32_t mode(const struct maker_case *m)
{
    return MODE_PROCESS & ~(m->code16 ? (uint32_t)MODE_CODE32 : 0);
}

/* The instruction at `eip`, with its bytes; false: none of the block's, or none at all. */
static bool at(const struct maker_case *m, uint32_t eip, struct insn *d)
{
    uint32_t offset = eip - m->eip;
    return offset < m->len &&
           ia32_decode(m->code + offset, m->len - offset, eip, mode(m), d) == DEC_OK;
}

/* Whether the block has one. Behind a jump there may be bytes that are none. */
static bool has(const struct maker_case *m, uint32_t op)
{
    struct insn d;
    for (uint32_t eip = m->eip; eip - m->eip < m->len; eip += at(m, eip, &d) ? d.length : 1)
        if (at(m, eip, &d) && d.op == op)
            return true;
    return false;
}

bool maker_shows_mask(const uint8_t *code, uint32_t len)
{
    if (maker_of_host() != MAKER_AMD)
        return false;
    for (uint32_t i = 0; i + 2 < len; i++)
        if (code[i] == 0x0f && code[i + 1] == 0xae && code[i + 2] < 0xc0 && !(code[i + 2] & 0x38))
            return true;
    return false;
}

/* A further mandatory prefix before 0F 2B or 0F E7. */
static bool surplus_prefix(const struct maker_case *m, uint32_t offset)
{
    for (; offset + 1 < m->len; offset++) {
        uint8_t b = m->code[offset];
        if (b == 0x0f)
            return m->code[offset + 1] == 0x2b || m->code[offset + 1] == 0xe7;
        if (!strchr("\x66\xf2\xf3\x67\x26\x2e\x36\x3e\x64\x65", b))
            return false;
    }
    return false;
}

/* LOCK before 0F 00 /4 and /5, or before 0F 20 and 0F 22. */
static enum maker_kind locked(const struct maker_case *m, uint32_t offset)
{
    bool lock = false;
    for (; offset + 2 < m->len && m->code[offset] != 0x0f; offset++)
        lock |= m->code[offset] == 0xf0;
    if (!lock || offset + 2 >= m->len)
        return MAKER_NONE;
    const uint8_t *b = &m->code[offset + 1];
    if (b[0] == 0x20 || b[0] == 0x22)
        return MAKER_CR8;
    return b[0] == 0x00 && (b[1] >> 4 & 3) == 2 ? MAKER_LOCK : MAKER_NONE;
}

static bool near_the_end(uint32_t address)
{
    return address + 512 < 1024; /* the longest operand, on either side */
}

static bool wide_unaligned(const struct insn *d)
{
    return d->op == I_MOVUPS || d->op == I_MOVUPD || d->op == I_MOVDQU;
}

static bool x87_store(const struct insn *d)
{
    return ia32_is_x87(d->op) && d->nopnds && d->seg != SEG_NONE;
}

/* Both faulted, at one place. */
static enum maker_kind same_place(const struct maker_case *m, const struct insn *d)
{
    const struct ia32_fault *h = &m->host.f, *u = &m->ours.f;
    const bool equal = h->vector == u->vector && h->error == u->error && h->cr2 == u->cr2;
    if ((h->vector == VEC_GP || h->vector == VEC_SS) && !h->error &&
        (u->vector == VEC_AC || (u->vector == VEC_PF && near_the_end(u->cr2))))
        return MAKER_WRAP;
    if (d->op == I_BOUND && u->vector == VEC_BR)
        return MAKER_BOUND;
    if ((d->op == I_POPSEG || d->op == I_RETF || d->op == I_IRET) && h->vector == VEC_AC &&
        u->vector == VEC_PF)
        return MAKER_FAR;
    if (!equal)
        return MAKER_NONE;
    if ((d->op == I_MOVD || d->op == I_MOVQ || d->op == I_MOVNTQ) && d->o[0].kind == O_MEM)
        return MAKER_MMX_STORE;
    if (d->rep && (d->op == I_SCAS || d->op == I_CMPS))
        return MAKER_REP_FLAGS;
    if ((d->op == I_CALL || d->op == I_CALLI) && h->vector == VEC_GP)
        return MAKER_CALL_LIMIT;
    return MAKER_NONE;
}

enum maker_kind maker_excuse(const struct maker_case *m)
{
    const int host = m->host.f.vector, ours = m->ours.f.vector;
    const uint32_t host_eip = m->host.eip, our_eip = m->ours.eip;
    enum maker_kind kind;
    struct insn d;
    if (maker_of_host() != MAKER_AMD)
        return MAKER_NONE;
    if (host == VEC_DB && ours == VEC_DB && at(m, host_eip, &d) && d.op == I_INT1 &&
        our_eip == host_eip + d.length)
        return MAKER_INT1;
    if (host >= 0 && ours >= 0 && host_eip == our_eip && at(m, host_eip, &d) &&
        (kind = same_place(m, &d)) != MAKER_NONE)
        return kind;
    if (host >= 0 && at(m, host_eip, &d)) {
        if (host == VEC_AC && wide_unaligned(&d))
            return MAKER_AC_16;
        if (x87_store(&d) && (host == VEC_PF || host == VEC_GP || host == VEC_SS || host == VEC_AC))
            return MAKER_X87_STORE;
        if (d.op == I_MASKMOVQ || d.op == I_MASKMOVDQU)
            return MAKER_MASKMOV;
    }
    if (ours >= 0 && at(m, our_eip, &d)) {
        if (d.op == I_MASKMOVQ || d.op == I_MASKMOVDQU)
            return MAKER_MASKMOV;
        if ((d.op == I_FXRSTOR || d.op == I_LDMXCSR) && ours == VEC_GP)
            return MAKER_MXCSR_MM;
    }
    if (ours == VEC_UD && our_eip - m->eip < m->len) {
        if (surplus_prefix(m, our_eip - m->eip))
            return MAKER_PREFIXES;
        if ((kind = locked(m, our_eip - m->eip)) != MAKER_NONE)
            return kind;
    }
    if (m->pushes || has(m, I_PUSHSEG))
        return MAKER_PUSHSEG;
    if (maker_shows_mask(m->code, m->len))
        return MAKER_MXCSR_MM;
    return MAKER_NONE;
}

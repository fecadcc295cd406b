/* SPDX-License-Identifier: MIT */

/*
 * What all of the generator rests on: random numbers, addresses and states, memory operands; and
 * blocks, which string instructions together and choose where their jumps lead.
 *
 * Memory operands are steered: bases are the registers that gen_state makes pointers, and a
 * quarter are absolute. They go wrong all the same, more and more as a block runs on and the
 * pointers are overwritten; the faults are wanted.
 */

#include "tests/oracle/gen_int.h"

#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"

uint32_t gen_random(struct gen *g)
{
    g->s ^= g->s << 13;
    g->s ^= g->s >> 7;
    g->s ^= g->s << 17;
    return (uint32_t)(g->s >> 24);
}

void gen_init(struct gen *g, uint64_t seed)
{
    memset(g, 0, sizeof *g);
    g->s = seed * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(0x2545f4914f6cdd1d);
    if (g->s == 0)
        g->s = 1;
    g->families = GEN_ALL;
    g->opcode = -1;
    g->wild = 8;
    g->eip = SILICON_CODE;
    for (int i = 0; i < 8; i++)
        gen_random(g);
}

/* Numbers at which something turns over, small ones, any. */
uint32_t gen_number(struct gen *g)
{
    static const uint32_t marked[] = {0,          1,          2,          0x7f,       0x80,
                                      0xff,       0x100,      0x7fff,     0x8000,     0xffff,
                                      0x10000,    0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe,
                                      0xffffffff, 9,          10,         31,         32};
    switch (below(g, 8)) {
    case 0:
    case 1: return marked[below(g, sizeof marked / sizeof marked[0])];
    case 2:
    case 3:
    case 4: return below(g, 64);
    case 5: return below(g, 0x10000);
    default: return gen_random(g);
    }
}

uint32_t gen_address(struct gen *g)
{
    static const uint32_t edges[] = {SILICON_DATA,      SILICON_DATA + SILICON_DATA_SIZE,
                                     SILICON_DATA_RO,   SILICON_DATA_RO + SILICON_PAGE,
                                     SILICON_DATA_NONE, SILICON_DATA_NONE + SILICON_PAGE};
    uint32_t kind = below(g, 64);
    if (kind == 0)
        return edges[below(g, 6)] + below(g, 16) - 8;
    if (kind == 1)
        return SILICON_DATA_RO + below(g, SILICON_PAGE);
    if (kind == 2)
        return SILICON_DATA_NONE + below(g, SILICON_PAGE);
    if (kind < 6)
        return SILICON_DATA + (1 + below(g, 6)) * SILICON_PAGE - below(g, 8);
    uint32_t fair = SILICON_DATA + 0x200 + below(g, 0x6c00);
    return once_in(g, 4) ? fair : once_in(g, 4) ? fair & ~15u : fair & ~3u;
}

void gen_state(struct gen *g, struct ia32_state *st)
{
    static const uint8_t pointers[] = {IA32_EBX, IA32_ESP, IA32_EBP, IA32_ESI, IA32_EDI};
    for (int i = 0; i < 8; i++)
        st->gpr[i] = gen_number(g);
    for (unsigned i = 0; i < sizeof pointers; i++)
        if (pointers[i] == IA32_ESP || !once_in(g, 16))
            st->gpr[pointers[i]] = gen_address(g);
    if (!once_in(g, 8))
        st->gpr[IA32_ESP] &= ~3u;
    st->eflags = (gen_random(g) & IA32_FLAGS) | 2;
    if (!once_in(g, 4))
        st->eflags &= ~0x400u; /* DF */
}

uint8_t *gen_modrm_absolute(uint8_t *p, unsigned reg, uint32_t address)
{
    *p++ = (uint8_t)(reg << 3 | 5);
    return put32(p, address);
}

uint8_t *gen_modrm_16(struct gen *g, uint8_t *p, unsigned reg)
{
    unsigned mod = below(g, 3), rm = below(g, 8);
    *p++ = (uint8_t)(mod << 6 | reg << 3 | rm);
    if (mod == 1)
        *p++ = (uint8_t)gen_random(g);
    else if (mod == 2 || rm == 6)
        p = put16(p, gen_random(g));
    return p;
}

uint8_t *gen_modrm_32(struct gen *g, uint8_t *p, unsigned reg, bool any)
{
    static const uint8_t bases[] = {IA32_EBX, IA32_ESP, IA32_EBP, IA32_ESI, IA32_EDI};
    if (!any && once_in(g, 4))
        return gen_modrm_absolute(p, reg, gen_address(g));
    unsigned base = any ? below(g, 8) : bases[below(g, 5)];
    bool sib = base == IA32_ESP || once_in(g, any ? 2 : 8);
    unsigned mod = below(g, 3);
    bool no_base = any && sib && mod == 0 && once_in(g, 4);
    if (no_base)
        base = IA32_EBP;
    else if (mod == 0 && base == IA32_EBP)
        mod = 1;
    *p++ = (uint8_t)(mod << 6 | reg << 3 | (sib ? 4 : base));
    if (sib) {
        unsigned index = any ? below(g, 8) : once_in(g, 2) ? IA32_ESP : below(g, 3);
        *p++ = (uint8_t)(below(g, 4) << 6 | index << 3 | base); /* index ESP: none */
    }
    if (mod == 1)
        *p++ = (uint8_t)gen_random(g);
    else if (mod == 2)
        p = put32(p, any ? gen_number(g) : below(g, 0x200) - 0x100);
    else if (no_base)
        p = put32(p, once_in(g, 2) ? gen_address(g) : gen_random(g));
    return p;
}

/*
 * The same instructions as 16-bit code: prefixes 66 and 67 mean the opposite there, so every one
 * gets those that it has not, and loses those that it has. Returns the new length; fix_at follows.
 */
static size_t to_code16(struct gen *g, uint8_t *buf, size_t len)
{
    static const uint8_t others[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0, 0xf2, 0xf3};
    uint8_t out[2 * GEN_INSN_MAX];
    size_t n = 0;
    unsigned fix = g->fix_at;
    for (size_t at = 0, next; at < len; at = next) {
        struct insn d;
        bool small = false, address16 = false;
        size_t i = at, start = n;
        next = ia32_decode(buf + at, (uint32_t)(len - at), 0, MODE_PROCESS, &d) == DEC_OK
                   ? at + d.length
                   : len;
        n += 2;
        for (; i < next; i++)
            if (buf[i] == 0x66)
                small = true;
            else if (buf[i] == 0x67)
                address16 = true;
            else if (memchr(others, buf[i], sizeof others))
                out[n++] = buf[i];
            else
                break;
        size_t k = start; /* room for two was left */
        if (!address16)
            out[k++] = 0x67;
        if (!small)
            out[k++] = 0x66;
        memmove(out + k, out + start + 2, n - start - 2);
        n -= start + 2 - k;
        if (fix >= i && fix < next)
            g->fix_at = (unsigned)(n + fix - i);
        memcpy(out + n, buf + i, next - i);
        n += next - i;
    }
    memcpy(buf, out, n);
    g->eip += (uint32_t)(n - len);
    return n;
}

size_t gen_block(struct gen *g, uint32_t eip, uint8_t *buf, unsigned n)
{
    struct {
        uint32_t fix, next;
        unsigned size;
        bool absolute;
    } jump[GEN_BLOCK_MAX];
    uint32_t start[GEN_BLOCK_MAX + 1];
    if (n > GEN_BLOCK_MAX)
        n = GEN_BLOCK_MAX;
    size_t len = 0;
    g->used_fx = false;
    g->eip = eip;
    for (unsigned i = 0; i < n; i++) {
        start[i] = (uint32_t)len;
        size_t own = gen_insn(g, buf + len);
        len += g->code16 ? to_code16(g, buf + len, own) : own;
        jump[i].fix = start[i] + g->fix_at;
        jump[i].next = (uint32_t)len;
        jump[i].size = g->fix_size;
        jump[i].absolute = g->fix_absolute;
    }
    start[n] = (uint32_t)len;
    for (unsigned i = 0; i < n; i++) {
        if (!jump[i].size)
            continue;
        unsigned to = i + 1 + below(g, 3); /* two idioms at most are passed: a byte reaches */
        uint32_t target = start[to < n ? to : n];
        uint32_t value = jump[i].absolute ? eip - (g->code16 ? SILICON_CODE : 0) + target
                                          : target - jump[i].next;
        memcpy(buf + jump[i].fix, &value, jump[i].size);
    }
    return len;
}

/* SPDX-License-Identifier: MIT */

/*
 * Loads of segment registers, far transfers and questions about descriptors: idioms of a few
 * instructions, the first of which put a selector where the last will look for it. Which selectors
 * are made, and which never, is told at odd_selector and selector.
 *
 * To add one: an enumerator of enum special behind POP_SEG, its rows in gen_insn.c, a case in
 * gen_segment.
 */

#include "tests/oracle/gen_row.h"

/* What may be loaded into a segment register: what it holds, or a selector out of bounds. */
enum { SEL_DATA = 0x2b, SEL_CODE = 0x23, SEL_BAD = 0xfffb };

/* Selectors with something to say about each: segments of the LDT and what is next to them, the
 * kernel's own, null ones, other privilege levels. Not the 64-bit code segment of the host, nor the
 * one whose limit is a processor's number. */
static uint32_t odd_selector(struct gen *g)
{
    static const uint16_t some[] = {0,
                                    3,
                                    0x10,
                                    0x18,
                                    0x23,
                                    0x20,
                                    0x28,
                                    0x2a,
                                    0x2b,
                                    SILICON_SELECTOR(5),
                                    SILICON_SELECTOR(SILICON_SEG_READ_ONLY),
                                    SILICON_SELECTOR(SILICON_SEG_EXECUTE_ONLY),
                                    SILICON_SELECTOR(SILICON_SEG_ABSENT),
                                    SILICON_SELECTOR(SILICON_SEG_SMALL),
                                    SILICON_SELECTOR(SILICON_SEG_DOWN),
                                    SILICON_SELECTOR(SILICON_SEG_CODE16),
                                    SILICON_SELECTOR(SILICON_SEG_GS) & ~3u,
                                    SILICON_SELECTOR(SILICON_SEG_END),
                                    SEL_BAD,
                                    SEL_BAD | 4};
    return some[below(g, sizeof some / sizeof some[0])];
}

static uint32_t selector(struct gen *g, unsigned seg)
{
    if (seg == 4) /* FS is the host's */
        return silicon_fs() && !once_in(g, 4) ? below(g, 4) : SEL_BAD;
    if (g->gs && once_in(g, 3))
        return odd_selector(g);
    if ((seg == 5 && !g->gs) || once_in(g, 12))
        return SEL_BAD;
    return seg == 5 ? silicon_gs() : SEL_DATA;
}

/* LAR, LSL, VERR, VERW. */
size_t gen_ask(struct gen *g, const struct row *r, uint8_t *buf)
{
    unsigned ext = r->ext ? pick_extension(g, r->ext) : below(g, 8), reg = below(g, 3);
    uint32_t cell = gen_address(g), sel = g->gs ? odd_selector(g) : SEL_DATA;
    uint8_t *p = buf;
    bool memory = once_in(g, 2);
    if (memory) {
        p = store_imm(p, cell, sel);
    } else {
        *p++ = (uint8_t)(0xb8 | reg);
        p = put32(p, sel);
    }
    if (once_in(g, 4))
        *p++ = 0x66;
    *p++ = 0x0f;
    *p++ = (uint8_t)r->opcode;
    if (memory)
        p = gen_modrm_absolute(p, ext, cell);
    else
        *p++ = (uint8_t)(0xc0 | ext << 3 | reg);
    return finish(g, buf, p, NULL, 0, false);
}

size_t gen_segment(struct gen *g, const struct row *r, uint8_t *buf)
{
    uint8_t *p = buf, *fix = NULL;
    uint32_t code = once_in(g, 12) ? SEL_BAD
                    : g->code16    ? SILICON_SELECTOR(SILICON_SEG_CODE16)
                                   : SEL_CODE;
    uint32_t cell;
    unsigned seg = 0, reg = below(g, 3);
    if (r->special != FAR_DIRECT && once_in(g, 24)) {
        bool stack = r->special == POP_SEG || r->special >= RETF;
        if (stack)
            p = mov_esp(p, unreadable(g));
        if (r->opcode >= 0x0f00)
            *p++ = 0x0f;
        *p++ = (uint8_t)r->opcode;
        if (r->special == RETF_N)
            p = put16(p, 4);
        if (!stack)
            p = gen_modrm_absolute(p, r->ext ? pick_extension(g, r->ext) : reg, unreadable(g));
        return finish(g, buf, p, NULL, 0, false);
    }
    switch (r->special) {
    case POP_SEG:
        seg = r->opcode >= 0x0f00 ? (r->opcode == 0x0fa1 ? 4 : 5) : r->opcode >> 3;
        p = push_imm(p, selector(g, seg));
        if (r->opcode >= 0x0f00)
            *p++ = 0x0f;
        *p++ = (uint8_t)r->opcode;
        break;
    case LOAD_SEG:
        seg = pick_extension(g, r->ext);
        if (once_in(g, 2)) {
            *p++ = (uint8_t)(0xb8 | reg);
            p = put32(p, selector(g, seg));
            *p++ = 0x8e;
            *p++ = (uint8_t)(0xc0 | seg << 3 | reg);
        } else {
            cell = gen_address(g);
            p = store_imm(p, cell, selector(g, seg));
            *p++ = 0x8e;
            p = gen_modrm_absolute(p, seg, cell);
        }
        break;
    case LFP:
        seg = r->opcode == 0xc4     ? 0
              : r->opcode == 0xc5   ? 3
              : r->opcode == 0x0fb2 ? 2
              : r->opcode == 0x0fb4 ? 4
                                    : 5;
        cell = gen_address(g);
        p = store_imm(p, cell + 4, selector(g, seg));
        if (r->opcode >= 0x0f00)
            *p++ = 0x0f;
        *p++ = (uint8_t)r->opcode;
        p = gen_modrm_absolute(p, below(g, 8), cell);
        break;
    case FAR_DIRECT:
        *p++ = (uint8_t)r->opcode;
        fix = p;
        p = put16(put32(p, 0), code);
        break;
    case FAR_INDIRECT:
        cell = gen_address(g);
        p = store_imm(p, cell + 4, code);
        *p++ = 0xc7;
        p = gen_modrm_absolute(p, 0, cell);
        fix = p;
        p = put32(p, 0);
        *p++ = 0xff;
        p = gen_modrm_absolute(p, pick_extension(g, r->ext), cell);
        break;
    default: /* far return, IRET */
        if (r->special == IRET)
            p = push_imm(p, (gen_random(g) & IA32_FLAGS) |
                                (once_in(g, 8) ? once_in(g, 2) ? EFLAGS_TF : EFLAGS_AC : 0));
        p = push_imm(p, code);
        *p++ = 0x68;
        fix = p;
        p = put32(p, 0);
        *p++ = (uint8_t)r->opcode;
        if (r->special == RETF_N)
            p = put16(p, below(g, 8) * 4);
        break;
    }
    if (fix)
        put32(fix, g->eip + (uint32_t)(p - buf));
    return finish(g, buf, p, fix, fix ? 4 : 0, true);
}

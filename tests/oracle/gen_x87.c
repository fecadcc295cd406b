/* SPDX-License-Identifier: MIT */
/*
 * Blocks of x87 instructions that need no x87 state given and leave none behind: FNINIT and a
 * random control word first; then loads from the data window, random instructions, some integer
 * ones between them; last FNSAVE, so that the state they made is memory like any other. The
 * pointers of last instruction and operand in the image are cleared by the block itself: recent
 * processors keep them otherwise than the P6.
 *
 * Left out: transcendental instructions (equal within 1 ulp only), environments in the middle (the
 * pointers), FISTTP (SSE3), encodings that are undocumented or invalid.
 */
#include "tests/oracle/gen.h"

#include <string.h>

enum { ESCAPE = 0xd8, SAVE_AREA = 108 };

/* Extensions by ModRM.reg, with a memory operand: a mask for each of D8 to DF. */
static const uint8_t memory_forms[8] = {0xff, 0xad, 0xff, 0xad, 0xff, 0x8d, 0xff, 0xfd};

/* Register forms by ModRM.reg: likewise. D9, DB and DF have single ones beside (see below). */
static const uint8_t register_forms[8] = {0xff, 0x03, 0x0f, 0x6f, 0xf3, 0x3d, 0xf3, 0x60};

static uint32_t below(struct gen *g, uint32_t n)
{
    return gen_random(g) % n;
}

static uint8_t *put_address(uint8_t *p, uint32_t a)
{
    memcpy(p, &a, 4);
    return p + 4;
}

static unsigned pick(struct gen *g, unsigned mask)
{
    unsigned n;
    do
        n = below(g, 8);
    while (!(mask >> n & 1));
    return n;
}

static uint8_t *one(struct gen *g, uint8_t *p)
{
    static const uint8_t single[][2] = {
        {0xd9, 0xd0}, {0xd9, 0xe0}, {0xd9, 0xe1}, {0xd9, 0xe4}, {0xd9, 0xe5}, {0xd9, 0xe8},
        {0xd9, 0xe9}, {0xd9, 0xea}, {0xd9, 0xeb}, {0xd9, 0xec}, {0xd9, 0xed}, {0xd9, 0xee},
        {0xd9, 0xf4}, {0xd9, 0xf5}, {0xd9, 0xf6}, {0xd9, 0xf7}, {0xd9, 0xf8}, {0xd9, 0xfa},
        {0xd9, 0xfc}, {0xd9, 0xfd}, {0xda, 0xe9}, {0xde, 0xd9}, {0xdb, 0xe2}, {0xdf, 0xe0}};
    unsigned e = below(g, 8), kind = below(g, 8);
    if (kind == 0) {
        unsigned i = below(g, sizeof single / sizeof single[0]);
        *p++ = single[i][0];
        *p++ = single[i][1];
    } else if (kind < 4) {
        *p++ = (uint8_t)(ESCAPE + e);
        *p++ = (uint8_t)(0xc0 | pick(g, register_forms[e]) << 3 | below(g, 8));
    } else {
        *p++ = (uint8_t)(ESCAPE + e);
        *p++ = (uint8_t)(pick(g, memory_forms[e]) << 3 | 5);
        p = put_address(p, gen_address(g));
    }
    return p;
}

size_t gen_x87_block(struct gen *g, uint32_t eip, uint8_t *buf, unsigned n)
{
    static const uint8_t loads[][2] = {{0xd9, 0}, {0xdd, 0}, {0xdb, 0}, {0xdf, 0}, {0xdf, 5}};
    uint32_t area = SILICON_DATA + 0x400 + below(g, 0x6000);
    unsigned families = g->families;
    uint8_t *p = buf;
    g->families = 1u << GEN_ALU | 1u << GEN_MOVE;
    g->opcode = -1;
    *p++ = 0xdb; /* fninit */
    *p++ = 0xe3;
    if (below(g, 4)) { /* mov word [area], control; fldcw [area] */
        uint32_t masks = below(g, 4) ? 0x3f : gen_random(g) & 0x3f;
        uint32_t control = (gen_random(g) & 0xf00) | 0x40 | masks;
        *p++ = 0x66;
        *p++ = 0xc7;
        *p++ = 5;
        p = put_address(p, area);
        *p++ = (uint8_t)control;
        *p++ = (uint8_t)(control >> 8);
        *p++ = 0xd9;
        *p++ = 0x2d;
        p = put_address(p, area);
    }
    for (unsigned i = below(g, 6); i; i--) {
        unsigned k = below(g, sizeof loads / sizeof loads[0]);
        *p++ = loads[k][0];
        *p++ = (uint8_t)(loads[k][1] << 3 | 5);
        p = put_address(p, SILICON_DATA + 0x200 + (below(g, 0x6c00) & ~3u));
    }
    for (unsigned i = 0; i < n; i++) {
        if (below(g, 4)) {
            p = one(g, p);
        } else {
            g->eip = eip + (uint32_t)(p - buf);
            p += gen_insn(g, p);
        }
    }
    *p++ = 0xdd; /* fnsave [area] */
    *p++ = 0x35;
    p = put_address(p, area);
    for (unsigned at = 12; at < 28; at += 4) { /* mov dword [area + at], 0 */
        *p++ = 0xc7;
        *p++ = 5;
        p = put_address(p, area + at);
        p = put_address(p, 0);
    }
    g->families = families;
    g->eip = eip + (uint32_t)(p - buf);
    return (size_t)(p - buf);
}

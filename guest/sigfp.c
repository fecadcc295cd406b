/* SPDX-License-Identifier: MIT */
/*
 * Floating-point state in signal frames: first what FSAVE gives; on a processor with FXSAVE the
 * image of that behind it, 64-byte aligned, and `magic` says so. Going back, x87 state is taken
 * from the first part, MXCSR and XMM registers from the second, as Linux does.
 */
#include <string.h>
#include "guest/syscall.h"
#include "isa-frontend/cpuid.h"
#include "vliw-model/isa.h"

/* As FSAVE, and two halves of a word behind it. */
struct fpstate_guest {
    uint32_t cw, sw, tag, ipoff, cssel, dataoff, datasel;
    uint8_t st[8][10];
    uint16_t status, magic; /* ffff: nothing follows; 0: struct fxsave_guest does */
} __attribute__((packed));
_Static_assert(sizeof(struct fpstate_guest) == 112, "struct _fpstate of i386");

struct fxsave_guest {
    uint16_t cw, sw;
    uint8_t used, pad0; /* a bit for each physical register */
    uint16_t opcode;
    uint32_t ipoff;
    uint16_t cssel, pad1;
    uint32_t dataoff;
    uint16_t datasel, pad2;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t st[8][16], xmm[8][16], unused[224];
};
_Static_assert(sizeof(struct fxsave_guest) == 512, "what FXSAVE writes");
enum { MXCSR_MASK = 0xffff };

static bool has_fxsave(const struct process *p)
{
    uint32_t r[4];

    process_cpuid(p, 1, r);
    return r[3] & CPUID_FXSR;
}

static uint32_t fpsr(const struct vm_context *c, enum special s)
{
    return c->fpsr[s - SR_FP_FIRST];
}

/* The full tag word from the occupied marks: 0 valid, 1 zero, 2 special, 3 empty. */
static uint32_t tag_word(const struct vm_context *c)
{
    uint32_t tags = 0;

    for (uint32_t i = 0; i < 8; i++) {
        const uint8_t *w = c->wide[WIDE_X87 + i];
        uint64_t m;
        uint16_t se;
        memcpy(&m, w, 8);
        memcpy(&se, w + 8, 2);
        uint32_t e = se & 0x7fff;
        uint32_t t = !(fpsr(c, SR_FTAG) >> i & 1)      ? 3
                     : !e && !m                        ? 1
                     : !e || e == 0x7fff || !(m >> 63) ? 2
                                                       : 0;
        tags |= t << 2 * i;
    }
    return tags;
}

static void save_fp(const struct vm_context *c, struct fpstate_guest *f)
{
    uint32_t top = fpsr(c, SR_FSW) >> 11 & 7;

    memset(f, 0, sizeof *f);
    f->cw = fpsr(c, SR_FCW) | 0xffff0000u;
    f->sw = fpsr(c, SR_FSW) | 0xffff0000u;
    f->tag = tag_word(c) | 0xffff0000u;
    f->ipoff = fpsr(c, SR_FIP);
    f->cssel = fpsr(c, SR_FCO);
    f->dataoff = fpsr(c, SR_FDP);
    f->datasel = fpsr(c, SR_FDS) | 0xffff0000u;
    for (uint32_t i = 0; i < 8; i++)
        memcpy(f->st[i], c->wide[WIDE_X87 + ((top + i) & 7)], 10);
    f->status = (uint16_t)f->sw;
    f->magic = 0xffff;
}

void fpstate_init(struct vm_context *c)
{
    memset(c->wide[WIDE_X87], 0, (NWIDE - WIDE_X87) * sizeof c->wide[0]);
    memset(c->fpsr, 0, sizeof c->fpsr);
    c->fpsr[0] = 0x37f;
    c->fpsr[SR_MXCSR - SR_FP_FIRST] = MXCSR_RESET;
}

static void load_fp(struct vm_context *c, const struct fpstate_guest *f)
{
    uint32_t top = f->sw >> 11 & 7, used = 0, sw = f->sw & 0x7f7f;

    for (uint32_t i = 0; i < 8; i++) {
        uint8_t *w = c->wide[WIDE_X87 + ((top + i) & 7)];
        memcpy(w, f->st[i], 10);
        memset(w + 10, 0, 6);
    }
    for (uint32_t i = 0; i < 8; i++)
        if ((f->tag >> 2 * i & 3) != 3)
            used |= 1u << i;
    c->fpsr[0] = (f->cw & 0x1f3f) | 0x40;
    if (sw & ~c->fpsr[0] & 0x3f)
        sw |= 0x8080;
    c->fpsr[SR_FSW - SR_FP_FIRST] = sw;
    c->fpsr[SR_FTAG - SR_FP_FIRST] = used;
    c->fpsr[SR_FIP - SR_FP_FIRST] = f->ipoff;
    c->fpsr[SR_FCO - SR_FP_FIRST] = f->cssel & 0x7ffffff;
    c->fpsr[SR_FDP - SR_FP_FIRST] = f->dataoff;
    c->fpsr[SR_FDS - SR_FP_FIRST] = f->datasel & 0xffff;
}

static void save_fx(const struct vm_context *c, struct fxsave_guest *f)
{
    uint32_t top = fpsr(c, SR_FSW) >> 11 & 7;

    *f = (struct fxsave_guest){.cw = (uint16_t)fpsr(c, SR_FCW),
                               .sw = (uint16_t)fpsr(c, SR_FSW),
                               .used = (uint8_t)fpsr(c, SR_FTAG),
                               .opcode = (uint16_t)(fpsr(c, SR_FCO) >> 16),
                               .ipoff = fpsr(c, SR_FIP),
                               .cssel = (uint16_t)fpsr(c, SR_FCO),
                               .dataoff = fpsr(c, SR_FDP),
                               .datasel = (uint16_t)fpsr(c, SR_FDS),
                               .mxcsr = fpsr(c, SR_MXCSR),
                               .mxcsr_mask = MXCSR_MASK};
    for (uint32_t i = 0; i < 8; i++) {
        memcpy(f->st[i], c->wide[WIDE_X87 + ((top + i) & 7)], 10);
        memcpy(f->xmm[i], c->wide[WIDE_XMM + i], 16);
    }
}

uint32_t fpstate_place(const struct process *p, uint32_t sp)
{
    uint32_t x87 = sizeof(struct fpstate_guest);

    return has_fxsave(p) ? ((sp - (uint32_t)sizeof(struct fxsave_guest)) & ~63u) - x87
                         : (sp - x87) & ~63u;
}

int fpstate_save(struct process *p, const struct vm_context *c, uint32_t at)
{
    struct fpstate_guest f;
    struct fxsave_guest fx;

    save_fp(c, &f);
    if (!has_fxsave(p))
        return space_write(p->space, at, &f, sizeof f);
    f.magic = 0;
    f.datasel = fpsr(c, SR_FDS);
    save_fx(c, &fx);
    int e = space_write(p->space, at, &f, sizeof f);
    return e ? e : space_write(p->space, at + (uint32_t)sizeof f, &fx, sizeof fx);
}

int fpstate_load(struct process *p, struct vm_context *c, uint32_t at)
{
    struct fpstate_guest f;
    struct fxsave_guest fx;
    bool wide = has_fxsave(p);
    int e = space_read(p->space, at, &f, sizeof f);

    if (!e && wide)
        e = space_read(p->space, at + (uint32_t)sizeof f, &fx, sizeof fx);
    if (e)
        return e;
    load_fp(c, &f);
    if (wide) {
        c->fpsr[SR_MXCSR - SR_FP_FIRST] = fx.mxcsr & MXCSR_MASK;
        memcpy(c->wide[WIDE_XMM], fx.xmm, sizeof fx.xmm);
    }
    return 0;
}

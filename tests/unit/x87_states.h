/* SPDX-License-Identifier: MIT */
/*
 * x87 states for tests of the interpreter against silicon: an image of FXSAVE into the functional
 * machine, one instruction of ours, and what it left as an image again. (Unlike
 * fx_to_hardware this gives the tag register no summary of the state, x87_state.h.)
 */
#ifndef TESTS_UNIT_X87_STATES_H
#define TESTS_UNIT_X87_STATES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/oracle/fake_hw.h"
#include "tests/oracle/fx.h"

static inline void to_fake(const struct ia32_state *st)
{
    struct fx_image f;
    memcpy(&f, st->fx, sizeof f);
    uint32_t top = f.fsw >> 11 & 7;
    memset(fh.wide, 0xee, sizeof fh.wide);
    for (uint32_t i = 0; i < 8; i++)
        memcpy(fh.wide[WIDE_X87 + ((top + i) & 7)], f.st[i].b, 10);
    fh.fp[SR_FCW - SR_FCW] = f.fcw;
    fh.fp[SR_FSW - SR_FCW] = f.fsw;
    fh.fp[SR_FTAG - SR_FCW] = f.tag;
    fh.fp[SR_FIP - SR_FCW] = f.fip;
    fh.fp[SR_FCO - SR_FCW] = f.fcs | (uint32_t)f.fop << 16;
    fh.fp[SR_FDP - SR_FCW] = f.fdp;
    fh.fp[SR_FDS - SR_FCW] = f.fds;
    for (int i = 0; i < 8; i++)
        fh.r[32 + i] = st->gpr[i];
    fh.r[32 + G_EIP] = st->eip;
    fh.r[32 + G_EFL] = 0x202;
    fh.cc = st->eflags & F_ALL;
    fh_segments(0, 0);
    fh.unimplemented = false;
    fh.ntouched = 0;
    hw_commit(0);
}

static inline void from_fake(struct ia32_state *st)
{
    struct fx_image f;
    memset(&f, 0, sizeof f);
    uint32_t top = fh.fp[SR_FSW - SR_FCW] >> 11 & 7;
    for (uint32_t i = 0; i < 8; i++)
        memcpy(f.st[i].b, fh.wide[WIDE_X87 + ((top + i) & 7)], 10);
    f.fcw = (uint16_t)fh.fp[SR_FCW - SR_FCW];
    f.fsw = (uint16_t)fh.fp[SR_FSW - SR_FCW];
    f.tag = (uint8_t)fh.fp[SR_FTAG - SR_FCW];
    f.fip = fh.fp[SR_FIP - SR_FCW];
    f.fop = (uint16_t)(fh.fp[SR_FCO - SR_FCW] >> 16);
    f.fdp = fh.fp[SR_FDP - SR_FCW];
    memcpy(st->fx, &f, sizeof f);
    for (int i = 0; i < 8; i++)
        st->gpr[i] = fh.r[32 + i];
    st->eip = fh.r[32 + G_EIP];
    st->eflags = fh.r[32 + G_EFL] | fh.cc;
}

/* Runs one instruction of ours: `single` by the generic handlers; else it runs on to the int3 that
 * must stand behind it. Returns the vector, or 0xff. */
static inline uint32_t run_ours(const struct ia32_state *in, struct ia32_state *out, bool single)
{
    *out = *in;
    to_fake(in);
    fh.vector = 0xff;
    if (!setjmp(fh.out))
        ia32_interp(single);
    from_fake(out);
    if (!single && fh.vector == X_BP) {
        fh.vector = 0xff;
        out->eip--;
    }
    return fh.vector;
}

static inline void show(const char *who, const struct ia32_state *st)
{
    struct fx_image f;
    memcpy(&f, st->fx, sizeof f);
    print_error("  %s eip %08x eax %08x fl %03x cw %04x sw %04x tag %02x ip %08x\n      ", who,
                st->eip, st->gpr[0], st->eflags & F_ALL, f.fcw, f.fsw, f.tag, f.fip);
    for (int i = 0; i < 8; i++) {
        uint64_t sig;
        memcpy(&sig, f.st[i].b, 8);
        print_error(" %02x%02x:%016llx", f.st[i].b[9], f.st[i].b[8], (unsigned long long)sig);
    }
    print_error("\n");
}

#endif

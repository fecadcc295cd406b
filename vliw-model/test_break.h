/* SPDX-License-Identifier: MIT */
/*
 * Deliberately broken mechanisms, for tests alone: each test of a mechanism must notice its broken
 * variant. The hook is consulted in slow paths and when bundles are predecoded, never on a hot
 * path; setting it drops everything predecoded.
 */
#ifndef VLIW_MODEL_TEST_BREAK_H
#define VLIW_MODEL_TEST_BREAK_H

struct vm;

enum break_what {
    BREAK_NOTHING = 0,
    BREAK_COMMIT = 1,     /* commit does not copy the registers to their shadows */
    BREAK_ROLLBACK = 2,   /* rollback does not restore the registers */
    BREAK_ATOMIC = 4,     /* ops of a bundle act one after another, in slot order */
    BREAK_FORWARD = 8,    /* loads do not see the gated store buffer */
    BREAK_ALIAS = 16,     /* stam never traps */
    BREAK_TBITS = 32,     /* stores do not look at T-bits */
    BREAK_XCHK = 64,      /* xchk does not compare the frame */
    BREAK_BANK = 128,     /* a restartable trap does not change the register bank */
    BREAK_DEADLINE = 256, /* commits pass the instruction deadline */
    BREAK_BUS = 512,      /* bus writes do not queue T-bit hits */
    BREAK_ISYNC = 1024,   /* isync keeps predecoded bundles */
    BREAK_LATCH = 2048,   /* the committed-PC latch stands still */
    BREAK_GATE = 4096,    /* rollback does not drop gated stores */
    BREAK_RESTART = 8192, /* rfe goes on behind the bundle that trapped */
    LONG_WAYS =
        16384, /* nothing is broken: the engine's short ways are closed, and nothing may change */
    BREAK_MODE = 32768,   /* the JTLB does not compare the mode word */
    BREAK_RETIRED = 65536 /* commits retire one guest instruction, whatever they say */
};

/* A sum of the above. */
void vm_test_break(struct vm *vm, unsigned what);

#endif

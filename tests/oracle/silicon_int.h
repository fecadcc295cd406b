/* SPDX-License-Identifier: MIT */
/* Between silicon.c and silicon_world.c. */
#ifndef TESTS_ORACLE_SILICON_INT_H
#define TESTS_ORACLE_SILICON_INT_H

#include "tests/oracle/silicon.h"

#define HIDDEN __attribute__((visibility("hidden")))

/* What silicon_why says. */
extern const char *silicon_reason HIDDEN;

static inline int refuse(const char *reason)
{
    silicon_reason = reason;
    return -1;
}

/* The windows and the segments that a block sees; -1 if this host refuses them. */
int silicon_make_world(void) HIDDEN;
/* What the data window holds at first. */
extern uint8_t silicon_first[SILICON_DATA_SIZE] HIDDEN;

enum { CS32 = 0x23, CS64 = 0x33, DATA_FLAT = 0x2b };

/* What the assembly of silicon.c reads and writes, at the offsets that its assertions state. */
struct silicon_xfer {
    uint32_t in[8];
    uint64_t in_eflags;
    uint64_t host_rsp;
    uint32_t far_eip, far_cs;
    uint32_t data_seg, use_fx;
    uint32_t out[8];
    uint64_t out_eflags;
    uint32_t host_mxcsr, host_fcw;
    uint32_t gs;
    uint32_t has_fsbase; /* the instructions to read and write it */
    uint64_t fsbase;
    uint8_t fx_in[512] __attribute__((aligned(64)));
    uint8_t fx_out[512] __attribute__((aligned(64)));
};

extern struct silicon_xfer silicon_x HIDDEN;
extern const char silicon_exit64[] HIDDEN, silicon_exit_event[] HIDDEN;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A bare guest for tests: a machine, CMS on it, page tables that the test makes, and no operating
 * system. A test is a sequence of cases in one run: `next` sets up a case (registers, memory) and
 * the end of each (int 0x80, a fault, the instruction deadline) comes to `done`. What the test
 * writes between cases goes through the bus function, so that CMS learns of changed code as it
 * would from a device.
 */
#ifndef TESTS_ORACLE_BARE_H
#define TESTS_ORACLE_BARE_H

#include "morpher/hw.h"
#include "vliw-model/vm.h"

enum bare_end { BARE_SYSCALL, BARE_FAULT, BARE_DEADLINE };

struct bare_result {
    enum bare_end end;
    uint32_t gpr[8], eip, eflags;
    struct hc_fault fault;
    uint64_t retired; /* guest instructions since the case began */
};

struct bare {
    struct vm *vm;
    uint32_t cr3, next_frame;
    uint64_t retired_at_start;
    bool panic;
    bool ldt;             /* the segments of silicon_descriptor are there */
    uint32_t gs, gs_base; /* the one segment that is not flat, if gs is not 0 */
    void *ctx;
    bool (*next)(struct bare *b);                              /* false: no more cases */
    void (*done)(struct bare *b, const struct bare_result *r); /* results of the case just ended */
};

/* `told`, if not NULL, is what CMS is told of the machine; the hardware is always `m`. With cms.on
 * = model, bare_image follows. */
void bare_init(struct bare *b, const struct mdesc *m, const struct mdesc *told);
void bare_free(struct bare *b);
/* The image of CMS is in place: where it ends, from the start of concealed memory, and begins. */
void bare_image(struct bare *b, uint32_t end, uint32_t entry);
/* Runs all cases. */
enum vm_stop bare_run(struct bare *b);

/* Maps a linear page (creating its frame if it has none) with these PTE bits (1 present, 2 write, 4
 * user); 0: not there. */
void bare_page(struct bare *b, uint32_t la, uint32_t bits);
/* Maps a linear page to a given frame. */
void bare_page_at(struct bare *b, uint32_t la, uint32_t frame, uint32_t bits);
uint32_t bare_frame(struct bare *b, uint32_t la);
void bare_write(struct bare *b, uint32_t la, const void *src,
                uint32_t len); /* regardless of permissions */
void bare_read(struct bare *b, uint32_t la, void *dst, uint32_t len);
void bare_set(struct bare *b, const uint32_t gpr[8], uint32_t eip, uint32_t eflags);
/* The instruction deadline: n guest instructions from here. */
void bare_deadline(struct bare *b, uint64_t n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Random blocks that go several times round, under CMS on a bare machine and on the host's
 * processor from the same state: a case that a test has made in `run`, its way round, its end here
 * and there. What differs is the test's to judge.
 */
#ifndef TESTS_UNIT_ROUNDS_H
#define TESTS_UNIT_ROUNDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/oracle/bare.h"
#include "tests/oracle/gen.h"
#include "tests/oracle/maker.h"
#include "vliw-model/machine.h"

enum {
    CODE = SILICON_CODE,
    DATA = SILICON_DATA,
    SPAN = 0x2000, /* of data, two pages */
    ROUNDS = 5
};

static struct {
    struct gen g;
    uint32_t k, eip, len, bad, faults, otherwise; /* otherwise: by the host's maker */
    uint8_t code[512], data[SPAN];
    struct ia32_state in;
} run;

static inline uint32_t rnd(void)
{
    return gen_random(&run.g);
}

/* Behind a block at p: back to `again` while ECX lasts, then out. */
static inline void round_again(uint8_t *p, const uint8_t *again)
{
    *p++ = 0x49; /* dec ecx; jnz */
    *p++ = 0x0f;
    *p++ = 0x85;
    int32_t back = (int32_t)(again - (p + 4));
    memcpy(p, &back, 4);
    p += 4;
    run.len = (uint32_t)(p - run.code);
    *p++ = 0xcd;
    *p++ = 0x80;
}

/* A case whose code and data are made: where it stands, its registers; into the bare machine. */
static inline void round_begin(struct bare *b)
{
    run.eip = CODE + 0x100 + run.k % 32 * 0x200 + run.k % 5;
    memset(&run.in, 0, sizeof run.in);
    for (int i = 0; i < 8; i++)
        run.in.gpr[i] = rnd();
    run.in.gpr[IA32_EBX] = DATA;
    run.in.gpr[IA32_ECX] = ROUNDS;
    run.in.eip = run.eip;
    run.in.eflags = 2;
    bare_write(b, run.eip, run.code, run.len + 2);
    bare_write(b, DATA, run.data, SPAN);
}

/* Whether it ended as on the host, by a fault at the same place or at its end. */
static inline bool round_ended_alike(enum silicon_end end, const struct ia32_fault *f,
                                     const struct ia32_state *out, const struct bare_result *r)
{
    if (end != SILICON_FAULT)
        return end == SILICON_END && r->end == BARE_SYSCALL && r->eip == out->eip + 2;
    run.faults++;
    return r->end == BARE_FAULT && r->fault.vector == (uint32_t)f->vector &&
           r->fault.eip == out->eip;
}

static inline bool round_same_registers(const struct ia32_state *out, const struct bare_result *r)
{
    return !memcmp(r->gpr, out->gpr, sizeof r->gpr) && ((r->eflags ^ out->eflags) & F_ALL) == 0;
}

/* Something differs: is it known of the host's maker? */
static inline bool round_otherwise(enum silicon_end end, const struct ia32_fault *f,
                                   const struct ia32_state *out, const struct bare_result *r)
{
    const bool faulted = r->end == BARE_FAULT;
    const struct maker_case m = {
        .code = run.code,
        .len = run.len,
        .eip = run.eip,
        .host = {out->eip, end == SILICON_FAULT ? *f : (struct ia32_fault){-1, 0, 0}},
        .ours = {faulted ? r->fault.eip : r->eip,
                 {faulted ? (int)r->fault.vector : -1, r->fault.error, r->fault.addr}}};
    bool known = maker_excuse(&m) != MAKER_NONE;
    run.otherwise += known;
    return known;
}

/* A case that went wrong. */
static inline void round_print(const char *why, enum silicon_end end, const struct ia32_fault *f,
                               const struct ia32_state *out, const struct bare_result *r)
{
    print_error("case %u at %x: %shost end %d vector %d eip %x, ours end %d vector %u eip %x\n ",
                run.k, run.eip, why, (int)end, f->vector, out->eip, (int)r->end, r->fault.vector,
                r->end == BARE_FAULT ? r->fault.eip : r->eip);
    for (uint32_t i = 0; i < run.len; i++)
        print_error(" %02x", run.code[i]);
    print_error("\n");
}

/* Silicon, or the test is skipped. */
static inline void round_silicon(void)
{
    if (silicon_init()) {
        print_message("skipped: %s\n", silicon_why());
        skip();
    }
    silicon_use_fx(1);
    silicon_reset();
}

/* All cases, with the pages that they use; one behind the data is not there. */
static inline void round_run(struct bare *b, struct mdesc *m, bool (*next)(struct bare *),
                             void (*done)(struct bare *, const struct bare_result *))
{
    memset(b, 0, sizeof *b);
    bare_init(b, m, NULL);
    b->next = next;
    b->done = done;
    for (uint32_t page = 0; page < 8; page++)
        bare_page(b, CODE + page * 4096, 7);
    for (uint32_t page = 0; page < 3; page++)
        bare_page(b, DATA + page * 4096, 7);
    bare_page(b, SILICON_DATA_NONE - 4096, SILICON_DATA_NONE - 4096 == SILICON_DATA_RO ? 5 : 7);
    bare_run(b);
    assert_false(b->panic);
    silicon_use_fx(0);
    print_message("%u blocks, %u ended in a fault, %llu instructions from translations\n", run.k,
                  run.faults, (unsigned long long)vm_stats(b->vm)->retired_xlat);
}

#endif

/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_ENGINE_H
#define TESTS_ORACLE_ENGINE_H

/*
 * One test case and everyone who can run it: the host's processor, the interpreter over a
 * functional machine, CMS on a modelled machine. All start from the same registers and the same two
 * windows (silicon.h), the bytes of which are `oracle_base`, and tell what became of them in the
 * same words, so that results are compared field by field.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/oracle/gen.h"
#include "tests/oracle/silicon.h"
#include "vliw-model/mdesc.h"

enum { ORACLE_CODE_MAX = 20 * GEN_INSN_MAX, ORACLE_DIFFS = 1024 };

struct oracle_case {
    uint8_t code[ORACLE_CODE_MAX];
    uint32_t len;
    bool fx;              /* it uses x87, MMX or SSE: in.fx is given, and the result's compared */
    struct ia32_state in; /* in.eip: where the block stands */
    /* What every processor answers in its own way, and is not compared: registers, a mask, and
     * memory. */
    uint32_t own_registers, own_at, own_bytes;
};

struct oracle_result {
    enum silicon_end end; /* SILICON_HUNG: too long; SILICON_BAD: `why` says what is wrong */
    struct ia32_state st;
    struct ia32_fault f; /* vector -1 unless end is SILICON_FAULT; no instruction-fetch bit */
    bool fetch;          /* a page fault of a fetch from a page that may not be executed */
    /* Bytes of the windows that are not those of oracle_base any more, in order of address. */
    uint32_t ndiff;
    struct {
        uint32_t at;
        uint8_t byte;
    } diff[ORACLE_DIFFS];
    uint64_t retired, translated; /* guest instructions, and how many of them in translations */
    const char *why;
};

/* What the windows hold when a case starts. The code window is int3 but for the block, its tail
 * (the oracle's far jump back, which ends every block everywhere) and the page of the exit. */
struct oracle_base {
    uint8_t code[SILICON_CODE_SIZE], data[SILICON_DATA_SIZE];
};
extern struct oracle_base oracle_base;

/* Takes the windows over from silicon; 0, or -1 as silicon_init (then oracle_base is as it would
 * be). */
int oracle_init(void);
/* Whether the host keeps the pointer of the last x87 instruction when that raised nothing. */
bool oracle_keeps_fip(void);
/* Puts the block into oracle_base. Every engine's run does so first. */
void oracle_place(const struct oracle_case *c);
/* After a change of oracle_base.data (pages that silicon may not write stay as they are): every
 * engine takes it over. */
void oracle_silicon_data(void);
void oracle_silicon_run(const struct oracle_case *c, struct oracle_result *r);

/* The interpreter over the functional machine of fake_hw.h: `single`: by the generic handlers
 * alone. */
void functional_identify(uint32_t identity);
void functional_data(void);
void functional_run(const struct oracle_case *c, bool single, struct oracle_result *r);

/* What a case does, step by step, as the interpreter sees it. */
struct oracle_trace {
    uint32_t undefined; /* flags without a defined value at the end */
    uint32_t consumed;  /* offset of an instruction that used one, or whose result is undefined */
    uint32_t consumed_length; /* 0: there is none */
    bool partial;             /* ended in a fault that may leave things half done */
    bool pointers;            /* ended in a fault right behind a store of x87 pointers */
    /* The first instruction that completed whose result may be a little off (enum fx_inexact):
     * where, and whether it was the last one that did. */
    uint32_t inexact, inexact_length, inexact_kind; /* length 0: there is none */
    bool inexact_first;                             /* it came before `consumed` */
    bool inexact_last;
    bool pushes; /* a segment register */
    uint32_t nrows;
    uint16_t rows[256]; /* of the instructions that completed */
};
void functional_trace(const struct oracle_case *c, struct oracle_trace *t);

/* CMS on a machine; with m.cms_host as CMS_ON_MODEL, `cms` is its image. NULL and a reason in
 * `err`, if that cannot be. */
struct oracle_cms;
struct oracle_cms *oracle_cms_new(const struct mdesc *m, const char *cms, char *err, size_t size);
struct vm *oracle_cms_vm(struct oracle_cms *e);
/* Another GS than silicon's. */
void oracle_cms_gs(struct oracle_cms *e, uint32_t selector, uint32_t base);
void oracle_cms_free(struct oracle_cms *e);
void oracle_cms_data(struct oracle_cms *e);
void oracle_cms_run(struct oracle_cms *e, const struct oracle_case *c, struct oracle_result *r);

/* For engines: CS of a case, and EIP as an offset in it; and what a pair of them means. */
uint32_t oracle_code(const struct oracle_case *c);
uint32_t oracle_offset(const struct oracle_case *c, uint32_t linear);
uint32_t oracle_linear(uint32_t cs, uint32_t eip);
/* For engines: appends what differs between `now` and `base`, `size` bytes at `start`, whole pages;
 * `put_back` is called for every 8 bytes that do. */
void oracle_collect(struct oracle_result *r, uint32_t start, const uint8_t *now,
                    const uint8_t *base, uint32_t size, void (*put_back)(void *ctx, uint32_t at),
                    void *ctx);
/* An int3 of the window outside the block, or the far jump behind it, ends a case: from a fault as
 * reported, what it means. */
void oracle_fault(const struct oracle_case *c, struct oracle_result *r, uint32_t vector,
                  uint32_t error, uint32_t cr2);

#endif

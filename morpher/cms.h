/* SPDX-License-Identifier: MIT */
/*
 * Code-morphing software, the parts that run it: boot, dispatch, profile, chaining, recovery, the
 * page walker, self-modified code. docs/cms-tour.md walks through them along the life of one guest
 * instruction.
 *
 * Rules that all of these files keep:
 * - While C runs, G_EIP is exact and everything is committed, except inside the interpreter between
 * two commits.
 * - CMS enters C afresh at every rollback trap (cms_rollback); nothing on the stack survives, so
 * what must survive is in `cms` or in tables, and is written only when nothing can trap any more.
 * - The walker (cms_tlb_miss) interrupts any of this code at any guest access, translator included:
 * it reads page tables and writes nothing but A and D bits, the TLB and its own counter.
 */
#ifndef MORPHER_CMS_H
#define MORPHER_CMS_H

#include <stdbool.h>
#include <stdint.h>
#include "concealed-mem/layout.h"
#include "concealed-mem/map.h"
#include "concealed-mem/stats.h"
#include "concealed-mem/tcache.h"
#include "isa-frontend/interp.h"
#include "isa-frontend/mode.h"
#include "isa-frontend/segment.h"
#include "morpher/hw.h"
#include "morpher/xlat.h"

enum { CMS_SINGLES = 256 };

/* All variables of CMS but the translation cache's and the translator's own; cms_boot makes it
 * anew. */
struct cms_globals {
    const struct cm_boot *boot;
    struct cms_stats *stats;
    struct cm_layout layout;
    uint32_t concealed;   /* first physical address that is not the guest's */
    uint32_t hot;         /* cms.hot_threshold; 0: never translate */
    uint32_t chain;       /* cms.chain */
    uint32_t jtlb;        /* cms.jtlb */
    uint32_t large_pages; /* CR4.PSE */
    uint32_t *counters;   /* profile.c */
    /* What cms_guest_fault leaves for after its rollback. */
    uint32_t pending, pending_vector, pending_error;
    uint32_t last_retired, stuck; /* progress check of cms_rollback */
    /* profile.c: hints; stale or lost ones change speed, never results. Last, for short offsets. */
    uint32_t single[CMS_SINGLES];
};
extern struct cms_globals cms;

enum pending {
    PENDING_NONE,
    PENDING_FAULT,
    PENDING_TRAP, /* of what has been committed already: nothing may come between */
    PENDING_UNIMPLEMENTED
};

/* Codes of HC_PANIC. */
enum cms_panic {
    PANIC_BOOT = 1,    /* boot block or layout unusable */
    PANIC_TRAP,        /* a trap that nothing in CMS can have taken */
    PANIC_SIDE_TABLE,  /* a commit in no translation that is known */
    PANIC_NO_PROGRESS, /* rollbacks without end */
    PANIC_HOSTCALL     /* a host call answered what it cannot */
};
__attribute__((noreturn)) void cms_panic(enum cms_panic code);

/* boot.c, from _start. */
__attribute__((noreturn)) void cms_boot(void);

/* The two trap entries: rollback (recover.c, on the main stack) and restartable (walker.c, on the
 * second). */
__attribute__((noreturn)) void cms_rollback(void);
__attribute__((noreturn)) void cms_tlb_miss(void);

/* dispatch.c: goes on at G_EIP. How it may start: */
enum go {
    GO_ANY,       /* with a translation, if there is one */
    GO_INDIRECT,  /* likewise, and a look-up in the JTLB has failed before */
    GO_INTERPRET, /* interpreting, up to the end of the block: after a rollback */
    GO_ONE,       /* interpreting one instruction */
    GO_LEFT_OUT   /* interpreting the one instruction there, which translations leave out */
};
__attribute__((noreturn)) void cms_dispatch(enum go go);
/* The same at `eip`, which G_EIP holds, after a look-up in the JTLB has failed. */
__attribute__((noreturn)) void cms_dispatch_indirect(uint32_t eip);
/* After a host call: what its answer means for TLB and JTLB, and what it wrote to translated bytes.
 */
void cms_hostcall_done(uint32_t answer);

/* profile.c. True if the block at eip is worth a translation now. */
enum heat {
    HEAT_COLD,
    HEAT_HOT,
    HEAT_KNOWN /* a translation, or a reason why there is none, is on file */
};
enum heat profile_touch(uint32_t eip);
void profile_translated(uint32_t eip);
void profile_left_out(uint32_t eip);
bool profile_is_left_out(uint32_t eip);
void profile_warm(uint32_t eip);
void profile_cool(uint32_t eip);

/* chain.c. */
void chain_exit(uint32_t from, uint32_t k);
uint32_t chain_entry(uint32_t from, uint32_t to);

/* walker.c: walks the guest's page tables natively. */
enum walk {
    WALK_OK,
    WALK_ABSENT,   /* not present */
    WALK_DENIED,   /* present, no permission */
    WALK_CONCEALED /* a table or the page is no guest memory */
};
struct walked {
    uint32_t entry; /* for hw_tlbw */
    uint32_t frame;
};
/* As for an access ACC_* of a user; with `mark`, sets A and, for writes, D bits. */
enum walk walk_page(uint32_t addr, uint32_t access, bool mark, struct walked *out);

/* smc.c. */
void smc_store(uint32_t pa);
void smc_drain(void);

/* deliver.c. Tells the platform of a fault at G_EIP. */
void deliver_fault(uint32_t vector, uint32_t error, uint32_t addr);
void deliver_unimplemented(void);

#endif

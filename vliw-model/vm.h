/* SPDX-License-Identifier: MIT */
/*
 * The modelled machine as its users (cli, guest platform, host-compiled CMS, tests) see it. Hosted
 * C.
 *
 * `struct vm_state` is all architectural and micro-architectural state as plain data without host
 * pointers: with the memory image it is a complete snapshot. `struct vm` adds what is derived
 * (predecoded bundles, fast tables). Physical memory is one array: guest frames from 0, concealed
 * memory at the top.
 */
#ifndef VLIW_MODEL_VM_H
#define VLIW_MODEL_VM_H

#include <stddef.h>
#include "vliw-model/mdesc.h"
#include "vliw-model/stats.h"

struct vm;

enum vm_stop {
    VM_HALT,   /* halt op; status in vm_halt_status */
    VM_CYCLES, /* the cycle limit of vm_run was reached */
    VM_STOP,   /* a host call asked for it (vm_request_stop) */
    VM_DEFECT, /* the machine found itself inconsistent: a trap while VEC_ROLLBACK is 0, ...;
                  vm_defect says what */
    VM_TRAPPED /* only with cms.on = host: a trap happened; its record is in the special registers.
                  A restartable one has changed the register bank; serve it by vm_exec1, rfe or
                  raise last, and run on */
};

/* What the platform offers to the machine. All hooks may be NULL. */
struct vm_platform {
    void *ctx;
    uint32_t (*hostcall)(void *ctx, uint32_t service, uint32_t arg);
    uint32_t (*port_in)(void *ctx, uint32_t port, uint32_t size);
    void (*port_out)(void *ctx, uint32_t port, uint32_t size, uint32_t value);
};

/* Allocates a machine: guest.ram_mb + concealed.mb of zeroed, lazily touched memory. NULL if memory
 * is lacking. */
struct vm *vm_new(const struct mdesc *m, const struct vm_platform *p);
void vm_free(struct vm *vm);
const struct mdesc *vm_mdesc(const struct vm *vm);

/* Runs from the current PC until something stops it. Deterministic. */
enum vm_stop vm_run(struct vm *vm, uint64_t cycle_limit);
void vm_set_pc(struct vm *vm, uint32_t pc); /* a halted machine runs again from there */
uint32_t vm_pc(const struct vm *vm);
uint32_t vm_halt_status(const struct vm *vm);
const char *vm_defect(const struct vm *vm);
void vm_request_stop(struct vm *vm);

/* Registers, working copies (the platform uses them only in host calls, when working = shadow).
 * vm_set_* writes both. */
uint32_t vm_reg(const struct vm *vm, unsigned r);
void vm_set_reg(struct vm *vm, unsigned r, uint32_t v);
uint32_t vm_shadow_reg(const struct vm *vm, unsigned r);
uint32_t vm_cc(const struct vm *vm);
void vm_set_cc(struct vm *vm, uint32_t cc);
uint32_t vm_special(const struct vm *vm, enum special s);
/* Everything that has a shadow and is not the machine's own, at once: what a platform saves and
 * loads to go on with another guest, or to change more than a few registers. Only in host calls and
 * before a run. */
struct vm_context {
    uint32_t r[NGPR - GUEST_REG0]; /* r32.. */
    uint32_t cc, mode, align_check;
    uint32_t fpsr[NFPSR]; /* special registers FCW .. MXCSR */
    uint8_t wide[NWIDE][16];
};
void vm_get_context(const struct vm *vm, struct vm_context *c);
void vm_set_context(struct vm *vm, const struct vm_context *c);
/* The instruction deadline as a value of vm_retired; UINT64_MAX: none. */
void vm_set_deadline(struct vm *vm, uint64_t retired);
uint64_t vm_cycles(const struct vm *vm);
uint64_t vm_retired(const struct vm *vm);
/* The guest-visible clock (guest.clock), in its own units, and the same in nanoseconds. */
uint64_t vm_clock(const struct vm *vm);
uint64_t vm_clock_ns(const struct vm *vm);

/* Memory. vm_mem gives the bytes themselves, for loading images and for inspection: no side
 * effects, no timing. */
uint8_t *vm_mem(struct vm *vm, uint32_t pa, uint32_t len); /* NULL if outside */
uint32_t vm_mem_size(const struct vm *vm);
uint32_t vm_concealed_base(const struct vm *vm);
/*
 * The single bus function for writes to guest frames that are not the guest's own (host call
 * buffers, DMA): T-bit hits are queued for CMS. Returns false, with nothing written, if any byte
 * lies in concealed memory or outside.
 */
bool vm_bus_write(struct vm *vm, uint32_t pa, const void *src, uint32_t len);
bool vm_bus_read(struct vm *vm, uint32_t pa, void *dst, uint32_t len);
/* As bus read/write, but the words pass through the caches and are charged (system-call buffers).
 */
void vm_bus_touch(struct vm *vm, uint32_t pa, uint32_t len, bool write);

/* The phase that costs are booked to, for host-CMS mode and tests. */
void vm_set_phase(struct vm *vm, enum phase p);

/* Statistics: the model's counters (stats.h), brought up to date by the call. */
const struct vm_stats *vm_stats(struct vm *vm);
void vm_stats_reset(struct vm *vm);

/*
 * Host-CMS mode and tests: executes one linear op as a bundle of its own, without fetch,
 * functionally and with its data-side timing; `commit` as the bundle's commit bit would. Returns
 * T_NONE or the trap taken (after a rollback trap the machine has been rolled back and the trap
 * record set; a restartable trap is reported with no effect of the op: whoever serves it ends with
 * rfe or raise by vm_exec1, as a handler would, and executes the op again).
 */
enum trap_code vm_exec1(struct vm *vm, const struct vop *op, bool commit, uint32_t retired);

/* Snapshot: a header, vm_state, touched memory pages. 0 or -1. */
int vm_save(const struct vm *vm, const char *path);
int vm_load(struct vm *vm, const char *path);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A bare machine for tests of the engine: eight slots that take any op, code at the start of
 * concealed memory, and a few words to write bundles with. Vectors point at halts: 1 for a rollback
 * trap, 2 for a restartable one.
 */
#ifndef TESTS_UNIT_VMKIT_H
#define TESTS_UNIT_VMKIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "vliw-model/machine.h"
#include "vliw-model/test_break.h"
#include "vliw-model/vm.h"

enum { KIT_HALT_ROLLBACK = 1, KIT_HALT_RESTART = 2 };

struct kit {
    struct vm *vm;
    uint32_t base, pc; /* of code */
};

#define KIT_ANY "alu+shift+mul+mem+br+fp"

/* Options as "key=value", ended by NULL. */
static inline struct vm *kit_vm(const struct vm_platform *p, va_list ap)
{
    struct mdesc m;
    char err[200];
    const char *opt;
    machine_default(&m);
    if (machine_set(&m,
                    "bundle.formats=" KIT_ANY "." KIT_ANY "." KIT_ANY "." KIT_ANY "." KIT_ANY
                    "." KIT_ANY "." KIT_ANY "." KIT_ANY ".imm.imm.imm.imm.imm.imm.imm.imm",
                    err, sizeof err) ||
        machine_set(&m, "bundle.width=8", err, sizeof err) ||
        machine_set(&m, "guest.ram_mb=16", err, sizeof err))
        fail_msg("%s", err);
    while ((opt = va_arg(ap, const char *)) != NULL)
        if (machine_set(&m, opt, err, sizeof err))
            fail_msg("%s", err);
    struct vm *vm = vm_new(&m, p);
    assert_non_null(vm);
    return vm;
}

/* Encodes a bundle at the kit's pc. Returns its address. */
static inline uint32_t kit_bundle(struct kit *k, const struct vop *ops, unsigned n, bool commit,
                                  unsigned retired)
{
    struct bundle b = {.nops = (uint8_t)n, .commit = commit, .retired = (uint16_t)retired};
    uint32_t w[MAX_BUNDLE_WORDS], at = k->pc;
    memcpy(b.op, ops, n * sizeof *ops);
    uint32_t words = bundle_encode(&b, at, w);
    if (!words)
        fail_msg("a bundle cannot be encoded");
    memcpy(vm_mem(k->vm, at, 4 * words), w, 4 * words);
    k->pc += 4 * words;
    return at;
}

#define OP_R(opc_, rd_, ra_, rb_)                                                                  \
    {                                                                                              \
        .opc = OP_##opc_, .rd = (rd_), .ra = (ra_), .rb = (rb_), .bmode = B_REG                    \
    }
#define OP_I(opc_, rd_, ra_, imm_)                                                                 \
    {                                                                                              \
        .opc = OP_##opc_, .rd = (rd_), .ra = (ra_), .bmode = B_LONG, .imm = (int32_t)(imm_)        \
    }
#define OP_C(opc_, rd_, ra_, cond_)                                                                \
    {                                                                                              \
        .opc = OP_##opc_, .rd = (rd_), .ra = (ra_), .bmode = B_SHORT, .imm = (cond_)               \
    }
#define OP_MOVI(rd_, imm_)         OP_I(MOV, rd_, 0, imm_)
#define OP_TGT(opc_, rd_, ra_, to) OP_I(opc_, rd_, ra_, to)
#define OP_HALT_(n)                                                                                \
    {                                                                                              \
        .opc = OP_HALT, .bmode = B_SHORT, .imm = (n)                                               \
    }
#define BUNDLE_(k, commit, retired, ...)                                                           \
    kit_bundle((k), (struct vop[]){__VA_ARGS__},                                                   \
               sizeof((struct vop[]){__VA_ARGS__}) / sizeof(struct vop), commit, retired)
#define BUNDLE(k, ...)    BUNDLE_(k, false, 0, __VA_ARGS__)
#define COMMIT(k, n, ...) BUNDLE_(k, true, n, __VA_ARGS__)
#define HALT(k)           BUNDLE(k, OP_HALT_(0))

static inline void kit_mts(struct kit *k, enum special s, uint32_t v)
{
    struct vop set = OP_MOVI(3, v), mts = OP_I(MTS, 0, 3, s);
    uint32_t keep = vm_reg(k->vm, 3);
    assert_int_equal(vm_exec1(k->vm, &set, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k->vm, &mts, false, 0), T_NONE);
    vm_set_reg(k->vm, 3, keep);
}

static inline void kit_tlb(struct kit *k, uint32_t la, uint32_t word)
{
    struct vop set = OP_MOVI(3, la), w = OP_I(TLBW, 0, 3, word);
    uint32_t keep = vm_reg(k->vm, 3);
    assert_int_equal(vm_exec1(k->vm, &set, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k->vm, &w, false, 0), T_NONE);
    vm_set_reg(k->vm, 3, keep);
}

enum { KIT_RWX = TLB_V | TLB_R | TLB_W | TLB_X | TLB_DIRTY };

static inline void kit_exec(struct kit *k, enum op_code opc, uint32_t a, uint32_t b)
{
    struct vop set = OP_MOVI(3, a),
               op = {.opc = (uint8_t)opc, .ra = 3, .bmode = B_LONG, .imm = (int32_t)b};
    uint32_t keep = vm_reg(k->vm, 3);
    assert_int_equal(vm_exec1(k->vm, &set, false, 0), T_NONE);
    assert_int_equal(vm_exec1(k->vm, &op, false, 0), T_NONE);
    vm_set_reg(k->vm, 3, keep);
}

static inline struct kit kit_new_p(const struct vm_platform *p, ...)
{
    struct kit k;
    va_list ap;
    va_start(ap, p);
    k.vm = kit_vm(p, ap);
    va_end(ap);
    k.base = vm_concealed_base(k.vm);
    k.pc = k.base + 0x4000;
    uint32_t roll = BUNDLE(&k, OP_HALT_(KIT_HALT_ROLLBACK));
    uint32_t restart = BUNDLE(&k, OP_HALT_(KIT_HALT_RESTART));
    vm_set_pc(k.vm, k.base);
    kit_mts(&k, SR_VEC_ROLLBACK, roll);
    kit_mts(&k, SR_VEC_RESTART, restart);
    k.pc = k.base;
    return k;
}
#define KIT(...) kit_new_p(NULL, ##__VA_ARGS__, (const char *)NULL)

static inline void kit_free(struct kit *k)
{
    vm_free(k->vm);
}

/* Runs from `pc` until a halt; returns its status. */
static inline uint32_t kit_run(struct kit *k, uint32_t pc)
{
    vm_set_pc(k->vm, pc);
    enum vm_stop why = vm_run(k->vm, vm_cycles(k->vm) + 10000000);
    if (why != VM_HALT)
        fail_msg("stopped with %d%s%s, trap %u at %x", why, vm_defect(k->vm) ? ": " : "",
                 vm_defect(k->vm) ? vm_defect(k->vm) : "", vm_special(k->vm, SR_TRAP_CODE),
                 vm_special(k->vm, SR_TRAP_PC));
    return vm_halt_status(k->vm);
}

static inline uint32_t kit_word(struct kit *k, uint32_t pa)
{
    uint32_t v;
    memcpy(&v, vm_mem(k->vm, pa, 4), 4);
    return v;
}

static inline void kit_set_word(struct kit *k, uint32_t pa, uint32_t v)
{
    memcpy(vm_mem(k->vm, pa, 4), &v, 4);
}

/* Every cycle is in exactly one phase and cause. */
static inline void kit_check_cycles(struct kit *k)
{
    const struct vm_stats *s = vm_stats(k->vm);
    uint64_t sum = 0;
    for (int p = 0; p < PH_COUNT_; p++)
        for (int c = 0; c < CA_COUNT_; c++)
            sum += s->phase_cause[p][c];
    assert_int_equal(sum, s->cycles);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * How fast the reference engine is: bundles a second of processor time, on loops of mixed bundles.
 *
 *   cc -O2 -I. -o /tmp/bench tests/bench_engine.c build/libchrysalis.a && /tmp/bench
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "vliw-model/machine.h"
#include "vliw-model/vm.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct vm *vm;
static uint32_t pc, base;

static void put(const struct bundle *in)
{
    struct bundle b;
    bool fits = mdesc_pack(vm_mdesc(vm), in->op, in->nops, &b);
    b.commit = in->commit;
    b.retired = in->retired;
    uint32_t w[MAX_BUNDLE_WORDS], n = bundle_encode(&b, pc, w);
    if (!fits || !n) {
        printf("cannot encode\n");
        _Exit(1);
    }
    memcpy(vm_mem(vm, pc, 4 * n), w, 4 * n);
    pc += 4 * n;
}

#define R(opc_, rd_, ra_, rb_)                                                                     \
    {                                                                                              \
        .opc = OP_##opc_, .rd = rd_, .ra = ra_, .rb = rb_, .bmode = B_REG                          \
    }
#define I(opc_, rd_, ra_, imm_)                                                                    \
    {                                                                                              \
        .opc = OP_##opc_, .rd = rd_, .ra = ra_, .bmode = B_SHORT, .imm = imm_                      \
    }
#define L(opc_, rd_, ra_, imm_)                                                                    \
    {                                                                                              \
        .opc = OP_##opc_, .rd = rd_, .ra = ra_, .bmode = B_LONG, .imm = imm_                       \
    }
#define BUNDLE(...)                                                                                \
    do {                                                                                           \
        struct vop ops_[] = {__VA_ARGS__};                                                         \
        struct bundle b_ = {.nops = sizeof ops_ / sizeof *ops_};                                   \
        memcpy(b_.op, ops_, sizeof ops_);                                                          \
        put(&b_);                                                                                  \
    } while (0)
#define COMMIT(n, ...)                                                                             \
    do {                                                                                           \
        struct vop ops_[] = {__VA_ARGS__};                                                         \
        struct bundle b_ = {.nops = sizeof ops_ / sizeof *ops_, .commit = true, .retired = n};     \
        memcpy(b_.op, ops_, sizeof ops_);                                                          \
        put(&b_);                                                                                  \
    } while (0)

/* As a translation would look: guest loads and stores, flags, a commit every few bundles. */
static void translated(void)
{
    BUNDLE(L(MOV, 5, 0, 0x10000), I(MOV, 6, 0, 0x71));
    BUNDLE(R(TLBW, 0, 5, 5), );
    BUNDLE(L(TLBW, 0, 5, 0x1001f), );
    BUNDLE(R(MOV, 38, 0, 5), L(MOV, 33, 0, 100000000));
    uint32_t top = pc;
    BUNDLE(I(GLD32, 48, 38, 0), I(ADD, 32, 32, 4), R(XOR, 34, 34, 35));
    BUNDLE(I(GLD32, 49, 38, 8), R(ADD, 35, 35, 32));
    BUNDLE(I(SLL, 36, 32, 3), I(SUB, 37, 32, 1));
    BUNDLE(R(ADDF32, 39, 48, 36), R(AND, 50, 34, 32));
    BUNDLE(I(GST32, 39, 38, 16), R(XOR, 51, 49, 35));
    BUNDLE(R(ADD, 34, 50, 51), I(ROR, 35, 35, 7));
    COMMIT(4, I(GST32, 34, 38, 24), I(SRL, 52, 34, 5));
    BUNDLE(R(OR, 53, 52, 35), I(GLD32, 54, 38, 32));
    BUNDLE(I(SUBF32, 33, 33, 1), R(AND, 55, 53, 32));
    BUNDLE(I(AND, 32, 32, 127), R(ADD, 36, 36, 55));
    COMMIT(4, {.opc = OP_BRCC, .rd = CC_NE, .bmode = B_LONG, .imm = (int32_t)top});
    BUNDLE({.opc = OP_HALT, .bmode = B_SHORT, .imm = 0});
}

/* As compiled C would look: native loads and stores, calls and returns, branches on registers. */
static void compiled(void)
{
    uint32_t data = base + 0x100000;
    BUNDLE(L(MOV, 8, 0, (int32_t)data), L(MOV, 9, 0, 100000000));
    uint32_t top = pc;
    BUNDLE(I(LW, 10, 8, 0), I(ADD, 11, 11, 1));
    BUNDLE(I(LBU, 12, 8, 9), R(ADD, 13, 13, 11));
    uint32_t call = pc;
    struct bundle jal = {.nops = 1};
    jal.op[0] = (struct vop){.opc = OP_JAL, .rd = 1, .bmode = B_LONG};
    put(&jal);
    BUNDLE(I(SW, 10, 8, 16), I(SLTU, 14, 10, 5));
    BUNDLE(I(ADD, 9, 9, -1), R(ADD, 15, 15, 14));
    BUNDLE({.opc = OP_BNE, .rd = 9, .ra = 0, .bmode = B_LONG, .imm = (int32_t)top});
    BUNDLE({.opc = OP_HALT, .bmode = B_SHORT, .imm = 0});
    uint32_t fn = pc;
    BUNDLE(I(AND, 10, 10, 63), I(SLL, 16, 12, 2));
    BUNDLE({.opc = OP_BEQ, .rd = 10, .ra = 16, .bmode = B_LONG, .imm = (int32_t)top});
    BUNDLE(R(ADD, 10, 10, 11), I(SRL, 12, 12, 1));
    BUNDLE({.opc = OP_JALR, .rd = 0, .ra = 1, .bmode = B_SHORT, .imm = 0});
    uint32_t end = pc;
    pc = call;
    jal.op[0].imm = (int32_t)fn;
    put(&jal);
    pc = end;
}

static void run(const char *what, void (*make)(void), const char *stall)
{
    struct mdesc m;
    char err[200];
    machine_default(&m);
    machine_set(&m, stall, err, sizeof err);
    vm = vm_new(&m, NULL);
    base = pc = vm_concealed_base(vm);
    make();
    vm_set_pc(vm, base);
    double t = now();
    enum vm_stop why = vm_run(vm, 150000000);
    t = now() - t;
    const struct vm_stats *s = vm_stats(vm);
    printf("%-12s %-15s stop %d  %6.1f M bundles/s  %6.1f M ops/s  %.2f cycles/bundle\n", what,
           stall, why, (double)s->bundles / t / 1e6, (double)s->ops / t / 1e6,
           (double)s->cycles / (double)s->bundles);
    if (why == VM_DEFECT)
        printf("    %s; trap %u pc %x addr %x info %x\n", vm_defect(vm),
               vm_special(vm, SR_TRAP_CODE), vm_special(vm, SR_TRAP_PC),
               vm_special(vm, SR_TRAP_ADDR), vm_special(vm, SR_TRAP_INFO));
    vm_free(vm);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        const char *stall = i ? "mem.stall=use" : "mem.stall=miss";
        run("translated", translated, stall);
        run("compiled", compiled, stall);
    }
    return 0;
}

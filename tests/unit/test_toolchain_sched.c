/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: what must keep its order does, on every machine file and with every capability
 * taken away; what may move does; random code leaves the same state as the same ops one by one.
 */
#include "tests/unit/linked.h"

/* Bundle of the first op of this name that writes or names `reg` as rd (any if 99); -1 if there is
 * none. */
static int where(const char *name, unsigned reg)
{
    for (uint32_t i = 0; i < prog.n; i++) {
        if (strcmp(name, "commit") == 0 && prog.b[i].commit)
            return (int)i;
        for (unsigned k = 0; k < prog.b[i].nops; k++)
            if (strcmp(op_table[prog.b[i].op[k].opc].name, name) == 0 &&
                (reg == 99 || prog.b[i].op[k].rd == reg))
                return (int)i;
    }
    return -1;
}

enum { ANY = 99 };

/* The second op is at least `apart` bundles behind the first. */
static const struct {
    const char *text, *first;
    unsigned rd1;
    const char *second;
    unsigned rd2;
    int apart;
} orders[] = {
    {"sw a0, 0(a1)\ngld32 a2, 0(a3)", "sw", ANY, "gld32", ANY, 1},
    {"gld32 a2, 0(a3)\nsw a0, 0(a1)", "gld32", ANY, "sw", ANY, 0},
    {"sw a0, 0(a1)\nudivq a2, a3, a4", "sw", ANY, "udivq", ANY, 1},
    {"sw a0, 0(a1)\nprober a2, a3, 4", "sw", ANY, "prober", ANY, 1},
    {"gld32 a2, 0(a3)\ngld8 a4, 0(a5)", "gld32", ANY, "gld8", ANY, 1},
    {"gst32 a2, 0(a3)\ngld8 a4, 0(a5)", "gst32", ANY, "gld8", ANY, 1},
    {"gld8 a4, 0(a5)\ngst32 a2, 0(a3)", "gld8", ANY, "gst32", ANY, 1},
    {"gst8 a4, 0(a5)\ngst32 a2, 0(a3)", "gst8", ANY, "gst32", ANY, 1},
    {"udivr a4, a5, a6\ngst32 a2, 0(a3)", "udivr", ANY, "gst32", ANY, 1},
    {"gld8 a4, 0(a5)\ntrapif e, 3", "gld8", ANY, "trapif", ANY, 1},
    {"sw a0, 0(a1)\nlw a2, 0(a3)", "sw", ANY, "lw", ANY, 1},
    {"sw a0, 2(a1)\nlh a2, 4(a1)", "sw", ANY, "lh", ANY, 1},
    {"lw a2, 0(a3)\nsb a0, 0(a1)", "lw", ANY, "sb", ANY, 1},
    {"sb a2, 0(a3)\nsw a0, 0(a1)", "sb", ANY, "sw", ANY, 1},
    {"addf32 a0, a1, a2\nsetcc a3, 4", "addf32", ANY, "setcc", ANY, 1},
    {"setcc a3, 4\naddf32 a0, a1, a2", "setcc", ANY, "addf32", ANY, 0},
    {"addf32 a0, a1, a2\nsubf32 a3, a4, a5", "addf32", ANY, "subf32", ANY, 1},
    {"addf32 a0, a1, a2\nincf32 a3, a4", "addf32", ANY, "incf32", ANY, 1},
    {"mov r40, a0\nhostcall a1, a2, 3", "mov", 40, "hostcall", ANY, 1},
    {"hostcall a1, a2, 3\nmov a5, r40", "hostcall", ANY, "mov", 15, 1},
    {"sw a0, 0(a1)\nphase 3", "sw", ANY, "phase", ANY, 1},
    {"phase 3\nlw a0, 0(a1)", "phase", ANY, "lw", ANY, 1},
    {"tlbw a0, a1\ngld32 a2, 0(a3)", "tlbw", ANY, "gld32", ANY, 1},
    {"mfs a0, 3\nmfs a1, 3", "mfs", 10, "mfs", 11, 1},
    {"sw a0, 0(a1)\nexit 3", "sw", ANY, "exit", ANY, 1},
    {"sw a0, 0(a1)\nraise a2, a3", "sw", ANY, "raise", ANY, 1},
    {"sw a0, 0(a1)\njr a2", "sw", ANY, "jalr", ANY, 0},
    {"gst32 a0, 0(a1)\ncommit 1\nmov a5, 9", "gst32", ANY, "commit", ANY, 0},
    {"gst32 a0, 0(a1)\ncommit 1\nmov a5, 9", "commit", ANY, "mov", 15, 1},
    {"mov r40, a0\ncommit 1\njr a2", "mov", 40, "commit", ANY, 0},
    {"mov r40, a0\ncommit 1\njr a2", "commit", ANY, "jalr", ANY, 0},
    {"bnez a0, 0x40\ncommit 1\nbeqz a1, 0x80", "bnz", ANY, "commit", ANY, 1},
    {"bnez a0, 0x40\ncommit 1\nbeqz a1, 0x80", "commit", ANY, "bz", ANY, 0},
    {"commit 1\njalr ra, 0(a2)", "commit", ANY, "jalr", ANY, 1},
    {"commit 1\nexit 3", "commit", ANY, "exit", ANY, 1},
    {"bnez a0, 0x40\nsw a0, 0(a1)", "bnz", ANY, "sw", ANY, 1},
    {"bnez a0, 0x40\ngld32 a2, 0(a1)", "bnz", ANY, "gld32", ANY, 1},
    {"bnez a0, 0x40\nlw a2, 0(a1)", "bnz", ANY, "lw", ANY, 1},
    {"bnez a0, 0x40\nmov r40, a1", "bnz", ANY, "mov", 40, 1},
    {"bnez a0, 0x40\naddf32 a2, a2, a2", "bnz", ANY, "addf32", ANY, 1},
    {"bnez a0, 0x40\nbeqz a2, 0x80", "bnz", ANY, "bz", ANY, 1},
    {"mov a5, 9\nbnez a0, 0x40\nmov a5, 8", "mov", 15, "bnz", ANY, 0},
    {"sw a2, 0(a3)\nbnez a0, 0x40\nnop", "sw", ANY, "bnz", ANY, 0},
    {"bnez a0, 1f\nlw a2, 0(a1)\nhalt a2\n1: li a2, 3\nhalt a2", "bnz", ANY, "lw", ANY, 1},
    {"bnez a0, 1f\ndiv a2, a1, a3\nhalt a2\n1: li a2, 3\nhalt a2", "bnz", ANY, "div", ANY, 1},
    {"x: bnez a0, x\nmov a0, 7\nhalt a0", "bnz", ANY, "mov", 10, 1},
    {"commit 1\nsw a0, 0(a1)", "commit", ANY, "sw", ANY, 1},
    {"mov a5, 9\ncommit 2\ncommit 3", "mov", 15, "commit", ANY, 0},
    {"hostcall a1, a2, 3\ncommit 1", "hostcall", ANY, "commit", ANY, 1},
    {"xchk a0, 5\nsw a0, 0(a1)", "xchk", ANY, "sw", ANY, 0},
    {"sw a0, 0(a1)\nxchk a0, 5", "sw", ANY, "xchk", ANY, 1},
    {"count a0, 0(a1)\nlw a2, 0(a3)", "count", ANY, "lw", ANY, 1},
    {"gput a0, 5\nmov a5, r33", "gput", ANY, "mov", 15, 1},
    {"mov r33, a5\ngget a0, a1", "mov", 33, "gget", ANY, 1},
};

static void test_order(void **state)
{
    (void)state;
    for (unsigned v = 0; v < VARIANTS; v++)
        for (unsigned i = 0; i < sizeof orders / sizeof *orders; i++) {
            make(&machine[v], orders[i].text);
            int a = where(orders[i].first, orders[i].rd1),
                b = where(orders[i].second, orders[i].rd2);
            if (a < 0 || b < 0 || b - a < orders[i].apart)
                fail_msg("variant %u: %s: bundles %d and %d", v, orders[i].text, a, b);
            drop();
        }
}

/* What may move, does: or the schedules would be right and slow. */
static void test_freedom(void **state)
{
    (void)state;
    static const char *const loads_first[] = {
        "sw a0, 0(sp)\nlw a1, 4(sp)\nadd a2, a1, a1",
        "sw a0, 0(sp)\nlw a1, g\nadd a2, a1, a1\n.bss\ng: .zero 4",
        "sw a0, g\nlw a1, h\nadd a2, a1, a1\n.bss\ng: .zero 4\nh: .zero 4",
        "add a3, a4, 8\nsw a0, 0(a3)\nlw a1, 0(a4)\nadd a2, a1, a1",
    };
    for (unsigned i = 0; i < sizeof loads_first / sizeof *loads_first; i++) {
        make(&machine[2], loads_first[i]);
        if (where("lw", ANY) > where("sw", ANY))
            fail_msg("%s: the load waits", loads_first[i]);
        drop();
    }
    make(&machine[0], "lw a0, 0(a1)\nadd a2, a3, a4\njr a5");
    assert_int_equal(prog.n, 1);
    drop();
    /* Four ops, one bundle. */
    make(&machine[2], "lw a0, 0(a1)\nadd a2, a3, a4\nsub a3, a4, a6\njr a5");
    assert_int_equal(prog.n, 1);
    drop();
    /* An address that a register holds already costs nothing on a machine without displacements. */
    make(&machine[0], "add a0, sp, 8\nlw a1, 8(sp)\nsw a2, 8(sp)");
    assert_int_equal(prog.im.ops, 3);
    drop();
    make(&machine[0], "slli a0, a0, 16\nsrli a0, a0, 16\nslli a1, a2, 24\nsrai a1, a1, 24\n"
                      "andi a3, a3, 255\nli a4, 98304\naddi a4, a4, 1696");
    assert_int_equal(prog.im.ops, 4);
    assert_true(where("zext16", 10) >= 0 && where("sext8", 11) >= 0 && where("zext8", 13) >= 0);
    assert_true(where("mov", 14) >= 0);
    drop();
    /* Above a branch whose other way does not want the result: a load from the stack, and what it
     * feeds. */
    make(&machine[2],
         "bnez a0, 1f\nlw a2, 0(sp)\nadd a3, a2, a2\nhalt a3\n1: li a2, 3\nli a3, 4\nhalt a2");
    assert_true(where("lw", ANY) <= where("bnz", ANY));
    drop();
    /* A constant made for one op; a table. */
    make(&machine[0],
         "li a5, 65535\nand a0, a0, a5\nli a5, 0x12345678\nxor a1, a1, a5\nla a5, t\n"
         "add a5, a5, a2\nlw a5, 0(a5)\njr a5\n1: halt a0\n.section .rodata\nt: .word 1b");
    assert_int_equal(prog.im.ops, 6);
    assert_true(where("zext16", 10) >= 0);
    drop();
    /* The load between must not be lost, nor the shifted value that is wanted itself. */
    make(&machine[0],
         "slli a0, a0, 16\nsw a0, 0(a1)\nsrli a0, a0, 16\nslli a2, a3, 24\nsrai a4, a2, 24");
    assert_int_equal(prog.im.ops, 5);
    drop();
}

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

/* r8 and r9 point into the same area, r10 to r12 are made from them; nothing else writes these
 * five. */
static struct vop random_op(void)
{
    static const uint8_t mem[] = {OP_LB, OP_LBU, OP_LH, OP_LHU, OP_LW, OP_SB, OP_SH, OP_SW};
    struct vop o = {0};
    uint32_t kind = rnd(8);
    if (kind == 0) {
        o = (struct vop){OP_ADD,  (uint8_t)(10 + rnd(3)), (uint8_t)(8 + rnd(5)), 0,
                         B_SHORT, (int32_t)rnd(9) - 4};
        return o;
    }
    if (kind < 4) {
        o.opc = mem[rnd(sizeof mem)];
        o.rd = (uint8_t)(rnd(4) ? 13 + rnd(8) : 0);
        o.ra = (uint8_t)(8 + rnd(5));
        o.bmode = B_SHORT;
        o.imm = rnd(3) ? (int32_t)rnd(16) : 0;
        if (rnd(20) == 0)
            o.bmode = B_LONG, o.imm = 200 + (int32_t)rnd(16);
        return o;
    }
    do {
        o.opc = (uint8_t)rnd(OP_COUNT_);
        if (rnd(2))
            o.opc = (uint8_t)(OP_MOV + rnd(OP_SLTU - OP_MOV + 1));
    } while (op_table[o.opc].order != ORD_FREE || o.opc == OP_NOP);
    unsigned f = op_table[o.opc].format;
    /* Few registers, so that ops depend on one another; now and then any. */
    o.rd = (uint8_t)(rnd(8) ? 13 + rnd(8) : rnd(4) ? 32 + rnd(32) : 0);
    o.ra = (uint8_t)(rnd(8) ? 13 + rnd(8) : 32 + rnd(32));
    if (f == FMT_RC || f == FMT_RRC) {
        o.bmode = B_SHORT;
        o.imm = (int32_t)rnd(16);
    } else if (f != FMT_RR && f != FMT_RRX) {
        o.bmode = (uint8_t)rnd(3);
        if (o.bmode == B_REG)
            o.rb = (uint8_t)(rnd(8) ? 13 + rnd(8) : rnd(2) ? 32 + rnd(32) : 0);
        else
            o.imm = o.bmode == B_SHORT ? (int32_t)(rnd(4) ? rnd(40) : rnd(256)) - (rnd(2) ? 0 : 128)
                                       : (int32_t)(rnd(65536) * 65537 + rnd(3));
        if (o.bmode == B_SHORT && o.imm > 127)
            o.imm = 16 + 8 * (int32_t)rnd(2);
        if ((o.opc == OP_SLL || o.opc == OP_SRL || o.opc == OP_SRA) && rnd(2))
            o.bmode = B_SHORT, o.imm = 16 + 8 * (int32_t)rnd(2), o.rb = 0;
    }
    if (f == FMT_AB)
        o.rd = 0;
    return o;
}

enum { AREA = CM_IMAGE + 0x100000, AREA_SIZE = 4096 };

static void fill(struct vm *vm)
{
    uint32_t area = vm_concealed_base(vm) + AREA;
    seed = 99;
    for (unsigned r = 1; r < NGPR; r++)
        vm_set_reg(vm, r, rnd(4) ? rnd(0xffffffff) : rnd(40));
    vm_set_reg(vm, 8, area + 1000);
    vm_set_reg(vm, 9, area + 1004);
    for (unsigned r = 10; r < 13; r++)
        vm_set_reg(vm, r, area + 1000 + r);
    uint8_t *p = vm_mem(vm, area, AREA_SIZE);
    assert_non_null(p);
    for (unsigned i = 0; i < AREA_SIZE; i++)
        p[i] = (uint8_t)rnd(256);
    vm_set_cc(vm, F_CF | F_PF);
}

static void same_state(struct vm *one, struct vm *all, unsigned round, unsigned v)
{
    bool same = vm_cc(one) == vm_cc(all);
    for (unsigned r = 0; r < NGPR && same; r++)
        same = r == 3 || r == 4 || vm_reg(one, r) == vm_reg(all, r);
    same = same && memcmp(vm_mem(one, vm_concealed_base(one) + AREA, AREA_SIZE),
                          vm_mem(all, vm_concealed_base(all) + AREA, AREA_SIZE), AREA_SIZE) == 0;
    if (same)
        return;
    char text[200];
    print_message("round %u, variant %u:\n", round, v);
    for (uint32_t i = 0; i + 1 < prog.lo.nops; i++) {
        disasm_op(&prog.lo.op[i].op, text, sizeof text);
        print_message("    %s\n", text);
    }
    for (uint32_t i = 0; i < prog.n; i++) {
        disasm_bundle(&prog.b[i], text, sizeof text);
        print_message("    [%s]\n", text);
    }
    for (unsigned r = 0; r < NGPR; r++)
        if (r != 3 && r != 4 && vm_reg(one, r) != vm_reg(all, r))
            print_message("r%u: %08x one by one, %08x in bundles\n", r, vm_reg(one, r),
                          vm_reg(all, r));
    fail_msg("cc %x and %x", vm_cc(one), vm_cc(all));
}

/* Whether a conditional branch of registers is taken. */
static bool taken(const struct vm *vm, const struct vop *o)
{
    int32_t d = (int32_t)vm_reg(vm, o->rd), a = (int32_t)vm_reg(vm, o->ra);
    switch (o->opc) {
    case OP_BZ: return a == 0;
    case OP_BNZ: return a != 0;
    default: return compare(o->opc - OP_BEQ, d, a);
    }
}
_Static_assert(OP_BGEU - OP_BEQ == 5, "compare counts on their order");

enum { LONGEST = 60, EXITS = 3, EXIT_OPS = 6 };

/*
 * Random ops, in every second round with branches out of them. Behind an exit the first registers
 * are written anew, so that work which writes them may be done early, above the branch.
 */
static void random_program(unsigned round)
{
    uint32_t n = 0, want = 2 + rnd(LONGEST - 2);
    memset(&prog.lo, 0, sizeof prog.lo);
    prog.lo.op = calloc(LONGEST + 1 + (EXITS + 1) * EXIT_OPS, sizeof *prog.lo.op);
    prog.lo.sym = calloc(EXITS + 1, sizeof *prog.lo.sym);
    prog.lo.str = calloc(1, 1);
    prog.lo.nstr = 1;
    prog.lo.nsyms = EXITS + 1;
    for (; n < want; n++) {
        struct lo_op o = {random_op(), LO_NOSYM};
        if (round % 2 && rnd(6) == 0) {
            o.op =
                (struct vop){.opc = (uint8_t)(OP_BZ + rnd(OP_BGEU - OP_BZ + 1)), .bmode = B_LONG};
            o.op.ra = (uint8_t)(13 + rnd(8));
            o.op.rd = o.op.opc >= OP_BEQ ? (uint8_t)(13 + rnd(8)) : 0;
            o.sym = rnd(EXITS);
        }
        assert_null(lo_op_error(&o));
        prog.lo.op[n] = o;
    }
    /* Exit 0 is the ordinary end; all meet at the halt, behind which everything counts as wanted.
     */
    for (unsigned e = 0; e <= EXITS; e++) {
        if (e > 0)
            prog.lo.sym[e - 1] = (struct lo_sym){0, LO_TEXT, 0, n};
        for (unsigned k = 0; e > 0 && k < EXIT_OPS - 2; k++)
            prog.lo.op[n++] = (struct lo_op){{.opc = OP_MOV,
                                              .rd = (uint8_t)(13 + k),
                                              .bmode = B_SHORT,
                                              .imm = (int32_t)(e * 10 + k)},
                                             LO_NOSYM};
        prog.lo.op[n++] = (struct lo_op){
            {.opc = OP_MOV, .rd = 21, .bmode = B_SHORT, .imm = (int32_t)e}, LO_NOSYM};
        prog.lo.op[n++] = (struct lo_op){{.opc = OP_JAL, .bmode = B_LONG}, EXITS};
    }
    prog.lo.sym[EXITS] = (struct lo_sym){0, LO_TEXT, 0, n};
    prog.lo.op[n++] = (struct lo_op){{.opc = OP_HALT, .rb = 21}, LO_NOSYM};
    prog.lo.nops = n;
}

/* One by one; the number of the exit. */
static unsigned run_linear(struct vm *one)
{
    for (uint32_t i = 0;; i++) {
        const struct lo_op *o = &prog.lo.op[i];
        if (o->op.opc == OP_HALT)
            return vm_reg(one, 21);
        if (o->sym == LO_NOSYM)
            assert_int_equal(vm_exec1(one, &o->op, false, 0), T_NONE);
        else if (o->op.opc == OP_JAL || taken(one, &o->op))
            i = prog.lo.sym[o->sym].value - 1;
    }
}

static void test_random(void **state)
{
    (void)state;
    enum { ROUNDS = 1500 };
    unsigned exits[EXITS + 1] = {0};
    struct mdesc plain;
    machine_default(&plain);
    plain.guest_ram_mb = 16;
    struct vm *one = vm_new(&plain, NULL);
    assert_non_null(one);
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill(one);
        seed = round * 7919 + 1;
        random_program(round);
        unsigned exit = run_linear(one);
        exits[exit]++;
        for (unsigned v = 0; v < VARIANTS; v++) {
            struct vm *all = vm_new(&machine[v], NULL);
            assert_non_null(all);
            link_program(&machine[v], vm_concealed_base(all) + CM_IMAGE);
            assert_int_equal(tc_load(&prog.im, all), 0);
            fill(all);
            vm_set_pc(all, prog.im.base);
            assert_int_equal(vm_run(all, 1000000), VM_HALT);
            assert_int_equal(vm_halt_status(all), exit);
            same_state(one, all, round, v);
            tc_image_free(&prog.im);
            vm_free(all);
        }
        lo_free(&prog.lo);
    }
    for (unsigned e = 0; e <= EXITS; e++)
        assert_true(exits[e] > ROUNDS / 20);
    vm_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_freedom),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

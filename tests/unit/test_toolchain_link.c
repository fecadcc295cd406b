/* SPDX-License-Identifier: MIT */
/*
 * The linker, by programs that run: branches of every length arrive, compare-and-branch means the
 * same in every form, what a branch's other way wants is still there, symbols are where the image
 * says.
 */
#include "tests/unit/linked.h"

static int run_text(const struct mdesc *m, const char *text)
{
    struct vm *vm = vm_new(m, NULL);
    assert_non_null(vm);
    struct as_input in = {"t.s", text, strlen(text)};
    if (as_texts(&prog.lo, &in, 1, err, sizeof err))
        fail_msg("%s", err);
    link_program(m, vm_concealed_base(vm) + CM_IMAGE);
    assert_int_equal(tc_load(&prog.im, vm), 0);
    vm_set_pc(vm, tc_symbol(&prog.im, "_start"));
    int r = vm_run(vm, 1000000) == VM_HALT ? (int)vm_halt_status(vm) : -1;
    vm_free(vm);
    return r;
}

/* Forward and backward branches of every kind over every distance around the longest short one. */
static void test_reach(void **state)
{
    (void)state;
    static const char *const jumps[] = {
        "bnez a0, ahead",     "beqz zero, ahead",  "j ahead",
        "blt a1, a0, ahead",  "bge a0, a1, ahead", "bltu a1, a0, ahead",
        "bgeu a0, a1, ahead", "bne a0, a1, ahead", "beq a0, a2, ahead",
        "brcc e, ahead"};
    bool was_short = false, was_long = false;
    for (unsigned v = 0; v < VARIANTS; v++)
        for (unsigned gap = v; gap < 300; gap += gap < 90 || gap > 150 ? 31 : 3) {
            static char text[40000];
            char *p = text + sprintf(text,
                                     "\t.globl _start\n_start: li a0, 5\n mfs a3, 23\n add a3, a3, "
                                     "0x100000\n li a1, 4\n li a2, 5\n"
                                     " subf32 r0, a0, a2\n %s\n halt 1\nback: halt 77\n",
                                     jumps[(gap / 3 + v) % 10]);
            for (unsigned i = 0; i < gap; i++)
                p += sprintf(p, " sw s%u, %u(a3)\n", 2 + i % 8, i % 16 * 4);
            sprintf(p, " halt 2\nahead: bnez a0, back\n halt 3\n");
            int r = run_text(&machine[v], text);
            if (r != 77)
                fail_msg("variant %u, gap %u, %s: status %d", v, gap, jumps[(gap / 3 + v) % 10], r);
            for (uint32_t i = 0; i < prog.n; i++)
                for (unsigned k = 0; k < prog.b[i].nops; k++)
                    if (prog.b[i].op[k].opc == OP_BNZ)
                        *(prog.b[i].op[k].bmode == B_LONG ? &was_long : &was_short) = true;
            drop();
        }
    assert_true(was_short && was_long);
}

/* Compare-and-branch with operands that are known to be constants, and with ones that are not. */
static void test_compare(void **state)
{
    (void)state;
    static const char *const names[] = {"beq", "bne", "blt", "bge", "bltu", "bgeu"};
    static const int32_t values[] = {INT32_MIN, -129, -128, -127, -1,  0,
                                     1,         126,  127,  128,  255, INT32_MAX};
    enum { N = sizeof values / sizeof *values };
    for (unsigned v = 0; v < VARIANTS; v++)
        for (unsigned op = 0; op < 6; op++) {
            static char text[60000];
            uint32_t h = 0;
            char *p = text + sprintf(text, "\t.globl _start\n_start: li s1, 0\n");
            for (unsigned i = 0; i < N * N * 3; i++) {
                int32_t a = values[i % N], b = values[i / N % N];
                unsigned known = i / N / N; /* both, the first, the second */
                const char *x = known == 2 ? "1: " : "", *y = known == 1 ? "1: " : "";
                p += sprintf(p, " li s2, 0\n");
                /* Behind a label nothing is known of a register. */
                if (known == 2)
                    p += sprintf(p, " li a0, %d\n beqz sp, 1f\n%s li a1, %d\n", a, x, b);
                else
                    p += sprintf(p, " li a1, %d\n%s%s li a0, %d\n", b,
                                 known ? " beqz sp, 1f\n" : "", y, a);
                p += sprintf(p,
                             " %s a0, a1, 2f\n j 3f\n2: li s2, 1\n3: li a2, 31\n mul s1, s1, a2\n"
                             " add s1, s1, s2\n",
                             names[op]);
                h = h * 31 + compare(op, a, b);
            }
            sprintf(p, " halt s1\n");
            int r = run_text(&machine[v], text);
            if (r != (int)h)
                fail_msg("variant %u, %s: %x, not %x", v, names[op], (unsigned)r, (unsigned)h);
            drop();
        }
}

/* What must not be thought unwanted, on whatever way it is reached. */
static const struct {
    const char *text;
    int status;
} wants[] = {
    /* behind a branch, by the other way */
    {"li a5, 0\n li a0, 55\n beqz a5, 1f\n add a1, a1, a0\n li a0, 1\n halt a0\n1: halt a0", 55},
    {"li a5, 1\n li a0, 9\n j 2f\n2: bnez a5, 1f\n li a0, 1\n halt a0\n1: halt a0", 9},
    {"li a5, 1\n li a0, 3\n mov r40, a0\n bnez a5, 1f\n mov r40, a5\n1: mov a0, r40\n halt a0", 3},
    {"li a5, 1\n slli a0, a5, 16\n bnez a5, 1f\n srli a0, a0, 16\n halt a0\n1: srli a0, a0, 12\n"
     " halt a0",
     16},
    {"li a5, 1\n slli a0, a5, 16\n bnez a5, 1f\n srli a0, a0, 16\n halt 1\n1: srli a0, a0, 14\n"
     " halt a0",
     4},
    /* around a loop */
    {"li a0, 0\n li a1, 10\n li a2, 3\n1: add a0, a0, a2\n addi a1, a1, -1\n bnez a1, 1b\n halt a0",
     30},
    /* arguments, results, saved registers, return address, and what a callee is known to leave
       alone */
    {"li a0, 30\n li a7, 4\n call f\n halt a0\nf: add a0, a0, a7\n ret", 34},
    {"li a0, 30\n la a5, f\n li a6, 7\n jalr a5\n add a0, a0, a1\n halt a0\n"
     "f: li a1, 2\n add a0, a0, a6\n ret",
     39},
    {"li s2, 5\n li s11, 6\n call f\n add s2, s2, s11\n add a0, a0, s2\n halt a0\n"
     "f: mv t0, s2\n li s2, 20\n mv a0, s2\n mv s2, t0\n ret",
     31},
    {"li a0, 1\n call f\n halt a0\nf: mv t0, ra\n call g\n mv ra, t0\n ret\ng: mv t1, a0\n"
     " add a0, t1, 5\n ret",
     6},
    {"li a0, 8\n li a1, 1\n call f\n halt a0\nf: add a0, a0, a1\n tail g\ng: add a0, a0, a1\n ret",
     10},
    /* through tables, seen and unseen */
    {"li a3, 4\n li a2, 2\n la a4, tab\n slli a5, zero, 2\n add a4, a4, a5\n lw a4, 0(a4)\n jr a4\n"
     "1: halt a3\n2: halt a2\n.section .rodata\ntab: .word 2b, 1b",
     2},
    {"li a3, 4\n li a2, 2\n li a5, 4\n la a4, tab\n add a4, a4, a5\n lw a4, 0(a4)\n jr a4\n"
     "1: halt a3\n2: halt a2\n.section .rodata\ntab: .word 2b, 1b",
     4},
    {"li a3, 4\n li a2, 2\n la a4, 1f\n jr a4\n1: halt a3", 4},
    {"li a0, 4\n li a2, 2\n la a4, tab\n add a4, a4, zero\n lw a4, 0(a4)\n jr a4\n"
     " .globl f\nf: add a0, a0, a2\n halt a0\n.section .rodata\ntab: .word f",
     6},
};

static void test_wants(void **state)
{
    (void)state;
    for (unsigned v = 0; v < VARIANTS; v++)
        for (unsigned i = 0; i < sizeof wants / sizeof *wants; i++) {
            char text[1000];
            snprintf(text, sizeof text, "\t.globl _start\n_start: %s\n", wants[i].text);
            int r = run_text(&machine[v], text);
            if (r != wants[i].status)
                fail_msg("variant %u: %s: status %d", v, wants[i].text, r);
            drop();
        }
}

static void test_image(void **state)
{
    (void)state;
    static const char text[] =
        "\t.globl _start, val, buf\n\t.type _start, @function\n_start: call twice\n la a1, val\n "
        "lw a1, 0(a1)\n"
        " lw a1, 0(a1)\n add a0, a0, a1\n lw a2, buf\n add a0, a0, a2\n lw a2, tab\n jr a2\n"
        ".L9: halt a0\n\t.type twice, @function\ntwice: li a0, 20\n ret\n"
        "\t.section .rodata\ntab: .word .L9\n\t.data\nx: .word 3\nval: .word x\n\t.bss\nbuf: .zero "
        "70\n";
    for (unsigned v = 0; v < VARIANTS; v++) {
        uint32_t off;
        assert_int_equal(run_text(&machine[v], text), 23);
        uint32_t start = tc_symbol(&prog.im, "_start"), val = tc_symbol(&prog.im, "val");
        assert_int_equal(start, prog.im.base);
        assert_int_equal(tc_symbol(&prog.im, "twice"), 0); /* not global */
        assert_int_equal(tc_symbol(&prog.im, "nobody"), 0);
        assert_string_equal(tc_symbol_at(&prog.im, start + 4, &off)->name, "_start");
        assert_int_equal(off, 4);
        assert_string_equal(tc_symbol_at(&prog.im, prog.im.text_end - 4, NULL)->name, "twice");
        assert_string_equal(tc_symbol_at(&prog.im, val + 2, &off)->name, "val");
        assert_int_equal(off, 2);
        assert_string_equal(tc_symbol_at(&prog.im, prog.im.end - 1, NULL)->name, "buf");
        assert_null(tc_symbol_at(&prog.im, prog.im.end, NULL));
        assert_null(tc_symbol_at(&prog.im, prog.im.base - 1, NULL));
        assert_int_equal(prog.im.bundles, prog.n);
        assert_int_equal(prog.im.end - (prog.im.base + prog.im.nbytes), 70);
        drop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_image),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

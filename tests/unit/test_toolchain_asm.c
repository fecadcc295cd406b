/* SPDX-License-Identifier: MIT */
/*
 * The assembler and the linear-op object: every form of instruction and directive with what it must
 * become, every kind of mistake with its message, symbols of several files, objects through their
 * bytes and back, and damaged ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "toolchain/asm.h"
#include "vliw-model/disasm.h"

static char err[300];

static int assemble(struct lo *lo, const char *text)
{
    struct as_input in = {"t.s", text, strlen(text)};
    err[0] = 0;
    return as_texts(lo, &in, 1, err, sizeof err);
}

static uint32_t find(const struct lo *lo, const char *name)
{
    for (uint32_t i = 0; i < lo->nsyms; i++)
        if (strcmp(lo_name(lo, i), name) == 0)
            return i;
    fail_msg("no symbol %s", name);
    return 0;
}

static uint32_t word(const struct lo *lo, unsigned section, uint32_t at)
{
    assert_true(at + 4 <= lo->size[section]);
    const uint8_t *p = lo->bytes[section] + at;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One instruction, and the op it must become, in the disassembler's words. */
static const struct {
    const char *text, *op;
} forms[] = {
    {"add a0, a1, a2", "add r10, r11, r12"},
    {"add\ta0,a1,-128", "add r10, r11, -128"},
    {"addi sp,sp,-16", "add r2, r2, -16"},
    {"addi a0,a0,1000", "add r10, r10, 0x3e8"},
    {"li a0, -1", "mov r10, -1"},
    {"li t6, 0xdeadbeef", "mov r31, 0xdeadbeef"},
    {"li a0, 'A'", "mov r10, 65"},
    {"li a0, (3 + 4) * 2 - (1 << 3)", "mov r10, 6"},
    {"li a0, ~0xff & 0xfff", "mov r10, 0xf00"},
    {"lui a5, 0x12345", "mov r15, 0x12345000"},
    {"mv a0, s11", "mov r10, r27"},
    {"mov r40, a0", "mov r40, r10"},
    {"mov a0, r63", "mov r10, r63"},
    {"not a0, a1", "xor r10, r11, -1"},
    {"neg a0, a1", "sub r10, r0, r11"},
    {"seqz a0, a1", "sltu r10, r11, 1"},
    {"snez a0, a1", "sltu r10, r0, r11"},
    {"sltz a0, a1", "slt r10, r11, 0"},
    {"sgtz a0, a1", "slt r10, r0, r11"},
    {"sgt a0, a1, zero", "slt r10, r0, r11"},
    {"sgtu x10, x11, x12", "sltu r10, r12, r11"},
    {"slti a0, a1, 5", "slt r10, r11, 5"},
    {"sltiu a0, a1, 5", "sltu r10, r11, 5"},
    {"slli a0, a1, 31", "sll r10, r11, 31"},
    {"mulhsu a0, a1, a2", "mulhsu r10, r11, r12"},
    {"lw a0, 4(sp)", "lw r10, 4(r2)"},
    {"lw a0, (sp)", "lw r10, 0(r2)"},
    {"lbu a0, -1(fp)", "lbu r10, -1(r8)"},
    {"sw zero, 0(a0)", "sw r0, 0(r10)"},
    {"sh a0, 400(a1)", "sh r10, 0x190(r11)"},
    {"lw a0, a1(a2)", "lw r10, r11(r12)"},
    {"gld32 a0, 0(a1)", "gld32 r10, 0(r11)"},
    {"gst8 a0, 0(a1)", "gst8 r10, 0(r11)"},
    {"jr a5", "jalr r0, 0(r15)"},
    {"jalr a5", "jalr r1, 0(r15)"},
    {"jalr ra, a5, 8", "jalr r1, 8(r15)"},
    {"jalr ra, 8(a5)", "jalr r1, 8(r15)"},
    {"ret", "jalr r0, 0(r1)"},
    {"j 0x40", "jal r0, 0x40"},
    {"call 0x40", "jal r1, 0x40"},
    {"jal 0x40", "jal r1, 0x40"},
    {"jal t0, 0x40", "jal r5, 0x40"},
    {"tail 0x40", "jal r0, 0x40"},
    {"beqz a0, 0x40", "bz r10, 0x40"},
    {"beq a0, zero, 0x40", "bz r10, 0x40"},
    {"bne a0, a1, 0x40", "bne r10, r11, 0x40"},
    {"bgt a0, a1, 0x40", "blt r11, r10, 0x40"},
    {"bleu a0, a1, 0x40", "bgeu r11, r10, 0x40"},
    {"bltz a0, 0x40", "blt r10, r0, 0x40"},
    {"blez a0, 0x40", "bge r0, r10, 0x40"},
    {"bgtz a0, 0x40", "blt r0, r10, 0x40"},
    {"bgez a0, 0x40", "bge r10, r0, 0x40"},
    {"brcc le, 0x40", "brcc le, 0x40"},
    {"brcc 4, 0x40", "brcc e, 0x40"},
    {"setcc a0, 15", "setcc r10, g"},
    {"cmov a0, a1, ne", "cmov r10, r11, ne"},
    {"trapif b, 7", "trapif b, 7"},
    {"addf32 a0, a1, 1", "addf32 r10, r11, 1"},
    {"subf8 r0, r33, r34", "subf8 r0, r33, r34"},
    {"shldf32 a0, a1, a2", "shldf32 r10, r11, r12"},
    {"bsff a0, a1", "bsff r10, r11"},
    {"incf16 a0, a1", "incf16 r10, r11"},
    {"rdcc a0, 0x8d5", "rdcc r10, 0x8d5"},
    {"wrcc a0, 0x8d5", "wrcc r10, 0x8d5"},
    {"mfs a0, 3", "mfs r10, 3"},
    {"mts a0, 6", "mts r10, 6"},
    {"phase 2", "phase 2"},
    {"tlbw a0, a1", "tlbw r10, r11"},
    {"pout a0, a1, 4", "pout r10, r11, 4"},
    {"hostcall a0, a1, 2", "hostcall r10, r11, 2"},
    {"halt a0", "halt r10"},
    {"raise a0, a1", "raise r10, r11"},
    {"rfe", "rfe"},
    {"gput a0, 5", "gput r10, 5"},
    {"stam a0, a1, 3", "stam r10, r11, 3"},
    {"ebreak", "halt 0xeb"},
    {"valu r0, addw w3, w5", "valu r0, addw w3, w5"},
    {"valu zero,addw.m w16,w17", "valu r0, addw.m w16, w17"},
    {"valu a0, extrw w0, w31, 3", "valu r10, extrw w0, w31, 0x3"},
    {"vfdiv r0, sqrtpd w24, w31", "vfdiv r0, sqrtpd w24, w31"},
    {"vfp r0, 0x7ffffc00", "vfp r0, 0x7ffffc00"}, /* no function */
    {"vmul r0, a5", "vmul r0, r15"},
};

static void test_forms(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct lo lo;
        char text[200], op[100];
        snprintf(text, sizeof text, "\t%s # comment; not an op\n", forms[i].text);
        if (assemble(&lo, text))
            fail_msg("%s: %s", forms[i].text, err);
        assert_int_equal(lo.nops, 1);
        disasm_op(&lo.op[0].op, op, sizeof op);
        if (strcmp(op, forms[i].op))
            fail_msg("%s: became %s, not %s", forms[i].text, op, forms[i].op);
        lo_free(&lo);
    }
}

/* Every op of the table can be written in the disassembler's form, and comes back as it was. */
static void test_every_op(void **state)
{
    (void)state;
    for (unsigned opc = 0; opc < OP_COUNT_; opc++)
        for (unsigned bmode = B_REG; bmode <= B_LONG; bmode++) {
            struct lo_op o = {{(uint8_t)opc, 0, 0, 0, (uint8_t)bmode, 0}, LO_NOSYM};
            unsigned f = op_table[opc].format;
            bool cond = f == FMT_BRCC || f == FMT_CODE;
            bool has_ra = f != FMT_RB && f != FMT_RC && f != FMT_B && f != FMT_BRCC &&
                          f != FMT_JAL && f != FMT_CODE && f != FMT_NONE;
            bool has_rd = f != FMT_AB && f != FMT_B && f != FMT_BRR && f != FMT_NONE;
            o.op.rd = has_rd ? (cond ? 12 : 21) : 0;
            o.op.ra = has_ra ? 11 : 0;
            if (bmode == B_REG)
                o.op.rb = f == FMT_NONE || f == FMT_RR || f == FMT_RRX ? 0 : 57;
            else
                o.op.imm = bmode == B_SHORT ? 12 : 0x12345678;
            if (lo_op_error(&o))
                continue; /* not every format takes every form of b */
            struct lo lo;
            char text[120], op[120];
            disasm_op(&o.op, text, sizeof text - 1);
            strcat(text, "\n");
            if (assemble(&lo, text))
                fail_msg("%s: %s", text, err);
            assert_int_equal(lo.nops, 1);
            disasm_op(&lo.op[0].op, op, sizeof op - 1);
            strcat(op, "\n");
            if (strcmp(op, text) || lo.op[0].op.opc != opc || lo.op[0].op.bmode != bmode)
                fail_msg("%s came back as %s", text, op);
            lo_free(&lo);
        }
}

/* The same of every function under every op that has functions, and of operands that are none. */
static void test_every_function(void **state)
{
    (void)state;
    uint32_t x = 12345;
    for (unsigned i = 0; i < 4 * 4 * FN_COUNT_; i++) {
        struct vop o = {.opc = (uint8_t)(OP_VALU + i % 4), .rd = 21, .bmode = B_LONG};
        struct lo lo;
        char text[120];
        x = x * 1664525u + 1013904223u;
        o.imm = (int32_t)SIMD_B(x >> 8 & 31, x >> 13 & 31, i / 4 % FN_COUNT_, x >> 18 & 255,
                                x >> 27 & 1);
        if (i / 4 >= 2 * FN_COUNT_)
            o.imm |= (int32_t)(1u << 30); /* a bit that has no meaning */
        else if (i / 4 % FN_COUNT_ == FN_NONE)
            o.imm |= 0x3ff << 10;
        disasm_op(&o, text, sizeof text - 1);
        strcat(text, "\n");
        if (assemble(&lo, text))
            fail_msg("%s: %s", text, err);
        assert_int_equal(lo.nops, 1);
        if (lo.op[0].op.opc != o.opc || lo.op[0].op.imm != o.imm || lo.op[0].op.bmode != B_LONG)
            fail_msg("%s came back as %s %x", text, op_table[lo.op[0].op.opc].name,
                     (unsigned)lo.op[0].op.imm);
        lo_free(&lo);
    }
}

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"\n\tfoo a0", "t.s:2: unknown instruction: foo"},
    {"add a0, a1", "t.s:1: ',' expected"},
    {"add a0, a1,", "t.s:1: an operand expected"},
    {"add a0 a1 a2", "t.s:1: ',' expected before 'a1 a2'"},
    {"add a0, a1, a2, a3", "t.s:1: something left over"},
    {"add q0, a1, a2", "t.s:1: a register expected before 'q0"},
    {"add r64, a1, a2", "t.s:1: a register expected"},
    {"add x32, a1, a2", "t.s:1: a register expected"},
    {"mv gp, a0", "belong to the assembler"},
    {"add a0, a0, tp", "belong to the assembler"},
    {"li a0, 0x100000000", "more than 32 bits"},
    {"li a0, 99999999999999999999999", "number too large"},
    {"li a0, 0x", "not a number"},
    {"li a0, 1/0", "division by zero"},
    {"li a0, ((((((((((((((((((((((((((((((((((((1", "nested too deeply"},
    {"setcc a0, 16", "a condition (0 to 15)"},
    {"commit 65536", "the count of a commit"},
    {"commit", "an operand expected"},
    {"valu r0, addps w1, w2", "a function of vfp"},
    {"vfp r0, addps w1, w32", "a wide register (w0 to w31)"},
    {"vfp r0, addps w1, r2", "a wide register expected"},
    {"vfp r0, cmpps w1, w2, 256", "an immediate of 8 bits"},
    {"beqz a0, 3", "multiple of 4"},
    {"j nowhere", "t.s:1: undefined symbol: nowhere"},
    {"nop\n.data\n.word nowhere", "t.s:3: undefined symbol: nowhere"},
    {"x: .globl x y", "left over"},
    {"x: nop\nx: nop", "t.s:2: x is defined already"},
    {".word 1", "data in a text section"},
    {".data\nnop", "an instruction outside a text section"},
    {".data\n.byte 256", "does not fit 1 bytes"},
    {".data\n.half x\nx:", "an address takes a .word"},
    {".data\n.string \"abc", "a string does not end"},
    {".data\n.string \"\\x\"", "a broken escape"},
    {".data\n.align 7", "an alignment"},
    {".data\n.balign 24", "no power of two"},
    {".data\n.zero -1", "a size out of range"},
    {".data\n.zero 0x7fffffff", "a size out of range"},
    {".bss\n.word 1", "section of zeros"},
    {".section .mystery", "a section of unknown kind"},
    {".section", "name of a section is missing"},
    {".popsection", "no section was pushed"},
    {".frobnicate 1", "unknown directive: .frobnicate"},
    {"1: j 2b", "no label 2 before here"},
    {"j 1f", "undefined symbol: 1@1"},
    {".set a, b\n.set b, a\nj a", "defined by itself"},
    {".set a, 1\na: nop", "a is defined already"},
    {"nop\n.text\nlw a0, x - y", "difference of symbols"},
    {"x: nop\n\tla a0, x+4", "an offset to a symbol in text"},
    {"lw a0, x*2\n", "symbols can only be added to numbers"},
    {"lw a0, 4(5)\n", "a register expected before '5)'"},
    {"lw a0, a1\n", "an address is offset(register)"},
    {"\"x\" nop", "a statement cannot begin with"},
    {".set", "a symbol expected"},
    {"100: nop", "a numeric label is 0 to 99"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct lo lo;
        if (assemble(&lo, mistakes[i].text) == 0)
            fail_msg("accepted: %s", mistakes[i].text);
        if (!strstr(err, mistakes[i].message) || strncmp(err, "t.s:", 4) || strchr(err, '\n'))
            fail_msg("%s: said '%s'", mistakes[i].text, err);
        assert_null(lo.op);
    }
}

static void test_sections(void **state)
{
    (void)state;
    struct lo lo;
    if (assemble(&lo, "\t.file \"x.c\"\n\t.option nopic\n\t.attribute arch, \"rv32i2p1_m2p0\"\n"
                      "\t.section .text.unlikely,\"ax\",@progbits\n\t.type cold, @function\n"
                      "cold:\tli a0, 9\n\tret\n\t.size cold, .-cold\n"
                      "\t.text\n\t.align 2\n\t.globl f\n\t.type f, @function\n"
                      "f:\tlw a0, v+4\n\tsw a0, w, t0\n\tbeqz a0, .L1\n\tj cold\n.L1: ret; nop\n"
                      "\t.section .rodata.str1.4,\"aMS\",@progbits,1\n"
                      ".LC0: .string \"a\\n\\\"\\101\\x42;#\"\n\t.align 2\n"
                      "t: .word .L1, .LC0+1, -1\n\t.byte 1,2,'c'\n\t.half 0x1234\n"
                      "\t.data\nv: .quad 0x123456789abcdef0\n\t.dword -2\n"
                      "\t.section .sbss\n\t.balign 16\nw: .zero 5\n\t.comm big,100,32\n"
                      "\t.local loc\n\t.comm loc,4\n"
                      "\t.set alias, v + 8\n\t.globl alias\n\t.equ five, 5\n"
                      "\t.section .note.GNU-stack,\"\",@progbits\nignored: .word 1\n"
                      "\t.text\n\tli a1, five * 2\n\tla a2, alias\n"
                      "\t.pushsection .data\n\t.word 7\n\t.popsection\n\tnop\n\t.cfi_endproc\n"))
        fail_msg("%s", err);
    assert_int_equal(lo.nops, 11);
    assert_int_equal(lo.sym[find(&lo, "f")].value, 0);
    assert_int_equal(lo.sym[find(&lo, "f")].flags, LO_GLOBAL | LO_FUNC);
    assert_int_equal(lo.sym[find(&lo, "cold")].value, 9); /* behind all other text */
    assert_int_equal(lo.sym[find(&lo, "cold")].flags, LO_FUNC);
    assert_int_equal(lo.op[0].sym, find(&lo, "v"));
    assert_int_equal(lo.op[0].op.imm, 4);
    assert_int_equal(lo.op[0].op.bmode, B_LONG);
    assert_int_equal(lo.op[1].sym, find(&lo, "w"));
    assert_int_equal(lo.op[6].op.imm, 10);
    assert_int_equal(lo.op[7].sym, find(&lo, "alias"));
    assert_int_equal(lo.sym[find(&lo, "alias")].value, lo.sym[find(&lo, "v")].value + 8);
    assert_int_equal(lo.size[LO_RODATA], 8 + 12 + 3 + 2);
    assert_memory_equal(lo.bytes[LO_RODATA], "a\n\"AB;#\0", 8);
    assert_int_equal(word(&lo, LO_RODATA, 16), 0xffffffff);
    assert_int_equal(lo.nrelocs, 2);
    assert_int_equal(lo.reloc[1].offset, 12);
    assert_int_equal(lo.reloc[1].addend, 1);
    assert_int_equal(word(&lo, LO_DATA, 0), 0x9abcdef0);
    assert_int_equal(word(&lo, LO_DATA, 4), 0x12345678);
    assert_int_equal(word(&lo, LO_DATA, 12), 0xffffffff);
    assert_int_equal(word(&lo, LO_DATA, 16), 7);
    assert_int_equal(lo.size[LO_BSS], 32 + 100 + 4);
    assert_int_equal(lo.sym[find(&lo, "big")].flags, LO_GLOBAL);
    assert_int_equal(lo.sym[find(&lo, "loc")].flags, 0);
    lo_free(&lo);
}

static void test_files(void **state)
{
    (void)state;
    static const char a[] =
        "\t.globl f\nf: j .L1\n.L1: call g\nhere: la a0, x\n1: j 1b\n1: j 1b\n\tj 1f\n1:\n"
        "\t.weak h\nh: nop\n\t.data\nx: .word here\n";
    static const char b[] = "\t.globl g, h\ng: j .L1\n.L1: j f\nhere: la a0, x\nh: nop\n"
                            "\t.bss\nx: .zero 4\n";
    struct as_input in[] = {
        {"a.s", a, strlen(a)}, {"b.s", b, strlen(b)}, {"c.s", "g: .globl g", 0}};
    struct lo lo;
    in[2].text = "\n\t.globl g\ng: nop\n";
    in[2].len = strlen(in[2].text);
    if (as_texts(&lo, in, 2, err, sizeof err))
        fail_msg("%s", err);
    assert_int_equal(lo.nops, 11);
    assert_int_equal(lo.sym[lo.op[0].sym].value, 1); /* a's .L1 */
    assert_int_equal(lo.sym[lo.op[1].sym].value, 7); /* g */
    assert_int_equal(lo.sym[lo.op[2].sym].section, LO_DATA);
    assert_int_equal(lo.sym[lo.op[3].sym].value, 3); /* 1b: itself */
    assert_int_equal(lo.sym[lo.op[4].sym].value, 4);
    assert_int_equal(lo.sym[lo.op[5].sym].value, 6); /* 1f */
    assert_int_equal(lo.sym[lo.op[7].sym].value, 8); /* b's .L1 */
    assert_int_equal(lo.sym[lo.op[9].sym].section, LO_BSS);
    assert_int_equal(lo.sym[find(&lo, "h")].value, 10); /* not the weak one */
    assert_int_equal(lo.sym[lo.reloc[0].sym].value, 2); /* a's here */
    lo_free(&lo);

    assert_int_equal(as_texts(&lo, in, 3, err, sizeof err), -1);
    assert_string_equal(err, "c.s:3: g is defined already, at b.s:2");
    assert_int_equal(as_texts(&lo, in, 1, err, sizeof err), -1);
    assert_string_equal(err, "a.s:3: undefined symbol: g");
}

static const char sample[] =
    "\t.globl f\nf: lw a0, x\n\tcommit 3\n\tbnez a0, f\n\tret\n"
    "\t.section .rodata\n\t.word f\n\t.data\nx: .word 1, x\n\t.bss\n\t.zero 9\n";

static void test_bytes(void **state)
{
    (void)state;
    struct lo lo, back;
    size_t len, len2;
    assert_int_equal(assemble(&lo, sample), 0);
    uint8_t *bytes = lo_write(&lo, &len);
    if (lo_read(&back, bytes, len, err, sizeof err))
        fail_msg("%s", err);
    uint8_t *again = lo_write(&back, &len2);
    assert_int_equal(len, len2);
    assert_memory_equal(bytes, again, len);
    assert_true(lo_hash(&lo) == lo_hash(&back));
    assert_int_equal(back.op[1].op.opc, LO_COMMIT);
    lo_free(&back);
    /* The identity changes with the program. */
    lo.op[1].op.imm++;
    assert_true(lo_hash(&lo) != lo_hash(&lo) + 1);
    uint64_t h = lo_hash(&lo);
    lo.op[1].op.imm--;
    assert_true(lo_hash(&lo) != h);
    /* Cut anywhere, one bit flipped anywhere. */
    for (size_t n = 0; n < len; n++)
        assert_int_equal(lo_read(&back, bytes, n, err, sizeof err), -1);
    for (size_t n = 0; n < len; n++) {
        bytes[n] ^= (uint8_t)(1 << n % 8);
        assert_int_equal(lo_read(&back, bytes, len, err, sizeof err), -1);
        assert_null(back.op);
        bytes[n] ^= (uint8_t)(1 << n % 8);
    }
    free(again);
    free(bytes);
    lo_free(&lo);
}

static void test_command(void **state)
{
    (void)state;
    char dir[] = "/tmp/test-asm-XXXXXX", in[64], out[64], bad[64];
    assert_non_null(mkdtemp(dir));
    snprintf(in, sizeof in, "%s/a.s", dir);
    snprintf(out, sizeof out, "%s/a.lo", dir);
    snprintf(bad, sizeof bad, "%s/none.s", dir);
    FILE *f = fopen(in, "w");
    assert_non_null(f);
    fputs(sample, f);
    fclose(f);
    char *good[] = {"as", "-o", out, in, NULL}, *missing[] = {"as", "-o", out, bad, NULL},
         *none[] = {"as", NULL}, *option[] = {"as", "-x", in, NULL};
    assert_int_equal(tc_as_main(4, good), 0);
    struct lo lo;
    assert_int_equal(lo_read_file(&lo, out, err, sizeof err), 0);
    lo_free(&lo);
    assert_int_equal(lo_read_file(&lo, in, err, sizeof err), -1);
    assert_non_null(strstr(err, "not a linear-op object"));
    assert_int_equal(lo_read_file(&lo, bad, err, sizeof err), -1);
    assert_int_equal(tc_as_main(4, missing), 2);
    assert_int_equal(tc_as_main(1, none), 2);
    assert_int_equal(tc_as_main(3, option), 2);
    unlink(in);
    unlink(out);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_every_op),
        cmocka_unit_test(test_every_function), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_sections),       cmocka_unit_test(test_files),
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * FP ops: what is common by integer arithmetic (sem_fp_fast.h), all else by the x87 of the host,
 * which is exact to the bit by definition: each op loads the machine's control word, executes one
 * x87 instruction on copies of its operands and reads the status word. Unmasked exceptions are no
 * trouble: the host reports them only at a later waiting instruction, and fnclex comes before any.
 * All of it is what IEEE 754 and the x87 leave no choice in; transcendentals differ between
 * processors and are therefore no ops.
 *
 * The compiler's own x87 state: the ABI promises an empty stack and control word 0x37f between
 * calls, and fninit leaves exactly that.
 *
 * On other hosts sem_fp_soft.c computes all of it, with the same results.
 *
 * To add an op: a case in compute(), what it needs of the macros below, and a case there.
 */
#include <string.h>
#include "vliw-model/sem_fp.h"
#include "vliw-model/sem_fp_fast.h"

uint32_t fp_wget(uint8_t (*wide)[16], uint32_t b)
{
    uint32_t v;
    memcpy(&v, &wide[b >> 2 & 31][(b & 3) * 4], 4);
    return v;
}

void fp_wput(uint8_t (*wide)[16], uint32_t a, uint32_t b)
{
    memcpy(&wide[b >> 2 & 31][(b & 3) * 4], &a, 4);
}

#if FP_ON_HOST

typedef uint8_t fp_reg[16];

enum { FS_RAISED = FS_IE | FS_DE | FS_ZE | FS_OE | FS_UE | FS_PE | FS_C0 | FS_C1 | FS_C2 | FS_C3 };

/* The frame of every op. `d` is read and written, `s` read; the text between leaves the result on
 * top of the stack. */
#define FP_ASM(text)                                                                               \
    __asm__("fninit\n\tfldcw %[cw]\n\t" text "\n\tfnstsw %[sw]\n\tfnclex\n\tfstpt %[d]\n\tfninit"  \
            : [sw] "=m"(sw), [d] "+m"(*d)                                                          \
            : [s] "m"(*s), [cw] "m"(cw)                                                            \
            : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)")
/* Nothing to be written back but what the text stores itself. */
#define FP_ASM_NO_RESULT(text)                                                                     \
    __asm__("fninit\n\tfldcw %[cw]\n\t" text "\n\tfnstsw %[sw]\n\tfninit"                          \
            : [sw] "=m"(sw), [d] "+m"(*d)                                                          \
            : [s] "m"(*s), [cw] "m"(cw)                                                            \
            : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)")

/* An instruction in all formats of its source; the x87 has no 64-bit integer operand but in fild,
 * which is exact. */
#define FP_BINARY(emit, name)                                                                      \
    switch (format) {                                                                              \
    case WF_F32: emit("fldt %[d]\n\tf" name "s %[s]"); break;                                      \
    case WF_F64: emit("fldt %[d]\n\tf" name "l %[s]"); break;                                      \
    case WF_I16: emit("fldt %[d]\n\tfi" name "s %[s]"); break;                                     \
    case WF_I32: emit("fldt %[d]\n\tfi" name "l %[s]"); break;                                     \
    case WF_I64: emit("fildll %[s]\n\tfldt %[d]\n\tf" name " %%st(1), %%st"); break;               \
    default: emit("fldt %[s]\n\tfldt %[d]\n\tf" name " %%st(1), %%st"); break;                     \
    }                                                                                              \
    break

#define FP_COMPARE(name) "fldt %[s]\n\tfldt %[d]\n\tf" name " %%st(1)"

/* An unmasked invalid operand loads nothing: then the pop stores rubbish into d, a copy. */
static uint16_t load(fp_reg *d, const fp_reg *s, uint16_t cw, uint32_t format)
{
    uint16_t sw = 0;
    switch (format) {
    case WF_F32: FP_ASM("flds %[s]"); break;
    case WF_F64: FP_ASM("fldl %[s]"); break;
    case WF_I16: FP_ASM("filds %[s]"); break;
    case WF_I32: FP_ASM("fildl %[s]"); break;
    case WF_I64: FP_ASM("fildll %[s]"); break;
    default: FP_ASM("fldt %[s]"); break;
    }
    return sw;
}

static uint16_t store(fp_reg *d, const fp_reg *s, uint16_t cw, uint32_t format)
{
    uint16_t sw = 0;
    switch (format) {
    case WF_F32: FP_ASM_NO_RESULT("fldt %[s]\n\tfsts %[d]"); break;
    case WF_F64: FP_ASM_NO_RESULT("fldt %[s]\n\tfstl %[d]"); break;
    case WF_I16: FP_ASM_NO_RESULT("fldt %[s]\n\tfists %[d]"); break;
    case WF_I32: FP_ASM_NO_RESULT("fldt %[s]\n\tfistl %[d]"); break;
    case WF_I64: FP_ASM_NO_RESULT("fldt %[s]\n\tfistpll %[d]"); break;
    default: FP_ASM("fldt %[s]"); break;
    }
    return sw;
}

static uint16_t compute(enum op_code opc, fp_reg *d, const fp_reg *s, uint16_t cw, uint32_t format)
{
    uint16_t sw = 0;
    switch (opc) {
    case OP_FADD: FP_BINARY(FP_ASM, "add");
    case OP_FSUB: FP_BINARY(FP_ASM, "sub");
    case OP_FSUBR: FP_BINARY(FP_ASM, "subr");
    case OP_FMUL: FP_BINARY(FP_ASM, "mul");
    case OP_FDIV: FP_BINARY(FP_ASM, "div");
    case OP_FDIVR: FP_BINARY(FP_ASM, "divr");
    case OP_FCOM:
        switch (format) {
        case WF_F32: FP_ASM_NO_RESULT("fldt %[d]\n\tfcoms %[s]"); break;
        case WF_F64: FP_ASM_NO_RESULT("fldt %[d]\n\tfcoml %[s]"); break;
        case WF_I16: FP_ASM_NO_RESULT("fldt %[d]\n\tficoms %[s]"); break;
        case WF_I32: FP_ASM_NO_RESULT("fldt %[d]\n\tficoml %[s]"); break;
        case WF_I64: FP_ASM_NO_RESULT("fildll %[s]\n\tfldt %[d]\n\tfcom %%st(1)"); break;
        default: FP_ASM_NO_RESULT(FP_COMPARE("com")); break;
        }
        break;
    case OP_FUCOM: FP_ASM_NO_RESULT(FP_COMPARE("ucom")); break;
    case OP_FSQRT: FP_ASM("fldt %[d]\n\tfsqrt"); break;
    case OP_FRND: FP_ASM("fldt %[d]\n\tfrndint"); break;
    default: break;
    }
    return sw;
}

uint32_t fp_op_host(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b)
{
    fp_reg d, s;
    const uint16_t cw = (uint16_t)fcw;
    uint8_t *dst = wide[a & 31];
    memcpy(d, dst, 16);
    memcpy(s, wide[b & 31], 16);
    if (opc == OP_FLD) {
        uint32_t sw = load(&d, &s, cw, b >> 5 & 7);
        if ((sw & ~fcw & FS_IE) == 0)
            memcpy(dst, d, 10);
        return sw & FS_RAISED;
    }
    uint32_t sw =
        opc == OP_FST ? store(&d, &s, cw, a >> 5 & 7) : compute(opc, &d, &s, cw, b >> 5 & 7);
    memcpy(dst, d, 10);
    return sw & FS_RAISED;
}

#else

uint32_t fp_op_host(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b)
{
    return fp_op_soft(opc, wide, fcw, a, b);
}

#endif

uint32_t fp_op3_host(enum op_code opc, uint8_t *d, const uint8_t *x, const uint8_t *y, uint32_t fcw,
                     uint32_t format)
{
    uint8_t w[2][16];
    bool store = opc == OP_FST;
    memcpy(w[0], store || opc == OP_FLD ? d : x, 16);
    memcpy(w[1], y, 16);
    uint32_t st = fp_op_host(opc, w, fcw, store ? 32 * format : 0, 1 + (store ? 0 : 32 * format));
    memcpy(d, w[0], 10);
    return st;
}

uint32_t fp_op(enum op_code opc, uint8_t (*wide)[16], uint32_t fcw, uint32_t a, uint32_t b)
{
    uint32_t st;
    if (fp_fast(opc, wide[a & 31], wide[b & 31], fcw, a, b, &st))
        return st;
    return fp_op_host(opc, wide, fcw, a, b);
}

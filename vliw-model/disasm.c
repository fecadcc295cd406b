/* SPDX-License-Identifier: MIT */
/* Text of ops, shaped by operand format alone: a new op needs no line here. (Those with functions
 * have them named.) */
#include <stdarg.h>
#include <stdio.h>
#include "vliw-model/disasm.h"

/* A bounded text that counts on past its end, as snprintf does. */
struct text {
    char *buf;
    size_t size;
    int len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
    size_t at = (size_t)t->len < t->size ? (size_t)t->len : t->size;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->size ? t->buf + at : NULL, t->size - at, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len += n;
}

const char *disasm_cond(unsigned cond)
{
    static const char *const name[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                         "s", "ns", "p", "np", "l", "ge", "le", "g"};
    return cond < 16 ? name[cond] : "?";
}

static const char *const fn_names[FN_COUNT_] = {
#define FN(name, op, doc) [FN_##name] = #name,
#include "vliw-model/simd.def"
#undef FN
};

static int small(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

enum simd_fn disasm_find_fn(const char *name, size_t len)
{
    for (unsigned fn = 1; fn < FN_COUNT_; fn++) {
        size_t i = 0;
        while (i < len && fn_names[fn][i] && small(fn_names[fn][i]) == name[i])
            i++;
        if (i == len && !fn_names[fn][i])
            return (enum simd_fn)fn;
    }
    return FN_NONE;
}

bool disasm_simd(unsigned opc, uint32_t b, char *buf, size_t size)
{
    unsigned fn = SIMD_FN(b), n = 0;
    char name[16];
    if (opc < OP_VALU || opc > OP_VFDIV || b >> 29 || fn >= FN_COUNT_ || simd_fn_op[fn] != opc)
        return false;
    while (n + 1 < sizeof name && fn_names[fn][n]) {
        name[n] = (char)small(fn_names[fn][n]);
        n++;
    }
    name[n] = 0;
    int at = snprintf(buf, size, "%s%s w%u, w%u", name, SIMD_M(b) ? ".m" : "", (unsigned)SIMD_D(b),
                      (unsigned)SIMD_S(b));
    if (SIMD_IMM(b) && (size_t)at < size)
        snprintf(buf + at, size - (size_t)at, ", 0x%x", (unsigned)SIMD_IMM(b));
    return true;
}

static void put_b(struct text *t, const struct vop *op)
{
    switch (op->bmode) {
    case B_REG: put(t, "r%u", op->rb); break;
    case B_SHORT: put(t, "%d", op->imm); break;
    default: put(t, "0x%x", (unsigned)op->imm); break;
    }
}

/* A register as index of a memory op is legal in the encoding; elsewhere the displacement is a
 * number. */
static void put_address(struct text *t, const struct vop *op)
{
    put_b(t, op);
    put(t, "(r%u)", op->ra);
}

static void put_op(struct text *t, const struct vop *op)
{
    if (op->opc >= OP_COUNT_) {
        put(t, ".illegal %u", op->opc);
        return;
    }
    const struct op_info *info = &op_table[op->opc];
    put(t, "%s", info->name);
    if (info->format != FMT_NONE)
        put(t, " ");
    switch (info->format) {
    case FMT_NONE:
        if (op->bmode == B_LONG)
            put(t, " 0x%x", (unsigned)op->imm);
        break;
    case FMT_RRB:
    case FMT_RRBX:
    case FMT_RRBS:
        put(t, "r%u, r%u, ", op->rd, op->ra);
        put_b(t, op);
        break;
    case FMT_RR:
    case FMT_RRX: put(t, "r%u, r%u", op->rd, op->ra); break;
    case FMT_RB: {
        char simd[48];
        put(t, "r%u, ", op->rd);
        if (op->bmode == B_LONG && disasm_simd(op->opc, (uint32_t)op->imm, simd, sizeof simd))
            put(t, "%s", simd);
        else
            put_b(t, op);
        break;
    }
    case FMT_RC: put(t, "r%u, %s", op->rd, disasm_cond((unsigned)op->imm)); break;
    case FMT_RRC: put(t, "r%u, r%u, %s", op->rd, op->ra, disasm_cond((unsigned)op->imm)); break;
    case FMT_LOAD:
    case FMT_STORE:
    case FMT_JALR:
        put(t, "r%u, ", op->rd);
        put_address(t, op);
        break;
    case FMT_WLOAD:
    case FMT_WSTORE:
        put(t, "w%u, ", op->rd);
        put_address(t, op);
        break;
    case FMT_WWB:
        put(t, "w%u, w%u, ", op->rd, op->ra);
        put_b(t, op);
        break;
    case FMT_AB:
        put(t, "r%u, ", op->ra);
        put_b(t, op);
        break;
    case FMT_B: put_b(t, op); break;
    case FMT_BRCC: put(t, "%s, 0x%x", disasm_cond(op->rd), (unsigned)op->imm); break;
    case FMT_BRR: put(t, "r%u, 0x%x", op->ra, (unsigned)op->imm); break;
    case FMT_BRRR: put(t, "r%u, r%u, 0x%x", op->rd, op->ra, (unsigned)op->imm); break;
    case FMT_JAL: put(t, "r%u, 0x%x", op->rd, (unsigned)op->imm); break;
    case FMT_CODE:
        put(t, "%s, ", disasm_cond(op->rd));
        put_b(t, op);
        break;
    default: put(t, "?"); break;
    }
}

int disasm_op(const struct vop *op, char *buf, size_t size)
{
    struct text t = {buf, size, 0};
    if (size)
        buf[0] = 0;
    put_op(&t, op);
    return t.len;
}

int disasm_bundle(const struct bundle *b, char *buf, size_t size)
{
    struct text t = {buf, size, 0};
    if (size)
        buf[0] = 0;
    for (unsigned i = 0; i < b->nops && i < MAX_BUNDLE_OPS; i++) {
        if (i)
            put(&t, " | ");
        put_op(&t, &b->op[i]);
    }
    if (b->commit)
        put(&t, " ; commit %u", b->retired);
    return t.len;
}

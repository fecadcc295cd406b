/* SPDX-License-Identifier: MIT */
/*
 * The generic way to execute one instruction: fetch its bytes, decode it, switch on what it is.
 * Complete and plain; the fast handlers (interp_fast.c) do the frequent forms again, straight from
 * the bytes, and a test compares the two. What is no matter of a few lines is a function of another
 * file: arithmetic of interp_arith.c, control and stack frames of interp_control.c.
 *
 * To add an instruction: its rows in ia32.def, its name in insn.def, a case here (data), in
 * interp_control.c, interp_string.c or interp_sys.c, and a line in tests/insns/.
 */
#include "isa-frontend/interp_int.h"

uint32_t ia32_offset(const struct insn *in)
{
    uint32_t a = in->disp;
    if (in->base != REG_NONE)
        a += hw_gget(in->base);
    if (in->index != REG_NONE)
        a += hw_gget(in->index) << in->scale;
    return in->addrsize == 2 ? hw_zext16(a) : a;
}

uint32_t ia32_linear(const struct insn *in)
{
    return in->seg == SEG_NONE ? 0 : ia32_offset(in) + seg_base(in->seg);
}

/* A datum by operand; `a` is the address of the memory operand. */
uint32_t ia32_get(const struct insn *in, uint32_t k, uint32_t a)
{
    const struct opnd *o = &in->o[k];
    switch (o->kind) {
    case O_REG: return reg_of(o->reg, o->size);
    case O_MEM: return load(a, o->size);
    case O_IMM2: return in->imm2;
    default: return in->imm;
    }
}

void ia32_put(const struct insn *in, uint32_t k, uint32_t a, uint32_t v)
{
    const struct opnd *o = &in->o[k];
    if (o->kind == O_REG) {
        set_reg_of(o->reg, o->size, v);
        return;
    }
    if (in->seg == SEG_CS) /* code segments are never writable */
        cms_guest_fault(X_GP, 0);
    store(a, o->size, v);
}

/* Everything that works on data and the stack; retired by the caller. False: not of this kind. */
static bool data(const struct insn *in, uint32_t mode)
{
    uint32_t size = in->opsize, a = in->seg != SEG_NONE ? ia32_linear(in) : 0, x, y;
    struct stack s;
    if (in->seg == SEG_CS && (ia32_rows[in->row].attr & (AT_LK | AT_RM)))
        cms_guest_fault(X_GP, 0);
    switch (in->op) {
#define ALU(name, op)                                                                              \
    case I_##name:                                                                                 \
        x = ia32_get(in, 0, a);                                                                    \
        y = ia32_get(in, 1, a);                                                                    \
        ia32_put(in, 0, a, BY_SIZE(op, size, x, y));                                               \
        return true;
        ALU(ADD, add)
        ALU(OR, or)
        ALU(ADC, adc)
        ALU(SBB, sbb)
        ALU(AND, and)
        ALU(SUB, sub)
        ALU(XOR, xor)
#undef ALU
    case I_CMP:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        BY_SIZE(sub, size, x, y);
        return true;
    case I_TEST:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        BY_SIZE(and, size, x, y);
        return true;
    case I_INC:
        x = ia32_get(in, 0, a);
        ia32_put(in, 0, a, BY_SIZE1(inc, size, x));
        return true;
    case I_DEC:
        x = ia32_get(in, 0, a);
        ia32_put(in, 0, a, BY_SIZE1(dec, size, x));
        return true;
    case I_NOT: ia32_put(in, 0, a, ~ia32_get(in, 0, a)); return true;
    case I_NEG:
        x = ia32_get(in, 0, a);
        ia32_put(in, 0, a, BY_SIZE(sub, size, 0, x));
        return true;
    case I_MUL:
    case I_IMUL1: ia32_multiply(in, ia32_get(in, 0, a)); return true;
    case I_DIV:
    case I_IDIV: ia32_divide(in, ia32_get(in, 0, a)); return true;
    case I_IMUL:
        x = ia32_get(in, in->nopnds == 3 ? 1 : 0, a);
        y = ia32_get(in, in->nopnds == 3 ? 2 : 1, a);
        ia32_put(in, 0, a, size == 4 ? hw_imulf32(x, y) : hw_imulf16(x, y));
        return true;
    case I_ROL:
    case I_ROR:
    case I_RCL:
    case I_RCR:
    case I_SHL:
    case I_SHR:
    case I_SAR:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        ia32_put(in, 0, a, ia32_shift(in->op, size, x, y));
        return true;
    case I_SHLD:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        ia32_put(in, 0, a,
                 size == 4 ? hw_shldf32(x, y, ia32_get(in, 2, a))
                           : hw_shldf16(x, y, ia32_get(in, 2, a)));
        return true;
    case I_SHRD:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        ia32_put(in, 0, a,
                 size == 4 ? hw_shrdf32(x, y, ia32_get(in, 2, a))
                           : hw_shrdf16(x, y, ia32_get(in, 2, a)));
        return true;
    case I_MOV: ia32_put(in, 0, a, ia32_get(in, 1, a)); return true;
    case I_MOVZX: ia32_put(in, 0, a, ia32_get(in, 1, a)); return true;
    case I_MOVSX:
        x = ia32_get(in, 1, a);
        ia32_put(in, 0, a, in->o[1].size == 1 ? hw_sext8(x) : hw_sext16(x));
        return true;
    case I_LEA: ia32_put(in, 0, 0, ia32_offset(in)); return true;
    case I_XCHG:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        ia32_put(in, 0, a, y);
        ia32_put(in, 1, a, x);
        return true;
    case I_XADD:
        x = ia32_get(in, 0, a);
        y = ia32_get(in, 1, a);
        ia32_put(in, 1, a, x);
        ia32_put(in, 0, a, BY_SIZE(add, size, x, y));
        return true;
    case I_CMPXCHG: ia32_compare_exchange(in, a); return true;
    case I_CMPXCHG8B: ia32_compare_exchange_8b(a, mode); return true;
    case I_BSWAP:
        x = hw_gget(in->o[0].reg);
        set_reg_of(in->o[0].reg, size, size == 4 ? hw_bswap(x) : 0);
        return true;
    case I_XLAT:
        x = hw_g(G_EBX) + reg8(0);
        if (in->addrsize == 2)
            x = hw_zext16(x);
        if (!ia32_seg_plain(mode, in->seg))
            ia32_seg_check(in->seg, x, 1, SEGA_READ);
        set_reg8(0, hw_gld8(x + seg_base(in->seg)));
        return true;
    case I_CBW:
        x = hw_g(G_EAX);
        hw_setg(G_EAX, size == 4 ? hw_sext16(x) : hw_ins16(x, hw_sext8(x)));
        return true;
    case I_CWD:
        x = hw_g(G_EAX);
        set_reg_of(G_EDX, size,
                   size == 4 ? (uint32_t)((int32_t)x >> 31)
                             : (uint32_t)((int32_t)hw_sext16(x) >> 31));
        return true;
    case I_SETCC: ia32_put(in, 0, a, ia32_condition(in->cond)); return true;
    case I_CMOVCC:
        x = ia32_get(in, 1, a);
        if (ia32_condition(in->cond))
            ia32_put(in, 0, a, x);
        return true;
    case I_BT:
    case I_BTS:
    case I_BTR:
    case I_BTC: ia32_bit_test(in, a, mode); return true;
    case I_BSF:
        x = ia32_get(in, 1, a);
        ia32_put(in, 0, a, hw_bsff(ia32_get(in, 0, a), x));
        return true;
    case I_BSR:
        x = ia32_get(in, 1, a);
        ia32_put(in, 0, a, hw_bsrf(ia32_get(in, 0, a), x));
        return true;
    case I_DAA:
    case I_DAS:
    case I_AAA:
    case I_AAS:
    case I_AAM:
    case I_AAD: ia32_decimal(in); return true;
    case I_SALC: set_reg8(0, 0u - hw_setcc(CC_B)); return true;
    case I_LAHF: set_reg8(4, hw_rdcc() | 2); return true;
    case I_SAHF: hw_wrcc(reg8(4), F_SF | F_ZF | F_AF | F_PF | F_CF); return true;
    case I_CLC: hw_wrcc(0, F_CF); return true;
    case I_STC: hw_wrcc(F_CF, F_CF); return true;
    case I_CMC: hw_wrcc(hw_rdcc() ^ F_CF, F_CF); return true;
    case I_CLD: hw_setg(G_EFL, hw_g(G_EFL) & ~(uint32_t)EFL_DF); return true;
    case I_STD: hw_setg(G_EFL, hw_g(G_EFL) | EFL_DF); return true;
    case I_NOP:
    case I_PREFETCH: return true;
    case I_BOUND: {
        /* The upper bound is not even read if the lower one is missed. */
        bool check = !ia32_seg_plain(mode, in->seg);
        x = ia32_get(in, 0, a);
        if (check)
            ia32_seg_check(in->seg, ia32_offset(in), size, SEGA_READ);
        y = load(a, size);
        if (size == 2) {
            x = hw_sext16(x);
            y = hw_sext16(y);
        }
        if ((int32_t)x < (int32_t)y)
            cms_guest_fault(X_BR, 0);
        if (check)
            ia32_seg_check(in->seg, ia32_offset(in) + size, size, SEGA_READ);
        y = load(a + size, size);
        if (size == 2)
            y = hw_sext16(y);
        if ((int32_t)x > (int32_t)y)
            cms_guest_fault(X_BR, 0);
        return true;
    }
    case I_PUSH:
        s = stack_open(mode);
        push(&s, size, ia32_get(in, 0, a));
        hw_setg(G_ESP, s.esp);
        return true;
    case I_PUSHSEG:
        s = stack_open(mode);
        /* Only 16 bits are written, as recent processors do; the manual permits either. */
        stack_add(&s, 0u - size);
        store(stack_at(&s, s.esp, 2, SEGA_WRITE), 2, selector(in->o[0].reg));
        hw_setg(G_ESP, s.esp);
        return true;
    case I_POP:
        s = stack_open(mode);
        x = pop(&s, size);
        hw_setg(G_ESP, s.esp); /* before the address, which may use it, and before POP ESP */
        if (in->o[0].kind == O_MEM) {
            if (!ia32_seg_plain(mode, in->seg))
                ia32_seg_check(in->seg, ia32_offset(in), size, SEGA_WRITE);
            a = ia32_linear(in);
        }
        ia32_put(in, 0, a, x);
        return true;
    case I_PUSHA:
        s = stack_open(mode);
        ia32_push_all(&s, size);
        return true;
    case I_POPA:
        s = stack_open(mode);
        ia32_pop_all(&s, size);
        return true;
    case I_PUSHF:
        s = stack_open(mode);
        push(&s, size, eflags() & ~(uint32_t)(EFL_RF | EFL_VM));
        hw_setg(G_ESP, s.esp);
        return true;
    case I_POPF:
        s = stack_open(mode);
        x = pop(&s, size);
        hw_setg(G_ESP, s.esp);
        ia32_set_eflags(x, size, mode);
        return true;
    case I_ENTER: ia32_enter(in, stack_open(mode)); return true;
    case I_LEAVE:
        s = stack_open(mode);
        s.esp = (s.esp & ~s.mask) | (hw_g(G_EBP) & s.mask);
        x = pop(&s, size);
        hw_setg(G_ESP, s.esp);
        set_reg_of(G_EBP, size, x);
        return true;
    default: return false;
    }
}

/* Up to 15 bytes at a linear address; those of the next page only when they are needed, for they
 * may fault. */
static enum decode_result fetch(uint32_t at, uint32_t eip, uint32_t mode, struct insn *in)
{
    uint32_t word[4], room = 4096 - (at & 4095), n = room < 15 ? room : 15, i;
    uint8_t *b = (uint8_t *)word; /* little-endian, as gear1.c reads code, too */
    enum decode_result r;
    for (i = 0; i + 4 <= (room < 16 ? room : 16); i += 4)
        word[i / 4] = hw_gldx32(at + i);
    for (; i < n; i++)
        b[i] = hw_gldx8(at + i);
    while ((r = ia32_decode(b, n, eip, mode, in)) == DEC_MORE) {
        b[n] = hw_gldx8(at + n);
        n++;
    }
    return r;
}

/* The same in a code segment with a base and a limit, byte by byte. */
static enum decode_result fetch_inside(uint32_t eip, uint32_t mode, struct insn *in)
{
    const struct ia32_segment *cs = &ia32_seg[SEG_CS];
    uint8_t b[16];
    uint32_t n = 0;
    enum decode_result r;
    if (cs->attr & SEGA_BAD)
        cms_guest_fault(cs->attr >> 8 & 0xff, cs->attr >> 16);
    do {
        if (cs->last - eip < n || eip > cs->last)
            cms_guest_fault(X_GP, 0);
        b[n] = hw_gldx8(cs->base + eip + n);
        n++;
        r = ia32_decode(b, n, eip, mode, in);
    } while (r == DEC_MORE);
    return r;
}

uint32_t ia32_step(bool single)
{
    struct insn in;
    uint32_t eip = hw_g(G_EIP), mode = hw_mfs(SR_MODE), next;
    switch (__builtin_expect(mode & MODE_FLAT, MODE_FLAT) ? fetch(eip, eip, mode, &in)
                                                          : fetch_inside(eip, mode, &in)) {
    case DEC_UD: cms_guest_fault(X_UD, 0);
    case DEC_TOO_LONG: cms_guest_fault(X_GP, 0);
    default: break;
    }
    next = eip + in.length;
    if (__builtin_expect(in.seg <= SEG_DS, 1) ? !(mode & MODE_FLAT)
                                              : in.seg != SEG_NONE && !ia32_seg_plain(mode, in.seg))
        ia32_seg_check_operand(&in);
    if (ia32_rows[in.row].attr & AT_CT)
        return ia32_control(&in, next, mode);
    if (ia32_is_x87(in.op)) {
        ia32_x87(&in);
        return IX_NEXT;
    }
    if (ia32_is_simd(in.op)) {
        ia32_simd(&in);
        return IX_NEXT;
    }
    if (data(&in, mode)) {
        retire(next);
        return IX_NEXT;
    }
    if (ia32_rows[in.row].attr & AT_ST)
        return ia32_string(&in, single);
    return ia32_system(&in, mode);
}

uint32_t ia32_write_intent(uint32_t eip, uint32_t *addr)
{
    struct insn in;
    enum decode_result r;
    uint32_t at = eip + ia32_seg[SEG_CS].base;
    if (hw_probex(at, 1))
        return 0;
    uint32_t mode = hw_mfs(SR_MODE), room = 4096 - (at & 4095);
    if (room < 15 && hw_probex(at + room, 1)) {
        uint8_t b[15];
        for (uint32_t i = 0; i < room; i++)
            b[i] = hw_gldx8(at + i);
        r = ia32_decode(b, room, eip, mode, &in);
    } else {
        r = fetch(at, eip, mode, &in);
    }
    if (r != DEC_OK || in.o[0].kind != O_MEM || !(ia32_rows[in.row].attr & (AT_LK | AT_RM)))
        return 0;
    uint32_t a = ia32_linear(&in);
    if (*addr - a < in.o[0].size && hw_probew(a, 1))
        *addr = a;
    return ACC_WRITE;
}

/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic that takes more than an intrinsic of the hardware: double-width products, quotients,
 * decimal adjustments, bit strings, compare and exchange. Operands are read and flags are set here;
 * interp_generic.c retires.
 *
 * To add one: a function here, its case in interp_generic.c (data). It faults before it stores.
 */
#include "isa-frontend/interp_int.h"

/* Multiplication with a double-width result in AX, DX:AX, EDX:EAX. */
void ia32_multiply(const struct insn *in, uint32_t v)
{
    uint32_t a = hw_g(G_EAX), lo, hi;
    bool sign = in->op == I_IMUL1;
    switch (in->opsize) {
    case 1: hw_setg(G_EAX, hw_ins16(a, sign ? hw_imul8f(a, v) : hw_mul8f(a, v))); break;
    case 2:
        hi = sign ? hw_sext16(a) * hw_sext16(v) : hw_zext16(a) * v;
        lo = sign ? hw_imulf16(a, v) : hw_mulf16(a, v);
        hw_setg(G_EAX, hw_ins16(a, lo));
        hw_setg(G_EDX, hw_ins16(hw_g(G_EDX), hi >> 16));
        break;
    default:
        hi = sign ? (uint32_t)((uint64_t)((int64_t)(int32_t)a * (int32_t)v) >> 32)
                  : (uint32_t)(((uint64_t)a * v) >> 32);
        lo = sign ? hw_imulf32(a, v) : hw_mulf32(a, v);
        hw_setg(G_EAX, lo);
        hw_setg(G_EDX, hi);
        break;
    }
}

/* Division; the hardware's traps DIVIDE for a zero divisor and for quotients over 32 bits. */
void ia32_divide(const struct insn *in, uint32_t v)
{
    uint32_t a = hw_g(G_EAX), d = hw_g(G_EDX), q, r;
    bool sign = in->op == I_IDIV;
    switch (in->opsize) {
    case 1:
        if (sign) {
            int32_t n = (int32_t)hw_sext16(a), s = (int32_t)hw_sext8(v);
            q = hw_sdivq((uint32_t)(n >> 31), (uint32_t)n, (uint32_t)s);
            r = hw_sdivr((uint32_t)(n >> 31), (uint32_t)n, (uint32_t)s);
            if (q != hw_sext8(q))
                cms_guest_fault(X_DE, 0);
        } else {
            q = hw_udivq(0, hw_zext16(a), v);
            r = hw_udivr(0, hw_zext16(a), v);
            if (q > 0xff)
                cms_guest_fault(X_DE, 0);
        }
        hw_setg(G_EAX, hw_ins8h(hw_ins8(a, q), r));
        break;
    case 2: {
        uint32_t n = hw_zext16(a) | d << 16;
        if (sign) {
            uint32_t s = hw_sext16(v), h = (uint32_t)((int32_t)n >> 31);
            q = hw_sdivq(h, n, s);
            r = hw_sdivr(h, n, s);
            if (q != hw_sext16(q))
                cms_guest_fault(X_DE, 0);
        } else {
            q = hw_udivq(0, n, v);
            r = hw_udivr(0, n, v);
            if (q > 0xffff)
                cms_guest_fault(X_DE, 0);
        }
        hw_setg(G_EAX, hw_ins16(a, q));
        hw_setg(G_EDX, hw_ins16(d, r));
        break;
    }
    default:
        q = sign ? hw_sdivq(d, a, v) : hw_udivq(d, a, v);
        r = sign ? hw_sdivr(d, a, v) : hw_udivr(d, a, v);
        hw_setg(G_EAX, q);
        hw_setg(G_EDX, r);
        break;
    }
}

/* Decimal adjustments. Flags that the manual leaves undefined are cleared. */
void ia32_decimal(const struct insn *in)
{
    uint32_t eax = hw_g(G_EAX), al = eax & 0xff, ah = eax >> 8 & 0xff, cc = hw_rdcc(), cf = 0,
             af = 0;
    bool low = (al & 15) > 9 || (cc & F_AF);
    switch (in->op) {
    case I_DAA:
    case I_DAS: {
        uint32_t old = al, step = 0;
        bool minus = in->op == I_DAS;
        if (low) {
            step = 6;
            af = F_AF;
            if (minus && (old < 6 || (cc & F_CF)))
                cf = F_CF;
        }
        if (old > 0x99 || (cc & F_CF)) {
            step += 0x60;
            cf = F_CF;
        }
        al = hw_orf8(minus ? old - step : old + step, 0);
        hw_setg(G_EAX, hw_ins8(eax, al));
        hw_wrcc(cf | af, F_CF | F_AF);
        return;
    }
    case I_AAA:
    case I_AAS:
        if (low) {
            eax = hw_ins16(eax, in->op == I_AAA ? eax + 0x106 : eax - 0x106);
            cf = F_CF | F_AF;
        }
        al = hw_orf8(eax & 15, 0);
        hw_setg(G_EAX, hw_ins8(eax, eax & 15));
        hw_wrcc(cf, F_CF | F_AF);
        return;
    case I_AAM:
        if (in->imm == 0)
            cms_guest_fault(X_DE, 0);
        ah = al / in->imm;
        al = hw_orf8(al % in->imm, 0);
        break;
    default: /* AAD */
        al = hw_orf8((al + ah * in->imm) & 0xff, 0);
        ah = 0;
        break;
    }
    hw_setg(G_EAX, hw_ins8h(hw_ins8(eax, al), ah));
}

uint32_t ia32_shift(uint32_t op, uint32_t size, uint32_t v, uint32_t count)
{
    switch (op) {
    case I_ROL: return BY_SIZE(rol, size, v, count);
    case I_ROR: return BY_SIZE(ror, size, v, count);
    case I_RCL: return BY_SIZE(rcl, size, v, count);
    case I_RCR: return BY_SIZE(rcr, size, v, count);
    case I_SHL: return BY_SIZE(shl, size, v, count);
    case I_SHR: return BY_SIZE(shr, size, v, count);
    default: return BY_SIZE(sar, size, v, count);
    }
}

/* BT and its kin: with a register for the bit number, memory is a bit string that reaches beyond
 * the operand. */
void ia32_bit_test(const struct insn *in, uint32_t a, uint32_t mode)
{
    uint32_t size = in->opsize, n = ia32_get(in, 1, 0), v;
    if (in->o[0].kind == O_MEM && in->o[1].kind == O_REG) {
        int32_t i = size == 4 ? (int32_t)n : (int32_t)hw_sext16(n);
        uint32_t step = size == 4 ? (uint32_t)(i >> 5) * 4 : (uint32_t)(i >> 4) * 2;
        a = ia32_offset(in) + step;
        if (in->addrsize == 2)
            a = hw_zext16(a);
        if (!ia32_seg_plain(mode, in->seg))
            ia32_seg_check(in->seg, a, size, in->op == I_BT ? SEGA_READ : SEGA_WRITE);
        a += seg_base(in->seg);
    }
    n &= size * 8 - 1;
    v = ia32_get(in, 0, a);
    hw_btf(v, n);
    if (in->op == I_BTS)
        v |= 1u << n;
    else if (in->op == I_BTR)
        v &= ~(1u << n);
    else if (in->op == I_BTC)
        v ^= 1u << n;
    if (in->op != I_BT)
        ia32_put(in, 0, a, v);
}

void ia32_compare_exchange(const struct insn *in, uint32_t a)
{
    uint32_t size = in->opsize, acc = reg_of(0, size), d = ia32_get(in, 0, a),
             s = ia32_get(in, 1, a);
    BY_SIZE(sub, size, acc, d);
    bool equal = acc == d;
    if (in->o[0].kind == O_MEM) {
        store(a, size, equal ? s : d);
        if (!equal)
            set_reg_of(0, size, d);
    } else if (equal) {
        ia32_put(in, 0, a, s);
    } else {
        set_reg_of(0, size, d);
    }
}

void ia32_compare_exchange_8b(uint32_t a, uint32_t mode)
{
    if ((mode & MODE_AC) && (a & 7))
        cms_guest_fault(X_AC, 0);
    uint32_t lo = hw_gld32(a), hi = hw_gld32(a + 4);
    bool equal = lo == hw_g(G_EAX) && hi == hw_g(G_EDX);
    hw_gst32(a, equal ? hw_g(G_EBX) : lo);
    hw_gst32(a + 4, equal ? hw_g(G_ECX) : hi);
    if (!equal) {
        hw_setg(G_EAX, lo);
        hw_setg(G_EDX, hi);
    }
    hw_wrcc(equal ? F_ZF : 0, F_ZF);
}

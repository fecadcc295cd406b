/* SPDX-License-Identifier: MIT */
/*
 * The generic way to execute one instruction: fetch its bytes, decode it, switch on what it is.
 * Complete and plain; the fast handlers (interp_fast.c) do the frequent forms again, straight from
 * the bytes, and a test compares the two.
 *
 * To add an instruction: its rows in ia32.def, its name in insn.def, a case here (data), in
 * interp_string.c or in interp_sys.c, and a line in tests/insns/.
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
static uint32_t get(const struct insn *in, uint32_t k, uint32_t a)
{
    const struct opnd *o = &in->o[k];
    switch (o->kind) {
    case O_REG: return reg_of(o->reg, o->size);
    case O_MEM: return load(a, o->size);
    case O_IMM2: return in->imm2;
    default: return in->imm;
    }
}

static void put(const struct insn *in, uint32_t k, uint32_t a, uint32_t v)
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

static uint32_t condition(uint32_t c)
{
    switch (c) {
    case CC_O: return hw_setcc(CC_O);
    case CC_NO: return hw_setcc(CC_NO);
    case CC_B: return hw_setcc(CC_B);
    case CC_AE: return hw_setcc(CC_AE);
    case CC_E: return hw_setcc(CC_E);
    case CC_NE: return hw_setcc(CC_NE);
    case CC_BE: return hw_setcc(CC_BE);
    case CC_A: return hw_setcc(CC_A);
    case CC_S: return hw_setcc(CC_S);
    case CC_NS: return hw_setcc(CC_NS);
    case CC_P: return hw_setcc(CC_P);
    case CC_NP: return hw_setcc(CC_NP);
    case CC_L: return hw_setcc(CC_L);
    case CC_GE: return hw_setcc(CC_GE);
    case CC_LE: return hw_setcc(CC_LE);
    default: return hw_setcc(CC_G);
    }
}

/* Multiplication with a double-width result in AX, DX:AX, EDX:EAX. */
static void multiply(const struct insn *in, uint32_t v)
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
static void divide(const struct insn *in, uint32_t v)
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
static void decimal(const struct insn *in)
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

static uint32_t shift(uint32_t op, uint32_t size, uint32_t v, uint32_t count)
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
static void bit_test(const struct insn *in, uint32_t a, uint32_t mode)
{
    uint32_t size = in->opsize, n = get(in, 1, 0), v;
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
    v = get(in, 0, a);
    hw_btf(v, n);
    if (in->op == I_BTS)
        v |= 1u << n;
    else if (in->op == I_BTR)
        v &= ~(1u << n);
    else if (in->op == I_BTC)
        v ^= 1u << n;
    if (in->op != I_BT)
        put(in, 0, a, v);
}

static void compare_exchange(const struct insn *in, uint32_t a)
{
    uint32_t size = in->opsize, acc = reg_of(0, size), d = get(in, 0, a), s = get(in, 1, a);
    BY_SIZE(sub, size, acc, d);
    bool equal = acc == d;
    if (in->o[0].kind == O_MEM) {
        store(a, size, equal ? s : d);
        if (!equal)
            set_reg_of(0, size, d);
    } else if (equal) {
        put(in, 0, a, s);
    } else {
        set_reg_of(0, size, d);
    }
}

static void compare_exchange_8b(uint32_t a, uint32_t mode)
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

/*
 * PUSHA and ENTER store more than the smallest store buffer holds: they ask first whether every
 * store will succeed, and make the first that will not, for its fault. Then they store in steps,
 * each committed with EIP still on the instruction; nothing can come between.
 */
static void probe_push(struct stack *t, uint32_t size)
{
    stack_add(t, 0u - size);
    uint32_t a = stack_at(t, t->esp, size, SEGA_WRITE);
    if (hw_probew(a, size))
        store(a, size, 0);
}

static void push_all(struct stack *s, uint32_t size)
{
    uint32_t esp = s->esp;
    struct stack t = *s;
    for (uint32_t r = 0; r < 8; r++)
        probe_push(&t, size);
    for (uint32_t r = 0; r < 8; r++) {
        push(s, size, r == G_ESP ? esp : hw_gget(r));
        if (r == 3)
            cms_commit_step();
    }
    hw_setg(G_ESP, s->esp);
}

static void pop_all(struct stack *s, uint32_t size)
{
    for (uint32_t r = 8; r-- > 0;) {
        uint32_t v = pop(s, size);
        if (r != G_ESP)
            set_reg_of(r, size, v);
    }
    hw_setg(G_ESP, s->esp);
}

static void enter(const struct insn *in, struct stack s)
{
    uint32_t size = in->opsize, level = in->imm2 & 31, bp = hw_g(G_EBP), frame;
    struct stack last = s;
    /* In the order in which a processor would meet them (a probe does not look at alignment); then
     * the new top of the stack, which must be writable. */
    if (hw_mfs(SR_ALIGN_CHECK) && (s.esp & (size - 1)))
        cms_guest_fault(X_AC, 0);
    probe_push(&last, size);
    for (uint32_t i = 1; i < level; i++) {
        load(stack_at(&s, bp - i * size, size, SEGA_READ), size);
        probe_push(&last, size);
    }
    if (level)
        probe_push(&last, size);
    stack_add(&last, 0u - in->imm);
    uint32_t top = stack_at(&last, last.esp, size, SEGA_WRITE);
    if (hw_probew(top, size))
        store(top, size, 0);

    push(&s, size, bp);
    frame = s.esp;
    for (uint32_t i = 1; i < level; i++) {
        push(&s, size, load(stack_at(&s, bp - i * size, size, SEGA_READ), size));
        if (i & 1)
            cms_commit_step();
    }
    if (level)
        push(&s, size, frame);
    set_reg_of(G_EBP, s.mask == 0xffff ? 2 : size, frame);
    if (size == 2 && s.mask != 0xffff)
        hw_setg(G_EBP, hw_ins16(bp, frame));
    stack_add(&s, 0u - in->imm);
    hw_setg(G_ESP, s.esp);
}

/* Not IF, IOPL, VM, RF and the virtual ones for a user. */
void ia32_set_eflags(uint32_t v, uint32_t size, uint32_t mode)
{
    uint32_t mask = EFL_TF | EFL_DF | EFL_NT | EFL_AC | EFL_ID, old = hw_g(G_EFL), now;
    if (!(mode & MODE_CPL3))
        mask |= EFL_IF | EFL_IOPL;
    if (size == 2)
        mask &= 0xffff;
    now = ((old & ~mask) | (v & mask)) & ~(uint32_t)EFL_RF;
    hw_setg(G_EFL, now);
    hw_wrcc(v, F_ALL);
    if ((old ^ now) & (EFL_TF | EFL_AC))
        ia32_mode_flags();
}

static uint32_t interrupt(const struct insn *in, uint32_t next, uint32_t mode)
{
    uint32_t n = in->op == I_INT3   ? X_BP
                 : in->op == I_INTO ? X_OF
                 : in->op == I_INT1 ? X_DB
                                    : in->imm;
    if (in->op == I_INTO && !hw_setcc(CC_O)) {
        retire(next);
        return IX_NEXT;
    }
    if ((mode & (MODE_PE | MODE_CPL3)) != (MODE_PE | MODE_CPL3))
        cms_unimplemented(in->eip);
    if (in->op == I_INT && n == 0x80) {
        retire(next);
        return IX_SYSCALL;
    }
    /* A process may raise 3 and 4 by INT; any other gate is closed to it. */
    if (in->op != I_INT || n == X_BP || n == X_OF) {
        retire(next);
        cms_guest_trap(n, 0);
    }
    cms_guest_fault(X_GP, n * 8 + 2);
}

static uint32_t counted(const struct insn *in, uint32_t next, uint32_t mode)
{
    uint32_t c = hw_g(G_ECX), left;
    bool taken;
    if (in->op == I_JECXZ)
        return jump((in->addrsize == 4 ? c : hw_zext16(c)) == 0 ? in->imm : next, mode);
    c--;
    left = in->addrsize == 4 ? c : hw_zext16(c);
    taken = left != 0;
    if (in->op == I_LOOPE)
        taken = taken && hw_setcc(CC_E);
    else if (in->op == I_LOOPNE)
        taken = taken && hw_setcc(CC_NE);
    set_reg_of(G_ECX, in->addrsize, c);
    return jump(taken ? in->imm : next, mode);
}

static uint32_t control(const struct insn *in, uint32_t next, uint32_t mode)
{
    uint32_t size = in->opsize, target, a = in->seg != SEG_NONE ? ia32_linear(in) : 0;
    struct stack s = stack_open(mode);
    switch (in->op) {
    case I_JMP: return jump(in->imm, mode);
    case I_JCC: return jump(condition(in->cond) ? in->imm : next, mode);
    case I_JMPI: return jump(get(in, 0, a), mode);
    case I_CALL:
    case I_CALLI:
        target = in->op == I_CALL ? in->imm : get(in, 0, a);
        push(&s, size, next);
        /* Processors look at the limit only when the return address is stored already. */
        if (beyond_limit(target, mode))
            cms_commit_step();
        hw_setg(G_ESP, s.esp);
        return jump(target, mode);
    case I_RET:
        target = pop(&s, size);
        stack_add(&s, in->imm);
        hw_setg(G_ESP, s.esp);
        return jump(target, mode);
    case I_CALLF:
    case I_JMPF:
    case I_RETF:
    case I_IRET: return ia32_far(in, next, mode);
    case I_LOOP:
    case I_LOOPE:
    case I_LOOPNE:
    case I_JECXZ: return counted(in, next, mode);
    case I_SYSENTER:
    case I_SYSEXIT: return ia32_system(in, mode);
    default: return interrupt(in, next, mode);
    }
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
        x = get(in, 0, a);                                                                         \
        y = get(in, 1, a);                                                                         \
        put(in, 0, a, BY_SIZE(op, size, x, y));                                                    \
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
        x = get(in, 0, a);
        y = get(in, 1, a);
        BY_SIZE(sub, size, x, y);
        return true;
    case I_TEST:
        x = get(in, 0, a);
        y = get(in, 1, a);
        BY_SIZE(and, size, x, y);
        return true;
    case I_INC:
        x = get(in, 0, a);
        put(in, 0, a, BY_SIZE1(inc, size, x));
        return true;
    case I_DEC:
        x = get(in, 0, a);
        put(in, 0, a, BY_SIZE1(dec, size, x));
        return true;
    case I_NOT: put(in, 0, a, ~get(in, 0, a)); return true;
    case I_NEG:
        x = get(in, 0, a);
        put(in, 0, a, BY_SIZE(sub, size, 0, x));
        return true;
    case I_MUL:
    case I_IMUL1: multiply(in, get(in, 0, a)); return true;
    case I_DIV:
    case I_IDIV: divide(in, get(in, 0, a)); return true;
    case I_IMUL:
        x = get(in, in->nopnds == 3 ? 1 : 0, a);
        y = get(in, in->nopnds == 3 ? 2 : 1, a);
        put(in, 0, a, size == 4 ? hw_imulf32(x, y) : hw_imulf16(x, y));
        return true;
    case I_ROL:
    case I_ROR:
    case I_RCL:
    case I_RCR:
    case I_SHL:
    case I_SHR:
    case I_SAR:
        x = get(in, 0, a);
        y = get(in, 1, a);
        put(in, 0, a, shift(in->op, size, x, y));
        return true;
    case I_SHLD:
        x = get(in, 0, a);
        y = get(in, 1, a);
        put(in, 0, a,
            size == 4 ? hw_shldf32(x, y, get(in, 2, a)) : hw_shldf16(x, y, get(in, 2, a)));
        return true;
    case I_SHRD:
        x = get(in, 0, a);
        y = get(in, 1, a);
        put(in, 0, a,
            size == 4 ? hw_shrdf32(x, y, get(in, 2, a)) : hw_shrdf16(x, y, get(in, 2, a)));
        return true;
    case I_MOV: put(in, 0, a, get(in, 1, a)); return true;
    case I_MOVZX: put(in, 0, a, get(in, 1, a)); return true;
    case I_MOVSX:
        x = get(in, 1, a);
        put(in, 0, a, in->o[1].size == 1 ? hw_sext8(x) : hw_sext16(x));
        return true;
    case I_LEA: put(in, 0, 0, ia32_offset(in)); return true;
    case I_XCHG:
        x = get(in, 0, a);
        y = get(in, 1, a);
        put(in, 0, a, y);
        put(in, 1, a, x);
        return true;
    case I_XADD:
        x = get(in, 0, a);
        y = get(in, 1, a);
        put(in, 1, a, x);
        put(in, 0, a, BY_SIZE(add, size, x, y));
        return true;
    case I_CMPXCHG: compare_exchange(in, a); return true;
    case I_CMPXCHG8B: compare_exchange_8b(a, mode); return true;
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
    case I_SETCC: put(in, 0, a, condition(in->cond)); return true;
    case I_CMOVCC:
        x = get(in, 1, a);
        if (condition(in->cond))
            put(in, 0, a, x);
        return true;
    case I_BT:
    case I_BTS:
    case I_BTR:
    case I_BTC: bit_test(in, a, mode); return true;
    case I_BSF:
        x = get(in, 1, a);
        put(in, 0, a, hw_bsff(get(in, 0, a), x));
        return true;
    case I_BSR:
        x = get(in, 1, a);
        put(in, 0, a, hw_bsrf(get(in, 0, a), x));
        return true;
    case I_DAA:
    case I_DAS:
    case I_AAA:
    case I_AAS:
    case I_AAM:
    case I_AAD: decimal(in); return true;
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
        x = get(in, 0, a);
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
        push(&s, size, get(in, 0, a));
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
        put(in, 0, a, x);
        return true;
    case I_PUSHA:
        s = stack_open(mode);
        push_all(&s, size);
        return true;
    case I_POPA:
        s = stack_open(mode);
        pop_all(&s, size);
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
    case I_ENTER: enter(in, stack_open(mode)); return true;
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
        return control(&in, next, mode);
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

/* SPDX-License-Identifier: MIT */
/*
 * Where code goes on: jumps, calls, loops, interrupts; and the stack frames and flags that go with
 * procedures: PUSHA, POPA, ENTER, what POPF may change. Transfers retire themselves, by jump(); the
 * others are retired by interp_generic.c. Far transfers are in interp_seg.c.
 *
 * To add a transfer of control: attribute CT in its row of ia32.def, a case in ia32_control.
 */
#include "isa-frontend/interp_int.h"

uint32_t ia32_condition(uint32_t c)
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

void ia32_push_all(struct stack *s, uint32_t size)
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

void ia32_pop_all(struct stack *s, uint32_t size)
{
    for (uint32_t r = 8; r-- > 0;) {
        uint32_t v = pop(s, size);
        if (r != G_ESP)
            set_reg_of(r, size, v);
    }
    hw_setg(G_ESP, s->esp);
}

void ia32_enter(const struct insn *in, struct stack s)
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

uint32_t ia32_control(const struct insn *in, uint32_t next, uint32_t mode)
{
    uint32_t size = in->opsize, target, a = in->seg != SEG_NONE ? ia32_linear(in) : 0;
    struct stack s = stack_open(mode);
    switch (in->op) {
    case I_JMP: return jump(in->imm, mode);
    case I_JCC: return jump(ia32_condition(in->cond) ? in->imm : next, mode);
    case I_JMPI: return jump(ia32_get(in, 0, a), mode);
    case I_CALL:
    case I_CALLI:
        target = in->op == I_CALL ? in->imm : ia32_get(in, 0, a);
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

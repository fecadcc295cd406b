/* SPDX-License-Identifier: MIT */
/*
 * The x87, interpreted: entry, loads and stores. An escape is told by its first byte (D8..DF) and
 * ModRM; what stands behind each is in dispatch_mem and dispatch_reg, family by family. State and
 * rules are told in x87.h.
 *
 * Pointers (FIP, FCO, FDP, FDS) follow the P6: every instruction but the control instructions sets
 * FIP, FCS and the opcode, those with a memory operand set FDP and FDS too. (Recent processors
 * write most of them only when an unmasked exception comes, and selectors never.)
 *
 * Not there: the real-mode formats of environments.
 *
 * Two entries: ia32_x87 for a decoded instruction, and ia32_x87_fast straight from the bytes, for
 * the loop of the fast handlers, with their assumptions (32-bit operands and addresses, no
 * prefixes, flat segments).
 *
 * What there is, ia32_x87.def says: the dispatchers only get what has a row there. To add an
 * instruction: its row, a case in one of the two dispatchers, its work in the file of its family.
 */
#include "isa-frontend/x87.h"

enum x87_class x87_class(uint32_t se, uint32_t hi, uint32_t lo)
{
    uint32_t e = se & 0x7fff;
    if (e == 0)
        return (hi | lo) == 0 ? X87_ZERO : X87_DENORMAL;
    if (!(hi >> 31))
        return X87_UNSUPPORTED;
    if (e != 0x7fff)
        return X87_NORMAL;
    return ((hi << 1) | lo) == 0 ? X87_INFINITY : X87_NAN;
}

/* ---- loads ---- */

/* The memory operand of this format into wide register w, raw. */
static void fetch(const struct x87 *x, uint32_t w, uint32_t format)
{
    uint32_t lo, hi, se;
    x87_check_read(x, x87_bytes(format), x87_align(format));
    switch (format) {
    case WF_I16: hw_wput(hw_gld16(x->addr), w * 4); break;
    case WF_F32:
    case WF_I32: hw_wput(hw_gld32(x->addr), w * 4); break;
    case WF_F64:
    case WF_I64:
        lo = hw_gld32(x->addr);
        hi = hw_gld32(x->addr + 4);
        hw_wput(lo, w * 4);
        hw_wput(hi, w * 4 + 1);
        break;
    default:
        lo = hw_gld32(x->addr);
        hi = hw_gld32(x->addr + 4);
        se = hw_gld16(x->addr + 8);
        x87_set(w, se, hi, lo);
        break;
    }
}

/* What is in wide register w, in this format, becomes the new top. */
static void push_value(struct x87 *x, uint32_t w, uint32_t format)
{
    if (x87_full(x, 7)) {
        if (x87_overflow(x)) {
            x87_push(x);
            x87_set_indefinite(x87_st(x, 0));
        }
        return;
    }
    if (x87_status(x, hw_fld(W_B, w + 32 * format), 0) &
        FS_IE) /* a denormal is loaded even if it traps */
        return;
    x87_push(x);
    x87_copy(x87_st(x, 0), W_B);
}

static void fld_mem(struct x87 *x, uint32_t format)
{
    fetch(x, W_A, format);
    push_value(x, W_A, format);
}

static void fld_reg(struct x87 *x)
{
    if (x87_full(x, x->rm)) {
        push_value(x, x87_st(x, x->rm), WF_X80);
        return;
    }
    if (x87_underflow(x)) {
        x87_push(x);
        x87_set_indefinite(x87_st(x, 0));
    }
}

/* ---- stores ---- */

static void put_mem(const struct x87 *x, uint32_t format, uint32_t w)
{
    x87_check_write(x, x87_bytes(format), x87_align(format));
    switch (format) {
    case WF_I16: hw_gst16(x->addr, x87_word(w, 0)); break;
    case WF_F32:
    case WF_I32: hw_gst32(x->addr, x87_word(w, 0)); break;
    case WF_F64:
    case WF_I64:
        hw_gst32(x->addr, x87_word(w, 0));
        hw_gst32(x->addr + 4, x87_word(w, 1));
        break;
    default:
        hw_gst32(x->addr, x87_word(w, 0));
        hw_gst32(x->addr + 4, x87_word(w, 1));
        hw_gst16(x->addr + 8, x87_word(w, 2));
        break;
    }
}

static uint32_t get_word(const struct x87 *x)
{
    x87_check_read(x, 2, 2);
    return hw_gld16(x->addr);
}

static void put_word(const struct x87 *x, uint32_t v)
{
    x87_check_write(x, 2, 2);
    hw_gst16(x->addr, v);
}

/* The indefinite of a memory format. */
static void set_indefinite(uint32_t w, uint32_t format)
{
    x87_set_indefinite(w);
    if (format == WF_X80)
        return;
    hw_wput(format == WF_F32   ? 0xffc00000u
            : format == WF_I16 ? 0x8000u
            : format == WF_I32 ? 0x80000000u
                               : 0,
            w * 4);
    hw_wput(format == WF_F64 ? 0xfff80000u : 0x80000000u, w * 4 + 1);
}

static void fst_mem(struct x87 *x, uint32_t format, bool pop)
{
    if (!x87_full(x, 0)) {
        if (!x87_underflow(x))
            return;
        set_indefinite(W_A, format);
    } else if (x87_status(x, hw_fst(W_A + 32 * format, x87_st(x, 0)), 0) & FS_MEM) {
        return;
    }
    put_mem(x, format, W_A);
    if (pop)
        x87_pop(x);
}

static void fst_reg(struct x87 *x, bool pop)
{
    if (x87_full(x, 0)) {
        x->fsw &= ~FS_C1;
        x87_copy(x87_st(x, x->rm), x87_st(x, 0));
    } else {
        if (!x87_underflow(x))
            return;
        x87_set_indefinite(x87_st(x, x->rm));
    }
    x87_fill(x, x->rm);
    if (pop)
        x87_pop(x);
}

static void fxch(struct x87 *x)
{
    uint32_t a = x87_st(x, 0), b = x87_st(x, x->rm);
    x->fsw &= ~FS_C1;
    if (!x87_full(x, 0) || !x87_full(x, x->rm)) {
        if (!x87_underflow(x))
            return;
        if (!x87_full(x, 0))
            x87_set_indefinite(a);
        if (!x87_full(x, x->rm))
            x87_set_indefinite(b);
        x87_fill(x, 0);
        x87_fill(x, x->rm);
    }
    x87_copy(W_A, a);
    x87_copy(a, b);
    x87_copy(b, W_A);
}

static void pop_empty(struct x87 *x)
{
    x->fsw &= ~FS_C1;
    x87_pop(x);
}

static void ffree(struct x87 *x, bool pop)
{
    x->fsw &= ~FS_C1;
    x87_free(x, x->rm);
    if (pop)
        x87_pop(x);
}

/* ---- dispatch ---- */

static void dispatch_mem(struct x87 *x, uint32_t esc, uint32_t reg)
{
    static const uint8_t arith_format[4] = {WF_F32, WF_I32, WF_F64, WF_I16};
    if (!(esc & 1)) {
        fetch(x, W_A, arith_format[esc >> 1]);
        x87_arith_mem(x, reg, arith_format[esc >> 1]);
        return;
    }
    switch (esc << 3 | reg) {
    case 1 << 3 | 0: fld_mem(x, WF_F32); break;
    case 1 << 3 | 2: fst_mem(x, WF_F32, false); break;
    case 1 << 3 | 3: fst_mem(x, WF_F32, true); break;
    case 1 << 3 | 4: x87_fldenv(x); break;
    case 1 << 3 | 5: x87_set_control(x, get_word(x)); break;
    case 1 << 3 | 6: x87_fnstenv(x); break;
    case 1 << 3 | 7: put_word(x, x->fcw); break;
    case 3 << 3 | 0: fld_mem(x, WF_I32); break;
    case 3 << 3 | 2: fst_mem(x, WF_I32, false); break;
    case 3 << 3 | 3: fst_mem(x, WF_I32, true); break;
    case 3 << 3 | 5: fld_mem(x, WF_X80); break;
    case 3 << 3 | 7: fst_mem(x, WF_X80, true); break;
    case 5 << 3 | 0: fld_mem(x, WF_F64); break;
    case 5 << 3 | 2: fst_mem(x, WF_F64, false); break;
    case 5 << 3 | 3: fst_mem(x, WF_F64, true); break;
    case 5 << 3 | 4: x87_frstor(x); break;
    case 5 << 3 | 6: x87_fnsave(x); break;
    case 5 << 3 | 7: put_word(x, x->fsw | x->top << 11); break;
    case 7 << 3 | 0: fld_mem(x, WF_I16); break;
    case 7 << 3 | 2: fst_mem(x, WF_I16, false); break;
    case 7 << 3 | 3: fst_mem(x, WF_I16, true); break;
    case 7 << 3 | 4: x87_fbld(x); break;
    case 7 << 3 | 5: fld_mem(x, WF_I64); break;
    case 7 << 3 | 6: x87_fbstp(x); break;
    case 7 << 3 | 7: fst_mem(x, WF_I64, true); break;
    default: break;
    }
}

/* Condition of fcmovcc, reg 0..3: CF, ZF, CF | ZF, PF. */
static uint32_t fcmov_condition(uint32_t reg)
{
    return reg == 0   ? hw_setcc(CC_B)
           : reg == 1 ? hw_setcc(CC_E)
           : reg == 2 ? hw_setcc(CC_BE)
                      : hw_setcc(CC_P);
}

static void escape_db(struct x87 *x, uint32_t modrm)
{
    switch (modrm) {
    case 0xe2: x->fsw &= ~(FS_EXC | FS_SF | FS_ES | FS_B); break;
    case 0xe3: x87_init(x); break;
    default: break; /* fneni, fndisi of the 8087, fnsetpm of the 80287: nothing */
    }
}

static void dispatch_reg(struct x87 *x, uint32_t esc, uint32_t modrm)
{
    uint32_t reg = modrm >> 3 & 7;
    switch (esc << 3 | reg) {
    case 0 << 3 | 2:
    case 4 << 3 | 2: x87_compare(x, x->rm, 0, 0); return;
    case 0 << 3 | 3:
    case 4 << 3 | 3:
    case 6 << 3 | 2: x87_compare(x, x->rm, 0, 1); return;
    case 6 << 3 | 3: x87_compare(x, 1, 0, 2); return;
    case 1 << 3 | 0: fld_reg(x); return;
    case 1 << 3 | 1:
    case 5 << 3 | 1:
    case 7 << 3 | 1: fxch(x); return;
    case 1 << 3 | 2: return; /* fnop */
    case 1 << 3 | 3:         /* an fstp that finds nothing wrong with an empty ST(0) */
        if (x87_full(x, 0))
            fst_reg(x, true);
        else
            pop_empty(x);
        return;
    case 5 << 3 | 3:
    case 7 << 3 | 2:
    case 7 << 3 | 3: fst_reg(x, true); return;
    case 1 << 3 | 4:
    case 1 << 3 | 5:
    case 1 << 3 | 6:
    case 1 << 3 | 7: x87_d9_reg(x, modrm); return;
    case 2 << 3 | 0:
    case 2 << 3 | 1:
    case 2 << 3 | 2:
    case 2 << 3 | 3: x87_cmov(x, fcmov_condition(reg)); return;
    case 3 << 3 | 0:
    case 3 << 3 | 1:
    case 3 << 3 | 2:
    case 3 << 3 | 3: x87_cmov(x, !fcmov_condition(reg)); return;
    case 2 << 3 | 5: x87_compare(x, 1, X87_QUIET, 2); return;
    case 3 << 3 | 4: escape_db(x, modrm); return;
    case 3 << 3 | 5: x87_compare(x, x->rm, X87_QUIET | X87_FLAGS, 0); return;
    case 3 << 3 | 6: x87_compare(x, x->rm, X87_FLAGS, 0); return;
    case 5 << 3 | 0: ffree(x, false); return;
    case 7 << 3 | 0: ffree(x, true); return;
    case 5 << 3 | 2: fst_reg(x, false); return;
    case 5 << 3 | 4: x87_compare(x, x->rm, X87_QUIET, 0); return;
    case 5 << 3 | 5: x87_compare(x, x->rm, X87_QUIET, 1); return;
    case 7 << 3 | 4: hw_setg(G_EAX, hw_ins16(hw_g(G_EAX), x->fsw | x->top << 11)); return;
    case 7 << 3 | 5: x87_compare(x, x->rm, X87_QUIET | X87_FLAGS, 1); return;
    case 7 << 3 | 6: x87_compare(x, x->rm, X87_FLAGS, 1); return;
    default: break;
    }
    if (esc == 0)
        x87_arith_reg(x, reg, 0, x->rm, false);
    else /* fsub and fsubr, fdiv and fdivr change places: both put ST(0) first */
        x87_arith_reg(x, reg >= 4 ? reg ^ 1 : reg, x->rm, 0, esc == 6);
}

/* The rest of x is set: where and what the instruction is. Most instructions wait for pending
 * exceptions and leave pointers; ia32_x87.def tells which do not. */
static void execute(struct x87 *x)
{
    uint32_t esc = x->opcode >> 8, modrm = x->opcode & 0xff, attr, fsw;
    attr = ia32_rows[x->row].attr;
    fsw = hw_mfs(SR_FSW);
    if ((fsw & FS_ES) && (attr & AT_XMF))
        cms_guest_fault(X_MF, 0);
    x->fcw = hw_mfs(SR_FCW);
    x->fsw = fsw & ~FS_TOP;
    x->top = fsw >> 11 & 7;
    x->tag = hw_mfs(SR_FTAG) & 0xff;
    x->rm = modrm & 7;
    if (modrm < 0xc0)
        dispatch_mem(x, esc, modrm >> 3 & 7);
    else
        dispatch_reg(x, esc, modrm);
    if (!(attr & AT_CTL)) {
        hw_mts(x->eip, SR_FIP);
        hw_mts(selector(SEG_CS) | x->opcode << 16, SR_FCO);
        if (modrm < 0xc0) {
            hw_mts(x->off, SR_FDP);
            hw_mts(selector(x->seg), SR_FDS);
        }
    }
    x87_end(x);
    retire(x->next);
}

static void fwait(uint32_t next)
{
    if (hw_mfs(SR_FSW) & FS_ES)
        cms_guest_fault(X_MF, 0);
    retire(next);
}

void ia32_x87(const struct insn *in)
{
    struct x87 x;
    uint32_t mode = hw_mfs(SR_MODE);
    x.check = 0;
    x.eip = in->eip;
    x.next = in->eip + in->length;
    if (in->op == I_FWAIT) {
        fwait(x.next);
        return;
    }
    x.row = in->row;
    x.opcode = in->imm & 0x7ff;
    x.opsize = in->opsize;
    x.seg = in->seg;
    if (in->o[0].kind == O_MEM) {
        x.off = ia32_offset(in);
        x.check = (ia32_seg_plain(mode, in->seg) ? 0 : X87_CHECK_SEGMENT) |
                  (mode & MODE_AC ? X87_CHECK_ALIGN : 0);
        x.addr = x.off + seg_base(in->seg);
    }
    execute(&x);
}

/* The last offset in a page at which all words fetched below lie in that page. */
enum { LAST = 0xff0 };

uint32_t ia32_x87_fast(void)
{
    struct x87 x;
    uint32_t eip = hw_g(G_EIP), w, rm, mod, base, a = 0;
    if ((eip & 0xfff) > LAST)
        return IX_SLOW;
    w = hw_gldx32(eip);
    if ((w & 0xff) == 0x9b) {
        fwait(eip + 1);
        return IX_NEXT;
    }
    if ((w & 0xf8) != 0xd8)
        return IX_SLOW;
    x.check = 0;
    x.eip = eip;
    x.opcode = (w & 7) << 8 | (w >> 8 & 0xff);
    x.row = ia32_x87_row(w & 7, w >> 8 & 0xff);
    if (x.row == 0) /* #UD, even while an exception is pending */
        return IX_SLOW;
    x.opsize = 4;
    eip += 2;
    mod = w >> 14 & 3;
    if (mod != 3) {
        rm = base = w >> 8 & 7;
        w >>= 16;
        if (rm == 4) {
            uint32_t index = w >> 3 & 7;
            base = w & 7;
            if (index != 4)
                a = hw_gget(index) << (w >> 6 & 3);
            eip++;
            w >>= 8;
        }
        x.seg = SEG_DS;
        if (mod == 0 && base == 5) {
            a += hw_gldx32(eip);
            eip += 4;
        } else {
            a += hw_gget(base);
            if (base == G_ESP || base == G_EBP)
                x.seg = SEG_SS;
        }
        if (mod == 1) {
            a += hw_sext8(w);
            eip++;
        } else if (mod == 2) {
            a += hw_gldx32(eip);
            eip += 4;
        }
        x.off = x.addr = a;
    }
    x.next = eip;
    execute(&x);
    return IX_NEXT;
}

void ia32_x87_reset(void)
{
    struct x87 x = {0};
    x87_init(&x);
    x87_end(&x);
    hw_mts(MXCSR_RESET, SR_MXCSR);
}

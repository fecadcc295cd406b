/* SPDX-License-Identifier: MIT */
/* Lowering of the x87: which instruction an escape is, and what it needs of the stack. */
#include "isa-frontend/lower_x87.h"

static const uint8_t arith_op[8] = {OP_WADD, OP_WMUL,  OP_FCOM, OP_FCOM,
                                    OP_WSUB, OP_WSUBR, OP_WDIV, OP_WDIVR};

void x87_mem_form(struct x87_form *f, uint32_t esc, uint32_t reg)
{
    static const uint8_t arith_format[4] = {WF_F32, WF_I32, WF_F64, WF_I16};
    f->format = arith_format[esc >> 1];
    if (!(esc & 1)) {
        f->kind = (reg & 6) == 2 ? K_COM_MEM : K_ARITH_MEM;
        f->op = arith_op[reg];
        f->pops = reg == 3;
        f->need = 1;
        return;
    }
    switch (esc << 3 | reg) {
    case 1 << 3 | 5:
        f->kind = K_LDCW;
        f->check = true;
        break;
    case 1 << 3 | 7: f->kind = K_STCW; break;
    case 5 << 3 | 7: f->kind = K_STSW; break;
    case 3 << 3 | 5:
    case 3 << 3 | 7: f->format = WF_X80; goto move;
    case 7 << 3 | 5:
    case 7 << 3 | 7: f->format = WF_I64; goto move;
    case 1 << 3 | 0:
    case 1 << 3 | 2:
    case 1 << 3 | 3:
    case 3 << 3 | 0:
    case 3 << 3 | 2:
    case 3 << 3 | 3:
    case 5 << 3 | 0:
    case 5 << 3 | 2:
    case 5 << 3 | 3:
    case 7 << 3 | 0:
    case 7 << 3 | 2:
    case 7 << 3 | 3:
    move:
        f->kind = reg == 0 || reg == 5 ? K_FLD_MEM : K_FST_MEM;
        f->push = f->kind == K_FLD_MEM;
        f->need = f->kind == K_FST_MEM;
        f->pops = reg == 3 || reg == 7;
        return;
    default: return;
    }
    f->no_pointers = true;
}

static void compare_form(struct x87_form *f, uint32_t i, uint32_t op, bool flags, uint32_t pops)
{
    f->kind = K_COM_REG;
    f->op = (uint8_t)op;
    f->i = (uint8_t)i;
    f->need = (uint8_t)(1 | 1 << i);
    f->flags = flags;
    f->pops = (uint8_t)pops;
}

static void d9_form(struct x87_form *f, uint32_t modrm)
{
    f->need = 1;
    switch (modrm) {
    case 0xe0:
    case 0xe1: f->kind = K_SIGN; break;
    case 0xe4: f->kind = K_TST; break;
    case 0xe5: f->kind = K_XAM; break;
    case 0xe8 ... 0xee:
        f->kind = K_CONST;
        f->need = 0;
        f->push = true;
        break;
    case 0xf4:
        f->kind = K_EXTRACT;
        f->push = f->check = true;
        break;
    case 0xf6:
    case 0xf7:
        f->kind = K_TURN;
        f->need = 0;
        break;
    case 0xfa:
        f->kind = K_UNARY;
        f->op = OP_WSQRT;
        break;
    case 0xfc:
        f->kind = K_UNARY;
        f->op = OP_WRND;
        break;
    case 0xfd:
        f->kind = K_SCALE;
        f->need = 3;
        f->check = true;
        break;
    default: break;
    }
}

void x87_reg_form(struct x87_form *f, uint32_t esc, uint32_t modrm)
{
    uint32_t reg = modrm >> 3 & 7, i = modrm & 7;
    f->i = (uint8_t)i;
    switch (esc << 3 | reg) {
    case 0 << 3 | 2:
    case 4 << 3 | 2: compare_form(f, i, OP_FCOM, false, 0); return;
    case 0 << 3 | 3:
    case 4 << 3 | 3:
    case 6 << 3 | 2: compare_form(f, i, OP_FCOM, false, 1); return;
    case 6 << 3 | 3:
        if (i == 1)
            compare_form(f, 1, OP_FCOM, false, 2);
        return;
    case 1 << 3 | 0:
        f->kind = K_FLD_REG;
        f->need = (uint8_t)(1 << i);
        f->push = true;
        return;
    case 1 << 3 | 1:
    case 5 << 3 | 1:
    case 7 << 3 | 1:
        f->kind = K_FXCH;
        f->need = (uint8_t)(1 | 1 << i);
        return;
    case 1 << 3 | 2: f->kind = i == 0 ? K_NOP : K_NONE; return;
    case 1 << 3 | 3:
    case 5 << 3 | 3:
    case 7 << 3 | 2:
    case 7 << 3 | 3:
        f->pops = 1;
        f->kind = K_FST_REG;
        f->need = 1;
        return;
    case 5 << 3 | 2:
        f->kind = K_FST_REG;
        f->need = 1;
        return;
    case 1 << 3 | 4:
    case 1 << 3 | 5:
    case 1 << 3 | 6:
    case 1 << 3 | 7: d9_form(f, modrm); return;
    case 2 << 3 | 0:
    case 2 << 3 | 1:
    case 2 << 3 | 2:
    case 2 << 3 | 3:
    case 3 << 3 | 0:
    case 3 << 3 | 1:
    case 3 << 3 | 2:
    case 3 << 3 | 3: {
        static const uint8_t cond[4] = {CC_B, CC_E, CC_BE, CC_P};
        f->kind = K_CMOV;
        f->op = cond[reg] ^ (esc == 3);
        f->need = (uint8_t)(1 | 1 << i);
        return;
    }
    case 2 << 3 | 5:
        if (i == 1)
            compare_form(f, 1, OP_FUCOM, false, 2);
        return;
    case 3 << 3 | 4: /* fneni, fndisi of the 8087, fnsetpm of the 80287 do nothing */
        f->kind = i == 2 ? K_CLEAR : i == 3 ? K_INIT : i < 5 ? K_NOP : K_NONE;
        f->no_pointers = true;
        return;
    case 3 << 3 | 5: compare_form(f, i, OP_FUCOM, true, 0); return;
    case 3 << 3 | 6: compare_form(f, i, OP_FCOM, true, 0); return;
    case 5 << 3 | 4: compare_form(f, i, OP_FUCOM, false, 0); return;
    case 5 << 3 | 5: compare_form(f, i, OP_FUCOM, false, 1); return;
    case 7 << 3 | 5: compare_form(f, i, OP_FUCOM, true, 1); return;
    case 7 << 3 | 6: compare_form(f, i, OP_FCOM, true, 1); return;
    case 7 << 3 | 4:
        f->kind = i == 0 ? K_STSW_AX : K_NONE;
        f->no_pointers = true;
        return;
    case 5 << 3 | 0:
    case 7 << 3 | 0:
        f->kind = K_FREE;
        f->pops = esc == 7;
        return;
    default: break;
    }
    if (esc != 0 && esc != 4 && esc != 6)
        return;
    /* fsub and fsubr, fdiv and fdivr change places where ST(0) is the source. */
    f->kind = K_ARITH_REG;
    f->op = arith_op[esc && reg >= 4 ? reg ^ 1 : reg];
    f->need = (uint8_t)(1 | 1 << i);
    f->d = (uint8_t)(esc ? i : 0);
    f->i = (uint8_t)(esc ? 0 : i);
    f->pops = esc == 6;
}

/* SPDX-License-Identifier: MIT */
/*
 * The decoder's tables, for decode.c alone. From ia32.def the preprocessor makes opcode tables
 * (entries of 16 bits: a row, or how to go on) and a table of rows (6 bytes each), small enough for
 * what is in use of them to stay in the L1D of the machine that CMS runs on.
 *
 * Nothing is added here for an instruction. An operand letter has its enumerator, and its line in
 * wide_letters if that says all; a feature that not every processor has, or a prefix, its place in
 * what decoding alone makes of a row.
 */
#ifndef ISA_FRONTEND_DECODE_TABLES_H
#define ISA_FRONTEND_DECODE_TABLES_H

#include "isa-frontend/insn.h"

/* Operand letters. Those that need a ModRM byte come first, those in wide_letters behind them. */
enum letter {
    L__,
    L_Eb,
    L_Ev,
    L_Ew,
    L_Es,
    L_Gb,
    L_Gv,
    L_Gw,
    L_M,
    L_Ma,
    L_Mp,
    L_Sw,
    L_Cd,
    L_Dd,
    L_Rd,
    L_reg,
    L_Fe,
    L_Fs,
    L_WIDE,
    L_Mb = L_WIDE,
    L_Md,
    L_Mq,
    L_Mx,
    L_Mfx,
    L_Gd,
    L_Ed,
    L_Rw,
    L_Pd,
    L_Pq,
    L_Qd,
    L_Qq,
    L_Nq,
    L_Vd,
    L_Vq,
    L_Vx,
    L_Wd,
    L_Wq,
    L_Wx,
    L_Ud,
    L_Uq,
    L_Ux,
    L_Fw,
    L_Fd,
    L_Fq,
    L_Ft,
    L_ST0,
    L_STi,
    L_AX, /* of fnstsw alone */
    L_LAST_MODRM = L_AX,
    L_Zb,
    L_Zv,
    L_AL,
    L_CL,
    L_DX,
    L_eAX,
    L_one,
    L_Ib,
    L_sIb,
    L_Kb,
    L_Iw,
    L_Iz,
    L_Jb,
    L_Jz,
    L_Ob,
    L_Ov,
    L_Ap,
    L_ds,
    L_Xb,
    L_Xv,
    L_Xz,
    L_Yb,
    L_Yv,
    L_Yz,
    L_ES,
    L_CS,
    L_SS,
    L_DS,
    L_FS,
    L_GS
};

/* Letters whose operand has the same size and kind in every instruction: by ModRM.reg or
 * ModRM.rm; what a form for memory has. */
enum { W_REG, W_RM, W_RM_OR_MEM, W_MEM, W_NUMBER0 };
static const struct wide_letter {
    uint8_t kind, size, from, msize; /* sizes up to 16; 0: 512 */
} wide_letters[] = {
#define WIDE_(l, ...) [L_##l - L_WIDE] = {__VA_ARGS__}
    WIDE_(Mb, O_MEM, 1, W_MEM, 1),         WIDE_(Md, O_MEM, 4, W_MEM, 4),
    WIDE_(Mq, O_MEM, 8, W_MEM, 8),         WIDE_(Mx, O_MEM, 16, W_MEM, 16),
    WIDE_(Mfx, O_MEM, 0, W_MEM, 0),        WIDE_(Gd, O_REG, 4, W_REG, 0),
    WIDE_(Ed, O_REG, 4, W_RM_OR_MEM, 4),   WIDE_(Rw, O_REG, 4, W_RM_OR_MEM, 2),
    WIDE_(Pd, O_MMX, 4, W_REG, 0),         WIDE_(Pq, O_MMX, 8, W_REG, 0),
    WIDE_(Qd, O_MMX, 4, W_RM_OR_MEM, 4),   WIDE_(Qq, O_MMX, 8, W_RM_OR_MEM, 8),
    WIDE_(Nq, O_MMX, 8, W_RM, 0),          WIDE_(Vd, O_XMM, 4, W_REG, 0),
    WIDE_(Vq, O_XMM, 8, W_REG, 0),         WIDE_(Vx, O_XMM, 16, W_REG, 0),
    WIDE_(Wd, O_XMM, 4, W_RM_OR_MEM, 4),   WIDE_(Wq, O_XMM, 8, W_RM_OR_MEM, 8),
    WIDE_(Wx, O_XMM, 16, W_RM_OR_MEM, 16), WIDE_(Ud, O_XMM, 4, W_RM, 0),
    WIDE_(Uq, O_XMM, 8, W_RM, 0),          WIDE_(Ux, O_XMM, 16, W_RM, 0),
    WIDE_(Fw, O_MEM, 2, W_MEM, 2),         WIDE_(Fd, O_MEM, 4, W_MEM, 4),
    WIDE_(Fq, O_MEM, 8, W_MEM, 8),         WIDE_(Ft, O_MEM, 10, W_MEM, 10),
    WIDE_(ST0, O_ST, 10, W_NUMBER0, 0),    WIDE_(STi, O_ST, 10, W_RM, 0),
    WIDE_(AX, O_REG, 2, W_NUMBER0, 0),
#undef WIDE_
};

enum row_id {
    R_NONE,
#define IA32_ROW(id, map, oc, n, ext, insn, a, b, c, attr, rd, wr, un, fn, feat) R_##id,
#include "isa-frontend/ia32.def"
    R_COUNT_
};

enum group_id {
#define GROUP(map, oc)  GR_##map##_##oc,
#define VGROUP(map, oc) GR_##map##_##oc,
#define FRM(esc, reg)   GR_##esc##_##reg,
#include "isa-frontend/ia32.def"
    GR_COUNT_
};

#include "isa-frontend/ia32_letters.h"

/* What decoding alone makes of them. In bits 7..5 what the row needs: a feature that not every
 * processor has, or protected mode. */
enum { D_BYTE = 1, D_LOCK = 2, D_STRING = 4, D_PAIR = 8, D_MODRM = 16, D_NEEDS = 32 };
enum { NEEDS_SHIFT = 5, NEEDS_PM = 7, NEEDS_ALL = 0x3f };
_Static_assert(FEAT_CLFSH - FEAT_SEP < NEEDS_PM, "more features than three bits tell apart");

struct enc {
    uint16_t op;
    uint8_t flags, letter[3];
};

#define MODRM_(l) ((unsigned)(L_##l) - 1u < (unsigned)L_LAST_MODRM)
#define NEEDS_(attr, feat)                                                                         \
    ((attr)&AT_PM ? NEEDS_PM : FEAT_##feat > FEAT_SEP ? FEAT_##feat - FEAT_SEP : 0)
#define DFLAGS_(attr, a, b, c, feat)                                                               \
    (((attr)&AT_BY ? D_BYTE : 0) | ((attr)&AT_LK ? D_LOCK : 0) | ((attr)&AT_ST ? D_STRING : 0) |   \
     ((attr)&AT_PAIR ? D_PAIR : 0) | (MODRM_(a) || MODRM_(b) || MODRM_(c) ? D_MODRM : 0) |         \
     NEEDS_(attr, feat) << NEEDS_SHIFT)

static const struct enc encs[R_COUNT_] = {
#define IA32_ROW(id, map, oc, n, ext, insn, a, b, c, attr, rd, wr, un, fn, feat)                   \
    [R_##id] = {I_##insn, DFLAGS_(attr, a, b, c, feat), {L_##a, L_##b, L_##c}},
#include "isa-frontend/ia32.def"
};

static const uint16_t groups[GR_COUNT_][8] = {
#define EXT(map, oc, reg, insn, a, b, c, attr, rd, wr, un, feat)                                   \
    [GR_##map##_##oc][reg] = R_##map##_##oc##_##reg,
#define VEXT(map, oc, reg, insn, a, b, c, attr, fn, feat)                                          \
    [GR_##map##_##oc][reg] = R_##map##_##oc##_##reg,
#define FONE(esc, reg, rm, insn, a, b, attr) [GR_##esc##_##reg][rm] = R_FR_##esc##_##reg##_##rm,
#include "isa-frontend/ia32.def"
};

/* Opcode table entries: a row's number (0: invalid), or one of these with a number in the low bits.
 */
enum {
    T_GROUP = 0x1000,    /* groups[number][ModRM.reg] */
    T_PREFIXED = 0x2000, /* prefixed[number + low half of the opcode][mandatory prefix] */
    T_X87 = 0x4000,      /* x87_forms[opcode][mod is 3][ModRM.reg] */
    T_SPECIAL = 0x8000,
    T_SEG = T_SPECIAL,
    T_REP = T_SPECIAL + 0x10,
    T_LOCK = T_SPECIAL + 0x20,
    T_OPSIZE,
    T_ADDRSIZE,
    T_0F
};
_Static_assert((int)R_COUNT_ <= (int)T_GROUP, "row numbers have 12 bits");

#define NO_ROW(oc, n)
#define NO_GROUP(oc)

static const uint16_t map1[256] = {
#define ROW_1(oc, n)                                           [0x##oc... 0x##oc + (n)-1] = R_1_##oc,
#define ROW_2                                                  NO_ROW
#define GROUP_1(oc)                                            [0x##oc] = T_GROUP + GR_1_##oc,
#define GROUP_2                                                NO_GROUP
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat) ROW_##map(oc, n)
#define GROUP(map, oc)                                         GROUP_##map(oc)
#include "isa-frontend/ia32.def"
    [0x26] = T_SEG + SEG_ES, [0x2e] = T_SEG + SEG_CS, [0x36] = T_SEG + SEG_SS,
    [0x3e] = T_SEG + SEG_DS, [0x64] = T_SEG + SEG_FS, [0x65] = T_SEG + SEG_GS,
    [0x66] = T_OPSIZE,       [0x67] = T_ADDRSIZE,     [0xf0] = T_LOCK,
    [0xf2] = T_REP + REP_NE, [0xf3] = T_REP + REP_E,  [0x0f] = T_0F,
    [0xd8 ... 0xdf] = T_X87,
};
#undef ROW_1
#undef ROW_2
#undef GROUP_1
#undef GROUP_2

/* Opcodes with mandatory prefixes: where in `prefixed` their rows of 16 begin. */
enum { PX_10, PX_20 = 16, PX_50 = 32, PX_60 = 48, PX_70 = 64, PX_A0 = 80, PX_C0 = 96, PX_D0 = 112 };
enum { PX_E0 = 128, PX_F0 = 144, PX_COUNT = 160 };
#define PX_(oc)                                                                                    \
    ((oc) < 0x30    ? (oc)-0x10                                                                    \
     : (oc) < 0x80  ? (oc)-0x50 + PX_50                                                            \
     : (oc) == 0xae ? 0xe + PX_A0                                                                  \
                    : (oc)-0xc0 + PX_C0)

static const uint16_t map2[256] = {
#define ROW_1                                                  NO_ROW
#define GROUP_1                                                NO_GROUP
#define ROW_2(oc, n)                                           [0x##oc... 0x##oc + (n)-1] = R_2_##oc,
#define GROUP_2(oc)                                            [0x##oc] = T_GROUP + GR_2_##oc,
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat) ROW_##map(oc, n)
#define GROUP(map, oc)                                         GROUP_##map(oc)
#include "isa-frontend/ia32.def"
    [0x10 ... 0x17] = T_PREFIXED + PX_10, [0x28 ... 0x2f] = T_PREFIXED + PX_20,
    [0x50 ... 0x5f] = T_PREFIXED + PX_50, [0x60 ... 0x6f] = T_PREFIXED + PX_60,
    [0x70 ... 0x7f] = T_PREFIXED + PX_70, [0xae] = T_PREFIXED + PX_A0,
    [0xc2 ... 0xc6] = T_PREFIXED + PX_C0, [0xd0 ... 0xdf] = T_PREFIXED + PX_D0,
    [0xe0 ... 0xef] = T_PREFIXED + PX_E0, [0xf0 ... 0xfe] = T_PREFIXED + PX_F0,
};

/* None, 66, and by enum REP_*: F3, F2. */
enum { P_2, P_266, P_2F3 = 1 + REP_E, P_2F2 = 1 + REP_NE };
static const uint16_t prefixed[PX_COUNT][4] = {
#define VROW(map, oc, insn, a, b, c, attr, fn, feat) [PX_(0x##oc)][P_##map] = R_##map##_##oc,
#define VGROUP(map, oc)                              [PX_(0x##oc)][P_##map] = T_GROUP + GR_##map##_##oc,
#include "isa-frontend/ia32.def"
};

static const uint16_t x87_forms[8][2][8] = {
#define FMEM(esc, reg, insn, a, attr)                  [0x##esc & 7][0][reg] = R_FM_##esc##_##reg,
#define FREG(esc, reg, insn, a, b, attr, rd, wr, feat) [0x##esc & 7][1][reg] = R_FR_##esc##_##reg,
#define FRM(esc, reg)                                  [0x##esc & 7][1][reg] = T_GROUP + GR_##esc##_##reg,
#include "isa-frontend/ia32.def"
};

#endif

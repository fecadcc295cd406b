/* SPDX-License-Identifier: MIT */
/*
 * The IA-32 decoder. All that is known of encodings stands in ia32.def; from it the preprocessor
 * makes opcode tables (entries of 16 bits: a row, or how to go on) and a table of rows (6 bytes
 * each), small enough for what is in use of them to stay in the L1D of the machine that CMS runs
 * on. Decoding is: prefixes, opcode, ModRM with SIB and displacement, then one step for each
 * operand letter of the row. To add an instruction, add its rows; a new operand letter also needs a
 * case in ia32_decode, or a line in wide_letters.
 *
 * What a real processor decides before it executes is decided here: invalid opcodes and register
 * numbers, memory-only forms, LOCK where it may not stand, more than 15 bytes, what the processor
 * decoded for does not have. Privilege is the executor's business.
 */
#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"

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

uint32_t ia32_x87_row(uint32_t esc, uint32_t modrm)
{
    uint32_t entry = x87_forms[esc][modrm >= 0xc0][modrm >> 3 & 7];
    return entry & T_GROUP ? groups[entry - T_GROUP][modrm & 7] : entry;
}

/* Of the features that rows need, those there are; bit 0 is always set. */
static uint8_t has = NEEDS_ALL;

enum { EVERYONE_HAS = (1 << FEAT_MMX) - 1 };

uint32_t ia32_features_of(uint32_t identity)
{
    return EVERYONE_HAS | (identity == 0 ? 1u << FEAT_MMX : (uint32_t)NEEDS_ALL << FEAT_SEP);
}

void ia32_identify(uint32_t identity)
{
    has = ia32_features_of(identity) >> FEAT_SEP;
}

uint32_t ia32_features(void)
{
    return EVERYONE_HAS | (uint32_t)has << FEAT_SEP;
}

/* The bytes of one instruction while they are read. */
struct cursor {
    const uint8_t *p;
    uint32_t i, limit;
};

static inline uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t sext8(uint32_t v)
{
    return (uint32_t)(int32_t)(int8_t)v;
}

/* base, index of the 16-bit address forms: BX+SI BX+DI BP+SI BP+DI SI DI BP BX. */
static const uint8_t base16[8] = {3, 3, 5, 5, 6, 7, 5, 3};
static const uint8_t index16[8] = {6, 7, 6, 7, REG_NONE, REG_NONE, REG_NONE, REG_NONE};

/* The memory operand of a ModRM byte with mod < 3. False: more bytes are needed. */
static bool address(struct cursor *c, uint32_t modrm, uint32_t seg, struct insn *out)
{
    uint32_t mod = modrm >> 6, rm = modrm & 7, dsize = mod == 1 ? 1 : 0;
    if (out->addrsize == 4) {
        if (mod == 2)
            dsize = 4;
        if (rm == 4) {
            if (c->i >= c->limit)
                return false;
            uint32_t sib = c->p[c->i++];
            rm = sib & 7;
            if ((sib >> 3 & 7) != 4) {
                out->index = sib >> 3 & 7;
                out->scale = sib >> 6;
            }
        }
        if (rm == 5 && mod == 0)
            dsize = 4;
        else
            out->base = rm;
    } else {
        if (mod == 2 || (mod == 0 && rm == 6))
            dsize = 2;
        if (mod != 0 || rm != 6) {
            out->base = base16[rm];
            out->index = index16[rm];
        }
    }
    if (c->limit - c->i < dsize)
        return false;
    const uint8_t *p = c->p + c->i;
    if (dsize == 1)
        out->disp = sext8(p[0]);
    else if (dsize == 4)
        out->disp = le32(p);
    else if (dsize == 2)
        out->disp = (uint32_t)(int32_t)(int16_t)le16(p);
    c->i += dsize;
    if (seg == SEG_NONE)
        seg = out->base == 4 || out->base == 5 ? SEG_SS : SEG_DS;
    out->seg = seg;
    return true;
}

/* An immediate of n bytes, zero-extended. False: more bytes are needed. */
static inline bool immediate(struct cursor *c, uint32_t n, uint32_t *v)
{
    if (c->limit - c->i < n)
        return false;
    const uint8_t *p = c->p + c->i;
    *v = n == 1 ? p[0] : n == 2 ? le16(p) : le32(p);
    c->i += n;
    return true;
}

static inline enum decode_result exhausted(const struct cursor *c)
{
    return c->limit == 15 ? DEC_TOO_LONG : DEC_MORE;
}

/* An operand by its letter alone. False: this form, memory or register, does not exist. */
static inline bool wide_operand(uint32_t letter, uint32_t modrm, bool is_mem, struct opnd *o)
{
    const struct wide_letter *l = &wide_letters[letter - L_WIDE];
    if (is_mem && l->from >= W_RM && l->from <= W_MEM) {
        if (l->from == W_RM)
            return false;
        *o = (struct opnd){O_MEM, 0, l->msize ? l->msize : 512};
        return true;
    }
    *o = (struct opnd){l->kind,
                       l->from == W_REG       ? modrm >> 3 & 7
                       : l->from == W_NUMBER0 ? 0
                                              : modrm & 7,
                       l->size};
    return l->from != W_MEM;
}

static inline bool lacks(const struct enc *e)
{
    return !(has >> (e->flags >> NEEDS_SHIFT) & 1);
}

bool ia32_decode_simd(uint32_t prefix, uint32_t opcode, uint32_t modrm, struct insn *out)
{
    uint32_t entry = map2[opcode];
    if (!(entry & T_PREFIXED))
        return false;
    entry = prefixed[(entry & 0xff) + (opcode & 15)][prefix];
    if (entry & T_GROUP)
        entry = groups[entry & (T_GROUP - 1)][modrm >> 3 & 7];
    if ((encs[entry].flags & D_PAIR) && modrm >= 0xc0)
        entry++;
    const struct enc *e = &encs[entry];
    if (entry == R_NONE || lacks(e))
        return false;
    out->op = e->op;
    out->row = entry;
    for (uint32_t n = 0; n < 3; n++) {
        uint32_t letter = e->letter[n];
        if (letter == L_Ib)
            out->o[n] = (struct opnd){O_IMM, 0, 1};
        else if (letter == L__)
            out->o[n].kind = O_NONE;
        else if (letter < L_WIDE || letter > L_LAST_MODRM ||
                 !wide_operand(letter, modrm, modrm < 0xc0, &out->o[n]))
            return false;
    }
    return e->flags & D_MODRM;
}

enum decode_result ia32_decode(const uint8_t *bytes, uint32_t avail, uint32_t eip, uint32_t mode,
                               struct insn *out)
{
    struct cursor c = {bytes, 0, avail < 15 ? avail : 15};
    uint32_t entry, opcode, seg = SEG_NONE, rep = REP_NONE, lock = 0;
    uint32_t opsize = mode & MODE_CODE32 ? 4 : 2, addrsize = opsize;
    const uint32_t other = opsize ^ 6;

    if (c.limit == 0)
        return exhausted(&c);
    opcode = bytes[c.i++];
    entry = map1[opcode];
    while (__builtin_expect(entry >= T_SPECIAL, 0)) {
        if (entry == T_OPSIZE)
            opsize = other;
        else if (entry == T_ADDRSIZE)
            addrsize = other;
        else if (entry == T_LOCK)
            lock = 1;
        else if (entry < T_REP)
            seg = entry - T_SEG;
        else if (entry != T_0F)
            rep = entry - T_REP;
        if (c.i >= c.limit)
            return exhausted(&c);
        opcode = bytes[c.i++];
        if (entry == T_0F) {
            entry = map2[opcode];
            break;
        }
        entry = map1[opcode];
    }

    uint32_t modrm = 0, escape = 0;
    if (entry >= T_GROUP) {
        if (entry & T_PREFIXED)
            entry = prefixed[(entry & 0xff) + (opcode & 15)][rep ? rep + 1 : opsize == other];
        if (entry & (T_GROUP | T_X87)) {
            if (c.i >= c.limit)
                return exhausted(&c);
            modrm = bytes[c.i];
            if (entry & T_X87) {
                entry = ia32_x87_row(opcode & 7, modrm);
                escape = opcode << 8 | modrm;
            } else {
                entry = groups[entry & (T_GROUP - 1)][modrm >> 3 & 7];
            }
        }
    }
    const struct enc *e = &encs[entry];
    if (e->flags & D_PAIR) {
        if (c.i >= c.limit)
            return exhausted(&c);
        if (bytes[c.i] >= 0xc0)
            e = &encs[++entry];
    }
    out->eip = eip;
    out->op = e->op;
    out->row = entry;
    out->addrsize = addrsize;
    out->cond = opcode & 15;
    out->rep = e->flags & D_STRING ? rep : REP_NONE;
    out->lock = lock;
    out->base = out->index = REG_NONE;
    out->scale = 0;
    out->seg = SEG_NONE;
    out->disp = out->imm2 = 0;
    out->imm = escape;
    out->o[0] = out->o[1] = out->o[2] = (struct opnd){O_NONE, 0, 0};
    if (entry == R_NONE)
        return DEC_UD;
    if (e->flags >= D_NEEDS) {
        uint32_t needs = e->flags >> NEEDS_SHIFT;
        if (needs == NEEDS_PM ? (mode & (MODE_PE | MODE_V86)) != MODE_PE : lacks(e))
            return DEC_UD;
    }
    const uint32_t vsize = opsize;
    if (e->flags & D_BYTE)
        opsize = 1;
    out->opsize = opsize;
    bool is_mem = false;
    if (e->flags & D_MODRM) {
        if (c.i >= c.limit)
            return exhausted(&c);
        modrm = bytes[c.i++];
        is_mem = modrm < 0xc0 && !(e->op == I_MOVCR || e->op == I_MOVDR);
        if (is_mem && !address(&c, modrm, seg, out))
            return exhausted(&c);
    }
    const uint32_t reg = modrm >> 3 & 7, rm = modrm & 7;

    uint32_t n = 0;
    for (; n < 3; n++) {
        struct opnd *o = &out->o[n];
        uint32_t size = vsize, kind = O_REG, r = 0;
        switch (e->letter[n]) {
        case L__: goto done;
        case L_Eb: size = 1; goto rm_operand;
        case L_Ew: size = 2; goto rm_operand;
        case L_Es: size = is_mem ? 2 : vsize; goto rm_operand;
        case L_Ev:
        rm_operand:
            kind = is_mem ? O_MEM : O_REG;
            r = rm;
            break;
        case L_Gb:
            size = 1;
            r = reg;
            break;
        case L_Gw:
            size = 2;
            r = reg;
            break;
        case L_Gv: r = reg; break;
        case L_Mp: size = vsize + 2; goto memory_only;
        case L_M:
            size = 0;
            /* fall through */
        case L_Ma:
        memory_only:
            if (!is_mem)
                return DEC_UD;
            kind = O_MEM;
            break;
        case L_Sw:
            if (reg > SEG_GS || (reg == SEG_CS && n == 0))
                return DEC_UD;
            kind = O_SREG;
            size = 2;
            r = reg;
            break;
        case L_Cd:
            if (reg == 1 || reg > 4)
                return DEC_UD;
            kind = O_CREG;
            size = 4;
            r = reg;
            break;
        case L_Dd:
            kind = O_DREG;
            size = 4;
            r = reg;
            break;
        case L_Rd:
            size = 4;
            r = rm;
            break;
        case L_Fe: size = vsize == 4 ? 28 : 14; goto memory_only;
        case L_Fs: size = vsize == 4 ? 108 : 94; goto memory_only;
        case L_reg:
            if (is_mem)
                return DEC_UD;
            goto done;
        case L_Zb:
            size = 1;
            /* fall through */
        case L_Zv: r = opcode & 7; break;
        case L_AL: size = 1; break;
        case L_CL:
            size = 1;
            r = 1;
            break;
        case L_DX:
            size = 2;
            r = 2;
            break;
        case L_eAX: break;
        case L_one:
            kind = O_IMM;
            size = 1;
            out->imm = 1;
            break;
        case L_Ib:
            kind = O_IMM;
            size = 1;
            goto imm;
        case L_sIb:
            kind = O_IMM;
            if (!immediate(&c, 1, &out->imm))
                return exhausted(&c);
            out->imm = sext8(out->imm);
            break;
        case L_Kb:
            kind = O_IMM2;
            size = 1;
            if (!immediate(&c, 1, &out->imm2))
                return exhausted(&c);
            break;
        case L_Iw:
            size = 2;
            /* fall through */
        case L_Iz:
        imm:
            kind = O_IMM;
            if (!immediate(&c, size, &out->imm))
                return exhausted(&c);
            break;
        case L_Jb:
            if (!immediate(&c, 1, &out->imm))
                return exhausted(&c);
            out->imm = sext8(out->imm);
            goto relative;
        case L_Jz:
            if (!immediate(&c, vsize, &out->imm))
                return exhausted(&c);
        relative:
            kind = O_REL;
            out->imm += eip + c.i;
            if (vsize == 2)
                out->imm &= 0xffff;
            break;
        case L_Ob:
            size = 1;
            /* fall through */
        case L_Ov:
            kind = O_MEM;
            is_mem = true;
            if (!immediate(&c, addrsize, &out->disp))
                return exhausted(&c);
            out->seg = seg == SEG_NONE ? SEG_DS : seg;
            break;
        case L_Ap:
            kind = O_IMM;
            if (!immediate(&c, vsize, &out->imm) || !immediate(&c, 2, &out->imm2))
                return exhausted(&c);
            break;
        case L_Xb:
            size = 1;
            /* fall through */
        case L_Xz:
        case L_Xv:
            kind = O_STR_SRC;
            out->seg = seg == SEG_NONE ? SEG_DS : seg;
            break;
        case L_Yb:
            size = 1;
            /* fall through */
        case L_Yz:
        case L_Yv: kind = O_STR_DST; break;
        case L_ds: out->seg = seg == SEG_NONE ? SEG_DS : seg; goto done;
        case L_ES:
        case L_CS:
        case L_SS:
        case L_DS:
        case L_FS:
        case L_GS:
            kind = O_SREG;
            size = 2;
            r = e->letter[n] - L_ES;
            break;
        default:
            if (!wide_operand(e->letter[n], modrm, is_mem, o))
                return DEC_UD;
            continue;
        }
        *o = (struct opnd){kind, r, size};
    }
done:
    out->nopnds = n;
    out->length = c.i;
    if (lock && !((e->flags & D_LOCK) && out->o[0].kind == O_MEM))
        return DEC_UD;
    return DEC_OK;
}

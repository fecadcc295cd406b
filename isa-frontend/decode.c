/* SPDX-License-Identifier: MIT */
/*
 * The IA-32 decoder. All that is known of encodings stands in ia32.def; from it the preprocessor
 * makes two opcode tables (256 entries of 16 bits each: a row, or how to go on) and a table of rows
 * (6 bytes each), small enough to stay in the L1D of the machine that CMS runs on. Decoding is:
 * prefixes, opcode, ModRM with SIB and displacement, then one step for each operand letter of the
 * row. To add an instruction, add its rows; a new operand letter also needs a case in operand().
 *
 * What a real processor decides before it executes is decided here: invalid opcodes and register
 * numbers, memory-only forms, LOCK where it may not stand, more than 15 bytes. Privilege is the
 * executor's business.
 */
#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"

/* Operand letters. Those that need a ModRM byte come first. */
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
    L_Mq,
    L_Sw,
    L_Cd,
    L_Dd,
    L_Rd,
    L_Fx,
    L_LAST_MODRM = L_Fx,
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

enum row_id {
    R_NONE,
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat) R_##map##_##oc,
#define GROUP(map, oc)
#define EXT(map, oc, reg, insn, a, b, c, attr, rd, wr, un, feat) R_##map##_##oc##_##reg,
#include "isa-frontend/ia32.def"
#undef ROW
#undef EXT
#undef GROUP
    R_COUNT_
};

enum group_id {
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat)
#define GROUP(map, oc) GR_##map##_##oc,
#define EXT(map, oc, reg, insn, a, b, c, attr, rd, wr, un, feat)
#include "isa-frontend/ia32.def"
    GR_COUNT_
};
#undef ROW
#undef EXT
#undef GROUP

#include "isa-frontend/ia32_letters.h"

/* What decoding alone makes of them. */
enum { D_BYTE = 1, D_LOCK = 2, D_STRING = 4, D_PROT = 8, D_MODRM = 16 };

struct enc {
    uint8_t op, flags, letter[3], pad_;
};

#define MODRM_(l) ((unsigned)(L_##l) - 1u < (unsigned)L_LAST_MODRM)
#define DFLAGS_(attr, a, b, c)                                                                     \
    (((attr)&AT_BY ? D_BYTE : 0) | ((attr)&AT_LK ? D_LOCK : 0) | ((attr)&AT_ST ? D_STRING : 0) |   \
     ((attr)&AT_PM ? D_PROT : 0) | (MODRM_(a) || MODRM_(b) || MODRM_(c) ? D_MODRM : 0))

static const struct enc encs[R_COUNT_] = {
#define ENC_(insn, a, b, c, attr) {I_##insn, DFLAGS_(attr, a, b, c), {L_##a, L_##b, L_##c}, 0},
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat)                                     \
    [R_##map##_##oc] = ENC_(insn, a, b, c, attr)
#define GROUP(map, oc)
#define EXT(map, oc, reg, insn, a, b, c, attr, rd, wr, un, feat)                                   \
    [R_##map##_##oc##_##reg] = ENC_(insn, a, b, c, attr)
#include "isa-frontend/ia32.def"
#undef ROW
#undef EXT
};

static const uint16_t groups[GR_COUNT_][8] = {
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat)
#define EXT(map, oc, reg, insn, a, b, c, attr, rd, wr, un, feat)                                   \
    [GR_##map##_##oc][reg] = R_##map##_##oc##_##reg,
#include "isa-frontend/ia32.def"
#undef ROW
#undef EXT
#undef GROUP
};

/* Opcode table entries: a row's number (0: invalid), or one of these with a number in the low bits.
 */
enum {
    T_GROUP = 0x400,
    T_SPECIAL = 0x800,
    T_SEG = T_SPECIAL,
    T_REP = T_SPECIAL + 0x10,
    T_LOCK = T_SPECIAL + 0x20,
    T_OPSIZE,
    T_ADDRSIZE,
    T_0F
};
_Static_assert((int)R_COUNT_ <= (int)T_GROUP, "row numbers have 10 bits");

#define EXT(map, oc, reg, insn, a, b, c, attr, rd, wr, un, feat)
#define ROW_1(oc, n) [0x##oc... 0x##oc + (n)-1] = R_1_##oc,
#define GROUP_1(oc)  [0x##oc] = T_GROUP + GR_1_##oc,
#define NO_ROW(oc, n)
#define NO_GROUP(oc)

static const uint16_t map1[256] = {
#define ROW_2                                                  NO_ROW
#define GROUP_2                                                NO_GROUP
#define ROW(map, oc, n, insn, a, b, c, attr, rd, wr, un, feat) ROW_##map(oc, n)
#define GROUP(map, oc)                                         GROUP_##map(oc)
#include "isa-frontend/ia32.def"
    [0x26] = T_SEG + SEG_ES, [0x2e] = T_SEG + SEG_CS, [0x36] = T_SEG + SEG_SS,
    [0x3e] = T_SEG + SEG_DS, [0x64] = T_SEG + SEG_FS, [0x65] = T_SEG + SEG_GS,
    [0x66] = T_OPSIZE,       [0x67] = T_ADDRSIZE,     [0xf0] = T_LOCK,
    [0xf2] = T_REP + REP_NE, [0xf3] = T_REP + REP_E,  [0x0f] = T_0F,
};
#undef ROW_1
#undef ROW_2
#undef GROUP_1
#undef GROUP_2

static const uint16_t map2[256] = {
#define ROW_1        NO_ROW
#define GROUP_1      NO_GROUP
#define ROW_2(oc, n) [0x##oc... 0x##oc + (n)-1] = R_2_##oc,
#define GROUP_2(oc)  [0x##oc] = T_GROUP + GR_2_##oc,
#include "isa-frontend/ia32.def"
};
#undef ROW
#undef GROUP
#undef EXT

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

    uint32_t modrm = 0;
    if (entry & T_GROUP) {
        if (c.i >= c.limit)
            return exhausted(&c);
        entry = groups[entry & (T_GROUP - 1)][bytes[c.i] >> 3 & 7];
    }
    const struct enc *e = &encs[entry];
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
    out->disp = out->imm = out->imm2 = 0;
    out->o[0] = out->o[1] = out->o[2] = (struct opnd){O_NONE, 0, 0};
    if (entry == R_NONE || ((e->flags & D_PROT) && (mode & (MODE_PE | MODE_V86)) != MODE_PE))
        return DEC_UD;
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
        case L_Mq:
            out->opsize = 8;
            size = 8;
            goto memory_only;
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
        case L_Fx:
            out->imm = opcode << 8 | modrm;
            kind = is_mem ? O_MEM : O_ST;
            size = 0;
            r = rm;
            break;
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
        default: /* ES .. GS */
            kind = O_SREG;
            size = 2;
            r = e->letter[n] - L_ES;
            break;
        }
        *o = (struct opnd){kind, r, size};
    }
done:
    out->nopnds = n;
    out->length = c.i;
    if (e->op == I_XLAT)
        out->seg = seg == SEG_NONE ? SEG_DS : seg;
    if (lock && !((e->flags & D_LOCK) && out->o[0].kind == O_MEM))
        return DEC_UD;
    return DEC_OK;
}

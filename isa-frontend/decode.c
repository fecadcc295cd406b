/* SPDX-License-Identifier: MIT */
/*
 * The IA-32 decoder. All that is known of encodings stands in ia32.def, from which decode_tables.h
 * is made. Decoding is: prefixes, opcode, ModRM with SIB and displacement, then one step for each
 * operand letter of the row. To add an instruction, add its rows; a new operand letter also needs a
 * case in ia32_decode, or a line in wide_letters.
 *
 * What a real processor decides before it executes is decided here: invalid opcodes and register
 * numbers, memory-only forms, LOCK where it may not stand, more than 15 bytes, what the processor
 * decoded for does not have. Privilege is the executor's business.
 */
#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"
#include "isa-frontend/decode_tables.h"

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

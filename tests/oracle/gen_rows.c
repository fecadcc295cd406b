/* SPDX-License-Identifier: MIT */
/*
 * Instructions made from the rows of ia32.def: operand letters tell what bytes a form has. Two
 * uses: MMX, SSE and SSE2 are made so wherever gen_fx.c wants one; and directed cases, one row and
 * one mischief each, which provoke the faults that random operands seldom meet.
 *
 * A directed case of a row without a ModRM operand in memory sets the registers through which
 * instructions reach memory by themselves (ESP EBP ESI EDI EBX).
 *
 * To add a mischief: an enumerator of enum aim, what it does to the case in gen_directed, and in
 * `fits` which rows it suits. Of rows that would leave the oracle's world if they succeeded, only
 * cases that surely fault are made (see `unsafe`).
 */
#include "tests/oracle/gen_int.h"

#include "isa-frontend/insn.h"
#include "tests/oracle/fx.h"

enum map { M_1, M_2, M_266, M_2F3, M_2F2, M_FM, M_FR };

static const struct form {
    uint8_t map, opcode, n;
    char ext[4];
    const char *o[3];
} forms[] = {
    {M_1, 0, 0, "", {"_", "_", "_"}},
#define IA32_ROW(id, map, oc, n, ext, insn, a, b, c, attr, rd, wr, un, fn, feat)                   \
    {M_##map, 0x##oc, n, #ext, {#a, #b, #c}},
#include "isa-frontend/ia32.def"
};
enum { NFORMS = sizeof forms / sizeof forms[0], AIMS_MAX = 16 };

/* What the bytes behind the opcode are. */
struct shape {
    bool modrm, memory, registers; /* memory, registers: what ModRM.rm may name */
    bool implicit;                 /* reaches memory by registers of its own choice */
    unsigned size;                 /* of the memory operand, at most */
    unsigned immediate;            /* bytes; with 16-bit operands `less` fewer */
    unsigned less;
    int reg, rm; /* of ModRM, or -1: free */
};

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(s, *list))
            return true;
    return false;
}

static unsigned size_of(const char *letters)
{
    switch (letters[1]) {
    case 'b': return 1;
    case 'w': return 2;
    case 'p': return 6;
    case 'q':
    case 'a': return 8;
    case 'x': return 16;
    case 't': return 10;
    case 'e': return 28;
    case 's': return letters[0] == 'F' ? 108 : 2;
    case 'f': return 512;
    default: return 4;
    }
}

static void operand(struct shape *s, const char *o)
{
    static const char *const themselves[] = {"_",   "AL",  "CL",  "DX",  "AX", "eAX",
                                             "ES",  "CS",  "SS",  "DS",  "FS", "GS",
                                             "ST0", "STi", "reg", "one", NULL};
    if (is_one_of(o, themselves))
        return;
    if (!strcmp(o, "ds")) {
        s->implicit = true;
        return;
    }
    if (!strcmp(o, "sIb")) {
        s->immediate += 1;
        return;
    }
    switch (o[0]) {
    case 'G':
    case 'P':
    case 'V':
    case 'S':
    case 'C':
    case 'D': s->modrm = true; break;
    case 'E':
    case 'Q':
    case 'W':
        s->modrm = s->memory = s->registers = true;
        s->size = size_of(o);
        break;
    case 'M':
    case 'F':
        s->modrm = s->memory = true;
        s->size = o[1] ? size_of(o) : 6;
        break;
    case 'R':
        s->modrm = s->registers = true;
        s->memory = o[1] == 'w';
        s->size = 2;
        break;
    case 'N':
    case 'U': s->modrm = s->registers = true; break;
    case 'I':
    case 'K':
    case 'J':
        s->immediate += o[1] == 'z' ? 4 : o[1] == 'w' ? 2 : 1;
        s->less = o[1] == 'z' ? 2 : 0;
        break;
    case 'A':
        s->immediate = 6;
        s->less = 2;
        break;
    case 'O':
        s->immediate = 4;
        s->implicit = true;
        s->size = o[1] == 'b' ? 1 : 4;
        break;
    case 'X':
    case 'Y':
        s->implicit = true;
        s->size = o[1] == 'b' ? 1 : 4;
        break;
    default: break;
    }
}

static bool register_form(const struct form *f)
{
    return strchr(f->ext, 'R') != NULL;
}

static struct shape make_shape(unsigned row)
{
    const struct form *f = &forms[row];
    struct shape s = {.reg = -1, .rm = -1};
    for (int i = 0; i < 3; i++)
        operand(&s, f->o[i]);
    if (f->ext[0] >= '0' && f->ext[0] <= '7') {
        s.modrm = true;
        s.reg = f->ext[0] - '0';
        if (f->map == M_FR && f->ext[1] == '_')
            s.rm = f->ext[2] - '0';
    }
    if (f->map == M_FR) {
        s.modrm = s.registers = true;
        s.memory = false;
    } else if (register_form(f) || !strcmp(f->o[0], "reg")) {
        s.memory = false;
        s.registers = true;
    } else if (ia32_rows[row].attr & AT_PAIR) {
        s.registers = false;
    }
    return s;
}

static struct shape shape_of(unsigned row);

static bool is_moffs(const struct form *f)
{
    return f->o[0][0] == 'O' || f->o[1][0] == 'O';
}

/* What of the instruction is not left to chance. */
struct want {
    bool memory, lock, small;
    bool given;       /* the memory operand is at `address` */
    uint8_t override; /* segment prefix, or 0 */
    uint32_t address;
};

static uint8_t *encode(struct gen *g, unsigned row, const struct want *w, uint8_t *p)
{
    const struct form *f = &forms[row];
    struct shape s = shape_of(row);
    if (w->lock)
        *p++ = 0xf0;
    if (w->override)
        *p++ = w->override;
    if (w->small || f->map == M_266)
        *p++ = 0x66;
    if (f->map == M_2F3 || f->map == M_2F2)
        *p++ = f->map == M_2F3 ? 0xf3 : 0xf2;
    if (f->map >= M_2 && f->map <= M_2F2)
        *p++ = 0x0f;
    *p++ = (uint8_t)(f->opcode + (f->n > 1 ? below(g, f->n) : 0));
    if (s.modrm) {
        unsigned reg = s.reg >= 0 ? (unsigned)s.reg : below(g, 8);
        if (f->o[0][0] == 'S' ||
            f->o[1][0] == 'S') /* segment registers but FS, which is the host's */
            while (s.reg < 0 && (reg == 4 || reg > 5))
                reg = below(g, 8);
        if (!w->memory)
            *p++ = (uint8_t)(0xc0 | reg << 3 | (s.rm >= 0 ? (unsigned)s.rm : below(g, 8)));
        else if (w->given)
            p = gen_modrm_absolute(p, reg, w->address);
        else
            p = gen_modrm_32(g, p, reg, below(g, 256) < g->wild);
    }
    if (is_moffs(f))
        return put32(p, w->given ? w->address : gen_address(g));
    for (unsigned n = s.immediate - (w->small ? s.less : 0); n; n--)
        *p++ = (uint8_t)gen_random(g);
    return p;
}

/* ---- MMX, SSE, SSE2 ---- */

static const uint8_t simd_features[] = {FEAT_MMX, FEAT_FXSR, FEAT_SSE, FEAT_SSE2, FEAT_CLFSH};

static bool is_there(unsigned row)
{
    return ia32_features() >> ia32_rows[row].feature & 1;
}

static bool is_simd(unsigned row)
{
    return memchr(simd_features, ia32_rows[row].feature, sizeof simd_features) && is_there(row);
}

/* What follows from the table and the identity, made once. */
static struct {
    bool made;
    uint32_t features, gs; /* what it follows from beside the table */
    struct shape shape[NFORMS];
    uint16_t simd[NFORMS];
    unsigned nsimd;
    struct {
        uint16_t row, aim;
    } directed[NFORMS * AIMS_MAX];
    unsigned ndirected;
} known;

static void make_known(void);

static void know(void)
{
    if (!known.made || known.features != ia32_features() || known.gs != silicon_gs())
        make_known();
}

unsigned gen_simd_rows(void)
{
    know();
    return known.nsimd;
}

static struct shape shape_of(unsigned row)
{
    return known.shape[row];
}

static bool aligned_operand(unsigned row)
{
    return shape_of(row).size >= 16 && !(ia32_rows[row].attr & AT_UA);
}

static uint8_t *store_imm(uint8_t *p, uint32_t at, uint32_t v)
{
    *p++ = 0xc7;
    p = gen_modrm_absolute(p, 0, at);
    return put32(p, v);
}

uint8_t *gen_clear(uint8_t *p, uint32_t at, unsigned words)
{
    for (; words; words--, at += 4) { /* mov [at], eax */
        *p++ = 0xa3;
        p = put32(p, at);
    }
    return p;
}

/* MXCSR with mostly all exceptions masked. */
uint32_t gen_mxcsr(struct gen *g)
{
    uint32_t v = gen_random(g) & 0xffff;
    if (once_in(g, 2))
        v &= 0x7fbf; /* without FTZ and DAZ */
    return once_in(g, 4) ? v : v | 0x1f80;
}

uint8_t *gen_simd_insn(struct gen *g, unsigned n, uint8_t *p)
{
    unsigned row = known.simd[n % known.nsimd], op = ia32_rows[row].op;
    struct shape s = shape_of(row);
    struct want w = {.memory = s.memory && (!s.registers || once_in(g, 2))};
    static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x65};
    if (w.memory && once_in(g, 16))
        w.override = segments[below(g, g->gs ? 7 : 5)];
    w.address = gen_address(g);
    if (w.memory && aligned_operand(row)) {
        w.given = !once_in(g, 16);
        w.address &= ~15u;
        if (w.override == 0x65)
            w.address -= SILICON_GS_BASE & 15;
    }
    switch (op) {
    case I_FXSAVE:
    case I_FXRSTOR:
        w.override = 0;
        w.given = true;
        w.address = (SILICON_DATA + 0x200 + below(g, 0x6a00)) & ~15u;
        if (op == I_FXRSTOR && !once_in(g, 8))
            p = store_imm(p, w.address + 24, gen_mxcsr(g));
        p = encode(g, row, &w, p);
        /* FOP with the tags, and the pointers */
        return op == I_FXSAVE ? gen_clear(p, w.address + 4, 5) : p;
    case I_LDMXCSR:
        if (!once_in(g, 8)) {
            w.override = 0;
            w.given = true;
            p = store_imm(p, w.address, gen_mxcsr(g));
        }
        return encode(g, row, &w, p);
    case I_MASKMOVQ:
    case I_MASKMOVDQU:
        if (!once_in(g, 4)) { /* mov edi, address */
            *p++ = 0xb8 | IA32_EDI;
            p = put32(p, w.address);
        }
        return encode(g, row, &w, p);
    default: return encode(g, row, &w, p);
    }
}

/* ---- directed cases ---- */

enum aim {
    AIM_READ_ONLY,
    AIM_NO_ACCESS,
    AIM_CROSS,     /* from a page that may be written into one that may not be accessed */
    AIM_CROSS_RO,  /* ... that may only be read */
    AIM_OUTSIDE,   /* no page at all */
    AIM_UNALIGNED, /* what wants to be aligned to 16 bytes */
    AIM_CODE,      /* through CS */
    AIM_LOCK,
    AIM_REGISTER, /* a register where only memory is there */
    AIM_PENDING,  /* an x87 exception is pending */
    AIM_UNMASKED, /* exceptions of the instruction itself */
    AIM_ALIGN,    /* not aligned, with EFLAGS.AC set */
    AIM_LIMIT,    /* beyond the limit of DS and ES */
    AIM_STACK,    /* beyond the limit of SS */
    AIM_FAIR,     /* nothing is wrong */
    AIM_OWN,      /* likewise, of what every processor answers in its own way */
    N_AIMS
};
_Static_assert((int)N_AIMS <= (int)AIMS_MAX, "known.directed has room for so many");

/* Must not complete: what it would do then is not ours to compare, or ruins the oracle. */
static bool unsafe(unsigned op)
{
    switch (op) {
    case I_LOADSEG:
    case I_POPSEG:
    case I_LFP:
    case I_POPF:
    case I_IRET:
    case I_RETF:
    case I_CALLF:
    case I_JMPF:
    case I_SGDT:
    case I_SIDT:
    case I_SLDT:
    case I_STR:
    case I_SMSW:
    case I_LAR:
    case I_LSL:
    case I_VERR:
    case I_VERW:
    case I_INT:
    case I_CPUID:
    case I_RDTSC: return true;
    default: return false;
    }
}

static bool own_answer(unsigned op)
{
    switch (op) {
    case I_SGDT:
    case I_SIDT:
    case I_SLDT:
    case I_STR:
    case I_SMSW:
    case I_CPUID:
    case I_RDTSC: return true;
    default: return false;
    }
}

static bool by_stack(unsigned op)
{
    switch (op) {
    case I_PUSH:
    case I_POP:
    case I_PUSHSEG:
    case I_POPSEG:
    case I_PUSHA:
    case I_POPA:
    case I_PUSHF:
    case I_POPF:
    case I_ENTER:
    case I_LEAVE:
    case I_CALL:
    case I_CALLI:
    case I_CALLF:
    case I_RET:
    case I_RETF:
    case I_IRET: return true;
    default: return false;
    }
}

/* ModRM with a register means another instruction there: VEX, EVEX, XGETBV and the like. */
static bool taken_register_form(const struct form *f)
{
    return (f->map == M_1 && (f->opcode == 0xc4 || f->opcode == 0xc5 || f->opcode == 0x62)) ||
           (f->map == M_2 && f->opcode == 0x01);
}

static bool fits(unsigned row, enum aim aim)
{
    const struct form *f = &forms[row];
    struct shape s = shape_of(row);
    unsigned op = ia32_rows[row].op, attr = ia32_rows[row].attr;
    bool reaches = s.memory || s.implicit || by_stack(op);
    if (op == I_SYSENTER)
        return false;
    switch (aim) {
    case AIM_READ_ONLY:
    case AIM_CROSS_RO: return !unsafe(op) && reaches;
    case AIM_FAIR: return !unsafe(op) && !(attr & AT_CT);
    case AIM_OWN: return own_answer(op);
    case AIM_ALIGN: return !own_answer(op) && reaches && (s.size > 1 || !s.size);
    case AIM_LIMIT: return silicon_gs() && (unsafe(op) ? s.memory && !own_answer(op) : reaches);
    case AIM_STACK: return silicon_gs() && !own_answer(op) && reaches;
    case AIM_NO_ACCESS:
    case AIM_OUTSIDE: return reaches;
    case AIM_CROSS: return reaches && !unsafe(op);
    case AIM_UNALIGNED: return s.memory && aligned_operand(row);
    case AIM_CODE: return s.memory && !unsafe(op);
    case AIM_LOCK: return true;
    case AIM_REGISTER:
        return s.modrm && s.memory && !s.registers && !(attr & AT_PAIR) && f->map != M_FM &&
               !taken_register_form(f);
    case AIM_PENDING: return attr & AT_XMF || op == I_FWAIT;
    case AIM_UNMASKED: return attr & (AT_XXM | AT_XMF) && !unsafe(op);
    default: return false;
    }
}

static void make_known(void)
{
    known.features = ia32_features();
    known.gs = silicon_gs();
    known.nsimd = known.ndirected = 0;
    for (unsigned row = 1; row < NFORMS; row++) {
        known.shape[row] = make_shape(row);
        if (is_simd(row))
            known.simd[known.nsimd++] = (uint16_t)row;
    }
    for (unsigned aim = 0; aim < N_AIMS; aim++)
        for (unsigned row = 1; row < NFORMS; row++)
            if (is_there(row) && fits(row, aim)) {
                known.directed[known.ndirected].row = (uint16_t)row;
                known.directed[known.ndirected++].aim = (uint16_t)aim;
            }
    known.made = true;
}

size_t gen_directed(struct gen *g, uint64_t k, uint8_t *buf, struct ia32_state *st)
{
    static const uint8_t pointers[] = {IA32_EBX, IA32_ESP, IA32_EBP, IA32_ESI, IA32_EDI};
    know();
    unsigned at_pair = (unsigned)(k % known.ndirected), row = known.directed[at_pair].row;
    enum aim aim = known.directed[at_pair].aim;
    struct fx_image fx;
    uint8_t *p = buf;
    struct shape s = shape_of(row);
    unsigned op = ia32_rows[row].op;
    struct want w = {.memory = s.memory, .given = true, .small = once_in(g, 8)};
    uint32_t size = s.size ? s.size : 4;
    gen_state(g, st);
    gen_fx_state(g, st->fx, !once_in(g, 4));
    memcpy(&fx, st->fx, sizeof fx);
    if (forms[row].map >= M_2 && forms[row].map <= M_2F2)
        w.small = false; /* mandatory prefixes */
    if (s.memory && s.registers && (aim >= AIM_LOCK) && aim != AIM_ALIGN && aim != AIM_LIMIT &&
        aim != AIM_STACK)
        w.memory = once_in(g, 2);
    uint32_t at = (gen_address(g) & 0xfff) + SILICON_DATA + 0x1000 * (1 + below(g, 4));
    switch (aim) {
    case AIM_READ_ONLY: at = SILICON_DATA_RO + 0x40 + below(g, SILICON_PAGE - 0x300); break;
    case AIM_NO_ACCESS: at = SILICON_DATA_NONE + 0x40 + below(g, SILICON_PAGE - 0x300); break;
    case AIM_CROSS: at = SILICON_DATA_NONE - (size > 1 ? 1 + below(g, size - 1) : 0); break;
    case AIM_CROSS_RO: at = SILICON_DATA_RO - (size > 1 ? 1 + below(g, size - 1) : 0); break;
    case AIM_OUTSIDE: at = 0x30000000 + (gen_random(g) & 0x3ffffff8); break;
    case AIM_UNALIGNED: at = (at & ~15u) + 1 + below(g, 15); break;
    case AIM_CODE: w.override = 0x2e; break;
    case AIM_LOCK:
        w.lock = true;
        if (ia32_rows[row].attr & AT_LK)
            w.memory = !s.registers; /* where LOCK is legal it is not with a register */
        break;
    case AIM_REGISTER: w.memory = false; break;
    case AIM_PENDING:
        fx.fcw &= (uint16_t) ~(1u << below(g, 6));
        fx.fsw |= 0x8080 | (~fx.fcw & 0x3f);
        break;
    case AIM_UNMASKED:
        fx.mxcsr = (gen_random(g) & 0xffff & ~0x3fu) & ~(gen_random(g) & 0x1f80);
        fx.fcw = (uint16_t)((fx.fcw & ~0x3fu) | (gen_random(g) & 0x3f));
        fx.fsw &= 0x7f00;
        break;
    case AIM_ALIGN: /* push flags; popf */
        at = unsafe(op) ? at | 1 : (at & ~15u) + 1 + below(g, 15);
        *p++ = 0x68;
        p = put32(p, 0x40202 | (gen_random(g) & IA32_FLAGS & ~0x400u));
        *p++ = 0x9d;
        break;
    case AIM_LIMIT: /* push SMALL; pop ds; push SMALL; pop es */
    case AIM_STACK: /* push SMALL; pop ss */
        *p++ = 0x68;
        p = put32(p, SILICON_SELECTOR(SILICON_SEG_SMALL));
        *p++ = aim == AIM_STACK ? 0x17 : 0x1f;
        if (aim == AIM_LIMIT) {
            *p++ = 0x68;
            p = put32(p, SILICON_SELECTOR(SILICON_SEG_SMALL));
            *p++ = 0x07;
        } else if (s.memory || s.implicit) {
            w.override = 0x36;
        }
        if (!unsafe(op) && once_in(g, 4)) /* about the limit itself */
            at = SILICON_SMALL_LIMIT - below(g, size);
        break;
    default: break;
    }
    /* LOCK to an unaligned operand may cost 10 ms on some hosts, and XCHG locks by itself. */
    if ((w.lock || op == I_XCHG) && aim != AIM_ALIGN)
        at = aim == AIM_CROSS || aim == AIM_CROSS_RO ? at : at & ~7u;
    if (aligned_operand(row) && aim != AIM_UNALIGNED && aim != AIM_ALIGN)
        at &= ~15u;
    if (op == I_XCHG && (aim == AIM_CROSS || aim == AIM_CROSS_RO))
        at = (aim == AIM_CROSS ? SILICON_DATA_NONE : SILICON_DATA_RO) - 4;
    memcpy(st->fx, &fx, sizeof fx);
    w.address = at;
    /* Which of several operands goes wrong; what reaches memory by registers needs them. */
    bool by_registers = !s.memory || ((s.implicit || by_stack(op)) && once_in(g, 2));
    if (aim == AIM_ALIGN || aim == AIM_LIMIT || aim == AIM_STACK) {
        st->gpr[IA32_ESP] = SILICON_DATA + 0x4000 + (below(g, 0x1000) & ~3u);
        for (unsigned i = 0; i < sizeof pointers; i++)
            if (by_registers && pointers[i] != IA32_ESP)
                st->gpr[pointers[i]] = at;
        if (by_stack(op) && aim == AIM_ALIGN) { /* inc esp */
            st->gpr[IA32_EBP] = at;
            *p++ = 0x44;
        }
    }
    if (aim <= AIM_OUTSIDE && by_registers) {
        for (unsigned i = 0; i < sizeof pointers; i++)
            st->gpr[pointers[i]] = at;
        if (op == I_XLAT)
            st->gpr[IA32_EAX] &= ~0xffu;
        if (s.memory && !unsafe(op)) /* else a selector would come from there */
            w.address = SILICON_DATA + 0x1000 + (gen_address(g) & 0xff8);
        if (by_stack(op) && aim == AIM_READ_ONLY)
            st->gpr[IA32_ESP] = SILICON_DATA_RO + 0x80 + (below(g, 0xe00) & ~3u);
    }
    if (unsafe(op) && aim <= AIM_OUTSIDE && by_stack(op))
        for (unsigned i = 0; i < sizeof pointers; i++)
            st->gpr[pointers[i]] = at;
    g->fix_at = (unsigned)(p - buf);
    p = encode(g, row, &w, p);
    if (ia32_rows[row].op == I_CALLF && !s.memory)
        put16(p - 2, 0x23);
    g->own_registers = g->own_at = g->own_bytes = 0;
    if (aim == AIM_OWN && w.memory) {
        g->own_at = at;
        g->own_bytes = s.size;
    } else if (aim == AIM_OWN) {
        g->own_registers = op == I_CPUID   ? 0xf
                           : op == I_RDTSC ? 1 << IA32_EAX | 1 << IA32_EDX
                                           : 1u << (p[-1] & 7);
    }
    if (aim == AIM_UNMASKED && ia32_rows[row].attr & AT_XMF)
        *p++ = 0x9b; /* fwait */
    g->used_fx = ia32_is_x87(op) || ia32_is_simd(op);
    g->row = row;
    g->eip += (uint32_t)(p - buf);
    return (size_t)(p - buf);
}

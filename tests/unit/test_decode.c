/* SPDX-License-Identifier: MIT */
/*
 * The decoder against Zydis: validity, length, instruction, operand and address size, memory
 * operand, registers, immediates, over every opcode of both maps with every ModRM, SIBs, prefixes,
 * and over random bytes, for both processors that a guest may see. Where the two may differ for a
 * reason, the reason stands in known_difference().
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <Zydis/Zydis.h>

#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"
#include "tests/unit/xorshift.h"

static ZydisDecoder dec32, dec16;
static uint64_t compared, valid, rng = 88172645463325252ull;

static uint32_t rnd(void)
{
    return (uint32_t)(xorshift64(&rng) >> 16);
}

enum { TM5800, TM8600 };

/* What SSE and SSE2 added for MMX registers; Zydis has it all as MMX. */
static bool later_mmx(ZydisMnemonic m)
{
    static const ZydisMnemonic later[] = {
        ZYDIS_MNEMONIC_PSHUFW,   ZYDIS_MNEMONIC_PINSRW,  ZYDIS_MNEMONIC_PEXTRW,
        ZYDIS_MNEMONIC_PMOVMSKB, ZYDIS_MNEMONIC_PMINUB,  ZYDIS_MNEMONIC_PMAXUB,
        ZYDIS_MNEMONIC_PMINSW,   ZYDIS_MNEMONIC_PMAXSW,  ZYDIS_MNEMONIC_PAVGB,
        ZYDIS_MNEMONIC_PAVGW,    ZYDIS_MNEMONIC_PSADBW,  ZYDIS_MNEMONIC_PMULHUW,
        ZYDIS_MNEMONIC_MOVNTQ,   ZYDIS_MNEMONIC_PADDQ,   ZYDIS_MNEMONIC_PSUBQ,
        ZYDIS_MNEMONIC_PMULUDQ,  ZYDIS_MNEMONIC_MASKMOVQ};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (m == later[i])
            return true;
    return false;
}

static bool in_our_set(const ZydisDecodedInstruction *zi, int identity)
{
    switch (zi->meta.isa_set) {
    case ZYDIS_ISA_SET_FXSAVE:
    case ZYDIS_ISA_SET_SSE:
    case ZYDIS_ISA_SET_SSEMXCSR:
    case ZYDIS_ISA_SET_SSE2:
    case ZYDIS_ISA_SET_SSE2MMX:
    case ZYDIS_ISA_SET_CLFSH: return identity == TM8600;
    case ZYDIS_ISA_SET_PENTIUMMMX: return identity == TM8600 || !later_mmx(zi->mnemonic);
    case ZYDIS_ISA_SET_SSE_PREFETCH: /* a hinting nop to processors without SSE */
    case ZYDIS_ISA_SET_I86:
    case ZYDIS_ISA_SET_I186:
    case ZYDIS_ISA_SET_I286PROTECTED:
    case ZYDIS_ISA_SET_I286REAL:
    case ZYDIS_ISA_SET_I386:
    case ZYDIS_ISA_SET_I486:
    case ZYDIS_ISA_SET_I486REAL:
    case ZYDIS_ISA_SET_PENTIUMREAL:
    case ZYDIS_ISA_SET_PPRO:
    case ZYDIS_ISA_SET_CMOV:
    case ZYDIS_ISA_SET_FCMOV:
    case ZYDIS_ISA_SET_X87:
    case ZYDIS_ISA_SET_LAHF:
    case ZYDIS_ISA_SET_PAUSE:
    case ZYDIS_ISA_SET_RDPMC:
    case ZYDIS_ISA_SET_FAT_NOP:
    case ZYDIS_ISA_SET_PREFETCH_NOP: return true;
    default: return false;
    }
}

/* Zydis's mnemonic in the terms of insn.def. */
static const char *our_name(const ZydisDecodedInstruction *zi, char *buf)
{
    static const struct {
        const char *z, *us;
    } alias[] = {
        {"CWDE", "CBW"},
        {"CDQ", "CWD"},
        {"PUSHAD", "PUSHA"},
        {"POPAD", "POPA"},
        {"PUSHFD", "PUSHF"},
        {"POPFD", "POPF"},
        {"IRETD", "IRET"},
        {"LES", "LFP"},
        {"LDS", "LFP"},
        {"LSS", "LFP"},
        {"LFS", "LFP"},
        {"LGS", "LFP"},
        {"JCXZ", "JECXZ"},
        {"UD0", "UD"},
        {"UD1", "UD"},
        {"UD2", "UD"},
        {"PAUSE", "NOP"},
        {"FENI8087_NOP", "FNENI"},
        {"FDISI8087_NOP", "FNDISI"},
        {"FSETPM287_NOP", "FNSETPM"},
        {"INSB", "INS"},
        {"INSW", "INS"},
        {"INSD", "INS"},
        {"OUTSB", "OUTS"},
        {"OUTSW", "OUTS"},
        {"OUTSD", "OUTS"},
        {"MOVSB", "MOVS"},
        {"MOVSW", "MOVS"},
        {"MOVSD", "MOVS"},
        {"CMPSB", "CMPS"},
        {"CMPSW", "CMPS"},
        {"CMPSD", "CMPS"},
        {"SCASB", "SCAS"},
        {"SCASW", "SCAS"},
        {"SCASD", "SCAS"},
        {"LODSB", "LODS"},
        {"LODSW", "LODS"},
        {"LODSD", "LODS"},
        {"STOSB", "STOS"},
        {"STOSW", "STOS"},
        {"STOSD", "STOS"},
    };
    const char *s = ZydisMnemonicGetString(zi->mnemonic);
    size_t n = strlen(s);
    for (size_t i = 0; i <= n; i++)
        buf[i] = (char)toupper((unsigned char)s[i]);
    for (size_t i = 0; i < sizeof alias / sizeof alias[0]; i++)
        if (!strcmp(buf, alias[i].z) && zi->meta.isa_ext != ZYDIS_ISA_EXT_SSE2)
            return alias[i].us;
    return buf;
}

/* Our op's name by form: Zydis folds some of ours into one mnemonic. */
static bool same_name(const struct insn *in, const ZydisDecodedInstruction *zi)
{
    char buf[64];
    const char *z = our_name(zi, buf);
    switch (in->op) {
    case I_JCC: return zi->meta.category == ZYDIS_CATEGORY_COND_BR;
    case I_SETCC: return zi->meta.category == ZYDIS_CATEGORY_SETCC;
    case I_CMOVCC: return !strncmp(z, "CMOV", 4);
    case I_IMUL1: return !strcmp(z, "IMUL");
    case I_MOVSEG:
    case I_LOADSEG:
    case I_MOVCR:
    case I_MOVDR: return !strcmp(z, "MOV");
    case I_PUSHSEG: return !strcmp(z, "PUSH");
    case I_POPSEG: return !strcmp(z, "POP");
    case I_JMPI:
    case I_JMPF: return !strcmp(z, "JMP");
    case I_CALLI:
    case I_CALLF: return !strcmp(z, "CALL");
    case I_RETF: return !strcmp(z, "RET");
    case I_PREFETCH: return !strncmp(z, "PREFETCH", 8);
    default: return !strcmp(z, ia32_op_name(in->op));
    }
}

static uint8_t reg_number(ZydisRegister r)
{
    if (r == ZYDIS_REGISTER_NONE)
        return REG_NONE;
    return (uint8_t)ZydisRegisterGetId(r);
}

static const ZydisRegister segs[6] = {ZYDIS_REGISTER_ES, ZYDIS_REGISTER_CS, ZYDIS_REGISTER_SS,
                                      ZYDIS_REGISTER_DS, ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS};

/* Differences that are right, or do not matter; the first opcode byte behind prefixes is at p[0].
 */
static bool known_difference(const uint8_t *p, uint32_t left, enum decode_result r,
                             const ZydisDecodedInstruction *zi, bool zok)
{
    if (left < 2)
        return false;
    if (p[0] == 0x0f) {
        if (p[1] == 0xbc || p[1] == 0xbd)
            return r == DEC_OK; /* with F3, TZCNT and LZCNT to later processors */
        if (p[1] >= 0x18 && p[1] <= 0x1f)
            return r == DEC_OK; /* the hinting nops: later processors gave some of them meanings */
        if (p[1] == 0x0d || (p[1] == 0x01 && p[2] >= 0xc0 && r == DEC_UD))
            return true; /* AMD's prefetch; forms of later processors */
        if (p[1] == 0xc7 && r == DEC_UD)
            return zok && zi->mnemonic != ZYDIS_MNEMONIC_CMPXCHG8B;
    }
    return false;
}

static bool is_register(const struct opnd *o)
{
    return o->kind == O_REG || o->kind == O_MMX || o->kind == O_XMM || o->kind == O_ST;
}

static bool same_register(const struct opnd *o, ZydisRegister r)
{
    ZydisRegisterClass c = ZydisRegisterGetClass(r);
    uint8_t kind = c == ZYDIS_REGCLASS_MMX   ? O_MMX
                   : c == ZYDIS_REGCLASS_XMM ? O_XMM
                   : c == ZYDIS_REGCLASS_X87 ? O_ST
                                             : O_REG;
    return o->kind == kind && o->reg == reg_number(r);
}

static void fail_at(const uint8_t *b, uint32_t n, const char *what, enum decode_result r,
                    const struct insn *in, const ZydisDecodedInstruction *zi, ZyanStatus zs)
{
    char hex[64] = "";
    for (uint32_t i = 0; i < n && i < 16; i++)
        sprintf(hex + 3 * i, "%02x ", b[i]);
    fail_msg("%s: %s: ours result %d %s length %u op %u addr %u; Zydis %s %s length %u op %u addr "
             "%u (%x)",
             what, hex, (int)r, ia32_op_name(in->op), in->length, in->opsize, in->addrsize,
             ZYAN_SUCCESS(zs) ? "ok" : "refuses",
             ZYAN_SUCCESS(zs) ? ZydisMnemonicGetString(zi->mnemonic) : "",
             ZYAN_SUCCESS(zs) ? zi->length : 0, ZYAN_SUCCESS(zs) ? zi->operand_width : 0,
             ZYAN_SUCCESS(zs) ? zi->address_width : 0, (unsigned)zs);
}

static void compare(const uint8_t *b, uint32_t n, bool code32)
{
    struct insn in, less;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    memset(&in, 0, sizeof in);
    uint32_t mode = code32 ? MODE_PROCESS : MODE_PROCESS & ~MODE_CODE32;
    enum decode_result r = ia32_decode(b, n, 0x1000, mode, &in);
    ZyanStatus zs = ZydisDecoderDecodeFull(code32 ? &dec32 : &dec16, b, n, &zi, zo);
    bool zok = ZYAN_SUCCESS(zs);
    uint32_t at = 0;
    while (at < n && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", b[at]) && b[at])
        at++;
    compared++;
    if (known_difference(b + at, n - at, r, &zi, zok))
        return;
    if (r == DEC_MORE) {
        if (zs != ZYDIS_STATUS_NO_MORE_DATA)
            fail_at(b, n, "wants more", r, &in, &zi, zs);
        return;
    }
    if (!zok) {
        if (r == DEC_OK)
            fail_at(b, n, "valid", r, &in, &zi, zs);
        /* Of a form that registers alone have, memory that reaches beyond is both. */
        if (r == DEC_TOO_LONG && zs != ZYDIS_STATUS_INSTRUCTION_TOO_LONG && !ia32_is_simd(in.op))
            fail_at(b, n, "too long", r, &in, &zi, zs);
        return;
    }
    if (!in_our_set(&zi, TM8600)) {
        if (r == DEC_OK)
            fail_at(b, n, "not of this set", r, &in, &zi, zs);
        return;
    }
    memset(&less, 0, sizeof less);
    ia32_identify(TM5800);
    enum decode_result rless = ia32_decode(b, n, 0x1000, mode, &less);
    ia32_identify(TM8600);
    if (rless != (in_our_set(&zi, TM5800) ? r : DEC_UD) ||
        (rless == DEC_OK && memcmp(&in, &less, sizeof in)))
        fail_at(b, n, "on a TM5800", rless, &less, &zi, zs);
    if (r != DEC_OK)
        fail_at(b, n, "invalid", r, &in, &zi, zs);
    valid++;
    if (in.length != zi.length)
        fail_at(b, n, "length", r, &in, &zi, zs);
    if (!same_name(&in, &zi))
        fail_at(b, n, "name", r, &in, &zi, zs);
    if (in.addrsize * 8 != zi.address_width)
        fail_at(b, n, "address size", r, &in, &zi, zs);
    /* Zydis has a width of its own where the operand size means nothing. */
    bool sized = !ia32_is_x87(in.op) && !ia32_is_simd(in.op) && in.opsize != 1 &&
                 in.op != I_MOVCR && in.op != I_MOVDR && in.op != I_CMPXCHG8B &&
                 zi.operand_width != 8 && zi.meta.category != ZYDIS_CATEGORY_SYSTEM;
    if (sized && in.opsize * 8 != zi.operand_width)
        fail_at(b, n, "operand size", r, &in, &zi, zs);

    unsigned ours = 0;
    for (unsigned i = 0; i < zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &zo[i];
        if (o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
            continue;
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && in.op != I_XLAT && in.op != I_MASKMOVQ &&
            in.op != I_MASKMOVDQU && in.o[ours < 2 ? ours : 2].kind != O_STR_DST &&
            in.o[ours < 2 ? ours : 2].kind != O_STR_SRC) {
            bool string = zi.meta.category == ZYDIS_CATEGORY_STRINGOP ||
                          zi.meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
            if (string)
                continue;
            uint32_t disp = (uint32_t)o->mem.disp.value;
            uint8_t base = reg_number(o->mem.base), index = reg_number(o->mem.index);
            uint32_t scale = o->mem.scale ? 1u << in.scale : 0;
            uint32_t mask = in.addrsize == 2 ? 0xffff : 0xffffffff;
            if (base != in.base || index != in.index || ((in.disp ^ disp) & mask) ||
                (index != REG_NONE && o->mem.scale != scale) ||
                (in.op != I_LEA && in.op != I_NOP && o->mem.segment != segs[in.seg % 6]))
                fail_at(b, n, "memory operand", r, &in, &zi, zs);
            unsigned k = 0;
            while (k < in.nopnds && in.o[k].kind != O_MEM)
                k++;
            if (k == in.nopnds)
                fail_at(b, n, "no memory operand", r, &in, &zi, zs);
            if (in.o[k].size && in.op != I_CLFLUSH && in.op != I_BOUND && in.op != I_UD &&
                in.o[k].size * 8 != o->size)
                fail_at(b, n, "size of memory operand", r, &in, &zi, zs);
        }
        if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
            o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT && ours < in.nopnds &&
            is_register(&in.o[ours])) {
            bool same = same_register(&in.o[ours], o->reg.value);
            if (in.o[ours].kind == O_ST) /* Zydis does not list ST(0) of all */
                same |=
                    same_register(&in.o[0], o->reg.value) || same_register(&in.o[1], o->reg.value);
            if (!same && in.op != I_SALC)
                fail_at(b, n, "register", r, &in, &zi, zs);
            if (in.o[ours].kind == O_REG && in.o[ours].size * 8 != o->size && in.op != I_LEA &&
                in.op != I_UD && in.op != I_LAR && in.op != I_LSL)
                fail_at(b, n, "register size", r, &in, &zi, zs);
        }
        if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
            o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT && ours < in.nopnds) {
            uint32_t v = (uint32_t)o->imm.value.u,
                     got = in.o[ours].kind == O_IMM2 ? in.imm2 : in.imm;
            uint32_t size = in.opsize == 1 || in.op == I_INT || ia32_is_simd(in.op) ? 1 : in.opsize;
            uint32_t mask = size == 1 ? 0xff : size == 2 ? 0xffff : 0xffffffff;
            if (o->imm.is_relative) {
                v += 0x1000 + zi.length;
                mask = in.opsize == 2 ? 0xffff : 0xffffffff;
            }
            if ((v ^ got) & mask)
                fail_at(b, n, "immediate", r, &in, &zi, zs);
        }
        ours++;
    }
}

static void tail(uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p[i] = (uint8_t)rnd();
}

static const uint8_t prefixes[11] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                     0x66, 0x67, 0xf0, 0xf2, 0xf3};

/* Every opcode, every ModRM, each with no prefix, each single prefix, and some pairs. */
static void every_opcode(void **state)
{
    (void)state;
    uint8_t b[24];
    for (int code32 = 0; code32 < 2; code32++)
        for (uint32_t map = 0; map < 2; map++)
            for (uint32_t op = 0; op < 256; op++)
                for (uint32_t modrm = 0; modrm < 256; modrm++)
                    for (uint32_t p = 0; p < 20; p++) {
                        uint32_t n = 0;
                        if (p >= 1 && p <= 11)
                            b[n++] = prefixes[p - 1];
                        else if (p > 11) {
                            b[n++] = prefixes[rnd() % 11];
                            b[n++] = prefixes[rnd() % 11];
                        }
                        if (map)
                            b[n++] = 0x0f;
                        b[n++] = (uint8_t)op;
                        b[n++] = (uint8_t)modrm;
                        tail(b + n, 16);
                        compare(b, 20, code32);
                    }
    print_message("%llu encodings compared, %llu of them valid\n", (unsigned long long)compared,
                  (unsigned long long)valid);
}

static void every_sib(void **state)
{
    (void)state;
    static const uint8_t ops[] = {0x8b, 0x00, 0x8d, 0xc7, 0xf6, 0x80, 0xd9, 0xff, 0x6f};
    uint8_t b[24];
    for (uint32_t op = 0; op < sizeof ops; op++)
        for (uint32_t mod = 0; mod < 3; mod++)
            for (uint32_t sib = 0; sib < 256; sib++)
                for (uint32_t reg = 0; reg < 8; reg++)
                    for (uint32_t seg = 0; seg < 7; seg++) {
                        uint32_t n = 0;
                        if (seg)
                            b[n++] = prefixes[seg - 1];
                        if (ops[op] == 0x6f)
                            b[n++] = 0x0f; /* movq mm, m64 */
                        b[n++] = ops[op];
                        b[n++] = (uint8_t)(mod << 6 | reg << 3 | 4);
                        b[n++] = (uint8_t)sib;
                        tail(b + n, 16);
                        compare(b, 20, true);
                    }
}

static void random_bytes(void **state)
{
    (void)state;
    uint8_t b[24];
    for (uint32_t i = 0; i < 3000000; i++) {
        uint32_t n = 0;
        uint32_t k = rnd() % 4 == 0 ? rnd() % 15 : 0;
        while (n < k)
            b[n++] = prefixes[rnd() % 11];
        tail(b + n, sizeof b - n);
        compare(b, 20, rnd() & 7);
    }
}

/* With fewer bytes than the instruction has, more are asked for; with exactly its length, not. No
 * byte behind those given is looked at: the next page is forbidden. */
static void cut_short(void **state)
{
    (void)state;
    uint8_t b[24];
    uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
    for (uint32_t i = 0; i < 300000; i++) {
        struct insn in, again;
        uint32_t k = 0;
        if (rnd() & 1)
            b[k++] = prefixes[rnd() % 11];
        if (rnd() & 1)
            b[k++] = 0x0f;
        tail(b + k, sizeof b - k);
        for (uint32_t n = 0; n <= 15; n++) {
            memcpy(page + 4096 - n, b, n);
            ia32_decode(page + 4096 - n, n, 0, MODE_PROCESS, &again);
        }
        if (ia32_decode(b, 15, 0, MODE_PROCESS, &in) != DEC_OK)
            continue;
        for (uint32_t n = 0; n < in.length; n++)
            assert_int_equal(ia32_decode(b, n, 0, MODE_PROCESS, &again), DEC_MORE);
        assert_int_equal(ia32_decode(b, in.length, 0, MODE_PROCESS, &again), DEC_OK);
    }
    munmap(page, 8192);
}

static void lock_legality(void **state)
{
    (void)state;
    struct insn in;
    static const struct {
        uint8_t b[6];
        enum decode_result r;
    } t[] = {
        {{0xf0, 0x01, 0x00}, DEC_OK},             /* lock add [eax], eax */
        {{0xf0, 0x01, 0xc0}, DEC_UD},             /* lock add eax, eax */
        {{0xf0, 0x03, 0x00}, DEC_UD},             /* lock add eax, [eax] */
        {{0xf0, 0x39, 0x00}, DEC_UD},             /* lock cmp [eax], eax */
        {{0xf0, 0x86, 0x00}, DEC_OK},             /* lock xchg [eax], al */
        {{0xf0, 0x0f, 0xb1, 0x08}, DEC_OK},       /* lock cmpxchg [eax], ecx */
        {{0xf0, 0x0f, 0xc7, 0x08}, DEC_OK},       /* lock cmpxchg8b [eax] */
        {{0xf0, 0x0f, 0xa3, 0x00}, DEC_UD},       /* lock bt [eax], eax */
        {{0xf0, 0x0f, 0xba, 0x28, 0x01}, DEC_OK}, /* lock bts [eax], 1 */
        {{0xf0, 0x90}, DEC_UD},                   /* lock nop */
        {{0xf0, 0xff, 0x30}, DEC_UD},             /* lock push [eax] */
        {{0xf0, 0xff, 0x00}, DEC_OK},             /* lock inc [eax] */
    };
    for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++)
        if (ia32_decode(t[i].b, sizeof t[i].b, 0, MODE_PROCESS, &in) != t[i].r)
            fail_msg("case %u", i);
}

/* Prefixes count to the limit of 15 bytes, however often they repeat. */
static void over_long(void **state)
{
    (void)state;
    struct insn in;
    uint8_t b[16];
    memset(b, 0x66, sizeof b);
    assert_int_equal(ia32_decode(b, 16, 0, MODE_PROCESS, &in), DEC_TOO_LONG);
    b[14] = 0x90;
    assert_int_equal(ia32_decode(b, 16, 0, MODE_PROCESS, &in), DEC_OK);
    assert_int_equal(in.length, 15);
    b[13] = 0x0f;
    b[14] = 0xaf;
    assert_int_equal(ia32_decode(b, 16, 0, MODE_PROCESS, &in), DEC_TOO_LONG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_opcode),  cmocka_unit_test(every_sib),
        cmocka_unit_test(random_bytes),  cmocka_unit_test(cut_short),
        cmocka_unit_test(lock_legality), cmocka_unit_test(over_long),
    };
    ia32_identify(TM8600);
    ZydisDecoderInit(&dec32, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&dec16, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoder *d[2] = {&dec32, &dec16};
    for (unsigned i = 0; i < 2; i++) {
        ZydisDecoderEnableMode(d[i], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
        ZydisDecoderEnableMode(d[i], ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
        ZydisDecoderEnableMode(d[i], ZYDIS_DECODER_MODE_LZCNT, ZYAN_FALSE);
        ZydisDecoderEnableMode(d[i], ZYDIS_DECODER_MODE_TZCNT, ZYAN_FALSE);
        ZydisDecoderEnableMode(d[i], ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
        ZydisDecoderEnableMode(d[i], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

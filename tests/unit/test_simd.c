/* SPDX-License-Identifier: MIT */
/*
 * Every function of simd.def against the host's own instruction: both get the same random and
 * special operands and the same MXCSR (rounding, DAZ, FTZ, any masks), and everything they leave is
 * compared. The instruction is put together in a page of code; an unmasked exception of it arrives
 * as SIGFPE, whose context tells MXCSR.
 */
#define _GNU_SOURCE 1 /* REG_RIP */
#include "tests/unit/vmkit.h"
#include "vliw-model/sem_simd.h"
#include "vliw-model/state.h"

#if defined(__x86_64__)
#include <math.h>
#include <emmintrin.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

static const char *const fn_name[FN_COUNT_] = {
#define FN(name, op, doc) [FN_##name] = #name,
#include "vliw-model/simd.def"
#undef FN
};

/* What the host's instruction looks like. Operands: d is xmm0 or mm0, s xmm1 or mm1, and word 0 of
 * s eax. */
enum {
    X = 1,        /* a form for XMM registers, m = 0 */
    M = 2,        /* a form for MMX registers, m = 1, without prefix */
    IMM = 4,      /* an imm8 */
    EXT = 8,      /* ext is an opcode extension, rm the destination */
    TO_EAX = 16,  /* the result is eax */
    FLAGS = 32,   /* the result is EFLAGS */
    BY_EAX = 64,  /* the source is eax */
    TO_MM = 128,  /* mm0 from xmm1, m = 1 */
    BY_MM = 256,  /* xmm0 from mm1, m = 0 */
    FLOAT = 512,  /* under MXCSR */
    APPROX = 1024 /* not to the bit */
};

static const struct row {
    uint16_t fn, kind;
    uint8_t prefix, op, ext;
} rows[] = {
    {FN_MOVE, X | M, 0x66, 0x6f, 0},
    {FN_MOVQ, X, 0xf3, 0x7e, 0},
    {FN_MOVL, X | M | BY_EAX, 0x66, 0x6e, 0},
    {FN_MERGEL, X, 0xf3, 0x10, 0},
    {FN_MERGEQ, X, 0xf2, 0x10, 0},
    {FN_MOVHL, X, 0, 0x12, 0},
    {FN_MOVLH, X, 0, 0x16, 0},
    {FN_AND, X | M, 0x66, 0xdb, 0},
    {FN_ANDN, X | M, 0x66, 0xdf, 0},
    {FN_OR, X | M, 0x66, 0xeb, 0},
    {FN_XOR, X | M, 0x66, 0xef, 0},
    {FN_ADDB, X | M, 0x66, 0xfc, 0},
    {FN_ADDW, X | M, 0x66, 0xfd, 0},
    {FN_ADDD, X | M, 0x66, 0xfe, 0},
    {FN_ADDQ, X | M, 0x66, 0xd4, 0},
    {FN_ADDSB, X | M, 0x66, 0xec, 0},
    {FN_ADDSW, X | M, 0x66, 0xed, 0},
    {FN_ADDUSB, X | M, 0x66, 0xdc, 0},
    {FN_ADDUSW, X | M, 0x66, 0xdd, 0},
    {FN_SUBB, X | M, 0x66, 0xf8, 0},
    {FN_SUBW, X | M, 0x66, 0xf9, 0},
    {FN_SUBD, X | M, 0x66, 0xfa, 0},
    {FN_SUBQ, X | M, 0x66, 0xfb, 0},
    {FN_SUBSB, X | M, 0x66, 0xe8, 0},
    {FN_SUBSW, X | M, 0x66, 0xe9, 0},
    {FN_SUBUSB, X | M, 0x66, 0xd8, 0},
    {FN_SUBUSW, X | M, 0x66, 0xd9, 0},
    {FN_MINUB, X | M, 0x66, 0xda, 0},
    {FN_MAXUB, X | M, 0x66, 0xde, 0},
    {FN_MINSW, X | M, 0x66, 0xea, 0},
    {FN_MAXSW, X | M, 0x66, 0xee, 0},
    {FN_AVGB, X | M, 0x66, 0xe0, 0},
    {FN_AVGW, X | M, 0x66, 0xe3, 0},
    {FN_CMPEQB, X | M, 0x66, 0x74, 0},
    {FN_CMPEQW, X | M, 0x66, 0x75, 0},
    {FN_CMPEQD, X | M, 0x66, 0x76, 0},
    {FN_CMPGTB, X | M, 0x66, 0x64, 0},
    {FN_CMPGTW, X | M, 0x66, 0x65, 0},
    {FN_CMPGTD, X | M, 0x66, 0x66, 0},
    {FN_PACKSSWB, X | M, 0x66, 0x63, 0},
    {FN_PACKSSDW, X | M, 0x66, 0x6b, 0},
    {FN_PACKUSWB, X | M, 0x66, 0x67, 0},
    {FN_UNPCKLBW, X | M, 0x66, 0x60, 0},
    {FN_UNPCKLWD, X | M, 0x66, 0x61, 0},
    {FN_UNPCKLDQ, X | M, 0x66, 0x62, 0},
    {FN_UNPCKLDQ, X, 0, 0x14, 0}, /* unpcklps */
    {FN_UNPCKLQDQ, X, 0x66, 0x6c, 0},
    {FN_UNPCKHBW, X | M, 0x66, 0x68, 0},
    {FN_UNPCKHWD, X | M, 0x66, 0x69, 0},
    {FN_UNPCKHDQ, X | M, 0x66, 0x6a, 0},
    {FN_UNPCKHDQ, X, 0, 0x15, 0}, /* unpckhps */
    {FN_UNPCKHQDQ, X, 0x66, 0x6d, 0},
    {FN_SHUFW, M | IMM, 0, 0x70, 0},
    {FN_SHUFLW, X | IMM, 0xf2, 0x70, 0},
    {FN_SHUFHW, X | IMM, 0xf3, 0x70, 0},
    {FN_SHUFD, X | IMM, 0x66, 0x70, 0},
    {FN_SHUFPS, X | IMM, 0, 0xc6, 0},
    {FN_SHUFPD, X | IMM, 0x66, 0xc6, 0},
    {FN_SLLW, X | M, 0x66, 0xf1, 0},
    {FN_SLLD, X | M, 0x66, 0xf2, 0},
    {FN_SLLQ, X | M, 0x66, 0xf3, 0},
    {FN_SRLW, X | M, 0x66, 0xd1, 0},
    {FN_SRLD, X | M, 0x66, 0xd2, 0},
    {FN_SRLQ, X | M, 0x66, 0xd3, 0},
    {FN_SRAW, X | M, 0x66, 0xe1, 0},
    {FN_SRAD, X | M, 0x66, 0xe2, 0},
    {FN_SLLWI, X | M | IMM | EXT, 0x66, 0x71, 6},
    {FN_SLLDI, X | M | IMM | EXT, 0x66, 0x72, 6},
    {FN_SLLQI, X | M | IMM | EXT, 0x66, 0x73, 6},
    {FN_SRLWI, X | M | IMM | EXT, 0x66, 0x71, 2},
    {FN_SRLDI, X | M | IMM | EXT, 0x66, 0x72, 2},
    {FN_SRLQI, X | M | IMM | EXT, 0x66, 0x73, 2},
    {FN_SRAWI, X | M | IMM | EXT, 0x66, 0x71, 4},
    {FN_SRADI, X | M | IMM | EXT, 0x66, 0x72, 4},
    {FN_SLLDQ, X | IMM | EXT, 0x66, 0x73, 7},
    {FN_SRLDQ, X | IMM | EXT, 0x66, 0x73, 3},
    {FN_MOVMSKB, X | M | TO_EAX, 0x66, 0xd7, 0},
    {FN_MOVMSKPS, X | TO_EAX, 0, 0x50, 0},
    {FN_MOVMSKPD, X | TO_EAX, 0x66, 0x50, 0},
    {FN_EXTRW, X | M | IMM | TO_EAX, 0x66, 0xc5, 0},
    {FN_INSRW, X | M | IMM | BY_EAX, 0x66, 0xc4, 0},
    {FN_MULLW, X | M, 0x66, 0xd5, 0},
    {FN_MULHW, X | M, 0x66, 0xe5, 0},
    {FN_MULHUW, X | M, 0x66, 0xe4, 0},
    {FN_MADDWD, X | M, 0x66, 0xf5, 0},
    {FN_MULUDQ, X | M, 0x66, 0xf4, 0},
    {FN_SADBW, X | M, 0x66, 0xf6, 0},
#define FOUR(NAME, op)                                                                             \
    {FN_##NAME##PS, X | FLOAT, 0, op, 0}, {FN_##NAME##SS, X | FLOAT, 0xf3, op, 0},                 \
        {FN_##NAME##PD, X | FLOAT, 0x66, op, 0},                                                   \
    {                                                                                              \
        FN_##NAME##SD, X | FLOAT, 0xf2, op, 0                                                      \
    }
    FOUR(ADD, 0x58),
    FOUR(SUB, 0x5c),
    FOUR(MUL, 0x59),
    FOUR(MIN, 0x5d),
    FOUR(MAX, 0x5f),
    {FN_CMPPS, X | FLOAT | IMM, 0, 0xc2, 0},
    {FN_CMPSS, X | FLOAT | IMM, 0xf3, 0xc2, 0},
    {FN_CMPPD, X | FLOAT | IMM, 0x66, 0xc2, 0},
    {FN_CMPSD, X | FLOAT | IMM, 0xf2, 0xc2, 0},
    {FN_COMISS, X | FLOAT | FLAGS, 0, 0x2f, 0},
    {FN_UCOMISS, X | FLOAT | FLAGS, 0, 0x2e, 0},
    {FN_COMISD, X | FLOAT | FLAGS, 0x66, 0x2f, 0},
    {FN_UCOMISD, X | FLOAT | FLAGS, 0x66, 0x2e, 0},
    {FN_RCPPS, X | FLOAT | APPROX, 0, 0x53, 0},
    {FN_RCPSS, X | FLOAT | APPROX, 0xf3, 0x53, 0},
    {FN_RSQRTPS, X | FLOAT | APPROX, 0, 0x52, 0},
    {FN_RSQRTSS, X | FLOAT | APPROX, 0xf3, 0x52, 0},
    {FN_CVTDQ2PS, X | FLOAT, 0, 0x5b, 0},
    {FN_CVTPS2DQ, X | FLOAT, 0x66, 0x5b, 0},
    {FN_CVTTPS2DQ, X | FLOAT, 0xf3, 0x5b, 0},
    {FN_CVTDQ2PD, X | FLOAT, 0xf3, 0xe6, 0},
    {FN_CVTPD2DQ, X | FLOAT, 0xf2, 0xe6, 0},
    {FN_CVTTPD2DQ, X | FLOAT, 0x66, 0xe6, 0},
    {FN_CVTPS2PD, X | FLOAT, 0, 0x5a, 0},
    {FN_CVTPD2PS, X | FLOAT, 0x66, 0x5a, 0},
    {FN_CVTSS2SD, X | FLOAT, 0xf3, 0x5a, 0},
    {FN_CVTSD2SS, X | FLOAT, 0xf2, 0x5a, 0},
    {FN_CVTSI2SS, X | FLOAT | BY_EAX, 0xf3, 0x2a, 0},
    {FN_CVTSI2SD, X | FLOAT | BY_EAX, 0xf2, 0x2a, 0},
    {FN_CVTSS2SI, X | FLOAT | TO_EAX, 0xf3, 0x2d, 0},
    {FN_CVTTSS2SI, X | FLOAT | TO_EAX, 0xf3, 0x2c, 0},
    {FN_CVTSD2SI, X | FLOAT | TO_EAX, 0xf2, 0x2d, 0},
    {FN_CVTTSD2SI, X | FLOAT | TO_EAX, 0xf2, 0x2c, 0},
    {FN_CVTPI2PS, FLOAT | BY_MM, 0, 0x2a, 0},
    {FN_CVTPI2PD, FLOAT | BY_MM, 0x66, 0x2a, 0},
    {FN_CVTPS2PI, FLOAT | TO_MM, 0, 0x2d, 0},
    {FN_CVTTPS2PI, FLOAT | TO_MM, 0, 0x2c, 0},
    {FN_CVTPD2PI, FLOAT | TO_MM, 0x66, 0x2d, 0},
    {FN_CVTTPD2PI, FLOAT | TO_MM, 0x66, 0x2c, 0},
    FOUR(DIV, 0x5e),
    FOUR(SQRT, 0x51),
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- the host's instruction ---- */

struct state {
    uint8_t d[16], s[16];
    uint8_t mm[8]; /* mm0 afterwards */
    uint32_t mxcsr, eax;
    uint64_t eflags;
};

static uint8_t *code;
static size_t behind; /* offset of what follows the instruction */
static volatile sig_atomic_t trapped;

static void on_fpe(int sig, siginfo_t *si, void *ctx)
{
    ucontext_t *u = ctx;
    (void)sig;
    (void)si;
    trapped = 1;
    u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(code + behind);
    u->uc_mcontext.fpregs->mxcsr |= MX_MASKS; /* the flags are stored by what follows */
}

static void append(size_t *n, const char *bytes, size_t len)
{
    memcpy(code + *n, bytes, len);
    *n += len;
}
#define APPEND(n, bytes) append(n, bytes, sizeof bytes - 1)

/* void code(struct state *), for one form of a row. Offsets of struct state: d 0, s 16, mm 32,
 * mxcsr 40, eax 44, eflags 48. */
static void assemble(const struct row *row, bool m, uint8_t imm)
{
    size_t n = 0;
    uint8_t modrm = row->kind & EXT      ? (uint8_t)(0xc0 | row->ext << 3)
                    : row->kind & BY_EAX ? 0xc0
                                         : 0xc1;
    APPEND(&n, "\xf3\x0f\x6f\x07");     /* movdqu xmm0, [rdi] */
    APPEND(&n, "\xf3\x0f\x6f\x4f\x10"); /* movdqu xmm1, [rdi+16] */
    APPEND(&n, "\x0f\x6f\x07");         /* movq mm0, [rdi] */
    APPEND(&n, "\x0f\x6f\x4f\x10");     /* movq mm1, [rdi+16] */
    APPEND(&n, "\x8b\x47\x10");         /* mov eax, [rdi+16] */
    APPEND(&n, "\x0f\xae\x57\x28");     /* ldmxcsr [rdi+40] */
    if (row->prefix && !(m && row->kind & M))
        code[n++] = row->prefix;
    code[n++] = 0x0f;
    code[n++] = row->op;
    code[n++] = modrm;
    if (row->kind & IMM)
        code[n++] = imm;
    behind = n;
    APPEND(&n, "\x9c\x8f\x47\x30"); /* pushfq; pop [rdi+48] */
    APPEND(&n, "\x0f\xae\x5f\x28"); /* stmxcsr [rdi+40] */
    APPEND(&n, "\x89\x47\x2c");     /* mov [rdi+44], eax */
    APPEND(&n, "\xf3\x0f\x7f\x07"); /* movdqu [rdi], xmm0 */
    APPEND(&n, "\x0f\x7f\x47\x20"); /* movq [rdi+32], mm0 */
    APPEND(&n, "\x0f\x77\xc3");     /* emms; ret */
}
_Static_assert(offsetof(struct state, eflags) == 48, "see assemble");

/* ---- operands ---- */

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

/* Singles and doubles of every kind; exponents mostly where results are normal, or just not. */
static uint64_t number(unsigned ebits, unsigned fbits)
{
    uint64_t f = rnd() >> (64 - fbits), sign = rnd() >> 63, e, max = (1u << ebits) - 1,
             bias = max >> 1;
    switch (rnd() % 8) {
    case 0: f = 0; break;
    case 1: f = ((uint64_t)1 << fbits) - 1; break;
    case 2: f &= f - 1, f &= ~(((uint64_t)1 << (fbits / 2 + 1)) - 1); break;
    case 3: f = (uint64_t)1 << rnd() % fbits; break;
    }
    switch (rnd() % 16) {
    case 0: e = 0; break;
    case 1: e = max; break;
    case 2: e = 1 + rnd() % 3; break;
    case 3: e = max - 1 - rnd() % 3; break;
    case 4: e = bias + 28 + rnd() % 6; break; /* the edge of integers */
    case 5: e = bias / 2 + rnd() % 8; break;  /* products of two */
    case 6: e = bias + bias / 2 + rnd() % 8; break;
    case 7: e = rnd() % (max + 1); break;
    case 8: e = bias + max / 2 - 8 + rnd() % 9; break;
    case 9: e = 1 + rnd() % fbits; break;
    default: e = bias - 3 + rnd() % 8; break;
    }
    return sign << (ebits + fbits) | e << fbits | f;
}

/* The values between which something changes, and their neighbours. */
static uint64_t edge_of(unsigned ebits, unsigned fbits)
{
    uint64_t max = (1u << ebits) - 1, bias = max >> 1, sign = rnd() >> 63;
    const uint64_t exponents[8] = {0, 1, 2, bias, bias + 1, max - 1, max, bias - fbits};
    uint64_t v = exponents[rnd() % 8] << fbits;
    v += rnd() % 4 - (v ? 2 : 0);
    return sign << (ebits + fbits) | (v & (((uint64_t)1 << (ebits + fbits)) - 1));
}

static void random_operand(uint8_t p[16], unsigned kind)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t q = kind == 1   ? number(11, 52)
                     : kind == 2 ? number(8, 23) | number(8, 23) << 32
                     : kind == 6 ? edge_of(11, 52)
                     : kind == 7 ? edge_of(8, 23) | edge_of(8, 23) << 32
                                 : rnd();
        if (kind == 3) /* bytes at the edges */
            for (unsigned k = 0; k < 8; k++) {
                static const uint8_t edge[8] = {0, 1, 0x7f, 0x80, 0x81, 0xff, 0xfe, 0x40};
                if (rnd() & 1)
                    q = (q & ~((uint64_t)0xff << 8 * k)) | (uint64_t)edge[rnd() % 8] << 8 * k;
            }
        memcpy(p + 8 * i, &q, 8);
    }
    if (kind == 4) { /* a shift count */
        uint64_t q = rnd() % 72;
        if (rnd() % 16 == 0)
            q |= (uint64_t)1 << rnd() % 64;
        memcpy(p, &q, 8);
    }
    if (kind == 5 && rnd() % 4) /* signs and small words */
        for (unsigned i = 0; i < 16; i += 2)
            p[i + 1] = rnd() & 1 ? 0xff : 0;
}

/* One element of a reciprocal against the truth and the host's. */
static bool near_enough(uint32_t got, uint32_t host, uint32_t from, bool of_root)
{
    float g, x, h;
    memcpy(&g, &got, 4);
    memcpy(&x, &from, 4);
    memcpy(&h, &host, 4);
    double want = of_root ? 1 / sqrt((double)x) : 1 / (double)x;
    if (got == host)
        return true;
    if (!(from & 0x7f800000) || !isfinite(x) || (of_root && x < 0))
        return false;
    bool small = fabs(want) < 0x1.002p-126; /* both 0 and the least normal number are right */
    return (fabs(g - want) <= 0x1.0001p-13 * fabs(want) || (small && g == 0)) &&
           (fabs(h - want) <= 1.5 * 0x1p-12 * fabs(want) || (small && h == 0));
}

static void explain(const struct row *row, bool m, uint8_t imm, const struct state *in,
                    const struct state *host, const uint8_t got[16], uint32_t rd, uint32_t mxcsr)
{
    fprintf(stderr, "%s m %u imm %02x mxcsr %04x\n", fn_name[row->fn], m, imm, in->mxcsr);
    const uint8_t *v[4] = {in->d, in->s, row->kind & TO_MM || m ? host->mm : host->d, got};
    static const char *const what[4] = {"d", "s", "host", "got"};
    for (unsigned k = 0; k < 4; k++) {
        fprintf(stderr, "%-5s", what[k]);
        for (unsigned i = 16; i-- > 0;)
            fprintf(stderr, "%02x%s", v[k][i], i % 4 ? "" : " ");
        fprintf(stderr, "\n");
    }
    fprintf(stderr, "host  mxcsr %04x eax %x eflags %x trapped %d\ngot   mxcsr %04x rd %x\n",
            host->mxcsr, host->eax, (unsigned)host->eflags & 0x8d5, (int)trapped, mxcsr, rd);
}

/* The wide registers around d and s must stay. */
static uint8_t wide[NWIDE][16];
static uint64_t cases, traps;

static void try(const struct row *row, bool m, uint8_t imm, unsigned kind_d, unsigned kind_s)
{
    struct state in = {.mxcsr = MXCSR_RESET}, host;
    unsigned dr = (unsigned)rnd() % NWIDE, sr = rnd() % 16 ? (unsigned)rnd() % NWIDE : dr;
    uint8_t before[NWIDE][16];
    uint32_t rd = 0, mxcsr, raised = 0;
    bool ok = true;
    random_operand(in.d, kind_d);
    random_operand(in.s, kind_s);
    if (sr == dr)
        memcpy(in.s, in.d, 16);
    if (row->kind & FLOAT) {
        uint32_t r = (uint32_t)rnd();
        in.mxcsr = r & 1 ? MXCSR_RESET : (r & 0xffff) | (r >> 16 & 3 ? MX_MASKS : 0);
        if (r >> 18 & 1)
            in.mxcsr &= ~0x3fu;
    }
    memcpy(wide[dr], in.d, 16);
    memcpy(wide[sr], in.s, 16);
    memcpy(before, wide, sizeof wide);
    host = in;
    trapped = 0;
    ((void (*)(struct state *))(uintptr_t)code)(&host);
    _mm_setcsr(MXCSR_RESET | (rnd() & 0x3f)); /* whatever ran before may have left flags */
    uint32_t b = SIMD_B(dr, sr, row->fn, imm, m);
    mxcsr = in.mxcsr;
    if (row->kind & FLOAT)
        raised = simd_float(wide, b, mxcsr, &rd);
    else
        rd = simd_int(wide, b);
    simd_end();
    ok = (_mm_getcsr() & ~0x3fu) == MXCSR_RESET;
    bool traps_here = MX_UNMASKED(mxcsr, raised);
    mxcsr |= raised;
    cases++;
    traps += traps_here;
    /* What the host left, as a register of ours. */
    uint8_t want[16];
    memcpy(want, in.d, 16);
    if (!traps_here && !simd_fn_reads_only(row->fn)) {
        if (m) {
            memcpy(want, host.mm, 8);
            want[8] = want[9] = 0xff;
        } else {
            memcpy(want, host.d, 16);
        }
    }
    if (row->kind & APPROX) {
        bool of_root = row->fn == FN_RSQRTPS || row->fn == FN_RSQRTSS;
        for (unsigned i = 0; i < 16; i += 4) {
            uint32_t g, h, f;
            memcpy(&g, wide[dr] + i, 4);
            memcpy(&h, want + i, 4);
            memcpy(&f, in.s + i, 4);
            ok = ok && near_enough(g, h, f, of_root);
        }
        memcpy(want, wide[dr], 16);
    }
    ok = ok && traps_here == trapped && memcmp(want, wide[dr], 16) == 0;
    ok = ok && (mxcsr | (trapped ? MX_MASKS : 0)) == host.mxcsr;
    if (!trapped)
        ok = ok && rd == (row->kind & TO_EAX  ? host.eax
                          : row->kind & FLAGS ? host.eflags & F_ALL
                                              : 0);
    if (!ok)
        explain(row, m, imm, &in, &host, wide[dr], rd, mxcsr);
    assert_true(ok);
    memcpy(before[dr], wide[dr], 16);
    assert_memory_equal(before, wide, sizeof wide);
}

static unsigned kind_of(bool floats)
{
    static const uint8_t kinds[8] = {0, 1, 1, 2, 2, 6, 7, 7};
    return floats ? kinds[rnd() % 8] : (unsigned)rnd() % 6;
}

static void run_row(const struct row *row, bool m)
{
    bool floats = row->kind & FLOAT;
    unsigned times = floats ? 12000 : 1000;
    if (row->kind & IMM) { /* all of them, or all predicates and some that mean the same */
        for (unsigned i = 0; i < 256; i++) {
            assemble(row, m, (uint8_t)i);
            for (unsigned n = 0; n < (floats ? 120 : 8); n++)
                try(row, m, (uint8_t)i, kind_of(floats), kind_of(floats));
            if (floats && i == 7)
                i = 248;
        }
        return;
    }
    assemble(row, m, 0);
    for (unsigned n = 0; n < times; n++)
        try(row, m, 0, kind_of(floats), kind_of(floats));
}

static void test_functions(void **state)
{
    bool seen[FN_COUNT_] = {false};
    struct sigaction act = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO}, old;
    (void)state;
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        skip(); /* a host that forbids written code */
    sigaction(SIGFPE, &act, &old);
    for (unsigned i = 0; i < NWIDE; i++)
        random_operand(wide[i], 0);
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        seen[row->fn] = true;
        if (row->kind & (X | BY_MM))
            run_row(row, false);
        if (row->kind & (M | TO_MM))
            run_row(row, true);
    }
    sigaction(SIGFPE, &old, NULL);
    munmap(code, 4096);
    for (unsigned fn = 1; fn < FN_COUNT_; fn++)
        if (!seen[fn])
            fail_msg("%s has no row", fn_name[fn]);
    printf("%llu cases, %llu of them with an unmasked exception\n", (unsigned long long)cases,
           (unsigned long long)traps);
}

/* ---- in the engine ---- */

/* w0, w24: 1.0; w1, w25: 0.0; w2, w26: 3.0; w3, w27: a signalling NaN. */
static struct kit simd_kit(uint32_t mxcsr, unsigned broken)
{
    static const uint32_t v[4] = {0x3f800000, 0, 0x40400000, 0x7f800001};
    struct kit k = KIT("lat.fp=3");
    vm_test_break(k.vm, broken);
    for (unsigned i = 0; i < 4; i++) {
        memcpy(k.vm->s.wide[i], &v[i], 4);
        memcpy(k.vm->s.wide[24 + i], &v[i], 4);
        memcpy(k.vm->s.wide_shadow[24 + i], &v[i], 4);
    }
    kit_mts(&k, SR_MXCSR, mxcsr);
    kit_tlb(&k, 0x400000, 0x9000 | KIT_RWX);
    for (unsigned r = 5; r < 10; r++)
        vm_set_reg(k.vm, r, r);
    vm_set_reg(k.vm, 10, 0x400000);
    vm_set_reg(k.vm, 11, 0x800000); /* no page */
    return k;
}

#define SIMD(opc, rd, d, s, fn) OP_I(opc, rd, 0, SIMD_B(d, s, FN_##fn, 0, 0))
enum {
    ZE_TRAPS = MXCSR_RESET & ~(FS_ZE << MX_MASK_SHIFT),
    IE_TRAPS = MXCSR_RESET & ~(FS_IE << MX_MASK_SHIFT)
};

/* Runs the bundle that has been put at the base. Nothing of it has happened, wherever it left to.
 */
static bool no_effect(struct kit *k, uint32_t left_by)
{
    struct vm_state *s = &k->vm->s;
    uint8_t before[NWIDE][16];
    uint32_t reg[5], mxcsr = vm_special(k->vm, SR_MXCSR), word = kit_word(k, 0x9000);
    HALT(k);
    memcpy(before, s->wide, sizeof before);
    memcpy(reg, s->r + 5, sizeof reg);
    /* Commits what was set up, so that rollback has nothing else to undo. */
    struct vop nop = {.opc = OP_NOP};
    assert_int_equal(vm_exec1(k->vm, &nop, true, 0), T_NONE);
    bool ok = kit_run(k, k->base) == left_by;
    if (left_by == KIT_HALT_RESTART)
        ok = ok && memcmp(reg, s->bank + 5, sizeof reg) == 0;
    else
        ok = ok && memcmp(reg, s->r + 5, sizeof reg) == 0;
    ok = ok && memcmp(before, s->wide, sizeof before) == 0 &&
         vm_special(k->vm, SR_MXCSR) == mxcsr && kit_word(k, 0x9000) == word && s->sb_n == 0;
    kit_check_cycles(k);
    return ok;
}

/* What FPX leaves behind; with the broken variants something. */
static bool fpx_has_no_effect(unsigned broken)
{
    bool ok = true;
#define TRY(mxcsr, left_by, ...)                                                                   \
    do {                                                                                           \
        struct kit k = simd_kit(mxcsr, broken);                                                    \
        BUNDLE(&k, __VA_ARGS__);                                                                   \
        ok = no_effect(&k, left_by) && ok;                                                         \
        ok = ok && vm_special(k.vm, SR_TRAP_CODE) ==                                               \
                       ((left_by) == KIT_HALT_RESTART ? T_TLB_MISS : T_FPX);                       \
        kit_free(&k);                                                                              \
    } while (0)
    const uint32_t roll = KIT_HALT_ROLLBACK, restart = KIT_HALT_RESTART;
    /* Ops before and behind it, of every kind. */
    TRY(ZE_TRAPS, roll, OP_I(ADD, 5, 5, 1), SIMD(VFDIV, 6, 0, 1, DIVSS), OP_I(ADD, 7, 7, 1),
        SIMD(VALU, 8, 2, 3, MOVE));
    TRY(ZE_TRAPS, roll, OP_I(GST32, 5, 10, 0), SIMD(VFDIV, 6, 24, 25, DIVSS), OP_I(GLD32, 7, 10, 0),
        OP_I(GST8, 7, 10, 9), OP_I(GLDQ, 2, 10, 0));
    TRY(ZE_TRAPS, roll, SIMD(VFDIV, 6, 0, 1, DIVSS), OP_I(EXIT, 0, 0, 3));
    /* One that does not trap beside one that does, w0 not shadowed. */
    TRY(ZE_TRAPS, roll, SIMD(VFP, 5, 0, 2, ADDSS), SIMD(VFDIV, 6, 24, 25, DIVSS));
    TRY(ZE_TRAPS, roll, SIMD(VFDIV, 6, 24, 25, DIVSS), SIMD(VFDIV, 5, 0, 2, DIVSS),
        SIMD(VFP, 7, 2, 2, ADDSS));
    TRY(IE_TRAPS, roll, SIMD(VFP, 5, 0, 3, CVTSS2SI), SIMD(VFP, 6, 0, 2, COMISS));
    /* A TLB miss comes first, and the bundle is to run again. */
    TRY(ZE_TRAPS, restart, SIMD(VFDIV, 6, 0, 1, DIVSS), OP_I(GLD32, 7, 11, 0));
    TRY(MXCSR_RESET, restart, SIMD(VFP, 6, 0, 2, ADDSS), OP_I(GLD32, 7, 11, 0));
    TRY(MXCSR_RESET, restart, OP_I(GST32, 5, 11, 0), SIMD(VFP, 6, 0, 0, ADDSS),
        SIMD(VFP, 7, 24, 24, ADDSS));
#undef TRY
    return ok;
}

static void test_fpx(void **state)
{
    (void)state;
    assert_true(fpx_has_no_effect(BREAK_NOTHING));
    assert_false(fpx_has_no_effect(BREAK_ATOMIC));
    /* INFO: pre-computation exceptions hide the others; sticky ones of before trap nothing. */
    struct kit k = simd_kit(IE_TRAPS | FS_IE, BREAK_NOTHING);
    static const uint32_t thirds[4] = {0x3f800000, 0x7f800001, 0x3f800000, 1};
    memcpy(k.vm->s.wide[4], thirds, 16);
    struct vop div = SIMD(VFDIV, 6, 4, 26, DIVPS), fine = SIMD(VFP, 6, 0, 2, ADDSS);
    for (unsigned i = 0; i < 4; i++)
        memcpy(k.vm->s.wide_shadow[26] + 4 * i, k.vm->s.wide[2], 4);
    memcpy(k.vm->s.wide[26], k.vm->s.wide_shadow[26], 16);
    assert_int_equal(vm_exec1(k.vm, &fine, true, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &div, false, 0), T_FPX);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), FS_IE | FS_DE);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), IE_TRAPS | FS_IE);
    kit_mts(&k, SR_MXCSR, MXCSR_RESET & ~(FS_PE << MX_MASK_SHIFT));
    assert_int_equal(vm_exec1(k.vm, &fine, true, 0), T_NONE);
    assert_int_equal(vm_exec1(k.vm, &div, false, 0), T_FPX);
    assert_int_equal(vm_special(k.vm, SR_TRAP_INFO), FS_IE | FS_DE | FS_UE | FS_PE);
    kit_free(&k);
}

/* A bundle's traps but FPX come in slot order, FPX behind them. Two functions, and both have acted;
 * b from a register. */
static void test_bundles(void **state)
{
    (void)state;
    struct kit k = simd_kit(ZE_TRAPS, BREAK_NOTHING);
    BUNDLE(&k, SIMD(VFDIV, 6, 0, 1, DIVSS), OP_R(UDIVQ, 7, 7, 0));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), KIT_HALT_ROLLBACK);
    assert_int_equal(vm_special(k.vm, SR_TRAP_CODE), T_DIVIDE);
    kit_free(&k);
    k = simd_kit(MXCSR_RESET, BREAK_NOTHING);
    vm_set_reg(k.vm, 9, SIMD_B(24, 26, FN_ADDSS, 0, 0));
    struct vop by_reg = OP_R(VFP, 0, 0, 9);
    BUNDLE(&k, OP_I(GLD32, 5, 10, 0), SIMD(VFDIV, 6, 0, 2, DIVSS), by_reg, OP_I(GST32, 9, 10, 4),
           SIMD(VFP, 7, 1, 2, COMISS), SIMD(VALU, 8, 4, 2, EXTRW));
    COMMIT(&k, 0, OP_R(MOV, 12, 0, 7));
    HALT(&k);
    vm_set_reg(k.vm, 6, 77);
    assert_int_equal(kit_run(&k, k.base), 0);
    float third, four;
    memcpy(&third, k.vm->s.wide[0], 4);
    memcpy(&four, k.vm->s.wide_shadow[24], 4);
    assert_true(third == 1.0f / 3 && four == 4);
    assert_int_equal(vm_reg(k.vm, 6), 0);
    assert_int_equal(vm_reg(k.vm, 12), F_CF); /* 0 < 3 */
    assert_int_equal(vm_reg(k.vm, 8), 0);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), MXCSR_RESET | FS_PE);
    assert_int_equal(kit_word(&k, 0x9004), vm_reg(k.vm, 9));
    kit_check_cycles(&k);
    kit_free(&k);
}

/* What a rollback brings back: w16..w31 and MXCSR, not w0..w15. */
static bool shadows(unsigned broken)
{
    struct kit k = simd_kit(MXCSR_RESET, broken);
    struct vm_state *s = &k.vm->s;
    bool ok = true;
    struct vop nop = {.opc = OP_NOP};
    assert_int_equal(vm_exec1(k.vm, &nop, true, 0), T_NONE);
    BUNDLE(&k, SIMD(VFDIV, 0, 24, 26, DIVSS));
    COMMIT(&k, 0, SIMD(VALU, 0, 31, 24, MOVE));
    uint8_t committed[16];
    BUNDLE(&k, SIMD(VALU, 0, 31, 25, MOVE));
    BUNDLE(&k, SIMD(VMUL, 0, 24, 24, MULLW));
    BUNDLE(&k, SIMD(VFP, 0, 26, 27, ADDSS)); /* IE */
    BUNDLE(&k, SIMD(VALU, 0, 16, 26, MOVE));
    BUNDLE(&k, SIMD(VALU, 0, 15, 26, MOVE));
    BUNDLE(&k, OP_I(EXIT, 0, 0, 1));
    float third = 1.0f / 3;
    memset(committed, 0, 16);
    memcpy(committed, &third, 4);
    ok = kit_run(&k, k.base) == KIT_HALT_ROLLBACK;
    ok = ok && memcmp(s->wide[24], committed, 16) == 0 && memcmp(s->wide[31], committed, 16) == 0;
    ok = ok && s->wide[26][3] == 0x40 && s->wide[16][3] == 0;
    ok = ok && vm_special(k.vm, SR_MXCSR) == (MXCSR_RESET | FS_PE);
    assert_int_equal(s->wide[15][3], 0x7f); /* the quiet NaN */
    kit_free(&k);
    return ok;
}

static void test_shadows(void **state)
{
    (void)state;
    assert_true(shadows(BREAK_NOTHING));
    assert_false(shadows(BREAK_ROLLBACK));
    assert_false(shadows(BREAK_COMMIT));
}

static void test_mxcsr(void **state)
{
    (void)state;
    struct kit k = KIT();
    struct vm_context c;
    assert_int_equal(vm_special(k.vm, SR_MXCSR), MXCSR_RESET);
    struct vop pair = OP_I(MTSP, 5, 6, SR_FDS), none = OP_I(MTSP, 5, 6, SR_MXCSR);
    vm_set_reg(k.vm, 5, 0x23);
    vm_set_reg(k.vm, 6, 0x7f80);
    assert_int_equal(vm_exec1(k.vm, &pair, true, 0), T_NONE);
    assert_int_equal(vm_special(k.vm, SR_FDS), 0x23);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), 0x7f80);
    assert_int_equal(vm_exec1(k.vm, &none, true, 0), T_NONE);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), 0x7f80);
    vm_get_context(k.vm, &c);
    assert_int_equal(c.fpsr[SR_MXCSR - SR_FP_FIRST], 0x7f80);
    c.fpsr[SR_MXCSR - SR_FP_FIRST] = 0x1fbf;
    vm_set_context(k.vm, &c);
    struct vop get = OP_I(MFS, 7, 0, SR_MXCSR), out = OP_I(EXIT, 0, 0, 0);
    assert_int_equal(vm_exec1(k.vm, &out, false, 0), T_EXIT);
    assert_int_equal(vm_exec1(k.vm, &get, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 7), 0x1fbf);
    /* A number that is no function of the op does nothing. */
    struct vop wrong = SIMD(VALU, 7, 1, 2, ADDPS), unknown = OP_I(VFP, 7, 0, 0x3ff << 10);
    memset(k.vm->s.wide[2], 0x55, 16);
    assert_int_equal(vm_exec1(k.vm, &wrong, false, 0), T_NONE);
    assert_int_equal(vm_reg(k.vm, 7), 0);
    assert_int_equal(k.vm->s.wide[1][0], 0);
    assert_int_equal(vm_exec1(k.vm, &unknown, false, 0), T_NONE);
    assert_int_equal(vm_special(k.vm, SR_MXCSR), 0x1fbf);
    kit_free(&k);
}

/* The guest's rounding is not the platform's. */
static uint32_t seen_in_call;

static uint32_t look(void *ctx, uint32_t service, uint32_t arg)
{
    (void)ctx;
    (void)service;
    (void)arg;
    seen_in_call = _mm_getcsr() & ~0x3fu;
    return 0;
}

static void test_host_rounding(void **state)
{
    (void)state;
    struct vm_platform p = {.hostcall = look, .port_in = NULL};
    struct kit k = kit_new_p(&p, (const char *)NULL);
    static const float one = 1, three = 3;
    uint32_t quotient;
    memcpy(k.vm->s.wide[0], &one, 4);
    memcpy(k.vm->s.wide[1], &three, 4);
    kit_mts(&k, SR_MXCSR, MXCSR_RESET | MX_FTZ | MX_DAZ | 2u << MX_RC_SHIFT); /* up */
    COMMIT(&k, 0, SIMD(VFDIV, 0, 0, 1, DIVSS));
    COMMIT(&k, 0, OP_I(HOSTCALL, 5, 6, 3));
    COMMIT(&k, 0, SIMD(VFDIV, 0, 2, 1, DIVSS));
    HALT(&k);
    assert_int_equal(kit_run(&k, k.base), 0);
    assert_int_equal(seen_in_call, MXCSR_RESET);
    assert_int_equal(_mm_getcsr() & ~0x3fu, MXCSR_RESET);
    memcpy(&quotient, k.vm->s.wide[0], 4);
    assert_int_equal(quotient, 0x3eaaaaab);
    struct vop one_op = SIMD(VFDIV, 0, 0, 1, DIVSS);
    assert_int_equal(vm_exec1(k.vm, &one_op, false, 0), T_NONE);
    assert_int_equal(_mm_getcsr() & ~0x3fu, MXCSR_RESET);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions), cmocka_unit_test(test_host_rounding),
        cmocka_unit_test(test_fpx),       cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_shadows),   cmocka_unit_test(test_mxcsr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else /* floats need such a host, as sem_simd_fp.c says */
static void test_simd(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_simd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif

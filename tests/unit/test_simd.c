/* SPDX-License-Identifier: MIT */
/*
 * Every function of simd.def against the host's own instruction: both get the same random and
 * special operands and the same MXCSR (rounding, DAZ, FTZ, any masks), and everything they leave is
 * compared. The instruction is put together in a page of code; an unmasked exception of it arrives
 * as SIGFPE, whose context tells MXCSR.
 */
#define _GNU_SOURCE 1 /* REG_RIP */
#include "tests/unit/vmkit.h"
#include "tests/unit/xorshift.h"
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
    return xorshift64(&seed) * 0x2545f4914f6cdd1du;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
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

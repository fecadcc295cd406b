/* SPDX-License-Identifier: MIT */
/*
 * The interpreter, compiled for the host, over the functional machine of fake_hw.h: the quickest
 * way to run a block under CMS's semantics. The Makefile links this file with the interpreter's
 * into one object of which only functional_* can be seen, because the hw_ functions here stand
 * beside those of morpher/host in the same command.
 *
 * It also traces: which instructions a block went through, and which flags they left undefined. A
 * flag left undefined stays so until it is written; an instruction that reads it before is
 * reported, for its result means nothing.
 */
#include "tests/oracle/engine.h"
#include "tests/oracle/fake_hw.h"
#include "tests/oracle/fx.h"

/* A block jumps forwards; what runs on for this long has gone wild. */
enum { MAX_STEPS = 100000 };

static uint32_t last, last_len;
static bool fx_used; /* by the block before */

void functional_identify(uint32_t identity)
{
    ia32_identify(identity);
    fh_boot.machine.guest_identity = identity;
}

void functional_data(void)
{
    memcpy(fh.data, oracle_base.data, sizeof fh.data);
}

static uint32_t linear_eip(void)
{
    return oracle_linear(fh.r[32 + G_SEL0] >> 16, fh.r[32 + G_EIP]);
}

static void put_back(void *ctx, uint32_t at)
{
    (void)ctx;
    if (at - SILICON_CODE < SILICON_CODE_SIZE)
        memcpy(fh.code + (at - SILICON_CODE), oracle_base.code + (at - SILICON_CODE), 8);
    else
        memcpy(fh.data + (at - SILICON_DATA), oracle_base.data + (at - SILICON_DATA), 8);
}

static void begin(const struct oracle_case *c)
{
    oracle_place(c);
    if (c->fx || fx_used || !last_len) {
        uint8_t initial[512];
        fx_reset(initial);
        fx_to_hardware(c->fx ? c->in.fx : initial, fh.wide, fh.fp);
    }
    fx_used = c->fx;
    if (!last_len) {
        memcpy(fh.code, oracle_base.code, sizeof fh.code);
    } else {
        memset(fh.code + (last - SILICON_CODE), 0xcc, last_len + SILICON_TAIL);
        memcpy(fh.code + (c->in.eip - SILICON_CODE), oracle_base.code + (c->in.eip - SILICON_CODE),
               c->len + SILICON_TAIL);
    }
    last = c->in.eip;
    last_len = c->len;
    for (int i = 0; i < 8; i++)
        fh.r[32 + i] = c->in.gpr[i];
    fh.r[32 + G_EIP] = oracle_offset(c, c->in.eip);
    fh.r[32 + G_EFL] = 0x202 | (c->in.eflags & 0x200400);
    fh.cc = c->in.eflags & F_ALL;
    fh_segments(silicon_gs(), SILICON_GS_BASE);
    if (c->in.code16) {
        fh.r[32 + G_SEL0] = 0x2b | oracle_code(c) << 16;
        ia32_seg_reload();
    }
    fh.ntouched = 0;
    fh.unimplemented = false;
    fh.hostcall_answer = 0;
    fh.retired = 0;
    hw_commit(0);
}

static void put_all_back(struct oracle_result *r)
{
    oracle_collect(r, SILICON_CODE, fh.code, oracle_base.code, SILICON_CODE_SIZE, put_back, NULL);
    oracle_collect(r, SILICON_DATA, fh.data, oracle_base.data, SILICON_DATA_SIZE, put_back, NULL);
}

void functional_run(const struct oracle_case *c, bool single, struct oracle_result *r)
{
    volatile bool endless = false;
    begin(c);
    r->ndiff = 0;
    r->translated = 0;
    r->fetch = false;
    if (!setjmp(fh.out)) {
        for (uint32_t n = 0;; n++) {
            if (ia32_interp(single) == IX_SYSCALL) {
                fh.vector = 0x80;
                fh.error = fh.cr2 = 0;
                break;
            }
            if (n == MAX_STEPS) {
                endless = true;
                break;
            }
        }
    }
    for (int i = 0; i < 8; i++)
        r->st.gpr[i] = fh.r[32 + i];
    r->st.eip = linear_eip();
    r->st.eflags = fh.r[32 + G_EFL] | fh.cc;
    if (c->fx)
        fx_from_hardware(r->st.fx, fh.wide, fh.fp);
    oracle_fault(c, r, fh.vector, fh.error, fh.cr2);
    if (endless)
        r->end = SILICON_HUNG;
    r->retired = fh.retired;
    r->why = fh.unimplemented ? "not implemented" : NULL;
    put_all_back(r);
}

/* ---- tracing ---- */

/* The flags that a condition looks at. */
static uint32_t condition_flags(uint32_t cond)
{
    static const uint32_t f[8] = {F_OF, F_CF, F_ZF,        F_CF | F_ZF,
                                  F_SF, F_PF, F_SF | F_OF, F_ZF | F_SF | F_OF};
    return f[cond >> 1 & 7];
}

struct step {
    struct insn d;
    uint32_t count; /* of a shift */
    bool nothing;   /* a REP with a count of zero */
};

/* The instruction at EIP; false if there is none to look at. */
static bool look(struct step *s)
{
    uint32_t eip = linear_eip();
    if (eip - SILICON_CODE >= SILICON_CODE_SIZE - 16 ||
        ia32_decode(fh.code + (eip - SILICON_CODE), 16, eip, fh.mode, &s->d) != DEC_OK)
        return false;
    const struct opnd *o = s->d.nopnds ? &s->d.o[s->d.nopnds - 1] : NULL;
    s->count = (o && o->kind == O_REG ? fh.r[32 + G_ECX] : s->d.imm) & 31;
    s->nothing = s->d.rep != REP_NONE && (ia32_rows[s->d.row].attr & AT_ST) &&
                 !(s->d.addrsize == 2 ? fh.r[32 + G_ECX] & 0xffff : fh.r[32 + G_ECX]);
    return true;
}

static uint32_t reads(const struct step *s)
{
    if (s->nothing)
        return 0;
    if (s->d.op == I_JCC || s->d.op == I_SETCC || s->d.op == I_CMOVCC)
        return condition_flags(s->d.cond);
    return ia32_rows[s->d.row].reads;
}

/* Whether its result, not only flags, is undefined. */
static bool result_undefined(const struct step *s)
{
    return (s->d.op == I_SHLD || s->d.op == I_SHRD) && s->d.opsize == 2 && s->count > 16;
}

/* FNSTENV, FSTP m80, FNSAVE, FBSTP: what is written when the other page faults is the processor's
 * own affair. */
static bool stores_in_parts(const struct insn *d)
{
    return d->op == I_FNSTENV || d->op == I_FNSAVE || d->op == I_FBSTP ||
           (d->op == I_FSTP && d->o[0].kind == O_MEM && d->o[0].size == 10);
}

/* Transcendental instructions, and the approximations of SSE; told by the bytes. */
static enum fx_inexact inexact(uint32_t eip)
{
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3};
    const uint8_t *b = fh.code + (eip - SILICON_CODE);
    while (memchr(prefixes, *b, sizeof prefixes))
        b++;
    if (b[0] == 0xd9 && ((b[1] >= 0xf0 && b[1] <= 0xf3) || b[1] == 0xf9 || b[1] == 0xfb ||
                         b[1] == 0xfe || b[1] == 0xff))
        return FX_ULP;
    return b[0] == 0x0f && (b[1] == 0x52 || b[1] == 0x53) ? FX_RECIPROCAL : FX_EXACT;
}

static uint32_t undefined_after(const struct step *s, uint32_t undefined)
{
    const struct ia32_row *row = &ia32_rows[s->d.row];
    bool shift = s->d.op >= I_ROL && s->d.op <= I_SHRD;
    if (s->nothing || (shift && s->count == 0))
        return undefined;
    return (undefined & ~row->writes) | ia32_undefined(&s->d, s->count);
}

/* The instruction at offset `at` of the block has run to its end. */
static void completed(struct oracle_trace *t, const struct step *now, bool known, uint32_t at)
{
    t->inexact_last = t->pointers = false;
    if (!known)
        return;
    t->pointers = now->d.op == I_FNSTENV || now->d.op == I_FNSAVE || now->d.op == I_FXSAVE;
    if (!t->inexact_length && (t->inexact_kind = inexact(now->d.eip)) != FX_EXACT) {
        t->inexact = at;
        t->inexact_length = now->d.length;
        t->inexact_first = !t->consumed_length;
        t->inexact_last = true;
    }
    t->undefined = undefined_after(now, t->undefined);
    t->pushes |= now->d.op == I_PUSHSEG;
    if (t->nrows < sizeof t->rows / sizeof t->rows[0])
        t->rows[t->nrows++] = now->d.row;
}

void functional_trace(const struct oracle_case *c, struct oracle_trace *t)
{
    static struct step now;
    static volatile bool known;
    static volatile uint32_t before, at; /* flags undefined when the instruction at `at` began */
    static struct oracle_result ignored;
    begin(c);
    t->undefined = 0;
    t->consumed_length = 0;
    t->partial = t->pointers = t->pushes = t->inexact_first = t->inexact_last = false;
    t->inexact_length = 0;
    t->nrows = 0;
    known = false;
    at = 0;
    if (!setjmp(fh.out)) {
        for (uint32_t n = 0; n < MAX_STEPS; n++) {
            uint32_t eip = linear_eip();
            known = look(&now);
            if (eip != at || now.d.rep == REP_NONE) /* else the next iteration of a REP */
                before = t->undefined;
            at = eip;
            if (known && !t->consumed_length &&
                ((reads(&now) & t->undefined) || result_undefined(&now))) {
                t->consumed = eip - c->in.eip;
                t->consumed_length = now.d.length;
            }
            if (ia32_interp(true) == IX_SYSCALL)
                break;
            completed(t, &now, known, eip - c->in.eip);
        }
    } else if (known && fh.vector == X_DB && now.d.op != I_INT1) { /* a single step */
        completed(t, &now, known, at - c->in.eip);
    } else if (known && linear_eip() == now.d.eip) { /* the fault is this instruction's */
        if (now.d.rep != REP_NONE) /* REP CMPS and SCAS put the flags back that they found */
            t->undefined = before;
        t->undefined |= ia32_undefined(&now.d, now.count);
        t->partial = stores_in_parts(&now.d) || now.d.op == I_PUSHA || now.d.op == I_POPA ||
                     now.d.op == I_ENTER || now.d.op == I_CALLF;
    }
    if (linear_eip() == c->in.eip + c->len)
        t->partial = false;
    ignored.ndiff = 0;
    put_all_back(&ignored);
}

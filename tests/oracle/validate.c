/* SPDX-License-Identifier: MIT */
/*
 * See validate.h. A third of the cases is one instruction, opcode after opcode of the generator's
 * table; an eighth are blocks of x87 instructions; the rest are blocks. The data window is filled
 * anew every DATA_CASES cases.
 *
 * Flags left undefined: results are first compared as they are, which mostly does. Only where they
 * differ the block is traced (functional.c) to learn which flags are undefined at its end. If an
 * instruction on the way used one, it becomes NOPs and all is run again: so the rest of the block
 * still counts.
 */
#include "tests/oracle/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isa-frontend/insn.h"
#include "isa-frontend/mode.h"
#include "tests/oracle/fx.h"
#include "tests/oracle/unicorn.h"

enum {
    EFLAGS_COMPARED = IA32_FLAGS | 0x44100, /* NT, AC, TF */
    DATA_CASES = 512,
    BLOCK_MAX = 20,
    OPCODES_MAX = 2048,
    FX_EVERY = 4, /* blocks: of so many one */
    DIRECTED_EVERY = 8,
    CODE16_EVERY = 50,
    MACHINE_CASES = 4096,
    TRACE_EVERY = 32
};

struct validator {
    enum validate_mode mode;
    uint64_t seed;
    struct oracle_cms *cms;
    bool single; /* interpret: by the generic handlers */
    uint64_t data_of;
    int opcode[OPCODES_MAX]; /* that the generator can make, or the filter lets through */
    unsigned nopcodes;
    int filter; /* enum ia32_op, or -1 */
    bool silicon_there;
    bool ask_unicorn; /* now, instead of silicon */
    struct oracle_unicorn *unicorn;
    struct oracle_result silicon, ours; /* silicon: of who is asked */
    struct oracle_trace trace;
    uint32_t undefined;
    enum maker_kind kind; /* of the last difference */
    FILE *show;
    struct mdesc m; /* what cms is made from, again and again */
    const char *image;
    unsigned machine_cases;
    unsigned directed;    /* the row that the case at hand is about, or 0 */
    uint32_t directed_at; /* where that instruction stands in the block */
};

const struct oracle_result *validate_silicon(const struct validator *v)
{
    return &v->silicon;
}

const struct oracle_result *validate_ours(const struct validator *v)
{
    return &v->ours;
}

uint32_t validate_undefined(const struct validator *v)
{
    return v->undefined;
}

enum maker_kind validate_kind(const struct validator *v)
{
    return v->kind;
}

/* ---- generating ---- */

static bool contains(const uint8_t *code, size_t len, int op)
{
    struct insn d;
    for (size_t at = 0; at < len; at += d.length) {
        if (ia32_decode(code + at, (uint32_t)(len - at), 0, MODE_PROCESS, &d) != DEC_OK)
            return false;
        if (d.op == op)
            return true;
    }
    return false;
}

static void collect_opcodes(struct validator *v)
{
    struct gen g;
    uint8_t buf[GEN_INSN_MAX];
    gen_init(&g, 1);
    for (unsigned n = 0, integer = 0;; n++) {
        if ((g.opcode = gen_opcode(n)) >= 0)
            integer = n + 1;
        else if ((g.opcode = gen_fx_opcode(n - integer)) < 0)
            break;
        bool fits = v->filter < 0;
        for (unsigned i = 0; i < 64 && !fits; i++)
            fits = contains(buf, gen_insn(&g, buf), v->filter);
        if (fits && v->nopcodes < OPCODES_MAX)
            v->opcode[v->nopcodes++] = g.opcode;
    }
}

static void fill_data(struct validator *v, uint64_t part)
{
    struct gen g;
    gen_init(&g, v->seed ^ ~part * UINT64_C(0xd1342543de82ef95));
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += 4) {
        if (!(silicon_access(SILICON_DATA + p) & SILICON_W))
            continue;
        uint32_t x = gen_random(&g), kind = gen_random(&g) & 7;
        x = kind == 0 ? gen_address(&g) : kind == 1 ? x & 0xff : kind == 2 ? 0u - (x & 0xff) : x;
        memcpy(oracle_base.data + p, &x, 4);
    }
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += 16)
        if (silicon_access(SILICON_DATA + p) & SILICON_W && !(gen_random(&g) & 3))
            gen_fx_data(&g, oracle_base.data + p);
    v->data_of = part;
    validate_data(v);
}

static void generate(struct validator *v, uint64_t k, struct oracle_case *c)
{
    struct gen g;
    gen_init(&g, v->seed * UINT64_C(0x9e3779b97f4a7c15) + k);
    g.code16 = k % CODE16_EVERY == CODE16_EVERY - 1 && silicon_gs() && v->filter < 0;
    c->in.code16 = g.code16;
    g.gs = silicon_gs() != 0;
    unsigned n = k % 3 ? 1 + gen_random(&g) % BLOCK_MAX : 1;
    uint32_t eip = SILICON_CODE + 0x100 +
                   gen_random(&g) % (SILICON_CODE_SIZE - SILICON_PAGE - ORACLE_CODE_MAX - 0x200);
    v->directed = 0;
    if (k % DIRECTED_EVERY == 1 && v->filter < 0 && !g.code16) {
        g.eip = c->in.eip = eip;
        c->len = (uint32_t)gen_directed(&g, k / DIRECTED_EVERY, c->code, &c->in);
        c->in.eip = eip;
        c->fx = g.used_fx;
        v->directed = g.row;
        v->directed_at = g.fix_at;
        c->own_registers = g.own_registers;
        c->own_at = g.own_at;
        c->own_bytes = g.own_bytes;
        return;
    }
    if ((n == 1 && !g.code16) || v->filter >= 0)
        g.opcode = v->opcode[k / 3 % v->nopcodes];
    g.fx = k % FX_EVERY == FX_EVERY - 1 && !g.code16 ? 1 + k / FX_EVERY % GEN_FX_ALL : 0;
    do
        c->len = (uint32_t)gen_block(&g, eip, c->code, n);
    while (v->filter >= 0 && !contains(c->code, c->len, v->filter));
    gen_state(&g, &c->in);
    c->in.eip = eip;
    c->own_registers = c->own_bytes = 0;
    c->fx = g.used_fx;
    if (c->fx)
        gen_fx_state(&g, c->in.fx, n > 1 ? gen_random(&g) % 8 : gen_random(&g) % 2);
}

/* ---- comparing ---- */

void validate_data(struct validator *v)
{
    if (v->silicon_there)
        oracle_silicon_data();
    if (v->unicorn)
        oracle_unicorn_data(v->unicorn);
    functional_data();
    if (v->cms)
        oracle_cms_data(v->cms);
}

/* What an instruction answers in its own way is the same everywhere. */
static void forget_own(const struct oracle_case *c, struct oracle_result *r)
{
    uint32_t n = 0;
    for (int i = 0; i < 8; i++)
        if (c->own_registers >> i & 1)
            r->st.gpr[i] = 0;
    for (uint32_t i = 0; i < r->ndiff && i < ORACLE_DIFFS; i++)
        if (r->diff[i].at - c->own_at >= c->own_bytes)
            r->diff[n++] = r->diff[i];
    r->ndiff = n;
}

/* FXSAVE tells which bits MXCSR has, and processors of AMD have one more: bit 17, in byte 30. */
static void forget_mask(struct oracle_result *host, struct oracle_result *ours)
{
    uint32_t n = 0, m = 0, k = 0;
    for (uint32_t i = 0; i < host->ndiff && i < ORACLE_DIFFS; i++) {
        uint32_t at = host->diff[i].at;
        if (at % 16 != 14 || host->diff[i].byte != 2) {
            host->diff[n++] = host->diff[i];
            continue;
        }
        for (; k < ours->ndiff && k < ORACLE_DIFFS && ours->diff[k].at < at; k++)
            ours->diff[m++] = ours->diff[k];
        if (k < ours->ndiff && k < ORACLE_DIFFS && ours->diff[k].at == at) {
            if (ours->diff[k].byte == 0)
                k++; /* both gone */
            else
                host->diff[n++] = host->diff[i];
        }
    }
    for (; k < ours->ndiff && k < ORACLE_DIFFS; k++)
        ours->diff[m++] = ours->diff[k];
    host->ndiff = n;
    ours->ndiff = m;
}

static bool same(const struct validator *v, const struct oracle_case *c, uint32_t undefined,
                 bool partial, enum fx_inexact may)
{
    const struct oracle_result *a = &v->silicon, *b = &v->ours;
    bool fip = oracle_keeps_fip() && !v->ask_unicorn;
    if (a->end != b->end || a->st.eip != b->st.eip || a->f.vector != b->f.vector ||
        a->f.error != b->f.error || a->f.cr2 != b->f.cr2)
        return false;
    if (partial)
        return true;
    if (memcmp(a->st.gpr, b->st.gpr, sizeof a->st.gpr) ||
        ((a->st.eflags ^ b->st.eflags) & EFLAGS_COMPARED & ~undefined) || a->ndiff != b->ndiff ||
        (c->fx && !fx_same(a->st.fx, b->st.fx, fip, may)))
        return false;
    for (uint32_t i = 0; i < a->ndiff && i < ORACLE_DIFFS; i++)
        if (a->diff[i].at != b->diff[i].at || a->diff[i].byte != b->diff[i].byte)
            return false;
    return true;
}

/* An access that wraps round the end of a segment with a base is #GP, which is not modelled for FS
 * and GS: GS has a base here. */
static bool beyond_limit(const struct oracle_case *c, const struct oracle_result *s)
{
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    if (s->end != SILICON_FAULT || s->f.vector != 13 || s->f.error)
        return false;
    for (uint32_t at = s->st.eip - c->in.eip; at < c->len; at++) {
        if (c->code[at] == 0x65)
            return true;
        if (!memchr(prefixes, c->code[at], sizeof prefixes))
            break;
    }
    return false;
}

/* How far a REP runs on when it overwrites itself is the processor's own affair. */
static bool rewrote_itself(const struct oracle_case *c, const struct oracle_result *s)
{
    for (uint32_t i = 0; i < s->ndiff && i < ORACLE_DIFFS; i++)
        if (s->diff[i].at - c->in.eip < c->len + SILICON_TAIL)
            return true;
    return s->ndiff > ORACLE_DIFFS;
}

static void run_ours(struct validator *v, const struct oracle_case *c)
{
    if (v->cms)
        oracle_cms_run(v->cms, c, &v->ours);
    else
        functional_run(c, v->single, &v->ours);
}

/* Both. False: no result to compare, *verdict says why. */
static bool run_both(struct validator *v, const struct oracle_case *c, enum verdict *verdict)
{
    *verdict = VERDICT_TOO_LONG;
    if (v->ask_unicorn) { /* it cannot be stopped, so we go first */
        run_ours(v, c);
        if (v->ours.end == SILICON_HUNG)
            return false;
        oracle_unicorn_run(v->unicorn, c, &v->silicon);
    } else {
        oracle_silicon_run(c, &v->silicon);
        if (v->silicon.end == SILICON_HUNG)
            return false;
        run_ours(v, c);
    }
    if (c->own_registers | c->own_bytes) {
        forget_own(c, &v->silicon);
        forget_own(c, &v->ours);
    }
    if (c->fx && !v->ask_unicorn && maker_shows_mask(c->code, c->len))
        forget_mask(&v->silicon, &v->ours);
    *verdict = VERDICT_NOT_COMPARABLE;
    return v->silicon.end != SILICON_BAD &&
           (!v->ask_unicorn || oracle_unicorn_excuse(c, &v->silicon, &v->ours));
}

/* Of the last runs, which differ and were traced. */
static enum verdict different(struct validator *v, const struct oracle_case *c)
{
    struct fx_image host, ours;
    struct maker_case m = {.code = c->code,
                           .len = c->len,
                           .eip = c->in.eip,
                           .code16 = c->in.code16,
                           .pushes = v->trace.pushes,
                           .host = {v->silicon.st.eip, v->silicon.f},
                           .ours = {v->ours.st.eip, v->ours.f}};
    memcpy(&host, v->silicon.st.fx, sizeof host);
    memcpy(&ours, v->ours.st.fx, sizeof ours);
    if (c->fx)
        m.fsw = host.fsw ^ ours.fsw;
    v->kind = v->ask_unicorn ? MAKER_NONE : maker_excuse(&m);
    return v->kind == MAKER_NONE ? VERDICT_DIFFERENT : VERDICT_MAKER;
}

/* Of the last runs: what the trace says of flags and results that may be off counts. */
static enum verdict judge(struct validator *v, const struct oracle_case *c, enum fx_inexact may)
{
    v->undefined = v->trace.undefined;
    if (v->trace.pointers && v->silicon.end == SILICON_FAULT)
        return VERDICT_NOT_COMPARABLE; /* what would clear them did not run */
    return same(v, c, v->undefined, v->trace.partial, may) ? VERDICT_SAME : different(v, c);
}

/* A block that goes on after an instruction whose result may be a little off: up to there. */
static enum verdict compare_part(struct validator *v, struct oracle_case *c, uint32_t len,
                                 enum fx_inexact may)
{
    struct oracle_case part = *c;
    enum verdict verdict;
    part.len = len;
    if (!run_both(v, &part, &verdict))
        return verdict;
    functional_trace(&part, &v->trace);
    verdict = judge(v, &part, may);
    if (verdict == VERDICT_DIFFERENT)
        *c = part;
    return verdict;
}

static bool blank(struct oracle_case *c, uint32_t at, uint32_t len)
{
    if (at + len > c->len)
        return false; /* it wrote itself new code */
    memset(c->code + at, 0x90, len);
    return true;
}

enum verdict validate_compare(struct validator *v, struct oracle_case *c, uint64_t *forced)
{
    for (unsigned i = 0; i <= BLOCK_MAX * 2; i++) {
        const struct oracle_trace *t = &v->trace;
        enum verdict verdict;
        v->undefined = 0;
        if (!run_both(v, c, &verdict))
            return verdict;
        if (same(v, c, 0, false, FX_EXACT))
            return VERDICT_SAME;
        if (v->ours.end == SILICON_BAD)
            return VERDICT_DIFFERENT;
        if (v->ours.end == SILICON_HUNG)
            return VERDICT_TOO_LONG;
        /* The machine's page tables know no NX. */
        if (v->silicon.fetch && v->cms && silicon_access(v->silicon.f.cr2))
            return VERDICT_NOT_COMPARABLE;
        if (beyond_limit(c, &v->silicon) || rewrote_itself(c, &v->silicon))
            return VERDICT_NOT_COMPARABLE;
        functional_trace(c, &v->trace);
        if (t->inexact_length && t->inexact_first) {
            uint32_t at = t->inexact, len = t->inexact_length;
            if (t->inexact_last)
                return judge(v, c, t->inexact_kind);
            if (at + len > c->len)
                return VERDICT_NOT_COMPARABLE;
            enum verdict part = compare_part(v, c, at + len, t->inexact_kind);
            if (part == VERDICT_DIFFERENT || part == VERDICT_MAKER)
                return part;
            blank(c, at, len);
        } else if (!t->consumed_length) {
            return judge(v, c, FX_EXACT);
        } else if (!blank(c, t->consumed, t->consumed_length)) {
            return VERDICT_NOT_COMPARABLE;
        }
        ++*forced;
    }
    return VERDICT_NOT_COMPARABLE;
}

/* ---- counting ---- */

/* Instructions that must have completed, by walking from the start to the first transfer or the
 * fault, and the one at the fault. */
static void count_rows(const struct validator *v, const struct oracle_case *c,
                       struct validate_counts *n)
{
    const struct oracle_result *s = &v->silicon;
    bool translated = v->ours.translated && v->ours.translated >= v->ours.retired;
    bool fault = s->end == SILICON_FAULT;
    const uint32_t mode = MODE_PROCESS & ~(c->in.code16 ? (uint32_t)MODE_CODE32 : 0);
    struct insn d;
    for (uint32_t at = 0; at < c->len; at += d.length) {
        uint32_t eip = c->in.eip + at;
        if (ia32_decode(c->code + at, c->len - at, eip, mode, &d) != DEC_OK)
            break;
        bool transfer = ia32_rows[d.row].attr & AT_CT;
        if (fault && eip == s->st.eip)
            break;
        /* A trap is reported behind its instruction. */
        bool trap = fault && transfer && eip + d.length == s->st.eip && s->f.vector < 32 &&
                    (s->f.vector == 1 || s->f.vector == 3 || s->f.vector == 4);
        if (trap) {
            n->row[d.row].vectors |= 1u << s->f.vector;
        } else {
            n->row[d.row].executed++;
            n->row[d.row].translated += translated;
        }
        if (transfer)
            break;
    }
    uint32_t at = s->st.eip - c->in.eip;
    if (fault && v->directed && at == v->directed_at && s->f.vector < 32) {
        /* which may be an encoding that does not decode, LOCK before it for one */
        n->row[v->directed].vectors |= 1u << s->f.vector;
        return;
    }
    bool behind = s->f.vector == 1 || s->f.vector == 3 || s->f.vector == 4;
    if (fault && !behind && at < c->len && s->f.vector < 32 &&
        ia32_decode(c->code + at, c->len - at, s->st.eip, mode, &d) == DEC_OK)
        n->row[d.row].vectors |= 1u << s->f.vector;
}

/* Both raised it; only where is told otherwise. */
static void count_int1(const struct validator *v, const struct oracle_case *c,
                       struct validate_counts *n)
{
    const uint32_t mode = MODE_PROCESS & ~(c->in.code16 ? (uint32_t)MODE_CODE32 : 0);
    uint32_t eip = v->silicon.st.eip, at = eip - c->in.eip;
    struct insn d;
    if (at < c->len && ia32_decode(c->code + at, c->len - at, eip, mode, &d) == DEC_OK)
        n->row[d.row].vectors |= 1u << v->silicon.f.vector;
}

/* CMS learns that code which is written again and again is not worth translating, and the code
 * window is; so now and then the machine is a new one. */
static void renew_machine(struct validator *v)
{
    char err[256] = "not enough memory";
    if (!v->cms || v->machine_cases++ < MACHINE_CASES)
        return;
    oracle_cms_free(v->cms);
    v->cms = oracle_cms_new(&v->m, v->image, err, sizeof err);
    if (!v->cms) {
        fprintf(stderr, "%s\n", err);
        abort();
    }
    v->machine_cases = 0;
}

/* What silicon and we agree on, put to Unicorn. It is no judge there, only counted. */
static void second_opinion(struct validator *v, const struct oracle_case *c,
                           struct validate_counts *n, char text[VALIDATE_TEXT])
{
    struct oracle_case copy = *c;
    uint64_t forced = 0;
    v->ask_unicorn = true;
    enum verdict verdict = validate_compare(v, &copy, &forced);
    n->second += verdict == VERDICT_SAME || verdict == VERDICT_DIFFERENT;
    n->second_differs += verdict == VERDICT_DIFFERENT;
    if (verdict == VERDICT_DIFFERENT && v->show) {
        shrink_print(v, &copy, text, VALIDATE_TEXT);
        fprintf(v->show, "# Unicorn alone says:\n%s", text);
    }
    v->ask_unicorn = false;
}

bool validate_one(struct validator *v, uint64_t k, struct validate_counts *n,
                  char text[VALIDATE_TEXT])
{
    struct oracle_case c, original;
    n->at = k;
    renew_machine(v);
    if (k / DATA_CASES != v->data_of)
        fill_data(v, k / DATA_CASES);
    v->single = k % 4 == 3;
    generate(v, k, &c);
    if (v->show) {
        shrink_show(&c, text, VALIDATE_TEXT);
        fprintf(v->show, "# --first %llu\n%s\n", (unsigned long long)k, text);
        fflush(v->show);
    }
    if (v->unicorn)
        original = c;
    enum verdict verdict = validate_compare(v, &c, &n->forced);
    n->done++;
    n->retired += v->ours.retired;
    n->translated += v->ours.translated;
    n->morphed += v->ours.translated != 0;
    switch (verdict) {
    case VERDICT_TOO_LONG: n->too_long++; return true;
    case VERDICT_NOT_COMPARABLE: n->not_comparable++; return true;
    case VERDICT_MAKER:
        n->maker[v->kind]++;
        if (v->kind == MAKER_INT1)
            count_int1(v, &c, n);
        return true;
    case VERDICT_SAME:
        n->ended += v->silicon.end == SILICON_END;
        n->faulted += v->silicon.end == SILICON_FAULT;
        n->left += v->silicon.end == SILICON_LEFT;
        count_rows(v, &c, n);
        if (k % TRACE_EVERY == 0) {
            functional_trace(&c, &v->trace);
            for (uint32_t i = 0; i < v->trace.nrows; i++)
                n->row[v->trace.rows[i]].executed++;
        }
        if (v->unicorn && !v->ask_unicorn)
            second_opinion(v, &original, n, text);
        return true;
    default: break;
    }
    n->mismatches++;
    if (v->ours.end != SILICON_BAD)
        shrink_case(v, &c);
    shrink_print(v, &c, text, VALIDATE_TEXT);
    v->data_of = UINT64_MAX; /* the shrinker has changed them */
    return false;
}

/* ---- making ---- */

/* Who can be asked; false with a reason if nobody. */
static bool find_oracles(struct validator *v, const struct validate_setup *s, char *err,
                         size_t size)
{
    char why[256] = "";
    if (s->oracle != VALIDATE_UNICORN) {
        v->silicon_there = oracle_init() == 0 && silicon_limit() == 0xffffffff;
        if (!v->silicon_there)
            snprintf(why, sizeof why, "%s",
                     silicon_limit() != 0xffffffff && silicon_limit()
                         ? "silicon: memory below 4 GB is in use"
                         : silicon_why());
    } else {
        oracle_init();
    }
    if (v->silicon_there && s->oracle == VALIDATE_SILICON)
        return true;
    v->unicorn = s->unicorn ? oracle_unicorn_new(s->unicorn, err, size) : NULL;
    if (!v->unicorn) {
        if (!s->unicorn || s->oracle == VALIDATE_SILICON)
            snprintf(err, size, "%s", why);
        return false;
    }
    v->ask_unicorn = !v->silicon_there;
    if (why[0])
        snprintf(err, size, "%s; Unicorn alone is asked", why);
    return true;
}

static struct validator *give_up(struct validator *v)
{
    if (v)
        validate_free(v);
    return NULL;
}

struct validator *validate_new(const struct validate_setup *s, char *err, size_t size)
{
    struct validator *v = calloc(1, sizeof *v);
    err[0] = 0;
    if (!v) {
        snprintf(err, size, "not enough memory");
        return NULL;
    }
    ia32_identify(s->m->guest_identity);
    functional_identify(s->m->guest_identity);
    v->mode = s->mode;
    v->m = *s->m;
    v->image = s->cms;
    v->seed = s->seed;
    v->data_of = UINT64_MAX;
    v->filter = -1;
    if (s->filter) {
        for (int op = 1; op < I_COUNT_; op++)
            if (!strcasecmp(s->filter, ia32_op_name((uint32_t)op)))
                v->filter = op;
        if (v->filter < 0) {
            snprintf(err, size, "--filter %s: no such instruction in ia32.def", s->filter);
            return give_up(v);
        }
    }
    collect_opcodes(v);
    if (!v->nopcodes) {
        snprintf(err, size, "--filter %s: not among what the generator makes", s->filter);
        return give_up(v);
    }
    if (!find_oracles(v, s, err, size))
        return give_up(v);
    if (s->mode != VALIDATE_INTERPRET && !(v->cms = oracle_cms_new(s->m, s->cms, err, size)))
        return give_up(v);
    return v;
}

void validate_show(struct validator *v, FILE *f)
{
    v->show = f;
}

struct vm *validate_vm(struct validator *v)
{
    return v->cms ? oracle_cms_vm(v->cms) : NULL;
}

void validate_free(struct validator *v)
{
    if (v->cms)
        oracle_cms_free(v->cms);
    if (v->unicorn)
        oracle_unicorn_free(v->unicorn);
    free(v);
}

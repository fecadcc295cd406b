/* SPDX-License-Identifier: MIT */
/*
 * The report of `chrysalis validate isa`. The table has one line for each row of ia32.def. Which
 * exceptions a row is expected to raise follows from its attributes and operands alone; what was
 * not raised is listed, whatever the reason.
 */
#include "cli/validate_report.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include "isa-frontend/insn.h"
#include "tests/oracle/unicorn.h"

static const struct form {
    const char *map, *opcode, *ext, *name, *a, *b, *c;
    uint8_t n;
} forms[] = {
    {"1", "00", "", "(invalid)", "_", "_", "_", 0},
#define IA32_ROW(id, map, oc, n, ext, insn, a, b, c, attr, rd, wr, un, fn, feat)                   \
    {#map, #oc, #ext, #insn, #a, #b, #c, n},
#include "isa-frontend/ia32.def"
};
enum { NFORMS = sizeof forms / sizeof forms[0] };
_Static_assert((int)NFORMS <= (int)VALIDATE_ROWS, "more rows than are counted");

static const char *const vector_names[32] = {
    [0] = "#DE",  [1] = "#DB",  [3] = "#BP",  [4] = "#OF",  [5] = "#BR",
    [6] = "#UD",  [7] = "#NM",  [11] = "#NP", [12] = "#SS", [13] = "#GP",
    [14] = "#PF", [16] = "#MF", [17] = "#AC", [19] = "#XM"};

static bool memory_operand(const struct form *f)
{
    const char *o[3] = {f->a, f->b, f->c};
    for (int i = 0; i < 3; i++)
        if ((strchr("EMOXYFQW", o[i][0]) || !strcmp(o[i], "Rw") || !strcmp(o[i], "ds")) &&
            strcmp(f->name, "LEA") && strcmp(f->name, "INVLPG"))
            return true;
    return false;
}

static bool stack(const char *name)
{
    static const char *const ops[] = {"PUSH",  "POP",  "PUSHSEG", "POPSEG", "PUSHA", "POPA",
                                      "PUSHF", "POPF", "ENTER",   "LEAVE",  "CALL",  "CALLI",
                                      "RET",   "RETF", "IRET",    "CALLF",  "XLAT"};
    for (unsigned i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (!strcmp(name, ops[i]))
            return true;
    return false;
}

/* Whether an operand is in memory, or may be. */
static bool in_memory(const char *o)
{
    return (strchr("EMOXYFQW", o[0]) && o[1] != 'S') || !strcmp(o, "Rw") || !strcmp(o, "ds");
}

/* Whether it can reach memory through SS: all but the destinations of strings. */
static bool through_stack(const struct form *f)
{
    const char *o[3] = {f->a, f->b, f->c};
    for (int i = 0; i < 3; i++)
        if (in_memory(o[i]) && o[i][0] != 'Y')
            return true;
    return stack(f->name);
}

/* Whether it has accesses of 2 to 8 bytes, or is made of such. */
static bool checks_alignment(unsigned i)
{
    const struct form *f = &forms[i];
    const char *o[3] = {f->a, f->b, f->c};
    if (ia32_rows[i].op == I_XLAT || ia32_rows[i].op == I_CLFLUSH)
        return false;
    for (int k = 0; k < 3; k++)
        if (in_memory(o[k]) && o[k][1] != 'b' && strcmp(o[k], "Wx") && strcmp(o[k], "Mx"))
            return true;
    return stack(f->name);
}

/* 16 bytes or more, which want to be aligned. */
static bool aligned_operand(const struct form *f, uint32_t attr)
{
    static const char *const letters[] = {"Wx", "Mx", "Mfx"};
    for (int i = 0; i < 3; i++)
        if (!(attr & AT_UA) && (!strcmp(f->a, letters[i]) || !strcmp(f->b, letters[i])))
            return true;
    return false;
}

/*
 * The exceptions that a row can raise in user mode. Not asked for: #NM, for the systems that a
 * process meets keep the x87 at hand; #TS, machine checks and what else only a kernel can provoke.
 */
static uint32_t expected(unsigned i)
{
    uint32_t attr = ia32_rows[i].attr, v = 1u << 6;
    if (ia32_rows[i].op == I_SYSENTER)
        return 0;
    /* #UD: LOCK where it is not allowed, or a register where only memory is. */
    if (attr & (AT_P0 | AT_PI))
        return v | (ia32_rows[i].op == I_PUSHF || ia32_rows[i].op == I_POPF ? 1u << 14 : 1u << 13);
    if (attr & AT_XUD)
        return v;
    v |= aligned_operand(&forms[i], attr) ? 1u << 13 : 0;
    v |= attr & AT_XDE ? 1u << 0 : 0;
    v |= attr & AT_XBR ? 1u << 5 : 0;
    v |= attr & AT_XOF ? 1u << 4 : 0;
    v |= attr & AT_XBP ? 1u << 3 : 0;
    v |= attr & AT_XDB ? 1u << 1 : 0;
    v |= attr & AT_XGP ? 1u << 13 : 0;
    v |= attr & AT_XMF ? 1u << 16 : 0;
    v |= attr & AT_XXM ? 1u << 19 : 0;
    bool hint = ia32_rows[i].op == I_NOP || ia32_rows[i].op == I_PREFETCH;
    bool memory = !hint && (memory_operand(&forms[i]) || stack(forms[i].name));
    v |= memory ? 1u << 14 : 0;
    v |= memory && through_stack(&forms[i]) ? 1u << 12 : 0;
    v |= memory && checks_alignment(i) ? 1u << 17 : 0;
    return v;
}

/* "66 0F 71 /2 PSRLW Ux,Ib", "D8 /0 FADD Fd", "D8 C0+i FADD ST0,STi", "D9 E0 FCHS". */
static void form_text(unsigned i, char text[64])
{
    const struct form *f = &forms[i];
    int n = 0, modrm = 0;
    char ext[8] = "";
    for (const char *m = f->map; m[0] == '2' && m[1]; m = "2")
        n = snprintf(text, 64, "%s ", m + 1);
    n += snprintf(text + n, 64 - (size_t)n, "%s%s%s", f->map[0] == '2' ? "0F " : "", f->opcode,
                  f->n > 1 ? "+" : "");
    if (!strcmp(f->map, "FR")) {
        modrm = 0xc0 + (f->ext[0] - '0') * 8 + (f->ext[1] ? f->ext[2] - '0' : 0);
        snprintf(ext, sizeof ext, " %02X%s", modrm, f->ext[1] ? "" : "+i");
    } else if (isdigit((unsigned char)f->ext[0])) {
        snprintf(ext, sizeof ext, " /%c", f->ext[0]);
    }
    n += snprintf(text + n, 64 - (size_t)n, "%s %s", ext, f->name);
    const char *o[3] = {f->a, f->b, f->c};
    for (int k = 0; k < 3 && n < 60; k++)
        if (strcmp(o[k], "_") && strcmp(o[k], "reg"))
            n += snprintf(text + n, 64 - (size_t)n, "%s%s", k ? "," : " ", o[k]);
}

static void vectors_text(uint32_t mask, char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (int i = 0; i < 32 && n < size; i++)
        if (mask >> i & 1)
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? " " : "",
                                  vector_names[i] ? vector_names[i] : "?");
}

/* It has completed, or if it never does, has raised what it raises instead. */
static bool covered(const struct validate_run *r, unsigned i)
{
    uint32_t attr = ia32_rows[i].attr, op = ia32_rows[i].op;
    bool never = (attr & (AT_XUD | AT_P0 | AT_PI | AT_XBP | AT_XDB)) || op == I_INT;
    return r->counts.row[i].executed || (never && r->counts.row[i].vectors);
}

/* That the processor at hand has; SYSENTER, which none has, is one of them. */
static bool beyond_identity(unsigned i)
{
    return !(ia32_features() >> ia32_rows[i].feature & 1) && ia32_rows[i].feature != FEAT_SEP;
}

static unsigned count_forms(void)
{
    unsigned n = 0;
    for (unsigned i = 1; i < NFORMS; i++)
        n += !beyond_identity(i);
    return n;
}

static unsigned count_covered(const struct validate_run *r)
{
    unsigned n = 0;
    for (unsigned i = 1; i < NFORMS; i++)
        n += covered(r, i);
    return n;
}

static uint64_t by_maker(const struct validate_counts *n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MAKER_KINDS; i++)
        sum += n->maker[i];
    return sum;
}

void validate_summary(const struct validate_run *r, FILE *f)
{
    const struct validate_counts *n = &r->counts;
    fprintf(f,
            "%s: %" PRIu64 " tests (%" PRIu64 " ended, %" PRIu64 " faulted, %" PRIu64
            " left the block, %" PRIu64 " not comparable), seed %" PRIu64
            ", %u of %u forms, %.0f a second: %" PRIu64 " mismatch%s\n",
            r->mode_name, n->done, n->ended, n->faulted, n->left,
            n->too_long + n->not_comparable + by_maker(n), r->seed, count_covered(r), count_forms(),
            r->seconds > 0 ? (double)n->done / r->seconds : 0, n->mismatches,
            n->mismatches == 1 ? "" : "es");
    if (n->second)
        fprintf(f,
                "%s: Unicorn was asked, too, %" PRIu64 " times, and differs alone in %" PRIu64 "\n",
                r->mode_name, n->second, n->second_differs);
}

static void host_model(char *text, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256], model[128] = "unknown processor", family[16] = "?", number[16] = "?",
                    stepping[16] = "?";
    while (f && fgets(line, sizeof line, f) && line[0] != '\n') {
        char *value = strchr(line, ':');
        if (!value)
            continue;
        value += value[1] ? 2 : 1;
        value[strcspn(value, "\n")] = 0;
        if (!strncmp(line, "model name", 10))
            snprintf(model, sizeof model, "%.120s", value);
        else if (!strncmp(line, "cpu family", 10))
            snprintf(family, sizeof family, "%.15s", value);
        else if (!strncmp(line, "model", 5))
            snprintf(number, sizeof number, "%.15s", value);
        else if (!strncmp(line, "stepping", 8))
            snprintf(stepping, sizeof stepping, "%.15s", value);
    }
    if (f)
        fclose(f);
    snprintf(text, size, "%s (family %s, model %s, stepping %s)", model, family, number, stepping);
}

/* The head of a table: a column for each run, or two. */
static void columns(const struct validate_run *runs, unsigned nruns, const char *first, bool two,
                    FILE *f)
{
    fprintf(f, "|%s|", first);
    for (unsigned k = 0; k < nruns; k++)
        fprintf(f, " %s |%s", runs[k].mode_name, two ? " exceptions |" : "");
    fprintf(f, "\n|---|");
    for (unsigned k = 0; k < nruns; k++)
        fprintf(f, two ? "---:|---|" : "---:|");
    fprintf(f, "\n");
}

/* A line of the head: a figure of each run. */
#define LINE(what, format, figure)                                                                 \
    do {                                                                                           \
        fprintf(f, "| %s |", what);                                                                \
        for (unsigned k = 0; k < nruns; k++) {                                                     \
            const struct validate_run *r = &runs[k];                                               \
            const struct validate_counts *n = &r->counts;                                          \
            (void)n;                                                                               \
            fprintf(f, " " format " |", figure);                                                   \
        }                                                                                          \
        fprintf(f, "\n");                                                                          \
    } while (0)

static void head(const struct validate_run *runs, unsigned nruns, FILE *f)
{
    columns(runs, nruns, " ", false, f);
    LINE("tests", "%" PRIu64, n->done);
    LINE("ran to the end", "%" PRIu64, n->ended);
    LINE("ended in a fault or trap", "%" PRIu64, n->faulted);
    LINE("jumped out of the block", "%" PRIu64, n->left);
    LINE("not compared: wild loops", "%" PRIu64, n->too_long);
    LINE("not compared: code where only NX forbids it, GS beyond its limit, blocks that overwrote "
         "themselves",
         "%" PRIu64, n->not_comparable);
    if (maker_of_host() != MAKER_INTEL)
        LINE("not compared: known to be done otherwise by this maker", "%" PRIu64, by_maker(n));
    LINE("instructions replaced because they used an undefined flag", "%" PRIu64, n->forced);
    LINE("guest instructions retired", "%" PRIu64, n->retired);
    LINE("of these in translations (iterations of REP are the interpreter's)", "%" PRIu64,
         n->translated);
    LINE("tests that ran in a translation, at least in part", "%" PRIu64, n->morphed);
    LINE("tests a second", "%.0f", r->seconds > 0 ? (double)n->done / r->seconds : 0);
    if (runs[0].oracle == VALIDATE_BOTH) {
        LINE("put to Unicorn, too", "%" PRIu64, n->second);
        LINE("of these, Unicorn alone differs", "%" PRIu64, n->second_differs);
    }
    LINE("forms covered", "%u", count_covered(r));
    LINE("**mismatches**", "**%" PRIu64 "**", n->mismatches);
}

enum { LIMITS = 1 << 12 | 1 << 17 };
static const char umip[] = "where UMIP is on, a kernel answers in the processor's place, and looks "
                           "neither at limits nor at EFLAGS.AC";

/* Why a row does not complete, or does not raise what its columns promise. */
static const struct reason {
    uint16_t op;
    uint32_t vectors; /* a mask, or 0: it does not complete */
    const char *why;
} reasons[] = {
    {I_SYSENTER, 0,
     "the kernel has replaced EIP before anyone can look; no identity offers it, and tests/insns/ "
     "holds its #UD"},
    {I_SGDT, LIMITS, umip},
    {I_SIDT, LIMITS, umip},
    {I_SLDT, LIMITS, umip},
    {I_STR, LIMITS, umip},
    {I_SMSW, LIMITS, umip},
};

static const char gap[] = "**a gap: no reason is known but that the run was too short**";

static const char *reason(unsigned row, uint32_t vectors)
{
    uint32_t op = ia32_rows[row].op;
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].op == op &&
            (vectors ? !(vectors & ~reasons[i].vectors) : !reasons[i].vectors))
            return reasons[i].why;
    return NULL;
}

enum { GAPS_MAX = 40 }; /* listed: a short run has many */

static void list_rest(unsigned gaps, unsigned listed, FILE *f)
{
    if (gaps > GAPS_MAX)
        fprintf(f, "- and %u more\n", gaps - GAPS_MAX);
    else if (!listed)
        fprintf(f, "None.\n");
}

static void list_modes(const struct validate_run *runs, unsigned nruns, uint32_t modes, FILE *f)
{
    for (unsigned k = 0; k < nruns && nruns > 1 && modes != (1u << nruns) - 1; k++)
        if (modes >> k & 1)
            fprintf(f, " (%s)", runs[k].mode_name);
}

static void list_uncovered(const struct validate_run *runs, unsigned nruns, FILE *f)
{
    unsigned listed = 0, gaps = 0;
    char form[64];
    fprintf(f, "\n## Not covered\n\nForms that never completed (or, where that is all they do, "
               "never raised their exception).\n\n");
    for (unsigned i = 1; i < NFORMS; i++) {
        uint32_t modes = 0;
        for (unsigned k = 0; k < nruns; k++)
            modes |= (uint32_t)!covered(&runs[k], i) << k;
        if (!modes || beyond_identity(i))
            continue;
        listed++;
        form_text(i, form);
        const char *why = reason(i, 0);
        if (!why && ++gaps > GAPS_MAX)
            continue;
        fprintf(f, "- `%s`", form);
        list_modes(runs, nruns, modes, f);
        fprintf(f, ": %s\n", why ? why : gap);
    }
    list_rest(gaps, listed, f);
}

static void list_unprovoked(const struct validate_run *runs, unsigned nruns, FILE *f)
{
    unsigned listed = 0, gaps = 0;
    char form[64];
    fprintf(f, "\n## Exceptions not provoked\n\nOf those that a form can raise in user mode by the "
               "table. #NM, #TS and the like need a kernel that\nno process has.\n\n");
    for (unsigned i = 1; i < NFORMS; i++)
        for (unsigned v = 0; v < 32; v++) {
            uint32_t modes = 0;
            for (unsigned k = 0; k < nruns; k++)
                modes |= (expected(i) & ~runs[k].counts.row[i].vectors & 1u << v ? 1u : 0u) << k;
            if (!modes || beyond_identity(i))
                continue;
            listed++;
            form_text(i, form);
            const char *why = reason(i, 1u << v);
            if (!why && ++gaps > GAPS_MAX)
                continue;
            fprintf(f, "- `%s` %s", form, vector_names[v]);
            list_modes(runs, nruns, modes, f);
            fprintf(f, ": %s\n", why ? why : gap);
        }
    list_rest(gaps, listed, f);
}

/* What the host's maker does otherwise, and how often each kind came up. */
static void list_makers(const struct validate_run *runs, unsigned nruns, FILE *f)
{
    if (maker_of_host() == MAKER_INTEL || runs[0].oracle == VALIDATE_UNICORN)
        return;
    fprintf(f, "\n## What this maker's processors do otherwise\n\n"
               "CMS follows Intel's. Differences of these kinds are not compared (the rest of the "
               "block neither),\nand counted.\n\n");
    columns(runs, nruns, " kind ", false, f);
    for (unsigned i = 1; i < MAKER_KINDS; i++)
        LINE(maker_reasons[i], "%" PRIu64, n->maker[i]);
}

void validate_report(const struct validate_run *runs, unsigned nruns, uint64_t tests, FILE *f)
{
    const struct validate_run *a = &runs[0];
    char host[256], form[64], text[128];
    host_model(host, sizeof host);
    fprintf(f,
            "# Validation against silicon\n\n"
            "Made by `chrysalis validate isa --mode %s --seed %" PRIu64 " --first %" PRIu64
            " --tests %" PRIu64
            "%s%s%s%s%s --jobs %u`; [oracle.md](oracle.md) tells how to read it.\n\n"
            "The oracle: %s%s%s. ia32.def has %u forms for this processor.\n\n",
            nruns > 1 ? "all" : a->mode_name, a->seed, a->first, tests,
            a->machine ? " --machine " : "", a->machine ? a->machine : "",
            a->filter ? " --filter " : "", a->filter ? a->filter : "",
            a->oracle == VALIDATE_BOTH      ? " --oracle both"
            : a->oracle == VALIDATE_UNICORN ? " --oracle unicorn"
                                            : "",
            a->jobs, a->oracle == VALIDATE_UNICORN ? "Unicorn, on " : "", host,
            a->oracle == VALIDATE_BOTH ? ", and Unicorn" : "", count_forms());
    head(runs, nruns, f);

    if (a->oracle != VALIDATE_SILICON) {
        fprintf(f, "\nNot compared with Unicorn:\n\n");
        for (const char *const *x = unicorn_exclusions; *x; x++)
            fprintf(f, "- %s\n", *x);
    }
    list_makers(runs, nruns, f);
    list_uncovered(runs, nruns, f);
    list_unprovoked(runs, nruns, f);
    fprintf(f,
            "\n## Every form\n\n"
            "Counted are cases in which the instruction surely completed: those before the first "
            "control transfer of a block,\nand a sample of traced ones. After the stroke: those "
            "that ran in translations alone.\n\n");
    columns(runs, nruns, " form ", true, f);
    for (unsigned i = 1; i < NFORMS; i++) {
        if (beyond_identity(i))
            continue;
        form_text(i, form);
        fprintf(f, "| `%s` |", form);
        for (unsigned k = 0; k < nruns; k++) {
            const struct validate_run *r = &runs[k];
            vectors_text(r->counts.row[i].vectors, text, sizeof text);
            fprintf(f, " %" PRIu64, r->counts.row[i].executed);
            if (r->mode != VALIDATE_INTERPRET)
                fprintf(f, " / %" PRIu64, r->counts.row[i].translated);
            fprintf(f, " | %s |", text);
        }
        fprintf(f, "\n");
    }
}

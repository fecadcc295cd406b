/* SPDX-License-Identifier: MIT */
/*
 * From a mismatch to its smallest form: every simplification is tried, and kept if the two still
 * differ, until none helps. Then it is written as one line of tests/insns/ (the syntax is told in
 * tests/unit/test_interp_insns.c): what stands behind => is silicon's word.
 *
 * In the order of what it spares the reader: the place and the data window as the line assumes
 * them, fewer instructions, fewer bytes of memory, registers 0, flags clear.
 */
#include "tests/oracle/validate.h"

#include "tests/oracle/fx.h"

#include <Zydis/Zydis.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_EIP = 0x08001000, LINE_ESP = 0x20004000, ROUNDS = 4 };

static bool differs(struct validator *v, const struct oracle_case *c)
{
    struct oracle_case copy = *c;
    uint64_t forced = 0;
    return validate_compare(v, &copy, &forced) == VERDICT_DIFFERENT && !forced;
}

static bool try_case(struct validator *v, struct oracle_case *c, const struct oracle_case *smaller)
{
    if (!differs(v, smaller))
        return false;
    *c = *smaller;
    return true;
}

/* ---- code ---- */

static uint32_t length_at(const struct oracle_case *c, uint32_t at)
{
    /* Not our decoder: what it calls invalid has a length, too, and cut up would become other
     * instructions, some of which silicon must not be given. */
    ZydisDecoder z;
    ZydisDecodedInstruction d;
    ZydisDecoderInit(&z, c->in.code16 ? ZYDIS_MACHINE_MODE_LEGACY_16 : ZYDIS_MACHINE_MODE_LEGACY_32,
                     ZYDIS_STACK_WIDTH_32);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&z, NULL, c->code + at, c->len - at, &d)))
        return c->len - at;
    return d.length;
}

static bool shrink_code(struct validator *v, struct oracle_case *c)
{
    bool any = false;
    for (uint32_t at = 0; at < c->len;) {
        struct oracle_case s = *c;
        uint32_t n = length_at(c, at);
        if (at) { /* all behind it */
            s.len = at;
            if (try_case(v, c, &s))
                return true;
            s = *c;
        }
        if (n < c->len) { /* it alone */
            memmove(s.code + at, s.code + at + n, s.len - at - n);
            s.len -= n;
            if (try_case(v, c, &s)) {
                any = true;
                continue;
            }
            s = *c;
        }
        if (n > 1 || c->code[at] != 0x90) { /* NOPs in its place, for jumps over it */
            memset(s.code + at, 0x90, n);
            any |= try_case(v, c, &s);
        }
        at += n;
    }
    return any;
}

/* ---- memory ---- */

static bool zero_data(struct validator *v, struct oracle_case *c, uint32_t at, uint32_t n)
{
    uint8_t keep[SILICON_DATA_SIZE];
    bool any = false;
    for (uint32_t i = at; i < at + n; i++)
        any |= oracle_base.data[i] && silicon_access(SILICON_DATA + i) & SILICON_W;
    if (!any)
        return false;
    memcpy(keep, oracle_base.data + at, n);
    for (uint32_t i = at; i < at + n; i++)
        if (silicon_access(SILICON_DATA + i) & SILICON_W)
            oracle_base.data[i] = 0;
    validate_data(v);
    if (differs(v, c))
        return true;
    memcpy(oracle_base.data + at, keep, n);
    validate_data(v);
    return false;
}

static bool shrink_data(struct validator *v, struct oracle_case *c)
{
    static const uint32_t sizes[] = {SILICON_DATA_SIZE, 0x1000, 0x100, 16, 4, 1};
    bool any = false;
    for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
        for (uint32_t at = 0; at < SILICON_DATA_SIZE; at += sizes[k])
            any |= zero_data(v, c, at, sizes[k]);
    return any;
}

/* ---- registers ---- */

static bool shrink_registers(struct validator *v, struct oracle_case *c)
{
    bool any = false;
    for (int i = 0; i < 8; i++) {
        const uint32_t was = c->in.gpr[i];
        const uint32_t wants[] = {i == IA32_ESP ? LINE_ESP : 0,
                                  1,
                                  was & 0xff,
                                  was & 0xffff,
                                  was & 0xffff0000,
                                  was & ~15u,
                                  was & 0x80000000};
        for (unsigned k = 0; k < sizeof wants / sizeof wants[0]; k++) {
            struct oracle_case s = *c;
            if (wants[k] == was)
                break;
            s.in.gpr[i] = wants[k];
            if (try_case(v, c, &s)) {
                any = true;
                break;
            }
        }
    }
    for (uint32_t bit = 1; bit <= 0x800; bit <<= 1) {
        struct oracle_case s = *c;
        s.in.eflags &= ~bit;
        if (c->in.eflags & bit & IA32_FLAGS)
            any |= try_case(v, c, &s);
    }
    return any;
}

/* Fields of the image as FNINIT leaves them, one by one. */
static bool shrink_fx(struct validator *v, struct oracle_case *c)
{
    static const struct {
        uint16_t at, size;
    } fields[] = {{0, 2}, {2, 2}, {4, 1}, {24, 4}, {8, 4}};
    enum { FIELDS = sizeof fields / sizeof fields[0], REGISTERS = 16 };
    uint8_t initial[512];
    bool any = false;
    fx_reset(initial);
    for (unsigned i = 0; c->fx && i < FIELDS + REGISTERS; i++) {
        struct oracle_case s = *c;
        unsigned at = i < FIELDS ? fields[i].at : 32 + (i - FIELDS) * 16,
                 size = i < FIELDS ? fields[i].size : 16;
        memcpy(s.in.fx + at, initial + at, size);
        if (memcmp(s.in.fx, c->in.fx, sizeof s.in.fx))
            any |= try_case(v, c, &s);
    }
    return any;
}

void shrink_case(struct validator *v, struct oracle_case *c)
{
    struct oracle_case s = *c;
    s.in.eip = LINE_EIP;
    try_case(v, c, &s);
    zero_data(v, c, 0, SILICON_DATA_SIZE);
    for (int round = 0; round < ROUNDS; round++) {
        bool any = shrink_code(v, c);
        any |= shrink_data(v, c);
        any |= shrink_registers(v, c);
        any |= shrink_fx(v, c);
        s = *c;
        s.in.eip = LINE_EIP;
        any |= s.in.eip != c->in.eip && try_case(v, c, &s);
        if (!any)
            break;
    }
}

/* ---- the line ---- */

static const char *const reg_names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const struct {
    const char *name;
    uint32_t bit;
} flag_names[7] = {{"OF", 0x800}, {"DF", 0x400}, {"SF", 0x80}, {"ZF", 0x40},
                   {"AF", 0x10},  {"PF", 4},     {"CF", 1}};

struct text {
    char *p;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->p, t->left, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    size_t used = (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->p += used;
    t->left -= used;
}

static void say_instructions(struct text *t, const struct oracle_case *c)
{
    for (uint32_t at = 0; at < c->len;) {
        ZydisDisassembledInstruction d;
        uint32_t n = length_at(c, at);
        if (at)
            say(t, " / ");
        if (ZYAN_SUCCESS(ZydisDisassembleIntel(c->in.code16 ? ZYDIS_MACHINE_MODE_LEGACY_16
                                                            : ZYDIS_MACHINE_MODE_LEGACY_32,
                                               c->in.eip + at, c->code + at, c->len - at, &d))) {
            for (char *p = d.text; *p; p++)
                if (*p == ':' || *p == ';')
                    *p = '.';
            say(t, "%s", d.text);
        } else {
            say(t, "?");
        }
        at += n;
    }
}

static void say_fault(struct text *t, const struct ia32_fault *f)
{
    static const char *const names[32] = {
        [0] = "#DE",  [1] = "#DB",  [3] = "#BP",  [4] = "#OF",  [5] = "#BR",
        [6] = "#UD",  [7] = "#NM",  [11] = "#NP", [12] = "#SS", [13] = "#GP",
        [14] = "#PF", [16] = "#MF", [17] = "#AC"};
    if (f->vector == 0x80)
        say(t, " #SYS");
    else if (f->vector >= 0 && f->vector < 32 && names[f->vector])
        say(t, " %s", names[f->vector]);
    else
        say(t, " #%d", f->vector);
    if (f->error || f->cr2)
        say(t, "(%x,%x)", f->error, f->cr2);
}

/* Words in which two images differ, for cases that have them. */
static void say_fx(struct text *t, const struct oracle_case *c, const uint8_t *from,
                   const uint8_t *to)
{
    char words[1024];
    if (!c->fx)
        return;
    fx_words(from, to, words, sizeof words);
    say(t, "%s", words);
}

static void say_result(struct text *t, const struct oracle_case *c, const struct oracle_result *r,
                       uint32_t undefined)
{
    uint32_t plain = c->in.eip + (r->end == SILICON_FAULT ? 0 : c->len);
    if (r->end == SILICON_HUNG)
        say(t, " (no end)");
    if (r->end == SILICON_BAD)
        say(t, " (%s)", r->why ? r->why : "not run");
    if (r->end == SILICON_FAULT)
        say_fault(t, &r->f);
    for (int i = 0; i < 8; i++)
        if (r->st.gpr[i] != c->in.gpr[i])
            say(t, " %s=%x", reg_names[i], r->st.gpr[i]);
    for (int i = 0; i < 7; i++)
        if (undefined & flag_names[i].bit)
            say(t, " ~%s", flag_names[i].name);
        else if (r->st.eflags & flag_names[i].bit)
            say(t, " %s", flag_names[i].name);
    say_fx(t, c, c->in.fx, r->st.fx);
    if (r->st.eip != plain) {
        if (r->st.eip - c->in.eip < 0x1000)
            say(t, " eip=+%x", r->st.eip - c->in.eip);
        else
            say(t, " eip=%x", r->st.eip);
    }
    for (uint32_t i = 0; i < r->ndiff && i < ORACLE_DIFFS; i++) {
        if (i == 0 || r->diff[i].at != r->diff[i - 1].at + 1)
            say(t, " [%x]=", r->diff[i].at);
        say(t, "%02x", r->diff[i].byte);
    }
}

static void say_registers(struct text *t, const struct oracle_case *c)
{
    if (c->in.code16)
        say(t, " code16");
    for (int i = 0; i < 8; i++)
        if (c->in.gpr[i] != (i == IA32_ESP ? LINE_ESP : 0))
            say(t, " %s=%x", reg_names[i], c->in.gpr[i]);
    for (int i = 0; i < 7; i++)
        if (c->in.eflags & flag_names[i].bit)
            say(t, " %s", flag_names[i].name);
    uint8_t initial[512];
    fx_reset(initial);
    say_fx(t, c, initial, c->in.fx);
}

static void say_memory(struct text *t)
{
    uint32_t shown = 0;
    bool open = false;
    for (uint32_t i = 0; i < SILICON_DATA_SIZE; i++) {
        if (!oracle_base.data[i] || !(silicon_access(SILICON_DATA + i) & SILICON_W)) {
            open = false;
            continue;
        }
        if (shown++ == 64) {
            say(t, " (and more)");
            break;
        }
        if (!open)
            say(t, " [%x]=", SILICON_DATA + i);
        say(t, "%02x", oracle_base.data[i]);
        open = true;
    }
}

static void say_code(struct text *t, const struct oracle_case *c)
{
    say(t, ":");
    for (uint32_t i = 0; i < c->len; i++)
        say(t, " %02x", c->code[i]);
    say(t, " ;");
}

void shrink_show(const struct oracle_case *c, char *buf, size_t size)
{
    struct text t = {buf, size};
    say_instructions(&t, c);
    say_code(&t, c);
    say_registers(&t, c);
    say(&t, " eip=%x", c->in.eip);
}

void shrink_print(struct validator *v, const struct oracle_case *c, char *buf, size_t size)
{
    struct text t = {buf, size};
    const struct oracle_result *s = validate_silicon(v), *o = validate_ours(v);
    if (o->end != SILICON_BAD) {
        struct oracle_case again = *c;
        uint64_t forced = 0;
        if (validate_compare(v, &again, &forced) != VERDICT_DIFFERENT)
            say(&t, "# differs no more when run again, so something before it counts:\n");
    }
    if (c->in.eip != LINE_EIP)
        say(&t, "# only at %x:\n", c->in.eip);
    say_instructions(&t, c);
    say_code(&t, c);
    say_registers(&t, c);
    say_memory(&t);
    say(&t, " =>");
    say_result(&t, c, s, validate_undefined(v));
    say(&t, "\n# ours:");
    say_result(&t, c, o, validate_undefined(v));
    say(&t, "\n");
}

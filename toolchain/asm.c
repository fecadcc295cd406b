/* SPDX-License-Identifier: MIT */
/*
 * The assembler: lines, directives, sections, and how symbols of many files meet. One pass reads a
 * file, appending to streams (text, rarely executed text, rodata, data, bss) that all files share;
 * ops and relocations refer to symbols of the file by number. At its end these numbers are replaced
 * by those of the object: a symbol that is .globl or undefined is looked up among the globals of
 * all files, any other becomes a new one. Errors are sticky: the first is kept, and reading stops.
 */
#include <errno.h>
#include "toolchain/asm.h"
#include "toolchain/asm_int.h"

/* The program under construction. */
struct program {
    struct as as;
    VEC(struct lo_sym) sym; /* section holds an enum as_stream + 1 until the end; LO_UNDEF is 0 */
    VEC(char) str;
    VEC(uint32_t) where; /* file number << 20 | line of first use, for messages */
    VEC(bool) weak;
    VEC(const char *) files;
    uint32_t hash[8192]; /* of globals: symbol + 1 */
    VEC(uint32_t) next;
    VEC(uint32_t) reloc_file, text_file[2];
};

enum { SEC_ABS = AS_STREAMS + 1 };

static uint32_t hash_of(const char *s, uint32_t n)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h ^ h >> 13;
}

/* ---- symbols of a file ---- */

static uint32_t lookup(struct as *a, const char *name, uint32_t len)
{
    uint32_t *slot = &a->hash[hash_of(name, len) % 4096];
    for (uint32_t i = *slot; i; i = a->sym.v[i - 1].next)
        if (a->sym.v[i - 1].len == len && memcmp(a->sym.v[i - 1].name, name, len) == 0)
            return i - 1;
    struct as_sym s = {.name = name, .len = len, .line = a->line, .next = *slot};
    vec_push(&a->sym, s);
    *slot = a->sym.n;
    return a->sym.n - 1;
}

/* The name that occurrence `count` of numeric label `n` goes by: one that cannot be written. */
static uint32_t local_name(struct as *a, unsigned n, uint32_t count)
{
    char tmp[32];
    int len = snprintf(tmp, sizeof tmp, "%u@%u", n, count);
    char *s = vec_alloc(NULL, sizeof tmp);
    memcpy(s, tmp, sizeof tmp);
    vec_push(&a->made, s);
    return lookup(a, s, (uint32_t)len);
}

uint32_t as_symbol(struct as *a, const char *name, uint32_t len)
{
    if (name[0] >= '0' && name[0] <= '9') {
        unsigned n = (unsigned)(name[0] - '0');
        if (len == 3)
            n = n * 10 + (unsigned)(name[1] - '0');
        bool back = name[len - 1] == 'b';
        if (back && a->locals[n] == 0)
            as_error(a, "no label %u before here", n);
        return local_name(a, n, a->locals[n] + !back);
    }
    if (len == 1 && *name == '.') {
        as_error(a, "'.' is only known in .size");
        return 0;
    }
    return lookup(a, name, len);
}

static uint32_t position(const struct as *a, enum as_stream s)
{
    switch (s) {
    case AS_TEXT:
    case AS_COLD: return a->text[s].n;
    case AS_RODATA:
    case AS_DATA: return a->data[s - AS_RODATA].n;
    case AS_BSS: return a->bss;
    default: return 0;
    }
}

static void define(struct as *a, uint32_t i)
{
    struct as_sym *s = &a->sym.v[i];
    if (s->defined) {
        as_error(a, "%.*s is defined already", s->len > 80 ? 80 : (int)s->len, s->name);
        return;
    }
    s->defined = true;
    s->line = a->line;
    s->stream = (uint8_t)a->cur;
    s->value = position(a, a->cur);
}

void as_emit(struct as *a, struct vop op, uint32_t sym)
{
    if (a->failed || a->cur == AS_DROP)
        return;
    struct lo_op o = {op, sym};
    const char *bad = lo_op_error(&o);
    if (a->cur > AS_COLD)
        as_error(a, "an instruction outside a text section");
    else if (bad)
        as_error(a, "%s", bad);
    else if (a->text[a->cur].n >= LO_MAX_OPS / 2)
        as_error(a, "too many instructions");
    else {
        vec_push(&a->text[a->cur], o);
        vec_push(&a->text_line[a->cur], a->line);
    }
}

/* ---- directives ---- */

static void grow(struct as *a, uint64_t n, uint8_t fill)
{
    if (a->failed || a->cur == AS_DROP)
        return;
    if (a->cur <= AS_COLD) {
        as_error(a, "data in a text section");
    } else if (n > LO_MAX_BYTES || position(a, a->cur) + n > LO_MAX_BYTES) {
        as_error(a, "a section too large");
    } else if (a->cur == AS_BSS) {
        a->bss += (uint32_t)n;
    } else {
        uint32_t at = a->data[a->cur - AS_RODATA].n;
        vec_zeros(&a->data[a->cur - AS_RODATA], (uint32_t)n);
        if (fill && n)
            memset(a->data[a->cur - AS_RODATA].v + at, fill, n);
    }
}

static void align(struct as *a, uint64_t to)
{
    if (a->failed || a->cur <= AS_COLD || a->cur == AS_DROP || to <= 1)
        return; /* bundles align themselves */
    uint32_t at = position(a, a->cur);
    grow(a, (to - at % to) % to, 0);
}

static void dir_align(struct as *a, bool power)
{
    int64_t v = as_number(a, 0, power ? 6 : LO_ALIGN, "an alignment");
    if (!power && (v & (v - 1)))
        as_error(a, "an alignment that is no power of two");
    while (as_accept(a, ','))
        if (!as_at_end(a) && *a->p != ',')
            as_number(a, INT32_MIN, UINT32_MAX, "a fill value");
    align(a, power ? (uint64_t)1 << v : (uint64_t)v);
}

static void dir_words(struct as *a, unsigned size)
{
    do {
        struct as_expr e = as_expression(a);
        if (a->failed || a->cur == AS_DROP)
            continue;
        uint32_t at = position(a, a->cur);
        grow(a, size, 0);
        if (a->failed)
            return;
        bool fits = size == 8 || (e.value >= -((int64_t)1 << (8 * size - 1)) &&
                                  e.value < (int64_t)1 << 8 * size);
        if (a->cur == AS_BSS) {
            if (e.sym != LO_NOSYM || e.value)
                as_error(a, "data in a section of zeros");
        } else if (e.sym != LO_NOSYM) {
            if (size != 4)
                as_error(a, "an address takes a .word");
            struct lo_reloc r = {a->cur, at, e.sym, (int32_t)e.value};
            vec_push(&a->reloc, r);
            vec_push(&a->reloc_line, a->line);
        } else if (!fits) {
            as_error(a, "a number that does not fit %u bytes", size);
        } else {
            for (unsigned i = 0; i < size; i++)
                a->data[a->cur - AS_RODATA].v[at + i] = (uint8_t)((uint64_t)e.value >> 8 * i);
        }
    } while (as_accept(a, ',') && !a->failed);
}

static void dir_string(struct as *a, bool zero)
{
    as_bytes buf = {0};
    do {
        buf.n = 0;
        as_string(a, &buf);
        if (zero)
            vec_push(&buf, 0);
        uint32_t at = position(a, a->cur);
        if (!a->failed && a->cur == AS_BSS)
            as_error(a, "data in a section of zeros");
        grow(a, buf.n, 0);
        if (!a->failed && a->cur != AS_DROP && buf.n)
            memcpy(a->data[a->cur - AS_RODATA].v + at, buf.v, buf.n);
    } while (as_accept(a, ',') && !a->failed);
    vec_free(&buf);
}

static bool begins(const char *w, uint32_t n, const char *with)
{
    return n >= strlen(with) && memcmp(w, with, strlen(with)) == 0;
}

static void dir_section(struct as *a)
{
    const char *w;
    as_blanks(a);
    bool quoted = as_accept(a, '"');
    uint32_t n = as_word(a, &w);
    if (quoted)
        as_expect(a, '"');
    if (n == 0)
        as_error(a, "the name of a section is missing");
    bool exec = false;
    if (as_accept(a, ',') && as_accept(a, '"')) {
        for (; a->p < a->end && *a->p != '"'; a->p++)
            exec |= *a->p == 'x';
    }
    a->p = a->end;
    a->prev = a->cur;
    if (begins(w, n, ".text.unlikely"))
        a->cur = AS_COLD;
    else if (begins(w, n, ".text") || exec)
        a->cur = AS_TEXT;
    else if (begins(w, n, ".rodata") || begins(w, n, ".srodata"))
        a->cur = AS_RODATA;
    else if (begins(w, n, ".data") || begins(w, n, ".sdata"))
        a->cur = AS_DATA;
    else if (begins(w, n, ".bss") || begins(w, n, ".sbss"))
        a->cur = AS_BSS;
    else if (begins(w, n, ".note") || begins(w, n, ".debug") || begins(w, n, ".comment"))
        a->cur = AS_DROP;
    else
        as_error(a, "a section of unknown kind: %.*s", n > 40 ? 40 : (int)n, w);
}

static uint32_t name_operand(struct as *a)
{
    const char *w;
    uint32_t n = as_word(a, &w);
    if (n == 0 || (*w >= '0' && *w <= '9') || (n == 1 && *w == '.')) {
        as_error(a, "a symbol expected");
        return lookup(a, "?", 1);
    }
    return lookup(a, w, n);
}

static void dir_set(struct as *a)
{
    uint32_t i = name_operand(a);
    as_expect(a, ',');
    struct as_expr e = as_expression(a);
    if (a->failed)
        return;
    struct as_sym *s = &a->sym.v[i];
    if (s->defined && !s->absolute) {
        as_error(a, "%.*s is defined already", s->len > 80 ? 80 : (int)s->len, s->name);
        return;
    }
    if (e.sym == LO_NOSYM && (e.value < INT32_MIN || e.value > UINT32_MAX)) {
        as_error(a, "a number of more than 32 bits");
        return;
    }
    s->defined = true;
    s->absolute = e.sym == LO_NOSYM;
    s->alias = e.sym != LO_NOSYM;
    s->alias_of = e.sym;
    s->value = e.value;
}

/* .comm and .lcomm NAME, SIZE[, ALIGNMENT] */
static void dir_comm(struct as *a, bool global)
{
    uint32_t i = name_operand(a);
    as_expect(a, ',');
    int64_t size = as_number(a, 0, LO_MAX_BYTES, "a size");
    int64_t to = as_accept(a, ',') ? as_number(a, 0, LO_ALIGN, "an alignment") : 4;
    if (to & (to - 1))
        as_error(a, "an alignment that is no power of two");
    enum as_stream cur = a->cur;
    a->cur = AS_BSS;
    align(a, (uint64_t)to);
    define(a, i);
    grow(a, (uint64_t)size, 0);
    a->cur = cur;
    /* `.local x` may have come before. */
    struct as_sym *s = &a->sym.v[i];
    s->global |= global && !s->local;
}

enum directive {
    D_TEXT,
    D_DATA,
    D_BSS,
    D_SECTION,
    D_PREVIOUS,
    D_PUSH,
    D_POP,
    D_P2ALIGN,
    D_BALIGN,
    D_SPACE,
    D_BYTE,
    D_HALF,
    D_WORD,
    D_QUAD,
    D_STRING,
    D_ASCII,
    D_GLOBL,
    D_WEAK,
    D_LOCAL,
    D_TYPE,
    D_SET,
    D_COMM,
    D_LCOMM,
    D_IGNORE
};

static const struct {
    const char *name;
    enum directive d;
} directives[] = {
    {".text", D_TEXT},         {".data", D_DATA},
    {".bss", D_BSS},           {".section", D_SECTION},
    {".previous", D_PREVIOUS}, {".pushsection", D_PUSH},
    {".popsection", D_POP},    {".align", D_P2ALIGN},
    {".p2align", D_P2ALIGN},   {".balign", D_BALIGN},
    {".zero", D_SPACE},        {".skip", D_SPACE},
    {".space", D_SPACE},       {".byte", D_BYTE},
    {".half", D_HALF},         {".short", D_HALF},
    {".2byte", D_HALF},        {".word", D_WORD},
    {".long", D_WORD},         {".4byte", D_WORD},
    {".quad", D_QUAD},         {".dword", D_QUAD},
    {".8byte", D_QUAD},        {".string", D_STRING},
    {".asciz", D_STRING},      {".ascii", D_ASCII},
    {".globl", D_GLOBL},       {".global", D_GLOBL},
    {".weak", D_WEAK},         {".local", D_LOCAL},
    {".type", D_TYPE},         {".set", D_SET},
    {".equ", D_SET},           {".comm", D_COMM},
    {".lcomm", D_LCOMM},       {".size", D_IGNORE},
    {".file", D_IGNORE},       {".ident", D_IGNORE},
    {".option", D_IGNORE},     {".attribute", D_IGNORE},
    {".hidden", D_IGNORE},     {".loc", D_IGNORE},
    {".addrsig", D_IGNORE},    {".addrsig_sym", D_IGNORE},
};

static void directive(struct as *a, const char *w, uint32_t n)
{
    enum directive d = D_IGNORE;
    bool known = begins(w, n, ".cfi_");
    for (unsigned i = 0; i < sizeof directives / sizeof *directives && !known; i++)
        if (as_same(w, n, directives[i].name))
            known = true, d = directives[i].d;
    if (!known) {
        as_error(a, "unknown directive: %.*s", n > 40 ? 40 : (int)n, w);
        return;
    }
    enum as_stream was = a->cur;
    switch (d) {
    case D_TEXT: a->cur = AS_TEXT, a->prev = was; break;
    case D_DATA: a->cur = AS_DATA, a->prev = was; break;
    case D_BSS: a->cur = AS_BSS, a->prev = was; break;
    case D_SECTION: dir_section(a); break;
    case D_PREVIOUS: a->cur = a->prev, a->prev = was; break;
    case D_PUSH:
        if (a->depth == sizeof a->stack / sizeof *a->stack) {
            as_error(a, "sections pushed too deeply");
            break;
        }
        a->stack[a->depth++] = was;
        dir_section(a);
        break;
    case D_POP:
        if (a->depth == 0)
            as_error(a, "no section was pushed");
        else
            a->cur = a->stack[--a->depth];
        break;
    case D_P2ALIGN: dir_align(a, true); break;
    case D_BALIGN: dir_align(a, false); break;
    case D_SPACE: {
        int64_t size = as_number(a, 0, LO_MAX_BYTES, "a size");
        int64_t fill = as_accept(a, ',') ? as_number(a, -128, 255, "a fill value") : 0;
        if (fill && a->cur == AS_BSS)
            as_error(a, "data in a section of zeros");
        grow(a, (uint64_t)size, (uint8_t)fill);
        break;
    }
    case D_BYTE: dir_words(a, 1); break;
    case D_HALF: dir_words(a, 2); break;
    case D_WORD: dir_words(a, 4); break;
    case D_QUAD: dir_words(a, 8); break;
    case D_STRING: dir_string(a, true); break;
    case D_ASCII: dir_string(a, false); break;
    case D_GLOBL:
    case D_WEAK:
        do {
            uint32_t i = name_operand(a); /* may move the symbols */
            struct as_sym *s = &a->sym.v[i];
            s->global = true;
            s->weak |= d == D_WEAK;
        } while (as_accept(a, ',') && !a->failed);
        break;
    case D_LOCAL: {
        uint32_t i = name_operand(a);
        a->sym.v[i].local = true;
        break;
    }
    case D_TYPE: {
        const char *kind;
        uint32_t i = name_operand(a);
        as_expect(a, ',');
        if (!as_accept(a, '@') && !as_accept(a, '%'))
            as_error(a, "a kind of symbol expected");
        uint32_t len = as_word(a, &kind);
        a->sym.v[i].func |= as_same(kind, len, "function");
        break;
    }
    case D_SET: dir_set(a); break;
    case D_COMM: dir_comm(a, true); break;
    case D_LCOMM: dir_comm(a, false); break;
    case D_IGNORE: a->p = a->end; break;
    }
    if (!as_at_end(a))
        as_error(a, "something left over at the end of the line: '%.*s'", as_rest(a), a->p);
}

/* ---- a file ---- */

static void statement(struct as *a)
{
    for (;;) {
        const char *w;
        if (as_at_end(a) || a->failed)
            return;
        uint32_t n = as_word(a, &w);
        if (n == 0) {
            as_error(a, "a statement cannot begin with '%.*s'", as_rest(a), a->p);
            return;
        }
        if (!as_accept(a, ':')) {
            if (*w == '.')
                directive(a, w, n);
            else
                as_instruction(a, w, n);
            return;
        }
        if (*w >= '0' && *w <= '9') {
            unsigned v = 0;
            for (uint32_t i = 0; i < n; i++)
                v = w[i] >= '0' && w[i] <= '9' && v < 100 ? v * 10 + (unsigned)(w[i] - '0') : 100;
            if (v >= 100 || (n > 1 && *w == '0')) {
                as_error(a, "a numeric label is 0 to 99");
                return;
            }
            define(a, local_name(a, v, ++a->locals[v]));
        } else if (n == 1 && *w == '.') {
            as_error(a, "'.' is no label");
        } else {
            define(a, lookup(a, w, n));
        }
    }
}

/* The end of a statement: a newline, a comment, or ';', none of them inside quotes. */
static const char *statement_end(const char *p, const char *end)
{
    char quote = 0;
    for (; p < end && *p != '\n'; p++) {
        if (quote) {
            if (*p == '\\' && p + 1 < end && p[1] != '\n')
                p++;
            else if (*p == quote)
                quote = 0;
        } else if (*p == '"') {
            quote = '"';
        } else if (*p == '#' || *p == ';') {
            break;
        }
    }
    return p;
}

static void read_text(struct as *a, const char *p, size_t len)
{
    const char *end = p + len;
    while (p < end && !a->failed) {
        a->p = p;
        a->end = statement_end(p, end);
        p = a->end;
        statement(a);
        if (p < end && *p == '#')
            while (p < end && *p != '\n')
                p++;
        if (p < end)
            a->line += *p++ == '\n';
    }
}

/* ---- symbols of the program ---- */

static uint32_t new_symbol(struct program *g, const struct as_sym *s, uint32_t file)
{
    struct lo_sym o = {g->str.n, LO_UNDEF, 0, 0};
    vec_reserve(&g->str, g->str.n + s->len + 1);
    memcpy(g->str.v + g->str.n, s->name, s->len);
    g->str.v[g->str.n + s->len] = 0;
    g->str.n += s->len + 1;
    vec_push(&g->sym, o);
    vec_push(&g->where, file << 20 | (s->line < 0xfffff ? s->line : 0xfffff));
    vec_push(&g->weak, false);
    vec_push(&g->next, 0);
    return g->sym.n - 1;
}

static uint32_t global_symbol(struct program *g, const struct as_sym *s, uint32_t file)
{
    uint32_t *slot = &g->hash[hash_of(s->name, s->len) % 8192];
    for (uint32_t i = *slot; i; i = g->next.v[i - 1]) {
        const char *name = g->str.v + g->sym.v[i - 1].name;
        if (strlen(name) == s->len && memcmp(name, s->name, s->len) == 0)
            return i - 1;
    }
    uint32_t i = new_symbol(g, s, file);
    g->next.v[i] = *slot;
    *slot = i + 1;
    return i;
}

/* Where an alias (.set a, b + 4) leads to, its offsets added. */
static uint32_t resolve_alias(struct as *a, uint32_t i, int64_t *addend)
{
    unsigned steps = 0;
    *addend = 0;
    while (a->sym.v[i].alias) {
        *addend += a->sym.v[i].value;
        i = a->sym.v[i].alias_of;
        if (++steps > 64) {
            a->line = a->sym.v[i].line;
            as_error(a, "a symbol defined by itself");
            break;
        }
    }
    return i;
}

static void place(struct program *g, uint32_t file, struct as_sym *s, uint32_t def, int64_t addend)
{
    struct as *a = &g->as;
    struct lo_sym *o = &g->sym.v[s->out];
    const struct as_sym *d = &a->sym.v[def];
    if (o->section != LO_UNDEF) {
        if (s->weak && !g->weak.v[s->out])
            return; /* the other definition stays */
        if (!g->weak.v[s->out] || s->weak) {
            uint32_t w = g->where.v[s->out];
            a->line = s->line;
            as_error(a, "%s is defined already, at %s:%u", g->str.v + o->name, g->files.v[w >> 20],
                     w & 0xfffff);
            return;
        }
    }
    o->section = d->absolute ? (uint8_t)SEC_ABS : (uint8_t)(d->stream + 1);
    o->value = (uint32_t)(d->value + addend);
    o->flags = (s->global ? LO_GLOBAL : 0) | (s->func || d->func ? LO_FUNC : 0);
    g->weak.v[s->out] = s->weak;
    g->where.v[s->out] = file << 20 | (s->line < 0xfffff ? s->line : 0xfffff);
}

/* Gives every symbol of the file its number in the object, and what refers to them that number. */
static void finish_file(struct program *g, uint32_t file, const uint32_t text0[2], uint32_t reloc0)
{
    struct as *a = &g->as;
    for (uint32_t i = 0; i < a->sym.n && !a->failed; i++) {
        struct as_sym *s = &a->sym.v[i];
        s->out = s->global || !s->defined ? global_symbol(g, s, file) : new_symbol(g, s, file);
        int64_t addend;
        uint32_t def = resolve_alias(a, i, &addend);
        if (a->failed || !s->defined)
            continue;
        if (!a->sym.v[def].defined) {
            a->line = s->line;
            as_error(a, "an alias of a symbol of another file");
        } else if (a->sym.v[def].stream <= AS_COLD && !a->sym.v[def].absolute && addend) {
            a->line = s->line;
            as_error(a, "an offset to a symbol in text");
        } else if (a->sym.v[def].stream == AS_DROP && !a->sym.v[def].absolute) {
            continue;
        } else {
            place(g, file, s, def, addend);
        }
    }
    if (a->failed)
        return;
    for (unsigned t = 0; t < 2; t++)
        for (uint32_t i = text0[t]; i < a->text[t].n; i++) {
            struct lo_op *o = &a->text[t].v[i];
            if (o->sym != LO_NOSYM)
                o->sym = a->sym.v[o->sym].out;
            vec_push(&g->text_file[t], file);
        }
    for (uint32_t i = reloc0; i < a->reloc.n; i++) {
        a->reloc.v[i].sym = a->sym.v[a->reloc.v[i].sym].out;
        vec_push(&g->reloc_file, file);
    }
}

static void check_sym(struct program *g, uint32_t sym, int32_t addend, uint32_t file, uint32_t line)
{
    struct as *a = &g->as;
    if (sym == LO_NOSYM)
        return;
    const struct lo_sym *s = &g->sym.v[sym];
    a->file = g->files.v[file];
    a->line = line;
    if (s->section == LO_UNDEF)
        as_error(a, "undefined symbol: %.80s", g->str.v + s->name);
    else if (addend && (s->section == AS_TEXT + 1 || s->section == AS_COLD + 1))
        as_error(a, "an offset to a symbol in text: %.80s", g->str.v + s->name);
}

/* Joins the streams to the object's sections. */
static void finish(struct program *g, struct lo *out)
{
    static const uint8_t section[SEC_ABS + 1] = {
        [AS_TEXT + 1] = LO_TEXT, [AS_COLD + 1] = LO_TEXT, [AS_RODATA + 1] = LO_RODATA,
        [AS_DATA + 1] = LO_DATA, [AS_BSS + 1] = LO_BSS,   [SEC_ABS] = LO_ABS};
    struct as *a = &g->as;
    for (unsigned t = 0; t < 2 && !a->failed; t++)
        for (uint32_t i = 0; i < a->text[t].n && !a->failed; i++)
            check_sym(g, a->text[t].v[i].sym, a->text[t].v[i].op.imm, g->text_file[t].v[i],
                      a->text_line[t].v[i]);
    for (uint32_t i = 0; i < a->reloc.n && !a->failed; i++)
        check_sym(g, a->reloc.v[i].sym, a->reloc.v[i].addend, g->reloc_file.v[i],
                  a->reloc_line.v[i]);
    if (a->failed)
        return;
    uint32_t hot = a->text[0].n;
    vec_reserve(&a->text[0], hot + a->text[1].n);
    if (a->text[1].n)
        memcpy(a->text[0].v + hot, a->text[1].v, a->text[1].n * sizeof *a->text[1].v);
    out->op = a->text[0].v;
    out->nops = hot + a->text[1].n;
    a->text[0].v = NULL;
    for (uint32_t i = 0; i < g->sym.n; i++) {
        if (g->sym.v[i].section == AS_COLD + 1)
            g->sym.v[i].value += hot;
        g->sym.v[i].section = section[g->sym.v[i].section];
    }
    for (uint32_t i = 0; i < a->reloc.n; i++)
        a->reloc.v[i].section = a->reloc.v[i].section == AS_RODATA ? LO_RODATA : LO_DATA;
    if (g->str.n == 0)
        vec_push(&g->str, 0);
    out->bytes[LO_RODATA] = a->data[0].v;
    out->bytes[LO_DATA] = a->data[1].v;
    out->size[LO_RODATA] = a->data[0].n;
    out->size[LO_DATA] = a->data[1].n;
    out->size[LO_BSS] = a->bss;
    out->sym = g->sym.v;
    out->nsyms = g->sym.n;
    out->reloc = a->reloc.v;
    out->nrelocs = a->reloc.n;
    out->str = g->str.v;
    out->nstr = g->str.n;
    a->data[0].v = a->data[1].v = NULL;
    a->reloc.v = NULL;
    g->sym.v = NULL;
    g->str.v = NULL;
}

static void one_file(struct program *g, const struct as_input *in)
{
    struct as *a = &g->as;
    uint32_t text0[2] = {a->text[0].n, a->text[1].n}, reloc0 = a->reloc.n;
    vec_push(&g->files, in->name);
    a->file = in->name;
    a->line = 1;
    a->prev = a->cur = AS_TEXT;
    a->depth = 0;
    a->sym.n = 0;
    memset(a->hash, 0, sizeof a->hash);
    memset(a->locals, 0, sizeof a->locals);
    for (enum as_stream s = AS_RODATA; s <= AS_BSS; s++) {
        a->cur = s;
        align(a, 16);
    }
    a->cur = AS_TEXT;
    if (in->len > LO_MAX_BYTES)
        as_error(a, "the file is too large");
    read_text(a, in->text, in->len);
    if (!a->failed)
        finish_file(g, g->files.n - 1, text0, reloc0);
    for (uint32_t i = 0; i < a->made.n; i++)
        free(a->made.v[i]);
    a->made.n = 0;
}

int as_texts(struct lo *out, const struct as_input *in, unsigned n, char *err, size_t errlen)
{
    memset(out, 0, sizeof *out);
    if (n == 0 || n >= 4096) {
        snprintf(err, errlen, n ? "too many files to assemble" : "nothing to assemble");
        return -1;
    }
    struct program *g = vec_alloc(NULL, sizeof *g);
    memset(g, 0, sizeof *g);
    struct as *a = &g->as;
    a->err = err;
    a->errlen = errlen;
    for (unsigned i = 0; i < n && !a->failed; i++)
        one_file(g, &in[i]);
    if (!a->failed)
        finish(g, out);
    int r = a->failed ? -1 : 0;
    for (unsigned t = 0; t < 2; t++) {
        vec_free(&a->text[t]);
        vec_free(&a->text_line[t]);
        vec_free(&a->data[t]);
        vec_free(&g->text_file[t]);
    }
    vec_free(&a->sym);
    vec_free(&a->made);
    vec_free(&a->reloc);
    vec_free(&a->reloc_line);
    vec_free(&g->sym);
    vec_free(&g->str);
    vec_free(&g->where);
    vec_free(&g->weak);
    vec_free(&g->files);
    vec_free(&g->next);
    vec_free(&g->reloc_file);
    free(g);
    return r;
}

static char *slurp(const char *path, size_t *len)
{
    VEC(char) b = {0};
    size_t got;
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    do {
        vec_reserve(&b, b.n + 65536);
        got = fread(b.v + b.n, 1, 65536, f);
        b.n += (uint32_t)got;
    } while (got > 0 && b.n <= LO_MAX_BYTES);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad) {
        free(b.v);
        return NULL;
    }
    *len = b.n;
    return b.v;
}

int as_files(struct lo *out, const char *const *paths, unsigned n, char *err, size_t errlen)
{
    struct as_input *in = vec_alloc(NULL, (n + 1) * sizeof *in);
    unsigned got = 0;
    int r = -1;
    memset(out, 0, sizeof *out);
    for (; got < n; got++) {
        in[got].name = paths[got];
        errno = 0;
        in[got].text = slurp(paths[got], &in[got].len);
        if (!in[got].text) {
            snprintf(err, errlen, "%s: %s", paths[got], errno ? strerror(errno) : "cannot read");
            break;
        }
    }
    if (got == n)
        r = as_texts(out, in, n, err, errlen);
    while (got > 0)
        free((void *)in[--got].text);
    free(in);
    return r;
}

int tc_as_main(int argc, char **argv)
{
    char err[512];
    const char *out = "a.lo";
    const char **paths = vec_alloc(NULL, (size_t)(argc + 1) * sizeof *paths);
    unsigned n = 0;
    int status = 2;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            out = argv[++i];
        else if (argv[i][0] == '-')
            n = 0, i = argc;
        else
            paths[n++] = argv[i];
    }
    struct lo lo;
    if (n == 0)
        fprintf(stderr, "usage: chrysalis as [-o OUT] FILES.s\n");
    else if (as_files(&lo, paths, n, err, sizeof err))
        fprintf(stderr, "%s\n", err);
    else {
        if (lo_write_file(&lo, out, err, sizeof err))
            fprintf(stderr, "%s\n", err);
        else
            status = 0;
        lo_free(&lo);
    }
    free(paths);
    return status;
}

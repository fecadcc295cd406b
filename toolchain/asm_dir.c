/* SPDX-License-Identifier: MIT */
/* Directives: sections, data, symbols. What gcc writes for debuggers and for other linkers is read
 * over. */
#include "toolchain/asm_int.h"

static void grow(struct as *a, uint64_t n, uint8_t fill)
{
    if (a->failed || a->cur == AS_DROP)
        return;
    if (a->cur <= AS_COLD) {
        as_error(a, "data in a text section");
    } else if (n > LO_MAX_BYTES || as_position(a, a->cur) + n > LO_MAX_BYTES) {
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

void as_align(struct as *a, uint64_t to)
{
    if (a->failed || a->cur <= AS_COLD || a->cur == AS_DROP || to <= 1)
        return; /* bundles align themselves */
    uint32_t at = as_position(a, a->cur);
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
    as_align(a, power ? (uint64_t)1 << v : (uint64_t)v);
}

static void dir_words(struct as *a, unsigned size)
{
    do {
        struct as_expr e = as_expression(a);
        if (a->failed || a->cur == AS_DROP)
            continue;
        uint32_t at = as_position(a, a->cur);
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
        uint32_t at = as_position(a, a->cur);
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
        return as_lookup(a, "?", 1);
    }
    return as_lookup(a, w, n);
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
    as_align(a, (uint64_t)to);
    as_define(a, i);
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

void as_directive(struct as *a, const char *w, uint32_t n)
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

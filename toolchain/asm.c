/* SPDX-License-Identifier: MIT */
/*
 * The assembler: lines, labels, and how symbols of many files meet. One pass reads a
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

uint32_t as_lookup(struct as *a, const char *name, uint32_t len)
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
    return as_lookup(a, s, (uint32_t)len);
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
    return as_lookup(a, name, len);
}

uint32_t as_position(const struct as *a, enum as_stream s)
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

void as_define(struct as *a, uint32_t i)
{
    struct as_sym *s = &a->sym.v[i];
    if (s->defined) {
        as_error(a, "%.*s is defined already", s->len > 80 ? 80 : (int)s->len, s->name);
        return;
    }
    s->defined = true;
    s->line = a->line;
    s->stream = (uint8_t)a->cur;
    s->value = as_position(a, a->cur);
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
                as_directive(a, w, n);
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
            as_define(a, local_name(a, v, ++a->locals[v]));
        } else if (n == 1 && *w == '.') {
            as_error(a, "'.' is no label");
        } else {
            as_define(a, as_lookup(a, w, n));
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
        as_align(a, 16);
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

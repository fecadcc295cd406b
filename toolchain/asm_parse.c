/* SPDX-License-Identifier: MIT */
/* Reading the pieces of a statement: words, numbers, expressions, registers, strings. */
#include <stdarg.h>
#include "toolchain/asm_int.h"

void as_error(struct as *a, const char *fmt, ...)
{
    if (a->failed)
        return;
    a->failed = true;
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    for (char *c = what; *c;
         c++) /* names come from the text: keep the message one printable line */
        if ((unsigned char)*c < 32 || (unsigned char)*c > 126)
            *c = '?';
    snprintf(a->err, a->errlen, "%s:%u: %s", a->file, a->line, what);
}

bool as_same(const char *word, uint32_t len, const char *s)
{
    return strlen(s) == len && memcmp(word, s, len) == 0;
}

void as_blanks(struct as *a)
{
    while (a->p < a->end && (*a->p == ' ' || *a->p == '\t' || *a->p == '\r' || *a->p == '\f'))
        a->p++;
}

bool as_at_end(struct as *a)
{
    as_blanks(a);
    return a->p == a->end;
}

bool as_accept(struct as *a, char c)
{
    as_blanks(a);
    if (a->p == a->end || *a->p != c)
        return false;
    a->p++;
    return true;
}

void as_expect(struct as *a, char c)
{
    if (as_accept(a, c))
        return;
    if (as_at_end(a))
        as_error(a, "'%c' expected at the end of the line", c);
    else
        as_error(a, "'%c' expected before '%.*s'", c, as_rest(a), a->p);
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '$';
}

uint32_t as_word(struct as *a, const char **word)
{
    as_blanks(a);
    *word = a->p;
    while (a->p < a->end && name_char(*a->p))
        a->p++;
    return (uint32_t)(a->p - *word);
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* An integer as C writes it; a word that begins with a digit has been read. */
static int64_t number_of(struct as *a, const char *w, uint32_t len)
{
    unsigned base = 10;
    uint64_t v = 0;
    uint32_t i = 0;
    if (len > 2 && w[0] == '0' && (w[1] == 'x' || w[1] == 'X'))
        base = 16, i = 2;
    else if (len > 2 && w[0] == '0' && (w[1] == 'b' || w[1] == 'B'))
        base = 2, i = 2;
    else if (len > 1 && w[0] == '0')
        base = 8, i = 1;
    for (; i < len; i++) {
        unsigned d = (unsigned)digit(w[i]);
        if (d >= base || v > (UINT64_MAX - d) / base) {
            as_error(a, d >= base ? "not a number: %.*s" : "number too large: %.*s", (int)len, w);
            return 0;
        }
        v = v * base + d;
    }
    return (int64_t)v;
}

static int escape(struct as *a)
{
    if (a->p == a->end)
        return -1;
    char c = *a->p++;
    int v = 0, n = 0;
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'v': return '\v';
    case 'a': return 7;
    case 'x':
    case 'X':
        for (; a->p < a->end && digit(*a->p) < 16; a->p++, n++)
            v = (v << 4 | digit(*a->p)) & 255;
        return n ? v : -1;
    default:
        if (c < '0' || c > '7')
            return (unsigned char)c;
        for (a->p--; n < 3 && a->p < a->end && *a->p >= '0' && *a->p <= '7'; a->p++, n++)
            v = v * 8 + (*a->p - '0');
        return v & 255;
    }
}

void as_string(struct as *a, as_bytes *buf)
{
    as_expect(a, '"');
    while (!a->failed) {
        if (a->p == a->end) {
            as_error(a, "a string does not end");
            return;
        }
        int c = (unsigned char)*a->p++;
        if (c == '"')
            return;
        if (c == '\\' && (c = escape(a)) < 0)
            as_error(a, "a string has a broken escape");
        vec_push(buf, (uint8_t)c);
    }
}

/* Numeric labels: `1:` may occur many times; 1b is the last one before here, 1f the next. */
static bool local_label(const char *w, uint32_t len)
{
    return len >= 2 && len <= 3 && (w[len - 1] == 'b' || w[len - 1] == 'f') && w[0] >= '0' &&
           w[0] <= '9' && (len == 2 || (w[1] >= '0' && w[1] <= '9' && w[0] != '0'));
}

static struct as_expr sub_expression(struct as *a, int min_prec, int depth);

static struct as_expr primary(struct as *a, int depth)
{
    struct as_expr e = {LO_NOSYM, 0};
    const char *w;
    as_blanks(a);
    char c = a->p < a->end ? *a->p : 0;
    if (depth > 32) {
        as_error(a, "an expression nested too deeply");
    } else if (c == '-' || c == '~' || c == '+') {
        a->p++;
        e = primary(a, depth + 1);
        if (c != '+' && e.sym != LO_NOSYM)
            as_error(a, "a symbol cannot be negated");
        if (c != '+')
            e.value = (int64_t)(c == '-' ? -(uint64_t)e.value : ~(uint64_t)e.value);
    } else if (c == '(') {
        a->p++;
        e = sub_expression(a, 0, depth + 1);
        as_expect(a, ')');
    } else if (c == '\'') {
        a->p++;
        int v = a->p < a->end ? (unsigned char)*a->p++ : -1;
        if (v == '\\')
            v = escape(a);
        if (v < 0)
            as_error(a, "a broken character");
        if (a->p < a->end && *a->p == '\'')
            a->p++;
        e.value = v;
    } else {
        uint32_t len = as_word(a, &w);
        if (len == 0)
            as_error(a, "an operand expected before '%.*s'", as_rest(a), a->p);
        else if (local_label(w, len) || *w < '0' || *w > '9')
            e.sym = as_symbol(a, w, len);
        else
            e.value = number_of(a, w, len);
        if (e.sym != LO_NOSYM && a->end - a->p >= 4 && memcmp(a->p, "@plt", 4) == 0)
            a->p += 4;
        if (e.sym != LO_NOSYM && a->sym.v[e.sym].absolute) {
            e.value = a->sym.v[e.sym].value;
            e.sym = LO_NOSYM;
        }
    }
    return e;
}

static int precedence(const char *p, const char *end, unsigned *len)
{
    *len = 1;
    if (p == end)
        return -1;
    if (end - p >= 2 && p[0] == p[1] && (*p == '<' || *p == '>')) {
        *len = 2;
        return 4;
    }
    switch (*p) {
    case '|': return 1;
    case '^': return 2;
    case '&': return 3;
    case '+':
    case '-': return 5;
    case '*':
    case '/':
    case '%': return 6;
    default: return -1;
    }
}

static struct as_expr combine(struct as *a, char op, struct as_expr x, struct as_expr y)
{
    uint64_t u = (uint64_t)x.value, v = (uint64_t)y.value;
    if (op == '-' && x.sym != LO_NOSYM && y.sym != LO_NOSYM) {
        const struct as_sym *s = &a->sym.v[x.sym], *t = &a->sym.v[y.sym];
        if (x.sym != y.sym && (!s->defined || !t->defined || s->alias || t->alias ||
                               s->stream != t->stream || s->stream <= AS_COLD))
            as_error(a, "a difference of symbols that is not known here");
        return (struct as_expr){LO_NOSYM, s->value - t->value + (int64_t)(u - v)};
    }
    if ((x.sym != LO_NOSYM && op != '+' && op != '-') ||
        (y.sym != LO_NOSYM && (op != '+' || x.sym != LO_NOSYM)))
        as_error(a, "symbols can only be added to numbers");
    struct as_expr e = {x.sym != LO_NOSYM ? x.sym : y.sym, 0};
    if ((op == '/' || op == '%') && (y.value == 0 || y.value == -1)) {
        if (y.value == 0)
            as_error(a, "division by zero");
        e.value = op == '/' ? (int64_t)-u : 0;
        return e;
    }
    switch (op) {
    case '|': u |= v; break;
    case '^': u ^= v; break;
    case '&': u &= v; break;
    case '<': u = v > 63 ? 0 : u << v; break;
    case '>': u = v > 63 ? 0 : u >> v; break;
    case '+': u += v; break;
    case '-': u -= v; break;
    case '*': u *= v; break;
    case '/': u = (uint64_t)(x.value / y.value); break;
    case '%': u = (uint64_t)(x.value % y.value); break;
    }
    e.value = (int64_t)u;
    return e;
}

static struct as_expr sub_expression(struct as *a, int min_prec, int depth)
{
    struct as_expr x = primary(a, depth);
    while (!a->failed) {
        unsigned len;
        as_blanks(a);
        int prec = precedence(a->p, a->end, &len);
        if (prec < 0 || prec < min_prec)
            break;
        char op = *a->p;
        a->p += len;
        x = combine(a, op, x, sub_expression(a, prec + 1, depth + 1));
    }
    return x;
}

struct as_expr as_expression(struct as *a)
{
    struct as_expr e = sub_expression(a, 0, 0);
    if (e.sym != LO_NOSYM && (e.value < INT32_MIN || e.value > INT32_MAX))
        as_error(a, "an offset too large");
    return e;
}

int64_t as_number(struct as *a, int64_t min, int64_t max, const char *what)
{
    struct as_expr e = as_expression(a);
    if (!a->failed && (e.sym != LO_NOSYM || e.value < min || e.value > max))
        as_error(a, "%s out of range or not a number", what);
    return a->failed ? min : e.value;
}

int as_try_reg(struct as *a)
{
    static const char names[32][5] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                      "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                      "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                      "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    const char *start = a->p, *w;
    uint32_t n = as_word(a, &w);
    if ((n == 2 || n == 3) && (*w == 'r' || *w == 'x') && w[1] >= '0' && w[1] <= '9') {
        int v = w[1] - '0';
        bool two = n == 3 && w[2] >= '0' && w[2] <= '9' && v != 0;
        if (two)
            v = v * 10 + w[2] - '0';
        if ((n == 2 || two) && v < (*w == 'r' ? NGPR : 32))
            return v;
    } else if (n == 2 && w[0] == 'f' && w[1] == 'p') {
        return 8;
    } else if (n >= 2 && n <= 4) {
        for (int i = 0; i < 32; i++)
            if (as_same(w, n, names[i]))
                return i;
    }
    a->p = start;
    return -1;
}

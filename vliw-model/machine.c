/* SPDX-License-Identifier: MIT */
/*
 * Machine files. The rows of options.def become one table of descriptors; a file, --set and the
 * printed form all go through it. A single value is judged where it is set; what depends on several
 * options is judged by machine_check after the last one, which names the option at fault so that a
 * file's reader can name the line.
 *
 * A new option is a row of options.def. If only some of its values make sense, add the rule to
 * `rules` below.
 */
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vliw-model/machine.h"

static const char default_formats[] = "mem+alu.alu+shift.alu+shift+mul+fp.alu+br.imm.imm";

enum {
#define OPT(field, key, dflt, min, max, unit, doc) O_##field,
#define OPTE(field, key, dflt, choices, doc)       O_##field,
#include "vliw-model/options.def"
#undef OPT
#undef OPTE
    O_FORMATS, /* bundle.formats, which is no number */
    O_COUNT,
    O_NONE = O_COUNT
};

/* The default of a choice is text; machine_default looks it up. */
static const char *const default_choice[] = {
#define OPT(field, key, dflt, min, max, unit, doc) NULL,
#define OPTE(field, key, dflt, choices, doc)       dflt,
#include "vliw-model/options.def"
#undef OPT
#undef OPTE
};

const struct machine_option machine_options[] = {
#define OPT(field, key, dflt, min, max, unit, doc)                                                 \
    {key, NULL, unit, doc, offsetof(struct mdesc, field), dflt, min, max},
#define OPTE(field, key, dflt, choices, doc)                                                       \
    {key, choices, "", doc, offsetof(struct mdesc, field), 0, 0, 0},
#include "vliw-model/options.def"
#undef OPT
#undef OPTE
};
const unsigned machine_option_count = sizeof machine_options / sizeof machine_options[0];

static uint32_t *field(struct mdesc *m, const struct machine_option *o)
{
    return (uint32_t *)((char *)m + o->offset);
}

static uint32_t value(const struct mdesc *m, const struct machine_option *o)
{
    return *(const uint32_t *)((const char *)m + o->offset);
}

__attribute__((format(printf, 3, 4))) static int refuse(char *err, size_t size, const char *fmt,
                                                        ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err, size, fmt, ap);
    va_end(ap);
    return -1;
}

/* ---- values ---- */

/* Index of a word in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *word)
{
    size_t n = strlen(word);
    for (int i = 0;; i++) {
        size_t len = strcspn(choices, "|");
        if (len == n && !memcmp(choices, word, n))
            return i;
        if (!choices[len])
            return -1;
        choices += len + 1;
    }
}

static int set_value(struct mdesc *m, const struct machine_option *o, const char *text, char *err,
                     size_t size)
{
    if (o->choices) {
        int i = choice_index(o->choices, text);
        if (i < 0)
            return refuse(err, size, "%s = %.60s: must be one of %s", o->key, text, o->choices);
        *field(m, o) = (uint32_t)i;
        return 0;
    }
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end)
        return refuse(err, size, "%s = %.60s: not a whole number", o->key, text);
    if (errno || v < o->min || v > o->max)
        return refuse(err, size, "%s = %.60s: must be %u to %u%s%s", o->key, text, o->min, o->max,
                      *o->unit ? " " : "", o->unit);
    *field(m, o) = (uint32_t)v;
    return 0;
}

/* Latencies by class, in the order the schedulers and the scoreboard index them. */
static void derive(struct mdesc *m)
{
    m->lat[LAT_NONE] = 0;
    m->lat[LAT_ALU] = m->lat_alu;
    m->lat[LAT_SHIFT] = m->lat_shift;
    m->lat[LAT_MUL] = m->lat_mul;
    m->lat[LAT_DIV] = m->lat_div;
    m->lat[LAT_LOAD] = m->lat_load;
    m->lat[LAT_CC] = m->lat_cc;
    m->lat[LAT_SYS] = m->lat_sys;
    m->lat[LAT_FP] = m->lat_fp;
    m->lat[LAT_FPDIV] = m->lat_fpdiv;
}

/* ---- bundle formats ---- */

static const struct {
    const char *name;
    uint8_t unit;
} unit_names[] = {{"alu", UNIT_ALU}, {"shift", UNIT_SHIFT}, {"mul", UNIT_MUL}, {"mem", UNIT_MEM},
                  {"br", UNIT_BR},   {"fp", UNIT_FP},       {"imm", UNIT_IMM}};

enum { UNIT_NAMES = sizeof unit_names / sizeof unit_names[0] };

/* One slot, "alu+shift"; the set of its units, or 0 with the reason in err. */
static unsigned parse_slot(const char *s, size_t len, char *err, size_t size)
{
    unsigned set = 0;
    for (const char *end = s + len; s <= end;) {
        size_t n = 0;
        while (s + n < end && s[n] != '+')
            n++;
        unsigned unit = 0;
        for (unsigned i = 0; i < UNIT_NAMES; i++)
            if (strlen(unit_names[i].name) == n && !memcmp(unit_names[i].name, s, n))
                unit = unit_names[i].unit;
        if (!unit)
            return refuse(err, size,
                          "bundle.formats: `%.*s` is no unit (alu, shift, mul, mem, br, fp, imm)",
                          (int)n, s),
                   0;
        if (set & unit)
            return refuse(err, size, "bundle.formats: unit `%.*s` twice in a slot", (int)n, s), 0;
        set |= unit;
        s += n + 1;
    }
    if ((set & UNIT_IMM) && set != UNIT_IMM)
        return refuse(err, size, "bundle.formats: an imm slot holds nothing else"), 0;
    return set;
}

static int parse_format(struct bundle_format *f, const char *s, size_t len, char *err, size_t size)
{
    const char *word = s;
    int wordlen = len > 80 ? 80 : (int)len;
    memset(f, 0, sizeof *f);
    for (const char *end = s + len; s <= end;) {
        size_t n = 0;
        while (s + n < end && s[n] != '.')
            n++;
        unsigned set = parse_slot(s, n, err, size);
        if (!set)
            return -1;
        if (set == UNIT_IMM) {
            if (f->nimms == MAX_BUNDLE_IMMS)
                return refuse(err, size, "bundle.formats: `%.*s`: more than %d imm slots", wordlen,
                              word, MAX_BUNDLE_IMMS);
            f->nimms++;
        } else if (f->nimms) {
            return refuse(err, size, "bundle.formats: `%.*s`: imm slots come last", wordlen, word);
        } else if (f->nslots == MAX_BUNDLE_OPS) {
            return refuse(err, size, "bundle.formats: `%.*s`: more than %d op slots", wordlen, word,
                          MAX_BUNDLE_OPS);
        } else {
            f->slot[f->nslots++] = (uint8_t)set;
        }
        s += n + 1;
    }
    if (!f->nslots)
        return refuse(err, size, "bundle.formats: `%.*s`: no op slot", wordlen, word);
    return 0;
}

/* Adds the formats of a text to those there are, kept by size; equal sizes keep the order of the
 * text. */
static int add_formats(struct mdesc *m, const char *text, char *err, size_t size)
{
    for (;;) {
        text += strspn(text, " \t");
        size_t len = strcspn(text, " \t");
        if (!len)
            return 0;
        struct bundle_format f;
        if (parse_format(&f, text, len, err, size))
            return -1;
        if (m->nformats == MDESC_FORMATS)
            return refuse(err, size, "bundle.formats: more than %d formats", MDESC_FORMATS);
        unsigned i = m->nformats++;
        for (; i > 0 && m->format[i - 1].nslots + m->format[i - 1].nimms > f.nslots + f.nimms; i--)
            m->format[i] = m->format[i - 1];
        m->format[i] = f;
        text += len;
    }
}

static void clear_formats(struct mdesc *m)
{
    m->nformats = 0;
    memset(m->format, 0, sizeof m->format);
}

int machine_formats(const struct mdesc *m, char *buf, size_t size)
{
    size_t n = 0;
#define PUT(...)                                                                                   \
    do {                                                                                           \
        int k = snprintf(n < size ? buf + n : NULL, n < size ? size - n : 0, __VA_ARGS__);         \
        n += k > 0 ? (size_t)k : 0;                                                                \
    } while (0)
    if (size)
        buf[0] = 0;
    for (unsigned i = 0; i < m->nformats; i++) {
        const struct bundle_format *f = &m->format[i];
        for (unsigned s = 0; s < f->nslots; s++) {
            const char *sep = s ? "." : i ? " " : "";
            for (unsigned u = 0; u < UNIT_NAMES; u++)
                if (f->slot[s] & unit_names[u].unit) {
                    PUT("%s%s", sep, unit_names[u].name);
                    sep = "+";
                }
        }
        for (unsigned k = 0; k < f->nimms; k++)
            PUT(".imm");
    }
#undef PUT
    return (int)n;
}

/* ---- the machine as a whole ---- */

static bool power_of_two(uint32_t v)
{
    return v && !(v & (v - 1));
}

/* Cache geometry: whole, power-of-two numbers of sets. */
static bool bad_cache(uint32_t kb, uint32_t ways, uint32_t line)
{
    uint32_t way = ways * line, bytes = kb * 1024;
    return bytes % way || !power_of_two(bytes / way);
}

/* An op that no format takes, or one that finds no place with a 32-bit immediate. */
static int check_ops(const struct mdesc *m, char *err, size_t size)
{
    uint8_t slot_of[MAX_BUNDLE_OPS];
    for (unsigned opc = 0; opc < OP_COUNT_; opc++) {
        const struct op_info *info = &op_table[opc];
        struct vop op = {(uint8_t)opc, 0, 0, 0, B_REG, 0};
        if (mdesc_place(m, &op, 1, slot_of) < 0)
            return refuse(err, size, "bundle.formats: no format takes `%s`", info->name);
        switch (info->format) {
        case FMT_NONE:
        case FMT_RR:
        case FMT_RRX:
        case FMT_RC:
        case FMT_RRC: continue;
        case FMT_LOAD:
        case FMT_STORE:
            if (!m->cap_disp)
                continue;
            break;
        default: break;
        }
        op.bmode = B_LONG;
        if (mdesc_place(m, &op, 1, slot_of) < 0)
            return refuse(err, size, "bundle.formats: no format takes `%s` with an immediate word",
                          info->name);
    }
    return 0;
}

static int check_formats(const struct mdesc *m, char *err, size_t size)
{
    if (!m->nformats)
        return refuse(err, size, "bundle.formats: there must be a format");
    for (unsigned i = 0; i < m->nformats; i++) {
        const struct bundle_format *f = &m->format[i];
        unsigned branches = 0;
        for (unsigned s = 0; s < f->nslots; s++)
            branches += (f->slot[s] & UNIT_BR) != 0;
        if (branches > 1)
            return refuse(err, size, "bundle.formats: a format with more than one br slot");
        if (m->bundle_pad == PAD_FORMAT && f->nslots > m->bundle_width)
            return refuse(err, size,
                          "bundle.formats: a padded format has %u op slots, bundle.width is %u",
                          f->nslots, m->bundle_width);
    }
    return check_ops(m, err, size);
}

/* Ways of the TLB without which a bundle could miss for ever, each fill taking the place of one
 * that the same bundle needs: a page for each access; where all pages share a set, two, as an
 * access may straddle pages. */
static uint32_t tlb_ways_needed(const struct mdesc *m)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < m->nformats; i++) {
        uint32_t accesses = 0;
        for (unsigned s = 0; s < m->format[i].nslots; s++)
            accesses += (m->format[i].slot[s] & UNIT_MEM) != 0;
        if (accesses > m->bundle_width)
            accesses = m->bundle_width;
        if (accesses > most)
            most = accesses;
    }
    return m->tlb_entries > m->tlb_ways ? most : 2 * most;
}

/* Returns O_NONE, or the option to blame with the reason in err. */
static unsigned check(const struct mdesc *m, char *err, size_t size)
{
    const struct {
        unsigned option;
        bool broken;
        const char *text;
    } rules[] = {
        {O_l1i_line, !power_of_two(m->l1i_line), "l1i.line: must be a power of two"},
        {O_l1d_line, !power_of_two(m->l1d_line), "l1d.line: must be a power of two"},
        {O_l2_line, !power_of_two(m->l2_line), "l2.line: must be a power of two"},
        {O_l1i_kb, bad_cache(m->l1i_kb, m->l1i_ways, m->l1i_line),
         "l1i.size_kb: size / (ways * line) must be a power of two"},
        {O_l1d_kb, bad_cache(m->l1d_kb, m->l1d_ways, m->l1d_line),
         "l1d.size_kb: size / (ways * line) must be a power of two"},
        {O_l2_kb, m->l2_kb && bad_cache(m->l2_kb, m->l2_ways, m->l2_line),
         "l2.size_kb: size / (ways * line) must be a power of two"},
        {O_l2_line, m->l2_kb && (m->l2_line < m->l1i_line || m->l2_line < m->l1d_line),
         "l2.line: must not be shorter than the lines of L1"},
        {O_tlb_entries, m->tlb_entries % m->tlb_ways || !power_of_two(m->tlb_entries / m->tlb_ways),
         "tlb.entries: entries / ways must be a power of two"},
        {O_tlb_ways, m->tlb_ways < tlb_ways_needed(m),
         "tlb.ways: too few for the memory slots of a bundle, which could miss for ever"},
        {O_br_entries, !power_of_two(m->br_entries), "branch.entries: must be a power of two"},
        {O_jtlb_sets, !power_of_two(m->jtlb_sets), "jtlb.sets: must be a power of two"},
        /* What else CMS keeps there is not the model's business: the command asks cm_layout. */
        {O_xcache_kb, m->xcache_kb >= m->concealed_mb << 10,
         "cms.tcache_kb: the translation cache does not fit concealed.mb"},
    };
    for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].broken) {
            refuse(err, size, "%s", rules[i].text);
            return rules[i].option;
        }
    return check_formats(m, err, size) ? O_FORMATS : O_NONE;
}

int machine_check(const struct mdesc *m, char *err, size_t size)
{
    return check(m, err, size) == O_NONE ? 0 : -1;
}

void machine_default(struct mdesc *m)
{
    char err[200];
    memset(m, 0, sizeof *m);
    for (unsigned i = 0; i < machine_option_count; i++) {
        const struct machine_option *o = &machine_options[i];
        *field(m, o) = o->choices ? (uint32_t)choice_index(o->choices, default_choice[i]) : o->dflt;
    }
    add_formats(m, default_formats, err, sizeof err);
    derive(m);
}

/* ---- by name ---- */

static unsigned find_option(const char *key)
{
    for (unsigned i = 0; i < machine_option_count; i++)
        if (!strcmp(machine_options[i].key, key))
            return i;
    return !strcmp(key, "bundle.formats") ? O_FORMATS : O_NONE;
}

static int assign(struct mdesc *m, unsigned option, const char *text, char *err, size_t size)
{
    if (option == O_FORMATS) {
        clear_formats(m);
        return add_formats(m, text, err, size);
    }
    int r = set_value(m, &machine_options[option], text, err, size);
    derive(m);
    return r;
}

/* What to say of a key that is none: its section may be wrong already. */
static int refuse_key(const char *section, const char *name, char *err, size_t size)
{
    size_t n = strlen(section);
    for (unsigned i = 0; i < machine_option_count; i++)
        if (!strncmp(machine_options[i].key, section, n) && machine_options[i].key[n] == '.')
            return refuse(err, size, "unknown key `%.60s` in section [%.60s]", name, section);
    if (!*section)
        return refuse(err, size, "key `%.60s` stands in no section", name);
    return refuse(err, size, "unknown section [%.60s]", section);
}

int machine_set(struct mdesc *m, const char *assignment, char *err, size_t size)
{
    const char *eq = strchr(assignment, '=');
    if (!eq)
        return refuse(err, size, "`%.80s`: must be key=value", assignment);
    char key[64];
    size_t n = (size_t)(eq - assignment);
    unsigned option = O_NONE;
    if (n < sizeof key) {
        memcpy(key, assignment, n);
        key[n] = 0;
        option = find_option(key);
    }
    if (option == O_NONE)
        return refuse(err, size, "unknown option `%.*s`", n > 80 ? 80 : (int)n, assignment);
    return assign(m, option, eq + 1, err, size);
}

const char *machine_value(const struct mdesc *m, const struct machine_option *o, char *buf,
                          size_t size)
{
    uint32_t v = value(m, o);
    if (!o->choices) {
        snprintf(buf, size, "%u", v);
        return buf;
    }
    const char *c = o->choices;
    for (; v && strchr(c, '|'); v--)
        c = strchr(c, '|') + 1;
    snprintf(buf, size, "%.*s", (int)strcspn(c, "|"), c);
    return buf;
}

/* ---- files ---- */

struct reader {
    FILE *file;
    struct mdesc *m;
    unsigned line;            /* of what the parser holds */
    unsigned set_at[O_COUNT]; /* line that set each option, 0: none */
    bool continued;           /* the line begins with white space: it goes on with the last key */
    unsigned err_line;        /* of the first error, 0: none */
    char first[240];
};

__attribute__((format(printf, 2, 3))) static int bad_line(struct reader *r, const char *fmt, ...)
{
    if (!r->err_line) {
        r->err_line = r->line;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(r->first, sizeof r->first, fmt, ap);
        va_end(ap);
    }
    return 0; /* the parser's sign for an error */
}

/* Hands lines to the parser, which does not tell its handler where they stood. */
static char *next_line(char *buf, int size, void *stream)
{
    struct reader *r = stream;
    if (r->err_line || !fgets(buf, size, r->file))
        return NULL;
    r->line++;
    r->continued = buf[0] == ' ' || buf[0] == '\t';
    if (!strchr(buf, '\n') && !feof(r->file)) {
        bad_line(r, "the line is longer than %d characters, or holds a zero byte", size - 2);
        return NULL;
    }
    return buf;
}

static int on_key(void *user, const char *section, const char *name, const char *text)
{
    struct reader *r = user;
    char key[128], why[200];
    if (strlen(section) + strlen(name) + 2 > sizeof key)
        return bad_line(r, "unknown key `%.40s` in section [%.40s]", name, section);
    snprintf(key, sizeof key, "%s.%s", section, name);
    unsigned option = find_option(key);
    if (option == O_NONE) {
        refuse_key(section, name, why, sizeof why);
        return bad_line(r, "%s", why);
    }
    if (r->continued && r->set_at[option]) {
        if (option != O_FORMATS)
            return bad_line(r, "only bundle.formats may go on in a second line");
        return add_formats(r->m, text, why, sizeof why) ? bad_line(r, "%s", why) : 1;
    }
    if (r->set_at[option])
        return bad_line(r, "%s is set twice, first in line %u", key, r->set_at[option]);
    r->set_at[option] = r->line;
    return assign(r->m, option, text, why, sizeof why) ? bad_line(r, "%s", why) : 1;
}

int machine_load(struct mdesc *m, const char *path, char *err, size_t size)
{
    struct reader r = {.file = fopen(path, "r"), .m = m};
    machine_default(m);
    if (!r.file)
        return refuse(err, size, "%s: %s", path, strerror(errno));
    errno = 0;
    int line = ini_parse_stream(next_line, &r, on_key, &r);
    int failed = ferror(r.file) ? (errno ? errno : EIO) : 0;
    fclose(r.file);
    if (failed)
        return refuse(err, size, "%s: %s", path, strerror(failed));
    /* The parser goes on after a line it cannot read: what it met first counts. */
    if (r.err_line && (line <= 0 || r.err_line <= (unsigned)line))
        return refuse(err, size, "%s:%u: %s", path, r.err_line, r.first);
    if (line > 0)
        return refuse(err, size, "%s:%d: neither `key = value` nor [section]", path, line);
    char why[200];
    unsigned option = check(m, why, sizeof why);
    if (option == O_NONE)
        return 0;
    if (r.set_at[option])
        return refuse(err, size, "%s:%u: %s", path, r.set_at[option], why);
    return refuse(err, size, "%s: %s", path, why);
}

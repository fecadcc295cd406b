/* SPDX-License-Identifier: MIT */
/* See insns.h. What a line says is kept as the state before and the state after it. */
#include "tests/unit/insns.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "isa-frontend/interp.h"
#include "tests/oracle/fx.h"

static const char *const reg_names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const struct {
    const char *name;
    uint32_t bit;
} flag_names[7] = {
    {"CF", 1}, {"PF", 4}, {"AF", 0x10}, {"ZF", 0x40}, {"SF", 0x80}, {"DF", 0x400}, {"OF", 0x800},
};
static const struct {
    const char *name;
    int vector;
} fault_names[] = {
    {"#DE", 0},  {"#DB", 1},  {"#BP", 3},  {"#OF", 4},  {"#BR", 5},
    {"#UD", 6},  {"#NM", 7},  {"#NP", 11}, {"#SS", 12}, {"#GP", 13},
    {"#PF", 14}, {"#MF", 16}, {"#AC", 17}, {"#XM", 19}, {"#SYS", 0x80},
};

static bool word(struct insn_words *w, const char *s)
{
    for (int i = 0; i < 8; i++)
        if (!strncmp(s, reg_names[i], 3) && s[3] == '=') {
            w->st.gpr[i] = (uint32_t)strtoul(s + 4, NULL, 16);
            return true;
        }
    for (int i = 0; i < 7; i++) {
        if (!strcmp(s, flag_names[i].name)) {
            w->st.eflags |= flag_names[i].bit;
            return true;
        }
        if (s[0] == '~' && !strcmp(s + 1, flag_names[i].name)) {
            w->any |= flag_names[i].bit;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof fault_names / sizeof fault_names[0]; i++) {
        size_t n = strlen(fault_names[i].name);
        if (!strncmp(s, fault_names[i].name, n) && (s[n] == 0 || s[n] == '(')) {
            w->vector = fault_names[i].vector;
            if (s[n] == '(')
                sscanf(s + n, "(%x,%x", &w->error, &w->cr2);
            return true;
        }
    }
    if (!strcmp(s, "code16")) {
        w->st.code16 = 1;
        return true;
    }
    if (fx_word(w->st.fx, s)) {
        w->fx = true;
        return true;
    }
    if (!strncmp(s, "eip=+", 5)) {
        w->st.eip = INSNS_CODE + (uint32_t)strtoul(s + 5, NULL, 16);
        w->eip_given = true;
        return true;
    }
    if (!strncmp(s, "eip=", 4)) {
        w->st.eip = (uint32_t)strtoul(s + 4, NULL, 16);
        w->eip_given = true;
        return true;
    }
    if (s[0] == '[') {
        uint32_t a = (uint32_t)strtoul(s + 1, NULL, 16);
        const char *p = strstr(s, "]=");
        for (p = p ? p + 2 : ""; isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]);
             p += 2) {
            unsigned v;
            sscanf(p, "%2x", &v);
            w->mem[w->nmem].a = a++;
            w->mem[w->nmem++].b = (uint8_t)v;
        }
        return true;
    }
    return false;
}

static bool words(struct insn_words *w, char *s)
{
    for (char *t = strtok(s, " \n"); t; t = strtok(NULL, " \n"))
        if (!word(w, t)) {
            print_error("not understood: %s\n", t);
            return false;
        }
    return true;
}

/* By the bytes alone, so that a decoder's mistake is no mistake here: what is behind 0F and no
 * integer instruction of ours, and the escapes. */
static bool uses_fx(const uint8_t *b, uint32_t len)
{
    uint32_t i = 0;
    while (i < len && (b[i] == 0x66 || b[i] == 0x67 || b[i] == 0xf2 || b[i] == 0xf3 ||
                       b[i] == 0xf0 || (b[i] & 0xe7) == 0x26 || (b[i] & 0xfe) == 0x64))
        i++;
    if (i + 1 >= len)
        return i < len && b[i] == 0x9b;
    if (b[i] == 0x9b || (b[i] & 0xf8) == 0xd8)
        return true;
    if (b[i] != 0x0f)
        return false;
    uint8_t o = b[i + 1];
    return (o >= 0x10 && o <= 0x17) || (o >= 0x28 && o <= 0x2f) || (o >= 0x50 && o <= 0x7f) ||
           o == 0xae || o == 0xc2 || (o >= 0xc4 && o <= 0xc6) || o >= 0xd0;
}

static bool parse(char *s, struct insn_line *l)
{
    memset(l, 0, sizeof *l);
    if (*s == '-') {
        l->no_silicon = true;
        s++;
    }
    char *colon = strchr(s, ':'), *semi = colon ? strchr(colon, ';') : NULL,
         *arrow = semi ? strstr(semi, "=>") : NULL;
    if (!arrow) {
        print_error("a line wants TEXT: BYTES ; BEFORE => AFTER: %s", s);
        return false;
    }
    *colon = *semi = *arrow = 0;
    snprintf(l->text, sizeof l->text, "%.150s", s);
    snprintf(l->before, sizeof l->before, "%.690s", semi + 1);
    for (char *p = colon + 1; *p && l->len < sizeof l->code;) {
        unsigned v;
        int n;
        if (sscanf(p, "%2x%n", &v, &n) != 1)
            break;
        l->code[l->len++] = (uint8_t)v;
        p += n;
    }
    l->in.st.gpr[IA32_ESP] = 0x20004000;
    l->in.st.eip = INSNS_CODE;
    l->in.vector = -1;
    fx_reset(l->in.st.fx);
    if (!words(&l->in, semi + 1))
        return false;
    l->out = l->in;
    l->out.st.eflags = 0;
    l->out.nmem = 0;
    if (!words(&l->out, arrow + 2))
        return false;
    l->fx = l->in.fx || l->out.fx || uses_fx(l->code, l->len);
    if (!l->out.eip_given && l->out.vector < 0)
        l->out.st.eip = INSNS_CODE + l->len;
    return true;
}

void insns_data(const struct insn_line *l, uint8_t start[SILICON_DATA_SIZE])
{
    memset(start, 0, SILICON_DATA_SIZE);
    for (uint32_t i = 0; i < l->in.nmem; i++)
        start[l->in.mem[i].a - SILICON_DATA] = l->in.mem[i].b;
}

static void data_after(const struct insn_line *l, const uint8_t *start, uint8_t *d)
{
    memcpy(d, start, SILICON_DATA_SIZE);
    for (uint32_t i = 0; i < l->out.nmem; i++)
        d[l->out.mem[i].a - SILICON_DATA] = l->out.mem[i].b;
}

bool insns_check(const struct insn_line *l, const char *who, const struct ia32_state *st,
                 const struct ia32_fault *f, const uint8_t *start, const uint8_t *data)
{
    static uint8_t want[SILICON_DATA_SIZE];
    const struct insn_words *o = &l->out;
    bool ok = true;
    data_after(l, start, want);
    for (int i = 0; i < 8; i++)
        if (st->gpr[i] != o->st.gpr[i]) {
            print_error("%s (%s): %s is %x, not %x\n", l->text, who, reg_names[i], st->gpr[i],
                        o->st.gpr[i]);
            ok = false;
        }
    if ((st->eflags ^ o->st.eflags) & IA32_FLAGS & ~o->any) {
        print_error("%s (%s): flags are %x, not %x\n", l->text, who, st->eflags & IA32_FLAGS,
                    o->st.eflags);
        ok = false;
    }
    uint32_t error = f->vector == X_PF ? f->error & ~16u : f->error; /* no NX here */
    if (f->vector != o->vector || (f->vector >= 0 && (error != o->error || f->cr2 != o->cr2))) {
        print_error("%s (%s): fault %d error %x address %x, not %d %x %x\n", l->text, who,
                    f->vector, f->error, f->cr2, o->vector, o->error, o->cr2);
        ok = false;
    }
    if (l->fx && !fx_same(o->st.fx, st->fx, false, FX_EXACT)) {
        char words[1024];
        fx_words(o->st.fx, st->fx, words, sizeof words);
        print_error("%s (%s): is%s\n", l->text, who, words);
        ok = false;
    }
    if (st->eip != o->st.eip) {
        print_error("%s (%s): eip is %x, not %x\n", l->text, who, st->eip, o->st.eip);
        ok = false;
    }
    for (uint32_t i = 0; i < SILICON_DATA_SIZE; i++)
        if ((silicon_access(SILICON_DATA + i) & SILICON_R) && data[i] != want[i]) {
            print_error("%s (%s): [%x] is %02x, not %02x\n", l->text, who, SILICON_DATA + i,
                        data[i], want[i]);
            return false;
        }
    return ok;
}

void insns_print(const struct insn_line *l, const struct ia32_state *st, const struct ia32_fault *f,
                 const uint8_t *start, const uint8_t *data, uint32_t undef, FILE *out)
{
    char fx[1024];
    const struct insn_words *i = &l->in;
    fprintf(out, "%s:", l->text);
    for (uint32_t k = 0; k < l->len; k++)
        fprintf(out, " %02x", l->code[k]);
    fprintf(out, " ;%s=>", l->before);
    if (f->vector >= 0)
        for (size_t k = 0; k < sizeof fault_names / sizeof fault_names[0]; k++)
            if (fault_names[k].vector == f->vector) {
                fprintf(out, " %s", fault_names[k].name);
                if (f->error || f->cr2)
                    fprintf(out, "(%x,%x)", f->vector == X_PF ? f->error & ~16u : f->error, f->cr2);
            }
    for (int k = 0; k < 8; k++)
        if (st->gpr[k] != i->st.gpr[k])
            fprintf(out, " %s=%x", reg_names[k], st->gpr[k]);
    for (int k = 6; k >= 0; k--)
        if (undef & flag_names[k].bit)
            fprintf(out, " ~%s", flag_names[k].name);
        else if (st->eflags & flag_names[k].bit)
            fprintf(out, " %s", flag_names[k].name);
    if (st->eip != (f->vector < 0 ? INSNS_CODE + l->len : INSNS_CODE)) {
        if (st->eip - INSNS_CODE < 0x1000)
            fprintf(out, " eip=+%x", st->eip - INSNS_CODE);
        else
            fprintf(out, " eip=%x", st->eip);
    }
    if (l->fx) {
        fx_words(i->st.fx, st->fx, fx, sizeof fx);
        fprintf(out, "%s", fx);
    }
    bool open = false; /* whole words, those side by side together */
    for (uint32_t a = 0; a < SILICON_DATA_SIZE; a += 4)
        if ((silicon_access(SILICON_DATA + a) & SILICON_W) && memcmp(data + a, start + a, 4)) {
            if (!open)
                fprintf(out, " [%x]=", SILICON_DATA + a);
            for (uint32_t k = 0; k < 4; k++)
                fprintf(out, "%02x", data[a + k]);
            open = true;
        } else {
            open = false;
        }
    fprintf(out, "\n");
}

int insns_read(void (*each)(void *ctx, struct insn_line *l),
               void (*other)(void *ctx, const char *text), void *ctx)
{
    struct dirent **files;
    int nfiles = scandir("tests/insns", &files, NULL, alphasort), lines = 0;
    bool sound = nfiles > 0;
    static char buf[4096];
    for (int i = 0; i < nfiles; i++) {
        char path[300];
        snprintf(path, sizeof path, "tests/insns/%s", files[i]->d_name);
        free(files[i]);
        FILE *f = strstr(path, ".insn") ? fopen(path, "r") : NULL;
        for (unsigned n = 1; f && fgets(buf, sizeof buf, f); n++) {
            struct insn_line l;
            if (buf[0] == '#' || buf[0] == '\n') {
                if (other)
                    other(ctx, buf);
                continue;
            }
            if (!parse(buf, &l)) {
                sound = false;
                continue;
            }
            snprintf(l.where, sizeof l.where, "%.50s:%u", path, n);
            each(ctx, &l);
            lines++;
        }
        if (f)
            fclose(f);
    }
    if (nfiles > 0)
        free(files);
    return sound ? lines : -1;
}

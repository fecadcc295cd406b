/* SPDX-License-Identifier: MIT */
/*
 * Runs tests/insns/: one instruction a line, with what it must do.
 *
 *     TEXT: BYTES ; BEFORE => AFTER
 *
 * TEXT is for the reader. BYTES are the instruction in hex (or a few), at 08001000. BEFORE and
 * AFTER are words: a register (eax=7f), a flag that is set (CF PF AF ZF SF DF OF), memory
 * ([20001000]=01ff, bytes in order). Before, registers not named are 0 but for esp=20004000, flags
 * clear, the data window zero. After, what is not named has not changed, except that all set flags
 * are named; ~AF: may be either. eip=+5 where it is not behind the instruction. A fault is #DE, or
 * with error code and address #PF(6,20009010); a trap's EIP must be named. A line that begins with
 * - is not shown to silicon.
 *
 * Each line runs through the generic handlers, through the fast ones, and, where the host allows,
 * on its own processor, which so judges the lines themselves. INSNS=print prints the lines with
 * what silicon says: the way to write new ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/oracle/fake_hw.h"

#include <ctype.h>
#include <dirent.h>

enum { CODE = SILICON_CODE + 0x1000 };
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
    {"#DE", 0}, {"#DB", 1},  {"#BP", 3},  {"#OF", 4},     {"#BR", 5},
    {"#UD", 6}, {"#GP", 13}, {"#PF", 14}, {"#SYS", 0x80},
};

struct words {
    struct ia32_state st;
    uint32_t any; /* flags that may be either */
    bool eip_given;
    int vector;
    uint32_t error, cr2;
    struct {
        uint32_t a;
        uint8_t b;
    } mem[256];
    uint32_t nmem;
};

struct line {
    char text[160], before[256];
    uint8_t code[16];
    uint32_t len;
    bool no_silicon;
    struct words in, out;
};

static uint8_t start[SILICON_DATA_SIZE];

static bool word(struct words *w, const char *s)
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
    if (!strncmp(s, "eip=+", 5)) {
        w->st.eip = CODE + (uint32_t)strtoul(s + 5, NULL, 16);
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

static bool words(struct words *w, char *s)
{
    for (char *t = strtok(s, " \n"); t; t = strtok(NULL, " \n"))
        if (!word(w, t)) {
            print_error("not understood: %s\n", t);
            return false;
        }
    return true;
}

static bool parse(char *s, struct line *l)
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
    snprintf(l->before, sizeof l->before, "%.250s", semi + 1);
    for (char *p = colon + 1; *p;) {
        unsigned v;
        int n;
        if (sscanf(p, "%2x%n", &v, &n) != 1)
            break;
        l->code[l->len++] = (uint8_t)v;
        p += n;
    }
    l->in.st.gpr[IA32_ESP] = 0x20004000;
    l->in.st.eip = CODE;
    l->in.vector = -1;
    if (!words(&l->in, semi + 1))
        return false;
    l->out = l->in;
    l->out.st.eflags = 0;
    l->out.nmem = 0;
    if (!words(&l->out, arrow + 2))
        return false;
    if (!l->out.eip_given && l->out.vector < 0)
        l->out.st.eip = CODE + l->len;
    return true;
}

static void data_before(const struct line *l)
{
    memset(start, 0, sizeof start);
    for (uint32_t i = 0; i < l->in.nmem; i++)
        start[l->in.mem[i].a - SILICON_DATA] = l->in.mem[i].b;
}

static void data_after(const struct line *l, uint8_t *d)
{
    memcpy(d, start, sizeof start);
    for (uint32_t i = 0; i < l->out.nmem; i++)
        d[l->out.mem[i].a - SILICON_DATA] = l->out.mem[i].b;
}

static bool check(const struct line *l, const char *who, const struct ia32_state *st,
                  const struct ia32_fault *f, const uint8_t *data)
{
    static uint8_t want[SILICON_DATA_SIZE];
    const struct words *o = &l->out;
    bool ok = true;
    data_after(l, want);
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

/* Returns how many instructions were retired; an iteration of REP counts as one. */
static uint32_t run_fake(const struct line *l, bool single, struct ia32_state *st,
                         struct ia32_fault *f)
{
    uint64_t before = fh.retired;
    memcpy(fh.data, start, sizeof start);
    memset(fh.code, 0xcc, sizeof fh.code);
    memcpy(fh.code + (CODE - SILICON_CODE), l->code, l->len);
    for (int i = 0; i < 8; i++)
        fh.r[32 + i] = l->in.st.gpr[i];
    fh.r[32 + G_EIP] = CODE;
    fh.r[32 + G_EFL] = 0x202 | (l->in.st.eflags & 0x400);
    fh.r[32 + G_SEL0] = 0x2b | 0x23u << 16;
    fh.r[32 + G_SEL1] = 0x2b | 0x2bu << 16;
    fh.r[32 + G_SEL2] = 0x63u << 16;
    fh.r[32 + G_GSBASE] = SILICON_DATA + 0x2000;
    fh.cc = l->in.st.eflags & F_ALL;
    fh.mode = MODE_PROCESS;
    fh.ntouched = 0;
    fh.hostcall_answer = 0;
    hw_commit(0);
    *f = (struct ia32_fault){-1, 0, 0};
    if (!setjmp(fh.out)) {
        if (single) {
            /* To the end of the line's instructions, REP included, or out of them; where nothing
             * is, one more. */
            while (fh.r[32 + G_EIP] - CODE < l->len || !silicon_access(fh.r[32 + G_EIP]))
                if (ia32_interp(true) == IX_SYSCALL)
                    break;
        } else {
            /* Until the int3 behind it, or where it leads. */
            for (;;)
                if (ia32_interp(false) == IX_SYSCALL) {
                    f->vector = 0x80;
                    break;
                }
        }
    } else if (!single && fh.vector == X_BP && fh.r[32 + G_EIP] != l->out.st.eip) {
        fh.r[32 + G_EIP]--;
        fh.retired--;
    } else {
        *f = (struct ia32_fault){(int)fh.vector, fh.error, fh.cr2};
    }
    for (int i = 0; i < 8; i++)
        st->gpr[i] = fh.r[32 + i];
    st->eip = fh.r[32 + G_EIP];
    st->eflags = fh.r[32 + G_EFL] | fh.cc;
    /* A system call ends a single step without a fault. */
    if (single && l->out.vector == 0x80 && f->vector < 0)
        f->vector = 0x80;
    return (uint32_t)(fh.retired - before);
}

static void run_silicon(const struct line *l, struct ia32_state *st, struct ia32_fault *f)
{
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
        if (silicon_access(SILICON_DATA + p) & SILICON_W)
            memcpy(silicon_ptr(SILICON_DATA + p), start + p, SILICON_PAGE);
        else if (silicon_access(SILICON_DATA + p) & SILICON_R)
            memcpy(start + p, silicon_ptr(SILICON_DATA + p), SILICON_PAGE);
    silicon_load(CODE, l->code, l->len);
    enum silicon_end e = silicon_run(&l->in.st, l->len, st, f);
    if (e != SILICON_FAULT)
        *f = (struct ia32_fault){-1, 0, 0};
}

static void print_line(const struct line *l, const struct ia32_state *st,
                       const struct ia32_fault *f, const uint8_t *data, uint32_t undef)
{
    const struct words *i = &l->in;
    printf("%s:", l->text);
    for (uint32_t k = 0; k < l->len; k++)
        printf(" %02x", l->code[k]);
    printf(" ;%s=>", l->before);
    if (f->vector >= 0)
        for (size_t k = 0; k < sizeof fault_names / sizeof fault_names[0]; k++)
            if (fault_names[k].vector == f->vector) {
                printf(" %s", fault_names[k].name);
                if (f->error || f->cr2)
                    printf("(%x,%x)", f->vector == X_PF ? f->error & ~16u : f->error, f->cr2);
            }
    for (int k = 0; k < 8; k++)
        if (st->gpr[k] != i->st.gpr[k])
            printf(" %s=%x", reg_names[k], st->gpr[k]);
    for (int k = 6; k >= 0; k--)
        if (undef & flag_names[k].bit)
            printf(" ~%s", flag_names[k].name);
        else if (st->eflags & flag_names[k].bit)
            printf(" %s", flag_names[k].name);
    if (st->eip != (f->vector < 0 ? CODE + l->len : CODE)) {
        if (st->eip - CODE < 0x1000)
            printf(" eip=+%x", st->eip - CODE);
        else
            printf(" eip=%x", st->eip);
    }
    bool open = false; /* whole words, those side by side together */
    for (uint32_t a = 0; a < SILICON_DATA_SIZE; a += 4)
        if ((silicon_access(SILICON_DATA + a) & SILICON_W) && memcmp(data + a, start + a, 4)) {
            if (!open)
                printf(" [%x]=", SILICON_DATA + a);
            for (uint32_t k = 0; k < 4; k++)
                printf("%02x", data[a + k]);
            open = true;
        } else {
            open = false;
        }
    printf("\n");
}

static void every_line(void **state)
{
    (void)state;
    static uint8_t seen[SILICON_DATA_SIZE];
    bool silicon = silicon_init() == 0 && silicon_limit() == 0xffffffff;
    bool print = getenv("INSNS") != NULL;
    struct dirent **files;
    int nfiles = scandir("tests/insns", &files, NULL, alphasort);
    uint32_t lines = 0, bad = 0;
    char buf[1024];
    assert_true(nfiles > 0);
    if (silicon) {
        memset(silicon_ptr(SILICON_CODE), 0xcc, SILICON_CODE_SIZE - SILICON_PAGE);
        memset(fh.code, 0xcc, sizeof fh.code);
    }
    for (int i = 0; i < nfiles; i++) {
        char path[300];
        snprintf(path, sizeof path, "tests/insns/%s", files[i]->d_name);
        free(files[i]);
        if (!strstr(path, ".insn"))
            continue;
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        while (fgets(buf, sizeof buf, f)) {
            struct line l;
            struct ia32_state st;
            struct ia32_fault fault;
            if (buf[0] == '#' || buf[0] == '\n') {
                if (print)
                    fputs(buf, stdout);
                continue;
            }
            if (print && buf[0] == '-')
                fputs(buf, stdout);
            if (!parse(buf, &l)) {
                bad++;
                continue;
            }
            lines++;
            data_before(&l);
            memset(&st, 0, sizeof st);
            if (silicon && !l.no_silicon) {
                run_silicon(&l, &st, &fault);
                for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
                    if (silicon_access(SILICON_DATA + p) & SILICON_R)
                        memcpy(seen + p, silicon_ptr(SILICON_DATA + p), SILICON_PAGE);
                if (print) {
                    struct insn d;
                    uint32_t undef = 0;
                    if (ia32_decode(l.code, l.len, CODE, MODE_PROCESS, &d) == DEC_OK &&
                        fault.vector < 0)
                        undef = ia32_undefined(&d, d.nopnds && d.o[d.nopnds - 1].kind == O_REG
                                                       ? l.in.st.gpr[IA32_ECX] & 31
                                                       : d.imm & 31);
                    print_line(&l, &st, &fault, seen, undef);
                    continue;
                }
                bad += !check(&l, "silicon", &st, &fault, seen);
            }
            if (print)
                continue;
            uint32_t one_by_one = run_fake(&l, true, &st, &fault);
            bad += !check(&l, "generic", &st, &fault, fh.data);
            uint32_t at_once = run_fake(&l, false, &st, &fault);
            if (one_by_one != at_once) {
                print_error("%s: %u instructions one by one, %u at once\n", l.text, one_by_one,
                            at_once);
                bad++;
            }
            bad += !check(&l, "fast", &st, &fault, fh.data);
        }
        fclose(f);
    }
    free(files);
    if (print)
        return;
    print_message("%u lines%s\n", lines, silicon ? "" : ", not shown to silicon");
    assert_true(lines > 100);
    assert_int_equal(bad, 0);
}

/* Within a few instructions. */
static bool faults(bool single)
{
    if (setjmp(fh.out))
        return true;
    for (uint32_t n = 0; n < 3; n++)
        ia32_interp(single);
    return false;
}

/* An instruction that goes on in a page that is not there faults at that page, and only if it needs
 * it. */
static void fetch_faults(void **state)
{
    (void)state;
    static const struct {
        uint8_t b[8];
        uint32_t len, vector;
    } t[] = {
        {{0xb8, 1, 2, 3, 4}, 5, X_PF},       /* mov eax, imm32 */
        {{0x8b, 0x84, 0x24, 0, 0}, 5, X_PF}, /* mov eax, [esp + disp32], cut */
        {{0x66, 0x0f}, 2, X_PF},             /* prefixes and no more */
        {{0x0f, 0x0b}, 2, X_UD},             /* ud2 */
        {{0xf4}, 1, X_GP},                   /* hlt */
        {{0xcc}, 1, X_BP}, /* int3: its end is the page's, and the next is not fetched */
        {{0x40}, 1, X_PF}, /* inc eax, then the next instruction faults */
    };
    const uint32_t end = SILICON_CODE + SILICON_CODE_SIZE;
    for (uint32_t i = 0; i < sizeof t / sizeof t[0]; i++)
        for (uint32_t cut = 1; cut <= t[i].len; cut++)
            for (uint32_t single = 0; single < 2; single++) {
                bool whole = cut == t[i].len;
                memset(fh.code, 0x90, sizeof fh.code);
                memcpy(fh.code + SILICON_CODE_SIZE - cut, t[i].b, cut);
                memset(fh.r, 0, sizeof fh.r);
                fh.r[32 + G_EIP] = end - cut;
                fh.mode = MODE_PROCESS;
                hw_commit(0);
                if (!faults(single))
                    fail_msg("no fault");
                bool page = !whole || t[i].vector == X_PF;
                uint32_t eip = whole && t[i].vector == X_PF && t[i].b[0] != 0x66 && i != 1 ? end
                               : whole && t[i].vector == X_BP                              ? end
                                                              : end - cut;
                assert_int_equal(fh.vector, page ? X_PF : t[i].vector);
                assert_int_equal(fh.r[32 + G_EIP], eip);
                if (page)
                    assert_int_equal(fh.cr2, end);
            }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(every_line),
                                              cmocka_unit_test(fetch_faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

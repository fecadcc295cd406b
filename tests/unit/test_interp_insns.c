/* SPDX-License-Identifier: MIT */
/*
 * Runs tests/insns/ (the syntax is told in docs/oracle.md). Each line runs through the generic
 * handlers, through the fast ones, and, where the host allows, on its own processor, which so
 * judges the lines themselves. INSNS=print prints the lines with what silicon says: the way to
 * write new ones. test_insns_translated.c runs them translated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/oracle/fake_hw.h"
#include "tests/oracle/engine.h"
#include "tests/oracle/fx.h"
#include "tests/oracle/maker.h"
#include "tests/unit/insns.h"

static uint8_t start[SILICON_DATA_SIZE];

static uint32_t linear_eip(void)
{
    return oracle_linear(fh.r[32 + G_SEL0] >> 16, fh.r[32 + G_EIP]);
}

/* Returns how many instructions were retired; an iteration of REP counts as one. */
static uint32_t run_fake(const struct insn_line *l, bool single, struct ia32_state *st,
                         struct ia32_fault *f)
{
    uint64_t before = fh.retired;
    memcpy(fh.data, start, sizeof start);
    memset(fh.code, 0xcc, sizeof fh.code);
    memcpy(fh.code + (INSNS_CODE - SILICON_CODE), l->code, l->len);
    for (int i = 0; i < 8; i++)
        fh.r[32 + i] = l->in.st.gpr[i];
    fh.r[32 + G_EIP] = INSNS_CODE - (l->in.st.code16 ? SILICON_CODE : 0);
    fh.r[32 + G_EFL] = 0x202 | (l->in.st.eflags & 0x400);
    fh.cc = l->in.st.eflags & F_ALL;
    fx_to_hardware(l->in.st.fx, fh.wide, fh.fp);
    fh_segments(0x63, SILICON_DATA + 0x2000);
    if (l->in.st.code16) {
        fh.r[32 + G_SEL0] = 0x2b | SILICON_SELECTOR(SILICON_SEG_CODE16) << 16;
        ia32_seg_reload();
    }
    fh.ntouched = 0;
    fh.hostcall_answer = 0;
    hw_commit(0);
    *f = (struct ia32_fault){-1, 0, 0};
    if (!setjmp(fh.out)) {
        if (single) {
            /* To the end of the line's instructions, REP included, or out of them; where nothing
             * is, one more. */
            while (linear_eip() - INSNS_CODE < l->len || !silicon_access(linear_eip()))
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
    } else if (!single && fh.vector == X_BP && linear_eip() != l->out.st.eip) {
        fh.r[32 + G_EIP]--;
        fh.retired--;
    } else {
        *f = (struct ia32_fault){(int)fh.vector, fh.error, fh.cr2};
    }
    for (int i = 0; i < 8; i++)
        st->gpr[i] = fh.r[32 + i];
    st->eip = linear_eip();
    st->eflags = fh.r[32 + G_EFL] | fh.cc;
    fx_from_hardware(st->fx, fh.wide, fh.fp);
    /* A system call ends a single step without a fault. */
    if (single && l->out.vector == 0x80 && f->vector < 0)
        f->vector = 0x80;
    return (uint32_t)(fh.retired - before);
}

static void run_silicon(const struct insn_line *l, struct ia32_state *st, struct ia32_fault *f)
{
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
        if (silicon_access(SILICON_DATA + p) & SILICON_W)
            memcpy(silicon_ptr(SILICON_DATA + p), start + p, SILICON_PAGE);
        else if (silicon_access(SILICON_DATA + p) & SILICON_R)
            memcpy(start + p, silicon_ptr(SILICON_DATA + p), SILICON_PAGE);
    silicon_load(INSNS_CODE, l->code, l->len);
    silicon_use_fx(l->fx);
    enum silicon_end e = silicon_run(&l->in.st, l->len, st, f);
    if (e != SILICON_FAULT)
        *f = (struct ia32_fault){-1, 0, 0};
}

/* A line that shows what the host's maker does otherwise is not for this host. */
static bool otherwise(const struct insn_line *l, const struct maker_end *host, uint32_t eip,
                      const struct ia32_fault *f)
{
    const struct maker_case m = {.code = l->code,
                                 .len = l->len,
                                 .eip = INSNS_CODE,
                                 .code16 = l->in.st.code16,
                                 .host = *host,
                                 .ours = {eip, *f}};
    return maker_excuse(&m) != MAKER_NONE;
}

struct run {
    bool silicon, print;
    uint32_t bad;
};

static void comment(void *ctx, const char *text)
{
    if (((struct run *)ctx)->print)
        fputs(text, stdout);
}

static void print_line(const struct insn_line *l, const struct ia32_state *st,
                       const struct ia32_fault *f, const uint8_t *data)
{
    struct insn d;
    uint32_t undef = 0;
    if (ia32_decode(l->code, l->len, INSNS_CODE, MODE_PROCESS, &d) == DEC_OK && f->vector < 0)
        undef = ia32_undefined(&d, d.nopnds && d.o[d.nopnds - 1].kind == O_REG
                                       ? l->in.st.gpr[IA32_ECX] & 31
                                       : d.imm & 31);
    insns_print(l, st, f, start, data, undef, stdout);
}

static void line(void *ctx, struct insn_line *l)
{
    static uint8_t seen[SILICON_DATA_SIZE];
    struct run *r = ctx;
    struct ia32_state st;
    struct ia32_fault fault;
    if (r->print && l->no_silicon) {
        insns_print(l, &l->out.st, &(struct ia32_fault){l->out.vector, l->out.error, l->out.cr2},
                    start, start, l->out.any, stdout);
        return;
    }
    insns_data(l, start);
    memset(&st, 0, sizeof st);
    bool ldt = strstr(l->where, "segment.insn") != NULL; /* which silicon may not have */
    if (r->silicon && !l->no_silicon && (!ldt || silicon_gs())) {
        run_silicon(l, &st, &fault);
        for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
            if (silicon_access(SILICON_DATA + p) & SILICON_R)
                memcpy(seen + p, silicon_ptr(SILICON_DATA + p), SILICON_PAGE);
        if (r->print) {
            print_line(l, &st, &fault, seen);
            return;
        }
        const struct maker_end host = {st.eip, fault};
        struct ia32_state ours;
        run_fake(l, true, &ours, &fault);
        if (!otherwise(l, &host, ours.eip, &fault))
            r->bad += !insns_check(l, "silicon", &st, &host.f, start, seen);
    }
    uint32_t one_by_one = run_fake(l, true, &st, &fault);
    r->bad += !insns_check(l, "generic", &st, &fault, start, fh.data);
    uint32_t at_once = run_fake(l, false, &st, &fault);
    if (one_by_one != at_once) {
        print_error("%s: %u instructions one by one, %u at once\n", l->text, one_by_one, at_once);
        r->bad++;
    }
    r->bad += !insns_check(l, "fast", &st, &fault, start, fh.data);
}

static void every_line(void **state)
{
    struct run r = {.silicon = silicon_init() == 0 && silicon_limit() == 0xffffffff,
                    .print = getenv("INSNS") != NULL};
    (void)state;
    fh_boot.machine.guest_identity = 1; /* TM8600, which has all there is */
    ia32_identify(1);
    if (r.silicon) {
        memset(silicon_ptr(SILICON_CODE), 0xcc, SILICON_CODE_SIZE - SILICON_PAGE);
        memset(fh.code, 0xcc, sizeof fh.code);
    }
    int lines = insns_read(line, comment, &r);
    silicon_use_fx(0);
    if (r.print)
        return;
    print_message("%d lines%s\n", lines, r.silicon ? "" : ", not shown to silicon");
    assert_true(lines > 100);
    assert_int_equal(r.bad, 0);
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
                fh_segments(0x63, SILICON_DATA + 0x2000);
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

/* SPDX-License-Identifier: MIT */
/*
 * MMX, SSE and SSE2 on the whole machine: random blocks of all their rows among integer code,
 * interpreted by the functional machine and translated by CMS, must leave the same registers,
 * memory, MXCSR and fault, bit for bit, on machines of several widths, with the smallest store
 * buffer and in both stall modes. Then what must happen exactly is written down: faults behind side
 * effects of the same group. What each instruction computes is the business of test_simd.c and
 * test_simd_silicon.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "isa-frontend/insn.h"
#include "isa-frontend/interp.h"
#include "isa-frontend/mode.h"
#include "morpher/gear1.h"
#include "tests/oracle/engine.h"
#include "tests/oracle/fx.h"
#include "tests/oracle/gen_int.h"
#include "vliw-model/machine.h"
#include "vliw-model/stats.h"
#include "vliw-model/vm.h"

enum { IDENTITY_TM8600 = 1, CASES = 4000, BLOCK = 16, ROWS = 1024, TM_CASES = 2048 };

static struct {
    uint64_t cases, faulted[32], behind, retired, translated, undefined;
    uint64_t overflows, fpx, align; /* rollbacks from these traps */
    uint32_t whole[ROWS]; /* completed in blocks that ran in translations from end to end */
} seen;

static struct oracle_result a, b;

static const struct {
    const char *name, *file, *set[3];
} machines[] = {
    {"tm8600", "machines/tm8600.ini", {NULL}},
    {"tm8600, small buffer", "machines/tm8600.ini", {"sb.entries=4", NULL}},
    {"tm5800's width", "machines/tm5800.ini", {"guest.identity=tm8600", "sb.entries=8"}},
    {"tm5800's width, small buffer",
     "machines/tm5800.ini",
     {"guest.identity=tm8600", "sb.entries=4"}},
    {"vliw4", "machines/vliw4.ini", {"guest.identity=tm8600", "mem.stall=use", "sb.entries=4"}},
    {"tm8600, stalls at uses", "machines/tm8600.ini", {"mem.stall=use", "cms.max_block=3", NULL}},
};
enum { NMACHINES = sizeof machines / sizeof machines[0] };

static struct oracle_cms *machine(unsigned k)
{
    struct mdesc m;
    char err[256];
    static const char *const all[] = {"cms.on=host", "guest.ram_mb=16", "cms.hot_threshold=1",
                                      "cms.verify=1"};
    if (machine_load(&m, machines[k].file, err, sizeof err))
        fail_msg("%s", err);
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_int_equal(machine_set(&m, all[i], err, sizeof err), 0);
    for (unsigned i = 0; i < 3 && machines[k].set[i]; i++)
        if (machine_set(&m, machines[k].set[i], err, sizeof err))
            fail_msg("%s", err);
    functional_identify(IDENTITY_TM8600);
    ia32_identify(IDENTITY_TM8600);
    gear1_reset();
    struct oracle_cms *e = oracle_cms_new(&m, NULL, err, sizeof err);
    if (!e)
        fail_msg("%s", err);
    return e;
}

static void finish(struct oracle_cms *e)
{
    const struct vm_stats *s = vm_stats(oracle_cms_vm(e));
    seen.overflows += s->rollback_by_trap[T_SB_FULL];
    seen.fpx += s->rollback_by_trap[T_FPX];
    seen.align += s->rollback_by_trap[T_ALIGN];
    oracle_cms_free(e);
}

static int begin(void **state)
{
    (void)state;
    if (oracle_init()) /* the windows are made; that silicon cannot be asked does not matter here */
        print_message("%s\n", silicon_why());
    return 0;
}

static void fill_data(struct gen *g, struct oracle_cms *e)
{
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += 16)
        if (silicon_access(SILICON_DATA + p) & SILICON_W)
            gen_fx_data(g, oracle_base.data + p);
    functional_data();
    oracle_cms_data(e);
}

static bool differ(const struct oracle_case *c, uint32_t undefined)
{
    if (a.end != b.end || a.st.eip != b.st.eip || a.f.vector != b.f.vector ||
        a.f.error != b.f.error || a.f.cr2 != b.f.cr2 || a.ndiff != b.ndiff ||
        memcmp(a.st.gpr, b.st.gpr, sizeof a.st.gpr) ||
        ((a.st.eflags ^ b.st.eflags) & IA32_FLAGS & ~undefined) ||
        (c->fx && memcmp(a.st.fx, b.st.fx, sizeof a.st.fx)))
        return true;
    for (uint32_t i = 0; i < a.ndiff && i < ORACLE_DIFFS; i++)
        if (a.diff[i].at != b.diff[i].at || a.diff[i].byte != b.diff[i].byte)
            return true;
    return false;
}

static void tell(const struct oracle_case *c, const char *name)
{
    char fx[2048];
    struct insn d;
    print_error("%s: at %x\n", name, c->in.eip);
    for (uint32_t at = 0; at < c->len; at += d.length) {
        if (ia32_decode(c->code + at, c->len - at, c->in.eip + at, MODE_PROCESS, &d) != DEC_OK)
            break;
        print_error("  +%-3u %-10s", at, ia32_op_name(d.op));
        for (uint32_t i = 0; i < d.length; i++)
            print_error(" %02x", c->code[at + i]);
        print_error("\n");
    }
    print_error("  interpreted: end %d vector %d error %x cr2 %x eip %x, %u bytes of memory\n",
                (int)a.end, a.f.vector, a.f.error, a.f.cr2, a.st.eip, a.ndiff);
    print_error("  translated:  end %d vector %d error %x cr2 %x eip %x, %u bytes of memory %s\n",
                (int)b.end, b.f.vector, b.f.error, b.f.cr2, b.st.eip, b.ndiff, b.why ? b.why : "");
    for (int i = 0; i < 8; i++)
        if (a.st.gpr[i] != b.st.gpr[i])
            print_error("  register %d: %x, %x\n", i, a.st.gpr[i], b.st.gpr[i]);
    if (c->fx) {
        fx_words(a.st.fx, b.st.fx, fx, sizeof fx);
        print_error("  %s\n", fx);
    }
}

static void count(const struct oracle_case *c)
{
    struct insn d;
    seen.cases++;
    seen.retired += b.retired;
    seen.translated += b.translated;
    if (b.end == SILICON_FAULT && b.f.vector >= 0 && b.f.vector < 32) {
        seen.faulted[b.f.vector]++;
        seen.behind += b.translated > 0;
    }
    if (b.end != SILICON_END || b.translated != b.retired)
        return;
    for (uint32_t at = 0; at < c->len; at += d.length) {
        if (ia32_decode(c->code + at, c->len - at, c->in.eip + at, MODE_PROCESS, &d) != DEC_OK)
            break;
        seen.whole[d.row]++;
    }
}

/* What is translated here. */
static bool ours(uint32_t row)
{
    const struct ia32_row *r = &ia32_rows[row];
    switch (r->op) {
    case I_MASKMOVQ:
    case I_MASKMOVDQU:
    case I_FXSAVE:
    case I_FXRSTOR: return false;
    default: return ia32_is_simd(r->op);
    }
}

static bool block(struct gen *g, uint64_t k, struct oracle_case *c)
{
    struct insn d;
    uint32_t eip =
        SILICON_CODE + 0x100 + below(g, SILICON_CODE_SIZE - SILICON_PAGE - ORACLE_CODE_MAX - 0x200);
    g->fx = GEN_SIMD;
    c->len = (uint32_t)gen_block(g, eip, c->code, 1 + below(g, BLOCK));
    gen_state(g, &c->in);
    c->in.eip = eip;
    c->fx = true;
    gen_fx_state(g, c->in.fx, k % 4 != 0);
    /* Half of them without what ends a translation, and so many with nothing else. */
    for (uint32_t at = 0; at < c->len && k % 2; at += d.length)
        if (ia32_decode(c->code + at, c->len - at, eip + at, MODE_PROCESS, &d) != DEC_OK ||
            (ia32_is_simd(d.op) && !ours(d.row)))
            return false;
    return true;
}

static void blocks(void **state)
{
    uint64_t seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 20;
    uint64_t cases = getenv("CASES") ? strtoull(getenv("CASES"), NULL, 0) : CASES;
    uint32_t bad = 0;
    (void)state;
    memset(&seen, 0, sizeof seen);
    for (unsigned m = 0; m < NMACHINES && bad < 3; m++) {
        struct oracle_cms *e = NULL;
        for (uint64_t k = 0; k < cases && bad < 3; k++) {
            struct oracle_case c = {0};
            struct gen g;
            gen_init(&g, (seed * NMACHINES + m) * UINT64_C(0x9e3779b97f4a7c15) + k);
            g.gs = silicon_gs() != 0;
            if (k % TM_CASES == 0) { /* code that is always written is not translated for ever */
                if (e)
                    finish(e);
                e = machine(m);
                fill_data(&g, e);
            }
            while (!block(&g, k, &c))
                ;
            functional_run(&c, k % 3 == 0, &a);
            if (a.end == SILICON_HUNG)
                continue;
            oracle_cms_run(e, &c, &b);
            if (differ(&c, 0)) { /* flags left undefined are the functional machine's own affair */
                struct oracle_trace t;
                functional_trace(&c, &t);
                if (t.consumed_length || t.partial) {
                    seen.undefined++;
                    continue;
                }
                if (differ(&c, t.undefined)) {
                    bad++;
                    tell(&c, machines[m].name);
                }
            }
            count(&c);
        }
        const struct gear1 *g1 = gear1_state();
        if (g1->bad)
            fail_msg("%s: %u defects in translations: %s", machines[m].name, g1->bad, g1->why);
        finish(e);
    }
    print_message("%llu blocks; #PF %llu, #GP %llu, #XM %llu; %llu behind translated instructions; "
                  "%llu of %llu instructions from translations\n",
                  (unsigned long long)seen.cases, (unsigned long long)seen.faulted[14],
                  (unsigned long long)seen.faulted[13], (unsigned long long)seen.faulted[19],
                  (unsigned long long)seen.behind, (unsigned long long)seen.translated,
                  (unsigned long long)seen.retired);
    assert_int_equal(bad, 0);
    assert_true(seen.undefined * 10 < seen.cases);
    /* Commits are placed so that the buffer never overflows; a trap in a translation and again in
     * the interpreter makes two of each fault that began there. */
    assert_int_equal(seen.overflows, 0);
    assert_true(seen.fpx > seen.faulted[19] && seen.align > 0);
    assert_true(seen.faulted[14] > seen.cases / 20);
    assert_true(seen.faulted[13] > seen.cases / 50);
    assert_true(seen.faulted[19] > seen.cases / 100);
    assert_true(seen.behind > seen.cases / 10);
    assert_true(seen.translated * 3 > seen.retired);
    for (uint32_t row = 1; row < ia32_nrows; row++)
        if (ours(row) && !seen.whole[row])
            fail_msg("never translated: row %u, %s", row, ia32_op_name(ia32_rows[row].op));
}

/* ---- written down ---- */

enum { AT = SILICON_DATA + 0x1000, EDGE = SILICON_DATA_NONE - 8 };

/* One group each: what is changed before the fault is changed, what comes after is not. EBX points
 * to AT, ESI to the last 8 bytes before a page that is not there. */
static const struct {
    const char *name, *bytes;
    uint32_t mxcsr; /* as it is before */
    int vector;     /* -1: none */
    uint32_t at;    /* offset of the instruction that faults */
    uint32_t error, cr2;
    uint32_t mxcsr_after;
    uint32_t memory; /* word at AT + 0x40, 0xdddddddd before */
} written[] = {
    {"an unaligned operand behind a store", "c7434001000000 660f6f4301 c7434002000000", 0x1f80, 13,
     7, 0, 0, 0x1f80, 1},
    {"an unaligned store behind a store", "c7434001000000 660f7f4318 c7434002000000", 0x1f80, 13, 7,
     0, 0, 0x1f80, 1},
    {"its registers, aligned: nothing", "c7434001000000 660f6f4310 660f7f4320 c7434002000000",
     0x1f80, -1, 0, 0, 0, 0x1f80, 2},
    /* movups [ebx+0x71], xmm0; movups [ebx+0x91], xmm0; movups [ebx+0xd1], xmm0; movhps [ebx+0x33],
     * xmm0; movaps [ebx+0xb0]
     */
    {"stores of 16 bytes, as many as want commits between them",
     "0f114371 0f118391000000 0f1183d1000000 0f174333 0f2983b0000000 c7434002000000", 0x1f80, -1, 0,
     0, 0, 0x1f80, 2},
    {"a store across a page border", "c7434001000000 0f1106 c7434002000000", 0x1f80, 14, 7, 6,
     SILICON_DATA_NONE, 0x1f80, 1},
    {"a load across a page border", "c7434001000000 0f1006 c7434002000000", 0x1f80, 14, 7, 4,
     SILICON_DATA_NONE, 0x1f80, 1},
    {"a load up to the page border", "c7434001000000 f20f1006 f20f1106 c7434002000000", 0x1f80, -1,
     0, 0, 0, 0x1f80, 2},
    /* pxor xmm2, xmm2; pcmpeqd xmm3, xmm3; cvtdq2pd xmm3, xmm3; divsd xmm3, xmm2 */
    {"a division by zero, masked",
     "c7434001000000 660fefd2 660f76db f30fe6db f20f5eda c7434002000000", 0x1f80, -1, 0, 0, 0,
     0x1f84, 2},
    {"the same, unmasked", "c7434001000000 660fefd2 660f76db f30fe6db f20f5eda c7434002000000",
     0x1d80, 19, 19, 0, 0, 0x1d84, 1},
    /* pcmpeqd xmm3, xmm3 (not a number); comiss xmm3, xmm3; sticky bits of before stay */
    {"an invalid comparison, masked", "c7434001000000 660f76db 0f51db 0f2edb c7434002000000",
     0x1fa0, -1, 0, 0, 0, 0x1fa0, 2},
    {"a rounded sum, then an invalid root",
     /* mov eax, 3; cvtsi2ss xmm1, eax; movss xmm2, xmm1; divss xmm1, [one third]; sqrtss of -1 */
     "c7434001000000 b803000000 f30f2ac8 b801000000 f30f2ad0 f30f5ed1 b8ffffffff f30f2ad8 f30f51db "
     "c7434002000000",
     0x1f00, 19, 38, 0, 0, 0x1f21, 1},
};

static uint32_t assemble(const char *text, uint8_t *out)
{
    uint32_t n = 0;
    for (unsigned v; *text; text += 2) {
        while (*text == ' ')
            text++;
        assert_int_equal(sscanf(text, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
    }
    return n;
}

static void check(unsigned i, const struct oracle_case *c, const struct oracle_result *r,
                  const char *who)
{
    const struct fx_image *fx = (const void *)r->st.fx;
    uint8_t after[SILICON_PAGE];
    uint32_t word;
    bool fault = written[i].vector >= 0;
    memcpy(after, oracle_base.data + 0x1000, sizeof after);
    for (uint32_t k = 0; k < r->ndiff; k++)
        if (r->diff[k].at - AT < sizeof after)
            after[r->diff[k].at - AT] = r->diff[k].byte;
        else
            fail_msg("%s, %s: a byte at %x changed", written[i].name, who, r->diff[k].at);
    memcpy(&word, after + 0x40, 4);
    if (r->end != (fault ? SILICON_FAULT : SILICON_END) ||
        (fault && (r->f.vector != written[i].vector || r->f.error != written[i].error ||
                   r->f.cr2 != written[i].cr2)) ||
        r->st.eip != c->in.eip + (fault ? written[i].at : c->len) ||
        fx->mxcsr != written[i].mxcsr_after || word != written[i].memory)
        fail_msg("%s, %s: end %d vector %d error %x cr2 %x eip +%u mxcsr %x memory %x",
                 written[i].name, who, (int)r->end, r->f.vector, r->f.error, r->f.cr2,
                 r->st.eip - c->in.eip, fx->mxcsr, word);
}

static void faults(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    for (unsigned m = 0; m < NMACHINES; m++) {
        struct oracle_cms *e = machine(m);
        memset(oracle_base.data + 0x1000, 0xdd, SILICON_PAGE);
        functional_data();
        oracle_cms_data(e);
        for (unsigned i = 0; i < sizeof written / sizeof written[0]; i++) {
            struct oracle_case c = {.fx = true};
            struct fx_image fx;
            c.len = assemble(written[i].bytes, c.code);
            c.in.eip = SILICON_CODE + 0x200 + 0x100 * i;
            c.in.eflags = 2;
            for (unsigned k = 0; k < 8; k++)
                c.in.gpr[k] = AT + 0x100;
            c.in.gpr[IA32_EBX] = AT;
            c.in.gpr[IA32_ESI] = EDGE;
            fx_reset(c.in.fx);
            memcpy(&fx, c.in.fx, sizeof fx);
            fx.mxcsr = written[i].mxcsr;
            memcpy(c.in.fx, &fx, sizeof fx);
            functional_run(&c, false, &a);
            check(i, &c, &a, "interpreted");
            oracle_cms_run(e, &c, &b);
            check(i, &c, &b, machines[m].name);
            assert_false(differ(&c, 0));
            if (b.translated == 0 && written[i].vector < 0)
                fail_msg("%s, %s: not translated", written[i].name, machines[m].name);
        }
        finish(e);
    }
    assert_int_equal(seen.overflows, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(blocks, begin),
        cmocka_unit_test_setup(faults, begin),
    };
    return cmocka_run_group_tests_name("simd_machine", tests, NULL, NULL);
}

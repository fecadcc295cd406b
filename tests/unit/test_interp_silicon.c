/* SPDX-License-Identifier: MIT */
/*
 * The interpreter against the host's own processor: millions of generated instructions, each run on
 * both from the same registers and memory; registers, defined flags, memory, and for faults vector,
 * error code, CR2 and EIP must agree. Once through the generic handlers (single steps), once
 * through the fast ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/oracle/fake_hw.h"
#include "tests/oracle/gen.h"
#include "tests/oracle/maker.h"

enum { RUNS = 400000 };

struct outcome {
    enum silicon_end end;
    struct ia32_state st;
    struct ia32_fault f;
};

/* Runs the block in the fake machine to its end, an int3 outside, or a fault. */
static void run_fake(const struct ia32_state *in, uint32_t len, bool single, struct outcome *o)
{
    uint32_t end = in->eip + len;
    for (int i = 0; i < 8; i++)
        fh.r[32 + i] = in->gpr[i];
    fh.r[32 + G_EIP] = in->eip;
    fh.r[32 + G_EFL] = 0x202 | (in->eflags & 0x200400);
    fh.cc = in->eflags & F_ALL;
    fh_segments(silicon_gs(), SILICON_GS_BASE);
    fh.ntouched = 0;
    fh.unimplemented = false;
    hw_commit(0);
    if (!setjmp(fh.out)) {
        for (uint32_t n = 0;; n++) {
            enum interp_exit x = ia32_interp(single);
            if (x == IX_SYSCALL) {
                fh.vector = 0x80;
                break;
            }
            if (n > 1000000) {
                print_error("no end\n");
                abort();
            }
        }
    }
    for (int i = 0; i < 8; i++)
        o->st.gpr[i] = fh.r[32 + i];
    o->st.eip = fh.r[32 + G_EIP];
    o->st.eflags = fh.r[32 + G_EFL] | fh.cc;
    o->end = SILICON_FAULT;
    o->f = (struct ia32_fault){(int)fh.vector, fh.error, fh.cr2};
    if (o->st.eip == end && fh.vector == X_GP && fh.error == 0x30)
        o->end = SILICON_END; /* at the oracle's far jump to 64-bit code */
    else if (fh.vector == X_BP && (o->st.eip <= in->eip || o->st.eip > end)) {
        o->st.eip--;
        o->end = SILICON_LEFT;
    }
}

/* Our copies of the windows become the oracle's. */
static void resync(void)
{
    memcpy(fh.code, silicon_ptr(SILICON_CODE), SILICON_CODE_SIZE);
    memcpy(fh.data, silicon_ptr(SILICON_DATA), SILICON_DATA_NONE - SILICON_DATA);
    memcpy(fh.data + (SILICON_DATA_NONE - SILICON_DATA) + SILICON_PAGE,
           silicon_ptr(SILICON_DATA_NONE + SILICON_PAGE),
           SILICON_DATA_SIZE - (SILICON_DATA_NONE - SILICON_DATA) - SILICON_PAGE);
}

/* The code window where a block stands or stood. */
static void mirror(uint32_t eip, uint32_t len)
{
    if (len)
        memcpy(fh.code + (eip - SILICON_CODE), silicon_ptr(eip), len + SILICON_TAIL);
}

static bool same_windows(void)
{
    const uint8_t *d = silicon_ptr(SILICON_DATA);
    for (uint32_t p = 0; p < SILICON_DATA_SIZE; p += SILICON_PAGE)
        if ((SILICON_DATA | p) != SILICON_DATA_NONE && memcmp(d + p, fh.data + p, SILICON_PAGE))
            return false;
    return !memcmp(silicon_ptr(SILICON_CODE), fh.code, SILICON_CODE_SIZE - SILICON_PAGE);
}

static void describe(const char *what, const struct ia32_state *in, const uint8_t *b, size_t n,
                     const struct outcome *s, const struct outcome *u, uint32_t undef)
{
    print_error("%s at %x:", what, in->eip);
    for (size_t i = 0; i < n; i++)
        print_error(" %02x", b[i]);
    print_error("\n  in  ");
    for (int i = 0; i < 8; i++)
        print_error(" %08x", in->gpr[i]);
    print_error(" fl %08x", in->eflags & IA32_FLAGS);
    const struct outcome *o[2] = {s, u};
    for (int k = 0; k < 2; k++) {
        print_error(k ? "\n  ours" : "\n  host");
        for (int i = 0; i < 8; i++)
            print_error(" %08x", o[k]->st.gpr[i]);
        print_error(" fl %08x eip %08x end %d", o[k]->st.eflags & IA32_FLAGS, o[k]->st.eip,
                    (int)o[k]->end);
        if (o[k]->end == SILICON_FAULT)
            print_error(" vec %d err %x cr2 %x", o[k]->f.vector, o[k]->f.error, o[k]->f.cr2);
    }
    print_error("\n  undefined flags %x%s\n", undef,
                fh.unimplemented ? ", ours says unimplemented" : "");
}

static uint64_t nfaults, nends, nleft, notherwise;

/* How far a REP runs on when it overwrites itself is the processor's own affair. */
static bool rewrote_itself(const struct ia32_state *in, size_t n)
{
    const uint8_t *from = fh.code + (in->eip - SILICON_CODE);
    for (uint32_t i = 0; i < fh.ntouched; i++)
        if (fh.touched[i] >= from && fh.touched[i] < from + n + SILICON_TAIL)
            return true;
    return false;
}

/* Something differs: as it is known of the host's maker? */
static bool otherwise(const struct ia32_state *in, const uint8_t *b, size_t n,
                      const struct outcome *s, const struct outcome *u)
{
    const struct maker_case m = {.code = b,
                                 .len = (uint32_t)n,
                                 .eip = in->eip,
                                 .host = {s->st.eip, s->f},
                                 .ours = {u->st.eip, u->f}};
    if (!rewrote_itself(in, n) && maker_excuse(&m) == MAKER_NONE)
        return false;
    notherwise++;
    resync();
    return true;
}

static bool tell(const char *what, const struct ia32_state *in, const uint8_t *b, size_t n,
                 const struct outcome *s, const struct outcome *u, uint32_t undef)
{
    if (otherwise(in, b, n, s, u))
        return true;
    describe(what, in, b, n, s, u, undef);
    return false;
}

/*
 * One generated instruction (or idiom), or a block of many. False if they differ. What an
 * instruction leaves undefined is not compared, but a later one of a block may read it: blocks are
 * made of families that do not (AF after logic ops is 0 here and there).
 */
static bool one(struct gen *g, unsigned many, bool single, bool look)
{
    struct ia32_state in;
    struct outcome s, u;
    static uint8_t b[GEN_BLOCK_MAX * GEN_INSN_MAX];
    struct insn d;
    memset(&in, 0, sizeof in);
    memset(&u, 0, sizeof u);
    uint32_t eip = SILICON_CODE + 0x100 + (gen_random(g) % 0x3f00);
    g->eip = eip;
    in.eip = eip;
    size_t n = many > 1 ? gen_block(g, eip, b, many) : gen_insn(g, b);
    gen_state(g, &in);
    in.eip = eip;

    /* What may come out with any value; a shift's count decides. */
    uint32_t undef = 0, written = 0;
    bool partial = false, skip = false, pushes = false;
    for (size_t at = 0; at < n; at += d.length) {
        if (ia32_decode(b + at, (uint32_t)(n - at), eip + (uint32_t)at, MODE_PROCESS, &d) != DEC_OK)
            break;
        uint32_t k = d.nopnds - 1u, count = 0;
        if (d.nopnds)
            count = d.o[k].kind == O_REG ? in.gpr[IA32_ECX] : d.imm;
        undef |= ia32_undefined(&d, count & 31);
        written |= ia32_rows[d.row].writes | ia32_rows[d.row].undef;
        pushes |= d.op == I_PUSHSEG;
        partial |= d.op == I_PUSHA || d.op == I_POPA || d.op == I_ENTER || d.op == I_CALLF;
        skip |= (d.op == I_SHLD || d.op == I_SHRD) && d.opsize == 2 && (count & 31) > 16;
    }
    silicon_load(eip, b, n);
    static uint32_t last_eip, last_len;
    mirror(last_eip, last_len);
    mirror(eip, (uint32_t)n);
    memcpy(fh.code + (eip - SILICON_CODE) + n, silicon_tail(0), SILICON_TAIL);
    last_eip = eip;
    last_len = (uint32_t)n;

    s.end = silicon_run(&in, (uint32_t)n, &s.st, &s.f);
    if (s.end == SILICON_HUNG || s.end == SILICON_BAD) {
        resync();
        return true;
    }
    run_fake(&in, (uint32_t)n, single, &u);
    if (skip) {
        resync();
        return true;
    }
    nfaults += s.end == SILICON_FAULT;
    nends += s.end == SILICON_END;
    nleft += s.end == SILICON_LEFT;
    if (s.end != SILICON_FAULT)
        s.f.vector = -1;
    if (u.end != SILICON_FAULT)
        u.f.vector = -1;
    if (s.end != u.end || s.st.eip != u.st.eip) {
        return tell("different end", &in, b, n, &s, &u, undef);
    }
    if (s.end == SILICON_FAULT &&
        (s.f.vector != u.f.vector || ((s.f.error ^ u.f.error) & ~16u) || s.f.cr2 != u.f.cr2)) {
        return tell("different fault", &in, b, n, &s, &u, undef);
    }
    if ((in.eflags ^ s.st.eflags) & IA32_FLAGS & ~written) {
        return tell("flags change that ia32.def does not name", &in, b, n, &s, &u, undef);
    }
    bool loose = s.end == SILICON_FAULT && partial;
    if (!loose && (memcmp(s.st.gpr, u.st.gpr, sizeof s.st.gpr) ||
                   ((s.st.eflags ^ u.st.eflags) & IA32_FLAGS & ~undef))) {
        return tell("different registers", &in, b, n, &s, &u, undef);
    }
    if (loose)
        resync();
    for (uint32_t i = 0; i < fh.ntouched; i++) {
        const uint8_t *p = fh.touched[i];
        bool code = p >= fh.code && p < fh.code + SILICON_CODE_SIZE;
        uint32_t a =
            code ? SILICON_CODE + (uint32_t)(p - fh.code) : SILICON_DATA + (uint32_t)(p - fh.data);
        if (*p != *silicon_ptr(a)) {
            if (otherwise(&in, b, n, &s, &u))
                return true;
            describe("different memory", &in, b, n, &s, &u, undef);
            print_error("  at %x host %02x ours %02x\n", a, *silicon_ptr(a), *p);
            return false;
        }
    }
    if (pushes && maker_of_host() == MAKER_AMD)
        resync(); /* two bytes more than ours, which nobody has touched here */
    if (look && !same_windows()) {
        return tell("different windows, since some while", &in, b, n, &s, &u, undef);
    }
    return true;
}

static bool have_silicon(void)
{
    if (silicon_init() || silicon_limit() != 0xffffffff) {
        print_message("skipped: %s\n",
                      silicon_init() ? silicon_why() : "memory below 4 GB is in use");
        return false;
    }
    struct gen g;
    gen_init(&g, 7);
    for (uint32_t a = SILICON_DATA; a < SILICON_DATA + SILICON_DATA_SIZE; a += 4)
        if (silicon_access(a) & SILICON_W)
            *(uint32_t *)(void *)silicon_ptr(a) = gen_random(&g);
    memset(silicon_ptr(SILICON_CODE), 0xcc, SILICON_CODE_SIZE - SILICON_PAGE);
    resync();
    return true;
}

enum {
    BLOCK_FAMILIES = 1 << GEN_ALU | 1 << GEN_MOVE | 1 << GEN_XCHG | 1 << GEN_FLAG | 1 << GEN_STACK |
                     1 << GEN_STRING | 1 << GEN_CONTROL
};

static void compare_runs(bool single, unsigned many)
{
    struct gen g;
    const char *seed = getenv("SEED"), *runs = getenv("RUNS");
    uint32_t bad = 0, total = (runs ? (uint32_t)atol(runs) : RUNS) / many;
    if (!have_silicon())
        skip();
    gen_init(&g, seed ? (uint64_t)atoll(seed) : 20061);
    nfaults = nends = nleft = notherwise = 0;
    for (uint32_t i = 0; i < total && bad < 20; i++) {
        if (many > 1) {
            g.families = BLOCK_FAMILIES;
            g.opcode = -1;
        } else if (i % 4 == 0) {
            g.families = GEN_ALL;
            g.opcode = gen_opcode(i / 4 % 4096);
        }
        if (!one(&g, many, single, i % 64 == 0)) {
            bad++;
            resync();
        }
    }
    print_message(
        "%u times: %llu ended, %llu faulted, %llu left; %llu otherwise by the host's maker\n",
        total, (unsigned long long)nends, (unsigned long long)nfaults, (unsigned long long)nleft,
        (unsigned long long)notherwise);
    assert_int_equal(bad, 0);
    assert_true(notherwise < total / 20);
}

static void generic_handlers(void **state)
{
    (void)state;
    compare_runs(true, 1);
}

static void fast_handlers(void **state)
{
    (void)state;
    compare_runs(false, 1);
}

static void generic_blocks(void **state)
{
    (void)state;
    compare_runs(true, 12);
}

static void fast_blocks(void **state)
{
    (void)state;
    compare_runs(false, 12);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(generic_handlers), cmocka_unit_test(fast_handlers),
        cmocka_unit_test(generic_blocks), cmocka_unit_test(fast_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

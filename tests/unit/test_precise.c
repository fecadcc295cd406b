/* SPDX-License-Identifier: MIT */
/*
 * Precise exceptions. Blocks run twice, interpreted and translated (each block is translated before
 * its first execution: cms.hot_threshold = 1), with something going wrong in the middle: every
 * memory instruction in turn finds its page gone or read-only, the store buffer full, a T-bit set;
 * every division in turn divides by zero; the instruction deadline comes after every instruction in
 * turn. Registers, flags, EIP, memory, the fault with error code and address, and the number of
 * retired instructions must be exactly those of interpretation. Each test also asserts that the
 * translations did take the trap it is about, since a test in which nothing went wrong proves
 * nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/oracle/gen.h"
#include "tests/oracle/bare.h"
#include "vliw-model/machine.h"

enum {
    CODE = 0x08000000,
    DATA = 0x20000000,
    PAGES = 16,
    PG = 4096,
    MAX_CASES = 6000,
    CODE_MAX = 512
};
/* Accessed and dirty already: else the first store of each block would trap for the dirty mark, and
 * interpretation would get ahead of what the test is about. */
enum { PTE_RW = 0x67, PTE_RO = 0x65, PTE_SUPERVISOR = 0x63, PTE_NONE = 0 };

struct test_case {
    uint8_t code[CODE_MAX];
    uint32_t len;
    struct ia32_state st;
    int bad_page; /* -1: none */
    uint32_t bad_bits;
    uint32_t deadline; /* 0: none */
    bool stubs;        /* run code in every data page first, so that its T-bits are set */
};

struct outcome {
    struct bare_result r;
    uint32_t memory; /* hash of the data window */
};

struct run {
    void (*make)(uint32_t k, struct test_case *c);
    uint32_t ncases, k, stub;
    struct test_case now;
    struct outcome *out;
};

/* Cases take turns over the code window, so that what CMS learnt of one does not decide over the
 * next. */
static uint32_t code_at(uint32_t k)
{
    return CODE + k % (PAGES * PG / CODE_MAX) * CODE_MAX + k / 64 % 7;
}

static uint32_t hash(const uint8_t *p, uint32_t n)
{
    uint32_t h = 2166136261u;

    while (n--)
        h = (h ^ *p++) * 16777619u;
    return h;
}

/* A stub in a data page: nop; int 0x80, placed where the cases' operands lie, so that their chunk
 * is marked. */
static void start_stub(struct bare *b, uint32_t page)
{
    static const uint8_t stub[] = {0x90, 0xcd, 0x80};
    uint32_t gpr[8] = {0};
    uint32_t at = DATA + page * PG + 0x110;

    bare_write(b, at, stub, sizeof stub);
    bare_set(b, gpr, at, 2);
}

static void fill(struct bare *b, uint32_t k)
{
    uint8_t page[PG];

    for (uint32_t p = 0; p < PAGES; p++) {
        for (uint32_t i = 0; i < PG; i++)
            page[i] = (uint8_t)(i * 7 + p * 13 + k);
        bare_write(b, DATA + p * PG, page, PG);
    }
}

static bool next(struct bare *b)
{
    struct run *r = b->ctx;
    struct test_case *c = &r->now;

    if (r->stub) {
        start_stub(b, --r->stub);
        return true;
    }
    bare_write(b, c->st.eip, c->code, c->len);
    if (c->bad_page >= 0)
        bare_page(b, DATA + (uint32_t)c->bad_page * PG, c->bad_bits);
    bare_set(b, c->st.gpr, c->st.eip, c->st.eflags & IA32_FLAGS);
    if (c->deadline)
        bare_deadline(b, c->deadline);
    return true;
}

/* Prepares case k, or ends. */
static bool prepare(struct bare *b)
{
    struct run *r = b->ctx;

    if (r->k == r->ncases)
        return false;
    memset(&r->now, 0, sizeof r->now);
    r->now.bad_page = -1;
    r->now.st.eip = code_at(r->k);
    r->make(r->k, &r->now);
    assert_true(r->now.len <= CODE_MAX - 8);
    for (uint32_t p = 0; p < PAGES; p++)
        bare_page(b, DATA + p * PG, PTE_RW);
    fill(b, r->k);
    r->stub = r->now.stubs ? PAGES : 0;
    return true;
}

static bool next_or_prepare(struct bare *b)
{
    struct run *r = b->ctx;

    if (r->k == 0 && !r->now.len && !prepare(b))
        return false;
    return r->k < r->ncases && next(b);
}

static void done(struct bare *b, const struct bare_result *res)
{
    struct run *r = b->ctx;
    static uint8_t window[PAGES * PG];

    if (res->eip >= DATA && res->eip < DATA + PAGES * PG && res->end == BARE_SYSCALL &&
        r->now.stubs && res->eip % PG == 0x113)
        return; /* a stub ended */
    struct outcome *o = &r->out[r->k];
    o->r = *res;
    bare_read(b, DATA, window, sizeof window);
    o->memory = hash(window, sizeof window);
    r->k++;
    prepare(b);
}

/* Runs all cases in one mode; rollbacks by trap are added to `traps`. */
static void run_mode(struct run *r, uint32_t gears, const char *sets, const struct mdesc *lie,
                     uint64_t traps[T_COUNT_])
{
    struct mdesc m;
    char err[200], one[100];
    struct bare b = {.next = next_or_prepare, .done = done, .ctx = r};

    machine_default(&m);
    snprintf(one, sizeof one, "cms.gears=%u", gears);
    assert_int_equal(machine_set(&m, one, err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "cms.hot_threshold=1", err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "cms.on=host", err, sizeof err), 0);
    assert_int_equal(machine_set(&m, "guest.ram_mb=16", err, sizeof err), 0);
    if (sets && machine_set(&m, sets, err, sizeof err))
        fail_msg("%s", err);
    struct mdesc told = m;
    if (lie)
        told.sb_entries = lie->sb_entries;
    bare_init(&b, &m, &told);
    for (uint32_t p = 0; p < PAGES; p++)
        bare_page(&b, CODE + p * PG, PTE_RW);
    r->k = 0;
    memset(&r->now, 0, sizeof r->now);
    enum vm_stop stop = bare_run(&b);
    if (stop != VM_STOP || b.panic || r->k != r->ncases)
        fail_msg("ended early: stop %d, panic %d, case %u of %u%s%s", stop, b.panic, r->k,
                 r->ncases, stop == VM_DEFECT ? ": " : "",
                 stop == VM_DEFECT ? vm_defect(b.vm) : "");
    const struct vm_stats *s = vm_stats(b.vm);
    for (int t = 0; t < T_COUNT_; t++)
        traps[t] = s->rollback_by_trap[t];
    bare_free(&b);
}

static void print_case(const struct test_case *c)
{
    for (uint32_t i = 0; i < c->len; i++)
        fprintf(stderr, "%02x%s", c->code[i], i % 32 == 31 || i + 1 == c->len ? "\n" : " ");
    for (int i = 0; i < 8; i++)
        fprintf(stderr, "r%d=%08x ", i, c->st.gpr[i]);
    fprintf(stderr, "eflags=%08x bad page %d bits %u deadline %u\n", c->st.eflags, c->bad_page,
            c->bad_bits, c->deadline);
}

static void print_outcome(const char *name, const struct outcome *o)
{
    fprintf(stderr, "%-11s end %d eip %08x efl %08x mem %08x retired %llu vec %u err %x cr2 %08x |",
            name, o->r.end, o->r.eip, o->r.eflags, o->memory, (unsigned long long)o->r.retired,
            o->r.fault.vector, o->r.fault.error, o->r.fault.addr);
    for (int i = 0; i < 8; i++)
        fprintf(stderr, " %08x", o->r.gpr[i]);
    fputc('\n', stderr);
}

static void compare(void (*make)(uint32_t, struct test_case *), uint32_t ncases, const char *sets,
                    const struct mdesc *lie, uint64_t traps[T_COUNT_])
{
    struct run r = {.make = make, .ncases = ncases};
    struct outcome *a = calloc(ncases, sizeof *a), *b = calloc(ncases, sizeof *b);
    uint64_t ignored[T_COUNT_];
    uint32_t bad = 0;

    r.out = a;
    run_mode(&r, 0, sets, NULL, ignored);
    r.out = b;
    run_mode(&r, 1, sets, lie, traps);
    for (uint32_t k = 0; k < ncases; k++) {
        if (!memcmp(&a[k], &b[k], sizeof *a))
            continue;
        if (bad++ < 3) {
            struct test_case c = {.bad_page = -1, .st.eip = code_at(k)};
            make(k, &c);
            fprintf(stderr, "case %u:\n", k);
            print_case(&c);
            print_outcome("interpreted", &a[k]);
            print_outcome("translated", &b[k]);
        }
    }
    free(a);
    free(b);
    if (bad)
        fail_msg("%u of %u cases differ", bad, ncases);
}

/* ---- blocks ---- */

static uint32_t rnd_state;

static uint32_t rnd(void)
{
    rnd_state = rnd_state * 1664525 + 1013904223;
    return rnd_state >> 8;
}

struct text {
    uint8_t *p;
    uint32_t n;
};

static void put(struct text *t, uint32_t n, const uint8_t *bytes)
{
    memcpy(t->p + t->n, bytes, n);
    t->n += n;
}

#define PUT(t, ...) put(t, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void put32(struct text *t, uint32_t v)
{
    PUT(t, (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24));
}

enum { FORMS = 14 };

/* One memory instruction on an address; all have another shape. */
static void memory_insn(struct text *t, uint32_t form, uint32_t at)
{
    static const struct {
        uint8_t n, byte[3];
    } op[FORMS] = {{2, {0x8b, 0x05}},       /* mov eax, m */
                   {2, {0x89, 0x0d}},       /* mov m, ecx */
                   {2, {0x01, 0x15}},       /* add m, edx */
                   {2, {0xff, 0x35}},       /* push m */
                   {3, {0x0f, 0xb6, 0x1d}}, /* movzx ebx, byte m */
                   {2, {0xfe, 0x05}},       /* inc byte m */
                   {2, {0x87, 0x35}},       /* xchg m, esi */
                   {2, {0x8f, 0x05}},       /* pop m */
                   {3, {0x66, 0x21, 0x3d}}, /* and word m, di */
                   {2, {0x2b, 0x05}},       /* sub eax, m */
                   {3, {0x0f, 0xb1, 0x3d}}, /* cmpxchg m, edi */
                   {3, {0x0f, 0xaf, 0x0d}}, /* imul ecx, m */
                   {2, {0xd1, 0x05}},       /* rol m, 1 */
                   {2, {0x13, 0x2d}}};      /* adc ebp, m */
    put(t, op[form].n, op[form].byte);
    put32(t, at);
}

static void alu_insn(struct text *t)
{
    switch (rnd() % 6) {
    case 0: PUT(t, 0x01, 0xd8); break;                 /* add eax, ebx */
    case 1: PUT(t, 0x83, 0xd1, (uint8_t)rnd()); break; /* adc ecx, imm */
    case 2: PUT(t, 0xc1, 0xc2, 7); break;              /* rol edx, 7 */
    case 3: PUT(t, 0x31, 0xf7); break;                 /* xor edi, esi */
    case 4: PUT(t, 0x46); break;                       /* inc esi */
    default: PUT(t, 0xf7, 0xd8); break;                /* neg eax */
    }
}

/* Fourteen memory instructions, each on a page of its own, in random order, ALU work between them.
 */
static void ladder(uint32_t seed, struct test_case *c, uint32_t offset)
{
    struct text t = {c->code, 0};
    uint32_t order[FORMS];

    rnd_state = seed * 2654435761u + 1;
    for (uint32_t i = 0; i < FORMS; i++)
        order[i] = i;
    for (uint32_t i = FORMS - 1; i; i--) {
        uint32_t k = rnd() % (i + 1), x = order[i];
        order[i] = order[k];
        order[k] = x;
    }
    for (uint32_t i = 0; i < FORMS; i++) {
        memory_insn(&t, order[i], DATA + i * PG + offset);
        if (rnd() & 1)
            alu_insn(&t);
    }
    PUT(&t, 0xcd, 0x80);
    c->len = t.n;
    for (uint32_t i = 0; i < 8; i++)
        c->st.gpr[i] = rnd() << 8 | (rnd() & 255);
    c->st.gpr[4] = DATA + 15 * PG + 0x800; /* the stack has the last page */
    c->st.eflags = rnd() & IA32_FLAGS & ~0x400u;
}

static void make_page_gone(uint32_t k, struct test_case *c)
{
    ladder(k / 48, c, k / 48 % 3 ? 0x120 + k / 48 % 7 : 0xffe);
    c->bad_page = (int)(k % 16);
    c->bad_bits = k / 16 % 3 == 0 ? PTE_NONE : k / 16 % 3 == 1 ? PTE_RO : PTE_SUPERVISOR;
}

static void page_gone(void **state)
{
    uint64_t traps[T_COUNT_];

    (void)state;
    compare(make_page_gone, 48 * 40, NULL, NULL, traps);
    assert_true(traps[T_PAGE] > 400);
    assert_true(traps[T_PERM] > 400);
}

static void make_plain(uint32_t k, struct test_case *c)
{
    ladder(k, c, 0x100 + k % 300);
}

/* CMS believes in a deep buffer, the hardware has four entries: overflow at whatever store comes
 * fifth. */
static void buffer_full(void **state)
{
    struct mdesc lie;
    uint64_t traps[T_COUNT_];

    (void)state;
    machine_default(&lie);
    lie.sb_entries = 64;
    compare(make_plain, 500, "sb.entries=4", &lie, traps);
    assert_true(traps[T_SB_FULL] > 200);
}

static void make_stubs(uint32_t k, struct test_case *c)
{
    ladder(k, c, 0x114 + k % 60);
    c->stubs = true;
}

static void tbit_hit(void **state)
{
    uint64_t traps[T_COUNT_];

    (void)state;
    compare(make_stubs, 200, NULL, NULL, traps);
    assert_true(traps[T_TBIT] > 200);
}

static void make_deadline(uint32_t k, struct test_case *c)
{
    ladder(k / 24, c, 0x140);
    c->deadline = k % 24 + 1;
}

static void deadline(void **state)
{
    uint64_t traps[T_COUNT_];

    (void)state;
    compare(make_deadline, 24 * 20, NULL, NULL, traps);
    assert_true(traps[T_DEADLINE] > 200);
}

/* Ten divisions of several kinds; the k-th divisor is zero, or too small for the quotient. */
static void make_divide(uint32_t k, struct test_case *c)
{
    struct text t = {c->code, 0};

    rnd_state = k * 7919 + 3;
    for (uint32_t i = 0; i < 10; i++) {
        bool bad = i == k % 10;
        PUT(&t, 0xbb); /* mov ebx, divisor */
        put32(&t, bad ? (k / 10 & 1 ? 0 : 1) : 0x7001 + rnd() % 1000);
        PUT(&t, 0xba); /* mov edx, high */
        put32(&t, bad ? 0x55 + rnd() % 100 : rnd() % 0x5000);
        PUT(&t, 0xb8); /* mov eax, low */
        put32(&t, rnd());
        switch (rnd() % 4) {
        case 0: PUT(&t, 0xf7, 0xf3); break;       /* div ebx */
        case 1: PUT(&t, 0xf7, 0xfb); break;       /* idiv ebx */
        case 2: PUT(&t, 0x66, 0xf7, 0xf3); break; /* div bx */
        default: PUT(&t, 0xf6, 0xf3); break;      /* div bl */
        }
        alu_insn(&t);
    }
    PUT(&t, 0xcd, 0x80);
    c->len = t.n;
    c->st.gpr[4] = DATA + 15 * PG + 0x800;
}

static void divide(void **state)
{
    uint64_t traps[T_COUNT_];

    (void)state;
    compare(make_divide, 600, NULL, NULL, traps);
    assert_true(traps[T_DIVIDE] + traps[T_CODE] > 300);
}

/* Any integer instructions, and the pages as bad as they happen to be. */
static void make_random(uint32_t k, struct test_case *c)
{
    struct gen g;

    gen_init(&g, k * 0x9e3779b97f4a7c15u + 5);
    c->len = (uint32_t)gen_block(&g, c->st.eip, c->code, 1 + gen_random(&g) % 14);
    gen_state(&g, &c->st);
    c->code[c->len++] = 0xcd;
    c->code[c->len++] = 0x80;
    if (gen_random(&g) & 1) {
        c->bad_page = (int)(gen_random(&g) % PAGES);
        c->bad_bits = gen_random(&g) & 1 ? PTE_NONE : PTE_RO;
    }
    /* A wild jump may loop for ever: the deadline ends that too. */
    c->deadline = gen_random(&g) % 4 ? 3000 : 1 + gen_random(&g) % 8;
}

static void random_blocks(void **state)
{
    uint64_t traps[T_COUNT_];

    (void)state;
    compare(make_random, MAX_CASES, NULL, NULL, traps);
    compare(make_random, MAX_CASES / 3, "sb.entries=4", NULL, traps);
    compare(make_random, MAX_CASES / 3, "cms.tcache_kb=64", NULL, traps);
    assert_true(traps[T_PAGE] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_gone), cmocka_unit_test(buffer_full),
        cmocka_unit_test(tbit_hit),  cmocka_unit_test(deadline),
        cmocka_unit_test(divide),    cmocka_unit_test(random_blocks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

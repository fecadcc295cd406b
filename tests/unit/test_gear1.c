/* SPDX-License-Identifier: MIT */
/*
 * Gear 1 against the interpreter: random blocks, run interpreted and run translated
 * (cms.hot_threshold = 1: each block is translated before its first execution), on every machine
 * file and on every combination of capabilities, with short and long blocks and small store
 * buffers. Registers, flags, EIP, memory, the fault and the count of retired instructions must be
 * the same, and the verifiers of IR and bundles must find nothing. The interpreter itself is
 * compared with silicon elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "concealed-mem/map.h"
#include "isa-frontend/mode.h"
#include "morpher/gear1.h"
#include "morpher/host/hw_host.h"
#include "tests/oracle/gen.h"
#include "tests/oracle/bare.h"
#include "toolchain/link.h"
#include "vliw-model/machine.h"

enum { CODE = SILICON_CODE, DATA = SILICON_DATA, PAGES = 16, PG = 4096, CODE_PAGES = 2 };
enum { PTE_RW = 7, PTE_RO = 5, PTE_NONE = 0 };

struct test_case {
    uint8_t code[GEN_BLOCK_MAX * GEN_INSN_MAX + 10];
    uint32_t len;
    struct ia32_state st;
};

struct outcome {
    struct bare_result r;
    uint32_t memory;
};

/* Another place for each case, at times across the page boundary. */
static uint32_t start(uint32_t k)
{
    return CODE + 0x40 + k * 67 % 5500;
}

struct run {
    uint32_t seed, ncases, k, insns;
    unsigned families;
    struct outcome *out;
};

static uint32_t hash(const uint8_t *p, uint32_t n)
{
    uint32_t h = 2166136261u;
    while (n--)
        h = (h ^ *p++) * 16777619u;
    return h;
}

static void make(const struct run *r, uint32_t k, struct test_case *c)
{
    struct gen g;
    gen_init(&g, (uint64_t)r->seed << 32 | (k + 1));
    g.families = r->families;
    if (k & 3)
        g.wild = 0; /* or long blocks would never reach their end */
    /* A jump first: after a fault CMS interprets up to the end of a block. */
    c->code[0] = 0xeb;
    c->code[1] = 0;
    c->len = 2 + (uint32_t)gen_block(&g, start(k) + 2, c->code + 2, r->insns);
    if (k % 3 == 0) { /* back to the beginning, on some condition, until the deadline */
        uint32_t back = 2 - (c->len + 6);
        c->code[c->len++] = 0x0f;
        c->code[c->len++] = (uint8_t)(0x80 | (k / 3 & 15));
        memcpy(c->code + c->len, &back, 4);
        c->len += 4;
    }
    c->code[c->len++] = 0xcd;
    c->code[c->len++] = 0x80;
    gen_state(&g, &c->st);
}

static bool next(struct bare *b)
{
    struct run *r = b->ctx;
    static struct test_case c;
    static uint8_t page[PG];
    if (r->k == r->ncases)
        return false;
    memset(&c, 0, sizeof c);
    make(r, r->k, &c);
    for (uint32_t p = 0; p < PAGES; p++) {
        uint32_t la = DATA + p * PG;
        for (uint32_t i = 0; i < PG; i++)
            page[i] = (uint8_t)(i * 7 + p * 13 + r->k);
        bare_write(b, la, page, PG);
    }
    memset(page, 0xcc, PG);
    for (uint32_t p = 0; p < CODE_PAGES; p++)
        bare_write(b, CODE + p * PG, page, PG);
    bare_write(b, start(r->k), c.code, c.len);
    bare_set(b, c.st.gpr, start(r->k), c.st.eflags & IA32_FLAGS);
    /* A block may loop for long (REP, or a jump that the generator did not think of). */
    bare_deadline(b, 2000);
    return true;
}

static void done(struct bare *b, const struct bare_result *res)
{
    struct run *r = b->ctx;
    static uint8_t window[PAGES * PG];
    struct outcome *o = &r->out[r->k++];
    o->r = *res;
    bare_read(b, DATA, window, sizeof window);
    o->memory = hash(window, sizeof window);
}

static void set(struct mdesc *m, const char *assignment)
{
    char err[200];
    if (machine_set(m, assignment, err, sizeof err))
        fail_msg("%s", err);
}

/* The image of CMS that make leaves beside the tests; false if it is not there. */
static bool load_cms(struct vm *vm, const struct mdesc *m)
{
    char path[400], err[600];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 20);
    static struct lo lo; /* must outlive the image */
    struct image image;
    assert_true(n > 0);
    path[n] = 0;
    *strrchr(path, '/') = 0;
    strcpy(strrchr(path, '/'), "/cms.lo");
    if (access(path, R_OK))
        return false;
    if (lo_read_file(&lo, path, err, sizeof err) ||
        tc_link(&lo, m, vm_concealed_base(vm) + CM_IMAGE, &image, err, sizeof err))
        fail_msg("%s", err);
    assert_int_equal(tc_load(&image, vm), 0);
    vm_set_pc(vm, tc_symbol(&image, "_start"));
    tc_image_free(&image);
    lo_free(&lo);
    return true;
}

enum where { ON_HOST, ON_MODEL };

/* `code`, if not NULL, gets a copy of the translation cache. Returns instructions retired from
 * translations, or UINT64_MAX without an image of CMS. */
static uint64_t run_mode(struct run *r, const struct mdesc *machine, uint32_t gears,
                         enum where where, uint8_t **code)
{
    struct mdesc m = *machine;
    struct bare b = {.next = next, .done = done, .ctx = r};
    m.cms_gears = gears;
    set(&m, "cms.hot_threshold=1");
    set(&m, where == ON_HOST ? "cms.on=host" : "cms.on=model");
    set(&m, "cms.verify=1");
    set(&m, "guest.ram_mb=16");
    gear1_reset();
    bare_init(&b, &m, NULL);
    for (uint32_t p = 0; p < CODE_PAGES; p++)
        bare_page(&b, CODE + p * PG, PTE_RW);
    for (uint32_t la = DATA; la < DATA + PAGES * PG; la += PG) {
        bare_page(&b, la, la == SILICON_DATA_RO ? PTE_RO : PTE_RW);
        if (la == SILICON_DATA_NONE) /* with its frame, but not present */
            bare_page(&b, la, PTE_NONE);
    }
    r->k = 0;
    enum vm_stop stop;
    if (where == ON_HOST) {
        stop = bare_run(&b);
    } else {
        if (!load_cms(b.vm, &m)) {
            bare_free(&b);
            return UINT64_MAX;
        }
        assert_true(next(&b));
        stop = vm_run(b.vm, UINT64_MAX);
    }
    if (stop != VM_STOP || b.panic || r->k != r->ncases)
        fail_msg("ended early: stop %d, panic %d, case %u of %u%s%s", stop, b.panic, r->k,
                 r->ncases, stop == VM_DEFECT ? ": " : "",
                 stop == VM_DEFECT ? vm_defect(b.vm) : "");
    uint64_t translated = vm_stats(b.vm)->retired_xlat;
    if (code) {
        uint32_t size = m.xcache_kb << 10;
        *code = malloc(size);
        memcpy(*code, vm_mem(b.vm, vm_mem_size(b.vm) - size, size), size);
    }
    bare_free(&b);
    if (gear1_state()->bad)
        fail_msg("%u defects found by the verifiers, the last: %s", gear1_state()->bad,
                 gear1_state()->why);
    return translated;
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

static void compare(const char *name, const struct mdesc *m, uint32_t seed, uint32_t ncases,
                    uint32_t insns, unsigned families)
{
    const char *many = getenv("RUNS"), *other = getenv("SEED"); /* for long runs by hand */
    if (other)
        seed += 1000 * (uint32_t)atoi(other);
    if (many)
        ncases *= (uint32_t)atoi(many);
    struct run r = {.seed = seed, .ncases = ncases, .insns = insns, .families = families};
    struct outcome *a = calloc(ncases, sizeof *a), *b = calloc(ncases, sizeof *b);
    uint32_t bad = 0;
    r.out = a;
    run_mode(&r, m, 0, ON_HOST, NULL);
    r.out = b;
    uint64_t translated = run_mode(&r, m, 1, ON_HOST, NULL);
    for (uint32_t k = 0; k < ncases; k++) {
        if (!memcmp(&a[k], &b[k], sizeof *a))
            continue;
        if (bad++ >= 3)
            continue;
        static struct test_case c;
        memset(&c, 0, sizeof c);
        make(&r, k, &c);
        fprintf(stderr, "%s, seed %u, case %u:\n", name, seed, k);
        for (uint32_t i = 0; i < c.len; i++)
            fprintf(stderr, "%02x%s", c.code[i], i % 32 == 31 || i + 1 == c.len ? "\n" : " ");
        fprintf(stderr, "in efl %08x |", c.st.eflags);
        for (int i = 0; i < 8; i++)
            fprintf(stderr, " %08x", c.st.gpr[i]);
        fputc('\n', stderr);
        print_outcome("interpreted", &a[k]);
        print_outcome("translated", &b[k]);
    }
    free(a);
    free(b);
    if (bad)
        fail_msg("%s: %u of %u cases differ", name, bad, ncases);
    if (translated < 2 * ncases) /* the test must be about something */
        fail_msg("%s: %llu instructions translated", name, (unsigned long long)translated);
}

enum {
    INTEGER = GEN_ALL & ~(1u << GEN_TRAP),
    STRAIGHT = INTEGER & ~(1u << GEN_CONTROL | 1u << GEN_STRING | 1u << GEN_BCD)
};

static void machine_file(struct mdesc *m, const char *name)
{
    char path[100], err[200];
    snprintf(path, sizeof path, "machines/%s.ini", name);
    if (machine_load(m, path, err, sizeof err))
        fail_msg("%s", err);
}

static void machine_files(void **state)
{
    static const char *const names[] = {"tm5800", "tm8600", "vliw4"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct mdesc m;
        machine_file(&m, names[i]);
        compare(names[i], &m, 1, 400, 12, INTEGER);
        compare(names[i], &m, 2, 150, 40, STRAIGHT);
        compare(names[i], &m, 3, 400, 3, INTEGER);
    }
}

static void capabilities(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 8; k++) {
        struct mdesc m;
        char name[60];
        machine_file(&m, k & 4 ? "tm5800" : "vliw4");
        m.cap_disp = k & 1;
        m.cap_select = k >> 1 & 1;
        snprintf(name, sizeof name, "%s disp=%u select=%u", k & 4 ? "tm5800" : "vliw4", m.cap_disp,
                 m.cap_select);
        compare(name, &m, 10 + k, 250, 16, INTEGER);
    }
}

static void narrow(void **state)
{
    struct mdesc m;
    (void)state;
    machine_default(&m);
    set(&m, "bundle.width=1");
    set(&m, "bundle.formats=mem+alu+shift+mul+fp+br.imm");
    compare("one op a bundle", &m, 20, 250, 12, INTEGER);
    machine_file(&m, "tm8600");
    set(&m, "lat.load=7");
    set(&m, "lat.cc=3");
    set(&m, "lat.shift=2");
    compare("long latencies", &m, 21, 250, 12, INTEGER);
}

static void small(void **state)
{
    struct mdesc m;
    (void)state;
    machine_file(&m, "tm5800");
    set(&m, "sb.entries=4");
    compare("four store-buffer entries", &m, 30, 300, 16, INTEGER);
    machine_file(&m, "tm5800");
    set(&m, "cms.max_block=1");
    compare("blocks of one", &m, 31, 200, 12, INTEGER);
    set(&m, "cms.max_block=64");
    compare("blocks of 64", &m, 32, 60, 64, STRAIGHT);
    set(&m, "cms.jtlb=0");
    compare("no JTLB", &m, 33, 200, 12, INTEGER);
    set(&m, "cms.chain=0");
    compare("no chaining", &m, 34, 200, 12, INTEGER);
}

/*
 * A block across two pages, each of which is mapped now to one frame and now to another with other
 * code: xchk must notice, at the entry for the first, in the body for the second.
 */
enum { REMAPS = 64, ACROSS = CODE + 16 * PG };

struct remap {
    uint32_t k, frame[2][2], eax[REMAPS];
};

static uint32_t which(uint32_t k, uint32_t page)
{
    return k * 2654435761u >> (20 + page) & 1;
}

static bool next_remap(struct bare *b)
{
    struct remap *r = b->ctx;
    static const uint32_t gpr[8];
    if (r->k == REMAPS)
        return false;
    for (uint32_t p = 0; p < 2; p++)
        bare_page_at(b, ACROSS + p * PG, r->frame[p][which(r->k, p)], PTE_RW);
    bare_set(b, gpr, ACROSS + PG - 5, 0);
    return true;
}

static void done_remap(struct bare *b, const struct bare_result *res)
{
    struct remap *r = b->ctx;
    assert_int_equal(res->end, BARE_SYSCALL);
    r->eax[r->k++] = res->gpr[0];
}

static void remapped_pages(void **state)
{
    (void)state;
    struct remap r = {0};
    struct bare b = {.next = next_remap, .done = done_remap, .ctx = &r};
    struct mdesc m;
    machine_file(&m, "tm5800");
    set(&m, "cms.hot_threshold=1");
    set(&m, "cms.on=host");
    set(&m, "guest.ram_mb=16");
    gear1_reset();
    bare_init(&b, &m, NULL);
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t v = 0; v < 2; v++) {
            /* jmp to the next; mov eax, 0x2222 * (v + 1) << 16 | 0x1111 * (v + 1); int 0x80 */
            uint8_t first[5] = {0xeb, 0, 0xb8, (uint8_t)(0x11 * (v + 1)),
                                (uint8_t)(0x11 * (v + 1))};
            uint8_t second[4] = {(uint8_t)(0x22 * (v + 1)), (uint8_t)(0x22 * (v + 1)), 0xcd, 0x80};
            uint32_t la = ACROSS + (4 + 2 * p + v) * PG;
            bare_page(&b, la, PTE_RW);
            bare_write(&b, p ? la : la + PG - 5, p ? second : first, p ? 4 : 5);
            r.frame[p][v] = bare_frame(&b, la);
        }
    assert_int_equal(bare_run(&b), VM_STOP);
    assert_int_equal(r.k, REMAPS);
    for (uint32_t k = 0; k < REMAPS; k++)
        assert_int_equal(r.eax[k], 0x22220000 * (which(k, 1) + 1) | 0x1111 * (which(k, 0) + 1));
    const struct vm_stats *s = vm_stats(b.vm);
    assert_true(s->rollback_by_trap[T_XCHK] > 0); /* it was xchk that noticed */
    assert_true(s->retired_xlat > REMAPS / 4);
    bare_free(&b);
}

/*
 * Code without a branch that is longer than a translation: when its first piece has become hot, so
 * have the others. 1200 times inc eax, and 60 times round; hot after 50.
 */
enum { LONG = 1200, ROUNDS = 60, HOT = 50 };

static bool next_long(struct bare *b)
{
    bool *begun = b->ctx;
    const uint32_t gpr[8] = {[1] = ROUNDS};
    if (*begun)
        return false;
    bare_set(b, gpr, CODE, 0);
    return *begun = true;
}

static void done_long(struct bare *b, const struct bare_result *res)
{
    (void)b;
    assert_int_equal(res->end, BARE_SYSCALL);
    assert_int_equal(res->gpr[0], LONG * ROUNDS);
}

static void long_code(void **state)
{
    /* dec ecx; jnz to the beginning; int 0x80 */
    const uint32_t back = 0u - (LONG + 7);
    const uint8_t tail[] = {0x49,
                            0x0f,
                            0x85,
                            (uint8_t)back,
                            (uint8_t)(back >> 8),
                            (uint8_t)(back >> 16),
                            (uint8_t)(back >> 24),
                            0xcd,
                            0x80};
    uint8_t code[LONG + sizeof tail];
    bool begun = false;
    struct bare b = {.next = next_long, .done = done_long, .ctx = &begun};
    struct mdesc m;
    (void)state;
    memset(code, 0x40, LONG);
    memcpy(code + LONG, tail, sizeof tail);
    machine_file(&m, "tm5800");
    set(&m, "cms.hot_threshold=50");
    set(&m, "cms.on=host");
    set(&m, "guest.ram_mb=16");
    gear1_reset();
    bare_init(&b, &m, NULL);
    bare_page(&b, CODE, PTE_RW);
    bare_write(&b, CODE, code, sizeof code);
    assert_int_equal(bare_run(&b), VM_STOP);
    assert_true(begun);
    /* All of it from the next round on. */
    assert_true(vm_stats(b.vm)->retired_xlat > (uint64_t)LONG * (ROUNDS - HOT - 1));
    bare_free(&b);
}

/* Any bytes at all: whatever the decoder takes for code, the translator makes well-formed bundles
 * of, or gives up. */
enum { BYTES_AT = CODE, BYTES_FRAME = 32 };

struct any_bytes {
    uint32_t reason[AB_COUNT_], insns;
};

static void translate_any(void *arg)
{
    struct any_bytes *a = arg;
    static struct xlat x;
    for (uint32_t k = 0; k < 2; k++)
        hw_tlbw(BYTES_AT + k * PG, (BYTES_FRAME + k) << 12 | TLB_V | TLB_R | (k ? 0 : TLB_X));
    for (uint32_t at = 0; at < PG; at++) {
        enum abort_reason r =
            gear1_translate(BYTES_AT + at, MODE_PROCESS_TLS, 0x1000000, XLAT_WORDS, &x);
        a->reason[r]++;
        if (r == AB_NONE)
            a->insns += x.ninsns;
    }
}

static void any_bytes(void **state)
{
    static const char *const names[] = {"tm5800", "tm8600", "vliw4"};
    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        static const struct vm_platform none;
        struct any_bytes a = {0};
        struct mdesc m;
        struct gen g;
        gen_init(&g, 90 + i);
        machine_file(&m, names[i % 3]);
        set(&m, "cms.on=host");
        set(&m, "cms.verify=1");
        set(&m, "guest.ram_mb=16");
        struct vm *vm = vm_new(&m, &none);
        assert_non_null(vm);
        struct cm_boot *boot = (void *)vm_mem(vm, vm_concealed_base(vm) + CM_BOOT, sizeof *boot);
        boot->machine = m;
        uint8_t *page = vm_mem(vm, BYTES_FRAME * PG, PG);
        for (uint32_t k = 0; k < PG;
             k++) /* every other run without the one-byte map's control transfers */
            do
                page[k] = (uint8_t)gen_random(&g);
            while ((i & 1) && ((page[k] & 0xf0) == 0x70 || page[k] >= 0xe0));
        gear1_reset();
        assert_int_equal(hostcms_call(vm, translate_any, &a), HOSTCMS_RETURNED);
        vm_free(vm);
        if (gear1_state()->bad)
            fail_msg("%s: %s", names[i % 3], gear1_state()->why);
        assert_true(a.reason[AB_NONE] > PG / 4 && a.insns > PG / 2);
        assert_int_equal(a.reason[AB_NONE] + a.reason[AB_UNSUPPORTED] + a.reason[AB_FETCH], PG);
    }
}

/*
 * CMS compiled for the host and CMS on the modelled machine make the same bundles: the whole
 * translation cache is equal to the bit, on a padded and on a dense machine.
 */
static void same_bundles(void **state)
{
    static const char *const names[] = {"tm5800", "tm8600"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        enum { CASES = 150 };
        static struct outcome a[CASES], b[CASES];
        struct run r = {.seed = 70, .ncases = CASES, .insns = 16, .families = INTEGER, .out = a};
        struct mdesc m;
        uint8_t *host, *model;
        machine_file(&m, names[i]);
        set(&m, "cms.tcache_kb=256");
        run_mode(&r, &m, 1, ON_HOST, &host);
        r.out = b;
        uint64_t translated = run_mode(&r, &m, 1, ON_MODEL, &model);
        if (translated == UINT64_MAX) {
            free(host);
            print_message("no cms.lo in this build\n");
            skip();
        }
        assert_true(translated > CASES && (host[0] | host[1] | host[2] | host[3]));
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(host, model, 256 << 10);
        free(host);
        free(model);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_files),  cmocka_unit_test(capabilities),
        cmocka_unit_test(narrow),         cmocka_unit_test(small),
        cmocka_unit_test(remapped_pages), cmocka_unit_test(long_code),
        cmocka_unit_test(any_bytes),      cmocka_unit_test(same_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Programs that rewrite themselves, at random, while CMS translates, chains, evicts and invalidates
 * under them. A main loop calls small functions through a table (JTLB) that jump to one another
 * (chains); every few rounds it overwrites an operand, an opcode or a jump's displacement in one of
 * them, or data beside one in the same chunk. Between cases the platform rewrites and remaps code
 * pages. Every end state must be that of interpretation alone; and with T-bits, bus queue or xchk
 * broken on purpose, it must not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "concealed-mem/map.h"
#include "concealed-mem/stats.h"
#include "tests/oracle/bare.h"
#include "vliw-model/machine.h"
#include "vliw-model/test_break.h"

enum {
    MAIN = 0x10000,
    TABLE = 0x20000,
    SEED = 0x21000,
    STACK = 0x31000,
    CODE = 0x400000, /* three pages */
    NFN = 32,
    CASES = 24,
    ROUNDS = 900
};

static uint32_t rng;
static uint32_t rnd(uint32_t n)
{
    rng = rng * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(rng >> 8) * n >> 24);
}

struct end_state {
    uint32_t gpr[8], eip, eflags;
    uint64_t retired;
    uint32_t hash; /* of the code pages */
};

static struct {
    uint32_t n, seed;
    struct end_state end[CASES];
    uint32_t swapped;
} run_state;

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
    return p + 4;
}

static uint8_t *put(uint8_t *p, const char *bytes, uint32_t n)
{
    memcpy(p, bytes, n);
    return p + n;
}

/*
 * Function k: add eax, imm32; xor eax, imm32; rol eax, imm8; then a word of data that is jumped
 * over; then jmp to a later function, or ret.
 */
enum {
    FUNC_ADD = 1,
    FUNC_XOR = 6,
    FUNC_OP = 0,
    FUNC_ROL = 12,
    FUNC_DATA = 15,
    FUNC_JMP = 19,
    FUNC_BYTES = 24
};

static void write_functions(struct bare *b)
{
    uint32_t at[NFN], pos = CODE + rnd(100), table[NFN];
    static const uint32_t spans[] = {24, 30, 64, 130, 300};

    for (uint32_t k = 0; k < NFN; k++) {
        at[k] = pos;
        table[k] = pos;
        pos += spans[rnd(5)] + rnd(8);
        /* One of them across each page border. */
        if ((pos & 4095) > 4060)
            pos = (pos & ~4095u) + 4096 - 10;
    }
    assert_true(pos < CODE + 3 * 4096);
    for (uint32_t k = 0; k < NFN; k++) {
        uint8_t fn[FUNC_BYTES], *p = fn;

        *p++ = 0x05;
        p = put32(p, rnd(0xffffffff));
        *p++ = 0x35;
        p = put32(p, rnd(0xffffffff));
        p = put(p, "\xc1\xc0", 2);
        *p++ = (uint8_t)(1 + rnd(31));
        p = put(p, "\xeb\x04", 2);
        p = put32(p, 0);
        if (k + 1 < NFN && rnd(2)) {
            uint32_t to = at[k + 1 + rnd(NFN - k - 1)];

            *p++ = 0xe9;
            p = put32(p, to - (at[k] + FUNC_BYTES));
        } else {
            *p++ = 0xc3;
        }
        bare_write(b, at[k], fn, (uint32_t)(p - fn));
    }
    bare_write(b, TABLE, table, sizeof table);
}

static void write_main(struct bare *b)
{
    uint8_t code[256], *p = code, *top, *skip[4];

    *p++ = 0xb9; /* mov ecx, ROUNDS */
    p = put32(p, ROUNDS);
    top = p;
    p = put(p, "\x69\x15", 2); /* imul edx, [SEED], 1664525 */
    p = put32(p, SEED);
    p = put32(p, 1664525);
    p = put(p, "\x81\xc2", 2); /* add edx, 1013904223 */
    p = put32(p, 1013904223);
    p = put(p, "\x89\x15", 2); /* mov [SEED], edx */
    p = put32(p, SEED);
    p = put(p, "\x89\xd3\xc1\xeb\x1b", 5); /* mov ebx, edx; shr ebx, 27 */
    p = put(p, "\xff\x14\x9d", 3);         /* call [TABLE + ebx*4] */
    p = put32(p, TABLE);
    /* What to write: by bits 8.. of the random number; mostly nothing. */
    p = put(p, "\x89\xd6\xc1\xee\x14\x83\xe6\x1f", 8); /* mov esi, edx; shr esi, 20; and esi, 31 */
    p = put(p, "\x8b\x3c\xb5", 3);                     /* mov edi, [TABLE + esi*4] */
    p = put32(p, TABLE);
    p = put(p, "\xf6\xc6\x3c\x75", 4); /* test dh, 0x3c; jnz */
    skip[0] = p++;
    p = put(p, "\x89\x57\x01", 3); /* mov [edi + FUNC_ADD], edx */
    *skip[0] = (uint8_t)(p - skip[0] - 1);
    p = put(p, "\xf6\xc6\x7a\x75", 4);
    skip[1] = p++;
    p = put(p, "\x80\x77\x05\x18", 4); /* xor byte [edi + 5], 0x18: xor eax <-> sub eax, imm */
    *skip[1] = (uint8_t)(p - skip[1] - 1);
    p = put(p, "\xf6\xc6\x1c\x75", 4);
    skip[2] = p++;
    p = put(p, "\x01\x57\x0f", 3); /* add [edi + FUNC_DATA], edx: data in the chunk */
    *skip[2] = (uint8_t)(p - skip[2] - 1);
    p = put(p, "\xf6\xc6\xe1\x75", 4);
    skip[3] = p++;
    p = put(p, "\xc6\x47\x13\xc3", 4); /* mov byte [edi + FUNC_JMP], 0xc3: ret */
    *skip[3] = (uint8_t)(p - skip[3] - 1);
    *p++ = 0x49; /* dec ecx; jnz top */
    p = put(p, "\x0f\x85", 2);
    p = put32(p, (uint32_t)(top - (p + 4)));
    p = put(p, "\xcd\x80", 2);
    bare_write(b, MAIN, code, (uint32_t)(p - code));
}

static bool next(struct bare *b)
{
    uint32_t gpr[8] = {0x12345678, 0, 0, 0, STACK - 16, 0, 0, 0}, seed;

    if (run_state.n == CASES)
        return false;
    rng = run_state.seed + run_state.n * 7919;
    seed = rnd(0xffffffff);
    for (uint32_t k = 0; k < 3; k++)
        bare_page(b, CODE + k * 4096, 7);
    /* Rewritten by the platform; or another frame brought in, with code of its own; or left as the
     * case before had it. */
    switch (run_state.n ? rnd(3) : 0) {
    case 0: write_functions(b); break;
    case 1: {
        uint32_t f0 = bare_frame(b, CODE), f1 = bare_frame(b, CODE + 4096);
        uint8_t page[4096], other[4096];

        /* Two frames change places, and contents with them: same bytes at the same addresses, other
         * identity. */
        bare_read(b, CODE, page, 4096);
        bare_read(b, CODE + 4096, other, 4096);
        bare_page_at(b, CODE, f1, 7);
        bare_page_at(b, CODE + 4096, f0, 7);
        if (rnd(2))
            break; /* contents did not follow: other code at the same addresses */
        bare_write(b, CODE, page, 4096);
        bare_write(b, CODE + 4096, other, 4096);
        break;
    }
    default: break;
    }
    bare_write(b, SEED, &seed, 4);
    bare_set(b, gpr, MAIN, 2);
    /* Code that a swap garbled may run wild. */
    bare_deadline(b, 60000);
    return true;
}

static uint32_t hash_pages(struct bare *b)
{
    uint8_t page[4096];
    uint32_t h = 0;

    for (uint32_t k = 0; k < 3; k++) {
        bare_read(b, CODE + k * 4096, page, 4096);
        for (uint32_t i = 0; i < 4096; i++)
            h = (h ^ page[i]) * 16777619;
    }
    return h;
}

static void done(struct bare *b, const struct bare_result *r)
{
    struct end_state *e = &run_state.end[run_state.n++];

    memcpy(e->gpr, r->gpr, sizeof e->gpr);
    e->eip = r->eip;
    e->eflags = r->eflags & ~0x10u; /* AF after shifts */
    e->retired = r->retired;
    e->hash = hash_pages(b);
}

struct counts {
    struct cms_stats cms;
    uint64_t tbit, xchk, xlat, retired;
};

static struct counts run(uint32_t seed, struct mdesc m, unsigned broken, struct end_state *end)
{
    struct bare b = {.next = next, .done = done};
    struct counts c;
    const struct vm_stats *s;

    memset(&run_state, 0, sizeof run_state);
    run_state.seed = seed;
    m.cms_host = CMS_ON_HOST;
    m.guest_ram_mb = 16;
    m.concealed_mb = 8;
    bare_init(&b, &m, NULL);
    bare_page(&b, MAIN, 7);
    bare_page(&b, TABLE, 7);
    bare_page(&b, SEED, 7);
    bare_page(&b, STACK - 4096, 7);
    if (broken)
        vm_test_break(b.vm, broken);
    write_main(&b);
    assert_int_equal(bare_run(&b), VM_STOP);
    if (!broken) {
        assert_false(b.panic);
        assert_int_equal(run_state.n, CASES);
    }
    memcpy(end, run_state.end, sizeof run_state.end);
    memcpy(&c.cms, vm_mem(b.vm, vm_concealed_base(b.vm) + CM_STATS, sizeof c.cms), sizeof c.cms);
    s = vm_stats(b.vm);
    c.tbit = s->rollback_by_trap[T_TBIT];
    c.xchk = s->rollback_by_trap[T_XCHK];
    c.xlat = s->retired_xlat;
    c.retired = s->retired;
    bare_free(&b);
    return c;
}

static struct mdesc plain(void)
{
    struct mdesc m;

    machine_default(&m);
    m.xcache_kb = 1024;
    m.cms_hot = 3;
    return m;
}

static bool same(const struct end_state *a, const struct end_state *b)
{
    return memcmp(a, b, CASES * sizeof *a) == 0;
}

static void test_all_ways(void **state)
{
    static struct end_state want[CASES], got[CASES];

    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        struct mdesc m = plain();
        struct counts c;

        m.cms_gears = 0;
        c = run(seed, m, 0, want);
        assert_int_equal(c.xlat, 0);
        m = plain();
        c = run(seed, m, 0, got);
        assert_true(same(want, got));
        assert_true(c.tbit > 50 && c.xchk > 0 && c.cms.invalidations > 50 && c.cms.chains > 50);
        assert_true(c.xlat > c.retired / 3);
        m.xcache_kb = 64; /* with a low threshold and much garbage: evictions */
        m.cms_hot = 1;
        c = run(seed, m, 0, got);
        assert_true(same(want, got));
        assert_true(c.cms.evictions > 0);
        m.cms_evict = EVICT_FLUSH;
        run(seed, m, 0, got);
        assert_true(same(want, got));
        m = plain();
        m.cms_chain = 0;
        m.cms_jtlb = 0;
        run(seed, m, 0, got);
        assert_true(same(want, got));
    }
}

/* The comparison notices when a mechanism is missing. */
static void test_broken(void **state)
{
    static const unsigned breaks[] = {BREAK_TBITS, BREAK_BUS, BREAK_XCHK};
    static struct end_state want[CASES], got[CASES];

    (void)state;
    for (unsigned i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        bool noticed = false;

        for (uint32_t seed = 1; seed <= 4 && !noticed; seed++) {
            struct mdesc m = plain();

            m.cms_gears = 0;
            run(seed, m, 0, want);
            run(seed, plain(), breaks[i], got);
            noticed = !same(want, got);
        }
        assert_true(noticed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ways),
        cmocka_unit_test(test_broken),
    };

    return cmocka_run_group_tests_name("cms_smc", tests, NULL, NULL);
}

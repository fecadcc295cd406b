/* SPDX-License-Identifier: MIT */
/*
 * The translation cache against a naive model: a list of translations in the order of their making.
 * After every random step (insert, link, invalidate a chunk, move the latch, call back by file)
 * everything that tcache.h promises is compared, and the memory that the hardware would fetch from
 * (what isync has covered) with what is there.
 *
 * The hardware is faked here, intrinsic by intrinsic, so that the test needs no machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "concealed-mem/layout.h"
#include "concealed-mem/stats.h"
#include "concealed-mem/tcache.h"
#include "isa-frontend/mode.h"

/* ---- fake hardware ---- */

enum { CONCEALED = 1 << 20, MEM = 4 << 20, FRAMES = CONCEALED >> 12, JTLB_N = 512 };

static uint8_t *mem, *fetched; /* memory, and as instruction fetch sees it */
static uint32_t tbits[FRAMES], latch, mode_now;
static struct {
    uint32_t eip, mode, code;
} jtlb[JTLB_N];

void *cm_ptr(uint32_t pa)
{
    assert_true(pa >= CONCEALED && pa < MEM);
    return mem + pa;
}

uint32_t hw_mfs(uint32_t sr)
{
    assert_true(sr == SR_COMMIT_PC || sr == SR_MODE);
    return sr == SR_MODE ? mode_now : latch;
}

void hw_isync(uint32_t a, uint32_t n)
{
    memcpy(fetched + a, mem + a, n);
}

void hw_jtlbinv(uint32_t eip, uint32_t all)
{
    for (int i = 0; i < JTLB_N; i++)
        if (all || (jtlb[i].eip == eip && jtlb[i].mode == mode_now))
            jtlb[i].code = 0;
}

void hw_tbset(uint32_t pa, uint32_t bits)
{
    tbits[pa >> 12] |= bits;
}

void hw_tbclr(uint32_t pa, uint32_t bits)
{
    tbits[pa >> 12] &= ~bits;
}

/* ---- the naive model ---- */

enum { MAX_MADE = 60000 };

struct made {
    bool alive, filed;
    uint32_t id; /* number in the cache, while in the window */
    struct xlat x;
    uint32_t end;
    struct {
        struct made *to;
        uint32_t off;
    } link[XLAT_EXITS];
};
static struct made **list; /* the window, oldest first, dead ones included */
static uint32_t nlist, head;
static struct cm_layout layout;
static struct cms_stats *stats;
static uint32_t rng;

static uint32_t rnd(uint32_t n)
{
    rng = rng * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(rng >> 8) * n >> 24);
}

static void kill_made(struct made *m)
{
    m->alive = m->filed = false;
    for (uint32_t i = 0; i < nlist; i++)
        for (uint32_t k = 0; k < XLAT_EXITS; k++)
            if (list[i]->link[k].to == m)
                list[i]->link[k].to = NULL;
}

static bool latched(const struct made *m)
{
    return m->alive && latch >= m->x.base && latch < m->x.base + m->x.nwords * 4;
}

static bool drop_first(void)
{
    if (latched(list[0]))
        return false;
    if (list[0]->alive)
        kill_made(list[0]);
    free(list[0]);
    memmove(list, list + 1, --nlist * sizeof *list);
    return true;
}

static bool naive_room(uint32_t base, uint32_t end, uint32_t policy)
{
    bool wrapped = base != head;

    if (policy == EVICT_FLUSH) {
        if (!wrapped && nlist < layout.nrecords)
            return true;
        if (latch >= layout.code && latch < layout.code_end)
            return false;
        while (nlist)
            drop_first();
        return true;
    }
    while (nlist &&
           ((list[0]->x.base >= base && list[0]->x.base < end) || nlist == layout.nrecords))
        if (!drop_first())
            return false;
    return true;
}

/* ---- steps ---- */

static void make_xlat(struct xlat *x, uint32_t most_words)
{
    uint32_t max_words, page = rnd(24), frame = rnd(4) ? page : rnd(24), pos;

    memset(x, 0, sizeof *x);
    x->eip = 0x8048000 + (page << 12) + rnd(4096);
    x->mode = rnd(16) ? MODE_PROCESS : MODE_PROCESS | MODE_AC;
    x->base = tcache_next(&max_words);
    x->nwords = 12 + rnd((most_words < max_words ? most_words : max_words) - 12);
    x->guest_bytes = 1 + rnd(200);
    x->ninsns = 1 + x->guest_bytes / 4;
    x->first_pa = (0x40 + frame) << 12 | (x->eip & 4095);
    x->frame[0] = 0x40 + frame;
    x->page[0] = x->eip >> 12;
    x->nframes = 1;
    if ((x->eip & 4095) + x->guest_bytes > 4096) {
        x->nframes = 2;
        x->frame[1] = 0x40 + rnd(24);
        x->page[1] = x->page[0] + 1;
    }
    x->body_off = 8;
    for (uint32_t k = 0; k < x->nwords; k++)
        x->word[k] = rnd(1 << 24) | 1u << 28;
    x->nexits = 1 + rnd(3);
    pos = x->nwords - x->nexits * 2;
    for (uint32_t k = 0; k < x->nexits; k++, pos += 2) {
        struct xlat_exit *e = &x->exit[k];

        e->kind = XE_DIRECT;
        e->target_eip = rnd(0xffffffff);
        e->stub_off = e->stub_op_off = pos * 4;
        e->stub_imm_off = pos * 4 + 4;
        x->word[pos] = 1u << 30 | 2u << 28 | (uint32_t)OP_EXIT << 20;
        x->word[pos + 1] = k;
        if (rnd(2)) {
            e->branch_off = (1 + k) * 4;
            x->word[1 + k] = x->base + e->stub_off;
        }
    }
    x->ncommits = 1 + rnd(4);
    for (uint32_t k = 0; k < x->ncommits; k++)
        x->commit[k] = (struct xlat_commit){k * 8, {rnd(0xffffffff), rnd(0xffffffff)}};
}

static void step_insert(uint32_t policy, uint32_t most_words)
{
    struct made *m = calloc(1, sizeof *m);
    uint32_t side, i;

    make_xlat(&m->x, most_words);
    side = m->x.nexits * (uint32_t)sizeof(struct xside_exit) +
           m->x.ncommits * (uint32_t)sizeof(struct xside_commit);
    m->end = (m->x.base + m->x.nwords * 4 + side + 15) & ~15u;
    assert_true(m->x.base >= layout.code && m->end <= layout.code_end);
    i = tcache_insert(&m->x);
    if (!naive_room(m->x.base, m->end, policy)) {
        assert_int_equal(i, 0);
        free(m);
        return;
    }
    assert_int_not_equal(i, 0);
    head = m->end;
    m->id = i;
    m->alive = m->filed = true;
    for (uint32_t k = 0; k < nlist; k++)
        if (list[k]->x.eip == m->x.eip && list[k]->x.mode == m->x.mode)
            list[k]->filed = false;
    list[nlist++] = m;
    mode_now = rnd(8) ? MODE_PROCESS : MODE_PROCESS | MODE_AC;
    if (m->x.mode == mode_now && tcache_find(m->x.eip, mode_now) == i) {
        uint32_t j = rnd(JTLB_N);

        jtlb[j].eip = m->x.eip;
        jtlb[j].mode = mode_now;
        jtlb[j].code = m->x.base;
    }
}

static struct made *any_alive(void)
{
    for (int tries = 0; nlist && tries < 20; tries++) {
        struct made *m = list[rnd(nlist)];

        if (m->alive)
            return m;
    }
    return NULL;
}

static void step_link(void)
{
    struct made *a = any_alive(), *b = rnd(8) ? any_alive() : a;
    uint32_t k;

    if (!a || !b)
        return;
    k = rnd(a->x.nexits);
    if (rnd(4)) {
        a->link[k].to = b;
        a->link[k].off = rnd(2) ? b->x.body_off : 0;
        tcache_link(a->id, k, b->id, a->link[k].off);
    } else {
        a->link[k].to = NULL;
        tcache_unlink(a->id, k);
    }
}

static bool in_chunk(const struct xlat *x, uint32_t pa)
{
    for (uint32_t b = 0; b < x->guest_bytes; b++) {
        uint32_t off = (x->eip & 4095) + b;
        uint32_t at = off < 4096 ? x->frame[0] << 12 | off : x->frame[1] << 12 | (off - 4096);

        if (at / TBIT_CHUNK == pa / TBIT_CHUNK)
            return true;
    }
    return false;
}

static void step_drop_chunk(void)
{
    uint32_t pa = (0x40 + rnd(24)) << 12 | rnd(4096), n = 0;
    uint32_t keep = latch;

    latch = 0; /* CMS has committed since */
    for (uint32_t i = 0; i < nlist; i++)
        if (list[i]->alive && in_chunk(&list[i]->x, pa)) {
            kill_made(list[i]);
            n++;
        }
    assert_int_equal(tcache_drop_chunk(pa), n);
    assert_int_equal(tbits[pa >> 12] >> (pa >> 7 & 31) & 1, 0);
    latch = keep;
}

static void step_file(void)
{
    struct made *m = any_alive();

    if (!m)
        return;
    if (rnd(4)) {
        tcache_file(m->id);
        for (uint32_t k = 0; k < nlist; k++)
            if (list[k]->x.eip == m->x.eip && list[k]->x.mode == m->x.mode)
                list[k]->filed = false;
        m->filed = true;
    } else {
        tcache_unfile(m->id);
        m->filed = false;
    }
}

/* ---- what is promised ---- */

static void check_code(const struct made *m)
{
    uint32_t *have = (uint32_t *)(mem + m->x.base);
    static uint32_t want[XLAT_WORDS];

    memcpy(want, m->x.word, m->x.nwords * 4);
    for (uint32_t k = 0; k < m->x.nexits; k++) {
        const struct xlat_exit *e = &m->x.exit[k];
        const struct made *to = m->link[k].to;

        if (!to)
            continue;
        if (e->branch_off) {
            want[e->branch_off / 4] = to->x.base + m->link[k].off;
        } else {
            want[e->stub_op_off / 4] = 1u << 30 | 2u << 28 | (uint32_t)OP_JAL << 20;
            want[e->stub_imm_off / 4] = to->x.base + m->link[k].off;
        }
    }
    assert_memory_equal(have, want, m->x.nwords * 4);
    assert_memory_equal(fetched + m->x.base, want, m->x.nwords * 4);
}

static void check_alive(const struct made *m)
{
    const struct xlat *x = &m->x;
    uint32_t last = x->base + x->nwords * 4 - 4;

    assert_int_equal(tcache_at(x->base), m->id);
    assert_int_equal(tcache_at(last), m->id);
    assert_int_equal(tcache_at(x->base + rnd(x->nwords) * 4), m->id);
    assert_int_not_equal(tcache_at(last + 4), m->id); /* its side table is no code */
    for (uint32_t k = 0; k < x->ncommits; k++) {
        uint32_t dir = rnd(2);

        assert_int_equal(tcache_eip(m->id, x->base + x->commit[k].off, dir, 0),
                         x->commit[k].eip[dir]);
    }
    assert_int_equal(tcache_eip(m->id, x->base + 4, 0, 0x4711), 0x4711);
    for (uint32_t b = 0; b < x->guest_bytes; b++) {
        uint32_t off = (x->eip & 4095) + b, frame = x->frame[off >> 12];

        assert_true(tbits[frame] >> ((off & 4095) / TBIT_CHUNK) & 1);
    }
    check_code(m);
}

static void check_all(void)
{
    uint32_t used = 0, live = 0;

    for (uint32_t i = 0; i < nlist; i++) {
        const struct made *m = list[i];

        if (!m->alive) {
            assert_int_equal(tcache_at(m->x.base), 0);
            continue;
        }
        live++;
        used += m->end - m->x.base;
        check_alive(m);
        if (m->filed)
            assert_int_equal(tcache_find(m->x.eip, m->x.mode), m->id);
        else
            assert_int_not_equal(tcache_find(m->x.eip, m->x.mode), m->id);
    }
    assert_int_equal(tc.stats->tcache_live, live);
    assert_int_equal(tc.stats->tcache_used, used);
    for (int j = 0; j < JTLB_N; j++)
        if (jtlb[j].code) {
            uint32_t i = tcache_at(jtlb[j].code);

            assert_int_not_equal(i, 0);
            assert_int_equal(tc.rec[i].eip, jtlb[j].eip);
            assert_int_equal(tc.rec[i].code, jtlb[j].code);
        }
    for (uint32_t n = 0; n < 16; n++) {
        uint32_t eip = 0x8048000 + rnd(24 << 12), want = 0;

        for (uint32_t i = 0; i < nlist; i++)
            if (list[i]->alive && list[i]->filed && list[i]->x.eip == eip &&
                list[i]->x.mode == MODE_PROCESS)
                want = list[i]->id;
        assert_int_equal(tcache_find(eip, MODE_PROCESS), want);
    }
}

static void start(uint32_t policy)
{
    static struct mdesc m;

    mem = calloc(1, MEM);
    fetched = calloc(1, MEM);
    list = calloc(MAX_MADE, sizeof *list);
    nlist = 0;
    memset(tbits, 0, sizeof tbits);
    memset(jtlb, 0, sizeof jtlb);
    latch = 0;
    mode_now = MODE_PROCESS;
    m.xcache_kb = 64;
    assert_true(cm_layout(&m, CONCEALED, MEM, &layout));
    stats = calloc(1, sizeof *stats);
    tcache_init(&layout, policy, stats);
    head = layout.code;
}

static void finish(void)
{
    while (nlist) {
        latch = 0;
        drop_first();
    }
    free(list);
    free(mem);
    free(fetched);
    free(stats);
}

static void random_run(uint32_t policy, uint32_t seed, uint32_t steps, uint32_t most_words)
{
    rng = seed;
    start(policy);
    for (uint32_t n = 0; n < steps; n++) {
        struct made *m;

        switch (rnd(16)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
        case 5:
        case 6: step_insert(policy, most_words); break;
        case 7: step_drop_chunk(); break;
        case 8: step_file(); break;
        case 9:
            m = any_alive();
            latch = m && !rnd(4) ? m->x.base + rnd(m->x.nwords) * 4 : 0;
            break;
        default: step_link(); break;
        }
        if (n % 7 == 0)
            check_all();
    }
    check_all();
    finish();
}

static void test_fifo(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 6; seed++)
        random_run(EVICT_FIFO, seed, 2500, 300);
}

static void test_fifo_large(void **state)
{
    (void)state;
    random_run(EVICT_FIFO, 77, 1500, 1024);
}

/* The directory fills before the code does. */
static void test_fifo_small(void **state)
{
    (void)state;
    random_run(EVICT_FIFO, 78, 4000, 16);
}

static void test_flush(void **state)
{
    (void)state;
    for (uint32_t seed = 11; seed <= 14; seed++)
        random_run(EVICT_FLUSH, seed, 2500, 200);
}

static void test_same_name(void **state)
{
    struct xlat *x = calloc(1, sizeof *x);
    uint32_t a, b;

    (void)state;
    rng = 5;
    start(EVICT_FIFO);
    make_xlat(x, 40);
    x->nframes = 1;
    x->guest_bytes = 1;
    a = tcache_insert(x);
    x->base = tc.head;
    x->frame[0] ^= 1;
    x->first_pa ^= 0x1000;
    b = tcache_insert(x);
    assert_int_equal(tcache_find(x->eip, x->mode), b);
    assert_int_equal(tcache_search(x->eip, x->mode, x->first_pa ^ 0x1000, 0), a);
    assert_int_equal(tcache_search(x->eip, x->mode, x->first_pa, 0), b);
    assert_int_equal(tcache_search(x->eip, x->mode, x->first_pa ^ 0x2000, 0), 0);
    tcache_file(a);
    assert_int_equal(tcache_find(x->eip, x->mode), a);
    assert_true(tcache_free(a));
    assert_int_equal(tcache_find(x->eip, x->mode), 0);
    tcache_file(b);
    assert_int_equal(tcache_find(x->eip, x->mode), b);
    free(x);
    finish();
}

static void test_layout(void **state)
{
    struct mdesc m;
    struct cm_layout l;

    (void)state;
    memset(&m, 0, sizeof m);
    m.xcache_kb = 8192;
    assert_true(cm_layout(&m, 256u << 20, 272u << 20, &l));
    assert_true(l.tables_end <= l.code && l.code_end == 272u << 20);
    m.xcache_kb = 16384;
    assert_false(cm_layout(&m, 256u << 20, 272u << 20, &l));
    m.xcache_kb = 32768;
    assert_false(cm_layout(&m, 256u << 20, 272u << 20, &l));
    assert_true(cm_layout(&m, 256u << 20, 320u << 20, &l));
    m.xcache_kb = 64;
    assert_true(cm_layout(&m, 16u << 20, 20u << 20, &l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),     cmocka_unit_test(test_fifo),
        cmocka_unit_test(test_fifo_large), cmocka_unit_test(test_fifo_small),
        cmocka_unit_test(test_flush),      cmocka_unit_test(test_same_name),
    };

    return cmocka_run_group_tests_name("tcache", tests, NULL, NULL);
}

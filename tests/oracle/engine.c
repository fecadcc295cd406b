/* SPDX-License-Identifier: MIT */
/*
 * See engine.h. Here is what engines share, and silicon's. A case costs a look at both windows,
 * some 120 KB, which is a few microseconds and finds any stray store; what differs is put back, so
 * that a case starts where every other did.
 */
#include "tests/oracle/engine.h"
#include "tests/oracle/fx.h"

#include <string.h>

enum { VEC_BP = 3, VEC_GP = 13, VEC_PF = 14, FETCH = 16, TAIL_SELECTOR = 0x30 };

struct oracle_base oracle_base;

static uint32_t placed, placed_len;

static void find_fip(void);

int oracle_init(void)
{
    placed_len = 0;
    memset(oracle_base.code, 0xcc, sizeof oracle_base.code);
    for (uint32_t i = 0; i < SILICON_DATA_SIZE; i++)
        oracle_base.data[i] = silicon_pattern(i);
    if (silicon_init())
        return -1;
    find_fip();
    memcpy(oracle_base.code + (SILICON_CODE_EXIT - SILICON_CODE), silicon_ptr(SILICON_CODE_EXIT),
           SILICON_PAGE);
    for (uint32_t p = SILICON_DATA; p < SILICON_DATA + SILICON_DATA_SIZE; p += SILICON_PAGE)
        if (silicon_access(p))
            memcpy(oracle_base.data + (p - SILICON_DATA), silicon_ptr(p), SILICON_PAGE);
    return 0;
}

uint32_t oracle_code(const struct oracle_case *c)
{
    return c->in.code16 ? SILICON_SELECTOR(SILICON_SEG_CODE16) : 0x23;
}

uint32_t oracle_offset(const struct oracle_case *c, uint32_t linear)
{
    return c->in.code16 ? linear - SILICON_CODE : linear;
}

uint32_t oracle_linear(uint32_t cs, uint32_t eip)
{
    return cs == SILICON_SELECTOR(SILICON_SEG_CODE16) ? eip + SILICON_CODE : eip;
}

void oracle_place(const struct oracle_case *c)
{
    uint8_t *at = oracle_base.code + (c->in.eip - SILICON_CODE);
    if (placed_len)
        memset(oracle_base.code + (placed - SILICON_CODE), 0xcc, placed_len + SILICON_TAIL);
    memcpy(at, c->code, c->len);
    memcpy(at + c->len, silicon_tail(c->in.code16), SILICON_TAIL);
    placed = c->in.eip;
    placed_len = c->len;
}

void oracle_collect(struct oracle_result *r, uint32_t start, const uint8_t *now,
                    const uint8_t *base, uint32_t size, void (*put_back)(void *ctx, uint32_t at),
                    void *ctx)
{
    for (uint32_t p = 0; p < size; p += SILICON_PAGE) {
        if (!(silicon_access(start + p) & SILICON_W) || !memcmp(now + p, base + p, SILICON_PAGE))
            continue;
        for (uint32_t w = p; w < p + SILICON_PAGE; w += 8) {
            if (!memcmp(now + w, base + w, 8))
                continue;
            for (uint32_t i = w; i < w + 8; i++)
                if (now[i] != base[i]) {
                    if (r->ndiff < ORACLE_DIFFS) {
                        r->diff[r->ndiff].at = start + i;
                        r->diff[r->ndiff].byte = now[i];
                    }
                    r->ndiff++;
                }
            put_back(ctx, start + w);
        }
    }
}

/* A jump into the last instruction may make its last byte a prefix of the far jump behind it. */
static bool at_the_tail(const struct oracle_case *c, uint32_t eip)
{
    uint32_t at = eip - c->in.eip;
    while (at < c->len && c->code[at] == 0x66)
        at++;
    return at == c->len;
}

void oracle_fault(const struct oracle_case *c, struct oracle_result *r, uint32_t vector,
                  uint32_t error, uint32_t cr2)
{
    r->end = SILICON_FAULT;
    r->f = (struct ia32_fault){(int)vector, error, cr2};
    if (vector == VEC_BP && r->st.eip - 1 - c->in.eip >= c->len) {
        r->st.eip--;
        r->end = SILICON_LEFT;
    } else if (vector == VEC_GP && error == TAIL_SELECTOR && at_the_tail(c, r->st.eip)) {
        r->st.eip = c->in.eip + c->len;
        r->end = SILICON_END; /* the far jump, which is no guest's */
    }
    if (r->end != SILICON_FAULT)
        r->f = (struct ia32_fault){-1, 0, 0};
}

/* ---- silicon ---- */

static bool keeps_fip;

static void find_fip(void)
{
    static const struct oracle_case fnop = {
        .code = {0xd9, 0xd0}, .len = 2, .in.eip = SILICON_CODE + 0x100};
    struct ia32_state in = fnop.in, out;
    struct ia32_fault f;
    struct fx_image image;
    fx_reset(in.fx);
    silicon_use_fx(1);
    silicon_load(in.eip, fnop.code, fnop.len);
    silicon_run(&in, fnop.len, &out, &f);
    memcpy(&image, out.fx, sizeof image);
    keeps_fip = image.fip == in.eip;
}

bool oracle_keeps_fip(void)
{
    return keeps_fip;
}

void oracle_silicon_data(void)
{
    for (uint32_t p = SILICON_DATA; p < SILICON_DATA + SILICON_DATA_SIZE; p += SILICON_PAGE)
        if (silicon_access(p) & SILICON_W)
            memcpy(silicon_ptr(p), oracle_base.data + (p - SILICON_DATA), SILICON_PAGE);
}

static void put_back(void *ctx, uint32_t at)
{
    const uint8_t *from = at - SILICON_CODE < SILICON_CODE_SIZE
                              ? oracle_base.code + (at - SILICON_CODE)
                              : oracle_base.data + (at - SILICON_DATA);
    (void)ctx;
    memcpy(silicon_ptr(at), from, 8);
}

void oracle_silicon_run(const struct oracle_case *c, struct oracle_result *r)
{
    r->ndiff = 0;
    r->retired = r->translated = 0;
    r->fetch = false;
    r->why = NULL;
    oracle_place(c);
    silicon_load(c->in.eip, c->code, c->len);
    silicon_use_fx(c->fx);
    r->end = silicon_run(&c->in, c->len, &r->st, &r->f);
    if (r->end != SILICON_FAULT) {
        r->f = (struct ia32_fault){-1, 0, 0};
    } else if (r->f.vector == VEC_PF) {
        r->fetch = r->f.error & FETCH;
        r->f.error &= ~(uint32_t)FETCH;
    }
    oracle_collect(r, SILICON_CODE, silicon_ptr(SILICON_CODE), oracle_base.code, SILICON_CODE_SIZE,
                   put_back, NULL);
    oracle_collect(r, SILICON_DATA, silicon_ptr(SILICON_DATA), oracle_base.data, SILICON_DATA_SIZE,
                   put_back, NULL);
}

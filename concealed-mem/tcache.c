/* SPDX-License-Identifier: MIT */
/*
 * The translation cache as two rings that turn together: code addresses, and numbers of the
 * directory. A new translation gets the next address and the next number, so the alive ones, walked
 * in the order of their numbers from the oldest, have cyclically rising addresses; the oldest is
 * always the first one in front of the head. Making room is freeing the oldest until nothing
 * overlaps the new range. Freeing out of order (invalidation) leaves a dead record: its room and
 * number come back when the ring passes.
 *
 * The code of a translation is followed by its side table, so that one allocation has one lifetime.
 *
 * tcache_at: each granule of CM_GRANULE bytes knows the translation that covers its first byte;
 * from there the ring is walked. Allocations are contiguous but for alignment, and granules are
 * aligned more, so that a granule's first byte is never in a gap. In the granule where new and old
 * laps meet, the walk goes on from the newest to the oldest.
 *
 * To add an eviction policy: a choice in options.def (cms.evict), a function and a row in
 * `policies`.
 */
#include "concealed-mem/tcache.h"
#include "concealed-mem/layout.h"
#include "concealed-mem/stats.h"

enum {
    ALIGN = 16,
    SIDE_MAX = XLAT_EXITS * 28 + XLAT_COMMITS * 12,
    ROOM_SHARE = 64,
    ROOM_MIN = 1024
};

_Static_assert(sizeof(struct xrec) == 64, "the directory is indexed by a shift");
_Static_assert(sizeof(struct xside_exit) == 28 && sizeof(struct xside_commit) == 12, "SIDE_MAX");
_Static_assert((CM_GRANULE & (CM_GRANULE - 1)) == 0 && CM_GRANULE % ALIGN == 0,
               "granules begin where code may");

struct tcache tc;

void tcache_init(const struct cm_layout *l, uint32_t policy, struct cms_stats *stats)
{
    uint32_t words = (l->code_end - l->code) / 4 / ROOM_SHARE;

    tc = (struct tcache){0};
    tc.lo = l->code;
    tc.hi = l->code_end;
    tc.head = tc.lo;
    tc.oldest = 1;
    tc.nrecords = l->nrecords;
    tc.policy = policy;
    tc.max_words = words < ROOM_MIN ? ROOM_MIN : words > XLAT_WORDS ? XLAT_WORDS : words;
    tc.map_mask = l->map_slots - 1;
    tc.bucket_mask = l->nbuckets - 1;
    tc.rec = cm_ptr(l->records);
    tc.map = cm_ptr(l->map);
    tc.bucket = cm_ptr(l->buckets);
    tc.granule = cm_ptr(l->granules);
    tc.stats = stats;
}

static uint32_t ring_next(uint32_t i)
{
    return i == tc.nrecords ? 1 : i + 1;
}

static bool latched(const struct xrec *r)
{
    uint32_t pc = hw_mfs(SR_COMMIT_PC);

    return pc - r->code < r->code_end - r->code;
}

bool tcache_free(uint32_t i)
{
    struct xrec *r = &tc.rec[i];

    if (latched(r))
        return false;
    tlinks_drop(i);
    tcache_unfile(i);
    tnames_remove(i);
    r->flags = 0;
    tc.stats->tcache_used -= r->end - r->code;
    tc.stats->tcache_live--;
    return true;
}

/* Takes the oldest record out of the window. */
static bool retire_oldest(void)
{
    struct xrec *r = &tc.rec[tc.oldest];

    if (r->flags & XR_LIVE) {
        if (!tcache_free(tc.oldest))
            return false;
        tc.stats->evictions++;
    }
    tc.oldest = ring_next(tc.oldest);
    tc.count--;
    return true;
}

/* First in, first out. What begins behind the head was made a lap ago and goes first; nothing
 * begins in the part behind the last head that a wrap gives up, because tcache_next would have
 * wrapped there, too. */
static bool fifo_room(uint32_t base, uint32_t end, bool wrapped)
{
    (void)wrapped;
    while (tc.count) {
        const struct xrec *r = &tc.rec[tc.oldest];

        if (!(r->code >= base && r->code < end) && tc.count < tc.nrecords)
            break;
        if (!retire_oldest())
            return false;
    }
    return true;
}

/* Nothing is evicted until the end is reached or the directory is full; then everything is. */
static bool flush_room(uint32_t base, uint32_t end, bool wrapped)
{
    uint32_t pc = hw_mfs(SR_COMMIT_PC);

    (void)base;
    (void)end;
    if (!wrapped && tc.count < tc.nrecords)
        return true;
    if (tcache_inside(pc))
        return false;
    while (tc.count)
        if (!retire_oldest())
            return false;
    return true;
}

static bool (*const policies[])(uint32_t base, uint32_t end, bool wrapped) = {
    [EVICT_FIFO] = fifo_room,
    [EVICT_FLUSH] = flush_room,
};

uint32_t tcache_next(uint32_t *max_words)
{
    *max_words = tc.max_words;
    return tc.hi - tc.head < tc.max_words * 4 + SIDE_MAX ? tc.lo : tc.head;
}

static void write_side(const struct xlat *x, const struct xrec *r)
{
    struct xside_exit *e = tcache_exits(r);
    struct xside_commit *c = tcache_commits(r);

    for (uint32_t k = 0; k < x->nexits; k++) {
        const struct xlat_exit *from = &x->exit[k];

        e[k].target_eip = from->target_eip;
        e[k].stub_off = (uint16_t)from->stub_off;
        e[k].stub_op_off = (uint16_t)from->stub_op_off;
        e[k].stub_imm_off = (uint16_t)from->stub_imm_off;
        e[k].branch_off = (uint16_t)from->branch_off;
        e[k].to = e[k].next = e[k].prev = 0;
        e[k].kind = from->kind;
    }
    for (uint32_t k = 0; k < x->ncommits; k++) {
        c[k].off = x->commit[k].off;
        c[k].eip[0] = x->commit[k].eip[0];
        c[k].eip[1] = x->commit[k].eip[1];
    }
}

uint32_t tcache_insert(const struct xlat *x)
{
    uint32_t side = x->nexits * (uint32_t)sizeof(struct xside_exit) +
                    x->ncommits * (uint32_t)sizeof(struct xside_commit);
    uint32_t code_end = x->base + x->nwords * 4,
             end = (code_end + side + ALIGN - 1) & ~(ALIGN - 1u);
    uint32_t *code = cm_ptr(x->base), i;
    struct xrec *r;

    if (!policies[tc.policy](x->base, end, x->base != tc.head))
        return 0;
    i = tc.count ? ring_next(tc.newest) : tc.oldest;
    tc.newest = i;
    tc.count++;
    tc.head = end;
    r = &tc.rec[i];
    r->eip = x->eip;
    r->mode = x->mode;
    r->first_pa = x->first_pa;
    r->code = x->base;
    r->code_end = code_end;
    r->end = end;
    r->incoming = 0;
    r->guest_bytes = (uint16_t)x->guest_bytes;
    r->body_off = (uint16_t)x->body_off;
    r->ninsns = (uint8_t)x->ninsns;
    r->nframes = (uint8_t)x->nframes;
    r->nexits = (uint8_t)x->nexits;
    r->ncommits = (uint8_t)x->ncommits;
    r->flags = XR_LIVE;
    for (uint32_t k = 0; k < XLAT_FRAMES; k++)
        r->frame[k] = k < x->nframes ? x->frame[k] : 0;
    for (uint32_t k = 0; k < x->nwords; k++)
        code[k] = x->word[k];
    write_side(x, r);
    hw_isync(x->base, code_end - x->base);
    for (uint32_t g = (x->base - tc.lo + CM_GRANULE - 1) / CM_GRANULE;
         g < (end - tc.lo + CM_GRANULE - 1) / CM_GRANULE; g++)
        tc.granule[g] = i;
    tnames_add(i);
    tcache_file(i);
    tc.stats->tcache_used += end - x->base;
    tc.stats->tcache_live++;
    return i;
}

uint32_t tcache_at(uint32_t pc)
{
    uint32_t i, n;

    if (!tcache_inside(pc))
        return 0;
    i = tc.granule[(pc - tc.lo) / CM_GRANULE];
    if (!i)
        return 0;
    for (n = 0; n <= CM_GRANULE / ALIGN; n++) {
        const struct xrec *r = &tc.rec[i];

        if (pc - r->code < r->end - r->code)
            return r->flags & XR_LIVE && pc < r->code_end ? i : 0;
        i = i == tc.newest ? tc.oldest : ring_next(i);
    }
    return 0;
}

uint32_t tcache_eip(uint32_t i, uint32_t pc, uint32_t dir, uint32_t g_eip)
{
    const struct xrec *r = &tc.rec[i];
    const struct xside_commit *c = tcache_commits(r);
    uint32_t off = pc - r->code, k = r->ncommits;

    /* From the end: most exits follow the last commit. */
    while (k--)
        if (c[k].off == off)
            return c[k].eip[dir & 1];
    return g_eip;
}

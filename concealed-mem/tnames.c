/* SPDX-License-Identifier: MIT */
/*
 * The names of translations: the map table, from (EIP, mode word) to the filed one, and the lists
 * by guest frame, from which T-bits follow.
 *
 * The map table is open addressing with linear probing, at most half full; removal closes the gap
 * by moving later entries back, so that no tombstones pile up. A slot repeats the EIP, so that a
 * look-up reads the directory only on a likely hit.
 *
 * A translation is a node in one list for each frame it read. Lists are hashed by frame: a walk
 * compares frames.
 */
#include "concealed-mem/tcache.h"
#include "concealed-mem/stats.h"

static uint32_t hash(uint32_t eip, uint32_t mode)
{
    uint32_t h = (eip ^ mode << 20) * 0x9e3779b1u;

    return (h ^ h >> 15) & tc.map_mask;
}

static inline __attribute__((always_inline)) uint32_t slot_of(uint32_t eip, uint32_t mode)
{
    uint32_t s = hash(eip, mode);

    while (tc.map[s].rec && !(tc.map[s].eip == eip && tc.rec[tc.map[s].rec].mode == mode))
        s = (s + 1) & tc.map_mask;
    return s;
}

uint32_t tcache_find(uint32_t eip, uint32_t mode)
{
    return tc.map[slot_of(eip, mode)].rec;
}

void tcache_unfile(uint32_t i)
{
    struct xrec *r = &tc.rec[i];
    uint32_t hole, s;

    if (!(r->flags & XR_FILED))
        return;
    r->flags &= ~(uint32_t)XR_FILED;
    hole = slot_of(r->eip, r->mode);
    for (s = (hole + 1) & tc.map_mask; tc.map[s].rec; s = (s + 1) & tc.map_mask) {
        uint32_t home = hash(tc.map[s].eip, tc.rec[tc.map[s].rec].mode);

        /* An entry may move back to the hole unless its home lies cyclically behind the hole. */
        if (((s - home) & tc.map_mask) >= ((s - hole) & tc.map_mask)) {
            tc.map[hole] = tc.map[s];
            hole = s;
        }
    }
    tc.map[hole].eip = 0;
    tc.map[hole].rec = 0;
    /* The JTLB knows the mode word of now alone. */
    if (hw_mfs(SR_MODE) == r->mode)
        hw_jtlbinv(r->eip, 0);
    else
        hw_jtlbinv(0, 1);
}

void tcache_file(uint32_t i)
{
    struct xrec *r = &tc.rec[i];
    uint32_t old = tcache_find(r->eip, r->mode), s;

    if (old == i)
        return;
    if (old)
        tcache_unfile(old);
    s = slot_of(r->eip, r->mode);
    tc.map[s].eip = r->eip;
    tc.map[s].rec = i;
    r->flags |= XR_FILED;
}

static uint32_t *bucket(uint32_t frame)
{
    return &tc.bucket[(frame ^ frame >> 10) & tc.bucket_mask];
}

/* T-bits of the part of r's bytes that lies in its k-th frame. */
static uint32_t chunks(const struct xrec *r, uint32_t k)
{
    uint32_t first = r->first_pa & 4095, last = first + r->guest_bytes - 1;

    if (k) {
        first = 0;
        last -= 4096;
    } else if (last > 4095) {
        last = 4095;
    }
    first /= TBIT_CHUNK;
    last /= TBIT_CHUNK;
    return 0xffffffffu >> (31 - last) & 0xffffffffu << first;
}

void tnames_add(uint32_t i)
{
    struct xrec *r = &tc.rec[i];

    for (uint32_t k = 0; k < r->nframes; k++) {
        uint32_t *head = bucket(r->frame[k]), node = i * XLAT_FRAMES + k;

        r->next[k] = *head;
        r->prev[k] = 0;
        if (*head)
            tc.rec[*head / XLAT_FRAMES].prev[*head % XLAT_FRAMES] = node;
        *head = node;
        hw_tbset(r->frame[k] << 12, chunks(r, k));
    }
}

void tnames_remove(uint32_t i)
{
    struct xrec *r = &tc.rec[i];

    for (uint32_t k = 0; k < r->nframes; k++) {
        uint32_t next = r->next[k], prev = r->prev[k];

        if (prev)
            tc.rec[prev / XLAT_FRAMES].next[prev % XLAT_FRAMES] = next;
        else
            *bucket(r->frame[k]) = next;
        if (next)
            tc.rec[next / XLAT_FRAMES].prev[next % XLAT_FRAMES] = prev;
    }
    /* T-bits stay: the next store to the chunk finds nobody and clears them. */
}

uint32_t tcache_search(uint32_t eip, uint32_t mode, uint32_t pa, uint32_t frame1)
{
    for (uint32_t node = *bucket(pa >> 12); node;) {
        const struct xrec *r = &tc.rec[node / XLAT_FRAMES];

        if (r->first_pa == pa && r->eip == eip && r->mode == mode &&
            (r->nframes == 1 || r->frame[1] == frame1))
            return node / XLAT_FRAMES;
        node = r->next[node % XLAT_FRAMES];
    }
    return 0;
}

uint32_t tcache_drop_chunk(uint32_t pa)
{
    uint32_t frame = pa >> 12, bit = 1u << (pa / TBIT_CHUNK % TBIT_CHUNKS), n = 0;

    for (uint32_t node = *bucket(frame); node;) {
        uint32_t i = node / XLAT_FRAMES, k = node % XLAT_FRAMES;
        const struct xrec *r = &tc.rec[i];

        if (r->frame[k] == frame && chunks(r, k) & bit && tcache_free(i)) {
            n++;
            node = *bucket(frame); /* the list has changed, perhaps by two nodes */
        } else {
            node = r->next[k];
        }
    }
    hw_tbclr(pa, bit);
    tc.stats->invalidations += n;
    return n;
}

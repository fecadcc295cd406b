/* SPDX-License-Identifier: MIT */
/*
 * The translation cache and its directory: who lives where, under which name, read from which guest
 * frames, linked to whom. All of it is plain data in concealed memory; translations are known by a
 * number (1 .. nrecords, 0 is nobody).
 *
 * Promises. A translation that is alive is found by tcache_at() for each address of its code, is
 * listed under every frame it read, and the T-bits of the chunks its bytes lie in are set. At most
 * one translation is *filed* under a pair (EIP, mode word): the one tcache_find() gives. Others
 * with the same pair but another first frame stay alive unfiled, until tcache_file() calls them
 * back (xchk notices that the wrong one was entered). When a translation is freed, no exit leads to
 * it any more and no JTLB entry names it. None is freed while the committed-PC latch lies inside
 * it.
 */
#ifndef CONCEALED_MEM_TCACHE_H
#define CONCEALED_MEM_TCACHE_H

#include <stdbool.h>
#include <stdint.h>
#include "morpher/hw.h"
#include "morpher/xlat.h"

struct cm_layout;
struct cms_stats;

enum { XR_LIVE = 1, XR_FILED = 2 };

/* The directory record, 64 bytes. List nodes are numbers: record * XLAT_FRAMES + which frame,
 * record * XLAT_EXITS + exit. */
struct xrec {
    uint32_t eip, mode, first_pa;
    uint32_t code, code_end, end; /* bundles: [code, code_end); side table: [code_end, end) */
    uint32_t frame[XLAT_FRAMES];
    uint32_t next[XLAT_FRAMES], prev[XLAT_FRAMES]; /* list of the frame's bucket; prev 0: first */
    uint32_t incoming;                             /* first exit that leads here */
    uint16_t guest_bytes, body_off;
    uint8_t ninsns, nframes, nexits, ncommits;
    uint32_t flags;
};

/* The side table lies behind the code: exits, then commits. */
struct xside_exit {
    uint32_t target_eip;
    uint16_t stub_off, stub_op_off, stub_imm_off, branch_off;
    uint32_t to;         /* translation it leads to; 0: to CMS */
    uint32_t next, prev; /* in the incoming list of `to` */
    uint32_t kind;
};

struct xside_commit {
    uint32_t off;
    uint32_t eip[2];
};

struct tmap_slot {
    uint32_t eip, rec; /* rec 0: empty */
};

/* The state of the cache: one, plain data; tcache_init makes it anew. */
struct tcache {
    uint32_t lo, hi;                /* code */
    uint32_t head;                  /* where the next translation goes, if it fits */
    uint32_t oldest, newest, count; /* window of the directory ring, dead records included */
    uint32_t nrecords, policy, max_words;
    uint32_t map_mask, bucket_mask;
    struct xrec *rec;
    struct tmap_slot *map;
    uint32_t *bucket, *granule;
    struct cms_stats *stats;
};
extern struct tcache tc;

void tcache_init(const struct cm_layout *l, uint32_t policy, struct cms_stats *stats);

static inline bool tcache_inside(uint32_t pc)
{
    return pc - tc.lo < tc.hi - tc.lo;
}
static inline struct xside_exit *tcache_exits(const struct xrec *r)
{
    return cm_ptr(r->code_end);
}
static inline struct xside_commit *tcache_commits(const struct xrec *r)
{
    return cm_ptr(r->code_end + r->nexits * (uint32_t)sizeof(struct xside_exit));
}

/* Address and room of the translation to be made next. Nothing is evicted yet. */
uint32_t tcache_next(uint32_t *max_words);

/* Makes room by the policy, copies the code, files it. 0 if room would cost the translation the
 * latch lies in. */
uint32_t tcache_insert(const struct xlat *x);

uint32_t tcache_find(uint32_t eip, uint32_t mode);
uint32_t tcache_at(uint32_t pc);
/* The guest EIP after the commit at `pc` in translation i went `dir`. A commit that the side table
 * does not have put it in G_EIP, whose value the caller gives. */
uint32_t tcache_eip(uint32_t i, uint32_t pc, uint32_t dir, uint32_t g_eip);

/* False, with nothing done, while the latch lies inside. */
bool tcache_free(uint32_t i);
/* The alive translation of (eip, mode) whose first byte is at pa, and whose second frame, if it has
 * one, is frame1; or 0. */
uint32_t tcache_search(uint32_t eip, uint32_t mode, uint32_t pa, uint32_t frame1);
void tcache_file(uint32_t i);
void tcache_unfile(uint32_t i);
/* Frees what overlaps the chunk of physical address pa, then clears the chunk's T-bit. How many. */
uint32_t tcache_drop_chunk(uint32_t pa);

/* Makes exit k of `from` lead to byte `off` of `to`'s code; and back to CMS. */
void tcache_link(uint32_t from, uint32_t k, uint32_t to, uint32_t off);
void tcache_unlink(uint32_t from, uint32_t k);

/* Lists and names (tnames.c), for tcache.c alone. */
void tnames_add(uint32_t i);
void tnames_remove(uint32_t i);
/* Links (tlinks.c): forgets all links from and to i, patching those who led to it. */
void tlinks_drop(uint32_t i);

#endif

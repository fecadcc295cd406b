/* SPDX-License-Identifier: MIT */
/*
 * The gated store buffer: entries of 8 aligned bytes at physical addresses, released to memory by a
 * commit, dropped by a rollback. A store to a chunk that has an entry joins it, so that at most one
 * entry concerns any byte, and forwarding and release need no order. sb_filter has a bit for each
 * value of address bits 3 to 8 in use (they are the same in linear and physical addresses); the
 * engine asks it first.
 */
#include <string.h>
#include "vliw-model/state.h"

static struct sb_entry *find(struct vm *vm, uint32_t chunk)
{
    if (vm->s.sb_filter >> (chunk >> 3 & 63) & 1)
        for (uint32_t i = 0; i < vm->s.sb_n; i++)
            if (vm->s.sb[i].pa == chunk)
                return &vm->s.sb[i];
    return NULL;
}

/* The chunks look different to a snapshot's reader and to the engine: outstanding misses close the
 * short way. */
void sb_refilter(struct vm *vm)
{
    vm->filter = vm->s.mshr_n ? ~0ull : vm->s.sb_filter;
}

/* The bytes of one piece of a store, at most 8. There is room: the caller has asked sb_need. */
void sb_put(struct vm *vm, uint32_t pa, uint64_t val, uint32_t size)
{
    struct vm_state *s = &vm->s;
    for (uint32_t done = 0; done < size;) {
        uint32_t chunk = (pa + done) & ~7u, off = (pa + done) & 7, n = size - done;
        n = n < 8 - off ? n : 8 - off;
        struct sb_entry *e = find(vm, chunk);
        if (!e) {
            e = &s->sb[s->sb_n++];
            *e = (struct sb_entry){.pa = chunk};
            s->sb_filter |= 1ull << (chunk >> 3 & 63);
        }
        uint64_t mask = ~0ull >> (64 - 8 * n) << 8 * off;
        uint64_t data = val >> 8 * done << 8 * off;
        e->mask |= mask;
        e->data = (e->data & ~mask) | (data & mask);
        done += n;
    }
    if (s->sb_n > s->st.sb_max)
        s->st.sb_max = s->sb_n;
    sb_refilter(vm);
}

/* Entries that storing these bytes would add. */
uint32_t sb_need(const struct vm *vm, const struct pieces *pc)
{
    uint32_t need = 0;
    for (unsigned k = 0; k < 2; k++) {
        if (!pc->len[k])
            continue;
        uint32_t last = (pc->pa[k] + pc->len[k] - 1) & ~7u;
        for (uint32_t chunk = pc->pa[k] & ~7u; chunk <= last; chunk += 8)
            need += !find((struct vm *)vm, chunk);
    }
    return need;
}

/* Puts gated bytes over those read from memory. */
bool sb_forward(struct vm *vm, uint32_t pa, uint8_t *bytes, uint32_t len)
{
    bool any = false;
    for (uint32_t i = 0; i < len; i++) {
        struct sb_entry *e = find(vm, (pa + i) & ~7u);
        unsigned sh = ((pa + i) & 7) * 8;
        if (e && e->mask >> sh & 0xff) {
            bytes[i] = (uint8_t)(e->data >> sh);
            any = true;
        }
    }
    return any;
}

void sb_release(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->s.sb_n; i++) {
        const struct sb_entry *e = &vm->s.sb[i];
        uint64_t q;
        memcpy(&q, vm->mem + e->pa, 8);
        q = (q & ~e->mask) | (e->data & e->mask);
        memcpy(vm->mem + e->pa, &q, 8);
    }
    sb_drop(vm);
}

void sb_drop(struct vm *vm)
{
    vm->s.sb_n = 0;
    vm->s.sb_filter = 0;
    sb_refilter(vm);
}

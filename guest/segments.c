/* SPDX-License-Identifier: MIT */
/*
 * The descriptor tables of a process: the flat user segments, three descriptors of thread storage
 * (set_thread_area), and a local descriptor table (modify_ldt). CMS asks for descriptors and judges
 * them as a processor does; after a change here it loads every segment register anew, which is what
 * the way back from Linux's kernel amounts to.
 *
 * Of the global table there is what a user may load. The kernel's own segments would answer to a
 * user as if they were not there.
 */
#include <errno.h>
#include <string.h>
#include "concealed-mem/abi.h"
#include "guest/syscall.h"

enum { SELECTOR_TI = 4, DESC_WORDS = 4 };

static bool empty(const uint32_t d[DESC_WORDS])
{
    return !d[1] && !d[2] && (d[3] & SEGF_ALL) == SEGF_EMPTY;
}

static bool zero(const uint32_t d[DESC_WORDS])
{
    return !d[1] && !d[2] && !(d[3] & SEGF_ALL);
}

/* As the processor's table has it. */
static void encode(const struct guest_segment *g, uint32_t w[2])
{
    uint32_t f = g->flags, contents = (f & SEGF_CONTENTS) >> 1;

    w[0] = (g->base & 0xffff) << 16 | (g->limit & 0xffff);
    w[1] = (g->base >> 16 & 0xff) | (g->base & 0xff000000) | (g->limit & 0xf0000);
    w[1] |= 1u << 8 | (f & SEGF_READ_EXEC_ONLY ? 0 : 2u << 8) | contents << 10; /* type: accessed */
    w[1] |= 1u << 12 | 3u << 13 | (f & SEGF_NOT_PRESENT ? 0 : 1u << 15);
    w[1] |= (f & SEGF_USEABLE ? 1u << 20 : 0) | (f & SEGF_32BIT ? 1u << 22 : 0) |
            (f & SEGF_PAGES ? 1u << 23 : 0);
}

uint32_t segment_descriptor(const struct process *p, uint32_t arg)
{
    uint32_t sel = arg & 0xffff, index = sel >> 3, slot = index - TLS_FIRST, w[2] = {0, 0};

    if (sel & SELECTOR_TI) {
        if (index < SPACE_LDT && (p->space->ldt_used[index / 32] >> index % 32 & 1))
            encode(&p->space->ldt[index], w);
    } else if (index == SEL_USER_CS >> 3 || index == SEL_USER_DS >> 3) {
        w[0] = 0xffff;
        w[1] = index == SEL_USER_CS >> 3 ? 0x00cffb00 : 0x00cff300;
    } else if (slot < TLS_SLOTS && p->cur->tls_used[slot]) {
        encode(&p->cur->tls[slot], w);
    }
    return w[arg >> 16 & 1];
}

bool segment_has_ldt(const struct process *p)
{
    for (uint32_t i = 0; i < SPACE_LDT / 32; i++)
        if (p->space->ldt_used[i])
            return true;
    return false;
}

/* TF and AC are part of what CMS makes its mode of. */
bool registers_differ(const struct vm_context *a, const struct vm_context *b)
{
    enum { TF_AC = 0x40100 };

    return memcmp(a->r + G_SEL0, b->r + G_SEL0, 3 * sizeof a->r[0]) ||
           ((a->r[G_EFL] ^ b->r[G_EFL]) & TF_AC);
}

bool segments_differ(const struct task *from, struct task *to)
{
    bool fresh = to->stale || from->state == TASK_FREE;

    to->stale = false;
    if (fresh || registers_differ(&from->regs, &to->regs) ||
        memcmp(from->tls_used, to->tls_used, sizeof to->tls_used) ||
        memcmp(from->tls, to->tls, sizeof to->tls))
        return true;
    for (uint32_t i = 0; i < 3; i++) /* any of a local table? */
        if (to->regs.r[G_SEL0 + i] & (SELECTOR_TI | SELECTOR_TI << 16))
            return true;
    return false;
}

/* Thread storage holds 32-bit data segments that are there, or nothing. */
static bool tls_okay(const uint32_t d[DESC_WORDS])
{
    return empty(d) || zero(d) ||
           ((d[3] & SEGF_32BIT) && (d[3] & SEGF_CONTENTS) <= 2 && !(d[3] & SEGF_NOT_PRESENT));
}

bool segment_tls(struct task *t, const uint32_t d[DESC_WORDS])
{
    uint32_t slot = d[0] - TLS_FIRST;

    if (slot >= TLS_SLOTS || !tls_okay(d))
        return false;
    t->tls_used[slot] = !empty(d) && !zero(d);
    t->tls[slot] = (struct guest_segment){d[1], d[2], d[3] & SEGF_ALL};
    t->stale = true;
    return true;
}

int32_t sys_set_thread_area(struct process *p, const uint32_t *a)
{
    uint32_t d[DESC_WORDS];
    int32_t e = space_read(p->space, a[0], d, sizeof d);
    bool chosen;

    if (e)
        return e;
    if (!tls_okay(d))
        return -EINVAL;
    chosen = d[0] == UINT32_MAX;
    if (chosen)
        for (d[0] = TLS_FIRST; d[0] < TLS_FIRST + TLS_SLOTS && p->cur->tls_used[d[0] - TLS_FIRST];)
            d[0]++;
    if (d[0] - TLS_FIRST >= TLS_SLOTS)
        return chosen ? -ESRCH : -EINVAL;
    e = chosen ? space_write(p->space, a[0], d, 4) : 0;
    if (e)
        return e;
    segment_tls(p->cur, d);
    p->state_changed = true;
    return 0;
}

int32_t sys_get_thread_area(struct process *p, const uint32_t *a)
{
    uint32_t d[DESC_WORDS], slot;
    int32_t e = space_read(p->space, a[0], d, sizeof d);

    if (e)
        return e;
    slot = d[0] - TLS_FIRST;
    if (slot >= TLS_SLOTS)
        return -EINVAL;
    d[1] = d[2] = 0;
    d[3] = SEGF_EMPTY;
    if (p->cur->tls_used[slot]) {
        const struct guest_segment *g = &p->cur->tls[slot];
        d[1] = g->base;
        d[2] = g->limit;
        d[3] = g->flags;
    }
    return space_write(p->space, a[0], d, sizeof d);
}

static int clear(struct process *p, uint32_t at, uint32_t bytes)
{
    static const uint8_t zeros[PAGE];

    for (uint32_t n; bytes; at += n, bytes -= n) {
        n = bytes < PAGE ? bytes : PAGE;
        int e = space_write(p->space, at, zeros, n);
        if (e)
            return e;
    }
    return 0;
}

static int32_t read_ldt(struct process *p, uint32_t at, uint32_t bytes)
{
    uint32_t table[SPACE_LDT][2] = {{0}}, n = 0;

    for (uint32_t i = 0; i < SPACE_LDT; i++)
        if (p->space->ldt_used[i / 32] >> i % 32 & 1) {
            encode(&p->space->ldt[i], table[i]);
            n = i + 1;
        }
    if (!n)
        return 0;
    if (bytes > 8192 * 8)
        bytes = 8192 * 8;
    uint32_t have = sizeof table < bytes ? (uint32_t)sizeof table : bytes;
    if (space_write(p->space, at, table, have) || clear(p, at + have, bytes - have))
        return -EFAULT;
    return (int32_t)bytes;
}

static int32_t write_ldt(struct process *p, uint32_t at, uint32_t bytes, bool old)
{
    uint32_t d[DESC_WORDS];

    if (bytes != sizeof d)
        return -EINVAL;
    int32_t e = space_read(p->space, at, d, sizeof d);
    if (e)
        return e;
    bool conforming = (d[3] & SEGF_CONTENTS) == SEGF_CONTENTS;
    if (d[0] >= SPACE_LDT || (conforming && (old || !(d[3] & SEGF_NOT_PRESENT))))
        return -EINVAL;
    uint32_t *used = &p->space->ldt_used[d[0] / 32], bit = 1u << d[0] % 32;
    if ((old && !d[1] && !d[2]) || empty(d)) {
        *used &= ~bit;
    } else {
        *used |= bit;
        p->space->ldt[d[0]] = (struct guest_segment){
            d[1], d[2], d[3] & SEGF_ALL & (old ? ~(uint32_t)SEGF_USEABLE : ~0u)};
    }
    p->state_changed = true;
    return 0;
}

int32_t sys_modify_ldt(struct process *p, const uint32_t *a)
{
    static const uint8_t nothing[128];

    switch (a[0]) {
    case 0: return read_ldt(p, a[1], a[2]);
    case 1: return write_ldt(p, a[1], a[2], true);
    case 0x11: return write_ldt(p, a[1], a[2], false);
    case 2: {
        uint32_t n = a[2] < sizeof nothing ? a[2] : sizeof nothing;
        int32_t e = space_write(p->space, a[1], nothing, n);
        return e ? e : (int32_t)n;
    }
    default: return -ENOSYS;
    }
}

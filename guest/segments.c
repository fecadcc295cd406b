/* SPDX-License-Identifier: MIT */
/*
 * Segments of a process: the flat user selectors, the null selectors, three descriptors of thread
 * storage (set_thread_area), and a local descriptor table (modify_ldt). FS and GS take any base;
 * ES, SS and DS stay flat, so a load of a based segment into one of them is refused (see quirks).
 * Limits are kept and shown, not enforced.
 */
#include <errno.h>
#include <string.h>
#include "concealed-mem/abi.h"
#include "guest/syscall.h"

enum { REG_SS = 2, REG_FS = 4, SELECTOR_TI = 4, DESC_WORDS = 4 };

static bool empty(const uint32_t d[DESC_WORDS])
{
    return !d[1] && !d[2] && (d[3] & SEGF_ALL) == SEGF_EMPTY;
}

bool segment_base(const struct process *p, uint32_t sel, uint32_t *base)
{
    uint32_t index = sel >> 3, slot = index - TLS_FIRST;
    const struct guest_segment *g = NULL;

    *base = 0;
    if (sel <= 3 || sel == SEL_USER_DS || sel == SEL_USER_CS)
        return true;
    if ((sel & 3) != 3)
        return false;
    if (sel & SELECTOR_TI) {
        if (index < SPACE_LDT && (p->space->ldt_used[index / 32] >> index % 32 & 1))
            g = &p->space->ldt[index];
    } else if (slot < TLS_SLOTS && p->cur->tls_used[slot]) {
        g = &p->cur->tls[slot];
    }
    if (!g || (g->flags & SEGF_NOT_PRESENT) ||
        ((g->flags & 4) && (g->flags & SEGF_READ_EXEC_ONLY))) /* code that cannot be read */
        return false;
    *base = g->base;
    return true;
}

/* 0, or 1: #GP. */
uint32_t segment_load(struct process *p, uint32_t arg)
{
    uint32_t sel = arg & 0xffff, reg = arg >> 16, base;

    if (!segment_base(p, sel, &base) || (reg == REG_SS && (sel <= 3 || sel == SEL_USER_CS)) ||
        (reg < REG_FS && base))
        return 1;
    if (reg >= REG_FS)
        vm_set_reg(p->vm, GUEST_REG0 + (reg == REG_FS ? G_FSBASE : G_GSBASE), base);
    uint32_t word = GUEST_REG0 + G_SEL0 + reg / 2, shift = reg % 2 * 16;
    vm_set_reg(p->vm, word, (vm_reg(p->vm, word) & ~(0xffffu << shift)) | sel << shift);
    return 0;
}

bool segment_tls(struct task *t, const uint32_t d[DESC_WORDS])
{
    uint32_t slot = d[0] - TLS_FIRST;

    if (slot >= TLS_SLOTS)
        return false;
    t->tls_used[slot] = !empty(d) && (d[1] || d[2] || d[3] & SEGF_ALL);
    t->tls[slot] = (struct guest_segment){d[1], d[2], d[3] & SEGF_ALL};
    return true;
}

int32_t sys_set_thread_area(struct process *p, const uint32_t *a)
{
    uint32_t d[DESC_WORDS];
    int32_t e = space_read(p->space, a[0], d, sizeof d);
    bool chosen;

    if (e)
        return e;
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
    /* A register that holds the selector already sees the new base, as Linux makes it. */
    uint32_t sel2 = vm_reg(p->vm, GUEST_REG0 + G_SEL2), sel = d[0] << 3 | 3;
    if ((sel2 & 0xffff) == sel)
        vm_set_reg(p->vm, GUEST_REG0 + G_FSBASE, d[1]);
    if (sel2 >> 16 == sel)
        vm_set_reg(p->vm, GUEST_REG0 + G_GSBASE, d[1]);
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
    if (d[0] >= 8192 || (conforming && (old || !(d[3] & SEGF_NOT_PRESENT))))
        return -EINVAL;
    if (d[0] >= SPACE_LDT)
        return -ENOMEM;
    uint32_t *used = &p->space->ldt_used[d[0] / 32], bit = 1u << d[0] % 32;
    if ((old && !d[1] && !d[2]) || empty(d)) {
        *used &= ~bit;
    } else {
        *used |= bit;
        p->space->ldt[d[0]] = (struct guest_segment){
            d[1], d[2], d[3] & SEGF_ALL & (old ? ~(uint32_t)SEGF_USEABLE : ~0u)};
    }
    /* Whoever holds the selector sees it at the next load; FS and GS of this task now. */
    uint32_t sel2 = vm_reg(p->vm, GUEST_REG0 + G_SEL2), base;
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t sel = sel2 >> 16 * k & 0xffff;
        if (sel >> 3 == d[0] && (sel & SELECTOR_TI) && segment_base(p, sel, &base))
            vm_set_reg(p->vm, GUEST_REG0 + (k ? G_GSBASE : G_FSBASE), base);
    }
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

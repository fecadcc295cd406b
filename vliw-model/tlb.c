/* SPDX-License-Identifier: MIT */
/*
 * The TLB, filled by CMS alone, and the T-bits. Set-associative, least recently used goes; recency
 * is the pipeline time of the last use, the lowest way goes among equals. In front of it a
 * direct-mapped table for the engine: an entry there proves that an access of its kind to its page
 * translates, is permitted, is no I/O, lies in guest memory, and, for stores, that the entry is
 * dirty and the frame has no T-bit. Whatever could end the proof drops the entry.
 */
#include "vliw-model/state.h"

static void fast_drop(struct vm *vm, uint32_t vpn)
{
    for (unsigned t = 0; t < 3; t++) {
        struct fast_tlb *f = &vm->ft[t][vpn & (FT_N - 1)];
        if (f->tag == vpn << 12)
            f->tag = FT_NONE;
    }
}

void tlb_fast_reset(struct vm *vm)
{
    for (unsigned t = 0; t < 3; t++)
        for (unsigned i = 0; i < FT_N; i++)
            vm->ft[t][i].tag = FT_NONE;
}

static struct tlb_entry *set_of(struct vm *vm, uint32_t vpn, uint32_t *first)
{
    *first = vpn % vm->tlb_sets * vm->m.tlb_ways;
    return &vm->a.tlb[*first];
}

static int find(struct vm *vm, uint32_t vpn)
{
    uint32_t first;
    struct tlb_entry *e = set_of(vm, vpn, &first);
    for (uint32_t w = 0; w < vm->m.tlb_ways; w++)
        if ((e[w].word & TLB_V) && e[w].vpn == vpn)
            return (int)(first + w);
    return -1;
}

static enum trap_code fail(struct vm *vm, enum trap_code t, uint32_t la, uint32_t info)
{
    vm->fault.addr = la;
    vm->fault.info = info;
    return t;
}

/* One look-up, for an access that lies in one page as far as this look-up goes. */
enum trap_code tlb_translate(struct vm *vm, uint32_t la, uint32_t kind, uint32_t size, uint32_t *pa)
{
    uint32_t vpn = la >> 12, info = kind | (size & ACC_SIZE);
    int i = find(vm, vpn);
    if (i < 0) {
        vm->s.st.tlb_misses++;
        return fail(vm, T_TLB_MISS, la, info);
    }
    vm->a.tlb_stamp[i] = vm->s.pipe;
    uint32_t word = vm->a.tlb[i].word;
    uint32_t need = kind == ACC_WRITE ? TLB_W : kind == ACC_EXEC ? TLB_X : TLB_R;
    if (!(word & need))
        return fail(vm, T_PERM, la, info);
    if (word & TLB_IO)
        return fail(vm, T_IOPAGE, la, info);
    if (kind == ACC_WRITE && !(word & TLB_DIRTY))
        return fail(vm, T_DIRTY, la, info);
    uint32_t frame = word & 0xfffff000u;
    if (frame >= vm->mem_size)
        return fail(vm, T_MACHINE_CHECK, la, MC_NO_MEMORY);
    if (frame >= vm->concealed)
        return fail(vm, T_MACHINE_CHECK, la, MC_CONCEALED);
    *pa = frame | (la & 0xfff);
    return T_NONE;
}

/* After a successful access of that kind. */
void tlb_fast_fill(struct vm *vm, uint32_t la, unsigned table)
{
    uint32_t vpn = la >> 12;
    int i = find(vm, vpn);
    if (i < 0 || (vm->broken & LONG_WAYS))
        return;
    uint32_t frame = vm->a.tlb[i].word & 0xfffff000u;
    if (table == FT_W && vm->a.tbits[frame >> 12])
        return;
    struct fast_tlb *f = &vm->ft[table][vpn & (FT_N - 1)];
    f->tag = vpn << 12;
    f->index = (uint32_t)i;
    f->add = vm->mem + frame - (la & 0xfffff000u);
}

void tlb_write(struct vm *vm, uint32_t la, uint32_t word)
{
    uint32_t vpn = la >> 12, first, victim = 0;
    struct tlb_entry *e = set_of(vm, vpn, &first);
    int at = find(vm, vpn);
    if (at >= 0) {
        victim = (uint32_t)at - first;
    } else {
        for (uint32_t w = 0; w < vm->m.tlb_ways; w++) {
            if (!(e[w].word & TLB_V)) {
                victim = w;
                break;
            }
            if (vm->a.tlb_stamp[first + w] < vm->a.tlb_stamp[first + victim])
                victim = w;
        }
    }
    if (e[victim].word & TLB_V)
        fast_drop(vm, e[victim].vpn);
    fast_drop(vm, vpn);
    e[victim].vpn = vpn;
    e[victim].word = word;
    vm->a.tlb_stamp[first + victim] = vm->s.pipe;
}

void tlb_inv(struct vm *vm, uint32_t la, bool all)
{
    if (all) {
        for (uint32_t i = 0; i < vm->tlb_sets * vm->m.tlb_ways; i++)
            vm->a.tlb[i] = (struct tlb_entry){0, 0};
        tlb_fast_reset(vm);
        return;
    }
    int i = find(vm, la >> 12);
    if (i >= 0)
        vm->a.tlb[i] = (struct tlb_entry){0, 0};
    fast_drop(vm, la >> 12);
}

/* ---- T-bits: of guest frames only ---- */

void tbits_set(struct vm *vm, uint32_t pa, uint32_t mask)
{
    if (pa >= vm->concealed)
        return;
    vm->a.tbits[pa >> 12] |= mask;
    uint8_t *frame = vm->mem + (pa & 0xfffff000u);
    for (unsigned i = 0; i < FT_N; i++) {
        struct fast_tlb *f = &vm->ft[FT_W][i];
        if (f->tag != FT_NONE && f->add + f->tag == frame)
            f->tag = FT_NONE;
    }
}

void tbits_clear(struct vm *vm, uint32_t pa, uint32_t mask)
{
    if (pa < vm->concealed)
        vm->a.tbits[pa >> 12] &= ~mask;
}

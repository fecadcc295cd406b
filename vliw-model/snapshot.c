/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: a header, the machine description, struct vm_state, the arrays, then every page of
 * memory that is not all zero, each behind its address. A snapshot is good for the same machine
 * description only. What is derived is dropped.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "vliw-model/state.h"

static const char magic[8] = "CHRYSNP1";
static const uint32_t last_page = 0xffffffffu;
enum { PAGE = 4096 };

struct part {
    void *at;
    size_t size;
};

static unsigned parts(struct vm *vm, struct part *p)
{
    unsigned n = 0;
    struct cache *c[3] = {&vm->a.l1i, &vm->a.l1d, &vm->a.l2};
    size_t frames = vm->mem_size >> 12, tlb = (size_t)vm->tlb_sets * vm->m.tlb_ways;
    p[n++] = (struct part){&vm->s, sizeof vm->s};
    for (unsigned i = 0; i < 3; i++) {
        size_t lines = (size_t)c[i]->sets * c[i]->ways;
        p[n++] = (struct part){c[i]->tag, lines * sizeof *c[i]->tag};
        p[n++] = (struct part){c[i]->stamp, lines ? (lines + 1) * sizeof *c[i]->stamp : 0};
        p[n++] = (struct part){c[i]->flag, lines};
    }
    p[n++] = (struct part){vm->a.tlb, tlb * sizeof *vm->a.tlb};
    p[n++] = (struct part){vm->a.tlb_stamp, tlb * sizeof *vm->a.tlb_stamp};
    p[n++] =
        (struct part){vm->a.jtlb, (size_t)vm->m.jtlb_sets * vm->m.jtlb_ways * sizeof *vm->a.jtlb};
    p[n++] = (struct part){vm->a.tbits, frames * sizeof *vm->a.tbits};
    p[n++] = (struct part){vm->a.bus_bits, frames * sizeof *vm->a.bus_bits};
    for (unsigned i = 0; i < 2; i++)
        p[n++] = (struct part){vm->a.pht[i], vm->a.pht[i] ? vm->pht_mask + 1 : 0};
    return n;
}
enum { PARTS_MAX = 24 };

static bool put(FILE *f, const void *p, size_t n)
{
    return n == 0 || fwrite(p, n, 1, f) == 1;
}

static bool get(FILE *f, void *p, size_t n)
{
    return n == 0 || fread(p, n, 1, f) == 1;
}

int vm_save(const struct vm *cvm, const char *path)
{
    struct vm *vm = (struct vm *)cvm;
    static const uint8_t zero[PAGE];
    struct part p[PARTS_MAX];
    FILE *f = fopen(path, "wb");
    if (!f)
        return -1;
    vm_stats(vm);
    unsigned n = parts(vm, p);
    bool ok = put(f, magic, sizeof magic) && put(f, &vm->m, sizeof vm->m);
    for (unsigned i = 0; i < n; i++)
        ok = ok && put(f, p[i].at, p[i].size);
    for (uint32_t pa = 0; ok && pa < vm->mem_size; pa += PAGE)
        if (memcmp(vm->mem + pa, zero, PAGE) != 0)
            ok = put(f, &pa, sizeof pa) && put(f, vm->mem + pa, PAGE);
    ok = ok && put(f, &last_page, sizeof last_page);
    return fclose(f) == 0 && ok ? 0 : -1;
}

int vm_load(struct vm *vm, const char *path)
{
    struct part p[PARTS_MAX];
    struct mdesc m;
    char head[sizeof magic];
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    unsigned n = parts(vm, p);
    bool ok = get(f, head, sizeof head) && memcmp(head, magic, sizeof magic) == 0 &&
              get(f, &m, sizeof m) && memcmp(&m, &vm->m, sizeof m) == 0;
    for (unsigned i = 0; i < n; i++)
        ok = ok && get(f, p[i].at, p[i].size);
    if (ok && madvise(vm->mem, vm->mem_size, MADV_DONTNEED) != 0)
        memset(vm->mem, 0, vm->mem_size);
    for (uint32_t pa = 0; ok;) {
        ok = get(f, &pa, sizeof pa);
        if (!ok || pa == last_page)
            break;
        ok = pa < vm->mem_size && pa % PAGE == 0 && get(f, vm->mem + pa, PAGE);
    }
    fclose(f);
    if (!ok)
        return -1;
    code_drop_all(vm);
    tlb_fast_reset(vm);
    sb_refilter(vm);
    vm->misc_dirty = 1;
    vm->acc = vm->acc2 = vm->acc_mark = 0;
    vm->waste_base = vm->s.ops_uncommitted;
    vm->region = region_of(vm, vm->s.pc);
    acct_phase(vm);
    return 0;
}

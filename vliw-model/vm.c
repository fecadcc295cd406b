/* SPDX-License-Identifier: MIT */
/* The machine as its users see it: made, run, looked at. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "vliw-model/engine.h"
#include "vliw-model/sem_simd.h"

enum { SLACK = 4096 }; /* behind physical memory, so that 8-byte chunks may be read whole */

static void *zeroed(size_t n, size_t size)
{
    return calloc(n ? n : 1, size);
}

static bool cache_init(struct cache *c, unsigned level, uint32_t kb, uint32_t ways, uint32_t line,
                       bool renew)
{
    uint32_t lines = kb * 1024 / line;
    c->level = level;
    c->line_shift = (uint32_t)__builtin_ctz(line);
    if (!kb)
        return true;
    c->ways = ways;
    c->sets = lines / ways ? lines / ways : 1;
    lines = c->sets * c->ways;
    c->tag = zeroed(lines, sizeof *c->tag);
    c->stamp = zeroed(lines + 1, sizeof *c->stamp);
    c->flag = zeroed(lines, 1);
    c->guess = zeroed(GUESS_N, sizeof *c->guess);
    if (!c->tag || !c->stamp || !c->flag || !c->guess)
        return false;
    c->stamp_mask = renew ? ~0ull : 0;
    memset(c->tag, 0xff, lines * sizeof *c->tag);
    return true;
}

static bool arrays_init(struct vm *vm)
{
    const struct mdesc *m = &vm->m;
    struct vm_arrays *a = &vm->a;
    bool renew = m->cache_repl == REPL_LRU;
    vm->tlb_sets = m->tlb_entries / m->tlb_ways ? m->tlb_entries / m->tlb_ways : 1;
    if (!cache_init(&a->l1i, 0, m->l1i_kb, m->l1i_ways, m->l1i_line, renew) ||
        !cache_init(&a->l1d, 1, m->l1d_kb, m->l1d_ways, m->l1d_line, renew) ||
        !cache_init(&a->l2, 2, m->l2_kb, m->l2_ways, m->l2_line, renew))
        return false;
    uint32_t frames = vm->mem_size >> 12;
    a->tlb = zeroed(vm->tlb_sets * m->tlb_ways, sizeof *a->tlb);
    a->tlb_stamp = zeroed(vm->tlb_sets * m->tlb_ways, sizeof *a->tlb_stamp);
    a->jtlb = zeroed(m->jtlb_sets * m->jtlb_ways, sizeof *a->jtlb);
    a->tbits = zeroed(frames, sizeof *a->tbits);
    a->bus_bits = zeroed(frames, sizeof *a->bus_bits);
    if (!a->tlb || !a->tlb_stamp || !a->jtlb || !a->tbits || !a->bus_bits)
        return false;
    if (m->br_pred == PRED_BIMODAL || m->br_pred == PRED_GSHARE) {
        uint32_t n =
            1u << (31 - __builtin_clz(m->br_entries)); /* a power of two, or the next below */
        for (unsigned k = 0; k < 2; k++) {
            if (!(a->pht[k] = malloc(n)))
                return false;
            memset(a->pht[k], 1, n); /* weakly not taken */
        }
        vm->pht_mask = n - 1;
        vm->hist_mask = m->br_pred == PRED_GSHARE ? n - 1 : 0;
    }
    return true;
}

struct vm *vm_new(const struct mdesc *m, const struct vm_platform *p)
{
    struct vm *vm = aligned_alloc(64, (sizeof *vm + 63) / 64 * 64);
    if (!vm)
        return NULL;
    memset(vm, 0, sizeof *vm);
    vm->m = *m;
    if (p)
        vm->plat = *p;
    vm->concealed = m->guest_ram_mb << 20;
    vm->mem_size = vm->concealed + (m->concealed_mb << 20);
    void *mem = mmap(NULL, (size_t)vm->mem_size + SLACK, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    vm->mem = mem == MAP_FAILED ? NULL : mem;
    if (!vm->mem || !arrays_init(vm) || !code_init(vm)) {
        vm_free(vm);
        return NULL;
    }
    struct vm_state *s = &vm->s;
    s->deadline = s->cycle_deadline = ~0ull;
    s->cur_line = NO_LINE;
    s->rng = 0x9e3779b97f4a7c15ull;
    s->bus_lo = vm->concealed >> 12;
    s->pc = vm->concealed;
    cc_set(&s->cc, 0);
    s->cc_shadow = s->cc;
    s->fpsr[SR_MXCSR - SR_FP_FIRST] = s->fpsr_shadow[SR_MXCSR - SR_FP_FIRST] = MXCSR_RESET;
    vm->mem_cycles = (uint32_t)(((uint64_t)m->mem_ns * m->core_mhz + 999) / 1000);
    vm->shadow_lo = NGPR - m->core_shadowed;
    vm->ready_load = (uint64_t)(m->lat[LAT_LOAD] - 1) << 2 | RC_LOAD;
    vm->limit = ~0ull;
    tlb_fast_reset(vm);
    sb_refilter(vm);
    acct_phase(vm);
    return vm;
}

static void cache_free(struct cache *c)
{
    free(c->tag);
    free(c->stamp);
    free(c->flag);
    free(c->guess);
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    code_free(vm);
    cache_free(&vm->a.l1i);
    cache_free(&vm->a.l1d);
    cache_free(&vm->a.l2);
    free(vm->a.tlb);
    free(vm->a.tlb_stamp);
    free(vm->a.jtlb);
    free(vm->a.tbits);
    free(vm->a.bus_bits);
    free(vm->a.pht[0]);
    free(vm->a.pht[1]);
    if (vm->mem)
        munmap(vm->mem, (size_t)vm->mem_size + SLACK);
    free(vm);
}

const struct mdesc *vm_mdesc(const struct vm *vm)
{
    return &vm->m;
}

/* ---- running ---- */

enum vm_stop vm_run(struct vm *vm, uint64_t cycle_limit)
{
    if (vm->defect)
        return VM_DEFECT;
    if (vm->s.halted)
        return VM_HALT;
    vm->limit = cycle_limit;
    vm->single = false;
    vm->trapped = T_NONE;
    acct_limits(vm);
    enum vm_stop why = engine_run(vm, NULL);
    simd_end();
    acct_flush(vm);
    vm->stop_request = 0;
    cc_set(&vm->s.cc, cc_flags(&vm->s.cc));
    cc_set(&vm->s.cc_shadow, cc_flags(&vm->s.cc_shadow));
    return why;
}

enum trap_code vm_exec1(struct vm *vm, const struct vop *op, bool commit, uint32_t retired)
{
    vm->single = true;
    vm->trapped = T_NONE;
    vm->limit = ~0ull;
    acct_limits(vm);
    unsigned region = region_of(vm, vm->s.pc);
    if (region != vm->region) {
        vm->region = region;
        acct_phase(vm);
    }
    enum vm_stop why = engine_run(vm, code_exec1(vm, op, commit, retired));
    simd_end();
    acct_flush(vm);
    vm->single = false;
    return why == VM_TRAPPED || why == VM_DEFECT ? vm->trapped : T_NONE;
}

void vm_set_pc(struct vm *vm, uint32_t pc)
{
    vm->s.pc = pc;
    vm->s.halted = 0;
}

uint32_t vm_pc(const struct vm *vm)
{
    return vm->s.pc;
}

uint32_t vm_halt_status(const struct vm *vm)
{
    return vm->s.halt_status;
}

const char *vm_defect(const struct vm *vm)
{
    return vm->defect;
}

void vm_request_stop(struct vm *vm)
{
    vm->stop_request = 1;
    vm->stop_at = 0;
}

void vm_test_break(struct vm *vm, unsigned what)
{
    vm->broken = what;
    code_drop_all(vm);
    free(vm->exec1_cache);
    vm->exec1_cache = NULL;
}

/* ---- registers ---- */

uint32_t vm_reg(const struct vm *vm, unsigned r)
{
    return r < NGPR ? vm->s.r[r] : 0;
}

void vm_set_reg(struct vm *vm, unsigned r, uint32_t v)
{
    if (r > 0 && r < NGPR)
        vm->s.r[r] = vm->s.shadow[r] = v;
}

uint32_t vm_shadow_reg(const struct vm *vm, unsigned r)
{
    return r < NGPR ? vm->s.shadow[r] : 0;
}

uint32_t vm_cc(const struct vm *vm)
{
    return cc_flags(&vm->s.cc);
}

void vm_set_cc(struct vm *vm, uint32_t cc)
{
    cc_set(&vm->s.cc, cc & F_ALL);
    vm->s.cc_shadow = vm->s.cc;
}

uint32_t vm_special(const struct vm *vm, enum special s)
{
    if (s == SR_BUSQ) /* looking takes nothing */
        return vm->s.bus_hits ? 0 : 0xffffffffu;
    return special_read((struct vm *)vm, s);
}

void vm_get_context(const struct vm *vm, struct vm_context *c)
{
    const struct vm_state *s = &vm->s;
    memcpy(c->r, s->r + GUEST_REG0, sizeof c->r);
    c->cc = cc_flags(&s->cc);
    c->mode = s->mode;
    c->align_check = s->align_check;
    memcpy(c->fpsr, s->fpsr, sizeof c->fpsr);
    memcpy(c->wide, s->wide, sizeof c->wide);
}

void vm_set_context(struct vm *vm, const struct vm_context *c)
{
    struct vm_state *s = &vm->s;
    for (unsigned i = 0; i < NGPR - GUEST_REG0; i++)
        vm_set_reg(vm, GUEST_REG0 + i, c->r[i]);
    vm_set_cc(vm, c->cc);
    s->mode = s->mode_shadow = c->mode;
    s->align_check = s->align_shadow = c->align_check;
    memcpy(s->fpsr, c->fpsr, sizeof s->fpsr);
    memcpy(s->fpsr_shadow, c->fpsr, sizeof s->fpsr_shadow);
    memcpy(s->wide, c->wide, sizeof c->wide);
    memcpy(s->wide_shadow, c->wide, sizeof s->wide_shadow);
}

void vm_set_deadline(struct vm *vm, uint64_t retired)
{
    vm->s.deadline = retired;
}

uint64_t vm_cycles(const struct vm *vm)
{
    return vm_now(vm);
}

uint64_t vm_retired(const struct vm *vm)
{
    return vm->s.retired;
}

uint64_t vm_clock(const struct vm *vm)
{
    return vm->m.guest_clock == CLOCK_CYCLES ? vm_now(vm) : vm->s.retired;
}

uint64_t vm_clock_ns(const struct vm *vm)
{
    uint64_t per =
        vm->m.guest_clock == CLOCK_CYCLES ? vm->m.core_mhz * 1000ull : vm->m.guest_clock_hz_k;
    return (uint64_t)((unsigned __int128)vm_clock(vm) * 1000000u / per);
}

/* ---- memory ---- */

uint8_t *vm_mem(struct vm *vm, uint32_t pa, uint32_t len)
{
    return pa <= vm->mem_size && len <= vm->mem_size - pa ? vm->mem + pa : NULL;
}

uint32_t vm_mem_size(const struct vm *vm)
{
    return vm->mem_size;
}

uint32_t vm_concealed_base(const struct vm *vm)
{
    return vm->concealed;
}

/* ---- statistics ---- */

void vm_set_phase(struct vm *vm, enum phase p)
{
    acct_flush(vm);
    vm->s.phase_reg = p;
    acct_phase(vm);
}

const struct vm_stats *vm_stats(struct vm *vm)
{
    struct vm_stats *st = &vm->s.st;
    acct_flush(vm);
    vm->s.ops_uncommitted = vm->waste_base;
    st->cycles = vm_now(vm) - vm->s.cycles_at_reset;
    st->retired = vm->s.retired - vm->s.retired_at_reset;
    st->tlb_accesses = st->loads_guest + st->stores_guest + vm->s.tlb_extra;
    st->l1d_accesses =
        st->loads_guest + st->stores_guest + st->loads_native + st->stores_native + vm->s.l1d_extra;
    return st;
}

void vm_stats_reset(struct vm *vm)
{
    acct_flush(vm);
    memset(&vm->s.st, 0, sizeof vm->s.st);
    vm->s.tlb_extra = vm->s.l1d_extra = 0;
    vm->s.cycles_at_reset = vm_now(vm);
    vm->s.retired_at_reset = vm->s.retired;
}

/* SPDX-License-Identifier: MIT */
/*
 * Caches: timing alone, no data. L1I and L1D over one L2; all write-back and write-allocate, lines
 * found in one level need not be in another. A look-up of L1 that misses looks up L2 and pays
 * l2.latency; if that misses too, memory's latency on top (without an L2: memory alone).
 * Write-backs cost no time; a line written back is allocated in L2.
 *
 * Recency is the pipeline time of the last use, the lowest way goes among equals; fifo renews no
 * stamps; random asks a generator that is machine state.
 *
 * mem.stall = miss: the miss stops the pipeline clock (it adds to `stall`). mem.stall = use: a data
 * miss takes a miss register until its line has come; later misses of the same line join it; a
 * load's register is ready when the line has come and the hit latency is over, a store waits for
 * nothing. With all registers taken the access waits until one is free. Fetch waits for its misses
 * in both modes.
 *
 * A policy is a row of `victims`; to add one: its row, its name in options.def.
 */
#include "vliw-model/state.h"

static uint32_t oldest(struct vm *vm, const struct cache *c, uint32_t first)
{
    uint32_t v = 0;
    (void)vm;
    for (uint32_t w = 1; w < c->ways; w++)
        if (c->stamp[first + w + 1] < c->stamp[first + v + 1])
            v = w;
    return v;
}

static uint32_t any(struct vm *vm, const struct cache *c, uint32_t first)
{
    uint64_t x = vm->s.rng;
    (void)first;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    vm->s.rng = x;
    return (uint32_t)(x >> 33) % c->ways;
}

static const struct {
    uint32_t (*victim)(struct vm *, const struct cache *, uint32_t first);
    bool renew; /* hits renew the stamp */
} victims[] = {
    [REPL_LRU] = {oldest, true}, [REPL_FIFO] = {oldest, false}, [REPL_RANDOM] = {any, false}};

static int find(struct cache *c, uint32_t line)
{
    uint32_t first = line % c->sets * c->ways;
    for (uint32_t w = 0; w < c->ways; w++)
        if (c->tag[first + w] == line)
            return (int)(first + w);
    return -1;
}

/* Where the engine finds the line next time. */
static void guess(struct vm *vm, struct cache *c, uint32_t i)
{
    if (!(vm->broken & LONG_WAYS))
        c->guess[c->tag[i] & (GUESS_N - 1)] = i;
}

static void hit(struct vm *vm, struct cache *c, uint32_t i)
{
    c->stamp[(i + 1) & c->stamp_mask] = vm->s.pipe;
    guess(vm, c, i);
}

static void write_back(struct vm *vm, struct cache *c, uint32_t i);

/* Gives the line a place, evicting. */
static uint32_t fill(struct vm *vm, struct cache *c, uint32_t line, unsigned owner)
{
    uint32_t first = line % c->sets * c->ways, w;
    for (w = 0; w < c->ways && c->tag[first + w] != NO_LINE; w++)
        ;
    if (w == c->ways) {
        w = victims[vm->m.cache_repl].victim(vm, c, first);
        unsigned was = c->flag[first + w] & LINE_GUEST ? OWN_GUEST : OWN_CMS;
        vm->s.st.evicted[c->level][was][owner]++;
        if (c->flag[first + w] & LINE_DIRTY)
            write_back(vm, c, first + w);
    }
    uint32_t i = first + w;
    c->tag[i] = line;
    c->flag[i] = owner == OWN_GUEST ? LINE_GUEST : 0;
    c->stamp[i + 1] = vm->s.pipe;
    guess(vm, c, i);
    return i;
}

static void write_back(struct vm *vm, struct cache *c, uint32_t i)
{
    unsigned owner = c->flag[i] & LINE_GUEST ? OWN_GUEST : OWN_CMS;
    struct cache *l2 = &vm->a.l2;
    if (c->level == 2) {
        vm->s.st.l2_writebacks++;
        return;
    }
    vm->s.st.l1d_writebacks++;
    if (!l2->sets)
        return;
    uint32_t line = (uint32_t)(((uint64_t)c->tag[i] << c->line_shift) >> l2->line_shift);
    int at = find(l2, line);
    uint32_t k = at >= 0 ? (uint32_t)at : fill(vm, l2, line, owner);
    l2->flag[k] |= LINE_DIRTY;
}

/* The level behind L1: its latency, and whether memory was needed. */
static uint32_t behind(struct vm *vm, uint32_t pa, unsigned owner, bool *far)
{
    struct cache *l2 = &vm->a.l2;
    *far = true;
    if (!l2->sets)
        return vm->mem_cycles;
    uint32_t line = pa >> l2->line_shift;
    vm->s.st.l2_accesses++;
    int i = find(l2, line);
    if (i >= 0) {
        hit(vm, l2, (uint32_t)i);
        *far = false;
        return vm->m.l2_hit;
    }
    vm->s.st.l2_misses++;
    fill(vm, l2, line, owner);
    return vm->m.l2_hit + vm->mem_cycles;
}

static void prefetch(struct vm *vm, struct cache *c, uint32_t line, unsigned owner)
{
    bool far;
    if (vm->m.cache_prefetch != PREFETCH_NEXT ||
        ((uint64_t)(line + 1) << c->line_shift) >= vm->mem_size || find(c, line + 1) >= 0)
        return;
    vm->s.st.prefetches++;
    behind(vm, (line + 1) << c->line_shift, owner, &far);
    fill(vm, c, line + 1, owner);
}

/* Fetch enters a line of L1I. */
void cache_fetch(struct vm *vm, uint32_t line)
{
    struct cache *c = &vm->a.l1i;
    bool far;
    vm->s.st.l1i_accesses++;
    int i = find(c, line);
    if (i >= 0) {
        hit(vm, c, (uint32_t)i);
        return;
    }
    unsigned owner = vm->region == REGION_CMS ? OWN_CMS : OWN_GUEST;
    vm->s.st.l1i_misses++;
    uint32_t n = behind(vm, line << c->line_shift, owner, &far);
    fill(vm, c, line, owner);
    prefetch(vm, c, line, owner);
    if (vm->m.mem_stall == MEM_STALL_MISS)
        acct_stall(vm, n, far ? CA_IL2 : CA_IL1);
    else
        acct_wait(vm, n, far ? CA_IL2 : CA_IL1);
}

/* ---- data ---- */

/* Lines that have come free their registers. */
void mshr_retire(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->mshr_n; i++)
        if (s->mshr[i].fill > s->pipe)
            s->mshr[n++] = s->mshr[i];
    s->mshr_n = n;
    sb_refilter(vm);
}

static struct mshr *mshr_find(struct vm *vm, uint32_t line)
{
    for (uint32_t i = 0; i < vm->s.mshr_n; i++)
        if (vm->s.mshr[i].line == line)
            return &vm->s.mshr[i];
    return NULL;
}

/* A register for the miss; the earliest to be free is waited for if there is none. */
static struct mshr *mshr_take(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    if (s->mshr_n >= vm->m.l1d_mshrs) {
        struct mshr *first = &s->mshr[0];
        for (uint32_t i = 1; i < s->mshr_n; i++)
            if (s->mshr[i].fill < first->fill)
                first = &s->mshr[i];
        s->st.mshr_full++;
        acct_wait(vm, first->fill - s->pipe, first->cls == RC_DL2 ? CA_DL2 : CA_DL1);
        mshr_retire(vm);
    }
    return &s->mshr[s->mshr_n++];
}

static uint64_t ready_word(struct vm *vm, uint64_t from, uint32_t cls)
{
    return (((from << 2) + vm->ready_load) & ~3ull) | cls;
}

/* One line. */
static uint64_t data_line(struct vm *vm, uint32_t pa, bool write, unsigned owner)
{
    struct cache *c = &vm->a.l1d;
    uint32_t line = pa >> c->line_shift;
    uint64_t ready = (vm->s.pipe << 2) + vm->ready_load;
    bool far, use = vm->m.mem_stall == MEM_STALL_USE;
    int i = find(c, line);
    if (i >= 0) {
        hit(vm, c, (uint32_t)i);
        struct mshr *m = vm->s.mshr_n ? mshr_find(vm, line) : NULL;
        if (m) {
            vm->s.st.l1d_misses++;
            vm->s.st.mshr_merges++;
            ready = ready_word(vm, m->fill, m->cls);
        }
    } else {
        vm->s.st.l1d_misses++;
        uint32_t n = behind(vm, pa, owner, &far);
        if (use) {
            struct mshr *m = mshr_take(vm);
            *m = (struct mshr){vm->s.pipe + n, line, far ? RC_DL2 : RC_DL1};
            ready = ready_word(vm, m->fill, m->cls);
        } else {
            acct_stall(vm, n, far ? CA_DL2 : CA_DL1);
        }
        i = (int)fill(vm, c, line, owner);
        prefetch(vm, c, line, owner);
    }
    if (write)
        c->flag[i] |= LINE_DIRTY;
    return ready;
}

/* The bytes of an access that stays in one page; two look-ups if it crosses a line. */
uint64_t cache_data(struct vm *vm, uint32_t pa, uint32_t len, bool write, unsigned owner)
{
    unsigned sh = vm->a.l1d.line_shift;
    if (vm->s.mshr_n)
        mshr_retire(vm);
    uint64_t ready = data_line(vm, pa, write, owner);
    if ((pa + len - 1) >> sh != pa >> sh) {
        uint64_t second = data_line(vm, pa + len - 1, write, owner);
        vm->s.l1d_extra++;
        ready = second > ready ? second : ready;
    }
    sb_refilter(vm);
    return ready;
}

/* isync: L1I forgets the lines of [lo, hi]. */
void cache_drop_code(struct vm *vm, uint32_t lo, uint32_t hi)
{
    struct cache *c = &vm->a.l1i;
    uint32_t a = lo >> c->line_shift, b = hi >> c->line_shift;
    if (b - a >= c->sets * c->ways) {
        for (uint32_t i = 0; i < c->sets * c->ways; i++)
            if (c->tag[i] >= a && c->tag[i] <= b)
                c->tag[i] = NO_LINE;
        return;
    }
    for (uint32_t line = a; line <= b; line++) {
        int i = find(c, line);
        if (i >= 0)
            c->tag[i] = NO_LINE;
    }
}

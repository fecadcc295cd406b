/* SPDX-License-Identifier: MIT */
/*
 * Predecoded bundles: where they are kept, and until when.
 *
 * Bundles are predecoded in runs, from an entry to the next unconditional jump, into one arena;
 * code_index finds the head of a bundle by its address. isync makes heads stale; a stale one is
 * predecoded again in place where it fits, else elsewhere, and the old head forwards. When the
 * arena is full everything is dropped.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "vliw-model/engine.h"

enum { ARENA_POPS = 4 << 20, RUN_MAX = 64, MIN_CAP = HEAD_POPS + 3 };

/* One bundle, not yet in the arena. */
struct fresh {
    struct pop pops[OUT_MAX];
    unsigned n;
};

/* Predecodes the bundle at pc into l. Returns its words, 0 if it is illegal (a head is made all the
 * same). */
static uint32_t predecode(struct fresh *l, struct vm *vm, uint32_t pc, struct bundle *b)
{
    uint32_t at = pc - vm->concealed, end = vm->mem_size - vm->concealed;
    struct head *h = (struct head *)l->pops;
    uint32_t words = 0, why = 0;
    if (at < end && !(pc & 3)) {
        uint32_t in[MAX_BUNDLE_WORDS], avail = (end - at) / 4;
        avail = avail < MAX_BUNDLE_WORDS ? avail : MAX_BUNDLE_WORDS;
        memcpy(in, vm->mem + pc, 4 * avail);
        words = bundle_decode(in, avail, pc, b);
        if (words && (why = mdesc_check(&vm->m, b)) == BE_OK) {
            l->n = linear_bundle(vm, b, pc, false, l->pops);
            return words;
        }
    }
    memset(h, 0, sizeof *h);
    h->h = engine_label[H_ILLEGAL];
    h->pc = pc;
    h->line = pc >> vm->a.l1i.line_shift;
    h->region = (uint8_t)region_of(vm, pc);
    h->words = (uint8_t)(words ? words : MAX_BUNDLE_WORDS);
    h->retire = (uint16_t)why;
    l->n = HEAD_POPS;
    return 0;
}

static void place(struct vm *vm, struct fresh *l, struct pop *at)
{
    memcpy(at, l->pops, l->n * sizeof *at);
    vm->code_index[(((struct head *)l->pops)->pc - vm->concealed) / 4] = (uint32_t)(at - vm->arena);
}

static struct pop *put_goto(struct vm *vm, struct pop *at, uint32_t pc)
{
    (void)vm;
    at[0] = (struct pop){engine_label[H_GOTO], 0, 0, 0, 0, pc};
    memset(&at[1], 0, sizeof at[1]);
    return at + 2;
}

/* Predecodes the run that begins at pc and returns its first head. */
static struct head *predecode_run(struct vm *vm, uint32_t pc)
{
    struct fresh l;
    struct bundle b;
    if (vm->arena_n + (RUN_MAX + 1) * (OUT_MAX + 2) > ARENA_POPS)
        code_drop_all(vm);
    struct pop *first = vm->arena + vm->arena_n, *at = first;
    for (unsigned k = 0;; k++) {
        uint32_t words = predecode(&l, vm, pc, &b);
        struct head *h = (struct head *)l.pops;
        if (!words && (pc - vm->concealed >= vm->mem_size - vm->concealed || (pc & 3))) {
            /* not an address of code: never indexed */
            memcpy(at, l.pops, sizeof *h);
            ((struct head *)at)->cap = HEAD_POPS;
            at += HEAD_POPS;
            break;
        }
        unsigned n = l.n;
        if (!h->falls && n < MIN_CAP)
            n = MIN_CAP; /* room for a chain patch */
        h->cap = (uint8_t)n;
        place(vm, &l, at);
        at += n;
        if (!h->falls)
            break;
        pc += 4 * words;
        uint32_t off = pc - vm->concealed;
        if (k + 1 >= RUN_MAX || off >= vm->mem_size - vm->concealed || vm->code_index[off / 4] ||
            region_of(vm, pc) != h->region) {
            at = put_goto(vm, at, pc);
            break;
        }
    }
    vm->arena_n = (uint32_t)(at - vm->arena);
    return (struct head *)first;
}

struct head *code_at(struct vm *vm, uint32_t pc)
{
    uint32_t off = pc - vm->concealed;
    if (vm->drop_code)
        code_drop_all(vm);
    if (off < vm->mem_size - vm->concealed && !(off & 3) && vm->code_index[off / 4])
        return (struct head *)(vm->arena + vm->code_index[off / 4]);
    return predecode_run(vm, pc);
}

/* A stale head has been reached. */
struct head *code_renew(struct vm *vm, struct head *h)
{
    struct fresh l;
    struct bundle b;
    uint32_t pc = h->pc, words = predecode(&l, vm, pc, &b);
    struct head *nh = (struct head *)l.pops;
    unsigned cap = h->cap, n = l.n;
    bool same_end = words == h->words;
    /* What follows the old pops in the arena is its next bundle: of use only if that is still the
     * next one. */
    if (nh->falls && !(h->falls && same_end)) {
        if (n + 2 <= cap) {
            put_goto(vm, l.pops + n, pc + 4 * words);
            n = l.n = n + 2;
            nh->falls = 0;
        } else {
            n = OUT_MAX;
        }
    } else if (nh->falls && n < cap) {
        l.pops[n] = (struct pop){engine_label[H_SKIP], 0, 0, 0, 0, cap - n};
        l.n = ++n;
    }
    if (n <= cap) {
        nh->cap = (uint8_t)cap;
        /* From here on `falls` says whether what follows in the arena is the bundle behind this
         * one: no longer so once the length has changed, even if a later renewal has this length
         * again. */
        nh->falls = h->falls && same_end;
        place(vm, &l, (struct pop *)h);
        return h;
    }
    vm->code_index[(pc - vm->concealed) / 4] = 0;
    uint32_t before = vm->arena_n;
    struct head *to = predecode_run(vm, pc);
    if (vm->arena_n > before) { /* else everything was dropped, the old head too */
        h->h = engine_label[H_FORWARD];
        h->uses = (uint64_t)(uintptr_t)to;
    }
    return to;
}

void code_isync(struct vm *vm, uint32_t lo, uint32_t len)
{
    if (!len || (vm->broken & BREAK_ISYNC))
        return;
    uint64_t hi = (uint64_t)lo + len;
    uint64_t from = lo > 4 * MAX_BUNDLE_WORDS ? lo - 4 * MAX_BUNDLE_WORDS : 0;
    if (from < vm->concealed)
        from = vm->concealed;
    if (hi > vm->mem_size)
        hi = vm->mem_size;
    for (uint64_t pc = from & ~3ull; pc < hi; pc += 4) {
        uint32_t i = vm->code_index[(pc - vm->concealed) / 4];
        if (!i)
            continue;
        struct head *h = (struct head *)(vm->arena + i);
        if (pc + 4u * h->words > lo)
            h->h = engine_label[H_STALE];
    }
}

void code_drop_all(struct vm *vm)
{
    size_t n = (size_t)(vm->mem_size - vm->concealed) / 4 * sizeof *vm->code_index;
    vm->arena_n = 1; /* index 0 means none */
    vm->drop_code = false;
    vm->code_generation++;
    if (madvise(vm->code_index, n, MADV_DONTNEED) != 0)
        memset(vm->code_index, 0, n);
}

bool code_init(struct vm *vm)
{
    engine_init();
    size_t n = (size_t)(vm->mem_size - vm->concealed) / 4 * sizeof *vm->code_index;
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    vm->arena = mmap(NULL, ARENA_POPS * sizeof *vm->arena, prot, flags, -1, 0);
    vm->code_index = mmap(NULL, n, prot, flags, -1, 0);
    if (vm->arena == MAP_FAILED || vm->code_index == MAP_FAILED)
        return false;
    vm->arena_n = 1;
    return true;
}

void code_free(struct vm *vm)
{
    size_t n = (size_t)(vm->mem_size - vm->concealed) / 4 * sizeof *vm->code_index;
    if (vm->arena && vm->arena != MAP_FAILED)
        munmap(vm->arena, ARENA_POPS * sizeof *vm->arena);
    if (vm->code_index && vm->code_index != MAP_FAILED)
        munmap(vm->code_index, n);
    free(vm->exec1_cache);
}

/* ---- single ops ---- */

enum { EXEC1_N = 512, EXEC1_POPS = 24 };
struct exec1_slot {
    struct vop op;
    uint32_t retired;
    uint8_t commit, used;
    struct pop pops[EXEC1_POPS];
};

struct head *code_exec1(struct vm *vm, const struct vop *op, bool commit, uint32_t retired)
{
    if (!vm->exec1_cache && !(vm->exec1_cache = calloc(EXEC1_N, sizeof(struct exec1_slot))))
        abort();
    uint32_t k = op->opc * 7u + op->rd * 31u + op->ra * 131u + op->rb * 17u +
                 (uint32_t)op->imm * 2654435761u;
    struct exec1_slot *e = (struct exec1_slot *)vm->exec1_cache + (k >> 7 ^ k) % EXEC1_N;
    struct head *h = (struct head *)e->pops;
    if (!(e->used && memcmp(&e->op, op, sizeof *op) == 0 && e->commit == commit &&
          e->retired == retired)) {
        struct pop out[OUT_MAX];
        struct bundle b = {.nops = 1, .commit = commit, .retired = (uint16_t)retired};
        b.op[0] = *op;
        unsigned n = linear_bundle(vm, &b, vm->s.pc, true, out);
        memcpy(e->pops, out, n * sizeof *out);
        memcpy(&e->op, op, sizeof *op);
        e->commit = commit;
        e->retired = retired;
        e->used = 1;
    }
    h->pc = vm->s.pc;
    h->region = (uint8_t)region_of(vm, vm->s.pc);
    return h;
}

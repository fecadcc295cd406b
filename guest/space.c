/* SPDX-License-Identifier: MIT */
/*
 * Areas and page tables of a guest process.
 *
 * The area list is the truth about what a process may touch; the page tables are what the modelled
 * walker sees. A page table entry is only ever more restrictive than its area, never less: pages
 * appear on first touch. Whoever removes or restricts an existing entry sets `changed`, which the
 * host call reports to CMS, so that it drops TLB entries. Frame 0 is never given out, so 0 can mean
 * none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "guest/space_parts.h"

int frames_init(struct frames *f, struct vm *vm)
{
    memset(f, 0, sizeof *f);
    f->vm = vm;
    f->nframes = vm_concealed_base(vm) / PAGE;
    f->next_frame = 1;
    f->refs = calloc(f->nframes, sizeof *f->refs);
    f->shared = calloc(f->nframes, sizeof *f->shared);
    return f->refs && f->shared ? 0 : -ENOMEM;
}

void frames_free(struct frames *f)
{
    free(f->refs);
    free(f->shared);
    f->refs = NULL;
    f->shared = NULL;
}

uint32_t frame_take(struct frames *pool)
{
    uint32_t f = pool->free_head;

    if (f) {
        uint8_t *p = vm_mem(pool->vm, f * PAGE, PAGE);
        memcpy(&pool->free_head, p, 4);
        memset(p, 0, PAGE);
    } else {
        if (pool->next_frame >= pool->nframes)
            return 0;
        f = pool->next_frame++;
    }
    if (++pool->used > pool->peak)
        pool->peak = pool->used;
    pool->refs[f] = 1;
    return f;
}

void frame_drop(struct frames *pool, uint32_t f)
{
    /* A frame that held code may carry T-bits: the old bytes go through the bus, so that CMS hears
     * of it. */
    static const uint8_t zeros[PAGE];

    if (--pool->refs[f])
        return;
    vm_bus_write(pool->vm, f * PAGE, zeros, PAGE);
    memcpy(vm_mem(pool->vm, f * PAGE, PAGE), &pool->free_head, 4);
    pool->free_head = f;
    pool->used--;
}

static uint32_t *table_word(struct space *s, uint32_t frame, uint32_t index)
{
    return (uint32_t *)(void *)frame_bytes(s, frame) + index;
}

uint32_t *space_pte(struct space *s, uint32_t page, bool make)
{
    uint32_t *pde = table_word(s, s->cr3 / PAGE, page >> 10);

    if (!(*pde & PTE_P)) {
        uint32_t f = make ? frame_take(s->pool) : 0;
        if (!f)
            return NULL;
        *pde = f * PAGE | PTE_P | PTE_W | PTE_U;
    }
    return table_word(s, *pde / PAGE, page & 1023);
}

int space_init(struct space *s, struct frames *pool)
{
    memset(s, 0, sizeof *s);
    s->pool = pool;
    uint32_t f = frame_take(s->pool);
    if (!f)
        return -ENOMEM;
    s->cr3 = f * PAGE;
    return 0;
}

uint32_t space_area_at(const struct space *s, uint32_t page)
{
    uint32_t lo = 0, hi = s->nareas;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (s->area[mid].end <= page)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int area_insert(struct space *s, uint32_t at, struct area a)
{
    if (s->nareas == SPACE_AREAS)
        return -ENOMEM;
    memmove(&s->area[at + 1], &s->area[at], (s->nareas - at) * sizeof a);
    s->area[at] = a;
    s->nareas++;
    if (a.file)
        shared_area_made(s->pool, a.file);
    return 0;
}

static void area_remove(struct space *s, uint32_t at)
{
    uint32_t file = s->area[at].file;

    s->nareas--;
    memmove(&s->area[at], &s->area[at + 1], (s->nareas - at) * sizeof s->area[0]);
    if (file)
        shared_area_gone(s->pool, file);
}

static bool one_kind(const struct area *a, const struct area *b)
{
    return a->end == b->first && a->prot == b->prot && !a->stack && !b->stack &&
           a->shared == b->shared && a->file == b->file && a->no_write == b->no_write &&
           a->beyond == b->beyond && a->on_fork == b->on_fork &&
           (!a->file || a->index + (a->end - a->first) == b->index);
}

static void merge_around(struct space *s, uint32_t at)
{
    uint32_t i = at ? at - 1 : 0;

    while (i + 1 < s->nareas && i <= at + 1) {
        struct area *a = &s->area[i], *b = a + 1;
        if (one_kind(a, b)) {
            a->end = b->end;
            area_remove(s, i + 1);
        } else {
            i++;
        }
    }
}

/* Cuts areas so that none crosses `page`. */
static int split_at(struct space *s, uint32_t page)
{
    uint32_t i = space_area_at(s, page);

    if (i < s->nareas && s->area[i].first < page) {
        struct area upper = s->area[i];
        upper.index += page - upper.first;
        upper.first = page;
        int e = area_insert(s, i + 1, upper);
        if (e)
            return e;
        s->area[i].end = page;
    }
    return 0;
}

static bool range_ok(uint32_t first, uint32_t pages)
{
    return pages && first < SPACE_TOP_PAGE && pages <= SPACE_TOP_PAGE - first;
}

/* An entry leads nowhere any more. */
static void pte_drop(struct space *s, uint32_t *pte)
{
    uint32_t f = *pte / PAGE;

    *pte = 0;
    frame_drop(s->pool, f);
    s->resident--;
    s->changed = true;
}

/* [from, end) of an area goes to its file. */
static void sync_area(struct space *s, const struct area *a, uint32_t from, uint32_t end)
{
    if (a->file && !a->no_write)
        shared_flush(s->pool, a->file, a->index + (from - a->first), a->index + (end - a->first));
}

int space_sync(struct space *s, uint32_t first, uint32_t pages)
{
    uint32_t end = first + pages, at = first;

    for (uint32_t i = space_area_at(s, first); i < s->nareas && s->area[i].first < end; i++) {
        const struct area *a = &s->area[i];
        sync_area(s, a, a->first > first ? a->first : first, a->end < end ? a->end : end);
        if (a->first <= at)
            at = a->end;
    }
    return at < end ? -ENOMEM : 0;
}

int space_unmap(struct space *s, uint32_t first, uint32_t pages)
{
    if (!range_ok(first, pages))
        return -EINVAL;
    int e = split_at(s, first);
    if (!e)
        e = split_at(s, first + pages);
    if (e)
        return e;
    uint32_t i = space_area_at(s, first);
    while (i < s->nareas && s->area[i].first < first + pages) {
        sync_area(s, &s->area[i], s->area[i].first, s->area[i].end);
        for (uint32_t p = s->area[i].first; p < s->area[i].end; p++) {
            uint32_t *pte = space_pte(s, p, false);
            if (!pte) {
                p |= 1023; /* a missing table maps nothing */
                continue;
            }
            if (*pte & PTE_FRAME)
                pte_drop(s, pte);
        }
        area_remove(s, i);
    }
    return 0;
}

int space_discard(struct space *s, uint32_t first, uint32_t pages)
{
    if (!range_ok(first, pages))
        return -ENOMEM;
    for (uint32_t i = space_area_at(s, first); i < s->nareas && s->area[i].first < first + pages;
         i++) {
        const struct area *a = &s->area[i];
        uint32_t from = a->first > first ? a->first : first;
        uint32_t to = a->end < first + pages ? a->end : first + pages;
        for (uint32_t p = from; p < to && !a->shared; p++) {
            uint32_t *pte = space_pte(s, p, false);
            if (!pte)
                p |= 1023;
            else if (*pte & PTE_FRAME)
                pte_drop(s, pte);
        }
    }
    return 0;
}

/* Instead of what was there. */
static int replace(struct space *s, struct area a)
{
    int e = space_unmap(s, a.first, a.end - a.first);

    if (e)
        return e;
    uint32_t at = space_area_at(s, a.first);
    e = area_insert(s, at, a);
    if (!e)
        merge_around(s, at);
    return e;
}

int space_map(struct space *s, uint32_t first, uint32_t pages, uint32_t prot, bool stack)
{
    return replace(
        s, (struct area){.first = first, .end = first + pages, .prot = prot, .stack = stack});
}

int space_map_beyond(struct space *s, uint32_t first, uint32_t pages, uint32_t prot)
{
    return replace(
        s, (struct area){.first = first, .end = first + pages, .prot = prot, .beyond = true});
}

int space_map_shared(struct space *s, uint32_t first, uint32_t pages, uint32_t prot)
{
    int e = space_unmap(s, first, pages);
    const struct area a = {.first = first, .end = first + pages, .prot = prot, .shared = true};
    uint32_t pa;

    if (e)
        return e;
    uint32_t at = space_area_at(s, first);
    e = area_insert(s, at, a);
    for (uint32_t p = first; !e && p < first + pages; p++)
        e = space_page_in(s, p, &a, false, &pa);
    if (e)
        space_unmap(s, first, pages);
    return e;
}

int space_map_file(struct space *s, uint32_t first, uint32_t pages, uint32_t prot, uint32_t file,
                   uint32_t index, bool no_write)
{
    const struct area a = {.first = first,
                           .end = first + pages,
                           .prot = prot,
                           .index = index,
                           .file = (uint16_t)file,
                           .shared = true,
                           .no_write = no_write};

    shared_area_made(s->pool, file); /* lest it be forgotten with what was here before */
    int e = space_unmap(s, first, pages);
    if (!e) {
        uint32_t at = space_area_at(s, first);
        e = area_insert(s, at, a);
        if (!e)
            merge_around(s, at);
    }
    shared_area_gone(s->pool, file);
    return e;
}

bool space_whole(const struct space *s, uint32_t first, uint32_t pages)
{
    uint32_t at = first;

    if (!range_ok(first, pages))
        return false;
    for (uint32_t i = space_area_at(s, first); i < s->nareas && s->area[i].first <= at; i++) {
        at = s->area[i].end;
        if (at >= first + pages)
            return true;
    }
    return false;
}

int space_on_fork(struct space *s, uint32_t first, uint32_t pages, enum on_fork how)
{
    int e = split_at(s, first);

    if (!e)
        e = split_at(s, first + pages);
    uint32_t i0 = space_area_at(s, first);
    for (uint32_t i = i0; !e && i < s->nareas && s->area[i].first < first + pages; i++)
        if (how == FORK_WIPES && s->area[i].shared)
            e = -EINVAL;
        else
            s->area[i].on_fork = (uint8_t)how;
    merge_around(s, i0);
    return e;
}

/* Shared memory once more, from page `like` of an area on, as far as it goes. */
static int map_again(struct space *s, uint32_t at, uint32_t pages, uint32_t like, struct area a)
{
    uint32_t same = a.end - like < pages ? a.end - like : pages;
    struct area copy = {
        .first = at, .end = at + same, .prot = a.prot, .shared = true, .beyond = a.beyond};
    int e = space_unmap(s, at, pages);

    if (!e)
        e = area_insert(s, space_area_at(s, at), copy);
    for (uint32_t i = 0; !e && !a.beyond && i < same; i++) {
        uint32_t *from = space_pte(s, like + i, false), *to = space_pte(s, at + i, true);
        if (!to || !from || s->pool->refs[*from / PAGE] == UINT16_MAX) {
            e = -ENOMEM;
            break;
        }
        s->pool->refs[*from / PAGE]++;
        *to = *from;
    }
    copy = (struct area){
        .first = at + same, .end = at + pages, .prot = a.prot, .shared = true, .beyond = true};
    if (!e && same < pages)
        e = area_insert(s, space_area_at(s, at + same), copy);
    if (e)
        space_unmap(s, at, pages);
    return e;
}

int space_map_more(struct space *s, uint32_t at, uint32_t pages, uint32_t like, uint32_t skip)
{
    const struct area *a = space_area(s, like, 1);

    if (!a)
        return -EFAULT;
    uint64_t index = (uint64_t)a->index + (like - a->first) + skip;
    if (a->file && index + pages > UINT32_MAX)
        return -EINVAL;
    if (a->file)
        return space_map_file(s, at, pages, a->prot, a->file, (uint32_t)index, a->no_write);
    struct area more = *a;
    if (!a->shared)
        return space_map(s, at, pages, more.prot, false);
    if (!skip)
        return map_again(s, at, pages, like, more);
    int e = space_unmap(s, at, pages);
    more.first = at;
    more.end = at + pages;
    more.beyond = true;
    return e ? e : area_insert(s, space_area_at(s, at), more);
}

void space_cut_file(struct space *s, uint32_t file, uint32_t left)
{
    for (uint32_t i = 0; i < s->nareas; i++) {
        const struct area *a = &s->area[i];
        if (a->file != file || a->index + (a->end - a->first) <= left)
            continue;
        for (uint32_t p = a->index < left ? a->first + (left - a->index) : a->first; p < a->end;
             p++) {
            uint32_t *pte = space_pte(s, p, false);
            if (!pte)
                p |= 1023;
            else if (*pte & PTE_FRAME)
                pte_drop(s, pte);
        }
    }
}

void space_clear(struct space *s)
{
    while (s->nareas) /* no split is needed, so this cannot fail */
        space_unmap(s, s->area[0].first, s->area[0].end - s->area[0].first);
    for (uint32_t i = 0; i < 1024; i++) {
        uint32_t pde = *table_word(s, s->cr3 / PAGE, i);
        if (pde & PTE_P)
            frame_drop(s->pool, pde / PAGE);
    }
    frame_drop(s->pool, s->cr3 / PAGE);
    s->cr3 = 0;
}

int space_fork(struct space *to, struct space *from)
{
    int e = space_init(to, from->pool);

    if (e)
        return e;
    for (uint32_t i = 0; i < from->nareas; i++) {
        if (from->area[i].on_fork == FORK_OMITS)
            continue;
        to->area[to->nareas++] = from->area[i];
        if (from->area[i].file)
            shared_area_made(to->pool, from->area[i].file);
    }
    to->brk_start = from->brk_start;
    to->brk = from->brk;
    memcpy(to->ldt_used, from->ldt_used, sizeof to->ldt_used);
    for (uint32_t i = 0; i < SPACE_LDT / 32; i++)
        if (from->ldt_used[i])
            memcpy(to->ldt + 32 * i, from->ldt + 32 * i, 32 * sizeof to->ldt[0]);
    for (uint32_t i = 0; i < from->nareas; i++) {
        const struct area *a = &from->area[i];
        for (uint32_t p = a->first; p < a->end && !a->on_fork; p++) {
            uint32_t *pte = space_pte(from, p, false), *copy;
            if (!pte) {
                p |= 1023;
                continue;
            }
            if (!(*pte & PTE_FRAME))
                continue;
            copy = space_pte(to, p, true);
            if (!copy || from->pool->refs[*pte / PAGE] == UINT16_MAX) {
                space_clear(to);
                return -ENOMEM;
            }
            if (!a->shared && (*pte & PTE_W)) {
                *pte &= ~(uint32_t)PTE_W;
                from->changed = true;
            }
            *copy = *pte;
            from->pool->refs[*pte / PAGE]++;
            pte_made(to);
        }
    }
    return 0;
}

int space_move(struct space *s, uint32_t from, uint32_t to, uint32_t pages)
{
    int e = split_at(s, from);

    if (!e)
        e = split_at(s, from + pages);
    uint32_t i = space_area_at(s, from);
    if (e || i == s->nareas || s->area[i].first != from || s->area[i].end != from + pages)
        return e ? e : -EFAULT;
    struct area a = s->area[i];
    for (uint32_t p = 0; p < pages; p++) { /* tables first: after this nothing fails */
        if (!space_pte(s, to + p, true))
            return -ENOMEM;
    }
    a.first = to;
    a.end = to + pages;
    uint32_t at = space_area_at(s, to);
    e = area_insert(s, at, a);
    if (e)
        return e;
    for (uint32_t p = 0; p < pages; p++) {
        uint32_t *old = space_pte(s, from + p, false);
        if (old && (*old & PTE_FRAME)) {
            *space_pte(s, to + p, false) = *old;
            *old = 0;
            s->changed = true;
        }
    }
    area_remove(s, space_area_at(s, from));
    return 0;
}

int space_protect(struct space *s, uint32_t first, uint32_t pages, uint32_t prot)
{
    if (!range_ok(first, pages))
        return -ENOMEM;
    uint32_t end = first + pages, at = first;
    for (uint32_t i = space_area_at(s, first); at < end && i < s->nareas && s->area[i].first <= at;
         i++) {
        if (s->area[i].no_write && (prot & P_WRITE))
            return -EACCES;
        at = s->area[i].end;
    }
    bool hole = at < end; /* as Linux has it, what lies before a hole is protected */
    if (hole && at == first)
        return -ENOMEM;
    end = hole ? at : end;
    int e = split_at(s, first);
    if (!e)
        e = split_at(s, end);
    if (e)
        return e;
    uint32_t i0 = space_area_at(s, first), i = i0;
    for (; i < s->nareas && s->area[i].first < end; i++) {
        s->area[i].prot = prot;
        for (uint32_t p = s->area[i].first; p < s->area[i].end; p++) {
            uint32_t *pte = space_pte(s, p, false);
            if (!pte) {
                p |= 1023;
                continue;
            }
            if (!(*pte & PTE_FRAME))
                continue;
            bool mine = s->area[i].file     ? *pte & PTE_W /* the first store is to be seen */
                        : s->area[i].shared ? true
                                            : s->pool->refs[*pte / PAGE] == 1;
            uint32_t now = (*pte & ~(uint32_t)(PTE_FRAME | PTE_W | PTE_U)) | pte_bits(prot, mine);
            if (now != *pte) {
                *pte = now;
                s->changed = true;
            }
        }
    }
    merge_around(s, i0);
    return hole ? -ENOMEM : 0;
}

bool space_is_free(const struct space *s, uint32_t first, uint32_t pages)
{
    uint32_t i = space_area_at(s, first);

    return range_ok(first, pages) && (i == s->nareas || s->area[i].first >= first + pages);
}

uint32_t space_find_free(const struct space *s, uint32_t pages)
{
    uint32_t end = MMAP_TOP_PAGE;

    if (!pages || pages >= MMAP_TOP_PAGE)
        return 0;
    uint32_t i = space_area_at(s, end);
    if (i < s->nareas && s->area[i].first < end)
        end = s->area[i].first; /* one that has grown in place across the top */
    for (; end >= SPACE_FIRST_PAGE + pages; i--) {
        /* The area below `end`, if any, is i - 1. */
        uint32_t low = i ? s->area[i - 1].end : SPACE_FIRST_PAGE;
        if (low < end && end - low >= pages)
            return end - pages;
        if (!i)
            break;
        end = s->area[i - 1].first < end ? s->area[i - 1].first : end;
    }
    return 0;
}

struct area *space_area_of(struct space *s, uint32_t page)
{
    uint32_t i = space_area_at(s, page);

    return i < s->nareas && s->area[i].first <= page ? &s->area[i] : NULL;
}

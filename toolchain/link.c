/* SPDX-License-Identifier: MIT */
/*
 * Layout. The linear ops are cut into blocks at every label that something refers to, behind every
 * control transfer and at every commit; each block is scheduled alone. Whether a branch reaches its
 * target by a short displacement depends on the layout, and the layout on how bundles pack, which
 * depends on the branch. So every branch begins as short, unless more ops lie between than words
 * can be reached; then blocks are laid out, those whose branch turns out not to reach are scheduled
 * again with a long one, and so on until all reach. Branches only ever grow, so this ends.
 */
#include "toolchain/link.h"
#include "toolchain/sched.h"

struct block {
    struct sched_block s;
    uint32_t bundle, nbundles; /* where its bundles are */
    uint32_t addr, words;
    bool dirty;
};

enum { NONE = 0xffffffffu, REACH = 127 };

struct linker {
    const struct lo *lo;
    const struct mdesc *m;
    struct sched sched;
    VEC(struct block) block;
    uint8_t *leader;    /* by op: how a block begins there */
    uint32_t *block_at; /* block that begins at, or holds, each op; one more for the end */
    sched_bundles bundles;
    uint32_t base, start[LO_SECTIONS];
    char *err;
    size_t errlen;
};

static int fail(struct linker *l, const char *what, const char *name)
{
    snprintf(l->err, l->errlen, "link: %s%s%s", what, name ? ": " : "", name ? name : "");
    return -1;
}

enum { BEHIND_BRANCH = 1, LEADER = 2, BEHIND_COMMIT = 4 };

static bool conditional(const struct vop *o)
{
    unsigned f = op_table[o->opc].format;
    return f == FMT_BRCC || f == FMT_BRR || f == FMT_BRRR;
}

static void find_leaders(struct linker *l)
{
    const struct lo *lo = l->lo;
    uint8_t *leader = vec_alloc(NULL, lo->nops + 2), *wanted = vec_alloc(NULL, lo->nsyms + 1);
    memset(leader, 0, lo->nops + 2);
    memset(wanted, 0, lo->nsyms + 1);
    for (uint32_t i = 0; i < lo->nops; i++) {
        const struct vop *o = &lo->op[i].op;
        if (lo->op[i].sym != LO_NOSYM)
            wanted[lo->op[i].sym] = 1;
        if (o->opc == LO_COMMIT)
            leader[i + 1] |= BEHIND_COMMIT;
        else if (op_table[o->opc].order == ORD_CTL)
            leader[i + 1] |= conditional(o) ? BEHIND_BRANCH : LEADER;
    }
    for (uint32_t i = 0; i < lo->nrelocs; i++)
        wanted[lo->reloc[i].sym] = 1;
    for (uint32_t i = 0; i < lo->nsyms; i++)
        if (lo->sym[i].section == LO_TEXT && (wanted[i] || lo->sym[i].flags))
            leader[lo->sym[i].value] |= LEADER;
    free(wanted);
    l->leader = leader;
}

/* The target of a branch to a label in text: an op number, or NONE. */
static uint32_t target_of(const struct linker *l, uint32_t i)
{
    const struct lo_op *o = &l->lo->op[i];
    if (!sched_is_branch(o->op.opc) || o->sym == LO_NOSYM || l->lo->sym[o->sym].section != LO_TEXT)
        return NONE;
    return l->lo->sym[o->sym].value;
}

/* A jump that only leaves: it may share the bundle of the commit before it. */
static bool plain_jump(const struct vop *o)
{
    return o->opc != LO_COMMIT &&
           (conditional(o) || ((o->opc == OP_JAL || o->opc == OP_JALR) && o->rd == 0));
}

static void cut(struct linker *l)
{
    const struct lo *lo = l->lo;
    l->block_at = vec_alloc(NULL, (lo->nops + 1) * sizeof *l->block_at);
    for (uint32_t i = 0; i < lo->nops;) {
        struct block b = {.s = {.start = i, .end = i}, .dirty = true};
        do {
            l->block_at[i] = l->block.n;
            if (lo->op[i].op.opc == LO_COMMIT) {
                b.s.commit = true;
                b.s.retired = (uint16_t)lo->op[i].op.imm;
                i++;
                if (i < lo->nops && l->leader[i] == BEHIND_COMMIT && plain_jump(&lo->op[i].op)) {
                    l->block_at[i] = l->block.n;
                    b.s.end = ++i;
                    b.s.jump = true;
                }
                break;
            }
            b.s.end = ++i;
            /* A block too long for the scheduler ends behind a branch rather than anywhere. */
            if (l->leader[i] == BEHIND_BRANCH && i - b.s.start > SCHED_MAX_LINEAR / 2)
                break;
        } while (i < lo->nops && !(l->leader[i] & (LEADER | BEHIND_COMMIT)));
        bool jump = b.s.end > b.s.start && op_table[lo->op[b.s.end - 1].op.opc].order == ORD_CTL;
        b.s.live = jump ? l->sched.behind[b.s.end - 1] : l->sched.before[i];
        /* A jump to what follows anyway. */
        const struct vop *o = &lo->op[i - 1].op;
        if (o->opc == OP_JAL && o->rd == 0 && !b.s.jump && target_of(l, i - 1) == i)
            b.s.end--;
        vec_push(&l->block, b);
    }
    l->block_at[lo->nops] = l->block.n;
}

/* Branches that cannot be short whatever the packing. */
static void mark_long(struct linker *l)
{
    for (uint32_t i = 0; i < l->lo->nops; i++) {
        uint32_t to = target_of(l, i);
        uint32_t d = to > i ? to - i : i - to;
        /* Expansion mostly adds ops, but some rewritings of expand.c drop some: a margin. */
        l->sched.is_long[i] = to == NONE || d > 3 * REACH;
    }
}

static uint32_t text_address(const struct linker *l, uint32_t op, uint32_t end)
{
    uint32_t b = l->block_at[op];
    return b < l->block.n ? l->block.v[b].addr : end;
}

static int layout(struct linker *l, struct image *out)
{
    bool again = true;
    while (again) {
        uint32_t addr = l->base;
        out->passes++;
        for (uint32_t i = 0; i < l->block.n; i++) {
            struct block *b = &l->block.v[i];
            if (b->dirty) {
                b->bundle = l->bundles.n;
                const char *e = sched_block(&l->sched, &b->s, &l->bundles);
                if (e)
                    return fail(l, e, NULL);
                b->nbundles = l->bundles.n - b->bundle;
                b->words = 0;
                for (uint32_t k = b->bundle; k < l->bundles.n; k++)
                    b->words += l->bundles.v[k].words;
                b->dirty = false;
            }
            b->addr = addr;
            addr += 4 * b->words;
        }
        out->text_end = addr;
        again = false;
        for (uint32_t i = 0; i < l->block.n; i++) {
            struct block *b = &l->block.v[i];
            uint32_t at = b->addr;
            for (uint32_t k = b->bundle; k < b->bundle + b->nbundles; k++) {
                uint32_t op = l->bundles.v[k].branch;
                if (op != NONE && !l->sched.is_long[op]) {
                    uint32_t to = text_address(l, target_of(l, op), addr);
                    int32_t d = (int32_t)(to - at) / 4;
                    if (d < -REACH - 1 || d > REACH)
                        l->sched.is_long[op] = b->dirty = again = true;
                }
                at += 4 * l->bundles.v[k].words;
            }
        }
    }
    return 0;
}

static uint32_t address_of(const struct linker *l, uint32_t sym)
{
    const struct lo_sym *s = &l->lo->sym[sym];
    switch (s->section) {
    case LO_TEXT: return text_address(l, s->value, l->start[LO_UNDEF]);
    case LO_ABS: return s->value;
    default: return l->start[s->section] + s->value;
    }
}

static void put(uint8_t *p, uint32_t w)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(w >> 8 * i);
}

static int write_text(struct linker *l, struct image *out)
{
    uint32_t addr = l->base;
    for (uint32_t i = 0; i < l->block.n; i++) {
        const struct block *b = &l->block.v[i];
        for (uint32_t k = 0; k < b->nbundles; k++) {
            struct sched_bundle *sb = &l->bundles.v[b->bundle + k];
            uint32_t words[MAX_BUNDLE_WORDS];
            for (unsigned j = 0; j < sb->b.nops; j++) {
                struct vop *o = &sb->b.op[j];
                if (sb->sym[j] != LO_NOSYM)
                    o->imm = (int32_t)(address_of(l, sb->sym[j]) + (uint32_t)o->imm);
                out->ops += o->opc != OP_NOP;
                out->nops += o->opc == OP_NOP;
                out->long_imms += o->opc != OP_NOP && o->bmode == B_LONG;
            }
            uint32_t n = bundle_encode(&sb->b, addr, words);
            enum bundle_error e = mdesc_check(l->m, &sb->b);
            if (n != sb->words || e != BE_OK)
                return fail(l, "a bundle that cannot be encoded", bundle_error_text(e));
            for (uint32_t j = 0; j < n; j++)
                put(out->bytes + (addr - l->base) + 4 * j, words[j]);
            addr += 4 * n;
            out->bundles++;
        }
    }
    return 0;
}

static int by_address(const void *x, const void *y)
{
    const struct image_symbol *a = x, *b = y;
    if (a->addr != b->addr)
        return a->addr < b->addr ? -1 : 1;
    int ra = (a->flags & LO_FUNC) * 2 + (a->flags & LO_GLOBAL);
    int rb = (b->flags & LO_FUNC) * 2 + (b->flags & LO_GLOBAL);
    return ra != rb ? ra - rb : a->sym < b->sym ? -1 : 1;
}

static void list_symbols(struct linker *l, struct image *out)
{
    VEC(struct image_symbol) list = {0};
    for (uint32_t i = 0; i < l->lo->nsyms; i++) {
        const struct lo_sym *s = &l->lo->sym[i];
        const char *name = lo_name(l->lo, i);
        if (s->section == LO_UNDEF || s->section == LO_ABS || name[0] == '.' || strchr(name, '@'))
            continue;
        struct image_symbol is = {address_of(l, i), i, name, s->section, s->flags};
        vec_push(&list, is);
    }
    if (list.n)
        qsort(list.v, list.n, sizeof *list.v, by_address);
    out->sym = list.v;
    out->nsyms = list.n;
}

static uint32_t round_up(uint32_t v)
{
    return (v + LO_ALIGN - 1) & ~(uint32_t)(LO_ALIGN - 1);
}

static int link_all(struct linker *l, struct image *out)
{
    const struct lo *lo = l->lo;
    for (uint32_t i = 0; i < lo->nsyms; i++)
        if (lo->sym[i].section == LO_UNDEF)
            return fail(l, "undefined symbol", lo_name(lo, i));
    find_leaders(l);
    live_find(lo, l->leader, &l->sched.before, &l->sched.behind);
    cut(l);
    mark_long(l);
    if (layout(l, out))
        return -1;
    l->start[LO_UNDEF] = out->text_end; /* labels at the very end of text */
    uint32_t at = out->text_end;
    for (unsigned s = LO_RODATA; s <= LO_BSS; s++) {
        at = round_up(at);
        l->start[s] = at;
        at += lo->size[s];
    }
    out->base = l->base;
    out->end = at;
    out->nbytes = l->start[LO_BSS] - l->base;
    out->linear_ops = lo->nops;
    out->bytes = vec_alloc(NULL, out->nbytes);
    memset(out->bytes, 0, out->nbytes);
    if (write_text(l, out))
        return -1;
    for (unsigned s = LO_RODATA; s <= LO_DATA; s++)
        if (lo->size[s])
            memcpy(out->bytes + (l->start[s] - l->base), lo->bytes[s], lo->size[s]);
    for (uint32_t i = 0; i < lo->nrelocs; i++) {
        const struct lo_reloc *r = &lo->reloc[i];
        put(out->bytes + (l->start[r->section] - l->base) + r->offset,
            address_of(l, r->sym) + (uint32_t)r->addend);
    }
    list_symbols(l, out);
    return 0;
}

int tc_link(const struct lo *lo, const struct mdesc *m, uint32_t base, struct image *out, char *err,
            size_t errlen)
{
    struct linker *l = vec_alloc(NULL, sizeof *l);
    memset(l, 0, sizeof *l);
    memset(out, 0, sizeof *out);
    l->lo = lo;
    l->m = m;
    l->base = base;
    l->err = err;
    l->errlen = errlen;
    sched_init(&l->sched, lo, m);
    int r =
        base & (LO_ALIGN - 1) ? fail(l, "the base address is not aligned", NULL) : link_all(l, out);
    if (r)
        tc_image_free(out);
    sched_done(&l->sched);
    vec_free(&l->block);
    vec_free(&l->bundles);
    free(l->block_at);
    free(l->leader);
    free(l);
    return r;
}

void tc_image_free(struct image *im)
{
    free(im->bytes);
    free(im->sym);
    memset(im, 0, sizeof *im);
}

uint32_t tc_symbol(const struct image *im, const char *name)
{
    for (uint32_t i = 0; i < im->nsyms; i++)
        if ((im->sym[i].flags & LO_GLOBAL) && strcmp(im->sym[i].name, name) == 0)
            return im->sym[i].addr;
    return 0;
}

const struct image_symbol *tc_symbol_at(const struct image *im, uint32_t addr, uint32_t *offset)
{
    uint32_t lo = 0, hi = im->nsyms;
    if (addr < im->base || addr >= im->end)
        return NULL;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (im->sym[mid].addr <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* Between text and data no symbol holds an address. */
    bool text = addr < im->text_end;
    if (lo == 0 || (im->sym[lo - 1].section == LO_TEXT) != text)
        return NULL;
    if (offset)
        *offset = addr - im->sym[lo - 1].addr;
    return &im->sym[lo - 1];
}

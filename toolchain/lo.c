/* SPDX-License-Identifier: MIT */
/*
 * Linear-op objects to bytes and back. The writer and the reader follow the table in lo.h field by
 * field; the reader checks every number against what it refers to before anyone uses it, so that
 * the linker need not.
 */
#include "toolchain/lo.h"
#include "toolchain/vec.h"

enum { MAGIC = 0x4f4c4843, HEADER_WORDS = 12, HASHED_FROM = 5 };

typedef VEC(uint8_t) byte_vec;

static uint64_t fnv(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static const uint64_t fnv_start = 0xcbf29ce484222325u;

/* Op numbers are rows of ops.def: a file is good only for the table it was made with. */
static uint32_t table_hash(void)
{
    uint64_t h = fnv_start;
    for (unsigned i = 0; i < OP_COUNT_; i++) {
        h = fnv(h, (const uint8_t *)op_table[i].name, strlen(op_table[i].name) + 1);
        h = fnv(h, &op_table[i].format, 1);
    }
    return (uint32_t)(h ^ h >> 32);
}

static void put(byte_vec *b, uint32_t w)
{
    uint8_t le[4] = {(uint8_t)w, (uint8_t)(w >> 8), (uint8_t)(w >> 16), (uint8_t)(w >> 24)};
    vec_reserve(b, b->n + 4);
    memcpy(b->v + b->n, le, 4);
    b->n += 4;
}

static void put_bytes(byte_vec *b, const void *p, uint32_t n)
{
    uint32_t at = b->n;
    vec_zeros(b, (n + 3) & ~3u);
    if (n)
        memcpy(b->v + at, p, n);
}

static uint32_t get(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint8_t *lo_write(const struct lo *lo, size_t *len)
{
    byte_vec b = {0};
    put(&b, MAGIC);
    put(&b, LO_VERSION);
    put(&b, table_hash());
    put(&b, 0);
    put(&b, 0);
    put(&b, lo->nops);
    for (unsigned s = LO_RODATA; s <= LO_BSS; s++)
        put(&b, lo->size[s]);
    put(&b, lo->nsyms);
    put(&b, lo->nrelocs);
    put(&b, lo->nstr);
    for (uint32_t i = 0; i < lo->nops; i++) {
        const struct vop *o = &lo->op[i].op;
        put(&b, o->opc | (uint32_t)o->rd << 8 | (uint32_t)o->ra << 16 | (uint32_t)o->rb << 24);
        put(&b, o->bmode);
        put(&b, (uint32_t)o->imm);
        put(&b, lo->op[i].sym);
    }
    for (uint32_t i = 0; i < lo->nsyms; i++) {
        put(&b, lo->sym[i].name);
        put(&b, lo->sym[i].section | (uint32_t)lo->sym[i].flags << 8);
        put(&b, lo->sym[i].value);
    }
    for (uint32_t i = 0; i < lo->nrelocs; i++) {
        put(&b, lo->reloc[i].section);
        put(&b, lo->reloc[i].offset);
        put(&b, lo->reloc[i].sym);
        put(&b, (uint32_t)lo->reloc[i].addend);
    }
    put_bytes(&b, lo->bytes[LO_RODATA], lo->size[LO_RODATA]);
    put_bytes(&b, lo->bytes[LO_DATA], lo->size[LO_DATA]);
    put_bytes(&b, lo->str, lo->nstr);
    uint64_t h = fnv(fnv_start, b.v + HASHED_FROM * 4, b.n - HASHED_FROM * 4);
    for (unsigned i = 0; i < 8; i++)
        b.v[12 + i] = (uint8_t)(h >> 8 * i);
    *len = b.n;
    return b.v;
}

uint64_t lo_hash(const struct lo *lo)
{
    size_t len;
    uint8_t *b = lo_write(lo, &len);
    uint64_t h = get(b + 12) | (uint64_t)get(b + 16) << 32;
    free(b);
    return h;
}

const char *lo_name(const struct lo *lo, uint32_t sym)
{
    return sym < lo->nsyms ? lo->str + lo->sym[sym].name : "?";
}

const char *lo_op_error(const struct lo_op *p)
{
    const struct vop *o = &p->op;
    if (o->opc == LO_COMMIT)
        return o->imm < 0 || o->imm > 0xffff ? "a commit retires 0 to 65535 instructions"
               : p->sym != LO_NOSYM          ? "a commit has no symbol"
                                             : 0;
    if (o->opc >= OP_COUNT_)
        return "no such op";
    if (o->rd >= NGPR || o->ra >= NGPR || o->rb >= NGPR || o->bmode > B_LONG)
        return "no such register or operand";
    if (o->bmode == B_SHORT && (o->imm < -128 || o->imm > 127))
        return "a short immediate out of range";
    if (p->sym != LO_NOSYM && o->bmode != B_LONG)
        return "a symbol in an operand that cannot hold one";
    switch (op_table[o->opc].format) {
    case FMT_BRCC:
    case FMT_CODE:
        if (o->rd > 15)
            return "a condition is 0 to 15";
        /* fall through */
    case FMT_BRR:
    case FMT_BRRR:
    case FMT_JAL:
        if (o->bmode == B_REG)
            return "an immediate is wanted, not a register";
        if (op_table[o->opc].format != FMT_CODE && (o->bmode != B_LONG || (o->imm & 3)))
            return "a branch target is a label or a multiple of 4";
        break;
    case FMT_WLOAD:
    case FMT_WSTORE:
        if (o->rd >= NWIDE)
            return "a wide register is 0 to 31";
        break;
    case FMT_WWB:
        if (o->ra >= NWIDE)
            return "a wide register is 0 to 31";
        if (o->bmode == B_REG)
            return "an immediate is wanted, not a register";
        break;
    case FMT_RC:
    case FMT_RRC:
        if (o->bmode != B_SHORT || o->imm < 0 || o->imm > 15)
            return "a condition is 0 to 15";
        break;
    case FMT_NONE:
    case FMT_RR:
    case FMT_RRX:
        if (o->bmode != B_REG || o->rb)
            return "an operand too many";
        break;
    default: break;
    }
    return 0;
}

static int fail(char *err, size_t errlen, const char *what)
{
    snprintf(err, errlen, "%s", what);
    return -1;
}

/* The parts have been measured to lie inside the bytes; now their contents. */
static const char *check(const struct lo *lo)
{
    if (lo->nstr == 0 || lo->str[lo->nstr - 1] != 0)
        return "damaged object: strings do not end";
    for (uint32_t i = 0; i < lo->nops; i++) {
        const char *e = lo_op_error(&lo->op[i]);
        if (!e && lo->op[i].sym != LO_NOSYM && lo->op[i].sym >= lo->nsyms)
            e = "no such symbol";
        if (e)
            return "damaged object: an op that does not exist";
    }
    for (uint32_t i = 0; i < lo->nsyms; i++) {
        const struct lo_sym *s = &lo->sym[i];
        if (s->name >= lo->nstr || s->section >= LO_SECTIONS || s->flags > (LO_GLOBAL | LO_FUNC))
            return "damaged object: a symbol that does not exist";
        uint32_t limit = s->section == LO_TEXT    ? lo->nops
                         : s->section == LO_ABS   ? 0xffffffffu
                         : s->section == LO_UNDEF ? 0
                                                  : lo->size[s->section];
        if (s->value > limit)
            return "damaged object: a symbol outside its section";
    }
    for (uint32_t i = 0; i < lo->nrelocs; i++) {
        const struct lo_reloc *r = &lo->reloc[i];
        if ((r->section != LO_RODATA && r->section != LO_DATA) || r->sym >= lo->nsyms ||
            r->offset > lo->size[r->section] || lo->size[r->section] - r->offset < 4)
            return "damaged object: a relocation outside its section";
    }
    return 0;
}

int lo_read(struct lo *out, const uint8_t *p, size_t len, char *err, size_t errlen)
{
    memset(out, 0, sizeof *out);
    if (len < HEADER_WORDS * 4 || get(p) != MAGIC)
        return fail(err, errlen, "not a linear-op object");
    if (get(p + 4) != LO_VERSION)
        return fail(err, errlen, "linear-op object of another version");
    if (get(p + 8) != table_hash())
        return fail(err, errlen, "linear-op object made for another op table; assemble it again");
    uint64_t h = fnv(fnv_start, p + HASHED_FROM * 4, len - HASHED_FROM * 4);
    if (get(p + 12) != (uint32_t)h || get(p + 16) != (uint32_t)(h >> 32))
        return fail(err, errlen, "damaged object: wrong checksum");
    struct lo lo = {0};
    lo.nops = get(p + 20);
    for (unsigned s = LO_RODATA; s <= LO_BSS; s++)
        lo.size[s] = get(p + 24 + 4 * (s - LO_RODATA));
    lo.nsyms = get(p + 36);
    lo.nrelocs = get(p + 40);
    lo.nstr = get(p + 44);
    if (lo.nops > LO_MAX_OPS || lo.nsyms > LO_MAX_SYMS || lo.nrelocs > LO_MAX_SYMS ||
        lo.size[LO_RODATA] > LO_MAX_BYTES || lo.size[LO_DATA] > LO_MAX_BYTES ||
        lo.size[LO_BSS] > LO_MAX_BYTES || lo.nstr > LO_MAX_BYTES)
        return fail(err, errlen, "damaged object: impossible sizes");
    size_t want = HEADER_WORDS * 4 + (size_t)lo.nops * 16 + (size_t)lo.nsyms * 12 +
                  (size_t)lo.nrelocs * 16 + ((lo.size[LO_RODATA] + 3) & ~3u) +
                  ((lo.size[LO_DATA] + 3) & ~3u) + ((lo.nstr + 3) & ~3u);
    if (want != len)
        return fail(err, errlen, "damaged object: sizes do not add up");

    const uint8_t *q = p + HEADER_WORDS * 4;
    bool odd = false;
    lo.op = vec_alloc(NULL, lo.nops * sizeof *lo.op);
    for (uint32_t i = 0; i < lo.nops; i++, q += 16) {
        lo.op[i] = (struct lo_op){{q[0], q[1], q[2], q[3], q[4], (int32_t)get(q + 8)}, get(q + 12)};
        odd |= get(q + 4) > B_LONG;
    }
    lo.sym = vec_alloc(NULL, lo.nsyms * sizeof *lo.sym);
    for (uint32_t i = 0; i < lo.nsyms; i++, q += 12) {
        lo.sym[i] = (struct lo_sym){get(q), q[4], q[5], get(q + 8)};
        odd |= get(q + 4) > 0xffff;
    }
    lo.reloc = vec_alloc(NULL, lo.nrelocs * sizeof *lo.reloc);
    for (uint32_t i = 0; i < lo.nrelocs; i++, q += 16)
        lo.reloc[i] = (struct lo_reloc){get(q), get(q + 4), get(q + 8), (int32_t)get(q + 12)};
    for (unsigned s = LO_RODATA; s <= LO_DATA; s++) {
        lo.bytes[s] = vec_alloc(NULL, lo.size[s]);
        memcpy(lo.bytes[s], q, lo.size[s]);
        q += (lo.size[s] + 3) & ~3u;
    }
    lo.str = vec_alloc(NULL, lo.nstr);
    memcpy(lo.str, q, lo.nstr);
    const char *e = odd ? "damaged object: a field out of range" : check(&lo);
    if (e) {
        lo_free(&lo);
        return fail(err, errlen, e);
    }
    *out = lo;
    return 0;
}

void lo_free(struct lo *lo)
{
    free(lo->op);
    free(lo->bytes[LO_RODATA]);
    free(lo->bytes[LO_DATA]);
    free(lo->sym);
    free(lo->reloc);
    free(lo->str);
    memset(lo, 0, sizeof *lo);
}

int lo_write_file(const struct lo *lo, const char *path, char *err, size_t errlen)
{
    size_t len;
    uint8_t *b = lo_write(lo, &len);
    FILE *f = fopen(path, "wb");
    bool good = f && fwrite(b, 1, len, f) == len;
    if (f && fclose(f) != 0)
        good = false;
    free(b);
    if (!good)
        snprintf(err, errlen, "%s: cannot write", path);
    return good ? 0 : -1;
}

int lo_read_file(struct lo *out, const char *path, char *err, size_t errlen)
{
    char why[160];
    memset(out, 0, sizeof *out);
    FILE *f = fopen(path, "rb");
    if (!f) {
        snprintf(err, errlen, "%s: cannot open", path);
        return -1;
    }
    byte_vec b = {0};
    size_t got;
    do {
        vec_reserve(&b, b.n + 65536);
        got = fread(b.v + b.n, 1, 65536, f);
        b.n += (uint32_t)got;
    } while (got > 0 && b.n < 4u * LO_MAX_BYTES);
    bool bad = ferror(f) != 0;
    fclose(f);
    int r = bad ? fail(why, sizeof why, "cannot read") : lo_read(out, b.v, b.n, why, sizeof why);
    vec_free(&b);
    if (r)
        snprintf(err, errlen, "%s: %s", path, why);
    return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * `chrysalis objdump`: a linear-op object as a machine would run it. Each function with its
 * bundles: address, words, ops; then what the text is made of. Without --machine, the default
 * machine.
 */
#include "toolchain/link.h"
#include "toolchain/vec.h"
#include "vliw-model/disasm.h"
#include "vliw-model/machine.h"

/* An address that shows at once that it is nobody's real one. */
enum { BASE = 0x100000 };

static uint32_t word_at(const struct image *im, uint32_t addr)
{
    const uint8_t *p = im->bytes + (addr - im->base);
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The name of a branch's target behind the bundle, where it has one. */
static void show_targets(const struct image *im, const struct bundle *b)
{
    for (unsigned i = 0; i < b->nops; i++) {
        unsigned f = op_table[b->op[i].opc].format;
        uint32_t offset, to = (uint32_t)b->op[i].imm;
        bool branch = f == FMT_BRCC || f == FMT_BRR || f == FMT_BRRR || f == FMT_JAL;
        if (!branch && !(b->op[i].opc == OP_MOV && b->op[i].bmode == B_LONG))
            continue;
        const struct image_symbol *s = tc_symbol_at(im, to, &offset);
        if (s && (branch || offset == 0))
            printf(offset ? "  ; %s+0x%x" : "  ; %s", s->name, offset);
    }
}

static void show_text(const struct image *im)
{
    uint32_t next_symbol = 0;
    for (uint32_t addr = im->base; addr < im->text_end;) {
        uint32_t in[MAX_BUNDLE_WORDS], n, avail = (im->text_end - addr) / 4;
        struct bundle b;
        char text[512];
        while (next_symbol < im->nsyms && im->sym[next_symbol].addr <= addr &&
               im->sym[next_symbol].section == LO_TEXT)
            printf("\n%s:\n", im->sym[next_symbol++].name);
        for (n = 0; n < avail && n < MAX_BUNDLE_WORDS; n++)
            in[n] = word_at(im, addr + 4 * n);
        n = bundle_decode(in, n, addr, &b);
        if (n == 0) {
            printf("%8x: %08x (no bundle)\n", addr, in[0]);
            addr += 4;
            continue;
        }
        disasm_bundle(&b, text, sizeof text);
        printf("%8x: [%u] %s", addr, n, text);
        show_targets(im, &b);
        putchar('\n');
        addr += 4 * n;
    }
}

static void show_sizes(const struct lo *lo, const struct image *im)
{
    uint32_t slots = im->ops + im->nops;
    printf("\ntext %u bytes, rodata %u, data %u, bss %u\n", im->text_end - im->base,
           lo->size[LO_RODATA], lo->size[LO_DATA], lo->size[LO_BSS]);
    printf("%u linear ops; %u bundles of %u ops and %u nops (%.1f %%); %.2f ops a bundle; "
           "%u immediate words; %u layouts\n",
           im->linear_ops, im->bundles, im->ops, im->nops, slots ? 100.0 * im->nops / slots : 0.0,
           im->bundles ? (double)im->ops / im->bundles : 0.0, im->long_imms, im->passes);
    printf("identity %016llx\n", (unsigned long long)lo_hash(lo));
}

int tc_objdump_main(int argc, char **argv)
{
    char err[512];
    const char *machine = NULL, *path = NULL;
    bool usage = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--machine") == 0 && i + 1 < argc)
            machine = argv[++i];
        else if (argv[i][0] == '-' || path)
            usage = true;
        else
            path = argv[i];
    }
    if (usage || !path) {
        fprintf(stderr, "usage: chrysalis objdump [--machine FILE] FILE.lo\n");
        return 2;
    }
    struct mdesc m;
    struct lo lo;
    struct image im;
    int status = 2;
    machine_default(&m);
    if (machine && machine_load(&m, machine, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 2;
    }
    if (lo_read_file(&lo, path, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 2;
    }
    if (tc_link(&lo, &m, BASE, &im, err, sizeof err)) {
        fprintf(stderr, "%s: %s\n", path, err);
    } else {
        show_text(&im);
        show_sizes(&lo, &im);
        tc_image_free(&im);
        status = 0;
    }
    lo_free(&lo);
    return status;
}

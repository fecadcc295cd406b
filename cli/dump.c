/* SPDX-License-Identifier: MIT */
/*
 * `chrysalis dump`: one translation in every stage, by the translator itself (its host build, which
 * emits the same bundles as the one on the modelled machine). The guest's bytes come from a program
 * file or from the command line; they are put into two frames of a fresh machine, and the
 * translator's stages are watched as they go by.
 */
#include <Zydis/Zydis.h>
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "concealed-mem/map.h"
#include "guest/elf.h"
#include "isa-frontend/mode.h"
#include "morpher/gear1.h"
#include "morpher/host/hw_host.h"
#include "vliw-model/disasm.h"
#include "vliw-model/vm.h"

static const char usage[] =
    "chrysalis dump [--machine FILE] [--set KEY=VALUE]... [--stages LETTERS] "
    "PROGRAM ADDRESS | --hex BYTES [--at ADDRESS]; stages: g guest, i IR, d IR "
    "without the dead, c after compare-and-branch, s schedule, b bundles, t side tables";

enum { PG = 4096, FRAME = 16 };

struct dump {
    const char *stages;
    uint32_t eip;
    uint8_t bytes[2 * PG]; /* the page of eip and the next */
    bool present[2];
    enum abort_reason result;
    uint32_t group;
    struct xlat *x;
    const struct mdesc *m;
};

static const char *const reg_names[IR_NENTRY] = {"eax",  "ecx",  "edx",  "ebx", "esp",    "ebp",
                                                 "esi",  "edi",  "eip",  "efl", "fsbase", "gsbase",
                                                 "sel0", "sel1", "sel2", "cr3"};

static bool wants(const struct dump *d, char stage)
{
    return strchr(d->stages, stage) != NULL;
}

static const char *ref_name(uint32_t ref, char buf[16])
{
    if (ref == IR_ZERO)
        return "0";
    if (ref < IR_BODY)
        return reg_names[ref - 1];
    snprintf(buf, 16, "v%u", ref);
    return buf;
}

static void print_record(const struct ir_group *g, uint32_t i)
{
    const struct ir *r = &g->r[i];
    const struct op_info *o = &op_table[r->op];
    char buf[16], text[200], simd[48];
    int n = 0;
    const char *sep = " ";
#define ADD(...) n += snprintf(text + n, sizeof text - (size_t)n, __VA_ARGS__)
#define REF(ref) (ADD("%s%s", sep, ref_name(ref, buf)), sep = ", ")
    ADD("%s", o->name);
    switch (o->format) {
    case FMT_LOAD:
    case FMT_STORE:
    case FMT_WLOAD:
    case FMT_WSTORE:
        if (o->format == FMT_STORE)
            REF(r->c);
        else if (o->format != FMT_LOAD)
            ADD("%sw%u", sep, r->wide), sep = ", ";
        ADD("%s[%s", sep, ref_name(r->a, buf));
        if (r->imm)
            ADD(" %c %#x", r->imm < 0 ? '-' : '+', (unsigned)abs(r->imm));
        ADD("]");
        break;
    case FMT_WWB:
        ADD(" w%u, w%u, w%u", r->wide, r->wide_a, r->imm & 31);
        if (r->imm >> 5 & 7)
            ADD(":%d", r->imm >> 5 & 7);
        break;
    case FMT_RC: ADD(" %s", disasm_cond((unsigned)r->imm)); break;
    case FMT_RRC:
        ADD(" %s", disasm_cond((unsigned)r->imm));
        sep = ", ";
        REF(r->a);
        REF(r->c);
        break;
    case FMT_BRCC: ADD(" %s", disasm_cond(r->home)); break;
    default:
        if (o->format == FMT_RRBX || o->format == FMT_RRX)
            REF(r->c);
        if (o->format != FMT_RB && o->format != FMT_B && o->format != FMT_NONE &&
            o->format != FMT_JAL)
            REF(r->a);
        if (r->flags & IRF_IMM && disasm_simd(r->op, (uint32_t)r->imm, simd, sizeof simd))
            ADD("%s%s", sep, simd);
        else if (r->flags & IRF_IMM)
            ADD("%s%s%#x", sep, r->imm < 0 ? "-" : "",
                r->imm < 0 ? 0u - (unsigned)r->imm : (unsigned)r->imm);
        else if (o->format == FMT_RRB || o->format == FMT_RRBX || o->format == FMT_RB ||
                 o->format == FMT_AB)
            REF(r->b);
        break;
    }
    printf("    %2u  v%-4u %-32s", r->insn, i, text);
    if (r->home && o->format != FMT_BRCC)
        printf(" -> %s", reg_names[r->home - GUEST_REG0]);
    if (ir_cc_table[r->op].may)
        printf(r->flags & IRF_LIVE && !(r->flags & IRF_CCLIVE) ? " (flags dead)" : " flags");
    putchar('\n');
#undef ADD
#undef REF
}

static void print_target(const struct ir_target *t)
{
    static const char *const kinds[] = {
        [TO_DIRECT] = "", [TO_INTERP] = " (interpreter)", [TO_SELF] = " (this translation)"};
    if (t->kind == TO_TAIL)
        printf(" last group");
    else
        printf(" %08x%s", t->eip, kinds[t->kind]);
}

static void print_end(const struct ir_group *g)
{
    const struct ir_end *end = &g->end;
    char a[16], b[16];
    if (end->kind != END_LEAVE)
        printf("        commit %u", g->insn);
    else
        printf("        no commit");
    if (end->kind == END_BRANCH || end->kind == END_LEAVE) {
        printf(", %s", op_table[end->op].name);
        if (end->op == OP_BRCC)
            printf(" %s", disasm_cond(end->cond));
        else if (op_table[end->op].format == FMT_BRRR)
            printf(" %s, %s", ref_name(end->ref2, a), ref_name(end->ref, b));
        else
            printf(" %s", ref_name(end->ref, a));
        printf(" to");
        print_target(&end->to[0]);
        if (end->kind == END_BRANCH) {
            printf(", else to");
            print_target(&end->to[1]);
        }
    } else if (end->kind == END_JUMP) {
        printf(", to");
        print_target(&end->to[0]);
    } else if (end->kind == END_JTLB) {
        printf(", to eip");
    }
    putchar('\n');
}

static void print_ir(const struct ir_group *g)
{
    for (uint32_t i = IR_BODY; i < g->n; i++)
        if (g->r[i].op != OP_NOP)
            print_record(g, i);
    print_end(g);
}

static void print_schedule(const struct gear1 *x)
{
    for (uint32_t c = 0; c < x->s.ncycles; c++) {
        const struct ir *r0 = x->g.r;
        if (!x->s.cycle[c].first)
            continue;
        printf("  %4u ", c);
        for (uint32_t i = x->s.cycle[c].first; i; i = r0[i].next) {
            printf(" v%u %s", i, op_table[r0[i].op].name);
            if (r0[i].reg && (r0[i].flags & IRF_USED || r0[i].home))
                printf(":r%u", r0[i].reg);
            if (r0[i].next)
                printf(" |");
        }
        putchar('\n');
    }
}

static void watch(void *ctx, const char *stage, const struct gear1 *x, const struct xlat *out)
{
    struct dump *d = ctx;
    (void)out;
    if (!strcmp(stage, "built")) {
        d->group++;
        if (wants(d, 'i')) {
            printf("IR of group %u, as built (guest instruction, value, op; -> its home)\n",
                   d->group);
            print_ir(&x->g);
        }
    } else if (!strcmp(stage, "dead") && wants(d, 'd')) {
        printf("IR of group %u, dead values and flags removed\n", d->group);
        print_ir(&x->g);
    } else if (!strcmp(stage, "branch") && wants(d, 'c')) {
        printf("IR of group %u, compare and branch fused\n", d->group);
        print_ir(&x->g);
    } else if (!strcmp(stage, "scheduled") && wants(d, 's')) {
        printf("schedule of group %u (cycle, values:registers)\n", d->group);
        print_schedule(x);
    }
}

static void print_guest(const struct dump *d)
{
    uint32_t base = d->eip & ~(uint32_t)(PG - 1), at = d->eip - base;
    printf("guest: %u instructions, %u bytes\n", d->x->ninsns, d->x->guest_bytes);
    for (uint32_t k = 0; k < d->x->ninsns; k++) {
        ZydisDisassembledInstruction in;
        if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LEGACY_32, base + at,
                                                d->bytes + at, sizeof d->bytes - at, &in)))
            return;
        printf("  %08x  ", base + at);
        for (unsigned i = 0; i < 10; i++)
            if (i < in.info.length)
                printf("%02x ", d->bytes[at + i]);
            else
                printf("   ");
        printf(" %s\n", in.text);
        at += in.info.length;
    }
}

static void print_bundles(const struct dump *d)
{
    const struct xlat *x = d->x;
    printf("bundles: %u, %u ops, %u bytes; body at +%u\n", x->nbundles, x->nops, 4 * x->nwords,
           x->body_off);
    for (uint32_t at = 0; at < x->nwords;) {
        struct bundle b;
        char text[500];
        uint32_t n = bundle_decode(&x->word[at], x->nwords - at, x->base + 4 * at, &b);
        if (!n) {
            printf("  %08x  malformed\n", x->base + 4 * at);
            return;
        }
        disasm_bundle(&b, text, sizeof text);
        printf("  %08x  %s\n", x->base + 4 * at, text);
        at += n;
    }
}

static void print_tables(const struct dump *d)
{
    static const char *const kinds[] = {"direct", "indirect", "interpret"};
    const struct xlat *x = d->x;
    printf("commits (offset: EIP after it, branch not taken, taken)\n");
    for (uint32_t k = 0; k < x->ncommits; k++)
        printf("  +%-5u %08x %08x\n", x->commit[k].off, x->commit[k].eip[0], x->commit[k].eip[1]);
    printf("exits\n");
    for (uint32_t k = 0; k < x->nexits; k++) {
        const struct xlat_exit *e = &x->exit[k];
        printf("  #%u %-9s %08x stub +%u", k, kinds[e->kind], e->target_eip, e->stub_off);
        if (e->branch_off)
            printf(", branch's target at +%u", e->branch_off);
        putchar('\n');
    }
}

/* Runs as CMS code. */
static void translate(void *arg)
{
    struct dump *d = arg;
    uint32_t page = d->eip & ~(uint32_t)(PG - 1);
    uint32_t base = hw_mfs(SR_MEM_SIZE) - (d->m->xcache_kb << 10);
    for (uint32_t k = 0; k < 2; k++)
        if (d->present[k])
            hw_tlbw(page + k * PG, (FRAME + k) << 12 | TLB_V | TLB_R | TLB_X);
        else /* readable, so that the walker is not asked, but not executable */
            hw_tlbw(page + k * PG, (FRAME + k) << 12 | TLB_V | TLB_R);
    d->result = gear1_translate(d->eip, MODE_PROCESS_TLS, base, XLAT_WORDS, d->x);
}

static int from_hex(struct dump *d, const char *hex)
{
    uint32_t at = d->eip % PG;
    while (*hex) {
        unsigned v;
        int n = 0;
        if (isspace((unsigned char)*hex)) {
            hex++;
            continue;
        }
        if (sscanf(hex, "%2x%n", &v, &n) != 1 || n != 2)
            return cli_error("dump: --hex: not pairs of hexadecimal digits: %s", hex);
        if (at == sizeof d->bytes)
            return cli_error("dump: --hex: too many bytes");
        d->bytes[at++] = (uint8_t)v;
        hex += 2;
    }
    d->present[0] = true;
    d->present[1] = at > PG;
    return 0;
}

static int from_program(struct dump *d, const char *path)
{
    struct elf_image e;
    char err[1000];
    uint32_t page = d->eip & ~(uint32_t)(PG - 1);
    if (elf_load(&e, path, err, sizeof err))
        return cli_error("%s", err);
    for (uint32_t k = 0; k < e.nsegments; k++) {
        const struct elf_segment *s = &e.segment[k];
        for (uint32_t i = 0; i < sizeof d->bytes; i++) {
            uint32_t off = page + i - s->vaddr;
            if (off < s->memsz)
                d->present[i / PG] = true;
            if (off < s->filesz)
                d->bytes[i] = s->bytes[off];
        }
    }
    elf_free(&e);
    if (!d->present[0])
        return cli_error("%s: no code at %#x", path, d->eip);
    return 0;
}

static bool number(const char *text, uint32_t *v)
{
    char *end;
    unsigned long n = strtoul(text, &end, 16);
    *v = (uint32_t)n;
    return *text && !*end && n <= 0xffffffff;
}

static int show(struct dump *d, struct mdesc *m)
{
    static const char *const reasons[] = {
        "",
#define ABORT(name, str, doc) doc,
#include "morpher/aborts.def"
#undef ABORT
    };
    static struct xlat x;
    static const struct vm_platform none;
    m->cms_host = CMS_ON_HOST;
    m->cms_verify = 1;
    struct vm *vm = vm_new(m, &none);
    if (!vm)
        return cli_error("not enough memory");
    struct cm_boot *boot = (void *)vm_mem(vm, vm_concealed_base(vm) + CM_BOOT, sizeof *boot);
    boot->magic = CM_MAGIC;
    boot->machine = *m;
    memcpy(vm_mem(vm, FRAME * PG, 2 * PG), d->bytes, 2 * PG);
    d->x = &x;
    d->m = m;
    /* Once in silence, to know how far the block reaches; then again to look on. */
    enum hostcms_end end = hostcms_call(vm, translate, d);
    if (end == HOSTCMS_RETURNED && !d->result) {
        if (wants(d, 'g'))
            print_guest(d);
        gear1_watch = watch;
        gear1_watch_ctx = d;
        end = hostcms_call(vm, translate, d);
        gear1_watch = NULL;
    }
    int status = 0;
    if (end != HOSTCMS_RETURNED)
        status = cli_error("dump: the translator trapped at a guest access");
    else if (d->result)
        status = cli_error("dump: not translated: %s", reasons[d->result]);
    else {
        if (wants(d, 'b'))
            print_bundles(d);
        if (wants(d, 't'))
            print_tables(d);
        if (gear1_state()->bad) {
            fprintf(stderr, "chrysalis: defect: %s\n", gear1_state()->why);
            status = EXIT_DEFECT;
        }
    }
    vm_free(vm);
    return status;
}

int cmd_dump(int argc, char **argv)
{
    enum { O_STAGES = CLI_OWN, O_HEX, O_AT };
    static const struct option longs[] = {CLI_MACHINE_OPTIONS,
                                          {"stages", required_argument, NULL, O_STAGES},
                                          {"hex", required_argument, NULL, O_HEX},
                                          {"at", required_argument, NULL, O_AT},
                                          {0}};
    static const char stages[] = "gidcsbt";
    static struct dump d = {.stages = stages, .eip = 0x08048000};
    struct cli_machine cm = {0};
    struct mdesc m;
    const char *hex = NULL, *at = NULL;
    int c, status;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1)
        switch (c) {
        case O_STAGES: d.stages = optarg; break;
        case O_HEX: hex = optarg; break;
        case O_AT: at = optarg; break;
        default:
            if (cli_machine_option(&cm, c, argv, usage))
                return EXIT_USER;
        }
    size_t known = strspn(d.stages, stages);
    if (!*d.stages || d.stages[known])
        return cli_error("dump: --stages: `%s` is none (usage: %s)", d.stages + known, usage);
    if (optind + (hex ? 0 : 2) != argc)
        return cli_error("dump: a program and an address, or --hex, is needed (usage: %s)", usage);
    if (!hex)
        at = argv[optind + 1];
    if (at && !number(at, &d.eip))
        return cli_error("dump: %s: not a hexadecimal address", at);
    if (cli_machine(&cm, &m))
        return EXIT_USER;
    status = hex ? from_hex(&d, hex) : from_program(&d, argv[optind]);
    return status ? status : show(&d, &m);
}

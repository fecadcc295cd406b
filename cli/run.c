/* SPDX-License-Identifier: MIT */
/*
 * `chrysalis run`: builds the machine, puts the guest's program and code-morphing software into it,
 * lets it run, and reports.
 *
 * The machine runs in slices that end where the next sample of the time series is due. Slices are
 * cut by the modelled clock alone, so they cannot make two runs differ; the host's clock decides
 * only when the progress line is redrawn.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/sha256.h"
#include "concealed-mem/layout.h"
#include "concealed-mem/tcache.h"
#include "guest/process.h"
#include "morpher/host/hw_host.h"
#include "morpher/hw.h"
#include "toolchain/link.h"
#include "vliw-model/disasm.h"
#include "vliw-model/vm.h"

static const char usage[] = "chrysalis run [--machine FILE] [--set KEY=VALUE]... [--stats FILE] "
                            "[--sysroot DIR | --root DIR] [--read-only] [--cms FILE] "
                            "[--env NAME=VALUE]... [--quiet] -- PROGRAM [ARGS]";

enum { ENV_MAX = 128 };
/* A slice while a progress line wants to be redrawn now and then. */
enum { PROGRESS_SLICE = 4000000 };

struct run {
    struct cli_machine machine;
    const char *stats_path, *sysroot, *cms_path;
    const char *env[ENV_MAX + 1];
    unsigned nenv;
    bool quiet, confined, read_only;
    int argc;
    char **argv;

    struct mdesc m;
    struct vm *vm;
    struct process *process;
    struct lo lo;
    struct image image;
    struct intervals intervals;
    struct report_file id_machine, id_program, id_cms; /* as they were before the run */
    FILE *stats_file;
    bool progress, line_shown;
    double started, drawn, set_up;
    char cms_buf[PATH_MAX], program_buf[PATH_MAX];
};

/* ---- options ---- */

enum { O_STATS = CLI_OWN, O_SYSROOT, O_ROOT, O_READ_ONLY, O_CMS, O_ENV, O_QUIET };

static int parse(struct run *r, int argc, char **argv)
{
    static const struct option longs[] = {CLI_MACHINE_OPTIONS,
                                          {"stats", required_argument, NULL, O_STATS},
                                          {"sysroot", required_argument, NULL, O_SYSROOT},
                                          {"root", required_argument, NULL, O_ROOT},
                                          {"read-only", no_argument, NULL, O_READ_ONLY},
                                          {"cms", required_argument, NULL, O_CMS},
                                          {"env", required_argument, NULL, O_ENV},
                                          {"quiet", no_argument, NULL, O_QUIET},
                                          {0}};
    struct stat st;
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1)
        switch (c) {
        case O_STATS: r->stats_path = optarg; break;
        case O_SYSROOT:
        case O_ROOT:
            if (r->sysroot)
                return cli_error("run: more than one of --sysroot and --root");
            errno = 0;
            if (stat(optarg, &st) || !S_ISDIR(st.st_mode))
                return cli_error("%s: %s", optarg, strerror(errno ? errno : ENOTDIR));
            r->sysroot = optarg;
            r->confined = c == O_ROOT;
            break;
        case O_READ_ONLY: r->read_only = true; break;
        case O_CMS: r->cms_path = optarg; break;
        case O_ENV:
            if (!strchr(optarg, '=') || *optarg == '=')
                return cli_error("--env %s: must be NAME=VALUE", optarg);
            if (r->nenv == ENV_MAX)
                return cli_error("more than %d times --env", ENV_MAX);
            r->env[r->nenv++] = optarg;
            break;
        case O_QUIET: r->quiet = true; break;
        default:
            if (cli_machine_option(&r->machine, c, argv, usage))
                return EXIT_USER;
        }
    if (optind == argc)
        return cli_error("run: no program given (usage: %s)", usage);
    r->argc = argc - optind;
    r->argv = argv + optind;
    return 0;
}

/* ---- the platform, with the progress line kept out of the guest's way ---- */

static void erase_line(struct run *r)
{
    if (r->line_shown)
        fputs("\r\033[K", stderr);
    r->line_shown = false;
}

static uint32_t on_hostcall(void *ctx, uint32_t service, uint32_t arg)
{
    struct run *r = ctx;
    if (r->line_shown)
        erase_line(r);
    return process_hostcall(r->process, service, arg);
}

static void draw_line(struct run *r)
{
    double t = cli_now();
    if (t - r->drawn < 0.2)
        return;
    const struct vm_stats *s = vm_stats(r->vm);
    double n = (double)s->retired;
    r->drawn = t;
    r->line_shown = true;
    fprintf(stderr, "\r\033[K%.1f M guest instructions, %.1f M/s, %.2f %% translated", n / 1e6,
            n / 1e6 / (t - r->started), n > 0 ? 100 * (double)s->retired_xlat / n : 0);
}

/* ---- setting up ---- */

static void identify(struct report_file *f, const char *path)
{
    f->path = path;
    if (!path || sha256_file(path, f->sha256))
        f->sha256[0] = 0;
}

static int load_cms(struct run *r)
{
    char err[PATH_MAX + 300];
    struct cm_boot *boot;
    uint32_t concealed = vm_concealed_base(r->vm);
    if (r->m.cms_host == CMS_ON_MODEL) {
        if (lo_read_file(&r->lo, r->cms_path, err, sizeof err))
            return cli_error("%s", err);
        if (tc_link(&r->lo, &r->m, concealed + CM_IMAGE, &r->image, err, sizeof err))
            return cli_error("%s: %s", r->cms_path, err);
        if (r->image.end - r->image.base > CM_IMAGE_MAX)
            return cli_error(
                "%s: %u KiB as scheduled for this machine, more than the %u KiB there are",
                r->cms_path, (r->image.end - r->image.base + 1023) / 1024, CM_IMAGE_MAX / 1024);
        uint32_t entry = tc_symbol(&r->image, "_start");
        if (!entry)
            return cli_error("%s: no _start", r->cms_path);
        if (tc_load(&r->image, r->vm))
            return cli_error("%s: does not fit the machine's memory", r->cms_path);
        vm_set_pc(r->vm, entry);
    }
    boot = (struct cm_boot *)(void *)vm_mem(r->vm, concealed + CM_BOOT, sizeof *boot);
    if (!boot)
        return cli_error("no room for the boot block in concealed memory");
    boot->magic = CM_MAGIC;
    boot->version = 1;
    boot->env = CM_ENV_PROCESS;
    boot->cr3 = r->process->space->cr3;
    boot->image_end = r->image.end ? r->image.end - concealed : CM_IMAGE;
    boot->machine = r->m;
    return 0;
}

static int set_up(struct run *r)
{
    char err[PATH_MAX + 300];
    const struct vm_platform platform = {.ctx = r, .hostcall = on_hostcall};
    if (cli_machine(&r->machine, &r->m))
        return EXIT_USER;
    if (!r->cms_path)
        r->cms_path = cli_beside("cms.lo", r->cms_buf, sizeof r->cms_buf);
    if (r->stats_path) {
        r->stats_file = strcmp(r->stats_path, "-") ? fopen(r->stats_path, "w") : stdout;
        if (!r->stats_file)
            return cli_error("%s: %s", r->stats_path, strerror(errno));
    }
    r->vm = vm_new(&r->m, &platform);
    r->process = process_new(r->sysroot);
    if (!r->vm || !r->process)
        return cli_error("not enough memory for guest.ram_mb = %u and concealed.mb = %u",
                         r->m.guest_ram_mb, r->m.concealed_mb);
    const struct process_args args = {.program = r->argv[0],
                                      .argc = r->argc,
                                      .argv = r->argv,
                                      .env = r->env,
                                      .confined = r->confined,
                                      .read_only = r->read_only,
                                      .epoch = r->m.guest_epoch};
    if (process_load(r->process, r->vm, &args, err, sizeof err))
        return cli_error("%s", err);
    identify(&r->id_machine, r->machine.path);
    snprintf(r->program_buf, sizeof r->program_buf, "%s", r->process->grp->host);
    identify(&r->id_program, r->program_buf); /* with a sysroot: the file that its name meant */
    identify(&r->id_cms, r->m.cms_host == CMS_ON_MODEL ? r->cms_path : NULL);
    return load_cms(r);
}

/* ---- running ---- */

static const struct cms_stats *cms_stats(const struct run *r)
{
    return (const struct cms_stats *)(const void *)vm_mem(
        r->vm, vm_concealed_base(r->vm) + CM_STATS, sizeof(struct cms_stats));
}

static enum vm_stop run_machine(struct run *r)
{
    if (r->m.cms_host == CMS_ON_HOST)
        return hostcms_run(r->vm);
    for (;;) {
        uint64_t until = intervals_next(&r->intervals), slice = vm_cycles(r->vm) + PROGRESS_SLICE;
        enum vm_stop stop = vm_run(r->vm, r->progress && slice < until ? slice : until);
        if (stop != VM_CYCLES)
            return stop;
        if (vm_cycles(r->vm) >= until)
            intervals_add(&r->intervals, vm_stats(r->vm), cms_stats(r));
        if (r->progress)
            draw_line(r);
    }
}

/* The bundle at an address, with the function of CMS it lies in. */
static void print_bundle(struct run *r, const char *what, uint32_t pc)
{
    uint32_t word[MAX_BUNDLE_WORDS] = {0}, avail = 0, offset;
    const struct image_symbol *sym = tc_symbol_at(&r->image, pc, &offset);
    struct bundle b;
    char text[400];
    fprintf(stderr, "%s %08x", what, pc);
    if (sym)
        fprintf(stderr, " (%s+0x%x)", sym->name, offset);
    for (; avail < MAX_BUNDLE_WORDS; avail++) {
        const uint8_t *p = vm_mem(r->vm, pc + 4 * avail, 4);
        if (!p)
            break;
        memcpy(&word[avail], p, 4);
    }
    if (bundle_decode(word, avail, pc, &b)) {
        disasm_bundle(&b, text, sizeof text);
        fprintf(stderr, ": %s", text);
        enum bundle_error e = mdesc_check(&r->m, &b);
        if (e != BE_OK)
            fprintf(stderr, " (%s)", bundle_error_text(e));
    } else {
        fprintf(stderr, ": no bundle");
    }
    fputc('\n', stderr);
}

/* Everything that helps to find a defect, on standard error. */
static void print_state(struct run *r)
{
    static const char *const gpr[] = {"eax", "ecx", "edx", "ebx", "esp",
                                      "ebp", "esi", "edi", "eip"};
    struct vm *vm = r->vm;
    uint32_t code = vm_special(vm, SR_TRAP_CODE);
    char name[32] = "?";
    if (code < T_COUNT_)
        report_trap_name(code, name);
    print_bundle(r, "pc", vm_pc(vm));
    fprintf(stderr, "last rollback trap: %s, info %08x, address %08x\n", name,
            vm_special(vm, SR_TRAP_INFO), vm_special(vm, SR_TRAP_ADDR));
    print_bundle(r, "trap pc", vm_special(vm, SR_TRAP_PC));
    print_bundle(r, "last commit", vm_special(vm, SR_COMMIT_PC));
    fprintf(stderr, "%" PRIu64 " cycles, %" PRIu64 " guest instructions; guest, as committed:\n",
            vm_cycles(vm), vm_retired(vm));
    for (unsigned i = 0; i < sizeof gpr / sizeof gpr[0]; i++)
        fprintf(stderr, " %s %08x", gpr[i], vm_shadow_reg(vm, GUEST_REG0 + i));
    for (unsigned i = 0; i < NGPR; i++)
        fprintf(stderr, "%s r%-2u %08x", i % 8 ? "" : "\n", i, vm_reg(vm, i));
    fputc('\n', stderr);
}

/* Says what went wrong if the run did not end as a run should. */
static bool is_defect(struct run *r, enum vm_stop stop)
{
    const struct process *p = r->process;
    if (p->panic)
        fprintf(stderr, "chrysalis: defect: code-morphing software gave up, code %u\n",
                p->panic_code);
    else if (p->exited)
        return false;
    else if (stop == VM_DEFECT)
        fprintf(stderr, "chrysalis: defect: %s\n", vm_defect(r->vm));
    else if (stop == VM_HALT)
        fprintf(stderr, "chrysalis: defect: the machine halted with status %u\n",
                vm_halt_status(r->vm));
    else
        fprintf(stderr, "chrysalis: defect: the machine stopped (%d) while the guest was running\n",
                stop);
    print_state(r);
    return true;
}

/* ---- reporting ---- */

/* Several may have one EIP (other modes, other frames): any order will do that is the same in every
 * run. */
static int by_eip(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    for (size_t i = 0; i < sizeof(struct report_region) / sizeof *x; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

/* What the directory of the translation cache holds; NULL if nothing, or no memory is left. */
static struct report_region *live_regions(struct run *r, unsigned *n)
{
    struct cm_layout l;
    uint32_t base = vm_concealed_base(r->vm);
    *n = 0;
    if (!cm_layout(&r->m, base, vm_mem_size(r->vm), &l))
        return NULL;
    const struct xrec *rec = (const struct xrec *)(const void *)vm_mem(
        r->vm, l.records, (l.nrecords + 1) * (uint32_t)sizeof *rec);
    struct report_region *v = rec ? calloc(l.nrecords, sizeof *v) : NULL;
    if (!v)
        return NULL;
    for (uint32_t i = 1; i <= l.nrecords; i++)
        if (rec[i].flags & XR_LIVE)
            v[(*n)++] = (struct report_region){.eip = rec[i].eip,
                                               .gear = 1,
                                               .instructions = rec[i].ninsns,
                                               .guest_bytes = rec[i].guest_bytes,
                                               .code_bytes = rec[i].code_end - rec[i].code,
                                               .exits = rec[i].nexits,
                                               .commits = rec[i].ncommits};
    qsort(v, *n, sizeof *v, by_eip);
    return v;
}

static double cpu_seconds(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1e-6;
}

static int report(struct run *r, bool defect)
{
    struct process *p = r->process;
    struct rusage usage_now;
    struct report rep = {.m = &r->m,
                         .s = vm_stats(r->vm),
                         .cms = cms_stats(r),
                         .intervals = &r->intervals,
                         .status = defect ? EXIT_DEFECT : p->status,
                         .signal = p->signal,
                         .machine = r->id_machine,
                         .program = r->id_program,
                         .cms_image = r->id_cms,
                         .completed = !defect,
                         .syscalls = p->syscalls,
                         .faults = p->faults,
                         .image_bytes = r->image.nbytes,
                         .seconds = cli_now() - r->started,
                         .setup_seconds = r->set_up,
                         .argc = r->argc,
                         .argv = r->argv};
    getrusage(RUSAGE_SELF, &usage_now);
    rep.resident_kb = usage_now.ru_maxrss;
    rep.cpu_seconds = cpu_seconds(&usage_now);
    const char *wrong = report_defect(&rep);
    if (wrong)
        fprintf(stderr, "chrysalis: defect: %s\n", wrong);
    if (r->stats_file) {
        struct report_file *file = calloc(p->nfiles + 1, sizeof *file);
        if (!file)
            return cli_error("%s: not enough memory", r->stats_path);
        for (unsigned i = 0; i < p->nfiles; i++)
            identify(&file[i], p->file[i].path);
        rep.file = file;
        rep.nfiles = p->nfiles;
        struct report_region *region = live_regions(r, &rep.nregions);
        rep.region = region;
        int failed = report_json(&rep, r->stats_file);
        free(file);
        free(region);
        FILE *f = r->stats_file;
        r->stats_file = NULL;
        if ((f != stdout && fclose(f)) || failed)
            return cli_error("%s: %s", r->stats_path, strerror(errno));
    }
    if (!r->quiet)
        report_summary(&rep, stderr);
    return defect || wrong ? EXIT_DEFECT : p->status;
}

static void tear_down(struct run *r)
{
    if (r->stats_file && r->stats_file != stdout)
        fclose(r->stats_file);
    tc_image_free(&r->image);
    lo_free(&r->lo);
    process_free(r->process);
    if (r->vm)
        vm_free(r->vm);
    free(r);
}

int cmd_run(int argc, char **argv)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r)
        return cli_error("not enough memory");
    double begun = cli_now();
    int status = parse(r, argc, argv);
    if (!status)
        status = set_up(r);
    if (!status) {
        r->started = cli_now();
        r->set_up = r->started - begun;
        r->progress = !r->quiet && isatty(STDERR_FILENO);
        intervals_begin(&r->intervals);
        enum vm_stop stop = run_machine(r);
        erase_line(r);
        status = report(r, is_defect(r, stop));
    }
    tear_down(r);
    return status;
}

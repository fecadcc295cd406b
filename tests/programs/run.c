/* SPDX-License-Identifier: MIT */
/*
 * Runs linear-op objects on a bare machine: no CMS, no guest, only the program.
 *
 *     run MACHINE.ini OUTDIR FILE.lo...
 *
 * Leaves OUTDIR/FILE.out: what it printed, then "status N".
 * Prints one line of figures for each. Exit status 2 if anything could not be run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "concealed-mem/map.h"
#include "morpher/hw.h"
#include "toolchain/link.h"
#include "vliw-model/machine.h"
#include "vliw-model/vm.h"

enum { CYCLE_LIMIT = 400 * 1000 * 1000 };

static uint32_t hostcall(void *ctx, uint32_t service, uint32_t arg)
{
    if (service == HC_CONSOLE)
        putc((int)arg, ctx);
    return 0;
}

static int run(const struct mdesc *m, const char *outdir, const char *path)
{
    char err[300], name[400];
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(name, sizeof name, "%s/%.*s.out", outdir, (int)strcspn(base, "."), base);
    FILE *out = fopen(name, "w");
    struct lo lo;
    struct image im;
    struct vm_platform platform = {.ctx = out, .hostcall = hostcall};
    struct vm *vm = vm_new(m, &platform);
    if (!out || !vm) {
        fprintf(stderr, "%s: no file or no memory\n", name);
        return 2;
    }
    if (lo_read_file(&lo, path, err, sizeof err) ||
        tc_link(&lo, m, vm_concealed_base(vm) + CM_IMAGE, &im, err, sizeof err)) {
        fprintf(stderr, "%s: %s\n", path, err);
        return 2;
    }
    if (tc_load(&im, vm)) {
        fprintf(stderr, "%s: too large\n", path);
        return 2;
    }
    vm_set_pc(vm, tc_symbol(&im, "_start"));
    enum vm_stop stop = vm_run(vm, CYCLE_LIMIT);
    const struct vm_stats *st = vm_stats(vm);
    if (stop == VM_HALT)
        fprintf(out, "status %u\n", vm_halt_status(vm));
    else
        fprintf(out, "stopped (%d): %s\n", stop, stop == VM_DEFECT ? vm_defect(vm) : "");
    printf("%-16s %9llu cycles %9llu bundles %9llu ops  %.2f ops/bundle %.2f ops/cycle  %u bytes\n",
           base, (unsigned long long)vm_cycles(vm), (unsigned long long)st->bundles,
           (unsigned long long)st->ops, (double)st->ops / (double)(st->bundles | !st->bundles),
           (double)st->ops / (double)(vm_cycles(vm) | !vm_cycles(vm)), im.text_end - im.base);
    fclose(out);
    tc_image_free(&im);
    lo_free(&lo);
    vm_free(vm);
    return 0;
}

int main(int argc, char **argv)
{
    char err[300];
    struct mdesc m;
    if (argc < 4) {
        fprintf(stderr, "usage: run MACHINE.ini OUTDIR FILE.lo...\n");
        return 2;
    }
    if (machine_load(&m, argv[1], err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 2;
    }
    int r = 0;
    for (int i = 3; i < argc; i++)
        r |= run(&m, argv[2], argv[i]);
    return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * CMS compiled for the host and CMS on the modelled machine take the same decisions: after the same
 * guest program, the translation cache holds the same bundles, bit for bit, with the same
 * directory, links, names and profile, and CMS has counted the same. Guest-visible time counts
 * instructions here, because cycles differ by design.
 *
 * Needs $BUILD/cms.lo and a guest; without them, skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "concealed-mem/layout.h"
#include "concealed-mem/stats.h"
#include "concealed-mem/tcache.h"
#include "guest/process.h"
#include "morpher/host/hw_host.h"
#include "toolchain/link.h"
#include "vliw-model/machine.h"

static char lo_path[4096], guest_path[4096];

struct ran {
    struct vm *vm;
    struct process *p;
    struct cm_layout layout;
    enum vm_stop stop;
};

static struct ran run(const struct mdesc *machine, uint32_t on, char **argv, int argc)
{
    struct ran r = {0};
    struct mdesc m = *machine;
    struct lo lo = {0};
    struct image image = {0};
    struct vm_platform platform = {.hostcall = process_hostcall};
    struct process_args args = {.program = argv[0], .argc = argc, .argv = argv, .epoch = 1};
    char err[4096];
    uint32_t concealed;
    struct cm_boot *boot;

    m.cms_host = on;
    r.p = process_new(NULL);
    assert_non_null(r.p);
    platform.ctx = r.p;
    r.vm = vm_new(&m, &platform);
    assert_non_null(r.vm);
    if (process_load(r.p, r.vm, &args, err, sizeof err))
        fail_msg("%s", err);
    concealed = vm_concealed_base(r.vm);
    if (on == CMS_ON_MODEL) {
        if (lo_read_file(&lo, lo_path, err, sizeof err) ||
            tc_link(&lo, &m, concealed + CM_IMAGE, &image, err, sizeof err))
            fail_msg("%s", err);
        assert_int_equal(tc_load(&image, r.vm), 0);
        vm_set_pc(r.vm, tc_symbol(&image, "_start"));
    }
    boot = (struct cm_boot *)(void *)vm_mem(r.vm, concealed, sizeof *boot);
    boot->magic = CM_MAGIC;
    boot->env = CM_ENV_PROCESS;
    boot->cr3 = r.p->space->cr3;
    boot->machine = m;
    r.stop = on == CMS_ON_HOST ? hostcms_run(r.vm) : vm_run(r.vm, UINT64_MAX);
    assert_true(cm_layout(&m, concealed, vm_mem_size(r.vm), &r.layout));
    assert_int_equal(r.stop, VM_STOP);
    assert_true(r.p->exited && !r.p->panic);
    tc_image_free(&image);
    lo_free(&lo);
    return r;
}

static void same(const char *what, struct ran *a, struct ran *b, uint32_t pa, uint32_t len)
{
    const uint8_t *x = vm_mem(a->vm, pa, len), *y = vm_mem(b->vm, pa, len);

    for (uint32_t i = 0; i < len; i++)
        if (x[i] != y[i])
            fail_msg("%s differs at byte %u of %u: %02x on the host, %02x on the machine", what, i,
                     len, x[i], y[i]);
}

static void compare(const struct mdesc *m, char **argv, int argc)
{
    struct ran a = run(m, CMS_ON_HOST, argv, argc), b = run(m, CMS_ON_MODEL, argv, argc);
    const struct cm_layout *l = &a.layout;
    uint32_t stats = vm_concealed_base(a.vm) + CM_STATS;
    const struct cms_stats *s =
        (const struct cms_stats *)(const void *)vm_mem(a.vm, stats, sizeof *s);

    assert_int_equal(a.p->status, b.p->status);
    assert_true(vm_retired(a.vm) == vm_retired(b.vm));
    assert_true(s->blocks_translated > 20);
    /* All but what gear 1 cost in cycles, which only the machine knows. */
    same("statistics", &a, &b, stats, offsetof(struct cms_stats, size_cycles));
    same("translation cache", &a, &b, l->code, l->code_end - l->code);
    same("directory", &a, &b, l->records, (l->nrecords + 1) * (uint32_t)sizeof(struct xrec));
    same("map table", &a, &b, l->map, l->map_slots * (uint32_t)sizeof(struct tmap_slot));
    same("frame lists", &a, &b, l->buckets, l->nbuckets * 4);
    same("profile", &a, &b, l->counters, CM_COUNTERS * 4);
    same("guest memory", &a, &b, 0, vm_concealed_base(a.vm));
    vm_free(a.vm);
    vm_free(b.vm);
    process_free(a.p);
    process_free(b.p);
}

static bool have_all(void)
{
    const char *build = getenv("BUILD"), *sysroot = getenv("SYSROOT");

    snprintf(lo_path, sizeof lo_path, "%s/cms.lo", build ? build : "build");
    snprintf(guest_path, sizeof guest_path, "%s/bin/busybox", sysroot ? sysroot : "build/sysroot");
    return access(lo_path, R_OK) == 0 && access(guest_path, R_OK) == 0;
}

static void plain(struct mdesc *m)
{
    machine_default(m);
    m->guest_clock = CLOCK_INSTRUCTIONS;
    m->guest_ram_mb = 64;
    m->concealed_mb = 8;
    m->xcache_kb = 1024;
    m->cms_hot = 10;
}

/* No output: the tests' own is to be read. */
static char *script[] = {
    guest_path, "awk",
    "BEGIN { for (i = 0; i < 600; i++) { s += i * i % 7; t = t substr(\"abc\", i % 3, 1) }"
    " if (match(t, /bca/) && s > 10) exit 3 }"};

static void test_awk(void **state)
{
    struct mdesc m;

    (void)state;
    if (!have_all())
        skip();
    plain(&m);
    compare(&m, script, 3);
}

/* Evictions, in both manners. */
static void test_small_cache(void **state)
{
    struct mdesc m;

    (void)state;
    if (!have_all())
        skip();
    plain(&m);
    m.xcache_kb = 64;
    m.cms_hot = 3;
    compare(&m, script, 3);
    m.cms_evict = EVICT_FLUSH;
    compare(&m, script, 3);
}

static void test_machines(void **state)
{
    static const char *const files[] = {"machines/tm5800.ini", "machines/tm8600.ini"};

    (void)state;
    if (!have_all())
        skip();
    for (unsigned i = 0; i < 2; i++) {
        struct mdesc m;
        char err[256];

        if (machine_load(&m, files[i], err, sizeof err))
            fail_msg("%s", err);
        m.guest_clock = CLOCK_INSTRUCTIONS;
        m.cms_hot = 5;
        compare(&m, script, 3);
    }
}

/* Guests that compute in x87, MMX, SSE and SSE2, made here; skipped where no i386 program can be.
 */
static void test_vectors(void **state)
{
    static const struct {
        const char *name, *flags;
    } guests[] = {{"nbody", "-mno-sse"},
                  {"mmx_blend", "-mmmx -mno-sse"},
                  {"sse_matrix", "-msse2 -mfpmath=sse"},
                  {"sse_pixels", "-msse2 -mfpmath=sse"}};
    static const char *const files[] = {"machines/tm5800.ini", "machines/tm8600.ini"};
    char dir[] = "/tmp/test-cms-same-XXXXXX", path[4200], command[9000];
    char *argv[] = {path};
    (void)state;
    if (!have_all())
        skip();
    assert_non_null(mkdtemp(dir));
    for (unsigned i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/guest", dir);
        snprintf(command, sizeof command,
                 "gcc -m32 -march=i686 -O1 -fno-pic -no-pie -static -nostdlib -ffreestanding "
                 "-fno-stack-protector -fno-builtin -fcf-protection=none -fno-strict-aliasing "
                 "-Itests/guests %s -o %s tests/guests/%s.c",
                 guests[i].flags, path, guests[i].name);
        if (system(command) != 0)
            skip();
        for (unsigned k = 0; k < 2; k++) {
            struct mdesc m;
            char err[256];
            if (machine_load(&m, files[k], err, sizeof err) ||
                machine_set(&m, "guest.identity=tm8600", err, sizeof err))
                fail_msg("%s", err);
            m.guest_clock = CLOCK_INSTRUCTIONS;
            m.cms_hot = 5;
            int out = dup(1), null = open("/dev/null", O_WRONLY);
            fflush(stdout);
            dup2(null, 1); /* what they print is the business of others */
            compare(&m, argv, 1);
            dup2(out, 1);
            close(out);
            close(null);
        }
        remove(path);
    }
    remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_awk),
        cmocka_unit_test(test_small_cache),
        cmocka_unit_test(test_machines),
        cmocka_unit_test(test_vectors),
    };

    return cmocka_run_group_tests_name("cms_same", tests, NULL, NULL);
}

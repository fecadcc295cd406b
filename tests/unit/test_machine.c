/* SPDX-License-Identifier: MIT */
/* Machine files: what is accepted, what is refused and by which line; the parser under random
 * damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vliw-model/machine.h"

static const char *const files[] = {"machines/tm5800.ini", "machines/tm8600.ini",
                                    "machines/vliw4.ini"};
enum { FILES = sizeof files / sizeof files[0] };

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/chrysalis-machine-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void put_file(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static char *get_file(const char *name, size_t *n)
{
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    char *s = malloc(65536);
    assert_non_null(s);
    *n = fread(s, 1, 65535, f);
    s[*n] = 0;
    fclose(f);
    return s;
}

static void test_default_is_consistent(void **state)
{
    (void)state;
    struct mdesc m;
    char err[300] = "", text[32];
    machine_default(&m);
    if (machine_check(&m, err, sizeof err))
        fail_msg("%s", err);
    assert_int_equal(m.bundle_width, 4);
    assert_int_equal(m.lat[LAT_LOAD], m.lat_load);
    assert_int_equal(m.lat[LAT_NONE], 0);
    /* Every default lies in its own range, and a choice is one of the choices. */
    for (unsigned i = 0; i < machine_option_count; i++) {
        const struct machine_option *o = &machine_options[i];
        char assignment[128];
        snprintf(assignment, sizeof assignment, "%s=%s", o->key,
                 machine_value(&m, o, text, sizeof text));
        if (machine_set(&m, assignment, err, sizeof err))
            fail_msg("%s", err);
    }
}

/* The names by which code asks for choices stand in the order of the table. */
static void choice(const char *assignment, size_t offset, uint32_t want)
{
    struct mdesc m;
    char err[300];
    machine_default(&m);
    assert_int_equal(machine_set(&m, assignment, err, sizeof err), 0);
    assert_int_equal(*(uint32_t *)((char *)&m + offset), want);
}

static void test_choices(void **state)
{
    (void)state;
#define CHOICE(text, field, want) choice(text, offsetof(struct mdesc, field), want)
    CHOICE("mem.stall=miss", mem_stall, MEM_STALL_MISS);
    CHOICE("mem.stall=use", mem_stall, MEM_STALL_USE);
    CHOICE("bundle.pad=none", bundle_pad, PAD_NONE);
    CHOICE("bundle.pad=format", bundle_pad, PAD_FORMAT);
    CHOICE("branch.predictor=none", br_pred, PRED_NONE);
    CHOICE("branch.predictor=static", br_pred, PRED_STATIC);
    CHOICE("branch.predictor=bimodal", br_pred, PRED_BIMODAL);
    CHOICE("branch.predictor=gshare", br_pred, PRED_GSHARE);
    CHOICE("cache.replacement=lru", cache_repl, REPL_LRU);
    CHOICE("cache.replacement=fifo", cache_repl, REPL_FIFO);
    CHOICE("cache.replacement=random", cache_repl, REPL_RANDOM);
    CHOICE("cache.prefetch=none", cache_prefetch, PREFETCH_NONE);
    CHOICE("cache.prefetch=next-line", cache_prefetch, PREFETCH_NEXT);
    CHOICE("guest.clock=cycles", guest_clock, CLOCK_CYCLES);
    CHOICE("guest.clock=instructions", guest_clock, CLOCK_INSTRUCTIONS);
    CHOICE("cms.evict=fifo", xcache_kb, 8192); /* an unrelated field stays */
    CHOICE("cms.evict=flush", cms_evict, EVICT_FLUSH);
    CHOICE("cms.on=model", cms_host, CMS_ON_MODEL);
    CHOICE("cms.on=host", cms_host, CMS_ON_HOST);
#undef CHOICE
}

/* Each file of ours is accepted, sets every option there is, and gives a source beside every number
 * of hardware. */
static void test_our_files(void **state)
{
    (void)state;
    for (unsigned k = 0; k < FILES; k++) {
        struct mdesc m;
        char err[300], section[32] = "";
        if (machine_load(&m, files[k], err, sizeof err))
            fail_msg("%s", err);
        size_t n;
        unsigned keys = 0, formats = 0;
        char *text = get_file(files[k], &n);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            if (*line == '[') {
                snprintf(section, sizeof section, "%.30s", line);
            } else if (*line != '#' && *line != ' ') {
                bool is_formats = !strncmp(line, "formats", 7);
                formats += is_formats;
                keys += !is_formats;
                if (k < 2 && !is_formats && !strchr(line, ';') && !strstr(line, "identity"))
                    fail_msg("%s: no source: %s", files[k], line);
            }
        }
        free(text);
        assert_int_equal(keys, machine_option_count);
        assert_int_equal(formats, 1);
    }
}

static void test_tm5800(void **state)
{
    (void)state;
    struct mdesc m;
    char err[300], text[512];
    assert_int_equal(machine_load(&m, files[0], err, sizeof err), 0);
    assert_int_equal(m.bundle_pad, PAD_FORMAT);
    assert_int_equal(m.cap_disp, 0);
    assert_int_equal(m.nformats, 8);
    for (unsigned i = 0; i < m.nformats; i++) /* 64 or 128 bits */
        assert_int_equal(m.format[i].nslots + m.format[i].nimms, i < 5 ? 2 : 4);
    assert_true(machine_formats(&m, text, sizeof text) < (int)sizeof text);
    struct mdesc again = m;
    char assignment[600];
    snprintf(assignment, sizeof assignment, "bundle.formats=%s", text);
    assert_int_equal(machine_set(&again, assignment, err, sizeof err), 0);
    assert_memory_equal(&m, &again, sizeof m);
}

static void refused(const char *text, const char *want)
{
    struct mdesc m;
    char err[300] = "", full[400];
    put_file(text, strlen(text));
    if (!machine_load(&m, path, err, sizeof err))
        fail_msg("accepted: %s", text);
    snprintf(full, sizeof full, "%s:%s", path, want);
    assert_string_equal(err, full);
}

static void test_refused(void **state)
{
    (void)state;
    refused("[core]\nmhz = 0\n", "2: core.mhz = 0: must be 1 to 10000 MHz");
    refused("[core]\n\nmhz = fast\n", "3: core.mhz = fast: not a whole number");
    refused("[core]\nmhz = -1\n", "2: core.mhz = -1: not a whole number");
    refused("[core]\nmhz = 12x\n", "2: core.mhz = 12x: not a whole number");
    refused("[core]\nmhz =\n", "2: core.mhz = : not a whole number");
    refused("[core]\nmhz = 99999999999999999999999\n",
            "2: core.mhz = 99999999999999999999999: must be 1 to 10000 MHz");
    refused("[core]\nspeed = 1\n", "2: unknown key `speed` in section [core]");
    refused("[kore]\nmhz = 800\n", "2: unknown section [kore]");
    refused("mhz = 800\n", "1: key `mhz` stands in no section");
    refused("[core]\nmhz = 800\nmhz = 800\n", "3: core.mhz is set twice, first in line 2");
    refused("[core]\nmhz = 800\n[mem]\n[core]\nmhz = 700\n",
            "5: core.mhz is set twice, first in line 2");
    refused("[core]\nmhz = 80\n  0\n", "3: only bundle.formats may go on in a second line");
    refused("[core\nmhz = 800\n", "1: neither `key = value` nor [section]");
    refused("[core]\nmhz\n", "2: neither `key = value` nor [section]");
    refused("[mem]\nstall = maybe\n", "2: mem.stall = maybe: must be one of miss|use");
    refused("[mem]\nstall = mis\n", "2: mem.stall = mis: must be one of miss|use");
    refused("[l1d]\nline = 48\n", "2: l1d.line: must be a power of two");
    refused("[l1d]\n; odd\nways = 3\nsize_kb = 64\n",
            "4: l1d.size_kb: size / (ways * line) must be a power of two");
    refused("[l2]\nline = 32\n", "2: l2.line: must not be shorter than the lines of L1");
    refused("[tlb]\nentries = 100\n", "2: tlb.entries: entries / ways must be a power of two");
    refused("[tlb]\nways = 1\n[bundle]\nformats = mem+alu.mem+alu+shift+mul+fp.br.imm\n",
            "2: tlb.ways: too few for the memory slots of a bundle, which could miss for ever");
    refused("[tlb]\nentries = 8\nways = 8\n[bundle]\nwidth = 8\n"
            "formats = mem.mem.mem.mem+alu.mem+shift+mul+fp+br.imm\n",
            "3: tlb.ways: too few for the memory slots of a bundle, which could miss for ever");
    refused("[branch]\nentries = 100\n", "2: branch.entries: must be a power of two");
    refused("[jtlb]\nsets = 3\n", "2: jtlb.sets: must be a power of two");
    refused("[cms]\ntcache_kb = 16384\n",
            "2: cms.tcache_kb: the translation cache does not fit concealed.mb");
    refused("[bundle]\nformats = alu.imm\n", "2: bundle.formats: no format takes `sll`");
    refused("[bundle]\nformats = alu+shift+mul+mem+br+fp\n",
            "2: bundle.formats: no format takes `mov` with an immediate word");
    refused("[bundle]\nformats =\n", "2: bundle.formats: there must be a format");
    refused("[bundle]\nformats = alu..br\n",
            "2: bundle.formats: `` is no unit (alu, shift, mul, mem, br, fp, imm)");
    refused("[bundle]\nformats = alu.bru\n",
            "2: bundle.formats: `bru` is no unit (alu, shift, mul, mem, br, fp, imm)");
    refused("[bundle]\nformats = alu+alu\n", "2: bundle.formats: unit `alu` twice in a slot");
    refused("[bundle]\nformats = alu+imm\n", "2: bundle.formats: an imm slot holds nothing else");
    refused("[bundle]\nformats = imm.alu\n", "2: bundle.formats: `imm.alu`: imm slots come last");
    refused("[bundle]\nformats = imm\n", "2: bundle.formats: `imm`: no op slot");
    refused("[bundle]\nformats = alu.alu.alu.alu.alu.alu.alu.alu.alu\n",
            "2: bundle.formats: `alu.alu.alu.alu.alu.alu.alu.alu.alu`: more than 8 op slots");
    refused("[bundle]\nformats = br.br\n",
            "2: bundle.formats: a format with more than one br slot");
    refused("[bundle]\nwidth = 1\npad = format\nformats = alu.alu\n",
            "4: bundle.formats: a padded format has 2 op slots, bundle.width is 1");
    refused("[bundle]\nformats = alu alu alu alu alu alu alu alu alu alu alu alu alu alu alu\n"
            " alu alu alu alu alu alu alu alu alu alu alu alu\n",
            "3: bundle.formats: more than 24 formats");
    char line[300];
    memset(line, 'x', sizeof line);
    memcpy(line, "; ", 2);
    strcpy(line + 298, "\n");
    refused(line, "1: the line is longer than 198 characters, or holds a zero byte");
}

static void test_no_file(void **state)
{
    (void)state;
    struct mdesc m;
    char err[300];
    assert_int_equal(machine_load(&m, "/nonexistent/m.ini", err, sizeof err), -1);
    assert_string_equal(err, "/nonexistent/m.ini: No such file or directory");
    assert_int_equal(machine_load(&m, "/tmp", err, sizeof err), -1);
    assert_string_equal(err, "/tmp: Is a directory");
}

static void test_set(void **state)
{
    (void)state;
    struct mdesc m;
    char err[300];
    machine_default(&m);
    assert_int_equal(machine_set(&m, "lat.load=5", err, sizeof err), 0);
    assert_int_equal(m.lat_load, 5);
    assert_int_equal(m.lat[LAT_LOAD], 5);
    assert_int_equal(machine_set(&m, "lat.load", err, sizeof err), -1);
    assert_string_equal(err, "`lat.load`: must be key=value");
    assert_int_equal(machine_set(&m, "lat.lode=5", err, sizeof err), -1);
    assert_string_equal(err, "unknown option `lat.lode`");
    assert_int_equal(machine_set(&m, "=5", err, sizeof err), -1);
    /* A pair of settings that only together make sense. */
    assert_int_equal(machine_set(&m, "l1d.ways=3", err, sizeof err), 0);
    assert_int_equal(machine_check(&m, err, sizeof err), -1);
    assert_int_equal(machine_set(&m, "l1d.size_kb=48", err, sizeof err), 0);
    assert_int_equal(machine_check(&m, err, sizeof err), 0);
}

/* Whatever the bytes, the answer is a consistent machine or one line that names the file. */
static void test_random_damage(void **state)
{
    (void)state;
    uint64_t s = 88172645463325252u;
    unsigned accepted = 0, rounds = 6000;
    for (unsigned k = 0; k < rounds; k++) {
        size_t n;
        char *text = get_file(files[k % FILES], &n);
        unsigned hits = 1 + k % 7;
        for (unsigned h = 0; h < hits; h++) {
            s ^= s << 13, s ^= s >> 7, s ^= s << 17;
            size_t at = (s >> 8) % n, len = 1 + (s >> 40) % 20;
            static const char alphabet[] = "[]=;#.+ \n\t0123456789abcmpux_-\0\xff";
            switch (s & 3) {
            case 0: text[at] = alphabet[(s >> 24) % (sizeof alphabet - 1)]; break;
            case 1: text[at] = (char)(s >> 24); break;
            case 2: /* drop a piece */
                if (at + len < n) {
                    memmove(text + at, text + at + len, n - at - len);
                    n -= len;
                }
                break;
            default: /* repeat a piece */
                if (at + len < n && n + len < 65000) {
                    memmove(text + at + len, text + at, n - at);
                    n += len;
                }
            }
        }
        put_file(text, n);
        free(text);
        struct mdesc m;
        char err[300] = "";
        if (machine_load(&m, path, err, sizeof err)) {
            assert_int_equal(strncmp(err, path, strlen(path)), 0);
            assert_null(strchr(err, '\n'));
        } else {
            accepted++;
            assert_int_equal(machine_check(&m, err, sizeof err), 0);
        }
    }
    assert_true(accepted > 100 && accepted < rounds - 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_is_consistent),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_our_files),
        cmocka_unit_test(test_tm5800),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_set),
        cmocka_unit_test_setup_teardown(test_random_damage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

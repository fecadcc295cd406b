/* SPDX-License-Identifier: MIT */
/* What the subcommands share: messages, the machine that --machine and --set describe, files beside
 * the command, the clock. */
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "concealed-mem/layout.h"
#include "vliw-model/machine.h"

int cli_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("chrysalis: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return EXIT_USER;
}

int cli_usage(char *const *argv, const char *usage)
{
    /* Help that was asked for is no error. */
    if (optind > 1 && !strcmp(argv[optind - 1], "--help")) {
        printf("usage: %s\n", usage);
        exit(0);
    }
    /* Our long options have values above any character; an unknown one leaves 0. */
    if (optopt > 0 && optopt < 256)
        return cli_error("%s: unknown option -%c (usage: %s)", argv[0], optopt, usage);
    return cli_error("%s: %s %s (usage: %s)", argv[0],
                     optopt ? "not as this option is used:" : "unknown option",
                     optind > 1 ? argv[optind - 1] : "", usage);
}

int cli_add_set(struct cli_machine *c, const char *assignment)
{
    if (c->nsets == CLI_SETS)
        return cli_error("more than %d times --set", CLI_SETS);
    c->set[c->nsets++] = assignment;
    return 0;
}

int cli_machine_option(struct cli_machine *c, int option, char *const *argv, const char *usage)
{
    switch (option) {
    case CLI_MACHINE: c->path = optarg; return 0;
    case CLI_SET: return cli_add_set(c, optarg);
    default: return cli_usage(argv, usage);
    }
}

int cli_machine(const struct cli_machine *c, struct mdesc *m)
{
    char err[PATH_MAX + 300];
    machine_default(m);
    if (c->path && machine_load(m, c->path, err, sizeof err))
        return cli_error("%s", err);
    for (unsigned i = 0; i < c->nsets; i++)
        if (machine_set(m, c->set[i], err, sizeof err))
            return cli_error("--set: %s", err);
    if (machine_check(m, err, sizeof err))
        return cli_error("%s", err);
    uint32_t concealed = m->guest_ram_mb << 20;
    struct cm_layout layout;
    if (!cm_layout(m, concealed, concealed + (m->concealed_mb << 20), &layout))
        return cli_error(
            "cms.tcache_kb: the translation cache and its tables do not fit concealed.mb");
    return 0;
}

const char *cli_beside(const char *name, char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    if (n < 0)
        n = 0;
    buf[n] = 0;
    char *slash = strrchr(buf, '/');
    size_t at = slash ? (size_t)(slash - buf) + 1 : 0;
    snprintf(buf + at, size - at, "%s", name);
    return buf;
}

void cli_print_options(void)
{
    struct mdesc m;
    char text[64], formats[512];
    machine_default(&m);
    printf("Options of machine files and of --set, with their defaults:\n\n");
    for (unsigned i = 0; i < machine_option_count; i++) {
        const struct machine_option *o = &machine_options[i];
        machine_value(&m, o, text, sizeof text);
        int n = printf("  %s = %s", o->key, text);
        printf("%*s", n < 34 ? 34 - n : 1, "");
        if (o->choices)
            printf("%s", o->choices);
        else
            printf("%u to %u%s%s", o->min, o->max, *o->unit ? " " : "", o->unit);
        printf("\n");
        if (*o->doc)
            printf("        %s\n", o->doc);
    }
    machine_formats(&m, formats, sizeof formats);
    printf("  bundle.formats = %s\n"
           "        Which ops may share a bundle: each word a format, slots separated by '.', "
           "units that a slot\n"
           "        takes by '+' (alu, shift, mul, mem, br, fp); imm slots, last, hold immediate "
           "words.\n",
           formats);
}

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

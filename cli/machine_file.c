/* SPDX-License-Identifier: MIT */
/* `chrysalis machine FILE`: the options in effect, as a machine file that gives the same machine.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "vliw-model/machine.h"

static void print_machine(const struct mdesc *m)
{
    char text[64], formats[4096];
    const char *section = "";
    size_t n = 0;
    machine_formats(m, formats, sizeof formats);
    for (unsigned i = 0; i < machine_option_count; i++) {
        const struct machine_option *o = &machine_options[i];
        if (strncmp(o->key, section, n) || o->key[n] != '.') {
            section = o->key;
            n = strcspn(section, ".");
            printf("%s[%.*s]\n", i ? "\n" : "", (int)n, section);
            if (n == 6 && !strncmp(section, "bundle", n)) {
                printf("formats =");
                for (char *f = strtok(formats, " "); f; f = strtok(NULL, " "))
                    printf("%s%s", f == formats ? " " : "\n    ", f);
                printf("\n");
            }
        }
        printf("%s = %s\n", o->key + n + 1, machine_value(m, o, text, sizeof text));
    }
}

int cmd_machine(int argc, char **argv)
{
    static const char usage[] = "chrysalis machine [--set key=value]... [FILE]";
    static const struct option longs[] = {{"set", required_argument, NULL, 256}, {0}};
    struct cli_machine c = {0};
    struct mdesc m;
    int k, r;
    opterr = 0;
    while ((k = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (k != 256)
            return cli_usage(argv, usage);
        if ((r = cli_add_set(&c, optarg)))
            return r;
    }
    if (argc - optind > 1)
        return cli_error("machine: more than one file (usage: %s)", usage);
    c.path = argv[optind];
    if ((r = cli_machine(&c, &m)))
        return r;
    print_machine(&m);
    return 0;
}

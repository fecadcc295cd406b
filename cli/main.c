/* SPDX-License-Identifier: MIT */
/* The chrysalis command: finds the subcommand. */
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "toolchain/asm.h"
#include "toolchain/link.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *doc;
} commands[] = {
    {"run", cmd_run, "[OPTIONS] -- PROGRAM [ARGS]",
     "run an IA-32 Linux program on the simulated machine"},
    {"dump", cmd_dump, "[OPTIONS] PROGRAM ADDRESS", "show one translation in every stage"},
    {"ops", cmd_ops, "[--markdown]", "the op reference"},
    {"machine", cmd_machine, "[--set key=value]... [FILE]",
     "print the options in effect as a machine file"},
    {"validate", cmd_validate, "isa [OPTIONS]",
     "compare random instructions with the host's own processor"},
    {"as", tc_as_main, "-o OUT FILES.s", "assemble to a linear-op object"},
    {"objdump", tc_objdump_main, "[OPTIONS] FILE",
     "print a linear-op object, or its bundles for a machine"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void help(void)
{
    printf("chrysalis " CHRYSALIS_VERSION
           ": a simulator of a co-designed virtual machine: IA-32 programs, morphed\n"
           "into bundles of a VLIW processor by software that runs on that processor too.\n\n");
    for (unsigned i = 0; i < COMMANDS; i++)
        printf("  chrysalis %-8s %-30s %s\n", commands[i].name, commands[i].usage, commands[i].doc);
    printf(
        "\n"
        "Options of run:\n"
        "  --machine FILE     the machine (machines/*.ini); without it, a plain four-wide one\n"
        "  --set KEY=VALUE    one option, after the file; `chrysalis --help options` lists them "
        "all\n"
        "  --stats FILE       write every figure of the run there, as JSON (- is standard output)\n"
        "  --sysroot DIR      where the guest finds files first\n"
        "  --root DIR         the guest's whole file system: no name leads out of it\n"
        "  --read-only        no file of the host is changed; the guest is told EROFS\n"
        "  --cms FILE         the image of code-morphing software (default: cms.lo beside this "
        "command)\n"
        "  --env NAME=VALUE   a variable of the guest's environment; the host's is never passed "
        "on\n"
        "  --quiet            no summary and no progress line\n"
        "\n"
        "The exit status of run is the guest's as a shell would see it (128 + signal); 2 is a "
        "user's\n"
        "error, 70 a defect of the simulator.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (unsigned i = 0; i < COMMANDS; i++)
        if (!strcmp(name, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (!strcmp(name, "--version")) {
        printf("chrysalis " CHRYSALIS_VERSION "\n");
        return 0;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "help") || !strcmp(name, "-h")) {
        if (argc > 2 && !strcmp(argv[2], "options"))
            cli_print_options();
        else if (argc > 2)
            return cli_error("--help: no such topic: %s (there is: options)", argv[2]);
        else
            help();
        return 0;
    }
    if (!*name)
        return cli_error("no command given; see chrysalis --help");
    return cli_error("unknown command: %s; see chrysalis --help", name);
}

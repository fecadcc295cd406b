/* SPDX-License-Identifier: MIT */
/*
 * The chrysalis command: its subcommands, and what they share. Each subcommand takes argc and argv
 * as main does, argv[0] being its own name, and returns an exit status.
 *
 * Three classes of error are never confused. A guest's fault is the guest's: the exit status is
 * what a shell would see. A user's error is one clear line on standard error and status 2. A defect
 * of the simulator is status 70, with state.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>
#include "vliw-model/mdesc.h"

#define CHRYSALIS_VERSION "0.1"

enum { EXIT_USER = 2, EXIT_DEFECT = 70 };

int cmd_run(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int cmd_machine(int argc, char **argv);
int cmd_validate(int argc, char **argv);

/* "chrysalis: ..." on standard error; returns EXIT_USER. */
__attribute__((format(printf, 1, 2))) int cli_error(const char *fmt, ...);

/* A misused subcommand: getopt's last complaint about argv in our words. Returns EXIT_USER. */
int cli_usage(char *const *argv, const char *usage);

/* What --machine and --set collect. The default machine if no file is given. */
enum { CLI_SETS = 128 };
struct cli_machine {
    const char *path;
    const char *set[CLI_SETS];
    unsigned nsets;
};
/* Adds a --set; 0, or EXIT_USER after a message. */
int cli_add_set(struct cli_machine *c, const char *assignment);
/* Their rows in a subcommand's table of long options, whose own values begin at CLI_OWN. */
enum { CLI_MACHINE = 256, CLI_SET, CLI_OWN };
#define CLI_MACHINE_OPTIONS                                                                        \
    {"machine", required_argument, NULL, CLI_MACHINE},                                             \
    {                                                                                              \
        "set", required_argument, NULL, CLI_SET                                                    \
    }
/* What getopt gave for one of them, or for an option that nobody knows: 0, or EXIT_USER after a
 * message. */
int cli_machine_option(struct cli_machine *c, int option, char *const *argv, const char *usage);
/* The machine they describe, checked with everything that CMS asks of it too. 0, or EXIT_USER after
 * a message. */
int cli_machine(const struct cli_machine *c, struct mdesc *m);

/* A file that make leaves beside the command itself (the CMS image), as a path in buf. */
const char *cli_beside(const char *name, char *buf, size_t size);

/* Seconds of the host's clock. */
double cli_now(void);

/* docs/options: every option with range, default and meaning, as --help options prints it. */
void cli_print_options(void);

#endif

/* SPDX-License-Identifier: MIT */
/* `chrysalis dump`: one translation in every stage. The place where it plugs in; there is nothing
 * here yet. */
#include "cli/cli.h"

int cmd_dump(int argc, char **argv)
{
    (void)argc;
    return cli_error("%s: not in this build yet", argv[0]);
}

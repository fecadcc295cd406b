/* SPDX-License-Identifier: MIT */
/*
 * Machine files: the text form of struct mdesc. Hosted. A file is INI: sections and keys are those
 * of options.def, and bundle.formats beside them; what a file does not set keeps its default.
 * Refused, with file and line: unknown sections and keys, keys set twice, values out of range, and
 * machines that contradict themselves.
 *
 * Every function that can fail returns 0 or -1 and leaves one line (without newline) in err.
 */
#ifndef VLIW_MODEL_MACHINE_H
#define VLIW_MODEL_MACHINE_H

#include <stddef.h>
#include "vliw-model/mdesc.h"

/* One row of options.def. */
struct machine_option {
    const char *key;     /* "section.name" */
    const char *choices; /* "a|b|c", or NULL for a number */
    const char *unit;    /* "" if none */
    const char *doc;
    uint32_t offset; /* of its uint32_t in struct mdesc */
    uint32_t dflt, min, max;
};
extern const struct machine_option machine_options[];
extern const unsigned machine_option_count;

/* The default machine: consistent, four wide, one plain bundle format. */
void machine_default(struct mdesc *m);

/* The default machine changed by a file, then checked as a whole. */
int machine_load(struct mdesc *m, const char *path, char *err, size_t errsize);

/* One "key=value" (bundle.formats too). Only the value itself is checked: call machine_check after
 * the last one. */
int machine_set(struct mdesc *m, const char *assignment, char *err, size_t errsize);

/* Whether the machine as a whole makes sense. */
int machine_check(const struct mdesc *m, char *err, size_t errsize);

/* The value of an option as a machine file would state it. */
const char *machine_value(const struct mdesc *m, const struct machine_option *o, char *buf,
                          size_t size);

/* bundle.formats of the machine as text; returns the length, as snprintf. */
int machine_formats(const struct mdesc *m, char *buf, size_t size);

#endif

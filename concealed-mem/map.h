/* SPDX-License-Identifier: MIT */
/*
 * The map of concealed memory: the one layout that hardware's loader, the tool chain and CMS agree
 * on. All addresses are physical; offsets count from the start of concealed memory (special
 * register CONCEALED). Freestanding.
 *
 *     0x000000  boot block  struct cm_boot: machine description, sizes, what the loader tells CMS
 *     0x010000  statistics  struct cms_stats (stats.def, CSTAT rows), read by the command after a
 *                           run
 *     0x020000  stacks      main stack of CMS (64 KB, grows down) and restartable stack (16 KB)
 *     0x040000  image       CMS code, read-only data, data, bss, as the linker laid them out (at
 *                           most 1.5 MB)
 *     0x1c0000  tables      map table, directory, profile counters, side tables; sizes follow from
 *                           cms.tcache_kb
 *     ...       translation cache, up to the end of concealed memory
 */
#ifndef CONCEALED_MEM_MAP_H
#define CONCEALED_MEM_MAP_H

#include "vliw-model/mdesc.h"

enum {
    CM_BOOT = 0x0,
    CM_STATS = 0x10000,
    CM_STACK = 0x20000,
    CM_STACK_SIZE = 0x10000,
    CM_STACK2 = 0x30000,
    CM_STACK2_SIZE = 0x4000,
    CM_IMAGE = 0x40000,
    CM_IMAGE_MAX = 0x180000,
    CM_TABLES = 0x1c0000,
};

enum { CM_MAGIC = 0x59524843 }; /* "CHRY" */

/* Guest environment: what surrounds the processor. */
enum { CM_ENV_BARE, CM_ENV_PROCESS };

/* Written by the loader before reset; CMS reads it at boot. */
struct cm_boot {
    uint32_t magic;
    uint32_t version;
    uint32_t env;       /* CM_ENV_* */
    uint32_t cr3;       /* initial page directory (physical) */
    uint32_t image_end; /* offset of the first byte after CMS's bss */
    uint32_t reserved[11];
    struct mdesc machine;
};

#endif

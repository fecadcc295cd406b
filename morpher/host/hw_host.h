/* SPDX-License-Identifier: MIT */
/*
 * CMS compiled for the host, driving a modelled machine. Its hw_ functions act on one machine at a
 * time, the attached one; translations run on the model as ever, while CMS's own code costs no
 * modelled cycles but those of its data side. Not re-entrant, not for threads.
 */
#ifndef MORPHER_HOST_HW_HOST_H
#define MORPHER_HOST_HW_HOST_H

#include "vliw-model/vm.h"

/*
 * Boots CMS on a machine whose boot block is in place (no image is needed) and runs until the
 * machine halts, a host call stops it, or a defect shows. The machine must have been made with
 * cms.on = host.
 */
enum vm_stop hostcms_run(struct vm *vm);

/* For tests: runs fn(arg) as CMS code on the machine. */
enum hostcms_end {
    HOSTCMS_RETURNED,
    HOSTCMS_TRAPPED, /* a rollback trap: the machine's trap record tells which */
    HOSTCMS_STOPPED  /* halted, or a host call asked for it */
};
enum hostcms_end hostcms_call(struct vm *vm, void (*fn)(void *), void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * From reset to the first guest instruction. The loader has put the boot block and this image into
 * concealed memory and the guest's registers where they belong; here CMS finds out what machine it
 * runs on, lays out its tables, tells the hardware where its entries, stacks and translations are,
 * and dispatches. Memory comes zeroed, so tables need no clearing.
 */
#include "isa-frontend/insn.h"
#include "morpher/cms.h"
#include "morpher/gear1.h"

struct cms_globals cms;

#ifdef CMS_VLIW
/* start.c */
void cms_entry(void);
void cms_restart(void);

static void set_vectors(void)
{
    hw_mts((uint32_t)(uintptr_t)cms_entry, SR_VEC_ROLLBACK);
    hw_mts((uint32_t)(uintptr_t)cms_restart, SR_VEC_RESTART);
}
#else
/* The host shim calls the C functions itself. */
static void set_vectors(void)
{
}
#endif

__attribute__((noreturn)) void cms_panic(enum cms_panic code)
{
    hw_commit(0);
    hw_hostcall(code, HC_PANIC);
    hw_halt(70);
}

__attribute__((noreturn)) void cms_boot(void)
{
    const struct mdesc *m;

    hw_phase(PH_BOOT);
    cms = (struct cms_globals){0};
    cms.concealed = hw_mfs(SR_CONCEALED);
    cms.boot = cm_ptr(cms.concealed + CM_BOOT);
    cms.stats = cm_ptr(cms.concealed + CM_STATS);
    m = &cms.boot->machine;
    if (cms.boot->magic != CM_MAGIC ||
        !cm_layout(m, cms.concealed, hw_mfs(SR_MEM_SIZE), &cms.layout))
        cms_panic(PANIC_BOOT);
    set_vectors();
    hw_mts(cms.concealed + CM_STACK + CM_STACK_SIZE, SR_STACK);
    hw_mts(cms.concealed + CM_STACK2 + CM_STACK2_SIZE, SR_STACK2);
    hw_mts(cms.layout.code, SR_XCACHE_LO);
    hw_mts(cms.layout.code_end, SR_XCACHE_HI);
    hw_mts(cms.layout.code_end, SR_XCACHE_HOT); /* no second gear yet */
    cms.hot = m->cms_gears ? m->cms_hot : 0;
    cms.chain = m->cms_chain;
    cms.jtlb = m->cms_jtlb;
    cms.counters = cm_ptr(cms.layout.counters);
    ia32_identify(m->guest_identity);
    gear1_reset();
    tcache_init(&cms.layout, m->cms_evict, cms.stats);
    if (cms.boot->env == CM_ENV_PROCESS) {
        cms.large_pages = 1;
        hw_mts(MODE_PROCESS, SR_MODE);
        hw_setg(G_CR3, cms.boot->cr3);
        ia32_x87_reset();
        ia32_seg_reload();
    }
    hw_commit(0);
    cms_dispatch(GO_ANY);
}

/* SPDX-License-Identifier: MIT */
/*
 * The bus: accesses to guest frames that are not the guest's own. A write that touches marked
 * chunks leaves them in the bus queue (each chunk once, taken in the order of addresses), and the
 * next commit in a translation traps EVENT.
 */
#include <string.h>
#include "vliw-model/state.h"

static bool guest_range(const struct vm *vm, uint32_t pa, uint32_t len)
{
    return pa <= vm->concealed && len <= vm->concealed - pa;
}

bool vm_bus_write(struct vm *vm, uint32_t pa, const void *src, uint32_t len)
{
    struct vm_state *s = &vm->s;
    if (!guest_range(vm, pa, len))
        return false;
    if (!len)
        return true;
    memcpy(vm->mem + pa, src, len);
    bool hits = false;
    for (uint64_t at = pa & ~(TBIT_CHUNK - 1u); at < (uint64_t)pa + len;) {
        uint32_t frame = (uint32_t)(at >> 12), bits = vm->a.tbits[frame];
        if (!bits) {
            at = (at & ~0xfffull) + 0x1000;
            continue;
        }
        uint32_t bit = 1u << (at / TBIT_CHUNK % TBIT_CHUNKS);
        if ((bits & bit) && !(vm->broken & BREAK_BUS)) {
            s->st.bus_tbit_hits++;
            if (!(vm->a.bus_bits[frame] & bit)) {
                vm->a.bus_bits[frame] |= bit;
                s->bus_hits++;
                if (frame < s->bus_lo)
                    s->bus_lo = frame;
            }
            hits = true;
        }
        at += TBIT_CHUNK;
    }
    if (hits)
        acct_limits(vm);
    return true;
}

bool vm_bus_read(struct vm *vm, uint32_t pa, void *dst, uint32_t len)
{
    if (!guest_range(vm, pa, len))
        return false;
    memcpy(dst, vm->mem + pa, len);
    return true;
}

/* Each line once; a read waits for its line as a load would, but nothing uses the datum. */
void vm_bus_touch(struct vm *vm, uint32_t pa, uint32_t len, bool write)
{
    uint32_t step = vm->m.l1d_line;
    if (!len || !guest_range(vm, pa, len))
        return;
    for (uint64_t at = pa / step * step; at < (uint64_t)pa + len; at += step) {
        vm->s.l1d_extra++;
        acct_wait(vm, 1, CA_SYNC);
        cache_data(vm, (uint32_t)at, 1, write, OWN_GUEST);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory accesses, the long way: the complete definition. A guest access goes
 *
 *   alignment check (on the linear address), then for each page it touches: TLB, permission, I/O
 * mark, dirty mark, concealed or missing memory; then for stores T-bits, alias entries, room in the
 * gated store buffer; and only when nothing can trap any more: data, store buffer, caches.
 *
 * A native access has a physical address and reaches memory at once; only a place outside memory
 * traps. Neither sees the other's gated stores.
 */
#include <string.h>
#include "vliw-model/state.h"

static enum trap_code fail(struct vm *vm, enum trap_code t, uint32_t addr, uint32_t info)
{
    vm->fault.addr = addr;
    vm->fault.info = info;
    return t;
}

static enum trap_code translate(struct vm *vm, uint32_t la, uint32_t size, uint32_t kind,
                                struct pieces *pc)
{
    uint32_t room = 0x1000 - (la & 0xfff);
    enum trap_code t = tlb_translate(vm, la, kind, size, &pc->pa[0]);
    if (t != T_NONE)
        return t;
    pc->len[0] = size < room ? size : room;
    pc->len[1] = size - pc->len[0];
    if (pc->len[1]) {
        vm->s.tlb_extra++;
        t = tlb_translate(vm, la + room, kind, size, &pc->pa[1]);
    }
    return t;
}

/* Not 16 bytes: processors check these only where they must be aligned anyway. */
static bool misaligned(const struct vm *vm, uint32_t la, uint32_t size, uint32_t kind)
{
    return vm->s.align_check && kind != ACC_EXEC && size <= 8 && (la & (size - 1));
}

/* Reads the bytes with what is gated over them. */
static uint32_t gather(struct vm *vm, const struct pieces *pc)
{
    uint8_t bytes[8] = {0};
    uint32_t v;
    bool fwd = false;
    memcpy(bytes, vm->mem + pc->pa[0], pc->len[0]);
    if (pc->len[1])
        memcpy(bytes + pc->len[0], vm->mem + pc->pa[1], pc->len[1]);
    if (vm->s.sb_n && !(vm->broken & BREAK_FORWARD)) {
        fwd = sb_forward(vm, pc->pa[0], bytes, pc->len[0]);
        if (pc->len[1])
            fwd |= sb_forward(vm, pc->pa[1], bytes + pc->len[0], pc->len[1]);
    }
    vm->s.st.sb_forwards += fwd;
    memcpy(&v, bytes, 4);
    return v;
}

static void touch(struct vm *vm, const struct pieces *pc, bool write, unsigned owner)
{
    vm->ready = cache_data(vm, pc->pa[0], pc->len[0], write, owner);
    if (pc->len[1]) {
        uint64_t second = cache_data(vm, pc->pa[1], pc->len[1], write, owner);
        if (second > vm->ready)
            vm->ready = second;
    }
}

enum trap_code mem_load(struct vm *vm, uint32_t la, uint32_t size, uint32_t kind)
{
    struct pieces pc;
    if (misaligned(vm, la, size, kind) || (kind == ACC_EXEC && (la & 0xfff) + size > 0x1000))
        return fail(vm, T_ALIGN, la, kind | size);
    enum trap_code t = translate(vm, la, size, kind, &pc);
    if (t != T_NONE)
        return t;
    vm->val = gather(vm, &pc);
    if (!pc.len[1])
        tlb_fast_fill(vm, la, kind == ACC_EXEC ? FT_X : FT_R);
    touch(vm, &pc, false, OWN_GUEST);
    return T_NONE;
}

/*
 * Wide accesses: translated and checked as one, in the caches as pieces of 8 bytes, or of 4 where
 * they are not 8-aligned.
 */
static enum trap_code check_wide_address(struct vm *vm, uint32_t la, uint32_t size, uint32_t kind,
                                         bool aligned)
{
    if (aligned && (la & 15))
        return fail(vm, T_ALIGN, la, ALIGN_WIDE);
    return misaligned(vm, la, size, kind) ? fail(vm, T_ALIGN, la, kind | size) : T_NONE;
}

static void touch_wide(struct vm *vm, const struct pieces *pc, uint32_t la, bool write)
{
    uint32_t size = pc->len[0] + pc->len[1], step = la & 7 ? 4 : 8, at = 0, looks = 0;
    uint64_t ready = 0;
    while (at < size) {
        uint32_t second = at >= pc->len[0], from = second ? at - pc->len[0] : at;
        uint32_t n = step - at % step, left = pc->len[second] - from;
        n = n < left ? n : left;
        uint64_t when = cache_data(vm, pc->pa[second] + from, n, write, OWN_GUEST);
        ready = when > ready ? when : ready;
        at += n;
        looks++;
    }
    vm->ready = ready;
    vm->s.l1d_extra += looks - 1;
}

enum trap_code mem_wide_load(struct vm *vm, uint32_t la, uint32_t size, bool aligned)
{
    struct pieces pc;
    uint8_t *bytes = (uint8_t *)vm->wide_val;
    bool fwd = false;
    enum trap_code t = check_wide_address(vm, la, size, ACC_READ, aligned);
    if (t != T_NONE || (t = translate(vm, la, size, ACC_READ, &pc)) != T_NONE)
        return t;
    for (unsigned k = 0; k < 2; k++) {
        uint8_t *to = bytes + (k ? pc.len[0] : 0);
        memcpy(to, vm->mem + pc.pa[k], pc.len[k]);
        if (pc.len[k] && vm->s.sb_n && !(vm->broken & BREAK_FORWARD))
            fwd |= sb_forward(vm, pc.pa[k], to, pc.len[k]);
        if (!pc.len[1])
            break;
    }
    vm->s.st.sb_forwards += fwd;
    if (!pc.len[1])
        tlb_fast_fill(vm, la, FT_R);
    touch_wide(vm, &pc, la, false);
    return T_NONE;
}

static bool overlaps(uint32_t a, uint32_t an, uint32_t b, uint32_t bn)
{
    return an && bn && a < b + bn && b < a + an;
}

/* The lowest entry of the mask that the bytes overlap, or -1. */
static int alias_hit(const struct vm *vm, const struct pieces *pc, uint32_t mask)
{
    for (uint32_t m = mask & vm->s.alias_valid; m; m &= m - 1) {
        int i = __builtin_ctz(m);
        const struct pieces *a = &vm->s.alias[i];
        for (unsigned k = 0; k < 4; k++)
            if (overlaps(pc->pa[k & 1], pc->len[k & 1], a->pa[k >> 1], a->len[k >> 1]))
                return i;
    }
    return -1;
}

/* Everything about a store that can trap but its alignment. */
static enum trap_code check_access(struct vm *vm, uint32_t la, uint32_t size, uint32_t alias_mask,
                                   struct pieces *pc)
{
    enum trap_code t = translate(vm, la, size, ACC_WRITE, pc);
    if (t != T_NONE)
        return t;
    for (unsigned k = 0; k < 2 && !(vm->broken & BREAK_TBITS); k++) {
        uint32_t bits = pc->len[k] ? vm->a.tbits[pc->pa[k] >> 12] : 0;
        if (!bits)
            continue;
        for (uint32_t i = 0; i < pc->len[k]; i++)
            if (bits >> ((pc->pa[k] + i) / TBIT_CHUNK % TBIT_CHUNKS) & 1)
                return fail(vm, T_TBIT, la + (k ? pc->len[0] : 0) + i, pc->pa[k] + i);
    }
    int hit = vm->broken & BREAK_ALIAS ? -1 : alias_hit(vm, pc, alias_mask);
    if (hit >= 0)
        return fail(vm, T_ALIAS, la, (uint32_t)hit);
    if (vm->s.sb_n + sb_need(vm, pc) > vm->m.sb_entries)
        return fail(vm, T_SB_FULL, la, ACC_WRITE | size);
    return T_NONE;
}

static enum trap_code check_store(struct vm *vm, uint32_t la, uint32_t size, uint32_t alias_mask,
                                  struct pieces *pc)
{
    if (misaligned(vm, la, size, ACC_WRITE))
        return fail(vm, T_ALIGN, la, ACC_WRITE | size);
    return check_access(vm, la, size, alias_mask, pc);
}

enum trap_code mem_check_store(struct vm *vm, uint32_t la, uint32_t size, uint32_t alias_mask)
{
    struct pieces pc;
    return check_store(vm, la, size, alias_mask, &pc);
}

enum trap_code mem_check_wide(struct vm *vm, uint32_t la, uint32_t size, bool aligned)
{
    struct pieces pc;
    enum trap_code t = check_wide_address(vm, la, size, ACC_WRITE, aligned);
    return t != T_NONE ? t : check_access(vm, la, size, 0, &pc);
}

enum trap_code mem_wide_store(struct vm *vm, uint32_t la, const uint8_t *from, uint32_t size,
                              bool aligned)
{
    struct pieces pc;
    enum trap_code t = check_wide_address(vm, la, size, ACC_WRITE, aligned);
    if (t != T_NONE || (t = check_access(vm, la, size, 0, &pc)) != T_NONE)
        return t;
    for (unsigned k = 0; k < 2; k++)
        for (uint32_t done = 0; done < pc.len[k]; done += 8, from += 8) {
            uint32_t n = pc.len[k] - done < 8 ? pc.len[k] - done : 8;
            uint64_t val = 0;
            memcpy(&val, from, n);
            sb_put(vm, pc.pa[k] + done, val, n);
            from -= 8 - n;
        }
    if (!pc.len[1])
        tlb_fast_fill(vm, la, FT_W);
    vm->s.st.sb_stores++;
    touch_wide(vm, &pc, la, true);
    return T_NONE;
}

enum trap_code mem_store(struct vm *vm, uint32_t la, uint32_t val, uint32_t size,
                         uint32_t alias_mask)
{
    struct pieces pc;
    enum trap_code t = check_store(vm, la, size, alias_mask, &pc);
    if (t != T_NONE)
        return t;
    sb_put(vm, pc.pa[0], val, pc.len[0]);
    if (pc.len[1])
        sb_put(vm, pc.pa[1], val >> 8 * pc.len[0], pc.len[1]);
    else
        tlb_fast_fill(vm, la, FT_W);
    vm->s.st.sb_stores++;
    touch(vm, &pc, true, OWN_GUEST);
    return T_NONE;
}

static void ready_hit(struct vm *vm)
{
    vm->ready = (vm->s.pipe << 2) + vm->ready_load;
}

/*
 * Would the access succeed? A TLB miss is walked like any other; if the walker raises a fault, the
 * bundle runs again and the probe answers with it.
 */
enum trap_code mem_probe(struct vm *vm, uint32_t la, uint32_t len, uint32_t kind, uint32_t pc)
{
    uint32_t at = la, end = la + (len ? len - 1 : 0), pa;
    ready_hit(vm);
    if (vm->s.probe_code && vm->s.probe_pc == pc) {
        vm->val = 1 + vm->s.probe_code;
        vm->s.probe_code = 0;
        return T_NONE;
    }
    for (;; at = (at & 0xfffff000u) + 0x1000) {
        vm->s.tlb_extra++;
        enum trap_code t = tlb_translate(vm, at, kind, len < ACC_SIZE ? len : ACC_SIZE, &pa);
        if (t == T_TLB_MISS) {
            vm->s.probing = 1;
            return t;
        }
        if (t == T_NONE && kind == ACC_WRITE && vm->a.tbits[pa >> 12] &&
            !(vm->broken & BREAK_TBITS)) {
            uint32_t last = at >> 12 == end >> 12 ? end & 0xfff : 0xfff;
            for (uint32_t c = (at & 0xfff) / TBIT_CHUNK; c <= last / TBIT_CHUNK; c++)
                if (vm->a.tbits[pa >> 12] >> c & 1)
                    t = T_TBIT;
        }
        if (t != T_NONE) {
            vm->val = 1 + (uint32_t)t;
            return T_NONE;
        }
        if (at >> 12 == end >> 12)
            break;
    }
    vm->val = 0;
    return T_NONE;
}

enum trap_code mem_gpa(struct vm *vm, uint32_t la)
{
    vm->s.tlb_extra++;
    ready_hit(vm);
    return tlb_translate(vm, la, ACC_EXEC, 1, &vm->val);
}

/* The load itself has succeeded. */
enum trap_code mem_record(struct vm *vm, uint32_t la, uint32_t entry)
{
    struct pieces pc;
    enum trap_code t = translate(vm, la, 4, ACC_READ, &pc);
    if (t == T_NONE && entry < vm->m.alias_entries) {
        vm->s.alias[entry] = pc;
        vm->s.alias_valid |= 1u << entry;
    }
    return t;
}

enum trap_code mem_xchk(struct vm *vm, uint32_t la, uint32_t frame)
{
    uint32_t pa;
    vm->s.tlb_extra++;
    enum trap_code t = tlb_translate(vm, la, ACC_EXEC, 1, &pa);
    if (t == T_TLB_MISS)
        return t;
    if (t == T_NONE && (pa >> 12 == frame || (vm->broken & BREAK_XCHK)))
        return T_NONE;
    return fail(vm, T_XCHK, la, frame);
}

/* ---- native ---- */

enum trap_code mem_check_native(struct vm *vm, uint32_t pa, uint32_t size)
{
    if (pa > vm->mem_size - size)
        return fail(vm, T_MACHINE_CHECK, pa, MC_NATIVE_ADDRESS);
    return T_NONE;
}

static unsigned native_owner(const struct vm *vm)
{
    return vm->region == REGION_CMS ? OWN_CMS : OWN_GUEST;
}

enum trap_code mem_native_load(struct vm *vm, uint32_t pa, uint32_t size)
{
    enum trap_code t = mem_check_native(vm, pa, size);
    if (t != T_NONE)
        return t;
    vm->val = 0;
    memcpy(&vm->val, vm->mem + pa, size);
    vm->ready = cache_data(vm, pa, size, false, native_owner(vm));
    return T_NONE;
}

enum trap_code mem_native_store(struct vm *vm, uint32_t pa, uint32_t val, uint32_t size)
{
    enum trap_code t = mem_check_native(vm, pa, size);
    if (t != T_NONE)
        return t;
    memcpy(vm->mem + pa, &val, size);
    cache_data(vm, pa, size, true, native_owner(vm));
    return T_NONE;
}

enum trap_code mem_count(struct vm *vm, uint32_t pa, bool check_only)
{
    enum trap_code t = mem_check_native(vm, pa, 4);
    if (t != T_NONE)
        return t;
    memcpy(&vm->val, vm->mem + pa, 4);
    if (--vm->val == 0)
        return fail(vm, T_COUNT, pa, 0);
    if (check_only)
        return T_NONE;
    memcpy(vm->mem + pa, &vm->val, 4);
    vm->ready = cache_data(vm, pa, 4, true, native_owner(vm));
    return T_NONE;
}

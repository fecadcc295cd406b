/* SPDX-License-Identifier: MIT */
/* Special registers, as mfs and mts see them. Writes to read-only registers and unknown numbers do
 * nothing and read 0. */
#include "vliw-model/state.h"

static uint32_t take_bus_hit(struct vm *vm)
{
    struct vm_state *s = &vm->s;
    if (!s->bus_hits)
        return 0xffffffffu;
    while (!vm->a.bus_bits[s->bus_lo])
        s->bus_lo++;
    uint32_t chunk = (uint32_t)__builtin_ctz(vm->a.bus_bits[s->bus_lo]);
    vm->a.bus_bits[s->bus_lo] &= vm->a.bus_bits[s->bus_lo] - 1;
    s->bus_hits--;
    acct_limits(vm);
    return s->bus_lo << 12 | chunk * TBIT_CHUNK;
}

uint32_t special_read(struct vm *vm, uint32_t n)
{
    struct vm_state *s = &vm->s;
    switch (n) {
    case SR_TRAP_CODE: return s->trap.code;
    case SR_TRAP_INFO: return s->trap.info;
    case SR_TRAP_ADDR: return s->trap.addr;
    case SR_TRAP_PC: return s->trap.pc;
    case SR_COMMIT_PC: return s->commit_pc;
    case SR_COMMIT_DIR: return s->commit_dir;
    case SR_VEC_RESTART: return s->vec_restart;
    case SR_VEC_ROLLBACK: return s->vec_rollback;
    case SR_STACK: return s->stack;
    case SR_STACK2: return s->stack2;
    case SR_MODE: return s->mode;
    case SR_CYCLES: return (uint32_t)vm_now(vm);
    case SR_CYCLES_HI: return (uint32_t)(vm_now(vm) >> 32);
    case SR_RETIRED: return (uint32_t)s->retired;
    case SR_RETIRED_HI: return (uint32_t)(s->retired >> 32);
    case SR_DEADLINE: return (uint32_t)s->deadline;
    case SR_DEADLINE_HI: return (uint32_t)(s->deadline >> 32);
    case SR_CYCLE_DEADLINE: return (uint32_t)s->cycle_deadline;
    case SR_CYCLE_DEADLINE_HI: return (uint32_t)(s->cycle_deadline >> 32);
    case SR_CLOCK: return (uint32_t)vm_clock(vm);
    case SR_CLOCK_HI: return (uint32_t)(vm_clock(vm) >> 32);
    case SR_BUSQ: return take_bus_hit(vm);
    case SR_MEM_SIZE: return vm->mem_size;
    case SR_CONCEALED: return vm->concealed;
    case SR_XCACHE_LO: return s->xcache_lo;
    case SR_XCACHE_HI: return s->xcache_hi;
    case SR_XCACHE_HOT: return s->xcache_hot;
    case SR_ALIGN_CHECK: return s->align_check;
    default: return n >= SR_FP_FIRST && n <= SR_FP_LAST ? s->fpsr[n - SR_FP_FIRST] : 0;
    }
}

static void put_lo(uint64_t *q, uint32_t v)
{
    *q = (*q & ~0xffffffffull) | v;
}

static void put_hi(uint64_t *q, uint32_t v)
{
    *q = (*q & 0xffffffffull) | (uint64_t)v << 32;
}

void special_write(struct vm *vm, uint32_t n, uint32_t v)
{
    struct vm_state *s = &vm->s;
    switch (n) {
    case SR_VEC_RESTART: s->vec_restart = v; break;
    case SR_VEC_ROLLBACK: s->vec_rollback = v; break;
    case SR_STACK: s->stack = v; break;
    case SR_STACK2: s->stack2 = v; break;
    case SR_MODE:
        s->mode = v;
        vm->misc_dirty = 1;
        break;
    case SR_DEADLINE: put_lo(&s->deadline, v); break;
    case SR_DEADLINE_HI: put_hi(&s->deadline, v); break;
    case SR_CYCLE_DEADLINE:
        put_lo(&s->cycle_deadline, v);
        acct_limits(vm);
        break;
    case SR_CYCLE_DEADLINE_HI:
        put_hi(&s->cycle_deadline, v);
        acct_limits(vm);
        break;
    case SR_XCACHE_LO:
    case SR_XCACHE_HI:
    case SR_XCACHE_HOT:
        *(n == SR_XCACHE_LO   ? &s->xcache_lo
          : n == SR_XCACHE_HI ? &s->xcache_hi
                              : &s->xcache_hot) = v;
        vm->drop_code = true; /* predecoded bundles know their region */
        vm->stop_at = 0;
        break;
    case SR_ALIGN_CHECK:
        s->align_check = v & 1;
        vm->misc_dirty = 1;
        break;
    default:
        if (n >= SR_FP_FIRST && n <= SR_FP_LAST) {
            s->fpsr[n - SR_FP_FIRST] = v;
            vm->misc_dirty = 1;
        }
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * The machine from inside. Three kinds of data, never mixed:
 *
 *   struct vm_state   fixed-size state, plain data without host pointers
 *   struct vm_arrays  state whose size the machine file gives (cache tags, TLB, T-bits, ...):
 *                     plain arrays
 *   the rest of vm    derived: dropped and rebuilt at will, never affects a result
 *
 * Time. Two clocks: `pipe` counts pipeline cycles and is the time at which the next bundle may
 * issue; `stall` counts cycles in which the pipeline clock stood still (misses with mem.stall =
 * miss). The machine's cycles are their sum. Ready times of registers are in pipeline cycles, so
 * that a stall shifts results in flight for free. While a bundle executes, `pipe` is its issue time
 * + 1.
 *
 * The scoreboard. A bundle waits for every register it names, as source or as destination;
 * therefore ops of latency 1 never touch the scoreboard. `pending` has a bit for each register that
 * was given a ready time later than its next bundle and may still be in flight; bit 0 is the
 * condition codes (r0 is never named). ready[] holds time * 4 + class.
 */
#ifndef VLIW_MODEL_STATE_H
#define VLIW_MODEL_STATE_H

#include "vliw-model/vm.h"
#include "vliw-model/cc.h"
#include "vliw-model/test_break.h"

/* Register numbers above the architecture's: what is written to r0, and a bundle's temporaries. */
enum { R_DUMP = NGPR, R_TEMP = NGPR + 1, NREGS = NGPR + 32 };
/* Wide registers, and a bundle's temporaries behind them. */
enum { NWIDES = NWIDE + MAX_BUNDLE_OPS };

/* Class of a ready time: which cause a wait for it belongs to. */
enum { RC_LOAD, RC_OP, RC_DL1, RC_DL2 };

/* Whose cache line: software above the wall in its own right, or the guest. */
enum { OWN_CMS, OWN_GUEST };

/* Where a PC lies. */
enum { REGION_CMS, REGION_COLD, REGION_HOT };

enum { SB_MAX = 256, ALIAS_MAX = 32, MSHR_MAX = 32, RAS_MAX = 64 };

struct sb_entry {
    uint64_t data, mask; /* data only where mask has ones */
    uint32_t pa;         /* of the 8 aligned bytes */
    uint32_t pad_;
};

/* Bytes of up to two pages. */
struct pieces {
    uint32_t pa[2];
    uint32_t len[2]; /* len[1] is 0 unless the access crosses a page */
};

struct mshr {
    uint64_t fill; /* pipeline time at which the line has come */
    uint32_t line;
    uint32_t cls;
};

struct trap_record {
    uint32_t code, info, addr, pc;
};

/* A handler of a restartable trap is running, or (host-run CMS) the trap was reported by vm_exec1.
 */
enum { HANDLER_NONE, HANDLER_HARD, HANDLER_SOFT };

struct vm_state {
    uint32_t r[NREGS] __attribute__((aligned(64)));
    uint32_t shadow[NGPR] __attribute__((aligned(64)));
    struct ccs cc, cc_shadow;
    uint64_t ready[NGPR + 1];
    uint64_t wide_ready[NWIDE]; /* pipeline time; wide registers wait when the op executes */
    uint64_t pending;
    uint64_t pipe, stall;
    uint64_t retired, deadline, cycle_deadline;
    uint32_t pc, cur_line;
    uint32_t commit_pc, commit_dir;
    uint32_t mode, mode_shadow, align_check, align_shadow;
    uint32_t phase_reg;
    uint32_t vec_restart, vec_rollback, stack, stack2;
    uint32_t xcache_lo, xcache_hi, xcache_hot;
    struct trap_record trap;
    uint32_t event; /* an EVENT trap is due before the next bundle */

    /* restartable traps */
    uint32_t handler; /* HANDLER_* */
    uint32_t bank[32];
    struct ccs bank_cc;
    uint32_t bank_pc, bank_phase;
    struct trap_record bank_trap; /* the record of the last rollback trap */
    uint32_t probing;             /* the access that missed is a probe */
    uint32_t probe_code,
        probe_pc; /* raised for a probe: its result when the bundle runs again; 0: none */

    uint32_t sb_n, alias_valid;
    uint64_t sb_filter;
    struct sb_entry sb[SB_MAX];
    struct pieces alias[ALIAS_MAX];

    uint64_t jtlb_fills;
    uint64_t tlb_extra, l1d_extra; /* look-ups beyond one for each load and store issued */
    uint32_t mshr_n, ras_n, ras_top;
    uint32_t ghist[2];
    struct mshr mshr[MSHR_MAX];
    uint32_t ras[RAS_MAX];
    uint64_t rng;
    uint32_t bus_hits, bus_lo; /* chunks queued; no frame below bus_lo has one */
    uint64_t cycles_at_reset, retired_at_reset;
    uint64_t ops_uncommitted; /* ops since the last commit, brought up to date by vm_stats */
    uint32_t halted, halt_status;

    uint32_t fpsr[NFPSR], fpsr_shadow[NFPSR]; /* FCW .. MXCSR */
    uint8_t wide[NWIDES][16] __attribute__((aligned(16)));
    uint8_t wide_shadow[NWIDE][16];
    struct vm_stats st;
};

/* A cache. Lines of a set are adjacent. stamp[0] is a dummy: line i has stamp[i + 1]. */
struct cache {
    uint32_t sets, ways, line_shift, level;
    uint32_t *tag; /* line number, NO_LINE if empty */
    uint64_t *stamp;
    uint8_t *flag; /* LINE_* */
    /* derived */
    uint64_t stamp_mask; /* all ones: a hit renews the stamp (lru); 0: it does not */
    uint32_t *guess;     /* by line number: where it was found last */
};
enum { NO_LINE = 0xffffffffu, LINE_DIRTY = 1, LINE_GUEST = 2, GUESS_N = 2048 };

struct tlb_entry {
    uint32_t vpn, word; /* word 0: empty */
};

struct jtlb_entry {
    uint32_t eip, mode, target, valid;
    uint64_t stamp;
};

/* Fast TLB: proves that an access needs nothing but its bytes and the caches. */
struct fast_tlb {
    uint32_t tag;   /* linear page address, FT_NONE if empty */
    uint32_t index; /* of the TLB entry, for its stamp */
    uint8_t *add;   /* host address - linear address */
};
enum { FT_NONE = 0xfff, FT_N = 256, FT_R = 0, FT_W = 1, FT_X = 2 };

struct vm_arrays {
    struct cache l1i, l1d, l2;
    struct tlb_entry *tlb;
    uint64_t *tlb_stamp;
    struct jtlb_entry *jtlb;
    uint8_t *pht[2];
    uint32_t *tbits, *bus_bits; /* one word a guest frame */
};

struct head;
struct pop;

struct vm {
    struct vm_state s;
    struct vm_arrays a;

    uint8_t *mem;
    uint32_t mem_size, concealed;
    struct mdesc m;
    struct vm_platform plat;

    /* derived, hot */
    uint64_t stop_at;  /* pipeline time at which the engine looks up from its work */
    uint64_t event_at; /* pipeline time at which a commit in a translation traps EVENT */
    uint64_t filter; /* chunks (address bits 3..8) whose loads and stores must take the long way */
    uint64_t *row;   /* st.phase_cause of the current phase */
    uint64_t acc, acc2;            /* packed counters of bundles issued, see engine.h */
    uint64_t acc_mark, waste_base; /* ops since the last commit */
    uint64_t ready_load;           /* (latency - 1) * 4 + class, added to pipe * 4 */
    uint32_t region, phase;        /* of the PC; in effect */
    uint8_t *pht_now;
    uint32_t *hist_now;
    uint32_t pht_mask, hist_mask;
    uint32_t shadow_lo;
    uint32_t misc_dirty; /* something shadowed beside registers and CC may differ from its shadow */
    struct fast_tlb ft[3][FT_N];

    /* results of the long ways */
    struct trap_record fault; /* address and information of the trap about to be taken */
    uint64_t last_ops;        /* of the bundle that traps */
    uint32_t val;             /* loaded */
    uint64_t wide_val[2];     /* the same, by mem_wide_load */
    uint64_t ready;           /* of what was loaded */

    /* limits and costs worked out */
    uint64_t limit; /* of vm_run, cycles */
    uint32_t stop_request;
    uint32_t mem_cycles, tlb_sets;
    unsigned broken;
    const char *defect;
    enum trap_code trapped; /* by which vm_exec1 ended */
    bool single;

    /* predecoded bundles */
    struct pop *arena;
    uint32_t arena_n;
    uint32_t *code_index; /* by word of concealed memory: index into arena, 0: none */
    bool drop_code;
    uint32_t code_generation; /* counts drops: heads from before are void */
    void *exec1_cache;
};

/* mem.c: the long ways. Each returns T_NONE or a trap whose address and information are in
 * vm->fault. */
enum trap_code mem_load(struct vm *vm, uint32_t la, uint32_t size, uint32_t kind);
enum trap_code mem_store(struct vm *vm, uint32_t la, uint32_t val, uint32_t size,
                         uint32_t alias_mask);
enum trap_code mem_check_store(struct vm *vm, uint32_t la, uint32_t size, uint32_t alias_mask);
/* 8 or 16 bytes; `aligned`: the address must be, to 16. */
enum trap_code mem_wide_load(struct vm *vm, uint32_t la, uint32_t size, bool aligned);
enum trap_code mem_wide_store(struct vm *vm, uint32_t la, const uint8_t *from, uint32_t size,
                              bool aligned);
enum trap_code mem_check_wide(struct vm *vm, uint32_t la, uint32_t size, bool aligned);
enum trap_code mem_probe(struct vm *vm, uint32_t la, uint32_t len, uint32_t kind, uint32_t pc);
enum trap_code mem_gpa(struct vm *vm, uint32_t la);
enum trap_code mem_record(struct vm *vm, uint32_t la, uint32_t entry);
enum trap_code mem_xchk(struct vm *vm, uint32_t la, uint32_t frame);
enum trap_code mem_count(struct vm *vm, uint32_t pa, bool check_only);
enum trap_code mem_native_load(struct vm *vm, uint32_t pa, uint32_t size);
enum trap_code mem_native_store(struct vm *vm, uint32_t pa, uint32_t val, uint32_t size);
enum trap_code mem_check_native(struct vm *vm, uint32_t pa, uint32_t size);

/* storebuf.c */
void sb_put(struct vm *vm, uint32_t pa, uint64_t val, uint32_t size);
uint32_t sb_need(const struct vm *vm, const struct pieces *pc);
bool sb_forward(struct vm *vm, uint32_t pa, uint8_t *bytes, uint32_t len);
void sb_release(struct vm *vm);
void sb_drop(struct vm *vm);
void sb_refilter(struct vm *vm);

/* tlb.c */
enum trap_code tlb_translate(struct vm *vm, uint32_t la, uint32_t kind, uint32_t size,
                             uint32_t *pa);
void tlb_write(struct vm *vm, uint32_t la, uint32_t word);
void tlb_inv(struct vm *vm, uint32_t la, bool all);
void tlb_fast_reset(struct vm *vm);
void tlb_fast_fill(struct vm *vm, uint32_t la, unsigned table);
void tbits_set(struct vm *vm, uint32_t pa, uint32_t mask);
void tbits_clear(struct vm *vm, uint32_t pa, uint32_t mask);

/* jtlb.c: 0 if nothing is filed. */
uint32_t jtlb_lookup(struct vm *vm, uint32_t eip);
void jtlb_write(struct vm *vm, uint32_t eip, uint32_t target);
void jtlb_inv(struct vm *vm, uint32_t eip, bool all);

/* cache.c: timing only; may add to pipe, stall and the cycle stack. A data load returns its ready
 * word. */
void cache_fetch(struct vm *vm, uint32_t line);
uint64_t cache_data(struct vm *vm, uint32_t pa, uint32_t len, bool write, unsigned owner);
void cache_drop_code(struct vm *vm, uint32_t lo, uint32_t hi);
void cache_reset(struct vm *vm);
void mshr_retire(struct vm *vm);

/* branch.c: conditional branch resolved; returns nothing, charges. */
void branch_slow(struct vm *vm, bool backward, bool taken);
void ras_push(struct vm *vm, uint32_t pc);
bool ras_pop(struct vm *vm, uint32_t pc);

/* trap.c: PC, registers and phase afterwards are those of the handler. */
void trap_restart(struct vm *vm, enum trap_code t, uint32_t pc);
void trap_rollback(struct vm *vm, enum trap_code t, uint32_t pc);
void trap_take(struct vm *vm, enum trap_code t, uint32_t pc);
void trap_rfe(struct vm *vm);
void trap_raise(struct vm *vm, uint32_t info, uint32_t code);
void trap_drain(struct vm *vm);
enum trap_code trap_check_hostcall(struct vm *vm);
void commit_misc(struct vm *vm);
bool commit_slow(struct vm *vm, uint32_t pc, uint32_t retired);
enum trap_kind trap_kind_of(enum trap_code t);

/* special.c */
uint32_t special_read(struct vm *vm, uint32_t n);
void special_write(struct vm *vm, uint32_t n, uint32_t v);

/* account.c */
void acct_flush(struct vm *vm);
void acct_phase(struct vm *vm); /* after a change of phase register or region */
void acct_stall(struct vm *vm, uint64_t n, enum cause c); /* the pipeline clock stands still */
void acct_wait(struct vm *vm, uint64_t n, enum cause c);  /* it runs on */
void acct_limits(struct vm *vm);                          /* works out stop_at and event_at */
unsigned region_of(const struct vm *vm, uint32_t pc);

/* predecode.c */
struct head *code_at(struct vm *vm, uint32_t pc);
struct head *code_renew(struct vm *vm, struct head *h);
struct head *code_exec1(struct vm *vm, const struct vop *op, bool commit, uint32_t retired);
void code_isync(struct vm *vm, uint32_t lo, uint32_t len);
void code_drop_all(struct vm *vm);
bool code_init(struct vm *vm);
void code_free(struct vm *vm);

/* engine.c */
enum vm_stop engine_run(struct vm *vm, struct head *start);
void engine_isync(struct vm *vm, uint32_t lo, uint32_t len);

static inline uint64_t vm_now(const struct vm *vm)
{
    return vm->s.pipe + vm->s.stall;
}

#endif
